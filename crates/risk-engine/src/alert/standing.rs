//! What stands of the alerts of one stream（预警现状）: a fold of its events, in their order.
//!
//! A stream is a subject with a hazard. At most one of its alerts is open: what is raised meanwhile
//! merges into it, and after it closed, what is raised begins the next one. Everything here is counted
//! from the events, by the terms that the ledger names, so a ledger that is folded says the same.

use super::lifecycle::{Act, AlertState, LifeRule, act_of, next};
use super::terms::{AlertTerms, graver};
use super::{Alert, AlertRule, Behind, NAMED_RESULTS};
use crate::tight::push_tight;
use risk_domain::alert_action::{AlertAction, Disposition};
use risk_domain::decision::Actor;
use risk_domain::ids::{AlertId, CommandId, HazardCode, InspectionId, SignalId, ZoneId};
use risk_domain::scales::AlertLevel;
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// Signals that an alert names itself; all of them are found among its raises.
const NAMED_SIGNALS: usize = 16;

/// Quiet until an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snooze {
    /// The first instant after it.
    pub until: Timestamp,
    /// Who decided so.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// By which command.
    pub command_id: CommandId,
}

/// A closing, proposed or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// The command that proposed it.
    pub command_id: CommandId,
    /// What came of the alert.
    pub disposition: Disposition,
    /// Who decided so.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The second person, once one agreed.
    pub approver: Option<Actor>,
}

/// An alert with all that was merged into it and done about it（预警现状）.
#[doc(alias = "预警现状")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingAlert {
    /// Its id: the stream's, and which one of the stream.
    pub id: AlertId,
    /// Where it stands.
    pub state: AlertState,
    /// How grave it is; never less than it was.
    pub level: AlertLevel,
    /// How grave the gravest raise was, before spread and trend.
    pub raised_level: AlertLevel,
    /// When it was raised first, in the data's time.
    pub opened_at: Timestamp,
    /// When it was raised last.
    pub last_raised_at: Timestamp,
    /// How often it was raised.
    pub raises: u64,
    /// By which rules.
    pub rules: BTreeSet<AlertRule>,
    /// In which zones, as far as the raises name one.
    pub zones: BTreeSet<ZoneId>,
    /// The latest results behind it, the oldest first.
    pub inspections: VecDeque<InspectionId>,
    /// The latest signals behind it, the oldest first.
    pub signals: VecDeque<SignalId>,
    /// The rule of the gravest raise, the latest of equal ones.
    pub rule: AlertRule,
    /// Why, by that raise, in Chinese.
    pub reason_zh: String,
    /// The same in English.
    pub reason_en: String,
    /// Who keeps it quiet, and until when.
    pub snooze: Option<Snooze>,
    /// A closing that waits for a second person, or that closed it.
    pub closing: Option<Closing>,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// Raises that a false alarm kept quiet after it closed.
    pub quieted: u64,
    /// When it was told last: raised, graver, or raised anew after a while.
    pub told_at: Timestamp,
    /// Times of the latest raises, as many as make a trend.
    recent: VecDeque<Timestamp>,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// Something raised it.
    Raised(Box<Raise>),
    /// An officer decided about one of its alerts.
    Decided(Box<AlertOrder>),
}

/// A raise, as much as a fold needs of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Raise {
    pub(crate) at: Timestamp,
    pub(crate) rule: AlertRule,
    pub(crate) level: AlertLevel,
    pub(crate) zone: Option<ZoneId>,
    pub(crate) inspections: Vec<InspectionId>,
    pub(crate) signals: Vec<SignalId>,
    pub(crate) reason_zh: String,
    pub(crate) reason_en: String,
}

impl Raise {
    pub(crate) fn new(alert: &Alert, behind: &Behind) -> Self {
        let results = alert.inspection_id.iter().chain(behind.results());
        Self {
            signals: behind.signals().to_vec(),
            at: alert.raised_at,
            rule: alert.rule,
            level: alert.level,
            zone: alert.zone.clone(),
            inspections: results.cloned().collect(),
            reason_zh: alert.reason_zh.clone(),
            reason_en: alert.reason_en.clone(),
        }
    }
}

