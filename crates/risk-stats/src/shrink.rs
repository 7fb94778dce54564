//! Shrinkage（收缩）: small samples drawn towards what their group lets expect.

use crate::special::{digamma, ln_beta, trigamma};
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
/// assert_eq!((posterior.alpha(), posterior.beta()), (4.0, 16.0));
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

    /// The prior of groups with so many failures among so many tests each, by maximum likelihood of
    /// the beta-binomial（贝塔-二项分布）. `None` without groups, where a group has more failures than
    /// tests, or where the likelihood has no maximum: groups that differ no more than chance would.
    ///
    /// Newton's method on the logarithms of both parameters, halving a step that does not climb.
    ///
    /// ```
    /// use risk_stats::shrink::BetaPosterior;
    /// let prior = BetaPosterior::fit(&[(20, 0), (20, 9), (20, 1), (20, 8), (20, 3)]);
    /// assert!(prior.is_some_and(|prior| (0.15..0.27).contains(&prior.mean())));
    /// ```
    #[doc(alias = "贝塔-二项分布")]
    pub fn fit(groups: &[(u64, u64)]) -> Option<Self> {
        if groups.is_empty() || groups.iter().any(|(tests, failures)| failures > tests) {
            return None;
        }
        let likelihood = |log: [f64; 2]| -> f64 {
            let [alpha, beta] = log.map(libm::exp);
            let one = |(n, d): &(u64, u64)| {
                ln_beta(alpha + *d as f64, beta + (n - d) as f64) - ln_beta(alpha, beta)
            };
            groups.iter().map(one).sum()
        };
        let mut at = [0.0, 0.0];
        let mut reached = likelihood(at);
        for _ in 0..200 {
            let [alpha, beta] = at.map(libm::exp);
            let (gradient, curvature) = derivatives(groups, alpha, beta);
            let mut step = newton_step(gradient, curvature);
            let mut climbed = false;
            for _ in 0..60 {
                let next = [at[0] + step[0], at[1] + step[1]];
                let value = likelihood(next);
                if value >= reached {
                    (at, reached, climbed) = (next, value, true);
                    break;
                }
                step = step.map(|part| part / 2.0);
            }
            // Beyond a million tests' worth the likelihood is flat but for rounding.
            if at.iter().any(|log| log.abs() > 14.0) {
                return None;
            }
            if !climbed || step.iter().all(|part| part.abs() < 1e-12) {
                break;
            }
        }
        Self::new(libm::exp(at[0]), libm::exp(at[1])).ok()
    }

    /// The first parameter.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The second parameter.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// The posterior after so many failures among so many tests more; failures beyond the tests count
    /// as failures and no passes.
    ///
    /// ```
    /// use risk_stats::shrink::BetaPosterior;
    /// assert_eq!(BetaPosterior::new(1.0, 9.0)?.after(10, 3), BetaPosterior::new(4.0, 16.0)?);
    /// # Ok::<(), risk_stats::shrink::BetaError>(())
    /// ```
    #[must_use]
    pub fn after(&self, tests: u64, failures: u64) -> Self {
        Self {
            alpha: self.alpha + failures as f64,
            beta: self.beta + tests.saturating_sub(failures) as f64,
        }
    }

    /// Probability that the rate lies above `rate` in [0, 1].
    ///
    /// ```
    /// use risk_stats::shrink::BetaPosterior;
    /// // Uniform.
    /// assert!((BetaPosterior::new(1.0, 1.0)?.above(0.3) - 0.7).abs() < 1e-12);
    /// # Ok::<(), risk_stats::shrink::BetaError>(())
    /// ```
    pub fn above(&self, rate: f64) -> f64 {
        Beta::new(self.alpha, self.beta).map_or(0.0, |law| law.sf(rate))
    }

    /// Mean of the rate.
    pub fn mean(&self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }

    /// Variance of the log-odds of the rate, exactly: ψ′(α) + ψ′(β).
    ///
    /// ```
    /// use risk_stats::shrink::BetaPosterior;
    /// // The log-odds of a uniform rate have a logistic law.
    /// let variance = BetaPosterior::new(1.0, 1.0)?.logit_variance();
    /// assert!((variance - std::f64::consts::PI.powi(2) / 3.0).abs() < 1e-9);
    /// # Ok::<(), risk_stats::shrink::BetaError>(())
    /// ```
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

