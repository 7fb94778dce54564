//! The results behind a score: every one that was taken in, once, with how it counts.

use crate::city::{City, get, items, result};
use std::collections::BTreeSet;

fn ids(all: &[serde_json::Value]) -> Vec<String> {
    let id = |one: &serde_json::Value| one["inspection_id"].as_str().unwrap().to_owned();
    all.iter().map(id).collect()
}

#[tokio::test]
async fn every_part_of_a_score_leads_to_its_results() {
    let city = City::lived();
    let subject = get(&city, "/v1/subjects/enterprise:E11").await.json();
    let behind = subject["behind"].as_array().unwrap();
    let parts: BTreeSet<&str> = behind
        .iter()
        .map(|one| one["part"].as_str().unwrap())
        .collect();
    for part in [
        "sector",
        "product",
        "zone",
        "product_zone",
        "enterprise",
        "own_record",
    ] {
        assert!(parts.contains(part), "{part}: {behind:?}");
    }
    assert!(!parts.contains("base"));
    let mut counts = BTreeSet::new();
    for one in behind {
        for path in one["evidence"].as_array().unwrap() {
            let path = path.as_str().unwrap();
            let more = if path.contains('?') { "&" } else { "?" };
            let all = items(&city, &format!("{path}{more}limit=100")).await;
            assert!(!all.is_empty(), "{path}");
            let told = ids(&all);
            let once: BTreeSet<&String> = told.iter().collect();
            assert_eq!(once.len(), told.len(), "{path} tells a result twice");
            counts.insert(told.len());
        }
    }
    // Its own 42 results; those of everybody with its product, or in its zone.
    assert!(counts.contains(&42), "{counts:?}");
    assert!(counts.last().unwrap() > &42, "{counts:?}");
}

/// Every page of a list.
async fn pages(city: &City, path: &str) -> Vec<serde_json::Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(city, &format!("{path}{cursor}")).await.json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn results_of_an_enterprise_come_newest_first_page_by_page() {
    let city = City::lived();
    let all = pages(&city, "/v1/subjects/enterprise:E11/evidence?limit=5").await;
    let told = ids(&all);
    let expected: Vec<String> = (0..42).rev().map(|day| format!("R{day}-11")).collect();
    assert_eq!(told, expected);
    let site = all[0]["site"].as_str().unwrap();
    let of_site = pages(&city, &format!("/v1/subjects/site:{site}/evidence?limit=7")).await;
    assert_eq!(ids(&of_site), expected);
    assert!(
        all.iter().all(|one| one["counting"] == "counted"),
        "{all:?}"
    );
    for path in [
        "/v1/subjects/enterprise:E99/evidence",
        "/v1/subjects/product:none/evidence",
    ] {
        get(&city, path).await.expect_problem(404, "not-found");
    }
    for path in ["?cursor=x", "?zone=", "?limit=501"] {
        let path = format!("/v1/subjects/enterprise:E11/evidence{path}");
        get(&city, &path).await.expect_problem(400, "bad-parameter");
    }
}

#[tokio::test]
async fn a_result_of_today_says_that_its_day_has_not_closed() {
    let mut city = City::lived();
    city.result(&result("R60-11", 11, 60, false));
    city.settle();
    let all = items(&city, "/v1/subjects/enterprise:E11/evidence?limit=100").await;
    let counting = |id: &str| {
        let found = all.iter().find(|one| one["inspection_id"] == id);
        found.unwrap()["counting"].as_str().unwrap().to_owned()
    };
    assert_eq!(counting("R60-11"), "not_closed");
    assert_eq!(counting("R40-11"), "counted");
    assert_eq!(all.len(), 43);
}
