//! The views（视图）: what the ledger says, arranged for reading, in sled.
//!
//! All tables share one sled tree ([`crate::keys`]), so that one batch changes all of them at once,
//! together with the **position**: all entries below it have been taken in. Only the view thread
//! writes. It is fed by the commit thread and, where it lags, by the ledger itself; so a view that is
//! behind catches up, and one that is damaged is thrown away and made again. The commit thread never
//! waits for it.
//!
//! Under load a subject is written once for many changes, yet no assessment is left out: its row lists
//! the entries of all of them, its **history**, and the assessments themselves are read in the ledger.
//!
//! **Outgoing events.** What changes of an alert is an event, a raise that merges is none; what changed in a
//! case is one. An assessment is an event if and only if its level
//! differs from that of the subject's assessment before it in the ledger; before the first one the
//! level counts as undetermined. The rule looks at recorded entries alone, so every rebuild finds the
//! same events under the same entry numbers.
//!
//! sled 0.34.7 does not fsync on flush, may panic on damaged files, and lets go of the memory of batches too
//! slowly: every call goes through [`guard`], every few batches the file is synced here, [`Views::write`] frees
//! what its batch replaced, and the directories are numbered, so that a new generation can be built while the
//! old one is still open.

mod alerts;
mod apply;
mod cases;
mod cursor;
mod gather;
mod groups;
mod history;
mod outbox;
mod query;
mod results;
mod row;
mod thread;

use crate::error::StoreError;
use crate::keys::{Key, Table};
use crate::ledger::{Hash, LedgerReader};
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use history::HistoryList;
pub(crate) use query::List;
pub use query::{
    AlertQuery, DeadLetterQuery, DeadLetterRow, Page, SubjectOrder, SubjectQuery, ViewStats,
};
pub use results::ResultsOf;
pub(crate) use thread::ViewThread;

/// Version of the views' layout; another one is thrown away.
const VIEW_VERSION: u8 = 13;
/// sled's page cache. Its memory follows the size of batches more than this.
const CACHE_BYTES: u64 = 32 << 20;
/// How often sled syncs its file and clears up in it, in milliseconds: each of its syncs delays those of
/// the ledger, and what it loses is taken in again.
const SLED_SYNC_MILLIS: u64 = 10_000;

/// How often memory is freed after a batch, of 512 objects at most each time. sled leaves every page that it
/// replaces to the collector of `crossbeam-epoch`, which by itself does so once in 128 calls. A batch is one
/// call and replaces thousands: what was left grew by gigabytes while a million subjects were written. Eight
/// rounds were seen to keep up with full batches.
const FREEING_ROUNDS: usize = 16;

/// Batches after which whoever leaves opens sled once more. sled lists its pages at a start only, and reads all
/// that was logged since its last list for it: some seconds where a million keys were written.
const UNLISTED_BATCHES: u32 = if cfg!(test) { 4 } else { 100 };

/// The views cannot be read: they must be made again.
#[derive(Debug)]
pub(crate) struct Damaged(pub(crate) String);

