//! Subjects with their grades.

use crate::dto::{AssessmentDto, BehindDto, Names, Page, ProblemDto, SubjectDto};
use crate::error::ApiError;
use crate::etag::tagged_json;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::ids::{SectorCode, ZoneId};
use risk_domain::scales::RiskLevel;
use risk_domain::subject::{Subject, SubjectError, SubjectKind};
use risk_domain::time::Day;
use risk_engine::{Assessment, Engine};
use risk_store::{MAX_PAGE, SubjectOrder, SubjectQuery};

/// Recorded assessments shown with a subject.
const HISTORY: usize = 50;
/// How far ahead it is told what would lower a grade, if the question names no day.
const AHEAD_DAYS: i32 = 28;

fn shown(
    parts: &ApiParts,
    engine: &Engine,
    assessment: &Assessment,
    provisional: bool,
) -> AssessmentDto {
    AssessmentDto::new(
        assessment,
        Names::of(&assessment.subject, engine, &parts.reference),
        engine.end_of(assessment.epoch),
        provisional,
    )
}

fn recorded(parts: &ApiParts, page: &risk_store::Page<Assessment>) -> Page<AssessmentDto> {
    let engine = parts.engine();
    let items = page.items.iter();
    Page {
        items: items
            .map(|item| shown(parts, &engine, item, false))
            .collect(),
        next: page.next.clone(),
    }
}

/// Recorded grades, filtered and sorted.
#[utoipa::path(get, path = "/v1/subjects", tag = "subjects",
    params(
        ("kind" = Option<String>, Query, description = "product, enterprise, site, zone, sector or cell"),
        ("zone" = Option<String>, Query, description = "only subjects seen in this zone or below it"),
        ("sector" = Option<String>, Query, description = "only subjects seen in this sector"),
        ("level" = Option<String>, Query, description = "only this risk level"),
        ("sort" = Option<String>, Query, description = "-probability (default), probability or name"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 1000, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "A page", body = Page<AssessmentDto>),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut query = SubjectQuery {
        kind: params.parse(
            "kind",
            "must be product, enterprise, site, zone, sector or cell",
            SubjectKind::from_code,
        )?,
        zone: params.parse("zone", "must be a zone's id", |text| ZoneId::new(text).ok())?,
        sector: params.parse("sector", "must be a sector's code", |text| {
            SectorCode::new(text).ok()
        })?,
        level: params.parse(
            "level",
            "must be undetermined, low, medium, high or serious",
            RiskLevel::from_code,
        )?,
    };
    let order = |text: &str| match text {
        "-probability" => Some(SubjectOrder::ProbabilityDesc),
        "probability" => Some(SubjectOrder::ProbabilityAsc),
        "name" => Some(SubjectOrder::Name),
        _unknown => None,
    };
    let order = params.parse("sort", "must be -probability, probability or name", order)?;
    let order = order.unwrap_or(SubjectOrder::ProbabilityDesc);
    let (limit, cursor) = (params.limit(MAX_PAGE)?, params.cursor());
    let read = move |parts: &ApiParts| {
        let taxonomy = parts.engine().taxonomy().clone();
        query.zone = identity.confined(query.zone, &taxonomy)?;
        let mut page = parts
            .reader
            .subjects(&query, order, limit, cursor.as_deref())?;
        page.items.retain(|item| identity.sees(item, &taxonomy));
        tagged_json(&headers, &recorded(parts, &page))
    };
    state.read(read).await
}

