//! The engine's checkpoint（检查点）: its state as of a block, in a file of its own beside the views, so
//! that a start reads it in one pass and folds only what came after.
//!
//! ```text
//! file  = head ‖ piece ‖ piece ‖ …
//! head  = magic (8) ‖ blocks (8) ‖ entries (8) ‖ taxonomy (8) ‖ hash of the last block (32) ‖ CRC-32C (4)
//! piece = len(content) (4) ‖ CRC-32C of content (4) ‖ content
//! content = len(frame) (4) ‖ frame ‖ len(frame) (4) ‖ frame ‖ …
//! ```
//!
//! The file names the block that it stands after. It is written under another name and takes its place
//! when all of it is durable, so there is always a whole one. One that is damaged, of another ledger,
//! policy or taxonomy is passed over, and the ledger is folded from its beginning.

use crate::commit::Checkpoint;
use crate::ledger::{Hash, LedgerReader};
use risk_engine::{Engine, Policy, Taxonomy};
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// File name in a shard's directory.
const FILE: &str = "checkpoint";
const MAGIC: [u8; 8] = *b"SpotChk\x01";
const HEAD_BYTES: usize = 68;
/// Bytes from which a piece is full. Each is synced by itself, so that the ledger's syncs never wait
/// for more than one.
const PIECE_BYTES: usize = 1 << 20;

/// An engine that was restored, and where it stands.
pub(crate) struct Restored {
    pub(crate) engine: Engine,
    pub(crate) blocks: u64,
    pub(crate) entries: u64,
}

/// Digest of a taxonomy. A checkpoint made with another one is passed over, because the engine's own
/// holds the registrations as well and does not tell them apart.
pub(crate) fn taxonomy_digest(taxonomy: &Taxonomy) -> u64 {
    xxhash_rust::xxh3::xxh3_64(format!("{taxonomy:?}").as_bytes())
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    blocks: u64,
    entries: u64,
    taxonomy: u64,
    last_block: Hash,
}

impl Head {
    fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let (content, sum) = bytes.split_at_mut(HEAD_BYTES - 4);
        let numbers = [self.blocks, self.entries, self.taxonomy].map(u64::to_be_bytes);
        let parts = [&MAGIC[..], numbers.as_flattened(), &self.last_block.0];
        content.copy_from_slice(&parts.concat());
        sum.copy_from_slice(&crc32c::crc32c(content).to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = content.split_first_chunk::<8>()?;
        let (blocks, rest) = rest.split_first_chunk::<8>()?;
        let (entries, rest) = rest.split_first_chunk::<8>()?;
        let (taxonomy, rest) = rest.split_first_chunk::<8>()?;
        let whole = *magic == MAGIC && crc32c::crc32c(content).to_be_bytes() == *sum;
        whole.then_some(Self {
            blocks: u64::from_be_bytes(*blocks),
            entries: u64::from_be_bytes(*entries),
            taxonomy: u64::from_be_bytes(*taxonomy),
            last_block: Hash(rest.try_into().ok()?),
        })
    }

    /// Whether it stands after a block of this ledger.
    fn fits(&self, ledger: &LedgerReader, taxonomy: u64) -> bool {
        let last = self.blocks.checked_sub(1);
        let last = last.map(|last| ledger.read_header(last));
        let last_block = match last {
            None => Hash::ZERO,
            Some(Ok(header)) => header.hash(),
            Some(Err(_)) => return false,
        };
        last_block == self.last_block && self.taxonomy == taxonomy
    }
}

/// Packs the next frames into a piece; `None` after the last one.
fn next_piece(frames: &mut impl Iterator<Item = Vec<u8>>) -> Option<Vec<u8>> {
    let mut piece = vec![0; 8];
    while piece.len() < PIECE_BYTES
        && let Some(frame) = frames.next()
    {
        piece.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        piece.extend_from_slice(&frame);
    }
    let (place, content) = piece.split_first_chunk_mut::<8>()?;
    if content.is_empty() {
        return None;
    }
    let length = (content.len() as u32).to_be_bytes();
    let sum = crc32c::crc32c(content).to_be_bytes();
    place.copy_from_slice([length, sum].as_flattened());
    Some(piece)
}

