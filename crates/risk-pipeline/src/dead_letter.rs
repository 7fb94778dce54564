//! The limit of dead letters（死信）past which a partition stops: then the fault lies with the feed.

use std::collections::VecDeque;

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
pub struct RejectionTally {
    limit: DeadLetterLimit,
    /// How many records had been seen at each rejection of the window, so that an accepted record
    /// costs an addition only.
    rejected_at: VecDeque<u64>,
    seen: u64,
    consecutive: usize,
}

impl RejectionTally {
    /// A tally of a partition of which nothing was seen.
    pub fn new(limit: DeadLetterLimit) -> Self {
        Self {
            limit,
            rejected_at: VecDeque::new(),
            seen: 0,
            consecutive: 0,
        }
    }

    /// Notes an accepted record.
    pub fn accepted(&mut self) {
        self.seen += 1;
        self.consecutive = 0;
    }

    /// Notes a rejected record, and says whether its partition may go on.
    pub fn rejected(&mut self) -> Verdict {
        let limit = self.limit;
        self.seen += 1;
        self.consecutive += 1;
        self.rejected_at.push_back(self.seen);
        let window = limit.window.max(1);
        let oldest = self.seen.saturating_sub(window as u64);
        while self.rejected_at.front().is_some_and(|at| *at <= oldest) {
            self.rejected_at.pop_front();
        }
        let rejected = self.rejected_at.len();
        if self.consecutive > limit.max_consecutive {
            let count = self.consecutive;
            return Verdict::Stop {
                why: StopReason::Consecutive { count },
            };
        }
        if self.seen >= window as u64 && rejected as f64 > limit.max_ratio * window as f64 {
            return Verdict::Stop {
                why: StopReason::Ratio { rejected, window },
            };
        }
        Verdict::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(max_ratio: f64, window: usize, max_consecutive: usize) -> RejectionTally {
        RejectionTally::new(DeadLetterLimit {
            max_ratio,
            window,
            max_consecutive,
        })
    }

    #[test]
    fn rejections_in_a_row_stop_the_partition_and_an_accepted_one_starts_anew() {
        let mut tally = limit(1.0, 1000, 2);
        assert_eq!(tally.rejected(), Verdict::Continue);
        assert_eq!(tally.rejected(), Verdict::Continue);
        tally.accepted();
        assert_eq!(tally.rejected(), Verdict::Continue);
        assert_eq!(tally.rejected(), Verdict::Continue);
        let why = StopReason::Consecutive { count: 3 };
        assert_eq!(tally.rejected(), Verdict::Stop { why });
    }

    #[test]
    fn the_share_is_taken_over_the_window_only() {
        let mut tally = limit(0.2, 10, 100);
        (0..8).for_each(|_| tally.accepted());
        assert_eq!(tally.rejected(), Verdict::Continue, "1 of 9, no window yet");
        assert_eq!(tally.rejected(), Verdict::Continue, "2 of 10 is the limit");
        let why = StopReason::Ratio {
            rejected: 3,
            window: 10,
        };
        assert_eq!(tally.rejected(), Verdict::Stop { why });
        (0..10).for_each(|_| tally.accepted());
        assert_eq!(
            tally.rejected(),
            Verdict::Continue,
            "the old ones have left the window"
        );
    }
}
