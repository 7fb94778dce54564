//! The register makes the frame: what is never tested counts, what is gone does not, and the order in
//! which it is read does not show.

use crate::desk::{Desk, START, result};
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::ids::{EnterpriseClass, EnterpriseId, ProductCode, SiteId, UpdateId, ZoneId};
use risk_domain::inspection::{Channel, InspectionResult};
use risk_domain::registry::{RegistryEntry, Volume};
use risk_domain::selection::{InclusionProbability, SelectionMode};
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::series::CITY;
use risk_engine::{Assessment, Caution, Effect, EngineRejection, FrameSource, Outcome, StateHash};
use std::sync::Arc;

/// What the register says on a day of an enterprise's booth: its products with their volumes.
fn entry(id: u32, enterprise: u32, day: i64, products: &[(u32, u32)]) -> RegistryEntry {
    let product = |(product, volume): &(u32, u32)| {
        let code = ProductCode::new(format!("P{product}")).unwrap();
        (code, Volume::new(*volume).unwrap())
    };
    RegistryEntry {
        update_id: UpdateId::new(format!("U{id:04}")).unwrap(),
        observed_at: Timestamp::from_millis(START + day * DAY_MILLIS),
        site_id: SiteId::new(format!("S{enterprise}")).unwrap(),
        enterprise_id: EnterpriseId::new(format!("E{enterprise}")).unwrap(),
        name: CompactString::const_new("义乌市某商行"),
        class: EnterpriseClass::new(format!("C{}", enterprise % 2)).ok(),
        zone_id: ZoneId::new(format!("F{}", enterprise % 3)).unwrap(),
        booth: None,
        channel: Channel::Market,
        open: true,
        products: products.iter().map(product).collect(),
    }
}

/// The assessment of a subject that stands at the end.
pub(crate) fn standing(desk: &Desk, subject: &str) -> Option<Assessment> {
    let subject: Subject = subject.parse().unwrap();
    let mut found = None;
    for effect in &desk.effects {
        if let Effect::Assessed(assessment) = effect
            && assessment.subject == subject
        {
            found = Some((**assessment).clone());
        }
    }
    found
}

/// Eight weeks of results: enterprise 1 always fails, the others never.
fn tested(enterprises: std::ops::Range<u32>) -> Vec<InspectionResult> {
    let mut results = Vec::new();
    for week in 0..8 {
        for enterprise in enterprises.clone() {
            let id = week * 10 + enterprise;
            let mut one = result(id, enterprise, 0, i64::from(week) * 7, enterprise == 1);
            one.mode = SelectionMode::RiskEvaluation;
            results.push(one);
        }
    }
    results
}

fn lived(entries: &[RegistryEntry], results: &[InspectionResult]) -> Desk {
    let mut desk = Desk::new(1);
    for entry in entries {
        desk.tell(entry);
    }
    for result in results {
        desk.post(0, result);
    }
    let hash = desk.end(1);
    assert_eq!(
        desk.rebuilt(),
        hash,
        "folding gives the state that was lived"
    );
    desk
}

#[test]
fn a_booth_that_was_never_tested_is_graded_from_what_it_shares_and_accuses_nobody() {
    let entries = [entry(1, 1, 0, &[(0, 1)]), entry(2, 9, 0, &[(0, 1), (1, 1)])];
    let desk = lived(&entries, &tested(1..4));
    let untested = standing(&desk, "enterprise:E9").unwrap();
    assert!(untested.inherited);
    assert!(untested.evidence.is_empty());
    assert_eq!(untested.zones.len(), 2, "{:?}", untested.zones);
    assert!(!standing(&desk, "enterprise:E1").unwrap().inherited);
    // E2 and E3 were tested, though the register does not know them.
    let source = FrameSource::Register {
        sites: 2,
        unregistered: 2,
    };
    assert_eq!(desk.engine.frame_source(), source);
    let weeks = desk.engine.series(CITY).unwrap().weeks();
    let frame = desk.engine.series(CITY).unwrap().frame(weeks.end - 1);
    assert_eq!(frame.unwrap().targets, 5);
    let class = desk.engine.series("class:C1").unwrap();
    assert_eq!(
        class.frame(weeks.end - 1).unwrap().targets,
        3,
        "E1, and E9 twice"
    );
    let channel = desk.engine.series("channel:market").unwrap();
    assert_eq!(channel.frame(weeks.end - 1).unwrap().targets, 5);
}

