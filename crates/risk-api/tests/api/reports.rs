//! Reports, sheets and letters: their numbers are those of the API, in every form and for whom they are.

use crate::city::{Answer, City, at, get, result};
use crate::identity::Gate;
use calamine::{Data, Reader, Xlsx};
use risk_domain::ids::InspectionId;
use risk_domain::scales::Role;
use serde_json::Value;
use std::io::Cursor;

const WEEK: &str = "/v1/reports/weekly?date=2026-03-23";

async fn json(city: &City, path: &str) -> Value {
    let answer = get(city, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

/// Every cell of a workbook, sheet by sheet.
fn cells(bytes: &[u8]) -> Vec<(String, Vec<Vec<Data>>)> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes.to_vec())).unwrap();
    let names = book.sheet_names();
    let sheets = names.into_iter().map(|name| {
        let range = book.worksheet_range(&name).unwrap();
        let rows = range.rows().map(<[Data]>::to_vec).collect();
        (name, rows)
    });
    sheets.collect()
}

#[tokio::test]
async fn a_report_has_the_numbers_of_the_api() {
    let city = City::lived();
    let report = json(&city, WEEK).await;
    assert_eq!(report["basis"]["from"], "2026-03-23");
    assert_eq!(report["basis"]["until"], "2026-03-30");
    assert_eq!(report["basis"]["complete"], true);
    let rates = json(&city, "/v1/rates?period=week").await;
    let items = rates["items"].as_array().unwrap();
    let same = items.iter().find(|item| item["from"] == "2026-03-23");
    assert_eq!(&report["rates"], same.unwrap());
    let history = report["history"].as_array().unwrap();
    assert_eq!(history.last(), same);
    assert!(history.is_sorted_by(|one, next| one["from"].as_str() < next["from"].as_str()));
    // Seven days of twelve enterprises, of which every part has its share.
    let results = |of: &Value| of["results"].as_u64().unwrap();
    assert_eq!(results(&report["raw"]), 84);
    assert_eq!(results(&report["quality"]), 84);
    let parts = report["parts"].as_array().unwrap();
    let sectors = parts.iter();
    let sectors = sectors.filter(|part| part["domain"].as_str().unwrap().starts_with("sector:"));
    assert_eq!(sectors.map(|part| results(&part["raw"])).sum::<u64>(), 84);
    // What was opened week by week adds up to all alerts that there are.
    let all = json(&city, "/v1/alerts?limit=1000").await;
    let all = all["items"].as_array().unwrap().len() as u64;
    let mut opened = 0;
    for day in ["02-23", "03-02", "03-09", "03-16", "03-23", "03-30"] {
        let path = format!("/v1/reports/weekly?date=2026-{day}");
        let week = json(&city, &path).await;
        opened += week["alerts"]["opened"].as_u64().unwrap();
        let levels = week["alerts"]["by_level"].as_array().unwrap();
        let by_level = levels.iter().map(|level| level["open"].as_u64().unwrap());
        assert_eq!(Some(by_level.sum()), week["alerts"]["open"].as_u64());
    }
    assert!(all > 0 && opened == all, "{opened} of {all}");
    let dead = &report["quality"]["dead_letters"];
    assert_eq!(dead["unknown_mode"], 1, "{dead}");
}

