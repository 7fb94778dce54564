//! Drawing samples and estimating from them.

use crate::{close, oracle};
use risk_stats::allocation::{inclusion_probabilities, neyman, pareto_ranks, stratified_variance};
use risk_stats::survey::{
    AssistedDraw, Draw, InclusionProbability, PredictedDraw, Stratum, calibration_weights,
    difference_mean, hajek_mean, horvitz_thompson_total, regression_mean, stratified_mean,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Allocation {
    #[serde(rename = "Nh")]
    sizes: Vec<f64>,
    p: Vec<f64>,
    n: f64,
    neyman_real: Vec<f64>,
    stratified_var: f64,
    proportional_var: f64,
    pps: Pps,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Pps {
    #[serde(rename = "size")]
    size: Vec<f64>,
    #[serde(rename = "n")]
    sample: usize,
    #[serde(rename = "pi_target")]
    pi_target: Vec<f64>,
    u: Vec<f64>,
    q: Vec<f64>,
    #[serde(rename = "chosen")]
    chosen: Vec<usize>,
    #[serde(rename = "pi_monte_carlo")]
    pi_monte_carlo: Vec<f64>,
}

#[test]
fn o19_shares_of_strata_and_draws_by_size() {
    let o: Allocation = oracle("o19_allocation.json");
    let deviations: Vec<f64> = o.p.iter().map(|p| libm::sqrt(p * (1.0 - p))).collect();
    let shares = neyman(&o.sizes, &deviations, o.n).unwrap();
    for (ours, theirs) in shares.iter().zip(&o.neyman_real) {
        // Closed forms: rounding only, here and below.
        close("share", *ours, *theirs, 1e-12);
    }
    let variance = |draws: &[f64]| stratified_variance(&o.sizes, &o.p, draws).unwrap();
    close("variance", variance(&shares), o.stratified_var, 1e-15);
    let all: f64 = o.sizes.iter().sum();
    let proportional: Vec<f64> = o.sizes.iter().map(|size| o.n * size / all).collect();
    close(
        "proportional",
        variance(&proportional),
        o.proportional_var,
        1e-15,
    );
    let pi = inclusion_probabilities(&o.pps.size, o.pps.sample).unwrap();
    let ranks = pareto_ranks(&pi, &o.pps.u).unwrap();
    for at in 0..pi.len() {
        close("π", pi[at], o.pps.pi_target[at], 1e-15);
        close("rank", ranks[at], o.pps.q[at], 1e-12);
        // What Pareto sampling gives differs from what was asked for by 0.005 at n = 3, beside the
        // Monte-Carlo error of 0.0008.
        close("drawn", pi[at], o.pps.pi_monte_carlo[at], 0.0075);
    }
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_by(|one, other| ranks[*one].total_cmp(&ranks[*other]));
    let mut chosen: Vec<usize> = order.into_iter().take(o.pps.sample).collect();
    chosen.sort_unstable();
    assert_eq!(chosen, o.pps.chosen);
}

#[derive(Deserialize)]
struct Survey {
    #[serde(rename = "N")]
    units: u64,
    #[serde(rename = "Nh")]
    sizes: Vec<u64>,
    frame_sum_x: f64,
    sample: Sample,
    stratified_mean: f64,
    stratified_se: f64,
    ht_total: f64,
    ht_total_se: f64,
    greg_mean: f64,
    greg_se: f64,
    unit_slope_difference_estimate: f64,
    unequal: Unequal,
    pips: Pips,
}

#[derive(Deserialize)]
struct Sample {
    stratum: Vec<usize>,
    y: Vec<f64>,
    x: Vec<f64>,
    pi: Vec<f64>,
}

#[derive(Deserialize)]
struct Unequal {
    y: Vec<f64>,
    pi: Vec<f64>,
    hajek: f64,
    hajek_se_with_replacement: f64,
}

#[derive(Deserialize)]
struct Pips {
    size: Vec<f64>,
    n: usize,
    pi: Vec<f64>,
}

fn draws(values: &[f64], probabilities: &[f64]) -> Vec<Draw> {
    let pairs = values.iter().zip(probabilities);
    let draw = |(value, pi): (&f64, &f64)| Draw {
        value: *value,
        probability: InclusionProbability::new(*pi).unwrap(),
    };
    pairs.map(draw).collect()
}

#[test]
fn o08_estimates_from_samples() {
    let o: Survey = oracle("o08_survey.json");
    let s = &o.sample;
    // The file gives inclusion probabilities and values to 13 digits; all estimators are closed
    // forms, so that every tolerance below is the file's rounding.
    let total = horvitz_thompson_total(&draws(&s.y, &s.pi)).unwrap();
    close("Horvitz–Thompson", total.value, o.ht_total, 1e-10);
    let stratum = |(at, size): (usize, &u64)| Stratum {
        size: *size,
        values: (0..s.y.len())
            .filter(|unit| s.stratum[*unit] == at + 1)
            .map(|unit| s.y[unit])
            .collect(),
    };
    let strata: Vec<Stratum> = o.sizes.iter().enumerate().map(stratum).collect();
    let mean = stratified_mean(&strata).unwrap();
    close("stratified", mean.value, o.stratified_mean, 1e-12);
    close("its error", mean.standard_error, o.stratified_se, 1e-12);
    let scaled = mean.standard_error * o.units as f64;
    close("error of the total", scaled, o.ht_total_se, 1e-10);
    let unit = |at: usize| AssistedDraw {
        stratum: s.stratum[at] - 1,
        value: s.y[at],
        auxiliary: vec![1.0, s.x[at]],
    };
    let assisted: Vec<AssistedDraw> = (0..s.y.len()).map(unit).collect();
    let totals = [o.units as f64, o.frame_sum_x];
    let regression = regression_mean(&assisted, &o.sizes, &totals).unwrap();
    close("regression", regression.value, o.greg_mean, 1e-12);
    close("its error", regression.standard_error, o.greg_se, 1e-12);
    let weights: Vec<f64> = s.pi.iter().map(|pi| 1.0 / pi).collect();
    let rows: Vec<Vec<f64>> = s.x.iter().map(|x| vec![1.0, *x]).collect();
    let calibrated = calibration_weights(&weights, &rows, &totals).unwrap();
    let weighted: f64 = calibrated.iter().zip(&s.y).map(|(w, y)| w * y).sum();
    close("calibrated", weighted / o.units as f64, o.greg_mean, 1e-12);
    let predicted = |(at, draw): (usize, &Draw)| PredictedDraw {
        value: draw.value,
        predicted: s.x[at],
        probability: draw.probability,
    };
    let sample = draws(&s.y, &s.pi);
    let sample: Vec<PredictedDraw> = sample.iter().enumerate().map(predicted).collect();
    let difference = difference_mean(o.frame_sum_x / o.units as f64, &sample, o.units).unwrap();
    let theirs = o.unit_slope_difference_estimate;
    close("difference", difference.value, theirs, 1e-12);
    let hajek = hajek_mean(&draws(&o.unequal.y, &o.unequal.pi)).unwrap();
    close("Hájek", hajek.value, o.unequal.hajek, 1e-12);
    let theirs = o.unequal.hajek_se_with_replacement;
    close("its error", hajek.standard_error, theirs, 1e-12);
    let pi = inclusion_probabilities(&o.pips.size, o.pips.n).unwrap();
    for (ours, theirs) in pi.iter().zip(&o.pips.pi) {
        close("π", *ours, *theirs, 1e-12);
    }
}
