//! Notes（操作记录） on their way to the ledger: what people do through the API.
//!
//! They are no records of a source: they have no offset, are never read again, and change no state.
//! The worker writes them down at its next turn, as it alone writes.

use crate::source::intake::{Receipt, SubmitError, Ticket};
use risk_domain::access::AccessNote;
use risk_domain::personal::Erasure;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Notes that may wait; beyond it whoever wants to do something must wait, too.
const MOST: usize = 4096;

/// What is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// What somebody did or was shown.
    Access(Box<AccessNote>),
    /// What is personal was erased: it is when the note is durable.
    Erasure(Box<Erasure>),
}

/// Notes that wait for the worker.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    queue: Vec<(Note, Ticket)>,
    closed: bool,
}

impl Notes {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a note in. What comes back resolves once it is durable, and fails when the worker
    /// stopped before.
    pub fn submit(&self, note: Note) -> Result<oneshot::Receiver<Vec<Receipt>>, SubmitError> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(SubmitError::Closed);
        }
        if waiting.queue.len() >= MOST {
            return Err(SubmitError::Busy);
        }
        let (reply, receipts) = oneshot::channel();
        waiting.queue.push((note, Ticket::new(0..0, reply)));
        Ok(receipts)
    }

    /// What has come since the last time.
    pub(crate) fn take(&self) -> Vec<(Note, Ticket)> {
        std::mem::take(&mut self.waiting().queue)
    }

    /// Takes no more, and tells those that wait that the worker stopped.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.queue.clear();
    }
}
