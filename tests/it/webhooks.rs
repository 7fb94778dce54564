//! Events reach endpoints of others, whatever these do: slow, down, lying, hanging up, killed in between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use risk_tests::alertmanager::Alertmanager;
use risk_tests::city::{self, City, Draws};
use risk_tests::http;
use risk_tests::process::{self, Spotcheck};
use risk_tests::receiver::{Reaction, Received, Receiver};
use serde_json::{Value, json};
use sha2::Sha256;

const SEED: u64 = 20_260_706;
const ENTERPRISES: u32 = 40;
const DEADLINE: Duration = Duration::from_secs(30);
const SECRET: &str = "webhooks-are-signed-with-this-secret";
/// Waits as short as a test wants them, and no limit that it would notice.
const HURRIED: &str =
    "first_wait = \"5ms\"\nlongest_wait = \"40ms\"\npark_after = 10000\nper_minute = 100000\n";

fn good() -> Reaction {
    Reaction::Answer(200, String::new())
}

/// The configuration of an endpoint that may lie on this machine.
fn endpoint(name: &str, kind: &str, url: &str, more: &str) -> String {
    let signed = matches!(kind, "webhook" | "dingtalk");
    let secret = if signed {
        format!("secret = \"{SECRET}\"\n")
    } else {
        String::new()
    };
    format!(
        "[webhooks.{name}]\nkind = \"{kind}\"\nurl = \"{url}\"\n{secret}allow_networks = [\"127.0.0.1\"]\n{more}"
    )
}

/// A fast test that failed, which raises an alert at once.
fn failed_test(id: &str, enterprise: &str) -> Value {
    json!({
        "inspection_id": id, "mode": "fast_test", "outcome": "nonconforming",
        "sampled_at": "2026-07-01T09:00:00+08:00", "observed_at": "2026-07-01T09:30:00+08:00",
        "agency": {"id": "county-amr", "level": "county"}, "team_id": "team-1",
        "selection": {"basis": "targeted"},
        "site": {"site_id": format!("{enterprise}-S"), "enterprise_id": enterprise,
                 "name": "晨光玩具商行", "zone_id": "330782-choucheng", "channel": "market"},
        "product": {"category": "TOY-PLUSH", "name": "毛绒玩具"},
        "sample": {"tested": 1}, "test": {"kind": "rapid", "method_id": "rapid"},
        "items": [{"code": "small-parts", "name": "小零件", "verdict": "nonconforming",
                   "hazard": "size_and_shape", "severity": 1}],
    })
}

fn accepted(server: &Spotcheck, path: &str, record: &Value) -> Result<()> {
    let url = format!("{}{path}", server.address());
    let answer = http::post(&url, "application/json", &serde_json::to_vec(record)?)?;
    let answer = answer.expect_status(200)?.json()?;
    ensure!(answer["items"][0]["status"] == "accepted", "{answer}");
    Ok(())
}

fn get(server: &Spotcheck, path: &str) -> Result<Value> {
    http::get(&format!("{}{path}", server.address()))?
        .expect_status(200)?
        .json()
}

/// The ids of all events of alerts, in the ledger's order, each with its event as the live stream has it.
fn told(server: &Spotcheck) -> Result<BTreeMap<String, Value>> {
    let mut moves = 0;
    for alert in city::all(&format!("{}/v1/alerts?", server.address()))? {
        let id = city::text(&alert, "id")?;
        let detail = get(server, &format!("/v1/alerts/{id}"))?;
        moves += detail["moves"].as_array().context("no moves")?.len();
    }
    ensure!(moves > 10, "{moves} events show little");
    let stream = format!("{}/v1/alerts/stream?after=0", server.address());
    let mut events = BTreeMap::new();
    for event in http::events(&stream, moves)? {
        let event: Value = serde_json::from_str(&event)?;
        // The stream counts entries of its one ledger; others are told the shard, too.
        events.insert(format!("0-{}", city::text(&event, "id")?), event);
    }
    ensure!(events.len() == moves, "{} of {moves}", events.len());
    Ok(events)
}

