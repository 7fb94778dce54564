//! Plans and draws（抽样计划与抽取）: the planner's own shapes. Coming targets stand in no other.

use super::acceptance::AcceptancePlanDto;
use super::draw::{CommitmentDto, PlanStateDto};
use super::evaluation::RaceListedDto;
use risk_domain::ids::ZoneId;
use risk_domain::reference::Reference;
use risk_planner::detail::Detail;
use risk_planner::wire::request::{Budgets, Lead};
use risk_planner::{
    Clash, Line, Plan, PlanningPolicy, RatioReached, Shortfall, ShortfallCause, team_days,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a line sends a team to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanTargetDto {
    /// Who is inspected.
    pub enterprise_id: String,
    /// Where.
    pub site_id: String,
    /// What is taken there.
    pub product: String,
    /// Public name of who trades there.
    pub name: Option<String>,
    /// Name of the product, Chinese.
    pub product_zh: String,
    /// Name of the product, English.
    pub product_en: String,
    /// Zone.
    pub zone_id: String,
    /// Sector.
    pub sector: String,
    /// Booth or address.
    pub booth: Option<String>,
}

/// What a result of this line reports as its `selection`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanSelectionDto {
    /// `random`, `targeted`, `follow_up` or `complaint`.
    pub basis: String,
    /// The plan, by which its results are found.
    pub draw_id: Option<String>,
    /// Probability with which the target was drawn.
    pub inclusion_probability: Option<f64>,
    /// The campaign.
    pub campaign_id: Option<String>,
}

/// Samples to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanSamplesDto {
    /// Units to test.
    pub check: u32,
    /// Units to keep as backup.
    pub backup: u32,
    /// What a unit is.
    pub unit: String,
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentenceDto {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// One test of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanLineDto {
    /// Which mode.
    pub mode: String,
    /// Place among the lines of its mode, from 1.
    pub rank: u32,
    /// Day of a team that visits it, from 1.
    pub team_day: u32,
    /// Its turn in that day's walk, from 1.
    pub turn: u32,
    /// What is tested.
    pub target: PlanTargetDto,
    /// What the result reports as its selection.
    pub selection: PlanSelectionDto,
    /// The stratum that it was drawn from.
    pub stratum: Option<String>,
    /// Its uniform number, by which ties are broken.
    pub tie_key: f64,
    /// Probability that a random lot of it fails.
    pub probability: f64,
    /// Harm of a failure, against others.
    pub harm: f64,
    /// Probability that this test proves a failure.
    pub expected_finds: f64,
    /// Share of the doubt about the target that it takes away.
    pub expected_information: f64,
    /// Governing standard of the product.
    pub standard: Option<String>,
    /// Items to look at, the gravest hazard first.
    pub items: Vec<SentenceDto>,
    /// Fast-test method.
    pub method_id: Option<String>,
    /// Samples to take.
    pub samples: PlanSamplesDto,
    /// How the lot or stock is judged by its sample, where the line's campaign asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<AcceptancePlanDto>,
    /// Code of the reason.
    pub reason_code: String,
    /// Why this target.
    pub reason: SentenceDto,
    /// On which law it stands.
    pub legal_basis: SentenceDto,
    /// What it is owed to.
    pub lead: Option<Lead>,
    /// On which list of the plan's race it stands: `engine`, `experts` or `both`. No sheet for teams shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub race: Option<String>,
}

/// Who replaces a drawn target that is closed or gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReserveDto {
    /// Which mode.
    pub mode: String,
    /// Which stratum.
    pub stratum: String,
    /// Its turn, from 1.
    pub turn: u32,
    /// The target, as `enterprise/site/product`.
    pub target: String,
    /// Its inclusion probability.
    pub inclusion_probability: f64,
}

/// Tests that could not be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShortfallDto {
    /// Which mode.
    pub mode: String,
    /// Its budget.
    pub asked: u32,
    /// What is planned.
    pub planned: u32,
    /// Why.
    pub cause: String,
}

/// A limit that was relaxed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClashDto {
    /// What could not be kept.
    pub limit: String,
    /// What is kept instead.
    pub nearest: u32,
    /// What stood against it.
    pub against: Vec<String>,
}

/// Expected number of proved failures, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExpectedDto {
    /// Expected number.
    pub value: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// Expected finds under other budgets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetPointDto {
    /// Share of the budgets as planned.
    pub share: f64,
    /// The budgets.
    pub budgets: Budgets,
    /// Expected finds, before chance has spoken.
    pub finds: f64,
}

/// What one test more of a constraint would bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowPriceDto {
    /// The constraint.
    pub constraint: String,
    /// Expected finds that one more of a budget or cap, or one less of a minimum, brings.
    pub finds: f64,
}

