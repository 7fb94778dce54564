//! What is usual（基线）: of targets, and of the places that tips come from.

use super::DetectionSettings;
use super::week::{Evidence, fixed, float};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Log-odds of a target beyond which its weight among what may fail no longer grows or falls.
const WEIGHED: (f64, f64) = (-8.0, 2.0);

/// Lasting log-odds of all targets at some earlier weeks, by number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Baseline {
    /// The oldest first. Halves of the precision are enough, and half the room.
    frozen: VecDeque<(u16, Vec<(f32, f32)>)>,
}

impl Baseline {
    /// Whether the next freeze is due in a week.
    pub(super) fn due(&self, week: u16, settings: &DetectionSettings) -> bool {
        let last = self.frozen.back();
        last.is_none_or(|(last, _)| week >= last + settings.freeze)
    }

    pub(super) fn push(&mut self, week: u16, targets: Vec<(f32, f32)>) {
        self.frozen.push_back((week, targets));
    }

    /// Forgets what is older than the one that a week is held against; whether there is one.
    pub(super) fn forget(&mut self, week: u16, settings: &DetectionSettings) -> bool {
        let usable = self.frozen.iter();
        let usable = usable.take_while(|(at, _)| at + settings.guard <= week);
        let usable = usable.count();
        self.frozen.drain(..usable.saturating_sub(1));
        usable > 0
    }

    /// Of a target, as it was then.
    pub(super) fn of(&self, target: u32) -> Option<(f64, f64)> {
        let (_, targets) = self.frozen.front()?;
        let (log_odds, variance) = targets.get(target as usize)?;
        Some((f64::from(*log_odds), f64::from(*variance)))
    }
}

/// How much of what may fail lies where: Σ e^η over targets that trade, by product and zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Weights<K: Ord>(BTreeMap<K, BTreeMap<K, i128>>);

impl<K: Ord> Default for Weights<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Weights<K> {
    pub(super) fn add(&mut self, (product, zone): (K, K), log_odds: f64) {
        let weight = fixed(libm::exp(log_odds.clamp(WEIGHED.0, WEIGHED.1)));
        let zones = self.0.entry(product).or_default();
        *zones.entry(zone).or_default() += weight;
    }

    /// Of each zone of a product, its share.
    pub(super) fn shares(&self, product: &K) -> impl Iterator<Item = (&K, f64)> {
        let zones = self.0.get(product);
        let whole = zones.map_or(0, |zones| zones.values().sum::<i128>());
        let zones = zones.into_iter().flatten();
        zones.map(move |(zone, weight)| (zone, *weight as f64 / whole as f64))
    }

    /// The share of a product and zone of all.
    fn of_all(&self) -> impl Iterator<Item = ((&K, &K), f64)> {
        let all: i128 = self.0.values().flat_map(BTreeMap::values).sum();
        let places = self.0.iter();
        let places =
            places.flat_map(|(product, zones)| zones.iter().map(move |zone| (product, zone)));
        places.map(move |(product, (zone, weight))| {
            ((product, zone), float(*weight) / float(all.max(1)))
        })
    }
}

/// How many tips come from where: those of earlier weeks, the older the less they count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tips<K: Ord> {
    earlier: BTreeMap<(K, K), f64>,
    /// Of the weeks within the guard, the oldest first.
    recent: VecDeque<BTreeMap<(K, K), u32>>,
}

impl<K: Ord> Default for Tips<K> {
    fn default() -> Self {
        Self {
            earlier: BTreeMap::new(),
            recent: VecDeque::new(),
        }
    }
}

impl<K: Ord + Clone> Tips<K> {
    /// Adds what the tips of a week say: more of them than usual of a place speak for a change there.
    /// A place that nobody weighed is left out, for nothing tells what is usual of it.
    pub(super) fn tell(
        &self,
        week: &mut BTreeMap<(K, K), Evidence>,
        weights: &Weights<K>,
        settings: &DetectionSettings,
    ) {
        let Some(strength) = settings.tips else {
            return;
        };
        let tips: u32 = week.values().map(|evidence| evidence.tips).sum();
        let earlier: f64 = self.earlier.values().sum();
        for ((product, zone), share) in weights.of_all() {
            let place = (product.clone(), zone.clone());
            let own = self.earlier.get(&place).copied().unwrap_or(0.0);
            let prior = settings.tips_prior;
            let usual = (own + prior * share) / (earlier + prior);
            let expected = f64::from(tips) * usual;
            let evidence = week.entry(place).or_default();
            for (ratio, size) in evidence.ratios.iter_mut().zip(settings.sizes) {
                let raised = strength * size;
                *ratio += f64::from(evidence.tips) * raised - expected * (libm::exp(raised) - 1.0);
            }
        }
    }

    /// A week later: these tips are now recent, and those that left the guard are earlier ones.
    pub(super) fn advance(
        &mut self,
        week: impl Iterator<Item = ((K, K), u32)>,
        settings: &DetectionSettings,
    ) {
        let decay = libm::exp2(-1.0 / settings.tips_half_life);
        for earlier in self.earlier.values_mut() {
            *earlier *= decay;
        }
        self.recent
            .push_back(week.filter(|(_, tips)| *tips > 0).collect());
        if self.recent.len() > usize::from(settings.guard) {
            let left = self.recent.pop_front().unwrap_or_default();
            let age = f64::from(settings.guard) + 1.0;
            let weight = libm::exp2(-age / settings.tips_half_life);
            for (place, tips) in left {
                *self.earlier.entry(place).or_default() += weight * f64::from(tips);
            }
        }
    }
}
