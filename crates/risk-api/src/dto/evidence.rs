//! The results behind a score（证据）, as they are shown.

use super::PartDto;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use risk_engine::{Counting, Engine, Part, Source};
use serde::Serialize;
use utoipa::ToSchema;

/// What stands for itself in a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b':')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

/// One result that touches a subject.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceResultDto {
    /// Its id.
    pub inspection_id: String,
    /// Its ledger entry, which `ledger show` prints.
    pub entry: u64,
    /// When it was sampled, RFC 3339.
    pub sampled_at: String,
    /// When the report reached the bureau, RFC 3339.
    pub observed_at: String,
    /// One of the five modes.
    pub mode: String,
    /// `laboratory` or `rapid`.
    pub test: String,
    /// How it ended: conforming, nonconforming, refused, terminated, not_sampled, rejected_by_lab,
    /// untestable.
    pub outcome: String,
    /// Items that failed, by name.
    pub failed_items: Vec<String>,
    /// The enterprise.
    pub enterprise: String,
    /// The site.
    pub site: String,
    /// The product's code.
    pub product: String,
    /// The zone.
    pub zone: String,
    /// How it counts: `counted`; `confirmed` (a fast test, as its laboratory found); `confirms` (that
    /// laboratory result, which counts once with it); `replaced` by a correction; `waiting` for its
    /// original; `no_test`; `not_closed` (from the close of its day on).
    pub counting: String,
    /// The result that it corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// The fast test that it confirms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirms: Option<String>,
    /// The result that it follows up; a follow-up is shown and stays out of the estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up_of: Option<String>,
}

impl EvidenceResultDto {
    pub(crate) fn new(entry: u64, result: &InspectionResult, counting: Counting) -> Self {
        let text =
            |id: &Option<risk_domain::ids::InspectionId>| id.as_ref().map(ToString::to_string);
        Self {
            inspection_id: result.inspection_id.to_string(),
            entry,
            sampled_at: result.sampled_at.to_string(),
            observed_at: result.observed_at.to_string(),
            mode: result.mode.code().to_owned(),
            test: result.test.kind.code().to_owned(),
            outcome: result.outcome.code().to_owned(),
            failed_items: result
                .failed_items()
                .map(|item| item.name.to_string())
                .collect(),
            enterprise: result.site.enterprise_id.to_string(),
            site: result.site.site_id.to_string(),
            product: result.product.category.to_string(),
            zone: result.site.zone_id.to_string(),
            counting: counting.code().to_owned(),
            supersedes: text(&result.supersedes),
            confirms: text(&result.confirms),
            follow_up_of: text(&result.follow_up_of),
        }
    }
}

/// Whose results one part of a score comes from.
#[derive(Debug, Serialize, ToSchema)]
pub struct BehindDto {
    /// The part.
    pub part: PartDto,
    /// Where the results are listed: paths of this API.
    pub evidence: Vec<String>,
}

impl BehindDto {
    /// What stands behind each part of a subject's score that can be traced to someone's results.
    pub(crate) fn all(subject: &Subject, parts: &[Part], engine: &Engine) -> Vec<Self> {
        let behind = parts.iter().map(|part| Self {
            part: (*part).into(),
            evidence: engine.behind(subject, *part).iter().map(path).collect(),
        });
        behind.filter(|one| !one.evidence.is_empty()).collect()
    }
}

fn path(source: &Source) -> String {
    let subject = source.subject.to_string();
    let subject = utf8_percent_encode(&subject, PLAIN);
    match &source.zone {
        Some(zone) => {
            let zone = utf8_percent_encode(zone.as_str(), PLAIN);
            format!("/v1/subjects/{subject}/evidence?zone={zone}")
        }
        None => format!("/v1/subjects/{subject}/evidence"),
    }
}
