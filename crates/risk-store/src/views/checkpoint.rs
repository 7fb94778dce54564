//! Checkpoints of the engine in the views: frames packed into values of some 50 KiB, which is what sled
//! writes well, then the head that makes them count.

use super::{Damaged, Views, ViewsHandle, guard, meta_key};
use crate::commit::Checkpoint;
use crate::keys::{Key, Table};
use crate::ledger::{Hash, LedgerReader};
use risk_engine::{Engine, Policy};
use sled::{Batch, IVec};
use std::sync::Arc;

/// Bytes from which a value is full.
const VALUE_BYTES: usize = 48 << 10;
/// Values a batch.
const BATCH_VALUES: usize = 16;
/// Keys a batch that removes.
const BATCH_REMOVED: usize = 500;

/// An engine that was restored, and where it stands.
pub(crate) struct Restored {
    pub(crate) engine: Engine,
    pub(crate) blocks: u64,
    pub(crate) entries: u64,
}

/// Digest of a taxonomy. A checkpoint made with another one is passed over, because the engine's own
/// holds the registrations as well and does not tell them apart.
pub(crate) fn taxonomy_digest(taxonomy: &risk_engine::Taxonomy) -> u64 {
    xxhash_rust::xxh3::xxh3_64(format!("{taxonomy:?}").as_bytes())
}

struct Head {
    blocks: u64,
    entries: u64,
    values: u64,
    taxonomy: u64,
    last_block: [u8; 32],
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [self.blocks, self.entries, self.values, self.taxonomy] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.last_block);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.split_first_chunk::<32>()?;
        let last_block = <[u8; 32]>::try_from(rest).ok()?;
        let mut numbers = numbers.chunks_exact(8).filter_map(|number| {
            let bytes = <[u8; 8]>::try_from(number).ok()?;
            Some(u64::from_be_bytes(bytes))
        });
        Some(Self {
            blocks: numbers.next()?,
            entries: numbers.next()?,
            values: numbers.next()?,
            taxonomy: numbers.next()?,
            last_block,
        })
    }
}

fn value_key(entries: u64, number: u64) -> Vec<u8> {
    let key = Key::of(Table::Checkpoint).number(entries);
    key.number(number).into_bytes()
}

/// Packs the next frames, each behind its length, into a value behind its checksum; `None` after the
/// last frame.
fn next_value(frames: &mut impl Iterator<Item = Vec<u8>>) -> Option<Vec<u8>> {
    let mut packed = vec![0; 4];
    while packed.len() < VALUE_BYTES
        && let Some(frame) = frames.next()
    {
        packed.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        packed.extend_from_slice(&frame);
    }
    let (sum, content) = packed.split_at_mut(4);
    if content.is_empty() {
        return None;
    }
    sum.copy_from_slice(&crc32c::crc32c(content).to_be_bytes());
    Some(packed)
}

