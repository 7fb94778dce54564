//! Decisions of officers on grades（人工决定）.

use crate::dto::{DecisionDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use risk_domain::subject::Subject;
use risk_engine::DecisionState;

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
