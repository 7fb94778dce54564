//! A real Apache Kafka broker: one KRaft node from the published jars.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, ClientContext, Message};
use tempfile::TempDir;

use crate::process::{self, Server};

const NODE_PROPERTIES: &str = include_str!("../kafka/node.properties");
/// The last line of Kafka's own start, printed once the broker serves clients.
const STARTED: &str = "Kafka Server started";
const START_DEADLINE: Duration = Duration::from_mins(1);
const REQUEST_DEADLINE: Duration = Duration::from_secs(20);

/// What the broker does with old records of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Keep everything (the node deletes nothing by age).
    Keep,
    /// Keep the last record of each key.
    Compact,
}

/// A record as it lies in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its key, if any.
    pub key: Option<Vec<u8>>,
    /// Its payload; none is a tombstone.
    pub payload: Option<Vec<u8>>,
}

/// Counts the records that the broker refused: `flush` is content once each has an answer.
#[derive(Debug, Default)]
struct Deliveries {
    refused: AtomicUsize,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A listener of the broker that speaks TLS and asks who is there.
#[derive(Debug, Clone)]
pub struct Secured {
    /// The broker's key and certificate, in PEM.
    pub keystore: PathBuf,
    /// Who is let in, by SCRAM-SHA-512.
    pub user: String,
    /// Their password.
    pub password: String,
}

/// A broker with a data directory and ports of its own. Dropping it kills the node and removes
/// its data.
#[derive(Debug)]
pub struct KafkaBroker {
    home: TempDir,
    bootstrap: String,
    secured: Option<String>,
    server: Server,
}

impl KafkaBroker {
    /// Formats a fresh node, starts it and waits until it answers.
    pub fn start() -> Result<Self> {
        Self::start_with(None)
    }

    /// The same with a second listener that is secured.
    pub fn start_secured(secured: &Secured) -> Result<Self> {
        Self::start_with(Some(secured))
    }

    fn start_with(secured: Option<&Secured>) -> Result<Self> {
        process::provide("kafka")?;
        let home = tempfile::Builder::new()
            .prefix("spotcheck-kafka-")
            .tempdir()?;
        let broker_port = process::free_port()?;
        let controller_port = process::free_port()?;
        let mut properties = NODE_PROPERTIES
            .replace("@BROKER_PORT@", &broker_port.to_string())
            .replace("@CONTROLLER_PORT@", &controller_port.to_string())
            .replace("@DATA_DIR@", &path_text(&home.path().join("data"))?);
        let mut scram = Vec::new();
        let mut second = None;
        if let Some(secured) = secured {
            let port = process::free_port()?;
            properties.push_str(&listener(secured, [broker_port, controller_port, port])?);
            let Secured { user, password, .. } = secured;
            scram = vec![
                "--add-scram".to_owned(),
                format!("SCRAM-SHA-512=[name={user},password={password}]"),
            ];
            second = Some(format!("127.0.0.1:{port}"));
        }
        std::fs::write(home.path().join("node.properties"), properties)?;

        let tool = "kafka.tools.StorageTool";
        let id = process::run(java(&["-XX:TieredStopAtLevel=1"])?.args([tool, "random-uuid"]))?;
        process::run(
            java(&["-XX:TieredStopAtLevel=1"])?
                .args([tool, "format", "-t", id.trim(), "-c"])
                .arg(home.path().join("node.properties"))
                .args(scram),
        )?;

        let bootstrap = format!("127.0.0.1:{broker_port}");
        let server = launch(home.path())?;
        let broker = Self {
            home,
            bootstrap,
            secured: second,
            server,
        };
        broker.wait_until_it_answers()?;
        Ok(broker)
    }

    /// The address for `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The address of the secured listener.
    pub fn secured(&self) -> Result<&str> {
        let secured = self.secured.as_deref();
        secured.context("the broker has no secured listener")
    }

    /// A client configuration that names this broker and nothing else.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    /// Makes one topic.
    pub fn create_topic(&self, name: &str, partitions: i32, cleanup: Cleanup) -> Result<()> {
        self.create_topics(&[(name, partitions, cleanup)])
    }

