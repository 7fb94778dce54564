//! What can go wrong with a ledger, sorted by what the caller does next.

use std::io;
use std::path::{Path, PathBuf};

/// Why a ledger operation failed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The operating system refused; the ledger's content is not in doubt.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Stored bytes are not what was written. Nothing is repaired: a person decides.
    #[error("ledger damaged: block {block} in segment {segment:020}.seg at byte {offset}: {kind}")]
    Damaged {
        /// Number of the first block of the segment, which is its file name.
        segment: u64,
        /// Number of the block that is damaged or missing.
        block: u64,
        /// Where the block starts (or should start) in the segment.
        offset: u64,
        /// What is wrong with it.
        kind: DamageKind,
    },
    /// The hash tiles do not lead to the roots in the blocks; they must be rebuilt from the blocks.
    #[error("hash tiles do not agree with the blocks; rebuild them")]
    TilesDamaged,
    /// Another process has this ledger open.
    #[error("ledger {} is open in another process", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// An earlier write or fsync failed, so nobody knows what is on disk; the process must stop
    /// and open the ledger again.
    #[error(
        "an earlier write or fsync of the ledger failed; it takes no more until it is reopened"
    )]
    Fatal,
    /// A value does not fit the format.
    #[error("{what} of {bytes} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The largest size that the format takes.
        limit: u64,
    },
    /// There is no such block or entry (yet, or durably).
    #[error("no {what} {number}: the ledger has {len}")]
    NotFound {
        /// `block`, `entry` or `tree size`.
        what: &'static str,
        /// The number asked for.
        number: u64,
        /// How many there are.
        len: u64,
    },
    /// A prepared block does not follow the last one written.
    #[error("block {prepared} does not follow the ledger, which expects block {expected}")]
    OutOfOrder {
        /// Number of the block that was offered.
        prepared: u64,
        /// Number of the block that the ledger expects.
        expected: u64,
    },
    /// An entry was pushed, or a block finished, before `begin`.
    #[error("no block was begun")]
    NoOpenBlock,
}

impl LedgerError {
    /// Whether stored bytes were found altered.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// What is wrong with a damaged block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// The block does not start with the ledger's magic.
    #[error("no block starts here")]
    Magic,
    /// The header does not match its checksum.
    #[error("the header fails its checksum")]
    HeaderChecksum,
    /// The header is of a format that this program does not know.
    #[error("unknown format version")]
    FormatVersion,
    /// A length or a reserved field in the header is impossible.
    #[error("impossible header field")]
    HeaderField,
    /// The block belongs to another shard.
    #[error("block of another shard")]
    Shard,
    /// The block's number does not follow.
    #[error("wrong block number")]
    BlockNumber,
    /// The block's first entry does not follow the last entry before it.
    #[error("wrong first entry")]
    FirstEntry,
    /// The block does not name the hash of its predecessor.
    #[error("does not follow the hash of the block before it")]
    Chain,
    /// The metadata does not match its hash.
    #[error("metadata fails its hash")]
    Metadata,
    /// The payload does not match its hash.
    #[error("payload fails its hash")]
    Payload,
    /// The trailer is wrong.
    #[error("wrong trailer")]
    Trailer,
    /// The payload matches its hash but cannot be decompressed to its stated length.
    #[error("payload cannot be decompressed")]
    Compression,
    /// The table of the payload's frames is not what the frames are.
    #[error("payload's table of frames fails its checksum or its frames")]
    Frames,
    /// The payload cannot be read as entries.
    #[error("payload cannot be read as entries")]
    Entry,
    /// The entries do not lead to the Merkle root in the header.
    #[error("entries do not lead to the Merkle root")]
    Root,
    /// A segment which is not the last ends within a block, or is missing.
    #[error("the segment ends before the next one starts")]
    Truncated,
}
