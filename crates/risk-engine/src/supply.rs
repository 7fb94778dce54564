//! Supply paths（供应链聚集）: enterprises that failed with goods of one supplier, one factory, one lot or one
//! trademark.
//!
//! Failures are counted by the close of their epoch, a correction takes back what it replaces, and what
//! a close finds is a function of the set of results up to it.

use crate::alert::{Alert, AlertRule};
use crate::event_time::Epoch;
use crate::input::Effect;
use crate::step::Engine;
use risk_domain::ids::{EnterpriseId, InspectionId, ProductCode, SiteId};
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Sites that a sentence names.
const NAMED_SITES: usize = 5;

/// What several enterprises' goods have in common（供应链路径）.
#[doc(alias = "供应链路径")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum SupplyPath {
    /// Who supplied them（供应商）.
    Supplier(EnterpriseId),
    /// Who made them（生产者）.
    Factory(EnterpriseId),
    /// The lot of a maker's product（批次）: product, maker, number.
    Lot(ProductCode, String, String),
    /// The trademark of a product（商标）.
    Trademark(ProductCode, String),
}

impl SupplyPath {
    /// The paths that a result's goods came by.
    pub(crate) fn of(result: &InspectionResult) -> Vec<Self> {
        let product = &result.product;
        let category = &product.category;
        let producer = result.producer.as_ref();
        let maker = producer.map(|producer| match &producer.enterprise_id {
            Some(id) => id.to_string(),
            None => producer.name.to_string(),
        });
        let supplier = result.supplier.clone().map(Self::Supplier);
        let factory = producer.and_then(|producer| producer.enterprise_id.clone());
        let lot = maker.zip(product.lot_no.as_ref());
        let lot = lot.map(|(maker, lot)| Self::Lot(category.clone(), maker, lot.to_string()));
        let brand = product.brand.as_ref();
        let brand = brand.map(|brand| Self::Trademark(category.clone(), brand.to_string()));
        let paths = [supplier, factory.map(Self::Factory), lot, brand];
        paths.into_iter().flatten().collect()
    }

    /// About whom an alert of it is.
    fn subject(&self) -> Subject {
        match self {
            Self::Supplier(enterprise) | Self::Factory(enterprise) => {
                Subject::Enterprise(enterprise.clone())
            }
            Self::Lot(product, ..) | Self::Trademark(product, _) => {
                Subject::Product(product.clone())
            }
        }
    }

    /// What kind of path it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Supplier(_) => "supplier",
            Self::Factory(_) => "factory",
            Self::Lot(..) => "lot",
            Self::Trademark(..) => "trademark",
        }
    }

    /// Its name in Chinese and in English.
    pub(crate) fn names(&self) -> (String, String) {
        match self {
            Self::Supplier(id) => (format!("供应商{id}供货"), format!("supplied by {id}")),
            Self::Factory(id) => (format!("{id}生产"), format!("made by {id}")),
            Self::Lot(product, maker, lot) => (
                format!("{maker}生产的{product}第{lot}批"),
                format!("of lot {lot} of {product} made by {maker}"),
            ),
            Self::Trademark(product, brand) => (
                format!("“{brand}”牌{product}"),
                format!("{product} of the trademark `{brand}`"),
            ),
        }
    }
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Failure {
    observed_at: Timestamp,
    enterprise: EnterpriseId,
    site: SiteId,
}

/// Failures by what their goods came by.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SupplyPaths {
    /// Of epochs that no close has counted.
    open: BTreeMap<Epoch, BTreeMap<InspectionId, (Failure, Vec<SupplyPath>)>>,
    counted: BTreeMap<SupplyPath, BTreeMap<InspectionId, Failure>>,
    /// Results that others replace, and fast tests that a laboratory cleared, each with the epoch of the
    /// first that does.
    replaced: BTreeMap<InspectionId, Epoch>,
}

