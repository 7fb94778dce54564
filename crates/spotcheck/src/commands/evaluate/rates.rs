//! The failure rate of a city in a quarter, told after its end.

use super::world::{QuarterAnswer, World};
use super::{Chain, City, Drawn, create};
use crate::output::say;
use anyhow::Context;
use risk_domain::selection::SelectionMode;
use risk_engine::logodds::{Frame, Query, Snapshot};
use risk_engine::rates::{Course, FrameWeek, ModeShift, Observation, Rates, WeekTally};
use risk_engine::series::HINDSIGHT;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Weeks between the fits that foretell each week, as a running engine makes them.
const REFIT: u16 = 1;
/// The week at whose end the first of them is made.
const FIRST_FIT: u16 = 1;

/// Of every quarter, the rate that draws of known probability correct, and the best guess.
pub(super) fn quarters(world: &World, city: &City<'_>, path: &Path) -> anyhow::Result<()> {
    let mut out = create(path)?;
    let mut chain = Chain {
        first: FIRST_FIT,
        ..Chain::every(REFIT)
    };
    let mut tallies = Vec::new();
    let mut frames: BTreeMap<u16, FrameWeek> = BTreeMap::new();
    let mut courses: BTreeMap<u16, Course> = BTreeMap::new();
    for quarter in &world.quarters {
        let period = city.week_of(quarter.from)?..city.week_of(quarter.until)?;
        let next = frames.last_key_value();
        let next = next.map_or(FIRST_FIT + 1, |(last, _)| *last + 1);
        for week in next..period.end {
            // What a week's draws are held against was foretold before it.
            let snapshot = chain.advance(city, week - 1)?;
            let foretold = foretell(city, snapshot, week);
            let targets = foretold.len();
            let predicted = foretold.values().sum::<f64>() / targets as f64;
            let targets = targets as u32;
            frames.insert(week, FrameWeek { targets, predicted });
            for (of, course) in courses_told(&city.frame, snapshot, week, &foretold) {
                courses.insert(of, course);
            }
            for (mode, shift) in shifts_of(snapshot) {
                let mut tally = WeekTally::new(week, mode);
                let of_mode = |drawn: &&Drawn| drawn.week == week && drawn.mode == mode;
                for drawn in city.drawn.iter().filter(of_mode) {
                    let Some(predicted) = foretold.get(&drawn.cell).copied() else {
                        continue;
                    };
                    let unit = Observation {
                        failed: drawn.failed,
                        inclusion: Some(drawn.inclusion),
                        predicted,
                    };
                    tally.add(&unit, shift, 1);
                }
                tallies.push(tally);
            }
        }
        let rates = Rates::estimate(period, &tallies, &frames, &courses);
        let rates = rates.with_context(|| format!("the quarter from {} is empty", quarter.from))?;
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

/// The mean over the frame as a share of what lasts of it: of the week that a snapshot foretells, and in
/// hindsight of one that lies so far behind that its course shows.
pub(crate) fn courses_told(
    frame: &Frame,
    snapshot: &Snapshot,
    week: u16,
    foretold: &BTreeMap<u32, f64>,
) -> BTreeMap<u16, Course> {
    let earlier = week.saturating_sub(HINDSIGHT);
    let (mut now, mut then, mut lasting) = (0.0, 0.0, 0.0);
    for (cell, probability) in foretold {
        let groups: Vec<u32> = frame.groups(*cell).collect();
        let query = Query {
            week: Some(earlier),
            ..Query::new(&groups)
        };
        now += probability;
        then += snapshot.predict(&query).probability;
        lasting += snapshot.lasting_probability(&groups);
    }
    let told = [(earlier, then), (week, now)];
    let course = |(of, mean)| Some((of, Course::new(mean, lasting)?));
    told.into_iter().filter_map(course).collect()
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
