//! Sampling plans（抽样计划）and their draws.
//!
//! A plan is asked for with its budgets and comes back with its list, or committed to until its beacon
//! is published. Its documents lie on the plan shelf, sealed from everyone but planners; the draw's
//! record is public once it is revealed.

mod book;
pub(crate) mod evaluation;
mod export;
pub(crate) mod fill;
mod filled;
mod make;
pub(crate) mod outcome;
pub(crate) mod print;
pub(crate) mod races;
mod record;

pub use book::{PlanSources, plan_inputs};
pub use evaluation::{NoEvaluation, PlansLookedAt, USUAL_PLANS};
pub use export::{csv as table, workbook};
pub use filled::{FilledError, FilledFault, FilledRecord, FilledRow, Filling, filled};
pub(crate) use print::all_on;
pub use races::{Races, drawn_plans};

use crate::audit;
use crate::document::xlsx::XLSX;
use crate::dto::{
    BeaconValueDto, DrawDto, Page, PlanDto, PlanListDto, PlanStateDto, PlanSummaryDto, ProblemDto,
};
use crate::error::ApiError;
use crate::etag::{tagged, tagged_json};
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::request::RequestId;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use record::Steps;
pub(crate) use record::hash_of;
use risk_domain::access::Act;
use risk_domain::ids::DrawId;
use risk_domain::plan_act::PlanAction;
use risk_engine::{Engine, LedgerPlan, PlanState};
use risk_planner::wire::draw::DrawRecord;
use risk_planner::{PlanError, PlanRequest};
use risk_store::{DRAW_RECORD, PlanShelf};
use serde::de::DeserializeOwned;

/// The most rows of a page.
const MAX_ROWS: usize = 500;

/// Documents of a plan.
const REQUEST: &str = "request.json";
const INPUTS: &str = "inputs.json";
const SECRET: &str = "secret";
pub(crate) const POOL: &str = "pool.txt";
/// The plan before its draw.
const PLAN: &str = "plan.json";
/// The plan with its list, with some of its hash; so is the record of its draw, [`DRAW_RECORD`].
const LIST: &str = "list";
/// Why a draw is made public, for the record.
const REVEALED: &str = "抽查结束，公开抽取记录";

impl From<PlanError> for ApiError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Field(error) => Self::BadParameter {
                field: error.field,
                rule: error.rule,
            },
            PlanError::Rules(error) => Self::BadBody(error.to_string()),
            PlanError::Clashes(_) => Self::Conflict(error.to_string()),
            PlanError::Draw(error) => Self::Conflict(error.to_string()),
            PlanError::Acceptance(error) => Self::Internal(error.to_string()),
        }
    }
}

/// Ask for a sampling plan. Without a beacon the list is drawn at once from a committed secret.
#[utoipa::path(post, path = "/v1/plans", tag = "plans",
    request_body(content = PlanRequest, description = "budgets, and whatever constrains them"),
    responses(
        (status = 201, description = "The plan; without lines where it waits for its beacon", body = PlanDto),
        (status = 400, description = "A field is not valid, or names what is not known", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "Constraints clash; the detail names them and the nearest plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "This process reads no commands, so it can record no plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDto, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The views are catching up, or the pipeline has stopped", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn post(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request_id): RequestId,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let request: PlanRequest = read_json(&body?)?;
    let shared = state.clone();
    let read = move |parts: &ApiParts| {
        let now = (parts.now)();
        let day = make::day_of(&request, parts.engine().policy().time.offset, now)?;
        races::registered(parts, &request)?;
        let books = shared.0.books.read(parts)?;
        let engine = parts.engine();
        let sources = PlanSources {
            engine: &engine,
            burdens: &books.burdens,
            lists: &books.lists,
            reference: &parts.reference,
            planning: &parts.planning,
        };
        let inputs = plan_inputs(&sources, request.known, day);
        // What follows takes long, and needs none of them.
        drop((engine, books));
        make::commit(parts, &request, inputs, now)
    };
    let (plan, steps) = state.read(read).await?;
    record::record(&state, &identity, &request_id, steps).await?;
    Ok((StatusCode::CREATED, Json(plan)).into_response())
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::BadBody(error.to_string()))
}

