//! Sessions of people（会话）, listed and ended: everybody their own, administrators everybody's.

use super::{ADMINISTRATORS, Identity, KNOWN};
use crate::audit::note;
use crate::dto::{EndedDto, OpenSessionDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::params::{Id, Params};
use crate::request::RequestId;
use crate::router::{Operation, read, write};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};
use risk_domain::access::Act;

/// The most rows of a page.
const MAX_ROWS: usize = 500;

/// The list.
pub(crate) const LIST: Operation = read(
    "/v1/sessions",
    KNOWN,
    &["everybody", "limit", "cursor"],
    || get(list),
);
/// One ends.
pub(crate) const END: Operation = write("/v1/sessions/{id}/end", KNOWN, || post(end));
/// All of one person end.
pub(crate) const END_ALL: Operation =
    write("/v1/people/{id}/sessions/end", KNOWN, || post(end_all));

fn is_administrator(identity: &Identity) -> bool {
    identity.may(ADMINISTRATORS)
}

/// Whether a session of this actor is theirs to see and end.
fn may_end(identity: &Identity, actor: &str) -> bool {
    let own = identity
        .grant()
        .is_some_and(|grant| grant.actor.as_str() == actor);
    own || is_administrator(identity)
}

/// Your sessions that have not ended, the one used last first; an administrator may ask for everybody's.
#[utoipa::path(get, path = "/v1/sessions", tag = "identity",
    params(
        ("everybody" = Option<bool>, Query, description = "true: those of all people, for administrators"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<OpenSessionDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
) -> Result<Json<Page<OpenSessionDto>>, ApiError> {
    let read = |text: &str| text.parse::<bool>().ok();
    let everybody = params.parse("everybody", "must be true or false", read)?;
    let everybody = everybody.unwrap_or_default();
    if everybody && !is_administrator(&identity) {
        let why = "everybody's sessions are for administrators".to_owned();
        return Err(ApiError::Forbidden(why));
    }
    let own = identity.grant().map(|grant| &grant.actor);
    let mut all = state.0.sessions.open((state.0.parts.now)());
    all.retain(|session| everybody || own == Some(&session.actor));
    let row = |session: &super::sessions::Open| OpenSessionDto {
        id: session.id.clone(),
        actor: session.actor.to_string(),
        began_at: session.began.to_string(),
        used_at: session.used.to_string(),
        ends_at: session.ends_at.to_string(),
        current: identity.session_id() == Some(session.id.as_str()),
    };
    Ok(Json(params.page(&all, MAX_ROWS, row)?))
}

/// End a session: yours, or as an administrator anybody's. Its cookie opens nothing any more.
#[utoipa::path(post, path = "/v1/sessions/{id}/end", tag = "identity",
    params(("id" = String, Path, description = "the session, as `id` of the list")),
    responses(
        (status = 200, description = "It has ended", body = EndedDto),
        (status = 404, description = "No such session of yours", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn end(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
) -> Result<Json<EndedDto>, ApiError> {
    let open = state.0.sessions.open((state.0.parts.now)());
    let found = open.into_iter().find(|session| session.id == id);
    // Of a session of others nothing is told, not even that there is one.
    let found = found.filter(|session| may_end(&identity, session.actor.as_str()));
    let found = found
        .ok_or_else(|| ApiError::NotFound(format!("there is no session {id}; see /v1/sessions")))?;
    ended(&state, (&identity, &request), vec![found.id]).await
}

/// End all sessions of a person: your own, on every device, or as an administrator anybody's. Nothing that was
/// signed in before opens anything any more; tokens of programs stay in force.
#[utoipa::path(post, path = "/v1/people/{id}/sessions/end", tag = "identity",
    params(("id" = String, Path, description = "the person, as `actor` of the list")),
    responses(
        (status = 200, description = "They have ended", body = EndedDto),
        (status = 404, description = "No session of theirs that is yours to end", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn end_all(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(actor): Id,
) -> Result<Json<EndedDto>, ApiError> {
    let mut open = state.0.sessions.open((state.0.parts.now)());
    open.retain(|session| session.actor.as_str() == actor && may_end(&identity, &actor));
    if open.is_empty() {
        let why = format!("there is no session of {actor} for you to end; see /v1/sessions");
        return Err(ApiError::NotFound(why));
    }
    let ids = open.into_iter().map(|session| session.id).collect();
    ended(&state, (&identity, &request), ids).await
}

async fn ended(
    state: &ApiState,
    (identity, request): (&Identity, &str),
    ids: Vec<String>,
) -> Result<Json<EndedDto>, ApiError> {
    let named = ids.clone().into_iter();
    note(state, identity, request, Act::EndSessions, named).await?;
    state.0.sessions.end_all(&ids);
    Ok(Json(EndedDto { ended: ids }))
}
