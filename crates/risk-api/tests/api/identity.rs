//! Who is let in to what: every operation in every role, tokens, zones, and whose name a record bears.

use crate::city::{Answer, City, Desk, ask, at};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use risk_api::identity::{Grant, SessionLimits, TokenFile};
use risk_api::{Access, Receipt};
use risk_domain::access::Act;
use risk_domain::ids::{ActorId, ZoneId};
use risk_domain::scales::Role;
use risk_domain::time::DAY_MILLIS;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tempfile::TempDir;

pub(crate) fn guard() -> Access {
    Access {
        demo: false,
        metrics_open: false,
        tokens: None,
        provider: None,
        sessions: SessionLimits {
            idle_millis: 1_800_000,
            absolute_millis: 43_200_000,
        },
        requests_per_minute: 100_000,
        concurrent_requests: 64,
    }
}

/// A guarded city, and a way to make tokens for it.
pub(crate) struct Gate {
    pub(crate) city: City,
    pub(crate) router: Router,
    tokens: TokenFile,
    _secrets: TempDir,
}

impl Gate {
    pub(crate) fn with(city: City, change: impl FnOnce(&mut Access)) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        let mut access = guard();
        access.tokens = Some(TokenFile::at(secrets.path()));
        change(&mut access);
        Self {
            router: city.guarded(access),
            city,
            tokens: TokenFile::at(secrets.path()),
            _secrets: secrets,
        }
    }

    pub(crate) fn new(city: City) -> Self {
        Self::with(city, |_| {})
    }

    pub(crate) fn token(&self, actor: &str, roles: &[Role], zones: &[&str]) -> String {
        let grant = Grant {
            actor: ActorId::new(actor).unwrap(),
            roles: roles.iter().copied().collect(),
            zones: zones
                .iter()
                .map(|zone| ZoneId::new(zone).unwrap())
                .collect(),
        };
        let (secret, id) = (risk_store::fresh_seed(), risk_store::fresh_seed());
        let expires = at(45).plus_millis(DAY_MILLIS);
        self.tokens
            .create(grant, at(45), expires, secret, id)
            .unwrap()
            .1
    }

    fn of(&self, role: Role) -> String {
        let zones: &[&str] = if role == Role::ZoneManager {
            &["330782-choucheng"]
        } else {
            &[]
        };
        self.token(role.code(), &[role], zones)
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, Some(token), b"").await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        ask(
            self.router.clone(),
            request.body(Body::from(body.to_vec())).unwrap(),
        )
        .await
    }

    pub(crate) async fn items(&self, path: &str, token: &str) -> Vec<Value> {
        let answer = self.get(path, token).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.json()["items"].as_array().unwrap().clone()
    }
}

/// Operations of the document with the roles of their audience; none where nobody is asked.
fn operations() -> Vec<(Method, String, BTreeSet<String>)> {
    let document: Value = serde_json::from_str(&risk_api::openapi::document()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            let roles = operation["x-audience"].as_str().unwrap_or_default();
            let roles = roles.split_whitespace().map(str::to_owned).collect();
            let method = verb.to_ascii_uppercase().parse().unwrap();
            let path = path.replace("{id}", "enterprise:E1");
            // A stream does not end: it is refused before it begins, or asked badly.
            let path = path.replace("/stream", "/stream?after=x");
            all.push((method, path, roles));
        }
    }
    all
}

#[tokio::test]
async fn every_operation_is_open_to_the_roles_of_its_audience_and_to_nobody_else() {
    let gate = Gate::new(City::lived());
    let mut asked = 0;
    for &role in Role::ALL {
        let token = gate.of(role);
        for (method, path, roles) in operations() {
            let answer = gate.send(method.clone(), &path, Some(&token), b"").await;
            let status = answer.status.as_u16();
            if roles.is_empty() {
                assert!(
                    status != 401 && status != 403,
                    "{role} {method} {path}: {status}"
                );
            } else if roles.contains(role.code()) {
                assert!(status != 401, "{role} {method} {path}: {answer:?}");
                // Of a manager, a subject may still be none of theirs.
                let may_be_foreign = role == Role::ZoneManager && path.contains("E1");
                assert!(
                    may_be_foreign || status != 403,
                    "{role} {method} {path}: {answer:?}"
                );
            } else {
                answer.expect_problem(403, "forbidden");
            }
            asked += 1;
        }
    }
    assert!(asked > 7 * 25, "only {asked} were asked");
}

