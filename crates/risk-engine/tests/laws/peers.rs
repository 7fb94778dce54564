//! What peers got wrong with alerts and cases, each as a test of ours.

use crate::desk::{Desk, START, result};
use risk_domain::case_act::CaseAct;
use risk_domain::case_action::CaseAction;
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{ActorId, CaseId, CommandId, InspectionId};
use risk_domain::inspection::{InspectionResult, TestKind};
use risk_domain::scales::Role;
use risk_domain::selection::SelectionMode;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::{Case, Effect, MoveCause, Outcome, StandingAlert};
use std::collections::{BTreeMap, BTreeSet};

fn at(day: i64) -> Timestamp {
    Timestamp::from_millis(START + day * DAY_MILLIS + 3_600_000)
}

fn take(id: &str, actor: &str, day: i64, case: &CaseId, action: CaseAction) -> Command {
    Command {
        command_id: CommandId::new(id).unwrap(),
        decided_at: at(day),
        actor: Actor {
            id: ActorId::new(actor).unwrap(),
            role: Role::Approver,
        },
        reason: "依法办理".into(),
        order: Order::Case {
            case: case.clone(),
            action,
        },
    }
}

fn act(act: CaseAct) -> CaseAction {
    CaseAction::Take {
        act,
        due: None,
        measures: Vec::new(),
    }
}

fn screen(id: u32, day: i64, failed: bool) -> InspectionResult {
    let mut one = result(id, 1, 0, day, failed);
    one.mode = SelectionMode::FastTest;
    one.test.kind = TestKind::Rapid;
    one
}

fn cases(desk: &Desk) -> BTreeMap<CaseId, Case> {
    let all = desk.engine.cases();
    all.map(|case| (case.id.clone(), case.clone())).collect()
}

fn alerts(desk: &Desk) -> BTreeMap<String, StandingAlert> {
    let all = desk.alerts();
    all.iter()
        .map(|entry| (entry.alert.id.to_string(), entry.alert.clone()))
        .collect()
}

/// A fast test that fails, a duplicate, guidance, and time that passes.
fn life(mut each: impl FnMut(&mut Desk, &mut dyn FnMut(&mut Desk))) -> Desk {
    let mut desk = Desk::new(1);
    each(&mut desk, &mut |desk| {
        desk.post(0, &screen(1, 2, true));
    });
    let case = desk.engine.cases().next().unwrap().id.clone();
    each(&mut desk, &mut |desk| {
        let mut second = screen(2, 2, true);
        second.follow_up_of = InspectionId::new("R00001").ok();
        desk.post(0, &second);
    });
    each(&mut desk, &mut |desk| {
        // No step from here: it is refused, and must not be told.
        let wrong = take("K0", "A", 3, &case, act(CaseAct::Publish));
        assert!(matches!(desk.decide(&wrong), Outcome::Rejected(_)));
    });
    each(&mut desk, &mut |desk| {
        let guide = take("K1", "A", 3, &case, act(CaseAct::Guide));
        assert!(matches!(desk.decide(&guide), Outcome::Accepted(_)));
    });
    each(&mut desk, &mut |desk| {
        let again = take("K1", "A", 3, &case, act(CaseAct::Guide));
        assert_eq!(desk.decide(&again), Outcome::Duplicate);
    });
    each(&mut desk, &mut |desk| {
        desk.post(0, &result(9, 2, 1, 60, false));
        // Both feeds have come so far: what was due has lapsed.
        desk.decide(&take("K2", "A", 60, &case, CaseAction::Note));
    });
    desk
}

/// A peer sent its event where the change was *not* applied, and none on its background path.
#[test]
fn what_is_told_of_a_case_is_what_changed_and_nothing_else_on_every_path() {
    let mut changes = 0;
    life(|desk, step| {
        let (before, told) = (cases(desk), desk.effects.len());
        step(desk);
        let after = cases(desk);
        let changed: BTreeSet<&CaseId> = after
            .iter()
            .filter(|(id, case)| before.get(*id) != Some(*case))
            .map(|(id, _)| id)
            .collect();
        let moved = desk.effects[told..]
            .iter()
            .filter_map(|effect| match effect {
                Effect::CaseMoved(moved) => Some(&moved.case.id),
                Effect::CaseInserted(insert) => Some(&insert.moved.case.id),
                Effect::EpochClosed(_)
                | Effect::Assessed(_)
                | Effect::AlertRaised(_)
                | Effect::SnapshotFitted(_)
                | Effect::RatesTold(_)
                | Effect::WeekWatched(_)
                | Effect::CaseGone(_)
                | Effect::ReferenceRefused(_)
                | Effect::AlertTermsSet(_)
                | Effect::LevelsTold(_)
                | Effect::CoursesTold(_)
                | Effect::AlertMoved(_)
                | Effect::SignalRaised(_)
                | Effect::ResultsRaised(_) => None,
            });
        assert_eq!(moved.collect::<BTreeSet<_>>(), changed);
        changes += changed.len();
    });
    assert_eq!(changes, 4, "opened, confirmed, guided, lapsed");
}

