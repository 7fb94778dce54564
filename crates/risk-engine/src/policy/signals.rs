//! What raises alerts beside results and grades, and the checks of how alerts stand.

use super::{PolicyError, within};
use crate::alert::terms::AlertTerms;
use risk_domain::scales::AlertLevel;
use serde::Deserialize;

/// When goods of one supplier, factory, lot or trademark alert.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathPolicy {
    /// Level of that alert.
    pub level: AlertLevel,
    /// They failed at so many enterprises,
    pub enterprises: u32,
    /// within so many days.
    pub days: u32,
    /// Points that each further enterprise at which goods of a path failed lends to one that shares it,
    /// 0 to 100; ten double the odds.
    pub influence: f64,
    /// All paths together lend no more than so many points, 0 to 100.
    pub influence_bound: f64,
}

/// When an item of a product fails more than it used to.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemPolicy {
    /// Level of that alert.
    pub level: AlertLevel,
    /// Weeks that are held against all before.
    pub weeks: u32,
    /// The ratio that the 5 % quantile (EB05) must reach, above 1.
    pub ratio: f64,
    /// Failures of the item in these weeks, at least.
    pub least_failures: u32,
    /// Tests of all products before these weeks, at least.
    pub least_tests: u32,
    /// Items that failed lately from which on the mixture is fitted to them; below, its usual laws stand.
    pub least_items: u32,
    /// Tests that what items do on the whole is worth beside what one did before.
    pub prior_tests: f64,
}

/// Which signals alert, and at which level.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalPolicy {
    /// The media reported.
    pub media_exposure: AlertLevel,
    /// A product was recalled.
    pub recall: AlertLevel,
    /// An accident, with an injury of severity 1 or 2 or none known.
    pub accident: AlertLevel,
    /// An accident with an injury of severity 3 or 4.
    pub accident_grave: AlertLevel,
    /// An external check found a nonconformity.
    pub external_check_failed: AlertLevel,
    /// Several consumers complained of one enterprise.
    pub complaint_cluster: AlertLevel,
    /// So many complaints are several,
    pub complaint_count: u32,
    /// within so many days.
    pub complaint_days: u32,
}

pub(super) fn paths(policy: PathPolicy) -> Result<PathPolicy, PolicyError> {
    let counts = [
        ("alert.paths.enterprises", policy.enterprises, 2.0),
        ("alert.paths.days", policy.days, 1.0),
    ];
    for (key, count, least) in counts {
        let rule = "must be at least 2 enterprises, 1 day, and at most 1000";
        within(key, f64::from(count), (least, 1000.0), rule)?;
    }
    for (key, points) in [
        ("alert.paths.influence", policy.influence),
        ("alert.paths.influence_bound", policy.influence_bound),
    ] {
        within(
            key,
            points,
            (0.0, 100.0),
            "must be between 0 and 100 points",
        )?;
    }
    Ok(policy)
}

pub(super) fn items(policy: ItemPolicy) -> Result<ItemPolicy, PolicyError> {
    let counts = [
        ("alert.items.weeks", policy.weeks, (1.0, 104.0)),
        (
            "alert.items.least_failures",
            policy.least_failures,
            (2.0, 1000.0),
        ),
        ("alert.items.least_tests", policy.least_tests, (1.0, 1e9)),
        ("alert.items.least_items", policy.least_items, (5.0, 1e6)),
    ];
    for (key, count, range) in counts {
        let rule = "must be 1 to 104 weeks, 2 to 1000 failures, at least 1 test, at least 5 items";
        within(key, f64::from(count), range, rule)?;
    }
    let rule = "must be above 1 and at most 100";
    within("alert.items.ratio", policy.ratio, (1.0 + 1e-9, 100.0), rule)?;
    let rule = "must be between 0.1 and 1e6 tests";
    within(
        "alert.items.prior_tests",
        policy.prior_tests,
        (0.1, 1e6),
        rule,
    )?;
    Ok(policy)
}

pub(super) fn signals(policy: SignalPolicy) -> Result<SignalPolicy, PolicyError> {
    let counts = [
        ("alert.signals.complaint_count", policy.complaint_count, 2.0),
        ("alert.signals.complaint_days", policy.complaint_days, 1.0),
    ];
    for (key, count, least) in counts {
        let rule = "must be at least 2 complaints, 1 day, and at most 1000";
        within(key, f64::from(count), (least, 1000.0), rule)?;
    }
    Ok(policy)
}

pub(super) fn standing(terms: AlertTerms) -> Result<AlertTerms, PolicyError> {
    let counts = [
        ("alert.standing.spread_zones", terms.spread_zones),
        ("alert.standing.trend_raises", terms.trend_raises),
        ("alert.standing.trend_days", terms.trend_days),
        ("alert.standing.tell_again_days", terms.tell_again_days),
        ("alert.standing.quiet_days", terms.quiet_days),
    ];
    for (key, count) in counts {
        let rule = "must be between 2 and 1000";
        within(key, f64::from(count), (2.0, 1000.0), rule)?;
    }
    let snooze = f64::from(terms.snooze_longest_days);
    let key = "alert.standing.snooze_longest_days";
    within(key, snooze, (0.0, 366.0), "must be between 0 and 366")?;
    if terms.quiet_level == AlertLevel::One {
        return Err(PolicyError::Range {
            key: "alert.standing.quiet_level",
            rule: "must not be one: an alert of level one is never quiet",
        });
    }
    Ok(terms)
}
