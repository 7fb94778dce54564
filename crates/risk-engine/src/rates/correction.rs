//! How far the truth lies from the model's mean, from draws of known probability.

use super::tally::Told;
use super::{FrameWeek, WeekTally};
use crate::logodds::solve::Symmetric;
use risk_domain::selection::SelectionMode;
use std::collections::BTreeMap;
use std::ops::Range;

/// Standard deviation of the model's error, as a share of its mean: wide, so that the draws decide.
const ERROR: f64 = 0.5;
/// Weeks after which the model's error is forgotten by a factor of e. Chosen with [`ERROR`] on ten
/// synthetic cities, where the interval then held the truth in 95 % of the quarters.
const PERSISTENCE: f64 = 26.0;
/// Weeks before a period that still tell of the error in it.
const LOOK_BACK: u16 = 104;

/// The truth less the model's mean over the frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    pub(super) value: f64,
    pub(super) variance: f64,
    pub(super) results: u64,
}

/// All that the draws say, by mode and week.
pub(super) struct Corrections(Vec<Told>);

impl Corrections {
    pub(super) fn new(tallies: &[WeekTally], frames: &BTreeMap<u16, FrameWeek>) -> Self {
        let told = tallies.iter().filter_map(|tally| tally.told(frames));
        Self(told.collect())
    }

    /// The error over a period if it persists: a stationary Gaussian process whose correlation falls
    /// by a factor of e in [`PERSISTENCE`] weeks, given all draws up to the period's end (kriging).
    /// None without a draw in the period.
    pub(super) fn persisting(&self, period: &Range<u16>, frame_mean: f64) -> Option<Correction> {
        let from = period.start.saturating_sub(LOOK_BACK);
        let heard: Vec<&Told> = self
            .0
            .iter()
            .filter(|told| told.week >= from && told.week < period.end)
            .collect();
        let results = self.within(period).map(|told| told.results).sum();
        if results == 0 {
            return None;
        }
        let prior = ERROR * frame_mean * ERROR * frame_mean;
        let alike =
            |one: u16, other: u16| prior * libm::exp(-f64::from(one.abs_diff(other)) / PERSISTENCE);
        let weeks = f64::from(period.end - period.start);
        let with_period = |week: u16| -> f64 {
            period.clone().map(|other| alike(week, other)).sum::<f64>() / weeks
        };
        let mut matrix = Symmetric::new(heard.len());
        for (row, one) in heard.iter().enumerate() {
            for (column, other) in heard.iter().enumerate().take(row + 1) {
                let mut covariance = alike(one.week, other.week);
                if one.mode == other.mode {
                    covariance += one.doubt * other.doubt;
                }
                if row == column {
                    covariance += one.variance;
                }
                matrix.add(row, column, covariance);
            }
        }
        let covariances: Vec<f64> = heard.iter().map(|told| with_period(told.week)).collect();
        let mut weights = covariances.clone();
        matrix.factor().solve(&mut weights);
        let value = weights.iter().zip(&heard).map(|(w, told)| w * told.value);
        let explained: f64 = weights.iter().zip(&covariances).map(|(w, c)| w * c).sum();
        let whole = period.clone().map(with_period).sum::<f64>() / weeks;
        Some(Correction {
            value: value.sum(),
            variance: (whole - explained).max(0.0),
            results,
        })
    }

    /// The period's own correction, shrunk as if the model's mean were off by `bias` (a standard
    /// deviation). None without a draw in the period.
    pub(super) fn shrunk(&self, period: &Range<u16>, bias: f64) -> Option<Correction> {
        let mut by_mode: BTreeMap<SelectionMode, Vec<&Told>> = BTreeMap::new();
        for told in self.within(period) {
            by_mode.entry(told.mode).or_default().push(told);
        }
        let (mut precision, mut sum, mut results) = (0.0, 0.0, 0);
        for of_mode in by_mode.values() {
            let all: f64 = of_mode.iter().map(|told| told.weight).sum();
            let (mut value, mut variance, mut doubt) = (0.0, 0.0, 0.0);
            for told in of_mode {
                let share = told.weight / all;
                value += share * told.value;
                variance += share * share * told.variance;
                doubt += share * told.doubt;
                results += told.results;
            }
            let known = 1.0 / (variance + doubt * doubt);
            precision += known;
            sum += known * value;
        }
        if precision <= 0.0 || !precision.is_finite() {
            return None;
        }
        let share = bias * bias / (bias * bias + 1.0 / precision);
        Some(Correction {
            value: share * sum / precision,
            variance: share / precision,
            results,
        })
    }

    fn within<'a>(&'a self, period: &'a Range<u16>) -> impl Iterator<Item = &'a Told> {
        self.0.iter().filter(|told| period.contains(&told.week))
    }
}
