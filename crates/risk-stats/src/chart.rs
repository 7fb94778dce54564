//! Control charts（控制图）: cumulative sums that adjust for risk, and how long a chart runs before it
//! gives an alarm.

use crate::interval::Counts;
use crate::linear::solve;
use crate::quadrature::{GaussLegendre, halve, normal_density};
use crate::special::{logit, normal_cdf, sigmoid};

/// A chart that cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// A rate outside (0, 1).
    #[error("a rate must lie between 0 and 1")]
    Rate,
    /// A threshold, width or reference value that is negative or not finite.
    #[error("thresholds must be positive and finite, reference values not negative")]
    Threshold,
    /// A smoothing share outside (0, 1].
    #[error("the share of the newest value must lie in (0, 1]")]
    Share,
    /// A mean run length no threshold has.
    #[error("the mean run length must be finite and above that of a chart without threshold")]
    RunLength,
    /// The integral equation of the run length has no solution in the numbers at hand.
    #[error("the run length is beyond what can be computed")]
    Unsolved,
}

/// A rate in (0, 1) with its log-odds moved（对数几率平移）: σ(logit p + shift).
///
/// ```
/// let moved = risk_stats::chart::shifted_rate(0.1, 1.2)?;
/// assert!((moved - 0.269_487).abs() < 1e-6);
/// # Ok::<(), risk_stats::chart::ChartError>(())
/// ```
pub fn shifted_rate(rate: f64, shift: f64) -> Result<f64, ChartError> {
    if rate > 0.0 && rate < 1.0 {
        Ok(sigmoid(logit(rate) + shift))
    } else {
        Err(ChartError::Rate)
    }
}

/// Log-likelihood ratio（对数似然比）of failures among tests at rate `p1` against `p0`, both in (0, 1).
///
/// ```
/// use risk_stats::chart::log_likelihood_ratio;
/// use risk_stats::interval::Counts;
/// let counts = Counts::new(1, 2).expect("1 of 2");
/// let ratio = log_likelihood_ratio(counts, 0.1, 0.2)?;
/// assert!((ratio - (2.0f64 * 8.0 / 9.0).ln()).abs() < 1e-12);
/// # Ok::<(), risk_stats::chart::ChartError>(())
/// ```
#[doc(alias = "对数似然比")]
pub fn log_likelihood_ratio(counts: Counts, p0: f64, p1: f64) -> Result<f64, ChartError> {
    let inside = |p: f64| p > 0.0 && p < 1.0;
    if !inside(p0) || !inside(p1) {
        return Err(ChartError::Rate);
    }
    let failures = counts.failures() as f64;
    let passes = (counts.tests() - counts.failures()) as f64;
    Ok(failures * libm::log(p1 / p0) + passes * (libm::log1p(-p1) - libm::log1p(-p0)))
}

/// Cumulative sum（累积和）that never falls below 0: S ← max(0, S + increment), Page 1954. With
/// [`log_likelihood_ratio`] at each group's own expected rate it is the risk-adjusted chart of
/// Steiner, Cook, Farewell and Treasure (Biostatistics 1, 2000).
///
/// ```
/// use risk_stats::chart::Cusum;
/// let mut sum = Cusum::default();
/// assert_eq!(sum.add(-2.0), 0.0);
/// assert_eq!(sum.add(1.5), 1.5);
/// sum.reset();
/// assert_eq!(sum.value(), 0.0);
/// ```
#[doc(alias = "累积和")]
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Cusum(f64);

impl Cusum {
    /// The sum after one more increment; an increment that is no number leaves it.
    pub fn add(&mut self, increment: f64) -> f64 {
        if !increment.is_nan() {
            self.0 = (self.0 + increment).max(0.0);
        }
        self.0
    }

    /// The sum.
    pub fn value(self) -> f64 {
        self.0
    }

    /// Starts anew, as after an alarm.
    pub fn reset(&mut self) {
        self.0 = 0.0;
    }
}

const POINTS: usize = 50;

/// Mean number of values（平均链长）until the one-sided cumulative sum S ← max(0, S + x − reference) of
/// normal values x with this mean and deviation 1 exceeds the threshold, from 0.
///
/// Solves L(z) = 1 + L(0)·Φ(k − z − μ) + ∫₀ʰ L(x)·φ(x + k − z − μ) dx (Page) at the nodes of a
/// Gauss–Legendre rule. Good to 1e-8 for thresholds up to 8.
///
/// ```
/// let length = risk_stats::chart::cusum_run_length(0.5, 4.0, 0.0)?;
/// assert!((length - 335.367_577_6).abs() < 1e-6);
/// # Ok::<(), risk_stats::chart::ChartError>(())
/// ```
#[doc(alias = "平均链长")]
pub fn cusum_run_length(reference: f64, threshold: f64, mean: f64) -> Result<f64, ChartError> {
    let positive = threshold > 0.0 && threshold.is_finite();
    if !positive || !reference.is_finite() || reference < 0.0 || !mean.is_finite() {
        return Err(ChartError::Threshold);
    }
    let rule = GaussLegendre::new(POINTS, 0.0, threshold).map_err(|_| ChartError::Unsolved)?;
    // The first unknown is L(0), the others L at the nodes.
    let starts = std::iter::once(0.0).chain(rule.nodes().iter().copied());
    let row = |(at, z): (usize, f64)| {
        let apart = reference - z - mean;
        let steps = rule.nodes().iter().zip(rule.weights());
        let mut row = vec![-normal_cdf(apart)];
        row.extend(steps.map(|(x, w)| -w * normal_density(x + apart)));
        row[at] += 1.0;
        row
    };
    let matrix: Vec<Vec<f64>> = starts.enumerate().map(row).collect();
    let lengths = solve(matrix, vec![1.0; POINTS + 1]).ok_or(ChartError::Unsolved)?;
    sound_length(lengths[0])
}

