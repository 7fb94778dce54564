//! What inspection asked of whom（检查负担）, and what looks like evasion.
//!
//! The answers come from a view in memory ([`crate::books`]).

use crate::dto::{BurdenDto, Page, PriorCheckDto, ProblemDto, RepeatDto, SuspicionDto};
use crate::error::ApiError;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState, Shared};
use axum::Json;
use axum::extract::State;
use compact_str::CompactString;
use risk_domain::article::Article;
use risk_domain::ids::{AgencyId, EnterpriseId, ZoneId};
use risk_domain::inspection::{Agency, AgencyLevel};
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::{Burden, BurdenMeasure, Suspicion, SuspicionKind};
use std::sync::Arc;

/// The most rows of a page.
const MAX_ROWS: usize = 500;

/// The day that is asked for: `on`, or the day of the last close.
pub(crate) fn day_of(params: &Params, parts: &ApiParts) -> Result<Day, ApiError> {
    Ok(named_day(params)?.unwrap_or_else(|| last_day(parts)))
}

fn named_day(params: &Params) -> Result<Option<Day>, ApiError> {
    let rule = "must be a day, as 2026-06-30";
    params.parse("on", rule, |text| text.parse::<Day>().ok())
}

/// The day of the last close; today before the first.
pub(crate) fn last_day(parts: &ApiParts) -> Day {
    let engine = parts.engine();
    let offset = engine.policy().time.offset;
    let closed = engine.last_closed().map(|(_, end)| end.plus_millis(-1));
    offset.day_of(closed.unwrap_or_else(|| (parts.now)()))
}

/// What inspection asked of every enterprise that was ever inspected: visits, tests, units, cost, and
/// until when it is owed a rest.
#[utoipa::path(get, path = "/v1/burden", tag = "burden",
    params(
        ("zone" = Option<String>, Query, description = "only enterprises with a place in this zone or below it"),
        ("resting" = Option<bool>, Query, description = "true: only those owed a rest; false: only those that are not"),
        ("on" = Option<String>, Query, description = "as of this day; the day of the last close by default"),
        ("sort" = Option<String>, Query, description = "-visits (the default), -recent_visits, -tests or -cost"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<BurdenDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<BurdenDto>>, ApiError> {
    let rule = "must be -visits, -recent_visits, -tests or -cost";
    let order = params.parse("sort", rule, BurdenMeasure::from_code)?;
    let order = order.unwrap_or(BurdenMeasure::Visits);
    let zone = params.parse("zone", "must be a zone's id", |text| ZoneId::new(text).ok())?;
    let resting = params.parse("resting", "must be true or false", |text| {
        text.parse::<bool>().ok()
    })?;
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let on = named_day(&params)?;
        let held = book.0.books.read(parts)?;
        let burdens = &held.burdens;
        let engine = parts.engine();
        let wanted = |burden: &&Burden| {
            let rests = burden.rests_until.is_some();
            let subject = || Subject::Enterprise(burden.enterprise.clone());
            resting.is_none_or(|wanted| wanted == rests)
                && zone
                    .as_ref()
                    .is_none_or(|zone| engine.lies_in(&subject(), zone))
        };
        let row = |burden: &Burden| BurdenDto::new(burden, &engine);
        let page = if let Some(on) = on {
            let league = book.0.league.or_made((held.position(), on), || {
                burdens.league_of(on, &engine.policy().burden)
            });
            let rows = league.in_order(order).filter(wanted);
            params.page_of(rows, MAX_ROWS, row)?
        } else {
            let rows = burdens.ranked(order).filter(wanted);
            params.page_of(rows, MAX_ROWS, row)?
        };
        Ok(Json(page))
    };
    state.read(read).await
}

/// What inspection asked of one enterprise.
#[utoipa::path(get, path = "/v1/burden/{id}", tag = "burden",
    params(
        ("id" = String, Path, description = "the enterprise's number"),
        ("on" = Option<String>, Query, description = "as of this day; the day of the last close by default")),
    responses(
        (status = 200, description = "Its burden", body = BurdenDto),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Never inspected", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Id(id): Id,
    params: Params,
) -> Result<Json<BurdenDto>, ApiError> {
    let enterprise = EnterpriseId::new(&id).map_err(|error| ApiError::BadParameter {
        field: "id".to_owned(),
        rule: error.to_string(),
    })?;
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let on = day_of(&params, parts)?;
        let held = book.0.books.read(parts)?;
        let engine = parts.engine();
        let found = held.burdens.of(&enterprise, on, &engine.policy().burden);
        let never = || ApiError::NotFound(format!("{enterprise} was never inspected up to {on}"));
        let burden = found.ok_or_else(never)?;
        Ok(Json(BurdenDto::new(&burden, &engine)))
    };
    state.read(read).await
}

