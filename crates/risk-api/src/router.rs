//! Every route, and what stands around all of them.

use crate::error::ApiError;
use crate::identity::{
    AUDITORS, Audience, DECIDERS, FEEDERS, KNOWN, PLANNERS, STAFF, STAFF_AND_ZONES, WITNESSES,
    guard, open_sessions, sign_in,
};
use crate::params::Params;
use crate::reports::routes as reports;
use crate::state::{ApiState, Peer};
use crate::tls::{Tls, TlsListener};
use crate::{
    alerts, audit, burden, cases, compare, connection, console, dead_letters, decisions,
    deliveries, evidence, health, heat, idempotency, limits, lists, live, metrics, openapi, pack,
    personal, plans, rates, reference, request, results, signals, subjects, supply, watch,
};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::future::Future;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// Sent with every answer.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    // What was shown to one person must not come out of a cache for another.
    ("cache-control", "no-store"),
];

/// What is done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// `GET`: changes nothing.
    Read,
    /// `POST`: may change something, and is repeated under an idempotency key.
    Write,
}

/// An operation: its path, for whom it is, the query parameters that it knows, its handler.
pub(crate) struct Operation {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    pub(crate) audience: Audience,
    pub(crate) query: &'static [&'static str],
    handler: fn() -> MethodRouter<ApiState>,
}

