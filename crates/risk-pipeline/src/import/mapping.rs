//! The mapping language（列映射）: how one row of another system becomes a record of the wire format.
//!
//! A mapping is a TOML file; `docs/wire.md` explains it with examples.

mod apply;

use risk_domain::time::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

const RECORD_FIELDS: &[&str] = &[
    "inspection_id",
    "supersedes",
    "sampled_at",
    "tested_at",
    "observed_at",
    "mode",
    "agency.id",
    "agency.level",
    "team_id",
    "selection.basis",
    "selection.draw_id",
    "selection.inclusion_probability",
    "selection.campaign_id",
    "site.site_id",
    "site.enterprise_id",
    "site.name",
    "site.zone_id",
    "site.booth",
    "site.channel",
    "site.platform",
    "producer.enterprise_id",
    "producer.name",
    "producer.region",
    "supplier.enterprise_id",
    "product.category",
    "product.name",
    "product.brand",
    "product.model",
    "product.standard",
    "product.lot_no",
    "product.lot_size",
    "product.gtin",
    "sample.tested",
    "sample.backup",
    "sample.defective",
    "sample.cost",
    "test.kind",
    "test.method_id",
    "test.lab_id",
    "outcome",
    "confirms",
    "follow_up_of",
    "case_id",
];

const ITEM_FIELDS: &[&str] = &[
    "code", "name", "clause", "method", "measured", "limit", "unit", "verdict", "hazard",
    "severity",
];

/// Why a mapping file is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The file is no TOML of the right shape.
    #[error("{0}")]
    Toml(String),
    /// A target that the wire format does not have.
    #[error("{0:?} is no field of a record")]
    UnknownTarget(String),
    /// A rule that takes its value from no place, or from several.
    #[error("the rule of {0:?} must have exactly one of column, path, const, template and item")]
    Origin(String),
    /// A template with an open brace.
    #[error("the template of {0:?} has a brace that is not closed")]
    Template(String),
    /// An offset that is not like `+08:00`.
    #[error("{0:?} is no offset from UTC as +08:00")]
    Offset(String),
}

/// The kind of file that a mapping reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object per line, optionally compressed by zstd.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
    /// A sheet of a workbook with a header.
    Xlsx,
}

/// How a CSV file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    Utf8,
    /// GB 18030, which holds GBK and GB 2312.
    Gb18030,
}

/// How a table is laid out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Table {
    /// Between the columns of a CSV file.
    pub delimiter: char,
    /// Encoding of a CSV file.
    pub encoding: Encoding,
    /// Name of the sheet of a workbook; the first when absent.
    pub sheet: Option<String>,
    /// The row with the columns' names, from 1. Rows before it are passed over.
    pub header_row: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            delimiter: ',',
            encoding: Encoding::Utf8,
            sheet: None,
            header_row: 1,
        }
    }
}

/// Whether the words of a record set are taken as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Openness {
    /// Only words that the reference data knows.
    #[default]
    Closed,
    /// The set brings its own.
    Open,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawRule {
    column: Option<String>,
    path: Option<String>,
    #[serde(rename = "const")]
    constant: Option<toml::Value>,
    template: Option<String>,
    item: bool,
    default: Option<String>,
    lookup: Option<BTreeMap<String, String>>,
    otherwise: Option<String>,
    code: Option<String>,
    split: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSkip {
    column: Option<String>,
    path: Option<String>,
    equals: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTime {
    formats: Vec<String>,
    offset: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawVocabulary {
    zones: Openness,
    products: Openness,
    hazards: Openness,
    sector: Option<RawRule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawItems {
    list: RawRule,
    record: BTreeMap<String, RawRule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    name: String,
    #[serde(default)]
    description: String,
    format: Format,
    #[serde(default)]
    table: Table,
    #[serde(default)]
    time: RawTime,
    #[serde(default)]
    skip: Vec<RawSkip>,
    #[serde(default)]
    vocabulary: RawVocabulary,
    record: BTreeMap<String, RawRule>,
    items: Option<RawItems>,
    #[serde(default)]
    extra: BTreeMap<String, RawRule>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Fixed(String),
    Field { name: String, default: String },
}

#[derive(Debug, Clone, PartialEq)]
enum Origin {
    Field(String),
    Constant(String),
    Template(Vec<Piece>),
    Item,
}

/// Where one field's value comes from, and what is done with it.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    origin: Origin,
    default: Option<String>,
    lookup: Option<BTreeMap<String, String>>,
    otherwise: Option<String>,
    code: Option<String>,
    split: Option<String>,
}

/// A mapping, checked and ready.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Its name, which is also the source's in the ledger.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it reads.
    pub format: Format,
    /// How tables are laid out.
    pub table: Table,
    /// Whether zones are taken as they come.
    pub zones: Openness,
    /// Whether products are taken as they come.
    pub products: Openness,
    /// Whether hazards are taken as they come.
    pub hazards: Openness,
    formats: Vec<String>,
    offset: String,
    skip: Vec<(String, Vec<String>)>,
    sector: Option<Rule>,
    record: Vec<(String, Rule)>,
    items: Option<(Rule, Vec<(String, Rule)>)>,
    extra: Vec<(String, Rule)>,
}

impl TryFrom<(&str, RawRule)> for Rule {
    type Error = MappingError;
    fn try_from((target, raw): (&str, RawRule)) -> Result<Self, MappingError> {
        let origins = [
            raw.column.or(raw.path.clone()).map(Origin::Field),
            raw.constant.map(|value| {
                Origin::Constant(match value.as_str() {
                    Some(text) => text.to_owned(),
                    None => value.to_string(),
                })
            }),
            raw.template
                .map(|text| pieces(target, &text))
                .transpose()?
                .map(Origin::Template),
            raw.item.then_some(Origin::Item),
        ];
        let mut origins = origins.into_iter().flatten();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return Err(MappingError::Origin(target.to_owned()));
        };
        Ok(Self {
            origin,
            default: raw.default,
            lookup: raw.lookup,
            otherwise: raw.otherwise,
            code: raw.code,
            split: raw.split,
        })
    }
}

fn pieces(target: &str, template: &str) -> Result<Vec<Piece>, MappingError> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (field, after) = after
            .split_once('}')
            .ok_or_else(|| MappingError::Template(target.to_owned()))?;
        let (name, default) = field.split_once('|').unwrap_or((field, ""));
        pieces.push(Piece::Fixed(before.to_owned()));
        pieces.push(Piece::Field {
            name: name.trim().to_owned(),
            default: default.to_owned(),
        });
        rest = after;
    }
    pieces.push(Piece::Fixed(rest.to_owned()));
    Ok(pieces)
}

