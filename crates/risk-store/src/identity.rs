//! Identity index（标识索引）: which ids were seen, with what content, for ever.
//!
//! The newest ids are in a table in memory. When there are enough of them they are **sealed** into a
//! sorted, immutable file; small files are **merged** into larger ones, four at a time. For every
//! sealed id, memory holds only a filter and, per 4 KiB page, one key. The arithmetic at 100 M ids:
//!
//! | in memory | bytes an id |
//! |---|---|
//! | filter (binary fuse, 16-bit fingerprints, 1.125 slots an id) | 2.26 |
//! | first keys (8 bytes per page of 102 ids) | 0.08 |
//! | new ids, and those being sealed (2 × 454,000 records of 40 bytes, 2^19 slots of 5) | 0.42 |
//! | **sum** | **2.8** |
//!
//! A new id is looked up in at most 12 files (440,000 ids a seal, 228 seals, three files per tier at
//! most, four tiers); each filter errs once in 65,536, so 1,000 new ids cost about 0.2 disk reads.
//! An id that was seen costs one read of one page.
//!
//! The index is a view of the ledger: [`IdentityIndex::covers_up_to`] says from which entry on it
//! must be fed again after a start, and a damaged file is thrown away, with everything newer.

mod file;
mod filter;
mod fresh;
mod job;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128_with_seed;

pub use job::{Finished, Job};

use file::{Covered, SealedFile};
use fresh::FreshIds;
use job::Work;

/// Seed of the id hash; part of the stored format.
const ID_SEED: u64 = 0x5370_6f74_4964_5631;
/// Files that are merged into one.
const FAN_IN: usize = 4;
/// More files than this are merged even if their sizes differ.
const MAX_FILES: usize = 16;

/// Hash of an id（标识散列）: 128 bits of XXH3 under a fixed seed.
#[doc(alias = "标识散列")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdHash(pub u128);

impl IdHash {
    /// The hash of an id's bytes.
    pub fn of(id: &[u8]) -> Self {
        Self(xxh3_128_with_seed(id, ID_SEED))
    }

    /// The high half sorts the files, the low half feeds the filters and the table.
    pub(crate) fn halves(self) -> (u64, u64) {
        ((self.0 >> 64) as u64, self.0 as u64)
    }
}

/// What is known of an id that was seen（已见记录）.
#[doc(alias = "已见记录")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Digest of the content that it came with.
    pub digest: u128,
    /// Ledger entry that holds it.
    pub entry_index: u64,
}

/// An id and what is known of it, as words, because a struct of 128-bit numbers would take 48 bytes
/// and not 40.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record([u64; 5]);

impl Record {
    pub(crate) fn new(id: IdHash, seen: Seen) -> Self {
        let (id_high, id_low) = id.halves();
        let (digest_high, digest_low) = IdHash(seen.digest).halves();
        Self([id_high, id_low, digest_high, digest_low, seen.entry_index])
    }

    pub(crate) fn id(&self) -> IdHash {
        IdHash(u128::from(self.0[0]) << 64 | u128::from(self.0[1]))
    }

    pub(crate) fn seen(&self) -> Seen {
        let digest = u128::from(self.0[2]) << 64 | u128::from(self.0[3]);
        Seen {
            digest,
            entry_index: self.entry(),
        }
    }

    /// Ledger entry that holds it.
    fn entry(&self) -> u64 {
        self.0[4]
    }

    /// The half of the id that the table hashes by.
    fn table_hash(&self) -> u64 {
        self.0[1]
    }
}

/// Why the identity index failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A sealed file is damaged: call [`IdentityIndex::discard_damaged`] and feed the index again.
    #[error("identity file {} is damaged; it will be built again from the ledger", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A filter could not be built, which has a chance of less than one in 2^100.
    #[error("no filter could be built over the ids")]
    Filter,
}

impl IdentityError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Settings of an identity index（标识索引设置）.
#[doc(alias = "标识索引设置")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentitySettings {
    /// New ids after which [`IdentityIndex::wants_seal`] says yes. The default fills a table of 2^19
    /// slots, with those that come until the seal begins.
    pub seal_ids: usize,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self { seal_ids: 440_000 }
    }
}

/// What opening found and did（打开结果）.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityReport {
    /// Sealed files in use.
    pub files: usize,
    /// Ids in them, those in several counted each time.
    pub ids: u64,
    /// Files whose filter was built again.
    pub filters_rebuilt: usize,
    /// Files that were thrown away as damaged, or as newer than a damaged or missing one.
    pub discarded: Vec<PathBuf>,
}

/// Counters since opening（统计）.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdentityStats {
    /// Look-ups.
    pub lookups: u64,
    /// Pages read from sealed files.
    pub page_reads: u64,
    /// Look-ups that read a page and did not find the id: a filter erred.
    pub false_positives: u64,
}