/// What an officer decided about an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlertOrder {
    pub(crate) command_id: CommandId,
    pub(crate) decided_at: Timestamp,
    /// The first instant after a snooze's last day; of no meaning otherwise.
    pub(crate) until: Option<Timestamp>,
    pub(crate) actor: Actor,
    pub(crate) reason: String,
    pub(crate) alert: AlertId,
    pub(crate) action: AlertAction,
}

/// What stands of a stream after some of its events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Its alerts, the oldest first; only the last one may be open.
    pub(crate) alerts: Vec<StandingAlert>,
    /// Until when a false alarm keeps it quiet.
    pub(crate) quiet_until: Option<Timestamp>,
}

/// Whose stream it is: the name that its alerts begin with.
pub(crate) struct StreamName<'a> {
    pub(crate) id: &'a str,
}

impl StreamName<'_> {
    fn alert(&self, number: usize) -> Option<AlertId> {
        AlertId::new(format!("{}-{number}", self.id)).ok()
    }
}

impl Standing {
    /// The alert that is open, if one is.
    pub(crate) fn open(&self) -> Option<&StandingAlert> {
        let last = self.alerts.last();
        last.filter(|alert| alert.state != AlertState::Closed)
    }

    /// Takes in the next event. One that its place no longer allows, because another turned out to come
    /// before it, is passed over.
    pub(crate) fn take(&mut self, name: &StreamName<'_>, event: &Event, terms: &AlertTerms) {
        match event {
            Event::Raised(raise) => self.raise(name, raise, terms),
            Event::Decided(order) => {
                if self.refuses(order, terms).is_none() {
                    self.decide(order, terms);
                }
            }
        }
    }

    fn raise(&mut self, name: &StreamName<'_>, raise: &Raise, terms: &AlertTerms) {
        self.wake(raise.at);
        if self.open().is_some() {
            if let Some(open) = self.alerts.last_mut() {
                open.merge(raise, terms);
            }
            return;
        }
        let quiet = self.quiet_until.is_some_and(|until| raise.at < until);
        if quiet && raise.level >= terms.quiet_level {
            if let Some(last) = self.alerts.last_mut() {
                last.quieted += 1;
            }
            return;
        }
        self.quiet_until = None;
        if let Some(id) = name.alert(self.alerts.len() + 1) {
            push_tight(&mut self.alerts, StandingAlert::opened(id, raise, terms));
        }
    }

    /// Ends a snooze that is over at an instant.
    pub(crate) fn wake(&mut self, now: Timestamp) {
        if let Some(last) = self.alerts.last_mut()
            && last
                .snooze
                .as_ref()
                .is_some_and(|snooze| snooze.until <= now)
        {
            last.snooze = None;
        }
    }

    /// The rule that an order breaks here, if it breaks one.
    pub(crate) fn refuses(&self, order: &AlertOrder, terms: &AlertTerms) -> Option<LifeRule> {
        let named = self.alerts.iter().position(|alert| alert.id == order.alert);
        let Some((number, alert)) = named.and_then(|at| Some((at, self.alerts.get(at)?))) else {
            return Some(LifeRule::NotRaisedYet);
        };
        if let Err(rule) = next(alert.state, act_of(&order.action)) {
            return Some(rule);
        }
        match &order.action {
            AlertAction::Snooze { .. } if alert.level == AlertLevel::One => {
                Some(LifeRule::LevelOne)
            }
            AlertAction::Snooze { .. } => {
                let latest = i64::from(terms.snooze_longest_days + 1) * DAY_MILLIS;
                let until = order.until?.millis_since(order.decided_at);
                (!(1..=latest).contains(&until)).then_some(LifeRule::SnoozeEnd)
            }
            AlertAction::Wake => {
                let snooze = alert.snooze.as_ref();
                let snoozed = snooze.is_some_and(|snooze| order.decided_at < snooze.until);
                (!snoozed).then_some(LifeRule::NotSnoozed)
            }
            AlertAction::Escalate { to } => (*to >= alert.level).then_some(LifeRule::NotGraver),
            AlertAction::Close { disposition } => {
                let of = match disposition {
                    Disposition::Duplicate { of } => Some(of),
                    Disposition::Confirmed
                    | Disposition::FalseAlarm
                    | Disposition::Inconclusive
                    | Disposition::Referred => None,
                };
                if of == Some(&alert.id) {
                    return Some(LifeRule::DuplicateOf);
                }
                alert.closing.as_ref().map(|_| LifeRule::Proposed)
            }
            AlertAction::Approve { of } => {
                let closing = alert.closing.as_ref();
                let named = closing.is_some_and(|closing| closing.command_id == *of);
                (!named).then_some(LifeRule::NothingProposed)
            }
            AlertAction::Reopen => (number + 1 < self.alerts.len()).then_some(LifeRule::Superseded),
            AlertAction::Acknowledge | AlertAction::Investigate | AlertAction::Note => None,
        }
    }

