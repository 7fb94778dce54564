//! Being chosen on a tip as evidence of its own（选择似然）.
//!
//! Given how many targets were chosen informatively in a week, which ones is multinomial with odds
//! e^(α·η). α is found on each week's choice against the snapshot *before* it: in the sample that a
//! choice has itself shaped, α runs to its bound.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::covariates::{DecayedCounts, selections};
use super::logistic::{LANES, exponential};
use super::rows::{Basis, Frame, Row};
use super::work::decay;

/// Points at which a week's frame is summed up.
const POINTS: usize = 48;

/// Newton steps of α at one fit.
const STEPS: usize = 4;

/// Weight below which a week is forgotten.
const LEAST_WEIGHT: f64 = 1e-3;

/// One week's informative choice against what was believed of the frame before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectionWeek {
    /// Week of the choice.
    pub week: u16,
    /// How many were chosen.
    pub chosen: u32,
    /// Σ of the log-odds of the chosen.
    pub chosen_log_odds: f64,
    /// Mean and variance of the frame's log-odds under weights e^(α·η), at fixed points of α. They
    /// are smooth in α, so these points stand for a frame of any size.
    pub tilted: Vec<(f64, f64)>,
}

/// Strength of informative selection（选择强度） and the weeks that it was found on.
#[doc(alias = "选择强度")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectionStrength {
    /// α: how much the odds of being chosen follow the odds of failing.
    pub alpha: f64,
    /// Weeks that still weigh something.
    pub weeks: Vec<SelectionWeek>,
}

/// Prior and bound of α.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StrengthPrior {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    pub(crate) most: f64,
}

/// Chebyshev points of the second kind on [0, most].
fn points(most: f64) -> Vec<f64> {
    let last = (POINTS - 1) as f64;
    (0..POINTS)
        .map(|k| 0.5 * most * (1.0 - libm::cos(std::f64::consts::PI * k as f64 / last)))
        .collect()
}

/// Value at `x` of the polynomial through all points, by the barycentric formula.
fn interpolate(points: &[f64], values: &[(f64, f64)], x: f64) -> (f64, f64) {
    let (mut first, mut second, mut weights) = (0.0, 0.0, 0.0);
    let last = points.len().saturating_sub(1);
    for (k, (point, value)) in points.iter().zip(values).enumerate() {
        let apart = x - point;
        if apart == 0.0 {
            return *value;
        }
        let end = if k == 0 || k == last { 0.5 } else { 1.0 };
        let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
        let weight = sign * end / apart;
        weights += weight;
        first += weight * value.0;
        second += weight * value.1;
    }
    (first / weights, second / weights)
}

/// Mean and variance of the log-odds under weights e^(α·η).
fn tilt(log_odds: &[f64], alpha: f64) -> (f64, f64) {
    let most = log_odds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut weights, mut first, mut second) = (0.0, 0.0, 0.0);
    for chunk in log_odds.chunks(LANES) {
        let mut lanes = [0.0; LANES];
        for (lane, eta) in lanes.iter_mut().zip(chunk) {
            *lane = alpha * (eta - most);
        }
        exponential(&mut lanes);
        for (weight, eta) in lanes.iter().zip(chunk) {
            let apart = eta - most;
            weights += weight;
            first += weight * apart;
            second += weight * apart * apart;
        }
    }
    let mean = first / weights;
    (most + mean, (second / weights - mean * mean).max(0.0))
}

impl SelectionStrength {
    /// Nothing seen yet.
    pub(crate) fn new(prior: StrengthPrior) -> Self {
        Self {
            alpha: prior.mean.clamp(0.0, prior.most),
            weeks: Vec::new(),
        }
    }

    /// Takes in the informative choices among rows that a snapshot had not seen, given the
    /// log-odds that it gave every target.
    pub(crate) fn observe(&mut self, unseen: &[Row], frame: &Frame, log_odds: &[f64], most: f64) {
        let mut chosen: BTreeMap<u16, (u32, f64)> = BTreeMap::new();
        for row in unseen.iter().filter(|row| row.basis == Basis::Informative) {
            let (number, sum) = chosen.entry(row.week).or_default();
            *number = number.saturating_add(row.results);
            *sum += f64::from(row.results) * log_odds[row.target as usize];
        }
        let points = points(most);
        for (week, (number, sum)) in chosen {
            let exists = |(from, until): &(u16, u16)| *from <= week && week < *until;
            let frame: Vec<f64> = frame
                .active()
                .iter()
                .zip(log_odds)
                .filter(|(active, _)| exists(active))
                .map(|(_, eta)| *eta)
                .collect();
            if number > 0 && !frame.is_empty() {
                self.weeks.push(SelectionWeek {
                    week,
                    chosen: number,
                    chosen_log_odds: sum,
                    tilted: points.iter().map(|a| tilt(&frame, *a)).collect(),
                });
            }
        }
    }

