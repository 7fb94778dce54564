//! What goes out, and who may send it: posts through the topic, dead letters, and one sender only.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City, RESULTS};
use risk_tests::http;
use risk_tests::kafka::KafkaBroker;
use serde_json::Value;

const SEED: u64 = 20_260_605;
const ENTERPRISES: u32 = 60;
const PARTITIONS: i32 = 4;
const NDJSON: &str = "application/x-ndjson";
const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn posts_go_through_the_topic_and_dead_letters_to_theirs() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;
    let broker = KafkaBroker::start()?;
    city::create_topics(&broker, PARTITIONS)?;
    let data = home.path().join("posted");
    let mut server = city::serve(&data, &city::kafka_section(&broker, false))?;
    let address = server.address().to_owned();
    let url = format!("{address}/v1/results");

    let good = city.lines.first().context("the city has results")?;
    let mut stray: Value = serde_json::from_slice(good)?;
    stray["inspection_id"] = "astray".into();
    stray["site"]["zone_id"] = "atlantis".into();
    let stray = serde_json::to_vec(&stray)?;
    let body = [good.as_slice(), &stray, good, b"{"].join(&b'\n');
    let answer = http::post(&url, NDJSON, &body)?
        .expect_status(200)?
        .json()?;
    let statuses: Vec<&str> = answer["items"]
        .as_array()
        .context("no items")?
        .iter()
        .filter_map(|item| item["status"].as_str())
        .collect();
    ensure!(
        statuses == ["accepted", "rejected", "duplicate", "rejected"],
        "{answer}"
    );
    ensure!(answer["items"][1]["code"] == "unknown_zone", "{answer}");
    ensure!(answer["items"][3]["code"] == "not_json", "{answer}");
    ensure!(broker.read_all(RESULTS)?.len() == 4, "not by the topic");

    let sent = "risk_pipeline_published_total{outlet=\"dead_letters\"}";
    city::until("the dead letters are sent", || {
        Ok(city::metric(&address, sent)?.filter(|sent| *sent >= 2.0))
    })?;
    let letters = broker.read_all("inspection.dead-letters")?;
    let mut by_code = BTreeMap::new();
    for letter in letters {
        let event: Value = serde_json::from_slice(&letter.payload.context("a tombstone")?)?;
        by_code.insert(city::text(&event, "code")?, (letter.key, event));
    }
    let (key, letter) = by_code.get("unknown_zone").context("the stray record")?;
    ensure!(
        letter["record"].as_str() == Some(std::str::from_utf8(&stray)?),
        "{letter}"
    );
    ensure!(
        letter["field"] == "site.zone_id" && letter["value"] == "atlantis",
        "{letter}"
    );
    ensure!(letter["source"] == RESULTS, "{letter}");
    let record: Value = serde_json::from_slice(good)?;
    let enterprise = record["site"]["enterprise_id"]
        .as_str()
        .context("no enterprise")?;
    ensure!(
        key.as_deref() == Some(enterprise.as_bytes()),
        "the key is lost: {key:?}"
    );
    let (key, letter) = by_code.get("not_json").context("the broken record")?;
    ensure!(key.is_none() && letter["record"] == "{", "{letter}");
    ensure!(by_code.len() == 2, "{by_code:?}");
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    Ok(())
}

/// The three steps of a plan tell of its draw what is public by then.
fn tell_the_draw(events: &[Value], public: &Value, drawn: &Value) -> Result<()> {
    for event in events {
        for hash in ["pool_sha256", "secret_sha256"] {
            ensure!(
                event["commitment"][hash] == public["commitment"][hash],
                "{event}"
            );
        }
    }
    ensure!(
        events[1]["tests"] == 16 && events[1]["beacon_value"] == "beef",
        "{}",
        events[1]
    );
    let lines = drawn["lines"].as_array().context("no lines")?;
    for event in &events[..2] {
        let text = event.to_string();
        for line in lines {
            let enterprise = city::text(&line["target"], "enterprise_id")?;
            ensure!(!text.contains(&enterprise), "{text} tells of {enterprise}");
        }
    }
    let told = &events[2]["draw"];
    ensure!(told["lines"] == public["record"]["lines"], "{told}");
    ensure!(told["reserves"] == public["record"]["reserves"], "{told}");
    ensure!(told["secret"] == public["record"]["secret"], "{told}");
    ensure!(told["lines"].as_array().map(Vec::len) == Some(13), "{told}");
    Ok(())
}

