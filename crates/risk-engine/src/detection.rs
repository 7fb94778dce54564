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
pub use watch::{Alarm, Flag, Recent, Streams};
pub use week::{Evidence, WeekSums};

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

impl Default for DetectionSettings {
    /// Those of products were chosen on ten synthetic cities, for 12 false alarms a year; see
    /// `docs/evaluate.md`.
    fn default() -> Self {
        let stream = |alarm_above, onset| StreamSettings {
            onset,
            ending: 1.0 / 16.0,
            everywhere: 0.3,
            alarm_above,
        };
        Self {
            sizes: [0.7, 1.2, 1.8],
            guard: 8,
            freeze: 4,
            tips: true,
            tips_strength: 0.7,
            tips_half_life: 52.0,
            tips_prior: 150.0,
            quiet: 8,
            placed_above: 0.9,
            list_false_share: 0.1,
            product: stream(0.32, 1.0 / 120.0),
            sector: stream(0.9, 1.0 / 240.0),
            enterprise: stream(0.9, 1.0 / 520.0),
        }
    }
}
