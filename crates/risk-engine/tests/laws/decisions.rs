//! Decisions of officers: one person raises, two lower, none for ever, and their order does not show.

use crate::desk::{Desk, START, new_engine, result};
use crate::register::standing;
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::decision::{Actor, Command, Decision, GradeCommand, Order};
use risk_domain::ids::{ActorId, CommandId};
use risk_domain::inspection::InspectionResult;
use risk_domain::scales::{RiskLevel, Role};
use risk_domain::time::{DAY_MILLIS, Day, Timestamp};
use risk_engine::{AlertRule, DecisionState, Effect, Engine, EngineRejection, Outcome};

const SUBJECT: &str = "cell:E1:P0";

fn day(day: i32) -> Day {
    Day::from_ymd(2025, 1, 1).unwrap().plus(day)
}

/// What this officer decides of enterprise 1 with product 0 on a day, at noon.
fn command(id: u32, actor: &str, role: Role, on: i64, decision: Decision) -> Command {
    let command = GradeCommand {
        command_id: CommandId::new(format!("C{id:03}")).unwrap(),
        decided_at: Timestamp::from_millis(START + on * DAY_MILLIS + DAY_MILLIS / 2),
        actor: Actor {
            id: ActorId::new(actor).unwrap(),
            role,
        },
        reason: CompactString::const_new("监督检查发现"),
        subject: SUBJECT.parse().unwrap(),
        decision,
    };
    command.into()
}

fn fixed(id: u32, on: i64, level: RiskLevel, until: i32) -> Command {
    let until = day(until);
    command(
        id,
        "A",
        Role::Officer,
        on,
        Decision::Override { level, until },
    )
}

fn floor(id: u32, on: i64, level: RiskLevel, until: i32) -> Command {
    let until = day(until);
    command(id, "A", Role::Officer, on, Decision::Floor { level, until })
}

fn of(id: u32) -> CommandId {
    CommandId::new(format!("C{id:03}")).unwrap()
}

/// Enterprises 1 and 2, tested weekly for so many weeks; enterprise 1 always fails.
fn tested(weeks: u32) -> Vec<InspectionResult> {
    let both = (0..weeks).flat_map(|week| [(week, 1), (week, 2)]);
    let one = |(week, enterprise)| {
        let id = week * 10 + enterprise;
        result(id, enterprise, 0, i64::from(week) * 7, enterprise == 1)
    };
    both.map(one).collect()
}

/// Everything in the order of time.
fn lived(results: &[InspectionResult], commands: &[Command]) -> Desk {
    let mut desk = Desk::new(1);
    let (mut results, mut commands) = (results.iter().peekable(), commands.iter().peekable());
    loop {
        let earlier =
            |at: Timestamp, other: Option<Timestamp>| other.is_none_or(|other| at <= other);
        let (result, command) = (results.peek(), commands.peek());
        let decided = command.map(|one| one.decided_at);
        if result.is_some_and(|one| earlier(one.observed_at, decided)) {
            desk.post(0, results.next().unwrap());
        } else if let Some(command) = commands.next() {
            let outcome = desk.decide(command);
            assert!(
                matches!(outcome, Outcome::Accepted(_)),
                "{command:?}: {outcome:?}"
            );
        } else {
            break;
        }
    }
    let hash = desk.end(1);
    assert_eq!(
        desk.rebuilt(),
        hash,
        "folding gives the state that was lived"
    );
    let mut frames = Vec::new();
    desk.engine
        .checkpoint(&mut |frame| frames.push(frame))
        .unwrap();
    let policy = std::sync::Arc::new(new_engine().policy().clone());
    let restored = Engine::restore(policy, frames.into_iter()).unwrap();
    assert_eq!(restored.state_hash(), hash, "a checkpoint keeps decisions");
    desk
}

fn level(desk: &Desk) -> RiskLevel {
    standing(desk, SUBJECT).unwrap().level
}

