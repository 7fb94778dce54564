//! What the policy says of lists.

use super::serious::Criterion;
use risk_domain::reference::Mark;
use risk_domain::scales::{AlertLevel, CreditRiskClass};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Who is to be assisted, who is a candidate, which records are owed（清单规则）.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListsPolicy {
    /// Days for which media exposure counts, 1 to 3660.
    pub media_days: i32,
    /// So many failures are repeated, 2 to 1000,
    pub repeated_failures: u32,
    /// within so many days, 1 to 3660.
    pub repeated_days: i32,
    /// Credit classes.
    pub credit: CreditSettings,
    /// Records of duty.
    pub duties: DutySettings,
    /// Candidates for the list of serious violations.
    pub serious: SeriousSettings,
}

/// How many enterprises of a credit class are to be inspected（信用分类差异化抽查）.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditSettings {
    /// Months, up to the end of the one that is asked for, in which inspections count, 1 to 120.
    pub window_months: i32,
    /// Of each class.
    pub bands: BTreeMap<CreditRiskClass, CreditBand>,
}

/// The share of a class that is to be inspected（抽查比例）.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditBand {
    /// At least, 0 to 1.
    pub from: f64,
    /// At most, 0 to 1.
    pub to: f64,
    /// How sure that is.
    pub mark: Mark,
}

/// Which records of duty are owed, and when one is missed（主体责任记录）.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DutySettings {
    /// Whether the daily check is owed on days that are not worked, too.
    pub daily_on_days_off: bool,
    /// Days after a day before its record is missed, 0 to 366.
    pub daily_grace: i32,
    /// Days after a week, 0 to 366.
    pub weekly_grace: i32,
    /// Days after a month, 0 to 366.
    pub monthly_grace: i32,
    /// So many missing records are reminded of, at least 1.
    pub remind_after: u32,
    /// So many are ordered to be made good, at least as many.
    pub order_after: u32,
    /// An alert asks for records of so many days back, 31 to 3660.
    pub remind_days: u16,
    /// Its level where they are reminded of,
    pub remind_level: AlertLevel,
    /// and where they are ordered to be made good.
    pub order_level: AlertLevel,
}

/// What makes a candidate for the list of serious violations（严重违法失信名单）.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriousSettings {
    /// Days for which a fact counts, 1 to 3660.
    pub days: i32,
    /// So many failures count as repeated, 2 to 1000.
    pub repeated_failures: u32,
    /// The clause of each criterion, and how sure it is.
    pub criteria: BTreeMap<Criterion, Clause>,
}

/// A clause and how sure it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// The clause.
    pub basis: String,
    /// How sure it is.
    pub mark: Mark,
}

impl ListsPolicy {
    /// The key that breaks a rule, and the rule.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        const DAYS: &str = "must be between 1 and 3660";
        const COUNT: &str = "must be between 2 and 1000";
        const GRACE: &str = "must be between 0 and 366";
        let days = |days: i32| (1..=3660).contains(&days);
        let count = |count: u32| (2..=1000).contains(&count);
        let grace = |days: i32| (0..=366).contains(&days);
        let (duties, serious) = (&self.duties, &self.serious);
        let banded = |class: &CreditRiskClass| {
            let band = self.credit.bands.get(class);
            band.is_some_and(|band| 0.0 <= band.from && band.from <= band.to && band.to <= 1.0)
        };
        let based = |criterion: &Criterion| {
            let clause = serious.criteria.get(criterion);
            clause.is_some_and(|clause| !clause.basis.trim().is_empty())
        };
        let checks = [
            ("lists.media_days", DAYS, days(self.media_days)),
            (
                "lists.repeated_failures",
                COUNT,
                count(self.repeated_failures),
            ),
            ("lists.repeated_days", DAYS, days(self.repeated_days)),
            (
                "lists.credit.window_months",
                "must be between 1 and 120",
                (1..=120).contains(&self.credit.window_months),
            ),
            (
                "lists.credit.bands",
                "must give each of the classes A to D shares with 0 <= from <= to <= 1",
                CreditRiskClass::ALL.iter().all(banded),
            ),
            ("lists.duties.daily_grace", GRACE, grace(duties.daily_grace)),
            (
                "lists.duties.weekly_grace",
                GRACE,
                grace(duties.weekly_grace),
            ),
            (
                "lists.duties.monthly_grace",
                GRACE,
                grace(duties.monthly_grace),
            ),
            (
                "lists.duties.remind_after",
                "must be at least 1",
                duties.remind_after > 0,
            ),
            (
                "lists.duties.order_after",
                "must be at least remind_after",
                duties.order_after >= duties.remind_after,
            ),
            (
                "lists.duties.remind_days",
                "must be between 31 and 3660",
                (31..=3660).contains(&duties.remind_days),
            ),
            ("lists.serious.days", DAYS, days(serious.days)),
            (
                "lists.serious.repeated_failures",
                COUNT,
                count(serious.repeated_failures),
            ),
            (
                "lists.serious.criteria",
                "must name the clause of every criterion in `basis`",
                Criterion::ALL.iter().all(based),
            ),
        ];
        let broken = checks.into_iter().find(|(_, _, kept)| !kept);
        broken.map_or(Ok(()), |(key, rule, _)| Err((key, rule)))
    }
}
