//! Posting through the topic: HTTP writes to the broker, and hears from the worker what became of
//! its own record once that is durable.
//!
//! A record is known again by its bytes: it is awaited from before it is sent, so that it cannot
//! be read before someone waits for it, and no header needs to travel along.

use super::{KafkaSourceConfig, LogContext};
use crate::source::intake::{Receipt, SubmitError, Ticket};
use crate::source::{Feed, SourceBatch, SourceError};
use crate::wire;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use xxhash_rust::xxh3::xxh3_128;

type Reply = oneshot::Sender<Vec<Receipt>>;

/// Records that someone waits for, by the hash of their bytes.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    count: AtomicUsize,
    replies: Mutex<BTreeMap<u128, VecDeque<(u64, Reply)>>>,
}

impl Awaited {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<u128, VecDeque<(u64, Reply)>>> {
        // Every change is one insertion or removal, so a panic elsewhere leaves it whole.
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, hash: u128, number: u64, reply: Reply) {
        let mut replies = self.locked();
        replies.entry(hash).or_default().push_back((number, reply));
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes out the one who waited longest for a record of these bytes.
    fn take(&self, hash: u128) -> Option<Reply> {
        let mut replies = self.locked();
        let queue = replies.get_mut(&hash)?;
        let (_, reply) = queue.pop_front()?;
        if queue.is_empty() {
            replies.remove(&hash);
        }
        self.count.fetch_sub(1, Ordering::SeqCst);
        Some(reply)
    }

    fn give_up(&self, hash: u128, number: u64) {
        let mut replies = self.locked();
        let Some(queue) = replies.get_mut(&hash) else {
            return;
        };
        let before = queue.len();
        queue.retain(|(other, _)| *other != number);
        let gone = before - queue.len();
        if queue.is_empty() {
            replies.remove(&hash);
        }
        self.count.fetch_sub(gone, Ordering::SeqCst);
    }

    /// Gives every record of a batch that someone waits for its ticket.
    pub(super) fn claim(&self, batch: &mut SourceBatch) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut tickets = Vec::new();
        for (at, record) in batch.records().iter().enumerate() {
            if let Some(reply) = self.take(xxh3_128(batch.value(record))) {
                tickets.push(Ticket::new(at..at + 1, reply));
            }
        }
        batch.tickets.extend(tickets);
    }
}

/// One record that is waited for; forgotten when nobody waits any longer.
struct Wait {
    awaited: Arc<Awaited>,
    hash: u128,
    number: u64,
    receipts: oneshot::Receiver<Vec<Receipt>>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.awaited.give_up(self.hash, self.number);
    }
}

/// Writes posted records to their topic; cheap to clone.
#[derive(Clone)]
pub struct TopicHandle {
    producer: FutureProducer<LogContext>,
    topic: Arc<str>,
    feed: Feed,
    awaited: Arc<Awaited>,
    next: Arc<AtomicUsize>,
}

