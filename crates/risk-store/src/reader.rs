//! The reader（读取端）: everything that is asked of an open store, from any thread.

mod event;
mod personal;
mod raises;
mod walks;

pub use event::{OutEvent, PlanMoved};
pub use raises::Raise;

use crate::commit::{Observer, Shared, Ticket};
use crate::deliveries::Deliveries;
use crate::error::StoreError;
use crate::identities::KnownIds;
use crate::ledger::{Excerpt, LedgerReader};
use crate::personal::{Keyring, RetentionPolicy};
use crate::progress::ShownObserver;
use crate::records::{Record, RecordKind, ResultRecord, ShownEntry};
use crate::shelf::PlanShelf;
use crate::views::{
    AlertQuery, DeadLetterQuery, DeadLetterRow, Page, SubjectOrder, SubjectQuery, ViewStats,
    ViewsHandle,
};
use crate::views::{HistoryList, List, ResultsOf, Views};
use crate::writer::ExcerptCache;
use risk_domain::ids::{AlertId, InspectionId};
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use risk_engine::{Alert, AlertMoved, Assessment, Effect};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most rows that one page gives.
pub const MAX_PAGE: usize = 1000;

/// The reader（读取端）; clones share everything.
#[doc(alias = "读取端")]
#[derive(Debug, Clone)]
pub struct Reader {
    /// Dropped before what holds the directory's lock.
    ids: KnownIds,
    views: Arc<ViewsHandle>,
    shared: Arc<Shared>,
    outbox: Arc<OutboxCursor>,
    deliveries: Deliveries,
    shelf: PlanShelf,
    keys: Keyring,
    retention: Arc<RetentionPolicy>,
    cache: Arc<Mutex<ExcerptCache>>,
}

impl Reader {
    pub(crate) fn new(
        ids: KnownIds,
        views: Arc<ViewsHandle>,
        shared: Arc<Shared>,
        (shard_dir, shard): (&Path, u16),
        shelf: PlanShelf,
        (keys, retention): (Keyring, Arc<RetentionPolicy>),
    ) -> Self {
        Self {
            ids,
            views,
            shared,
            outbox: Arc::new(OutboxCursor::open(shard_dir)),
            deliveries: Deliveries::of(shard_dir, shard),
            shelf,
            keys,
            retention,
            cache: Arc::default(),
        }
    }

    /// The recorded grade of a subject.
    pub fn subject(&self, subject: &Subject) -> Result<Option<Assessment>, StoreError> {
        self.views.read(|views| views.subject(subject))
    }

