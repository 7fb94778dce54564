//! A list that teams have filled in（填报清单）: the rows of the exported workbook as results of its plan.
//!
//! What was tested, in which mode and with which probability is taken from the plan, never from the
//! sheet; a row whose own cells say otherwise is refused. Only the columns to fill in are read, and a formula
//! in one of them is refused: what a spreadsheet computes is no record of a visit.

use super::export::{FILLED, HEADINGS};
use crate::dto::{PlanLineDto, PlanListDto};
use calamine::{Data, Range, Reader, Xlsx};
use risk_domain::inspection::{AgencyLevel, Channel, Outcome};
use risk_domain::reference::Reference;
use risk_domain::selection::SelectionMode;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Cursor;

/// What a conclusion is called in the sheet.
const CONCLUSIONS: [(&str, Outcome); 7] = [
    ("合格", Outcome::Conforming),
    ("不合格", Outcome::Nonconforming),
    ("拒检", Outcome::Refused),
    ("终止抽样", Outcome::Terminated),
    ("未抽到", Outcome::NotSampled),
    ("样品退回", Outcome::RejectedByLab),
    ("无法检验", Outcome::Untestable),
];

/// What a link of the chain is called in the sheet.
const CHANNELS: [(&str, Channel); 4] = [
    ("生产", Channel::Production),
    ("实体店", Channel::Retail),
    ("集中交易市场", Channel::Market),
    ("电子商务", Channel::Ecommerce),
];

/// What a filled list does not say itself.
#[derive(Clone, Copy)]
pub struct Filling<'a> {
    /// The plan's list.
    pub list: &'a PlanListDto,
    /// Items of products.
    pub reference: &'a Reference,
    /// Who ordered the tests, and at which level.
    pub agency: (&'a str, AgencyLevel),
    /// Civil time of the days in the sheet.
    pub offset: CivilOffset,
    /// When the list comes in: the day of a report that names none.
    pub now: Timestamp,
    /// In which link of the chain a site stands, as the register has it.
    pub channel: &'a dyn Fn(&str) -> Option<Channel>,
}

impl std::fmt::Debug for Filling<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filling").finish_non_exhaustive()
    }
}

/// A filled row, and the result that it makes.
#[derive(Debug, Clone, PartialEq)]
pub struct FilledRow {
    /// On which sheet it stands.
    pub sheet: String,
    /// Its number there, as a spreadsheet shows it.
    pub row: u32,
    /// Number of its line in the plan, where it can be read.
    pub number: Option<usize>,
    /// The record, or why there is none.
    pub record: Result<FilledRecord, FilledFault>,
}

/// A result made of a row, in the wire format.
#[derive(Debug, Clone, PartialEq)]
pub struct FilledRecord {
    /// Its id.
    pub inspection_id: String,
    /// The record.
    pub json: Vec<u8>,
}

/// Why a row makes no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledFault {
    /// Heading of the column.
    pub column: &'static str,
    /// What stands there.
    pub value: String,
    /// The rule that it breaks.
    pub rule: String,
}

/// Why a workbook cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilledError {
    /// Not an XLSX workbook.
    #[error("the workbook cannot be read: {0}")]
    Unreadable(String),
    /// No sheet with the exported headings.
    #[error(
        "no sheet has the headings {0}; fill in the workbook that `lines.xlsx` of the plan exports"
    )]
    Headings(String),
}

/// The columns that a sheet must have.
const NEEDED: [&str; 8] = [
    HEADINGS[0], // 序号
    "抽查方式",
    "企业编号",
    "场所编号",
    "产品代码",
    FILLED[0],
    FILLED[1],
    FILLED[6],
];

/// Reads the filled rows of all sheets. A line that is filled alike on two sheets is one result.
pub fn filled(bytes: &[u8], filling: &Filling<'_>) -> Result<Vec<FilledRow>, FilledError> {
    let unreadable = |error: calamine::XlsxError| FilledError::Unreadable(error.to_string());
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(unreadable)?;
    let mut rows = Vec::new();
    let mut known = false;
    for name in book.sheet_names() {
        let cells = book.worksheet_range(&name).map_err(unreadable)?;
        let formulas = book.worksheet_formula(&name).map_err(unreadable)?;
        if let Some(sheet) = Sheet::of(&name, &cells, &formulas) {
            known = true;
            rows.extend(sheet.rows(filling));
        }
    }
    if !known {
        return Err(FilledError::Headings(NEEDED.join("、")));
    }
    Ok(once(rows))
}