/// First and second derivatives of the beta-binomial log-likelihood by the logarithms of α and β.
fn derivatives(groups: &[(u64, u64)], alpha: f64, beta: f64) -> ([f64; 2], [f64; 3]) {
    let (mut a, mut b, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (tests, failures) in groups {
        let (n, d) = (*tests as f64, *failures as f64);
        let common = digamma(alpha + beta) - digamma(alpha + beta + n);
        let curved = trigamma(alpha + beta) - trigamma(alpha + beta + n);
        a += digamma(alpha + d) - digamma(alpha) + common;
        b += digamma(beta + n - d) - digamma(beta) + common;
        aa += trigamma(alpha + d) - trigamma(alpha) + curved;
        bb += trigamma(beta + n - d) - trigamma(beta) + curved;
        ab += curved;
    }
    let gradient = [alpha * a, beta * b];
    let curvature = [
        alpha * alpha * aa + alpha * a,
        beta * beta * bb + beta * b,
        alpha * beta * ab,
    ];
    (gradient, curvature)
}

/// A step of Newton's method that climbs also where the likelihood is no summit: along each principal
/// direction the slope over the size of the curvature.
fn newton_step([a, b]: [f64; 2], [aa, bb, ab]: [f64; 3]) -> [f64; 2] {
    let (middle, half) = (f64::midpoint(aa, bb), (aa - bb) / 2.0);
    let radius = libm::hypot(half, ab);
    let (x, y) = if half >= 0.0 {
        (half + radius, ab)
    } else {
        (ab, radius - half)
    };
    let length = libm::hypot(x, y);
    let (x, y) = if length > 0.0 {
        (x / length, y / length)
    } else {
        (1.0, 0.0)
    };
    let over = |slope: f64, curvature: f64| slope / curvature.abs().max(1e-12);
    let along = over(a * x + b * y, middle + radius);
    let across = over(b * x - a * y, middle - radius);
    let step = [along * x - across * y, along * y + across * x];
    // Both parts by the same factor: to clip each on its own may turn the step downhill.
    let longest = step[0].abs().max(step[1].abs()).max(2.0);
    step.map(|part| part * 2.0 / longest)
}

/// Log-likelihood of d failures in n tests under a beta-binomial with mean m worth M tests, without
/// the binomial coefficient; n and d may be fractions. Domain: m in (0, 1), M > 0, 0 ≤ d ≤ n.
///
/// ```
/// // One test: the chance of a failure is the mean, whatever it is worth.
/// let found = risk_stats::shrink::beta_binomial_ln_likelihood(0.2, 7.0, 1.0, 1.0);
/// assert!((found - 0.2f64.ln()).abs() < 1e-12);
/// ```
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_fitted_prior_is_a_summit(groups in prop::collection::vec((1u64..60).prop_flat_map(|n| (Just(n), 0..=n)), 3..30)) {
            let Some(prior) = BetaPosterior::fit(&groups) else {
                return Ok(());
            };
            let likelihood = |alpha: f64, beta: f64| -> f64 {
                let one = |(n, d): &(u64, u64)| {
                    let (mean, strength) = (alpha / (alpha + beta), alpha + beta);
                    beta_binomial_ln_likelihood(mean, strength, *n as f64, *d as f64)
                };
                groups.iter().map(one).sum()
            };
            let reached = likelihood(prior.alpha(), prior.beta());
            for (a, b) in [(1.02, 1.0), (0.98, 1.0), (1.0, 1.02), (1.0, 0.98), (1.02, 1.02), (0.98, 0.98)] {
                let beside = likelihood(prior.alpha() * a, prior.beta() * b);
                prop_assert!(beside <= reached + 1e-6, "{} {} {}", beside, reached, prior.alpha());
            }
        }
    }
}
