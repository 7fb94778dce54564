//! The engine alone: cost of a result, of a close, of a fit, and memory of a subject.

use crate::measure::{rate, resident_bytes, say, thread_time};
use crate::stream;
use anyhow::Context;
use risk_domain::inspection::InspectionResult;
use risk_domain::time::{CivilOffset, Day};
use risk_engine::{
    Assessment, Effect, Engine, Epoch, Found, Input, Outcome, Policy, Recorder, ResultInput,
    SourcePartition, Taxonomy,
};
use risk_sim::BulkStream;
use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;

/// Results that are made before they are stepped.
const BATCH: usize = 4096;

/// The engine alone, from memory, in processor time: admission, daily and weekly closes, fits, memory
/// of a subject
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stream: stream::Args,
}

/// What followed: counted and thrown away.
#[derive(Debug, Default)]
struct Counted {
    daily: u64,
    weekly: u64,
    assessed: u64,
}

impl Recorder for Counted {
    type Assessments = u64;

    fn outcome(&mut self, _outcome: &Outcome) {}

    fn effect(&mut self, effect: Effect) {
        if let Effect::EpochClosed(epoch) = effect {
            if ends_week(epoch) {
                self.weekly += 1;
            } else {
                self.daily += 1;
            }
        }
    }

    fn gather(assessments: &mut u64, assessment: Assessment) {
        drop(assessment);
        *assessments += 1;
    }

    fn assessed(&mut self, assessments: u64) {
        self.assessed += assessments;
    }
}

/// What the parts cost. A close is counted with the assessments that it writes out.
#[derive(Debug, Default)]
struct Costs {
    admission: Duration,
    weekly: u64,
    weekly_took: Duration,
    daily: u64,
    daily_took: Duration,
    freezing: Duration,
    fits: u64,
    fitting: Duration,
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
    let mut costs = Costs::default();
    let mut stream = args.stream.results()?.peekable();
    let (mut batch, mut day) = (Vec::with_capacity(BATCH), None);
    let mut results = 0_u64;
    while next_batch(&mut stream, &mut batch, &mut day) {
        let start = thread_time()?;
        let mut counted = Counted::default();
        for result in &batch {
            let input = Input::Result(ResultInput {
                partition: index,
                result,
                digest: 0,
                seen: None,
                linked: &[],
                found: Found::default(),
            });
            let outcome = engine.step_into(&input, &mut counted);
            anyhow::ensure!(
                matches!(outcome, Outcome::Accepted(_)),
                "a result was refused"
            );
        }
        costs.note(&mut engine, &counted, start)?;
        results += batch.len() as u64;
    }
    drop(batch);
    let start = thread_time()?;
    let mut counted = Counted::default();
    engine.step_into(&Input::Ended(&held), &mut counted);
    costs.note(&mut engine, &counted, start)?;
    let subjects: u64 = engine.subject_counts().values().sum();
    let used = resident_bytes()?.saturating_sub(before);
    costs.tell(results, subjects);
    let per_subject = used.checked_div(subjects).context("no subjects")?;
    say("memory a subject, all in all", &format!("{per_subject} B"));
    let use_of = engine.memory();
    let part = |bytes: usize| format!("{:.1} B", bytes as f64 / subjects as f64);
    say("  names", &part(use_of.names));
    say("  evidence sums (epoch bins)", &part(use_of.evidence));
    say("  alerts and cases", &part(use_of.raised));
    say("  everything else, by its own count", &part(use_of.other));
    Ok(())
}

/// The next results of one day; the first of a day, which closes another, comes alone.
fn next_batch(
    stream: &mut Peekable<BulkStream>,
    batch: &mut Vec<InspectionResult>,
    day: &mut Option<Day>,
) -> bool {
    batch.clear();
    let of = |result: &InspectionResult| Some(CivilOffset::CHINA.day_of(result.observed_at));
    if let Some(first) = stream.next_if(|result| of(result) != *day) {
        *day = of(&first);
        batch.push(first);
        return true;
    }
    while batch.len() < BATCH
        && let Some(next) = stream.next_if(|result| of(result) == *day)
    {
        batch.push(next);
    }
    !batch.is_empty()
}

/// Whether a day is the last of its week: 1970 began on a Thursday.
fn ends_week(epoch: Epoch) -> bool {
    epoch.0.rem_euclid(7) == 3
}

impl Costs {
    /// Counts what was stepped since `start`, and runs the fit that is due.
    fn note(
        &mut self,
        engine: &mut Engine,
        counted: &Counted,
        start: Duration,
    ) -> anyhow::Result<()> {
        let Counted {
            daily,
            weekly,
            assessed,
        } = *counted;
        self.assessed += assessed;
        let took = thread_time()?.saturating_sub(start);
        if weekly > 0 {
            self.weekly_took += took;
        } else if daily > 0 {
            self.daily_took += took;
        } else {
            self.admission += took;
        }
        self.weekly += weekly;
        self.daily += daily;
        if weekly > 0 {
            let start = thread_time()?;
            let task = engine.fit_task();
            let frozen = thread_time()?;
            self.freezing += frozen.saturating_sub(start);
            if let Some(task) = task {
                task.run();
                self.fits += 1;
                self.fitting += thread_time()?.saturating_sub(frozen);
            }
        }
        Ok(())
    }

    fn tell(&self, results: u64, subjects: u64) {
        let closes = self.daily_took + self.weekly_took + self.freezing;
        say("results", &results.to_string());
        say("subjects", &subjects.to_string());
        let all = self.admission + closes;
        say("engine, all but fits", &rate(results, all));
        say("  admission", &rate(results, self.admission));
        say(
            &format!("  daily closes ({})", self.daily),
            &rate(results, self.daily_took),
        );
        say(
            &format!("  weekly closes ({})", self.weekly),
            &rate(results, self.weekly_took),
        );
        say(
            "    of one subject judged there",
            &rate((self.weekly * subjects).max(1), self.weekly_took),
        );
        say(
            "  freezing what is to be fitted",
            &rate(results, self.freezing),
        );
        say(
            &format!("fits ({}), beside the stream in the program", self.fits),
            &rate(results, self.fitting),
        );
        say("assessments recorded", &self.assessed.to_string());
    }
}
