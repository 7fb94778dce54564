//! Effects of groups（分组效应）: penalised Newton steps and variances by moments.

use super::rows::NO_GROUP;
use super::selection::SelectionTerm;
use super::settings::{MOST_VARIANCE, Variance};
use super::work::{Bin, Targets, Work};

/// Longest step of one pass, so that a poor start cannot throw an effect out of reach.
const LONGEST_STEP: f64 = 1.0;

/// Which group a bin belongs to.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    /// The group of its target.
    OfTargets(Vec<u32>),
    /// A group of its own, such as the laboratory.
    OfRows(Vec<u32>),
}

impl Column {
    fn groups(&self) -> &[u32] {
        match self {
            Self::OfTargets(groups) | Self::OfRows(groups) => groups,
        }
    }

    /// Gives whoever has no group a slot beyond the last, whose effect stays 0, and returns the
    /// number of real groups.
    fn close(&mut self, least: usize) -> usize {
        let named = self.groups().iter().filter(|group| **group != NO_GROUP);
        let slots = named.max().map_or(0, |most| *most as usize + 1).max(least);
        match self {
            Self::OfTargets(groups) | Self::OfRows(groups) => {
                for group in groups.iter_mut().filter(|group| **group == NO_GROUP) {
                    *group = slots as u32;
                }
            }
        }
        slots
    }
}

/// The effects of one level while they are fitted. The last slot is nobody's.
#[derive(Debug, Clone)]
pub(crate) struct Grouped {
    column: Column,
    pub(crate) effects: Vec<f64>,
    pub(crate) variances: Vec<f64>,
    pub(crate) prior: f64,
    rule: Variance,
    /// Degrees of freedom of the prior; none for the normal law.
    tail: Option<f64>,
    score: Vec<f64>,
    information: Vec<f64>,
}

impl Grouped {
    /// Effects of 0, or those of an earlier fit for the groups that it knew.
    pub(crate) fn new(mut column: Column, rule: Variance, start: &[f64]) -> Self {
        let slots = column.close(start.len());
        let mut effects = start.to_vec();
        effects.resize(slots + 1, 0.0);
        let prior = rule.start();
        Self {
            column,
            effects,
            variances: vec![prior; slots + 1],
            prior,
            rule,
            tail: None,
            score: vec![0.0; slots + 1],
            information: vec![0.0; slots + 1],
        }
    }

    /// Goes on with the prior variance that an earlier fit had found, if it is to be found at all.
    pub(crate) fn resume(&mut self, prior: f64) {
        match self.rule {
            Variance::Fixed(_) => {}
            Variance::Moments { .. } => self.prior = prior,
        }
    }

    /// Number of groups.
    pub(crate) fn len(&self) -> usize {
        self.effects.len() - 1
    }

    /// Effect of a target's group; only for levels of targets.
    pub(crate) fn of_target(&self, target: usize) -> f64 {
        self.effects[self.column.groups()[target] as usize]
    }

    /// Adds the effects to the log-odds of all bins.
    pub(crate) fn apply(&self, work: &mut Work) {
        raise(&self.column, &self.effects, work);
    }

    /// The same effects under Student's t.
    pub(crate) fn tailed(self, tail: Option<f64>) -> Self {
        Self { tail, ..self }
    }

    /// Prior precision of an effect. Student's t is a normal law whose precision falls as the effect
    /// grows: (ν + 1)/(ντ² + u²), at whose fixed point the mode of the t prior lies.
    fn precision(&self, group: usize) -> f64 {
        match self.tail {
            None => 1.0 / self.prior,
            Some(degrees) => {
                let effect = self.effects[group];
                (degrees + 1.0) / (degrees * self.prior + effect * effect)
            }
        }
    }

    /// One Newton step of every effect with all else held; for levels of targets. Returns the longest.
    pub(crate) fn pass(
        &mut self,
        targets: &mut Targets,
        selection: Option<&mut SelectionTerm>,
    ) -> f64 {
        if self.len() == 0 {
            return 0.0;
        }
        self.score.fill(0.0);
        self.information.fill(0.0);
        let groups = self.column.groups();
        let sums = targets.scores.iter().zip(&targets.informations);
        for (group, (score, information)) in groups.iter().zip(sums) {
            self.score[*group as usize] += score;
            self.information[*group as usize] += information;
        }
        if let Some(term) = &selection {
            term.collect(groups, &mut self.score, &mut self.information);
        }
        let longest = self.step();
        targets.raise(self.column.groups(), &self.score);
        if let Some(term) = selection {
            term.raise(self.column.groups(), &self.score);
        }
        longest
    }

