//! Posting results: one, an array, or lines.

use crate::dto::{PostedDto, ProblemDto, ReceiptDto};
use crate::error::ApiError;
use crate::state::{ApiState, PostError, Receipt};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;
use std::time::Duration;

/// Longest wait for durability before the answer is "accepted for later".
const WAIT: Duration = Duration::from_secs(5);

/// Post inspection results. The answer comes once they are durable.
#[utoipa::path(post, path = "/v1/results", tag = "results",
    request_body(content = String, content_type = "application/x-ndjson", description = "records of docs/schema/inspection-result.v1.json: a line each, or a JSON object or array as application/json"),
    responses(
        (status = 200, description = "Every record was handled and is durable; each may still have been rejected", body = PostedDto),
        (status = 202, description = "Taken, but not yet durable after five seconds; sending the records again is safe"),
        (status = 400, description = "The body cannot be read", body = ProblemDto),
        (status = 413, description = "Too large", body = ProblemDto),
        (status = 415, description = "Neither JSON nor NDJSON", body = ProblemDto),
        (status = 429, description = "Too much is waiting", body = ProblemDto),
        (status = 503, description = "The pipeline has stopped", body = ProblemDto)))]
pub(crate) async fn post(
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|_rejection| ApiError::TooLarge)?;
    let records = split(&headers, &body)?;
    let receipts = state.0.intake.post(records).map_err(|error| match error {
        PostError::Busy => ApiError::Busy,
        PostError::TooLarge => ApiError::TooLarge,
        PostError::Stopped => ApiError::Stopped,
    })?;
    match tokio::time::timeout(WAIT, receipts).await {
        Ok(Some(receipts)) => Ok(Json(posted(&receipts)).into_response()),
        Ok(None) => Err(ApiError::Stopped),
        Err(_elapsed) => Ok(StatusCode::ACCEPTED.into_response()),
    }
}

fn split(headers: &HeaderMap, body: &Bytes) -> Result<Vec<Vec<u8>>, ApiError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match kind.as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
            let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            Ok(lines
                .filter(|line| !line.is_empty())
                .map(<[u8]>::to_vec)
                .collect())
        }
        "application/json" => {
            let trimmed = body.trim_ascii();
            if trimmed.first() != Some(&b'[') {
                return Ok(vec![trimmed.to_vec()]);
            }
            let records: Vec<&RawValue> = serde_json::from_slice(trimmed).map_err(|error| {
                ApiError::BadBody(format!("the body is no JSON array: {error}"))
            })?;
            Ok(records
                .into_iter()
                .map(|record| record.get().as_bytes().to_vec())
                .collect())
        }
        _other => Err(ApiError::UnsupportedMediaType),
    }
}

fn posted(receipts: &[Receipt]) -> PostedDto {
    let count = |is: fn(&Receipt) -> bool| receipts.iter().filter(|receipt| is(receipt)).count();
    let item = |(at, receipt): (usize, &Receipt)| {
        let plain = |status| ReceiptDto {
            line: at + 1,
            status,
            code: None,
            field: None,
            value: None,
            rule: None,
        };
        match receipt {
            Receipt::Accepted => plain("accepted"),
            Receipt::Duplicate => plain("duplicate"),
            Receipt::Rejected {
                code,
                field,
                value,
                rule,
            } => ReceiptDto {
                code: Some(code.clone()),
                field: Some(field.clone()),
                value: Some(value.clone()),
                rule: Some(rule.clone()),
                ..plain("rejected")
            },
        }
    };
    PostedDto {
        accepted: count(|receipt| *receipt == Receipt::Accepted),
        duplicates: count(|receipt| *receipt == Receipt::Duplicate),
        rejected: count(|receipt| matches!(receipt, Receipt::Rejected { .. })),
        items: receipts.iter().enumerate().map(item).collect(),
    }
}
