//! The one place where this crate may ask what time it is.

use risk_domain::time::Timestamp;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time（时钟）; handed to whatever stamps a receipt.
#[doc(alias = "时钟")]
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the shell's clock; everything else takes a Clock or a Timestamp"
    )]
    fn now(&self) -> Timestamp {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        Timestamp::from_millis(millis)
    }
}

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            millis: AtomicI64::new(now.millis()),
        }
    }

    /// Puts the clock at `now`.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_set() {
        let noon = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
        let clock = ManualClock::new(noon);
        assert_eq!(clock.now(), noon);
        clock.set(noon.plus_millis(5));
        assert_eq!(clock.now(), noon.plus_millis(5));
    }

    #[test]
    fn the_system_clock_lies_within_the_accepted_years() {
        let now = SystemClock.now();
        assert!(now > Timestamp::parse("2020-01-01T00:00:00Z").unwrap());
        assert!(now < Timestamp::MAX);
    }
}
