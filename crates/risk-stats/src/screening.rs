//! Fast tests that err（快速检测）: correcting a rate for their errors, and learning those errors
//! from the positives and negatives that a laboratory has verified.

use crate::interval::{Bounds, Counts, IntervalError};
use crate::shrink::BetaPosterior;

/// A fast test that cannot be corrected for.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScreeningError {
    /// A sensitivity outside (0, 1].
    #[error("sensitivity {0} does not lie in (0, 1]")]
    Sensitivity(f64),
    /// A specificity outside (0, 1].
    #[error("specificity {0} does not lie in (0, 1]")]
    Specificity(f64),
    /// Se + Sp − 1 below 0.2: the method tells next to nothing.
    #[error("sensitivity + specificity − 1 is {0}, below 0.2: the method is refused")]
    Uninformative(f64),
    /// No interval of the apparent rate.
    #[error(transparent)]
    Interval(#[from] IntervalError),
    /// A negative or unbounded count, or more verified than tested.
    #[error("counts must be finite, not negative, and verified tests no more than all tests")]
    Counts,
    /// Nothing tested positive and negative, so that nothing is known of the errors.
    #[error("there must be verified positives and verified negatives")]
    Unverified,
}

/// Probability that a non-conforming batch tests positive（灵敏度）.
#[doc(alias = "灵敏度")]
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Sensitivity(f64);

/// Probability that a conforming batch tests negative（特异度）.
#[doc(alias = "特异度")]
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Specificity(f64);

impl Sensitivity {
    /// In (0, 1].
    pub fn new(probability: f64) -> Result<Self, ScreeningError> {
        if probability > 0.0 && probability <= 1.0 {
            Ok(Self(probability))
        } else {
            Err(ScreeningError::Sensitivity(probability))
        }
    }

    /// The probability.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Specificity {
    /// In (0, 1].
    pub fn new(probability: f64) -> Result<Self, ScreeningError> {
        if probability > 0.0 && probability <= 1.0 {
            Ok(Self(probability))
        } else {
            Err(ScreeningError::Specificity(probability))
        }
    }

    /// The probability.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Least Youden index of a method that is used at all.
pub const LEAST_YOUDEN_INDEX: f64 = 0.2;

/// Sensitivity and specificity of a method that tells something: Se + Sp − 1 ≥ 0.2.
///
/// ```
/// use risk_stats::screening::{Accuracy, ScreeningError, Sensitivity, Specificity};
/// let coin = Accuracy::new(Sensitivity::new(0.6)?, Specificity::new(0.5)?);
/// assert!(matches!(coin, Err(ScreeningError::Uninformative(_))));
/// # Ok::<(), ScreeningError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    sensitivity: Sensitivity,
    specificity: Specificity,
}

/// A rate before and after the correction for a method's errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrectedRate {
    /// Share of positives.
    pub apparent: f64,
    /// Wilson interval of the share of positives.
    pub apparent_bounds: Bounds,
    /// The corrected rate as the formula gives it, below 0 where fewer are positive than errors
    /// alone would make: unbiased, so this is what sums and averages take.
    pub rate: f64,
    /// The corrected bounds, not truncated either.
    pub bounds: Bounds,
    /// The corrected rate within [0, 1]: what is shown.
    pub truncated: f64,
}

impl Accuracy {
    /// Refuses a method whose Youden index（约登指数）is below [`LEAST_YOUDEN_INDEX`].
    pub fn new(sensitivity: Sensitivity, specificity: Specificity) -> Result<Self, ScreeningError> {
        let youden = sensitivity.get() + specificity.get() - 1.0;
        // Half a unit in the last place of 0.8 + 0.4 − 1 is no reason to refuse.
        if youden < LEAST_YOUDEN_INDEX - 1e-12 {
            return Err(ScreeningError::Uninformative(youden));
        }
        Ok(Self {
            sensitivity,
            specificity,
        })
    }

