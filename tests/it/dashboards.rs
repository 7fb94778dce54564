//! Grafana's dashboards: what the builder writes, whole, and every query of them answered by a real
//! Prometheus and a real server behind its guard.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use risk_tests::browser::Browser;
use risk_tests::city;
use risk_tests::process::{self, Spotcheck};
use risk_tests::prometheus::Prometheus;
use risk_tests::receiver::{Reaction, Receiver};
use serde_json::{Value, json};

const NAMES: [&str; 6] = ["cases", "pipeline", "planning", "rates", "risk", "store"];
const ENTERPRISES: &str = "400";
/// How long a server may take to stop.
const PATIENCE: Duration = Duration::from_mins(1);

fn folder() -> Result<PathBuf> {
    Ok(process::workspace_root()?.join("config/grafana"))
}

fn dashboard(name: &str) -> Result<Value> {
    let file = folder()?.join("dashboards").join(format!("{name}.json"));
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

fn panels(dashboard: &Value) -> Result<Vec<&Value>> {
    let panels = dashboard["panels"].as_array().context("no panels")?;
    Ok(panels
        .iter()
        .filter(|panel| panel["type"] != "row")
        .collect())
}

fn targets(panel: &Value) -> impl Iterator<Item = &Value> {
    panel["targets"].as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str> {
    let found = value[key].as_str().filter(|found| !found.is_empty());
    found.with_context(|| format!("no {key}: {value}"))
}

/// Every PromQL expression of the dashboards, with where it stands.
pub(crate) fn expressions() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for name in NAMES {
        let dashboard = dashboard(name)?;
        for panel in panels(&dashboard)? {
            let at = format!("{name}: {}", text(panel, "title")?);
            let own = targets(panel).filter_map(|target| target["expr"].as_str());
            found.extend(own.map(|expression| (at.clone(), expression.to_owned())));
        }
    }
    Ok(found)
}

#[test]
fn the_dashboards_are_what_the_builder_writes() -> Result<()> {
    process::provide("grafana")?;
    let written = tempfile::tempdir()?;
    process::run(Command::new(folder()?.join("builder/build.sh")).arg(written.path()))?;
    let names = |folder: PathBuf| -> Result<BTreeSet<String>> {
        fs::read_dir(folder)?
            .map(|file| Ok(file?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    let wanted: BTreeSet<String> = NAMES.iter().map(|name| format!("{name}.json")).collect();
    ensure!(names(written.path().to_path_buf())? == wanted);
    ensure!(names(folder()?.join("dashboards"))? == wanted);
    for name in wanted {
        let built = fs::read_to_string(written.path().join(&name))?;
        let kept = fs::read_to_string(folder()?.join("dashboards").join(&name))?;
        ensure!(
            built == kept,
            "{name} is an older one: run `make dashboards`"
        );
    }
    Ok(())
}

#[test]
fn the_dashboards_are_whole() -> Result<()> {
    let mut sources = String::new();
    for file in fs::read_dir(folder()?.join("provisioning/datasources"))? {
        sources.push_str(&fs::read_to_string(file?.path())?);
    }
    let mut uids = BTreeSet::new();
    for name in NAMES {
        let dashboard = dashboard(name)?;
        ensure!(uids.insert(text(&dashboard, "uid")?.to_owned()), "{name}");
        let mut ids = BTreeSet::new();
        let mut taken: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for panel in panels(&dashboard)? {
            let at = format!("{name}: {}", text(panel, "title")?);
            let id = panel["id"]
                .as_u64()
                .with_context(|| format!("{at}: no id"))?;
            ensure!(ids.insert(id), "{at}: a second panel of the number {id}");
            for words in ["title", "description"] {
                let words = text(panel, words)?;
                let chinese = words
                    .chars()
                    .any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                let english = words.chars().filter(char::is_ascii_alphabetic).count() > 1;
                ensure!(chinese && english, "{at}: not in both languages: {words}");
            }
            text(&panel["fieldConfig"]["defaults"], "unit").with_context(|| at.clone())?;
            let place = |key: &str| panel["gridPos"][key].as_u64().context("no place");
            let (x, y) = (place("x")?, place("y")?);
            let (width, height) = (place("w")?, place("h")?);
            ensure!(x + width <= 24, "{at} is wider than the page");
            for square in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                let other = taken.insert(square, id);
                ensure!(other.is_none(), "{at} lies over the panel {other:?}");
            }
            let mut asked = 0;
            for target in targets(panel) {
                asked += 1;
                let uid = text(&target["datasource"], "uid")?;
                ensure!(
                    sources.contains(&format!("uid: {uid}\n")),
                    "{at} asks {uid}, which is not provisioned"
                );
                ensure!(panel["datasource"]["uid"] == uid, "{at}: another source");
            }
            ensure!(asked > 0, "{at} asks nothing");
        }
    }
    Ok(())
}

/// A viewer's questions to the server, as Infinity puts them.
struct Api {
    address: String,
    token: String,
}

impl Api {
    /// Rows of an Infinity query: each column's value, absent where the row has none.
    fn rows(&self, query: &Value, url: &str) -> Result<Vec<Vec<Option<Value>>>> {
        let url = format!("{}{url}", self.address);
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str())];
        let page = Browser::default().send("GET", &url, &headers, &[])?;
        ensure!(page.status == 200, "{url}: {} {}", page.status, page.body);
        let answer = page.json()?;
        let root = query["root_selector"].as_str().context("no root")?;
        let found = at_path(&answer, root).with_context(|| format!("{url}: no {root}"))?;
        let columns = query["columns"].as_array().context("no columns")?;
        let paths: Vec<&str> = columns
            .iter()
            .map(|column| text(column, "selector"))
            .collect::<Result<_>>()?;
        let row = |value: &Value| -> Vec<Option<Value>> {
            let cell = |path: &&str| at_path(value, path).filter(|found| !found.is_null());
            paths.iter().map(|path| cell(path).cloned()).collect()
        };
        if let Some(items) = found.as_array() {
            return Ok(items.iter().map(row).collect());
        }
        ensure!(found.is_object(), "{url}: no rows but {found}");
        Ok(vec![row(found)])
    }
}

/// What lies at a path of names with dots between; the whole at an empty one.
fn at_path<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let names = path.split('.').filter(|name| !name.is_empty());
    names
        .into_iter()
        .try_fold(value, |value, name| value.get(name))
}

