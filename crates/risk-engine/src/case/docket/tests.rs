use super::*;
use crate::case::act::{Act, Capacity};
use crate::case::enforcement::{Goods, Stage};
use crate::case::machine::Transition;
use crate::case::{
    CaseKind, CaseState, Ending, enforcement, farm_produce, fast_test, food_check, spot_check,
};
use crate::case::{Span, Switches, Term};
use crate::policy::Policy;
use risk_domain::case_act::CaseAct;
use risk_domain::case_action::PauseReason;
use risk_domain::ids::{ActorId, EnterpriseId, ProductCode};
use risk_domain::reference::Reference;
use risk_domain::scales::Role;
use risk_domain::time::{CivilOffset, Day};
use std::collections::BTreeSet;

struct World {
    policy: Policy,
    calendar: risk_domain::calendar::Calendar,
}

impl World {
    fn new() -> Self {
        Self {
            policy: Policy::builtin().unwrap(),
            calendar: Reference::builtin().unwrap().calendar,
        }
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            policy: &self.policy.cases,
            count: Count {
                calendar: &self.calendar,
                offset: CivilOffset::CHINA,
            },
        }
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("{text}:00+08:00")).unwrap()
}

fn key() -> CaseKey {
    CaseKey {
        enterprise: EnterpriseId::new("E1").unwrap(),
        product: ProductCode::new("TOY-PL").unwrap(),
        hazard: None,
    }
}

fn result(found: Found, when: Timestamp) -> ResultFact {
    ResultFact {
        epoch: Epoch(0),
        found,
        opens: true,
        severe: false,
        microbes: false,
        field: Field::Industrial,
        sampled_at: when,
        site: SiteId::new("S1").unwrap(),
        zone: ZoneId::new("F1").unwrap(),
        upon: Vec::new(),
        case: None,
        answers: None,
        replaces: None,
    }
}

/// A case that has just entered this state.
fn standing(world: &World, state: CaseState, when: Timestamp) -> Docket {
    let id = InspectionId::new("R1").unwrap();
    let fact = (when, FactId::Result(id));
    let mut docket = Docket::new(key());
    let opening = Fact::Result(Box::new(result(Found::Failed(Capacity::Formal), when)));
    docket.facts.insert(fact.clone(), opening);
    docket.go_on_with(&fact, None, world.rules());
    let case = docket.cases.last_mut().unwrap();
    case.state = state;
    case.deadlines.clear();
    case.enter(when, state, world.rules());
    docket
}

fn state_with(kind: CaseKind, term: Term) -> CaseState {
    let runs = |state: &CaseState| {
        let clocks = state.clocks();
        state.kind() == kind
            && clocks
                .iter()
                .any(|clock| clock.term == term && !clock.suspended)
    };
    // The last such state: in earlier ones a shorter term may lead on first.
    CaseState::all().filter(runs).last().unwrap()
}

