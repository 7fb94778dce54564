//! Every route, and what stands around all of them.

use crate::error::ApiError;
use crate::state::ApiState;
use crate::{alerts, console, health, metrics, openapi, results, subjects};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware;
use axum::routing::{get, post};
use std::future::Future;
use tower_http::set_header::SetResponseHeaderLayer;

/// Sent with every answer.
const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
];

/// The whole API.
pub fn router(state: ApiState) -> Router {
    let measured = state.0.metrics.clone();
    let max_body = state.0.max_body_bytes;
    let mut router = Router::new()
        .route("/v1/results", post(results::post))
        .route("/v1/subjects", get(subjects::list))
        .route("/v1/subjects/{id}", get(subjects::one))
        .route("/v1/subjects/{id}/history", get(subjects::history))
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/alerts/stream", get(alerts::live))
        .route("/v1/alerts/{id}", get(alerts::one))
        .route("/v1/status", get(health::status))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::served))
        .route("/", get(console::index))
        .route("/console/app.js", get(console::script))
        .route("/console/style.css", get(console::style))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .fallback(async || ApiError::NotFound("see /openapi.json for the routes".to_owned()))
        .with_state(state)
        .layer(DefaultBodyLimit::max(max_body))
        .layer(middleware::from_fn_with_state(measured, metrics::measure));
    for (name, value) in HEADERS {
        let layer = SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        router = router.layer(layer);
    }
    router
}

/// Serves until `shutdown` resolves, then lets requests in hand finish.
pub async fn serve(
    listener: tokio::net::TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}
