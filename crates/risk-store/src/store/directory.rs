//! A data directory: whose it is, and who holds it.

use crate::error::StoreError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

pub(super) const FORMAT: &str = "spotcheck data directory, format 2\n";

pub(super) fn shard_dir(dir: &Path, shard: u16) -> PathBuf {
    dir.join("shards").join(format!("{shard:03}"))
}

/// Takes the directory lock, after making sure that the directory is ours.
pub(super) fn lock(dir: &Path, create: bool) -> Result<File, StoreError> {
    let format = dir.join("format");
    match fs::read_to_string(&format) {
        Ok(found) if found == FORMAT => {}
        Ok(found) => {
            return Err(StoreError::Format {
                path: format,
                found,
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => begin(dir)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Missing {
                path: dir.to_path_buf(),
            });
        }
        Err(error) => return Err(StoreError::io("read", &format)(error)),
    }
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            path: dir.to_path_buf(),
        }),
        Err(TryLockError::Error(source)) => Err(StoreError::io("lock", &path)(source)),
    }
}

/// Makes an empty or missing directory a data directory.
pub(super) fn begin(dir: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
    if !is_empty(dir)? {
        return Err(StoreError::NotAStore {
            path: dir.to_path_buf(),
        });
    }
    let path = dir.join("format");
    fs::write(&path, FORMAT).map_err(StoreError::io("write", &path))?;
    sync(&path)?;
    sync(dir)
}

fn is_empty(dir: &Path) -> Result<bool, StoreError> {
    let mut entries = fs::read_dir(dir).map_err(StoreError::io("list", dir))?;
    Ok(entries.next().is_none())
}

pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    file.sync_all().map_err(StoreError::io("sync", path))
}
