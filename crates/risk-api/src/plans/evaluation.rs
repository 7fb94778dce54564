//! What plans were worth（计划评估）: other rules on the logged draws, coverage, fairness, exploration.

use super::outcome::target_of;
use super::{INPUTS, POOL, PlanSources, REQUEST, plan_as_known, plan_inputs, record};
use crate::dto::{
    CoverageDto, CoverageReportDto, ExplorationDto, FairnessDto, FairnessReportDto, OffPolicyDto,
    PlanEvaluationDto, PlanListDto, ProblemDto,
};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use risk_domain::ids::{DrawId, EnterpriseId};
use risk_domain::inspection::Outcome;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_engine::{DrawnResults, LedgerPlan, Reported};
use risk_planner::evaluate::{
    Coverage, EvaluationError, GroupBurden, LoggedUnit, fairness, off_policy,
};
use risk_planner::policy::RuleChanges;
use risk_planner::wire::draw::logged_probabilities;
use risk_planner::wire::inputs::PlanInputs;
use risk_planner::wire::request::Known;
use risk_planner::{Design, PlanRequest, PlanningPolicy, Target};
use risk_store::PlanShelf;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Plans that are looked at, where nobody says: a quarter of weeks.
pub const USUAL_PLANS: usize = 13;
/// The most that one request looks at: two pools are designed for each.
const MOST_PLANS: usize = 52;

/// Why plans cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoEvaluation(String);

/// What an evaluation of plans needs of engine and views. What is made of it takes long, and needs none of
/// them.
#[derive(Debug)]
pub struct PlansLookedAt {
    /// Drawn plans by their first day, with the results that bear them.
    plans: Vec<(DrawId, LedgerPlan, Vec<Reported>)>,
    coverage: CoverageReportDto,
}

impl PlansLookedAt {
    /// Looks at so many drawn plans, the latest ones, and back from a day at when each target was visited.
    pub fn new(sources: &PlanSources<'_>, drawn: &DrawnResults, plans: usize, day: Day) -> Self {
        let known = sources.engine.plans();
        let known = known.filter(|(_, plan)| plan.draw.is_some());
        let mut known: Vec<(&DrawId, &LedgerPlan)> = known.collect();
        known.sort_by_key(|(id, plan)| (plan.commitment.day, plan.committed.at, *id));
        let latest = known.split_off(known.len().saturating_sub(plans));
        let with_results = latest
            .into_iter()
            .map(|(id, plan)| (id.clone(), plan.clone(), drawn.of(id)));
        Self {
            plans: with_results.collect(),
            coverage: coverage(sources, day),
        }
    }

    /// What the plans were worth, and what checks drawn with another γ would have found.
    pub fn evaluation(
        self,
        shelf: &PlanShelf,
        planning: &Arc<PlanningPolicy>,
        gamma: Option<f64>,
    ) -> Result<PlanEvaluationDto, NoEvaluation> {
        let told = self.told(shelf, planning, gamma);
        told.map_err(|error| NoEvaluation(error.detail()))
    }

    fn told(
        self,
        shelf: &PlanShelf,
        planning: &Arc<PlanningPolicy>,
        gamma: Option<f64>,
    ) -> Result<PlanEvaluationDto, ApiError> {
        let mut gathered = Gathered::default();
        for (id, known, reported) in &self.plans {
            let of = documents(shelf, id, known)?;
            gather((id, of, reported), planning, gamma, &mut gathered)?;
        }
        let off_policy = match gamma {
            Some(gamma) => match off_policy(&gathered.units) {
                Ok(found) => Some(OffPolicyDto::new(&found, gamma)),
                Err(EvaluationError::Empty) => None,
                Err(error @ (EvaluationError::Probability | EvaluationError::Impossible)) => {
                    return Err(ApiError::Internal(error.to_string()));
                }
            },
            None => None,
        };
        let day = |of: &(DrawId, LedgerPlan, Vec<Reported>)| of.1.commitment.day.to_string();
        let (drawn, tests) = (gathered.drawn, gathered.tests);
        Ok(PlanEvaluationDto {
            plans: self.plans.len() as u32,
            from: self.plans.first().map(day),
            until: self.plans.last().map(day),
            off_policy,
            exploration: ExplorationDto {
                drawn,
                tests,
                share: (tests > 0).then(|| f64::from(drawn) / f64::from(tests)),
            },
            coverage: self.coverage,
            fairness: FairnessReportDto {
                zones: gathered.zones.told(),
                sizes: gathered.sizes.told(),
                teams: gathered.teams.told(),
            },
        })
    }
}

/// Visits and risk by group.
#[derive(Default)]
struct Shares(BTreeMap<String, (f64, f64)>);

