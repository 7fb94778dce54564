//! Reports（报告）: weekly and monthly for the city, a sector or a zone; a zone manager's sheet; an
//! enterprise's letter.
//!
//! A report is made of the ledger and a period. No clock is read: its day is the end of its period, so the
//! same ledger gives the same bytes, whenever it is asked. It is gathered once (`gather`, `letter`), put
//! into words once (`words`), and shown as JSON, page, PDF or workbook.

mod gather;
mod labels;
mod letter;
pub(crate) mod routes;
mod scope;
mod words;

use crate::books::Books;
use crate::document::{Document, Lang, html, xlsx};
use crate::dto::PlanDto;
use crate::error::ApiError;
use crate::plans;
use crate::typeset::{self, TypesetError};
use gather::Sources;
use risk_domain::reference::Reference;
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::Engine;
use risk_engine::rates::Period;
use risk_store::{PlanShelf, Reader, Record, StoreError};
use scope::Scope;
use serde::Serialize;
use std::collections::BTreeMap;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No week has closed.
    #[error("no week has closed yet; a report follows the first close after a week's end")]
    NothingClosed,
    /// Nothing is known of the period.
    #[error(
        "nothing is known of the period from {from} to {until}; weeks from {first} to {end} have closed: \
         name a day in them"
    )]
    NoSuchPeriod {
        /// First day of the period.
        from: Day,
        /// First day after it.
        until: Day,
        /// First day of which weeks are known.
        first: Day,
        /// First day after them.
        end: Day,
    },
    /// Nothing is known of what it is about.
    #[error("nothing is known of {0} in this period; /v1/rates tells its periods")]
    NothingOf(String),
    /// What it is about is none of these.
    #[error("must be city, sector:CODE or zone:ID")]
    Domain,
    /// A sheet is of a zone.
    #[error("a sheet is of a zone, as zone:330782-choucheng")]
    NoZone,
    /// A letter goes to an enterprise.
    #[error("a letter goes to an enterprise, as enterprise:ID")]
    NoEnterprise,
    /// Nothing to explain.
    #[error("no grade of {0} was recorded")]
    NotGraded(String),
    /// The ledger or its views could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The page could not be set.
    #[error(transparent)]
    Typeset(#[from] TypesetError),
    /// It could not be written.
    #[error("the report was not written: {0}")]
    Written(String),
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NothingClosed
            | ReportError::NoSuchPeriod { .. }
            | ReportError::NothingOf(_)
            | ReportError::NotGraded(_) => Self::NotFound(error.to_string()),
            ReportError::Domain | ReportError::NoZone | ReportError::NoEnterprise => {
                Self::BadParameter {
                    field: "domain".to_owned(),
                    rule: error.to_string(),
                }
            }
            ReportError::Store(error) => error.into(),
            ReportError::Typeset(error) => error.into(),
            ReportError::Written(_) => Self::Internal(error.to_string()),
        }
    }
}

/// Which report（报告类型）.
#[doc(alias = "报告类型")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// 周报.
    Weekly,
    /// 月调度.
    Monthly,
}

impl ReportKind {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// The report with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Weekly, Self::Monthly]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    fn period(self) -> Period {
        match self {
            Self::Weekly => Period::Week,
            Self::Monthly => Period::Month,
        }
    }
}

/// Which document（文书）.
#[doc(alias = "文书")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// A report of the city, a sector or a zone.
    Report(ReportKind),
    /// 一页通: of a zone, for its manager.
    Sheet,
    /// 说明函: to an enterprise.
    Letter,
}

impl Paper {
    /// The document with this code: weekly, monthly, sheet or letter.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "sheet" => Some(Self::Sheet),
            "letter" => Some(Self::Letter),
            other => ReportKind::from_code(other).map(Self::Report),
        }
    }
}

/// As what a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For programs.
    Json,
    /// A page.
    Html,
    /// Printed.
    Pdf,
    /// A workbook.
    Xlsx,
}

