//! What a block says of itself.

use super::{json, unreadable};
use crate::error::StoreError;
use risk_domain::time::Timestamp;
use risk_engine::SourcePartition;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Next offset of every partition（位点）.
#[doc(alias = "位点")]
pub type Positions = BTreeMap<SourcePartition, u64>;

/// Metadata of a block（区块元数据）.
#[doc(alias = "区块元数据")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockMetadata {
    /// Version of this form.
    pub v: u8,
    /// The shard.
    pub shard: u16,
    /// Next offset of every partition read so far, this block included.
    pub positions: Vec<(SourcePartition, u64)>,
    /// Partitions of this block's results, by the numbers their entries give.
    pub partitions: Vec<SourcePartition>,
    /// When the worker committed, by the shell's clock.
    pub committed_at: Timestamp,
    /// Results that were read again and had no effect.
    pub duplicates: u64,
    /// Version of the judging code.
    pub engine: String,
    /// Version of the evidence encoding.
    pub evidence: String,
    /// Version of the estimator.
    pub model: String,
    /// Version of the policy.
    pub policy: String,
    /// SHA-256 of the policy.
    pub policy_hash: String,
}

impl BlockMetadata {
    /// The metadata's bytes.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        json(&mut bytes, self)?;
        Ok(bytes)
    }

    /// Reads metadata. `entry` is the block's first entry, for the error.
    pub fn decode(entry: u64, bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes).map_err(unreadable(entry))
    }
}