impl Shares {
    fn add(&mut self, name: &str, visits: f64, risk: f64) {
        let group = self.0.entry(name.to_owned()).or_default();
        group.0 += visits;
        group.1 += risk;
    }

    fn told(self) -> Vec<FairnessDto> {
        let groups: Vec<GroupBurden> = self
            .0
            .into_iter()
            .map(|(name, (visits, risk))| GroupBurden { name, visits, risk })
            .collect();
        fairness(&groups).into_iter().map(Into::into).collect()
    }
}

#[derive(Default)]
struct Gathered {
    units: Vec<LoggedUnit>,
    zones: Shares,
    sizes: Shares,
    teams: Shares,
    drawn: u32,
    tests: u32,
}

/// A plan's documents, as the ledger holds them.
struct Documents {
    list: PlanListDto,
    pool: String,
    request: PlanRequest,
    inputs: PlanInputs,
}

fn documents(shelf: &PlanShelf, id: &DrawId, known: &LedgerPlan) -> Result<Documents, ApiError> {
    let plan = plan_as_known(shelf, id, known)?;
    let pool = record::unchanged(shelf, id, POOL, known.commitment.pool_sha256)?;
    let request = record::document(shelf, id, REQUEST)?;
    let inputs = record::document(shelf, id, INPUTS)?;
    let found = record::design_hash(&request, &inputs, &plan.policy_sha256);
    let held = known.commitment.design_sha256;
    record::same(id, "request, inputs or planning policy", found, held)?;
    Ok(Documents {
        list: super::list_of(plan)?,
        pool: String::from_utf8_lossy(&pool).into_owned(),
        request: super::read_json(&request)?,
        inputs: super::read_json(&inputs)?,
    })
}

/// Takes in a plan: its supervisory checks as logged and as another rule has them, and who was visited.
fn gather(
    (id, of, reported): (&DrawId, Documents, &[Reported]),
    planning: &Arc<PlanningPolicy>,
    gamma: Option<f64>,
    into: &mut Gathered,
) -> Result<(), ApiError> {
    let judged = judged(&of.list, reported);
    into.tests += of.list.lines.len() as u32;
    let drawn = of.list.lines.iter();
    let drawn = drawn.filter(|line| line.selection.inclusion_probability.is_some());
    into.drawn += drawn.count() as u32;
    for of_line in judged.values() {
        into.teams.add(of_line.team, 1.0, of_line.risk);
    }
    let sizes = sizes(of.inputs.candidates.iter().map(|of| &of.enterprise));
    let internal = |error: String| ApiError::Internal(format!("plan {id}: {error}"));
    let day = of.inputs.day;
    let (pool, view) = of
        .inputs
        .parts()
        .map_err(|error| internal(error.to_string()))?;
    let mode = SelectionMode::SupervisoryCheck;
    let logged = logged_probabilities(&of.pool, id, mode);
    let logged = logged.map_err(|error| internal(error.to_string()))?;
    let mut other = vec![0.0; pool.len()];
    if gamma.is_some() {
        let rules = RuleChanges {
            gamma,
            ..of.request.rules.clone()
        };
        let request = PlanRequest {
            rules,
            relax: true,
            ..of.request
        };
        let design = Design::new(planning, &request, &pool, &view, day, id.clone())?;
        for stratum in design.strata().iter().filter(|of| of.mode == mode) {
            for unit in &stratum.units {
                other[unit.unit as usize] = unit.probability;
            }
        }
    }
    for (candidate, other) in pool.candidates().iter().zip(other) {
        let target = candidate.target.to_string();
        let visits = SelectionMode::ALL
            .iter()
            .filter(|mode| judged.contains_key(&(**mode, target.clone())))
            .count() as f64;
        into.zones
            .add(candidate.zone.as_str(), visits, candidate.probability);
        let size = sizes.get(&candidate.target.enterprise).copied();
        into.sizes
            .add(size_class(size.unwrap_or(1)), visits, candidate.probability);
        if gamma.is_some() {
            let logged = logged.get(target.as_str()).copied().unwrap_or(0.0);
            // Only what a check was drawn for tells of its draw; other modes may have gone there, too.
            let checked = judged.get(&(mode, target)).filter(|_| logged > 0.0);
            into.units.push(LoggedUnit {
                logged,
                other,
                expected: view.finds(mode, candidate.probability),
                found: checked.map(|of| f64::from(u8::from(of.failed))),
            });
        }
    }
    Ok(())
}

/// What was judged of a line.
struct Judged<'a> {
    failed: bool,
    team: &'a str,
    /// Probability of a failure, as it was planned.
    risk: f64,
}

