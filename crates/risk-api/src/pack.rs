//! Evidence packs（证据包）: one archive for whoever must defend or doubt a conclusion.
//!
//! A pack is made of the ledger's first `size` entries alone, so its JSON is the same to the byte whenever
//! it is made again of as many. The page in it is a rendering of that JSON. Whoever has the key's public
//! half can check it with `docs/verify/verify.py`, which knows nothing else of the program.

mod alert;
mod case;
mod comparables;
mod draw;
mod grade;
mod page;
mod redact;
pub(crate) mod routes;

use crate::document::{Document as Paper, html};
use crate::dto::pack::{
    AboutDto, ComparableDto, EntryDto, FORMAT, MarginDto, PackDto, PackLedgerDto, Role,
    StatementDto,
};
use crate::error::ApiError;
use crate::evidence::results_behind;
use crate::typeset::{self, TypesetError};
use risk_domain::ids::{AlertId, CaseId, DrawId, InspectionId, SignalId, ZoneId};
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use risk_engine::Engine;
use risk_store::ledger::note::CheckpointSigner;
use risk_store::ledger::{Proofs, Section};
use risk_store::{PlanShelf, ProvedEntry, Reader, ResultsOf, StoreError};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::time::Duration;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The most results that a pack lists.
const MAX_RESULTS: usize = 500;
/// The most of a product, a zone or a sector: they lie scattered, so that each may be a block to read.
const MAX_SHARED: usize = 100;
/// The most raises of an alert.
const MAX_RAISES: usize = 500;
/// Longest wait for the views to show what is asked for.
const WAIT: Duration = Duration::from_secs(5);
/// Moves of an alert or a case in a pack.
const MAX_MOVES: usize = 1000;

/// Why a pack was not made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Of more entries than there are, or of none.
    #[error("must be from 1 to {0}, the entries of the ledger")]
    Size(u64),
    /// The views do not show so many entries yet.
    #[error("the views are catching up with the ledger: ask again, or for fewer entries")]
    Behind,
    /// The ledger or its views could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Names stand where they cannot be withheld.
    #[error(
        "must be false: entry {0} was recorded by an earlier program, with names among what was concluded"
    )]
    NamesWithin(u64),
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
            PackError::NamesWithin(_) => Self::BadParameter {
                field: "redacted".to_owned(),
                rule: error.to_string(),
            },
            PackError::Behind => Self::Rebuilding,
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
    /// A draw: what it was held to, what was drawn, the results that name it.
    Draw(DrawId),
}

impl std::str::FromStr for About {
    type Err = String;

    /// `alert:`, `case:` or `draw:` and its id, or a subject as `kind:id`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(id) = text.strip_prefix("alert:") {
            let id = AlertId::new(id).map_err(|error| format!("alert: {error}"))?;
            return Ok(Self::Alert(id));
        }
        if let Some(id) = text.strip_prefix("case:") {
            let id = CaseId::new(id).map_err(|error| format!("case: {error}"))?;
            return Ok(Self::Case(id));
        }
        if let Some(id) = text.strip_prefix("draw:") {
            let id = DrawId::new(id).map_err(|error| format!("draw: {error}"))?;
            return Ok(Self::Draw(id));
        }
        let subject = text.parse().map_err(|_| {
            "must be a subject, as enterprise:ID or site:ID, or alert:ID, case:ID, draw:ID"
                .to_owned()
        })?;
        Ok(Self::Assessment(subject))
    }
}

