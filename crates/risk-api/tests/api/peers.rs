//! What peers got wrong with the record of who did what, as a test of ours.

use crate::city::{Answer, City, Desk};
use crate::identity::Gate;
use axum::http::Method;
use risk_api::Receipt;
use risk_domain::scales::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ERASE: &str = r#"{"rule": "unlawful", "reason": "误收"}"#;

/// Writes that a city without endpoints, plans and sessions can be asked for, with what they take.
fn writes(letter: &str) -> Vec<(&'static str, String, String)> {
    let records = |record: Value| json!([record]).to_string();
    let same = |path: &'static str, body: String| (path, path.to_owned(), body);
    let plan = json!({"as_of": "2027-03-01", "budgets": {"risk_evaluation": 2}});
    vec![
        same("/v1/results", records(json!({"inspection_id": "R1"}))),
        same("/v1/registry", records(json!({"update_id": "U1"}))),
        same("/v1/commands", records(json!({"command_id": "K1"}))),
        same("/v1/signals", records(json!({"signal_id": "S1"}))),
        same("/v1/plans", plan.to_string()),
        (
            "/v1/dead-letters/{id}/erase",
            format!("/v1/dead-letters/{letter}/erase"),
            ERASE.to_owned(),
        ),
    ]
}

/// Writes that are asked for where there is something for them to act on.
const ELSEWHERE: [&str; 9] = [
    // The session alone ends, by whose cookie it is asked.
    "/auth/logout",
    // api/personal.rs
    "/v1/signals/{id}/erase",
    // api/provider.rs
    "/v1/sessions/{id}/end",
    "/v1/people/{id}/sessions/end",
    // it/webhooks.rs
    "/v1/deliveries/{id}/resend",
    "/v1/webhooks/{id}/unpark",
    // api/identity.rs, api/plan_desk.rs, api/plan_results.rs
    "/v1/plans/{id}/draw",
    "/v1/plans/{id}/reveal",
    "/v1/plans/{id}/results",
];

async fn ask(gate: &Gate, token: &str, path: &str, body: &str) -> Answer {
    let city = &gate.city.around;
    *city.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted]);
    gate.send(Method::POST, path, Some(token), body.as_bytes())
        .await
}

/// A peer's triggers returned early where no user and no key was known, and left no row: here what cannot be written
/// down is not done, whoever asks, and what is done is written down first.
#[tokio::test]
async fn what_cannot_be_written_down_is_not_done_by_any_route() {
    let gate = Gate::new(City::lived());
    let token = gate.token("admin-1", &[Role::Administrator], &[]);
    let letters = gate.items("/v1/dead-letters", &token).await;
    let letter = letters[0]["entry"].to_string();
    let around = &gate.city.around;
    let handed_in = || around.posted.lock().unwrap().len();
    let written = || {
        let notes = std::mem::take(&mut *around.notes.lock().unwrap());
        let erasures = std::mem::take(&mut *around.erasures.lock().unwrap());
        let noted = notes.iter().map(|note| note.actor.to_string());
        let erased = erasures.iter().filter_map(|one| one.actor.as_ref());
        noted
            .chain(erased.map(ToString::to_string))
            .collect::<Vec<_>>()
    };
    written();
    for (_, path, body) in writes(&letter) {
        *around.deaf.lock().unwrap() = true;
        let before = handed_in();
        let refused = ask(&gate, &token, &path, &body).await;
        refused.expect_problem(503, "stopped");
        assert_eq!(handed_in(), before, "{path} was done unwritten");
        *around.deaf.lock().unwrap() = false;
        let done = ask(&gate, &token, &path, &body).await;
        assert_ne!(done.status.as_u16(), 503, "{path}: {done:?}");
        let by = written();
        assert!(
            !by.is_empty() && by.iter().all(|actor| actor == "admin-1"),
            "{path}: {by:?}"
        );
    }
}

/// A route that is added must be asked here or there.
#[test]
fn every_write_of_the_document_is_asked_somewhere() {
    let document: Value = serde_json::from_str(&risk_api::openapi::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let posts = paths.filter(|(_, item)| item.get("post").is_some());
    let posts: BTreeSet<&str> = posts.map(|(path, _)| path.as_str()).collect();
    let here = writes("0");
    let asked = here.iter().map(|(path, _, _)| *path).chain(ELSEWHERE);
    assert_eq!(posts, asked.collect());
}
