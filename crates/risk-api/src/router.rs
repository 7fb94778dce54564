//! Every route, and what stands around all of them.

use crate::error::ApiError;
use crate::params::Params;
use crate::request;
use crate::state::ApiState;
use crate::{
    alerts, burden, cases, compare, console, dead_letters, decisions, evidence, health, live,
    metrics, openapi, plans, rates, results, signals, subjects, watch,
};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::future::Future;
use tower_http::set_header::SetResponseHeaderLayer;

/// Sent with every answer.
const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
];

/// A route: its path, the query parameters that it knows, its handlers.
struct Route {
    path: &'static str,
    query: &'static [&'static str],
    handlers: fn() -> MethodRouter<ApiState>,
}

/// The table of routes. The router is made of it, queries are checked against it, and a test
/// compares the OpenAPI document with it.
static ROUTES: [Route; 45] = [
    route("/v1/results", &[], || post(results::post)),
    route("/v1/registry", &[], || post(results::post_registry)),
    route("/v1/commands", &[], || post(results::post_commands)),
    route("/v1/signals", &[], || post(results::post_signals)),
    route("/v1/subjects/{id}/signals", &["limit", "cursor"], || {
        get(signals::list)
    }),
    route(
        "/v1/decisions",
        &["subject", "state", "limit", "cursor"],
        || get(decisions::list),
    ),
    route(
        "/v1/subjects",
        &["kind", "zone", "sector", "level", "sort", "limit", "cursor"],
        || get(subjects::list),
    ),
    route("/v1/watch", &["limit", "cursor"], || get(watch::list)),
    route("/v1/subjects/{id}", &["by"], || get(subjects::one)),
    route("/v1/subjects/{id}/history", &["limit", "cursor"], || {
        get(subjects::history)
    }),
    route(
        "/v1/subjects/{id}/evidence",
        &["zone", "limit", "cursor"],
        || get(evidence::evidence),
    ),
    route("/v1/subjects/{id}/compare", &["with"], || {
        get(compare::compare)
    }),
    route(
        "/v1/alerts",
        &[
            "state", "level", "subject", "rule", "since", "limit", "cursor",
        ],
        || get(alerts::list),
    ),
    route(
        "/v1/cases",
        &[
            "kind",
            "state",
            "open",
            "subject",
            "due_before",
            "overdue",
            "limit",
            "cursor",
        ],
        || get(cases::list),
    ),
    route("/v1/cases/{id}", &[], || get(cases::one)),
    route("/v1/alerts/stream", &["after"], || get(live::live)),
    route("/v1/alerts/{id}", &[], || get(alerts::one)),
    route("/v1/dead-letters", &["code", "limit", "cursor"], || {
        get(dead_letters::list)
    }),
    route("/v1/dead-letters/{id}", &[], || get(dead_letters::one)),
    route("/v1/rates", &["domain", "period", "limit"], || {
        get(rates::rates)
    }),
    route(
        "/v1/rates/effect",
        &["domain", "began", "ended", "weeks"],
        || get(rates::effect),
    ),
    route(
        "/v1/burden",
        &["zone", "resting", "on", "sort", "limit", "cursor"],
        || get(burden::list),
    ),
    route(
        "/v1/burden/repeat",
        &[
            "producer", "standard", "brand", "model", "agency", "level", "on",
        ],
        || get(burden::repeat),
    ),
    route(
        "/v1/burden/suspicions",
        &["kind", "on", "limit", "cursor"],
        || get(burden::suspicions),
    ),
    route("/v1/burden/{id}", &["on"], || get(burden::one)),
    route("/v1/observers", &["period", "limit"], || {
        get(rates::observers)
    }),
    route("/v1/plans", &["limit", "cursor"], || {
        get(plans::list).post(plans::post)
    }),
    route("/v1/plans/{id}", &[], || get(plans::one)),
    route("/v1/plans/{id}/lines.csv", &[], || get(plans::csv)),
    route("/v1/plans/{id}/lines.xlsx", &[], || get(plans::xlsx)),
    route("/v1/plans/{id}/lines.html", &[], || get(plans::html)),
    route("/v1/plans/{id}/draw", &[], || post(plans::draw)),
    route("/v1/plans/{id}/reveal", &[], || post(plans::reveal)),
    route("/v1/draws/{id}", &[], || get(plans::draw_one)),
    route("/v1/draws/{id}/pool", &[], || get(plans::draw_pool)),
    route("/v1/status", &[], || get(health::status)),
    route("/healthz", &[], || get(health::healthz)),
    route("/readyz", &[], || get(health::readyz)),
    route("/metrics", &[], || get(health::metrics)),
    route("/openapi.json", &[], || get(openapi::served)),
    route("/", &["lang"], || get(console::index)),
    route("/console/app.js", &[], || get(console::script)),
    route("/console/words.js", &[], || get(console::words)),
    route("/console/style.css", &[], || get(console::style)),
    route("/console/icon.svg", &[], || get(console::icon)),
];

