//! A synthetic world as programs exchange it: frame, results and questions in, answers out.

use anyhow::Context;
use risk_domain::time::Day;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::Path;

/// What is asked from, and what is asked.
#[derive(Debug)]
pub(super) struct World {
    pub(super) frame: Vec<FrameLine>,
    pub(super) results: Vec<ResultLine>,
    pub(super) questions: Vec<Question>,
    pub(super) quarters: Vec<Quarter>,
}

/// A cell: an enterprise and a product, with the days between which it trades.
#[derive(Debug, Deserialize)]
pub(super) struct FrameLine {
    pub(super) enterprise_id: String,
    pub(super) product_category: String,
    pub(super) sector: String,
    pub(super) zone: String,
    #[serde(deserialize_with = "day")]
    pub(super) from: Day,
    #[serde(deserialize_with = "day")]
    pub(super) to: Day,
}

/// A result.
#[derive(Debug, Deserialize)]
pub(super) struct ResultLine {
    pub(super) event_id: String,
    #[serde(deserialize_with = "day")]
    pub(super) event_time: Day,
    pub(super) enterprise_id: String,
    pub(super) product_category: String,
    pub(super) mode: String,
    pub(super) test_kind: String,
    pub(super) outcome: String,
    pub(super) inclusion_probability: Option<f64>,
    pub(super) confirms: Option<String>,
}

/// A day from which to foretell; only what was dated before it may be used.
#[derive(Debug, Deserialize)]
pub(super) struct Question {
    pub(super) week: u32,
    #[serde(deserialize_with = "day")]
    pub(super) as_of: Day,
}

/// A quarter whose failure rate is asked; what was dated before its end may be used.
#[derive(Debug, Deserialize)]
pub(super) struct Quarter {
    #[serde(deserialize_with = "day")]
    pub(super) from: Day,
    #[serde(deserialize_with = "day")]
    pub(super) until: Day,
}

/// One quarter's answer.
#[derive(Debug, Serialize)]
pub(super) struct QuarterAnswer {
    pub(super) from: String,
    pub(super) design: f64,
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) composite: f64,
}

/// One cell's answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    pub(super) week: u32,
    pub(super) enterprise_id: &'a str,
    pub(super) product_category: &'a str,
    pub(super) probability: f64,
}

/// A product in a zone, or everywhere, in a week.
#[derive(Debug, Serialize)]
pub(super) struct Place<'a> {
    week: u16,
    product_category: &'a str,
    zone: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(super) fn new(week: u16, product_category: &'a str, zone: Option<&'a str>) -> Self {
        Self {
            week,
            product_category,
            zone,
        }
    }

    pub(super) fn write(&self, out: &mut impl Write) -> anyhow::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")?;
        Ok(())
    }
}

fn day<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Day, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(serde::de::Error::custom)
}

impl World {
    /// Reads the frame, the results, and what is to be answered.
    pub(super) fn read(dir: &Path, cells: bool, rates: bool) -> anyhow::Result<Self> {
        let questions = if cells {
            lines(&dir.join("questions.ndjson"))?
        } else {
            Vec::new()
        };
        let quarters = if rates {
            lines(&dir.join("quarters.ndjson"))?
        } else {
            Vec::new()
        };
        Ok(Self {
            frame: lines(&dir.join("frame.ndjson"))?,
            results: lines(&dir.join("results.ndjson"))?,
            questions,
            quarters,
        })
    }
}

fn lines<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Vec<T>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("{}, line {}", file.display(), at + 1))
        })
        .collect()
}
