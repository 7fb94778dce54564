//! Calendar days and working days（自然日与工作日）: two types with no way from one to the other.

use crate::time::Day;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A number of calendar days（自然日）.
#[doc(alias = "自然日")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CalendarDays(pub u16);

/// A number of working days（工作日）.
#[doc(alias = "工作日")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkingDays(pub u16);

/// Which days are worked（工作日历）. A year without data has weekends only, and [`Self::covers`] says so.
#[doc(alias = "工作日历")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    holidays: BTreeSet<Day>,
    make_up: BTreeSet<Day>,
    years: BTreeSet<i16>,
}

impl Calendar {
    /// Adds a year: its holidays, and the weekend days that are worked in their place.
    pub fn add_year(&mut self, year: i16, holidays: BTreeSet<Day>, make_up: BTreeSet<Day>) {
        self.years.insert(year);
        self.holidays.extend(holidays);
        self.make_up.extend(make_up);
    }

    /// Days off, weekends aside.
    pub fn holidays(&self) -> &BTreeSet<Day> {
        &self.holidays
    }

    /// Weekend days that are worked.
    pub fn make_up_days(&self) -> &BTreeSet<Day> {
        &self.make_up
    }

    /// Whether the holidays of this day's year are known.
    pub fn covers(&self, day: Day) -> bool {
        self.years.iter().any(|year| {
            let (first, next) = (Day::from_ymd(*year, 1, 1), Day::from_ymd(*year + 1, 1, 1));
            first.is_some_and(|first| day >= first) && next.is_some_and(|next| day < next)
        })
    }

    /// Whether this day is worked.
    pub fn is_working_day(&self, day: Day) -> bool {
        self.make_up.contains(&day) || (day.weekday() < 5 && !self.holidays.contains(&day))
    }

    /// The last day of a term of calendar days: the day it starts on is not counted, and an end on a
    /// day that is not worked moves to the next that is.
    pub fn deadline_calendar(&self, start: Day, days: CalendarDays) -> Day {
        let mut day = start.plus(i32::from(days.0));
        while !self.is_working_day(day) {
            day = day.plus(1);
        }
        day
    }

    /// The last day of a term of working days: the day it starts on is not counted.
    pub fn deadline_working(&self, start: Day, days: WorkingDays) -> Day {
        let mut day = start;
        for _ in 0..days.0 {
            day = day.plus(1);
            while !self.is_working_day(day) {
                day = day.plus(1);
            }
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn spring_festival_and_make_up_days_are_counted_as_announced() {
        let calendar = Reference::builtin().unwrap().calendar;
        assert!(calendar.is_working_day(day("2026-02-13")));
        assert!(
            calendar.is_working_day(day("2026-02-14")),
            "a Saturday worked in place of a holiday"
        );
        assert!(
            !calendar.is_working_day(day("2026-02-16")),
            "a Monday within Spring Festival"
        );
        // From the Friday before: Saturday the 14th is the first working day, Tuesday the 24th the second.
        assert_eq!(
            calendar.deadline_working(day("2026-02-13"), WorkingDays(1)),
            day("2026-02-14")
        );
        assert_eq!(
            calendar.deadline_working(day("2026-02-13"), WorkingDays(2)),
            day("2026-02-24")
        );
    }

    #[test]
    fn both_sides_of_a_festival_and_both_weekend_days_may_be_worked() {
        let calendar = Reference::builtin().unwrap().calendar;
        // 2025: Sunday 26 January and Saturday 8 February are worked for 28 January to 4 February.
        for (from, working_days, last) in [
            ("2025-01-24", 1, "2025-01-26"),
            ("2025-01-24", 2, "2025-01-27"),
            ("2025-01-24", 3, "2025-02-05"),
            ("2025-02-07", 1, "2025-02-08"),
            ("2025-02-07", 2, "2025-02-10"),
            // A term that starts within the festival counts from the first day worked after it.
            ("2025-01-30", 1, "2025-02-05"),
            ("2025-01-30", 0, "2025-01-30"),
        ] {
            assert_eq!(
                calendar.deadline_working(day(from), WorkingDays(working_days)),
                day(last),
                "{working_days} from {from}"
            );
        }
        for (from, calendar_days, last) in [
            // An end on a worked Sunday stays there; an end within the festival moves past it.
            ("2025-01-24", 2, "2025-01-26"),
            ("2025-01-24", 4, "2025-02-05"),
            ("2025-01-24", 11, "2025-02-05"),
            ("2025-01-24", 15, "2025-02-08"),
            ("2025-01-24", 16, "2025-02-10"),
        ] {
            assert_eq!(
                calendar.deadline_calendar(day(from), CalendarDays(calendar_days)),
                day(last),
                "{calendar_days} from {from}"
            );
        }
    }

    #[test]
    fn a_term_of_calendar_days_ends_on_a_day_that_is_worked() {
        let calendar = Reference::builtin().unwrap().calendar;
        // Fifteen days from 1 June 2026 is Tuesday the 16th; from the 4th it is Friday 19 June, the
        // first day of the Dragon Boat holiday, and moves past it to Monday the 22nd.
        assert_eq!(
            calendar.deadline_calendar(day("2026-06-01"), CalendarDays(15)),
            day("2026-06-16")
        );
        assert_eq!(
            calendar.deadline_calendar(day("2026-06-03"), CalendarDays(15)),
            day("2026-06-18")
        );
        assert_eq!(
            calendar.deadline_calendar(day("2026-06-04"), CalendarDays(15)),
            day("2026-06-22")
        );
    }

    #[test]
    fn a_year_without_data_has_weekends_and_says_so() {
        let calendar = Reference::builtin().unwrap().calendar;
        assert!(calendar.covers(day("2025-12-31")) && !calendar.covers(day("2031-10-01")));
        assert!(calendar.is_working_day(day("2031-10-01")));
        assert!(!calendar.is_working_day(day("2031-10-04")));
    }
}
