//! Assessments in the ledger, put in by many threads and taken out as they were written.

use super::{encode_effect, unreadable};
use crate::error::StoreError;
use risk_domain::scales::RiskLevel;
use risk_domain::subject::Subject;
use risk_engine::{Assessment, Effect, Epoch};
use serde::Deserialize;

/// Assessments as their entries have them, encoded by the thread that concluded them: what it allocated, it
/// frees, and only their bytes go on.
#[derive(Debug, Default)]
pub struct EncodedAssessments {
    bytes: Vec<u8>,
    /// Where the bytes of each end.
    ends: Vec<usize>,
    failed: Option<StoreError>,
}

impl EncodedAssessments {
    /// Adds one. One that cannot be recorded fails whoever records them. It holds no words of anybody, so that all of
    /// it is the decision.
    pub fn push(&mut self, assessment: Assessment) {
        let mut effect = Effect::Assessed(Box::new(assessment));
        if let Err(error) = encode_effect(&mut self.bytes, &mut effect) {
            self.failed.get_or_insert(error);
        }
        self.ends.push(self.bytes.len());
    }

    /// The decisions of their entries, one after the other.
    pub(crate) fn each(self, mut take: impl FnMut(&[u8])) -> Result<(), StoreError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut start = 0;
        for end in self.ends {
            take(self.bytes.get(start..end).unwrap_or_default());
            start = end;
        }
        Ok(())
    }
}

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
fn assessment_bytes(decision: &[u8]) -> Option<&[u8]> {
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