/// Whether an agency may check an article again: the same producer, standard, trademark and model must
/// not be checked twice by one agency, nor after an upper one, within the policy's months. Follow-ups of
/// a failure and emergencies are exempt, and need not ask.
#[utoipa::path(get, path = "/v1/burden/repeat", tag = "burden",
    params(
        ("producer" = String, Query, description = "the producer's registry number, or its name where none is known"),
        ("standard" = String, Query, description = "the standard that the product declares"),
        ("brand" = Option<String>, Query, description = "trademark"),
        ("model" = Option<String>, Query, description = "model or specification"),
        ("agency" = String, Query, description = "who wants to check"),
        ("level" = String, Query, description = "that agency's level: national, provincial, municipal or county"),
        ("on" = Option<String>, Query, description = "on this day; the day of the last close by default")),
    responses(
        (status = 200, description = "Whether it may, and what stands against it", body = RepeatDto),
        (status = 400, description = "A parameter is missing or not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn repeat(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<RepeatDto>, ApiError> {
    let missing = |name: &str| ApiError::BadParameter {
        field: name.to_owned(),
        rule: "must be given".to_owned(),
    };
    let wanted = |name: &str| params.text(name).ok_or_else(|| missing(name));
    let article = Article {
        producer: CompactString::new(wanted("producer")?),
        standard: CompactString::new(wanted("standard")?),
        brand: CompactString::new(params.text("brand").unwrap_or_default()),
        model: CompactString::new(params.text("model").unwrap_or_default()),
    };
    let id = params.parse("agency", "must be an agency's id", |text| {
        AgencyId::new(text).ok()
    })?;
    let levels = "must be national, provincial, municipal or county";
    let level = params.parse("level", levels, AgencyLevel::from_code)?;
    let agency = Agency {
        id: id.ok_or_else(|| missing("agency"))?,
        level: level.ok_or_else(|| missing("level"))?,
    };
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let on = day_of(&params, parts)?;
        let held = book.0.books.read(parts)?;
        let policy = parts.engine().policy().burden;
        let prior = held.burdens.prior_check(&article, &agency, on, &policy);
        Ok(Json(RepeatDto {
            allowed: prior.is_none(),
            prior: prior.as_ref().map(PriorCheckDto::new),
        }))
    };
    state.read(read).await
}

/// What looks like evasion: enterprises that came back under another number after a failure, that are
/// clean only where a check can be foreseen, and observers whose measurements are heaped just within a
/// limit. A reason to look, never a finding.
#[utoipa::path(get, path = "/v1/burden/suspicions", tag = "burden",
    params(
        ("kind" = Option<String>, Query, description = "reregistered, clean_when_foreseen or heaped_at_limit"),
        ("on" = Option<String>, Query, description = "as of this day; what was known when the last close was over by default"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<SuspicionDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn suspicions(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<SuspicionDto>>, ApiError> {
    let rule = "must be reregistered, clean_when_foreseen or heaped_at_limit";
    let kind = params.parse("kind", rule, |text| {
        SuspicionKind::ALL
            .into_iter()
            .find(|kind| kind.code() == text)
    })?;
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let signs = match named_day(&params)? {
            Some(on) => {
                let held = book.0.books.read(parts)?;
                let policy = parts.engine().policy().burden;
                Arc::new(held.burdens.suspicions(on, &policy))
            }
            None => book.0.signs()?,
        };
        let wanted = |sign: &&Suspicion| kind.is_none_or(|kind| sign.kind == kind);
        let rows = signs.iter().filter(wanted);
        Ok(Json(params.page_of(rows, MAX_ROWS, SuspicionDto::new)?))
    };
    state.read(read).await
}

impl Shared {
    /// What looks like evasion, counted once for each close.
    pub(crate) fn signs(&self) -> Result<Arc<Vec<Suspicion>>, ApiError> {
        let count = || {
            let on = last_day(&self.parts);
            let held = self.books.read(&self.parts)?;
            let policy = self.parts.engine().policy().burden;
            Ok::<_, ApiError>(held.burdens.suspicions(on, &policy))
        };
        let (_, signs) = self.signs.get(&self.parts, count)?;
        Ok(signs)
    }
}
