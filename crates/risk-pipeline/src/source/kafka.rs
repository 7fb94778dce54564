//! Apache Kafka as a source.
//!
//! Partitions are assigned by hand, all of them or a configured set, and read from where the
//! ledger stands; the consumer group only mirrors that for tools which watch the lag. A thread of
//! its own polls the broker, copies records into one arena per batch, and hands batches over a
//! bounded channel: when the worker is behind, the channel is full, the thread waits, and
//! librdkafka stops fetching.

mod posts;
mod reader;

pub use posts::TopicHandle;

use super::{Feed, Offset, Partition, Source, SourceBatch, SourceError};
use crate::clock::Clock;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Settings that the meaning of offsets rests on; configuration may not change them.
const RESERVED: [&str; 6] = [
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "enable.partition.eof",
];

/// How to read a topic.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSourceConfig {
    /// What its records are about.
    pub feed: Feed,
    /// Name in the ledger.
    pub name: String,
    /// `host:port,…`.
    pub bootstrap_servers: String,
    /// Topic.
    pub topic: String,
    /// Group to which offsets are mirrored; nothing is read from it.
    pub group_id: String,
    /// Partitions to read; all when absent.
    pub partitions: Option<Vec<Partition>>,
    /// Whether to end where the topic ended when reading began.
    pub until_end: bool,
    /// Records in one batch at most.
    pub batch_records: usize,
    /// Bytes after which a batch is handed over.
    pub batch_bytes: usize,
    /// Batches that may wait for the worker.
    pub queued_batches: usize,
    /// How long a question to the broker may take.
    pub timeout: Duration,
    /// Further settings of librdkafka, as TLS and SASL.
    pub extra: BTreeMap<String, String>,
}

impl KafkaSourceConfig {
    /// The usual settings for a topic of results, named as the topic.
    pub fn new(
        bootstrap_servers: impl Into<String>,
        topic: impl Into<String>,
        group_id: impl Into<String>,
    ) -> Self {
        let topic = topic.into();
        Self {
            feed: Feed::Results,
            name: topic.clone(),
            bootstrap_servers: bootstrap_servers.into(),
            topic,
            group_id: group_id.into(),
            partitions: None,
            until_end: false,
            batch_records: 4096,
            batch_bytes: 4 << 20,
            queued_batches: 4,
            timeout: Duration::from_secs(10),
            extra: BTreeMap::new(),
        }
    }

    /// A client with these settings, over which stand those of the configuration.
    fn client(&self, settings: &[(&str, &str)]) -> Result<ClientConfig, SourceError> {
        if let Some(key) = RESERVED.iter().find(|key| self.extra.contains_key(**key)) {
            let message = format!("{key} cannot be set: the ledger decides where reading goes on");
            return Err(SourceError::fatal(&self.name, message));
        }
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", "spotcheck")
            .set("socket.keepalive.enable", "true");
        for (key, value) in settings {
            client.set(*key, *value);
        }
        for (key, value) in &self.extra {
            client.set(key, value);
        }
        Ok(client)
    }

    fn consumer(&self) -> Result<ClientConfig, SourceError> {
        self.client(&[
            ("group.id", &self.group_id),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // An offset that the broker no longer has must be seen, not silently skipped.
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("check.crcs", "true"),
            // The default of one second stalls partitions as soon as the worker is the slower.
            ("fetch.queue.backoff.ms", "5"),
            ("queued.max.messages.kbytes", "65536"),
        ])
    }
}

impl fmt::Debug for KafkaSourceConfig {
    /// Further settings may hold passwords, so their names are shown without values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSourceConfig")
            .field("feed", &self.feed)
            .field("name", &self.name)
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("topic", &self.topic)
            .field("group_id", &self.group_id)
            .field("partitions", &self.partitions)
            .field("until_end", &self.until_end)
            .field("extra", &self.extra.keys())
            .finish_non_exhaustive()
    }
}

/// Sends librdkafka's log to ours. It reconnects by itself, so a lost broker is a warning.
pub(crate) struct LogContext;

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility, message, "librdkafka");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(facility, message, "librdkafka");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(facility, message, "librdkafka");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for LogContext {
    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::warn!(%error, "offsets were not mirrored to the consumer group");
        }
    }
}

type Client = BaseConsumer<LogContext>;

/// The thread that polls, and the channel on which its batches come.
struct Running {
    stop: Arc<AtomicBool>,
    batches: Receiver<Result<SourceBatch, SourceError>>,
    thread: JoinHandle<()>,
}

