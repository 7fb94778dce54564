//! Failure rates that targeted sampling cannot distort（合格率的校正）.
//!
//! A bureau that tests where it expects failures finds many; their share says little of the market.
//! Of a domain (the city, a zone, a sector, a product, a class of enterprises, a channel) and a period
//! there are therefore four figures, each with an interval and the number of results it is worth:
//! raw by mode, from random draws alone, design-based (the model's mean over the frame, corrected by
//! what draws of known probability found against it, in the period and before), and composite (the same,
//! with more trust in the course that the model tells: the best guess, for internal use).
//!
//! All figures are failure rates; [`Rate::passing`] turns one round.

mod change;
mod correction;
mod period;
mod tally;
mod target;

pub use change::{Effect, MixShift, Share, campaign_effect, mix_shift};
pub use period::Period;
pub use tally::WeekTally;
pub use target::{Target, TargetError};

use correction::{Correction, Corrections};
use risk_domain::selection::SelectionMode;
use risk_stats::special::normal_quantile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Chance that an interval holds the truth.
const CONFIDENCE: f64 = 0.95;

/// How far the truth may wander from the course that the model tells, as shares of the rate: the draws
/// tell which of them is likely.
const WANDERING: [f64; 4] = [0.1, 0.2, 0.4, 0.8];

/// The same where the course is trusted, for the composite.
const TRUSTING: [f64; 4] = [0.025, 0.05, 0.1, 0.2];

/// An estimated failure rate（不合格率）.
#[doc(alias = "不合格率")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Share of failing batches, 0 to 1.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Results behind it.
    pub results: u64,
    /// Equally weighed results of a simple random sample that would tell as much（有效样本量）.
    pub effective: f64,
}

impl Rate {
    /// The same as a pass rate（合格率）.
    #[doc(alias = "合格率")]
    #[must_use]
    pub fn passing(self) -> Self {
        Self {
            value: 1.0 - self.value,
            lower: 1.0 - self.upper,
            upper: 1.0 - self.lower,
            ..self
        }
    }

    /// The share of failures among so many results, with Wilson's interval; none without a result.
    pub fn of_counts(failures: u64, results: u64) -> Option<Self> {
        let value = (failures as f64 / results as f64).clamp(0.0, 1.0);
        (results > 0).then(|| Self::wilson(value, results, results as f64))
    }

    /// Standard error of a normal law whose interval is as wide.
    pub fn standard_error(&self) -> f64 {
        (self.upper - self.lower) / (2.0 * reach())
    }

    /// Wilson's interval for so many results' worth (Wilson 1927): the doubt at each end is that which
    /// a rate there would leave, so that an estimate that came out low does not pass for a sure one. It is
    /// finite with no failure and with nothing else. `effective` is above 0.
    fn wilson(value: f64, results: u64, effective: f64) -> Self {
        let z2 = reach() * reach();
        let centre = value + z2 / (2.0 * effective);
        let spread = value * (1.0 - value) / effective + z2 / (4.0 * effective * effective);
        let half = reach() * libm::sqrt(spread);
        let scale = 1.0 + z2 / effective;
        Self {
            value,
            lower: ((centre - half) / scale).clamp(0.0, value),
            upper: ((centre + half) / scale).clamp(value, 1.0),
            results,
            effective,
        }
    }
}

fn reach() -> f64 {
    normal_quantile(0.5 + 0.5 * CONFIDENCE)
}

/// One tested unit of a domain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Whether it failed.
    pub failed: bool,
    /// Probability with which it was drawn, in (0, 1], if the draw was random and it was logged.
    pub inclusion: Option<f64>,
    /// Probability of a failure that the model gave a random lot of it before.
    pub predicted: f64,
}

/// The frame of a domain in a week.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrameWeek {
    /// Targets, tested or not.
    pub targets: u32,
    /// Mean of the probabilities that the model gave them before the week.
    pub predicted: f64,
}

/// The mean over a frame as a share of what lasts of it（走势）: of what the model would tell without seasons,
/// recent weeks and remedies.
#[doc(alias = "走势")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Course(f64);