/// The table of operations. The router is made of it, whoever asks is checked against it, and so are
/// queries; the OpenAPI document takes its security from it; and tests compare it with the document
/// and ask every operation in every role.
pub(crate) static OPERATIONS: [Operation; 90] = [
    write("/v1/results", FEEDERS, || post(results::post)),
    write("/v1/registry", FEEDERS, || post(results::post_registry)),
    write("/v1/commands", DECIDERS, || post(results::post_commands)),
    write("/v1/signals", WITNESSES, || post(results::post_signals)),
    read(
        "/v1/subjects/{id}/signals",
        STAFF_AND_ZONES,
        &["limit", "cursor"],
        || get(signals::list),
    ),
    read(
        "/v1/decisions",
        STAFF,
        &["subject", "state", "limit", "cursor"],
        || get(decisions::list),
    ),
    read("/v1/decisions/{id}", STAFF, &[], || get(decisions::one)),
    read(
        "/v1/subjects",
        STAFF_AND_ZONES,
        &["kind", "zone", "sector", "level", "sort", "limit", "cursor"],
        || get(subjects::list),
    ),
    read("/v1/watch", STAFF, &["limit", "cursor"], || {
        get(watch::list)
    }),
    read("/v1/subjects/{id}", STAFF_AND_ZONES, &["by"], || {
        get(subjects::one)
    }),
    read(
        "/v1/subjects/{id}/history",
        STAFF_AND_ZONES,
        &["limit", "cursor"],
        || get(subjects::history),
    ),
    read(
        "/v1/subjects/{id}/evidence",
        STAFF_AND_ZONES,
        &["zone", "limit", "cursor"],
        || get(evidence::evidence),
    ),
    open_sessions::LIST,
    open_sessions::END,
    open_sessions::END_ALL,
    personal::KEPT,
    personal::OF_SIGNAL,
    personal::ERASE_OF_SIGNAL,
    personal::ERASE_DEAD_LETTER,
    pack::routes::OF_SUBJECT,
    pack::routes::OF_ALERT,
    pack::routes::OF_CASE,
    pack::routes::OF_DRAW,
    read(
        "/v1/subjects/{id}/letter",
        STAFF,
        &["lang", "format"],
        || get(reports::letter),
    ),
    read(
        "/v1/reports/weekly",
        STAFF,
        &["domain", "date", "lang", "format"],
        || get(reports::weekly),
    ),
    read(
        "/v1/reports/monthly",
        STAFF,
        &["domain", "date", "lang", "format"],
        || get(reports::monthly),
    ),
    read(
        "/v1/reports/zone",
        STAFF_AND_ZONES,
        &["zone", "date", "lang", "format"],
        || get(reports::zone),
    ),
    read("/v1/ledger/checkpoint", KNOWN, &[], || {
        get(pack::routes::checkpoint)
    }),
    read("/v1/subjects/{id}/compare", STAFF, &["with"], || {
        get(compare::compare)
    }),
    read("/v1/subjects/{id}/supply", STAFF, &["on"], || {
        get(supply::one)
    }),
    read(
        "/v1/alerts",
        STAFF_AND_ZONES,
        &[
            "state", "level", "subject", "rule", "since", "limit", "cursor",
        ],
        || get(alerts::list),
    ),
    read(
        "/v1/cases",
        STAFF_AND_ZONES,
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
    read("/v1/cases/diagram", KNOWN, &["kind"], || {
        get(cases::diagram)
    }),
    read("/v1/cases/{id}", STAFF_AND_ZONES, &[], || get(cases::one)),
    read("/v1/alerts/stream", STAFF_AND_ZONES, &["after"], || {
        get(live::live)
    }),
    read("/v1/alerts/{id}", STAFF_AND_ZONES, &[], || get(alerts::one)),
    read(
        "/v1/dead-letters",
        DECIDERS,
        &["code", "limit", "cursor"],
        || get(dead_letters::list),
    ),
    read("/v1/dead-letters/{id}", DECIDERS, &[], || {
        get(dead_letters::one)
    }),
    read("/v1/rates", STAFF, &["domain", "period", "limit"], || {
        get(rates::rates)
    }),
    read(
        "/v1/rates/effect",
        STAFF,
        &["domain", "began", "ended", "weeks"],
        || get(rates::effect),
    ),
    read(
        "/v1/burden",
        STAFF,
        &["zone", "resting", "on", "sort", "limit", "cursor"],
        || get(burden::list),
    ),
    read(
        "/v1/burden/repeat",
        STAFF,
        &[
            "producer", "standard", "brand", "model", "agency", "level", "on",
        ],
        || get(burden::repeat),
    ),
    read(
        "/v1/burden/suspicions",
        STAFF,
        &["kind", "on", "limit", "cursor"],
        || get(burden::suspicions),
    ),
    read("/v1/burden/{id}", STAFF, &["on"], || get(burden::one)),
    read(
        "/v1/lists/problems",
        STAFF_AND_ZONES,
        &["enterprise", "zone", "state", "on", "limit", "cursor"],
        || get(lists::problems),
    ),
    read("/v1/lists/problems/{id}", STAFF, &[], || {
        get(lists::problem)
    }),
    read(
        "/v1/lists/assistance",
        STAFF_AND_ZONES,
        &["enterprise", "zone", "reason", "on", "limit", "cursor"],
        || get(lists::assistance),
    ),
    read(
        "/v1/lists/credit",
        STAFF,
        &["month", "class", "limit", "cursor"],
        || get(lists::credit),
    ),
    read(
        "/v1/lists/serious-violations",
        STAFF,
        &["on", "limit", "cursor"],
        || get(lists::serious_violations),
    ),
    read(
        "/v1/lists/duties",
        STAFF_AND_ZONES,
        &[
            "enterprise",
            "zone",
            "duty",
            "step",
            "from",
            "on",
            "limit",
            "cursor",
        ],
        || get(lists::duties),
    ),
    read(
        "/v1/lists/corrective-actions",
        STAFF_AND_ZONES,
        &[
            "enterprise",
            "zone",
            "kind",
            "from",
            "on",
            "limit",
            "cursor",
        ],
        || get(lists::taken),
    ),
    read("/v1/observers", STAFF, &["period", "limit"], || {
        get(rates::observers)
    }),
    read("/v1/plans", PLANNERS, &["limit", "cursor"], || {
        get(plans::list)
    }),
    write("/v1/plans", PLANNERS, || post(plans::post)),
    read("/v1/plans/{id}", PLANNERS, &[], || get(plans::one)),
    read("/v1/plans/{id}/lines.csv", PLANNERS, &[], || {
        get(plans::csv)
    }),
    read("/v1/plans/{id}/lines.xlsx", PLANNERS, &[], || {
        get(plans::xlsx)
    }),
    read("/v1/plans/{id}/lines.html", PLANNERS, &[], || {
        get(plans::html)
    }),
    read("/v1/plans/{id}/results", PLANNERS, &[], || {
        get(plans::outcome::results)
    }),
    Operation {
        query: &["agency", "agency_level"],
        ..write("/v1/plans/{id}/results", PLANNERS, || {
            post(plans::fill::fill)
        })
    },
    read("/v1/plans/{id}/lines.pdf", PLANNERS, &[], || {
        get(plans::print::pdf)
    }),
    write("/v1/plans/{id}/draw", PLANNERS, || post(plans::draw)),
    write("/v1/plans/{id}/reveal", PLANNERS, || post(plans::reveal)),
    read(
        "/v1/planning/evaluation",
        PLANNERS,
        &["gamma", "plans"],
        || get(plans::evaluation::route),
    ),
    read("/v1/planning/races", PLANNERS, &["limit", "cursor"], || {
        get(plans::races::list)
    }),
    read("/v1/planning/races/{id}", PLANNERS, &[], || {
        get(plans::races::one)
    }),
    read("/v1/draws/{id}", KNOWN, &[], || get(plans::draw_one)),
    read("/v1/draws/{id}/pool", KNOWN, &[], || get(plans::draw_pool)),
    read(
        "/v1/audit",
        AUDITORS,
        &[
            "actor", "subject", "kind", "since", "until", "limit", "cursor",
        ],
        || get(audit::list),
    ),
    deliveries::LIST,
    deliveries::RESEND,
    deliveries::WEBHOOKS,
    deliveries::UNPARK,
    read("/v1/reference", KNOWN, &[], || get(reference::reference)),
    read("/v1/sites/{id}", STAFF_AND_ZONES, &[], || {
        get(reference::site)
    }),
    read("/v1/policy", STAFF, &[], || get(reference::policy)),
    read("/v1/heat", STAFF_AND_ZONES, &[], || get(heat::heat)),
    read("/v1/status", KNOWN, &[], || get(health::status)),
    read("/v1/session", KNOWN, &[], || get(sign_in::session)),
    read("/auth/ways", Audience::Everybody, &[], || {
        get(sign_in::ways)
    }),
    read("/auth/login", Audience::Everybody, &[], || {
        get(sign_in::login)
    }),
    read(
        "/auth/callback",
        Audience::Everybody,
        &[
            "code",
            "state",
            "iss",
            "error",
            "error_description",
            "error_uri",
            "scope",
            "session_state",
        ],
        || get(sign_in::callback),
    ),
    write("/auth/logout", KNOWN, || post(sign_in::logout)),
    read("/healthz", Audience::Everybody, &[], || {
        get(health::healthz)
    }),
    read("/readyz", Audience::Everybody, &[], || get(health::readyz)),
    read("/metrics", Audience::Scraper, &[], || get(health::metrics)),
    read("/openapi.json", KNOWN, &[], || get(openapi::served)),
    read("/", KNOWN, &[], || get(console::front)),
    read("/console/", Audience::Everybody, &[], || {
        get(console::index)
    }),
    read("/console/{*path}", Audience::Everybody, &[], || {
        get(console::part)
    }),
];

pub(crate) const fn read(
    path: &'static str,
    audience: Audience,
    query: &'static [&'static str],
    handler: fn() -> MethodRouter<ApiState>,
) -> Operation {
    Operation {
        verb: Verb::Read,
        path,
        audience,
        query,
        handler,
    }
}

