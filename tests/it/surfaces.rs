//! The same results give the same state, whichever way they come in and wherever they lie.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City, RESULTS};
use risk_tests::http;
use risk_tests::kafka::KafkaBroker;

const SEED: u64 = 20_260_601;
const ENTERPRISES: u32 = 400;
/// Lines of one post: several posts a second, each far below the limit of a body.
const POSTED_LINES: usize = 2_000;
const PARTITIONS: i32 = 8;
/// The partition that lies behind the others.
const BEHIND: i32 = 3;
const STOP_DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn every_way_in_and_every_copy_ends_in_the_same_state() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;
    let mut states = BTreeMap::new();

    let imported = home.path().join("imported");
    city.import(&imported)?;
    states.insert("import of a file", city::state(&imported)?);

    let posted = home.path().join("posted");
    post_all(&city, &posted)?;
    states.insert("posts", city::state(&posted)?);

    let one = home.path().join("kafka-1");
    let eight = home.path().join("kafka-8");
    let skewed = home.path().join("kafka-8-skewed");
    let broker = KafkaBroker::start()?;
    city.produce(&broker, 1)?;
    city::read_topic(&broker, &one)?;
    states.insert("Kafka, 1 partition", city::state(&one)?);
    drop(broker);

    let broker = KafkaBroker::start()?;
    city.produce(&broker, PARTITIONS)?;
    city::read_topic(&broker, &eight)?;
    states.insert("Kafka, 8 partitions", city::state(&eight)?);
    drop(broker);

    let broker = KafkaBroker::start()?;
    read_with_one_partition_two_years_behind(&city, &broker, &skewed)?;
    states.insert("Kafka, 8 partitions, skewed", city::state(&skewed)?);
    drop(broker);

    let said = city::over(&["rebuild"], &eight)?;
    states.insert("rebuilt views", city::value(&said, "state")?.to_owned());
    states.insert("restored backup", restored(&eight, home.path())?);

    let expected = states.get("import of a file").context("imported above")?;
    ensure!(
        states.values().all(|state| state == expected),
        "the states differ: {states:#?}"
    );
    for data_dir in [&imported, &posted, &one, &eight, &skewed] {
        city::replays_without_difference(data_dir)?;
    }
    Ok(())
}

/// Posts everything, stops in an orderly way, and closes by an import of nothing: posts alone
/// never say that nothing more will come.
fn post_all(city: &City, data_dir: &Path) -> Result<()> {
    let mut server = city::serve(data_dir, "")?;
    for (route, all) in [("registry", &city.register), ("results", &city.lines)] {
        let url = format!("{}/v1/{route}", server.address());
        for lines in all.chunks(POSTED_LINES) {
            let body = lines.join(&b'\n');
            let answer = http::post(&url, "application/x-ndjson", &body)?.expect_status(200)?;
            let answer = answer.json()?;
            ensure!(answer["accepted"] == lines.len(), "{answer}");
        }
    }
    let status = server.stop(STOP_DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    let nothing = data_dir.with_extension("ndjson");
    fs::write(&nothing, b"")?;
    city::import(data_dir, &nothing)
}

/// One partition has its first result only, until the others have been read so far that they are
/// paused for being too far ahead; then it gets its two years.
fn read_with_one_partition_two_years_behind(
    city: &City,
    broker: &KafkaBroker,
    data_dir: &Path,
) -> Result<()> {
    city::create_topics(broker, PARTITIONS)?;
    let (behind, ahead): (Vec<_>, Vec<_>) = city
        .partitioned(PARTITIONS)?
        .into_iter()
        .partition(|(partition, _, _)| *partition == BEHIND);
    ensure!(
        behind.len() > 100,
        "only {} results are behind",
        behind.len()
    );
    city.produce_register(broker)?;
    broker.produce(RESULTS, behind.first().copied())?;
    broker.produce(RESULTS, ahead)?;
    let mut server = city::serve(data_dir, &city::kafka_section(broker, false))?;
    let address = server.address().to_owned();
    let paused = "risk_pipeline_paused_partitions";
    city::until("the partitions ahead are paused", || {
        Ok(city::metric(&address, paused)?.filter(|paused| *paused > 0.0))
    })?;
    broker.produce(RESULTS, behind.iter().skip(1).copied())?;
    city::until("all partitions are read", || {
        let applied = "risk_pipeline_records_total{disposition=\"applied\"}";
        let applied = city::metric(&address, applied)?.unwrap_or_default();
        let all = city.lines.len() + city.register.len();
        Ok((applied >= all as f64).then_some(()))
    })?;
    let status = server.stop(STOP_DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    city::read_topic(broker, data_dir)
}

fn restored(data_dir: &Path, home: &Path) -> Result<String> {
    let backup = home.join("backup");
    let again = home.join("restored");
    let path = backup.to_str().context("a path that is not UTF-8")?;
    city::over(&["backup", "--to", path], data_dir)?;
    city::over(&["restore", "--from", path], &again)?;
    city::state(&again)
}