/// Whether a value is what a column of this type may hold.
fn fits(kind: &str, value: &Value) -> bool {
    match kind {
        "number" => value.is_number(),
        "string" => value.is_string(),
        // As Infinity's server reads a time without a layout: a day, or a moment by RFC 3339.
        "timestamp" => value.as_str().is_some_and(|text| {
            let day = text.get(..10).unwrap_or_default();
            let shape = day.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
            day.len() == 10 && shape && (text.len() == 10 || text.as_bytes().get(10) == Some(&b'T'))
        }),
        _ => false,
    }
}

/// The values that the variables of a dashboard may take.
fn variables(dashboard: &Value, api: &Api) -> Result<BTreeMap<String, Vec<String>>> {
    let mut known = BTreeMap::new();
    for variable in dashboard["templating"]["list"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let values: Vec<String> = match text(variable, "type")? {
            "custom" => text(variable, "query")?
                .split(',')
                .map(|choice| choice.rsplit(" : ").next().unwrap_or(choice).to_owned())
                .collect(),
            "query" => {
                let query = &variable["query"]["infinityQuery"];
                let columns = query["columns"].as_array().context("no columns")?;
                let value = columns
                    .iter()
                    .position(|column| column["text"] == "__value");
                let value = value.context("no __value")?;
                let rows = api.rows(query, text(query, "url")?)?;
                let cells = rows
                    .into_iter()
                    .filter_map(|row| row.into_iter().nth(value)?);
                cells
                    .filter_map(|cell| Some(cell.as_str()?.to_owned()))
                    .collect()
            }
            other => bail!("a variable of the type {other}"),
        };
        let name = text(variable, "name")?.to_owned();
        ensure!(!values.is_empty(), "the variable {name} has no value");
        known.insert(name, values);
    }
    Ok(known)
}

