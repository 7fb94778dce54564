//! One city, played by one policy.

use super::policies::{Policy, Tests};
use crate::commands::evaluate::courses_told;
use anyhow::Context;
use risk_domain::selection::SelectionMode;
use risk_engine::logodds::{
    Basis, Evidence, Frame, Query, Row, Settings, Snapshot, Verification, fit,
};
use risk_engine::rates::{Course, FrameWeek, ModeShift, Observation, Rates, WeekTally};
use risk_sim::reference_city::{Inspected, MODES};
use risk_sim::{ReferenceCity, ReferenceSettings};
use std::collections::BTreeMap;

/// Weeks that the status quo plays before the policy takes over.
pub(super) const BURN_IN: u32 = 52;
/// First fit and weeks between fits while the status quo plays.
const FIRST_FIT: u32 = 12;
const REFIT: u32 = 4;
/// Weeks of a quarter.
const QUARTER: u32 = 13;

/// A quarter: the truth, and what was said of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quarter {
    pub(super) truth: f64,
    /// Share of failures among all tests, as bureaus publish it.
    pub(super) pooled: f64,
    /// From risk evaluations alone.
    pub(super) random: Option<f64>,
    /// Corrected by draws of known probability, with its interval.
    pub(super) design: Option<(f64, f64, f64)>,
    /// The best guess.
    pub(super) composite: Option<f64>,
}

/// What a policy reached in a city.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// Proved failures by mode, enforcement tests last.
    pub(super) found: [u32; 5],
    /// Tests by mode.
    pub(super) tests: [u32; 5],
    /// True failure rate over the weeks.
    pub(super) true_rate: f64,
    /// Share of the cells that was visited in the last year.
    pub(super) coverage: f64,
    pub(super) quarters: Vec<Quarter>,
}

impl Outcome {
    /// Proved failures, those of tips apart.
    pub(super) fn total(&self) -> f64 {
        self.found
            .iter()
            .take(4)
            .map(|found| f64::from(*found))
            .sum()
    }
}

/// A city in play.
pub(super) struct Play<'a> {
    pub(super) city: ReferenceCity,
    policy: &'a Policy,
    pub(super) seed: u64,
    frame: Frame,
    settings: Settings,
    rows: Vec<Row>,
    pub(super) snapshot: Option<Snapshot>,
    /// Week of the last visit, by cell.
    pub(super) last_visit: Vec<Option<u32>>,
    /// Visits by enterprise and week.
    pub(super) visits: BTreeMap<usize, Vec<u32>>,
    /// Draws that told with which probability, of evaluations and checks.
    tallies: Vec<WeekTally>,
    frames: BTreeMap<u16, FrameWeek>,
    /// The frame's mean as a share of what lasts of it, by week.
    courses: BTreeMap<u16, Course>,
    truths: Vec<f64>,
}

impl<'a> Play<'a> {
    pub(super) fn new(seed: u64, policy: &'a Policy) -> Self {
        let city = ReferenceCity::new(seed, ReferenceSettings::default());
        let settings = Settings::default();
        let mut frame = Frame::new(settings.levels.len());
        let zones = city.settings().zones;
        for at in 0..city.cell_count() {
            if let Some(cell) = city.cell(at) {
                let groups = [
                    cell.sector as u32,
                    cell.product as u32,
                    cell.zone as u32,
                    (cell.product * zones + cell.zone) as u32,
                    cell.enterprise as u32,
                    at as u32,
                ];
                frame.push(&groups, cell.from as u16, cell.until as u16);
            }
        }
        Self {
            last_visit: vec![None; city.cell_count()],
            visits: BTreeMap::new(),
            tallies: Vec::new(),
            frames: BTreeMap::new(),
            courses: BTreeMap::new(),
            truths: Vec::new(),
            rows: Vec::new(),
            snapshot: None,
            city,
            policy,
            seed,
            frame,
            settings,
        }
    }

