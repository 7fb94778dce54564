//! Personal sections（个人信息区段）: what the ledger holds of people is encrypted, and goes with its key.
//!
//! A section is sealed with a key of the person, of which there is one for each kind of record and month. Keys
//! are random, and lie in a file beside the ledger, each locked with the **master key**, which lies outside the
//! data directory. Destroying a key makes everything that it sealed unreadable, in the ledger and in each copy
//! of it; nothing in the ledger changes, so the chain, all proofs and the state stay what they were.
//!
//! 1. A new key is durable before the block with what it sealed is written.
//! 2. An erasure is first an entry of the ledger. Once that is durable the commit thread writes it into the
//!    journal beside the master key and overwrites the keys; the next opening does what a crash prevented.
//! 3. An older copy still holds the keys; so what the journal names is refused from the moment that the copy
//!    is opened, and the erasure is repeated in its ledger.
//!
//! `docs/personal.md` has the formats.

mod cipher;
mod journal;
mod keyfile;
pub(crate) mod policy;

use crate::error::StoreError;
use crate::records::RecordKind;
use cipher::{Locker, SECTION_OVERHEAD};
use journal::Journal;
use keyfile::{KeyFile, KeyRow, Tag};
use risk_domain::personal::{Erasure, ErasureRule, KeyId, PersonalKind};
use risk_domain::signal::SignalPersonal;
use risk_domain::time::{CivilOffset, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use policy::{RetentionError, RetentionPolicy};

/// Keys that one entry of the ledger says were destroyed; more take several.
const KEYS_PER_ERASURE: usize = 4096;

/// Where the master key of a data directory lies unless something else is said: in the directory of secrets
/// beside it, so that no backup of the data holds it.
pub fn secrets_beside(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    name.push(".secrets");
    data_dir.with_file_name(name)
}

/// What there may be to say of people（个人信息）.
#[doc(alias = "个人信息")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disclosed<T> {
    /// It can be read.
    Shown(T),
    /// Its key is gone.
    Gone(Gone),
}

impl<T> Disclosed<T> {
    /// What can be read, if anything can.
    pub fn shown(self) -> Option<T> {
        match self {
            Self::Shown(shown) => Some(shown),
            Self::Gone(_) => None,
        }
    }
}

/// Why something personal cannot be read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The key that sealed it.
    pub key: KeyId,
    /// The erasure and its entry; none where the key is missing and no erasure says why.
    pub erasure: Option<(u64, Erasure)>,
}

/// Whose a section is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose<'a> {
    /// Somebody who is named by a name and a contact; whoever gives the same two is the same.
    Person { name: &'a str, contact: &'a str },
    /// Nobody can tell: a person of its own.
    Unknown,
}

impl<'a> Whose<'a> {
    /// Whose the personal part of a signal is. A name alone is not enough to tell two people apart.
    pub(crate) fn of(personal: &'a SignalPersonal) -> Self {
        personal
            .contact
            .as_deref()
            .filter(|contact| contact.chars().any(char::is_alphanumeric))
            .map_or(Self::Unknown, |contact| Self::Person {
                name: personal.person.as_deref().unwrap_or_default(),
                contact,
            })
    }
}

/// Where a section stands: it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) entry: u64,
    pub(crate) kind: RecordKind,
}

/// The key that a sealed section names.
pub(crate) fn key_of(section: &[u8]) -> Option<KeyId> {
    cipher::split(section).map(|(key, _, _)| key)
}

/// Months since the year 0, of the civil time of China.
fn month_of(at: Timestamp) -> u32 {
    let (year, month) = CivilOffset::CHINA.day_of(at).year_month();
    u32::try_from(i32::from(year) * 12 + i32::from(month) - 1).unwrap_or(0)
}

/// The keys of a shard's personal sections（密钥环）; clones share everything.
#[doc(alias = "密钥环")]
#[derive(Clone)]
pub(crate) struct Keyring(Arc<Ring>);

struct Ring {
    shard: u16,
    secrets_dir: PathBuf,
    held: Mutex<Held>,
}

