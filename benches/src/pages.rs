//! What each page of the console asks, of a server with a million subjects.

use crate::measure::{now, say, timed};
use crate::stream;
use anyhow::{Context, ensure};
use risk_domain::ids::EnterpriseId;
use risk_domain::time::Day;
use risk_pipeline::wire;
use risk_tests::http::{self, Answer};
use risk_tests::process::{self, Spotcheck};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Every call of the console's pages, the first after a start and those that follow
#[derive(Debug, clap::Args)]
#[group(id = "pages")]
pub(crate) struct Args {
    #[command(flatten)]
    stream: stream::Args,
    /// Times that each call is repeated
    #[arg(long, default_value_t = 5)]
    repeats: u32,
    /// Folder in which the imported results stay; one that has them is served as it is
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Ask only what contains this
    #[arg(long)]
    only: Option<String>,
}

/// Signals that are still to be posted, in the folder of a kept city.
const SIGNALS: &str = "signals.ndjson";
/// Signals of one post.
const POSTED_AT_ONCE: usize = 2_000;
/// No page's call may take longer.
const LIMIT: Duration = Duration::from_millis(100);
/// How long views may follow the ledger, in which they answer 503, before a call counts as not answered.
const FOLLOWED: Duration = Duration::from_mins(5);

/// Calls by page, with the parameters that it opens with and those that cost the most; `{…}` is filled in with
/// something that is there. What is only downloaded is not among them.
const CALLS: [(&str, &str); 94] = [
    ("every page", "/v1/session"),
    ("every page", "/v1/reference"),
    ("overview", "/v1/status"),
    ("overview", "/v1/heat"),
    ("overview", "/v1/rates?domain=city&period=week&limit=13"),
    ("overview", "/v1/rates?domain=city&period=quarter&limit=1"),
    ("overview", "/v1/subjects?kind=enterprise&limit=8"),
    (
        "grades",
        "/v1/subjects?kind=enterprise&sort=-probability&limit=100",
    ),
    (
        "grades",
        "/v1/subjects?kind=enterprise&sort=probability&limit=100",
    ),
    ("grades", "/v1/subjects?kind=enterprise&sort=name&limit=100"),
    (
        "grades",
        "/v1/subjects?kind=enterprise&zone={zone}&limit=100",
    ),
    (
        "grades",
        "/v1/subjects?kind=enterprise&sector={sector}&limit=100",
    ),
    (
        "grades",
        "/v1/subjects?kind=enterprise&level=high&limit=100",
    ),
    (
        "grades",
        "/v1/subjects?kind=enterprise&level=undetermined&limit=100",
    ),
    ("grades", "/v1/subjects?kind=zone&limit=1000"),
    ("grades", "/v1/subjects?kind=enterprise&limit=1000"),
    ("subject", "/v1/subjects/{subject}"),
    ("subject", "/v1/subjects/{cell}"),
    ("subject", "/v1/subjects/zone:{zone}"),
    ("subject", "/v1/subjects/sector:{sector}"),
    ("subject", "/v1/subjects/{subject}/history?limit=50"),
    ("subject", "/v1/subjects/{subject}/evidence?limit=100"),
    ("subject", "/v1/subjects/zone:{zone}/evidence?limit=100"),
    ("subject", "/v1/subjects/{subject}/compare"),
    ("subject", "/v1/subjects/zone:{zone}/compare"),
    ("subject", "/v1/subjects/{subject}/signals?limit=100"),
    ("subject", "/v1/subjects/{subject}/supply"),
    ("subject", "/v1/decisions?subject={subject}&limit=100"),
    ("subject", "/v1/burden/{enterprise}"),
    ("subject", "/v1/cases?subject={cell}&open=true"),
    ("subject", "/v1/alerts?subject={cell}&limit=20"),
    ("alerts", "/v1/alerts?state=open&limit=100"),
    ("alerts", "/v1/alerts?state=open&limit=1000"),
    ("alerts", "/v1/alerts?limit=100"),
    ("alerts", "/v1/alerts?state=closed&limit=100"),
    ("alerts", "/v1/alerts?state=open&level=one&limit=100"),
    ("alerts", "/v1/alerts?state=open&rule=duty_missed&limit=100"),
    ("alerts", "/v1/alerts?state=open&since={tomorrow}&limit=100"),
    ("alert", "/v1/alerts/{alert}"),
    ("cases", "/v1/cases?open=true&limit=100"),
    ("cases", "/v1/cases?open=true&overdue=true&limit=100"),
    ("cases", "/v1/cases?open=true&overdue=false&limit=100"),
    ("cases", "/v1/cases?open=false&limit=100"),
    ("cases", "/v1/cases?open=true&kind=enforcement&limit=100"),
    ("cases", "/v1/cases?state=guided&limit=100"),
    (
        "cases",
        "/v1/cases?open=true&due_before={tomorrow}&limit=100",
    ),
    ("cases", "/v1/cases?open=true&limit=1000"),
    ("case", "/v1/cases/{case}"),
    ("case", "/v1/cases/diagram?kind=fast_test"),
    ("fast test", "/v1/sites/{site}"),
    ("fast test", "/v1/cases?subject={cell}&open=true&limit=20"),
    ("pass rates", "/v1/rates?domain=city&period=week&limit=52"),
    (
        "pass rates",
        "/v1/rates?domain=sector:{sector}&period=month&limit=24",
    ),
    (
        "pass rates",
        "/v1/rates/effect?domain=city&began={began}&ended={ended}&weeks=1",
    ),
    ("quality", "/v1/dead-letters?limit=100"),
    ("observers", "/v1/observers?period=month&limit=8"),
    ("observers", "/v1/observers?period=quarter&limit=8"),
    ("burden", "/v1/burden?sort=-visits&limit=100"),
    ("burden", "/v1/burden?sort=-recent_visits&limit=100"),
    ("burden", "/v1/burden?sort=-tests&limit=100"),
    ("burden", "/v1/burden?sort=-cost&limit=500"),
    ("burden", "/v1/burden?sort=-visits&zone={zone}&limit=100"),
    ("burden", "/v1/burden?sort=-visits&resting=true&limit=100"),
    ("burden", "/v1/burden?sort=-visits&resting=false&limit=100"),
    ("burden", "/v1/burden/suspicions?limit=100"),
    ("lists", "/v1/lists/problems?limit=100"),
    ("lists", "/v1/lists/problems?on={tomorrow_day}&limit=500"),
    ("lists", "/v1/lists/problems?state=verified&limit=100"),
    ("lists", "/v1/lists/problems?zone={zone}&limit=100"),
    ("lists", "/v1/lists/assistance?limit=100"),
    (
        "lists",
        "/v1/lists/assistance?reason=media_exposure&limit=100",
    ),
    ("lists", "/v1/lists/credit?limit=1"),
    ("lists", "/v1/lists/credit?limit=100"),
    ("lists", "/v1/lists/credit?class=D&limit=100"),
    ("lists", "/v1/lists/serious-violations?limit=100"),
    ("lists", "/v1/lists/duties?limit=100"),
    ("lists", "/v1/lists/duties?step=order&limit=100"),
    ("lists", "/v1/lists/duties?zone={zone}&limit=100"),
    ("lists", "/v1/lists/corrective-actions?limit=100"),
    ("policy", "/v1/policy"),
    ("policy", "/v1/subjects/zone:{root}/history?limit=1000"),
    ("audit", "/v1/audit?limit=100"),
    ("sessions", "/v1/sessions?limit=100"),
    ("personal", "/v1/personal"),
    ("plans", "/v1/plans?limit=100"),
    ("plan", "/v1/plans/{plan}"),
    ("plan", "/v1/plans/{plan}/results"),
    ("plan", "/v1/draws/{plan}"),
    ("reports", "/v1/reports/weekly?domain=city"),
    ("reports", "/v1/reports/weekly?domain=sector:{sector}"),
    ("reports", "/v1/reports/weekly?domain=zone:{zone}"),
    ("reports", "/v1/reports/monthly?domain=city"),
    ("reports", "/v1/reports/zone?zone={zone}"),
    ("letter", "/v1/subjects/{subject}/letter"),
];

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let thrown_away = tempfile::tempdir()?;
    let dir = args.keep.as_deref().unwrap_or(thrown_away.path());
    let mut server = served(dir, args)?;
    let address = server.address().to_owned();
    say("subjects", &subjects(&address)?.to_string());
    let (heard, took) = timed(|| heard(&address, &dir.join(SIGNALS)));
    say(
        "signals",
        &format!("{} in {:.1} s", heard?, took.as_secs_f64()),
    );
    let (shown, took) = timed(|| all_shown(&address));
    shown?;
    say("views made anew", &format!("{:.1} s", took.as_secs_f64()));
    let (warm, took) = timed(|| all_counted(&address));
    warm?;
    say(
        "views in memory",
        &format!("{:.1} s later", took.as_secs_f64()),
    );
    let mut known = known(&address)?;
    let (plan, took) = timed(|| planned(&address));
    say(
        "a plan of 600 tests",
        &format!("{:.1} s", took.as_secs_f64()),
    );
    known.insert("plan", plan?);
    let mut late = Vec::new();
    for (page, path) in CALLS {
        let wanted = args.only.as_deref();
        if wanted.is_some_and(|part| !path.contains(part)) {
            continue;
        }
        let filled = known.iter().fold(path.to_owned(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value)
        });
        let asked = call(&format!("{address}{filled}"), args.repeats);
        let (figure, slow) = match asked {
            Ok(Asked { first, worst, kb }) => (
                format!("first {first:.1?}, then at most {worst:.1?}, {kb} KB"),
                first > LIMIT || worst > LIMIT,
            ),
            // The rest is asked all the same.
            Err(error) => (format!("not answered: {error:#}"), true),
        };
        say(&format!("{page}: {path}"), &figure);
        if slow {
            late.push(format!("{path}: {figure}"));
        }
    }
    let memory = server.resident()? >> 20;
    say("memory of the process", &format!("{memory} MiB"));
    server.stop(Duration::from_mins(1))?;
    say("calls above 100 ms", &late.len().to_string());
    for one in late {
        say("above 100 ms", &one);
    }
    Ok(())
}

