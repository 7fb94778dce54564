//! Who could be tested, and what is known of each.

use crate::target::Target;
use crate::wire::inputs::ClassRatio;
use crate::wire::request::Lead;
use risk_domain::ids::{MethodId, ProductCode, SectorCode, ZoneId};
use risk_domain::registry::Volume;
use risk_domain::scales::CreditRiskClass;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_stats::special::{logit, sigmoid};
use std::collections::BTreeMap;

/// A target that could be tested（候选对象）, with what is known of it on the day of the plan.
#[doc(alias = "候选对象")]
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which target.
    pub target: Target,
    /// The innermost zone that it lies in.
    pub zone: ZoneId,
    /// Sector of its product.
    pub sector: SectorCode,
    /// Booth or address within the zone, for the order of a team's visits.
    pub booth: Option<String>,
    /// Public name of who trades there.
    pub name: Option<String>,
    /// How much of the product is traded there, as the register has it; the least where it says nothing.
    pub volume: Volume,
    /// Probability that a random lot of it fails, in (0, 1).
    pub probability: f64,
    /// Calibrated log-odds at the centre of what is believed of it.
    pub log_odds: f64,
    /// Variance of these log-odds.
    pub variance: f64,
    /// Harm of a failure against that of others（危害权重）: 1 where all count alike; not negative.
    pub harm: f64,
    /// Last visit to the target, in whatever mode.
    pub last_visit: Option<Day>,
    /// Visits to the enterprise within the window of the policy.
    pub enterprise_visits: u32,
    /// Last supervisory or special check of the same article（同一产品）by the same agency.
    pub checked: Option<Day>,
    /// Last check of the same article by an agency above（上级抽查）.
    pub checked_above: Option<Day>,
    /// Credit class of the enterprise, where it is known.
    pub class: Option<CreditRiskClass>,
    /// Whether an open alert speaks of it（预警在列）.
    pub alerted: bool,
}

/// What fast tests find（快检效能）.
#[doc(alias = "快检效能")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FastTestYield {
    /// Probability that a failing lot tests positive.
    pub sensitivity: f64,
    /// Probability that a sound lot tests negative.
    pub specificity: f64,
    /// Share of positives that a laboratory confirms or refutes.
    pub verified_positives: f64,
    /// Share of negatives that it does.
    pub verified_negatives: f64,
}

impl Default for FastTestYield {
    /// What is believed before any verification.
    fn default() -> Self {
        Self {
            sensitivity: 0.80,
            specificity: 0.95,
            verified_positives: 0.6,
            verified_negatives: 0.05,
        }
    }
}

/// What the model says of modes（模型对抽查方式的看法）, for expected finds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelView {
    /// What a mode's way of choosing within a visit adds to the log-odds; 0 where none is told.
    pub shifts: BTreeMap<SelectionMode, f64>,
    /// What fast tests find.
    pub fast_test: FastTestYield,
}

impl ModelView {
    /// Probability that one test of a target proves a failure（预期检出）.
    pub fn finds(&self, mode: SelectionMode, probability: f64) -> f64 {
        let failing = self.failing(mode, probability);
        match mode {
            SelectionMode::FastTest => {
                let fast = self.fast_test;
                failing
                    * (fast.sensitivity * fast.verified_positives
                        + (1.0 - fast.sensitivity) * fast.verified_negatives)
            }
            SelectionMode::RiskEvaluation
            | SelectionMode::SupervisoryCheck
            | SelectionMode::SpecialCheck
            | SelectionMode::EnforcementTest => failing,
        }
    }

    /// What one test teaches of a target's log-odds（预期信息）: Fisher's information times the variance, the
    /// share of the doubt that a test of average outcome takes away, before saturation.
    pub fn teaches(&self, mode: SelectionMode, probability: f64, variance: f64) -> f64 {
        let theta = self.failing(mode, probability);
        let (positive, slope) = match mode {
            SelectionMode::FastTest => {
                let fast = self.fast_test;
                let youden = fast.sensitivity + fast.specificity - 1.0;
                ((1.0 - fast.specificity) + youden * theta, youden)
            }
            SelectionMode::RiskEvaluation
            | SelectionMode::SupervisoryCheck
            | SelectionMode::SpecialCheck
            | SelectionMode::EnforcementTest => (theta, 1.0),
        };
        let spread = positive * (1.0 - positive);
        let moved = slope * theta * (1.0 - theta);
        if spread > 0.0 {
            variance * moved * moved / spread
        } else {
            0.0
        }
    }