    /// Who proposed to close the alert that an order names.
    pub(crate) fn proposer(&self, alert: &AlertId) -> Option<&Actor> {
        let alert = self.alerts.iter().find(|known| known.id == *alert)?;
        alert.closing.as_ref().map(|closing| &closing.actor)
    }

    fn decide(&mut self, order: &AlertOrder, terms: &AlertTerms) {
        let named = self.alerts.iter_mut().find(|known| known.id == order.alert);
        let Some(alert) = named else {
            return;
        };
        let quiet = match &order.action {
            AlertAction::Reopen => Some(None),
            AlertAction::Close { .. } | AlertAction::Approve { .. } => {
                alert.close(order, terms);
                alert.quiets(terms).map(Some)
            }
            AlertAction::Acknowledge
            | AlertAction::Investigate
            | AlertAction::Snooze { .. }
            | AlertAction::Wake
            | AlertAction::Escalate { .. }
            | AlertAction::Note => None,
        };
        alert.attend(order);
        if let Some(quiet) = quiet {
            self.quiet_until = quiet;
        }
    }
}

impl StandingAlert {
    fn opened(id: AlertId, raise: &Raise, terms: &AlertTerms) -> Self {
        let mut alert = Self {
            id,
            state: AlertState::Open,
            level: raise.level,
            raised_level: raise.level,
            opened_at: raise.at,
            last_raised_at: raise.at,
            raises: 0,
            rules: BTreeSet::new(),
            zones: BTreeSet::new(),
            inspections: VecDeque::new(),
            signals: VecDeque::new(),
            rule: raise.rule,
            reason_zh: String::new(),
            reason_en: String::new(),
            snooze: None,
            closing: None,
            closed_at: None,
            quieted: 0,
            told_at: raise.at,
            recent: VecDeque::new(),
        };
        alert.merge(raise, terms);
        alert
    }

    fn merge(&mut self, raise: &Raise, terms: &AlertTerms) {
        let before = self.level;
        let quiet = raise.at.millis_since(self.last_raised_at);
        self.raises += 1;
        self.last_raised_at = self.last_raised_at.max(raise.at);
        self.rules.insert(raise.rule);
        self.zones.extend(raise.zone.clone());
        for result in &raise.inspections {
            if !self.inspections.contains(result) {
                self.inspections.push_back(result.clone());
            }
        }
        while self.inspections.len() > NAMED_RESULTS {
            self.inspections.pop_front();
        }
        for signal in raise.signals.iter().rev() {
            if !self.signals.contains(signal) {
                self.signals.push_back(signal.clone());
            }
        }
        while self.signals.len() > NAMED_SIGNALS {
            self.signals.pop_front();
        }
        // The graver a level, the less it is in its order.
        if raise.level <= self.raised_level {
            self.raised_level = raise.level;
            self.rule = raise.rule;
            self.reason_zh.clone_from(&raise.reason_zh);
            self.reason_en.clone_from(&raise.reason_en);
        }
        self.recent.push_back(raise.at);
        if self.recent.len() > terms.trend_raises as usize {
            self.recent.pop_front();
        }
        self.level = self.level.min(self.lifted(raise.at, terms));
        if self.level == AlertLevel::One {
            self.snooze = None;
        }
        // What a closing was proposed on is no longer all there is.
        self.closing = None;
        let again = i64::from(terms.tell_again_days) * DAY_MILLIS;
        if self.raises == 1 || self.level < before || quiet >= again {
            self.told_at = raise.at;
        }
    }

