//! The failure rate of a city in a quarter, told after its end.

use super::world::{QuarterAnswer, World};
use super::{Chain, City, FIRST_FIT, create};
use crate::output::say;
use anyhow::Context;
use risk_domain::selection::SelectionMode;
use risk_engine::logodds::{Query, Snapshot};
use risk_engine::rates::{ModeShift, Observation, Rates};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Weeks between the fits that foretell each week.
const REFIT: u16 = 1;

/// Of every quarter, the rate that draws of known probability correct, and the best guess.
pub(super) fn quarters(world: &World, city: &City<'_>, path: &Path) -> anyhow::Result<()> {
    let mut out = create(path)?;
    let mut chain = Chain::every(REFIT);
    let (mut observations, mut means) = (Vec::new(), BTreeMap::new());
    for quarter in &world.quarters {
        let period = city.week_of(quarter.from)?..city.week_of(quarter.until)?;
        let next = means
            .last_key_value()
            .map_or(FIRST_FIT + 1, |(last, _)| last + 1);
        for week in next..period.end {
            // What a week's draws are held against was foretold before it.
            let snapshot = chain.advance(city, week - 1)?;
            let foretold = foretell(city, snapshot, week);
            let frame = foretold.len() as f64;
            means.insert(week, foretold.values().sum::<f64>() / frame);
            for drawn in city.drawn.iter().filter(|drawn| drawn.week == week) {
                let predicted = foretold.get(&drawn.cell).copied();
                let mode = SelectionMode::ALL.get(usize::from(drawn.mode)).copied();
                if let (Some(predicted), Some(mode)) = (predicted, mode) {
                    observations.push(Observation {
                        mode,
                        week,
                        failed: drawn.failed,
                        inclusion: Some(drawn.inclusion),
                        frame,
                        predicted,
                    });
                }
            }
        }
        let shifts = shifts_of(chain.advance(city, period.end - 1)?);
        let within: Vec<f64> = means.range(period.clone()).map(|(_, mean)| *mean).collect();
        let mean = within.iter().sum::<f64>() / within.len() as f64;
        let rates = Rates::estimate(period, &observations, mean, &shifts);
        let (design, composite) = rates.design.zip(rates.composite).with_context(|| {
            format!(
                "the quarter from {} has no draw of known probability",
                quarter.from
            )
        })?;
        let answer = QuarterAnswer {
            from: quarter.from.to_string(),
            design: design.value,
            lower: design.lower,
            upper: design.upper,
            composite: composite.value,
        };
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    say(&format!(
        "rates of {} quarters written to {}",
        world.quarters.len(),
        path.display()
    ));
    Ok(())
}

/// Probability of every cell that is alive in a week.
fn foretell(city: &City<'_>, snapshot: &Snapshot, week: u16) -> BTreeMap<u32, f64> {
    let probability = |cell: u32| {
        let groups: Vec<u32> = city.frame.groups(cell).collect();
        let query = Query {
            week: Some(week),
            ..Query::new(&groups)
        };
        snapshot.predict(&query).probability
    };
    let alive = city.alive(week);
    alive.map(|(cell, _)| (cell, probability(cell))).collect()
}

/// Shifts of the modes whose draws have known probabilities.
fn shifts_of(snapshot: &Snapshot) -> BTreeMap<SelectionMode, ModeShift> {
    let known = [
        SelectionMode::RiskEvaluation,
        SelectionMode::SupervisoryCheck,
    ];
    let shift = |(place, mode): (usize, &SelectionMode)| {
        let effect = snapshot.modes.get(place).filter(|_| known.contains(mode))?;
        let shift = if *mode == SelectionMode::RiskEvaluation {
            ModeShift::NONE
        } else {
            ModeShift {
                mean: effect.mean,
                deviation: effect.variance.sqrt(),
            }
        };
        Some((*mode, shift))
    };
    let modes = SelectionMode::ALL.iter().enumerate();
    modes.filter_map(shift).collect()
}
