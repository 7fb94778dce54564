//! What is really so: the log-odds that a batch of a cell fails, week by week, and what moves them.
//!
//! They add up: product, market, enterprise (heavy tails), cell, season, drift, shocks and
//! outbreaks, less what a found failure made the seller mend. Nothing that is concluded from
//! results may look here; whatever is concluded can be held against it.

use crate::frame::CityFrame;
use crate::population::Population;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, Poisson, StandardNormal, StudentT};
use risk_domain::ids::{EnterpriseId, InspectionId, ItemCode, ProductCode, ZoneId};
use serde::Serialize;
use std::collections::BTreeMap;

const ENTERPRISE_SD: f64 = 0.8;
const CELL_SD: f64 = 0.5;
const MARKET_SD: f64 = 0.25;
const PRODUCT_SD: f64 = 0.2;
const DRIFT_SD: f64 = 0.5;
const DRIFT_WEEKS: f64 = 26.0;
const SEASON_SD: f64 = 0.4;
/// Shocks a week for every 3,000 enterprises.
const SHOCKS: f64 = 2.0;
/// Outbreaks a week in the whole city, whatever its size.
const OUTBREAKS: f64 = 0.33;
const WIDE_OUTBREAKS: f64 = 0.3;
const SMALLEST_OUTBREAK: usize = 5;
const REMEDY_CELL: f64 = 0.8;
const REMEDY_ENTERPRISE: f64 = 0.3;
const REMEDY_CAP: f64 = 1.6;
const REMEDY_HALF_LIFE_WEEKS: f64 = 20.0;

/// How far an outbreak reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// One market.
    Market,
    /// The whole city.
    City,
    /// Everyone who buys from one supplier.
    Supplier,
}

/// Bad batches of one product over some weeks（质量事件）.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outbreak {
    /// First week, counted from the first week of the city.
    pub start: u32,
    /// First week after it.
    pub end: u32,
    /// The product.
    pub product: ProductCode,
    /// How far it reaches.
    pub reach: Reach,
    /// The markets in which it has members.
    pub zones: Vec<ZoneId>,
    /// The supplier that brought it, where it follows one.
    pub supplier: Option<EnterpriseId>,
    /// Item that most of its batches fail.
    pub item: Option<ItemCode>,
    /// What it adds to the log-odds.
    pub log_odds: f64,
    /// Cells, as positions in [`Truth::cells`].
    pub members: Vec<usize>,
}

/// One cell's path in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellTruth {
    /// The enterprise.
    pub enterprise: EnterpriseId,
    /// The product.
    pub product: ProductCode,
    /// Log-odds without season, drift, shocks, outbreaks and remedies.
    pub level: f64,
    /// Units traded in a year.
    pub volume: f64,
    /// Least, mean and greatest log-odds over the weeks.
    pub path: [f64; 3],
    /// Probability that a randomly drawn batch failed in the last week.
    pub theta: f64,
}

/// In which way a fast test was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FastTestError {
    /// It failed a good batch（假阳性）.
    FalsePositive,
    /// It passed a bad batch（假阴性）.
    FalseNegative,
}

/// The truth behind a city's results.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Truth {
    /// Every cell.
    pub cells: Vec<CellTruth>,
    /// Every outbreak, in the order of their start.
    pub outbreaks: Vec<Outbreak>,
    /// Fast tests that were wrong.
    pub wrong_fast_tests: BTreeMap<InspectionId, FastTestError>,
    weeks: usize,
    /// Log-odds by cell, then week.
    log_odds: Vec<f32>,
    positions: BTreeMap<(EnterpriseId, ProductCode), usize>,
}

impl Truth {
    /// Weeks of the city.
    pub fn weeks(&self) -> u32 {
        self.weeks as u32
    }

    /// Every cell, in the order of [`Truth::cells`].
    pub fn iter(&self) -> impl Iterator<Item = &CellTruth> {
        self.cells.iter()
    }

