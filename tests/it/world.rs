//! The reference city as a world that programs exchange.

use anyhow::{Context, Result};
use risk_domain::selection::SelectionMode;
use risk_sim::ReferenceCity;
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Days from 1970-01-01 to 2024-01-01, a Monday.
const ORIGIN: i32 = 19_723;

fn date(week: u32, day: i32) -> String {
    let of_week = i32::try_from(7 * week).unwrap_or(i32::MAX);
    risk_domain::time::Day::new(ORIGIN + of_week + day).to_string()
}

fn names(city: &ReferenceCity, cell: usize) -> Result<Value> {
    let of = city.cell(cell).context("a cell that is not there")?;
    Ok(json!({
        "enterprise_id": format!("E{:05}", of.enterprise),
        "product_category": format!("P{:02}", of.product),
        "sector": format!("S{:02}", of.sector),
        "zone": format!("Z{}", of.zone),
    }))
}

fn with(mut object: Value, fields: &Value) -> Value {
    if let (Some(object), Some(fields)) = (object.as_object_mut(), fields.as_object()) {
        object.extend(fields.clone());
    }
    object
}

/// What of a city is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World<'a> {
    /// Weeks that the city was lived through.
    pub(crate) weeks: u32,
    /// Results dated in this week or later are left out.
    pub(crate) until: u32,
    /// Weeks at whose beginning a question is asked.
    pub(crate) questions: &'a [u32],
    /// First weeks of the quarters whose rate is asked.
    pub(crate) quarters: &'a [u32],
}

impl World<'_> {
    /// Writes the city as a world.
    pub(crate) fn write(&self, city: &ReferenceCity, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir)?;
        let (mut frame, mut results, mut questions) = (String::new(), String::new(), String::new());
        for cell in 0..city.cell_count() {
            let of = city.cell(cell).context("counted above")?;
            let life = json!({"from": date(of.from, 0), "to": date(of.until.min(self.weeks), 0)});
            writeln!(frame, "{}", with(names(city, cell)?, &life))?;
        }
        for (at, one) in city.inspected().iter().enumerate() {
            if one.week >= self.until {
                continue;
            }
            let outcome = |failed| if failed { "fail" } else { "pass" };
            let fast = one.mode == SelectionMode::FastTest;
            let id = format!("R{at}");
            let result = json!({
                "event_id": id, "event_time": date(one.week, 1), "mode": one.mode.code(),
                "test_kind": if fast { "rapid" } else { "laboratory" },
                "outcome": outcome(one.failed), "confirms": null,
                "inclusion_probability": one.inclusion_probability,
            });
            writeln!(results, "{}", with(names(city, one.cell)?, &result))?;
            if let Some(failed) = one.confirmed {
                let confirmation = json!({
                    "event_id": format!("{id}L"), "event_time": date(one.week, 3),
                    "mode": one.mode.code(), "test_kind": "laboratory",
                    "outcome": outcome(failed), "confirms": id,
                });
                writeln!(results, "{}", with(names(city, one.cell)?, &confirmation))?;
            }
        }
        for week in self.questions {
            writeln!(
                questions,
                "{}",
                json!({"week": week - 1, "as_of": date(*week, 0)})
            )?;
        }
        let over = self.quarters.iter().filter(|from| *from + 13 <= self.until);
        let quarter =
            |from: &u32| json!({"from": date(*from, 0), "until": date(from + 13, 0)}).to_string();
        let quarters: Vec<String> = over.map(quarter).collect();
        fs::write(dir.join("quarters.ndjson"), quarters.join("\n"))?;
        fs::write(dir.join("frame.ndjson"), frame)?;
        fs::write(dir.join("results.ndjson"), results)?;
        fs::write(dir.join("questions.ndjson"), questions)?;
        Ok(())
    }
}
