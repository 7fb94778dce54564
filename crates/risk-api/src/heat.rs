//! Risk by zone and sector, counted once for each close.
//!
//! Counting walks over all targets, which takes half a second of a million subjects. Nobody waits for it
//! but who asks before the first count, which is begun when the server starts: while the next one is
//! under way, the one before is answered, and says of which close it is.

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
pub(crate) struct HeatBook {
    last: Mutex<Option<Counted>>,
    /// Held by whoever counts.
    counting: Mutex<()>,
}

type Counted = (Option<Timestamp>, Arc<Vec<PlaceEstimate>>);

impl HeatBook {
    /// What was counted last. What is not of the last close is counted anew on a thread beside; where
    /// nothing was ever counted, this waits for it.
    fn of(self: &Arc<Self>, parts: &Arc<ApiParts>) -> Counted {
        let last = self.last();
        let as_of = parts.engine().last_closed().map(|(_, end)| end);
        match last {
            Some(counted) if counted.0 == as_of => counted,
            Some(counted) => {
                let (book, parts) = (Arc::clone(self), Arc::clone(parts));
                let thread = std::thread::Builder::new().name("heat".to_owned());
                if let Err(error) = thread.spawn(move || book.count_beside(&parts)) {
                    tracing::warn!(%error, "no thread to count the heat map; the next question tries again");
                }
                counted
            }
            None => {
                let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
                // Somebody may have counted meanwhile.
                self.last().unwrap_or_else(|| self.count(parts))
            }
        }
    }

    /// Counts for the first time, so that nobody waits for it.
    pub(crate) fn begin(self: &Arc<Self>, parts: &Arc<ApiParts>) {
        drop(self.of(parts));
    }

    fn last(&self) -> Option<Counted> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// Counts unless somebody does already.
    fn count_beside(&self, parts: &ApiParts) {
        if let Ok(_counting) = self.counting.try_lock() {
            let as_of = parts.engine().last_closed().map(|(_, end)| end);
            if self.last().is_none_or(|(of, _)| of != as_of) {
                self.count(parts);
            }
        }
    }

    fn count(&self, parts: &ApiParts) -> Counted {
        let counted = {
            let engine = parts.engine();
            let as_of = engine.last_closed().map(|(_, end)| end);
            (as_of, Arc::new(engine.places()))
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(counted.clone());
        counted
    }
}

/// Mean probability of a failure by innermost zone and sector, over the frame, as of the last close, or of
/// the one before while that of the last is counted: `as_of` says which.
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
        let (as_of, places) = shared.heat.of(&shared.parts);
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