    /// Sensitivity.
    pub fn sensitivity(self) -> Sensitivity {
        self.sensitivity
    }

    /// Specificity.
    pub fn specificity(self) -> Specificity {
        self.specificity
    }

    /// Youden index（约登指数）J = Se + Sp − 1, at least 0.2.
    #[doc(alias = "约登指数")]
    pub fn youden_index(self) -> f64 {
        self.sensitivity.get() + self.specificity.get() - 1.0
    }

    /// Probability of a positive where a share `rate` is non-conforming: 1 − Sp + J·rate.
    pub fn positive_rate(self, rate: f64) -> f64 {
        1.0 - self.specificity.get() + self.youden_index() * rate
    }

    /// Rogan and Gladen's correction (American Journal of Epidemiology 107, 1978):
    /// (p + Sp − 1) / J, for the share of positives and for both ends of its Wilson interval.
    /// `positives` counts positives as failures.
    ///
    /// ```
    /// use risk_stats::interval::Counts;
    /// use risk_stats::screening::{Accuracy, Sensitivity, Specificity};
    /// let accuracy = Accuracy::new(Sensitivity::new(0.8)?, Specificity::new(0.95)?)?;
    /// let corrected = accuracy.rogan_gladen(Counts::new(12, 200)?, 0.95)?;
    /// assert!((corrected.rate - 0.013_333_333).abs() < 1e-9);
    /// assert!((accuracy.youden_index() - 0.75).abs() < 1e-12);
    /// assert!((accuracy.positive_rate(corrected.rate) - 0.06).abs() < 1e-12);
    /// # Ok::<(), risk_stats::screening::ScreeningError>(())
    /// ```
    pub fn rogan_gladen(
        self,
        positives: Counts,
        level: f64,
    ) -> Result<CorrectedRate, ScreeningError> {
        let correct = |p: f64| (p + self.specificity.get() - 1.0) / self.youden_index();
        let apparent_bounds = positives.wilson(level)?;
        let rate = correct(positives.rate());
        Ok(CorrectedRate {
            apparent: positives.rate(),
            apparent_bounds,
            rate,
            bounds: Bounds {
                lower: correct(apparent_bounds.lower),
                upper: correct(apparent_bounds.upper),
            },
            truncated: rate.clamp(0.0, 1.0),
        })
    }
}

/// All fast tests of a method and those verified in a laboratory; counts may be decayed, so they
/// are not whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verification {
    positives: f64,
    negatives: f64,
    table: VerifiedTable,
}

/// Verified tests by what both said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerifiedTable {
    /// Positive in the fast test, non-conforming in the laboratory.
    pub true_positives: f64,
    /// Positive, conforming.
    pub false_positives: f64,
    /// Negative, non-conforming.
    pub false_negatives: f64,
    /// Negative, conforming.
    pub true_negatives: f64,
}

/// What is believed of a method: beta laws of sensitivity and specificity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccuracyBelief {
    /// Sensitivity.
    pub sensitivity: BetaPosterior,
    /// Specificity.
    pub specificity: BetaPosterior,
}

/// Estimates without a prior; either may be 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccuracyEstimate {
    /// Sensitivity.
    pub sensitivity: f64,
    /// Specificity.
    pub specificity: f64,
}

/// D₁/(D₁ + D₀), both as Begg and Greenes have them, from the share of positives that are
/// non-conforming and of negatives that are.
fn from_predictive(positives: f64, negatives: f64, ppv: f64, missed: f64) -> AccuracyEstimate {
    let (found, lost) = (positives * ppv, negatives * missed);
    let (passed, accused) = (negatives * (1.0 - missed), positives * (1.0 - ppv));
    AccuracyEstimate {
        sensitivity: found / (found + lost),
        specificity: passed / (passed + accused),
    }
}

