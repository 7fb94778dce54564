//! A close holds the engine for long: who does not need it does not wait.

use crate::city::{City, get};
use axum::http::StatusCode;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

/// As many as the API reads at once, and some more.
const READERS: usize = 100;

#[tokio::test]
async fn a_held_engine_keeps_neither_health_nor_metrics_waiting() {
    let city = City::lived();
    let engine = Arc::clone(&city.engine);
    let (held, is_held) = channel();
    let (release, released) = channel::<()>();
    let holder = thread::spawn(move || {
        let _engine = engine.write();
        held.send(()).unwrap();
        released.recv().unwrap();
    });
    is_held.recv().unwrap();

    // On the one thread of this runtime: a handler that waits for the lock here waits for ever.
    let router = city.router();
    let waiting: Vec<_> = (0..READERS)
        .map(|_| {
            let request = axum::http::Request::get("/v1/status");
            let request = request.body(axum::body::Body::empty()).unwrap();
            tokio::spawn(crate::city::ask(router.clone(), request))
        })
        .collect();
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(get(&city, path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(get(&city, "/").await.status, StatusCode::SEE_OTHER);
    assert!(waiting.iter().all(|reader| !reader.is_finished()));

    release.send(()).unwrap();
    holder.join().unwrap();
    for reader in waiting {
        assert_eq!(reader.await.unwrap().status, StatusCode::OK);
    }
}
