//! A block while it is filled, and on its way to the disk.

use super::Committed;
use crate::error::StoreError;
use crate::ledger::{Entry, EntryKind};
use crate::personal::{Keyring, Place, Whose};
use crate::records::{
    ACTOR_ENGINE, ACTOR_PIPELINE, ACTOR_RETENTION, CommandRecord, EncodedResult, PlacementV1,
    RecordKind, RegistryRecord, Rejection, SignalRecord, encode_access, encode_command,
    encode_effect, encode_erasure, encode_input, encode_personal, encode_placement,
    encode_rejected, encode_rejection, encode_told,
};
use risk_domain::access::AccessNote;
use risk_domain::personal::{Erasure, PersonalKind};
use risk_domain::time::Timestamp;
use risk_engine::{Effect, Input, SourcePartition};

/// Bytes of entries from which a block is full, so that little memory holds blocks.
const FULL_BYTES: usize = 4 << 20;

#[derive(Debug, Clone, Copy)]
struct Span {
    kind: RecordKind,
    start: usize,
    /// Bytes of facts, party, personal and decision.
    lengths: [u32; 4],
}

/// A block being filled, or on its way to the disk.
#[derive(Debug, Default)]
pub(crate) struct OpenBlock {
    pub(crate) first_entry: u64,
    bytes: Vec<u8>,
    spans: Vec<Span>,
    pub(crate) partitions: Vec<SourcePartition>,
    /// Number of the partition of the last result.
    partition: u32,
    pub(crate) duplicates: u64,
    /// Erasures in it; the commit thread does them once they are durable.
    erasures: Vec<Erasure>,
    /// Actors of commands and notes, by their entries.
    actors: Vec<(u64, String)>,
}

impl OpenBlock {
    /// An empty block whose first entry will be this one.
    pub(crate) fn beginning_at(first_entry: u64) -> Self {
        Self {
            first_entry,
            ..Self::default()
        }
    }

