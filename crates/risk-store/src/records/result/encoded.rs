//! A result on its way into the ledger.

use super::{Facts, Party, compact, content_digest, party, read};
use crate::error::StoreError;
use crate::identities::hash_of;
use crate::identity::IdHash;
use risk_domain::inspection::InspectionResult;

/// A result as it will stand in the ledger, the hash of its id and the digest of its content. One value can be used
/// again for any number of results, so that none needs memory of its own.
#[derive(Debug, Clone, Default)]
pub struct EncodedResult {
    bytes: Vec<u8>,
    facts_len: usize,
    id: IdHash,
    digest: u128,
}

impl EncodedResult {
    /// Encodes a result in place of the one before.
    pub fn encode(&mut self, result: &InspectionResult) -> Result<(), StoreError> {
        self.bytes.clear();
        compact(&mut self.bytes, &Facts::of(result))?;
        self.facts_len = self.bytes.len();
        compact(&mut self.bytes, &party(result))?;
        self.id = hash_of(&result.inspection_id);
        self.digest = content_digest(self.facts(), self.party());
        Ok(())
    }

    /// Digest of the same content as version 1 writes it: by it a ledger of that version knows what it has.
    pub fn first_digest(&self) -> Result<u128, StoreError> {
        let mut facts: Facts<'_> = read(0, self.facts())?;
        let (names, others): Party<'_> = read(0, self.party())?;
        facts.v = 1;
        facts.producer_id = others.producer_id;
        facts.supplier_id = others.supplier_id;
        facts.extra = others.extra;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        compact(&mut first, &facts)?;
        compact(&mut second, &names)?;
        Ok(content_digest(&first, &second))
    }

    /// The facts section.
    pub fn facts(&self) -> &[u8] {
        self.bytes.get(..self.facts_len).unwrap_or_default()
    }

    /// The party section.
    pub fn party(&self) -> &[u8] {
        self.bytes.get(self.facts_len..).unwrap_or_default()
    }

    /// Hash of the id.
    pub fn id(&self) -> IdHash {
        self.id
    }

    /// Digest of the content, for the identity index.
    pub fn digest(&self) -> u128 {
        self.digest
    }
}
