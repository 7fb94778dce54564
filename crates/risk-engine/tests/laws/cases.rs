//! Laws of cases: what is true of them whatever officers and laboratories do, and in whichever order it
//! becomes known.

use crate::desk::{Desk, START, result};
use proptest::prelude::*;
use risk_domain::case_act::CaseAct;
use risk_domain::case_action::{CaseAction, PauseReason};
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{ActorId, CaseId, CommandId};
use risk_domain::inspection::{InspectionResult, Outcome as Finding, TestKind};
use risk_domain::scales::Role;
use risk_domain::selection::SelectionMode;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::case::{Act, Cause, Happened, Switches};
use risk_engine::{Case, Effect, Engine, Outcome};
use std::collections::{BTreeMap, BTreeSet};

fn at(day: i64, minute: i64) -> Timestamp {
    Timestamp::from_millis(START + day * DAY_MILLIS + minute * 60_000)
}

/// A small generator with a seed, so that a case that fails can be made again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Steele, Lea and Flood: SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides.max(1)
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = self.roll(from.len() as u64) as usize;
        from.get(at).cloned()
    }
}

fn command(
    number: u64,
    when: Timestamp,
    actor: (&str, Role),
    case: &CaseId,
    action: CaseAction,
) -> Command {
    Command {
        command_id: CommandId::new(format!("K{number}")).unwrap(),
        decided_at: when,
        actor: Actor {
            id: ActorId::new(actor.0).unwrap(),
            role: actor.1,
        },
        reason: "依法办理".into(),
        order: Order::Case {
            case: case.clone(),
            action,
        },
    }
}

const OFFICERS: [(&str, Role); 4] = [
    ("330782-017", Role::Officer),
    ("330782-018", Role::Officer),
    ("330782-003", Role::Approver),
    ("330782-099", Role::Viewer),
];

/// An officer who mostly does what the case lets them do, and sometimes anything.
fn any_action(dice: &mut Dice, case: &Case, engine: &Engine) -> CaseAction {
    let steps = engine.case_steps(case).into_iter();
    let acts: Vec<CaseAct> = steps
        .filter_map(|(act, _)| match act {
            Act::Officer(CaseAct::Discontinue) | Act::Found(_) | Act::Lapsed(_) => None,
            Act::Officer(act) => Some(act),
        })
        .collect();
    let waiting = case.proposals.first().map(|one| one.command_id.clone());
    match (dice.roll(10), waiting) {
        (0..=3, Some(of)) => CaseAction::Approve { of },
        (4, _) => CaseAction::PauseClock {
            ground: PauseReason::Hearing,
        },
        (5, _) => CaseAction::ResumeClock,
        (6, _) => CaseAction::Take {
            act: dice.pick(CaseAct::ALL).unwrap_or(CaseAct::Notify),
            due: None,
            measures: Vec::new(),
        },
        (7, _) => CaseAction::Note,
        _ => CaseAction::Take {
            act: dice.pick(&acts).unwrap_or(CaseAct::Notify),
            due: None,
            measures: Vec::new(),
        },
    }
}

/// A result of some capacity, most often of what a case waits for.
fn any_result(dice: &mut Dice, id: u32, day: i64, upon: Option<&Case>) -> InspectionResult {
    let (enterprise, product) = (dice.roll(4_000) as u32, dice.roll(2) as u32);
    let mut one = result(id, enterprise, product, day, true);
    one.observed_at = at(day, 600 + dice.roll(300) as i64);
    one.sampled_at = one
        .observed_at
        .plus_millis(-(dice.roll(48) as i64) * 3_600_000);
    (one.mode, one.test.kind) = match dice.roll(4) {
        0 | 1 => (SelectionMode::FastTest, TestKind::Rapid),
        2 => (SelectionMode::FastTest, TestKind::Laboratory),
        _ => (SelectionMode::SupervisoryCheck, TestKind::Laboratory),
    };
    if dice.roll(20) == 0 {
        one.outcome = dice
            .pick(&[Finding::Refused, Finding::Terminated])
            .unwrap_or(Finding::Refused);
        one.items.clear();
    }
    if let Some(case) = upon {
        one.site.enterprise_id = case.key.enterprise.clone();
        one.product.category = case.key.product.clone();
        one.follow_up_of = Some(case.opened_by.clone());
        match dice.roll(6) {
            0..=2 => {
                one.outcome = Finding::Conforming;
                one.items.clear();
            }
            3 => {
                one.outcome = Finding::Untestable;
                one.items.clear();
            }
            _ => {}
        }
    }
    one
}

