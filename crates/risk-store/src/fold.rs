//! Folding and replaying the ledger（归并与重放）.
//!
//! Folding applies what was recorded and judges nothing; replaying judges again and compares. Both
//! read blocks on one thread, decode them on it, and work on the other.

use crate::error::StoreError;
use crate::identities::Identities;
use crate::identity::{IdHash, Seen};
use crate::ledger::{Block, LedgerReader};
use crate::records::{
    BlockMetadata, EncodedAssessments, Positions, Record, RecordKind, ResultRecord, decode_effect,
    encode_effect,
};
use crate::writer::{ExcerptCache, linked_of};
use risk_engine::{
    Assessment, Effect, Engine, Epoch, Input, Linked, Outcome, Recorded, Recorder, ResultInput,
    SourcePartition,
};
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

/// Blocks decoded ahead.
const AHEAD: usize = 2;

/// The party and the decision of an effect.
type Written<'a> = (&'a [u8], &'a [u8]);

fn read_effect(entry: u64, (party, decision): Written<'_>) -> Result<Effect, StoreError> {
    decode_effect(entry, party, decision)
}

/// A block with its entries decoded.
struct Decoded {
    metadata: BlockMetadata,
    records: Vec<(u64, Record)>,
    block: Block,
}

/// Who reads the effects that were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effects {
    /// Folding applies them.
    Decoded,
    /// Replaying compares their bytes, which is cheaper than reading them.
    Raw,
}

impl Decoded {
    fn of(block: Block, effects: Effects) -> Result<Self, StoreError> {
        let metadata = BlockMetadata::decode(block.header().first_entry, block.metadata())?;
        let mut records = Vec::with_capacity(block.header().entry_count as usize);
        for (index, entry) in block.entries() {
            if effects == Effects::Raw && entry.kind.0 == RecordKind::Effect as u8 {
                continue;
            }
            records.push((index, Record::decode(index, &entry)?));
        }
        Ok(Self {
            metadata,
            records,
            block,
        })
    }

    /// Recorded effects from entry `from` on and before `until`, as they were written.
    fn effects(&self, from: u64, until: u64) -> impl Iterator<Item = (u64, Written<'_>)> {
        let entries = (from..until).filter_map(|index| Some((index, self.block.entry(index)?)));
        entries
            .filter(|(_, entry)| entry.kind.0 == RecordKind::Effect as u8)
            .map(|(index, entry)| (index, (entry.party, entry.decision)))
    }
}

fn for_each_block(
    ledger: &LedgerReader,
    from_block: u64,
    effects: Effects,
    mut work: impl FnMut(&Decoded) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    thread::scope(|scope| {
        let (decoded, blocks) = sync_channel(AHEAD);
        let (used, returned) = channel();
        scope.spawn(move || {
            for block in ledger.blocks(from_block) {
                // Memory is cheapest to free where it was asked for.
                drop(returned.try_iter().collect::<Vec<Decoded>>());
                let block = block.map_err(StoreError::from);
                let block = block.and_then(|block| Decoded::of(block, effects));
                let failed = block.is_err();
                // Without a receiver the work has failed and nobody waits for more.
                if decoded.send(block).is_err() || failed {
                    break;
                }
            }
        });
        // An iterator, so that the receiver is dropped on failure and the sender stops.
        for block in blocks {
            let block = block?;
            work(&block)?;
            // Without a thread that takes it, it is merely dropped.
            drop(used.send(block));
        }
        Ok(())
    })
}

/// Finds the results that others refer to, among the entries before theirs.
struct Links<'a> {
    identities: &'a mut Identities,
    ledger: &'a LedgerReader,
    cache: ExcerptCache,
}

impl Links<'_> {
    fn of(
        &mut self,
        engine: &Engine,
        index: u64,
        record: &ResultRecord,
    ) -> Result<Vec<Linked>, StoreError> {
        let result = &record.result;
        if result.supersedes.is_none() && result.confirms.is_none() {
            return Ok(Vec::new());
        }
        let mut links = Vec::new();
        for id in engine.missing_links(result) {
            let seen = self.identities.lookup(IdHash::of(id.as_str().as_bytes()))?;
            // The index may know entries that come after this one.
            if let Some(seen) = seen.filter(|seen| seen.entry_index < index) {
                let excerpt = self.cache.holding(self.ledger, seen.entry_index)?;
                links.push(linked_of(
                    seen.entry_index,
                    excerpt.entry(seen.entry_index),
                )?);
            }
        }
        Ok(links)
    }
}

fn partition_of<'a>(
    index: u64,
    metadata: &'a BlockMetadata,
    record: &ResultRecord,
) -> Result<&'a SourcePartition, StoreError> {
    let named = metadata.partitions.get(record.partition as usize);
    named.ok_or_else(|| StoreError::Record {
        entry: index,
        reason: "its block does not name its partition".to_owned(),
    })
}

