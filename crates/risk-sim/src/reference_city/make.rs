//! Making the reference city: who is there, and the path of every cell's risk.

use super::settings::ReferenceSettings;
use super::{Cell, Outbreak};
use crate::draw::by_weight;
use crate::truth::{normal, poisson};
use rand::Rng;
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, Gamma, StudentT};

/// Relative sizes of the zones.
const ZONE_SIZES: [f64; 5] = [0.40, 0.20, 0.15, 0.15, 0.10];
/// Degrees of freedom of enterprises' effects.
const TAILS: f64 = 5.0;
/// Shares of severities 1 to 4 among failures, around which products differ.
const SEVERITIES: [f64; 4] = [0.55, 0.30, 0.12, 0.03];
/// How alike the products' severities are.
const SEVERITY_ALIKE: f64 = 12.0;

/// What is fixed before the first week.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) cells: Vec<Cell>,
    pub(super) outbreaks: Vec<Outbreak>,
    pub(super) product_classes: Vec<usize>,
    /// Mean of the fixed log-odds over cells.
    pub(super) mean_fixed: f64,
    weeks: usize,
    /// Log-odds by cell and week, without what is mended.
    path: Vec<f32>,
    severities: Vec<[f64; 4]>,
}

/// Enterprises with their traits.
struct Enterprises {
    sector: Vec<usize>,
    zone: Vec<usize>,
    volume: Vec<f64>,
    life: Vec<(u32, u32)>,
    effect: Vec<f64>,
}

impl Made {
    pub(super) fn new(settings: &ReferenceSettings, random: &mut ChaCha12Rng) -> Self {
        let sectors = settings.sectors.max(1);
        let first = 0..sectors.min(settings.products);
        let product_sectors: Vec<usize> = first
            .chain((sectors..settings.products).map(|_| random.random_range(0..sectors)))
            .collect();
        let enterprises = Enterprises::new(settings, random);
        let effects = |count: usize, sd: f64, random: &mut ChaCha12Rng| -> Vec<f64> {
            (0..count).map(|_| sd * normal(random)).collect()
        };
        let of_sector = effects(sectors, settings.sd_sector, random);
        let of_product = effects(settings.products, settings.sd_product, random);
        let of_zone = effects(settings.zones, settings.sd_zone, random);
        let known: Vec<f64> = product_sectors
            .iter()
            .zip(&of_product)
            .map(|(sector, effect)| of_sector[*sector] + effect)
            .collect();
        let product_classes = thirds(&known, 0.6, random);
        let mut cells = Vec::new();
        let mut fixed = Vec::new();
        for enterprise in 0..settings.enterprises {
            let (sector, zone) = (enterprises.sector[enterprise], enterprises.zone[enterprise]);
            let sold: Vec<f64> = product_sectors
                .iter()
                .map(|of| f64::from(u8::from(*of == sector)))
                .collect();
            let (from, until) = enterprises.life[enterprise];
            for product in by_weight(&sold, 1 + poisson(1.3, random), random) {
                let own = settings.sd_cell * normal(random);
                fixed.push(
                    settings.mean
                        + of_sector[sector]
                        + of_product[product]
                        + of_zone[zone]
                        + enterprises.effect[enterprise]
                        + own,
                );
                cells.push(Cell {
                    enterprise,
                    product,
                    sector,
                    zone,
                    volume: libm::exp(normal(random)) * enterprises.volume[enterprise],
                    from,
                    until,
                    product_class: product_classes[product],
                    zone_class: 0,
                });
            }
        }
        let weeks = settings.weeks as usize;
        let mut path = vec![0.0_f32; cells.len() * weeks];
        let seasons = seasons(settings, random);
        let moving = moving(settings, random);
        for (at, cell) in cells.iter().enumerate() {
            for week in 0..weeks {
                let season = seasons[cell.sector * weeks + week];
                let of_enterprise = moving[cell.enterprise * weeks + week];
                path[at * weeks + week] = (fixed[at] + season + of_enterprise) as f32;
            }
        }
        let outbreaks = outbreaks(settings, &cells, random);
        break_out(&outbreaks, weeks, &mut path);
        let severities = (0..settings.products).map(|_| severities(random)).collect();
        class_zones(&mut cells, &thirds(&of_zone, 0.25, random));
        Self {
            mean_fixed: fixed.iter().sum::<f64>() / fixed.len().max(1) as f64,
            severities,
            cells,
            outbreaks,
            product_classes,
            weeks,
            path,
        }
    }

