//! What each page of the console asks, of a server with a million subjects.

use crate::measure::{now, say, timed};
use crate::stream;
use anyhow::{Context, ensure};
use risk_pipeline::wire;
use risk_tests::http;
use risk_tests::process::{self, Spotcheck};
use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Every call of the console's pages, the first after a close and those that follow
#[derive(Debug, clap::Args)]
#[group(id = "pages")]
pub(crate) struct Args {
    #[command(flatten)]
    stream: stream::Args,
    /// Times that each call is repeated
    #[arg(long, default_value_t = 5)]
    repeats: u32,
}

/// No page's call may take longer.
const LIMIT: Duration = Duration::from_millis(100);

/// Calls by page; `{…}` is filled in with something that is there.
const CALLS: [(&str, &str); 36] = [
    ("every page", "/v1/session"),
    ("every page", "/v1/reference"),
    ("overview", "/v1/status"),
    ("overview", "/v1/heat"),
    ("overview", "/v1/rates?period=week&limit=2"),
    ("overview", "/v1/rates?period=month&limit=13"),
    ("overview", "/v1/watch?limit=50"),
    ("overview", "/v1/alerts?state=open&limit=50"),
    (
        "grades",
        "/v1/subjects?kind=enterprise&sort=-probability&limit=100",
    ),
    (
        "grades",
        "/v1/subjects?kind=enterprise&zone={zone}&limit=100",
    ),
    (
        "grades",
        "/v1/subjects?kind=enterprise&level=high&limit=100",
    ),
    ("grades", "/v1/subjects?kind=zone&limit=1000"),
    ("grades", "/v1/subjects?kind=enterprise&limit=1000"),
    ("subject", "/v1/subjects/{subject}"),
    ("subject", "/v1/subjects/{subject}/history?limit=50"),
    ("subject", "/v1/subjects/{subject}/evidence?limit=100"),
    ("subject", "/v1/subjects/{subject}/compare"),
    ("subject", "/v1/subjects/{subject}/signals?limit=100"),
    ("subject", "/v1/decisions?subject={subject}&limit=100"),
    ("subject", "/v1/cases?subject={cell}&limit=100"),
    ("alerts", "/v1/alerts?limit=100"),
    ("cases", "/v1/cases?open=true&limit=100"),
    ("cases", "/v1/cases?overdue=true&limit=100"),
    (
        "pass rates",
        "/v1/rates?domain=sector:{sector}&period=month&limit=24",
    ),
    ("quality", "/v1/dead-letters?limit=100"),
    ("observers", "/v1/observers"),
    ("burden", "/v1/burden?sort=-visits&limit=100"),
    ("burden", "/v1/burden/suspicions?limit=100"),
    ("lists", "/v1/lists/problems?limit=100"),
    ("lists", "/v1/lists/assistance?limit=100"),
    ("lists", "/v1/lists/credit?limit=100"),
    ("lists", "/v1/lists/serious-violations?limit=100"),
    ("lists", "/v1/lists/duties?limit=100"),
    ("lists", "/v1/lists/corrective-actions?limit=100"),
    ("policy", "/v1/policy"),
    ("audit", "/v1/audit?limit=100"),
];

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut server = served(dir.path(), args)?;
    let address = server.address().to_owned();
    say("subjects", &subjects(&address)?.to_string());

    let some = |path: &str, name: &str| -> anyhow::Result<String> {
        let answer = http::get(&format!("{address}{path}"))?.expect_status(200)?;
        let answer = answer.json()?;
        let found = answer["items"][0][name].as_str();
        Ok(found
            .with_context(|| format!("{path} has no {name}"))?
            .to_owned())
    };
    let subject = some("/v1/subjects?kind=enterprise&limit=1", "subject")?;
    let cell = some("/v1/subjects?kind=cell&limit=1", "subject")?;
    let zone = some("/v1/subjects?kind=zone&limit=1", "subject")?;
    let sector = some("/v1/subjects?kind=sector&limit=1", "subject")?;
    let bare = |subject: &str| subject.split(':').nth(1).unwrap_or_default().to_owned();
    let mut slow = Vec::new();
    for (page, path) in CALLS {
        let filled = path
            .replace("{subject}", &subject)
            .replace("{cell}", &cell)
            .replace("{zone}", &bare(&zone))
            .replace("{sector}", &bare(&sector));
        let url = format!("{address}{filled}");
        // The first question to some views is answered with 503 until they have caught up.
        let begun = now();
        let mut answer = http::get(&url)?;
        while answer.status == 503 && begun.elapsed() < Duration::from_mins(5) {
            process::pause(Duration::from_millis(200));
            answer = http::get(&url)?;
        }
        let first = begun.elapsed();
        // Nothing may be known of those who test yet, which is said as fast.
        let told = answer.status == 200 || (answer.status == 404 && path == "/v1/observers");
        ensure!(told, "{filled}: {} {}", answer.status, answer.body);
        let mut worst = Duration::ZERO;
        for _ in 0..args.repeats {
            let begun = now();
            http::get(&url)?.expect_status(answer.status)?;
            worst = worst.max(begun.elapsed());
        }
        let figure = format!(
            "first {:.1} ms, then at most {:.1} ms, {} KB",
            first.as_secs_f64() * 1000.0,
            worst.as_secs_f64() * 1000.0,
            answer.body.len() / 1000
        );
        say(&format!("{page}: {path}"), &figure);
        if worst > LIMIT {
            slow.push(path);
        }
    }
    server.stop(Duration::from_mins(1))?;
    say("slower than 100 ms", &format!("{slow:?}"));
    Ok(())
}

/// A server over the results, imported.
fn served(dir: &Path, args: &Args) -> anyhow::Result<Spotcheck> {
    let file = dir.join("results.ndjson");
    let mut out = BufWriter::new(File::create(&file)?);
    for result in args.stream.results()? {
        out.write_all(&wire::encode(&result))?;
        out.write_all(b"\n")?;
    }
    out.into_inner()?.sync_all()?;
    let program = std::env::current_exe()?.with_file_name("spotcheck");
    ensure!(
        program.is_file(),
        "build the program first: cargo build -p spotcheck"
    );
    let data = dir.join("data");
    let mut import = Command::new(&program);
    import.arg("import").arg("--data-dir").arg(&data).arg(&file);
    let (said, took) = timed(|| process::run(&mut import));
    let said = said?;
    say(
        "import",
        &format!("{:.1} s: {}", took.as_secs_f64(), said.trim()),
    );

    let config = dir.join("spotcheck.toml");
    let listen = format!("127.0.0.1:{}", process::free_port()?);
    let settings = format!(
        "data_dir = '{}'\n[http]\nlisten = '{listen}'\nrequests_per_minute = 100000\n\
         [identity]\ndemo = true\n",
        data.display()
    );
    std::fs::write(&config, settings)?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(&config);
    Spotcheck::start_command(&mut command, &dir.join("log"))
}

/// How many subjects the server knows.
fn subjects(address: &str) -> anyhow::Result<u64> {
    let status = http::get(&format!("{address}/v1/status"))?.expect_status(200)?;
    let status = status.json()?;
    let kinds = status["subjects"].as_object().context("no subjects")?;
    let levels = kinds.values().filter_map(Value::as_object).flatten();
    Ok(levels.filter_map(|(_, count)| count.as_u64()).sum())
}
