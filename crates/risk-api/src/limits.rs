//! Limits（限流）, told in headers: how often somebody may ask, and how many may ask at once.

use crate::error::ApiError;
use crate::state::ApiParts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tower_http::set_header::SetResponseHeaderLayer;

/// The window of every quota, in milliseconds.
const WINDOW: i64 = 60_000;
/// Askers told apart at once; beyond it the one whose window began first is forgotten.
const MOST: usize = 20_000;

/// Levels of objects and arrays in a document: the bound of the JSON parser.
const DEPTH: usize = 128;

/// Tells the limits that are the same for everybody in a field, a dictionary (RFC 9651): bytes of a body, levels of a
/// document, requests that are worked on at once.
pub(crate) fn told(parts: &ApiParts) -> SetResponseHeaderLayer<Option<HeaderValue>> {
    let (body, at_once) = (parts.max_body_bytes, parts.access.concurrent_requests);
    let limits = format!("body={body}, depth={DEPTH}, concurrency={at_once}");
    let field = HeaderName::from_static("spotcheck-limits");
    SetResponseHeaderLayer::if_not_present(field, HeaderValue::from_str(&limits).ok())
}

/// What is left of somebody's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// Requests a window.
    pub(crate) quota: u32,
    /// Requests left in this one.
    pub(crate) remaining: u32,
    /// Seconds until the next window, at least 1.
    pub(crate) reset: u64,
    /// This request was one too many.
    pub(crate) refused: bool,
}

impl Left {
    /// Writes the fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        let policy = format!("\"minute\";q={};w={}", self.quota, WINDOW / 1000);
        let state = format!("\"minute\";r={};t={}", self.remaining, self.reset);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }

    /// The error of a request that was one too many.
    pub(crate) fn error(self) -> ApiError {
        ApiError::RateLimited {
            seconds: self.reset,
        }
    }
}

/// Counts what each asker does in a fixed window of a minute.
#[derive(Debug)]
pub(crate) struct Quota {
    quota: u32,
    held: Mutex<BTreeMap<String, (Timestamp, u32)>>,
}

impl Quota {
    pub(crate) fn new(quota: u32) -> Self {
        Self {
            quota,
            held: Mutex::default(),
        }
    }

    /// Counts one more.
    pub(crate) fn take(&self, asker: &str, now: Timestamp) -> Left {
        self.look(asker, now, 1)
    }

    /// Whether one more would be too many; counts nothing.
    pub(crate) fn peek(&self, asker: &str, now: Timestamp) -> Left {
        self.look(asker, now, 0)
    }

    fn look(&self, asker: &str, now: Timestamp, more: u32) -> Left {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let began_and_count = held.get(asker).copied();
        let current = began_and_count.filter(|(began, _)| {
            let age = now.millis_since(*began);
            (0..WINDOW).contains(&age)
        });
        let (began, count) = current.unwrap_or((now, 0));
        let refused = count >= self.quota;
        let count = count.saturating_add(more).min(self.quota);
        if more > 0 {
            if current.is_none() && held.len() >= MOST {
                held.retain(|_, (began, _)| now.millis_since(*began) < WINDOW);
                let oldest = held.iter().min_by_key(|(_, (began, _))| *began);
                let oldest = oldest.map(|(asker, _)| asker.clone());
                if let Some(oldest) = oldest.filter(|_| held.len() >= MOST) {
                    held.remove(&oldest);
                }
            }
            held.insert(asker.to_owned(), (began, count));
        }
        let rest = WINDOW - now.millis_since(began);
        Left {
            quota: self.quota,
            remaining: self.quota - count,
            reset: u64::try_from((rest + 999) / 1000).unwrap_or(1).max(1),
            refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_772_413_200_000 + millis)
    }

    #[test]
    fn a_quota_is_of_one_asker_and_one_window() {
        let quota = Quota::new(2);
        assert_eq!(
            (
                quota.take("a", at(0)).remaining,
                quota.peek("a", at(0)).remaining
            ),
            (1, 1)
        );
        let last = quota.take("a", at(1_500));
        assert_eq!((last.remaining, last.refused, last.reset), (0, false, 59));
        assert!(quota.peek("a", at(1_500)).refused);
        assert!(quota.take("a", at(59_999)).refused);
        assert!(!quota.take("b", at(59_999)).refused);
        assert!(!quota.take("a", at(60_000)).refused, "the next window");
        // A clock set back begins a new window rather than a very long one.
        assert!(!quota.take("a", at(-5)).refused);
    }

    #[test]
    fn what_is_left_is_told() {
        let mut headers = HeaderMap::new();
        Quota::new(10).take("a", at(0)).tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"minute\";q=10;w=60");
        assert_eq!(headers["ratelimit"], "\"minute\";r=9;t=60");
    }

    #[test]
    fn a_flood_of_askers_is_forgotten_from_its_beginning() {
        let quota = Quota::new(1);
        for number in 0..=MOST {
            quota.take(&number.to_string(), at(i64::from(number > 0)));
        }
        assert!(!quota.peek("0", at(2)).refused);
        assert!(quota.peek("1", at(2)).refused);
    }
}
