//! What the pipeline counts（指标）. Names, labels and meanings stand in `docs/metrics.md`.

use crate::wire::RejectionCode;
use crate::wire::event::Outlet;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};
use risk_domain::scales::AlertLevel;
use risk_engine::rates::Rate;
use risk_engine::series::CITY;
use risk_engine::{AlertState, CaseKind, Engine};
use std::collections::BTreeMap;

/// The publisher's metrics.
#[derive(Debug, Clone)]
pub struct PublisherMetrics {
    /// Events sent, by outlet.
    pub sent: IntCounterVec,
    /// Batches that were not sent and are sent again.
    pub retries: IntCounter,
    /// Ledger entries that the publisher has not looked at yet.
    pub lag: IntGauge,
}

impl PublisherMetrics {
    /// Registers every metric.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            sent: IntCounterVec::new(
                Opts::new("risk_pipeline_published_total", "Events sent, by outlet"),
                &["outlet"],
            )?,
            retries: IntCounter::new(
                "risk_pipeline_publish_retries_total",
                "Batches of events that were not sent and are sent again",
            )?,
            lag: IntGauge::new(
                "risk_pipeline_outbox_lag_entries",
                "Ledger entries not yet looked at by the publisher",
            )?,
        };
        from_the_start(&metrics.sent, Outlet::ALL.map(Outlet::code));
        registry.register(Box::new(metrics.sent.clone()))?;
        registry.register(Box::new(metrics.retries.clone()))?;
        registry.register(Box::new(metrics.lag.clone()))?;
        Ok(metrics)
    }
}

/// The webhook senders' metrics. Endpoints are named by the configuration, so their set is closed.
#[derive(Debug, Clone)]
pub struct WebhookMetrics {
    /// Attempts, by endpoint and outcome.
    pub deliveries: IntCounterVec,
    /// Ledger entries that an endpoint was not told of yet.
    pub lag: IntGaugeVec,
    /// Whether an endpoint is parked.
    pub parked: IntGaugeVec,
}

impl WebhookMetrics {
    /// Registers every metric.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            deliveries: counters(
                registry,
                "risk_pipeline_deliveries_total",
                "Attempts to bring an event to an endpoint, by endpoint and outcome",
                &["endpoint", "outcome"],
            )?,
            lag: gauges(
                registry,
                "risk_pipeline_webhook_lag_entries",
                "Ledger entries that an endpoint was not told of yet",
                &["endpoint"],
            )?,
            parked: gauges(
                registry,
                "risk_pipeline_webhook_parked",
                "1 while nothing is sent to an endpoint because it failed too often",
                &["endpoint"],
            )?,
        })
    }
}

/// The pipeline's and the engine's metrics; label values are closed sets.
#[derive(Debug, Clone)]
pub struct PipelineMetrics {
    /// Records read, by what became of them.
    pub records: IntCounterVec,
    /// Dead letters, by reason.
    pub dead_letters: IntCounterVec,
    /// Seconds from a batch in hand to its block handed over.
    pub batch_seconds: Histogram,
    /// The time up to which everything has closed, in seconds since 1970.
    pub watermark: IntGauge,
    /// Partitions stopped by the dead-letter limit.
    pub stopped_partitions: IntGauge,
    /// Partitions paused because they are too far ahead.
    pub paused_partitions: IntGauge,
    /// Epochs closed.
    pub closes: IntCounter,
    /// Alerts raised, by level.
    pub alerts: IntCounterVec,
    /// What changed of alerts, by what it was.
    pub alert_moves: IntCounterVec,
    /// Alerts, by state and level.
    pub standing_alerts: IntGaugeVec,
    /// Closed alerts, by rule and by what came of them.
    pub alert_dispositions: IntGaugeVec,
    /// Cases opened, by kind.
    pub cases_opened: IntCounterVec,
    /// Open cases, by kind.
    pub open_cases: IntGaugeVec,
    /// Open cases with a term that lapsed without being kept, by kind.
    pub overdue_cases: IntGaugeVec,
    /// Subjects ever seen, by kind.
    pub subjects: IntGaugeVec,
    /// Subjects by kind and recorded level.
    pub graded_subjects: IntGaugeVec,
    /// Pass rates of the last weeks, of the city and its sectors.
    pub pass_rate: GaugeVec,
}

