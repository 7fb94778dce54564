//! The broker that the Kafka tests stand on does what they rely on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use risk_tests::kafka::{Cleanup, KafkaBroker};

const DEADLINE: Duration = Duration::from_secs(30);
const MESSAGES: usize = 1000;

#[test]
fn messages_survive_a_kill_and_the_older_producer_is_fenced() -> Result<()> {
    let mut broker = KafkaBroker::start()?;
    broker.create_topics(&[("inspection.results", 2, Cleanup::Keep)])?;
    broker.create_topic("risk.grades", 1, Cleanup::Compact)?;

    produce(&broker, MESSAGES)?;
    ensure!(consume(&broker, MESSAGES)? == MESSAGES);

    broker.kill9()?;
    broker.restart()?;
    ensure!(
        consume(&broker, MESSAGES)? == MESSAGES,
        "messages were lost; {}",
        broker.tail()
    );

    let older = transactional_producer(&broker)?;
    older.begin_transaction()?;
    older.send(grade("one")).map_err(|(error, _)| error)?;
    older.commit_transaction(DEADLINE)?;

    let newer = transactional_producer(&broker)?;
    older.begin_transaction()?;
    older.send(grade("two")).map_err(|(error, _)| error)?;
    let refused = older
        .commit_transaction(DEADLINE)
        .err()
        .context("nobody fenced the older")?;
    let code = refused.rdkafka_error_code();
    ensure!(
        matches!(
            code,
            Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced)
        ),
        "another error than fencing: {refused}"
    );

    newer.begin_transaction()?;
    newer.send(grade("three")).map_err(|(error, _)| error)?;
    newer.commit_transaction(DEADLINE)?;
    Ok(())
}

fn grade(value: &str) -> BaseRecord<'_, str, str> {
    BaseRecord::to("risk.grades")
        .key("enterprise:1")
        .payload(value)
}

fn transactional_producer(broker: &KafkaBroker) -> Result<BaseProducer> {
    let producer: BaseProducer = broker
        .client_config()
        .set("transactional.id", "spotcheck-shard-0")
        .create()?;
    producer.init_transactions(DEADLINE)?;
    Ok(producer)
}

fn produce(broker: &KafkaBroker, count: usize) -> Result<()> {
    let producer: BaseProducer = broker
        .client_config()
        .set("compression.type", "zstd")
        .set("linger.ms", "20")
        .create()?;
    for number in 0..count {
        let (key, payload) = (
            format!("e{number}"),
            format!("{{\"inspection_id\":\"{number}\"}}"),
        );
        let record = BaseRecord::to("inspection.results")
            .key(&key)
            .payload(&payload);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer.flush(DEADLINE)?;
    Ok(())
}

/// Reads both partitions from their beginning; answers how many messages had a payload.
fn consume(broker: &KafkaBroker, expected: usize) -> Result<usize> {
    let consumer: BaseConsumer = broker.client_config().set("group.id", "smoke").create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..2 {
        partitions.add_partition_offset("inspection.results", partition, Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    let mut seen = 0;
    while seen < expected {
        let message = consumer.poll(DEADLINE).context("no message in time")??;
        seen += usize::from(message.payload().is_some());
    }
    Ok(seen)
}
