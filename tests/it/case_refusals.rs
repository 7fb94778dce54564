//! What officers may not do in a case, over HTTP: each refusal names the rule and where the case stands, is kept
//! as a dead letter, and changes nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::process::Spotcheck;
use risk_tests::{city, http};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(30);

/// A formal sample that failed: it opens a spot-check case.
fn failure() -> Value {
    json!({
        "inspection_id": "REF-1", "mode": "supervisory_check", "outcome": "nonconforming",
        "sampled_at": "2026-07-01T09:00:00+08:00", "observed_at": "2026-07-01T09:30:00+08:00",
        "agency": {"id": "county-amr", "level": "county"}, "team_id": "team-1",
        "selection": {"basis": "targeted"},
        "site": {"site_id": "REF-S1", "enterprise_id": "REF-E1", "name": "晨光玩具商行",
                 "zone_id": "330782-choucheng", "channel": "market"},
        "product": {"category": "TOY-PLUSH", "name": "毛绒玩具"},
        "sample": {"tested": 1}, "test": {"kind": "laboratory"},
        "items": [{"code": "small-parts", "name": "小零件", "verdict": "nonconforming",
                   "hazard": "size_and_shape", "severity": 1}],
    })
}

struct Office<'a> {
    server: &'a Spotcheck,
    case: String,
    minute: u32,
    /// Commands that were refused, each with the rule.
    refused: Vec<(String, String)>,
}

impl Office<'_> {
    fn post(&self, command: &Value) -> Result<Value> {
        let url = format!("{}/v1/commands", self.server.address());
        let body = serde_json::to_vec(command)?;
        let answer = http::post(&url, "application/json", &body)?;
        Ok(answer.expect_status(200)?.json()?["items"][0].clone())
    }

    /// A command of somebody in some role, a minute after the one before.
    fn command(&mut self, id: &str, (actor, role): (&str, &str), more: &Value) -> Result<Value> {
        self.minute += 1;
        let mut command = json!({
            "command_id": id, "decided_at": format!("2026-07-01T10:{:02}:00+08:00", self.minute),
            "actor": {"id": actor, "role": role}, "reason": "依法办理", "case_id": self.case,
        });
        let fields = command.as_object_mut().context("an object")?;
        fields.extend(more.as_object().context("an object")?.clone());
        Ok(command)
    }

    fn accept(&mut self, id: &str, by: (&str, &str), more: &Value) -> Result<Value> {
        let command = self.command(id, by, more)?;
        let answer = self.post(&command)?;
        ensure!(answer["status"] == "accepted", "{command}: {answer}");
        // What is shown follows what is durable.
        city::until("the case shows it", || {
            let events = self.events()?;
            let mut events = events.as_array().context("a list")?.iter();
            Ok(events.any(|event| event["command_id"] == *id).then_some(()))
        })?;
        Ok(command)
    }

    /// It is refused by a rule, and the answer says where the case stands.
    fn refuse(&mut self, command: &Value, rule: &str, stands: Option<&str>) -> Result<()> {
        let before = self.events()?;
        let answer = self.post(command)?;
        ensure!(answer["status"] == "rejected", "{command}: {answer}");
        let said = city::text(&answer, "rule")?;
        ensure!(said.contains(rule), "{command}: {said}");
        if let Some(state) = stands {
            let stands = format!("stands at `{state}`");
            ensure!(said.contains(&stands), "{command}: {said}");
        }
        ensure!(self.events()? == before, "{command} changed the case");
        self.refused
            .push((city::text(command, "command_id")?, said));
        Ok(())
    }

    fn events(&self) -> Result<Value> {
        let url = format!("{}/v1/cases/{}", self.server.address(), self.case);
        let mut known = http::get(&url)?.expect_status(200)?.json()?;
        Ok(known["events"].take())
    }
}

const LI: (&str, &str) = ("330782-017", "officer");
const WU: (&str, &str) = ("330782-003", "approver");

