//! Pass rates, and those who test.

use crate::city::{City, get};
use serde_json::Value;

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test]
async fn rates_of_every_period_add_up_to_the_results_of_closed_weeks() {
    let city = City::lived();
    let mut tests = Vec::new();
    for period in ["week", "month", "quarter"] {
        let answer = get(&city, &format!("/v1/rates?period={period}"))
            .await
            .json();
        assert_eq!(answer["domain"], "city");
        assert_eq!(answer["period"], period);
        assert_eq!(answer["frame"], "seen");
        let items = answer["items"].as_array().unwrap();
        assert!(items.is_sorted_by(|one, next| one["from"].as_str() > next["from"].as_str()));
        let mut of_period = 0;
        for item in items {
            assert!(item["targets"] == 12 || item["targets"] == 0, "{item}");
            for rate in item["raw"].as_object().unwrap().values() {
                let (pass, lower) = (number(&rate["pass_rate"]), number(&rate["lower"]));
                assert!(lower <= pass && pass <= number(&rate["upper"]), "{rate}");
                of_period += rate["results"].as_u64().unwrap();
            }
            if let Some(change) = item["change"].as_object() {
                let sum = number(&change["quality"]) + number(&change["choice"]);
                assert!((sum - number(&change["change"])).abs() < 1e-12);
            }
        }
        tests.push(of_period);
    }
    // Five weeks or more have closed and been followed by another close.
    assert!(tests[0] >= 5 * 7 * 12, "{tests:?}");
    assert!(tests.iter().all(|sum| *sum == tests[0]), "{tests:?}");
    // The same results are those of the sector, the zone and the product.
    for domain in ["sector:toys", "zone:330782", "product:TOY-PLUSH"] {
        let path = format!("/v1/rates?domain={domain}&period=quarter");
        let answer = get(&city, &path).await.json();
        let items = answer["items"].as_array().unwrap();
        let raw = items
            .iter()
            .flat_map(|item| item["raw"].as_object().unwrap().values());
        let sum: u64 = raw.map(|rate| rate["results"].as_u64().unwrap()).sum();
        assert_eq!(sum, tests[0], "{domain}");
    }
}

