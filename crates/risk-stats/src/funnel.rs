//! Funnel plots（漏斗图）: how far a group's rate may lie from a target by chance alone.

use statrs::distribution::{Binomial, DiscreteCDF};

/// A target or a probability that gives no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FunnelError {
    /// A target outside (0, 1).
    #[error("the target rate must lie between 0 and 1")]
    Target,
    /// A probability outside (0, 1).
    #[error("the probability of a limit must lie between 0 and 1")]
    Probability,
    /// No tests.
    #[error("there must be at least one test")]
    NoTests,
}

/// Limit of a funnel plot（漏斗图）: the rate that `tests` tests at the target rate stay below with this probability, from the
/// binomial law interpolated between counts (Spiegelhalter, Statistics in Medicine 24, 2005). The
/// interpolation may give a lower limit below 0: then no rate is too low.
///
/// ```
/// use risk_stats::funnel::funnel_limit;
/// let upper = funnel_limit(50, 0.08, 0.975)?;
/// assert!((upper - 0.153_847_857).abs() < 1e-9);
/// # Ok::<(), risk_stats::funnel::FunnelError>(())
/// ```
#[doc(alias = "漏斗图")]
pub fn funnel_limit(tests: u64, target: f64, probability: f64) -> Result<f64, FunnelError> {
    if tests == 0 {
        return Err(FunnelError::NoTests);
    }
    if target <= 0.0 || target >= 1.0 || target.is_nan() {
        return Err(FunnelError::Target);
    }
    if probability <= 0.0 || probability >= 1.0 || probability.is_nan() {
        return Err(FunnelError::Probability);
    }
    let law = Binomial::new(target, tests).map_err(|_| FunnelError::Target)?;
    // The least count whose distribution function reaches the probability, by halving.
    let (mut least, mut reaching) = (0, tests);
    while least < reaching {
        let middle = u64::midpoint(least, reaching);
        if law.cdf(middle) >= probability {
            reaching = middle;
        } else {
            least = middle + 1;
        }
    }
    let at = law.cdf(reaching);
    let before = reaching.checked_sub(1).map_or(0.0, |count| law.cdf(count));
    let beyond = (at - probability) / (at - before);
    Ok((reaching as f64 - beyond) / tests as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_gives_no_limit_is_refused() {
        assert_eq!(funnel_limit(0, 0.1, 0.9), Err(FunnelError::NoTests));
        assert_eq!(funnel_limit(9, 0.0, 0.9), Err(FunnelError::Target));
        assert_eq!(funnel_limit(9, 0.1, 1.0), Err(FunnelError::Probability));
    }

    proptest! {
        #[test]
        fn limits_rise_with_probability_and_target(tests in 1u64..500, target in 0.01f64..0.5, low in 0.001f64..0.5) {
            let lower = funnel_limit(tests, target, low).unwrap();
            prop_assert!(lower < funnel_limit(tests, target, low + 0.4).unwrap());
            prop_assert!(lower < funnel_limit(tests, target + 0.05, low).unwrap());
        }
    }
}
