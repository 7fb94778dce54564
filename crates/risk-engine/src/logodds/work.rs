//! The rows as a fit walks over them: 16 bytes beside each for its log-odds and what it says of them.

use super::link::TestLink;
use super::logistic::{LANES, logistic};
use super::rows::Row;

/// Weight of a row and what its results say at their present log-odds, without that weight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    pub(crate) weight: f64,
    pub(crate) score: f64,
    pub(crate) information: f64,
}

/// Rows, their log-odds, and the weight of each age.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    /// Up to the week of the fit, in the order of their targets.
    rows: &'a [Row],
    as_of: u16,
    pub(crate) eta: Vec<f64>,
    /// Weighed scores and informations where [`Self::take_scores`] took them, and the scores followed
    /// from there along straight lines as the log-odds were raised. Seven digits of each are enough:
    /// what they are summed to is not kept in them.
    scores: Vec<f32>,
    informations: Vec<f32>,
    weights: Vec<f64>,
    links: Vec<TestLink>,
}

/// 2^(−age/half-life) for every age up to `most`.
pub(crate) fn decay(half_life: f64, most: u16) -> Vec<f64> {
    (0..=most)
        .map(|age| libm::exp2(-f64::from(age) / half_life))
        .collect()
}

impl<'a> Work<'a> {
    /// Rows up to the week of the fit, with log-odds of 0.
    pub(crate) fn new(rows: &'a [Row], as_of: u16, half_life: f64, links: Vec<TestLink>) -> Self {
        let oldest = rows.iter().map(|row| as_of - row.week).max().unwrap_or(0);
        Self {
            rows,
            as_of,
            eta: vec![0.0; rows.len()],
            scores: vec![0.0; rows.len()],
            informations: vec![0.0; rows.len()],
            weights: decay(half_life, oldest),
            links,
        }
    }

    /// Weighs the rows by another half-life; those that would weigh `least` or less count no more.
    pub(crate) fn reweigh(&mut self, half_life: f64, least: f64) {
        let oldest = self.weights.len().saturating_sub(1) as u16;
        self.weights = decay(half_life, oldest);
        for weight in self.weights.iter_mut().filter(|weight| **weight <= least) {
            *weight = 0.0;
        }
    }

    pub(crate) fn rows(&self) -> &'a [Row] {
        self.rows
    }

    /// How the test that a row's results came by errs.
    #[inline]
    pub(crate) fn link(&self, row: &Row) -> TestLink {
        let method = if row.by_laboratory() { 0 } else { row.method };
        self.links[usize::from(method)]
    }

    /// Weighed score and information of every row.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let lines = self.scores.iter().zip(&self.informations);
        lines.map(|(score, information)| (f64::from(*score), f64::from(*information)))
    }

    /// Walks over the rows with what they say at their log-odds, shifted by what `shift` gives.
    #[inline]
    pub(crate) fn each(
        &self,
        shift: impl Fn(usize, &Row) -> f64,
        mut take: impl FnMut(usize, &Row, Scored),
    ) {
        let mut at = 0;
        for (rows, etas) in self.rows.chunks(LANES).zip(self.eta.chunks(LANES)) {
            let mut theta = [0.0; LANES];
            for (lane, (row, eta)) in rows.iter().zip(etas).enumerate() {
                theta[lane] = eta + shift(at + lane, row);
            }
            logistic(&mut theta);
            for (row, theta) in rows.iter().zip(theta) {
                let (tested, failed) = row.effective();
                let (score, information) = self.link(row).score_at(theta, tested, failed);
                let scored = Scored {
                    weight: self.weights[usize::from(self.as_of - row.week)],
                    score,
                    information,
                };
                take(at, row, scored);
                at += 1;
            }
        }
    }

    /// Takes the scores and informations of all bins at their log-odds.
    pub(crate) fn take_scores(&mut self) {
        let mut scores = std::mem::take(&mut self.scores);
        let mut informations = std::mem::take(&mut self.informations);
        self.each(
            |_, _| 0.0,
            |at, _, scored| {
                scores[at] = (scored.weight * scored.score) as f32;
                informations[at] = (scored.weight * scored.information) as f32;
            },
        );
        (self.scores, self.informations) = (scores, informations);
    }

    /// Adds to the log-odds of every row, and follows its score along a straight line.
    #[inline]
    pub(crate) fn raise(&mut self, by: impl Fn(usize, &Row) -> f64) {
        let lines = self.scores.iter_mut().zip(&self.informations);
        let rows = self.rows.iter().zip(&mut self.eta).zip(lines);
        for (at, ((row, eta), (score, information))) in rows.enumerate() {
            let by = by(at, row);
            *eta += by;
            *score = (f64::from(*score) - f64::from(*information) * by) as f32;
        }
    }
}

/// Scores and informations summed up by target: all that the levels need of a bin.
#[derive(Debug)]
pub(crate) struct Targets {
    pub(crate) scores: Vec<f64>,
    pub(crate) informations: Vec<f64>,
    /// What was added to each target's log-odds and not yet to its bins'.
    raised: Vec<f64>,
}

impl Targets {
    /// The rows summed up.
    pub(crate) fn of(work: &Work<'_>) -> Self {
        let targets = work.rows.last().map_or(0, |row| row.target as usize + 1);
        let mut sums = Self {
            scores: vec![0.0; targets],
            informations: vec![0.0; targets],
            raised: vec![0.0; targets],
        };
        for (row, (score, information)) in work.rows.iter().zip(work.lines()) {
            sums.scores[row.target as usize] += score;
            sums.informations[row.target as usize] += information;
        }
        sums
    }

    /// Adds to the log-odds of each target what its group is raised by.
    pub(crate) fn raise(&mut self, groups: &[u32], by: &[f64]) {
        let lines = self.scores.iter_mut().zip(&self.informations);
        let targets = groups.iter().zip(lines).zip(&mut self.raised);
        for ((group, (score, information)), raised) in targets {
            let by = by[*group as usize];
            *raised += by;
            *score -= information * by;
        }
    }

    /// Adds to the rows what was added to their targets.
    pub(crate) fn settle(self, work: &mut Work<'_>) {
        work.raise(|_, row| self.raised[row.target as usize]);
    }
}
