//! What became of a plan（计划结果）: its lines, what was reported of them, and what was expected.

use super::{list_of, plan_of};
use crate::dto::{
    ExpectedDto, PlanDto, PlanLineDto, PlanListDto, PlanModeResultsDto, PlanResultDto,
    PlanResultsDto, PlanStrayDto, ProblemDto,
};
use crate::error::ApiError;
use crate::params::Id;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use risk_domain::ids::DrawId;
use risk_domain::inspection::Outcome;
use risk_domain::selection::SelectionMode;
use risk_engine::Reported;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// What became of a plan: each line's result, and failures proved against those expected.
#[utoipa::path(get, path = "/v1/plans/{id}/results", tag = "plans",
    params(("id" = String, Path, description = "the plan")),
    responses(
        (status = 200, description = "The results", body = PlanResultsDto),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "The plan waits for its beacon", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn results(
    State(state): State<ApiState>,
    Id(id): Id,
) -> Result<Json<PlanResultsDto>, ApiError> {
    let shared = state.clone();
    let read = move |parts: &ApiParts| {
        let plan = plan_of(parts, &id)?;
        let draw = DrawId::new(&id).map_err(|error| ApiError::Internal(error.to_string()))?;
        let reported = shared.0.books.read(parts)?.drawn.of(&draw);
        told(plan, &reported).map(Json)
    };
    state.read(read).await
}

/// A target as plans write it: `%` and `/` within a part are escaped.
fn target_text(parts: [&str; 3]) -> String {
    parts
        .map(|part| part.replace('%', "%25").replace('/', "%2F"))
        .join("/")
}

/// The target of a line, as plans write it.
pub(super) fn target_of(line: &PlanLineDto) -> String {
    let of = &line.target;
    target_text([&of.enterprise_id, &of.site_id, &of.product])
}

fn key_of(of: &Reported) -> (SelectionMode, String) {
    let parts = [
        of.enterprise.as_str(),
        of.site.as_str(),
        of.product.as_str(),
    ];
    (of.mode, target_text(parts))
}

fn told(plan: PlanDto, reported: &[Reported]) -> Result<PlanResultsDto, ApiError> {
    let (plan_id, state) = (plan.plan_id.clone(), plan.state);
    let list = list_of(plan)?;
    let mut open: BTreeMap<(SelectionMode, String), &Reported> = BTreeMap::new();
    let mut strays = Vec::new();
    for one in reported {
        // Of two results of one line the first stands for it; the other is told beside.
        match open.entry(key_of(one)) {
            Entry::Occupied(_) => strays.push(one),
            Entry::Vacant(place) => {
                place.insert(one);
            }
        }
    }
    let mut modes: BTreeMap<String, PlanModeResultsDto> = BTreeMap::new();
    let (mut lines, mut missing) = (Vec::new(), Vec::new());
    let (mut of_tested, mut chance, mut chance_of_tested) = (0.0, 0.0, 0.0);
    for (number, line) in (1..).zip(&list.lines) {
        let of_mode = modes
            .entry(line.mode.clone())
            .or_insert_with(|| PlanModeResultsDto {
                mode: line.mode.clone(),
                ..PlanModeResultsDto::default()
            });
        of_mode.planned += 1;
        of_mode.expected += line.expected_finds;
        let spread = line.expected_finds * (1.0 - line.expected_finds);
        chance += spread;
        let mode = SelectionMode::from_code(&line.mode);
        let result = mode.and_then(|mode| open.remove(&(mode, target_of(line))));
        let Some(result) = result else {
            missing.push(number);
            continue;
        };
        let tested = matches!(result.outcome, Outcome::Conforming | Outcome::Nonconforming);
        of_mode.reported += 1;
        if tested {
            of_mode.tested += 1;
            of_tested += line.expected_finds;
            chance_of_tested += spread;
        }
        of_mode.failed += u32::from(result.outcome == Outcome::Nonconforming);
        of_mode.proved += u32::from(result.proved);
        lines.push(PlanResultDto {
            number,
            mode: line.mode.clone(),
            target: target_of(line),
            inspection_id: result.id.to_string(),
            outcome: result.outcome.code().to_owned(),
            proved: result.proved,
            expected_finds: line.expected_finds,
        });
    }
    strays.extend(open.into_values());
    let sum = |of: fn(&PlanModeResultsDto) -> u32| modes.values().map(of).sum();
    let share = if chance > 0.0 {
        chance_of_tested / chance
    } else {
        0.0
    };
    Ok(PlanResultsDto {
        plan_id,
        state,
        planned: sum(|of| of.planned),
        reported: sum(|of| of.reported),
        tested: sum(|of| of.tested),
        failed: sum(|of| of.failed),
        proved: sum(|of| of.proved),
        expected_of_tested: part(list.expected_finds, of_tested + 0.0, share),
        expected_finds: list.expected_finds,
        modes: modes.into_values().collect(),
        lines,
        missing,
        strays: told_beside(&list, &strays),
    })
}

/// The part of an expectation whose share of the chance was tested: its interval narrows with the root.
fn part(whole: ExpectedDto, value: f64, share: f64) -> ExpectedDto {
    let half = (whole.upper - whole.value) * share.sqrt();
    ExpectedDto {
        value,
        lower: (value - half).max(0.0),
        upper: value + half,
    }
}

/// Results that bear the draw and are of no line, or of one that has a result already.
fn told_beside(list: &PlanListDto, strays: &[&Reported]) -> Vec<PlanStrayDto> {
    let reserves = list.reserves.iter();
    let reserves: BTreeSet<(&str, &str)> = reserves
        .map(|of| (of.mode.as_str(), of.target.as_str()))
        .collect();
    let stray = |of: &&Reported| {
        let (_, target) = key_of(of);
        PlanStrayDto {
            reserve: reserves.contains(&(of.mode.code(), target.as_str())),
            inspection_id: of.id.to_string(),
            mode: of.mode.code().to_owned(),
            outcome: of.outcome.code().to_owned(),
            proved: of.proved,
            target,
        }
    };
    strays.iter().map(stray).collect()
}
