//! The reference city（基准城市）: a world of known truth in which the model and plans are measured.
//!
//! A *cell* is an enterprise and one product that it sells. The log-odds that a randomly drawn batch
//! of a cell fails in a week add up from fixed effects (sector, product, zone, enterprise, cell), the
//! season of its sector, a slow drift and sudden shocks of its enterprise, outbreaks of a product in a
//! zone or everywhere, less what a failure that was found has mended. Five modes of inspection look at
//! it; the targeted ones pick worse batches, fast tests err, and enforcement follows tips that know
//! more than any model. Everything follows from the seed.
//!
//! It is plainer than [`crate::DemoCity`], which tells of real places in the wire's words.

mod make;
mod settings;

pub use settings::ReferenceSettings;

use crate::draw::by_weight;
use crate::truth::{expit, normal};
use make::Made;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use risk_domain::scales::Severity;
use risk_domain::selection::SelectionMode;

/// The modes in the order of [`ReferenceSettings::budget`] and [`ReferenceSettings::batch_choice`].
pub const MODES: [SelectionMode; 5] = [
    SelectionMode::RiskEvaluation,
    SelectionMode::SupervisoryCheck,
    SelectionMode::SpecialCheck,
    SelectionMode::FastTest,
    SelectionMode::EnforcementTest,
];

/// An outbreak of a product（质量突发）: cells whose risk rises for some weeks.
#[doc(alias = "质量突发")]
#[derive(Debug, Clone, PartialEq)]
pub struct Outbreak {
    /// First week.
    pub start: u32,
    /// The week after the last.
    pub end: u32,
    /// Product.
    pub product: usize,
    /// Zone; none for one that is everywhere.
    pub zone: Option<usize>,
    /// By how much the log-odds rise.
    pub size: f64,
    /// The cells concerned.
    pub cells: Vec<usize>,
}

/// What one inspection found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inspected {
    /// Week.
    pub week: u32,
    /// Cell.
    pub cell: usize,
    /// Mode.
    pub mode: SelectionMode,
    /// Whether the test failed; a fast test may err.
    pub failed: bool,
    /// What the laboratory found, where it confirmed a fast test.
    pub confirmed: Option<bool>,
    /// Severity of a failure; none for a pass.
    pub severity: Option<Severity>,
    /// Probability with which the cell was drawn, where it is known.
    pub inclusion_probability: Option<f64>,
}

impl Inspected {
    /// Whether a laboratory found a failure: the violation is proved, and will be mended.
    pub fn proved(&self) -> bool {
        match self.mode {
            SelectionMode::FastTest => self.confirmed == Some(true),
            SelectionMode::RiskEvaluation
            | SelectionMode::SupervisoryCheck
            | SelectionMode::SpecialCheck
            | SelectionMode::EnforcementTest => self.failed,
        }
    }
}

/// The reference city（基准城市）, played week by week.
#[doc(alias = "基准城市")]
#[derive(Debug, Clone)]
pub struct ReferenceCity {
    settings: ReferenceSettings,
    made: Made,
    random: ChaCha12Rng,
    /// What was mended, in log-odds, by cell.
    mended: Vec<f64>,
    /// Week of the last proved failure, by cell.
    last_failure: Vec<Option<u32>>,
    campaign: [usize; 2],
    inspected: Vec<Inspected>,
}

impl ReferenceCity {
    /// The city of a seed.
    pub fn new(seed: u64, settings: ReferenceSettings) -> Self {
        let made = Made::new(&settings, &mut ChaCha12Rng::seed_from_u64(seed));
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        // What is played must not depend on how many numbers the making took.
        random.set_stream(1);
        let cells = made.cells.len();
        Self {
            settings,
            made,
            random,
            mended: vec![0.0; cells],
            last_failure: vec![None; cells],
            campaign: [0, 0],
            inspected: Vec::new(),
        }
    }

    /// How it was set.
    pub fn settings(&self) -> &ReferenceSettings {
        &self.settings
    }

    /// Number of cells, active or not.
    pub fn cell_count(&self) -> usize {
        self.made.cells.len()
    }

    /// A cell's enterprise, product, sector and zone.
    pub fn cell(&self, cell: usize) -> Option<&Cell> {
        self.made.cells.get(cell)
    }

    /// The cells that trade in a week.
    pub fn active(&self, week: u32) -> Vec<usize> {
        let trades = |cell: &Cell| cell.from <= week && week < cell.until;
        let cells = self.made.cells.iter().enumerate();
        cells
            .filter(|(_, cell)| trades(cell))
            .map(|(at, _)| at)
            .collect()
    }