/// The table itself, said again in other words: who may never do what.
#[tokio::test]
async fn no_role_can_do_what_is_not_its_own() {
    let gate = Gate::new(City::lived());
    let only = |path: &str, allowed: &[Role]| {
        let mut of = operations()
            .into_iter()
            .filter(|(_, known, _)| known == path);
        let (_, _, roles) = of.next().unwrap_or_else(|| panic!("no {path}"));
        let allowed: BTreeSet<String> = allowed.iter().map(|role| role.code().to_owned()).collect();
        assert_eq!(roles, allowed, "{path}");
    };
    let deciders = [Role::Officer, Role::Approver, Role::Administrator];
    only("/v1/commands", &deciders);
    // Dead letters hold records as they came, with people's names in them.
    only("/v1/dead-letters", &deciders);
    only(
        "/v1/results",
        &[Role::Feeder, Role::Officer, Role::Administrator],
    );
    only(
        "/v1/signals",
        &[
            Role::Feeder,
            Role::Officer,
            Role::Approver,
            Role::Administrator,
        ],
    );
    // Who knows what is to be tested can warn whom it concerns.
    let planners = [Role::Planner, Role::Administrator];
    for path in ["", "/enterprise:E1", "/enterprise:E1/lines.csv"] {
        only(&format!("/v1/plans{path}"), &planners);
    }
    for path in ["evaluation", "races", "races/enterprise:E1"] {
        only(&format!("/v1/planning/{path}"), &planners);
    }
    only("/metrics", &[Role::Administrator]);
    only("/v1/audit", &[Role::Approver, Role::Administrator]);
    let feeder = gate.of(Role::Feeder);
    for path in [
        "/v1/subjects",
        "/v1/alerts",
        "/v1/rates",
        "/v1/decisions",
        "/v1/watch",
        "/v1/cases",
        "/v1/burden",
    ] {
        gate.get(path, &feeder)
            .await
            .expect_problem(403, "forbidden");
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = gate.send(method, "/v1/alerts", Some(&feeder), b"").await;
        answer.expect_problem(405, "method-not-allowed");
    }
}