/// Weeks that a pass rate in the metrics is of.
const RATE_WEEKS: u16 = 13;

/// Counters of a name, registered.
fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

/// Has values of a label counted from the beginning: a rate of what is absent is nothing.
fn from_the_start<'a>(counters: &IntCounterVec, values: impl IntoIterator<Item = &'a str>) {
    for value in values {
        counters.with_label_values(&[value]).inc_by(0);
    }
}

/// Gauges of a name, registered.
fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntGaugeVec> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}

/// Raises, moves, what stands, and what came of it.
type OfAlerts = (IntCounterVec, IntCounterVec, IntGaugeVec, IntGaugeVec);

fn of_alerts(registry: &Registry) -> prometheus::Result<OfAlerts> {
    let alerts = counters(
        registry,
        "risk_engine_alerts_total",
        "Raises of alerts, merged ones included, by level",
        &["level"],
    )?;
    let alert_moves = counters(
        registry,
        "risk_engine_alert_moves_total",
        "What changed of alerts, by what it was",
        &["what"],
    )?;
    let standing_alerts = gauges(
        registry,
        "risk_engine_standing_alerts",
        "Alerts, by state and level",
        &["state", "level"],
    )?;
    let alert_dispositions = gauges(
        registry,
        "risk_engine_alert_dispositions",
        "Closed alerts, by rule and by what came of them",
        &["rule", "disposition"],
    )?;
    Ok((alerts, alert_moves, standing_alerts, alert_dispositions))
}

/// Cases opened, open ones, overdue ones.
fn of_cases(registry: &Registry) -> prometheus::Result<(IntCounterVec, IntGaugeVec, IntGaugeVec)> {
    let cases_opened = counters(
        registry,
        "risk_engine_cases_opened_total",
        "Cases opened, by kind",
        &["kind"],
    )?;
    let open_cases = gauges(
        registry,
        "risk_engine_open_cases",
        "Open cases, by kind",
        &["kind"],
    )?;
    let overdue_cases = gauges(
        registry,
        "risk_engine_overdue_cases",
        "Open cases with a term that lapsed without being kept, by kind",
        &["kind"],
    )?;
    Ok((cases_opened, open_cases, overdue_cases))
}

