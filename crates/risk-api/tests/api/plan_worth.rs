//! What plans were worth: races of two lists, other rules on the logged draws, coverage and fairness.

use crate::city::{Answer, City, ask, get, result};
use axum::body::Body;
use axum::http::Request;
use risk_domain::ids::{DrawId, EnterpriseId, SiteId, TeamId};
use risk_domain::inspection::InspectionResult;
use risk_domain::selection::SelectionMode;
use serde_json::{Value, json};

async fn ask_for(city: &City, request: &Value) -> Answer {
    let post = Request::post("/v1/plans").body(Body::from(request.to_string()));
    ask(city.router(), post.unwrap()).await
}

async fn planned(city: &City, request: &Value) -> Value {
    let answer = ask_for(city, request).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

/// A result of a line of a plan.
fn report(plan: &Value, line: &Value, name: &str, failed: bool) -> InspectionResult {
    let mut found = result(name, 0, 50, failed);
    found.mode = SelectionMode::from_code(line["mode"].as_str().unwrap()).unwrap();
    found.selection.draw_id = DrawId::new(plan["plan_id"].as_str().unwrap()).ok();
    let target = |name: &str| line["target"][name].as_str().unwrap();
    found.site.enterprise_id = EnterpriseId::new(target("enterprise_id")).unwrap();
    found.site.site_id = SiteId::new(target("site_id")).unwrap();
    found
}

/// Experts who name all targets of the small city, those first that the engine thinks least of.
async fn race(city: &City, ends_after: u32) -> Value {
    let all = json!({ "as_of": "2027-03-01", "budgets": { "special_check": 12 } });
    let plan = planned(city, &all).await;
    let lines = plan["lines"].as_array().unwrap();
    let experts: Vec<Value> = lines
        .iter()
        .rev()
        .map(|line| {
            let target = &line["target"];
            json!({ "enterprise": target["enterprise_id"], "site": target["site_id"],
                "product": target["product"] })
        })
        .collect();
    json!({
        "as_of": "2027-03-01",
        "budgets": { "special_check": 6 },
        "race": { "id": "Q1", "tests": 3, "ends_after": ends_after, "experts": experts },
    })
}

#[tokio::test]
async fn a_race_tells_nothing_before_its_registered_end_and_the_same_after_it() {
    let mut city = City::lived();
    let request = race(&city, 3).await;
    let plan = planned(&city, &request).await;
    assert_eq!(plan["race"]["engine"], 3, "{}", plan["race"]);
    assert_eq!(plan["race"]["experts"], 3);
    let lines = plan["lines"].as_array().unwrap().clone();
    let of = |side: &str| -> Vec<Value> {
        let on = lines.iter().filter(|line| line["race"] == side);
        on.cloned().collect()
    };
    let (engine, experts) = (of("engine"), of("experts"));
    assert_eq!((engine.len(), experts.len()), (3, 3), "{plan}");
    let id = plan["plan_id"].as_str().unwrap();
    for form in ["csv", "html"] {
        let sheet = get(&city, &format!("/v1/plans/{id}/lines.{form}"))
            .await
            .body;
        assert!(sheet.contains("列入清单对比 Q1"), "{sheet}");
        let whose = ["experts", "engine", "专家", "引擎", "预计不合格概率"];
        assert!(whose.iter().all(|word| !sheet.contains(word)), "{sheet}");
    }
    let running = get(&city, "/v1/planning/races/Q1").await.json();
    assert_eq!(
        (running["state"].as_str(), running["engine_tests"].as_u64()),
        (Some("running"), Some(0))
    );
    for (at, line) in engine.iter().enumerate() {
        city.result(&report(&plan, line, &format!("G{at}"), true));
    }
    city.result(&report(&plan, &experts[0], "X0", false));
    city.result(&report(&plan, &experts[1], "X1", true));
    city.settle();
    let running = get(&city, "/v1/planning/races/Q1").await.json();
    assert_eq!(running["state"], "running");
    assert_eq!(
        (
            running["engine_tests"].as_u64(),
            running["experts_tests"].as_u64()
        ),
        (Some(3), Some(2))
    );
    for told in ["outcome", "difference", "winner"] {
        assert!(running.get(told).is_none(), "{running}");
    }
    // A correction stands in the place of what it corrects.
    let mut corrected = report(&plan, &experts[1], "X1b", false);
    corrected.supersedes = Some(report(&plan, &experts[1], "X1", true).inspection_id);
    city.result(&corrected);
    city.result(&report(&plan, &experts[2], "X2", false));
    city.settle();
    let ended = get(&city, "/v1/planning/races/Q1").await.json();
    assert_eq!(ended["state"], "ended");
    let outcome = &ended["outcome"];
    assert_eq!(
        (outcome["engine"].as_u64(), outcome["experts"].as_u64()),
        (Some(3), Some(0))
    );
    assert!(
        (outcome["difference"].as_f64().unwrap() - 1.0).abs() < 1e-12,
        "{outcome}"
    );
    // A second week of the race comes too late to count.
    let again = planned(&city, &request).await;
    for (at, line) in again["lines"].as_array().unwrap().iter().enumerate() {
        let failed = line["race"] == "experts";
        city.result(&report(&again, line, &format!("L{at}"), failed));
    }
    city.settle();
    let later = get(&city, "/v1/planning/races/Q1").await.json();
    assert_eq!(later["outcome"], ended["outcome"]);
    assert_eq!(later["plans"].as_array().unwrap().len(), 2);
    get(&city, "/v1/planning/races/Q2")
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn the_end_of_a_race_cannot_be_moved() {
    let city = City::lived();
    let mut request = race(&city, 30).await;
    planned(&city, &request).await;
    request["race"]["ends_after"] = json!(20);
    let problem = ask_for(&city, &request)
        .await
        .expect_problem(400, "bad-parameter");
    assert_eq!(problem["field"], "race.ends_after");
    assert!(
        problem["detail"].as_str().unwrap().contains("must be 30"),
        "{problem}"
    );
    request["race"]["id"] = json!("Q2");
    planned(&city, &request).await;
    let all = get(&city, "/v1/planning/races").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
}

/// A target may be drawn for an evaluation and for a check; what the evaluation found says nothing of the draw
/// of the check.
#[tokio::test]
async fn evaluations_are_not_counted_as_draws_of_checks() {
    let mut city = City::lived();
    let request = json!({ "as_of": "2027-03-01",
        "budgets": { "risk_evaluation": 8, "supervisory_check": 6, "special_check": 2 } });
    let plan = planned(&city, &request).await;
    let lines = plan["lines"].as_array().unwrap().clone();
    let of = |mode: &str| -> Vec<Value> {
        let of_mode = lines.iter().filter(|line| line["mode"] == mode);
        of_mode.cloned().collect()
    };
    let (evaluations, checks) = (of("risk_evaluation"), of("supervisory_check"));
    let both = evaluations
        .iter()
        .filter(|one| checks.iter().any(|other| other["target"] == one["target"]));
    assert!(both.count() >= 2, "8 and 6 of 12 overlap");
    for (at, line) in evaluations.iter().enumerate() {
        city.result(&report(&plan, line, &format!("V{at}"), true));
    }
    city.settle();
    let asked = "/v1/planning/evaluation?gamma=0";
    let told = get(&city, asked).await.json();
    assert!(
        told["off_policy"].is_null(),
        "no check has a result: {told}"
    );
    for (at, line) in checks.iter().enumerate() {
        let mut found = report(&plan, line, &format!("C{at}"), at == 0);
        found.team_id = TeamId::new("T2").unwrap();
        city.result(&found);
    }
    city.settle();
    let told = get(&city, asked).await.json();
    let other = &told["off_policy"];
    assert_eq!(other["logged_finds"], 1.0, "{other}");
    assert!(
        (other["tests"].as_f64().unwrap() - 6.0).abs() < 1e-9,
        "{other}"
    );
    assert!(
        other["effective"].as_f64().unwrap() <= 6.0 + 1e-9,
        "{other}"
    );
    assert!(
        !other["warnings"].as_array().unwrap().is_empty(),
        "six results are few"
    );
    // What was drawn may leave one target only for a special check.
    assert_eq!(
        (
            told["exploration"]["drawn"].as_u64(),
            told["exploration"]["tests"].as_u64()
        ),
        (Some(14), Some(lines.len() as u64))
    );
    let teams: Vec<(&str, f64)> = told["fairness"]["teams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| (of["name"].as_str().unwrap(), of["visits"].as_f64().unwrap()))
        .collect();
    assert_eq!(teams, [("T1", 8.0), ("T2", 6.0)]);
    let city_wide = &told["coverage"]["city"];
    assert_eq!(city_wide["targets"], 12);
    for part in ["zones", "sectors", "sizes"] {
        let rows = told["coverage"][part].as_array().unwrap();
        let sum: u64 = rows.iter().map(|of| of["targets"].as_u64().unwrap()).sum();
        assert_eq!(sum, 12, "{part}");
    }
    assert_eq!(told["fairness"]["zones"].as_array().unwrap().len(), 1);
    let problem = get(&city, "/v1/planning/evaluation?gamma=-1").await;
    assert_eq!(
        problem.expect_problem(400, "bad-parameter")["field"],
        "gamma"
    );
}
