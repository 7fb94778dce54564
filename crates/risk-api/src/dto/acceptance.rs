//! The acceptance plan of a line（抽样方案）.

use risk_planner::acceptance::{AcceptancePlan, Criterion};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many units are taken of a lot or stock, and how many of them may fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AcceptancePlanDto {
    /// `2828.1` (a lot is accepted or not) or `2828.4` (what is declared of a stock is contradicted or not).
    pub standard: String,
    /// Acceptance quality limit of 2828.1, percent nonconforming.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aql: Option<f64>,
    /// Declared quality level of 2828.4, percent nonconforming.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dql: Option<f64>,
    /// Inspection level of 2828.1, discrimination level of 2828.4.
    pub level: String,
    /// Units of the lot or stock.
    pub lot_size: u32,
    /// Code letter of 2828.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_letter: Option<String>,
    /// Units to draw; as many as the lot has where all are inspected.
    pub sample_size: u32,
    /// Most nonconforming units with which the lot is accepted, or the declaration not contradicted.
    pub acceptance_number: u32,
    /// Fewest with which the lot is rejected, or the declaration contradicted.
    pub rejection_number: u32,
}

impl AcceptancePlanDto {
    /// As sheets for teams show it.
    pub fn shown(&self) -> String {
        format!(
            "n={}，Ac={}，Re={}（GB/T {}）",
            self.sample_size, self.acceptance_number, self.rejection_number, self.standard
        )
    }
}

impl From<&AcceptancePlan> for AcceptancePlanDto {
    fn from(of: &AcceptancePlan) -> Self {
        let (standard, aql, dql, level) = match of.criterion {
            Criterion::Lot { aql, level } => ("2828.1", Some(aql.value()), None, level.name()),
            Criterion::Declared { dql, level } => ("2828.4", None, Some(dql), level.name()),
        };
        Self {
            standard: standard.to_owned(),
            aql,
            dql,
            level: level.to_owned(),
            lot_size: of.lot_size,
            code_letter: of.letter.map(|letter| letter.get().to_string()),
            sample_size: of.sample,
            acceptance_number: of.acceptance_number,
            rejection_number: of.rejection_number(),
        }
    }
}
