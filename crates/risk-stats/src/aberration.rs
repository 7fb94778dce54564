//! Weekly or daily counts that stand above their own past（计数异常检测）: the EARS limits, Farrington's
//! regressions and a Bayesian quantile. They look at counts alone; where inspections are aimed, prefer
//! the risk-adjusted sums of [`crate::chart`].

mod farrington;
mod flexible;

use crate::special::normal_quantile;
pub use farrington::{FarringtonSettings, farrington_limit};
pub use flexible::{FlexibleSettings, flexible_limit};

/// Counts or settings that give no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AberrationError {
    /// Not enough counts before the one asked for.
    #[error("the series does not reach back far enough")]
    History,
    /// A probability of a false alarm outside (0, 1).
    #[error("the probability of a false alarm must lie between 0 and 1")]
    Probability,
    /// Settings that name no counts of the past.
    #[error("settings must name at least one season and one count of the past")]
    Settings,
    /// A regression that does not converge, for instance where the past has no cases.
    #[error("the regression on the past does not converge")]
    Unfitted,
}

fn false_alarms(probability: f64) -> Result<f64, AberrationError> {
    if probability > 0.0 && probability < 1.0 {
        Ok(probability)
    } else {
        Err(AberrationError::Probability)
    }
}

/// Mean and deviation of the seven counts that end `lag` before a count: the baseline of the EARS
/// methods, C1 with lag 0 and C2 with lag 2 (Hutwagner, Thompson, Seeman and Treadwell, Journal of
/// Urban Health 80, 2003).
///
/// ```
/// use risk_stats::aberration::EarsBaseline;
/// let baseline = EarsBaseline::before(&[1, 2, 3, 1, 2, 3, 2, 9], 7, 0)?;
/// assert_eq!(baseline.mean(), 2.0);
/// assert!(baseline.limit(0.001)? < 9.0);
/// assert!((baseline.surprise(9) * baseline.deviation() - 7.0).abs() < 1e-12);
/// # Ok::<(), risk_stats::aberration::AberrationError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarsBaseline {
    mean: f64,
    deviation: f64,
}

const BASELINE: usize = 7;

impl EarsBaseline {
    /// The baseline of the count at this place.
    pub fn before(counts: &[u32], at: usize, lag: usize) -> Result<Self, AberrationError> {
        let end = at.checked_sub(lag).ok_or(AberrationError::History)?;
        let start = end.checked_sub(BASELINE).ok_or(AberrationError::History)?;
        let past = counts.get(start..end).ok_or(AberrationError::History)?;
        let mean = past.iter().map(|count| f64::from(*count)).sum::<f64>() / BASELINE as f64;
        let square = |count: &u32| (f64::from(*count) - mean) * (f64::from(*count) - mean);
        let squares: f64 = past.iter().map(square).sum();
        Ok(Self {
            mean,
            deviation: libm::sqrt(squares / (BASELINE as f64 - 1.0)),
        })
    }

    /// Mean of the baseline.
    pub fn mean(self) -> f64 {
        self.mean
    }

    /// Deviation of the baseline; 0 where all seven counts are equal.
    pub fn deviation(self) -> f64 {
        self.deviation
    }

    /// The limit that a count exceeds with this probability by chance.
    pub fn limit(self, false_alarm: f64) -> Result<f64, AberrationError> {
        let z = normal_quantile(1.0 - false_alarms(false_alarm)?);
        Ok(self.mean + z * self.deviation)
    }

    /// How many deviations a count lies above the baseline's mean. With no deviation, any count above
    /// the mean lies infinitely far.
    pub fn surprise(self, count: u32) -> f64 {
        let above = f64::from(count) - self.mean;
        if self.deviation > 0.0 {
            above / self.deviation
        } else if above > 0.0 {
            f64::INFINITY
        } else {
            0.0
        }
    }
}

/// The EARS statistic C3: how far this count and the two before it lie more than one deviation above
/// their C2 baselines, added up. Large is an alarm: above the normal quantile of 1 − false alarms.
///
/// ```
/// use risk_stats::aberration::ears_c3;
/// let counts = [1, 2, 3, 1, 2, 3, 2, 1, 2, 3, 1, 9];
/// assert!(ears_c3(&counts, 11)? > 3.09);
/// # Ok::<(), risk_stats::aberration::AberrationError>(())
/// ```
pub fn ears_c3(counts: &[u32], at: usize) -> Result<f64, AberrationError> {
    let count = counts.get(at).ok_or(AberrationError::History)?;
    let now = EarsBaseline::before(counts, at, 2)?.surprise(*count) - 1.0;
    Ok(ears_c3_carried(counts, at)? + now.max(0.0))
}

/// The part of [`ears_c3`] that comes from the two counts before.
///
/// ```
/// use risk_stats::aberration::ears_c3_carried;
/// let counts = [1, 2, 3, 1, 2, 3, 2, 1, 2, 3, 1, 9];
/// // The 3 before the 1: (3 − 2)/0.816 − 1; the 1 adds nothing.
/// assert!((ears_c3_carried(&counts, 11)? - 0.224_745).abs() < 1e-6);
/// # Ok::<(), risk_stats::aberration::AberrationError>(())
/// ```
pub fn ears_c3_carried(counts: &[u32], at: usize) -> Result<f64, AberrationError> {
    let mut carried = 0.0;
    for back in 1..=2 {
        let at = at.checked_sub(back).ok_or(AberrationError::History)?;
        let count = counts.get(at).ok_or(AberrationError::History)?;
        let surprise = EarsBaseline::before(counts, at, 2)?.surprise(*count) - 1.0;
        carried += surprise.max(0.0);
    }
    Ok(carried)
}