/// Which pack.
#[derive(Debug, Clone)]
pub struct PackRequest {
    /// About what.
    pub about: About,
    /// Of the ledger's first so many entries; of all that the views show if none is given.
    pub size: Option<u64>,
    /// For the party that it is about: without the names of others, and what may name them.
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
    /// Documents of draws that are public.
    pub shelf: &'a PlanShelf,
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
    /// `pack.json`, `pack.html`, `checkpoint.txt`, and documents of draws that are public.
    pub archive: Vec<u8>,
    /// What the page shows.
    document: Paper,
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
        let shown = self.reader.position()?;
        let size = request.size.unwrap_or(shown.max(1));
        if size == 0 || size > durable {
            return Err(PackError::Size(durable));
        }
        // What the views do not show yet would be missing, and not the next time.
        if size > shown && !self.reader.wait_beyond(size - 1, WAIT)? {
            return Err(PackError::Behind);
        }
        let Some((pack, documents)) = self.document(request, size)? else {
            return Ok(None);
        };
        let internal = |error: &dyn std::fmt::Display| PackError::Written(error.to_string());
        let mut json = serde_json::to_vec_pretty(&pack).map_err(|error| internal(&error))?;
        json.push(b'\n');
        let document = page::document(&pack);
        let page = html::html(&document);
        let mut files = vec![
            ("pack.json", json.as_slice()),
            ("pack.html", page.as_bytes()),
            ("checkpoint.txt", pack.checkpoint.as_bytes()),
        ];
        let documents = documents.iter();
        files.extend(documents.map(|of| (of.name.as_str(), of.bytes.as_slice())));
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

    fn document(
        &self,
        request: &PackRequest,
        size: u64,
    ) -> Result<Option<(PackDto, Vec<Document>)>, PackError> {
        let proofs = self.reader.ledger().proofs(size);
        let mut reach = Reach {
            size,
            redacted: request.redacted,
            party: None,
            proofs: proofs.map_err(StoreError::from)?,
        };
        let told = match &request.about {
            About::Assessment(subject) => self.assessment(subject, &mut reach)?,
            About::Alert(alert) => self.alert(alert, &mut reach)?,
            About::Case(case) => self.case(case, &mut reach)?,
            About::Draw(draw) => self.draw(draw, &mut reach)?,
        };
        let Some(Told {
            about,
            statement,
            counterfactual,
            comparables,
            entries,
            more_results,
            counted_results,
            documents,
        }) = told
        else {
            return Ok(None);
        };
        // They list every target of a draw.
        let documents = if request.redacted {
            Vec::new()
        } else {
            documents
        };
        let head = reach.proofs.head();
        let checkpoint = self.signer.sign(&head);
        let pack = PackDto {
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
            counterfactual,
            comparables,
            entries,
            more_results,
            counted_results,
        };
        Ok(Some((pack, documents)))
    }

    fn entry(&self, role: Role, at: u64, reach: &mut Reach) -> Result<EntryDto, PackError> {
        let mut proved = self.reader.proved(at, &mut reach.proofs, is_public)?;
        reach.redact(role, &mut proved)?;
        Ok(EntryDto::new(role, &proved))
    }

    fn entries(
        &self,
        role: Role,
        at: impl IntoIterator<Item = u64>,
        reach: &mut Reach,
    ) -> Result<Vec<EntryDto>, PackError> {
        let at = at.into_iter();
        at.map(|at| self.entry(role, at, reach)).collect()
    }

    /// The newest results below an entry that `keep` keeps, so many at most, the oldest first.
    fn found(
        &self,
        (of, below): (&ResultsOf, u64),
        keep: &dyn Fn(&InspectionResult) -> bool,
        most: usize,
        reach: &mut Reach,
    ) -> Result<Found, PackError> {
        let proofs = &mut reach.proofs;
        // One more than is listed tells whether there are more.
        let found = self
            .reader
            .proved_results((of, below), keep, most + 1, proofs, is_public)?;
        let (mut found, more) = found;
        let mut results = Found {
            more: more || found.len() > most,
            ..Found::default()
        };
        found.truncate(most);
        found.reverse();
        for (_, result, mut proved) in found {
            reach.redact(Role::Result, &mut proved)?;
            let entry = EntryDto::new(Role::Result, &proved);
            // A result that is withheld names no draw.
            if entry.shows.contains_key("facts") {
                results.draws.extend(result.selection.draw_id);
            }
            results.entries.push(entry);
        }
        Ok(results)
    }

