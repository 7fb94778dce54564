//! Judging everything again（重放）.

use super::{Decoded, Effects, Links, ReadAs, Written, for_each_piece, partition_of};
use crate::error::StoreError;
use crate::identities::Identities;
use crate::ledger::LedgerReader;
use crate::records::{EncodedAssessments, Record, decode_effect, encode_effect};
use crate::writer::ExcerptCache;
use risk_engine::{Assessment, Effect, Engine, Epoch, Input, Outcome, Recorder, ResultInput};
use std::thread;

/// Records whose subjects are looked for at a time: few enough to stay in the processor's cache.
const FOUND_AT_ONCE: usize = 256;

/// Where judging again gave something else（差异）.
#[doc(alias = "差异")]
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// The recorded effect does not follow now, or something else follows in its place.
    Effect {
        /// Entry of the recorded effect.
        entry: u64,
        /// What was recorded.
        recorded: Box<Effect>,
        /// What follows now, if anything does.
        now: Option<Box<Effect>>,
    },
    /// Something follows now that was not recorded.
    Unrecorded {
        /// Entry of the input after which it follows.
        entry: u64,
        /// What follows now.
        now: Box<Effect>,
    },
    /// A result is now placed otherwise, or refused.
    Placement {
        /// Entry of the result.
        entry: u64,
        /// What becomes of it now.
        now: Outcome,
    },
}

/// What a replay found（重放报告）.
#[doc(alias = "重放报告")]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReplayReport {
    /// Inputs judged again.
    pub inputs: u64,
    /// Effects that were recorded.
    pub effects: u64,
    /// Where the two differ, in the order of the ledger.
    pub differences: Vec<Difference>,
}

/// What followed from the last input, as it would be recorded.
#[derive(Default)]
struct Expected {
    input: u64,
    effects: Effects,
    /// How many were met in the ledger.
    met: usize,
    /// Whether an epoch closed.
    closed: bool,
    failed: Option<StoreError>,
}

impl Recorder for Expected {
    type Assessments = EncodedAssessments;

    fn outcome(&mut self, _outcome: &Outcome) {}

    fn effect(&mut self, mut effect: Effect) {
        self.closed |= matches!(effect, Effect::EpochClosed(_));
        match encode_effect(&mut self.effects.bytes, &mut effect) {
            Ok(party) => self.effects.end(party),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
    }

    fn gather(assessments: &mut EncodedAssessments, assessment: Assessment) {
        assessments.push(assessment);
    }

    fn assessed(&mut self, assessments: EncodedAssessments) {
        let all = assessments.each(|decision| self.effects.push((&[], decision)));
        self.failed = self.failed.take().or_else(|| all.err());
    }
}

impl Expected {
    /// Begins anew with what follows from another input.
    fn begin(&mut self, input: u64) {
        self.input = input;
        self.effects.clear();
        self.met = 0;
        self.closed = false;
    }

    /// The first that was not met yet.
    fn next(&self) -> Option<Written<'_>> {
        self.effects.get(self.met)
    }
}

fn read_effect(entry: u64, (party, decision): Written<'_>) -> Result<Effect, StoreError> {
    decode_effect(entry, party, decision)
}

impl ReplayReport {
    fn leave(&mut self, expected: &mut Expected) -> Result<(), StoreError> {
        while let Some(now) = expected.next() {
            let entry = expected.input;
            let now = Box::new(read_effect(entry, now)?);
            self.differences.push(Difference::Unrecorded { entry, now });
            expected.met += 1;
        }
        Ok(())
    }

    /// Compares how an input was placed with how it is now.
    fn place(&mut self, entry: u64, (epoch, late): (Epoch, bool), outcome: Outcome) {
        let same = matches!(&outcome, Outcome::Accepted(accepted)
            if accepted.epoch == Some(epoch) && accepted.late == late);
        if !same {
            let now = outcome;
            self.differences.push(Difference::Placement { entry, now });
        }
    }

    /// Compares the effects that were recorded before an entry, from `next` on, with what follows now.
    fn compare_until(
        &mut self,
        expected: &mut Expected,
        piece: &Decoded,
        next: &mut usize,
        until: u64,
    ) -> Result<(), StoreError> {
        while let Some(entry) = piece.entries.get(*next).filter(|entry| **entry < until) {
            if let Some(recorded) = piece.effects.get(*next) {
                self.compare(expected, *entry, recorded)?;
            }
            *next += 1;
        }
        Ok(())
    }

