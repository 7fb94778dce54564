//! Laws of the engine: order, duplication, correction and partition must not show in the state.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot build its input must fail"
)]

use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::ids::{
    AgencyId, EnterpriseId, InspectionId, ItemCode, ProductCode, SectorCode, SiteId, TeamId, ZoneId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, InspectionResult, Outcome as TestOutcome, ProductRef,
    SampleCounts, SiteRef, TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::scales::Severity;
use risk_domain::selection::{Selection, SelectionBasis, SelectionMode};
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::{
    Effect, Engine, EngineRejection, Input, Linked, Outcome, Policy, Recorded, Registration,
    ResultInput, SourcePartition, StateHash, Taxonomy,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const START: i64 = 1_735_689_600_000; // 2025-01-01T00:00:00Z

fn result(
    id: u32,
    enterprise: u32,
    product: u32,
    day: i64,
    nonconforming: bool,
) -> InspectionResult {
    let observed_at =
        Timestamp::from_millis(START + day * DAY_MILLIS + i64::from(id % 1000) * 60_000);
    let item = TestItem {
        code: ItemCode::new("small-parts").unwrap(),
        name: CompactString::new("小零件"),
        clause: None,
        method: None,
        measured: None,
        limit: None,
        unit: None,
        verdict: if nonconforming {
            Verdict::Nonconforming
        } else {
            Verdict::Conforming
        },
        hazard: None,
        severity: Some(Severity::try_from((id % 4 + 1) as u8).unwrap()),
    };
    InspectionResult {
        inspection_id: InspectionId::new(format!("R{id:05}")).unwrap(),
        supersedes: None,
        sampled_at: observed_at.plus_millis(-3 * DAY_MILLIS),
        tested_at: None,
        observed_at,
        mode: SelectionMode::SupervisoryCheck,
        agency: Agency {
            id: AgencyId::new("330782").unwrap(),
            level: AgencyLevel::County,
        },
        team_id: TeamId::new("T1").unwrap(),
        selection: Selection {
            basis: SelectionBasis::Random,
            draw_id: None,
            inclusion_probability: None,
            campaign_id: None,
        },
        site: SiteRef {
            site_id: SiteId::new(format!("S{enterprise}")).unwrap(),
            enterprise_id: EnterpriseId::new(format!("E{enterprise}")).unwrap(),
            name: CompactString::new("义乌市某商行"),
            zone_id: ZoneId::new(format!("F{}", enterprise % 3)).unwrap(),
            booth: None,
            channel: Channel::Market,
            platform: None,
        },
        producer: None,
        supplier: None,
        product: ProductRef {
            category: ProductCode::new(format!("P{product}")).unwrap(),
            name: CompactString::new("塑胶玩具"),
            brand: None,
            model: None,
            standard: None,
            lot_no: None,
            lot_size: None,
            gtin: None,
        },
        sample: SampleCounts::default(),
        test: TestRef {
            kind: TestKind::Laboratory,
            method_id: None,
            lab_id: None,
        },
        outcome: if nonconforming {
            TestOutcome::Nonconforming
        } else {
            TestOutcome::Conforming
        },
        items: vec![item],
        confirms: None,
        follow_up_of: None,
        case_id: None,
        extra: BTreeMap::new(),
    }
}

fn partition(number: i32) -> SourcePartition {
    SourcePartition {
        source: CompactString::const_new("test"),
        partition: number,
    }
}

/// Accepted results, each with its epoch.
type Accepted = BTreeMap<InspectionId, (InspectionResult, risk_engine::Epoch)>;

/// What the engine must be shown with a result, from what has been accepted so far.
fn linked(accepted: &Accepted, engine: &Engine, result: &InspectionResult) -> Vec<Linked> {
    let missing = engine.missing_links(result);
    let found = missing.iter().filter_map(|id| accepted.get(id));
    found
        .map(|(result, epoch)| Linked {
            result: result.clone(),
            epoch: *epoch,
        })
        .collect()
}

/// An engine with a shell around it that looks up what the engine asks for.
struct Desk {
    engine: Engine,
    accepted: Accepted,
    recorded: Vec<Entry>,
    effects: Vec<Effect>,
}

enum Entry {
    Result(SourcePartition, Box<InspectionResult>, risk_engine::Epoch),
    Register(Registration),
    Hold(Vec<SourcePartition>),
    Ended(Vec<SourcePartition>),
    Effect(Effect),
}

fn new_engine() -> Engine {
    // A lateness of 30 days, so that permutations within it are far ones.
    let text = include_str!("../../../config/policy/default.toml");
    let text = text.replace("lateness_minutes = 1440", "lateness_minutes = 43200");
    Engine::new(
        Arc::new(Policy::from_toml(&text).unwrap()),
        Taxonomy::default(),
    )
    .unwrap()
}

fn registrations() -> Vec<Registration> {
    let zone = |id: &str, parent: Option<&str>| Registration::Zone {
        zone: ZoneId::new(id).unwrap(),
        parent: parent.map(|parent| ZoneId::new(parent).unwrap()),
    };
    let product = |id: &str| Registration::Product {
        product: ProductCode::new(id).unwrap(),
        sector: SectorCode::new("toys").unwrap(),
        severity_mix: None,
    };
    let mut all = vec![zone("city", None)];
    all.extend(["F0", "F1", "F2"].map(|floor| zone(floor, Some("city"))));
    all.extend(["P0", "P1"].map(product));
    all
}

impl Desk {
    fn new(partitions: i32) -> Self {
        let mut desk = Self {
            engine: new_engine(),
            accepted: BTreeMap::new(),
            recorded: Vec::new(),
            effects: Vec::new(),
        };
        for registration in registrations() {
            desk.input(
                &Input::Register(&registration),
                Entry::Register(registration.clone()),
            );
        }
        let held: Vec<SourcePartition> = (0..partitions).map(partition).collect();
        desk.input(&Input::Hold(&held), Entry::Hold(held.clone()));
        desk
    }

    fn input(&mut self, input: &Input<'_>, entry: Entry) {
        let step = self.engine.step(input);
        self.recorded.push(entry);
        self.keep(step.effects);
    }

    fn keep(&mut self, effects: Vec<Effect>) {
        self.recorded
            .extend(effects.iter().cloned().map(Entry::Effect));
        self.effects.extend(effects);
    }

    fn linked(&self, engine: &Engine, result: &InspectionResult) -> Vec<Linked> {
        linked(&self.accepted, engine, result)
    }

    fn post(&mut self, partition_number: i32, result: &InspectionResult) -> Outcome {
        let name = partition(partition_number);
        let linked = self.linked(&self.engine, result);
        let known = self.accepted.get(&result.inspection_id);
        let seen = known.map(|(before, _)| u128::from(before != result));
        let index = self.engine.partition(&name);
        let input = ResultInput {
            partition: index,
            result,
            digest: 0,
            seen,
            linked: &linked,
        };
        let step = self.engine.step(&Input::Result(input));
        if let Outcome::Accepted(accepted) = step.outcome {
            let epoch = accepted.epoch.unwrap();
            self.accepted
                .insert(result.inspection_id.clone(), (result.clone(), epoch));
            self.recorded
                .push(Entry::Result(name, Box::new(result.clone()), epoch));
        }
        self.keep(step.effects);
        step.outcome
    }

    fn end(&mut self, partitions: i32) -> StateHash {
        let held: Vec<SourcePartition> = (0..partitions).map(partition).collect();
        self.input(&Input::Ended(&held), Entry::Ended(held.clone()));
        self.engine.state_hash()
    }

    /// Folds what was recorded into a new engine.
    fn rebuilt(&self) -> StateHash {
        let mut engine = new_engine();
        // A record refers to what stands before it; what comes later is not known yet.
        let mut accepted = Accepted::new();
        for entry in &self.recorded {
            match entry {
                Entry::Result(partition, result, epoch) => {
                    let linked = linked(&accepted, &engine, result);
                    let id = result.inspection_id.clone();
                    accepted.insert(id, ((**result).clone(), *epoch));
                    engine.fold(&Recorded::Result {
                        partition,
                        result,
                        epoch: *epoch,
                        linked: &linked,
                    });
                }
                Entry::Register(registration) => {
                    engine.fold(&Recorded::Input(&Input::Register(registration)));
                }
                Entry::Hold(held) => engine.fold(&Recorded::Input(&Input::Hold(held))),
                Entry::Ended(ended) => engine.fold(&Recorded::Input(&Input::Ended(ended))),
                Entry::Effect(effect) => engine.fold(&Recorded::Effect(effect)),
            }
        }
        engine.state_hash()
    }

    fn alert_ids(&self) -> BTreeSet<String> {
        let id = |effect: &Effect| match effect {
            Effect::AlertRaised(alert) => Some(alert.id.to_string()),
            Effect::EpochClosed(_) | Effect::Assessed(_) | Effect::SnapshotFitted(_) => None,
        };
        self.effects.iter().filter_map(id).collect()
    }
}

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
            if kind == 6 {
                new.selection.basis = SelectionBasis::FollowUp;
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

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
