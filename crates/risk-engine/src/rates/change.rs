//! What changed between two periods, and why（变动分解）.

use super::{Rate, reach};
use std::collections::BTreeMap;

/// What share of the tests a group had, and how many of them failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Tests.
    pub tests: f64,
    /// Failures.
    pub failures: f64,
}

/// A change of the raw rate by its two reasons（质量与抽样结构的分解）. They add up to the change.
#[doc(alias = "结构分解")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MixShift {
    /// Rate after less rate before.
    pub change: f64,
    /// What the groups' own rates did: the goods became better or worse.
    pub quality: f64,
    /// What the choice of groups did: others were tested.
    pub choice: f64,
}

/// Splits the change of a raw rate between two periods, group by group: the change of a group's rate
/// at its mean share, and the change of its share at its mean rate (Kitagawa 1955). A group that was
/// tested in one period only says nothing of quality. None if a period has no tests.
pub fn mix_shift<K: Ord>(
    before: &BTreeMap<K, Share>,
    after: &BTreeMap<K, Share>,
) -> Option<MixShift> {
    let total = |period: &BTreeMap<K, Share>| -> f64 { period.values().map(|s| s.tests).sum() };
    let (all_before, all_after) = (total(before), total(after));
    if all_before <= 0.0 || all_after <= 0.0 {
        return None;
    }
    let mut found = MixShift {
        change: 0.0,
        quality: 0.0,
        choice: 0.0,
    };
    let gone = before.keys().filter(|key| !after.contains_key(key));
    for key in after.keys().chain(gone) {
        let rate = |period: &BTreeMap<K, Share>| {
            let share = period.get(key).filter(|share| share.tests > 0.0);
            share.map(|share| share.failures / share.tests)
        };
        let weight = |period: &BTreeMap<K, Share>, all: f64| {
            period.get(key).map_or(0.0, |share| share.tests) / all
        };
        let (share_before, share_after) = (weight(before, all_before), weight(after, all_after));
        let (rate_before, rate_after) = match (rate(before), rate(after)) {
            (Some(one), Some(other)) => (one, other),
            (Some(only), None) | (None, Some(only)) => (only, only),
            (None, None) => continue,
        };
        found.quality += 0.5 * (share_before + share_after) * (rate_after - rate_before);
        found.choice += 0.5 * (rate_before + rate_after) * (share_after - share_before);
    }
    found.change = found.quality + found.choice;
    Some(found)
}

/// By how much a campaign changed a rate（专项整治效果）.
#[doc(alias = "专项整治效果")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Change of the failure rate; below 0 is better.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// The change where the campaign was, less the change elsewhere in the same time (difference in
/// differences): what would have changed anyhow does not count. The four rates come from different
/// units, so their variances add.
pub fn campaign_effect(treated: (Rate, Rate), others: Option<(Rate, Rate)>) -> Effect {
    let change = |(before, after): (Rate, Rate)| after.value - before.value;
    let variance = |(before, after): (Rate, Rate)| {
        let square = |rate: Rate| rate.standard_error() * rate.standard_error();
        square(before) + square(after)
    };
    let value = change(treated) - others.map_or(0.0, change);
    let half = reach() * libm::sqrt(variance(treated) + others.map_or(0.0, variance));
    Effect {
        value,
        lower: value - half,
        upper: value + half,
    }
}
