//! Taking ledger entries into the views.
//!
//! A write to sled costs some microseconds a key, and an assessment that moves takes five of them; so
//! changes are first **gathered** by subject, which costs next to nothing and reads nothing, and then
//! **written**, each subject once however often it changed. While one gather is being written, batch by
//! batch, the next one is filled.
//!
//! What is written goes out in several batches, each with all rows of its subjects; the events follow,
//! and the position moves with the last batch. If only some of them reached the disk, the same entries
//! come again: a subject's row names the entries that it has seen ([`super::row`]), the events are found
//! anew from it, and all other rows say the same when they are written twice.

use super::gather::{Changes, Gather};
use super::outbox::{self, EventKind};
use super::row::{GradeRow, KeyValue, grade_key};
use super::{Damaged, VIEW_VERSION, Views, guard, meta_key, provenance};
use crate::keys::{Key, Table};
use crate::ledger::LedgerReader;
use crate::records::{CommandKeys, RejectionSummary, ResultOwners};
use risk_domain::ids::SignalId;
use risk_domain::personal::Erasure;
use risk_domain::scales::RiskLevel;
use risk_domain::subject::Subject;
use risk_engine::{Assessment, Effect};
use sled::Batch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys a batch; sled's memory follows the size of batches. Tests tear writes between small ones.
const BATCH_KEYS: usize = if cfg!(test) { 4 } else { 900 };
/// Bytes a batch, for the same reason.
const BATCH_BYTES: usize = 1 << 20;
/// Batches after which the file is synced.
const SYNC_BATCHES: u32 = 64;

/// A gather that is being written: what is left of it.
#[derive(Debug)]
struct Writing {
    /// The position that it began at, and the one that it leads to.
    from: u64,
    to: u64,
    rows: std::vec::IntoIter<KeyValue>,
    subjects: std::vec::IntoIter<(Subject, Changes)>,
    /// Events found so far.
    events: Vec<(u64, u8)>,
    /// Lists of all events, once all are found.
    lists: Option<std::vec::IntoIter<KeyValue>>,
    rejected: BTreeMap<String, u64>,
    keys: usize,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// There is more to write.
    Part,
    /// All of it; the position moved. So many keys were written.
    All { keys: usize },
}

/// Writes entries into one generation of the views.
pub(crate) struct Applier {
    views: Arc<Views>,
    gather: Gather,
    writing: Option<Writing>,
    counts: BTreeMap<String, u64>,
    /// All entries below are taken in.
    position: u64,
    /// All entries below are written or being written.
    begun: u64,
    /// All entries below are written.
    shown: u64,
    batches: u32,
    /// Where the first block's hash is read, until it has been written beside the position.
    unmarked: Option<LedgerReader>,
}

impl Applier {
    pub(crate) fn new(views: Arc<Views>, ledger: &LedgerReader) -> Result<Self, Damaged> {
        let (position, counts, marked) = guard(|| {
            let position = views.position()?;
            let marked = views.meta("made-from")?;
            let version = marked.as_ref().and_then(|made| made.first().copied());
            if position > 0 && version != Some(VIEW_VERSION) {
                return Err(Damaged::because("a position without an origin"));
            }
            views.remove_events_from(position)?;
            Ok((position, views.dead_letter_counts()?, marked.is_some()))
        })?;
        Ok(Self {
            views,
            gather: Gather::default(),
            writing: None,
            counts,
            position,
            begun: position,
            shown: position,
            batches: 0,
            unmarked: (!marked).then(|| ledger.clone()),
        })
    }

    /// All entries below it are taken in, those that are not written yet included.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// All entries below it are written.
    pub(crate) fn shown(&self) -> u64 {
        self.shown
    }

    /// Whether something is taken in of which no write has begun.
    pub(crate) fn is_gathering(&self) -> bool {
        self.begun != self.position
    }

    /// Whether a write has begun and not ended.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether so much is gathered that no more should be taken in.
    pub(crate) fn is_full(&self) -> bool {
        self.gather.is_full()
    }

    pub(crate) fn views(&self) -> &Arc<Views> {
        &self.views
    }

