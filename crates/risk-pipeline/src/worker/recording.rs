//! Writing down what becomes of an input, while the engine concludes it.

use super::{Worker, WorkerError};
use crate::metrics::PipelineMetrics;
use risk_engine::{
    Accepted, Assessment, Effect, Engine, Epoch, Input, Outcome, Recorder, ReferenceRefused,
};
use risk_store::{EncodedAssessments, StoreError, Writer};
use std::sync::Arc;

/// Writes an input into the ledger's open block once it is accepted, and what follows after it.
struct Recording<'a, W> {
    writer: &'a mut Writer,
    metrics: &'a PipelineMetrics,
    /// Writes the input.
    write: W,
    failed: Option<StoreError>,
    followed: Followed,
}

/// What of all that followed the worker itself must heed.
#[derive(Debug, Clone, Default)]
struct Followed {
    closed: bool,
    fitted: bool,
    /// An alert or a case moved.
    handled: bool,
    /// References that lead nowhere.
    refused: Vec<ReferenceRefused>,
}

impl<W> Recording<'_, W> {
    /// Nothing more is written after a failure: the worker stops, and the block is never committed.
    fn keep(&mut self, write: impl FnOnce(&mut Self) -> Result<(), StoreError>) {
        if self.failed.is_none() {
            self.failed = write(self).err();
        }
    }
}

impl<W> Recorder for Recording<'_, W>
where
    W: FnMut(&mut Writer, Accepted) -> Result<(), StoreError>,
{
    type Assessments = EncodedAssessments;

    fn outcome(&mut self, outcome: &Outcome) {
        if let Outcome::Accepted(accepted) = outcome {
            self.keep(|this| (this.write)(this.writer, *accepted));
        }
    }

    fn effect(&mut self, effect: Effect) {
        let metrics = self.metrics;
        match &effect {
            Effect::EpochClosed(_) => {
                metrics.closes.inc();
                self.followed.closed = true;
            }
            Effect::AlertRaised(alert) => metrics.raised(alert.level),
            Effect::SignalRaised(raised) => metrics.raised(raised.alert.level),
            Effect::ResultsRaised(raised) => metrics.raised(raised.alert.level),
            Effect::AlertMoved(moved) => {
                metrics.alert_moves.with_label_values(&[moved.what()]).inc();
                self.followed.handled = true;
            }
            Effect::SnapshotFitted(_) => self.followed.fitted = true,
            Effect::CaseMoved(moved) => {
                if moved.kept == 0 {
                    let kind = moved.case.state.kind();
                    metrics.cases_opened.with_label_values(&[kind.code()]).inc();
                }
                self.followed.handled = true;
            }
            Effect::CaseInserted(_) | Effect::CaseGone(_) => self.followed.handled = true,
            Effect::ReferenceRefused(refused) => {
                self.followed.refused.push((**refused).clone());
            }
            Effect::Assessed(_)
            | Effect::RatesTold(_)
            | Effect::LevelsTold(_)
            | Effect::CoursesTold(_)
            | Effect::WeekWatched(_)
            | Effect::AlertTermsSet(_) => {}
        }
        self.keep(|this| this.writer.append_effect(effect).map(drop));
    }

    fn gather(assessments: &mut EncodedAssessments, assessment: Assessment) {
        assessments.push(assessment);
    }

    fn assessed(&mut self, assessments: EncodedAssessments) {
        self.keep(|this| this.writer.append_assessments(assessments));
    }
}

impl Worker {
    /// Lets the engine take an input that belongs to an epoch: `write` writes it down once it is
    /// accepted.
    pub(super) fn step(
        &mut self,
        engine: &mut Engine,
        input: &Input<'_>,
        write: impl Fn(&mut Writer, Epoch, bool) -> Result<u64, StoreError>,
    ) -> Result<Outcome, WorkerError> {
        self.step_by(engine, input, |writer, accepted| {
            let epoch = accepted.epoch;
            epoch.map_or(Ok(()), |epoch| {
                write(writer, epoch, accepted.late).map(drop)
            })
        })
    }

    /// Lets the engine take an input that no partition brought.
    pub(super) fn input(&mut self, input: &Input<'_>) -> Result<(), WorkerError> {
        let engine = Arc::clone(&self.parts.engine);
        let mut engine = engine.write();
        self.step_by(&mut engine, input, |writer, _| {
            writer.append_input(input).map(drop)
        })
        .map(drop)
    }

    fn step_by(
        &mut self,
        engine: &mut Engine,
        input: &Input<'_>,
        write: impl FnMut(&mut Writer, Accepted) -> Result<(), StoreError>,
    ) -> Result<Outcome, WorkerError> {
        let mut recording = Recording {
            writer: &mut self.parts.writer,
            metrics: &self.parts.metrics,
            write,
            failed: None,
            followed: Followed::default(),
        };
        let outcome = engine.step_into(input, &mut recording);
        let Recording {
            failed, followed, ..
        } = recording;
        if let Some(error) = failed {
            return Err(error.into());
        }
        for refused in &followed.refused {
            self.refuse_reference(refused)?;
        }
        self.handled |= followed.handled;
        if followed.fitted {
            let cautions = engine.cautions();
            for caution in cautions.iter().filter(|one| !self.cautions.contains(one)) {
                tracing::warn!("{}", caution.en());
            }
            self.cautions = cautions;
        }
        if followed.closed {
            fit_beside(engine);
        }
        Ok(outcome)
    }
}

/// Runs the fit that a weekly close asks for beside the stream. The next close waits for it, or runs it
/// where it has not begun; nobody can tell from what it finds.
fn fit_beside(engine: &mut Engine) {
    let Some(task) = engine.fit_task() else {
        return;
    };
    let thread = std::thread::Builder::new().name("fit".to_owned());
    if let Err(error) = thread.spawn(move || task.run()) {
        tracing::warn!(%error, "no thread for the weekly fit; the next close runs it");
    }
}