/// Waits until the views show the whole ledger: those of another version are made anew.
fn all_shown(address: &str) -> anyhow::Result<()> {
    loop {
        let status = http::get(&format!("{address}/v1/status"))?.expect_status(200)?;
        let ledger = &status.json()?["ledger"];
        if ledger["shown"] == ledger["entries"] {
            return Ok(());
        }
        process::pause(Duration::from_millis(500));
    }
}

/// Posts what is heard of enterprises, if it was not yet; says how many signals.
fn heard(address: &str, file: &Path) -> anyhow::Result<usize> {
    if !file.is_file() {
        return Ok(0);
    }
    let lines = std::fs::read_to_string(file)?;
    let lines: Vec<&str> = lines.lines().collect();
    for batch in lines.chunks(POSTED_AT_ONCE) {
        let body = batch.join("\n");
        let url = format!("{address}/v1/signals");
        let answer = http::post(&url, "application/x-ndjson", body.as_bytes())?;
        ensure!(
            matches!(answer.status, 200 | 202),
            "{}: {}",
            answer.status,
            answer.body
        );
    }
    std::fs::remove_file(file)?;
    Ok(lines.len())
}

/// Waits until what is made of the ledger in memory is there: after a start it is read through once, and while
/// it is, who asks is told to come again.
fn all_counted(address: &str) -> anyhow::Result<()> {
    for path in [
        "burden?limit=1",
        "heat",
        "observers?period=month",
        "observers?period=quarter",
        "burden/suspicions",
    ] {
        call(&format!("{address}/v1/{path}"), 0)?;
    }
    Ok(())
}

