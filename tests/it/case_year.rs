//! A year of a city with ten thousand cases, driven at random by results, commands of the API and commands of
//! the topic at once, with kills in the middle: whatever came first, no step is illegal, no term is missed, and everything leads to what
//! it rests on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use risk_domain::ids::InspectionId;
use risk_domain::reference::Reference;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::case::{Act, CaseState, Cause, Happened, Transition};
use risk_engine::{Case, Engine, Policy, Taxonomy};
use risk_store::{Store, StoreOptions};
use risk_tests::city::{self, City, Draws};
use risk_tests::http;
use risk_tests::kafka::KafkaBroker;
use risk_tests::process::Spotcheck;
use serde_json::{Value, json};

const SEED: u64 = 20_261_128;
const ENTERPRISES: u32 = 1_600;
const WEEKS: i64 = 52;
/// Each test of the city stands for so many failures, each of another hazard.
const HAZARDS: [&str; 4] = ["chemical", "mechanical", "thermal", "electrical"];
/// Cases that officers act upon in a week, at most, and of how many open ones one.
const ACTED: u64 = 400;
const ONE_OF: u64 = 4;
/// Weeks in which the process is killed while posts are under way.
const KILLED: [i64; 3] = [9, 24, 41];
const CASES: usize = 10_000;
const NDJSON: &str = "application/x-ndjson";
/// The topic that commands come by besides posts.
const COMMANDS: &str = "case.commands";
const DEADLINE: Duration = Duration::from_mins(1);

/// Results by week: what the city tested in its last year, failed.
fn failures(city: &City) -> Result<BTreeMap<i64, Vec<String>>> {
    let mut weeks: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let time = |record: &Value| -> Result<Timestamp> {
        Ok(Timestamp::parse(&city::text(record, "observed_at")?)?)
    };
    let records: Vec<Value> = city
        .lines
        .iter()
        .map(|line| serde_json::from_slice(line))
        .collect::<Result<_, _>>()?;
    let last = records.last().context("no results")?;
    let last = time(last)?.millis() / (7 * DAY_MILLIS);
    for mut record in records {
        let week = time(&record)?.millis() / (7 * DAY_MILLIS) + WEEKS - last;
        let object = record.as_object_mut().context("an object")?;
        if week <= 0
            || object
                .get("items")
                .and_then(Value::as_array)
                .is_none_or(Vec::is_empty)
        {
            continue;
        }
        for link in ["supersedes", "confirms", "follow_up_of", "case_id"] {
            object.remove(link);
        }
        object.insert("outcome".to_owned(), json!("nonconforming"));
        if object.get("mode") == Some(&json!("risk_evaluation")) {
            object.insert("mode".to_owned(), json!("supervisory_check"));
        }
        let id = city::text(&record, "inspection_id")?;
        for hazard in HAZARDS {
            record["inspection_id"] = json!(format!("{id}-{hazard}"));
            let item = json!({"code": "failed", "name": "检验项目", "verdict": "nonconforming",
                "hazard": hazard, "severity": 2});
            record["items"] = json!([item]);
            record["sample"]["defective"] = json!(1);
            weeks.entry(week).or_default().push(record.to_string());
        }
    }
    Ok(weeks)
}

/// The acts of officers by kind and state, as the machines have them.
fn acts(policy: &Policy) -> BTreeMap<(String, String), Vec<&'static str>> {
    let mut acts: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for state in CaseState::all() {
        let key = (state.kind().code().to_owned(), state.code().to_owned());
        let of = acts.entry(key).or_default();
        for act in state.steps(policy.cases.switches) {
            if let Act::Officer(act) = act {
                of.push(act.code());
            }
        }
    }
    acts
}

