//! The history of a subject（评级历史）: which ledger entries recorded its grades, the newest first. The
//! grades themselves are read in the ledger.

use super::query::Page;
use super::row::{GradeRow, decode_list, grade_key, lists_prefix};
use super::{Damaged, Views, cursor};
use crate::error::StoreError;
use risk_domain::subject::Subject;

/// A page of a subject's history, being asked for.
pub(crate) struct HistoryList {
    subject: Subject,
    number: u32,
    /// Only entries below this one.
    below: u64,
    limit: usize,
}

impl HistoryList {
    pub(crate) fn new(
        subject: Subject,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, StoreError> {
        let number = cursor::list(&format!("history {subject}"));
        let below = match cursor {
            None => u64::MAX,
            Some(cursor) => {
                let place = cursor::decode(number, cursor)?;
                let place = <[u8; 8]>::try_from(place.as_slice());
                place
                    .map(u64::from_be_bytes)
                    .map_err(|_| StoreError::Cursor)?
            }
        };
        Ok(Self {
            subject,
            number,
            below,
            limit,
        })
    }

    /// The entries below one.
    pub(crate) fn below(subject: Subject, limit: usize, below: u64) -> Self {
        Self {
            number: cursor::list(&format!("history {subject}")),
            subject,
            below,
            limit,
        }
    }

    /// Entries of the page.
    pub(crate) fn page(&self, views: &Views) -> Result<Page<u64>, Damaged> {
        let mut entries = Vec::new();
        let mut below = self.below;
        // Entries may be moved from the row into a list meanwhile: the row is read first, and what was
        // read there already is passed over.
        let mut take = |entry: u64| {
            if entry < below && entries.len() <= self.limit {
                entries.push(entry);
                below = entry;
            }
            entries.len() > self.limit
        };
        let row = views.db.get(grade_key(&self.subject))?;
        let row = row.map(|row| GradeRow::decode(&row)).transpose()?;
        let mut full = row.is_some_and(|row| row.newest_first().any(&mut take));
        let mut lists = views.db.scan_prefix(lists_prefix(&self.subject).as_bytes());
        while !full && let Some(list) = lists.next() {
            let (_, list) = list?;
            full = decode_list(&list)?.into_iter().rev().any(&mut take);
        }
        entries.truncate(self.limit);
        let last = entries.last().filter(|_| full);
        Ok(Page {
            next: last.map(|last| cursor::encode(self.number, &last.to_be_bytes())),
            items: entries,
        })
    }
}
