//! The lists that a supervision plan asks for（清单）: problems, assistance, credit classes, candidates for the
//! list of serious violations, records of duty, corrective actions.
//!
//! The answers come from a view in memory ([`crate::books`]). A zone manager is shown the enterprises and cases of their own zones.

use crate::books::Books;
use crate::burden::{day_of, last_day};
use crate::dto::{
    AssistedDto, CandidateDto, ClassDto, CorrectiveActionDto, CreditDto, CreditRowDto, DutyDto,
    Page, ProblemDto, ProblemRowDto,
};
use crate::error::ApiError;
use crate::etag::tagged_json;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::case_act::MeasureKind;
use risk_domain::ids::{CommandId, EnterpriseId, ZoneId};
use risk_domain::scales::CreditRiskClass;
use risk_domain::signal::Duty;
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::Engine;
use risk_engine::lists::{
    Assisted, AssistedReason, CreditMonth, DutyStep, ListedProblems, ProblemStanding, candidates,
    corrective_actions,
};
use std::sync::Arc;

/// The most rows of a page.
const MAX_ROWS: usize = 500;
/// Of which enterprises a list is asked for.
struct Asked {
    enterprise: Option<EnterpriseId>,
    zone: Option<ZoneId>,
}

impl Asked {
    fn of(params: &Params, identity: &Identity, engine: &Engine) -> Result<Self, ApiError> {
        let enterprise = params.parse("enterprise", "must be an enterprise's number", |text| {
            EnterpriseId::new(text).ok()
        })?;
        let zone = params.parse("zone", "must be a zone's id", |text| ZoneId::new(text).ok())?;
        let zone = identity.confined(zone, engine.taxonomy())?;
        Ok(Self { enterprise, zone })
    }

    /// Whether an enterprise is asked for.
    fn wants(&self, enterprise: &EnterpriseId, engine: &Engine) -> bool {
        let subject = || Subject::Enterprise(enterprise.clone());
        self.enterprise.as_ref().is_none_or(|one| one == enterprise)
            && self
                .zone
                .as_ref()
                .is_none_or(|zone| engine.lies_in(&subject(), zone))
    }
}

fn code<T: Copy>(
    params: &Params,
    name: &str,
    (all, code): (&[T], fn(T) -> &'static str),
) -> Result<Option<T>, ApiError> {
    let codes: Vec<&str> = all.iter().map(|one| code(*one)).collect();
    let rule = format!("must be one of {}", codes.join(", "));
    params.parse(name, &rule, |text| {
        all.iter().copied().find(|one| code(*one) == text)
    })
}

/// Enterprises that are looked at for one page. A page may therefore hold fewer rows than asked for and still have
/// a next one; only a page without `next` is the last.
const LOOKED_AT: usize = 10_000;

/// Where a page of a list by enterprise begins: the enterprise, and how many of its rows stand on the pages before.
#[derive(Debug, Clone)]
struct Place {
    enterprise: EnterpriseId,
    rows: usize,
}

impl Place {
    fn read(text: &str) -> Option<Self> {
        let (rows, enterprise) = text.split_once('~')?;
        Some(Self {
            enterprise: EnterpriseId::new(enterprise).ok()?,
            rows: rows.parse().ok()?,
        })
    }

    fn text(enterprise: &EnterpriseId, rows: usize) -> String {
        format!("{rows}~{enterprise}")
    }
}

/// A page of what `rows` tells of one enterprise after the other, so that it costs no more than a page.
fn page_by_enterprise<'a, T, R>(
    params: &Params,
    (asked, engine): (&Asked, &Engine),
    enterprises: impl Fn(Option<&EnterpriseId>) -> Box<dyn Iterator<Item = &'a EnterpriseId> + 'a>,
    rows: impl Fn(&EnterpriseId) -> Vec<T>,
    show: impl Fn(&T) -> R,
) -> Result<Page<R>, ApiError> {
    let limit = params.limit(MAX_ROWS)?;
    let from = params.parse("cursor", "must be the `next` of a page", Place::read)?;
    let first = from.as_ref().map(|from| &from.enterprise);
    let mut items = Vec::new();
    // Of one enterprise that is asked for, only it is looked at.
    let only = asked.enterprise.as_ref();
    let walk = enterprises(first.max(only)).take_while(|one| only.is_none_or(|only| only == *one));
    for (looked_at, enterprise) in walk.enumerate() {
        if looked_at == LOOKED_AT {
            let next = Some(Place::text(enterprise, 0));
            return Ok(Page { items, next });
        }
        if !asked.wants(enterprise, engine) {
            continue;
        }
        let told = from.as_ref().filter(|from| from.enterprise == *enterprise);
        let told = told.map_or(0, |from| from.rows);
        for (number, row) in rows(enterprise).iter().enumerate().skip(told) {
            if items.len() == limit {
                let next = Some(Place::text(enterprise, number));
                return Ok(Page { items, next });
            }
            items.push(show(row));
        }
    }
    Ok(Page { items, next: None })
}

