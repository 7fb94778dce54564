//! `simulate city`, and the city that `demo` loads; `simulate plan`.

mod plan;

pub(crate) use plan::plan;

use crate::cli::SimulateCity;
use crate::output::say;
use crate::wiring;
use anyhow::Context;
use risk_domain::reference::Reference;
use risk_domain::signal::{Signal, SignalPersonal};
use risk_domain::time::{CivilOffset, Day};
use risk_pipeline::clock::{Clock, SystemClock};
use risk_pipeline::wire;
use risk_sim::{CityFrame, DemoCity, DemoSettings};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

/// Two years.
const WEEKS: u32 = 104;

/// Draws a city; `last_day` is a date or yesterday.
pub(crate) fn draw(
    seed: u64,
    enterprises: u32,
    last_day: Option<&str>,
    reference: &Reference,
) -> anyhow::Result<DemoCity> {
    let last_day = match last_day {
        Some(text) => text
            .parse::<Day>()
            .context("--last-day must be a date, as 2026-11-22")?,
        None => CivilOffset::CHINA.day_of(SystemClock.now()).plus(-1),
    };
    let settings = DemoSettings {
        seed,
        enterprises,
        weeks: WEEKS,
        last_day,
    };
    Ok(DemoCity::generate(&settings, &CityFrame::from(reference))?)
}

/// Writes a city to a directory.
pub(crate) fn city(args: &SimulateCity) -> anyhow::Result<ExitCode> {
    let reference = wiring::reference()?;
    let city = draw(
        args.seed,
        args.enterprises,
        args.last_day.as_deref(),
        &reference,
    )?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    let results = city.results.iter().map(|result| Ok(wire::encode(result)));
    write_lines(&args.out.join("results.ndjson"), results)?;
    let register = city.register.iter();
    let register = register.map(|entry| Ok(wire::registry::encode(entry)));
    write_lines(&args.out.join("frame.ndjson"), register)?;
    write_lines(
        &args.out.join("signals.ndjson"),
        city.signals.iter().map(|signal| Ok(encode(signal))),
    )?;
    write_lines(
        &args.out.join("truth.ndjson"),
        city.truth.cells.iter().map(json),
    )?;
    write_lines(
        &args.out.join("outbreaks.ndjson"),
        city.truth.outbreaks.iter().map(json),
    )?;
    say(&format!(
        "seed {}: {} results, {} entries of the register, {} signals, {} outbreaks in {}",
        args.seed,
        city.results.len(),
        city.register.len(),
        city.signals.len(),
        city.truth.outbreaks.len(),
        args.out.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// A signal as it comes in; the city makes up nothing personal.
pub(crate) fn encode(signal: &Signal) -> Vec<u8> {
    wire::signal::encode(signal, &SignalPersonal::default())
}

fn json(row: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    Ok(serde_json::to_vec(row)?)
}

fn write_lines(
    path: &Path,
    lines: impl Iterator<Item = anyhow::Result<Vec<u8>>>,
) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::new(file);
    for line in lines {
        out.write_all(&line?)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
