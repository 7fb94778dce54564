//! Intervals of a rate from failures in tests（率的区间）.
//!
//! All take `failures` ≤ `tests` and a two-sided level in (0, 1), and give bounds within [0, 1].

use crate::special::normal_quantile;
use statrs::distribution::{Beta, ContinuousCDF};

/// Counts or a level that give no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// No tests.
    #[error("there must be at least one test")]
    NoTests,
    /// More failures than tests.
    #[error("there can be no more failures than tests")]
    MoreFailuresThanTests,
    /// A level that is no probability, or certain.
    #[error("the level must lie between 0 and 1")]
    Level,
}

/// Failures among tests（不合格数与检验数）: at least one test, no more failures than tests.
///
/// ```
/// use risk_stats::interval::{Counts, IntervalError};
/// assert_eq!(Counts::new(3, 2).unwrap_err(), IntervalError::MoreFailuresThanTests);
/// let counts = Counts::new(1, 4)?;
/// assert_eq!((counts.failures(), counts.tests(), counts.rate()), (1, 4, 0.25));
/// # Ok::<(), IntervalError>(())
/// ```
#[doc(alias = "不合格数与检验数")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    failures: u64,
    tests: u64,
}

/// A lower and an upper bound, both probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

impl Counts {
    /// So many failures among so many tests.
    pub fn new(failures: u64, tests: u64) -> Result<Self, IntervalError> {
        if tests == 0 {
            Err(IntervalError::NoTests)
        } else if failures > tests {
            Err(IntervalError::MoreFailuresThanTests)
        } else {
            Ok(Self { failures, tests })
        }
    }

    /// Failures.
    pub fn failures(self) -> u64 {
        self.failures
    }

    /// Tests, at least one.
    pub fn tests(self) -> u64 {
        self.tests
    }

    /// Share of failures.
    pub fn rate(self) -> f64 {
        self.failures as f64 / self.tests as f64
    }

    fn passes(self) -> f64 {
        (self.tests - self.failures) as f64
    }

    /// Wilson's score interval（威尔逊区间）: E. B. Wilson, JASA 22 (1927).
    ///
    /// ```
    /// use risk_stats::interval::Counts;
    /// let bounds = Counts::new(1, 20)?.wilson(0.95)?;
    /// assert!((bounds.upper - 0.236_131_193).abs() < 1e-9);
    /// # Ok::<(), risk_stats::interval::IntervalError>(())
    /// ```
    #[doc(alias = "威尔逊区间")]
    pub fn wilson(self, level: f64) -> Result<Bounds, IntervalError> {
        let z = normal_quantile(1.0 - tail(level)?);
        let (n, p) = (self.tests as f64, self.failures as f64 / self.tests as f64);
        let shrunk = z * z / n;
        let centre = (p + shrunk / 2.0) / (1.0 + shrunk);
        let reach = z / (1.0 + shrunk) * libm::sqrt(p * (1.0 - p) / n + shrunk / (4.0 * n));
        // At no failures, and at failures only, the bound is exact but for rounding.
        Ok(Bounds {
            lower: if self.failures == 0 {
                0.0
            } else {
                (centre - reach).max(0.0)
            },
            upper: if self.failures == self.tests {
                1.0
            } else {
                (centre + reach).min(1.0)
            },
        })
    }

    /// Clopper and Pearson's exact interval: Biometrika 26 (1934). Its coverage is at least the level.
    ///
    /// ```
    /// use risk_stats::interval::Counts;
    /// let bounds = Counts::new(0, 10)?.clopper_pearson(0.95)?;
    /// assert_eq!(bounds.lower, 0.0);
    /// assert!((bounds.upper - 0.308_497_108).abs() < 1e-9);
    /// # Ok::<(), risk_stats::interval::IntervalError>(())
    /// ```
    pub fn clopper_pearson(self, level: f64) -> Result<Bounds, IntervalError> {
        let tail = tail(level)?;
        let failures = self.failures as f64;
        Ok(Bounds {
            lower: beta_quantile(failures, self.passes() + 1.0, tail).unwrap_or(0.0),
            upper: beta_quantile(failures + 1.0, self.passes(), 1.0 - tail).unwrap_or(1.0),
        })
    }

