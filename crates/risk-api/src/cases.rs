//! Cases（案件）: the list, and one with its history and what may come next.

use crate::dto::{CaseDiagramDto, CaseDto, CaseFileDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::etag::tagged_json;
use crate::identity::Identity;
use crate::params::{Id, Params, next_behind};
use crate::state::{ApiParts, ApiState};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::ids::CaseId;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::case::CaseState;
use risk_engine::{Case, CaseFilter, CaseKind};
use risk_store::MAX_PAGE;

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _other => None,
    }
}

/// Cases, those opened last first; with `due_before`, by the term that lapses next.
#[utoipa::path(get, path = "/v1/cases", tag = "cases",
    params(
        ("kind" = Option<String>, Query, description = "fast_test, spot_check, food_check, farm_produce or enforcement"),
        ("state" = Option<String>, Query, description = "only those that stand so, as docs/cases.md draws it; closed at the end"),
        ("open" = Option<bool>, Query, description = "true for open cases only, false for closed ones"),
        ("subject" = Option<String>, Query, description = "only of this enterprise with a product, as cell:enterprise:product"),
        ("due_before" = Option<String>, Query, description = "only with a term that lapses before this time, RFC 3339, the earliest first"),
        ("overdue" = Option<bool>, Query, description = "true for those with a term that lapsed without being kept"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 1000, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "A page", body = Page<CaseDto>),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let kinds = CaseKind::ALL.iter().map(|kind| kind.code());
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let known = |text: &str| {
        let mut codes = CaseState::all().map(CaseState::code);
        codes.find(|code| *code == text)
    };
    let filter = CaseFilter {
        kind: params.parse(
            "kind",
            &format!("must be one of {kinds}"),
            CaseKind::from_code,
        )?,
        state: params.parse(
            "state",
            "must be a state of a case, as docs/cases.md draws it",
            known,
        )?,
        open: params.parse("open", "must be true or false", truth)?,
        subject: params.parse(
            "subject",
            "must be an enterprise with a product, as cell:E1:TOY-PL",
            |text| {
                let subject = text.parse::<Subject>().ok();
                subject.filter(|subject| matches!(subject, Subject::Cell(..)))
            },
        )?,
        due_before: params.parse(
            "due_before",
            "must be an RFC 3339 time with an offset",
            |text| Timestamp::parse(text).ok(),
        )?,
        overdue: params.parse("overdue", "must be true or false", truth)?,
    };
    let (limit, behind) = (
        params.limit(MAX_PAGE)?,
        params.behind(|id| CaseId::new(id).ok())?,
    );
    let read = move |parts: &ApiParts| {
        let engine = parts.engine();
        let behind = behind.as_ref().map(|(at, id)| (*at, id));
        let listed = engine.cases_listed(&filter, behind);
        let mut listed = listed.filter(|case| identity.sees_zone(&case.zone, engine.taxonomy()));
        let rows: Vec<&Case> = listed.by_ref().take(limit).collect();
        let last = rows.last().filter(|_| listed.next().is_some());
        let next = last.and_then(|last| {
            let at = filter.time_of(last)?;
            Some(next_behind(at, last.id.as_str()))
        });
        let rows = rows.into_iter();
        let page = Page {
            items: rows
                .map(|case| CaseDto::new(case, &engine, &parts.reference))
                .collect(),
            next,
        };
        drop(listed);
        drop(engine);
        tagged_json(&headers, &page)
    };
    state.read(read).await
}

/// One case: its history, its terms with their clauses, what may come next and who may do it.
#[utoipa::path(get, path = "/v1/cases/{id}", tag = "cases",
    params(
        ("id" = String, Path, description = "the case's id"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The case", body = CaseFileDto),
        (status = 304, description = "The answer at hand still stands"),
        (status = 404, description = "No such case", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = move |parts: &ApiParts| tagged_json(&headers, &file(parts, &identity, &id)?);
    state.read(read).await
}

/// A case as it is shown to somebody.
pub(crate) fn file(
    parts: &ApiParts,
    identity: &Identity,
    id: &str,
) -> Result<CaseFileDto, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no case {id}"));
    let known = CaseId::new(id).map_err(|_| missing())?;
    let engine = parts.engine();
    let case = engine.case(&known);
    // A case of another zone is as if it were not.
    let case = case.filter(|case| identity.sees_zone(&case.zone, engine.taxonomy()));
    let case = case.ok_or_else(missing)?;
    Ok(CaseFileDto::new(case, &engine, &parts.reference))
}

/// The state diagram of a kind of case: its states, and which acts lead from one to another.
#[utoipa::path(get, path = "/v1/cases/diagram", tag = "cases",
    params(
        ("kind" = String, Query, description = "fast_test, spot_check, food_check, farm_produce or enforcement"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The diagram, under the policy's switches", body = CaseDiagramDto),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn diagram(
    State(state): State<ApiState>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let kinds = CaseKind::ALL.iter().map(|kind| kind.code());
    let rule = format!("must be one of {}", kinds.collect::<Vec<_>>().join(", "));
    let kind = params.parse("kind", &rule, CaseKind::from_code)?;
    let kind = kind.ok_or_else(|| ApiError::BadParameter {
        field: "kind".to_owned(),
        rule,
    })?;
    let read =
        move |parts: &ApiParts| tagged_json(&headers, &CaseDiagramDto::new(kind, &parts.engine()));
    state.read(read).await
}
