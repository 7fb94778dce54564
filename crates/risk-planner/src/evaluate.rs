//! What another policy would have found（离线策略评估）, from logged probabilities.
//!
//! Of every target that the logging policy drew with a known probability, its result, weighed by how
//! much more often the other policy would have drawn it, corrects what the model expects of the other
//! policy (doubly robust: right if either the probabilities or the model are). What the logging policy
//! could not draw cannot be known, and is told.

use risk_stats::special::normal_quantile;

/// Effective number of results below which nothing can be said.
pub const LEAST_EFFECTIVE: f64 = 30.0;
/// Share of the other policy's tests outside the log above which nothing can be said.
pub const MOST_OUTSIDE: f64 = 0.10;

/// A target in one plan, as logged and as the other policy has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedUnit {
    /// Probability with which it was drawn; 0 where it could not be.
    pub logged: f64,
    /// Probability with which the other policy would draw it.
    pub other: f64,
    /// Probability of a failure that the model gave it before.
    pub expected: f64,
    /// What was found, if it was drawn: 1 for a failure.
    pub found: Option<f64>,
}

/// Why an evaluation cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OverlapWarning {
    /// Too few results tell of what the other policy would have drawn.
    FewResults(f64),
    /// So large a share of its tests lies where the logging policy never drew.
    Outside(f64),
}

/// An off-policy estimate（离线策略估计）.
#[doc(alias = "离线策略估计")]
#[derive(Debug, Clone, PartialEq)]
pub struct OffPolicy {
    /// Failures that the other policy would have found.
    pub finds: f64,
    /// Lower end of the 90 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Failures that the logging policy found.
    pub logged_finds: f64,
    /// Tests that the other policy would have made.
    pub tests: f64,
    /// Equally weighed results that tell as much（有效样本量）.
    pub effective: f64,
    /// Share of the other policy's tests on targets that could not be drawn: there the model alone
    /// speaks.
    pub outside: f64,
    /// What to be wary of.
    pub warnings: Vec<OverlapWarning>,
}

/// Units that no evaluation can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A probability outside [0, 1].
    #[error("probabilities must lie from 0 to 1")]
    Probability,
    /// A result of a unit that could not be drawn.
    #[error("a unit with a result must have been drawn with a probability above 0")]
    Impossible,
    /// No unit was drawn.
    #[error("no unit was drawn with a known probability")]
    Empty,
}

/// Evaluates another policy on a log of draws.
///
/// ```
/// use risk_planner::evaluate::{LoggedUnit, off_policy};
/// let unit = |found| LoggedUnit { logged: 0.5, other: 0.5, expected: 0.2, found };
/// // The same policy as logged: what was found corrects what was expected to what was found.
/// let same = off_policy(&[unit(Some(1.0)), unit(Some(0.0)), unit(None), unit(None)])?;
/// assert!((same.finds - 1.0).abs() < 1e-12);
/// # Ok::<(), risk_planner::evaluate::EvaluationError>(())
/// ```
pub fn off_policy(units: &[LoggedUnit]) -> Result<OffPolicy, EvaluationError> {
    let chance = |p: f64| (0.0..=1.0).contains(&p);
    let (mut expected, mut outside, mut tests) = (0.0, 0.0, 0.0);
    let (mut correction, mut variance) = (0.0, 0.0);
    let (mut weights, mut squares, mut logged_finds, mut drawn) = (0.0, 0.0, 0.0, 0_u64);
    for unit in units {
        if !(chance(unit.logged) && chance(unit.other) && chance(unit.expected)) {
            return Err(EvaluationError::Probability);
        }
        tests += unit.other;
        expected += unit.other * unit.expected;
        if unit.logged <= 0.0 {
            outside += unit.other;
        }
        let Some(found) = unit.found else { continue };
        if unit.logged <= 0.0 {
            return Err(EvaluationError::Impossible);
        }
        drawn += 1;
        logged_finds += found;
        let weight = unit.other / unit.logged;
        let apart = found - unit.expected;
        correction += weight * apart;
        // Chance of the draw and of the result together; a little above for what is nearly certain.
        variance += weight * weight * apart * apart;
        weights += weight;
        squares += weight * weight;
    }
    if drawn == 0 {
        return Err(EvaluationError::Empty);
    }
    let effective = if squares > 0.0 {
        weights * weights / squares
    } else {
        0.0
    };
    let outside = if tests > 0.0 { outside / tests } else { 0.0 };
    let mut warnings = Vec::new();
    if effective < LEAST_EFFECTIVE {
        warnings.push(OverlapWarning::FewResults(effective));
    }
    if outside > MOST_OUTSIDE {
        warnings.push(OverlapWarning::Outside(outside));
    }
    let finds = expected + correction;
    let half = normal_quantile(0.95) * libm::sqrt(variance);
    Ok(OffPolicy {
        finds,
        lower: (finds - half).max(0.0),
        upper: finds + half,
        logged_finds,
        tests,
        effective,
        outside,
        warnings,
    })
}

