//! Alerts（预警）: facts of a single record alert at once; risen grades alert at closes.
//!
//! What a rule finds is a *raise* ([`Alert`]). Raises of one subject and hazard merge into the alert that
//! stands open ([`standing::StandingAlert`]), whose life [`lifecycle`] draws.

pub mod lifecycle;
mod listed;
pub mod moved;
mod orders;
pub mod standing;
mod stream;
mod streams;
mod table;
pub mod terms;

use crate::assessment::Assessment;
use crate::event_time::Epoch;
use crate::policy::Policy;
use crate::warning::Outbreak;
use risk_domain::ids::{AlertId, HazardCode, InspectionId, SignalId, ZoneId};
use risk_domain::inspection::{InspectionResult, Outcome, TestItem, TestKind};
use risk_domain::scales::{AlertLevel, RiskLevel, Severity};
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use listed::AlertFilter;
pub use streams::AlertEntry;
pub(crate) use streams::{Alerts, Raising};

/// What raises an alert（预警规则）.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertRule {
    /// A fast test failed（快检不合格）.
    FastTestFailed,
    /// An item of severity 4 failed（严重伤害项目不合格）.
    SevereItemFailed,
    /// A banned substance was found（检出禁用物质）.
    BannedSubstance,
    /// A grade rose at a close（风险等级上升）.
    LevelRose,
    /// A product or a sector fails more than usual（质量突发）.
    Outbreak,
    /// An enterprise fails more than usual（企业质量波动）.
    EnterpriseChanged,
    /// Several consumers complained（投诉聚集）.
    ComplaintCluster,
    /// The media reported（媒体曝光）.
    MediaExposure,
    /// A product was recalled（召回）.
    Recall,
    /// Somebody was hurt, or nearly（安全事故）.
    Accident,
    /// Another authority or another place found a nonconformity（外部抽检不合格）.
    ExternalCheckFailed,
    /// Goods of one supplier, factory, lot or trademark failed at several enterprises（供应链聚集）.
    SupplyPath,
    /// A grade rose before anything failed（潜在风险）.
    LatentRisk,
    /// An item of a product fails more than it used to（危害项目信号）.
    HazardItem,
    /// An enterprise no longer records its duty（主体责任记录缺失）.
    DutyMissed,
}

impl AlertRule {
    /// Every rule.
    pub const ALL: [Self; 15] = [
        Self::FastTestFailed,
        Self::SevereItemFailed,
        Self::BannedSubstance,
        Self::LevelRose,
        Self::Outbreak,
        Self::EnterpriseChanged,
        Self::ComplaintCluster,
        Self::MediaExposure,
        Self::Recall,
        Self::Accident,
        Self::ExternalCheckFailed,
        Self::SupplyPath,
        Self::LatentRisk,
        Self::HazardItem,
        Self::DutyMissed,
    ];

    /// The rule with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code() == code)
    }

    /// Whether the sentence of a raise may name others than the subject: it quotes a record, a source or what came by
    /// a supply path. That of the other rules is made of numbers, levels, places and items.
    pub fn names_others(self) -> bool {
        match self {
            Self::FastTestFailed
            | Self::SevereItemFailed
            | Self::BannedSubstance
            | Self::MediaExposure
            | Self::Recall
            | Self::Accident
            | Self::ExternalCheckFailed
            | Self::SupplyPath => true,
            Self::LevelRose
            | Self::Outbreak
            | Self::EnterpriseChanged
            | Self::ComplaintCluster
            | Self::LatentRisk
            | Self::HazardItem
            | Self::DutyMissed => false,
        }
    }

    /// The rule's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::FastTestFailed => "fast_test_failed",
            Self::SevereItemFailed => "severe_item_failed",
            Self::BannedSubstance => "banned_substance",
            Self::LevelRose => "level_rose",
            Self::Outbreak => "outbreak",
            Self::EnterpriseChanged => "enterprise_changed",
            Self::ComplaintCluster => "complaint_cluster",
            Self::MediaExposure => "media_exposure",
            Self::Recall => "recall",
            Self::Accident => "accident",
            Self::ExternalCheckFailed => "external_check_failed",
            Self::SupplyPath => "supply_path",
            Self::LatentRisk => "latent_risk",
            Self::HazardItem => "hazard_item",
            Self::DutyMissed => "duty_missed",
        }
    }
}