    fn failing(&self, mode: SelectionMode, probability: f64) -> f64 {
        match self.shifts.get(&mode) {
            Some(shift) if *shift != 0.0 => sigmoid(logit(probability) + shift),
            Some(_) | None => probability,
        }
    }
}

/// Why candidates make no pool.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PoolError {
    /// A figure out of its range.
    #[error("candidate {target}: {field} {rule}")]
    Figure {
        /// Which candidate.
        target: Box<Target>,
        /// Which field.
        field: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The same target twice.
    #[error("candidate {0} stands in the pool twice")]
    Twice(Box<Target>),
    /// More than numbers can name.
    #[error("a pool has at most {} candidates", u32::MAX)]
    TooMany,
}

/// All candidates（抽样池）, in the order of their targets, so that the order in which they were told does
/// not show.
#[doc(alias = "抽样池")]
#[derive(Debug, Clone, Default)]
pub struct Pool {
    candidates: Vec<Candidate>,
    /// Number of each candidate's enterprise.
    enterprises: Vec<u32>,
    surroundings: Surroundings,
}

/// What is known beside the candidates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Surroundings {
    /// In which zone a zone lies.
    pub parents: BTreeMap<ZoneId, ZoneId>,
    /// Fast-test method of a product, or that it has none; a product that is not named can be fast
    /// tested by a method that nobody counts.
    pub kits: BTreeMap<ProductCode, Option<MethodId>>,
    /// What is owed to cases, besides what the request names.
    pub leads: Vec<Lead>,
    /// How far the enterprises of each credit class are inspected, and how far they are to be.
    pub ratios: BTreeMap<CreditRiskClass, ClassRatio>,
}

impl Pool {
    /// Sorts and checks candidates.
    pub fn new(
        mut candidates: Vec<Candidate>,
        surroundings: Surroundings,
    ) -> Result<Self, PoolError> {
        if u32::try_from(candidates.len()).is_err() {
            return Err(PoolError::TooMany);
        }
        for candidate in &candidates {
            check(candidate)?;
        }
        candidates.sort_unstable_by(|one, other| one.target.cmp(&other.target));
        let mut enterprises = Vec::with_capacity(candidates.len());
        let mut last: Option<&Target> = None;
        let mut number = 0;
        for candidate in &candidates {
            if let Some(last) = last {
                if *last == candidate.target {
                    return Err(PoolError::Twice(Box::new(candidate.target.clone())));
                }
                number += u32::from(last.enterprise != candidate.target.enterprise);
            }
            enterprises.push(number);
            last = Some(&candidate.target);
        }
        Ok(Self {
            candidates,
            enterprises,
            surroundings,
        })
    }

