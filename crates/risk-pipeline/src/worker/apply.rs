//! What the worker does with a record that could be read: the engine takes it, and what follows is
//! recorded.

use super::refusal::{command_rejection, engine_rejection, entry_rejection, signal_rejection};
use super::{Handled, Worker, WorkerError};
use crate::source::RawRecord;
use risk_domain::decision::Command;
use risk_domain::inspection::InspectionResult;
use risk_domain::registry::RegistryEntry;
use risk_domain::signal::{Signal, SignalPersonal};
use risk_engine::{Accepted, Input, Outcome, ResultInput};
use risk_store::{CommandRecord, EncodedResult, Placement, RegistryRecord, SignalRecord, Told};
use std::sync::{Arc, PoisonError};

impl Worker {
    pub(super) fn apply(
        &mut self,
        result: &InspectionResult,
        encoded: &EncodedResult,
        record: &RawRecord,
    ) -> Result<Handled, WorkerError> {
        let seen = self.parts.writer.lookup(&result.inspection_id)?;
        let engine = Arc::clone(&self.parts.engine);
        let mut engine = engine.write().unwrap_or_else(PoisonError::into_inner);
        let linked = self.parts.writer.links_of(&engine, result)?;
        let name = self.named(record.partition);
        let step = {
            let partition = engine.partition(&name);
            engine.step(&Input::Result(ResultInput {
                partition,
                result,
                digest: encoded.digest(),
                seen: seen.map(|seen| seen.digest),
                linked: &linked,
            }))
        };
        drop(engine);
        match step.outcome {
            Outcome::Duplicate => Ok(Handled::Duplicate),
            Outcome::Rejected(why) => Ok(Handled::Rejected(engine_rejection(why, result))),
            Outcome::Accepted(accepted) => {
                if let Some(epoch) = accepted.epoch {
                    let placement = Placement {
                        partition: &name,
                        offset: record.offset.0 as u64,
                        epoch,
                        late: accepted.late,
                    };
                    self.parts
                        .writer
                        .append_result(result, encoded, &placement)?;
                }
                self.record(step.effects)?;
                Ok(Handled::Applied)
            }
        }
    }

    /// Applies what the register says of a site.
    pub(super) fn apply_entry(
        &mut self,
        entry: &RegistryEntry,
        record: &RawRecord,
    ) -> Result<Handled, WorkerError> {
        let partition = self.named(record.partition);
        let step = self.engine().step(&Input::Registry {
            partition: &partition,
            entry,
        });
        match step.outcome {
            Outcome::Duplicate => return Ok(Handled::Duplicate),
            Outcome::Rejected(why) => return Ok(Handled::Rejected(entry_rejection(why, entry))),
            Outcome::Accepted(Accepted { epoch: None, .. }) => {}
            Outcome::Accepted(Accepted {
                epoch: Some(epoch),
                late,
            }) => {
                let record = RegistryRecord {
                    partition,
                    offset: record.offset.0 as u64,
                    epoch,
                    late,
                    told: entry.clone(),
                };
                self.parts.writer.append_registry(&record)?;
            }
        }
        self.record(step.effects)?;
        Ok(Handled::Applied)
    }

    /// Applies what an officer decided.
    pub(super) fn apply_command(
        &mut self,
        command: &Command,
        record: &RawRecord,
    ) -> Result<Handled, WorkerError> {
        let partition = self.named(record.partition);
        let step = self.engine().step(&Input::Command {
            partition: &partition,
            command,
        });
        match step.outcome {
            Outcome::Duplicate => return Ok(Handled::Duplicate),
            Outcome::Rejected(why) => {
                return Ok(Handled::Rejected(command_rejection(why, command)));
            }
            Outcome::Accepted(Accepted { epoch: None, .. }) => {}
            Outcome::Accepted(Accepted {
                epoch: Some(epoch),
                late,
            }) => {
                let record = CommandRecord {
                    partition,
                    offset: record.offset.0 as u64,
                    epoch,
                    late,
                    told: command.clone(),
                };
                self.parts.writer.append_command(&record)?;
            }
        }
        self.record(step.effects)?;
        Ok(Handled::Applied)
    }

    /// Applies what was heard.
    pub(super) fn apply_signal(
        &mut self,
        (signal, personal): &(Signal, SignalPersonal),
        record: &RawRecord,
    ) -> Result<Handled, WorkerError> {
        let partition = self.named(record.partition);
        let step = self.engine().step(&Input::Signal {
            partition: &partition,
            signal,
        });
        match step.outcome {
            Outcome::Duplicate => return Ok(Handled::Duplicate),
            Outcome::Rejected(why) => {
                return Ok(Handled::Rejected(signal_rejection(why, signal)));
            }
            Outcome::Accepted(Accepted { epoch: None, .. }) => {}
            Outcome::Accepted(Accepted {
                epoch: Some(epoch),
                late,
            }) => {
                let record = SignalRecord {
                    heard: Told {
                        partition,
                        offset: record.offset.0 as u64,
                        epoch,
                        late,
                        told: signal.clone(),
                    },
                    personal: personal.clone(),
                };
                self.parts.writer.append_signal(&record)?;
            }
        }
        self.record(step.effects)?;
        Ok(Handled::Applied)
    }
}
