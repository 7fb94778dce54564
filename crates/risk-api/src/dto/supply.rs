//! What supply paths lend, as it is shown.

use risk_domain::subject::Subject;
use risk_engine::{Assessment, Influence, SharedPath};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A supply path by which goods of others failed（供应链路径）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SharedPathDto {
    /// supplier, factory, lot or trademark.
    pub kind: String,
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
    /// Other enterprises that have goods of it.
    pub sharing: u32,
    /// Those at which goods of it failed, each with the site that failed last.
    pub failed: BTreeMap<String, String>,
    /// Ledger entries of these failures.
    pub entries: Vec<u64>,
}

impl SharedPathDto {
    fn new(path: &SharedPath) -> Self {
        let failed = path.failed.iter();
        Self {
            kind: path.kind.to_owned(),
            zh: path.zh.clone(),
            en: path.en.clone(),
            sharing: path.sharing,
            failed: failed
                .map(|(of, site)| (of.to_string(), site.to_string()))
                .collect(),
            entries: path.entries.clone(),
        }
    }
}

/// What supply paths lend to a subject（供应链影响）, beside its grade and never in it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InfluenceDto {
    /// Whom.
    pub subject: String,
    /// Its recorded level; the provisional one before the first.
    pub level: Option<String>,
    /// Its own probability of a failure.
    pub probability: Option<f64>,
    /// The same with the points lent: for choosing whom to look at, never for a sanction.
    pub probability_with: Option<f64>,
    /// Other enterprises at which goods of a shared path failed.
    pub enterprises: u32,
    /// What they lend, in points; ten double the odds.
    pub points: f64,
    /// The most that paths may lend, in points.
    pub bound: f64,
    /// The paths.
    pub paths: Vec<SharedPathDto>,
}

impl InfluenceDto {
    pub(crate) fn new(subject: &Subject, known: Option<&Assessment>, found: &Influence) -> Self {
        Self {
            subject: subject.to_string(),
            level: known.map(|known| known.level.code().to_owned()),
            probability: known.map(|known| known.probability),
            probability_with: known.map(|known| found.upon(known.probability)),
            enterprises: found.enterprises,
            points: found.points,
            bound: found.bound,
            paths: found.paths.iter().map(SharedPathDto::new).collect(),
        }
    }
}