/// What must be true of every case at any time.
fn check(engine: &Engine, through: Timestamp) {
    let switches: Switches = engine.policy().cases.switches;
    let mut open = BTreeSet::new();
    for case in engine.cases() {
        let id = &case.id;
        assert!(
            !case.state.is_open() || open.insert(&case.key),
            "{id}: two open cases of one matter"
        );
        let mut events = case.events.iter();
        let first = events.next().unwrap();
        assert_eq!(first.what, Happened::Opened, "{id}");
        let (mut state, mut time) = (first.state, first.at);
        for event in events {
            assert!(event.at >= time, "{id}: its history goes back");
            assert!(!event.actor.is_empty(), "{id}: somebody did it");
            match &event.what {
                Happened::Moved(act) => {
                    let next = state.next(*act, switches);
                    assert!(next.is_ok(), "{id}: {act:?} is no step from {state:?}");
                }
                Happened::Opened => unreachable!("{id}: opened twice"),
                Happened::Noted(_)
                | Happened::Proposed(_)
                | Happened::Assigned(_)
                | Happened::Paused(_)
                | Happened::Resumed
                | Happened::Remarked
                | Happened::Void(_) => {
                    assert_eq!(event.state, state, "{id}: it moved without a move");
                }
            }
            (state, time) = (event.state, event.at);
        }
        assert_eq!(state, case.state, "{id}: its history ends where it stands");
        assert!(
            case.evidence().next().is_some(),
            "{id}: it leads to its evidence"
        );
        assert_eq!(case.closed_at.is_some(), !case.state.is_open(), "{id}");
        for deadline in &case.deadlines {
            let missed = deadline.next_lapse().is_some_and(|at| at <= through);
            assert!(!missed, "{id}: {:?} should have lapsed", deadline.term);
        }
        if let Some(before) = &case.succeeds {
            let before = engine.case(before).unwrap();
            assert!(
                !before.state.is_open(),
                "{id}: what was passed on is closed"
            );
        }
    }
}

#[test]
fn a_year_of_ten_thousand_cases_keeps_every_rule() {
    let seed = 20_261_127;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut desk = Desk::new(1);
    let (mut records, mut commands, mut refused) = (0u32, 0u64, 0u64);
    let mut open: Vec<CaseId> = Vec::new();
    for day in 0..365 {
        for _ in 0..40 {
            let upon = if dice.roll(3) == 0 {
                dice.pick(&open)
            } else {
                None
            };
            let upon = upon.and_then(|id| desk.engine.case(&id).cloned());
            let mut one = any_result(&mut dice, records, day, upon.as_ref());
            one.inspection_id =
                risk_domain::ids::InspectionId::new(format!("Y{records:06}")).unwrap();
            records += 1;
            desk.post(0, &one);
        }
        if day % 7 == 0 {
            let cases = desk.engine.cases().filter(|case| case.state.is_open());
            open = cases.map(|case| case.id.clone()).collect();
        }
        for _ in 0..120 {
            let Some(case) = dice
                .pick(&open)
                .and_then(|id| desk.engine.case(&id).cloned())
            else {
                continue;
            };
            let action = any_action(&mut dice, &case, &desk.engine);
            let actor = dice.pick(&OFFICERS).unwrap_or(OFFICERS[0]);
            let when = at(day, 1000 + dice.roll(300) as i64);
            let given = command(commands, when, actor, &case.id, action);
            commands += 1;
            // Every hundredth is checked to leave nothing behind: the hash walks the whole state.
            let before = (commands % 1000 == 0).then(|| desk.engine.state_hash());
            match desk.decide(&given) {
                Outcome::Rejected(_) => {
                    refused += 1;
                    assert!(before.is_none_or(|before| before == desk.engine.state_hash()));
                }
                Outcome::Accepted(_) => {
                    assert_eq!(
                        desk.decide(&given),
                        Outcome::Duplicate,
                        "the same command again"
                    );
                }
                Outcome::Duplicate => panic!("it was never given"),
            }
        }
    }
    desk.end(1);
    let (_, through) = desk.engine.last_closed().unwrap();
    check(&desk.engine, through);
    let cases = desk.engine.cases().count();
    let mut ends: BTreeMap<_, usize> = BTreeMap::new();
    for case in desk.engine.cases() {
        *ends
            .entry((case.state.kind(), case.state.is_open()))
            .or_default() += 1;
    }
    println!("{cases} cases, {commands} commands, {refused} refused: {ends:?}");
    assert!(
        cases >= 5_000 && refused > 100 && ends.len() >= 4,
        "the year was too quiet"
    );
    assert_eq!(
        desk.rebuilt(),
        desk.engine.state_hash(),
        "folding the ledger gives the same"
    );
}

