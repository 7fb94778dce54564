//! What others rely on.

use crate::city::{City, ask, get};
use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(&risk_api::openapi::document()).unwrap()
}

#[tokio::test]
async fn the_document_is_served_as_openapi_3_1_and_kept_by_its_tag() {
    let city = City::empty();
    let answer = get(&city, "/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["openapi"], "3.1.0");
    assert_eq!(answer.json(), document());
    assert!(answer.header("etag").starts_with('"'));
}

#[tokio::test]
async fn every_documented_route_is_routed_and_knows_its_documented_methods_only() {
    let city = City::lived();
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        let asked = path.replace("{id}", "enterprise:E1");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            // A stream does not end; it is asked for by tests of its own.
            if method == "GET" && path.ends_with("/stream") {
                continue;
            }
            let request = Request::builder().method(method).uri(&asked);
            let answer = ask(city.router(), request.body(Body::empty()).unwrap()).await;
            if item.get(method.to_ascii_lowercase()).is_some() {
                assert_ne!(answer.status.as_u16(), 405, "{method} {path}");
            } else {
                answer.expect_problem(405, "method-not-allowed");
                assert!(!answer.header("allow").is_empty(), "{method} {path}");
            }
        }
    }
}

#[test]
fn every_reference_in_the_document_resolves() {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            found.push(reference);
        }
        if let Some(members) = value.as_object() {
            for value in members.values() {
                walk(value, found);
            }
        }
        if let Some(items) = value.as_array() {
            for value in items {
                walk(value, found);
            }
        }
    }
    let document = document();
    let mut found = Vec::new();
    walk(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn answers_have_the_members_that_the_document_names() {
    let city = City::lived();
    let schemas = document()["components"]["schemas"].clone();
    let shown = [
        ("/v1/subjects/enterprise:E11", "SubjectDto", ""),
        ("/v1/subjects", "AssessmentDto", "/items/0"),
        ("/v1/alerts", "AlertDto", "/items/0"),
        ("/v1/dead-letters", "DeadLetterDto", "/items/0"),
        ("/v1/subjects/enterprise:E11/compare", "ComparisonDto", ""),
        (
            "/v1/subjects/enterprise:E11/compare",
            "ComparedDto",
            "/others/0",
        ),
        ("/v1/rates", "RatesDto", ""),
        ("/v1/rates", "PeriodRatesDto", "/items/0"),
        ("/v1/observers", "ObserversDto", ""),
        ("/v1/status", "StatusDto", ""),
    ];
    for (path, schema, pointer) in shown {
        let answer = get(&city, path).await.json();
        let value = answer.pointer(pointer).unwrap();
        let members: Vec<&String> = value.as_object().unwrap().keys().collect();
        let named = schemas[schema]["properties"].as_object().unwrap();
        let mut named: Vec<&String> = named.keys().collect();
        named.sort();
        let mut members = members;
        members.sort();
        assert_eq!(members, named, "{path}");
    }
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let committed = include_str!("../../../../docs/openapi.json");
    assert!(
        committed == risk_api::openapi::document(),
        "run `cargo run -p risk-api --example write_openapi > docs/openapi.json`"
    );
}
