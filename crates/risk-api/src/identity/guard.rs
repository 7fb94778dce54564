//! The guard（门禁）: asks whoever wants something who they are, before anything else is done for them.

use super::provider::Provider;
use super::sessions::SessionLimits;
use super::sign_in::session_cookie;
use super::tokens::{TokenFailure, TokenFile};
use super::{Audience, Identity, Means};
use crate::error::ApiError;
use crate::limits::{Left, Quota};
use crate::request::RequestId;
use crate::router::{Operation, operation_of};
use crate::state::{ApiState, ClientAddress};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use risk_domain::time::Timestamp;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Failures of one client in a minute, beyond which it is no longer listened to.
const FAILURES: u32 = 20;

/// Who is let in, and how often they may ask.
#[derive(Debug)]
pub struct Access {
    /// Everything is open, and a record's own word says who acts: for a demo on loopback alone.
    pub demo: bool,
    /// `/metrics` is open to whoever reaches it.
    pub metrics_open: bool,
    /// Tokens of programs.
    pub tokens: Option<TokenFile>,
    /// The provider that signs people in.
    pub provider: Option<Arc<Provider>>,
    /// How long sessions last.
    pub sessions: SessionLimits,
    /// Requests a minute of one identity.
    pub requests_per_minute: u32,
    /// Requests that are worked on at once; live streams apart.
    pub concurrent_requests: usize,
}

impl Access {
    /// As in a demo: nobody is asked.
    pub fn demo() -> Self {
        Self {
            demo: true,
            metrics_open: true,
            tokens: None,
            provider: None,
            sessions: SessionLimits {
                idle_millis: 1_800_000,
                absolute_millis: 43_200_000,
            },
            requests_per_minute: u32::MAX,
            concurrent_requests: 1024,
        }
    }
}

/// Failures by client.
#[derive(Debug)]
pub(crate) struct Failures(Quota);

impl Default for Failures {
    fn default() -> Self {
        Self(Quota::new(FAILURES))
    }
}

impl Failures {
    /// Fails for a client that failed too often.
    pub(crate) fn check(&self, client: &ClientAddress, now: Timestamp) -> Result<(), ApiError> {
        let left = self.0.peek(&client.group(), now);
        if left.refused {
            Err(left.error())
        } else {
            Ok(())
        }
    }

    pub(crate) fn count(&self, client: &ClientAddress, now: Timestamp) -> Left {
        self.0.take(&client.group(), now)
    }
}

/// Lets in who belongs to the audience of the operation that was asked for.
pub(crate) async fn guard(
    State(state): State<ApiState>,
    client: ClientAddress,
    RequestId(id): RequestId,
    mut request: Request,
    next: Next,
) -> Response {
    // A path or method that is none is answered as such; it tells nothing.
    let Some(operation) = operation_of(&request) else {
        return next.run(request).await;
    };
    let admitted = admit(&state, operation, &client, &id, &request);
    let (identity, left) = match admitted {
        Ok(admitted) => admitted,
        Err(ApiError::Unauthenticated(_)) if operation.path == "/" => {
            return (
                axum::http::StatusCode::SEE_OTHER,
                [(header::LOCATION, way_in(&state))],
            )
                .into_response();
        }
        Err(error) => return error.into_response(),
    };
    // Health is told however much there is to do.
    let permit = state.0.free.try_acquire();
    if permit.is_err() && operation.audience != Audience::Everybody {
        return ApiError::Busy.into_response();
    }
    if let Some(identity) = identity {
        request.extensions_mut().insert(identity);
    }
    let mut response = next.run(request).await;
    if let Some(left) = left {
        left.tell(response.headers_mut());
    }
    response
}

/// Where the front door sends somebody unknown: to the provider, or to the page, which asks for a
/// token. Everything else answers that nobody is known.
fn way_in(state: &ApiState) -> &'static str {
    if state.0.parts.access.provider.is_some() {
        "/auth/login"
    } else {
        "/console/"
    }
}

type Admitted = (Option<Identity>, Option<Left>);

