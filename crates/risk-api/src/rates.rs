//! Pass rates（合格率）, and how those who test differ（检验偏差）.

use crate::dto::{Names, NoticeDto, ObserversDto, PeriodRatesDto, ProblemDto, RatesDto};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use risk_domain::subject::Subject;
use risk_engine::rates::Period;
use risk_engine::series::{CHANNEL, CITY, CLASS};
use risk_engine::{Engine, Epoch};

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

fn rates_of(
    parts: &ApiParts,
    domain: &str,
    period: Period,
    limit: usize,
) -> Result<RatesDto, ApiError> {
    let subject: Option<Subject> = domain.parse().ok();
    let grouped = domain.split_once(':');
    let known = domain == CITY
        || grouped.is_some_and(|(kind, _)| [CHANNEL, CLASS].contains(&kind))
        || matches!(
            subject,
            Some(Subject::Sector(_) | Subject::Product(_) | Subject::Zone(_))
        );
    if !known {
        return Err(ApiError::BadParameter {
            field: "domain".to_owned(),
            rule:
                "must be city, a sector, a product or a zone as kind:id, channel:code or class:name"
                    .to_owned(),
        });
    }
    let engine = parts.engine();
    let series = engine.series(domain).ok_or_else(|| {
        ApiError::NotFound(format!(
            "no week of {domain} has closed yet; rates are told at the close after a week's end"
        ))
    })?;
    let weeks = series.weeks();
    let periods = period.over(weeks.clone());
    let mut wanted = engine.policy().targets.iter();
    let target = wanted.rfind(|one| one.domain == domain);
    let mut items = Vec::new();
    for (at, range) in periods.iter().enumerate().rev().take(limit) {
        let Some(found) = series.rates(range.clone()) else {
            continue;
        };
        let before = at.checked_sub(1).and_then(|at| periods.get(at));
        let change = before.and_then(|before| engine.mix_shift(domain, before, range));
        let last = range.clone().rev().find_map(|week| series.frame(week));
        if found.raw.is_empty() && last.is_none() {
            continue;
        }
        let complete = range.end <= weeks.end;
        let target = target.map(|one| one.target);
        items.push(PeriodRatesDto::new(
            range, &found, change, target, last, complete,
        ));
    }
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
        notices: NoticeDto::of_rates(frame, uncorrected),
        items,
    })
}

/// How strict laboratories and inspector groups are, and how right the fast tests, by the last fit.
#[utoipa::path(get, path = "/v1/observers", tag = "rates",
    responses(
        (status = 200, description = "The report", body = ObserversDto),
        (status = 404, description = "No fit yet", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn observers(
    State(state): State<ApiState>,
) -> Result<Json<ObserversDto>, ApiError> {
    let read = |parts: &ApiParts| {
        let engine = parts.engine();
        let report = engine.observer_report().ok_or_else(|| {
            let text = "no fit is in force yet; the first follows the first week's end";
            ApiError::NotFound(text.to_owned())
        })?;
        let as_of = |engine: &Engine, epoch: Epoch| engine.end_of(epoch).to_string();
        Ok(Json(ObserversDto::new(
            &report,
            as_of(&engine, report.epoch),
        )))
    };
    state.read(read).await
}
