//! Deliveries（投递）: what became of events at the endpoints that are told of them. One can be sent
//! again, and an endpoint that was given up be tried again.

use crate::audit::note;
use crate::dto::{DeliveryDto, Page, ProblemDto, WebhookDto, WebhooksDto};
use crate::error::ApiError;
use crate::identity::{ADMINISTRATORS, Identity, STAFF};
use crate::params::{Id, Params};
use crate::request::RequestId;
use crate::router::{Operation, read, write};
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use risk_domain::access::Act;
use risk_domain::subject::Subject;
use risk_store::{Asked, Delivery, DeliveryState, EndpointStatus};

/// The most rows of a page.
const MAX_ROWS: usize = 200;

pub(crate) const LIST: Operation = read(
    "/v1/deliveries",
    STAFF,
    &["endpoint", "state", "subject", "limit", "cursor"],
    || get(list),
);
pub(crate) const RESEND: Operation = write("/v1/deliveries/{id}/resend", ADMINISTRATORS, || {
    post(resend)
});
pub(crate) const WEBHOOKS: Operation = read("/v1/webhooks", STAFF, &[], || get(webhooks));
pub(crate) const UNPARK: Operation =
    write("/v1/webhooks/{id}/unpark", ADMINISTRATORS, || post(unpark));

fn shown(parts: &ApiParts, delivery: Delivery) -> DeliveryDto {
    let Delivery {
        endpoint,
        entry,
        record,
    } = delivery;
    DeliveryDto {
        id: parts.reader.deliveries().id(&endpoint, entry),
        endpoint,
        entry,
        event: record.event,
        subject: record.subject,
        state: record.state.code().to_owned(),
        attempts: record.attempts,
        first_at: record.first_at.map(|at| at.to_string()),
        last_at: record.last_at.map(|at| at.to_string()),
        next_at: record.next_at.map(|at| at.to_string()),
        status: record.status,
        problem: record.problem,
        asked_again: record.asked_again,
    }
}

fn webhook(parts: &ApiParts, endpoint: EndpointStatus) -> WebhookDto {
    let durable = parts.reader.ledger().entry_count();
    let (parked_at, parked_why) = endpoint
        .record
        .parked
        .map(|parked| (parked.at.to_string(), parked.why))
        .unzip();
    WebhookDto {
        name: endpoint.name,
        kind: endpoint.kind.to_owned(),
        next: endpoint.next,
        behind: durable.saturating_sub(endpoint.next),
        failures: endpoint.record.failures,
        retry_at: endpoint.record.retry_at.map(|at| at.to_string()),
        parked_at,
        parked_why,
    }
}

