//! Applying a mapping to a row.

use super::{Mapping, Origin, Piece, Rule};
use crate::wire::{Rejection, RejectionCode};
use risk_domain::time::Timestamp;
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

/// What a field of the record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Number,
    Time,
}

fn kind_of(field: &str) -> Kind {
    match field {
        "sampled_at" | "tested_at" | "observed_at" => Kind::Time,
        "product.lot_size" | "sample.tested" | "sample.backup" | "sample.defective"
        | "severity" => Kind::Whole,
        "selection.inclusion_probability" | "sample.cost" => Kind::Number,
        _ => Kind::Text,
    }
}

/// A field by its exact name, or by a path into nested objects.
fn field<'r>(row: &'r Value, name: &str) -> Option<&'r Value> {
    row.get(name)
        .or_else(|| name.split('.').try_fold(row, |value, part| value.get(part)))
}

/// A value as clean text: control characters and runs of white space become one space. `None` for
/// what is absent or empty.
fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null | Value::Object(_) => return None,
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().filter_map(text_of).collect();
            texts.join("; ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    let spaced = text.replace(char::is_control, " ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn unmappable(target: &str, value: &str, rule: impl Into<String>) -> Rejection {
    Rejection::new(RejectionCode::Unmappable, target, value, rule)
}

impl Rule {
    fn text(&self, target: &str, row: &Value, item: &str) -> Result<Option<String>, Rejection> {
        let found = match &self.origin {
            Origin::Field(name) => field(row, name).and_then(text_of),
            Origin::Constant(text) => Some(text.clone()),
            Origin::Item => Some(item.to_owned()),
            Origin::Template(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Fixed(fixed) => text.push_str(fixed),
                        Piece::Field { name, default } => {
                            let value = field(row, name).and_then(text_of);
                            text.push_str(value.as_ref().unwrap_or(default));
                        }
                    }
                }
                text_of(&Value::String(text))
            }
        };
        let Some(found) = found else {
            return Ok(self.default.clone());
        };
        let looked_up = match &self.lookup {
            None => Some(found),
            Some(table) => match (table.get(&found), &self.otherwise) {
                (Some(value), _) => Some(value.clone()),
                (None, Some(otherwise)) => Some(otherwise.clone()),
                (None, None) => {
                    let words: Vec<&str> = table.keys().map(String::as_str).collect();
                    let rule = format!("must be one of {}", words.join(", "));
                    return Err(unmappable(target, &found, rule));
                }
            },
        };
        let kept = looked_up.filter(|text| !text.is_empty());
        Ok(match &self.code {
            Some(prefix) => kept.map(|text| safe_code(prefix, &text)),
            None => kept,
        })
    }
}

/// A short text of plain characters is its own code; any other becomes a hash of itself, which is
/// the same in every import.
fn safe_code(prefix: &str, text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.len() <= 32 && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("{prefix}-{:08x}", xxh3_64(text.as_bytes()) as u32)
}

fn put(record: &mut Map<String, Value>, target: &str, value: Value) {
    match target.split_once('.') {
        None => {
            record.insert(target.to_owned(), value);
        }
        Some((outer, inner)) => {
            let entry = record
                .entry(outer)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(object) = entry {
                object.insert(inner.to_owned(), value);
            }
        }
    }
}

impl Mapping {
    /// Whether a row is to be passed over.
    pub(in crate::import) fn skips(&self, row: &Value) -> bool {
        self.skip.iter().any(|(name, equals)| {
            let text = field(row, name).and_then(text_of).unwrap_or_default();
            equals.contains(&text)
        })
    }

    /// The sector of a row's product, where the set brings its own.
    pub(in crate::import) fn sector(&self, row: &Value) -> Result<Option<String>, Rejection> {
        match &self.sector {
            Some(rule) => rule.text("vocabulary.sector", row, ""),
            None => Ok(None),
        }
    }

    /// The record of a row.
    pub(in crate::import) fn record(&self, row: &Value) -> Result<Value, Rejection> {
        let mut record = Map::new();
        for (target, rule) in &self.record {
            if let Some(text) = rule.text(target, row, "")? {
                put(&mut record, target, self.value(target, text)?);
            }
        }
        if let Some((list, fields)) = &self.items {
            let mut items = Vec::new();
            for item in entries(list, row)? {
                let mut written = Map::new();
                for (target, rule) in fields {
                    if let Some(text) = rule.text(target, row, &item)? {
                        written.insert(target.clone(), self.value(target, text)?);
                    }
                }
                items.push(Value::Object(written));
            }
            if !items.is_empty() {
                record.insert("items".to_owned(), Value::Array(items));
            }
        }
        let mut extra = Map::new();
        for (name, rule) in &self.extra {
            if let Some(text) = rule.text(name, row, "")? {
                extra.insert(name.clone(), Value::String(text));
            }
        }
        if !extra.is_empty() {
            record.insert("extra".to_owned(), Value::Object(extra));
        }
        Ok(Value::Object(record))
    }

    fn value(&self, target: &str, text: String) -> Result<Value, Rejection> {
        match kind_of(target) {
            Kind::Text => Ok(Value::String(text)),
            Kind::Time => self.time(target, text).map(Value::String),
            Kind::Whole => text
                .parse::<i64>()
                .map(Value::from)
                .map_err(|_error| unmappable(target, &text, "must be a whole number")),
            Kind::Number => text
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Value::from)
                .ok_or_else(|| unmappable(target, &text, "must be a number")),
        }
    }

    fn time(&self, target: &str, text: String) -> Result<String, Rejection> {
        if Timestamp::parse(&text).is_ok() {
            return Ok(text);
        }
        let civil = self.formats.iter().find_map(|format| {
            let parsed = jiff::fmt::strtime::parse(format, &text).ok()?;
            let midnight = || parsed.to_date().map(|date| date.at(0, 0, 0, 0));
            parsed.to_datetime().or_else(|_error| midnight()).ok()
        });
        civil
            .map(|civil| format!("{civil}{}", self.offset))
            .ok_or_else(|| {
                let rule = format!("must be a time as one of {}", self.formats.join(", "));
                unmappable(target, &text, rule)
            })
    }
}

/// The entries of a list: those of an array, or the pieces of a text.
fn entries(list: &Rule, row: &Value) -> Result<Vec<String>, Rejection> {
    if let Origin::Field(name) = &list.origin
        && let Some(Value::Array(values)) = field(row, name)
    {
        return Ok(values.iter().filter_map(text_of).collect());
    }
    let text = list.text("items.list", row, "")?.unwrap_or_default();
    let pieces: Vec<&str> = match &list.split {
        Some(separators) => text.split(|one| separators.contains(one)).collect(),
        None => vec![text.as_str()],
    };
    let clean = pieces.into_iter().map(str::trim);
    Ok(clean
        .filter(|piece| !piece.is_empty())
        .map(str::to_owned)
        .collect())
}
