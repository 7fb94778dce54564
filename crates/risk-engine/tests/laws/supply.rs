//! Supply paths: what failed at several enterprises and came by one way is one alert; a correction takes
//! its failure back, and the order of reading does not show.

use crate::desk::{Desk, result};
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::ids::EnterpriseId;
use risk_domain::inspection::{
    InspectionResult, Outcome as TestOutcome, Producer, TestKind, Verdict,
};
use risk_domain::selection::SelectionMode;
use risk_engine::{AlertRule, Outcome};

fn supplied(id: u32, enterprise: u32, day: i64) -> InspectionResult {
    let mut one = result(id, enterprise, 0, day, true);
    one.supplier = Some(EnterpriseId::new("W1").unwrap());
    one
}

/// Results that the alerts by supply path name.
fn behind(desk: &Desk) -> Vec<String> {
    let all = desk.alerts();
    let of_paths = all
        .iter()
        .filter(|one| one.alert.rules.contains(&AlertRule::SupplyPath));
    let results = of_paths.flat_map(|one| &one.alert.inspections);
    results.map(ToString::to_string).collect()
}

/// Subjects and sentences of alerts by supply path.
fn found(desk: &Desk) -> Vec<(String, String)> {
    let all = desk.alerts();
    let of_paths = all
        .iter()
        .filter(|one| one.alert.rules.contains(&AlertRule::SupplyPath));
    let mut found: Vec<(String, String)> = of_paths
        .map(|one| (one.subject.to_string(), one.alert.reason_zh.clone()))
        .collect();
    found.sort();
    found
}

fn run(results: &[InspectionResult]) -> (Vec<(String, String)>, risk_engine::StateHash) {
    let mut desk = Desk::new(1);
    for one in results {
        assert!(!matches!(desk.post(0, one), Outcome::Rejected(_)));
    }
    let hash = desk.end(1);
    assert_eq!(desk.rebuilt(), hash);
    (found(&desk), hash)
}

#[test]
fn goods_of_one_supplier_that_fail_at_three_enterprises_are_one_alert_that_names_them() {
    let two = [supplied(1, 1, 0), supplied(2, 1, 1), supplied(3, 2, 2)];
    assert!(
        run(&two).0.is_empty(),
        "one enterprise twice is one enterprise"
    );
    let mut three = two.to_vec();
    three.push(supplied(4, 3, 3));
    let (found, _) = run(&three);
    let [(subject, reason)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(subject, "enterprise:W1");
    assert!(
        reason.contains("W1") && reason.contains("3家企业"),
        "{reason}"
    );
    assert!(
        ["S1", "S2", "S3"].iter().all(|site| reason.contains(site)),
        "{reason}"
    );
    // Ninety days hold them together, one day less does not.
    let far = |last: i64| {
        run(&[supplied(1, 1, 1), supplied(2, 2, 2), supplied(3, 3, last)])
            .0
            .len()
    };
    assert_eq!((far(90), far(91)), (1, 0));
}

#[test]
fn the_alert_leads_to_the_last_failure_of_each_enterprise_whoever_it_is_about() {
    let mut desk = Desk::new(1);
    for one in [
        supplied(1, 1, 0),
        supplied(2, 1, 1),
        supplied(3, 2, 2),
        supplied(4, 3, 3),
    ] {
        desk.post(0, &one);
    }
    let hash = desk.end(1);
    // The supplier was inspected nowhere itself: without these nothing would lead to the failures.
    assert_eq!(behind(&desk), ["R00002", "R00003", "R00004"]);
    assert_eq!(desk.rebuilt(), hash);
}

#[test]
fn what_a_steady_stream_of_cleared_fast_tests_leaves_behind_does_not_grow() {
    let mut desk = Desk::new(1);
    let mut after_half = 0;
    for day in 0..600_u32 {
        let mut screen = supplied(2 * day, 1, i64::from(day));
        // Monitoring opens no case, and a case is kept for ever.
        screen.mode = SelectionMode::RiskEvaluation;
        screen.test.kind = TestKind::Rapid;
        let mut cleared = result(2 * day + 1, 1, 0, i64::from(day), false);
        cleared.observed_at = screen.observed_at.plus_millis(60_000);
        cleared.mode = SelectionMode::RiskEvaluation;
        cleared.confirms = Some(screen.inspection_id.clone());
        desk.post(0, &screen);
        desk.post(0, &cleared);
        if day == 300 {
            after_half = desk.engine.memory().raised;
        }
    }
    let (before, now) = (after_half, desk.engine.memory().raised);
    assert!(
        now <= before + 4096,
        "{before} bytes after half the time, {now} now"
    );
}

#[test]
fn a_lot_is_one_of_a_maker_and_a_trademark_one_of_a_product() {
    let lots = |maker: fn(u32) -> &'static str| {
        let of = |number: u32| {
            let mut one = result(number, number, 0, i64::from(number), true);
            one.product.lot_no = Some(CompactString::const_new("L7"));
            one.producer = Some(Producer {
                enterprise_id: None,
                name: CompactString::new(maker(number)),
                region: None,
            });
            one
        };
        let all: Vec<InspectionResult> = (1..4).map(of).collect();
        run(&all).0
    };
    assert_eq!(lots(|_| "晨光玩具厂").len(), 1);
    assert!(lots(|number| ["甲厂", "乙厂"][number as usize % 2]).is_empty());
    let brands = |product: fn(u32) -> u32| {
        let of = |number: u32| {
            let mut one = result(number, number, product(number), i64::from(number), true);
            one.product.brand = Some(CompactString::const_new("晨光"));
            one
        };
        let all: Vec<InspectionResult> = (1..4).map(of).collect();
        run(&all).0
    };
    assert_eq!(brands(|_| 0).len(), 1);
    assert!(brands(|number| number % 2).is_empty());
}

#[test]
fn a_correction_takes_its_failure_back() {
    let mut corrected = supplied(4, 3, 3);
    corrected.supersedes = Some(supplied(3, 3, 2).inspection_id);
    corrected.outcome = TestOutcome::Conforming;
    corrected.items[0].verdict = Verdict::Conforming;
    let all = [
        supplied(1, 1, 0),
        supplied(2, 2, 1),
        supplied(3, 3, 2),
        corrected,
    ];
    // In one epoch's reach of each other, so that no close counts the failure before it is corrected.
    let same_day: Vec<InspectionResult> = all
        .iter()
        .map(|one| {
            let mut one = one.clone();
            one.observed_at = all[3].observed_at;
            one
        })
        .collect();
    assert!(run(&same_day).0.is_empty());
    assert_eq!(run(&all[..3]).0.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_in_which_failures_are_read_does_not_show(
        order in Just((0..8usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let all: Vec<InspectionResult> =
            (0..8u32).map(|id| supplied(id, id % 4 + 1, i64::from(id) * 3)).collect();
        let shuffled: Vec<InspectionResult> = order.iter().map(|at| all[*at].clone()).collect();
        prop_assert_eq!(run(&all), run(&shuffled));
    }
}