/// One alert（预警）, as raised: what a rule found.
#[doc(alias = "预警")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// A hash of subject, hazard, rule and record (or close), so that redelivery cannot double it.
    pub id: AlertId,
    /// About whom.
    #[serde(with = "risk_domain::decision::subject_text")]
    pub subject: Subject,
    /// Where in the city, if it concerns one zone only.
    pub zone: Option<ZoneId>,
    /// Which hazard, when the rule names one.
    pub hazard: Option<HazardCode>,
    /// What raised it.
    pub rule: AlertRule,
    /// How grave.
    pub level: AlertLevel,
    /// When, in the data's time: the record's report, or the end of the epoch.
    pub raised_at: Timestamp,
    /// The record behind it; none for an alert of a close.
    pub inspection_id: Option<InspectionId>,
    /// Why, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
}

impl Alert {
    /// An alert of no zone and no result, raised by what `record` names at a time, with its Chinese and
    /// its English sentence.
    pub(crate) fn raised(
        subject: Subject,
        hazard: Option<HazardCode>,
        (rule, level): (AlertRule, AlertLevel),
        (record, raised_at): (&str, Timestamp),
        (reason_zh, reason_en): (String, String),
    ) -> Option<Self> {
        Some(Self {
            id: id_of(&subject, hazard.as_ref(), rule, record)?,
            subject,
            zone: None,
            hazard,
            rule,
            level,
            raised_at,
            inspection_id: None,
            reason_zh,
            reason_en,
        })
    }
}

/// Results that an alert, or a raise of a close, names itself.
pub(crate) const NAMED_RESULTS: usize = 16;

/// An alert that a close raised because of some results, with the latest of them（预警依据）.
#[doc(alias = "预警依据")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultsRaised {
    /// The latest results behind it, the newest last, sixteen at most.
    pub inspections: Vec<InspectionId>,
    /// What they raise.
    pub alert: Alert,
}

/// What an alert rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behind {
    /// The record that it names; or, of a close, all results of its subject.
    Record,
    /// These signals.
    Signals(Vec<SignalId>),
    /// These results.
    Results(Vec<InspectionId>),
}

impl Behind {
    pub(crate) fn signals(&self) -> &[SignalId] {
        match self {
            Self::Signals(signals) => signals,
            Self::Record | Self::Results(_) => &[],
        }
    }

    fn results(&self) -> &[InspectionId] {
        match self {
            Self::Results(results) => results,
            Self::Record | Self::Signals(_) => &[],
        }
    }
}

/// Marks an item whose failure means a banned substance, in its code: `banned-…` or `BAN-…`.
fn is_banned_substance(item: &TestItem) -> bool {
    let code = item.code.as_str();
    code.starts_with("banned-") || code.starts_with("BAN-")
}

fn id_of(
    subject: &Subject,
    hazard: Option<&HazardCode>,
    rule: AlertRule,
    record: &str,
) -> Option<AlertId> {
    let hazard = hazard.map_or("", HazardCode::as_str);
    let hash = hash_of(&[&subject.to_string(), hazard, rule.code(), record]);
    AlertId::new(format!("{hash:032x}")).ok()
}

