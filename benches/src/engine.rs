//! The engine alone: cost of a result, of a close, and memory of a subject.

use crate::measure::{Stopwatch, rate, resident_bytes, say, timed};
use crate::stream;
use anyhow::Context;
use risk_engine::{Effect, Engine, Input, Outcome, Policy, ResultInput, SourcePartition, Taxonomy};
use std::sync::Arc;
use std::time::Duration;

/// The engine alone, from memory: admission, daily and weekly closes, memory of a subject
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stream: stream::Args,
}

/// What closes cost.
#[derive(Debug, Default)]
struct Closes {
    weekly: u64,
    weekly_took: Duration,
    daily: u64,
    daily_took: Duration,
    assessed: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let before = resident_bytes()?;
    let mut engine = Engine::new(
        Arc::new(Policy::builtin()?),
        Taxonomy::from_reference(&stream::reference()?),
    )?;
    let partition = SourcePartition {
        source: "bench".into(),
        partition: 0,
    };
    let held = [partition.clone()];
    engine.step(&Input::Hold(&held));
    let index = engine.partition(&partition);
    let mut closes = Closes::default();
    let mut stepping = Duration::ZERO;
    let mut batch = Vec::with_capacity(4096);
    let mut stream = args.stream.results()?;
    let mut results = 0_u64;
    loop {
        batch.clear();
        batch.extend(stream.by_ref().take(4096));
        if batch.is_empty() {
            break;
        }
        let watch = Stopwatch::start();
        for result in &batch {
            let at = Stopwatch::start();
            let step = engine.step(&Input::Result(ResultInput {
                partition: index,
                result,
                digest: 0,
                seen: None,
                linked: &[],
            }));
            anyhow::ensure!(
                matches!(step.outcome, Outcome::Accepted(_)),
                "a result was refused"
            );
            if !step.effects.is_empty() {
                closes.note(&step.effects, at.elapsed());
            }
        }
        stepping += watch.elapsed();
        results += batch.len() as u64;
    }
    drop(batch);
    let (_, took) = timed(|| engine.step(&Input::Ended(&held)));
    stepping += took;
    let subjects: u64 = engine.subject_counts().values().sum();
    let used = resident_bytes()?.saturating_sub(before);
    let admitted = stepping.saturating_sub(closes.weekly_took + closes.daily_took);
    say("results", &results.to_string());
    say("subjects", &subjects.to_string());
    say("engine, everything", &rate(results, stepping));
    say("  admission", &rate(results, admitted));
    say(
        &format!("  daily closes ({})", closes.daily),
        &rate(results, closes.daily_took),
    );
    say(
        &format!("  weekly closes ({}), a subject judged", closes.weekly),
        &rate(closes.weekly * subjects, closes.weekly_took),
    );
    say(
        "  weekly closes, spread over results",
        &rate(results, closes.weekly_took),
    );
    say("assessments recorded", &closes.assessed.to_string());
    let per_subject = used.checked_div(subjects).context("no subjects")?;
    say("memory a subject, all in all", &format!("{per_subject} B"));
    let use_of = engine.memory();
    let part = |bytes: usize| format!("{:.1} B", bytes as f64 / subjects as f64);
    say("  names", &part(use_of.names));
    say("  evidence sums (epoch bins)", &part(use_of.evidence));
    say("  everything else, by its own count", &part(use_of.other));
    Ok(())
}

impl Closes {
    fn note(&mut self, effects: &[Effect], took: Duration) {
        let is = |found: fn(&Effect) -> bool| {
            effects.iter().filter(|effect| found(effect)).count() as u64
        };
        let fitted = is(|effect| matches!(effect, Effect::SnapshotFitted(_)));
        self.assessed += is(|effect| matches!(effect, Effect::Assessed(_)));
        let closed = is(|effect| matches!(effect, Effect::EpochClosed(_)));
        if fitted > 0 {
            self.weekly += fitted;
            self.weekly_took += took;
        } else if closed > 0 {
            self.daily += closed;
            self.daily_took += took;
        }
    }
}
