//! Pass rates（合格率）, and how those who test differ（检验偏差）.

use crate::dto::{
    CampaignEffectDto, Names, NoticeDto, ObserversDto, PeriodRatesDto, ProblemDto, RatesDto,
};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::{ApiParts, ApiState, Shared};
use axum::Json;
use axum::extract::State;
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::rates::Period;
use risk_engine::series::{CHANNEL, CITY, CLASS, Series};
use risk_engine::{Domain, Engine, ObserverCount, ObserverReport};
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

/// Periods of an answer.
const MOST: usize = 520;

/// Pass rates of a domain, period by period, the latest first.
#[utoipa::path(get, path = "/v1/rates", tag = "rates",
    params(
        ("domain" = Option<String>, Query, description = "city (the default), a sector, a product or a zone as kind:id, channel:code, or class:name (a class of enterprises of the register)"),
        ("period" = Option<String>, Query, description = "week, month (the default) or quarter; months and quarters are the weeks that begin in them"),
        ("limit" = Option<usize>, Query, description = "periods, 50 if not told, at most 520")),
    responses(
        (status = 200, description = "The rates", body = RatesDto),
        (status = 400, description = "A bad parameter", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "No week of the domain has closed", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn rates(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<RatesDto>, ApiError> {
    let domain = params.text("domain").unwrap_or(CITY).to_owned();
    let period = params
        .parse(
            "period",
            "must be week, month or quarter",
            Period::from_code,
        )?
        .unwrap_or(Period::Month);
    let limit = params.limit(MOST)?;
    state
        .read(move |parts| Ok(Json(rates_of(parts, &domain, period, limit)?)))
        .await
}

/// Refuses what is no domain of pass rates.
fn known_domain(domain: &str) -> Result<(), ApiError> {
    let grouped = domain.split_once(':');
    let known = domain == CITY
        || grouped.is_some_and(|(kind, _)| [CHANNEL, CLASS].contains(&kind))
        || matches!(
            domain.parse().ok(),
            Some(Subject::Sector(_) | Subject::Product(_) | Subject::Zone(_))
        );
    if known {
        return Ok(());
    }
    let rule = "must be city, a sector, a product or a zone as kind:id, channel:code or class:name";
    Err(ApiError::BadParameter {
        field: "domain".to_owned(),
        rule: rule.to_owned(),
    })
}

fn rates_of(
    parts: &ApiParts,
    domain: &str,
    period: Period,
    limit: usize,
) -> Result<RatesDto, ApiError> {
    known_domain(domain)?;
    let subject: Option<Subject> = domain.parse().ok();
    let engine = parts.engine();
    let series = engine.series(domain).ok_or_else(|| {
        ApiError::NotFound(format!(
            "no week of {domain} has closed yet; rates are told at the close after a week's end"
        ))
    })?;
    let periods = period.over(series.weeks());
    let told = (0..periods.len()).rev().take(limit);
    let told = told.filter_map(|at| told_of(&engine, domain, &periods, at));
    let items: Vec<PeriodRatesDto> = told.collect();
    let names = subject.map_or_else(Names::default, |subject| {
        Names::of(&subject, &engine, &parts.reference)
    });
    let frame = engine.frame_source();
    let uncorrected = items.iter().any(|item| item.design.is_none());
    Ok(RatesDto {
        domain: domain.to_owned(),
        name: names.zh,
        name_en: names.en,
        period: period.code().to_owned(),
        frame: frame.code().to_owned(),
        notices: NoticeDto::of_rates(frame, uncorrected, &engine.cautions()),
        items,
    })
}

/// Rates of one of the periods of a domain; none where nothing is known of it.
pub(crate) fn told_of(
    engine: &Engine,
    domain: &str,
    periods: &[Range<u16>],
    at: usize,
) -> Option<PeriodRatesDto> {
    let series = engine.series(domain)?;
    let range = periods.get(at)?;
    let found = series.rates(range.clone())?;
    let before = at.checked_sub(1).and_then(|at| periods.get(at));
    let change = before.and_then(|before| engine.mix_shift(domain, before, range));
    let last = range.clone().rev().find_map(|week| series.frame(week));
    if found.raw.is_empty() && last.is_none() {
        return None;
    }
    let complete = range.end <= series.weeks().end;
    let (_, until) = Period::days(range);
    let target = engine.policy().goals.of(domain, until);
    Some(PeriodRatesDto::new(
        range, &found, change, target, last, complete,
    ))
}

/// Domains of one effect.
const MOST_DOMAINS: usize = 500;

/// By how much the failure of goods changed with a campaign, against the rest of the city.
#[utoipa::path(get, path = "/v1/rates/effect", tag = "rates",
    params(
        ("domain" = String, Query, description = "where the campaign was: one domain, or several with commas between, at most 500: products, sectors, zones, enterprises, sites and cells as kind:id, channel:code or class:name (a comma within an id as %2C); city compares with nothing"),
        ("began" = String, Query, description = "first day of the campaign, as 2026-03-01; its week is the first of it"),
        ("ended" = Option<String>, Query, description = "first day after it; its week is the first of the weeks after. As began if not told"),
        ("weeks" = Option<u16>, Query, description = "weeks that are compared before and after, 26 if not told, at most 104")),
    responses(
        (status = 200, description = "The effect", body = CampaignEffectDto),
        (status = 400, description = "A bad parameter", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "The weeks before or after have no result of the domain, or have not closed", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn effect(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<CampaignEffectDto>, ApiError> {
    let day = |name: &'static str| -> Result<Option<Day>, ApiError> {
        params.parse(name, "must be a date, as 2026-03-01", |text| {
            text.parse::<Day>().ok()
        })
    };
    let bad = |field: &str, rule: &str| ApiError::BadParameter {
        field: field.to_owned(),
        rule: rule.to_owned(),
    };
    let missing = |field: &str| bad(field, "must be told");
    let names = params.text("domain").ok_or_else(|| missing("domain"))?;
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    let domains: Option<Vec<Domain>> = names.iter().map(|name| Domain::parse(name)).collect();
    let rule = "must be city, a subject as kind:id, channel:code or class:name, or at most 500 of them with commas between";
    let domains = domains.filter(|_| names.len() <= MOST_DOMAINS);
    let domains = domains.ok_or_else(|| bad("domain", rule))?;
    let began = day("began")?.ok_or_else(|| missing("began"))?;
    let ended = day("ended")?.unwrap_or(began);
    if ended < began {
        return Err(bad("ended", "must not be before began"));
    }
    let weeks = params.parse("weeks", "must be from 1 to 104", |text| {
        let weeks: u16 = text.parse().ok()?;
        (1..=104).contains(&weeks).then_some(weeks)
    })?;
    let weeks = weeks.unwrap_or(26);
    let first = Period::week_of(began);
    let last = Period::week_of(ended);
    let before = first.saturating_sub(weeks)..first;
    let after = last..last.saturating_add(weeks);
    state
        .read(move |parts| Ok(Json(effect_of(parts, names, &domains, (&before, &after))?)))
        .await
}

fn effect_of(
    parts: &ApiParts,
    names: Vec<String>,
    domains: &[Domain],
    (before, after): (&Range<u16>, &Range<u16>),
) -> Result<CampaignEffectDto, ApiError> {
    let engine = parts.engine();
    let within = |weeks: &Range<u16>, period: &Range<u16>| {
        period.start >= weeks.start && period.end <= weeks.end
    };
    let closed = engine.series(CITY).map(Series::weeks);
    if !closed.is_some_and(|closed| within(&closed, before) && within(&closed, after)) {
        return Err(ApiError::NotFound(format!(
            "the weeks from {} to {} and from {} to {} have not all closed, or lie before the first result; ask for fewer weeks",
            Period::days(before).0,
            Period::days(before).1,
            Period::days(after).0,
            Period::days(after).1
        )));
    }
    let rates = |domain: &str| {
        let series = engine.series(domain)?;
        let weeks = series.weeks();
        let rate = |period: &Range<u16>| {
            within(&weeks, period)
                .then(|| series.rates(period.clone())?.design)
                .flatten()
        };
        Some((rate(before)?, rate(after)?))
    };
    let corrected = match names.as_slice() {
        [domain] => rates(domain).map(|treated| {
            let city = if domain == CITY { None } else { rates(CITY) };
            (treated, city)
        }),
        _several => None,
    };
    let adjusted = engine.adjusted_effect(domains, before, after);
    let missing = format!(
        "{} has no result in the weeks before or after that could be held against the model",
        names.join(",")
    );
    CampaignEffectDto::new(names, (before, after), corrected, adjusted.as_ref())
        .ok_or(ApiError::NotFound(missing))
}

/// Periods of a history.
const MOST_HISTORY: usize = 40;

/// How strict laboratories and inspector groups are, and how right the fast tests, by the last fit, and
/// how that moved.
#[utoipa::path(get, path = "/v1/observers", tag = "rates",
    params(
        ("period" = Option<String>, Query, description = "periods of the histories: month or quarter (the default); they are the weeks that begin in them"),
        ("limit" = Option<usize>, Query, description = "periods, 8 if not told, at most 40")),
    responses(
        (status = 200, description = "The report", body = ObserversDto),
        (status = 400, description = "A bad parameter", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "No fit yet", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn observers(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<ObserversDto>, ApiError> {
    let period = params.parse("period", "must be month or quarter", |text| {
        Period::from_code(text).filter(|period| *period != Period::Week)
    })?;
    let period = period.unwrap_or(Period::Quarter);
    let limit = match params.text("limit") {
        Some(_) => params.limit(MOST_HISTORY)?,
        None => 8,
    };
    let shared = state.clone();
    let read = move |parts: &ApiParts| {
        let report = shared.0.observers(period);
        let report = report.as_ref().as_ref().ok_or_else(|| {
            let text = "no fit is in force yet; the first follows the first week's end";
            ApiError::NotFound(text.to_owned())
        })?;
        let as_of = parts.engine().end_of(report.epoch).to_string();
        Ok(Json(ObserversDto::new(report, (period, limit), as_of)))
    };
    state.read(read).await
}

impl Shared {
    /// Those who test, with the longest history that is told, counted once for each close.
    pub(crate) fn observers(&self, period: Period) -> Arc<Option<ObserverReport>> {
        let [by_month, by_quarter] = &self.observers;
        let book = match period {
            Period::Month => by_month,
            Period::Week | Period::Quarter => by_quarter,
        };
        let count = || {
            // The engine is left alone while what was read of it is counted.
            let counted = self.parts.engine().observer_count(period, MOST_HISTORY);
            Ok::<_, Infallible>(counted.map(ObserverCount::report))
        };
        match book.get(&self.parts, count) {
            Ok((_, report)) => report,
        }
    }
}