    /// The candidates, in the order of their targets.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The place of a target.
    pub fn find(&self, target: &Target) -> Option<usize> {
        let found = self
            .candidates
            .binary_search_by(|candidate| candidate.target.cmp(target));
        found.ok()
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    pub(crate) fn get(&self, unit: u32) -> &Candidate {
        &self.candidates[unit as usize]
    }

    pub(crate) fn enterprise(&self, unit: u32) -> u32 {
        self.enterprises[unit as usize]
    }

    /// A zone and all that it lies in, the innermost first.
    pub(crate) fn zone_path<'a>(&'a self, zone: &'a ZoneId) -> impl Iterator<Item = &'a ZoneId> {
        // A ring of parents would go on for ever; no path is longer than there are zones.
        let parents = &self.surroundings.parents;
        let most = parents.len() + 1;
        std::iter::successors(Some(zone), |zone| parents.get(*zone)).take(most)
    }

    pub(crate) fn knows_zone(&self, zone: &ZoneId) -> bool {
        let parents = &self.surroundings.parents;
        parents.contains_key(zone)
            || parents.values().any(|parent| parent == zone)
            || self.candidates.iter().any(|of| of.zone == *zone)
    }

    /// The method by which a product is fast tested, as far as it is counted.
    pub(crate) fn kit(&self, product: &ProductCode) -> Option<&MethodId> {
        self.surroundings.kits.get(product)?.as_ref()
    }

    /// Whether there is a fast test for a product.
    pub(crate) fn can_be_fast_tested(&self, product: &ProductCode) -> bool {
        let known = self.surroundings.kits.get(product);
        known.is_none_or(Option::is_some)
    }
}

fn check(candidate: &Candidate) -> Result<(), PoolError> {
    let wrong = |field, rule| {
        Err(PoolError::Figure {
            target: Box::new(candidate.target.clone()),
            field,
            rule,
        })
    };
    if !(candidate.probability > 0.0 && candidate.probability < 1.0) {
        return wrong("probability", "must lie above 0 and below 1");
    }
    if !candidate.log_odds.is_finite() {
        return wrong("log_odds", "must be finite");
    }
    if !(candidate.variance.is_finite() && candidate.variance >= 0.0) {
        return wrong("variance", "must be finite and not negative");
    }
    if !(candidate.harm.is_finite() && candidate.harm >= 0.0) {
        return wrong("harm", "must be finite and not negative");
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use risk_domain::ids::{EnterpriseId, SiteId};

    /// A plain candidate of an enterprise with one site, in zone Z1 and sector S1.
    pub(crate) fn candidate(enterprise: &str, product: &str, probability: f64) -> Candidate {
        Candidate {
            target: Target {
                enterprise: EnterpriseId::new(enterprise).unwrap(),
                site: SiteId::new(enterprise).unwrap(),
                product: ProductCode::new(product).unwrap(),
            },
            zone: ZoneId::new("Z1").unwrap(),
            sector: SectorCode::new("S1").unwrap(),
            booth: None,
            name: None,
            volume: Volume::ONE,
            probability,
            log_odds: logit(probability),
            variance: 0.5,
            harm: 1.0,
            last_visit: None,
            enterprise_visits: 0,
            checked: None,
            checked_above: None,
            class: None,
            alerted: false,
        }
    }

    #[test]
    fn a_pool_is_sorted_and_refuses_what_no_plan_can_be_made_of() {
        let pool = Pool::new(
            vec![
                candidate("B", "1", 0.1),
                candidate("A", "2", 0.2),
                candidate("A", "1", 0.3),
            ],
            Surroundings::default(),
        )
        .unwrap();
        let found: Vec<(f64, u32)> = (0..3)
            .map(|at| (pool.get(at).probability, pool.enterprise(at)))
            .collect();
        assert_eq!(found, [(0.3, 0), (0.2, 0), (0.1, 1)]);
        let twice = Pool::new(vec![candidate("A", "1", 0.1); 2], Surroundings::default());
        assert!(matches!(twice, Err(PoolError::Twice(_))));
        for (field, wrong) in [
            (
                "probability",
                Candidate {
                    probability: 0.0,
                    ..candidate("A", "1", 0.1)
                },
            ),
            (
                "variance",
                Candidate {
                    variance: f64::NAN,
                    ..candidate("A", "1", 0.1)
                },
            ),
            (
                "harm",
                Candidate {
                    harm: -1.0,
                    ..candidate("A", "1", 0.1)
                },
            ),
            (
                "log_odds",
                Candidate {
                    log_odds: f64::INFINITY,
                    ..candidate("A", "1", 0.1)
                },
            ),
        ] {
            let error = Pool::new(vec![wrong], Surroundings::default()).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }

    #[test]
    fn a_fast_test_proves_less_and_teaches_less_than_a_laboratory() {
        let view = ModelView::default();
        let laboratory = view.finds(SelectionMode::SpecialCheck, 0.2);
        assert!((laboratory - 0.2).abs() < 1e-12);
        let fast = view.finds(SelectionMode::FastTest, 0.2);
        assert!(
            (fast - 0.2 * (0.8 * 0.6 + 0.2 * 0.05)).abs() < 1e-12,
            "{fast}"
        );
        let teaches = |mode| view.teaches(mode, 0.2, 1.0);
        assert!((teaches(SelectionMode::SpecialCheck) - 0.16).abs() < 1e-12);
        assert!(teaches(SelectionMode::FastTest) < teaches(SelectionMode::SpecialCheck));
    }
}
