//! The writer（写入端）: the one hand that adds to the ledger, owned by the worker's thread.

use crate::commit::{Checkpoint, Job, Observer, OpenBlock, SealedBlock, Shared, Ticket};
use crate::error::StoreError;
use crate::identities::{KnownIds, hash_of};
use crate::identity::{IdHash, Seen};
use crate::ledger::{Entry, Excerpt, Hash, LedgerReader};
use crate::personal::{Keyring, RetentionPolicy};
use crate::records::{
    BlockMetadata, CommandRecord, EncodedAssessments, EncodedResult, Placement, PlacementV1,
    Positions, Record, RegistryRecord, Rejection, SignalRecord,
};
use hashbrown::HashMap;
use risk_domain::access::AccessNote;
use risk_domain::ids::InspectionId;
use risk_domain::inspection::InspectionResult;
use risk_domain::personal::Erasure;
use risk_domain::time::Timestamp;
use risk_engine::{Effect, Engine, Input, Linked};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

/// Durable blocks whose memory is kept for new ones.
const SPENT_BLOCKS: usize = 4;
/// Excerpts kept decompressed for results that refer to older ones; a quarter of a mebibyte each, about.
const KEPT_EXCERPTS: usize = 64;

/// A few excerpts of the ledger, decompressed; the one used last is kept longest.
#[derive(Debug, Default)]
pub(crate) struct ExcerptCache(VecDeque<Arc<Excerpt>>);

impl ExcerptCache {
    pub(crate) fn holding(
        &mut self,
        ledger: &LedgerReader,
        entry: u64,
    ) -> Result<Arc<Excerpt>, StoreError> {
        let found = self.0.iter().position(|kept| kept.holds(entry));
        let excerpt = match found.and_then(|at| self.0.remove(at)) {
            Some(excerpt) => excerpt,
            None => Arc::new(ledger.read_entry(entry)?),
        };
        self.0.push_front(Arc::clone(&excerpt));
        self.0.truncate(KEPT_EXCERPTS);
        Ok(excerpt)
    }
}

/// Reads an entry that must be a result.
pub(crate) fn linked_of(index: u64, entry: Option<Entry<'_>>) -> Result<Linked, StoreError> {
    let not_a_result = || StoreError::Record {
        entry: index,
        reason: "the identity index names it as a result, which it is not".to_owned(),
    };
    let entry = entry.ok_or_else(not_a_result)?;
    match Record::decode(index, &entry)? {
        Record::Result(record) => Ok(Linked {
            result: record.result,
            epoch: record.epoch,
        }),
        Record::Rejection(_)
        | Record::Registry(_)
        | Record::Command(_)
        | Record::Signal(_)
        | Record::Access(_)
        | Record::Erasure(_)
        | Record::Input(_)
        | Record::Effect(_) => Err(not_a_result()),
    }
}

/// The threads of an open store; joined when the writer goes.
#[derive(Debug, Default)]
pub(crate) struct Threads(pub(crate) Vec<JoinHandle<()>>);

/// What the writer is made of.
pub(crate) struct WriterParts {
    pub(crate) ids: KnownIds,
    pub(crate) positions: Positions,
    pub(crate) jobs: SyncSender<Job>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ledger: LedgerReader,
    pub(crate) keys: Keyring,
    pub(crate) retention: Arc<RetentionPolicy>,
    pub(crate) versions: BlockMetadata,
    /// Digest of the taxonomy that the engine began with.
    pub(crate) taxonomy: u64,
    /// The entry from which the ledger was folded.
    pub(crate) checkpoint: u64,
    pub(crate) threads: Threads,
}