impl Verification {
    /// All positives and negatives, verified or not, and the verified among them.
    pub fn new(
        positives: f64,
        negatives: f64,
        table: VerifiedTable,
    ) -> Result<Self, ScreeningError> {
        let (tp, fp) = (table.true_positives, table.false_positives);
        let (fn_, tn) = (table.false_negatives, table.true_negatives);
        let sound = |count: f64| count.is_finite() && count >= 0.0;
        let all = [positives, negatives, tp, fp, fn_, tn]
            .into_iter()
            .all(sound);
        // Decayed sums are rounded, so that a verified test may outweigh itself by a hair.
        let within = |part: f64, whole: f64| part <= whole * (1.0 + 1e-9) + 1e-9;
        if all && within(tp + fp, positives) && within(fn_ + tn, negatives) {
            Ok(Self {
                positives,
                negatives,
                table,
            })
        } else {
            Err(ScreeningError::Counts)
        }
    }

    /// Begg and Greenes' correction for verifying some results more than others (Biometrics 39,
    /// 1983), given that verification depends on the fast result alone.
    ///
    /// ```
    /// use risk_stats::screening::{Verification, VerifiedTable};
    /// let table = VerifiedTable {
    ///     true_positives: 231.0,
    ///     false_positives: 32.0,
    ///     false_negatives: 27.0,
    ///     true_negatives: 54.0,
    /// };
    /// let estimate = Verification::new(429.0, 221.0, table)?.begg_greenes()?;
    /// assert!((estimate.sensitivity - 0.836_466_7).abs() < 1e-7);
    /// # Ok::<(), risk_stats::screening::ScreeningError>(())
    /// ```
    pub fn begg_greenes(&self) -> Result<AccuracyEstimate, ScreeningError> {
        let t = self.table;
        let verified_positives = t.true_positives + t.false_positives;
        let verified_negatives = t.false_negatives + t.true_negatives;
        if verified_positives <= 0.0 || verified_negatives <= 0.0 {
            return Err(ScreeningError::Unverified);
        }
        let ppv = t.true_positives / verified_positives;
        let missed = t.false_negatives / verified_negatives;
        let estimate = from_predictive(self.positives, self.negatives, ppv, missed);
        // No non-conforming batch at all, or none that conforms: one of the two is 0/0.
        if estimate.sensitivity.is_finite() && estimate.specificity.is_finite() {
            Ok(estimate)
        } else {
            Err(ScreeningError::Unverified)
        }
    }

    /// The same with a little added to each cell, its delta-method variance turned into a number of
    /// tests, and a beta prior: with nothing verified the prior stands.
    ///
    /// ```
    /// use risk_stats::screening::{AccuracyBelief, Verification, VerifiedTable};
    /// use risk_stats::shrink::BetaPosterior;
    /// let prior = AccuracyBelief {
    ///     sensitivity: BetaPosterior::new(16.0, 4.0)?,
    ///     specificity: BetaPosterior::new(47.5, 2.5)?,
    /// };
    /// let none = VerifiedTable {
    ///     true_positives: 0.0,
    ///     false_positives: 0.0,
    ///     false_negatives: 0.0,
    ///     true_negatives: 0.0,
    /// };
    /// let belief = Verification::new(0.0, 0.0, none)
    ///     .map(|nothing| nothing.belief(prior));
    /// assert_eq!(belief, Ok(prior));
    /// # Ok::<(), risk_stats::shrink::BetaError>(())
    /// ```
    pub fn belief(&self, prior: AccuracyBelief) -> AccuracyBelief {
        let t = self.table;
        let verified_positives = t.true_positives + t.false_positives + 1.0;
        let verified_negatives = t.false_negatives + t.true_negatives + 1.0;
        let ppv = (t.true_positives + 0.5) / verified_positives;
        let missed = (t.false_negatives + 0.05) / verified_negatives;
        let estimate = from_predictive(self.positives, self.negatives, ppv, missed);
        // Relative variances of the shares on both sides.
        let of_ppv = ppv * (1.0 - ppv) / verified_positives;
        let of_missed = missed * (1.0 - missed) / verified_negatives;
        let hit = of_missed / (missed * missed) + of_ppv / (ppv * ppv);
        let pass =
            of_ppv / ((1.0 - ppv) * (1.0 - ppv)) + of_missed / ((1.0 - missed) * (1.0 - missed));
        AccuracyBelief {
            sensitivity: pooled(prior.sensitivity, estimate.sensitivity, hit),
            specificity: pooled(prior.specificity, estimate.specificity, pass),
        }
    }
}