    /// Takes in an effect. Those of entries that were taken in before are passed over.
    pub(crate) fn effect(&mut self, entry: u64, effect: &Effect) -> Result<(), Damaged> {
        if entry < self.position {
            return Ok(());
        }
        match effect {
            Effect::Assessed(assessment) => {
                let bytes = postcard::to_stdvec(assessment)?;
                let subject = assessment.subject.clone();
                self.gather
                    .assessment(entry, subject, assessment.level, &bytes);
            }
            Effect::AlertRaised(alert) => self.gather.alert(entry, alert)?,
            Effect::SignalRaised(raised) => self.gather.alert(entry, &raised.alert)?,
            Effect::ResultsRaised(raised) => self.gather.alert(entry, &raised.alert)?,
            Effect::AlertMoved(moved) => self.gather.moved(entry, moved)?,
            Effect::CaseMoved(moved) => self.gather.case_moved(entry, &moved.case.id),
            Effect::CaseInserted(insert) => self.gather.case_moved(entry, &insert.moved.case.id),
            Effect::EpochClosed(_)
            | Effect::CaseGone(_)
            | Effect::SnapshotFitted(_)
            | Effect::RatesTold(_)
            | Effect::LevelsTold(_)
            | Effect::CoursesTold(_)
            | Effect::WeekWatched(_)
            | Effect::AlertTermsSet(_)
            | Effect::ReferenceRefused(_) => {}
        }
        self.position = entry + 1;
        Ok(())
    }

    /// Takes in an assessment as it was recorded.
    pub(crate) fn assessment(
        &mut self,
        entry: u64,
        subject: Subject,
        level: RiskLevel,
        bytes: &[u8],
    ) {
        if entry >= self.position {
            self.gather.assessment(entry, subject, level, bytes);
            self.position = entry + 1;
        }
    }

    /// Takes in whose a result is.
    pub(crate) fn result(&mut self, entry: u64, owners: &ResultOwners) {
        if entry >= self.position {
            self.gather.result(entry, owners);
            self.position = entry + 1;
        }
    }

    /// Takes in a command.
    pub(crate) fn command(&mut self, entry: u64, keys: &CommandKeys) {
        if entry >= self.position {
            self.gather.command(entry, keys);
            self.position = entry + 1;
        }
    }

    /// Takes in a signal.
    pub(crate) fn signal(&mut self, entry: u64, id: &SignalId) {
        if entry >= self.position {
            self.gather.signal(entry, id);
            self.position = entry + 1;
        }
    }

    /// Takes in which keys were destroyed.
    pub(crate) fn erasure(&mut self, entry: u64, erasure: &Erasure) {
        if entry >= self.position {
            self.gather.erasure(entry, erasure);
            self.position = entry + 1;
        }
    }

    /// Takes in a dead letter.
    pub(crate) fn rejection(
        &mut self,
        entry: u64,
        summary: &RejectionSummary,
    ) -> Result<(), Damaged> {
        if entry < self.position {
            return Ok(());
        }
        self.gather.rejection(entry, summary)?;
        self.position = entry + 1;
        Ok(())
    }

    /// Ends a block: all entries below `next_entry` are taken in.
    pub(crate) fn end_block(&mut self, next_entry: u64) {
        self.position = self.position.max(next_entry);
    }

    /// Begins to write what was gathered, unless a write is under way.
    pub(crate) fn begin_writing(&mut self) -> Result<(), Damaged> {
        if self.is_writing() || !self.is_gathering() {
            return Ok(());
        }
        let gather = std::mem::take(&mut self.gather);
        let mut subjects: Vec<(Subject, Changes)> = gather.subjects.into_iter().collect();
        let mut rows = gather.rows;
        gather.results.rows(&mut rows)?;
        // Rows that lie together are written together.
        subjects.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        rows.sort_unstable();
        self.writing = Some(Writing {
            from: self.begun,
            to: self.position,
            rows: rows.into_iter(),
            subjects: subjects.into_iter(),
            events: gather.events,
            lists: None,
            rejected: gather.rejected,
            keys: 0,
        });
        self.begun = self.position;
        Ok(())
    }

