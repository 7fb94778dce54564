//! Control charts and sequential evidence.

use crate::{close, oracle};
use risk_stats::aberration::{
    BayesSettings, EarsBaseline, FarringtonSettings, FlexibleSettings, bayes_limit,
    ears_c3_carried, farrington_limit, flexible_limit,
};
use risk_stats::chart::{
    Cusum, cusum_run_length, cusum_threshold, ewma_run_length, log_likelihood_ratio, shifted_rate,
};
use risk_stats::interval::Counts;
use risk_stats::sequential::{ShiryaevRoberts, windowed_ln_e_value};
use risk_stats::special::normal_quantile;
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

#[derive(Deserialize)]
struct Counters {
    observed: Vec<u32>,
    range: Vec<usize>,
    #[serde(rename = "farringtonFlexible")]
    flexible: Limits,
    farrington: Limits,
    ears: Vec<EarsLimits>,
    bayes: Limits,
}

#[derive(Deserialize)]
struct Limits {
    upper: Vec<f64>,
    alarm: Vec<u8>,
}

#[derive(Deserialize)]
struct EarsLimits {
    method: String,
    upper: Vec<f64>,
    alarm: Vec<u8>,
}

#[test]
fn o06_counts_above_their_own_past() {
    let o: Counters = oracle("o06_farrington_ears.json");
    assert_eq!(o.range.len(), 23);
    let settings = FarringtonSettings {
        years: 4,
        year: 52,
        window: 3,
    };
    let bayes = BayesSettings {
        seasons: 2,
        season: 52,
        window: 6,
        this_season: true,
    };
    // The file does not name its settings; these fit.
    let flexible = FlexibleSettings {
        years: 4,
        year: 52,
        window: 3,
        seasons: 10,
        guard: 26,
    };
    for (row, place) in o.range.iter().enumerate() {
        let at = place - 1;
        let count = o.observed[at];
        let alarm = |limit: f64, alarms: &[u8]| {
            assert_eq!(f64::from(count) > limit, alarms[row] == 1, "at {place}");
        };
        // The other program stops its regression at a relative 1e-8 of the deviance, and takes the
        // variances from the step before: about the root of that, of a limit of some ten cases.
        let limit = farrington_limit(&o.observed, at, settings, 0.01).unwrap();
        close("Farrington", limit, o.farrington.upper[row], 2e-4);
        alarm(limit, &o.farrington.alarm);
        // A count: exact.
        let limit = flexible_limit(&o.observed, at, flexible, 0.01).unwrap();
        close("flexible", f64::from(limit), o.flexible.upper[row], 1e-9);
        alarm(f64::from(limit), &o.flexible.alarm);
        let limit = bayes_limit(&o.observed, at, bayes, 0.01).unwrap();
        // A count: exact.
        close("Bayes", f64::from(limit), o.bayes.upper[row], 1e-9);
        alarm(f64::from(limit), &o.bayes.alarm);
        for ears in &o.ears {
            let lag = if ears.method == "C1" { 0 } else { 2 };
            let baseline = EarsBaseline::before(&o.observed, at, lag).unwrap();
            let limit = if ears.method == "C3" {
                // What the other program calls the limit is not that of a count: it is the count
                // plus what is left of the quantile after the two counts before, in deviations.
                let carried = ears_c3_carried(&o.observed, at).unwrap();
                f64::from(count) + baseline.deviation() * (normal_quantile(0.975) - carried)
            } else {
                baseline.limit(0.001).unwrap()
            };
            // Digits given: 10 after the point. Closed forms.
            close(&ears.method, limit, ears.upper[row], 1e-9);
            alarm(limit, &ears.alarm);
        }
    }
}
