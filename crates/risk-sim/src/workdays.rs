//! Working days and hours of the inspectors and the laboratories.

use crate::frame::WorkCalendar;
use rand::Rng;
use rand_chacha::ChaCha12Rng;
use risk_domain::time::{CivilOffset, Day, Timestamp};

/// The working days from a first to a last one, in order.
#[derive(Debug)]
pub(crate) struct WorkDays {
    days: Vec<Day>,
}

impl WorkDays {
    pub(crate) fn new(calendar: &WorkCalendar, first: Day, last: Day) -> Self {
        let days = (first.get()..=last.get()).map(Day::new);
        Self {
            days: days.filter(|day| calendar.is_working_day(*day)).collect(),
        }
    }

    /// Working days of the week that begins on `monday`, none after `last`.
    pub(crate) fn of_week(&self, monday: Day, last: Day) -> &[Day] {
        let from = self.days.partition_point(|day| *day < monday);
        let end = monday.plus(6).min(last);
        let to = self.days.partition_point(|day| *day <= end);
        self.days.get(from..to).unwrap_or_default()
    }

    /// The working day that comes `count` working days after `day`; beyond the calendar, plain days.
    pub(crate) fn after(&self, day: Day, count: usize) -> Day {
        let from = self.days.partition_point(|known| *known <= day);
        let wanted = from + count.saturating_sub(1);
        self.days
            .get(wanted)
            .copied()
            .unwrap_or_else(|| day.plus(2 * count as i32 + 7))
    }
}

/// A minute of a civil day.
pub(crate) fn at(day: Day, minute: i64) -> Timestamp {
    CivilOffset::CHINA
        .start_of(day)
        .plus_millis(minute * 60_000)
}

/// When a sample is taken: 9:00 to 11:30 or 13:30 to 16:00.
pub(crate) fn sampling_minute(random: &mut ChaCha12Rng) -> i64 {
    let minute: i64 = random.random_range(0..300);
    if minute < 150 {
        9 * 60 + minute
    } else {
        13 * 60 + 30 + minute - 150
    }
}

/// When a laboratory tests or reports: 9:00 to 17:00.
pub(crate) fn office_minute(random: &mut ChaCha12Rng) -> i64 {
    random.random_range(9 * 60..17 * 60)
}

/// The year of a civil day.
pub(crate) fn year(day: Day) -> i32 {
    let text = day.to_string();
    text.split('-')
        .next()
        .and_then(|year| year.parse().ok())
        .unwrap_or(1970)
}

/// Months since the beginning of the year, with a fraction, for seasons.
pub(crate) fn month(day: Day) -> f64 {
    let text = day.to_string();
    let mut parts = text
        .split('-')
        .skip(1)
        .map(|part| part.parse::<f64>().unwrap_or(1.0));
    let (month, of_month) = (parts.next().unwrap_or(1.0), parts.next().unwrap_or(1.0));
    month - 1.0 + (of_month - 1.0) / 30.5
}
