//! Alerts in the order in which they are listed（预警列表）, and how many there are of each kind.

use super::AlertRule;
use super::lifecycle::AlertState;
use super::standing::{StandingAlert, stream_id};
use super::stream::Stream;
use super::streams::{AlertEntry, Alerts};
use crate::classed::{Classed, Line};
use crate::step::Engine;
use risk_domain::ids::{AlertId, HazardCode};
use risk_domain::scales::AlertLevel;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Which alerts（预警查询）; what is not named does not matter.
#[doc(alias = "预警查询")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Where they stand.
    pub state: Option<AlertState>,
    /// How grave they are.
    pub level: Option<AlertLevel>,
    /// About whom.
    pub subject: Option<Subject>,
    /// A rule that raised them, among others.
    pub rule: Option<AlertRule>,
    /// Raised last at this instant, or later.
    pub since: Option<Timestamp>,
}

impl AlertFilter {
    fn fits(&self, class: Class) -> bool {
        self.state.is_none_or(|state| class.state == state)
            && self.level.is_none_or(|level| class.level == level)
            && self.rule.is_none_or(|rule| class.rules & bit(rule) != 0)
    }

    /// Whether an alert that was raised last at an instant is of the time that is asked for.
    fn recent(&self, last_raised_at: Timestamp) -> bool {
        self.since.is_none_or(|since| last_raised_at >= since)
    }
}

/// What lists of alerts are filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    state: AlertState,
    level: AlertLevel,
    /// A bit for each rule.
    rules: u32,
}

fn bit(rule: AlertRule) -> u32 {
    1 << (rule as u32)
}

/// Those that opened last come first; of those that opened at once, the greater stream, then the later alert.
type Place = (Reverse<Timestamp>, Reverse<u128>, Reverse<u32>);
/// What is kept of an alert: when it was raised last.
type ListedAlert = Line<Class, Place, Timestamp>;

fn line(stream: u128, number: u32, alert: &StandingAlert) -> ListedAlert {
    let rules = alert.rules.iter().map(|rule| bit(*rule));
    let class = Class {
        state: alert.state,
        level: alert.level,
        rules: rules.fold(0, |all, rule| all | rule),
    };
    let place = (Reverse(alert.opened_at), Reverse(stream), Reverse(number));
    (class, place, alert.last_raised_at)
}

/// The alerts of a stream, as they are listed.
pub(super) fn lines(stream: u128, alerts: &[StandingAlert]) -> Vec<ListedAlert> {
    let numbered = (0..).zip(alerts);
    numbered
        .map(|(number, alert)| line(stream, number, alert))
        .collect()
}

/// The index of all alerts, and the hazards that their streams name.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) alerts: Classed<Class, Place, Timestamp>,
    hazards: BTreeSet<Option<HazardCode>>,
    /// Nobody will ask for lists, and none are kept.
    pub(super) left_out: bool,
}

impl Listed {
    pub(super) fn left_out() -> Self {
        Self {
            left_out: true,
            ..Self::default()
        }
    }

    /// Puts the alerts of a stream where they stand now.
    pub(super) fn change(
        &mut self,
        hazard: Option<&HazardCode>,
        before: &[ListedAlert],
        after: Vec<ListedAlert>,
    ) {
        if !self.hazards.contains(&hazard.cloned()) {
            self.hazards.insert(hazard.cloned());
        }
        self.alerts.change(before, after);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.alerts.heap_bytes()
    }
}

impl Alerts {
    fn of_stream(&self, stream: u128, number: u32) -> Option<AlertEntry<'_>> {
        let stream = self.stream(stream)?;
        let alert = stream.now().alerts.get(number as usize)?;
        Some(stream.entry(alert))
    }

    /// Alerts that fit, those that opened last first, behind a place if one is named.
    fn list<'a>(
        &'a self,
        filter: &'a AlertFilter,
        behind: Option<Place>,
    ) -> Box<dyn Iterator<Item = AlertEntry<'a>> + 'a> {
        let Some(subject) = &filter.subject else {
            let fits = |class: &Class| filter.fits(*class);
            let all = self.listed.alerts.behind(fits, behind.as_ref());
            let all = all.filter(|(_, last_raised_at)| filter.recent(**last_raised_at));
            return Box::new(
                all.filter_map(|((_, stream, number), _)| self.of_stream(stream.0, number.0)),
            );
        };
        // A subject has a stream for each hazard at most.
        let streams = self.listed.hazards.iter();
        let streams = streams.map(|hazard| stream_id(subject, hazard.as_ref()));
        let alerts = |id| {
            let stream: Option<&Stream> = self.stream(id);
            stream.map_or_else(Vec::new, |stream| lines(id, &stream.now().alerts))
        };
        let mut own: Vec<ListedAlert> = streams.flat_map(alerts).collect();
        own.retain(|(class, place, last_raised_at)| {
            filter.fits(*class)
                && filter.recent(*last_raised_at)
                && behind.is_none_or(|behind| *place > behind)
        });
        own.sort_unstable_by_key(|(_, place, _)| *place);
        let own = own.into_iter();
        Box::new(own.filter_map(|(_, (_, stream, number), _)| self.of_stream(stream.0, number.0)))
    }
}

impl Engine {
    /// Alerts that fit, those that opened last first, behind the one with this id if one is named, which opened
    /// at that instant. A page costs a page, however many there are; what is said of `since` is looked for
    /// one by one.
    pub fn alerts_listed<'a>(
        &'a self,
        filter: &'a AlertFilter,
        behind: Option<(Timestamp, &AlertId)>,
    ) -> Box<dyn Iterator<Item = AlertEntry<'a>> + 'a> {
        let place = behind.and_then(|(opened_at, id)| {
            let (stream, number) = id.as_str().rsplit_once('-')?;
            let stream = u128::from_str_radix(stream, 16).ok()?;
            let number = number.parse::<u32>().ok()?.checked_sub(1)?;
            Some((Reverse(opened_at), Reverse(stream), Reverse(number)))
        });
        self.alerts.list(filter, place)
    }

    /// Every alert, in no order: for who counts them all.
    pub fn alerts(&self) -> impl Iterator<Item = AlertEntry<'_>> {
        self.alerts.entries()
    }

    /// Number of alerts by state and level.
    pub fn alert_counts(&self) -> BTreeMap<(AlertState, AlertLevel), u64> {
        let mut counts = BTreeMap::new();
        for (class, count) in self.alerts.listed.alerts.counts() {
            *counts.entry((class.state, class.level)).or_default() += count;
        }
        counts
    }
}
