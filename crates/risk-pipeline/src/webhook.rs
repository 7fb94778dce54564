//! Webhooks（事件推送）: sends outgoing events to endpoints of others by HTTP.
//!
//! Each endpoint has a [`Sender`] on a thread of its own, so that one that is slow or down holds up
//! nobody else. It walks the outbox from its cursor, in the ledger's order, and takes what its filter
//! lets through into a window. What goes when is decided by [`schedule`], a pure function of time,
//! chance and answers; events of one subject go one after another. Before the cursor moves beyond an
//! event it was taken, or given up as what the endpoint refuses; what became of it is kept
//! (`risk_store::Deliveries`). A crash sends again what was not kept yet, under the same id.

mod body;
mod endpoint;
mod network;
mod post;
pub mod schedule;

pub use endpoint::{Endpoint, EndpointError, EndpointKind, EventKind, Filter, read_secrets};
pub use network::{Network, NetworkError};

use crate::clock::Clock;
use crate::metrics::WebhookMetrics;
use body::{Addressed, request, signed};
use endpoint::subject_of;
use parking_lot::RwLock;
use post::{Post, Told};
use risk_domain::time::Timestamp;
use risk_engine::Engine;
use risk_store::{Ask, Deliveries, DeliveryRecord, DeliveryState, OutEvent, Reader, StoreError};
use schedule::{Next, Outcome, Queue, Verdict};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Events read from the outbox at once.
const BATCH: usize = 256;
/// Events that wait for an endpoint in memory; the others wait in the ledger.
const WINDOW: usize = 256;
/// Longest sleep: what is asked of a sender is heard within it.
const IDLE: Duration = Duration::from_millis(500);
/// How often the cursor is written while it moves, in milliseconds.
const CURSOR_MILLIS: i64 = 1_000;

/// A line to an endpoint for what is no event of the outbox.
#[derive(Debug)]
pub struct Line {
    endpoint: Endpoint,
    post: Post,
}

impl Line {
    /// A line to an endpoint, which must be one for signed webhooks.
    pub fn to(endpoint: Endpoint) -> Result<Self, SenderError> {
        let post = Post::to(&endpoint)?;
        Ok(Self { endpoint, post })
    }

    /// Sends a body once: what it is and its media type, signed under `id`. Says what went wrong.
    pub fn send(
        &self,
        id: &str,
        kind: (&str, &str),
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), String> {
        let told = self.post.send(&signed(&self.endpoint, id, kind, body, now));
        match told.outcome {
            Outcome::Taken => Ok(()),
            Outcome::Refused | Outcome::Unsendable | Outcome::Failed { .. } | Outcome::Gone => {
                Err(told.problem)
            }
        }
    }
}

/// What a sender is made of.
pub struct SenderParts {
    /// Where it sends to.
    pub endpoint: Endpoint,
    /// The store's views and ledger.
    pub reader: Reader,
    /// For the zones of alerts.
    pub engine: Arc<RwLock<Engine>>,
    /// Which shard this is.
    pub shard: u16,
    /// What it counts.
    pub metrics: WebhookMetrics,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Numbers that nobody can guess, which spread waits.
    pub draws: Box<dyn FnMut() -> u64 + Send>,
    /// Set when it is to stop.
    pub stop: Arc<AtomicBool>,
}

impl fmt::Debug for SenderParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderParts")
            .field("endpoint", &self.endpoint)
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

/// An event in the window.
struct Held {
    event: OutEvent,
    record: DeliveryRecord,
}

