//! Verification（验证）from the published format alone: no index, no tiles, no setting is trusted.

use std::path::Path;

use super::builder::Chain;
use super::error::{DamageKind, LedgerError};
use super::merkle::Hash;
use super::segment::{TornTail, walk};

/// What a verification found in a ledger that is whole（验证结果）.
#[doc(alias = "验证结果")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The shard that the ledger belongs to; `None` if it has no block.
    pub shard: Option<u16>,
    /// Number of blocks.
    pub blocks: u64,
    /// Number of entries.
    pub entries: u64,
    /// Merkle root of all entries.
    pub root: Hash,
    /// Hash of the last block, zeros if there is none.
    pub last_block: Hash,
    /// Bytes of segments read.
    pub bytes: u64,
    /// An unfinished last block, which opening the ledger will cut.
    pub torn_tail: Option<TornTail>,
}

/// Recomputes every hash of the ledger in `dir`: checksums, payloads, commitments, leaves, Merkle
/// roots and the chain. Reads only; the first damage is returned as [`LedgerError::Damaged`], which
/// names the block.
pub fn verify(dir: &Path) -> Result<VerifyReport, LedgerError> {
    let mut chain = Chain::empty(0);
    let mut shard = None;
    let mut bytes = 0;
    let torn_tail = walk(dir, None, |visit| {
        let block = match visit.segment.block(visit.offset, visit.header)? {
            Ok(block) => block,
            Err(kind) => return Ok(Err(kind)),
        };
        for part in block.parts() {
            match part {
                Ok(part) => chain.tree.extend(part.leaf_hashes(), |_, _| ()),
                Err(kind) => return Ok(Err(kind)),
            }
        }
        if chain.root() != visit.header.root {
            return Ok(Err(DamageKind::Root));
        }
        chain.next_block += 1;
        chain.last_hash = visit.header.hash();
        shard = Some(visit.header.shard);
        bytes += visit.header.block_len();
        Ok(Ok(()))
    })?;
    Ok(VerifyReport {
        shard,
        blocks: chain.next_block(),
        entries: chain.entries(),
        root: chain.root(),
        last_block: chain.last_hash(),
        bytes,
        torn_tail,
    })
}