impl std::fmt::Debug for TopicHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicHandle")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl TopicHandle {
    pub(super) fn open(
        config: &KafkaSourceConfig,
        awaited: Arc<Awaited>,
    ) -> Result<Self, SourceError> {
        let client = config.client(&[
            ("enable.idempotence", "true"),
            ("compression.type", "zstd"),
            ("linger.ms", "5"),
            // The same enterprise must fall into the same partition whichever client wrote it: the
            // clients of Kafka's own project hash keys so.
            ("partitioner", "murmur2_random"),
        ])?;
        let producer = client
            .create_with_context(LogContext)
            .map_err(|error| SourceError::fatal(&config.name, error))?;
        Ok(Self {
            producer,
            topic: Arc::from(config.topic.as_str()),
            feed: config.feed,
            awaited,
            next: Arc::default(),
        })
    }

    /// Writes records to the topic. The receipts come when this process has read them back and they
    /// are durable; none come when the broker did not take them all or the worker has stopped.
    /// Dropping the future gives up waiting, not the records.
    pub fn submit<I>(
        &self,
        records: I,
    ) -> Result<impl Future<Output = Option<Vec<Receipt>>> + Send + 'static, SubmitError>
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        let mut sent: Vec<(Wait, DeliveryFuture)> = Vec::new();
        for record in records {
            sent.push(self.send(record.as_ref())?);
        }
        Ok(async move {
            let mut receipts = Vec::with_capacity(sent.len());
            for (mut wait, delivery) in sent {
                match delivery.await {
                    Ok(Ok(_)) => {}
                    Ok(Err((error, _))) => {
                        tracing::warn!(%error, "a posted record was not written to the topic");
                        return None;
                    }
                    Err(_canceled) => return None,
                }
                receipts.extend((&mut wait.receipts).await.ok()?);
            }
            Some(receipts)
        })
    }

    fn send(&self, bytes: &[u8]) -> Result<(Wait, DeliveryFuture), SubmitError> {
        let (reply, receipts) = oneshot::channel();
        let wait = Wait {
            awaited: Arc::clone(&self.awaited),
            hash: xxh3_128(bytes),
            number: self.next.fetch_add(1, Ordering::Relaxed) as u64,
            receipts,
        };
        self.awaited.add(wait.hash, wait.number, reply);
        // A record that cannot be read has no key; the worker rejects it wherever it lies.
        let key = wire::key_of(self.feed, bytes);
        let mut record: FutureRecord<'_, str, [u8]> = FutureRecord::to(&self.topic).payload(bytes);
        if let Some(key) = &key {
            record = record.key(key.as_ref());
        }
        match self.producer.send_result(record) {
            Ok(delivery) => Ok((wait, delivery)),
            Err((error, _)) => Err(refused(&error)),
        }
    }
}

fn refused(error: &KafkaError) -> SubmitError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => SubmitError::Busy,
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => SubmitError::TooLarge,
        Some(_) | None => {
            tracing::warn!(%error, "a posted record cannot be written to the topic");
            SubmitError::Closed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Offset, Partition};
    use risk_domain::time::Timestamp;

    fn batch(values: &[&str]) -> SourceBatch {
        let mut batch = SourceBatch::with_capacity(4, 64);
        for (offset, value) in values.iter().enumerate() {
            let place = (Partition::results(0), Offset(offset as i64));
            batch.push(place, Timestamp::from_millis(1), None, value.as_bytes());
        }
        batch
    }

    #[test]
    fn equal_records_are_claimed_once_each_in_the_order_of_waiting() {
        let awaited = Awaited::default();
        let waits = [("one", 0), ("two", 1), ("one", 2)].map(|(value, number)| {
            let (reply, receipts) = oneshot::channel();
            awaited.add(xxh3_128(value.as_bytes()), number, reply);
            receipts
        });
        let mut first = batch(&["zero", "one", "two"]);
        awaited.claim(&mut first);
        let at: Vec<_> = first
            .tickets
            .iter()
            .map(|ticket| ticket.records.clone())
            .collect();
        assert_eq!(at, [1..2, 2..3]);
        for ticket in first.tickets {
            ticket.resolve(vec![Receipt::Accepted]);
        }
        let mut second = batch(&["one", "one"]);
        awaited.claim(&mut second);
        assert_eq!(second.tickets.len(), 1, "nobody waits for the second");
        drop(second);
        let [mut one, mut two, mut again] = waits;
        assert_eq!(one.try_recv().unwrap(), [Receipt::Accepted]);
        assert_eq!(two.try_recv().unwrap(), [Receipt::Accepted]);
        assert!(
            again.try_recv().is_err(),
            "a dropped ticket brings no receipt"
        );
        assert_eq!(awaited.count.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn who_gives_up_is_forgotten() {
        let awaited = Arc::new(Awaited::default());
        let (reply, receipts) = oneshot::channel();
        awaited.add(7, 0, reply);
        drop(Wait {
            awaited: Arc::clone(&awaited),
            hash: 7,
            number: 0,
            receipts,
        });
        assert_eq!(awaited.count.load(Ordering::SeqCst), 0);
        assert!(awaited.locked().is_empty());
    }
}
