//! Races of two lists（清单对比）: their terms are held by the ledger with the first plan that names them, their lists
//! with each plan; the verdict is of the first results, and none is given before the end.

use super::outcome::target_of;
use super::{LIST, record};
use crate::dto::{
    Page, PlanDto, PlanListDto, ProblemDto, RaceDto, RaceListedDto, RaceOutcomeDto, RaceStateDto,
};
use crate::error::ApiError;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use risk_domain::ids::DrawId;
use risk_domain::inspection::Outcome;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Timestamp;
use risk_engine::{DrawnResults, Engine, LedgerPlan};
use risk_planner::PlanRequest;
use risk_planner::evaluate::{RaceSide, RacedTest, Verdict, verdict};
use risk_planner::wire::request::RaceRequest;
use risk_store::PlanShelf;
use std::collections::BTreeMap;

/// The most rows of a page.
const MAX_ROWS: usize = 100;

/// A plan in which a race is run.
#[derive(Debug)]
struct Leg {
    at: Timestamp,
    plan: DrawId,
    terms: RaceListedDto,
    list: PlanListDto,
}

/// All races（清单对比台账）as plans and ledger have them.
#[derive(Debug, Default)]
pub struct Races {
    /// Plans of each race, in the order in which they were committed to.
    legs: BTreeMap<String, Vec<Leg>>,
    unreadable: Vec<String>,
}

impl Races {
    /// The races in the lists of drawn plans, which must be what the ledger says.
    pub fn of(plans: &[(DrawId, LedgerPlan)], shelf: &PlanShelf) -> Self {
        let mut races = Self::default();
        for (id, known) in plans {
            let Some((draw, _)) = &known.draw else {
                continue;
            };
            let name = PlanShelf::numbered(LIST, draw.list_sha256, "json");
            let Ok(bytes) = record::unchanged(shelf, id, &name, draw.list_sha256) else {
                races.unreadable.push(id.to_string());
                continue;
            };
            // Most plans run no race, and a list is long.
            let named = b"\"race\":";
            if !bytes.windows(named.len()).any(|at| at == named) {
                continue;
            }
            let plan: Result<PlanDto, _> = serde_json::from_slice(&bytes);
            let Some(list) = plan.ok().and_then(|plan| plan.list) else {
                continue;
            };
            let Some(terms) = list.race.clone() else {
                continue;
            };
            let leg = Leg {
                at: known.committed.at,
                plan: id.clone(),
                terms,
                list,
            };
            races
                .legs
                .entry(leg.terms.race_id.clone())
                .or_default()
                .push(leg);
        }
        for legs in races.legs.values_mut() {
            legs.sort_by(|one, other| (one.at, &one.plan).cmp(&(other.at, &other.plan)));
        }
        races
    }

    /// Every race with what may be said of it, by id.
    pub fn told(&self, drawn: &DrawnResults) -> Vec<RaceDto> {
        let all = self.legs.iter();
        all.filter_map(|(id, legs)| self.one(id, legs, drawn))
            .collect()
    }

    fn one(&self, id: &str, legs: &[Leg], drawn: &DrawnResults) -> Option<RaceDto> {
        let first = legs.first()?;
        let (measure, ends_after) = (first.terms.measure, first.terms.ends_after);
        let (own, others): (Vec<&Leg>, Vec<&Leg>) = legs
            .iter()
            .partition(|leg| (leg.terms.measure, leg.terms.ends_after) == (measure, ends_after));
        let mut tests: Vec<(u64, RacedTest)> = Vec::new();
        for leg in &own {
            tests.extend(judged(leg, drawn));
        }
        tests.sort_by_key(|(first, _)| *first);
        let found = verdict(tests.into_iter().map(|(_, test)| test), ends_after);
        let names = |legs: &[&Leg]| legs.iter().map(|leg| leg.plan.to_string()).collect();
        let (state, engine_tests, experts_tests, outcome) = match found {
            Verdict::Running { engine, experts } => (RaceStateDto::Running, engine, experts, None),
            Verdict::Ended(of) => {
                let outcome = RaceOutcomeDto {
                    shared: of.shared,
                    engine: of.engine,
                    experts: of.experts,
                    difference: of.difference,
                    lower: of.lower,
                    upper: of.upper,
                    winner: of.winner().map(|side| side.to_string()),
                };
                (RaceStateDto::Ended, of.tests, of.tests, Some(outcome))
            }
        };
        Some(RaceDto {
            race_id: id.to_owned(),
            state,
            measure,
            ends_after,
            registered_at: first.at.to_string(),
            plans: names(&own),
            left_out: names(&others),
            unreadable: self.unreadable.clone(),
            engine_tests,
            experts_tests,
            outcome,
        })
    }
}

