//! Walks through the ledger itself: forwards for what follows it, backwards for what people did last.

use super::{MAX_PAGE, Reader, page, record_in};
use crate::error::StoreError;
use crate::keys::Key;
use crate::ledger::Excerpt;
use crate::records::{Record, RecordKind, ResultRecord, assessment_in};
use crate::views::{Page, ResultsOf};
use risk_domain::decision::Command;
use risk_domain::ids::{CaseId, CommandId, DrawId};
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use risk_engine::{Assessment, CaseMove, Effect};
use std::collections::BTreeMap;

/// Is given a result with its entry and what it was read with, and says whether it wants another.
type TakeResult<'a> = dyn FnMut(u64, &Excerpt, Box<ResultRecord>) -> Result<bool, StoreError> + 'a;
/// Entries looked at for one page of results.
const SCANNED_RESULTS: usize = 50_000;

impl Reader {
    /// Hands over results, the newest first, until `take` wants no more or many were looked at; says below
    /// which entry to go on, if there may be more.
    pub(crate) fn walk_results(
        &self,
        of: &ResultsOf,
        below: Option<u64>,
        take: &mut TakeResult<'_>,
    ) -> Result<Option<u64>, StoreError> {
        let lists = of.lists();
        let mut at = below.unwrap_or(u64::MAX);
        let mut looked_at = 0;
        while looked_at < SCANNED_RESULTS {
            let found = self.indexed_below(&lists, at)?;
            if found.is_empty() {
                return Ok(None);
            }
            for entry in found {
                at = entry;
                looked_at += 1;
                let excerpt = self.excerpt_with(entry)?;
                if let Record::Result(record) = record_in(&excerpt, entry)?
                    && !take(entry, &excerpt, record)?
                {
                    return Ok(Some(at));
                }
            }
        }
        Ok(Some(at))
    }

