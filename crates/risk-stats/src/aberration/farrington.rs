//! Farrington's regression on the same weeks of past years.

use super::{AberrationError, around, false_alarms};
use crate::special::normal_quantile;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Which counts of the past the regression is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FarringtonSettings {
    /// Years back, at least one.
    pub years: usize,
    /// Counts in a year, for instance 52.
    pub year: usize,
    /// Counts on either side of the same week.
    pub window: usize,
}

/// A quasi-Poisson regression ln μ = b₀ + b₁·(t − centre).
struct Fit {
    intercept: f64,
    slope: f64,
    centre: f64,
    dispersion: f64,
    /// Unscaled covariance: of the intercept, of both, of the slope.
    covariance: [f64; 3],
    means: Vec<f64>,
    leverages: Vec<f64>,
}

/// A count that lies above the limit is unusual（Farrington 法）: Farrington, Andrews, Beale and
/// Catchpole, JRSS A 159 (1996). Quasi-Poisson regression with a trend where it is significant and
/// does not extrapolate, a second fit that trusts past outbreaks less, and a two-sided prediction
/// limit on the 2/3 power.
///
/// ```
/// use risk_stats::aberration::{FarringtonSettings, farrington_limit};
/// let counts: Vec<u32> = (0..220).map(|week| 2 + week % 3).collect();
/// let settings = FarringtonSettings { years: 3, year: 52, window: 3 };
/// let limit = farrington_limit(&counts, 210, settings, 0.01)?;
/// assert!(4.0 < limit && limit < 10.0);
/// # Ok::<(), risk_stats::aberration::AberrationError>(())
/// ```
pub fn farrington_limit(
    counts: &[u32],
    at: usize,
    settings: FarringtonSettings,
    false_alarm: f64,
) -> Result<f64, AberrationError> {
    let z = normal_quantile(1.0 - false_alarms(false_alarm)? / 2.0);
    if settings.years == 0 || settings.year == 0 {
        return Err(AberrationError::Settings);
    }
    let (mut weeks, mut past) = (Vec::new(), Vec::new());
    for back in (1..=settings.years).rev() {
        let back = back * settings.year;
        let start = (at as f64) - (back + settings.window) as f64;
        for (step, count) in around(counts, at, back, settings.window)?
            .iter()
            .enumerate()
        {
            weeks.push(start + step as f64);
            past.push(f64::from(*count));
        }
    }
    let now = at as f64;
    let trended = reweighted(&weeks, &past, true)?;
    let expected = libm::exp(trended.intercept + trended.slope * (now - trended.centre));
    let most = past.iter().copied().fold(0.0, f64::max);
    let keeps = settings.years >= 3 && expected <= most && significant(&trended, past.len())?;
    let fit = if keeps {
        trended
    } else {
        reweighted(&weeks, &past, false)?
    };
    let apart = now - fit.centre;
    let mean = libm::exp(fit.intercept + fit.slope * apart);
    let phi = fit.dispersion.max(1.0);
    let [a, b, c] = fit.covariance;
    let error = phi * (a + 2.0 * b * apart + c * apart * apart) * mean * mean;
    let spread = phi + error / mean;
    let deviation = libm::sqrt(4.0 / 9.0 * libm::cbrt(mean) * spread);
    let root = libm::pow(mean, 2.0 / 3.0) + z * deviation;
    Ok(libm::pow(root, 1.5))
}

/// Whether the slope differs from 0 at the 5 % level.
fn significant(fit: &Fit, counts: usize) -> Result<bool, AberrationError> {
    let freedom = counts as f64 - 2.0;
    let law = StudentsT::new(0.0, 1.0, freedom).map_err(|_| AberrationError::Unfitted)?;
    let error = libm::sqrt(fit.covariance[2] * fit.dispersion);
    let tail = law.sf((fit.slope / error).abs());
    Ok(2.0 * tail < 0.05)
}