/// A plan as its documents have it, which must be those that the ledger holds.
fn plan_of(parts: &ApiParts, id: &str) -> Result<PlanDto, ApiError> {
    let (id, known) = record::known(parts, id)?;
    plan_as_known(&parts.shelf, &id, &known)
}

fn plan_as_known(shelf: &PlanShelf, id: &DrawId, known: &LedgerPlan) -> Result<PlanDto, ApiError> {
    let bytes = match &known.draw {
        Some((draw, _)) => {
            let name = PlanShelf::numbered(LIST, draw.list_sha256, "json");
            record::unchanged(shelf, id, &name, draw.list_sha256)?
        }
        None => record::document(shelf, id, PLAN)?,
    };
    let plan: Result<PlanDto, _> = serde_json::from_slice(&bytes);
    let mut plan = plan.map_err(|error| ApiError::Internal(error.to_string()))?;
    plan.state = known.state().into();
    // What is not drawn has no hash of its own: all that is in it stands in the ledger.
    plan.day = known.commitment.day.to_string();
    plan.created_at = known.committed.at.to_string();
    plan.commitment = (&known.commitment).into();
    Ok(plan)
}

/// A plan for somebody who is to see its targets: while these are not public, who reads them is noted first.
async fn shown(
    state: &ApiState,
    identity: &Identity,
    request: &str,
    id: String,
) -> Result<PlanDto, ApiError> {
    let plan = state.read(move |parts| plan_of(parts, &id)).await?;
    match plan.state {
        PlanStateDto::Committed | PlanStateDto::Drawn => {
            let named = [plan.plan_id.clone()].into_iter();
            audit::note(state, identity, request, Act::ReadPlan, named).await?;
        }
        PlanStateDto::Revealed => {}
    }
    Ok(plan)
}

