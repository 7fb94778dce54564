//! When which event is sent to an endpoint: a pure function of what happened and of the time that
//! is handed in. Chance is handed in, too.

use risk_domain::time::Timestamp;
use risk_store::{EndpointRecord, Parked};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The time over which requests are counted.
const MINUTE_MILLIS: i64 = 60_000;

/// How an endpoint is treated（投递节奏）.
#[doc(alias = "投递节奏")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Wait before the second attempt; each further one doubles it.
    pub first_wait: Duration,
    /// The longest wait between attempts.
    pub longest_wait: Duration,
    /// Attempts in a row that fail by the endpoint's fault, after which it is parked.
    pub park_after: u32,
    /// Attempts after which an event that the endpoint refuses is given up.
    pub give_up_after: u32,
    /// Requests within any minute.
    pub per_minute: u32,
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The wait after `failures` attempts in a row, in milliseconds: it doubles up to the longest, and `draw`
/// spreads it over its second half, so that those who failed together do not come back together.
pub fn back_off(pace: &Pace, failures: u32, draw: u64) -> i64 {
    let doubled = failures.saturating_sub(1).min(40);
    let whole = millis(pace.first_wait).saturating_mul(1 << doubled);
    let whole = whole.min(millis(pace.longest_wait)).max(1);
    let half = whole / 2;
    let spread = u64::try_from(whole - half).unwrap_or(0) + 1;
    half + i64::try_from(draw % spread).unwrap_or(0)
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint took it.
    Taken,
    /// The endpoint answers, and does not want this event.
    Refused,
    /// It cannot be sent at all, whatever the endpoint does.
    Unsendable,
    /// The endpoint is at fault: no answer, an error of its own, another place, too many requests.
    Failed {
        /// How long it asked to be left alone.
        wait: Option<Duration>,
    },
    /// The endpoint says that it is gone for good.
    Gone,
}

/// What becomes of an event after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It is tried again, not before this time.
    Again(Timestamp),
    /// It is given up.
    GivenUp,
    /// It waits until somebody says that the endpoint is well.
    Parked,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To send the event of this entry.
    Send(u64),
    /// To wait until then.
    Wait(Timestamp),
    /// There is nothing to send, or nothing may be sent.
    Nothing,
}

#[derive(Debug)]
struct Waiting {
    /// Events of one lane go out one after another.
    lane: String,
    attempts: u32,
    not_before: Option<Timestamp>,
    /// It was done with once, and somebody asked for it again.
    again: bool,
}

/// The events that wait for an endpoint（待投递）, and when it may be asked.
#[doc(alias = "待投递")]
#[derive(Debug)]
pub struct Queue {
    pace: Pace,
    waiting: BTreeMap<u64, Waiting>,
    /// When the requests of the last minute were made.
    asked: VecDeque<Timestamp>,
    endpoint: EndpointRecord,
}

impl Queue {
    /// An empty queue for an endpoint that behaved so far as recorded.
    pub fn new(pace: Pace, endpoint: EndpointRecord) -> Self {
        Self {
            pace,
            waiting: BTreeMap::new(),
            asked: VecDeque::new(),
            endpoint,
        }
    }