/// The last day of each term that starts on Thursday 4 June 2026, and on Friday 30 January 2026 before
/// Spring Festival: counted by another program from the clauses and the calendar of seeds.
const LAST_DAYS: [(&str, &str, &str, &str); 41] = [
    ("fast_test", "duplicate", "2026-06-04", "2026-01-30"),
    ("fast_test", "guidance", "2026-06-04", "2026-01-30"),
    (
        "fast_test",
        "laboratory_verification",
        "2026-06-09",
        "2026-02-04",
    ),
    ("fast_test", "rectification", "2026-06-11", "2026-02-06"),
    (
        "fast_test",
        "rectification_longest",
        "2026-06-22",
        "2026-02-14",
    ),
    ("fast_test", "rescreen", "2026-06-22", "2026-02-14"),
    ("fast_test", "formal_sample", "2026-06-09", "2026-02-04"),
    ("fast_test", "fast_check", "2026-06-09", "2026-02-04"),
    ("spot_check", "objection", "2026-06-22", "2026-02-14"),
    ("spot_check", "objection_answer", "2026-06-09", "2026-02-04"),
    (
        "spot_check",
        "retest_formalities",
        "2026-06-11",
        "2026-02-06",
    ),
    (
        "spot_check",
        "retest_laboratory",
        "2026-06-15",
        "2026-02-09",
    ),
    ("spot_check", "correction", "2026-08-03", "2026-03-31"),
    ("spot_check", "recheck", "2026-08-18", "2026-04-15"),
    (
        "spot_check",
        "second_recheck_opens",
        "2026-08-03",
        "2026-03-31",
    ),
    ("spot_check", "second_recheck", "2026-09-01", "2026-04-29"),
    ("food_check", "notice", "2026-06-11", "2026-02-06"),
    (
        "food_check",
        "retest_application",
        "2026-06-15",
        "2026-02-10",
    ),
    (
        "food_check",
        "retest_acceptance",
        "2026-06-11",
        "2026-02-06",
    ),
    (
        "food_check",
        "retest_laboratory",
        "2026-06-11",
        "2026-02-06",
    ),
    (
        "food_check",
        "retest_laboratory_extended",
        "2026-06-11",
        "2026-02-06",
    ),
    ("food_check", "backup_transfer", "2026-06-09", "2026-02-04"),
    ("food_check", "retest_report", "2026-06-18", "2026-02-13"),
    ("food_check", "sampling_review", "2026-07-03", "2026-03-05"),
    (
        "food_check",
        "authenticity_review",
        "2026-07-17",
        "2026-03-19",
    ),
    ("food_check", "handling", "2026-09-02", "2026-04-30"),
    ("farm_produce", "retest_report", "2026-06-15", "2026-02-10"),
    ("farm_produce", "destruction", "2026-06-05", "2026-02-02"),
    ("enforcement", "verification", "2026-06-26", "2026-02-27"),
    (
        "enforcement",
        "verification_extended",
        "2026-06-26",
        "2026-02-27",
    ),
    (
        "enforcement",
        "preserved_evidence",
        "2026-06-15",
        "2026-02-10",
    ),
    ("enforcement", "seizure", "2026-07-06", "2026-03-02"),
    (
        "enforcement",
        "seizure_extended",
        "2026-07-06",
        "2026-03-02",
    ),
    ("enforcement", "decision", "2026-09-02", "2026-04-30"),
    ("enforcement", "publication", "2026-07-03", "2026-03-05"),
    ("enforcement", "public_short", "2026-09-04", "2026-04-30"),
    ("enforcement", "public_long", "2029-06-04", "2029-01-30"),
    ("enforcement", "listing", "2029-06-04", "2029-01-30"),
    ("enforcement", "early_removal", "2027-06-04", "2027-01-30"),
    ("enforcement", "take_down", "2026-06-09", "2026-02-04"),
    ("enforcement", "tell_reporter", "2026-06-11", "2026-02-06"),
];

#[test]
fn every_term_lapses_with_the_first_instant_after_its_last_day_and_not_before() {
    let world = World::new();
    let mut checked = BTreeSet::new();
    for (kind, term, from_june, from_january) in LAST_DAYS {
        let kind = CaseKind::from_code(kind).unwrap();
        let term = Term::from_code(term).unwrap();
        for (start, last) in [
            ("2026-06-04T09:30", from_june),
            ("2026-01-30T23:59", from_january),
        ] {
            let docket = standing(&world, state_with(kind, term), at(start));
            let case = docket.cases.last().unwrap();
            let deadline = case.deadlines.iter().find(|one| one.term == term).unwrap();
            assert_eq!(deadline.last_day, day(last), "{kind} {term} from {start}");
            let after = at(&format!("{last}T23:59")).plus_millis(60_000);
            let lapsed = |through| {
                let mut docket = docket.clone();
                docket.lapse(through, world.rules());
                let events = docket.cases.iter().flat_map(|case| &case.events);
                let causes = events.filter(|event| event.cause == Cause::Term(term));
                let mut times = causes.map(|event| event.at);
                times.next()
            };
            assert_eq!(
                lapsed(after.plus_millis(-1)),
                None,
                "{kind} {term} from {start}"
            );
            assert_eq!(lapsed(after), Some(after), "{kind} {term} from {start}");
        }
        checked.insert((kind, term));
    }
    let all = world.policy.cases.terms();
    let of_days = all.filter(|(_, _, rule)| !matches!(rule.span, Span::Hours(_)));
    let of_days: BTreeSet<_> = of_days.map(|(kind, term, _)| (kind, term)).collect();
    assert_eq!(checked, of_days, "every term of the policy is checked");
}

