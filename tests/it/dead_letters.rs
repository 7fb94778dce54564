//! Every reason for a rejection over HTTP: the bad line alone is refused, and it is said why.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use risk_pipeline::wire::RejectionCode;
use risk_tests::city::{self, City};
use risk_tests::http;
use serde_json::{Map, Value, json};

const SEED: u64 = 20_260_604;
const ENTERPRISES: u32 = 60;
const NDJSON: &str = "application/x-ndjson";

/// A bad line, with what its rejection must say: code, field, a piece of the rule.
struct BadLine {
    code: RejectionCode,
    field: &'static str,
    rule: &'static str,
    line: Vec<u8>,
}

/// Makes records of words that the city uses, so that they are good until one thing is changed.
struct Desk {
    zone: Value,
    product: Value,
    hazard: Value,
}

impl Desk {
    fn of(city: &City) -> Result<Self> {
        let records: Vec<Value> = city
            .lines
            .iter()
            .map(|line| serde_json::from_slice(line))
            .collect::<Result<_, _>>()?;
        let first = |found: &dyn Fn(&Value) -> Option<Value>, what: &str| {
            let value = records.iter().find_map(found);
            value.with_context(|| format!("the city has no {what}"))
        };
        let hazard = |record: &Value| {
            let items = record.get("items")?.as_array()?;
            items.iter().find_map(|item| item.get("hazard").cloned())
        };
        Ok(Self {
            zone: first(&|record| record.pointer("/site/zone_id").cloned(), "zone")?,
            product: first(
                &|record| record.pointer("/product/category").cloned(),
                "product",
            )?,
            hazard: first(&hazard, "hazard")?,
        })
    }

    /// A good record.
    fn record(&self, id: &str) -> Value {
        json!({
            "inspection_id": id,
            "sampled_at": "2026-03-01T09:30:00+08:00",
            "tested_at": "2026-03-04T10:00:00+08:00",
            "observed_at": "2026-03-06T17:00:00+08:00",
            "mode": "supervisory_check",
            "agency": { "id": "county-amr", "level": "county" },
            "team_id": "team-1",
            "selection": { "basis": "random", "inclusion_probability": 0.25 },
            "site": {
                "site_id": "site-1", "enterprise_id": "enterprise-1", "name": "晨光玩具商行",
                "zone_id": self.zone, "channel": "market",
            },
            "product": { "category": self.product, "name": "样品" },
            "sample": { "tested": 3, "backup": 3, "defective": 1, "cost": 59.7 },
            "test": { "kind": "laboratory", "lab_id": "lab-1" },
            "outcome": "nonconforming",
            "items": [
                { "code": "small-parts", "name": "小零件", "verdict": "nonconforming",
                  "hazard": self.hazard, "severity": 4 },
                { "code": "seams", "name": "缝合强度", "verdict": "conforming" },
            ],
            "extra": { "season": "spring" },
        })
    }

    fn good(&self, id: &str) -> Vec<u8> {
        self.record(id).to_string().into_bytes()
    }

    /// A record with another value at `path`; null takes the field away.
    fn with(&self, path: &str, value: Value) -> Result<Vec<u8>> {
        let mut whole = self.record("bad");
        put(&mut whole, path, value)?;
        Ok(whole.to_string().into_bytes())
    }
}

fn put(whole: &mut Value, path: &str, value: Value) -> Result<()> {
    let (parent, name) = path.rsplit_once('/').context("a path has a slash")?;
    let object = whole.pointer_mut(parent).and_then(Value::as_object_mut);
    let object = object.with_context(|| format!("no object {parent}"))?;
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
    Ok(())
}

