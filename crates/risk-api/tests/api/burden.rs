//! The burden of inspection.

use crate::city::{City, get, items};

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
