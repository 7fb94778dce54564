//! Record sets of real inspections: will the next routine inspection fail?
//!
//! Every routine result from a day on is foretold from results of earlier weeks alone. A result's
//! fields are the model's levels, as a file in `config/evaluate` declares them.

mod declared;
mod report;
mod simple;

use crate::cli::EvaluateRecords;
use crate::output::say;
use anyhow::{Context, ensure};
use declared::Declared;
use report::{Foretold, Report};
use risk_domain::time::Day;
use risk_engine::logodds::{
    Basis, Evidence, Frame, NO_GROUP, NO_OBSERVER, Query, Row, Settings, SinceSnapshot, Snapshot,
    fit,
};
use serde::{Deserialize, Serialize};
use simple::{Memory, Simple};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// Weeks of forecasts before the first answer, from which the calibrator learns.
const WARM_UP: u16 = 52;
/// Weeks between two fits of the warm-up.
const REFIT: u16 = 4;

/// One result of a record set.
#[derive(Debug, Deserialize)]
struct Record {
    event_id: String,
    event_time: String,
    enterprise_id: String,
    enterprise_name: Option<String>,
    product_category: String,
    sector: String,
    /// Not every result is placed.
    zone: Option<String>,
    mode: Option<String>,
    outcome: String,
    /// What failed, where that was told.
    #[serde(default)]
    failed_items: Vec<String>,
    /// Where it comes from.
    source: Option<String>,
    #[serde(default)]
    extra: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Answer<'a> {
    event_id: &'a str,
    probability: f64,
}

/// A record by numbers.
struct Numbered {
    day: Day,
    week: u16,
    /// Target of every item that the model tells apart, and whether it failed.
    items: Vec<(u32, bool)>,
    enterprise: u32,
    category: u32,
    routine: bool,
    failed: bool,
    inspector: u16,
}

