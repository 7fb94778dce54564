//! Dead letters.

use crate::city::{City, get, items};
use serde_json::json;

#[tokio::test]
async fn dead_letters_say_what_was_wrong_where_it_was_read_and_keep_the_record_whole() {
    let mut city = City::lived();
    let long = format!("{{\"extra\":\"{}\"}}", "长".repeat(30_000));
    city.reject("not_utf8", "$", "", b"{\"a\":\"\xff\"}");
    city.reject("too_large", "$", "", long.as_bytes());
    city.settle();
    let letters = items(&city, "/v1/dead-letters").await;
    let [large, broken, unknown] = letters.as_slice() else {
        panic!("three dead letters: {letters:?}");
    };
    assert_eq!(unknown["code"], "unknown_mode");
    assert_eq!(unknown["field"], "mode");
    assert_eq!(unknown["value"], "不存在的模式");
    assert_eq!(unknown["rule"], "must be a code of the schema");
    assert_eq!(unknown["source"], "intake");
    assert_eq!(unknown["partition"], 0);
    assert_eq!(unknown["offset"], 504);
    assert_eq!(unknown["bytes"], 2);
    assert_eq!(unknown["key"], json!({"text": "E1"}));
    assert_eq!(unknown["record"], json!({"text": "{}"}));
    assert_eq!(broken["record"], json!({"base64": "eyJhIjoi/yJ9"}));
    // What is too long for a list is whole under its own address.
    assert_eq!(large["bytes"], long.len());
    assert!(large["record"].is_null());
    for listed in &letters {
        let path = format!("/v1/dead-letters/{}", listed["entry"]);
        let mut whole = get(&city, &path).await.json();
        assert!(!whole["record"].is_null());
        if listed["record"].is_null() {
            assert_eq!(whole["record"], json!({"text": long}));
            whole["record"] = json!(null);
            whole["key"] = json!(null);
        }
        assert_eq!(whole, *listed);
    }
}

#[tokio::test]
async fn dead_letters_are_found_by_reason_and_page_by_page() {
    let mut city = City::empty();
    for number in 0..7 {
        let code = if number % 2 == 0 {
            "not_json"
        } else {
            "bad_time"
        };
        city.reject(code, "$", &number.to_string(), b"?");
    }
    city.settle();
    let of = |letters: Vec<serde_json::Value>| -> Vec<String> {
        let value = |letter: &serde_json::Value| letter["value"].as_str().unwrap().to_owned();
        letters.iter().map(value).collect()
    };
    let found = items(&city, "/v1/dead-letters?code=not_json").await;
    assert_eq!(of(found), ["6", "4", "2", "0"]);
    assert!(
        items(&city, "/v1/dead-letters?code=too_deep")
            .await
            .is_empty()
    );
    let first = get(&city, "/v1/dead-letters?code=not_json&limit=3")
        .await
        .json();
    let next = first["next"].as_str().unwrap();
    let path = format!("/v1/dead-letters?code=not_json&limit=3&cursor={next}");
    assert_eq!(of(items(&city, &path).await), ["0"]);

    let other = format!("/v1/dead-letters?code=bad_time&cursor={next}");
    for (path, field) in [
        (other.as_str(), "cursor"),
        ("/v1/dead-letters?limit=101", "limit"),
        ("/v1/dead-letters?code=", "code"),
        ("/v1/dead-letters?code=Not%20JSON", "code"),
    ] {
        let problem = get(&city, path).await.expect_problem(400, "bad-parameter");
        assert_eq!(problem["field"], field, "{path}");
    }
    for path in [
        "/v1/dead-letters/0",
        "/v1/dead-letters/99999",
        "/v1/dead-letters/x",
    ] {
        get(&city, path).await.expect_problem(404, "not-found");
    }
}
