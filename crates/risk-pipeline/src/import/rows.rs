//! Reading rows: NDJSON, CSV and XLSX as one kind of value.

use super::ImportError;
use super::mapping::{Encoding, Format, Mapping};
use crate::source::file::{open_lines, read_line};
use crate::wire::{Rejection, RejectionCode};
use calamine::{Data, Reader as _, Xlsx, open_workbook};
use serde_json::{Map, Value};
use std::path::Path;

/// A row's number as an editor or a spreadsheet shows it, and the row, or why it cannot be read.
pub(super) type Row = (u64, Result<Value, Rejection>);

/// Gives every row of a file to `each`.
pub(super) fn read(
    path: &Path,
    mapping: &Mapping,
    each: &mut dyn FnMut(Row) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    // One mapping serves a table in either form.
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    let format = match (
        mapping.format,
        extension.as_ref().and_then(|name| name.to_str()),
    ) {
        (Format::Csv | Format::Xlsx, Some("xlsx")) => Format::Xlsx,
        (Format::Csv | Format::Xlsx, Some("csv")) => Format::Csv,
        (format, _) => format,
    };
    match format {
        Format::Ndjson => ndjson(path, each),
        Format::Csv => csv(path, mapping, each),
        Format::Xlsx => xlsx(path, mapping, each),
    }
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> ImportError {
    ImportError::Unreadable {
        path: path.to_owned(),
        message: error.to_string(),
    }
}

fn ndjson(
    path: &Path,
    each: &mut dyn FnMut(Row) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut reader = open_lines(path).map_err(|error| unreadable(path, error))?;
    let mut line = Vec::new();
    let mut number = 0;
    while read_line(reader.as_mut(), &mut line).map_err(|error| unreadable(path, error))? {
        number += 1;
        let bytes = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line);
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let row = serde_json::from_slice::<Value>(bytes).map_err(|error| {
            let shown = String::from_utf8_lossy(bytes);
            let rule = format!("must be one JSON object: {error}");
            Rejection::new(RejectionCode::NotJson, "$", &shown, rule)
        });
        each((number, row))?;
    }
    Ok(())
}

fn check_header(path: &Path, header: &[String], mapping: &Mapping) -> Result<(), ImportError> {
    let absent: Vec<&str> = mapping
        .columns()
        .into_iter()
        .filter(|column| !header.iter().any(|name| name == column))
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(ImportError::MissingColumns {
        path: path.to_owned(),
        columns: absent.join(", "),
    })
}

fn csv(
    path: &Path,
    mapping: &Mapping,
    each: &mut dyn FnMut(Row) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
    let bytes = match mapping.table.encoding {
        Encoding::Utf8 => bytes
            .strip_prefix(b"\xEF\xBB\xBF")
            .map_or(bytes.clone(), <[u8]>::to_vec),
        Encoding::Gb18030 => {
            let (text, _, malformed) = encoding_rs::GB18030.decode(&bytes);
            if malformed {
                return Err(unreadable(path, "the file is not GB 18030 throughout"));
            }
            text.into_owned().into_bytes()
        }
    };
    let delimiter = u8::try_from(mapping.table.delimiter)
        .map_err(|_error| unreadable(path, "the delimiter must be one byte"))?;
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(bytes.as_slice());
    let mut header: Option<Vec<String>> = None;
    let mut passed = 0;
    for record in reader.byte_records() {
        let record = record.map_err(|error| unreadable(path, error))?;
        let number = record.position().map_or(0, ::csv::Position::line);
        passed += 1;
        if passed < mapping.table.header_row {
            continue;
        }
        let texts: Result<Vec<String>, _> = record
            .iter()
            .map(|cell| std::str::from_utf8(cell).map(|text| text.trim().to_owned()))
            .collect();
        let texts = texts.map_err(|_error| {
            let shown = String::from_utf8_lossy(record.as_slice()).into_owned();
            Rejection::new(RejectionCode::NotUtf8, "$", &shown, "must be UTF-8")
        });
        match &header {
            None => {
                let names = texts.map_err(|error| unreadable(path, error))?;
                check_header(path, &names, mapping)?;
                header = Some(names);
            }
            Some(names) => each((number, texts.and_then(|texts| object(names, texts))))?,
        }
    }
    if header.is_none() {
        return Err(unreadable(path, "there is no header row"));
    }
    Ok(())
}

fn object(names: &[String], cells: Vec<String>) -> Result<Value, Rejection> {
    if cells.len() != names.len() {
        return Err(Rejection::new(
            RejectionCode::Unmappable,
            "$",
            &format!("{} cells", cells.len()),
            format!("must have {} cells, as the header has", names.len()),
        ));
    }
    let cells = cells.into_iter().map(Value::String);
    let row: Map<String, Value> = names.iter().cloned().zip(cells).collect();
    Ok(Value::Object(row))
}

fn xlsx(
    path: &Path,
    mapping: &Mapping,
    each: &mut dyn FnMut(Row) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut workbook: Xlsx<_> = open_workbook(path).map_err(|error| unreadable(path, error))?;
    let sheet = match &mapping.table.sheet {
        Some(sheet) => sheet.clone(),
        None => workbook.sheet_names().first().cloned().unwrap_or_default(),
    };
    let range = workbook
        .worksheet_range(&sheet)
        .map_err(|error| unreadable(path, error))?;
    let first = range.start().map_or(0, |(row, _)| u64::from(row));
    let mut header: Option<Vec<String>> = None;
    for (number, cells) in (first + 1..).zip(range.rows()) {
        if number < mapping.table.header_row as u64 {
            continue;
        }
        let texts: Vec<String> = cells.iter().map(cell_text).collect();
        if texts.iter().all(String::is_empty) {
            continue;
        }
        match &header {
            None => {
                check_header(path, &texts, mapping)?;
                header = Some(texts);
            }
            Some(names) => each((number, object(names, texts)))?,
        }
    }
    if header.is_none() {
        return Err(unreadable(path, "there is no header row"));
    }
    Ok(())
}

fn cell_text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            text.trim().to_owned()
        }
        Data::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
        }
        Data::Error(error) => error.to_string(),
    }
}