    /// Log-odds that a randomly drawn batch of a cell fails in a week, as things stand.
    pub fn log_odds(&self, cell: usize, week: u32) -> f64 {
        let path = self.made.log_odds(cell, week);
        path - self.mended.get(cell).copied().unwrap_or(0.0)
    }

    /// The same as a probability.
    pub fn theta(&self, cell: usize, week: u32) -> f64 {
        expit(self.log_odds(cell, week))
    }

    /// Outbreaks, past and to come.
    pub fn outbreaks(&self) -> &[Outbreak] {
        &self.made.outbreaks
    }

    /// Everything inspected so far, in order.
    pub fn inspected(&self) -> &[Inspected] {
        &self.inspected
    }

    /// Inspects cells in a week, in a mode: draws what is found, and mends what is proved.
    pub fn inspect(
        &mut self,
        week: u32,
        cells: &[usize],
        mode: SelectionMode,
        inclusion_probability: Option<f64>,
    ) -> &[Inspected] {
        let alike = cells.iter().map(|cell| (*cell, inclusion_probability));
        self.inspect_drawn(week, &alike.collect::<Vec<_>>(), mode)
    }

    /// The same of cells that were drawn with probabilities of their own.
    pub fn inspect_drawn(
        &mut self,
        week: u32,
        cells: &[(usize, Option<f64>)],
        mode: SelectionMode,
    ) -> &[Inspected] {
        let before = self.inspected.len();
        let worse = MODES
            .iter()
            .zip(self.settings.batch_choice)
            .find(|(of, _)| **of == mode)
            .map_or(0.0, |(_, worse)| worse);
        for (cell, inclusion_probability) in cells {
            let bad = self.random.random::<f64>() < expit(self.log_odds(*cell, week) + worse);
            let (failed, confirmed) = if mode == SelectionMode::FastTest {
                self.fast_test(bad)
            } else {
                (bad, None)
            };
            let severity = failed.then(|| self.severity(*cell));
            self.inspected.push(Inspected {
                week,
                cell: *cell,
                mode,
                failed,
                confirmed,
                severity,
                inclusion_probability: *inclusion_probability,
            });
        }
        self.mend(week, before);
        self.inspected.get(before..).unwrap_or_default()
    }

    fn fast_test(&mut self, bad: bool) -> (bool, Option<bool>) {
        let settings = &self.settings;
        let positive = if bad {
            self.random.random::<f64>() < settings.sensitivity
        } else {
            self.random.random::<f64>() > settings.specificity
        };
        let share = if positive {
            settings.confirmed_positives
        } else {
            settings.confirmed_negatives
        };
        let confirmed = self.random.random::<f64>() < share;
        (positive, confirmed.then_some(bad))
    }

    fn severity(&mut self, cell: usize) -> Severity {
        let drawn: f64 = self.random.random();
        let mix = self.made.severity_mix(cell);
        let mut reached = 0.0;
        let reached = mix.iter().take(3).filter(|share| {
            reached += **share;
            drawn > reached
        });
        match reached.count() {
            0 => Severity::One,
            1 => Severity::Two,
            2 => Severity::Three,
            _more => Severity::Four,
        }
    }

    /// A proved failure is mended in its cell, and somewhat in all of its enterprise.
    fn mend(&mut self, week: u32, from: usize) {
        let proved: Vec<usize> = self
            .inspected
            .iter()
            .skip(from)
            .filter(|inspected| inspected.proved())
            .map(|inspected| inspected.cell)
            .collect();
        if proved.is_empty() {
            return;
        }
        for cell in &proved {
            if let Some(mended) = self.mended.get_mut(*cell) {
                *mended += self.settings.mended_cell;
            }
            if let Some(last) = self.last_failure.get_mut(*cell) {
                *last = Some(week);
            }
        }
        let mut enterprises: Vec<usize> = proved
            .iter()
            .filter_map(|cell| self.made.cells.get(*cell))
            .map(|cell| cell.enterprise)
            .collect();
        enterprises.sort_unstable();
        enterprises.dedup();
        for (cell, mended) in self.made.cells.iter().zip(&mut self.mended) {
            if enterprises.binary_search(&cell.enterprise).is_ok() {
                *mended += self.settings.mended_enterprise;
            }
            *mended = mended.min(self.settings.mended_most);
        }
    }