/// Answers for every routine result from a day on.
pub(crate) fn records(args: &EvaluateRecords) -> anyhow::Result<ExitCode> {
    let mut records = Vec::new();
    for file in &args.files {
        records.extend(read(file)?);
    }
    each_once(&records)?;
    let text = args.model.as_ref().map(std::fs::read_to_string);
    let text = text
        .transpose()
        .context("the model's file cannot be read")?;
    let source = records.first().and_then(|record| record.source.as_deref());
    let declared = Declared::read(text.as_deref(), source)?;
    let settings = declared.settings();
    let (frame, rows) = number(&records, &declared, settings.levels.len())?;
    let until = args.until.as_deref().map(str::parse::<Day>).transpose()?;
    let asked = |one: &Numbered| one.routine && until.is_none_or(|until| one.day < until);
    let from = match &args.from {
        Some(day) => day.parse()?,
        None => first_question(&rows, &asked)?,
    };
    let mut out = args.predictions.as_deref().map(create).transpose()?;
    let mut questions: Vec<usize> = (0..rows.len())
        .filter(|at| {
            rows.get(*at)
                .is_some_and(|one| asked(one) && one.day >= from)
        })
        .collect();
    questions.sort_by_key(|at| rows.get(*at).map(|one| one.day));
    let mut chain: Option<Snapshot> = None;
    let mut days = Days::new(&rows);
    let mut simple = Earlier::new(&rows);
    let mut foretold = Vec::new();
    for at in questions {
        let (Some(one), Some(record)) = (rows.get(at), records.get(at)) else {
            continue;
        };
        let known = one.week.checked_sub(1).context("nothing is known before")?;
        advance(&mut chain, &settings, &frame, &rows, known)?;
        let snapshot = chain.as_ref().context("no fit was made")?;
        let since = days.before(one.day, snapshot, &frame);
        // A result conforms where every item does.
        let conforming: f64 = one
            .items
            .iter()
            .map(|(target, _)| {
                let groups: Vec<u32> = frame.groups(*target).collect();
                let query = Query {
                    week: Some(one.week),
                    ..Query::new(&groups)
                };
                1.0 - snapshot.predict_since(&query, since).probability
            })
            .product();
        let answer = Answer {
            event_id: &record.event_id,
            probability: 1.0 - conforming,
        };
        if let Some(out) = &mut out {
            serde_json::to_writer(&mut *out, &answer)?;
            out.write_all(b"\n")?;
        }
        foretold.push(Foretold {
            failed: one.failed,
            model: answer.probability,
            simple: simple.foretell(one.day, one),
        });
    }
    if let Some(mut out) = out {
        out.flush()?;
    }
    let report = Report::new(title(args), from.to_string(), &foretold)?;
    report.table().iter().for_each(|line| say(line));
    if let Some(path) = &args.json {
        serde_json::to_writer_pretty(create(path)?, &report)?;
    }
    if let Some(path) = &args.html {
        create(path)?.write_all(report.page()?.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of the files, without their folders.
fn title(args: &EvaluateRecords) -> String {
    let names = args.files.iter().map(|file| {
        let name = file.file_name().unwrap_or(file.as_os_str());
        name.to_string_lossy().into_owned()
    });
    let names: Vec<String> = names.collect();
    names.join(", ")
}

/// Refuses a set that has a result twice: it would count twice, and have two answers.
fn each_once(records: &[Record]) -> anyhow::Result<()> {
    let mut seen = BTreeSet::new();
    for record in records {
        ensure!(
            seen.insert(record.event_id.as_str()),
            "event_id {} stands twice in the record set; give each result once",
            record.event_id
        );
    }
    Ok(())
}

/// What earlier days have said since the last fit.
struct Days<'a> {
    /// In the order of days.
    rows: Vec<&'a Numbered>,
    next: usize,
    of: Option<u16>,
    since: SinceSnapshot,
}

impl<'a> Days<'a> {
    fn new(rows: &'a [Numbered]) -> Self {
        let mut rows: Vec<&Numbered> = rows.iter().collect();
        rows.sort_by_key(|one| one.day);
        Self {
            rows,
            next: 0,
            of: None,
            since: SinceSnapshot::default(),
        }
    }

    /// Sums of the results after the snapshot's week and before a day.
    fn before(&mut self, day: Day, snapshot: &Snapshot, frame: &Frame) -> &SinceSnapshot {
        if self.of != Some(snapshot.as_of) {
            self.of = Some(snapshot.as_of);
            self.since = SinceSnapshot::new(snapshot);
            self.next = self.rows.partition_point(|one| one.week <= snapshot.as_of);
        }
        while let Some(one) = self.rows.get(self.next).filter(|one| one.day < day) {
            for row in rows_of(one) {
                let groups: Vec<u32> = frame.groups(row.target).collect();
                self.since.add(snapshot, &row, &groups);
            }
            self.next += 1;
        }
        &self.since
    }
}

/// What simple ways make of the routine results of earlier days.
struct Earlier<'a> {
    /// In the order of days.
    rows: Vec<&'a Numbered>,
    next: usize,
    memory: Memory,
}

impl<'a> Earlier<'a> {
    fn new(rows: &'a [Numbered]) -> Self {
        let routine = rows.iter().filter(|one| one.routine);
        let mut rows: Vec<&Numbered> = routine.collect();
        rows.sort_by_key(|one| one.day);
        Self {
            rows,
            next: 0,
            memory: Memory::default(),
        }
    }

    fn foretell(&mut self, day: Day, one: &Numbered) -> [f64; Simple::ALL.len()] {
        while let Some(earlier) = self.rows.get(self.next).filter(|one| one.day < day) {
            self.memory.learn(earlier);
            self.next += 1;
        }
        self.memory.foretell(one)
    }
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::new(file))
}

fn rows_of(one: &Numbered) -> impl Iterator<Item = Row> {
    let (mode, basis) = if one.routine {
        (0, Basis::Random)
    } else {
        (1, Basis::Ignorable)
    };
    one.items.iter().map(move |(target, failed)| {
        let row = Row {
            inspector: one.inspector,
            ..Row::new(*target, one.week, mode, basis)
        };
        row.counting(1, u32::from(*failed))
    })
}

/// The day after which the last 30 % of what can be asked lies, as record sets are judged.
fn first_question(rows: &[Numbered], asked: &dyn Fn(&Numbered) -> bool) -> anyhow::Result<Day> {
    let mut days: Vec<i32> = rows
        .iter()
        .filter(|one| asked(one))
        .map(|one| one.day.get())
        .collect();
    days.sort_unstable();
    let at = 0.7 * days.len().saturating_sub(1) as f64;
    let (low, high) = (days.get(at as usize), days.get(at.ceil() as usize));
    let (low, high) = low.zip(high).context("no routine result")?;
    let share = at - at.floor();
    Ok(Day::new(
        (f64::from(*low) + share * f64::from(high - low)) as i32,
    ))
}

