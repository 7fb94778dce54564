//! An alert from a post to its closing, as a regulator sees it: over HTTP alone, and again after the
//! program was stopped and its views were made anew.

use std::time::Duration;

use anyhow::{Result, ensure};
use risk_tests::process::Spotcheck;
use risk_tests::{city, http};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(30);
const CELL: &str = "cell:HAND-E1:TOY-PLUSH";

fn result(id: &str, hour: u32) -> Value {
    json!({
        "inspection_id": id, "mode": "fast_test", "outcome": "nonconforming",
        "sampled_at": format!("2026-07-01T{hour:02}:00:00+08:00"),
        "observed_at": format!("2026-07-01T{hour:02}:30:00+08:00"),
        "agency": {"id": "county-amr", "level": "county"}, "team_id": "team-1",
        "selection": {"basis": "targeted"},
        "site": {"site_id": "HAND-S1", "enterprise_id": "HAND-E1", "name": "晨光玩具商行",
                 "zone_id": "330782-choucheng", "channel": "market"},
        "product": {"category": "TOY-PLUSH", "name": "毛绒玩具"},
        "sample": {"tested": 1}, "test": {"kind": "rapid", "method_id": "rapid"},
        "items": [{"code": "small-parts", "name": "小零件", "verdict": "nonconforming",
                   "hazard": "size_and_shape", "severity": 1}],
    })
}

fn signal(id: &str, kind: &str, severity: u8) -> Value {
    json!({
        "signal_id": id, "kind": kind, "observed_at": "2026-07-01T12:00:00+08:00",
        "enterprise_id": "HAND-E1", "product": "TOY-PLUSH", "hazard": "size_and_shape",
        "severity": severity, "source": "12315", "summary": "幼儿误吞小零件",
        "personal": {"person": "投诉人甲", "words": "孩子送医了"},
    })
}

