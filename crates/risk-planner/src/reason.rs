//! Why a line stands in a plan, as a sentence.

use crate::plan::Line;
use crate::wire::request::LeadKind;
use compact_str::CompactString;
use risk_domain::ids::CampaignId;

/// Why a target was taken（入选理由）.
#[doc(alias = "入选理由")]
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Drawn for the evaluation of a stratum.
    Evaluated {
        /// Which stratum.
        stratum: CompactString,
        /// Draws of it.
        quota: u32,
        /// Targets in it.
        size: u32,
    },
    /// Drawn with a probability that grows with expected harm.
    Drawn {
        /// Which stratum.
        stratum: CompactString,
        /// Draws of it.
        quota: u32,
        /// The probability.
        inclusion: f64,
    },
    /// Among those where most harm is expected.
    Harm,
    /// An open alert speaks of it.
    Alert,
    /// It fits a campaign.
    Campaign(CampaignId),
    /// It stands on one of the two lists of a race, or on both.
    Race(CompactString),
    /// It is owed.
    Owed(LeadKind),
}

impl Reason {
    /// Its code in records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Evaluated { .. } => "evaluated",
            Self::Drawn { .. } => "drawn",
            Self::Harm => "harm",
            Self::Alert => "alert",
            Self::Campaign(_) => "campaign",
            Self::Race(_) => "race",
            Self::Owed(LeadKind::Case) => "case",
            Self::Owed(LeadKind::FollowUp) => "follow_up",
            Self::Owed(LeadKind::Alert) => "alert_lead",
            Self::Owed(LeadKind::Tip) => "tip",
        }
    }
}

impl Line {
    /// Why this target, in Chinese and in English.
    pub fn sentences(&self) -> (String, String) {
        let p = 100.0 * self.probability;
        let risk = (
            format!("预计不合格概率 {p:.1}%"),
            format!("expected to fail with {p:.1} %"),
        );
        let (zh, en) = match &self.reason {
            Reason::Evaluated {
                stratum,
                quota,
                size,
            } => (
                format!("风险分层随机抽取：层 {stratum} 的 {size} 个对象中抽 {quota} 个"),
                format!("drawn at random: {quota} of the {size} targets of stratum {stratum}"),
            ),
            Reason::Drawn {
                stratum,
                quota,
                inclusion,
            } => (
                format!(
                    "双随机按风险加权抽取：层 {stratum} 抽 {quota} 个，入样概率 {:.2}%",
                    100.0 * inclusion
                ),
                format!(
                    "drawn by risk: {quota} of stratum {stratum}, this one with probability {:.2} %",
                    100.0 * inclusion
                ),
            ),
            Reason::Harm => (
                format!("在可抽对象中预期危害居前，列本方式第 {} 位", self.rank),
                format!(
                    "number {} of its mode among all that may be targeted, by expected harm",
                    self.rank
                ),
            ),
            Reason::Alert => (
                "有未了结预警".to_owned(),
                "an open alert speaks of it".to_owned(),
            ),
            Reason::Campaign(id) => (
                format!("属于专项行动 {id}"),
                format!("belongs to campaign {id}"),
            ),
            // How likely it fails would tell whose list it stands on: who tests it is not to know.
            Reason::Race(id) => {
                return (
                    format!("列入清单对比 {id}"),
                    format!("stands on a list of race {id}"),
                );
            }
            Reason::Owed(kind) => match kind {
                LeadKind::Case => (
                    "案件待复查".to_owned(),
                    "a case waits for its recheck".to_owned(),
                ),
                LeadKind::FollowUp => (
                    "不合格后跟踪抽查".to_owned(),
                    "follows an earlier failure".to_owned(),
                ),
                LeadKind::Alert => (
                    "预警待核查".to_owned(),
                    "an alert is to be looked into".to_owned(),
                ),
                LeadKind::Tip => (
                    "有投诉举报线索".to_owned(),
                    "a tip or complaint speaks of it".to_owned(),
                ),
            },
        };
        (format!("{zh}；{}", risk.0), format!("{en}; {}", risk.1))
    }
}
