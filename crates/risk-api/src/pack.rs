//! Evidence packs（证据包）: one archive for whoever must defend or doubt a conclusion.
//!
//! A pack is made of the ledger's first `size` entries alone, so its JSON is the same to the byte whenever
//! it is made again of as many. The page in it is a rendering of that JSON. Whoever has the key's public
//! half can check it with `docs/verify/verify.py`, which knows nothing else of the program.

pub(crate) mod case;
mod page;

use crate::document::{Document, html};
use crate::dto::pack::{AboutDto, EntryDto, FORMAT, PackDto, PackLedgerDto, Role, StatementDto};
use crate::dto::{AssessmentDto, CheckpointDto, Names, ProblemDto};
use crate::error::ApiError;
use crate::etag::tagged;
use crate::identity::Identity;
use crate::params::{Id, Params};
use crate::reports::routes::named;
use crate::state::{ApiParts, ApiState};
use crate::subjects::{check_seen, never_seen, read_subject};
use crate::typeset::{self, TypesetError};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::ids::{AlertId, CaseId, InspectionId};
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use risk_engine::{Engine, MoveCause};
use risk_store::ledger::Section;
use risk_store::ledger::note::CheckpointSigner;
use risk_store::{Reader, ResultsOf, StoreError};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The most results that a pack lists.
const MAX_RESULTS: usize = 500;
/// Moves of an alert or a case in a pack.
const MAX_MOVES: usize = 1000;
const ZIP: &str = "application/zip";

/// Why a pack was not made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Of more entries than there are, or of none.
    #[error("must be from 1 to {0}, the entries of the ledger")]
    Size(u64),
    /// The ledger or its views could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive could not be written.
    #[error("the archive was not written: {0}")]
    Written(String),
    /// It could not be printed.
    #[error(transparent)]
    Typeset(#[from] TypesetError),
}

impl From<PackError> for ApiError {
    fn from(error: PackError) -> Self {
        match error {
            PackError::Size(_) => Self::BadParameter {
                field: "size".to_owned(),
                rule: error.to_string(),
            },
            PackError::Store(error) => error.into(),
            PackError::Typeset(error) => error.into(),
            PackError::Written(_) => Self::Internal(error.to_string()),
        }
    }
}

/// What a pack is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The grade of a subject that was recorded last, below `size`.
    Assessment(Subject),
    /// An alert with all that became of it.
    Alert(AlertId),
    /// A case with all that became of it.
    Case(CaseId),
}

impl std::str::FromStr for About {
    type Err = String;

    /// `alert:` or `case:` and its id, or a subject as `kind:id`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(id) = text.strip_prefix("alert:") {
            let id = AlertId::new(id).map_err(|error| format!("alert: {error}"))?;
            return Ok(Self::Alert(id));
        }
        if let Some(id) = text.strip_prefix("case:") {
            let id = CaseId::new(id).map_err(|error| format!("case: {error}"))?;
            return Ok(Self::Case(id));
        }
        let subject = text.parse().map_err(|_| {
            "must be a subject, as enterprise:ID or site:ID, or alert:ID, or case:ID".to_owned()
        })?;
        Ok(Self::Assessment(subject))
    }
}

/// Which pack.
#[derive(Debug, Clone)]
pub struct PackRequest {
    /// About what.
    pub about: About,
    /// Of the ledger's first so many entries; of all durable ones if none is given.
    pub size: Option<u64>,
    /// For other parties: without the names that stand in results.
    pub redacted: bool,
}

/// Makes packs of one ledger.
pub struct Packer<'a> {
    /// The ledger and what finds things in it.
    pub reader: &'a Reader,
    /// What lies within what, and who is behind whom.
    pub engine: &'a Engine,
    /// Signs.
    pub signer: &'a CheckpointSigner,
}

impl std::fmt::Debug for Packer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

/// A pack, made: its JSON, and everything in one archive.
#[derive(Debug)]
pub struct Pack {
    /// What programs read.
    pub json: Vec<u8>,
    /// `pack.json`, `pack.html` and `checkpoint.txt`.
    pub archive: Vec<u8>,
    /// What the page shows.
    document: Document,
}

impl Pack {
    /// The page of the archive, printed (PDF).
    pub fn pdf(&self) -> Result<Vec<u8>, PackError> {
        Ok(typeset::pdf(&self.document)?)
    }
}

