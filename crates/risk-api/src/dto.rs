//! What the API shows. These shapes are a contract of their own: a change here is seen in
//! `docs/openapi.json`, and nothing inside follows from it.

use risk_domain::reference::Reference;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::{Alert, Assessment, Contribution, Engine};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Ten points are one doubling of the odds of a failure.
const POINTS_PER_LOG_ODDS: f64 = 10.0 / std::f64::consts::LN_2;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins: pass it as `cursor`. Absent on the last page.
    pub next: Option<String>,
}

/// An interval of probability that holds the truth with 95 %.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntervalDto {
    /// Lower bound, 0 to 1.
    pub lower: f64,
    /// Upper bound, 0 to 1.
    pub upper: f64,
}

/// One additive part of a score.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContributionDto {
    /// Code of the part.
    pub part: String,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// What it adds to the log-odds.
    pub log_odds: f64,
    /// The same in points; ten points double the odds.
    pub points: f64,
}

/// Own evidence of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceDto {
    /// Results.
    pub results: i32,
    /// Of which nonconforming.
    pub nonconforming: i32,
}

/// What is concluded of one subject.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssessmentDto {
    /// The subject, as `kind:id`.
    pub subject: String,
    /// Its kind.
    pub kind: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// Risk level: undetermined, low, medium, high, serious.
    pub level: String,
    /// The level's Chinese name.
    pub level_zh: String,
    /// The next level is likely enough to watch.
    pub watch: bool,
    /// Next to no own evidence: may steer sampling, never sanctions.
    pub inherited: bool,
    /// Whether this is an estimate between closes, which is shown and never recorded.
    pub provisional: bool,
    /// Probability that a randomly drawn batch fails now, 0 to 1.
    pub probability: f64,
    /// Interval of that probability.
    pub interval: IntervalDto,
    /// Probability that the level is at least medium, high, serious.
    pub at_least: BTreeMap<String, f64>,
    /// Shares of severities 1 to 4 among failures.
    pub severity_mix: Vec<f64>,
    /// The additive parts; their log-odds add up to that of the probability.
    pub contributions: Vec<ContributionDto>,
    /// Own evidence by kind.
    pub evidence: BTreeMap<String, EvidenceDto>,
    /// Zones it was seen in, with everything they lie in.
    pub zones: Vec<String>,
    /// Sectors it was seen in.
    pub sectors: Vec<String>,
    /// End of the epoch that concluded it, RFC 3339.
    pub as_of: String,
    /// Version of the policy.
    pub policy_version: String,
    /// SHA-256 of the policy.
    pub policy_hash: String,
    /// Version of the estimator.
    pub model_version: String,
}

/// A subject with its recorded and its provisional assessment.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubjectDto {
    /// The subject, as `kind:id`.
    pub subject: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// What stands: the last recorded assessment.
    pub recorded: Option<AssessmentDto>,
    /// The estimate from all evidence so far; not recorded.
    pub provisional: Option<AssessmentDto>,
    /// Earlier recorded assessments, the latest first.
    pub history: Vec<AssessmentDto>,
}

/// One alert.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlertDto {
    /// Its id.
    pub id: String,
    /// About whom, as `kind:id`.
    pub subject: String,
    /// Which hazard.
    pub hazard: Option<String>,
    /// What raised it.
    pub rule: String,
    /// Level one (gravest) to four.
    pub level: String,
    /// When, in the data's time, RFC 3339.
    pub raised_at: String,
    /// The record behind it.
    pub inspection_id: Option<String>,
    /// Why, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
}

/// What became of one posted record.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptDto {
    /// Its place in the body, from 1.
    pub line: usize,
    /// accepted, duplicate, or rejected.
    pub status: &'static str,
    /// Why it was rejected: a code of the closed list in docs/wire.md.
    pub code: Option<String>,
    /// Which field.
    pub field: Option<String>,
    /// What stood there.
    pub value: Option<String>,
    /// The rule it breaks.
    pub rule: Option<String>,
}

/// What became of a post.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostedDto {
    /// Records applied.
    pub accepted: usize,
    /// Records known before.
    pub duplicates: usize,
    /// Records rejected, and kept as dead letters.
    pub rejected: usize,
    /// Record by record.
    pub items: Vec<ReceiptDto>,
}

