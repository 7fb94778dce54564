//! Commit（提交）: how a block filled by the worker becomes durable, and who learns of it.
//!
//! The worker fills an [`OpenBlock`] and hands it over; the **commit thread** hashes, compresses and
//! writes it. Blocks that queued up meanwhile are written together and made durable by one
//! `fdatasync` (group commit). Only then are tickets resolved, observers called and the views fed. A
//! write or fsync that fails stops everything for good.

use crate::error::{StoreError, with_causes};
use crate::ledger::{BlockBuilder, Entry, EntryKind, Hash, Ledger};
use crate::progress::{Newest, Progress, ShownObserver, ShownObservers};
use crate::records::{
    ACTOR_ENGINE, ACTOR_PIPELINE, EncodedResult, PlacementV1, RecordKind, RegistryRecord,
    Rejection, RejectionSummary, encode_effect, encode_input, encode_placement, encode_registry,
    encode_rejected, encode_rejection,
};
use risk_domain::time::Timestamp;
use risk_engine::{Effect, Input, SourcePartition};
use std::fs::File;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// At most this many queued blocks are made durable together, so that the first need not wait long.
const MAX_GROUP: usize = 8;

/// Promise of a block（提交凭据）; resolved once the block is durable.
#[doc(alias = "提交凭据")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    /// Number of the block.
    pub block: u64,
    /// Entries in the ledger once it is durable.
    pub entries: u64,
}

/// What became durable（已提交）, for live streams and views.
#[doc(alias = "已提交")]
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Number of the block.
    pub block: u64,
    /// Index of its first entry.
    pub first_entry: u64,
    /// Index after its last entry.
    pub next_entry: u64,
    /// When the worker committed, by the shell's clock.
    pub committed_at: Timestamp,
    /// What followed from its inputs, each with its entry.
    pub effects: Vec<(u64, Effect)>,
    /// Its dead letters, each with its entry.
    pub rejections: Vec<(u64, RejectionSummary)>,
}

/// Called with every block that became durable, in order, on the commit thread: be quick.
pub type Observer = Arc<dyn Fn(&Committed) + Send + Sync>;

/// Learns how far commits are durable. Called on the commit thread: be quick.
pub trait DurableListener: Send + Sync {
    /// All blocks up to and including `block` are durable.
    fn durable(&self, block: u64);
    /// The store stopped; nothing more will become durable.
    fn stopped(&self, cause: &str);
}

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
    pub(crate) duplicates: u64,
    effects: Vec<(u64, Effect)>,
    rejections: Vec<(u64, RejectionSummary)>,
}

impl OpenBlock {
    /// This block's memory for a new one that begins with this entry.
    pub(crate) fn begun_at(mut self, first_entry: u64) -> Self {
        self.bytes.clear();
        self.spans.clear();
        Self {
            first_entry,
            bytes: self.bytes,
            spans: self.spans,
            ..Self::default()
        }
    }

    pub(crate) fn next_entry(&self) -> u64 {
        self.first_entry + self.spans.len() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn raw_len(&self) -> usize {
        self.bytes.len()
    }

    /// Number of a partition within this block.
    fn partition(&mut self, name: &SourcePartition) -> u32 {
        let known = self.partitions.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.partitions.push(name.clone());
            self.partitions.len() - 1
        }) as u32
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
        encode_registry(&mut self.bytes, record).inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        Ok(self.close(RecordKind::Registry, start, [end; 4]))
    }

    pub(crate) fn push_rejection(&mut self, rejection: &Rejection) -> Result<u64, StoreError> {
        let summary = rejection.summary();
        let start = self.bytes.len();
        encode_rejection(&mut self.bytes, &summary)?;
        let facts = self.bytes.len();
        encode_rejected(&mut self.bytes, rejection)?;
        let end = self.bytes.len();
        let index = self.close(RecordKind::Rejection, start, [facts, facts, end, end]);
        self.rejections.push((index, summary));
        Ok(index)
    }

    pub(crate) fn push_effect(&mut self, effect: Effect) -> Result<u64, StoreError> {
        let start = self.bytes.len();
        encode_effect(&mut self.bytes, &effect).inspect_err(|_| self.bytes.truncate(start))?;
        let end = self.bytes.len();
        let index = self.close(RecordKind::Effect, start, [start, start, start, end]);
        self.effects.push((index, effect));
        Ok(index)
    }

    pub(crate) fn entry(&self, index: u64) -> Option<Entry<'_>> {
        let position = usize::try_from(index.checked_sub(self.first_entry)?).ok()?;
        self.spans.get(position).and_then(|span| self.of_span(span))
    }

    fn of_span(&self, span: &Span) -> Option<Entry<'_>> {
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
                RecordKind::Result
                | RecordKind::Rejection
                | RecordKind::Registration
                | RecordKind::Hold
                | RecordKind::Tick
                | RecordKind::Ended
                | RecordKind::Registry => ACTOR_PIPELINE,
            },
            facts: section(facts)?,
            party: section(party)?,
            personal: section(personal)?,
            decision: section(decision)?,
        })
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.spans.iter().filter_map(|span| self.of_span(span))
    }

    /// Closes the block for the commit thread.
    pub(crate) fn seal(
        mut self,
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
            effects: std::mem::take(&mut self.effects),
            rejections: std::mem::take(&mut self.rejections),
        };
        SealedBlock {
            content: self,
            committed: Arc::new(committed),
            metadata,
            seed,
        }
    }
}

