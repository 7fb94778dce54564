//! The terms by which alerts merge, rise, keep quiet and close.

use risk_domain::scales::AlertLevel;
use serde::{Deserialize, Serialize};

/// How alerts merge, rise, keep quiet and close（预警规则参数）: what the ledger names once, and again
/// when a policy changes it.
#[doc(alias = "预警规则参数")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertTerms {
    /// Zones from which on an alert is one level graver.
    pub spread_zones: u32,
    /// Raises within [`Self::trend_days`] from which on it is one level graver.
    pub trend_raises: u32,
    /// Days.
    pub trend_days: u32,
    /// Spread and trend alone lift no alert above this.
    pub lift_to: AlertLevel,
    /// An open alert that is raised anew after so many days is told again.
    pub tell_again_days: u32,
    /// The longest snooze, in days.
    pub snooze_longest_days: i32,
    /// Alerts as grave as this or graver take a second person to close.
    pub second_person_from: AlertLevel,
    /// Days for which a false alarm quiets its stream.
    pub quiet_days: u32,
    /// It quiets what is no graver than this.
    pub quiet_level: AlertLevel,
}

/// One level graver; one stays one.
pub(super) fn graver(level: AlertLevel) -> AlertLevel {
    match level {
        AlertLevel::One | AlertLevel::Two => AlertLevel::One,
        AlertLevel::Three => AlertLevel::Two,
        AlertLevel::Four => AlertLevel::Three,
    }
}
