//! Signals of hazard items（危害项目信号）: which item of which product fails more often than it used to, and more
//! surely than the smallness of its counts excuses.
//!
//! Recent failures of an item are held against what was to be expected of as many tests of the product, by
//! how often it failed before. The ratios of all items are shrunk together (a mixture of two gamma laws);
//! where even the 5 % quantile of an item's ratio (EB05) reaches the policy's, that is a signal.
//!
//! Failures are counted by the close of their epoch, a correction takes back what it replaces, and what a
//! close finds is a function of the set of results up to it.

use crate::alert::{Alert, AlertRule, Behind, NAMED_RESULTS};
use crate::corrections::TakenBack;
use crate::event_time::Epoch;
use crate::input::Effect;
use crate::policy::ItemPolicy;
use crate::step::Engine;
use crate::tight::push_tight;
use compact_str::CompactString;
use hashbrown::HashMap;
use risk_domain::ids::{HazardCode, InspectionId, ItemCode, ProductCode};
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::subject::Subject;
use risk_stats::ebgm::{GammaLaw, GammaMixture, ObservedCount};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

type Matter = (ProductCode, ItemCode);

/// An item that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FailedItem {
    code: ItemCode,
    name: CompactString,
    hazard: Option<HazardCode>,
}

/// A result that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Failure {
    product: ProductCode,
    items: Vec<FailedItem>,
}

/// What came in an epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Came {
    /// Samples that were judged; a correction and a laboratory's confirmation are of one that was counted. Every
    /// result looks its product up.
    #[serde(with = "crate::in_order")]
    tests: HashMap<ProductCode, u32>,
    failures: BTreeMap<InspectionId, Failure>,
}

/// Counts of products and their items.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct HazardItems {
    /// Of recent epochs, and of those that no close has counted.
    recent: BTreeMap<Epoch, Came>,
    /// Tests of products before that.
    tests: BTreeMap<ProductCode, u64>,
    /// Failures of their items before that.
    failures: BTreeMap<Matter, u64>,
    /// Results that others replace, and fast tests that a laboratory judged again.
    taken_back: TakenBack,
}

/// What is known of an item that failed lately.
struct Recent<'a> {
    observed: u64,
    /// Whether it failed in the week that closes.
    anew: bool,
    item: &'a FailedItem,
    expected: f64,
    /// The failures, the oldest epoch first.
    behind: Vec<&'a InspectionId>,
}

impl HazardItems {
    /// Takes in a result that goes into an epoch.
    pub(crate) fn admit(&mut self, result: &InspectionResult, epoch: Epoch) {
        let judged = matches!(result.outcome, Outcome::Conforming | Outcome::Nonconforming);
        if !judged {
            return;
        }
        let replaced = [result.supersedes.as_ref(), result.confirms.as_ref()];
        for id in replaced.into_iter().flatten() {
            self.taken_back.admit(id, epoch);
        }
        let anew = result.supersedes.is_none() && result.confirms.is_none();
        let came = self.recent.entry(epoch).or_default();
        let product = &result.product.category;
        if anew {
            if let Some(count) = came.tests.get_mut(product) {
                *count += 1;
            } else {
                came.tests.insert(product.clone(), 1);
            }
        }
        let mut items: Vec<FailedItem> = Vec::new();
        // No item of a conforming result failed. Nearly all conform, and what is not looked at need not be fetched.
        let failed = (result.outcome == Outcome::Nonconforming).then(|| result.failed_items());
        for item in failed.into_iter().flatten() {
            if items.iter().all(|known| known.code != item.code) {
                let item = FailedItem {
                    code: item.code.clone(),
                    name: item.name.clone(),
                    hazard: item.hazard.clone(),
                };
                push_tight(&mut items, item);
            }
        }
        if !items.is_empty() {
            let product = product.clone();
            let failure = Failure { product, items };
            came.failures.insert(result.inspection_id.clone(), failure);
        }
    }

    /// Moves what a close makes older than `since` to what was before.
    pub(crate) fn settle(&mut self, epoch: Epoch, since: Epoch) {
        let later = self.recent.split_off(&since);
        for came in std::mem::replace(&mut self.recent, later).into_values() {
            for (product, count) in came.tests {
                *self.tests.entry(product).or_default() += u64::from(count);
            }
            for (id, failure) in came.failures {
                // What replaces it later finds nothing to take back, whatever it is read before.
                if self.taken_back.by(&id, epoch) {
                    continue;
                }
                for item in failure.items {
                    let matter = (failure.product.clone(), item.code);
                    *self.failures.entry(matter).or_default() += 1;
                }
            }
        }
        let recent = &self.recent;
        let asked = |id: &_| recent.values().any(|came| came.failures.contains_key(id));
        self.taken_back.forget(since, asked);
    }