/// Fits, then fits again with counts of large Anscombe residuals weighing less.
fn reweighted(weeks: &[f64], past: &[f64], trend: bool) -> Result<Fit, AberrationError> {
    let first = fit(weeks, past, &vec![1.0; past.len()], trend)?;
    let phi = first.dispersion.max(1.0);
    let residual = |at: usize| {
        let (y, mean) = (past[at], first.means[at]);
        let root = libm::pow(y, 2.0 / 3.0) * libm::pow(mean, -1.0 / 6.0) - libm::sqrt(mean);
        1.5 * root / libm::sqrt(phi * (1.0 - first.leverages[at]))
    };
    let trust = |at: usize| {
        let residual = residual(at);
        if residual > 1.0 {
            1.0 / (residual * residual)
        } else {
            1.0
        }
    };
    let weights: Vec<f64> = (0..past.len()).map(trust).collect();
    let scale = past.len() as f64 / weights.iter().sum::<f64>();
    let weights: Vec<f64> = weights.into_iter().map(|weight| scale * weight).collect();
    fit(weeks, past, &weights, trend)
}

/// Iteratively reweighted least squares of a Poisson regression with logarithmic link.
fn fit(weeks: &[f64], past: &[f64], weights: &[f64], trend: bool) -> Result<Fit, AberrationError> {
    let centre = weeks.iter().sum::<f64>() / weeks.len() as f64;
    let weighted: f64 = past.iter().zip(weights).map(|(y, w)| y * w).sum();
    let (mut intercept, mut slope) = (libm::log(weighted / weights.iter().sum::<f64>()), 0.0);
    let mean =
        |intercept: f64, slope: f64, week: f64| libm::exp(intercept + slope * (week - centre));
    for _ in 0..100 {
        let (mut information, mut score) = ([0.0; 3], [0.0; 2]);
        for (at, week) in weeks.iter().enumerate() {
            let (apart, mu) = (week - centre, mean(intercept, slope, *week));
            let weight = weights[at];
            information[0] += weight * mu;
            information[1] += weight * mu * apart;
            information[2] += weight * mu * apart * apart;
            score[0] += weight * (past[at] - mu);
            score[1] += weight * (past[at] - mu) * apart;
        }
        let covariance = inverse(information, trend);
        let [a, b, c] = covariance;
        let step = [a * score[0] + b * score[1], b * score[0] + c * score[1]];
        intercept += step[0];
        slope += step[1];
        let moved = step[0].abs() + step[1].abs() * 100.0;
        if !moved.is_finite() {
            return Err(AberrationError::Unfitted);
        }
        if moved < 1e-12 {
            let means: Vec<f64> = weeks
                .iter()
                .map(|week| mean(intercept, slope, *week))
                .collect();
            let leverage = |at: usize| {
                let apart = weeks[at] - centre;
                weights[at] * means[at] * (a + 2.0 * b * apart + c * apart * apart)
            };
            let pearson = |at: usize| {
                let error = past[at] - means[at];
                weights[at] * error * error / means[at]
            };
            let free = past.len() as f64 - if trend { 2.0 } else { 1.0 };
            return Ok(Fit {
                intercept,
                slope,
                centre,
                dispersion: (0..past.len()).map(pearson).sum::<f64>() / free,
                covariance,
                leverages: (0..past.len()).map(leverage).collect(),
                means,
            });
        }
    }
    Err(AberrationError::Unfitted)
}

/// Inverse of a symmetric 2 × 2 matrix, or of its first entry where there is no trend.
fn inverse([a, b, c]: [f64; 3], trend: bool) -> [f64; 3] {
    if trend {
        let determinant = a * c - b * b;
        [c / determinant, -b / determinant, a / determinant]
    } else {
        [1.0 / a, 0.0, 0.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: FarringtonSettings = FarringtonSettings {
        years: 3,
        year: 52,
        window: 3,
    };

    #[test]
    fn a_past_without_cases_or_too_short_is_refused() {
        let none = farrington_limit(&[0; 220], 210, SETTINGS, 0.01);
        assert_eq!(none, Err(AberrationError::Unfitted));
        let short = farrington_limit(&[1; 220], 100, SETTINGS, 0.01);
        assert_eq!(short, Err(AberrationError::History));
    }

    #[test]
    fn an_old_outbreak_raises_the_limit_little() {
        let quiet: Vec<u32> = (0..220).map(|week| 2 + week % 3).collect();
        let mut past = quiet.clone();
        past[210 - 104] = 40;
        let limit = |counts: &[u32]| farrington_limit(counts, 210, SETTINGS, 0.01).unwrap();
        assert!(limit(&past) < 2.0 * limit(&quiet));
        assert!(limit(&past) > limit(&quiet));
    }
}