fn failing(id: u32, enterprise: u32, day: i64) -> InspectionResult {
    let mut one = result(id, enterprise, 0, day, true);
    one.sampled_at = one.observed_at.plus_millis(-3_600_000);
    one
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn the_order_of_arrival_does_not_show(
        days in prop::collection::vec((0i64..20, 0u8..6, any::<prop::sample::Index>(), any::<bool>()), 2..14),
        shuffle in any::<u64>(),
    ) {
        let mut results: Vec<InspectionResult> = Vec::new();
        for (id, (day, kind, other, fails)) in days.into_iter().enumerate() {
            let mut one = failing(id as u32, (id % 2) as u32, day);
            if kind < 3 {
                one.mode = SelectionMode::FastTest;
                one.test.kind = TestKind::Rapid;
            }
            if !results.is_empty() && kind % 3 != 0 {
                let target = other.get(&results);
                one.follow_up_of = Some(target.inspection_id.clone());
                if !fails {
                    one.outcome = Finding::Conforming;
                    one.items.clear();
                }
            }
            results.push(one);
        }
        let mut ordered = results.clone();
        ordered.sort_by_key(|one| (one.observed_at, one.inspection_id.clone()));
        let mut dice = Dice(shuffle);
        let mut mixed = results;
        for place in (1..mixed.len()).rev() {
            mixed.swap(place, dice.roll(place as u64 + 1) as usize);
        }
        let lived = |results: &[InspectionResult]| {
            let mut desk = Desk::new(1);
            for one in results {
                desk.post(0, one);
                desk.post(0, one);
            }
            let hash = desk.end(1);
            let (_, through) = desk.engine.last_closed().unwrap();
            check(&desk.engine, through);
            assert_eq!(desk.rebuilt(), hash, "folding gives the same");
            let cases: Vec<Case> = desk.engine.cases().cloned().collect();
            (hash, cases)
        };
        let (one, other) = (lived(&ordered), lived(&mixed));
        prop_assert_eq!(one.1, other.1);
        prop_assert_eq!(one.0, other.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    /// A storm tells each event of its case once, in whatever order the failures come after the first.
    #[test]
    fn what_happened_in_a_case_is_told_once_in_whatever_order_it_becomes_known(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut failures: Vec<u32> = (1..60).collect();
        for place in (1..failures.len()).rev() {
            failures.swap(place, dice.roll(place as u64 + 1) as usize);
        }
        let mut desk = Desk::new(1);
        desk.post(0, &failing(0, 1, 0));
        for id in failures {
            desk.post(0, &failing(id, 1, 0));
        }
        let (mut told, mut inserted) = (0, 0);
        for effect in &desk.effects {
            if let Effect::CaseMoved(moved) = effect {
                told += moved.case.events.len();
            } else if let Effect::CaseInserted(insert) = effect {
                told += insert.moved.case.events.len();
                inserted += 1;
            }
        }
        let cases: Vec<&Case> = desk.engine.cases().collect();
        prop_assert_eq!(cases.len(), 1);
        prop_assert_eq!((cases[0].events.len(), told), (60, 60));
        prop_assert!(inserted > 20, "{} came in between", inserted);
        prop_assert_eq!(desk.rebuilt(), desk.engine.state_hash());
    }
}

#[test]
fn an_earlier_failure_takes_the_place_of_a_later_one() {
    let (early, late) = (failing(1, 1, 3), failing(2, 1, 5));
    let mut desk = Desk::new(1);
    desk.post(0, &late);
    let first = desk.engine.cases().next().unwrap().id.clone();
    desk.decide(&command(
        1,
        at(6, 0),
        OFFICERS[0],
        &first,
        CaseAction::Take {
            act: CaseAct::Notify,
            due: None,
            measures: Vec::new(),
        },
    ));
    desk.post(0, &early);
    let cases: Vec<&Case> = desk.engine.cases().collect();
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].opened_by, early.inspection_id);
    assert_ne!(cases[0].id, first, "another record opened it");
    let told = |case: &Case| {
        let causes = case.events.iter().map(|event| event.cause.clone());
        causes.collect::<Vec<_>>()
    };
    let expected = vec![
        Cause::Result(early.inspection_id.clone()),
        Cause::Result(late.inspection_id.clone()),
        Cause::Command(CommandId::new("K1").unwrap()),
    ];
    assert_eq!(told(cases[0]), expected, "nothing that was done is lost");
    // The old id still leads to the case.
    let id = first;
    let note = command(2, at(7, 0), OFFICERS[0], &id, CaseAction::Note);
    assert!(matches!(desk.decide(&note), Outcome::Accepted(_)));
    assert_eq!(desk.rebuilt(), desk.engine.state_hash());
}

