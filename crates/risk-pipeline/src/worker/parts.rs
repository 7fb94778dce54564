//! What a worker is made of, and what it tells of itself.

use crate::clock::Clock;
use crate::dead_letter::DeadLetterLimit;
use crate::metrics::PipelineMetrics;
use crate::notes::Notes;
use crate::source::{Partition, Source, SourceError};
use crate::wire::{Vocabulary, WireLimits};
use parking_lot::RwLock;
use risk_engine::{Engine, Registration};
use risk_store::{StoreError, Writer};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the worker runs.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Records in one batch at most.
    pub batch_records: usize,
    /// Longest wait for a batch.
    pub poll_wait: Duration,
    /// A partition at its end for this long stops holding the watermark.
    pub idle_after: Duration,
    /// When a partition's rejections stop it.
    pub dead_letters: DeadLetterLimit,
    /// How large a record may be.
    pub limits: WireLimits,
}

/// What the worker is made of.
pub struct WorkerParts {
    /// The engine; read by others, changed here only.
    pub engine: Arc<RwLock<Engine>>,
    /// The one hand that adds to the ledger.
    pub writer: Writer,
    /// Where records come from.
    pub source: Box<dyn Source>,
    /// What the reference data knows.
    pub vocabulary: Box<dyn Vocabulary + Send>,
    /// Zones and products that this source brings along.
    pub registrations: Vec<Registration>,
    /// Tells the time of ticks and commits.
    pub clock: Arc<dyn Clock>,
    /// Draws the 32 random bytes that a block's commitments are salted with.
    pub seeds: Box<dyn FnMut() -> [u8; 32] + Send>,
    /// How to run.
    pub settings: WorkerSettings,
    /// What it counts.
    pub metrics: PipelineMetrics,
    /// What it tells others of itself.
    pub status: Arc<WorkerStatus>,
    /// What people do through the API, to be written down.
    pub notes: Arc<Notes>,
}

impl std::fmt::Debug for WorkerParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerParts").finish_non_exhaustive()
    }
}

/// What others may know of the worker, and how they stop it.
#[derive(Debug, Default)]
pub struct WorkerStatus {
    stop: AtomicBool,
    pub(super) running: AtomicBool,
    pub(super) stopped: Mutex<BTreeMap<Partition, String>>,
}

impl WorkerStatus {
    /// Asks the worker to finish what it has in hand and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(super) fn should_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Whether the loop runs.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    /// Partitions that stopped, and why.
    pub fn stopped_partitions(&self) -> BTreeMap<Partition, String> {
        lock(&self.stopped).clone()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing behind these locks can be left half-changed by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why the worker ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The source cannot go on.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store cannot go on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Records can no longer be decoded.
    #[error("decoding stopped: {0}")]
    Decoder(String),
}

/// What a run of the worker did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkerReport {
    /// Results accepted.
    pub accepted: u64,
    /// Results read before, without effect.
    pub duplicates: u64,
    /// Dead letters.
    pub rejected: u64,
}