fn rules(
    raw: BTreeMap<String, RawRule>,
    known: Option<&[&str]>,
) -> Result<Vec<(String, Rule)>, MappingError> {
    raw.into_iter()
        .map(|(target, rule)| {
            if known.is_some_and(|known| !known.contains(&target.as_str())) {
                return Err(MappingError::UnknownTarget(target));
            }
            let rule = Rule::try_from((target.as_str(), rule))?;
            Ok((target, rule))
        })
        .collect()
}

impl Mapping {
    /// Reads and checks a mapping file's text.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let raw: RawMapping =
            toml::from_str(text).map_err(|error| MappingError::Toml(error.to_string()))?;
        let offset = raw.time.offset.unwrap_or_else(|| "Z".to_owned());
        let probe = format!("2000-01-01T00:00:00{offset}");
        if Timestamp::parse(&probe).is_err() {
            return Err(MappingError::Offset(offset));
        }
        let items = match raw.items {
            None => None,
            Some(items) => Some((
                Rule::try_from(("items.list", items.list))?,
                rules(items.record, Some(ITEM_FIELDS))?,
            )),
        };
        let mut formats = raw.time.formats;
        formats.extend(
            [
                "%Y-%m-%d",
                "%Y/%m/%d",
                "%Y-%m-%dT%H:%M:%S",
                "%Y-%m-%d %H:%M:%S",
            ]
            .map(str::to_owned),
        );
        let skip = raw
            .skip
            .into_iter()
            .map(|skip| match skip.column.or(skip.path) {
                Some(name) => Ok((name, skip.equals)),
                None => Err(MappingError::Origin("skip".to_owned())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: raw.name,
            description: raw.description,
            format: raw.format,
            table: raw.table,
            zones: raw.vocabulary.zones,
            products: raw.vocabulary.products,
            hazards: raw.vocabulary.hazards,
            formats,
            offset,
            skip,
            sector: raw
                .vocabulary
                .sector
                .map(|rule| Rule::try_from(("vocabulary.sector", rule)))
                .transpose()?,
            record: rules(raw.record, Some(RECORD_FIELDS))?,
            items,
            extra: rules(raw.extra, None)?,
        })
    }

    /// The columns that a table must have for this mapping.
    pub(in crate::import) fn columns(&self) -> Vec<&str> {
        let items = self.items.iter().flat_map(|(list, fields)| {
            std::iter::once(list).chain(fields.iter().map(|(_, rule)| rule))
        });
        let fields = self.record.iter().chain(&self.extra).map(|(_, rule)| rule);
        let mut columns: Vec<&str> = self.skip.iter().map(|(name, _)| name.as_str()).collect();
        for rule in fields.chain(&self.sector).chain(items) {
            match &rule.origin {
                Origin::Field(name) => columns.push(name),
                Origin::Template(pieces) => {
                    columns.extend(pieces.iter().filter_map(|piece| match piece {
                        Piece::Field { name, .. } => Some(name.as_str()),
                        Piece::Fixed(_) => None,
                    }));
                }
                Origin::Constant(_) | Origin::Item => {}
            }
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}