/// A group in a fairness report.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBurden {
    /// Its name: a zone, a size class, an inspector group.
    pub name: String,
    /// Visits that it had.
    pub visits: f64,
    /// Its share of all expected harm, as probability summed over its targets.
    pub risk: f64,
}

/// How visits of a group stand to its risk（公平性）.
#[doc(alias = "公平性")]
#[derive(Debug, Clone, PartialEq)]
pub struct Fairness {
    /// The group.
    pub name: String,
    /// Visits.
    pub visits: f64,
    /// Visits that it would have had if all had gone by risk.
    pub by_risk: f64,
    /// One over the other; 1 is even.
    pub ratio: f64,
    /// Whether the difference is more than chance would make it in 95 of 100 such reports.
    pub uneven: bool,
}

/// Visits against risk, group by group; a group without risk or visits is left out.
pub fn fairness(groups: &[GroupBurden]) -> Vec<Fairness> {
    let visits: f64 = groups.iter().map(|group| group.visits).sum();
    let risk: f64 = groups.iter().map(|group| group.risk).sum();
    let reach = normal_quantile(1.0 - 0.025 / groups.len().max(1) as f64);
    let counted = groups.iter().filter(|group| group.risk > 0.0 && risk > 0.0);
    counted
        .map(|group| {
            let share = group.risk / risk;
            let by_risk = visits * share;
            let deviation = libm::sqrt(by_risk * (1.0 - share));
            Fairness {
                name: group.name.clone(),
                visits: group.visits,
                by_risk,
                ratio: group.visits / by_risk.max(1e-12),
                uneven: (group.visits - by_risk).abs() > reach * deviation,
            }
        })
        .collect()
}

/// How long targets have waited（覆盖）, in weeks.
#[doc(alias = "覆盖")]
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// Targets.
    pub targets: u32,
    /// Never visited.
    pub never: u32,
    /// Visited within 13, 26, 52 and 104 weeks.
    pub within: [(u32, u32); 4],
    /// Share of the plan's tests that chance chose（探索占比）.
    pub exploration: f64,
}

/// Coverage of targets by the weeks since their last visit, and the share of drawn tests of a plan.
pub fn coverage(weeks_since: &[Option<u32>], drawn: u32, tests: u32) -> Coverage {
    let within = |weeks: u32| {
        let seen = weeks_since.iter().flatten().filter(|since| **since < weeks);
        (weeks, seen.count() as u32)
    };
    Coverage {
        targets: weeks_since.len() as u32,
        never: weeks_since.iter().filter(|since| since.is_none()).count() as u32,
        within: [13, 26, 52, 104].map(within),
        exploration: f64::from(drawn) / f64::from(tests.max(1)),
    }
}

/// A race of two lists（专家清单与引擎清单对比）, with an end that was set before it began.
#[doc(alias = "专家清单与引擎清单对比")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Race {
    /// Tests and failures of the experts' list.
    pub experts: (u64, u64),
    /// Of the engine's.
    pub engine: (u64, u64),
    /// Tests of both after which it ends.
    pub registered_tests: u64,
}

/// What a race says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RaceVerdict {
    /// So many tests are to come before anything may be said.
    Running(u64),
    /// The engine's rate less the experts', with its 95 % interval.
    Ended {
        /// The difference.
        difference: f64,
        /// Lower end.
        lower: f64,
        /// Upper end.
        upper: f64,
    },
}

