//! Early warning: an outbreak alerts where it is, soon, once; what was corrected never was.

use crate::desk::{Desk, result};
use risk_domain::ids::{EnterpriseId, InspectionId, ProductCode, SiteId, ZoneId};
use risk_domain::inspection::{InspectionResult, Outcome, Verdict};
use risk_domain::subject::Subject;
use risk_engine::{Alert, AlertRule, Effect, Engine};
use std::sync::Arc;

const WEEKS: i64 = 44;
/// The week in which product P1 begins to fail in zone F1.
const ONSET: i64 = 34;
const ENTERPRISES: u32 = 60;
/// Results of a product in a week.
const A_WEEK: u32 = 15;

/// A number that looks drawn, from the golden ratio: evenly spread over [0, 1).
fn spread(number: u32) -> f64 {
    (f64::from(number) * 0.618_033_988_749_895).fract()
}

/// One failure in ten, evenly; three of five in the outbreak.
fn lived() -> Vec<InspectionResult> {
    let mut results = Vec::new();
    for week in 0..WEEKS {
        for at in 0..A_WEEK {
            for product in 0..2 {
                let id = results.len() as u32;
                let enterprise = (week as u32 * A_WEEK + at) % ENTERPRISES;
                let broke_out = product == 1 && enterprise % 3 == 1 && week >= ONSET;
                let rate = if broke_out { 0.6 } else { 0.1 };
                let failed = spread(id) < rate;
                let day = week * 7 + i64::from(at % 5);
                let mut one = result(id, enterprise, product, day, failed);
                one.sampled_at = one.observed_at;
                // No item here is severe enough to alert by itself.
                one.items.iter_mut().for_each(|item| item.severity = None);
                results.push(one);
            }
        }
    }
    results.sort_by_key(|one| one.observed_at);
    results
}

fn outbreaks(desk: &Desk) -> Vec<&Alert> {
    let alerts = desk.effects.iter().filter_map(|effect| {
        let Effect::AlertRaised(alert) = effect else {
            return None;
        };
        Some(&**alert)
    });
    alerts
        .filter(|alert| alert.rule == AlertRule::Outbreak)
        .collect()
}

/// Week of an instant.
fn week_of(alert: &Alert) -> i64 {
    (alert.raised_at.millis() - crate::desk::START).div_euclid(7 * 86_400_000)
}

fn p1() -> Subject {
    Subject::Product(ProductCode::new("P1").unwrap())
}

#[test]
fn an_outbreak_alerts_where_it_is_and_nothing_else_does() {
    let mut desk = Desk::new(1);
    for one in &lived() {
        desk.post(0, one);
    }
    let state = desk.end(1);
    let found = outbreaks(&desk);
    for alert in &found {
        println!(
            "{} {} {:?} {}",
            week_of(alert),
            alert.subject,
            alert.zone,
            alert.reason_en
        );
    }
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|alert| week_of(alert) >= ONSET),
        "false alarms"
    );
    let first = found.iter().find(|alert| alert.subject == p1()).unwrap();
    assert_eq!(first.zone, ZoneId::new("F1").ok());
    assert!(week_of(first) < ONSET + 6);
    assert!(first.reason_en.contains("F1") && first.reason_zh.contains("F1"));
    let again = found.iter().filter(|alert| alert.subject == p1());
    assert!(again.count() <= 2, "it was shouted");
    let listed = desk.engine.watch_list();
    let mut listed = listed.iter();
    let listed = listed.find(|one| one.subject == p1() && one.zone == first.zone);
    let listed = listed.unwrap();
    assert!(listed.probability > 0.9);
    // What is usual has begun to follow.
    assert!(listed.recent.failed > 1.5 * listed.recent.expected);
    assert_eq!(desk.rebuilt(), state);
}

#[test]
fn the_order_in_which_partitions_are_read_does_not_show() {
    let mut results = lived();
    // Enterprises that one order reads of long before any close counts them.
    for (at, one) in results.iter_mut().enumerate().filter(|(at, _)| at % 5 == 0) {
        let name = format!("{}7", 1000 + at / 40);
        one.site.enterprise_id = EnterpriseId::new(format!("E{name}")).unwrap();
        one.site.site_id = SiteId::new(format!("S{name}")).unwrap();
    }
    let one_by_one = || {
        let mut desk = Desk::new(2);
        for one in &results {
            let partition = i32::from(one.site.enterprise_id.as_str().ends_with('7'));
            desk.post(partition, one);
        }
        (desk.end(2), desk.alert_ids())
    };
    let one_after_the_other = || {
        let mut desk = Desk::new(2);
        for partition in 0..2 {
            for one in &results {
                if partition == i32::from(one.site.enterprise_id.as_str().ends_with('7')) {
                    desk.post(partition, one);
                }
            }
        }
        (desk.end(2), desk.alert_ids())
    };
    assert_eq!(one_by_one(), one_after_the_other());
}

#[test]
fn failures_that_are_corrected_the_same_day_break_nothing_out() {
    let mut desk = Desk::new(1);
    let mut corrections = 0;
    for one in &lived() {
        desk.post(0, one);
        let broke_out = one.product.category.as_str() == "P1"
            && one.site.zone_id.as_str() == "F1"
            && one.outcome == Outcome::Nonconforming
            && one.observed_at.millis() >= crate::desk::START + ONSET * 7 * 86_400_000;
        if broke_out {
            let mut corrected = one.clone();
            corrected.inspection_id = InspectionId::new(format!("C{corrections}")).unwrap();
            corrected.supersedes = Some(one.inspection_id.clone());
            corrected.outcome = Outcome::Conforming;
            for item in &mut corrected.items {
                item.verdict = Verdict::Conforming;
            }
            desk.post(0, &corrected);
            corrections += 1;
        }
    }
    let state = desk.end(1);
    assert!(corrections > 10);
    assert!(outbreaks(&desk).is_empty(), "{:?}", outbreaks(&desk));
    assert_eq!(desk.rebuilt(), state);
}

#[test]
fn a_checkpoint_within_an_outbreak_goes_on_as_if_there_had_been_none() {
    let results = lived();
    let (before, after) = results.split_at(results.len() * 5 / 6);
    let mut whole = Desk::new(1);
    let mut resumed = Desk::new(1);
    for one in before {
        whole.post(0, one);
        resumed.post(0, one);
    }
    let mut frames = Vec::new();
    resumed
        .engine
        .checkpoint(&mut |frame| frames.push(frame))
        .unwrap();
    let policy = Arc::new(resumed.engine.policy().clone());
    resumed.engine = Engine::restore(policy, frames.into_iter()).unwrap();
    for one in after {
        whole.post(0, one);
        resumed.post(0, one);
    }
    assert_eq!(whole.end(1), resumed.end(1));
    assert_eq!(whole.alert_ids(), resumed.alert_ids());
    assert!(!outbreaks(&whole).is_empty());
}
