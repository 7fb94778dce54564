//! Control charts and sequential evidence.

use crate::{close, oracle};
use risk_stats::chart::{
    Cusum, cusum_run_length, cusum_threshold, ewma_run_length, log_likelihood_ratio, shifted_rate,
};
use risk_stats::interval::Counts;
use risk_stats::sequential::{ShiryaevRoberts, windowed_ln_e_value};
use serde::Deserialize;

#[derive(Deserialize)]
struct CusumOracle {
    n: Vec<u64>,
    y: Vec<u64>,
    p0: Vec<f64>,
    p1: Vec<f64>,
    llr: Vec<f64>,
    #[serde(rename = "S_surveillance")]
    sums: Vec<f64>,
    #[serde(rename = "first_S_gt_4")]
    first_above_4: usize,
    algo_cusum: StandardCusum,
}

#[derive(Deserialize)]
struct StandardCusum {
    k: f64,
    h: f64,
    m: f64,
    cusum: Vec<f64>,
    alarm: Vec<u8>,
}

#[test]
fn o05_sums_adjusted_for_risk() {
    let o: CusumOracle = oracle("o05_cusum.json");
    let mut sum = Cusum::default();
    let mut first = None;
    for at in 0..o.n.len() {
        let counts = Counts::new(o.y[at], o.n[at]).unwrap();
        let ratio = log_likelihood_ratio(counts, o.p0[at], o.p1[at]).unwrap();
        // Rates are given to 13 digits, and counted up to 14 times.
        close("log-likelihood ratio", ratio, o.llr[at], 1e-11);
        close("sum", sum.add(ratio), o.sums[at], 1e-10);
        if sum.value() > 4.0 && first.is_none() {
            first = Some(at + 1);
        }
    }
    assert_eq!(first, Some(o.first_above_4));
    let standard = o.algo_cusum;
    let mut sum = Cusum::default();
    for (at, y) in o.y.iter().enumerate() {
        let value = (*y as f64 - standard.m) / libm::sqrt(standard.m);
        close(
            "sum",
            sum.add(value - standard.k),
            standard.cusum[at],
            1e-11,
        );
        assert_eq!(sum.value() >= standard.h, standard.alarm[at] == 1, "{at}");
    }
}

#[derive(Deserialize)]
struct RunLengths {
    cusum: Vec<CusumLength>,
    h_for_arl500: f64,
    ewma: Vec<EwmaLength>,
}

#[derive(Deserialize)]
struct CusumLength {
    k: f64,
    h: f64,
    mu: f64,
    arl: f64,
}

#[derive(Deserialize)]
struct EwmaLength {
    l: f64,
    c: f64,
    mu: f64,
    arl: f64,
}

#[test]
fn o07_mean_run_lengths() {
    let o: RunLengths = oracle("o07_arl.json");
    assert_eq!((o.cusum.len(), o.ewma.len()), (4, 4));
    for case in o.cusum {
        let length = cusum_run_length(case.k, case.h, case.mu).unwrap();
        // Both solve the same integral equation, to about 1e-10 of a length of some hundreds.
        close("cumulative sum", length, case.arl, 1e-7);
    }
    for case in o.ewma {
        let length = ewma_run_length(case.l, case.c, case.mu).unwrap();
        close("weighted mean", length, case.arl, 1e-6);
    }
    // The other program searches the threshold by secant steps to 1e-6 of a run length.
    let threshold = cusum_threshold(0.5, 500.0).unwrap();
    close("threshold", threshold, o.h_for_arl500, 1e-7);
}

#[derive(Deserialize)]
struct Detector {
    shifts: [f64; 3],
    n: Vec<u64>,
    y: Vec<u64>,
    p0: Vec<f64>,
    sr: Vec<f64>,
    cusum: Vec<[f64; 3]>,
}

#[test]
fn o17_evidence_of_a_change() {
    let o: Detector = oracle("o17_sr_edetector.json");
    let mut detector = ShiryaevRoberts::default();
    let mut sums = [Cusum::default(); 3];
    let mut weeks = Vec::new();
    for at in 0..o.n.len() {
        let counts = Counts::new(o.y[at], o.n[at]).unwrap();
        let week = o.shifts.map(|shift| {
            let moved = shifted_rate(o.p0[at], shift).unwrap();
            log_likelihood_ratio(counts, o.p0[at], moved).unwrap()
        });
        weeks.push(week);
        let statistic = detector.step(week);
        // The other program subtracts logarithms of binomial probabilities, which leaves about 1e-13
        // of a statistic up to some thousands.
        let tolerance = 1e-11 * o.sr[at].max(1.0);
        close("Shiryaev–Roberts", statistic, o.sr[at], tolerance);
        let windowed = libm::exp(windowed_ln_e_value(&weeks).unwrap());
        let started = weeks.len() as f64;
        close("window of all", windowed * started, o.sr[at], tolerance);
        for (size, sum) in sums.iter_mut().enumerate() {
            close("sum", sum.add(week[size]), o.cusum[at][size], 1e-11);
        }
    }
}