/// A text with every variable filled in, in every way there is.
fn filled(text: &str, variables: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut texts = vec![text.to_owned()];
    for (name, values) in variables {
        let (short, long) = (format!("${name}"), format!("${{{name}}}"));
        texts = texts
            .into_iter()
            .flat_map(|text| -> Vec<String> {
                if !text.contains(&short) && !text.contains(&long) {
                    return vec![text];
                }
                let values = values.iter();
                values
                    .map(|value| text.replace(&long, value).replace(&short, value))
                    .collect()
            })
            .collect();
    }
    texts
}

/// Asks every query of the API; each column must hold what it should, in one row at least.
fn ask_the_api(api: &Api) -> Result<usize> {
    let mut asked = 0;
    for name in NAMES {
        let dashboard = dashboard(name)?;
        let variables = variables(&dashboard, api)?;
        for panel in panels(&dashboard)? {
            for query in targets(panel).filter(|target| target["type"] == "json") {
                let at = format!("{name}: {} {}", text(panel, "title")?, text(query, "url")?);
                let columns = query["columns"].as_array().context("no columns")?;
                let mut seen = vec![0; columns.len()];
                for url in filled(text(query, "url")?, &variables) {
                    ensure!(!url.contains('$'), "{at}: a variable that nobody knows");
                    asked += 1;
                    let rows = api.rows(query, &url)?;
                    for row in &rows {
                        for ((column, cell), seen) in columns.iter().zip(row).zip(&mut seen) {
                            let Some(cell) = cell else { continue };
                            let kind = text(column, "type")?;
                            ensure!(fits(kind, cell), "{at}: {column} holds {cell}");
                            *seen += 1;
                        }
                    }
                    if url.contains("domain=city") && url.contains("period=week") {
                        let weeks = rows.len();
                        ensure!(weeks >= 100, "{at}: {weeks} weeks are not two years");
                    }
                }
                for (column, seen) in columns.iter().zip(seen) {
                    ensure!(seen > 0, "{at}: no row has {}", column["selector"]);
                }
            }
        }
    }
    Ok(asked)
}

fn result(id: &str, verdict: &str) -> Value {
    json!({
        "inspection_id": id, "mode": "fast_test", "outcome": verdict,
        "sampled_at": "2026-07-01T09:00:00+08:00", "observed_at": "2026-07-01T09:30:00+08:00",
        "agency": {"id": "county-amr", "level": "county"}, "team_id": "team-1",
        "selection": {"basis": "targeted"},
        "site": {"site_id": "HAND-S1", "enterprise_id": "HAND-E1", "name": "晨光玩具商行",
                 "zone_id": "330782-choucheng", "channel": "market"},
        "product": {"category": "TOY-PLUSH", "name": "毛绒玩具"},
        "sample": {"tested": 1}, "test": {"kind": "rapid", "method_id": "rapid"},
        "items": [{"code": "small-parts", "name": "小零件", "verdict": verdict,
                   "hazard": "size_and_shape", "severity": 1}],
    })
}

/// Has something happen of everything that is counted, in every round something new.
fn happen(address: &str, token: &str, round: u32) -> Result<()> {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let mut browser = Browser::default();
    let mut post = |path: &str, body: &Value| -> Result<Value> {
        let body = serde_json::to_vec(body)?;
        let page = browser.send("POST", &format!("{address}{path}"), &headers, &body)?;
        ensure!(page.status == 200, "{path}: {} {}", page.status, page.body);
        page.json()
    };
    let conforming = result(&format!("HAND-{round}-1"), "conforming");
    let failing = result(&format!("HAND-{round}-2"), "nonconforming");
    let broken = json!({"inspection_id": format!("HAND-{round}-3")});
    let said = post("/v1/results", &json!([conforming, failing, broken]))?;
    ensure!(said["accepted"] == 2 && said["rejected"] == 1, "{said}");
    Ok(())
}