/// Lines that break the rules of bytes and of JSON.
fn broken_texts(desk: &Desk) -> Vec<BadLine> {
    use RejectionCode as C;
    let text = desk.record("bad").to_string();
    let bad = |code, field, rule, line: &[u8]| BadLine {
        code,
        field,
        rule,
        line: line.to_vec(),
    };
    let mut cut_character = text.clone().into_bytes();
    let middle = cut_character.iter().position(|byte| *byte > 127);
    cut_character.truncate(middle.map_or(0, |at| at + 1));
    let long = format!("{{\"inspection_id\":\"{}\"}}", "长".repeat(3_500_000));
    let deep = format!("{}1{}", "{\"extra\":[".repeat(40), "]}".repeat(40));
    let deepest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let twice = text.replacen('{', "{\"team_id\":\"t\",", 1);
    let nan = text.replace("0.25", "NaN");
    let huge = text.replace("\"tested\":3", "\"tested\":1e400");
    vec![
        bad(C::NotUtf8, "$", "UTF-8", &cut_character),
        bad(C::NotUtf8, "$", "UTF-8", b"{\"team_id\":\"\xFF\xFE\"}"),
        bad(C::NotUtf8, "$", "UTF-8", b"\xED\xA0\x80"),
        bad(C::NotJson, "$", "must be one JSON object", b"{"),
        bad(C::NotJson, "$", "must be one JSON object", nan.as_bytes()),
        bad(
            C::NotJson,
            "$",
            "trailing",
            format!("{text} {text}").as_bytes(),
        ),
        bad(C::TooLarge, "$", "1048576 bytes", long.as_bytes()),
        bad(C::TooDeep, "$", "32 levels", deep.as_bytes()),
        bad(C::TooDeep, "$", "32 levels", deepest.as_bytes()),
        bad(C::DuplicateField, "team_id", "once", twice.as_bytes()),
        bad(
            C::OutOfRange,
            "sample.tested",
            "out of range",
            huge.as_bytes(),
        ),
        bad(C::WrongType, "$", "object", b"17"),
    ]
}

/// Records of which one value breaks one rule.
#[expect(
    clippy::too_many_lines,
    reason = "a table: one bad line after the other"
)]
fn broken_values(desk: &Desk) -> Result<Vec<BadLine>> {
    use RejectionCode as C;
    let items = vec![json!({"code": "a", "name": "b", "verdict": "conforming"}); 201];
    let extra: Map<String, Value> = (0..65).map(|n| (format!("k{n}"), json!("v"))).collect();
    let cases = [
        (C::TooLarge, "items", "200", "/items", json!(items)),
        (C::TooLarge, "extra", "64", "/extra", json!(extra)),
        (
            C::TooLarge,
            "site.name",
            "512 bytes",
            "/site/name",
            json!("名".repeat(171)),
        ),
        (
            C::UnknownVersion,
            "schema_version",
            "must be 1",
            "/schema_version",
            json!(2),
        ),
        (C::MissingField, "mode", "present", "/mode", Value::Null),
        (
            C::UnknownField,
            "site.floor",
            "zone_id",
            "/site/floor",
            json!(2),
        ),
        (
            C::WrongType,
            "sample.tested",
            "whole number",
            "/sample/tested",
            json!("3"),
        ),
        (
            C::BadIdentifier,
            "inspection_id",
            "empty",
            "/inspection_id",
            json!(""),
        ),
        (
            C::BadIdentifier,
            "team_id",
            "control",
            "/team_id",
            json!("a\nb"),
        ),
        (
            C::BadTime,
            "tested_at",
            "offset",
            "/tested_at",
            json!("2026-03-04T10:00:00"),
        ),
        (
            C::TimeOrder,
            "tested_at",
            "after observed_at",
            "/tested_at",
            json!("2026-03-07T00:00:00+08:00"),
        ),
        (
            C::FutureTime,
            "observed_at",
            "must not be after",
            "/observed_at",
            json!("2199-01-01T00:00:00Z"),
        ),
        (
            C::UnknownMode,
            "mode",
            "fast_test",
            "/mode",
            json!("spot_check"),
        ),
        (
            C::UnknownOutcome,
            "outcome",
            "refused",
            "/outcome",
            json!("pass"),
        ),
        (
            C::UnknownCode,
            "agency.level",
            "county",
            "/agency/level",
            json!("town"),
        ),
        (
            C::UnknownZone,
            "site.zone_id",
            "must be a zone",
            "/site/zone_id",
            json!("atlantis"),
        ),
        (
            C::UnknownProduct,
            "product.category",
            "must be a product",
            "/product/category",
            json!("x"),
        ),
        (
            C::UnknownHazard,
            "items[0].hazard",
            "must be a hazard",
            "/items/0/hazard",
            json!("x"),
        ),
        (
            C::OutOfRange,
            "sample.defective",
            "tested, 3",
            "/sample/defective",
            json!(4),
        ),
        (
            C::OutOfRange,
            "items[0].severity",
            "1, 2, 3 or 4",
            "/items/0/severity",
            json!(5),
        ),
        (
            C::Contradiction,
            "outcome",
            "failed",
            "/outcome",
            json!("conforming"),
        ),
        (
            C::Contradiction,
            "supersedes",
            "another",
            "/supersedes",
            json!("bad"),
        ),
        // The first good line has this identifier, and other content.
        (
            C::IdentityConflict,
            "inspection_id",
            "",
            "/inspection_id",
            json!("good-0"),
        ),
    ];
    let bad = |(code, field, rule, path, value)| {
        let mut line = desk.record("bad");
        put(&mut line, "/team_id", json!("team-2"))?;
        put(&mut line, path, value)?;
        let line = line.to_string().into_bytes();
        Ok(BadLine {
            code,
            field,
            rule,
            line,
        })
    };
    cases.into_iter().map(bad).collect()
}