    /// The same of a subject, and of one zone only where one is named.
    fn of_subject(
        &self,
        (subject, zone): (&Subject, Option<&ZoneId>),
        below: u64,
        reach: &mut Reach,
    ) -> Result<Found, PackError> {
        let taxonomy = self.engine.taxonomy();
        let zone = zone.cloned().map(Subject::Zone);
        let touches = |result: &InspectionResult| {
            let touches = |subject| taxonomy.touches(result, subject);
            touches(subject) && zone.as_ref().is_none_or(touches)
        };
        let most = match subject {
            Subject::Enterprise(_) | Subject::Site(_) | Subject::Cell(..) => MAX_RESULTS,
            Subject::Product(_) | Subject::Zone(_) | Subject::Sector(_) => MAX_SHARED,
        };
        let of = results_behind(self.engine, subject);
        self.found((&of, below), &touches, most, reach)
    }

    /// Signals that are named, in the ledger's order, and the erasures of what was personal of them.
    fn signals(
        &self,
        named: &BTreeSet<SignalId>,
        reach: &mut Reach,
    ) -> Result<Vec<EntryDto>, PackError> {
        let mut at = BTreeSet::new();
        for id in named {
            let entry = self.reader.signal_entry(id)?;
            at.extend(entry.filter(|entry| *entry < reach.size));
        }
        let mut signals = self.entries(Role::Signal, at, reach)?;
        let mut erasures = BTreeSet::new();
        for signal in &mut signals {
            if let Some(key) = self.reader.key_of_entry(signal.index)? {
                let erased = self.reader.erasure_of(key)?.map(|(entry, _)| entry);
                signal.erased = erased.filter(|entry| *entry < reach.size);
                erasures.extend(signal.erased);
            }
        }
        signals.extend(self.entries(Role::Erasure, erasures, reach)?);
        Ok(signals)
    }

    /// Results that are named, the newest of them, in the ledger's order.
    fn named(&self, named: &BTreeSet<InspectionId>, reach: &mut Reach) -> Result<Found, PackError> {
        let mut at = BTreeSet::new();
        for id in named {
            let entry = self.reader.result_entry(id)?;
            at.extend(entry.filter(|entry| *entry < reach.size));
        }
        let left_out = at.len().saturating_sub(MAX_RESULTS);
        let entries = self.entries(Role::Result, at.iter().skip(left_out).copied(), reach)?;
        Ok(Found {
            more: entries.len() < named.len(),
            entries,
            ..Found::default()
        })
    }
}

/// What is personal is in no pack.
fn is_public(section: Section) -> bool {
    section != Section::Personal
}

/// How far a pack reaches, and what it shows.
struct Reach {
    /// The ledger's first so many entries.
    size: u64,
    redacted: bool,
    /// Whom the pack is about, once that is known.
    party: Option<Subject>,
    /// Proofs in them.
    proofs: Proofs,
}

impl Reach {
    /// Withholds what this version does not show.
    fn redact(&self, role: Role, entry: &mut ProvedEntry) -> Result<(), PackError> {
        if self.redacted {
            redact::redact(entry, role, self.party.as_ref())
        } else {
            Ok(())
        }
    }
}

/// Results behind something.
#[derive(Default)]
struct Found {
    /// The oldest first.
    entries: Vec<EntryDto>,
    /// The draws that they name.
    draws: BTreeSet<DrawId>,
    /// There are more than are listed.
    more: bool,
}

impl Found {
    /// Adds others, each entry once.
    fn take_in(&mut self, others: Self) {
        self.more |= others.more;
        self.draws.extend(others.draws);
        self.entries.extend(others.entries);
        self.entries.sort_by_key(|entry| entry.index);
        self.entries.dedup_by_key(|entry| entry.index);
    }
}

/// A document beside the pack, whose hash an entry in it has.
struct Document {
    name: String,
    bytes: Vec<u8>,
}

/// What a pack says, before its frame.
struct Told {
    about: AboutDto,
    statement: StatementDto,
    counterfactual: Option<MarginDto>,
    comparables: Vec<ComparableDto>,
    entries: Vec<EntryDto>,
    more_results: bool,
    /// Of a grade: how many results it counts.
    counted_results: Option<i64>,
    documents: Vec<Document>,
}

/// What entries say of one of their sections, for people.
fn shown(entries: &[EntryDto], section: &str) -> Vec<Value> {
    let shown = entries.iter().filter_map(|entry| entry.shows.get(section));
    shown.cloned().collect()
}
