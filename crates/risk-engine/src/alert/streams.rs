//! The streams of alerts（预警流）: their events in order, and what stands of each.
//!
//! What stands is a function of the set of events, not of the order in which they were read: events are
//! taken in by epoch, time and id, and one that comes in between lets the rest be taken in again. No
//! epoch that closed gets another record, so a close **settles** what lies in it: only the events of open
//! epochs are kept one by one, however many there were.

use super::lifecycle::AlertState;
use super::listed::{Listed, lines};
use super::moved::{AlertMoved, MoveCause};
use super::standing::{AlertOrder, Event, Raise, Standing, StandingAlert, stream_id};
use super::stream::{Place, Stream, place_of, stream_of};
use super::table::Streams;
use super::terms::AlertTerms;
use super::{Alert, AlertRule, Behind, ResultsRaised};
use crate::event_time::Epoch;
use crate::input::Effect;
use crate::signals::SignalRaised;
use crate::step::Engine;
use crate::tight::TightMap;
use risk_domain::ids::{AlertId, HazardCode};
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Changes a stream so that what is listed is what stands.
fn change(listed: &mut Listed, id: u128, stream: &mut Stream, change: impl FnOnce(&mut Stream)) {
    if listed.left_out {
        change(stream);
        return;
    }
    let before = lines(id, &stream.now().alerts);
    change(stream);
    let after = lines(id, &stream.now().alerts);
    listed.change(stream.hazard.as_ref(), &before, after);
}

/// All streams.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Alerts {
    /// The terms that the ledger named last.
    terms: Option<AlertTerms>,
    streams: Streams,
    /// How many raises there were, and the sum of their digests.
    raised: (u64, u128),
    /// The alerts as they are listed: made of the streams, by whatever changes one.
    #[serde(skip)]
    pub(super) listed: Listed,
}

/// Where a raise belongs, and the digest of it: a function of what is raised, so that many are made beside one another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raising {
    stream: u128,
    digest: u128,
}

impl Raising {
    pub(crate) fn of(alert: &Alert, behind: &Behind) -> Self {
        let text = (alert, behind.signals(), behind.results());
        let text = serde_json::to_vec(&text).unwrap_or_default();
        Self {
            stream: stream_id(&alert.subject, alert.hazard.as_ref()),
            digest: xxhash_rust::xxh3::xxh3_128(&text),
        }
    }
}

/// An alert with whose it is.
#[derive(Debug, Clone, Copy)]
pub struct AlertEntry<'a> {
    /// About whom.
    pub subject: &'a Subject,
    /// Which hazard, where the rules name one.
    pub hazard: Option<&'a HazardCode>,
    /// What stands.
    pub alert: &'a StandingAlert,
}

impl Alerts {
    pub(super) fn stream(&self, id: u128) -> Option<&Stream> {
        self.streams.get(id)
    }

    /// Lists what was read from a checkpoint, which has the streams only.
    pub(crate) fn list_anew(&mut self) {
        self.listed = Listed::default();
        for (id, stream) in self.streams.iter() {
            let after = lines(id, &stream.now().alerts);
            self.listed.change(stream.hazard.as_ref(), &[], after);
        }
    }

    pub(crate) fn leave_out_lists(&mut self) {
        self.listed = Listed::left_out();
    }

    pub(super) fn terms(&self, policy: &AlertTerms) -> AlertTerms {
        self.terms.unwrap_or(*policy)
    }

    /// Bytes that the streams hold, about.
    pub(crate) fn heap_bytes(&self) -> usize {
        let of = |stream: &Stream| {
            let ahead = stream.ahead.as_ref().map_or(0, |ahead| ahead.alerts.len());
            let alerts = stream.settled.alerts.len() + ahead;
            alerts * size_of::<StandingAlert>()
                + stream.open.len() * (size_of::<Place>() + size_of::<Event>() + size_of::<Raise>())
        };
        let held = self.streams.iter().map(|(_, stream)| of(stream));
        self.streams.heap_bytes() + held.sum::<usize>() + self.listed.heap_bytes()
    }

