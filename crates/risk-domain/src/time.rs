//! Time as the data tells it. The core never asks a clock: "now" arrives as a value.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds in a day.
pub const DAY_MILLIS: i64 = 86_400_000;

/// An instant（时间戳）: milliseconds since 1970-01-01T00:00:00Z, between the years 1900 and 2200.
#[doc(alias = "时间戳")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an RFC 3339 instant with an offset, between 1900 and 2200, as 2026-03-01T09:30:00+08:00"
)]
pub struct TimestampError;

impl Timestamp {
    /// The earliest instant accepted, 1900-01-01T00:00:00Z.
    pub const MIN: Self = Self(-2_208_988_800_000);
    /// The latest instant accepted, 2200-01-01T00:00:00Z.
    pub const MAX: Self = Self(7_258_118_400_000);

    /// From milliseconds since 1970-01-01T00:00:00Z, clamped into the accepted range.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339 with an offset; fractions beyond the millisecond are dropped.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let millis = if let Some(millis) = usual_form(text.as_bytes()) {
            millis
        } else {
            let instant: jiff::Timestamp = text.parse().map_err(|_error| TimestampError)?;
            instant.as_millisecond()
        };
        if (Self::MIN.0..=Self::MAX.0).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(TimestampError)
        }
    }

    /// This instant moved by `millis`, clamped into the accepted range.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant; negative when it lies before.
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

