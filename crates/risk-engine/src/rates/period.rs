//! Periods that rates are told for（统计周期）, made of whole weeks.

use crate::model::{monday_of, week_of};
use risk_domain::time::Day;
use std::ops::Range;

/// Length of a period（统计周期）.
#[doc(alias = "统计周期")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A week, Monday to Sunday.
    Week,
    /// The weeks that begin in a month.
    Month,
    /// The weeks that begin in a quarter.
    Quarter,
}

impl Period {
    /// Every period.
    pub const ALL: [Self; 3] = [Self::Week, Self::Month, Self::Quarter];

    /// Name in parameters and answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }

    /// A period by its code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.code() == code)
    }

    /// What tells the period of a week from others.
    fn key(self, week: u16) -> (i16, i32) {
        let (year, month) = monday_of(week).year_month();
        match self {
            Self::Week => (0, i32::from(week)),
            Self::Month => (year, i32::from(month)),
            Self::Quarter => (year, i32::from((month - 1) / 3)),
        }
    }

    /// The whole period that a week belongs to.
    pub fn around(self, week: u16) -> Range<u16> {
        let same = |other: &u16| self.key(*other) == self.key(week);
        // No period has more weeks than a quarter.
        let start = (week.saturating_sub(14)..=week)
            .rev()
            .take_while(same)
            .last();
        let end = (week..=week.saturating_add(14)).take_while(same).last();
        start.unwrap_or(week)..end.map_or(week, |last| last.saturating_add(1))
    }

    /// The periods that have any of these weeks, whole, in their order.
    pub fn over(self, weeks: Range<u16>) -> Vec<Range<u16>> {
        let mut periods = Vec::new();
        let mut next = weeks.start;
        while next < weeks.end {
            let period = self.around(next);
            next = period.end.max(next + 1);
            periods.push(period);
        }
        periods
    }

    /// First day of a range of weeks, and the first day after it.
    pub fn days(weeks: &Range<u16>) -> (Day, Day) {
        (monday_of(weeks.start), monday_of(weeks.end))
    }

    /// The week of a civil day.
    pub fn week_of(day: Day) -> u16 {
        week_of(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_quarters_are_the_weeks_that_begin_in_them() {
        let week = |text: &str| week_of(text.parse().unwrap());
        let text = |weeks: &Range<u16>| {
            let (from, until) = Period::days(weeks);
            format!("{from} {until}")
        };
        // 2026-06-29 is a Monday: its week belongs to June.
        assert_eq!(
            text(&Period::Month.around(week("2026-07-02"))),
            "2026-06-01 2026-07-06"
        );
        assert_eq!(
            text(&Period::Quarter.around(week("2026-07-02"))),
            "2026-04-06 2026-07-06"
        );
        assert_eq!(
            text(&Period::Week.around(week("2026-07-02"))),
            "2026-06-29 2026-07-06"
        );
        let whole = week("2026-01-15")..week("2026-03-10");
        let months: Vec<String> = Period::Month.over(whole).iter().map(text).collect();
        assert_eq!(
            months,
            [
                "2026-01-05 2026-02-02",
                "2026-02-02 2026-03-02",
                "2026-03-02 2026-04-06"
            ]
        );
        assert!(Period::Week.over(5..5).is_empty());
        assert_eq!(Period::from_code("month"), Some(Period::Month));
        assert_eq!(Period::from_code("year"), None);
    }
}
