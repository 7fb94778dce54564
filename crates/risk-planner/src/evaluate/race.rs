//! A race of two lists（清单对比）: what stands on the experts' list and on the engine's is tested alike, and once as
//! many tests were judged as were registered before, it is told which list found more.
//!
//! The end is a number of judged tests of each list, and what is counted are the first so many that became
//! known. So the verdict is one and the same whenever it is asked for, and nobody can stop while ahead. Before
//! the end nothing is told but how many were judged.

use risk_domain::named_scale;
use risk_stats::special::normal_quantile;

named_scale! {
    /// On which list of a race a target stands（所属清单）.
    #[doc(alias = "所属清单")]
    RaceSide {
        /// The engine's（引擎清单）.
        Engine = "engine",
        /// The experts'（专家清单）.
        Experts = "experts",
        /// Both.
        Both = "both",
    }
}

/// A judged test of a race.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RacedTest {
    /// On which list its target stands.
    pub side: RaceSide,
    /// Whether it proved a failure.
    pub failed: bool,
}

/// What a race found（对比结果）. Both lists had the same number of tests.
#[doc(alias = "对比结果")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaceOutcome {
    /// Tests of each list.
    pub tests: u32,
    /// Of which stood on both.
    pub shared: u32,
    /// Failures of the engine's list.
    pub engine: u32,
    /// Failures of the experts' list.
    pub experts: u32,
    /// The engine's failures a test less the experts'.
    pub difference: f64,
    /// Lower end of its 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl RaceOutcome {
    /// The list that found more, if the interval lies to one side of nothing.
    pub fn winner(&self) -> Option<RaceSide> {
        if self.lower > 0.0 {
            Some(RaceSide::Engine)
        } else if self.upper < 0.0 {
            Some(RaceSide::Experts)
        } else {
            None
        }
    }
}

/// What may be said of a race（对比结论）.
#[doc(alias = "对比结论")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It has not reached its end: so many tests of each list were judged, and nothing else may be said.
    Running {
        /// Of the engine's list.
        engine: u32,
        /// Of the experts'.
        experts: u32,
    },
    /// It has ended.
    Ended(RaceOutcome),
}

/// Tests of a list as they are counted.
#[derive(Default)]
struct Tally {
    judged: u32,
    failed: u32,
    /// Failures of targets that the other list did not count.
    own_failed: u32,
}

impl Tally {
    fn count(&mut self, failed: bool, shared: bool) {
        self.judged += 1;
        self.failed += u32::from(failed);
        self.own_failed += u32::from(failed && !shared);
    }
}

