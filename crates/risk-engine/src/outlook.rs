//! The outlook at a moment（当前风险）: what the model says of targets, and of all that is made of them.
//!
//! An enterprise, a site, a product, a zone or a sector is the mean over its targets in the frame,
//! tested or not, by their volumes. Sums over targets are of integers, so that the order in which targets were first seen does not
//! show.

use crate::assessment::{Contribution, Part};
use crate::frame::Frame;
use crate::logodds::{HalfLives, Left, NO_GROUP, PartKind, Query, SinceSnapshot};
use crate::model::{Field, Groups, Model};
use crate::step::Engine;
use crate::subjects::{Base, SubjectIx, Subjects};
use risk_domain::subject::SubjectKind;
use risk_stats::special::logit;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Binary places of sums over targets: 2³¹ terms of the size of log-odds fit.
const PLACES: f64 = 4_294_967_296.0;
/// The same for the few terms of a variance, which may be small.
const FINE: f64 = PLACES * PLACES;

fn fixed(value: f64) -> i128 {
    libm::round(value * PLACES) as i128
}

/// Parts in log-odds by [`Part::place`]; 0 for one that says nothing.
type Parts = [f64; Part::ALL.len()];

/// What is estimated of one subject.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    parts: Parts,
    /// Sum of the contributions.
    pub(crate) log_odds: f64,
    /// Variance of the log-odds.
    pub(crate) variance: f64,
    /// Mean probability of a failure.
    pub(crate) probability: f64,
}

impl Estimate {
    fn new(parts: Parts, variance: f64, probability: f64) -> Self {
        let mut estimate = Self {
            parts,
            log_odds: 0.0,
            variance,
            probability,
        };
        estimate.log_odds = estimate.contributions().map(|part| part.log_odds).sum();
        estimate
    }

    /// The parts that say something, in their order.
    pub(crate) fn contributions(&self) -> impl Iterator<Item = Contribution> {
        let parts = Part::ALL.into_iter().zip(self.parts);
        parts
            .filter(|(part, log_odds)| *part == Part::Base || *log_odds != 0.0)
            .map(|(part, log_odds)| Contribution { part, log_odds })
    }
}

/// One target: its estimate, and how its probability follows its log-odds.
struct Target {
    estimate: Estimate,
    slope: f64,
}

/// Sums over targets, by their weights.
#[derive(Debug, Clone, Default)]
struct Sums {
    weight: u64,
    probability: i128,
    parts: [i128; Part::ALL.len()],
    /// Σ of the slopes in the effects that all targets of one [`Base::above`] share.
    slope: i128,
    /// Σ of the variances that effects of enterprises and cells bring, by the squares of the weights.
    unshared: i128,
}

impl Sums {
    fn add(&mut self, target: &Target, weight: u32, unshared: f64) {
        let times = i128::from(weight);
        self.weight += u64::from(weight);
        self.probability += times * fixed(target.estimate.probability);
        for (sum, part) in self.parts.iter_mut().zip(target.estimate.parts) {
            *sum += times * fixed(part);
        }
        self.slope += times * fixed(target.slope);
        self.unshared += times * times * fixed(unshared);
    }

    fn merge(&mut self, other: &Self) {
        self.weight += other.weight;
        self.probability += other.probability;
        for (sum, part) in self.parts.iter_mut().zip(other.parts) {
            *sum += part;
        }
        self.slope += other.slope;
        self.unshared += other.unshared;
    }

    fn mean(&self, sum: i128) -> f64 {
        sum as f64 / (PLACES * self.weight.max(1) as f64)
    }

    /// The mean over the targets. `shared` are the slopes by level and group.
    fn estimate(&self, shared: &Shared, model: &Model) -> Estimate {
        let mut variance = 0_i128;
        for ((level, group), slope) in shared {
            let slope = self.mean(*slope);
            let term = slope * slope * model.snapshot.doubt(*level, *group);
            variance += libm::round(term * FINE) as i128;
        }
        let variance =
            variance as f64 / FINE + self.mean(self.unshared) / self.weight.max(1) as f64;
        let probability = self.mean(self.probability).clamp(1e-9, 1.0 - 1e-9);
        // The law of the mean's log-odds: the deviation by the slope of the logit; and the centre
        // below the logit of the mean, as far as such a law's mean lies above its centre.
        let slope = probability * (1.0 - probability);
        let deviation = libm::sqrt(variance) / slope;
        let apart = 0.5 * (1.0 - 2.0 * probability) * deviation * deviation;
        let centre = logit(probability) - apart.clamp(-deviation, deviation);
        let mut parts = self.parts.map(|part| self.mean(part));
        parts[Part::Mixture as usize] = 0.0;
        parts[Part::Mixture as usize] = centre - parts.iter().sum::<f64>();
        Estimate::new(parts, deviation * deviation, probability)
    }
}

