//! Views in memory that follow the ledger（内存视图）: what inspection asked of whom, lists, supply paths, draws.
//!
//! They follow it by position as its entries are shown, on a thread of its own and some entries at a time, so that a
//! question finds them where the ledger ends, or takes in the few that are missing. What is asked of all
//! enterprises is kept beside them as results come ([`risk_engine::League`]), or counted once for each close
//! ([`OfClose`]) before anybody asks.

use crate::burden::last_day;
use crate::error::ApiError;
use crate::state::{ApiParts, Shared};
use risk_domain::time::{CivilOffset, Timestamp};
use risk_engine::lists::Lists;
use risk_engine::rates::Period;
use risk_engine::{Burdens, DrawnResults, SharedPaths};
use risk_store::{Record, RecordKind, StoreError};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak};

/// Entries that a question takes in at most.
const CATCH_UP: u64 = 200_000;
/// Entries that are taken in at once beside questions: none waits longer for the views.
const STEP: u64 = 5_000;

/// What is made of accepted results and signals, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) burdens: Burdens,
    pub(crate) lists: Lists,
    pub(crate) paths: SharedPaths,
    pub(crate) drawn: DrawnResults,
}

impl Books {
    /// The kinds of entries that they are made of.
    pub(crate) const KINDS: &'static [RecordKind] = &[RecordKind::Result, RecordKind::Signal];

    /// Takes in an entry of any kind; `offset` says when days begin.
    pub(crate) fn take_in(&mut self, entry: u64, record: &Record, offset: CivilOffset) {
        match record {
            Record::Result(record) => {
                let result = &record.result;
                self.burdens.admit(entry, result, offset);
                self.paths.admit(entry, result);
                self.drawn.admit(entry, result);
                self.lists.admit_result(entry, result);
            }
            Record::Signal(record) => self.lists.admit_signal(&record.heard.told),
            Record::Rejection(_)
            | Record::Registry(_)
            | Record::Command(_)
            | Record::Access(_)
            | Record::Erasure(_)
            | Record::Input(_)
            | Record::Effect(_) => {}
        }
    }
}

/// The books, and the entry up to which they have read.
#[derive(Debug, Default)]
pub(crate) struct Shelf(RwLock<(Books, u64)>);

/// The books, held while they are read.
#[derive(Debug)]
pub(crate) struct Held<'a>(RwLockReadGuard<'a, (Books, u64)>);

impl Held<'_> {
    /// All entries below it have been read.
    pub(crate) fn position(&self) -> u64 {
        self.0.1
    }
}

impl Deref for Held<'_> {
    type Target = Books;

    fn deref(&self) -> &Books {
        &self.0.0
    }
}

impl Shelf {
    /// The books as of the ledger's end. Fails where so much is missing that who asks had better come again.
    pub(crate) fn read(&self, parts: &ApiParts) -> Result<Held<'_>, ApiError> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let end = parts.reader.ledger().entry_count();
        if held.1 >= end && is_settled(&held.0, parts) {
            return Ok(Held(held));
        }
        drop(held);
        if self.follow(parts, CATCH_UP)? {
            return Err(ApiError::Rebuilding);
        }
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Held(held))
    }

    /// Takes in at most so many entries, and settles what is kept of all once nothing is missing. Says whether
    /// something is.
    fn follow(&self, parts: &ApiParts, most: u64) -> Result<bool, StoreError> {
        let offset = parts.engine().policy().time.offset;
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (books, next) = &mut *held;
        let take = |entry, record: &Record| books.take_in(entry, record, offset);
        let (reached, more) = parts.reader.follow(*next, most, Books::KINDS, take)?;
        *next = reached;
        if !more {
            let (on, policy) = (last_day(parts), parts.engine().policy().burden);
            books.burdens.settle(on, &policy);
        }
        Ok(more)
    }
}

fn is_settled(books: &Books, parts: &ApiParts) -> bool {
    let (on, policy) = (last_day(parts), parts.engine().policy().burden);
    books.burdens.is_settled(on, &policy)
}

/// What was counted, and the end of the last close by then.
pub(crate) type Counted<T> = (Option<Timestamp>, Arc<T>);

/// An answer that is counted once for each close.
#[derive(Debug)]
pub(crate) struct OfClose<T> {
    last: Mutex<Option<Counted<T>>>,
    /// Held by whoever counts.
    counting: Mutex<()>,
}

impl<T> Default for OfClose<T> {
    fn default() -> Self {
        Self {
            last: Mutex::new(None),
            counting: Mutex::new(()),
        }
    }
}

impl<T> OfClose<T> {
    /// The answer as of the last close. Whoever asks before it was counted waits for it. While nothing has closed,
    /// it is counted anew for each question.
    pub(crate) fn get<E>(
        &self,
        parts: &ApiParts,
        count: impl FnOnce() -> Result<T, E>,
    ) -> Result<Counted<T>, E> {
        let closed = || parts.engine().last_closed().map(|(_, end)| end);
        let known = || {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let now = closed();
            last.clone().filter(|(of, _)| of.is_some() && *of == now)
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have counted meanwhile.
        if let Some(known) = known() {
            return Ok(known);
        }
        // What closes meanwhile is in it or is not: it is counted again under its own name.
        let as_of = closed();
        let counted = (as_of, Arc::new(count()?));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(counted.clone());
        Ok(counted)
    }
}

/// Follows the ledger as long as anybody holds what is shared, and counts what closes change before it is asked.
pub(crate) async fn follow(shared: Weak<Shared>) {
    let Some(mut shown) = shared.upgrade().map(|shared| shared.shown.clone()) else {
        return;
    };
    loop {
        let Some(held) = shared.upgrade() else {
            return;
        };
        let caught_up = tokio::task::spawn_blocking(move || catch_up(&held)).await;
        if let Ok(Err(error)) = caught_up {
            tracing::warn!(
                ?error,
                "views in memory do not follow the ledger; questions make them do so"
            );
        }
        if shown.changed().await.is_err() {
            return;
        }
    }
}

fn catch_up(shared: &Shared) -> Result<(), ApiError> {
    let parts = &shared.parts;
    let closing = || *shared.closing.borrow();
    while !closing() && shared.books.follow(parts, STEP)? {}
    // While nothing has closed, nothing is kept.
    if closing() || parts.engine().last_closed().is_none() {
        return Ok(());
    }
    shared.heat();
    for period in [Period::Quarter, Period::Month] {
        shared.observers(period);
    }
    shared.signs()?;
    shared.credit()?;
    Ok(())
}
