//! Filters over ids（过滤器）: they say "not here" for certain, and "here" with few mistakes.

use super::IdentityError;
use xorf::{BinaryFuse16, BinaryFuse16Ref, DmaSerializable as _, Filter as _, FilterRef as _};

/// Bytes of a filter's description in `xorf`.
pub(super) const DESCRIPTOR: usize = 20;

/// A filter over the ids of some pages.
pub(super) struct PageFilter {
    pub(super) descriptor: [u8; DESCRIPTOR],
    /// Fingerprints, in place from `start` on, where they are aligned as `xorf` wants them.
    bytes: Box<[u8]>,
    start: usize,
    len: usize,
}

impl PageFilter {
    pub(super) fn build(keys: &mut Vec<u64>) -> Result<Self, IdentityError> {
        // Halves of different ids may be equal, which the construction does not take; sorting also
        // makes the filter the same however the file came about.
        keys.sort_unstable();
        keys.dedup();
        let built = BinaryFuse16::try_from(&*keys).map_err(|_| IdentityError::Filter)?;
        let mut descriptor = [0; DESCRIPTOR];
        built.dma_copy_descriptor_to(&mut descriptor);
        Ok(Self::from_parts(descriptor, built.dma_fingerprints()))
    }

    pub(super) fn from_parts(descriptor: [u8; DESCRIPTOR], fingerprints: &[u8]) -> Self {
        let mut bytes = vec![0; fingerprints.len() + 1].into_boxed_slice();
        let start = bytes.as_ptr().align_offset(2) % 2;
        bytes[start..start + fingerprints.len()].copy_from_slice(fingerprints);
        Self {
            descriptor,
            bytes,
            start,
            len: fingerprints.len(),
        }
    }

    pub(super) fn fingerprints(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    /// Bytes in memory, its description apart.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        BinaryFuse16Ref::from_dma(&self.descriptor, self.fingerprints()).contains(&key)
    }
}
