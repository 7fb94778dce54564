//! Signals（风险信号）: what is heard of an enterprise beside inspection results.
//!
//! They are evidence beside the grade, never in it, and may raise alerts. What a complainant says and who
//! it is stands apart ([`SignalPersonal`]): nothing follows from it.

use crate::ids::{EnterpriseId, HazardCode, ProductCode, SignalId, SiteId, ZoneId};
use crate::inspection::Verdict;
use crate::scales::{CreditRiskClass, Severity, named_scale};
use crate::time::{Day, Timestamp};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

named_scale! {
    /// Kind of a signal（信号类别）.
    #[doc(alias = "信号类别")]
    SignalKind {
        /// 投诉: a consumer complained on their own behalf, for instance by 12315.
        Complaint = "complaint",
        /// 媒体曝光: the media reported.
        MediaExposure = "media_exposure",
        /// 召回: a product was recalled.
        Recall = "recall",
        /// 安全事故: somebody was hurt, or nearly.
        Accident = "accident",
        /// 企业信用风险分类: the enterprise was classed.
        CreditClass = "credit_class",
        /// 外部抽检: another authority or another place tested.
        ExternalCheck = "external_check",
        /// 网络监测: something was found on sale online.
        OnlineMonitoring = "online_monitoring",
        /// 举报: somebody reports a breach of the law.
        Tip = "tip",
        /// 主体责任记录: the enterprise's own records of its daily, weekly or monthly duty.
        DutyRecord = "duty_record",
    }
}

named_scale! {
    /// Whether whoever reports gave a name（举报人是否实名）: a named one is told what became of it.
    #[doc(alias = "举报人是否实名")]
    Reporter {
        /// 实名.
        Named = "named",
        /// 匿名.
        Anonymous = "anonymous",
    }
}

named_scale! {
    /// What an enterprise owes of itself（主体责任）: Orders 75 and 76 of 2023.
    #[doc(alias = "主体责任")]
    Duty {
        /// 日管控: the quality officer's check of the day, a zero-risk one included.
        Daily = "daily",
        /// 周排查: the quality director's review of the week.
        Weekly = "weekly",
        /// 月调度: the meeting of whoever heads the enterprise.
        Monthly = "monthly",
    }
}

impl Duty {
    /// Its Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Daily => "日管控",
            Self::Weekly => "周排查",
            Self::Monthly => "月调度",
        }
    }
}

/// What an enterprise put on record of its duty（主体责任记录）, for some days in a row.
#[doc(alias = "主体责任记录")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DutyRecord {
    /// Which duty.
    pub duty: Duty,
    /// The first day that it covers. A weekly or monthly record stands for each week or month of which
    /// it covers a day.
    pub from: Day,
    /// The last.
    pub until: Day,
    /// The days on which a risk was found; on the others there was none（零风险）.
    pub risks: Vec<Day>,
}

impl SignalKind {
    /// Its Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Complaint => "投诉",
            Self::MediaExposure => "媒体曝光",
            Self::Recall => "召回",
            Self::Accident => "安全事故",
            Self::CreditClass => "信用风险分类",
            Self::ExternalCheck => "外部抽检",
            Self::OnlineMonitoring => "网络监测",
            Self::Tip => "举报",
            Self::DutyRecord => "主体责任记录",
        }
    }
}

/// One signal（风险信号）.
#[doc(alias = "风险信号")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Which signal, unique for ever.
    pub signal_id: SignalId,
    /// What kind of signal.
    pub kind: SignalKind,
    /// When it was heard of: by this it is placed in time.
    pub observed_at: Timestamp,
    /// When what it tells happened, where that is known.
    pub occurred_at: Option<Timestamp>,
    /// About whom.
    pub enterprise_id: EnterpriseId,
    /// At which of its sites.
    pub site_id: Option<SiteId>,
    /// In which zone.
    pub zone_id: Option<ZoneId>,
    /// About which product.
    pub product: Option<ProductCode>,
    /// Which hazard.
    pub hazard: Option<HazardCode>,
    /// How grave the injury was, or may be.
    pub severity: Option<Severity>,
    /// Who tells it: a hotline, a paper, an authority, a platform.
    pub source: CompactString,
    /// What is told, without people's names.
    pub summary: Option<CompactString>,
    /// What an external check found.
    pub verdict: Option<Verdict>,
    /// The class, of a credit classification.
    pub credit_class: Option<CreditRiskClass>,
    /// Whether a complainant or reporter gave a name.
    #[serde(default)]
    pub reporter: Option<Reporter>,
    /// What an enterprise put on record of its duty.
    #[serde(default)]
    pub duty: Option<DutyRecord>,
}

/// What of a signal is personal（个人信息）: kept apart, and nothing follows from it.
#[doc(alias = "个人信息")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalPersonal {
    /// Who complains, or was hurt.
    pub person: Option<CompactString>,
    /// How they are reached.
    pub contact: Option<CompactString>,
    /// What they say, in their words.
    pub words: Option<CompactString>,
}

impl SignalPersonal {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.person.is_none() && self.contact.is_none() && self.words.is_none()
    }
}
