//! What the worker does with a record that could be read: the engine takes it, and what follows is
//! recorded.

use super::refusal::{command_rejection, engine_rejection, entry_rejection, signal_rejection};
use super::{Handled, Known, Worker, WorkerError};
use crate::source::RawRecord;
use crate::wire::Rejection;
use risk_domain::decision::Command;
use risk_domain::inspection::InspectionResult;
use risk_domain::registry::RegistryEntry;
use risk_domain::signal::{Signal, SignalPersonal};
use risk_engine::{Engine, EngineRejection, Input, Outcome, ResultInput};
use risk_store::{CommandRecord, EncodedResult, Placement, RegistryRecord, SignalRecord, Told};

impl Worker {
    pub(super) fn apply(
        &mut self,
        engine: &mut Engine,
        (result, encoded): (&InspectionResult, &EncodedResult),
        record: &RawRecord,
        Known { seen, found }: Known,
    ) -> Result<Handled, WorkerError> {
        let since = self.parts.writer.accepted_since(encoded.id());
        let mut seen = since.or(seen).map(|seen| seen.digest);
        // A ledger that an earlier program began knows what it has by another digest.
        if seen.is_some_and(|seen| seen != encoded.digest())
            && seen == Some(encoded.first_digest()?)
        {
            seen = Some(encoded.digest());
        }
        let linked = self.parts.writer.links_of(engine, result)?;
        let lane = self.lanes.of(record.partition);
        let name = lane.name.clone();
        let input = Input::Result(ResultInput {
            partition: *lane.number.get_or_insert_with(|| engine.partition(&name)),
            result,
            digest: encoded.digest(),
            seen,
            linked: &linked,
            found,
        });
        let outcome = self.step(engine, &input, |writer, epoch, late| {
            let placement = Placement {
                partition: &name,
                offset: record.offset.0 as u64,
                epoch,
                late,
            };
            writer.append_result(encoded, &placement)
        })?;
        Ok(handled(&outcome, |why| engine_rejection(why, result)))
    }

    /// Applies what the register says of a site.
    pub(super) fn apply_entry(
        &mut self,
        engine: &mut Engine,
        entry: &RegistryEntry,
        record: &RawRecord,
    ) -> Result<Handled, WorkerError> {
        let partition = self.lanes.named(record.partition);
        let input = Input::Registry {
            partition: &partition,
            entry,
        };
        let outcome = self.step(engine, &input, |writer, epoch, late| {
            writer.append_registry(&RegistryRecord {
                partition: partition.clone(),
                offset: record.offset.0 as u64,
                epoch,
                late,
                told: entry.clone(),
            })
        })?;
        Ok(handled(&outcome, |why| entry_rejection(why, entry)))
    }

    /// Applies what an officer decided.
    pub(super) fn apply_command(
        &mut self,
        engine: &mut Engine,
        command: &Command,
        record: &RawRecord,
    ) -> Result<Handled, WorkerError> {
        let partition = self.lanes.named(record.partition);
        let input = Input::Command {
            partition: &partition,
            command,
        };
        let outcome = self.step(engine, &input, |writer, epoch, late| {
            writer.append_command(&CommandRecord {
                partition: partition.clone(),
                offset: record.offset.0 as u64,
                epoch,
                late,
                told: command.clone(),
            })
        })?;
        Ok(handled(&outcome, |why| command_rejection(why, command)))
    }

    /// Applies what was heard.
    pub(super) fn apply_signal(
        &mut self,
        engine: &mut Engine,
        (signal, personal): &(Signal, SignalPersonal),
        record: &RawRecord,
    ) -> Result<Handled, WorkerError> {
        let partition = self.lanes.named(record.partition);
        let input = Input::Signal {
            partition: &partition,
            signal,
        };
        let outcome = self.step(engine, &input, |writer, epoch, late| {
            writer.append_signal(&SignalRecord {
                heard: Told {
                    partition: partition.clone(),
                    offset: record.offset.0 as u64,
                    epoch,
                    late,
                    told: signal.clone(),
                },
                personal: personal.clone(),
            })
        })?;
        Ok(handled(&outcome, |why| signal_rejection(why, signal)))
    }
}

fn handled(outcome: &Outcome, refused: impl FnOnce(EngineRejection) -> Rejection) -> Handled {
    match outcome {
        Outcome::Accepted(_) => Handled::Applied,
        Outcome::Duplicate => Handled::Duplicate,
        Outcome::Rejected(why) => Handled::Rejected(refused(*why)),
    }
}
