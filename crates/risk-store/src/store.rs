//! The store（数据目录）: a directory, opened, rebuilt, replayed, verified, copied.
//!
//! ```text
//! <dir>/format            what the directory is, and its version
//! <dir>/lock              held by the process that has it open
//! <dir>/shards/000/ledger     the truth
//! <dir>/shards/000/identity   ids ever seen   ┐ views: thrown away and made again
//! <dir>/shards/000/views      sled            │ from the ledger when in doubt
//! <dir>/shards/000/checkpoint the engine      ┘
//! <dir>/shards/000/outbox     how far events were sent
//! <dir>/shards/000/personal.keys  locked keys of what the ledger holds of people: kept like the ledger
//! <dir>.secrets               what must be in no copy of the directory: the master key, among others
//! ```

mod backup;
mod directory;

use crate::checkpoint::{self, taxonomy_digest};
use crate::commit::{Committer, DurableListener, Observer, Shared};
use crate::error::StoreError;
use crate::fold::{self, ReplayReport};
use crate::identities::{Identities, KnownIds};
use crate::identity::{IdentityIndex, IdentitySettings};
use crate::ledger::merkle::TreeHead;
use crate::ledger::{
    BlockBuilder, Hash, Ledger, LedgerReader, LedgerSettings, OpenMode, TornTail, verify,
};
use crate::personal::{Keyring, RetentionPolicy, secrets_beside};
use crate::progress::Progress;
use crate::reader::{Reader, show};
use crate::records::{BlockMetadata, Positions, ShownEntry};
use crate::shelf::PlanShelf;
use crate::views::{ViewThread, ViewsHandle};
use crate::writer::{Threads, Writer, WriterParts};
use risk_domain::time::Timestamp;
use risk_engine::{
    ENGINE_VERSION, EVIDENCE_VERSION, Engine, MODEL_VERSION, Policy, StateHash, Taxonomy,
};
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

pub use backup::{backup, restore};
use directory::{lock, shard_dir};

/// Blocks that the view thread may lag behind before it reads the ledger instead.
const VIEW_QUEUE: usize = 16;

/// How a store is opened（打开选项）.
#[doc(alias = "打开选项")]
#[derive(Clone)]
pub struct StoreOptions {
    /// The shard.
    pub shard: u16,
    /// zstd level of ledger blocks.
    pub compression: i32,
    /// A ledger file that has reached this size is closed and a new one begun.
    pub segment_bytes: u64,
    /// Whether every byte of the ledger is checked at the start, and not only its last file.
    pub check_all: bool,
    /// New ids after which the identity index writes a file.
    pub identity: IdentitySettings,
    /// Blocks that may wait for the disk before the worker waits too.
    pub queued_blocks: usize,
    /// Learns how far commits are durable.
    pub listener: Option<Arc<dyn DurableListener>>,
    /// Called with every block that became durable.
    pub observers: Vec<Observer>,
    /// Where the master key of personal data lies; beside the data directory where nothing is said.
    pub secrets_dir: Option<PathBuf>,
    /// How long what is personal is kept; the policy that ships where nothing is said.
    pub retention: Option<Arc<RetentionPolicy>>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            shard: 0,
            compression: 1,
            segment_bytes: LedgerSettings::default().segment_bytes,
            check_all: false,
            identity: IdentitySettings::default(),
            queued_blocks: 2,
            listener: None,
            observers: Vec::new(),
            secrets_dir: None,
            retention: None,
        }
    }
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("shard", &self.shard)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

impl StoreOptions {
    fn ledger(&self) -> LedgerSettings {
        LedgerSettings {
            shard: self.shard,
            segment_bytes: self.segment_bytes,
            mode: if self.check_all {
                OpenMode::Full
            } else {
                OpenMode::LastSegment
            },
        }
    }
}

/// What opening found and did（打开报告）.
#[doc(alias = "打开报告")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreReport {
    /// Blocks in the ledger.
    pub blocks: u64,
    /// Entries in them.
    pub entries: u64,
    /// The unfinished last block that was cut.
    pub cut: Option<TornTail>,
    /// Files of the identity index that were thrown away.
    pub identity_discarded: Vec<PathBuf>,
    /// The views were thrown away and made again.
    pub views_rebuilt: bool,
    /// The entry from which the ledger was folded, after a checkpoint of what came before; 0 without.
    pub checkpoint: u64,
}

