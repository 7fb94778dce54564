//! What is personal, in the running program: it is shown and noted, erased by route and command, gone from restored
//! backups too; and packs hold before and after.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use risk_tests::packs::{Held, refused_when_altered};
use risk_tests::{city, http, process};
use serde_json::{Value, json};

fn complaint(id: &str, enterprise: &str, (person, contact, words): (&str, &str, &str)) -> Value {
    json!({
        "signal_id": id, "kind": "complaint", "observed_at": "2026-03-02T10:00:00+08:00",
        "enterprise_id": enterprise, "site_id": format!("{enterprise}-S"), "zone_id": "330782-futian",
        "product": "TOY-PLUSH", "severity": 3, "source": "12315", "summary": "毛绒玩具有小零件脱落",
        "personal": {"person": person, "contact": contact, "words": words}
    })
}

const ASKED: &str = r#"{"rule": "consent_withdrawn", "reason": "书面申请"}"#;
const JSON: &str = "application/json";

/// Posts two complaints; the id of the case that the first opens.
fn heard(address: &str) -> Result<String> {
    let complaints = json!([
        complaint(
            "T1",
            "PERSONAL-1",
            ("王小芳", "13800001111", "孩子差点吞下去")
        ),
        complaint("T2", "PERSONAL-2", ("李强", "13900002222", "味道很大")),
    ]);
    let url = format!("{address}/v1/signals");
    let posted = http::post(&url, JSON, &serde_json::to_vec(&complaints)?)?;
    let posted = posted.expect_status(200)?.json()?;
    ensure!(posted["accepted"] == 2, "{posted}");
    city::until("the complaint opens a case", || {
        let cases = city::all(&format!("{address}/v1/cases?open=true&"))?;
        let of = |case: &&Value| {
            case["subject"]
                .as_str()
                .is_some_and(|it| it.contains("PERSONAL-1"))
        };
        cases
            .iter()
            .find(of)
            .map(|case| city::text(case, "case_id"))
            .transpose()
    })
}

/// Erases by route and waits until that is shown.
fn erase(address: &str) -> Result<()> {
    let url = format!("{address}/v1/signals/T1");
    let shown = http::get(&format!("{url}/personal"))?
        .expect_status(200)?
        .json()?;
    ensure!(shown["words"] == "孩子差点吞下去", "{shown}");
    let done = http::post(&format!("{url}/erase"), JSON, ASKED.as_bytes())?;
    let done = done.expect_status(200)?.json()?;
    ensure!(
        done["keys"].as_array().is_some_and(|keys| keys.len() == 1),
        "{done}"
    );
    // It is gone at once; that the ledger says why is shown a moment later.
    city::until("the erasure is shown", || {
        let gone = http::get(&format!("{url}/personal"))?
            .expect_status(200)?
            .json()?;
        ensure!(
            gone["words"].is_null() && gone["person"].is_null(),
            "{gone}"
        );
        Ok((gone["erased"]["rule"] == "consent_withdrawn").then_some(()))
    })?;
    http::post(&format!("{url}/erase"), JSON, ASKED.as_bytes())?.expect_status(409)?;
    Ok(())
}

fn secrets_of(data: &Path) -> Result<String> {
    let secrets = format!("{}.secrets", data.to_str().context("no UTF-8")?);
    ensure!(Path::new(&secrets).join("personal.master").exists());
    Ok(secrets)
}

/// Erases what the second complainant said over a directory at rest, whose state stays what it is.
fn erased_by_command(data: &Path, state: &str) -> Result<()> {
    let erased = [
        "personal", "erase", "--signal", "T2", "--rule", "unlawful", "--reason", "误收", "--actor",
        "admin-1",
    ];
    let said = city::over(&erased, data)?;
    ensure!(
        said.contains("erased 1 keys of whoever stands in signal T2"),
        "{said}"
    );
    ensure!(
        !city::attempt(&erased, data)?.status.success(),
        "it was erased twice"
    );
    ensure!(city::state(data)? == state, "an erasure changed the state");
    let rebuilt = city::over(&["rebuild"], data)?;
    ensure!(city::value(&rebuilt, "state")? == state, "{rebuilt}");
    city::replays_without_difference(data)?;
    let said = city::over(&["personal", "status"], data)?;
    ensure!(
        said.contains("complaint 0 keys") && said.contains("retention 2026"),
        "{said}"
    );
    Ok(())
}

