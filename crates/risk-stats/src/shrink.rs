//! Shrinkage（收缩）: small samples drawn towards what their group lets expect.

use crate::special::{ln_beta, trigamma};
use statrs::distribution::{Beta, ContinuousCDF};

/// A parameter that is not a positive, finite number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("both parameters of a beta distribution must be positive and finite")]
pub struct BetaError;

/// A beta posterior of a rate.
///
/// ```
/// use risk_stats::shrink::BetaPosterior;
/// let posterior = BetaPosterior::new(1.0 + 3.0, 9.0 + 7.0)?;
/// assert_eq!(posterior.mean(), 0.2);
/// # Ok::<(), risk_stats::shrink::BetaError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaPosterior {
    alpha: f64,
    beta: f64,
}

impl BetaPosterior {
    /// Beta(alpha, beta); both positive and finite.
    pub fn new(alpha: f64, beta: f64) -> Result<Self, BetaError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if positive(alpha) && positive(beta) {
            Ok(Self { alpha, beta })
        } else {
            Err(BetaError)
        }
    }

    /// Mean of the rate.
    pub fn mean(&self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }

    /// Variance of the log-odds of the rate, exactly: ψ′(α) + ψ′(β).
    pub fn logit_variance(&self) -> f64 {
        trigamma(self.alpha) + trigamma(self.beta)
    }

    /// Equal-tailed credible interval of this level, for instance 0.95.
    ///
    /// ```
    /// use risk_stats::shrink::BetaPosterior;
    /// let (lower, upper) = BetaPosterior::new(2.0, 38.0)?.interval(0.95);
    /// assert!(lower < 0.05 && 0.05 < upper);
    /// # Ok::<(), risk_stats::shrink::BetaError>(())
    /// ```
    pub fn interval(&self, level: f64) -> (f64, f64) {
        let tail = (1.0 - level.clamp(0.0, 1.0)) / 2.0;
        match Beta::new(self.alpha, self.beta) {
            Ok(beta) => (beta.inverse_cdf(tail), beta.inverse_cdf(1.0 - tail)),
            Err(_) => (0.0, 1.0),
        }
    }
}

/// Log-likelihood of d failures in n tests under a beta-binomial with mean m worth M tests, without
/// the binomial coefficient; n and d may be fractions.
pub fn beta_binomial_ln_likelihood(mean: f64, strength: f64, tests: f64, failures: f64) -> f64 {
    let (alpha, beta) = (strength * mean, strength * (1.0 - mean));
    ln_beta(alpha + failures, beta + tests - failures) - ln_beta(alpha, beta)
}

/// How many tests the expected means are worth: the posterior mode of M under the beta-binomial
/// likelihood of groups with means m_i, tests n_i and failures d_i (which may be fractions), and a
/// log-normal prior with median `around` and log-deviation 1.
///
/// Groups of one test each say nothing of M: without the prior the mode would lie at a bound.
/// Searched between 0.1 and 10⁶ by golden section on the logarithm; the same bits on every machine.
/// `None` for no groups, slices of different lengths, or an `around` that is not positive.
///
/// ```
/// use risk_stats::shrink::fit_concentration;
/// // Groups that differ far more than chance: their mean is worth little.
/// let strength = fit_concentration(&[0.2; 6], &[20.0; 6], &[0.0, 9.0, 0.0, 8.0, 1.0, 7.0], 12.0);
/// assert!(strength.is_some_and(|strength| strength < 6.0));
/// // Groups of one test each: the prior's median stands.
/// let strength = fit_concentration(&[0.2; 3], &[1.0; 3], &[0.0, 1.0, 0.0], 12.0);
/// assert!(strength.is_some_and(|strength| (strength - 12.0).abs() < 0.1));
/// ```
pub fn fit_concentration(
    means: &[f64],
    tests: &[f64],
    failures: &[f64],
    around: f64,
) -> Option<f64> {
    const RATIO: f64 = 0.618_033_988_749_894_8;
    let lengths = [tests.len(), failures.len()];
    if means.is_empty() || lengths != [means.len(); 2] || around.is_nan() || around <= 0.0 {
        return None;
    }
    let centre = libm::log(around);
    let likelihood = |ln_strength: f64| -> f64 {
        let strength = libm::exp(ln_strength);
        let prior = -0.5 * (ln_strength - centre) * (ln_strength - centre);
        let groups = means.iter().zip(tests.iter().zip(failures));
        let fit: f64 = groups
            .map(|(m, (n, d))| beta_binomial_ln_likelihood(*m, strength, *n, *d))
            .sum();
        prior + fit
    };
    let (mut low, mut high) = (libm::log(0.1), libm::log(1e6));
    let mut left = high - RATIO * (high - low);
    let mut right = low + RATIO * (high - low);
    let (mut at_left, mut at_right) = (likelihood(left), likelihood(right));
    while high - low > 1e-3 {
        if at_left >= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - RATIO * (high - low);
            at_left = likelihood(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + RATIO * (high - low);
            at_right = likelihood(right);
        }
    }
    Some(libm::exp(f64::midpoint(low, high)))
}
