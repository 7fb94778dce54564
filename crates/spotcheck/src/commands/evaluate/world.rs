//! A synthetic world as programs exchange it: frame, results and questions in, answers out.

use anyhow::Context;
use risk_domain::time::Day;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// What is asked from, and what is asked.
#[derive(Debug)]
pub(super) struct World {
    pub(super) frame: Vec<FrameLine>,
    pub(super) results: Vec<ResultLine>,
    pub(super) questions: Vec<Question>,
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
    pub(super) confirms: Option<String>,
}

/// A day from which to foretell; only what was dated before it may be used.
#[derive(Debug, Deserialize)]
pub(super) struct Question {
    pub(super) week: u32,
    #[serde(deserialize_with = "day")]
    pub(super) as_of: Day,
}

/// One cell's answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    pub(super) week: u32,
    pub(super) enterprise_id: &'a str,
    pub(super) product_category: &'a str,
    pub(super) probability: f64,
}

fn day<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Day, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(serde::de::Error::custom)
}

impl World {
    pub(super) fn read(dir: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            frame: lines(&dir.join("frame.ndjson"))?,
            results: lines(&dir.join("results.ndjson"))?,
            questions: lines(&dir.join("questions.ndjson"))?,
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