struct Held {
    file: KeyFile,
    journal: Journal,
    /// The key that seals what comes next of a person, a kind and a month.
    current: BTreeMap<(Tag, PersonalKind, u32), KeyId>,
    /// Read or made when it is needed first.
    locker: Option<Arc<Locker>>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("shard", &self.0.shard)
            .finish_non_exhaustive()
    }
}

/// How many keys there are of each kind and month.
pub type KeyCounts = BTreeMap<(PersonalKind, (u32, u32)), u64>;

impl Keyring {
    /// The keys in a shard's directory. Nothing is written, and no master key asked for, before it is needed.
    pub(crate) fn open(
        shard_dir: &Path,
        shard: u16,
        secrets_dir: &Path,
    ) -> Result<Self, StoreError> {
        let file = KeyFile::open(shard_dir)?;
        let journal = Journal::open(secrets_dir)?;
        let current = file.rows().map(|(id, row)| (row.belongs(), *id));
        let held = Mutex::new(Held {
            current: current.collect(),
            file,
            journal,
            locker: None,
        });
        let secrets_dir = secrets_dir.to_path_buf();
        Ok(Self(Arc::new(Ring {
            shard,
            secrets_dir,
            held,
        })))
    }

    /// What is held changes by single steps, so a panic elsewhere leaves it whole.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The master key, which is made where there are no keys yet that another one locked.
    fn locker(&self, held: &mut Held) -> Result<Arc<Locker>, StoreError> {
        if let Some(locker) = &held.locker {
            return Ok(Arc::clone(locker));
        }
        let first = held.file.rows().next();
        let master = journal::master(&self.0.secrets_dir, first.is_none())?;
        let locker = Arc::new(Locker::new(&master));
        if let Some((id, row)) = first
            && locker.unlock(*id, row).is_none()
        {
            return Err(StoreError::MasterKey {
                path: journal::master_path(&self.0.secrets_dir),
                reason:
                    "another master key locked the keys of this data directory: put that one back"
                        .to_owned(),
            });
        }
        held.locker = Some(Arc::clone(&locker));
        Ok(locker)
    }

    /// Makes sure that there is a master key, and that it is the right one.
    pub(crate) fn prepare(&self) -> Result<(), StoreError> {
        self.locker(&mut self.held()).map(drop)
    }

