//! Signals of hazard items: an item that fails more than it used to alerts at a weekly close, whatever
//! order results are read in, and not when it fails as ever.

use crate::desk::{Desk, result};
use risk_domain::ids::{InspectionId, ItemCode};
use risk_domain::inspection::InspectionResult;
use risk_engine::AlertRule;

/// A year of two products with a steady rate of failures; from day 280 on an item of the first fails more,
/// if `breaks`.
fn year(breaks: bool) -> Vec<InspectionResult> {
    let mut all = Vec::new();
    for day in 0..330_i64 {
        for nth in 0..4_u32 {
            let id = day as u32 * 10 + nth;
            // One test in fifteen fails as ever.
            let turn = day as u32 * 4 + nth;
            let mut failed = turn.is_multiple_of(15);
            let mut code = ["small-parts", "seams", "flame"][(turn / 15 % 3) as usize];
            if breaks && day >= 280 && nth == 0 && day % 3 == 0 {
                (failed, code) = (true, "magnet");
            }
            let mut one = result(id, turn % 40, nth % 2, day, failed);
            one.items[0].code = ItemCode::new(code).unwrap();
            all.push(one);
        }
    }
    all
}

fn found(results: &[InspectionResult], partitions: i32) -> (Vec<(String, String)>, Desk) {
    let mut desk = Desk::new(partitions);
    for (place, one) in results.iter().enumerate() {
        desk.post(place as i32 % partitions, one);
    }
    let hash = desk.end(partitions);
    assert_eq!(desk.rebuilt(), hash);
    let mut told = Vec::new();
    for entry in desk.alerts() {
        if entry.alert.rules.contains(&AlertRule::HazardItem) {
            told.push((entry.subject.to_string(), entry.alert.reason_en.clone()));
        }
    }
    (told, desk)
}

#[test]
fn an_item_that_fails_more_than_it_used_to_is_told_and_one_that_fails_as_ever_is_not() {
    let (quiet, _) = found(&year(false), 1);
    assert!(quiet.is_empty(), "{quiet:?}");
    let (told, _) = found(&year(true), 1);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "product:P0");
    assert!(told[0].1.contains("`magnet`"), "{told:?}");
}

#[test]
fn the_alert_leads_to_the_failures_of_its_item() {
    let (_, desk) = found(&year(true), 1);
    let all = desk.alerts();
    let raised = all
        .iter()
        .find(|entry| entry.alert.rules.contains(&AlertRule::HazardItem));
    let behind = &raised.unwrap().alert.inspections;
    assert!(behind.len() >= 3, "{behind:?}");
    for id in behind {
        let (result, _) = &desk.accepted[id];
        assert_eq!(result.items[0].code.as_str(), "magnet");
    }
}

#[test]
fn corrections_take_the_failures_away_and_partitions_do_not_show() {
    let mut results = year(true);
    let failures: Vec<InspectionResult> = results
        .iter()
        .filter(|one| one.items[0].code.as_str() == "magnet")
        .cloned()
        .collect();
    // Each is corrected within the day: nothing failed.
    for (place, failure) in failures.iter().enumerate() {
        let mut corrected = failure.clone();
        corrected.inspection_id = InspectionId::new(format!("C{place:04}")).unwrap();
        corrected.supersedes = Some(failure.inspection_id.clone());
        corrected.outcome = risk_domain::inspection::Outcome::Conforming;
        corrected.items[0].verdict = risk_domain::inspection::Verdict::Conforming;
        corrected.observed_at = corrected.observed_at.plus_millis(60_000);
        results.push(corrected);
    }
    results.sort_by_key(|one| (one.observed_at, one.inspection_id.clone()));
    let (told, one) = found(&results, 1);
    assert!(told.is_empty(), "{told:?}");
    let (told, two) = found(&results, 3);
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(one.engine.state_hash(), two.engine.state_hash());
    let (_, one) = found(&year(true), 1);
    let (_, three) = found(&year(true), 3);
    assert_eq!(one.engine.state_hash(), three.engine.state_hash());
}
