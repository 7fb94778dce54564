//! `evaluate`: answers questions about the future that another program judges.

mod handling;
mod outbreaks;
mod rates;
mod records;
mod world;

pub(crate) use handling::handling;
pub(crate) use rates::courses_told;
pub(crate) use records::records;

use crate::cli::EvaluateWorld;
use crate::output::say;
use anyhow::{Context, ensure};
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_engine::logodds::{
    Basis, Evidence, Frame, Query, Row, Settings, Snapshot, Verification, fit,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use world::{Answer, FrameLine, ResultLine, World};

/// Weeks of results before the first fit, so that the calibrator has forecasts to learn from when
/// the first question is asked.
const FIRST_FIT: u16 = 12;
/// Weeks between fits.
const REFIT: u16 = 4;
/// The modes in the order of the model's settings.
const MODES: [&str; 5] = [
    "risk_evaluation",
    "supervisory_check",
    "special_check",
    "fast_test",
    "enforcement_test",
];

/// Answers the questions of a world.
pub(crate) fn world(args: &EvaluateWorld) -> anyhow::Result<ExitCode> {
    let world = World::read(&args.dir, args.predictions.is_some(), args.rates.is_some())?;
    let city = City::of(&world)?;
    if let Some(path) = &args.predictions {
        cells(&world, &city, path)?;
    }
    if let Some(path) = &args.rates {
        rates::quarters(&world, &city, path)?;
    }
    if args.alerts.is_some() || args.list.is_some() {
        outbreaks::weeks(&city, args.alerts.as_deref(), args.list.as_deref())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::new(file))
}

/// Of every cell alive on a question's day, how likely a random batch of it fails in the next four
/// weeks, from what was known that day.
fn cells(world: &World, city: &City<'_>, path: &Path) -> anyhow::Result<()> {
    let mut out = create(path)?;
    let mut chain = Chain::every(REFIT);
    let mut answers = 0_u64;
    for question in &world.questions {
        let as_of = city.week_of(question.as_of)?;
        let last = as_of
            .checked_sub(1)
            .with_context(|| format!("nothing is known before {}", question.as_of))?;
        let snapshot = chain.advance(city, last)?;
        for (cell, line) in city.alive(as_of) {
            let groups: Vec<u32> = city.frame.groups(cell).collect();
            let answer = Answer {
                week: question.week,
                enterprise_id: &line.enterprise_id,
                product_category: &line.product_category,
                probability: snapshot.predict(&Query::new(&groups)).probability,
            };
            serde_json::to_writer(&mut out, &answer)?;
            out.write_all(b"\n")?;
            answers += 1;
        }
    }
    out.flush()?;
    say(&format!(
        "{answers} answers to {} questions written to {}",
        world.questions.len(),
        path.display()
    ));
    Ok(())
}

/// Fits, one after the other, each begun where the one before ended.
struct Chain {
    first: u16,
    weeks: u16,
    snapshot: Option<Snapshot>,
}

impl Chain {
    fn every(weeks: u16) -> Self {
        Self {
            first: FIRST_FIT,
            weeks,
            snapshot: None,
        }
    }

    /// Fits every so many weeks up to `week`, and at `week`; nothing later is looked at.
    fn advance(&mut self, city: &City<'_>, week: u16) -> anyhow::Result<&Snapshot> {
        let mut next = match &self.snapshot {
            Some(snapshot) => snapshot.as_of + self.weeks,
            None => self.first,
        };
        while self.snapshot.as_ref().is_none_or(|last| last.as_of < week) {
            let at = next.min(week);
            let rows = city.rows_until(at);
            let evidence = Evidence::new(&city.frame, &rows, at);
            self.snapshot = Some(fit(&evidence, &city.settings, self.snapshot.as_ref())?);
            next = at + self.weeks;
        }
        self.snapshot.as_ref().context("no fit was made")
    }
}

/// A world by numbers, as the model takes it.
struct City<'a> {
    settings: Settings,
    origin: Day,
    lines: &'a [FrameLine],
    frame: Frame,
    /// Every result that stands for itself, and what a laboratory said of it and when.
    results: Vec<(Row, Option<(u16, bool)>)>,
    /// Results of known inclusion probability.
    drawn: Vec<Drawn>,
}

/// A result whose target was drawn with a known probability.
struct Drawn {
    cell: u32,
    week: u16,
    mode: SelectionMode,
    failed: bool,
    inclusion: f64,
}

impl<'a> City<'a> {
    fn of(world: &'a World) -> anyhow::Result<Self> {
        let first = world.frame.iter().map(|line| line.from).min();
        let origin = first.context("the frame is empty")?.week_start();
        let mut city = Self {
            settings: Settings::default(),
            origin,
            lines: &world.frame,
            frame: Frame::new(6),
            results: Vec::new(),
            drawn: Vec::new(),
        };
        let cells = city.number_cells()?;
        city.take_results(&world.results, &cells)?;
        Ok(city)
    }