    /// Some entries of results in lists, the newest first.
    fn indexed_below(&self, all: &[Key], below: u64) -> Result<Vec<u64>, StoreError> {
        let mut entries = Vec::new();
        for prefix in all {
            let of = self
                .views
                .read(|views| views.results_under(prefix, below, MAX_PAGE))?;
            entries.extend(of);
        }
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(*entry));
        entries.dedup();
        // Beyond so many, one enterprise may have been cut off before another.
        entries.truncate(MAX_PAGE);
        Ok(entries)
    }

    /// Hands over the accepted results of entries from `from` on, the oldest first, by whole blocks until
    /// `max` entries were read; says from which entry to go on, and whether there is more. What follows
    /// the ledger by position sees every result once.
    pub fn follow_results(
        &self,
        from: u64,
        max: u64,
        mut take: impl FnMut(u64, &InspectionResult),
    ) -> Result<(u64, bool), StoreError> {
        self.follow(from, max, &[RecordKind::Result], |index, record| {
            if let Record::Result(record) = record {
                take(index, &record.result);
            }
        })
    }

    /// The same of entries of some kinds.
    pub fn follow(
        &self,
        from: u64,
        max: u64,
        kinds: &[RecordKind],
        mut take: impl FnMut(u64, &Record),
    ) -> Result<(u64, bool), StoreError> {
        let ledger = &self.views.ledger;
        let end = ledger.entry_count();
        let mut next = from;
        if from >= end {
            return Ok((next, false));
        }
        for excerpt in ledger.excerpts_from(from) {
            let excerpt = excerpt?;
            for (index, entry) in excerpt.entries() {
                let wanted = RecordKind::of(entry.kind).is_some_and(|kind| kinds.contains(&kind));
                if index >= from && wanted {
                    take(index, &Record::decode(index, &entry)?);
                }
            }
            next = excerpt.end();
            if next >= end || next - from >= max {
                break;
            }
        }
        Ok((next, next < end))
    }

    /// The grades that the `most` entries below one recorded, of subjects that `keep` keeps, each with its
    /// entry: the last one of each subject, in the order of subjects.
    pub fn recorded_in(
        &self,
        below: u64,
        most: u64,
        keep: &dyn Fn(&Subject) -> bool,
    ) -> Result<Vec<(u64, Assessment)>, StoreError> {
        let (from, mut last) = (below.saturating_sub(most), BTreeMap::new());
        for excerpt in self.views.ledger.excerpts_from(from) {
            let excerpt = excerpt?;
            let entries = excerpt.entries();
            for (index, entry) in entries.filter(|(index, _)| (from..below).contains(index)) {
                if RecordKind::of(entry.kind) != Some(RecordKind::Effect) {
                    continue;
                }
                let found = assessment_in(index, entry.decision)?;
                if let Some(found) = found.filter(|found| keep(&found.subject)) {
                    let assessment = postcard::from_bytes(found.bytes);
                    let assessment = assessment.map_err(|error| StoreError::Record {
                        entry: index,
                        reason: error.to_string(),
                    })?;
                    last.insert(found.subject, (index, assessment));
                }
            }
            if excerpt.end() >= below {
                break;
            }
        }
        Ok(last.into_values().collect())
    }

    /// What changed in a case, each with its entry, in the ledger's order; the first `max` of it. What came
    /// before a case was opened anew under its id is among it.
    pub fn case_moves(&self, id: &CaseId, max: usize) -> Result<Vec<(u64, CaseMove)>, StoreError> {
        let entries = self.views.read(|views| views.case_moves(id, max))?;
        let recorded = |entry| match self.record(entry)? {
            Record::Effect(Effect::CaseMoved(moved)) => Ok((entry, *moved)),
            Record::Effect(Effect::CaseInserted(insert)) => Ok((entry, insert.moved)),
            Record::Effect(_)
            | Record::Rejection(_)
            | Record::Result(_)
            | Record::Registry(_)
            | Record::Command(_)
            | Record::Signal(_)
            | Record::Access(_)
            | Record::Erasure(_)
            | Record::Input(_) => {
                let reason = "the views name it as a case's move, which it is not".to_owned();
                Err(StoreError::Record { entry, reason })
            }
        };
        entries.into_iter().map(recorded).collect()
    }

    /// The entry of a command.
    pub fn command_entry(&self, id: &CommandId) -> Result<Option<u64>, StoreError> {
        self.views.read(|views| views.command(id))
    }

    /// The commands on a plan with their entries, those below `below`, in the ledger's order: what its draw
    /// was held to, what was drawn, that it is public.
    pub fn plan_steps(&self, plan: &DrawId, below: u64) -> Result<Vec<(u64, Command)>, StoreError> {
        let on = format!("plan:{plan}");
        let entries = self.views.read(|views| views.commands_on(&on, below))?;
        let recorded = |entry| {
            if let Record::Command(record) = self.record(entry)? {
                return Ok((entry, record.told));
            }
            let reason = "the views name it as a command, which it is not".to_owned();
            Err(StoreError::Record { entry, reason })
        };
        entries.into_iter().map(recorded).collect()
    }

    /// Entries that say what people did (commands, notes of access, and erasures), the newest first, of those
    /// that `keep` keeps. The ledger is read backwards, about `most` entries of it for one page, which
    /// may therefore hold fewer than `limit` and still have a next one.
    pub fn deeds(
        &self,
        keep: &dyn Fn(&Record) -> bool,
        limit: usize,
        most: usize,
        below: Option<u64>,
    ) -> Result<Page<(u64, Record)>, StoreError> {
        let limit = page(limit);
        let mut at = below.unwrap_or(u64::MAX).min(self.ledger().entry_count());
        let mut items = Vec::new();
        let mut looked_at = 0;
        while let Some(last) = at.checked_sub(1) {
            if items.len() >= limit || looked_at >= most {
                let next = Some(at.to_string());
                return Ok(Page { items, next });
            }
            let excerpt = self.excerpt_with(last)?;
            let first = excerpt.first_entry();
            for index in (first..=last).rev() {
                if items.len() >= limit {
                    break;
                }
                at = index;
                looked_at += 1;
                let Some(entry) = excerpt.entry(index) else {
                    continue;
                };
                let kind = RecordKind::of(entry.kind);
                if matches!(
                    kind,
                    Some(RecordKind::Command | RecordKind::Access | RecordKind::Erasure)
                ) {
                    let record = Record::decode(index, &entry)?;
                    if keep(&record) {
                        items.push((index, record));
                    }
                }
            }
        }
        Ok(Page { items, next: None })
    }
}
