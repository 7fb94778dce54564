//! Names, risk by place, the policy, and the state diagrams, as pages read them.

use crate::city::{City, get, items, result};
use axum::http::StatusCode;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

async fn answer(city: &City, path: &str) -> Value {
    let answer = get(city, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.json()
}

#[tokio::test]
async fn risk_by_place_adds_up_to_the_grades_of_zones() {
    let city = City::lived();
    let reference = answer(&city, "/v1/reference").await;
    let parents: BTreeMap<&str, Option<&str>> = reference["zones"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| (zone["id"].as_str().unwrap(), zone["parent"].as_str()))
        .collect();
    let heat = answer(&city, "/v1/heat").await;
    let mut zones: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for cell in heat["cells"].as_array().unwrap() {
        let probability = cell["probability"].as_f64().unwrap();
        assert!(0.0 < probability && probability < 1.0, "{cell}");
        let volume = cell["volume"].as_f64().unwrap();
        let mut next = Some(cell["zone"].as_str().unwrap());
        while let Some(zone) = next {
            let sums = zones.entry(zone).or_default();
            sums.0 += volume * probability;
            sums.1 += volume;
            next = parents[zone];
        }
    }
    let graded = items(&city, "/v1/subjects?kind=zone&limit=1000").await;
    assert!(!graded.is_empty());
    for zone in graded {
        let id = zone["subject"].as_str().unwrap().strip_prefix("zone:");
        let (failing, volume) = zones[id.unwrap()];
        // A grade is recorded where a level changed, and the estimate moves on from there.
        let apart = (failing / volume - zone["probability"].as_f64().unwrap()).abs();
        assert!(apart < 0.05, "{zone}: {}", failing / volume);
    }
}

#[tokio::test]
async fn after_a_close_the_heat_map_follows_and_says_of_which_close_it_is() {
    let mut city = City::lived();
    let before = answer(&city, "/v1/heat").await;
    for day in 42..56 {
        city.result(&result(&format!("L{day}"), 3, day, true));
    }
    city.end();
    city.settle();
    // The first question after a close begins the count; until it is done the one before is answered.
    let mut now = answer(&city, "/v1/heat").await;
    for _ in 0..100_000 {
        if now["as_of"] != before["as_of"] {
            break;
        }
        assert_eq!(now, before);
        now = answer(&city, "/v1/heat").await;
    }
    assert!(now["as_of"].as_str() > before["as_of"].as_str(), "{now}");
    assert_ne!(now["cells"], before["cells"]);
}

#[tokio::test]
async fn the_policy_is_told_as_it_was_written() {
    let city = City::empty();
    let policy = answer(&city, "/v1/policy").await;
    let text = policy["text"].as_str().unwrap();
    let digest = Sha256::digest(text.as_bytes());
    let digest = format!("{digest:x}");
    assert_eq!(policy["sha256"], digest);
    let version = policy["version"].as_str().unwrap();
    assert!(text.contains(&format!("version = \"{version}\"")));
}

#[tokio::test]
async fn a_diagram_leads_from_every_state_and_has_what_the_procedure_draws() {
    let city = City::empty();
    for kind in [
        "fast_test",
        "spot_check",
        "food_check",
        "farm_produce",
        "enforcement",
    ] {
        let diagram = answer(&city, &format!("/v1/cases/diagram?kind={kind}")).await;
        let edges = diagram["edges"].as_array().unwrap();
        for state in diagram["states"].as_array().unwrap() {
            assert!(
                edges.iter().any(|edge| edge["from"] == *state),
                "{kind}: no way out of {state}"
            );
        }
        for edge in edges {
            let goals = ["to", "ending", "passes_to"];
            let goals = goals.iter().filter(|goal| !edge[**goal].is_null());
            assert_eq!(goals.count(), 1, "{kind}: {edge}");
            let acts = edge["acts"].as_array().unwrap();
            assert!(!acts.is_empty() && !acts.iter().any(|act| act == "discontinue"));
        }
    }
    let diagram = answer(&city, "/v1/cases/diagram?kind=fast_test").await;
    let edges = diagram["edges"].as_array().unwrap().iter();
    let mut drawn = edges.filter(|edge| edge["from"] == "guided" && edge["to"] == "rectified");
    assert_eq!(
        drawn.next().unwrap()["acts"],
        serde_json::json!(["rectify"])
    );
    for path in ["/v1/cases/diagram", "/v1/cases/diagram?kind=other"] {
        let problem = get(&city, path).await.expect_problem(400, "bad-parameter");
        assert_eq!(problem["field"], "kind");
    }
}

#[tokio::test]
async fn a_site_that_the_register_does_not_know_is_not_found() {
    let city = City::lived();
    get(&city, "/v1/sites/none")
        .await
        .expect_problem(404, "not-found");
}