/// Whether a request proves by its signature that it is ours.
fn is_signed(request: &Received) -> Result<bool> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    let (id, at) = (
        request.header("webhook-id"),
        request.header("webhook-timestamp"),
    );
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&request.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    Ok(request.header("webhook-signature") == expected)
}

fn entry_of(delivery: &str) -> Result<u64> {
    let (_, entry) = delivery.rsplit_once('-').context("no id")?;
    Ok(entry.parse()?)
}

/// Nothing is lost; after deduplication by id nothing is doubled; nothing is altered; each subject's events
/// were taken in order.
fn arrived_whole(received: &[Received], events: &BTreeMap<String, Value>) -> Result<()> {
    let mut bodies: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for request in received {
        ensure!(is_signed(request)?, "not signed: {request:?}");
        let id = request.header("webhook-id");
        let before = bodies.insert(id, &request.body);
        ensure!(
            before.is_none_or(|before| before == request.body),
            "one id, two contents: {id}"
        );
        if request.reaction == good() {
            ensure!(taken.insert(id), "{id} was taken and is sent again");
            let subject = city::text(&request.json()?, "subject")?;
            let entry = entry_of(id)?;
            let before = last.insert(subject, entry);
            ensure!(
                before.is_none_or(|before| before < entry),
                "{id} is out of order"
            );
        }
    }
    let expected: BTreeSet<String> = events.keys().map(|id| format!("ops_{id}")).collect();
    let taken: BTreeSet<String> = taken.into_iter().map(str::to_owned).collect();
    ensure!(
        taken == expected,
        "not taken: {:?}",
        expected.symmetric_difference(&taken).collect::<Vec<_>>()
    );
    for (id, body) in bodies {
        let sent: Value = serde_json::from_slice(body)?;
        let event = events
            .get(id.trim_start_matches("ops_"))
            .context("an event of its own")?;
        ensure!(sent["specversion"] == "1.0", "no CloudEvent: {sent}");
        ensure!(
            id == format!("ops_{}", city::text(&sent, "id")?),
            "{id}: {sent}"
        );
        for field in [
            "/subject",
            "/time",
            "/data/alert_id",
            "/data/state",
            "/data/level",
        ] {
            ensure!(
                sent.pointer(field) == event.pointer(field),
                "{sent} {event}"
            );
        }
    }
    Ok(())
}

fn all_told(server: &Spotcheck, name: &str) -> Result<()> {
    city::until("the endpoint is told of everything", || {
        let page = get(server, "/v1/webhooks")?;
        let items = page["items"].as_array().context("no items")?;
        let found = items.iter().find(|one| one["name"] == name);
        Ok(found.filter(|one| one["behind"] == 0).map(|_| ()))
    })
}

#[test]
fn a_slow_lying_or_broken_receiver_loses_nothing_and_is_sent_nothing_twice_that_it_took()
-> Result<()> {
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    City::simulate(SEED, ENTERPRISES)?.import(&data)?;
    // Half of the requests are treated badly, in an order that the seed gives.
    let mut draws = Draws::from_seed(SEED);
    let fates: Vec<u64> = (0..100_000).map(|_| draws.below(12)).collect();
    let receiver = Receiver::start(move |number| match fates.get(number) {
        Some(0) => Reaction::Slow(Duration::from_millis(900)),
        // It has what it was sent, and says that it has not.
        Some(1 | 2) => Reaction::Answer(500, "taken, or not".to_owned()),
        Some(3) => Reaction::Halfway,
        Some(4) => Reaction::HangUp,
        Some(5) => Reaction::Answer(429, String::new()),
        _else => good(),
    })?;
    let more = format!("from_beginning = true\ntimeout = \"200ms\"\n{HURRIED}");
    let section = endpoint("ops", "webhook", &receiver.url(), &more);
    let mut server = city::serve(&data, &section)?;
    all_told(&server, "ops")?;
    let events = told(&server)?;
    arrived_whole(&receiver.received(), &events)?;
    let deliveries = city::all(&format!("{}/v1/deliveries?endpoint=ops&", server.address()))?;
    ensure!(
        deliveries.len() == events.len(),
        "{} deliveries",
        deliveries.len()
    );
    let mut tries = 0;
    for delivery in &deliveries {
        ensure!(delivery["state"] == "delivered", "{delivery}");
        tries += delivery["attempts"].as_u64().context("no attempts")? as usize;
    }
    ensure!(tries == receiver.received().len(), "{tries} attempts");
    ensure!(tries > events.len(), "it behaved too well to show anything");
    println!("{} events, {tries} attempts", events.len());
    let counted = "risk_pipeline_deliveries_total{endpoint=\"ops\",outcome=\"delivered\"}";
    ensure!(city::metric(server.address(), counted)? == Some(events.len() as f64));
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());

    // What was taken stays taken.
    let before = receiver.received().len();
    let mut server = city::serve(&data, &section)?;
    all_told(&server, "ops")?;
    accepted(&server, "/v1/results", &failed_test("HAND-1", "HAND-E1"))?;
    city::until("the new event", || {
        Ok((receiver.received().len() > before).then_some(()))
    })?;
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    let after = receiver.received();
    let subjects: Result<Vec<String>> = after[before..]
        .iter()
        .map(|request| city::text(&request.json()?, "subject"))
        .collect();
    ensure!(
        subjects?.iter().all(|one| one.contains("HAND-E1")),
        "old events are sent again"
    );
    Ok(())
}