    /// The equal-tailed interval of Jeffreys' posterior Beta(y + ½, n − y + ½).
    ///
    /// ```
    /// use risk_stats::interval::Counts;
    /// let bounds = Counts::new(7, 90)?.jeffreys(0.95)?;
    /// assert!(bounds.lower < 7.0 / 90.0 && 7.0 / 90.0 < bounds.upper);
    /// # Ok::<(), risk_stats::interval::IntervalError>(())
    /// ```
    pub fn jeffreys(self, level: f64) -> Result<Bounds, IntervalError> {
        let tail = tail(level)?;
        let (alpha, beta) = self.jeffreys_posterior();
        Ok(Bounds {
            lower: beta_quantile(alpha, beta, tail).unwrap_or(0.0),
            upper: beta_quantile(alpha, beta, 1.0 - tail).unwrap_or(1.0),
        })
    }

    /// Probability, under Jeffreys' posterior, that the rate lies above `rate`.
    ///
    /// ```
    /// use risk_stats::interval::Counts;
    /// assert!((Counts::new(0, 10)?.jeffreys_above(0.05) - 0.305_062_003).abs() < 1e-9);
    /// # Ok::<(), risk_stats::interval::IntervalError>(())
    /// ```
    pub fn jeffreys_above(self, rate: f64) -> f64 {
        let (alpha, beta) = self.jeffreys_posterior();
        Beta::new(alpha, beta).map_or(0.0, |posterior| posterior.sf(rate))
    }

    fn jeffreys_posterior(self) -> (f64, f64) {
        (self.failures as f64 + 0.5, self.passes() + 0.5)
    }
}

fn tail(level: f64) -> Result<f64, IntervalError> {
    if level > 0.0 && level < 1.0 {
        Ok((1.0 - level) / 2.0)
    } else {
        Err(IntervalError::Level)
    }
}

/// Quantile of Beta(alpha, beta) by halving its distribution function; `None` where a parameter is 0.
fn beta_quantile(alpha: f64, beta: f64, probability: f64) -> Option<f64> {
    let law = Beta::new(alpha, beta).ok()?;
    let (mut low, mut high) = (0.0, 1.0);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return Some(middle);
        }
        if law.cdf(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts() -> impl Strategy<Value = Counts> {
        (1u64..400).prop_flat_map(|tests| {
            (0..=tests).prop_map(move |failures| Counts::new(failures, tests).unwrap())
        })
    }

    proptest! {
        #[test]
        fn every_interval_holds_the_rate_and_widens_with_the_level(counts in counts(), level in 0.5f64..0.99) {
            let rate = counts.failures as f64 / counts.tests as f64;
            let methods = [Counts::wilson, Counts::clopper_pearson, Counts::jeffreys];
            for (at, method) in methods.into_iter().enumerate() {
                let narrow = method(counts, level).unwrap();
                let wide = method(counts, level + 0.005).unwrap();
                prop_assert!(wide.lower <= narrow.lower && narrow.upper <= wide.upper);
                prop_assert!(0.0 <= narrow.lower && narrow.upper <= 1.0);
                // Jeffreys' interval excludes a rate of 0 or 1 by design.
                if at < 2 || (counts.failures > 0 && counts.failures < counts.tests) {
                    prop_assert!(narrow.lower <= rate && rate <= narrow.upper, "{} {:?}", at, narrow);
                }
            }
        }

        #[test]
        fn failures_and_passes_are_mirror_images(counts in counts()) {
            let mirrored = Counts::new(counts.tests - counts.failures, counts.tests).unwrap();
            for method in [Counts::wilson, Counts::clopper_pearson, Counts::jeffreys] {
                let (one, other) = (method(counts, 0.95).unwrap(), method(mirrored, 0.95).unwrap());
                prop_assert!((one.lower - (1.0 - other.upper)).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn what_is_no_level_is_refused() {
        let counts = Counts::new(1, 2).unwrap();
        for level in [0.0, 1.0, -0.5, f64::NAN] {
            assert_eq!(counts.wilson(level), Err(IntervalError::Level));
        }
        assert_eq!(Counts::new(0, 0), Err(IntervalError::NoTests));
    }
}
