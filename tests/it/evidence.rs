//! Evidence packs of a real ledger, checked by the program that knows nothing else of Spotcheck.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City};
use risk_tests::packs::{check, python, refused_when_altered, unpack};
use risk_tests::{http, process};
use serde_json::Value;

const SEED: u64 = 20_261_128;

/// A case, after an officer has noted something in it.
fn decided_case(address: &str) -> Result<String> {
    let cases = city::all(&format!("{address}/v1/cases?open=true&"))?;
    let case = cases.first().context("the city has no open case")?;
    let case = city::text(case, "case_id")?;
    let note = serde_json::json!({
        "command_id": "K1", "case_id": case, "kind": "note", "reason": "已电话联系经营者",
        "decided_at": "2026-07-02T09:00:00+08:00", "actor": {"id": "330782-017", "role": "officer"},
    });
    let url = format!("{address}/v1/commands");
    let answer = http::post(&url, "application/json", &serde_json::to_vec(&note)?)?;
    let answer = answer.expect_status(200)?.json()?;
    ensure!(answer["accepted"] == 1, "{answer}");
    city::until("the note is shown", || {
        let file = http::get(&format!("{address}/v1/cases/{case}"))?.expect_status(200)?;
        Ok(file.body.contains("330782-017").then_some(()))
    })?;
    Ok(case)
}

/// The pack of a case has its decision and the result that opened it, and the redacted one no name.
fn case_is_whole(full: &Path, redacted: &Path) -> Result<()> {
    let text = fs::read_to_string(full)?;
    let pack: Value = serde_json::from_str(&text)?;
    let entries = pack["entries"].as_array().context("no entries")?;
    for role in ["conclusion", "decision", "result"] {
        let found = entries.iter().any(|entry| entry["role"] == role);
        ensure!(found, "no entry is a {role}");
    }
    ensure!(text.contains("330782-017") && text.contains("site_name"));
    ensure!(!fs::read_to_string(redacted)?.contains("site_name"));
    Ok(())
}

/// Fetches packs by name and address; each holds under the key.
fn packs_of<const N: usize>(
    address: &str,
    (home, key): (&Path, &str),
    paths: [(&str, String); N],
) -> Result<Vec<PathBuf>> {
    let mut packs = Vec::new();
    for (name, path) in paths {
        let archive = home.join(format!("{name}.zip"));
        let fetch = "import sys, urllib.request as u; u.urlretrieve(sys.argv[1], sys.argv[2])";
        let mut fetch = python(&["-c", fetch, &format!("{address}{path}")])?;
        process::run(fetch.arg(&archive))?;
        let pack = unpack(&archive)?.join("pack.json");
        check(&pack, key).with_context(|| name.to_owned())?;
        packs.push(pack);
    }
    Ok(packs)
}

/// Makes a result one that failed on the first of July.
fn fail(result: &mut Value) {
    result["outcome"] = "nonconforming".into();
    result["items"][0]["verdict"] = "nonconforming".into();
    for (field, time) in [
        ("sampled_at", "2026-07-01T09:00:00+08:00"),
        ("tested_at", "2026-07-01T10:00:00+08:00"),
        ("observed_at", "2026-07-01T11:00:00+08:00"),
    ] {
        result[field] = time.into();
    }
}

/// A result of an enterprise that gets its goods from one wholesaler.
fn supplied(number: u32, day: u32) -> Value {
    serde_json::json!({
        "inspection_id": format!("SUP-{number}"), "mode": "supervisory_check", "outcome": "conforming",
        "sampled_at": format!("2026-07-{day:02}T09:00:00+08:00"),
        "observed_at": format!("2026-07-{day:02}T11:00:00+08:00"),
        "agency": {"id": "county-amr", "level": "county"}, "team_id": "team-1",
        "selection": {"basis": "targeted"},
        "site": {"site_id": format!("SUP-S{number}"), "enterprise_id": format!("SUP-E{number}"),
                 "name": "晨光玩具商行", "zone_id": "330782-choucheng", "channel": "market"},
        "supplier": {"enterprise_id": "SUP-W1"},
        "product": {"category": "TOY-PLUSH", "name": "毛绒玩具"},
        "sample": {"tested": 1, "backup": 1}, "test": {"kind": "laboratory", "lab_id": "LAB-01"},
        "items": [{"code": "small-parts", "name": "小零件", "verdict": "conforming",
                   "hazard": "size_and_shape", "severity": 3}],
    })
}

