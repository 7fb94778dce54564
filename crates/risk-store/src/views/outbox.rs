//! The outbox（发件箱）: which entries are outgoing events, followed by position.
//!
//! Events stand in lists, one after another in the ledger's order, each under its first entry. They are
//! written when everything else of a write is, just before the position; a list that lies behind the
//! position is of a write that never ended, and is removed before the next one begins.

use super::row::{KeyValue, decode_marked, encode_marked};
use super::{Damaged, Views};
use crate::keys::{Key, Parts, Table};
use sled::Batch;

/// Events of a list.
pub(super) const LIST: usize = 256;
/// Events looked at for one page of alerts.
const SCANNED: usize = 20_000;

/// What an event is of; the numbers stand in the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EventKind {
    Grade = 0,
    Alert = 1,
    DeadLetter = 2,
    Case = 3,
    Plan = 4,
}

/// Lists of events, in the ledger's order, with their keys.
pub(super) fn lists(events: &[(u64, u8)]) -> Result<Vec<KeyValue>, Damaged> {
    let list = |events: &[(u64, u8)]| {
        let first = events.first().map_or(0, |(entry, _)| *entry);
        Ok((list_key(first), encode_marked(events)?))
    };
    events.chunks(LIST).map(list).collect()
}

fn list_key(first: u64) -> Vec<u8> {
    Key::of(Table::Outbox).number(first).into_bytes()
}

/// The first key after all lists.
fn end() -> Vec<u8> {
    vec![Table::Outbox as u8 + 1]
}

impl Views {
    /// Events of entries `from..to`, in order.
    fn events(&self, from: u64, to: u64) -> impl Iterator<Item = Result<(u64, u8), Damaged>> {
        let first_key = vec![Table::Outbox as u8];
        let before = self.db.range(first_key..=list_key(from)).next_back();
        let after = list_key(from.saturating_add(1));
        let after = (from < to).then(|| self.db.range(after..list_key(to)));
        let lists = before.into_iter().chain(after.into_iter().flatten());
        let lists = lists.map(|list| decode_marked(&list?.1));
        let events = lists.flat_map(|list| match list {
            Ok(events) => events.into_iter().map(Ok).collect(),
            Err(damaged) => vec![Err(damaged)],
        });
        events.filter(move |event| {
            let event = event.as_ref();
            event.map_or(true, |(entry, _)| (from..to).contains(entry))
        })
    }

    /// Entries from `from` on that are outgoing events.
    pub(crate) fn outbox(&self, from: u64, max: usize) -> Result<Vec<u64>, Damaged> {
        let events = self.events(from, self.position()?).take(max);
        events.map(|event| Ok(event?.0)).collect()
    }

    /// Entries from `from` on that are alerts, and the entry to go on from.
    pub(crate) fn alert_entries(&self, from: u64, max: usize) -> Result<(Vec<u64>, u64), Damaged> {
        let shown = self.position()?;
        if from >= shown {
            return Ok((Vec::new(), from));
        }
        let mut alerts = Vec::new();
        for (scanned, event) in self.events(from, shown).enumerate() {
            let (entry, kind) = event?;
            if alerts.len() == max || scanned == SCANNED {
                return Ok((alerts, entry));
            }
            if kind == EventKind::Alert as u8 {
                alerts.push(entry);
            }
        }
        Ok((alerts, shown))
    }

    /// Removes lists of a write that never ended.
    pub(super) fn remove_events_from(&self, position: u64) -> Result<(), Damaged> {
        let mut batch = Batch::default();
        for list in self.db.range(list_key(position)..end()) {
            let (key, _) = list?;
            if Parts::of(&key, Table::Outbox).is_none() {
                return Err(Damaged::because("an outbox key"));
            }
            batch.remove(key);
        }
        self.write(batch)
    }
}