/// The writer（写入端）. Entries appended between two commits become durable together or not at all.
#[doc(alias = "写入端")]
#[derive(Debug)]
pub struct Writer {
    block: OpenBlock,
    next_block: u64,
    /// Blocks handed over and not yet known to be durable.
    in_flight: VecDeque<Arc<SealedBlock>>,
    /// Durable blocks, whose memory the next ones may have.
    spent: Vec<Arc<SealedBlock>>,
    ids: KnownIds,
    /// Ids of the results appended last, which nobody else knows yet.
    fresh: HashMap<IdHash, Seen>,
    positions: Positions,
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    ledger: LedgerReader,
    cache: ExcerptCache,
    keys: Keyring,
    retention: Arc<RetentionPolicy>,
    versions: BlockMetadata,
    taxonomy: u64,
    /// The entry after which the last checkpoint stands.
    checkpoint: u64,
    threads: Threads,
}

impl Writer {
    pub(crate) fn new(parts: WriterParts) -> Self {
        let progress = parts.shared.progress();
        Self {
            block: OpenBlock::beginning_at(progress.entries),
            next_block: progress.blocks,
            in_flight: VecDeque::new(),
            spent: Vec::new(),
            ids: parts.ids,
            fresh: HashMap::new(),
            positions: parts.positions,
            jobs: Some(parts.jobs),
            shared: parts.shared,
            ledger: parts.ledger,
            cache: ExcerptCache::default(),
            keys: parts.keys,
            retention: parts.retention,
            versions: parts.versions,
            taxonomy: parts.taxonomy,
            checkpoint: parts.checkpoint,
            threads: parts.threads,
        }
    }

    /// What was accepted under this id before, whether durable yet or not.
    pub fn lookup(&self, id: &InspectionId) -> Result<Option<Seen>, StoreError> {
        match self.accepted_since(hash_of(id)) {
            Some(seen) => Ok(Some(seen)),
            None => self.ids.lookup(id),
        }
    }

    /// What was accepted before under each of these ids, in their order: cheaper than to ask for one after the
    /// other. What is accepted from now on does not show in it, see [`Self::accepted_since`].
    pub fn look_up_all(&mut self, ids: &[IdHash]) -> Result<Vec<Option<Seen>>, StoreError> {
        self.ids.look_up_all(self.fresh.drain(), ids)
    }

    /// What was accepted under this id since many were last looked up.
    pub fn accepted_since(&self, id: IdHash) -> Option<Seen> {
        self.fresh.get(&id).copied()
    }

    /// The accepted result with this id, read back; `None` if none was accepted.
    pub fn linked(&mut self, id: &InspectionId) -> Result<Option<Linked>, StoreError> {
        let Some(seen) = self.lookup(id)? else {
            return Ok(None);
        };
        let index = seen.entry_index;
        if index >= self.block.first_entry {
            return linked_of(index, self.block.entry(index)).map(Some);
        }
        for sealed in &self.in_flight {
            if let Some(entry) = sealed.content.entry(index) {
                return linked_of(index, Some(entry)).map(Some);
            }
        }
        let excerpt = self.cache.holding(&self.ledger, index)?;
        linked_of(index, excerpt.entry(index)).map(Some)
    }

    /// The results that the engine must be shown with this one.
    pub fn links_of(
        &mut self,
        engine: &Engine,
        result: &InspectionResult,
    ) -> Result<Vec<Linked>, StoreError> {
        if result.supersedes.is_none() && result.confirms.is_none() {
            return Ok(Vec::new());
        }
        let mut links = Vec::new();
        for id in engine.missing_links(result) {
            links.extend(self.linked(&id)?);
        }
        Ok(links)
    }

    /// Adds an accepted result, whose form `encoded` is; returns the index of its entry.
    pub fn append_result(
        &mut self,
        encoded: &EncodedResult,
        placement: &Placement<'_>,
    ) -> Result<u64, StoreError> {
        let placed = PlacementV1 {
            partition: 0,
            offset: placement.offset,
            epoch: placement.epoch,
            late: placement.late,
        };
        let entry_index = self
            .block
            .push_result(encoded, placement.partition, placed)?;
        let seen = Seen {
            digest: encoded.digest(),
            entry_index,
        };
        self.fresh.insert(encoded.id(), seen);
        Ok(entry_index)
    }

