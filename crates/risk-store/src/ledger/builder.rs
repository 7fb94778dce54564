//! Building blocks（组块）: hashing and compression, which is all processor and no disk.
//!
//! A [`BlockBuilder`] may live on another thread than the [`super::Ledger`]: it carries the chain
//! itself, so block *n + 1* can be prepared while block *n* is being fsynced.

use std::fmt;
use std::path::Path;

use zstd::bulk::Compressor;

use super::error::LedgerError;
use super::format::{
    BlockHeader, ENTRY_VERSION, Entry, HEADER_LEN, MAX_METADATA, MAX_PAYLOAD, SEED_LEN,
};
use super::frames::FrameCuts;
use super::leaf::{GROUP, Salts, leaf_hashes};
use super::merkle::{CompactRange, Hash};

/// Levels of the tree per level of tiles.
pub(crate) const TILE_HEIGHT: u32 = 8;

/// Where a ledger's chain stands（链头）: what the next block has to say of the blocks before it.
#[doc(alias = "链头")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub(crate) shard: u16,
    pub(crate) next_block: u64,
    pub(crate) last_hash: Hash,
    pub(crate) tree: CompactRange,
}

impl Chain {
    /// The chain of an empty ledger.
    pub fn empty(shard: u16) -> Self {
        Self {
            shard,
            next_block: 0,
            last_hash: Hash::ZERO,
            tree: CompactRange::default(),
        }
    }

    /// Number of the next block.
    pub fn next_block(&self) -> u64 {
        self.next_block
    }

    /// Hash of the last block, zeros if there is none.
    pub fn last_hash(&self) -> Hash {
        self.last_hash
    }

    /// Number of entries so far, which is the index of the next one.
    pub fn entries(&self) -> u64 {
        self.tree.size()
    }

    /// Merkle root of all entries so far.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }
}

/// A block that is ready to be written（待写区块）.
#[doc(alias = "待写区块")]
#[derive(Clone, Debug, Default)]
pub struct PreparedBlock {
    pub(crate) bytes: Vec<u8>,
    /// Hashes that this block adds to the tiles, a concatenation per tile level.
    pub(crate) tiles: Vec<Vec<u8>>,
    pub(crate) previous: Hash,
    pub(crate) after: Option<Chain>,
    number: u64,
    first_entry: u64,
    entry_count: u32,
}

impl PreparedBlock {
    /// Number of the block.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Index of its first entry.
    pub fn first_entry(&self) -> u64 {
        self.first_entry
    }

    /// Number of its entries.
    pub fn entry_count(&self) -> u32 {
        self.entry_count
    }

    /// The bytes that will be written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Fills blocks with entries（组块器）. Entries are laid out as they come, from borrowed slices, and
/// hashed some at a time; nothing is allocated per entry.
#[doc(alias = "组块器")]
pub struct BlockBuilder {
    committed: Chain,
    open: Option<OpenBlock>,
    compressor: Compressor<'static>,
    raw: Vec<u8>,
    frames: FrameCuts,
    spare: PreparedBlock,
}

/// The block being filled.
struct OpenBlock {
    tree: CompactRange,
    salts: Salts,
    count: u32,
    /// Where in the payload the first entry begins that the tree does not have yet.
    unhashed: usize,
}

impl OpenBlock {
    /// Takes the entries of this payload into the tree that it does not have yet.
    fn hash(&mut self, raw: &[u8], shard: u16, tiles: &mut Vec<Vec<u8>>) {
        let place = (shard, self.tree.size());
        let leaves = leaf_hashes(Entry::each(&raw[self.unhashed..]), place, &mut self.salts);
        self.tree
            .extend(leaves, |level, hash| collect_tile_hash(tiles, level, hash));
        self.unhashed = raw.len();
    }
}

impl fmt::Debug for BlockBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BlockBuilder")
            .field("committed", &self.committed)
            .field("open", &self.len())
            .finish_non_exhaustive()
    }
}

impl BlockBuilder {
    /// A builder for the blocks that follow `chain`, compressing at zstd `level` (1 is the
    /// default of the ledger; negative levels are faster and larger).
    pub fn new(chain: Chain, level: i32) -> Result<Self, LedgerError> {
        let compressor = Compressor::new(level).map_err(LedgerError::io(
            "set up compression for",
            Path::new("ledger"),
        ))?;
        Ok(Self {
            committed: chain,
            open: None,
            compressor,
            raw: Vec::new(),
            frames: FrameCuts::default(),
            spare: PreparedBlock::default(),
        })
    }

    /// Begins a block, dropping one that was begun and not finished. `seed` must be 32 fresh random
    /// bytes: the block's salts come from it.
    pub fn begin(&mut self, seed: [u8; SEED_LEN]) {
        self.raw.clear();
        self.raw.extend_from_slice(&seed);
        self.frames.clear();
        for level in &mut self.spare.tiles {
            level.clear();
        }
        let tree = self.committed.tree.clone();
        self.open = Some(OpenBlock {
            tree,
            salts: Salts::new(seed),
            count: 0,
            unhashed: SEED_LEN,
        });
    }

