//! What is usual（基线）: of targets, and of the places that tips come from.

use super::DetectionSettings;
use super::week::{Evidence, fixed};
use crate::logodds::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Log-odds of a target beyond which its weight among what may fail no longer grows or falls.
const WEIGHED: (f64, f64) = (-8.0, 2.0);

/// Written down for a target of which nothing counted then.
const UNKNOWN: (f32, f32) = (f32::NAN, f32::NAN);

/// Lasting log-odds of all targets at some earlier weeks, by number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Baseline {
    /// The oldest first. Halves of the precision are enough, and half the room.
    frozen: VecDeque<(u16, Vec<(f32, f32)>)>,
}

impl Baseline {
    /// Whether the next freeze is due in a week.
    fn due(&self, week: u16, settings: &DetectionSettings) -> bool {
        let last = self.frozen.back();
        last.is_none_or(|(last, _)| week >= last + settings.freeze)
    }

    fn push(&mut self, week: u16, targets: Vec<(f32, f32)>) {
        self.frozen.push_back((week, targets));
    }

    /// Forgets what is older than the one that a week is held against; whether there is one.
    fn forget(&mut self, week: u16, settings: &DetectionSettings) -> bool {
        let usable = self.frozen.iter();
        let usable = usable.take_while(|(at, _)| at + settings.guard <= week);
        let usable = usable.count();
        self.frozen.drain(..usable.saturating_sub(1));
        usable > 0
    }

    /// Of a target, as it was then.
    fn of(&self, target: u32) -> Option<(f64, f64)> {
        let (_, targets) = self.frozen.front()?;
        let (log_odds, variance) = targets.get(target as usize)?;
        (!log_odds.is_nan()).then(|| (f64::from(*log_odds), f64::from(*variance)))
    }
}

/// How much of what may fail lies where: Σ e^η over targets that trade, by product and zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Weights<G: Ord, P: Ord>(BTreeMap<G, BTreeMap<P, i128>>);

impl<G: Ord, P: Ord> Default for Weights<G, P> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<G: Ord, P: Ord> Weights<G, P> {
    fn add(&mut self, (stream, place): (G, P), log_odds: f64) {
        let weight = fixed(libm::exp(log_odds.clamp(WEIGHED.0, WEIGHED.1)));
        let places = self.0.entry(stream).or_default();
        *places.entry(place).or_default() += weight;
    }

    /// Of each place of a stream, its share.
    fn shares(&self, stream: &G) -> impl Iterator<Item = (&P, f64)> {
        let places = self.0.get(stream);
        let whole = places.map_or(0, |places| places.values().sum::<i128>());
        let places = places.into_iter().flatten();
        places.map(move |(place, weight)| (place, *weight as f64 / whole as f64))
    }

    /// Of each stream and place, its share of all.
    fn of_all(&self) -> impl Iterator<Item = ((&G, &P), f64)> {
        let all: i128 = self.0.values().flat_map(BTreeMap::values).sum();
        let all = all.max(1) as f64;
        let streams = self.0.iter();
        let of_each = streams.flat_map(|(stream, places)| {
            let places = places.iter();
            places.map(move |(place, weight)| ((stream, place), *weight))
        });
        of_each.map(move |(at, weight)| (at, weight as f64 / all))
    }
}

/// How many tips come from where: those of earlier weeks, the older the less they count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tips<G: Ord, P: Ord> {
    earlier: BTreeMap<(G, P), f64>,
    /// Of the weeks within the guard, the oldest first.
    recent: VecDeque<BTreeMap<(G, P), i64>>,
}

impl<G: Ord, P: Ord> Default for Tips<G, P> {
    fn default() -> Self {
        Self {
            earlier: BTreeMap::new(),
            recent: VecDeque::new(),
        }
    }
}

