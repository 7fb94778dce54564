//! Cases in the views（案件视图）: each by id, its events one by one, and lists by time, subject and term.
//!
//! The ledger says what changed in a case; here the case stands as it is. Its events lie under their
//! numbers, so that one more event writes one row. Only the list by term depends on what stood before:
//! a case that is written is read first, and its old place there removed.

use super::apply::SizedBatch;
use super::query::{List, Page, Pick};
use super::{Damaged, Views};
use crate::error::StoreError;
use crate::keys::{Key, Parts, Table};
use risk_domain::ids::CaseId;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::case::CaseEvent;
use risk_engine::{Case, CaseKind, CaseMove};
use std::collections::BTreeMap;

/// Which cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseQuery {
    /// Of this kind.
    pub kind: Option<CaseKind>,
    /// That stand so, by the state's code.
    pub state: Option<String>,
    /// That are open, or closed.
    pub open: Option<bool>,
    /// About this enterprise with a product.
    pub subject: Option<Subject>,
    /// With a term that has not lapsed and does so before this instant, the earliest first.
    pub due_before: Option<Timestamp>,
    /// With a term that has lapsed without being kept.
    pub overdue: Option<bool>,
}

/// A case as it stands, its events aside, and their number.
type CaseRow = (Case, u32);

/// What happened to one case since the last write.
#[derive(Debug, Default)]
pub(super) struct CaseChanges {
    /// The case without its events, and their number; none where it is no more.
    stands: Option<(Case, u32)>,
    /// Its new events by number.
    events: BTreeMap<u32, CaseEvent>,
}

impl CaseChanges {
    pub(super) fn moved(&mut self, moved: &CaseMove) {
        let mut case = moved.case.clone();
        let new = std::mem::take(&mut case.events);
        // What stood after those that were kept is replaced.
        drop(self.events.split_off(&moved.kept));
        self.events.extend((moved.kept..).zip(new));
        let count = moved.kept + moved.case.events.len() as u32;
        self.stands = Some((case, count));
    }

    pub(super) fn gone(&mut self) {
        *self = Self::default();
    }
}

fn case_key(id: &CaseId) -> Vec<u8> {
    Key::of(Table::Case).text(id.as_str()).into_bytes()
}

fn event_key(id: &CaseId, number: u32) -> Vec<u8> {
    let key = Key::of(Table::CaseEvent).text(id.as_str());
    key.number(u64::from(number)).into_bytes()
}

/// What the keys of a case's moves begin with.
pub(super) fn move_key(id: &CaseId) -> Key {
    Key::of(Table::CaseMove).text(id.as_str())
}

fn due_key(case: &Case) -> Option<Vec<u8>> {
    let due = case.next_deadline()?.lapses_at.millis();
    let key = Key::of(Table::CaseByDue).signed(due);
    Some(key.text(case.id.as_str()).into_bytes())
}

/// The places of a case in the lists that do not change.
fn places(case: &Case) -> [Vec<u8>; 2] {
    let opened = case.opened_at.millis();
    let id = case.id.as_str();
    let by_time = Key::of(Table::CaseByTime).signed_down(opened).text(id);
    let of_subject = Key::of(Table::CaseOfSubject).text(&case.key.subject().to_string());
    let of_subject = of_subject.signed_down(opened).text(id);
    [by_time.into_bytes(), of_subject.into_bytes()]
}

fn id_of(key: &[u8]) -> Option<CaseId> {
    let mut parts = if let Some(mut parts) = Parts::of(key, Table::CaseByTime) {
        parts.number()?;
        parts
    } else if let Some(mut parts) = Parts::of(key, Table::CaseByDue) {
        parts.number()?;
        parts
    } else {
        let mut parts = Parts::of(key, Table::CaseOfSubject)?;
        parts.text()?;
        parts.number()?;
        parts
    };
    CaseId::new(parts.text()?).ok()
}

