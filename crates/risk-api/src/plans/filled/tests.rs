//! Filled workbooks, as spreadsheets write them.

use super::*;
use crate::plans::export::{cells, workbook};
use rust_xlsxwriter::{Formula, Workbook, Worksheet};

fn line(number: usize, mode: &str, lead: bool) -> Value {
    let mut line = json!({
        "mode": mode, "rank": number, "team_day": 1, "turn": number,
        "target": {
            "enterprise_id": format!("E{number}"), "site_id": format!("S{number}"), "product": "TOY-PLUSH",
            "name": "晨光玩具", "product_zh": "毛绒玩具", "product_en": "plush toys",
            "zone_id": "330782-choucheng", "sector": "toys", "booth": "2F-9"
        },
        "selection": { "basis": "random", "draw_id": "P-1", "inclusion_probability": 0.25 },
        "tie_key": 0.5, "probability": 0.1, "harm": 1.0, "expected_finds": 0.1, "expected_information": 0.1,
        "items": [], "samples": { "check": 3, "backup": 3, "unit": "件" }, "reason_code": "drawn",
        "reason": { "zh": "双随机", "en": "drawn" }, "legal_basis": { "zh": "法", "en": "law" }
    });
    if lead {
        line["lead"] = json!({ "kind": "case", "enterprise": "E3", "case": "0b5d" });
    }
    line
}

fn list() -> PlanListDto {
    let lines = [
        line(1, "supervisory_check", false),
        line(2, "fast_test", false),
        line(3, "enforcement_test", true),
    ];
    let list = json!({
        "budgets": {}, "lines": lines, "reserves": [], "shortfalls": [], "relaxed": [], "overruns": [],
        "unplaced": [], "expected_finds": { "value": 0.3, "lower": 0.0, "upper": 1.0 },
        "budget_curve": [], "shadow_prices": [], "precision": []
    });
    serde_json::from_value(list).unwrap()
}

/// A sheet as exported, with cells to fill in.
struct Sheet(Worksheet);

impl Sheet {
    fn new(list: &PlanListDto, name: &str) -> Self {
        let mut sheet = Worksheet::new();
        sheet.set_name(name).unwrap();
        for (column, heading) in (0..).zip(HEADINGS.iter().chain(&FILLED)) {
            sheet.write(0, column, *heading).unwrap();
        }
        for (number, line) in (1..).zip(&list.lines) {
            for (column, text) in (0..).zip(cells(number, line)) {
                sheet.write(number as u32, column, text).unwrap();
            }
        }
        Self(sheet)
    }

    fn fill(mut self, number: u32, filled: [&str; 8]) -> Self {
        for (column, text) in (HEADINGS.len() as u16..).zip(filled) {
            if !text.is_empty() {
                self.0.write(number, column, text).unwrap();
            }
        }
        self
    }
}

fn book(sheets: Vec<Sheet>) -> Vec<u8> {
    let mut book = Workbook::new();
    for sheet in sheets {
        book.push_worksheet(sheet.0);
    }
    book.save_to_buffer().unwrap()
}

fn read(bytes: &[u8]) -> Vec<FilledRow> {
    let (list, reference) = (list(), Reference::builtin().unwrap());
    let channel = |site: &str| (site != "S9").then_some(Channel::Market);
    let filling = Filling {
        list: &list,
        reference: &reference,
        agency: ("330782", AgencyLevel::County),
        offset: CivilOffset::CHINA,
        now: Timestamp::parse("2026-12-09T10:00:00+08:00").unwrap(),
        channel: &channel,
    };
    filled(bytes, &filling).unwrap()
}

const GOOD: [&str; 8] = ["R1", "2026/12/1", "", "一组", "lab-2", "", "合格", ""];

/// The fault of the only row.
fn refused(sheet: Sheet) -> FilledFault {
    let rows = read(&book(vec![sheet]));
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].record.clone().unwrap_err()
}

#[test]
fn what_is_exported_reads_back_with_nothing_filled_in() {
    let exported = workbook(&list(), 8).unwrap();
    assert_eq!(read(&exported), []);
}