/// Slopes by level and group, for the effects that targets share.
type Shared = BTreeMap<(usize, u32), i128>;

/// Which levels' groups are the same for all targets of one [`Base::above`].
fn is_shared(field: Field) -> bool {
    match field {
        Field::Sector | Field::Product | Field::Zone | Field::ProductZone => true,
        Field::Enterprise | Field::Cell => false,
    }
}

/// What the model says at a moment, under the snapshot in force and some sums since.
pub(crate) struct Outlook<'a> {
    model: &'a Model,
    subjects: &'a Subjects,
    frame: &'a Frame,
    half_lives: HalfLives,
    since: Vec<&'a SinceSnapshot>,
    /// Targets with evidence that no close has counted.
    fresh: &'a [u32],
    /// The week that is looked ahead to, and what is left by then; none for the snapshot's own time.
    ahead: Option<(u16, Left)>,
    /// Products, zones and sectors.
    above: BTreeMap<SubjectIx, Estimate>,
    /// The target asked for last: most cells, enterprises and sites are the same one.
    last: RefCell<Option<(u32, Estimate)>>,
}

/// Whether a subject is a product, a zone or a sector, which share their targets with many.
fn lies_above(kind: SubjectKind) -> bool {
    match kind {
        SubjectKind::Product | SubjectKind::Zone | SubjectKind::Sector => true,
        SubjectKind::Cell | SubjectKind::Enterprise | SubjectKind::Site => false,
    }
}

impl Engine {
    /// The outlook on closed evidence, and on `open` evidence of some targets too if there is any.
    /// Products, zones and sectors have an estimate only if they are `asked`.
    pub(crate) fn outlook<'a>(
        &'a self,
        open: Option<(&'a SinceSnapshot, &'a [u32])>,
        asked: &[SubjectIx],
    ) -> Outlook<'a> {
        let (open, fresh) = open.unzip();
        let mut outlook = Outlook {
            model: &self.model,
            subjects: &self.subjects,
            frame: &self.frame,
            half_lives: self.policy.model.settings.half_lives,
            since: std::iter::once(&self.model.since).chain(open).collect(),
            fresh: fresh.unwrap_or_default(),
            ahead: None,
            above: BTreeMap::new(),
            last: RefCell::new(None),
        };
        let asked: BTreeSet<SubjectIx> = asked
            .iter()
            .copied()
            .filter(|subject| lies_above(self.subjects.kind(*subject)))
            .collect();
        if !asked.is_empty() {
            outlook.above = outlook.over_targets(&asked);
        }
        outlook
    }
}