    /// Log-odds of a cell in a week, before anything is mended; minus infinity outside the city.
    pub(super) fn log_odds(&self, cell: usize, week: u32) -> f64 {
        let within = (week as usize) < self.weeks;
        let at = cell * self.weeks + week as usize;
        let found = self.path.get(at).filter(|_| within);
        found.map_or(f64::NEG_INFINITY, |log_odds| f64::from(*log_odds))
    }

    /// Shares of severities among a cell's failures.
    pub(super) fn severity_mix(&self, cell: usize) -> [f64; 4] {
        let product = self.cells.get(cell).map(|cell| cell.product);
        let mix = product.and_then(|product| self.severities.get(product));
        mix.copied().unwrap_or(SEVERITIES)
    }
}

impl Enterprises {
    fn new(settings: &ReferenceSettings, random: &mut ChaCha12Rng) -> Self {
        let count = settings.enterprises;
        let sizes: Vec<f64> = (0..settings.sectors.max(1))
            .map(|sector| libm::pow(1.0 + sector as f64, -0.6))
            .collect();
        let zones = ZONE_SIZES
            .get(..settings.zones.clamp(1, 5))
            .unwrap_or(&[1.0]);
        let one_of = |weights: &[f64], random: &mut ChaCha12Rng| {
            by_weight(weights, 1, random).first().copied().unwrap_or(0)
        };
        let weeks = settings.weeks;
        let share = settings.turnover * f64::from(weeks) / 52.0;
        let life = |random: &mut ChaCha12Rng| {
            let begins_late = random.random::<f64>() < share;
            let ends_early = random.random::<f64>() < share;
            let some_week = random.random_range(1..weeks.max(2));
            match (begins_late, ends_early) {
                (true, _) => (some_week, weeks + 1),
                (false, true) => (0, some_week),
                (false, false) => (0, weeks + 1),
            }
        };
        let tails = StudentT::new(TAILS).ok();
        let scale = settings.sd_enterprise / libm::sqrt(TAILS / (TAILS - 2.0));
        let effect = |random: &mut ChaCha12Rng| {
            // Five degrees of freedom are a valid law; without it there would be no effects.
            scale * tails.map_or(0.0, |tails| tails.sample(random))
        };
        Self {
            sector: (0..count).map(|_| one_of(&sizes, random)).collect(),
            zone: (0..count).map(|_| one_of(zones, random)).collect(),
            volume: (0..count)
                .map(|_| libm::exp(0.7 * normal(random)))
                .collect(),
            life: (0..count).map(|_| life(random)).collect(),
            effect: (0..count).map(|_| effect(random)).collect(),
        }
    }
}

/// A sector's season: a cosine over the year of its own height and phase, by sector and week.
fn seasons(settings: &ReferenceSettings, random: &mut ChaCha12Rng) -> Vec<f64> {
    let mut seasons = Vec::new();
    for _ in 0..settings.sectors.max(1) {
        let height = (settings.season * normal(random)).abs();
        let phase = random.random_range(0.0..52.0);
        let of_week = |week: u32| {
            let turn = (f64::from(week) - phase) / 52.0;
            height * libm::cos(std::f64::consts::TAU * turn)
        };
        seasons.extend((0..settings.weeks).map(of_week));
    }
    seasons
}

