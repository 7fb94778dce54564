//! How far the truth lies from the model's mean, from draws of known probability.
//!
//! The rate is held to follow the course that the model foretells from week to week (its seasons, what
//! is recent, what was remedied), at a level of its own, and to wander from that course: a structural time
//! series with the draws as its observations (van den Brakel and Krieg 2009), filtered by Kalman's method.
//! The course is the foretold mean over the frame as a share of what of it lasts: every fit finds the level
//! anew, from few draws, and would else carry its error into every week, where the draws of all weeks tell
//! the same level. The course of a week is taken in hindsight where a later fit told it; the residuals never
//! are, each is held against what was foretold before it.

use super::tally::Told;
use super::{Course, FrameWeek, WeekTally};
use risk_domain::selection::SelectionMode;
use std::collections::BTreeMap;
use std::ops::Range;

/// Standard deviation of the level's error, as a share of the model's mean: wide, so that the draws decide.
const LEVEL: f64 = 0.5;
/// Weeks after which a rate that wandered is back on its course by a factor of e.
const PERSISTENCE: f64 = 26.0;
/// Weeks before a period that still tell of the level in it.
const LOOK_BACK: u16 = 156;

/// Places of the state: the level's error, how far the rate has wandered, the mean error over the weeks
/// of the period, and for each mode by how many standard deviations its shift is off.
const STATES: usize = 3 + SelectionMode::ALL.len();
const AWAY: usize = 1;
const PERIOD: usize = 2;
const MODES: usize = 3;

/// The truth less the model's mean over the frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    pub(super) value: f64,
    pub(super) variance: f64,
    pub(super) results: u64,
}

/// All that the draws say, by week.
pub(super) struct Corrections<'a> {
    told: BTreeMap<u16, Vec<Told>>,
    frames: &'a BTreeMap<u16, FrameWeek>,
    courses: &'a BTreeMap<u16, Course>,
}

impl<'a> Corrections<'a> {
    pub(super) fn new(
        tallies: &[WeekTally],
        frames: &'a BTreeMap<u16, FrameWeek>,
        courses: &'a BTreeMap<u16, Course>,
    ) -> Self {
        let mut told: BTreeMap<u16, Vec<Told>> = BTreeMap::new();
        for of_week in tallies.iter().filter_map(WeekTally::told) {
            told.entry(of_week.week).or_default().push(of_week);
        }
        Self {
            told,
            frames,
            courses,
        }
    }

    /// The mean error over a period, given all draws up to its end, where the rate wanders by one of these
    /// shares of the model's mean over the period (standard deviations): as likely as each other before the
    /// draws, and as likely as the draws make them after. None without a draw in the period.
    pub(super) fn estimate(
        &self,
        period: &Range<u16>,
        mean: f64,
        wandering: &[f64],
    ) -> Option<Correction> {
        let within = self.told.range(period.clone()).flat_map(|(_, told)| told);
        let results: u64 = within.map(|told| told.results).sum();
        if results == 0 {
            return None;
        }
        let course = self.course(period, mean);
        let filtered = wandering.iter().map(|share| {
            let mut filter = Filter::new(LEVEL * mean, share * mean);
            self.run(&mut filter, period, &course);
            filter
        });
        let filtered: Vec<Filter> = filtered.collect();
        let best = filtered.iter().map(|filter| filter.log_likelihood);
        let best = best.fold(f64::NEG_INFINITY, f64::max);
        let (mut all, mut value, mut square) = (0.0, 0.0, 0.0);
        for filter in &filtered {
            let likely = libm::exp(filter.log_likelihood - best);
            let (mean, variance) = filter.of_period();
            all += likely;
            value += likely * mean;
            square += likely * (variance + mean * mean);
        }
        let value = value / all;
        Some(Correction {
            value,
            variance: (square / all - value * value).max(0.0),
            results,
        })
    }

    fn run(&self, filter: &mut Filter, period: &Range<u16>, course: &BTreeMap<u16, f64>) {
        let earliest = period.start.saturating_sub(LOOK_BACK);
        let first = self.told.range(earliest..).next();
        let first = first.map_or(period.start, |(week, _)| period.start.min(*week));
        let share = 1.0 / f64::from(period.end - period.start);
        for week in first..period.end {
            if week > first {
                filter.pass_week();
            }
            if period.contains(&week) {
                filter.add_to_period(share);
            }
            let apart = course.get(&week).copied().unwrap_or(0.0);
            for told in self.told.get(&week).into_iter().flatten() {
                filter.observe(told, apart);
            }
        }
    }

