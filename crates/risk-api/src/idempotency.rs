//! `Idempotency-Key`（幂等键）: a post that is sent again is answered as it was the first time.
//!
//! Results, statements of the register and commands have ids of their own, so that sending them
//! again never changes anything. A key adds that the *answer* is the same, too: "accepted" does not
//! become "duplicate". Answers are kept in memory for a day; after a restart the ids still hold.

use crate::error::ApiError;
use crate::identity::Identity;
use crate::state::ApiState;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use risk_domain::time::{DAY_MILLIS, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers kept at once; beyond it the oldest is forgotten.
const MOST: usize = 10_000;
/// Longest answer that is kept; a longer one is not, and its key protects nothing.
const LONGEST: usize = 256 << 10;
/// Longest key.
const MAX_KEY: usize = 255;

#[derive(Debug)]
enum Held {
    /// The first request is being worked on.
    UnderWay,
    /// This was the answer.
    Answered(StatusCode, HeaderMap, Bytes),
}

#[derive(Debug)]
struct Entry {
    body: [u8; 32],
    at: Timestamp,
    held: Held,
}

/// Answers by asker, path and key.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<BTreeMap<[u8; 32], Entry>>);

/// What is known of a key.
enum Known {
    /// Nothing: it is this request's now.
    New,
    Answer(Response),
    Error(ApiError),
}

impl Answers {
    fn held(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&self, key: [u8; 32], body: [u8; 32], now: Timestamp) -> Known {
        let mut held = self.held();
        if let Some(entry) = held.get(&key).filter(|entry| is_fresh(entry, now)) {
            if entry.body != body {
                return Known::Error(ApiError::KeyReused);
            }
            return match &entry.held {
                Held::UnderWay => Known::Error(ApiError::KeyUnderWay),
                Held::Answered(status, headers, bytes) => {
                    let mut answer = (*status, bytes.clone()).into_response();
                    *answer.headers_mut() = headers.clone();
                    let replayed = HeaderValue::from_static("true");
                    answer
                        .headers_mut()
                        .insert("idempotency-replayed", replayed);
                    Known::Answer(answer)
                }
            };
        }
        if held.len() >= MOST {
            held.retain(|_, entry| is_fresh(entry, now));
            let oldest = held
                .iter()
                .min_by_key(|(_, entry)| entry.at)
                .map(|(key, _)| *key);
            if let Some(oldest) = oldest.filter(|_| held.len() >= MOST) {
                held.remove(&oldest);
            }
        }
        let entry = Entry {
            body,
            at: now,
            held: Held::UnderWay,
        };
        held.insert(key, entry);
        Known::New
    }

    /// Keeps the answer, or forgets the key.
    fn settle(&self, key: [u8; 32], answer: Option<(StatusCode, HeaderMap, Bytes)>) {
        let mut held = self.held();
        match (answer, held.get_mut(&key)) {
            (Some((status, headers, bytes)), Some(entry)) => {
                entry.held = Held::Answered(status, headers, bytes);
            }
            (None, Some(_)) => drop(held.remove(&key)),
            (_, None) => {}
        }
    }
}

fn is_fresh(entry: &Entry, now: Timestamp) -> bool {
    now.millis_since(entry.at) < DAY_MILLIS
}

/// Forgets a key whose request ends without an answer: its client went away.
struct Claim<'a> {
    answers: &'a Answers,
    key: [u8; 32],
    settled: bool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.answers.settle(self.key, None);
        }
    }
}

/// Answers a post whose key was seen before as it was answered then.
pub(crate) async fn repeat(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    let key = request.headers().get("idempotency-key").cloned();
    let Some(key) = key.filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    match keyed(&state, &key, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn keyed(
    state: &ApiState,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let fits = |text: &&str| (1..=MAX_KEY).contains(&text.len());
    let text = key
        .to_str()
        .ok()
        .filter(fits)
        .ok_or_else(|| ApiError::BadParameter {
            field: "Idempotency-Key".to_owned(),
            rule: format!("must have 1 to {MAX_KEY} visible ASCII characters"),
        })?;
    let identity = request.extensions().get::<Identity>();
    let asker = identity
        .and_then(Identity::grant)
        .map_or("", |grant| grant.actor.as_str());
    let mut hash = Sha256::new();
    for part in [asker, request.uri().path(), text] {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let key: [u8; 32] = hash.finalize().into();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, state.0.parts.max_body_bytes).await;
    let body = body.map_err(|_error| ApiError::TooLarge)?;
    let mut digest = Sha256::new();
    // The same bytes under another type or condition are another request.
    for header in ["content-type", "if-match"] {
        let value = parts
            .headers
            .get(header)
            .map_or(&b""[..], |value| value.as_bytes());
        digest.update((value.len() as u64).to_be_bytes());
        digest.update(value);
    }
    digest.update(&body);
    let now = (state.0.parts.now)();
    match state.0.answers.claim(key, digest.finalize().into(), now) {
        Known::Answer(answer) => return Ok(answer),
        Known::Error(error) => return Err(error),
        Known::New => {}
    }
    let mut claim = Claim {
        answers: &state.0.answers,
        key,
        settled: false,
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await;
    let bytes = bytes.map_err(|error| ApiError::Internal(error.to_string()))?;
    // What may go better next time is not kept: too busy, stopped, not yet durable.
    let is_final = parts.status.is_success() && parts.status != StatusCode::ACCEPTED;
    if is_final && bytes.len() <= LONGEST {
        let answer = (parts.status, parts.headers.clone(), bytes.clone());
        state.0.answers.settle(key, Some(answer));
        claim.settled = true;
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}