#[test]
fn what_is_erased_is_gone_everywhere_and_every_proof_stays() -> Result<()> {
    process::provide("verifier")?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let mut server = city::serve(&data, "")?;
    let address = server.address().to_owned();
    let case = heard(&address)?;
    let signed = http::get(&format!("{address}/v1/ledger/checkpoint"))?.json()?;
    let (size, key) = (signed["size"].to_string(), city::text(&signed, "key")?);
    let pack = |name: &str, query: &str| {
        let url = format!("{address}/v1/cases/{case}/pack?{query}");
        Held::fetch(&url, &key, &home.path().join(format!("{name}.zip")))
    };
    let before = pack("before", &format!("size={size}"))?;
    let signal = before
        .entries("signal")
        .pop()
        .context("the complaint is not in the pack")?;
    ensure!(
        signal["shows"]["facts"]["told"]["signal_id"] == "T1",
        "{signal}"
    );
    ensure!(signal["erased"].is_null() && before.entries("erasure").is_empty());
    ensure!(before.page()?.contains("不予提供 withheld"));
    let kept = home.path().join("kept");
    city::over(&["backup", "--to", &kept.display().to_string()], &data)?;

    erase(&address)?;
    let after = pack("after", "")?;
    let erasure = after.entries("erasure").pop();
    let erasure = erasure.context("the pack has no erasure")?;
    ensure!(
        erasure["shows"]["party"]["reason"] == "书面申请",
        "{erasure}"
    );
    let signal = after
        .entries("signal")
        .pop()
        .context("the complaint is not in the pack")?;
    ensure!(signal["erased"] == erasure["index"], "{signal}");
    ensure!(
        after.page()?.contains("删除（个人撤回同意）"),
        "the page does not tell it"
    );
    before.holds(&key)?;
    let again = pack("again", &format!("size={size}"))?;
    ensure!(again.text == before.text, "the same size gave another pack");
    let redacted = pack("redacted", "redacted=true")?;
    ensure!(
        !redacted.text.contains("毛绒玩具"),
        "who complained may be told from the summary"
    );
    for held in [&before, &after, &redacted] {
        refused_when_altered(&held.dir.join("pack.json"), &key, 100, 7)?;
    }
    server.stop(std::time::Duration::from_mins(1))?;

    let state = city::state(&data)?;
    erased_by_command(&data, &state)?;
    let restored = home.path().join("restored");
    let secrets = secrets_of(&data)?;
    let from = kept.display().to_string();
    let said = city::over(
        &["restore", "--from", &from, "--secrets-dir", &secrets],
        &restored,
    )?;
    ensure!(said.contains("erased again 2 keys"), "{said}");
    ensure!(
        city::state(&restored)? == state,
        "the restored state is another"
    );
    let said = city::over(
        &["personal", "status", "--secrets-dir", &secrets],
        &restored,
    )?;
    ensure!(said.contains("complaint 0 keys"), "{said}");
    Ok(())
}

#[test]
fn a_server_does_not_start_over_keys_that_another_master_key_locked() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let mut server = city::serve(&data, "")?;
    heard(server.address())?;
    server.stop(std::time::Duration::from_mins(1))?;
    let master = Path::new(&secrets_of(&data)?).join("personal.master");
    fs::remove_file(&master)?;
    let refused = city::serve(&data, "");
    ensure!(refused.is_err(), "it started without the master key");
    let log = fs::read_to_string(data.with_extension("log"))?;
    ensure!(
        log.contains("personal.master") && log.contains("put it back"),
        "{log}"
    );
    // What shows nothing personal needs no key.
    city::over(&["ledger", "verify"], &data)?;
    Ok(())
}