/// Drift and shocks, by enterprise and week.
fn moving(settings: &ReferenceSettings, random: &mut ChaCha12Rng) -> Vec<f64> {
    let weeks = settings.weeks as usize;
    let kept = libm::exp(-1.0 / settings.drift_weeks);
    let fresh = settings.sd_drift * libm::sqrt(1.0 - kept * kept);
    let mut moving = Vec::with_capacity(settings.enterprises * weeks);
    for _ in 0..settings.enterprises {
        let mut drift = settings.sd_drift * normal(random);
        for _ in 0..weeks {
            moving.push(drift);
            drift = kept * drift + fresh * normal(random);
        }
    }
    for week in 0..weeks {
        for _ in 0..poisson(settings.shocks_per_week, random) {
            let enterprise = random.random_range(0..settings.enterprises.max(1));
            let length = random.random_range(8..21);
            let size = random.random_range(1.0..2.5);
            let from = enterprise * weeks;
            let hit = from + week..from + (week + length).min(weeks);
            for log_odds in moving.get_mut(hit).unwrap_or_default() {
                *log_odds += size;
            }
        }
    }
    moving
}

fn outbreaks(
    settings: &ReferenceSettings,
    cells: &[Cell],
    random: &mut ChaCha12Rng,
) -> Vec<Outbreak> {
    let mut outbreaks = Vec::new();
    for start in 4..settings.weeks {
        for _ in 0..poisson(settings.outbreaks_per_week, random) {
            let everywhere = random.random::<f64>() < 0.3;
            let Some(seen) = cells.get(random.random_range(0..cells.len().max(1))) else {
                continue;
            };
            let product = seen.product;
            let selling: Vec<usize> = cells
                .iter()
                .enumerate()
                .filter(|(_, cell)| cell.product == product)
                .map(|(at, _)| at)
                .collect();
            let place = selling.get(random.random_range(0..selling.len().max(1)));
            let zone = place.and_then(|at| cells.get(*at)).map(|cell| cell.zone);
            let zone = zone.filter(|_| !everywhere);
            let concerned = |at: &usize| {
                let of_cell = cells.get(*at).map(|cell| cell.zone);
                everywhere || of_cell == zone
            };
            let mut members: Vec<usize> = selling.into_iter().filter(concerned).collect();
            if members.len() < 5 {
                continue;
            }
            let share = random.random_range(0.6..1.0);
            members.retain(|_| random.random::<f64>() < share);
            outbreaks.push(Outbreak {
                start,
                size: random.random_range(1.0..2.2),
                end: (start + random.random_range(8..25)).min(settings.weeks),
                product,
                zone,
                cells: members,
            });
        }
    }
    outbreaks
}

/// Raises the paths of cells while outbreaks last.
fn break_out(outbreaks: &[Outbreak], weeks: usize, path: &mut [f32]) {
    for outbreak in outbreaks {
        for cell in &outbreak.cells {
            let from = cell * weeks;
            let hit = from + outbreak.start as usize..from + outbreak.end as usize;
            for log_odds in &mut path[hit] {
                *log_odds += outbreak.size as f32;
            }
        }
    }
}

fn class_zones(cells: &mut [Cell], classes: &[usize]) {
    for cell in cells {
        cell.zone_class = classes.get(cell.zone).copied().unwrap_or(0);
    }
}

/// What experts say: thirds of the truth, seen through noise of a deviation.
fn thirds(truth: &[f64], noise: f64, random: &mut ChaCha12Rng) -> Vec<usize> {
    let seen: Vec<f64> = truth
        .iter()
        .map(|effect| effect + noise * normal(random))
        .collect();
    let mut sorted = seen.clone();
    sorted.sort_by(f64::total_cmp);
    let edge = |third: usize| sorted.get(third * sorted.len() / 3).copied();
    let edges = [edge(1), edge(2)];
    let class = |value: &f64| {
        let above = edges.iter().flatten().filter(|edge| value >= edge);
        above.count()
    };
    seen.iter().map(class).collect()
}

/// A draw from a Dirichlet law around the usual severities.
fn severities(random: &mut ChaCha12Rng) -> [f64; 4] {
    let drawn = SEVERITIES.map(|share| {
        let law = Gamma::new(share * SEVERITY_ALIKE, 1.0);
        law.map_or(share, |law| law.sample(random))
    });
    let total: f64 = drawn.iter().sum();
    drawn.map(|part| part / total)
}
