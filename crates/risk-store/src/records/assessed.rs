//! Assessments in the ledger, taken out as they were written.

use super::unreadable;
use crate::error::StoreError;
use risk_domain::scales::RiskLevel;
use risk_domain::subject::Subject;
use risk_engine::Epoch;
use serde::Deserialize;

/// An assessment found in an effect's entry.
pub(crate) struct FoundAssessment<'a> {
    pub(crate) subject: Subject,
    pub(crate) level: RiskLevel,
    /// The whole of it, as it was written.
    pub(crate) bytes: &'a [u8],
}

/// What an assessment begins with.
#[derive(Deserialize)]
struct AssessmentHead<'a> {
    #[serde(with = "risk_domain::decision::subject_text")]
    subject: Subject,
    #[serde(borrow)]
    _zones: Vec<&'a str>,
    #[serde(borrow)]
    _sectors: Vec<&'a str>,
    _epoch: Epoch,
    level: RiskLevel,
}

/// The place of [`Effect::Assessed`] among effects, which their encoding begins with.
const ASSESSED: u8 = 1;

/// The assessment in the decision of an effect's entry, as it was written; none in other effects.
pub(crate) fn assessment_bytes(decision: &[u8]) -> Option<&[u8]> {
    let (kind, assessment) = decision.split_first()?;
    (*kind == ASSESSED).then_some(assessment)
}

/// The assessment in the decision of an effect's entry, without building the most of it.
pub(crate) fn assessment_in(
    entry: u64,
    decision: &[u8],
) -> Result<Option<FoundAssessment<'_>>, StoreError> {
    let Some(bytes) = assessment_bytes(decision) else {
        return Ok(None);
    };
    let head = postcard::take_from_bytes::<AssessmentHead<'_>>(bytes);
    let (head, _rest) = head.map_err(unreadable(entry))?;
    Ok(Some(FoundAssessment {
        subject: head.subject,
        level: head.level,
        bytes,
    }))
}
