//! The live stream of alerts（实时预警）, as server-sent events.
//!
//! A stream is a position in the ledger and nothing else. It reads the alerts after its position
//! from the store's outbox, a page at a time and only as fast as its client takes them; when it has
//! read everything, it sleeps until the views show more. So however slow a client is, however long
//! it was away, and however much came meanwhile, it misses nothing, and the server keeps one page.

use crate::alerts::{is_move_shown, moved};
use crate::dto::{AlertEventDto, ProblemDto};
use crate::error::ApiError;
use crate::identity::Identity;
use crate::params::Params;
use crate::state::{ApiParts, ApiState};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use prometheus::IntGauge;
use risk_engine::AlertMoved;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// Alerts read from the store at once.
const PAGE: usize = 256;
/// How soon a client that lost the stream asks again.
const RETRY: Duration = Duration::from_secs(2);
/// Silence after which a comment shows that the stream still stands.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What changes of alerts, as it is shown: server-sent events of type `alert`, each with a CloudEvent as data and
/// its ledger entry as id. A client that names the last event it saw gets everything after it; one
/// that names none gets what comes from now on.
#[utoipa::path(get, path = "/v1/alerts/stream", tag = "alerts",
    params(
        ("after" = Option<u64>, Query, description = "everything after this event's id; 0 for everything since the beginning. `Last-Event-ID` stands over it"),
        ("Last-Event-ID" = Option<u64>, Header, description = "id of the last event seen, as browsers send it")),
    responses(
        (status = 200, description = "Events; `data` is an AlertEventDto", body = AlertEventDto, content_type = "text/event-stream"),
        (status = 400, description = "No event's id", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn live(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let mut more = state.0.shown.clone();
    let now = *more.borrow_and_update();
    let next = match last_seen(&state, &params, &headers)? {
        Some(last) => last + 1,
        None => now,
    };
    // The greeting's id lets a client resume that lost the stream before its first alert.
    let greeting = Event::default()
        .retry(RETRY)
        .id(next.saturating_sub(1).to_string())
        .comment("open");
    let live = Live {
        next,
        more,
        closing: state.closing(),
        ready: VecDeque::from([greeting]),
        _counted: Counted::new(state.0.parts.metrics.live_streams()),
        identity,
        state,
    };
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let no_buffering: [(HeaderName, &str); 2] = [
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((no_buffering, Sse::new(live.events()).keep_alive(keep_alive)))
}

/// The id after which the stream begins, if the client names one.
fn last_seen(
    state: &ApiState,
    params: &Params,
    headers: &HeaderMap,
) -> Result<Option<u64>, ApiError> {
    let durable = state.0.parts.reader.ledger().entry_count();
    let rule = format!("must be the id of an event of this stream: a number below {durable}");
    // An id beyond the ledger was given out over another one, and nothing follows from it here.
    let read = |text: &str| {
        let id: Option<u64> = text.parse().ok();
        id.filter(|id| *id == 0 || *id < durable)
    };
    let Some(header) = headers.get("last-event-id") else {
        return params.parse("after", &rule, read);
    };
    match header.to_str().ok().and_then(read) {
        Some(id) => Ok(Some(id)),
        None => Err(ApiError::BadParameter {
            field: "Last-Event-ID".to_owned(),
            rule,
        }),
    }
}

/// Counts a stream for as long as it stands.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Live {
    state: ApiState,
    /// Who listens.
    identity: Identity,
    /// All alerts of entries below this one are shown or ready.
    next: u64,
    /// Entries that the views show.
    more: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    ready: VecDeque<Event>,
    _counted: Counted,
}

impl Live {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut live| {
            let mut closing = live.closing.clone();
            loop {
                if *closing.borrow() {
                    return None;
                }
                if let Some(event) = live.ready.pop_front() {
                    return Some((Ok(event), live));
                }
                tokio::select! {
                    // A sender that is gone means the same as one that says so.
                    _closing = closing.changed() => return None,
                    fetched = live.fetch() => if let Err(error) = fetched {
                        // A client whose stream ends asks again with the last id it saw, so
                        // ending the stream loses nothing.
                        tracing::warn!(error = ?error, "a live stream ended");
                        return None;
                    },
                }
            }
        })
    }

    /// Reads the next page, or waits until there may be one.
    async fn fetch(&mut self) -> Result<(), ApiError> {
        let shown = *self.more.borrow_and_update();
        if self.next >= shown {
            let changed = self.more.changed().await;
            return changed.map_err(|_gone| ApiError::Stopped);
        }
        let from = self.next;
        let identity = self.identity.clone();
        let read = move |parts: &ApiParts| {
            let (alerts, next) = parts.reader.alerts_after(from, PAGE)?;
            Ok((written(parts, &identity, &alerts)?, next))
        };
        let (events, next) = self.state.read(read).await?;
        self.ready.extend(events);
        self.next = next.max(from);
        Ok(())
    }
}

fn written(
    parts: &ApiParts,
    identity: &Identity,
    alerts: &[(u64, AlertMoved)],
) -> Result<Vec<Event>, ApiError> {
    if alerts.is_empty() {
        return Ok(Vec::new());
    }
    let engine = parts.engine();
    let event = |(entry, alert): &(u64, AlertMoved)| {
        let data = AlertEventDto::from(moved(parts, &engine, *entry, alert));
        let data =
            serde_json::to_string(&data).map_err(|error| ApiError::Internal(error.to_string()))?;
        Ok(Event::default()
            .id(entry.to_string())
            .event("alert")
            .data(data))
    };
    let seen = alerts
        .iter()
        .filter(|(_, alert)| is_move_shown(identity, &engine, alert));
    seen.map(event).collect()
}
