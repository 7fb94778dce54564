//! What limits and repeats requests: quotas, idempotency keys, conditions, compression.

use crate::city::{City, Desk, ask, get, get_with, items};
use crate::identity::Gate;
use crate::stream::Server;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use risk_api::{PostError, Receipt};
use risk_domain::scales::Role;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_quota_is_told_and_kept_for_each_asker() {
    let gate = Gate::with(City::empty(), |access| access.requests_per_minute = 2);
    let (one, two) = (
        gate.token("A", &[Role::Viewer], &[]),
        gate.token("B", &[Role::Viewer], &[]),
    );
    let first = gate.get("/v1/status", &one).await;
    assert_eq!(first.header("ratelimit-policy"), "\"minute\";q=2;w=60");
    assert_eq!(first.header("ratelimit"), "\"minute\";r=1;t=60");
    let told = first.header("spotcheck-limits");
    assert!(told.starts_with("body="), "{told}");
    assert!(told.contains(", depth=128, concurrency="), "{told}");
    let second = gate.get("/v1/status", &one).await;
    assert!(second.header("ratelimit").starts_with("\"minute\";r=0;"));
    let third = gate.get("/v1/status", &one).await;
    third.expect_problem(429, "rate-limited");
    assert_eq!(third.header("retry-after"), "60");
    assert_eq!(gate.get("/v1/status", &two).await.status, StatusCode::OK);
    assert_eq!(gate.get("/healthz", &one).await.status, StatusCode::OK);
}

fn keyed(key: &str, body: &str) -> Request<Body> {
    Request::post("/v1/results")
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

#[tokio::test]
async fn a_post_with_the_same_key_is_answered_as_the_first_time_and_handed_in_once() {
    let city = City::empty();
    let router = city.router();
    *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted]);
    let first = ask(router.clone(), keyed("k1", "{\"a\":1}")).await;
    assert_eq!(first.status, StatusCode::OK);
    *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Duplicate]);
    let again = ask(router.clone(), keyed("k1", "{\"a\":1}")).await;
    assert_eq!(again.json(), first.json(), "and not a duplicate");
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(city.around.posted.lock().unwrap().len(), 1);
    let other = ask(router.clone(), keyed("k1", "{\"a\":2}")).await;
    other.expect_problem(422, "idempotency-key-reused");
    let fresh = ask(router.clone(), keyed("k2", "{\"a\":1}")).await;
    assert_eq!(fresh.json()["duplicates"], 1);
    for bad in ["", &"x".repeat(256)] {
        let refused = ask(router.clone(), keyed(bad, "{}")).await;
        assert_eq!(
            refused.expect_problem(400, "bad-parameter")["field"],
            "Idempotency-Key"
        );
    }
}

#[tokio::test]
async fn an_answer_that_may_go_better_next_time_is_not_kept() {
    let city = City::empty();
    let router = city.router();
    *city.around.desk.lock().unwrap() = Desk::Refuses(PostError::Busy);
    ask(router.clone(), keyed("k", "{}"))
        .await
        .expect_problem(429, "busy");
    *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted]);
    assert_eq!(
        ask(router.clone(), keyed("k", "{}")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_key_whose_request_is_still_worked_on_is_a_conflict_and_is_free_when_it_is_dropped() {
    let city = City::empty();
    let router = city.router();
    *city.around.desk.lock().unwrap() = Desk::NeverAnswers;
    let mut first = Box::pin(ask(router.clone(), keyed("k", "{}")));
    assert!(futures::poll!(&mut first).is_pending());
    let conflict = ask(router.clone(), keyed("k", "{}")).await;
    conflict.expect_problem(409, "idempotency-key-under-way");
    drop(first);
    *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted]);
    assert_eq!(ask(router, keyed("k", "{}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_condition_on_a_command_needs_one_command_that_names_another() {
    let city = City::lived();
    let post = async |body: serde_json::Value| {
        let request = Request::post("/v1/commands")
            .header("content-type", "application/json")
            .header("if-match", "\"x\"")
            .body(Body::from(body.to_string()));
        ask(city.router(), request.unwrap()).await
    };
    for body in [
        json!([{"of": "C1"}, {"of": "C1"}]),
        json!({"kind": "floor"}),
        json!({"of": 7}),
    ] {
        let refused = post(body).await.expect_problem(400, "bad-parameter");
        assert_eq!(refused["field"], "If-Match");
    }
    for body in [
        json!({"of": "C404"}),
        json!({"alert_id": "00112233445566778899aabbccddeeff"}),
        json!({"case_id": "no case"}),
    ] {
        post(body).await.expect_problem(412, "changed");
    }
    assert!(city.around.posted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_command_on_an_alert_or_a_case_goes_with_what_its_sender_saw() {
    let city = City::lived();
    for (list, at, field, id) in [
        ("/v1/alerts", "/v1/alerts", "alert_id", "id"),
        ("/v1/cases", "/v1/cases", "case_id", "case_id"),
    ] {
        let known = items(&city, list).await;
        let known = known[0][id].as_str().unwrap();
        let seen = get(&city, &format!("{at}/{known}")).await;
        let tag = seen.header("etag").to_owned();
        // The command may name another thing, as the alert that this one repeats: the condition is on what changes.
        let body = json!({ field: known, "kind": "note", "of": "C404" }).to_string();
        let post = async |tag: &str| {
            let request = Request::post("/v1/commands")
                .header("content-type", "application/json")
                .header("if-match", tag)
                .body(Body::from(body.clone()));
            ask(city.router(), request.unwrap()).await
        };
        post("\"x\"").await.expect_problem(412, "changed");
        assert!(city.around.posted.lock().unwrap().is_empty());
        *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted]);
        assert_eq!(post(&tag).await.status, StatusCode::OK);
        assert_eq!(city.around.posted.lock().unwrap().drain(..).count(), 1);
    }
}

#[tokio::test]
async fn answers_are_compressed_for_who_can_read_it() {
    let city = City::lived();
    for coding in ["gzip", "br", "zstd"] {
        let request = Request::get("/v1/subjects?limit=50").header("accept-encoding", coding);
        let router = city.router();
        let answer = tower::ServiceExt::oneshot(router, request.body(Body::empty()).unwrap());
        let answer = answer.await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], coding);
        assert!(
            answer.headers()["vary"]
                .to_str()
                .unwrap()
                .contains("accept-encoding")
        );
    }
    let plain = get_with(
        &city,
        "/v1/subjects?limit=50",
        ("accept-encoding", "identity"),
    )
    .await;
    assert!(plain.headers.get("content-encoding").is_none());
}

#[tokio::test]
async fn an_answer_that_does_not_wait_for_the_body_says_that_the_connection_ends() {
    let city = City::empty();
    *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted]);
    let server = Server::start(&city).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head = |host: &str| {
        format!(
            "POST /v1/results HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n"
        )
    };
    let mut read = Vec::new();
    let taken = format!("{}{{\"a\":1}}", head("localhost"));
    client.write_all(taken.as_bytes()).await.unwrap();
    while !read.ends_with(b"}") {
        assert!(client.read_buf(&mut read).await.unwrap() > 0);
    }
    let answer = String::from_utf8(std::mem::take(&mut read)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!answer.contains("connection: close"), "{answer}");
    // On the same connection: refused by its host, while its body is still under way.
    client
        .write_all(head("elsewhere").as_bytes())
        .await
        .unwrap();
    client.read_to_end(&mut read).await.unwrap();
    let answer = String::from_utf8(read).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}
