//! Proofs for people outside（证据与证明）: entries that can be shown, each with its way to the ledger's
//! root, and the key that signs what the root was.

use crate::error::StoreError;
use crate::ledger::merkle::TreeHead;
use crate::ledger::note::CheckpointSigner;
use crate::ledger::{Disclosure, Excerpt, Hash, Proofs, Section};
use crate::reader::Reader;
use crate::records::{ShownEntry, are_apart};
use crate::salt::fresh_seed;
use crate::views::ResultsOf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file of the key that signs checkpoints, in the data directory.
const KEY_FILE: &str = "checkpoint.key";

/// An entry that can be proved（可证条目）.
#[doc(alias = "可证条目")]
#[derive(Debug, Clone, PartialEq)]
pub struct ProvedEntry {
    /// The entry, with the sections that may be seen.
    pub disclosure: Disclosure,
    /// From its leaf to the root, RFC 6962 section 2.1.1.
    pub proof: Vec<Hash>,
    /// The same entry for people; the personal section is never among it.
    pub shown: ShownEntry,
    /// Whether the names in it stand in its party and personal sections alone. Entries that earlier programs recorded
    /// may have them in the others, too.
    pub names_apart: bool,
}

impl ProvedEntry {
    /// Withholds a section.
    pub fn withhold(&mut self, section: Section) {
        self.disclosure.withhold(section);
    }
}

/// A result that can be proved, with its entry.
pub type ProvedResult = (u64, InspectionResult, ProvedEntry);

impl Reader {
    /// The durable ledger's first `size` entries, as one root.
    pub fn head(&self, size: u64) -> Result<TreeHead, StoreError> {
        let root = self.ledger().root_at(size)?;
        Ok(TreeHead { size, root })
    }

    /// An entry with its proof, and the sections that `show` allows.
    pub fn proved(
        &self,
        index: u64,
        proofs: &mut Proofs,
        show: impl Fn(Section) -> bool,
    ) -> Result<ProvedEntry, StoreError> {
        proved(&*self.excerpt_with(index)?, index, proofs, show)
    }

    /// Results as [`Reader::results`] finds them, each with its proof.
    /// Says whether there may be more than `limit`.
    pub fn proved_results(
        &self,
        (of, below): (&ResultsOf, u64),
        keep: &dyn Fn(&InspectionResult) -> bool,
        limit: usize,
        proofs: &mut Proofs,
        show: impl Fn(Section) -> bool,
    ) -> Result<(Vec<ProvedResult>, bool), StoreError> {
        let mut found: Vec<ProvedResult> = Vec::new();
        let next = self.walk_results(of, Some(below), &mut |entry, excerpt, record| {
            if keep(&record.result) {
                let proof = proved(excerpt, entry, proofs, &show)?;
                found.push((entry, record.result, proof));
            }
            Ok(found.len() < limit)
        })?;
        Ok((found, next.is_some()))
    }

    /// The entry that recorded a subject's grade last, of those below `below`.
    pub fn recorded_below(&self, subject: &Subject, below: u64) -> Result<Option<u64>, StoreError> {
        let entries = self.recorded_entries(subject, below, 1)?;
        Ok(entries.first().copied())
    }
}

fn proved(
    excerpt: &Excerpt,
    index: u64,
    proofs: &mut Proofs,
    show: impl Fn(Section) -> bool,
) -> Result<ProvedEntry, StoreError> {
    let missing = || StoreError::Record {
        entry: index,
        reason: "not in its block".to_owned(),
    };
    let entry = excerpt.entry(index).ok_or_else(missing)?;
    Ok(ProvedEntry {
        shown: ShownEntry::of(excerpt.block(), index, &entry)?,
        names_apart: are_apart(index, &entry)?,
        disclosure: excerpt.disclose(index, show).ok_or_else(missing)?,
        proof: proofs.inclusion(index)?,
    })
}

/// The signer of a data directory's checkpoints; its key is made on first use. The key's file is
/// readable by the program's own account only and is in no backup: whoever holds it can sign what
/// never was, so copies of checkpoints belong into other hands.
pub fn checkpoint_signer(data_dir: &Path, shard: u16) -> Result<CheckpointSigner, StoreError> {
    let path = data_dir.join(KEY_FILE);
    let failed = |action| StoreError::io(action, &path);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = BASE64.encode(fresh_seed());
            let beside = data_dir.join(format!("{KEY_FILE}.new"));
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&beside).map_err(failed("write a key to"))?;
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .and_then(|()| fs::rename(&beside, &path))
                .and_then(|()| File::open(data_dir)?.sync_all())
                .map_err(failed("write a key to"))?;
            text
        }
        Err(error) => return Err(failed("read")(error)),
    };
    let secret = BASE64.decode(text.trim()).ok();
    let secret = secret.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let signer = secret
        .and_then(|secret| CheckpointSigner::new(&format!("spotcheck/shard-{shard}"), secret));
    signer.ok_or_else(|| {
        let reason = "32 bytes in base64 must stand in it; put the key back from its copy";
        failed("read the key in")(std::io::Error::new(ErrorKind::InvalidData, reason))
    })
}
