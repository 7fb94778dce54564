//! Subjects side by side（同类比较）.

use crate::dto::{AssessmentDto, ComparedDto, ComparisonDto, DifferenceDto, Names, ProblemDto};
use crate::error::ApiError;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use crate::subjects::{never_seen, read_subject};
use axum::Json;
use axum::extract::State;
use risk_domain::subject::Subject;
use risk_engine::{Assessment, Engine};

/// Comparable subjects of an answer.
const NEAREST: usize = 5;

/// A subject beside another, or beside its nearest comparable ones, part by part, as of now.
#[utoipa::path(get, path = "/v1/subjects/{id}/compare", tag = "subjects",
    params(
        ("id" = String, Path, description = "the subject, as enterprise:ID"),
        ("with" = Option<String>, Query, description = "the subject to compare it with; without it, the five nearest of its kind: of enterprises, sites and cells those that sell a product that it sells, of a product those of its sector, of a zone those in the same zone, of a sector all others")),
    responses(
        (status = 200, description = "The comparison", body = ComparisonDto),
        (status = 400, description = "A bad parameter", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Never seen", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn compare(
    State(state): State<ApiState>,
    Id(id): Id,
    params: Params,
) -> Result<Json<ComparisonDto>, ApiError> {
    let subject = read_subject(&id)?;
    let read = |text: &str| text.parse::<Subject>().ok();
    let with = params.parse(
        "with",
        "must be a subject's id, such as enterprise:ID",
        read,
    )?;
    state
        .read(move |parts| Ok(Json(comparison(parts, &subject, with)?)))
        .await
}

fn comparison(
    parts: &ApiParts,
    subject: &Subject,
    with: Option<Subject>,
) -> Result<ComparisonDto, ApiError> {
    let engine = parts.engine();
    let now = (parts.now)();
    let estimate = |of: &Subject| engine.provisional(of, now).ok_or_else(|| never_seen(of));
    let own = estimate(subject)?;
    let others = match with {
        Some(other) => vec![other],
        None => engine.comparables(subject, NEAREST),
    };
    let others = others.iter().map(|other| {
        let found = estimate(other)?;
        Ok(ComparedDto {
            differences: DifferenceDto::between(&own, &found),
            assessment: shown(parts, &engine, &found),
        })
    });
    Ok(ComparisonDto {
        others: others.collect::<Result<_, ApiError>>()?,
        subject: shown(parts, &engine, &own),
    })
}

fn shown(parts: &ApiParts, engine: &Engine, one: &Assessment) -> AssessmentDto {
    let names = Names::of(&one.subject, engine, &parts.reference);
    AssessmentDto::new(one, names, engine.end_of(one.epoch), true)
}
