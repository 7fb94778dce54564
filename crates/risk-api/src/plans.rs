//! Sampling plans（抽样计划）and their draws.
//!
//! A plan is asked for with its budgets and comes back with its list, or committed to until its beacon
//! is published. Its documents lie on the plan shelf, sealed from everyone but planners; the draw's
//! record is public once it is revealed.

mod book;
mod export;
pub(crate) mod print;

pub(crate) use book::VisitBook;
pub use book::plan_inputs;
pub use export::{csv as table, workbook};
pub(crate) use print::all_on;

use crate::document::xlsx::XLSX;
use crate::dto::{
    BeaconValueDto, DrawDto, Page, PlanDto, PlanListDto, PlanStateDto, PlanSummaryDto, ProblemDto,
};
use crate::error::ApiError;
use crate::etag::{tagged, tagged_json};
use crate::identity::hexadecimal;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use risk_domain::ids::DrawId;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use risk_planner::wire::draw::DrawRecord;
use risk_planner::wire::inputs::PlanInputs;
use risk_planner::{
    Commitment, Design, DrawError, DrawKey, ModelView, Plan, PlanError, PlanRequest, Pool, Secret,
};
use serde::de::DeserializeOwned;

/// The most rows of a page.
const MAX_ROWS: usize = 500;

/// Documents of a plan.
const REQUEST: &str = "request.json";
const INPUTS: &str = "inputs.json";
const SECRET: &str = "secret";
const POOL: &str = "pool.txt";
const PLAN: &str = "plan.json";
const RECORD: &str = "record.json";

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
        (status = 413, description = "Too large", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The views are catching up", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn post(
    State(state): State<ApiState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let request: PlanRequest = read_json(&body?)?;
    let shared = state.clone();
    let read = move |parts: &ApiParts| {
        let now = (parts.now)();
        let day = day_of(&request, parts.engine().policy().time.offset, now)?;
        let inputs = shared.0.visits.inputs(parts, day)?;
        let plan = commit(parts, &request, inputs, now)?;
        Ok((StatusCode::CREATED, Json(plan)).into_response())
    };
    state.read(read).await
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::BadBody(error.to_string()))
}

fn day_of(request: &PlanRequest, offset: CivilOffset, now: Timestamp) -> Result<Day, ApiError> {
    let Some(text) = &request.as_of else {
        return Ok(offset.day_of(now));
    };
    if let Ok(day) = text.parse::<Day>() {
        return Ok(day);
    }
    let instant = Timestamp::parse(text).map_err(|_| ApiError::BadParameter {
        field: "as_of".to_owned(),
        rule: "must be a day, as 2026-11-30, or an RFC 3339 instant".to_owned(),
    })?;
    Ok(offset.day_of(instant))
}

/// Designs, commits and, where nothing is to be waited for, draws.
fn commit(
    parts: &ApiParts,
    request: &PlanRequest,
    inputs: PlanInputs,
    now: Timestamp,
) -> Result<PlanDto, ApiError> {
    let day = inputs.day;
    let seed = risk_store::fresh_seed();
    let id = DrawId::new(format!(
        "P-{day}-{}",
        hexadecimal(&risk_store::fresh_seed()[..5])
    ))
    .map_err(|error| ApiError::Internal(error.to_string()))?;
    let secret = Secret::new(seed);
    let kept = json(&inputs)?;
    let (pool, view) = pool_of(inputs)?;
    let design = Design::new(&parts.planning, request, &pool, &view, day, id.clone())?;
    let commitment = design.commit(&secret);
    let mut plan = PlanDto {
        plan_id: id.to_string(),
        state: PlanStateDto::Committed,
        day: day.to_string(),
        created_at: now.to_string(),
        commitment: (&commitment).into(),
        policy_version: parts.planning.version.to_string(),
        policy_sha256: parts.planning.hash.to_string(),
        list: None,
    };
    // What waits for its beacon must not fail then for what can be known now.
    let drawn = match &commitment.beacon {
        None => Some(
            design.draw(&DrawKey::new(&secret, None, None).map_err(|error| draw_error(&error))?)?,
        ),
        Some(_) => None,
    };
    let mut text = String::new();
    design.write_pool(|part| text.push_str(part));
    let shelf = &parts.shelf;
    shelf.put(&id, SECRET, secret.reveal().as_bytes())?;
    shelf.put(&id, REQUEST, &json(request)?)?;
    shelf.put(&id, INPUTS, &kept)?;
    shelf.put(&id, POOL, text.as_bytes())?;
    if let Some(drawn) = &drawn {
        settle(parts, &mut plan, &commitment, &secret, None, drawn)?;
    } else {
        shelf.put(&id, PLAN, &json(&plan)?)?;
    }
    Ok(plan)
}

fn draw_error(error: &DrawError) -> ApiError {
    ApiError::Conflict(error.to_string())
}

/// Keeps what was drawn.
fn settle(
    parts: &ApiParts,
    plan: &mut PlanDto,
    commitment: &Commitment,
    secret: &Secret,
    beacon_value: Option<&str>,
    drawn: &Plan,
) -> Result<(), ApiError> {
    let share = parts.planning.rules.reserves;
    let record = DrawRecord::new(commitment, secret, beacon_value, share, drawn);
    plan.state = PlanStateDto::Drawn;
    plan.list = Some(PlanListDto::new(drawn, &parts.reference, &parts.planning));
    parts.shelf.put(&drawn.draw, RECORD, &json(&record)?)?;
    // The plan comes last: it says that it was drawn.
    parts.shelf.put(&drawn.draw, PLAN, &json(plan)?)?;
    Ok(())
}

