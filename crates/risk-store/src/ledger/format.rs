//! Bytes of a block（区块）, exactly as `docs/ledger-format.md` publishes them. All integers are
//! big-endian.

use super::error::DamageKind;
use super::merkle::Hash;

/// First bytes of every block.
pub(crate) const MAGIC: [u8; 8] = *b"SpotLdg\x9d";
/// Last bytes of every block. None is zero, so a block that ends in zeros was never finished.
pub(crate) const END_MAGIC: [u8; 8] = *b"EndBlk\x9d\xa7";
/// Version of the format that this program writes, and the only one that it reads.
pub const FORMAT_VERSION: u16 = 1;
/// Bytes of a block header.
pub const HEADER_LEN: usize = 196;
/// Bytes of a block trailer.
pub const TRAILER_LEN: usize = 16;
/// Bytes of the salt seed at the start of every payload.
pub(crate) const SEED_LEN: usize = 32;
/// Version of the entry and leaf layout.
pub(crate) const ENTRY_VERSION: u8 = 1;
/// Bytes of an entry before its actor and sections.
pub(crate) const ENTRY_FIXED_LEN: usize = 19;
/// Largest payload before compression, so that a forged length cannot exhaust memory.
pub(crate) const MAX_PAYLOAD: u64 = 1 << 30;
/// Largest metadata.
pub(crate) const MAX_METADATA: u64 = 1 << 26;
/// Extension of segment files.
pub(crate) const SEGMENT_EXTENSION: &str = "seg";
/// A file that ends in at least so many zero bytes was extended but not written.
pub(crate) const ZERO_TAIL: u64 = 16;

/// Header of a block（区块头）: everything that a reader needs to skip, chain or prove it.
#[doc(alias = "区块头")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// The shard that the ledger belongs to.
    pub shard: u16,
    /// Number of the block, from zero.
    pub number: u64,
    /// Index of its first entry.
    pub first_entry: u64,
    /// How many entries it holds; may be zero.
    pub entry_count: u32,
    /// Bytes of metadata.
    pub metadata_len: u32,
    /// Bytes of the payload before compression.
    pub raw_len: u64,
    /// Bytes of the payload as stored.
    pub payload_len: u64,
    /// Hash of the header of the block before, zeros in the first.
    pub previous: Hash,
    /// SHA-256 of the metadata.
    pub metadata_hash: Hash,
    /// SHA-256 of the payload as stored.
    pub payload_hash: Hash,
    /// Merkle root of all entries up to and including this block's.
    pub root: Hash,
}

impl BlockHeader {
    /// Number of entries up to and including this block's.
    pub fn tree_size(&self) -> u64 {
        self.first_entry.saturating_add(u64::from(self.entry_count))
    }

    /// Bytes of the whole block, trailer included. The limits checked at decoding keep the sum far
    /// from overflow.
    pub fn block_len(&self) -> u64 {
        (HEADER_LEN + TRAILER_LEN) as u64 + u64::from(self.metadata_len) + self.payload_len
    }

    /// The header's bytes, checksum included.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&MAGIC);
        put(&FORMAT_VERSION.to_be_bytes());
        put(&self.shard.to_be_bytes());
        put(&[0; 4]);
        put(&self.number.to_be_bytes());
        put(&self.first_entry.to_be_bytes());
        put(&self.entry_count.to_be_bytes());
        put(&self.metadata_len.to_be_bytes());
        put(&self.raw_len.to_be_bytes());
        put(&self.payload_len.to_be_bytes());
        put(&self.tree_size().to_be_bytes());
        put(&self.previous.0);
        put(&self.metadata_hash.0);
        put(&self.payload_hash.0);
        put(&self.root.0);
        let (body, checksum) = bytes.split_at_mut(HEADER_LEN - 4);
        checksum.copy_from_slice(&crc32c::crc32c(body).to_be_bytes());
        bytes
    }

    /// Reads a header, refusing every byte that this format does not allow.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, DamageKind> {
        let mut cursor = Cursor(bytes);
        let field = DamageKind::HeaderField;
        if cursor.array().ok_or(field)? != MAGIC {
            return Err(DamageKind::Magic);
        }
        let (body, checksum) = bytes.split_at(HEADER_LEN - 4);
        if crc32c::crc32c(body).to_be_bytes() != checksum {
            return Err(DamageKind::HeaderChecksum);
        }
        if cursor.u16().ok_or(field)? != FORMAT_VERSION {
            return Err(DamageKind::FormatVersion);
        }
        let shard = cursor.u16().ok_or(field)?;
        let reserved = cursor.u32().ok_or(field)?;
        let number = cursor.u64().ok_or(field)?;
        let first_entry = cursor.u64().ok_or(field)?;
        let entry_count = cursor.u32().ok_or(field)?;
        let metadata_len = cursor.u32().ok_or(field)?;
        let raw_len = cursor.u64().ok_or(field)?;
        let payload_len = cursor.u64().ok_or(field)?;
        let tree_size = cursor.u64().ok_or(field)?;
        let header = Self {
            shard,
            number,
            first_entry,
            entry_count,
            metadata_len,
            raw_len,
            payload_len,
            previous: cursor.hash().ok_or(field)?,
            metadata_hash: cursor.hash().ok_or(field)?,
            payload_hash: cursor.hash().ok_or(field)?,
            root: cursor.hash().ok_or(field)?,
        };
        let possible = reserved == 0
            && first_entry.checked_add(u64::from(entry_count)) == Some(tree_size)
            && u64::from(metadata_len) <= MAX_METADATA
            && raw_len <= MAX_PAYLOAD
            && payload_len <= 2 * MAX_PAYLOAD;
        if possible { Ok(header) } else { Err(field) }
    }

    /// Hash of the block: SHA-256 of its header, which holds the hashes of everything else.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// The trailer that ends this block.
    pub fn trailer(&self) -> [u8; TRAILER_LEN] {
        let mut bytes = [0; TRAILER_LEN];
        bytes[..8].copy_from_slice(&self.block_len().to_be_bytes());
        bytes[8..].copy_from_slice(&END_MAGIC);
        bytes
    }
}

