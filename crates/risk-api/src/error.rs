//! Errors as problems (RFC 9457): a stable type, a title, what to do about it.

use crate::dto::ProblemDto;
use axum::Json;
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
    /// Return `400 Bad Request`: the body is neither a JSON array nor lines of JSON.
    BadBody(String),
    /// Return `404 Not Found`.
    NotFound(String),
    /// Return `405 Method Not Allowed`.
    MethodNotAllowed,
    /// Return `413 Content Too Large`.
    TooLarge,
    /// Return `415 Unsupported Media Type`.
    UnsupportedMediaType,
    /// Return `429 Too Many Requests`: too much is waiting.
    Busy,
    /// Return `503 Service Unavailable`: the pipeline has stopped.
    Stopped,
    /// Return `500 Internal Server Error`; the cause is logged, not shown.
    Internal(StoreError),
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Cursor) {
            return Self::BadParameter {
                field: "cursor".to_owned(),
                rule: "must be the `next` of an earlier page of the same list".to_owned(),
            };
        }
        Self::Internal(error)
    }
}

impl ApiError {
    fn problem(&self) -> ProblemDto {
        let (code, title, status, detail, field) = match self {
            Self::BadParameter { field, rule } => (
                "bad-parameter",
                "A parameter is not valid",
                StatusCode::BAD_REQUEST,
                format!("`{field}` {rule}"),
                Some(field.clone()),
            ),
            Self::BadBody(why) => (
                "bad-body",
                "The body cannot be read",
                StatusCode::BAD_REQUEST,
                why.clone(),
                None,
            ),
            Self::NotFound(what) => (
                "not-found",
                "There is no such thing",
                StatusCode::NOT_FOUND,
                what.clone(),
                None,
            ),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "This route does not know the method",
                StatusCode::METHOD_NOT_ALLOWED,
                "see /openapi.json for the methods of each route".to_owned(),
                None,
            ),
            Self::TooLarge => (
                "too-large",
                "The body is too large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "send the records in several requests".to_owned(),
                None,
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                "The body's type is not known",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send application/json or application/x-ndjson".to_owned(),
                None,
            ),
            Self::Busy => (
                "busy",
                "Too much is waiting",
                StatusCode::TOO_MANY_REQUESTS,
                "try again after the time in Retry-After".to_owned(),
                None,
            ),
            Self::Stopped => (
                "stopped",
                "The pipeline has stopped",
                StatusCode::SERVICE_UNAVAILABLE,
                "see /readyz for the reasons; records that were not answered may be sent again"
                    .to_owned(),
                None,
            ),
            Self::Internal(_) => (
                "internal",
                "Something went wrong here",
                StatusCode::INTERNAL_SERVER_ERROR,
                "the log has the cause".to_owned(),
                None,
            ),
        };
        ProblemDto {
            kind: format!("/problems/{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            field,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(error) = &self {
            tracing::error!(error = %error, "a request failed");
        }
        let problem = self.problem();
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