/// An open store.
#[derive(Debug)]
pub struct Opened {
    /// The one hand that adds to the ledger.
    pub writer: Writer,
    /// Everything that can be asked; clone it freely.
    pub reader: Reader,
    /// The engine, standing where the ledger ends.
    pub engine: Engine,
    /// Next offset of every partition: where sources go on.
    pub positions: Positions,
    /// What opening found and did.
    pub report: StoreReport,
}

/// What a verification found in a store that is whole（验证报告）.
#[doc(alias = "验证报告")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Blocks in the ledger.
    pub blocks: u64,
    /// Entries in them.
    pub entries: u64,
    /// Merkle root of all entries.
    pub root: Hash,
    /// Hash of the state that they lead to.
    pub state_hash: StateHash,
    /// An unfinished last block, which the next opening will cut.
    pub torn_tail: Option<TornTail>,
}

/// A data directory（数据目录）and the judgement that its state is folded under.
#[doc(alias = "数据目录")]
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    options: StoreOptions,
    policy: Arc<Policy>,
    taxonomy: Taxonomy,
}

impl Store {
    /// A store in `dir`; nothing is touched yet.
    pub fn at(dir: &Path, options: StoreOptions, policy: Arc<Policy>, taxonomy: Taxonomy) -> Self {
        Self {
            dir: dir.to_path_buf(),
            options,
            policy,
            taxonomy,
        }
    }

    /// Opens the store, creating it if there is none: cuts a torn tail, folds the ledger into an
    /// engine, brings the views up to date, and starts the threads.
    pub fn open(&self) -> Result<Opened, StoreError> {
        let lock = self.lock(true)?;
        let (ledger, found) = Ledger::open(&self.part("ledger"), self.options.ledger())?;
        if let Some(torn) = &found.cut {
            tracing::warn!(?torn, "an unfinished last block was cut from the ledger");
        }
        let reader = ledger.reader().clone();
        let keys = self.keyring()?;
        let (mut identities, identity_discarded) = self.identities(&reader)?;
        // sled reads its log meanwhile, and both take a while.
        let (views, restored) = thread::scope(|scope| {
            let views = scope.spawn(|| ViewsHandle::open(&self.part("views"), reader.clone()));
            let restored = self.restore_engine(&mut identities, &reader);
            (views.join(), restored)
        });
        let (views, views_rebuilt) = views.unwrap_or(Err(StoreError::ViewsUnavailable))?;
        let (engine, checkpoint) = restored?;
        let positions = fold::positions(&reader)?;
        let report = StoreReport {
            blocks: found.blocks,
            entries: found.entries,
            cut: found.cut,
            identity_discarded,
            views_rebuilt,
            checkpoint,
        };
        let progress = Progress {
            blocks: found.blocks,
            entries: found.entries,
            ..Progress::default()
        };
        let shared = Arc::new(Shared::new(lock, progress, self.options.listener.clone()));
        for observer in &self.options.observers {
            shared.observe(Arc::clone(observer));
        }
        let views = Arc::new(views);
        let ids = KnownIds::new(identities);
        let retention = match &self.options.retention {
            Some(retention) => Arc::clone(retention),
            None => Arc::new(RetentionPolicy::builtin()?),
        };
        let kept = (keys.clone(), Arc::clone(&retention));
        let asked = Reader::new(
            ids.clone(),
            Arc::clone(&views),
            Arc::clone(&shared),
            (&self.shard_dir(), self.options.shard),
            PlanShelf::of(&self.dir),
            kept,
        );
        let stand = (positions.clone(), checkpoint);
        let mut writer = self.start(ledger, (views, shared), ids, stand, (keys, retention))?;
        asked.settle_erasures()?;
        for erasure in asked.erasures_to_repeat() {
            writer.append_erasure(&erasure)?;
        }
        Ok(Opened {
            writer,
            reader: asked,
            engine,
            positions,
            report,
        })
    }