#[tokio::test]
async fn without_identity_nothing_but_health_and_the_way_in_is_served() {
    let gate = Gate::new(City::lived());
    for (method, path, roles) in operations() {
        let answer = gate.send(method.clone(), &path, None, b"").await;
        if roles.is_empty() {
            let known = [
                "/healthz",
                "/readyz",
                "/auth/ways",
                "/auth/login",
                "/auth/callback",
            ];
            assert!(known.contains(&path.as_str()), "{path} is open");
        } else {
            answer.expect_problem(401, "unauthenticated");
            assert_eq!(
                answer.header("www-authenticate"),
                "Bearer realm=\"spotcheck\""
            );
        }
    }
    // The page is the way in for who has a token; it holds nothing of the city.
    let front = gate.send(Method::GET, "/", None, b"").await;
    assert_eq!(
        (front.status, front.header("location")),
        (StatusCode::SEE_OTHER, "/console/")
    );
    let page = gate.send(Method::GET, "/console/alerts", None, b"").await;
    assert_ne!(page.status, StatusCode::UNAUTHORIZED);
    let open = Gate::with(City::empty(), |access| access.metrics_open = true);
    let metrics = open.send(Method::GET, "/metrics", None, b"").await;
    assert_eq!(metrics.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_is_not_in_force_opens_nothing_and_too_many_are_not_listened_to() {
    let gate = Gate::new(City::empty());
    let token = gate.of(Role::Viewer);
    assert_eq!(gate.get("/v1/status", &token).await.status, StatusCode::OK);
    let other = if token.ends_with('A') { 'E' } else { 'A' };
    let wrong = format!("{}{other}", token.get(..token.len() - 1).unwrap());
    let mut refused = 0;
    for _ in 0..20 {
        gate.get("/v1/status", &wrong)
            .await
            .expect_problem(401, "unauthenticated");
        refused += 1;
    }
    let limited = gate.get("/v1/status", &wrong).await;
    limited.expect_problem(429, "rate-limited");
    let seconds: u32 = limited.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds));
    // A token in force is not locked out by what others do at its address.
    assert_eq!(gate.get("/v1/status", &token).await.status, StatusCode::OK);
    let root = gate.token("root", &[Role::Administrator], &[]);
    let metrics = gate.get("/metrics", &root).await.body;
    let counted = format!("risk_api_authentication_failures_total{{kind=\"token\"}} {refused}\n");
    assert!(metrics.contains(&counted), "{metrics}");
    *gate.city.around.clock.lock().unwrap() = at(46);
    gate.get("/v1/status", &token)
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_manager_is_shown_their_own_zones_and_nothing_of_others() {
    let gate = Gate::new(City::lived());
    let own = gate.token("M1", &[Role::ZoneManager], &["330782-choucheng"]);
    let foreign = gate.token("M2", &[Role::ZoneManager], &["330782-futian"]);
    let all = gate.of(Role::Viewer);
    let kinds = |items: &[Value]| -> BTreeSet<String> {
        let kind = |item: &Value| {
            let subject = item["subject"].as_str().unwrap();
            subject.split(':').next().unwrap().to_owned()
        };
        items.iter().map(kind).collect()
    };
    let seen = gate.items("/v1/subjects?limit=1000", &own).await;
    let expected = ["cell", "enterprise", "site", "zone"].map(str::to_owned);
    assert_eq!(kinds(&seen), BTreeSet::from(expected));
    assert!(seen.len() > 12);
    assert!(
        gate.items("/v1/subjects?limit=1000", &foreign)
            .await
            .is_empty()
    );
    let city = gate.items("/v1/subjects?limit=1000", &all).await;
    assert!(kinds(&city).contains("product") && city.len() > seen.len());
    let elsewhere = gate
        .get("/v1/subjects?zone=330782-choucheng", &foreign)
        .await;
    assert_eq!(
        elsewhere.expect_problem(400, "bad-parameter")["field"],
        "zone"
    );

    assert!(!gate.items("/v1/alerts", &own).await.is_empty());
    assert!(gate.items("/v1/alerts", &foreign).await.is_empty());
    let alert = gate.items("/v1/alerts?limit=1", &all).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let alert = format!("/v1/alerts/{alert}");
    assert_eq!(gate.get(&alert, &own).await.status, StatusCode::OK);
    gate.get(&alert, &foreign)
        .await
        .expect_problem(404, "not-found");

    for path in ["", "/history", "/evidence"] {
        let path = format!("/v1/subjects/enterprise:E11{path}");
        assert_eq!(gate.get(&path, &own).await.status, StatusCode::OK, "{path}");
        let refused = gate
            .get(&path, &foreign)
            .await
            .expect_problem(403, "forbidden");
        // One that there is not is refused in the same words.
        let unknown = gate.get(&path.replace("E11", "E404"), &foreign).await;
        let unknown = unknown.expect_problem(403, "forbidden")["detail"].to_string();
        assert_eq!(
            refused["detail"].to_string().replace("E11", "E404"),
            unknown
        );
    }
    for path in [
        "/v1/subjects/product:TOY-PLUSH",
        "/v1/subjects/zone:330782-futian",
    ] {
        gate.get(path, &own).await.expect_problem(403, "forbidden");
    }
    let zone = gate.get("/v1/subjects/zone:330782-choucheng", &own).await;
    assert_eq!(zone.status, StatusCode::OK);
}

#[tokio::test]
async fn a_command_bears_the_name_of_who_posts_it() {
    let gate = Gate::new(City::lived());
    let desk = |count| {
        *gate.city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted; count]);
    };
    let officer = gate.token("officer-7", &[Role::Officer, Role::Viewer], &[]);
    let post = async |body: &Value| {
        let body = serde_json::to_vec(body).unwrap();
        gate.send(Method::POST, "/v1/commands", Some(&officer), &body)
            .await
    };
    desk(1);
    assert_eq!(
        post(&json!({"command_id": "C1"})).await.status,
        StatusCode::OK
    );
    let posted = gate.city.around.posted.lock().unwrap().pop().unwrap();
    let posted: Value = serde_json::from_slice(&posted).unwrap();
    assert_eq!(
        posted["actor"],
        json!({"id": "officer-7", "role": "officer"})
    );
    let own = json!({"actor": {"id": "officer-7", "role": "officer"}});
    assert_eq!(post(&own).await.status, StatusCode::OK);
    for (id, role) in [
        ("officer-8", "officer"),
        ("officer-7", "approver"),
        ("system:engine", "officer"),
    ] {
        let other = json!([{"command_id": "C2"}, {"actor": {"id": id, "role": role}}]);
        desk(2);
        let refused = post(&other).await.expect_problem(403, "forbidden");
        assert!(
            refused["detail"].as_str().unwrap().contains("record 2"),
            "{refused}"
        );
    }
    assert_eq!(
        gate.city.around.posted.lock().unwrap().len(),
        1,
        "refused posts are not handed in"
    );
}