impl<G: Ord + Clone, P: Ord + Clone> Tips<G, P> {
    /// Adds what the tips of a week say: more of them than usual of a place speak for a change there.
    /// A place that nobody weighed is left out, for nothing tells what is usual of it.
    fn tell(
        &self,
        week: &mut BTreeMap<(G, P), Evidence>,
        weights: &Weights<G, P>,
        settings: &DetectionSettings,
    ) {
        if !settings.tips {
            return;
        }
        let strength = settings.tips_strength;
        let tips = week
            .values()
            .map(|evidence| evidence.tips.max(0))
            .sum::<i64>() as f64;
        let earlier: f64 = self.earlier.values().sum();
        for ((stream, place), share) in weights.of_all() {
            let place = (stream.clone(), place.clone());
            let own = self.earlier.get(&place).copied().unwrap_or(0.0);
            let prior = settings.tips_prior;
            let usual = (own + prior * share) / (earlier + prior);
            let expected = tips * usual;
            let evidence = week.entry(place).or_default();
            evidence.tips_expected = expected;
            for (ratio, size) in evidence.ratios.iter_mut().zip(settings.sizes) {
                let raised = strength * size;
                let own = evidence.tips.max(0) as f64;
                *ratio += own * raised - expected * (libm::exp(raised) - 1.0);
            }
        }
    }

    /// A week later: these tips are now recent, and those that left the guard are earlier ones.
    fn advance(&mut self, week: BTreeMap<(G, P), i64>, settings: &DetectionSettings) {
        let decay = libm::exp2(-1.0 / settings.tips_half_life);
        for earlier in self.earlier.values_mut() {
            *earlier *= decay;
        }
        self.recent.push_back(week);
        if self.recent.len() > usize::from(settings.guard) {
            let left = self.recent.pop_front().unwrap_or_default();
            let age = f64::from(settings.guard) + 1.0;
            let weight = libm::exp2(-age / settings.tips_half_life);
            for (place, tips) in left {
                *self.earlier.entry(place).or_default() += weight * tips as f64;
            }
        }
    }
}

/// What is usual of targets, and of the places that tips come from（基线）. Streams are products, places
/// are zones, under any names.
#[doc(alias = "基线")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usual<G: Ord, P: Ord> {
    baseline: Baseline,
    weights: Weights<G, P>,
    tips: Tips<G, P>,
}

impl<G: Ord, P: Ord> Default for Usual<G, P> {
    fn default() -> Self {
        Self {
            baseline: Baseline::default(),
            weights: Weights::default(),
            tips: Tips::default(),
        }
    }
}

impl<G: Ord + Clone, P: Ord + Clone> Usual<G, P> {
    /// Whether what is usual is to be written down in a week.
    pub fn freeze_due(&self, week: u16, settings: &DetectionSettings) -> bool {
        self.baseline.due(week, settings)
    }

    /// Writes down what a snapshot takes for usual, for weeks later than the guard. Targets come by
    /// number: none for one of which nothing counts yet, else its groups, and the product and zone of
    /// one that trades.
    pub fn freeze<A: AsRef<[u32]>>(
        &mut self,
        week: u16,
        snapshot: &Snapshot,
        targets: impl Iterator<Item = Option<(A, Option<(G, P)>)>>,
    ) {
        self.weights = Weights::default();
        let mut of_target = |target: Option<(A, Option<(G, P)>)>| {
            let Some((groups, place)) = target else {
                return UNKNOWN;
            };
            let (log_odds, variance) = snapshot.lasting_log_odds(groups.as_ref());
            if let Some(place) = place {
                self.weights.add(place, log_odds);
            }
            (log_odds as f32, variance as f32)
        };
        let targets = targets.map(&mut of_target).collect();
        self.baseline.push(week, targets);
    }

    /// Begins a week; whether anything is known yet of what is usual.
    pub fn begin(&mut self, week: u16, settings: &DetectionSettings) -> bool {
        self.baseline.forget(week, settings)
    }

    /// Lasting log-odds of a target and their variance, as they were before the guard; none for one
    /// that was not known then.
    pub fn of(&self, target: u32) -> Option<(f64, f64)> {
        self.baseline.of(target)
    }

