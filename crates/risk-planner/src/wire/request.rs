//! What a planner asks for: one shape for TOML files, JSON posts and the ledger.

use crate::policy::RuleChanges;
pub use crate::wire::acceptance::AcceptanceRequest;
pub use crate::wire::race::{RaceMeasure, RaceRequest, RaceTarget};
use compact_str::CompactString;
use risk_domain::ids::{
    AlertId, CampaignId, CaseId, EnterpriseId, MethodId, ProductCode, SectorCode, SiteId, ZoneId,
};
use risk_domain::scales::CreditRiskClass;
use risk_domain::selection::SelectionMode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a plan is to be（抽样计划申请）. Everything but the budgets may be left out.
#[doc(alias = "抽样计划申请")]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlanRequest {
    /// First day of the plan, as `2026-11-30`, or an RFC 3339 instant; default: today.
    #[schema(value_type = Option<String>, example = "2026-11-30")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<CompactString>,
    /// Why the plan is made, for the record（理由）.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<CompactString>,
    /// Tests of each mode.
    pub budgets: Budgets,
    /// Tests that laboratory benches can take（实验室能力）, over all modes that go to a laboratory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub benches: Vec<Bench>,
    /// Fast tests that each kit or method can make（快检能力）.
    #[schema(value_type = BTreeMap<String, u32>)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kits: BTreeMap<MethodId, u32>,
    /// Days of a team in each zone（区域人日）, with everything that lies in it.
    #[schema(value_type = BTreeMap<String, f64>)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub team_days: BTreeMap<ZoneId, f64>,
    /// What may be spent in all and on each test（经费）, in yuan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// Least numbers of tests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub minima: Vec<BoundRequest>,
    /// Greatest numbers of tests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<BoundRequest>,
    /// Share of each class's targets that a plan may test（信用分级抽查比例）, 0 to 1.
    #[schema(value_type = BTreeMap<String, f64>)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub class_shares: BTreeMap<CreditRiskClass, f64>,
    /// What special checks look for（专项重点）; without any they go where most harm is expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub campaigns: Vec<Campaign>,
    /// An experts' list that the engine's is held against（清单对比）, within the special checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub race: Option<RaceRequest>,
    /// What is owed to tips, complaints, alerts and cases, for enforcement tests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leads: Vec<Lead>,
    /// Targets that an open alert speaks of（预警）, for the share of special checks that is kept for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alerted>,
    /// What else the plan knows of alerts, cases and credit classes.
    #[serde(skip_serializing_if = "is_default")]
    pub known: Known,
    /// Rules that this plan has otherwise than the policy.
    #[serde(skip_serializing_if = "is_default")]
    pub rules: RuleChanges,
    /// A public value that is not known yet, which the draw will also depend on; without one the
    /// draw is made at once from the committed secret alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beacon: Option<BeaconRequest>,
    /// Where constraints clash: `true` takes the nearest plan there is, and says what it gave up.
    #[serde(skip_serializing_if = "is_default")]
    pub relax: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Tests of each mode（各方式批次数）.
#[doc(alias = "各方式批次数")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budgets {
    /// Risk evaluations（风险评价）.
    pub risk_evaluation: u32,
    /// Supervisory checks（监督抽查）.
    pub supervisory_check: u32,
    /// Special checks（专项抽查）.
    pub special_check: u32,
    /// Fast tests（快检快处）.
    pub fast_test: u32,
    /// Enforcement tests（执法抽检）.
    pub enforcement_test: u32,
}

impl Budgets {
    /// The most tests of a mode that one plan may have.
    pub const MOST: u32 = 1_000_000;

    /// Tests of a mode.
    pub fn of(&self, mode: SelectionMode) -> u32 {
        match mode {
            SelectionMode::RiskEvaluation => self.risk_evaluation,
            SelectionMode::SupervisoryCheck => self.supervisory_check,
            SelectionMode::SpecialCheck => self.special_check,
            SelectionMode::FastTest => self.fast_test,
            SelectionMode::EnforcementTest => self.enforcement_test,
        }
    }

