//! Commit（提交）: how a block filled by the worker becomes durable, and who learns of it.
//!
//! The worker fills an [`OpenBlock`] and hands it over; the **commit thread** hashes, compresses and
//! writes it. Blocks that queued up meanwhile are written together and made durable by one
//! `fdatasync` (group commit). Only then are tickets resolved, observers called and the views fed. A
//! write or fsync that fails stops everything for good.

mod block;

use crate::error::{StoreError, with_causes};
use crate::ledger::{BlockBuilder, Hash, Ledger};
use crate::personal::Keyring;
use crate::progress::{Newest, Progress, ShownObserver, ShownObservers};
use risk_domain::time::Timestamp;
use std::fs::File;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use block::{OpenBlock, SealedBlock};

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

/// What became durable（已提交）.
#[doc(alias = "已提交")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Number of the block.
    pub block: u64,
    /// Index of its first entry.
    pub first_entry: u64,
    /// Index after its last entry.
    pub next_entry: u64,
    /// When the worker committed, by the shell's clock.
    pub committed_at: Timestamp,
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
    Block(Arc<SealedBlock>),
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
    pub(crate) keys: Keyring,
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
                drop(self.views.try_send(ForViews::Block(block)));
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
        for erasure in group.iter().flat_map(|block| block.content.erasures()) {
            self.keys.enforce(erasure)?;
        }
        Ok(checkpoint)
    }

    fn write(&mut self, block: &SealedBlock) -> Result<(), StoreError> {
        // What cannot be read back must not be written.
        self.keys.sync()?;
        self.builder.begin(block.seed);
        for (_, entry) in block.content.entries() {
            self.builder.push(&entry)?;
        }
        let prepared = self.builder.finish(&block.metadata)?;
        self.ledger.append(&prepared)?;
        self.builder.recycle(prepared);
        Ok(())
    }
}
