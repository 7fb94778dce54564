//! Credit classes month by month（企业信用风险分类）, and how many of each class are inspected.
//!
//! Classes are those that the credit system told, which refreshes them every month by indicators that a bureau
//! does not hold (国市监信发〔2022〕6号, V2); Spotcheck gives none. How many of a class are to be inspected is policy.

use super::settings::CreditBand;
use super::{Lists, ListsPolicy};
use crate::burden::Burdens;
use risk_domain::ids::EnterpriseId;
use risk_domain::scales::CreditRiskClass;
use risk_domain::time::{CivilOffset, Day};
use std::collections::BTreeMap;

/// An enterprise in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditRow {
    /// Which.
    pub enterprise: EnterpriseId,
    /// Its class at the end of the month.
    pub class: CreditRiskClass,
    /// Since which day it is in this class without a break.
    pub since: Day,
    /// Whether it was not told anew within the policy's days.
    pub stale: bool,
    /// Visits within the months that count.
    pub visits: u32,
}

/// A class in a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassRow {
    /// Which.
    pub class: CreditRiskClass,
    /// Enterprises in it at the end of the month.
    pub enterprises: u32,
    /// Of which visited within the months that count.
    pub inspected: u32,
    /// Of all of them, those whose class should have been told anew.
    pub stale: u32,
    /// Inspected by all; none of an empty class.
    pub ratio: Option<f64>,
    /// Where the ratio is to lie.
    pub band: CreditBand,
}

/// Classes in a month, or up to a day.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditMonth {
    /// First day of the months in which visits count.
    pub from: Day,
    /// The last day that counts.
    pub until: Day,
    /// By class, A first.
    pub classes: Vec<ClassRow>,
    /// Every classed enterprise, in the order of their ids.
    pub enterprises: Vec<CreditRow>,
}

impl Lists {
    /// Classes at the end of the month of a day, and who of them was visited.
    pub fn credit(
        &self,
        month: Day,
        burdens: &Burdens,
        policy: &ListsPolicy,
        offset: CivilOffset,
    ) -> CreditMonth {
        let (year, of) = month.year_month();
        let first = Day::from_ymd(year, of, 1).unwrap_or(month);
        let after = first.plus_months(1);
        let from = after.plus_months(-policy.credit.window_months);
        self.classed((from, after), burdens, policy, offset)
    }

    /// Classes before a day, and who of them was visited in the months before it: what a plan of that day
    /// goes by.
    pub fn credit_before(
        &self,
        day: Day,
        burdens: &Burdens,
        policy: &ListsPolicy,
        offset: CivilOffset,
    ) -> CreditMonth {
        let from = day.plus_months(-policy.credit.window_months);
        self.classed((from, day), burdens, policy, offset)
    }

    fn classed(
        &self,
        (from, after): (Day, Day),
        burdens: &Burdens,
        policy: &ListsPolicy,
        offset: CivilOffset,
    ) -> CreditMonth {
        let end = offset.start_of(after);
        let fresh = offset.start_of(after.plus(-policy.credit.fresh_days));
        let mut enterprises = Vec::new();
        for (enterprise, told) in &self.classes {
            let mut known = told.iter().filter(|((at, _), _)| *at < end).rev();
            let Some(((last, _), class)) = known.next() else {
                continue;
            };
            let mut since = *last;
            for ((at, _), earlier) in known {
                if earlier != class {
                    break;
                }
                since = *at;
            }
            enterprises.push(CreditRow {
                enterprise: enterprise.clone(),
                class: *class,
                since: offset.day_of(since),
                stale: *last < fresh,
                visits: burdens.visits_within(enterprise, from, after),
            });
        }
        let mut counts: BTreeMap<CreditRiskClass, (u32, u32, u32)> = BTreeMap::new();
        for row in &enterprises {
            let count = counts.entry(row.class).or_default();
            count.0 += 1;
            count.1 += u32::from(row.visits > 0);
            count.2 += u32::from(row.stale);
        }
        let class_row = |(class, band): (&CreditRiskClass, &CreditBand)| {
            let (all, inspected, stale) = counts.get(class).copied().unwrap_or_default();
            ClassRow {
                class: *class,
                enterprises: all,
                inspected,
                stale,
                ratio: (all > 0).then(|| f64::from(inspected) / f64::from(all)),
                band: *band,
            }
        };
        CreditMonth {
            from,
            until: after.plus(-1),
            classes: policy.credit.bands.iter().map(class_row).collect(),
            enterprises,
        }
    }
}

impl ClassRow {
    /// Whether the ratio lies where it is to lie; none of an empty class.
    pub fn within(&self) -> Option<bool> {
        let ratio = self.ratio?;
        Some(self.band.from <= ratio && ratio <= self.band.to)
    }

    /// How many more are to be visited until the band is reached.
    pub fn owed(&self) -> u32 {
        let least = libm::ceil(self.band.from * f64::from(self.enterprises)) as u32;
        least.saturating_sub(self.inspected)
    }

    /// How many more may be visited until the band is left.
    pub fn room(&self) -> u32 {
        let most = libm::floor(self.band.to * f64::from(self.enterprises)) as u32;
        most.saturating_sub(self.inspected)
    }
}