/// Each line once: what is filled alike on several sheets is one row, what differs is none.
fn once(rows: Vec<FilledRow>) -> Vec<FilledRow> {
    let mut kept: Vec<FilledRow> = Vec::with_capacity(rows.len());
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for mut row in rows {
        let before = row.number.and_then(|number| places.get(&number).copied());
        let Some(before) = before.and_then(|at| kept.get_mut(at)) else {
            if let Some(number) = row.number {
                places.insert(number, kept.len());
            }
            kept.push(row);
            continue;
        };
        if before.record == row.record {
            continue;
        }
        let differs = |other: &FilledRow| FilledFault {
            column: HEADINGS[0],
            value: other.number.unwrap_or_default().to_string(),
            rule: format!(
                "must be filled in once; {} row {} says otherwise",
                other.sheet, other.row
            ),
        };
        row.record = Err(differs(before));
        // Neither is known to be right.
        if before.record.is_ok() {
            before.record = Err(differs(&row));
        }
        kept.push(row);
    }
    kept
}

/// A sheet with its columns found.
struct Sheet<'a> {
    name: &'a str,
    cells: &'a Range<Data>,
    formulas: &'a Range<String>,
    /// Row of the headings.
    head: u32,
    columns: BTreeMap<&'static str, u32>,
}

impl<'a> Sheet<'a> {
    /// The sheet, if it has the exported headings.
    fn of(name: &'a str, cells: &'a Range<Data>, formulas: &'a Range<String>) -> Option<Self> {
        let (first_row, first_column) = cells.start()?;
        let mut rows = (first_row..).zip(cells.rows());
        rows.find_map(|(head, row)| {
            let columns: BTreeMap<&'static str, u32> = (first_column..)
                .zip(row)
                .filter_map(|(column, cell)| {
                    let text = text_of(cell);
                    let mut all = HEADINGS.iter().chain(&FILLED);
                    let heading = all.find(|heading| **heading == text)?;
                    Some((*heading, column))
                })
                .collect();
            let all = NEEDED.iter().all(|heading| columns.contains_key(heading));
            all.then_some(Self {
                name,
                cells,
                formulas,
                head,
                columns,
            })
        })
    }

    fn rows(&self, filling: &Filling<'_>) -> Vec<FilledRow> {
        let last = self.cells.end().map_or(self.head, |(row, _)| row);
        let rows = (self.head + 1..=last).map(|row| Row { sheet: self, row });
        rows.filter(Row::is_filled)
            .map(|row| {
                let number = row.cell(HEADINGS[0]).parse().ok();
                FilledRow {
                    sheet: self.name.to_owned(),
                    row: row.row + 1,
                    number,
                    record: row.record(number, filling),
                }
            })
            .collect()
    }
}

struct Row<'a> {
    sheet: &'a Sheet<'a>,
    row: u32,
}

