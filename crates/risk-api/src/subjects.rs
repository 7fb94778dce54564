//! Subjects with their grades.

use crate::dto::{AssessmentDto, Page, ProblemDto, SubjectDto, name_of};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::ApiState;
use axum::Json;
use axum::extract::{Path, Query, State};
use risk_domain::ids::{SectorCode, ZoneId};
use risk_domain::scales::RiskLevel;
use risk_domain::subject::{Subject, SubjectKind};
use risk_engine::{Assessment, Engine};
use risk_store::{SubjectOrder, SubjectQuery};

/// Recorded assessments shown with a subject.
const HISTORY: usize = 50;

fn shown(
    state: &ApiState,
    engine: &Engine,
    assessment: &Assessment,
    provisional: bool,
) -> AssessmentDto {
    let name = name_of(&assessment.subject, engine, &state.0.reference);
    AssessmentDto::new(
        assessment,
        name,
        engine.end_of(assessment.epoch),
        provisional,
    )
}

/// Recorded grades, filtered and sorted.
#[utoipa::path(get, path = "/v1/subjects", tag = "subjects",
    params(
        ("kind" = Option<String>, Query, description = "product, enterprise, site, zone, sector or cell"),
        ("zone" = Option<String>, Query, description = "only subjects seen in this zone or below it"),
        ("sector" = Option<String>, Query, description = "only subjects seen in this sector"),
        ("level" = Option<String>, Query, description = "only this risk level"),
        ("sort" = Option<String>, Query, description = "-probability (default), probability or name"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 1000, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "A page", body = Page<AssessmentDto>), (status = 400, description = "A parameter is not valid", body = ProblemDto)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Page<AssessmentDto>>, ApiError> {
    let params = Params::new(
        pairs,
        &["kind", "zone", "sector", "level", "sort", "limit", "cursor"],
    )?;
    let query = SubjectQuery {
        kind: params.parse(
            "kind",
            "must be product, enterprise, site, zone, sector or cell",
            SubjectKind::from_code,
        )?,
        zone: params.parse("zone", "must be a zone's id", |text| ZoneId::new(text).ok())?,
        sector: params.parse("sector", "must be a sector's code", |text| {
            SectorCode::new(text).ok()
        })?,
        level: params.parse(
            "level",
            "must be undetermined, low, medium, high or serious",
            RiskLevel::from_code,
        )?,
    };
    let order = |text: &str| match text {
        "-probability" => Some(SubjectOrder::ProbabilityDesc),
        "probability" => Some(SubjectOrder::ProbabilityAsc),
        "name" => Some(SubjectOrder::Name),
        _unknown => None,
    };
    let order = params.parse("sort", "must be -probability, probability or name", order)?;
    let order = order.unwrap_or(SubjectOrder::ProbabilityDesc);
    let page = state
        .0
        .reader
        .subjects(&query, order, params.limit()?, params.text("cursor"))?;
    let engine = state.engine();
    let items = page
        .items
        .iter()
        .map(|item| shown(&state, &engine, item, false))
        .collect();
    Ok(Json(Page {
        items,
        next: page.next,
    }))
}

/// One subject: what stands, the estimate of this moment, and its history.
#[utoipa::path(get, path = "/v1/subjects/{id}", tag = "subjects",
    params(("id" = String, Path, description = "the subject, as enterprise:ID; `%`, `:` and `/` within an id are written %25, %3A and %2F, and the whole is percent-encoded once more in the path")),
    responses((status = 200, description = "The subject", body = SubjectDto), (status = 400, description = "No subject's id", body = ProblemDto), (status = 404, description = "Never seen", body = ProblemDto)))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<SubjectDto>, ApiError> {
    let subject = read_subject(&id)?;
    let recorded = state.0.reader.subject(&subject)?;
    let history = state.0.reader.history(&subject, HISTORY, None)?;
    let now = (state.0.now)();
    let engine = state.engine();
    let provisional = engine.provisional(&subject, now);
    let name = name_of(&subject, &engine, &state.0.reference);
    if recorded.is_none() && provisional.is_none() && !engine.knows(&subject) {
        return Err(ApiError::NotFound(format!("{subject} has never been seen")));
    }
    Ok(Json(SubjectDto {
        subject: subject.to_string(),
        name,
        recorded: recorded
            .as_ref()
            .map(|item| shown(&state, &engine, item, false)),
        provisional: provisional
            .as_ref()
            .map(|item| shown(&state, &engine, item, true)),
        history: history
            .items
            .iter()
            .map(|item| shown(&state, &engine, item, false))
            .collect(),
    }))
}

/// Recorded assessments of a subject, the latest first.
#[utoipa::path(get, path = "/v1/subjects/{id}/history", tag = "subjects",
    params(("id" = String, Path, description = "the subject"), ("limit" = Option<u32>, Query, description = "rows of the page"), ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "A page", body = Page<AssessmentDto>), (status = 400, description = "A parameter is not valid", body = ProblemDto)))]
pub(crate) async fn history(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Page<AssessmentDto>>, ApiError> {
    let subject = read_subject(&id)?;
    let params = Params::new(pairs, &["limit", "cursor"])?;
    let page = state
        .0
        .reader
        .history(&subject, params.limit()?, params.text("cursor"))?;
    let engine = state.engine();
    let items = page
        .items
        .iter()
        .map(|item| shown(&state, &engine, item, false))
        .collect();
    Ok(Json(Page {
        items,
        next: page.next,
    }))
}

fn read_subject(id: &str) -> Result<Subject, ApiError> {
    id.parse().map_err(
        |error: risk_domain::subject::SubjectError| ApiError::BadParameter {
            field: "id".to_owned(),
            rule: error.to_string(),
        },
    )
}
