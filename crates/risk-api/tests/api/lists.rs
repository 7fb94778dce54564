//! Lists of a supervision plan: what was posted shows, to whom it may.

use crate::city::{Answer, City, Desk, ask, at, get, items, result};
use crate::identity::Gate;
use axum::body::Body;
use axum::http::Request;
use risk_api::Receipt;
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{ActorId, CommandId, EnterpriseId, ItemCode, ProductCode, SignalId};
use risk_domain::problem::{Problem, ProblemAction, RectificationPlan};
use risk_domain::scales::{CreditRiskClass, Role};
use risk_domain::signal::{Duty, DutyRecord, Signal, SignalKind};
use risk_domain::time::Day;
use serde_json::Value;

fn signal(id: &str, kind: SignalKind, day: i64) -> Signal {
    Signal {
        signal_id: SignalId::new(id).unwrap(),
        kind,
        observed_at: at(day),
        occurred_at: None,
        enterprise_id: EnterpriseId::new("E1").unwrap(),
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

fn command(id: &str, actor: &str, day: i64, action: ProblemAction) -> Command {
    Command {
        command_id: CommandId::new(id).unwrap(),
        decided_at: at(day),
        actor: Actor {
            id: ActorId::new(actor).unwrap(),
            role: Role::Officer,
        },
        reason: "帮扶走访".into(),
        order: Order::Problem {
            enterprise: EnterpriseId::new("E1").unwrap(),
            action,
        },
    }
}

/// Two enterprises, of which the first failed twice, was exposed, classed and keeps records.
fn city() -> City {
    let mut city = City::empty();
    city.result(&result("R1", 1, 1, true));
    city.result(&result("R2", 1, 2, true));
    city.result(&result("R3", 2, 2, false));
    city.signal(&signal("M1", SignalKind::MediaExposure, 3));
    let mut class = signal("C1", SignalKind::CreditClass, 3);
    class.credit_class = Some(CreditRiskClass::C);
    city.signal(&class);
    // 2026-03-02 is a Monday.
    let monday = Day::from_ymd(2026, 3, 2).unwrap();
    let mut duty = signal("D1", SignalKind::DutyRecord, 5);
    duty.duty = Some(DutyRecord {
        duty: Duty::Daily,
        from: monday,
        until: monday.plus(2),
        risks: vec![monday],
    });
    city.signal(&duty);
    let problem = ProblemAction::List {
        problem: Problem {
            text: "小零件易脱落".into(),
            clause: None,
            product: ProductCode::new("TOY-PLUSH").ok(),
            item: ItemCode::new("small-parts").ok(),
        },
    };
    city.command(&command("K1", "A", 6, problem));
    city
}

#[tokio::test]
async fn a_problem_goes_from_found_to_verified_and_every_step_names_who_took_it() {
    let mut city = city();
    city.settle();
    let before = items(&city, "/v1/lists/problems?on=2026-03-05").await;
    assert_eq!(before[0]["state"], "found");
    assert_eq!(before[0]["failures"], 2);
    let listed = items(&city, "/v1/lists/problems?on=2026-03-10").await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["state"], "listed");
    assert_eq!(listed[0]["problem_id"], "K1");
    assert_eq!(listed[0]["listed_by"], "A");
    let of = CommandId::new("K1").unwrap();
    let plan = RectificationPlan {
        cause: "胶水固化不足".into(),
        measure: "更换胶水，逐批拉力试验".into(),
        owner: "质量安全总监".into(),
        due: Day::from_ymd(2026, 3, 31).unwrap(),
    };
    city.command(&command(
        "K2",
        "A",
        7,
        ProblemAction::Plan {
            of: of.clone(),
            plan,
        },
    ));
    city.settle();
    let overdue = items(&city, "/v1/lists/problems?state=overdue&on=2026-04-01").await;
    assert_eq!(overdue[0]["measure"], "更换胶水，逐批拉力试验");
    assert_eq!(overdue[0]["due"], "2026-03-31");
    city.command(&command("K3", "B", 40, ProblemAction::Verify { of }));
    city.settle();
    let open = items(&city, "/v1/lists/problems?state=open&on=2026-05-01").await;
    assert!(open.is_empty(), "{open:?}");
    let done = items(&city, "/v1/lists/problems?enterprise=E1&on=2026-05-01").await;
    assert_eq!(
        (&done[0]["state"], &done[0]["verified_by"]),
        (&"verified".into(), &"B".into())
    );
    get(&city, "/v1/lists/problems?state=forgotten")
        .await
        .expect_problem(400, "bad-parameter");
    let audit = items(&city, "/v1/audit?kind=verify").await;
    assert_eq!(audit[0]["subject"], "enterprise:E1");
    assert_eq!(audit[0]["actor"], "B");
}

#[tokio::test]
async fn who_is_to_be_assisted_is_told_with_why() {
    let mut city = city();
    city.settle();
    let all = items(&city, "/v1/lists/assistance?on=2026-03-10").await;
    assert_eq!(all.len(), 1);
    let reasons: Vec<&Value> = all[0]["reasons"].as_array().unwrap().iter().collect();
    assert_eq!(reasons[0]["reason"], "media_exposure");
    assert_eq!(reasons[0]["behind"][0], "M1");
    assert_eq!(reasons[1]["reason"], "repeated_failures");
    assert_eq!(reasons[1]["behind"][1], "R2");
    assert_eq!(all[0]["problems"]["listed"], 1);
    let other = items(
        &city,
        "/v1/lists/assistance?reason=complaint_cluster&on=2026-03-10",
    )
    .await;
    assert!(other.is_empty());
}

#[tokio::test]
async fn classes_duties_candidates_and_measures_answer() {
    let mut city = city();
    city.settle();
    let credit = get(&city, "/v1/lists/credit?month=2026-03").await.json();
    assert_eq!(credit["until"], "2026-03-31");
    let class = &credit["classes"][2];
    assert_eq!(
        (&class["class"], &class["enterprises"]),
        (&"C".into(), &1.into())
    );
    assert_eq!(
        (&class["ratio"], &class["within"]),
        (&1.0.into(), &false.into())
    );
    assert_eq!(class["mark"], "V2");
    // Twenty-one of a hundred of one is one, and it was visited; sixty of a hundred is none.
    assert_eq!((&class["owed"], &class["room"]), (&0.into(), &0.into()));
    assert_eq!(
        (&class["stale"], &credit["items"][0]["stale"]),
        (&0.into(), &false.into())
    );
    assert_eq!(credit["items"][0]["enterprise"], "E1");
    for month in ["2026-3", "2026-13", "March", "2026-03-01"] {
        get(&city, &format!("/v1/lists/credit?month={month}"))
            .await
            .expect_problem(400, "bad-parameter");
    }
    let duties = items(&city, "/v1/lists/duties?on=2026-03-09").await;
    assert_eq!(duties[0]["recorded"], 3);
    assert_eq!(duties[0]["zero_risk"], 2);
    assert_eq!(duties[0]["missing_from"][0], "2026-03-05");
    assert_eq!(duties[0]["step"], "remind");
    let none = items(&city, "/v1/lists/duties?step=order&on=2026-03-09").await;
    assert!(none.is_empty());
    assert!(
        items(&city, "/v1/lists/serious-violations")
            .await
            .is_empty()
    );
    assert!(
        items(&city, "/v1/lists/corrective-actions?kind=seal")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_manager_is_shown_the_lists_of_their_zones_only() {
    let mut city = city();
    // An enterprise is a zone's from the close on that counted a result there.
    city.end();
    city.settle();
    let gate = Gate::with(city, |_| {});
    let own = gate.token("Z1", &[Role::ZoneManager], &["330782-choucheng"]);
    let other = gate.token("Z2", &[Role::ZoneManager], &["330782-fotang"]);
    for path in [
        "/v1/lists/problems",
        "/v1/lists/assistance",
        "/v1/lists/duties",
    ] {
        let path = format!("{path}?on=2026-03-10");
        let seen = gate.get(&path, &own).await.json();
        assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{path}: {seen}");
        let hidden = gate.get(&path, &other).await.json();
        assert_eq!(hidden["items"], Value::Array(Vec::new()), "{path}");
        let asked = format!("{path}&zone=330782-choucheng");
        gate.get(&asked, &other)
            .await
            .expect_problem(400, "bad-parameter");
    }
    for path in ["/v1/lists/credit", "/v1/lists/serious-violations"] {
        gate.get(path, &own).await.expect_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn what_paths_lend_stands_beside_the_grade_with_its_bound() {
    let mut city = City::empty();
    let supplied = |id: &str, enterprise, failed| {
        let mut one = result(id, enterprise, 1, failed);
        one.supplier = EnterpriseId::new("W1").ok();
        one
    };
    city.result(&supplied("R1", 1, false));
    for other in 2..9 {
        city.result(&supplied(&format!("R{other}"), other, true));
    }
    city.end();
    city.settle();
    let lent = get(&city, "/v1/subjects/enterprise:E1/supply?on=2026-03-10")
        .await
        .json();
    assert_eq!(
        (&lent["points"], &lent["bound"]),
        (&10.0.into(), &10.0.into())
    );
    assert_eq!(lent["paths"][0]["kind"], "supplier");
    assert_eq!(lent["paths"][0]["failed"].as_object().unwrap().len(), 7);
    let number = |name: &str| lent[name].as_f64().unwrap();
    assert!(number("probability_with") > number("probability"));
    let shown = get(&city, "/v1/subjects/enterprise:E1").await.json();
    assert_eq!(
        shown["recorded"]["probability"], lent["probability"],
        "the grade is its own"
    );
    get(&city, "/v1/subjects/product:TOY-PLUSH/supply")
        .await
        .expect_problem(400, "bad-parameter");
    get(&city, "/v1/subjects/enterprise:NOBODY/supply")
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn pages_of_a_list_are_the_whole_list() {
    let city = City::lived();
    for path in [
        "/v1/lists/problems?state=open",
        "/v1/lists/assistance?on=2026-06-30",
        "/v1/burden?sort=-cost",
        "/v1/alerts?state=open",
        "/v1/cases?open=true",
        "/v1/cases?due_before=2027-01-01T00:00:00%2B08:00",
    ] {
        let all = items(&city, &format!("{path}&limit=500")).await;
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&city, &format!("{path}&limit=2{cursor}")).await.json();
            let rows = page["items"].as_array().unwrap();
            assert!(rows.len() <= 2, "{path}");
            paged.extend(rows.iter().cloned());
            let Some(next) = page["next"].as_str() else {
                break;
            };
            assert_eq!(rows.len(), 2, "{path}: a page before the last is full");
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged, all, "{path}");
        get(&city, &format!("{path}&cursor=none"))
            .await
            .expect_problem(400, "bad-parameter");
    }
    let all = items(&city, "/v1/lists/problems?state=open&limit=500").await;
    assert!(all.len() > 2, "there is something to page through: {all:?}");
}

#[tokio::test]
async fn a_command_on_a_problem_goes_with_what_its_sender_saw() {
    let mut city = city();
    city.settle();
    let at = "/v1/lists/problems/K1";
    let seen = get(&city, at).await;
    assert_eq!(seen.json()["state"], "listed");
    let tag = seen.header("etag").to_owned();
    let body = r#"{"kind":"verify_problem","of":"K1"}"#;
    *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted]);
    assert_eq!(conditional(&city, &tag, body).await.status, 200);
    assert_eq!(city.around.posted.lock().unwrap().drain(..).count(), 1);
    // Somebody plans it meanwhile.
    let plan = RectificationPlan {
        cause: "胶水固化不足".into(),
        measure: "更换胶水".into(),
        owner: "质量安全总监".into(),
        due: Day::from_ymd(2026, 3, 31).unwrap(),
    };
    let of = CommandId::new("K1").unwrap();
    city.command(&command("K2", "A", 7, ProblemAction::Plan { of, plan }));
    city.settle();
    let changed = conditional(&city, &tag, body).await;
    changed.expect_problem(412, "changed");
    assert!(city.around.posted.lock().unwrap().is_empty());
    assert_ne!(get(&city, at).await.header("etag"), tag);
    let missing = get(&city, "/v1/lists/problems/K2").await;
    missing.expect_problem(404, "not-found");
}

/// Posts a command under a condition.
async fn conditional(city: &City, tag: &str, body: &'static str) -> Answer {
    let request = Request::post("/v1/commands")
        .header("content-type", "application/json")
        .header("if-match", tag)
        .body(Body::from(body));
    ask(city.router(), request.unwrap()).await
}