/// Two corrections of one another: the second closes the circle.
fn circle(desk: &Desk) -> Result<(Vec<u8>, BadLine)> {
    let mut first = desk.record("circle-1");
    put(&mut first, "/supersedes", json!("circle-2"))?;
    let mut second = desk.record("circle-2");
    put(&mut second, "/supersedes", json!("circle-1"))?;
    let closing = BadLine {
        code: RejectionCode::CorrectionCycle,
        field: "supersedes",
        rule: "",
        line: second.to_string().into_bytes(),
    };
    Ok((first.to_string().into_bytes(), closing))
}

fn check(item: &Value, bad: &BadLine) -> Result<()> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    ensure!(text("status") == "rejected", "{:?}: {item}", bad.code);
    ensure!(text("code") == bad.code.code(), "{:?}: {item}", bad.code);
    ensure!(text("field") == bad.field, "{:?}: {item}", bad.code);
    ensure!(
        !text("rule").is_empty() && text("rule").contains(bad.rule),
        "{:?}: {item}",
        bad.code
    );
    Ok(())
}

#[test]
fn exactly_the_bad_lines_are_rejected_and_each_says_why() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    let desk = Desk::of(&City::simulate(SEED, ENTERPRISES)?)?;
    let mut bad = broken_texts(&desk);
    bad.extend(broken_values(&desk)?);
    let (opening, closing) = circle(&desk)?;
    bad.push(closing);

    let mut lines = vec![opening];
    for (at, bad) in bad.iter().enumerate() {
        lines.push(desk.good(&format!("good-{at}")));
        lines.push(bad.line.clone());
    }
    let server = city::serve(&data_dir, "")?;
    let url = format!("{}/v1/results", server.address());
    let answer = http::post(&url, NDJSON, &lines.join(&b'\n'))?.expect_status(200)?;
    let answer = answer.json()?;
    ensure!(answer["rejected"] == bad.len(), "{answer}");
    ensure!(answer["accepted"] == bad.len() + 1, "{answer}");
    let items = answer["items"].as_array().context("no items")?;
    ensure!(items.len() == lines.len(), "{answer}");
    for (at, item) in items.iter().enumerate() {
        ensure!(item["line"] == at + 1, "{item}");
        // The first line opens the circle; then good and bad ones take turns.
        match at.checked_sub(1).filter(|at| at % 2 == 1) {
            Some(at) => check(item, bad.get(at / 2).context("a line too many")?)?,
            None => ensure!(item["status"] == "accepted", "line {}: {item}", at + 1),
        }
    }

    // The mapping of an import gives the first, commands the second (`decisions.rs`), a close the third.
    let elsewhere = [
        RejectionCode::Unmappable,
        RejectionCode::NotAllowed,
        RejectionCode::UnknownReference,
    ];
    let seen: BTreeSet<RejectionCode> = bad.iter().map(|bad| bad.code).chain(elsewhere).collect();
    let all: BTreeSet<RejectionCode> = RejectionCode::ALL.iter().copied().collect();
    ensure!(seen == all, "reasons without a line: {:?}", &all - &seen);
    Ok(())
}

