//! Health, status, metrics, the page, and what stands around every answer.

use crate::city::{City, get, get_with};
use axum::http::StatusCode;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn readiness_follows_its_reasons_and_health_does_not() {
    let city = City::empty();
    assert_eq!(get(&city, "/healthz").await.body, "ok\n");
    let ready = get(&city, "/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.json(), serde_json::json!([]));
    let reason = "partition intake/0 is stopped: too many dead letters";
    city.around
        .not_ready
        .lock()
        .unwrap()
        .push(reason.to_owned());
    let not_ready = get(&city, "/readyz").await;
    assert_eq!(not_ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(not_ready.json()[0], reason);
    assert_eq!(get(&city, "/healthz").await.status, StatusCode::OK);
    assert_eq!(
        get(&city, "/v1/status").await.json()["not_ready"][0],
        reason
    );
}

#[tokio::test]
async fn the_status_counts_what_there_is() {
    let nothing = get(&City::empty(), "/v1/status").await.json();
    assert!(nothing["closed_until"].is_null());
    let city = City::lived();
    let status = get(&city, "/v1/status").await.json();
    let enterprises = status["subjects"]["enterprise"].as_object().unwrap();
    let counted: u64 = enterprises
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(counted, 12);
    assert_eq!(status["dead_letters"]["unknown_mode"], 1);
    assert_eq!(status["ledger"]["entries"], status["ledger"]["shown"]);
    let root = city.root().to_string();
    assert_eq!(status["ledger"]["root"], root);
    assert_eq!(status["ledger"]["blocks"], 1);
    assert!(
        status["closed_until"]
            .as_str()
            .unwrap()
            .starts_with("2026-04-")
    );
    assert_eq!(status["not_ready"], serde_json::json!([]));
}

#[tokio::test]
async fn requests_are_counted_by_template_and_never_by_what_was_asked_for() {
    let city = City::lived();
    get(&city, "/v1/subjects/enterprise:E11").await;
    get(&city, "/v1/subjects/enterprise:E404").await;
    get(&city, "/nowhere/E11").await;
    let answer = get(&city, "/metrics").await;
    assert!(answer.header("content-type").starts_with("text/plain"));
    for line in [
        "risk_api_requests_total{route=\"/v1/subjects/{id}\",status=\"200\"} 1",
        "risk_api_requests_total{route=\"/v1/subjects/{id}\",status=\"404\"} 1",
        "risk_api_requests_total{route=\"none\",status=\"404\"} 1",
        "risk_api_request_seconds_count{route=\"/v1/subjects/{id}\"} 2",
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line}");
    }
    assert!(!answer.body.contains("E11"), "{}", answer.body);
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_headers_of_a_careful_server() {
    let city = City::empty();
    for path in ["/", "/v1/status", "/nowhere", "/v1/subjects?x=1"] {
        let answer = get(&city, path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert!(!answer.header("x-request-id").is_empty());
    }
    let first = get(&city, "/healthz").await;
    let second = get(&city, "/healthz").await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    let own = get_with(&city, "/healthz", ("x-request-id", "desk-7.a")).await;
    assert_eq!(own.header("x-request-id"), "desk-7.a");
    for unfit in ["a b\"c", "", "标识", &"x".repeat(65)] {
        let fresh = get_with(&city, "/healthz", ("x-request-id", unfit)).await;
        let fresh = fresh.header("x-request-id");
        assert!(fresh.is_ascii() && fresh.contains('-') && fresh.len() < 40);
    }
}

/// A log that a test reads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_the_request_that_an_answer_names() {
    let log = Log::default();
    let writer = log.clone();
    let logging = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole program: what is logged is decided once for all its threads, so a log of this
    // thread alone could miss what another thread was the first to reach.
    tracing::subscriber::set_global_default(logging).unwrap();
    let city = City::lived();
    let path = "/v1/subjects/enterprise:E404";
    get_with(&city, path, ("x-request-id", "desk-8")).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let mut own = log.lines().filter(|line| line.contains("desk-8"));
    let line = own.find(|line| line.contains("answered")).unwrap();
    for part in ["GET", path, "status=404"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn the_page_is_whole_without_anything_inline_or_from_elsewhere() {
    let city = City::empty();
    let front = get(&city, "/").await;
    assert_eq!(front.status, StatusCode::SEE_OTHER);
    assert_eq!(front.header("location"), "/console/");
    let page = get(&city, "/console/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for inline in [
        "style=\"", "onclick", "<style", "<script>", "http://", "https://",
    ] {
        assert!(!page.body.contains(inline), "{inline}");
    }
    get(&city, "/console/assets/none.js")
        .await
        .expect_problem(404, "not-found");
    if page.status == StatusCode::NOT_FOUND {
        // A program without its console says how to come by it.
        assert!(page.body.contains("make console"), "{}", page.body);
        return;
    }
    assert_eq!(page.header("cache-control"), "no-cache");
    let parts = page.body.split('"');
    let parts: Vec<&str> = parts
        .filter(|text| text.starts_with("/console/assets/"))
        .collect();
    let kinds = [
        (".js", "text/javascript; charset=utf-8"),
        (".css", "text/css; charset=utf-8"),
    ];
    for (ending, kind) in kinds {
        let path = parts.iter().find(|path| path.ends_with(ending)).unwrap();
        let part = get(&city, path).await;
        assert_eq!(part.header("content-type"), kind);
        assert!(part.header("cache-control").contains("immutable"), "{path}");
        let tag = part.header("etag").to_owned();
        let again = get_with(&city, path, ("if-none-match", &tag)).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
    // An address within the page is the page, whatever it asks of it.
    let within = get(&city, "/console/subjects?kind=zone&order=-own").await;
    assert_eq!(within.body, page.body);
}
