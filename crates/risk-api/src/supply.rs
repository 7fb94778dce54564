//! What supply paths lend to an enterprise or its product（供应链影响）, beside its grade and never in it.
//!
//! The answers come from a view in memory ([`crate::books`]).

use crate::burden::day_of;
use crate::dto::{InfluenceDto, ProblemDto};
use crate::error::ApiError;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use crate::subjects::{known_of, never_seen, read_subject};
use axum::Json;
use axum::extract::State;
use risk_domain::subject::Subject;

/// What supply paths lend to an enterprise, or to one product of it: the paths that it shares with others at
/// which their goods failed, the points, their bound, and the grade beside which they stand.
#[utoipa::path(get, path = "/v1/subjects/{id}/supply", tag = "subjects",
    params(
        ("id" = String, Path, description = "an enterprise or a cell, as enterprise:ID or cell:ENTERPRISE:PRODUCT"),
        ("on" = Option<String>, Query, description = "as of this day; the day of the last close by default")),
    responses(
        (status = 200, description = "What paths lend", body = InfluenceDto),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Never seen", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Id(id): Id,
    params: Params,
) -> Result<Json<InfluenceDto>, ApiError> {
    let subject = read_subject(&id)?;
    let (enterprise, product) = match &subject {
        Subject::Enterprise(enterprise) => (enterprise.clone(), None),
        Subject::Cell(enterprise, product) => (enterprise.clone(), Some(product.clone())),
        Subject::Product(_) | Subject::Site(_) | Subject::Zone(_) | Subject::Sector(_) => {
            return Err(ApiError::BadParameter {
                field: "id".to_owned(),
                rule: "must be an enterprise or a cell: nothing else has goods".to_owned(),
            });
        }
    };
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let on = day_of(&params, parts)?;
        let known = known_of(parts, &subject)?;
        if known.is_none() && !parts.engine().knows(&subject) {
            return Err(never_seen(&subject));
        }
        let held = book.0.books.read(parts)?;
        let engine = parts.engine();
        let policy = engine.policy();
        let (rules, offset) = (&policy.alert.paths, policy.time.offset);
        let found = held
            .paths
            .influence(&enterprise, product.as_ref(), on, rules, offset);
        Ok(Json(InfluenceDto::new(&subject, known.as_ref(), &found)))
    };
    state.read(read).await
}
