//! The model alone: a refit of many bins, what one weighs, and a result between two fits.

use crate::measure::{peak_bytes, say, timed};
use anyhow::ensure;
use risk_engine::Policy;
use risk_engine::logodds::{
    Basis, Evidence, Frame, NO_OBSERVER, Row, SinceSnapshot, Snapshot, fit, merge,
};
use risk_tests::city::Draws;

/// The model alone: a cold and a warm fit of bins, and the cost of a result between fits
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Bins
    #[arg(long, default_value_t = 1_000_000)]
    bins: u32,
    /// Targets that they are of
    #[arg(long, default_value_t = 100_000)]
    targets: u32,
    /// Weeks over which they spread
    #[arg(long, default_value_t = 104)]
    weeks: u16,
    /// Seed
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// A city in numbers: 20 sectors, 200 products, 80 zones, three targets for two enterprises.
fn frame(targets: u32) -> Frame {
    let mut frame = Frame::new(6);
    for target in 0..targets {
        let product = target % 200 * 7919 % 200;
        let zone = target % 80 * 104_729 % 80;
        let enterprise = target * 2 / 3;
        let groups = [
            product % 20,
            product,
            zone,
            product * 80 + zone,
            enterprise,
            target,
        ];
        frame.push(&groups, 0, u16::MAX);
    }
    frame
}

fn bins(args: &Args, draws: &mut Draws) -> Vec<Row> {
    let mut rows = Vec::with_capacity(args.bins as usize);
    for _ in 0..args.bins {
        let target = draws.below(u64::from(args.targets)) as u32;
        let week = draws.below(u64::from(args.weeks)) as u16;
        let (mode, basis, method) = match draws.below(10) {
            0 => (0, Basis::Random, 0),
            1..4 => (1, Basis::Ignorable, 0),
            4..6 => (2, Basis::Ignorable, 0),
            6..9 => (3, Basis::Ignorable, 1),
            _ => (4, Basis::Informative, 0),
        };
        let failed = draws.below(100) < 6 + u64::from(target % 7);
        let row = Row {
            method,
            laboratory: if method == 0 {
                draws.below(8) as u16
            } else {
                NO_OBSERVER
            },
            inspector: draws.below(30) as u16,
            ..Row::new(target, week, mode, basis)
        };
        rows.push(row.counting(1, u32::from(failed)));
    }
    merge(rows)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(
        args.bins > 0 && args.targets > 0 && args.weeks > 1,
        "all counts must be positive"
    );
    let policy = Policy::builtin()?;
    let settings = &policy.model.settings;
    let frame = frame(args.targets);
    let mut draws = Draws::from_seed(args.seed);
    let rows = bins(args, &mut draws);
    say("bins", &format!("{}", rows.len()));
    let as_of = args.weeks - 1;
    let evidence = Evidence::new(&frame, &rows, as_of);
    let (cold, took) = timed(|| fit(&evidence, settings, None));
    let cold: Snapshot = cold?;
    // Targets need theirs too: what a bin needs is told by the difference of two runs.
    let peak = peak_bytes()? as f64 / 1e6;
    say(
        "most memory, bins and targets and all",
        &format!("{peak:.0} MB"),
    );
    say("cold fit", &format!("{:.2} s", took.as_secs_f64()));
    let (warm, took) = timed(|| fit(&evidence, settings, Some(&cold)));
    let warm = warm?;
    let a_million = took.as_secs_f64() / rows.len() as f64 * 1e6;
    say(
        "warm fit",
        &format!(
            "{:.2} s, {a_million:.2} s a million bins",
            took.as_secs_f64()
        ),
    );
    let mut since = SinceSnapshot::new(&warm);
    let groups: Vec<Vec<u32>> = rows
        .iter()
        .map(|row| frame.groups(row.target).collect())
        .collect();
    let ((), took) = timed(|| {
        for (row, groups) in rows.iter().zip(&groups) {
            since.add(&warm, row, groups);
        }
    });
    let each = took.as_secs_f64() / rows.len() as f64 * 1e9;
    say("a result between fits", &format!("{each:.0} ns"));
    Ok(())
}