#[test]
fn a_mode_that_never_says_how_it_drew_is_named() {
    let mut results = tested(1..4);
    let desk = lived(&[], &results);
    let no_share = Caution::NoRandomShare {
        mode: SelectionMode::RiskEvaluation,
    };
    let starves = Caution::CalibrationStarves { results: 0 };
    assert_eq!(desk.engine.cautions(), [starves, no_share.clone()]);
    for result in &mut results {
        result.selection.inclusion_probability = InclusionProbability::new(0.5).ok();
    }
    let cautions = lived(&[], &results).engine.cautions();
    assert!(!cautions.contains(&no_share), "{cautions:?}");
    assert_eq!(cautions.len(), 1, "24 results are too few: {cautions:?}");
}

#[test]
fn without_a_register_the_frame_is_what_was_seen() {
    let desk = lived(&[], &tested(1..4));
    assert_eq!(desk.engine.frame_source(), FrameSource::Seen);
    let series = desk.engine.series(CITY).unwrap();
    assert_eq!(series.frame(series.weeks().end - 1).unwrap().targets, 3);
}

#[test]
fn a_product_is_the_mean_over_its_booths_by_their_volumes() {
    let probability = |volume: u32| {
        let entries = [entry(1, 1, 0, &[(0, volume)]), entry(2, 2, 0, &[(0, 1)])];
        let desk = lived(&entries, &tested(1..3));
        let cell = |at: u32| {
            let cell = standing(&desk, &format!("cell:E{at}:P0"));
            cell.map(|cell| cell.probability)
        };
        let now = Timestamp::from_millis(START + 60 * DAY_MILLIS);
        let product = desk.engine.provisional(&"product:P0".parse().unwrap(), now);
        (product.unwrap().probability, cell(1), cell(2))
    };
    let (alike, ..) = probability(1);
    let (heavy, ..) = probability(9);
    let desk = lived(
        &[entry(1, 1, 0, &[(0, 9)]), entry(2, 2, 0, &[(0, 1)])],
        &tested(1..3),
    );
    let now = Timestamp::from_millis(START + 60 * DAY_MILLIS);
    let of = |subject: &str| {
        let found = desk.engine.provisional(&subject.parse().unwrap(), now);
        found.unwrap().probability
    };
    let (failing, passing) = (of("enterprise:E1"), of("enterprise:E2"));
    assert!(failing > passing);
    assert!((alike - 0.5 * (failing + passing)).abs() < 1e-9);
    assert!((heavy - 0.9 * failing - 0.1 * passing).abs() < 1e-9);
}

#[test]
fn a_closed_booth_and_a_product_given_up_leave_the_frame() {
    let shut = RegistryEntry {
        open: false,
        ..entry(3, 1, 20, &[])
    };
    let entries = [
        entry(1, 1, 0, &[(0, 1)]),
        entry(2, 9, 0, &[(0, 1), (1, 1)]),
        shut,
        entry(4, 9, 20, &[(1, 1)]),
    ];
    let desk = lived(&entries, &tested(1..3));
    let series = desk.engine.series(CITY).unwrap();
    let told = series.weeks().filter_map(|week| series.frame(week));
    let targets: Vec<u32> = told.map(|frame| frame.targets).collect();
    // E2 was tested and is not registered; E9 keeps one product.
    assert_eq!((targets.first(), targets.last()), (Some(&4), Some(&2)));
    // A closed booth keeps its grade: its record is not forgotten.
    assert!(standing(&desk, "enterprise:E1").unwrap().probability > 0.1);
    // Another enterprise takes over the booth; what the old one sold there is gone.
    let taken = RegistryEntry {
        enterprise_id: EnterpriseId::new("E7").unwrap(),
        ..entry(5, 1, 30, &[(0, 4)])
    };
    let mut entries = entries.to_vec();
    entries.push(taken);
    let desk = lived(&entries, &tested(1..3));
    let series = desk.engine.series(CITY).unwrap();
    assert_eq!(series.frame(series.weeks().end - 1).unwrap().targets, 3);
    assert!(standing(&desk, "enterprise:E7").unwrap().inherited);
}

