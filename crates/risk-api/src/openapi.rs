//! The OpenAPI document, generated from the handlers; `docs/openapi.json` is its committed copy.

use crate::etag::tagged;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spotcheck",
        description = "Risk grades and alerts of product sampling inspection"
    ),
    paths(
        crate::results::post,
        crate::results::post_registry,
        crate::results::post_commands,
        crate::results::post_signals,
        crate::signals::list,
        crate::decisions::list,
        crate::watch::list,
        crate::subjects::list,
        crate::subjects::one,
        crate::subjects::history,
        crate::evidence::evidence,
        crate::compare::compare,
        crate::cases::list,
        crate::cases::one,
        crate::alerts::list,
        crate::alerts::one,
        crate::live::live,
        crate::dead_letters::list,
        crate::dead_letters::one,
        crate::rates::rates,
        crate::rates::effect,
        crate::rates::observers,
        crate::burden::list,
        crate::burden::repeat,
        crate::burden::suspicions,
        crate::burden::one,
        crate::plans::post,
        crate::plans::list,
        crate::plans::one,
        crate::plans::csv,
        crate::plans::xlsx,
        crate::plans::html,
        crate::plans::draw,
        crate::plans::reveal,
        crate::plans::draw_one,
        crate::plans::draw_pool,
        crate::health::status,
        crate::health::healthz,
        crate::health::readyz,
        crate::health::metrics,
        served,
    )
)]
struct Document;

/// The document, indented, with a final newline.
pub fn document() -> String {
    // The document is made of the program's own constants, which always serialise.
    let mut text = Document::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", responses((status = 200, description = "OpenAPI 3.1", body = String, content_type = "application/json")))]
pub(crate) async fn served(headers: HeaderMap) -> Response {
    tagged(&headers, "application/json", document().into_bytes())
}
