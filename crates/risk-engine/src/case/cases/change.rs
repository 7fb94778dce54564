//! What changed of a docket's cases, as the ledger records it.

use crate::case::{Case, CaseEvent};
use risk_domain::ids::CaseId;
use serde::{Deserialize, Serialize};

/// What changed in a case: recorded in the ledger, and enough to rebuild the case without judging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseMove {
    /// The case as it stands, with the new events only.
    pub case: Case,
    /// How many of its first events stand as they were; those after them are replaced by the new ones.
    pub kept: u32,
}

/// What changed in a case before something that had happened in it（案件补记）: a record that came late stands in
/// its place, and what followed stands as it was. Nothing that was told is told again.
#[doc(alias = "案件补记")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseInsert {
    /// The case as it stands, with the new events only.
    pub moved: CaseMove,
    /// How many of its last events stand after the new ones, as they were.
    pub stays: u32,
}

impl CaseMove {
    /// Puts the new events where they stand among those that a case had, of which so many of the last stay.
    pub(super) fn put_into(&self, stays: u32, events: &mut Vec<CaseEvent>) {
        let stay = events.len().saturating_sub(stays as usize);
        let after = events.split_off(stay);
        events.truncate(self.kept as usize);
        events.extend_from_slice(&self.case.events);
        events.extend(after);
    }
}

impl CaseInsert {
    /// Puts the new events where they stand among those that a case had.
    pub fn put_into(&self, events: &mut Vec<CaseEvent>) {
        self.moved.put_into(self.stays, events);
    }
}

impl From<CaseMove> for CaseInsert {
    /// A change after which nothing stands.
    fn from(moved: CaseMove) -> Self {
        Self { moved, stays: 0 }
    }
}

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
