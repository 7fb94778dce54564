//! Taking ledger entries into the views.
//!
//! A write to sled costs some microseconds a key, and an assessment has up to a dozen of them; so
//! changes are **gathered** by subject and written when nothing waits, or when there are many. A
//! subject that changed several times meanwhile has its current grade and index keys written once.
//!
//! What is gathered goes out in several batches, each with all rows of its subjects; the position
//! moves with the last. If only some of them reached the disk, the same entries come again: a grade
//! row names the entry it is of, so those that it has seen already are passed over.

use super::{Damaged, VIEW_VERSION, Views, guard, meta_key, provenance};
use crate::keys::{Key, Table};
use crate::ledger::LedgerReader;
use crate::records::RejectionSummary;
use risk_domain::scales::RiskLevel;
use risk_domain::subject::{Subject, SubjectKind};
use risk_engine::{Alert, Assessment, Effect};
use sled::Batch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys a batch; sled's memory follows the size of batches.
const BATCH_KEYS: usize = 900;
/// Bytes a batch, for the same reason.
const BATCH_BYTES: usize = 1 << 20;
/// Assessments gathered before they are written although more is waiting.
const GATHERED: usize = 8192;
/// Batches after which the file is synced.
const SYNC_BATCHES: u32 = 64;

/// How an assessment's event is marked in the outbox.
pub(super) const GRADE_EVENT: &[u8] = b"g";
/// How an alert's event is marked in the outbox.
pub(super) const ALERT_EVENT: &[u8] = b"a";
/// How a dead letter's event is marked in the outbox.
pub(super) const DEAD_LETTER_EVENT: &[u8] = b"d";

/// The tables of the subjects of a kind, by probability.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    All,
    Zone(&'a str),
    Sector(&'a str),
}

impl Scope<'_> {
    /// The part of the key before the probability.
    pub(super) fn prefix(self, kind: SubjectKind) -> Key {
        let key = Key::of(Table::Probability).kind(kind);
        match self {
            Self::All => key.byte(0).text(""),
            Self::Zone(zone) => key.byte(1).text(zone),
            Self::Sector(sector) => key.byte(2).text(sector),
        }
    }
}

/// The current grade of a subject, and the entry it is of.
#[derive(Debug, Clone)]
pub(super) struct GradeRow {
    pub(super) entry: u64,
    pub(super) assessment: Assessment,
}

impl GradeRow {
    fn encode(entry: u64, assessment: &[u8]) -> Vec<u8> {
        let mut bytes = entry.to_be_bytes().to_vec();
        bytes.extend_from_slice(assessment);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let (entry, assessment) = bytes
            .split_first_chunk()
            .ok_or_else(|| Damaged::because("a grade row"))?;
        Ok(Self {
            entry: u64::from_be_bytes(*entry),
            assessment: postcard::from_bytes(assessment)?,
        })
    }
}

pub(super) fn grade_key(subject: &Subject) -> Vec<u8> {
    let key = Key::of(Table::Grade).kind(subject.kind());
    key.text(&subject.to_string()).into_bytes()
}

/// Keys under which an assessment is found by probability.
fn probability_keys(assessment: &Assessment) -> Vec<Vec<u8>> {
    let subject = assessment.subject.to_string();
    let kind = assessment.subject.kind();
    let zones = assessment.zones.iter();
    let zones = zones.map(|zone| Scope::Zone(zone.as_str()));
    let sectors = assessment.sectors.iter();
    let sectors = sectors.map(|sector| Scope::Sector(sector.as_str()));
    std::iter::once(Scope::All)
        .chain(zones)
        .chain(sectors)
        .map(|scope| {
            let key = scope.prefix(kind).float_down(assessment.probability);
            key.text(&subject).into_bytes()
        })
        .collect()
}

