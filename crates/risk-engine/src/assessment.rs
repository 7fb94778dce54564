//! What is concluded of one subject at one close, and what it was concluded from.
//!
//! These shapes stand in the ledger as they serialise here; a change is a new version.

use crate::event_time::Epoch;
use compact_str::CompactString;
use risk_domain::ids::{PolicyVersion, SectorCode, ZoneId};
use risk_domain::scales::RiskLevel;
use risk_domain::subject::Subject;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// The zone that this one lies in, against the city.
    Zone,
    /// The mix of products sold, against the city.
    Assortment,
    /// The enterprise's other products against what they let expect.
    Enterprise,
    /// The subject's own record against all of the above.
    OwnRecord,
}

impl Part {
    /// The part's code, as it serialises.
    pub fn code(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Sector => "sector",
            Self::Product => "product",
            Self::Zone => "zone",
            Self::Assortment => "assortment",
            Self::Enterprise => "enterprise",
            Self::OwnRecord => "own_record",
        }
    }

    /// The part's Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Base => "全市基准",
            Self::Sector => "行业",
            Self::Product => "产品",
            Self::Zone => "所在区域",
            Self::Assortment => "经营品类",
            Self::Enterprise => "企业其他产品",
            Self::OwnRecord => "自身记录",
        }
    }

    /// The part's English name.
    pub fn en(self) -> &'static str {
        match self {
            Self::Base => "city base",
            Self::Sector => "sector",
            Self::Product => "product",
            Self::Zone => "zone above",
            Self::Assortment => "products sold",
            Self::Enterprise => "enterprise's other products",
            Self::OwnRecord => "own record",
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

/// What is concluded of one subject（风险评估）.
#[doc(alias = "风险评估")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// Of whom.
    #[serde(with = "subject_text")]
    pub subject: Subject,
    /// Zones it was seen in, with everything they lie in; empty for products and sectors.
    pub zones: BTreeSet<ZoneId>,
    /// Sectors it was seen in; empty for zones.
    pub sectors: BTreeSet<SectorCode>,
    /// The epoch whose close concluded it; a provisional one names the epoch it was asked in.
    pub epoch: Epoch,
    /// The grade（风险等级）.
    pub level: RiskLevel,
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
    pub policy_hash: CompactString,
    /// Estimator behind it.
    pub model_version: CompactString,
    /// Close that fitted the parameters; none for the policy's prior.
    pub snapshot: Option<Epoch>,
}

/// Parameters fitted at a weekly close; they apply from the next epoch's close on（参数快照）.
#[doc(alias = "参数快照")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The close that fitted it.
    pub epoch: Epoch,
    /// Failure rate of the city.
    pub failure_rate: f64,
    /// Posterior failure rate of each sector, product and zone, by subject.
    pub rates: BTreeMap<String, f64>,
    /// Prior tests that a parent's rate is worth, by kind of subject.
    pub concentrations: BTreeMap<String, f64>,
}

/// A subject as its text.
pub(crate) mod subject_text {
    use risk_domain::subject::Subject;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(subject: &Subject, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(subject)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Subject, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