    /// Adds what the register said of a site.
    pub fn append_registry(&mut self, record: &RegistryRecord) -> Result<u64, StoreError> {
        self.block.push_registry(record)
    }

    /// Appends what an officer decided.
    pub fn append_command(&mut self, record: &CommandRecord) -> Result<u64, StoreError> {
        self.block.push_command(record)
    }

    /// Appends what was heard.
    pub fn append_signal(&mut self, record: &SignalRecord) -> Result<u64, StoreError> {
        self.block.push_signal(record, &self.keys)
    }

    /// Adds an erasure: once the block is durable, its keys of personal sections are gone.
    pub fn append_erasure(&mut self, erasure: &Erasure) -> Result<u64, StoreError> {
        self.block.push_erasure(erasure)
    }

    /// Adds the erasures that the retention policy asks for by now; says of how many keys.
    pub fn append_due_erasures(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let due = self.keys.due(&self.retention, now);
        for erasure in &due {
            self.append_erasure(erasure)?;
        }
        Ok(due.iter().map(|erasure| erasure.keys.len()).sum())
    }

    /// Makes sure that what is personal can be sealed: the master key is there and the right one, or is made
    /// where there are no keys yet.
    pub fn prepare_keys(&self) -> Result<(), StoreError> {
        self.keys.prepare()
    }

    /// Adds a note of what somebody did. It changes no state, and nothing follows from it.
    pub fn append_access(&mut self, note: &AccessNote) -> Result<u64, StoreError> {
        self.block.push_access(note)
    }

    /// Adds an input that has no form of its own, as those of [`Self::append_result`],
    /// [`Self::append_registry`] and [`Self::append_command`] are.
    pub fn append_input(&mut self, input: &Input<'_>) -> Result<u64, StoreError> {
        let refused = || StoreError::Unrecordable("it has a form of its own".to_owned());
        self.block.push_input(input)?.ok_or_else(refused)
    }

    /// Adds a dead letter.
    pub fn append_rejection(&mut self, rejection: &Rejection) -> Result<u64, StoreError> {
        self.block.push_rejection(rejection, &self.keys)
    }

    /// Adds something that followed from the input appended last.
    pub fn append_effect(&mut self, effect: Effect) -> Result<u64, StoreError> {
        self.block.push_effect(effect)
    }

    /// Adds all that followed from the input appended last.
    pub fn append_effects(&mut self, effects: Vec<Effect>) -> Result<(), StoreError> {
        for effect in effects {
            self.append_effect(effect)?;
        }
        Ok(())
    }

    /// Adds what a close concluded of subjects.
    pub fn append_assessments(
        &mut self,
        assessments: EncodedAssessments,
    ) -> Result<(), StoreError> {
        let block = &mut self.block;
        assessments.each(|decision| block.push_assessed(decision))
    }

    /// Counts a result that was read again and had no effect.
    pub fn count_duplicate(&mut self) {
        self.block.duplicates += 1;
    }

    /// Entries appended since the last commit.
    pub fn pending_entries(&self) -> usize {
        self.block.len()
    }

    /// Whether enough was appended that a commit should not wait for its time.
    pub fn is_full(&self) -> bool {
        self.block.is_full()
    }

