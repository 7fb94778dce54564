//! Reports over HTTP.

use super::letter::{self as letters, Desk};
use super::{Format, ReportError, ReportKind, Scope, Sources, Stored, shown, words};
use crate::document::{Document, Lang, html};
use crate::dto::{LetterDto, ProblemDto, ReportDto, ZoneSheetDto};
use crate::error::ApiError;
use crate::etag::tagged;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use crate::subjects::{never_seen, read_subject};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use risk_domain::ids::ZoneId;
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::series::CITY;
use serde::Serialize;

/// How an answer is wanted.
struct Manner {
    lang: Lang,
    format: Format,
}

impl Manner {
    fn of(params: &Params) -> Result<Self, ApiError> {
        let format = params.parse(
            "format",
            "must be json, html, pdf or xlsx",
            Format::from_code,
        )?;
        Ok(Self {
            lang: params
                .parse("lang", "must be zh or en", Lang::from_code)?
                .unwrap_or(Lang::Zh),
            format: format.unwrap_or(Format::Json),
        })
    }

    fn answer(
        &self,
        headers: &HeaderMap,
        name: &str,
        made: &impl Serialize,
        document: impl FnOnce() -> Document,
    ) -> Result<Response, ApiError> {
        let body = shown(made, self.format, document)?;
        let mut response = tagged(headers, self.format.media_type(), body);
        match self.format {
            Format::Json => {}
            Format::Html => html::confine(&mut response),
            Format::Pdf | Format::Xlsx => named(&mut response, name, self.format.code()),
        }
        Ok(response)
    }
}

/// Gives a file a name of harmless signs.
pub(crate) fn named(response: &mut Response, name: &str, ending: &str) {
    let harmless = |sign: char| {
        if sign.is_ascii_alphanumeric() {
            sign
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(harmless).take(100).collect();
    let field = format!("attachment; filename=\"{name}.{ending}\"");
    if let Ok(field) = HeaderValue::from_str(&field) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, field);
    }
}

fn date(params: &Params) -> Result<Option<Day>, ApiError> {
    params.parse("date", "must be a day, as 2026-06-30", |text| {
        text.parse::<Day>().ok()
    })
}

async fn periodical(
    state: ApiState,
    kind: ReportKind,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let scope = Scope::read(params.text("domain").unwrap_or(CITY))?;
    let (manner, date) = (Manner::of(&params)?, date(&params)?);
    let books = state.clone();
    let read = move |parts: &ApiParts| {
        let made = with_sources(&books, parts, |sources| {
            let span = sources.span(kind, date)?;
            sources.report(kind, &scope, &span)
        })?;
        let name = format!("{}-{}-{}", made.kind, made.domain, made.basis.from);
        manner.answer(&headers, &name, &made, || words::report(&made, manner.lang))
    };
    state.read(read).await
}