/// Reads a topic of Apache Kafka.
pub struct KafkaSource {
    config: KafkaSourceConfig,
    consumer: Arc<Client>,
    clock: Arc<dyn Clock>,
    partitions: Vec<Partition>,
    paused: BTreeSet<Partition>,
    running: Option<Running>,
    /// What is left of a batch that was larger than the worker wanted.
    rest: Option<SourceBatch>,
    finished: bool,
    awaited: Arc<posts::Awaited>,
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSource")
            .field("config", &self.config)
            .field("partitions", &self.partitions)
            .field("paused", &self.paused)
            .finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// Connects and asks which partitions there are. Reading begins with [`Source::seek`].
    pub fn open(config: KafkaSourceConfig, clock: Arc<dyn Clock>) -> Result<Self, SourceError> {
        let consumer: Client = config
            .consumer()?
            .create_with_context(LogContext)
            .map_err(|error| SourceError::fatal(&config.name, error))?;
        let partitions = partitions(&consumer, &config)?;
        Ok(Self {
            consumer: Arc::new(consumer),
            clock,
            partitions,
            paused: BTreeSet::new(),
            running: None,
            rest: None,
            finished: false,
            awaited: Arc::default(),
            config,
        })
    }

    /// A way to post through the topic, with receipts from whoever reads this source.
    pub fn handle(&self) -> Result<TopicHandle, SourceError> {
        TopicHandle::open(&self.config, Arc::clone(&self.awaited))
    }

    fn stop(&mut self) {
        self.rest = None;
        if let Some(running) = self.running.take() {
            running.stop.store(true, Ordering::SeqCst);
            // A thread that waits for room in the channel wakes when the receiver is gone.
            drop(running.batches);
            if running.thread.join().is_err() {
                tracing::error!(source = %self.config.name, "the kafka thread ended in a panic");
            }
        }
    }

    fn list(&self, partitions: impl IntoIterator<Item = Partition>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.config.topic, partition.number);
        }
        list
    }

    /// Checks a position against what the broker still has, and returns the broker's end.
    fn end_of(
        &self,
        partition: Partition,
        position: Option<Offset>,
    ) -> Result<(Offset, Offset), SourceError> {
        let name = &self.config.name;
        let (low, high) = self
            .consumer
            .fetch_watermarks(&self.config.topic, partition.number, self.config.timeout)
            .map_err(|error| SourceError::retry(name, error))?;
        let start = position.unwrap_or(Offset(low));
        if start.0 < low {
            let lost = low - start.0;
            return Err(SourceError::fatal(
                name,
                format!(
                    "partition {partition}: {lost} offsets from {start} on are gone from the \
                     broker before they were read; the retention of topic {} is too short",
                    self.config.topic
                ),
            ));
        }
        if start.0 > high {
            return Err(SourceError::fatal(
                name,
                format!(
                    "partition {partition}: the ledger has read up to {start}, but topic {} ends \
                     at {high}; was the topic made anew?",
                    self.config.topic
                ),
            ));
        }
        Ok((start, Offset(high)))
    }

    fn assign(
        &mut self,
        positions: &BTreeMap<Partition, Offset>,
    ) -> Result<BTreeMap<Partition, Offset>, SourceError> {
        let name = self.config.name.clone();
        let mut ends = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for partition in &self.partitions {
            let (start, end) = self.end_of(*partition, positions.get(partition).copied())?;
            if self.config.until_end && start < end {
                ends.insert(*partition, end);
            }
            let start = rdkafka::Offset::Offset(start.0);
            list.add_partition_offset(&self.config.topic, partition.number, start)
                .map_err(|error| SourceError::fatal(&name, error))?;
        }
        // A partition that was paused stays so in librdkafka over an assignment.
        let paused = std::mem::take(&mut self.paused);
        let paused = self.list(paused);
        if paused.count() > 0 {
            self.consumer
                .resume(&paused)
                .map_err(|error| SourceError::retry(&name, error))?;
        }
        self.consumer
            .assign(&list)
            .map_err(|error| SourceError::retry(&name, error))?;
        Ok(ends)
    }
}

