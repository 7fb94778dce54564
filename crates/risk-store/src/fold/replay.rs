//! Judging everything again（重放）.

use super::{Decoded, Links, Pieces, ReadAs, Written, partition_of, with_pieces};
use crate::error::StoreError;
use crate::identities::Identities;
use crate::ledger::LedgerReader;
use crate::records::{EncodedAssessments, Record, decode_effect, encode_effect};
use crate::writer::ExcerptCache;
use risk_engine::{
    Assessment, Effect, Engine, Epoch, Found, Input, Outcome, Recorder, ResultInput,
};
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

/// The effects that were recorded behind a record: those up to the next record, in however many pieces.
struct Behind<'a> {
    /// The piece that the record stands in, and how many of its effects were compared.
    piece: &'a Decoded,
    compared: &'a mut usize,
    /// The record after it in the same piece. Behind the last one the pieces after it begin with effects of its.
    until: Option<u64>,
    rest: &'a mut Rest,
}

/// The pieces after the one at hand, and how many effects of the first of them were compared.
struct Rest {
    pieces: Pieces,
    first: Option<(Decoded, usize)>,
}

impl Behind<'_> {
    fn next(&mut self) -> Result<Option<(u64, Written<'_>)>, StoreError> {
        let number = *self.compared;
        match (self.piece.entries.get(number), self.until) {
            (Some(entry), until) => {
                let behind = until.is_none_or(|until| *entry < until);
                *self.compared += usize::from(behind);
                Ok(behind.then(|| self.piece.effect(number)).flatten())
            }
            (None, Some(_)) => Ok(None),
            (None, None) => self.rest.next_effect(),
        }
    }
}

impl Rest {
    /// The next effect, unless a record comes before it.
    fn next_effect(&mut self) -> Result<Option<(u64, Written<'_>)>, StoreError> {
        loop {
            let Some((piece, compared)) = self.next_piece()? else {
                return Ok(None);
            };
            if compared == piece.entries.len() && piece.records.is_empty() {
                self.pieces.give_back(piece);
                continue;
            }
            let entry = piece.entries.get(compared);
            let record = piece.records.first().map(|(index, _)| index);
            let comes = entry.is_some_and(|entry| record.is_none_or(|record| entry < record));
            let (piece, next) = self.first.insert((piece, compared + usize::from(comes)));
            return Ok(comes.then(|| piece.effect(*next - 1)).flatten());
        }
    }

    /// The next piece, and how many of its effects were compared.
    fn next_piece(&mut self) -> Result<Option<(Decoded, usize)>, StoreError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => Ok(self.pieces.next()?.map(|piece| (piece, 0))),
        }
    }
}

/// Compares what follows from a record with what was recorded, as it follows.
struct Comparison<'a> {
    report: &'a mut ReplayReport,
    behind: Behind<'a>,
    /// The record.
    entry: u64,
    /// An effect in its recorded form.
    written: &'a mut Vec<u8>,
    /// Whether an epoch closed.
    closed: bool,
    failed: Option<StoreError>,
}

impl Recorder for Comparison<'_> {
    type Assessments = EncodedAssessments;

    fn outcome(&mut self, _outcome: &Outcome) {}

    fn effect(&mut self, mut effect: Effect) {
        self.closed |= matches!(effect, Effect::EpochClosed(_));
        let mut written = std::mem::take(self.written);
        written.clear();
        let compared = encode_effect(&mut written, &mut effect)
            .and_then(|party| self.compare(written.split_at(party)));
        self.note(compared);
        *self.written = written;
    }

    fn gather(assessments: &mut EncodedAssessments, assessment: Assessment) {
        assessments.push(assessment);
    }

    fn assessed(&mut self, assessments: EncodedAssessments) {
        let mut compared = Ok(());
        let all = assessments.each(|decision| {
            if compared.is_ok() {
                compared = self.compare((&[], decision));
            }
        });
        self.note(all.and(compared));
    }
}

impl Comparison<'_> {
    fn note(&mut self, compared: Result<(), StoreError>) {
        self.failed = self.failed.take().or_else(|| compared.err());
    }

    /// Compares an effect with the one recorded in its place: byte by byte, and where these differ by what they say,
    /// which an earlier form says in other bytes.
    fn compare(&mut self, now: Written<'_>) -> Result<(), StoreError> {
        let Some((entry, recorded)) = self.behind.next()? else {
            let now = Box::new(read_effect(self.entry, now)?);
            let entry = self.entry;
            self.report
                .differences
                .push(Difference::Unrecorded { entry, now });
            return Ok(());
        };
        self.report.effects += 1;
        if now != recorded {
            let now = read_effect(entry, now)?;
            let recorded = read_effect(entry, recorded)?;
            if now != recorded {
                self.report.differences.push(Difference::Effect {
                    entry,
                    recorded: Box::new(recorded),
                    now: Some(Box::new(now)),
                });
            }
        }
        Ok(())
    }

    /// Whether an epoch closed, once everything followed: what else was recorded does not follow now.
    fn end(mut self) -> Result<bool, StoreError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        while let Some((entry, recorded)) = self.behind.next()? {
            self.report.leave(entry, recorded)?;
        }
        Ok(self.closed)
    }
}

