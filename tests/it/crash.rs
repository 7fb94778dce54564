//! Kills at random moments change nothing: not the state, not the alerts, not the replay.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City, Draws};
use risk_tests::http;
use risk_tests::kafka::KafkaBroker;
use risk_tests::process;

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

    let rough = home.path().join("rough");
    let mut seen = Vec::new();
    for kill in 0..KILLS {
        let section = format!("{SMALL_BATCHES}{}", city::kafka_section(&broker, false));
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
    city::read_topic(&broker, &rough)?;

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
    // Kills that all fell before the first or after the last result would prove nothing.
    // Every start appends one entry of its own.
    let amid = seen.iter().filter(|appended| **appended > 1).count();
    ensure!(amid > 1, "no kill amid the work: {seen:?}");
    Ok(())
}

/// Entries that this process has added to the ledger, by its metrics.
fn appended(address: &str) -> Result<u64> {
    let page = http::get(&format!("{address}/metrics"))?.expect_status(200)?;
    let entries = city::value(&page.body, "risk_store_ledger_entries_total")?;
    entries.parse().context("the metric is no whole number")
}