pub(crate) const fn write(
    path: &'static str,
    audience: Audience,
    handler: fn() -> MethodRouter<ApiState>,
) -> Operation {
    Operation {
        verb: Verb::Write,
        path,
        audience,
        query: &[],
        handler,
    }
}

/// The operation that a request asks for, once its path is matched.
pub(crate) fn operation_of(request: &Request) -> Option<&'static Operation> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    let verb = match *request.method() {
        Method::GET | Method::HEAD => Verb::Read,
        Method::POST => Verb::Write,
        _ => return None,
    };
    let mut all = OPERATIONS.iter();
    all.find(|operation| operation.path == path && operation.verb == verb)
}

/// The whole API.
pub fn router(state: ApiState) -> Router {
    let measured = state.0.parts.metrics.clone();
    let mut router = Router::new();
    for operation in &OPERATIONS {
        router = router.route(operation.path, (operation.handler)());
    }
    let mut router = router
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .fallback(async || ApiError::NotFound("see /openapi.json for the routes".to_owned()))
        .with_state(state.clone())
        .layer(DefaultBodyLimit::max(state.0.parts.max_body_bytes))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            idempotency::repeat,
        ))
        .layer(middleware::from_fn(check_query))
        .layer(middleware::from_fn_with_state(state.clone(), guard::guard))
        .layer(CompressionLayer::new())
        .layer(limits::told(&state.0.parts))
        .layer(middleware::from_fn_with_state(measured, metrics::measure))
        .layer(middleware::from_fn_with_state(state, request::identify))
        .layer(middleware::from_fn(connection::tell_end));
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
    // The page reads its own addresses.
    let operation = operation_of(&request).filter(|one| !console::is_page(one.path));
    if let Some(operation) = operation {
        match Params::of(request.uri(), operation.query) {
            Ok(params) => drop(request.extensions_mut().insert(params)),
            Err(error) => return error.into_response(),
        }
    }
    next.run(request).await
}

