//! Cases of a city, driven by API, topics and results at once: kills change nothing, a topic ends where
//! posts end, and everything can be made again.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City, Draws};
use risk_tests::http;
use risk_tests::kafka::{Cleanup, KafkaBroker};
use risk_tests::process::Spotcheck;
use serde_json::{Value, json};

const SEED: u64 = 20_261_128;
const ENTERPRISES: u32 = 150;
const PARTITIONS: i32 = 2;
const DEADLINE: Duration = Duration::from_secs(30);
/// Rounds of commands, each a day; between two of them the process is killed.
const ROUNDS: u32 = 8;
/// Commands of a round.
const COMMANDS: usize = 30;
/// Where what happened in cases is sent.
const CASES: &str = "told.cases";

/// What officers did, in order, so that it can be done again elsewhere.
type Done = Vec<Value>;

fn command(number: usize, round: u32, actor: &str, case: &str, more: &Value) -> Value {
    let minute = number % 60;
    let mut command = json!({
        "command_id": format!("K{round}-{number}"),
        "decided_at": format!("2026-07-{:02}T10:{minute:02}:00+08:00", round + 1),
        "actor": { "id": actor, "role": "approver" },
        "reason": "依法办理",
        "case_id": case,
    });
    if let (Some(all), Some(more)) = (command.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    command
}

/// Posts a command; gives what became of it.
fn post(address: &str, command: &Value) -> Result<Value> {
    let body = serde_json::to_vec(command)?;
    let answer = http::post(&format!("{address}/v1/commands"), "application/json", &body)?;
    Ok(answer.expect_status(200)?.json()?["items"][0].clone())
}

fn file(address: &str, case: &str) -> Result<Value> {
    let answer = http::get(&format!("{address}/v1/cases/{case}"))?;
    answer.expect_status(200)?.json()
}

/// One day of the office: acts that the cases let be done, and one that no case lets be done.
fn office(address: &str, round: u32, draws: &mut Draws, done: &mut Done) -> Result<()> {
    let open = city::all(&format!("{address}/v1/cases?open=true&"))?;
    ensure!(open.len() >= 5, "only {} open cases", open.len());
    for number in 0..COMMANDS {
        let at = draws.below(open.len() as u64) as usize;
        let case = city::text(&open[at], "case_id")?;
        let known = file(address, &case)?;
        if known["case"]["state"] == "closed" {
            continue;
        }
        let waiting = known["case"]["proposals"][0]["command_id"].as_str();
        let steps = known["next"].as_array().context("a list")?;
        let acts: Vec<&str> = steps
            .iter()
            .filter(|step| step["who"] == "officer")
            .filter_map(|step| step["act"].as_str())
            .filter(|act| *act != "discontinue")
            .collect();
        let (actor, more) = match (waiting, acts.is_empty()) {
            (Some(of), _) => ("B", json!({"kind": "approve", "of": of})),
            (None, true) => ("A", json!({"kind": "note"})),
            (None, false) => {
                let at = draws.below(acts.len() as u64) as usize;
                ("A", json!({"kind": acts[at]}))
            }
        };
        let given = command(number, round, actor, &case, &more);
        let answer = post(address, &given)?;
        ensure!(answer["status"] == "accepted", "{given}: {answer}");
        city::until("the case shows it", || {
            let id = &given["command_id"];
            let known = file(address, &case)?;
            let events = known["events"].as_array().context("a list")?;
            Ok(events
                .iter()
                .any(|event| event["command_id"] == *id)
                .then_some(()))
        })?;
        done.push(given);
    }
    let case = city::text(&open[0], "case_id")?;
    let wrong = command(90, round, "A", &case, &json!({"kind": "remove_early"}));
    let answer = post(address, &wrong)?;
    ensure!(
        answer["status"] == "rejected" && answer["field"] == "kind",
        "{answer}"
    );
    let rule = city::text(&answer, "rule")?;
    ensure!(
        rule.contains("stands at") || rule.contains("open"),
        "{rule}"
    );
    Ok(())
}

/// What every case must keep, as the API shows it.
fn check(address: &str) -> Result<usize> {
    let all = city::all(&format!("{address}/v1/cases?"))?;
    let mut open = BTreeSet::new();
    for case in &all {
        let id = city::text(case, "case_id")?;
        let known = file(address, &id)?;
        let events = known["events"].as_array().context("a list")?;
        let last = events.last().context("it was opened")?;
        ensure!(last["state"] == case["state"], "{id}: {last}");
        ensure!(
            known["evidence"][0] == case["opened_by"],
            "{id} leads to its evidence"
        );
        let matter = (case["subject"].to_string(), case["hazard"].to_string());
        ensure!(
            case["state"] == "closed" || open.insert(matter),
            "{id}: two open cases of one matter"
        );
        let opened = city::text(case, "opened_by")?;
        for term in case["deadlines"].as_array().context("a list")? {
            ensure!(
                term["basis"] != "" && term["mark"] != "",
                "{id} ({opened}): {term}"
            );
        }
    }
    Ok(all.len())
}

fn ended(data_dir: &Path) -> Result<()> {
    // Posts alone never say that nothing more will come.
    let nothing = data_dir.with_extension("ndjson");
    std::fs::write(&nothing, b"")?;
    city::import(data_dir, &nothing)
}

fn stop(mut server: Spotcheck) -> Result<()> {
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    Ok(())
}

#[test]
fn cases_end_the_same_by_posts_kills_and_topics() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, ENTERPRISES)?;
    let mut draws = Draws::from_seed(SEED);

    // Posts, with a kill after every day.
    let rough = home.path().join("rough");
    city.import(&rough)?;
    let mut done = Done::new();
    for round in 0..ROUNDS {
        let mut server = city::serve(&rough, "")?;
        office(server.address(), round, &mut draws, &mut done)?;
        server.kill9()?;
    }
    let server = city::serve(&rough, "")?;
    let cases = check(server.address())?;
    println!("{cases} cases, {} commands", done.len());
    stop(server)?;
    ended(&rough)?;
    let state = city::state(&rough)?;

    // The same posts, undisturbed.
    let calm = home.path().join("calm");
    city.import(&calm)?;
    let server = city::serve(&calm, "")?;
    for given in &done {
        let answer = post(server.address(), given)?;
        ensure!(answer["status"] == "accepted", "{given}: {answer}");
        let again = post(server.address(), given)?;
        ensure!(again["status"] == "duplicate", "{given}: {again}");
    }
    stop(server)?;
    ended(&calm)?;
    ensure!(city::state(&calm)? == state, "kills show");

    // The same by topics.
    let broker = KafkaBroker::start()?;
    city.produce(&broker, PARTITIONS)?;
    broker.create_topic(CASES, 1, Cleanup::Keep)?;
    let told = format!("cases_topic = \"{CASES}\"\n");
    let topic = home.path().join("topic");
    city::read_topic_into(&broker, &topic, &told)?;
    let section = format!("{}{told}", city::kafka_section(&broker, false));
    let server = city::serve(&topic, &section)?;
    for given in &done {
        let answer = post(server.address(), given)?;
        ensure!(answer["status"] == "accepted", "{given}: {answer}");
    }
    stop(server)?;
    city::read_topic_into(&broker, &topic, &told)?;
    ensure!(city::state(&topic)? == state, "by topics it ends elsewhere");
    told_whole(&broker, &topic)?;

    for data_dir in [&rough, &topic] {
        city::replays_without_difference(data_dir)?;
        let rebuilt = city::over(&["rebuild"], data_dir)?;
        ensure!(city::value(&rebuilt, "state")? == state, "{rebuilt}");
    }
    Ok(())
}