    /// Recorded grades of a subject, the newest first, read in the ledger.
    pub fn history(
        &self,
        subject: &Subject,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Assessment>, StoreError> {
        let list = HistoryList::new(subject.clone(), page(limit), cursor)?;
        let Page { items, next } = self.views.read(|views| list.page(views))?;
        let recorded = |entry| {
            let reason = "the history names it as a grade, which it is not";
            let missing = || StoreError::Record {
                entry,
                reason: reason.to_owned(),
            };
            self.assessment_at(entry)?.ok_or_else(missing)
        };
        let items = items.into_iter().map(recorded).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// The grade that an entry recorded; none in other entries.
    pub fn assessment_at(&self, entry: u64) -> Result<Option<Assessment>, StoreError> {
        match self.record(entry)? {
            Record::Effect(Effect::Assessed(assessment)) => Ok(Some(*assessment)),
            Record::Effect(
                Effect::AlertRaised(_)
                | Effect::EpochClosed(_)
                | Effect::SnapshotFitted(_)
                | Effect::RatesTold(_)
                | Effect::LevelsTold(_)
                | Effect::CoursesTold(_)
                | Effect::WeekWatched(_)
                | Effect::CaseMoved(_)
                | Effect::CaseGone(_)
                | Effect::ReferenceRefused(_)
                | Effect::AlertTermsSet(_)
                | Effect::AlertMoved(_)
                | Effect::SignalRaised(_)
                | Effect::ResultsRaised(_)
                | Effect::CaseInserted(_),
            )
            | Record::Rejection(_)
            | Record::Result(_)
            | Record::Registry(_)
            | Record::Command(_)
            | Record::Signal(_)
            | Record::Access(_)
            | Record::Erasure(_)
            | Record::Input(_) => Ok(None),
        }
    }

    /// Entries that recorded a subject's grades, the newest first, those below `below`.
    pub(crate) fn recorded_entries(
        &self,
        subject: &Subject,
        below: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let list = HistoryList::below(subject.clone(), limit, below);
        let page = self.views.read(|views| list.page(views))?;
        Ok(page.items)
    }

    /// Recorded grades.
    pub fn subjects(
        &self,
        query: &SubjectQuery,
        order: SubjectOrder,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Assessment>, StoreError> {
        let list = List::subjects(query.clone(), order, page(limit), cursor)?;
        self.views.read(|views| list.page(views))
    }

    /// Raises of alerts, the newest first.
    pub fn alerts(
        &self,
        query: &AlertQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Alert>, StoreError> {
        let list = List::alerts(query.clone(), page(limit), cursor)?;
        self.views.read(|views| list.page(views))
    }

    /// Accepted results that `keep` keeps, the newest first, each with its entry. So many are looked
    /// at for one page that it may hold fewer than asked for and still have a next one.
    pub fn results(
        &self,
        of: &ResultsOf,
        keep: &dyn Fn(&InspectionResult) -> bool,
        limit: usize,
        below: Option<u64>,
    ) -> Result<Page<(u64, ResultRecord)>, StoreError> {
        let limit = page(limit);
        let mut items = Vec::new();
        let next = self.walk_results(of, below, &mut |entry, _block, record| {
            if keep(&record.result) {
                items.push((entry, *record));
            }
            Ok(items.len() < limit)
        })?;
        Ok(Page {
            items,
            next: next.map(|at| at.to_string()),
        })
    }

    /// The entry of the accepted result with this id, if it is durable.
    pub fn result_entry(&self, id: &InspectionId) -> Result<Option<u64>, StoreError> {
        let seen = self.ids.lookup(id)?;
        let entry = seen.map(|seen| seen.entry_index);
        Ok(entry.filter(|entry| *entry < self.views.ledger.entry_count()))
    }

    /// What changed of an alert, each with its entry, in the ledger's order; the last `max` of it.
    pub fn alert_moves(
        &self,
        id: &AlertId,
        max: usize,
    ) -> Result<Vec<(u64, AlertMoved)>, StoreError> {
        self.views.read(|views| views.alert_moves(id, max))
    }

    /// One raise.
    pub fn alert(&self, id: &AlertId) -> Result<Option<Alert>, StoreError> {
        self.views.read(|views| views.alert(id))
    }

    /// Dead letters, the newest first.
    pub fn dead_letters(
        &self,
        query: &DeadLetterQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<DeadLetterRow>, StoreError> {
        let list = List::dead_letters(query.clone(), page(limit), cursor)?;
        self.views.read(|views| list.page(views))
    }

    /// Number of dead letters by reason code.
    pub fn dead_letter_counts(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.views.read(Views::counts)
    }

    /// All ledger entries below this one are shown by the views.
    pub fn position(&self) -> Result<u64, StoreError> {
        self.views.read(Views::shown_to)
    }

    /// How ledger and views stand.
    pub fn stats(&self) -> Result<ViewStats, StoreError> {
        let ledger = &self.views.ledger;
        let (ledger_entries, ledger_blocks) = (ledger.entry_count(), ledger.block_count());
        self.views.read(|views| {
            Ok(ViewStats {
                position: views.shown_to()?,
                ledger_entries,
                ledger_blocks,
                view_bytes: views.bytes_on_disk()?,
                dead_letters: views.counts()?,
            })
        })
    }

    /// What changed of alerts, by entries from `from` on, the oldest first, at most `max`, each with its entry; and
    /// the entry to go on from. Nothing below that entry is left out.
    pub fn alerts_after(
        &self,
        from: u64,
        max: usize,
    ) -> Result<(Vec<(u64, AlertMoved)>, u64), StoreError> {
        let (entries, next) = self.views.read(|views| views.alert_entries(from, max))?;
        let mut alerts = Vec::with_capacity(entries.len());
        for entry in entries {
            let Record::Effect(Effect::AlertMoved(moved)) = self.record(entry)? else {
                let reason = "the outbox names it as an alert, which it is not".to_owned();
                return Err(StoreError::Record { entry, reason });
            };
            alerts.push((entry, *moved));
        }
        Ok((alerts, next))
    }

    /// The entry from which events have not been sent yet.
    pub fn outbox_cursor(&self) -> u64 {
        self.outbox.get()
    }

    /// Says that all events of entries below `next` have been sent.
    pub fn advance_outbox(&self, next: u64) -> Result<(), StoreError> {
        self.outbox.set(next)
    }

    /// What became of outgoing events at the endpoints that are told of them.
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// From now on, `observer` is called with every block that became durable.
    pub fn observe(&self, observer: Observer) {
        self.shared.observe(observer);
    }

    /// Tells `observer` how many entries the views show: at once, and whenever it changes.
    pub fn observe_shown(&self, observer: ShownObserver) {
        self.shared.observe_shown(observer);
    }

    /// Waits until the views show a commit.
    pub fn wait_viewed(&self, ticket: Ticket) -> Result<(), StoreError> {
        self.shared
            .wait(|progress| progress.viewed >= ticket.entries)
    }

    /// Waits until the views show more than `entries` entries, at most for `timeout`; says whether
    /// they do. Fails once the store has stopped.
    pub fn wait_beyond(&self, entries: u64, timeout: Duration) -> Result<bool, StoreError> {
        self.shared
            .wait_at_most(timeout, |progress| progress.viewed > entries)
    }

    /// Fails with the cause once the store has stopped.
    pub fn check(&self) -> Result<(), StoreError> {
        self.shared.check()
    }

    /// Entries of a range, for people; the personal section is never among them.
    pub fn show(&self, range: Range<u64>) -> Result<Vec<ShownEntry>, StoreError> {
        show(&self.views.ledger, range)
    }

    /// The durable ledger, for proofs.
    pub fn ledger(&self) -> &LedgerReader {
        &self.views.ledger
    }

    pub(crate) fn excerpt_with(&self, entry: u64) -> Result<Arc<Excerpt>, StoreError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.holding(&self.views.ledger, entry)
    }

    fn record(&self, entry: u64) -> Result<Record, StoreError> {
        record_in(&*self.excerpt_with(entry)?, entry)
    }
}

fn record_in(excerpt: &Excerpt, entry: u64) -> Result<Record, StoreError> {
    let found = excerpt.entry(entry).ok_or_else(|| StoreError::Record {
        entry,
        reason: "not in its block".to_owned(),
    })?;
    Record::decode(entry, &found)
}

pub(crate) fn show(
    ledger: &LedgerReader,
    range: Range<u64>,
) -> Result<Vec<ShownEntry>, StoreError> {
    let mut shown = Vec::new();
    for excerpt in ledger.excerpts_from(range.start) {
        let excerpt = excerpt?;
        for (index, entry) in excerpt.entries() {
            if range.contains(&index) {
                debug_assert!(RecordKind::of(entry.kind).is_some());
                shown.push(ShownEntry::of(excerpt.block(), index, &entry)?);
            }
        }
        if excerpt.end() >= range.end {
            break;
        }
    }
    Ok(shown)
}

fn page(limit: usize) -> usize {
    limit.clamp(1, MAX_PAGE)
}

/// How far events were sent: a file of its own, because views are thrown away and this must not be.
/// It is not synced: after a power failure some events are sent again, under the same ids.
#[derive(Debug)]
struct OutboxCursor {
    path: PathBuf,
    next: Mutex<u64>,
}

/// File name of the outbox cursor in a shard's directory.
pub(crate) const OUTBOX_FILE: &str = "outbox";

impl OutboxCursor {
    fn open(shard_dir: &Path) -> Self {
        let path = shard_dir.join(OUTBOX_FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        // A file that cannot be read means that everything is sent again.
        let next = text.trim().parse().unwrap_or(0);
        Self {
            path,
            next: Mutex::new(next),
        }
    }

    fn get(&self) -> u64 {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, next: u64) -> Result<(), StoreError> {
        let mut held = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = self.path.with_extension("tmp");
        fs::write(&fresh, format!("{next}\n")).map_err(StoreError::io("write", &fresh))?;
        fs::rename(&fresh, &self.path).map_err(StoreError::io("rename", &fresh))?;
        *held = next;
        Ok(())
    }
}