fn sound_length(length: f64) -> Result<f64, ChartError> {
    if length.is_finite() && length >= 1.0 - 1e-9 {
        Ok(length)
    } else {
        Err(ChartError::Unsolved)
    }
}

/// The threshold at which the sum of values with mean 0 runs this long on average, between 0.01 and
/// 10.
///
/// ```
/// let threshold = risk_stats::chart::cusum_threshold(0.5, 500.0)?;
/// assert!((threshold - 4.389_13).abs() < 1e-5);
/// # Ok::<(), risk_stats::chart::ChartError>(())
/// ```
pub fn cusum_threshold(reference: f64, run_length: f64) -> Result<f64, ChartError> {
    let (low, high) = (0.01, 10.0);
    let least = cusum_run_length(reference, low, 0.0)?;
    let most = cusum_run_length(reference, high, 0.0).unwrap_or(f64::INFINITY);
    if !run_length.is_finite() || run_length <= least || run_length >= most {
        return Err(ChartError::RunLength);
    }
    // A length that cannot be computed is longer than any that can.
    let beyond = |threshold| {
        cusum_run_length(reference, threshold, 0.0).map_or(f64::INFINITY, |at| at - run_length)
    };
    Ok(halve(low, high, beyond))
}

/// Mean number of values until the exponentially weighted mean of normal values with this mean and
/// deviation 1 leaves ± `width` of its own limiting deviations, from 0 (Crowder, Technometrics 29,
/// 1987).
///
/// ```
/// let length = risk_stats::chart::ewma_run_length(0.1, 2.7, 0.0)?;
/// assert!((length - 368.993_734).abs() < 1e-4);
/// # Ok::<(), risk_stats::chart::ChartError>(())
/// ```
pub fn ewma_run_length(share: f64, width: f64, mean: f64) -> Result<f64, ChartError> {
    if share <= 0.0 || share > 1.0 || share.is_nan() {
        return Err(ChartError::Share);
    }
    if width <= 0.0 || !width.is_finite() || !mean.is_finite() {
        return Err(ChartError::Threshold);
    }
    let limit = width * libm::sqrt(share / (2.0 - share));
    let rule = GaussLegendre::new(POINTS, -limit, limit).map_err(|_| ChartError::Unsolved)?;
    let starts = std::iter::once(0.0).chain(rule.nodes().iter().copied());
    let row = |(at, z): (usize, f64)| {
        let steps = rule.nodes().iter().zip(rule.weights());
        let density = |x: f64| normal_density((x - (1.0 - share) * z) / share - mean) / share;
        let mut row = vec![0.0];
        row.extend(steps.map(|(x, w)| -w * density(*x)));
        row[at] += 1.0;
        row
    };
    let matrix: Vec<Vec<f64>> = starts.enumerate().map(row).collect();
    let lengths = solve(matrix, vec![1.0; POINTS + 1]).ok_or(ChartError::Unsolved)?;
    sound_length(lengths[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        assert_eq!(shifted_rate(0.0, 1.0), Err(ChartError::Rate));
        assert_eq!(cusum_run_length(0.5, 0.0, 0.0), Err(ChartError::Threshold));
        assert_eq!(ewma_run_length(0.0, 2.7, 0.0), Err(ChartError::Share));
        assert_eq!(cusum_threshold(0.5, 0.5), Err(ChartError::RunLength));
    }

    proptest! {
        #[test]
        fn a_ratio_is_likelier_under_its_own_rate(failures in 0u64..40, more in 1u64..40, p in 0.02f64..0.6, shift in 0.1f64..2.0) {
            let counts = Counts::new(failures, failures + more).unwrap();
            let moved = shifted_rate(p, shift).unwrap();
            let there = log_likelihood_ratio(counts, p, moved).unwrap();
            let back = log_likelihood_ratio(counts, moved, p).unwrap();
            prop_assert!((there + back).abs() < 1e-9);
            let worse = Counts::new(failures + 1, failures + more).unwrap();
            prop_assert!(log_likelihood_ratio(worse, p, moved).unwrap() > there);
        }

        #[test]
        fn a_higher_threshold_runs_longer(threshold in 0.5f64..5.0, mean in 0.0f64..2.0) {
            let low = cusum_run_length(0.5, threshold, mean).unwrap();
            let high = cusum_run_length(0.5, threshold + 0.2, mean).unwrap();
            prop_assert!(low < high);
            prop_assert!(cusum_run_length(0.5, threshold, mean + 0.2).unwrap() < low);
        }
    }
}