/// Reads `2026-03-01T09:30:00+08:00` or `…Z` by hand, because every record has several of them; `None`
/// for any other form, valid or not.
fn usual_form(text: &[u8]) -> Option<i64> {
    let pair = |tens: u8, ones: u8| {
        let both = tens.is_ascii_digit() && ones.is_ascii_digit();
        both.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (local, offset) = text.split_first_chunk::<19>()?;
    let [
        c1,
        c2,
        y1,
        y2,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = *local
    else {
        return None;
    };
    let year = pair(c1, c2)? * 100 + pair(y1, y2)?;
    let (month, day) = (pair(m1, m2)?, pair(d1, d2)?);
    let (hour, minute, second) = (pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?);
    // The leap day is rare enough for the other way.
    let last_day = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28,
        _ => return None,
    };
    if !(1..=last_day).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset_minutes = match *offset {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (pair(h1, h2)?, pair(m1, m2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let ahead = hours * 60 + minutes;
            if sign == b'+' { ahead } else { -ahead }
        }
        _ => return None,
    };
    // Years that begin in March end with the leap day; a month has 30.6 days from there.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let minutes = hour * 60 + minute - offset_minutes;
    Some(days * DAY_MILLIS + (minutes * 60 + second) * 1_000)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

/// The offset of the city's civil time from UTC（时区）. China has had one zone without daylight saving
/// since 1992, so a fixed offset is exact there.
#[doc(alias = "时区")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CivilOffset {
    millis: i64,
}

impl CivilOffset {
    /// UTC+8, the civil time of China.
    pub const CHINA: Self = Self {
        millis: 8 * 3_600_000,
    };

    /// An offset of whole minutes, at most 18 hours either way.
    pub fn from_minutes(minutes: i32) -> Option<Self> {
        (minutes.abs() <= 18 * 60).then_some(Self {
            millis: i64::from(minutes) * 60_000,
        })
    }

    /// The civil day of an instant.
    pub fn day_of(self, at: Timestamp) -> Day {
        Day((at.0 + self.millis).div_euclid(DAY_MILLIS) as i32)
    }

    /// The first instant of a civil day.
    pub fn start_of(self, day: Day) -> Timestamp {
        Timestamp::from_millis(i64::from(day.0) * DAY_MILLIS - self.millis)
    }

    /// Milliseconds this offset adds to UTC.
    pub fn millis(self) -> i64 {
        self.millis
    }
}

/// A civil day（日）: days since 1970-01-01.
#[doc(alias = "日")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i32);

impl Day {
    /// From days since 1970-01-01.
    pub fn new(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub fn get(self) -> i32 {
        self.0
    }

    /// From a calendar date, `None` when there is no such day.
    pub fn from_ymd(year: i16, month: i8, day: i8) -> Option<Self> {
        let date = jiff::civil::Date::new(year, month, day).ok()?;
        let epoch = jiff::civil::date(1970, 1, 1);
        let span = date.since((jiff::Unit::Day, epoch)).ok()?;
        Some(Self(span.get_days()))
    }

    /// Year and month（1 to 12） of the calendar. A day outside the years that have four digits counts
    /// as that of the nearest that has.
    pub fn year_month(self) -> (i16, i8) {
        let epoch = jiff::civil::date(1970, 1, 1);
        let date = epoch.saturating_add(jiff::Span::new().days(self.0.clamp(-700_000, 2_900_000)));
        (date.year(), date.month())
    }

    /// 0 for Monday to 6 for Sunday.
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        (self.0 + 3).rem_euclid(7) as u8
    }

    /// The Monday of this day's week, the start of its ISO week.
    #[must_use]
    pub fn week_start(self) -> Self {
        Self(self.0 - i32::from(self.weekday()))
    }

    /// The same day of the month some months later or earlier, or the month's last day where it is
    /// shorter: how a period in months ends.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let epoch = jiff::civil::date(1970, 1, 1);
        let date = epoch.saturating_add(jiff::Span::new().days(self.0.clamp(-700_000, 2_900_000)));
        let moved = date.saturating_add(jiff::Span::new().months(months.clamp(-100_000, 100_000)));
        Self::from_ymd(moved.year(), moved.month(), moved.day()).unwrap_or(self)
    }

    /// This day moved by whole days.
    #[must_use]
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let midnight = jiff::Timestamp::from_second(i64::from(self.0) * 86_400);
        match midnight {
            Ok(instant) => write!(f, "{}", instant.strftime("%Y-%m-%d")),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl std::str::FromStr for Day {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let date: jiff::civil::Date = text.parse().map_err(|_error| TimestampError)?;
        Self::from_ymd(date.year(), date.month(), date.day()).ok_or(TimestampError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_usual_form_is_read_as_any_other(
            (year, month, day) in (1..9999_i32, 0..14_i32, 0..33_i32),
            (hour, minute, second) in (0..26_i32, 0..62_i32, 0..62_i32),
            sign in proptest::sample::select(vec!['+', '-']),
            (ahead, odd) in (0..26_i32, 0..62_i32),
            zulu in any::<bool>(),
        ) {
            let offset = if zulu { "Z".to_owned() } else { format!("{sign}{ahead:02}:{odd:02}") };
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{offset}");
            let by_library = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
            if let Some(millis) = usual_form(text.as_bytes()) {
                prop_assert_eq!(Some(millis), by_library, "{}", text);
            }
        }

        #[test]
        fn one_wrong_byte_is_never_read_as_the_usual_form(at in 0..25_usize, byte in any::<u8>()) {
            let mut text = b"2026-03-01T09:30:00+08:00".to_vec();
            text[at] = byte;
            let text = String::from_utf8_lossy(&text);
            let by_library = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
            if let Some(millis) = usual_form(text.as_bytes()) {
                prop_assert_eq!(Some(millis), by_library, "{}", text);
            }
        }
    }

    #[test]
    fn the_usual_form_is_the_quick_one() {
        for text in ["2026-03-01T09:30:00+08:00", "2024-02-28T23:59:59Z"] {
            let by_library = text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
            assert_eq!(usual_form(text.as_bytes()), Some(by_library));
        }
    }

    #[test]
    fn days_and_weeks_follow_the_calendar() {
        let day = Day::from_ymd(2026, 11, 23).unwrap();
        assert_eq!(day.to_string(), "2026-11-23");
        assert_eq!(day.weekday(), 0, "23 November 2026 is a Monday");
        assert_eq!(day.plus(6).week_start(), day);
        assert_eq!("2026-11-23".parse::<Day>().unwrap(), day);
        assert_eq!(Day::from_ymd(2026, 2, 29), None);
    }

    #[test]
    fn months_end_on_the_same_day_or_the_last() {
        let moved = |day: &str, months| day.parse::<Day>().unwrap().plus_months(months).to_string();
        assert_eq!(moved("2026-03-15", 6), "2026-09-15");
        assert_eq!(moved("2025-08-31", 6), "2026-02-28");
        assert_eq!(moved("2026-03-31", -1), "2026-02-28");
    }

    #[test]
    fn the_civil_day_turns_at_local_midnight() {
        let before = Timestamp::parse("2026-03-01T15:59:59.999Z").unwrap();
        let after = before.plus_millis(1);
        let china = CivilOffset::CHINA;
        assert_eq!(china.day_of(before).to_string(), "2026-03-01");
        assert_eq!(china.day_of(after).to_string(), "2026-03-02");
        assert_eq!(china.start_of(china.day_of(after)), after);
    }

    #[test]
    fn instants_need_an_offset_and_a_sane_year() {
        for bad in [
            "2026-03-01",
            "2026-03-01T09:30:00",
            "1066-10-14T00:00:00Z",
            "",
            "昨天",
        ] {
            assert_eq!(Timestamp::parse(bad).unwrap_err(), TimestampError, "{bad}");
        }
        let local = Timestamp::parse("2026-03-01T09:30:00+08:00").unwrap();
        assert_eq!(local.to_string(), "2026-03-01T01:30:00Z");
    }
}