/// Plans, the latest first.
#[utoipa::path(get, path = "/v1/plans", tag = "plans",
    params(
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<PlanSummaryDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<PlanSummaryDto>>, ApiError> {
    let read = move |parts: &ApiParts| {
        let known: Vec<(DrawId, LedgerPlan)> = parts
            .engine()
            .plans()
            .map(|(id, plan)| (id.clone(), plan.clone()))
            .collect();
        let mut plans = Vec::with_capacity(known.len());
        for (id, known) in known {
            // One changed document must not hide the other plans; asked for itself, it is refused.
            let list = plan_as_known(&parts.shelf, &id, &known)
                .ok()
                .and_then(|of| of.list);
            plans.push(PlanSummaryDto {
                plan_id: id.to_string(),
                state: known.state().into(),
                day: known.commitment.day.to_string(),
                created_at: known.committed.at.to_string(),
                tests: known.draw.map_or(0, |(draw, _)| draw.tests),
                expected_finds: list.map(|list| list.expected_finds.value),
            });
        }
        plans.sort_by(|one, other| {
            let key = |of: &PlanSummaryDto| (of.day.clone(), of.created_at.clone());
            key(other)
                .cmp(&key(one))
                .then(one.plan_id.cmp(&other.plan_id))
        });
        Ok(Json(params.page(
            &plans,
            MAX_ROWS,
            PlanSummaryDto::clone,
        )?))
    };
    state.read(read).await
}

/// One plan with its list. For planners only: coming targets stand in it.
#[utoipa::path(get, path = "/v1/plans/{id}", tag = "plans",
    params(("id" = String, Path, description = "the plan")),
    responses(
        (status = 200, description = "The plan", body = PlanDto),
        (status = 304, description = "As the client has it"),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "A document of it is not what the ledger says", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let plan = shown(&state, &identity, &request, id).await?;
    tagged_json(&headers, &plan)
}

/// The list of a plan as a table: CSV in UTF-8 with a byte order mark, Chinese headings.
#[utoipa::path(get, path = "/v1/plans/{id}/lines.csv", tag = "plans",
    params(("id" = String, Path, description = "the plan")),
    responses(
        (status = 200, description = "The table", body = String, content_type = "text/csv"),
        (status = 304, description = "As the client has it"),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "The plan waits for its beacon", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn csv(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let plan = shown(&state, &identity, &request, id).await?;
    let read = move |_: &ApiParts| {
        let list = list_of(plan)?;
        let table = export::csv(&list);
        Ok(tagged(
            &headers,
            "text/csv; charset=utf-8",
            table.into_bytes(),
        ))
    };
    state.read(read).await
}

/// The list of a plan as a workbook (XLSX): all tests, then a sheet for each day of a team in the order of
/// the walk.
#[utoipa::path(get, path = "/v1/plans/{id}/lines.xlsx", tag = "plans",
    params(("id" = String, Path, description = "the plan")),
    responses(
        (status = 200, description = "The workbook", body = Vec<u8>, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (status = 304, description = "As the client has it"),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "The plan waits for its beacon", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn xlsx(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let plan = shown(&state, &identity, &request, id).await?;
    let read = move |parts: &ApiParts| {
        let list = list_of(plan)?;
        let visits = parts.planning.rules.visits_per_team_day;
        let workbook =
            workbook(&list, visits).map_err(|error| ApiError::Internal(error.to_string()))?;
        Ok(tagged(&headers, XLSX, workbook))
    };
    state.read(read).await
}

/// The list of a plan as a page to print, with check boxes.
#[utoipa::path(get, path = "/v1/plans/{id}/lines.html", tag = "plans",
    params(("id" = String, Path, description = "the plan")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 304, description = "As the client has it"),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "The plan waits for its beacon", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn html(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let plan = shown(&state, &identity, &request, id).await?;
    let read = move |_: &ApiParts| {
        let title = format!("抽样计划 {} {}", plan.day, plan.plan_id);
        let page = export::html(&title, &list_of(plan)?);
        Ok(tagged(
            &headers,
            "text/html; charset=utf-8",
            page.into_bytes(),
        ))
    };
    state.read(read).await
}

/// Why the list of a plan cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoList(String);

/// The list of a drawn plan from its documents, which must be what the ledger says.
pub fn kept_list(engine: &Engine, shelf: &PlanShelf, id: &str) -> Result<PlanListDto, NoList> {
    let none = || NoList(format!("there is no plan {id} in the ledger"));
    let draw = DrawId::new(id).map_err(|_| none())?;
    let known = engine.plan(&draw).ok_or_else(none)?;
    let list = plan_as_known(shelf, &draw, known).and_then(list_of);
    list.map_err(|error| NoList(error.detail()))
}

fn list_of(plan: PlanDto) -> Result<PlanListDto, ApiError> {
    let waits = || ApiError::Conflict("the plan waits for the value of its beacon".to_owned());
    plan.list.ok_or_else(waits)
}

/// Draw a committed plan with the value of its beacon.
#[utoipa::path(post, path = "/v1/plans/{id}/draw", tag = "plans",
    params(("id" = String, Path, description = "the plan")),
    request_body(content = BeaconValueDto),
    responses(
        (status = 200, description = "The plan with its list", body = PlanDto),
        (status = 400, description = "The body cannot be read", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "It was drawn already, or the value is empty", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn draw(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request_id): RequestId,
    Id(id): Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<PlanDto>, ApiError> {
    let value: BeaconValueDto = read_json(&body?)?;
    let read = move |parts: &ApiParts| make::draw_again(parts, &id, &value);
    let (plan, steps) = state.read(read).await?;
    record::record(&state, &identity, &request_id, steps).await?;
    Ok(Json(plan))
}

/// Reveal the draw of a plan, after its visits: pool, secret and list are public from then on.
#[utoipa::path(post, path = "/v1/plans/{id}/reveal", tag = "plans",
    params(("id" = String, Path, description = "the plan")),
    responses(
        (status = 200, description = "The draw, with its record", body = DrawDto),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "It is not drawn yet", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn reveal(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request_id): RequestId,
    Id(id): Id,
) -> Result<Json<DrawDto>, ApiError> {
    let asked = id.clone();
    let read = move |parts: &ApiParts| {
        let (id, known) = record::known(parts, &asked)?;
        match known.state() {
            PlanState::Committed => {
                let why = "a draw that was not made cannot be revealed";
                Err(ApiError::Conflict(why.to_owned()))
            }
            PlanState::Drawn => {
                // What cannot be shown must not be called public.
                record_of(parts, &id, &known)?;
                record::unchanged(&parts.shelf, &id, POOL, known.commitment.pool_sha256)?;
                Ok(Some(Steps {
                    plan: id,
                    at: (parts.now)(),
                    reason: REVEALED.to_owned(),
                    actions: vec![PlanAction::Reveal],
                }))
            }
            PlanState::Revealed => Ok(None),
        }
    };
    if let Some(steps) = state.read(read).await? {
        record::record(&state, &identity, &request_id, steps).await?;
    }
    let read = move |parts: &ApiParts| Ok(Json(draw_of(parts, &id)?));
    state.read(read).await
}

fn record_of(
    parts: &ApiParts,
    id: &DrawId,
    known: &LedgerPlan,
) -> Result<Option<DrawRecord>, ApiError> {
    let Some((draw, _)) = &known.draw else {
        return Ok(None);
    };
    let name = PlanShelf::numbered(DRAW_RECORD, draw.record_sha256, "json");
    let bytes = record::unchanged(&parts.shelf, id, &name, draw.record_sha256)?;
    read_json(&bytes).map(Some)
}

fn draw_of(parts: &ApiParts, id: &str) -> Result<DrawDto, ApiError> {
    let (id, known) = record::known(parts, id)?;
    let public = match known.state() {
        PlanState::Revealed => record_of(parts, &id, &known)?,
        PlanState::Committed | PlanState::Drawn => None,
    };
    Ok(DrawDto {
        draw_id: id.to_string(),
        state: known.state().into(),
        committed_at: known.committed.at.to_string(),
        commitment: (&known.commitment).into(),
        record: public,
    })
}

/// What the public sees of a draw: the commitments, and once it is revealed its record.
#[utoipa::path(get, path = "/v1/draws/{id}", tag = "plans",
    params(("id" = String, Path, description = "the draw")),
    responses(
        (status = 200, description = "The draw", body = DrawDto),
        (status = 304, description = "As the client has it"),
        (status = 404, description = "There is no such draw", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "A document of it is not what the ledger says", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn draw_one(
    State(state): State<ApiState>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| tagged_json(&headers, &draw_of(parts, &id)?);
    state.read(read).await
}

/// The pool of a revealed draw, the text whose hash was committed to.
#[utoipa::path(get, path = "/v1/draws/{id}/pool", tag = "plans",
    params(("id" = String, Path, description = "the draw")),
    responses(
        (status = 200, description = "The pool", body = String, content_type = "text/plain"),
        (status = 304, description = "As the client has it"),
        (status = 404, description = "There is no such draw", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "It is not revealed yet", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn draw_pool(
    State(state): State<ApiState>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| {
        let (id, known) = record::known(parts, &id)?;
        if known.state() != PlanState::Revealed {
            return Err(ApiError::Conflict(
                "the draw is not revealed yet".to_owned(),
            ));
        }
        let pool = record::unchanged(&parts.shelf, &id, POOL, known.commitment.pool_sha256)?;
        Ok(tagged(&headers, "text/plain; charset=utf-8", pool))
    };
    state.read(read).await
}
