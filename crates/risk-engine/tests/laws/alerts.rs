//! Alerts: one open per subject and hazard, a life by the rules, and what stands of them is a function
//! of the set of what happened, not of the order in which it was read.

use crate::desk::{Desk, START, new_engine, result};
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::alert_action::{AlertAction, Disposition};
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{ActorId, AlertId, CommandId, HazardCode, ItemCode};
use risk_domain::inspection::{InspectionResult, TestKind};
use risk_domain::scales::{AlertLevel, Role, Severity};
use risk_domain::time::{DAY_MILLIS, Day, Timestamp};
use risk_engine::{
    AlertMoved, AlertRefusal, AlertRule, AlertState, Effect, Engine, EngineRejection, LifeRule,
    Outcome, StandingAlert,
};

fn at(day: i64, hour: i64) -> Timestamp {
    Timestamp::from_millis(START + day * DAY_MILLIS + hour * 3_600_000)
}

fn day(day: i32) -> Day {
    Day::from_ymd(2025, 1, 1).unwrap().plus(day)
}

/// A fast test that failed: level four.
fn screened(id: u32, enterprise: u32, on: i64) -> InspectionResult {
    let mut one = result(id, enterprise, 0, on, true);
    one.test.kind = TestKind::Rapid;
    one.items[0].severity = Some(Severity::One);
    one
}

/// An item of severity 4 failed: level two.
fn severe(id: u32, enterprise: u32, on: i64) -> InspectionResult {
    let mut one = result(id, enterprise, 0, on, true);
    one.items[0].severity = Some(Severity::Four);
    one
}

/// A banned substance: level one.
fn banned(id: u32, enterprise: u32, on: i64) -> InspectionResult {
    let mut one = result(id, enterprise, 0, on, true);
    one.items[0].severity = Some(Severity::One);
    one.items[0].code = ItemCode::new("banned-1").unwrap();
    one
}

fn command(
    id: u32,
    by: (&str, Role),
    when: (i64, i64),
    alert: &AlertId,
    action: AlertAction,
) -> Command {
    Command {
        command_id: CommandId::new(format!("C{id:03}")).unwrap(),
        decided_at: at(when.0, when.1),
        actor: Actor {
            id: ActorId::new(by.0).unwrap(),
            role: by.1,
        },
        reason: CompactString::const_new("现场核查"),
        order: Order::Alert {
            alert: alert.clone(),
            action,
        },
    }
}

const A: (&str, Role) = ("A", Role::Officer);
const B: (&str, Role) = ("B", Role::Approver);

fn close(disposition: Disposition) -> AlertAction {
    AlertAction::Close { disposition }
}

/// The alert of enterprise 1 with product 0 that was opened last.
fn alert(desk: &Desk) -> StandingAlert {
    let subject = "cell:E1:P0".parse().unwrap();
    let all = desk.alerts();
    let found = all.into_iter().find(|entry| *entry.subject == subject);
    found.unwrap().alert.clone()
}

fn moves(desk: &Desk) -> Vec<&AlertMoved> {
    let moves = desk.effects.iter().filter_map(|effect| {
        let Effect::AlertMoved(moved) = effect else {
            return None;
        };
        Some(&**moved)
    });
    moves.collect()
}

fn whats(desk: &Desk) -> Vec<&'static str> {
    let subject = "cell:E1:P0".parse().unwrap();
    let of_one = moves(desk).into_iter().filter(|one| one.subject == subject);
    of_one.map(AlertMoved::what).collect()
}

fn accept(desk: &mut Desk, command: &Command) {
    let outcome = desk.decide(command);
    assert!(
        matches!(outcome, Outcome::Accepted(_)),
        "{command:?}: {outcome:?}"
    );
    assert_eq!(
        desk.decide(command),
        Outcome::Duplicate,
        "the same again changes nothing"
    );
}

/// The command is refused with this rule and this state, and changes nothing.
fn refuse(desk: &mut Desk, command: &Command, rule: LifeRule, state: AlertState) {
    let (hash, effects) = (desk.engine.state_hash(), desk.effects.len());
    let level = desk.engine.alert(named(command)).unwrap().alert.level;
    let why = AlertRefusal { rule, state, level };
    assert_eq!(
        desk.decide(command),
        Outcome::Rejected(EngineRejection::Alert(why))
    );
    assert!(why.to_string().contains(state.code()), "{why}");
    assert_eq!(desk.engine.state_hash(), hash);
    assert_eq!(desk.effects.len(), effects);
}