/// One subject: what stands, the estimate of this moment, and its history.
#[utoipa::path(get, path = "/v1/subjects/{id}", tag = "subjects",
    params(
        ("by" = Option<String>, Query, description = "the day that `counterfactual` looks ahead to, as 2026-05-01; four weeks ahead if not told"),
        ("id" = String, Path, description = "the subject, as enterprise:ID; `%`, `:` and `/` within an id are written %25, %3A and %2F, and the whole is percent-encoded once more in the path"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The subject", body = SubjectDto),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "No subject's id", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Never seen", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let subject = read_subject(&id)?;
    let by = params.parse("by", "must be a date, as 2026-05-01", |text| {
        text.parse::<Day>().ok()
    })?;
    let read = move |parts: &ApiParts| {
        check_seen(parts, &identity, &subject)?;
        let recorded = parts.reader.subject(&subject)?;
        let history = parts.reader.history(&subject, HISTORY, None)?;
        let now = (parts.now)();
        let engine = parts.engine();
        let provisional = engine.provisional(&subject, now);
        if recorded.is_none() && provisional.is_none() && !engine.knows(&subject) {
            return Err(never_seen(&subject));
        }
        let show = |item: &Assessment| shown(parts, &engine, item, false);
        let names = Names::of(&subject, &engine, &parts.reference);
        let by = by.unwrap_or_else(|| engine.policy().time.offset.day_of(now).plus(AHEAD_DAYS));
        let answer = SubjectDto {
            subject: subject.to_string(),
            name: names.zh,
            name_en: names.en,
            recorded: recorded.as_ref().map(show),
            provisional: provisional
                .as_ref()
                .map(|item| shown(parts, &engine, item, true)),
            behind: provisional
                .as_ref()
                .or(recorded.as_ref())
                .map_or_else(Vec::new, |item| {
                    let parts = item.contributions.iter().map(|part| part.part);
                    BehindDto::all(&subject, &parts.collect::<Vec<_>>(), &engine)
                }),
            counterfactual: engine.counterfactual(&subject, now, by).map(Into::into),
            history: history.items.iter().map(show).collect(),
            history_next: history.next,
        };
        drop(engine);
        tagged_json(&headers, &answer)
    };
    state.read(read).await
}

/// Recorded assessments of a subject, the latest first.
#[utoipa::path(get, path = "/v1/subjects/{id}/history", tag = "subjects",
    params(
        ("id" = String, Path, description = "the subject"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 1000, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "A page", body = Page<AssessmentDto>),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Never seen", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn history(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let subject = read_subject(&id)?;
    let (limit, cursor) = (params.limit(MAX_PAGE)?, params.cursor());
    let read = move |parts: &ApiParts| {
        check_seen(parts, &identity, &subject)?;
        let page = parts.reader.history(&subject, limit, cursor.as_deref())?;
        if page.items.is_empty()
            && parts.reader.subject(&subject)?.is_none()
            && !parts.engine().knows(&subject)
        {
            return Err(never_seen(&subject));
        }
        tagged_json(&headers, &recorded(parts, &page))
    };
    state.read(read).await
}

/// What is known of a subject: its recorded grade, or an estimate before the first.
pub(crate) fn known_of(
    parts: &ApiParts,
    subject: &Subject,
) -> Result<Option<Assessment>, ApiError> {
    let recorded = parts.reader.subject(subject)?;
    Ok(recorded.or_else(|| parts.engine().provisional(subject, (parts.now)())))
}

/// Fails for a subject that is not of the zones of who asks. It fails alike for one that there is
/// not, so that nobody learns which there are.
pub(crate) fn check_seen(
    parts: &ApiParts,
    identity: &Identity,
    subject: &Subject,
) -> Result<(), ApiError> {
    if identity.zones().is_none() {
        return Ok(());
    }
    let taxonomy = parts.engine().taxonomy().clone();
    let seen = match subject {
        Subject::Zone(zone) => identity.sees_zone(zone, &taxonomy),
        Subject::Product(_)
        | Subject::Enterprise(_)
        | Subject::Site(_)
        | Subject::Sector(_)
        | Subject::Cell(..) => {
            known_of(parts, subject)?.is_some_and(|assessed| identity.sees(&assessed, &taxonomy))
        }
    };
    if seen {
        Ok(())
    } else {
        let why = format!("{subject} is not known to be of your zones");
        Err(ApiError::Forbidden(why))
    }
}

pub(crate) fn never_seen(subject: &Subject) -> ApiError {
    ApiError::NotFound(format!("{subject} has never been seen"))
}

pub(crate) fn read_subject(id: &str) -> Result<Subject, ApiError> {
    id.parse()
        .map_err(|error: SubjectError| ApiError::BadParameter {
            field: "id".to_owned(),
            rule: error.to_string(),
        })
}
