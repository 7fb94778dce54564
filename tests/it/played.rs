//! A client that knows the API alone plays weeks of an independent synthetic city (`../shared/reference/city.py`):
//! it posts what was found, asks for Monday's plan, and tests its lines.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use risk_tests::city;
use risk_tests::http;
use risk_tests::process;
use serde_json::Value;

const SEED: &str = "20";
/// Weeks in all, and how many of them the status quo plays.
const WEEKS: usize = 52;
const BURN_IN: usize = 40;
/// A city of half the enterprises.
const SETTINGS: &str = r#"{"E": 1500}"#;
/// Tests of a week, as the city has them.
const BUDGETS: [(&str, u32); 4] = [
    ("risk_evaluation", 20),
    ("supervisory_check", 40),
    ("special_check", 25),
    ("fast_test", 60),
];

/// Plays a policy; what the client told of it.
fn play(policy: &str, address: &str) -> Result<Value> {
    let root = process::workspace_root()?;
    let mut command = Command::new("timeout");
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg("480");
    command.arg(root.join(".cache/played/bin/python"));
    command.arg(root.join("tests/played/play.py"));
    command.arg("--city").arg(root.join("../shared/reference"));
    command.args(["--address", address, "--seed", SEED, "--policy", policy]);
    command.args(["--weeks", &WEEKS.to_string()]);
    command.args(["--burn-in", &BURN_IN.to_string(), "--settings", SETTINGS]);
    let told = process::run(&mut command)?;
    Ok(serde_json::from_str(&told)?)
}

fn number(of: &Value, pointer: &str) -> Result<f64> {
    let found = of.pointer(pointer).and_then(Value::as_f64);
    found.with_context(|| format!("no number at {pointer} in {of}"))
}

/// Quota, sum of the probabilities and number of units, by mode, as the text of a pool has them.
fn pool_sums(pool: &str) -> Result<BTreeMap<String, (u32, f64, usize)>> {
    let mut sums: BTreeMap<String, (u32, f64, usize)> = BTreeMap::new();
    let mut mode = String::new();
    for line in pool.lines().skip(2) {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["stratum", of, _, draws, _] => {
                (*of).clone_into(&mut mode);
                sums.entry(mode.clone()).or_default().0 += draws.parse::<u32>()?;
            }
            [_, _, probability] => {
                let probability: f64 = probability.parse()?;
                ensure!(probability > 0.0, "a unit without a chance: {line}");
                let sum = sums.get_mut(&mode).context("a unit before its stratum")?;
                sum.1 += probability;
                sum.2 += 1;
            }
            other => ensure!(other.is_empty(), "a line of another kind: {line}"),
        }
    }
    Ok(sums)
}

/// The draw of a plan, revealed, drawn again by the program from the published files alone.
fn drawn_as_published(address: &str, plan: &str, home: &Path) -> Result<()> {
    let reveal = format!("{address}/v1/plans/{plan}/reveal");
    let revealed = http::post(&reveal, "application/json", b"")?.expect_status(200)?;
    let record = revealed.json()?;
    let record = record.get("record").context("no record")?;
    let pool = http::get(&format!("{address}/v1/draws/{plan}/pool"))?.expect_status(200)?;
    let sums = pool_sums(&pool.body)?;
    let of_mode = |mode: &str| sums.get(mode).copied().context("a mode without a pool");
    let (evaluations, checks) = (of_mode("risk_evaluation")?, of_mode("supervisory_check")?);
    for ((_, quota), (draws, sum, units)) in BUDGETS.iter().zip([evaluations, checks]) {
        ensure!(draws == *quota, "{draws} draws for {quota}");
        ensure!(
            (sum - f64::from(*quota)).abs() < 1e-6,
            "Σπ = {sum}, not {quota}"
        );
        ensure!(units > 1_000, "a pool of {units}");
    }
    ensure!(evaluations.2 >= checks.2, "more are checked than trade");
    let files = [home.join("record.json"), home.join("pool.txt")];
    fs::write(&files[0], serde_json::to_vec(record)?)?;
    fs::write(&files[1], &pool.body)?;
    let said = process::run(city::spotcheck(&["draw", "verify"])?.args(&files))?;
    ensure!(said.contains("as published"), "{said}");
    Ok(())
}

/// Of a dozen weeks that the server plans, each line has what a client needs; they find far more than
/// chance does in the same city, about as much as the plans foretold; each draw can be made again; and a
/// plan is the same bytes after a power cut.
#[test]
fn a_client_that_knows_the_api_alone_finds_more_than_chance() -> Result<()> {
    process::provide("played")?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let mut server = city::serve(&data, "")?;
    let address = server.address().to_owned();
    let (planned, random) = (play("spotcheck", &address)?, play("random", &address)?);
    println!("{planned}\n{random}");
    let (found, by_chance) = (number(&planned, "/found")?, number(&random, "/found")?);
    // Twice as many are to be expected, and about 100 by chance: 1.4 is four standard deviations below.
    ensure!(
        found > 1.4 * by_chance,
        "{found} by plan, {by_chance} by chance"
    );
    let expected = number(&planned, "/expected")?;
    let doubt = 4.0 * expected.sqrt() + 0.2 * expected;
    ensure!(
        (found - expected).abs() < doubt,
        "{found} found, {expected} foretold"
    );
    for (at, (mode, budget)) in BUDGETS.iter().enumerate() {
        let tests = number(&planned, &format!("/tests/{at}"))?;
        let wanted = f64::from(*budget) * (WEEKS - BURN_IN) as f64;
        ensure!((tests - wanted).abs() < 0.5, "{tests} tests of {mode}");
    }

    let plans = city::all(&format!("{address}/v1/plans?"))?;
    let plans: Vec<String> = plans
        .iter()
        .map(|plan| city::text(plan, "plan_id"))
        .collect::<Result<_>>()?;
    ensure!(plans.len() == WEEKS - BURN_IN, "{} plans", plans.len());
    for plan in &plans[..3] {
        drawn_as_published(&address, plan, home.path())?;
    }
    let lines = |address: &str| -> Result<Vec<String>> {
        let of = |plan: &String| http::get(&format!("{address}/v1/plans/{plan}"));
        let of = |plan| Ok(of(plan)?.expect_status(200)?.body);
        plans.iter().map(of).collect()
    };
    let before = lines(&address)?;
    server.kill9()?;
    let mut server = city::serve(&data, "")?;
    ensure!(
        lines(server.address())? == before,
        "plans differ after a kill"
    );
    server.stop(Duration::from_mins(1))?;
    city::over(&["rebuild"], &data)?;
    city::replays_without_difference(&data)?;
    let server = city::serve(&data, "")?;
    ensure!(
        lines(server.address())? == before,
        "plans differ after a rebuild"
    );
    let deeds = city::all(&format!("{}/v1/audit?kind=reveal&", server.address()))?;
    ensure!(deeds.len() == 3, "{} plans were revealed", deeds.len());
    Ok(())
}
