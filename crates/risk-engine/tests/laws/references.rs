//! References that lead nowhere: refused at a close, whatever was read first; and cases that a result
//! names, known before it or after.

use crate::desk::{Desk, result};
use proptest::prelude::*;
use risk_domain::ids::{CaseId, InspectionId};
use risk_domain::inspection::{InspectionResult, TestKind};
use risk_domain::selection::SelectionMode;
use risk_engine::{Effect, Reference, ReferenceRefused};

fn id(number: u32) -> InspectionId {
    InspectionId::new(format!("R{number:05}")).unwrap()
}

fn screen(number: u32, day: i64) -> InspectionResult {
    let mut screen = result(number, 1, 0, day, true);
    screen.mode = SelectionMode::FastTest;
    screen.test.kind = TestKind::Rapid;
    screen
}

/// A laboratory's result upon a fast test.
fn upon(number: u32, day: i64, of: u32) -> InspectionResult {
    let mut one = result(number, 1, 0, day, true);
    one.mode = SelectionMode::FastTest;
    one.confirms = Some(id(of));
    one
}

fn refused(desk: &Desk) -> Vec<ReferenceRefused> {
    let effects = desk.effects.iter();
    let refused = effects.filter_map(|effect| {
        let Effect::ReferenceRefused(refused) = effect else {
            return None;
        };
        Some((**refused).clone())
    });
    refused.collect()
}

#[test]
fn a_result_that_confirms_a_test_nobody_made_is_told_after_its_close_and_the_grace() {
    let mut desk = Desk::new(1);
    desk.post(0, &upon(1, 2, 99));
    // The lateness of this engine is 30 days; the grace of the policy 7.
    desk.post(0, &result(2, 2, 0, 2 + 30 + 7, false));
    assert!(refused(&desk).is_empty(), "its grace is not over");
    desk.post(0, &result(3, 2, 0, 2 + 30 + 7 + 9, false));
    let told = refused(&desk);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].inspection_id, id(1));
    assert_eq!(told[0].reference, Reference::Confirms(id(99)));
    desk.end(1);
    assert_eq!(refused(&desk).len(), 1, "told once");
    assert_eq!(desk.rebuilt(), desk.engine.state_hash());
}

#[test]
fn a_test_that_comes_within_the_grace_makes_the_reference_good() {
    let mut desk = Desk::new(1);
    desk.post(0, &upon(1, 2, 3));
    desk.post(0, &screen(3, 8));
    desk.post(0, &result(4, 2, 0, 80, false));
    desk.end(1);
    assert!(refused(&desk).is_empty());
}

#[test]
fn a_case_that_there_is_not_is_refused_and_moves_nothing() {
    let mut desk = Desk::new(1);
    desk.post(0, &screen(1, 2));
    let state = desk.engine.cases().next().unwrap().state;
    let mut lost = result(2, 3, 0, 3, false);
    lost.case_id = CaseId::new("00000000000000000000000000000000").ok();
    desk.post(0, &lost);
    // Something later, so that weeks close.
    desk.post(0, &result(4, 2, 0, 60, false));
    desk.end(1);
    let told = refused(&desk);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].reference.field(), "case_id");
    assert_eq!(desk.engine.cases().count(), 1);
    let now = desk.engine.cases().next().unwrap();
    assert_eq!(
        now.events
            .iter()
            .filter(|event| event.state != state)
            .count(),
        0
    );
}

/// The id of the case that a failed fast test opens.
fn case_of(screen: &InspectionResult) -> CaseId {
    let mut desk = Desk::new(1);
    desk.post(0, screen);
    desk.engine.cases().next().unwrap().id.clone()
}

#[test]
fn a_result_moves_the_case_that_it_names_whichever_came_first() {
    let opens = screen(1, 2);
    let case = case_of(&opens);
    // Of another product, so that nothing but the id leads to the case.
    let mut names = result(2, 1, 1, 3, false);
    names.mode = SelectionMode::FastTest;
    names.case_id = Some(case.clone());
    let ended = |first: &InspectionResult, second: &InspectionResult| {
        let mut desk = Desk::new(2);
        desk.post(0, first);
        desk.post(1, second);
        let moved = desk.engine.case(&case).unwrap().clone();
        let hash = desk.end(2);
        assert_eq!(desk.rebuilt(), hash);
        (moved, hash, refused(&desk))
    };
    let (before, hash, told) = ended(&opens, &names);
    let (after, other, _) = ended(&names, &opens);
    assert!(
        !before.state.is_open(),
        "a laboratory cleared it: {before:?}"
    );
    assert_eq!(before, after);
    assert_eq!(hash, other);
    assert!(told.is_empty());
}

proptest! {
    #[test]
    fn what_is_refused_is_a_function_of_the_set(
        links in proptest::collection::vec((0_i64..28, 1_u32..14, any::<bool>()), 2..12),
        turn in 0_usize..12,
    ) {
        let results: Vec<InspectionResult> = links
            .iter()
            .enumerate()
            .map(|(number, (day, of, linked))| {
                let number = number as u32 + 1;
                if *linked && *of != number {
                    upon(number, *day, *of)
                } else {
                    screen(number, *day)
                }
            })
            .collect();
        let told = |order: &[&InspectionResult]| {
            let mut desk = Desk::new(1);
            for one in order {
                desk.post(0, one);
            }
            desk.post(0, &result(90, 2, 0, 100, false));
            let hash = desk.end(1);
            let mut all = refused(&desk);
            all.sort_by(|one, other| one.inspection_id.cmp(&other.inspection_id));
            (hash, all)
        };
        let mut straight: Vec<&InspectionResult> = results.iter().collect();
        straight.sort_by_key(|one| one.observed_at);
        let mut turned = straight.clone();
        turned.rotate_left(turn % results.len());
        // All lie within the lateness, whatever comes first.
        prop_assert_eq!(told(&straight), told(&turned));
    }
}