#[test]
fn a_filled_row_is_a_result_of_its_line() {
    let failed = [
        "R3",
        "2026-12-02",
        "2026-12-08",
        "二组",
        "lab-2",
        "实体店",
        "不合格",
        "小零件",
    ];
    let screened = ["R2", "2026年12月1日", "", "一组", "", "", "拒检", ""];
    let sheet = Sheet::new(&list(), "全部")
        .fill(1, GOOD)
        .fill(2, screened)
        .fill(3, failed);
    let rows = read(&book(vec![sheet]));
    let records: Vec<Value> = rows
        .iter()
        .map(|row| serde_json::from_slice(&row.record.as_ref().unwrap().json).unwrap())
        .collect();
    assert_eq!(
        records[0]["selection"],
        json!({ "basis": "random", "draw_id": "P-1", "inclusion_probability": 0.25, "campaign_id": null })
    );
    assert_eq!(records[0]["sampled_at"], "2026-11-30T16:00:00Z");
    assert_eq!(records[0]["observed_at"], "2026-12-09T02:00:00Z");
    assert_eq!(records[0]["site"]["channel"], "market");
    assert_eq!(records[0]["sample"], json!({ "tested": 3, "backup": 3 }));
    assert_eq!(records[1]["test"]["kind"], "rapid");
    assert_eq!(records[1]["outcome"], "refused");
    assert!(records[1].get("sample").is_none(), "nothing was tested");
    assert_eq!(records[2]["case_id"], "0b5d");
    assert_eq!(records[2]["site"]["channel"], "retail");
    assert_eq!(records[2]["items"][0]["verdict"], "nonconforming");
    assert!(records[2]["items"][0]["severity"].is_u64());
}

#[test]
fn a_row_that_makes_no_result_names_its_column() {
    let plain = || Sheet::new(&list(), "全部");
    for (at, text, column) in [
        (0, "", "检验编号"),
        (1, "明天", "抽样日期"),
        (1, "2026-13-01", "抽样日期"),
        (3, "", "抽样组"),
        (5, "月球", "环节"),
        (6, "还行", "结论"),
        (7, "小零件", "不合格项目"),
    ] {
        let mut filled = GOOD;
        filled[at] = text;
        let fault = refused(plain().fill(1, filled));
        assert_eq!(fault.column, column, "{fault:?}");
    }
    let mut failed = GOOD;
    failed[6] = "不合格";
    assert_eq!(refused(plain().fill(1, failed)).column, "不合格项目");
    failed[7] = "没有这一项";
    let fault = refused(plain().fill(1, failed));
    assert_eq!(
        (fault.column, fault.value.as_str()),
        ("不合格项目", "没有这一项")
    );
    assert!(fault.rule.contains("小零件"), "{}", fault.rule);
}

#[test]
fn a_row_of_another_line_and_a_formula_are_refused() {
    let mut moved = Sheet::new(&list(), "全部").fill(1, GOOD);
    moved.0.write(1, 3, "E2").unwrap();
    assert_eq!(refused(moved).column, "企业编号");
    let mut beyond = Sheet::new(&list(), "全部").fill(1, GOOD);
    beyond.0.write(1, 0, 99).unwrap();
    assert_eq!(refused(beyond).column, "序号");
    let mut computed = Sheet::new(&list(), "全部").fill(1, GOOD);
    let formula = Formula::new("=HYPERLINK(\"http://x\",\"合格\")").set_result("合格");
    computed
        .0
        .write_formula(1, HEADINGS.len() as u16 + 6, formula)
        .unwrap();
    let fault = refused(computed);
    assert_eq!(fault.column, "结论");
    assert!(fault.rule.contains("formula"), "{fault:?}");
}

#[test]
fn a_line_on_two_sheets_counts_once_and_not_at_all_where_they_differ() {
    let team = || Sheet::new(&list(), "组日1").fill(1, GOOD);
    let rows = read(&book(vec![
        Sheet::new(&list(), "全部").fill(1, GOOD),
        team(),
    ]));
    assert_eq!(rows.len(), 1);
    assert!(rows[0].record.is_ok());
    let mut other = GOOD;
    other[6] = "拒检";
    let rows = read(&book(vec![
        Sheet::new(&list(), "全部").fill(1, other),
        team(),
    ]));
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row.record.unwrap_err().column, "序号");
    }
}

#[test]
fn other_workbooks_are_refused_whole() {
    let (list, reference) = (list(), Reference::builtin().unwrap());
    let filling = Filling {
        list: &list,
        reference: &reference,
        agency: ("330782", AgencyLevel::County),
        offset: CivilOffset::CHINA,
        now: Timestamp::from_millis(0),
        channel: &|_| None,
    };
    let mut empty = Workbook::new();
    empty.add_worksheet();
    let bytes = empty.save_to_buffer().unwrap();
    assert!(matches!(
        filled(&bytes, &filling),
        Err(FilledError::Headings(_))
    ));
    assert!(matches!(
        filled(b"PK", &filling),
        Err(FilledError::Unreadable(_))
    ));
}