#[tokio::test]
async fn the_parts_of_a_city_say_the_same_as_reports_of_their_own() {
    let city = City::lived();
    let report = json(&city, "/v1/reports/monthly?date=2026-03-23").await;
    let parts = report["parts"].as_array().unwrap();
    assert!(parts.len() >= 2, "{parts:?}");
    for part in parts {
        let domain = part["domain"].as_str().unwrap();
        let path = format!("/v1/reports/monthly?date=2026-03-23&domain={domain}");
        let own = json(&city, &path).await;
        assert_eq!(own["rates"], part["rates"], "{domain}");
        assert_eq!(own["raw"], part["raw"], "{domain}");
        assert_eq!(own["name"], part["name"]);
        // Whose dead letters are, nobody knows; plans are the city's.
        assert!(own["quality"]["dead_letters"].is_null());
        assert!(own["plans"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_same_ledger_gives_the_same_bytes_whatever_the_time() {
    let city = City::lived();
    for format in ["json", "html", "xlsx"] {
        let path = format!("{WEEK}&format={format}");
        let first = get(&city, &path).await;
        *city.around.clock.lock().unwrap() = at(300);
        let again = get(&city, &path).await;
        assert_eq!(first.header("etag"), again.header("etag"), "{format}");
        assert_eq!(first.body, again.body, "{format}");
    }
}

#[tokio::test]
async fn a_workbook_holds_the_numbers_of_the_report_as_numbers() {
    let city = City::lived();
    let report = json(&city, WEEK).await;
    let answer = get(&city, &format!("{WEEK}&format=xlsx")).await;
    assert!(
        answer
            .header("content-disposition")
            .contains("weekly-city-2026-03-23.xlsx")
    );
    let sheets = cells(&answer.bytes);
    let sheet = |name: &str| {
        let found = sheets.iter().find(|(known, _)| known == name);
        &found
            .unwrap_or_else(|| {
                panic!(
                    "no sheet {name}: {:?}",
                    sheets.iter().map(|one| &one.0).collect::<Vec<_>>()
                )
            })
            .1
    };
    let modes = sheet("原始合格率");
    let raw = report["rates"]["raw"].as_object().unwrap();
    assert_eq!(modes.len(), 1 + raw.len());
    let row = &modes[1];
    let (_, rate) = raw.iter().next().unwrap();
    assert_eq!(row[1], Data::Float(rate["results"].as_f64().unwrap()));
    assert_eq!(row[2], Data::Float(rate["pass_rate"].as_f64().unwrap()));
    let course = sheet("合格率走势");
    assert_eq!(
        course.len(),
        1 + report["history"].as_array().unwrap().len()
    );
    let parts = sheet("分项合格率");
    assert_eq!(parts.len(), 1 + report["parts"].as_array().unwrap().len());
    let levels = sheet("预警级别");
    let opened = levels[1..].iter().map(|row| match row[1] {
        Data::Float(count) => count as u64,
        Data::Int(_)
        | Data::String(_)
        | Data::Bool(_)
        | Data::DateTime(_)
        | Data::DateTimeIso(_)
        | Data::DurationIso(_)
        | Data::Error(_)
        | Data::Empty => panic!("{row:?}"),
    });
    assert_eq!(Some(opened.sum()), report["alerts"]["opened"].as_u64());
}

#[tokio::test]
async fn a_page_speaks_its_language_and_loads_nothing() {
    let city = City::lived();
    for (lang, said) in [
        ("zh", "校正合格率（对外口径）"),
        ("en", "Corrected (to publish)"),
    ] {
        let answer = get(&city, &format!("{WEEK}&format=html&lang={lang}")).await;
        assert!(answer.body.contains(said), "{}", answer.body);
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(!answer.body.contains("<script") && !answer.body.contains("src="));
        assert!(answer.body.contains("<svg"));
    }
}

#[tokio::test]
async fn what_is_no_report_is_told() {
    let city = City::lived();
    for (path, field) in [
        ("/v1/reports/weekly?date=soon", "date"),
        ("/v1/reports/weekly?domain=enterprise:E1", "domain"),
        ("/v1/reports/weekly?format=doc", "format"),
        ("/v1/reports/monthly?lang=fr", "lang"),
        ("/v1/reports/zone", "zone"),
        ("/v1/subjects/site:S1/letter", "id"),
    ] {
        let problem = get(&city, path).await.expect_problem(400, "bad-parameter");
        assert_eq!(problem["field"], field, "{path}: {problem}");
    }
    for path in [
        "/v1/reports/weekly?date=2031-01-01",
        "/v1/reports/weekly?date=1999-01-01",
        "/v1/reports/weekly?domain=sector:food",
        "/v1/reports/zone?zone=nowhere",
        "/v1/subjects/enterprise:E99/letter",
    ] {
        get(&city, path).await.expect_problem(404, "not-found");
    }
    let nothing = City::empty();
    get(&nothing, "/v1/reports/weekly")
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_zone_manager_gets_the_sheet_of_their_zone_and_no_other() {
    let gate = Gate::with(City::lived(), |_| {});
    let manager = gate.token("M", &[Role::ZoneManager], &["330782-choucheng"]);
    let sheet = gate.get("/v1/reports/zone?date=2026-03-23", &manager).await;
    assert_eq!(sheet.status, 200, "{}", sheet.body);
    let own = sheet.json();
    assert_eq!(own["zone"], "zone:330782-choucheng");
    assert!(own["grade"]["level"].is_string(), "{own}");
    assert!(own["alerts"]["open"].as_u64().unwrap() > 0);
    for absent in ["plans", "rates", "parts", "raw"] {
        assert!(own.get(absent).is_none(), "{absent}");
    }
    let other = gate
        .get("/v1/reports/zone?zone=330782-futian", &manager)
        .await;
    other.expect_problem(400, "bad-parameter");
    for path in ["/v1/reports/weekly", "/v1/subjects/enterprise:E11/letter"] {
        gate.get(path, &manager)
            .await
            .expect_problem(403, "forbidden");
    }
    // A zone with nothing in it has an empty sheet; nothing of another zone shows in it.
    let viewer = gate.token("V", &[Role::Viewer], &[]);
    let quiet = gate
        .get(
            "/v1/reports/zone?zone=330782-futian&date=2026-03-23",
            &viewer,
        )
        .await;
    let quiet = quiet.json();
    assert_eq!(quiet["alerts"]["open"], 0, "{quiet}");
    assert!(quiet["lists"]["open"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_letter_says_why_what_lowers_it_and_how_to_object_and_names_nobody_else() {
    let city = City::lived();
    let letter = json(&city, "/v1/subjects/enterprise:E11/letter").await;
    let subject = json(&city, "/v1/subjects/enterprise:E11").await;
    assert_eq!(letter["grade"], subject["recorded"]);
    assert_eq!(letter["objection"]["term_zh"], "15日");
    assert_eq!(letter["objection"]["basis"], "产品质量法 第十五条");
    let failures = letter["failures"].as_array().unwrap();
    assert!(!failures.is_empty());
    for failure in failures {
        assert!(
            failure["inspection_id"].as_str().unwrap().ends_with("-11"),
            "{failure}"
        );
    }
    for format in ["json", "html"] {
        let path = format!("/v1/subjects/enterprise:E11/letter?format={format}");
        let told = get(&city, &path).await.body;
        for other in 0..11 {
            assert!(
                !told.contains(&format!("晨光玩具{other}号商位")),
                "{other}: {told}"
            );
        }
        assert!(told.contains("晨光玩具11号商位"));
    }
}

#[tokio::test]
async fn a_letter_rests_on_what_its_grade_counted_and_on_no_replaced_result() {
    let mut city = City::empty();
    for day in 0..15 {
        city.result(&result(&format!("R{day}"), 1, day, true));
    }
    let mut mended = result("R14-mended", 1, 14, false);
    mended.supersedes = Some(InspectionId::new("R14").unwrap());
    city.result(&mended);
    city.end();
    // Of a day that has not closed.
    city.result(&result("R40", 1, 40, true));
    city.settle();
    let path = "/v1/subjects/enterprise:E1";
    let subject = json(&city, path).await;
    let as_of = subject["recorded"]["as_of"].as_str().unwrap().to_owned();
    let letter = json(&city, &format!("{path}/letter")).await;
    let failures = letter["failures"].as_array().unwrap();
    let listed = failures.iter();
    let listed: Vec<&str> = listed
        .map(|failure| failure["inspection_id"].as_str().unwrap())
        .collect();
    assert!(!listed.is_empty());
    assert!(
        !listed.contains(&"R14") && !listed.contains(&"R14-mended"),
        "{listed:?}"
    );
    assert!(!listed.contains(&"R40"), "{listed:?}");
    for failure in failures {
        assert!(
            failure["sampled_on"].as_str().unwrap() < as_of.as_str(),
            "{failure} of {as_of}"
        );
    }
}

#[tokio::test]
async fn a_name_that_looks_like_a_formula_or_markup_stays_a_name() {
    let mut city = City::empty();
    for day in 0..15 {
        let mut failed = result(&format!("R{day}"), 1, day, true);
        failed.site.name = "=HYPERLINK(\"x\")<b>#set page</b>".into();
        city.result(&failed);
    }
    city.end();
    city.settle();
    let path = "/v1/subjects/enterprise:E1/letter?format=";
    let book: Answer = get(&city, &format!("{path}xlsx")).await;
    let mut workbook: Xlsx<_> =
        calamine::open_workbook_from_rs(Cursor::new(book.bytes.clone())).unwrap();
    for name in workbook.sheet_names() {
        let formulas = workbook.worksheet_formula(&name).unwrap();
        assert!(formulas.is_empty(), "{name} has formulas");
    }
    let page = get(&city, &format!("{path}html")).await.body;
    assert!(
        page.contains("&lt;b&gt;#set page") && !page.contains("<b>#set"),
        "{page}"
    );
}

/// Of a program that was built without fonts the answer says how to get them; of one that has them, the
/// answer is a PDF, and the same each time.
#[tokio::test]
async fn a_pdf_is_a_pdf_or_says_what_is_missing() {
    let city = City::lived();
    let plan = "/v1/subjects/enterprise:E11/pack?format=pdf";
    for path in [
        &format!("{WEEK}&format=pdf"),
        plan,
        "/v1/subjects/enterprise:E11/letter?format=pdf",
    ] {
        let answer = get(&city, path).await;
        if answer.status == 501 {
            let problem = answer.expect_problem(501, "not-built");
            assert!(problem["detail"].as_str().unwrap().contains("make fonts"));
            continue;
        }
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/pdf");
        assert!(answer.bytes.starts_with(b"%PDF-"), "{path}");
        let again = get(&city, path).await;
        assert!(
            again.bytes == answer.bytes,
            "{path} differs when it is made again"
        );
    }
}