    /// Every budget times a factor, rounded.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let of = |budget: u32| libm::round(f64::from(budget) * factor) as u32;
        Self {
            risk_evaluation: of(self.risk_evaluation),
            supervisory_check: of(self.supervisory_check),
            special_check: of(self.special_check),
            fast_test: of(self.fast_test),
            enforcement_test: of(self.enforcement_test),
        }
    }
}

/// What a bench of a laboratory can take（检验工位）: products and sectors that go to it.
#[doc(alias = "检验工位")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bench {
    /// Its name, such as `e-bike bench`.
    #[schema(value_type = String)]
    pub name: CompactString,
    /// Tests that it can take.
    pub tests: u32,
    /// Products that go to it.
    #[schema(value_type = Vec<String>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductCode>,
    /// Sectors all products of which go to it.
    #[schema(value_type = Vec<String>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sectors: Vec<SectorCode>,
}

/// What may be spent, in yuan.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// In all.
    pub total: f64,
    /// On one test of each mode; a mode that is not named costs nothing.
    #[schema(value_type = BTreeMap<String, f64>)]
    pub per_test: BTreeMap<SelectionMode, f64>,
}

/// A number of tests that a group of targets must have at least, or may have at most. Exactly one of
/// the groups is named.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoundRequest {
    /// How many tests.
    pub tests: u32,
    /// The mode that it speaks of; without one, all modes of the plan together.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<SelectionMode>,
    /// A zone with everything that lies in it.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneId>,
    /// A sector.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<SectorCode>,
    /// A product.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductCode>,
    /// An enterprise.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<EnterpriseId>,
    /// A credit class.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<CreditRiskClass>,
}

/// A campaign（专项行动）: targets that fit all that it names.
#[doc(alias = "专项行动")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Its id, which every line bears.
    #[schema(value_type = String)]
    pub id: CampaignId,
    /// Special checks kept for it.
    pub tests: u32,
    /// Key zones（重点区域）; none named: all.
    #[schema(value_type = Vec<String>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<ZoneId>,
    /// Key sectors（重点行业）; none named: all.
    #[schema(value_type = Vec<String>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sectors: Vec<SectorCode>,
    /// Key products（重点产品）; none named: all.
    #[schema(value_type = Vec<String>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductCode>,
    /// Key enterprises（重点企业）; none named: all.
    #[schema(value_type = Vec<String>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enterprises: Vec<EnterpriseId>,
    /// Its lines are sweeps of lots or stocks（批量、库存排查）, each with an acceptance plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<AcceptanceRequest>,
}

/// Why an enforcement test is owed（线索类别）, the most pressing first.
#[doc(alias = "线索类别")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeadKind {
    /// A case waits for a recheck（案件复查）.
    Case,
    /// A failure is to be followed up（不合格跟踪）.
    FollowUp,
    /// An alert is to be looked into（预警核查）.
    Alert,
    /// A tip or complaint（投诉举报）.
    Tip,
}

/// A test that is owed（待办线索）.
#[doc(alias = "待办线索")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lead {
    /// Why.
    pub kind: LeadKind,
    /// Whom it speaks of.
    #[schema(value_type = String)]
    pub enterprise: EnterpriseId,
    /// Where; none: at any of its sites.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// Of what; none: its riskiest target.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductCode>,
    /// The alert that it comes from.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
    /// The case that it comes from.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// Last day by which it is owed, as `2026-12-04`.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<CompactString>,
}

/// Targets that an open alert speaks of（预警对象）.
#[doc(alias = "预警对象")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alerted {
    /// Whose.
    #[schema(value_type = String)]
    pub enterprise: EnterpriseId,
    /// Only there; none: all its sites.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// Only this; none: all its products.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductCode>,
}

/// What a plan knows of open alerts, of cases that wait for a sample, and of credit classes with their
/// inspection ratios（已知情况来源）.
#[doc(alias = "已知情况来源")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// What the store knows, besides what the request names.
    #[default]
    Store,
    /// What the request names, and nothing else.
    Request,
}

/// A public value that the draw waits for（公共信标）.
#[doc(alias = "公共信标")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeaconRequest {
    /// Where it is published, such as `drand quicknet` or `福彩双色球`.
    #[schema(value_type = String)]
    pub source: CompactString,
    /// Which of its values, such as a round or an issue.
    #[schema(value_type = String)]
    pub round: CompactString,
}
