//! The watch over all products（监测）: alarms, and the weekly list.

use super::usual::{Baseline, Tips, Weights};
use super::week::{Evidence, WeekSums};
use super::{DetectionSettings, OutbreakFilter};
use crate::logodds::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Weeks that an alarm's counts look back.
const RECENT: usize = 8;

/// Results of recent weeks, beside what was to be expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// Effective results.
    pub tested: f64,
    /// Of which failed.
    pub failed: f64,
    /// Failures that were to be expected.
    pub expected: f64,
}

impl Recent {
    fn add(&mut self, other: &Self) {
        self.tested += other.tested;
        self.failed += other.failed;
        self.expected += other.expected;
    }
}

/// One product under watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Watched<K: Ord> {
    /// What is believed.
    belief: OutbreakFilter<K>,
    /// The same as if nothing had been before the last alarm, which tells of the next one.
    since_alarm: OutbreakFilter<K>,
    /// Weeks left in which it raises no alarm.
    quiet: u16,
    /// Results of the last weeks, the oldest first, by zone.
    recent: VecDeque<BTreeMap<K, Recent>>,
}

impl<K: Ord> Default for Watched<K> {
    fn default() -> Self {
        Self {
            belief: OutbreakFilter::default(),
            since_alarm: OutbreakFilter::default(),
            quiet: 0,
            recent: VecDeque::new(),
        }
    }
}

/// An outbreak is likely enough to act on（预警）.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm<K> {
    /// The product.
    pub product: K,
    /// The zone, if the outbreak is in one.
    pub zone: Option<K>,
    /// Probability that there is one, by what has come since the last alarm.
    pub probability: f64,
    /// Results of the last eight weeks there.
    pub recent: Recent,
}

/// An entry of the weekly list（监测清单）.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag<K> {
    /// The product.
    pub product: K,
    /// The zone; none for the product anywhere.
    pub zone: Option<K>,
    /// Probability that there is an outbreak.
    pub probability: f64,
}

/// The watch over all products（监测）.
#[doc(alias = "监测")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch<K: Ord> {
    baseline: Baseline,
    weights: Weights<K>,
    tips: Tips<K>,
    products: BTreeMap<K, Watched<K>>,
}