#[test]
fn four_hours_end_with_the_fourth() {
    let world = World::new();
    let positive = CaseState::FarmProduce(farm_produce::State::Positive);
    let docket = standing(&world, positive, at("2026-06-19T22:30"));
    let state = |through: Timestamp| {
        let mut docket = docket.clone();
        docket.lapse(through, world.rules());
        docket.cases.last().unwrap().state
    };
    assert_eq!(
        state(at("2026-06-20T02:30")),
        positive,
        "a holiday and midnight do not matter"
    );
    assert_eq!(
        state(at("2026-06-20T02:30").plus_millis(1)),
        CaseState::FarmProduce(farm_produce::State::Confirmed)
    );
}

#[test]
fn an_extension_counts_from_the_last_day_of_what_it_extends() {
    let world = World::new();
    let seized = CaseState::Enforcement(enforcement::State {
        stage: Stage::Filed,
        goods: Goods::Seized,
    });
    let mut docket = standing(&world, seized, at("2026-06-04T09:00"));
    let extended = CaseState::Enforcement(enforcement::State {
        stage: Stage::Filed,
        goods: Goods::SeizedExtended,
    });
    let case = docket.cases.last_mut().unwrap();
    case.enter(at("2026-06-10T09:00"), extended, world.rules());
    let deadline = case
        .deadlines
        .iter()
        .find(|one| one.term == Term::SeizureExtended);
    // Thirty days from 4 June end on Saturday 4 July and so on Monday the 6th; thirty more on 5 August.
    assert_eq!(deadline.unwrap().last_day, day("2026-08-05"));
}

#[test]
fn the_time_of_a_test_does_not_count_for_seizure() {
    let world = World::new();
    let state = |stage| {
        CaseState::Enforcement(enforcement::State {
            stage,
            goods: Goods::Seized,
        })
    };
    let mut docket = standing(&world, state(Stage::Filed), at("2026-06-04T09:00"));
    let case = docket.cases.last_mut().unwrap();
    case.enter(at("2026-06-10T09:00"), state(Stage::Testing), world.rules());
    let seizure = |case: &Case| {
        let deadline = case.deadlines.iter().find(|one| one.term == Term::Seizure);
        deadline.unwrap().clone()
    };
    assert_eq!(seizure(case).next_lapse(), None, "it stands still");
    case.enter(at("2026-06-25T16:00"), state(Stage::Filed), world.rules());
    // Fifteen days more than Saturday 4 July.
    assert_eq!(
        seizure(case).last_day,
        day("2026-07-20"),
        "19 July is a Sunday"
    );
    let decision = case.deadlines.iter().find(|one| one.term == Term::Decision);
    assert_eq!(
        decision.unwrap().last_day,
        day("2026-09-02"),
        "the decision's clock went on"
    );
}

#[test]
fn the_machines_are_whole() {
    let world = World::new();
    let given = world.policy.cases.switches;
    let flip = |given: bool| [given, !given];
    for order_waits_for_objection in flip(given.order_waits_for_objection) {
        for inconclusive_closes in flip(given.inconclusive_closes) {
            let switches = Switches {
                order_waits_for_objection,
                inconclusive_closes,
                ..given
            };
            whole(switches);
        }
    }
}