#[test]
fn one_person_raises_a_grade_and_two_lower_it() {
    let results = tested(10);
    let estimated = level(&lived(&results, &[]));
    assert!(estimated > RiskLevel::Low, "{estimated}");
    let raised = lived(&results, &[fixed(1, 30, RiskLevel::Serious, 100)]);
    let shown = standing(&raised, SUBJECT).unwrap();
    assert_eq!(shown.level, RiskLevel::Serious);
    let decided = shown.decision.unwrap();
    assert_eq!((decided.estimated, decided.until), (estimated, day(100)));

    let lowering = fixed(1, 30, RiskLevel::Low, 100);
    let alone = lived(&results, std::slice::from_ref(&lowering));
    assert_eq!(
        level(&alone),
        estimated,
        "until a second person agrees, it raises only"
    );
    assert_eq!(
        alone.engine.decisions(day(60))[0].1,
        DecisionState::AwaitsApproval
    );
    let agreed = command(2, "B", Role::Approver, 31, Decision::Approve { of: of(1) });
    let both = lived(&results, &[lowering, agreed]);
    assert_eq!(level(&both), RiskLevel::Low);
    assert_eq!(both.engine.decisions(day(60))[0].1, DecisionState::InForce);
    assert_eq!(both.engine.decisions(day(101))[0].1, DecisionState::Expired);
}

#[test]
fn a_decision_ends_by_itself_or_is_withdrawn_and_every_change_is_recorded() {
    let raising = [fixed(1, 20, RiskLevel::Serious, 34)];
    let results = tested(10);
    let estimated = level(&lived(&results, &[]));
    let desk = lived(&results, &raising);
    assert_eq!(level(&desk), estimated, "it ended on its last day");
    let told: Vec<(i64, RiskLevel, bool)> = desk
        .effects
        .iter()
        .filter_map(|effect| {
            let Effect::Assessed(one) = effect else {
                return None;
            };
            (one.subject.to_string() == SUBJECT)
                .then(|| (one.epoch.0, one.level, one.decision.is_some()))
        })
        .collect();
    let first = told.iter().find(|(_, _, decided)| *decided).unwrap();
    let epoch_of = |on: i32| i64::from(day(on).get());
    assert_eq!((first.0, first.1), (epoch_of(20), RiskLevel::Serious));
    let after = told
        .iter()
        .find(|told| told.0 > epoch_of(20) && !told.2)
        .unwrap();
    assert_eq!(after.0, epoch_of(35), "{told:?}");
    // What officers decided is no news to them.
    let risen = desk.effects.iter().filter(|effect| {
        let Effect::AlertRaised(alert) = effect else {
            return false;
        };
        alert.rule == AlertRule::LevelRose && alert.reason_en.contains("serious")
    });
    assert_eq!(risen.count(), 0);

    let withdrawn = command(2, "C", Role::Officer, 22, Decision::Withdraw { of: of(1) });
    let desk = lived(
        &results,
        &[fixed(1, 20, RiskLevel::Serious, 100), withdrawn],
    );
    assert_eq!(level(&desk), estimated);
    assert_eq!(
        desk.engine.decisions(day(60))[0].1,
        DecisionState::Withdrawn
    );
}

#[test]
fn a_floor_holds_over_an_override_and_under_what_is_worse() {
    let results = tested(10);
    let low = fixed(1, 30, RiskLevel::Low, 100);
    let agreed = command(
        2,
        "B",
        Role::Administrator,
        30,
        Decision::Approve { of: of(1) },
    );
    let least = floor(3, 30, RiskLevel::Medium, 100);
    let desk = lived(&results, &[low, agreed, least]);
    assert_eq!(level(&desk), RiskLevel::Medium);
    let estimated = level(&lived(&results, &[]));
    let desk = lived(&results, &[floor(1, 30, RiskLevel::Low, 100)]);
    let shown = standing(&desk, SUBJECT).unwrap();
    assert_eq!((shown.level, shown.decision), (estimated, None));
}

