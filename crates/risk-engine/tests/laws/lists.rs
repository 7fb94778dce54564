//! Lists: what failed and what was planned, who is to be assisted, classes, duties, candidates, measures;
//! whatever order it is read in.

use crate::desk::{Desk, START, result};
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::case_act::{CaseAct, Measure, MeasureKind};
use risk_domain::case_action::CaseAction;
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{
    ActorId, CommandId, EnterpriseId, InspectionId, ItemCode, ProductCode, SignalId,
};
use risk_domain::inspection::{InspectionResult, Outcome as Finding, TestKind};
use risk_domain::problem::{Problem, ProblemAction, RectificationPlan};
use risk_domain::scales::{CreditRiskClass, Role};
use risk_domain::selection::SelectionMode;
use risk_domain::signal::{Duty, DutyRecord, Signal, SignalKind};
use risk_domain::time::{CivilOffset, DAY_MILLIS, Day, Timestamp};
use risk_engine::lists::{
    Assisted, AssistedReason, Criterion, DutyStep, ListedProblems, Lists, ListsScope, ProblemRow,
    ProblemStanding, candidates, corrective_actions,
};
use risk_engine::{
    Burdens, EngineRejection, ListedProblem, Outcome, Policy, ProblemRefusal, ProblemRule,
    ProblemState,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const OFFSET_MINUTES: i32 = 480;

fn offset() -> CivilOffset {
    CivilOffset::from_minutes(OFFSET_MINUTES).unwrap()
}

fn policy() -> &'static Policy {
    static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::builtin().unwrap());
    &POLICY
}

/// A day after the first of 2025.
fn day(days: i32) -> Day {
    Day::from_ymd(2025, 1, 1).unwrap().plus(days)
}

fn at(days: i64, minute: i64) -> Timestamp {
    Timestamp::from_millis(START + days * DAY_MILLIS + minute * 60_000)
}

fn enterprise(number: u32) -> EnterpriseId {
    EnterpriseId::new(format!("E{number}")).unwrap()
}

fn signal(id: u32, kind: SignalKind, of: u32, days: i64) -> Signal {
    Signal {
        signal_id: SignalId::new(format!("S{id:03}")).unwrap(),
        kind,
        observed_at: at(days, i64::from(id)),
        occurred_at: None,
        enterprise_id: enterprise(of),
        site_id: None,
        zone_id: None,
        product: None,
        hazard: None,
        severity: None,
        source: CompactString::const_new("12315"),
        summary: None,
        verdict: None,
        credit_class: None,
        reporter: None,
        duty: None,
    }
}

fn command(id: &str, actor: &str, role: Role, days: i64, action: ProblemAction) -> Command {
    Command {
        command_id: CommandId::new(id).unwrap(),
        decided_at: at(days, 0),
        actor: Actor {
            id: ActorId::new(actor).unwrap(),
            role,
        },
        reason: "帮扶走访".into(),
        order: Order::Problem {
            enterprise: enterprise(1),
            action,
        },
    }
}

fn problem() -> Problem {
    Problem {
        text: "小零件易脱落".into(),
        clause: Some("GB 6675.2 4.4".into()),
        product: ProductCode::new("P0").ok(),
        item: ItemCode::new("small-parts").ok(),
    }
}

fn list_problem() -> ProblemAction {
    ProblemAction::List { problem: problem() }
}

fn measures(due: Day) -> RectificationPlan {
    RectificationPlan {
        cause: "胶水固化不足".into(),
        measure: "更换胶水，逐批拉力试验".into(),
        owner: "质量安全总监".into(),
        due,
    }
}

fn plan(of: &str, due: Day) -> ProblemAction {
    ProblemAction::Plan {
        of: CommandId::new(of).unwrap(),
        plan: measures(due),
    }
}

fn verify(of: &str) -> ProblemAction {
    ProblemAction::Verify {
        of: CommandId::new(of).unwrap(),
    }
}

