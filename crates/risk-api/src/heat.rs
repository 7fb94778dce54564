//! Risk by zone and sector, counted once for each close.
//!
//! Counting walks over all targets, which takes half a second of a million subjects; it follows each close on the
//! thread of [`crate::books`].

use crate::books::Counted;
use crate::dto::{CellHeatDto, HeatDto};
use crate::error::ApiError;
use crate::etag::tagged_json;
use crate::identity::Identity;
use crate::state::{ApiParts, ApiState, Shared};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_engine::PlaceEstimate;
use std::convert::Infallible;
use std::sync::Arc;

impl Shared {
    /// What was counted as of the last close.
    pub(crate) fn heat(&self) -> Counted<Vec<PlaceEstimate>> {
        let count = || Ok::<_, Infallible>(self.parts.engine().places());
        match self.heat.get(&self.parts, count) {
            Ok(counted) => counted,
        }
    }
}

/// Mean probability of a failure by innermost zone and sector, over the frame, as of the last close:
/// `as_of` says which.
#[utoipa::path(get, path = "/v1/heat", tag = "subjects",
    params(("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "Zones with sectors; of a zone manager's, their own", body = HeatDto),
        (status = 304, description = "The answer at hand still stands")))]
pub(crate) async fn heat(
    State(state): State<ApiState>,
    identity: Identity,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let shared = Arc::clone(&state.0);
    let read = move |parts: &ApiParts| {
        let (as_of, places) = shared.heat();
        let engine = parts.engine();
        let seen = places
            .iter()
            .filter(|place| identity.sees_zone(&place.zone, engine.taxonomy()));
        let answer = HeatDto {
            as_of: as_of.map(|end| end.to_string()),
            cells: seen.map(CellHeatDto::from).collect(),
        };
        tagged_json(&headers, &answer)
    };
    state.read(read).await
}
