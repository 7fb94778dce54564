//! Campaigns that sweep lots and stocks: acceptance plans on the lines of a plan and of its sheets.

use crate::city::{Answer, City, ask, at, get, result};
use axum::body::Body;
use axum::http::Request;
use calamine::{Reader, Xlsx};
use risk_domain::ids::{EnterpriseId, ProductCode, SiteId, UpdateId, ZoneId};
use risk_domain::inspection::Channel;
use risk_domain::registry::{RegistryEntry, Volume};
use serde_json::{Value, json};
use std::io::Cursor;

/// Eight enterprises; of the first six the register says how much they trade.
fn city() -> City {
    let mut city = City::empty();
    let entry = |enterprise: u32| RegistryEntry {
        update_id: UpdateId::new(format!("U{enterprise}")).unwrap(),
        observed_at: at(1),
        site_id: SiteId::new(format!("S{enterprise}")).unwrap(),
        enterprise_id: EnterpriseId::new(format!("E{enterprise}")).unwrap(),
        name: format!("晨光玩具{enterprise}号商位").into(),
        class: None,
        zone_id: ZoneId::new("330782-choucheng").unwrap(),
        booth: None,
        channel: Channel::Market,
        open: true,
        products: [(
            ProductCode::new("TOY-PLUSH").unwrap(),
            Volume::new(if enterprise == 1 { 60 } else { 500 }).unwrap(),
        )]
        .into(),
    };
    let entries: Vec<RegistryEntry> = (1..=6).map(entry).collect();
    city.register(&entries);
    for week in 0..6 {
        for enterprise in 1..=8 {
            let id = format!("R{week}-{enterprise}");
            city.result(&result(&id, enterprise, 7 * week, enterprise == 7));
        }
    }
    city.end();
    city.settle();
    city
}

fn request(enterprises: &[&str], acceptance: &Value) -> Value {
    json!({
        "as_of": "2027-03-01",
        "budgets": { "special_check": 6 },
        "campaigns": [{ "id": "stocks", "tests": 4, "enterprises": enterprises, "acceptance": acceptance }]
    })
}

async fn post(city: &City, request: &Value) -> Answer {
    let post = Request::post("/v1/plans").body(Body::from(request.to_string()));
    ask(city.router(), post.unwrap()).await
}

/// The plan of a request, and those of its lines that sweep.
async fn swept(city: &City, request: &Value) -> (Value, Vec<Value>) {
    let answer = post(city, request).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let plan = answer.json();
    let (swept, others): (Vec<Value>, Vec<Value>) = plan["lines"]
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .partition(|line| line["selection"]["campaign_id"] == "stocks");
    assert!(others.iter().all(|line| line["acceptance"].is_null()));
    (plan, swept)
}

#[tokio::test]
async fn lots_of_the_register_are_sampled_by_the_standard_on_every_sheet() {
    let city = city();
    let asked = json!({ "standard": "2828.1", "aql": 2.5, "level": "II" });
    let (plan, lines) = swept(&city, &request(&["E1", "E2", "E3"], &asked)).await;
    assert_eq!(lines.len(), 3, "{plan}");
    for line in &lines {
        let small = line["target"]["enterprise_id"] == "E1";
        // Table 1: E for 60 units, where table 2-A has an arrow down to F; H for 500.
        let (lot, letter, sample, most) = if small {
            (60, "F", 20, 1)
        } else {
            (500, "H", 50, 3)
        };
        let expected = json!({
            "standard": "2828.1", "aql": 2.5, "level": "II", "lot_size": lot, "code_letter": letter,
            "sample_size": sample, "acceptance_number": most, "rejection_number": most + 1
        });
        assert_eq!(line["acceptance"], expected);
        // Soft toys keep as many as they test.
        assert_eq!(line["samples"]["check"], sample);
        assert_eq!(line["samples"]["backup"], sample);
    }
    let id = plan["plan_id"].as_str().unwrap();
    assert_eq!(get(&city, &format!("/v1/plans/{id}")).await.json(), plan);
    let table = get(&city, &format!("/v1/plans/{id}/lines.csv")).await.body;
    let page = get(&city, &format!("/v1/plans/{id}/lines.html")).await.body;
    for text in [&table, &page] {
        assert!(text.contains("抽样方案"), "{text}");
        assert_eq!(text.matches("n=50，Ac=3，Re=4（GB/T 2828.1）").count(), 2);
        assert_eq!(text.matches("n=20，Ac=1，Re=2（GB/T 2828.1）").count(), 1);
    }
    let book = get(&city, &format!("/v1/plans/{id}/lines.xlsx")).await;
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(book.bytes)).unwrap();
    let cells = book.worksheet_range("全部").unwrap();
    let head = cells.rows().next().unwrap();
    let column = head.iter().position(|cell| cell == "抽样方案").unwrap();
    let rows = cells.rows().skip(1);
    let told = rows.filter(|row| row[column].to_string().starts_with("n="));
    assert_eq!(told.count(), 3);
}

#[tokio::test]
async fn a_declared_level_is_audited_in_a_stock_that_the_request_names() {
    let city = city();
    let asked = json!({ "standard": "2828.4", "dql": 1.0, "lot_size": 40 });
    let (_, lines) = swept(&city, &request(&["E2", "E8"], &asked)).await;
    assert_eq!(lines.len(), 2);
    for line in lines {
        let expected = json!({
            "standard": "2828.4", "dql": 1.0, "level": "I", "lot_size": 40,
            "sample_size": 32, "acceptance_number": 1, "rejection_number": 2
        });
        assert_eq!(line["acceptance"], expected);
        // No more can be kept than the stock has left.
        assert_eq!(line["samples"]["backup"], 8);
    }
}

#[tokio::test]
async fn what_no_lot_can_be_sampled_by_names_field_and_rule() {
    let city = city();
    for (asked, field, rule) in [
        (json!({ "standard": "2828.1", "aql": 2.0 }), "aql", "2.5"),
        (
            json!({ "standard": "2828.1", "aql": 2.5, "level": "IV" }),
            "level",
            "S-1",
        ),
        (
            json!({ "standard": "2828.4", "dql": 100 }),
            "dql",
            "below 100",
        ),
        (
            json!({ "standard": "2828.4", "dql": 10, "level": "0" }),
            "dql",
            "higher level",
        ),
        (
            json!({ "standard": "2828.4", "dql": 1, "lot_size": 1 }),
            "lot_size",
            "at least 2",
        ),
        // The register knows E2, and nothing of E8.
        (
            json!({ "standard": "2828.1", "aql": 2.5 }),
            "lot_size",
            "E8/S8/TOY-PLUSH",
        ),
    ] {
        let answer = post(&city, &request(&["E2", "E8"], &asked)).await;
        let problem = answer.expect_problem(400, "bad-parameter");
        let named = format!("campaigns[0].acceptance.{field}");
        assert_eq!(problem["field"], named, "{problem}");
        let detail = problem["rule"].as_str().or(problem["detail"].as_str());
        assert!(detail.unwrap().contains(rule), "{problem}");
    }
    for asked in [
        json!({ "standard": "2828.9" }),
        json!({ "standard": "2828.1", "aql": 2.5, "dql": 1 }),
    ] {
        let answer = post(&city, &request(&["E2"], &asked)).await;
        answer.expect_problem(400, "bad-body");
    }
}
