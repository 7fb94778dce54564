//! Posting a filled list.

use super::filled::{FilledError, FilledRow, Filling, filled};
use super::{list_of, plan_of};
use crate::audit;
use crate::document::xlsx::XLSX;
use crate::dto::{FilledListDto, FilledRowDto, ProblemDto};
use crate::error::ApiError;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::request::RequestId;
use crate::results::hand_in;
use crate::state::{ApiParts, ApiState, Receipt};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, header};
use risk_domain::access::Act;
use risk_domain::ids::{AgencyId, SiteId};
use risk_domain::inspection::AgencyLevel;
use risk_domain::subject::Subject;
use std::sync::Arc;

/// Post the list of a drawn plan as teams filled it in: the workbook that `lines.xlsx` exports, with what was
/// found. Each filled row becomes a result that bears the plan's `draw_id`; a row that makes none is named
/// with its column, and nothing else is lost.
#[utoipa::path(post, path = "/v1/plans/{id}/results", tag = "plans",
    params(
        ("id" = String, Path, description = "the plan"),
        ("agency" = String, Query, description = "id of the agency that ordered the tests"),
        ("agency_level" = Option<String>, Query, description = "national, provincial, municipal or county; county by default")),
    request_body(content = Vec<u8>, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", description = "the filled workbook"),
    responses(
        (status = 200, description = "What became of each filled row", body = FilledListDto),
        (status = 400, description = "The workbook cannot be read, or a parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "The plan waits for its beacon", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDto, content_type = "application/problem+json"),
        (status = 415, description = "Not a workbook", body = ProblemDto, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The pipeline has stopped", body = ProblemDto, content_type = "application/problem+json")))]
#[expect(
    clippy::too_many_arguments,
    reason = "each part of the request is taken apart by its own type"
)]
pub(crate) async fn fill(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<FilledListDto>, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind.as_bytes() != XLSX.as_bytes()) {
        return Err(ApiError::UnsupportedMediaType);
    }
    let rule = "must be the id of the agency that ordered the tests";
    let agency = params.parse("agency", rule, |text| AgencyId::new(text).ok())?;
    let agency = agency.ok_or_else(|| ApiError::BadParameter {
        field: "agency".to_owned(),
        rule: rule.to_owned(),
    })?;
    let rule = "must be national, provincial, municipal or county";
    let level = params.parse("agency_level", rule, AgencyLevel::from_code)?;
    let level = level.unwrap_or(AgencyLevel::County);
    let body = body?;
    let plan_id = id.clone();
    let read = move |parts: &ApiParts| rows(parts, &id, &body, (agency.as_str(), level));
    let rows = state.read(read).await?;
    let records: Vec<Vec<u8>> = made(&rows).map(|of| of.json.clone()).collect();
    let ids: Vec<String> = made(&rows).map(|of| of.inspection_id.clone()).collect();
    let receipts = if records.is_empty() {
        Some(Vec::new())
    } else {
        let intake = Arc::clone(&state.0.parts.intakes.results);
        audit::note(
            &state,
            &identity,
            &request,
            Act::PostResults,
            ids.into_iter(),
        )
        .await?;
        hand_in(&*intake, records).await?
    };
    Ok(Json(report(plan_id, rows, receipts)))
}

fn rows(
    parts: &ApiParts,
    id: &str,
    workbook: &[u8],
    agency: (&str, AgencyLevel),
) -> Result<Vec<FilledRow>, ApiError> {
    let list = list_of(plan_of(parts, id)?)?;
    let engine = parts.engine();
    let offset = engine.policy().time.offset;
    drop(engine);
    let channel = |site: &str| {
        let site = Subject::Site(SiteId::new(site).ok()?);
        parts.engine().registered(&site).map(|of| of.channel)
    };
    let filling = Filling {
        list: &list,
        reference: &parts.reference,
        agency,
        offset,
        now: (parts.now)(),
        channel: &channel,
    };
    filled(workbook, &filling).map_err(|error: FilledError| ApiError::BadBody(error.to_string()))
}

/// The records that rows made.
fn made(rows: &[FilledRow]) -> impl Iterator<Item = &super::filled::FilledRecord> {
    rows.iter().filter_map(|row| row.record.as_ref().ok())
}

fn report(plan_id: String, rows: Vec<FilledRow>, receipts: Option<Vec<Receipt>>) -> FilledListDto {
    let mut receipts = receipts.map(Vec::into_iter);
    let mut item = |row: FilledRow| {
        let mut receipt = || receipts.as_mut().map(Iterator::next);
        let (inspection_id, status, fault) = match row.record {
            Err(fault) => {
                let fault = (fault.column.to_owned(), fault.value, fault.rule);
                (None, "refused", Some(fault))
            }
            Ok(of) => {
                let (status, fault) = match receipt() {
                    Some(Some(Receipt::Accepted)) => ("accepted", None),
                    Some(Some(Receipt::Duplicate)) => ("duplicate", None),
                    Some(Some(Receipt::Rejected {
                        field, value, rule, ..
                    })) => ("rejected", Some((field, value, rule))),
                    Some(None) | None => ("pending", None),
                };
                (Some(of.inspection_id), status, fault)
            }
        };
        let (field, value, rule) = match fault {
            Some((field, value, rule)) => (Some(field), Some(value), Some(rule)),
            None => (None, None, None),
        };
        FilledRowDto {
            sheet: row.sheet,
            row: row.row,
            number: row.number,
            inspection_id,
            status: status.to_owned(),
            field,
            value,
            rule,
        }
    };
    let items: Vec<FilledRowDto> = rows.into_iter().map(&mut item).collect();
    let count = |wanted: &[&str]| {
        let of = items
            .iter()
            .filter(|of| wanted.contains(&of.status.as_str()));
        of.count()
    };
    FilledListDto {
        plan_id,
        rows: items.len(),
        accepted: count(&["accepted"]),
        duplicates: count(&["duplicate"]),
        rejected: count(&["rejected", "refused"]),
        items,
    }
}
