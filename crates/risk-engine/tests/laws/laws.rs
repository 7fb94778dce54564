//! Order, duplication, correction and partition must not show in the state.

use crate::desk::{Desk, START, result};
use proptest::prelude::*;
use risk_domain::ids::{EnterpriseId, LabId, TeamId};
use risk_domain::inspection::{InspectionResult, TestKind};
use risk_domain::selection::{SelectionBasis, SelectionMode};
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::{Effect, Engine, EngineRejection, Input, Outcome, StateHash};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is reported, in the order of report: results, corrections, and confirmed fast tests.
fn stream() -> impl Strategy<Value = Vec<InspectionResult>> {
    let one = (
        0u32..6,
        0u32..2,
        0i64..40,
        any::<bool>(),
        0u8..10,
        any::<prop::sample::Index>(),
    );
    prop::collection::vec(one, 1..40).prop_map(|rows| {
        let mut results: Vec<InspectionResult> = Vec::new();
        for (id, (enterprise, product, day, fails, kind, other)) in rows.into_iter().enumerate() {
            let mut new = result(id as u32, enterprise, product, day, fails);
            if !results.is_empty() {
                let target = other.get(&results).clone();
                match kind {
                    0 | 1 => new.supersedes = Some(target.inspection_id),
                    2 | 3 if target.mode == SelectionMode::FastTest => {
                        new.mode = SelectionMode::FastTest;
                        new.confirms = Some(target.inspection_id);
                    }
                    _ => {}
                }
            }
            if (4..6).contains(&kind) {
                new.mode = SelectionMode::FastTest;
                new.test.kind = TestKind::Rapid;
            }
            match kind {
                6 => new.selection.basis = SelectionBasis::FollowUp,
                7 => new.mode = SelectionMode::RiskEvaluation,
                8 => {
                    new.mode = SelectionMode::EnforcementTest;
                    new.selection.basis = SelectionBasis::Complaint;
                }
                _ => {}
            }
            new.team_id = TeamId::new(format!("T{}", id % 2)).unwrap();
            if !id.is_multiple_of(3) {
                new.test.lab_id = Some(LabId::new(format!("L{}", id % 3)).unwrap());
            }
            results.push(new);
        }
        results.sort_by_key(|result| (result.observed_at, result.inspection_id.clone()));
        results
    })
}

/// The engine as it comes back from a checkpoint.
fn restored(engine: &Engine) -> Engine {
    let mut frames = Vec::new();
    engine.checkpoint(&mut |frame| frames.push(frame)).unwrap();
    Engine::restore(Arc::new(engine.policy().clone()), frames.into_iter()).unwrap()
}

fn run(results: &[InspectionResult], partitions: i32) -> (StateHash, BTreeSet<String>) {
    let mut desk = Desk::new(partitions);
    for result in results {
        // A partition is chosen by the enterprise, as the topic's key does.
        let number = result.site.enterprise_id.as_str().len() as i32
            + result
                .site
                .enterprise_id
                .as_str()
                .bytes()
                .map(i32::from)
                .sum::<i32>();
        desk.post(number % partitions, result);
    }
    let hash = desk.end(partitions);
    assert_eq!(
        desk.rebuilt(),
        hash,
        "folding the records must give the state that was lived through"
    );
    (hash, desk.alert_ids())
}