    /// Whole weeks from the first to a day.
    fn week_of(&self, day: Day) -> anyhow::Result<u16> {
        let weeks = (day.get() - self.origin.get()).div_euclid(7);
        u16::try_from(weeks).with_context(|| format!("{day} lies before the world's first week"))
    }

    /// Groups are numbered in the order of the frame, levels in the order of the settings.
    fn number_cells(&mut self) -> anyhow::Result<BTreeMap<(&'a str, &'a str), u32>> {
        let mut numbers: [BTreeMap<String, u32>; 5] = Default::default();
        let mut number = |level: usize, name: String| -> u32 {
            let of_level = &mut numbers[level];
            let next = of_level.len() as u32;
            *of_level.entry(name).or_insert(next)
        };
        let mut cells = BTreeMap::new();
        for line in self.lines {
            let cell = self.frame.len() as u32;
            let groups = [
                number(0, line.sector.clone()),
                number(1, line.product_category.clone()),
                number(2, line.zone.clone()),
                number(3, format!("{} {}", line.product_category, line.zone)),
                number(4, line.enterprise_id.clone()),
                cell,
            ];
            let (from, until) = (self.week_of(line.from)?, self.week_of(line.to)?);
            self.frame.push(&groups, from, until);
            let named = (line.enterprise_id.as_str(), line.product_category.as_str());
            ensure!(
                cells.insert(named, cell).is_none(),
                "the frame names {named:?} twice"
            );
        }
        Ok(cells)
    }

    fn take_results(
        &mut self,
        lines: &'a [ResultLine],
        cells: &BTreeMap<(&str, &str), u32>,
    ) -> anyhow::Result<()> {
        let mut by_id = BTreeMap::new();
        for line in lines {
            let week = self.week_of(line.event_time)?;
            let failed = line.outcome == "fail";
            if let Some(confirmed) = &line.confirms {
                let known = by_id.get(confirmed.as_str()).copied();
                let slot = known.and_then(|at: usize| self.results.get_mut(at));
                let (_, laboratory) = slot.with_context(|| {
                    format!("{} confirms {confirmed}, which nobody made", line.event_id)
                })?;
                *laboratory = Some((week, failed));
                continue;
            }
            let named = (line.enterprise_id.as_str(), line.product_category.as_str());
            let cell = cells
                .get(&named)
                .with_context(|| format!("{} is of a cell outside the frame", line.event_id))?;
            let mode = MODES.iter().position(|mode| *mode == line.mode);
            let mode = mode.with_context(|| format!("{}: no mode {}", line.event_id, line.mode))?;
            let basis = match line.mode.as_str() {
                "risk_evaluation" => Basis::Random,
                "enforcement_test" => Basis::Informative,
                _other => Basis::Ignorable,
            };
            let method = u8::from(line.test_kind == "rapid");
            let row = Row::new(*cell, week, mode as u8, basis)
                .by_method(method, Verification::None)
                .counting(1, u32::from(failed));
            if let (Some(inclusion), Some(mode)) =
                (line.inclusion_probability, SelectionMode::ALL.get(mode))
            {
                self.drawn.push(Drawn {
                    cell: *cell,
                    week,
                    mode: *mode,
                    failed,
                    inclusion,
                });
            }
            by_id.insert(line.event_id.as_str(), self.results.len());
            self.results.push((row, None));
        }
        Ok(())
    }

    /// What was known at the end of a week. A fast test that a laboratory has spoken on by then
    /// counts as the laboratory found.
    fn rows_until(&self, week: u16) -> Vec<Row> {
        let known = self.results.iter().filter(|(row, _)| row.week <= week);
        known
            .map(|(row, laboratory)| match laboratory {
                Some((spoke, failed)) if *spoke <= week => {
                    let verification = if row.nonconforming > 0 {
                        Verification::OfPositive
                    } else {
                        Verification::OfNegative
                    };
                    Row::new(row.target, row.week, row.mode, row.basis)
                        .by_method(row.method, verification)
                        .counting(1, u32::from(*failed))
                }
                Some(_) | None => *row,
            })
            .collect()
    }

    fn alive(&self, week: u16) -> impl Iterator<Item = (u32, &'a FrameLine)> {
        let lives = self.frame.active().iter().zip(self.lines);
        let alive = lives
            .enumerate()
            .filter(move |(_, ((from, until), _))| *from <= week && week < *until);
        let found: Vec<_> = alive.map(|(at, (_, line))| (at as u32, line)).collect();
        found.into_iter()
    }
}
