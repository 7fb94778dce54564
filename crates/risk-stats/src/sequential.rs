//! Evidence of a change that may be looked at every week（序贯证据）: Shiryaev–Roberts e-values over
//! several sizes of change.
//!
//! A week's increments are log-likelihood ratios, one for each size of change, zero-mean evidence
//! under no change: E exp(increment) ≤ 1. Increments of different rows add, so a week is a sum.

use std::array;

/// Shiryaev–Roberts recursion M ← (M + 1)·e^L（希里亚耶夫–罗伯茨统计量）, averaged over D sizes of
/// change. An alarm at M ≥ c comes, without a change, no sooner than after c weeks on average (Shin,
/// Ramdas and Rinaldo, E-detectors, 2023).
///
/// ```
/// use risk_stats::sequential::ShiryaevRoberts;
/// let mut detector = ShiryaevRoberts::<1>::default();
/// detector.step([0.0]);
/// assert_eq!(detector.step([0.0]), 2.0);
/// assert_eq!(detector.value(), 2.0);
/// ```
#[doc(alias = "希里亚耶夫–罗伯茨统计量")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiryaevRoberts<const D: usize>([f64; D]);

impl<const D: usize> Default for ShiryaevRoberts<D> {
    fn default() -> Self {
        Self([0.0; D])
    }
}

impl<const D: usize> ShiryaevRoberts<D> {
    /// A closed week's increments; the statistic after it.
    pub fn step(&mut self, increments: [f64; D]) -> f64 {
        for (sum, increment) in self.0.iter_mut().zip(increments) {
            *sum = (*sum + 1.0) * libm::exp(increment);
        }
        self.value()
    }

    /// The statistic: the mean over the sizes of change.
    pub fn value(&self) -> f64 {
        self.0.iter().sum::<f64>() / D as f64
    }
}

/// Logarithm of the windowed e-value（窗口e值）: the mean over the weeks in which a change may have
/// begun, and over its sizes, of the likelihood ratio since then. `weeks` are the closed weeks of the
/// window, oldest first. Without a change its expectation is at most 1, so that it may enter
/// [`crate::false_discovery::e_benjamini_hochberg`]. `None` for no weeks or no sizes.
///
/// Sums in log space: a long outbreak overflows nothing.
///
/// ```
/// use risk_stats::sequential::windowed_ln_e_value;
/// // Started two weeks ago: e^(1 + 1); one week ago: e.
/// let found = windowed_ln_e_value(&[[1.0], [1.0]]).expect("two weeks");
/// assert!((found.exp() - (2.0f64.exp() + 1.0f64.exp()) / 2.0).abs() < 1e-12);
/// ```
#[doc(alias = "窗口e值")]
pub fn windowed_ln_e_value<const D: usize>(weeks: &[[f64; D]]) -> Option<f64> {
    if weeks.is_empty() || D == 0 {
        return None;
    }
    let mut since = [0.0; D];
    let mut terms = Vec::with_capacity(weeks.len() * D);
    for week in weeks.iter().rev() {
        since = array::from_fn(|at| since[at] + week[at]);
        terms.extend(since);
    }
    let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return Some(most);
    }
    let sum: f64 = terms.iter().map(|term| libm::exp(term - most)).sum();
    Some(most + libm::log(sum / terms.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_weeks_give_no_evidence_and_huge_ones_no_overflow() {
        assert_eq!(windowed_ln_e_value::<3>(&[]), None);
        let found = windowed_ln_e_value(&[[900.0, 1.0], [900.0, 1.0]]).unwrap();
        assert!((found - (1800.0 - 4.0_f64.ln())).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_window_of_all_weeks_is_the_recursion_over_their_number(weeks in prop::collection::vec(prop::array::uniform3(-2.0f64..1.5), 1..30)) {
            let mut detector = ShiryaevRoberts::default();
            for week in &weeks {
                detector.step(*week);
            }
            let windowed = libm::exp(windowed_ln_e_value(&weeks).unwrap()) * weeks.len() as f64;
            prop_assert!((windowed / detector.value() - 1.0).abs() < 1e-10);
        }
    }
}
