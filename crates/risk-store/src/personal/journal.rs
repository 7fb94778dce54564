//! What lies with the secrets: the master key, and a journal of erasures, so that restoring an older copy of the
//! data brings nothing back.

use super::cipher::{Key, fresh_id, fresh_key};
use crate::error::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use risk_domain::personal::{Erasure, KeyId};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const MASTER: &str = "personal.master";
const JOURNAL: &str = "erasures.ndjson";

/// Where the master key lies.
pub(super) fn master_path(secrets_dir: &Path) -> PathBuf {
    secrets_dir.join(MASTER)
}

fn ready(secrets_dir: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(secrets_dir);
    made.map_err(StoreError::io("create", secrets_dir))
}

/// The master key; where there is none and one may be made, a fresh one.
pub(super) fn master(secrets_dir: &Path, may_make: bool) -> Result<Key, StoreError> {
    let path = master_path(secrets_dir);
    let refused = |reason: &str| StoreError::MasterKey {
        path: path.clone(),
        reason: reason.to_owned(),
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound && may_make => {
            make(secrets_dir, &path)?;
            let text = fs::read_to_string(&path);
            Zeroizing::new(text.map_err(StoreError::io("read", &path))?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(refused(
                "it is missing, and what this data directory holds of people is locked with it: put it back from its copy",
            ));
        }
        Err(error) => return Err(StoreError::io("read", &path)(error)),
    };
    let mode = fs::metadata(&path)
        .map_err(StoreError::io("read", &path))?
        .mode();
    if mode & 0o077 != 0 {
        return Err(refused(
            "others may read it: chmod 600 it, and ask who has read it",
        ));
    }
    let bytes = BASE64.decode(text.trim()).map(Zeroizing::new).ok();
    let key = bytes.and_then(|bytes| bytes.as_slice().try_into().ok());
    let key = key.map(Zeroizing::new);
    key.ok_or_else(|| refused("32 bytes in base64 must stand in it: put it back from its copy"))
}

/// Makes a master key, unless somebody else just did.
fn make(secrets_dir: &Path, path: &Path) -> Result<(), StoreError> {
    ready(secrets_dir)?;
    let beside = path.with_extension(format!("new-{}", fresh_id()));
    let text = Zeroizing::new(BASE64.encode(&fresh_key()[..]));
    let write = || {
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&beside, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::remove_file(&beside)?;
        File::open(secrets_dir)?.sync_all()
    };
    write().map_err(StoreError::io("write a master key to", path))?;
    tracing::warn!(path = %path.display(), "a master key of personal data was made: copy it to a safe place, since no backup of the data holds it");
    Ok(())
}

/// Erasures, the oldest first.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    erasures: Vec<Erasure>,
    keys: BTreeSet<KeyId>,
}

impl Journal {
    pub(super) fn open(secrets_dir: &Path) -> Result<Self, StoreError> {
        let path = secrets_dir.join(JOURNAL);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let read = |line: &str| {
            let invalid = |error| io::Error::new(ErrorKind::InvalidData, error);
            let read = serde_json::from_str(line).map_err(invalid);
            read.map_err(StoreError::io("read a line of", &path))
        };
        // A line without an end was not finished; its erasure is done again.
        let lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let lines = lines.filter(|line| !line.trim().is_empty());
        let erasures: Vec<Erasure> = lines.map(read).collect::<Result<_, _>>()?;
        let keys = erasures.iter().flat_map(|erasure| erasure.keys.iter());
        Ok(Self {
            dir: secrets_dir.to_path_buf(),
            keys: keys.copied().collect(),
            erasures,
        })
    }

    pub(super) fn names(&self, id: KeyId) -> bool {
        self.keys.contains(&id)
    }

    pub(super) fn erasures(&self) -> impl Iterator<Item = &Erasure> {
        self.erasures.iter()
    }

    /// Adds an erasure, durably. An unfinished line before it is ended first.
    pub(super) fn add(&mut self, erasure: &Erasure) -> Result<(), StoreError> {
        ready(&self.dir)?;
        let path = self.dir.join(JOURNAL);
        let failed = StoreError::io("add an erasure to", &path);
        let add = || {
            let mut line = serde_json::to_vec(erasure)?;
            line.push(b'\n');
            let unfinished =
                fs::read(&path).is_ok_and(|text| text.last().is_some_and(|end| *end != b'\n'));
            let mut options = File::options();
            let mut file = options.append(true).create(true).mode(0o600).open(&path)?;
            if unfinished {
                file.set_len(end_of_lines(&fs::read(&path)?))?;
            }
            file.write_all(&line)?;
            file.sync_all()?;
            File::open(&self.dir)?.sync_all()
        };
        add().map_err(failed)?;
        self.keys.extend(&erasure.keys);
        self.erasures.push(erasure.clone());
        Ok(())
    }
}

/// Bytes up to the end of the last whole line.
fn end_of_lines(text: &[u8]) -> u64 {
    let last = text.iter().rposition(|byte| *byte == b'\n');
    last.map_or(0, |at| at as u64 + 1)
}
