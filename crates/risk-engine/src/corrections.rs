//! Which results count, of those that are told in any order（结果更正）: a correction stands in the place of what it
//! corrects, and a laboratory that finds nothing takes a failed fast test back.

use crate::event_time::Epoch;
use risk_domain::ids::InspectionId;
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What corrections and laboratories say of results, for views of all results.
#[derive(Debug, Clone, Default)]
pub(crate) struct Corrections {
    /// What replaces a result: the correction observed last; of two at the same time, the greater id.
    replaced: BTreeMap<InspectionId, (Timestamp, InspectionId)>,
    /// Fast tests that a laboratory found nothing in, with the results that say so, and what these correct.
    cleared: BTreeMap<InspectionId, Vec<(InspectionId, Option<InspectionId>)>>,
}

impl Corrections {
    /// Takes in what a result says of others.
    pub(crate) fn admit(&mut self, result: &InspectionResult) {
        let id = &result.inspection_id;
        if let Some(replaced) = &result.supersedes {
            let correction = (result.observed_at, id.clone());
            let last = self.replaced.entry(replaced.clone());
            let last = last.or_insert_with(|| correction.clone());
            if *last < correction {
                *last = correction;
            }
        }
        if let (Some(cleared), Outcome::Conforming) = (&result.confirms, result.outcome) {
            let by = self.cleared.entry(cleared.clone()).or_default();
            by.push((id.clone(), result.supersedes.clone()));
        }
    }

    /// Whether a correction of this result is known.
    pub(crate) fn replaces(&self, corrected: &InspectionId) -> bool {
        self.replaced.contains_key(corrected)
    }

    /// Whether no other result stands in the place of this one, which corrects `supersedes`.
    pub(crate) fn stands(&self, id: &InspectionId, supersedes: Option<&InspectionId>) -> bool {
        let corrects = |replaced| {
            let last = self.replaced.get(replaced);
            last.is_none_or(|(_, last)| last == id)
        };
        !self.replaced.contains_key(id) && supersedes.is_none_or(corrects)
    }

    /// Whether what this result found counts: it stands, and no laboratory cleared it.
    pub(crate) fn counts(&self, id: &InspectionId, supersedes: Option<&InspectionId>) -> bool {
        let mut by = self.cleared.get(id).into_iter().flatten();
        self.stands(id, supersedes) && !by.any(|(by, of)| self.stands(by, of.as_ref()))
    }
}

/// Results that others take back, each with the epoch of the first that does: for what closes count.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TakenBack(BTreeMap<InspectionId, Epoch>);

impl TakenBack {
    /// A result of an epoch takes another back.
    pub(crate) fn admit(&mut self, taken: &InspectionId, epoch: Epoch) {
        let first = self.0.entry(taken.clone()).or_insert(epoch);
        *first = epoch.min(*first);
    }

    /// Whether a result is taken back by the close of an epoch.
    pub(crate) fn by(&self, id: &InspectionId, epoch: Epoch) -> bool {
        self.0.get(id).is_some_and(|at| *at <= epoch)
    }

    /// Forgets what was taken back before an epoch, unless `kept` says that it is still asked for.
    pub(crate) fn forget(&mut self, since: Epoch, kept: impl Fn(&InspectionId) -> bool) {
        self.0.retain(|id, at| *at >= since || kept(id));
    }

    /// Bytes on the heap, about.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.len() * size_of::<(InspectionId, Epoch)>()
    }
}
