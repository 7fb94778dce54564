//! What plans were worth: what another policy would have found（离线策略评估）, from logged probabilities; races of
//! two lists; how fairly visits were shared out, and how long targets wait.
//!
//! Of every target that the logging policy drew with a known probability, its result, weighed by how
//! much more often the other policy would have drawn it, corrects what the model expects of the other
//! policy (doubly robust: right if either the probabilities or the model are). What the logging policy
//! could not draw cannot be known, and is told.

mod race;
mod shares;

pub use race::{RaceOutcome, RaceSide, RacedTest, Verdict, verdict};
pub use shares::{Coverage, Fairness, GroupBurden, fairness};

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A numbered stream of uniform numbers: enough for a simulation, the same everywhere.
    pub(super) fn uniforms(seed: u64) -> impl Iterator<Item = f64> {
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
}
