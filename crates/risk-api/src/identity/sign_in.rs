//! Signing in and out（登录、退出）.

use super::provider::SignInError;
use super::sessions::fresh;
use super::{Identity, Means};
use crate::dto::{ProblemDto, SessionDto, WaysDto};
use crate::error::ApiError;
use crate::params::Params;
use crate::request::RequestId;
use crate::state::{ApiState, ClientAddress};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use risk_domain::time::Timestamp;
use std::sync::Arc;

/// A cookie's name. Over https it begins with `__Host-`, which keeps other hosts from setting it.
fn cookie_name(what: &str, https: bool) -> String {
    let prefix = if https { "__Host-" } else { "" };
    format!("{prefix}spotcheck-{what}")
}

/// `Lax` rather than `Strict`: the way back from the provider is a cross-site navigation. What
/// changes anything needs the session's token besides.
fn cookie(name: &str, value: &str, max_age: Option<i64>, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    let age = max_age.map(|seconds| format!("; Max-Age={seconds}"));
    let age = age.unwrap_or_default();
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}")
}

/// The value of a cookie; of two with one name, none: somebody may have planted one.
fn cookie_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter();
    let pairs = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let mut found = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// The session cookie that a request brings.
pub(crate) fn session_cookie<'a>(state: &ApiState, headers: &'a HeaderMap) -> Option<&'a str> {
    let https = state
        .0
        .parts
        .access
        .provider
        .as_ref()
        .is_some_and(|one| one.is_https());
    cookie_of(headers, &cookie_name("session", https))
}

fn with_cookies(mut response: Response, cookies: &[String]) -> Response {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

fn see_other(url: &str) -> Result<Response, ApiError> {
    let location = HeaderValue::from_str(url)
        .map_err(|_error| ApiError::Internal("the provider's address is no header".to_owned()))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// The ways to be known here, for the page that asks for one.
#[utoipa::path(get, path = "/auth/ways", tag = "identity",
    responses((status = 200, description = "Ways", body = WaysDto)))]
pub(crate) async fn ways(State(state): State<ApiState>) -> Json<WaysDto> {
    let access = &state.0.parts.access;
    Json(WaysDto {
        demo: access.demo,
        provider: access.provider.is_some(),
        token: access.tokens.is_some(),
    })
}

/// Begin a sign-in: sends the browser to the identity provider.
#[utoipa::path(get, path = "/auth/login", tag = "identity",
    responses(
        (status = 303, description = "Go to the provider"),
        (status = 404, description = "No provider is configured", body = ProblemDto, content_type = "application/problem+json"),
        (status = 502, description = "The provider does not answer", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn login(
    State(state): State<ApiState>,
    client: ClientAddress,
    RequestId(request): RequestId,
) -> Result<Response, ApiError> {
    let provider = state.provider()?;
    let now = (state.0.parts.now)();
    state.0.failures.check(&client, now)?;
    let asked = Arc::clone(&provider);
    let departure = blocking(move || asked.depart(now)).await?;
    let departure = departure.map_err(|error| failed(&state, &client, &request, now, error))?;
    let browser = fresh();
    state
        .0
        .pending
        .begin(&departure.state, &browser, departure.begun, now);
    let https = provider.is_https();
    let age = Some(super::pending::PATIENCE / 1000);
    let bound = cookie(&cookie_name("sign-in", https), &browser, age, https);
    Ok(with_cookies(see_other(&departure.url)?, &[bound]))
}

/// Where the provider sends people back to.
#[utoipa::path(get, path = "/auth/callback", tag = "identity",
    params(
        ("code" = Option<String>, Query, description = "the provider's code"),
        ("state" = Option<String>, Query, description = "which sign-in it belongs to"),
        ("iss" = Option<String>, Query, description = "the provider's issuer"),
        ("error" = Option<String>, Query, description = "why the provider signed nobody in"),
        ("error_description" = Option<String>, Query, description = "the same in words"),
        ("error_uri" = Option<String>, Query, description = "where the provider explains it"),
        ("scope" = Option<String>, Query, description = "of no meaning here"),
        ("session_state" = Option<String>, Query, description = "of no meaning here")),
    responses(
        (status = 303, description = "Signed in: the page, with a session's cookie"),
        (status = 400, description = "No such sign-in", body = ProblemDto, content_type = "application/problem+json"),
        (status = 401, description = "What came back proves nothing", body = ProblemDto, content_type = "application/problem+json"),
        (status = 403, description = "The person has no role here", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "No provider is configured", body = ProblemDto, content_type = "application/problem+json"),
        (status = 502, description = "The provider does not answer", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn callback(
    State(state): State<ApiState>,
    client: ClientAddress,
    RequestId(request): RequestId,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let provider = state.provider()?;
    let now = (state.0.parts.now)();
    state.0.failures.check(&client, now)?;
    let https = provider.is_https();
    let refuse = |why: &str| {
        failed(
            &state,
            &client,
            &request,
            now,
            SignInError::Refused(why.to_owned()),
        )
    };
    let browser = cookie_of(&headers, &cookie_name("sign-in", https)).unwrap_or_default();
    let begun = params
        .text("state")
        .and_then(|name| state.0.pending.take(name, browser, now));
    let Some(begun) = begun else {
        return Err(refuse(
            "no sign-in with this state was begun by this browser in the last minutes",
        ));
    };
    if let Some(error) = params.text("error") {
        // The provider's word is logged, not shown: anybody can write a link with any text.
        return Err(refuse(&format!("the provider says {error}")));
    }
    let Some(code) = params.text("code").map(str::to_owned) else {
        return Err(refuse("there is no code"));
    };
    let issuer = params.text("iss").map(str::to_owned);
    let asked = Arc::clone(&provider);
    let grant = blocking(move || asked.arrive(code, issuer.as_deref(), begun, now)).await?;
    let grant = grant.map_err(|error| failed(&state, &client, &request, now, error))?;
    // Whatever session this browser had, it begins a new one under a new id.
    if let Some(old) = session_cookie(&state, &headers) {
        state.0.sessions.end(old);
    }
    tracing::info!(actor = grant.actor.as_str(), request, "signed in");
    state.0.parts.metrics.count_sign_in();
    let session = state.0.sessions.begin(grant, now);
    let cookies = [
        cookie(&cookie_name("session", https), &session, None, https),
        cookie(&cookie_name("sign-in", https), "", Some(0), https),
    ];
    Ok(with_cookies(see_other("/")?, &cookies))
}

/// Sign out: the session ends here, and its cookie opens nothing any more.
#[utoipa::path(post, path = "/auth/logout", tag = "identity",
    responses((status = 204, description = "The session has ended")))]
pub(crate) async fn logout(
    State(state): State<ApiState>,
    identity: Identity,
    headers: HeaderMap,
) -> Response {
    if let Means::Session { .. } = identity.means()
        && let Some(session) = session_cookie(&state, &headers)
    {
        state.0.sessions.end(session);
    }
    let https = state.provider().is_ok_and(|provider| provider.is_https());
    let gone = cookie(&cookie_name("session", https), "", Some(0), https);
    let mut response = with_cookies(StatusCode::NO_CONTENT.into_response(), &[gone]);
    let everything = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
    response.headers_mut().insert("clear-site-data", everything);
    response
}

/// Who you are here.
#[utoipa::path(get, path = "/v1/session", tag = "identity",
    responses((status = 200, description = "Who you are", body = SessionDto)))]
