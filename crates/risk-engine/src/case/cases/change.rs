//! What changed of a docket's cases, as the ledger records it.

use super::{CaseInsert, CaseMove};
use crate::case::{Case, CaseEvent};
use risk_domain::ids::CaseId;

/// A change of a case that is to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CaseChange {
    Moved(Box<CaseMove>),
    Inserted(Box<CaseInsert>),
    Gone(CaseId),
}

impl CaseChange {
    /// The case, where there is one.
    pub(super) fn case(&self) -> Option<&Case> {
        match self {
            Self::Moved(moved) => Some(&moved.case),
            Self::Inserted(insert) => Some(&insert.moved.case),
            Self::Gone(_) => None,
        }
    }
}

pub(super) fn lengths(cases: &[Case]) -> Vec<usize> {
    cases.iter().map(|case| case.events.len()).collect()
}

/// What must be recorded of cases that only went on, from so many events each.
pub(super) fn additions(lengths: &[usize], cases: &[Case]) -> Vec<CaseChange> {
    let lengths = lengths.iter().copied().chain(std::iter::repeat(0));
    let went_on = lengths
        .zip(cases)
        .filter(|(length, case)| case.events.len() > *length);
    let moved = |(length, case): (usize, &Case)| {
        CaseChange::Moved(Box::new(CaseMove {
            case: case.going_on_from(length),
            kept: length as u32,
        }))
    };
    went_on.map(moved).collect()
}

/// What must be recorded for `before` to become `after`.
pub(super) fn difference(before: &[Case], after: &[Case]) -> Vec<CaseChange> {
    let mut changes = Vec::new();
    let stays = |case: &&Case| after.iter().any(|other| other.id == case.id);
    let gone = before.iter().filter(|case| !stays(case));
    changes.extend(gone.map(|case| CaseChange::Gone(case.id.clone())));
    for case in after {
        let known = before.iter().find(|known| known.id == case.id);
        if known == Some(case) {
            continue;
        }
        let same = |(one, other): &(&CaseEvent, &CaseEvent)| one == other;
        let events = known.map_or(&[][..], |known| &known.events);
        let kept = events.iter().zip(&case.events).take_while(same).count();
        let (old, new) = (events.iter().skip(kept), case.events.iter().skip(kept));
        let stays = old.rev().zip(new.rev()).take_while(same).count();
        let mut moved = CaseMove {
            case: case.going_on_from(kept),
            kept: kept as u32,
        };
        let told = moved.case.events.len() - stays;
        moved.case.events.truncate(told);
        changes.push(if stays == 0 {
            CaseChange::Moved(Box::new(moved))
        } else {
            let stays = stays as u32;
            CaseChange::Inserted(Box::new(CaseInsert { moved, stays }))
        });
    }
    changes
}