fn admit(
    state: &ApiState,
    operation: &Operation,
    client: &ClientAddress,
    id: &str,
    request: &Request,
) -> Result<Admitted, ApiError> {
    let access = &state.0.parts.access;
    if access.demo {
        // A page elsewhere could have its name point here, and read all answers as its own.
        return if is_loopback_host(request.headers()) {
            Ok((Some(Identity::demo()), None))
        } else {
            Err(ApiError::Forbidden(
                "the demo answers under the names localhost, 127.0.0.1 and [::1] only".to_owned(),
            ))
        };
    }
    match operation.audience {
        Audience::Everybody => return Ok((None, None)),
        Audience::Scraper if access.metrics_open => return Ok((None, None)),
        Audience::Scraper | Audience::Roles(_) => {}
    }
    let now = (state.0.parts.now)();
    let identity = identify(state, client, id, request, now)?;
    let asker = identity.grant().map_or("", |grant| grant.actor.as_str());
    let left = state.0.quota.take(asker, now);
    if left.refused {
        return Err(left.error());
    }
    if !identity.may(operation.audience) {
        let roles: Vec<&str> = operation
            .audience
            .roles()
            .iter()
            .map(|role| role.code())
            .collect();
        state.0.parts.metrics.count_failure("forbidden");
        tracing::warn!(path = operation.path, request = id, %client, "a role is missing");
        return Err(ApiError::Forbidden(format!(
            "this takes one of the roles {}",
            roles.join(", ")
        )));
    }
    Ok((Some(identity), Some(left)))
}

fn identify(
    state: &ApiState,
    client: &ClientAddress,
    id: &str,
    request: &Request,
    now: Timestamp,
) -> Result<Identity, ApiError> {
    let headers = request.headers();
    let count = |kind: &'static str| state.0.parts.metrics.count_failure(kind);
    if let Some(presented) = headers.get(header::AUTHORIZATION) {
        let presented = presented.to_str().unwrap_or_default();
        let token = bearer(presented).unwrap_or_default();
        let found = match &state.0.parts.access.tokens {
            Some(tokens) => tokens
                .find(token, now)
                .map_err(|error| ApiError::Internal(error.to_string()))?,
            None => Err(TokenFailure::Unknown),
        };
        return match found {
            Ok((grant, token)) => Ok(Identity::of(grant, Means::Token(token))),
            Err(failure) => {
                // A token in force is let in whatever others at its address do: 256 random bits
                // cannot be guessed, and a whole laboratory may stand behind one address.
                state.0.failures.check(client, now)?;
                state.0.failures.count(client, now);
                count("token");
                tracing::warn!(?failure, %client, request = id, "a token was refused");
                Err(ApiError::Unauthenticated("the token is not in force"))
            }
        };
    }
    let Some(cookie) = session_cookie(state, headers) else {
        return Err(ApiError::Unauthenticated("no token and no session"));
    };
    let Some(identity) = state.0.sessions.find(cookie, now) else {
        count("session");
        return Err(ApiError::Unauthenticated("the session has ended"));
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) && !is_own(headers, &identity) {
        count("csrf");
        tracing::warn!(%client, request = id, "a write without the session's token was refused");
        return Err(ApiError::Forbidden(
            "a write of a session takes its `X-CSRF-Token`, which /v1/session tells".to_owned(),
        ));
    }
    Ok(identity)
}

/// The token of an `Authorization` field.
fn bearer(field: &str) -> Option<&str> {
    let (scheme, token) = field.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a session's write comes from its own page: it knows the session's token, and the browser
/// does not say that another site sent it.
fn is_own(headers: &HeaderMap, identity: &Identity) -> bool {
    let Means::Session { csrf, .. } = identity.means() else {
        return false;
    };
    let brought = headers.get("x-csrf-token").map(HeaderValue::as_bytes);
    let knows = brought.is_some_and(|token| bool::from(token.ct_eq(csrf.as_bytes())));
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    knows && site.is_none_or(|site| site == b"same-origin" || site == b"none")
}

/// Whether a request names this machine itself, or no host at all.
fn is_loopback_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        return true;
    };
    let host = host.to_str().unwrap_or("?");
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_knows_its_own_names_only() {
        let named = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            is_loopback_host(&headers)
        };
        assert!(is_loopback_host(&HeaderMap::new()));
        for own in [
            "localhost",
            "LOCALHOST:8480",
            "127.0.0.1:1",
            "[::1]:8480",
            "[::1]",
            "127.9.9.9",
        ] {
            assert!(named(own), "{own}");
        }
        for foreign in [
            "evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1:8480",
            "localhost.evil:1",
            "",
        ] {
            assert!(!named(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_bearer_token_is_read_whatever_the_case_of_its_scheme() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}
