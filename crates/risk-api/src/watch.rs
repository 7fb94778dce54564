//! What is probably breaking out（监测清单）.

use crate::dto::{OutbreakDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;

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
    let limit = params.limit(MAX_ROWS)?;
    let from = params.parse("cursor", "must be the `next` of a page", |text| {
        text.parse::<usize>().ok()
    })?;
    let from = from.unwrap_or(0);
    let read = move |parts: &ApiParts| {
        let engine = parts.engine();
        let all = engine.watch_list();
        let page = all.iter().skip(from).take(limit);
        let items: Vec<OutbreakDto> = page
            .map(|outbreak| OutbreakDto::new(outbreak, &engine, &parts.reference))
            .collect();
        let next = from + items.len();
        let next = (next < all.len()).then(|| next.to_string());
        Ok(Json(Page { items, next }))
    };
    state.read(read).await
}
