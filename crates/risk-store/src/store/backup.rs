//! Backup and restore（备份与恢复）: the ledger is copied, everything else is made again.

use super::directory::{FORMAT, begin, sync};
use crate::error::StoreError;
use crate::ledger::verify;
use crate::personal::KEY_FILE;
use crate::reader::OUTBOX_FILE;
use std::fs;
use std::path::Path;

/// Copies the ledgers of a data directory into another, which must be empty or missing. It may be in
/// use meanwhile: ledger files only grow, so what is copied is the ledger as of some moment, with at
/// most an unfinished last block, which opening cuts. Views are left out: they are made again. Keys of
/// personal data are copied as they lie, locked; the master key is not, because it lies elsewhere.
pub fn backup(dir: &Path, to: &Path) -> Result<(), StoreError> {
    let format = dir.join("format");
    match fs::read_to_string(&format) {
        Ok(found) if found == FORMAT => {}
        Ok(found) => {
            return Err(StoreError::Format {
                path: format,
                found,
            });
        }
        Err(_) => {
            return Err(StoreError::Missing {
                path: dir.to_path_buf(),
            });
        }
    }
    begin(to)?;
    let shards = dir.join("shards");
    for shard in names(&shards)? {
        let from = shards.join(&shard);
        let into = to.join("shards").join(&shard);
        let ledger = into.join("ledger");
        fs::create_dir_all(&ledger).map_err(StoreError::io("create", &ledger))?;
        // Files are named by their first block: in this order, one that appears meanwhile is left out
        // with all after it.
        for name in names(&from.join("ledger"))? {
            if Path::new(&name).extension().is_some_and(|end| end == "seg") {
                copy(&from.join("ledger").join(&name), &ledger.join(&name))?;
            }
        }
        // Keys are copied last, so that none is missing that the copied entries were sealed with.
        for name in [OUTBOX_FILE, KEY_FILE] {
            if from.join(name).exists() {
                copy(&from.join(name), &into.join(name))?;
            }
        }
        sync(&ledger)?;
    }
    sync(to)
}

/// Copies a backup into a data directory, which must be empty or missing, and checks every byte of it.
pub fn restore(from: &Path, dir: &Path) -> Result<(), StoreError> {
    backup(from, dir)?;
    let shards = dir.join("shards");
    for shard in names(&shards)? {
        verify(&shards.join(shard).join("ledger"))?;
    }
    Ok(())
}

fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
        let entry = entry.map_err(StoreError::io("list", dir))?;
        names.extend(entry.file_name().to_str().map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::copy(from, to).map_err(StoreError::io("copy", from))?;
    sync(to)
}
