//! Leaves（叶）: an entry's header and one salted commitment per section.
//!
//! The leaf is what the Merkle tree proves. Whoever holds a leaf can check a section that is shown
//! with its salt, and learns nothing of a section that is not: the salts of a block are separate
//! parts of one ChaCha12 keystream, so a disclosed salt says nothing of its neighbours, and without
//! its salt a commitment cannot be tried against guesses.

use super::format::{ENTRY_VERSION, Entry, EntryKind, Section};
use super::merkle::Hash;
use super::messages::Messages;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// Entries whose leaves are hashed at a time: many that are hashed side by side, few enough to stay in
/// the nearest cache.
pub(crate) const GROUP: usize = 32;

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
    Hash::of_parts([salt, &[section.tag()], bytes])
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
        Hash::of_parts(self.parts(&self.head(), commitments))
    }

    /// What a leaf begins with, the prefix of its hash included.
    fn head(&self) -> [u8; 14] {
        let mut head = [0; 14];
        head[1] = ENTRY_VERSION;
        head[2] = self.kind.0;
        head[3..5].copy_from_slice(&self.shard.to_be_bytes());
        head[5..13].copy_from_slice(&self.index.to_be_bytes());
        head[13] = self.actor.len() as u8;
        head
    }

    /// What is hashed: `0x00 ‖ leaf`.
    fn parts<'a>(&'a self, head: &'a [u8; 14], commitments: &'a [Hash; 4]) -> [&'a [u8]; 6] {
        let [facts, party, personal, decision] = commitments;
        [
            head,
            self.actor.as_bytes(),
            &facts.0,
            &party.0,
            &personal.0,
            &decision.0,
        ]
    }
}

/// Leaf hashes of entries that follow each other in the shard's ledger from number `first` on; `salts`
/// stand at the first of them.
pub(crate) fn leaf_hashes<'a>(
    entries: impl Iterator<Item = Entry<'a>>,
    (shard, first): (u16, u64),
    salts: &mut Salts,
) -> Vec<Hash> {
    let mut entries = (first..).zip(entries);
    let mut messages = Messages::default();
    let mut leaves = Vec::new();
    loop {
        let group: Vec<(u64, Entry<'_>)> = entries.by_ref().take(GROUP).collect();
        if group.is_empty() {
            return leaves;
        }
        for (_, entry) in &group {
            let salts = salts.next_entry();
            for section in Section::ALL {
                let bytes = entry.sections()[section.position()];
                if !bytes.is_empty() {
                    messages.add([&salts[section.position()], &[section.tag()], bytes]);
                }
            }
        }
        let mut commitments = messages.hash().into_iter();
        for (index, entry) in group {
            let header = LeafHeader {
                kind: entry.kind,
                shard,
                index,
                actor: entry.actor,
            };
            // As many were added as there are sections with content.
            let commitments = entry.sections().map(|bytes| {
                let commitment = (!bytes.is_empty()).then(|| commitments.next());
                commitment.flatten().unwrap_or(Hash::ZERO)
            });
            messages.add(header.parts(&header.head(), &commitments));
        }
        leaves.append(&mut messages.hash());
    }
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
