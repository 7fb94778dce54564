//! How likely an outbreak is（疫情滤波）: a hidden Markov model of one stream.

use super::week::Evidence;
use super::{SIZES, StreamSettings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Probabilities of one stream's states（隐马尔可夫滤波）: no outbreak, one everywhere, one within a place, of each size.
/// They add up to 1.
#[doc(alias = "隐马尔可夫滤波")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutbreakFilter<K: Ord> {
    none: f64,
    everywhere: [f64; SIZES],
    within: BTreeMap<K, [f64; SIZES]>,
}

impl<K: Ord> Default for OutbreakFilter<K> {
    /// There is no outbreak.
    fn default() -> Self {
        Self {
            none: 1.0,
            everywhere: [0.0; SIZES],
            within: BTreeMap::new(),
        }
    }
}

fn sum(all: &[f64; SIZES]) -> f64 {
    all.iter().sum()
}

impl<K: Ord + Clone> OutbreakFilter<K> {
    /// A week passes: outbreaks begin, in a place by its share of what may fail, and end.
    pub(super) fn drift(&mut self, shares: &[(K, f64)], settings: &StreamSettings) {
        let sizes = SIZES as f64;
        let onset = self.none * settings.onset;
        let over = (1.0 - self.none) * settings.ending;
        let stays = 1.0 - settings.ending;
        // Where nobody knows the places, an outbreak is everywhere.
        let everywhere = if shares.is_empty() {
            1.0
        } else {
            settings.everywhere
        };
        self.none = self.none - onset + over;
        let begun = onset * everywhere / sizes;
        self.everywhere = self.everywhere.map(|one| one * stays + begun);
        for of_zone in self.within.values_mut() {
            *of_zone = of_zone.map(|one| one * stays);
        }
        for (zone, share) in shares {
            let begun = onset * (1.0 - everywhere) * share / sizes;
            let of_zone = self.within.entry(zone.clone()).or_default();
            *of_zone = of_zone.map(|one| one + begun);
        }
    }

    /// What the results of a week say.
    pub(super) fn weigh(&mut self, zones: &BTreeMap<K, Evidence>) {
        let mut everywhere = [0.0; SIZES];
        for evidence in zones.values() {
            for (whole, ratio) in everywhere.iter_mut().zip(evidence.ratios) {
                *whole += ratio;
            }
        }
        // The greatest ratio is taken out, so that none overflows.
        let ratios = zones.values().flat_map(|evidence| evidence.ratios);
        let most = ratios.chain(everywhere).fold(0.0, f64::max);
        let weigh = |states: &mut [f64; SIZES], ratios: [f64; SIZES]| {
            for (state, ratio) in states.iter_mut().zip(ratios) {
                *state *= libm::exp(ratio - most);
            }
        };
        self.none *= libm::exp(-most);
        weigh(&mut self.everywhere, everywhere);
        for (zone, of_zone) in &mut self.within {
            let evidence = zones.get(zone);
            weigh(of_zone, evidence.map_or([0.0; SIZES], |one| one.ratios));
        }
        let all = self.none + self.probability();
        self.none /= all;
        self.everywhere = self.everywhere.map(|one| one / all);
        for of_zone in self.within.values_mut() {
            *of_zone = of_zone.map(|one| one / all);
        }
    }

    /// Probability that there is an outbreak somewhere.
    pub fn probability(&self) -> f64 {
        sum(&self.everywhere) + self.within.values().map(sum).sum::<f64>()
    }

    /// Places, each with the probability that the outbreak is there alone, and that there is one there at
    /// all.
    pub fn places(&self) -> impl Iterator<Item = (&K, f64, f64)> {
        let everywhere = sum(&self.everywhere);
        let zones = self.within.iter();
        zones.map(move |(zone, of_zone)| (zone, sum(of_zone), sum(of_zone) + everywhere))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: StreamSettings = StreamSettings {
        onset: 0.01,
        ending: 0.06,
        everywhere: 0.3,
        alarm_above: 0.3,
    };

    fn zone(ratios: [f64; SIZES]) -> Evidence {
        Evidence {
            ratios,
            ..Evidence::default()
        }
    }

    /// The same by the forward algorithm over a plain list of states.
    fn forward(weeks: &[[[f64; SIZES]; 2]], settings: &StreamSettings) -> Vec<f64> {
        let states = 1 + 3 * SIZES;
        let mut at = vec![0.0; states];
        at[0] = 1.0;
        for week in weeks {
            let mut next = vec![0.0; states];
            for (from, mass) in at.iter().enumerate() {
                for (to, slot) in next.iter_mut().enumerate() {
                    let begun = |to: usize| match (to - 1) / SIZES {
                        0 => settings.everywhere / SIZES as f64,
                        _zone => (1.0 - settings.everywhere) / (2 * SIZES) as f64,
                    };
                    *slot += mass
                        * match (from, to) {
                            (0, 0) => 1.0 - settings.onset,
                            (0, to) => settings.onset * begun(to),
                            (_, 0) => settings.ending,
                            (from, to) if from == to => 1.0 - settings.ending,
                            _other => 0.0,
                        };
                }
            }
            for (to, slot) in next.iter_mut().enumerate().skip(1) {
                let (kind, size) = ((to - 1) / SIZES, (to - 1) % SIZES);
                let ratio = match kind {
                    0 => week[0][size] + week[1][size],
                    zone => week[zone - 1][size],
                };
                *slot *= libm::exp(ratio);
            }
            let all: f64 = next.iter().sum();
            at = next.into_iter().map(|one| one / all).collect();
        }
        at
    }

    proptest! {
        #[test]
        fn probabilities_are_those_of_the_forward_algorithm(weeks in prop::collection::vec(prop::array::uniform2(prop::array::uniform3(-3.0..3.0f64)), 1..20)) {
            let mut filter = OutbreakFilter::default();
            for week in &weeks {
                filter.drift(&[(0, 0.5), (1, 0.5)], &SETTINGS);
                filter.weigh(&BTreeMap::from([(0, zone(week[0])), (1, zone(week[1]))]));
            }
            let expected = forward(&weeks, &SETTINGS);
            prop_assert!((filter.none - expected[0]).abs() < 1e-9);
            prop_assert!((filter.probability() - (1.0 - expected[0])).abs() < 1e-9);
            for (zone, alone, there) in filter.places() {
                let at = 1 + (zone + 1) * SIZES;
                let same: f64 = expected[at..at + SIZES].iter().sum();
                prop_assert!((alone - same).abs() < 1e-9);
                let everywhere: f64 = expected[1..=SIZES].iter().sum();
                prop_assert!((there - same - everywhere).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn huge_evidence_overflows_nothing() {
        let mut filter = OutbreakFilter::default();
        let week = BTreeMap::from([("z", zone([900.0, 1900.0, 2900.0]))]);
        for _ in 0..5 {
            filter.drift(&[("z", 1.0)], &SETTINGS);
            filter.weigh(&week);
        }
        assert!((filter.probability() - 1.0).abs() < 1e-12);
        filter.drift(&[("z", 1.0)], &SETTINGS);
        filter.weigh(&BTreeMap::from([("z", zone([-2000.0; SIZES]))]));
        assert!(filter.probability() < 1e-9);
    }
}