    /// Events of epochs that are open.
    pub(crate) fn open_events(&self) -> usize {
        let streams = self.streams.iter();
        streams.map(|(_, stream)| stream.open.len()).sum()
    }

    /// What the state hash covers, a line a stream.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let (count, sum) = self.raised;
        let head = format!("{count} {sum:032x} {:?}", self.terms);
        let streams: BTreeMap<u128, &Stream> = self.streams.iter().collect();
        let lines = streams.into_iter().map(|(id, stream)| {
            let parts = (&stream.settled, &stream.open);
            let bytes = postcard::to_stdvec(&parts).unwrap_or_default();
            format!("{id:032x} {:032x}", xxhash_rust::xxh3::xxh3_128(&bytes))
        });
        std::iter::once(head).chain(lines)
    }

    /// Puts terms in force, by which events of open epochs are counted anew.
    pub(crate) fn set_terms(&mut self, terms: AlertTerms) {
        self.terms = Some(terms);
        let (streams, listed) = (&mut self.streams, &mut self.listed);
        streams.retain_lively(|id, stream| {
            change(listed, id, stream, |stream| stream.look_ahead(id, &terms));
            true
        });
    }

    /// Takes in a raise, and returns what stood before and the stream as it then stands.
    pub(crate) fn raise(
        &mut self,
        epoch: Epoch,
        (alert, behind): (&Alert, &Behind),
        raising: Raising,
        policy: &AlertTerms,
    ) -> (Standing, &Stream) {
        let (count, sum) = &mut self.raised;
        *count += 1;
        *sum = sum.wrapping_add(raising.digest);
        let terms = self.terms(policy);
        let id = raising.stream;
        let place = (epoch, alert.raised_at, false, alert.id.to_string());
        let event = Event::Raised(Box::new(Raise::new(alert, behind)));
        let stream = self.streams.touch_or_make(id, || Stream {
            subject: alert.subject.clone(),
            hazard: alert.hazard.clone(),
            settled: Standing::default(),
            open: TightMap::default(),
            ahead: None,
        });
        let before = stream.now().clone();
        change(&mut self.listed, id, stream, |stream| {
            stream.insert(id, place, event, &terms);
        });
        (before, stream)
    }

    /// Takes in what an officer decided.
    pub(crate) fn decide(&mut self, epoch: Epoch, order: AlertOrder, policy: &AlertTerms) {
        let terms = self.terms(policy);
        let Some(id) = stream_of(&order.alert) else {
            return;
        };
        if let Some(stream) = self.streams.touch(id) {
            let place = place_of(epoch, &order);
            change(&mut self.listed, id, stream, |stream| {
                stream.insert(id, place, Event::Decided(Box::new(order)), &terms);
            });
        }
    }

    /// Settles what lies in epochs up to this one, which closes.
    pub(crate) fn settle(&mut self, epoch: Epoch, ended_at: Timestamp, policy: &AlertTerms) {
        let terms = self.terms(policy);
        let (streams, listed) = (&mut self.streams, &mut self.listed);
        streams.retain_lively(|id, stream| {
            if stream.ends_by(epoch) {
                stream.settle_all(ended_at);
                return stream.snoozed();
            }
            change(listed, id, stream, |stream| {
                stream.settle(id, epoch, ended_at, &terms);
            });
            true
        });
    }

    /// Alerts that are snoozed no longer once an epoch has closed that ends then, in the order of their streams.
    fn waking(&self, ended_at: Timestamp) -> Vec<(u128, StandingAlert)> {
        let lively = self.streams.lively();
        let open = lively.filter_map(|(id, stream)| Some((id, stream.now().open()?)));
        let over = open.filter(|(_, alert)| {
            let snooze = alert.snooze.as_ref();
            snooze.is_some_and(|snooze| snooze.until <= ended_at)
        });
        let mut waking: Vec<_> = over.map(|(id, alert)| (id, alert.clone())).collect();
        waking.sort_unstable_by_key(|(id, _)| *id);
        waking
    }

    /// What stands of an alert's stream where an order has its place; none where there is no such stream.
    pub(super) fn at(
        &self,
        order: &AlertOrder,
        epoch: Epoch,
        terms: &AlertTerms,
    ) -> Option<Standing> {
        let id = stream_of(&order.alert)?;
        let stream = self.streams.get(id)?;
        Some(stream.at(id, &place_of(epoch, order), terms))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = AlertEntry<'_>> {
        self.streams.iter().flat_map(|(_, stream)| {
            let alerts = stream.now().alerts.iter();
            alerts.map(|alert| stream.entry(alert))
        })
    }

    fn entry(&self, id: &AlertId) -> Option<AlertEntry<'_>> {
        let stream = self.streams.get(stream_of(id)?)?;
        let alerts = &stream.now().alerts;
        let alert = alerts.iter().find(|alert| alert.id == *id)?;
        Some(stream.entry(alert))
    }
}

