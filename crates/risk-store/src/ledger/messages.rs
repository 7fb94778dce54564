//! SHA-256 of many messages side by side（并列散列）.
//!
//! Each of the processor's instructions for a block waits for the one before it. Blocks of another
//! message do not: taken in turn, two messages cost hardly more than the longer of them.

use sha2::compress256;
use sha2::digest::generic_array::GenericArray;

use super::merkle::Hash;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
/// The state before the first block (FIPS 180-4 §5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Messages that wait to be hashed, each padded to whole blocks.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    bytes: Vec<u8>,
    /// After which block each ends.
    ends: Vec<usize>,
}

impl Messages {
    /// Adds the message that these parts are, one behind the other.
    pub(crate) fn add<const N: usize>(&mut self, parts: [&[u8]; N]) {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        // FIPS 180-4 §5.1.1: a one, zeros, and the length in bits.
        let bits = (self.bytes.len() - start) as u64 * 8;
        self.bytes.push(0x80);
        let end = (self.bytes.len() + 8).next_multiple_of(BLOCK);
        self.bytes.resize(end - 8, 0);
        self.bytes.extend_from_slice(&bits.to_be_bytes());
        self.ends.push(end / BLOCK);
    }

    /// Hashes of the messages, in their order, and none is left.
    pub(crate) fn hash(&mut self) -> Vec<Hash> {
        let (blocks, _) = self.bytes.as_chunks::<BLOCK>();
        let mut hashes = vec![Hash::ZERO; self.ends.len()];
        let mut start = 0;
        let mut waiting = self.ends.iter().zip(&mut hashes).map(|(&end, hash)| {
            let blocks = blocks[start..end].iter();
            start = end;
            Lane {
                hash,
                state: INITIAL,
                blocks,
            }
        });
        let mut lanes = [waiting.next(), waiting.next()];
        while lanes.iter().any(Option::is_some) {
            for lane in &mut lanes {
                if lane.as_mut().is_some_and(|lane| !lane.go_on()) {
                    *lane = waiting.next();
                }
            }
        }
        self.bytes.clear();
        self.ends.clear();
        hashes
    }
}

/// A message that is being hashed.
struct Lane<'a> {
    hash: &'a mut Hash,
    state: [u32; 8],
    blocks: std::slice::Iter<'a, [u8; BLOCK]>,
}

impl Lane<'_> {
    /// Takes a block; `false` once there was none left and the hash stands.
    fn go_on(&mut self) -> bool {
        if let Some(block) = self.blocks.next() {
            let block = GenericArray::from_slice(block);
            compress256(&mut self.state, std::slice::from_ref(block));
            return true;
        }
        let words = self.hash.0.as_chunks_mut::<4>().0.iter_mut();
        for (word, value) in words.zip(self.state) {
            *word = value.to_be_bytes();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{Hash, Messages};
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_message_has_the_hash_that_it_has_alone(
            messages in vec(vec(any::<u8>(), 0..400), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut batch = Messages::default();
            // What was hashed before leaves nothing behind.
            for _ in 0..2 {
                for message in &messages {
                    let (head, tail) = message.split_at(cut.index(message.len() + 1));
                    batch.add([head, tail]);
                }
                let alone: Vec<Hash> = messages.iter().map(|message| Hash::of(message)).collect();
                prop_assert_eq!(batch.hash(), alone);
            }
        }
    }
}
