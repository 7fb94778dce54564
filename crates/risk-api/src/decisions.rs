//! Decisions of officers on grades（人工决定）.

use crate::dto::{DecisionDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::etag::{matches, tagged_json};
use crate::identity::Identity;
use crate::lists::listed_problem;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState, Shared};
use crate::{alerts, cases};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::subject::Subject;
use risk_engine::{DecisionState, Engine};
use serde::Serialize;
use serde_json::Value;

/// The most rows of a page.
const MAX_ROWS: usize = 500;

/// Overrides and floors, those decided last first, with who agreed to them or withdrew them.
#[utoipa::path(get, path = "/v1/decisions", tag = "decisions",
    params(
        ("subject" = Option<String>, Query, description = "only those on this subject, as `kind:id`"),
        ("state" = Option<String>, Query, description = "only those that stand so: in_force, awaits_approval, expired, withdrawn"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<DecisionDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<DecisionDto>>, ApiError> {
    let subject = params.parse("subject", "must be a subject, as enterprise:E1", |text| {
        text.parse::<Subject>().ok()
    })?;
    let wanted = params.parse(
        "state",
        "must be in_force, awaits_approval, expired or withdrawn",
        |text| {
            let mut states = DecisionState::ALL.into_iter();
            states.find(|state| state.code() == text)
        },
    )?;
    let (limit, cursor) = (params.limit(MAX_ROWS)?, params.cursor());
    let read = move |parts: &ApiParts| {
        let engine = parts.engine();
        let today = engine.policy().time.offset.day_of((parts.now)());
        let decisions = engine.decisions(today).into_iter();
        let fits = decisions.filter(|(command, state)| {
            subject.as_ref().is_none_or(|of| command.subject == *of)
                && wanted.is_none_or(|wanted| *state == wanted)
        });
        let mut fits = fits.peekable();
        if let Some(after) = &cursor {
            let id = |next: &(&risk_domain::decision::GradeCommand, DecisionState)| {
                next.0.command_id.as_str() == after
            };
            while fits.next_if(|next| !id(next)).is_some() {}
            if fits.next().is_none() {
                return Err(ApiError::BadParameter {
                    field: "cursor".to_owned(),
                    rule: "must be the `next` of a page".to_owned(),
                });
            }
        }
        let shown = fits.by_ref().take(limit);
        let items: Vec<DecisionDto> = shown
            .map(|(command, state)| DecisionDto::new(command, state, &engine))
            .collect();
        let last = items.last().map(|last| last.command_id.clone());
        let next = last.filter(|_| fits.peek().is_some());
        Ok(Json(Page { items, next }))
    };
    state.read(read).await
}

/// One override or floor. Its tag changes with whatever changes it; a command that approves or
/// withdraws it may bring the tag along in `If-Match`.
#[utoipa::path(get, path = "/v1/decisions/{id}", tag = "decisions",
    params(
        ("id" = String, Path, description = "its command"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The decision", body = DecisionDto),
        (status = 304, description = "The answer at hand still stands"),
        (status = 404, description = "No such decision", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| {
        let missing = || ApiError::NotFound(format!("there is no decision {id}"));
        let decision = decision(parts, &id).ok_or_else(missing)?;
        tagged_json(&headers, &decision)
    };
    state.read(read).await
}

fn decision(parts: &ApiParts, id: &str) -> Option<DecisionDto> {
    let engine: &Engine = &parts.engine();
    let today = engine.policy().time.offset.day_of((parts.now)());
    let all = engine.decisions(today).into_iter();
    let mut named = all.filter(|(command, _)| command.command_id.as_str() == id);
    let (command, state) = named.next()?;
    Some(DecisionDto::new(command, state, engine))
}

/// Fails unless what a single posted command acts on is still what its sender saw: an alert, a case, the
/// decision that it approves or withdraws, or the problem that it plans or verifies. Between this look and the worker's another command may come; the
/// worker's own rules then decide, which refuse steps that do not fit and to approve or withdraw twice.
pub(crate) fn check_unchanged(
    shared: &Shared,
    parts: &ApiParts,
    identity: &Identity,
    headers: &HeaderMap,
    records: &[Vec<u8>],
) -> Result<(), ApiError> {
    let rule = |rule: &str| ApiError::BadParameter {
        field: "If-Match".to_owned(),
        rule: rule.to_owned(),
    };
    let [record] = records else {
        return Err(rule("goes with a single command"));
    };
    let command: Value = serde_json::from_slice(record).unwrap_or_default();
    let named = |field: &str| command.get(field).and_then(Value::as_str);
    let unchanged = match (named("alert_id"), named("case_id"), named("of")) {
        (Some(alert), _, _) => stands(headers, alerts::detail(parts, identity, alert))?,
        (None, Some(case), _) => stands(headers, cases::file(parts, identity, case))?,
        (None, None, Some(of)) => match decision(parts, of) {
            Some(decision) => matches(headers, &decision)?,
            None => match listed_problem(shared, parts, of)? {
                Some(problem) => matches(headers, &problem)?,
                None => false,
            },
        },
        (None, None, None) => {
            return Err(rule(
                "goes with a command on an alert or a case, or one that names in `of` the decision or the problem that it is about",
            ));
        }
    };
    if unchanged {
        Ok(())
    } else {
        Err(ApiError::Changed)
    }
}

/// Whether what stands is what the condition names; what there is not, it does not name.
fn stands(headers: &HeaderMap, found: Result<impl Serialize, ApiError>) -> Result<bool, ApiError> {
    match found {
        Ok(found) => matches(headers, &found),
        Err(ApiError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