impl Format {
    const ALL: [Self; 4] = [Self::Json, Self::Html, Self::Pdf, Self::Xlsx];

    /// Its code, which is also how the name of a file ends.
    pub fn code(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Xlsx => "xlsx",
        }
    }

    /// The format with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.code() == code)
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => html::HTML,
            Self::Pdf => typeset::PDF,
            Self::Xlsx => xlsx::XLSX,
        }
    }
}

/// What is read of the store for a report.
#[derive(Debug)]
pub(crate) struct Stored {
    entries: u64,
    dead_letters: BTreeMap<String, u64>,
    plans: Vec<PlanDto>,
}

impl Stored {
    fn read(reader: &Reader, shelf: &PlanShelf) -> Result<Self, ReportError> {
        Ok(Self {
            entries: reader.ledger().entry_count(),
            dead_letters: reader.dead_letter_counts()?,
            plans: plans::all_on(shelf)?,
        })
    }
}

/// Which document is wanted, and how.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// Which.
    pub paper: Paper,
    /// About what: city, or a sector, a zone or an enterprise as kind:id.
    pub of: String,
    /// A day in the period; the last complete one if none is told. A letter has none.
    pub date: Option<Day>,
    /// In English rather than Chinese.
    pub english: bool,
    /// As what.
    pub format: Format,
}

/// Makes a report, a sheet or a letter of a store that nobody else has open.
pub fn report(
    request: &ReportRequest,
    (reader, engine): (&Reader, &Engine),
    reference: &Reference,
    shelf: &PlanShelf,
) -> Result<Vec<u8>, ReportError> {
    let lang = if request.english { Lang::En } else { Lang::Zh };
    let (format, subject) = (request.format, request.of.parse::<Subject>());
    let kind = match request.paper {
        Paper::Report(kind) => kind,
        Paper::Sheet => ReportKind::Weekly,
        Paper::Letter => {
            let Ok(Subject::Enterprise(enterprise)) = subject else {
                return Err(ReportError::NoEnterprise);
            };
            let desk = letter::Desk {
                reader,
                engine,
                reference,
            };
            let made = desk.letter(&enterprise)?;
            let made = made.ok_or_else(|| ReportError::NotGraded(request.of.clone()))?;
            return shown(&made, format, || letter::words(&made, lang));
        }
    };
    let mut books = Books::default();
    let offset = engine.policy().time.offset;
    let take = |entry, record: &Record| books.take_in(entry, record, offset);
    reader.follow(0, u64::MAX, Books::KINDS, take)?;
    let sources = Sources {
        engine,
        reference,
        lists: &books.lists,
        drawn: &books.drawn,
        stored: &Stored::read(reader, shelf)?,
    };
    let span = sources.span(kind, request.date)?;
    if request.paper == Paper::Sheet {
        let Ok(Subject::Zone(zone)) = subject else {
            return Err(ReportError::NoZone);
        };
        let recorded = reader.subject(&Subject::Zone(zone.clone()))?;
        let made = sources.sheet(zone, recorded.as_ref(), &span);
        return shown(&made, format, || words::sheet(&made, lang));
    }
    let made = sources.report(kind, &Scope::read(&request.of)?, &span)?;
    shown(&made, format, || words::report(&made, lang))
}

/// What was gathered, as it is wanted.
fn shown(
    made: &impl Serialize,
    format: Format,
    document: impl FnOnce() -> Document,
) -> Result<Vec<u8>, ReportError> {
    let written = |error: &dyn std::fmt::Display| ReportError::Written(error.to_string());
    Ok(match format {
        Format::Json => serde_json::to_vec(made).map_err(|error| written(&error))?,
        Format::Html => html::html(&document()).into_bytes(),
        Format::Pdf => typeset::pdf(&document())?,
        Format::Xlsx => xlsx::xlsx(&document()).map_err(|error| written(&error))?,
    })
}
