//! The outlook at a moment（当前风险）: what the model says of targets, and of all that is made of them.
//!
//! An enterprise, a site, a product, a zone or a sector is the mean over its targets in the frame,
//! tested or not, by their volumes. Sums over targets are of integers, so that the order in which targets were first seen does not
//! show.

mod places;

use crate::assessment::{Contribution, Part};
use crate::frame::Frame;
use crate::logodds::told::Told;
use crate::logodds::{HalfLives, Left, NO_GROUP, SinceSnapshot};
use crate::model::{Field, Model};
use crate::spread::spread;
use crate::step::Engine;
use crate::subjects::{Base, SubjectIx, Subjects};
use places::{Places, is_shared};
use risk_domain::subject::SubjectKind;
use risk_stats::special::logit;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Binary places of sums over targets: 2³¹ terms of the size of log-odds fit.
pub(crate) const PLACES: f64 = 4_294_967_296.0;
/// The same for the few terms of a variance, which may be small.
const FINE: f64 = PLACES * PLACES;

/// A term of a sum, halves rounded away from 0. It is below 2³¹, or counts as that.
pub(crate) fn fixed(value: f64) -> i128 {
    let scaled = value * PLACES;
    let whole = scaled as i64;
    let rest = scaled - whole as f64;
    i128::from(whole) + i128::from(rest >= 0.5) - i128::from(rest <= -0.5)
}

/// Places of all parts.
const EVERY_PART: [usize; Part::ALL.len()] = {
    let mut places = [0; Part::ALL.len()];
    let mut place = 0;
    while place < places.len() {
        places[place] = place;
        place += 1;
    }
    places
};

/// Parts in log-odds by [`Part::place`]; 0 for one that says nothing.
type Parts = [f64; Part::ALL.len()];

/// The normal law of a subject's log-odds（对数几率的正态分布）: all that a judgement needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Law {
    /// Sum of the contributions.
    pub(crate) log_odds: f64,
    pub(crate) variance: f64,
}

/// What is estimated of one subject.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    parts: Parts,
    pub(crate) law: Law,
    /// Mean probability of a failure.
    pub(crate) probability: f64,
}

impl Estimate {
    fn new(parts: Parts, variance: f64, probability: f64) -> Self {
        let log_odds = parts.iter().sum();
        Self {
            parts,
            law: Law { log_odds, variance },
            probability,
        }
    }

    /// The parts that say something, in their order.
    pub(crate) fn contributions(&self) -> Vec<Contribution> {
        let parts = Part::ALL.into_iter().zip(self.parts);
        let told = parts.filter(|(part, log_odds)| *part == Part::Base || *log_odds != 0.0);
        // No more room than they need: a close may hold many.
        let mut contributions = Vec::with_capacity(told.clone().count());
        contributions.extend(told.map(|(part, log_odds)| Contribution { part, log_odds }));
        contributions
    }
}

/// One target before its probability is found.
struct Target {
    parts: Parts,
    law: Law,
    /// Log-odds and their variance before calibration.
    raw: (f64, f64),
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
    /// Adds a target without its parts.
    fn add(&mut self, weight: u32, probability: f64, slope: f64, unshared: f64) {
        let times = i128::from(weight);
        self.weight += u64::from(weight);
        self.probability += times * fixed(probability);
        self.slope += times * fixed(slope);
        self.unshared += times * times * fixed(unshared);
    }

    /// Adds the parts at some places, so many times.
    fn add_parts(&mut self, parts: &Parts, places: &[usize], times: u64) {
        for place in places {
            self.parts[*place] += i128::from(times) * fixed(parts[*place]);
        }
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

/// Law and mean probability of a target.
type Walked = (Law, f64);

/// Slopes by level and group, for the effects that targets share.
type Shared = BTreeMap<(usize, u32), i128>;

/// What the model says at a moment, under the snapshot in force and some sums since.
pub(crate) struct Outlook<'a> {
    model: &'a Model,
    subjects: &'a Subjects,
    frame: &'a Frame,
    since: Vec<&'a SinceSnapshot>,
    /// Targets with evidence that no close has counted.
    fresh: &'a [u32],
    /// The week that is looked ahead to, and what is left by then; none for the snapshot's own time.
    ahead: Option<(u16, Left)>,
    half_lives: HalfLives,
    places: Places,
    /// Products, zones and sectors.
    above: BTreeMap<SubjectIx, Estimate>,
    /// What the targets of each [`Base::above`] share; empty unless all targets are walked over.
    shared: Vec<Told>,
    /// Law and mean probability of each target that was walked over, by its number.
    walked: Vec<Option<Walked>>,
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
    pub(crate) fn outlook<'a>(
        &'a self,
        open: Option<(&'a SinceSnapshot, &'a [u32])>,
    ) -> Outlook<'a> {
        let (open, fresh) = open.unzip();
        Outlook {
            model: &self.model,
            subjects: &self.subjects,
            frame: &self.frame,
            since: std::iter::once(&self.model.since).chain(open).collect(),
            fresh: fresh.unwrap_or_default(),
            ahead: None,
            half_lives: self.policy.model.settings.half_lives,
            places: Places::of(&self.model),
            above: BTreeMap::new(),
            shared: Vec::new(),
            walked: Vec::new(),
        }
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