/// Whoever looks is told of the parked endpoint, and not of its URL.
fn told_as_parked(server: &Spotcheck) -> Result<()> {
    let ready = http::get(&format!("{}/readyz", server.address()))?.expect_status(200)?;
    ensure!(
        ready.body.contains("webhook ops is parked"),
        "{}",
        ready.body
    );
    ensure!(
        !ready.body.contains("k=1"),
        "the URL is told: {}",
        ready.body
    );
    let status = get(server, "/v1/status")?;
    ensure!(
        status["warnings"][0]
            .as_str()
            .is_some_and(|told| told.contains("ops is parked"))
    );
    let gauge = "risk_pipeline_webhook_parked{endpoint=\"ops\"}";
    city::until("the gauge", || {
        Ok(city::metric(server.address(), gauge)?.filter(|parked| *parked > 0.5))
    })?;
    ensure!(
        server.tail().contains("the endpoint is parked"),
        "{}",
        server.tail()
    );
    Ok(())
}

/// Somebody wants a delivery again: it comes under its id.
fn sent_again(server: &Spotcheck, receiver: &Receiver, id: &str) -> Result<()> {
    let before = receiver.received().len();
    let url = format!("{}/v1/deliveries/{id}/resend", server.address());
    let asked = http::post(&url, "", b"")?.expect_status(202)?.json()?;
    ensure!(
        asked["state"] == "waiting" && asked["asked_again"] == 1,
        "{asked}"
    );
    let again = city::until("it is sent again", || {
        Ok(receiver.received().get(before).cloned())
    })?;
    ensure!(again.header("webhook-id") == id && is_signed(&again)?);
    city::until("it is kept as delivered", || {
        let list = get(server, "/v1/deliveries?state=delivered&limit=200")?;
        let items = list["items"].as_array().context("no items")?;
        let found = items.iter().find(|one| one["id"] == id);
        Ok(found.filter(|one| one["asked_again"] == 1).map(|_| ()))
    })?;
    Ok(())
}