fn unpack(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (sum, mut content) = value.split_first_chunk::<4>()?;
    if crc32c::crc32c(content).to_be_bytes() != *sum {
        return None;
    }
    let mut frames = Vec::new();
    while !content.is_empty() {
        let (length, rest) = content.split_first_chunk::<4>()?;
        let (frame, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        frames.push(frame.to_vec());
        content = rest;
    }
    Some(frames)
}

/// A checkpoint that is being kept: what is left of it.
pub(super) struct Saving {
    head: Head,
    frames: std::vec::IntoIter<Vec<u8>>,
}

impl Saving {
    pub(super) fn new(checkpoint: Checkpoint) -> Self {
        Self {
            head: Head {
                blocks: checkpoint.blocks,
                entries: checkpoint.entries,
                values: 0,
                taxonomy: checkpoint.taxonomy,
                last_block: checkpoint.last_block.0,
            },
            frames: checkpoint.frames.into_iter(),
        }
    }

    /// Keeps some more of it. Once all of it is there, it takes the place of the one before; says
    /// whether that is so.
    pub(super) fn save_some(&mut self, views: &Views) -> Result<bool, Damaged> {
        guard(|| {
            let mut batch = Batch::default();
            for _ in 0..BATCH_VALUES {
                let Some(value) = next_value(&mut self.frames) else {
                    views.db.apply_batch(batch)?;
                    views.sync()?;
                    views
                        .db
                        .insert(meta_key("checkpoint"), self.head.encode())?;
                    views.sync()?;
                    views.remove_other_checkpoints(self.head.entries)?;
                    return Ok(true);
                };
                batch.insert(value_key(self.head.entries, self.head.values), value);
                self.head.values += 1;
            }
            views.db.apply_batch(batch)?;
            Ok(false)
        })
    }
}

impl Views {
    fn remove_other_checkpoints(&self, entries: u64) -> Result<(), Damaged> {
        let kept = Key::of(Table::Checkpoint).number(entries).into_bytes();
        let keys = self.db.scan_prefix([Table::Checkpoint as u8]).keys();
        let others = keys.filter(|key| key.as_ref().is_ok_and(|key| !key.starts_with(&kept)));
        let others = others.collect::<sled::Result<Vec<IVec>>>()?;
        for chunk in others.chunks(BATCH_REMOVED) {
            let mut batch = Batch::default();
            for key in chunk {
                batch.remove(key);
            }
            self.db.apply_batch(batch)?;
        }
        Ok(())
    }

    fn head(&self, ledger: &LedgerReader, taxonomy: u64) -> Result<Option<Head>, Damaged> {
        let Some(bytes) = self.meta("checkpoint")? else {
            return Ok(None);
        };
        let head = Head::decode(&bytes).ok_or_else(|| Damaged::because("a checkpoint's head"))?;
        let last = head.blocks.checked_sub(1);
        let last = last.and_then(|last| ledger.read_header(last).ok());
        let last_block = last.map_or(Hash::ZERO, |header| header.hash());
        let ours = last_block.0 == head.last_block && head.taxonomy == taxonomy;
        Ok(ours.then_some(head))
    }
}

impl ViewsHandle {
    /// An engine as of the last checkpoint, if there is one that fits ledger, policy and taxonomy.
    pub(crate) fn restore_engine(&self, policy: &Arc<Policy>, taxonomy: u64) -> Option<Restored> {
        let restored = self.read(|views| {
            let Some(head) = views.head(&self.ledger, taxonomy)? else {
                return Ok(None);
            };
            // A value that is missing or damaged ends the frames early, which the engine notices.
            let frames = (0..head.values)
                .map_while(|number| {
                    let value = views.db.get(value_key(head.entries, number)).ok()??;
                    unpack(&value)
                })
                .flatten();
            match Engine::restore(Arc::clone(policy), frames) {
                Ok(engine) => Ok(Some(Restored {
                    engine,
                    blocks: head.blocks,
                    entries: head.entries,
                })),
                Err(error) => {
                    tracing::warn!(%error, "the checkpoint is passed over; folding the whole ledger");
                    Ok(None)
                }
            }
        });
        restored.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_any_size_come_back_from_their_values() {
        for sizes in [vec![], vec![0], vec![1, VALUE_BYTES, 0, 7], vec![100; 2000]] {
            let frames: Vec<Vec<u8>> = sizes.iter().map(|size| vec![*size as u8; *size]).collect();
            let mut left = frames.clone().into_iter();
            let values: Vec<_> = std::iter::from_fn(|| next_value(&mut left)).collect();
            let back: Option<Vec<_>> = values.iter().map(|value| unpack(value)).collect();
            assert_eq!(back.unwrap().concat(), frames);
        }
        let mut value = next_value(&mut std::iter::once(vec![1, 2, 3])).unwrap();
        *value.last_mut().unwrap() ^= 1;
        assert_eq!(unpack(&value), None);
    }
}
