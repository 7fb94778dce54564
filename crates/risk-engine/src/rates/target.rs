//! Targets of pass rates（合格率目标）, such as food at 99 % or above.

use super::Rate;
use risk_stats::special::normal_cdf;

/// A pass rate that is to be reached（合格率目标）, in (0, 1).
#[doc(alias = "合格率目标")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target(f64);

/// A target outside (0, 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a target must be a pass rate above 0 and below 1")]
pub struct TargetError;

impl Target {
    /// Accepts a pass rate in (0, 1).
    pub fn new(pass_rate: f64) -> Result<Self, TargetError> {
        if pass_rate > 0.0 && pass_rate < 1.0 {
            Ok(Self(pass_rate))
        } else {
            Err(TargetError)
        }
    }

    /// The pass rate.
    pub fn pass_rate(self) -> f64 {
        self.0
    }

    /// Probability that the true pass rate reaches the target: that of Wilson's interval which ends there.
    pub fn probability_met(self, failures: &Rate) -> f64 {
        let limit = 1.0 - self.0;
        let deviation = libm::sqrt(limit * (1.0 - limit) / failures.effective);
        normal_cdf((limit - failures.value) / deviation)
    }
}
