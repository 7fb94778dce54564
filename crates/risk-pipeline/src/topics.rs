//! Creating the topics that are missing（主题）.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::time::Duration;

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas.
    pub replication: i32,
    /// Only the last record of each key is kept.
    pub compacted: bool,
    /// Records are stamped with the broker's time, against which future times are judged.
    pub broker_time: bool,
}

/// What became of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicOutcome {
    /// It was made.
    Created,
    /// It was there, and was left as it is.
    Existed,
}

/// Why topics could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The broker did not answer, or refused the request.
    #[error(
        "the broker could not be asked: {0}; kafka.bootstrap_servers and, for TLS and SASL, kafka.options say how"
    )]
    Kafka(#[from] KafkaError),
    /// The broker refused one topic.
    #[error("topic {name}: {code}")]
    Refused {
        /// Which.
        name: String,
        /// Why.
        code: RDKafkaErrorCode,
    },
}

/// Creates the topics that are missing. `extra` is passed to the client: TLS, SASL.
pub async fn create_topics(
    bootstrap_servers: &str,
    extra: &BTreeMap<String, String>,
    topics: &[TopicSpec],
) -> Result<Vec<TopicOutcome>, TopicError> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    for (key, value) in extra {
        config.set(key, value);
    }
    let admin: AdminClient<_> = config.create()?;
    let wanted: Vec<NewTopic<'_>> = topics.iter().map(new_topic).collect();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let mut outcomes = Vec::new();
    for answer in admin.create_topics(&wanted, &options).await? {
        outcomes.push(match answer {
            Ok(_) => TopicOutcome::Created,
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => TopicOutcome::Existed,
            Err((name, code)) => return Err(TopicError::Refused { name, code }),
        });
    }
    Ok(outcomes)
}

fn new_topic(spec: &TopicSpec) -> NewTopic<'_> {
    let policy = if spec.compacted { "compact" } else { "delete" };
    let mut topic = NewTopic::new(
        &spec.name,
        spec.partitions,
        TopicReplication::Fixed(spec.replication),
    )
    .set("cleanup.policy", policy);
    if spec.broker_time {
        topic = topic.set("message.timestamp.type", "LogAppendTime");
    }
    topic
}
