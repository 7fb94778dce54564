//! Every request has an id: the client's own, or a fresh one. It stands in the log and in the
//! answer, so that the two find each other.

use crate::state::ApiState;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken over.
const MAX_LENGTH: usize = 64;

/// An id that can stand in a log line as it is.
fn is_sane(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(fits)
}

pub(crate) async fn identify(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    let own = request.headers().get(&HEADER);
    let own = own.and_then(|id| id.to_str().ok()).filter(|id| is_sane(id));
    let id = own.map_or_else(|| state.request_id(), str::to_owned);
    let span = tracing::info_span!(
        "request",
        id,
        method = %request.method(),
        path = request.uri().path(),
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, "answered"));
    // A sane id is always a header's value.
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
