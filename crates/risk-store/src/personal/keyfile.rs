//! The file of locked keys（密钥文件）: rows of 128 bytes, each whole in one sector of a disk. A key is destroyed by
//! overwriting its row with zeros, where it lies.

use crate::error::StoreError;
use risk_domain::personal::{KeyId, PersonalKind};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Its name in a shard's directory.
pub(super) const NAME: &str = "personal.keys";
const ROW_LEN: usize = 128;
const VERSION: u8 = 1;
/// Nonce, key and authentication tag.
pub(super) const LOCKED_LEN: usize = 24 + 32 + 16;

/// Marks the keys of one person.
pub(super) type Tag = [u8; 16];

/// A locked key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRow {
    /// Whose it is.
    pub(super) tag: Tag,
    /// What it seals.
    pub(super) kind: PersonalKind,
    /// Of which month, counted from the year 0.
    pub(super) month: u32,
    /// The key, locked with the master key.
    pub(super) locked: [u8; LOCKED_LEN],
}

fn number_of(kind: PersonalKind) -> u8 {
    match kind {
        PersonalKind::Complaint => 1,
        PersonalKind::Tip => 2,
        PersonalKind::Signal => 3,
        PersonalKind::DeadLetter => 4,
    }
}

/// `version ‖ kind ‖ 2 zeros ‖ month (4) ‖ id (16) ‖ tag (16) ‖ locked (72) ‖ 12 zeros ‖ CRC-32C (4)`.
fn encode(id: KeyId, row: &KeyRow) -> [u8; ROW_LEN] {
    let mut bytes = vec![VERSION, number_of(row.kind), 0, 0];
    bytes.extend_from_slice(&row.month.to_be_bytes());
    bytes.extend_from_slice(&id.0);
    bytes.extend_from_slice(&row.tag);
    bytes.extend_from_slice(&row.locked);
    bytes.resize(ROW_LEN - 4, 0);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default())
}

fn decode(bytes: &[u8; ROW_LEN]) -> Option<(KeyId, KeyRow)> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body).to_be_bytes() != *crc {
        return None;
    }
    let (head, rest) = body.split_first_chunk::<4>()?;
    let (month, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (tag, rest) = rest.split_first_chunk()?;
    let (locked, _) = rest.split_first_chunk()?;
    let [VERSION, kind, 0, 0] = *head else {
        return None;
    };
    let mut kinds = PersonalKind::ALL.iter().copied();
    let row = KeyRow {
        tag: *tag,
        kind: kinds.find(|known| number_of(*known) == kind)?,
        month: u32::from_be_bytes(*month),
        locked: *locked,
    };
    Some((KeyId(*id), row))
}

/// The keys that are there.
pub(super) struct KeyFile {
    path: PathBuf,
    file: Option<File>,
    rows: BTreeMap<KeyId, (u64, KeyRow)>,
    /// Rows in the file, those of destroyed keys included.
    len: u64,
    unsynced: bool,
}

impl KeyFile {
    pub(super) fn open(shard_dir: &Path) -> Result<Self, StoreError> {
        let path = shard_dir.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let (whole, _torn) = bytes.as_chunks::<ROW_LEN>();
        let mut rows = BTreeMap::new();
        for (slot, row) in whole.iter().enumerate() {
            match decode(row) {
                Some((id, row)) => {
                    rows.insert(id, (slot as u64, row));
                }
                None if row.iter().all(|byte| *byte == 0) => {}
                // What it sealed cannot be read; all else can.
                None => {
                    tracing::error!(path = %path.display(), slot, "a key of personal sections is damaged; put the file back from a backup");
                }
            }
        }
        Ok(Self {
            path,
            file: None,
            rows,
            // A torn row at the end was never used, and is written over.
            len: whole.len() as u64,
            unsynced: false,
        })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (&KeyId, &KeyRow)> {
        self.rows.iter().map(|(id, (_, row))| (id, row))
    }

    pub(super) fn row(&self, id: KeyId) -> Option<&KeyRow> {
        self.rows.get(&id).map(|(_, row)| row)
    }

    pub(super) fn add(&mut self, id: KeyId, row: KeyRow) -> Result<(), StoreError> {
        self.write(self.len, &encode(id, &row))?;
        self.rows.insert(id, (self.len, row));
        self.len += 1;
        Ok(())
    }

    /// Overwrites a key; what it was, if it was there.
    pub(super) fn destroy(&mut self, id: KeyId) -> Result<Option<KeyRow>, StoreError> {
        let Some((slot, _)) = self.rows.get(&id) else {
            return Ok(None);
        };
        self.write(*slot, &[0; ROW_LEN])?;
        Ok(self.rows.remove(&id).map(|(_, row)| row))
    }

    fn write(&mut self, slot: u64, row: &[u8; ROW_LEN]) -> Result<(), StoreError> {
        if self.file.is_none() {
            let mut options = File::options();
            options.write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&self.path);
            let file = file.map_err(StoreError::io("open", &self.path))?;
            // The file itself must not be lost with its directory's entry.
            if let Some(dir) = self.path.parent() {
                let synced = File::open(dir).and_then(|dir| dir.sync_all());
                synced.map_err(StoreError::io("sync", dir))?;
            }
            self.file = Some(file);
        }
        if let Some(file) = &self.file {
            let written = file.write_all_at(row, slot * ROW_LEN as u64);
            written.map_err(StoreError::io("write a key to", &self.path))?;
            self.unsynced = true;
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        if self.unsynced
            && let Some(file) = &self.file
        {
            file.sync_data()
                .map_err(StoreError::io("sync", &self.path))?;
            self.unsynced = false;
        }
        Ok(())
    }
}