#[test]
fn a_dead_receiver_is_parked_and_told_and_gets_everything_when_it_is_tried_again() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let port = process::free_port()?;
    let more =
        "first_wait = \"5ms\"\nlongest_wait = \"20ms\"\npark_after = 4\nper_minute = 100000\n";
    let section = endpoint(
        "ops",
        "webhook",
        &format!("http://127.0.0.1:{port}/hook?k=1"),
        more,
    );
    let mut server = city::serve(&data, &section)?;
    for number in 0..5 {
        let enterprise = format!("HAND-E{}", number % 2);
        accepted(
            &server,
            "/v1/results",
            &failed_test(&format!("HAND-{number}"), &enterprise),
        )?;
    }
    let parked = city::until("the endpoint is parked", || {
        let endpoint = get(&server, "/v1/webhooks")?["items"][0].take();
        Ok((!endpoint["parked_at"].is_null()).then_some(endpoint))
    })?;
    ensure!(parked["failures"] == 4 && parked["behind"] != 0, "{parked}");
    told_as_parked(&server)?;
    let waiting = get(&server, "/v1/deliveries?state=waiting")?;
    let first = city::text(&waiting["items"][0], "id")?;
    ensure!(waiting["items"][0]["attempts"] == 4, "{waiting}");

    // It stays parked over a restart.
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    let receiver = Receiver::at(port, |_| good())?;
    let mut server = city::serve(&data, &section)?;
    let post = |path: &str| http::post(&format!("{}{path}", server.address()), "", b"");
    let resent = format!("/v1/deliveries/{first}/resend");
    post(&resent)?.expect_status(409)?;
    ensure!(receiver.received().is_empty(), "it was parked");
    post("/v1/webhooks/other/unpark")?.expect_status(404)?;
    let tried = post("/v1/webhooks/ops/unpark")?.expect_status(202)?;
    ensure!(tried.json()?["parked_at"].is_null(), "{}", tried.body);
    all_told(&server, "ops")?;
    post("/v1/webhooks/ops/unpark")?.expect_status(409)?;
    let arrived = receiver.received();
    ensure!(
        arrived
            .iter()
            .all(|request| request.line == "POST /hook?k=1 HTTP/1.1")
    );
    let ids: Vec<u64> = arrived
        .iter()
        .map(|request| entry_of(request.header("webhook-id")))
        .collect::<Result<_>>()?;
    ensure!(ids.len() >= 2 && ids.is_sorted(), "{ids:?}");

    sent_again(&server, &receiver, &first)?;
    post("/v1/deliveries/ops_0-999999/resend")?.expect_status(404)?;
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    Ok(())
}

#[test]
fn what_was_committed_when_the_process_was_killed_is_delivered_after_the_restart() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let receiver = Receiver::start(|_| Reaction::Silence)?;
    let section = endpoint("ops", "webhook", &receiver.url(), HURRIED);
    let mut server = city::serve(&data, &section)?;
    for number in 0..12 {
        let enterprise = format!("HAND-E{number}");
        accepted(
            &server,
            "/v1/results",
            &failed_test(&format!("HAND-{number}"), &enterprise),
        )?;
    }
    // One is under way and the others wait: none has arrived.
    city::until("a request is under way", || {
        Ok((!receiver.received().is_empty()).then_some(()))
    })?;
    server.kill9()?;
    ensure!(
        receiver
            .received()
            .iter()
            .all(|request| request.reaction == Reaction::Silence)
    );
    let unanswered = receiver.received().len();
    receiver.behave(|_| good());
    let mut server = city::serve(&data, &section)?;
    all_told(&server, "ops")?;
    let events = told(&server)?;
    let received = receiver.received();
    ensure!(
        received.len() == unanswered + events.len(),
        "{} requests",
        received.len()
    );
    arrived_whole(&received, &events)?;
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    Ok(())
}

#[test]
fn no_request_leaves_for_a_private_address_or_follows_a_redirect() -> Result<()> {
    let home = tempfile::tempdir()?;
    let inside = Receiver::start(|_| good())?;
    let elsewhere = inside.url();
    let sends_on = Receiver::start(move |_| Reaction::Redirect(elsewhere.clone()))?;
    // By name, by number, and by way of an endpoint that sends on.
    let hidden = |name: &str, host: &str| {
        let url = format!("https://{host}:{}/", inside.port());
        let allowed = endpoint(name, "webhook", &url, HURRIED);
        allowed.replace("allow_networks = [\"127.0.0.1\"]\n", "")
    };
    let sections = [
        hidden("name", "localhost"),
        hidden("number", "127.0.0.1"),
        hidden("mapped", "[::ffff:127.0.0.1]"),
        hidden("metadata", "169.254.169.254"),
        endpoint("onward", "webhook", &sends_on.url(), HURRIED),
    ];
    let mut server = city::serve(&home.path().join("data"), &sections.concat())?;
    accepted(&server, "/v1/results", &failed_test("HAND-1", "HAND-E1"))?;
    for name in ["name", "number", "mapped", "metadata", "onward"] {
        let problem = city::until("an attempt", || {
            let list = get(&server, &format!("/v1/deliveries?endpoint={name}"))?;
            Ok(list["items"][0]["problem"].as_str().map(str::to_owned))
        })?;
        let expected = if name == "onward" {
            "307"
        } else {
            "allow_networks"
        };
        ensure!(problem.contains(expected), "{name}: {problem}");
    }
    ensure!(
        inside.received().is_empty(),
        "a request came inside: {:?}",
        inside.received()
    );
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    Ok(())
}

