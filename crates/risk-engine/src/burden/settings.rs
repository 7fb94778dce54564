//! What the policy says of the burden of inspection.

use super::suspicion::WIDEST_BAND;
use serde::Deserialize;

/// How much inspection an enterprise bears（检查负担）, and what looks like evasion.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurdenPolicy {
    /// Days after a visit before a routine one may come again, 0 to 3660.
    pub rest_days: i32,
    /// Length of the window, in days, in which visits are counted, 0 to 3660.
    pub window_days: i32,
    /// Visits within the window after which routine ones rest until it is over, at least 1.
    pub window_visits: u32,
    /// Months in which the same article is not checked again, 0 to 120.
    pub repeat_months: i32,
    /// Days after a failure within which a new enterprise at the same place is a sign of evasion, 0 to
    /// 3660.
    pub reregistered_days: i32,
    /// How near to a limit, as a share of it, measurements are looked at: above 0, at most 0.2.
    pub heap_band: f64,
    /// Greatest expected share of false signs among those that rest on counts, 0 to 1.
    pub false_share: f64,
}

impl BurdenPolicy {
    /// The key that breaks a rule, and the rule.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        const DAYS: &str = "must be between 0 and 3660";
        let days = |days: i32| (0..=3660).contains(&days);
        let checks = [
            ("burden.rest_days", DAYS, days(self.rest_days)),
            ("burden.window_days", DAYS, days(self.window_days)),
            (
                "burden.window_visits",
                "must be at least 1",
                self.window_visits > 0,
            ),
            (
                "burden.repeat_months",
                "must be between 0 and 120",
                (0..=120).contains(&self.repeat_months),
            ),
            (
                "burden.reregistered_days",
                DAYS,
                days(self.reregistered_days),
            ),
            (
                "burden.heap_band",
                "must be above 0 and at most 0.2",
                self.heap_band > 0.0 && self.heap_band <= WIDEST_BAND,
            ),
            (
                "burden.false_share",
                "must be between 0 and 1",
                (0.0..=1.0).contains(&self.false_share),
            ),
        ];
        let broken = checks.into_iter().find(|(_, _, kept)| !kept);
        broken.map_or(Ok(()), |(key, rule, _)| Err((key, rule)))
    }
}
