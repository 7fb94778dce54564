//! Why the store failed, sorted by what the caller does next.

use crate::identity::IdentityError;
use crate::ledger::LedgerError;
use crate::personal::RetentionError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Somebody else has the data directory open: stop the other process, or choose another one.
    #[error("another process holds {}", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// The directory has files in it, but not those of a store: choose another one.
    #[error("{} is not empty and is no data directory of Spotcheck", path.display())]
    NotAStore {
        /// The directory.
        path: PathBuf,
    },
    /// There is no store in the directory.
    #[error("there is no data directory of Spotcheck at {}", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The directory was written in a format that this program does not know.
    #[error("{} has format {found:?}, which this program does not know", path.display())]
    Format {
        /// The format file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// The ledger failed. Damage is never repaired by itself.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The identity index failed in a way that building it again did not mend.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// An entry is whole, but this program cannot read what it says.
    #[error("ledger entry {entry} cannot be read: {reason}")]
    Record {
        /// Index of the entry.
        entry: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The master key of personal data cannot be used: put the right one in its place.
    #[error("the master key of personal data {} cannot be used: {reason}", path.display())]
    MasterKey {
        /// Where it lies, or should.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Something cannot be written as a record.
    #[error("cannot be recorded: {0}")]
    Unrecordable(String),
    /// The retention policy is not valid.
    #[error(transparent)]
    Retention(#[from] RetentionError),
    /// The policy gives no engine.
    #[error("the policy gives no engine: {0}")]
    Engine(String),
    /// A write or fsync failed earlier. What was not acknowledged is not known to be durable; the
    /// process must stop and open the store again.
    #[error("the store stopped after a failure: {cause}")]
    Stopped {
        /// The failure.
        cause: Arc<str>,
    },
    /// The views cannot be read now; they are being built again from the ledger.
    #[error("the views are being built again")]
    ViewsUnavailable,
    /// A cursor that this list did not give out.
    #[error("the cursor was not given out by this list")]
    Cursor,
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// An error with what caused it, for those who read only one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
