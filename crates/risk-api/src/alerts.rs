//! Alerts: the list, one, and the live stream.

use crate::dto::{AlertDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::{AlertEvent, ApiState};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream, StreamExt};
use risk_domain::ids::AlertId;
use risk_domain::scales::AlertLevel;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::{Alert, AlertRule};
use risk_store::{AlertQuery, OutEvent};
use std::convert::Infallible;
use tokio_stream::wrappers::BroadcastStream;

/// Events read at once when a stream resumes.
const RESUME: usize = 1_000;

/// Alerts, the newest first.
#[utoipa::path(get, path = "/v1/alerts", tag = "alerts",
    params(
        ("level" = Option<String>, Query, description = "one, two, three or four"),
        ("subject" = Option<String>, Query, description = "only of this subject"),
        ("rule" = Option<String>, Query, description = "only of this rule"),
        ("since" = Option<String>, Query, description = "only raised at this time or later, RFC 3339"),
        ("limit" = Option<u32>, Query, description = "rows of the page"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "A page", body = Page<AlertDto>), (status = 400, description = "A parameter is not valid", body = ProblemDto)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Page<AlertDto>>, ApiError> {
    let params = Params::new(
        pairs,
        &["level", "subject", "rule", "since", "limit", "cursor"],
    )?;
    let rules = "must be fast_test_failed, severe_item_failed, banned_substance or level_rose";
    let query = AlertQuery {
        level: params.parse(
            "level",
            "must be one, two, three or four",
            AlertLevel::from_code,
        )?,
        subject: params.parse("subject", "must be a subject, as enterprise:ID", |text| {
            text.parse::<Subject>().ok()
        })?,
        rule: params.parse("rule", rules, AlertRule::from_code)?,
        since: params.parse("since", "must be an RFC 3339 time with an offset", |text| {
            Timestamp::parse(text).ok()
        })?,
    };
    let page = state
        .0
        .reader
        .alerts(&query, params.limit()?, params.text("cursor"))?;
    Ok(Json(Page {
        items: page.items.iter().map(AlertDto::from).collect(),
        next: page.next,
    }))
}

/// One alert.
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "alerts",
    params(("id" = String, Path, description = "the alert's id")),
    responses((status = 200, description = "The alert", body = AlertDto), (status = 404, description = "No such alert", body = ProblemDto)))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<AlertDto>, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no alert {id}"));
    let known = AlertId::new(&id).map_err(|_error| missing())?;
    let alert = state.0.reader.alert(&known)?.ok_or_else(missing)?;
    Ok(Json(AlertDto::from(&alert)))
}

/// Alerts as they become durable: server-sent events with CloudEvents as data. A client that names
/// the last event it saw in `Last-Event-ID` gets what it missed first.
#[utoipa::path(get, path = "/v1/alerts/stream", tag = "alerts",
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")))]
pub(crate) async fn live(
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    // Subscribed before the past is read, so that nothing falls between; doubled ids are skipped.
    let coming = BroadcastStream::new(state.0.alerts.subscribe());
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let last: Option<u64> = last.and_then(|text| text.parse().ok());
    let mut missed = Vec::new();
    if let Some(last) = last {
        let events = state.0.reader.outbox_after(last + 1, RESUME)?;
        missed.extend(events.into_iter().filter_map(|(entry, event)| match event {
            OutEvent::Alert(alert) => Some((entry, event_of(entry, &alert))),
            OutEvent::Grade(_) | OutEvent::DeadLetter(_) => None,
        }));
    }
    let seen = missed.last().map(|(entry, _)| *entry).or(last);
    let coming = coming.filter_map(move |event| async move {
        let AlertEvent { entry, alert } = event.ok()?;
        let new = seen.is_none_or(|seen| entry > seen);
        new.then(|| event_of(entry, &alert))
    });
    let past = stream::iter(missed.into_iter().map(|(_, event)| event));
    Ok(Sse::new(past.chain(coming).map(Ok)).keep_alive(KeepAlive::default()))
}

fn event_of(entry: u64, alert: &Alert) -> Event {
    let data = serde_json::json!({
        "specversion": "1.0",
        "id": alert.id.as_str(),
        "source": "/spotcheck",
        "type": "spotcheck.alert.raised",
        "subject": alert.subject.to_string(),
        "time": alert.raised_at.to_string(),
        "datacontenttype": "application/json",
        "data": AlertDto::from(alert),
    });
    Event::default()
        .id(entry.to_string())
        .event("alert")
        .data(data.to_string())
}
