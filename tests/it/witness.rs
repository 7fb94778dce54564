//! What a witness keeps proves that the ledger was rewritten, whoever holds its key and its disk.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City};
use risk_tests::http;
use risk_tests::receiver::{Reaction, Receiver};
use serde_json::Value;

const SEED: u64 = 20_260_708;
const DEADLINE: Duration = Duration::from_secs(30);

/// Imports the city but for its last results, serves it under a witness, and posts these one by one,
/// each once the witness has kept what stood before.
fn live(data: &Path, lines: &[Vec<u8>], section: &str, kept: Option<&Path>) -> Result<()> {
    let (before, after) = lines.split_at(lines.len() - 3);
    let file = data.with_extension("ndjson");
    fs::write(&file, before.join(&b'\n'))?;
    city::import(data, &file)?;
    let mut server = city::serve(data, section)?;
    for (number, line) in after.iter().enumerate() {
        if let Some(kept) = kept {
            city::until("the witness has kept what stands", || {
                Ok((notes(kept)?.len() > number).then_some(()))
            })?;
        }
        let url = format!("{}/v1/results", server.address());
        let answer = http::post(&url, "application/json", line)?;
        let answer = answer.expect_status(200)?.json()?;
        ensure!(answer["accepted"] == 1, "{answer}");
    }
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    Ok(())
}

fn notes(file: &Path) -> Result<Vec<String>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(file)?;
    let parts: Vec<&str> = text.split("\n\n").collect();
    let whole = parts.chunks_exact(2);
    Ok(whole
        .map(|note| format!("{}\n", note.join("\n\n")))
        .collect())
}

/// The city's results, with one that failed turned into one that passed.
fn whitewashed(city: &City) -> Result<Vec<Vec<u8>>> {
    let mut altered = city.lines.clone();
    let failed = altered.iter_mut().find(|line| {
        let record: Option<Value> = serde_json::from_slice(line).ok();
        record.is_some_and(|record| record["outcome"] == "nonconforming")
    });
    let failed = failed.context("nothing failed in the city")?;
    let mut record: Value = serde_json::from_slice(failed)?;
    record["outcome"] = "conforming".into();
    for item in record["items"].as_array_mut().context("no items")? {
        item["verdict"] = "conforming".into();
        if let Some(item) = item.as_object_mut() {
            item.remove("hazard");
            item.remove("severity");
        }
    }
    record["sample"]["defective"] = 0.into();
    *failed = serde_json::to_vec(&record)?;
    Ok(altered)
}

#[test]
fn a_ledger_that_its_operator_rewrote_shows_against_what_a_witness_kept() -> Result<()> {
    let home = tempfile::tempdir()?;
    let city = City::simulate(SEED, 40)?;
    let (data, kept) = (home.path().join("data"), home.path().join("kept"));
    let receiver = Receiver::start(|number| match number {
        0 => Reaction::Answer(503, String::new()),
        _later => Reaction::Answer(200, String::new()),
    })?;
    let section = format!(
        "[witness]\nevery = \"50ms\"\nfile = '{}'\n[witness.webhook]\nurl = \"{}\"\n\
         secret = \"0123456789abcdef01234567\"\nallow_networks = [\"127.0.0.1\"]\n",
        kept.display(),
        receiver.url()
    );
    live(&data, &city.lines, &section, Some(&kept))?;
    let key = city::over(&["ledger", "key"], &data)?.trim().to_owned();

    let in_file = notes(&kept)?;
    ensure!(in_file.len() >= 3, "only {} checkpoints", in_file.len());
    let received = receiver.received();
    let last = received.last().context("nothing was posted")?;
    ensure!(last.header("spotcheck-event") == "checkpoint", "{last:?}");
    ensure!(
        last.header("webhook-signature").starts_with("v1,"),
        "{last:?}"
    );
    ensure!(
        in_file.last().map(String::as_bytes) == Some(&last.body[..]),
        "both hold the end"
    );

    let against = kept.display().to_string();
    let verify = ["ledger", "verify", "--against", &against, "--key", &key];
    let said = city::over(&verify, &data)?;
    ensure!(
        said.contains(&format!("consistent with {} checkpoints", in_file.len())),
        "{said}"
    );

    // The operator makes the ledger anew, and signs it with the same key.
    let altered = whitewashed(&city)?;
    let forged = home.path().join("forged");
    live(&forged, &altered, "", None)?;
    fs::copy(data.join("checkpoint.key"), forged.join("checkpoint.key"))?;
    let own = home.path().join("own");
    fs::write(&own, city::over(&["ledger", "checkpoint"], &forged)?)?;
    let own = own.display().to_string();
    city::over(
        &["ledger", "verify", "--against", &own, "--key", &key],
        &forged,
    )
    .context("his own checkpoint shows nothing")?;
    let output = city::attempt(&verify, &forged)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success(),
        "the rewritten ledger was believed"
    );
    ensure!(
        said.contains("was rewritten") || said.contains("was cut"),
        "{said}"
    );

    // A checkpoint that was altered afterwards proves nothing, and is named.
    let text = fs::read_to_string(&kept)?;
    let digits = in_file[1].lines().nth(1).context("no size")?;
    fs::write(&kept, text.replacen(digits, "1", 1))?;
    let output = city::attempt(&verify, &data)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains("not believed"),
        "{said}"
    );
    Ok(())
}