/// A configuration that would send astray does not start, and says which key and rule.
#[test]
fn settings_that_would_send_in_clear_text_or_unsigned_are_refused_with_key_and_rule() -> Result<()>
{
    let home = tempfile::tempdir()?;
    let cases = [
        (
            "url = \"http://example.org/\"\nsecret = \"0123456789012345678901234\"\n",
            "url must be https",
        ),
        ("url = \"https://example.org/\"\n", "secret"),
        (
            "url = \"https://example.org/\"\nsecret = \"short\"\n",
            "at least 24 bytes",
        ),
        (
            "url = \"https://example.org/\"\nzones = [\"atlantis\"]\n",
            "zones: `atlantis`",
        ),
        (
            "url = \"https://example.org/\"\nallow_networks = [\"10.0.0/8\"]\n",
            "10.1.0.0/16",
        ),
        (
            "url = \"https://example.org/\"\nevents = [\"dead_letters\"]\n",
            "alerts, grades, cases",
        ),
        ("kind = \"pager\"\n", "alertmanager"),
        ("urll = \"x\"\n", "urll"),
    ];
    for (keys, expected) in cases {
        let config = city::configure(
            &home.path().join("data"),
            &format!("[webhooks.ops]\n{keys}"),
        )?;
        let output = city::spotcheck(&["check", "--config"])?
            .arg(config)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && said.contains(expected),
            "{keys}: {said}"
        );
    }
    Ok(())
}

