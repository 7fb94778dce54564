//! What the API counts. Routes are templates, so their set is closed.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

/// Requests by route and status.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    live_streams: IntGauge,
    failures: IntCounterVec,
    sign_ins: IntCounter,
}

/// Ways to be refused, each counted from the beginning: a rate of what is absent is nothing.
const FAILURES: [&str; 7] = [
    "token",
    "session",
    "csrf",
    "sign_in",
    "no_role",
    "provider",
    "forbidden",
];

impl ApiMetrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new(
                "risk_api_requests_total",
                "Requests answered, by route and status",
            ),
            &["route", "status"],
        )?;
        let buckets = prometheus::exponential_buckets(0.001, 2.0, 14)?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "risk_api_request_seconds",
                "Seconds to answer a request, by route",
            )
            .buckets(buckets),
            &["route"],
        )?;
        let live_streams = IntGauge::new(
            "risk_api_live_streams",
            "Live streams of alerts that are open",
        )?;
        let failures = IntCounterVec::new(
            Opts::new(
                "risk_api_authentication_failures_total",
                "Requests and sign-ins refused, by what was wrong",
            ),
            &["kind"],
        )?;
        for kind in FAILURES {
            failures.with_label_values(&[kind]).inc_by(0);
        }
        let sign_ins = IntCounter::new("risk_api_sign_ins_total", "People signed in")?;
        registry.register(Box::new(failures.clone()))?;
        registry.register(Box::new(sign_ins.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(live_streams.clone()))?;
        Ok(Self {
            requests,
            seconds,
            live_streams,
            failures,
            sign_ins,
        })
    }

    /// Counts a refusal of one of [`FAILURES`].
    pub(crate) fn count_failure(&self, kind: &'static str) {
        debug_assert!(FAILURES.contains(&kind));
        self.failures.with_label_values(&[kind]).inc();
    }

    pub(crate) fn count_sign_in(&self) {
        self.sign_ins.inc();
    }

    pub(crate) fn live_streams(&self) -> IntGauge {
        self.live_streams.clone()
    }
}

/// Counts and times every request.
pub(crate) async fn measure(
    State(metrics): State<ApiMetrics>,
    request: Request,
    next: Next,
) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let timer = metrics.seconds.with_label_values(&[&route]).start_timer();
    let response = next.run(request).await;
    timer.observe_duration();
    metrics
        .requests
        .with_label_values(&[route.as_str(), response.status().as_str()])
        .inc();
    response
}