impl Outlook<'_> {
    /// The same, so many weeks later, if nothing else comes.
    pub(crate) fn later(mut self, weeks: u16) -> Self {
        let snapshot = &self.model.snapshot;
        let season = snapshot.as_of.saturating_add(snapshot.horizon);
        self.ahead = (weeks > 0).then(|| {
            let left = Left::after(weeks, &self.half_lives);
            (season.saturating_add(weeks), left)
        });
        self
    }

    fn weight(&self, target: u32) -> u32 {
        if self.fresh.contains(&target) {
            self.frame.weight_once_tested(target, self.subjects)
        } else {
            self.frame.weight(target)
        }
    }

    /// The estimate of a subject; none if no target of its has counted.
    pub(crate) fn estimate(&self, subject: SubjectIx) -> Option<Estimate> {
        if lies_above(self.subjects.kind(subject)) {
            return self.above.get(&subject).cloned();
        }
        self.of_targets(&self.subjects.kin(subject).targets)
    }

    /// The mean over a few targets; over all of them alike where none is in the frame.
    pub(crate) fn of_targets(&self, targets: &[u32]) -> Option<Estimate> {
        let (first, others) = targets.split_first()?;
        if others.is_empty() {
            let mut last = self.last.borrow_mut();
            return match &*last {
                Some((target, estimate)) if target == first => Some(estimate.clone()),
                Some(_) | None => {
                    let estimate = self.target(self.subjects.base(*first)).1.estimate;
                    *last = Some((*first, estimate.clone()));
                    Some(estimate)
                }
            };
        }
        let mut sums = Sums::default();
        let mut shared = Shared::new();
        let gone = targets.iter().all(|target| self.weight(*target) == 0);
        for target in targets {
            let weight = self.weight(*target).max(u32::from(gone));
            if weight == 0 {
                continue;
            }
            let (groups, target) = self.target(self.subjects.base(*target));
            let mut unshared = 0.0;
            for (level, group) in groups.iter().enumerate() {
                if *group == NO_GROUP {
                    let doubt = self.model.snapshot.doubt(level, *group);
                    unshared += target.slope * target.slope * doubt;
                } else {
                    let sum = shared.entry((level, *group)).or_insert(0);
                    *sum += i128::from(weight) * fixed(target.slope);
                }
            }
            sums.add(&target, weight, unshared);
        }
        Some(sums.estimate(&shared, self.model))
    }

    /// The means over all targets of each subject that is asked for. An enterprise's effect counts
    /// as shared by all its targets, wherever they are: the doubt of a mean is at most what is told.
    fn over_targets(&self, asked: &BTreeSet<SubjectIx>) -> BTreeMap<SubjectIx, Estimate> {
        let fields = self.model.fields();
        let mut by_above = vec![Sums::default(); self.subjects.above_count()];
        for (number, base) in self.subjects.linked() {
            let weight = self.frame.weight(number);
            if weight == 0 {
                continue;
            }
            let (groups, target) = self.target(base);
            let mut unshared = 0.0;
            for (level, (field, group)) in fields.iter().zip(&groups).enumerate() {
                if is_shared(*field) && *group != NO_GROUP {
                    continue;
                }
                let sharers = match field {
                    Field::Enterprise => self.subjects.kin(base.enterprise).targets.len(),
                    Field::Cell => self.subjects.kin(base.cell).targets.len(),
                    Field::Sector | Field::Product | Field::Zone | Field::ProductZone => 1,
                };
                unshared += sharers as f64 * self.model.snapshot.doubt(level, *group);
            }
            if let Some(sums) = by_above.get_mut(base.above as usize) {
                sums.add(&target, weight, target.slope * target.slope * unshared);
            }
        }
        let mut found: BTreeMap<SubjectIx, (Sums, Shared)> = BTreeMap::new();
        let counted = (0..).zip(&by_above).filter(|(_, sums)| sums.weight > 0);
        for (above, sums) in counted {
            let subjects = self.subjects.above(above);
            let groups: Vec<(usize, u32)> = fields
                .iter()
                .enumerate()
                .filter(|(_, field)| is_shared(**field))
                .map(|(level, field)| (level, field.group_above(above, self.subjects)))
                .filter(|(_, group)| *group != NO_GROUP)
                .collect();
            for (place, subject) in subjects.iter().enumerate() {
                // A product without a sector stands twice; it is counted once.
                let again = subjects.iter().take(place).any(|other| other == subject);
                if again || !asked.contains(subject) {
                    continue;
                }
                let (of_subject, shared) = found.entry(*subject).or_default();
                of_subject.merge(sums);
                for group in &groups {
                    *shared.entry(*group).or_insert(0) += sums.slope;
                }
            }
        }
        found
            .into_iter()
            .map(|(subject, (sums, shared))| (subject, sums.estimate(&shared, self.model)))
            .collect()
    }

    fn target(&self, base: &Base) -> (Groups, Target) {
        let groups = self.model.groups(base, self.subjects);
        let mut query = Query::new(&groups);
        if let Some((week, left)) = self.ahead {
            query.week = Some(week);
            query.left = left;
        }
        let found = self.model.snapshot.predict_since_all(&query, &self.since);
        let fields = self.model.fields();
        let mut parts = [0.0; Part::ALL.len()];
        for (part, _) in found.calibrated_parts() {
            let field = |level: u8| fields.get(usize::from(level)).copied();
            let name = match part.kind {
                PartKind::Base | PartKind::Mode(_) => Part::Base,
                PartKind::Lasting(level) => field(level).map_or(Part::Base, Part::lasting),
                PartKind::Recent(level) => field(level).map_or(Part::Base, Part::recent),
                PartKind::Season => Part::Season,
                PartKind::Selected => Part::Selected,
                PartKind::Remedied => Part::Remedied,
                PartKind::Since => Part::SinceFit,
            };
            parts[name as usize] += part.log_odds;
        }
        let deviation = found.slope * libm::sqrt(found.variance);
        let spread = found.probability * (1.0 - found.probability);
        let target = Target {
            estimate: Estimate::new(parts, deviation * deviation, found.probability),
            slope: spread * found.slope,
        };
        (groups, target)
    }
}
