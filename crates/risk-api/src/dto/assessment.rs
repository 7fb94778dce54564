//! What is concluded of subjects（风险评估）, as it is shown.

use super::{BehindDto, CounterfactualDto, DecidedDto};
use risk_domain::reference::Reference;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::{Assessment, Contribution, Engine, Part, Reason, Stratum};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An interval of probability that holds the truth with 95 %.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntervalDto {
    /// Lower bound, 0 to 1.
    pub lower: f64,
    /// Upper bound, 0 to 1.
    pub upper: f64,
}

/// Where a part of a score comes from（分值来源）; the same codes as in the ledger and in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartDto {
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

/// One additive part of a score.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContributionDto {
    /// Which part.
    pub part: PartDto,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// What it adds to the log-odds (natural logarithm).
    pub log_odds: f64,
    /// The same in points: log-odds × 10 / ln 2, so that ten points double the odds.
    pub points: f64,
    /// What it says, as a Chinese sentence.
    pub reason_zh: String,
    /// The same in English.
    pub reason_en: String,
}

/// Own evidence of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceDto {
    /// Number of results.
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
    /// Its public name, where one is known; in Chinese where the reference data name it.
    pub name: Option<String>,
    /// Its English name, where the reference data have one.
    pub name_en: Option<String>,
    /// Risk level: undetermined, low, medium, high, serious.
    pub level: String,
    /// The level's Chinese name.
    pub level_zh: String,
    /// The decision of officers that gives the level, if one does.
    pub decision: Option<DecidedDto>,
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
    /// Probability, 0 to 1, that the level is at least `medium`, `high`, `serious`.
    pub at_least: BTreeMap<String, f64>,
    /// Shares of severities 1 to 4 among failures; they add up to 1.
    pub severity_mix: Vec<f64>,
    /// The additive parts; their log-odds add up to that of the probability.
    pub contributions: Vec<ContributionDto>,
    /// Own evidence by kind: the modes (`risk_evaluation`, `supervisory_check`, `special_check`,
    /// `fast_screen`, `fast_verified`, `enforcement_test`), and apart from them `follow_up`,
    /// `refusal` and the failures by severity (`severity_1` to `severity_4`).
    pub evidence: BTreeMap<String, EvidenceDto>,
    /// Own results of the modes together; follow-ups, refusals and the severities are not among them.
    pub own_results: i32,
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
    /// Its public name, where one is known; in Chinese where the reference data name it.
    pub name: Option<String>,
    /// Its English name, where the reference data have one.
    pub name_en: Option<String>,
    /// What stands: the last recorded assessment. One is recorded at a close where level, flag or
    /// band changed.
    pub recorded: Option<AssessmentDto>,
    /// The estimate from all evidence so far; not recorded.
    pub provisional: Option<AssessmentDto>,
    /// Whose results the parts of its score come from, where that can be traced.
    pub behind: Vec<BehindDto>,
    /// What would lower the recorded level; absent for the lowest level, and for products, zones and
    /// sectors.
    pub counterfactual: Option<CounterfactualDto>,
    /// The latest recorded assessments, the newest first; all of them are under `/history`.
    pub history: Vec<AssessmentDto>,
    /// Where the history goes on: the `cursor` of `/v1/subjects/{id}/history`.
    pub history_next: Option<String>,
}

/// The public names of a subject（名称）.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// A booth's or an enterprise's own, or the Chinese one of the reference data.
    pub(crate) zh: Option<String>,
    /// The English one of the reference data.
    pub(crate) en: Option<String>,
}

impl Names {
    pub(crate) fn of(subject: &Subject, engine: &Engine, reference: &Reference) -> Self {
        let named = |zh: &str, en: &str| Self {
            zh: Some(zh.to_owned()),
            en: Some(en.to_owned()),
        };
        let product = |code| {
            let product = reference.products.get(code);
            product.map(|product| named(&product.name_zh, &product.name_en))
        };
        let names = match subject {
            Subject::Enterprise(_) | Subject::Site(_) => engine.title(subject).map(|own| Self {
                zh: Some(own.to_owned()),
                en: None,
            }),
            Subject::Product(code) => product(code),
            Subject::Zone(id) => {
                let zone = reference.zones.get(id);
                zone.map(|zone| named(&zone.name_zh, &zone.name_en))
            }
            Subject::Sector(code) => {
                let sector = reference.sectors.get(code);
                sector.map(|sector| named(&sector.name_zh, &sector.name_en))
            }
            Subject::Cell(enterprise, code) => {
                let owner = engine.title(&Subject::Enterprise(enterprise.clone()));
                owner.map(|owner| {
                    let Self { zh, en } = product(code).unwrap_or_default();
                    let sells = |name: Option<String>| {
                        format!("{owner} · {}", name.unwrap_or_else(|| code.to_string()))
                    };
                    Self {
                        zh: Some(sells(zh)),
                        en: Some(sells(en)),
                    }
                })
            }
        };
        names.unwrap_or_default()
    }
}

impl ContributionDto {
    fn new(contribution: &Contribution, reason: Reason) -> Self {
        let part = contribution.part;
        Self {
            part: part.into(),
            zh: part.zh().to_owned(),
            en: part.en().to_owned(),
            log_odds: contribution.log_odds,
            points: contribution.points(),
            reason_zh: reason.zh,
            reason_en: reason.en,
        }
    }
}

impl From<Part> for PartDto {
    fn from(part: Part) -> Self {
        match part {
            Part::Base => Self::Base,
            Part::Sector => Self::Sector,
            Part::Product => Self::Product,
            Part::Zone => Self::Zone,
            Part::ProductZone => Self::ProductZone,
            Part::Enterprise => Self::Enterprise,
            Part::OwnRecord => Self::OwnRecord,
            Part::RecentSector => Self::RecentSector,
            Part::RecentProduct => Self::RecentProduct,
            Part::RecentZone => Self::RecentZone,
            Part::RecentProductZone => Self::RecentProductZone,
            Part::RecentEnterprise => Self::RecentEnterprise,
            Part::RecentOwn => Self::RecentOwn,
            Part::Season => Self::Season,
            Part::Selected => Self::Selected,
            Part::Remedied => Self::Remedied,
            Part::SinceFit => Self::SinceFit,
            Part::Mixture => Self::Mixture,
        }
    }
}

fn own_results(assessment: &Assessment) -> i32 {
    let own = Stratum::ALL.into_iter().filter(|stratum| stratum.is_test());
    let counts = own.filter_map(|stratum| assessment.evidence.get(stratum.code()));
    counts.map(|count| count.results).sum()
}

impl AssessmentDto {
    pub(crate) fn new(
        assessment: &Assessment,
        names: Names,
        as_of: Timestamp,
        provisional: bool,
    ) -> Self {
        let levels = ["medium", "high", "serious"];
        Self {
            subject: assessment.subject.to_string(),
            kind: assessment.subject.kind().to_string(),
            name: names.zh,
            name_en: names.en,
            level: assessment.level.to_string(),
            level_zh: assessment.level.zh().to_owned(),
            decision: assessment.decision.as_ref().map(DecidedDto::new),
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
                .zip(assessment.reasons())
                .map(|(part, reason)| ContributionDto::new(part, reason))
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
            own_results: own_results(assessment),
            zones: assessment.zones.iter().map(ToString::to_string).collect(),
            sectors: assessment.sectors.iter().map(ToString::to_string).collect(),
            as_of: as_of.to_string(),
            policy_version: assessment.policy_version.to_string(),
            policy_hash: assessment.policy_hash.to_string(),
            model_version: assessment.model_version.to_string(),
        }
    }
}