/// Fits up to a week: now and then before the first question, every week from then on.
fn advance(
    chain: &mut Option<Snapshot>,
    settings: &Settings,
    frame: &Frame,
    rows: &[Numbered],
    week: u16,
) -> anyhow::Result<()> {
    let mut next = match chain {
        Some(snapshot) if snapshot.as_of >= week => return Ok(()),
        Some(snapshot) => snapshot.as_of + REFIT,
        None => week.saturating_sub(WARM_UP),
    };
    loop {
        let at = next.min(week);
        let known = rows.iter().filter(|one| one.week <= at);
        let known: Vec<Row> = known.flat_map(rows_of).collect();
        let evidence = Evidence::new(frame, &known, at);
        *chain = Some(fit(&evidence, settings, chain.as_ref())?);
        if at == week {
            return Ok(());
        }
        next = at + REFIT;
    }
}

fn number(
    records: &[Record],
    declared: &Declared,
    levels: usize,
) -> anyhow::Result<(Frame, Vec<Numbered>)> {
    let day_of = |record: &Record| -> anyhow::Result<Day> {
        let (day, _) = record
            .event_time
            .split_once('T')
            .unwrap_or((&record.event_time, ""));
        day.parse()
            .with_context(|| format!("{}: event_time {day}", record.event_id))
    };
    let days = records.iter().map(day_of).collect::<Result<Vec<_>, _>>()?;
    let origin = days.iter().min().context("no records")?.week_start();
    let mut numbers: Vec<BTreeMap<String, u32>> = vec![BTreeMap::new(); levels];
    let mut targets: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
    let mut frame = Frame::new(levels);
    let mut rows = Vec::with_capacity(records.len());
    let mut inspectors: BTreeMap<String, u16> = BTreeMap::new();
    let (mut enterprises, mut categories) = (BTreeMap::new(), BTreeMap::new());
    for (record, day) in records.iter().zip(days) {
        let mut items = Vec::new();
        for (item, failed) in declared.items(record) {
            let mut groups = Vec::with_capacity(levels);
            for (of_level, name) in numbers.iter_mut().zip(declared.groups(record, item)?) {
                let next = of_level.len() as u32;
                let known = name.map(|name| *of_level.entry(name).or_insert(next));
                groups.push(known.unwrap_or(NO_GROUP));
            }
            let known = targets.get(&groups).copied();
            let target = known.unwrap_or_else(|| frame.push(&groups, 0, u16::MAX));
            targets.insert(groups, target);
            items.push((target, failed));
        }
        rows.push(Numbered {
            day,
            week: u16::try_from((day.get() - origin.get()) / 7)?,
            items,
            enterprise: in_order(&mut enterprises, &record.enterprise_id),
            category: in_order(&mut categories, &record.product_category),
            routine: record.mode.as_deref().is_none_or(|mode| mode == "routine"),
            failed: record.outcome == "fail",
            inspector: match declared.inspector(record)? {
                Some(name) => {
                    let next = u16::try_from(inspectors.len())?;
                    *inspectors.entry(name).or_insert(next)
                }
                None => NO_OBSERVER,
            },
        });
    }
    Ok((frame, rows))
}

/// The number of a name, given on first sight.
fn in_order(known: &mut BTreeMap<String, u32>, name: &str) -> u32 {
    let next = known.len() as u32;
    *known.entry(name.to_owned()).or_insert(next)
}

fn read(file: &Path) -> anyhow::Result<Vec<Record>> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let zstd = file.extension().is_some_and(|extension| extension == "zst");
    let text: Box<dyn Read> = if zstd {
        Box::new(zstd::stream::read::Decoder::new(opened)?)
    } else {
        Box::new(opened)
    };
    let mut records = Vec::new();
    for (at, line) in BufReader::new(text).lines().enumerate() {
        let line = line?;
        let record = serde_json::from_str(&line)
            .with_context(|| format!("{}, line {}", file.display(), at + 1))?;
        records.push(record);
    }
    ensure!(!records.is_empty(), "{} has no records", file.display());
    Ok(records)
}
