//! What is personal（个人信息）: shown to whoever decides, who is noted first, and erased by an administrator.

use crate::audit::{means_of, note, wait_noted};
use crate::dto::{
    ErasedDto, ErasureAsk, ErasureDto, KeptDto, KeptMonthDto, PersonalDto, ProblemDto,
};
use crate::error::ApiError;
use crate::identity::{ADMINISTRATORS, DECIDERS, Identity};
use crate::params::Id;
use crate::request::RequestId;
use crate::router::{Operation, read, write};
use crate::state::{ApiParts, ApiState};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::routing::{get, post};
use risk_domain::access::Act;
use risk_domain::ids::{ActorId, SignalId};
use risk_domain::personal::{Erasure, ErasureRule, KeyId};
use risk_store::Disclosed;

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// What is kept of people, and until when.
pub(crate) const KEPT: Operation = read("/v1/personal", ADMINISTRATORS, &[], || get(kept));
/// What of a signal is personal.
pub(crate) const OF_SIGNAL: Operation = read("/v1/signals/{id}/personal", DECIDERS, &[], || {
    get(of_signal)
});
/// Its erasure.
pub(crate) const ERASE_OF_SIGNAL: Operation =
    write("/v1/signals/{id}/erase", ADMINISTRATORS, || {
        post(erase_of_signal)
    });
/// The erasure of a dead letter's record.
pub(crate) const ERASE_DEAD_LETTER: Operation =
    write("/v1/dead-letters/{id}/erase", ADMINISTRATORS, || {
        post(erase_dead_letter)
    });

/// How much is kept of people, by kind and month, and on which day the policy erases it. What was erased stands in
/// `/v1/audit?kind=erase_personal`.
#[utoipa::path(get, path = "/v1/personal", tag = "personal",
    responses((status = 200, description = "What is kept", body = KeptDto)))]
pub(crate) async fn kept(State(state): State<ApiState>) -> Result<Json<KeptDto>, ApiError> {
    let read = |parts: &ApiParts| {
        let policy = parts.reader.retention();
        let counts = parts.reader.key_counts().into_iter();
        let mut kept: Vec<_> = counts.map(|((kind, of), keys)| (of, kind, keys)).collect();
        kept.sort_unstable();
        let kept = kept.into_iter().filter_map(|(of, kind, keys)| {
            let (year, month) = of;
            Some(KeptMonthDto {
                kind: kind.code().to_owned(),
                month: format!("{year:04}-{month:02}"),
                keys,
                kept_months: policy.months(kind),
                erased_from: policy.erased_from(kind, of)?.to_string(),
            })
        });
        Ok(Json(KeptDto {
            retention_version: policy.version().to_owned(),
            kept: kept.collect(),
        }))
    };
    state.read(read).await
}

fn entry_of(parts: &ApiParts, id: &str) -> Result<u64, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no signal {id}"));
    let known = SignalId::new(id).map_err(|_error| missing())?;
    parts.reader.signal_entry(&known)?.ok_or_else(missing)
}

