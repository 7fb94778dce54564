//! Subjects and their grades.

use crate::city::{City, get, get_with, items, result};
use axum::http::StatusCode;
use serde_json::Value;

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(1.0)
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test]
async fn a_subject_stands_beside_its_like_part_by_part() {
    let city = City::lived();
    let nearest = get(&city, "/v1/subjects/enterprise:E11/compare").await;
    let nearest = nearest.json();
    let others = nearest["others"].as_array().unwrap();
    assert_eq!(others.len(), 5);
    for other in others {
        let assessment = &other["assessment"];
        assert_eq!(assessment["kind"], "enterprise");
        assert_ne!(assessment["subject"], "enterprise:E11");
        let points = |of: &Value| -> f64 {
            for part in of["contributions"].as_array().unwrap() {
                for reason in ["reason_zh", "reason_en"] {
                    assert!(
                        part[reason].as_str().is_some_and(|text| text.len() > 20),
                        "{part}"
                    );
                }
            }
            let parts = of["contributions"].as_array().unwrap().iter();
            parts.map(|part| number(&part["points"])).sum()
        };
        let differences = other["differences"].as_array().unwrap();
        let sum: f64 = differences.iter().map(|one| number(&one["points"])).sum();
        assert!(close(sum, points(assessment) - points(&nearest["subject"])));
        let sizes: Vec<f64> = differences
            .iter()
            .map(|one| number(&one["points"]).abs())
            .collect();
        assert!(sizes.is_sorted_by(|one, next| one >= next));
    }
    let one = get(
        &city,
        "/v1/subjects/enterprise:E11/compare?with=enterprise:E0",
    )
    .await;
    let one = one.json();
    assert_eq!(one["others"].as_array().unwrap().len(), 1);
    assert_eq!(one["others"][0]["assessment"]["subject"], "enterprise:E0");
    let answer = get(&city, "/v1/subjects/enterprise:E11/compare?with=E0").await;
    assert_eq!(answer.expect_problem(400, "bad-parameter")["field"], "with");
    for path in [
        "/v1/subjects/enterprise:E99/compare",
        "/v1/subjects/enterprise:E11/compare?with=enterprise:E99",
    ] {
        get(&city, path).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn what_would_lower_a_level_is_said_in_both_languages() {
    let city = City::lived();
    let mut all = items(&city, "/v1/subjects?kind=enterprise&limit=100").await;
    all.extend(items(&city, "/v1/subjects?kind=product&limit=100").await);
    all.extend(items(&city, "/v1/subjects?kind=zone&limit=100").await);
    let mut said = 0;
    for one in &all {
        let path = format!("/v1/subjects/{}", one["subject"].as_str().unwrap());
        let subject = get(&city, &path).await.json();
        let told = &subject["counterfactual"];
        if one["level"] == "low" {
            assert!(told.is_null(), "{subject}");
            continue;
        }
        said += 1;
        let sentence = |language: &str| told[language].as_str().unwrap().to_owned();
        assert!(sentence("en").contains(told["by"].as_str().unwrap()));
        match told["conforming_tests"].as_u64() {
            Some(0) => assert!(sentence("en").starts_with("If no further failure")),
            Some(tests) => {
                assert!(sentence("zh").contains(&format!("{tests} 批次")));
                assert!(sentence("en").starts_with(&tests.to_string()));
                assert_ne!(told["level"], one["level"]);
            }
            None => assert!(sentence("en").starts_with(&format!("Even {}", told["tried"]))),
        }
        let later = get(&city, &format!("{path}?by=2031-05-01")).await.json();
        assert_eq!(later["counterfactual"]["by"], "2031-05-01");
    }
    let answer = get(&city, "/v1/subjects/enterprise:E1?by=soon").await;
    assert_eq!(answer.expect_problem(400, "bad-parameter")["field"], "by");
    assert!(said > 3, "{said} of {}", all.len());
    let product = get(&city, "/v1/subjects/product:TOY-PLUSH").await.json();
    assert_eq!(
        product["counterfactual"].is_null(),
        product["recorded"]["level"] == "low"
    );
}

#[tokio::test]
async fn lists_filter_sort_and_page_without_gaps() {
    let city = City::lived();
    let all = items(
        &city,
        "/v1/subjects?kind=enterprise&sort=-probability&limit=1000",
    )
    .await;
    assert_eq!(all.len(), 12);
    let probabilities: Vec<f64> = all.iter().map(|one| number(&one["probability"])).collect();
    assert!(probabilities.is_sorted_by(|one, next| one >= next));

    let mut paged = Vec::new();
    let mut path = "/v1/subjects?kind=enterprise&limit=5".to_owned();
    loop {
        let page = get(&city, &path).await.json();
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/subjects?kind=enterprise&limit=5&cursor={next}");
    }
    assert_eq!(paged, all);

    let mut upwards = items(&city, "/v1/subjects?kind=enterprise&sort=probability").await;
    upwards.reverse();
    let of =
        |list: &[Value]| -> Vec<f64> { list.iter().map(|it| number(&it["probability"])).collect() };
    assert_eq!(of(&upwards), probabilities);

    let named = items(&city, "/v1/subjects?kind=enterprise&sort=name").await;
    assert!(named.is_sorted_by_key(|one| one["subject"].as_str().unwrap().to_owned()));

    let zone = "/v1/subjects?kind=site&zone=330782&sector=toys";
    assert_eq!(items(&city, zone).await.len(), 12);
    assert!(items(&city, "/v1/subjects?zone=elsewhere").await.is_empty());
    let level = all[0]["level"].as_str().unwrap();
    let graded = items(
        &city,
        &format!("/v1/subjects?kind=enterprise&level={level}"),
    )
    .await;
    assert!(!graded.is_empty() && graded.iter().all(|one| one["level"] == level));
}

#[tokio::test]
async fn a_subject_shows_what_stands_why_and_what_is_estimated_now() {
    let city = City::lived();
    let subject = get(&city, "/v1/subjects/enterprise:E11").await.json();
    assert_eq!(subject["name"], "晨光玩具11号商位");
    assert_eq!(
        subject["name_en"],
        Value::Null,
        "a booth's own name is not translated"
    );
    let recorded = &subject["recorded"];
    assert_eq!(recorded["provisional"], false);
    assert_eq!(subject["provisional"]["provisional"], true);
    let levels = ["undetermined", "low", "medium", "high", "serious"];
    let named = ["数据不足", "低", "中", "高", "严重"];
    let at = levels.iter().position(|level| recorded["level"] == *level);
    assert_eq!(recorded["level_zh"], named[at.unwrap()]);

    // The parts add up, and ten points are one doubling of the odds.
    let parts = recorded["contributions"].as_array().unwrap();
    assert!(
        parts
            .iter()
            .any(|part| part["part"] == "own_record" && part["zh"] == "企业该产品记录")
    );
    for part in parts {
        let doublings = number(&part["log_odds"]) / std::f64::consts::LN_2;
        assert!(close(number(&part["points"]), 10.0 * doublings), "{part}");
    }
    let interval = &recorded["interval"];
    let probability = number(&recorded["probability"]);
    assert!(number(&interval["lower"]) <= probability && probability <= number(&interval["upper"]));
    // A grade is recorded where it changed; the estimate has everything since.
    let results = |shown: &Value| number(&shown["evidence"]["supervisory_check"]["results"]) as u32;
    assert_eq!(results(&subject["provisional"]), 42);
    assert!((1..=42).contains(&results(recorded)));
    assert!(recorded["as_of"].as_str().unwrap().ends_with('Z'));
    assert_eq!(subject["history"][0], *recorded);
    // The failures stand a second time among the severities, which own results leave out.
    assert_eq!(subject["provisional"]["own_results"], 42);
    assert!(number(&subject["provisional"]["evidence"]["severity_4"]["results"]) > 0.0);

    let product = get(&city, "/v1/subjects/product:TOY-PLUSH").await.json();
    assert_eq!(product["name"], "毛绒布制玩具");
    assert_eq!(product["name_en"], "Soft toys");
    let cell = get(&city, "/v1/subjects/cell:E11:TOY-PLUSH").await.json();
    assert!(
        cell["name"]
            .as_str()
            .unwrap()
            .starts_with("晨光玩具11号商位 · ")
    );
}

#[tokio::test]
async fn a_new_result_moves_the_provisional_estimate_only() {
    let mut city = City::lived();
    let before = get(&city, "/v1/subjects/enterprise:E0").await.json();
    city.result(&result("N1", 0, 44, true));
    city.result(&result("N2", 900, 44, true));
    city.settle();
    let after = get(&city, "/v1/subjects/enterprise:E0").await.json();
    assert_eq!(after["recorded"], before["recorded"]);
    let estimate = |subject: &Value| number(&subject["provisional"]["probability"]);
    assert!(estimate(&after) > estimate(&before));
    // One who has no recorded grade yet is known all the same.
    let new = get(&city, "/v1/subjects/enterprise:E900").await.json();
    assert_eq!(new["recorded"], Value::Null);
    assert!(
        items(&city, "/v1/subjects/enterprise:E900/history")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn histories_page_from_where_the_subject_left_off() {
    let city = City::lived();
    let subject = get(&city, "/v1/subjects/enterprise:E11").await.json();
    let mut known = subject["history"].as_array().unwrap().clone();
    if let Some(next) = subject["history_next"].as_str() {
        let more = format!("/v1/subjects/enterprise:E11/history?limit=1000&cursor={next}");
        known.extend(items(&city, &more).await);
    }
    let all = items(&city, "/v1/subjects/enterprise:E11/history?limit=1000").await;
    assert_eq!(known, all);
    let days: Vec<&str> = all
        .iter()
        .map(|one| one["as_of"].as_str().unwrap())
        .collect();
    assert!(
        days.len() > 1 && days.is_sorted_by(|one, next| one > next),
        "{days:?}"
    );
}

#[tokio::test]
async fn an_answer_at_hand_is_not_sent_again() {
    let mut city = City::lived();
    let path = "/v1/subjects/enterprise:E0";
    let first = get(&city, path).await;
    let tag = first.header("etag").to_owned();
    for asked in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let again = get_with(&city, path, ("if-none-match", &asked)).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{asked}");
        assert_eq!(again.header("etag"), tag);
        assert!(again.body.is_empty());
    }
    city.result(&result("N1", 0, 44, true));
    city.settle();
    for list in [
        "/v1/subjects",
        "/v1/alerts",
        "/v1/subjects/enterprise:E0/history",
    ] {
        let tag = get(&city, list).await.header("etag").to_owned();
        let again = get_with(&city, list, ("if-none-match", &tag)).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{list}");
    }
    let changed = get_with(&city, path, ("if-none-match", &tag)).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn bad_questions_name_the_field_and_the_rule() {
    let city = City::lived();
    let bad = [
        ("/v1/subjects?kind=booth", "kind"),
        ("/v1/subjects?level=none", "level"),
        ("/v1/subjects?sort=-name", "sort"),
        ("/v1/subjects?limit=0", "limit"),
        ("/v1/subjects?limit=1001", "limit"),
        ("/v1/subjects?limit=ten", "limit"),
        ("/v1/subjects?cursor=nonsense", "cursor"),
        ("/v1/subjects?zone=", "zone"),
        ("/v1/subjects?sector=", "sector"),
        ("/v1/subjects?colour=red", "colour"),
        ("/v1/subjects?kind=site&kind=zone", "kind"),
        ("/v1/subjects/booth:1", "id"),
        ("/v1/subjects/cell:E1", "id"),
        ("/v1/subjects/%FF", "id"),
        ("/v1/subjects/enterprise:E1?x=1", "x"),
        ("/v1/subjects/enterprise:E1/history?sort=name", "sort"),
        ("/v1/status?verbose=1", "verbose"),
        ("/v1/dead-letters?reason=x", "reason"),
        ("/healthz?x=1", "x"),
        ("/readyz?x=1", "x"),
        ("/metrics?x=1", "x"),
        ("/openapi.json?x=1", "x"),
    ];
    for (path, field) in bad {
        let problem = get(&city, path).await.expect_problem(400, "bad-parameter");
        assert_eq!(problem["field"], field, "{path}");
        assert!(!problem["rule"].as_str().unwrap().is_empty(), "{path}");
    }
    let other_list = get(&city, "/v1/alerts?limit=1").await.json();
    let cursor = other_list["next"].as_str().unwrap();
    let path = format!("/v1/subjects?cursor={cursor}");
    get(&city, &path).await.expect_problem(400, "bad-parameter");

    for path in [
        "/v1/subjects/enterprise:E404",
        "/v1/subjects/enterprise:E404/history",
        "/v1/subjects/enterprise:%E4%B8%8D%E5%AD%98%E5%9C%A8",
        "/v1/nothing",
        "/console/assets/other.js",
    ] {
        get(&city, path).await.expect_problem(404, "not-found");
    }
}
