//! The identity index as a view of the ledger: fed from it, and mended from it when it is damaged.

use crate::error::StoreError;
use crate::identity::{Finished, IdHash, IdentityError, IdentityIndex, Seen};
use crate::ledger::LedgerReader;
use crate::records::{RecordKind, identity_of};
use risk_domain::ids::InspectionId;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

/// Every id that was accepted（已收标识）, durable yet or not: the writer adds to them, and whoever reads may
/// ask where a result stands. Clones share them; nobody holds the lock for longer than some look-ups.
#[derive(Debug, Clone)]
pub(crate) struct KnownIds(Arc<Mutex<Identities>>);

pub(crate) fn hash_of(id: &InspectionId) -> IdHash {
    IdHash::of(id.as_str().as_bytes())
}

impl KnownIds {
    pub(crate) fn new(index: Identities) -> Self {
        Self(Arc::new(Mutex::new(index)))
    }

    fn known(&self) -> MutexGuard<'_, Identities> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was accepted under an id.
    pub(crate) fn lookup(&self, id: &InspectionId) -> Result<Option<Seen>, StoreError> {
        self.known().lookup(hash_of(id))
    }

    /// What was accepted under each of these ids, in their order, once these new ones are known.
    pub(crate) fn look_up_all(
        &self,
        fresh: impl Iterator<Item = (IdHash, Seen)>,
        ids: &[IdHash],
    ) -> Result<Vec<Option<Seen>>, StoreError> {
        let mut known = self.known();
        for (id, seen) in fresh {
            known.insert(id, seen);
        }
        // The waits for memory overlap.
        std::hint::black_box(known.index.warm(ids));
        ids.iter().map(|id| known.lookup(*id)).collect()
    }

    /// Lets the index write files of its own of what has become durable, all entries below `durable`: they must
    /// never know more than the ledger.
    pub(crate) fn settle(&self, durable: u64) -> Result<(), StoreError> {
        self.known().applied(durable)
    }

    /// Waits for the job that is out, then seals everything, for a quick start next time.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        self.known().close()
    }
}

/// The identity index of one shard with the ledger behind it.
#[derive(Debug)]
pub(crate) struct Identities {
    index: IdentityIndex,
    ledger: LedgerReader,
    /// All entries below this one have been inserted.
    fed: u64,
    job: Option<Receiver<Result<Finished, IdentityError>>>,
}

impl Identities {
    pub(crate) fn new(index: IdentityIndex, ledger: LedgerReader) -> Self {
        let fed = index.covers_up_to();
        Self {
            index,
            ledger,
            fed,
            job: None,
        }
    }

    /// Entries below this index need not be fed.
    pub(crate) fn fed(&self) -> u64 {
        self.fed
    }

    pub(crate) fn lookup(&mut self, id: IdHash) -> Result<Option<Seen>, StoreError> {
        match self.index.lookup(id) {
            Err(IdentityError::Damaged { path }) => {
                tracing::warn!(file = %path.display(), "identity file damaged; building it again from the ledger");
                self.index.discard_damaged(&path)?;
                let fed = self.fed;
                self.fed = self.index.covers_up_to();
                self.feed_from_ledger(fed)?;
                Ok(self.index.lookup(id)?)
            }
            other => Ok(other?),
        }
    }

    pub(crate) fn insert(&mut self, id: IdHash, seen: Seen) {
        self.index.insert(id, seen);
    }

    /// Says that every id of the entries below `entry` was inserted, all of them durable.
    pub(crate) fn applied(&mut self, entry: u64) -> Result<(), StoreError> {
        self.fed = self.fed.max(entry);
        self.index.note_applied(self.fed);
        self.install_finished()?;
        if self.job.is_none() {
            let due = self.index.wants_seal();
            let job = if due { self.index.begin_seal() } else { None };
            if let Some(job) = job.or_else(|| self.index.begin_merge()) {
                let (done, result) = channel();
                let work = move || drop(done.send(job.run()));
                let thread = Builder::new().name("identity-seal".to_owned()).spawn(work);
                // Without a thread the job is lost, and install below lets the next one begin.
                match thread {
                    Ok(_) => self.job = Some(result),
                    Err(error) => self.give_up_job(error)?,
                }
            }
        }
        Ok(())
    }

    fn give_up_job(&mut self, source: std::io::Error) -> Result<(), StoreError> {
        let path = std::path::PathBuf::from("identity");
        let failed = IdentityError::Io {
            action: "start a thread for",
            path,
            source,
        };
        Ok(self.index.install(Err(failed))?)
    }

    fn install_finished(&mut self) -> Result<(), StoreError> {
        let Some(job) = &self.job else {
            return Ok(());
        };
        match job.try_recv() {
            Ok(finished) => {
                self.job = None;
                match self.index.install(finished) {
                    // A merge met a damaged input: throw it away and feed again.
                    Err(IdentityError::Damaged { path }) => {
                        self.index.discard_damaged(&path)?;
                        let fed = self.fed;
                        self.fed = self.index.covers_up_to();
                        self.feed_from_ledger(fed)
                    }
                    other => Ok(other?),
                }
            }
            Err(TryRecvError::Empty) => Ok(()),
            Err(TryRecvError::Disconnected) => {
                self.job = None;
                self.give_up_job(std::io::Error::other("the thread was lost"))
            }
        }
    }

    /// Waits for the job that is out, then seals everything, for a quick start next time.
    pub(crate) fn close(&mut self) -> Result<(), StoreError> {
        if let Some(job) = self.job.take()
            && let Ok(finished) = job.recv()
        {
            self.index.install(finished)?;
        }
        Ok(self.index.seal()?)
    }

    /// Inserts the ids of all entries from where it stands up to `to`.
    pub(crate) fn feed_from_ledger(&mut self, to: u64) -> Result<(), StoreError> {
        if self.fed >= to {
            return Ok(());
        }
        let ledger = self.ledger.clone();
        for excerpt in ledger.excerpts_from(self.fed) {
            let excerpt = excerpt?;
            for (index, entry) in excerpt.entries() {
                if index < self.fed || index >= to {
                    continue;
                }
                if RecordKind::of(entry.kind) == Some(RecordKind::Result) {
                    let (id, digest) = identity_of(index, &entry)?;
                    let seen = Seen {
                        digest,
                        entry_index: index,
                    };
                    self.index.insert(IdHash::of(id.as_bytes()), seen);
                }
            }
            if excerpt.end() >= to {
                break;
            }
        }
        self.fed = to;
        self.index.note_applied(to);
        Ok(())
    }
}

impl Drop for Identities {
    /// Whoever opens the index next must not meet a thread that still writes its files.
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            drop(job.recv());
        }
    }
}
