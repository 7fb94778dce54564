//! The outbox（发件箱）: which entries are outgoing events, followed by position.

use super::apply::ALERT_EVENT;
use super::{Damaged, Views};
use crate::keys::{Key, Parts, Table};
use std::ops::Range;

/// Rows looked at for one page of alerts.
const SCANNED_ROWS: usize = 20_000;

fn rows(entries: Range<u64>) -> Range<Vec<u8>> {
    let key = |entry| Key::of(Table::Outbox).number(entry).into_bytes();
    key(entries.start)..key(entries.end)
}

fn entry_of(key: &[u8]) -> Result<u64, Damaged> {
    let entry = Parts::of(key, Table::Outbox).and_then(|mut parts| parts.number());
    entry.ok_or_else(|| Damaged::because("an outbox key"))
}

impl Views {
    /// Entries from `from` on that are outgoing events. Rows of entries that are not wholly shown
    /// yet may lie there already, out of order; they are left for later.
    pub(crate) fn outbox(&self, from: u64, max: usize) -> Result<Vec<u64>, Damaged> {
        let shown = self.position()?;
        if from >= shown {
            return Ok(Vec::new());
        }
        let rows = self.db.range(rows(from..shown)).take(max);
        rows.map(|row| entry_of(&row?.0)).collect()
    }

    /// Entries from `from` on that are alerts, and the entry to go on from.
    pub(crate) fn alert_entries(&self, from: u64, max: usize) -> Result<(Vec<u64>, u64), Damaged> {
        let shown = self.position()?;
        if from >= shown {
            return Ok((Vec::new(), from));
        }
        let mut alerts = Vec::new();
        for (scanned, row) in self.db.range(rows(from..shown)).enumerate() {
            let (key, value) = row?;
            let entry = entry_of(&key)?;
            if alerts.len() == max || scanned == SCANNED_ROWS {
                return Ok((alerts, entry));
            }
            if value.as_ref() == ALERT_EVENT {
                alerts.push(entry);
            }
        }
        Ok((alerts, shown))
    }
}