/// The same of alerts: what opens, rises, quietens or closes is told, and merging alone is not.
#[test]
fn what_is_told_of_an_alert_is_what_changed_and_nothing_else_on_every_path() {
    let (mut changes, mut merged) = (0, 0);
    life(|desk, step| {
        let (before, told) = (alerts(desk), desk.effects.len());
        step(desk);
        let after = alerts(desk);
        let shown = |alert: &StandingAlert| {
            let quiet = alert.snooze.as_ref().map(|snooze| snooze.until);
            (
                alert.state,
                alert.level,
                alert.told_at,
                quiet,
                alert.closed_at,
            )
        };
        let changed: BTreeSet<&String> = after
            .iter()
            .filter(|(id, alert)| before.get(*id).map(shown) != Some(shown(alert)))
            .map(|(id, _)| id)
            .collect();
        let moved = desk.effects[told..].iter().filter_map(|effect| {
            let Effect::AlertMoved(moved) = effect else {
                return None;
            };
            Some(moved.alert.to_string())
        });
        let moved: BTreeSet<String> = moved.collect();
        assert_eq!(moved.iter().collect::<BTreeSet<_>>(), changed);
        changes += changed.len();
        let raises =
            |of: &BTreeMap<String, StandingAlert>| of.values().map(|one| one.raises).sum::<u64>();
        merged += usize::from(raises(&after) > raises(&before) && changed.is_empty());
    });
    assert!(
        changes >= 1 && merged >= 1,
        "{changes} told, {merged} merged"
    );
}

/// A peer's triggers wrote nothing down where no user was known.
#[test]
fn every_event_of_a_case_and_every_move_of_an_alert_has_an_actor() {
    let desk = life(|desk, step| step(desk));
    let mut systems = 0;
    for case in desk.engine.cases() {
        for event in &case.events {
            assert!(!event.actor.is_empty(), "{event:?}");
            assert_eq!(event.role.is_none(), event.actor.starts_with("system:"));
            systems += usize::from(event.role.is_none());
        }
    }
    assert!(systems >= 2, "results and terms act as the system");
    for effect in &desk.effects {
        if let Effect::AlertMoved(moved) = effect {
            match &moved.cause {
                MoveCause::Decided { actor, .. } => assert!(!actor.id.as_str().is_empty()),
                MoveCause::Raised { rule, .. } => assert!(!rule.code().is_empty()),
                MoveCause::SnoozeEnded => {}
            }
        }
    }
    assert!(!alerts(&desk).is_empty());
}

/// A peer computed that a case closes by itself, and dropped it.
#[test]
fn what_a_lapse_concludes_stands_and_is_told() {
    let desk = life(|desk, step| step(desk));
    let case = desk.engine.cases().next().unwrap();
    assert_eq!(
        case.state.code(),
        "sample_due",
        "rectification was not reported in time"
    );
    let mut effects = desk.effects.iter().rev();
    let last = effects.find(|effect| matches!(effect, Effect::CaseMoved(_)));
    let Some(Effect::CaseMoved(moved)) = last else {
        panic!("the case was never told of");
    };
    assert_eq!(moved.case.state, case.state);
}

/// A peer's retracted test left its state behind, and a re-test did not start clean.
#[test]
fn a_case_after_a_corrected_one_starts_clean() {
    let mut desk = Desk::new(1);
    desk.post(0, &screen(1, 2, true));
    let first = desk.engine.cases().next().unwrap().id.clone();
    let assigned = CaseAction::Assign {
        to: ActorId::new("330782-017").unwrap(),
    };
    desk.decide(&take("K1", "A", 3, &first, assigned));
    let mut corrected = screen(2, 4, false);
    corrected.supersedes = InspectionId::new("R00001").ok();
    desk.post(0, &corrected);
    assert!(!desk.engine.case(&first).unwrap().state.is_open());
    desk.post(0, &screen(4, 6, true));
    let all = cases(&desk);
    let second = all.values().find(|case| case.state.is_open()).unwrap();
    assert_ne!(second.id, first);
    assert_eq!((second.state.code(), &second.assigned), ("screened", &None));
    assert!(
        second
            .deadlines
            .iter()
            .all(|one| !one.lapsed && one.started_at == second.opened_at)
    );
    assert_eq!(second.events.len(), 1);
}
