//! Signals of a subject（风险信号）.

use crate::dto::{Page, ProblemDto, SignalDto};
use crate::error::ApiError;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use crate::subjects::check_seen;
use axum::Json;
use axum::extract::State;
use risk_domain::signal::Signal;
use risk_domain::subject::Subject;

/// The most rows of a page.
const MAX_ROWS: usize = 500;

/// What was heard of an enterprise, of its product, or of its site, the newest first: evidence beside the
/// grade, never in it.
#[utoipa::path(get, path = "/v1/subjects/{id}/signals", tag = "signals",
    params(
        ("id" = String, Path, description = "an enterprise, an enterprise's product (cell) or a site, as `kind:id`"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<SignalDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "No such subject", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    params: Params,
) -> Result<Json<Page<SignalDto>>, ApiError> {
    let missing = ApiError::NotFound(format!(
        "signals are told of enterprises, cells and sites, not of {id}"
    ));
    let subject: Subject = id.parse().map_err(|_error| missing)?;
    let (limit, cursor) = (params.limit(MAX_ROWS)?, params.cursor());
    let read = move |parts: &ApiParts| {
        check_seen(parts, &identity, &subject)?;
        let engine = parts.engine();
        let seen = |signal: &&Signal| {
            let zone = signal.zone_id.as_ref();
            zone.is_none_or(|zone| identity.sees_zone(zone, engine.taxonomy()))
        };
        let heard = engine.signals_of(&subject).into_iter();
        let mut heard = heard.filter(seen).peekable();
        if let Some(after) = &cursor {
            let last = |signal: &&Signal| signal.signal_id.as_str() == after;
            while heard.next_if(|signal| !last(signal)).is_some() {}
            if heard.next().is_none() {
                return Err(ApiError::BadParameter {
                    field: "cursor".to_owned(),
                    rule: "must be the `next` of a page".to_owned(),
                });
            }
        }
        let items: Vec<SignalDto> = heard.by_ref().take(limit).map(SignalDto::new).collect();
        let last = items.last().map(|last| last.signal_id.clone());
        let next = last.filter(|_| heard.peek().is_some());
        Ok(Json(Page { items, next }))
    };
    state.read(read).await
}