/// A plan's steps go out as the ledger has them; what is to be visited stands in none of them.
#[test]
fn sampling_lists_go_out_step_by_step_and_show_what_was_drawn_once_it_is_public() -> Result<()> {
    const JSON: &str = "application/json";
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;
    let broker = KafkaBroker::start()?;
    city.produce(&broker, PARTITIONS)?;
    let data = home.path().join("planned");
    // Its results are of months ago: steps of today wait until their partitions hold nothing back.
    let section = city::kafka_section(&broker, false);
    let mut server = city::serve(&data, &format!("{section}idle_after = \"1s\"\n"))?;
    let address = server.address().to_owned();
    let applied = "risk_pipeline_records_total{disposition=\"applied\"}";
    city::until("the results are read", || {
        let applied = city::metric(&address, applied)?.unwrap_or_default();
        Ok((applied >= city.lines.len() as f64).then_some(()))
    })?;
    let asked = serde_json::json!({
        "budgets": { "risk_evaluation": 5, "supervisory_check": 8, "special_check": 3 },
        "beacon": { "source": "drand quicknet", "round": "42" },
    });
    let post = |path: &str, body: &[u8]| -> Result<Option<Value>> {
        let answer = http::post(&format!("{address}/v1/plans{path}"), JSON, body)?;
        if answer.status == 429 {
            return Ok(None);
        }
        ensure!(answer.status < 300, "{}", answer.body);
        answer.json().map(Some)
    };
    // The first may come before the register was read.
    let (id, drawn) = city::until("a plan with tests is recorded", || {
        let Some(plan) = post("", asked.to_string().as_bytes())? else {
            return Ok(None);
        };
        let id = city::text(&plan, "plan_id")?;
        let drawn = post(&format!("/{id}/draw"), b"{\"beacon_value\":\"beef\"}")?;
        let planned = |of: &Value| of["lines"].as_array().is_some_and(|of| of.len() == 16);
        Ok(drawn.filter(planned).map(|drawn| (id, drawn)))
    })?;
    post(&format!("/{id}/reveal"), b"")?.context("it was not revealed")?;
    let events = city::until("the steps are sent", || {
        let mut events = Vec::new();
        for record in broker.read_all("sampling.lists")? {
            let event: Value = serde_json::from_slice(&record.payload.context("a tombstone")?)?;
            if event["plan_id"] == id.as_str() {
                ensure!(record.key.as_deref() == Some(id.as_bytes()), "another key");
                events.push(event);
            }
        }
        Ok((events.len() >= 3).then_some(events))
    })?;
    let states: Vec<&str> = events
        .iter()
        .filter_map(|of| of["state"].as_str())
        .collect();
    ensure!(states == ["committed", "drawn", "revealed"], "{states:?}");
    let public = http::get(&format!("{address}/v1/draws/{id}"))?.json()?;
    tell_the_draw(&events, &public, &drawn)?;
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    Ok(())
}

#[test]
fn the_newer_process_takes_the_shard_over_and_the_older_stops() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;
    let broker = KafkaBroker::start()?;
    city::create_topics(&broker, PARTITIONS)?;
    let records = city.partitioned(PARTITIONS)?;
    let (first, second) = records.split_at(records.len() / 2);
    broker.produce(RESULTS, first.iter().copied())?;
    let section = city::kafka_section(&broker, false);

    let mut older = city::serve(&home.path().join("older"), &section)?;
    city::until("the older has sent something", || {
        let sent = "risk_pipeline_published_total{outlet=\"grades\"}";
        Ok(city::metric(older.address(), sent)?.filter(|sent| *sent > 0.0))
    })?;
    let mut newer = city::serve(&home.path().join("newer"), &section)?;
    broker.produce(RESULTS, second.iter().copied())?;
    let ended = older.wait(DEADLINE)?;
    ensure!(!ended.success(), "the older ended as if all were well");
    ensure!(
        older
            .tail()
            .contains("another process publishes as spotcheck-0"),
        "no clear error: {}",
        older.tail()
    );
    let applied = "risk_pipeline_records_total{disposition=\"applied\"}";
    city::until("the newer has read everything", || {
        let applied = city::metric(newer.address(), applied)?.unwrap_or_default();
        Ok((applied >= records.len() as f64).then_some(()))
    })?;
    let status = newer.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", newer.tail());
    Ok(())
}

#[test]
fn a_missing_topic_is_named_with_what_to_do() -> Result<()> {
    let home = tempfile::tempdir()?;
    let broker = KafkaBroker::start()?;
    let config = city::configure(
        &home.path().join("data"),
        &city::kafka_section(&broker, false),
    )?;
    let output = city::spotcheck(&["serve", "--config"])?
        .arg(config)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it started");
    ensure!(
        said.contains("there is no topic risk.grades") && said.contains("topics create"),
        "{said}"
    );
    Ok(())
}
