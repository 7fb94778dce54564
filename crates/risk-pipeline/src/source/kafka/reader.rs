//! The thread that polls the broker and fills batches.

use super::{Client, KafkaSourceConfig};
use crate::clock::Clock;
use crate::source::{Offset, Partition, SourceBatch, SourceError};
use rdkafka::Timestamp as KafkaTimestamp;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

/// How long the thread waits for a first record, and so how long a stop may take.
const PATIENCE: Duration = Duration::from_millis(100);

pub(super) struct Reader {
    pub(super) consumer: Arc<Client>,
    pub(super) config: KafkaSourceConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) sender: SyncSender<Result<SourceBatch, SourceError>>,
    /// In a bounded run: the partitions that are not yet at their end, with it.
    pub(super) ends: Option<BTreeMap<Partition, Offset>>,
    /// In a bounded run: partitions whose end is still to be told.
    pub(super) announced: Vec<Partition>,
    /// Size of the last batch, as a guess at the next one's.
    pub(super) expected_bytes: usize,
}

impl Reader {
    pub(super) fn run(mut self) {
        self.announce_empty_partitions();
        while !self.stop.load(Ordering::SeqCst) {
            let (batch, error) = self.collect();
            let finished = batch.finished;
            let has_news = !batch.is_empty() || !batch.reached_end.is_empty() || finished;
            if has_news && self.sender.send(Ok(batch)).is_err() {
                return;
            }
            if let Some(error) = error
                && !self.tell(error)
            {
                return;
            }
            if finished {
                return;
            }
        }
    }

    /// In a bounded run, partitions with nothing to read are at their end from the start.
    fn announce_empty_partitions(&mut self) {
        let Some(ends) = &self.ends else {
            return;
        };
        self.announced.retain(|one| !ends.contains_key(one));
        let mut batch = SourceBatch::default();
        batch.reached_end.append(&mut self.announced);
        if !batch.reached_end.is_empty() && self.sender.send(Ok(batch)).is_err() {
            self.stop.store(true, Ordering::SeqCst);
        }
    }

    /// Passes an error on; `false` when the thread must end.
    fn tell(&self, error: SourceError) -> bool {
        tracing::warn!(%error, "kafka source");
        let can_retry = error.can_retry();
        if can_retry {
            // A worker that has batches waiting need not hear of a broker that comes and goes.
            match self.sender.try_send(Err(error)) {
                Ok(()) | Err(TrySendError::Full(_)) => true,
                Err(TrySendError::Disconnected(_)) => false,
            }
        } else {
            drop(self.sender.send(Err(error)));
            false
        }
    }

    fn collect(&mut self) -> (SourceBatch, Option<SourceError>) {
        let mut batch = SourceBatch::with_capacity(0, 0);
        let mut failure = None;
        let mut patience = PATIENCE;
        let now = self.clock.now();
        if self.ends.as_ref().is_some_and(BTreeMap::is_empty) {
            batch.finished = true;
            return (batch, None);
        }
        let consumer = Arc::clone(&self.consumer);
        // The bound keeps a batch within its 32-bit ranges, whatever is configured.
        let batch_bytes = self.config.batch_bytes.min(1 << 30);
        while batch.len() < self.config.batch_records && batch.bytes() < batch_bytes {
            match consumer.poll(patience) {
                None => break,
                Some(Ok(message)) => {
                    if batch.is_empty() {
                        batch.reserve(self.config.batch_records, self.expected_bytes);
                    }
                    self.take(&message, now, &mut batch);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.at_end(self.partition(partition), &mut batch);
                }
                Some(Err(error)) => {
                    failure = Some(self.classify(&error));
                    break;
                }
            }
            patience = Duration::ZERO;
            if self.ends.as_ref().is_some_and(BTreeMap::is_empty) {
                batch.finished = true;
                break;
            }
        }
        self.expected_bytes = batch.bytes();
        (batch, failure)
    }

    fn take(&mut self, message: &BorrowedMessage<'_>, now: Timestamp, batch: &mut SourceBatch) {
        let partition = self.partition(message.partition());
        let offset = Offset(message.offset());
        let end = match &self.ends {
            Some(ends) => match ends.get(&partition) {
                Some(end) if offset < *end => Some(*end),
                Some(_) => return self.at_end(partition, batch),
                None => return,
            },
            None => None,
        };
        // More came: it is told again where that ends.
        batch.reached_end.retain(|ended| *ended != partition);
        // Only a broker that stamps arrivals tells a time that no producer could set.
        let received_at = match message.timestamp() {
            KafkaTimestamp::LogAppendTime(millis) => Timestamp::from_millis(millis),
            KafkaTimestamp::CreateTime(_) | KafkaTimestamp::NotAvailable => now,
        };
        let value = message.payload().unwrap_or_default();
        batch.push((partition, offset), received_at, message.key(), value);
        if end == Some(offset.next()) {
            self.at_end(partition, batch);
        }
    }

    fn partition(&self, number: i32) -> Partition {
        Partition {
            feed: self.config.feed,
            number,
        }
    }

    /// Notes that a partition was read to its end. In a bounded run it is then done with, and what
    /// still comes of it is dropped. The broker's word counts there too, because the last offsets
    /// may be markers of transactions, which never arrive as records.
    fn at_end(&mut self, partition: Partition, batch: &mut SourceBatch) {
        if let Some(ends) = &mut self.ends
            && ends.remove(&partition).is_none()
        {
            return;
        }
        if !batch.reached_end.contains(&partition) {
            batch.reached_end.push(partition);
        }
    }

    fn classify(&self, error: &KafkaError) -> SourceError {
        let name = &self.config.name;
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return SourceError::fatal(name, code);
        }
        let code = error.rdkafka_error_code();
        if matches!(
            code,
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
        ) {
            let message = format!(
                "topic {} no longer has the offset that comes next; records were lost to \
                 retention, or the topic was made anew",
                self.config.topic
            );
            return SourceError::fatal(name, message);
        }
        if code == Some(RDKafkaErrorCode::NotImplemented) {
            let message = "records are compressed by a codec that this build lacks";
            return SourceError::fatal(name, message);
        }
        SourceError::retry(name, error)
    }
}