fn posted(address: &str, results: &[Value]) -> Result<()> {
    let lines: Vec<String> = results.iter().map(ToString::to_string).collect();
    let url = format!("{address}/v1/results");
    let answer = http::post(&url, "application/x-ndjson", lines.join("\n").as_bytes())?;
    let answer = answer.expect_status(200)?.json()?;
    ensure!(answer["accepted"] == results.len(), "{answer}");
    Ok(())
}

/// Closes the first weeks of July.
fn later(address: &str) -> Result<()> {
    posted(address, &[supplied(9, 20)])
}

/// The alert about a wholesaler whose goods failed at four enterprises.
fn supply_alert(address: &str) -> Result<Value> {
    let failed = (1..=4).map(|number| {
        let mut failed = supplied(number, 1);
        fail(&mut failed);
        failed
    });
    posted(address, &failed.collect::<Vec<_>>())?;
    let accident = serde_json::json!({
        "signal_id": "ACC-1", "kind": "accident", "observed_at": "2026-07-01T12:00:00+08:00",
        "enterprise_id": "SUP-E1", "product": "TOY-PLUSH", "hazard": "size_and_shape",
        "severity": 4, "source": "12315", "summary": "幼儿误吞小零件",
        "personal": {"person": "投诉人甲", "words": "孩子送医了"},
    });
    let url = format!("{address}/v1/signals");
    let heard = http::post(&url, "application/json", accident.to_string().as_bytes())?;
    let heard = heard.expect_status(200)?.json()?;
    ensure!(heard["accepted"] == 1, "{heard}");
    later(address)?;
    city::until("the wholesaler is alerted", || {
        let alerts = city::all(&format!("{address}/v1/alerts?rule=supply_path&"))?;
        Ok(alerts
            .into_iter()
            .find(|alert| alert["subject"] == "enterprise:SUP-W1"))
    })
}

/// An alert of every rule that raised any.
fn one_of_each_rule(address: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for alert in city::all(&format!("{address}/v1/alerts?"))? {
        let (id, rule) = (city::text(&alert, "id")?, city::text(&alert, "rule")?);
        found.entry(rule).or_insert(id);
    }
    Ok(found)
}

/// The entries of a pack that stand for something.
fn entries_of(pack: &Path, role: &str) -> Result<Vec<Value>> {
    let pack: Value = serde_json::from_str(&fs::read_to_string(pack)?)?;
    let entries = pack["entries"].as_array().context("no entries")?;
    let of_role = entries.iter().filter(|entry| entry["role"] == role);
    Ok(of_role.cloned().collect())
}

/// The ids of the results in a pack.
fn results_of(pack: &Path) -> Result<BTreeSet<String>> {
    let results = entries_of(pack, "result")?;
    let ids = results.iter();
    ids.map(|entry| city::text(&entry["shows"]["facts"], "inspection_id"))
        .collect()
}