    /// Writes one batch of what a write has left.
    pub(crate) fn write_some(&mut self) -> Result<Written, Damaged> {
        let Some(mut writing) = self.writing.take() else {
            return Ok(Written::All { keys: 0 });
        };
        let mut batch = SizedBatch::default();
        let views = Arc::clone(&self.views);
        let filled = guard(|| writing.fill(&views, &mut batch))?;
        if filled == Written::Part {
            self.apply(batch, &mut writing)?;
            self.writing = Some(writing);
            return Ok(Written::Part);
        }
        for (code, more) in std::mem::take(&mut writing.rejected) {
            let key = Key::of(Table::DeadLetterCount).text(&code).into_bytes();
            let count = self.counts.entry(code).or_default();
            *count += more;
            batch.put(key, count.to_be_bytes().to_vec());
        }
        if let Some(ledger) = self.unmarked.take() {
            batch.put(meta_key("made-from"), provenance(&ledger));
        }
        let position = writing.to.to_be_bytes().to_vec();
        batch.put(meta_key("position"), position);
        self.apply(batch, &mut writing)?;
        self.shown = writing.to;
        if self.batches >= SYNC_BATCHES {
            self.sync()?;
        }
        Ok(Written::All { keys: writing.keys })
    }

    /// Writes everything taken in.
    pub(crate) fn write(&mut self) -> Result<(), Damaged> {
        while self.is_writing() || self.is_gathering() {
            self.begin_writing()?;
            self.write_some()?;
        }
        Ok(())
    }

    fn apply(&mut self, batch: SizedBatch, writing: &mut Writing) -> Result<(), Damaged> {
        writing.keys += batch.keys;
        self.views.write(batch.batch)?;
        self.batches += 1;
        Ok(())
    }

    pub(crate) fn sync(&mut self) -> Result<(), Damaged> {
        self.batches = 0;
        self.views.sync()
    }
}

impl Writing {
    /// Fills a batch; says whether nothing is left.
    fn fill(&mut self, views: &Views, batch: &mut SizedBatch) -> Result<Written, Damaged> {
        while !batch.is_full() {
            if let Some((key, value)) = self.rows.next() {
                batch.put(key, value);
            } else if let Some((subject, changes)) = self.subjects.next() {
                self.subject(views, &subject, changes, batch)?;
            } else if let Some(lists) = &mut self.lists {
                let Some((key, value)) = lists.next() else {
                    return Ok(Written::All { keys: self.keys });
                };
                batch.put(key, value);
            } else {
                let mut events = std::mem::take(&mut self.events);
                events.sort_unstable();
                self.lists = Some(outbox::lists(&events)?.into_iter());
            }
        }
        Ok(Written::Part)
    }

    fn subject(
        &mut self,
        views: &Views,
        subject: &Subject,
        changes: Changes,
        batch: &mut SizedBatch,
    ) -> Result<(), Damaged> {
        let key = grade_key(subject);
        let row = views.db.get(&key)?;
        let row = row.map(|row| GradeRow::decode(&row)).transpose()?;
        let mut row = row.unwrap_or_default();
        let before = row.assessment()?;
        let moved = row.record(&changes.recorded, changes.latest);
        let grades = row.level_changes(self.from, self.to);
        self.events
            .extend(grades.map(|entry| (entry, EventKind::Grade as u8)));
        if !moved {
            return Ok(());
        }
        let keys_of = |of: Option<Assessment>| of.map(|of| views.probability_keys(&of));
        let old_keys = keys_of(before);
        let keys = keys_of(row.assessment()?);
        if keys != old_keys {
            for old in old_keys.into_iter().flatten() {
                batch.remove(&old);
            }
            for key in keys.into_iter().flatten() {
                batch.put(key, Vec::new());
            }
        }
        for (key, list) in row.move_out(subject, self.from)? {
            batch.put(key, list);
        }
        batch.put(key, row.encode()?);
        Ok(())
    }
}

/// A batch that knows its size.
#[derive(Default)]
pub(super) struct SizedBatch {
    batch: Batch,
    keys: usize,
    bytes: usize,
}

impl SizedBatch {
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.keys += 1;
        self.bytes += key.len() + value.len();
        self.batch.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        self.keys += 1;
        self.batch.remove(key);
    }

    fn is_full(&self) -> bool {
        self.keys >= BATCH_KEYS || self.bytes >= BATCH_BYTES
    }
}

#[cfg(test)]
mod tests;