    /// The gravest raise, lifted by spread and by trend.
    fn lifted(&self, now: Timestamp, terms: &AlertTerms) -> AlertLevel {
        let spread = self.zones.len() >= terms.spread_zones as usize;
        let since = self.recent.front();
        let days = i64::from(terms.trend_days) * DAY_MILLIS;
        let trend = self.recent.len() >= terms.trend_raises as usize
            && since.is_some_and(|since| now.millis_since(*since) <= days);
        let mut level = self.raised_level;
        for lifts in [spread, trend] {
            let up = graver(level);
            if lifts && up >= terms.lift_to {
                level = up;
            }
        }
        level
    }

    /// Closes it, or proposes to where that takes a second person.
    fn close(&mut self, order: &AlertOrder, terms: &AlertTerms) {
        match &order.action {
            AlertAction::Close { disposition } => {
                self.closing = Some(Closing {
                    command_id: order.command_id.clone(),
                    disposition: disposition.clone(),
                    actor: order.actor.clone(),
                    reason: order.reason.clone(),
                    decided_at: order.decided_at,
                    approver: None,
                });
                if self.level <= terms.second_person_from {
                    return;
                }
            }
            AlertAction::Approve { .. } => {
                if let Some(closing) = &mut self.closing {
                    closing.approver = Some(order.actor.clone());
                }
            }
            AlertAction::Acknowledge
            | AlertAction::Investigate
            | AlertAction::Snooze { .. }
            | AlertAction::Wake
            | AlertAction::Escalate { .. }
            | AlertAction::Reopen
            | AlertAction::Note => return,
        }
        if let Ok(state) = next(self.state, Act::Close) {
            self.state = state;
            self.closed_at = Some(order.decided_at);
            self.snooze = None;
        }
    }

    /// Until when it keeps its stream quiet, if it closed as a false alarm.
    fn quiets(&self, terms: &AlertTerms) -> Option<Timestamp> {
        let false_alarm = matches!(self.closing.as_ref()?.disposition, Disposition::FalseAlarm);
        let days = i64::from(terms.quiet_days) * DAY_MILLIS;
        let closed_at = self.closed_at.filter(|_| false_alarm)?;
        Some(closed_at.plus_millis(days))
    }

    /// All that is no closing.
    fn attend(&mut self, order: &AlertOrder) {
        match &order.action {
            AlertAction::Acknowledge | AlertAction::Investigate => {
                if let Ok(state) = next(self.state, act_of(&order.action)) {
                    self.state = state;
                }
            }
            AlertAction::Reopen => {
                if let Ok(state) = next(self.state, Act::Reopen) {
                    self.state = state;
                    self.closing = None;
                    self.closed_at = None;
                }
            }
            AlertAction::Snooze { .. } => {
                self.snooze = order.until.map(|until| Snooze {
                    until,
                    actor: order.actor.clone(),
                    reason: order.reason.clone(),
                    command_id: order.command_id.clone(),
                });
            }
            AlertAction::Wake => self.snooze = None,
            AlertAction::Escalate { to } => {
                self.level = self.level.min(*to);
                if self.level == AlertLevel::One {
                    self.snooze = None;
                }
            }
            AlertAction::Close { .. } | AlertAction::Approve { .. } | AlertAction::Note => {}
        }
    }
}

/// The streams of a subject, for the first part of their alerts' ids.
pub(crate) fn stream_id(subject: &Subject, hazard: Option<&HazardCode>) -> u128 {
    super::hash_of(&[
        "stream",
        &subject.to_string(),
        hazard.map_or("", HazardCode::as_str),
    ])
}
