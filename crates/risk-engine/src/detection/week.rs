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

/// What the results of a week say of a stream in a place（周证据）.
#[doc(alias = "周证据")]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    /// Log-likelihood ratios of each size of change against none.
    pub ratios: [f64; SIZES],
    /// Effective results, less those that were taken back.
    pub tested: f64,
    /// Of which failed.
    pub failed: f64,
    /// Failures that were to be expected.
    pub expected: f64,
    /// Results whose targets somebody had tipped off, less those that were taken back.
    pub tips: i64,
    /// Tips that were to be expected.
    pub tips_expected: f64,
}

impl Evidence {
    /// Adds what another stream says, which has no result in common with this one.
    pub fn add(&mut self, other: &Self) {
        for (ratio, other) in self.ratios.iter_mut().zip(other.ratios) {
            *ratio += other;
        }
        self.tested += other.tested;
        self.failed += other.failed;
        self.expected += other.expected;
        self.tips += other.tips;
        self.tips_expected += other.tips_expected;
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    ratios: [i128; SIZES],
    tested: i128,
    failed: i128,
    expected: i128,
    tips: i64,
}

impl Sums {
    fn merge(&mut self, other: &Self, sign: i64) {
        let wide = i128::from(sign);
        for (sum, ratio) in self.ratios.iter_mut().zip(other.ratios) {
            *sum += wide * ratio;
        }
        self.tested += wide * other.tested;
        self.failed += wide * other.failed;
        self.expected += wide * other.expected;
        self.tips += sign * other.tips;
    }
}

/// What one row says.
#[derive(Debug, Clone, Copy)]
pub struct Weighed(Sums);

/// The sums of a week（周汇总）, by stream and place under any names. Adding is commutative.
#[doc(alias = "周汇总")]
#[derive(Debug)]
pub struct WeekSums<'a, G, P> {
    snapshot: &'a Snapshot,
    settings: &'a DetectionSettings,
    streams: BTreeMap<(G, P), Sums>,
}

impl<'a, G: Ord, P: Ord> WeekSums<'a, G, P> {
    /// Nothing yet. `snapshot` is the last one before the week's close.
    pub fn new(snapshot: &'a Snapshot, settings: &'a DetectionSettings) -> Self {
        Self {
            snapshot,
            settings,
            streams: BTreeMap::new(),
        }
    }

    /// What a row says, of a target of these groups. `usual` are the target's lasting log-odds and their
    /// variance as they were weeks before; a target that was not known then is held against its like by
    /// now.
    pub fn weigh(&self, row: &Row, groups: &[u32], usual: Option<(f64, f64)>) -> Weighed {
        let snapshot = self.snapshot;
        let (usual, variance) = self.usual(row, groups, usual);
        // The mean over what is not known of the target, as a logit: without a change the ratio is
        // then 1 in the mean.
        let usual = usual / libm::sqrt(1.0 + std::f64::consts::PI * variance / 8.0);
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
        Weighed(Sums {
            ratios,
            tested: fixed(tested),
            failed: fixed(failed),
            expected: fixed(tested * before),
            tips: match row.basis {
                Basis::Informative => i64::from(row.results),
                Basis::Ignorable | Basis::Random => 0,
            },
        })
    }

    /// Calibrated log-odds with which a row was to fail, before its test, and the variance of the
    /// target's.
    pub(crate) fn usual(&self, row: &Row, groups: &[u32], usual: Option<(f64, f64)>) -> (f64, f64) {
        let snapshot = self.snapshot;
        let (lasting, variance) = usual.unwrap_or_else(|| snapshot.lasting_log_odds(groups));
        let query = Query {
            week: Some(row.week),
            mode: Some(row.mode),
            ..Query::new(groups)
        };
        let passing = snapshot.passing_log_odds(&query) + snapshot.strictness(row);
        (snapshot.calibrator.apply(lasting + passing), variance)
    }

    /// Adds what a row says to a stream and a place.
    pub fn add(&mut self, place: (G, P), row: &Weighed) {
        self.streams.entry(place).or_default().merge(&row.0, 1);
    }

    /// Takes away what a row says that was taken back.
    pub fn subtract(&mut self, place: (G, P), row: &Weighed) {
        self.streams.entry(place).or_default().merge(&row.0, -1);
    }

    /// The evidence by stream and place.
    pub fn finish(self) -> BTreeMap<(G, P), Evidence> {
        let streams = self.streams.into_iter();
        let evidence = |sums: Sums| Evidence {
            ratios: sums.ratios.map(float),
            tested: float(sums.tested),
            failed: float(sums.failed),
            expected: float(sums.expected),
            tips: sums.tips,
            tips_expected: 0.0,
        };
        streams
            .map(|(place, sums)| (place, evidence(sums)))
            .collect()
    }
}