    /// Items that failed by the close of an epoch, each with what was to be expected; `week` is the first
    /// epoch of the week that closes.
    fn found(
        &self,
        (week, epoch): (Epoch, Epoch),
        policy: &ItemPolicy,
    ) -> BTreeMap<Matter, Recent<'_>> {
        let mut tests: BTreeMap<&ProductCode, u64> = BTreeMap::new();
        let mut found: BTreeMap<Matter, Recent<'_>> = BTreeMap::new();
        for (of, came) in self.recent.range(..=epoch) {
            for (product, count) in &came.tests {
                *tests.entry(product).or_default() += u64::from(*count);
            }
            let stands = |id| !self.taken_back.by(id, epoch);
            for (id, failure) in came.failures.iter().filter(|(id, _)| stands(id)) {
                for item in &failure.items {
                    let matter = (failure.product.clone(), item.code.clone());
                    let known = found.entry(matter).or_insert(Recent {
                        observed: 0,
                        anew: false,
                        item,
                        expected: 0.0,
                        behind: Vec::new(),
                    });
                    known.behind.push(id);
                    known.observed += 1;
                    known.anew |= *of >= week;
                    known.item = item;
                }
            }
        }
        // An item that never failed before is expected as often as items do on the whole.
        let items: BTreeSet<&Matter> = self.failures.keys().chain(found.keys()).collect();
        let mut by_product: BTreeMap<&ProductCode, u64> = BTreeMap::new();
        for (product, _) in items {
            *by_product.entry(product).or_default() += 1;
        }
        let failures: u64 = self.failures.values().sum();
        let chances = by_product.iter().map(|(product, items)| {
            let tests = self.tests.get(*product).copied().unwrap_or_default();
            items * tests
        });
        let chances: u64 = chances.sum();
        let usual = (failures as f64 + 0.5) / (chances as f64 + 1.0);
        let prior = policy.prior_tests;
        for (matter, recent) in &mut found {
            let before = self.failures.get(matter).copied().unwrap_or_default() as f64;
            let tested = self.tests.get(&matter.0).copied().unwrap_or_default() as f64;
            let rate = (before + prior * usual) / (tested + prior);
            // Confirmed or corrected samples may have been taken before; there was one test at least.
            let tests = tests.get(&matter.0).copied().unwrap_or_default();
            recent.expected = rate * tests.max(recent.observed) as f64;
        }
        found
    }

    fn has_past(&self, policy: &ItemPolicy) -> bool {
        self.tests.values().sum::<u64>() >= u64::from(policy.least_tests)
    }
}

/// The laws that GPS starts from, where there are too few counts to fit them: DuMouchel (1999).
fn usual_mixture() -> Option<GammaMixture> {
    let first = GammaLaw::new(0.2, 0.1).ok()?;
    let second = GammaLaw::new(2.0, 4.0).ok()?;
    GammaMixture::new(first, second, 1.0 / 3.0).ok()
}

impl Engine {
    /// The first epoch that a close of an epoch counts as recent.
    pub(crate) fn items_since(&self, epoch: Epoch) -> Epoch {
        let days = i64::from(self.policy.alert.items.weeks) * 7;
        self.calendar.plus_days(epoch, -days).next()
    }

    /// Alerts of items that fail more than they used to, by the weekly close of an epoch: of those only
    /// that failed in the week.
    pub(crate) fn raise_items(&mut self, epoch: Epoch, effects: &mut Vec<Effect>) {
        let policy = self.policy.alert.items;
        if !self.items.has_past(&policy) {
            return;
        }
        let week = self.calendar.plus_days(epoch, -7).next();
        let found = self.items.found((week, epoch), &policy);
        let counts: BTreeMap<&Matter, ObservedCount> = found
            .iter()
            .filter_map(|(matter, recent)| {
                let count = ObservedCount::new(recent.observed, recent.expected).ok()?;
                Some((matter, count))
            })
            .collect();
        let all: Vec<ObservedCount> = counts.values().copied().collect();
        let enough = all.len() >= policy.least_items as usize;
        let fitted = if enough {
            GammaMixture::fit(&all).ok()
        } else {
            None
        };
        let Some(mixture) = fitted.or_else(usual_mixture) else {
            return;
        };
        let ended_at = self.calendar.end_of(epoch);
        let mut alerts = Vec::new();
        for (matter, recent) in &found {
            if !recent.anew || recent.observed < u64::from(policy.least_failures) {
                continue;
            }
            let Some(count) = counts.get(matter) else {
                continue;
            };
            let Ok(least) = mixture.after(*count).quantile(0.05) else {
                continue;
            };
            if least < policy.ratio {
                continue;
            }
            let (product, code) = matter;
            let (name, observed, expected) = (&recent.item.name, recent.observed, recent.expected);
            let weeks = policy.weeks;
            let behind = recent.behind.iter().rev().take(NAMED_RESULTS).rev();
            let behind: Vec<InspectionId> = behind.map(|id| (*id).clone()).collect();
            let alert = Alert::raised(
                Subject::Product(product.clone()),
                recent.item.hazard.clone(),
                (AlertRule::HazardItem, policy.level),
                (&format!("close {} {code}", epoch.0), ended_at),
                (
                    format!(
                        "近{weeks}周“{name}”（{code}）不合格{observed}次，按以往应为{expected:.1}次，至少为以往的{least:.1}倍（EB05）"
                    ),
                    format!(
                        "`{code}` ({name}) failed {observed} times in {weeks} weeks where {expected:.1} were to be expected: at least {least:.1} times as often as it used to (EB05)"
                    ),
                ),
            );
            alerts.extend(alert.map(|alert| (alert, behind)));
        }
        for (alert, behind) in alerts {
            self.raise_by(alert, Behind::Results(behind), effects);
        }
    }
}