/// A plan that is drawn at once, with the results of its first drawn lines, revealed; its id, and an enterprise
/// that was drawn.
fn revealed_draw(address: &str, results: &Path) -> Result<(String, String)> {
    let json = "application/json";
    let budgets = serde_json::json!({ "risk_evaluation": 6, "supervisory_check": 8 });
    let asked = serde_json::to_vec(&serde_json::json!({ "budgets": budgets }))?;
    let plan = http::post(&format!("{address}/v1/plans"), json, &asked)?;
    let plan = plan.expect_status(201)?.json()?;
    let id = city::text(&plan, "plan_id")?;
    let mut found = Vec::new();
    let known = fs::read_to_string(results)?;
    for line in plan["lines"].as_array().context("no lines")? {
        let target = |name: &str| city::text(&line["target"], name);
        let (site, product) = (target("site_id")?, target("product")?);
        // As an earlier result of the target, but by this draw, and failed.
        let same = known.lines().find_map(|of| {
            let of: Value = serde_json::from_str(of).ok()?;
            let same = of["site"]["site_id"] == *site && of["product"]["category"] == *product;
            (same && of["items"].get(0).is_some()).then_some(of)
        });
        let Some(mut result) = same else { continue };
        let number = found.len();
        result["inspection_id"] = format!("{id}-{number}").into();
        fail(&mut result);
        result["mode"] = line["mode"].clone();
        result["selection"] = line["selection"].clone();
        for linked in ["supersedes", "confirms", "follow_up_of", "case_id"] {
            result[linked] = Value::Null;
        }
        found.push(result);
    }
    ensure!(found.len() > 3, "{} of the drawn were tested", found.len());
    posted(address, &found)?;
    let reveal = format!("{address}/v1/plans/{id}/reveal");
    http::post(&reveal, json, b"")?.expect_status(200)?;
    city::until("the reveal is shown", || {
        let draw = http::get(&format!("{address}/v1/draws/{id}"))?.expect_status(200)?;
        Ok((draw.json()?["state"] == "revealed").then_some(()))
    })?;
    // Whose grade was recorded after the results counted.
    later(address)?;
    let graded = city::until("a grade counts what was drawn", || {
        for result in &found {
            let enterprise = city::text(&result["site"], "enterprise_id")?;
            let subject = format!("enterprise:{enterprise}");
            let of = http::get(&format!("{address}/v1/subjects/{subject}"))?.expect_status(200)?;
            let as_of = of.json()?["recorded"]["as_of"].clone();
            if as_of.as_str().is_some_and(|as_of| as_of > "2026-07-01") {
                return Ok(Some(subject));
            }
        }
        Ok(None)
    })?;
    Ok((id, graded))
}

/// The pack of a draw has its steps and results; its record and pool lie beside it, and whoever knows nothing
/// of the program draws again. Before the reveal neither lies there. Altered packs and documents are refused.
#[test]
fn a_draw_is_made_again_from_its_pack_and_an_altered_one_is_not_believed() -> Result<()> {
    process::provide("verifier")?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let city = City::simulate(SEED, 40)?;
    city.import(&data)?;
    let key = city::over(&["ledger", "key"], &data)?.trim().to_owned();
    let server = city::serve(&data, "")?;
    let address = server.address().to_owned();
    let (draw, graded) = revealed_draw(&address, &city.file())?;
    let signed = http::get(&format!("{address}/v1/ledger/checkpoint"))?;
    let size = signed.expect_status(200)?.json()?["size"].to_string();
    let path = format!("/v1/draws/{draw}/pack");
    let made = [
        ("draw", format!("{path}?size={size}")),
        ("draw-redacted", format!("{path}?size={size}&redacted=true")),
    ];
    let served = packs_of(&address, (home.path(), &key), made)?;
    let pack = served.first().context("no pack")?;
    let said = check(pack, &key)?;
    ensure!(said.contains("drawn again, 14 tests as recorded"), "{said}");
    // The grade of whoever was drawn leads to the draw by which they were.
    let grade = [("grade", format!("/v1/subjects/{graded}/pack?size={size}"))];
    let grade = packs_of(&address, (home.path(), &key), grade)?;
    let grade = grade.first().context("no pack of a grade")?;
    let steps = entries_of(grade, "draw")?;
    ensure!(steps.len() == 3, "{} steps of the draw", steps.len());
    let of_draw = |step: &Value| step["shows"]["facts"]["told"]["plan_id"] == *draw;
    ensure!(
        steps.iter().all(of_draw),
        "steps of another draw: {steps:?}"
    );
    let said = check(grade, &key)?;
    ensure!(said.contains("its record holds"), "{said}");
    ensure!(!said.contains("was not drawn"), "{said}");
    let read: Value = serde_json::from_str(&fs::read_to_string(pack)?)?;
    let entries = read["entries"].as_array().context("no entries")?;
    let results = entries.iter().filter(|entry| entry["role"] == "result");
    ensure!(results.count() > 3, "{read}");
    let steps = read["statement"]["draw"].as_array().context("no steps")?;
    ensure!(steps.len() == 3, "{read}");
    // Of as many entries as there were before the reveal, it shows no more than there was then.
    let revealed = entries.get(2).and_then(|entry| entry["index"].as_u64());
    let before = revealed.context("no reveal")?;
    let sealed = [("sealed", format!("{path}?size={before}"))];
    let sealed = packs_of(&address, (home.path(), &key), sealed)?;
    let sealed = sealed.first().context("no sealed pack")?;
    let said = check(sealed, &key)?;
    ensure!(said.contains("its record is not at hand"), "{said}");
    let beside = fs::read_dir(sealed.parent().context("no folder")?)?;
    ensure!(beside.count() == 3, "documents lie beside a sealed draw");
    drop(server);

    let again = home.path().join("again.zip");
    let out = again.display().to_string();
    let about = format!("draw:{draw}");
    city::over(&["evidence", &about, "--size", &size, "--out", &out], &data)?;
    let again = unpack(&again)?;
    ensure!(fs::read(again.join("pack.json"))? == fs::read(pack)?);

    for pack in &served {
        refused_when_altered(pack, &key, 200, SEED)?;
    }
    for document in fs::read_dir(&again)? {
        let document = document?.path();
        let name = document.display().to_string();
        if name.contains("record-") || name.contains("pool-") {
            let whole = fs::read(&document)?;
            let mut other = whole.clone();
            let last = other.last_mut().context("an empty document")?;
            *last ^= 1;
            fs::write(&document, other)?;
            let refused = check(&again.join("pack.json"), &key);
            ensure!(refused.is_err(), "{name} was altered and believed");
            fs::write(&document, whole)?;
        }
    }
    check(&again.join("pack.json"), &key)?;
    Ok(())
}