/// The index（标识索引）of one shard, used by one thread.
#[doc(alias = "标识索引")]
pub struct IdentityIndex {
    dir: PathBuf,
    settings: IdentitySettings,
    active: FreshIds,
    /// Being sealed, as far as they are of entries below `frozen_to`; still looked up.
    frozen: Option<Arc<FreshIds>>,
    frozen_to: u64,
    /// Oldest first, each covering from where the one before it ends.
    files: Vec<Arc<SealedFile>>,
    /// All entries below it have been inserted.
    applied: u64,
    job_out: bool,
    stats: IdentityStats,
}

impl std::fmt::Debug for IdentityIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IdentityIndex")
            .field("dir", &self.dir)
            .field("files", &self.files.len())
            .field("active", &self.active.len())
            .finish_non_exhaustive()
    }
}

impl IdentityIndex {
    /// Opens the index in `dir`, creating it if there is none. Damaged files are removed, with all
    /// newer ones; damaged filters are built again. Feed it from [`Self::covers_up_to`] on.
    pub fn open(
        dir: &Path,
        settings: IdentitySettings,
    ) -> Result<(Self, IdentityReport), IdentityError> {
        fs::create_dir_all(dir).map_err(IdentityError::io("create", dir))?;
        let mut report = IdentityReport::default();
        let mut files: Vec<Arc<SealedFile>> = Vec::new();
        let mut broken = false;
        for covered in list(dir)? {
            let reached = files.last().map_or(0, |file| file.covered.to);
            if covered.to <= reached {
                // A merge wrote the larger file and was stopped before it removed this one.
                remove(dir, covered)?;
                continue;
            }
            if !broken && covered.from == reached {
                match SealedFile::open(dir, covered) {
                    Ok((file, rebuilt)) => {
                        report.filters_rebuilt += usize::from(rebuilt);
                        report.ids += file.records;
                        files.push(Arc::new(file));
                        continue;
                    }
                    Err(IdentityError::Damaged { .. }) => {}
                    Err(other) => return Err(other),
                }
            }
            // A smaller file that this one was merged from may still be there, and is next.
            broken |= covered.from != reached;
            report.discarded.push(covered.records_path(dir));
            remove(dir, covered)?;
        }
        report.files = files.len();
        let mut index = Self {
            dir: dir.to_path_buf(),
            settings,
            active: FreshIds::with_room(settings.seal_ids),
            frozen: None,
            frozen_to: 0,
            files,
            applied: 0,
            job_out: false,
            stats: IdentityStats::default(),
        };
        index.applied = index.covers_up_to();
        Ok((index, report))
    }

    /// Ledger entries below this index are in sealed files and need not be fed again.
    pub fn covers_up_to(&self) -> u64 {
        self.files.last().map_or(0, |file| file.covered.to)
    }

    /// Says that the ids of all ledger entries below `entry_index` have been inserted, and that these entries
    /// are durable: no file holds an id of any other.
    pub fn note_applied(&mut self, entry_index: u64) {
        self.applied = self.applied.max(entry_index);
    }

    /// What is known of an id: the newest that was inserted.
    pub fn lookup(&mut self, id: IdHash) -> Result<Option<Seen>, IdentityError> {
        self.stats.lookups += 1;
        let frozen = self.frozen.as_deref();
        for table in [Some(&self.active), frozen].into_iter().flatten() {
            if let Some(record) = table.find(id) {
                return Ok(Some(record.seen()));
            }
        }
        let mut page_reads = 0;
        for file in self.files.iter().rev() {
            let found = file.lookup(id)?;
            page_reads += found.page_reads;
            if found.seen.is_some() {
                self.stats.page_reads += page_reads;
                return Ok(found.seen);
            }
        }
        self.stats.page_reads += page_reads;
        self.stats.false_positives += u64::from(page_reads > 0);
        Ok(None)
    }

    /// Reads into the cache what look-ups of these ids will read from memory. One look-up waits for
    /// memory several times; of many at once the waits overlap. Returns how many may be known.
    pub fn warm(&self, ids: &[IdHash]) -> usize {
        let mut known = 0;
        for table in [Some(&self.active), self.frozen.as_deref()]
            .into_iter()
            .flatten()
        {
            known += ids.iter().filter(|id| table.find(**id).is_some()).count();
        }
        for file in &self.files {
            known += ids.iter().filter(|id| file.may_hold(**id)).count();
        }
        known
    }

    /// Remembers an id, in place of what was known of it.
    pub fn insert(&mut self, id: IdHash, seen: Seen) {
        self.active.insert(Record::new(id, seen));
    }

    /// Whether there are enough new ids for a seal.
    pub fn wants_seal(&self) -> bool {
        let enough = self.settings.seal_ids;
        // A seal takes ids of durable entries only, and there are no more of these than entries.
        let durable = self.applied.saturating_sub(self.covers_up_to());
        self.active.len() >= enough && durable >= enough as u64
    }

