//! The rows as a fit walks over them: 16 bytes a bin beside its log-odds.

use super::link::TestLink;
use super::logistic::{LANES, logistic};
use super::rows::{Row, UNITS};

/// A bin without what the sums do not need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bin {
    pub(crate) target: u32,
    pub(crate) tested: f32,
    pub(crate) failed: f32,
    /// Weeks before the fit.
    pub(crate) age: u16,
    pub(crate) mode: u8,
    /// Place of the test link; 0 is the laboratory.
    pub(crate) link: u8,
}

/// Weight of a bin and what its results say at their present log-odds, without that weight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    pub(crate) weight: f64,
    pub(crate) score: f64,
    pub(crate) information: f64,
}

/// Bins, their log-odds, and the weight of each age.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) bins: Vec<Bin>,
    pub(crate) eta: Vec<f64>,
    /// Weighed scores and informations where [`Self::take_scores`] took them, and the scores followed
    /// from there along straight lines as the log-odds were raised.
    pub(crate) scores: Vec<f64>,
    pub(crate) informations: Vec<f64>,
    weights: Vec<f64>,
    links: Vec<TestLink>,
}

/// 2^(−age/half-life) for every age up to `most`.
pub(crate) fn decay(half_life: f64, most: u16) -> Vec<f64> {
    (0..=most)
        .map(|age| libm::exp2(-f64::from(age) / half_life))
        .collect()
}

impl Work {
    /// Rows up to the week of the fit, with log-odds of 0.
    pub(crate) fn new(rows: &[Row], as_of: u16, half_life: f64, links: Vec<TestLink>) -> Self {
        let bin = |row: &Row| Bin {
            target: row.target,
            tested: (f64::from(row.tested) / f64::from(UNITS)) as f32,
            failed: (f64::from(row.failed) / f64::from(UNITS)) as f32,
            age: as_of - row.week,
            mode: row.mode,
            link: if row.by_laboratory() { 0 } else { row.method },
        };
        let bins: Vec<Bin> = rows.iter().map(bin).collect();
        let oldest = bins.iter().map(|bin| bin.age).max().unwrap_or(0);
        Self {
            eta: vec![0.0; bins.len()],
            scores: vec![0.0; bins.len()],
            informations: vec![0.0; bins.len()],
            weights: decay(half_life, oldest),
            bins,
            links,
        }
    }

    /// Bins that still weigh something at another half-life, with the log-odds they have.
    pub(crate) fn recent(&self, half_life: f64, least: f64) -> Self {
        let oldest = self.weights.len().saturating_sub(1) as u16;
        let weights = decay(half_life, oldest);
        let kept: Vec<u32> = (0..self.bins.len())
            .filter(|at| weights[usize::from(self.bins[*at].age)] > least)
            .map(|at| at as u32)
            .collect();
        Self {
            bins: kept.iter().map(|at| self.bins[*at as usize]).collect(),
            eta: kept.iter().map(|at| self.eta[*at as usize]).collect(),
            scores: vec![0.0; kept.len()],
            informations: vec![0.0; kept.len()],
            weights,
            links: self.links.clone(),
        }
    }

    /// Walks over the bins with what they say at their log-odds, shifted by what `shift` gives.
    #[inline]
    pub(crate) fn each(
        &self,
        shift: impl Fn(usize, &Bin) -> f64,
        mut take: impl FnMut(usize, &Bin, Scored),
    ) {
        let mut at = 0;
        for (bins, etas) in self.bins.chunks(LANES).zip(self.eta.chunks(LANES)) {
            let mut theta = [0.0; LANES];
            for (lane, (bin, eta)) in bins.iter().zip(etas).enumerate() {
                theta[lane] = eta + shift(at + lane, bin);
            }
            logistic(&mut theta);
            for (bin, theta) in bins.iter().zip(theta) {
                let link = self.links[usize::from(bin.link)];
                let (tested, failed) = (f64::from(bin.tested), f64::from(bin.failed));
                let (score, information) = link.score_at(theta, tested, failed);
                let scored = Scored {
                    weight: self.weights[usize::from(bin.age)],
                    score,
                    information,
                };
                take(at, bin, scored);
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
                scores[at] = scored.weight * scored.score;
                informations[at] = scored.weight * scored.information;
            },
        );
        (self.scores, self.informations) = (scores, informations);
    }

    /// Adds to the log-odds of every bin, and follows its score along a straight line.
    #[inline]
    pub(crate) fn raise(&mut self, by: impl Fn(usize, &Bin) -> f64) {
        let lines = self.scores.iter_mut().zip(&self.informations);
        let bins = self.bins.iter().zip(&mut self.eta).zip(lines);
        for (at, ((bin, eta), (score, information))) in bins.enumerate() {
            let by = by(at, bin);
            *eta += by;
            *score -= information * by;
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
    /// The bins summed up, which stand in the order of their targets.
    pub(crate) fn of(work: &Work) -> Self {
        let targets = work.bins.last().map_or(0, |bin| bin.target as usize + 1);
        let mut sums = Self {
            scores: vec![0.0; targets],
            informations: vec![0.0; targets],
            raised: vec![0.0; targets],
        };
        let lines = work.scores.iter().zip(&work.informations);
        for (bin, (score, information)) in work.bins.iter().zip(lines) {
            sums.scores[bin.target as usize] += score;
            sums.informations[bin.target as usize] += information;
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

    /// Adds to the bins what was added to their targets.
    pub(crate) fn settle(self, work: &mut Work) {
        work.raise(|_, bin| self.raised[bin.target as usize]);
    }
}