/// Who complains or was hurt, how they are reached, what they say. Each look is noted in the ledger first, with
/// who looked.
#[utoipa::path(get, path = "/v1/signals/{id}/personal", tag = "personal",
    params(("id" = String, Path, description = "the signal")),
    responses(
        (status = 200, description = "What is personal of it, or what became of that", body = PersonalDto),
        (status = 404, description = "No such signal, or nothing of it is personal", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn of_signal(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
) -> Result<Json<PersonalDto>, ApiError> {
    let named = id.clone();
    let find = move |parts: &ApiParts| {
        let entry = entry_of(parts, &named)?;
        let nothing = || ApiError::NotFound(format!("nothing of the signal {named} is personal"));
        parts.reader.key_of_entry(entry)?.ok_or_else(nothing)?;
        Ok(entry)
    };
    let entry = state.read(find).await?;
    let what = [id.clone()].into_iter();
    note(&state, &identity, &request, Act::ReadPersonal, what).await?;
    let show = move |parts: &ApiParts| {
        let found = parts.reader.signal_personal(entry)?;
        let missing = || ApiError::Internal(format!("entry {entry} is no signal"));
        let (_, personal) = found.ok_or_else(missing)?;
        let dto = PersonalDto {
            signal_id: id,
            entry,
            person: None,
            contact: None,
            words: None,
            erased: None,
        };
        let text = |text: Option<compact_str::CompactString>| text.map(String::from);
        Ok(Json(match personal {
            Disclosed::Shown(said) => PersonalDto {
                person: text(said.person),
                contact: text(said.contact),
                words: text(said.words),
                ..dto
            },
            Disclosed::Gone(gone) => PersonalDto {
                erased: Some(ErasedDto::of(&gone)),
                ..dto
            },
        }))
    };
    state.read(show).await
}

/// Erase what the ledger holds of whoever said this: here and wherever the same name and contact stand. It cannot
/// be taken back; the rest of the record stays, and so do all proofs.
#[utoipa::path(post, path = "/v1/signals/{id}/erase", tag = "personal",
    params(("id" = String, Path, description = "the signal")),
    request_body = ErasureAsk,
    responses(
        (status = 200, description = "It is gone", body = ErasureDto),
        (status = 400, description = "The body is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "No such signal, or nothing of it is personal", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "It is gone already, or the request with this idempotency key is still being worked on", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn erase_of_signal(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ErasureDto>, ApiError> {
    let asked = asked(&body?)?;
    let find = move |parts: &ApiParts| keys_at(parts, entry_of(parts, &id)?, &id);
    erase(&state, (&identity, &request), asked, find).await
}

/// Erase the record of a dead letter, its key and the value at fault. It cannot be taken back; why it was
/// rejected stays, and so do all proofs.
#[utoipa::path(post, path = "/v1/dead-letters/{id}/erase", tag = "personal",
    params(("id" = u64, Path, description = "its ledger entry, as `entry` of the list")),
    request_body = ErasureAsk,
    responses(
        (status = 200, description = "It is gone", body = ErasureDto),
        (status = 400, description = "The body is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "No such dead letter", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "It is gone already, or the request with this idempotency key is still being worked on", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn erase_dead_letter(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ErasureDto>, ApiError> {
    let asked = asked(&body?)?;
    let find = move |parts: &ApiParts| {
        let missing = || ApiError::NotFound(format!("there is no dead letter {id}"));
        let entry = id.parse().map_err(|_error| missing())?;
        parts.reader.dead_letter(entry)?.ok_or_else(missing)?;
        keys_at(parts, entry, &id)
    };
    erase(&state, (&identity, &request), asked, find).await
}

/// What an erasure is asked for with.
fn asked(body: &[u8]) -> Result<(ErasureRule, String), ApiError> {
    let ask: ErasureAsk =
        serde_json::from_slice(body).map_err(|error| ApiError::BadBody(error.to_string()))?;
    let codes: Vec<&str> = ErasureRule::ALL.iter().map(|rule| rule.code()).collect();
    let rule = ErasureRule::from_code(&ask.rule);
    let rule =
        rule.ok_or_else(|| ApiError::BadBody(format!("rule must be one of {}", codes.join(", "))))?;
    let reason = ask.reason.trim();
    let length = reason.chars().count();
    if length == 0 || length > MAX_REASON || reason.chars().any(char::is_control) {
        let why = format!(
            "reason must be 1 to {MAX_REASON} characters on one line, and name nobody: it is kept"
        );
        return Err(ApiError::BadBody(why));
    }
    Ok((rule, reason.to_owned()))
}

/// The keys of whoever's words stand in an entry.
fn keys_at(parts: &ApiParts, entry: u64, id: &str) -> Result<Vec<KeyId>, ApiError> {
    let key = parts.reader.key_of_entry(entry)?;
    let key = key.ok_or_else(|| ApiError::NotFound(format!("nothing of {id} is personal")))?;
    let keys = parts.reader.keys_of_same_person(key);
    if keys.is_empty() {
        return Err(ApiError::Conflict(format!(
            "what is personal of {id} is gone already"
        )));
    }
    Ok(keys)
}

async fn erase(
    state: &ApiState,
    (identity, request): (&Identity, &str),
    (rule, reason): (ErasureRule, String),
    find: impl FnOnce(&ApiParts) -> Result<Vec<KeyId>, ApiError> + Send + 'static,
) -> Result<Json<ErasureDto>, ApiError> {
    let keys = state.read(find).await?;
    let grant = identity.grant();
    // In the demo nobody is known.
    let actor = match grant {
        Some(grant) => Ok(grant.actor.clone()),
        None => ActorId::new("demo").map_err(|error| ApiError::Internal(error.to_string())),
    };
    let erasure = Erasure {
        at: (state.0.parts.now)(),
        actor: Some(actor?),
        roles: grant.map(|grant| grant.roles.clone()).unwrap_or_default(),
        means: Some(means_of(identity)),
        request_id: Some(request.into()),
        rule,
        reason: reason.into(),
        keys,
        repeated: false,
    };
    let told = ErasureDto {
        at: erasure.at.to_string(),
        rule: rule.code().to_owned(),
        keys: erasure.keys.iter().map(ToString::to_string).collect(),
    };
    wait_noted(state.0.parts.notebook.erase(erasure)).await?;
    Ok(Json(told))
}