    /// The same with an estimate of each product, zone and sector that is asked for; without, they have none.
    pub(crate) fn of_all(mut self, asked: &[SubjectIx]) -> Self {
        let asked: BTreeSet<SubjectIx> = asked
            .iter()
            .copied()
            .filter(|subject| lies_above(self.subjects.kind(*subject)))
            .collect();
        if !asked.is_empty() {
            self.walk(&asked);
        }
        self
    }

    /// The targets that products, zones and sectors were estimated by, each with its probability of a failure.
    pub(crate) fn walked(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        let walked = (0..).zip(&self.walked);
        walked.filter_map(|(target, law)| law.map(|(_, probability)| (target, probability)))
    }

    fn weight(&self, target: u32) -> u32 {
        if self.fresh.contains(&target) {
            self.frame.weight_once_tested(target, self.subjects)
        } else {
            self.frame.weight(target)
        }
    }

    /// The law of a subject's log-odds; none if no target of its has counted.
    pub(crate) fn law(&self, subject: SubjectIx) -> Option<Law> {
        if lies_above(self.subjects.kind(subject)) {
            return self.above.get(&subject).map(|estimate| estimate.law);
        }
        let targets = &self.subjects.kin(subject).targets;
        if let [target] = targets.as_slice()
            && let Some(Some((law, _))) = self.walked.get(*target as usize)
        {
            return Some(*law);
        }
        self.of_targets(targets).map(|estimate| estimate.law)
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
        let mut told = Told::default();
        if others.is_empty() {
            self.tell(self.subjects.base(*first), &mut told);
            let target = self.target(&told);
            let probability = self.probability(*first, &target);
            return Some(Estimate::new(
                target.parts,
                target.law.variance,
                probability,
            ));
        }
        let mut sums = Sums::default();
        let mut shared = Shared::new();
        let gone = targets.iter().all(|target| self.weight(*target) == 0);
        for number in targets {
            let weight = self.weight(*number).max(u32::from(gone));
            if weight == 0 {
                continue;
            }
            self.tell(self.subjects.base(*number), &mut told);
            let target = self.target(&told);
            let probability = self.probability(*number, &target);
            let slope = self.slope(probability);
            let mut unshared = 0.0;
            for (level, of) in told.levels.iter().enumerate() {
                if of.group == NO_GROUP {
                    unshared += slope * slope * of.doubt();
                } else {
                    let sum = shared.entry((level, of.group)).or_insert(0);
                    *sum += i128::from(weight) * fixed(slope);
                }
            }
            sums.add(weight, probability, slope, unshared);
            sums.add_parts(&target.parts, &EVERY_PART, weight.into());
        }
        Some(sums.estimate(&shared, self.model))
    }

    /// Walks over the targets that lie in a subject that is asked for, for the means of each. An enterprise's
    /// effect counts as shared by all its targets, wherever they are: the doubt of a mean is at most what is told.
    fn walk(&mut self, asked: &BTreeSet<SubjectIx>) {
        let every = 0..self.subjects.above_count() as u32;
        self.shared = every.clone().map(|above| self.told_above(above)).collect();
        let lies_in = |above| {
            let subjects = self.subjects.above(above);
            subjects.iter().any(|subject| asked.contains(subject))
        };
        let wanted: Vec<bool> = every.map(lies_in).collect();
        let this = &*self;
        let mut parts = spread(self.subjects.base_count(), |numbers| {
            this.walk_over(numbers, &wanted)
        })
        .into_iter();
        let (mut by_above, mut walked) = parts.next().unwrap_or_default();
        for (sums, of_part) in parts {
            for (sum, other) in by_above.iter_mut().zip(&sums) {
                sum.merge(other);
            }
            walked.extend(of_part);
        }
        self.walked = walked;
        let mut found: BTreeMap<SubjectIx, (Sums, Shared)> = BTreeMap::new();
        for (above, (sums, told)) in (0..).zip(by_above.iter_mut().zip(&self.shared)) {
            if sums.weight == 0 {
                continue;
            }
            let parts = self.target(told).parts;
            sums.add_parts(&parts, &self.places.shared_parts, sums.weight);
            let subjects = self.subjects.above(above);
            let told = told.levels.iter().enumerate();
            let groups = told.filter(|(_, of)| of.group != NO_GROUP);
            for (place, subject) in subjects.iter().enumerate() {
                // A product without a sector stands twice; it is counted once.
                let again = subjects.iter().take(place).any(|other| other == subject);
                if again || !asked.contains(subject) {
                    continue;
                }
                let (of_subject, shared) = found.entry(*subject).or_default();
                of_subject.merge(sums);
                for (level, of) in groups.clone() {
                    *shared.entry((level, of.group)).or_insert(0) += sums.slope;
                }
            }
        }
        self.above = found
            .into_iter()
            .map(|(subject, (sums, shared))| (subject, sums.estimate(&shared, self.model)))
            .collect();
    }

