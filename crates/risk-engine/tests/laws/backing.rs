//! How a single result counts, and whose results a part of a score comes from.

use crate::desk::{Desk, result};
use proptest::prelude::*;
use risk_domain::ids::{InspectionId, SiteId, ZoneId};
use risk_domain::inspection::{InspectionResult, Outcome, TestKind};
use risk_domain::selection::SelectionMode;
use risk_domain::subject::Subject;
use risk_engine::{Counting, Part};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_result_says_how_it_counts() {
    let plain = result(1, 1, 0, 1, false);
    let first = result(2, 1, 0, 1, true);
    let mut corrected = result(3, 1, 0, 2, false);
    corrected.supersedes = Some(first.inspection_id.clone());
    let mut screen = result(4, 1, 1, 2, true);
    screen.mode = SelectionMode::FastTest;
    screen.test.kind = TestKind::Rapid;
    let mut laboratory = result(5, 1, 1, 4, false);
    laboratory.confirms = Some(screen.inspection_id.clone());
    let mut early = result(6, 1, 0, 4, false);
    early.supersedes = InspectionId::new("R99999").ok();
    let mut untested = result(7, 1, 0, 4, false);
    untested.outcome = Outcome::Untestable;
    untested.items.clear();
    let all = [
        &plain,
        &first,
        &corrected,
        &screen,
        &laboratory,
        &early,
        &untested,
    ];
    let mut desk = Desk::new(1);
    for one in all {
        desk.post(0, one);
    }
    let counting = |desk: &Desk, one: &InspectionResult| {
        let (_, epoch) = desk.accepted[&one.inspection_id];
        desk.engine.counting(one, epoch)
    };
    assert_eq!(counting(&desk, &plain), Counting::NotClosed);
    assert_eq!(counting(&desk, &corrected), Counting::NotClosed);
    desk.end(1);
    for (one, expected) in [
        (&plain, Counting::Counted),
        (&first, Counting::Replaced),
        (&corrected, Counting::Counted),
        (&screen, Counting::Confirmed),
        (&laboratory, Counting::Confirms),
        (&early, Counting::Waiting),
        (&untested, Counting::NoTest),
    ] {
        assert_eq!(counting(&desk, one), expected, "{}", one.inspection_id);
    }
}

#[test]
fn a_part_is_traced_to_those_whose_results_it_comes_from() {
    let mut desk = Desk::new(1);
    for (id, enterprise, product) in [(1, 1, 0), (2, 1, 1), (3, 2, 0)] {
        desk.post(0, &result(id, enterprise, product, 1, false));
    }
    desk.end(1);
    let behind = |subject: &str, part| -> Vec<String> {
        let subject: Subject = subject.parse().unwrap();
        let sources = desk.engine.behind(&subject, part).into_iter();
        let text = |zone: Option<_>| zone.map_or_else(String::new, |zone| format!(" in {zone}"));
        sources
            .map(|source| format!("{}{}", source.subject, text(source.zone)))
            .collect()
    };
    assert_eq!(behind("cell:E1:P0", Part::OwnRecord), ["cell:E1:P0"]);
    assert_eq!(
        behind("enterprise:E1", Part::Product),
        ["product:P0", "product:P1"]
    );
    assert_eq!(behind("site:S1", Part::Sector), ["sector:toys"]);
    assert_eq!(
        behind("enterprise:E2", Part::ProductZone),
        ["product:P0 in F2"]
    );
    assert_eq!(behind("product:P0", Part::Product), ["product:P0"]);
    assert!(behind("product:P0", Part::Zone).is_empty());
    assert!(behind("cell:E1:P0", Part::Base).is_empty());
}

proptest! {
    /// Whether something has a place in a zone is what the results say, asked one by one or of a zone at once.
    #[test]
    fn what_lies_in_a_zone_is_where_it_was_tested(
        tested in proptest::collection::vec((0_u32..9, 0_u32..2, 0_u32..4), 1..30),
    ) {
        let mut desk = Desk::new(1);
        let zone_of = |number: u32| ["F0", "F1", "F2", "city"][number as usize];
        let mut places: BTreeMap<Subject, BTreeSet<&str>> = BTreeMap::new();
        for (id, (enterprise, product, place)) in (0..).zip(&tested) {
            let mut one = result(id, *enterprise, *product, i64::from(id % 5), false);
            one.site.zone_id = ZoneId::new(zone_of(*place)).unwrap();
            one.site.site_id = SiteId::new(format!("E{enterprise}-{place}")).unwrap();
            for subject in [
                Subject::Enterprise(one.site.enterprise_id.clone()),
                Subject::Site(one.site.site_id.clone()),
                Subject::Cell(one.site.enterprise_id.clone(), one.product.category.clone()),
            ] {
                places.entry(subject).or_default().insert(zone_of(*place));
            }
            desk.post(0, &one);
        }
        desk.end(1);
        let strange: Subject = "enterprise:E99".parse().unwrap();
        for name in ["city", "F0", "F1", "F2"] {
            let zone = ZoneId::new(name).unwrap();
            let within = desk.engine.within(&zone);
            for (subject, own) in &places {
                let lies = name == "city" || own.contains(name);
                prop_assert_eq!(within.holds(subject), lies, "{} in {}", subject, name);
                prop_assert_eq!(desk.engine.lies_in(subject, &zone), lies);
            }
            prop_assert!(!within.holds(&strange) && !desk.engine.lies_in(&strange, &zone));
            prop_assert!(within.holds_zone(&zone));
            prop_assert_eq!(within.holds_zone(&ZoneId::new("city").unwrap()), name == "city");
        }
    }
}