/// Plans a week over all that there is; says the plan's id.
fn planned(address: &str) -> anyhow::Result<String> {
    let budgets = br#"{"budgets": {"risk_evaluation": 100, "supervisory_check": 300, "special_check": 100, "fast_test": 100}}"#;
    let plan = http::post(&format!("{address}/v1/plans"), "application/json", budgets)?;
    let plan = plan.expect_status(201)?.json()?;
    let id = plan["plan_id"].as_str().context("a plan without an id")?;
    Ok(id.to_owned())
}

/// How long a call took.
struct Asked {
    first: Duration,
    /// The longest of those after it.
    worst: Duration,
    kb: usize,
}

fn call(url: &str, repeats: u32) -> anyhow::Result<Asked> {
    // Views that have not caught up yet answer with 503.
    let begun = now();
    let mut answer = http::get(url)?;
    while answer.status == 503 && begun.elapsed() < FOLLOWED {
        process::pause(Duration::from_millis(200));
        answer = http::get(url)?;
    }
    let first = begun.elapsed();
    // Nothing may be known of it yet, which is said as fast.
    let told = |answer: &Answer| answer.status == 200 || answer.status == 404;
    ensure!(told(&answer), "{}: {}", answer.status, answer.body);
    let mut worst = Duration::ZERO;
    for _ in 0..repeats {
        let begun = now();
        http::get(url)?.expect_status(answer.status)?;
        worst = worst.max(begun.elapsed());
    }
    Ok(Asked {
        first,
        worst,
        kb: answer.body.len() / 1000,
    })
}

