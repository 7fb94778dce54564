//! Apache Kafka as a sink: one transaction a batch, by a producer that the broker fences.
//!
//! The `transactional.id` names the shard. A process that starts with it makes the broker refuse
//! every other that uses it: the newer wins, and the older learns so with its next batch.

use super::{SendError, Sink};
use crate::source::kafka::LogContext;
use crate::wire::event::{Message, Outlet};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Settings that delivery rests on; configuration may not change them.
const RESERVED: [&str; 4] = [
    "bootstrap.servers",
    "transactional.id",
    "enable.idempotence",
    "acks",
];

/// How to publish.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSinkConfig {
    /// `host:port,…`.
    pub bootstrap_servers: String,
    /// The shard's name at the broker.
    pub transactional_id: String,
    /// Topic of every outlet.
    pub topics: BTreeMap<Outlet, String>,
    /// How long the broker may take for a transaction.
    pub timeout: Duration,
    /// Further settings of librdkafka, as TLS and SASL.
    pub extra: BTreeMap<String, String>,
}

impl fmt::Debug for KafkaSinkConfig {
    /// Further settings may hold passwords, so their names are shown without values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSinkConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("transactional_id", &self.transactional_id)
            .field("topics", &self.topics)
            .field("extra", &self.extra.keys())
            .finish_non_exhaustive()
    }
}

impl ProducerContext for LogContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            // The transaction fails with it; this names the cause.
            tracing::warn!(%error, "an event was not delivered");
        }
    }
}

type Client = ThreadedProducer<LogContext>;

/// Publishes to topics of Apache Kafka.
pub struct KafkaSink {
    config: KafkaSinkConfig,
    producer: Client,
}

impl fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSink")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl KafkaSink {
    /// Connects and takes the shard over: from now on an older process with this id is refused.
    pub fn open(config: KafkaSinkConfig) -> Result<Self, SendError> {
        let producer = connect(&config)?;
        for topic in config.topics.values() {
            let known = producer
                .client()
                .fetch_metadata(Some(topic), config.timeout);
            let known = known.map_err(|error| SendError::Fatal {
                reason: format!("the broker cannot be asked for topic {topic}: {error}"),
            })?;
            let mut topics = known.topics().iter();
            if !topics.any(|found| found.name() == topic && !found.partitions().is_empty()) {
                return Err(SendError::Fatal {
                    reason: format!(
                        "there is no topic {topic}; `spotcheck topics create` makes those that are missing"
                    ),
                });
            }
        }
        Ok(Self { config, producer })
    }

    fn try_send(&self, messages: &[Message]) -> Result<(), KafkaError> {
        self.producer.begin_transaction()?;
        for message in messages {
            self.enqueue(message)?;
        }
        loop {
            match self.producer.commit_transaction(self.config.timeout) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {
                    tracing::warn!(error = %error.string(), "the commit is tried again");
                }
                ended => return ended,
            }
        }
    }

    fn enqueue(&self, message: &Message) -> Result<(), KafkaError> {
        // An outlet without a topic is not wanted.
        let Some(topic) = self.config.topics.get(&message.outlet) else {
            return Ok(());
        };
        let content_type = Header {
            key: "content-type",
            value: Some(message.outlet.content_type()),
        };
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic)
            .payload(message.value.as_slice())
            .headers(OwnedHeaders::new().insert(content_type));
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        while let Err((error, unsent)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error);
            }
            self.producer.flush(self.config.timeout)?;
            record = unsent;
        }
        Ok(())
    }

    /// What a failed batch means. A client that cannot go on is replaced, unless it was fenced.
    fn recover(&mut self, error: &KafkaError) -> SendError {
        let reason = reason_of(error);
        if let Some((code, why)) = self.producer.client().fatal_error() {
            if code == RDKafkaErrorCode::Fenced {
                let transactional_id = self.config.transactional_id.clone();
                return SendError::Fenced { transactional_id };
            }
            tracing::warn!(%why, "the producer cannot go on and is made anew");
            return match connect(&self.config) {
                Ok(producer) => {
                    self.producer = producer;
                    SendError::Retry { reason }
                }
                Err(error) => error,
            };
        }
        if let Err(error) = self.producer.abort_transaction(self.config.timeout) {
            tracing::warn!(%error, "the transaction could not be given up yet");
        }
        SendError::Retry { reason }
    }
}

impl Sink for KafkaSink {
    fn send(&mut self, messages: &[Message]) -> Result<(), SendError> {
        match self.try_send(messages) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.recover(&error)),
        }
    }
}

/// What the client says; of a transaction's failure more than its code.
fn reason_of(error: &KafkaError) -> String {
    if let KafkaError::Transaction(error) = error {
        error.string()
    } else {
        error.to_string()
    }
}

fn connect(config: &KafkaSinkConfig) -> Result<Client, SendError> {
    if let Some(key) = RESERVED.iter().find(|key| config.extra.contains_key(**key)) {
        let reason = format!("{key} cannot be set: events must go out once and by one process");
        return Err(SendError::Fatal { reason });
    }
    let fatal = |error: KafkaError| SendError::Fatal {
        reason: error.to_string(),
    };
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &config.bootstrap_servers)
        .set("transactional.id", &config.transactional_id)
        .set("client.id", "spotcheck")
        .set("compression.type", "zstd")
        .set("linger.ms", "5")
        .set("socket.keepalive.enable", "true");
    for (key, value) in &config.extra {
        client.set(key, value);
    }
    let producer: Client = client.create_with_context(LogContext).map_err(fatal)?;
    let refused = |error: KafkaError| SendError::Fatal {
        reason: format!(
            "the broker did not accept {}: {}",
            config.transactional_id,
            reason_of(&error)
        ),
    };
    producer
        .init_transactions(config.timeout)
        .map_err(refused)?;
    Ok(producer)
}