/// The verdict on a race that ends when so many tests of each list were judged. Tests come in the order in
/// which they became known; those beyond the end do not count.
///
/// The interval is that of the difference of two rates with one success and one failure more of each (Agresti
/// and Caffo 2000), of the tests that the lists do not share: what both found cannot part them.
pub fn verdict(tests: impl IntoIterator<Item = RacedTest>, ends_after: u32) -> Verdict {
    let (mut engine, mut experts, mut shared) = (Tally::default(), Tally::default(), 0);
    for test in tests {
        let on = |side| test.side == side || test.side == RaceSide::Both;
        let by_engine = on(RaceSide::Engine) && engine.judged < ends_after;
        let by_experts = on(RaceSide::Experts) && experts.judged < ends_after;
        let both = by_engine && by_experts;
        shared += u32::from(both);
        if by_engine {
            engine.count(test.failed, both);
        }
        if by_experts {
            experts.count(test.failed, both);
        }
    }
    if ends_after == 0 || engine.judged < ends_after || experts.judged < ends_after {
        return Verdict::Running {
            engine: engine.judged,
            experts: experts.judged,
        };
    }
    let (tests, own) = (f64::from(ends_after), f64::from(ends_after - shared));
    let difference = (f64::from(engine.own_failed) - f64::from(experts.own_failed)) / tests;
    let (lower, upper) = if own > 0.0 {
        let rate = |failed: u32| (f64::from(failed) + 1.0) / (own + 2.0);
        let (one, other) = (rate(engine.own_failed), rate(experts.own_failed));
        let spread = (one * (1.0 - one) + other * (1.0 - other)) / (own + 2.0);
        let half = normal_quantile(0.975) * libm::sqrt(spread);
        let share = own / tests;
        let middle = one - other;
        (share * (middle - half), share * (middle + half))
    } else {
        (0.0, 0.0)
    };
    Verdict::Ended(RaceOutcome {
        tests: ends_after,
        shared,
        engine: engine.failed,
        experts: experts.failed,
        difference,
        lower,
        upper,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(side: RaceSide, count: usize, failed: usize) -> Vec<RacedTest> {
        let test = |at| RacedTest {
            side,
            failed: at < failed,
        };
        (0..count).map(test).collect()
    }

    fn ended(tests: Vec<RacedTest>, ends_after: u32) -> RaceOutcome {
        match verdict(tests, ends_after) {
            Verdict::Ended(outcome) => outcome,
            Verdict::Running { engine, experts } => panic!("running at {engine} and {experts}"),
        }
    }

    #[test]
    fn a_race_says_nothing_before_its_end() {
        let mut all = tests(RaceSide::Experts, 200, 10);
        all.extend(tests(RaceSide::Engine, 199, 40));
        let (engine, experts) = (199, 200);
        assert_eq!(
            verdict(all.clone(), 200),
            Verdict::Running { engine, experts }
        );
        all.extend(tests(RaceSide::Engine, 1, 0));
        let outcome = ended(all, 200);
        assert_eq!((outcome.engine, outcome.experts), (40, 10));
        assert!((outcome.difference - 0.15).abs() < 1e-12);
        assert!(outcome.lower > 0.0 && outcome.lower < outcome.difference);
        assert!(outcome.difference < outcome.upper);
        assert_eq!(outcome.winner(), Some(RaceSide::Engine));
    }

    #[test]
    fn what_comes_after_the_end_changes_nothing() {
        let mut all = tests(RaceSide::Experts, 50, 5);
        all.extend(tests(RaceSide::Engine, 50, 5));
        let before = ended(all.clone(), 50);
        all.extend(tests(RaceSide::Engine, 100, 100));
        all.extend(tests(RaceSide::Both, 100, 100));
        assert_eq!(ended(all, 50), before);
        assert_eq!(before.winner(), None);
    }

    #[test]
    fn what_both_lists_have_counts_for_both_and_parts_them_nowhere() {
        let alike = ended(tests(RaceSide::Both, 30, 12), 30);
        assert_eq!((alike.engine, alike.experts, alike.shared), (12, 12, 30));
        assert_eq!((alike.lower, alike.upper), (0.0, 0.0));
        let mut all = tests(RaceSide::Both, 20, 20);
        all.extend(tests(RaceSide::Engine, 80, 20));
        all.extend(tests(RaceSide::Experts, 80, 4));
        let outcome = ended(all, 100);
        assert_eq!((outcome.engine, outcome.experts), (40, 24));
        assert!((outcome.difference - 0.16).abs() < 1e-12);
        let mut apart = tests(RaceSide::Engine, 80, 20);
        apart.extend(tests(RaceSide::Experts, 80, 4));
        let apart = ended(apart, 80);
        let (wide, narrow) = (apart.upper - apart.lower, outcome.upper - outcome.lower);
        assert!((narrow - 0.8 * wide).abs() < 1e-12, "{narrow} of {wide}");
    }

    /// Of 2,000 races of lists that fail with 20 and 12 of 100, a fifth of them shared, the interval holds the
    /// true difference in at least 94 of 100.
    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let (mut held, rounds) = (0, 2000);
        for seed in 1..=rounds {
            let mut chance = crate::evaluate::tests::uniforms(seed);
            let mut all = Vec::new();
            for at in 0..180 {
                let (side, theta) = match at {
                    0..20 => (RaceSide::Both, 0.3),
                    20..100 => (RaceSide::Engine, 0.20),
                    _rest => (RaceSide::Experts, 0.12),
                };
                let failed = chance.next().unwrap() < theta;
                all.push(RacedTest { side, failed });
            }
            let outcome = ended(all, 100);
            held += u32::from(outcome.lower <= 0.064 && 0.064 <= outcome.upper);
        }
        assert!(
            f64::from(held) / rounds as f64 >= 0.94,
            "{held} of {rounds}"
        );
    }
}
