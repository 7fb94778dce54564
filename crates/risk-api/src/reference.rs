//! Reference data, for whoever shows names.

use crate::dto::{PolicyDto, ProblemDto, ReferenceDto, SiteDto};
use crate::error::ApiError;
use crate::etag::tagged_json;
use crate::identity::Identity;
use crate::params::Id;
use crate::state::{ApiParts, ApiState};
use crate::subjects::{check_seen, never_seen};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::ids::SiteId;
use risk_domain::subject::Subject;

/// Names of zones, sectors, products with their test items, hazards and fast-test methods.
#[utoipa::path(get, path = "/v1/reference", tag = "reference",
    params(("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The reference data", body = ReferenceDto),
        (status = 304, description = "The answer at hand still stands")))]
pub(crate) async fn reference(
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let answer = ReferenceDto::from(state.0.parts.reference.as_ref());
    tagged_json(&headers, &answer)
}

/// What the register says of a site: who trades there, in what, and where it is.
#[utoipa::path(get, path = "/v1/sites/{id}", tag = "reference",
    params(
        ("id" = String, Path, description = "the site's id, without a kind"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The site", body = SiteDto),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "No site's id", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "The register says nothing of it", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn site(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let site = SiteId::new(&id).map_err(|error| ApiError::BadParameter {
        field: "id".to_owned(),
        rule: error.to_string(),
    })?;
    let subject = Subject::Site(site);
    let read = move |parts: &ApiParts| {
        check_seen(parts, &identity, &subject)?;
        let engine = parts.engine();
        let entry = engine
            .registered(&subject)
            .ok_or_else(|| never_seen(&subject))?;
        tagged_json(&headers, &SiteDto::from(entry))
    };
    state.read(read).await
}

/// The risk policy in force, with its text.
#[utoipa::path(get, path = "/v1/policy", tag = "reference",
    params(("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The policy", body = PolicyDto),
        (status = 304, description = "The answer at hand still stands")))]
pub(crate) async fn policy(
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read =
        move |parts: &ApiParts| tagged_json(&headers, &PolicyDto::from(parts.engine().policy()));
    state.read(read).await
}
