//! Rates corrected for errors, and rates predicted.

use crate::{close, oracle};
use risk_stats::interval::Counts;
use risk_stats::logit_normal::LogitNormal;
use risk_stats::quadrature::GaussHermite;
use risk_stats::screening::{Accuracy, Sensitivity, Specificity, Verification, VerifiedTable};
use serde::Deserialize;

#[derive(Deserialize)]
struct RoganGladen {
    cases: Vec<Corrected>,
}

#[derive(Deserialize)]
struct Corrected {
    pos: u64,
    tested: u64,
    se: f64,
    sp: f64,
    apparent: [f64; 3],
    true_prev: [f64; 3],
}

#[test]
fn o01_rates_corrected_for_the_errors_of_a_test() {
    let o: RoganGladen = oracle("o01_rogan_gladen.json");
    assert_eq!(o.cases.len(), 5);
    for case in o.cases {
        let accuracy = Accuracy::new(
            Sensitivity::new(case.se).unwrap(),
            Specificity::new(case.sp).unwrap(),
        );
        let positives = Counts::new(case.pos, case.tested).unwrap();
        let found = accuracy.unwrap().rogan_gladen(positives, 0.95).unwrap();
        let ours = [
            found.apparent,
            found.apparent_bounds.lower,
            found.apparent_bounds.upper,
            found.rate,
            found.bounds.lower,
            found.bounds.upper,
        ];
        let theirs = case.apparent.into_iter().chain(case.true_prev);
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            // The file has 13 digits; both are closed forms.
            close("rate", ours, theirs, 1e-12);
        }
    }
}

#[derive(Deserialize)]
struct LogisticNormal {
    cases: Vec<Predicted>,
}

#[derive(Deserialize)]
struct Predicted {
    m: f64,
    v: f64,
    mean_exact: f64,
    p_gt_0_10: f64,
    q05: f64,
    q95: f64,
}

#[test]
fn o13_probabilities_with_normal_log_odds() {
    let o: LogisticNormal = oracle("o13_logistic_normal.json");
    assert_eq!(o.cases.len(), 4);
    for case in o.cases {
        let law = LogitNormal::new(case.m, case.v).unwrap();
        // The sigmoid has poles at ±iπ, so that the rule's error falls slowly: 9 points are good to
        // 4e-5, 20 to 1e-7, 32 to 1e-9 at the largest variance here, and far better at the others.
        for (points, tolerance) in [(9, 4e-5), (20, 1e-7), (32, 1e-9)] {
            let rule = GaussHermite::new(points).unwrap();
            close("mean", law.mean(&rule), case.mean_exact, tolerance);
        }
        // Both evaluate erfc to about 1e-15.
        close("P(θ > 0.1)", law.above(0.1), case.p_gt_0_10, 1e-13);
        close("5 %", law.quantile(0.05), case.q05, 1e-13);
        close("95 %", law.quantile(0.95), case.q95, 1e-13);
    }
}

#[derive(Deserialize)]
struct BeggGreenes {
    verified: Verified,
    unverified: Unverified,
    se: f64,
    sp: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Verified {
    t1d1: f64,
    t1d0: f64,
    t0d1: f64,
    t0d0: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Unverified {
    t1: f64,
    t0: f64,
}

#[test]
fn o15_sensitivity_and_specificity_under_partial_verification() {
    let o: BeggGreenes = oracle("o15_begg_greenes.json");
    let v = o.verified;
    let positives = v.t1d1 + v.t1d0 + o.unverified.t1;
    let negatives = v.t0d1 + v.t0d0 + o.unverified.t0;
    let table = VerifiedTable {
        true_positives: v.t1d1,
        false_positives: v.t1d0,
        false_negatives: v.t0d1,
        true_negatives: v.t0d0,
    };
    let verification = Verification::new(positives, negatives, table).unwrap();
    let estimate = verification.begg_greenes().unwrap();
    // A handful of roundings of exact fractions.
    close("sensitivity", estimate.sensitivity, o.se, 1e-14);
    close("specificity", estimate.specificity, o.sp, 1e-14);
}