impl SupplyPaths {
    /// Takes in a result that goes into an epoch.
    pub(crate) fn admit(&mut self, result: &InspectionResult, epoch: Epoch) {
        if let Some(replaced) = &result.supersedes {
            let first = self.replaced.entry(replaced.clone()).or_insert(epoch);
            *first = epoch.min(*first);
        }
        if let Some(cleared) = &result.confirms
            && result.outcome == Outcome::Conforming
        {
            let first = self.replaced.entry(cleared.clone()).or_insert(epoch);
            *first = epoch.min(*first);
        }
        if result.outcome != Outcome::Nonconforming {
            return;
        }
        let paths = SupplyPath::of(result);
        if paths.is_empty() {
            return;
        }
        let failure = Failure {
            observed_at: result.observed_at,
            enterprise: result.site.enterprise_id.clone(),
            site: result.site.site_id.clone(),
        };
        let of = self.open.entry(epoch).or_default();
        of.insert(result.inspection_id.clone(), (failure, paths));
    }

    /// The paths by which goods failed that a close of an epoch counts.
    fn due_by(&self, epoch: Epoch) -> BTreeSet<SupplyPath> {
        let due = self.open.range(..=epoch).flat_map(|(_, of)| of.values());
        due.flat_map(|(_, paths)| paths.iter().cloned()).collect()
    }

    /// Counts what lies in epochs up to this one, and forgets what is older than `since`.
    pub(crate) fn settle(&mut self, epoch: Epoch, since: Timestamp) {
        let later = self.open.split_off(&epoch.next());
        for (id, (failure, paths)) in std::mem::replace(&mut self.open, later)
            .into_values()
            .flatten()
        {
            for path in paths {
                let of = self.counted.entry(path).or_default();
                of.insert(id.clone(), failure.clone());
            }
        }
        self.counted.retain(|_, of| {
            of.retain(|_, failure| failure.observed_at >= since);
            !of.is_empty()
        });
    }

    /// Enterprises that failed by a path and were not corrected by the close of an epoch, each with the
    /// site that failed last.
    fn failed(&self, path: &SupplyPath, epoch: Epoch) -> BTreeMap<&EnterpriseId, &SiteId> {
        let of = self.counted.get(path).into_iter().flatten();
        let stands = of.filter(|(id, _)| self.replaced.get(*id).is_none_or(|at| *at > epoch));
        let mut failures: Vec<&Failure> = stands.map(|(_, failure)| failure).collect();
        failures.sort();
        let sites = failures.into_iter();
        sites
            .map(|failure| (&failure.enterprise, &failure.site))
            .collect()
    }
}

impl Engine {
    /// The first instant of what a close of an epoch counts of supply paths.
    pub(crate) fn paths_since(&self, epoch: Epoch) -> Timestamp {
        let days = i64::from(self.policy.alert.paths.days);
        self.calendar.end_of(epoch).plus_millis(-days * DAY_MILLIS)
    }

    /// Paths by which goods failed that a close of an epoch counts.
    pub(crate) fn paths_due(&self, epoch: Epoch) -> BTreeSet<SupplyPath> {
        self.paths.due_by(epoch)
    }

    /// Alerts of the paths by which goods failed at several enterprises, by the close of an epoch.
    pub(crate) fn raise_paths(
        &mut self,
        due: &BTreeSet<SupplyPath>,
        epoch: Epoch,
        effects: &mut Vec<Effect>,
    ) {
        let policy = self.policy.alert.paths;
        for path in due {
            let failed = self.paths.failed(path, epoch);
            let (count, days) = (failed.len(), policy.days);
            if count < policy.enterprises as usize {
                continue;
            }
            let sites: Vec<&str> = failed.values().map(|site| site.as_str()).collect();
            let named = sites
                .get(..NAMED_SITES.min(sites.len()))
                .unwrap_or_default();
            let (zh, en) = path.names();
            let alert = Alert::raised(
                path.subject(),
                None,
                (AlertRule::SupplyPath, policy.level),
                (
                    &format!("close {} {path:?}", epoch.0),
                    self.calendar.end_of(epoch),
                ),
                (
                    format!(
                        "近{days}天{zh}的商品在{count}家企业不合格，涉及场所：{}",
                        named.join("、")
                    ),
                    format!(
                        "goods {en} failed at {count} enterprises within {days} days, at {}",
                        named.join(", ")
                    ),
                ),
            );
            if let Some(alert) = alert {
                self.raise(Box::new(alert), effects);
            }
        }
    }
}
