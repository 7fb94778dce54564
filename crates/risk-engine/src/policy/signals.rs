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