/// Kind of an entry（条目种类）; what the numbers mean is the business of who writes entries.
#[doc(alias = "条目种类")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKind(pub u8);

/// A part of an entry（区段） that can be withheld or destroyed on its own.
#[doc(alias = "区段")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// What was found（事实）: results, limits, methods, times.
    Facts,
    /// Whom it concerns（当事人）: enterprises and sites, which are public.
    Party,
    /// People（个人信息）: names, numbers, words of complainants.
    Personal,
    /// What was concluded or ordered（决定）.
    Decision,
}

impl Section {
    /// All sections in the order in which they are stored and committed to.
    pub const ALL: [Self; 4] = [Self::Facts, Self::Party, Self::Personal, Self::Decision];

    /// The byte that separates the commitments of equal bytes in different sections.
    pub fn tag(self) -> u8 {
        match self {
            Self::Facts => 1,
            Self::Party => 2,
            Self::Personal => 3,
            Self::Decision => 4,
        }
    }

    pub(crate) fn position(self) -> usize {
        usize::from(self.tag() - 1)
    }
}

/// An entry（条目）as it is written and read: who did what, in four opaque sections.
#[doc(alias = "条目")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What kind of entry it is.
    pub kind: EntryKind,
    /// Who made it: a pseudonymous id, at most 255 bytes. It is part of every proof and can never
    /// be withheld, so no person's name belongs here.
    pub actor: &'a str,
    /// What was found.
    pub facts: &'a [u8],
    /// Whom it concerns.
    pub party: &'a [u8],
    /// What concerns people.
    pub personal: &'a [u8],
    /// What was concluded.
    pub decision: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The sections in stored order.
    pub fn sections(&self) -> [&'a [u8]; 4] {
        [self.facts, self.party, self.personal, self.decision]
    }

    /// Bytes of the entry in the payload.
    pub fn encoded_len(&self) -> usize {
        let sections: usize = self.sections().iter().map(|section| section.len()).sum();
        ENTRY_FIXED_LEN + self.actor.len() + sections
    }

    /// The entries that these bytes are, up to the first that is none.
    pub(crate) fn each(mut bytes: &'a [u8]) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let (entry, rest) = Self::decode(bytes)?;
            bytes = rest;
            Some(entry)
        })
    }

    /// Splits the entry at the start of `bytes` off.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut cursor = Cursor(bytes);
        if cursor.u8()? != ENTRY_VERSION {
            return None;
        }
        let kind = EntryKind(cursor.u8()?);
        let actor_len = usize::from(cursor.u8()?);
        let mut lengths = [0; 4];
        for length in &mut lengths {
            *length = cursor.u32()? as usize;
        }
        let actor = str::from_utf8(cursor.take(actor_len)?).ok()?;
        let entry = Self {
            kind,
            actor,
            facts: cursor.take(lengths[0])?,
            party: cursor.take(lengths[1])?,
            personal: cursor.take(lengths[2])?,
            decision: cursor.take(lengths[3])?,
        };
        Some((entry, cursor.0))
    }
}

/// Takes fixed-width values off the front of a slice; `None` where it is too short.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn hash(&mut self) -> Option<Hash> {
        self.array().map(Hash)
    }
}