impl Course {
    /// Of a mean, by what lasts of it; none where nothing lasts.
    pub fn new(mean: f64, lasting: f64) -> Option<Self> {
        (lasting > 0.0).then(|| Self(mean / lasting))
    }

    /// The share: 1 where the mean is what lasts.
    pub fn share(self) -> f64 {
        self.0
    }
}

/// How a mode's way of choosing within a visit shifts its results, in log-odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModeShift {
    /// What it adds; 0 for the mode that the others are measured against.
    pub mean: f64,
    /// Standard deviation; 0 for the same.
    pub deviation: f64,
}

impl ModeShift {
    /// No shift: a risk evaluation.
    pub const NONE: Self = Self {
        mean: 0.0,
        deviation: 0.0,
    };
}

/// Rates of a domain in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// Share of failures among the results of each mode. Biased by whom the mode chose.
    pub raw: BTreeMap<SelectionMode, Rate>,
    /// From risk evaluations with logged probabilities alone; none without any.
    pub random: Option<Rate>,
    /// The model's mean over the frame.
    pub model: f64,
    /// The model's mean corrected by what draws of known probability found; none without any in the
    /// period, and then every figure is uncorrected.
    pub design: Option<Rate>,
    /// The best guess: the model's course at the level that the draws tell. Not for publication.
    pub composite: Option<Rate>,
}

impl Rates {
    /// Estimates for the weeks of `period` from what was tested of a domain in these and earlier
    /// weeks; none if its frame was never known. `courses` are those that are known.
    pub fn estimate(
        period: Range<u16>,
        tallies: &[WeekTally],
        frames: &BTreeMap<u16, FrameWeek>,
        courses: &BTreeMap<u16, Course>,
    ) -> Option<Self> {
        let weeks = frames.range(period.clone());
        let mut predicted: Vec<f64> = weeks.map(|(_, frame)| frame.predicted).collect();
        if predicted.is_empty() {
            predicted.push(frame_of(frames, period.start)?.predicted);
        }
        let model = predicted.iter().sum::<f64>() / predicted.len() as f64;
        let mut raw: BTreeMap<SelectionMode, (i64, i64)> = BTreeMap::new();
        for tally in tallies.iter().filter(|tally| period.contains(&tally.week)) {
            let (results, failures) = raw.entry(tally.mode).or_default();
            *results += tally.results;
            *failures += tally.failures;
        }
        let raw = raw.into_iter().filter(|(_, (results, _))| *results > 0);
        let raw = raw.filter_map(|(mode, (results, failures))| {
            let failures = failures.max(0) as u64;
            Some((mode, Rate::of_counts(failures, results as u64)?))
        });
        let corrections = Corrections::new(tallies, frames, courses);
        let corrected = |wandering: &[f64]| -> Option<Rate> {
            let Correction {
                value,
                variance,
                results,
            } = corrections.estimate(&period, model, wandering)?;
            // The variance is that of draws from a rate as the model tells it.
            let usual = model.clamp(1e-6, 1.0 - 1e-6);
            let effective = if variance > 0.0 {
                usual * (1.0 - usual) / variance
            } else {
                results as f64
            };
            let value = (model + value).clamp(0.0, 1.0);
            Some(Rate::wilson(value, results, effective))
        };
        Some(Self {
            raw: raw.collect(),
            random: tally::random_alone(&period, tallies, frames),
            model,
            design: corrected(&WANDERING),
            composite: corrected(&TRUSTING),
        })
    }
}

/// The frame of a week, or that of the nearest week that is known: a late report may be of a week
/// before the first, a sample of a week whose end is not told yet.
fn frame_of(frames: &BTreeMap<u16, FrameWeek>, week: u16) -> Option<FrameWeek> {
    let later = frames.range(week..).next();
    let nearest = later.or_else(|| frames.last_key_value());
    nearest.map(|(_, frame)| *frame)
}

#[cfg(test)]
mod tests;