const fn route(
    path: &'static str,
    query: &'static [&'static str],
    handlers: fn() -> MethodRouter<ApiState>,
) -> Route {
    Route {
        path,
        query,
        handlers,
    }
}

/// The whole API.
pub fn router(state: ApiState) -> Router {
    let measured = state.0.parts.metrics.clone();
    let max_body = state.0.parts.max_body_bytes;
    let mut router = Router::new();
    for route in &ROUTES {
        router = router.route(route.path, (route.handlers)());
    }
    let mut router = router
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .fallback(async || ApiError::NotFound("see /openapi.json for the routes".to_owned()))
        .with_state(state.clone())
        .layer(DefaultBodyLimit::max(max_body))
        .layer(middleware::from_fn(check_query))
        .layer(middleware::from_fn_with_state(measured, metrics::measure))
        .layer(middleware::from_fn_with_state(state, request::identify));
    for (name, value) in HEADERS {
        let layer = SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        router = router.layer(layer);
    }
    router
}

/// Refuses query parameters that the route does not know, and hands the others on.
async fn check_query(mut request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let found = matched.and_then(|path| ROUTES.iter().find(|route| route.path == path.as_str()));
    if let Some(route) = found {
        match Params::of(request.uri(), route.query) {
            Ok(params) => drop(request.extensions_mut().insert(params)),
            Err(error) => return error.into_response(),
        }
    }
    next.run(request).await
}

/// Serves until `shutdown` resolves; then ends the live streams and lets requests in hand finish.
pub async fn serve(
    listener: tokio::net::TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = router(state.clone());
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            shutdown.await;
            state.close();
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::ROUTES;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    /// Of the page and its parts a browser knows.
    fn is_of_the_page(path: &str) -> bool {
        path == "/" || path.starts_with("/console/")
    }

    fn documented() -> BTreeMap<String, BTreeSet<String>> {
        let document: Value = serde_json::from_str(&crate::openapi::document()).unwrap();
        let paths = document["paths"].as_object().unwrap().clone();
        let query = |item: &Value| {
            let operations = item.as_object().unwrap().values();
            let params = operations.filter_map(|one| one["parameters"].as_array());
            let params = params.flatten().filter(|param| param["in"] == "query");
            let names = params.map(|param| param["name"].as_str().unwrap().to_owned());
            names.collect()
        };
        paths
            .into_iter()
            .map(|(path, item)| (path, query(&item)))
            .collect()
    }

    #[test]
    fn routes_and_their_query_parameters_are_those_of_the_document() {
        let routed: BTreeMap<String, BTreeSet<String>> = ROUTES
            .iter()
            .filter(|route| !is_of_the_page(route.path))
            .map(|route| {
                let query = route.query.iter().map(|name| (*name).to_owned());
                (route.path.to_owned(), query.collect())
            })
            .collect();
        assert_eq!(routed, documented());
        let paths: BTreeSet<&str> = ROUTES.iter().map(|route| route.path).collect();
        assert_eq!(paths.len(), ROUTES.len(), "a path stands twice");
    }
}
