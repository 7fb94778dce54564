//! Answers that a client may keep and ask about again（实体标签）.

use crate::error::ApiError;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The body under its tag, or `304 Not Modified` to a client that has it already.
pub(crate) fn tagged(asked: &HeaderMap, kind: &'static str, body: Vec<u8>) -> Response {
    let tag = tag_of(&body);
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == "*" || one == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The same for JSON.
pub(crate) fn tagged_json(asked: &HeaderMap, body: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(body).map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(tagged(asked, "application/json", body))
}

/// Whether `If-Match` names this body's tag. A weak tag never does: it does not promise the same bytes.
pub(crate) fn matches(asked: &HeaderMap, body: &impl Serialize) -> Result<bool, ApiError> {
    let body = serde_json::to_vec(body).map_err(|error| ApiError::Internal(error.to_string()))?;
    let tag = tag_of(&body);
    let named = asked.get_all(header::IF_MATCH).iter();
    let mut named = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    Ok(named.any(|one| one == "*" || one == tag))
}

fn tag_of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    // Half of the digest tells bodies apart; the tag protects nothing.
    let half: u128 = digest
        .iter()
        .take(16)
        .fold(0, |sum, byte| (sum << 8) | u128::from(*byte));
    format!("\"{half:032x}\"")
}
