//! The results behind a score（证据）.

use crate::dto::{EvidenceResultDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::state::{ApiParts, ApiState};
use crate::subjects::{check_seen, never_seen, read_subject};
use axum::Json;
use axum::extract::State;
use risk_domain::ids::ZoneId;
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use risk_engine::Engine;
use risk_store::ResultsOf;

/// The most rows of a page.
const MAX_ROWS: usize = 500;

/// The results among which all that touch a subject are.
pub(crate) fn results_behind(engine: &Engine, subject: &Subject) -> ResultsOf {
    let taxonomy = engine.taxonomy();
    match subject {
        Subject::Enterprise(id) | Subject::Cell(id, _) => ResultsOf::Enterprises(vec![id.clone()]),
        Subject::Site(site) => ResultsOf::Enterprises(engine.enterprises_at(site)),
        Subject::Product(product) => ResultsOf::Products(vec![product.clone()]),
        Subject::Sector(sector) => ResultsOf::Products(taxonomy.products_of(sector)),
        Subject::Zone(zone) => ResultsOf::Zones(taxonomy.zones_within(zone).into_iter().collect()),
    }
}

/// Results that touch a subject, the newest first, each with how it counts. Many results may be looked at for
/// one that is also in the zone asked for, so a page may hold fewer rows than asked for and still have a next
/// one.
#[utoipa::path(get, path = "/v1/subjects/{id}/evidence", tag = "subjects",
    params(
        ("id" = String, Path, description = "the subject"),
        ("zone" = Option<String>, Query, description = "only results in this zone or below it"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<EvidenceResultDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Never seen", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn evidence(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    params: Params,
) -> Result<Json<Page<EvidenceResultDto>>, ApiError> {
    let subject = read_subject(&id)?;
    let zone = params.parse("zone", "must be a zone's id", |text| ZoneId::new(text).ok())?;
    let zone = zone.map(Subject::Zone);
    let below = params.parse("cursor", "must be the `next` of a page", |text| {
        text.parse::<u64>().ok()
    })?;
    let limit = params.limit(MAX_ROWS)?;
    let read = move |parts: &ApiParts| {
        check_seen(parts, &identity, &subject)?;
        let (of, taxonomy) = {
            let engine = parts.engine();
            if !engine.knows(&subject) {
                return Err(never_seen(&subject));
            }
            (results_behind(&engine, &subject), engine.taxonomy().clone())
        };
        let keep = |result: &InspectionResult| {
            let touches = |subject| taxonomy.touches(result, subject);
            touches(&subject)
                && zone.as_ref().is_none_or(touches)
                && identity.sees_zone(&result.site.zone_id, &taxonomy)
        };
        let page = parts.reader.results(&of, &keep, limit, below)?;
        let engine = parts.engine();
        let items = page.items.iter().map(|(entry, record)| {
            let counting = engine.counting(&record.result, record.epoch);
            EvidenceResultDto::new(*entry, &record.result, counting)
        });
        Ok(Json(Page {
            items: items.collect(),
            next: page.next,
        }))
    };
    state.read(read).await
}
