//! What a feed may do to its reader: compress as it likes, and send rubbish only so long.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City, RESULTS};
use risk_tests::http;
use risk_tests::kafka::KafkaBroker;

const SEED: u64 = 20_260_606;
const ENTERPRISES: u32 = 60;
const PARTITIONS: i32 = 2;
const DEADLINE: Duration = Duration::from_secs(30);
const APPLIED: &str = "risk_pipeline_records_total{disposition=\"applied\"}";

/// Waits until so many results have been applied.
fn applied(address: &str, results: usize) -> Result<()> {
    city::until("results are applied", || {
        let applied = city::metric(address, APPLIED)?.unwrap_or_default();
        Ok((applied >= results as f64).then_some(()))
    })
}

#[test]
fn every_codec_is_read_and_an_orderly_stop_leaves_offset_and_state_agreed() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;
    let broker = KafkaBroker::start()?;
    city::create_topics(&broker, PARTITIONS)?;
    let records = city.partitioned(PARTITIONS)?;
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    let each = records.len().div_ceil(codecs.len());
    for (codec, records) in codecs.into_iter().zip(records.chunks(each)) {
        broker.produce_as(codec, RESULTS, records.iter().copied())?;
    }
    let data = home.path().join("data");
    let section = city::kafka_section(&broker, false);
    let mut server = city::serve(&data, &section)?;
    applied(server.address(), records.len())?;
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());

    let committed = broker.committed(RESULTS, "spotcheck")?;
    ensure!(
        committed.iter().all(|(committed, end)| committed == end),
        "the group stands at {committed:?} (committed, end)"
    );
    // The ledger says the same: the next start reads nothing again.
    let mut again = city::serve(&data, &section)?;
    city::until("the next start has read to the end", || {
        let page = http::get(&format!("{}/readyz", again.address()))?;
        Ok((page.status == 200).then_some(()))
    })?;
    let read = city::metric(again.address(), APPLIED)?.unwrap_or_default();
    let duplicates = "risk_pipeline_records_total{disposition=\"duplicate\"}";
    let duplicates = city::metric(again.address(), duplicates)?.unwrap_or_default();
    ensure!(
        read + duplicates == 0.0,
        "{read} read again, {duplicates} twice"
    );
    ensure!(again.stop(DEADLINE)?.success(), "{}", again.tail());
    Ok(())
}

#[test]
fn a_feed_of_rubbish_stops_its_partition_alone_until_it_is_mended() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;
    let broker = KafkaBroker::start()?;
    city::create_topics(&broker, PARTITIONS)?;
    let records = city.partitioned(PARTITIONS)?;
    let (sound, other): (Vec<_>, Vec<_>) =
        records.iter().copied().partition(|record| record.0 == 0);
    let rubbish = vec![(1, b"k".as_slice(), b"rubbish".as_slice()); 30];
    broker.produce(RESULTS, rubbish)?;
    broker.produce(RESULTS, other.iter().copied())?;
    broker.produce(RESULTS, sound.iter().copied())?;

    let data = home.path().join("data");
    let kafka = city::kafka_section(&broker, false);
    let strict = format!("[worker]\ndead_letter_consecutive = 20\n{kafka}");
    let mut server = city::serve(&data, &strict)?;
    let ready = format!("{}/readyz", server.address());
    let page = city::until("the partition stops", || {
        let page = http::get(&ready)?;
        Ok((page.status == 503).then_some(page))
    })?;
    ensure!(
        page.body.contains("partition 1 is stopped") && page.body.contains("21 records in a row"),
        "{}",
        page.body
    );
    applied(server.address(), sound.len())?;
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());

    // Someone has looked, and lets the rubbish be rejected: reading goes on where it stopped.
    let mut server = city::serve(&data, &kafka)?;
    applied(server.address(), other.len())?;
    let letters = city::until("every rejected record is listed", || {
        let letters = city::all(&format!("{}/v1/dead-letters?", server.address()))?;
        Ok((letters.len() == 30).then_some(letters))
    })?;
    let first = letters.last().context("no letter")?;
    ensure!(first["partition"] == 1 && first["offset"] == 0, "{first}");
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    Ok(())
}
