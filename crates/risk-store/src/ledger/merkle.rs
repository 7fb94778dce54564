//! Merkle tree（默克尔树）of RFC 6962 §2.1: hashing, proofs and their verification.
//!
//! Everything here is a pure function of hashes. Where the hashes of inner nodes come from (tiles
//! on disk, a vector in a test) is a closure's business; how a proof is checked needs no ledger at
//! all.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::messages::Messages;

/// Stands before what is hashed for an inner node.
const NODE: u8 = 1;

/// A SHA-256 value（散列值）: of a leaf, of an inner node, of a block.
#[doc(alias = "散列值")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Thirty-two zero bytes: the predecessor of the first block and the commitment to an empty
    /// section. No input is known that hashes to it.
    pub const ZERO: Self = Self([0; 32]);

    /// The plain SHA-256 of `bytes`, without any domain prefix.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The plain SHA-256 of these parts, one behind the other.
    pub(crate) fn of_parts<const N: usize>(parts: [&[u8]; N]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hash({self})")
    }
}

/// Hash of a leaf: `SHA-256(0x00 ‖ leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash::of_parts([&[0], leaf])
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of_parts([&[NODE], &left.0, &right.0])
}

/// Root of the tree without leaves: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Hash {
    Hash::of(&[])
}

/// Compact range（紧凑区间）: the full subtrees that cover all leaves so far, largest first.
///
/// At most 64 hashes, whatever the size; enough to append leaves and to know the root.
#[doc(alias = "紧凑区间")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    peaks: Vec<Hash>,
}

impl CompactRange {
    /// The compact range of a tree of `size` leaves whose full subtrees `node(level, index)` gives.
    pub fn load<E>(
        size: u64,
        mut node: impl FnMut(u32, u64) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        let mut peaks = Vec::with_capacity(size.count_ones() as usize);
        for level in (0..u64::BITS).rev() {
            if size >> level & 1 == 1 {
                // The peak stands after all larger ones, so its index is the higher bits of the
                // size with this one taken off.
                peaks.push(node(level, (size >> level) - 1)?);
            }
        }
        Ok(Self { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends leaves; `completed(level, hash)` is told of each of them and of every full subtree
    /// that they complete, from left to right on each level.
    pub fn extend(&mut self, mut nodes: Vec<Hash>, mut completed: impl FnMut(u32, &Hash)) {
        let size = self.size + nodes.len() as u64;
        let mut messages = Messages::default();
        // The peaks that stand after all that lie higher, lowest first.
        let mut peaks = Vec::new();
        let mut level = 0;
        while !nodes.is_empty() {
            for node in &nodes {
                completed(level, node);
            }
            // The first of them may be the right half of a subtree whose left one is a peak.
            let left = self.size >> level & 1 == 1;
            let left = left.then(|| self.peaks.pop()).flatten();
            let mut halves = left.iter().chain(&nodes);
            while let Some(left) = halves.next() {
                match halves.next() {
                    Some(right) => messages.add([&[NODE], &left.0, &right.0]),
                    None => peaks.push(*left),
                }
            }
            nodes = messages.hash();
            level += 1;
        }
        self.peaks.extend(peaks.iter().rev());
        self.size = size;
    }

    /// Root hash of all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(&last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(last, |right, left| node_hash(left, &right))
    }
}

/// The largest power of two below `length`, which must be at least 2: where RFC 6962 splits.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// Root of the leaves `start..end`, where `start` is a multiple of the smallest power of two that
/// is not less than `end - start` (every range that RFC 6962 splits off is such a one).
fn range_root<E>(
    start: u64,
    end: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let length = end - start;
    if length == 0 {
        return Ok(empty_root());
    }
    if length.is_power_of_two() {
        let level = length.ilog2();
        return node(level, start >> level);
    }
    let middle = start + split(length);
    let left = range_root(start, middle, node)?;
    let right = range_root(middle, end, node)?;
    Ok(node_hash(&left, &right))
}

/// Root of the first `size` leaves, from the full subtrees that `node(level, index)` gives.
pub fn root_at<E>(size: u64, mut node: impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    range_root(0, size, &mut node)
}

/// Inclusion proof（包含证明）of leaf `index` in the tree of the first `size` leaves, in the order of
/// RFC 6962 §2.1.1. Empty if `index` is not below `size`.
#[doc(alias = "包含证明")]
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut node: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    if index >= size {
        return Ok(path);
    }
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_root(middle, end, &mut node)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, &mut node)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Consistency proof（一致性证明）that the tree of the first `older` leaves is a prefix of the one of the
/// first `newer`, in the order of RFC 6962 §2.1.2. Empty unless `0 < older < newer`.
#[doc(alias = "一致性证明")]
pub fn consistency_proof<E>(
    older: u64,
    newer: u64,
    mut node: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    if older == 0 || older >= newer {
        return Ok(path);
    }
    let (mut start, mut end, mut root_known) = (0, newer, true);
    while older != end {
        let middle = start + split(end - start);
        if older <= middle {
            path.push(range_root(middle, end, &mut node)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, &mut node)?);
            start = middle;
            root_known = false;
        }
    }
    if !root_known {
        path.push(range_root(start, end, &mut node)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether `proof` shows that `leaf` (a leaf hash) is number `index` of the `size` leaves under
/// `root`.
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut position, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            // A right edge without a sibling on this level is lifted until it has one.
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// A tree of so many leaves with this root（树头）.
#[doc(alias = "树头")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Root hash of these leaves.
    pub root: Hash,
}

/// Whether `proof` shows that the tree `older` is a prefix of the tree `newer`.
#[must_use]
pub fn verify_consistency(older: &TreeHead, newer: &TreeHead, proof: &[Hash]) -> bool {
    if older.size > newer.size {
        return false;
    }
    if older.size == newer.size {
        return proof.is_empty() && older.root == newer.root;
    }
    if older.size == 0 {
        return proof.is_empty() && older.root == empty_root();
    }
    // Where the older tree is one full subtree, its root starts the path and is not repeated.
    let (first, rest) = if older.size.is_power_of_two() {
        (older.root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else {
            return false;
        };
        (*first, rest)
    };
    let shift = (older.size - 1).trailing_ones();
    let (mut position, mut last) = ((older.size - 1) >> shift, (newer.size - 1) >> shift);
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == older.root && new_hash == newer.root
}