/// What stands for the names in [`CALLS`].
fn known(address: &str) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let some = |path: &str, name: &str| -> anyhow::Result<String> {
        let answer = http::get(&format!("{address}{path}"))?.expect_status(200)?;
        let answer = answer.json()?;
        let found = answer["items"][0][name].as_str();
        let found = found.with_context(|| format!("{path} has no {name}"))?;
        Ok(found.to_owned())
    };
    let bare = |subject: &str| subject.split(':').nth(1).unwrap_or_default().to_owned();
    let subject = some("/v1/subjects?kind=enterprise&limit=1", "subject")?;
    let status = http::get(&format!("{address}/v1/status"))?.json()?;
    let closed = status["closed_until"].as_str().context("nothing closed")?;
    let closed: risk_domain::time::Timestamp = risk_domain::time::Timestamp::parse(closed)?;
    let day = |days: i64| {
        let at = closed.plus_millis(days * risk_domain::time::DAY_MILLIS);
        risk_domain::time::CivilOffset::CHINA.day_of(at).to_string()
    };
    let reference = http::get(&format!("{address}/v1/reference"))?.json()?;
    let zones = reference["zones"].as_array().context("no zones")?;
    let root = zones.iter().find(|zone| zone["parent"].is_null());
    let root = root
        .and_then(|zone| zone["id"].as_str())
        .context("no root")?;
    Ok(BTreeMap::from([
        ("enterprise", bare(&subject)),
        ("subject", subject),
        ("cell", some("/v1/subjects?kind=cell&limit=1", "subject")?),
        (
            "zone",
            bare(&some("/v1/subjects?kind=zone&limit=1", "subject")?),
        ),
        (
            "sector",
            bare(&some("/v1/subjects?kind=sector&limit=1", "subject")?),
        ),
        (
            "site",
            bare(&some("/v1/subjects?kind=site&limit=1", "subject")?),
        ),
        ("alert", some("/v1/alerts?limit=1", "id")?),
        ("case", some("/v1/cases?limit=1", "case_id")?),
        ("root", root.to_owned()),
        ("began", day(-14)),
        ("ended", day(-7)),
        ("tomorrow_day", day(1)),
        ("tomorrow", format!("{}T00:00:00%2B08:00", day(1))),
    ]))
}