fn opened(server: &Spotcheck) -> Result<Office<'_>> {
    let url = format!("{}/v1/results", server.address());
    let answer = http::post(&url, "application/json", &serde_json::to_vec(&failure())?)?;
    let answer = answer.expect_status(200)?.json()?;
    ensure!(answer["items"][0]["status"] == "accepted", "{answer}");
    let case = city::until("the case is shown", || {
        let cases = city::all(&format!("{}/v1/cases?", server.address()))?;
        let case = cases.first().map(|case| city::text(case, "case_id"));
        case.transpose()
    })?;
    Ok(Office {
        server,
        case,
        minute: 0,
        refused: Vec::new(),
    })
}

#[test]
fn what_may_not_be_done_in_a_case_is_refused_by_rule_and_state_and_kept() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    let mut server = city::serve(&data_dir, "")?;
    let mut office = opened(&server)?;
    let failed = Some("failed");

    let act = |kind: &str| json!({ "kind": kind });
    let illegal = office.command("X1", LI, &act("publish"))?;
    office.refuse(
        &illegal,
        "must be a step from where the case stands",
        failed,
    )?;
    let viewer = office.command("X2", ("330782-099", "viewer"), &act("notify"))?;
    office.refuse(&viewer, "officer", None)?;
    let early = json!({"kind": "notify", "due": "2026-06-30"});
    let early = office.command("X3", LI, &early)?;
    office.refuse(&early, "before the term starts", failed)?;
    let late = json!({"kind": "notify", "due": "2026-12-31"});
    let late = office.command("X4", LI, &late)?;
    office.refuse(&late, "beyond the term", failed)?;
    let unpaused = office.command("X5", LI, &act("resume_clock"))?;
    office.refuse(&unpaused, "clocks that have not been stopped", failed)?;

    let told = office.accept("K1", LI, &act("notify"))?;
    let notified = Some("notified");
    let mut other = told;
    other["reason"] = json!("另一理由");
    office.refuse(&other, "", None)?;
    let pause = json!({"kind": "pause_clock", "ground": "hearing"});
    office.accept("K2", LI, &pause)?;
    let twice = office.command("X6", LI, &pause)?;
    office.refuse(&twice, "stand still already", notified)?;
    office.accept("K3", LI, &act("resume_clock"))?;

    office.accept("K4", LI, &act("discontinue"))?;
    let agree = json!({"kind": "approve", "of": "K4"});
    let alone = office.command("X7", (LI.0, "approver"), &agree)?;
    office.refuse(&alone, "second person", notified)?;
    let nothing = office.command("X8", WU, &json!({"kind": "approve", "of": "K1"}))?;
    office.refuse(&nothing, "waits for approval", notified)?;
    office.accept("K5", WU, &agree)?;
    let over = office.command("X9", LI, &act("note"))?;
    office.refuse(&over, "must be on a case that is open", Some("closed"))?;
    let mut nobody = office.command("X10", LI, &act("note"))?;
    nobody["case_id"] = json!("0123456789abcdef0123456789abcdef");
    office.refuse(&nobody, "case", None)?;

    let refused = std::mem::take(&mut office.refused);
    let kept = city::until("every refusal is shown", || {
        let kept = city::all(&format!("{}/v1/dead-letters?", server.address()))?;
        Ok((kept.len() >= refused.len()).then_some(kept))
    })?;
    ensure!(kept.len() == refused.len(), "{} kept: {kept:?}", kept.len());
    for (id, rule) in &refused {
        let same = |letter: &&Value| {
            let text = letter.pointer("/record/text").and_then(Value::as_str);
            let named = text.is_some_and(|text| text.contains(&format!("\"{id}\"")));
            named && letter["rule"] == *rule
        };
        ensure!(
            kept.iter().any(|letter| same(&letter)),
            "{id}: {rule} is not kept: {kept:?}"
        );
    }
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    city::replays_without_difference(&data_dir)
}
