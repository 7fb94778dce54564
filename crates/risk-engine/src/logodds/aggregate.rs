//! Risk of what has many targets（汇总风险）: a product, a zone, a sector, an enterprise, the city.
//!
//! The mean runs over the whole frame, tested or not, weighted by volume, so that it does not depend
//! on whom was chosen to be tested.

use std::collections::BTreeMap;

use super::predict::Query;
use super::rows::{Frame, NO_GROUP};
use super::snapshot::{Effect, Snapshot};

/// Share of failing lots over a part of the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// Volume-weighted mean of the targets' probabilities.
    pub probability: f64,
    /// Standard deviation, by the slopes of the mean in every effect; an effect that many targets
    /// share counts once.
    pub deviation: f64,
    /// Targets.
    pub targets: u32,
    /// Sum of their volumes.
    pub volume: f64,
}

/// Sums over the targets of one part of the frame.
#[derive(Debug, Default)]
struct Part {
    mean: f64,
    volume: f64,
    targets: u32,
    /// Σ volume·slope by level and group.
    slopes: BTreeMap<(usize, u32), f64>,
    /// Variance of the targets' own, for groups that are not known: no two share one.
    unshared: f64,
}

impl Part {
    fn add(&mut self, snapshot: &Snapshot, groups: &[u32], volume: f64) {
        let prediction = snapshot.predict(&Query::new(groups));
        let p = prediction.probability;
        self.mean += volume * p;
        self.volume += volume;
        self.targets = self.targets.saturating_add(1);
        let slope = volume * p * (1.0 - p) * prediction.slope;
        for (level, group) in groups.iter().enumerate() {
            if *group == NO_GROUP {
                self.unshared += slope * slope * snapshot.doubt(level, *group);
            } else {
                *self.slopes.entry((level, *group)).or_default() += slope;
            }
        }
    }

    fn aggregate(&self, snapshot: &Snapshot) -> Option<Aggregate> {
        if self.volume <= 0.0 {
            return None;
        }
        let mut variance = self.unshared / (self.volume * self.volume);
        for ((level, group), slope) in &self.slopes {
            let slope = slope / self.volume;
            variance += slope * slope * snapshot.doubt(*level, *group);
        }
        Some(Aggregate {
            probability: self.mean / self.volume,
            deviation: libm::sqrt(variance),
            targets: self.targets,
            volume: self.volume,
        })
    }
}

impl Snapshot {
    /// Variance of the effects of a group, lasting and recent.
    pub fn doubt(&self, level: usize, group: u32) -> f64 {
        let variance = |effects: &[Effect], prior: f64| {
            let known = effects.get(group as usize);
            known.map_or(prior, |effect| effect.variance)
        };
        let Some(level) = self.levels.get(level) else {
            return 0.0;
        };
        let recent = level.recent.as_ref();
        variance(&level.lasting, level.prior)
            + recent.map_or(0.0, |recent| variance(&recent.effects, recent.prior))
    }

    /// Risk of every group of a level, over the targets that exist in the week of the fit. A group
    /// without such a target, or whose volumes are 0, is left out.
    pub fn by_group(
        &self,
        frame: &Frame,
        volumes: &[f64],
        level: usize,
    ) -> BTreeMap<u32, Aggregate> {
        let column = frame.column(level);
        let group = |target: usize| column.get(target).copied().filter(|g| *g != NO_GROUP);
        self.by(frame, volumes, group)
    }

    /// Risk of the whole frame; none if nothing of it exists in the week of the fit.
    pub fn of_frame(&self, frame: &Frame, volumes: &[f64]) -> Option<Aggregate> {
        self.by(frame, volumes, |_| Some(0)).remove(&0)
    }

    /// Risk of any parts of the frame, each named by a number; volumes are by target, 1 where none
    /// is told.
    pub fn by(
        &self,
        frame: &Frame,
        volumes: &[f64],
        part: impl Fn(usize) -> Option<u32>,
    ) -> BTreeMap<u32, Aggregate> {
        let mut parts: BTreeMap<u32, Part> = BTreeMap::new();
        let mut groups = vec![NO_GROUP; frame.levels()];
        for (target, (from, until)) in frame.active().iter().enumerate() {
            if *from > self.as_of || *until <= self.as_of {
                continue;
            }
            let Some(name) = part(target) else { continue };
            for (slot, group) in groups.iter_mut().zip(frame.groups(target as u32)) {
                *slot = group;
            }
            let volume = volumes.get(target).copied().unwrap_or(1.0);
            parts.entry(name).or_default().add(self, &groups, volume);
        }
        let done = parts.iter();
        done.filter_map(|(name, part)| Some((*name, part.aggregate(self)?)))
            .collect()
    }
}
