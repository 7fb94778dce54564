//! What a test says of the truth（检验联系函数）: a laboratory says it plainly, a fast test with errors.

use risk_stats::special::sigmoid;

/// Least variance that a probability is divided by.
const LEAST_VARIANCE: f64 = 1e-9;

/// Probability of a failure as a function of the log-odds that the lot fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TestLink {
    /// 1 − specificity.
    false_positive: f64,
    /// Sensitivity + specificity − 1; 1 for a laboratory.
    youden: f64,
}

impl TestLink {
    pub(crate) const LABORATORY: Self = Self {
        false_positive: 0.0,
        youden: 1.0,
    };

    pub(crate) fn new(sensitivity: f64, specificity: f64) -> Self {
        Self {
            false_positive: 1.0 - specificity,
            youden: sensitivity + specificity - 1.0,
        }
    }

    /// Probability that the test fails the lot.
    pub(crate) fn positive(self, eta: f64) -> f64 {
        self.false_positive + self.youden * sigmoid(eta)
    }

    /// Slope of the log-likelihood of `failed` out of `tested` at this log-odds, and the
    /// information in it (its expected square).
    pub(crate) fn score(self, eta: f64, tested: f64, failed: f64) -> (f64, f64) {
        self.score_at(sigmoid(eta), tested, failed)
    }

    /// The same at a probability that the lot fails.
    #[inline]
    pub(crate) fn score_at(self, theta: f64, tested: f64, failed: f64) -> (f64, f64) {
        let spread = theta * (1.0 - theta);
        // For a laboratory the slope is the plain residual, unless rounding has eaten the variance.
        if self.youden >= 1.0 && spread >= LEAST_VARIANCE {
            return (failed - tested * theta, tested * spread);
        }
        let p = self.false_positive + self.youden * theta;
        let slope = self.youden * spread;
        let ratio = slope / (p * (1.0 - p)).max(LEAST_VARIANCE);
        ((failed - tested * p) * ratio, tested * slope * ratio)
    }
}