/// The alert about a wholesaler has the four results of four enterprises that raised it.
fn raised_by_these(pack: &Path) -> Result<()> {
    let results = results_of(pack)?;
    let expected: BTreeSet<String> = (1..=4).map(|number| format!("SUP-{number}")).collect();
    ensure!(results == expected, "{results:?}");
    ensure!(!entries_of(pack, "raise")?.is_empty(), "nothing raised it");
    Ok(())
}

/// Grades of what everybody's results touch have some of them, the alerts of every rule what raised them.
fn every_kind(address: &str, (home, key): (&Path, &str)) -> Result<()> {
    for kind in ["product", "zone", "sector", "site", "cell"] {
        let asked = format!("{address}/v1/subjects?kind={kind}&sort=-probability&limit=1");
        let worst = http::get(&asked)?.expect_status(200)?.json()?;
        let subject = city::text(&worst["items"][0], "subject")?;
        let path = format!("/v1/subjects/{subject}/pack");
        let redacted = format!("{path}?redacted=true");
        let packs = packs_of(address, (home, key), [(kind, path), ("redacted", redacted)])?;
        for pack in &packs {
            let results = entries_of(pack, "result")?;
            ensure!(!results.is_empty(), "{subject} rests on nothing");
        }
        let pack = packs.first().context("no pack")?;
        let pack: Value = serde_json::from_str(&fs::read_to_string(pack)?)?;
        ensure!(
            pack["counted_results"].as_u64() > Some(0),
            "{}",
            pack["counted_results"]
        );
    }
    let alerts = one_of_each_rule(address)?;
    ensure!(
        alerts.len() > 3 && alerts.contains_key("accident"),
        "alerts of {alerts:?} only"
    );
    for (rule, id) in alerts {
        let pack = packs_of(
            address,
            (home, key),
            [(&rule, format!("/v1/alerts/{id}/pack"))],
        )?;
        let pack = pack.first().context("no pack")?;
        let heard = entries_of(pack, "signal")?;
        let rests = !results_of(pack)?.is_empty() || !heard.is_empty();
        ensure!(rests, "an alert of {rule} rests on nothing");
        if rule == "accident" {
            let told = &heard.first().context("no accident")?["shows"]["facts"]["told"];
            ensure!(told["signal_id"] == "ACC-1", "{told}");
            let text = fs::read_to_string(pack)?;
            ensure!(!text.contains("投诉人甲"), "a person is named");
        }
    }
    Ok(())
}

