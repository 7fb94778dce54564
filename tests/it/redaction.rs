//! A city in which every enterprise and every person has an unmistakable name: none of them stands in any byte of
//! a pack that is redacted for another, and each pack holds all the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use risk_tests::packs::{Held, refused_when_altered};
use risk_tests::{city, http, process};
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// Enterprises with a booth each: the end of their ids, and the words of their names.
const BOOTHS: [(&str, &str); 6] = [
    ("QA", "甲字亭"),
    ("QB", "乙字亭"),
    ("QC", "丙字亭"),
    ("QD", "丁字亭"),
    ("QE", "戊字亭"),
    ("QF", "己字亭"),
];
/// Who supplies and makes their goods, the goods' trademark, and a platform.
const BEHIND: [&str; 5] = ["ENT-QW", "ENT-QM", "庚字厂", "辛字牌", "壬字网"];
/// People who complained, were hurt, or are spoken of.
const PEOPLE: [&str; 4] = ["人壹", "人贰", "人叁", "13711112222"];

fn enterprise(of: &str) -> String {
    format!("ENT-{of}")
}

/// A result of a booth, whose goods all came by the same ways, and in which others are spoken of.
fn result(number: u32, of: (&str, &str), failed: bool) -> Value {
    let (verdict, day) = if failed {
        ("nonconforming", 1)
    } else {
        ("conforming", 2 + number % 20)
    };
    json!({
        "inspection_id": format!("R-{number}"), "mode": "supervisory_check", "outcome": verdict,
        "sampled_at": format!("2026-07-{day:02}T09:00:00+08:00"),
        "observed_at": format!("2026-07-{day:02}T11:00:00+08:00"),
        "agency": {"id": "county-amr", "level": "county"}, "team_id": "team-1",
        "selection": {"basis": "random"},
        "site": {"site_id": format!("SITE-{}", of.0), "enterprise_id": enterprise(of.0), "name": of.1,
                 "zone_id": "330782-choucheng", "channel": "market", "booth": format!("{}号位", of.1),
                 "platform": "壬字网"},
        "producer": {"enterprise_id": "ENT-QM", "name": "庚字厂", "region": "庚字厂所在地"},
        "supplier": {"enterprise_id": "ENT-QW"},
        "product": {"category": "TOY-PLUSH", "name": "辛字牌毛绒玩具", "brand": "辛字牌", "lot_no": "L-7"},
        "sample": {"tested": 1, "backup": 1}, "test": {"kind": "laboratory", "lab_id": "LAB-01"},
        "items": [{"code": "small-parts", "name": "小零件", "verdict": verdict,
                   "hazard": "size_and_shape", "severity": 4}],
        "extra": {"remark": "庚字厂人叁送货"},
    })
}

fn fast_test(number: u32, of: (&str, &str)) -> Value {
    let mut result = result(number, of, true);
    result["mode"] = "fast_test".into();
    result["selection"] = json!({"basis": "targeted"});
    result["test"] = json!({"kind": "rapid", "method_id": "rapid"});
    result
}

fn signal(number: u32, kind: &str, of: (&str, &str), other: (&str, &str)) -> Value {
    json!({
        "signal_id": format!("S-{number}"), "kind": kind, "observed_at": "2026-07-01T12:00:00+08:00",
        "enterprise_id": enterprise(of.0), "site_id": format!("SITE-{}", of.0),
        "zone_id": "330782-choucheng", "product": "TOY-PLUSH",
        "hazard": "size_and_shape", "severity": 4, "source": format!("{}的店主", other.1),
        "summary": format!("人壹说{}和庚字厂的货也一样", other.1),
        "personal": {"person": "人贰", "contact": "13711112222", "words": format!("{}的人叁在场", other.1)},
    })
}

/// Posts records one by one as a list; all are taken.
fn posted(address: &str, to: &str, records: &[Value]) -> Result<()> {
    let url = format!("{address}/v1/{to}");
    let answer = http::post(&url, JSON, &serde_json::to_vec(records)?)?;
    let answer = answer.expect_status(200)?.json()?;
    ensure!(answer["accepted"] == records.len(), "{answer}");
    Ok(())
}

/// An officer writes of others in everything that stands open.
fn noted(address: &str) -> Result<usize> {
    let mut commands = Vec::new();
    for (list, id) in [("alerts", "id"), ("cases", "case_id")] {
        for found in city::all(&format!("{address}/v1/{list}?"))? {
            let name = if list == "alerts" {
                "alert_id"
            } else {
                "case_id"
            };
            commands.push(json!({
                "command_id": format!("K-{}", commands.len()), "kind": "note",
                name: city::text(&found, id)?,
                "reason": "与戊字亭、己字亭和庚字厂核实，人壹、人叁在场",
                "decided_at": "2026-07-01T18:00:00+08:00",
                "actor": {"id": "330782-017", "role": "officer"},
            }));
        }
    }
    let subject = format!("enterprise:{}", enterprise("QA"));
    commands.push(json!({
        "command_id": "K-floor", "kind": "floor", "subject": subject, "level": "high", "until": "2026-12-01",
        "reason": "比照己字亭，听取人壹意见", "decided_at": "2026-07-01T18:00:00+08:00",
        "actor": {"id": "330782-017", "role": "officer"},
    }));
    posted(address, "commands", &commands)?;
    Ok(commands.len())
}