fn open_cases(address: &str) -> Result<Vec<Value>> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let url = format!("{address}/v1/cases?open=true&limit=1000{cursor}");
        let page = http::get(&url)?.expect_status(200)?.json()?;
        all.extend(page["items"].as_array().context("items")?.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// A week of the office, drawn: most commands fit where the case stands, some do not.
fn commands(
    open: &[Value],
    week: i64,
    at: Timestamp,
    acts: &BTreeMap<(String, String), Vec<&'static str>>,
    draws: &mut Draws,
) -> Result<Vec<String>> {
    let mut all = Vec::new();
    if open.is_empty() {
        return Ok(all);
    }
    let mut chosen = BTreeSet::new();
    for number in 0..ACTED.min(open.len() as u64 / ONE_OF) {
        let at_case = draws.below(open.len() as u64) as usize;
        if !chosen.insert(at_case) {
            continue;
        }
        let case = &open[at_case];
        let key = (city::text(case, "kind")?, city::text(case, "state")?);
        let legal = acts.get(&key).context("a state of a machine")?;
        let waiting = case["proposals"][0]["command_id"].as_str();
        let (actor, more) = match (waiting, draws.below(12)) {
            (Some(of), 0..10) => ("B", json!({"kind": "approve", "of": of})),
            (_, 10) => ("A", json!({"kind": "pause_clock", "ground": "hearing"})),
            (_, 11) if number % 3 == 0 => ("A", json!({"kind": "resume_clock"})),
            (_, 11) => ("A", json!({"kind": "remove_early"})),
            _ => {
                let act = legal[draws.below(legal.len() as u64) as usize];
                ("A", json!({"kind": act}))
            }
        };
        let mut command = json!({
            "command_id": format!("K{week}-{number}"),
            "decided_at": at.plus_millis(number as i64 * 1000).to_string(),
            "actor": {"id": actor, "role": "approver"},
            "reason": "依法办理",
            "case_id": case["case_id"],
        });
        let fields = command.as_object_mut().context("an object")?;
        fields.extend(more.as_object().context("an object")?.clone());
        all.push(command.to_string());
    }
    Ok(all)
}

/// Posts lines until they are known to be durable; each is taken once however often it comes.
fn post(address: &str, path: &str, lines: &[String]) -> Result<Vec<Value>> {
    let body = lines.join("\n");
    for _ in 0..60 {
        let answer = http::post(&format!("{address}{path}"), NDJSON, body.as_bytes())?;
        match answer.status {
            200 => {
                let answer = answer.json()?;
                return Ok(answer["items"].as_array().context("items")?.clone());
            }
            202 | 429 => risk_tests::process::pause(Duration::from_millis(500)),
            _ => bail!("{}: {}", answer.status, answer.body),
        }
    }
    bail!("{path}: not durable")
}

/// Results and commands of a week, at once.
fn both(address: &str, results: &[String], orders: &[String]) -> Result<Vec<Value>> {
    let (results, orders) = thread::scope(|scope| {
        let results = scope.spawn(|| post(address, "/v1/results", results));
        let orders = scope.spawn(|| match orders {
            [] => Ok(Vec::new()),
            orders => post(address, "/v1/commands", orders),
        });
        (results.join(), orders.join())
    });
    let results = results.ok().context("the poster of results")??;
    for item in &results {
        let status = &item["status"];
        ensure!(*status == "accepted" || *status == "duplicate", "{item}");
    }
    orders.ok().context("the poster of commands")?
}

/// Replays a case's history through its machine, and holds its terms against the time that has passed.
fn check(case: &Case, engine: &Engine, through: Timestamp) -> Result<()> {
    let switches = engine.policy().cases.switches;
    let first = case.events.first().context("it was opened")?;
    ensure!(first.what == Happened::Opened, "{:?}", first.what);
    let mut stands = first.state;
    for pair in case.events.windows(2) {
        let [before, event] = pair else { continue };
        ensure!(before.at <= event.at, "a history runs backwards");
        ensure!(!event.actor.is_empty(), "nobody did it");
        match event.what {
            Happened::Moved(act) => {
                let next = stands.next(act, switches).ok().context("an illegal step")?;
                let reached = match next {
                    Transition::To(state) => event.state == state,
                    Transition::End(ending) => {
                        event.state == CaseState::Closed(stands.kind(), ending)
                    }
                    Transition::PassOn(_) => !event.state.is_open(),
                    Transition::Stay => false,
                };
                ensure!(reached, "{act:?} led from {stands:?} to {:?}", event.state);
                stands = event.state;
            }
            Happened::Opened
            | Happened::Noted(_)
            | Happened::Proposed(_)
            | Happened::Assigned(_)
            | Happened::Paused(_)
            | Happened::Resumed
            | Happened::Remarked
            | Happened::Void(_) => ensure!(event.state == stands, "{event:?} moved the case"),
        }
    }
    ensure!(
        stands == case.state,
        "it stands elsewhere than its history says"
    );
    if case.state.is_open() {
        for term in &case.deadlines {
            let due = term.next_lapse().is_some_and(|at| at <= through);
            ensure!(
                !due,
                "{:?} was due at {} and missed",
                term.term,
                term.lapses_at
            );
        }
    }
    Ok(())
}

/// Checks everything; says how much there was.
fn checked(data_dir: &Path, given: &BTreeSet<String>) -> Result<String> {
    let reference = Reference::builtin()?;
    let policy = Arc::new(Policy::builtin()?);
    let taxonomy = Taxonomy::from_reference(&reference);
    let store = Store::at(data_dir, StoreOptions::default(), policy, taxonomy);
    let opened = store.open()?;
    let engine = &opened.engine;
    let clocks = engine.partition_clocks().filter_map(|(_, at)| at);
    let through = engine.last_closed().map(|(_, end)| end);
    ensure!(clocks.count() > 0, "nothing was read");
    let through = through.context("something closed")?;
    let (mut open, mut events, mut void) = (BTreeSet::new(), 0_usize, 0_usize);
    let mut evidence: BTreeSet<InspectionId> = BTreeSet::new();
    let all: Vec<Case> = engine.cases().cloned().collect();
    for case in &all {
        check(case, engine, through).with_context(|| format!("case {}", case.id))?;
        events += case.events.len();
        let voids = case.events.iter();
        void += voids
            .filter(|one| matches!(one.what, Happened::Void(_)))
            .count();
        ensure!(
            !case.state.is_open() || open.insert(case.key.clone()),
            "two open cases of {:?}",
            case.key
        );
        evidence.extend(case.evidence().cloned());
        for event in &case.events {
            if let Cause::Command(id) = &event.cause {
                ensure!(
                    given.contains(id.as_str()),
                    "{id} was never given or was refused"
                );
            }
        }
    }
    let alerts: Vec<_> = engine.alerts().collect();
    for entry in &alerts {
        ensure!(
            !entry.alert.reason_zh.is_empty(),
            "an alert without its sentence"
        );
        evidence.extend(entry.alert.inspections.iter().cloned());
    }
    let said = format!(
        "{} cases, {} open, {events} events, {void} void; {} alerts; {} results behind them",
        all.len(),
        open.len(),
        alerts.len(),
        evidence.len()
    );
    ensure!(all.len() >= CASES, "only {} cases", all.len());
    for id in &evidence {
        ensure!(opened.writer.lookup(id)?.is_some(), "{id} leads nowhere");
    }
    opened.writer.close()?;
    Ok(said)
}

/// What `evaluate handling` says, which counts every case by its kind and end, and every alert that was closed.
fn what_came_of_it(data_dir: &Path) -> Result<String> {
    let told = city::over(&["evaluate", "handling"], data_dir)?;
    let (alerts, cases) = told.split_once("cases of kind").context("no cases told")?;
    let taxonomy = Taxonomy::from_reference(&Reference::builtin()?);
    let policy = Arc::new(Policy::builtin()?);
    let opened = Store::at(data_dir, StoreOptions::default(), policy, taxonomy).open()?;
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for case in opened.engine.cases() {
        let end = match case.state {
            CaseState::Closed(_, ending) => ending.code(),
            CaseState::FastTest(_)
            | CaseState::SpotCheck(_)
            | CaseState::FoodCheck(_)
            | CaseState::FarmProduce(_)
            | CaseState::Enforcement(_) => "open",
        };
        let row = format!("{} {end}", case.state.kind().code());
        *ends.entry(row).or_default() += 1;
    }
    let mut rows = BTreeMap::new();
    for line in cases.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, end, count, days] = words[..] else {
            bail!("{line:?} is no row of cases");
        };
        ensure!((end == "open") == (days == "-"), "{line}");
        rows.insert(format!("{kind} {end}"), count.parse()?);
    }
    ensure!(rows == ends, "{told}\n{ends:?}");
    let closed: u64 = opened.engine.alert_feedback().into_values().sum();
    let mut counted = 0;
    for line in alerts.lines().skip(1) {
        let counts = line.split_whitespace().skip(1).take(4);
        for count in counts {
            counted += count.parse::<u64>()?;
        }
    }
    ensure!(counted == closed, "{told}\n{closed} alerts were closed");
    opened.writer.close()?;
    Ok(told)
}

