//! A Kafka topic as a witness.

use super::Outlet;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the broker made of the last record.
#[derive(Debug, Default)]
struct Answer(Mutex<Option<Result<(), String>>>);

impl ClientContext for Answer {}

impl ProducerContext for Answer {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let said = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.to_string()),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
    }
}

/// Sends each checkpoint to a topic, under its id.
pub struct TopicWitness {
    producer: BaseProducer<Answer>,
    topic: String,
}

impl fmt::Debug for TopicWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicWitness")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl TopicWitness {
    /// A witness by a topic; `extra` is passed to the client: TLS, SASL.
    pub fn new(
        bootstrap_servers: &str,
        topic: &str,
        extra: &BTreeMap<String, String>,
    ) -> Result<Self, rdkafka::error::KafkaError> {
        let mut config = ClientConfig::new();
        for (key, value) in extra {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", bootstrap_servers)
            .set("client.id", "spotcheck-witness")
            .set("acks", "all")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string());
        Ok(Self {
            producer: config.create_with_context(Answer::default())?,
            topic: topic.to_owned(),
        })
    }
}

impl Outlet for TopicWitness {
    fn hand(&mut self, id: &str, note: &str, _now: Timestamp) -> Result<(), String> {
        let record = BaseRecord::to(&self.topic).key(id).payload(note);
        let sent = self.producer.send(record);
        sent.map_err(|(error, _record)| error.to_string())?;
        let flushed = self.producer.flush(PATIENCE);
        flushed.map_err(|error| error.to_string())?;
        let answer = self.producer.context().0.lock();
        let answer = answer.unwrap_or_else(PoisonError::into_inner).take();
        answer.unwrap_or_else(|| Err("the broker did not answer".to_owned()))
    }
}
