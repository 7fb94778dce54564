//! How likely a plan is to accept（抽检特性曲线）.

use super::AcceptanceError;
use crate::special::ln_choose;
use statrs::distribution::{Binomial, DiscreteCDF, Poisson};

/// A sample size and the most failures with which a lot is accepted.
///
/// ```
/// use risk_stats::acceptance::LotPlan;
/// let plan = LotPlan::new(32, 2)?;
/// assert!((plan.accepts_rate(0.04)? - 0.865_116_902).abs() < 1e-9);
/// # Ok::<(), risk_stats::acceptance::AcceptanceError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LotPlan {
    sample: u32,
    acceptance_number: u32,
}

/// A quality, and the chance with which it is to be accepted at least or at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityPoint {
    /// Share nonconforming, in (0, 1).
    pub rate: f64,
    /// Probability of acceptance, in (0, 1).
    pub accepted: f64,
}

impl LotPlan {
    /// At least one unit, and an acceptance number below it.
    pub fn new(sample: u32, acceptance_number: u32) -> Result<Self, AcceptanceError> {
        if acceptance_number < sample {
            Ok(Self {
                sample,
                acceptance_number,
            })
        } else {
            Err(AcceptanceError::Plan)
        }
    }

    /// Units drawn.
    pub fn sample(self) -> u32 {
        self.sample
    }

    /// Most failures with which the lot is accepted.
    pub fn acceptance_number(self) -> u32 {
        self.acceptance_number
    }

    /// Probability of acceptance of a long series of lots with this share nonconforming（抽检特性曲线）:
    /// binomial.
    #[doc(alias = "抽检特性曲线")]
    pub fn accepts_rate(self, rate: f64) -> Result<f64, AcceptanceError> {
        let law = Binomial::new(rate, u64::from(self.sample));
        let law = law.map_err(|_| AcceptanceError::Quality)?;
        Ok(law.cdf(u64::from(self.acceptance_number)))
    }

    /// Probability of acceptance of one lot with so many units nonconforming: hypergeometric.
    ///
    /// ```
    /// use risk_stats::acceptance::LotPlan;
    /// // Two of three units, one of the three nonconforming.
    /// let accepted = LotPlan::new(2, 0)?.accepts_lot(3, 1)?;
    /// assert!((accepted - 1.0 / 3.0).abs() < 1e-12);
    /// # Ok::<(), risk_stats::acceptance::AcceptanceError>(())
    /// ```
    pub fn accepts_lot(self, lot: u64, nonconforming: u64) -> Result<f64, AcceptanceError> {
        let sample = u64::from(self.sample);
        if sample > lot || nonconforming > lot {
            return Err(AcceptanceError::Lot);
        }
        let conforming = lot - nonconforming;
        let all = ln_choose(lot, sample);
        let most = u64::from(self.acceptance_number).min(nonconforming);
        let least = sample.saturating_sub(conforming);
        let ways = |found: u64| {
            let ln = ln_choose(nonconforming, found) + ln_choose(conforming, sample - found);
            libm::exp(ln - all)
        };
        Ok((least..=most).map(ways).sum::<f64>().min(1.0))
    }

    /// Probability of acceptance where units have so many nonconformities per hundred on average:
    /// Poisson. For limits above 10 this is the only one.
    ///
    /// ```
    /// use risk_stats::acceptance::LotPlan;
    /// let accepted = LotPlan::new(50, 0)?.accepts_nonconformities(2.0)?;
    /// assert!((accepted - (-1.0f64).exp()).abs() < 1e-12);
    /// # Ok::<(), risk_stats::acceptance::AcceptanceError>(())
    /// ```
    pub fn accepts_nonconformities(self, per_hundred: f64) -> Result<f64, AcceptanceError> {
        if per_hundred.is_nan() || per_hundred < 0.0 || per_hundred.is_infinite() {
            return Err(AcceptanceError::Quality);
        }
        let expected = f64::from(self.sample) * per_hundred / 100.0;
        if expected <= 0.0 {
            return Ok(1.0);
        }
        let law = Poisson::new(expected).map_err(|_| AcceptanceError::Quality)?;
        Ok(law.cdf(u64::from(self.acceptance_number)))
    }
}

