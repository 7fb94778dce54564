//! Posting results.

use crate::city::{City, Desk, MAX_BODY, post};
use axum::http::StatusCode;
use risk_api::{PostError, Receipt};

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json; charset=utf-8";

fn desk(city: &City, desk: Desk) {
    *city.around.desk.lock().unwrap() = desk;
}

fn rejected() -> Receipt {
    Receipt::Rejected {
        code: "unknown_zone".to_owned(),
        field: "site.zone_id".to_owned(),
        value: "不存在".to_owned(),
        rule: "must be known".to_owned(),
    }
}

#[tokio::test]
async fn lines_are_answered_one_by_one_under_their_own_numbers() {
    let city = City::empty();
    desk(
        &city,
        Desk::Answers(vec![Receipt::Accepted, Receipt::Duplicate, rejected()]),
    );
    let body = "{\"inspection_id\":\"甲-1\"}\r\n\n{\"inspection_id\":\"R2\",\"x\":1}\n{\"broken\n";
    let answer = post(&city, NDJSON, body.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = serde_json::json!({
        "accepted": 1, "duplicates": 1, "rejected": 1,
        "items": [
            {"line": 1, "inspection_id": "甲-1", "status": "accepted"},
            {"line": 3, "inspection_id": "R2", "status": "duplicate"},
            {"line": 4, "inspection_id": null, "status": "rejected", "code": "unknown_zone",
             "field": "site.zone_id", "value": "不存在", "rule": "must be known"},
        ]
    });
    assert_eq!(answer.json(), expected);
    let posted = city.around.posted.lock().unwrap();
    assert_eq!(posted[0], "{\"inspection_id\":\"甲-1\"}".as_bytes());
    assert_eq!(posted.len(), 3);
}

#[tokio::test]
async fn an_object_is_one_record_and_an_array_is_many_with_their_bytes_untouched() {
    let city = City::empty();
    desk(&city, Desk::Answers(vec![Receipt::Accepted]));
    let one = post(&city, JSON, b" {\"a\": 1.10} ").await;
    assert_eq!(one.json()["accepted"], 1);
    desk(
        &city,
        Desk::Answers(vec![Receipt::Accepted, Receipt::Accepted]),
    );
    let two = post(&city, JSON, b"[{\"a\":  2}, 3]").await;
    assert_eq!(two.json()["items"][1]["line"], 2);
    let posted = city.around.posted.lock().unwrap();
    let expected: [&[u8]; 3] = [b"{\"a\": 1.10}", b"{\"a\":  2}", b"3"];
    assert_eq!(*posted, expected);
}

#[tokio::test]
async fn bodies_that_are_no_records_are_refused_whole() {
    let city = City::empty();
    let bad: [(&str, &[u8]); 8] = [
        (JSON, b"[{]"),
        (JSON, b"{\"a\":"),
        (JSON, b"42"),
        (JSON, b""),
        (JSON, b"[]"),
        (NDJSON, b"\n \n"),
        (JSON, b"{} {}"),
        (JSON, b"{\"a\":\"\xff\"}"),
    ];
    for (kind, body) in bad {
        post(&city, kind, body)
            .await
            .expect_problem(400, "bad-body");
    }
    for kind in ["text/plain", "", "application/jsonx"] {
        post(&city, kind, b"{}")
            .await
            .expect_problem(415, "unsupported-media-type");
    }
    post(&city, NDJSON, &vec![b'{'; MAX_BODY + 1])
        .await
        .expect_problem(413, "too-large");
    assert!(city.around.posted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_full_intake_asks_to_wait_and_a_stopped_one_says_so() {
    let city = City::empty();
    desk(&city, Desk::Refuses(PostError::Busy));
    let busy = post(&city, NDJSON, b"{}").await;
    busy.expect_problem(429, "busy");
    assert_eq!(busy.header("retry-after"), "1");
    desk(&city, Desk::Refuses(PostError::TooLarge));
    let large = post(&city, NDJSON, b"{}").await;
    large.expect_problem(413, "too-large");
    for stopped in [Desk::Refuses(PostError::Stopped), Desk::Dies] {
        desk(&city, stopped);
        let answer = post(&city, NDJSON, b"{}").await;
        answer.expect_problem(503, "stopped");
    }
}

#[tokio::test]
async fn what_is_not_durable_in_time_is_answered_as_pending() {
    let city = City::empty();
    desk(&city, Desk::NeverAnswers);
    tokio::time::pause();
    let answer = post(&city, NDJSON, b"{}\n{}\n").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let pending = answer.json();
    assert_eq!(pending["status"], "pending");
    assert_eq!(pending["records"], 2);
    assert!(pending["detail"].as_str().unwrap().contains("safe"));
}

#[tokio::test]
async fn a_long_body_is_split_like_a_short_one() {
    let city = City::empty();
    desk(&city, Desk::Answers(vec![Receipt::Accepted; 900]));
    let lines: Vec<String> = (0..900)
        .map(|number| {
            format!(
                "{{\"inspection_id\":\"R{number}\",\"extra\":\"{}\"}}\n\n",
                "x".repeat(60)
            )
        })
        .collect();
    let body = lines.concat();
    assert!((65_536..MAX_BODY).contains(&body.len()));
    let answer = post(&city, NDJSON, body.as_bytes()).await.json();
    assert_eq!(answer["accepted"], 900);
    assert_eq!(answer["items"][899]["line"], 1799);
    assert_eq!(answer["items"][899]["inspection_id"], "R899");
}
