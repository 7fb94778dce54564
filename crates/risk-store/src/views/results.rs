//! Whose results there are（检验结果索引）, and which commands: which ledger entries hold the results of an
//! enterprise or of a draw, and what officers decided about what. What they say is read in the ledger.
//!
//! Each write adds one list for every enterprise and draw that had results, under the last of its entries. A
//! write that was torn is made again, perhaps as a longer list; so lists may say the same twice, and
//! whoever reads them passes over what was read before.

use super::row::{KeyValue, decode_list, encode_list};
use super::{Damaged, Views};
use crate::keys::{Key, Parts, Table};
use risk_domain::ids::{CommandId, DrawId, EnterpriseId, SignalId};
use risk_domain::personal::KeyId;

/// What the keys of an enterprise's lists begin with.
pub(crate) fn of_enterprise(enterprise: &EnterpriseId) -> Key {
    Key::of(Table::ResultsOf).text(enterprise.as_str())
}

/// What the keys of a draw's lists begin with.
pub(crate) fn of_draw(draw: &DrawId) -> Key {
    Key::of(Table::ResultsOfDraw).text(draw.as_str())
}

/// The row of new entries under a prefix, the oldest first.
pub(super) fn row(prefix: &Key, entries: &[u64]) -> Result<KeyValue, Damaged> {
    let last = entries.last().copied().unwrap_or_default();
    let key = prefix.clone().number_down(last);
    Ok((key.into_bytes(), encode_list(entries)?))
}

/// Which results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultsOf {
    /// Those of these enterprises, found by an index.
    Enterprises(Vec<EnterpriseId>),
    /// Those that name this draw, found by an index.
    Draw(DrawId),
    /// Any, found by reading the ledger backwards.
    All,
}

impl Views {
    /// Entries of results under a prefix below `below`, the newest first, at most `max`.
    pub(crate) fn results_under(
        &self,
        prefix: &Key,
        below: u64,
        max: usize,
    ) -> Result<Vec<u64>, Damaged> {
        let mut entries: Vec<u64> = Vec::new();
        for list in self.db.scan_prefix(prefix.as_bytes()) {
            let (_, list) = list?;
            for entry in decode_list(&list)?.into_iter().rev() {
                let next = entries.last().copied().unwrap_or(below);
                if entry < next {
                    entries.push(entry);
                }
            }
            if entries.len() >= max {
                entries.truncate(max);
                break;
            }
        }
        Ok(entries)
    }

    /// The entry that stands under a key.
    fn entry_under(&self, key: &Key) -> Result<Option<u64>, Damaged> {
        let Some(entry) = self.db.get(key.as_bytes())? else {
            return Ok(None);
        };
        let entry = <[u8; 8]>::try_from(entry.as_ref());
        let entry = entry.map_err(|_| Damaged::because("the entry of an id"))?;
        Ok(Some(u64::from_be_bytes(entry)))
    }

    /// The entry of a command.
    pub(crate) fn command(&self, id: &CommandId) -> Result<Option<u64>, Damaged> {
        self.entry_under(&Key::of(Table::Command).text(id.as_str()))
    }

    /// The entry of a signal.
    pub(crate) fn signal(&self, id: &SignalId) -> Result<Option<u64>, Damaged> {
        self.entry_under(&Key::of(Table::Signal).text(id.as_str()))
    }

    /// The entry that erased a key.
    pub(crate) fn erased(&self, key: KeyId) -> Result<Option<u64>, Damaged> {
        self.entry_under(&Key::of(Table::Erased).bytes(&key.0))
    }

    /// All keys that were erased.
    pub(crate) fn all_erased(&self) -> Result<Vec<KeyId>, Damaged> {
        let rows = self.db.scan_prefix([Table::Erased as u8]);
        let id = |row: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, _) = row?;
            let id = key.get(1..).and_then(|id| id.try_into().ok());
            id.map(KeyId)
                .ok_or_else(|| Damaged::because("an erased key"))
        };
        rows.map(id).collect()
    }

    /// Entries of the commands on something, the oldest first, those below `below`.
    pub(crate) fn commands_on(&self, on: &str, below: u64) -> Result<Vec<u64>, Damaged> {
        let prefix = Key::of(Table::CommandOn).text(on);
        let mut entries = Vec::new();
        for row in self.db.scan_prefix(prefix.as_bytes()).keys() {
            let row = row?;
            let entry = Parts::of(&row, Table::CommandOn).and_then(|mut parts| {
                parts.text()?;
                parts.number()
            });
            let entry = entry.ok_or_else(|| Damaged::because("the key of a command"))?;
            if entry >= below {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}
