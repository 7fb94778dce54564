//! The in-process intake（直接接收）: HTTP and imports hand records straight to the worker, and learn
//! what became of them when that is durable.

use super::{Feed, Offset, Partition, Source, SourceBatch, SourceError};
use crate::clock::Clock;
use crate::wire::Rejection;
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The name of the program's intake of results in the ledger.
pub const INTAKE_NAME: &str = "intake";

/// The name of the program's intake of what the register says.
pub const REGISTRY_INTAKE_NAME: &str = "intake-registry";

/// The name of the program's intake of commands.
pub const COMMANDS_INTAKE_NAME: &str = "intake-commands";

/// The name of the program's intake of signals.
pub const SIGNALS_INTAKE_NAME: &str = "intake-signals";

/// Whether a source of this name is an intake, of this process or of one that is gone.
pub(crate) fn is_intake(source: &str) -> bool {
    [
        INTAKE_NAME,
        REGISTRY_INTAKE_NAME,
        COMMANDS_INTAKE_NAME,
        SIGNALS_INTAKE_NAME,
    ]
    .contains(&source)
}

/// A batch takes no further submission when it has so many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// The greatest queue, so that a batch with one submission more stays within its 32-bit ranges.
const MAX_BYTES: usize = 1 << 30;

/// What became of one record, durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It was applied.
    Accepted,
    /// The same record was applied before; nothing changed.
    Duplicate,
    /// It was rejected, and is kept as a dead letter.
    Rejected(Rejection),
}

/// Why a submission was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Too much is waiting: try again later.
    #[error("the intake is full; try again later")]
    Busy,
    /// One submission is larger than the queue: it will never be taken.
    #[error("the submission is larger than the intake's queue; split it")]
    TooLarge,
    /// The worker has stopped.
    #[error("the intake is closed")]
    Closed,
}

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakeLimits {
    /// Submissions in the queue.
    pub submissions: usize,
    /// Bytes of all waiting submissions.
    pub bytes: usize,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            submissions: 4096,
            bytes: 64 << 20,
        }
    }
}

#[derive(Debug)]
struct Submission {
    arena: Vec<u8>,
    records: Vec<Range<usize>>,
    received_at: Timestamp,
    reply: oneshot::Sender<Vec<Receipt>>,
}

/// Whoever waits for a submission's receipts. Dropping it tells them that none will come.
#[derive(Debug)]
pub struct Ticket {
    /// Its records' places in the batch.
    pub records: Range<usize>,
    reply: oneshot::Sender<Vec<Receipt>>,
}

impl Ticket {
    pub(crate) fn new(records: Range<usize>, reply: oneshot::Sender<Vec<Receipt>>) -> Self {
        Self { records, reply }
    }

    /// Hands the receipts over, one for each record, after the commit that holds them is durable.
    /// Whoever no longer waits does not matter.
    pub fn resolve(self, receipts: Vec<Receipt>) {
        debug_assert_eq!(receipts.len(), self.records.len());
        drop(self.reply.send(receipts));
    }
}

/// Hands records in; cheap to clone.
#[derive(Debug, Clone)]
pub struct IntakeHandle {
    queue: SyncSender<Submission>,
    waiting_bytes: Arc<AtomicUsize>,
    max_bytes: usize,
    /// A worker that is gone takes no bytes off the count, so this is asked first.
    closed: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

impl IntakeHandle {
    /// Hands records in, as one submission that stays together. Never blocks. The receipts come
    /// when the records are durable; the receiver fails when the worker stops before.
    pub fn submit<I>(&self, records: I) -> Result<oneshot::Receiver<Vec<Receipt>>, SubmitError>
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        if self.closed.load(Ordering::SeqCst) {
            return Err(SubmitError::Closed);
        }
        let mut arena = Vec::new();
        let mut ranges = Vec::new();
        for record in records {
            let start = arena.len();
            arena.extend_from_slice(record.as_ref());
            ranges.push(start..arena.len());
        }
        let bytes = arena.len();
        if bytes > self.max_bytes {
            return Err(SubmitError::TooLarge);
        }
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::SeqCst);
        let give_back = || self.waiting_bytes.fetch_sub(bytes, Ordering::SeqCst);
        if before + bytes > self.max_bytes {
            give_back();
            return Err(SubmitError::Busy);
        }
        let (reply, receipts) = oneshot::channel();
        let submission = Submission {
            arena,
            records: ranges,
            received_at: self.clock.now(),
            reply,
        };
        match self.queue.try_send(submission) {
            Ok(()) => Ok(receipts),
            Err(TrySendError::Full(_)) => {
                give_back();
                Err(SubmitError::Busy)
            }
            Err(TrySendError::Disconnected(_)) => {
                give_back();
                Err(SubmitError::Closed)
            }
        }
    }
}

