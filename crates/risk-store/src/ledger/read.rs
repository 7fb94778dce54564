//! Reading blocks and entries back, and proving them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use zstd::bulk::Decompressor;

use super::error::{DamageKind, LedgerError};
use super::format::{BlockHeader, Entry, SEED_LEN, Section};
use super::leaf::{Disclosure, Salts, entry_leaf};
use super::merkle::{self, Hash, TreeHead};
use super::segment::{BlockBody, Segment};
use super::tiles::TileReader;

/// Where a block lies: 24 bytes of memory each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockAddress {
    pub(crate) first_entry: u64,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// Addresses of all durable blocks.
#[derive(Debug, Default)]
pub(crate) struct BlockIndex {
    pub(crate) blocks: Vec<BlockAddress>,
    pub(crate) entries: u64,
}

/// A block that was read（已读区块）, whose every byte matches the hashes in its header.
#[doc(alias = "已读区块")]
#[derive(Clone, Debug)]
pub struct Block {
    header: BlockHeader,
    metadata: Vec<u8>,
    raw: Vec<u8>,
    /// Where each entry starts in `raw`.
    starts: Vec<u32>,
    seed: [u8; SEED_LEN],
}

impl Block {
    pub(crate) fn from_body(header: BlockHeader, body: BlockBody) -> Result<Self, DamageKind> {
        let raw_len = header.raw_len as usize;
        let raw = Decompressor::new()
            .and_then(|mut decompressor| decompressor.decompress(&body.payload, raw_len))
            .map_err(|_| DamageKind::Compression)?;
        if raw.len() != raw_len {
            return Err(DamageKind::Compression);
        }
        let (seed, mut rest) = raw.split_first_chunk().ok_or(DamageKind::Entry)?;
        let seed = *seed;
        // The count comes from a checked header, but memory follows only what was really there.
        let mut starts = Vec::with_capacity((header.entry_count as usize).min(raw_len / 16));
        while !rest.is_empty() {
            starts.push((raw_len - rest.len()) as u32);
            (_, rest) = Entry::decode(rest).ok_or(DamageKind::Entry)?;
        }
        if starts.len() as u64 != u64::from(header.entry_count) {
            return Err(DamageKind::Entry);
        }
        Ok(Self {
            header,
            metadata: body.metadata,
            raw,
            starts,
            seed,
        })
    }

    /// The block's header.
    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// Number of the block.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// The metadata given when it was finished.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// Its entries, each with its index in the ledger.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry<'_>)> {
        let entries = (0..self.header.entry_count).filter_map(|position| self.at(position));
        (self.header.first_entry..).zip(entries)
    }

    /// The entry with this index in the ledger, if it is in this block.
    pub fn entry(&self, index: u64) -> Option<Entry<'_>> {
        self.at(self.position(index)?)
    }

    /// The entry as it may be shown to somebody: only the sections that `show` allows.
    pub fn disclose(&self, index: u64, show: impl Fn(Section) -> bool) -> Option<Disclosure> {
        let position = self.position(index)?;
        let salts = Salts::at(self.seed, position).next_entry();
        Some(Disclosure::new(
            &self.at(position)?,
            (self.header.shard, index),
            &salts,
            show,
        ))
    }

    /// Leaf hashes of all entries, computed from their bytes.
    pub fn leaf_hashes(&self) -> impl Iterator<Item = Hash> {
        let mut salts = Salts::new(self.seed);
        let shard = self.header.shard;
        self.entries()
            .map(move |(index, entry)| entry_leaf(&entry, shard, index, &salts.next_entry()))
    }

    fn position(&self, index: u64) -> Option<u32> {
        let position = u32::try_from(index.checked_sub(self.header.first_entry)?).ok()?;
        (position < self.header.entry_count).then_some(position)
    }

    fn at(&self, position: u32) -> Option<Entry<'_>> {
        let start = *self.starts.get(position as usize)? as usize;
        // Decoded once already when the block was read.
        Entry::decode(self.raw.get(start..)?).map(|(entry, _)| entry)
    }
}

/// Reads the durable blocks of an open ledger（账本读取器）. Clones share one index; reading takes no lock
/// that the writer waits for while it fsyncs.
#[doc(alias = "账本读取器")]
#[derive(Clone, Debug)]
pub struct LedgerReader {
    dir: Arc<PathBuf>,
    index: Arc<RwLock<BlockIndex>>,
}

