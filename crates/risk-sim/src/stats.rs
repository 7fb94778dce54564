//! Counts over a city's results, for a first look and for tests.

use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::selection::SelectionMode;
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts by mode and outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CityStats {
    /// How many results of each outcome, by mode.
    pub counts: BTreeMap<SelectionMode, BTreeMap<Outcome, u64>>,
    /// Laboratory results that confirm a fast test; counted under their mode too.
    pub confirmations: u64,
    /// Follow-up checks; counted under their mode too.
    pub follow_ups: u64,
}

impl CityStats {
    /// Counts results.
    pub fn of<'a>(results: impl IntoIterator<Item = &'a InspectionResult>) -> Self {
        let mut stats = Self::default();
        for result in results {
            let outcomes = stats.counts.entry(result.mode).or_default();
            *outcomes.entry(result.outcome).or_default() += 1;
            stats.confirmations += u64::from(result.confirms.is_some());
            stats.follow_ups += u64::from(result.follows_up());
        }
        stats
    }

    /// All results.
    pub fn total(&self) -> u64 {
        self.counts.values().flat_map(BTreeMap::values).sum()
    }

    /// Results of one mode with one outcome.
    pub fn count(&self, mode: SelectionMode, outcome: Outcome) -> u64 {
        let outcomes = self.counts.get(&mode);
        outcomes
            .and_then(|of| of.get(&outcome))
            .copied()
            .unwrap_or(0)
    }

    /// Share of judged samples that failed（不合格发现率）, uncorrected, confirmations and follow-ups
    /// included; `None` when none was judged.
    pub fn failure_rate(&self, mode: SelectionMode) -> Option<f64> {
        let failed = self.count(mode, Outcome::Nonconforming);
        let judged = failed + self.count(mode, Outcome::Conforming);
        (judged > 0).then(|| failed as f64 / judged as f64)
    }
}