fn rule(outcome: &Outcome) -> Option<(ProblemRule, Option<ProblemState>)> {
    match outcome {
        Outcome::Rejected(EngineRejection::Problem(ProblemRefusal { rule, state })) => {
            Some((*rule, *state))
        }
        Outcome::Accepted(_) | Outcome::Duplicate | Outcome::Rejected(_) => None,
    }
}

#[test]
fn a_problem_is_planned_and_verified_by_two_persons_and_all_else_is_refused_with_rule_and_state() {
    let mut desk = Desk::new(1);
    let officer =
        |id: &str, actor: &str, days, action| command(id, actor, Role::Officer, days, action);
    let unknown = desk.decide(&officer("K0", "A", 2, verify("K1")));
    assert_eq!(rule(&unknown), Some((ProblemRule::UnknownProblem, None)));
    let viewer = desk.decide(&command("K0", "V", Role::Viewer, 2, list_problem()));
    assert_eq!(rule(&viewer), Some((ProblemRule::RoleMayNot, None)));
    let listed = officer("K1", "A", 3, list_problem());
    assert!(matches!(desk.decide(&listed), Outcome::Accepted(_)));
    assert_eq!(desk.decide(&listed), Outcome::Duplicate);
    let hash = desk.engine.state_hash();
    let refused = [
        (verify("K1"), "A", 4, ProblemRule::NoSuchStep),
        (plan("K1", day(2)), "A", 4, ProblemRule::DueBeforeDecision),
        (plan("K1", day(40)), "A", 2, ProblemRule::NotListedYet),
    ];
    for (action, actor, days, broken) in refused {
        let outcome = desk.decide(&officer("K9", actor, days, action));
        assert_eq!(rule(&outcome).map(|(rule, _)| rule), Some(broken));
    }
    assert_eq!(desk.engine.state_hash(), hash, "a refusal changes nothing");
    assert!(matches!(
        desk.decide(&officer("K2", "A", 5, plan("K1", day(40)))),
        Outcome::Accepted(_)
    ));
    let same = desk.decide(&officer("K3", "A", 6, verify("K1")));
    let planned = Some(ProblemState::Planned);
    assert_eq!(rule(&same), Some((ProblemRule::SamePerson, planned)));
    assert!(matches!(
        desk.decide(&officer("K4", "B", 20, verify("K1"))),
        Outcome::Accepted(_)
    ));
    // It would take the ground from under the verification.
    let withdraw = ProblemAction::Withdraw {
        of: CommandId::new("K1").unwrap(),
    };
    let late = desk.decide(&officer("K5", "A", 10, withdraw.clone()));
    let verified = Some(ProblemState::Verified);
    assert_eq!(rule(&late), Some((ProblemRule::Overtaken, verified)));
    let over = desk.decide(&officer("K5", "A", 21, withdraw));
    assert_eq!(rule(&over), Some((ProblemRule::NoSuchStep, verified)));
    let problem = desk.engine.problem(&CommandId::new("K1").unwrap()).unwrap();
    assert_eq!(problem.state, ProblemState::Verified);
    assert_eq!(problem.verified.unwrap().1.as_str(), "B");
    assert_eq!(desk.rebuilt(), desk.engine.state_hash());
}

fn assisted(lists: &Lists, on: Day) -> Vec<Assisted> {
    let policy = policy();
    let rules = (&policy.lists, &policy.alert.signals);
    let none = ListedProblems::default();
    let all = lists.enterprises(&none, None);
    all.filter_map(|one| lists.assisted(one, &none, on, rules, offset()))
        .collect()
}

fn rows(lists: &Lists, desk: &Desk, on: Day) -> Vec<ProblemRow> {
    problem_list(lists, desk.engine.problems(), on)
}

/// The whole problem list.
fn problem_list(
    lists: &Lists,
    listed: impl Iterator<Item = ListedProblem>,
    on: Day,
) -> Vec<ProblemRow> {
    let listed = ListedProblems::by(listed, on, offset());
    let of = |one| lists.problems_of(one, &listed, on, offset());
    lists.enterprises(&listed, None).flat_map(of).collect()
}