/// From every opening some end is reached, from every state that is reached too; a closed case takes nothing.
fn whole(switches: Switches) {
    let openings = [
        CaseState::FastTest(fast_test::opening(false, false)),
        CaseState::FastTest(fast_test::opening(true, false)),
        CaseState::FastTest(fast_test::opening(false, true)),
        CaseState::FastTest(fast_test::verified(false)),
        CaseState::SpotCheck(spot_check::opening()),
        CaseState::FoodCheck(food_check::opening(false)),
        CaseState::FoodCheck(food_check::opening(true)),
        CaseState::FarmProduce(farm_produce::opening()),
        CaseState::Enforcement(enforcement::opening()),
        CaseState::Enforcement(enforcement::reported()),
        CaseState::FastTest(fast_test::complained(false)),
        CaseState::FastTest(fast_test::complained(true)),
    ];
    let steps = |state: CaseState| {
        let running = state.clocks();
        let lapses = |act: &Act| match act {
            Act::Lapsed(term) => running.iter().any(|clock| clock.term == *term),
            Act::Officer(act) => *act != CaseAct::Discontinue,
            Act::Found(found) => *found != Found::Corrected,
        };
        let acts = Act::all().filter(lapses).collect::<Vec<_>>();
        let next = move |act: Act| state.next(act, switches).ok();
        acts.into_iter()
            .filter_map(next)
            .map(move |next| match next {
                Transition::To(state) => state,
                Transition::Stay => state,
                Transition::PassOn(_) => CaseState::Closed(state.kind(), Ending::PassedOn),
                Transition::End(ending) => CaseState::Closed(state.kind(), ending),
            })
    };
    let reached = |from: CaseState| {
        let (mut seen, mut work) = (BTreeSet::from([from]), vec![from]);
        while let Some(state) = work.pop() {
            work.extend(steps(state).filter(|next| seen.insert(*next)));
        }
        seen
    };
    let mut seen = BTreeSet::new();
    for opening in openings {
        for state in reached(opening) {
            assert_eq!(state.kind(), opening.kind(), "a machine stays its own");
            seen.insert(state);
            if state.is_open() {
                let ends = reached(state).into_iter().any(|state| !state.is_open());
                assert!(ends, "{state:?} leads nowhere");
            } else {
                let stuck = Act::all().all(|act| state.next(act, switches).is_err());
                assert!(stuck && state.clocks().is_empty(), "{state:?} is closed");
            }
        }
    }
    for state in CaseState::all().filter(|state| state.is_open()) {
        let early = matches!(state, CaseState::SpotCheck(state) if state.ordered_early);
        let held = matches!(state, CaseState::Enforcement(state) if state.goods != Goods::Free);
        let inconclusive = CaseState::FastTest(fast_test::State::Inconclusive);
        let passed_over = switches.inconclusive_closes && state == inconclusive;
        let spared = early || held || passed_over;
        assert!(
            spared || seen.contains(&state),
            "{state:?} is never reached"
        );
    }
}

fn command(
    id: &str,
    actor: (&str, Role),
    action: CaseAction,
    docket: &Docket,
) -> (CommandId, CommandFact) {
    let fact = CommandFact {
        case: docket.cases.first().unwrap().id.clone(),
        actor: Actor {
            id: ActorId::new(actor.0).unwrap(),
            role: actor.1,
        },
        reason: CompactString::const_new("依法办理"),
        action,
    };
    (CommandId::new(id).unwrap(), fact)
}

/// Takes a command in as the engine does: refused, it leaves nothing behind.
fn give(
    world: &World,
    docket: &mut Docket,
    when: &str,
    given: (CommandId, CommandFact),
) -> Option<CaseRule> {
    let fact = (at(when), FactId::Command(given.0.clone()));
    let mut trial = docket.clone();
    trial
        .facts
        .insert(fact.clone(), Fact::Command(Box::new(given.1)));
    if trial.goes_on_with(&fact) {
        trial.go_on_with(&fact, None, world.rules());
    } else {
        trial.cases = trial.refolded(None, world.rules());
    }
    if let Some(refusal) = Docket::refusal(&given.0, &docket.cases, &trial.cases) {
        return Some(refusal.rule);
    }
    *docket = trial;
    None
}

fn take(act: CaseAct) -> CaseAction {
    CaseAction::Take {
        act,
        due: None,
        measures: Vec::new(),
    }
}

fn take_by(act: CaseAct, due: &str) -> CaseAction {
    CaseAction::Take {
        act,
        due: Some(day(due)),
        measures: Vec::new(),
    }
}

const LI: (&str, Role) = ("330782-017", Role::Officer);
const WU: (&str, Role) = ("330782-003", Role::Approver);