    /// Makes topics and waits until the broker has made them.
    pub fn create_topics(&self, topics: &[(&str, i32, Cleanup)]) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client_config().create()?;
        let new_topics: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|&(name, partitions, cleanup)| {
                let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
                match cleanup {
                    Cleanup::Keep => topic,
                    Cleanup::Compact => topic.set("cleanup.policy", "compact"),
                }
            })
            .collect();
        let options = AdminOptions::new()
            .request_timeout(Some(REQUEST_DEADLINE))
            .operation_timeout(Some(REQUEST_DEADLINE));
        for made in block_on(admin.create_topics(&new_topics, &options))? {
            if let Err((topic, code)) = made {
                bail!("cannot create the topic {topic}: {code}");
            }
        }
        Ok(())
    }

    /// Sends records, compressed with zstd, and waits until the broker has them all.
    pub fn produce<'a>(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = (i32, &'a [u8], &'a [u8])>,
    ) -> Result<()> {
        self.produce_as("zstd", topic, records)
    }

    /// The same with another codec: `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub fn produce_as<'a>(
        &self,
        codec: &str,
        topic: &str,
        records: impl IntoIterator<Item = (i32, &'a [u8], &'a [u8])>,
    ) -> Result<()> {
        let mut config = self.client_config();
        config.set("compression.type", codec).set("linger.ms", "20");
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(Deliveries::default())?;
        for (partition, key, payload) in records {
            let mut record = BaseRecord::to(topic)
                .partition(partition)
                .key(key)
                .payload(payload);
            while let Err((error, unsent)) = producer.send(record) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                producer.poll(REQUEST_DEADLINE);
                record = unsent;
            }
        }
        producer.flush(REQUEST_DEADLINE)?;
        let refused = producer.context().refused.load(Ordering::Relaxed);
        ensure!(
            refused == 0,
            "the broker did not take {refused} records; {}",
            self.tail()
        );
        Ok(())
    }

    /// Everything that a topic holds now, partition by partition, each in its order. Records of
    /// aborted and open transactions are left out.
    pub fn read_all(&self, topic: &str) -> Result<Vec<TopicRecord>> {
        let consumer: BaseConsumer = self
            .client_config()
            .set("group.id", "read-all")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .create()?;
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST_DEADLINE)?;
        let topic_metadata = metadata.topics().first().context("no such topic")?;
        let mut partitions = TopicPartitionList::new();
        for partition in topic_metadata.partitions() {
            partitions.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
        consumer.assign(&partitions)?;
        let mut unread = topic_metadata.partitions().len();
        ensure!(unread > 0, "the topic {topic} does not exist");
        let mut records = Vec::new();
        while unread > 0 {
            match consumer
                .poll(REQUEST_DEADLINE)
                .context("no message in time")?
            {
                Ok(message) => records.push(TopicRecord {
                    partition: message.partition(),
                    offset: message.offset(),
                    key: message.key().map(<[u8]>::to_vec),
                    payload: message.payload().map(<[u8]>::to_vec),
                }),
                Err(KafkaError::PartitionEOF(_)) => unread -= 1,
                Err(error) => return Err(error.into()),
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }

    /// Next offset of every partition that a consumer group committed, and the partition's end.
    pub fn committed(&self, topic: &str, group: &str) -> Result<Vec<(i64, i64)>> {
        let consumer: BaseConsumer = self.client_config().set("group.id", group).create()?;
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST_DEADLINE)?;
        let topic_metadata = metadata.topics().first().context("no such topic")?;
        let mut asked = TopicPartitionList::new();
        for partition in topic_metadata.partitions() {
            asked.add_partition(topic, partition.id());
        }
        let answered = consumer.committed_offsets(asked, REQUEST_DEADLINE)?;
        let mut offsets = Vec::new();
        for partition in answered.elements() {
            let (_, end) =
                consumer.fetch_watermarks(topic, partition.partition(), REQUEST_DEADLINE)?;
            let committed = partition.offset().to_raw().context("no offset")?;
            offsets.push((committed, end));
        }
        Ok(offsets)
    }

    /// Kills the node as a power cut of the machine's process would; its files stay.
    pub fn kill9(&mut self) -> Result<()> {
        self.server.kill9()
    }

    /// Starts the node again on the same data and ports and waits until it answers.
    /// A node that still runs is killed first.
    pub fn restart(&mut self) -> Result<()> {
        self.server.kill9()?;
        self.server = launch(self.home.path())?;
        self.wait_until_it_answers()
    }

    /// The last lines of the node's log.
    pub fn tail(&self) -> String {
        self.server.tail()
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        self.server.wait_for_marker(START_DEADLINE)?;
        let admin: AdminClient<DefaultClientContext> = self.client_config().create()?;
        admin
            .inner()
            .fetch_metadata(None, REQUEST_DEADLINE)
            .with_context(|| {
                format!("the broker does not answer; its log ends:\n{}", self.tail())
            })?;
        Ok(())
    }
}

/// Properties of the secured listener; of a key that stands twice, the later line counts.
fn listener(secured: &Secured, [broker, controller, port]: [u16; 3]) -> Result<String> {
    let keystore = path_text(&secured.keystore)?;
    Ok(format!(
        "\nlisteners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller},SECURED://127.0.0.1:{port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{broker},SECURED://127.0.0.1:{port}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL\n\
         listener.name.secured.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
         listener.name.secured.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
         listener.name.secured.ssl.keystore.type=PEM\n\
         listener.name.secured.ssl.keystore.location={keystore}\n"
    ))
}

fn launch(home: &Path) -> Result<Server> {
    let mut command = java(&[
        "-Xmx512m",
        // A short-lived broker gains nothing from the second compiler.
        "-XX:TieredStopAtLevel=1",
        "-Dorg.apache.logging.log4j.level=INFO",
    ])?;
    command.arg("kafka.Kafka").arg(home.join("node.properties"));
    Server::spawn("Kafka", &mut command, &home.join("broker.log"), STARTED)
}

fn java(options: &[&str]) -> Result<Command> {
    let mut jars: PathBuf = process::workspace_root()?;
    jars.push(".cache/kafka/jars/*");
    let mut command = Command::new("java");
    command.args(options).arg("-cp").arg(jars);
    Ok(command)
}

fn path_text(path: &Path) -> Result<String> {
    let text = path
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    Ok(text.to_owned())
}
