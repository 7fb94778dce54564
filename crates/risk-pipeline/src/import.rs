//! Imports（导入）: records of other systems, by a mapping, as a source like any other.
//!
//! A mapping makes records of the wire format from rows; what it makes goes through
//! [`wire::decode`] as everything else does. Rows are held in memory, so that they can be sorted by
//! time: years of history that are imported in the order of their times give the state that
//! streaming them would have given.

mod mapping;
mod rows;

pub use mapping::{Encoding, Format, Mapping, MappingError, Openness, Table};

use crate::source::{Feed, Offset, Partition, Source, SourceBatch, SourceError};
use crate::wire::{self, Rejection, RejectionCode, Vocabulary, WireLimits};
use risk_domain::time::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

const ONLY: Partition = Partition::results(0);

/// A batch is handed over when it has so many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// Why nothing could be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A file that cannot be read.
    #[error("{path}: {message}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// A table without columns that the mapping names.
    #[error("{path} has no column {columns}", path = path.display())]
    MissingColumns {
        /// Which file.
        path: PathBuf,
        /// Which columns.
        columns: String,
    },
}

/// Where a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowRef {
    /// Index of the file, in the order given.
    pub file: usize,
    /// Number of the row, as an editor or a spreadsheet shows it.
    pub row: u64,
}

/// A row that is not accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRejection {
    /// Which row.
    pub at: RowRef,
    /// Why.
    pub rejection: Rejection,
}

/// What came of reading the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows read, without headers and blank ones.
    pub rows: u64,
    /// Rows passed over by the mapping's own rules.
    pub skipped: u64,
    /// Rows that are good.
    pub accepted: u64,
    /// Rows that are not, in the order of the files.
    pub rejected: Vec<RowRejection>,
}

/// The words that a record set brings with it（开放词表）.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportVocabulary {
    /// Zones, where the mapping opens them.
    pub zones: BTreeSet<String>,
    /// Products with their name and sector, where the mapping opens them.
    pub products: BTreeMap<String, ImportedProduct>,
    /// Hazard types, where the mapping opens them.
    pub hazards: BTreeSet<String>,
}

/// A product that a record set brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedProduct {
    /// Its name in the first record.
    pub name: String,
    /// Its sector, where the mapping says one.
    pub sector: Option<String>,
}

/// What the reference data knows, and what a record set brings.
struct Widened<'a> {
    base: &'a dyn Vocabulary,
    own: &'a ImportVocabulary,
}

impl Vocabulary for Widened<'_> {
    fn knows_zone(&self, zone: &str) -> bool {
        self.own.zones.contains(zone) || self.base.knows_zone(zone)
    }
    fn knows_product(&self, product: &str) -> bool {
        self.own.products.contains_key(product) || self.base.knows_product(product)
    }
    fn knows_hazard(&self, hazard: &str) -> bool {
        self.own.hazards.contains(hazard) || self.base.knows_hazard(hazard)
    }
}

/// How to import.
#[derive(Debug, Clone, Copy)]
pub struct ImportOptions {
    /// Whether records come in the order of `observed_at`, then of the rows.
    pub sorted: bool,
    /// The receipt's time.
    pub received_at: Timestamp,
    /// Limits of the wire format.
    pub limits: WireLimits,
}

struct Kept {
    observed_at: Option<Timestamp>,
    at: RowRef,
    json: Vec<u8>,
}

/// Files that were read and mapped.
pub struct Import {
    kept: Vec<Kept>,
    /// What came of it.
    pub report: ImportReport,
    /// The words that the set brings.
    pub vocabulary: ImportVocabulary,
    received_at: Timestamp,
    name: String,
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import")
            .field("name", &self.name)
            .field("records", &self.kept.len())
            .finish_non_exhaustive()
    }
}

struct Loader<'a> {
    mapping: &'a Mapping,
    base: &'a dyn Vocabulary,
    options: ImportOptions,
    import: Import,
    /// What each item's code stands for, to find two texts with one code.
    codes: BTreeMap<String, String>,
}

