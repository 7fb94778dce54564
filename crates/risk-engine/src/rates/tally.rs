//! What was tested of a domain in a week, as integer sums: they add up in any order.

use super::{FrameWeek, ModeShift, Observation, Rate, frame_of};
use risk_domain::selection::SelectionMode;
use risk_stats::special::{logit, sigmoid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Binary places of the sums.
const PLACES: f64 = 4_294_967_296.0;

fn fixed(value: f64) -> i128 {
    libm::round(value * PLACES) as i128
}

/// Results of a mode in a week（周抽检汇总）.
#[doc(alias = "周抽检汇总")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekTally {
    /// Week of the samples.
    pub week: u16,
    /// Mode.
    pub mode: SelectionMode,
    /// Results.
    pub results: i64,
    /// Of which failed.
    pub failures: i64,
    /// Results whose inclusion probability π is known.
    pub drawn: i64,
    /// Σ 1/π over these.
    weight: i128,
    /// Σ 1/π over those of them that failed.
    failed: i128,
    /// Σ 1/π².
    squares: i128,
    /// Σ r/π, r being what was found less what was foretold, on the scale of a random lot.
    residual: i128,
    /// Σ v/π², v being the variance that the model gives r.
    variance: i128,
    /// Σ s/π, s being the slope of the rate in the mode's shift.
    slope: i128,
}

impl WeekTally {
    /// Nothing yet.
    pub fn new(week: u16, mode: SelectionMode) -> Self {
        Self {
            week,
            mode,
            results: 0,
            failures: 0,
            drawn: 0,
            weight: 0,
            failed: 0,
            squares: 0,
            residual: 0,
            variance: 0,
            slope: 0,
        }
    }

    /// Counts one tested unit so many times; a negative number takes it back.
    pub fn add(&mut self, unit: &Observation, shift: ModeShift, times: i64) {
        self.results += times;
        self.failures += times * i64::from(unit.failed);
        let known = unit.inclusion.filter(|pi| *pi > 0.0 && *pi <= 1.0);
        let Some(inclusion) = known else {
            return;
        };
        let weight = 1.0 / inclusion;
        let random = unit.predicted.clamp(1e-6, 1.0 - 1e-6);
        let tested = sigmoid(logit(random) + shift.mean);
        let spread = tested * (1.0 - tested);
        let scale = random * (1.0 - random) / spread;
        let found = f64::from(u8::from(unit.failed));
        let times = i128::from(times);
        self.drawn += times as i64;
        self.weight += times * fixed(weight);
        self.failed += times * fixed(weight * found);
        self.squares += times * fixed(weight * weight);
        self.residual += times * fixed(weight * scale * (found - tested));
        self.variance += times * fixed(weight * weight * spread * scale * scale);
        self.slope += times * fixed(weight * random * (1.0 - random) * shift.deviation);
    }

    /// Adds what another says of the same week and mode.
    pub fn merge(&mut self, other: &Self) {
        self.results += other.results;
        self.failures += other.failures;
        self.drawn += other.drawn;
        self.weight += other.weight;
        self.failed += other.failed;
        self.squares += other.squares;
        self.residual += other.residual;
        self.variance += other.variance;
        self.slope += other.slope;
    }

    /// What its draws say of the model's error; none without a draw.
    pub(super) fn told(&self) -> Option<Told> {
        if self.drawn <= 0 || self.weight <= 0 {
            return None;
        }
        let weight = self.weight as f64;
        Some(Told {
            week: self.week,
            mode: self.mode,
            value: self.residual as f64 / weight,
            variance: self.variance as f64 * PLACES / (weight * weight),
            doubt: self.slope as f64 / weight,
            results: self.drawn as u64,
        })
    }

    /// Weights over the targets of the frame, so that weeks can be pooled.
    fn share(&self, weight: i128, frames: &BTreeMap<u16, FrameWeek>) -> Option<f64> {
        let frame = frame_of(frames, self.week)?;
        Some(weight as f64 / PLACES / f64::from(frame.targets.max(1)))
    }
}

/// What the draws of one mode in one week say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) week: u16,
    pub(super) mode: SelectionMode,
    /// Weighed mean of the residuals.
    pub(super) value: f64,
    /// Its variance by the model, without what the mode's shift leaves in doubt. That of the residuals
    /// would go with their mean.
    pub(super) variance: f64,
    /// Standard deviation that the shift's doubt brings, the same in every week.
    pub(super) doubt: f64,
    pub(super) results: u64,
}

/// Hájek's mean of the risk evaluations, with Wilson's interval for Kish's effective number of results
/// (Kish 1965).
pub(super) fn random_alone(
    period: &Range<u16>,
    tallies: &[WeekTally],
    frames: &BTreeMap<u16, FrameWeek>,
) -> Option<Rate> {
    let (mut all, mut failed, mut squares, mut results) = (0.0, 0.0, 0.0, 0);
    for tally in tallies {
        let counts = period.contains(&tally.week) && tally.mode == SelectionMode::RiskEvaluation;
        if !counts || tally.drawn <= 0 {
            continue;
        }
        let share = tally.share(tally.weight, frames)?;
        all += share;
        failed += tally.share(tally.failed, frames)?;
        // Σ(w/N)² = Σw² (Σw/N)² / (Σw)².
        let weight = tally.weight as f64;
        squares += tally.squares as f64 * PLACES / weight * (share / weight) * share;
        results += tally.drawn as u64;
    }
    let known = all > 0.0 && squares > 0.0;
    known.then(|| Rate::wilson((failed / all).clamp(0.0, 1.0), results, all * all / squares))
}
