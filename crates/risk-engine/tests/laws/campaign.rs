//! What a campaign changed, and how those who test moved: planted, and found again.

use crate::desk::{Desk, result};
use risk_domain::ids::LabId;
use risk_domain::inspection::{InspectionResult, TestKind};
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_engine::Domain;
use risk_engine::rates::Period;
use std::ops::Range;

const WEEKS: u32 = 26;
const ENTERPRISES: u32 = 20;
/// The first Monday of the desk's time, in its days.
const MONDAY: i64 = 5;

/// Three results a week of every enterprise, which fail with a probability in percent of the week, the
/// enterprise and the laboratory (one of eight).
fn played(percent: impl Fn(u32, u32, u32) -> u32) -> Desk {
    let mut desk = Desk::new(1);
    let mut id = 0;
    for week in 0..WEEKS {
        for at in 0..3 * ENTERPRISES {
            let (enterprise, laboratory) = (at % ENTERPRISES, (at / 3 + week) % 8);
            let dice = id_hash(id) % 100;
            let fails = dice < percent(week, enterprise, laboratory);
            let day = MONDAY + i64::from(week) * 7 + i64::from(at / ENTERPRISES);
            let mut one = result(id, enterprise, at % 2, day, fails);
            one.sampled_at = one.observed_at;
            one.test.lab_id = LabId::new(format!("L{laboratory}")).ok();
            desk.post(0, &one);
            id += 1;
        }
    }
    desk.end(1);
    desk
}

/// Spreads numbers over all 32 bits (the finalizer of MurmurHash3).
fn id_hash(id: u32) -> u32 {
    let mut hash = id.wrapping_add(1);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn weeks() -> (Range<u16>, Range<u16>) {
    // 2025-01-06, the first Monday after the desk's start.
    let first = Period::week_of(Day::from_ymd(2025, 1, 6).unwrap());
    let middle = first + WEEKS as u16 / 2;
    (first..middle, middle..first + WEEKS as u16)
}

fn enterprises(numbers: Range<u32>) -> Vec<Domain> {
    let named = numbers.map(|one| Domain::parse(&format!("enterprise:E{one}")).unwrap());
    named.collect()
}

#[test]
fn a_campaign_on_some_enterprises_is_found_and_where_nothing_changed_none() {
    let desk = played(
        |week, enterprise, _| match (enterprise < 5, week < WEEKS / 2) {
            (true, true) => 40,
            (true, false) => 10,
            (false, _) => 25,
        },
    );
    let (before, after) = weeks();
    let effect = |domains: &[Domain]| desk.engine.adjusted_effect(domains, &before, &after);
    let found = effect(&enterprises(0..5)).unwrap();
    println!("{found:?}");
    assert_eq!((found.before.results, found.after.results), (195, 195));
    // (.1/.9) / (.4/.6)
    let planted = 1.0 / 6.0;
    assert!(found.lower < planted && planted < found.upper && found.upper < 0.5);
    // The same as a change of rates, in the same order.
    let change = found.change;
    assert!(change.lower < change.value && change.value < change.upper && change.upper < 0.0);
    let apart = found.rate_after - found.rate_before;
    assert!((-0.45..-0.15).contains(&apart), "{apart}");
    // One alone is told too, with more doubt; a product is a domain as well.
    let alone = effect(&enterprises(0..1)).unwrap();
    assert!(alone.upper / alone.lower > found.upper / found.lower);
    assert!(effect(&[Domain::parse("product:P0").unwrap()]).is_some());
    // Of the city there is nobody else to compare with, and of a stranger nothing to tell.
    let city = effect(&[Domain::City]).unwrap();
    let failures = city.before.failures + city.after.failures;
    assert!(city.before.results == 780 && failures > 200, "{city:?}");
    assert!(effect(&[Domain::parse("enterprise:E99").unwrap()]).is_none());
    let long_ago = desk
        .engine
        .adjusted_effect(&[Domain::City], &(0..9), &after);
    assert!(long_ago.is_none());
    // Nothing changed anywhere.
    let desk = played(|_, _, _| 25);
    let set = enterprises(0..5);
    let none = desk.engine.adjusted_effect(&set, &before, &after).unwrap();
    println!("{none:?}");
    assert!(none.lower < 1.0 && 1.0 < none.upper);
    assert!(none.change.lower < 0.0 && 0.0 < none.change.upper);
}

#[test]
fn a_laboratory_that_became_stricter_drifts_and_the_others_do_not() {
    let desk = played(|week, _, laboratory| match (laboratory, week < WEEKS / 2) {
        // Five times the odds of one in five.
        (0, false) => 55,
        _ => 20,
    });
    let report = desk.engine.observer_report(Period::Quarter, 8).unwrap();
    let history = &report.history.laboratories;
    assert_eq!(history.len(), 8);
    let mut all = 0;
    for (name, one) in history {
        println!("{name}: {:?} {}", one.drift, one.drifting);
        assert_eq!(one.drifting, name == "L0", "{name}: {:?}", one.drift);
        let results: i64 = one.periods.iter().map(|period| period.results).sum();
        all += results;
        assert!(
            one.periods
                .is_sorted_by(|one, next| one.weeks.start > next.weeks.start)
        );
    }
    assert_eq!(all, i64::from(WEEKS * 3 * ENTERPRISES));
    let drift = history["L0"].drift.unwrap();
    assert!(
        drift.lower > 1.0 && drift.lower < 5.0 && drift.upper > 5.0,
        "{drift:?}"
    );
    // Of all inspectors there is one: nobody to compare it with.
    let inspector = &report.history.inspectors["T1"];
    assert!(inspector.drift.is_none() && !inspector.drifting);
    assert!(
        inspector
            .periods
            .iter()
            .all(|period| period.strictness.is_none())
    );
}

#[test]
fn what_laboratories_said_of_fast_tests_is_counted_by_period() {
    let mut desk = Desk::new(1);
    let fast = |id: u32, positive: bool| {
        let mut one = result(id, id % 5, 0, MONDAY, positive);
        one.mode = SelectionMode::FastTest;
        one.test.kind = TestKind::Rapid;
        one
    };
    let verified = |id: u32, of: &InspectionResult, fails: bool| {
        let mut one = fast(id, fails);
        one.site = of.site.clone();
        one.test.kind = TestKind::Laboratory;
        one.confirms = Some(of.inspection_id.clone());
        one
    };
    let tests: Vec<InspectionResult> = (0..10).map(|id| fast(id, id < 4)).collect();
    for one in &tests {
        desk.post(0, one);
    }
    // Three of the four positives go to the laboratory, which confirms two; of the negatives one, which
    // fails there.
    for (id, (of, fails)) in [(0, true), (1, true), (2, false), (7, true)]
        .into_iter()
        .enumerate()
    {
        desk.post(0, &verified(100 + id as u32, &tests[of], fails));
    }
    // Two weeks later, so that a fit is in force.
    for week in 1..3 {
        desk.post(
            0,
            &result(200 + week, 1, 0, MONDAY + 7 * i64::from(week), false),
        );
    }
    desk.end(1);
    let report = desk.engine.observer_report(Period::Quarter, 8).unwrap();
    let [told] = report.history.methods["rapid"].as_slice() else {
        panic!("{:?}", report.history.methods)
    };
    assert_eq!((told.tests, told.positives), (10, 4));
    assert_eq!(told.verified_positives, (3, 2));
    assert_eq!(told.verified_negatives, (1, 1));
    let (share, bounds) = told.confirmed.unwrap();
    assert!((share - 2.0 / 3.0).abs() < 1e-12 && bounds.lower < share && share < bounds.upper);
}