/// A block on its way to the disk.
#[derive(Debug)]
pub(crate) struct SealedBlock {
    pub(crate) content: OpenBlock,
    pub(crate) committed: Arc<Committed>,
    metadata: Vec<u8>,
    seed: [u8; 32],
}

/// State of the engine as of a block, for a quick start.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// Blocks that it stands after.
    pub(crate) blocks: u64,
    /// Entries that it stands after.
    pub(crate) entries: u64,
    /// Hash of the last of these blocks.
    pub(crate) last_block: Hash,
    /// Digest of the taxonomy that the engine began with.
    pub(crate) taxonomy: u64,
    /// What the engine wrote.
    pub(crate) frames: Vec<Vec<u8>>,
}

/// What the commit thread is given. A checkpoint follows the block that it stands after, so that it
/// is never kept before that block is durable.
#[derive(Debug)]
pub(crate) enum Job {
    Block(Arc<SealedBlock>),
    Checkpoint(Box<Checkpoint>),
}

/// What the view thread is given.
#[derive(Debug)]
pub(crate) enum ForViews {
    Block(Arc<Committed>),
    /// There is a checkpoint to take.
    Checkpoint,
}

/// What the threads of one open store have in common.
pub(crate) struct Shared {
    progress: Mutex<Progress>,
    changed: Condvar,
    observers: Mutex<Vec<Observer>>,
    shown: ShownObservers,
    /// The newest checkpoint that the view thread has not begun to keep.
    pub(crate) checkpoint: Newest<Box<Checkpoint>>,
    listener: Option<Arc<dyn DurableListener>>,
    /// Held until the last reader is gone, because readers keep the views open.
    _lock: File,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        lock: File,
        progress: Progress,
        listener: Option<Arc<dyn DurableListener>>,
    ) -> Self {
        Self {
            progress: Mutex::new(progress),
            changed: Condvar::new(),
            observers: Mutex::default(),
            shown: ShownObservers::default(),
            checkpoint: Newest::default(),
            listener,
            _lock: lock,
        }
    }

    /// Every change of the progress is one assignment, so a panic elsewhere leaves it whole.
    fn locked(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn progress(&self) -> Progress {
        self.locked().clone()
    }

    pub(crate) fn observe(&self, observer: Observer) {
        let observers = self.observers.lock();
        observers
            .unwrap_or_else(PoisonError::into_inner)
            .push(observer);
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match &self.locked().stopped {
            Some(cause) => Err(StoreError::Stopped {
                cause: Arc::clone(cause),
            }),
            None => Ok(()),
        }
    }

    pub(crate) fn stop(&self, cause: &str) {
        {
            let mut progress = self.locked();
            progress.stopped.get_or_insert_with(|| Arc::from(cause));
        }
        self.changed.notify_all();
        tracing::error!(cause, "the store stopped: nothing more will become durable");
        if let Some(listener) = &self.listener {
            listener.stopped(cause);
        }
    }

    fn durable(&self, blocks: u64, entries: u64) {
        {
            let mut progress = self.locked();
            progress.blocks = blocks;
            progress.entries = entries;
        }
        self.changed.notify_all();
        if let (Some(listener), Some(block)) = (&self.listener, blocks.checked_sub(1)) {
            listener.durable(block);
        }
    }

    pub(crate) fn viewed(&self, entries: u64) {
        self.shown.tell(entries, || self.locked().viewed = entries);
        self.changed.notify_all();
    }

    pub(crate) fn observe_shown(&self, observer: ShownObserver) {
        self.shown.add(observer, || self.locked().viewed);
    }

    /// Waits until `reached` or until the store stops.
    pub(crate) fn wait(&self, reached: impl Fn(&Progress) -> bool) -> Result<(), StoreError> {
        while !self.wait_at_most(Duration::MAX, &reached)? {}
        Ok(())
    }

    /// As [`Self::wait`], for so long at most; says whether it was reached.
    pub(crate) fn wait_at_most(
        &self,
        timeout: Duration,
        reached: impl Fn(&Progress) -> bool,
    ) -> Result<bool, StoreError> {
        let goes_on = |progress: &mut Progress| !reached(progress) && progress.stopped.is_none();
        let waited = self
            .changed
            .wait_timeout_while(self.locked(), timeout, goes_on);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &progress.stopped {
            Some(cause) if !reached(&progress) => Err(StoreError::Stopped {
                cause: Arc::clone(cause),
            }),
            Some(_) | None => Ok(reached(&progress)),
        }
    }

    fn tell(&self, committed: &Committed) {
        let observers = {
            let observers = self.observers.lock();
            observers.unwrap_or_else(PoisonError::into_inner).clone()
        };
        for observer in observers {
            observer(committed);
        }
    }
}

