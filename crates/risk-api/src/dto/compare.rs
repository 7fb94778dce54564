//! Comparisons and what would lower a grade, as they are shown.

use super::AssessmentDto;
use super::assessment::PartDto;
use risk_engine::{Assessment, Contribution, Counterfactual, Part};
use serde::Serialize;
use utoipa::ToSchema;

/// How one part of two scores differs.
#[derive(Debug, Serialize, ToSchema)]
pub struct DifferenceDto {
    /// Which part.
    pub part: PartDto,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// The other's points less the subject's; ten points double the odds.
    pub points: f64,
}

impl DifferenceDto {
    /// Every part that either has, the greatest difference first.
    pub(crate) fn between(own: &Assessment, other: &Assessment) -> Vec<Self> {
        let points = |of: &Assessment, part: Part| {
            let found = of.contributions.iter().find(|one| one.part == part);
            found.map(Contribution::points)
        };
        let differ = |part: Part| {
            let (own, other) = (points(own, part), points(other, part));
            (own.is_some() || other.is_some()).then(|| Self {
                part: part.into(),
                zh: part.zh().to_owned(),
                en: part.en().to_owned(),
                points: other.unwrap_or(0.0) - own.unwrap_or(0.0),
            })
        };
        let mut all: Vec<Self> = Part::ALL.into_iter().filter_map(differ).collect();
        all.sort_by(|one, other| other.points.abs().total_cmp(&one.points.abs()));
        all
    }
}

/// Another subject beside the one that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparedDto {
    /// Its estimate.
    pub assessment: AssessmentDto,
    /// How its parts differ; they add up to the difference of the scores.
    pub differences: Vec<DifferenceDto>,
}

/// A subject beside others.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparisonDto {
    /// Its estimate.
    pub subject: AssessmentDto,
    /// The others, the nearest first.
    pub others: Vec<ComparedDto>,
}

/// What would lower a grade by a day, if nothing else came.
#[derive(Debug, Serialize, ToSchema)]
pub struct CounterfactualDto {
    /// The day.
    pub by: String,
    /// Conforming supervisory checks up to it that would lower the level; 0 where it falls by itself,
    /// as what is recent fades; absent if as many as are `tried` do not.
    pub conforming_tests: Option<u32>,
    /// The level then.
    pub level: Option<String>,
    /// Probability of a failure then, or after as many conforming checks as are tried.
    pub probability: f64,
    /// Conforming checks that are tried at most. Those of an enterprise, a site or a cell come one after the other;
    /// those of a product, a zone or a sector are one of each of the targets that are the likeliest to fail,
    /// of which 1, 2, 4 and so on are tried.
    pub tried: u32,
    /// The same as a sentence in Chinese.
    pub zh: String,
    /// The same as a sentence in English.
    pub en: String,
}

impl From<Counterfactual> for CounterfactualDto {
    fn from(found: Counterfactual) -> Self {
        let Counterfactual {
            from, by, tried, ..
        } = found;
        let (zh, en) = match found.lowered {
            Some((0, level)) => (
                format!(
                    "若在 {by} 前无新的不合格，风险等级将由“{}”降为“{}”。",
                    from.zh(),
                    level.zh()
                ),
                format!(
                    "If no further failure is found by {by}, the level falls from {from} to {level} without a test."
                ),
            ),
            Some((tests, level)) => (
                format!(
                    "若在 {by} 前再有 {tests} 批次监督抽查合格，风险等级将由“{}”降为“{}”。",
                    from.zh(),
                    level.zh()
                ),
                format!(
                    "{tests} conforming supervisory check{} by {by} would lower the level from {from} to {level}.",
                    if tests == 1 { "" } else { "s" }
                ),
            ),
            None => (
                format!(
                    "即使在 {by} 前再有 {tried} 批次监督抽查合格，风险等级仍为“{}”。",
                    from.zh()
                ),
                format!(
                    "Even {tried} conforming supervisory checks by {by} would leave the level at {from}."
                ),
            ),
        };
        Self {
            by: by.to_string(),
            conforming_tests: found.lowered.map(|(tests, _)| tests),
            level: found.lowered.map(|(_, level)| level.to_string()),
            probability: found.probability,
            tried,
            zh,
            en,
        }
    }
}