/// 128 bits of a hash of texts.
fn hash_of(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let prefix = digest.first_chunk::<16>();
    prefix.map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

/// The alerts that one record raises by itself, whatever else is known.
pub(crate) fn of_record(result: &InspectionResult, policy: &Policy) -> Vec<Alert> {
    if result.outcome != Outcome::Nonconforming {
        return Vec::new();
    }
    let site = &result.site;
    let cell = Subject::Cell(site.enterprise_id.clone(), result.product.category.clone());
    let raise =
        |hazard: Option<&HazardCode>, rule, level, zh: String, en: String| -> Option<Alert> {
            let id = id_of(&cell, hazard, rule, result.inspection_id.as_str())?;
            Some(Alert {
                id,
                subject: cell.clone(),
                zone: Some(site.zone_id.clone()),
                hazard: hazard.cloned(),
                rule,
                level,
                raised_at: result.observed_at,
                inspection_id: Some(result.inspection_id.clone()),
                reason_zh: zh,
                reason_en: en,
            })
        };
    let product = &result.product.name;
    let mut alerts = Vec::new();
    if result.test.kind == TestKind::Rapid {
        let hazard = result.failed_items().find_map(|item| item.hazard.as_ref());
        let zh = format!("{}的{product}快检不合格，应当场复测并指导整改", site.name);
        let en = format!(
            "{product} of {} failed a fast test: test again on site and guide rectification",
            site.name
        );
        alerts.extend(raise(
            hazard,
            AlertRule::FastTestFailed,
            policy.alert.fast_test_failed,
            zh,
            en,
        ));
    }
    for item in result.failed_items() {
        let hazard = item.hazard.as_ref();
        if item.severity == Some(Severity::Four) {
            let zh = format!("{}的{product}“{}”不合格，可能致命", site.name, item.name);
            let en = format!(
                "{product} of {} failed `{}`, which may be fatal",
                site.name, item.name
            );
            alerts.extend(raise(
                hazard,
                AlertRule::SevereItemFailed,
                policy.alert.severe_item_failed,
                zh,
                en,
            ));
        }
        if is_banned_substance(item) {
            let zh = format!("{}的{product}检出禁用物质“{}”", site.name, item.name);
            let en = format!(
                "{product} of {} contains the banned substance `{}`",
                site.name, item.name
            );
            alerts.extend(raise(
                hazard,
                AlertRule::BannedSubstance,
                policy.alert.banned_substance,
                zh,
                en,
            ));
        }
    }
    // Two failed items of one hazard are one alert: subject, hazard, rule and record are the same.
    alerts.sort_by(|one, other| (&one.id, &one.reason_en).cmp(&(&other.id, &other.reason_en)));
    alerts.dedup_by(|later, first| later.id == first.id);
    alerts
}

/// The alert of an estimated grade that rose at a close, `before` being the one before.
pub(crate) fn of_rise(
    before: RiskLevel,
    now: &Assessment,
    ended_at: Timestamp,
    policy: &Policy,
) -> Option<Alert> {
    // What officers decided is no news to them.
    let risen = now.estimated_level();
    // An inherited grade may steer sampling but accuses nobody.
    if risen <= before || risen < policy.alert.level_rose_to || now.inherited {
        return None;
    }
    let failures = now.evidence.values().map(|count| count.nonconforming);
    let latent = failures.sum::<i32>() == 0;
    let (rule, level) = match (latent, risen) {
        (true, _) => (AlertRule::LatentRisk, policy.alert.latent_risk),
        (false, RiskLevel::Serious) => (AlertRule::LevelRose, policy.alert.level_rose_to_serious),
        (false, RiskLevel::High | RiskLevel::Medium | RiskLevel::Low | RiskLevel::Undetermined) => {
            (AlertRule::LevelRose, policy.alert.level_rose)
        }
    };
    let percent = now.probability * 100.0;
    let (zh, en) = if latent {
        ("尚未检出不合格，但", "nothing failed yet, but the ")
    } else {
        ("", "")
    };
    Alert::raised(
        now.subject.clone(),
        None,
        (rule, level),
        (&format!("close {}", now.epoch.0), ended_at),
        (
            format!(
                "{zh}风险等级由“{}”升为“{}”，预计不合格率{percent:.1}%",
                before.zh(),
                risen.zh()
            ),
            format!(
                "{en}risk level rose from {before} to {risen}: {percent:.1} % expected to fail"
            ),
        ),
    )
}

/// The alert of a subject that fails more than usual, by the close of `epoch`.
pub(crate) fn of_outbreak(
    outbreak: &Outbreak,
    epoch: Epoch,
    ended_at: Timestamp,
    policy: &Policy,
) -> Option<Alert> {
    let Outbreak {
        subject,
        zone,
        probability,
        recent,
    } = outbreak;
    let (rule, level) = match (subject.kind(), zone) {
        (SubjectKind::Enterprise | SubjectKind::Cell | SubjectKind::Site, _) => (
            AlertRule::EnterpriseChanged,
            policy.alert.enterprise_changed,
        ),
        (SubjectKind::Product | SubjectKind::Sector | SubjectKind::Zone, Some(_)) => {
            (AlertRule::Outbreak, policy.alert.outbreak_in_zone)
        }
        (SubjectKind::Product | SubjectKind::Sector | SubjectKind::Zone, None) => {
            (AlertRule::Outbreak, policy.alert.outbreak)
        }
    };
    let place = zone.as_ref().map_or("", ZoneId::as_str);
    let record = format!("close {} {place}", epoch.0);
    let (tested, failed, expected) = (recent.tested, recent.failed, recent.expected);
    let (tips_zh, tips_en) = if recent.tips > recent.tips_expected && recent.tips_expected > 0.0 {
        let (tips, expected) = (recent.tips, recent.tips_expected);
        (
            format!("，因线索受检{tips:.0}批次（按往常应为{expected:.1}批次）"),
            format!(", {tips:.0} of them on tips where {expected:.1} were to be expected"),
        )
    } else {
        (String::new(), String::new())
    };
    let percent = probability * 100.0;
    let (where_zh, where_en) = match zone {
        Some(zone) => (format!("在{zone}"), format!(" in {zone}")),
        None => (String::new(), String::new()),
    };
    Some(Alert {
        id: id_of(subject, None, rule, &record)?,
        subject: subject.clone(),
        zone: zone.clone(),
        hazard: None,
        rule,
        level,
        raised_at: ended_at,
        inspection_id: None,
        reason_zh: format!(
            "{where_zh}近8周{tested:.0}批次中不合格{failed:.0}批次，按往常应为{expected:.1}批次{tips_zh}，质量突发的概率为{percent:.0}%"
        ),
        reason_en: format!(
            "{failed:.0} of {tested:.0} failed{where_en} in the last eight weeks, {expected:.1} were to be expected{tips_en}: an outbreak with probability {percent:.0} %"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::{EvidenceCount, Interval};
    use compact_str::CompactString;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    fn graded(policy: &Policy, level: RiskLevel, failures: i32) -> Assessment {
        let count = EvidenceCount {
            results: 9,
            nonconforming: failures,
        };
        Assessment {
            subject: "cell:E1:P0".parse().unwrap(),
            zones: Arc::new(BTreeSet::new()),
            sectors: Arc::new(BTreeSet::new()),
            epoch: Epoch(7),
            level,
            decision: None,
            watch: false,
            inherited: false,
            band: 0,
            probability: 0.31,
            interval: Interval {
                lower: 0.2,
                upper: 0.4,
            },
            log_odds: -0.8,
            variance: 0.1,
            at_least: [1.0, 0.9, 0.4],
            severity_mix: [0.25; 4],
            contributions: Vec::new(),
            evidence: BTreeMap::from([(CompactString::const_new("lab"), count)]),
            policy_version: policy.version.clone(),
            policy_hash: Arc::from(""),
            model_version: CompactString::const_new("1"),
            snapshot: None,
        }
    }

    #[test]
    fn a_grade_that_rises_before_anything_failed_is_a_latent_risk_and_says_so() {
        let policy = Policy::builtin().unwrap();
        let ended_at = Timestamp::from_millis(0);
        let rise = |before, now: &Assessment| of_rise(before, now, ended_at, &policy);
        let latent = graded(&policy, RiskLevel::High, 0);
        let alert = rise(RiskLevel::Medium, &latent).unwrap();
        assert_eq!(alert.rule, AlertRule::LatentRisk);
        assert_eq!(alert.level, policy.alert.latent_risk);
        assert!(
            alert.reason_zh.starts_with("尚未检出不合格"),
            "{}",
            alert.reason_zh
        );
        let failed = graded(&policy, RiskLevel::High, 1);
        let alert = rise(RiskLevel::Medium, &failed).unwrap();
        assert_eq!(
            (alert.rule, alert.level),
            (AlertRule::LevelRose, policy.alert.level_rose)
        );
        assert!(!alert.reason_zh.contains("尚未"));
        assert_eq!(rise(RiskLevel::High, &latent), None, "it did not rise");
        let inherited = Assessment {
            inherited: true,
            ..latent
        };
        assert_eq!(
            rise(RiskLevel::Medium, &inherited),
            None,
            "it accuses nobody"
        );
    }
}
