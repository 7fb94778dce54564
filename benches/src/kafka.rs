//! End to end: from a real broker into the durable ledger, against a loop that only polls.

use crate::measure::{Stopwatch, ThreadSampler, cpu_seconds, rate, say};
use crate::{rig, stream};
use anyhow::{Context, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use risk_pipeline::clock::SystemClock;
use risk_pipeline::source::kafka::{KafkaSource, KafkaSourceConfig};
use risk_pipeline::wire;
use risk_tests::kafka::{Cleanup, KafkaBroker};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

const TOPIC: &str = "inspection.results";
const PARTITIONS: i32 = 8;
const PATIENCE: Duration = Duration::from_secs(20);

/// End to end from a real Kafka broker on the same cores, against a bare poll loop
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stream: stream::Args,
    /// Times that each is run, in turn
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let broker = KafkaBroker::start()?;
    broker.create_topic(TOPIC, PARTITIONS, Cleanup::Keep)?;
    let bytes = fill(&broker, &args.stream)?;
    say("results", &args.stream.results.to_string());
    say(
        "bytes of one, as JSON",
        &(bytes / args.stream.results).to_string(),
    );
    // Once without counting: the broker's own code is compiled as it runs, and the host of a virtual machine
    // finds the memory that this process will use.
    bare(&broker, args.stream.results)?;
    let first = end_to_end(&broker, args.stream.results)?;
    say(
        "end to end, first of all",
        &rate(args.stream.results, first.took),
    );
    for _ in 0..args.rounds {
        let polled = bare(&broker, args.stream.results)?;
        say("bare poll", &rate(args.stream.results, polled));
        end_to_end(&broker, args.stream.results)?.tell(args.stream.results, polled);
    }
    Ok(())
}

/// Sends the results as their producers would: keyed, by enterprise, compressed with zstd.
fn fill(broker: &KafkaBroker, args: &stream::Args) -> anyhow::Result<u64> {
    let mut stream = args.results()?;
    let mut bytes = 0_u64;
    loop {
        let chunk: Vec<(i32, Vec<u8>, Vec<u8>)> = stream
            .by_ref()
            .take(50_000)
            .map(|result| {
                let key = result.site.enterprise_id.as_str().as_bytes().to_vec();
                let hash = key.iter().fold(0_u32, |hash, byte| {
                    hash.wrapping_mul(31).wrapping_add(u32::from(*byte))
                });
                let partition = (hash % PARTITIONS.unsigned_abs()) as i32;
                (partition, key, wire::encode(&result))
            })
            .collect();
        if chunk.is_empty() {
            return Ok(bytes);
        }
        bytes += chunk
            .iter()
            .map(|(_, _, value)| value.len() as u64)
            .sum::<u64>();
        broker.produce(
            TOPIC,
            chunk.iter().map(|(at, key, value)| (*at, &**key, &**value)),
        )?;
    }
}

/// Reads the whole topic and does nothing with it.
fn bare(broker: &KafkaBroker, results: u64) -> anyhow::Result<Duration> {
    let consumer: BaseConsumer = broker
        .client_config()
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(TOPIC, partition, Offset::Beginning)?;
    }
    let watch = Stopwatch::start();
    consumer.assign(&list)?;
    let (mut left, mut read) = (PARTITIONS, 0_u64);
    while left > 0 {
        match consumer.poll(PATIENCE).context("the broker went silent")? {
            Ok(_) => read += 1,
            Err(KafkaError::PartitionEOF(_)) => left -= 1,
            Err(error) => return Err(error.into()),
        }
    }
    ensure!(read == results, "{read} of {results} were read");
    Ok(watch.elapsed())
}

/// What a run from the broker into the ledger took.
struct EndToEnd {
    /// Until the last result was durable.
    took: Duration,
    /// The longest time from a commit until it was durable.
    longest: Duration,
    /// Until the views showed all.
    shown: Duration,
    /// Processor time of the process in seconds, and of its threads by name.
    cpu: f64,
    threads: BTreeMap<String, Duration>,
}

fn end_to_end(broker: &KafkaBroker, results: u64) -> anyhow::Result<EndToEnd> {
    let dir = tempfile::tempdir()?;
    let mut config = KafkaSourceConfig::new(broker.bootstrap(), TOPIC, "spotcheck");
    config.until_end = true;
    let source = KafkaSource::open(config, Arc::new(SystemClock))?;
    let watch = Stopwatch::start();
    let rig = rig::worker(dir.path(), Box::new(source))?;
    let cpu = cpu_seconds()?;
    let threads = ThreadSampler::start();
    let report = rig.worker.run()?;
    let shown = watch.elapsed();
    let cpu = cpu_seconds()? - cpu;
    let threads = threads.finish();
    ensure!(report.accepted == results, "{report:?}");
    let durable = rig.durable.lock().unwrap_or_else(PoisonError::into_inner);
    let last = durable.last.context("nothing became durable")?;
    Ok(EndToEnd {
        took: watch.until(last),
        longest: durable.longest,
        shown,
        cpu,
        threads,
    })
}

impl EndToEnd {
    fn tell(self, results: u64, polled: Duration) {
        say("end to end, durable", &rate(results, self.took));
        say(
            "  of a bare poll's speed",
            &format!("{:.2}", polled.as_secs_f64() / self.took.as_secs_f64()),
        );
        say(
            "  longest from commit to durable",
            &format!("{:.0} ms", self.longest.as_secs_f64() * 1e3),
        );
        say(
            "  until the views show all",
            &format!("{:.1} s", self.shown.as_secs_f64()),
        );
        say(
            "  processor time of this process, a result",
            &format!("{:.2} µs", self.cpu * 1e6 / results as f64),
        );
        for (name, used) in self.threads {
            let each = used.as_secs_f64() * 1e6 / results as f64;
            if each >= 0.01 {
                say(&format!("    {name}"), &format!("{each:.2} µs"));
            }
        }
    }
}
