//! How far an open store has come, and who is told of it.

use std::sync::{Arc, Mutex, PoisonError};

/// How far blocks have come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Blocks that are durable.
    pub(crate) blocks: u64,
    /// Entries that are durable.
    pub(crate) entries: u64,
    /// Entries that the views have taken in.
    pub(crate) viewed: u64,
    /// Why nothing more will become durable.
    pub(crate) stopped: Option<Arc<str>>,
}

/// The newest of things that are handed over one after another（最新者）. Nobody waits: one that was not
/// taken when the next comes is replaced by it.
pub(crate) struct Newest<T>(Mutex<Option<T>>);

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Newest<T> {
    pub(crate) fn put(&self, newest: T) {
        let replaced = {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.replace(newest)
        };
        drop(replaced);
    }

    pub(crate) fn take(&self) -> Option<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.take()
    }
}

/// Called with the number of entries that the views show, whenever it has changed, on the view
/// thread: be quick, and do not hold the reader, or the store holds itself open.
pub type ShownObserver = Arc<dyn Fn(u64) + Send + Sync>;

/// Those who are told how many entries the views show.
#[derive(Default)]
pub(crate) struct ShownObservers(Mutex<Vec<ShownObserver>>);

impl ShownObservers {
    /// The first call is made under the lock, so that no later number is overtaken by an earlier one.
    pub(crate) fn add(&self, observer: ShownObserver, shown: impl FnOnce() -> u64) {
        let mut observers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        observer(shown());
        observers.push(observer);
    }

    /// Whoever finds it noted can rely on everybody having been told.
    pub(crate) fn tell(&self, shown: u64, note: impl FnOnce()) {
        let observers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for observer in &*observers {
            observer(shown);
        }
        note();
    }
}