/// Closes an alert of level four, which one person may close.
fn close_an_alert(address: &str, token: &str) -> Result<()> {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let mut browser = Browser::default();
    let list = format!("{address}/v1/alerts?state=open&level=four&limit=1");
    let page = browser.send("GET", &list, &headers, &[])?;
    let page = page.json()?;
    let alert = text(&page["items"][0], "id")?.to_owned();
    let command = json!({
        "command_id": "K-HAND-1", "decided_at": "2026-07-01T10:00:00+08:00",
        "actor": {"id": "officer", "role": "officer"}, "reason": "现场复测合格",
        "alert_id": alert, "kind": "close", "disposition": "false_alarm",
    });
    let body = serde_json::to_vec(&command)?;
    let page = browser.send("POST", &format!("{address}/v1/commands"), &headers, &body)?;
    ensure!(page.json()?["accepted"] == 1, "{}", page.body);
    let page = browser.send(
        "GET",
        &format!("{address}/v1/alerts/{alert}"),
        &headers,
        &[],
    )?;
    ensure!(page.json()?["alert"]["state"] == "closed", "{}", page.body);
    Ok(())
}

/// Whether an answer of Prometheus has a series with a number.
fn has_a_number(series: &[Value]) -> bool {
    let mut numbers = series.iter().filter_map(|one| {
        let text = one.pointer("/value/1")?.as_str()?;
        text.parse::<f64>().ok()
    });
    numbers.any(f64::is_finite)
}