    fn start(
        &self,
        ledger: Ledger,
        (views, shared): (Arc<ViewsHandle>, Arc<Shared>),
        ids: KnownIds,
        (positions, checkpoint): (Positions, u64),
        (keys, retention): (Keyring, Arc<RetentionPolicy>),
    ) -> Result<Writer, StoreError> {
        let reader = ledger.reader().clone();
        let builder = BlockBuilder::new(ledger.chain().clone(), self.options.compression)?;
        let (to_views, queue) = sync_channel(VIEW_QUEUE);
        let view_thread = ViewThread {
            handle: views,
            shard_dir: self.shard_dir(),
            queue,
            shared: Arc::clone(&shared),
        };
        let applier = view_thread.catch_up()?;
        let (jobs, queue) = sync_channel(self.options.queued_blocks);
        let committer = Committer {
            ledger,
            builder,
            jobs: queue,
            views: to_views,
            shared: Arc::clone(&shared),
            keys: keys.clone(),
        };
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let started = thread::Builder::new().name(name.to_owned()).spawn(work);
            started.map_err(StoreError::io("start a thread for", &self.dir))
        };
        let threads = vec![
            start("commit", Box::new(move || committer.run()))?,
            start("views", Box::new(move || view_thread.run(applier)))?,
        ];
        Ok(Writer::new(WriterParts {
            ids,
            positions,
            jobs,
            shared,
            ledger: reader,
            keys,
            retention,
            versions: self.versions(),
            taxonomy: taxonomy_digest(&self.taxonomy),
            checkpoint,
            threads: Threads(threads),
        }))
    }

    /// Brings an engine to the end of the ledger: from a checkpoint, if there is one that fits, or
    /// from the beginning. Says at which entry it began.
    fn restore_engine(
        &self,
        identities: &mut Identities,
        ledger: &LedgerReader,
    ) -> Result<(Engine, u64), StoreError> {
        let taxonomy = taxonomy_digest(&self.taxonomy);
        let restored = checkpoint::restore(&self.shard_dir(), ledger, &self.policy, taxonomy);
        let Some(restored) = restored else {
            return Ok((self.fold_engine(identities, ledger)?, 0));
        };
        let mut engine = restored.engine;
        identities.feed_from_ledger(restored.entries)?;
        fold::fold(&mut engine, identities, ledger, restored.blocks)?;
        Ok((engine, restored.entries))
    }

    fn fold_engine(
        &self,
        identities: &mut Identities,
        ledger: &LedgerReader,
    ) -> Result<Engine, StoreError> {
        let mut engine = self.new_engine()?;
        fold::fold(&mut engine, identities, ledger, 0)?;
        Ok(engine)
    }

    /// Throws identity index, views and checkpoint away and makes them again; returns the state hash.
    pub fn rebuild(&self) -> Result<StateHash, StoreError> {
        let lock = self.lock(false)?;
        for name in ["identity", "views"] {
            let dir = self.part(name);
            if dir.exists() {
                fs::remove_dir_all(&dir).map_err(StoreError::io("remove", &dir))?;
            }
        }
        let shard = self.shard_dir();
        checkpoint::remove(&shard).map_err(StoreError::io("remove the checkpoint in", &shard))?;
        drop(lock);
        close(self.open()?)
    }

    /// Makes what belongs to a ledger that was copied back, and erases once more, in the ledger, too, what was erased
    /// since it was copied; returns the number of keys and the state hash.
    pub fn complete_restore(
        &self,
        now: Timestamp,
        seed: [u8; 32],
    ) -> Result<(usize, StateHash), StoreError> {
        let mut opened = self.open()?;
        let repeated = opened.reader.erasures_to_repeat();
        if !repeated.is_empty() {
            let ticket = opened.writer.commit(&Positions::new(), now, seed)?;
            opened.writer.wait(ticket)?;
        }
        let keys = repeated.iter().map(|erasure| erasure.keys.len()).sum();
        Ok((keys, close(opened)?))
    }

    /// Judges all recorded inputs again and lists where something else follows.
    pub fn replay(&self) -> Result<ReplayReport, StoreError> {
        let _lock = self.lock(false)?;
        let (ledger, _) = Ledger::open(&self.part("ledger"), self.options.ledger())?;
        let (mut identities, _) = self.identities(ledger.reader())?;
        let mut engine = self.new_engine()?;
        fold::replay(&mut engine, &mut identities, ledger.reader())
    }

    /// Checks every byte of the ledger from its published format alone, then folds it.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let _lock = self.lock(false)?;
        let ledger_dir = self.part("ledger");
        let whole = verify(&ledger_dir)?;
        let (ledger, _) = Ledger::open(&ledger_dir, self.options.ledger())?;
        let (mut identities, _) = self.identities(ledger.reader())?;
        let engine = self.fold_engine(&mut identities, ledger.reader())?;
        Ok(Verified {
            blocks: whole.blocks,
            entries: whole.entries,
            root: whole.root,
            state_hash: engine.state_hash(),
            torn_tail: whole.torn_tail,
        })
    }

    /// The root of the first `size` entries, or of all where there are fewer.
    pub fn head(&self, size: u64) -> Result<TreeHead, StoreError> {
        let _lock = self.lock(false)?;
        let (ledger, _) = Ledger::open(&self.part("ledger"), self.options.ledger())?;
        let reader = ledger.reader();
        let size = size.min(reader.entry_count());
        let root = reader.root_at(size)?;
        Ok(TreeHead { size, root })
    }

    /// Entries of a range, for people; the personal section is never among them.
    pub fn show(&self, range: Range<u64>) -> Result<Vec<ShownEntry>, StoreError> {
        let _lock = self.lock(false)?;
        let (ledger, _) = Ledger::open(&self.part("ledger"), self.options.ledger())?;
        show(ledger.reader(), range)
    }

    fn new_engine(&self) -> Result<Engine, StoreError> {
        Engine::new(Arc::clone(&self.policy), self.taxonomy.clone())
            .map_err(|error| StoreError::Engine(error.to_string()))
    }

    fn keyring(&self) -> Result<Keyring, StoreError> {
        let beside = || secrets_beside(&self.dir);
        let secrets = self.options.secrets_dir.clone().unwrap_or_else(beside);
        Keyring::open(&self.shard_dir(), self.options.shard, &secrets)
    }

    fn identities(&self, ledger: &LedgerReader) -> Result<(Identities, Vec<PathBuf>), StoreError> {
        let dir = self.part("identity");
        let (mut index, mut report) = IdentityIndex::open(&dir, self.options.identity)?;
        if index.covers_up_to() > ledger.entry_count() {
            tracing::warn!("the identity index knows more than the ledger; building it again");
            drop(index);
            fs::remove_dir_all(&dir).map_err(StoreError::io("remove", &dir))?;
            report.discarded.push(dir.clone());
            (index, _) = IdentityIndex::open(&dir, self.options.identity)?;
        }
        let identities = Identities::new(index, ledger.clone());
        Ok((identities, report.discarded))
    }

    fn versions(&self) -> BlockMetadata {
        BlockMetadata {
            v: 1,
            shard: self.options.shard,
            positions: Vec::new(),
            partitions: Vec::new(),
            committed_at: Timestamp::from_millis(0),
            duplicates: 0,
            engine: ENGINE_VERSION.to_owned(),
            evidence: EVIDENCE_VERSION.to_owned(),
            model: MODEL_VERSION.to_owned(),
            policy: self.policy.version.to_string(),
            policy_hash: self.policy.hash.clone(),
        }
    }

    fn shard_dir(&self) -> PathBuf {
        shard_dir(&self.dir, self.options.shard)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.shard_dir().join(name)
    }

    fn lock(&self, create: bool) -> Result<File, StoreError> {
        let lock = lock(&self.dir, create)?;
        let shard = self.shard_dir();
        fs::create_dir_all(&shard).map_err(StoreError::io("create", &shard))?;
        Ok(lock)
    }
}

/// Closes a store, with a checkpoint at its end; returns the state hash.
fn close(opened: Opened) -> Result<StateHash, StoreError> {
    let Opened {
        mut writer, engine, ..
    } = opened;
    // Erasures that an older copy has to repeat wait for a commit, and a checkpoint stands after one.
    if writer.pending_entries() == 0 && writer.entries_since_checkpoint() > 0 {
        writer.checkpoint(&engine)?;
    }
    writer.close()?;
    Ok(engine.state_hash())
}