/// The frames of a piece's content, if it is whole.
fn unpack(mut content: &[u8], sum: [u8; 4]) -> Option<Vec<Vec<u8>>> {
    if crc32c::crc32c(content).to_be_bytes() != sum {
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
pub(crate) struct Saving {
    shard_dir: PathBuf,
    head: [u8; HEAD_BYTES],
    frames: std::vec::IntoIter<Vec<u8>>,
    /// The file under its first name, once it was begun.
    file: Option<File>,
}

impl Saving {
    pub(crate) fn new(shard_dir: &Path, checkpoint: Checkpoint) -> Self {
        let head = Head {
            blocks: checkpoint.blocks,
            entries: checkpoint.entries,
            taxonomy: checkpoint.taxonomy,
            last_block: checkpoint.last_block,
        };
        Self {
            shard_dir: shard_dir.to_path_buf(),
            head: head.encode(),
            frames: checkpoint.frames.into_iter(),
            file: None,
        }
    }

    /// Keeps some more of it; says whether nothing is left. With the last of it, it takes the place of
    /// the one before. One that cannot be kept is given up: the next start folds more, that is all.
    pub(crate) fn save_some(&mut self) -> bool {
        self.try_save_some().unwrap_or_else(|error| {
            tracing::warn!(%error, "a checkpoint could not be kept; the next start takes longer");
            true
        })
    }

    fn try_save_some(&mut self) -> io::Result<bool> {
        let path = self.shard_dir.join(FILE);
        let unfinished = path.with_extension("tmp");
        let mut file = if let Some(file) = self.file.take() {
            file
        } else {
            let mut file = File::create(&unfinished)?;
            file.write_all(&self.head)?;
            file
        };
        let Some(piece) = next_piece(&mut self.frames) else {
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(&self.shard_dir)?.sync_all()?;
            return Ok(true);
        };
        file.write_all(&piece)?;
        file.sync_data()?;
        self.file = Some(file);
        Ok(false)
    }
}

/// The frames of a file behind its head. They end early where the file is damaged.
struct Frames {
    file: BufReader<File>,
    /// Bytes that are left of the file.
    left: u64,
    piece: std::vec::IntoIter<Vec<u8>>,
}

impl Frames {
    fn next_piece(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut place = [[0; 4]; 2];
        self.left = self.left.checked_sub(8)?;
        self.file.read_exact(place.as_flattened_mut()).ok()?;
        let [length, sum] = place;
        let length = u32::from_be_bytes(length);
        // A damaged length asks for no more memory than there are bytes.
        self.left = self.left.checked_sub(u64::from(length))?;
        let mut content = vec![0; length as usize];
        self.file.read_exact(&mut content).ok()?;
        unpack(&content, sum)
    }
}

impl Iterator for Frames {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(frame) = self.piece.next() {
                return Some(frame);
            }
            self.piece = self.next_piece()?.into_iter();
        }
    }
}

/// Reads the head, and what gives the frames.
fn open(path: &Path) -> io::Result<Option<(Head, Frames)>> {
    let file = File::open(path)?;
    let left = file.metadata()?.len().saturating_sub(HEAD_BYTES as u64);
    let mut file = BufReader::with_capacity(PIECE_BYTES, file);
    let mut head = [0; HEAD_BYTES];
    file.read_exact(&mut head)?;
    let frames = Frames {
        file,
        left,
        piece: Vec::new().into_iter(),
    };
    Ok(Head::decode(&head).map(|head| (head, frames)))
}

/// An engine as of the last checkpoint, if there is one that fits ledger, policy and taxonomy.
pub(crate) fn restore(
    shard_dir: &Path,
    ledger: &LedgerReader,
    policy: &Arc<Policy>,
    taxonomy: u64,
) -> Option<Restored> {
    let path = shard_dir.join(FILE);
    let passed_over = |why: &dyn std::fmt::Display| {
        tracing::warn!(file = %path.display(), %why, "the checkpoint is passed over; folding the whole ledger");
    };
    let (head, frames) = match open(&path) {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            passed_over(&"its head is damaged");
            return None;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            passed_over(&error);
            return None;
        }
    };
    if !head.fits(ledger, taxonomy) {
        passed_over(&"it is of another ledger or other reference data");
        return None;
    }
    match Engine::restore(Arc::clone(policy), frames) {
        Ok(engine) => Some(Restored {
            engine,
            blocks: head.blocks,
            entries: head.entries,
        }),
        Err(error) => {
            passed_over(&error);
            None
        }
    }
}

/// Throws the checkpoint away, if there is one.
pub(crate) fn remove(shard_dir: &Path) -> io::Result<()> {
    match fs::remove_file(shard_dir.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(dir: &Path, frames: Vec<Vec<u8>>) {
        let mut saving = Saving::new(
            dir,
            Checkpoint {
                blocks: 3,
                entries: 70,
                last_block: Hash([9; 32]),
                taxonomy: 5,
                frames,
            },
        );
        while !saving.save_some() {}
    }

    #[test]
    fn frames_of_any_size_come_back() {
        let dir = tempfile::tempdir().unwrap();
        for sizes in [vec![], vec![0], vec![1, PIECE_BYTES, 0, 7], vec![5000; 900]] {
            let frames: Vec<Vec<u8>> = sizes.iter().map(|size| vec![*size as u8; *size]).collect();
            saved(dir.path(), frames.clone());
            let (head, read) = open(&dir.path().join(FILE)).unwrap().unwrap();
            let expected = Head {
                blocks: 3,
                entries: 70,
                taxonomy: 5,
                last_block: Hash([9; 32]),
            };
            assert_eq!(head, expected);
            assert_eq!(read.collect::<Vec<_>>(), frames);
        }
    }

    #[test]
    fn no_altered_byte_is_believed_and_no_cut_reads_beyond() {
        let dir = tempfile::tempdir().unwrap();
        let frames = vec![vec![1; 40], vec![2; 3]];
        saved(dir.path(), frames.clone());
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        let read = || match open(&path) {
            Ok(Some((_, read))) => read.collect(),
            Ok(None) | Err(_) => Vec::new(),
        };
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x11;
            fs::write(&path, &bytes).unwrap();
            assert!(read().is_empty(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(read().is_empty(), "cut at {at}");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(read(), frames);
    }
}