/// The worker's end of the intake. One partition; offsets go on where the ledger stands.
#[derive(Debug)]
pub struct IntakeSource {
    name: String,
    only: Partition,
    queue: Receiver<Submission>,
    waiting_bytes: Arc<AtomicUsize>,
    next: Offset,
    paused: bool,
    /// Every handle is gone and the queue is empty.
    ended: bool,
    closed: Arc<AtomicBool>,
}

impl Drop for IntakeSource {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

/// An intake of a feed under this name in the ledger: the end that takes records, and the worker's end.
pub fn intake(
    feed: Feed,
    name: impl Into<String>,
    limits: IntakeLimits,
    clock: Arc<dyn Clock>,
) -> (IntakeHandle, IntakeSource) {
    let (sender, receiver) = std::sync::mpsc::sync_channel(limits.submissions);
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let closed = Arc::new(AtomicBool::new(false));
    let handle = IntakeHandle {
        queue: sender,
        waiting_bytes: Arc::clone(&waiting_bytes),
        max_bytes: limits.bytes.min(MAX_BYTES),
        closed: Arc::clone(&closed),
        clock,
    };
    let source = IntakeSource {
        name: name.into(),
        only: Partition { feed, number: 0 },
        queue: receiver,
        waiting_bytes,
        next: Offset(0),
        paused: false,
        ended: false,
        closed,
    };
    (handle, source)
}

impl IntakeSource {
    fn take(&mut self, submission: Submission, batch: &mut SourceBatch) {
        let first = batch.len();
        for range in submission.records {
            let value = submission.arena.get(range).unwrap_or_default();
            batch.push((self.only, self.next), submission.received_at, None, value);
            self.next = self.next.next();
        }
        batch.tickets.push(Ticket {
            records: first..batch.len(),
            reply: submission.reply,
        });
        self.waiting_bytes
            .fetch_sub(submission.arena.len(), Ordering::SeqCst);
    }
}

impl Source for IntakeSource {
    fn name(&self, _feed: Feed) -> &str {
        &self.name
    }

    fn partitions(&self) -> Vec<Partition> {
        vec![self.only]
    }

    fn seek(&mut self, positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        self.next = positions.get(&self.only).copied().unwrap_or(Offset(0));
        Ok(())
    }

    /// A submission stays whole, so a batch may have more than `max` records.
    fn poll(&mut self, max: usize, wait: Duration) -> Result<SourceBatch, SourceError> {
        let mut batch = SourceBatch::default();
        if self.paused {
            return Ok(batch);
        }
        if !self.ended {
            match self.queue.recv_timeout(wait) {
                Ok(submission) => self.take(submission, &mut batch),
                Err(RecvTimeoutError::Timeout) => batch.reached_end.push(self.only),
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
            }
        }
        while !self.ended
            && batch.reached_end.is_empty()
            && batch.len() < max
            && batch.bytes() < BATCH_BYTES
        {
            match self.queue.try_recv() {
                Ok(submission) => self.take(submission, &mut batch),
                Err(TryRecvError::Empty) => batch.reached_end.push(self.only),
                Err(TryRecvError::Disconnected) => self.ended = true,
            }
        }
        if self.ended {
            batch.reached_end.push(self.only);
            batch.finished = true;
        }
        Ok(batch)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        self.paused |= partitions.contains(&self.only);
        Ok(())
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        self.paused &= !partitions.contains(&self.only);
        Ok(())
    }