    /// Position of a cell in [`Truth::cells`].
    pub fn position(&self, enterprise: &EnterpriseId, product: &ProductCode) -> Option<usize> {
        let key = (enterprise.clone(), product.clone());
        self.positions.get(&key).copied()
    }

    /// Log-odds that a randomly drawn batch of the cell failed in that week.
    pub fn log_odds(&self, cell: usize, week: u32) -> Option<f64> {
        let week = week as usize;
        if week >= self.weeks {
            return None;
        }
        self.log_odds
            .get(cell * self.weeks + week)
            .copied()
            .map(f64::from)
    }

    /// Probability that a randomly drawn batch of the cell failed in that week.
    pub fn theta(&self, cell: usize, week: u32) -> Option<f64> {
        self.log_odds(cell, week).map(expit)
    }
}

pub(crate) fn expit(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

pub(crate) fn normal(random: &mut ChaCha12Rng) -> f64 {
    StandardNormal.sample(random)
}

pub(crate) fn poisson(mean: f64, random: &mut ChaCha12Rng) -> usize {
    Poisson::new(mean.max(1e-9)).map_or(0, |of| {
        let count: f64 = of.sample(random);
        count as usize
    })
}

/// The log-odds whose mean probability, over effects of that variance, is `rate`.
///
/// The probit-like approximation of the logistic-normal mean: a spread of effects lifts the mean of
/// small probabilities, which is taken back here so that the catalogue's rates come out.
fn centre(rate: f64, variance: f64) -> f64 {
    let rate = rate.clamp(0.001, 0.6);
    let shrink = std::f64::consts::PI / 8.0;
    libm::log(rate / (1.0 - rate)) * libm::sqrt(1.0 + shrink * variance)
}

/// The moving part while the weeks are played.
#[derive(Debug)]
pub(crate) struct World {
    weeks: usize,
    levels: Vec<f64>,
    /// Season by sector and month, in log-odds.
    season: Vec<(f64, f64)>,
    product_peaks: Vec<Option<u8>>,
    first_month: f64,
    drift: Vec<f64>,
    shocks: Vec<(usize, u32, u32, f64)>,
    outbreaks: Vec<Outbreak>,
    remedy: Vec<f64>,
    /// Log-odds of the present week.
    now: Vec<f64>,
    path: Vec<f32>,
}

impl World {
    pub(crate) fn new(
        frame: &CityFrame,
        population: &Population,
        (weeks, first_month): (u32, f64),
        random: &mut ChaCha12Rng,
    ) -> Self {
        let mut effects = |count: usize, sd: f64| -> Vec<f64> {
            (0..count).map(|_| sd * normal(random)).collect()
        };
        let markets = effects(population.markets.len(), MARKET_SD);
        let products = effects(frame.products.len(), PRODUCT_SD);
        let own = effects(population.cells.len(), CELL_SD);
        let drift = effects(population.enterprises.len(), DRIFT_SD);
        let amplitudes = effects(population.sectors.len(), SEASON_SD);
        let heavy = StudentT::new(5.0).ok();
        // A t with 5 degrees of freedom has a variance of 5/3.
        let scale = ENTERPRISE_SD / libm::sqrt(5.0 / 3.0);
        let sellers: Vec<f64> = (0..population.enterprises.len())
            .map(|_| scale * heavy.map_or(0.0, |of| of.sample(random)))
            .collect();
        let season = amplitudes
            .into_iter()
            .map(|amplitude| (amplitude.abs(), random.random_range(0.0..12.0)))
            .collect();
        let variance = [ENTERPRISE_SD, CELL_SD, MARKET_SD, PRODUCT_SD, DRIFT_SD]
            .into_iter()
            .map(|sd| sd * sd)
            .sum();
        let at = |list: &[f64], of: usize| list.get(of).copied().unwrap_or(0.0);
        let levels: Vec<f64> = population
            .cells
            .iter()
            .zip(&own)
            .map(|(cell, own)| {
                let rate = frame
                    .products
                    .get(cell.product)
                    .map_or(0.08, |of| of.failure_rate);
                centre(rate, variance)
                    + at(&markets, cell.market)
                    + at(&products, cell.product)
                    + at(&sellers, cell.enterprise)
                    + own
            })
            .collect();
        Self {
            weeks: weeks as usize,
            season,
            product_peaks: frame
                .products
                .iter()
                .map(|product| product.peak_month)
                .collect(),
            first_month,
            drift,
            shocks: Vec::new(),
            outbreaks: Vec::new(),
            remedy: vec![0.0; levels.len()],
            now: levels.clone(),
            path: vec![0.0; levels.len() * weeks as usize],
            levels,
        }
    }

    /// Moves on to a week: drift, shocks and outbreaks first, then the log-odds of every cell.
    pub(crate) fn advance(
        &mut self,
        week: u32,
        frame: &CityFrame,
        population: &Population,
        random: &mut ChaCha12Rng,
    ) {
        if week > 0 {
            let keep = libm::exp(-1.0 / DRIFT_WEEKS);
            let fresh = DRIFT_SD * libm::sqrt(1.0 - keep * keep);
            for drift in &mut self.drift {
                *drift = keep * *drift + fresh * normal(random);
            }
            let fade = libm::exp2(-1.0 / REMEDY_HALF_LIFE_WEEKS);
            for remedy in &mut self.remedy {
                *remedy *= fade;
            }
        }
        let sellers = population.enterprises.len();
        for _ in 0..poisson(SHOCKS * sellers as f64 / 3_000.0, random) {
            let until = week + random.random_range(8..=20);
            let shock = (
                random.random_range(0..sellers),
                week,
                until,
                random.random_range(1.0..2.5),
            );
            self.shocks.push(shock);
        }
        self.shocks.retain(|(_, _, until, _)| *until > week);
        if week >= 4 {
            for _ in 0..poisson(OUTBREAKS, random) {
                self.break_out(week, frame, population, random);
            }
        }
        self.settle(week, population);
    }

    fn settle(&mut self, week: u32, population: &Population) {
        let mut sellers = self.drift.clone();
        for (seller, _, _, size) in &self.shocks {
            if let Some(effect) = sellers.get_mut(*seller) {
                *effect += size;
            }
        }
        let month = (self.first_month + f64::from(week) * 12.0 / 52.18) % 12.0;
        let wave = |(amplitude, peak): (f64, f64)| {
            amplitude * libm::cos((month - peak) / 12.0 * std::f64::consts::TAU)
        };
        for (at, cell) in population.cells.iter().enumerate() {
            let peak = self.product_peaks.get(cell.product).copied().flatten();
            let (amplitude, phase) = self.season.get(cell.sector).copied().unwrap_or((0.0, 0.0));
            // A known peak month fixes when; mid-month is half a month after its beginning.
            let season = wave((
                amplitude,
                peak.map_or(phase, |month| f64::from(month) - 0.5),
            ));
            let seller = sellers.get(cell.enterprise).copied().unwrap_or(0.0);
            let (level, remedy) = (self.levels.get(at), self.remedy.get(at));
            if let (Some(level), Some(remedy), Some(now)) = (level, remedy, self.now.get_mut(at)) {
                *now = level + season + seller - remedy;
            }
        }
        for outbreak in self.outbreaks.iter().filter(|outbreak| outbreak.end > week) {
            for member in &outbreak.members {
                if let Some(now) = self.now.get_mut(*member) {
                    *now += outbreak.log_odds;
                }
            }
        }
        for (cell, now) in self.now.iter().enumerate() {
            if let Some(place) = self.path.get_mut(cell * self.weeks + week as usize) {
                *place = *now as f32;
            }
        }
    }

    fn break_out(
        &mut self,
        week: u32,
        frame: &CityFrame,
        population: &Population,
        random: &mut ChaCha12Rng,
    ) {
        let Some(seed) = population.cells.choose(random) else {
            return;
        };
        let reach = match (random.random_bool(WIDE_OUTBREAKS), random.random_bool(0.5)) {
            (false, _) => Reach::Market,
            (true, true) => Reach::City,
            (true, false) => Reach::Supplier,
        };
        let mut members: Vec<usize> = population
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| cell.product == seed.product)
            .filter(|(_, cell)| match reach {
                Reach::Market => cell.market == seed.market,
                Reach::City => true,
                Reach::Supplier => cell.supplier == seed.supplier,
            })
            .map(|(at, _)| at)
            .collect();
        if members.len() < SMALLEST_OUTBREAK {
            return;
        }
        let share = random.random_range(0.6..1.0);
        members.retain(|_| random.random_bool(share));
        let Some(product) = frame.products.get(seed.product) else {
            return;
        };
        let mut markets: Vec<usize> = members
            .iter()
            .filter_map(|at| population.cells.get(*at).map(|cell| cell.market))
            .collect();
        markets.sort_unstable();
        markets.dedup();
        let supplier = population.suppliers.get(seed.supplier);
        self.outbreaks.push(Outbreak {
            start: week,
            end: (week + random.random_range(8..=24)).min(self.weeks as u32),
            product: product.code.clone(),
            reach,
            zones: markets
                .into_iter()
                .filter_map(|at| population.markets.get(at).cloned())
                .collect(),
            supplier: supplier
                .filter(|_| reach == Reach::Supplier)
                .map(|supplier| supplier.id.clone()),
            item: product.items.choose(random).map(|item| item.code.clone()),
            log_odds: random.random_range(1.0..2.2),
            members,
        });
    }

    /// Log-odds of a cell in the present week.
    pub(crate) fn log_odds(&self, cell: usize) -> f64 {
        self.now.get(cell).copied().unwrap_or(0.0)
    }

    /// Item that an outbreak makes this cell fail in that week.
    pub(crate) fn outbreak_item(&self, cell: usize, week: u32) -> Option<&ItemCode> {
        let running = self.outbreaks.iter().rev().filter(|of| of.end > week);
        let mut hit = running.filter(|of| of.members.binary_search(&cell).is_ok());
        hit.next().and_then(|of| of.item.as_ref())
    }

    /// A failure was found: the seller mends the product, and the rest of its goods a little.
    pub(crate) fn mend(&mut self, cell: usize, siblings: &[usize]) {
        for (of, gain) in siblings
            .iter()
            .map(|sibling| (*sibling, REMEDY_ENTERPRISE))
            .chain([(cell, REMEDY_CELL)])
        {
            if let Some(remedy) = self.remedy.get_mut(of) {
                *remedy = (*remedy + gain).min(REMEDY_CAP);
            }
        }
    }

    /// Closes the books.
    pub(crate) fn into_truth(
        self,
        frame: &CityFrame,
        population: &Population,
        wrong_fast_tests: BTreeMap<InspectionId, FastTestError>,
    ) -> Truth {
        let mut truth = Truth {
            outbreaks: self.outbreaks,
            wrong_fast_tests,
            weeks: self.weeks,
            log_odds: self.path,
            ..Truth::default()
        };
        let paths = truth.log_odds.chunks(self.weeks.max(1));
        for ((cell, level), path) in population.cells.iter().zip(&self.levels).zip(paths) {
            let named = population
                .enterprises
                .get(cell.enterprise)
                .zip(frame.products.get(cell.product));
            let Some((enterprise, product)) = named else {
                continue;
            };
            let values = || path.iter().copied().map(f64::from);
            let mean = values().sum::<f64>() / path.len().max(1) as f64;
            let key = (enterprise.id.clone(), product.code.clone());
            truth.positions.insert(key, truth.cells.len());
            truth.cells.push(CellTruth {
                enterprise: enterprise.id.clone(),
                product: product.code.clone(),
                level: *level,
                volume: cell.volume,
                path: [
                    values().fold(f64::INFINITY, f64::min),
                    mean,
                    values().fold(f64::NEG_INFINITY, f64::max),
                ],
                theta: expit(path.last().copied().map_or(0.0, f64::from)),
            });
        }
        truth
    }
}
