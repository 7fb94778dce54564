//! Plans in the making: a design that is committed to, its draw, the documents of both.

use super::record::{self, Steps};
use super::{INPUTS, LIST, PLAN, POOL, REQUEST, SECRET, plan_as_known, read_json};
use crate::dto::{BeaconValueDto, PlanDto, PlanListDto, PlanStateDto};
use crate::error::ApiError;
use crate::state::ApiParts;
use risk_domain::ids::DrawId;
use risk_domain::plan_act::{PlanAction, PlanDraw, hexadecimal};
use risk_domain::time::{CivilOffset, Day, Timestamp};
use risk_planner::wire::draw::DrawRecord;
use risk_planner::wire::inputs::PlanInputs;
use risk_planner::{
    Commitment, Design, DrawError, DrawKey, ModelView, Plan, PlanRequest, Pool, Secret,
};
use risk_store::{DRAW_RECORD, PlanShelf};

/// Why a plan is made, and drawn, where nobody said.
const PLANNED: &str = "制定抽样计划";
const DRAWN: &str = "按公共信标抽取";

pub(super) fn day_of(
    request: &PlanRequest,
    offset: CivilOffset,
    now: Timestamp,
) -> Result<Day, ApiError> {
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

/// Designs, commits and, where nothing is to be waited for, draws. The documents are kept; the plan
/// stands once its steps are in the ledger.
pub(super) fn commit(
    parts: &ApiParts,
    request: &PlanRequest,
    inputs: PlanInputs,
    now: Timestamp,
) -> Result<(PlanDto, Steps), ApiError> {
    let day = inputs.day;
    let seed = risk_store::fresh_seed();
    let id = DrawId::new(format!(
        "P-{day}-{}",
        hexadecimal(&risk_store::fresh_seed()[..5])
    ))
    .map_err(|error| ApiError::Internal(error.to_string()))?;
    let secret = Secret::new(seed);
    let (asked, kept) = (json(request)?, json(&inputs)?);
    let design_hash = record::design_hash(&asked, &kept, &parts.planning.hash);
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
    shelf.put(&id, REQUEST, &asked)?;
    shelf.put(&id, INPUTS, &kept)?;
    shelf.put(&id, POOL, text.as_bytes())?;
    shelf.put(&id, PLAN, &json(&plan)?)?;
    let held = record::held_to(day, design_hash, &commitment)?;
    let mut actions = vec![PlanAction::Commit(held)];
    if let Some(drawn) = &drawn {
        actions.push(settle(parts, &mut plan, &commitment, &secret, None, drawn)?);
    }
    let steps = Steps {
        plan: id,
        at: now,
        reason: said(request.reason.as_deref(), PLANNED),
        actions,
    };
    Ok((plan, steps))
}

fn said(reason: Option<&str>, otherwise: &str) -> String {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    reason.unwrap_or(otherwise).to_owned()
}

fn draw_error(error: &DrawError) -> ApiError {
    ApiError::Conflict(error.to_string())
}

/// Keeps what was drawn, and makes the step that says so.
fn settle(
    parts: &ApiParts,
    plan: &mut PlanDto,
    commitment: &Commitment,
    secret: &Secret,
    beacon_value: Option<&str>,
    drawn: &Plan,
) -> Result<PlanAction, ApiError> {
    let share = parts.planning.rules.reserves;
    let record = json(&DrawRecord::new(
        commitment,
        secret,
        beacon_value,
        share,
        drawn,
    ))?;
    plan.state = PlanStateDto::Drawn;
    plan.list = Some(PlanListDto::new(drawn, &parts.reference, &parts.planning));
    let list = json(plan)?;
    let hashes = (record::hash_of(&list), record::hash_of(&record));
    let shelf = &parts.shelf;
    shelf.put(
        &drawn.draw,
        &PlanShelf::numbered(LIST, hashes.0, "json"),
        &list,
    )?;
    shelf.put(
        &drawn.draw,
        &PlanShelf::numbered(DRAW_RECORD, hashes.1, "json"),
        &record,
    )?;
    Ok(PlanAction::Draw(PlanDraw {
        list_sha256: hashes.0,
        record_sha256: hashes.1,
        tests: drawn.lines.len() as u32,
        beacon_value: beacon_value.map(Into::into),
    }))
}

fn pool_of(inputs: PlanInputs) -> Result<(Pool, ModelView), ApiError> {
    inputs
        .parts()
        .map_err(|error| ApiError::Internal(error.to_string()))
}

fn json<T: serde::Serialize>(of: &T) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(of).map_err(|error| ApiError::Internal(error.to_string()))
}

/// Draws what was committed to, from documents that are still those.
pub(super) fn draw_again(
    parts: &ApiParts,
    id: &str,
    value: &BeaconValueDto,
) -> Result<(PlanDto, Steps), ApiError> {
    let (id, known) = record::known(parts, id)?;
    if known.draw.is_some() {
        return Err(ApiError::Conflict("the plan was drawn already".to_owned()));
    }
    let mut plan = plan_as_known(&parts.shelf, &id, &known)?;
    let shelf = &parts.shelf;
    let asked = record::document(shelf, &id, REQUEST)?;
    let kept = record::document(shelf, &id, INPUTS)?;
    let found = record::design_hash(&asked, &kept, &parts.planning.hash);
    let what = "request, inputs or planning policy";
    record::same(&id, what, found, known.commitment.design_sha256)?;
    let mut request: PlanRequest = read_json(&asked)?;
    // What clashes only after the draw is relaxed: a committed draw is not made again.
    request.relax = true;
    let inputs: PlanInputs = read_json(&kept)?;
    let secret = String::from_utf8_lossy(&record::document(shelf, &id, SECRET)?).into_owned();
    let secret = Secret::from_hex(&secret).map_err(|error| draw_error(&error))?;
    let day = inputs.day;
    let (pool, view) = pool_of(inputs)?;
    let design = Design::new(&parts.planning, &request, &pool, &view, day, id.clone())?;
    let commitment = design.commit(&secret);
    let held = record::held_to(day, found, &commitment)?;
    record::same(
        &id,
        "the pool",
        held.pool_sha256,
        known.commitment.pool_sha256,
    )?;
    record::same(
        &id,
        "the secret",
        held.secret_sha256,
        known.commitment.secret_sha256,
    )?;
    let beacon = commitment.beacon.as_ref();
    let key = DrawKey::new(&secret, beacon, Some(&value.beacon_value))
        .map_err(|error| draw_error(&error))?;
    let drawn = design.draw(&key)?;
    let told = Some(value.beacon_value.as_str());
    let action = settle(parts, &mut plan, &commitment, &secret, told, &drawn)?;
    let steps = Steps {
        plan: id,
        at: (parts.now)(),
        reason: said(value.reason.as_deref(), DRAWN),
        actions: vec![action],
    };
    Ok((plan, steps))
}