impl<K: Ord> Default for Watch<K> {
    fn default() -> Self {
        Self {
            baseline: Baseline::default(),
            weights: Weights::default(),
            tips: Tips::default(),
            products: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Watch<K> {
    /// Whether what is usual is to be written down in a week.
    pub fn freeze_due(&self, week: u16, settings: &DetectionSettings) -> bool {
        self.baseline.due(week, settings)
    }

    /// Writes down what a snapshot takes for usual, for weeks later than the guard. Targets come by
    /// number: their groups, and the product and zone of one that trades.
    pub fn freeze<G: AsRef<[u32]>>(
        &mut self,
        week: u16,
        snapshot: &Snapshot,
        targets: impl Iterator<Item = (G, Option<(K, K)>)>,
    ) {
        self.weights = Weights::default();
        let mut of_target = |(groups, place): (G, Option<(K, K)>)| {
            let (log_odds, variance) = snapshot.lasting_log_odds(groups.as_ref());
            if let Some(place) = place {
                self.weights.add(place, log_odds);
            }
            (log_odds as f32, variance as f32)
        };
        let targets = targets.map(&mut of_target).collect();
        self.baseline.push(week, targets);
    }

    /// Begins a week: none before anything is known of what is usual.
    pub fn begin(&mut self, week: u16, settings: &DetectionSettings) -> bool {
        self.baseline.forget(week, settings)
    }

    /// Lasting log-odds of a target and their variance, as they were before the guard; none for one
    /// that was not known then.
    pub fn usual(&self, target: u32) -> Option<(f64, f64)> {
        self.baseline.of(target)
    }

    /// Takes in a closed week, and gives alarms in the order of products.
    pub fn step(&mut self, week: WeekSums<'_, K>, settings: &DetectionSettings) -> Vec<Alarm<K>> {
        let mut week = week.finish();
        let counts = week.iter();
        let counts: Vec<_> = counts
            .map(|(place, evidence)| (place.clone(), evidence.tips))
            .collect();
        self.tips.tell(&mut week, &self.weights, settings);
        self.tips.advance(counts.into_iter(), settings);
        let mut of_product: BTreeMap<K, BTreeMap<K, Evidence>> = BTreeMap::new();
        for ((product, zone), evidence) in week {
            self.products.entry(product.clone()).or_default();
            let zones = of_product.entry(product).or_default();
            zones.insert(zone, evidence);
        }
        let none = BTreeMap::new();
        let mut alarms = Vec::new();
        for (product, watched) in &mut self.products {
            let zones = of_product.get(product).unwrap_or(&none);
            let shares: Vec<(&K, f64)> = self.weights.shares(product).collect();
            alarms.extend(watched.step(product, zones, &shares, settings));
        }
        alarms
    }

    /// The weekly list: as many products, and products in zones, the most probable first, as keep the
    /// mean probability of being false within the bound.
    pub fn list(&self, settings: &DetectionSettings) -> Vec<Flag<K>> {
        let mut all: Vec<Flag<K>> = Vec::new();
        for (product, watched) in &self.products {
            let flag = |zone: Option<&K>, probability| Flag {
                product: product.clone(),
                zone: zone.cloned(),
                probability,
            };
            all.push(flag(None, watched.belief.probability()));
            let zones = watched.belief.zones();
            all.extend(zones.map(|(zone, _, there)| flag(Some(zone), there)));
        }
        // A stable sort: equals stay in the order of names.
        all.sort_by(|one, other| other.probability.total_cmp(&one.probability));
        let mut doubt = 0.0;
        let within = (1..).zip(&all).take_while(|(count, flag)| {
            doubt += 1.0 - flag.probability;
            doubt <= settings.list_false_share * f64::from(*count)
        });
        let length = within.count();
        all.truncate(length);
        all
    }
}

impl<K: Ord + Clone> Watched<K> {
    fn step(
        &mut self,
        product: &K,
        zones: &BTreeMap<K, Evidence>,
        shares: &[(&K, f64)],
        settings: &DetectionSettings,
    ) -> Option<Alarm<K>> {
        for filter in [&mut self.belief, &mut self.since_alarm] {
            filter.drift(shares, settings);
            filter.weigh(zones);
        }
        self.remember(zones);
        self.quiet = self.quiet.saturating_sub(1);
        let probability = self.since_alarm.probability();
        if self.quiet > 0 || probability < settings.alarm_above {
            return None;
        }
        let mut likely = self.since_alarm.zones();
        let placed = likely.find(|(_, alone, _)| *alone > settings.placed_above * probability);
        let zone = placed.map(|(zone, _, _)| zone.clone());
        drop(likely);
        let recent = self.recent_in(zone.as_ref());
        self.since_alarm = OutbreakFilter::default();
        self.quiet = settings.quiet;
        Some(Alarm {
            product: product.clone(),
            zone,
            probability,
            recent,
        })
    }

    fn remember(&mut self, zones: &BTreeMap<K, Evidence>) {
        let tested = zones.iter().filter(|(_, evidence)| evidence.tested > 0.0);
        let counts = tested.map(|(zone, evidence)| {
            let recent = Recent {
                tested: evidence.tested,
                failed: evidence.failed,
                expected: evidence.expected,
            };
            (zone.clone(), recent)
        });
        self.recent.push_back(counts.collect());
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    fn recent_in(&self, zone: Option<&K>) -> Recent {
        let mut sum = Recent::default();
        for (of, counts) in self.recent.iter().flatten() {
            if zone.is_none_or(|zone| zone == of) {
                sum.add(counts);
            }
        }
        sum
    }
}