    /// This block's memory for the one that follows `before`, and will probably be as large.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        self.bytes.clear();
        self.bytes.reserve(before.bytes.len().min(FULL_BYTES));
        self.spans.clear();
        Self {
            bytes: self.bytes,
            spans: self.spans,
            ..Self::beginning_at(before.next_entry())
        }
    }

    pub(crate) fn next_entry(&self) -> u64 {
        self.first_entry + self.spans.len() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it should be committed before its time.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL_BYTES
    }

    /// Number of a partition within this block.
    fn partition(&mut self, name: &SourcePartition) -> u32 {
        let mut known = self.partitions.iter();
        // Mostly that of the entry before.
        let before = self.partition as usize;
        self.partition = match self.partitions.get(before) {
            Some(named) if named == name => before,
            Some(_) | None => known.position(|known| known == name).unwrap_or_else(|| {
                self.partitions.push(name.clone());
                self.partitions.len() - 1
            }),
        } as u32;
        self.partition
    }

    /// Closes the entry whose bytes were appended from `start` on, with the section ends given.
    fn close(&mut self, kind: RecordKind, start: usize, ends: [usize; 4]) -> u64 {
        let index = self.next_entry();
        let mut from = start;
        let lengths = ends.map(|end| {
            let length = end - from;
            from = end;
            length as u32
        });
        self.spans.push(Span {
            kind,
            start,
            lengths,
        });
        index
    }

    pub(crate) fn push_result(
        &mut self,
        encoded: &EncodedResult,
        partition: &SourcePartition,
        mut placement: PlacementV1,
    ) -> Result<u64, StoreError> {
        placement.partition = self.partition(partition);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(encoded.facts());
        let facts = self.bytes.len();
        self.bytes.extend_from_slice(encoded.party());
        let party = self.bytes.len();
        encode_placement(&mut self.bytes, &placement)
            .inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        Ok(self.close(RecordKind::Result, start, [facts, party, party, end]))
    }

    /// Appends an input that is no result; `None` for a result.
    pub(crate) fn push_input(&mut self, input: &Input<'_>) -> Result<Option<u64>, StoreError> {
        let start = self.bytes.len();
        let kind =
            encode_input(&mut self.bytes, input).inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        Ok(kind.map(|kind| self.close(kind, start, [end; 4])))
    }

    pub(crate) fn push_registry(&mut self, record: &RegistryRecord) -> Result<u64, StoreError> {
        let start = self.bytes.len();
        encode_told(&mut self.bytes, record).inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        Ok(self.close(RecordKind::Registry, start, [end; 4]))
    }

    pub(crate) fn push_command(&mut self, record: &CommandRecord) -> Result<u64, StoreError> {
        let encode = |bytes: &mut Vec<u8>| encode_command(bytes, record);
        let index = self.push_written(RecordKind::Command, encode)?;
        let actor = format!("officer:{}", record.told.actor.id);
        self.actors.push((index, actor));
        Ok(index)
    }

    pub(crate) fn push_access(&mut self, note: &AccessNote) -> Result<u64, StoreError> {
        let start = self.bytes.len();
        encode_access(&mut self.bytes, note).inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        let index = self.close(RecordKind::Access, start, [end; 4]);
        self.actors.push((index, format!("user:{}", note.actor)));
        Ok(index)
    }

    /// Appends an erasure; the commit thread does it once it is durable.
    pub(crate) fn push_erasure(&mut self, erasure: &Erasure) -> Result<u64, StoreError> {
        let encode = |bytes: &mut Vec<u8>| encode_erasure(bytes, erasure);
        let index = self.push_written(RecordKind::Erasure, encode)?;
        let actor = match &erasure.actor {
            Some(actor) => format!("user:{actor}"),
            None => ACTOR_RETENTION.to_owned(),
        };
        self.actors.push((index, actor));
        self.erasures.push(erasure.clone());
        Ok(index)
    }

    pub(crate) fn push_signal(
        &mut self,
        record: &SignalRecord,
        keys: &Keyring,
    ) -> Result<u64, StoreError> {
        let (index, kind) = (self.next_entry(), RecordKind::Signal);
        let signal = &record.heard.told;
        let start = self.bytes.len();
        encode_told(&mut self.bytes, &record.heard).inspect_err(|_| self.bytes.truncate(start))?;
        let facts = self.bytes.len();
        if !record.personal.is_empty() {
            let of = PersonalKind::of_signal(signal.kind);
            let of = (Whose::of(&record.personal), of, signal.observed_at);
            let mut personal = Vec::new();
            encode_personal(&mut personal, &record.personal)
                .and_then(|()| {
                    let place = Place { entry: index, kind };
                    keys.seal(of, place, &personal, &mut self.bytes)
                })
                .inspect_err(|_| self.bytes.truncate(start))?;
        }
        let end = self.bytes.len();
        Ok(self.close(kind, start, [facts, facts, end, end]))
    }

    /// Appends an entry of facts, and of words beside them; `encode` says where the facts end.
    fn push_written(
        &mut self,
        kind: RecordKind,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<usize, StoreError>,
    ) -> Result<u64, StoreError> {
        let start = self.bytes.len();
        let facts = encode(&mut self.bytes).inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        Ok(self.close(kind, start, [facts, end, end, end]))
    }

    pub(crate) fn push_rejection(
        &mut self,
        rejection: &Rejection,
        keys: &Keyring,
    ) -> Result<u64, StoreError> {
        let (index, kind) = (self.next_entry(), RecordKind::Rejection);
        let summary = rejection.summary();
        let start = self.bytes.len();
        encode_rejection(&mut self.bytes, &summary).inspect_err(|_| self.bytes.truncate(start))?;
        let facts = self.bytes.len();
        let of = (
            Whose::Unknown,
            PersonalKind::DeadLetter,
            rejection.received_at,
        );
        let mut personal = Vec::new();
        encode_rejected(&mut personal, rejection)
            .and_then(|()| {
                let place = Place { entry: index, kind };
                keys.seal(of, place, &personal, &mut self.bytes)
            })
            .inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        Ok(self.close(kind, start, [facts, facts, end, end]))
    }

    pub(crate) fn push_effect(&mut self, mut effect: Effect) -> Result<u64, StoreError> {
        let start = self.bytes.len();
        let party = encode_effect(&mut self.bytes, &mut effect)
            .inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        Ok(self.close(RecordKind::Effect, start, [start, party, party, end]))
    }

    /// Appends an assessment in its recorded form.
    pub(crate) fn push_assessed(&mut self, decision: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(decision);
        let end = self.bytes.len();
        self.close(RecordKind::Effect, start, [start, start, start, end]);
    }

    pub(crate) fn entry(&self, index: u64) -> Option<Entry<'_>> {
        let position = usize::try_from(index.checked_sub(self.first_entry)?).ok()?;
        let span = self.spans.get(position)?;
        self.of_span(index, span)
    }

    fn of_span(&self, index: u64, span: &Span) -> Option<Entry<'_>> {
        let mut at = span.start;
        let mut section = |length: u32| {
            let from = at;
            at += length as usize;
            self.bytes.get(from..at)
        };
        let [facts, party, personal, decision] = span.lengths;
        Some(Entry {
            kind: EntryKind(span.kind as u8),
            actor: match span.kind {
                RecordKind::Effect => ACTOR_ENGINE,
                RecordKind::Command | RecordKind::Access | RecordKind::Erasure => {
                    let mut actors = self.actors.iter();
                    actors
                        .find(|(of, _)| *of == index)
                        .map(|(_, actor)| actor.as_str())?
                }
                RecordKind::Result
                | RecordKind::Rejection
                | RecordKind::Registration
                | RecordKind::Hold
                | RecordKind::Tick
                | RecordKind::Ended
                | RecordKind::Registry
                | RecordKind::Signal => ACTOR_PIPELINE,
            },
            facts: section(facts)?,
            party: section(party)?,
            personal: section(personal)?,
            decision: section(decision)?,
        })
    }

    /// Erasures in it.
    pub(super) fn erasures(&self) -> &[Erasure] {
        &self.erasures
    }

    /// Its entries, each with its index.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, Entry<'_>)> {
        let numbered = (self.first_entry..).zip(&self.spans);
        numbered.filter_map(|(index, span)| Some((index, self.of_span(index, span)?)))
    }

    /// Closes the block for the commit thread.
    pub(crate) fn seal(
        self,
        block: u64,
        committed_at: Timestamp,
        metadata: Vec<u8>,
        seed: [u8; 32],
    ) -> SealedBlock {
        let committed = Committed {
            block,
            first_entry: self.first_entry,
            next_entry: self.next_entry(),
            committed_at,
        };
        SealedBlock {
            content: self,
            committed,
            metadata,
            seed,
        }
    }
}

/// A block on its way to the disk.
#[derive(Debug)]
pub(crate) struct SealedBlock {
    pub(crate) content: OpenBlock,
    pub(crate) committed: Committed,
    pub(super) metadata: Vec<u8>,
    pub(super) seed: [u8; 32],
}