/// What the commit thread works with.
pub(crate) struct Committer {
    pub(crate) ledger: Ledger,
    pub(crate) builder: BlockBuilder,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) views: SyncSender<ForViews>,
    pub(crate) shared: Arc<Shared>,
}

impl Committer {
    /// Runs until the writer is gone and its last block is durable, or until a failure.
    pub(crate) fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            let mut group = Vec::new();
            let checkpoint = match self.commit(first, &mut group) {
                Ok(checkpoint) => checkpoint,
                Err(error) => {
                    self.shared.stop(&with_causes(&error));
                    return;
                }
            };
            let chain = self.ledger.chain();
            if !group.is_empty() {
                self.shared.durable(chain.next_block(), chain.entries());
            }
            for block in group {
                self.shared.tell(&block.committed);
                // When the views lag, they catch up from the ledger instead.
                let committed = ForViews::Block(Arc::clone(&block.committed));
                drop(self.views.try_send(committed));
            }
            if let Some(mut checkpoint) = checkpoint {
                checkpoint.last_block = chain.last_hash();
                self.shared.checkpoint.put(checkpoint);
                // A view thread whose queue is full looks for itself, when it comes to it.
                drop(self.views.try_send(ForViews::Checkpoint));
            }
        }
    }

    /// Writes a block and those that queued up behind it, up to a checkpoint, and syncs them.
    fn commit(
        &mut self,
        first: Job,
        group: &mut Vec<Arc<SealedBlock>>,
    ) -> Result<Option<Box<Checkpoint>>, StoreError> {
        let mut job = Some(first);
        let mut checkpoint = None;
        while let Some(next) = job.take() {
            match next {
                Job::Checkpoint(after) => checkpoint = Some(after),
                Job::Block(block) => {
                    self.write(&block)?;
                    group.push(block);
                    if group.len() < MAX_GROUP {
                        job = self.jobs.try_recv().ok();
                    }
                }
            }
        }
        self.ledger.sync()?;
        Ok(checkpoint)
    }

    fn write(&mut self, block: &SealedBlock) -> Result<(), StoreError> {
        self.builder.begin(block.seed);
        for entry in block.content.entries() {
            self.builder.push(&entry)?;
        }
        let prepared = self.builder.finish(&block.metadata)?;
        self.ledger.append(&prepared)?;
        self.builder.recycle(prepared);
        Ok(())
    }
}