fn pool_of(inputs: PlanInputs) -> Result<(Pool, ModelView), ApiError> {
    inputs
        .parts()
        .map_err(|error| ApiError::Internal(error.to_string()))
}

fn json<T: serde::Serialize>(of: &T) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(of).map_err(|error| ApiError::Internal(error.to_string()))
}

/// A document of a plan that is there.
fn document(parts: &ApiParts, id: &str, name: &str) -> Result<Vec<u8>, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no plan {id}"));
    let id = DrawId::new(id).map_err(|_| missing())?;
    parts.shelf.get(&id, name)?.ok_or_else(missing)
}

fn plan_of(parts: &ApiParts, id: &str) -> Result<PlanDto, ApiError> {
    let bytes = document(parts, id, PLAN)?;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::Internal(error.to_string()))
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
        let mut plans = Vec::new();
        for id in parts.shelf.list()? {
            let plan = plan_of(parts, id.as_str())?;
            plans.push(PlanSummaryDto {
                plan_id: plan.plan_id,
                state: plan.state,
                day: plan.day,
                created_at: plan.created_at,
                tests: plan.list.as_ref().map_or(0, |list| list.lines.len() as u32),
                expected_finds: plan.list.map(|list| list.expected_finds.value),
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
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| tagged_json(&headers, &plan_of(parts, &id)?);
    state.read(read).await
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
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| {
        let list = list_of(plan_of(parts, &id)?)?;
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
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| {
        let list = list_of(plan_of(parts, &id)?)?;
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
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| {
        let plan = plan_of(parts, &id)?;
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
    Id(id): Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<PlanDto>, ApiError> {
    let value: BeaconValueDto = read_json(&body?)?;
    let read = move |parts: &ApiParts| {
        let mut plan = plan_of(parts, &id)?;
        if plan.state != PlanStateDto::Committed {
            return Err(ApiError::Conflict("the plan was drawn already".to_owned()));
        }
        let mut request: PlanRequest = read_json(&document(parts, &id, REQUEST)?)?;
        // What clashes only after the draw is relaxed: a committed draw is not made again.
        request.relax = true;
        let inputs: PlanInputs = read_json(&document(parts, &id, INPUTS)?)?;
        let secret = String::from_utf8_lossy(&document(parts, &id, SECRET)?).into_owned();
        let secret = Secret::from_hex(&secret).map_err(|error| draw_error(&error))?;
        let day = inputs.day;
        let (pool, view) = pool_of(inputs)?;
        let draw = DrawId::new(&id).map_err(|error| ApiError::Internal(error.to_string()))?;
        let design = Design::new(&parts.planning, &request, &pool, &view, day, draw)?;
        let commitment = design.commit(&secret);
        if commitment.pool_sha256 != plan.commitment.pool_sha256 {
            return Err(ApiError::Conflict(
                "the pool is not the one that was committed to: the planning policy changed since"
                    .to_owned(),
            ));
        }
        let beacon = commitment.beacon.as_ref();
        let key = DrawKey::new(&secret, beacon, Some(&value.beacon_value))
            .map_err(|error| draw_error(&error))?;
        let drawn = design.draw(&key)?;
        let value = Some(value.beacon_value.as_str());
        settle(parts, &mut plan, &commitment, &secret, value, &drawn)?;
        Ok(Json(plan))
    };
    state.read(read).await
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
    Id(id): Id,
) -> Result<Json<DrawDto>, ApiError> {
    let read = move |parts: &ApiParts| {
        let mut plan = plan_of(parts, &id)?;
        match plan.state {
            PlanStateDto::Committed => {
                let why = "a draw that was not made cannot be revealed";
                return Err(ApiError::Conflict(why.to_owned()));
            }
            PlanStateDto::Drawn => {
                plan.state = PlanStateDto::Revealed;
                let draw =
                    DrawId::new(&id).map_err(|error| ApiError::Internal(error.to_string()))?;
                parts.shelf.put(&draw, PLAN, &json(&plan)?)?;
            }
            PlanStateDto::Revealed => {}
        }
        Ok(Json(draw_of(parts, plan)?))
    };
    state.read(read).await
}

fn draw_of(parts: &ApiParts, plan: PlanDto) -> Result<DrawDto, ApiError> {
    let record = match plan.state {
        PlanStateDto::Revealed => Some(read_json(&document(parts, &plan.plan_id, RECORD)?)?),
        PlanStateDto::Committed | PlanStateDto::Drawn => None,
    };
    Ok(DrawDto {
        draw_id: plan.plan_id,
        state: plan.state,
        committed_at: plan.created_at,
        commitment: plan.commitment,
        record,
    })
}

/// What the public sees of a draw: the commitments, and once it is revealed its record.
#[utoipa::path(get, path = "/v1/draws/{id}", tag = "plans",
    params(("id" = String, Path, description = "the draw")),
    responses(
        (status = 200, description = "The draw", body = DrawDto),
        (status = 304, description = "As the client has it"),
        (status = 404, description = "There is no such draw", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn draw_one(
    State(state): State<ApiState>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| {
        let plan = plan_of(parts, &id)?;
        tagged_json(&headers, &draw_of(parts, plan)?)
    };
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
        if plan_of(parts, &id)?.state != PlanStateDto::Revealed {
            return Err(ApiError::Conflict(
                "the draw is not revealed yet".to_owned(),
            ));
        }
        let pool = document(parts, &id, POOL)?;
        Ok(tagged(&headers, "text/plain; charset=utf-8", pool))
    };
    state.read(read).await
}