#[tokio::test]
async fn a_domain_that_is_none_is_refused_and_one_never_seen_is_not_found() {
    let city = City::lived();
    for domain in ["enterprise:E1", "town", "sector:"] {
        let answer = get(&city, &format!("/v1/rates?domain={domain}")).await;
        assert_eq!(
            answer.expect_problem(400, "bad-parameter")["field"],
            "domain"
        );
    }
    let answer = get(&city, "/v1/rates?period=year").await;
    assert_eq!(
        answer.expect_problem(400, "bad-parameter")["field"],
        "period"
    );
    let answer = get(&city, "/v1/rates?domain=sector:ships").await;
    answer.expect_problem(404, "not-found");
    let empty = City::empty();
    get(&empty, "/v1/rates")
        .await
        .expect_problem(404, "not-found");
    get(&empty, "/v1/observers")
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn those_who_test_are_named_with_how_strict_they_are() {
    let city = City::lived();
    let report = get(&city, "/v1/observers").await.json();
    for list in ["laboratories", "inspectors"] {
        for one in report[list].as_array().unwrap() {
            let ratio = number(&one["odds_ratio"]);
            assert!(number(&one["lower"]) <= ratio && ratio <= number(&one["upper"]));
            assert!(!one["id"].as_str().unwrap().is_empty());
            let history = one["history"].as_array().unwrap();
            assert!(!history.is_empty() && history.len() <= 8, "{one}");
            assert!(history.is_sorted_by(|one, next| one["from"].as_str() > next["from"].as_str()));
        }
    }
    let methods = report["methods"].as_array().unwrap();
    assert_eq!(methods[0]["id"], "rapid");
    assert_eq!(methods[0]["refused"], false);
    assert_eq!(report["period"], "quarter");
    let months = get(&city, "/v1/observers?period=month&limit=1")
        .await
        .json();
    assert_eq!(months["period"], "month");
    for one in months["inspectors"].as_array().unwrap() {
        assert!(one["history"].as_array().unwrap().len() <= 1);
    }
    let answer = get(&city, "/v1/observers?period=week").await;
    assert_eq!(
        answer.expect_problem(400, "bad-parameter")["field"],
        "period"
    );
}

#[tokio::test]
async fn the_effect_of_a_campaign_is_told_against_the_city() {
    let city = City::lived();
    let rates = get(&city, "/v1/rates?period=week").await.json();
    let weeks = rates["items"].as_array().unwrap();
    // A week in the middle whose neighbours were corrected.
    let corrected = |at: usize| weeks[at]["design"].is_object();
    let at = (1..weeks.len() - 1)
        .find(|at| corrected(*at) && corrected(at + 1))
        .unwrap();
    let began = weeks[at]["from"].as_str().unwrap();
    let path = format!("/v1/rates/effect?domain=sector:toys&began={began}&weeks=1");
    let effect = get(&city, &path).await.json();
    assert_eq!(effect["before_from"], weeks[at + 1]["from"]);
    assert_eq!(effect["after_from"], weeks[at]["from"]);
    let pass = |name: &str| number(&effect[name]["pass_rate"]);
    let change = pass("before") - pass("after");
    let elsewhere = pass("city_before") - pass("city_after");
    assert!(
        (number(&effect["effect"]) - (change - elsewhere)).abs() < 1e-9,
        "{effect}"
    );
    assert!(number(&effect["lower"]) < number(&effect["upper"]));
    assert_eq!(effect["basis"], "design");
    // Of enterprises, and of sets, there are no corrected rates: all results tell.
    for domain in [
        "enterprise:E1",
        "enterprise:E1,enterprise:E2,product:TOY-PLUSH",
    ] {
        let path = format!("/v1/rates/effect?domain={domain}&began={began}&weeks=1");
        let effect = get(&city, &path).await.json();
        assert_eq!(effect["basis"], "adjusted", "{effect}");
        assert_eq!(
            effect["domains"].as_array().unwrap().len(),
            domain.split(',').count()
        );
        let adjusted = &effect["adjusted"];
        assert!(adjusted["results_before"].as_i64().unwrap() > 0, "{effect}");
        assert_eq!(effect["effect"], adjusted["effect"]);
        assert!(number(&effect["lower"]) < number(&effect["upper"]));
        let ratio = number(&adjusted["odds_ratio"]);
        assert!(number(&adjusted["odds_ratio_lower"]) < ratio);
        assert!(ratio < number(&adjusted["odds_ratio_upper"]));
        assert!(effect["before"].is_null());
    }
    let path = format!("/v1/rates/effect?domain=enterprise:NOBODY&began={began}&weeks=1");
    get(&city, &path).await.expect_problem(404, "not-found");
    for (query, field) in [
        ("began=2026-01-05", "domain"),
        ("domain=city", "began"),
        ("domain=city&began=soon", "began"),
        ("domain=city&began=2026-01-05&ended=2026-01-04", "ended"),
        ("domain=city&began=2026-01-05&weeks=0", "weeks"),
        ("domain=town&began=2026-01-05", "domain"),
    ] {
        let answer = get(&city, &format!("/v1/rates/effect?{query}")).await;
        assert_eq!(
            answer.expect_problem(400, "bad-parameter")["field"],
            field,
            "{query}"
        );
    }
    let answer = get(&city, "/v1/rates/effect?domain=city&began=1999-01-04").await;
    answer.expect_problem(404, "not-found");
}

#[tokio::test]
async fn what_the_figures_lack_is_said_in_both_languages() {
    let city = City::lived();
    let status = get(&city, "/v1/status").await.json();
    // The city was checked by supervisory checks alone: nothing calibrates.
    let cautions = status["cautions"].as_array().unwrap();
    assert_eq!(cautions.len(), 1, "{cautions:?}");
    assert!(cautions[0]["zh"].as_str().unwrap().contains("概率校准不足"));
    assert!(
        cautions[0]["en"]
            .as_str()
            .unwrap()
            .contains("calibration starves")
    );
    let rates = get(&city, "/v1/rates?period=quarter").await.json();
    let notices = rates["notices"].as_array().unwrap();
    assert!(notices.contains(&cautions[0]), "{notices:?}");
    for item in rates["items"].as_array().unwrap() {
        assert_eq!(item["corrected"], item["design"].is_object());
    }
    let empty = City::empty();
    let status = get(&empty, "/v1/status").await.json();
    assert_eq!(status["cautions"].as_array().unwrap().len(), 0);
}