fn command(id: &str, actor: &str, role: &str, minute: u32, more: &Value) -> Value {
    let mut command = json!({
        "command_id": id, "decided_at": format!("2026-07-01T18:{minute:02}:00+08:00"),
        "actor": {"id": actor, "role": role}, "reason": "现场核查",
    });
    if let (Some(all), Some(more)) = (command.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    command
}

fn posted(server: &Spotcheck, path: &str, record: &Value) -> Result<Value> {
    let body = serde_json::to_vec(record)?;
    let url = format!("{}{path}", server.address());
    let answer = http::post(&url, "application/json", &body)?;
    let mut answer = answer.expect_status(200)?.json()?;
    Ok(answer["items"][0].take())
}

fn accepted(server: &Spotcheck, path: &str, record: &Value) -> Result<()> {
    let receipt = posted(server, path, record)?;
    ensure!(receipt["status"] == "accepted", "{record}: {receipt}");
    let again = posted(server, path, record)?;
    ensure!(again["status"] == "duplicate", "{record}: {again}");
    Ok(())
}

fn refused(server: &Spotcheck, record: &Value, field: &str, rule: &str) -> Result<()> {
    let receipt = posted(server, "/v1/commands", record)?;
    ensure!(receipt["status"] == "rejected", "{record}: {receipt}");
    ensure!(
        receipt["code"] == "not_allowed" && receipt["field"] == field,
        "{receipt}"
    );
    let said = receipt["rule"].as_str().unwrap_or_default();
    ensure!(said.contains(rule), "{receipt}");
    Ok(())
}

fn get(server: &Spotcheck, path: &str) -> Result<Value> {
    http::get(&format!("{}{path}", server.address()))?
        .expect_status(200)?
        .json()
}

/// The one alert of the enterprise's product.
fn alert(server: &Spotcheck, state: &str) -> Result<Value> {
    let mut page = get(server, &format!("/v1/alerts?subject={CELL}&state={state}"))?;
    let items = page["items"].as_array().map_or(0, Vec::len);
    ensure!(items == 1, "one alert that is {state}: {page}");
    Ok(page["items"][0].take())
}

fn live(server: &Spotcheck) -> Result<()> {
    for (id, hour) in [("HAND-1", 9), ("HAND-2", 10)] {
        accepted(server, "/v1/results", &result(id, hour))?;
    }
    let opened = alert(server, "open")?;
    ensure!(
        opened["raises"] == 2 && opened["level"] == "four",
        "{opened}"
    );
    ensure!(
        opened["inspection_ids"] == json!(["HAND-1", "HAND-2"]),
        "{opened}"
    );
    let on = |kind: &str| json!({"alert_id": opened["id"], "kind": kind});
    let by = |id, minute, more: &Value| command(id, "330782-017", "officer", minute, more);

    accepted(server, "/v1/commands", &by("K1", 0, &on("acknowledge")))?;
    refused(
        server,
        &by("K2", 1, &on("acknowledge")),
        "alert_id",
        "is acknowledged",
    )?;
    refused(
        server,
        &by("K3", 1, &on("reopen")),
        "alert_id",
        "the alert is acknowledged",
    )?;
    let unknown = json!({"alert_id": "0-1", "kind": "note"});
    refused(
        server,
        &by("K4", 1, &unknown),
        "alert_id",
        "must name an alert",
    )?;
    let viewer = command("K5", "V", "viewer", 1, &on("note"));
    refused(server, &viewer, "actor.role", "officer")?;

    // A child was hurt: level one, which takes two persons to close.
    accepted(server, "/v1/signals", &signal("12315-1", "accident", 3))?;
    let grave = alert(server, "acknowledged")?;
    ensure!(
        grave["level"] == "one" && grave["signal_ids"] == json!(["12315-1"]),
        "{grave}"
    );
    let mut quiet = on("snooze");
    quiet["until"] = json!("2026-07-02");
    refused(
        server,
        &by("K6", 2, &quiet),
        "alert_id",
        "level one is never snoozed",
    )?;
    let mut close = on("close");
    close["disposition"] = json!("confirmed");
    accepted(server, "/v1/commands", &by("K7", 3, &close))?;
    let proposed = alert(server, "acknowledged")?;
    ensure!(proposed["closing"]["command_id"] == "K7", "{proposed}");
    let mut agree = on("approve");
    agree["of"] = json!("K7");
    let alone = command("K8", "330782-017", "approver", 4, &agree);
    refused(server, &alone, "actor.id", "second person")?;
    let second = command("K9", "330782-001", "approver", 4, &agree);
    accepted(server, "/v1/commands", &second)?;
    refused(
        server,
        &by("K10", 5, &on("note")),
        "alert_id",
        "it is closed",
    )
}

/// The end, as it is seen from outside.
fn seen(server: &Spotcheck) -> Result<Value> {
    let closed = alert(server, "closed")?;
    let id = city::text(&closed, "id")?;
    let whole = get(server, &format!("/v1/alerts/{id}"))?;
    let moves = whole["moves"].as_array().cloned().unwrap_or_default();
    let whats: Vec<&str> = moves
        .iter()
        .filter_map(|one| one["what"].as_str())
        .collect();
    let expected = [
        "opened",
        "acknowledged",
        "escalated",
        "closing_proposed",
        "closed",
    ];
    ensure!(whats == expected, "{whats:?}");
    for one in &moves {
        let actor = city::text(one, "actor")?;
        ensure!(
            actor.starts_with("officer:") || actor.starts_with("system:"),
            "{one}"
        );
    }
    let raises = whole["raises"].as_array().map_or(0, Vec::len);
    ensure!(raises == 3, "{whole}");
    ensure!(closed["closing"]["approver"] == "330782-001", "{closed}");
    let signals = get(server, &format!("/v1/subjects/{CELL}/signals"))?;
    ensure!(signals["items"][0]["signal_id"] == "12315-1", "{signals}");
    // Nobody is shown who complained, or in which words.
    let shown = format!("{signals}{whole}");
    ensure!(
        !shown.contains("投诉人") && !shown.contains("送医"),
        "{shown}"
    );
    Ok(whole)
}

#[test]
fn an_alert_is_followed_from_its_first_result_to_the_second_persons_approval() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    let mut server = city::serve(&data_dir, "")?;
    live(&server)?;
    let before = seen(&server)?;
    let closed = "risk_engine_alert_moves_total{what=\"closed\"}";
    ensure!(
        city::metric(server.address(), closed)? == Some(1.0),
        "no metric says so"
    );
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());

    let state = city::state(&data_dir)?;
    city::replays_without_difference(&data_dir)?;
    let rebuilt = city::over(&["rebuild"], &data_dir)?;
    ensure!(city::value(&rebuilt, "state")? == state, "{rebuilt}");
    let server = city::serve(&data_dir, "")?;
    ensure!(seen(&server)? == before, "other alerts after a start");
    Ok(())
}
