//! What supply paths lend: only from others, never beyond the bound, and nothing of it enters a grade.

use crate::desk::{Desk, START, result};
use proptest::prelude::*;
use risk_domain::ids::{EnterpriseId, InspectionId};
use risk_domain::inspection::{InspectionResult, Producer};
use risk_domain::time::{CivilOffset, Day};
use risk_engine::{Policy, SharedPaths};
use std::sync::LazyLock;

static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::builtin().unwrap());

fn day(days: i32) -> Day {
    Day::from_ymd(2025, 1, 1).unwrap().plus(days)
}

/// A result with goods of one lot of a maker.
fn of_lot(id: u32, enterprise: u32, days: i64, failed: bool) -> InspectionResult {
    let mut one = result(id, enterprise, 0, days, failed);
    one.producer = Some(Producer {
        enterprise_id: EnterpriseId::new("M1").ok(),
        name: "某玩具厂".into(),
        region: None,
    });
    one.product.lot_no = Some("L7".into());
    one.supplier = EnterpriseId::new("W1").ok();
    one
}

fn lent(paths: &SharedPaths, enterprise: u32, on: i32) -> (u32, f64) {
    let enterprise = EnterpriseId::new(format!("E{enterprise}")).unwrap();
    let offset = CivilOffset::from_minutes(480).unwrap();
    let policy = &POLICY.alert.paths;
    let influence = paths.influence(&enterprise, None, day(on), policy, offset);
    assert!(influence.points <= influence.bound);
    (influence.enterprises, influence.points)
}

#[test]
fn others_lend_once_each_however_many_paths_they_share_and_never_beyond_the_bound() {
    let mut paths = SharedPaths::default();
    paths.admit(1, &of_lot(1, 1, 2, false));
    paths.admit(2, &of_lot(2, 2, 3, true));
    paths.admit(3, &of_lot(3, 2, 4, true));
    assert_eq!(lent(&paths, 1, 9), (1, 2.5), "three paths, one enterprise");
    assert_eq!(lent(&paths, 2, 9), (0, 0.0), "nobody lends to themselves");
    assert_eq!(
        lent(&paths, 3, 9),
        (0, 0.0),
        "who has none of it shares nothing"
    );
    for other in 3..12 {
        paths.admit(u64::from(other), &of_lot(other, other, 5, true));
    }
    assert_eq!(lent(&paths, 1, 9), (10, 10.0));
    let policy = &POLICY.alert.paths;
    assert_eq!(
        lent(&paths, 1, 2 + 90).0,
        0,
        "after {} days it shares nothing",
        policy.days
    );
}

#[test]
fn a_correction_takes_back_what_it_replaces_and_ten_points_double_the_odds() {
    let mut paths = SharedPaths::default();
    paths.admit(1, &of_lot(1, 1, 2, false));
    paths.admit(2, &of_lot(2, 2, 3, true));
    let mut corrected = of_lot(3, 2, 4, false);
    corrected.supersedes = InspectionId::new("R00002").ok();
    paths.admit(3, &corrected);
    assert_eq!(lent(&paths, 1, 9), (0, 0.0));
    for other in 4..9 {
        paths.admit(u64::from(other), &of_lot(other, other, 5, true));
    }
    let offset = CivilOffset::from_minutes(480).unwrap();
    let one = EnterpriseId::new("E1").unwrap();
    let influence = paths.influence(&one, None, day(9), &POLICY.alert.paths, offset);
    let with = influence.upon(0.2);
    assert!((with / (1.0 - with) - 2.0 * 0.25).abs() < 1e-12, "{with}");
}

#[test]
fn no_estimate_knows_of_it() {
    let subject = "enterprise:E1".parse().unwrap();
    let graded = |shared: bool| {
        let mut desk = Desk::new(1);
        for id in 1..40 {
            let mut one = of_lot(id, 2 + id % 5, i64::from(id), true);
            if !shared {
                one.supplier = None;
                one.producer = None;
                one.product.lot_no = None;
            }
            desk.post(0, &one);
        }
        let mut own = of_lot(90, 1, 41, false);
        if !shared {
            own.supplier = None;
            own.producer = None;
            own.product.lot_no = None;
        }
        desk.post(0, &own);
        desk.end(1);
        let now = risk_domain::time::Timestamp::from_millis(START + 50 * 86_400_000);
        desk.engine.provisional(&subject, now).unwrap().probability
    };
    assert!((graded(true) - graded(false)).abs() < 1e-15);
}

proptest! {
    #[test]
    fn the_order_of_reading_does_not_show(
        seeds in proptest::collection::vec((0_u32..5, 0_i64..60, any::<bool>(), 0_u32..20), 1..20),
        turn in 0_usize..20,
    ) {
        let results: Vec<InspectionResult> = seeds.iter().enumerate().map(|(at, (of, days, failed, link))| {
            let id = at as u32 + 1;
            let mut one = of_lot(id, *of, *days, *failed);
            if link % 4 == 0 {
                one.supersedes = InspectionId::new(format!("R{:05}", link % id)).ok();
            } else if link % 4 == 1 {
                one.confirms = InspectionId::new(format!("R{:05}", link % id)).ok();
            }
            one
        }).collect();
        let shown = |order: &[usize]| {
            let mut paths = SharedPaths::default();
            for at in order {
                paths.admit(*at as u64, &results[*at]);
            }
            (0..5).map(|of| lent(&paths, of, 61)).collect::<Vec<_>>()
        };
        let straight: Vec<usize> = (0..results.len()).collect();
        let mut turned = straight.clone();
        turned.rotate_left(turn % results.len());
        turned.reverse();
        prop_assert_eq!(shown(&straight), shown(&turned));
    }
}
