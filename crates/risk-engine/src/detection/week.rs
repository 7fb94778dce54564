//! What a week says of a change（周证据）: log-likelihood ratios, product by product and zone by zone.

use super::{DetectionSettings, SIZES};
use crate::logodds::{Basis, Query, Row, Snapshot, UNITS};
use std::collections::BTreeMap;

/// Binary places of sums.
const PLACES: f64 = 4_294_967_296.0;

pub(super) fn fixed(value: f64) -> i128 {
    libm::round(value * PLACES) as i128
}

pub(super) fn float(sum: i128) -> f64 {
    sum as f64 / PLACES
}

/// What the results of a week say of one product in one zone.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Evidence {
    /// Log-likelihood ratios of each size of change against none.
    pub(super) ratios: [f64; SIZES],
    /// Effective results.
    pub(super) tested: f64,
    /// Of which failed.
    pub(super) failed: f64,
    /// Failures that were to be expected.
    pub(super) expected: f64,
    /// Results whose targets somebody had tipped off.
    pub(super) tips: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    ratios: [i128; SIZES],
    tested: i128,
    failed: i128,
    expected: i128,
    tips: u32,
}

/// The sums of a week（周汇总）, by product and zone under any names. Adding is commutative.
#[doc(alias = "周汇总")]
#[derive(Debug)]
pub struct WeekSums<'a, K> {
    snapshot: &'a Snapshot,
    settings: &'a DetectionSettings,
    streams: BTreeMap<(K, K), Sums>,
}

impl<'a, K: Ord> WeekSums<'a, K> {
    /// Nothing yet. `snapshot` is the last one before the week's close.
    pub fn new(snapshot: &'a Snapshot, settings: &'a DetectionSettings) -> Self {
        Self {
            snapshot,
            settings,
            streams: BTreeMap::new(),
        }
    }

    /// A row of the week, of a target of these groups in a product and zone. `usual` are the target's
    /// lasting log-odds and their variance as they were weeks before; a target that was not known
    /// then is held against its like by now.
    pub fn add(&mut self, place: (K, K), row: &Row, groups: &[u32], usual: Option<(f64, f64)>) {
        let snapshot = self.snapshot;
        let (lasting, variance) = usual.unwrap_or_else(|| snapshot.lasting_log_odds(groups));
        let query = Query {
            groups,
            week: Some(row.week),
            mode: Some(row.mode),
        };
        let passing = snapshot.passing_log_odds(&query) + snapshot.strictness(row);
        // The mean over what is not known of the target, as a logit: without a change the ratio is
        // then 1 in the mean.
        let doubt = libm::sqrt(1.0 + std::f64::consts::PI * variance / 8.0);
        let usual = snapshot.calibrator.apply(lasting + passing) / doubt;
        let (tested, failed) = (
            f64::from(row.tested) / f64::from(UNITS),
            f64::from(row.failed) / f64::from(UNITS),
        );
        let before = snapshot.through_test(row, usual);
        let ratios = self.settings.sizes.map(|size| {
            let after = snapshot.through_test(row, usual + size);
            let failure = libm::log(after / before);
            let pass = libm::log((1.0 - after) / (1.0 - before));
            fixed(failed * failure + (tested - failed) * pass)
        });
        let sums = self.streams.entry(place).or_default();
        for (sum, ratio) in sums.ratios.iter_mut().zip(ratios) {
            *sum += ratio;
        }
        sums.tested += fixed(tested);
        sums.failed += fixed(failed);
        sums.expected += fixed(tested * before);
        if row.basis == Basis::Informative {
            sums.tips += row.results;
        }
    }

    pub(super) fn finish(self) -> BTreeMap<(K, K), Evidence> {
        let streams = self.streams.into_iter();
        let evidence = |sums: Sums| Evidence {
            ratios: sums.ratios.map(float),
            tested: float(sums.tested),
            failed: float(sums.failed),
            expected: float(sums.expected),
            tips: sums.tips,
        };
        streams
            .map(|(place, sums)| (place, evidence(sums)))
            .collect()
    }
}