fn named(command: &Command) -> &AlertId {
    let Order::Alert { alert, .. } = &command.order else {
        unreachable!("a command on an alert");
    };
    alert
}

/// The state, after it was seen that folding and a checkpoint give the same.
fn ended(desk: &mut Desk) -> risk_engine::StateHash {
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
    assert_eq!(restored.state_hash(), hash, "a checkpoint keeps alerts");
    hash
}

#[test]
fn what_is_raised_of_one_subject_and_hazard_merges_and_the_gravest_counts() {
    let mut desk = Desk::new(1);
    desk.post(0, &screened(1, 1, 0));
    assert_eq!(alert(&desk).level, AlertLevel::Four);
    desk.post(0, &severe(2, 1, 1));
    let merged = alert(&desk);
    assert_eq!((merged.raises, merged.level), (2, AlertLevel::Two));
    assert_eq!(merged.rule, AlertRule::SevereItemFailed);
    assert!(merged.reason_zh.contains("可能致命") && merged.reason_en.contains("fatal"));
    let ids: Vec<String> = merged.inspections.iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["R00001", "R00002"]);
    // A lesser one afterwards makes it no lesser, and another hazard is another alert.
    desk.post(0, &screened(3, 1, 2));
    assert_eq!(alert(&desk).level, AlertLevel::Two);
    let mut other = screened(4, 1, 3);
    other.items[0].hazard = Some(HazardCode::new("choking").unwrap());
    desk.post(0, &other);
    assert_eq!(desk.alerts().len(), 2);
    assert_eq!(whats(&desk), ["opened", "escalated", "opened"]);
    ended(&mut desk);
}

