//! Alerts（预警）: the list, and one with its history. The live stream is [`crate::live`].

use crate::dto::{AlertDetailDto, AlertDto, AlertMoveDto, Names, Page, ProblemDto, RaiseDto};
use crate::error::ApiError;
use crate::etag::tagged_json;
use crate::identity::Identity;
use crate::params::{Id, Params, next_behind};
use crate::state::{ApiParts, ApiState};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::ids::AlertId;
use risk_domain::scales::AlertLevel;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::{AlertEntry, AlertFilter, AlertMoved, AlertRule, AlertState, Engine};
use risk_store::{AlertQuery, MAX_PAGE};

/// Moves and raises that are shown with one alert.
const SHOWN: usize = 1000;

pub(crate) fn moved(
    parts: &ApiParts,
    engine: &Engine,
    entry: u64,
    moved: &AlertMoved,
) -> AlertMoveDto {
    let names = Names::of(&moved.subject, engine, &parts.reference);
    AlertMoveDto::new(entry, moved, names)
}

fn shown(parts: &ApiParts, engine: &Engine, entry: &AlertEntry<'_>) -> AlertDto {
    AlertDto::new(entry, Names::of(entry.subject, engine, &parts.reference))
}

fn is_shown(identity: &Identity, engine: &Engine, entry: &AlertEntry<'_>) -> bool {
    identity.sees_alert(entry.subject, &entry.alert.zones, engine)
}

/// Whether somebody may be shown what changed of an alert: the alert's zones decide.
pub(crate) fn is_move_shown(identity: &Identity, engine: &Engine, moved: &AlertMoved) -> bool {
    let entry = engine.alert(&moved.alert);
    let zones = entry.iter().flat_map(|entry| &entry.alert.zones);
    identity.sees_alert(&moved.subject, zones, engine)
}

fn filter_of(params: &Params) -> Result<AlertFilter, ApiError> {
    let rules = AlertRule::ALL.map(AlertRule::code).join(", ");
    Ok(AlertFilter {
        state: params.parse(
            "state",
            "must be open, acknowledged, investigating or closed",
            AlertState::from_code,
        )?,
        level: params.parse(
            "level",
            "must be one, two, three or four",
            AlertLevel::from_code,
        )?,
        subject: params.parse("subject", "must be a subject, as enterprise:ID", |text| {
            text.parse::<Subject>().ok()
        })?,
        rule: params.parse(
            "rule",
            &format!("must be one of {rules}"),
            AlertRule::from_code,
        )?,
        since: params.parse("since", "must be an RFC 3339 time with an offset", |text| {
            Timestamp::parse(text).ok()
        })?,
    })
}

/// Alerts, those that opened last first.
#[utoipa::path(get, path = "/v1/alerts", tag = "alerts",
    params(
        ("state" = Option<String>, Query, description = "open, acknowledged, investigating or closed"),
        ("level" = Option<String>, Query, description = "one, two, three or four"),
        ("subject" = Option<String>, Query, description = "only of this subject"),
        ("rule" = Option<String>, Query, description = "only those that this rule raised, among others"),
        ("since" = Option<String>, Query, description = "only those raised last at this time or later, RFC 3339"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 1000, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "A page", body = Page<AlertDto>),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let filter = filter_of(&params)?;
    let (limit, behind) = (
        params.limit(MAX_PAGE)?,
        params.behind(|id| AlertId::new(id).ok())?,
    );
    let read = move |parts: &ApiParts| {
        let engine = parts.engine();
        let behind = behind.as_ref().map(|(at, id)| (*at, id));
        let listed = engine.alerts_listed(&filter, behind);
        let mut listed = listed.filter(|entry| is_shown(&identity, &engine, entry));
        let rows: Vec<AlertEntry<'_>> = listed.by_ref().take(limit).collect();
        let last = rows.last().filter(|_| listed.next().is_some());
        let page = Page {
            next: last.map(|last| next_behind(last.alert.opened_at, last.alert.id.as_str())),
            items: rows
                .iter()
                .map(|entry| shown(parts, &engine, entry))
                .collect(),
        };
        drop(listed);
        drop(engine);
        tagged_json(&headers, &page)
    };
    state.read(read).await
}

/// One alert with its history and what raised it.
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "alerts",
    params(
        ("id" = String, Path, description = "the alert's id"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The alert", body = AlertDetailDto),
        (status = 304, description = "The answer at hand still stands"),
        (status = 404, description = "No such alert", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| tagged_json(&headers, &detail(parts, &identity, &id)?);
    state.read(read).await
}

/// An alert as it is shown to somebody.
pub(crate) fn detail(
    parts: &ApiParts,
    identity: &Identity,
    id: &str,
) -> Result<AlertDetailDto, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no alert {id}"));
    let known = AlertId::new(id).map_err(|_| missing())?;
    let engine = parts.engine();
    // An alert of another zone is as if it were not.
    let entry = engine.alert(&known);
    let entry = entry.filter(|entry| is_shown(identity, &engine, entry));
    let entry = entry.ok_or_else(missing)?;
    let alert = shown(parts, &engine, &entry);
    let raises = AlertQuery {
        subject: Some(entry.subject.clone()),
        hazard: Some(entry.hazard.cloned()),
        since: Some(entry.alert.opened_at),
        until: Some(entry.alert.last_raised_at),
        ..AlertQuery::default()
    };
    drop(engine);
    // What is read of the views is not read under the engine's lock.
    let moves = parts.reader.alert_moves(&known, SHOWN)?;
    let raises = parts.reader.alerts(&raises, SHOWN, None)?.items;
    let engine = parts.engine();
    let moves = moves.iter();
    let moves = moves.map(|(entry, one)| moved(parts, &engine, *entry, one));
    // One alert may have been raised in several zones.
    let raises = raises
        .iter()
        .filter(|raise| identity.sees_alert(&raise.subject, &raise.zone, &engine));
    Ok(AlertDetailDto {
        alert,
        moves: moves.collect(),
        raises: raises.map(RaiseDto::new).collect(),
    })
}
