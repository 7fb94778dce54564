//! The routes of packs: one frame, of which every kind of pack has a path.

use super::{About, PackRequest, Packer};
use crate::dto::{CheckpointDto, ProblemDto};
use crate::error::ApiError;
use crate::etag::tagged;
use crate::identity::{Identity, STAFF};
use crate::params::{Id, Params};
use crate::reports::routes::named;
use crate::router::{Operation, read};
use crate::state::{ApiParts, ApiState};
use crate::subjects::{check_seen, never_seen, read_subject};
use crate::typeset;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use risk_domain::ids::{AlertId, CaseId, DrawId};

const ZIP: &str = "application/zip";

/// What a pack's path takes.
const QUERY: &[&str] = &["size", "redacted", "format"];

pub(crate) const OF_SUBJECT: Operation =
    read("/v1/subjects/{id}/pack", STAFF, QUERY, || get(of_subject));
pub(crate) const OF_ALERT: Operation = read("/v1/alerts/{id}/pack", STAFF, QUERY, || get(of_alert));
pub(crate) const OF_CASE: Operation = read("/v1/cases/{id}/pack", STAFF, QUERY, || get(of_case));
pub(crate) const OF_DRAW: Operation = read("/v1/draws/{id}/pack", STAFF, QUERY, || get(of_draw));

impl About {
    /// What to say where nothing was recorded of it.
    fn missing(&self) -> ApiError {
        match self {
            Self::Assessment(subject) => never_seen(subject),
            Self::Alert(id) => no("alert", id.as_str()),
            Self::Case(id) => no("case", id.as_str()),
            Self::Draw(id) => no("draw", id.as_str()),
        }
    }
}

fn no(kind: &str, id: &str) -> ApiError {
    ApiError::NotFound(format!("no {kind} {id} is recorded"))
}

/// Makes the pack that was asked for.
async fn answer(
    state: ApiState,
    identity: Identity,
    about: About,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let of_entries = |text: &str| text.parse().ok();
    let size = params.parse("size", "must be a number of entries", of_entries)?;
    let yes_or_no = |text: &str| text.parse().ok();
    let redacted = params.parse("redacted", "must be true or false", yes_or_no)?;
    let zip_or_pdf = |text: &str| match text {
        "zip" => Some(false),
        "pdf" => Some(true),
        _other => None,
    };
    let printed = params.parse("format", "must be zip or pdf", zip_or_pdf)?;
    let wanted = PackRequest {
        about,
        size,
        redacted: redacted.unwrap_or_default(),
    };
    let read = move |parts: &ApiParts| {
        if let About::Assessment(subject) = &wanted.about {
            check_seen(parts, &identity, subject)?;
        }
        let engine = parts.engine();
        let packer = Packer {
            reader: &parts.reader,
            engine: &engine,
            signer: &parts.signer,
            shelf: &parts.shelf,
        };
        let pack = packer.pack(&wanted)?;
        drop(engine);
        let pack = pack.ok_or_else(|| wanted.about.missing())?;
        let (body, kind, ending) = if printed.unwrap_or_default() {
            (pack.pdf()?, typeset::PDF, "pdf")
        } else {
            (pack.archive, ZIP, "zip")
        };
        let mut response = tagged(&headers, kind, body);
        named(&mut response, "evidence", ending);
        Ok(response)
    };
    state.read(read).await
}

/// The route of one kind of pack.
macro_rules! route {
    ($(#[$doc:meta])* $name:ident, $path:literal, $of:literal, $about:expr) => {
        $(#[$doc])*
        #[utoipa::path(get, path = $path, tag = "evidence",
            params(
                ("id" = String, Path, description = $of),
                ("size" = Option<u64>, Query, description = "of the ledger's first so many entries; the same size gives the same JSON"),
                ("redacted" = Option<bool>, Query, description = "for the party that it is about: what names others is withheld"),
                ("format" = Option<String>, Query, description = "zip (the default), or pdf: the page of the archive, printed")),
            responses(
                (status = 200, description = "The archive", content((Vec<u8> = "application/zip"), (Vec<u8> = "application/pdf"))),
                (status = 304, description = "As the client has it"),
                (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
                (status = 404, description = "Nothing was recorded of it", body = ProblemDto, content_type = "application/problem+json"),
                (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json")))]
        pub(crate) async fn $name(
            State(state): State<ApiState>,
            identity: Identity,
            Id(id): Id,
            params: Params,
            headers: HeaderMap,
        ) -> Result<Response, ApiError> {
            let about: fn(&str) -> Result<About, ApiError> = $about;
            answer(state, identity, about(&id)?, params, headers).await
        }
    };
}

route!(
    /// The evidence pack of the grade that was recorded last: the grade with its parts, the results that it
    /// rests on, the draws by which they were sampled, others beside it, and a proof of each under a signed
    /// checkpoint, as an archive.
    of_subject, "/v1/subjects/{id}/pack", "the subject",
    |id| Ok(About::Assessment(read_subject(id)?))
);
route!(
    /// The evidence pack of an alert: everything that changed of it, the results behind it, and proofs.
    of_alert, "/v1/alerts/{id}/pack", "the alert",
    |id| AlertId::new(id).map(About::Alert).map_err(|_| no("alert", id))
);
route!(
    /// The evidence pack of a case: everything that changed in it, what officers decided, the results behind
    /// it, and proofs.
    of_case, "/v1/cases/{id}/pack", "the case",
    |id| CaseId::new(id).map(About::Case).map_err(|_| no("case", id))
);
route!(
    /// The evidence pack of a draw: what it was held to, what was drawn, that it was revealed, the results that
    /// name it, and proofs. Once the draw is revealed, its record and pool lie in the archive.
    of_draw, "/v1/draws/{id}/pack", "the draw",
    |id| DrawId::new(id).map(About::Draw).map_err(|_| no("draw", id))
);

/// The ledger's head, signed, and the key that checks it. Whoever keeps one can prove later that nothing
/// below it was altered.
#[utoipa::path(get, path = "/v1/ledger/checkpoint", tag = "evidence",
    responses((status = 200, description = "The checkpoint", body = CheckpointDto)))]
pub(crate) async fn checkpoint(
    State(state): State<ApiState>,
) -> Result<Json<CheckpointDto>, ApiError> {
    let read = |parts: &ApiParts| {
        let head = parts.reader.head(parts.reader.ledger().entry_count())?;
        Ok(Json(CheckpointDto {
            size: head.size,
            root: head.root.to_string(),
            checkpoint: parts.signer.sign(&head),
            key: parts.signer.verifier_key(),
        }))
    };
    state.read(read).await
}