/// Changes of one subject that are not written yet.
#[derive(Debug)]
struct Gathered {
    written: Option<GradeRow>,
    now: GradeRow,
    /// The current grade as it will be written.
    value: Vec<u8>,
    /// History rows and events.
    rows: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Writes entries into one generation of the views.
pub(crate) struct Applier {
    views: Arc<Views>,
    gathered: BTreeMap<Vec<u8>, Gathered>,
    assessments: usize,
    /// Rows of no subject's grade, which may be written twice.
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    counts: BTreeMap<String, u64>,
    /// Reason codes whose count changed.
    counted: Vec<String>,
    position: u64,
    written: u64,
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
            Ok((position, views.dead_letter_counts()?, marked.is_some()))
        })?;
        Ok(Self {
            views,
            gathered: BTreeMap::new(),
            assessments: 0,
            rows: Vec::new(),
            counts,
            counted: Vec::new(),
            position,
            written: position,
            batches: 0,
            unmarked: (!marked).then(|| ledger.clone()),
        })
    }

    /// All entries below it are taken in, those that are not written yet included.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether something is taken in and not written yet.
    pub(crate) fn is_gathering(&self) -> bool {
        self.written != self.position
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
            Effect::Assessed(assessment) => self.assessment(entry, assessment)?,
            Effect::AlertRaised(alert) => self.alert(entry, alert)?,
            Effect::EpochClosed(_) | Effect::SnapshotFitted(_) => {}
        }
        self.position = entry + 1;
        Ok(())
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
        let key = Key::of(Table::DeadLetter).number_down(entry).into_bytes();
        self.rows.push((key, postcard::to_stdvec(summary)?));
        let event = Key::of(Table::Outbox).number(entry).into_bytes();
        self.rows.push((event, DEAD_LETTER_EVENT.to_vec()));
        *self.counts.entry(summary.code.clone()).or_default() += 1;
        if !self.counted.contains(&summary.code) {
            self.counted.push(summary.code.clone());
        }
        self.position = entry + 1;
        Ok(())
    }

    /// Ends a block: all entries below `next_entry` are taken in. They are written if there are many.
    pub(crate) fn end_block(&mut self, next_entry: u64) -> Result<(), Damaged> {
        self.position = self.position.max(next_entry);
        if self.assessments + self.rows.len() >= GATHERED {
            self.write()?;
        }
        Ok(())
    }

    /// Writes everything taken in.
    pub(crate) fn write(&mut self) -> Result<(), Damaged> {
        if !self.is_gathering() {
            return Ok(());
        }
        let mut batch = SizedBatch::default();
        for (key, gathered) in std::mem::take(&mut self.gathered) {
            let old_keys = gathered.written.as_ref();
            let old_keys = old_keys.map(|row| probability_keys(&row.assessment));
            let keys = probability_keys(&gathered.now.assessment);
            for old in old_keys.unwrap_or_default() {
                if !keys.contains(&old) {
                    batch.remove(old);
                }
            }
            for key in keys {
                batch.put(key, Vec::new());
            }
            for (key, value) in gathered.rows {
                batch.put(key, value);
            }
            batch.put(key, gathered.value);
            self.apply_if_full(&mut batch)?;
        }
        for (key, value) in std::mem::take(&mut self.rows) {
            batch.put(key, value);
            self.apply_if_full(&mut batch)?;
        }
        for code in std::mem::take(&mut self.counted) {
            let count = self.counts.get(&code).copied().unwrap_or_default();
            let key = Key::of(Table::DeadLetterCount).text(&code).into_bytes();
            batch.put(key, count.to_be_bytes().to_vec());
        }
        if let Some(ledger) = self.unmarked.take() {
            batch.put(meta_key("made-from"), provenance(&ledger));
        }
        let position = self.position.to_be_bytes().to_vec();
        batch.put(meta_key("position"), position);
        self.apply(batch)?;
        self.assessments = 0;
        self.written = self.position;
        if self.batches >= SYNC_BATCHES {
            self.sync()?;
        }
        Ok(())
    }

    fn apply_if_full(&mut self, batch: &mut SizedBatch) -> Result<(), Damaged> {
        if batch.keys >= BATCH_KEYS || batch.bytes >= BATCH_BYTES {
            self.apply(std::mem::take(batch))?;
        }
        Ok(())
    }

    fn apply(&mut self, batch: SizedBatch) -> Result<(), Damaged> {
        let views = &self.views;
        guard(|| Ok(views.db.apply_batch(batch.batch)?))?;
        self.batches += 1;
        Ok(())
    }

    pub(crate) fn sync(&mut self) -> Result<(), Damaged> {
        self.batches = 0;
        self.views.sync()
    }

    fn assessment(&mut self, entry: u64, assessment: &Assessment) -> Result<(), Damaged> {
        let key = grade_key(&assessment.subject);
        let known = self.gathered.remove(&key);
        let (written, before, mut rows) = if let Some(gathered) = known {
            (gathered.written, Some(gathered.now), gathered.rows)
        } else {
            let views = &self.views;
            let row = guard(|| views.grade(&key))?;
            if row.as_ref().is_some_and(|row| row.entry >= entry) {
                return Ok(());
            }
            (row.clone(), row, Vec::new())
        };
        let row = postcard::to_stdvec(assessment)?;
        let value = GradeRow::encode(entry, &row);
        let history = Key::of(Table::History)
            .text(&assessment.subject.to_string())
            .signed_down(assessment.epoch.0);
        rows.push((history.into_bytes(), row));
        let level = before.map_or(RiskLevel::Undetermined, |row| row.assessment.level);
        if level != assessment.level {
            let event = Key::of(Table::Outbox).number(entry).into_bytes();
            rows.push((event, GRADE_EVENT.to_vec()));
        }
        let gathered = Gathered {
            written,
            now: GradeRow {
                entry,
                assessment: assessment.clone(),
            },
            value,
            rows,
        };
        self.gathered.insert(key, gathered);
        self.assessments += 1;
        Ok(())
    }

    fn alert(&mut self, entry: u64, alert: &Alert) -> Result<(), Damaged> {
        let id = alert.id.as_str();
        let raised = alert.raised_at.millis();
        let by_id = Key::of(Table::Alert).text(id);
        let by_time = Key::of(Table::AlertByTime).signed_down(raised).text(id);
        let of_subject = Key::of(Table::AlertOfSubject).text(&alert.subject.to_string());
        let of_subject = of_subject.signed_down(raised).text(id);
        let event = Key::of(Table::Outbox).number(entry);
        self.rows
            .push((by_id.into_bytes(), postcard::to_stdvec(alert)?));
        self.rows.push((by_time.into_bytes(), Vec::new()));
        self.rows.push((of_subject.into_bytes(), Vec::new()));
        self.rows.push((event.into_bytes(), ALERT_EVENT.to_vec()));
        Ok(())
    }
}

/// A batch that knows its size.
#[derive(Default)]
struct SizedBatch {
    batch: Batch,
    keys: usize,
    bytes: usize,
}

impl SizedBatch {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.keys += 1;
        self.bytes += key.len() + value.len();
        self.batch.insert(key, value);
    }

    fn remove(&mut self, key: Vec<u8>) {
        self.keys += 1;
        self.batch.remove(key);
    }
}