    /// Ends a week: adds what its tips say to what its results say.
    pub fn end(
        &mut self,
        mut week: BTreeMap<(G, P), Evidence>,
        settings: &DetectionSettings,
    ) -> BTreeMap<(G, P), Evidence> {
        let tips = week.iter().filter(|(_, evidence)| evidence.tips != 0);
        let tips = tips.map(|(place, evidence)| (place.clone(), evidence.tips));
        let tips = tips.collect();
        self.tips.tell(&mut week, &self.weights, settings);
        self.tips.advance(tips, settings);
        week
    }

    /// Of each product and zone, its share of what may fail at all.
    pub(crate) fn weights(&self) -> impl Iterator<Item = ((&G, &P), f64)> {
        self.weights.of_all()
    }

    /// Bytes on the heap that grow with the number of targets.
    pub(crate) fn heap_bytes(&self) -> usize {
        let frozen = self.baseline.frozen.iter();
        let capacity: usize = frozen.map(|(_, targets)| targets.capacity()).sum();
        capacity * size_of::<(f32, f32)>()
    }

    /// What goes by names.
    pub(crate) fn named(&self) -> impl Serialize
    where
        G: Serialize,
        P: Serialize,
    {
        (&self.weights, &self.tips)
    }

    /// Of each zone, its share of what of a product may fail.
    pub fn shares(&self, product: &G) -> Vec<(P, f64)> {
        let shares = self.weights.shares(product);
        shares.map(|(zone, share)| (zone.clone(), share)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::SIZES;
    use crate::policy::Policy;

    fn settings() -> DetectionSettings {
        Policy::builtin().unwrap().detection
    }

    #[test]
    fn what_is_usual_is_as_old_as_the_guard_asks_and_no_older_than_it_need_be() {
        let settings = settings();
        let mut baseline = Baseline::default();
        for week in [10, 14, 18, 22] {
            assert!(baseline.due(week, &settings));
            baseline.push(week, vec![(f32::from(week), 0.1)]);
        }
        assert!(!baseline.due(25, &settings) && baseline.due(26, &settings));
        let mut held = |week| {
            let known = baseline.forget(week, &settings);
            known.then(|| baseline.of(0).unwrap().0)
        };
        assert_eq!(held(17), None, "nothing is eight weeks old");
        assert_eq!(held(18), Some(10.0));
        assert_eq!(held(21), Some(10.0));
        assert_eq!(held(22), Some(14.0));
        // Whatever was written down within the guard, an outbreak included, is not held against it.
        assert_eq!(held(25), Some(14.0));
        assert_eq!(held(26), Some(18.0));
    }

    #[test]
    fn more_tips_than_usual_speak_for_a_change_there_unless_the_policy_switches_them_off() {
        let mut weights: Weights<&str, &str> = Weights::default();
        weights.add(("toys", "here"), 0.0);
        weights.add(("toys", "there"), 0.0);
        let tips: Tips<&str, &str> = Tips::default();
        let ratios = |on: bool| {
            let settings = DetectionSettings {
                tips: on,
                ..settings()
            };
            let told = Evidence {
                tips: 6,
                ..Evidence::default()
            };
            let mut week = BTreeMap::from([(("toys", "here"), told)]);
            tips.tell(&mut week, &weights, &settings);
            let of = |place| {
                week.get(&("toys", place))
                    .map_or([0.0; SIZES], |one| one.ratios)
            };
            (of("here"), of("there"))
        };
        let (here, there) = ratios(true);
        assert!(here[0] > 0.0 && there[0] < 0.0, "{here:?} {there:?}");
        // By the law of a Poisson count, whose mean such a change raises by e^strength·size.
        let settings = settings();
        for (at, size) in settings.sizes.iter().enumerate() {
            let raised = settings.tips_strength * size;
            let expected = 6.0 * raised - 3.0 * (libm::exp(raised) - 1.0);
            assert!((here[at] - expected).abs() < 1e-9);
        }
        assert_eq!(ratios(false), ([0.0; SIZES], [0.0; SIZES]));
    }
}
