//! One stream of alerts（预警流）: the events of open epochs, and what stands after them.

use super::moved::{AlertMoved, MoveCause};
use super::standing::{AlertOrder, Event, Standing, StandingAlert, StreamName};
use super::streams::AlertEntry;
use super::terms::AlertTerms;
use crate::event_time::Epoch;
use crate::input::Effect;
use crate::tight::TightMap;
use risk_domain::ids::{AlertId, HazardCode};
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where an event stands among those of its stream. What is raised comes before what is decided at the
/// same time.
pub(super) type Place = (Epoch, Timestamp, bool, String);

/// One stream: a subject with a hazard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stream {
    #[serde(with = "risk_domain::decision::subject_text")]
    pub(super) subject: Subject,
    pub(super) hazard: Option<HazardCode>,
    /// What stands after all events of closed epochs.
    pub(super) settled: Standing,
    /// Events of open epochs.
    pub(super) open: TightMap<Place, Event>,
    /// What stands after all events; none where no epoch with an event is open, and what is settled stands.
    pub(super) ahead: Option<Standing>,
}

fn name_of(stream: u128) -> String {
    format!("{stream:032x}")
}

/// The stream that an alert's id begins with.
pub(super) fn stream_of(alert: &AlertId) -> Option<u128> {
    let (stream, _number) = alert.as_str().rsplit_once('-')?;
    u128::from_str_radix(stream, 16).ok()
}

impl Stream {
    /// What stands after all events.
    pub(super) fn now(&self) -> &Standing {
        self.ahead.as_ref().unwrap_or(&self.settled)
    }

    /// One of its alerts, with whose it is.
    pub(super) fn entry<'a>(&'a self, alert: &'a StandingAlert) -> AlertEntry<'a> {
        AlertEntry {
            subject: &self.subject,
            hazard: self.hazard.as_ref(),
            alert,
        }
    }

    fn fold<'a>(
        &self,
        id: u128,
        events: impl Iterator<Item = &'a Event>,
        terms: &AlertTerms,
    ) -> Standing {
        let name = name_of(id);
        let mut standing = self.settled.clone();
        for event in events {
            standing.take(&StreamName { id: &name }, event, terms);
        }
        standing
    }

    /// What stood at a place.
    pub(super) fn at(&self, id: u128, place: &Place, terms: &AlertTerms) -> Standing {
        if self.open.last_key().is_none_or(|last| last < place) {
            return self.now().clone();
        }
        let before = self.open.before(place);
        self.fold(id, before.map(|(_, event)| event), terms)
    }

    pub(super) fn insert(&mut self, id: u128, place: Place, event: Event, terms: &AlertTerms) {
        if self.open.last_key().is_none_or(|last| *last < place) {
            let name = name_of(id);
            let ahead = self.ahead.get_or_insert_with(|| self.settled.clone());
            ahead.take(&StreamName { id: &name }, &event, terms);
            self.open.insert(place, event);
        } else {
            self.open.insert(place, event);
            self.look_ahead(id, terms);
        }
    }

    /// Counts the events of open epochs anew.
    pub(super) fn look_ahead(&mut self, id: u128, terms: &AlertTerms) {
        let is_open = !self.open.is_empty();
        self.ahead = is_open.then(|| self.fold(id, self.open.values(), terms));
    }

    /// Whether all its events lie in epochs up to this one.
    pub(super) fn ends_by(&self, epoch: Epoch) -> bool {
        let last = self.open.last_key();
        last.is_none_or(|(of, ..)| *of <= epoch)
    }

    /// Settles all its events with an epoch, which ended at an instant. What is listed of it stays.
    pub(super) fn settle_all(&mut self, ended_at: Timestamp) {
        self.open.clear();
        if let Some(ahead) = self.ahead.take() {
            self.settled = ahead;
        }
        self.settled.wake(ended_at);
    }

    /// Settles the events up to an epoch, which ended at an instant.
    pub(super) fn settle(
        &mut self,
        id: u128,
        epoch: Epoch,
        ended_at: Timestamp,
        terms: &AlertTerms,
    ) {
        let name = name_of(id);
        for event in self.open.take_first(|(of, ..)| *of <= epoch) {
            self.settled.take(&StreamName { id: &name }, &event, terms);
        }
        self.settled.wake(ended_at);
        self.look_ahead(id, terms);
    }

    /// Says what changed of its alerts beyond being raised again.
    pub(super) fn tell_moves(
        &self,
        before: &Standing,
        at: Timestamp,
        cause: &MoveCause,
        effects: &mut Vec<Effect>,
    ) {
        for (number, alert) in self.now().alerts.iter().enumerate() {
            let old = before.alerts.get(number);
            if old == Some(alert) {
                continue;
            }
            if AlertMoved::is_move(old, alert) || cause.is_note() {
                let moved = AlertMoved::new(
                    (&self.subject, self.hazard.as_ref()),
                    (old, alert),
                    at,
                    cause.clone(),
                );
                effects.push(Effect::AlertMoved(Box::new(moved)));
            }
        }
    }

    pub(super) fn snoozed(&self) -> bool {
        let standing = [&self.settled, self.now()].into_iter();
        let alerts = standing.filter_map(|one| one.open());
        alerts.into_iter().any(|alert| alert.snooze.is_some())
    }
}

pub(super) fn place_of(epoch: Epoch, order: &AlertOrder) -> Place {
    let id = order.command_id.to_string();
    (epoch, order.decided_at, true, id)
}
