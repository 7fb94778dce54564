//! Errors as problems (RFC 9457): a stable type, a title, what to do about it.

use crate::dto::ProblemDto;
use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use risk_store::StoreError;

/// Everything that a request can be answered with besides what it asked for.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// Return `400 Bad Request`: a parameter breaks a rule.
    BadParameter {
        /// Which.
        field: String,
        /// The rule.
        rule: String,
    },
    /// Return `400 Bad Request`: the body is neither JSON nor lines of JSON.
    BadBody(String),
    /// Return `401 Unauthorized`: nobody is known.
    Unauthenticated(&'static str),
    /// Return `401 Unauthorized`: what came back from the provider proves nothing.
    SignInRefused,
    /// Return `403 Forbidden`: who asks is known, and may not.
    Forbidden(String),
    /// Return `404 Not Found`.
    NotFound(String),
    /// Return `409 Conflict`: constraints of a plan clash, or a draw stands otherwise.
    Conflict(String),
    /// Return `405 Method Not Allowed`.
    MethodNotAllowed,
    /// Return `409 Conflict`: the request with this idempotency key is still being worked on.
    KeyUnderWay,
    /// Return `412 Precondition Failed`: what `If-Match` names is not what stands.
    Changed,
    /// Return `422 Unprocessable Content`: the idempotency key belongs to another request.
    KeyReused,
    /// Return `413 Content Too Large`.
    TooLarge,
    /// Return `415 Unsupported Media Type`.
    UnsupportedMediaType,
    /// Return `429 Too Many Requests`: too much is waiting.
    Busy,
    /// Return `429 Too Many Requests`: this one asks too often.
    RateLimited {
        /// Seconds until it may ask again.
        seconds: u64,
    },
    /// Return `501 Not Implemented`: this program was built without what it takes.
    NotBuilt(String),
    /// Return `502 Bad Gateway`: the identity provider does not answer.
    ProviderUnreachable,
    /// Return `503 Service Unavailable`: the pipeline has stopped.
    Stopped,
    /// Return `503 Service Unavailable`: the views are being built again.
    Rebuilding,
    /// Return `500 Internal Server Error`; the cause is logged, not shown.
    Internal(String),
}

/// What a kind of error says of itself.
struct Kind {
    code: &'static str,
    title: &'static str,
    status: StatusCode,
    /// Seconds after which the same request may succeed.
    retry_after: Option<u64>,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cursor => Self::BadParameter {
                field: "cursor".to_owned(),
                rule: "must be the `next` of an earlier page of the same list".to_owned(),
            },
            StoreError::ViewsUnavailable => Self::Rebuilding,
            StoreError::Stopped { .. } => Self::Stopped,
            StoreError::Io { .. }
            | StoreError::Locked { .. }
            | StoreError::NotAStore { .. }
            | StoreError::Missing { .. }
            | StoreError::Format { .. }
            | StoreError::Ledger(_)
            | StoreError::Identity(_)
            | StoreError::Record { .. }
            | StoreError::MasterKey { .. }
            | StoreError::Unrecordable(_)
            | StoreError::Retention(_)
            | StoreError::Engine(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else {
            Self::BadBody(rejection.body_text())
        }
    }
}

