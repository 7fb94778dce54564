//! An alarm storm: five thousand failing results of one minute, by posts at once. There is one alert for each
//! subject and hazard, one case for each matter, and the process stays within memory.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_domain::time::Timestamp;
use risk_tests::{city, http};
use serde_json::{Value, json};

const FAILURES: u64 = 5_000;
/// Every second failure is of one booth, the others of a booth each.
const BOOTHS: u64 = FAILURES / 2;
/// Posts under way at once, each with failures of every minute, so that they come in no order; and results of a
/// post.
const POSTS: u64 = 4;
const LINES: u64 = 250;
/// The most that the process may grow by.
const MOST_GROWN: u64 = 256 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_mins(1);

fn failure(number: u64) -> Value {
    let booth = if number.is_multiple_of(2) { 0 } else { number };
    let minute = Timestamp::parse("2026-07-01T09:30:00+08:00").unwrap_or(Timestamp::from_millis(0));
    let at = minute.plus_millis((number * 60_000 / FAILURES) as i64);
    json!({
        "inspection_id": format!("STORM-{number}"), "mode": "fast_test", "outcome": "nonconforming",
        "sampled_at": at.to_string(), "observed_at": at.to_string(),
        "agency": {"id": "county-amr", "level": "county"}, "team_id": "team-1",
        "selection": {"basis": "targeted"},
        "site": {"site_id": format!("STORM-S{booth}"), "enterprise_id": format!("STORM-E{booth}"),
                 "name": "晨光玩具商行", "zone_id": "330782-choucheng", "channel": "market"},
        "product": {"category": "TOY-PLUSH", "name": "毛绒玩具"},
        "sample": {"tested": 1}, "test": {"kind": "rapid", "method_id": "rapid"},
        "items": [{"code": "small-parts", "name": "小零件", "verdict": "nonconforming",
                   "hazard": "size_and_shape", "severity": 4}],
    })
}

/// Posts the failures of one poster, again and again while the server asks to wait.
fn post(address: &str, own: u64) -> Result<()> {
    let mine: Vec<String> = (0..FAILURES)
        .filter(|number| number / 2 % POSTS == own)
        .map(|number| failure(number).to_string())
        .collect();
    for lines in mine.chunks(LINES as usize) {
        let body = lines.join("\n");
        let url = format!("{address}/v1/results");
        city::until("the results are durable", || {
            let answer = http::post(&url, "application/x-ndjson", body.as_bytes())?;
            ensure!(
                matches!(answer.status, 200 | 202 | 429),
                "{}: {}",
                answer.status,
                answer.body
            );
            Ok((answer.status == 200).then_some(()))
        })?;
    }
    Ok(())
}

#[test]
fn five_thousand_failures_of_a_minute_are_one_alert_a_subject_and_stay_within_memory() -> Result<()>
{
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("storm");
    let mut server = city::serve(&data_dir, "")?;
    let address = server.address().to_owned();
    let before = server.resident()?;
    thread::scope(|scope| {
        let posts: Vec<_> = (0..POSTS)
            .map(|own| {
                scope.spawn({
                    let address = &address;
                    move || post(address, own)
                })
            })
            .collect();
        for one in posts {
            one.join().ok().context("a poster")??;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let grown = server.resident()?.saturating_sub(before);
    println!("{FAILURES} failures: {} MiB more", grown / (1024 * 1024));
    ensure!(grown < MOST_GROWN, "the process grew by {grown} bytes");

    let alerts = city::all(&format!("{address}/v1/alerts?"))?;
    ensure!(alerts.len() as u64 == BOOTHS + 1, "{} alerts", alerts.len());
    let raises = |of: &str| {
        let found = alerts.iter().find(|alert| alert["subject"] == of);
        found.and_then(|alert| alert["raises"].as_u64())
    };
    // Each is a failed fast test and a failed item that may be fatal.
    ensure!(raises("cell:STORM-E0:TOY-PLUSH") == Some(2 * (FAILURES - BOOTHS)));
    ensure!(raises("cell:STORM-E1:TOY-PLUSH") == Some(2));
    // What is shown of cases follows what is durable.
    let cases = city::until("every case is shown", || {
        let cases = city::all(&format!("{address}/v1/cases?"))?;
        Ok((cases.len() as u64 > BOOTHS).then_some(cases))
    })?;
    ensure!(cases.len() as u64 == BOOTHS + 1, "{} cases", cases.len());
    // However they came, the booth's case has every failure once, in the order of their time.
    let case = cases
        .iter()
        .find(|case| case["subject"] == "cell:STORM-E0:TOY-PLUSH");
    let case = city::text(case.context("no case of the booth")?, "case_id")?;
    let case = http::get(&format!("{address}/v1/cases/{case}"))?.expect_status(200)?;
    let case = case.json()?;
    let happened = case["events"].as_array().context("no events")?;
    let results = happened
        .iter()
        .filter_map(|event| event["inspection_id"].as_str());
    let results: Vec<&str> = results.collect();
    let once: BTreeSet<&&str> = results.iter().collect();
    ensure!(
        results.len() as u64 == FAILURES - BOOTHS,
        "{} failures",
        results.len()
    );
    ensure!(once.len() == results.len(), "a failure stands twice");
    let times = happened.iter().map(|event| event["at"].as_str());
    ensure!(times.is_sorted(), "the events are out of order");
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    Ok(())
}
