//! `simulate plan`: sampling policies in closed loop on the reference city, at equal budget.
//!
//! Each policy plays the same cities week by week: it sees what was found so far, sends its tests,
//! what they prove is mended, tips go on as they would. The first year is played by the status quo.

mod play;
mod policies;
mod report;

use crate::cli::SimulatePlan;
use crate::output::say;
use anyhow::{Context, bail, ensure};
use play::{Outcome, Play};
use policies::Policy;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Plays policies and reports.
pub(crate) fn plan(args: &SimulatePlan) -> anyhow::Result<ExitCode> {
    let seeds = seeds(&args.seeds)?;
    let policies = args
        .policy
        .iter()
        .map(|name| Policy::named(name, args))
        .collect::<anyhow::Result<Vec<Policy>>>()?;
    let played = play_all(&policies, &seeds, args.threads)?;
    let report = report::Report::new(&policies, &seeds, &played);
    if args.json {
        say(&report.json().to_string());
    } else {
        for line in report.table() {
            say(&line);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `A..B`, B not included.
fn seeds(text: &str) -> anyhow::Result<Range<u64>> {
    let parts = text.split_once("..").and_then(|(from, to)| {
        let from = from.trim().parse::<u64>().ok()?;
        Some(from..to.trim().parse::<u64>().ok()?)
    });
    let seeds = parts.with_context(|| format!("--seeds must be A..B, as 20..30, not `{text}`"))?;
    ensure!(
        !seeds.is_empty(),
        "--seeds {text} names no seed: B is not included"
    );
    Ok(seeds)
}

/// Every policy on every seed, in the order of policies and seeds.
fn play_all(
    policies: &[Policy],
    seeds: &Range<u64>,
    threads: usize,
) -> anyhow::Result<Vec<Vec<Outcome>>> {
    let jobs: Vec<(usize, u64)> = (0..policies.len())
        .flat_map(|policy| seeds.clone().map(move |seed| (policy, seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, anyhow::Result<Outcome>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((policy, seed)) = jobs.get(at) else {
                        return;
                    };
                    let outcome = Play::new(*seed, &policies[*policy]).run();
                    if let Ok(mut done) = done.lock() {
                        done.push((at, outcome));
                    }
                }
            });
        }
    });
    let Ok(mut done) = done.into_inner() else {
        bail!("a city was left unfinished");
    };
    done.sort_by_key(|(at, _)| *at);
    let mut played: Vec<Vec<Outcome>> = policies.iter().map(|_| Vec::new()).collect();
    for (at, outcome) in done {
        played[jobs[at].0].push(outcome?);
    }
    Ok(played)
}

#[cfg(test)]
mod tests;
