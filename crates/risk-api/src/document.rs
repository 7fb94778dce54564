//! A document for people（报告）: what stands in it, whatever it is shown as.
//!
//! Reports, letters, packs and plans are made into blocks once; [`html`], [`xlsx`] and the typesetter show
//! the same blocks, so the three cannot differ in what they say.

pub(crate) mod chart;
mod data;
pub(crate) mod html;
pub(crate) mod xlsx;

use chart::Chart;
use risk_domain::time::Day;

/// The language of a document（语言）.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    /// 中文.
    Zh,
    /// English.
    En,
}

impl Lang {
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        match code {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _other => None,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The one of two texts that is in this language.
    pub(crate) fn of<T>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// A document.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) lang: Lang,
    pub(crate) title: String,
    /// About what, and of which time.
    pub(crate) subtitle: String,
    /// At the foot of every page: what it is made of.
    pub(crate) footer: String,
    /// The day that it is of, which is never the one on which it is printed.
    pub(crate) day: Day,
    /// Whether its pages lie on their side.
    pub(crate) landscape: bool,
    /// Whether it must be one page: it is then printed as small as that takes.
    pub(crate) one_page: bool,
    pub(crate) blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Debug, Clone)]
pub(crate) enum Block {
    Heading(String),
    Text(String),
    /// Small and grey: how to read what stands beside it.
    Note(String),
    /// Framed: what must not be overlooked.
    Warning(String),
    /// Numbers to be seen first.
    Figures(Vec<Figure>),
    /// Labels with what they say.
    Facts(Vec<(String, String)>),
    Table(Table),
    Chart(Chart),
    /// A text for programs, as it is.
    Code(String),
    /// Where people sign or seal.
    Signature(Vec<String>),
}

/// A number to be seen first.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) label: String,
    pub(crate) value: Cell,
    /// Interval, target, change: in small.
    pub(crate) beside: String,
}

/// A table; of a workbook, a sheet of its own.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) head: String,
    /// Share of the width.
    pub(crate) width: u16,
    /// Numbers stand to the right.
    pub(crate) number: bool,
}

impl Column {
    pub(crate) fn text(head: impl Into<String>, width: u16) -> Self {
        Self {
            head: head.into(),
            width,
            number: false,
        }
    }

    pub(crate) fn number(head: impl Into<String>, width: u16) -> Self {
        Self {
            head: head.into(),
            width,
            number: true,
        }
    }
}

/// What a cell holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Count(u64),
    /// A share, 0 to 1.
    Share(f64),
    /// Any other number, with one decimal.
    Number(f64),
    Nothing,
}

/// A cell. What rests on too little is grey: it is told, and not to be relied on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) value: Value,
    pub(crate) muted: bool,
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Self {
            value,
            muted: false,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned()).into()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Value::Text(text).into()
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Value::Count(count).into()
    }
}

impl Cell {
    pub(crate) fn muted(self, muted: bool) -> Self {
        Self { muted, ..self }
    }

    /// As it is read.
    pub(crate) fn shown(&self) -> String {
        match &self.value {
            Value::Text(text) => text.clone(),
            Value::Count(count) => count.to_string(),
            Value::Share(share) => percent(*share),
            Value::Number(number) => format!("{number:.1}"),
            Value::Nothing => "–".to_owned(),
        }
    }
}

/// A share in percent, with as many decimals as pass rates are published with.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// An interval of shares in percent.
pub(crate) fn interval(lower: f64, upper: f64) -> String {
    format!("{} – {}", percent(lower), percent(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_with_their_units() {
        let shown = |value: Value| Cell::from(value).shown();
        assert_eq!(shown(Value::Share(0.9734)), "97.34%");
        assert_eq!(shown(Value::Nothing), "–");
        assert_eq!(interval(0.9, 1.0), "90.00% – 100.00%");
    }
}
