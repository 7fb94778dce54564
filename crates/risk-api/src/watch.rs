//! What is probably breaking out（监测清单）.

use crate::dto::{OutbreakDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use risk_engine::Outbreak;

/// The most rows of a page.
const MAX_ROWS: usize = 500;

/// Products, sectors and enterprises whose results have probably changed for the worse, by the last
/// weekly close: of each kind, as many, the most probable first, as keep the expected share of false
/// entries within `detection.list_false_share` of the policy.
#[utoipa::path(get, path = "/v1/watch", tag = "alerts",
    params(
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<OutbreakDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<OutbreakDto>>, ApiError> {
    let read = move |parts: &ApiParts| {
        let engine = parts.engine();
        let row = |outbreak: &Outbreak| OutbreakDto::new(outbreak, &engine, &parts.reference);
        Ok(Json(params.page(&engine.watch_list(), MAX_ROWS, row)?))
    };
    state.read(read).await
}
