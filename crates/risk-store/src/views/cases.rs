//! Cases in the views（案件视图）: each by id, its events one by one, and lists by time, subject and term.
//!
//! The ledger says what changed in a case; here the case stands as it is. Its events lie under their
//! numbers, so that one more event writes one row. A case that is written is read first: one event put in between
//! moves those after it, and the old place in the list by term is removed.

use super::apply::SizedBatch;
use super::query::{List, Page, Pick};
use super::{Damaged, Views};
use crate::error::StoreError;
use crate::keys::{Key, Parts, Table};
use risk_domain::ids::CaseId;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::case::CaseEvent;
use risk_engine::{Case, CaseInsert, CaseKind};

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

/// A case as it stands, its events aside, their number, and the entry that said so last.
type CaseRow = (Case, u32, u64);

/// What happened to one case since the last write: entries with what each changed, none where one says that the
/// case is no more.
pub(super) type CaseChanges = Vec<(u64, Option<CaseInsert>)>;

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

    /// Writes what happened to a case. What the row has seen already, of a write that was torn, is passed over:
    /// made twice, a change would stand twice.
    pub(super) fn write_case(
        &self,
        id: &CaseId,
        changes: CaseChanges,
        batch: &mut SizedBatch,
    ) -> Result<(), Damaged> {
        let before = self.case_row(id)?;
        if let Some(due) = before.as_ref().and_then(|(case, ..)| due_key(case)) {
            batch.remove(&due);
        }
        let known = before.as_ref().map_or(0, |(_, events, _)| *events);
        let known = self.case_events(id, known)?;
        let mut events = known.clone();
        let mut stands = before.clone().map(|(case, _, seen)| (case, seen));
        for (entry, change) in changes {
            if stands.as_ref().is_some_and(|(_, seen)| *seen >= entry) {
                continue;
            }
            if let Some(change) = change {
                change.put_into(&mut events);
                let mut case = change.moved.case;
                case.events.clear();
                stands = Some((case, entry));
            } else {
                events.clear();
                stands = None;
            }
        }
        for number in events.len()..known.len() {
            batch.remove(&event_key(id, number as u32));
        }
        let Some((case, seen)) = stands else {
            if let Some((case, ..)) = before {
                batch.remove(&case_key(id));
                for place in places(&case) {
                    batch.remove(&place);
                }
            }
            return Ok(());
        };
        for (number, event) in (0..).zip(&events) {
            if known.get(number as usize) != Some(event) {
                batch.put(event_key(id, number), postcard::to_stdvec(event)?);
            }
        }
        for place in places(&case) {
            batch.put(place, Vec::new());
        }
        if let Some(due) = due_key(&case) {
            batch.put(due, Vec::new());
        }
        let row: CaseRow = (case, events.len() as u32, seen);
        batch.put(case_key(id), postcard::to_stdvec(&row)?);
        Ok(())
    }

    fn case_events(&self, id: &CaseId, count: u32) -> Result<Vec<CaseEvent>, Damaged> {
        let event = |number| {
            let event = self.decoded(&event_key(id, number))?;
            event.ok_or_else(|| Damaged::because("an event of a case is missing"))
        };
        (0..count).map(event).collect()
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
        let Some((mut case, events, _)) = self.case_row(id)? else {
            return Ok(None);
        };
        case.events = self.case_events(id, events)?;
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
            let (case, ..) = row;
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

#[cfg(test)]
mod tests;