#[test]
fn an_entry_told_twice_is_a_duplicate_and_one_with_other_content_is_refused() {
    let mut desk = Desk::new(1);
    let told = entry(1, 1, 0, &[(0, 1)]);
    assert!(matches!(desk.tell(&told), Outcome::Accepted(_)));
    assert_eq!(desk.tell(&told), Outcome::Duplicate);
    let other = entry(1, 1, 0, &[(0, 2)]);
    let refused = Outcome::Rejected(EngineRejection::IdentityConflict);
    assert_eq!(desk.tell(&other), refused);
    desk.end(1);
    assert_eq!(desk.tell(&told), Outcome::Duplicate);
    assert_eq!(desk.tell(&other), refused);
}

/// Entries and results in the order given.
fn mixed(entries: &[RegistryEntry], results: &[InspectionResult], order: u64) -> StateHash {
    let mut desk = Desk::new(1);
    desk.hold_register();
    let (mut entries, mut results) = (entries.iter(), results.iter());
    for at in 0.. {
        let turn = order.rotate_right(at) & 1 == 1 || results.len() == 0;
        let told = if turn { entries.next() } else { None };
        let told = told.map(|entry| desk.tell(entry)).is_some();
        let posted = if told { None } else { results.next() };
        let posted = posted.map(|result| desk.post(0, result)).is_some();
        if !told && !posted && entries.len() + results.len() == 0 {
            break;
        }
    }
    desk.end(1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_the_register_does_not_show(
        told in prop::collection::vec((1u32..6, 0i64..28, 0u32..3, any::<bool>()), 1..12),
        order in any::<u64>(),
        swaps in any::<u64>(),
        cut in 0usize..12,
    ) {
        let mut entries: Vec<RegistryEntry> = (0..).zip(&told).map(|(id, (enterprise, day, volume, open))| {
            let products = [(0, volume + 1), (1, 3)];
            RegistryEntry { open: *open, ..entry(id, *enterprise, *day, &products[..(id % 3) as usize]) }
        }).collect();
        entries.sort_by_key(|entry| entry.observed_at);
        let results = tested(1..4);
        let expected = mixed(&entries, &results, u64::MAX);
        prop_assert_eq!(mixed(&entries, &results, order), expected);
        // All lie within the lateness of 30 days.
        let mut shuffled = entries.clone();
        for at in 1..shuffled.len() {
            if swaps >> (at % 64) & 1 == 1 {
                shuffled.swap(at - 1, at);
            }
        }
        prop_assert_eq!(mixed(&shuffled, &results, order), expected);
        let mut broken = Desk::new(1);
        broken.hold_register();
        for (at, entry) in entries.iter().enumerate() {
            broken.tell(entry);
            if at == cut {
                let mut frames = Vec::new();
                broken.engine.checkpoint(&mut |frame| frames.push(frame)).unwrap();
                let policy = Arc::new(broken.engine.policy().clone());
                let hash = broken.engine.state_hash();
                broken.engine = risk_engine::Engine::restore(policy, frames.into_iter()).unwrap();
                prop_assert_eq!(broken.engine.state_hash(), hash);
            }
        }
        for result in &results {
            broken.post(0, result);
        }
        prop_assert_eq!(broken.end(1), expected);
    }
}
