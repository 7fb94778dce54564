//! The publisher（发布器）: sends what follows from the ledger to the outside.
//!
//! Grades that changed, alerts and dead letters stand in the ledger; the views index them as the
//! outbox. The publisher walks it in the ledger's order, hands batches to a [`Sink`], and moves its
//! cursor once a batch is wholly out. A crash in between sends the batch again under the same ids,
//! so nothing is lost, and readers that deduplicate by id see nothing twice.

mod kafka;

pub use kafka::{KafkaSink, KafkaSinkConfig};

use crate::metrics::PublisherMetrics;
use crate::wire::event::{Message, message};
use risk_store::{Reader, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Events in one batch at most. A batch is one transaction, whose cost is nearly constant.
const BATCH: usize = 1000;
/// Longest sleep when nothing is to be sent; a commit ends it at once.
const IDLE: Duration = Duration::from_millis(500);
/// Attempts after which a stop no longer waits for a broker that does not answer. What is unsent
/// is sent after the next start.
const LAST_ATTEMPTS: u32 = 2;

/// Why a batch was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It may be sent again later, whole.
    #[error("{reason}")]
    Retry {
        /// What the broker or the client said.
        reason: String,
    },
    /// Another process has taken this shard over.
    #[error(
        "another process publishes as {transactional_id}: this shard was taken over, and the older process stops; \
         if that was not meant, give each running shard its own `shard` number or `kafka.transactional_id`"
    )]
    Fenced {
        /// The id that both used.
        transactional_id: String,
    },
    /// Sending cannot go on.
    #[error("events cannot be sent: {reason}")]
    Fatal {
        /// What the client said.
        reason: String,
    },
}

/// Where messages go.
pub trait Sink: Send {
    /// Sends all messages or none.
    fn send(&mut self, messages: &[Message]) -> Result<(), SendError>;
}

/// Why publishing ended.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The sink cannot go on.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The store cannot go on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event has no JSON, which is a fault of this program.
    #[error("entry {entry} has no message: {source}")]
    Message {
        /// Of which ledger entry.
        entry: u64,
        /// Why.
        source: serde_json::Error,
    },
}

/// The publisher（发布器）of one shard.
pub struct Publisher {
    reader: Reader,
    sink: Box<dyn Sink>,
    shard: u16,
    metrics: PublisherMetrics,
    stop: Arc<AtomicBool>,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

impl Publisher {
    /// A publisher that goes on where the outbox cursor stands, until `stop` is set.
    pub fn new(
        reader: Reader,
        sink: Box<dyn Sink>,
        shard: u16,
        metrics: PublisherMetrics,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            reader,
            sink,
            shard,
            metrics,
            stop,
        }
    }

    /// Runs until asked to stop, with everything sent that stood in the views by then, or until
    /// something fatal. Returns how many events were sent.
    pub fn run(mut self) -> Result<u64, PublishError> {
        let (mut sent, mut failures) = (0, 0);
        loop {
            // Read before looking, so that what stands at the stop is looked at.
            let stopping = self.stop.load(Ordering::SeqCst);
            let from = self.reader.outbox_cursor();
            let moved = match self.send_from(from) {
                Ok((events, next)) => {
                    failures = 0;
                    sent += events;
                    next > from
                }
                Err(PublishError::Send(SendError::Retry { reason })) => {
                    failures += 1;
                    self.metrics.retries.inc();
                    tracing::warn!(%reason, failures, "events were not sent; they will be sent again");
                    false
                }
                // Views are being made again; what they will show is the same.
                Err(PublishError::Store(StoreError::ViewsUnavailable)) => false,
                Err(error) => return Err(error),
            };
            let shown = self.reader.outbox_cursor();
            let durable = self.reader.ledger().entry_count();
            self.metrics
                .lag
                .set(i64::try_from(durable.saturating_sub(shown)).unwrap_or(i64::MAX));
            if moved {
                continue;
            }
            if stopping && (failures == 0 || failures >= LAST_ATTEMPTS) {
                return Ok(sent);
            }
            // After a failure the next try comes with the next commit, or after the pause.
            self.reader.wait_beyond(shown, IDLE)?;
        }
    }

    /// Sends the next batch; returns how many events it held and where the outbox stands then.
    fn send_from(&mut self, from: u64) -> Result<(u64, u64), PublishError> {
        let shown = self.reader.position()?;
        let events = self.reader.outbox_after(from, BATCH)?;
        let next = match events.last() {
            Some((last, _)) if events.len() == BATCH => last + 1,
            Some((last, _)) => shown.max(last + 1),
            None => shown.max(from),
        };
        let mut messages = Vec::with_capacity(events.len());
        for (entry, event) in &events {
            let made = message(self.shard, *entry, event);
            messages.push(made.map_err(|source| PublishError::Message {
                entry: *entry,
                source,
            })?);
        }
        if !messages.is_empty() {
            self.sink.send(&messages)?;
            for message in &messages {
                let outlet = message.outlet.code();
                self.metrics.sent.with_label_values(&[outlet]).inc();
            }
        }
        if next > from {
            self.reader.advance_outbox(next)?;
        }
        Ok((messages.len() as u64, next))
    }
}