impl LedgerReader {
    pub(crate) fn new(dir: &Path, index: BlockIndex) -> Self {
        Self {
            dir: Arc::new(dir.to_path_buf()),
            index: Arc::new(RwLock::new(index)),
        }
    }

    /// Changes the index; for the writer.
    pub(crate) fn update(&self, change: impl FnOnce(&mut BlockIndex)) {
        // A panic elsewhere cannot leave the index half changed: blocks are pushed whole.
        change(&mut self.index.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn with_index<T>(&self, look: impl FnOnce(&BlockIndex) -> T) -> T {
        look(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Number of durable blocks.
    pub fn block_count(&self) -> u64 {
        self.with_index(|index| index.blocks.len() as u64)
    }

    /// Number of durable entries.
    pub fn entry_count(&self) -> u64 {
        self.with_index(|index| index.entries)
    }

    /// Number of the block that holds entry `index`.
    pub fn block_of(&self, index: u64) -> Result<u64, LedgerError> {
        self.with_index(|known| {
            if index >= known.entries {
                let (what, len) = ("entry", known.entries);
                return Err(LedgerError::NotFound {
                    what,
                    number: index,
                    len,
                });
            }
            // Blocks without entries share their first index with the block after them, so the
            // last one that starts at or before the index is the one that holds it.
            let after = known
                .blocks
                .partition_point(|block| block.first_entry <= index);
            Ok(after.saturating_sub(1) as u64)
        })
    }

    fn address(&self, number: u64) -> Result<BlockAddress, LedgerError> {
        self.with_index(|index| {
            let address = index.blocks.get(number as usize).copied();
            let len = index.blocks.len() as u64;
            address.ok_or(LedgerError::NotFound {
                what: "block",
                number,
                len,
            })
        })
    }

    /// Header of a block, checked against its own checksum and its number.
    pub fn read_header(&self, number: u64) -> Result<BlockHeader, LedgerError> {
        let address = self.address(number)?;
        let segment = Segment::open(&self.dir, address.segment)?;
        header_of(&segment, number, address)
    }

    /// Reads a block and checks every byte of it against its header.
    pub fn read_block(&self, number: u64) -> Result<Block, LedgerError> {
        let address = self.address(number)?;
        let segment = Segment::open(&self.dir, address.segment)?;
        block_of(&segment, number, address)
    }

    /// Reads the block that holds entry `index`.
    pub fn read_entry(&self, index: u64) -> Result<Block, LedgerError> {
        self.read_block(self.block_of(index)?)
    }

    /// All blocks from number `first` on, read one by one as the iterator is driven. Ends at the
    /// last block that is durable when it gets there, or after the first error.
    pub fn blocks(&self, first: u64) -> Blocks<'_> {
        Blocks {
            reader: self,
            next: first,
            segment: None,
            failed: false,
        }
    }

    /// All blocks from the one that holds entry `index` on; none if there is no such entry yet.
    pub fn blocks_from(&self, index: u64) -> Blocks<'_> {
        let first = self.block_of(index).unwrap_or_else(|_| self.block_count());
        self.blocks(first)
    }

    /// Merkle root of the first `size` entries, from the tiles, checked against the next header.
    pub fn root_at(&self, size: u64) -> Result<Hash, LedgerError> {
        self.check_size(size)?;
        let mut tiles = TileReader::new(&self.dir);
        let root = merkle::root_at(size, |level, index| tiles.node(level, index))?;
        if size == 0 {
            return Ok(root);
        }
        let header = self.read_header(self.block_of(size - 1)?)?;
        let newer = TreeHead {
            size: header.tree_size(),
            root: header.root,
        };
        let proof =
            merkle::consistency_proof(size, newer.size, |level, index| tiles.node(level, index))?;
        if merkle::verify_consistency(&TreeHead { size, root }, &newer, &proof) {
            Ok(root)
        } else {
            Err(LedgerError::TilesDamaged)
        }
    }

    /// Proof that entry `index` is among the first `size` entries; checked before it is returned
    /// up to the leaf, which the caller checks with the entry.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        self.proofs(size)?.inclusion(index)
    }

    /// Proofs of many entries among the first `size`, whose root is computed and checked once.
    pub fn proofs(&self, size: u64) -> Result<Proofs, LedgerError> {
        Ok(Proofs {
            head: TreeHead {
                size,
                root: self.root_at(size)?,
            },
            tiles: TileReader::new(&self.dir),
        })
    }

    /// Proof that the first `older` entries are a prefix of the first `newer`.
    pub fn consistency_proof(&self, older: u64, newer: u64) -> Result<Vec<Hash>, LedgerError> {
        let before = TreeHead {
            size: older,
            root: self.root_at(older)?,
        };
        let after = TreeHead {
            size: newer,
            root: self.root_at(newer)?,
        };
        if older > newer {
            return Err(LedgerError::NotFound {
                what: "tree size",
                number: older,
                len: newer,
            });
        }
        let mut tiles = TileReader::new(&self.dir);
        let proof = merkle::consistency_proof(older, newer, |level, node| tiles.node(level, node))?;
        if merkle::verify_consistency(&before, &after, &proof) {
            Ok(proof)
        } else {
            Err(LedgerError::TilesDamaged)
        }
    }

    fn check_size(&self, size: u64) -> Result<(), LedgerError> {
        let len = self.entry_count();
        if size > len {
            return Err(LedgerError::NotFound {
                what: "tree size",
                number: size,
                len,
            });
        }
        Ok(())
    }
}

/// Proves entries of one tree（证明）.
#[derive(Debug)]
pub struct Proofs {
    head: TreeHead,
    tiles: TileReader,
}

impl Proofs {
    /// The tree.
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// Proof that an entry is in the tree; checked before it is returned up to the leaf, which the caller
    /// checks with the entry.
    pub fn inclusion(&mut self, index: u64) -> Result<Vec<Hash>, LedgerError> {
        let TreeHead { size, root } = self.head;
        if index >= size {
            return Err(LedgerError::NotFound {
                what: "entry",
                number: index,
                len: size,
            });
        }
        let tiles = &mut self.tiles;
        let proof = merkle::inclusion_proof(index, size, |level, node| tiles.node(level, node))?;
        let leaf = tiles.node(0, index)?;
        if merkle::verify_inclusion(&leaf, index, size, &proof, &root) {
            Ok(proof)
        } else {
            Err(LedgerError::TilesDamaged)
        }
    }
}

/// A block of the index that its file is too short for was there when it was indexed.
fn or_truncated(error: LedgerError, damaged: impl Fn(DamageKind) -> LedgerError) -> LedgerError {
    if let LedgerError::Io { source, .. } = &error
        && source.kind() == ErrorKind::UnexpectedEof
    {
        return damaged(DamageKind::Truncated);
    }
    error
}

fn damaged(number: u64, address: BlockAddress) -> impl Fn(DamageKind) -> LedgerError {
    move |kind| LedgerError::Damaged {
        segment: address.segment,
        block: number,
        offset: address.offset,
        kind,
    }
}

fn header_of(
    segment: &Segment,
    number: u64,
    address: BlockAddress,
) -> Result<BlockHeader, LedgerError> {
    let damaged = damaged(number, address);
    let header = segment
        .header_at(address.offset)
        .map_err(|error| or_truncated(error, &damaged))?
        .map_err(&damaged)?;
    if header.number != number {
        return Err(damaged(DamageKind::BlockNumber));
    }
    if header.first_entry != address.first_entry {
        return Err(damaged(DamageKind::FirstEntry));
    }
    Ok(header)
}

fn block_of(segment: &Segment, number: u64, address: BlockAddress) -> Result<Block, LedgerError> {
    let header = header_of(segment, number, address)?;
    let damaged = damaged(number, address);
    let body = segment
        .body(address.offset, &header)
        .map_err(|error| or_truncated(error, &damaged))?
        .map_err(&damaged)?;
    Block::from_body(header, body).map_err(&damaged)
}

/// Blocks in order; see [`LedgerReader::blocks`].
#[derive(Debug)]
pub struct Blocks<'a> {
    reader: &'a LedgerReader,
    next: u64,
    /// The segment of the last block, kept open.
    segment: Option<Segment>,
    failed: bool,
}

impl Blocks<'_> {
    fn read(&mut self) -> Result<Block, LedgerError> {
        let address = self.reader.address(self.next)?;
        let kept = self
            .segment
            .take()
            .filter(|segment| segment.first_block == address.segment);
        let segment = match kept {
            Some(segment) => segment,
            None => Segment::open(&self.reader.dir, address.segment)?,
        };
        let block = block_of(&segment, self.next, address)?;
        self.segment = Some(segment);
        Ok(block)
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.next >= self.reader.block_count() {
            return None;
        }
        let block = self.read();
        self.failed = block.is_err();
        self.next += 1;
        Some(block)
    }
}