    /// α by Newton's method on the conditional likelihood of the weeks and the prior.
    pub(crate) fn estimate(&mut self, as_of: u16, half_life: f64, prior: StrengthPrior) {
        let weight = |week: u16| libm::exp2(-f64::from(as_of.saturating_sub(week)) / half_life);
        self.weeks.retain(|week| weight(week.week) > LEAST_WEIGHT);
        let points = points(prior.most);
        let mut alpha = self.alpha;
        for _ in 0..STEPS {
            let mut slope = -(alpha - prior.mean) / prior.variance;
            let mut information = 1.0 / prior.variance;
            for week in &self.weeks {
                let (mean, variance) = interpolate(&points, &week.tilted, alpha);
                let chosen = f64::from(week.chosen);
                slope += weight(week.week) * (week.chosen_log_odds - chosen * mean);
                information += weight(week.week) * chosen * variance.max(0.0);
            }
            alpha = (alpha + slope / information).clamp(0.0, prior.most);
        }
        self.alpha = alpha;
    }
}

/// The selection likelihood while effects are fitted.
#[derive(Debug, Clone)]
pub(crate) struct SelectionTerm {
    alpha: f64,
    /// Decayed informative selections of each target, and all of them.
    chosen: Vec<f64>,
    all_chosen: f64,
    /// Decayed weeks in which each target could have been chosen.
    exposed: Vec<f64>,
    /// Log-odds of each target, as far as selection sees them.
    log_odds: Vec<f64>,
}

impl SelectionTerm {
    pub(crate) fn new(rows: &[Row], frame: &Frame, as_of: u16, half_life: f64, alpha: f64) -> Self {
        let targets: Vec<u32> = (0..frame.len() as u32).collect();
        let counts = DecayedCounts::new(selections(rows, &targets), targets.len(), half_life);
        let chosen: Vec<f64> = targets
            .iter()
            .map(|target| counts.through(*target, as_of))
            .collect();
        Self {
            alpha,
            all_chosen: chosen.iter().sum(),
            chosen,
            exposed: exposed(frame, as_of, half_life),
            log_odds: vec![0.0; targets.len()],
        }
    }

    /// Strength of the selection.
    pub(crate) fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Adds to the log-odds of each target.
    pub(crate) fn raise_each(&mut self, by: impl Fn(usize) -> f64) {
        for (target, eta) in self.log_odds.iter_mut().enumerate() {
            *eta += by(target);
        }
    }

    /// Log-odds of each target.
    pub(crate) fn log_odds(&self) -> &[f64] {
        &self.log_odds
    }

    /// Adds to the log-odds of each target what was added to its group.
    pub(crate) fn raise(&mut self, groups: &[u32], by: &[f64]) {
        for (eta, group) in self.log_odds.iter_mut().zip(groups) {
            *eta += by[*group as usize];
        }
    }

    /// Adds the slope and the information of the selections to each group's sums.
    pub(crate) fn collect(&self, groups: &[u32], score: &mut [f64], information: &mut [f64]) {
        let mut odds = Vec::with_capacity(self.exposed.len());
        let etas = self.log_odds.chunks(LANES);
        for (etas, exposed) in etas.zip(self.exposed.chunks(LANES)) {
            let mut lanes = [0.0; LANES];
            for (lane, eta) in lanes.iter_mut().zip(etas) {
                *lane = self.alpha * eta;
            }
            exponential(&mut lanes);
            odds.extend(lanes.iter().zip(exposed).map(|(odds, weeks)| odds * weeks));
        }
        let all: f64 = odds.iter().sum();
        if all <= 0.0 || self.alpha <= 0.0 {
            return;
        }
        let scale = self.all_chosen / all;
        for ((group, odds), chosen) in groups.iter().zip(&odds).zip(&self.chosen) {
            let expected = scale * odds;
            score[*group as usize] += self.alpha * (chosen - expected);
            information[*group as usize] += self.alpha * self.alpha * expected;
        }
    }
}

/// Decayed number of weeks up to `as_of` in which each target existed.
fn exposed(frame: &Frame, as_of: u16, half_life: f64) -> Vec<f64> {
    let weights = decay(half_life, as_of);
    let mut through = vec![0.0];
    let mut sum = 0.0;
    for weight in weights.iter().rev() {
        sum += weight;
        through.push(sum);
    }
    let last = u32::from(as_of) + 1;
    let upto = |week: u16| through[u32::from(week).min(last) as usize];
    frame
        .active()
        .iter()
        .map(|(from, until)| (upto(*until) - upto(*from)).max(0.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_points_stand_for_the_whole_frame() {
        let frame: Vec<f64> = (0..997)
            .map(|k| {
                let x = f64::from((k * 619) % 997) / 997.0;
                -4.0 + 3.0 * x + 4.0 * x * x * x * x * x * x
            })
            .collect();
        let points = points(2.0);
        let tilted: Vec<(f64, f64)> = points.iter().map(|a| tilt(&frame, *a)).collect();
        for alpha in [0.0, 0.05, 0.7, 1.3, 1.99, 2.0] {
            let exact = tilt(&frame, alpha);
            let found = interpolate(&points, &tilted, alpha);
            assert!((exact.0 - found.0).abs() < 1e-9, "{exact:?} {found:?}");
            assert!((exact.1 - found.1).abs() < 1e-9, "{exact:?} {found:?}");
        }
    }
}
