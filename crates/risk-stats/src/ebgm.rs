//! Signals of disproportion（信号检测）: which of many counts stand further above what was expected than
//! their smallness excuses. Empirical Bayes with a mixture of two gamma laws: DuMouchel, American
//! Statistician 53 (1999).

use crate::minimise::nelder_mead;
use crate::quadrature::halve;
use crate::special::{digamma, logit, sigmoid};
use statrs::distribution::{ContinuousCDF, Gamma};

/// Counts or parameters that make no mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EbgmError {
    /// A shape or rate that is not positive and finite.
    #[error("shape and rate of a gamma law must be positive and finite")]
    Gamma,
    /// A share outside (0, 1).
    #[error("the share of the first law must lie between 0 and 1")]
    Share,
    /// An expected count that is not positive and finite.
    #[error("an expected count must be positive and finite")]
    Expected,
    /// A count of none where the fit looks at counts of one and more.
    #[error("the fit takes counts of at least one")]
    NotObserved,
    /// Fewer counts than there are parameters.
    #[error("five parameters need at least five counts")]
    TooFew,
    /// A probability outside (0, 1).
    #[error("the probability of a quantile must lie between 0 and 1")]
    Probability,
}

/// A gamma law of a ratio of observed to expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaLaw {
    shape: f64,
    rate: f64,
}

impl GammaLaw {
    /// Both positive and finite; the mean is shape/rate.
    pub fn new(shape: f64, rate: f64) -> Result<Self, EbgmError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if positive(shape) && positive(rate) {
            Ok(Self { shape, rate })
        } else {
            Err(EbgmError::Gamma)
        }
    }

    /// Shape.
    pub fn shape(self) -> f64 {
        self.shape
    }

    /// Rate.
    pub fn rate(self) -> f64 {
        self.rate
    }

    /// Log-probability of a count whose expectation is `expected` times such a ratio: negative
    /// binomial.
    fn ln_count(self, observed: f64, expected: f64) -> f64 {
        let (a, b) = (self.shape, self.rate);
        let choose = libm::lgamma(a + observed) - libm::lgamma(a) - libm::lgamma(observed + 1.0);
        choose - a * libm::log1p(expected / b) - observed * libm::log1p(b / expected)
    }

    /// The same given that the count is at least one.
    fn ln_seen(self, observed: f64, expected: f64) -> f64 {
        let unseen = -self.shape * libm::log1p(expected / self.rate);
        self.ln_count(observed, expected) - libm::log(-libm::expm1(unseen))
    }

    fn after(self, observed: f64, expected: f64) -> Self {
        Self {
            shape: self.shape + observed,
            rate: self.rate + expected,
        }
    }

    fn below(self, ratio: f64) -> f64 {
        Gamma::new(self.shape, self.rate).map_or(f64::NAN, |law| law.cdf(ratio))
    }
}

/// A count and what was expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObservedCount {
    observed: u64,
    expected: f64,
}

impl ObservedCount {
    /// `expected` is positive and finite.
    pub fn new(observed: u64, expected: f64) -> Result<Self, EbgmError> {
        if expected > 0.0 && expected.is_finite() {
            Ok(Self { observed, expected })
        } else {
            Err(EbgmError::Expected)
        }
    }
}

/// Two gamma laws of the ratio of observed to expected, mixed.
///
/// ```
/// use risk_stats::ebgm::{GammaLaw, GammaMixture, ObservedCount};
/// let mixture = GammaMixture::new(GammaLaw::new(0.35, 0.25)?, GammaLaw::new(2.0, 2.5)?, 0.15)?;
/// let posterior = mixture.after(ObservedCount::new(26, 4.0)?);
/// // 26 where 4 were expected: the ratio is shrunk little, and is surely above 2.
/// assert!(posterior.geometric_mean() < 6.5 && posterior.quantile(0.05)? > 2.0);
/// // Of the two laws only the first has such ratios.
/// assert!(posterior.first_share() > 0.9);
/// # Ok::<(), risk_stats::ebgm::EbgmError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaMixture {
    first: GammaLaw,
    second: GammaLaw,
    share: f64,
}

impl GammaMixture {
    /// A share in (0, 1) of the first law, the rest of the second.
    pub fn new(first: GammaLaw, second: GammaLaw, share: f64) -> Result<Self, EbgmError> {
        if share > 0.0 && share < 1.0 {
            Ok(Self {
                first,
                second,
                share,
            })
        } else {
            Err(EbgmError::Share)
        }
    }

    /// The first law.
    pub fn first(&self) -> GammaLaw {
        self.first
    }

    /// The second law.
    pub fn second(&self) -> GammaLaw {
        self.second
    }

    /// Share of the first law.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Log-likelihood of counts, each given that it is at least one: combinations that never occurred
    /// are not in the data. Each law is normalised over the counts it could have shown.
    pub fn ln_likelihood(&self, counts: &[ObservedCount]) -> f64 {
        let one = |count: &ObservedCount| {
            let (n, e) = (count.observed as f64, count.expected);
            ln_mix(
                self.share,
                self.first.ln_seen(n, e),
                self.second.ln_seen(n, e),
            )
        };
        counts.iter().map(one).sum()
    }