    fn durable(&mut self, _positions: &BTreeMap<Partition, Offset>) {}

    fn bounded(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONLY: Partition = Partition::results(0);
    use crate::clock::ManualClock;

    fn pair(submissions: usize, bytes: usize) -> (IntakeHandle, IntakeSource) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(99)));
        intake(
            Feed::Results,
            "intake",
            IntakeLimits { submissions, bytes },
            clock,
        )
    }

    #[test]
    fn receipts_come_back_to_whom_they_belong() {
        let (handle, mut source) = pair(8, 1000);
        source.seek(&BTreeMap::from([(ONLY, Offset(40))])).unwrap();
        let mut first = handle.submit(["a", "b"]).unwrap();
        let mut second = handle.submit(["c"]).unwrap();
        let mut batch = source.poll(100, Duration::ZERO).unwrap();
        let offsets: Vec<i64> = batch.records().iter().map(|raw| raw.offset.0).collect();
        assert_eq!(offsets, [40, 41, 42]);
        assert_eq!(batch.value(&batch.records()[2]), b"c");
        assert_eq!(batch.records()[2].received_at, Timestamp::from_millis(99));
        assert_eq!(batch.reached_end, [ONLY]);
        assert!(first.try_recv().is_err(), "nothing is durable yet");
        for ticket in batch.tickets.drain(..) {
            let receipts = ticket.records.clone().map(|index| match index {
                0 | 2 => Receipt::Accepted,
                _ => Receipt::Duplicate,
            });
            let receipts = receipts.collect();
            ticket.resolve(receipts);
        }
        let receipts = first.try_recv().unwrap();
        assert_eq!(receipts, [Receipt::Accepted, Receipt::Duplicate]);
        assert_eq!(second.try_recv().unwrap(), [Receipt::Accepted]);
    }

    #[test]
    fn a_full_queue_says_so_and_empties() {
        let (handle, mut source) = pair(2, 10);
        assert_eq!(
            handle.submit(["12345678901"]).unwrap_err(),
            SubmitError::TooLarge
        );
        let kept = [
            handle.submit(["1234"]).unwrap(),
            handle.submit(["5678"]).unwrap(),
        ];
        assert_eq!(
            handle.submit(["9"]).unwrap_err(),
            SubmitError::Busy,
            "submissions"
        );
        let first = source.poll(1, Duration::ZERO).unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(
            handle.submit(["1234567"]).unwrap_err(),
            SubmitError::Busy,
            "bytes"
        );
        assert!(handle.submit(["123456"]).is_ok());
        drop(source);
        assert_eq!(handle.submit(["1"]).unwrap_err(), SubmitError::Closed);
        drop((kept, first));
    }

    #[test]
    fn a_dropped_ticket_ends_the_wait() {
        let (handle, mut source) = pair(2, 10);
        let mut receipts = handle.submit(["a"]).unwrap();
        drop(source.poll(1, Duration::ZERO).unwrap());
        let closed = oneshot::error::TryRecvError::Closed;
        assert_eq!(receipts.try_recv().unwrap_err(), closed);
    }

    #[test]
    fn the_intake_ends_when_every_handle_is_gone() {
        let (handle, mut source) = pair(2, 10);
        let waiting = handle.submit(["a"]).unwrap();
        drop(handle);
        let batch = source.poll(10, Duration::ZERO).unwrap();
        assert_eq!((batch.len(), batch.finished), (1, true));
        assert!(source.poll(10, Duration::ZERO).unwrap().finished);
        drop(waiting);
    }
}