    /// Compares a recorded effect with what follows now: byte by byte, and where these differ by what they say,
    /// which an earlier form says in other bytes.
    fn compare(
        &mut self,
        expected: &mut Expected,
        entry: u64,
        recorded: Written<'_>,
    ) -> Result<(), StoreError> {
        self.effects += 1;
        let now = expected.next();
        if now != Some(recorded) {
            let now = now.map(|now| read_effect(entry, now)).transpose()?;
            let recorded = read_effect(entry, recorded)?;
            if now.as_ref() != Some(&recorded) {
                self.differences.push(Difference::Effect {
                    entry,
                    recorded: Box::new(recorded),
                    now: now.map(Box::new),
                });
            }
        }
        expected.met += 1;
        Ok(())
    }
}

/// Judges all recorded inputs again with a fresh engine.
pub(crate) fn replay(
    engine: &mut Engine,
    identities: &mut Identities,
    ledger: &LedgerReader,
) -> Result<ReplayReport, StoreError> {
    let mut report = ReplayReport::default();
    let mut expected = Expected::default();
    identities.feed_from_ledger(ledger.entry_count())?;
    let mut links = Links {
        identities,
        ledger,
        cache: ExcerptCache::default(),
    };
    for_each_piece(ledger, 0, ReadAs::Bytes, |piece| {
        let mut compared = 0;
        for some in piece.records.chunks(FOUND_AT_ONCE) {
            let results = some.iter().filter_map(|(_, record)| record.result());
            let mut found = engine.find_all(results).into_iter();
            for (index, record) in some {
                report.compare_until(&mut expected, piece, &mut compared, *index)?;
                let linked;
                let input = if let Record::Result(record) = record {
                    linked = links.of(engine, *index, record)?;
                    let partition = partition_of(*index, piece, record)?;
                    let input = Input::Result(ResultInput {
                        partition: engine.partition(partition),
                        result: &record.result,
                        digest: record.digest,
                        // Accepted results have ids of their own, so nothing was seen before.
                        seen: None,
                        linked: &linked,
                        found: found.next().unwrap_or_default(),
                    });
                    Some((input, Some((record.epoch, record.late))))
                } else {
                    input_of(record)
                };
                let Some((input, placed)) = input else {
                    continue;
                };
                report.leave(&mut expected)?;
                expected.begin(*index);
                let outcome = engine.step_into(&input, &mut expected);
                if let Some(error) = expected.failed.take() {
                    return Err(error);
                }
                if expected.closed
                    && let Some(task) = engine.fit_task()
                {
                    // The next close waits for it, or runs it where there is no thread for it.
                    drop(thread::Builder::new().spawn(move || task.run()));
                }
                if let Some(placed) = placed {
                    report.place(*index, placed, outcome);
                }
                report.inputs += 1;
            }
        }
        report.compare_until(&mut expected, piece, &mut compared, u64::MAX)
    })?;
    report.leave(&mut expected)?;
    Ok(report)
}

/// What an input was, and how it was placed if that was recorded.
type Placed<'a> = (Input<'a>, Option<(Epoch, bool)>);

/// The input that a record tells of; none where it is a result, which is not enough, or where nothing follows.
fn input_of(record: &Record) -> Option<Placed<'_>> {
    match record {
        // Effects were not read.
        Record::Result(_)
        | Record::Rejection(_)
        | Record::Access(_)
        | Record::Erasure(_)
        | Record::Effect(_) => None,
        Record::Input(input) => Some((input.as_input(), None)),
        Record::Registry(record) => {
            let input = Input::Registry {
                partition: &record.partition,
                entry: &record.told,
            };
            Some((input, Some((record.epoch, record.late))))
        }
        Record::Signal(record) => {
            let heard = &record.heard;
            let input = Input::Signal {
                partition: &heard.partition,
                signal: &heard.told,
            };
            Some((input, Some((heard.epoch, heard.late))))
        }
        Record::Command(record) => {
            let input = Input::Command {
                partition: &record.partition,
                command: &record.told,
            };
            Some((input, Some((record.epoch, record.late))))
        }
    }
}
