//! All that a plan is made from, as one document: what a planning program is handed, and what a
//! sealed plan keeps until its draw.

use crate::pool::{Candidate, FastTestYield, ModelView, Pool, PoolError, Surroundings};
use crate::target::Target;
use risk_domain::ids::{EnterpriseId, MethodId, ProductCode, SectorCode, SiteId, ZoneId};
use risk_domain::scales::CreditRiskClass;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Inputs of a plan（计划输入）. Days count from 1970-01-01.
#[doc(alias = "计划输入")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanInputs {
    /// First day of the plan.
    pub day: Day,
    /// Who could be tested.
    pub candidates: Vec<CandidateRecord>,
    /// In which zone a zone lies.
    #[serde(default)]
    pub parents: BTreeMap<ZoneId, ZoneId>,
    /// Fast-test method of a product, or that it has none.
    #[serde(default)]
    pub kits: BTreeMap<ProductCode, Option<MethodId>>,
    /// What each mode adds to the log-odds.
    #[serde(default)]
    pub shifts: BTreeMap<SelectionMode, f64>,
    /// Sensitivity, specificity, and shares of positives and negatives that are verified.
    pub fast_test: [f64; 4],
}

/// A candidate, as the document has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidateRecord {
    /// Who is inspected.
    pub enterprise: EnterpriseId,
    /// Where.
    pub site: SiteId,
    /// What is taken there.
    pub product: ProductCode,
    /// The innermost zone.
    pub zone: ZoneId,
    /// Sector of the product.
    pub sector: SectorCode,
    /// Booth or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booth: Option<String>,
    /// Public name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Probability of a failure.
    pub probability: f64,
    /// Calibrated log-odds at the centre.
    pub log_odds: f64,
    /// Their variance.
    pub variance: f64,
    /// Harm of a failure against others.
    pub harm: f64,
    /// Last visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_visit: Option<Day>,
    /// Visits to the enterprise within the window.
    #[serde(default)]
    pub enterprise_visits: u32,
    /// Last check of the same article by the same agency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Day>,
    /// Last one by an agency above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_above: Option<Day>,
    /// Credit class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<CreditRiskClass>,
    /// Whether an open alert speaks of it.
    #[serde(default)]
    pub alerted: bool,
}

impl From<CandidateRecord> for Candidate {
    fn from(of: CandidateRecord) -> Self {
        Self {
            target: Target {
                enterprise: of.enterprise,
                site: of.site,
                product: of.product,
            },
            zone: of.zone,
            sector: of.sector,
            booth: of.booth,
            name: of.name,
            probability: of.probability,
            log_odds: of.log_odds,
            variance: of.variance,
            harm: of.harm,
            last_visit: of.last_visit,
            enterprise_visits: of.enterprise_visits,
            checked: of.checked,
            checked_above: of.checked_above,
            class: of.class,
            alerted: of.alerted,
        }
    }
}

impl PlanInputs {
    /// The pool and what the model says of modes.
    pub fn parts(self) -> Result<(Pool, ModelView), PoolError> {
        let [
            sensitivity,
            specificity,
            verified_positives,
            verified_negatives,
        ] = self.fast_test;
        let view = ModelView {
            shifts: self.shifts,
            fast_test: FastTestYield {
                sensitivity,
                specificity,
                verified_positives,
                verified_negatives,
            },
        };
        let candidates = self.candidates.into_iter().map(Candidate::from).collect();
        let surroundings = Surroundings {
            parents: self.parents,
            kits: self.kits,
        };
        Ok((Pool::new(candidates, surroundings)?, view))
    }
}
