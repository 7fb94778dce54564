//! Questions about alerts（预警查询）: raises page by page, what raised a subject's alerts, and what changed of
//! one.

use super::query::{AlertQuery, List, Page, Pick};
use super::{Damaged, Views};
use crate::error::StoreError;
use crate::keys::{Key, Parts, Table};
use risk_domain::ids::AlertId;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::{Alert, AlertMoved};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

impl Views {
    pub(crate) fn alert(&self, id: &AlertId) -> Result<Option<Alert>, Damaged> {
        self.decoded(Key::of(Table::Alert).text(id.as_str()).as_bytes())
    }

    /// What changed of an alert, each with its entry, in the ledger's order; the last `max` of it.
    pub(crate) fn alert_moves(
        &self,
        id: &AlertId,
        max: usize,
    ) -> Result<Vec<(u64, AlertMoved)>, Damaged> {
        let prefix = Key::of(Table::AlertMove).text(id.as_str());
        let rows = self.db.scan_prefix(prefix.as_bytes()).rev().take(max);
        let moves = rows.map(|row| {
            let (key, value) = row?;
            let mut parts = Parts::of(&key, Table::AlertMove);
            let entry = parts.as_mut().and_then(|parts| {
                parts.text()?;
                parts.number()
            });
            let entry = entry.ok_or_else(|| Damaged::because("a key of an alert's move"))?;
            Ok((entry, postcard::from_bytes(&value)?))
        });
        let mut moves = moves.collect::<Result<Vec<_>, Damaged>>()?;
        moves.reverse();
        Ok(moves)
    }

    /// Entries of what raised alerts of a subject within a span of the data's time, those below an entry, in
    /// the ledger's order.
    pub(crate) fn raises_of(
        &self,
        subject: &Subject,
        span: &RangeInclusive<Timestamp>,
        below: u64,
    ) -> Result<BTreeSet<u64>, Damaged> {
        let prefix = Key::of(Table::AlertOfSubject).text(&subject.to_string());
        let mut entries = BTreeSet::new();
        for row in self.db.scan_prefix(prefix.as_bytes()) {
            let (key, entry) = row?;
            let (raised, _) = raised_of(&key).ok_or_else(|| Damaged::because("an alert key"))?;
            let raised = Timestamp::from_millis(raised);
            if raised < *span.start() {
                break;
            }
            let entry = <[u8; 8]>::try_from(entry.as_ref());
            let entry = entry.map_err(|_| Damaged::because("the entry of a raise"))?;
            let entry = u64::from_be_bytes(entry);
            if raised <= *span.end() && entry < below {
                entries.insert(entry);
            }
        }
        Ok(entries)
    }
}

impl List<AlertQuery> {
    pub(crate) fn alerts(
        query: AlertQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, StoreError> {
        let prefix = match &query.subject {
            Some(subject) => Key::of(Table::AlertOfSubject).text(&subject.to_string()),
            None => Key::of(Table::AlertByTime),
        };
        let name = format!("alerts {query:?}");
        Self::new(query, &name, vec![prefix], limit, cursor)
    }

    pub(crate) fn page(&self, views: &Views) -> Result<Page<Alert>, Damaged> {
        let AlertQuery {
            level,
            subject: _,
            rule,
            since,
            until,
            hazard,
        } = self.query();
        let walked = views.walk(self.walk(), |key, _| {
            let (raised, id) = raised_of(key).ok_or_else(|| Damaged::because("an alert key"))?;
            if since.is_some_and(|since| raised < since.millis()) {
                return Ok(Pick::Stop);
            }
            if until.is_some_and(|until| raised > until.millis()) {
                return Ok(Pick::Pass);
            }
            let alert = views
                .alert(&id)?
                .ok_or_else(|| Damaged::because("an alert key without alert"))?;
            let wanted = level.is_none_or(|level| alert.level == level)
                && rule.is_none_or(|rule| alert.rule == rule)
                && hazard.as_ref().is_none_or(|hazard| alert.hazard == *hazard);
            Ok(if wanted {
                Pick::Take(alert)
            } else {
                Pick::Pass
            })
        })?;
        Ok(walked.page(self.number()))
    }
}

fn raised_of(key: &[u8]) -> Option<(i64, AlertId)> {
    let mut parts = if let Some(parts) = Parts::of(key, Table::AlertByTime) {
        parts
    } else {
        let mut parts = Parts::of(key, Table::AlertOfSubject)?;
        parts.text()?;
        parts
    };
    let raised = parts.signed_down()?;
    Some((raised, AlertId::new(parts.text()?).ok()?))
}