/// How precisely the plan lets a pass rate be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PrecisionDto {
    /// `city`, `zone` or `sector`.
    pub kind: String,
    /// Its id; empty for the city.
    pub id: String,
    /// Targets in it.
    pub targets: u32,
    /// Mean probability of a failure.
    pub rate: f64,
    /// Standard error after this plan; none where nothing of it is drawn.
    pub standard_error: Option<f64>,
    /// Standard error after a quarter of such plans.
    pub quarterly_standard_error: Option<f64>,
}

/// How far the enterprises of a credit class are inspected, and what the plan adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanRatioDto {
    /// Which class: A, B, C or D.
    pub class: String,
    /// Its enterprises.
    pub enterprises: u32,
    /// Of which visited within the window before the plan.
    pub inspected: u32,
    /// Enterprises of it that the plan's supervisory checks go to, visited before or not.
    pub planned: u32,
    /// Least share that is to be visited.
    pub from: f64,
    /// Greatest share.
    pub to: f64,
}

/// A plan with its list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanDto {
    /// Its id, which its draw and its results bear as `draw_id`.
    pub plan_id: String,
    /// Where it stands.
    pub state: PlanStateDto,
    /// Its first day.
    pub day: String,
    /// When it was asked for, RFC 3339.
    pub created_at: String,
    /// What was published before the draw.
    pub commitment: CommitmentDto,
    /// Version of the planning policy.
    pub policy_version: String,
    /// SHA-256 of the planning policy.
    pub policy_sha256: String,
    /// What came of the draw; none before it.
    #[serde(flatten)]
    pub list: Option<PlanListDto>,
}

/// What came of a draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanListDto {
    /// Budgets as planned.
    pub budgets: Budgets,
    /// The tests, by mode and rank.
    pub lines: Vec<PlanLineDto>,
    /// Replacements.
    pub reserves: Vec<ReserveDto>,
    /// Tests that could not be planned.
    pub shortfalls: Vec<ShortfallDto>,
    /// Limits that were relaxed.
    pub relaxed: Vec<ClashDto>,
    /// Caps that drawn tests pass, and by how many.
    pub overruns: Vec<ClashDto>,
    /// Leads for which there is no target.
    pub unplaced: Vec<Lead>,
    /// Failures that the plan is expected to prove.
    pub expected_finds: ExpectedDto,
    /// Expected finds from 20 % less to 20 % more.
    pub budget_curve: Vec<BudgetPointDto>,
    /// What constraints cost.
    pub shadow_prices: Vec<ShadowPriceDto>,
    /// How precisely pass rates can be told.
    pub precision: Vec<PrecisionDto>,
    /// How far credit classes are inspected; empty where none is known.
    #[serde(default)]
    pub class_ratios: Vec<PlanRatioDto>,
    /// The race that is run in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub race: Option<RaceListedDto>,
}

/// A plan in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanSummaryDto {
    /// Its id.
    pub plan_id: String,
    /// Where it stands.
    pub state: PlanStateDto,
    /// Its first day.
    pub day: String,
    /// When it was asked for.
    pub created_at: String,
    /// Tests planned.
    pub tests: u32,
    /// Failures that it is expected to prove.
    pub expected_finds: Option<f64>,
}

fn cause(shortfall: &Shortfall) -> String {
    match &shortfall.cause {
        ShortfallCause::Pool(all) => format!("all {all} targets that may be taken are planned"),
        ShortfallCause::Caps(caps) => format!("used up: {}", caps.join(", ")),
        ShortfallCause::Leads(owed) => {
            format!("{owed} tests are owed; the rest is free for tips that come in")
        }
        ShortfallCause::Money => "the money is spent".to_owned(),
    }
}

fn shortfall(of: &Shortfall) -> ShortfallDto {
    ShortfallDto {
        mode: of.mode.to_string(),
        asked: of.asked,
        planned: of.planned,
        cause: cause(of),
    }
}

fn reserves(plan: &Plan) -> Vec<ReserveDto> {
    let reserves = plan.reserves.iter().map(|of| ReserveDto {
        mode: of.mode.to_string(),
        stratum: of.stratum.to_string(),
        turn: of.turn,
        target: of.target.to_string(),
        inclusion_probability: of.inclusion,
    });
    reserves.collect()
}

fn clash(clash: &Clash) -> ClashDto {
    ClashDto {
        limit: clash.limit.clone(),
        nearest: clash.nearest,
        against: clash.against.clone(),
    }
}

fn ratio(of: &RatioReached) -> PlanRatioDto {
    PlanRatioDto {
        class: of.class.code().to_owned(),
        enterprises: of.enterprises,
        inspected: of.inspected,
        planned: of.planned,
        from: of.from,
        to: of.to,
    }
}