/// The least plan that accepts the producer's quality at least, and the consumer's at most, as
/// likely as asked（按两点设计抽样方案）; binomial.
///
/// ```
/// use risk_stats::acceptance::{QualityPoint, find_plan};
/// let producer = QualityPoint { rate: 0.02, accepted: 0.95 };
/// let consumer = QualityPoint { rate: 0.10, accepted: 0.10 };
/// let plan = find_plan(producer, consumer)?;
/// assert_eq!((plan.sample(), plan.acceptance_number()), (65, 3));
/// # Ok::<(), risk_stats::acceptance::AcceptanceError>(())
/// ```
pub fn find_plan(
    producer: QualityPoint,
    consumer: QualityPoint,
) -> Result<LotPlan, AcceptanceError> {
    const MOST: u32 = 100_000;
    let inside = |value: f64| value > 0.0 && value < 1.0;
    let points = [producer, consumer];
    if !points
        .iter()
        .all(|at| inside(at.rate) && inside(at.accepted))
    {
        return Err(AcceptanceError::Quality);
    }
    if producer.rate >= consumer.rate || producer.accepted <= consumer.accepted {
        return Err(AcceptanceError::NoPlan);
    }
    let mut sample = 1;
    for acceptance_number in 0..MOST {
        // A larger acceptance number needs a larger sample to reject the consumer's quality. The
        // chance falls with the sample: double until it is low enough, then halve between.
        let accepts = |sample: u32| LotPlan {
            sample,
            acceptance_number,
        };
        let rejects = |sample: u32| {
            let chance = accepts(sample).accepts_rate(consumer.rate)?;
            Ok::<bool, AcceptanceError>(chance <= consumer.accepted)
        };
        let mut low = sample.max(acceptance_number + 1);
        let mut high = low;
        while !rejects(high)? {
            if high > MOST {
                return Err(AcceptanceError::NoPlan);
            }
            (low, high) = (high + 1, high * 2);
        }
        while low < high {
            let middle = u32::midpoint(low, high);
            if rejects(middle)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        sample = high;
        if accepts(sample).accepts_rate(producer.rate)? >= producer.accepted {
            return LotPlan::new(sample, acceptance_number);
        }
    }
    Err(AcceptanceError::NoPlan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_plan_or_quality_is_refused() {
        assert_eq!(LotPlan::new(3, 3), Err(AcceptanceError::Plan));
        assert_eq!(LotPlan::new(0, 0), Err(AcceptanceError::Plan));
        let plan = LotPlan::new(3, 1).unwrap();
        assert_eq!(plan.accepts_rate(1.5), Err(AcceptanceError::Quality));
        assert_eq!(plan.accepts_lot(2, 1), Err(AcceptanceError::Lot));
        let negative = plan.accepts_nonconformities(-1.0);
        assert_eq!(negative, Err(AcceptanceError::Quality));
        let point = QualityPoint {
            rate: 0.1,
            accepted: 0.5,
        };
        assert_eq!(find_plan(point, point), Err(AcceptanceError::NoPlan));
    }

    proptest! {
        #[test]
        fn worse_quality_is_accepted_less(sample in 1u32..200, number in 0u32..10, rate in 0.0f64..0.5, lot in 200u64..2000) {
            let Ok(plan) = LotPlan::new(sample, number) else {
                return Ok(());
            };
            let nonconforming = (rate * lot as f64) as u64;
            prop_assert!(plan.accepts_rate(rate + 0.05).unwrap() <= plan.accepts_rate(rate).unwrap() + 1e-12);
            prop_assert!(plan.accepts_lot(lot, nonconforming + 9).unwrap() <= plan.accepts_lot(lot, nonconforming).unwrap() + 1e-9);
            prop_assert!(plan.accepts_nonconformities(100.0 * rate + 5.0).unwrap() <= plan.accepts_nonconformities(100.0 * rate).unwrap() + 1e-12);
        }

        #[test]
        fn a_found_plan_keeps_both_risks(rate in 0.005f64..0.05, ratio in 3.0f64..9.0) {
            let producer = QualityPoint { rate, accepted: 0.95 };
            let consumer = QualityPoint { rate: rate * ratio, accepted: 0.10 };
            let plan = find_plan(producer, consumer).unwrap();
            prop_assert!(plan.accepts_rate(producer.rate).unwrap() >= 0.95);
            prop_assert!(plan.accepts_rate(consumer.rate).unwrap() <= 0.10);
        }
    }
}
