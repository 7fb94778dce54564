//! What a supply path lends to an enterprise that shares it（供应链影响）: bounded, stated, and never its own evidence.
//!
//! Goods of one supplier, factory, lot or trademark that failed elsewhere are a reason to look at whoever
//! has them, too. Each further enterprise at which they failed lends so many points, all together no more
//! than the policy's bound. The points stand beside the grade; no estimate, no grade and no alert of the
//! enterprise knows of them.
//!
//! A view of accepted results, whatever the order they come in.

use crate::corrections::Corrections;
use crate::policy::PathPolicy;
use crate::supply::SupplyPath;
use risk_domain::ids::{EnterpriseId, InspectionId, ProductCode, SiteId};
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::time::{CivilOffset, Day, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A result whose goods came by some paths.
#[derive(Debug, Clone)]
struct Fact {
    entry: u64,
    id: InspectionId,
    supersedes: Option<InspectionId>,
    enterprise: EnterpriseId,
    site: SiteId,
    product: ProductCode,
    observed_at: Timestamp,
    failed: bool,
}

/// A path that an enterprise shares with others at which its goods failed（供应链路径）.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedPath {
    /// supplier, factory, lot or trademark.
    pub kind: &'static str,
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
    /// Other enterprises that have goods of it.
    pub sharing: u32,
    /// Those of them at which goods of it failed, each with the site that failed last.
    pub failed: BTreeMap<EnterpriseId, SiteId>,
    /// Ledger entries of these failures, the oldest first.
    pub entries: Vec<u64>,
}

/// What paths lend to an enterprise（供应链影响）.
#[doc(alias = "供应链影响")]
#[derive(Debug, Clone, PartialEq)]
pub struct Influence {
    /// The paths by which others failed.
    pub paths: Vec<SharedPath>,
    /// Other enterprises at which goods of any of them failed.
    pub enterprises: u32,
    /// What they lend, in points; ten double the odds.
    pub points: f64,
    /// The most that paths may lend.
    pub bound: f64,
}

impl Influence {
    /// A probability of failure with the points lent.
    pub fn upon(&self, probability: f64) -> f64 {
        let odds = probability / (1.0 - probability) * libm::exp2(self.points / 10.0);
        if odds.is_finite() {
            odds / (1.0 + odds)
        } else {
            1.0
        }
    }
}

/// The view（供应链影响视图）.
#[derive(Debug, Clone, Default)]
pub struct SharedPaths {
    facts: Vec<Fact>,
    of_path: BTreeMap<SupplyPath, Vec<u32>>,
    of_enterprise: BTreeMap<EnterpriseId, BTreeSet<SupplyPath>>,
    corrections: Corrections,
}

impl SharedPaths {
    /// Takes in an accepted result. `entry` is its entry in the ledger.
    pub fn admit(&mut self, entry: u64, result: &InspectionResult) {
        self.corrections.admit(result);
        let judged = matches!(result.outcome, Outcome::Conforming | Outcome::Nonconforming);
        let paths = SupplyPath::of(result);
        if !judged || paths.is_empty() {
            return;
        }
        let number = self.facts.len() as u32;
        let enterprise = result.site.enterprise_id.clone();
        let own = self.of_enterprise.entry(enterprise.clone()).or_default();
        for path in paths {
            own.insert(path.clone());
            self.of_path.entry(path).or_default().push(number);
        }
        self.facts.push(Fact {
            entry,
            id: result.inspection_id.clone(),
            supersedes: result.supersedes.clone(),
            enterprise,
            site: result.site.site_id.clone(),
            product: result.product.category.clone(),
            observed_at: result.observed_at,
            failed: result.outcome == Outcome::Nonconforming,
        });
    }

    /// What paths lend to an enterprise, or to its product, by the end of a day.
    pub fn influence(
        &self,
        enterprise: &EnterpriseId,
        product: Option<&ProductCode>,
        on: Day,
        policy: &PathPolicy,
        offset: CivilOffset,
    ) -> Influence {
        let before = offset.start_of(on.plus(1));
        let days = i32::try_from(policy.days).unwrap_or(i32::MAX);
        let since = offset.start_of(on.plus(1 - days));
        let mut paths = Vec::new();
        let mut lending: BTreeSet<&EnterpriseId> = BTreeSet::new();
        for path in self.of_enterprise.get(enterprise).into_iter().flatten() {
            let numbers = self.of_path.get(path).into_iter().flatten();
            let facts = numbers.filter_map(|number| self.facts.get(*number as usize));
            let within = |fact: &&Fact| fact.observed_at >= since && fact.observed_at < before;
            let mut facts: Vec<&Fact> = facts.filter(within).collect();
            facts.retain(|fact| self.corrections.counts(&fact.id, fact.supersedes.as_ref()));
            let own = |fact: &&&Fact| fact.enterprise == *enterprise;
            // Whoever no longer has goods of it no longer shares it.
            let shares = facts
                .iter()
                .filter(own)
                .any(|fact| product.is_none_or(|product| fact.product == *product));
            if !shares {
                continue;
            }
            facts.sort_by_key(|fact| (fact.observed_at, fact.entry));
            let others: Vec<&Fact> = facts.iter().filter(|fact| !own(fact)).copied().collect();
            let failed: Vec<&Fact> = others.iter().filter(|fact| fact.failed).copied().collect();
            if failed.is_empty() {
                continue;
            }
            lending.extend(failed.iter().map(|fact| &fact.enterprise));
            let sharing: BTreeSet<_> = others.iter().map(|fact| &fact.enterprise).collect();
            let (zh, en) = path.names();
            let sites = failed.iter();
            paths.push(SharedPath {
                kind: path.kind(),
                zh,
                en,
                sharing: sharing.len() as u32,
                failed: sites
                    .map(|fact| (fact.enterprise.clone(), fact.site.clone()))
                    .collect(),
                entries: failed.iter().map(|fact| fact.entry).collect(),
            });
        }
        let enterprises = lending.len() as u32;
        let points = policy.influence * f64::from(enterprises);
        Influence {
            paths,
            enterprises,
            points: points.min(policy.influence_bound),
            bound: policy.influence_bound,
        }
    }
}