    /// Plays all weeks.
    pub(super) fn run(mut self) -> anyhow::Result<Outcome> {
        let weeks = self.city.settings().weeks;
        for week in 0..weeks {
            let active = self.city.active(week);
            let truth = active.iter().map(|cell| self.city.theta(*cell, week));
            self.truths
                .push(truth.sum::<f64>() / active.len().max(1) as f64);
            if week < BURN_IN {
                self.city.status_quo_week(week);
            } else if self.policy.is_status_quo() {
                self.foresee(week, &active)?;
                self.city.status_quo_week(week);
            } else {
                self.foresee(week, &active)?;
                let tests = self.policy.tests(&self, week, &active)?;
                self.send(week, &tests);
                self.city.follow_tips(week);
                self.city.end_week();
            }
            self.take_in(week);
            let learning = week >= FIRST_FIT && (week - FIRST_FIT).is_multiple_of(REFIT);
            let last = week + 1 == weeks;
            if self.policy.models() && !last && (learning || week + 1 >= BURN_IN) {
                self.refit(week)?;
            }
        }
        self.outcome()
    }

    fn send(&mut self, week: u32, tests: &Tests) {
        for mode in MODES {
            if let Some(cells) = tests.get(&mode) {
                self.city.inspect_drawn(week, cells, mode);
            }
        }
    }

    /// What was found in a week, as evidence.
    fn take_in(&mut self, week: u32) {
        let all = self.city.inspected();
        let from = all.partition_point(|one| one.week < week);
        for one in &all[from..] {
            self.last_visit[one.cell] = Some(week);
            if let Some(cell) = self.city.cell(one.cell) {
                self.visits.entry(cell.enterprise).or_default().push(week);
            }
            self.rows.push(row(one));
        }
        let known = [
            SelectionMode::RiskEvaluation,
            SelectionMode::SupervisoryCheck,
        ];
        if week < BURN_IN {
            return;
        }
        for mode in known {
            let mut tally = WeekTally::new(week as u16, mode);
            for one in all[from..].iter().filter(|one| one.mode == mode) {
                let unit = Observation {
                    failed: one.failed,
                    inclusion: one.inclusion_probability,
                    predicted: self.probability(one.cell, week),
                };
                tally.add(&unit, self.shift(mode), 1);
            }
            self.tallies.push(tally);
        }
    }

    fn refit(&mut self, week: u32) -> anyhow::Result<()> {
        let evidence = Evidence::new(&self.frame, &self.rows, week as u16);
        let next = fit(&evidence, &self.settings, self.snapshot.as_ref());
        self.snapshot = Some(next.context("the model cannot be fitted")?);
        Ok(())
    }

    /// What the model says of the frame before a week.
    fn foresee(&mut self, week: u32, active: &[usize]) -> anyhow::Result<()> {
        if self.policy.models() {
            self.snapshot.as_ref().context("no fit was made")?;
        }
        let foretold: BTreeMap<u32, f64> = active
            .iter()
            .map(|cell| (*cell as u32, self.probability(*cell, week)))
            .collect();
        let predicted = foretold.values().sum::<f64>() / active.len().max(1) as f64;
        let (week, targets) = (week as u16, active.len() as u32);
        self.frames.insert(week, FrameWeek { targets, predicted });
        if let Some(snapshot) = &self.snapshot {
            let told = courses_told(&self.frame, snapshot, week, &foretold);
            self.courses.extend(told);
        }
        Ok(())
    }

