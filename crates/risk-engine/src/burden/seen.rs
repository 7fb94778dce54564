//! When each target of an enterprise was seen last, for the rest periods of plans.

use super::{Burdens, is_above};
use risk_domain::ids::{EnterpriseId, ProductCode, SiteId};
use risk_domain::inspection::AgencyLevel;
use risk_domain::time::Day;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of visits to a target before a day（走访情况）.
#[doc(alias = "走访情况")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TargetSeen {
    /// The last day on which a sample of the product was taken there, online or on site.
    pub last: Option<Day>,
    /// The last supervisory or special check of it at its producer, by the level that asks or one below.
    pub checked: Option<Day>,
    /// The last one by a level above.
    pub checked_above: Option<Day>,
}

/// What is known of visits to an enterprise before a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnterpriseSeen {
    /// Visits within the window.
    pub visits: u32,
    targets: BTreeMap<SiteId, BTreeMap<ProductCode, TargetSeen>>,
}

impl EnterpriseSeen {
    /// What is known of one of its targets.
    pub fn of(&self, site: &SiteId, product: &ProductCode) -> TargetSeen {
        let known = self.targets.get(site).and_then(|of| of.get(product));
        known.copied().unwrap_or_default()
    }
}

impl Burdens {
    /// What is known of an enterprise before a day, to an agency of a level, with a window of so many
    /// days before the day.
    pub fn seen(
        &self,
        enterprise: &EnterpriseId,
        before: Day,
        window_days: u32,
        level: AgencyLevel,
    ) -> EnterpriseSeen {
        let mut seen = EnterpriseSeen::default();
        let Some(number) = self.enterprises.0.get(enterprise) else {
            return seen;
        };
        let from = before.plus(-i32::try_from(window_days).unwrap_or(i32::MAX));
        let mut visits = BTreeSet::new();
        for fact in self.facts_of(*number, before.plus(-1)) {
            if fact.visit && fact.day >= from {
                visits.insert((fact.day, fact.place, fact.team));
            }
            let names = (self.sites.name(fact.site), self.products.name(fact.product));
            let (Some(site), Some(product)) = names else {
                continue;
            };
            let of_site = seen.targets.entry(site.clone()).or_default();
            let target = of_site.entry(product.clone()).or_default();
            if fact.sampled {
                target.last = target.last.max(Some(fact.day));
            }
            match fact.checked_by {
                Some(by) if is_above(by, level) => {
                    target.checked_above = target.checked_above.max(Some(fact.day));
                }
                Some(_) => target.checked = target.checked.max(Some(fact.day)),
                None => {}
            }
        }
        seen.visits = visits.len() as u32;
        seen
    }
}