#[test]
fn what_failed_is_found_covered_by_what_was_listed_and_comes_again_after_its_verification() {
    let mut lists = Lists::default();
    let mut desk = Desk::new(1);
    lists.admit_result(7, &result(1, 1, 0, 2, true));
    lists.admit_result(8, &result(2, 1, 0, 3, false));
    let found = rows(&lists, &desk, day(9));
    assert_eq!(found.len(), 1, "what passed is no problem");
    assert_eq!(found[0].standing, ProblemStanding::Found);
    assert_eq!((found[0].failures, &found[0].entries[..]), (1, &[7][..]));
    let act = |desk: &mut Desk, id: &str, actor: &str, days, action| {
        let command = command(id, actor, Role::Officer, days, action);
        assert!(matches!(desk.decide(&command), Outcome::Accepted(_)));
    };
    act(&mut desk, "K1", "A", 10, list_problem());
    act(&mut desk, "K2", "A", 11, plan("K1", day(30)));
    lists.admit_result(9, &result(3, 1, 0, 12, true));
    let planned = rows(&lists, &desk, day(30));
    assert_eq!(planned.len(), 1, "one row for one matter: {planned:?}");
    assert_eq!(
        planned[0].standing,
        ProblemStanding::Planned,
        "the last day is his"
    );
    assert_eq!(planned[0].failures, 2);
    assert_eq!(planned[0].clause.as_deref(), Some("GB 6675.2 4.4"));
    let overdue = rows(&lists, &desk, day(31));
    assert_eq!(overdue[0].standing, ProblemStanding::Overdue);
    act(&mut desk, "K3", "B", 32, verify("K1"));
    assert_eq!(
        rows(&lists, &desk, day(33))[0].standing,
        ProblemStanding::Verified
    );
    lists.admit_result(10, &result(4, 1, 0, 60, true));
    let again = rows(&lists, &desk, day(61));
    let of = |standing| again.iter().find(|row| row.standing == standing);
    assert_eq!(of(ProblemStanding::Verified).unwrap().failures, 2);
    let recurs = of(ProblemStanding::Found).unwrap();
    assert!(recurs.recurs && recurs.entries == [10], "{recurs:?}");
    // A correction that says nothing failed takes it away.
    let mut corrected = result(5, 1, 0, 62, false);
    corrected.supersedes = InspectionId::new("R00004").ok();
    lists.admit_result(11, &corrected);
    assert_eq!(rows(&lists, &desk, day(70)).len(), 1);
}

#[test]
fn a_laboratory_that_clears_a_fast_test_takes_its_problem_away_unless_it_is_corrected_itself() {
    let mut lists = Lists::default();
    let desk = Desk::new(1);
    let mut screen = result(1, 1, 0, 2, true);
    screen.mode = SelectionMode::FastTest;
    screen.test.kind = TestKind::Rapid;
    lists.admit_result(1, &screen);
    let mut clears = result(2, 1, 0, 9, false);
    clears.confirms = InspectionId::new("R00001").ok();
    lists.admit_result(2, &clears);
    assert!(rows(&lists, &desk, day(20)).is_empty());
    let mut corrected = result(3, 1, 0, 12, true);
    corrected.supersedes = InspectionId::new("R00002").ok();
    corrected.confirms = InspectionId::new("R00001").ok();
    lists.admit_result(3, &corrected);
    assert_eq!(rows(&lists, &desk, day(20))[0].entries, [1, 3]);
}

