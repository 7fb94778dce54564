//! Rejections（拒收）: a closed list of reasons, and the search for the one that fits.

use super::WireLimits;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_path_to_error::Segment;
use std::fmt;

/// The longest piece of a rejected value that a rejection shows, in characters.
const SHOWN_CHARS: usize = 120;

macro_rules! rejection_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// Why a record was rejected（拒收原因）. The list is closed: dashboards and feeders rely on it.
        #[doc(alias = "拒收原因")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RejectionCode {
            $($(#[$doc])* $variant,)+
        }

        impl RejectionCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code in dead letters, answers and metric labels.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The reason with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.code() == code)
            }
        }
    };
}

rejection_codes! {
    /// The bytes are no UTF-8.
    NotUtf8 = "not_utf8",
    /// The text is no JSON; `NaN`, trailing commas and empty records fall under this.
    NotJson = "not_json",
    /// The record, a list or a text is larger than the limit.
    TooLarge = "too_large",
    /// More arrays and objects within one another than the limit.
    TooDeep = "too_deep",
    /// A version of the format that this program does not read.
    UnknownVersion = "unknown_version",
    /// A required field is absent.
    MissingField = "missing_field",
    /// A field that the format does not have.
    UnknownField = "unknown_field",
    /// A field stands twice in one object.
    DuplicateField = "duplicate_field",
    /// A text where a number should be, or the like.
    WrongType = "wrong_type",
    /// An identifier that is empty, too long or has control characters.
    BadIdentifier = "bad_identifier",
    /// A time that is no RFC 3339 instant with an offset.
    BadTime = "bad_time",
    /// A result tested before it was sampled, or reported before it was tested.
    TimeOrder = "time_order",
    /// A time too far beyond the receipt.
    FutureTime = "future_time",
    /// None of the five modes.
    UnknownMode = "unknown_mode",
    /// No outcome of the list.
    UnknownOutcome = "unknown_outcome",
    /// No code of another closed list.
    UnknownCode = "unknown_code",
    /// A zone that the reference data does not know.
    UnknownZone = "unknown_zone",
    /// A product that the catalogue does not know.
    UnknownProduct = "unknown_product",
    /// A hazard type that the reference data does not know.
    UnknownHazard = "unknown_hazard",
    /// A number outside its range.
    OutOfRange = "out_of_range",
    /// Two statements of the record cannot both be true.
    Contradiction = "contradiction",
    /// A row of an import that the mapping cannot turn into a record.
    Unmappable = "unmappable",
    /// The same identifier was used before for other content. Found by the engine.
    IdentityConflict = "identity_conflict",
    /// A chain of corrections that comes back to itself. Found by the engine.
    CorrectionCycle = "correction_cycle",
    /// A command that the rules do not allow where things stand. Found by the engine.
    NotAllowed = "not_allowed",
    /// A result that names a test or a case that nobody knows by the close of its day. Found by the engine;
    /// the result itself stands.
    UnknownReference = "unknown_reference",
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a record was not accepted: which field, which value, which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {field} {rule}; found: {value}")]
pub struct Rejection {
    /// The reason.
    pub code: RejectionCode,
    /// Where, as `items[2].severity`; `$` is the whole record.
    pub field: String,
    /// What stood there, shortened; empty where nothing did.
    pub value: String,
    /// The rule that it breaks, as "must …".
    pub rule: String,
}

impl Rejection {
    /// A rejection; the value is shortened by characters, never within one.
    pub fn new(
        code: RejectionCode,
        field: impl fmt::Display,
        value: &str,
        rule: impl Into<String>,
    ) -> Self {
        Self {
            code,
            field: shorten(&field.to_string()),
            value: shorten(value),
            rule: rule.into(),
        }
    }
}

fn shorten(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(SHOWN_CHARS).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

pub(super) fn not_utf8(bytes: &[u8]) -> Rejection {
    let at = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    let value = bytes
        .get(at)
        .map_or_else(String::new, |byte| format!("byte 0x{byte:02X} at {at}"));
    Rejection::new(RejectionCode::NotUtf8, "$", &value, "must be UTF-8")
}

/// Finds out why `text` is no record of this form. Costs several passes, which only rejected
/// records pay.
pub(super) fn explain<'a, T: Deserialize<'a>>(text: &'a str, limits: &WireLimits) -> Rejection {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Rejection::new(
            RejectionCode::NotJson,
            "$",
            &around(text, error.line(), error.column()),
            format!("must be one JSON object: {error}"),
        );
    }
    let depth = depth(text);
    if depth > limits.max_depth {
        return Rejection::new(
            RejectionCode::TooDeep,
            "$",
            &format!("{depth} levels"),
            format!("must nest at most {} levels", limits.max_depth),
        );
    }
    let mut json = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(_) => Rejection::new(
            RejectionCode::NotJson,
            "$",
            "",
            "must be one JSON object and nothing after it",
        ),
        Err(error) => classify(text, &error),
    }
}

fn classify(text: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Rejection {
    let message = error.inner().to_string();
    let message = message
        .split_once(" at line ")
        .map_or(message.as_str(), |(before, _)| before);
    let mut segments: Vec<Segment> = error.path().iter().cloned().collect();
    // serde names the field between back quotes; its own path ends before it.
    let named = || message.split('`').nth(1).unwrap_or_default().to_owned();
    let (code, rule) = if message.starts_with("missing field") {
        segments.push(Segment::Map { key: named() });
        (RejectionCode::MissingField, "must be present".to_owned())
    } else if message.starts_with("duplicate field") {
        segments.push(Segment::Map { key: named() });
        (
            RejectionCode::DuplicateField,
            "must stand once in its object".to_owned(),
        )
    } else if message.starts_with("unknown field") {
        let known = message.split_once(", ").map_or("", |(_, known)| known);
        (
            RejectionCode::UnknownField,
            format!("must be a field of the format: {known}"),
        )
    } else if message.starts_with("invalid value") || message.starts_with("number out of range") {
        (RejectionCode::OutOfRange, wanted(message))
    } else {
        (RejectionCode::WrongType, wanted(message))
    };
    let value = found(text, &segments);
    Rejection::new(code, written(&segments), &value, rule)
}

fn wanted(message: &str) -> String {
    match message.split_once("expected ") {
        Some((_, expected)) => {
            let expected = match expected {
                "i64" => "a whole number",
                "f64" => "a number",
                other if other.starts_with("struct ") => "an object",
                other => other,
            };
            format!("must be {expected}")
        }
        None => format!("must be readable: {message}"),
    }
}

fn written(segments: &[Segment]) -> String {
    let mut path = String::new();
    for segment in segments {
        match segment {
            Segment::Seq { index } => {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Segment::Unknown => {}
        }
    }
    if path.is_empty() {
        path.push('$');
    }
    path
}

fn found(text: &str, segments: &[Segment]) -> String {
    let Ok(whole) = serde_json::from_str::<Value>(text) else {
        return String::new();
    };
    let mut here = Some(&whole);
    for segment in segments {
        here = match segment {
            Segment::Seq { index } => here.and_then(|value| value.get(*index)),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                here.and_then(|value| value.get(key.as_str()))
            }
            Segment::Unknown => here,
        };
    }
    here.map_or_else(String::new, Value::to_string)
}

/// Some characters before and after the place where the text stops being JSON.
fn around(text: &str, line: usize, column: usize) -> String {
    let text = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    // serde_json counts columns in bytes; a cut within a character moves to its start.
    let mut start = column.saturating_sub(20).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let (_, rest) = text.split_at(start);
    rest.chars().take(40).collect()
}

/// The greatest number of arrays and objects within one another.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
