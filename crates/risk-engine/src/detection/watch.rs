//! Streams under watch（监测）: alarms, and the weekly list.

use super::week::Evidence;
use super::{DetectionSettings, OutbreakFilter, StreamSettings};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Weeks that an alarm's counts look back.
const RECENT: usize = 8;
/// Weeks without a result after which a stream is forgotten.
const FORGOTTEN: u16 = 26;

/// Results of recent weeks, beside what was to be expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// Effective results.
    pub tested: f64,
    /// Of which failed.
    pub failed: f64,
    /// Failures that were to be expected.
    pub expected: f64,
    /// Results whose targets somebody had tipped off.
    pub tips: f64,
    /// Of which were to be expected; 0 where tips are no evidence.
    pub tips_expected: f64,
}

impl Recent {
    fn add(&mut self, other: &Self) {
        self.tested += other.tested;
        self.failed += other.failed;
        self.expected += other.expected;
        self.tips += other.tips;
        self.tips_expected += other.tips_expected;
    }
}

/// One stream under watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Watched<K: Ord> {
    /// What is believed.
    belief: OutbreakFilter<K>,
    /// The same as if nothing had been before the last alarm, which tells of the next one.
    since_alarm: OutbreakFilter<K>,
    /// Weeks left in which it raises no alarm.
    quiet: u16,
    /// Weeks since the last result.
    silent: u16,
    /// Results of the last weeks, the oldest first, by place.
    recent: VecDeque<BTreeMap<K, Recent>>,
}

impl<K: Ord> Default for Watched<K> {
    fn default() -> Self {
        Self {
            belief: OutbreakFilter::default(),
            since_alarm: OutbreakFilter::default(),
            quiet: 0,
            silent: 0,
            recent: VecDeque::new(),
        }
    }
}

/// A stream that probably fails more than usual（质量突发）.
#[doc(alias = "质量突发")]
#[derive(Debug, Clone, PartialEq)]
pub struct Finding<G, P> {
    /// The stream.
    pub stream: G,
    /// The place, if it is in one.
    pub place: Option<P>,
    /// Probability that it is so; of an alarm, by what has come since the last one.
    pub probability: f64,
    /// Results of the last eight weeks there.
    pub recent: Recent,
}

/// Streams of one kind under watch（监测流）, each in its places.
#[doc(alias = "监测流")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Streams<G: Ord, P: Ord>(BTreeMap<G, Watched<P>>);

impl<G: Ord, P: Ord> Default for Streams<G, P> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<G: Ord + Clone, P: Ord + Clone> Streams<G, P> {
    /// Takes in a closed week, and gives alarms in the order of streams. `shares` tells of each place
    /// how much of a stream may fail there. A stream of which nothing was heard for half a year is
    /// forgotten.
    pub fn step(
        &mut self,
        week: BTreeMap<(G, P), Evidence>,
        shares: impl Fn(&G) -> Vec<(P, f64)>,
        common: &DetectionSettings,
        own: &StreamSettings,
    ) -> Vec<Finding<G, P>> {
        let mut of_stream: BTreeMap<G, BTreeMap<P, Evidence>> = BTreeMap::new();
        for ((stream, place), evidence) in week {
            self.0.entry(stream.clone()).or_default();
            let places = of_stream.entry(stream).or_default();
            places.insert(place, evidence);
        }
        let none = BTreeMap::new();
        let mut alarms = Vec::new();
        for (stream, watched) in &mut self.0 {
            let places = of_stream.get(stream).unwrap_or(&none);
            alarms.extend(watched.step(stream, places, &shares(stream), common, own));
        }
        self.0.retain(|_, watched| watched.silent < FORGOTTEN);
        alarms
    }

    /// The weekly list: as many streams, and streams in places, the most probable first, as keep
    /// the mean probability of being false within the bound.
    pub fn list(&self, settings: &DetectionSettings) -> Vec<Finding<G, P>> {
        let mut all: Vec<Finding<G, P>> = Vec::new();
        for (stream, watched) in &self.0 {
            let flag = |place: Option<&P>, probability| Finding {
                stream: stream.clone(),
                place: place.cloned(),
                probability,
                recent: watched.recent_in(place),
            };
            all.push(flag(None, watched.belief.probability()));
            let places = watched.belief.places();
            all.extend(places.map(|(place, _, there)| flag(Some(place), there)));
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

impl<P: Ord + Clone> Watched<P> {
    fn step<G: Clone>(
        &mut self,
        stream: &G,
        places: &BTreeMap<P, Evidence>,
        shares: &[(P, f64)],
        common: &DetectionSettings,
        own: &StreamSettings,
    ) -> Option<Finding<G, P>> {
        for filter in [&mut self.belief, &mut self.since_alarm] {
            filter.drift(shares, own);
            filter.weigh(places);
        }
        self.remember(places);
        self.quiet = self.quiet.saturating_sub(1);
        let probability = self.since_alarm.probability();
        if self.quiet > 0 || probability < own.alarm_above {
            return None;
        }
        let mut likely = self.since_alarm.places();
        let placed = likely.find(|(_, alone, _)| *alone > common.placed_above * probability);
        let place = placed.map(|(place, _, _)| place.clone());
        drop(likely);
        let recent = self.recent_in(place.as_ref());
        self.since_alarm = OutbreakFilter::default();
        self.quiet = common.quiet;
        Some(Finding {
            stream: stream.clone(),
            place,
            probability,
            recent,
        })
    }

    fn remember(&mut self, places: &BTreeMap<P, Evidence>) {
        let heard = places.values().any(|evidence| evidence.tested != 0.0);
        let counts = places.iter().map(|(place, evidence)| {
            let recent = Recent {
                tested: evidence.tested,
                failed: evidence.failed,
                expected: evidence.expected,
                tips: evidence.tips as f64,
                tips_expected: evidence.tips_expected,
            };
            (place.clone(), recent)
        });
        self.silent = if heard {
            0
        } else {
            self.silent.saturating_add(1)
        };
        self.recent.push_back(counts.collect());
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    fn recent_in(&self, place: Option<&P>) -> Recent {
        let mut sum = Recent::default();
        for (of, counts) in self.recent.iter().flatten() {
            if place.is_none_or(|place| place == of) {
                sum.add(counts);
            }
        }
        sum
    }
}
