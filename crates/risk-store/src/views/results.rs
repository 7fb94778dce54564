//! Whose results there are（检验结果索引）, and which commands and signals: which ledger entries hold the results of an
//! enterprise, a product, a zone or a draw, and what officers decided about what. What they say is read in
//! the ledger.
//!
//! Each write adds lists for everything that had results, each under the last of its entries. A write that was
//! torn is made again, perhaps as a longer list; so lists may say the same twice, and whoever reads them
//! passes over what was read before.

use super::row::{KeyValue, decode_list, encode_list};
use super::{Damaged, Views};
use crate::keys::{Key, Parts, Table};
use crate::records::ResultOwners;
use hashbrown::HashMap;
use risk_domain::ids::{CommandId, DrawId, EnterpriseId, ProductCode, SignalId, ZoneId};
use risk_domain::personal::KeyId;
use std::hash::Hash;

/// The most entries of a list, so that no row is large. Tests read across many.
const LIST: usize = if cfg!(test) { 3 } else { 4096 };
/// Bytes of a list that was begun, about, and of an entry in it.
const LIST_BYTES: usize = 160;
const ENTRY_BYTES: usize = size_of::<u64>();

fn of_enterprise(enterprise: &EnterpriseId) -> Key {
    Key::of(Table::ResultsOf).text(enterprise.as_str())
}

fn of_draw(draw: &DrawId) -> Key {
    Key::of(Table::ResultsOfDraw).text(draw.as_str())
}

fn of_product(product: &ProductCode) -> Key {
    Key::of(Table::ResultsOfProduct).text(product.as_str())
}

fn in_zone(zone: &ZoneId) -> Key {
    Key::of(Table::ResultsInZone).text(zone.as_str())
}

/// Entries of new results, the oldest first, by what they are found by.
#[derive(Debug, Default)]
pub(super) struct NewResults {
    of_enterprise: HashMap<EnterpriseId, Vec<u64>>,
    of_product: HashMap<ProductCode, Vec<u64>>,
    in_zone: HashMap<ZoneId, Vec<u64>>,
    of_draw: HashMap<DrawId, Vec<u64>>,
}

/// Adds an entry to its list; says how many bytes of memory it took, about.
fn push<K: Eq + Hash + Clone>(lists: &mut HashMap<K, Vec<u64>>, key: &K, entry: u64) -> usize {
    if let Some(list) = lists.get_mut(key) {
        list.push(entry);
        return ENTRY_BYTES;
    }
    lists.insert(key.clone(), vec![entry]);
    LIST_BYTES + ENTRY_BYTES
}

fn rows_of<K>(
    lists: &HashMap<K, Vec<u64>>,
    prefix: fn(&K) -> Key,
    rows: &mut Vec<KeyValue>,
) -> Result<(), Damaged> {
    for (of, entries) in lists {
        for list in entries.chunks(LIST) {
            let last = list.last().copied().unwrap_or_default();
            let key = prefix(of).number_down(last);
            rows.push((key.into_bytes(), encode_list(list)?));
        }
    }
    Ok(())
}

impl NewResults {
    /// Adds a result; says how many bytes of memory it took, about.
    pub(super) fn add(&mut self, entry: u64, owners: &ResultOwners) -> usize {
        let drawn = owners.draw.as_ref();
        push(&mut self.of_enterprise, &owners.enterprise, entry)
            + push(&mut self.of_product, &owners.product, entry)
            + push(&mut self.in_zone, &owners.zone, entry)
            + drawn.map_or(0, |draw| push(&mut self.of_draw, draw, entry))
    }

    /// Adds the rows that hold them.
    pub(super) fn rows(&self, rows: &mut Vec<KeyValue>) -> Result<(), Damaged> {
        rows_of(&self.of_enterprise, of_enterprise, rows)?;
        rows_of(&self.of_product, of_product, rows)?;
        rows_of(&self.in_zone, in_zone, rows)?;
        rows_of(&self.of_draw, of_draw, rows)
    }
}

/// Which results（检验结果范围）; all are found by an index.
#[doc(alias = "检验结果范围")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultsOf {
    /// Those of these enterprises.
    Enterprises(Vec<EnterpriseId>),
    /// Those of these products.
    Products(Vec<ProductCode>),
    /// Those in these zones themselves; zones below them are named beside them where they are meant.
    Zones(Vec<ZoneId>),
    /// Those that name this draw.
    Draw(DrawId),
}

impl ResultsOf {
    /// What the keys of the lists begin with in which they stand.
    pub(crate) fn lists(&self) -> Vec<Key> {
        match self {
            Self::Enterprises(all) => all.iter().map(of_enterprise).collect(),
            Self::Products(all) => all.iter().map(of_product).collect(),
            Self::Zones(all) => all.iter().map(in_zone).collect(),
            Self::Draw(draw) => vec![of_draw(draw)],
        }
    }
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

    /// The entry of a command.
    pub(crate) fn command(&self, id: &CommandId) -> Result<Option<u64>, Damaged> {
        self.entry_under(&Key::of(Table::Command).text(id.as_str()))
    }

    /// The entry of a signal.
    pub(crate) fn signal(&self, id: &SignalId) -> Result<Option<u64>, Damaged> {
        self.entry_under(&Key::of(Table::Signal).text(id.as_str()))
    }

    fn entry_under(&self, key: &Key) -> Result<Option<u64>, Damaged> {
        let Some(entry) = self.db.get(key.as_bytes())? else {
            return Ok(None);
        };
        let entry = <[u8; 8]>::try_from(entry.as_ref());
        let entry = entry.map_err(|_| Damaged::because("the entry of a record"))?;
        Ok(Some(u64::from_be_bytes(entry)))
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
