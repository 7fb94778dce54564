//! The typesetter（排版）: a document as a PDF, with its fonts in it.
//!
//! The template (`typeset/document.typ`) is the program's own; everything that comes from records reaches
//! it as data, never as markup, so a name cannot change the page. It reads no clock, no file and no
//! network: the same document gives the same bytes.

use crate::document::Document;
use crate::error::ApiError;
use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::OnceLock;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::ecow::EcoVec;
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;

/// Media type of a PDF.
pub(crate) const PDF: &str = "application/pdf";

/// The fonts that `make fonts` fetched before the program was built; none where it was built without.
static EMBEDDED: &[&[u8]] = include!(concat!(env!("OUT_DIR"), "/fonts.rs"));
/// How documents are set.
const TEMPLATE: &str = include_str!("typeset/document.typ");
/// How much smaller a document is tried to be set that must fit on one page.
const SCALES: [f64; 4] = [0.93, 0.86, 0.8, 0.74];
/// Under which name the template reads its data.
const DATA: &str = "/data.json";

/// Why a page was not set.
#[derive(Debug, thiserror::Error)]
pub enum TypesetError {
    /// The program was built without the fonts.
    #[error(
        "this program was built without the fonts of printed pages: run `make fonts` and build it again, \
         or ask for html or xlsx"
    )]
    NoFonts,
    /// An embedded font cannot be read.
    #[error("an embedded font cannot be read: {0}")]
    Font(String),
    /// The template does not take the document.
    #[error("the page was not set: {0}")]
    Template(String),
}

impl From<TypesetError> for ApiError {
    fn from(error: TypesetError) -> Self {
        match error {
            TypesetError::NoFonts => Self::NotBuilt(error.to_string()),
            TypesetError::Font(_) | TypesetError::Template(_) => Self::Internal(error.to_string()),
        }
    }
}

/// Fonts, and the typesetter's library: made once, when the first page is asked for.
struct Press {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    main: Source,
    data: FileId,
}

impl Press {
    fn new(compressed: &[&[u8]]) -> Result<Self, TypesetError> {
        if compressed.is_empty() {
            return Err(TypesetError::NoFonts);
        }
        let mut fonts = Vec::new();
        for file in compressed {
            let mut bytes = Vec::new();
            GzDecoder::new(*file)
                .read_to_end(&mut bytes)
                .map_err(|error| TypesetError::Font(error.to_string()))?;
            let font = Font::new(Bytes::new(bytes), 0);
            fonts.push(font.ok_or_else(|| TypesetError::Font("it is no font".to_owned()))?);
        }
        Ok(Self {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            main: Source::new(file("/document.typ")?, TEMPLATE.to_owned()),
            data: file(DATA)?,
        })
    }

    /// The press of this program.
    fn get() -> Result<&'static Self, TypesetError> {
        static PRESS: OnceLock<Press> = OnceLock::new();
        if let Some(press) = PRESS.get() {
            return Ok(press);
        }
        let made = Self::new(EMBEDDED)?;
        Ok(PRESS.get_or_init(|| made))
    }
}

/// A file of the little world in which a document is set.
fn file(name: &str) -> Result<FileId, TypesetError> {
    let path = VirtualPath::new(name);
    let path = path.map_err(|error| TypesetError::Template(format!("{error:?}")))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

/// One document on the press.
struct Sheet<'a> {
    press: &'a Press,
    data: Bytes,
}

impl World for Sheet<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.press.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.press.book
    }

    fn main(&self) -> FileId {
        self.press.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.press.main.id() {
            Ok(self.press.main.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.press.data {
            Ok(self.data.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.press.fonts.get(index).cloned()
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        // A document says of which day it is; the day on which it is printed is none of its business.
        None
    }
}

fn told(errors: &EcoVec<SourceDiagnostic>) -> TypesetError {
    let told: Vec<&str> = errors.iter().map(|one| one.message.as_str()).collect();
    TypesetError::Template(told.join("; "))
}

/// Sets a document on its pages; one that must be a single page, as large as it may be then.
fn set(press: &Press, document: &Document) -> Result<PagedDocument, TypesetError> {
    let mut scales = SCALES.into_iter();
    let mut scale = 1.0;
    loop {
        let sheet = Sheet {
            press,
            data: Bytes::from_string(document.data(scale).to_string()),
        };
        let set = typst::compile::<PagedDocument>(&sheet).output;
        let pages = set.map_err(|errors| told(&errors))?;
        match scales.next() {
            Some(smaller) if document.one_page && pages.pages().len() > 1 => scale = smaller,
            Some(_) | None => return Ok(pages),
        }
    }
}

/// Sets a document and makes a PDF of it.
pub(crate) fn pdf(document: &Document) -> Result<Vec<u8>, TypesetError> {
    let pages = set(Press::get()?, document)?;
    let options = PdfOptions {
        ident: Smart::Custom(document.title.clone()),
        creator: Smart::Custom(Some("Spotcheck".to_owned())),
        ..PdfOptions::default()
    };
    let bytes = typst_pdf::pdf(&pages, &options).map_err(|errors| told(&errors));
    // What one document left behind serves no other.
    typst::comemo::evict(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Block, Column, Lang, Table};
    use risk_domain::time::Day;

    #[test]
    fn a_program_without_fonts_says_how_to_get_them() {
        let error = Press::new(&[]).err().unwrap();
        assert!(error.to_string().contains("make fonts"), "{error}");
        let problem = ApiError::from(error);
        assert!(matches!(problem, ApiError::NotBuilt(_)), "{problem:?}");
    }

    #[test]
    fn what_must_be_one_page_is_set_smaller_until_it_is() {
        let row = vec!["晨光玩具商位".into(), "毛绒玩具".into()];
        let mut document = Document {
            lang: Lang::Zh,
            title: "质量安全一页通".to_owned(),
            subtitle: "稠城".to_owned(),
            footer: "依据账本".to_owned(),
            day: Day::new(0),
            landscape: false,
            one_page: false,
            blocks: vec![Block::Table(Table {
                name: "预警".to_owned(),
                columns: vec![Column::text("对象", 1), Column::text("产品", 1)],
                rows: vec![row; 50],
            })],
        };
        let pages = |document: &Document| {
            let set = Press::get().and_then(|press| set(press, document));
            set.map(|pages| pages.pages().len())
        };
        let free = pages(&document);
        document.one_page = true;
        match (free, pages(&document)) {
            (Ok(free), Ok(confined)) => assert_eq!((free, confined), (2, 1)),
            // Of a program that was built without fonts there is nothing to measure.
            (free, confined) => {
                assert!(EMBEDDED.is_empty(), "{free:?} {confined:?}");
            }
        }
    }

    #[test]
    fn a_font_that_is_none_is_told() {
        assert!(matches!(
            Press::new(&[b"no gzip"]),
            Err(TypesetError::Font(_))
        ));
    }
}
