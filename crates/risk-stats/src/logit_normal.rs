//! A probability whose log-odds are normal（逻辑斯蒂正态分布）: what the model predicts.

use crate::quadrature::GaussHermite;
use crate::special::{logit, normal_cdf, normal_quantile, sigmoid};

/// Moments of the log-odds that are no normal law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogitNormalError {
    /// A mean that is not finite.
    #[error("the mean of the log-odds must be finite")]
    Mean,
    /// A variance that is negative or not finite.
    #[error("the variance of the log-odds must be finite and not negative")]
    Variance,
}

/// σ(N(mean, variance))（逻辑斯蒂正态分布）: the law of a probability whose log-odds are normal.
///
/// ```
/// use risk_stats::logit_normal::LogitNormal;
/// use risk_stats::quadrature::GaussHermite;
/// let law = LogitNormal::new(-3.2, 1.1)?;
/// let mean = law.mean(&GaussHermite::new(20).expect("20 points"));
/// assert!((mean - 0.060_241_877).abs() < 1e-7);
/// assert!((law.above(0.10) - 0.169_508_622).abs() < 1e-9);
/// assert!((law.above(law.quantile(0.3)) - 0.7).abs() < 1e-9);
/// # Ok::<(), risk_stats::logit_normal::LogitNormalError>(())
/// ```
#[doc(alias = "逻辑斯蒂正态分布")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogitNormal {
    mean: f64,
    deviation: f64,
}

impl LogitNormal {
    /// Log-odds with this mean and this variance (≥ 0).
    pub fn new(mean: f64, variance: f64) -> Result<Self, LogitNormalError> {
        if !mean.is_finite() {
            Err(LogitNormalError::Mean)
        } else if !variance.is_finite() || variance < 0.0 {
            Err(LogitNormalError::Variance)
        } else {
            Ok(Self {
                mean,
                deviation: libm::sqrt(variance),
            })
        }
    }

    /// Mean of the probability by quadrature. With 20 points it is good to 1e-7 for a variance of 2
    /// or less (tested against adaptive integration).
    pub fn mean(&self, rule: &GaussHermite) -> f64 {
        rule.expectation(self.mean, self.deviation, sigmoid)
    }

    /// Probability that the probability lies above `bound` in (0, 1): Φ((mean − logit bound)/sd).
    pub fn above(&self, bound: f64) -> f64 {
        let apart = self.mean - logit(bound);
        if self.deviation > 0.0 {
            normal_cdf(apart / self.deviation)
        } else if apart > 0.0 {
            1.0
        } else {
            0.0
        }
    }

    /// The value below which the probability lies with this chance in (0, 1).
    pub fn quantile(&self, chance: f64) -> f64 {
        if self.deviation > 0.0 {
            sigmoid(self.mean + self.deviation * normal_quantile(chance))
        } else {
            sigmoid(self.mean)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_law_is_refused() {
        assert_eq!(LogitNormal::new(f64::NAN, 1.0), Err(LogitNormalError::Mean));
        assert_eq!(LogitNormal::new(0.0, -0.1), Err(LogitNormalError::Variance));
    }

    proptest! {
        #[test]
        fn the_quantile_is_the_inverse_of_the_tail(mean in -6.0f64..3.0, variance in 0.01f64..3.0, chance in 0.02f64..0.98) {
            let law = LogitNormal::new(mean, variance).unwrap();
            prop_assert!((law.above(law.quantile(chance)) - (1.0 - chance)).abs() < 1e-9);
        }

        #[test]
        fn doubt_draws_the_mean_towards_a_half(mean in -5.0f64..-0.1, variance in 0.1f64..2.0) {
            let rule = GaussHermite::new(20).unwrap();
            let doubtful = LogitNormal::new(mean, variance).unwrap().mean(&rule);
            let certain = LogitNormal::new(mean, 0.0).unwrap().mean(&rule);
            prop_assert!(certain < doubtful && doubtful < 0.5);
            prop_assert!((doubtful + LogitNormal::new(-mean, variance).unwrap().mean(&rule) - 1.0).abs() < 1e-12);
        }
    }
}
