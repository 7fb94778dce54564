//! Kills at random moments change nothing: not the state, not the alerts, not the replay.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City, Draws};
use risk_tests::http;
use risk_tests::kafka::{Cleanup, KafkaBroker};
use risk_tests::process;
use serde_json::Value;

const SEED: u64 = 20_260_602;
const ENTERPRISES: u32 = 1_200;
const PARTITIONS: i32 = 8;
const KILLS: u32 = 20;
/// The kill before which the broker dies too.
const BROKER_DIES_AT: u32 = KILLS / 2;
/// Small blocks, so that kills fall between and within many of them.
const SMALL_BATCHES: &str = "[worker]\nbatch_records = 64\n";
/// Longest random time between ready and kill, in milliseconds.
const LONGEST_LIFE: u64 = 60;
/// Where the disturbed run sends its events, apart from the undisturbed one.
const GRADES: &str = "rough.grades";
const ALERTS: &str = "rough.alerts";
const DEAD_LETTERS: &str = "rough.dead-letters";

#[test]
fn twenty_kills_and_a_dead_broker_lose_and_double_nothing() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;
    let mut draws = Draws::from_seed(SEED);
    let mut broker = KafkaBroker::start()?;
    city.produce(&broker, PARTITIONS)?;

    let calm = home.path().join("calm");
    city::read_topic(&broker, &calm)?;
    let calm_state = city::state(&calm)?;
    let calm_alerts = city::alert_ids(&calm)?;
    ensure!(
        !calm_alerts.is_empty(),
        "a city without alerts shows nothing"
    );

    for topic in [GRADES, ALERTS, DEAD_LETTERS] {
        broker.create_topic(topic, PARTITIONS, Cleanup::Keep)?;
    }
    let outlets = city::outlets(GRADES, ALERTS, DEAD_LETTERS);
    let rough = home.path().join("rough");
    let mut seen = Vec::new();
    for kill in 0..KILLS {
        let section = format!(
            "{SMALL_BATCHES}{}{outlets}",
            city::kafka_section(&broker, false)
        );
        let mut server = city::serve(&rough, &section)?;
        process::pause(Duration::from_millis(draws.below(LONGEST_LIFE)));
        seen.push(appended(server.address())?);
        if kill == BROKER_DIES_AT {
            broker.kill9()?;
            process::pause(Duration::from_millis(draws.below(LONGEST_LIFE)));
        }
        server.kill9()?;
        if kill == BROKER_DIES_AT {
            broker.restart()?;
        }
    }
    println!("entries appended before each kill: {seen:?}");
    city::read_topic_into(&broker, &rough, &outlets)?;

    ensure!(city::state(&rough)? == calm_state, "another state");
    let rough_alerts = city::alert_ids(&rough)?;
    ensure!(
        rough_alerts == calm_alerts,
        "other alerts: {:?}",
        rough_alerts
            .symmetric_difference(&calm_alerts)
            .collect::<Vec<_>>()
    );
    city::replays_without_difference(&rough)?;
    let alerts = alerts_went_out_once(&broker, &calm_alerts)?;
    let grades = grades_went_out_in_order(&broker, &rough)?;
    println!("{alerts} alerts and {grades} grade events sent, repetitions included");
    // Kills that all fell before the first or after the last result would prove nothing.
    // Every start appends one entry of its own.
    let amid = seen.iter().filter(|appended| **appended > 1).count();
    ensure!(amid > 1, "no kill amid the work: {seen:?}");
    Ok(())
}

/// Every alert lies in the topic; after deduplication by id there is nothing else.
fn alerts_went_out_once(broker: &KafkaBroker, expected: &BTreeSet<String>) -> Result<usize> {
    let mut sent: BTreeMap<String, Value> = BTreeMap::new();
    let mut alerts = BTreeSet::new();
    let records = broker.read_all(ALERTS)?;
    let total = records.len();
    for record in records {
        let event: Value = serde_json::from_slice(&record.payload.context("a tombstone")?)?;
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        ensure!(
            text("specversion").as_deref() == Some("1.0"),
            "no CloudEvent: {event}"
        );
        let subject = text("subject").context("no subject")?;
        ensure!(
            record.key == Some(subject.into_bytes()),
            "filed under another key: {event}"
        );
        let id = text("id").context("no id")?;
        let alert = event["data"]["alert_id"].as_str();
        alerts.insert(alert.context("no alert")?.to_owned());
        if let Some(before) = sent.insert(id, event.clone()) {
            ensure!(before == event, "one id, two contents: {before} {event}");
        }
    }
    ensure!(
        alerts == *expected,
        "alerts sent and alerts that stand differ: {:?}",
        alerts.symmetric_difference(expected).collect::<Vec<_>>()
    );
    Ok(total)
}

/// What was sent last about a subject is the grade that stands; what was sent twice is the same.
fn grades_went_out_in_order(broker: &KafkaBroker, data_dir: &Path) -> Result<usize> {
    let mut last: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut seen: BTreeMap<u64, Value> = BTreeMap::new();
    let records = broker.read_all(GRADES)?;
    let total = records.len();
    for record in records {
        let event: Value = serde_json::from_slice(&record.payload.context("a tombstone")?)?;
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = text("event_id").context("no event_id")?;
        let entry: u64 = id.split_once('-').context("shard-entry")?.1.parse()?;
        let subject = text("subject").context("no subject")?;
        let level = text("level").context("no level")?;
        if let Some(before) = seen.insert(entry, event.clone()) {
            ensure!(before == event, "one id, two contents: {before} {event}");
            continue;
        }
        if let Some((before, _)) = last.insert(subject.clone(), (entry, level)) {
            ensure!(before < entry, "{subject}: {entry} was sent after {before}");
        }
    }
    let standing = city::levels(data_dir)?;
    for (subject, level) in &standing {
        let sent = last.get(subject).map_or("undetermined", |(_, level)| level);
        ensure!(
            sent == level,
            "{subject} stands at {level}, {sent} was sent last"
        );
    }
    ensure!(
        last.len() > 100,
        "only {} subjects were told of",
        last.len()
    );
    Ok(total)
}

/// Entries that this process has added to the ledger, by its metrics.
fn appended(address: &str) -> Result<u64> {
    let page = http::get(&format!("{address}/metrics"))?.expect_status(200)?;
    let entries = city::value(&page.body, "risk_store_ledger_entries_total")?;
    entries.parse().context("the metric is no whole number")
}