    /// By how much the model's mean of a week lies above its course, at the level at which the course
    /// has the model's mean over the period. Of weeks whose course is not known nothing is said: there the
    /// mean is held to be on its course.
    fn course(&self, period: &Range<u16>, mean: f64) -> BTreeMap<u16, f64> {
        let of_week = |(week, frame): (&u16, &FrameWeek)| {
            let course = self.courses.get(week).map(|course| course.share());
            let course = course.filter(|share| *share > 0.0)?;
            Some((*week, (frame.predicted, course)))
        };
        let known: BTreeMap<u16, (f64, f64)> = self.frames.iter().filter_map(of_week).collect();
        let (mut weeks, mut sum) = (0.0, 0.0);
        for (_, (_, course)) in known.range(period.clone()) {
            weeks += 1.0;
            sum += course;
        }
        if sum <= 0.0 {
            return BTreeMap::new();
        }
        let level = mean * weeks / sum;
        let apart = known.into_iter();
        apart
            .map(|(week, (predicted, course))| (week, predicted - level * course))
            .collect()
    }
}

/// Kalman's filter of the errors: their mean and covariance, given what was observed so far.
struct Filter {
    mean: [f64; STATES],
    covariance: [[f64; STATES]; STATES],
    wandering: f64,
    log_likelihood: f64,
}

impl Filter {
    /// Before any draw. Level and wandering are standard deviations.
    fn new(level: f64, wandering: f64) -> Self {
        let mut covariance = [[0.0; STATES]; STATES];
        covariance[0][0] = level * level;
        covariance[AWAY][AWAY] = wandering * wandering;
        for (state, row) in covariance.iter_mut().enumerate().skip(MODES) {
            row[state] = 1.0;
        }
        Self {
            mean: [0.0; STATES],
            covariance,
            wandering,
            log_likelihood: 0.0,
        }
    }

    /// A week passes: part of what the rate wandered is left, and as much comes anew as keeps its variance.
    fn pass_week(&mut self) {
        let left = libm::exp(-1.0 / PERSISTENCE);
        self.mean[AWAY] *= left;
        for state in 0..STATES {
            self.covariance[AWAY][state] *= left;
            self.covariance[state][AWAY] *= left;
        }
        let anew = 1.0 - left * left;
        self.covariance[AWAY][AWAY] += self.wandering * self.wandering * anew;
    }

    /// The error of this week goes into the period's mean with this share.
    fn add_to_period(&mut self, share: f64) {
        self.mean[PERIOD] += share * (self.mean[0] + self.mean[AWAY]);
        for state in 0..STATES {
            let error = self.covariance[0][state] + self.covariance[AWAY][state];
            self.covariance[PERIOD][state] += share * error;
        }
        for state in 0..STATES {
            let error = self.covariance[state][0] + self.covariance[state][AWAY];
            self.covariance[state][PERIOD] += share * error;
        }
    }

    /// The draws of a mode in this week, whose mean is foretold so far above its course.
    fn observe(&mut self, told: &Told, apart: f64) {
        let mode = SelectionMode::ALL.iter().position(|of| *of == told.mode);
        let mode = MODES + mode.unwrap_or(0);
        let seen = |row: &[f64; STATES]| row[0] + row[AWAY] + told.doubt * row[mode];
        let gain = self.covariance.map(|row| seen(&row));
        let variance = seen(&gain) + told.variance;
        let surprise = told.value + apart - seen(&self.mean);
        if variance <= 0.0 {
            return;
        }
        for state in 0..STATES {
            self.mean[state] += gain[state] / variance * surprise;
            for other in 0..STATES {
                self.covariance[state][other] -= gain[state] / variance * gain[other];
            }
        }
        self.log_likelihood -= 0.5 * (libm::log(variance) + surprise / variance * surprise);
    }

    /// The mean error over the period, and its variance.
    fn of_period(&self) -> (f64, f64) {
        (self.mean[PERIOD], self.covariance[PERIOD][PERIOD].max(0.0))
    }
}
