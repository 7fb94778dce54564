use super::*;
use crate::demo::{DemoCity, DemoSettings};
use crate::frame::example;
use risk_domain::time::Day;
use std::collections::BTreeMap;

const SEED: u64 = 21;

fn results() -> Vec<InspectionResult> {
    println!("seed {SEED}");
    let settings = DemoSettings {
        seed: SEED,
        enterprises: 600,
        last_day: Day::from_ymd(2026, 3, 31).unwrap(),
        weeks: 40,
    };
    DemoCity::generate(&settings, &example::frame())
        .unwrap()
        .results
}

#[test]
fn a_way_without_faults_changes_nothing() {
    let results = results();
    let none = FaultRates {
        duplicates: 0.0,
        corrections: 0.0,
        delayed: 0.0,
        lateness_millis: 0,
    };
    let delivered = with_faults(&results, 1, &none).unwrap();
    let arrived: Vec<InspectionResult> = delivered.into_iter().map(|of| of.result).collect();
    assert_eq!(arrived, results);
}

#[test]
fn faults_are_of_the_three_kinds_and_within_the_lateness() {
    let results = results();
    let rates = FaultRates {
        duplicates: 0.05,
        corrections: 0.05,
        delayed: 0.3,
        lateness_millis: 7_200_000,
    };
    let delivered = with_faults(&results, 2, &rates).unwrap();
    assert_eq!(
        delivered,
        with_faults(&results, 2, &rates).unwrap(),
        "seeded"
    );
    assert_ne!(delivered, with_faults(&results, 3, &rates).unwrap());
    let by_id: BTreeMap<_, _> = results.iter().map(|of| (&of.inspection_id, of)).collect();
    let mut counts = [0_usize; 3];
    let mut newest = Timestamp::MIN;
    let mut overtaken = 0;
    for Delivery { result, kind } in &delivered {
        counts[*kind as usize] += 1;
        overtaken += usize::from(result.observed_at < newest);
        assert!(newest.millis_since(result.observed_at) <= rates.lateness_millis);
        newest = newest.max(result.observed_at);
        match kind {
            DeliveryKind::Original | DeliveryKind::Duplicate => {
                assert_eq!(by_id[&result.inspection_id], result);
            }
            DeliveryKind::Correction => {
                assert!(!by_id.contains_key(&result.inspection_id));
                let original = by_id[result.supersedes.as_ref().unwrap()];
                assert!(original.observed_at < result.observed_at);
                let failed = result.failed_items().count() > 0;
                assert_eq!(failed, result.outcome == Outcome::Nonconforming);
            }
        }
    }
    assert_eq!(counts[DeliveryKind::Original as usize], results.len());
    assert!(
        counts[1] > 20 && counts[2] > 20 && overtaken > 20,
        "{counts:?} {overtaken}"
    );
}