    /// The same for groups that are told by the row. What they have in common is everybody's: it is
    /// taken out and returned, too.
    pub(crate) fn pass_rows(&mut self, work: &mut Work) -> (f64, f64) {
        if self.len() == 0 {
            return (0.0, 0.0);
        }
        self.score.fill(0.0);
        self.information.fill(0.0);
        let lines = work.scores.iter().zip(&work.informations);
        for (group, (score, information)) in self.column.groups().iter().zip(lines) {
            self.score[*group as usize] += score;
            self.information[*group as usize] += information;
        }
        let longest = self.step();
        let common = self.center();
        // Who has no group is raised by what is now everybody's.
        let last = self.len();
        self.score[last] = common;
        raise(&self.column, &self.score, work);
        (longest, common)
    }

    /// Steps by the sums of each group, leaves the steps in their place, and returns the longest.
    fn step(&mut self) -> f64 {
        let groups = self.len();
        let mut longest: f64 = 0.0;
        for group in 0..groups {
            let precision = self.precision(group);
            let total = self.information[group] + precision;
            let step = (self.score[group] - self.effects[group] * precision) / total;
            let step = step.clamp(-LONGEST_STEP, LONGEST_STEP);
            self.effects[group] += step;
            self.variances[group] = 1.0 / total;
            self.score[group] = step;
            longest = longest.max(step.abs());
        }
        self.score[groups] = 0.0;
        longest
    }

    /// Takes the mean of the effects, by information, out of them and returns it. Observers can only be
    /// told from one another.
    fn center(&mut self) -> f64 {
        let groups = self.len();
        let named = self.information.iter().zip(&self.effects).take(groups);
        let (weights, sum) = named.fold((0.0, 0.0), |(weights, sum), (weight, effect)| {
            (weights + weight, sum + weight * effect)
        });
        if weights <= 0.0 {
            return 0.0;
        }
        let mean = sum / weights;
        for effect in self.effects.iter_mut().take(groups) {
            *effect -= mean;
        }
        mean
    }

    /// The prior variance by moments: with the level's effects taken out, the squared scores exceed
    /// what chance gives them by the variance times the squared information. Chance is Σw²v and not
    /// Σwv, because the rows are decayed.
    /// Returns its relative change.
    pub(crate) fn moments(&mut self, work: &Work) -> f64 {
        let floor = match self.rule {
            Variance::Fixed(_) => return 0.0,
            Variance::Moments { floor, .. } => floor,
        };
        let mut sums = vec![[0.0; 3]; self.effects.len()];
        let effects = &self.effects;
        match &self.column {
            // Nobody's slot says nothing of the groups.
            Column::OfTargets(_) | Column::OfRows(_) if self.effects.len() == 1 => {}
            Column::OfTargets(groups) => {
                sum_without(work, effects, &mut sums, |_, bin| {
                    groups[bin.target as usize] as usize
                });
            }
            Column::OfRows(groups) => {
                sum_without(work, effects, &mut sums, |at, _| groups[at] as usize);
            }
        }
        let (mut excess, mut known) = (0.0, 0.0);
        for [score, information, chance] in &sums[..self.effects.len() - 1] {
            excess += score * score - chance;
            known += information * information;
        }
        let found = (excess / known.max(1e-9)).max(floor).min(MOST_VARIANCE);
        let before = self.prior;
        self.prior = 0.6 * before + 0.4 * found;
        (self.prior / before - 1.0).abs()
    }
}

/// Per group: Σws, Σwv and Σw²v, with the group's own effect taken out.
fn sum_without(
    work: &Work,
    effects: &[f64],
    sums: &mut [[f64; 3]],
    group_of: impl Fn(usize, &Bin) -> usize,
) {
    work.each(
        |at, bin| -effects[group_of(at, bin)],
        |at, bin, scored| {
            let weighted = scored.weight * scored.information;
            let [score, information, chance] = &mut sums[group_of(at, bin)];
            *score += scored.weight * scored.score;
            *information += weighted;
            *chance += scored.weight * weighted;
        },
    );
}

fn raise(column: &Column, by: &[f64], work: &mut Work) {
    match column {
        Column::OfTargets(groups) => {
            work.raise(|_, bin| by[groups[bin.target as usize] as usize]);
        }
        Column::OfRows(groups) => work.raise(|at, _| by[groups[at] as usize]),
    }
}