impl Import {
    /// Reads files by a mapping. `progress` hears the number of rows read so far, row by row.
    ///
    /// A row that cannot become a record is in the report only. A record that the wire format
    /// rejects is in the report **and** is handed on, so that the ledger tells of it as of any
    /// other dead letter.
    pub fn load(
        mapping: &Mapping,
        files: &[PathBuf],
        base: &dyn Vocabulary,
        options: ImportOptions,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, ImportError> {
        let mut loader = Loader {
            mapping,
            base,
            options,
            import: Self {
                kept: Vec::new(),
                report: ImportReport::default(),
                vocabulary: ImportVocabulary::default(),
                received_at: options.received_at,
                name: mapping.name.clone(),
            },
            codes: BTreeMap::new(),
        };
        for (file, path) in files.iter().enumerate() {
            loader.file(file, path, progress)?;
        }
        let mut import = loader.import;
        if options.sorted {
            import.kept.sort_by_key(|kept| (kept.observed_at, kept.at));
        }
        Ok(import)
    }

    /// The row of the record at an offset of the source.
    pub fn row_of(&self, offset: Offset) -> Option<RowRef> {
        let index = usize::try_from(offset.0).ok()?;
        self.kept.get(index).map(|kept| kept.at)
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The records as a source, under this name in the ledger: the offset is the record's place in
    /// their order.
    pub fn into_source(self, name: impl Into<String>) -> ImportSource {
        ImportSource {
            name: name.into(),
            import: self,
            next: 0,
            paused: false,
        }
    }
}

impl Loader<'_> {
    fn file(
        &mut self,
        file: usize,
        path: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), ImportError> {
        let mapping = self.mapping;
        rows::read(path, mapping, &mut |(row, value)| {
            let at = RowRef { file, row };
            self.import.report.rows += 1;
            progress(self.import.report.rows);
            if let Err(rejection) = value.and_then(|value| self.row(at, &value)) {
                let rejected = RowRejection { at, rejection };
                self.import.report.rejected.push(rejected);
            }
            Ok(())
        })
    }

    fn row(&mut self, at: RowRef, row: &Value) -> Result<(), Rejection> {
        if self.mapping.skips(row) {
            self.import.report.skipped += 1;
            return Ok(());
        }
        let record = self.mapping.record(row)?;
        self.check_codes(&record)?;
        let sector = self.mapping.sector(row)?;
        self.learn(&record, sector);
        let json = record.to_string().into_bytes();
        let words = Widened {
            base: self.base,
            own: &self.import.vocabulary,
        };
        let options = &self.options;
        let decoded = wire::decode(&json, options.received_at, &words, &options.limits);
        self.import.kept.push(Kept {
            observed_at: decoded.as_ref().ok().map(|result| result.observed_at),
            at,
            json,
        });
        decoded?;
        self.import.report.accepted += 1;
        Ok(())
    }

    fn check_codes(&mut self, record: &Value) -> Result<(), Rejection> {
        let items = record.get("items").and_then(Value::as_array);
        for (index, item) in items.into_iter().flatten().enumerate() {
            let text = |name| item.get(name).and_then(Value::as_str).unwrap_or_default();
            let (code, name) = (text("code"), text("name"));
            let known = self
                .codes
                .entry(code.to_owned())
                .or_insert_with(|| name.to_owned());
            if known != name {
                return Err(Rejection::new(
                    RejectionCode::Unmappable,
                    format!("items[{index}].code"),
                    code,
                    format!("must not stand for both {known:?} and {name:?}"),
                ));
            }
        }
        Ok(())
    }

    /// Takes up the words that the mapping leaves open.
    fn learn(&mut self, record: &Value, sector: Option<String>) {
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
        let words = &mut self.import.vocabulary;
        if let (Openness::Open, Some(zone)) = (self.mapping.zones, text("/site/zone_id"))
            && !words.zones.contains(zone)
        {
            words.zones.insert(zone.to_owned());
        }
        if let (Openness::Open, Some(product)) = (self.mapping.products, text("/product/category"))
            && !words.products.contains_key(product)
        {
            let name = text("/product/name").unwrap_or(product).to_owned();
            let imported = ImportedProduct { name, sector };
            words.products.insert(product.to_owned(), imported);
        }
        if self.mapping.hazards == Openness::Open {
            let items = record.get("items").and_then(Value::as_array);
            for item in items.into_iter().flatten() {
                if let Some(hazard) = item.get("hazard").and_then(Value::as_str) {
                    words.hazards.insert(hazard.to_owned());
                }
            }
        }
    }
}

/// Imported records as a source.
#[derive(Debug)]
pub struct ImportSource {
    name: String,
    import: Import,
    next: usize,
    paused: bool,
}

impl ImportSource {
    /// The import behind it.
    pub fn import(&self) -> &Import {
        &self.import
    }
}

impl Source for ImportSource {
    fn name(&self, _feed: Feed) -> &str {
        &self.name
    }

    fn partitions(&self) -> Vec<Partition> {
        vec![ONLY]
    }

    fn seek(&mut self, positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        let position = positions.get(&ONLY).copied().unwrap_or(Offset(0));
        match usize::try_from(position.0) {
            Ok(next) if next <= self.import.len() => {
                self.next = next;
                Ok(())
            }
            _ => Err(SourceError::Fatal {
                source_name: self.name.clone(),
                message: format!(
                    "the ledger has read {position} records, but there are {}; are these other \
                     files?",
                    self.import.len()
                ),
            }),
        }
    }

    fn poll(&mut self, max: usize, _wait: Duration) -> Result<SourceBatch, SourceError> {
        let mut batch = SourceBatch::default();
        if self.paused {
            return Ok(batch);
        }
        let received_at = self.import.received_at;
        for kept in self.import.kept.iter().skip(self.next).take(max) {
            let place = (ONLY, Offset(self.next as i64));
            if batch.bytes() > BATCH_BYTES || !batch.push(place, received_at, None, &kept.json) {
                break;
            }
            self.next += 1;
        }
        if self.next == self.import.len() {
            batch.reached_end.push(ONLY);
            batch.finished = true;
        }
        Ok(batch)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        self.paused |= partitions.contains(&ONLY);
        Ok(())
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        self.paused &= !partitions.contains(&ONLY);
        Ok(())
    }

    fn durable(&mut self, _positions: &BTreeMap<Partition, Offset>) {}

    fn bounded(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
