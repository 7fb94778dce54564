//! Judging a recorded ledger again, and starting where it ends.

use crate::measure::{Stopwatch, cpu_seconds, rate, resident_bytes, say, timed};
use crate::{rig, stream};
use anyhow::ensure;
use risk_domain::access::{AccessNote, Act};
use risk_domain::ids::ActorId;
use risk_domain::scales::Role;
use risk_domain::time::Timestamp;
use risk_engine::{Found, Input, Outcome, ResultInput, SourcePartition};
use risk_store::{EncodedResult, Opened, Placement, Store, Writer, fresh_seed};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Results in one block.
const BLOCK: usize = 8192;

/// Replay of a whole ledger, and a start on it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stream: stream::Args,
    /// Measure the replay alone: the ledger is written by a process that ends before its views are,
    /// which take longer than all else
    #[arg(long)]
    replay_only: bool,
    /// Write the ledger into this folder and end
    #[arg(long)]
    fill: Option<PathBuf>,
    /// Replay the ledger that `--fill` wrote into this folder, so many times, and end
    #[arg(long, value_name = "FOLDER")]
    again: Option<PathBuf>,
    /// Times that it is replayed with `--again`
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(dir) = &args.fill {
        let filled = fill(dir, &args.stream, 0)?;
        // Dropping it would wait for the views.
        std::mem::forget(filled);
        std::process::exit(0);
    }
    if let Some(dir) = &args.again {
        let store = rig::store(dir)?;
        return (0..args.rounds).try_for_each(|_| replay(&store, args.stream.results));
    }
    let dir = tempfile::tempdir()?;
    if args.replay_only {
        fill_elsewhere(dir.path(), &args.stream)?;
    } else {
        fill(dir.path(), &args.stream, 0)?.close()?;
    }
    let store = rig::store(dir.path())?;
    replay(&store, args.stream.results)?;
    if args.replay_only {
        return Ok(());
    }

    let before = resident_bytes()?;
    let (opened, took) = timed(|| store.open());
    let opened = opened?;
    let subjects: u64 = opened.engine.subject_counts().values().sum();
    say("subjects", &subjects.to_string());
    say("start", &format!("{:.2} s", took.as_secs_f64()));
    say(
        "  from a checkpoint at entry",
        &opened.report.checkpoint.to_string(),
    );
    say(
        "  memory, all in all",
        &format!("{} MiB", resident_bytes()?.saturating_sub(before) >> 20),
    );
    close(opened)?;
    let (opened, took) = timed(|| store.open());
    close(opened?)?;
    say(
        "start after a start",
        &format!("{:.2} s", took.as_secs_f64()),
    );
    Ok(())
}

/// Closes a store with all that was opened of it: a reader that is left would hold it.
fn close(opened: Opened) -> anyhow::Result<()> {
    let Opened { writer, reader, .. } = opened;
    drop(reader);
    Ok(writer.close()?)
}

fn replay(store: &Store, results: u64) -> anyhow::Result<()> {
    let cpu = cpu_seconds()?;
    let (report, took) = timed(|| store.replay());
    let report = report?;
    let cpu = cpu_seconds()? - cpu;
    ensure!(
        report.differences.is_empty(),
        "{} differences, the first: {:?}",
        report.differences.len(),
        report.differences.first()
    );
    say("effects recorded", &report.effects.to_string());
    say("replay", &rate(results, took));
    say(
        "  processor time, a result",
        &format!("{:.2} µs", cpu * 1e6 / results as f64),
    );
    Ok(())
}

/// A note that changes nothing, of about the size of a result.
fn note(number: u64, at: Timestamp) -> anyhow::Result<AccessNote> {
    let text = |salt: u64| {
        let mixed = (number ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("{mixed:016x}").into()
    };
    Ok(AccessNote {
        at,
        actor: ActorId::new("lab-7")?,
        roles: [Role::Feeder].into(),
        means: text(1),
        request_id: text(2),
        act: Act::PostResults,
        count: 6,
        what: (3..9).map(text).collect(),
    })
}

/// Writes a ledger in a process of its own.
fn fill_elsewhere(dir: &Path, stream: &stream::Args) -> anyhow::Result<()> {
    let mut other = Command::new(std::env::current_exe()?);
    other.arg("replay").arg("--fill").arg(dir);
    for (name, value) in [
        ("--results", stream.results),
        ("--enterprises", stream.enterprises.into()),
        ("--days", stream.days.into()),
        ("--seed", stream.seed),
    ] {
        other.arg(name).arg(value.to_string());
    }
    let status = other.status()?;
    ensure!(
        status.success(),
        "the process that fills ended with {status}"
    );
    Ok(())
}

/// Writes a ledger as the worker does, with so many notes after each result, until it is durable.
pub(crate) fn fill(dir: &Path, args: &stream::Args, notes: u64) -> anyhow::Result<Writer> {
    let Opened {
        mut writer,
        mut engine,
        ..
    } = rig::store(dir)?.open()?;
    let name = SourcePartition {
        source: "bench".into(),
        partition: 0,
    };
    let held = [name.clone()];
    let input = Input::Hold(&held);
    let effects = engine.step(&input).effects;
    writer.append_input(&input)?;
    writer.append_effects(effects)?;
    let partition = engine.partition(&name);
    let mut encoded = EncodedResult::default();
    let watch = Stopwatch::start();
    let mut last = None;
    for (offset, result) in args.results()?.enumerate() {
        encoded.encode(&result)?;
        let seen = writer.lookup(&result.inspection_id)?;
        let step = engine.step(&Input::Result(ResultInput {
            partition,
            result: &result,
            digest: encoded.digest(),
            seen: seen.map(|seen| seen.digest),
            linked: &[],
            found: Found::default(),
        }));
        let Outcome::Accepted(accepted) = step.outcome else {
            anyhow::bail!("a result was refused: {:?}", step.outcome);
        };
        if let Some(epoch) = accepted.epoch {
            let placement = Placement {
                partition: &name,
                offset: offset as u64,
                epoch,
                late: accepted.late,
            };
            writer.append_result(&encoded, &placement)?;
        }
        writer.append_effects(step.effects)?;
        for number in 0..=notes {
            if number > 0 {
                let number = offset as u64 * notes + number;
                writer.append_access(&note(number, result.observed_at)?)?;
            }
            if writer.pending_entries() >= BLOCK || writer.is_full() {
                let next = [(name.clone(), offset as u64 + 1)].into();
                last = Some(writer.commit(&next, result.observed_at, fresh_seed())?);
            }
        }
    }
    let end = Input::Ended(&held);
    let effects = engine.step(&end).effects;
    writer.append_input(&end)?;
    writer.append_effects(effects)?;
    let next = [(name, args.results)].into();
    let never = Timestamp::from_millis(0);
    last = Some(writer.commit(&next, never, fresh_seed())?).or(last);
    writer.checkpoint(&engine)?;
    if let Some(ticket) = last {
        writer.wait(ticket)?;
    }
    say(
        "written: engine, identity, ledger",
        &rate(args.results, watch.elapsed()),
    );
    Ok(writer)
}
