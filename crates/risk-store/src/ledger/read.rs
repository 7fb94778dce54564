//! Reading blocks and entries back, and proving them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::block::{Block, Excerpt};
use super::error::{DamageKind, LedgerError};
use super::format::BlockHeader;
use super::merkle::{self, Hash, TreeHead};
use super::segment::Segment;
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

    /// Reads entry `index`, and what its block keeps in one frame with it: of a large block a small part,
    /// whose every byte is checked by checksums; the proof of an entry checks it by hashes.
    pub fn read_entry(&self, index: u64) -> Result<Excerpt, LedgerError> {
        let number = self.block_of(index)?;
        let address = self.address(number)?;
        let segment = Segment::open(&self.dir, address.segment)?;
        let header = header_of(&segment, number, address)?;
        // Below the count of entries, which is a u32.
        let position = (index - address.first_entry) as u32;
        let damaged = damaged(number, address);
        segment
            .excerpt(address.offset, &header, position)
            .map_err(|error| or_truncated(error, &damaged))?
            .map_err(&damaged)
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

    /// All entries from `index` on, as many at a time as stand in one frame; some before it may be among them.
    pub fn excerpts_from(
        &self,
        index: u64,
    ) -> impl Iterator<Item = Result<Excerpt, LedgerError>> + use<'_> {
        self.blocks_from(index).flat_map(move |block| {
            let (block, damage) = match block {
                Ok(block) => (Some(block.excerpts_from(index)), None),
                Err(error) => (None, Some(Err(error))),
            };
            block.into_iter().flatten().chain(damage)
        })
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

pub(super) fn damaged(number: u64, address: BlockAddress) -> impl Fn(DamageKind) -> LedgerError {
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
    segment
        .block(address.offset, &header)
        .map_err(|error| or_truncated(error, &damaged))?
        .map_err(&damaged)
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
