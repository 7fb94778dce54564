//! What came of draws（抽取执行情况）: a view of results by the draw that they name.

use risk_domain::ids::{DrawId, InspectionId};
use risk_domain::inspection::{InspectionResult, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// Results by draw. A corrected result counts no more, whichever of the two came first.
#[derive(Debug, Clone, Default)]
pub struct DrawnResults {
    of: BTreeMap<DrawId, BTreeMap<InspectionId, bool>>,
    replaced: BTreeSet<InspectionId>,
}

impl DrawnResults {
    /// Takes in an accepted result.
    pub fn admit(&mut self, result: &InspectionResult) {
        if let Some(replaced) = &result.supersedes {
            self.replaced.insert(replaced.clone());
        }
        let failed = match result.outcome {
            Outcome::Conforming => false,
            Outcome::Nonconforming => true,
            Outcome::Refused
            | Outcome::Terminated
            | Outcome::NotSampled
            | Outcome::RejectedByLab
            | Outcome::Untestable => return,
        };
        if let Some(draw) = &result.selection.draw_id {
            let of = self.of.entry(draw.clone()).or_default();
            of.insert(result.inspection_id.clone(), failed);
        }
    }

    /// Tests that name a draw, and how many of them failed.
    pub(crate) fn of(&self, draw: &DrawId) -> (u64, u64) {
        let named = self.of.get(draw).into_iter().flatten();
        let stand = named.filter(|(id, _)| !self.replaced.contains(*id));
        stand.fold((0, 0), |(done, failures), (_, failed)| {
            (done + 1, failures + u64::from(*failed))
        })
    }
}