/// Names of metrics in an exposition.
fn exposed(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.filter_map(|rest| rest.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_query_of_the_dashboards_returns_data() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let log = home.path().join("log");
    let listen = format!("127.0.0.1:{}", process::free_port()?);
    let path = data.to_str().context("a path that is not UTF-8")?;
    let mut arguments = vec!["demo", "--data-dir", path, "--listen", &listen];
    arguments.extend(["--enterprises", ENTERPRISES, "--last-day", "2026-06-30"]);
    Spotcheck::start(&arguments, &log)?.stop(PATIENCE)?;

    let config = home.path().join("spotcheck.toml");
    let desk = Receiver::start(|_| Reaction::Answer(200, String::new()))?;
    let settings = format!(
        "data_dir = '{path}'\n[http]\nlisten = \"{listen}\"\nmetrics_open = true\n\
         requests_per_minute = 100000\n[webhooks.desk]\nurl = \"{}/\"\n\
         secret = \"told-to-nobody-but-the-test\"\nallow_networks = [\"127.0.0.1\"]\n",
        desk.url()
    );
    fs::write(&config, settings)?;
    let token = |role: &str| -> Result<String> {
        let mut command = Command::new(process::spotcheck_binary()?);
        command.args(["token", "create", "--actor", role, "--role", role]);
        let said = process::run(command.arg("--config").arg(&config))?;
        Ok(said.trim().to_owned())
    };
    let (viewer, officer) = (token("viewer")?, token("officer")?);
    let config = config.to_str().context("a path that is not UTF-8")?;
    let server = Spotcheck::start(&["serve", "--config", config], &log)?;
    let address = server.address().to_owned();
    let rules = process::workspace_root()?.join("config/prometheus/rules/*.yml");
    let prometheus = Prometheus::start(&address, Some(&rules))?;
    // A rate needs what was before: the first scrape comes first.
    prometheus.value("up{job=\"spotcheck\"} == 1", 80)?;

    close_an_alert(&address, &officer)?;
    let api = Api {
        address: address.clone(),
        token: viewer,
    };
    let asked = ask_the_api(&api)?;
    println!("{asked} questions to the API");

    // Variables of the expressions are those of the dashboards that they stand in.
    let mut open: Vec<(String, String)> = Vec::new();
    for (at, expression) in expressions()? {
        let name = at.split(':').next().unwrap_or_default();
        let mut known = variables(&dashboard(name)?, &api)?;
        known.insert("__rate_interval".to_owned(), vec!["1m".to_owned()]);
        let all = filled(&expression, &known);
        ensure!(
            all.iter().all(|one| !one.contains('$')),
            "{at}: {expression}"
        );
        open.extend(all.into_iter().map(|one| (at.clone(), one)));
    }
    let all = open.len();
    let mut round = 0;
    let answered = city::until("an answer to every expression", || {
        if round % 20 == 0 {
            happen(&address, &officer, round)?;
        }
        round += 1;
        let mut left = Vec::new();
        for (at, expression) in open.drain(..) {
            if !has_a_number(&prometheus.query(&expression)?) {
                left.push((at, expression));
            }
        }
        open = left;
        // Long after every rule was evaluated and every rate has two scrapes: what is missing then is
        // missing.
        ensure!(round < 600, "no data for {open:#?}\n{}", server.tail());
        Ok(open.is_empty().then_some(round))
    })?;
    println!("{all} expressions, answered in {answered} rounds");

    let page = Browser::default().get(&format!("{address}/metrics"))?;
    let exposed = exposed(&page.body);
    let catalogue = process::workspace_root()?.join("docs/metrics.md");
    let catalogue = fs::read_to_string(catalogue)?;
    let told: BTreeSet<String> = catalogue
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `risk_")?.split('`').next()?.to_owned()))
        .map(|name| format!("risk_{name}"))
        .collect();
    ensure!(
        exposed == told,
        "served and not told of: {:?}; told of and not served: {:?}",
        exposed.difference(&told).collect::<Vec<_>>(),
        told.difference(&exposed).collect::<Vec<_>>()
    );
    Ok(())
}

#[test]
fn a_query_without_data_is_found() -> Result<()> {
    ensure!(!has_a_number(&[]) && !has_a_number(&[json!({"value": [1.0, "NaN"]})]));
    ensure!(has_a_number(&[json!({"value": [1.0, "0"]})]));
    ensure!(!fits("number", &json!("0.9")) && !fits("timestamp", &json!("2026")));
    ensure!(fits("timestamp", &json!("2026-11-23")) && fits("string", &json!("高")));
    let answer = json!({"items": [{"design": {"lower": 0.9}}]});
    ensure!(at_path(&answer, "items").is_some_and(Value::is_array));
    ensure!(at_path(&answer["items"][0], "design.lower") == Some(&json!(0.9)));
    ensure!(at_path(&answer["items"][0], "design.higher").is_none());
    let values = vec!["a".to_owned(), "b".to_owned()];
    let known = BTreeMap::from([("zone".to_owned(), values)]);
    ensure!(filled("/x?z=${zone}", &known) == ["/x?z=a", "/x?z=b"]);
    Ok(())
}

#[test]
fn the_token_of_the_data_source_is_where_compose_puts_it() -> Result<()> {
    let root = process::workspace_root()?;
    let source = folder()?.join("provisioning/datasources/spotcheck.yml");
    let source = fs::read_to_string(source)?;
    let compose = fs::read_to_string(root.join("docker-compose.yml"))?;
    let container = fs::read_to_string(root.join("Dockerfile"))?;
    let (_, rest) = source.split_once("$__file{").context("no file")?;
    let file = rest.split('}').next().context("no end")?;
    let (folder, name) = file.rsplit_once('/').context("no folder")?;
    ensure!(compose.contains(&format!("- grafana-token:{folder}:ro\n")));
    ensure!(compose.contains(&format!("- grafana-token:{folder}\n")));
    ensure!(compose.contains(&format!("cd {folder}\n")));
    ensure!(compose.contains(&format!("mv token.new {name}\n")));
    ensure!(
        container.contains(&format!(" {folder}\n")),
        "not made for its owner"
    );
    ensure!(
        compose.contains("--role viewer "),
        "more than a viewer's token"
    );
    Ok(())
}
