//! Whose results there are（检验结果索引）: which ledger entries hold the results of an enterprise. The
//! results themselves are read in the ledger.
//!
//! Each write adds one list for every enterprise that had results, under the last of its entries. A
//! write that was torn is made again, perhaps as a longer list; so lists may say the same twice, and
//! whoever reads them passes over what was read before.

use super::row::{KeyValue, decode_list, encode_list};
use super::{Damaged, Views};
use crate::keys::{Key, Table};
use risk_domain::ids::EnterpriseId;

fn prefix(enterprise: &EnterpriseId) -> Key {
    Key::of(Table::ResultsOf).text(enterprise.as_str())
}

/// The row of an enterprise's new entries, the oldest first.
pub(super) fn row(enterprise: &EnterpriseId, entries: &[u64]) -> Result<KeyValue, Damaged> {
    let last = entries.last().copied().unwrap_or_default();
    let key = prefix(enterprise).number_down(last);
    Ok((key.into_bytes(), encode_list(entries)?))
}

/// Which results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultsOf {
    /// Those of these enterprises, found by an index.
    Enterprises(Vec<EnterpriseId>),
    /// Any, found by reading the ledger backwards.
    All,
}

impl Views {
    /// Entries of an enterprise's results below `below`, the newest first, at most `max`.
    pub(crate) fn results_of(
        &self,
        enterprise: &EnterpriseId,
        below: u64,
        max: usize,
    ) -> Result<Vec<u64>, Damaged> {
        let mut entries: Vec<u64> = Vec::new();
        for list in self.db.scan_prefix(prefix(enterprise).as_bytes()) {
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
}