    /// Adds an entry and says which index in the ledger it will have. An entry that does not fit is
    /// refused and leaves the block as it was.
    pub fn push(&mut self, entry: &Entry<'_>) -> Result<u64, LedgerError> {
        let open = self.open.as_mut().ok_or(LedgerError::NoOpenBlock)?;
        let actor_len = u8::try_from(entry.actor.len())
            .map_err(|_| too_large("actor", entry.actor.len() as u64, u64::from(u8::MAX)))?;
        let total = self.raw.len() as u64 + entry.encoded_len() as u64;
        if total > MAX_PAYLOAD || open.count == u32::MAX {
            return Err(too_large("block", total, MAX_PAYLOAD));
        }

        let index = self.committed.entries() + u64::from(open.count);
        self.frames.entry_at(open.count, self.raw.len());
        open.count += 1;

        self.raw
            .extend_from_slice(&[ENTRY_VERSION, entry.kind.0, actor_len]);
        let sections = entry.sections();
        for section in sections {
            // Below the payload limit checked above, so the length fits.
            self.raw
                .extend_from_slice(&(section.len() as u32).to_be_bytes());
        }
        self.raw.extend_from_slice(entry.actor.as_bytes());
        for section in sections {
            self.raw.extend_from_slice(section);
        }
        if (open.count as usize).is_multiple_of(GROUP) {
            open.hash(&self.raw, self.committed.shard, &mut self.spare.tiles);
        }
        Ok(index)
    }

    /// Number of entries in the block being filled.
    pub fn len(&self) -> u32 {
        self.open.as_ref().map_or(0, |open| open.count)
    }

    /// Whether the block being filled has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the payload so far, before compression.
    pub fn raw_len(&self) -> usize {
        self.raw.len()
    }

    /// Index that the next entry pushed will have.
    pub fn next_entry(&self) -> u64 {
        self.committed.entries() + u64::from(self.len())
    }

    /// Finishes the block with its metadata (opaque bytes: source positions, versions, times); the
    /// next one will follow it.
    pub fn finish(&mut self, metadata: &[u8]) -> Result<PreparedBlock, LedgerError> {
        let metadata_len = metadata.len() as u64;
        if metadata_len > MAX_METADATA {
            return Err(too_large("metadata", metadata_len, MAX_METADATA));
        }
        let mut open = self.open.take().ok_or(LedgerError::NoOpenBlock)?;
        open.hash(&self.raw, self.committed.shard, &mut self.spare.tiles);

        let mut block = std::mem::take(&mut self.spare);
        block.bytes.clear();
        block.bytes.resize(HEADER_LEN, 0);
        block.bytes.extend_from_slice(metadata);
        let payload_at = block.bytes.len();
        let payload_len =
            self.frames
                .compress(&self.raw, &mut self.compressor, &mut block.bytes)?;

        let header = BlockHeader {
            shard: self.committed.shard,
            number: self.committed.next_block,
            first_entry: self.committed.entries(),
            entry_count: open.count,
            metadata_len: metadata.len() as u32,
            raw_len: self.raw.len() as u64,
            payload_len: payload_len as u64,
            previous: self.committed.last_hash,
            metadata_hash: Hash::of(metadata),
            payload_hash: Hash::of(&block.bytes[payload_at..]),
            root: open.tree.root(),
        };
        block.bytes[..HEADER_LEN].copy_from_slice(&header.encode());
        block.bytes.extend_from_slice(&header.trailer());
        block.previous = header.previous;
        block.number = header.number;
        block.first_entry = header.first_entry;
        block.entry_count = header.entry_count;

        self.committed.next_block += 1;
        self.committed.last_hash = header.hash();
        self.committed.tree = open.tree;
        block.after = Some(self.committed.clone());
        Ok(block)
    }

    /// Gives the buffers of a written block back, so that the next one need not allocate.
    pub fn recycle(&mut self, block: PreparedBlock) {
        if self.open.is_none() {
            self.spare = block;
        } else if self.spare.bytes.capacity() < block.bytes.capacity() {
            // The tiles of the open block are already being filled; only the large buffer is free.
            self.spare.bytes = block.bytes;
        }
    }
}

/// Keeps the hashes that belong to tiles: those of every eighth level.
pub(crate) fn collect_tile_hash(tiles: &mut Vec<Vec<u8>>, level: u32, hash: &Hash) {
    if !level.is_multiple_of(TILE_HEIGHT) {
        return;
    }
    let tile_level = (level / TILE_HEIGHT) as usize;
    while tiles.len() <= tile_level {
        tiles.push(Vec::new());
    }
    tiles[tile_level].extend_from_slice(&hash.0);
}

fn too_large(what: &'static str, bytes: u64, limit: u64) -> LedgerError {
    LedgerError::TooLarge { what, bytes, limit }
}