/// Applies all recorded facts from block `from_block` on to an engine that stands there. Ids that the
/// index does not cover yet are inserted.
pub(crate) fn fold(
    engine: &mut Engine,
    identities: &mut Identities,
    ledger: &LedgerReader,
    from_block: u64,
) -> Result<(), StoreError> {
    let covered = identities.fed();
    let mut links = Links {
        identities,
        ledger,
        cache: ExcerptCache::default(),
    };
    for_each_block(ledger, from_block, Effects::Decoded, |block| {
        for (index, record) in &block.records {
            match record {
                Record::Result(record) => {
                    if *index >= covered {
                        let id = IdHash::of(record.result.inspection_id.as_str().as_bytes());
                        let seen = Seen {
                            digest: record.digest,
                            entry_index: *index,
                        };
                        links.identities.insert(id, seen);
                    }
                    let linked = links.of(engine, *index, record)?;
                    engine.fold(&Recorded::Result {
                        partition: partition_of(*index, &block.metadata, record)?,
                        result: &record.result,
                        epoch: record.epoch,
                        linked: &linked,
                    });
                }
                Record::Registry(record) => engine.fold(&Recorded::Registry {
                    partition: &record.partition,
                    entry: &record.told,
                    epoch: record.epoch,
                }),
                Record::Signal(record) => engine.fold(&Recorded::Signal {
                    partition: &record.heard.partition,
                    signal: &record.heard.told,
                    epoch: record.heard.epoch,
                }),
                Record::Command(record) => engine.fold(&Recorded::Command {
                    partition: &record.partition,
                    command: &record.told,
                    epoch: record.epoch,
                }),
                Record::Input(input) => engine.fold(&Recorded::Input(&input.as_input())),
                Record::Effect(effect) => engine.fold(&Recorded::Effect(effect)),
                Record::Rejection(_) | Record::Access(_) | Record::Erasure(_) => {}
            }
        }
        if let Some((last, _)) = block.records.last() {
            links.identities.applied(last + 1)?;
        }
        Ok(())
    })
}

/// Next offset of every partition, as the last block says.
pub(crate) fn positions(ledger: &LedgerReader) -> Result<Positions, StoreError> {
    let Some(last) = ledger.block_count().checked_sub(1) else {
        return Ok(Positions::new());
    };
    let block = ledger.read_block(last)?;
    let metadata = BlockMetadata::decode(block.header().first_entry, block.metadata())?;
    Ok(metadata.positions.into_iter().collect())
}

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
    /// All effects, one after the other, and where the party and the decision of each end.
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
    /// How many were met in the ledger.
    met: usize,
    failed: Option<StoreError>,
}

impl Recorder for Expected {
    type Assessments = EncodedAssessments;

    fn outcome(&mut self, _outcome: &Outcome) {}

    fn effect(&mut self, mut effect: Effect) {
        match encode_effect(&mut self.bytes, &mut effect) {
            Ok(party) => self.ends.push((party, self.bytes.len())),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
    }

    fn gather(assessments: &mut EncodedAssessments, assessment: Assessment) {
        assessments.push(assessment);
    }

    fn assessed(&mut self, assessments: EncodedAssessments) {
        let all = assessments.each(|decision| {
            let party = self.bytes.len();
            self.bytes.extend_from_slice(decision);
            self.ends.push((party, self.bytes.len()));
        });
        self.failed = self.failed.take().or_else(|| all.err());
    }
}

impl Expected {
    /// Begins anew with what follows from another input.
    fn begin(&mut self, input: u64) {
        self.input = input;
        self.bytes.clear();
        self.ends.clear();
        self.met = 0;
    }

    /// The first that was not met yet.
    fn next(&self) -> Option<Written<'_>> {
        let (party, end) = *self.ends.get(self.met)?;
        let before = self.met.checked_sub(1).and_then(|at| self.ends.get(at));
        let start = before.map_or(0, |(_, end)| *end);
        Some((self.bytes.get(start..party)?, self.bytes.get(party..end)?))
    }
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
    for_each_block(ledger, 0, Effects::Raw, |block| {
        let header = block.block.header();
        let mut compared = header.first_entry;
        for (index, record) in &block.records {
            for (entry, recorded) in block.effects(compared, *index) {
                report.compare(&mut expected, entry, recorded)?;
            }
            compared = index + 1;
            let linked;
            let (input, placed) = match record {
                // Nothing follows from the former; effects were not read.
                Record::Rejection(_)
                | Record::Access(_)
                | Record::Erasure(_)
                | Record::Effect(_) => continue,
                Record::Input(input) => (input.as_input(), None),
                Record::Result(record) => {
                    linked = links.of(engine, *index, record)?;
                    let partition = partition_of(*index, &block.metadata, record)?;
                    // Accepted results have ids of their own, so nothing was seen before.
                    let input = Input::Result(ResultInput {
                        partition: engine.partition(partition),
                        result: &record.result,
                        digest: record.digest,
                        seen: None,
                        linked: &linked,
                    });
                    (input, Some((record.epoch, record.late)))
                }
                Record::Registry(record) => {
                    let input = Input::Registry {
                        partition: &record.partition,
                        entry: &record.told,
                    };
                    (input, Some((record.epoch, record.late)))
                }
                Record::Signal(record) => {
                    let heard = &record.heard;
                    let input = Input::Signal {
                        partition: &heard.partition,
                        signal: &heard.told,
                    };
                    (input, Some((heard.epoch, heard.late)))
                }
                Record::Command(record) => {
                    let input = Input::Command {
                        partition: &record.partition,
                        command: &record.told,
                    };
                    (input, Some((record.epoch, record.late)))
                }
            };
            report.leave(&mut expected)?;
            expected.begin(*index);
            let outcome = engine.step_into(&input, &mut expected);
            if let Some(error) = expected.failed.take() {
                return Err(error);
            }
            if let Some(placed) = placed {
                report.place(*index, placed, outcome);
            }
            report.inputs += 1;
        }
        for (entry, recorded) in block.effects(compared, header.tree_size()) {
            report.compare(&mut expected, entry, recorded)?;
        }
        Ok(())
    })?;
    report.leave(&mut expected)?;
    Ok(report)
}
