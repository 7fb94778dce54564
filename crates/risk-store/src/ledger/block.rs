//! Entries that were read（已读条目）: of a whole block, or of one of its frames.

use super::error::DamageKind;
use super::format::{BlockHeader, Entry, SEED_LEN, Section};
use super::frames::{FrameStart, decompress_all};
use super::leaf::{Disclosure, Salts, entry_leaf};
use super::merkle::Hash;

/// Entries of a block that follow each other（区块节选）: all of them, or those of the frame that was read.
#[doc(alias = "区块节选")]
#[derive(Clone, Debug)]
pub struct Excerpt {
    header: BlockHeader,
    /// Position in the block of the first entry here.
    first: u32,
    raw: Vec<u8>,
    /// Where each entry starts in `raw`.
    starts: Vec<u32>,
    seed: [u8; SEED_LEN],
}

impl Excerpt {
    /// The entries in `raw`, of which the first, at position `first` of the block, begins at `begin`.
    pub(crate) fn new(
        header: BlockHeader,
        seed: [u8; SEED_LEN],
        (raw, begin): (Vec<u8>, usize),
        first: u32,
    ) -> Result<Self, DamageKind> {
        let mut rest = raw.get(begin..).ok_or(DamageKind::Entry)?;
        // The count comes from a checked header, but memory follows only what was really there.
        let mut starts = Vec::with_capacity((header.entry_count as usize).min(rest.len() / 16));
        while !rest.is_empty() {
            starts.push((raw.len() - rest.len()) as u32);
            (_, rest) = Entry::decode(rest).ok_or(DamageKind::Entry)?;
        }
        if u64::from(first) + starts.len() as u64 > u64::from(header.entry_count) {
            return Err(DamageKind::Entry);
        }
        Ok(Self {
            header,
            first,
            raw,
            starts,
            seed,
        })
    }

    /// Number of the block that they stand in.
    pub fn block(&self) -> u64 {
        self.header.number
    }

    /// Index in the ledger of the first of them.
    pub fn first_entry(&self) -> u64 {
        self.header.first_entry + u64::from(self.first)
    }

    /// The entries, each with its index in the ledger.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry<'_>)> {
        let entries = (0..self.starts.len()).filter_map(|number| self.at(number));
        (self.first_entry()..).zip(entries)
    }

    /// Whether the entry with this index in the ledger is among them.
    pub fn holds(&self, index: u64) -> bool {
        self.number(index).is_some()
    }

    /// The entry with this index in the ledger, if it is among them.
    pub fn entry(&self, index: u64) -> Option<Entry<'_>> {
        self.at(self.number(index)?)
    }

    /// The entry as it may be shown to somebody: only the sections that `show` allows.
    pub fn disclose(&self, index: u64, show: impl Fn(Section) -> bool) -> Option<Disclosure> {
        let number = self.number(index)?;
        let salts = Salts::at(self.seed, self.first + number as u32).next_entry();
        Some(Disclosure::new(
            &self.at(number)?,
            (self.header.shard, index),
            &salts,
            show,
        ))
    }

    /// Which of them has this index in the ledger.
    fn number(&self, index: u64) -> Option<usize> {
        let number = usize::try_from(index.checked_sub(self.first_entry())?).ok()?;
        (number < self.starts.len()).then_some(number)
    }

    fn at(&self, number: usize) -> Option<Entry<'_>> {
        let start = *self.starts.get(number)? as usize;
        // Decoded once already when it was read.
        Entry::decode(self.raw.get(start..)?).map(|(entry, _)| entry)
    }
}

/// Metadata and stored payload of a block, both matching their hashes.
#[derive(Debug)]
pub(crate) struct BlockBody {
    pub(crate) metadata: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// A block that was read（已读区块）, whose every byte matches the hashes in its header.
#[doc(alias = "已读区块")]
#[derive(Clone, Debug)]
pub struct Block {
    metadata: Vec<u8>,
    all: Excerpt,
}

impl Block {
    pub(crate) fn from_body(header: BlockHeader, body: BlockBody) -> Result<Self, DamageKind> {
        let raw_len = header.raw_len as usize;
        let (raw, frames) = decompress_all(&body.payload, raw_len)?;
        let seed = *raw.first_chunk().ok_or(DamageKind::Entry)?;
        let count = header.entry_count as usize;
        let all = Excerpt::new(header, seed, (raw, SEED_LEN), 0)?;
        if all.starts.len() != count {
            return Err(DamageKind::Entry);
        }
        // A frame that did not begin with the entry that the table says would lead readers of it astray.
        let begins = |at: &FrameStart| all.starts.get(at.position as usize) == Some(&at.raw);
        if !frames.iter().skip(1).all(begins) {
            return Err(DamageKind::Frames);
        }
        Ok(Self {
            metadata: body.metadata,
            all,
        })
    }

    /// The block's header.
    pub fn header(&self) -> &BlockHeader {
        &self.all.header
    }

    /// Number of the block.
    pub fn number(&self) -> u64 {
        self.all.block()
    }

    /// The metadata given when it was finished.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// Its entries, each with its index in the ledger.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry<'_>)> {
        self.all.entries()
    }

    /// The entry with this index in the ledger, if it is in this block.
    pub fn entry(&self, index: u64) -> Option<Entry<'_>> {
        self.all.entry(index)
    }

    /// Its entries without the rest.
    pub(crate) fn into_excerpt(self) -> Excerpt {
        self.all
    }

    /// Leaf hashes of all entries, computed from their bytes.
    pub fn leaf_hashes(&self) -> impl Iterator<Item = Hash> {
        let mut salts = Salts::new(self.all.seed);
        let shard = self.all.header.shard;
        self.entries()
            .map(move |(index, entry)| entry_leaf(&entry, shard, index, &salts.next_entry()))
    }
}
