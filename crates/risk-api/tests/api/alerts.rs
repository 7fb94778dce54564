//! Alerts as a list.

use crate::city::{City, at, get, items};

#[tokio::test]
async fn alerts_are_listed_newest_first_and_found_by_their_ids() {
    let city = City::lived();
    let all = items(&city, "/v1/alerts?limit=1000").await;
    assert!(!all.is_empty());
    let raised: Vec<&str> = all
        .iter()
        .map(|one| one["raised_at"].as_str().unwrap())
        .collect();
    assert!(raised.is_sorted_by(|one, next| one >= next));
    for alert in &all {
        let id = alert["id"].as_str().unwrap();
        let whole = get(&city, &format!("/v1/alerts/{id}")).await.json();
        assert_eq!(whole["alert"], *alert);
        // What is said of it leads to what raised it.
        let raises = whole["raises"].as_array().unwrap();
        assert_eq!(raises.len() as u64, alert["raises"].as_u64().unwrap());
        let behind: Vec<&str> = raises
            .iter()
            .filter_map(|one| one["inspection_id"].as_str())
            .collect();
        for named in alert["inspection_ids"].as_array().unwrap() {
            assert!(behind.contains(&named.as_str().unwrap()), "{whole}");
        }
        let results = items(&city, alert["evidence"].as_str().unwrap()).await;
        assert!(!results.is_empty(), "{alert} rests on nothing");
        let moves = whole["moves"].as_array().unwrap();
        assert_eq!(moves[0]["what"], "opened");
        assert_eq!(moves.last().unwrap()["level"], alert["level"]);
    }
    let severe = all
        .iter()
        .find(|one| one["rule"] == "severe_item_failed")
        .unwrap();
    assert!(severe["reason_zh"].as_str().unwrap().contains("小零件"));
    assert!(
        severe["subject_name"]
            .as_str()
            .unwrap()
            .starts_with("晨光玩具")
    );
    get(&city, "/v1/alerts/none")
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn alerts_are_filtered_by_everything_at_once() {
    let city = City::lived();
    let all = items(&city, "/v1/alerts?limit=1000").await;
    let since = at(20).to_string();
    let subject = "cell:E11:TOY-PLUSH";
    let path = format!(
        "/v1/alerts?limit=1000&level=one&subject={subject}&rule=severe_item_failed&since={since}"
    );
    let found = items(&city, &path).await;
    let expected: Vec<_> = all
        .into_iter()
        .filter(|one| one["level"] == "one" && one["subject"] == subject)
        .filter(|one| {
            one["rules"]
                .as_array()
                .unwrap()
                .contains(&"severe_item_failed".into())
        })
        .filter(|one| one["last_raised_at"].as_str().unwrap() >= since.as_str())
        .collect();
    assert_eq!(found, expected);
    for (path, field) in [
        ("/v1/alerts?level=five", "level"),
        ("/v1/alerts?subject=E11", "subject"),
        ("/v1/alerts?rule=guess", "rule"),
        ("/v1/alerts?since=2026-03-01", "since"),
        ("/v1/alerts?state=ajar", "state"),
        ("/v1/alerts?cursor=none", "cursor"),
        ("/v1/alerts/x?y=1", "y"),
    ] {
        let problem = get(&city, path).await.expect_problem(400, "bad-parameter");
        assert_eq!(problem["field"], field, "{path}");
    }
}
