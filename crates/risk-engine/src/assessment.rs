//! What is concluded of one subject at one close, and what it was concluded from.
//!
//! These shapes stand in the ledger as they serialise here; a change is a new version.

use crate::event_time::Epoch;
use crate::model::Field;
use compact_str::CompactString;
use risk_domain::ids::{CommandId, PolicyVersion, SectorCode, ZoneId};
use risk_domain::scales::RiskLevel;
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An interval of probability that holds the truth with 95 %（可信区间）.
#[doc(alias = "可信区间")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

/// Where a contribution comes from（分值来源）.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The city as a whole.
    Base,
    /// The sector against the city.
    Sector,
    /// The product against its sector.
    Product,
    /// The zone against the city.
    Zone,
    /// The product in this zone, against both.
    ProductZone,
    /// The enterprise against what it sells and where.
    Enterprise,
    /// The enterprise's record with this product against all of the above.
    OwnRecord,
    /// What is new of the sector in recent weeks.
    RecentSector,
    /// What is new of the product.
    RecentProduct,
    /// What is new of the zone.
    RecentZone,
    /// What is new of the product in this zone.
    RecentProductZone,
    /// What is new of the enterprise.
    RecentEnterprise,
    /// What is new of the enterprise's record with this product.
    RecentOwn,
    /// The time of the year.
    Season,
    /// Selections on private knowledge, such as complaints.
    Selected,
    /// Confirmed failures that were remedied since.
    Remedied,
    /// Results since the parameters were fitted.
    SinceFit,
    /// How the mean over many targets lies apart from the mean of their parts.
    Mixture,
}

impl Part {
    /// Every part, in the order in which contributions stand.
    pub const ALL: [Self; 18] = [
        Self::Base,
        Self::Sector,
        Self::Product,
        Self::Zone,
        Self::ProductZone,
        Self::Enterprise,
        Self::OwnRecord,
        Self::RecentSector,
        Self::RecentProduct,
        Self::RecentZone,
        Self::RecentProductZone,
        Self::RecentEnterprise,
        Self::RecentOwn,
        Self::Season,
        Self::Selected,
        Self::Remedied,
        Self::SinceFit,
        Self::Mixture,
    ];

    /// The lasting effects of a level.
    pub(crate) fn lasting(field: Field) -> Self {
        match field {
            Field::Sector => Self::Sector,
            Field::Product => Self::Product,
            Field::Zone => Self::Zone,
            Field::ProductZone => Self::ProductZone,
            Field::Enterprise => Self::Enterprise,
            Field::Cell => Self::OwnRecord,
        }
    }

    /// The recent effects of a level.
    pub(crate) fn recent(field: Field) -> Self {
        match field {
            Field::Sector => Self::RecentSector,
            Field::Product => Self::RecentProduct,
            Field::Zone => Self::RecentZone,
            Field::ProductZone => Self::RecentProductZone,
            Field::Enterprise => Self::RecentEnterprise,
            Field::Cell => Self::RecentOwn,
        }
    }

    /// The part's code, as it serialises.
    pub fn code(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Sector => "sector",
            Self::Product => "product",
            Self::Zone => "zone",
            Self::ProductZone => "product_zone",
            Self::Enterprise => "enterprise",
            Self::OwnRecord => "own_record",
            Self::RecentSector => "recent_sector",
            Self::RecentProduct => "recent_product",
            Self::RecentZone => "recent_zone",
            Self::RecentProductZone => "recent_product_zone",
            Self::RecentEnterprise => "recent_enterprise",
            Self::RecentOwn => "recent_own",
            Self::Season => "season",
            Self::Selected => "selected",
            Self::Remedied => "remedied",
            Self::SinceFit => "since_fit",
            Self::Mixture => "mixture",
        }
    }

    /// The part's Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Base => "全市基准",
            Self::Sector => "行业",
            Self::Product => "产品",
            Self::Zone => "所在区域",
            Self::ProductZone => "区域内该产品",
            Self::Enterprise => "企业整体",
            Self::OwnRecord => "企业该产品记录",
            Self::RecentSector => "行业近期",
            Self::RecentProduct => "产品近期",
            Self::RecentZone => "区域近期",
            Self::RecentProductZone => "区域内该产品近期",
            Self::RecentEnterprise => "企业近期",
            Self::RecentOwn => "企业该产品近期",
            Self::Season => "季节",
            Self::Selected => "投诉举报等线索",
            Self::Remedied => "不合格后整改",
            Self::SinceFit => "上次拟合后的新结果",
            Self::Mixture => "内部差异",
        }
    }

    /// The part's English name.
    pub fn en(self) -> &'static str {
        match self {
            Self::Base => "city base",
            Self::Sector => "sector",
            Self::Product => "product",
            Self::Zone => "zone",
            Self::ProductZone => "product in this zone",
            Self::Enterprise => "enterprise",
            Self::OwnRecord => "enterprise's record with this product",
            Self::RecentSector => "sector, recent weeks",
            Self::RecentProduct => "product, recent weeks",
            Self::RecentZone => "zone, recent weeks",
            Self::RecentProductZone => "product in this zone, recent weeks",
            Self::RecentEnterprise => "enterprise, recent weeks",
            Self::RecentOwn => "enterprise with this product, recent weeks",
            Self::Season => "season",
            Self::Selected => "selections on tips",
            Self::Remedied => "failures remedied",
            Self::SinceFit => "results since the last fit",
            Self::Mixture => "differences within",
        }
    }
}