    /// Appends what is personal, sealed, to `to`.
    pub(crate) fn seal(
        &self,
        (whose, kind, at): (Whose<'_>, PersonalKind, Timestamp),
        place: Place,
        personal: &[u8],
        to: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let (id, key) = {
            let mut held = self.held();
            let locker = self.locker(&mut held)?;
            let tag = locker.tag(whose);
            let belongs = (tag, kind, month_of(at));
            let known = held.current.get(&belongs).copied();
            let known = known.and_then(|id| Some((id, held.file.row(id)?)));
            if let Some((id, row)) = known {
                let key = locker.unlock(id, row);
                (id, key.ok_or_else(|| damaged(id))?)
            } else {
                let (id, key) = (cipher::fresh_id(), cipher::fresh_key());
                let row = locker.lock(id, belongs, &key)?;
                held.file.add(id, row)?;
                held.current.insert(belongs, id);
                (id, key)
            }
        };
        to.reserve(SECTION_OVERHEAD + personal.len());
        cipher::seal(id, &key, &self.bound(id, place), personal, to)
    }

    /// What a sealed section says; the key that is gone otherwise. An erased key is refused even where an older
    /// copy of the key file still has it.
    pub(crate) fn open_section(
        &self,
        place: Place,
        section: &[u8],
    ) -> Result<Result<Vec<u8>, KeyId>, StoreError> {
        let unreadable = |reason: &str| StoreError::Record {
            entry: place.entry,
            reason: reason.to_owned(),
        };
        let parts = cipher::split(section);
        let (id, _, _) = parts.ok_or_else(|| unreadable("its personal section is not sealed"))?;
        let key = {
            let mut held = self.held();
            if held.journal.names(id) || held.file.row(id).is_none() {
                return Ok(Err(id));
            }
            let locker = self.locker(&mut held)?;
            let row = held.file.row(id);
            row.and_then(|row| locker.unlock(id, row))
        };
        let key = key.ok_or_else(|| damaged(id))?;
        let opened = cipher::open(&key, &self.bound(id, place), section);
        let opened =
            opened.ok_or_else(|| unreadable("its personal section was altered or moved"))?;
        Ok(Ok(opened))
    }

    /// What a section is bound to.
    fn bound(&self, id: KeyId, place: Place) -> Vec<u8> {
        let mut bound = b"spotcheck personal section 1".to_vec();
        bound.extend_from_slice(&id.0);
        bound.extend_from_slice(&self.0.shard.to_be_bytes());
        bound.extend_from_slice(&place.entry.to_be_bytes());
        bound.push(place.kind as u8);
        bound
    }

    /// All keys of the person whose key this is; none where it is gone.
    pub(crate) fn of_same_person(&self, id: KeyId) -> Vec<KeyId> {
        let held = self.held();
        let Some(tag) = held.file.row(id).map(|row| row.tag) else {
            return Vec::new();
        };
        let rows = held.file.rows().filter(|(_, row)| row.tag == tag);
        rows.map(|(id, _)| *id).collect()
    }

    /// How many keys there are.
    pub(crate) fn counts(&self) -> KeyCounts {
        let mut counts = KeyCounts::new();
        for (_, row) in self.held().file.rows() {
            let month = (row.month / 12, row.month % 12 + 1);
            *counts.entry((row.kind, month)).or_default() += 1;
        }
        counts
    }

    /// The erasures that are due by a policy.
    pub(crate) fn due(&self, policy: &RetentionPolicy, now: Timestamp) -> Vec<Erasure> {
        let month = month_of(now);
        let mut due: BTreeMap<PersonalKind, Vec<KeyId>> = BTreeMap::new();
        let held = self.held();
        for (id, row) in held.file.rows() {
            if month.saturating_sub(row.month) > policy.months(row.kind) && !held.journal.names(*id)
            {
                due.entry(row.kind).or_default().push(*id);
            }
        }
        let erasures = due.into_iter().flat_map(|(kind, keys)| {
            let reason = policy.reason(kind);
            let chunks = keys.chunks(KEYS_PER_ERASURE).map(<[KeyId]>::to_vec);
            let chunks: Vec<_> = chunks.collect();
            chunks.into_iter().map(move |keys| Erasure {
                at: now,
                actor: None,
                roles: BTreeSet::new(),
                means: None,
                request_id: None,
                rule: ErasureRule::Retention,
                reason: reason.as_str().into(),
                keys,
                repeated: false,
            })
        });
        erasures.collect()
    }

    /// Makes new keys durable. Nothing that they seal may be written before.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.held().file.sync()
    }

    /// Destroys the keys of an erasure that stands in the ledger, and remembers it beside the master key.
    pub(crate) fn enforce(&self, erasure: &Erasure) -> Result<(), StoreError> {
        let mut held = self.held();
        if !erasure.keys.iter().all(|id| held.journal.names(*id)) {
            held.journal.add(erasure)?;
        }
        for id in &erasure.keys {
            if let Some(row) = held.file.destroy(*id)? {
                held.current.remove(&row.belongs());
            }
        }
        held.file.sync()
    }

    /// Whether this key is still there.
    pub(crate) fn holds(&self, id: KeyId) -> bool {
        self.held().file.row(id).is_some()
    }

    /// Erasures of the journal whose keys are still there, with those keys alone: this is an older copy.
    pub(crate) fn to_repeat(&self) -> Vec<Erasure> {
        let held = self.held();
        let erasures = held.journal.erasures().filter_map(|erasure| {
            let there = |id: &&KeyId| held.file.row(**id).is_some();
            let keys: Vec<KeyId> = erasure.keys.iter().filter(there).copied().collect();
            (!keys.is_empty()).then(|| Erasure {
                keys,
                repeated: true,
                ..erasure.clone()
            })
        });
        erasures.collect()
    }
}

fn damaged(id: KeyId) -> StoreError {
    StoreError::Unrecordable(format!(
        "the key {id} of a personal section is damaged, or locked by another master key"
    ))
}

/// The key file of a shard, as a backup copies it.
pub(crate) const KEY_FILE: &str = keyfile::NAME;

impl KeyRow {
    fn belongs(&self) -> (Tag, PersonalKind, u32) {
        (self.tag, self.kind, self.month)
    }
}

#[cfg(test)]
mod tests;
