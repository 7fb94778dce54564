//! Decisions of officers, from a post to the grade that is recorded: by the topic and without a broker.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City};
use risk_tests::http;
use risk_tests::kafka::KafkaBroker;
use risk_tests::process::Spotcheck;
use serde_json::{Value, json};

const SEED: u64 = 20_261_123;
const ENTERPRISES: u32 = 60;
const PARTITIONS: i32 = 2;
const DEADLINE: Duration = Duration::from_secs(30);

fn command(id: &str, actor: &str, subject: &str, more: &Value) -> Value {
    let mut command = json!({
        "command_id": id,
        "decided_at": "2026-06-30T10:00:00+08:00",
        "actor": { "id": actor, "role": "approver" },
        "reason": "现场检查发现以次充好",
        "subject": subject,
    });
    if let (Some(all), Some(more)) = (command.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    command
}

/// Posts decisions on one enterprise, and sees what becomes of each and of its grade.
fn decide(server: &Spotcheck) -> Result<String> {
    let address = server.address();
    let page = http::get(&format!("{address}/v1/subjects?kind=enterprise&limit=1"))?;
    let subject = city::text(&page.expect_status(200)?.json()?["items"][0], "subject")?;
    let floor = json!({"kind": "floor", "level": "serious", "until": "2026-12-01"});
    let lower = json!({"kind": "override", "level": "low", "until": "2026-12-01"});
    let agree = json!({"kind": "approve", "of": "C2"});
    let beyond = json!({"kind": "floor", "level": "high", "until": "2036-12-01"});
    let posted = [
        (command("C1", "A", &subject, &floor), "accepted", ""),
        (command("C1", "A", &subject, &floor), "duplicate", ""),
        (
            command("C1", "B", &subject, &floor),
            "rejected",
            "command_id",
        ),
        (command("C2", "A", &subject, &lower), "accepted", ""),
        (command("C3", "A", &subject, &agree), "rejected", "actor.id"),
        (command("C4", "B", &subject, &agree), "accepted", ""),
        (command("C5", "A", &subject, &beyond), "rejected", "until"),
        (command("C6", "A", "booth:7", &floor), "rejected", "subject"),
    ];
    for (command, status, field) in &posted {
        let body = serde_json::to_vec(command)?;
        let answer = http::post(&format!("{address}/v1/commands"), "application/json", &body)?;
        let answer = answer.expect_status(200)?.json()?;
        let item = &answer["items"][0];
        ensure!(item["status"] == *status, "{command}: {answer}");
        ensure!(
            item["field"].as_str().unwrap_or_default() == *field,
            "{answer}"
        );
        ensure!(item["command_id"] == command["command_id"], "{answer}");
    }
    let shown = http::get(&format!("{address}/v1/subjects/{subject}"))?;
    let shown = shown.expect_status(200)?.json()?;
    ensure!(shown["provisional"]["level"] == "serious", "{shown}");
    ensure!(
        shown["provisional"]["decision"]["command_id"] == "C1",
        "{shown}"
    );
    let listed = city::all(&format!("{address}/v1/decisions?subject={subject}&"))?;
    let ids: Vec<&str> = listed
        .iter()
        .filter_map(|one| one["command_id"].as_str())
        .collect();
    ensure!(ids == ["C2", "C1"], "{listed:?}");
    ensure!(listed[0]["answers"][0]["actor"] == "B", "{listed:?}");
    let fixed = city::all(&format!("{address}/v1/decisions?state=withdrawn&"))?;
    ensure!(fixed.is_empty(), "{fixed:?}");
    Ok(subject)
}

/// The state, after it was seen that the grade is recorded and everything can be made again.
fn recorded(data_dir: &Path, subject: &str) -> Result<String> {
    let levels = city::levels(data_dir)?;
    let level = levels.get(subject).context("the subject is listed")?;
    ensure!(level == "serious", "{subject} is {level}");
    city::replays_without_difference(data_dir)?;
    let state = city::state(data_dir)?;
    let rebuilt = city::over(&["rebuild"], data_dir)?;
    ensure!(city::value(&rebuilt, "state")? == state, "{rebuilt}");
    Ok(state)
}

#[test]
fn what_officers_decide_is_recorded_the_same_by_topic_and_by_post() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;

    let direct = home.path().join("direct");
    city.import(&direct)?;
    let mut server = city::serve(&direct, "")?;
    let subject = decide(&server)?;
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    // Posts alone never say that nothing more will come.
    let nothing = home.path().join("nothing.ndjson");
    std::fs::write(&nothing, b"")?;
    city::import(&direct, &nothing)?;

    let broker = KafkaBroker::start()?;
    city.produce(&broker, PARTITIONS)?;
    let topic = home.path().join("topic");
    city::read_topic(&broker, &topic)?;
    let mut server = city::serve(&topic, &city::kafka_section(&broker, false))?;
    ensure!(decide(&server)? == subject, "the cities differ");
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    city::read_topic(&broker, &topic)?;

    let (direct, topic) = (recorded(&direct, &subject)?, recorded(&topic, &subject)?);
    ensure!(direct == topic, "by post {direct}, by topic {topic}");
    Ok(())
}