    /// Starts sealing the new ids, up to the entry last given to [`Self::note_applied`]. None if
    /// there is nothing to seal or another job is out.
    pub fn begin_seal(&mut self) -> Option<Job> {
        if self.job_out {
            return None;
        }
        if self.frozen.is_none() {
            let mut ids = self.active.records().iter();
            let any = ids.any(|record| record.entry() < self.applied);
            if !any || self.applied <= self.covers_up_to() {
                return None;
            }
            let mut fresh = FreshIds::with_room(self.settings.seal_ids);
            for record in self.active.records() {
                if record.entry() >= self.applied {
                    fresh.insert(*record);
                }
            }
            self.frozen = Some(Arc::new(std::mem::replace(&mut self.active, fresh)));
            self.frozen_to = self.applied;
        }
        let table = Arc::clone(self.frozen.as_ref()?);
        self.job_out = true;
        let covered = Covered {
            from: self.covers_up_to(),
            to: self.frozen_to,
        };
        Some(Job {
            dir: self.dir.clone(),
            covered,
            work: Work::Seal(table),
        })
    }

    /// Starts merging files, if there are four of a size (or too many in all) and no job is out.
    pub fn begin_merge(&mut self) -> Option<Job> {
        if self.job_out {
            return None;
        }
        let seal_ids = self.settings.seal_ids.max(1) as u64;
        let tiers: Vec<u32> = self
            .files
            .iter()
            .map(|file| ((file.records + seal_ids / 2) / seal_ids).max(1).ilog2() / 2)
            .collect();
        let equal = tiers.windows(FAN_IN).position(|tiers| {
            tiers.first() == tiers.last() && tiers.iter().all(|tier| Some(tier) == tiers.first())
        });
        let newest = || (tiers.len() > MAX_FILES).then(|| tiers.len() - FAN_IN);
        let first = equal.or_else(newest)?;
        let inputs = self.files.get(first..first + FAN_IN)?.to_vec();
        let covered = Covered {
            from: inputs.first()?.covered.from,
            to: inputs.last()?.covered.to,
        };
        self.job_out = true;
        Some(Job {
            dir: self.dir.clone(),
            covered,
            work: Work::Merge(inputs),
        })
    }

    /// Takes over what a job wrote, or learns that it failed (the next `begin_…` tries again).
    pub fn install(
        &mut self,
        finished: Result<Finished, IdentityError>,
    ) -> Result<(), IdentityError> {
        self.job_out = false;
        let Finished { file, was_seal } = finished?;
        let covered = file.covered;
        if was_seal {
            if covered.from != self.covers_up_to() {
                // The file before it was discarded while it was written.
                return remove(&self.dir, covered);
            }
            self.frozen = None;
            self.files.push(Arc::new(file));
            return Ok(());
        }
        let within = |old: &Arc<SealedFile>| {
            covered.from <= old.covered.from && old.covered.to <= covered.to
        };
        let Some(first) = self.files.iter().position(within) else {
            // Its inputs were discarded while it ran; so is what came of them.
            return remove(&self.dir, covered);
        };
        let replaced: Vec<Covered> = self
            .files
            .iter()
            .filter(|old| within(old))
            .map(|old| old.covered)
            .collect();
        self.files
            .splice(first..first + replaced.len(), [Arc::new(file)]);
        for old in replaced {
            remove(&self.dir, old)?;
        }
        Ok(())
    }

    /// Seals what there is and merges what can be merged, here and now.
    pub fn seal(&mut self) -> Result<(), IdentityError> {
        if let Some(job) = self.begin_seal() {
            self.install(job.run())?;
        }
        while let Some(job) = self.begin_merge() {
            self.install(job.run())?;
        }
        Ok(())
    }

    /// Throws away a file that a look-up or a merge found damaged, with all newer files. Then feed
    /// the index again from [`Self::covers_up_to`] on; new ids in memory are kept.
    pub fn discard_damaged(&mut self, path: &Path) -> Result<(), IdentityError> {
        let Some(first) = self.files.iter().position(|file| file.path == path) else {
            return Ok(());
        };
        for file in self.files.split_off(first) {
            remove(&self.dir, file.covered)?;
        }
        // What was frozen goes back, so that the next seal covers everything from the gap on.
        if let Some(frozen) = self.frozen.take() {
            for record in frozen.records() {
                if self.active.find(record.id()).is_none() {
                    self.active.insert(*record);
                }
            }
        }
        self.applied = self.covers_up_to();
        Ok(())
    }

    /// Counters since opening.
    pub fn stats(&self) -> IdentityStats {
        self.stats
    }

    /// Number of sealed files.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        let files: usize = self.files.iter().map(|file| file.memory()).sum();
        let frozen = self.frozen.as_ref().map_or(0, |table| table.memory());
        files + frozen + self.active.memory()
    }
}

/// Ranges of the sealed files in `dir`: by start, of equal starts the longest first. Leftovers of a
/// stopped job are removed.
fn list(dir: &Path) -> Result<Vec<Covered>, IdentityError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(IdentityError::io("list", dir))? {
        let path = entry.map_err(IdentityError::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(&path).map_err(IdentityError::io("remove", &path))?;
        }
        found.extend(Covered::from_path(&path));
    }
    found.sort_unstable_by_key(|covered| (covered.from, std::cmp::Reverse(covered.to)));
    Ok(found)
}

fn remove(dir: &Path, covered: Covered) -> Result<(), IdentityError> {
    for path in [covered.records_path(dir), covered.filter_path(dir)] {
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(IdentityError::io("remove", &path)(error)),
        }
    }
    Ok(())
}