#[test]
fn robots_are_sent_texts_and_asked_again_when_they_mean_no() -> Result<()> {
    let home = tempfile::tempdir()?;
    let robot = |number| match number {
        0 => Reaction::Answer(
            200,
            r#"{"errcode":130101,"errmsg":"send too fast"}"#.to_owned(),
        ),
        _later => Reaction::Answer(200, r#"{"errcode":0,"errmsg":"ok"}"#.to_owned()),
    };
    let (dingtalk, wecom) = (Receiver::start(robot)?, Receiver::start(robot)?);
    let sections = [
        endpoint(
            "ding",
            "dingtalk",
            &format!("{}/robot/send?access_token=t", dingtalk.url()),
            HURRIED,
        ),
        endpoint(
            "wecom",
            "wecom",
            &format!("{}/send?key=k", wecom.url()),
            HURRIED,
        ),
    ];
    let mut server = city::serve(&home.path().join("data"), &sections.concat())?;
    accepted(&server, "/v1/results", &failed_test("HAND-1", "HAND-E1"))?;
    for name in ["ding", "wecom"] {
        all_told(&server, name)?;
    }
    for receiver in [&dingtalk, &wecom] {
        let received = receiver.received();
        ensure!(received.len() == 2, "{} requests", received.len());
        let sent = received[1].json()?;
        let text = sent["text"]["content"].as_str().unwrap_or_default();
        ensure!(
            sent["msgtype"] == "text" && text.contains("HAND-E1"),
            "{sent}"
        );
        ensure!(text.contains("预警") && text.len() < 2048, "{text}");
    }
    let line = &dingtalk.received()[1].line;
    let query = line.split('&').collect::<Vec<_>>();
    let stamp = query
        .iter()
        .find_map(|part| part.strip_prefix("timestamp="));
    let stamp = stamp.context("no timestamp")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(format!("{stamp}\n{SECRET}").as_bytes());
    let sign = STANDARD.encode(mac.finalize().into_bytes());
    let sign = sign
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    ensure!(line.contains(&format!("&sign={sign} HTTP")), "{line}");
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    Ok(())
}

fn command(id: &str, minute: u32, more: &Value) -> Value {
    let mut command = json!({
        "command_id": id, "decided_at": format!("2026-07-01T18:{minute:02}:00+08:00"),
        "actor": {"id": "330782-017", "role": "officer"}, "reason": "现场核查",
    });
    if let (Some(all), Some(more)) = (command.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    command
}

/// The levels under which Alertmanager holds an alert to be firing.
fn levels(manager: &Alertmanager, alert: &str) -> Result<Vec<String>> {
    let firing = manager.firing()?;
    let ours = firing
        .iter()
        .filter(|one| one["labels"]["alert_id"] == alert);
    ours.map(|one| city::text(&one["labels"], "level"))
        .collect()
}

fn one_level(manager: &Alertmanager, alert: &str, level: Option<&str>) -> Result<()> {
    let expected: Vec<&str> = level.into_iter().collect();
    city::until("Alertmanager shows the alert as it stands", || {
        Ok((levels(manager, alert)? == expected).then_some(()))
    })
}

#[test]
fn a_real_alertmanager_shows_an_alert_its_graver_level_and_its_end() -> Result<()> {
    let home = tempfile::tempdir()?;
    let manager = Alertmanager::start()?;
    let url = format!("{}/api/v2/alerts", manager.address());
    let section = endpoint("manager", "alertmanager", &url, HURRIED);
    let mut server = city::serve(&home.path().join("data"), &section)?;
    accepted(&server, "/v1/results", &failed_test("HAND-1", "HAND-E1"))?;
    let alert = city::until("the alert", || {
        Ok(get(&server, "/v1/alerts")?["items"][0]["id"]
            .as_str()
            .map(str::to_owned))
    })?;
    one_level(&manager, &alert, Some("four"))?;
    let labels = manager.firing()?[0].take();
    ensure!(
        labels["labels"]["subject"] == "cell:HAND-E1:TOY-PLUSH",
        "{labels}"
    );
    ensure!(labels["annotations"]["summary_zh"] != "", "{labels}");
    let on = |kind: &str, more: Value| {
        let mut on = json!({"alert_id": alert, "kind": kind});
        if let (Some(all), Some(more)) = (on.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        on
    };
    let graver = on("escalate", json!({"alert_level": "two"}));
    accepted(&server, "/v1/commands", &command("K1", 0, &graver))?;
    one_level(&manager, &alert, Some("two"))?;
    let close = on("close", json!({"disposition": "confirmed"}));
    accepted(&server, "/v1/commands", &command("K2", 1, &close))?;
    one_level(&manager, &alert, None)?;
    let reopened = command("K3", 2, &on("reopen", json!({})));
    accepted(&server, "/v1/commands", &reopened)?;
    one_level(&manager, &alert, Some("two"))?;
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    Ok(())
}

/// Of the directory of deliveries nothing is in a backup: it is of no meaning to the ledger.
#[test]
fn a_backup_holds_no_deliveries_and_a_secret_is_nowhere_in_the_data() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    let receiver = Receiver::start(|_| good())?;
    let section = endpoint("ops", "webhook", &receiver.url(), HURRIED);
    let mut server = city::serve(&data, &section)?;
    accepted(&server, "/v1/results", &failed_test("HAND-1", "HAND-E1"))?;
    all_told(&server, "ops")?;
    ensure!(server.stop(DEADLINE)?.success(), "{}", server.tail());
    ensure!(!server.tail().contains(SECRET), "the log tells the secret");
    let copy = home.path().join("copy");
    let to = copy.to_str().context("a path that is not UTF-8")?;
    city::over(&["backup", "--to", to], &data)?;
    ensure!(
        !files(&copy)?
            .iter()
            .any(|(name, _)| name.contains("deliveries"))
    );
    let kept = files(&data)?;
    ensure!(
        kept.iter()
            .any(|(name, _)| name.ends_with("deliveries/ops.next"))
    );
    let tells = |bytes: &[u8]| {
        bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes())
    };
    ensure!(
        !kept.iter().any(|(_, bytes)| tells(bytes)),
        "the secret lies in the data"
    );
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path)?));
        }
    }
    Ok(found)
}