#[test]
fn raises_that_heap_up_make_an_alert_graver_and_long_silence_is_told_again() {
    let mut desk = Desk::new(1);
    let levels = [
        AlertLevel::Four,
        AlertLevel::Four,
        AlertLevel::Three,
        AlertLevel::Three,
    ];
    for (number, level) in (0..).zip(levels) {
        desk.post(0, &screened(number, 1, i64::from(number)));
        assert_eq!(alert(&desk).level, level, "raise {number}");
    }
    desk.post(0, &screened(9, 1, 3 + 28));
    assert_eq!(whats(&desk).last(), Some(&"raised_again"));
    ended(&mut desk);
    // The same three over more than `trend_days` are no trend.
    let mut desk = Desk::new(1);
    for (id, on) in [(1, 0), (2, 14), (3, 29)] {
        desk.post(0, &screened(id, 1, on));
    }
    assert_eq!(alert(&desk).level, AlertLevel::Four);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one life, from end to end")]
fn an_alert_lives_by_the_rules_and_what_came_of_it_is_counted() {
    let mut desk = Desk::new(1);
    desk.post(0, &screened(1, 1, 0));
    let first = alert(&desk).id;
    let act = |id, when, action| command(id, A, when, &first, action);
    refuse(
        &mut desk,
        &act(90, (-1, 0), AlertAction::Note),
        LifeRule::NotRaisedYet,
        AlertState::Open,
    );
    refuse(
        &mut desk,
        &act(91, (0, 12), AlertAction::Reopen),
        LifeRule::NotClosed,
        AlertState::Open,
    );
    refuse(
        &mut desk,
        &act(92, (0, 12), AlertAction::Wake),
        LifeRule::NotSnoozed,
        AlertState::Open,
    );
    let lower = AlertAction::Escalate {
        to: AlertLevel::Four,
    };
    refuse(
        &mut desk,
        &act(93, (0, 12), lower),
        LifeRule::NotGraver,
        AlertState::Open,
    );
    let itself = close(Disposition::Duplicate { of: first.clone() });
    refuse(
        &mut desk,
        &act(94, (0, 12), itself),
        LifeRule::DuplicateOf,
        AlertState::Open,
    );
    let unknown = close(Disposition::Duplicate {
        of: AlertId::new("f-1").unwrap(),
    });
    refuse(
        &mut desk,
        &act(95, (0, 12), unknown),
        LifeRule::DuplicateOf,
        AlertState::Open,
    );

    accept(&mut desk, &act(1, (0, 12), AlertAction::Acknowledge));
    refuse(
        &mut desk,
        &act(96, (0, 13), AlertAction::Acknowledge),
        LifeRule::Acknowledged,
        AlertState::Acknowledged,
    );
    accept(&mut desk, &act(2, (0, 14), AlertAction::Investigate));
    refuse(
        &mut desk,
        &act(97, (0, 15), AlertAction::Investigate),
        LifeRule::Investigated,
        AlertState::Investigating,
    );
    accept(&mut desk, &act(3, (0, 16), close(Disposition::Confirmed)));
    for (id, action) in [
        (98, AlertAction::Acknowledge),
        (99, AlertAction::Note),
        (100, close(Disposition::Confirmed)),
        (101, AlertAction::Snooze { until: day(2) }),
    ] {
        refuse(
            &mut desk,
            &act(id, (0, 17), action),
            LifeRule::Closed,
            AlertState::Closed,
        );
    }
    let feedback = desk.engine.alert_feedback();
    assert_eq!(
        feedback.get(&(AlertRule::FastTestFailed, "confirmed")),
        Some(&1)
    );

    accept(&mut desk, &act(4, (0, 18), AlertAction::Reopen));
    assert!(desk.engine.alert_feedback().is_empty());
    accept(
        &mut desk,
        &act(5, (0, 19), close(Disposition::Inconclusive)),
    );
    // What is raised later is the next alert, and the one before stays closed.
    desk.post(0, &screened(2, 1, 1));
    let second = alert(&desk);
    assert!(second.id != first && second.raises == 1 && second.state == AlertState::Open);
    refuse(
        &mut desk,
        &act(102, (1, 12), AlertAction::Reopen),
        LifeRule::Superseded,
        AlertState::Closed,
    );
    let viewer = command(
        103,
        ("V", Role::Viewer),
        (1, 12),
        &second.id,
        AlertAction::Note,
    );
    assert_eq!(
        desk.decide(&viewer),
        Outcome::Rejected(EngineRejection::RoleMayNot)
    );
    assert_eq!(
        whats(&desk),
        [
            "opened",
            "acknowledged",
            "investigating",
            "closed",
            "reopened",
            "closed",
            "opened"
        ]
    );
    // Every move names whoever made it.
    for moved in moves(&desk) {
        let actor = moved.cause.actor();
        assert!(
            actor.starts_with("officer:") || actor.starts_with("system:"),
            "{actor}"
        );
        assert!(!moved.reason_zh.is_empty() && !moved.reason_en.is_empty());
    }
    ended(&mut desk);
}

#[test]
fn level_one_takes_two_persons_to_close_and_is_never_quiet() {
    let mut desk = Desk::new(1);
    desk.post(0, &banned(1, 1, 0));
    let id = alert(&desk).id;
    let snooze = AlertAction::Snooze { until: day(2) };
    refuse(
        &mut desk,
        &command(90, A, (0, 12), &id, snooze),
        LifeRule::LevelOne,
        AlertState::Open,
    );
    let approve = |of: u32| AlertAction::Approve {
        of: CommandId::new(format!("C{of:03}")).unwrap(),
    };
    refuse(
        &mut desk,
        &command(91, B, (0, 12), &id, approve(1)),
        LifeRule::NothingProposed,
        AlertState::Open,
    );
    accept(
        &mut desk,
        &command(1, B, (0, 13), &id, close(Disposition::Confirmed)),
    );
    assert_eq!(
        alert(&desk).state,
        AlertState::Open,
        "one person only proposes"
    );
    refuse(
        &mut desk,
        &command(92, A, (0, 14), &id, close(Disposition::Confirmed)),
        LifeRule::Proposed,
        AlertState::Open,
    );
    let alone = command(93, B, (0, 14), &id, approve(1));
    assert_eq!(
        desk.decide(&alone),
        Outcome::Rejected(EngineRejection::SamePerson)
    );
    let officer = command(94, A, (0, 14), &id, approve(1));
    assert_eq!(
        desk.decide(&officer),
        Outcome::Rejected(EngineRejection::RoleMayNot)
    );
    // What comes in between was not known to whoever proposed.
    desk.post(0, &banned(2, 1, 1));
    let late = command(95, ("C", Role::Approver), (1, 12), &id, approve(1));
    refuse(
        &mut desk,
        &late,
        LifeRule::NothingProposed,
        AlertState::Open,
    );
    accept(
        &mut desk,
        &command(2, B, (1, 13), &id, close(Disposition::Confirmed)),
    );
    accept(
        &mut desk,
        &command(3, ("C", Role::Approver), (1, 14), &id, approve(2)),
    );
    let closed = alert(&desk);
    assert_eq!(
        (closed.state, closed.closed_at),
        (AlertState::Closed, Some(at(1, 14)))
    );
    let closing = closed.closing.unwrap();
    assert_eq!(
        (
            closing.actor.id.as_str(),
            closing.approver.unwrap().id.as_str()
        ),
        ("B", "C")
    );
    ended(&mut desk);
}

#[test]
fn a_snooze_ends_by_itself_and_what_is_grave_breaks_it() {
    let opened = || {
        let mut desk = Desk::new(1);
        desk.post(0, &screened(1, 1, 0));
        let id = alert(&desk).id;
        (desk, id)
    };
    // Both sides of both bounds: the day of the decision, and thirty days after it.
    let (mut desk, id) = opened();
    let snooze = |number, until| command(number, A, (0, 12), &id, AlertAction::Snooze { until });
    refuse(
        &mut desk,
        &snooze(90, day(-1)),
        LifeRule::SnoozeEnd,
        AlertState::Open,
    );
    refuse(
        &mut desk,
        &snooze(91, day(31)),
        LifeRule::SnoozeEnd,
        AlertState::Open,
    );
    accept(&mut desk, &snooze(1, day(30)));
    accept(&mut desk, &snooze(2, day(0)));
    let until = alert(&desk).snooze.unwrap().until;
    // Civil time of China is eight hours ahead.
    assert_eq!(until, at(1, 0).plus_millis(-8 * 3_600_000));
    // A raise in time merges and is told only by what changes; one after the end wakes it.
    desk.post(0, &screened(2, 1, 2));
    assert_eq!(alert(&desk).snooze, None);
    ended(&mut desk);

    let (mut desk, id) = opened();
    let snooze = AlertAction::Snooze { until: day(20) };
    accept(&mut desk, &command(1, A, (0, 12), &id, snooze));
    desk.post(0, &screened(2, 1, 1));
    assert!(alert(&desk).snooze.is_some());
    assert_eq!(whats(&desk), ["opened", "snoozed"]);
    // Level one breaks it.
    desk.post(0, &banned(3, 1, 2));
    assert_eq!(alert(&desk).snooze, None);
    assert_eq!(whats(&desk), ["opened", "snoozed", "escalated"]);
    ended(&mut desk);

    // Nothing happens but that time passes: the close after its end says that it is over.
    let (mut desk, id) = opened();
    accept(
        &mut desk,
        &command(1, A, (0, 12), &id, AlertAction::Snooze { until: day(3) }),
    );
    for (number, on) in (20..).zip([10, 20, 45, 60]) {
        desk.post(0, &result(number, 2, 1, on, false));
    }
    ended(&mut desk);
    assert_eq!(alert(&desk).snooze, None);
    assert_eq!(
        whats(&desk).iter().filter(|what| **what == "woken").count(),
        1
    );
}

#[test]
fn a_false_alarm_quiets_its_stream_for_a_while_but_nothing_grave() {
    let closed = || {
        let mut desk = Desk::new(1);
        desk.post(0, &screened(1, 1, 0));
        let id = alert(&desk).id;
        accept(
            &mut desk,
            &command(1, A, (0, 12), &id, close(Disposition::FalseAlarm)),
        );
        (desk, id)
    };
    let (mut desk, id) = closed();
    desk.post(0, &screened(2, 1, 1));
    let quiet = alert(&desk);
    assert_eq!(
        (&quiet.id, quiet.state, quiet.quieted),
        (&id, AlertState::Closed, 1)
    );
    // Another enterprise is another stream.
    desk.post(0, &screened(3, 2, 1));
    assert_eq!(desk.alerts().len(), 2);
    desk.post(0, &severe(4, 1, 2));
    assert!(alert(&desk).id != id, "level two is not quieted");
    ended(&mut desk);

    // Twenty-eight days later it is over, and not before.
    let (mut desk, id) = closed();
    let mut last = screened(5, 1, 0);
    last.observed_at = at(28, 12).plus_millis(-1);
    desk.post(0, &last);
    assert_eq!(alert(&desk).id, id);
    let mut next = screened(6, 1, 0);
    next.observed_at = at(28, 12);
    desk.post(0, &next);
    assert!(alert(&desk).id != id);
    let feedback = desk.engine.alert_feedback();
    assert_eq!(
        feedback.get(&(AlertRule::FastTestFailed, "false_alarm")),
        Some(&1)
    );
    ended(&mut desk);
}

/// What a failure may weigh in memory until its epoch closes: its raises, its case and its evidence.
const BYTES_OF_A_FAILURE: usize = 4096;

#[test]
fn a_storm_over_as_many_enterprises_stays_within_what_each_failure_may_weigh() {
    let mut desk = Desk::new(1);
    let weight = |desk: &Desk| {
        let memory = desk.engine.memory();
        memory.names + memory.evidence + memory.raised + memory.other
    };
    let before = weight(&desk);
    for number in 0..5_000 {
        let mut one = severe(number, number + 1, 0);
        one.observed_at = Timestamp::from_millis(START + i64::from(number) * 12);
        desk.post(0, &one);
    }
    assert_eq!(desk.alerts().len(), 5_000);
    let grown = weight(&desk) - before;
    println!("{grown} bytes for 5,000 failures of as many enterprises");
    assert!(grown < 5_000 * BYTES_OF_A_FAILURE, "{grown} bytes");
}

#[test]
fn a_storm_of_failures_is_one_alert_for_each_subject_and_hazard_and_leaves_nothing_behind() {
    let mut desk = Desk::new(1);
    let storm = |number: u32| {
        let mut one = severe(number, number % 3 + 1, 0);
        one.observed_at = Timestamp::from_millis(START + i64::from(number) * 12);
        one
    };
    for number in 0..5_000 {
        desk.post(0, &storm(number));
    }
    let all = desk.alerts();
    assert_eq!(all.len(), 3);
    assert_eq!(all.iter().map(|one| one.alert.raises).sum::<u64>(), 5_000);
    assert!(all.iter().all(|one| one.alert.inspections.len() <= 16));
    assert_eq!(moves(&desk).len(), 3, "each is told once");
    // Again, none of it counts.
    for number in 0..5_000 {
        assert_eq!(desk.post(0, &storm(number)), Outcome::Duplicate);
    }
    assert_eq!(desk.engine.open_alert_events(), 5_000);
    let during = desk.engine.memory().raised;
    assert!(
        during < 5_000 * BYTES_OF_A_FAILURE,
        "{during} bytes for 5,000 failures"
    );
    for on in 1..40 {
        desk.post(0, &result(6_000 + on as u32, 9, 1, on, false));
    }
    assert_eq!(
        desk.engine.open_alert_events(),
        0,
        "closed epochs keep sums alone"
    );
    assert!(desk.engine.memory().raised < during);
    ended(&mut desk);
}

#[test]
fn a_correction_of_what_raised_an_alert_merges_into_it() {
    let mut desk = Desk::new(1);
    let first = screened(1, 1, 0);
    desk.post(0, &first);
    let mut corrected = screened(2, 1, 1);
    corrected.supersedes = Some(first.inspection_id.clone());
    desk.post(0, &corrected);
    assert_eq!(desk.alerts().len(), 1);
    assert_eq!(alert(&desk).raises, 2);
    ended(&mut desk);
}

/// A life of two alerts: what is read and decided, with its partition; the first opens.
fn life() -> Vec<(i32, Result<InspectionResult, Command>)> {
    let mut desk = Desk::new(2);
    desk.post(0, &screened(1, 1, 0));
    let id = alert(&desk).id;
    let act = |number, by, when, action| (9, Err(command(number, by, when, &id, action)));
    vec![
        (0, Ok(screened(1, 1, 0))),
        (0, Ok(screened(2, 1, 2))),
        (1, Ok(screened(3, 1, 1))),
        (1, Ok(severe(4, 1, 5))),
        (0, Ok(screened(5, 1, 9))),
        (1, Ok(screened(6, 1, 12))),
        act(1, A, (3, 12), AlertAction::Acknowledge),
        act(2, A, (4, 12), AlertAction::Snooze { until: day(8) }),
        act(3, B, (6, 12), AlertAction::Investigate),
        act(4, B, (7, 12), close(Disposition::FalseAlarm)),
        act(5, A, (3, 13), AlertAction::Note),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_stands_depends_on_what_happened_and_not_on_when_it_was_read(
        order in Just((1..11usize).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..11usize, 0..4),
    ) {
        let life = life();
        let run = |order: &[usize]| {
            let mut desk = Desk::new(2);
            for number in std::iter::once(&0).chain(order) {
                let (partition, what) = &life[*number];
                let outcome = match what {
                    Ok(result) => desk.post(*partition, result),
                    Err(command) => desk.decide(command),
                };
                assert!(!matches!(outcome, Outcome::Rejected(_)), "{number}: {outcome:?}");
            }
            let standing: Vec<StandingAlert> = desk.alerts().iter().map(|one| one.alert.clone()).collect();
            let hash = desk.end(2);
            assert_eq!(desk.rebuilt(), hash);
            (standing, hash)
        };
        let straight: Vec<usize> = (1..11).collect();
        let shuffled: Vec<usize> = order.iter().chain(&again).copied().collect();
        prop_assert_eq!(run(&straight), run(&shuffled));
    }
}
