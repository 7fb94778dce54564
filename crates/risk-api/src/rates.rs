//! Pass rates（合格率）, and how those who test differ（检验偏差）.

use crate::dto::{
    CampaignEffectDto, Names, NoticeDto, ObserversDto, PeriodRatesDto, ProblemDto, RatesDto,
};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::rates::{Period, campaign_effect};
use risk_engine::series::{CHANNEL, CITY, CLASS};
use risk_engine::{Engine, Epoch};
use std::ops::Range;

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
        notices: NoticeDto::of_rates(frame, uncorrected, &engine.cautions()),
        items,
    })
}

/// By how much the failure rate of a domain changed with a campaign, against the rest of the city.
#[utoipa::path(get, path = "/v1/rates/effect", tag = "rates",
    params(
        ("domain" = String, Query, description = "where the campaign was: a sector, a product or a zone as kind:id, channel:code or class:name; city compares with nothing"),
        ("began" = String, Query, description = "first day of the campaign, as 2026-03-01; its week is the first of it"),
        ("ended" = Option<String>, Query, description = "first day after it; its week is the first of the weeks after. As began if not told"),
        ("weeks" = Option<u16>, Query, description = "weeks that are compared before and after, 26 if not told, at most 104")),
    responses(
        (status = 200, description = "The effect", body = CampaignEffectDto),
        (status = 400, description = "A bad parameter", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "The weeks before or after have no draw of known probability, or have not closed", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn effect(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<CampaignEffectDto>, ApiError> {
    let day = |name: &'static str| -> Result<Option<Day>, ApiError> {
        params.parse(name, "must be a date, as 2026-03-01", |text| {
            text.parse::<Day>().ok()
        })
    };
    let missing = |field: &str| ApiError::BadParameter {
        field: field.to_owned(),
        rule: "must be told".to_owned(),
    };
    let domain = params.text("domain").ok_or_else(|| missing("domain"))?;
    let domain = domain.to_owned();
    let began = day("began")?.ok_or_else(|| missing("began"))?;
    let ended = day("ended")?.unwrap_or(began);
    if ended < began {
        return Err(ApiError::BadParameter {
            field: "ended".to_owned(),
            rule: "must not be before began".to_owned(),
        });
    }
    let weeks = params.parse("weeks", "must be from 1 to 104", |text| {
        let weeks: u16 = text.parse().ok()?;
        (1..=104).contains(&weeks).then_some(weeks)
    })?;
    let weeks = weeks.unwrap_or(26);
    state
        .read(move |parts| Ok(Json(effect_of(parts, &domain, (began, ended), weeks)?)))
        .await
}

fn effect_of(
    parts: &ApiParts,
    domain: &str,
    (began, ended): (Day, Day),
    weeks: u16,
) -> Result<CampaignEffectDto, ApiError> {
    known_domain(domain)?;
    let engine = parts.engine();
    let first = Period::week_of(began);
    let last = Period::week_of(ended);
    let before = first.saturating_sub(weeks)..first;
    let after = last..last.saturating_add(weeks);
    let rates = |domain: &str| {
        let series = engine.series(domain)?;
        let closed = series.weeks();
        let rate = |period: &Range<u16>| {
            let within = period.start >= closed.start && period.end <= closed.end;
            within
                .then(|| series.rates(period.clone())?.design)
                .flatten()
        };
        Some((rate(&before)?, rate(&after)?))
    };
    let treated = rates(domain).ok_or_else(|| {
        ApiError::NotFound(format!(
            "{domain} has no corrected rate for the {weeks} weeks before and after: they have not all closed, or hold no random draw of known probability"
        ))
    })?;
    let city = if domain == CITY { None } else { rates(CITY) };
    let effect = campaign_effect(treated, city);
    Ok(CampaignEffectDto::new(
        domain,
        (&before, &after),
        (treated, city),
        effect,
    ))
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
