//! From a probability of failure to a grade: severity × probability of harm.
//!
//! The probability of an injury of severity k is `θ · q_k · κ_k`; the matrix gives each severity a
//! level, and the grade is the gravest. For every level there is therefore one cut of θ, and the
//! probability that the grade is at least that level is the probability that θ lies above it.

use crate::policy::GradePolicy;
use risk_domain::scales::RiskLevel;
use risk_stats::special::{logit, normal_cdf, normal_quantile};

/// Levels above low, in rising order: the order of [`GradeProbabilities::at_least`].
const LEVELS: [RiskLevel; 3] = [RiskLevel::Medium, RiskLevel::High, RiskLevel::Serious];

/// For medium, high and serious: by how many deviations the log-odds lie above the level's cut. The
/// probability of at least that level is the normal distribution function of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Excess([f64; 3]);

impl Excess {
    /// The log-odds of θ are normal with this mean and deviation; `cuts` as log-odds.
    pub(crate) fn new(cuts: [f64; 3], log_odds: f64, deviation: f64) -> Self {
        Self(cuts.map(|cut| (log_odds - cut) / deviation))
    }

    /// Probability that the grade is at least medium, high, serious.
    pub(crate) fn at_least(self) -> [f64; 3] {
        self.0.map(normal_cdf)
    }
}

/// What the probabilities mean, given the grade that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grade {
    pub(crate) level: RiskLevel,
    pub(crate) watch: bool,
}

/// What the policy's matrix and thresholds ask for, turned round so that a judgement searches
/// nothing and computes no probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// Probability of harm above which the level is at least medium, high, serious, by severity.
    harm: [[f64; 4]; 3],
    /// The least excess whose probability reaches `assign_above`, `keep_above`, `watch_above`:
    /// comparing with it is comparing probabilities, to the last bit.
    assign: f64,
    keep: f64,
    watch: f64,
}

impl Bounds {
    pub(crate) fn of(policy: &GradePolicy) -> Self {
        let bound = |level, severity: usize| {
            let mut rows = policy.rows.iter().rev();
            let least = rows.find(|row| {
                row.levels
                    .get(severity)
                    .is_some_and(|of_row| *of_row >= level)
            });
            least.map_or(f64::INFINITY, |row| row.above)
        };
        Self {
            harm: LEVELS.map(|level| [0, 1, 2, 3].map(|severity| bound(level, severity))),
            assign: normal_quantile(policy.assign_above),
            keep: normal_quantile(policy.keep_above),
            watch: normal_quantile(policy.watch_above),
        }
    }

    /// Log-odds of the failure probabilities above which the grade is at least medium, high, serious.
    pub(crate) fn cuts(&self, policy: &GradePolicy, severity_mix: &[f64; 4]) -> [f64; 3] {
        self.harm.map(|bounds| {
            let harm = severity_mix
                .iter()
                .zip(&policy.injury_given_failure)
                .map(|(q, kappa)| q * kappa);
            let cuts = bounds.iter().zip(harm).map(|(bound, harm)| bound / harm);
            // No share of a severity gives an infinite cut, or none at all where the bound is infinite.
            let cut = cuts
                .filter(|cut| !cut.is_nan())
                .fold(f64::INFINITY, f64::min);
            if cut < 1.0 { logit(cut) } else { f64::INFINITY }
        })
    }

    /// The grade: the highest whose probability reaches `assign_above`; one that stands is kept
    /// until its probability falls below `keep_above`, so that noise does not move it to and fro.
    pub(crate) fn decide(&self, excess: Excess, standing: Option<RiskLevel>) -> Grade {
        let mut level = RiskLevel::Low;
        let mut next = None;
        for (candidate, excess) in LEVELS.into_iter().zip(excess.0) {
            let stands = standing.is_some_and(|standing| standing >= candidate);
            if excess >= (if stands { self.keep } else { self.assign }) {
                level = candidate;
            } else {
                next = next.or(Some(excess));
            }
        }
        Grade {
            level,
            watch: next.is_some_and(|excess| excess >= self.watch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    /// Level of a certain failure rate, with all harm at one severity.
    fn level(severity: usize, probability_of_harm: f64) -> RiskLevel {
        let mut policy = Policy::builtin().unwrap().grade;
        policy.injury_given_failure = [1.0; 4];
        let mut mix = [0.0; 4];
        mix[severity - 1] = 1.0;
        let cuts = Bounds::of(&policy).cuts(&policy, &mix);
        let mut graded = LEVELS.into_iter().zip(cuts).rev();
        let reached = graded.find(|(_, cut)| logit(probability_of_harm) > *cut);
        reached.map_or(RiskLevel::Low, |(level, _)| level)
    }

    #[test]
    fn every_edge_of_the_matrix_is_strict_on_both_sides() {
        use RiskLevel::{High as H, Low as L, Medium as M, Serious as S};
        let bounds = [0.5, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6];
        let above = [
            [H, S, S, S],
            [M, S, S, S],
            [M, S, S, S],
            [L, H, S, S],
            [L, M, H, S],
            [L, L, M, H],
            [L, L, L, M],
        ];
        for (row, bound) in bounds.into_iter().enumerate() {
            for severity in 1..=4 {
                let below = above.get(row + 1).map_or(L, |levels| levels[severity - 1]);
                assert_eq!(
                    level(severity, bound * (1.0 + 1e-9)),
                    above[row][severity - 1],
                    "above {bound}, {severity}"
                );
                assert_eq!(level(severity, bound), below, "at {bound}, {severity}");
            }
        }
    }

    #[test]
    fn rounding_a_probability_to_one_in_n_would_grade_wrongly() {
        // 0.60 rounds to "1 in 2", 0.01004 to "1 in 100"; the exact values lie above both bounds.
        assert_eq!(level(1, 0.60), RiskLevel::High);
        assert_eq!(level(1, 0.01004), RiskLevel::Medium);
    }

    #[test]
    fn a_standing_grade_is_kept_until_it_is_unlikely() {
        let bounds = Bounds::of(&Policy::builtin().unwrap().grade);
        let at = |high| Excess([2.3, normal_quantile(high), f64::NEG_INFINITY]);
        let decide = |high, standing| bounds.decide(at(high), standing).level;
        assert_eq!(decide(0.50, None), RiskLevel::High);
        assert_eq!(decide(0.49, None), RiskLevel::Medium);
        assert_eq!(decide(0.36, Some(RiskLevel::High)), RiskLevel::High);
        assert_eq!(decide(0.34, Some(RiskLevel::High)), RiskLevel::Medium);
        assert!(bounds.decide(at(0.2), None).watch);
        assert!(!bounds.decide(at(0.19), None).watch);
    }

    proptest::proptest! {
        #[test]
        fn comparing_excesses_is_comparing_probabilities(probability in 1e-6..0.999_999, excess in -6.0..6.0) {
            let least = normal_quantile(probability);
            proptest::prop_assert_eq!(excess >= least, normal_cdf(excess) >= probability);
            proptest::prop_assert!(normal_cdf(least) >= probability);
        }
    }
}
