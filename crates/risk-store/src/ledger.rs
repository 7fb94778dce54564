//! The ledger（账本）: an append-only, hash-chained journal under a Merkle tree.
//!
//! It knows nothing of inspection: entries are a kind, an actor and four opaque sections. What it
//! promises:
//!
//! - **All or nothing.** A block is one write and, after [`Ledger::sync`], durable. A block that was
//!   never finished (a torn tail) is cut at the next start, and reported.
//! - **Altered bytes are found.** Every byte of a segment is covered by a checksum or a hash; reading
//!   checks what it reads, [`verify`] checks everything from the published format alone
//!   (`docs/ledger-format.md`).
//! - **One entry can be proved without the rest**, and a section of it withheld ([`Excerpt::disclose`],
//!   [`LedgerReader::inclusion_proof`]).
//! - **A failed write or fsync is fatal**: the ledger then refuses everything until it is reopened.
//!
//! A block's trip: [`BlockBuilder`] hashes and compresses (any thread) → [`Ledger::append`] writes →
//! [`Ledger::sync`] makes it durable and visible to every [`LedgerReader`].

mod block;
mod builder;
pub mod checkpoint;
mod error;
mod format;
mod frames;
mod leaf;
pub mod merkle;
mod messages;
pub mod note;
mod read;
mod segment;
mod tiles;
mod verify;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

pub use block::{Block, Excerpt};
pub use builder::{BlockBuilder, Chain, PreparedBlock};
pub use error::{DamageKind, LedgerError};
pub use format::{BlockHeader, Entry, EntryKind, FORMAT_VERSION, HEADER_LEN, Section, TRAILER_LEN};
pub use leaf::{DisclosedSection, Disclosure, Salt, commitment};
pub use merkle::Hash;
pub use read::{Blocks, LedgerReader, Proofs};
pub use segment::TornTail;
pub use verify::{VerifyReport, verify};

use merkle::CompactRange;
use read::{BlockAddress, BlockIndex};
use segment::{segment_path, sync_dir, walk};
use tiles::{TileReader, TileWriter};

/// How much of the ledger opening it checks（打开方式）. Reading a block always checks all of it.
#[doc(alias = "打开方式")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OpenMode {
    /// Headers, trailers and the chain of all blocks, and every byte of the last segment.
    #[default]
    LastSegment,
    /// Every byte of every block.
    Full,
}

/// Settings of a ledger（账本设置）.
#[doc(alias = "账本设置")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The shard that it belongs to; a ledger of another shard is refused.
    pub shard: u16,
    /// A segment that has reached this size is closed and a new one begun.
    pub segment_bytes: u64,
    /// How much opening checks.
    pub mode: OpenMode,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            shard: 0,
            segment_bytes: 256 << 20,
            mode: OpenMode::default(),
        }
    }
}

/// What opening found and did（打开结果）.
#[doc(alias = "打开结果")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Number of whole blocks.
    pub blocks: u64,
    /// Number of entries in them.
    pub entries: u64,
    /// The unfinished last block that was cut, if there was one.
    pub cut: Option<TornTail>,
    /// Number of entries whose tile hashes were computed again from the blocks.
    pub tiles_rebuilt: u64,
}

/// Where a block was written（位置）.
#[doc(alias = "位置")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Number of the block.
    pub block: u64,
    /// Index of its first entry.
    pub first_entry: u64,
    /// Number of its entries.
    pub entry_count: u32,
    /// Number of entries in the ledger with it.
    pub tree_size: u64,
}

/// An open ledger（账本）: the only writer of its directory.
#[doc(alias = "账本")]
#[derive(Debug)]
pub struct Ledger {
    dir: PathBuf,
    settings: LedgerSettings,
    chain: Chain,
    reader: LedgerReader,
    tiles: TileWriter,
    /// The last segment, and how many bytes of it are written.
    segment: Option<(u64, File, u64)>,
    /// Written, not yet durable.
    pending: Vec<BlockAddress>,
    fatal: bool,
    /// Held for as long as the ledger is open; the operating system drops it with the process.
    _lock: File,
}

