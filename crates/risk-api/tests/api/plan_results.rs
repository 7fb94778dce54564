//! What became of a plan: results that bear it, posted one by one or as a filled list.

use crate::city::{Answer, City, Desk, ask, get, result};
use axum::body::Body;
use axum::http::Request;
use risk_api::Receipt;
use risk_domain::ids::{DrawId, EnterpriseId, SiteId};
use risk_domain::selection::SelectionMode;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

async fn planned(city: &City) -> Value {
    let request = json!({
        "as_of": "2027-03-01",
        "budgets": { "supervisory_check": 3, "special_check": 2 },
    });
    let post = Request::post("/v1/plans").body(Body::from(request.to_string()));
    let answer = ask(city.router(), post.unwrap()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

async fn fill(city: &City, id: &str, query: &str, kind: &str, body: Vec<u8>) -> Answer {
    let post = Request::post(format!("/v1/plans/{id}/results{query}")).header("content-type", kind);
    ask(city.router(), post.body(Body::from(body)).unwrap()).await
}

/// The columns that say which line a row is, and those that are filled in.
const COLUMNS: [&str; 13] = [
    "序号",
    "抽查方式",
    "企业编号",
    "场所编号",
    "产品代码",
    "检验编号",
    "抽样日期",
    "报告日期",
    "抽样组",
    "检验机构",
    "环节",
    "结论",
    "不合格项目",
];

fn filled(plan: &Value, conclusions: &[&str]) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, heading) in (0..).zip(COLUMNS) {
        sheet.write(0, column, heading).unwrap();
    }
    let lines = plan["lines"].as_array().unwrap().iter();
    for (row, (line, conclusion)) in (1..).zip(lines.zip(conclusions)) {
        let mode = SelectionMode::from_code(line["mode"].as_str().unwrap()).unwrap();
        let target = |name: &str| line["target"][name].as_str().unwrap().to_owned();
        let failed = if *conclusion == "不合格" {
            "小零件"
        } else {
            ""
        };
        let cells = [
            row.to_string(),
            mode.zh().to_owned(),
            target("enterprise_id"),
            target("site_id"),
            target("product"),
            format!("F{row}"),
            "2027-03-02".to_owned(),
            "2027-03-08".to_owned(),
            "一组".to_owned(),
            String::new(),
            "集中交易市场".to_owned(),
            (*conclusion).to_owned(),
            failed.to_owned(),
        ];
        for (column, cell) in (0..).zip(cells) {
            sheet.write(row, column, cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

#[tokio::test]
async fn a_filled_list_is_posted_as_results_and_each_row_is_answered() {
    let city = City::lived();
    let plan = planned(&city).await;
    let id = plan["plan_id"].as_str().unwrap();
    let before = city.around.posted.lock().unwrap().len();
    let rejected = Receipt::Rejected {
        code: "future_time".to_owned(),
        field: "observed_at".to_owned(),
        value: "2027-03-08".to_owned(),
        rule: "must not lie more than a day beyond the receipt".to_owned(),
    };
    *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted, rejected]);
    let workbook = filled(&plan, &["合格", "不合格", "不知道"]);
    let told = fill(&city, id, "?agency=330782", XLSX, workbook.clone()).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let told = told.json();
    let statuses: Vec<&str> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["accepted", "rejected", "refused"]);
    assert_eq!(
        (told["rows"].as_u64(), told["rejected"].as_u64()),
        (Some(3), Some(2))
    );
    assert_eq!(told["items"][2]["field"], "结论");
    let records: Vec<Value> = city.around.posted.lock().unwrap()[before..]
        .iter()
        .map(|record| serde_json::from_slice(record).unwrap())
        .collect();
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record["selection"]["draw_id"], id);
        assert_eq!(
            record["agency"],
            json!({ "id": "330782", "level": "county" })
        );
    }
    assert_eq!(records[1]["items"][0]["name"], "小零件");
    let missing = fill(&city, id, "", XLSX, workbook.clone()).await;
    let problem = missing.expect_problem(400, "bad-parameter");
    assert_eq!(problem["field"], "agency");
    fill(&city, id, "?agency=330782", "text/csv", workbook.clone())
        .await
        .expect_problem(415, "unsupported-media-type");
    fill(&city, id, "?agency=330782", XLSX, b"PK".to_vec())
        .await
        .expect_problem(400, "bad-body");
    fill(&city, "P-none", "?agency=330782", XLSX, workbook)
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_plan_is_held_against_what_was_found() {
    let mut city = City::lived();
    let plan = planned(&city).await;
    let id = plan["plan_id"].as_str().unwrap();
    let report = |name: &str, line: &Value, failed: bool| {
        let mut found = result(name, 0, 50, failed);
        found.mode = SelectionMode::from_code(line["mode"].as_str().unwrap()).unwrap();
        found.selection.draw_id = DrawId::new(id).ok();
        let target = &line["target"];
        found.site.enterprise_id =
            EnterpriseId::new(target["enterprise_id"].as_str().unwrap()).unwrap();
        found.site.site_id = SiteId::new(target["site_id"].as_str().unwrap()).unwrap();
        found
    };
    let lines = plan["lines"].as_array().unwrap();
    city.result(&report("F1", &lines[0], true));
    city.result(&report("F2", &lines[1], false));
    let mut corrected = report("F3", &lines[1], true);
    corrected.supersedes = Some(report("F2", &lines[1], false).inspection_id);
    city.result(&corrected);
    let mut elsewhere = report("F4", &lines[2], false);
    elsewhere.site.site_id = SiteId::new("elsewhere").unwrap();
    city.result(&elsewhere);
    city.settle();
    let told = get(&city, &format!("/v1/plans/{id}/results")).await.json();
    let count = |name: &str| told[name].as_u64().unwrap();
    assert_eq!(count("planned"), lines.len() as u64);
    assert_eq!(
        (count("reported"), count("tested"), count("proved")),
        (2, 2, 2)
    );
    assert_eq!(
        told["lines"][1]["inspection_id"], "F3",
        "a correction stands for what it corrects"
    );
    assert_eq!(told["missing"].as_array().unwrap().len(), lines.len() - 2);
    assert_eq!(told["strays"][0]["inspection_id"], "F4");
    let expected = lines[..2]
        .iter()
        .map(|line| line["expected_finds"].as_f64().unwrap());
    let expected: f64 = expected.sum();
    let held = &told["expected_of_tested"];
    assert!((held["value"].as_f64().unwrap() - expected).abs() < 1e-12);
    assert!(held["upper"].as_f64() > held["value"].as_f64());
    assert!(held["upper"].as_f64() < told["expected_finds"]["upper"].as_f64());
}

/// The ledger has hashes of documents that are kept before; a step from elsewhere would have none.
#[tokio::test]
async fn steps_of_plans_cannot_be_posted_as_commands() {
    let city = City::lived();
    let command =
        json!({ "schema_version": 1, "command_id": "K1", "plan_id": "P-1", "kind": "reveal" });
    let post = Request::post("/v1/commands").header("content-type", "application/json");
    let answer = ask(
        city.router(),
        post.body(Body::from(command.to_string())).unwrap(),
    )
    .await;
    let problem = answer.expect_problem(400, "bad-parameter");
    assert_eq!(problem["field"], "plan_id");
    assert!(city.around.posted.lock().unwrap().is_empty());
}
