//! `tune-alerts`: from which probability on early warning shall alarm.

use super::upkeep::store;
use crate::cli::TuneAlerts;
use crate::output::say;
use anyhow::{Context, ensure};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use risk_engine::{ByStream, NullReplay};
use std::process::ExitCode;
use std::thread;

/// Halvings of the log-odds of a threshold; the last step is 0.01.
const HALVINGS: u32 = 11;
/// Log-odds between which thresholds are looked for.
const RANGE: (f64, f64) = (-8.0, 12.0);
const WEEKS_A_YEAR: f64 = 365.25 / 7.0;

/// Draws recent weeks anew as if nothing had ever changed, and finds the thresholds that give the wanted
/// false alarms a year.
pub(crate) fn tune_alerts(args: &TuneAlerts) -> anyhow::Result<ExitCode> {
    ensure!(args.replicates > 0, "--replicates must be at least 1");
    let opened = store(&args.data)?.open()?;
    let engine = opened.engine;
    let in_force = engine.policy().detection;
    let replay = engine.null_replay(args.weeks);
    let replay = replay.context("no week has been fitted yet: there is nothing to draw anew")?;
    let feedback = engine.alert_feedback();
    drop(opened.writer);
    ensure!(
        replay.results() > 0,
        "the last {} weeks have no results to draw anew",
        args.weeks
    );
    say(&format!(
        "{} results of {} weeks, drawn anew {} times (seed {})",
        replay.results(),
        replay.weeks(),
        args.replicates,
        args.seed
    ));
    let wanted = [args.product, args.sector, args.enterprise];
    let mut ends = [RANGE; 3];
    let probability = |log_odds: f64| 1.0 / (1.0 + (-log_odds).exp());
    let middles = |ends: &[(f64, f64); 3]| ends.map(|(low, high)| f64::midpoint(low, high));
    for _ in 0..HALVINGS {
        let middles = middles(&ends);
        let rates = rates(&replay, args, middles.map(probability));
        for (((low, high), middle), (rate, wanted)) in ends
            .iter_mut()
            .zip(middles)
            .zip(rates.into_iter().zip(wanted))
        {
            if rate > wanted {
                *low = middle;
            } else {
                *high = middle;
            }
        }
    }
    let found = ends.map(|(_, high)| probability(high));
    let today = [
        in_force.product.alarm_above,
        in_force.sector.alarm_above,
        in_force.enterprise.alarm_above,
    ];
    let (now, then) = (rates(&replay, args, today), rates(&replay, args, found));
    say("stream       alarm_above  false alarms a year   found  false alarms a year");
    for (at, name) in ["product", "sector", "enterprise"].into_iter().enumerate() {
        say(&format!(
            "{name:<12} {:>11.4} {:>20.1} {:>7.4} {:>20.1}",
            today[at], now[at], found[at], then[at]
        ));
    }
    for ((rule, disposition), count) in &feedback {
        say(&format!(
            "closed as {disposition:<13} {count:>6}  raised by {}",
            rule.code()
        ));
    }
    say("Put what was found into `alarm_above` of the policy's `[detection]`, with a new version.");
    Ok(ExitCode::SUCCESS)
}

/// False alarms a year above thresholds, by product, sector and enterprise.
fn rates(replay: &NullReplay, args: &TuneAlerts, above: [f64; 3]) -> [f64; 3] {
    let [product, sector, enterprise] = above;
    let above = ByStream {
        product,
        sector,
        enterprise,
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let each = |from: usize| -> [u64; 3] {
        let mut sums = [0; 3];
        for replicate in (from..args.replicates as usize).step_by(threads) {
            let mut random = ChaCha12Rng::seed_from_u64(args.seed);
            // A stream of its own: how many threads there are does not show.
            random.set_stream(replicate as u64);
            let mut uniform = || random.random_range(f64::EPSILON..1.0);
            let alarms = replay.alarms(above, &mut uniform);
            for (sum, count) in
                sums.iter_mut()
                    .zip([alarms.product, alarms.sector, alarms.enterprise])
            {
                *sum += u64::from(count);
            }
        }
        sums
    };
    let sums = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|from| scope.spawn(move || each(from)))
            .collect();
        let sums = workers.into_iter().filter_map(|worker| worker.join().ok());
        sums.fold([0; 3], |sums: [u64; 3], part| {
            [sums[0] + part[0], sums[1] + part[1], sums[2] + part[2]]
        })
    });
    let years = f64::from(args.replicates) * replay.weeks() as f64 / WEEKS_A_YEAR;
    sums.map(|sum| sum as f64 / years)
}
