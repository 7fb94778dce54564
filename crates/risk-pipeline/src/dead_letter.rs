//! The limit of dead letters（死信）past which a partition stops: then the fault lies with the feed.

use crate::source::Partition;
use std::collections::{BTreeMap, VecDeque};

/// How many rejections a partition may have before the fault is taken to be the feed's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeadLetterLimit {
    /// The greatest share of rejections among the last `window` records.
    pub max_ratio: f64,
    /// Records over which the share is taken; no share is taken before there are so many.
    pub window: usize,
    /// The greatest number of rejections in a row.
    pub max_consecutive: usize,
}

impl Default for DeadLetterLimit {
    fn default() -> Self {
        Self {
            max_ratio: 0.1,
            window: 1000,
            max_consecutive: 100,
        }
    }
}

/// Whether a partition may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Continue,
    /// It must stop, and readiness must fail, until someone has looked.
    Stop {
        /// What was exceeded.
        why: StopReason,
    },
}

/// Which limit a partition exceeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// Too many rejections in a row.
    #[error("{count} records in a row were rejected")]
    Consecutive {
        /// How many.
        count: usize,
    },
    /// Too many rejections among the last records.
    #[error("{rejected} of the last {window} records were rejected")]
    Ratio {
        /// How many.
        rejected: usize,
        /// Of how many.
        window: usize,
    },
}

/// Counts one partition's rejections against the limit.
#[derive(Debug, Clone)]
struct Tally {
    /// How many records were accepted before each rejection of the window, so that an accepted
    /// record costs an addition only.
    rejected_at: VecDeque<u64>,
    seen: u64,
    consecutive: usize,
}

/// Counts every partition's rejections against the limit.
#[derive(Debug, Clone)]
pub struct DeadLetterTracker {
    limit: DeadLetterLimit,
    tallies: BTreeMap<Partition, Tally>,
}

impl DeadLetterTracker {
    /// A tracker that has seen nothing.
    pub fn new(limit: DeadLetterLimit) -> Self {
        Self {
            limit,
            tallies: BTreeMap::new(),
        }
    }

    fn tally(&mut self, partition: Partition) -> &mut Tally {
        self.tallies.entry(partition).or_insert(Tally {
            rejected_at: VecDeque::new(),
            seen: 0,
            consecutive: 0,
        })
    }

    /// Notes `count` accepted records in a row.
    pub fn accepted(&mut self, partition: Partition, count: usize) {
        if count > 0 {
            let tally = self.tally(partition);
            tally.seen += count as u64;
            tally.consecutive = 0;
        }
    }

    /// Notes a rejected record, and says whether its partition may go on.
    pub fn rejected(&mut self, partition: Partition) -> Verdict {
        let limit = self.limit;
        let tally = self.tally(partition);
        tally.seen += 1;
        tally.consecutive += 1;
        tally.rejected_at.push_back(tally.seen);
        let window = limit.window.max(1);
        let oldest = tally.seen.saturating_sub(window as u64);
        while tally.rejected_at.front().is_some_and(|at| *at <= oldest) {
            tally.rejected_at.pop_front();
        }
        let rejected = tally.rejected_at.len();
        if tally.consecutive > limit.max_consecutive {
            let count = tally.consecutive;
            return Verdict::Stop {
                why: StopReason::Consecutive { count },
            };
        }
        if tally.seen >= window as u64 && rejected as f64 > limit.max_ratio * window as f64 {
            return Verdict::Stop {
                why: StopReason::Ratio { rejected, window },
            };
        }
        Verdict::Continue
    }

    /// Forgets a partition's past, when someone has mended the feed.
    pub fn reset(&mut self, partition: Partition) {
        self.tallies.remove(&partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Partition = Partition::results(3);

    fn limit(max_ratio: f64, window: usize, max_consecutive: usize) -> DeadLetterTracker {
        DeadLetterTracker::new(DeadLetterLimit {
            max_ratio,
            window,
            max_consecutive,
        })
    }

    #[test]
    fn rejections_in_a_row_stop_the_partition_and_an_accepted_one_starts_anew() {
        let mut tracker = limit(1.0, 1000, 2);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
        tracker.accepted(P, 1);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
        let why = StopReason::Consecutive { count: 3 };
        assert_eq!(tracker.rejected(P), Verdict::Stop { why });
        assert_eq!(tracker.rejected(Partition::results(4)), Verdict::Continue);
        tracker.reset(P);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
    }

    #[test]
    fn the_share_is_taken_over_the_window_only() {
        let mut tracker = limit(0.2, 10, 100);
        tracker.accepted(P, 8);
        assert_eq!(
            tracker.rejected(P),
            Verdict::Continue,
            "1 of 9, no window yet"
        );
        assert_eq!(
            tracker.rejected(P),
            Verdict::Continue,
            "2 of 10 is the limit"
        );
        let why = StopReason::Ratio {
            rejected: 3,
            window: 10,
        };
        assert_eq!(tracker.rejected(P), Verdict::Stop { why });
        tracker.accepted(P, 10);
        assert_eq!(
            tracker.rejected(P),
            Verdict::Continue,
            "the old ones have left the window"
        );
    }
}
