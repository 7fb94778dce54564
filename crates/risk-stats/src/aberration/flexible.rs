//! Farrington's regression on every week of the past years, by the season.

use super::{AberrationError, false_alarms, least_exceeded};
use crate::linear::solve;

/// Anscombe residuals above this count less in the second fit (Noufaily et al. 2013).
const TRUSTED: f64 = 2.58;

/// Which counts of the past the regression is on, and how it sees the season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlexibleSettings {
    /// Years back, at least one. A trend needs three.
    pub years: usize,
    /// Counts in a year, for instance 52.
    pub year: usize,
    /// Counts on either side of the same week of a past year: together they are a season of their
    /// own, the one that is asked for.
    pub window: usize,
    /// Seasons of a year, that one included, at least two: the rest of the year is shared out among
    /// the others, with a level each.
    pub seasons: usize,
    /// Counts just before the one asked for that are left out, so that an outbreak which has begun
    /// does not hide itself; at least `window`.
    pub guard: usize,
}

/// A quasi-Poisson regression of counts on a trend and seasons.
struct Fit {
    coefficients: Vec<f64>,
    dispersion: f64,
    means: Vec<f64>,
    leverages: Vec<f64>,
}

/// A count above this is unusual（改进的 Farrington 法）: Noufaily, Enki, Farrington, Garthwaite, Andrews
/// and Charlett, Statistics in Medicine 32 (2013). Quasi-Poisson regression on all weeks of the past
/// years with a level for each season and a trend, the latter unless it leads beyond every count
/// seen; a second fit that trusts past outbreaks less; and the count that a negative binomial law of
/// the same mean and dispersion exceeds with at most this probability.
///
/// ```
/// use risk_stats::aberration::{FlexibleSettings, flexible_limit};
/// let counts: Vec<u32> = (0..220).map(|week| 2 + week % 3).collect();
/// let settings = FlexibleSettings { years: 3, year: 52, window: 3, seasons: 10, guard: 26 };
/// let limit = flexible_limit(&counts, 210, settings, 0.01)?;
/// assert!(4 < limit && limit < 10);
/// # Ok::<(), risk_stats::aberration::AberrationError>(())
/// ```
#[doc(alias = "改进的 Farrington 法")]
pub fn flexible_limit(
    counts: &[u32],
    at: usize,
    settings: FlexibleSettings,
    false_alarm: f64,
) -> Result<u32, AberrationError> {
    let false_alarm = false_alarms(false_alarm)?;
    let (weeks, seasons) = past_weeks(at, settings)?;
    let count = |week: &usize| counts.get(*week).map(|count| f64::from(*count));
    let past: Option<Vec<f64>> = weeks.iter().map(count).collect();
    let past = past.ok_or(AberrationError::History)?;
    // One row a week: 1, the seasons but the first, the weeks before now. Now is of the last season.
    let row = |season: usize, before: f64, trend: bool| -> Vec<f64> {
        let others = (1..settings.seasons).map(|other| f64::from(u8::from(season == other)));
        let trend = trend.then_some(before / settings.year as f64);
        std::iter::once(1.0).chain(others).chain(trend).collect()
    };
    let fitted = |trend: bool| -> Result<(f64, f64), AberrationError> {
        let past_rows = weeks.iter().zip(&seasons);
        let rows: Vec<Vec<f64>> = past_rows
            .map(|(week, season)| row(*season, *week as f64 - at as f64, trend))
            .collect();
        let fit = reweighted(&rows, &past)?;
        let now = row(settings.seasons - 1, 0.0, trend);
        let mean = libm::exp(product(&now, &fit.coefficients));
        Ok((mean, fit.dispersion.max(1.0)))
    };
    let most = past.iter().copied().fold(0.0, f64::max);
    let (mut mean, mut dispersion) = fitted(settings.years >= 3)?;
    if settings.years >= 3 && mean > most {
        (mean, dispersion) = fitted(false)?;
    }
    let limit = if dispersion > 1.0 {
        // Negative binomial of this mean, and of a variance `dispersion` times as large.
        let size = mean / (dispersion - 1.0);
        let ratio = |count: f64| (size + count) / (count + 1.0) * (1.0 - 1.0 / dispersion);
        least_exceeded(-size * libm::log(dispersion), ratio, false_alarm)
    } else {
        least_exceeded(-mean, |count| mean / (count + 1.0), false_alarm)
    };
    Ok(limit)
}