impl From<sled::Error> for Damaged {
    fn from(error: sled::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<postcard::Error> for Damaged {
    fn from(error: postcard::Error) -> Self {
        Self(error.to_string())
    }
}

impl Damaged {
    pub(crate) fn because(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

/// Runs something over sled, which may panic where it should return an error.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, Damaged>) -> Result<T, Damaged> {
    // What is torn by a panic is a sled handle that is thrown away at once.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_panic| Err(Damaged::because("sled panicked")))
}

/// Waits until nobody holds sled's file. Its own threads do for a moment after its last handle is gone; no
/// one else can, since the store's lock is ours by now.
fn wait_until_left(dir: &Path) {
    if let Ok(file) = File::open(dir.join("db")) {
        // Should there be no such lock on this system, opening says what is wrong.
        drop(file.lock());
    }
}

/// One generation of the views.
#[derive(Debug)]
pub(crate) struct Views {
    db: sled::Db,
    dir: PathBuf,
    groups: groups::Groups,
    /// Batches written since it was opened.
    unlisted: AtomicU32,
}

impl Views {
    fn open(dir: &Path) -> Result<Self, Damaged> {
        wait_until_left(dir);
        guard(|| {
            let db = sled::Config::new()
                .path(dir)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(Some(SLED_SYNC_MILLIS))
                .open()?;
            Ok(Self {
                groups: groups::Groups::load(&db)?,
                db,
                dir: dir.to_path_buf(),
                unlisted: AtomicU32::new(0),
            })
        })
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, Damaged> {
        let found = self.db.get(meta_key(name))?;
        Ok(found.map(|value| value.to_vec()))
    }

    /// All ledger entries below this one have been taken in.
    fn position(&self) -> Result<u64, Damaged> {
        let bytes = self.meta("position")?;
        let bytes = bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        Ok(bytes.map_or(0, u64::from_be_bytes))
    }

    /// Writes a batch, and frees what it replaced.
    fn write(&self, batch: sled::Batch) -> Result<(), Damaged> {
        guard(|| Ok(self.db.apply_batch(batch)?))?;
        self.unlisted.fetch_add(1, Ordering::Relaxed);
        for _ in 0..FREEING_ROUNDS {
            crossbeam_epoch::pin().flush();
        }
        Ok(())
    }

    /// Makes everything written durable, which sled's own flush does not.
    fn sync(&self) -> Result<(), Damaged> {
        guard(|| {
            self.db.flush()?;
            let synced = File::open(self.dir.join("db")).and_then(|file| file.sync_all());
            synced.map_err(|error| Damaged(error.to_string()))
        })
    }

    /// Whether this generation was made from this ledger and can go on.
    fn belongs_to(&self, ledger: &LedgerReader) -> Result<bool, Damaged> {
        let Some(made_from) = self.meta("made-from")? else {
            return Ok(self.position()? == 0);
        };
        Ok(made_from == provenance(ledger) && self.position()? <= ledger.entry_count())
    }
}

fn meta_key(name: &str) -> Vec<u8> {
    Key::of(Table::Meta).text(name).into_bytes()
}

/// Version of the layout, and the hash of the ledger's first block: what views are made from.
fn provenance(ledger: &LedgerReader) -> Vec<u8> {
    let first = ledger
        .read_header(0)
        .map_or(Hash::ZERO, |header| header.hash());
    let mut bytes = vec![VIEW_VERSION];
    bytes.extend_from_slice(&first.0);
    bytes
}

/// The generation in use, shared by the view thread and all readers.
#[derive(Debug)]
pub(crate) struct ViewsHandle {
    root: PathBuf,
    /// None where it could not be opened once more.
    current: RwLock<Option<Arc<Views>>>,
    damaged: AtomicBool,
    pub(crate) ledger: LedgerReader,
}

impl ViewsHandle {
    /// Opens the views under `root`; says whether they had to be begun anew although there were some.
    pub(crate) fn open(root: &Path, ledger: LedgerReader) -> Result<(Self, bool), StoreError> {
        fs::create_dir_all(root).map_err(StoreError::io("create", root))?;
        let generations = generations(root)?;
        let newest = generations.last().copied();
        let kept = newest.and_then(|generation| open_known(root, generation, &ledger));
        let discarded = newest.is_some() && kept.is_none();
        let (generation, views) = match (newest, kept) {
            (Some(generation), Some(views)) => (generation, views),
            (newest, _) => {
                let generation = newest.unwrap_or(0) + 1;
                let opened = Views::open(&generation_dir(root, generation));
                let views = opened.map_err(|Damaged(reason)| {
                    tracing::error!(reason, "no views can be made");
                    StoreError::ViewsUnavailable
                })?;
                (generation, views)
            }
        };
        for old in generations.into_iter().filter(|old| *old != generation) {
            remove(&generation_dir(root, old));
        }
        let handle = Self {
            root: root.to_path_buf(),
            current: RwLock::new(Some(Arc::new(views))),
            damaged: AtomicBool::new(false),
            ledger,
        };
        Ok((handle, discarded))
    }

    pub(crate) fn current(&self) -> Result<Arc<Views>, StoreError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone().ok_or(StoreError::ViewsUnavailable)
    }

    /// Reads the views; damage is remembered, and the view thread makes them again.
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&Views) -> Result<T, Damaged>,
    ) -> Result<T, StoreError> {
        let views = self.current()?;
        guard(|| look(&views)).map_err(|Damaged(reason)| {
            tracing::warn!(reason, "the views are damaged; building them again");
            self.damaged.store(true, Ordering::Release);
            StoreError::ViewsUnavailable
        })
    }

    fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Begins the next generation, empty; it is not in use before [`Self::put`].
    fn next_generation(&self) -> Result<Arc<Views>, Damaged> {
        let known = generations(&self.root).map_err(|error| Damaged(error.to_string()))?;
        let next = known.last().copied().unwrap_or(0) + 1;
        Views::open(&generation_dir(&self.root, next)).map(Arc::new)
    }

    fn put(&self, views: Arc<Views>) {
        let old = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.replace(views)
        };
        self.damaged.store(false, Ordering::Release);
        if let Some(old) = old {
            let dir = old.dir.clone();
            drop(old);
            remove(&dir);
        }
    }

    /// Opens sled once more where much was written, so that the next start finds a list of its pages. Nobody
    /// may hold the views any more but readers in the middle of a question; others wait.
    fn list_pages(&self) -> Result<(), Damaged> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let much =
            |views: &mut Arc<Views>| views.unlisted.load(Ordering::Relaxed) > UNLISTED_BATCHES;
        if let Some(views) = current.take_if(much) {
            let dir = views.dir.clone();
            drop(views);
            *current = Some(Arc::new(Views::open(&dir)?));
        }
        Ok(())
    }
}

fn open_known(root: &Path, generation: u64, ledger: &LedgerReader) -> Option<Views> {
    let dir = generation_dir(root, generation);
    let opened = Views::open(&dir).and_then(|views| {
        let belongs = guard(|| views.belongs_to(ledger))?;
        Ok((views, belongs))
    });
    match opened {
        Ok((views, true)) => Some(views),
        Ok((_, false)) => {
            tracing::warn!(dir = %dir.display(), "the views are of another ledger or version; building them again");
            None
        }
        Err(Damaged(reason)) => {
            tracing::warn!(dir = %dir.display(), reason, "the views are damaged; building them again");
            None
        }
    }
}

fn generation_dir(root: &Path, generation: u64) -> PathBuf {
    root.join(format!("{generation:06}"))
}

fn generations(root: &Path) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).map_err(StoreError::io("list", root))? {
        let entry = entry.map_err(StoreError::io("list", root))?;
        let name = entry.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes a generation that is no longer needed. One that stays behind does no harm: the next start
/// tries again.
fn remove(dir: &Path) {
    if let Err(error) = fs::remove_dir_all(dir) {
        tracing::warn!(dir = %dir.display(), %error, "old views could not be removed");
    }
}

#[cfg(test)]
mod tests;
