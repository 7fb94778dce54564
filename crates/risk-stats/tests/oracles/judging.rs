//! Many tests at once, funnels, drift, and how good predictions were.

use crate::{close, oracle};
use risk_stats::drift::{PageHinkley, PageHinkleySettings, WeightedMean};
use risk_stats::false_discovery::{
    LordPlusPlus, Saffron, benjamini_hochberg, e_benjamini_hochberg,
};
use risk_stats::funnel::funnel_limit;
use risk_stats::metrics::{Prediction, Predictions};
use serde::Deserialize;

#[derive(Deserialize)]
struct Discoveries {
    p: Vec<f64>,
    bh_reject: Vec<bool>,
    bh_adj: Vec<f64>,
    saffron_reject: Vec<bool>,
    saffron_alpha: Vec<f64>,
    lordpp_reject: Vec<bool>,
    lordpp_alpha: Vec<f64>,
    e: Vec<f64>,
    ebh_alpha: f64,
    ebh_reject_by_definition: Vec<usize>,
}

#[test]
fn o12_discoveries_among_many_tests() {
    let o: Discoveries = oracle("o12_fdr.json");
    let adjusted = benjamini_hochberg(&o.p).unwrap();
    let mut lord = LordPlusPlus::new(0.1, 0.05).unwrap();
    let mut saffron = Saffron::new(0.1, 0.05, 0.5).unwrap();
    for (at, p) in o.p.iter().enumerate() {
        // A product and a quotient: rounding only.
        close("adjusted p", adjusted[at], o.bh_adj[at], 1e-15);
        assert_eq!(adjusted[at] <= 0.1, o.bh_reject[at], "BH at {at}");
        let lord = lord.test(*p).unwrap();
        assert_eq!(lord.discovery, o.lordpp_reject[at], "LORD++ at {at}");
        // The other program's sequences are cut after a finite number of terms and scaled, which
        // leaves ten digits.
        close("LORD++", lord.level, o.lordpp_alpha[at], 1e-10);
        let saffron = saffron.test(*p).unwrap();
        assert_eq!(saffron.discovery, o.saffron_reject[at], "SAFFRON at {at}");
        close("SAFFRON", saffron.level, o.saffron_alpha[at], 1e-10);
    }
    let found = e_benjamini_hochberg(&o.e, o.ebh_alpha).unwrap();
    let found: Vec<usize> = (0..found.len()).filter(|at| found[*at]).collect();
    assert_eq!(found, o.ebh_reject_by_definition);
}

#[derive(Deserialize)]
struct Metrics {
    y: Vec<u8>,
    p: Vec<f64>,
    brier: f64,
    log_loss: f64,
    auc: f64,
}

#[test]
fn o16_how_good_predictions_were() {
    let o: Metrics = oracle("o16_metrics.json");
    let rows = o.p.iter().zip(&o.y).map(|(p, y)| Prediction {
        probability: *p,
        failed: *y == 1,
    });
    let predictions = Predictions::new(rows.collect()).unwrap();
    // Means of forty terms: rounding only.
    close("Brier", predictions.brier(), o.brier, 1e-14);
    close("log loss", predictions.log_loss(), o.log_loss, 1e-14);
    close("AUC", predictions.auc().unwrap(), o.auc, 1e-14);
}

#[derive(Deserialize)]
struct Funnel {
    target: f64,
    cases: Vec<FunnelCase>,
}

#[derive(Deserialize)]
struct FunnelCase {
    n: u64,
    lo95: f64,
    hi95: f64,
    hi998: f64,
}

#[test]
fn o18_funnel_limits() {
    let o: Funnel = oracle("o18_funnel.json");
    assert_eq!(o.cases.len(), 5);
    for case in o.cases {
        let limit = |probability| funnel_limit(case.n, o.target, probability).unwrap();
        // The distribution functions agree to about 1e-13; the interpolation divides by a point
        // probability of 1e-3 or more.
        close("lower 95 %", limit(0.025), case.lo95, 1e-10);
        close("upper 95 %", limit(0.975), case.hi95, 1e-10);
        close("upper 99.8 %", limit(0.999), case.hi998, 1e-10);
    }
}

#[derive(Deserialize)]
struct Drift {
    x: Vec<u8>,
    adwin_at: Vec<usize>,
    page_hinkley_at: Vec<usize>,
    ewmean_last: f64,
    ewmean_at_100: f64,
}

#[test]
fn o20_drift_of_a_stream() {
    let o: Drift = oracle("o20_river_drift.json");
    let settings = PageHinkleySettings {
        least_values: 30,
        tolerance: 0.005,
        threshold: 8.0,
        memory: 0.9999,
    };
    let mut test = PageHinkley::new(settings).unwrap();
    let mut mean = WeightedMean::new(0.05).unwrap();
    let mut alarms = Vec::new();
    for (at, value) in o.x.iter().enumerate() {
        if test.update(f64::from(*value)) {
            alarms.push(at);
        }
        let mean = mean.update(f64::from(*value));
        if at == 100 {
            // The same recursion in the same order: rounding only.
            close("mean after 100", mean, o.ewmean_at_100, 1e-14);
        }
    }
    assert_eq!(alarms, o.page_hinkley_at);
    close("last mean", mean.mean().unwrap(), o.ewmean_last, 1e-12);
    // The adaptive window of the other program found nothing in this stream, which has a jump: it is
    // not among our detectors.
    assert_eq!(o.adwin_at.len(), 0);
}
