//! What is personal: who may see it, who is noted, and how it goes.

use crate::city::{City, at};
use crate::identity::Gate;
use axum::http::{Method, StatusCode};
use risk_domain::access::Act;
use risk_domain::ids::{EnterpriseId, SignalId};
use risk_domain::scales::Role;
use risk_domain::signal::{Signal, SignalKind, SignalPersonal};
use serde_json::{Value, json};

fn complaint(id: &str) -> Signal {
    Signal {
        signal_id: SignalId::new(id).unwrap(),
        kind: SignalKind::Complaint,
        observed_at: at(45),
        occurred_at: None,
        enterprise_id: EnterpriseId::new("E11").unwrap(),
        site_id: None,
        zone_id: None,
        product: None,
        hazard: None,
        severity: None,
        source: "12315".into(),
        summary: Some("投诉玩具".into()),
        verdict: None,
        credit_class: None,
        reporter: None,
        duty: None,
    }
}

fn said(person: &str, contact: &str, words: &str) -> SignalPersonal {
    SignalPersonal {
        person: Some(person.into()),
        contact: Some(contact.into()),
        words: Some(words.into()),
    }
}

/// A city with two complaints of one person, one of another, and one without a name.
fn heard() -> City {
    let mut city = City::lived();
    let wang = |words| said("王小芳", "13800001111", words);
    city.complaint(&complaint("S1"), wang("孩子差点吞下去"));
    city.complaint(&complaint("S2"), wang("又是这一家"));
    city.complaint(&complaint("S3"), said("李强", "13900002222", "味道很大"));
    city.signal(&complaint("S4"));
    city.settle();
    city
}

const PLEASE: &str = r#"{"rule": "consent_withdrawn", "reason": "书面申请，档号 2027-3"}"#;

async fn erase(gate: &Gate, path: &str, token: &str, body: &str) -> crate::city::Answer {
    gate.send(Method::POST, path, Some(token), body.as_bytes())
        .await
}