/// Packs of grades, alerts and cases hold, full and redacted, from the program and from the API; the same size
/// gives the same JSON; 200 packs with one value altered each are refused; and a ledger that was cut shows
/// against a checkpoint that was kept.
#[test]
fn packs_hold_for_whoever_trusts_nobody_and_altered_ones_do_not() -> Result<()> {
    process::provide("verifier")?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let city = City::simulate(SEED, 40)?;
    city.import(&data)?;
    let key = city::over(&["ledger", "key"], &data)?.trim().to_owned();

    let server = city::serve(&data, "")?;
    let address = server.address().to_owned();
    let alert = city::text(&supply_alert(&address)?, "id")?;
    let worst = city::all(&format!(
        "{address}/v1/subjects?kind=enterprise&sort=-probability&"
    ))?;
    let worst = worst.first().context("the city has no grades")?;
    let subject = city::text(worst, "subject")?;
    let case = decided_case(&address)?;
    let signed = http::get(&format!("{address}/v1/ledger/checkpoint"))?;
    let signed = signed.expect_status(200)?.json()?;
    ensure!(city::text(&signed, "key")? == key);
    let size = signed.get("size").and_then(Value::as_u64);
    let size = size.context("no size")?.to_string();
    let kept = home.path().join("checkpoint.txt");
    fs::write(&kept, city::text(&signed, "checkpoint")?)?;
    check(&kept, &key)?;
    let served = packs_of(
        &address,
        (home.path(), &key),
        [
            ("grade", format!("/v1/subjects/{subject}/pack?size={size}")),
            (
                "grade-redacted",
                format!("/v1/subjects/{subject}/pack?size={size}&redacted=true"),
            ),
            ("alert", format!("/v1/alerts/{alert}/pack?size={size}")),
            ("case", format!("/v1/cases/{case}/pack?size={size}")),
            (
                "case-redacted",
                format!("/v1/cases/{case}/pack?size={size}&redacted=true"),
            ),
        ],
    )?;
    raised_by_these(served.get(2).context("no pack of an alert")?)?;
    every_kind(&address, (home.path(), &key))?;
    drop(server);

    let redacted = fs::read_to_string(served.get(1).context("no redacted pack")?)?;
    let full = fs::read_to_string(served.first().context("no full pack")?)?;
    ensure!(full.contains("site_name") && !redacted.contains("site_name"));
    let again = home.path().join("again.zip");
    let out = again.display().to_string();
    let made = ["evidence", &subject, "--size", &size, "--out", &out];
    city::over(&made, &data)?;
    let again = fs::read_to_string(unpack(&again)?.join("pack.json"))?;
    ensure!(again == full, "the same size gave another pack");

    let (case, case_redacted) = (served.get(3), served.get(4));
    let (case, case_redacted) = case.zip(case_redacted).context("no packs of cases")?;
    case_is_whole(case, case_redacted)?;

    for pack in &served {
        refused_when_altered(pack, &key, 200, SEED)?;
    }

    let against = kept.display().to_string();
    let consistent = ["ledger", "verify", "--against", &against, "--key", &key];
    let said = city::over(&consistent, &data)?;
    ensure!(said.contains("consistent with the checkpoint"), "{said}");
    let other = home.path().join("other");
    City::simulate(SEED + 1, 40)?.import(&other)?;
    let rewritten = city::attempt(&consistent, &other)?;
    let said = String::from_utf8_lossy(&rewritten.stderr).into_owned();
    ensure!(!rewritten.status.success(), "another ledger was believed");
    ensure!(
        said.contains("was rewritten") || said.contains("was cut"),
        "{said}"
    );
    Ok(())
}
