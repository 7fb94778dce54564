//! When each target and each enterprise was last visited（走访台账）: a view of accepted results, for the
//! rest periods of plans. It judges nobody and changes no state.

use risk_domain::ids::{EnterpriseId, ProductCode, SiteId};
use risk_domain::inspection::{AgencyLevel, Channel, InspectionResult, Outcome};
use risk_domain::selection::SelectionMode;
use risk_domain::time::{CivilOffset, Day};
use std::collections::BTreeMap;

/// Visits to one target, the days in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct OfTarget {
    visits: Vec<Day>,
    /// Supervisory and special checks at the producer, with the level of the agency.
    checks: Vec<(Day, AgencyLevel)>,
}

/// The view（走访台账）.
#[doc(alias = "走访台账")]
#[derive(Debug, Clone, Default)]
pub struct Visits {
    targets: BTreeMap<(EnterpriseId, SiteId, ProductCode), OfTarget>,
    enterprises: BTreeMap<EnterpriseId, Vec<Day>>,
}

/// What was known of a target on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastVisits {
    /// The last visit to it.
    pub last: Option<Day>,
    /// Samples taken at its enterprise within the window.
    pub of_enterprise: u32,
    /// The last check of the same product at its producer by the level that asks.
    pub checked: Option<Day>,
    /// The last one by a level above.
    pub checked_above: Option<Day>,
}

fn insert<T: Ord + Copy>(days: &mut Vec<T>, day: T) {
    // Results come nearly in order, so the place is nearly always the last.
    let at = days.partition_point(|known| *known <= day);
    days.insert(at, day);
}

impl Visits {
    /// Takes in an accepted result.
    pub fn admit(&mut self, result: &InspectionResult, offset: CivilOffset) {
        // A laboratory's word on a fast test is of a sample that was taken before; a correction is of
        // the same visit.
        if result.confirms.is_some() || result.supersedes.is_some() {
            return;
        }
        let day = offset.day_of(result.sampled_at);
        let site = &result.site;
        let key = (
            site.enterprise_id.clone(),
            site.site_id.clone(),
            result.product.category.clone(),
        );
        let target = self.targets.entry(key).or_default();
        insert(&mut target.visits, day);
        let check = matches!(
            result.mode,
            SelectionMode::SupervisoryCheck | SelectionMode::SpecialCheck
        );
        let judged = matches!(result.outcome, Outcome::Conforming | Outcome::Nonconforming);
        if check && judged && site.channel == Channel::Production && !result.follows_up() {
            target.checks.push((day, result.agency.level));
        }
        let of_enterprise = self.enterprises.entry(site.enterprise_id.clone());
        insert(of_enterprise.or_default(), day);
    }

    /// What was known of a target on a day, to an agency of a level, with a window of so many days
    /// before the day.
    pub fn of(
        &self,
        target: (&EnterpriseId, &SiteId, &ProductCode),
        on: Day,
        window_days: u32,
        level: AgencyLevel,
    ) -> LastVisits {
        let (enterprise, site, product) = target;
        let key = (enterprise.clone(), site.clone(), product.clone());
        let own = self.targets.get(&key);
        let before = |days: &[Day]| days.partition_point(|day| *day < on);
        let from = on.plus(-i32::try_from(window_days).unwrap_or(i32::MAX));
        let days = self.enterprises.get(enterprise);
        let of_enterprise = days.map_or(0, |days| {
            before(days) - days.partition_point(|day| *day < from)
        });
        let last_of = |above: bool| {
            let checks = own.into_iter().flat_map(|of| &of.checks);
            let days = checks.filter(|(day, by)| {
                let is_above = rank(*by) > rank(level);
                *day < on && is_above == above
            });
            days.map(|(day, _)| *day).max()
        };
        LastVisits {
            last: own.and_then(|of| before(&of.visits).checked_sub(1).map(|at| of.visits[at])),
            of_enterprise: of_enterprise as u32,
            checked: last_of(false),
            checked_above: last_of(true),
        }
    }
}

fn rank(level: AgencyLevel) -> u8 {
    match level {
        AgencyLevel::National => 3,
        AgencyLevel::Provincial => 2,
        AgencyLevel::Municipal => 1,
        AgencyLevel::County => 0,
    }
}