/// Judged tests of a plan's race, each with the entry of the ledger by which it became known.
fn judged(leg: &Leg, drawn: &DrawnResults) -> Vec<(u64, RacedTest)> {
    let mut sides: BTreeMap<(SelectionMode, String), RaceSide> = BTreeMap::new();
    for line in &leg.list.lines {
        let mode = SelectionMode::from_code(&line.mode);
        let side = line.race.as_deref().and_then(RaceSide::from_code);
        if let (Some(mode), Some(side)) = (mode, side) {
            sides.insert((mode, target_of(line)), side);
        }
    }
    let mut reported = drawn.of(&leg.plan);
    // Of two results of one line the first that became known stands for it.
    reported.sort_by_key(|of| of.first);
    let mut tests = Vec::new();
    for of in reported {
        let failed = match of.outcome {
            Outcome::Conforming => false,
            Outcome::Nonconforming => true,
            Outcome::Refused
            | Outcome::Terminated
            | Outcome::NotSampled
            | Outcome::RejectedByLab
            | Outcome::Untestable => continue,
        };
        let target = risk_planner::Target {
            enterprise: of.enterprise,
            site: of.site,
            product: of.product,
        };
        if let Some(side) = sides.remove(&(of.mode, target.to_string())) {
            tests.push((of.first, RacedTest { side, failed }));
        }
    }
    tests
}

/// Every drawn plan.
pub fn drawn_plans(engine: &Engine) -> Vec<(DrawId, LedgerPlan)> {
    let plans = engine.plans();
    plans
        .filter(|(_, plan)| plan.draw.is_some())
        .map(|(id, plan)| (id.clone(), plan.clone()))
        .collect()
}

/// Refuses a race that is already run with other terms: who could move its end would end it while ahead.
pub(super) fn registered(parts: &ApiParts, request: &PlanRequest) -> Result<(), ApiError> {
    let Some(race) = &request.race else {
        return Ok(());
    };
    let plans: Vec<(DrawId, Timestamp)> = parts
        .engine()
        .plans()
        .map(|(id, plan)| (id.clone(), plan.committed.at))
        .collect();
    let mut first: Option<(Timestamp, DrawId, RaceRequest)> = None;
    for (id, at) in plans {
        let Some(bytes) = parts.shelf.get(&id, super::REQUEST)? else {
            continue;
        };
        let asked: Option<PlanRequest> = serde_json::from_slice(&bytes).ok();
        let Some(known) = asked.and_then(|of| of.race).filter(|of| of.id == race.id) else {
            continue;
        };
        if first
            .as_ref()
            .is_none_or(|(before, plan, _)| (at, &id) < (*before, plan))
        {
            first = Some((at, id, known));
        }
    }
    let Some((_, plan, known)) = first else {
        return Ok(());
    };
    let wrong = |field: &str, rule: String| {
        Err(ApiError::BadParameter {
            field: format!("race.{field}"),
            rule: format!("{rule}, as plan {plan} registered it; another race needs another id"),
        })
    };
    if known.ends_after != race.ends_after {
        return wrong("ends_after", format!("must be {}", known.ends_after));
    }
    if known.measure != race.measure {
        return wrong("measure", "must stay the same".to_owned());
    }
    Ok(())
}

fn all(state: &ApiState, parts: &ApiParts) -> Result<Vec<RaceDto>, ApiError> {
    let plans = drawn_plans(&parts.engine());
    let races = Races::of(&plans, &parts.shelf);
    Ok(races.told(&state.0.books.read(parts)?.drawn))
}

/// Races of experts' lists with the engine's: how many tests were judged, and, once as many were as had been
/// registered, which list found more.
#[utoipa::path(get, path = "/v1/planning/races", tag = "plans",
    params(
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 100, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<RaceDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<RaceDto>>, ApiError> {
    let shared = state.clone();
    let read = move |parts: &ApiParts| {
        let all = all(&shared, parts)?;
        Ok(Json(params.page(&all, MAX_ROWS, RaceDto::clone)?))
    };
    state.read(read).await
}

/// One race.
#[utoipa::path(get, path = "/v1/planning/races/{id}", tag = "plans",
    params(("id" = String, Path, description = "the race")),
    responses(
        (status = 200, description = "The race", body = RaceDto),
        (status = 404, description = "No drawn plan runs such a race", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Id(id): Id,
) -> Result<Json<RaceDto>, ApiError> {
    let shared = state.clone();
    let read = move |parts: &ApiParts| {
        let found = all(&shared, parts)?.into_iter().find(|of| of.race_id == id);
        let missing = || ApiError::NotFound(format!("no drawn plan runs a race {id}"));
        found.map(Json).ok_or_else(missing)
    };
    state.read(read).await
}