/// The state after results, once nothing holds the watermark and the clock says `now`.
fn ticked(
    results: &[InspectionResult],
    now: Timestamp,
    by_steps: bool,
) -> (StateHash, BTreeSet<String>) {
    let mut desk = Desk::new(1);
    for result in results {
        desk.post(0, result);
    }
    let clocks = desk.engine.partition_clocks();
    let idle: Vec<_> = clocks.map(|(name, _)| name.clone()).collect();
    loop {
        let next = if by_steps {
            desk.engine.next_tick(now)
        } else {
            now
        };
        let before = desk.engine.last_closed();
        let outcome = desk.engine.step(&Input::Tick {
            now: next,
            idle: &idle,
        });
        let closed = outcome.effects.iter();
        let closed = closed
            .filter(|effect| matches!(effect, Effect::EpochClosed(_)))
            .count();
        desk.effects.extend(outcome.effects);
        if next < now {
            assert_eq!(closed, 1, "from {before:?} by {next}");
        } else {
            return (desk.engine.state_hash(), desk.alert_ids());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn closing_one_by_one_is_closing_all(results in stream(), weeks in 0_i64..30) {
        let last = results.iter().map(|one| one.observed_at).max().unwrap();
        let now = last.plus_millis(weeks * 7 * DAY_MILLIS);
        prop_assert_eq!(ticked(&results, now, true), ticked(&results, now, false));
    }

    #[test]
    fn a_permutation_within_lateness_changes_nothing(results in stream(), seed in any::<u64>()) {
        let expected = run(&results, 1);
        let mut shuffled = results.clone();
        // Swaps of neighbours, driven by the seed.
        // All that move lie within 20 days of the first report: none comes later than the lateness.
        let first = results[0].observed_at;
        let mut random = seed | 1;
        for _ in 0..3 {
            for at in 1..shuffled.len() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let near = shuffled[at].observed_at.millis_since(first) < 20 * DAY_MILLIS;
                if random >> 63 == 1 && near {
                    shuffled.swap(at - 1, at);
                }
            }
        }
        prop_assert_eq!(run(&shuffled, 1), expected);
    }

    #[test]
    fn partitions_and_their_interleaving_do_not_show(results in stream()) {
        let expected = run(&results, 1);
        prop_assert_eq!(run(&results, 4), expected.clone());
        // One partition is read to its end before the next begins.
        let mut by_partition = results.clone();
        by_partition.sort_by_key(|result| result.site.enterprise_id.clone());
        prop_assert_eq!(run(&by_partition, 7).0, run(&results, 7).0);
        prop_assert_eq!(run(&by_partition, 7).0, expected.0);
    }

    #[test]
    fn redelivery_changes_nothing(results in stream(), again in any::<prop::sample::Index>()) {
        let expected = run(&results, 1);
        let mut twice = results.clone();
        let at = again.index(results.len());
        twice.extend(results[..=at].iter().cloned());
        prop_assert_eq!(run(&twice, 1), expected);
    }

    #[test]
    fn a_checkpoint_anywhere_changes_nothing(results in stream(), cut in any::<prop::sample::Index>()) {
        let mut straight = Desk::new(2);
        let mut broken = Desk::new(2);
        let cut = cut.index(results.len());
        for (at, result) in results.iter().enumerate() {
            let number = i32::from(result.site.enterprise_id.as_str().ends_with('1'));
            straight.post(number, result);
            broken.post(number, result);
            if at == cut {
                broken.engine = restored(&broken.engine);
                prop_assert_eq!(broken.engine.state_hash(), straight.engine.state_hash());
            }
        }
        prop_assert_eq!(broken.end(2), straight.end(2));
        prop_assert_eq!(broken.effects, straight.effects);
    }

    #[test]
    fn who_runs_a_fit_does_not_show(results in stream(), ask in any::<u64>()) {
        let mut alone = Desk::new(1);
        let mut helped = Desk::new(1);
        for (at, result) in results.iter().enumerate() {
            alone.post(0, result);
            helped.post(0, result);
            if let Some(task) = helped.engine.fit_task()
                && ask >> (at % 64) & 1 == 1
            {
                std::thread::spawn(move || task.run()).join().unwrap();
            }
        }
        prop_assert_eq!(alone.end(1), helped.end(1));
        prop_assert_eq!(alone.effects, helped.effects);
    }

    #[test]
    fn contributions_add_up_to_the_score_exactly(results in stream()) {
        let mut desk = Desk::new(1);
        for result in &results {
            desk.post(0, result);
        }
        desk.end(1);
        for effect in &desk.effects {
            if let Effect::Assessed(assessment) = effect {
                let sum: f64 = assessment.contributions.iter().map(|part| part.log_odds).sum();
                prop_assert_eq!(sum.to_bits(), assessment.log_odds.to_bits());
                prop_assert!(assessment.interval.lower <= assessment.probability);
                prop_assert!(assessment.probability <= assessment.interval.upper);
                prop_assert!(assessment.at_least[0] >= assessment.at_least[1]);
                prop_assert!(assessment.at_least[1] >= assessment.at_least[2]);
            }
        }
    }
}

/// Own counts of a subject, by kind of evidence, after everything has closed.
fn counts(results: &[InspectionResult], subject: &Subject) -> BTreeMap<String, (i32, i32)> {
    let mut desk = Desk::new(1);
    for result in results {
        desk.post(0, result);
    }
    desk.end(1);
    let assessment = desk
        .engine
        .provisional(subject, Timestamp::from_millis(START + 60 * DAY_MILLIS));
    let evidence = assessment
        .map(|assessment| assessment.evidence)
        .unwrap_or_default();
    evidence
        .into_iter()
        .map(|(kind, count)| (kind.to_string(), (count.results, count.nonconforming)))
        .collect()
}

#[test]
fn a_correction_leaves_the_evidence_as_if_only_it_had_come() {
    let original = result(1, 1, 0, 5, true);
    let mut correction = result(2, 1, 0, 7, false);
    correction.supersedes = Some(original.inspection_id.clone());
    let mut alone = correction.clone();
    alone.supersedes = None;
    let subject = Subject::Enterprise(EnterpriseId::new("E1").unwrap());
    let corrected = counts(&[original.clone(), correction.clone()], &subject);
    assert_eq!(corrected, counts(&[alone], &subject));
    assert_eq!(corrected["supervisory_check"], (1, 0));
    // Before its original it waits; with it, it counts.
    assert!(counts(&[correction.clone()], &subject).is_empty());
    assert_eq!(counts(&[correction, original], &subject), corrected);
}

#[test]
fn of_two_corrections_the_later_wins_then_the_greater_id() {
    let original = result(1, 1, 0, 5, true);
    let correct = |id, day, fails| {
        let mut correction = result(id, 1, 0, day, fails);
        correction.supersedes = Some(original.inspection_id.clone());
        correction.observed_at = Timestamp::from_millis(START + day * DAY_MILLIS);
        correction
    };
    let subject = Subject::Enterprise(EnterpriseId::new("E1").unwrap());
    for (one, other, fails) in [(8, 9, 1), (9, 8, 0), (9, 9, 1)] {
        let rows = [
            original.clone(),
            correct(2, one, false),
            correct(3, other, true),
        ];
        assert_eq!(
            counts(&rows, &subject)["supervisory_check"],
            (1, fails),
            "{one} {other}"
        );
    }
}

#[test]
fn a_ring_of_corrections_is_refused() {
    let mut first = result(1, 1, 0, 5, true);
    let mut second = result(2, 1, 0, 6, true);
    let mut third = result(3, 1, 0, 7, true);
    first.supersedes = Some(third.inspection_id.clone());
    second.supersedes = Some(first.inspection_id.clone());
    third.supersedes = Some(second.inspection_id.clone());
    let mut desk = Desk::new(1);
    assert!(matches!(desk.post(0, &first), Outcome::Accepted(_)));
    assert!(matches!(desk.post(0, &second), Outcome::Accepted(_)));
    assert_eq!(
        desk.post(0, &third),
        Outcome::Rejected(EngineRejection::CorrectionCycle)
    );
}

#[test]
fn the_same_id_with_other_content_is_refused() {
    let mut desk = Desk::new(1);
    desk.post(0, &result(1, 1, 0, 5, true));
    assert_eq!(desk.post(0, &result(1, 1, 0, 5, true)), Outcome::Duplicate);
    let other = desk.post(0, &result(1, 1, 0, 5, false));
    assert_eq!(other, Outcome::Rejected(EngineRejection::IdentityConflict));
}

#[test]
fn a_confirmation_replaces_its_fast_test_and_counts_once() {
    let mut screen = result(1, 1, 0, 5, true);
    screen.mode = SelectionMode::FastTest;
    screen.test.kind = TestKind::Rapid;
    let mut laboratory = result(2, 1, 0, 9, false);
    laboratory.mode = SelectionMode::FastTest;
    laboratory.confirms = Some(screen.inspection_id.clone());
    let subject = Subject::Enterprise(EnterpriseId::new("E1").unwrap());
    assert_eq!(
        counts(&[screen.clone()], &subject),
        BTreeMap::from([("fast_screen".to_owned(), (1, 1))])
    );
    let verified = BTreeMap::from([("fast_verified".to_owned(), (1, 0))]);
    assert_eq!(counts(&[screen, laboratory], &subject), verified);
}

#[test]
fn follow_ups_stay_out_of_routine_history() {
    let routine = result(1, 1, 0, 5, true);
    let mut follow_up = result(2, 1, 0, 9, true);
    follow_up.follow_up_of = Some(routine.inspection_id.clone());
    let mut desk = Desk::new(1);
    desk.post(0, &routine);
    desk.post(0, &follow_up);
    desk.end(1);
    let subject = Subject::Enterprise(EnterpriseId::new("E1").unwrap());
    let at = Timestamp::from_millis(START + 60 * DAY_MILLIS);
    let with = desk.engine.provisional(&subject, at).unwrap();
    assert_eq!(with.evidence["follow_up"].results, 1);
    let mut without = Desk::new(1);
    without.post(0, &routine);
    without.end(1);
    let alone = without.engine.provisional(&subject, at).unwrap();
    assert!((with.probability - alone.probability).abs() < 1e-12);
}

#[test]
fn a_close_sees_nothing_that_was_read_beyond_it() {
    // The epoch of day 2 closes while day 20 has been read already from a partition far ahead.
    let near: Vec<InspectionResult> = (0..5)
        .map(|id| result(id, 1, 0, i64::from(id), true))
        .collect();
    let far: Vec<InspectionResult> = (5..9)
        .map(|id| result(id, 1, 1, 60 + i64::from(id), true))
        .collect();
    let mut ahead = Desk::new(2);
    for result in &far {
        ahead.post(1, result);
    }
    for result in &near {
        ahead.post(0, result);
    }
    let mut behind = Desk::new(2);
    for result in &near {
        behind.post(0, result);
    }
    for result in &far {
        behind.post(1, result);
    }
    assert_eq!(ahead.end(2), behind.end(2));
    let assessed = |desk: &Desk| -> Vec<String> {
        let mut all: Vec<String> = desk
            .effects
            .iter()
            .map(|effect| format!("{effect:?}"))
            .collect();
        all.sort();
        all
    };
    assert_eq!(assessed(&ahead), assessed(&behind));
}

#[test]
fn a_level_changed_record_stands_exactly_where_something_changed() {
    let mut desk = Desk::new(1);
    for id in 0..60 {
        desk.post(0, &result(id, id % 3, id % 2, i64::from(id), id % 4 == 0));
    }
    desk.end(1);
    let mut last: BTreeMap<Subject, (risk_domain::scales::RiskLevel, bool, bool, i32)> =
        BTreeMap::new();
    let mut recorded = 0;
    for effect in &desk.effects {
        if let Effect::Assessed(now) = effect {
            let state = (now.level, now.watch, now.inherited, now.band);
            assert_ne!(
                last.insert(now.subject.clone(), state),
                Some(state),
                "{}",
                now.subject
            );
            recorded += 1;
        }
    }
    assert!(recorded > 10, "only {recorded} assessments");
}