#[tokio::test]
async fn who_brings_records_and_who_reads_dead_letters_or_sealed_plans_is_noted_before_anything_comes_of_it()
 {
    let gate = Gate::new(City::lived());
    let officer = gate.token("officer-7", &[Role::Officer], &[]);
    let noted = || std::mem::take(&mut *gate.city.around.notes.lock().unwrap());
    let letters = gate.items("/v1/dead-letters", &officer).await;
    let entry = letters[0]["entry"].to_string();
    let notes = noted();
    let [note] = notes.as_slice() else {
        panic!("{notes:?}");
    };
    assert_eq!(
        (note.act, note.actor.as_str()),
        (Act::ReadDeadLetters, "officer-7")
    );
    assert_eq!((note.count, note.what[0].as_str()), (1, entry.as_str()));
    assert!(note.means.starts_with("token:"));
    let one = gate
        .get(&format!("/v1/dead-letters/{entry}"), &officer)
        .await;
    assert_eq!(noted()[0].request_id, one.header("x-request-id"));
    // What shows nothing personal is not noted, nor is a page without a letter.
    gate.items("/v1/subjects", &officer).await;
    gate.items("/v1/dead-letters?code=bad_time", &officer).await;
    assert!(noted().is_empty());

    // A plan whose targets are still to be visited is noted by its id, in each of its forms; once it is public,
    // no more.
    let planner = gate.token("planner-3", &[Role::Planner], &[]);
    let asked = json!({"as_of": "2027-03-01", "budgets": {"risk_evaluation": 2}}).to_string();
    let planned = gate.send(Method::POST, "/v1/plans", Some(&planner), asked.as_bytes());
    let plan = planned.await.json()["plan_id"].as_str().unwrap().to_owned();
    noted();
    for form in ["", "/lines.csv", "/lines.xlsx", "/lines.html", "/lines.pdf"] {
        let answer = gate.get(&format!("/v1/plans/{plan}{form}"), &planner).await;
        assert_eq!(answer.status, StatusCode::OK, "{form}");
        let notes = noted();
        assert_eq!(notes.len(), 1, "{form}: {notes:?}");
        assert_eq!(
            (notes[0].act, notes[0].actor.as_str()),
            (Act::ReadPlan, "planner-3")
        );
        assert_eq!(notes[0].what, [plan.as_str()]);
    }
    gate.items("/v1/plans", &planner).await;
    assert!(noted().is_empty(), "the list names no target");
    let reveal = format!("/v1/plans/{plan}/reveal");
    gate.send(Method::POST, &reveal, Some(&planner), b"").await;
    noted();
    gate.get(&format!("/v1/plans/{plan}"), &planner).await;
    assert!(noted().is_empty());

    *gate.city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted; 2]);
    let body = json!([{"inspection_id": "R1"}, {"inspection_id": "R2"}]).to_string();
    gate.send(Method::POST, "/v1/results", Some(&officer), body.as_bytes())
        .await;
    let notes = noted();
    assert_eq!((notes[0].act, notes[0].count), (Act::PostResults, 2));
    assert_eq!(notes[0].what, ["R1", "R2"]);
    // Of the demo nobody is known.
    ask(
        gate.city.router(),
        Request::get("/v1/dead-letters")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert!(noted().is_empty());
}

#[tokio::test]
async fn in_the_demo_a_record_says_itself_who_acts_and_other_names_of_the_host_are_refused() {
    let city = City::lived();
    *city.around.desk.lock().unwrap() = Desk::Answers(vec![Receipt::Accepted]);
    let body = json!({"actor": {"id": "anybody", "role": "approver"}}).to_string();
    let request = Request::post("/v1/commands").header("content-type", "application/json");
    let answer = ask(
        city.router(),
        request.body(Body::from(body.clone())).unwrap(),
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(city.around.posted.lock().unwrap()[0], body.as_bytes());
    let named = |host: &str| {
        Request::get("/v1/status")
            .header("host", host)
            .body(Body::empty())
    };
    let own = ask(city.router(), named("localhost:8480").unwrap()).await;
    assert_eq!(own.status, StatusCode::OK);
    let rebound = ask(city.router(), named("evil.example").unwrap()).await;
    rebound.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn who_asks_is_told_who_they_are() {
    let gate = Gate::new(City::empty());
    let token = gate.token("M1", &[Role::ZoneManager], &["330782-choucheng"]);
    let shown = gate.get("/v1/session", &token).await;
    assert_eq!(shown.header("cache-control"), "no-store");
    let expected = json!({
        "actor": "M1", "roles": ["zone_manager"], "zones": ["330782-choucheng"],
        "means": "token", "csrf_token": null, "ends_at": null,
    });
    assert_eq!(shown.json(), expected);
}