#[test]
fn an_enterprise_is_assisted_from_the_count_of_the_policy_on_and_no_longer_than_its_days() {
    let mut lists = Lists::default();
    let reasons = |lists: &Lists, on: Day| -> Vec<(EnterpriseId, AssistedReason, u32)> {
        let all = assisted(lists, on);
        let flat = all.into_iter().flat_map(|one| {
            let of = one.enterprise.clone();
            let reasons = one.reasons.into_iter();
            reasons.map(move |reason| (of.clone(), reason.reason, reason.count))
        });
        flat.collect()
    };
    lists.admit_result(1, &result(1, 1, 0, 2, true));
    lists.admit_signal(&signal(1, SignalKind::Complaint, 2, 3));
    lists.admit_signal(&signal(2, SignalKind::Tip, 2, 4));
    assert!(reasons(&lists, day(10)).is_empty());
    lists.admit_result(2, &result(2, 1, 1, 5, true));
    lists.admit_signal(&signal(3, SignalKind::Complaint, 2, 5));
    lists.admit_signal(&signal(4, SignalKind::MediaExposure, 3, 5));
    assert_eq!(
        reasons(&lists, day(10)),
        [
            (enterprise(1), AssistedReason::RepeatedFailures, 2),
            (enterprise(2), AssistedReason::ComplaintCluster, 3),
            (enterprise(3), AssistedReason::MediaExposure, 1),
        ]
    );
    // The 183rd day from the first failure is still within, the next is not.
    let failed = |on| {
        let found = reasons(&lists, on);
        found
            .iter()
            .any(|(_, reason, _)| *reason == AssistedReason::RepeatedFailures)
    };
    assert!(failed(day(2 + 182)) && !failed(day(2 + 183)));
}

#[test]
fn classes_hold_from_when_they_were_told_and_a_ratio_is_held_against_its_band() {
    let policy = policy();
    let (mut lists, mut burdens) = (Lists::default(), Burdens::default());
    let mut classed = |id, of, class, days| {
        let mut told = signal(id, SignalKind::CreditClass, of, days);
        told.credit_class = Some(class);
        lists.admit_signal(&told);
    };
    classed(1, 1, CreditRiskClass::A, 5);
    classed(2, 1, CreditRiskClass::D, 40);
    classed(3, 2, CreditRiskClass::D, 6);
    classed(4, 2, CreditRiskClass::D, 37);
    burdens.admit(1, &result(1, 2, 0, 20, false), offset());
    let january = lists.credit(day(10), &burdens, &policy.lists, offset());
    let classes: Vec<_> = january.enterprises.iter().map(|row| row.class).collect();
    assert_eq!(classes, [CreditRiskClass::A, CreditRiskClass::D]);
    let february = lists.credit(day(45), &burdens, &policy.lists, offset());
    assert_eq!(february.until, Day::from_ymd(2025, 2, 28).unwrap());
    let second = &february.enterprises[1];
    assert_eq!(
        (second.since, second.visits),
        (day(6), 1),
        "told again, it goes on"
    );
    let of = |class| {
        let mut rows = february.classes.iter();
        rows.find(|row| row.class == class).unwrap()
    };
    let d = of(CreditRiskClass::D);
    assert_eq!((d.enterprises, d.inspected, d.ratio), (2, 1, Some(0.5)));
    assert_eq!(d.within(), Some(false), "half of D is too few");
    // Sixty-one of a hundred of two are both of them.
    assert_eq!((d.owed(), d.room()), (1, 1));
    assert_eq!(d.stale, 0);
    // January's classes were told in its second week; by the end of March nothing was told for 45 days.
    let march = lists.credit(day(80), &burdens, &policy.lists, offset());
    assert_eq!(march.classes.iter().map(|row| row.stale).sum::<u32>(), 2);
    assert!(march.enterprises.iter().all(|row| row.stale));
    assert_eq!(of(CreditRiskClass::A).within(), None);
}

fn duty(id: u32, duty: Duty, (from, until): (i32, i32), risks: &[i32]) -> Signal {
    let mut told = signal(id, SignalKind::DutyRecord, 1, i64::from(until) + 1);
    told.duty = Some(DutyRecord {
        duty,
        from: day(from),
        until: day(until),
        risks: risks.iter().map(|risk| day(*risk)).collect(),
    });
    told
}

