//! What the API counts. Routes are templates, so their set is closed.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

/// Requests by route and status.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    live_streams: IntGauge,
}

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
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(live_streams.clone()))?;
        Ok(Self {
            requests,
            seconds,
            live_streams,
        })
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