    /// Next offset of every partition, as of the last commit.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Hands over what was appended, with the positions reached, to become durable. `positions` need
    /// name only partitions that moved. Waits while earlier blocks queue (back-pressure). `seed` must
    /// be 32 fresh random bytes.
    pub fn commit(
        &mut self,
        positions: &Positions,
        committed_at: Timestamp,
        seed: [u8; 32],
    ) -> Result<Ticket, StoreError> {
        self.shared.check()?;
        // Whoever reads may ask for them once they are durable.
        self.look_up_all(&[])?;
        for (partition, next) in positions {
            self.positions.insert(partition.clone(), *next);
        }
        let metadata = BlockMetadata {
            positions: self
                .positions
                .iter()
                .map(|(partition, next)| (partition.clone(), *next))
                .collect(),
            partitions: std::mem::take(&mut self.block.partitions),
            committed_at,
            duplicates: self.block.duplicates,
            ..self.versions.clone()
        };
        let metadata = metadata.encode()?;
        // The views may still read the one or the other.
        let free = |sealed: &Arc<SealedBlock>| Arc::strong_count(sealed) == 1;
        let spent = self.spent.iter().position(free);
        let spent = spent.and_then(|at| Arc::into_inner(self.spent.swap_remove(at)));
        let next = spent.map_or_else(OpenBlock::default, |spent| spent.content);
        let next = next.after(&self.block);
        let filled = std::mem::replace(&mut self.block, next);
        let sealed = Arc::new(filled.seal(self.next_block, committed_at, metadata, seed));
        let ticket = Ticket {
            block: self.next_block,
            entries: sealed.committed.next_entry,
        };
        self.next_block += 1;
        self.in_flight.push_back(Arc::clone(&sealed));
        self.send(Job::Block(sealed))?;
        self.settle()?;
        Ok(ticket)
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref();
        if jobs.is_some_and(|jobs| jobs.send(job).is_ok()) {
            return Ok(());
        }
        self.shared.check()?;
        Err(StoreError::Stopped {
            cause: Arc::from("the commit thread is gone"),
        })
    }

    /// Keeps the state of an engine that stands where the last commit ends, so that the next start
    /// folds only what comes after. Nothing may have been appended since that commit.
    pub fn checkpoint(&mut self, engine: &Engine) -> Result<(), StoreError> {
        if self.block.len() > 0 {
            let reason = "a checkpoint stands after a commit, and entries were appended since";
            return Err(StoreError::Unrecordable(reason.to_owned()));
        }
        let mut frames = Vec::new();
        engine
            .checkpoint(&mut |frame| frames.push(frame))
            .map_err(|error| StoreError::Engine(error.to_string()))?;
        self.send(Job::Checkpoint(Box::new(Checkpoint {
            blocks: self.next_block,
            entries: self.block.first_entry,
            last_block: Hash::ZERO,
            taxonomy: self.taxonomy,
            frames,
        })))?;
        self.checkpoint = self.block.first_entry;
        Ok(())
    }

    /// Committed entries that the next start would fold, those among them that this one had to.
    pub fn entries_since_checkpoint(&self) -> u64 {
        self.block.first_entry - self.checkpoint
    }

    /// Waits until a commit is durable.
    pub fn wait(&self, ticket: Ticket) -> Result<(), StoreError> {
        self.shared.wait(|progress| progress.blocks > ticket.block)
    }

    /// Waits until the views show a commit.
    pub fn wait_viewed(&self, ticket: Ticket) -> Result<(), StoreError> {
        self.shared
            .wait(|progress| progress.viewed >= ticket.entries)
    }

    /// Whether a commit is durable.
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        self.shared.progress().blocks > ticket.block
    }

    /// From now on, `observer` is called with every block that became durable.
    pub fn observe(&self, observer: Observer) {
        self.shared.observe(observer);
    }

    /// Moves ids that have become durable into the index.
    fn settle(&mut self) -> Result<(), StoreError> {
        let durable = self.shared.progress();
        let is_durable = |sealed: &Arc<SealedBlock>| sealed.committed.block < durable.blocks;
        let mut moved = false;
        while self.in_flight.front().is_some_and(is_durable) {
            self.spent.extend(self.in_flight.pop_front());
            moved = true;
        }
        if !moved {
            return Ok(());
        }
        self.spent.truncate(SPENT_BLOCKS);
        self.ids.settle(durable.entries)
    }

    /// Waits for everything committed, writes what makes the next start quick, and stops the
    /// threads. What was appended and not committed is dropped.
    pub fn close(mut self) -> Result<(), StoreError> {
        let blocks = self.next_block;
        self.shared.wait(|progress| progress.blocks >= blocks)?;
        self.settle()?;
        self.ids.close()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the commit thread ends after its queue, and then the view thread.
        self.jobs = None;
        for thread in self.threads.0.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}
