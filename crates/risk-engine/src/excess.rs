//! How far results lie from what the model expects of them（超额对数几率）: one shift of all their
//! log-odds, with its doubt.
//!
//! What is expected of a result is what lasts of its target, its season, its mode's shift, its
//! observers' strictness and its test's errors. So whom one chose to test, and how, is taken into
//! account; what is left over is what changed.

use crate::logodds::TestLink;

/// Variance of the shift before anything is seen: it keeps the shift finite where all failed or all
/// passed.
const PRIOR: f64 = 1.0;
/// Binary places of sums, so that the order of results does not show.
const PLACES: f64 = 4_294_967_296.0;

/// How far results lie from what was expected of them（超额对数几率）.
#[doc(alias = "超额对数几率")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excess {
    /// Results.
    pub results: i64,
    /// Results that failed.
    pub failures: i64,
    /// The shift of all log-odds under which they are the likeliest; above 0 is worse.
    pub log_odds: f64,
    /// Its variance: that of the model, or what enterprises differ by if that is more.
    pub variance: f64,
}

impl Excess {
    /// The shift beside that of others, who are other units: variances add.
    pub(crate) fn less(self, other: Self) -> (f64, f64) {
        let apart = self.log_odds - other.log_odds;
        (apart, libm::sqrt(self.variance + other.variance))
    }
}

/// A result, or several alike; counts are negative where they were taken back.
#[derive(Debug, Clone, Copy)]
struct Seen {
    expected: f64,
    link: TestLink,
    tested: f64,
    failed: f64,
    enterprise: u32,
}

/// Results that are held against what was expected of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    seen: Vec<Seen>,
    results: i64,
    failures: i64,
}

/// A bin of results as the model reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed {
    /// Expected log-odds that the lot fails.
    pub(crate) expected: f64,
    /// What its test says of that.
    pub(crate) link: TestLink,
    /// Effective results and failures.
    pub(crate) tested: f64,
    pub(crate) failed: f64,
    /// Results and failures as they are counted.
    pub(crate) results: i64,
    pub(crate) failures: i64,
    /// Results of one enterprise go together.
    pub(crate) enterprise: u32,
}

fn fixed(value: f64) -> i128 {
    libm::round(value * PLACES) as i128
}

impl Held {
    pub(crate) fn add(&mut self, of: Observed) {
        self.results += of.results;
        self.failures += of.failures;
        self.seen.push(Seen {
            expected: of.expected,
            link: of.link,
            tested: of.tested,
            failed: of.failed,
            enterprise: of.enterprise,
        });
    }

    /// Several, as one.
    pub(crate) fn together<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut together = Self::default();
        for one in all {
            together.results += one.results;
            together.failures += one.failures;
            together.seen.extend_from_slice(&one.seen);
        }
        together
    }

    fn sums(&self, shift: f64) -> (f64, f64) {
        let (mut score, mut information) = (0_i128, 0_i128);
        for one in &self.seen {
            let (of_score, of_information) =
                one.link.score(one.expected + shift, one.tested, one.failed);
            score += fixed(of_score);
            information += fixed(of_information);
        }
        (score as f64 / PLACES, information as f64 / PLACES)
    }

    /// Finds the shift; none without results.
    pub(crate) fn excess(mut self) -> Option<Excess> {
        if self.results <= 0 {
            return None;
        }
        let mut shift = 0.0;
        for _ in 0..60 {
            let (score, information) = self.sums(shift);
            let step = (score - shift / PRIOR) / (information + 1.0 / PRIOR);
            shift += step.clamp(-1.0, 1.0);
            if step.abs() < 1e-9 {
                break;
            }
        }
        let (_, information) = self.sums(shift);
        let known = information + 1.0 / PRIOR;
        // Enterprises change each by itself: what their scores differ by tells more than their number
        // of results, as soon as there are some.
        self.seen.sort_unstable_by_key(|one| one.enterprise);
        let of_enterprise = self
            .seen
            .chunk_by(|one, other| one.enterprise == other.enterprise);
        let squares = of_enterprise.map(|seen| {
            let scores = seen.iter().map(|one| {
                let (score, _) = one.link.score(one.expected + shift, one.tested, one.failed);
                fixed(score)
            });
            let score: i128 = scores.sum();
            score.saturating_mul(score)
        });
        let squares: i128 = squares.fold(0, i128::saturating_add);
        let between = squares as f64 / (PLACES * PLACES) / (known * known);
        Some(Excess {
            results: self.results,
            failures: self.failures,
            log_odds: shift,
            variance: between.max(1.0 / known),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn observed(expected: f64, failed: bool, enterprise: u32) -> Observed {
        Observed {
            expected,
            link: TestLink::LABORATORY,
            tested: 1.0,
            failed: f64::from(u8::from(failed)),
            results: 1,
            failures: i64::from(failed),
            enterprise,
        }
    }

    fn held(all: impl IntoIterator<Item = Observed>) -> Held {
        let mut held = Held::default();
        all.into_iter().for_each(|one| held.add(one));
        held
    }

    #[test]
    fn what_fails_as_expected_has_no_excess_and_what_doubles_its_odds_has_that() {
        let even = (0..4000).map(|at| observed(0.0, at % 2 == 0, at));
        assert!(held(even).excess().unwrap().log_odds.abs() < 1e-9);
        // Two thirds where a half was expected.
        let doubled = (0..6000).map(|at| observed(0.0, at % 3 != 0, at));
        let found = held(doubled).excess().unwrap();
        assert!(
            (found.log_odds - std::f64::consts::LN_2).abs() < 2e-3,
            "{found:?}"
        );
        // 1 / (6000 · 2/9), by the model and by how single enterprises differ alike.
        assert!(
            (found.variance * 6000.0 * 2.0 / 9.0 - 1.0).abs() < 0.01,
            "{found:?}"
        );
        assert!(Held::default().excess().is_none());
    }

    #[test]
    fn results_of_one_enterprise_are_not_counted_as_if_of_many() {
        let of = |enterprises: u32| {
            let all = (0..400).map(|at| observed(0.0, at < 200, at * enterprises / 400));
            held(all).excess().unwrap()
        };
        // Two enterprises, one always failing and one never, tell nothing of a common change.
        assert!(of(2).variance > 100.0 * of(400).variance);
    }

    proptest! {
        #[test]
        fn all_failed_and_all_passed_are_finite_and_order_does_not_show(
            rows in prop::collection::vec((-6.0f64..3.0, 0u32..5), 1..40),
            failed in any::<bool>(),
        ) {
            let of = |rows: &[(f64, u32)]| {
                held(rows.iter().map(|(expected, of)| observed(*expected, failed, *of))).excess().unwrap()
            };
            let found = of(&rows);
            prop_assert!(found.log_odds.is_finite() && found.variance > 0.0 && found.variance.is_finite());
            prop_assert_eq!(found.log_odds > 0.0, failed);
            let mut turned = rows.clone();
            turned.reverse();
            prop_assert_eq!(of(&turned), found);
        }

        #[test]
        fn what_is_taken_back_leaves_nothing(rows in prop::collection::vec((-4.0f64..2.0, any::<bool>()), 1..20)) {
            let kept = rows.iter().map(|(expected, failed)| observed(*expected, *failed, 1));
            let taken = observed(0.5, true, 1);
            let back = Observed { tested: -1.0, failed: -1.0, results: -1, failures: -1, ..taken };
            let with = held(kept.clone().chain([taken, back])).excess();
            prop_assert_eq!(with, held(kept).excess());
        }
    }
}