/// A draw over the booths, one of which was tested by it, revealed.
fn drawn(address: &str) -> Result<String> {
    let asked = json!({ "budgets": { "risk_evaluation": 4 } });
    let plan = http::post(
        &format!("{address}/v1/plans"),
        JSON,
        &serde_json::to_vec(&asked)?,
    )?;
    let plan = plan.expect_status(201)?.json()?;
    let id = city::text(&plan, "plan_id")?;
    let lines = plan["lines"].as_array().context("no lines")?;
    let mut tested = Vec::new();
    for (line, number) in lines.iter().zip(900..) {
        let site = city::text(&line["target"], "site_id")?;
        let booth = BOOTHS
            .into_iter()
            .find(|of| format!("SITE-{}", of.0) == site);
        let mut of = result(number, booth.context("somebody else was drawn")?, false);
        of["mode"] = line["mode"].clone();
        of["selection"] = line["selection"].clone();
        tested.push(of);
    }
    posted(address, "results", &tested)?;
    let reveal = format!("{address}/v1/plans/{id}/reveal");
    http::post(&reveal, JSON, b"")?.expect_status(200)?;
    Ok(id)
}

/// Results, signals, decisions and a draw of the city; the draw's id.
fn lived(address: &str) -> Result<String> {
    let mut results = Vec::new();
    for (of, number) in BOOTHS.into_iter().zip(0..) {
        results.push(result(100 + number, of, number < 4));
        results.extend((0..6).map(|more| result(200 + 10 * number + more, of, false)));
    }
    results.extend(
        BOOTHS
            .into_iter()
            .take(2)
            .zip(0..)
            .map(|(of, number)| fast_test(300 + number, of)),
    );
    posted(address, "results", &results)?;
    let kinds = [
        "complaint",
        "accident",
        "media_exposure",
        "recall",
        "tip",
        "complaint",
    ];
    let signals = kinds.iter().zip(0..).map(|(kind, number)| {
        let at = number as usize % BOOTHS.len();
        let other = (at + 1) % BOOTHS.len();
        signal(number, kind, BOOTHS[at], BOOTHS[other])
    });
    posted(address, "signals", &signals.collect::<Vec<_>>())?;
    let draw = drawn(address)?;
    // Closes the weeks before.
    let mut last = result(800, BOOTHS[5], false);
    for time in ["sampled_at", "observed_at"] {
        last[time] = "2026-08-20T09:00:00+08:00".into();
    }
    posted(address, "results", &[last])?;
    city::until("the supplier is alerted", || {
        let alerts = city::all(&format!("{address}/v1/alerts?rule=supply_path&"))?;
        Ok(alerts
            .into_iter()
            .find(|alert| alert["subject"] == "enterprise:ENT-QW"))
    })?;
    ensure!(noted(address)? > 10, "hardly anything stands open");
    // What was decided is recorded at the next close.
    let mut last = result(801, BOOTHS[5], false);
    for time in ["sampled_at", "observed_at"] {
        last[time] = "2026-09-20T09:00:00+08:00".into();
    }
    posted(address, "results", &[last])?;
    let erase = json!({"rule": "consent_withdrawn", "reason": "人贰书面申请"});
    let url = format!("{address}/v1/signals/S-0/erase");
    http::post(&url, JSON, &serde_json::to_vec(&erase)?)?.expect_status(200)?;
    Ok(draw)
}

/// Names and ids of everybody but whoever the pack is about.
fn others(pack: &Value) -> Vec<String> {
    let about = pack["about"]["subject"].as_str().unwrap_or_default();
    let own = |id: &str| about.split(':').any(|part| part == id);
    let mut others: Vec<String> = PEOPLE.map(str::to_owned).to_vec();
    others.extend(BEHIND.into_iter().filter(|of| !own(of)).map(str::to_owned));
    for (id, name) in BOOTHS {
        let (enterprise, site) = (enterprise(id), format!("SITE-{id}"));
        if !own(&enterprise) && !own(&site) {
            others.extend([enterprise, site, name.to_owned()]);
        }
    }
    others
}

