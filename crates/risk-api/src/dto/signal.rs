//! Signals（风险信号）, as they are shown: never with what is personal.

use risk_domain::signal::Signal;
use serde::Serialize;
use utoipa::ToSchema;

/// One signal.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignalDto {
    /// Its id.
    pub signal_id: String,
    /// complaint, media_exposure, recall, accident, credit_class, external_check or online_monitoring.
    pub kind: String,
    /// The kind, in Chinese.
    pub kind_zh: String,
    /// When it was heard of, RFC 3339.
    pub observed_at: String,
    /// When what it tells happened, where that is known.
    pub occurred_at: Option<String>,
    /// About which enterprise.
    pub enterprise_id: String,
    /// At which of its sites.
    pub site_id: Option<String>,
    /// In which zone.
    pub zone: Option<String>,
    /// About which product.
    pub product: Option<String>,
    /// Which hazard.
    pub hazard: Option<String>,
    /// How grave the injury was or may be, 1 to 4.
    pub severity: Option<u8>,
    /// Who tells it.
    pub source: String,
    /// What is told.
    pub summary: Option<String>,
    /// What an external check found.
    pub verdict: Option<String>,
    /// The class, of a credit classification.
    pub credit_class: Option<String>,
    /// named or anonymous, of a complaint or a report.
    pub reporter: Option<String>,
}

impl SignalDto {
    pub(crate) fn new(signal: &Signal) -> Self {
        Self {
            signal_id: signal.signal_id.to_string(),
            kind: signal.kind.code().to_owned(),
            kind_zh: signal.kind.zh().to_owned(),
            observed_at: signal.observed_at.to_string(),
            occurred_at: signal.occurred_at.map(|at| at.to_string()),
            enterprise_id: signal.enterprise_id.to_string(),
            site_id: signal.site_id.as_ref().map(ToString::to_string),
            zone: signal.zone_id.as_ref().map(ToString::to_string),
            product: signal.product.as_ref().map(ToString::to_string),
            hazard: signal.hazard.as_ref().map(ToString::to_string),
            severity: signal.severity.map(risk_domain::scales::Severity::get),
            source: signal.source.to_string(),
            summary: signal.summary.as_ref().map(ToString::to_string),
            verdict: signal.verdict.map(|verdict| verdict.code().to_owned()),
            credit_class: signal.credit_class.map(|class| class.code().to_owned()),
            reporter: signal.reporter.map(|reporter| reporter.code().to_owned()),
        }
    }
}