/// The problem list（问题清单）: every problem that officers listed with its plan（一企一策）, and every item that failed
/// and that no listed problem covers.
#[utoipa::path(get, path = "/v1/lists/problems", tag = "lists",
    params(
        ("enterprise" = Option<String>, Query, description = "only of this enterprise"),
        ("zone" = Option<String>, Query, description = "only of enterprises with a place in this zone or below it"),
        ("state" = Option<String>, Query, description = "found, listed, planned, overdue, verified or withdrawn; open for all but the last two"),
        ("on" = Option<String>, Query, description = "as of this day; the day of the last close by default"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<ProblemRowDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn problems(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
) -> Result<Json<Page<ProblemRowDto>>, ApiError> {
    let open = params.text("state") == Some("open");
    let standing = if open {
        None
    } else {
        code(
            &params,
            "state",
            (ProblemStanding::ALL, ProblemStanding::code),
        )?
    };
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let on = day_of(&params, parts)?;
        let held = book.0.books.read(parts)?;
        let (lists, engine) = (&held.lists, parts.engine());
        let asked = Asked::of(&params, &identity, &engine)?;
        let offset = engine.policy().time.offset;
        let listed = ListedProblems::by(engine.problems(), on, offset);
        let rows = |enterprise: &EnterpriseId| {
            let mut rows = lists.problems_of(enterprise, &listed, on, offset);
            rows.retain(|row| {
                standing.is_none_or(|wanted| wanted == row.standing)
                    && (!open || row.standing.is_open())
            });
            rows
        };
        let page = page_by_enterprise(
            &params,
            (&asked, &engine),
            |from| Box::new(lists.enterprises(&listed, from)),
            rows,
            |row| ProblemRowDto::new(row, &engine),
        )?;
        Ok(Json(page))
    };
    state.read(read).await
}

/// One problem that was listed, with its plan, as of now. Its tag changes with whatever changes it; a command that
/// plans, verifies or withdraws it may bring the tag along in `If-Match`.
#[utoipa::path(get, path = "/v1/lists/problems/{id}", tag = "lists",
    params(
        ("id" = String, Path, description = "the command that listed it"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The problem", body = ProblemRowDto),
        (status = 304, description = "The answer at hand still stands"),
        (status = 404, description = "No such problem", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn problem(
    State(state): State<ApiState>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let shared = Arc::clone(&state.0);
    let read = move |parts: &ApiParts| {
        let missing = || ApiError::NotFound(format!("there is no listed problem {id}"));
        let problem = listed_problem(&shared, parts, &id)?.ok_or_else(missing)?;
        tagged_json(&headers, &problem)
    };
    state.read(read).await
}

/// A problem by the command that listed it, among the others of its enterprise.
pub(crate) fn listed_problem(
    shared: &Shared,
    parts: &ApiParts,
    id: &str,
) -> Result<Option<ProblemRowDto>, ApiError> {
    let held = shared.books.read(parts)?;
    let engine = parts.engine();
    let named = CommandId::new(id).ok();
    let Some(named) = named.and_then(|id| engine.problem(&id)) else {
        return Ok(None);
    };
    let offset = engine.policy().time.offset;
    let today = offset.day_of((parts.now)());
    let own = engine.problems();
    let own = own.filter(|problem| problem.enterprise == named.enterprise);
    let listed = ListedProblems::by(own, today, offset);
    let rows = held
        .lists
        .problems_of(&named.enterprise, &listed, today, offset);
    let mut rows = rows.iter();
    let row = rows.find(|row| row.listed.as_ref().is_some_and(|of| of.id == named.id));
    Ok(row.map(|row| ProblemRowDto::new(row, &engine)))
}

/// The assistance list（帮扶清单）: enterprises that the media exposed, that failed repeatedly, or of which many
/// complained, each with its reasons and with how far its plan is.
#[utoipa::path(get, path = "/v1/lists/assistance", tag = "lists",
    params(
        ("enterprise" = Option<String>, Query, description = "only this enterprise"),
        ("zone" = Option<String>, Query, description = "only enterprises with a place in this zone or below it"),
        ("reason" = Option<String>, Query, description = "media_exposure, repeated_failures or complaint_cluster"),
        ("on" = Option<String>, Query, description = "as of this day; the day of the last close by default"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<AssistedDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn assistance(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
) -> Result<Json<Page<AssistedDto>>, ApiError> {
    let reason = code(
        &params,
        "reason",
        (AssistedReason::ALL, AssistedReason::code),
    )?;
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let on = day_of(&params, parts)?;
        let held = book.0.books.read(parts)?;
        let (lists, engine) = (&held.lists, parts.engine());
        let asked = Asked::of(&params, &identity, &engine)?;
        let policy = engine.policy();
        let (rules, offset) = ((&policy.lists, &policy.alert.signals), policy.time.offset);
        let listed = ListedProblems::by(engine.problems(), on, offset);
        let rows = |enterprise: &EnterpriseId| {
            let row = lists.assisted(enterprise, &listed, on, rules, offset);
            let fits = |row: &Assisted| {
                reason.is_none_or(|wanted| row.reasons.iter().any(|one| one.reason == wanted))
            };
            row.into_iter().filter(fits).collect()
        };
        let page = page_by_enterprise(
            &params,
            (&asked, &engine),
            |from| Box::new(lists.enterprises(&listed, from)),
            rows,
            |row| AssistedDto::new(row, &engine),
        )?;
        Ok(Json(page))
    };
    state.read(read).await
}

/// Credit classes of a month（企业信用风险分类）as the credit system told them, how many enterprises of each class were
/// inspected within the months that count, and what share of it is to be.
#[utoipa::path(get, path = "/v1/lists/credit", tag = "lists",
    params(
        ("month" = Option<String>, Query, description = "as 2026-06; by default the month of the last close, as it stood when that was over"),
        ("class" = Option<String>, Query, description = "only enterprises of this class: A, B, C or D"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "The classes, and a page of enterprises", body = CreditDto),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn credit(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<CreditDto>, ApiError> {
    let class = code(
        &params,
        "class",
        (CreditRiskClass::ALL, CreditRiskClass::code),
    )?;
    let month = params.parse("month", "must be a month, as 2026-06", |text| {
        let whole = text.len() == 7;
        whole
            .then(|| format!("{text}-01").parse::<Day>().ok())
            .flatten()
    })?;
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let told = match month {
            Some(month) => {
                let held = book.0.books.read(parts)?;
                let of = (held.position(), month);
                book.0.credit_of.or_made(of, || held.credit(month, parts))
            }
            None => book.0.credit()?,
        };
        let engine = parts.engine();
        let rows = told.enterprises.iter();
        let rows = rows.filter(|row| class.is_none_or(|class| row.class == class));
        let row = |row: &_| CreditRowDto::new(row, &engine);
        let page = params.page_of(rows, MAX_ROWS, row)?;
        Ok(Json(CreditDto {
            from: told.from.to_string(),
            until: told.until.to_string(),
            classes: told.classes.iter().map(ClassDto::new).collect(),
            items: page.items,
            next: page.next,
        }))
    };
    state.read(read).await
}

impl Books {
    /// Credit classes of a month.
    fn credit(&self, month: Day, parts: &ApiParts) -> CreditMonth {
        let engine = parts.engine();
        let policy = engine.policy();
        let offset = policy.time.offset;
        self.lists
            .credit(month, &self.burdens, &policy.lists, offset)
    }
}

impl Shared {
    /// Credit classes of the month of the last close, counted once for each close.
    pub(crate) fn credit(&self) -> Result<Arc<CreditMonth>, ApiError> {
        let count = || {
            let held = self.books.read(&self.parts)?;
            Ok::<_, ApiError>(held.credit(last_day(&self.parts), &self.parts))
        };
        let (_, told) = self.credit.get(&self.parts, count)?;
        Ok(told)
    }
}

/// Candidates for the list of serious violations（拟列入严重违法失信名单对象）with the criteria that they meet: who bears a grave
/// penalty, and what else speaks for it. Listing itself is an act of the enforcement case.
#[utoipa::path(get, path = "/v1/lists/serious-violations", tag = "lists",
    params(
        ("on" = Option<String>, Query, description = "as of this day; the day of the last close by default"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<CandidateDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn serious_violations(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<CandidateDto>>, ApiError> {
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let on = day_of(&params, parts)?;
        let held = book.0.books.read(parts)?;
        let engine = parts.engine();
        let policy = engine.policy();
        let offset = policy.time.offset;
        let rows = candidates(&held.lists, engine.cases(), on, &policy.lists, offset);
        let row = |row: &_| CandidateDto::new(row, &engine);
        Ok(Json(params.page(&rows, MAX_ROWS, row)?))
    };
    state.read(read).await
}

/// Records of duty（日管控、周排查、月调度）: how many are there, how many of them without any risk found, which are
/// missing, and whether that is to be reminded of or ordered to be made good.
#[utoipa::path(get, path = "/v1/lists/duties", tag = "lists",
    params(
        ("enterprise" = Option<String>, Query, description = "only of this enterprise"),
        ("zone" = Option<String>, Query, description = "only of enterprises with a place in this zone or below it"),
        ("duty" = Option<String>, Query, description = "daily, weekly or monthly"),
        ("step" = Option<String>, Query, description = "only those of which this follows: none, remind or order"),
        ("from" = Option<String>, Query, description = "count from this day on; the first record of each by default"),
        ("on" = Option<String>, Query, description = "as of this day; the day of the last close by default"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<DutyDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "The view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn duties(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
) -> Result<Json<Page<DutyDto>>, ApiError> {
    let duty = code(&params, "duty", (Duty::ALL, Duty::code))?;
    let step = code(&params, "step", (DutyStep::ALL, DutyStep::code))?;
    let from = day(&params, "from")?;
    let book = state.clone();
    let read = move |parts: &ApiParts| {
        let on = day_of(&params, parts)?;
        let held = book.0.books.read(parts)?;
        let engine = parts.engine();
        let asked = Asked::of(&params, &identity, &engine)?;
        let policy = engine.policy();
        let (settings, offset) = (&policy.lists.duties, policy.time.offset);
        let (lists, calendar) = (&held.lists, engine.calendar());
        let rows = |enterprise: &EnterpriseId| {
            let mut rows = lists.duties_of(enterprise, (from, on), settings, calendar, offset);
            rows.retain(|row| {
                duty.is_none_or(|duty| row.duty == duty) && step.is_none_or(|step| row.step == step)
            });
            rows
        };
        let page = page_by_enterprise(
            &params,
            (&asked, &engine),
            |from| Box::new(lists.on_duty(from)),
            rows,
            |row| DutyDto::new(row, &engine),
        )?;
        Ok(Json(page))
    };
    state.read(read).await
}

fn day(params: &Params, name: &str) -> Result<Option<Day>, ApiError> {
    let rule = "must be a day, as 2026-06-30";
    params.parse(name, rule, |text| text.parse::<Day>().ok())
}

/// Corrective actions（处置措施台账）: what was done to goods in cases, of a closed list of measures, with quantities.
#[utoipa::path(get, path = "/v1/lists/corrective-actions", tag = "lists",
    params(
        ("enterprise" = Option<String>, Query, description = "only at this enterprise"),
        ("zone" = Option<String>, Query, description = "only in cases of this zone or below it"),
        ("kind" = Option<String>, Query, description = "only this measure, as withdraw, seal, recall, order_correction or remove_listing"),
        ("from" = Option<String>, Query, description = "from this day on"),
        ("on" = Option<String>, Query, description = "up to this day; the day of the last close by default"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<CorrectiveActionDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn taken(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
) -> Result<Json<Page<CorrectiveActionDto>>, ApiError> {
    let kind = code(&params, "kind", (MeasureKind::ALL, MeasureKind::code))?;
    let from = day(&params, "from")?;
    let read = move |parts: &ApiParts| {
        let on = day_of(&params, parts)?;
        let engine = parts.engine();
        let asked = Asked::of(&params, &identity, &engine)?;
        let offset = engine.policy().time.offset;
        let from = from.unwrap_or(Day::new(i32::MIN / 2));
        let mut rows = corrective_actions(engine.cases(), (from, on), offset);
        rows.retain(|row| {
            let enterprise = asked.enterprise.as_ref();
            let lies = |zone| engine.taxonomy().is_within(&row.zone, zone);
            enterprise.is_none_or(|one| *one == row.enterprise)
                && asked.zone.as_ref().is_none_or(lies)
                && kind.is_none_or(|kind| row.kind == kind)
        });
        let row = |row: &_| CorrectiveActionDto::new(row, &engine);
        Ok(Json(params.page(&rows, MAX_ROWS, row)?))
    };
    state.read(read).await
}
