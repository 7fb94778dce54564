//! Calibration（校准） on results of random selection alone, each predicted before it was known.

use risk_stats::special::sigmoid;
use serde::{Deserialize, Serialize};

/// Fewest results that a calibrator is fitted to.
const FEWEST: u64 = 50;

/// Newton steps of one fit; it starts where the last one ended.
const STEPS: usize = 16;

/// Longest of them, so that a poor start cannot throw the line out of reach.
const LONGEST_STEP: f64 = 1.0;

/// Prior variance of the slope, which is 1 in a model that knows its doubts.
const SLOPE_VARIANCE: f64 = 0.02;

/// Weight below which a row is forgotten.
const LEAST_WEIGHT: f64 = 1e-3;

/// Random results of a week that had the same prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRow {
    /// Week of the results.
    pub week: u16,
    /// Log-odds of the mean probability that the snapshot before them gave.
    pub predicted: f64,
    /// Results.
    pub tested: u32,
    /// Failures.
    pub failed: u32,
}

/// A line from predicted to calibrated log-odds: intercept + slope·predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibrator {
    /// What is added.
    pub intercept: f64,
    /// What is multiplied with.
    pub slope: f64,
    /// The rows behind it.
    pub rows: Vec<CalibrationRow>,
}

impl Default for Calibrator {
    /// Predictions as they are.
    fn default() -> Self {
        Self {
            intercept: 0.0,
            slope: 1.0,
            rows: Vec::new(),
        }
    }
}

impl Calibrator {
    /// The calibrated log-odds of a prediction.
    pub fn apply(&self, predicted: f64) -> f64 {
        self.intercept + self.slope * predicted
    }

    /// Ridge regression of the results on their predictions.
    pub(crate) fn estimate(&mut self, as_of: u16, half_life: f64) {
        let weight = |week: u16| libm::exp2(-f64::from(as_of.saturating_sub(week)) / half_life);
        self.rows.retain(|row| weight(row.week) > LEAST_WEIGHT);
        let results: u64 = self.rows.iter().map(|row| u64::from(row.tested)).sum();
        if results < FEWEST {
            return;
        }
        let (mut a, mut b) = (self.intercept, self.slope);
        for _ in 0..STEPS {
            let (mut slope_a, mut slope_b) = (-a, -(b - 1.0) / SLOPE_VARIANCE);
            let (mut aa, mut ab, mut bb) = (1.0, 0.0, 1.0 / SLOPE_VARIANCE);
            for row in &self.rows {
                let (e, w) = (row.predicted, weight(row.week));
                let p = sigmoid(a + b * e);
                let tested = f64::from(row.tested);
                let residual = w * (f64::from(row.failed) - tested * p);
                let information = w * tested * p * (1.0 - p);
                slope_a += residual;
                slope_b += residual * e;
                aa += information;
                ab += information * e;
                bb += information * e * e;
            }
            let determinant = aa * bb - ab * ab;
            let step = |step: f64| step.clamp(-LONGEST_STEP, LONGEST_STEP);
            a += step((bb * slope_a - ab * slope_b) / determinant);
            b += step((aa * slope_b - ab * slope_a) / determinant);
        }
        if a.is_finite() && b.is_finite() {
            (self.intercept, self.slope) = (a, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecasts_that_were_far_off_are_brought_back() {
        for (predicted, failed) in [(-6.0, 300), (3.0, 200), (-0.4, 250)] {
            let mut calibrator = Calibrator::default();
            calibrator.rows.push(CalibrationRow {
                week: 10,
                predicted,
                tested: 1000,
                failed,
            });
            calibrator.estimate(12, 52.0);
            let told = sigmoid(calibrator.apply(predicted));
            let rate = f64::from(failed) / 1000.0;
            assert!((told / rate).ln().abs() < 0.7, "{predicted}: {told} {rate}");
        }
    }
}