/// Sends to one endpoint（推送器）.
#[doc(alias = "推送器")]
pub struct Sender {
    parts: SenderParts,
    post: Post,
    queue: Queue,
    held: BTreeMap<u64, Held>,
    /// Every event of an entry below it was looked at.
    next: u64,
    /// The cursor as it is written, and when it was.
    kept: (u64, Option<Timestamp>),
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("endpoint", &self.parts.endpoint)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Why a sender cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The authority's certificate is none.
    #[error("authority_file must hold a certificate in PEM: {0}")]
    Authority(#[from] ureq::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sender {
    /// A sender that goes on where its cursor stands; where it has none, at the ledger's end or beginning, as
    /// the endpoint has it.
    pub fn new(parts: SenderParts) -> Result<Self, SenderError> {
        let post = Post::to(&parts.endpoint)?;
        let deliveries = parts.reader.deliveries().clone();
        let name = parts.endpoint.name.clone();
        let durable = parts.reader.ledger().entry_count();
        let start = if parts.endpoint.from_beginning {
            0
        } else {
            durable
        };
        let next = deliveries.begin(&name, parts.endpoint.kind.code(), start, durable)?;
        let queue = Queue::new(parts.endpoint.pace, deliveries.endpoint(&name)?);
        let mut sender = Self {
            parts,
            post,
            queue,
            held: BTreeMap::new(),
            next,
            kept: (next, None),
        };
        for entry in deliveries.asked_again(&name, next)? {
            sender.take_again(entry)?;
        }
        sender.show();
        Ok(sender)
    }

    fn name(&self) -> &str {
        &self.parts.endpoint.name
    }

    fn deliveries(&self) -> &Deliveries {
        self.parts.reader.deliveries()
    }

    /// Sends until it is asked to stop; returns how many events the endpoint took. What is left then is sent
    /// after the next start.
    pub fn run(mut self) -> Result<u64, StoreError> {
        let mut taken = 0;
        loop {
            let stopping = self.parts.stop.load(Ordering::SeqCst);
            self.heed()?;
            match self.fill() {
                // Views are being made again; what they will show is the same.
                Ok(()) | Err(StoreError::ViewsUnavailable) => {}
                Err(error) => return Err(error),
            }
            let now = self.parts.clock.now();
            self.keep_cursor(now, stopping)?;
            self.show();
            if stopping {
                return Ok(taken);
            }
            let pause = match self.queue.next(now) {
                Next::Send(entry) => {
                    taken += u64::from(self.send(entry, now)?);
                    continue;
                }
                Next::Wait(until) => {
                    let millis = u64::try_from(until.millis_since(now)).unwrap_or(0);
                    Duration::from_millis(millis.max(1)).min(IDLE)
                }
                Next::Nothing => IDLE,
            };
            let shown = self.parts.reader.position().unwrap_or(self.next);
            self.parts.reader.wait_beyond(shown.max(self.next), pause)?;
        }
    }

    /// Does what people asked for.
    fn heed(&mut self) -> Result<(), StoreError> {
        for ask in self.deliveries().take_asks(self.name()) {
            match ask {
                Ask::Resend(entry) => self.take_again(entry)?,
                Ask::Unpark => {
                    tracing::info!(endpoint = self.name(), "the endpoint is tried again");
                    self.queue.unpark();
                }
            }
        }
        Ok(())
    }

    fn take_again(&mut self, entry: u64) -> Result<(), StoreError> {
        let Some(record) = self.deliveries().get(self.name(), entry)? else {
            return Ok(());
        };
        let found = self.parts.reader.outbox_after(entry, 1)?;
        if let Some((_, event)) = found.into_iter().find(|(at, _)| *at == entry) {
            self.queue.push_again(entry, record.subject.clone());
            self.held.insert(entry, Held { event, record });
        }
        Ok(())
    }

    /// Reads on in the outbox until the window is full.
    fn fill(&mut self) -> Result<(), StoreError> {
        while self.queue.len() < WINDOW {
            let shown = self.parts.reader.position()?;
            let events = self.parts.reader.outbox_after(self.next, BATCH)?;
            let next = match events.last() {
                Some((last, _)) if events.len() == BATCH => last + 1,
                Some((last, _)) => shown.max(last + 1),
                None => shown.max(self.next),
            };
            for (entry, event) in events {
                self.take(entry, event)?;
            }
            if next == self.next {
                break;
            }
            self.next = next;
        }
        Ok(())
    }

    fn take(&mut self, entry: u64, event: OutEvent) -> Result<(), StoreError> {
        let filter = &self.parts.endpoint.filter;
        let Some(kind) = filter.takes(&event, &self.parts.engine) else {
            return Ok(());
        };
        let Some(subject) = subject_of(&event) else {
            return Ok(());
        };
        let known = self.deliveries().get(self.name(), entry)?;
        let waits = |record: &DeliveryRecord| record.state == DeliveryState::Waiting;
        let record = match known {
            Some(record) if !waits(&record) => return Ok(()),
            Some(record) => record,
            None => DeliveryRecord {
                event: kind.code().to_owned(),
                subject: subject.to_string(),
                state: DeliveryState::Waiting,
                attempts: 0,
                first_at: None,
                last_at: None,
                next_at: None,
                status: None,
                problem: String::new(),
                asked_again: 0,
            },
        };
        let (lane, attempts) = (record.subject.clone(), record.attempts);
        self.queue.push(entry, lane, attempts, record.next_at);
        self.held.insert(entry, Held { event, record });
        Ok(())
    }

    /// Tries one event, and keeps what came of it; says whether the endpoint took it.
    fn send(&mut self, entry: u64, now: Timestamp) -> Result<bool, StoreError> {
        let id = self.deliveries().id(self.name(), entry);
        let Some(held) = self.held.get(&entry) else {
            // Never happens: what is queued is held. It is given up rather than tried for ever.
            self.queue.settle(entry, Outcome::Unsendable, now, 0);
            return Ok(false);
        };
        let what = Addressed {
            shard: self.parts.shard,
            entry,
            id: &id,
            event: &held.event,
        };
        let endpoint = &self.parts.endpoint;
        let told = match request(endpoint, what, now) {
            Ok(made) => {
                self.queue.ask(now);
                self.post.send(&made)
            }
            Err(problem) => Told::unsendable(problem),
        };
        self.settle(entry, &id, told)
    }

    fn settle(&mut self, entry: u64, id: &str, told: Told) -> Result<bool, StoreError> {
        let now = self.parts.clock.now();
        let before = self.queue.endpoint().clone();
        let draw = (self.parts.draws)();
        let verdict = self.queue.settle(entry, told.outcome, now, draw);
        let name = self.parts.endpoint.name.clone();
        let Some(held) = self.held.get_mut(&entry) else {
            return Ok(false);
        };
        let record = &mut held.record;
        record.attempts = record.attempts.saturating_add(1);
        record.first_at.get_or_insert(now);
        record.last_at = Some(now);
        record.status = told.status;
        record.problem = told.problem;
        record.next_at = None;
        let outcome = match verdict {
            Verdict::Done => {
                record.state = DeliveryState::Delivered;
                "delivered"
            }
            Verdict::GivenUp => {
                record.state = DeliveryState::Failed;
                tracing::error!(
                    endpoint = name,
                    delivery = id,
                    problem = record.problem,
                    "an event is given up; it can be sent again by POST /v1/deliveries/ID/resend"
                );
                "given_up"
            }
            Verdict::Again(at) => {
                record.next_at = Some(at);
                tracing::warn!(endpoint = name, delivery = id, problem = record.problem, %at, "an event was not taken and is sent again");
                "retried"
            }
            Verdict::Parked => {
                tracing::error!(
                    endpoint = name,
                    delivery = id,
                    problem = record.problem,
                    "the endpoint is parked: nothing is sent until POST /v1/webhooks/NAME/unpark; its events wait in the ledger"
                );
                "retried"
            }
        };
        let counter = self
            .parts
            .metrics
            .deliveries
            .with_label_values(&[name.as_str(), outcome]);
        counter.inc();
        let record = record.clone();
        let ended = matches!(verdict, Verdict::Done | Verdict::GivenUp);
        if ended {
            self.held.remove(&entry);
        }
        self.deliveries().put(&name, entry, &record)?;
        if *self.queue.endpoint() != before {
            self.deliveries()
                .put_endpoint(&name, self.queue.endpoint())?;
        }
        Ok(verdict == Verdict::Done)
    }

    /// Every event of an entry below it is done with.
    fn cursor(&self) -> u64 {
        self.queue.first().unwrap_or(self.next)
    }

    /// Writes the cursor where it moved, not too often: what it does not say yet, the view of deliveries
    /// does.
    fn keep_cursor(&mut self, now: Timestamp, at_once: bool) -> Result<(), StoreError> {
        let cursor = self.cursor();
        let (kept, at) = self.kept;
        let due = at.is_none_or(|at| !(0..CURSOR_MILLIS).contains(&now.millis_since(at)));
        if cursor != kept && (due || at_once) {
            self.deliveries().advance(self.name(), cursor)?;
            self.kept = (cursor, Some(now));
        }
        Ok(())
    }

    fn show(&self) {
        let name = [self.name()];
        let durable = self.parts.reader.ledger().entry_count();
        let lag = i64::try_from(durable.saturating_sub(self.cursor())).unwrap_or(i64::MAX);
        self.parts.metrics.lag.with_label_values(&name).set(lag);
        let parked = i64::from(self.queue.endpoint().parked.is_some());
        self.parts
            .metrics
            .parked
            .with_label_values(&name)
            .set(parked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_domain::ids::AlertId;
    use risk_domain::scales::{AlertLevel, RiskLevel};
    use risk_engine::{AlertMoved, AlertState, MoveCause, Policy, Taxonomy};

    /// An endpoint that takes everything it may.
    pub(super) fn endpoint(kind: EndpointKind, url: &str) -> Endpoint {
        Endpoint {
            name: "ops".to_owned(),
            kind,
            url: url.to_owned(),
            secrets: match kind {
                EndpointKind::Webhook => vec![vec![7; 32]],
                EndpointKind::Dingtalk | EndpointKind::Wecom | EndpointKind::Alertmanager => {
                    Vec::new()
                }
            },
            filter: Filter {
                events: [EventKind::Alerts].into(),
                alert_level: AlertLevel::Four,
                grade_level: RiskLevel::Undetermined,
                subject_kinds: [].into(),
                zones: [].into(),
            },
            allow_networks: Vec::new(),
            authority: None,
            timeout: Duration::from_secs(10),
            max_body_bytes: 1 << 20,
            pace: schedule::Pace {
                first_wait: Duration::from_secs(5),
                longest_wait: Duration::from_hours(1),
                park_after: 20,
                give_up_after: 5,
                per_minute: 60,
            },
            from_beginning: false,
        }
    }

    pub(super) fn alert(
        level: AlertLevel,
        before: Option<(AlertState, AlertLevel)>,
        state: AlertState,
    ) -> AlertMoved {
        AlertMoved {
            alert: AlertId::new("0123456789abcdef0123456789abcdef-0").unwrap(),
            subject: "enterprise:E1".parse().unwrap(),
            hazard: None,
            at: Timestamp::parse("2026-03-01T00:00:00Z").unwrap(),
            cause: MoveCause::SnoozeEnded,
            before,
            state,
            level,
            raises: 3,
            snoozed_until: None,
            disposition: None,
            reason_zh: "三批不合格".to_owned(),
            reason_en: "three batches failed".to_owned(),
        }
    }

    fn engine() -> RwLock<Engine> {
        let policy = Arc::new(Policy::builtin().unwrap());
        let reference = risk_domain::reference::Reference::builtin().unwrap();
        RwLock::new(Engine::new(policy, Taxonomy::from_reference(&reference)).unwrap())
    }

    #[test]
    fn settings_that_would_send_astray_or_unsigned_are_refused() {
        let good = endpoint(EndpointKind::Webhook, "https://example.org/hook");
        assert!(good.clone().validated().is_ok());
        let refused = |change: fn(&mut Endpoint)| {
            let mut changed = good.clone();
            change(&mut changed);
            changed.validated().unwrap_err().key
        };
        assert_eq!(refused(|it| it.name = "Ops".to_owned()), "its name");
        assert_eq!(
            refused(|it| it.url = "http://example.org/".to_owned()),
            "url"
        );
        assert_eq!(
            refused(|it| it.url = "ftp://example.org/".to_owned()),
            "url"
        );
        assert_eq!(refused(|it| it.url = "/hook".to_owned()), "url");
        assert_eq!(
            refused(|it| it.url = "https://u:p@example.org/".to_owned()),
            "url"
        );
        assert_eq!(refused(|it| it.secrets = vec![vec![7; 23]]), "secret");
        assert_eq!(refused(|it| it.secrets.clear()), "secret, or secret_file,");
        assert_eq!(refused(|it| it.filter.events.clear()), "events");
        assert_eq!(
            refused(|it| {
                it.kind = EndpointKind::Alertmanager;
                it.secrets.clear();
                it.filter.events.insert(EventKind::Grades);
            }),
            "events"
        );
        assert_eq!(
            refused(|it| it.kind = EndpointKind::Wecom),
            "secret",
            "a robot of WeCom checks none"
        );
        assert_eq!(
            refused(|it| it.pace.longest_wait = Duration::from_secs(1)),
            "first_wait"
        );
        assert!(
            !format!("{good:?}").contains("example.org"),
            "the URL may hold a secret"
        );
    }

    #[test]
    fn secrets_are_read_as_standard_webhooks_writes_them_or_as_they_are() {
        let read = read_secrets("whsec_AAEC\n\n  SECabc \n").unwrap();
        assert_eq!(read, [vec![0, 1, 2], b"SECabc".to_vec()]);
        assert!(read_secrets("whsec_§").is_err());
    }

    #[test]
    fn a_filter_lets_through_what_it_names() {
        let engine = engine();
        let event = |level| OutEvent::Alert(Box::new(alert(level, None, AlertState::Open)));
        let mut filter = endpoint(EndpointKind::Webhook, "").filter;
        filter.alert_level = AlertLevel::Two;
        let takes = |filter: &Filter, level| filter.takes(&event(level), &engine).is_some();
        assert!(takes(&filter, AlertLevel::One) && takes(&filter, AlertLevel::Two));
        assert!(!takes(&filter, AlertLevel::Three));
        filter.subject_kinds = [risk_domain::subject::SubjectKind::Zone].into();
        assert!(!takes(&filter, AlertLevel::One));
        filter.subject_kinds.clear();
        filter.zones = [risk_domain::ids::ZoneId::new("futian").unwrap()].into();
        assert!(
            !takes(&filter, AlertLevel::One),
            "an enterprise that nobody knows lies nowhere"
        );
        filter.zones.clear();
        filter.events = [EventKind::Cases].into();
        assert!(!takes(&filter, AlertLevel::One));
    }
}