#[test]
fn zero_risk_days_count_missing_ones_are_named_and_days_off_are_not_owed() {
    let policy = policy();
    let desk = Desk::new(1);
    let settings = &policy.lists.duties;
    let mut lists = Lists::default();
    // 2025-01-06 is a Monday: day 5. Friday is day 9.
    lists.admit_signal(&duty(1, Duty::Daily, (5, 7), &[6]));
    lists.admit_signal(&duty(2, Duty::Weekly, (5, 11), &[]));
    let of = |lists: &Lists, on: i32, duty: Duty| {
        let calendar = desk.engine.calendar();
        let of = |one| lists.duties_of(one, (None, day(on)), settings, calendar, offset());
        let mut rows = lists.on_duty(None).flat_map(of);
        rows.find(|row| row.duty == duty).unwrap()
    };
    let daily = of(&lists, 9, Duty::Daily);
    assert_eq!((daily.recorded, daily.zero_risk), (3, 2));
    assert!(
        daily.missing.is_empty(),
        "Thursday's is not missed before Friday is over"
    );
    assert_eq!(daily.step, DutyStep::None);
    let daily = of(&lists, 10, Duty::Daily);
    assert_eq!(
        (&daily.missing[..], daily.step),
        (&[day(8)][..], DutyStep::Remind)
    );
    // The weekend between is not owed; Thursday, Friday and Monday are.
    let daily = of(&lists, 14, Duty::Daily);
    assert_eq!(daily.missing, [day(8), day(9), day(12)]);
    assert_eq!(daily.step, DutyStep::Order);
    // Made good, with a record told later in the place of an earlier one.
    lists.admit_signal(&duty(3, Duty::Daily, (6, 14), &[]));
    let daily = of(&lists, 16, Duty::Daily);
    assert!(daily.missing.is_empty());
    assert_eq!(daily.recorded, daily.zero_risk);
    // The week of the 13th ends on day 18; its grace of three days is over on day 22.
    assert!(of(&lists, 21, Duty::Weekly).missing.is_empty());
    assert_eq!(of(&lists, 22, Duty::Weekly).missing, [day(12)]);
}

#[test]
fn a_record_of_duty_is_taken_once_and_nothing_of_it_enters_what_was_heard() {
    let mut desk = Desk::new(1);
    let told = duty(1, Duty::Daily, (5, 7), &[6]);
    assert!(matches!(desk.hear(&told), Outcome::Accepted(_)));
    assert_eq!(desk.hear(&told), Outcome::Duplicate);
    let other = duty(1, Duty::Daily, (5, 8), &[6]);
    let conflict = Outcome::Rejected(EngineRejection::IdentityConflict);
    assert_eq!(desk.hear(&other), conflict);
    assert_eq!(desk.rebuilt(), desk.engine.state_hash());
}

/// An enforcement case of enterprise 1 that ends in a decision, with goods withdrawn on the way.
fn penalised(desk: &mut Desk, heavy: bool) {
    let mut refused = result(1, 1, 0, 2, false);
    refused.outcome = Finding::Refused;
    refused.items.clear();
    desk.post(0, &refused);
    let case = desk.engine.cases().next().unwrap().id.clone();
    let decision = if heavy {
        CaseAct::PenaliseHeavily
    } else {
        CaseAct::Penalise
    };
    let acts = [CaseAct::File, CaseAct::Seize, CaseAct::Inform, decision];
    for (number, act) in acts.into_iter().enumerate() {
        let measures = (act == CaseAct::Seize).then(|| Measure {
            kind: MeasureKind::Seal,
            quantity: Some(756),
            unit: Some("支".into()),
        });
        let take = CaseAction::Take {
            act,
            due: None,
            measures: measures.into_iter().collect(),
        };
        let id = format!("C{number}");
        let days = 3 + number as i64;
        let order = Order::Case {
            case: case.clone(),
            action: take,
        };
        let given = |id: &str, actor: &str, order| Command {
            order,
            ..command(id, actor, Role::Approver, days, list_problem())
        };
        assert!(
            matches!(desk.decide(&given(&id, "A", order)), Outcome::Accepted(_)),
            "{act}"
        );
        if act == CaseAct::PenaliseHeavily {
            let order = Order::Case {
                case: case.clone(),
                action: CaseAction::Approve {
                    of: CommandId::new(id).unwrap(),
                },
            };
            assert!(matches!(
                desk.decide(&given("CA", "B", order)),
                Outcome::Accepted(_)
            ));
        }
    }
}