#[test]
fn ten_thousand_cases_of_a_year_keep_the_law_whatever_comes_at_once() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("year");
    let city = City::simulate(SEED, ENTERPRISES)?;
    let weeks = failures(&city)?;
    let policy = Policy::builtin()?;
    let acts = acts(&policy);
    let mut draws = Draws::from_seed(SEED);
    let broker = KafkaBroker::start()?;
    city::create_topics(&broker, 1)?;
    let section = city::kafka_section(&broker, false);
    let mut server = city::serve(&data_dir, &section)?;
    let (mut accepted, mut refused) = (BTreeSet::new(), 0_usize);
    for (week, results) in &weeks {
        let last: Value = serde_json::from_str(results.first().context("a week")?)?;
        let at = Timestamp::parse(&city::text(&last, "observed_at")?)?;
        let open = open_cases(server.address())?;
        let orders = commands(&open, *week, at.plus_millis(-3_600_000), &acts, &mut draws)?;
        // Of two commands one comes by the topic, where nobody waits for an answer.
        let (posted, told): (Vec<_>, Vec<_>) = orders
            .into_iter()
            .enumerate()
            .partition(|(at, _)| at % 2 == 0);
        let orders: Vec<String> = posted.into_iter().map(|(_, order)| order).collect();
        let told: Vec<String> = told.into_iter().map(|(_, order)| order).collect();
        for order in &told {
            accepted.insert(city::text(&serde_json::from_str(order)?, "command_id")?);
        }
        let told = told.iter().map(|order| (0, &b"case"[..], order.as_bytes()));
        broker.produce(COMMANDS, told)?;
        if KILLED.contains(week) {
            // Whatever was answered or not: after the kill the same posts come again.
            let address = server.address().to_owned();
            let (results, orders) = (results.clone(), orders.clone());
            let poster = thread::spawn(move || both(&address, &results, &orders).is_ok());
            risk_tests::process::pause(Duration::from_millis(draws.below(30)));
            server.kill9()?;
            let whole = poster.join().ok().context("the poster")?;
            println!("killed in week {week}, posts answered: {whole}");
            server = city::serve(&data_dir, &section)?;
        }
        let items = both(server.address(), results, &orders);
        for item in items.with_context(|| server.tail())? {
            let id = city::text(&item, "command_id")?;
            if item["status"] == "rejected" {
                ensure!(!city::text(&item, "rule")?.is_empty(), "{item}");
                refused += 1;
            } else {
                accepted.insert(id);
            }
        }
    }
    println!(
        "{} commands accepted or told by the topic, {refused} refused",
        accepted.len()
    );
    ensure!(
        accepted.len() > 5_000 && refused > 500,
        "too little was tried"
    );
    stop(server)?;
    println!("{}", checked(&data_dir, &accepted)?);
    println!("{}", what_came_of_it(&data_dir)?);
    let state = city::state(&data_dir)?;
    let verified = city::over(&["ledger", "verify"], &data_dir)?;
    let entries: usize = city::value(&verified, "entries")?.parse()?;
    ensure!(entries > CASES, "{verified}");
    println!("{entries} entries verified");
    let rebuilt = city::over(&["rebuild"], &data_dir)?;
    ensure!(city::value(&rebuilt, "state")? == state, "{rebuilt}");
    Ok(())
}

fn stop(mut server: Spotcheck) -> Result<()> {
    let status = server.stop(DEADLINE)?;
    ensure!(status.success(), "{status}: {}", server.tail());
    Ok(())
}