impl Packer<'_> {
    /// Makes a pack; none where nothing was recorded of what it is about.
    pub fn pack(&self, request: &PackRequest) -> Result<Option<Pack>, PackError> {
        let durable = self.reader.ledger().entry_count();
        let size = request.size.unwrap_or(durable);
        if size == 0 || size > durable {
            return Err(PackError::Size(durable));
        }
        let Some(pack) = self.document(request, size)? else {
            return Ok(None);
        };
        let internal = |error: &dyn std::fmt::Display| PackError::Written(error.to_string());
        let mut json = serde_json::to_vec_pretty(&pack).map_err(|error| internal(&error))?;
        json.push(b'\n');
        let document = page::document(&pack);
        let page = html::html(&document);
        let files = [
            ("pack.json", json.as_slice()),
            ("pack.html", page.as_bytes()),
            ("checkpoint.txt", pack.checkpoint.as_bytes()),
        ];
        // No time of its own stands in it: the same files give the same archive.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive
                .start_file(name, options)
                .map_err(|error| internal(&error))?;
            archive.write_all(bytes).map_err(|error| internal(&error))?;
        }
        let archive = archive.finish().map_err(|error| internal(&error))?;
        Ok(Some(Pack {
            json,
            archive: archive.into_inner(),
            document,
        }))
    }

    fn document(&self, request: &PackRequest, size: u64) -> Result<Option<PackDto>, PackError> {
        let told = match &request.about {
            About::Assessment(subject) => self.assessment(subject, size, request.redacted)?,
            About::Alert(alert) => self.alert(alert, size, request.redacted)?,
            About::Case(case) => self.case(case, size, request.redacted)?,
        };
        let Some(Told {
            about,
            statement,
            entries,
            more_results,
        }) = told
        else {
            return Ok(None);
        };
        let head = self.reader.head(size)?;
        let checkpoint = self.signer.sign(&head);
        Ok(Some(PackDto {
            format: FORMAT,
            about,
            redacted: request.redacted,
            ledger: PackLedgerDto {
                origin: checkpoint.lines().next().unwrap_or_default().to_owned(),
                size,
                root: head.root.to_string(),
            },
            checkpoint,
            statement,
            entries,
            more_results,
        }))
    }

    fn entry(&self, role: Role, at: u64, size: u64, redacted: bool) -> Result<EntryDto, PackError> {
        let show = |section| match section {
            Section::Facts | Section::Decision => true,
            Section::Party => !redacted,
            Section::Personal => false,
        };
        let proved = self.reader.proved(at, size, show)?;
        Ok(EntryDto::new(role, &proved))
    }

    /// Results of a subject below an entry that `keep` keeps, the oldest first, and whether there are more.
    fn results(
        &self,
        subject: &Subject,
        below: u64,
        keep: &dyn Fn(&InspectionResult) -> bool,
    ) -> Result<(Vec<u64>, bool), PackError> {
        let Some(behind) = self.engine.enterprises_behind(subject) else {
            // Those of a product, a zone or a sector are a city's: the assessment counts them.
            return Ok((Vec::new(), true));
        };
        let taxonomy = self.engine.taxonomy();
        let touches = |result: &InspectionResult| taxonomy.touches(result, subject) && keep(result);
        let of = ResultsOf::Enterprises(behind);
        let page = self
            .reader
            .results(&of, &touches, MAX_RESULTS, Some(below))?;
        let more = page.next.is_some() && page.items.len() >= MAX_RESULTS;
        let mut found: Vec<u64> = page.items.iter().map(|(entry, _)| *entry).collect();
        found.reverse();
        Ok((found, more))
    }

    fn assessment(
        &self,
        subject: &Subject,
        size: u64,
        redacted: bool,
    ) -> Result<Option<Told>, PackError> {
        let Some(at) = self.reader.recorded_below(subject, size)? else {
            return Ok(None);
        };
        let Some(assessment) = self.reader.assessment_at(at)? else {
            return Ok(None);
        };
        let (results, more_results) = self.results(subject, at, &|_| true)?;
        let mut conclusion = self.entry(Role::Conclusion, at, size, redacted)?;
        // The statement says it for people.
        conclusion.shows.clear();
        let mut entries = vec![conclusion];
        for result in results {
            entries.push(self.entry(Role::Result, result, size, redacted)?);
        }
        let as_of = self.engine.end_of(assessment.epoch);
        // Public names are told by the results, which are proved; this one would be today's.
        let statement = AssessmentDto::new(&assessment, Names::default(), as_of, false);
        Ok(Some(Told {
            about: AboutDto::Assessment {
                subject: subject.to_string(),
                entry: at,
            },
            statement: StatementDto::Assessment(Box::new(statement)),
            entries,
            more_results,
        }))
    }

    fn alert(&self, id: &AlertId, size: u64, redacted: bool) -> Result<Option<Told>, PackError> {
        let moves = self.reader.alert_moves(id, MAX_MOVES)?;
        let moves: Vec<_> = moves.into_iter().filter(|(at, _)| *at < size).collect();
        let Some((_, first)) = moves.first() else {
            return Ok(None);
        };
        let subject = first.subject.clone();
        let behind: BTreeSet<InspectionId> = moves
            .iter()
            .filter_map(|(_, moved)| match &moved.cause {
                MoveCause::Raised { inspection_id, .. } => inspection_id.clone(),
                MoveCause::Decided { .. } | MoveCause::SnoozeEnded => None,
            })
            .collect();
        let named = |result: &InspectionResult| behind.contains(&result.inspection_id);
        let (results, more_results) = self.results(&subject, size, &named)?;
        let mut entries = Vec::new();
        for (at, _) in &moves {
            entries.push(self.entry(Role::Conclusion, *at, size, redacted)?);
        }
        let shown = entries
            .iter()
            .filter_map(|entry| entry.shows.get("decision"));
        let statement: Vec<Value> = shown.cloned().collect();
        for result in results {
            entries.push(self.entry(Role::Result, result, size, redacted)?);
        }
        Ok(Some(Told {
            about: AboutDto::Alert {
                alert: id.to_string(),
                subject: subject.to_string(),
            },
            statement: StatementDto::Alert(statement),
            entries,
            more_results,
        }))
    }
}