impl PipelineMetrics {
    /// Registers every metric.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let (alerts, alert_moves, standing_alerts, alert_dispositions) = of_alerts(registry)?;
        let (cases_opened, open_cases, overdue_cases) = of_cases(registry)?;
        let metrics = Self {
            records: counters(
                registry,
                "risk_pipeline_records_total",
                "Records read, by disposition",
                &["disposition"],
            )?,
            dead_letters: counters(
                registry,
                "risk_pipeline_dead_letters_total",
                "Dead letters, by reason",
                &["reason"],
            )?,
            batch_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "risk_pipeline_batch_seconds",
                    "Seconds from a batch in hand to its block handed over",
                )
                .buckets(prometheus::exponential_buckets(0.0005, 2.0, 14)?),
            )?,
            watermark: IntGauge::new(
                "risk_pipeline_watermark_seconds",
                "End of the last closed epoch, in seconds since 1970",
            )?,
            stopped_partitions: IntGauge::new(
                "risk_pipeline_stopped_partitions",
                "Partitions stopped by the dead-letter limit",
            )?,
            paused_partitions: IntGauge::new(
                "risk_pipeline_paused_partitions",
                "Partitions paused because they are too far ahead of the slowest",
            )?,
            closes: IntCounter::new("risk_engine_closes_total", "Epochs closed")?,
            alerts,
            alert_moves,
            standing_alerts,
            alert_dispositions,
            cases_opened,
            open_cases,
            overdue_cases,
            subjects: gauges(
                registry,
                "risk_engine_subjects",
                "Subjects ever seen, by kind",
                &["kind"],
            )?,
            graded_subjects: gauges(
                registry,
                "risk_engine_graded_subjects",
                "Subjects, by kind and recorded level",
                &["kind", "level"],
            )?,
            pass_rate: GaugeVec::new(
                Opts::new(
                    "risk_engine_pass_rate",
                    "Pass rate of the last 13 closed weeks, by domain, figure and bound",
                ),
                &["domain", "figure", "bound"],
            )?,
        };
        from_the_start(&metrics.records, ["applied", "duplicate", "rejected"]);
        let reasons = RejectionCode::ALL.iter().map(|code| code.code());
        from_the_start(&metrics.dead_letters, reasons);
        let levels = AlertLevel::ALL.iter().map(|level| level.code());
        from_the_start(&metrics.alerts, levels);
        let kinds = CaseKind::ALL.iter().map(|kind| kind.code());
        from_the_start(&metrics.cases_opened, kinds);
        registry.register(Box::new(metrics.batch_seconds.clone()))?;
        registry.register(Box::new(metrics.watermark.clone()))?;
        registry.register(Box::new(metrics.stopped_partitions.clone()))?;
        registry.register(Box::new(metrics.paused_partitions.clone()))?;
        registry.register(Box::new(metrics.closes.clone()))?;
        registry.register(Box::new(metrics.pass_rate.clone()))?;
        Ok(metrics)
    }

    /// Counts a raise.
    pub(crate) fn raised(&self, level: AlertLevel) {
        self.alerts.with_label_values(&[level.code()]).inc();
    }

    /// Shows where the engine stands.
    pub(crate) fn show(&self, engine: &Engine) {
        let closed = engine.last_closed();
        self.watermark
            .set(closed.map_or(0, |(_, end)| end.millis() / 1000));
        let mut of_kind = BTreeMap::new();
        for ((kind, level), count) in engine.subject_counts() {
            let gauge = self
                .graded_subjects
                .with_label_values(&[kind.code(), level.code()]);
            gauge.set(count as i64);
            *of_kind.entry(kind).or_insert(0) += count;
        }
        for (kind, count) in of_kind {
            self.subjects
                .with_label_values(&[kind.code()])
                .set(count as i64);
        }
        self.show_handling(engine);
        self.show_rates(engine);
    }

    /// Shows where alerts and cases stand.
    pub(crate) fn show_handling(&self, engine: &Engine) {
        let counts = engine.alert_counts();
        for state in AlertState::ALL {
            for level in AlertLevel::ALL {
                let count = counts.get(&(state, *level)).copied().unwrap_or_default();
                let labels = [state.code(), level.code()];
                self.standing_alerts
                    .with_label_values(&labels)
                    .set(count as i64);
            }
        }
        self.alert_dispositions.reset();
        for ((rule, disposition), count) in engine.alert_feedback() {
            let labels = [rule.code(), disposition];
            self.alert_dispositions
                .with_label_values(&labels)
                .set(count as i64);
        }
        let cases = engine.case_counts();
        for kind in CaseKind::ALL {
            let (open, overdue) = cases.get(kind).copied().unwrap_or_default();
            let kind = kind.code();
            self.open_cases.with_label_values(&[kind]).set(open as i64);
            self.overdue_cases
                .with_label_values(&[kind])
                .set(overdue as i64);
        }
    }

    /// Shows the rates of the city and of every sector. A figure that is not known is absent.
    fn show_rates(&self, engine: &Engine) {
        self.pass_rate.reset();
        let shown = |domain: &str| domain == CITY || domain.starts_with("sector:");
        for (domain, series) in engine.series_domains().filter(|(domain, _)| shown(domain)) {
            let end = series.weeks().end;
            let Some(rates) = series.rates(end.saturating_sub(RATE_WEEKS)..end) else {
                continue;
            };
            let raw = rates.raw.iter();
            let raw = raw.map(|(mode, rate)| (mode.code(), Some(*rate)));
            let others = [("random", rates.random), ("design", rates.design)];
            for (figure, rate) in raw.chain(others) {
                let Some(rate) = rate.map(Rate::passing) else {
                    continue;
                };
                let bounds = [
                    ("value", rate.value),
                    ("lower", rate.lower),
                    ("upper", rate.upper),
                ];
                for (bound, value) in bounds {
                    self.pass_rate
                        .with_label_values(&[domain, figure, bound])
                        .set(value);
                }
            }
        }
    }
}
