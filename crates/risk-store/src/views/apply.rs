//! Taking ledger entries into the views.

use super::{Damaged, VIEW_VERSION, Views, guard, meta_key, provenance};
use crate::keys::{Key, Table};
use crate::ledger::LedgerReader;
use crate::records::RejectionSummary;
use risk_domain::scales::RiskLevel;
use risk_domain::subject::Subject;
use risk_engine::{Alert, Assessment, Effect};
use sled::Batch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys a batch; sled's memory follows the size of batches.
const BATCH_KEYS: usize = 900;
/// Batches after which the file is synced.
const SYNC_BATCHES: u32 = 64;

/// How an assessment's event is marked in the outbox.
pub(super) const GRADE_EVENT: &[u8] = b"g";
/// How an alert's event is marked in the outbox.
pub(super) const ALERT_EVENT: &[u8] = b"a";

/// The tables of the subjects of a kind, by probability.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    All,
    Zone(&'a str),
    Sector(&'a str),
}

impl Scope<'_> {
    /// The part of the key before the probability.
    pub(super) fn prefix(self, kind: risk_domain::subject::SubjectKind) -> Key {
        let key = Key::of(Table::Probability).kind(kind);
        match self {
            Self::All => key.byte(0).text(""),
            Self::Zone(zone) => key.byte(1).text(zone),
            Self::Sector(sector) => key.byte(2).text(sector),
        }
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
    let zones = assessment
        .zones
        .iter()
        .map(|zone| Scope::Zone(zone.as_str()));
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

/// Writes entries into one generation of the views, batch by batch.
pub(crate) struct Applier {
    views: Arc<Views>,
    batch: Batch,
    keys: usize,
    /// Grades written by the batch, which the tree does not show yet.
    fresh: BTreeMap<Vec<u8>, Assessment>,
    counts: BTreeMap<String, u64>,
    position: u64,
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
            batch: Batch::default(),
            keys: 0,
            fresh: BTreeMap::new(),
            counts,
            position,
            batches: 0,
            unmarked: (!marked).then(|| ledger.clone()),
        })
    }

    /// All entries below it are taken in, those of the open batch included.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn views(&self) -> &Arc<Views> {
        &self.views
    }

    fn put(&mut self, key: Vec<u8>, value: &[u8]) {
        self.batch.insert(key, value);
        self.keys += 1;
    }

    /// Takes in an effect. Those of entries that were taken in before are passed over.
    pub(crate) fn effect(&mut self, entry: u64, effect: &Effect) -> Result<(), Damaged> {
        if entry < self.position {
            return Ok(());
        }
        match effect {
            Effect::Assessed(assessment) => self.assessment(entry, assessment)?,
            Effect::AlertRaised(alert) => self.alert(entry, alert)?,
            Effect::EpochClosed(epoch) => {
                self.put(meta_key("last-closed"), &epoch.0.to_be_bytes());
            }
            Effect::SnapshotFitted(_) => {}
        }
        self.passed(entry)
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
        self.put(key, &serde_json::to_vec(summary)?);
        let count = self.counts.entry(summary.code.clone()).or_default();
        *count += 1;
        let count = *count;
        let key = Key::of(Table::DeadLetterCount).text(&summary.code);
        self.put(key.into_bytes(), &count.to_be_bytes());
        self.passed(entry)
    }

    fn passed(&mut self, entry: u64) -> Result<(), Damaged> {
        self.position = entry + 1;
        if self.keys >= BATCH_KEYS {
            self.write()?;
        }
        Ok(())
    }

    /// Ends a block: all entries below `next_entry` are taken in, and written.
    pub(crate) fn finish(&mut self, next_entry: u64) -> Result<(), Damaged> {
        self.position = self.position.max(next_entry);
        self.write()
    }

    /// Goes past entries that concern no view, without writing yet.
    pub(crate) fn skip_to(&mut self, next_entry: u64) {
        self.position = self.position.max(next_entry);
    }

    fn write(&mut self) -> Result<(), Damaged> {
        let mut batch = std::mem::take(&mut self.batch);
        if self.position > 0
            && let Some(ledger) = self.unmarked.take()
        {
            batch.insert(meta_key("made-from"), provenance(&ledger));
        }
        batch.insert(meta_key("position"), &self.position.to_be_bytes());
        self.keys = 0;
        self.fresh.clear();
        let views = &self.views;
        guard(|| Ok(views.db.apply_batch(batch)?))?;
        self.batches += 1;
        if self.batches >= SYNC_BATCHES {
            self.sync()?;
        }
        Ok(())
    }

    pub(crate) fn sync(&mut self) -> Result<(), Damaged> {
        self.batches = 0;
        self.views.sync()
    }

    fn assessment(&mut self, entry: u64, assessment: &Assessment) -> Result<(), Damaged> {
        let key = grade_key(&assessment.subject);
        let before = if let Some(before) = self.fresh.remove(&key) {
            Some(before)
        } else {
            let views = &self.views;
            guard(|| views.assessment(&key))?
        };
        let keys = probability_keys(assessment);
        let old_keys = before.as_ref().map(probability_keys).unwrap_or_default();
        for old in old_keys.into_iter().filter(|old| !keys.contains(old)) {
            self.batch.remove(old);
            self.keys += 1;
        }
        for key in keys {
            self.put(key, &[]);
        }
        let value = serde_json::to_vec(assessment)?;
        let history = Key::of(Table::History)
            .text(&assessment.subject.to_string())
            .signed_down(assessment.epoch.0);
        self.put(history.into_bytes(), &value);
        let level = before.map_or(RiskLevel::Undetermined, |before| before.level);
        if level != assessment.level {
            let event = Key::of(Table::Outbox).number(entry).into_bytes();
            self.put(event, GRADE_EVENT);
        }
        self.put(key.clone(), &value);
        self.fresh.insert(key, assessment.clone());
        Ok(())
    }

    fn alert(&mut self, entry: u64, alert: &Alert) -> Result<(), Damaged> {
        let id = alert.id.as_str();
        let raised = alert.raised_at.millis();
        let by_id = Key::of(Table::Alert).text(id).into_bytes();
        self.put(by_id, &serde_json::to_vec(alert)?);
        let by_time = Key::of(Table::AlertByTime).signed_down(raised).text(id);
        self.put(by_time.into_bytes(), &[]);
        let of_subject = Key::of(Table::AlertOfSubject).text(&alert.subject.to_string());
        let of_subject = of_subject.signed_down(raised).text(id);
        self.put(of_subject.into_bytes(), &[]);
        let event = Key::of(Table::Outbox).number(entry).into_bytes();
        self.put(event, ALERT_EVENT);
        Ok(())
    }
}
