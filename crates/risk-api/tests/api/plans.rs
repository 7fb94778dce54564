//! Sampling plans and their draws.

use crate::city::{Answer, City, ask, get, items};
use axum::body::Body;
use axum::http::Request;
use risk_planner::wire::draw::DrawRecord;
use serde_json::{Value, json};

/// A week of the small city: it has twelve targets, all visited lately.
fn week() -> Value {
    json!({
        "as_of": "2027-03-01",
        "budgets": { "risk_evaluation": 3, "supervisory_check": 4, "special_check": 2, "enforcement_test": 1 },
        "leads": [{ "kind": "tip", "enterprise": "E5" }]
    })
}

async fn post(city: &City, path: &str, body: &str) -> Answer {
    let request = Request::post(path).body(Body::from(body.to_owned()));
    ask(city.router(), request.unwrap()).await
}

async fn planned(city: &City, request: &Value) -> Value {
    let answer = post(city, "/v1/plans", &request.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn a_plan_comes_with_lines_that_results_can_report() {
    let city = City::lived();
    let plan = planned(&city, &week()).await;
    assert_eq!(plan["state"], "drawn");
    assert_eq!(plan["day"], "2027-03-01");
    let lines = plan["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 10, "{plan}");
    for line in lines {
        let drawn =
            ["risk_evaluation", "supervisory_check"].contains(&line["mode"].as_str().unwrap());
        let selection = &line["selection"];
        assert_eq!(
            selection["inclusion_probability"].is_number(),
            drawn,
            "{line}"
        );
        assert_eq!(selection["draw_id"], plan["plan_id"], "{line}");
        assert_eq!(line["target"]["product"], "TOY-PLUSH");
        assert_eq!(line["target"]["zone_id"], "330782-choucheng");
        assert!(
            line["reason"]["zh"]
                .as_str()
                .unwrap()
                .contains("预计不合格概率")
        );
        assert!(line["legal_basis"]["zh"].is_string());
        assert!(line["samples"]["check"].as_u64().unwrap() > 0);
    }
    let owed = lines
        .iter()
        .find(|line| line["mode"] == "enforcement_test")
        .unwrap();
    assert_eq!(owed["target"]["enterprise_id"], "E5");
    assert_eq!(owed["selection"]["basis"], "complaint");
    let of_mode = lines.iter().filter(|line| line["mode"] == "special_check");
    let risks: Vec<f64> = of_mode
        .map(|line| line["probability"].as_f64().unwrap())
        .collect();
    assert!(
        risks.len() == 2 && risks[0] >= risks[1],
        "the riskiest first: {risks:?}"
    );
    let curve = plan["budget_curve"].as_array().unwrap();
    assert_eq!(curve.len(), 5);
    let id = plan["plan_id"].as_str().unwrap();
    let again = get(&city, &format!("/v1/plans/{id}")).await.json();
    assert_eq!(again, plan);
    let all = items(&city, "/v1/plans").await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["tests"], 10);
}

#[tokio::test]
async fn visits_rest_by_the_day_of_the_plan() {
    let city = City::lived();
    let mut request = week();
    // The last samples were taken on 5 April 2026.
    request["as_of"] = json!("2026-04-10");
    let plan = planned(&city, &request).await;
    let lines = plan["lines"].as_array().unwrap();
    assert!(
        lines.iter().all(|line| line["mode"] != "special_check"),
        "{plan}"
    );
    let short = plan["shortfalls"].as_array().unwrap();
    assert!(
        short
            .iter()
            .any(|of| of["mode"] == "special_check" && of["planned"] == 0),
        "{plan}"
    );
}

#[tokio::test]
async fn a_draw_is_committed_made_and_revealed_and_verifies() {
    let city = City::lived();
    let mut request = week();
    request["beacon"] = json!({ "source": "drand quicknet", "round": "42" });
    let plan = planned(&city, &request).await;
    assert_eq!(plan["state"], "committed");
    assert!(plan.get("lines").is_none(), "{plan}");
    let id = plan["plan_id"].as_str().unwrap().to_owned();
    let public = get(&city, &format!("/v1/draws/{id}")).await.json();
    assert_eq!(public["commitment"], plan["commitment"]);
    assert!(public["record"].is_null());
    let reveal = format!("/v1/plans/{id}/reveal");
    post(&city, &reveal, "")
        .await
        .expect_problem(409, "conflict");
    get(&city, &format!("/v1/plans/{id}/lines.csv"))
        .await
        .expect_problem(409, "conflict");
    let draw = format!("/v1/plans/{id}/draw");
    post(&city, &draw, "{\"beacon_value\":\"\"}")
        .await
        .expect_problem(409, "conflict");
    post(&city, &draw, "{")
        .await
        .expect_problem(400, "bad-body");
    let value = "{\"beacon_value\":\"beef\"}";
    let drawn = post(&city, &draw, value).await.json();
    assert_eq!(drawn["commitment"], plan["commitment"]);
    assert_eq!(drawn["lines"].as_array().unwrap().len(), 10);
    post(&city, &draw, value)
        .await
        .expect_problem(409, "conflict");
    get(&city, &format!("/v1/draws/{id}/pool"))
        .await
        .expect_problem(409, "conflict");
    let revealed = post(&city, &reveal, "").await.json();
    let record: DrawRecord = serde_json::from_value(revealed["record"].clone()).unwrap();
    let pool = get(&city, &format!("/v1/draws/{id}/pool")).await.body;
    assert_eq!(record.verify(&pool).unwrap().lines, 7);
}

/// The steps of a plan, as they were posted for the ledger.
fn steps(city: &City) -> Vec<Value> {
    let posted = city.around.posted.lock().unwrap();
    let records = posted.iter().map(|record| serde_json::from_slice(record));
    let records: Vec<Value> = records.collect::<Result<_, _>>().unwrap();
    let on_plans = records.into_iter();
    on_plans.filter(|of| of.get("plan_id").is_some()).collect()
}

#[tokio::test]
async fn each_step_is_a_command_that_says_why_and_names_no_target() {
    let city = City::lived();
    let mut request = week();
    request["beacon"] = json!({ "source": "drand quicknet", "round": "42" });
    request["reason"] = json!("第十周抽样计划");
    let plan = planned(&city, &request).await;
    let id = plan["plan_id"].as_str().unwrap();
    let draw = format!("/v1/plans/{id}/draw");
    post(
        &city,
        &draw,
        "{\"beacon_value\":\"beef\",\"reason\":\"信标已公布\"}",
    )
    .await;
    post(&city, &format!("/v1/plans/{id}/reveal"), "").await;
    // Once it is public, it is public: nothing more is recorded.
    post(&city, &format!("/v1/plans/{id}/reveal"), "").await;
    let steps = steps(&city);
    let told: Vec<(&str, &str)> = steps
        .iter()
        .map(|step| {
            (
                step["kind"].as_str().unwrap(),
                step["reason"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told[..2],
        [("commit", "第十周抽样计划"), ("draw", "信标已公布")]
    );
    assert_eq!(told.len(), 3);
    assert_eq!(told[2].0, "reveal");
    assert_eq!(
        steps[0]["commitment"]["pool_sha256"],
        plan["commitment"]["pool_sha256"]
    );
    assert_eq!(steps[1]["drawn"]["beacon_value"], "beef");
    for step in &steps {
        assert_eq!(step["actor"]["role"], "planner");
        let step = step.to_string();
        assert!(
            !step.contains("E5") && !step.contains("TOY-PLUSH"),
            "{step}"
        );
    }
}

#[tokio::test]
async fn a_changed_document_is_refused_wherever_it_is_asked_for() {
    let city = City::lived();
    let mut request = week();
    request["beacon"] = json!({ "source": "drand quicknet", "round": "42" });
    let shelf = city.shelf();
    let alter = |id: &str, name: &str| {
        let plan = risk_domain::ids::DrawId::new(id).unwrap();
        let found = shelf.names(&plan).unwrap();
        let found = found.iter().find(|of| of.starts_with(name)).unwrap();
        let mut bytes = shelf.get(&plan, found).unwrap().unwrap();
        let last = bytes.len() - 1;
        bytes[last] = if bytes[last] == b' ' { b'\n' } else { b' ' };
        shelf.put(&plan, found, &bytes).unwrap();
    };
    for name in ["request", "inputs", "secret"] {
        let plan = planned(&city, &request).await;
        let id = plan["plan_id"].as_str().unwrap();
        alter(id, name);
        let answer = post(
            &city,
            &format!("/v1/plans/{id}/draw"),
            "{\"beacon_value\":\"beef\"}",
        )
        .await;
        answer.expect_problem(409, "conflict");
    }
    for (name, path) in [("list", "plans"), ("record", "reveal"), ("pool", "reveal")] {
        let plan = planned(&city, &week()).await;
        let id = plan["plan_id"].as_str().unwrap();
        alter(id, name);
        let answer = match path {
            "plans" => get(&city, &format!("/v1/plans/{id}")).await,
            _reveal => post(&city, &format!("/v1/plans/{id}/reveal"), "").await,
        };
        let problem = answer.expect_problem(409, "conflict");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(name) && detail.contains("changed"),
            "{detail}"
        );
    }
    assert_eq!(items(&city, "/v1/plans").await.len(), 6);
}

#[tokio::test]
async fn exports_are_tables_and_pages_in_chinese() {
    let city = City::lived();
    let plan = planned(&city, &week()).await;
    let id = plan["plan_id"].as_str().unwrap();
    let table = get(&city, &format!("/v1/plans/{id}/lines.csv")).await.body;
    assert!(table.starts_with("\u{feff}序号,抽查方式,"), "{table}");
    assert_eq!(table.lines().count(), 11);
    assert!(table.contains("监督抽查") && table.contains("晨光玩具"));
    let page = get(&city, &format!("/v1/plans/{id}/lines.html")).await.body;
    assert_eq!(page.matches("<tr><td>☐</td>").count(), 10);
}

#[tokio::test]
async fn what_cannot_be_planned_names_its_field() {
    let city = City::lived();
    let asked = async |request: &Value| post(&city, "/v1/plans", &request.to_string()).await;
    let mut request = week();
    request["minima"] = json!([{ "tests": 1, "zone": "nowhere" }]);
    let problem = asked(&request).await.expect_problem(400, "bad-parameter");
    assert_eq!(problem["field"], "minima[0].zone");
    request["minima"] =
        json!([{ "tests": 9, "zone": "330782-choucheng", "mode": "supervisory_check" }]);
    let problem = asked(&request).await.expect_problem(409, "conflict");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("budgets.supervisory_check"),
        "{problem}"
    );
    request["relax"] = json!(true);
    let plan = asked(&request).await.json();
    assert_eq!(plan["relaxed"].as_array().unwrap().len(), 1);
    request["budget"] = json!({});
    asked(&request).await.expect_problem(400, "bad-body");
    let mut request = week();
    request["as_of"] = json!("yesterday");
    let problem = asked(&request).await.expect_problem(400, "bad-parameter");
    assert_eq!(problem["field"], "as_of");
    get(&city, "/v1/plans/P-1")
        .await
        .expect_problem(404, "not-found");
    get(&city, "/v1/draws/..%2Fx")
        .await
        .expect_problem(404, "not-found");
}