#[test]
fn what_the_rules_do_not_allow_is_refused_by_name_and_changes_nothing() {
    let mut desk = lived(
        &tested(4),
        &[
            fixed(1, 20, RiskLevel::Low, 60),
            floor(2, 20, RiskLevel::High, 60),
        ],
    );
    let before = desk.engine.state_hash();
    let approve =
        |id, actor, role, on| command(id, actor, role, on, Decision::Approve { of: of(1) });
    let refused = |desk: &mut Desk, command: &Command, why| {
        assert_eq!(desk.decide(command), Outcome::Rejected(why), "{command:?}");
    };
    refused(
        &mut desk,
        &approve(9, "A", Role::Approver, 21),
        EngineRejection::SamePerson,
    );
    refused(
        &mut desk,
        &approve(9, "B", Role::Officer, 21),
        EngineRejection::RoleMayNot,
    );
    refused(
        &mut desk,
        &approve(9, "B", Role::Planner, 21),
        EngineRejection::RoleMayNot,
    );
    refused(
        &mut desk,
        &approve(9, "B", Role::Approver, 61),
        EngineRejection::DecisionOver,
    );
    let decide = |decision| command(9, "B", Role::Approver, 21, decision);
    refused(
        &mut desk,
        &decide(Decision::Approve { of: of(2) }),
        EngineRejection::NothingToApprove,
    );
    refused(
        &mut desk,
        &decide(Decision::Withdraw { of: of(7) }),
        EngineRejection::UnknownCommand,
    );
    let mut other = decide(Decision::Withdraw { of: of(1) });
    if let Order::Grade { subject, .. } = &mut other.order {
        *subject = "cell:E2:P0".parse().unwrap();
    }
    refused(&mut desk, &other, EngineRejection::UnknownCommand);
    refused(
        &mut desk,
        &fixed(9, 21, RiskLevel::High, 20),
        EngineRejection::DecisionEnd,
    );
    refused(
        &mut desk,
        &fixed(9, 21, RiskLevel::High, 21 + 181),
        EngineRejection::DecisionEnd,
    );
    refused(
        &mut desk,
        &fixed(1, 20, RiskLevel::High, 60),
        EngineRejection::IdentityConflict,
    );
    assert_eq!(
        desk.decide(&fixed(1, 20, RiskLevel::Low, 60)),
        Outcome::Duplicate
    );
    assert_eq!(desk.engine.state_hash(), before);
    assert!(matches!(
        desk.decide(&approve(9, "B", Role::Approver, 21)),
        Outcome::Accepted(_)
    ));
    refused(
        &mut desk,
        &approve(10, "D", Role::Approver, 22),
        EngineRejection::NothingToApprove,
    );
}

#[test]
fn a_provisional_assessment_shows_a_decision_at_once() {
    let mut desk = lived(&tested(4), &[]);
    desk.decide(&floor(1, 40, RiskLevel::Serious, 60));
    let now = Timestamp::from_millis(START + 40 * DAY_MILLIS + DAY_MILLIS / 2);
    let shown = desk
        .engine
        .provisional(&SUBJECT.parse().unwrap(), now)
        .unwrap();
    assert_eq!(shown.level, RiskLevel::Serious);
    assert_ne!(level(&desk), RiskLevel::Serious, "its day has not closed");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn when_results_are_read_between_commands_does_not_show(at in 0..21_usize, levels in prop::array::uniform3(1..5_usize)) {
        let level = |index: usize| RiskLevel::ALL[levels[index]];
        let commands = [
            fixed(1, 10, level(0), 40),
            command(2, "B", Role::Approver, 12, Decision::Approve { of: of(1) }),
            floor(3, 12, level(1), 25),
            fixed(4, 20, level(2), 50),
        ];
        let results = tested(10);
        let ordered = lived(&results, &commands).engine.state_hash();
        // All commands at once, after so many results; the register of decisions has a clock of its own.
        let mut desk = Desk::new(1);
        let early = |one: &&InspectionResult| one.observed_at < commands[0].decided_at;
        let early = results.iter().take(at).take_while(early);
        for result in early.clone() {
            desk.post(0, result);
        }
        for command in &commands {
            desk.decide(command);
        }
        for result in results.iter().skip(early.count()) {
            desk.post(0, result);
        }
        prop_assert_eq!(desk.end(1), ordered);
    }
}

#[test]
fn a_command_on_nothing_that_is_known_is_refused_and_an_id_has_one_content_whatever_it_acts_on() {
    use risk_domain::alert_action::AlertAction;
    use risk_domain::case_action::CaseAction;
    use risk_domain::ids::{AlertId, CaseId};
    let mut desk = lived(&tested(1), &[fixed(1, 3, RiskLevel::High, 60)]);
    let hash = desk.engine.state_hash();
    let with = |id: u32, order: Order| Command {
        order,
        ..fixed(id, 4, RiskLevel::High, 60)
    };
    let alert = AlertId::new("none").unwrap();
    let case = CaseId::new("none").unwrap();
    let action = AlertAction::Note;
    let on_alert = |id| {
        let (alert, action) = (alert.clone(), action.clone());
        with(id, Order::Alert { alert, action })
    };
    let in_case = |id| {
        let case = case.clone();
        let action = CaseAction::Note;
        with(id, Order::Case { case, action })
    };
    for (command, why) in [
        (on_alert(2), EngineRejection::UnknownAlert),
        (in_case(2), EngineRejection::UnknownCase),
        (on_alert(1), EngineRejection::IdentityConflict),
        (in_case(1), EngineRejection::IdentityConflict),
    ] {
        assert_eq!(desk.decide(&command), Outcome::Rejected(why), "{command:?}");
    }
    assert_eq!(desk.engine.state_hash(), hash, "a refusal changes nothing");
}