impl Views {
    fn case_row(&self, id: &CaseId) -> Result<Option<CaseRow>, Damaged> {
        self.decoded(&case_key(id))
    }

    /// Writes what happened to a case.
    pub(super) fn write_case(
        &self,
        id: &CaseId,
        changes: CaseChanges,
        batch: &mut SizedBatch,
    ) -> Result<(), Damaged> {
        let before = self.case_row(id)?;
        if let Some(due) = before.as_ref().and_then(|(case, _)| due_key(case)) {
            batch.remove(&due);
        }
        let Some((case, events)) = changes.stands else {
            let Some((case, events)) = before else {
                return Ok(());
            };
            batch.remove(&case_key(id));
            for place in places(&case) {
                batch.remove(&place);
            }
            for number in 0..events {
                batch.remove(&event_key(id, number));
            }
            return Ok(());
        };
        let longer = before.map_or(0, |(_, events)| events);
        for number in events..longer {
            batch.remove(&event_key(id, number));
        }
        for (number, event) in changes.events.range(..events) {
            batch.put(event_key(id, *number), postcard::to_stdvec(event)?);
        }
        for place in places(&case) {
            batch.put(place, Vec::new());
        }
        if let Some(due) = due_key(&case) {
            batch.put(due, Vec::new());
        }
        batch.put(case_key(id), postcard::to_stdvec(&(case, events))?);
        Ok(())
    }

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

    /// A case with its events.
    pub(crate) fn case(&self, id: &CaseId) -> Result<Option<Case>, Damaged> {
        let Some((mut case, events)) = self.case_row(id)? else {
            return Ok(None);
        };
        for number in 0..events {
            let event = self.decoded(&event_key(id, number))?;
            let event = event.ok_or_else(|| Damaged::because("an event of a case is missing"))?;
            case.events.push(event);
        }
        Ok(Some(case))
    }
}

impl List<CaseQuery> {
    pub(crate) fn cases(
        query: CaseQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, StoreError> {
        let prefix = match (&query.due_before, &query.subject) {
            (Some(_), _) => Key::of(Table::CaseByDue),
            (None, Some(subject)) => Key::of(Table::CaseOfSubject).text(&subject.to_string()),
            (None, None) => Key::of(Table::CaseByTime),
        };
        let name = format!("cases {query:?}");
        Self::new(query, &name, vec![prefix], limit, cursor)
    }

    fn wants(&self, case: &Case) -> bool {
        let CaseQuery {
            kind,
            state,
            open,
            subject,
            due_before: _,
            overdue,
        } = self.query();
        kind.is_none_or(|kind| case.state.kind() == kind)
            && state
                .as_ref()
                .is_none_or(|state| case.state.code() == state)
            && open.is_none_or(|open| case.state.is_open() == open)
            && subject
                .as_ref()
                .is_none_or(|subject| case.key.subject() == *subject)
            && overdue.is_none_or(|overdue| case.is_overdue() == overdue)
    }

    /// A page of the cases that `keep` keeps, without their events.
    pub(crate) fn page(
        &self,
        views: &Views,
        keep: &dyn Fn(&Case) -> bool,
    ) -> Result<Page<Case>, Damaged> {
        let before = self.query().due_before.map(Timestamp::millis);
        let walked = views.walk(self.walk(), |key, _| {
            let id = id_of(key).ok_or_else(|| Damaged::because("a key of a case"))?;
            let row = views.case_row(&id)?;
            let row = row.ok_or_else(|| Damaged::because("a case's key without case"))?;
            let (case, _) = row;
            let due = case.next_deadline().map(|next| next.lapses_at.millis());
            if before.is_some_and(|before| due.is_none_or(|due| due >= before)) {
                return Ok(Pick::Stop);
            }
            Ok(if self.wants(&case) && keep(&case) {
                Pick::Take(case)
            } else {
                Pick::Pass
            })
        })?;
        Ok(walked.page(self.number()))
    }
}