impl Row<'_> {
    fn at(&self, heading: &str) -> Option<(u32, u32)> {
        let column = self.sheet.columns.get(heading)?;
        Some((self.row, *column))
    }

    fn cell(&self, heading: &str) -> String {
        let cell = self
            .at(heading)
            .and_then(|at| self.sheet.cells.get_value(at));
        cell.map(text_of).unwrap_or_default()
    }

    fn formula(&self, heading: &str) -> Option<&str> {
        let formula = self.sheet.formulas.get_value(self.at(heading)?)?;
        (!formula.is_empty()).then_some(formula.as_str())
    }

    fn is_filled(&self) -> bool {
        let told =
            |heading: &&str| !self.cell(heading).is_empty() || self.formula(heading).is_some();
        FILLED.iter().any(told)
    }

    fn record(
        &self,
        number: Option<usize>,
        filling: &Filling<'_>,
    ) -> Result<FilledRecord, FilledFault> {
        let line = self.line(number, filling.list)?;
        for heading in FILLED {
            if let Some(formula) = self.formula(heading) {
                return Err(fault(heading, formula, "must be a value, not a formula"));
            }
        }
        let id = self.cell(FILLED[0]);
        if id.is_empty() {
            return Err(fault(FILLED[0], "", "must name the result"));
        }
        let sampled = self.time(FILLED[1], filling)?;
        let sampled =
            sampled.ok_or_else(|| fault(FILLED[1], "", "must be a day, as 2026-12-01"))?;
        let reported = self.time(FILLED[2], filling)?.unwrap_or(filling.now);
        let team = self.cell(FILLED[3]);
        if team.is_empty() {
            return Err(fault(FILLED[3], "", "must name the team"));
        }
        let outcome = self.outcome()?;
        let items = self.items(line, outcome, filling.reference)?;
        let times = [sampled, reported].map(|time| time.to_string());
        let [sampled_at, observed_at] = times;
        let (agency, level) = filling.agency;
        let mut record = json!({
            "inspection_id": id,
            "sampled_at": sampled_at,
            "observed_at": observed_at,
            "mode": line.mode,
            "agency": { "id": agency, "level": level.code() },
            "team_id": team,
            "selection": line.selection,
            "site": self.site(line, filling)?,
            "product": { "category": line.target.product, "name": line.target.product_zh, "standard": line.standard },
            "test": self.test(line),
            "outcome": outcome.code(),
            "items": items,
        });
        if matches!(outcome, Outcome::Conforming | Outcome::Nonconforming) {
            record["sample"] =
                json!({ "tested": line.samples.check, "backup": line.samples.backup });
        }
        if let Some(case) = line.lead.as_ref().and_then(|lead| lead.case.as_ref()) {
            record["case_id"] = json!(case.as_str());
        }
        Ok(FilledRecord {
            inspection_id: id,
            json: record.to_string().into_bytes(),
        })
    }

    /// The line of the plan, which must be the one that was exported.
    fn line<'l>(
        &self,
        number: Option<usize>,
        list: &'l PlanListDto,
    ) -> Result<&'l PlanLineDto, FilledFault> {
        let found = number.and_then(|number| list.lines.get(number.checked_sub(1)?));
        let line = found.ok_or_else(|| {
            let rule = format!(
                "must be the number of a line of the plan, 1 to {}",
                list.lines.len()
            );
            fault(HEADINGS[0], &self.cell(HEADINGS[0]), rule)
        })?;
        let mode = SelectionMode::from_code(&line.mode);
        let mode = match mode {
            Some(mode) => mode.zh(),
            None => line.mode.as_str(),
        };
        let exported = [
            (NEEDED[1], mode),
            (NEEDED[2], line.target.enterprise_id.as_str()),
            (NEEDED[3], line.target.site_id.as_str()),
            (NEEDED[4], line.target.product.as_str()),
        ];
        for (heading, wanted) in exported {
            let told = self.cell(heading);
            if told != wanted {
                return Err(fault(
                    heading,
                    &told,
                    format!(
                        "must be {wanted}, as the line was exported; a test elsewhere is no test of this line"
                    ),
                ));
            }
        }
        Ok(line)
    }

    fn time(
        &self,
        heading: &'static str,
        filling: &Filling<'_>,
    ) -> Result<Option<Timestamp>, FilledFault> {
        let text = self.cell(heading);
        if text.is_empty() {
            return Ok(None);
        }
        let read = Timestamp::parse(&text).ok();
        let read = read.or_else(|| day_of(&text).map(|day| filling.offset.start_of(day)));
        read.map(Some).ok_or_else(|| {
            let rule = "must be a day, as 2026-12-01, or an RFC 3339 time";
            fault(heading, &text, rule)
        })
    }

    fn outcome(&self) -> Result<Outcome, FilledFault> {
        let text = self.cell(FILLED[6]);
        let known = CONCLUSIONS
            .iter()
            .find(|(name, outcome)| *name == text || outcome.code() == text);
        known.map(|(_, outcome)| *outcome).ok_or_else(|| {
            let names = CONCLUSIONS.map(|(name, _)| name).join("、");
            fault(FILLED[6], &text, format!("must be one of {names}"))
        })
    }

    /// The items that failed, by their names.
    fn items(
        &self,
        line: &PlanLineDto,
        outcome: Outcome,
        reference: &Reference,
    ) -> Result<Vec<Value>, FilledFault> {
        let heading = FILLED[7];
        let told = self.cell(heading);
        let names = told.split(['、', ',', '，', ';', '；']).map(str::trim);
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        let failed = outcome == Outcome::Nonconforming;
        if failed && names.is_empty() {
            return Err(fault(heading, "", "must name the items that failed"));
        }
        if !failed && !names.is_empty() {
            return Err(fault(
                heading,
                &told,
                "must be empty unless the conclusion is 不合格",
            ));
        }
        let products = reference.products.iter();
        let product = products
            .into_iter()
            .find(|(code, _)| code.as_str() == line.target.product);
        let known = product.map_or(&[][..], |(_, product)| product.items.as_slice());
        let item = |name: &str| {
            let fits = |of: &&risk_domain::reference::CatalogueItem| {
                of.name_zh == name || of.name_en == name || of.code.as_str() == name
            };
            if let Some(of) = known.iter().find(fits) {
                return Ok(
                    json!({ "code": of.code.as_str(), "name": of.name_zh, "clause": of.clause,
                    "verdict": "nonconforming", "hazard": of.hazard.as_str(), "severity": of.severity.get() }),
                );
            }
            // What the catalogue does not know goes by the name that the report gives it.
            if known.is_empty() {
                return Ok(json!({ "code": name, "name": name, "verdict": "nonconforming" }));
            }
            let names: Vec<&str> = known.iter().map(|of| of.name_zh.as_str()).collect();
            let rule = format!("must name items of the product: {}", names.join("、"));
            Err(fault(heading, name, rule))
        };
        names.into_iter().map(item).collect()
    }

    fn site(&self, line: &PlanLineDto, filling: &Filling<'_>) -> Result<Value, FilledFault> {
        let target = &line.target;
        let told = self.cell(FILLED[5]);
        let named = CHANNELS
            .iter()
            .find(|(name, channel)| *name == told || channel.code() == told);
        let channel = match (told.is_empty(), named) {
            (_, Some((_, channel))) => Some(*channel),
            (true, None) => (filling.channel)(&target.site_id),
            (false, None) => None,
        };
        let channel = channel.ok_or_else(|| {
            let names = CHANNELS.map(|(name, _)| name).join("、");
            let rule = format!("must be one of {names}; the register does not say it of this site");
            fault(FILLED[5], &told, rule)
        })?;
        Ok(json!({
            "site_id": target.site_id,
            "enterprise_id": target.enterprise_id,
            "name": target.name.as_ref().unwrap_or(&target.enterprise_id),
            "zone_id": target.zone_id,
            "booth": target.booth,
            "channel": channel.code(),
        }))
    }

    fn test(&self, line: &PlanLineDto) -> Value {
        let laboratory = self.cell(FILLED[4]);
        let laboratory = (!laboratory.is_empty()).then_some(laboratory);
        if line.mode == SelectionMode::FastTest.code() {
            json!({ "kind": "rapid", "method_id": line.method_id })
        } else {
            json!({ "kind": "laboratory", "lab_id": laboratory })
        }
    }
}

fn fault(column: &'static str, value: &str, rule: impl Into<String>) -> FilledFault {
    FilledFault {
        column,
        value: value.to_owned(),
        rule: rule.into(),
    }
}

/// A day as people write it: `2026-12-01`, `2026/12/1`, `2026.12.1`, `2026年12月1日`, or the first part of what a
/// spreadsheet makes of it.
fn day_of(text: &str) -> Option<Day> {
    let day = text.split(['T', ' ']).next()?;
    let parts = day
        .split(['-', '/', '.', '年', '月', '日'])
        .filter(|part| !part.is_empty());
    let parts: Vec<i16> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year, month, of] = parts.as_slice() else {
        return None;
    };
    Day::from_ymd(*year, i8::try_from(*month).ok()?, i8::try_from(*of).ok()?)
}

fn text_of(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            text.trim().to_owned()
        }
        Data::DateTime(at) => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        Data::Error(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
