//! What changed in cases, in the views（案件变动）: which entries say it. Where a case stands, and the lists of
//! cases, are the engine's.

use super::{Damaged, Views};
use crate::keys::{Key, Parts, Table};
use risk_domain::ids::CaseId;

/// What the keys of a case's moves begin with.
pub(super) fn move_key(id: &CaseId) -> Key {
    Key::of(Table::CaseMove).text(id.as_str())
}

impl Views {
    /// Entries that say what changed in a case, in the ledger's order; the first `max` of them.
    pub(crate) fn case_moves(&self, id: &CaseId, max: usize) -> Result<Vec<u64>, Damaged> {
        let rows = self.db.scan_prefix(move_key(id).as_bytes()).take(max);
        let entries = rows.map(|row| {
            let (key, _) = row?;
            let mut parts = Parts::of(&key, Table::CaseMove);
            let entry = parts.as_mut().and_then(|parts| {
                parts.text()?;
                parts.number()
            });
            entry.ok_or_else(|| Damaged::because("a key of a case's move"))
        });
        entries.collect()
    }
}