    /// Ends a week: what was mended wears off by half in [`ReferenceSettings::mended_half_life`].
    pub fn end_week(&mut self) {
        let kept = libm::exp2(-1.0 / self.settings.mended_half_life);
        for mended in &mut self.mended {
            *mended *= kept;
        }
    }

    /// Plays a week as a bureau of today would: random evaluation, class weights, campaigns,
    /// convenient fast tests, tips. Ends the week.
    pub fn status_quo_week(&mut self, week: u32) {
        let active = self.active(week);
        let [evaluations, checks, special, fast, _] = self.settings.budget_of(week);
        let uniform = vec![1.0; active.len()];
        let drawn = self.draw(&active, &uniform, evaluations);
        let probability = drawn.len() as f64 / active.len().max(1) as f64;
        self.inspect(
            week,
            &drawn,
            SelectionMode::RiskEvaluation,
            Some(probability),
        );

        let weights = self.weights(&active, |city, at, cell| {
            let recent = city.last_failure.get(at).copied().flatten();
            let recent = recent.is_some_and(|failed| week - failed < 52);
            class_weight(cell.product_class) * if recent { 3.0 } else { 1.0 }
        });
        let drawn = self.draw(&active, &weights, checks);
        self.inspect(week, &drawn, SelectionMode::SupervisoryCheck, None);

        if week.is_multiple_of(4) {
            self.begin_campaign();
        }
        let campaign = self.campaign;
        let weights = self.weights(&active, |_, _, cell| {
            f64::from(u8::from(campaign.contains(&cell.product)))
        });
        let drawn = self.draw(&active, &weights, special);
        self.inspect(week, &drawn, SelectionMode::SpecialCheck, None);

        let zones = self.settings.fast_test_zones(week);
        let weights = self.weights(&active, |_, _, cell| {
            zones.get(cell.zone).copied().unwrap_or(0.0) * libm::sqrt(cell.volume)
        });
        let drawn = self.draw(&active, &weights, fast);
        self.inspect(week, &drawn, SelectionMode::FastTest, None);
        self.follow_tips(week);
        self.end_week();
    }

    /// Enforcement tests of a week, which follow tips whatever else is planned.
    pub fn follow_tips(&mut self, week: u32) {
        let active = self.active(week);
        let [.., enforcement] = self.settings.budget_of(week);
        let (tips, centre) = (self.settings.tips_of(week), self.made.mean_fixed);
        let mut weights = Vec::with_capacity(active.len());
        for cell in &active {
            let known = self.log_odds(*cell, week) - centre + normal(&mut self.random);
            weights.push(libm::exp(tips * known));
        }
        let drawn = self.draw(&active, &weights, enforcement);
        self.inspect(week, &drawn, SelectionMode::EnforcementTest, None);
    }

    fn weights(&self, active: &[usize], of: impl Fn(&Self, usize, &Cell) -> f64) -> Vec<f64> {
        let weight = |at: &usize| self.cell(*at).map_or(0.0, |cell| of(self, *at, cell));
        active.iter().map(weight).collect()
    }

    fn draw(&mut self, active: &[usize], weights: &[f64], count: usize) -> Vec<usize> {
        let drawn = by_weight(weights, count, &mut self.random);
        drawn
            .into_iter()
            .filter_map(|at| active.get(at).copied())
            .collect()
    }

    fn begin_campaign(&mut self) {
        let classes = &self.made.product_classes;
        let weights: Vec<f64> = classes.iter().map(|class| class_weight(*class)).collect();
        if let [one, other] = *by_weight(&weights, 2, &mut self.random) {
            self.campaign = [one, other];
        }
    }
}

/// How much more often a class of products is drawn.
fn class_weight(class: usize) -> f64 {
    [1.0, 2.0, 4.0].get(class).copied().unwrap_or(1.0)
}

/// A cell of the reference city: an enterprise and one product that it sells.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Enterprise.
    pub enterprise: usize,
    /// Product.
    pub product: usize,
    /// Sector of both.
    pub sector: usize,
    /// Zone of the enterprise.
    pub zone: usize,
    /// How much it trades, relative to others.
    pub volume: f64,
    /// First week of trade.
    pub from: u32,
    /// The week after the last.
    pub until: u32,
    /// What experts think of the product: 0 (harmless) to 2.
    pub product_class: usize,
    /// What experts think of the zone: 0 to 2.
    pub zone_class: usize,
}

#[cfg(test)]
mod tests;
