//! What was taken in and is not written yet（汇集）: by subject, so that one that changes ten times
//! meanwhile is written once. Nothing is read here.

use super::Damaged;
use super::cases::move_key;
use super::outbox::EventKind;
use super::results::NewResults;
use super::row::KeyValue;
use crate::keys::{Key, Table};
use crate::records::{CommandKeys, RejectionSummary, ResultOwners};
use hashbrown::HashMap;
use risk_domain::ids::{CaseId, SignalId};
use risk_domain::personal::Erasure;
use risk_domain::scales::RiskLevel;
use risk_domain::subject::Subject;
use risk_engine::{Alert, AlertMoved};
use std::collections::BTreeMap;

/// Subjects from which a gather is full.
const FULL_SUBJECTS: usize = 100_000;
/// Bytes from which a gather is full.
const FULL_BYTES: usize = 64 << 20;
/// Bytes of a gathered subject beside its assessment, about.
const SUBJECT_BYTES: usize = 160;

/// What happened to one subject.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Entries that recorded an assessment, the oldest first, each with its level.
    pub(super) recorded: Vec<(u64, RiskLevel)>,
    /// The last assessment, encoded.
    pub(super) latest: Vec<u8>,
}

/// What was taken in.
#[derive(Debug, Default)]
pub(super) struct Gather {
    pub(super) subjects: HashMap<Subject, Changes>,
    /// Entries of results.
    pub(super) results: NewResults,
    /// Rows of no subject's grade, which may be written twice.
    pub(super) rows: Vec<KeyValue>,
    /// Events other than grades.
    pub(super) events: Vec<(u64, u8)>,
    /// Dead letters by reason code.
    pub(super) rejected: BTreeMap<String, u64>,
    bytes: usize,
}

impl Gather {
    pub(super) fn is_full(&self) -> bool {
        self.subjects.len() >= FULL_SUBJECTS || self.bytes >= FULL_BYTES
    }

    pub(super) fn assessment(
        &mut self,
        entry: u64,
        subject: Subject,
        level: RiskLevel,
        bytes: &[u8],
    ) {
        let changes = self.subjects.entry(subject).or_insert_with(|| {
            self.bytes += SUBJECT_BYTES;
            Changes::default()
        });
        self.bytes -= changes.latest.len();
        changes.latest.clear();
        changes.latest.extend_from_slice(bytes);
        changes.recorded.push((entry, level));
        self.bytes += bytes.len() + size_of::<(u64, RiskLevel)>();
    }

    pub(super) fn result(&mut self, entry: u64, owners: &ResultOwners) {
        self.bytes += self.results.add(entry, owners);
    }

    /// A command: found by its id and by what it acts on; a step of a plan is an event, too.
    pub(super) fn command(&mut self, entry: u64, keys: &CommandKeys) {
        let by_id = Key::of(Table::Command).text(keys.id.as_str());
        self.row(by_id, entry.to_be_bytes().to_vec());
        let on = Key::of(Table::CommandOn).text(&keys.on).number(entry);
        self.row(on, Vec::new());
        if keys.is_plan {
            self.events.push((entry, EventKind::Plan as u8));
        }
    }

    /// What was heard: found by its id.
    pub(super) fn signal(&mut self, entry: u64, id: &SignalId) {
        let by_id = Key::of(Table::Signal).text(id.as_str());
        self.row(by_id, entry.to_be_bytes().to_vec());
    }

    /// What raised an alert: found by its id, time and subject, and no event.
    pub(super) fn alert(&mut self, entry: u64, alert: &Alert) -> Result<(), Damaged> {
        let id = alert.id.as_str();
        let raised = alert.raised_at.millis();
        let by_id = Key::of(Table::Alert).text(id);
        let by_time = Key::of(Table::AlertByTime).signed_down(raised).text(id);
        let of_subject = Key::of(Table::AlertOfSubject).text(&alert.subject.to_string());
        let of_subject = of_subject.signed_down(raised).text(id);
        self.row(by_id, postcard::to_stdvec(alert)?);
        self.row(by_time, Vec::new());
        self.row(of_subject, entry.to_be_bytes().to_vec());
        Ok(())
    }

    pub(super) fn moved(&mut self, entry: u64, moved: &AlertMoved) -> Result<(), Damaged> {
        let key = Key::of(Table::AlertMove).text(moved.alert.as_str());
        self.row(key.number(entry), postcard::to_stdvec(moved)?);
        self.events.push((entry, EventKind::Alert as u8));
        Ok(())
    }

    pub(super) fn case_moved(&mut self, entry: u64, id: &CaseId) {
        self.row(move_key(id).number(entry), Vec::new());
        self.events.push((entry, EventKind::Case as u8));
    }

    pub(super) fn rejection(
        &mut self,
        entry: u64,
        summary: &RejectionSummary,
    ) -> Result<(), Damaged> {
        let key = Key::of(Table::DeadLetter).number_down(entry);
        self.row(key, postcard::to_stdvec(summary)?);
        self.events.push((entry, EventKind::DeadLetter as u8));
        *self.rejected.entry(summary.code.clone()).or_default() += 1;
        Ok(())
    }

    pub(super) fn erasure(&mut self, entry: u64, erasure: &Erasure) {
        for id in &erasure.keys {
            let key = Key::of(Table::Erased).bytes(&id.0);
            self.row(key, entry.to_be_bytes().to_vec());
        }
    }

    fn row(&mut self, key: Key, value: Vec<u8>) {
        let key = key.into_bytes();
        self.bytes += key.len() + value.len();
        self.rows.push((key, value));
    }
}
