//! Numbers that independent programs computed, and ours beside them.
//!
//! The files lie beside the project in `shared/oracles`; each names the program that made it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test whose oracle is missing or malformed must fail"
)]

mod charts;
mod judging;
mod lots;
mod posteriors;
mod rates;
mod sampling;

use risk_stats::decay::ForwardDecay;
use risk_stats::interval::{Bounds, Counts};
use risk_stats::shrink::BetaPosterior;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

fn oracle<T: DeserializeOwned>(name: &str) -> T {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracles");
    let file = folder.join(name);
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()));
    serde_json::from_str(&text).unwrap()
}

/// `tolerance` is absolute and stated where it is used.
fn close(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    assert!(
        (ours - theirs).abs() <= tolerance,
        "{what}: {ours} and {theirs} differ by more than {tolerance}"
    );
}

#[derive(Deserialize)]
struct BetaBinomial {
    n: Vec<u64>,
    y: Vec<u64>,
    alpha: f64,
    beta: f64,
    #[serde(rename = "logLik")]
    log_likelihood: f64,
    posterior: Posterior,
}

#[derive(Deserialize)]
struct Posterior {
    mean: Vec<f64>,
    p_gt_10: Vec<f64>,
    q05: Vec<f64>,
    q95: Vec<f64>,
}

#[test]
fn o03_the_beta_binomial_prior_and_every_posterior() {
    let o: BetaBinomial = oracle("o03_betabinomial.json");
    let groups: Vec<(u64, u64)> = o.n.iter().copied().zip(o.y.iter().copied()).collect();
    let prior = BetaPosterior::fit(&groups).unwrap();
    // The other program stops its iterations at a relative 1e-8 of the likelihood, which leaves the
    // flat direction of (alpha, beta) known to about 1e-4 of itself.
    close("alpha", prior.alpha(), o.alpha, 2e-4);
    close("beta", prior.beta(), o.beta, 2e-3);
    let choose = |n: u64, y: u64| {
        let gamma = |count: u64| libm::lgamma(count as f64 + 1.0);
        gamma(n) - gamma(y) - gamma(n - y)
    };
    let ours: f64 = groups
        .iter()
        .map(|(n, y)| {
            let strength = prior.alpha() + prior.beta();
            choose(*n, *y)
                + risk_stats::shrink::beta_binomial_ln_likelihood(
                    prior.mean(),
                    strength,
                    *n as f64,
                    *y as f64,
                )
        })
        .sum();
    // Ours is the maximum: at least as high, and no higher than rounding lets theirs be.
    close("log-likelihood", ours, o.log_likelihood, 1e-7);
    assert!(ours >= o.log_likelihood - 1e-9);
    let theirs = BetaPosterior::new(o.alpha, o.beta).unwrap();
    for (at, (n, y)) in groups.iter().enumerate() {
        let posterior = theirs.after(*n, *y);
        close("mean", posterior.mean(), o.posterior.mean[at], 1e-10);
        close(
            "P(θ > 0.1)",
            posterior.above(0.1),
            o.posterior.p_gt_10[at],
            1e-9,
        );
        let (lower, upper) = posterior.interval(0.9);
        close("5 %", lower, o.posterior.q05[at], 1e-8);
        close("95 %", upper, o.posterior.q95[at], 1e-8);
    }
}

#[derive(Deserialize)]
struct Decay {
    half_life_days: u32,
    table: Vec<u64>,
    days: Vec<i32>,
    y: Vec<i32>,
    #[serde(rename = "N_raw")]
    n_raw: String,
    #[serde(rename = "Y_raw")]
    y_raw: String,
    now: i32,
    n_decayed: f64,
    y_decayed: f64,
    n_reference: f64,
    merge_split_at_10: [String; 2],
}

#[test]
fn o10_decayed_sums_are_the_same_integers_and_merge_by_adding() {
    let o: Decay = oracle("o10_forward_decay.json");
    let decay = ForwardDecay::new(o.half_life_days).unwrap();
    for (day, weight) in o.table.iter().enumerate() {
        assert_eq!(decay.weight(day as i32).1, u128::from(*weight), "day {day}");
    }
    let weight = |day: &i32| {
        let (generation, weight) = decay.weight(*day);
        assert_eq!(generation.0, 0, "all days lie in one generation");
        weight as i128
    };
    let sum = |days: &[i32]| days.iter().map(weight).sum::<i128>();
    let failed = o.days.iter().zip(&o.y).filter(|(_, y)| **y == 1);
    let failed: i128 = failed.map(|(day, _)| weight(day)).sum();
    assert_eq!(sum(&o.days).to_string(), o.n_raw);
    assert_eq!(failed.to_string(), o.y_raw);
    let (first, second) = o.days.split_at(10);
    assert_eq!(sum(first).to_string(), o.merge_split_at_10[0]);
    assert_eq!(sum(second).to_string(), o.merge_split_at_10[1]);
    let read = |sum| decay.value(decay.weight(o.now).0, sum, o.now);
    // One rounding of a quotient of integers.
    close("decayed tests", read(sum(&o.days)), o.n_decayed, 1e-14);
    close("decayed failures", read(failed), o.y_decayed, 1e-14);
    // Weights are rounded to 2^-32 of themselves.
    close(
        "against powers of two",
        read(sum(&o.days)),
        o.n_reference,
        25.0 * 2.4e-10,
    );
}

#[derive(Deserialize)]
struct Intervals {
    cases: Vec<IntervalCase>,
}

#[derive(Deserialize)]
struct IntervalCase {
    y: u64,
    n: u64,
    wilson: [f64; 2],
    clopper_pearson: [f64; 2],
    jeffreys: [f64; 2],
    jeffreys_p_gt_05: f64,
}

#[test]
fn o11_intervals_of_a_rate() {
    let o: Intervals = oracle("o11_intervals.json");
    assert_eq!(o.cases.len(), 4);
    // Both invert the same distribution functions, which are good to about 1e-13.
    let both = |what: &str, ours: Bounds, [lower, upper]: [f64; 2]| {
        close(what, ours.lower, lower, 1e-11);
        close(what, ours.upper, upper, 1e-11);
    };
    for case in o.cases {
        let counts = Counts::new(case.y, case.n).unwrap();
        both("Wilson", counts.wilson(0.95).unwrap(), case.wilson);
        let exact = counts.clopper_pearson(0.95).unwrap();
        both("Clopper–Pearson", exact, case.clopper_pearson);
        both("Jeffreys", counts.jeffreys(0.95).unwrap(), case.jeffreys);
        let above = counts.jeffreys_above(0.05);
        close("Jeffreys above 5 %", above, case.jeffreys_p_gt_05, 1e-11);
    }
}
