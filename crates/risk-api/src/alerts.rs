//! Alerts（预警）: the list, and one. The live stream is [`crate::live`].

use crate::dto::{AlertDto, Names, Page, ProblemDto};
use crate::error::ApiError;
use crate::etag::tagged_json;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use crate::subjects::known_of;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::ids::AlertId;
use risk_domain::scales::AlertLevel;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::{Alert, AlertRule, Engine};
use risk_store::{AlertQuery, MAX_PAGE};

pub(crate) fn shown(parts: &ApiParts, engine: &Engine, alert: &Alert) -> AlertDto {
    AlertDto::new(alert, Names::of(&alert.subject, engine, &parts.reference))
}

/// Whether somebody may be shown an alert.
pub(crate) fn is_shown(
    parts: &ApiParts,
    identity: &Identity,
    alert: &Alert,
) -> Result<bool, ApiError> {
    if identity.zones().is_none() {
        return Ok(true);
    }
    let taxonomy = parts.engine().taxonomy().clone();
    identity.sees_alert(alert, &taxonomy, |subject| known_of(parts, subject))
}

/// Alerts, the newest first.
#[utoipa::path(get, path = "/v1/alerts", tag = "alerts",
    params(
        ("level" = Option<String>, Query, description = "one, two, three or four"),
        ("subject" = Option<String>, Query, description = "only of this subject"),
        ("rule" = Option<String>, Query, description = "only of this rule"),
        ("since" = Option<String>, Query, description = "only raised at this time or later, RFC 3339"),
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
    let rules = AlertRule::ALL.map(AlertRule::code).join(", ");
    let query = AlertQuery {
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
    };
    let (limit, cursor) = (params.limit(MAX_PAGE)?, params.cursor());
    let read = move |parts: &ApiParts| {
        let page = parts.reader.alerts(&query, limit, cursor.as_deref())?;
        let mut seen = Vec::with_capacity(page.items.len());
        for alert in page.items {
            if is_shown(parts, &identity, &alert)? {
                seen.push(alert);
            }
        }
        let engine = parts.engine();
        let items = seen.iter();
        let answer = Page {
            items: items.map(|alert| shown(parts, &engine, alert)).collect(),
            next: page.next,
        };
        drop(engine);
        tagged_json(&headers, &answer)
    };
    state.read(read).await
}

/// One alert.
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "alerts",
    params(
        ("id" = String, Path, description = "the alert's id"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The alert", body = AlertDto),
        (status = 304, description = "The answer at hand still stands"),
        (status = 404, description = "No such alert", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let missing = ApiError::NotFound(format!("there is no alert {id}"));
    let Ok(known) = AlertId::new(&id) else {
        return Err(missing);
    };
    let read = move |parts: &ApiParts| {
        let alert = parts.reader.alert(&known)?;
        // An alert of another zone is as if it were not.
        let alert = match alert {
            Some(alert) if is_shown(parts, &identity, &alert)? => alert,
            Some(_) | None => return Err(missing),
        };
        let shown = shown(parts, &parts.engine(), &alert);
        tagged_json(&headers, &shown)
    };
    state.read(read).await
}
