//! Effects of groups（分组效应）: penalised Newton steps and variances by moments.

use super::rows::{NO_GROUP, NO_OBSERVER, Row};
use super::selection::SelectionTerm;
use super::settings::{MOST_VARIANCE, Variance};
use super::work::{Targets, Work};

/// Longest step of one pass, so that a poor start cannot throw an effect out of reach.
const LONGEST_STEP: f64 = 1.0;

/// Which group a row belongs to. Whoever has none gets a slot beyond the last, whose effect stays 0.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    groups: Groups,
    /// Number of groups, and the slot of whoever has none.
    slots: usize,
}

#[derive(Debug, Clone)]
enum Groups {
    /// The group of its target.
    OfTargets(Vec<u32>),
    /// A group that the row itself names, such as the laboratory.
    OfRows(fn(&Row) -> u16),
}

impl Column {
    /// The groups of targets; at least so many of them.
    pub(crate) fn of_targets(groups: &[u32], least: usize) -> Self {
        let named = groups.iter().filter(|group| **group != NO_GROUP).max();
        let slots = named.map_or(0, |most| *most as usize + 1).max(least);
        let closed = groups.iter().map(|group| (*group).min(slots as u32));
        Self {
            groups: Groups::OfTargets(closed.collect()),
            slots,
        }
    }

    /// The observers that rows name; at least so many of them.
    pub(crate) fn of_rows(rows: &[Row], named: fn(&Row) -> u16, least: usize) -> Self {
        let observers = rows
            .iter()
            .map(named)
            .filter(|observer| *observer != NO_OBSERVER);
        let slots = observers.max().map_or(0, |most| usize::from(most) + 1);
        Self {
            groups: Groups::OfRows(named),
            slots: slots.max(least),
        }
    }

    fn of_target(&self, target: usize) -> usize {
        match &self.groups {
            Groups::OfTargets(groups) => groups[target] as usize,
            Groups::OfRows(_) => self.slots,
        }
    }

    /// The groups of all targets; none where the rows name them.
    fn targets(&self) -> &[u32] {
        match &self.groups {
            Groups::OfTargets(groups) => groups,
            Groups::OfRows(_) => &[],
        }
    }

    #[inline]
    fn of_row(&self, row: &Row) -> usize {
        match &self.groups {
            Groups::OfTargets(groups) => groups[row.target as usize] as usize,
            Groups::OfRows(named) => usize::from(named(row)).min(self.slots),
        }
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
    pub(crate) fn new(column: Column, rule: Variance, start: &[f64]) -> Self {
        let slots = column.slots;
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
        self.effects[self.column.of_target(target)]
    }

    /// Adds the effects to the log-odds of all rows.
    pub(crate) fn apply(&self, work: &mut Work<'_>) {
        self.raise(&self.effects, work);
    }

    fn raise(&self, by: &[f64], work: &mut Work<'_>) {
        work.raise(|_, row| by[self.column.of_row(row)]);
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
        let groups = self.column.targets();
        let sums = targets.scores.iter().zip(&targets.informations);
        for (group, (score, information)) in groups.iter().zip(sums) {
            self.score[*group as usize] += score;
            self.information[*group as usize] += information;
        }
        if let Some(term) = &selection {
            term.collect(groups, &mut self.score, &mut self.information);
        }
        let longest = self.step();
        targets.raise(self.column.targets(), &self.score);
        if let Some(term) = selection {
            term.raise(self.column.targets(), &self.score);
        }
        longest
    }

    /// The same for groups that are told by the row. What they have in common is everybody's: it is
    /// taken out and returned, too.
    pub(crate) fn pass_rows(&mut self, work: &mut Work<'_>) -> (f64, f64) {
        if self.len() == 0 {
            return (0.0, 0.0);
        }
        self.score.fill(0.0);
        self.information.fill(0.0);
        for (row, (score, information)) in work.rows().iter().zip(work.lines()) {
            let group = self.column.of_row(row);
            self.score[group] += score;
            self.information[group] += information;
        }
        let longest = self.step();
        let common = self.center();
        // Who has no group is raised by what is now everybody's.
        let last = self.len();
        self.score[last] = common;
        self.raise(&self.score, work);
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
    pub(crate) fn moments(&mut self, work: &Work<'_>) -> f64 {
        let floor = match self.rule {
            Variance::Fixed(_) => return 0.0,
            Variance::Moments { floor, .. } => floor,
        };
        let mut sums = vec![[0.0; 3]; self.effects.len()];
        // Nobody's slot says nothing of the groups.
        if self.len() > 0 {
            self.sum_without(work, &mut sums);
        }
        let (mut excess, mut known) = (0.0, 0.0);
        for [score, information, chance] in &sums[..self.len()] {
            excess += score * score - chance;
            known += information * information;
        }
        let found = (excess / known.max(1e-9)).max(floor).min(MOST_VARIANCE);
        let before = self.prior;
        self.prior = 0.6 * before + 0.4 * found;
        (self.prior / before - 1.0).abs()
    }

    /// Per group: Σws, Σwv and Σw²v, with the group's own effect taken out.
    fn sum_without(&self, work: &Work<'_>, sums: &mut [[f64; 3]]) {
        work.each(
            |_, row| -self.effects[self.column.of_row(row)],
            |_, row, scored| {
                let weighted = scored.weight * scored.information;
                let [score, information, chance] = &mut sums[self.column.of_row(row)];
                *score += scored.weight * scored.score;
                *information += weighted;
                *chance += scored.weight * weighted;
            },
        );
    }
}
