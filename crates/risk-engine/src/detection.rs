//! Early warning（早期预警）: how likely a product has an outbreak of failures, and where.
//!
//! Each closed week gives every product in every zone the log-likelihood ratios of its results, for
//! some sizes of change ([`WeekSums`]) against what was usual of these targets weeks before ([`Usual`]).
//! A hidden Markov model ([`OutbreakFilter`]) turns them into probabilities: a product has no outbreak,
//! one everywhere, or one within a zone, of one of the sizes; outbreaks begin and end at given rates. An
//! alarm is raised where an outbreak is likely enough, and the weekly list names as many streams as
//! keep the expected share of false ones within its bound ([`Streams`]). Sectors and their zones are
//! watched in the same way, and enterprises and their products.
//!
//! All is a pure function of its arguments; sums are of integers, so the order of rows does not show.

mod filter;
mod usual;
mod watch;
mod week;

pub use filter::OutbreakFilter;
pub use usual::Usual;
pub use watch::{Finding, Recent, Streams};
pub use week::{Evidence, WeekSums, Weighed};

use serde::{Deserialize, Serialize};

/// How many sizes of change are told apart.
pub const SIZES: usize = 3;

/// What early warning is told（预警参数）.
#[doc(alias = "预警参数")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionSettings {
    /// Sizes of change, in log-odds.
    pub sizes: [f64; SIZES],
    /// Weeks by which what is usual must be older than the week that is held against it, so that an
    /// outbreak does not pass for usual.
    pub guard: u16,
    /// Weeks from one writing down of what is usual to the next.
    pub freeze: u16,
    /// Whether tips are evidence. They are not for half a year after enforcement changed its ways.
    pub tips: bool,
    /// How much the odds of being tipped off follow the odds of failing.
    pub tips_strength: f64,
    /// Half-life of tips as a measure of what is usual, in weeks.
    pub tips_half_life: f64,
    /// Tips that what is believed of the frame is worth in that measure.
    pub tips_prior: f64,
    /// Weeks after an alarm in which the same stream raises no other.
    pub quiet: u16,
    /// Share of an outbreak's probability that one place must hold for the alarm to name it.
    pub placed_above: f64,
    /// Expected share of false entries that the weekly list may have.
    pub list_false_share: f64,
    /// Products, and where in the city.
    pub product: StreamSettings,
    /// Sectors, and where in the city.
    pub sector: StreamSettings,
    /// Enterprises, and with which product.
    pub enterprise: StreamSettings,
}

/// What is told of one kind of streams（监测流参数）.
#[doc(alias = "监测流参数")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSettings {
    /// Outbreaks that begin in a week.
    pub onset: f64,
    /// Share of outbreaks that end in a week.
    pub ending: f64,
    /// Share of outbreaks that are in all places.
    pub everywhere: f64,
    /// Probability of an outbreak from which there is an alarm.
    pub alarm_above: f64,
}

impl DetectionSettings {
    /// Refuses what makes no sense, by the key and the rule it breaks.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        const SHARE: &str = "must lie between 0 and 1";
        let share = |value: f64| value > 0.0 && value < 1.0;
        let checks = [
            (
                "detection.sizes",
                "must rise, and lie between 0 and 5",
                self.sizes.is_sorted_by(|one, next| one < next)
                    && self.sizes.iter().all(|size| *size > 0.0 && *size < 5.0),
            ),
            (
                "detection.guard",
                "must be between 1 and 52",
                (1..=52).contains(&self.guard),
            ),
            (
                "detection.freeze",
                "must be between 1 and 26",
                (1..=26).contains(&self.freeze),
            ),
            (
                "detection.tips_strength",
                "must be between 0 and 2",
                (0.0..=2.0).contains(&self.tips_strength),
            ),
            (
                "detection.tips_half_life",
                "must be between 1 and 520",
                (1.0..=520.0).contains(&self.tips_half_life),
            ),
            (
                "detection.tips_prior",
                "must be between 1 and 1e6",
                (1.0..=1e6).contains(&self.tips_prior),
            ),
            ("detection.quiet", "must be at most 52", self.quiet <= 52),
            ("detection.placed_above", SHARE, share(self.placed_above)),
            (
                "detection.list_false_share",
                SHARE,
                share(self.list_false_share),
            ),
            ("detection.product", SHARE, self.product.are_shares()),
            ("detection.sector", SHARE, self.sector.are_shares()),
            ("detection.enterprise", SHARE, self.enterprise.are_shares()),
        ];
        let broken = checks.into_iter().find(|(_, _, holds)| !holds);
        broken.map_or(Ok(()), |(key, rule, _)| Err((key, rule)))
    }
}

impl StreamSettings {
    fn are_shares(&self) -> bool {
        let all = [self.onset, self.ending, self.everywhere, self.alarm_above];
        all.iter().all(|value| *value > 0.0 && *value < 1.0)
    }
}