/// Which counts of the past [`bayes_limit`] compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BayesSettings {
    /// Seasons back.
    pub seasons: usize,
    /// Counts in a season, for instance 52.
    pub season: usize,
    /// Counts on either side of the same place in a past season, and just before this one.
    pub window: usize,
    /// Whether the counts just before this one are looked at too.
    pub this_season: bool,
}

/// The least count that the predictive law of a Poisson rate, with Jeffreys' prior and the counts
/// chosen from the past, exceeds with at most this probability: negative binomial (Riebler 2004, as
/// Höhle, Computational Statistics 22, 2007, gives it).
///
/// ```
/// use risk_stats::aberration::{BayesSettings, bayes_limit};
/// let settings = BayesSettings { seasons: 0, season: 52, window: 6, this_season: true };
/// assert_eq!(bayes_limit(&[1, 1, 1, 1, 1, 1, 4], 6, settings, 0.01)?, 5);
/// # Ok::<(), risk_stats::aberration::AberrationError>(())
/// ```
pub fn bayes_limit(
    counts: &[u32],
    at: usize,
    settings: BayesSettings,
    false_alarm: f64,
) -> Result<u32, AberrationError> {
    let false_alarm = false_alarms(false_alarm)?;
    let mut past: Vec<u32> = Vec::new();
    if settings.this_season {
        let start = at
            .checked_sub(settings.window)
            .ok_or(AberrationError::History)?;
        past.extend(counts.get(start..at).ok_or(AberrationError::History)?);
    }
    for back in 1..=settings.seasons {
        past.extend(around(counts, at, back * settings.season, settings.window)?);
    }
    if past.is_empty() {
        return Err(AberrationError::Settings);
    }
    let shape = past.iter().map(|count| f64::from(*count)).sum::<f64>() + 0.5;
    let more = 1.0 / (past.len() as f64 + 1.0);
    // Negative binomial: each count's probability against that of the count before.
    let ratio = |count: f64| (shape + count) / (count + 1.0) * more;
    let none = shape * libm::log1p(-more);
    Ok(least_exceeded(none, ratio, false_alarm))
}

/// The least count that is exceeded with at most this probability, by the logarithm of the
/// probability of 0 and the ratio of each count's probability to that of the count before.
fn least_exceeded(ln_none: f64, ratio: impl Fn(f64) -> f64, false_alarm: f64) -> u32 {
    let (mut ln_chance, mut below, mut count) = (ln_none, libm::exp(ln_none), 0_u32);
    while below < 1.0 - false_alarm {
        let ratio = ratio(f64::from(count));
        ln_chance += libm::log(ratio);
        let more = below + libm::exp(ln_chance);
        // Past the likeliest count, what no longer adds anything ends the sum.
        if ratio < 1.0 && more <= below {
            break;
        }
        (below, count) = (more, count + 1);
    }
    count
}

/// Counts around the same place so many counts back.
fn around(
    counts: &[u32],
    at: usize,
    back: usize,
    window: usize,
) -> Result<&[u32], AberrationError> {
    let centre = at.checked_sub(back).ok_or(AberrationError::History)?;
    let start = centre.checked_sub(window).ok_or(AberrationError::History)?;
    let end = centre + window;
    if end >= at {
        return Err(AberrationError::Settings);
    }
    counts.get(start..=end).ok_or(AberrationError::History)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn too_short_a_past_is_refused() {
        assert_eq!(
            EarsBaseline::before(&[1; 20], 6, 0),
            Err(AberrationError::History)
        );
        assert_eq!(ears_c3(&[1; 20], 10), Err(AberrationError::History));
        let settings = BayesSettings {
            seasons: 0,
            season: 52,
            window: 6,
            this_season: false,
        };
        let limit = bayes_limit(&[1; 20], 10, settings, 0.01);
        assert_eq!(limit, Err(AberrationError::Settings));
    }

    #[test]
    fn a_quiet_past_is_broken_by_one_case() {
        let baseline = EarsBaseline::before(&[0; 8], 7, 0).unwrap();
        assert!(baseline.surprise(1).is_infinite());
        assert!(baseline.surprise(0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn rarer_alarms_have_higher_limits(counts in prop::collection::vec(0u32..20, 10), rare in 0.001f64..0.1) {
            let baseline = EarsBaseline::before(&counts, 9, 2).unwrap();
            prop_assert!(baseline.limit(rare).unwrap() >= baseline.limit(rare + 0.1).unwrap());
            let settings = BayesSettings { seasons: 0, season: 52, window: 6, this_season: true };
            let limit = |rare| bayes_limit(&counts, 9, settings, rare).unwrap();
            prop_assert!(limit(rare) >= limit(rare + 0.1));
        }
    }
}