fn read_effect(entry: u64, (party, decision): Written<'_>) -> Result<Effect, StoreError> {
    decode_effect(entry, party, decision)
}

impl ReplayReport {
    /// Notes a recorded effect that does not follow now.
    fn leave(&mut self, entry: u64, recorded: Written<'_>) -> Result<(), StoreError> {
        self.effects += 1;
        self.differences.push(Difference::Effect {
            entry,
            recorded: Box::new(read_effect(entry, recorded)?),
            now: None,
        });
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
}

/// Judges all recorded inputs again with a fresh engine.
pub(crate) fn replay(
    engine: &mut Engine,
    identities: &mut Identities,
    ledger: &LedgerReader,
) -> Result<ReplayReport, StoreError> {
    identities.feed_from_ledger(ledger.entry_count())?;
    engine.leave_out_lists();
    let links = Links {
        identities,
        ledger,
        cache: ExcerptCache::default(),
    };
    with_pieces(ledger, 0, ReadAs::Bytes, |pieces| {
        let mut replay = Replay {
            engine,
            links,
            report: ReplayReport::default(),
            written: Vec::new(),
        };
        let mut rest = Rest {
            pieces,
            first: None,
        };
        // Nothing follows from nothing.
        while let Some((entry, recorded)) = rest.next_effect()? {
            replay.report.leave(entry, recorded)?;
        }
        while let Some((piece, compared)) = rest.next_piece()? {
            replay.piece(&piece, compared, &mut rest)?;
            rest.pieces.give_back(piece);
        }
        Ok(replay.report)
    })
}

/// A replay on its way.
struct Replay<'a> {
    engine: &'a mut Engine,
    links: Links<'a>,
    report: ReplayReport,
    /// Memory of the effect that is compared.
    written: Vec<u8>,
}

impl Replay<'_> {
    /// Judges the inputs of a piece, some of whose effects were compared with what followed from one before it.
    fn piece(
        &mut self,
        piece: &Decoded,
        mut compared: usize,
        rest: &mut Rest,
    ) -> Result<(), StoreError> {
        let mut subjects = piece.subjects.iter().copied();
        let mut until = piece.records.iter().skip(1).map(|(index, _)| *index);
        for some in piece.records.chunks(FOUND_AT_ONCE) {
            let results = some.iter().filter_map(|(_, record)| record.result());
            // The results first: where there are no more of them, no key is taken.
            let named = results.zip(subjects.by_ref()).map(|(of, key)| (key, of));
            let found = self.engine.find_all(named);
            let mut found = found.into_iter();
            for (index, record) in some {
                let behind = Behind {
                    piece,
                    compared: &mut compared,
                    until: until.next(),
                    rest,
                };
                let found = record.result().and_then(|_| found.next());
                self.record((*index, record), found.unwrap_or_default(), behind)?;
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        (index, record): (u64, &Record),
        found: Found,
        behind: Behind<'_>,
    ) -> Result<(), StoreError> {
        let piece = behind.piece;
        let mut comparison = Comparison {
            report: &mut self.report,
            behind,
            entry: index,
            written: &mut self.written,
            closed: false,
            failed: None,
        };
        let linked;
        let input = if let Record::Result(record) = record {
            linked = self.links.of(self.engine, index, record)?;
            let partition = partition_of(index, piece, record)?;
            let input = Input::Result(ResultInput {
                partition: self.engine.partition(partition),
                result: &record.result,
                digest: record.digest,
                // Accepted results have ids of their own, so nothing was seen before.
                seen: None,
                linked: &linked,
                found,
            });
            Some((input, Some((record.epoch, record.late))))
        } else {
            input_of(record)
        };
        let became = input.map(|(input, placed)| {
            let outcome = self.engine.step_into(&input, &mut comparison);
            (outcome, placed)
        });
        if comparison.end()?
            && let Some(task) = self.engine.fit_task()
        {
            // The next close waits for it, or runs it where there is no thread for it.
            drop(thread::Builder::new().spawn(move || task.run()));
        }
        if let Some((outcome, placed)) = became {
            self.report.inputs += 1;
            if let Some(placed) = placed {
                self.report.place(index, placed, outcome);
            }
        }
        Ok(())
    }
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
