//! Views in memory that follow the ledger（内存视图）: each by position, whenever it is asked, so that it costs
//! nothing while nobody asks.
//!
//! The first question over a long ledger is answered with `503` and `Retry-After` until the view has caught up,
//! some millions of entries a request.

use crate::error::ApiError;
use crate::state::ApiParts;
use risk_domain::time::CivilOffset;
use risk_engine::lists::Lists;
use risk_engine::{Burdens, DrawnResults, SharedPaths};
use risk_store::{Record, RecordKind};
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Entries that are read at most to catch up with the ledger at once.
const CATCH_UP: u64 = 2_000_000;

/// What can be made of the ledger's entries, one after the other.
pub(crate) trait View: Default {
    /// The kinds of entries that it is made of.
    const KINDS: &'static [RecordKind];

    /// Takes in an entry of any kind; `offset` says when days begin.
    fn take_in(&mut self, entry: u64, record: &Record, offset: CivilOffset);
}

impl View for Burdens {
    const KINDS: &'static [RecordKind] = &[RecordKind::Result];

    fn take_in(&mut self, entry: u64, record: &Record, offset: CivilOffset) {
        if let Record::Result(record) = record {
            self.admit(entry, &record.result, offset);
        }
    }
}

impl View for SharedPaths {
    const KINDS: &'static [RecordKind] = &[RecordKind::Result];

    fn take_in(&mut self, entry: u64, record: &Record, _offset: CivilOffset) {
        if let Record::Result(record) = record {
            self.admit(entry, &record.result);
        }
    }
}

impl View for DrawnResults {
    const KINDS: &'static [RecordKind] = &[RecordKind::Result];

    fn take_in(&mut self, entry: u64, record: &Record, _offset: CivilOffset) {
        if let Record::Result(record) = record {
            self.admit(entry, &record.result);
        }
    }
}

impl View for Lists {
    const KINDS: &'static [RecordKind] = &[RecordKind::Result, RecordKind::Signal];

    fn take_in(&mut self, entry: u64, record: &Record, _offset: CivilOffset) {
        match record {
            Record::Result(record) => self.admit_result(entry, &record.result),
            Record::Signal(record) => self.admit_signal(&record.heard.told),
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

/// A view, and the entry up to which it has read.
#[derive(Debug, Default)]
pub(crate) struct Book<V>(Mutex<(V, u64)>);

/// A view that is held while it is read.
#[derive(Debug)]
pub(crate) struct Held<'a, V>(MutexGuard<'a, (V, u64)>);

impl<V> Held<'_, V> {
    /// All entries below it have been read.
    pub(crate) fn position(&self) -> u64 {
        self.0.1
    }
}

impl<V> Deref for Held<'_, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0.0
    }
}

impl<V: View> Book<V> {
    /// The view as of the ledger's end.
    pub(crate) fn read(&self, parts: &ApiParts) -> Result<Held<'_, V>, ApiError> {
        let offset = parts.engine().policy().time.offset;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (view, next) = &mut *held;
        let take = |entry, record: &Record| view.take_in(entry, record, offset);
        let (reached, more) = parts.reader.follow(*next, CATCH_UP, V::KINDS, take)?;
        *next = reached;
        if more {
            return Err(ApiError::Rebuilding);
        }
        Ok(Held(held))
    }
}
