//! The burden of inspection.

use crate::city::{City, get, items};
use risk_domain::ids::LabId;
use risk_domain::inspection::InspectionResult;
use risk_domain::selection::SelectionMode;

#[tokio::test]
async fn burdens_add_up_to_the_results_and_are_sorted_as_asked() {
    let city = City::lived();
    // The last samples were taken a week before the last day, which is the 41st.
    let all = items(&city, "/v1/burden?limit=500").await;
    assert_eq!(all.len(), 12);
    let tests: u64 = all.iter().map(|one| one["tests"].as_u64().unwrap()).sum();
    assert_eq!(tests, 42 * 12);
    for one in &all {
        assert_eq!(one["visits"], 42, "one a day: {one}");
        assert!(one["rests_until"].is_string(), "{one}");
    }
    let resting = items(&city, "/v1/burden?resting=false").await;
    assert!(resting.is_empty());
    let later = items(&city, "/v1/burden?resting=true&on=2027-01-01").await;
    assert!(later.is_empty(), "rests end");
    let elsewhere = items(&city, "/v1/burden?zone=330782-fotang").await;
    assert!(elsewhere.is_empty());
    let here = items(&city, "/v1/burden?zone=330782&sort=-tests&limit=5").await;
    assert_eq!(here.len(), 5);
    let one = get(&city, "/v1/burden/E3").await.json();
    assert_eq!(one["enterprise"], "E3");
    assert_eq!(one["name"], "晨光玩具3号商位");
    get(&city, "/v1/burden/E99")
        .await
        .expect_problem(404, "not-found");
    get(&city, "/v1/burden?sort=visits")
        .await
        .expect_problem(400, "bad-parameter");
}

#[tokio::test]
async fn what_came_since_the_last_question_is_in_the_next_answer() {
    let mut city = City::empty();
    city.result(&crate::city::result("R1", 1, 1, false));
    city.settle();
    let visits = |answer: crate::city::Answer| answer.json()["visits"].as_u64();
    let path = "/v1/burden/E1?on=2026-06-01";
    assert_eq!(visits(get(&city, path).await), Some(1));
    city.result(&crate::city::result("R2", 1, 2, false));
    city.settle();
    assert_eq!(visits(get(&city, path).await), Some(2));
}

#[tokio::test]
async fn whether_an_article_may_be_checked_again_needs_all_that_names_it() {
    let city = City::lived();
    let asked = "/v1/burden/repeat?producer=M1&standard=GB%206675&agency=A1&level=county";
    let answer = get(&city, asked).await.json();
    assert_eq!(answer["allowed"], true, "nothing of it was ever checked");
    get(&city, "/v1/burden/repeat?producer=M1&standard=GB&agency=A1")
        .await
        .expect_problem(400, "bad-parameter");
    let signs = items(&city, "/v1/burden/suspicions").await;
    assert!(signs.is_empty(), "{signs:?}");
    get(&city, "/v1/burden/suspicions?kind=guilt")
        .await
        .expect_problem(400, "bad-parameter");
}

/// A result whose sample was taken that day.
fn taken(id: &str, enterprise: u32, day: i64, failed: bool) -> InspectionResult {
    let mut one = crate::city::result(id, enterprise, day, failed);
    one.sampled_at = one.observed_at;
    one
}

#[tokio::test]
async fn every_sign_of_evasion_is_shown_with_the_entries_that_it_rests_on() {
    let mut city = City::empty();
    // Somebody new stands where enterprise 1 failed and was not seen again.
    let failure = taken("LEFT", 1, 1, true);
    let mut new = taken("CAME", 2, 30, false);
    new.site.site_id = failure.site.site_id.clone();
    city.result(&failure);
    city.result(&new);
    // A laboratory finds an item just within its limit, always.
    for number in 0..40 {
        let mut heaped = taken(&format!("HEAP-{number}"), 3 + number % 10, 2, false);
        heaped.test.lab_id = LabId::new("LAB-HEAPED").ok();
        heaped.items[0].limit = Some("≤0.1".into());
        heaped.items[0].measured = Some("0.098".into());
        city.result(&heaped);
    }
    // Enterprise 27 fails only where nobody could see the test coming; others fail there more often, too.
    for enterprise in 20..40 {
        for round in 0..20 {
            let foreseen = round % 2 == 0;
            let failed = match enterprise {
                27 => !foreseen,
                _ => matches!(round, 0 | 1 | 3 | 5),
            };
            let id = format!("CLEAN-{enterprise}-{round}");
            let mut one = taken(&id, enterprise, 3 + round, failed);
            if !foreseen {
                one.mode = SelectionMode::EnforcementTest;
            }
            city.result(&one);
        }
    }
    city.settle();
    for (kind, whose) in [
        ("reregistered", "E2"),
        ("heaped_at_limit", "LAB-HEAPED"),
        ("clean_when_foreseen", "E27"),
    ] {
        let path = format!("/v1/burden/suspicions?kind={kind}&on=2026-12-31");
        let signs = items(&city, &path).await;
        assert_eq!(signs.len(), 1, "{kind}: {signs:?}");
        assert_eq!(signs[0]["subject"], whose, "{kind}");
        let entries = signs[0]["entries"].as_array().unwrap();
        assert!(entries.len() >= 2, "{kind}: {signs:?}");
        for reason in ["reason_zh", "reason_en"] {
            assert!(!signs[0][reason].as_str().unwrap().is_empty(), "{kind}");
        }
    }
}