#[test]
fn five_thousand_failures_in_a_minute_are_one_case() {
    let mut desk = Desk::new(1);
    for id in 0..5_000u32 {
        let mut one = failing(id, 1, 3);
        one.observed_at = at(3, 600).plus_millis(i64::from(id) * 12);
        one.inspection_id = risk_domain::ids::InspectionId::new(format!("S{id:05}")).unwrap();
        desk.post(0, &one);
    }
    let cases: Vec<&Case> = desk.engine.cases().collect();
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].evidence().count(), 5_000, "each is evidence");
}

#[test]
fn years_read_at_once_end_where_streaming_would_have_ended() {
    // The same failed fast tests, with time told by a second enterprise day by day, or only at the end.
    let failures: Vec<InspectionResult> = (0..6)
        .map(|id| {
            let mut one = failing(id, id, i64::from(id) * 20);
            one.mode = SelectionMode::FastTest;
            one.test.kind = TestKind::Rapid;
            one
        })
        .collect();
    let mut streamed = Desk::new(1);
    let mut number = 100;
    for day in 0..400i64 {
        for one in failures
            .iter()
            .filter(|one| one.observed_at < at(day + 1, 0) && one.observed_at >= at(day, 0))
        {
            streamed.post(0, one);
        }
        number += 1;
        streamed.post(0, &result(number, 90, 1, day, false));
    }
    let mut imported = Desk::new(1);
    for one in &failures {
        imported.post(0, one);
    }
    imported.post(0, &result(number, 90, 1, 399, false));
    streamed.end(1);
    imported.end(1);
    let cases = |desk: &Desk| desk.engine.cases().cloned().collect::<Vec<Case>>();
    assert_eq!(cases(&streamed), cases(&imported));
    assert!(
        cases(&imported).iter().any(|case| case.events.len() > 1),
        "terms have lapsed"
    );
}
