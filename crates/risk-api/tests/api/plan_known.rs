//! What a plan knows of alerts, cases and credit classes.

use crate::city::{City, ask, at, result};
use axum::body::Body;
use axum::http::Request;
use risk_domain::ids::{EnterpriseId, ProductCode, SignalId, SiteId, ZoneId};
use risk_domain::scales::{CreditRiskClass, Severity};
use risk_domain::signal::{Signal, SignalKind};
use serde_json::{Value, json};

fn signal(id: &str, kind: SignalKind, enterprise: &str) -> Signal {
    Signal {
        signal_id: SignalId::new(id).unwrap(),
        kind,
        observed_at: at(36),
        occurred_at: None,
        enterprise_id: EnterpriseId::new(enterprise).unwrap(),
        site_id: None,
        zone_id: None,
        product: None,
        hazard: None,
        severity: None,
        source: "12315".into(),
        summary: None,
        verdict: None,
        credit_class: None,
        reporter: None,
        duty: None,
    }
}

/// Eight enterprises: the first failed, of the second somebody complained, the others have classes.
fn city() -> City {
    let mut city = City::empty();
    for week in 0..6 {
        for enterprise in 1..=8 {
            let id = format!("R{week}-{enterprise}");
            let failed = enterprise == 1 && week == 5;
            city.result(&result(&id, enterprise, 7 * week, failed));
        }
    }
    let mut complaint = signal("M1", SignalKind::Complaint, "E2");
    complaint.site_id = SiteId::new("S2").ok();
    complaint.zone_id = ZoneId::new("330782-choucheng").ok();
    complaint.product = ProductCode::new("TOY-PLUSH").ok();
    complaint.severity = Some(Severity::Four);
    city.signal(&complaint);
    for (enterprise, class) in [
        (3, CreditRiskClass::A),
        (4, CreditRiskClass::A),
        (5, CreditRiskClass::D),
    ] {
        let mut told = signal(
            &format!("C{enterprise}"),
            SignalKind::CreditClass,
            &format!("E{enterprise}"),
        );
        told.credit_class = Some(class);
        city.signal(&told);
    }
    city.end();
    city.settle();
    city
}

async fn plan(city: &City, known: Option<&str>) -> Value {
    let mut request = json!({
        "as_of": "2026-09-01",
        "budgets": { "supervisory_check": 3, "special_check": 3, "enforcement_test": 2 },
    });
    if let Some(known) = known {
        request["known"] = json!(known);
    }
    let post = Request::post("/v1/plans").body(Body::from(request.to_string()));
    let answer = ask(city.router(), post.unwrap()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

fn of_mode<'a>(plan: &'a Value, mode: &str) -> Vec<&'a Value> {
    let lines = plan["lines"].as_array().unwrap().iter();
    lines.filter(|line| line["mode"] == mode).collect()
}

#[tokio::test]
async fn a_plan_knows_open_alerts_owed_samples_and_class_ratios() {
    let city = city();
    let plan = plan(&city, None).await;
    let owed = of_mode(&plan, "enforcement_test");
    assert_eq!(owed.len(), 1, "{plan}");
    assert_eq!(owed[0]["target"]["enterprise_id"], "E2");
    assert_eq!(owed[0]["selection"]["basis"], "complaint");
    assert!(owed[0]["lead"]["case"].is_string(), "{}", owed[0]);
    let alerted = of_mode(&plan, "special_check");
    let drawn = of_mode(&plan, "supervisory_check");
    let of_first = |line: &&&Value| line["target"]["enterprise_id"] == "E1";
    let told = alerted
        .iter()
        .find(of_first)
        .map(|line| &line["reason_code"]);
    assert!(
        told.is_some_and(|code| code == "alert") || drawn.iter().any(|line| of_first(&line)),
        "{plan}"
    );
    let ratios = plan["class_ratios"].as_array().unwrap();
    let told: Vec<_> = ratios
        .iter()
        .map(|of| {
            (
                of["class"].as_str().unwrap(),
                of["enterprises"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("A", 2), ("D", 1)]);
    assert_eq!(ratios[0]["inspected"], 2);
    // Both of class A were visited this year, so that no check may go there.
    for line in drawn {
        let of = line["target"]["enterprise_id"].as_str().unwrap();
        assert!(!["E3", "E4"].contains(&of), "{line}");
    }
}

#[tokio::test]
async fn a_client_that_says_so_plans_by_what_it_names_alone() {
    let city = city();
    let plan = plan(&city, Some("request")).await;
    assert!(of_mode(&plan, "enforcement_test").is_empty());
    assert!(
        of_mode(&plan, "special_check")
            .iter()
            .all(|line| line["reason_code"] == "harm")
    );
    assert!(plan["class_ratios"].as_array().unwrap().is_empty());
}