impl Engine {
    /// Every alert that is not closed, in no order.
    pub fn open_alerts(&self) -> impl Iterator<Item = AlertEntry<'_>> {
        let all = self.alerts.entries();
        all.filter(|entry| entry.alert.state != AlertState::Closed)
    }

    /// The alert with this id.
    pub fn alert(&self, id: &AlertId) -> Option<AlertEntry<'_>> {
        self.alerts.entry(id)
    }

    /// The alert of a subject and a hazard that is open, if one is.
    pub fn open_alert(
        &self,
        subject: &Subject,
        hazard: Option<&HazardCode>,
    ) -> Option<AlertEntry<'_>> {
        let stream = self.alerts.streams.get(stream_id(subject, hazard))?;
        Some(stream.entry(stream.now().open()?))
    }

    /// What came of the alerts of each rule that were closed, by the code of the disposition（处置反馈）.
    /// An alert counts for every rule that raised it.
    #[doc(alias = "处置反馈")]
    pub fn alert_feedback(&self) -> BTreeMap<(AlertRule, &'static str), u64> {
        let mut counts = BTreeMap::new();
        for entry in self.alerts.entries() {
            let closed = entry.alert.state == AlertState::Closed;
            let closing = entry.alert.closing.as_ref().filter(|_| closed);
            if let Some(closing) = closing {
                for rule in &entry.alert.rules {
                    let key = (*rule, closing.disposition.code());
                    *counts.entry(key).or_default() += 1;
                }
            }
        }
        counts
    }

    /// Events of alerts that lie in epochs not closed yet: all that is kept one by one.
    pub fn open_alert_events(&self) -> usize {
        self.alerts.open_events()
    }

    /// Names the policy's terms in the ledger, unless they stand there.
    fn state_terms(&mut self, effects: &mut Vec<Effect>) {
        let terms = self.policy.alert.standing;
        if self.alerts.terms != Some(terms) {
            self.conclude(Effect::AlertTermsSet(Box::new(terms)), effects);
        }
    }

    /// Raises an alert: it opens one, or merges into the one that is open.
    pub(crate) fn raise(&mut self, alert: Box<Alert>, effects: &mut Vec<Effect>) {
        self.raise_by(*alert, Behind::Record, effects);
    }

    /// The same, by signals or by results.
    pub(crate) fn raise_by(&mut self, alert: Alert, behind: Behind, effects: &mut Vec<Effect>) {
        let raising = Raising::of(&alert, &behind);
        self.raise_as(raising, alert, behind, effects);
    }

    /// The same of what is known where it belongs.
    pub(crate) fn raise_as(
        &mut self,
        raising: Raising,
        alert: Alert,
        behind: Behind,
        effects: &mut Vec<Effect>,
    ) {
        self.state_terms(effects);
        let cause = MoveCause::Raised {
            raise: alert.id.clone(),
            rule: alert.rule,
            inspection_id: alert.inspection_id.clone(),
            signals: behind.signals().to_vec(),
        };
        let at = alert.raised_at;
        let terms = self.policy.alert.standing;
        let raised = (&alert, &behind);
        let (before, stream) = self.alerts.raise(self.placed, raised, raising, &terms);
        let mut moves = Vec::new();
        stream.tell_moves(&before, at, &cause, &mut moves);
        effects.push(match behind {
            Behind::Record => Effect::AlertRaised(Box::new(alert)),
            Behind::Signals(signals) => {
                Effect::SignalRaised(Box::new(SignalRaised { signals, alert }))
            }
            Behind::Results(inspections) => {
                Effect::ResultsRaised(Box::new(ResultsRaised { inspections, alert }))
            }
        });
        effects.append(&mut moves);
    }

    pub(super) fn standing_of(&self, id: u128) -> Standing {
        let stream = self.alerts.streams.get(id);
        stream
            .map(|stream| stream.now().clone())
            .unwrap_or_default()
    }

    /// Says what changed of a stream's alerts.
    pub(super) fn tell_moves(
        &self,
        id: u128,
        before: &Standing,
        at: Timestamp,
        cause: &MoveCause,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(stream) = self.alerts.streams.get(id) {
            stream.tell_moves(before, at, cause, effects);
        }
    }

    /// Says which alerts are snoozed no longer once an epoch has closed. They wake by the close itself.
    pub(crate) fn tell_waking(&self, epoch: Epoch, effects: &mut Vec<Effect>) {
        let ended_at = self.calendar.end_of(epoch);
        for (id, before) in self.alerts.waking(ended_at) {
            let Some(stream) = self.alerts.streams.get(id) else {
                continue;
            };
            let mut awake = before.clone();
            awake.snooze = None;
            let moved = AlertMoved::new(
                (&stream.subject, stream.hazard.as_ref()),
                (Some(&before), &awake),
                ended_at,
                MoveCause::SnoozeEnded,
            );
            effects.push(Effect::AlertMoved(Box::new(moved)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use risk_domain::ids::EnterpriseId;
    use risk_domain::scales::AlertLevel;

    /// Takes in two raises of one stream.
    fn raise_twice(alerts: &mut Alerts, policy: &AlertTerms) {
        for hour in [8, 9] {
            let at = Timestamp::from_millis(hour * 3_600_000);
            let subject = Subject::Enterprise(EnterpriseId::new("E1").unwrap());
            let rule = (AlertRule::Accident, AlertLevel::Three);
            let words = ("伤人".to_owned(), "somebody was hurt".to_owned());
            let record = format!("accident {hour}");
            let alert = Alert::raised(subject, None, rule, (&record, at), words).unwrap();
            let raising = Raising::of(&alert, &Behind::Record);
            alerts.raise(Epoch(0), (&alert, &Behind::Record), raising, policy);
        }
    }

    #[test]
    fn terms_that_come_between_count_events_of_open_epochs_anew() {
        let policy = Policy::builtin().unwrap().alert.standing;
        let [before, after] = [9, 2].map(|trend_raises| AlertTerms {
            trend_raises,
            ..policy
        });
        let (mut turned, mut straight) = (Alerts::default(), Alerts::default());
        turned.set_terms(before);
        raise_twice(&mut turned, &policy);
        let level = |alerts: &Alerts| alerts.entries().next().unwrap().alert.level;
        assert_eq!(level(&turned), AlertLevel::Three);
        turned.set_terms(after);
        straight.set_terms(after);
        raise_twice(&mut straight, &policy);
        let listed = |alerts: &Alerts| {
            let counts = alerts.listed.alerts.counts();
            counts
                .map(|(class, count)| (*class, count))
                .collect::<Vec<_>>()
        };
        for settled in [false, true] {
            if settled {
                let ended_at = Timestamp::from_millis(86_400_000);
                for alerts in [&mut turned, &mut straight] {
                    alerts.settle(Epoch(0), ended_at, &policy);
                }
                assert_eq!(turned.open_events(), 0);
            }
            assert_eq!(level(&turned), AlertLevel::Two);
            assert!(turned.lines().eq(straight.lines()));
            assert_eq!(listed(&turned), listed(&straight));
        }
    }
}
