//! Hash tiles（散列瓦片）on disk: the hashes of every eighth level of the tree, one append-only file a
//! level, so that a proof reads a few tiles and decompresses no block.
//!
//! Tile `n` of level `l` is bytes `8192 n` to `8192 n + 8191` of file `tiles/l`; hash `i` of that
//! file is the root of leaves `i · 256^l` to `(i + 1) · 256^l - 1`. Tiles are a view: they are not
//! fsynced with the blocks, and where they are behind or damaged they are rebuilt from the blocks.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::builder::TILE_HEIGHT;
use super::error::LedgerError;
use super::merkle::{Hash, node_hash};

const HASH_LEN: u64 = 32;

/// Number of hashes that tile level `level` has in a tree of `size` leaves.
fn expected_hashes(size: u64, level: usize) -> u64 {
    let shift = level as u32 * TILE_HEIGHT;
    size.checked_shr(shift).unwrap_or(0)
}

/// Number of tile levels of a tree of `size` leaves.
fn level_count(size: u64) -> usize {
    size.checked_ilog2()
        .map_or(0, |height| (height / TILE_HEIGHT) as usize + 1)
}

/// Reads hashes of full subtrees from the tiles.
#[derive(Debug)]
pub(crate) struct TileReader {
    dir: PathBuf,
    levels: Vec<Option<File>>,
}

impl TileReader {
    pub(crate) fn new(ledger: &Path) -> Self {
        Self {
            dir: ledger.join("tiles"),
            levels: Vec::new(),
        }
    }

    /// Root of the full subtree of height `height` that is the `index`-th of its level.
    pub(crate) fn node(&mut self, height: u32, index: u64) -> Result<Hash, LedgerError> {
        let level = (height / TILE_HEIGHT) as usize;
        let count = 1_usize << (height % TILE_HEIGHT);
        let mut bytes = [0; 128 * HASH_LEN as usize];
        let bytes = &mut bytes[..count * HASH_LEN as usize];
        let offset = index * count as u64 * HASH_LEN;
        // A tile that is missing or short is a view that needs rebuilding, whatever the cause.
        self.file(level)?
            .read_exact_at(bytes, offset)
            .map_err(|_| LedgerError::TilesDamaged)?;

        let (chunks, _) = bytes.as_chunks::<32>();
        let mut row: Vec<Hash> = chunks.iter().map(|chunk| Hash(*chunk)).collect();
        while row.len() > 1 {
            let (pairs, _) = row.as_chunks::<2>();
            row = pairs
                .iter()
                .map(|[left, right]| node_hash(left, right))
                .collect();
        }
        row.first().copied().ok_or(LedgerError::TilesDamaged)
    }

    fn file(&mut self, level: usize) -> Result<&File, LedgerError> {
        while self.levels.len() <= level {
            self.levels.push(None);
        }
        let slot = &mut self.levels[level];
        if slot.is_none() {
            let file = File::open(self.dir.join(level.to_string()));
            *slot = Some(file.map_err(|_| LedgerError::TilesDamaged)?);
        }
        slot.as_ref().ok_or(LedgerError::TilesDamaged)
    }
}

/// Appends to the tiles. Only the open ledger has one.
#[derive(Debug)]
pub(crate) struct TileWriter {
    dir: PathBuf,
    levels: Vec<(File, u64)>,
}

impl TileWriter {
    /// Opens the tile files as they are, whatever their length.
    pub(crate) fn open(ledger: &Path) -> Result<Self, LedgerError> {
        let dir = ledger.join("tiles");
        fs::create_dir_all(&dir).map_err(LedgerError::io("create", &dir))?;
        let mut writer = Self {
            dir,
            levels: Vec::new(),
        };
        while writer.dir.join(writer.levels.len().to_string()).exists() {
            writer.open_level()?;
        }
        Ok(writer)
    }

    fn open_level(&mut self) -> Result<(), LedgerError> {
        let path = self.dir.join(self.levels.len().to_string());
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = opened.map_err(LedgerError::io("open", &path))?;
        let length = file
            .metadata()
            .map_err(LedgerError::io("inspect", &path))?
            .len();
        self.levels.push((file, length));
        Ok(())
    }

    /// The largest tree size up to which every level has its hashes.
    pub(crate) fn covered(&self) -> u64 {
        let mut size = self
            .levels
            .first()
            .map_or(0, |(_, length)| length / HASH_LEN);
        for level in 1..level_count(size) {
            let have = self
                .levels
                .get(level)
                .map_or(0, |(_, length)| length / HASH_LEN);
            if have < expected_hashes(size, level) {
                // One less than the leaf that would complete the first missing hash.
                let shift = level as u32 * TILE_HEIGHT;
                size = size.min(((have + 1) << shift) - 1);
            }
        }
        size
    }

    /// Cuts every level to a tree of `size` leaves.
    pub(crate) fn truncate(&mut self, size: u64) -> Result<(), LedgerError> {
        for (level, (file, length)) in self.levels.iter_mut().enumerate() {
            let wanted = expected_hashes(size, level) * HASH_LEN;
            if *length > wanted {
                let path = self.dir.join(level.to_string());
                file.set_len(wanted)
                    .map_err(LedgerError::io("truncate", &path))?;
                *length = wanted;
            }
        }
        Ok(())
    }

    /// Appends what a block adds, a concatenation of hashes per level.
    pub(crate) fn append(&mut self, tiles: &[Vec<u8>]) -> Result<(), LedgerError> {
        for (level, hashes) in tiles.iter().enumerate() {
            while self.levels.len() <= level {
                self.open_level()?;
            }
            let (file, length) = &mut self.levels[level];
            let path = self.dir.join(level.to_string());
            file.write_all_at(hashes, *length)
                .map_err(LedgerError::io("write", &path))?;
            *length += hashes.len() as u64;
        }
        Ok(())
    }

    /// Makes the tiles durable, so that a later start need not rebuild them.
    pub(crate) fn sync(&self) -> Result<(), LedgerError> {
        for (level, (file, _)) in self.levels.iter().enumerate() {
            let path = self.dir.join(level.to_string());
            file.sync_data().map_err(LedgerError::io("sync", &path))?;
        }
        Ok(())
    }
}
