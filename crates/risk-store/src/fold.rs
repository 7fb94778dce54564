//! Folding and replaying the ledger（归并与重放）.
//!
//! Folding applies what was recorded and judges nothing; replaying judges again and compares. Both
//! decode blocks on threads of their own, a piece each at a time, and work through them in order.

mod replay;

pub(crate) use replay::replay;
pub use replay::{Difference, ReplayReport};

use crate::error::StoreError;
use crate::identities::{Identities, hash_of};
use crate::identity::Seen;
use crate::ledger::{Blocks, Excerpt, LedgerError, LedgerReader};
use crate::records::{BlockMetadata, Positions, Record, RecordKind, ResultRecord};
use crate::writer::{ExcerptCache, linked_of};
use risk_engine::{Engine, Linked, Recorded, SourcePartition, SubjectsKey};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Pieces decoded ahead, a quarter of a megabyte of entries each: enough to go on with while the engine closes.
const AHEAD: usize = 128;
/// Threads that decode: a result takes one of them as long as the engine takes to let it in, and the engine
/// stands still where none is ready.
const DECODERS: usize = 2;

/// The party and the decision of an effect.
type Written<'a> = (&'a [u8], &'a [u8]);

/// Effects as they are written, one after the other.
#[derive(Default)]
struct Effects {
    bytes: Vec<u8>,
    /// Where the party and the decision of each end.
    ends: Vec<(usize, usize)>,
}

impl Effects {
    fn push(&mut self, (party, decision): Written<'_>) {
        self.bytes.extend_from_slice(party);
        let party = self.bytes.len();
        self.bytes.extend_from_slice(decision);
        self.ends.push((party, self.bytes.len()));
    }

    fn get(&self, number: usize) -> Option<Written<'_>> {
        let (party, end) = *self.ends.get(number)?;
        let before = number.checked_sub(1).and_then(|at| self.ends.get(at));
        let start = before.map_or(0, |(_, end)| *end);
        Some((self.bytes.get(start..party)?, self.bytes.get(party..end)?))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Some entries of a block, decoded.
#[derive(Default)]
struct Decoded {
    /// The block's partitions, by the numbers that results give.
    partitions: Arc<[SourcePartition]>,
    records: Vec<(u64, Record)>,
    /// What names the subjects of its results, for a replay, which looks for many at a time.
    subjects: Vec<SubjectsKey>,
    /// Effects that were not decoded, and the entry of each.
    effects: Effects,
    entries: Vec<u64>,
}

/// Who reads the effects that were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadAs {
    /// Folding applies them.
    Records,
    /// Replaying compares their bytes, which is cheaper than reading them.
    Bytes,
}

impl Decoded {
    /// An effect that was not decoded, and its entry.
    fn effect(&self, number: usize) -> Option<(u64, Written<'_>)> {
        Some((*self.entries.get(number)?, self.effects.get(number)?))
    }

    /// Decodes entries in the place of those before, whose memory is there.
    fn read(&mut self, excerpt: &Excerpt, effects: ReadAs) -> Result<(), StoreError> {
        self.records.clear();
        self.subjects.clear();
        self.effects.clear();
        self.entries.clear();
        for (index, entry) in excerpt.entries() {
            if effects == ReadAs::Bytes && entry.kind.0 == RecordKind::Effect as u8 {
                self.effects.push((entry.party, entry.decision));
                self.entries.push(index);
            } else {
                let record = Record::decode(index, &entry)?;
                if effects == ReadAs::Bytes {
                    self.subjects.extend(record.result().map(SubjectsKey::of));
                }
                self.records.push((index, record));
            }
        }
        Ok(())
    }
}

/// The pieces that are left of a block.
type Left = Box<dyn Iterator<Item = Result<Excerpt, LedgerError>> + Send>;

/// What is still to be decoded, from a block on: whoever takes the next piece reads on for it.
struct Unread<'a> {
    blocks: Blocks<'a>,
    /// The block that is being read, and its partitions.
    block: Option<(Left, Arc<[SourcePartition]>)>,
    /// Where each piece will be handed over, in their order.
    places: SyncSender<Receiver<Result<Decoded, StoreError>>>,
    /// Pieces that were used, whose memory is there.
    used: Receiver<Decoded>,
}