impl Ledger {
    /// Opens the ledger in `dir`, creating it if there is none. Cuts a torn tail; refuses any other
    /// damage, naming the block.
    pub fn open(dir: &Path, settings: LedgerSettings) -> Result<(Self, OpenReport), LedgerError> {
        fs::create_dir_all(dir).map_err(LedgerError::io("create", dir))?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_dir(parent)?;
        }
        let lock = lock(dir)?;
        let scanned = scan(dir, &settings)?;
        if let Some(torn) = scanned.torn {
            cut(dir, &torn)?;
        }
        let mut report = OpenReport {
            blocks: scanned.index.blocks.len() as u64,
            entries: scanned.index.entries,
            cut: scanned.torn,
            tiles_rebuilt: 0,
        };
        let segment = match segment::list_segments(dir)?.last() {
            Some(&first_block) => Some(open_segment(dir, first_block)?),
            None => None,
        };
        let mut ledger = Self {
            dir: dir.to_path_buf(),
            settings,
            chain: Chain {
                next_block: report.blocks,
                last_hash: scanned.last_hash,
                ..Chain::empty(settings.shard)
            },
            reader: LedgerReader::new(dir, scanned.index),
            tiles: TileWriter::open(dir)?,
            segment,
            pending: Vec::new(),
            fatal: false,
            _lock: lock,
        };
        report.tiles_rebuilt = ledger.load_tree(scanned.root)?;
        Ok((ledger, report))
    }

    /// Where the chain stands, written blocks included: what a [`BlockBuilder`] starts from.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// A reader of the durable blocks; clone it freely.
    pub fn reader(&self) -> &LedgerReader {
        &self.reader
    }

    /// Merkle root of all entries written.
    pub fn root(&self) -> Hash {
        self.chain.root()
    }

    /// The directory of the ledger.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a block, which must follow the last one. It is neither durable nor visible to readers
    /// before [`Ledger::sync`].
    pub fn append(&mut self, block: &PreparedBlock) -> Result<Position, LedgerError> {
        self.refuse_if_fatal()?;
        let expected = self.chain.next_block;
        let after = block.after.as_ref().filter(|after| {
            let follows = block.number() == expected && block.previous == self.chain.last_hash;
            follows && after.shard == self.chain.shard
        });
        let Some(after) = after else {
            return Err(LedgerError::OutOfOrder {
                prepared: block.number(),
                expected,
            });
        };
        let address = self.write(block).inspect_err(|_| self.fatal = true)?;
        self.pending.push(address);
        self.chain.clone_from(after);
        Ok(Position {
            block: block.number(),
            first_entry: block.first_entry(),
            entry_count: block.entry_count(),
            tree_size: after.entries(),
        })
    }

    /// Makes everything written durable (`fdatasync`) and visible to readers.
    pub fn sync(&mut self) -> Result<(), LedgerError> {
        self.refuse_if_fatal()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Some((first_block, file, _)) = &self.segment {
            let path = segment_path(&self.dir, *first_block);
            // After a failed fsync the kernel may have dropped the pages and will not say so again.
            file.sync_data()
                .map_err(LedgerError::io("sync", &path))
                .inspect_err(|_| {
                    self.fatal = true;
                })?;
        }
        let entries = self.chain.entries();
        let pending = &mut self.pending;
        self.reader.update(|index| {
            index.blocks.append(pending);
            index.entries = entries;
        });
        Ok(())
    }

    /// Computes all tiles again from the blocks, after [`LedgerError::TilesDamaged`].
    pub fn rebuild_tiles(&mut self) -> Result<(), LedgerError> {
        self.sync()?;
        let root = self.chain.root();
        self.tiles.truncate(0)?;
        self.chain.tree = CompactRange::default();
        self.replay_tiles(0, root)?;
        Ok(())
    }

    fn refuse_if_fatal(&self) -> Result<(), LedgerError> {
        if self.fatal {
            Err(LedgerError::Fatal)
        } else {
            Ok(())
        }
    }

    fn write(&mut self, block: &PreparedBlock) -> Result<BlockAddress, LedgerError> {
        let full = |(_, _, length): &(u64, File, u64)| *length >= self.settings.segment_bytes;
        if self.segment.as_ref().is_none_or(full) {
            self.roll(block.number())?;
        }
        let Some((first_block, file, length)) = &mut self.segment else {
            return Err(LedgerError::Fatal);
        };
        let path = segment_path(&self.dir, *first_block);
        file.write_all_at(block.bytes(), *length)
            .map_err(LedgerError::io("write", &path))?;
        let (segment, offset) = (*first_block, *length);
        *length += block.bytes().len() as u64;
        self.tiles.append(&block.tiles)?;
        Ok(BlockAddress {
            first_entry: block.first_entry(),
            segment,
            offset,
        })
    }

    /// Closes the last segment durably and begins the next.
    fn roll(&mut self, first_block: u64) -> Result<(), LedgerError> {
        if let Some((closing, file, _)) = &self.segment {
            let path = segment_path(&self.dir, *closing);
            file.sync_all().map_err(LedgerError::io("sync", &path))?;
            self.tiles.sync()?;
        }
        let path = segment_path(&self.dir, first_block);
        let created = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path);
        let file = created.map_err(LedgerError::io("create", &path))?;
        sync_dir(&self.dir)?;
        self.segment = Some((first_block, file, 0));
        Ok(())
    }

    /// Brings tiles and compact range to the last block; returns how many entries had to be hashed
    /// again.
    fn load_tree(&mut self, root: Hash) -> Result<u64, LedgerError> {
        let entries = self.reader.entry_count();
        let covered = self.tiles.covered().min(entries);
        // Tiles that stop within a block are taken up again at its start.
        let (next_block, size) = if covered == entries {
            (self.reader.block_count(), entries)
        } else {
            let block = self.reader.block_of(covered)?;
            (block, self.reader.read_header(block)?.first_entry)
        };
        let known = match next_block.checked_sub(1) {
            Some(last) if next_block < self.reader.block_count() => {
                self.reader.read_header(last)?.root
            }
            Some(_) => root,
            None => merkle::empty_root(),
        };
        let mut reader = TileReader::new(&self.dir);
        let tree = CompactRange::load(size, |level, index| reader.node(level, index));
        let (next_block, tree) = match tree {
            Ok(tree) if tree.root() == known => (next_block, tree),
            Ok(_) | Err(LedgerError::TilesDamaged) => (0, CompactRange::default()),
            Err(other) => return Err(other),
        };
        let rebuilt = entries - tree.size();
        self.tiles.truncate(tree.size())?;
        self.chain.tree = tree;
        self.replay_tiles(next_block, root)?;
        Ok(rebuilt)
    }

    /// Appends the leaves of all blocks from `next_block` on to the tree, which must end there.
    fn replay_tiles(&mut self, next_block: u64, root: Hash) -> Result<(), LedgerError> {
        let reader = self.reader.clone();
        for block in reader.blocks(next_block) {
            let mut added = Vec::new();
            for excerpt in block?.excerpts() {
                let leaves = excerpt?.leaf_hashes();
                self.chain.tree.extend(leaves, |level, hash| {
                    builder::collect_tile_hash(&mut added, level, hash);
                });
            }
            self.tiles.append(&added)?;
        }
        if self.chain.tree.root() == root {
            return Ok(());
        }
        // The chain and all payload hashes are right, yet the entries do not lead to the root: a
        // block was forged as a whole, and a full verification says which.
        Err(verify(&self.dir).err().unwrap_or(LedgerError::TilesDamaged))
    }
}

