//! The broker that the Kafka tests stand on does what they rely on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use risk_tests::kafka::{Cleanup, KafkaBroker};

const DEADLINE: Duration = Duration::from_secs(30);
const MESSAGES: i32 = 1000;

#[test]
fn messages_survive_a_kill_and_the_older_producer_is_fenced() -> Result<()> {
    let mut broker = KafkaBroker::start()?;
    broker.create_topics(&[("inspection.results", 2, Cleanup::Keep)])?;
    broker.create_topic("risk.grades", 1, Cleanup::Compact)?;

    let sent = messages();
    broker.produce(
        "inspection.results",
        sent.iter().map(|(p, k, v)| (*p, &**k, &**v)),
    )?;
    let before = broker.read_all("inspection.results")?;
    let mut read: Vec<_> = before
        .iter()
        .map(|record| {
            let key = record.key.clone().unwrap_or_default();
            (
                record.partition,
                key,
                record.payload.clone().unwrap_or_default(),
            )
        })
        .collect();
    let mut expected = sent;
    expected.sort();
    read.sort();
    ensure!(
        read == expected,
        "{} messages sent, others read: {}",
        expected.len(),
        read.len()
    );

    broker.kill9()?;
    broker.restart()?;
    ensure!(
        broker.read_all("inspection.results")? == before,
        "lost; {}",
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

    let grades = broker.read_all("risk.grades")?;
    let grades: Vec<_> = grades
        .iter()
        .filter_map(|record| record.payload.as_deref())
        .collect();
    ensure!(
        grades == [b"one".as_slice(), b"three".as_slice()],
        "committed: {grades:?}"
    );
    ensure!(
        broker.read_all("risk.moods").is_err(),
        "read from a topic that does not exist"
    );
    Ok(())
}

/// Results over two partitions, each with a key and a payload of its own.
fn messages() -> Vec<(i32, Vec<u8>, Vec<u8>)> {
    (0..MESSAGES)
        .map(|number| {
            let payload = format!("{{\"inspection_id\":\"{number}\"}}");
            (
                number % 2,
                format!("enterprise:{number}").into_bytes(),
                payload.into_bytes(),
            )
        })
        .collect()
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
