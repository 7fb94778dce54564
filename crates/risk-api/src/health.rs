//! Alive, ready, counted, and where things stand.

use crate::dto::{CaseCountDto, LedgerDto, NoticeDto, StatusDto};
use crate::error::ApiError;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, TextEncoder};
use risk_engine::AlertState;
use risk_store::StoreError;
use std::collections::BTreeMap;

/// Whether the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, description = "Alive", body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the process is ready to be sent work.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "Ready; the list holds what should be looked at all the same, as a parked endpoint", body = Vec<String>),
    (status = 503, description = "Not ready: the reasons", body = Vec<String>)))]
pub(crate) async fn readyz(State(state): State<ApiState>) -> Response {
    let readiness = &state.0.parts.readiness;
    let mut reasons = readiness.not_ready();
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    reasons.extend(readiness.warnings());
    (status, Json(reasons)).into_response()
}

/// Every metric, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(state): State<ApiState>) -> Response {
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    match encoder.encode(&state.0.parts.registry.gather(), &mut text) {
        Ok(()) => (
            [(header::CONTENT_TYPE, encoder.format_type().to_owned())],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(error = %error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Where things stand: closes, subjects, ledger, dead letters, policy, readiness.
#[utoipa::path(get, path = "/v1/status", tag = "operations", responses((status = 200, description = "Status", body = StatusDto)))]
pub(crate) async fn status(State(state): State<ApiState>) -> Result<Json<StatusDto>, ApiError> {
    state.read(|parts| Ok(Json(status_of(parts)?))).await
}

fn status_of(parts: &ApiParts) -> Result<StatusDto, StoreError> {
    let stats = parts.reader.stats()?;
    let root = parts.reader.ledger().root_at(stats.ledger_entries)?;
    let engine = parts.engine();
    let mut subjects: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for ((kind, level), count) in engine.subject_counts() {
        subjects
            .entry(kind.to_string())
            .or_default()
            .insert(level.to_string(), count);
    }
    let mut alerts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for ((state, level), count) in engine.alert_counts() {
        if state != AlertState::Closed {
            let of_state = alerts.entry(state.code().to_owned()).or_default();
            of_state.insert(level.to_string(), count);
        }
    }
    let cases = engine.case_counts().into_iter();
    let cases = cases.map(|(kind, (open, overdue))| {
        let count = CaseCountDto { open, overdue };
        (kind.code().to_owned(), count)
    });
    Ok(StatusDto {
        alerts,
        cases: cases.collect(),
        closed_until: engine.last_closed().map(|(_, end)| end.to_string()),
        subjects,
        policy_version: engine.policy().version.to_string(),
        ledger: LedgerDto {
            entries: stats.ledger_entries,
            blocks: stats.ledger_blocks,
            root: root.to_string(),
            shown: stats.position,
        },
        dead_letters: stats.dead_letters,
        cautions: engine.cautions().iter().map(NoticeDto::from).collect(),
        not_ready: parts.readiness.not_ready(),
        warnings: parts.readiness.warnings(),
    })
}