/// Takes the directory lock, so that a second process cannot write beside this one.
fn lock(dir: &Path) -> Result<File, LedgerError> {
    let path = dir.join("lock");
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = opened.map_err(LedgerError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::Locked { path }),
        Err(TryLockError::Error(source)) => Err(LedgerError::io("lock", &path)(source)),
    }
}

/// What the first look at the segments found.
struct Scanned {
    index: BlockIndex,
    last_hash: Hash,
    root: Hash,
    torn: Option<TornTail>,
}

fn scan(dir: &Path, settings: &LedgerSettings) -> Result<Scanned, LedgerError> {
    let mut index = BlockIndex::default();
    let mut last_hash = Hash::ZERO;
    let mut root = merkle::empty_root();
    let torn = walk(dir, Some(settings.shard), |visit| {
        let check_body = match settings.mode {
            OpenMode::LastSegment => visit.is_last,
            OpenMode::Full => true,
        };
        if check_body && let Err(kind) = visit.segment.body(visit.offset, visit.header)? {
            return Ok(Err(kind));
        }
        index.blocks.push(BlockAddress {
            first_entry: visit.header.first_entry,
            segment: visit.segment.first_block,
            offset: visit.offset,
        });
        index.entries = visit.header.tree_size();
        last_hash = visit.header.hash();
        root = visit.header.root;
        Ok(Ok(()))
    })?;
    Ok(Scanned {
        index,
        last_hash,
        root,
        torn,
    })
}

/// Cuts a torn tail, durably, before anything is written after it.
fn cut(dir: &Path, torn: &TornTail) -> Result<(), LedgerError> {
    let path = segment_path(dir, torn.segment);
    let file = OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(LedgerError::io("open", &path))?;
    file.set_len(torn.offset)
        .map_err(LedgerError::io("truncate", &path))?;
    file.sync_all().map_err(LedgerError::io("sync", &path))
}

/// Opens the last segment for appending. Blocks that a killed process wrote and never synced are
/// whole but perhaps in the page cache only; readers will be told that they are durable, so they
/// are made so first.
fn open_segment(dir: &Path, first_block: u64) -> Result<(u64, File, u64), LedgerError> {
    let path = segment_path(dir, first_block);
    let opened = OpenOptions::new().read(true).write(true).open(&path);
    let file = opened.map_err(LedgerError::io("open", &path))?;
    let length = file
        .metadata()
        .map_err(LedgerError::io("inspect", &path))?
        .len();
    Ok((first_block, file, length))
}
