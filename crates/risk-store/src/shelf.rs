//! The plan shelf（计划卷宗）: documents of plans beside the ledger, sealed until they are revealed.
//!
//! A plan has a folder; its documents are written whole (to a file beside, then renamed) and readable
//! by the program's own account only, because coming plans and secrets of draws lie among them. They
//! are in no backup.

use crate::error::StoreError;
use risk_domain::ids::DrawId;
use risk_domain::plan_act::{ContentHash, hexadecimal};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The shelf（计划卷宗）.
#[doc(alias = "计划卷宗")]
#[derive(Debug, Clone)]
pub struct PlanShelf {
    folder: PathBuf,
}

/// Kind of the documents that hold records of draws.
pub const DRAW_RECORD: &str = "record";

/// Whether an id can be a folder's name as it is.
fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !id.is_empty() && id.bytes().all(plain)
}

impl PlanShelf {
    /// The shelf of a data directory; its folder is made with the first plan.
    pub fn of(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("plans"),
        }
    }

    fn error(&self, action: &'static str) -> impl FnOnce(std::io::Error) -> StoreError {
        StoreError::io(action, &self.folder)
    }

    /// Writes a document, durably; one of the same name is replaced.
    pub fn put(&self, plan: &DrawId, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let failed = || self.error("write a plan to");
        if !is_plain(plan.as_str()) {
            return Err(failed()(ErrorKind::InvalidInput.into()));
        }
        let folder = self.folder.join(plan.as_str());
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&folder).map_err(failed())?;
        let beside = folder.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&beside).map_err(failed())?;
        file.write_all(bytes).map_err(failed())?;
        file.sync_all().map_err(failed())?;
        fs::rename(&beside, folder.join(name)).map_err(failed())?;
        let folder = File::open(&folder).map_err(failed())?;
        folder.sync_all().map_err(failed())
    }

    /// A document; none where there is none.
    pub fn get(&self, plan: &DrawId, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if !is_plain(plan.as_str()) {
            return Ok(None);
        }
        match fs::read(self.folder.join(plan.as_str()).join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error("read a plan of")(error)),
        }
    }

    /// A document, if it is there and is what its hash says.
    pub fn get_unchanged(
        &self,
        plan: &DrawId,
        name: &str,
        hash: ContentHash,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.get(plan, name)?;
        Ok(found.filter(|bytes| Sha256::digest(bytes).as_slice() == hash.0))
    }

    /// Name of a document that several draws may try to write: the ledger says which one counts.
    pub fn numbered(kind: &str, hash: ContentHash, ends: &str) -> String {
        format!("{kind}-{}.{ends}", hexadecimal(&hash.0[..8]))
    }

    /// Names of the documents of a plan, in their order.
    pub fn names(&self, plan: &DrawId) -> Result<Vec<String>, StoreError> {
        if !is_plain(plan.as_str()) {
            return Ok(Vec::new());
        }
        let entries = match fs::read_dir(self.folder.join(plan.as_str())) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.error("list a plan of")(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(self.error("list a plan of"))?;
            names.extend(entry.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    /// The plans, in the order of their ids.
    pub fn list(&self) -> Result<Vec<DrawId>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.error("list")(error)),
        };
        let mut plans = Vec::new();
        for entry in entries {
            let entry = entry.map_err(self.error("list"))?;
            let name = entry.file_name();
            if let Some(plan) = name.to_str().and_then(|name| DrawId::new(name).ok()) {
                plans.push(plan);
            }
        }
        plans.sort();
        Ok(plans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn documents_read_back_and_nobody_else_may() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = PlanShelf::of(folder.path());
        let plan = DrawId::new("P-2026-11-30-ab").unwrap();
        assert!(shelf.list().unwrap().is_empty());
        assert_eq!(shelf.get(&plan, "secret").unwrap(), None);
        shelf.put(&plan, "secret", b"one").unwrap();
        shelf.put(&plan, "secret", b"two").unwrap();
        assert_eq!(shelf.get(&plan, "secret").unwrap().unwrap(), b"two");
        let hash = |bytes: &[u8]| ContentHash(Sha256::digest(bytes).into());
        let held = |bytes| shelf.get_unchanged(&plan, "secret", hash(bytes)).unwrap();
        assert_eq!(held(b"two").unwrap(), b"two");
        assert_eq!(held(b"one"), None, "it was changed");
        assert_eq!(shelf.names(&plan).unwrap(), ["secret"]);
        assert_eq!(shelf.list().unwrap(), [plan]);
        let file = folder.path().join("plans/P-2026-11-30-ab/secret");
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let elsewhere = DrawId::new("../x").unwrap();
        assert!(shelf.put(&elsewhere, "secret", b"x").is_err());
        assert_eq!(shelf.get(&elsewhere, "secret").unwrap(), None);
    }
}