    /// The mixture that makes the counts likeliest, all of them at least one, by simplex search from
    /// three starts.
    ///
    /// ```
    /// use risk_stats::ebgm::{GammaLaw, GammaMixture, ObservedCount};
    /// let counts: Result<Vec<_>, _> = (1..40)
    ///     .map(|n| ObservedCount::new(1 + n % 4 + if n % 9 == 0 { 12 } else { 0 }, 2.0))
    ///     .collect();
    /// let counts = counts?;
    /// let mixture = GammaMixture::fit(&counts)?;
    /// let other = GammaMixture::new(GammaLaw::new(0.35, 0.25)?, GammaLaw::new(2.0, 2.5)?, 0.15)?;
    /// assert!(mixture.ln_likelihood(&counts) > other.ln_likelihood(&counts));
    /// # Ok::<(), risk_stats::ebgm::EbgmError>(())
    /// ```
    pub fn fit(counts: &[ObservedCount]) -> Result<Self, EbgmError> {
        if counts.len() < 5 {
            return Err(EbgmError::TooFew);
        }
        if counts.iter().any(|count| count.observed == 0) {
            return Err(EbgmError::NotObserved);
        }
        let of = |at: &[f64]| {
            // Bounds far beyond what any data can tell keep the search within the numbers.
            let positive = |index: usize| libm::exp(at[index].clamp(-7.0, 7.0));
            let law = |index: usize| GammaLaw {
                shape: positive(index),
                rate: positive(index + 1),
            };
            Self {
                first: law(0),
                second: law(2),
                share: sigmoid(at[4].clamp(-12.0, 12.0)),
            }
        };
        let starts = [
            [0.2, 0.1, 2.0, 4.0, 1.0 / 3.0],
            [1.0, 0.5, 4.0, 4.0, 0.1],
            [0.5, 0.5, 2.0, 2.0, 0.5],
        ];
        let mut best: Option<(Vec<f64>, f64)> = None;
        for [a1, b1, a2, b2, share] in starts {
            let mut at = [a1, b1, a2, b2].map(libm::log).to_vec();
            at.push(logit(share));
            // A second search from where the first ends: a simplex may collapse on the way.
            let objective = |at: &[f64]| -of(at).ln_likelihood(counts);
            let (at, _) = nelder_mead(objective, &at, 0.5, 1e-9, 2000);
            let found = nelder_mead(objective, &at, 0.2, 1e-10, 2000);
            if best.as_ref().is_none_or(|best| found.1 < best.1) {
                best = Some(found);
            }
        }
        best.map(|(at, _)| of(&at)).ok_or(EbgmError::TooFew)
    }

    /// What is believed of the ratio behind a count.
    pub fn after(&self, count: ObservedCount) -> RatioPosterior {
        let (n, e) = (count.observed as f64, count.expected);
        let first = libm::log(self.share) + self.first.ln_count(n, e);
        let second = libm::log1p(-self.share) + self.second.ln_count(n, e);
        RatioPosterior {
            first: self.first.after(n, e),
            second: self.second.after(n, e),
            share: sigmoid(first - second),
        }
    }
}

/// ln(share·e^first + (1 − share)·e^second).
fn ln_mix(share: f64, first: f64, second: f64) -> f64 {
    let (first, second) = (libm::log(share) + first, libm::log1p(-share) + second);
    let most = first.max(second);
    most + libm::log(libm::exp(first - most) + libm::exp(second - most))
}

/// What is believed of a ratio of observed to expected: a mixture of two gamma laws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioPosterior {
    first: GammaLaw,
    second: GammaLaw,
    share: f64,
}

impl RatioPosterior {
    /// Probability that the ratio is of the first law (Q_n).
    pub fn first_share(&self) -> f64 {
        self.share
    }

    /// Empirical Bayes geometric mean, EBGM: exp E[ln ratio].
    #[doc(alias = "EBGM")]
    pub fn geometric_mean(&self) -> f64 {
        let ln = |law: GammaLaw| digamma(law.shape) - libm::log(law.rate);
        libm::exp(self.share * ln(self.first) + (1.0 - self.share) * ln(self.second))
    }

    /// The ratio below which it lies with this probability in (0, 1): EB05 at 0.05.
    #[doc(alias = "EB05")]
    pub fn quantile(&self, probability: f64) -> Result<f64, EbgmError> {
        if probability <= 0.0 || probability >= 1.0 || probability.is_nan() {
            return Err(EbgmError::Probability);
        }
        let below = |ratio: f64| {
            let first = self.share * self.first.below(ratio);
            first + (1.0 - self.share) * self.second.below(ratio)
        };
        let mut high = 1.0;
        while below(high) < probability {
            high *= 2.0;
        }
        Ok(halve(0.0, high, |ratio| below(ratio) - probability))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_makes_no_mixture_is_refused() {
        assert_eq!(GammaLaw::new(0.0, 1.0), Err(EbgmError::Gamma));
        assert_eq!(ObservedCount::new(1, 0.0), Err(EbgmError::Expected));
        let none = ObservedCount::new(0, 1.0).unwrap();
        assert_eq!(GammaMixture::fit(&[none; 6]), Err(EbgmError::NotObserved));
        assert_eq!(GammaMixture::fit(&[none; 4]), Err(EbgmError::TooFew));
    }

    proptest! {
        #[test]
        fn more_observed_means_a_higher_ratio(observed in 0u64..60, expected in 0.05f64..40.0) {
            let first = GammaLaw::new(0.35, 0.25).unwrap();
            let mixture = GammaMixture::new(first, GammaLaw::new(2.0, 2.5).unwrap(), 0.15).unwrap();
            let after = |n| mixture.after(ObservedCount::new(n, expected).unwrap());
            let (one, more) = (after(observed), after(observed + 1));
            prop_assert!(one.geometric_mean() < more.geometric_mean());
            prop_assert!(one.quantile(0.05).unwrap() < one.geometric_mean());
            prop_assert!(one.geometric_mean() < one.quantile(0.95).unwrap());
        }
    }
}