/// The weeks that the regression is on, with their seasons, the last being that of the windows.
fn past_weeks(
    at: usize,
    settings: FlexibleSettings,
) -> Result<(Vec<usize>, Vec<usize>), AberrationError> {
    let FlexibleSettings {
        years,
        year,
        window,
        seasons,
        guard,
    } = settings;
    let within = 2 * window + 1;
    let others = seasons.checked_sub(1).filter(|others| *others > 0);
    let others = others.ok_or(AberrationError::Settings)?;
    let shared = year.checked_sub(within).filter(|rest| *rest >= others);
    let shared = shared.ok_or(AberrationError::Settings)?;
    if years == 0 || guard < window {
        return Err(AberrationError::Settings);
    }
    let first = at.checked_sub(years * year + window);
    let first = first.ok_or(AberrationError::History)?;
    let end = at.checked_sub(guard).ok_or(AberrationError::History)?;
    // The first seasons have one week more where the rest of the year is not shared out evenly.
    let (length, longer) = (shared / others, shared % others);
    let season = |week: usize| {
        let place = (week - first) % year;
        match place.checked_sub(within) {
            None => others,
            Some(place) if place < longer * (length + 1) => place / (length + 1),
            Some(place) => longer + (place - longer * (length + 1)) / length,
        }
    };
    let weeks: Vec<usize> = (first..end).collect();
    let seasons = weeks.iter().map(|week| season(*week)).collect();
    Ok((weeks, seasons))
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Fits, then fits again with counts of large Anscombe residuals weighing less.
fn reweighted(rows: &[Vec<f64>], past: &[f64]) -> Result<Fit, AberrationError> {
    let first = fit(rows, past, &vec![1.0; past.len()])?;
    let dispersion = first.dispersion.max(1.0);
    let trust = |((y, mean), leverage): ((&f64, &f64), &f64)| {
        let root = libm::pow(*y, 2.0 / 3.0) * libm::pow(*mean, -1.0 / 6.0) - libm::sqrt(*mean);
        let residual = 1.5 * root / libm::sqrt(dispersion * (1.0 - leverage));
        if residual > TRUSTED {
            1.0 / (residual * residual)
        } else {
            1.0
        }
    };
    let of_first = past.iter().zip(&first.means).zip(&first.leverages);
    let weights: Vec<f64> = of_first.map(trust).collect();
    let scale = past.len() as f64 / weights.iter().sum::<f64>();
    let weights: Vec<f64> = weights.into_iter().map(|weight| scale * weight).collect();
    fit(rows, past, &weights)
}

/// Iteratively reweighted least squares of a Poisson regression with logarithmic link, until the
/// deviance stands: the level of a season without cases has no end.
fn fit(rows: &[Vec<f64>], past: &[f64], weights: &[f64]) -> Result<Fit, AberrationError> {
    let size = rows.first().map_or(0, Vec::len);
    let weighted = product(past, weights) / weights.iter().sum::<f64>();
    let mut coefficients = vec![0.0; size];
    if let Some(level) = coefficients.first_mut() {
        *level = libm::log(weighted);
    }
    let means_at = |coefficients: &[f64]| -> Vec<f64> {
        let rows = rows.iter();
        rows.map(|row| libm::exp(product(row, coefficients)))
            .collect()
    };
    let deviance = |means: &[f64]| -> f64 {
        let one = |((y, mean), weight): ((&f64, &f64), &f64)| {
            let surprise = if *y > 0.0 {
                y * libm::log(y / mean)
            } else {
                0.0
            };
            2.0 * weight * (surprise - (y - mean))
        };
        past.iter().zip(means).zip(weights).map(one).sum()
    };
    let mut means = means_at(&coefficients);
    let mut before = deviance(&means);
    for _ in 0..50 {
        let information = information(rows, &means, weights);
        let mut score = vec![0.0; size];
        for (((row, y), mean), weight) in rows.iter().zip(past).zip(&means).zip(weights) {
            for (sum, x) in score.iter_mut().zip(row) {
                *sum += weight * (y - mean) * x;
            }
        }
        let step = solve(information, score).ok_or(AberrationError::Unfitted)?;
        for (coefficient, step) in coefficients.iter_mut().zip(&step) {
            *coefficient += step;
        }
        means = means_at(&coefficients);
        let now = deviance(&means);
        if !now.is_finite() {
            return Err(AberrationError::Unfitted);
        }
        if (now - before).abs() < 1e-10 * (now.abs() + 0.1) {
            return finished(rows, past, weights, coefficients, means);
        }
        before = now;
    }
    Err(AberrationError::Unfitted)
}

fn information(rows: &[Vec<f64>], means: &[f64], weights: &[f64]) -> Vec<Vec<f64>> {
    let size = rows.first().map_or(0, Vec::len);
    let mut sums = vec![vec![0.0; size]; size];
    for ((row, mean), weight) in rows.iter().zip(means).zip(weights) {
        for (sums, x) in sums.iter_mut().zip(row) {
            for (sum, other) in sums.iter_mut().zip(row) {
                *sum += weight * mean * x * other;
            }
        }
    }
    sums
}

fn finished(
    rows: &[Vec<f64>],
    past: &[f64],
    weights: &[f64],
    coefficients: Vec<f64>,
    means: Vec<f64>,
) -> Result<Fit, AberrationError> {
    let free = past.len() as f64 - coefficients.len() as f64;
    if free <= 0.0 {
        return Err(AberrationError::History);
    }
    let information = information(rows, &means, weights);
    let mut leverages = Vec::with_capacity(rows.len());
    // Weeks of the same row share it but for the trend: one small system a week is fast enough.
    for ((row, mean), weight) in rows.iter().zip(&means).zip(weights) {
        let found = solve(information.clone(), row.clone());
        let found = found.ok_or(AberrationError::Unfitted)?;
        leverages.push(weight * mean * product(row, &found));
    }
    let pearson =
        |((y, mean), weight): ((&f64, &f64), &f64)| weight * (y - mean) * (y - mean) / mean;
    let dispersion = past
        .iter()
        .zip(&means)
        .zip(weights)
        .map(pearson)
        .sum::<f64>()
        / free;
    Ok(Fit {
        coefficients,
        dispersion,
        means,
        leverages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: FlexibleSettings = FlexibleSettings {
        years: 3,
        year: 52,
        window: 3,
        seasons: 10,
        guard: 26,
    };

    fn quiet() -> Vec<u32> {
        (0..220).map(|week| 2 + week % 3).collect()
    }

    #[test]
    fn a_past_without_cases_or_too_short_is_refused() {
        let none = flexible_limit(&[0; 220], 210, SETTINGS, 0.01);
        assert_eq!(none, Err(AberrationError::Unfitted));
        let short = flexible_limit(&[1; 220], 150, SETTINGS, 0.01);
        assert_eq!(short, Err(AberrationError::History));
        let one_season = FlexibleSettings {
            seasons: 1,
            ..SETTINGS
        };
        let found = flexible_limit(&quiet(), 210, one_season, 0.01);
        assert_eq!(found, Err(AberrationError::Settings));
    }

    #[test]
    fn what_has_just_begun_does_not_hide_itself_and_an_old_outbreak_raises_the_limit_little() {
        let limit = |counts: &[u32]| flexible_limit(counts, 210, SETTINGS, 0.01).unwrap();
        let usual = limit(&quiet());
        let mut begun = quiet();
        begun[190..=210].fill(50);
        assert_eq!(limit(&begun), usual);
        let mut old = quiet();
        old[210 - 104] = 60;
        assert!((usual..2 * usual).contains(&limit(&old)));
    }

    #[test]
    fn seasons_share_the_year_out() {
        let (weeks, seasons) = past_weeks(300, SETTINGS).unwrap();
        assert_eq!((weeks[0], weeks.len()), (300 - 159, 159 - 26));
        // Seven weeks of the window, then 45 in nine seasons of five.
        assert!(seasons[..7].iter().all(|season| *season == 9));
        let lengths = (0..9).map(|one| seasons[..52].iter().filter(|other| **other == one).count());
        assert!(lengths.eq([5; 9]));
        assert_eq!(seasons[..52], seasons[52..104]);
    }
}