#[tokio::test]
async fn who_looks_at_what_is_personal_is_noted_before_it_is_shown() {
    let gate = Gate::new(heard());
    let officer = gate.token("officer-7", &[Role::Officer], &[]);
    let answer = gate.get("/v1/signals/S1/personal", &officer).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let shown = answer.json();
    assert_eq!(shown["person"], "王小芳");
    assert_eq!(shown["contact"], "13800001111");
    assert_eq!(shown["words"], "孩子差点吞下去");
    assert_eq!(shown["erased"], Value::Null);
    let notes = std::mem::take(&mut *gate.city.around.notes.lock().unwrap());
    let [note] = notes.as_slice() else {
        panic!("{notes:?}");
    };
    assert_eq!(
        (note.act, note.actor.as_str()),
        (Act::ReadPersonal, "officer-7")
    );
    assert_eq!(note.what, ["S1"]);
    assert_eq!(note.request_id, answer.header("x-request-id"));
    // What there is not is neither shown nor noted.
    for path in ["/v1/signals/S4/personal", "/v1/signals/S9/personal"] {
        gate.get(path, &officer)
            .await
            .expect_problem(404, "not-found");
    }
    assert!(gate.city.around.notes.lock().unwrap().is_empty());
    // The list of signals, which more people may see, has none of it.
    let listed = gate
        .get("/v1/subjects/enterprise:E11/signals", &officer)
        .await;
    let text = listed.json().to_string();
    assert!(text.contains("投诉玩具"));
    for word in ["王小芳", "1380000", "孩子"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[tokio::test]
async fn an_administrator_erases_a_person_and_the_ledger_says_who_did_it_and_why() {
    let mut gate = Gate::new(heard());
    let officer = gate.token("officer-7", &[Role::Officer], &[]);
    let administrator = gate.token("admin-1", &[Role::Administrator], &[]);
    erase(&gate, "/v1/signals/S1/erase", &officer, PLEASE)
        .await
        .expect_problem(403, "forbidden");
    let done = erase(&gate, "/v1/signals/S1/erase", &administrator, PLEASE).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(done.json()["keys"].as_array().unwrap().len(), 1);
    gate.city.settle();
    for id in ["S1", "S2"] {
        let gone = gate
            .get(&format!("/v1/signals/{id}/personal"), &officer)
            .await;
        let gone = gone.json();
        assert_eq!(gone["person"], Value::Null, "{id}");
        assert_eq!(gone["words"], Value::Null, "{id}");
        assert_eq!(gone["erased"]["rule"], "consent_withdrawn");
        assert_eq!(gone["erased"]["rule_zh"], "个人撤回同意");
        assert_eq!(gone["erased"]["reason"], "书面申请，档号 2027-3");
    }
    let other = gate.get("/v1/signals/S3/personal", &officer).await.json();
    assert_eq!(other["words"], "味道很大");
    erase(&gate, "/v1/signals/S2/erase", &administrator, PLEASE)
        .await
        .expect_problem(409, "conflict");
    let audit = gate
        .items("/v1/audit?kind=erase_personal", &administrator)
        .await;
    let [row] = audit.as_slice() else {
        panic!("{audit:?}");
    };
    assert_eq!(row["actor"], "admin-1");
    assert_eq!(row["reason"], "书面申请，档号 2027-3");
    assert_eq!(row["request_id"], done.header("x-request-id"));
    assert_eq!(row["what"], done.json()["keys"]);
    assert_eq!(
        row["changes"][0],
        json!({"field": "rule", "before": null, "after": "consent_withdrawn"})
    );
    let by = gate.items("/v1/audit?actor=admin-1", &administrator).await;
    assert_eq!(by, audit);
}

#[tokio::test]
async fn an_administrator_is_told_what_is_kept_and_on_which_day_it_goes() {
    let mut gate = Gate::new(heard());
    let officer = gate.token("officer-7", &[Role::Officer], &[]);
    let administrator = gate.token("admin-1", &[Role::Administrator], &[]);
    let refused = gate.get("/v1/personal", &officer).await;
    refused.expect_problem(403, "forbidden");
    let kept = |told: &Value, kind: &str| {
        let rows = told["kept"].as_array().unwrap().clone();
        let of_kind = rows.into_iter().filter(|row| row["kind"] == kind);
        of_kind.collect::<Vec<_>>()
    };
    let told = gate.get("/v1/personal", &administrator).await.json();
    assert_eq!(told["retention_version"], "2026.1");
    let complaints = kept(&told, "complaint");
    let [row] = complaints.as_slice() else {
        panic!("{told}");
    };
    // Two people complained.
    assert_eq!((&row["keys"], &row["kept_months"]), (&json!(2), &json!(36)));
    let goes = row["erased_from"].as_str().unwrap();
    let (year, month) = row["month"].as_str().unwrap().split_once('-').unwrap();
    let (year, month): (u32, u32) = (year.parse().unwrap(), month.parse().unwrap());
    let next = if month == 12 {
        (year + 4, 1)
    } else {
        (year + 3, month + 1)
    };
    assert_eq!(goes, format!("{:04}-{:02}-01", next.0, next.1));
    erase(&gate, "/v1/signals/S3/erase", &administrator, PLEASE).await;
    gate.city.settle();
    let told = gate.get("/v1/personal", &administrator).await.json();
    assert_eq!(kept(&told, "complaint")[0]["keys"], 1);
}

#[tokio::test]
async fn a_dead_letter_is_erased_and_still_says_why_it_was_rejected() {
    let mut gate = Gate::new(City::lived());
    let administrator = gate.token("admin-1", &[Role::Administrator], &[]);
    let letters = gate.items("/v1/dead-letters", &administrator).await;
    let letter = letters[0].clone();
    assert!(!letter["record"].is_null() && letter["erased"].is_null());
    let path = format!("/v1/dead-letters/{}", letter["entry"]);
    let done = erase(&gate, &format!("{path}/erase"), &administrator, PLEASE).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    gate.city.settle();
    let one = gate.get(&path, &administrator).await.json();
    assert_eq!(gate.items("/v1/dead-letters", &administrator).await[0], one);
    assert_eq!(
        (&one["code"], &one["rule"]),
        (&letter["code"], &letter["rule"])
    );
    assert_eq!(one["value"], "");
    assert_eq!((&one["record"], &one["key"]), (&Value::Null, &Value::Null));
    assert_eq!(one["erased"]["rule"], "consent_withdrawn");
}

#[tokio::test]
async fn an_erasure_without_a_ground_or_a_reason_is_refused_and_nothing_is_gone() {
    let gate = Gate::new(heard());
    let administrator = gate.token("admin-1", &[Role::Administrator], &[]);
    let long = format!(
        r#"{{"rule": "unlawful", "reason": "{}"}}"#,
        "长".repeat(501)
    );
    for body in [
        "",
        "{}",
        r#"{"rule": "because", "reason": "x"}"#,
        r#"{"rule": "unlawful", "reason": "  "}"#,
        r#"{"rule": "unlawful", "reason": "two\nlines"}"#,
        r#"{"rule": "unlawful", "reason": "x", "person": "王小芳"}"#,
        long.as_str(),
    ] {
        erase(&gate, "/v1/signals/S1/erase", &administrator, body)
            .await
            .expect_problem(400, "bad-body");
    }
    let missing = [
        "/v1/signals/S9/erase",
        "/v1/signals/S4/erase",
        "/v1/dead-letters/0/erase",
        "/v1/dead-letters/999999/erase",
        "/v1/dead-letters/x/erase",
    ];
    for path in missing {
        erase(&gate, path, &administrator, PLEASE)
            .await
            .expect_problem(404, "not-found");
    }
    assert!(gate.city.around.erasures.lock().unwrap().is_empty());
}
