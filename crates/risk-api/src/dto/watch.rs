//! Outbreaks as they are shown.

use super::Names;
use risk_domain::reference::Reference;
use risk_engine::{Engine, Outbreak};
use serde::Serialize;
use utoipa::ToSchema;

/// What is probably breaking out（质量突发）. Counts are of the last eight weeks.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OutbreakDto {
    /// A product, a sector, an enterprise, or an enterprise's product, as `kind:id`.
    pub subject: String,
    /// The subject's public name, where one is known; in Chinese where the reference data name it.
    pub subject_name: Option<String>,
    /// The subject's English name, where the reference data have one.
    pub subject_name_en: Option<String>,
    /// Where in the city; absent for everywhere.
    pub zone: Option<String>,
    /// Probability that it is so, 0 to 1.
    pub probability: f64,
    /// Results, by what their tests tell.
    pub tested: f64,
    /// Of which failed.
    pub failed: f64,
    /// Failures that were to be expected of these targets.
    pub expected: f64,
    /// Results whose targets somebody had tipped off.
    pub tips: f64,
    /// Of which were to be expected; 0 where tips are no evidence.
    pub tips_expected: f64,
}

impl OutbreakDto {
    pub(crate) fn new(outbreak: &Outbreak, engine: &Engine, reference: &Reference) -> Self {
        let names = Names::of(&outbreak.subject, engine, reference);
        let recent = outbreak.recent;
        Self {
            subject: outbreak.subject.to_string(),
            subject_name: names.zh,
            subject_name_en: names.en,
            zone: outbreak.zone.as_ref().map(ToString::to_string),
            probability: outbreak.probability,
            tested: recent.tested,
            failed: recent.failed,
            expected: recent.expected,
            tips: recent.tips,
            tips_expected: recent.tips_expected,
        }
    }
}