    /// What the model says of a cell in a week; nothing in particular without one.
    pub(super) fn query<T>(
        &self,
        cell: usize,
        week: u32,
        ask: impl Fn(&Snapshot, &Query<'_>) -> T,
    ) -> Option<T> {
        let snapshot = self.snapshot.as_ref()?;
        let groups: Vec<u32> = self.frame.groups(cell as u32).collect();
        let query = Query {
            week: Some(week as u16),
            ..Query::new(&groups)
        };
        Some(ask(snapshot, &query))
    }

    fn probability(&self, cell: usize, week: u32) -> f64 {
        let foretold = self.query(cell, week, |snapshot, query| {
            snapshot.predict(query).probability
        });
        foretold.unwrap_or(0.05)
    }

    fn shift(&self, mode: SelectionMode) -> ModeShift {
        let place = SelectionMode::ALL.iter().position(|of| *of == mode);
        let effect = place.and_then(|place| self.snapshot.as_ref()?.modes.get(place));
        match effect {
            Some(effect) if mode != SelectionMode::RiskEvaluation => ModeShift {
                mean: effect.mean,
                deviation: effect.variance.sqrt(),
            },
            Some(_) | None => ModeShift::NONE,
        }
    }

    fn outcome(&self) -> anyhow::Result<Outcome> {
        let weeks = self.city.settings().weeks;
        let (mut found, mut tests) = ([0; 5], [0; 5]);
        let mut seen = vec![false; self.city.cell_count()];
        for one in self.city.inspected().iter().filter(|of| of.week >= BURN_IN) {
            let place = MODES.iter().position(|mode| *mode == one.mode).unwrap_or(0);
            tests[place] += 1;
            found[place] += u32::from(one.proved());
            seen[one.cell] |= one.week + 52 >= weeks;
        }
        let truths = &self.truths[BURN_IN as usize..];
        let mut quarters = Vec::new();
        let mut from = BURN_IN + QUARTER;
        while from + QUARTER <= weeks {
            quarters.push(self.quarter(from..from + QUARTER)?);
            from += QUARTER;
        }
        Ok(Outcome {
            found,
            tests,
            true_rate: truths.iter().sum::<f64>() / truths.len() as f64,
            coverage: seen.iter().filter(|seen| **seen).count() as f64 / seen.len() as f64,
            quarters,
        })
    }

    fn quarter(&self, weeks: std::ops::Range<u32>) -> anyhow::Result<Quarter> {
        let truths = &self.truths[weeks.start as usize..weeks.end as usize];
        let within = self.city.inspected().iter();
        let within: Vec<&Inspected> = within.filter(|of| weeks.contains(&of.week)).collect();
        let failed = within.iter().filter(|one| one.failed).count();
        let period = weeks.start as u16..weeks.end as u16;
        let rates = Rates::estimate(period, &self.tallies, &self.frames, &self.courses);
        let rates = rates.context("a quarter without a frame")?;
        let corrected = self.policy.models();
        Ok(Quarter {
            truth: truths.iter().sum::<f64>() / truths.len() as f64,
            pooled: failed as f64 / within.len().max(1) as f64,
            random: rates.random.map(|rate| rate.value),
            design: rates
                .design
                .filter(|_| corrected)
                .map(|rate| (rate.value, rate.lower, rate.upper)),
            composite: rates.composite.filter(|_| corrected).map(|rate| rate.value),
        })
    }
}

fn row(one: &Inspected) -> Row {
    let place = SelectionMode::ALL.iter().position(|mode| *mode == one.mode);
    let basis = match one.mode {
        SelectionMode::RiskEvaluation => Basis::Random,
        SelectionMode::EnforcementTest => Basis::Informative,
        SelectionMode::SupervisoryCheck | SelectionMode::SpecialCheck | SelectionMode::FastTest => {
            Basis::Ignorable
        }
    };
    let row = Row::new(
        one.cell as u32,
        one.week as u16,
        place.unwrap_or(0) as u8,
        basis,
    );
    let method = u8::from(one.mode == SelectionMode::FastTest);
    match one.confirmed {
        Some(bad) => {
            let spoken = if one.failed {
                Verification::OfPositive
            } else {
                Verification::OfNegative
            };
            row.by_method(method, spoken).counting(1, u32::from(bad))
        }
        None => row
            .by_method(method, Verification::None)
            .counting(1, u32::from(one.failed)),
    }
}