    /// How the endpoint behaves.
    pub fn endpoint(&self) -> &EndpointRecord {
        &self.endpoint
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes an event in that was not done with, after so many attempts.
    pub fn push(&mut self, entry: u64, lane: String, attempts: u32, not_before: Option<Timestamp>) {
        let waiting = Waiting {
            lane,
            attempts,
            not_before,
            again: false,
        };
        self.waiting.insert(entry, waiting);
    }

    /// Takes an event in that somebody asked for again.
    pub fn push_again(&mut self, entry: u64, lane: String) {
        let waiting = Waiting {
            lane,
            attempts: 0,
            not_before: None,
            again: true,
        };
        self.waiting.entry(entry).or_insert(waiting);
    }

    /// Tries an endpoint again that was parked.
    pub fn unpark(&mut self) {
        self.endpoint = EndpointRecord::default();
    }

    /// The first entry that is not done with; none where only such wait that were asked for again.
    pub fn first(&self) -> Option<u64> {
        let mut waiting = self.waiting.iter();
        waiting.find_map(|(entry, waiting)| (!waiting.again).then_some(*entry))
    }

    /// What to do now. Of each lane only the first may go, so that a lane keeps its order whatever
    /// fails; the earlier entry goes first.
    pub fn next(&mut self, now: Timestamp) -> Next {
        if self.endpoint.parked.is_some() || self.waiting.is_empty() {
            return Next::Nothing;
        }
        if let Some(at) = self.endpoint.retry_at.filter(|at| *at > now) {
            return Next::Wait(at);
        }
        // A clock that was set back must not silence the endpoint.
        let over = |at: &Timestamp| *at > now || now.millis_since(*at) >= MINUTE_MILLIS;
        while self.asked.front().is_some_and(over) {
            self.asked.pop_front();
        }
        if self.asked.len() >= self.pace.per_minute.max(1) as usize
            && let Some(first) = self.asked.front()
        {
            return Next::Wait(first.plus_millis(MINUTE_MILLIS));
        }
        let mut lanes = BTreeSet::new();
        let mut earliest: Option<Timestamp> = None;
        for (entry, waiting) in &self.waiting {
            if !lanes.insert(waiting.lane.as_str()) {
                continue;
            }
            match waiting.not_before {
                Some(at) if at > now => {
                    earliest = Some(earliest.map_or(at, |known| known.min(at)));
                }
                Some(_) | None => return Next::Send(*entry),
            }
        }
        earliest.map_or(Next::Nothing, Next::Wait)
    }

    /// Notes that a request is made now.
    pub fn ask(&mut self, now: Timestamp) {
        self.asked.push_back(now);
    }

    /// Takes in what came of an attempt.
    pub fn settle(&mut self, entry: u64, outcome: Outcome, now: Timestamp, draw: u64) -> Verdict {
        let attempts = self.waiting.get_mut(&entry).map_or(0, |waiting| {
            waiting.attempts = waiting.attempts.saturating_add(1);
            waiting.attempts
        });
        match outcome {
            Outcome::Taken => {
                self.endpoint = EndpointRecord::default();
                self.waiting.remove(&entry);
                Verdict::Done
            }
            Outcome::Unsendable => {
                self.waiting.remove(&entry);
                Verdict::GivenUp
            }
            Outcome::Refused => {
                self.endpoint = EndpointRecord::default();
                if attempts >= self.pace.give_up_after {
                    self.waiting.remove(&entry);
                    return Verdict::GivenUp;
                }
                let at = now.plus_millis(back_off(&self.pace, attempts, draw));
                if let Some(waiting) = self.waiting.get_mut(&entry) {
                    waiting.not_before = Some(at);
                }
                Verdict::Again(at)
            }
            Outcome::Failed { wait } => {
                self.endpoint.failures = self.endpoint.failures.saturating_add(1);
                let failures = self.endpoint.failures;
                if failures >= self.pace.park_after {
                    let why = format!("{failures} attempts in a row failed");
                    return self.park(now, why);
                }
                let asked = wait.map_or(0, |wait| millis(wait.min(self.pace.longest_wait)));
                let at = now.plus_millis(back_off(&self.pace, failures, draw).max(asked));
                self.endpoint.retry_at = Some(at);
                Verdict::Again(at)
            }
            Outcome::Gone => {
                self.endpoint.failures = self.endpoint.failures.saturating_add(1);
                self.park(now, "it answered 410: it is gone for good".to_owned())
            }
        }
    }

    fn park(&mut self, at: Timestamp, why: String) -> Verdict {
        self.endpoint.retry_at = None;
        self.endpoint.parked = Some(Parked { at, why });
        Verdict::Parked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pace() -> Pace {
        Pace {
            first_wait: Duration::from_secs(5),
            longest_wait: Duration::from_hours(1),
            park_after: 20,
            give_up_after: 3,
            per_minute: 1000,
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    const FAILED: Outcome = Outcome::Failed { wait: None };

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread_over_their_second_half() {
        let bounds: Vec<(i64, i64)> = (1..=12)
            .map(|failures| {
                let least = back_off(&pace(), failures, 0);
                let spread =
                    (0..8_000_000).find(|draw| back_off(&pace(), failures, *draw + 1) == least);
                (least, back_off(&pace(), failures, spread.unwrap()))
            })
            .collect();
        let seconds = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600];
        let expected: Vec<(i64, i64)> = seconds.map(|whole| (whole * 500, whole * 1000)).into();
        assert_eq!(bounds, expected);
        assert_eq!(back_off(&pace(), u32::MAX, 0), 1_800_000, "never overflows");
    }

    #[test]
    fn a_failing_endpoint_is_left_alone_longer_and_longer_and_then_parked() {
        let mut queue = Queue::new(pace(), EndpointRecord::default());
        queue.push(1, "a".to_owned(), 0, None);
        queue.push(2, "b".to_owned(), 0, None);
        let mut now = at(0);
        for failure in 1..20 {
            assert_eq!(queue.next(now), Next::Send(1), "failure {failure}");
            let Verdict::Again(then) = queue.settle(1, FAILED, now, 0) else {
                panic!("given up at failure {failure}")
            };
            assert_eq!(
                queue.next(now),
                Next::Wait(then),
                "the other lane waits, too"
            );
            now = then;
        }
        assert_eq!(queue.settle(1, FAILED, now, 0), Verdict::Parked);
        assert_eq!(
            queue.next(now.plus_millis(i64::from(u32::MAX))),
            Next::Nothing
        );
        assert!(queue.endpoint().parked.is_some());
        queue.unpark();
        assert_eq!(queue.next(now), Next::Send(1), "nothing was lost meanwhile");
        assert_eq!(queue.settle(1, Outcome::Taken, now, 0), Verdict::Done);
        assert_eq!(queue.endpoint(), &EndpointRecord::default());
        assert_eq!(queue.first(), Some(2));
    }

    #[test]
    fn an_endpoint_that_says_how_long_is_left_alone_so_long_within_bounds() {
        let mut queue = Queue::new(pace(), EndpointRecord::default());
        queue.push(1, "a".to_owned(), 0, None);
        let wait = |seconds| Outcome::Failed {
            wait: Some(Duration::from_secs(seconds)),
        };
        let minute = Verdict::Again(at(60_000));
        assert_eq!(queue.settle(1, wait(60), at(0), 0), minute);
        let hour = Verdict::Again(at(3_600_000));
        assert_eq!(queue.settle(1, wait(u64::MAX), at(0), 0), hour);
        let own = Verdict::Again(at(10_000));
        assert_eq!(
            queue.settle(1, wait(1), at(0), 0),
            own,
            "not sooner than ours"
        );
        assert_eq!(queue.settle(1, Outcome::Gone, at(0), 0), Verdict::Parked);
    }

    #[test]
    fn a_refused_event_holds_its_lane_only_and_is_given_up_at_last() {
        let mut queue = Queue::new(pace(), EndpointRecord::default());
        for (entry, lane) in [(1, "a"), (2, "a"), (3, "b")] {
            queue.push(entry, lane.to_owned(), 0, None);
        }
        let again = queue.settle(1, Outcome::Refused, at(0), 0);
        assert_eq!(again, Verdict::Again(at(2_500)));
        assert_eq!(queue.next(at(0)), Next::Send(3), "another lane goes on");
        queue.settle(3, Outcome::Taken, at(0), 0);
        assert_eq!(queue.next(at(0)), Next::Wait(at(2_500)));
        queue.settle(1, Outcome::Refused, at(2_500), 0);
        let last = queue.settle(1, Outcome::Refused, at(10_000), 0);
        assert_eq!(last, Verdict::GivenUp);
        assert_eq!(queue.next(at(10_000)), Next::Send(2));
        queue.push_again(1, "a".to_owned());
        assert_eq!(
            queue.first(),
            Some(2),
            "what was asked for again holds no cursor"
        );
        assert_eq!(queue.next(at(10_000)), Next::Send(1));
    }

    #[test]
    fn no_minute_holds_more_requests_than_are_allowed() {
        let slow = Pace {
            per_minute: 2,
            ..pace()
        };
        let mut queue = Queue::new(slow, EndpointRecord::default());
        for entry in 0..5 {
            queue.push(entry, entry.to_string(), 0, None);
        }
        let mut sent = Vec::new();
        let mut now = at(0);
        while !queue.is_empty() {
            match queue.next(now) {
                Next::Send(entry) => {
                    queue.ask(now);
                    queue.settle(entry, Outcome::Taken, now, 0);
                    sent.push(now.millis());
                    now = now.plus_millis(1_000);
                }
                Next::Wait(until) => now = until,
                Next::Nothing => unreachable!("something waits"),
            }
        }
        assert_eq!(sent, [0, 1_000, 60_000, 61_000, 120_000]);
        let set_back = at(-5_000_000);
        queue.push(9, "z".to_owned(), 0, None);
        assert_eq!(
            queue.next(set_back),
            Next::Send(9),
            "the clock was set back"
        );
    }

    proptest! {
        /// Whatever an endpoint answers: lanes keep their order, and each event ends done or given up, once.
        #[test]
        fn lanes_keep_their_order_and_nothing_is_lost_or_doubled(
            lanes in proptest::collection::vec(0u8..4, 1..25),
            answers in proptest::collection::vec((0u8..10, any::<u64>()), 0..200),
        ) {
            let mut queue = Queue::new(Pace { per_minute: 7, ..pace() }, EndpointRecord::default());
            for (entry, lane) in lanes.iter().enumerate() {
                queue.push(entry as u64, lane.to_string(), 0, None);
            }
            let mut answers = answers.into_iter();
            let mut now = at(0);
            let mut ended: Vec<u64> = Vec::new();
            while !queue.is_empty() {
                match queue.next(now) {
                    Next::Wait(until) => {
                        prop_assert!(until > now);
                        now = until;
                    }
                    Next::Nothing => {
                        prop_assert!(queue.endpoint().parked.is_some());
                        queue.unpark();
                    }
                    Next::Send(entry) => {
                        queue.ask(now);
                        let (kind, draw) = answers.next().unwrap_or((0, 0));
                        let outcome = match kind {
                            0..4 => Outcome::Taken,
                            4..6 => Outcome::Refused,
                            6 => Outcome::Gone,
                            7 => Outcome::Unsendable,
                            _ => FAILED,
                        };
                        match queue.settle(entry, outcome, now, draw) {
                            Verdict::Done | Verdict::GivenUp => ended.push(entry),
                            Verdict::Again(then) => prop_assert!(then > now),
                            Verdict::Parked => {}
                        }
                    }
                }
            }
            for lane in 0..4 {
                let of_lane = |entry: &&u64| lanes[**entry as usize] == lane;
                let order: Vec<&u64> = ended.iter().filter(of_lane).collect();
                prop_assert!(order.is_sorted(), "lane {}: {:?}", lane, order);
            }
            let mut all = ended;
            all.sort_unstable();
            prop_assert_eq!(all, (0..lanes.len() as u64).collect::<Vec<_>>());
        }
    }
}
