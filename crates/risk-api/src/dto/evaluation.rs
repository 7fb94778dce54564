//! What plans were worth（计划评估）, and races of two lists（清单对比）. No target stands in either.

use risk_planner::RaceListed;
use risk_planner::evaluate::{Coverage, Fairness, OffPolicy, OverlapWarning};
use risk_planner::wire::request::RaceMeasure;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What plans were worth.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanEvaluationDto {
    /// Drawn plans that were looked at, the latest ones.
    pub plans: u32,
    /// First day of the earliest.
    pub from: Option<String>,
    /// First day of the latest.
    pub until: Option<String>,
    /// What checks drawn by another rule would have found; none where no rule was named, or no result of a
    /// check bears a plan.
    pub off_policy: Option<OffPolicyDto>,
    /// How much of the plans chance chose.
    pub exploration: ExplorationDto,
    /// How long targets have waited.
    pub coverage: CoverageReportDto,
    /// How visits stand to risk.
    pub fairness: FairnessReportDto,
}

/// What another rule would have found in the weeks that were planned.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OffPolicyDto {
    /// How sharply the other rule follows expected harm.
    pub gamma: f64,
    /// Failures that it would have found.
    pub finds: f64,
    /// Lower end of the 90 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Failures that the checks found.
    pub logged_finds: f64,
    /// Checks that the other rule would have made.
    pub tests: f64,
    /// Results of equal weight that tell as much.
    pub effective: f64,
    /// Share of its checks on targets that could not be drawn, where the model alone speaks.
    pub outside: f64,
    /// What to be wary of.
    pub warnings: Vec<String>,
}

/// How much of plans chance chose.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct ExplorationDto {
    /// Tests that were drawn.
    pub drawn: u32,
    /// All tests.
    pub tests: u32,
    /// One over the other; none without tests.
    pub share: Option<f64>,
}

/// How long the targets of a part of the frame have waited.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CoverageDto {
    /// Which part: empty for the city, else a zone, a sector or a size.
    pub name: String,
    /// Targets.
    pub targets: u32,
    /// Never visited.
    pub never: u32,
    /// Visited within so many weeks.
    pub within: Vec<WithinDto>,
}

/// Targets that were visited within some weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct WithinDto {
    /// Weeks.
    pub weeks: u32,
    /// Targets.
    pub targets: u32,
}

/// How long targets have waited.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CoverageReportDto {
    /// Of the whole frame.
    pub city: CoverageDto,
    /// By the innermost zone.
    pub zones: Vec<CoverageDto>,
    /// By sector.
    pub sectors: Vec<CoverageDto>,
    /// By size of the enterprise: its targets in the frame.
    pub sizes: Vec<CoverageDto>,
}

/// How visits of a group stand to its risk.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FairnessDto {
    /// The group.
    pub name: String,
    /// Visits.
    pub visits: f64,
    /// Visits that it would have had if all had gone by risk.
    pub by_risk: f64,
    /// One over the other.
    pub ratio: f64,
    /// Whether the difference is more than chance would make it in 95 of 100 such reports.
    pub uneven: bool,
}

/// How visits stand to risk.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FairnessReportDto {
    /// By the innermost zone.
    pub zones: Vec<FairnessDto>,
    /// By size of the enterprise.
    pub sizes: Vec<FairnessDto>,
    /// By team of inspectors, against the risk of what it was sent to: a team with more visits than its share
    /// of the risk had the easier targets.
    pub teams: Vec<FairnessDto>,
}

/// Where a race stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RaceStateDto {
    /// Its end is not reached, and nothing is told of what was found.
    Running,
    /// It has ended.
    Ended,
}

/// A race of two lists.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RaceDto {
    /// Its id.
    pub race_id: String,
    /// Where it stands.
    pub state: RaceStateDto,
    /// What is counted.
    pub measure: RaceMeasure,
    /// Judged tests of each list after which it ends.
    pub ends_after: u32,
    /// When its terms were committed to, RFC 3339.
    pub registered_at: String,
    /// The plans in which it is run.
    pub plans: Vec<String>,
    /// Plans that name it with other terms, and do not count.
    pub left_out: Vec<String>,
    /// Drawn plans whose list is gone or was changed: whether they belong to the race cannot be told.
    pub unreadable: Vec<String>,
    /// Judged tests of the engine's list that count.
    pub engine_tests: u32,
    /// Judged tests of the experts' list that count.
    pub experts_tests: u32,
    /// What it found, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RaceOutcomeDto>,
}

/// What a race found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RaceOutcomeDto {
    /// Tests that stood on both lists.
    pub shared: u32,
    /// Failures of the engine's list.
    pub engine: u32,
    /// Failures of the experts' list.
    pub experts: u32,
    /// The engine's failures a test less the experts'.
    pub difference: f64,
    /// Lower end of its 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// `engine` or `experts`; none where the interval holds both.
    pub winner: Option<String>,
}

/// The lists of a race as they stand in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RaceListedDto {
    /// Its id.
    pub race_id: String,
    /// What is counted.
    pub measure: RaceMeasure,
    /// Judged tests of each list, over all its plans, after which it ends.
    pub ends_after: u32,
    /// Lines of the engine's list.
    pub engine: u32,
    /// Lines of the experts' list.
    pub experts: u32,
    /// Lines of both.
    pub both: u32,
    /// What the experts named and could not be taken, as `enterprise/site/product`.
    pub passed_over: Vec<String>,
}

fn warning(warning: &OverlapWarning) -> String {
    match warning {
        OverlapWarning::FewResults(worth) => {
            format!(
                "too few results to know: they are worth {worth:.0} of equal weight, 30 are wanted"
            )
        }
        OverlapWarning::Outside(share) => format!(
            "{:.0} % of its tests lie where no draw could go: there the model alone speaks",
            100.0 * share
        ),
    }
}

impl From<&RaceListed> for RaceListedDto {
    fn from(of: &RaceListed) -> Self {
        Self {
            race_id: of.id.to_string(),
            measure: of.measure,
            ends_after: of.ends_after,
            engine: of.engine,
            experts: of.experts,
            both: of.both,
            passed_over: of.passed_over.iter().map(ToString::to_string).collect(),
        }
    }
}

impl OffPolicyDto {
    pub(crate) fn new(of: &OffPolicy, gamma: f64) -> Self {
        Self {
            gamma,
            finds: of.finds,
            lower: of.lower,
            upper: of.upper,
            logged_finds: of.logged_finds,
            tests: of.tests,
            effective: of.effective,
            outside: of.outside,
            warnings: of.warnings.iter().map(warning).collect(),
        }
    }
}

impl CoverageDto {
    pub(crate) fn new(name: &str, of: &Coverage) -> Self {
        let within = Coverage::WEEKS.into_iter().zip(of.within);
        Self {
            name: name.to_owned(),
            targets: of.targets,
            never: of.never,
            within: within
                .map(|(weeks, targets)| WithinDto { weeks, targets })
                .collect(),
        }
    }
}

impl From<Fairness> for FairnessDto {
    fn from(of: Fairness) -> Self {
        Self {
            name: of.name,
            visits: of.visits,
            by_risk: of.by_risk,
            ratio: of.ratio,
            uneven: of.uneven,
        }
    }
}