/// Deliveries that were tried, the newest event first. Events that were not tried yet are counted in
/// `behind` of /v1/webhooks.
#[utoipa::path(get, path = "/v1/deliveries", tag = "deliveries",
    params(
        ("endpoint" = Option<String>, Query, description = "only those to the endpoint of this name"),
        ("state" = Option<String>, Query, description = "only those that are waiting, delivered or failed"),
        ("subject" = Option<String>, Query, description = "only those about this subject, as `kind:id`"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<DeliveryDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<DeliveryDto>>, ApiError> {
    let endpoint = params.text("endpoint").map(str::to_owned);
    let wanted = params.parse(
        "state",
        "must be waiting, delivered or failed",
        DeliveryState::from_code,
    )?;
    let subject = params.parse("subject", "must be a subject, as enterprise:E1", |text| {
        text.parse::<Subject>().ok()
    })?;
    let subject = subject.map(|subject| subject.to_string());
    let (limit, cursor) = (params.limit(MAX_ROWS)?, params.cursor());
    let read = move |parts: &ApiParts| {
        let deliveries = parts.reader.deliveries();
        let after = cursor.as_deref().map(|cursor| {
            let place = deliveries.read_id(cursor);
            place.ok_or_else(|| ApiError::BadParameter {
                field: "cursor".to_owned(),
                rule: "must be the `next` of a page".to_owned(),
            })
        });
        let keep = |one: &Delivery| {
            let fits = |wanted: &Option<String>, found: &str| {
                wanted.as_ref().is_none_or(|wanted| wanted == found)
            };
            fits(&endpoint, &one.endpoint)
                && fits(&subject, &one.record.subject)
                && wanted.is_none_or(|wanted| wanted == one.record.state)
        };
        let page = deliveries.list(&keep, limit, after.transpose()?)?;
        let items = page.items.into_iter().map(|one| shown(parts, one));
        Ok(Json(Page {
            items: items.collect(),
            next: page.next,
        }))
    };
    state.read(read).await
}

/// Send an event to an endpoint again. It goes out under the same id, so an endpoint that keeps ids knows it.
#[utoipa::path(post, path = "/v1/deliveries/{id}/resend", tag = "deliveries",
    params(("id" = String, Path, description = "the delivery's id, as `id` of the list")),
    responses(
        (status = 202, description = "It waits to be sent", body = DeliveryDto),
        (status = 404, description = "No such delivery, or nothing is sent to its endpoint any more", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "It waits already, or the request with this idempotency key is still being worked on", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn resend(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
) -> Result<(StatusCode, Json<DeliveryDto>), ApiError> {
    let named = id.clone();
    let find = move |parts: &ApiParts| {
        let missing =
            || ApiError::NotFound(format!("there is no delivery {id}; see /v1/deliveries"));
        let deliveries = parts.reader.deliveries();
        let (endpoint, entry) = deliveries.read_id(&id).ok_or_else(missing)?;
        let record = deliveries.get(endpoint, entry)?.ok_or_else(missing)?;
        Ok(Delivery {
            endpoint: endpoint.to_owned(),
            entry,
            record,
        })
    };
    let resend = |parts: &ApiParts, of: &Delivery| match parts
        .reader
        .deliveries()
        .resend(&of.endpoint, of.entry)?
    {
        Asked::Taken => Ok(()),
        Asked::Unknown => {
            let why = format!("nothing is sent to {} any more", of.endpoint);
            Err(ApiError::NotFound(why))
        }
        Asked::Needless => {
            let id = parts.reader.deliveries().id(&of.endpoint, of.entry);
            Err(ApiError::Conflict(format!("{id} waits to be sent already")))
        }
    };
    let deed = (Act::ResendDelivery, named);
    ask(&state, (&identity, &request), deed, find, resend, shown).await
}

/// Asks for something to be done about what there is: who asks is noted before it is done, and what became of
/// it is shown.
async fn ask<F, T: Send + 'static>(
    state: &ApiState,
    (identity, request): (&Identity, &str),
    (act, named): (Act, String),
    find: impl Fn(&ApiParts) -> Result<F, ApiError> + Clone + Send + 'static,
    done: impl FnOnce(&ApiParts, &F) -> Result<(), ApiError> + Send + 'static,
    tell: impl FnOnce(&ApiParts, F) -> T + Send + 'static,
) -> Result<(StatusCode, Json<T>), ApiError>
where
    F: Send + 'static,
{
    // What there is not is not noted.
    state.read(find.clone()).await?;
    note(state, identity, request, act, [named].into_iter()).await?;
    let asked = move |parts: &ApiParts| {
        done(parts, &find(parts)?)?;
        let told = tell(parts, find(parts)?);
        Ok((StatusCode::ACCEPTED, Json(told)))
    };
    state.read(asked).await
}

/// The endpoints that are told of events, and how they behave.
#[utoipa::path(get, path = "/v1/webhooks", tag = "deliveries",
    responses((status = 200, description = "Every endpoint", body = WebhooksDto)))]
pub(crate) async fn webhooks(State(state): State<ApiState>) -> Result<Json<WebhooksDto>, ApiError> {
    let read = |parts: &ApiParts| {
        let endpoints = parts.reader.deliveries().endpoints()?.into_iter();
        let items = endpoints.map(|one| webhook(parts, one)).collect();
        Ok(Json(WebhooksDto { items }))
    };
    state.read(read).await
}

/// Try a parked endpoint again: it is sent what waits for it, in order.
#[utoipa::path(post, path = "/v1/webhooks/{id}/unpark", tag = "deliveries",
    params(("id" = String, Path, description = "the endpoint's name")),
    responses(
        (status = 202, description = "It is tried again", body = WebhookDto),
        (status = 404, description = "No such endpoint", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "It is not parked, or the request with this idempotency key is still being worked on", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn unpark(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(name): Id,
) -> Result<(StatusCode, Json<WebhookDto>), ApiError> {
    let named = name.clone();
    let find = move |parts: &ApiParts| {
        let mut all = parts.reader.deliveries().endpoints()?.into_iter();
        let found = all.find(|one| one.name == name);
        found.ok_or_else(|| {
            ApiError::NotFound(format!("there is no endpoint {name}; see /v1/webhooks"))
        })
    };
    let unpark = |parts: &ApiParts, of: &EndpointStatus| {
        if parts.reader.deliveries().unpark(&of.name)? == Asked::Needless {
            return Err(ApiError::Conflict(format!("{} is not parked", of.name)));
        }
        Ok(())
    };
    let deed = (Act::UnparkWebhook, named);
    ask(&state, (&identity, &request), deed, find, unpark, webhook).await
}