/// Everything that the files of a pack say: their bytes, and what stands in base64.
fn said(held: &Held) -> Result<Vec<(String, Vec<u8>)>> {
    let mut said = Vec::new();
    for file in fs::read_dir(&held.dir)? {
        let file = file?.path();
        said.push((file.display().to_string(), fs::read(&file)?));
    }
    let entries = held.pack["entries"].as_array().context("no entries")?;
    for entry in entries {
        let sections = entry["sections"].as_object().context("no sections")?;
        for (name, section) in sections {
            if let Some(bytes) = section["bytes"].as_str() {
                said.push((
                    format!("{name} of {}", entry["index"]),
                    BASE64.decode(bytes)?,
                ));
            }
        }
    }
    Ok(said)
}

fn holds(bytes: &[u8], name: &str) -> bool {
    bytes
        .windows(name.len())
        .any(|part| part == name.as_bytes())
}

/// The text of a page on paper, without what parts it.
fn printed(url: &str, file: &Path) -> Result<String> {
    fs::write(file, http::bytes(url)?)?;
    let mut command = std::process::Command::new("pdftotext");
    let text = process::run(command.arg(file).arg("-"))?;
    Ok(text.replace('\u{200b}', "").split_whitespace().collect())
}

/// The addresses of all packs that there are.
fn packs(address: &str, draw: &str) -> Result<Vec<(&'static str, String)>> {
    let mut packs = Vec::new();
    for kind in ["enterprise", "site", "cell", "product", "zone", "sector"] {
        for graded in city::all(&format!("{address}/v1/subjects?kind={kind}&"))? {
            let subject = city::text(&graded, "subject")?;
            packs.push((kind, format!("/v1/subjects/{subject}/pack")));
        }
    }
    for alert in city::all(&format!("{address}/v1/alerts?"))? {
        packs.push((
            "alert",
            format!("/v1/alerts/{}/pack", city::text(&alert, "id")?),
        ));
    }
    for case in city::all(&format!("{address}/v1/cases?"))? {
        packs.push((
            "case",
            format!("/v1/cases/{}/pack", city::text(&case, "case_id")?),
        ));
    }
    packs.push(("draw", format!("/v1/draws/{draw}/pack")));
    Ok(packs)
}

/// A pack that is redacted names nobody but its party, shows of results only that one's, says what is missing, and
/// is refused when it is altered; the full one names others.
fn names_nobody_else(redacted: &Held, full: &Held, page: Option<&str>) -> Result<()> {
    let others = others(&redacted.pack);
    for (place, bytes) in said(redacted)? {
        for name in &others {
            ensure!(
                !holds(&bytes, name),
                "{place} names {name}: {}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
    for name in &others {
        let named = page.is_some_and(|page| page.contains(name));
        ensure!(!named, "the page on paper names {name}");
    }
    let full_names = said(full)?;
    let named = others
        .iter()
        .filter(|name| full_names.iter().any(|(_, bytes)| holds(bytes, name)));
    if named.count() > 0 {
        let page = redacted.page()?;
        ensure!(
            page.contains("withheld"),
            "what is missing is not said: {page}"
        );
    }
    Ok(())
}

#[test]
fn a_redacted_pack_names_nobody_but_its_party_and_holds() -> Result<()> {
    process::provide("verifier")?;
    process::provide("reader")?;
    let home = tempfile::tempdir()?;
    let server = city::serve(&home.path().join("data"), "")?;
    let address = server.address().to_owned();
    let draw = lived(&address)?;
    let signed = http::get(&format!("{address}/v1/ledger/checkpoint"))?.json()?;
    let key = city::text(&signed, "key")?;
    let mut seen = BTreeSet::new();
    let (mut own, mut withheld) = (0, 0);
    for (number, (kind, path)) in packs(&address, &draw)?.into_iter().enumerate() {
        let at = |name: &str| home.path().join(format!("{number}-{name}"));
        let url = format!("{address}{path}");
        let redacted = Held::fetch(&format!("{url}?redacted=true"), &key, &at("redacted.zip"));
        let redacted = redacted.with_context(|| path.clone())?;
        let full = Held::fetch(&url, &key, &at("full.zip")).with_context(|| path.clone())?;
        // One of each kind, which are long to print and to alter, stands for all.
        let first = seen.insert(kind);
        let page = if first {
            Some(printed(
                &format!("{url}?redacted=true&format=pdf"),
                &at("page.pdf"),
            )?)
        } else {
            None
        };
        names_nobody_else(&redacted, &full, page.as_deref()).with_context(|| path.clone())?;
        if first {
            refused_when_altered(&redacted.dir.join("pack.json"), &key, 60, 3)?;
        }
        let results = redacted.entries("result");
        let shown = results
            .iter()
            .filter(|entry| entry["shows"]["facts"].is_object());
        let count = shown.count();
        own += count;
        withheld += results.len() - count;
        ensure!(
            results.len() == full.entries("result").len(),
            "{path} has other results"
        );
    }
    ensure!(seen.len() == 9, "packs of {seen:?} only");
    ensure!(
        own > 20 && withheld > 20,
        "{own} results of their own, {withheld} of others"
    );
    Ok(())
}
