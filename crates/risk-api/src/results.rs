//! Posting results, and what the register says: one, an array, or lines.

use crate::audit::note;
use crate::decisions::check_unchanged;
use crate::dto::{PendingDto, PostedDto, ProblemDto, ReceiptDto, ReceiptStatusDto, RecordIds};
use crate::error::ApiError;
use crate::identity::Identity;
use crate::request::RequestId;
use crate::state::{ApiParts, ApiState, Intake, PostError, Receipt};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use risk_domain::access::Act;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for durability before the answer is "accepted for later".
const WAIT: Duration = Duration::from_secs(5);
/// Bodies up to this many bytes are split where they are; larger ones would hold up other requests.
const SPLIT_AT_ONCE: usize = 64 << 10;

/// Post inspection results. The answer comes once they are durable.
#[utoipa::path(post, path = "/v1/results", tag = "results",
    request_body(content = String, content_type = "application/x-ndjson", description = "records of docs/schema/inspection-result.v1.json: a line each, or a JSON object or array as application/json"),
    responses(
        (status = 200, description = "Every record was handled and is durable; each may still have been rejected", body = PostedDto),
        (status = 202, description = "Taken, but not yet durable after five seconds; sending the records again is safe", body = PendingDto),
        (status = 400, description = "The body cannot be read", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDto, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor NDJSON", body = ProblemDto, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The pipeline has stopped", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn post(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let intake = Arc::clone(&state.0.parts.intakes.results);
    let posted = read(&state, &headers, body?).await?;
    note(&state, &identity, &request, Act::PostResults, posted.ids()).await?;
    take(&*intake, posted).await
}

/// Post what the register says of sites. The answer comes once it is durable.
#[utoipa::path(post, path = "/v1/registry", tag = "registry",
    request_body(content = String, content_type = "application/x-ndjson", description = "records of docs/schema/registry-update.v1.json: a line each, or a JSON object or array as application/json"),
    responses(
        (status = 200, description = "Every record was handled and is durable; each may still have been rejected", body = PostedDto),
        (status = 202, description = "Taken, but not yet durable after five seconds; sending the records again is safe", body = PendingDto),
        (status = 400, description = "The body cannot be read", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "This process reads no register: kafka.registry_topic is empty", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDto, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor NDJSON", body = ProblemDto, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The pipeline has stopped", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn post_registry(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Some(intake) = state.0.parts.intakes.registry.clone() else {
        let why = "this process reads no register: kafka.registry_topic is empty";
        return Err(ApiError::NotFound(why.to_owned()));
    };
    let posted = read(&state, &headers, body?).await?;
    note(&state, &identity, &request, Act::PostRegistry, posted.ids()).await?;
    take(&*intake, posted).await
}

/// Post what officers decide on grades, alerts and cases. The answer comes once it is durable. Decisions
/// on grades count from the close of their day on, and provisional assessments show them at once; what
/// is decided on an alert or a case takes effect at once. The actor is whoever posts: leave it out, or
/// name yourself in a role that you hold.
#[utoipa::path(post, path = "/v1/commands", tag = "decisions",
    params(("If-Match" = Option<String>, Header, description = "the ETag of the alert, the case, the decision or the problem that a single command acts on")),
    request_body(content = String, content_type = "application/x-ndjson", description = "records of docs/schema/command.v1.json: a line each, or a JSON object or array as application/json"),
    responses(
        (status = 200, description = "Every record was handled and is durable; each may still have been rejected", body = PostedDto),
        (status = 202, description = "Taken, but not yet durable after five seconds; sending the records again is safe", body = PendingDto),
        (status = 400, description = "The body cannot be read", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "This process reads no commands: kafka.commands_topic is empty", body = ProblemDto, content_type = "application/problem+json"),
        (status = 412, description = "What it acts on is not what If-Match names", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDto, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor NDJSON", body = ProblemDto, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The pipeline has stopped", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn post_commands(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Some(intake) = state.0.parts.intakes.commands.clone() else {
        let why = "this process reads no commands: kafka.commands_topic is empty";
        return Err(ApiError::NotFound(why.to_owned()));
    };
    let mut posted = read(&state, &headers, body?).await?;
    spare_plans(&posted.records)?;
    identity.sign(&mut posted.records)?;
    if headers.contains_key(header::IF_MATCH) {
        let asks = identity.clone();
        let shared = Arc::clone(&state.0);
        let check = move |parts: &ApiParts| {
            check_unchanged(&shared, parts, &asks, &headers, &posted.records)?;
            Ok(posted)
        };
        posted = state.read(check).await?;
    }
    note(&state, &identity, &request, Act::PostCommands, posted.ids()).await?;
    take(&*intake, posted).await
}

/// Steps of plans bear the hashes of documents that are kept before: only what makes these may post them.
fn spare_plans(records: &[Vec<u8>]) -> Result<(), ApiError> {
    let on_plan = |record: &[u8]| {
        let read: Result<serde_json::Map<String, serde_json::Value>, _> =
            serde_json::from_slice(record);
        read.is_ok_and(|of| of.contains_key("plan_id"))
    };
    let at = records.iter().position(|record| on_plan(record));
    at.map_or(Ok(()), |at| {
        Err(ApiError::BadParameter {
            field: "plan_id".to_owned(),
            rule: format!(
                "must not be posted here (record {}): `POST /v1/plans`, its draw and its reveal write the steps of a plan",
                at + 1
            ),
        })
    })
}

/// Post signals: complaints, media exposure, recalls, accidents, credit classes, external checks, online
/// monitoring. The answer comes once they are durable.
#[utoipa::path(post, path = "/v1/signals", tag = "signals",
    request_body(content = String, content_type = "application/x-ndjson", description = "records of docs/schema/signal.v1.json: a line each, or a JSON object or array as application/json"),
    responses(
        (status = 200, description = "Every record was handled and is durable; each may still have been rejected", body = PostedDto),
        (status = 202, description = "Taken, but not yet durable after five seconds; sending the records again is safe", body = PendingDto),
        (status = 400, description = "The body cannot be read", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "This process reads no signals: kafka.signals_topic is empty", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDto, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor NDJSON", body = ProblemDto, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The pipeline has stopped", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn post_signals(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Some(intake) = state.0.parts.intakes.signals.clone() else {
        let why = "this process reads no signals: kafka.signals_topic is empty";
        return Err(ApiError::NotFound(why.to_owned()));
    };
    let posted = read(&state, &headers, body?).await?;
    note(&state, &identity, &request, Act::PostSignals, posted.ids()).await?;
    take(&*intake, posted).await
}

/// Reads the records of a body.
async fn read(state: &ApiState, headers: &HeaderMap, body: Bytes) -> Result<Posted, ApiError> {
    let kind = Kind::of(headers)?;
    if body.len() <= SPLIT_AT_ONCE {
        split(kind, &body)
    } else {
        state.read(move |_parts| split(kind, &body)).await
    }
}

/// Hands records in, and waits for what becomes of them.
async fn take(intake: &dyn Intake, posted: Posted) -> Result<Response, ApiError> {
    let Posted { records, places } = posted;
    if let Some(receipts) = hand_in(intake, records).await? {
        return Ok(Json(answer(places, receipts)).into_response());
    }
    let pending = PendingDto {
        status: "pending".to_owned(),
        records: places.len(),
        detail: "taken, and not known to be durable yet; sending the records again is safe"
            .to_owned(),
    };
    Ok((StatusCode::ACCEPTED, Json(pending)).into_response())
}

/// Hands records in; none where they are not known to be durable in time.
pub(crate) async fn hand_in(
    intake: &dyn Intake,
    records: Vec<Vec<u8>>,
) -> Result<Option<Vec<Receipt>>, ApiError> {
    let receipts = intake.post(records).map_err(|error| match error {
        PostError::Busy => ApiError::Busy,
        PostError::TooLarge => ApiError::TooLarge,
        PostError::Stopped => ApiError::Stopped,
    })?;
    match tokio::time::timeout(WAIT, receipts).await {
        Ok(Some(receipts)) => Ok(Some(receipts)),
        Ok(None) => Err(ApiError::Stopped),
        Err(_elapsed) => Ok(None),
    }
}

/// What a body holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// One record, or an array of them.
    Json,
    /// A record a line.
    Lines,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.split(';').next())
            .map(|text| text.trim().to_ascii_lowercase());
        match kind.as_deref() {
            Some("application/x-ndjson" | "application/ndjson" | "application/jsonl") => {
                Ok(Self::Lines)
            }
            Some("application/json") => Ok(Self::Json),
            _other => Err(ApiError::UnsupportedMediaType),
        }
    }
}

/// The records of a body, and where each stood.
struct Posted {
    records: Vec<Vec<u8>>,
    places: Vec<Place>,
}

impl Posted {
    /// What the records call themselves, as far as that can be read.
    fn ids(&self) -> impl ExactSizeIterator<Item = String> {
        self.places.iter().map(|place| {
            let ids = &place.ids;
            let own = ids.command_id.as_ref().or(ids.inspection_id.as_ref());
            let other = ids.update_id.as_ref().or(ids.signal_id.as_ref());
            own.or(other).cloned().unwrap_or_default()
        })
    }
}

struct Place {
    line: usize,
    ids: RecordIds,
}

/// Splits a body. A line that is no JSON is a record that will be rejected, beside others that are
/// not; a JSON document that is none holds nothing that could be kept, and is refused whole.
fn split(kind: Kind, body: &[u8]) -> Result<Posted, ApiError> {
    let parts: Vec<(usize, &[u8])> = match kind {
        Kind::Lines => {
            let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let numbered = (1..).zip(lines);
            numbered.filter(|(_, line)| !line.is_empty()).collect()
        }
        Kind::Json => {
            let bad = |error: serde_json::Error| {
                ApiError::BadBody(format!("the body is no JSON document: {error}"))
            };
            let whole: &RawValue = serde_json::from_slice(body).map_err(bad)?;
            let records: Vec<&RawValue> = match whole.get().as_bytes().first() {
                Some(b'[') => serde_json::from_str(whole.get()).map_err(bad)?,
                Some(b'{') => vec![whole],
                Some(_) | None => {
                    let why = "the body must be a JSON object or an array of them";
                    return Err(ApiError::BadBody(why.to_owned()));
                }
            };
            let texts = records.into_iter().map(|record| record.get().as_bytes());
            (1..).zip(texts).collect()
        }
    };
    if parts.is_empty() {
        return Err(ApiError::BadBody("the body holds no record".to_owned()));
    }
    let place = |(line, record): &(usize, &[u8])| Place {
        line: *line,
        ids: RecordIds::of(record),
    };
    Ok(Posted {
        places: parts.iter().map(place).collect(),
        records: parts.iter().map(|(_, record)| record.to_vec()).collect(),
    })
}

fn answer(places: Vec<Place>, receipts: Vec<Receipt>) -> PostedDto {
    let items: Vec<ReceiptDto> = places.into_iter().zip(receipts).map(item).collect();
    let count = |status| items.iter().filter(|item| item.status == status).count();
    PostedDto {
        accepted: count(ReceiptStatusDto::Accepted),
        duplicates: count(ReceiptStatusDto::Duplicate),
        rejected: count(ReceiptStatusDto::Rejected),
        items,
    }
}

fn item((place, receipt): (Place, Receipt)) -> ReceiptDto {
    let plain = |status| ReceiptDto {
        line: place.line,
        inspection_id: place.ids.inspection_id,
        update_id: place.ids.update_id,
        command_id: place.ids.command_id,
        signal_id: place.ids.signal_id,
        status,
        code: None,
        field: None,
        value: None,
        rule: None,
    };
    match receipt {
        Receipt::Accepted => plain(ReceiptStatusDto::Accepted),
        Receipt::Duplicate => plain(ReceiptStatusDto::Duplicate),
        Receipt::Rejected {
            code,
            field,
            value,
            rule,
        } => ReceiptDto {
            code: Some(code),
            field: Some(field),
            value: Some(value),
            rule: Some(rule),
            ..plain(ReceiptStatusDto::Rejected)
        },
    }
}