#[test]
fn a_result_that_confirms_a_test_nobody_made_is_kept_whole_after_its_close_and_counts_all_the_same()
-> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    let desk = Desk::of(&City::simulate(SEED, ENTERPRISES)?)?;
    let mut lost = desk.record("lost");
    put(&mut lost, "/mode", json!("fast_test"))?;
    put(&mut lost, "/confirms", json!("nobody-made-it"))?;
    let mut lines = vec![lost.to_string()];
    for day in 10..40 {
        let mut later = desk.record(&format!("later-{day}"));
        let at = format!(
            "2026-{:02}-{:02}T17:00:00+08:00",
            3 + day / 30,
            day % 30 + 1
        );
        put(&mut later, "/observed_at", json!(at))?;
        lines.push(later.to_string());
    }
    let file = home.path().join("lines.ndjson");
    std::fs::write(&file, lines.join("\n"))?;
    city::import(&data_dir, &file)?;
    let server = city::serve(&data_dir, "")?;
    let told = city::all(&format!(
        "{}/v1/dead-letters?code=unknown_reference&",
        server.address()
    ))?;
    ensure!(told.len() == 1, "{told:?}");
    let one = &told[0];
    ensure!(
        one["field"] == "confirms" && one["value"] == "nobody-made-it",
        "{one}"
    );
    ensure!(
        one["rule"]
            .as_str()
            .is_some_and(|rule| rule.starts_with("must name a test")),
        "{one}"
    );
    let kept = one.pointer("/record/text").and_then(Value::as_str);
    let kept: Value = serde_json::from_str(kept.context("kept as text")?)?;
    ensure!(kept["inspection_id"] == "lost", "{kept}");
    let evidence = format!(
        "{}/v1/subjects/enterprise:enterprise-1/evidence?",
        server.address()
    );
    let counted = city::all(&evidence)?;
    ensure!(
        counted.iter().any(|one| one["inspection_id"] == "lost"),
        "the result itself is gone"
    );
    Ok(())
}

#[test]
fn bodies_that_cannot_be_read_are_refused_whole_and_the_server_goes_on() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    let desk = Desk::of(&City::simulate(SEED, ENTERPRISES)?)?;
    let server = city::serve(&data_dir, "max_body_bytes = 100000\n")?;
    let url = format!("{}/v1/results", server.address());

    let large = vec![b' '; 100_001];
    http::post(&url, NDJSON, &large)?.expect_status(413)?;
    http::post(&url, "text/plain", b"{}")?.expect_status(415)?;
    http::post(&url, "application/json", b"[{]")?.expect_status(400)?;

    let body = desk.good("good");
    let first = http::post(&url, NDJSON, &body)?
        .expect_status(200)?
        .json()?;
    ensure!(first["items"][0]["status"] == "accepted", "{first}");
    let again = http::post(&url, NDJSON, &body)?
        .expect_status(200)?
        .json()?;
    ensure!(again["items"][0]["status"] == "duplicate", "{again}");
    let changed = desk.with("/team_id", json!("team-9"))?;
    let other = http::post(&url, NDJSON, &changed)?.expect_status(200)?;
    ensure!(other.json()?["accepted"] == 1);
    Ok(())
}