/// One additive part of a score, in log-odds（分值贡献）. The parts of an assessment add up to
/// [`Assessment::log_odds`] exactly, in their order.
#[doc(alias = "分值贡献")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Where it comes from.
    pub part: Part,
    /// How much it adds.
    pub log_odds: f64,
}

impl Contribution {
    /// The same in points: ten points double the odds.
    pub fn points(&self) -> f64 {
        self.log_odds * (10.0 / std::f64::consts::LN_2)
    }
}

/// Own evidence of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceCount {
    /// Results.
    pub results: i32,
    /// Of which nonconforming.
    pub nonconforming: i32,
}

/// What a decision of officers made of an estimated level（人工决定）.
#[doc(alias = "人工决定")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The override or floor that counts.
    pub command_id: CommandId,
    /// The level that it gives.
    pub level: RiskLevel,
    /// The level that was estimated.
    pub estimated: RiskLevel,
    /// Its last day.
    pub until: Day,
}

/// What is concluded of one subject（风险评估）.
#[doc(alias = "风险评估")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// Of whom.
    #[serde(with = "risk_domain::decision::subject_text")]
    pub subject: Subject,
    /// Zones it was seen in, with everything they lie in; empty for products and sectors.
    pub zones: Arc<BTreeSet<ZoneId>>,
    /// Sectors it was seen in; empty for zones.
    pub sectors: Arc<BTreeSet<SectorCode>>,
    /// The epoch whose close concluded it; a provisional one names the epoch it was asked in.
    pub epoch: Epoch,
    /// The grade（风险等级）.
    pub level: RiskLevel,
    /// The decision of officers that gives the grade, if one does.
    pub decision: Option<Decided>,
    /// The next grade is likely enough to watch（关注）.
    pub watch: bool,
    /// There is next to no own evidence: may steer sampling, never sanctions（继承）.
    pub inherited: bool,
    /// Doublings of the odds of a failure, rounded down: moves of a band are recorded too.
    pub band: i32,
    /// Probability that a randomly drawn batch fails now.
    pub probability: f64,
    /// Interval of that probability.
    pub interval: Interval,
    /// Posterior mean of the log-odds; the sum of the contributions.
    pub log_odds: f64,
    /// Posterior variance of the log-odds.
    pub variance: f64,
    /// Probability that the grade is at least medium, high, serious.
    pub at_least: [f64; 3],
    /// Shares of severities 1 to 4 among failures.
    pub severity_mix: [f64; 4],
    /// The additive parts.
    pub contributions: Vec<Contribution>,
    /// Own evidence by kind.
    pub evidence: BTreeMap<CompactString, EvidenceCount>,
    /// Policy behind it.
    pub policy_version: PolicyVersion,
    /// SHA-256 of the policy.
    pub policy_hash: Arc<str>,
    /// Estimator behind it.
    pub model_version: CompactString,
    /// Close that fitted the parameters; none for the policy's prior.
    pub snapshot: Option<Epoch>,
}

impl Assessment {
    /// The level that was estimated, whatever was decided.
    pub fn estimated_level(&self) -> RiskLevel {
        let decision = self.decision.as_ref();
        decision.map_or(self.level, |decided| decided.estimated)
    }
}
