//! Dead letters（死信）: what was rejected, and why.

use crate::audit::note;
use crate::dto::{DeadLetterDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::request::RequestId;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use risk_domain::access::Act;
use risk_store::{DeadLetterQuery, DeadLetterRow, StoreError};

/// The most rows of a page, each of which brings its record.
const MAX_ROWS: usize = 100;
/// Longest record that a list brings.
const LISTED_BYTES: u64 = 64 << 10;

/// Dead letters, the newest first.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "results",
    params(
        ("code" = Option<String>, Query, description = "only those rejected for this reason"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 100, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<DeadLetterDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    params: Params,
) -> Result<Json<Page<DeadLetterDto>>, ApiError> {
    let is_code = |text: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !text.is_empty() && text.bytes().all(fits)
    };
    let query = DeadLetterQuery {
        code: params.parse("code", "must be a reason's code", |text| {
            is_code(text).then(|| text.to_owned())
        })?,
    };
    let (limit, cursor) = (params.limit(MAX_ROWS)?, params.cursor());
    let read = move |parts: &ApiParts| {
        let page = parts
            .reader
            .dead_letters(&query, limit, cursor.as_deref())?;
        let shown = |row: DeadLetterRow| {
            let letter = parts.reader.dead_letter_of(&row)?;
            Ok(DeadLetterDto::new(row.entry, letter, LISTED_BYTES))
        };
        let items = page.items.into_iter().map(shown);
        Ok(Page {
            items: items.collect::<Result<Vec<_>, StoreError>>()?,
            next: page.next,
        })
    };
    let page = state.read(read).await?;
    let entries = page.items.iter().map(|letter| letter.entry.to_string());
    note(&state, &identity, &request, Act::ReadDeadLetters, entries).await?;
    Ok(Json(page))
}

/// One dead letter with its record, however long.
#[utoipa::path(get, path = "/v1/dead-letters/{id}", tag = "results",
    params(("id" = u64, Path, description = "its ledger entry, as `entry` of the list")),
    responses(
        (status = 200, description = "The dead letter", body = DeadLetterDto),
        (status = 404, description = "No such dead letter", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
) -> Result<Json<DeadLetterDto>, ApiError> {
    let missing = ApiError::NotFound(format!("there is no dead letter {id}"));
    let Ok(entry) = id.parse::<u64>() else {
        return Err(missing);
    };
    let read = move |parts: &ApiParts| {
        let letter = parts.reader.dead_letter(entry)?.ok_or(missing)?;
        Ok(DeadLetterDto::new(entry, letter, u64::MAX))
    };
    let letter = state.read(read).await?;
    let entries = [entry.to_string()].into_iter();
    note(&state, &identity, &request, Act::ReadDeadLetters, entries).await?;
    Ok(Json(letter))
}
