//! How a single result counts, and whose results a part of a score comes from.

use crate::desk::{Desk, result};
use risk_domain::ids::InspectionId;
use risk_domain::inspection::{InspectionResult, Outcome, TestKind};
use risk_domain::selection::SelectionMode;
use risk_domain::subject::Subject;
use risk_engine::{Counting, Part};

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