pub(crate) async fn session(identity: Identity) -> Response {
    let grant = identity.grant();
    let (means, csrf_token, ends_at) = match identity.means() {
        Means::Demo => ("demo", None, None),
        Means::Token(_) => ("token", None, None),
        Means::Session { csrf, ends_at, .. } => {
            let ends_at = Timestamp::from_millis(*ends_at).to_string();
            ("session", Some(csrf.clone()), Some(ends_at))
        }
    };
    let zones = identity.zones();
    let shown = SessionDto {
        actor: grant.map(|grant| grant.actor.to_string()),
        roles: grant.map_or_else(Vec::new, |grant| {
            grant.roles.iter().map(ToString::to_string).collect()
        }),
        zones: zones.map(|zones| zones.iter().map(ToString::to_string).collect()),
        means: means.to_owned(),
        csrf_token,
        ends_at,
    };
    with_cookies(Json(shown).into_response(), &[])
}

/// Logs and counts a failed sign-in, and says what the person is told.
fn failed(
    state: &ApiState,
    client: &ClientAddress,
    request: &str,
    now: Timestamp,
    error: SignInError,
) -> ApiError {
    let (kind, answer) = match &error {
        SignInError::Unreachable(_) => ("provider", ApiError::ProviderUnreachable),
        SignInError::Refused(_) => ("sign_in", ApiError::SignInRefused),
        SignInError::NoRole(_) => (
            "no_role",
            ApiError::Forbidden("you have no role here; ask an administrator for one".to_owned()),
        ),
    };
    let (SignInError::Unreachable(why) | SignInError::Refused(why) | SignInError::NoRole(why)) =
        error;
    tracing::warn!(kind, why, %client, request, "a sign-in failed");
    state.0.parts.metrics.count_failure(kind);
    if kind != "provider" {
        state.0.failures.count(client, now);
    }
    answer
}

/// Does what waits for the provider, on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::Internal(format!("a sign-in ended early: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
        let https = cookie(&cookie_name("session", true), "v", None, true);
        assert_eq!(
            https,
            "__Host-spotcheck-session=v; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        let ended = cookie(&cookie_name("session", false), "", Some(0), false);
        assert!(ended.ends_with("; Max-Age=0") && !ended.contains("Secure"));
    }

    #[test]
    fn a_cookie_is_found_among_others_and_not_when_it_stands_twice() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=1; s=x=y"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        assert_eq!(cookie_of(&headers, "s"), Some("x=y"));
        assert_eq!(cookie_of(&headers, "b"), Some("2"));
        assert_eq!(cookie_of(&headers, "c"), None);
        headers.append("cookie", HeaderValue::from_static("s=planted"));
        assert_eq!(cookie_of(&headers, "s"), None);
    }
}