/// A server over the results, imported unless the folder has them.
fn served(dir: &Path, args: &Args) -> anyhow::Result<Spotcheck> {
    let program = std::env::current_exe()?.with_file_name("spotcheck");
    ensure!(
        program.is_file(),
        "build the program first: cargo build -p spotcheck"
    );
    let data = dir.join("data");
    if data.is_dir() {
        say("import", "there already");
    } else {
        import(&program, dir, args)?;
    }
    let config = dir.join("spotcheck.toml");
    let listen = format!("127.0.0.1:{}", process::free_port()?);
    // The results are of the past: left idle, the server would close all weeks until now beside the questions.
    let settings = format!(
        "data_dir = '{}'\n[http]\nlisten = '{listen}'\nrequests_per_minute = 100000\n\
         [identity]\ndemo = true\n[intake]\nidle_after = '8760h'\n",
        data.display()
    );
    std::fs::write(&config, settings)?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(&config);
    let (server, took) = timed(|| Spotcheck::start_command(&mut command, &dir.join("log")));
    say("start", &format!("{:.1} s", took.as_secs_f64()));
    server
}

fn import(program: &Path, dir: &Path, args: &Args) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)?;
    let file = dir.join("results.ndjson");
    let mut out = BufWriter::new(File::create(&file)?);
    let mut enterprises = BTreeSet::new();
    for result in args.stream.results()? {
        out.write_all(&wire::encode(&result))?;
        out.write_all(b"\n")?;
        enterprises.insert(result.site.enterprise_id);
    }
    out.into_inner()?.sync_all()?;
    std::fs::write(dir.join(SIGNALS), signals(&enterprises, args.stream.days))?;
    let begun = dir.join("importing");
    let mut import = Command::new(program);
    import
        .arg("import")
        .arg("--data-dir")
        .arg(&begun)
        .arg(&file);
    let (said, took) = timed(|| process::run(&mut import));
    let said = said?;
    std::fs::rename(begun, dir.join("data"))?;
    std::fs::remove_file(file)?;
    say(
        "import",
        &format!("{:.1} s: {}", took.as_secs_f64(), said.trim()),
    );
    Ok(())
}

/// What is heard of enterprises, with their results: a credit class of each, and of every tenth the daily, weekly
/// and monthly records of duty.
fn signals(enterprises: &BTreeSet<EnterpriseId>, days: u32) -> String {
    let mut lines = String::new();
    let begin = Day::from_ymd(2024, 1, 1).unwrap_or(Day::new(0));
    let mut say = |id: String, on: Day, enterprise: &EnterpriseId, kind: &str, more: Value| {
        let mut line = json!({
            "signal_id": id, "kind": kind, "observed_at": format!("{on}T12:00:00+08:00"),
            "enterprise_id": enterprise.as_str(), "source": "bench",
        });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        lines.push_str(&line.to_string());
        lines.push('\n');
    };
    for (number, enterprise) in enterprises.iter().enumerate() {
        let class = ["A", "B", "B", "C", "D"][number % 5];
        let more = json!({ "credit_class": class });
        say(
            format!("C-{number}"),
            begin,
            enterprise,
            "credit_class",
            more,
        );
        if number % 10 != 0 {
            continue;
        }
        for day in 0..days as i32 {
            let on = begin.plus(day);
            let records = [("daily", 1), ("weekly", 7), ("monthly", 28)];
            for (duty, length) in records
                .into_iter()
                .filter(|(_, length)| (day + 1) % length == 0)
            {
                let from = on.plus(1 - length).to_string();
                let duty = json!({ "kind": duty, "from": from, "until": on.to_string() });
                let id = format!("D-{number}-{day}-{length}");
                say(id, on, enterprise, "duty_record", json!({ "duty": duty }));
            }
        }
    }
    lines
}

/// How many subjects the server knows.
fn subjects(address: &str) -> anyhow::Result<u64> {
    let status = http::get(&format!("{address}/v1/status"))?.expect_status(200)?;
    let status = status.json()?;
    let kinds = status["subjects"].as_object().context("no subjects")?;
    let levels = kinds.values().filter_map(Value::as_object).flatten();
    Ok(levels.filter_map(|(_, count)| count.as_u64()).sum())
}