#[test]
#[expect(clippy::too_many_lines, reason = "one refusal after the other")]
fn what_breaks_a_rule_is_refused_by_name_and_changes_nothing() {
    let world = World::new();
    let notified = CaseState::SpotCheck(spot_check::State {
        stage: spot_check::Stage::FailureFinal,
        ordered_early: false,
    });
    let mut docket = standing(&world, notified, at("2026-03-02T09:00"));
    let mut number = 0;
    let mut refused = |docket: &mut Docket, when: &str, actor, action: CaseAction| {
        number += 1;
        let before = docket.clone();
        let given = command(&format!("C{number}"), actor, action, docket);
        let rule = give(&world, docket, when, given);
        if rule.is_some() {
            assert_eq!(*docket, before, "a refused command changes nothing");
        }
        rule
    };
    let pause = || CaseAction::PauseClock {
        ground: PauseReason::Hearing,
    };
    let viewer = ("V1", Role::Viewer);
    assert_eq!(
        refused(&mut docket, "2026-03-02T10:00", viewer, CaseAction::Note),
        Some(CaseRule::RoleMayNot)
    );
    assert_eq!(
        refused(&mut docket, "2026-03-02T10:00", LI, take(CaseAct::Publish)),
        Some(CaseRule::NoSuchStep)
    );
    assert_eq!(
        refused(&mut docket, "2026-03-02T10:00", LI, pause()),
        Some(CaseRule::NoClockRuns)
    );
    assert_eq!(
        refused(
            &mut docket,
            "2026-03-02T10:00",
            LI,
            take_by(CaseAct::Order, "2026-03-01")
        ),
        Some(CaseRule::DueBeforeStart)
    );
    assert_eq!(
        refused(
            &mut docket,
            "2026-03-02T10:00",
            LI,
            take_by(CaseAct::Order, "2026-05-10")
        ),
        Some(CaseRule::DueBeyondTerm)
    );
    assert_eq!(
        refused(
            &mut docket,
            "2026-03-02T10:00",
            LI,
            take_by(CaseAct::Order, "2026-04-01")
        ),
        None
    );
    let correction = |docket: &Docket| {
        let case = docket.cases.last().unwrap();
        case.deadlines
            .iter()
            .find(|one| one.term == Term::Correction)
            .unwrap()
            .last_day
    };
    assert_eq!(correction(&docket), day("2026-04-01"));
    assert_eq!(
        refused(&mut docket, "2026-03-03T10:00", LI, CaseAction::ResumeClock),
        Some(CaseRule::NotPaused)
    );
    assert_eq!(refused(&mut docket, "2026-03-03T10:00", LI, pause()), None);
    assert_eq!(
        refused(&mut docket, "2026-03-04T10:00", LI, pause()),
        Some(CaseRule::PausedTwice)
    );
    assert_eq!(
        refused(&mut docket, "2026-03-13T10:00", LI, CaseAction::ResumeClock),
        None
    );
    assert_eq!(correction(&docket), day("2026-04-11"), "ten days were lost");
    assert_eq!(
        refused(
            &mut docket,
            "2026-03-14T10:00",
            LI,
            take(CaseAct::Discontinue)
        ),
        None
    );
    let proposed = docket.cases.last().unwrap().proposals[0].command_id.clone();
    let approve = || CaseAction::Approve {
        of: proposed.clone(),
    };
    assert_eq!(
        refused(&mut docket, "2026-03-14T11:00", LI, approve()),
        Some(CaseRule::RoleMayNot)
    );
    let same = (LI.0, Role::Approver);
    assert_eq!(
        refused(&mut docket, "2026-03-14T11:00", same, approve()),
        Some(CaseRule::SamePerson)
    );
    assert_eq!(
        refused(&mut docket, "2026-03-14T12:00", WU, approve()),
        None
    );
    let closed = CaseState::Closed(CaseKind::SpotCheck, Ending::Discontinued);
    assert_eq!(docket.cases.last().unwrap().state, closed);
    assert_eq!(
        refused(&mut docket, "2026-03-15T12:00", LI, CaseAction::Note),
        Some(CaseRule::Closed)
    );
    // Between what was done already: it would undo the approval.
    assert_eq!(
        refused(&mut docket, "2026-03-14T11:30", LI, take(CaseAct::Refer)),
        Some(CaseRule::Overtaken)
    );
}