impl PlanListDto {
    /// The list of a plan, with what the reference data say of its products.
    pub fn new(plan: &Plan, reference: &Reference, policy: &PlanningPolicy) -> Self {
        let zones = reference.zones.iter();
        let parents: BTreeMap<ZoneId, ZoneId> = zones
            .filter_map(|zone| Some((zone.id.clone(), zone.parent.clone()?)))
            .collect();
        let days = team_days(&plan.lines, policy.rules.visits_per_team_day, &parents);
        let mut walks = vec![(0, 0); plan.lines.len()];
        for (day, of_day) in (1..).zip(&days) {
            for (turn, line) in (1..).zip(&of_day.lines) {
                walks[*line] = (day, turn);
            }
        }
        let lines = plan.lines.iter().zip(walks);
        Self {
            budgets: plan.budgets,
            lines: lines
                .filter_map(|(line, walk)| line_of(plan, line, walk, reference, policy))
                .collect(),
            reserves: reserves(plan),
            shortfalls: plan.shortfalls.iter().map(shortfall).collect(),
            relaxed: plan.relaxed.iter().map(clash).collect(),
            overruns: plan
                .overruns
                .iter()
                .map(|(limit, by)| ClashDto {
                    limit: limit.clone(),
                    nearest: *by,
                    against: vec!["tests that chance drew".to_owned()],
                })
                .collect(),
            unplaced: plan.unplaced.clone(),
            expected_finds: ExpectedDto {
                value: plan.expected.value,
                lower: plan.expected.lower,
                upper: plan.expected.upper,
            },
            budget_curve: plan
                .curve
                .iter()
                .map(|of| BudgetPointDto {
                    share: of.share,
                    budgets: of.budgets,
                    finds: of.finds,
                })
                .collect(),
            shadow_prices: plan
                .prices
                .iter()
                .map(|of| ShadowPriceDto {
                    constraint: of.constraint.clone(),
                    finds: of.finds,
                })
                .collect(),
            precision: plan
                .precision
                .iter()
                .map(|of| PrecisionDto {
                    kind: of.kind.to_owned(),
                    id: of.id.clone(),
                    targets: of.targets,
                    rate: of.rate,
                    standard_error: of.standard_error,
                    quarterly_standard_error: of.quarterly,
                })
                .collect(),
            class_ratios: plan.ratios.iter().map(ratio).collect(),
            race: plan.race.as_ref().map(Into::into),
        }
    }
}

fn line_of(
    plan: &Plan,
    line: &Line,
    (team_day, turn): (u32, u32),
    reference: &Reference,
    policy: &PlanningPolicy,
) -> Option<PlanLineDto> {
    let detail = Detail::of(line, reference, policy)?;
    let (zh, en) = line.sentences();
    Some(PlanLineDto {
        mode: line.mode.to_string(),
        rank: line.rank,
        team_day,
        turn,
        target: PlanTargetDto {
            enterprise_id: line.target.enterprise.to_string(),
            site_id: line.target.site.to_string(),
            product: line.target.product.to_string(),
            name: line.name.clone(),
            product_zh: detail.product_zh.to_string(),
            product_en: detail.product_en.to_string(),
            zone_id: line.zone.to_string(),
            sector: line.sector.to_string(),
            booth: line.booth.clone(),
        },
        selection: PlanSelectionDto {
            basis: line.basis.to_string(),
            draw_id: Some(plan.draw.to_string()),
            inclusion_probability: line.inclusion,
            campaign_id: line.campaign.as_ref().map(ToString::to_string),
        },
        stratum: line.stratum.as_ref().map(ToString::to_string),
        tie_key: line.tie_key,
        probability: line.probability,
        harm: line.harm,
        expected_finds: line.finds,
        expected_information: line.information,
        standard: detail.standard.map(|standard| standard.to_string()),
        items: detail
            .items
            .iter()
            .map(|item| SentenceDto {
                zh: item.zh.to_string(),
                en: item.en.to_string(),
            })
            .collect(),
        method_id: detail.method.map(|method| method.to_string()),
        samples: PlanSamplesDto {
            check: detail.check,
            backup: detail.backup,
            unit: detail.unit.to_string(),
        },
        acceptance: line.acceptance.as_ref().map(Into::into),
        reason_code: line.reason.code().to_owned(),
        reason: SentenceDto { zh, en },
        legal_basis: SentenceDto {
            zh: detail.basis.zh.to_string(),
            en: detail.basis.en.to_string(),
        },
        lead: line.lead.clone(),
        race: line.race.map(|side| side.to_string()),
    })
}