fn partitions(
    consumer: &Client,
    config: &KafkaSourceConfig,
) -> Result<Vec<Partition>, SourceError> {
    let metadata = consumer
        .fetch_metadata(Some(&config.topic), config.timeout)
        .map_err(|error| SourceError::retry(&config.name, error))?;
    let mut there: Vec<Partition> = metadata
        .topics()
        .iter()
        .filter(|topic| topic.name() == config.topic)
        .flat_map(|topic| {
            topic.partitions().iter().map(|one| Partition {
                feed: config.feed,
                number: one.id(),
            })
        })
        .collect();
    there.sort_unstable();
    if there.is_empty() {
        let message = format!("there is no topic {}", config.topic);
        return Err(SourceError::retry(&config.name, message));
    }
    let Some(wanted) = &config.partitions else {
        return Ok(there);
    };
    if let Some(absent) = wanted.iter().find(|partition| !there.contains(partition)) {
        let message = format!("topic {} has no partition {absent}", config.topic);
        return Err(SourceError::fatal(&config.name, message));
    }
    let wanted: BTreeSet<Partition> = wanted.iter().copied().collect();
    Ok(wanted.into_iter().collect())
}

impl Source for KafkaSource {
    fn name(&self, _feed: Feed) -> &str {
        &self.config.name
    }

    fn partitions(&self) -> Vec<Partition> {
        self.partitions.clone()
    }

    fn seek(&mut self, positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        self.stop();
        self.finished = false;
        let ends = self.assign(positions)?;
        let (sender, batches) = std::sync::mpsc::sync_channel(self.config.queued_batches.max(1));
        let stop = Arc::new(AtomicBool::new(false));
        let reader = reader::Reader {
            consumer: Arc::clone(&self.consumer),
            config: self.config.clone(),
            clock: Arc::clone(&self.clock),
            stop: Arc::clone(&stop),
            sender,
            ends: self.config.until_end.then_some(ends),
            announced: self.partitions.clone(),
            expected_bytes: 0,
        };
        let thread = std::thread::Builder::new()
            .name(format!("kafka-{}", self.config.topic))
            .spawn(move || reader.run())
            .map_err(|error| SourceError::fatal(&self.config.name, error))?;
        self.running = Some(Running {
            stop,
            batches,
            thread,
        });
        Ok(())
    }

    fn poll(&mut self, max: usize, wait: Duration) -> Result<SourceBatch, SourceError> {
        let mut batch = match (self.rest.take(), &self.running) {
            (Some(rest), _) => rest,
            (None, Some(running)) => match running.batches.recv_timeout(wait) {
                Ok(batch) => batch?,
                Err(RecvTimeoutError::Timeout) => SourceBatch::default(),
                Err(RecvTimeoutError::Disconnected) if self.finished => SourceBatch {
                    finished: true,
                    ..SourceBatch::default()
                },
                Err(RecvTimeoutError::Disconnected) => {
                    let message = "the kafka thread has ended";
                    return Err(SourceError::fatal(&self.config.name, message));
                }
            },
            (None, None) => {
                let message = "reading has not begun: seek comes first";
                return Err(SourceError::fatal(&self.config.name, message));
            }
        };
        let max = max.max(1);
        if batch.len() > max {
            let mut front = batch.take_front(max);
            self.rest = Some(batch);
            self.awaited.claim(&mut front);
            return Ok(front);
        }
        self.finished |= batch.finished;
        self.awaited.claim(&mut batch);
        Ok(batch)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        let new: Vec<Partition> = partitions
            .iter()
            .copied()
            .filter(|one| self.partitions.contains(one) && !self.paused.contains(one))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        self.consumer
            .pause(&self.list(new.iter().copied()))
            .map_err(|error| SourceError::retry(&self.config.name, error))?;
        self.paused.extend(new);
        Ok(())
    }

    /// Resumes only what is paused: to resume what is not makes librdkafka stall.
    fn resume(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        let old: Vec<Partition> = partitions
            .iter()
            .copied()
            .filter(|one| self.paused.contains(one))
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        self.consumer
            .resume(&self.list(old.iter().copied()))
            .map_err(|error| SourceError::retry(&self.config.name, error))?;
        self.paused.retain(|one| !old.contains(one));
        Ok(())
    }

    fn durable(&mut self, positions: &BTreeMap<Partition, Offset>) {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in positions {
            if self.partitions.contains(partition) {
                let offset = rdkafka::Offset::Offset(offset.0);
                if let Err(error) =
                    list.add_partition_offset(&self.config.topic, partition.number, offset)
                {
                    tracing::warn!(%error, "an offset cannot be mirrored");
                }
            }
        }
        if list.count() == 0 {
            return;
        }
        // The ledger is the truth; a mirror that lags harms nobody.
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::warn!(%error, "offsets were not mirrored to the consumer group");
        }
    }

    fn bounded(&self) -> bool {
        self.config.until_end
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
