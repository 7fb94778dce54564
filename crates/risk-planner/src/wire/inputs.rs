//! All that a plan is made from, as one document: what a planning program is handed, and what a
//! sealed plan keeps until its draw.

use crate::pool::{Candidate, FastTestYield, ModelView, Pool, PoolError, Surroundings};
use crate::target::Target;
use crate::wire::request::Lead;
use risk_domain::ids::{EnterpriseId, MethodId, ProductCode, SectorCode, SiteId, ZoneId};
use risk_domain::registry::Volume;
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
    /// What is owed to cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leads: Vec<Lead>,
    /// How far each credit class is inspected.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratios: BTreeMap<CreditRiskClass, ClassRatio>,
}

/// How far the enterprises of a credit class are inspected, and how far they are to be（信用分类抽查比例）.
#[doc(alias = "信用分类抽查比例")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRatio {
    /// Enterprises of the class.
    pub enterprises: u32,
    /// Of which visited within the window.
    pub inspected: u32,
    /// The window, in days; at least 1.
    pub window_days: u32,
    /// Least share that is to be visited within the window, 0 to 1.
    pub from: f64,
    /// Greatest share, 0 to 1.
    pub to: f64,
}

impl ClassRatio {
    /// Enterprises that may still be visited within the window; where all may be, as often as is wanted.
    pub fn room(&self) -> u32 {
        if self.to >= 1.0 {
            return u32::MAX;
        }
        self.up_to(self.to).saturating_sub(self.inspected)
    }

    /// Enterprises that a plan of so many days owes the class: what the window would ask of that time,
    /// and no more than is missing.
    pub fn owed(&self, plan_days: u32) -> u32 {
        let missing = self.up_to(self.from).saturating_sub(self.inspected);
        let days = f64::from(plan_days) / f64::from(self.window_days.max(1));
        let part = libm::ceil(self.from * f64::from(self.enterprises) * days - 1e-9);
        missing.min(part as u32)
    }

    fn up_to(&self, share: f64) -> u32 {
        libm::floor(share * f64::from(self.enterprises) + 1e-9) as u32
    }
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
    /// How much is traded, as the register has it.
    #[serde(default)]
    pub volume: Volume,
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
            volume: of.volume,
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
            leads: self.leads,
            ratios: self.ratios,
        };
        Ok((Pool::new(candidates, surroundings)?, view))
    }
}