impl Unread<'_> {
    fn next(&mut self) -> Result<Option<(Excerpt, Decoded)>, StoreError> {
        loop {
            if let Some((excerpts, partitions)) = &mut self.block
                && let Some(excerpt) = excerpts.next()
            {
                let mut piece = self.used.try_recv().unwrap_or_default();
                piece.partitions = Arc::clone(partitions);
                return Ok(Some((excerpt?, piece)));
            }
            let Some(block) = self.blocks.next() else {
                return Ok(None);
            };
            let block = block?;
            let first = block.header().first_entry;
            let metadata = BlockMetadata::decode(first, block.metadata())?;
            let left = Box::new(block.excerpts_from(first));
            self.block = Some((left, metadata.partitions.into()));
        }
    }
}

/// Decodes pieces, one after the other with others who do, until none is left or nobody waits for more.
fn decode_all(unread: &Mutex<Unread<'_>>, effects: ReadAs) {
    loop {
        let (place, receiver) = sync_channel(1);
        let next = {
            let mut unread = unread.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(next) = unread.next().transpose() else {
                return;
            };
            // Sent before the lock is left: places stand in the order of pieces.
            if unread.places.send(receiver).is_err() {
                return;
            }
            next
        };
        let decoded = next.and_then(|(excerpt, mut piece)| {
            piece.read(&excerpt, effects)?;
            Ok(piece)
        });
        let failed = decoded.is_err();
        // Without a receiver the work has failed.
        if place.send(decoded).is_err() || failed {
            return;
        }
    }
}

/// The entries from a block on, some of one block at a time, as they are read.
struct Pieces {
    places: Receiver<Receiver<Result<Decoded, StoreError>>>,
    used: Sender<Decoded>,
}

impl Pieces {
    fn next(&mut self) -> Result<Option<Decoded>, StoreError> {
        let place = self.places.recv().ok();
        place.and_then(|place| place.recv().ok()).transpose()
    }

    /// Gives one back, whose memory the next one takes.
    fn give_back(&self, piece: Decoded) {
        // Without a thread that takes it, it is merely dropped.
        drop(self.used.send(piece));
    }
}

/// Works on the entries from a block on.
fn with_pieces<T>(
    ledger: &LedgerReader,
    from_block: u64,
    effects: ReadAs,
    work: impl FnOnce(Pieces) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let (to_places, places) = sync_channel(AHEAD);
    let (to_used, used) = channel();
    let unread = Mutex::new(Unread {
        blocks: ledger.blocks(from_block),
        block: None,
        places: to_places,
        used,
    });
    let unread = Arc::new(unread);
    thread::scope(|scope| {
        for _ in 0..DECODERS {
            let unread = Arc::clone(&unread);
            scope.spawn(move || decode_all(&unread, effects));
        }
        // Decoders leave when the last of them lets go.
        drop(unread);
        work(Pieces {
            places,
            used: to_used,
        })
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
            let seen = self.identities.lookup(hash_of(&id))?;
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
    piece: &'a Decoded,
    record: &ResultRecord,
) -> Result<&'a SourcePartition, StoreError> {
    let named = piece.partitions.get(record.partition as usize);
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
    with_pieces(ledger, from_block, ReadAs::Records, |mut pieces| {
        while let Some(piece) = pieces.next()? {
            for (index, record) in &piece.records {
                match record {
                    Record::Result(record) => {
                        if *index >= covered {
                            let id = hash_of(&record.result.inspection_id);
                            let seen = Seen {
                                digest: record.digest,
                                entry_index: *index,
                            };
                            links.identities.insert(id, seen);
                        }
                        let linked = links.of(engine, *index, record)?;
                        engine.fold(&Recorded::Result {
                            partition: partition_of(*index, &piece, record)?,
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
            if let Some((last, _)) = piece.records.last() {
                links.identities.applied(last + 1)?;
            }
            pieces.give_back(piece);
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