/// What was judged of a plan's lines: what was not is no find and no miss, and what was tested beside them, a
/// replacement among it, tells nothing of the draw.
fn judged<'a>(
    list: &PlanListDto,
    reported: &'a [Reported],
) -> BTreeMap<(SelectionMode, String), Judged<'a>> {
    let lines = list.lines.iter().filter_map(|line| {
        let mode = SelectionMode::from_code(&line.mode)?;
        Some(((mode, target_of(line)), line.probability))
    });
    let lines: BTreeMap<(SelectionMode, String), f64> = lines.collect();
    let mut found = BTreeMap::new();
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
        let target = Target {
            enterprise: of.enterprise.clone(),
            site: of.site.clone(),
            product: of.product.clone(),
        };
        let key = (of.mode, target.to_string());
        if let Some(risk) = lines.get(&key).copied() {
            // Of two results of one line the first stands for it.
            found.entry(key).or_insert(Judged {
                failed,
                team: of.team.as_str(),
                risk,
            });
        }
    }
    found
}

/// Targets of each enterprise.
fn sizes<'a>(enterprises: impl Iterator<Item = &'a EnterpriseId>) -> BTreeMap<EnterpriseId, u32> {
    let mut sizes: BTreeMap<EnterpriseId, u32> = BTreeMap::new();
    for enterprise in enterprises {
        *sizes.entry(enterprise.clone()).or_default() += 1;
    }
    sizes
}

/// Size of an enterprise（企业规模）by its targets in the frame: the register has no other that all have.
fn size_class(targets: u32) -> &'static str {
    match targets {
        0 | 1 => "1",
        2..=4 => "2-4",
        5..=9 => "5-9",
        10.. => "10+",
    }
}

/// How long the targets of the frame have waited.
fn coverage(sources: &PlanSources<'_>, day: Day) -> CoverageReportDto {
    let inputs = plan_inputs(sources, Known::Request, day);
    let sizes = sizes(inputs.candidates.iter().map(|of| &of.enterprise));
    let mut city = Coverage::default();
    let mut parts: [BTreeMap<String, Coverage>; 3] = Default::default();
    for of in &inputs.candidates {
        let since = of.last_visit.map(|last| {
            let days = i64::from(day.get()) - i64::from(last.get());
            (days.max(0) / 7) as u32
        });
        city.admit(since);
        let size = size_class(sizes.get(&of.enterprise).copied().unwrap_or(1));
        let names = [of.zone.as_str(), of.sector.as_str(), size];
        for (part, name) in parts.iter_mut().zip(names) {
            part.entry(name.to_owned()).or_default().admit(since);
        }
    }
    let told = |part: BTreeMap<String, Coverage>| {
        let rows = part.iter();
        rows.map(|(name, of)| CoverageDto::new(name, of)).collect()
    };
    let [zones, sectors, sizes] = parts;
    CoverageReportDto {
        city: CoverageDto::new("", &city),
        zones: told(zones),
        sectors: told(sectors),
        sizes: told(sizes),
    }
}

/// What plans were worth: what checks drawn with another γ would have found, how long targets have waited, how
/// visits stand to risk, how much chance chose.
#[utoipa::path(get, path = "/v1/planning/evaluation", tag = "plans",
    params(
        ("gamma" = Option<f64>, Query, description = "how sharply the other rule follows expected harm, 0 to 20"),
        ("plans" = Option<u32>, Query, description = "drawn plans to look at, the latest ones: 1 to 52, 13 by default")),
    responses(
        (status = 200, description = "The evaluation", body = PlanEvaluationDto),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "A document of a plan is gone, or not what the ledger says", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn route(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<PlanEvaluationDto>, ApiError> {
    let gamma = params.parse("gamma", "must be a number from 0 to 20", |text| {
        let gamma: f64 = text.parse().ok()?;
        (0.0..=20.0).contains(&gamma).then_some(gamma)
    })?;
    let plans = params.parse("plans", "must be a whole number from 1 to 52", |text| {
        let plans: usize = text.parse().ok()?;
        (1..=MOST_PLANS).contains(&plans).then_some(plans)
    })?;
    let shared = state.clone();
    let read = move |parts: &ApiParts| {
        let looked = {
            let books = shared.0.books.read(parts)?;
            let engine = parts.engine();
            let sources = PlanSources {
                engine: &engine,
                burdens: &books.burdens,
                lists: &books.lists,
                reference: &parts.reference,
                planning: &parts.planning,
            };
            let day = engine.policy().time.offset.day_of((parts.now)());
            PlansLookedAt::new(&sources, &books.drawn, plans.unwrap_or(USUAL_PLANS), day)
        };
        looked.told(&parts.shelf, &parts.planning, gamma).map(Json)
    };
    state.read(read).await
}
