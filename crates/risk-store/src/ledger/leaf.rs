//! Leaves（叶）: an entry's header and one salted commitment per section.
//!
//! The leaf is what the Merkle tree proves. Whoever holds a leaf can check a section that is shown
//! with its salt, and learns nothing of a section that is not: the salts of a block are separate
//! parts of one ChaCha12 keystream, so a disclosed salt says nothing of its neighbours, and without
//! its salt a commitment cannot be tried against guesses.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::format::{ENTRY_VERSION, Entry, EntryKind, Section};
use super::merkle::Hash;

/// Random salt（盐）of one section's commitment.
#[doc(alias = "盐")]
pub type Salt = [u8; 16];

/// The salts of a block's entries, in order, from the block's seed: entry `p` of the block has
/// keystream bytes `64 p` to `64 p + 63`, sixteen for each section.
#[derive(Debug)]
pub(crate) struct Salts(ChaCha12Rng);

impl Salts {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// Salts that start at entry `position` of the block.
    pub(crate) fn at(seed: [u8; 32], position: u32) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        rng.set_word_pos(u128::from(position) * 16);
        Self(rng)
    }

    pub(crate) fn next_entry(&mut self) -> [Salt; 4] {
        let mut salts = [[0; 16]; 4];
        self.0.fill_bytes(salts.as_flattened_mut());
        salts
    }
}

/// Commitment（承诺值）to a section: `SHA-256(salt ‖ tag ‖ bytes)`, zeros if the section is empty.
#[doc(alias = "承诺值")]
#[must_use]
pub fn commitment(salt: &Salt, section: Section, bytes: &[u8]) -> Hash {
    if bytes.is_empty() {
        return Hash::ZERO;
    }
    let hasher = Sha256::new()
        .chain_update(salt)
        .chain_update([section.tag()]);
    Hash(hasher.chain_update(bytes).finalize().into())
}

/// What a leaf says of an entry besides its sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeafHeader<'a> {
    pub(crate) kind: EntryKind,
    pub(crate) shard: u16,
    pub(crate) index: u64,
    pub(crate) actor: &'a str,
}

impl LeafHeader<'_> {
    /// The leaf hash: `SHA-256(0x00 ‖ leaf)`. The actor must be at most 255 bytes.
    pub(crate) fn leaf_hash(&self, commitments: &[Hash; 4]) -> Hash {
        let mut head = [0; 14];
        head[1] = ENTRY_VERSION;
        head[2] = self.kind.0;
        head[3..5].copy_from_slice(&self.shard.to_be_bytes());
        head[5..13].copy_from_slice(&self.index.to_be_bytes());
        head[13] = self.actor.len() as u8;
        let mut hasher = Sha256::new().chain_update(head).chain_update(self.actor);
        for commitment in commitments {
            hasher.update(commitment.0);
        }
        Hash(hasher.finalize().into())
    }
}

/// Leaf hash of `entry`, number `index` of the shard's ledger, under these salts.
pub(crate) fn entry_leaf(entry: &Entry<'_>, shard: u16, index: u64, salts: &[Salt; 4]) -> Hash {
    let sections = entry.sections();
    let commitments = Section::ALL.map(|section| {
        commitment(
            &salts[section.position()],
            section,
            sections[section.position()],
        )
    });
    let header = LeafHeader {
        kind: entry.kind,
        shard,
        index,
        actor: entry.actor,
    };
    header.leaf_hash(&commitments)
}

/// A section as it is shown to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisclosedSection {
    /// Shown: the salt and the bytes.
    Shown {
        /// Salt of the commitment.
        salt: Salt,
        /// Content of the section.
        bytes: Vec<u8>,
    },
    /// Withheld: the commitment alone.
    Withheld(Hash),
}

/// An entry as it is shown to somebody（披露）: enough to compute its leaf, with only the sections that
/// this reader may see.
#[doc(alias = "披露")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosure {
    /// What kind of entry it is.
    pub kind: EntryKind,
    /// The shard whose ledger holds it.
    pub shard: u16,
    /// Its number in that ledger.
    pub index: u64,
    /// Who made it.
    pub actor: String,
    /// Its sections in the order of [`Section::ALL`].
    pub sections: [DisclosedSection; 4],
}

impl Disclosure {
    /// Shows the sections that `show` allows and withholds the others.
    pub(crate) fn new(
        entry: &Entry<'_>,
        place: (u16, u64),
        salts: &[Salt; 4],
        show: impl Fn(Section) -> bool,
    ) -> Self {
        let (shard, index) = place;
        let sections = Section::ALL.map(|section| {
            let salt = salts[section.position()];
            let bytes = entry.sections()[section.position()];
            if show(section) && !bytes.is_empty() {
                DisclosedSection::Shown {
                    salt,
                    bytes: bytes.to_vec(),
                }
            } else {
                DisclosedSection::Withheld(commitment(&salt, section, bytes))
            }
        });
        Self {
            kind: entry.kind,
            shard,
            index,
            actor: entry.actor.to_owned(),
            sections,
        }
    }

    /// Withholds a section that was shown.
    pub(crate) fn withhold(&mut self, section: Section) {
        let disclosed = &mut self.sections[section.position()];
        if let DisclosedSection::Shown { salt, bytes } = disclosed {
            *disclosed = DisclosedSection::Withheld(commitment(salt, section, bytes));
        }
    }

    /// The leaf hash that the shown and withheld sections lead to; `None` if the actor is longer
    /// than any entry's can be. Check it with [`super::merkle::verify_inclusion`].
    pub fn leaf_hash(&self) -> Option<Hash> {
        u8::try_from(self.actor.len()).ok()?;
        let commitments = Section::ALL.map(|section| match &self.sections[section.position()] {
            DisclosedSection::Shown { salt, bytes } => commitment(salt, section, bytes),
            DisclosedSection::Withheld(hash) => *hash,
        });
        let header = LeafHeader {
            kind: self.kind,
            shard: self.shard,
            index: self.index,
            actor: &self.actor,
        };
        Some(header.leaf_hash(&commitments))
    }
}