/// Whoever puts the events of the topic together has every case as it stands.
fn told_whole(broker: &KafkaBroker, data_dir: &Path) -> Result<()> {
    let mut told: std::collections::BTreeMap<String, (Value, Vec<Value>)> =
        std::collections::BTreeMap::default();
    for record in broker.read_all(CASES)? {
        let event: Value = serde_json::from_slice(&record.payload.context("a tombstone")?)?;
        let id = city::text(&event, "case_id")?;
        ensure!(
            record.key == Some(id.clone().into_bytes()),
            "filed under another key: {event}"
        );
        let first = event["first_event"].as_u64().context("a number")? as usize;
        let new = event["events"].as_array().context("a list")?.clone();
        let (head, events) = told.entry(id).or_default();
        let after = event["events_after"].as_u64().context("a number")? as usize;
        ensure!(
            first + after <= events.len(),
            "an event is missing: {event}"
        );
        let stays = events.split_off(events.len() - after);
        events.truncate(first);
        events.extend(new);
        events.extend(stays);
        *head = event;
    }
    let server = city::serve(data_dir, "")?;
    for case in city::all(&format!("{}/v1/cases?", server.address()))? {
        let id = city::text(&case, "case_id")?;
        let (head, events) = told
            .get(&id)
            .with_context(|| format!("{id} was never told of"))?;
        ensure!(head["state"] == case["state"], "{id}: {head}");
        let known = file(server.address(), &id)?;
        let known = known["events"].as_array().context("a list")?.len();
        ensure!(
            known == events.len(),
            "{id}: {known} events, {} told",
            events.len()
        );
    }
    stop(server)
}