/// Where things stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusDto {
    /// End of the last closed epoch, RFC 3339.
    pub closed_until: Option<String>,
    /// Subjects by kind and recorded level.
    pub subjects: BTreeMap<String, BTreeMap<String, u64>>,
    /// Version of the policy in force.
    pub policy_version: String,
    /// Why this process is not ready; empty when it is.
    pub not_ready: Vec<String>,
}

/// A problem, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDto {
    /// Stable for each kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// In a few words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What to do about it.
    pub detail: String,
    /// Which parameter or field.
    pub field: Option<String>,
}

/// The public name of a subject: a booth's or an enterprise's own, or the reference data's.
pub(crate) fn name_of(subject: &Subject, engine: &Engine, reference: &Reference) -> Option<String> {
    let product = |code| {
        reference
            .products
            .get(code)
            .map(|product| product.name_zh.to_string())
    };
    match subject {
        Subject::Enterprise(_) | Subject::Site(_) => engine.title(subject).map(str::to_owned),
        Subject::Product(code) => product(code),
        Subject::Zone(id) => reference.zones.get(id).map(|zone| zone.name_zh.to_string()),
        Subject::Sector(code) => reference
            .sectors
            .get(code)
            .map(|sector| sector.name_zh.to_string()),
        Subject::Cell(enterprise, code) => {
            let owner = engine.title(&Subject::Enterprise(enterprise.clone()))?;
            Some(format!(
                "{owner} · {}",
                product(code).unwrap_or_else(|| code.to_string())
            ))
        }
    }
}

impl ContributionDto {
    fn new(contribution: &Contribution) -> Self {
        let part = contribution.part;
        Self {
            part: format!("{part:?}"),
            zh: part.zh().to_owned(),
            en: part.en().to_owned(),
            log_odds: contribution.log_odds,
            points: contribution.log_odds * POINTS_PER_LOG_ODDS,
        }
    }
}

impl AssessmentDto {
    pub(crate) fn new(
        assessment: &Assessment,
        name: Option<String>,
        as_of: Timestamp,
        provisional: bool,
    ) -> Self {
        let levels = ["medium", "high", "serious"];
        Self {
            subject: assessment.subject.to_string(),
            kind: assessment.subject.kind().to_string(),
            name,
            level: assessment.level.to_string(),
            level_zh: assessment.level.zh().to_owned(),
            watch: assessment.watch,
            inherited: assessment.inherited,
            provisional,
            probability: assessment.probability,
            interval: IntervalDto {
                lower: assessment.interval.lower,
                upper: assessment.interval.upper,
            },
            at_least: levels
                .into_iter()
                .map(str::to_owned)
                .zip(assessment.at_least)
                .collect(),
            severity_mix: assessment.severity_mix.to_vec(),
            contributions: assessment
                .contributions
                .iter()
                .map(ContributionDto::new)
                .collect(),
            evidence: assessment
                .evidence
                .iter()
                .map(|(kind, count)| {
                    (
                        kind.to_string(),
                        EvidenceDto {
                            results: count.results,
                            nonconforming: count.nonconforming,
                        },
                    )
                })
                .collect(),
            zones: assessment.zones.iter().map(ToString::to_string).collect(),
            sectors: assessment.sectors.iter().map(ToString::to_string).collect(),
            as_of: as_of.to_string(),
            policy_version: assessment.policy_version.to_string(),
            policy_hash: assessment.policy_hash.to_string(),
            model_version: assessment.model_version.to_string(),
        }
    }
}

impl From<&Alert> for AlertDto {
    fn from(alert: &Alert) -> Self {
        Self {
            id: alert.id.to_string(),
            subject: alert.subject.to_string(),
            hazard: alert.hazard.as_ref().map(ToString::to_string),
            rule: alert.rule.code().to_owned(),
            level: alert.level.to_string(),
            raised_at: alert.raised_at.to_string(),
            inspection_id: alert.inspection_id.as_ref().map(ToString::to_string),
            reason_zh: alert.reason_zh.clone(),
            reason_en: alert.reason_en.clone(),
        }
    }
}