impl ApiError {
    #[expect(clippy::too_many_lines, reason = "a table with a row for each kind")]
    fn kind(&self) -> Kind {
        let kind = |code, title, status| Kind {
            code,
            title,
            status,
            retry_after: None,
        };
        match self {
            Self::BadParameter { .. } => kind(
                "bad-parameter",
                "A parameter is not valid",
                StatusCode::BAD_REQUEST,
            ),
            Self::BadBody(_) => kind(
                "bad-body",
                "The body cannot be read",
                StatusCode::BAD_REQUEST,
            ),
            Self::Unauthenticated(_) => kind(
                "unauthenticated",
                "Nobody is known to be asking",
                StatusCode::UNAUTHORIZED,
            ),
            Self::SignInRefused => kind(
                "sign-in-refused",
                "The sign-in failed",
                StatusCode::UNAUTHORIZED,
            ),
            Self::Forbidden(_) => kind("forbidden", "This is not for you", StatusCode::FORBIDDEN),
            Self::Conflict(_) => kind(
                "conflict",
                "What is asked for clashes with what stands",
                StatusCode::CONFLICT,
            ),
            Self::NotFound(_) => kind("not-found", "There is no such thing", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => kind(
                "method-not-allowed",
                "This route does not know the method",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Self::KeyUnderWay => Kind {
                retry_after: Some(1),
                ..kind(
                    "idempotency-key-under-way",
                    "The first request with this key is not answered yet",
                    StatusCode::CONFLICT,
                )
            },
            Self::Changed => kind(
                "changed",
                "It is not what you saw any more",
                StatusCode::PRECONDITION_FAILED,
            ),
            Self::KeyReused => kind(
                "idempotency-key-reused",
                "The key belongs to another request",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::RateLimited { seconds } => Kind {
                retry_after: Some(*seconds),
                ..kind(
                    "rate-limited",
                    "You ask too often",
                    StatusCode::TOO_MANY_REQUESTS,
                )
            },
            Self::NotBuilt(_) => kind(
                "not-built",
                "This program was built without what that takes",
                StatusCode::NOT_IMPLEMENTED,
            ),
            Self::ProviderUnreachable => kind(
                "provider-unreachable",
                "The identity provider does not answer",
                StatusCode::BAD_GATEWAY,
            ),
            Self::TooLarge => kind(
                "too-large",
                "The body is too large",
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
            Self::UnsupportedMediaType => kind(
                "unsupported-media-type",
                "The body's type is not known",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Self::Busy => Kind {
                retry_after: Some(1),
                ..kind("busy", "Too much is waiting", StatusCode::TOO_MANY_REQUESTS)
            },
            Self::Stopped => kind(
                "stopped",
                "The pipeline has stopped",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Self::Rebuilding => Kind {
                retry_after: Some(5),
                ..kind(
                    "rebuilding",
                    "The views are being built again",
                    StatusCode::SERVICE_UNAVAILABLE,
                )
            },
            Self::Internal(_) => kind(
                "internal",
                "Something went wrong here",
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
        }
    }

    pub(crate) fn detail(&self) -> String {
        match self {
            Self::BadParameter { field, rule } => format!("`{field}` {rule}"),
            Self::BadBody(why)
            | Self::Conflict(why)
            | Self::Forbidden(why)
            | Self::NotBuilt(why)
            | Self::NotFound(why) => why.clone(),
            Self::Unauthenticated(why) => format!(
                "{why}: send `Authorization: Bearer TOKEN` (`spotcheck token create` makes one), or sign in at /auth/login"
            ),
            Self::SignInRefused => {
                "begin again at /auth/login; the log has the cause, under this request's id"
                    .to_owned()
            }
            Self::KeyUnderWay | Self::RateLimited { .. } => {
                "ask again after the time in Retry-After".to_owned()
            }
            Self::Changed => "read it again, and decide on what stands now".to_owned(),
            Self::KeyReused => "make a new key for every new request".to_owned(),
            Self::ProviderUnreachable => {
                "try again in a moment; the log has the cause, under this request's id".to_owned()
            }
            Self::MethodNotAllowed => "see /openapi.json for the methods of each route".to_owned(),
            Self::TooLarge => "send the records in several requests".to_owned(),
            Self::UnsupportedMediaType => {
                "send application/json or application/x-ndjson".to_owned()
            }
            Self::Busy => "try again after the time in Retry-After".to_owned(),
            Self::Stopped => {
                "see /readyz for the reasons; records that were not answered may be sent again"
                    .to_owned()
            }
            Self::Rebuilding => {
                "nothing is lost; ask again after the time in Retry-After".to_owned()
            }
            Self::Internal(_) => "the log has the cause".to_owned(),
        }
    }

    fn field_and_rule(&self) -> (Option<String>, Option<String>) {
        if let Self::BadParameter { field, rule } = self {
            (Some(field.clone()), Some(rule.clone()))
        } else {
            (None, None)
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(cause) = &self {
            tracing::error!(cause, "a request failed");
        }
        let kind = self.kind();
        let (field, rule) = self.field_and_rule();
        let problem = ProblemDto {
            kind: format!("/problems/{}", kind.code),
            title: kind.title.to_owned(),
            status: kind.status.as_u16(),
            detail: self.detail(),
            field,
            rule,
        };
        let mut response = (kind.status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = kind.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if kind.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"spotcheck\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