/// What a pack says, before its frame.
struct Told {
    about: AboutDto,
    statement: StatementDto,
    entries: Vec<EntryDto>,
    more_results: bool,
}

fn request(about: About, params: &Params) -> Result<PackRequest, ApiError> {
    let rule = "must be a number of entries";
    Ok(PackRequest {
        about,
        size: params.parse("size", rule, |text| text.parse().ok())?,
        redacted: params
            .parse("redacted", "must be true or false", |text| {
                text.parse().ok()
            })?
            .unwrap_or_default(),
    })
}

/// Whether it is wanted on paper.
fn printed(params: &Params) -> Result<bool, ApiError> {
    let read = |text: &str| match text {
        "zip" => Some(false),
        "pdf" => Some(true),
        _other => None,
    };
    let printed = params.parse("format", "must be zip or pdf", read)?;
    Ok(printed.unwrap_or_default())
}

fn answer(
    parts: &ApiParts,
    headers: &HeaderMap,
    wanted: &PackRequest,
    printed: bool,
) -> Result<Response, ApiError> {
    let engine = parts.engine();
    let packer = Packer {
        reader: &parts.reader,
        engine: &engine,
        signer: &parts.signer,
    };
    let pack = packer.pack(wanted)?;
    drop(engine);
    let pack = pack.ok_or_else(|| match &wanted.about {
        About::Assessment(subject) => never_seen(subject),
        About::Alert(id) => ApiError::NotFound(format!("no alert {id} is recorded")),
        About::Case(id) => ApiError::NotFound(format!("no case {id} is recorded")),
    })?;
    let (body, kind, ending) = if printed {
        (pack.pdf()?, typeset::PDF, "pdf")
    } else {
        (pack.archive, ZIP, "zip")
    };
    let mut response = tagged(headers, kind, body);
    named(&mut response, "evidence", ending);
    Ok(response)
}

/// The evidence pack of the grade that was recorded last: the grade with its parts, the results that it
/// rests on, and a proof of each under a signed checkpoint, as an archive.
#[utoipa::path(get, path = "/v1/subjects/{id}/pack", tag = "evidence",
    params(
        ("id" = String, Path, description = "the subject"),
        ("size" = Option<u64>, Query, description = "of the ledger's first so many entries; the same size gives the same JSON"),
        ("redacted" = Option<bool>, Query, description = "for other parties: names that stand in results are withheld"),
        ("format" = Option<String>, Query, description = "zip (the default), or pdf: the page of the archive, printed")),
    responses(
        (status = 200, description = "The archive", content((Vec<u8> = "application/zip"), (Vec<u8> = "application/pdf"))),
        (status = 304, description = "As the client has it"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "Nothing was recorded", body = ProblemDto, content_type = "application/problem+json"),
        (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn of_subject(
    State(state): State<ApiState>,
    identity: Identity,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let subject = read_subject(&id)?;
    let wanted = request(About::Assessment(subject.clone()), &params)?;
    let printed = printed(&params)?;
    let read = move |parts: &ApiParts| {
        check_seen(parts, &identity, &subject)?;
        answer(parts, &headers, &wanted, printed)
    };
    state.read(read).await
}

/// The evidence pack of an alert: everything that changed of it, the results behind it, and proofs.
#[utoipa::path(get, path = "/v1/alerts/{id}/pack", tag = "evidence",
    params(
        ("id" = String, Path, description = "the alert"),
        ("size" = Option<u64>, Query, description = "of the ledger's first so many entries; the same size gives the same JSON"),
        ("redacted" = Option<bool>, Query, description = "for other parties: names that stand in results are withheld"),
        ("format" = Option<String>, Query, description = "zip (the default), or pdf: the page of the archive, printed")),
    responses(
        (status = 200, description = "The archive", content((Vec<u8> = "application/zip"), (Vec<u8> = "application/pdf"))),
        (status = 304, description = "As the client has it"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "There is no such alert", body = ProblemDto, content_type = "application/problem+json"),
        (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn of_alert(
    State(state): State<ApiState>,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let none = || ApiError::NotFound(format!("no alert {id} is recorded"));
    let alert = AlertId::new(&id).map_err(|_| none())?;
    let wanted = request(About::Alert(alert), &params)?;
    let printed = printed(&params)?;
    let read = move |parts: &ApiParts| answer(parts, &headers, &wanted, printed);
    state.read(read).await
}

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