/// A year, in which a browser that came by https comes by nothing else.
const STRICT_TRANSPORT: (HeaderName, HeaderValue) = (
    header::STRICT_TRANSPORT_SECURITY,
    HeaderValue::from_static("max-age=31536000"),
);

/// Serves until `shutdown` resolves, by TLS where there is a certificate; then ends the live streams
/// and lets requests in hand finish.
pub async fn serve(
    listener: tokio::net::TcpListener,
    state: ApiState,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = router(state.clone());
    state.begin();
    let shutdown = async move {
        shutdown.await;
        state.close();
    };
    let Some(tls) = tls else {
        let service = router.into_make_service_with_connect_info::<Peer>();
        return axum::serve(listener, service)
            .with_graceful_shutdown(shutdown)
            .await;
    };
    let (name, value) = STRICT_TRANSPORT;
    let router = router.layer(SetResponseHeaderLayer::overriding(name, value));
    let service = router.into_make_service_with_connect_info::<Peer>();
    axum::serve(TlsListener::new(listener, &tls)?, service)
        .with_graceful_shutdown(shutdown)
        .await
}

#[cfg(test)]
mod tests {
    use super::{OPERATIONS, Verb};
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    type Known = BTreeMap<(String, String), BTreeSet<String>>;

    fn documented() -> Known {
        let document: Value = serde_json::from_str(&crate::openapi::document()).unwrap();
        let mut known = Known::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (verb, operation) in item.as_object().unwrap() {
                let params = operation["parameters"].as_array().into_iter().flatten();
                let params = params.filter(|param| param["in"] == "query");
                let names = params.map(|param| param["name"].as_str().unwrap().to_owned());
                known.insert((path.clone(), verb.clone()), names.collect());
            }
        }
        known
    }

    #[test]
    fn operations_and_their_query_parameters_are_those_of_the_document() {
        let listed = OPERATIONS
            .iter()
            .filter(|one| !crate::console::is_page(one.path));
        let routed: Known = listed
            .map(|operation| {
                let verb = match operation.verb {
                    Verb::Read => "get",
                    Verb::Write => "post",
                };
                let query = operation.query.iter().map(|name| (*name).to_owned());
                let key = (operation.path.to_owned(), verb.to_owned());
                (key, query.collect())
            })
            .collect();
        assert_eq!(routed, documented());
    }

    #[test]
    fn no_operation_stands_twice() {
        let all = OPERATIONS
            .iter()
            .map(|one| (one.path, one.verb == Verb::Read));
        assert_eq!(all.collect::<BTreeSet<_>>().len(), OPERATIONS.len());
    }
}