#[test]
fn only_a_grave_penalty_makes_a_candidate_and_the_rest_stands_beside_it() {
    let policy = policy();
    for heavy in [false, true] {
        let mut desk = Desk::new(1);
        penalised(&mut desk, heavy);
        let mut lists = Lists::default();
        let mut refused = result(1, 1, 0, 2, false);
        refused.outcome = Finding::Refused;
        lists.admit_result(1, &refused);
        lists.admit_result(2, &result(3, 1, 0, 2, true));
        let found = candidates(
            &lists,
            desk.engine.cases(),
            day(30),
            &policy.lists,
            offset(),
        );
        if !heavy {
            assert!(found.is_empty(), "{found:?}");
            continue;
        }
        let criteria: Vec<_> = found[0].met.iter().map(|met| met.criterion).collect();
        assert_eq!(
            criteria,
            [
                Criterion::HeavyPenalty,
                Criterion::SevereHazard,
                Criterion::Refusal
            ]
        );
        assert_eq!(
            found[0].met[2].count, 1,
            "one refusal, told by case and result"
        );
        let before = candidates(&lists, desk.engine.cases(), day(3), &policy.lists, offset());
        assert!(before.is_empty(), "nobody was penalised yet");
    }
}

#[test]
fn corrective_actions_are_those_done_with_their_quantities() {
    let mut desk = Desk::new(1);
    penalised(&mut desk, true);
    let all = corrective_actions(desk.engine.cases(), (day(0), day(90)), offset());
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].kind, all[0].quantity),
        (MeasureKind::Seal, Some(756))
    );
    assert_eq!(all[0].day, day(4));
    let later = corrective_actions(desk.engine.cases(), (day(5), day(90)), offset());
    assert!(later.is_empty());
}

/// Failures, corrections of some, and confirmations of others.
fn history(seeds: &[(u32, u32, u8)]) -> Vec<InspectionResult> {
    let mut all = Vec::new();
    for (number, (of, days, link)) in seeds.iter().enumerate() {
        let id = number as u32 + 1;
        let mut one = result(id, of % 3, of % 2, i64::from(*days), link % 3 != 0);
        let earlier = InspectionId::new(format!("R{:05}", u32::from(*link) % id)).ok();
        match link % 5 {
            3 => one.supersedes = earlier,
            4 => one.confirms = earlier,
            _alone => {}
        }
        all.push(one);
    }
    all
}

/// A problem that was listed, and perhaps planned, verified or withdrawn.
fn noted(number: usize, (of, days, state): (u32, u32, u8)) -> ListedProblem {
    let somebody = ActorId::new("B").unwrap();
    let verified = (at(i64::from(days) + 30, 0), somebody.clone());
    let state = [
        ProblemState::Listed,
        ProblemState::Planned,
        ProblemState::Verified,
        ProblemState::Withdrawn,
    ][usize::from(state % 4)];
    ListedProblem {
        id: CommandId::new(format!("K{number:02}")).unwrap(),
        enterprise: enterprise(of),
        problem: problem(),
        listed_at: at(i64::from(days), 0),
        listed_by: somebody.clone(),
        plan: (state != ProblemState::Listed).then(|| measures(day(days as i32 + 20))),
        planned_by: Some(somebody),
        verified: (state == ProblemState::Verified).then_some(verified),
        state,
    }
}

