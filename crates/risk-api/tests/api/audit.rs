//! What people did: found by who, whose, what and when, and what it changed, field by field.

use crate::city::{City, at, items};
use risk_domain::alert_action::{AlertAction, Disposition};
use risk_domain::case_act::{CaseAct, Measure, MeasureKind};
use risk_domain::case_action::{CaseAction, PauseReason};
use risk_domain::decision::{Actor, Command, Decision, Order};
use risk_domain::ids::{ActorId, AlertId, CaseId, CommandId, EnterpriseId};
use risk_domain::scales::{RiskLevel, Role};
use risk_domain::subject::Subject;
use risk_domain::time::CivilOffset;
use serde_json::{Value, json};

fn command(id: &str, actor: &str, day: i64, order: Order) -> Command {
    Command {
        command_id: CommandId::new(id).unwrap(),
        decided_at: at(day),
        actor: Actor {
            id: ActorId::new(actor).unwrap(),
            role: Role::Approver,
        },
        reason: "现场核查".into(),
        order,
    }
}

fn ids(rows: &[Value]) -> Vec<&str> {
    let ids = rows.iter().map(|row| row["command_id"].as_str().unwrap());
    ids.collect()
}

/// What the decision with this id changed.
fn changes_of<'a>(rows: &'a [Value], id: &str) -> &'a Value {
    let row = rows.iter().find(|row| row["command_id"] == id).unwrap();
    &row["changes"]
}

fn changed(field: &str, before: Option<&str>, after: Option<&str>) -> Value {
    json!({"field": field, "before": before, "after": after})
}

/// A city in which officers acted on an alert, a case of the same enterprise's product, and its grade; with the
/// subject of the alert and of the case, and the enterprise.
async fn acted() -> (City, String, String) {
    let mut city = City::lived();
    let alerts = items(&city, "/v1/alerts?limit=100").await;
    let cases = items(&city, "/v1/cases?limit=100").await;
    let enterprise_of = |subject: &str| subject.split(':').nth(1).unwrap().to_owned();
    let found = alerts.iter().find_map(|alert| {
        let subject = alert["subject"].as_str()?;
        let quiet = alert["level"] != "one" && subject.starts_with("cell:");
        let case = cases.iter().find(|case| case["subject"] == subject)?;
        quiet.then(|| (alert, case, subject.to_owned()))
    });
    let (alert, case, subject) = found.expect("no alert has a case beside it");
    let enterprise = enterprise_of(&subject);
    let alert = AlertId::new(alert["id"].as_str().unwrap()).unwrap();
    let case = CaseId::new(case["case_id"].as_str().unwrap()).unwrap();
    let on_alert = |action| Order::Alert {
        alert: alert.clone(),
        action,
    };
    let on_case = |action| Order::Case {
        case: case.clone(),
        action,
    };
    let to = ActorId::new("officer-8").unwrap();
    let floor = Order::Grade {
        subject: Subject::Enterprise(EnterpriseId::new(&enterprise).unwrap()),
        decision: Decision::Floor {
            level: RiskLevel::High,
            until: CivilOffset::CHINA.day_of(at(80)),
        },
    };
    let quiet_until = CivilOffset::CHINA.day_of(at(47));
    let ground = PauseReason::Objection;
    let notice = CaseAction::Take {
        act: CaseAct::Notify,
        due: None,
        measures: vec![Measure {
            kind: MeasureKind::Withdraw,
            quantity: Some(12),
            unit: Some("箱".into()),
        }],
    };
    for (id, day, order) in [
        ("A1", 43, on_alert(AlertAction::Acknowledge)),
        (
            "A2",
            44,
            on_alert(AlertAction::Snooze { until: quiet_until }),
        ),
        ("A3", 45, on_alert(AlertAction::Wake)),
        (
            "A4",
            46,
            on_alert(AlertAction::Close {
                disposition: Disposition::FalseAlarm,
            }),
        ),
        ("C1", 43, on_case(CaseAction::Assign { to })),
        ("C2", 44, on_case(notice)),
        ("C3", 45, on_case(CaseAction::PauseClock { ground })),
        ("C4", 46, on_case(CaseAction::ResumeClock)),
        ("G1", 46, floor),
    ] {
        city.command(&command(id, "approver-1", day, order));
        city.settle();
    }
    (city, subject, enterprise)
}

#[tokio::test]
async fn a_decision_is_found_by_whose_it_is_whatever_it_acts_on() {
    let (city, subject, enterprise) = acted().await;
    let of_cell = items(&city, &format!("/v1/audit?subject={subject}")).await;
    let mut found = ids(&of_cell);
    found.sort_unstable();
    assert_eq!(found, ["A1", "A2", "A3", "A4", "C1", "C2", "C3", "C4"]);
    assert!(of_cell.iter().all(|row| row["subject"] == *subject));
    let all = items(&city, &format!("/v1/audit?subject=enterprise:{enterprise}")).await;
    assert_eq!(ids(&all).len(), 9, "its products' too");
    for (query, expected) in [
        ("kind=floor", vec!["G1"]),
        ("kind=assign", vec!["C1"]),
        ("actor=approver-2", vec![]),
    ] {
        let path = format!("/v1/audit?subject=enterprise:{enterprise}&{query}");
        assert_eq!(ids(&items(&city, &path).await), expected, "{query}");
    }
    let (since, until) = (at(44), at(45));
    let path = format!("/v1/audit?subject={subject}&since={since}&until={until}");
    let between = items(&city, &path.replace('+', "%2B")).await;
    let mut between = ids(&between);
    between.sort_unstable();
    assert_eq!(between, ["A2", "C2"], "from the one, before the other");
    let others = items(&city, "/v1/audit?subject=enterprise:NOBODY").await;
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn a_decision_says_of_every_field_what_stood_and_what_stands() {
    let (city, subject, _) = acted().await;
    let rows = items(&city, &format!("/v1/audit?subject={subject}")).await;
    let quiet = changes_of(&rows, "A2");
    let until = quiet[0]["after"].as_str().unwrap().to_owned();
    assert_eq!(
        quiet,
        &json!([changed("snoozed_until", None, Some(&until))])
    );
    let state = |before, after| changed("state", Some(before), Some(after));
    let expected = [
        ("A1", json!([state("open", "acknowledged")])),
        ("A3", json!([changed("snoozed_until", Some(&until), None)])),
        (
            "A4",
            json!([
                state("acknowledged", "closed"),
                changed("disposition", None, Some("false_alarm")),
            ]),
        ),
        ("C1", json!([changed("assigned", None, Some("officer-8"))])),
        ("C3", json!([changed("pause", None, Some("objection"))])),
        ("C4", json!([changed("pause", Some("objection"), None)])),
    ];
    for (id, expected) in expected {
        assert_eq!(changes_of(&rows, id), &expected, "{id}");
    }
    let notified = changes_of(&rows, "C2").as_array().unwrap();
    let [state, measures] = notified.as_slice() else {
        panic!("{notified:?}");
    };
    assert_eq!(state["field"], "state");
    assert!(state["before"].is_string() && state["before"] != state["after"]);
    assert_eq!(measures, &changed("measures", None, Some("withdraw 12 箱")));
}