/// A beta prior and an estimate whose log-odds have this variance, as so many tests more.
fn pooled(prior: BetaPosterior, estimate: f64, variance: f64) -> BetaPosterior {
    let worth = 1.0 / (estimate * (1.0 - estimate) * variance);
    if !worth.is_finite() || worth <= 0.0 {
        return prior;
    }
    let alpha = prior.alpha() + estimate * worth;
    let beta = prior.beta() + (1.0 - estimate) * worth;
    BetaPosterior::new(alpha, beta).unwrap_or(prior)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accuracy(se: f64, sp: f64) -> Result<Accuracy, ScreeningError> {
        Accuracy::new(Sensitivity::new(se)?, Specificity::new(sp)?)
    }

    #[test]
    fn a_method_that_tells_nothing_is_refused_by_name() {
        let error = accuracy(0.6, 0.55).unwrap_err();
        assert!(matches!(error, ScreeningError::Uninformative(_)));
        assert!(error.to_string().contains("sensitivity + specificity − 1"));
        accuracy(0.8, 0.4).unwrap();
        assert_eq!(Sensitivity::new(1.1), Err(ScreeningError::Sensitivity(1.1)));
        assert_eq!(
            Specificity::new(-0.1),
            Err(ScreeningError::Specificity(-0.1))
        );
    }

    #[test]
    fn more_verified_than_tested_is_refused() {
        let table = VerifiedTable {
            true_positives: 5.0,
            false_positives: 0.0,
            false_negatives: 0.0,
            true_negatives: 0.0,
        };
        assert_eq!(
            Verification::new(4.0, 0.0, table),
            Err(ScreeningError::Counts)
        );
        let unverified = Verification::new(5.0, 3.0, table).unwrap();
        assert_eq!(unverified.begg_greenes(), Err(ScreeningError::Unverified));
    }

    proptest! {
        #[test]
        fn the_correction_undoes_the_errors(rate in 0.0f64..1.0, se in 0.7f64..1.0, sp in 0.7f64..1.0) {
            let accuracy = accuracy(se, sp).unwrap();
            let positives = (accuracy.positive_rate(rate) * 1e9).round() as u64;
            let found = accuracy.rogan_gladen(Counts::new(positives, 1_000_000_000).unwrap(), 0.95).unwrap();
            prop_assert!((found.rate - rate).abs() < 1e-8);
            prop_assert!(found.bounds.lower <= found.rate && found.rate <= found.bounds.upper);
        }

        #[test]
        fn all_verified_is_the_plain_table(tp in 1u32..200, fp in 1u32..200, fn_ in 1u32..200, tn in 1u32..200) {
            let table = VerifiedTable {
                true_positives: f64::from(tp), false_positives: f64::from(fp),
                false_negatives: f64::from(fn_), true_negatives: f64::from(tn),
            };
            let all = Verification::new(f64::from(tp + fp), f64::from(fn_ + tn), table).unwrap();
            let estimate = all.begg_greenes().unwrap();
            prop_assert!((estimate.sensitivity - f64::from(tp) / f64::from(tp + fn_)).abs() < 1e-12);
            prop_assert!((estimate.specificity - f64::from(tn) / f64::from(tn + fp)).abs() < 1e-12);
        }
    }
}
