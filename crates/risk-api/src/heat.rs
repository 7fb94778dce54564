//! Risk by zone and sector, counted once for each close.

use crate::dto::{CellHeatDto, HeatDto};
use crate::error::ApiError;
use crate::etag::tagged_json;
use crate::identity::Identity;
use crate::state::{ApiParts, ApiState};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::time::Timestamp;
use risk_engine::PlaceEstimate;
use std::sync::{Arc, Mutex, PoisonError};

/// What was counted last, and at the end of which close.
#[derive(Debug, Default)]
pub(crate) struct HeatBook(Mutex<Option<Counted>>);

type Counted = (Option<Timestamp>, Arc<Vec<PlaceEstimate>>);

impl HeatBook {
    /// As of the last close. The lock is held while it counts: of several who ask, one counts.
    fn of(&self, parts: &ApiParts) -> Counted {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = parts.engine();
        let as_of = engine.last_closed().map(|(_, end)| end);
        if let Some(counted) = last.as_ref().filter(|(of, _)| *of == as_of) {
            return counted.clone();
        }
        let counted = (as_of, Arc::new(engine.places()));
        *last = Some(counted.clone());
        counted
    }
}

/// Mean probability of a failure by innermost zone and sector, over the frame, as of the last close.
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
    let book = Arc::clone(&state.0.heat);
    let read = move |parts: &ApiParts| {
        let (as_of, places) = book.of(parts);
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