/// Gathers from the engine and the views that follow the ledger.
fn with_sources<T>(
    books: &ApiState,
    parts: &ApiParts,
    gather: impl FnOnce(&Sources<'_>) -> Result<T, ReportError>,
) -> Result<T, ApiError> {
    let stored = Stored::read(&parts.reader, &parts.shelf)?;
    let books = books.0.books.read(parts)?;
    let engine = parts.engine();
    let sources = Sources {
        engine: &engine,
        reference: &parts.reference,
        lists: &books.lists,
        drawn: &books.drawn,
        stored: &stored,
    };
    Ok(gather(&sources)?)
}

/// The weekly report（周报）of the city, a sector or a zone.
#[utoipa::path(get, path = "/v1/reports/weekly", tag = "reports",
    params(
        ("domain" = Option<String>, Query, description = "city (the default), sector:CODE or zone:ID"),
        ("date" = Option<String>, Query, description = "a day of the week; the last week that has closed by default"),
        ("lang" = Option<String>, Query, description = "zh (the default) or en"),
        ("format" = Option<String>, Query, description = "json (the default), html, pdf or xlsx"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The report", content(
            (ReportDto = "application/json"), (String = "text/html"), (Vec<u8> = "application/pdf"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Nothing has closed in the period", body = ProblemDto, content_type = "application/problem+json"),
        (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "A view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn weekly(
    State(state): State<ApiState>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    periodical(state, ReportKind::Weekly, params, headers).await
}

/// The monthly dispatch report（月调度）of the city, a sector or a zone. A month is the weeks that begin in it.
#[utoipa::path(get, path = "/v1/reports/monthly", tag = "reports",
    params(
        ("domain" = Option<String>, Query, description = "city (the default), sector:CODE or zone:ID"),
        ("date" = Option<String>, Query, description = "a day of the month; the last month that has closed by default"),
        ("lang" = Option<String>, Query, description = "zh (the default) or en"),
        ("format" = Option<String>, Query, description = "json (the default), html, pdf or xlsx"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The report", content(
            (ReportDto = "application/json"), (String = "text/html"), (Vec<u8> = "application/pdf"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Nothing has closed in the period", body = ProblemDto, content_type = "application/problem+json"),
        (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "A view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn monthly(
    State(state): State<ApiState>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    periodical(state, ReportKind::Monthly, params, headers).await
}

/// A zone manager's sheet（市场开办者一页通）: the state of their zone, and nothing of what is to be tested.
#[utoipa::path(get, path = "/v1/reports/zone", tag = "reports",
    params(
        ("zone" = Option<String>, Query, description = "the zone; of a manager of one zone, theirs by default"),
        ("date" = Option<String>, Query, description = "a day of the week; the last week that has closed by default"),
        ("lang" = Option<String>, Query, description = "zh (the default) or en"),
        ("format" = Option<String>, Query, description = "json (the default), html, pdf or xlsx"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The sheet", content(
            (ZoneSheetDto = "application/json"), (String = "text/html"), (Vec<u8> = "application/pdf"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "A parameter is not valid, or the zone is not of your zones", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Nothing has closed in the period, or there is no such zone", body = ProblemDto, content_type = "application/problem+json"),
        (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json"),
        (status = 503, description = "A view is catching up with the ledger", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn zone(
    State(state): State<ApiState>,
    identity: Identity,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (manner, date) = (Manner::of(&params)?, date(&params)?);
    let books = state.clone();
    let read = move |parts: &ApiParts| {
        let wanted = params.parse("zone", "must be a zone's id", |text| ZoneId::new(text).ok())?;
        let zone = identity.confined(wanted, parts.engine().taxonomy())?;
        let zone = zone.ok_or_else(|| ApiError::BadParameter {
            field: "zone".to_owned(),
            rule: "must be told, as 330782-choucheng".to_owned(),
        })?;
        let subject = Subject::Zone(zone.clone());
        if parts.reference.zones.get(&zone).is_none() && !parts.engine().knows(&subject) {
            return Err(ApiError::NotFound(format!("there is no zone {zone}")));
        }
        let recorded = parts.reader.subject(&subject)?;
        let made = with_sources(&books, parts, |sources| {
            let span = sources.span(ReportKind::Weekly, date)?;
            Ok(sources.sheet(zone, recorded.as_ref(), &span))
        })?;
        let name = format!("sheet-{}-{}", made.zone, made.basis.from);
        manner.answer(&headers, &name, &made, || words::sheet(&made, manner.lang))
    };
    state.read(read).await
}

/// Why an enterprise has its grade, what would lower it, and how it may object（风险等级说明函）. It names nobody else.
#[utoipa::path(get, path = "/v1/subjects/{id}/letter", tag = "reports",
    params(
        ("id" = String, Path, description = "the enterprise, as enterprise:ID"),
        ("lang" = Option<String>, Query, description = "zh (the default) or en"),
        ("format" = Option<String>, Query, description = "json (the default), html, pdf or xlsx"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of an answer at hand")),
    responses(
        (status = 200, description = "The letter", content(
            (LetterDto = "application/json"), (String = "text/html"), (Vec<u8> = "application/pdf"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = 304, description = "The answer at hand still stands"),
        (status = 400, description = "It is no enterprise's id", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "No grade of it was recorded", body = ProblemDto, content_type = "application/problem+json"),
        (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn letter(
    State(state): State<ApiState>,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Subject::Enterprise(enterprise) = read_subject(&id)? else {
        return Err(ApiError::BadParameter {
            field: "id".to_owned(),
            rule: "must be an enterprise, as enterprise:ID: letters go to enterprises".to_owned(),
        });
    };
    let manner = Manner::of(&params)?;
    let read = move |parts: &ApiParts| {
        let engine = parts.engine();
        let desk = Desk {
            reader: &parts.reader,
            engine: &engine,
            reference: &parts.reference,
        };
        let made = desk.letter(&enterprise)?;
        drop(engine);
        let made = made.ok_or_else(|| never_seen(&Subject::Enterprise(enterprise)))?;
        let name = format!("letter-{}", made.enterprise_id);
        manner.answer(&headers, &name, &made, || {
            letters::words(&made, manner.lang)
        })
    };
    state.read(read).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_file_leads_nowhere() {
        for (name, shown) in [
            ("../../etc/passwd", "------etc-passwd"),
            ("a\"; filename=\"b", "a---filename--b"),
            ("C:\\x\r\ny", "C--x--y"),
            ("义乌", "--"),
        ] {
            let mut response = Response::default();
            named(&mut response, name, "pdf");
            let field = &response.headers()[header::CONTENT_DISPOSITION];
            assert_eq!(*field, format!("attachment; filename=\"{shown}.pdf\""));
        }
    }
}
