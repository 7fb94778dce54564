//! Empirical Bayes and nested effects.

use crate::{close, oracle};
use risk_stats::ebgm::{GammaLaw, GammaMixture, ObservedCount};
use risk_stats::nested::{NestedResult, NestedVariances, nested_posterior};
use risk_stats::quadrature::GaussHermite;
use risk_stats::screening::{Accuracy, Sensitivity, Specificity};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Signals {
    n: Vec<u64>,
    e: Vec<f64>,
    #[serde(rename = "theta_hat")]
    theta_hat: [f64; 5],
    #[serde(rename = "negLL_at_fixed")]
    loss_at_fixed: f64,
    #[serde(rename = "fixed_theta")]
    fixed: [f64; 5],
    #[serde(rename = "Qn_fixed")]
    qn_fixed: Vec<f64>,
    #[serde(rename = "EBGM_fixed")]
    ebgm_fixed: Vec<f64>,
    #[serde(rename = "EB05_fixed")]
    eb05_fixed: Vec<f64>,
    #[serde(rename = "Qn")]
    qn: Vec<f64>,
    ebgm: Vec<f64>,
    eb05: Vec<f64>,
    eb95: Vec<f64>,
    #[serde(rename = "top_index_1based")]
    top: Vec<usize>,
}

fn mixture([a1, b1, a2, b2, share]: [f64; 5]) -> GammaMixture {
    let (first, second) = (GammaLaw::new(a1, b1), GammaLaw::new(a2, b2));
    GammaMixture::new(first.unwrap(), second.unwrap(), share).unwrap()
}

#[test]
fn o04_signals_of_disproportion() {
    let o: Signals = oracle("o04_ebgm.json");
    let pairs = o.n.iter().zip(&o.e);
    let counts: Vec<ObservedCount> = pairs
        .map(|(n, e)| ObservedCount::new(*n, *e).unwrap())
        .collect();
    assert_eq!(counts.len(), 775);
    let fixed = mixture(o.fixed);
    // Expected counts are given to 12 digits, and the sum is over 775 terms.
    close(
        "log-likelihood",
        -fixed.ln_likelihood(&counts),
        o.loss_at_fixed,
        1e-8,
    );
    for (at, count) in counts.iter().take(o.qn_fixed.len()).enumerate() {
        let posterior = fixed.after(*count);
        // Digits given: 11, 8 and 6.
        close("Q_n", posterior.first_share(), o.qn_fixed[at], 1e-10);
        close("EBGM", posterior.geometric_mean(), o.ebgm_fixed[at], 6e-9);
        close(
            "EB05",
            posterior.quantile(0.05).unwrap(),
            o.eb05_fixed[at],
            1e-6,
        );
    }
    let theirs = mixture(o.theta_hat);
    for (at, index) in o.top.iter().enumerate() {
        let posterior = theirs.after(counts[index - 1]);
        // Parameters are given to 11 digits; digits given of the answers: 11, 2, 6 and 6.
        close("Q_n", posterior.first_share(), o.qn[at], 1e-8);
        close("EBGM", posterior.geometric_mean(), o.ebgm[at], 0.005 + 1e-9);
        let quantile = |probability| posterior.quantile(probability).unwrap();
        close("EB05", quantile(0.05), o.eb05[at], 2e-6);
        close("EB95", quantile(0.95), o.eb95[at], 2e-6);
    }
    // The other program fits counts squashed into fewer, ours all of them: ours must be at least as
    // likely, and the top signals nearly the same.
    let ours = GammaMixture::fit(&counts).unwrap();
    let (reached, theirs) = (ours.ln_likelihood(&counts), theirs.ln_likelihood(&counts));
    assert!(reached >= theirs, "{ours:?}: {reached} against {theirs}");
    assert!(
        reached <= theirs + 1.0,
        "{ours:?}: {reached} against {theirs}"
    );
    for (at, index) in o.top.iter().enumerate().take(5) {
        let posterior = ours.after(counts[index - 1]);
        close(
            "fitted EBGM",
            posterior.geometric_mean() / o.ebgm[at],
            1.0,
            0.03,
        );
    }
}

#[derive(Deserialize)]
struct Nested {
    se: f64,
    sp: f64,
    tau_e2: f64,
    tau_c2: f64,
    rows: Vec<NestedRow>,
    log_marginal: f64,
    #[serde(rename = "E_u")]
    enterprise: f64,
    #[serde(rename = "E_f")]
    cells: [f64; 2],
}

#[derive(Deserialize)]
struct NestedRow {
    cell: usize,
    eta_rest: f64,
    y: u8,
    fast: u8,
    w: f64,
}

#[test]
fn o14_nested_effects() {
    let o: Nested = oracle("o14_nested_posterior.json");
    let accuracy = Accuracy::new(
        Sensitivity::new(o.se).unwrap(),
        Specificity::new(o.sp).unwrap(),
    );
    let accuracy = accuracy.unwrap();
    let result = |row: &NestedRow| NestedResult {
        cell: row.cell,
        log_odds: row.eta_rest,
        failed: row.y == 1,
        weight: row.w,
        fast_test: (row.fast == 1).then_some(accuracy),
    };
    let results: Vec<NestedResult> = o.rows.iter().map(result).collect();
    let variances = NestedVariances {
        enterprise: o.tau_e2,
        cell: o.tau_c2,
    };
    // 15 × 9 nodes is what the model uses; the finer rule meets the brute-force integral to what its
    // own cut at six deviations leaves.
    for (outer, inner, tolerance) in [(15, 9, 1e-4), (40, 30, 2e-8)] {
        let outer = GaussHermite::new(outer).unwrap();
        let inner = GaussHermite::new(inner).unwrap();
        let found = nested_posterior(&results, 2, variances, (&outer, &inner)).unwrap();
        close("marginal", found.ln_marginal, o.log_marginal, tolerance);
        close("enterprise", found.enterprise.mean, o.enterprise, tolerance);
        for (cell, own) in found.cells.iter().zip(o.cells) {
            close("cell", cell.mean, o.enterprise + own, tolerance);
        }
    }
}
