//! Blocks that were read（已读区块）, and their entries, frame by frame.

use super::error::{DamageKind, LedgerError};
use super::format::{BlockHeader, Entry, SEED_LEN, Section};
use super::frames::{FrameTable, decompress};
use super::leaf::{Disclosure, Salts, leaf_hashes};
use super::merkle::Hash;
use super::read::{BlockAddress, damaged};
use std::borrow::Borrow;

/// Entries of a block that follow each other（区块节选）: those of one of its frames.
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

    /// Index in the ledger after the last of them.
    pub fn end(&self) -> u64 {
        self.first_entry() + self.starts.len() as u64
    }

    /// Leaf hashes of the entries, computed from their bytes.
    pub(crate) fn leaf_hashes(&self) -> Vec<Hash> {
        let entries = self.entries().map(|(_, entry)| entry);
        let place = (self.header.shard, self.first_entry());
        leaf_hashes(entries, place, &mut Salts::at(self.seed, self.first))
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
#[derive(Clone, Debug)]
pub(crate) struct BlockBody {
    pub(crate) metadata: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// A block that was read（已读区块）, whose every byte matches the hashes in its header. Its entries are
/// decompressed as they are asked for, a frame at a time: a close of a million subjects is one block.
#[doc(alias = "已读区块")]
#[derive(Clone, Debug)]
pub struct Block {
    header: BlockHeader,
    body: BlockBody,
    /// Its frames and the seed, if it has several.
    frames: Option<(FrameTable, [u8; SEED_LEN])>,
    place: BlockAddress,
}

impl Block {
    pub(crate) fn new(
        header: BlockHeader,
        body: BlockBody,
        place: BlockAddress,
    ) -> Result<Self, DamageKind> {
        let frames = match FrameTable::of(&body.payload, header.raw_len)? {
            Some(frames) => {
                let seed = frames.decompress(0, &body.payload)?;
                let seed = *seed.first_chunk().ok_or(DamageKind::Entry)?;
                Some((frames, seed))
            }
            None => None,
        };
        Ok(Self {
            header,
            body,
            frames,
            place,
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
        &self.body.metadata
    }

    /// Its entries.
    pub fn excerpts(&self) -> impl Iterator<Item = Result<Excerpt, LedgerError>> {
        let damaged = damaged(self.header.number, self.place);
        self.parts().map(move |part| part.map_err(&damaged))
    }

    /// The same from the frame on that holds the entry with this index in the ledger.
    pub(crate) fn excerpts_from(
        self,
        index: u64,
    ) -> impl Iterator<Item = Result<Excerpt, LedgerError>> {
        let damaged = damaged(self.header.number, self.place);
        let position = index.saturating_sub(self.header.first_entry);
        let frames = self.frames.as_ref();
        let held = frames.map(|(frames, _)| frames.number_holding(position as u32));
        let mut parts = Parts::of(self);
        if let Some((next, read)) = held {
            (parts.next, parts.read) = (next, read);
        }
        parts.map(move |part| part.map_err(&damaged))
    }

    /// Its entries, for who says himself where it lies.
    pub(crate) fn parts(&self) -> Parts<&Self> {
        Parts::of(self)
    }

    /// Numbers of its first frame of entries and after its last one.
    fn frame_numbers(&self) -> (usize, usize) {
        // The first of several frames is the seed alone.
        let several = self.frames.as_ref().map(|(frames, _)| frames.len());
        several.map_or((0, 1), |frames| (1, frames))
    }

    /// The entries of a frame, before which stand so many.
    fn part(&self, frame: usize, before: u32) -> Result<Excerpt, DamageKind> {
        let (header, payload) = (self.header.clone(), &self.body.payload);
        let Some((frames, seed)) = &self.frames else {
            let raw = decompress(payload, header.raw_len as usize)?;
            let seed = *raw.first_chunk().ok_or(DamageKind::Entry)?;
            return Excerpt::new(header, seed, (raw, SEED_LEN), 0);
        };
        // A frame that did not begin with the entry that the table says would lead readers of it astray.
        if frames.position(frame) != Some(before) {
            return Err(DamageKind::Frames);
        }
        let raw = frames.decompress(frame, payload)?;
        Excerpt::new(header, *seed, (raw, 0), before)
    }
}

/// The entries of a block, a frame at a time; ends after the first damage.
#[derive(Debug)]
pub(crate) struct Parts<B> {
    block: B,
    /// The next frame, and how many entries stand before it.
    next: usize,
    read: u32,
}

impl<B: Borrow<Block>> Parts<B> {
    fn of(block: B) -> Self {
        let (next, _) = block.borrow().frame_numbers();
        Self {
            block,
            next,
            read: 0,
        }
    }
}

impl<B: Borrow<Block>> Iterator for Parts<B> {
    type Item = Result<Excerpt, DamageKind>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.block.borrow();
        let (_, end) = block.frame_numbers();
        if self.next >= end {
            return None;
        }
        let part = block.part(self.next, self.read).and_then(|part| {
            self.read += part.starts.len() as u32;
            let missing = self.next + 1 == end && self.read != block.header.entry_count;
            if missing {
                Err(DamageKind::Entry)
            } else {
                Ok(part)
            }
        });
        self.next = if part.is_ok() { self.next + 1 } else { end };
        Some(part)
    }
}