impl Race {
    /// The verdict; none before the registered end, so that nobody stops while ahead.
    pub fn verdict(&self) -> RaceVerdict {
        let tests = self.experts.0 + self.engine.0;
        if tests < self.registered_tests || self.experts.0 == 0 || self.engine.0 == 0 {
            return RaceVerdict::Running(self.registered_tests.saturating_sub(tests).max(1));
        }
        let rate = |(tests, failures): (u64, u64)| {
            // One success and one failure more (Agresti and Caffo 2000), so that no rate is certain.
            let (n, y) = (tests as f64 + 2.0, failures as f64 + 1.0);
            (y / n, y / n * (1.0 - y / n) / n)
        };
        let ((experts, v), (engine, w)) = (rate(self.experts), rate(self.engine));
        let difference = engine - experts;
        let half = normal_quantile(0.975) * libm::sqrt(v + w);
        RaceVerdict::Ended {
            difference,
            lower: difference - half,
            upper: difference + half,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A numbered stream of uniform numbers: enough for a simulation, the same everywhere.
    fn uniforms(seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / 9_007_199_254_740_992.0
        })
    }

    /// The other policy draws twice as often where the truth is bad. A model that errs does not bias the
    /// estimate, and the interval holds the truth about as often as it says.
    #[test]
    fn a_wrong_model_does_not_bias_the_estimate() {
        let (mut sum, mut held, rounds) = (0.0, 0, 400);
        let mut truth = 0.0;
        for seed in 1..=rounds {
            let mut chance = uniforms(seed);
            let mut units = Vec::new();
            truth = 0.0;
            for at in 0..400 {
                let theta = if at % 2 == 0 { 0.3 } else { 0.05 };
                let (logged, other) = (0.2, if at % 2 == 0 { 0.4 } else { 0.1 });
                truth += other * theta;
                let drawn = chance.next().unwrap() < logged;
                let fails = chance.next().unwrap() < theta;
                units.push(LoggedUnit {
                    logged,
                    other,
                    expected: 0.1,
                    found: drawn.then_some(f64::from(u8::from(fails))),
                });
            }
            let found = off_policy(&units).unwrap();
            sum += found.finds;
            held += u32::from(found.lower <= truth && truth <= found.upper);
        }
        let mean = sum / rounds as f64;
        assert!((mean - truth).abs() < 1.0, "{mean} against {truth}");
        assert!(f64::from(held) / rounds as f64 > 0.87, "{held} of {rounds}");
    }

    #[test]
    fn too_little_overlap_is_told() {
        let unit = |logged, other, found| LoggedUnit {
            logged,
            other,
            expected: 0.1,
            found,
        };
        let mut units = vec![unit(0.02, 1.0, Some(0.0)), unit(0.9, 0.01, Some(1.0))];
        units.extend(vec![unit(0.0, 0.5, None); 10]);
        let found = off_policy(&units).unwrap();
        assert_eq!(found.warnings.len(), 2, "{found:?}");
        assert_eq!(
            off_policy(&[unit(0.5, 0.5, None)]),
            Err(EvaluationError::Empty)
        );
        assert_eq!(
            off_policy(&[unit(0.0, 0.5, Some(1.0))]),
            Err(EvaluationError::Impossible)
        );
        assert_eq!(
            off_policy(&[unit(1.5, 0.5, None)]),
            Err(EvaluationError::Probability)
        );
    }

    #[test]
    fn fairness_holds_visits_against_risk() {
        let group = |name: &str, visits, risk| GroupBurden {
            name: name.to_owned(),
            visits,
            risk,
        };
        let found = fairness(&[
            group("A", 100.0, 10.0),
            group("B", 100.0, 10.0),
            group("C", 0.0, 0.0),
        ]);
        assert!(
            found
                .iter()
                .all(|of| !of.uneven && (of.ratio - 1.0).abs() < 1e-12)
        );
        let found = fairness(&[group("A", 180.0, 10.0), group("B", 20.0, 10.0)]);
        assert!(found.iter().all(|of| of.uneven), "{found:?}");
    }

    #[test]
    fn a_race_says_nothing_before_its_end() {
        let race = Race {
            experts: (200, 10),
            engine: (199, 40),
            registered_tests: 400,
        };
        assert_eq!(race.verdict(), RaceVerdict::Running(1));
        let RaceVerdict::Ended {
            difference,
            lower,
            upper,
        } = (Race {
            engine: (200, 40),
            ..race
        })
        .verdict()
        else {
            panic!("it has ended");
        };
        assert!(lower > 0.0 && lower < difference && difference < upper);
    }

    #[test]
    fn coverage_counts_weeks_and_exploration() {
        let found = coverage(&[None, Some(0), Some(12), Some(13), Some(200)], 60, 145);
        assert_eq!((found.targets, found.never), (5, 1));
        assert_eq!(found.within, [(13, 2), (26, 3), (52, 3), (104, 3)]);
        assert!((found.exploration - 60.0 / 145.0).abs() < 1e-12);
    }
}