    /// The targets of these numbers in what is wanted: sums of them by what they lie in, and the law of each.
    fn walk_over(
        &self,
        numbers: Range<usize>,
        wanted: &[bool],
    ) -> (Vec<Sums>, Vec<Option<Walked>>) {
        let fields = self.model.fields();
        let mut by_above = vec![Sums::default(); self.shared.len()];
        let mut walked = vec![None; numbers.len()];
        let mut told = Told::default();
        for (number, slot) in (numbers.start as u32..).zip(&mut walked) {
            let Some(base) = self.subjects.linked_base(number) else {
                continue;
            };
            let weight = self.frame.weight(number);
            let wanted = wanted.get(base.above as usize) == Some(&true);
            if weight == 0 || !wanted {
                continue;
            }
            self.tell(base, &mut told);
            let target = self.target(&told);
            let probability = self.model.snapshot.probability(target.raw.0, target.raw.1);
            *slot = Some((target.law, probability));
            let mut unshared = 0.0;
            for (field, of) in fields.iter().zip(&told.levels) {
                if is_shared(*field) && of.group != NO_GROUP {
                    continue;
                }
                let sharers = match field {
                    Field::Enterprise => self.subjects.kin(base.enterprise).targets.len(),
                    Field::Cell => self.subjects.kin(base.cell).targets.len(),
                    Field::Sector | Field::Product | Field::Zone | Field::ProductZone => 1,
                };
                unshared += sharers as f64 * of.doubt();
            }
            if let Some(sums) = by_above.get_mut(base.above as usize) {
                let slope = self.slope(probability);
                sums.add(weight, probability, slope, slope * slope * unshared);
                sums.add_parts(&target.parts, &self.places.own_parts, weight.into());
            }
        }
        (by_above, walked)
    }

    /// What all targets share that one [`Base::above`] has.
    fn told_above(&self, above: u32) -> Told {
        let fields = self.model.fields().iter();
        let groups: Vec<u32> = fields
            .map(|field| field.group_above(above, self.subjects))
            .collect();
        let snapshot = &self.model.snapshot;
        let week = self.ahead.map(|(week, _)| week);
        snapshot.told(&groups, snapshot.waves(week), &self.since)
    }

    /// All that is said of a target.
    fn tell(&self, base: &Base, told: &mut Told) {
        let snapshot = &self.model.snapshot;
        match self.shared.get(base.above as usize) {
            Some(shared) => told.copy(shared),
            None => *told = self.told_above(base.above),
        }
        for (level, field) in &self.places.own {
            let group = field.group(base, self.subjects);
            snapshot.tell(told, *level, group, &self.since);
        }
        if let Some((_, left)) = self.ahead {
            snapshot.fade(told, left);
        }
    }

    fn target(&self, told: &Told) -> Target {
        let snapshot = &self.model.snapshot;
        let (shift, slope) = (snapshot.calibrator.intercept, snapshot.calibrator.slope);
        let mut parts = [0.0; Part::ALL.len()];
        parts[Part::Base as usize] = shift;
        let (mut log_odds, mut variance) = (0.0, 0.0);
        snapshot.each_part(told, None, |kind, effect| {
            log_odds += effect.mean;
            variance += effect.variance;
            parts[self.places.of_kind(kind)] += slope * effect.mean;
        });
        let moved = told.moved();
        log_odds += moved;
        parts[Part::SinceFit as usize] += slope * moved;
        let deviation = slope * libm::sqrt(variance);
        Target {
            law: Law {
                log_odds: parts.iter().sum(),
                variance: deviation * deviation,
            },
            parts,
            raw: (log_odds, variance),
        }
    }

    fn probability(&self, number: u32, target: &Target) -> f64 {
        if let Some(Some((_, probability))) = self.walked.get(number as usize) {
            return *probability;
        }
        let (log_odds, variance) = target.raw;
        self.model.snapshot.probability(log_odds, variance)
    }

    /// How a mean probability follows the log-odds before calibration.
    fn slope(&self, probability: f64) -> f64 {
        probability * (1.0 - probability) * self.model.snapshot.calibrator.slope
    }
}