proptest! {
    /// What a report counts is what the lists say row by row.
    #[test]
    fn an_overview_counts_the_rows_of_the_lists(
        seeds in proptest::collection::vec((0_u32..60, 0_u32..200, 0_u8..60), 1..120),
        notes in proptest::collection::vec((0_u32..3, 0_u32..200, 0_u8..8), 0..12),
        heard in proptest::collection::vec((0_u32..3, 0_i64..200, 0_u8..3), 0..20),
        (on, whole, even) in (0_i32..260, any::<bool>(), any::<bool>()),
    ) {
        let policy = policy();
        let rules = (&policy.lists, &policy.alert.signals);
        let mut lists = Lists::default();
        for (entry, one) in (0..).zip(&history(&seeds)) {
            lists.admit_result(entry, one);
        }
        for (id, (of, days, kind)) in (0..).zip(heard) {
            let kinds = [SignalKind::Complaint, SignalKind::Tip, SignalKind::MediaExposure];
            lists.admit_signal(&signal(id, kinds[usize::from(kind)], of, days));
        }
        let notes: Vec<ListedProblem> =
            notes.into_iter().enumerate().map(|(number, note)| noted(number, note)).collect();
        let on = day(on);
        let listed = ListedProblems::by(notes.iter().cloned(), on, offset());
        let of_product = |product: &ProductCode| product.as_str() == "P0";
        let of_enterprise = |one: &EnterpriseId| !even || *one != enterprise(1);
        let scope = ListsScope {
            enterprise: &of_enterprise,
            product: (!whole).then_some(&of_product),
        };
        let within = at(0, 0)..at(120, 0);
        let told = lists.overview(&listed, &scope, (on, &within), (rules, offset()), 5);

        let mut rows = problem_list(&lists, notes.iter().cloned(), on);
        rows.retain(|row| {
            of_enterprise(&row.enterprise)
                && (whole || row.product.as_ref().is_some_and(of_product))
        });
        let mut standings = BTreeMap::new();
        for row in &rows {
            *standings.entry(row.standing).or_insert(0) += 1;
        }
        prop_assert_eq!(&told.problems, &standings);
        let verified = |row: &&ProblemRow| {
            let listed = row.listed.as_ref().and_then(|listed| listed.verified.as_ref());
            listed.is_some_and(|(at, _)| within.contains(at))
        };
        prop_assert_eq!(told.verified, rows.iter().filter(verified).count() as u64);
        let concerned = |one: &&EnterpriseId| {
            of_enterprise(one) && (whole || rows.iter().any(|row| row.enterprise == **one))
        };
        let all = lists.enterprises(&listed, None).filter(concerned);
        let assisted: Vec<Assisted> = all
            .filter_map(|one| lists.assisted(one, &listed, on, rules, offset()))
            .collect();
        prop_assert_eq!(told.assisted, assisted.len() as u64);
        let mut reasons = BTreeMap::new();
        for reason in assisted.iter().flat_map(|one| &one.reasons) {
            *reasons.entry(reason.reason).or_insert(0) += 1;
        }
        prop_assert_eq!(&told.assisted_by, &reasons);
        rows.retain(|row| row.standing.is_open());
        prop_assert_eq!(told.recurring, rows.iter().filter(|row| row.recurs).count() as u64);
        rows.sort_by_key(|row| {
            (row.standing != ProblemStanding::Overdue, std::cmp::Reverse(row.failures))
        });
        rows.truncate(5);
        prop_assert_eq!(told.gravest, rows);
    }

    #[test]
    fn the_order_of_reading_does_not_show(
        seeds in proptest::collection::vec((0_u32..9, 0_u32..200, 0_u8..60), 1..30),
        turn in 0_usize..30,
    ) {
        let results = history(&seeds);
        let shown = |order: &[usize]| {
            let mut lists = Lists::default();
            for at in order {
                lists.admit_result(*at as u64, &results[*at]);
            }
            let rows = problem_list(&lists, std::iter::empty(), day(300));
            (rows, assisted(&lists, day(300)))
        };
        let straight: Vec<usize> = (0..results.len()).collect();
        let mut turned = straight.clone();
        turned.rotate_left(turn % results.len());
        turned.reverse();
        prop_assert_eq!(shown(&straight), shown(&turned));
    }
}
