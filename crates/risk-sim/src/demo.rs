//! The demo city: enterprises, two years of results in all five modes, what is heard beside, and the truth.

use crate::bureau::Bureau;
use crate::frame::CityFrame;
use crate::heard;
use crate::population::Population;
use crate::record::Recorder;
use crate::stats::CityStats;
use crate::truth::{Truth, World};
use crate::workdays::{WorkDays, month};
use compact_str::{CompactString, format_compact};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use risk_domain::ids::{EnterpriseClass, EnterpriseId, IdError, ProductCode, UpdateId};
use risk_domain::inspection::InspectionResult;
use risk_domain::registry::{RegistryEntry, Volume};
use risk_domain::signal::Signal;
use risk_domain::time::{CivilOffset, Day};
use serde::Serialize;
use std::collections::BTreeMap;

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoSettings {
    /// The same seed gives the same city.
    pub seed: u64,
    /// Enterprises; the number of tests grows with them.
    pub enterprises: u32,
    /// Nothing is reported after this day.
    pub last_day: Day,
    /// Weeks of history, the week of the last day included.
    pub weeks: u32,
}

impl DemoSettings {
    /// 3,200 enterprises over two years up to that day.
    pub fn new(seed: u64, last_day: Day) -> Self {
        Self {
            seed,
            enterprises: 3_200,
            last_day,
            weeks: 104,
        }
    }

    /// The Monday on which the city begins.
    pub fn first_day(&self) -> Day {
        let weeks = self.weeks.clamp(1, 5_000) as i32;
        self.last_day.week_start().plus(-7 * (weeks - 1))
    }
}

/// Why there is no city.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CityError {
    /// There is no zone in which some product is sold.
    #[error("the reference data has no zone in which something is sold")]
    NothingSold,
    /// A made-up identifier is none.
    #[error("a made-up identifier is not valid: {0}")]
    Id(#[from] IdError),
}

/// A wholesaler that several enterprises buy from（供货商）.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SupplierEntry {
    /// The supplier; synthetic by its form.
    pub enterprise: EnterpriseId,
    /// Its public name.
    pub name: CompactString,
}

/// A city, its results, and the truth behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoCity {
    /// Results by `observed_at`, then id.
    pub results: Vec<InspectionResult>,
    /// What the register says of every enterprise, tested or not, by `observed_at`.
    pub register: Vec<RegistryEntry>,
    /// Every supplier that results may name.
    pub suppliers: Vec<SupplierEntry>,
    /// What is heard of enterprises beside results, by `observed_at`, then id.
    pub signals: Vec<Signal>,
    /// What is really so.
    pub truth: Truth,
    /// Counts over the results.
    pub stats: CityStats,
}

impl DemoCity {
    /// Draws a city from its seed.
    pub fn generate(settings: &DemoSettings, frame: &CityFrame) -> Result<Self, CityError> {
        let weeks = settings.weeks.clamp(1, 5_000);
        let (first_day, last_day) = (settings.first_day(), settings.last_day);
        // Streams of their own: a change in how results are written leaves the city as it was.
        let stream = |number: u64| {
            let mut random = ChaCha12Rng::seed_from_u64(settings.seed);
            random.set_stream(number);
            random
        };
        let mut founding = stream(1);
        let population = Population::draw(frame, (settings.enterprises, weeks), &mut founding)?;
        let mut moving = stream(2);
        let world = World::new(frame, &population, (weeks, month(first_day)), &mut moving);
        let mut testing = stream(3);
        let days = WorkDays::new(&frame.calendar, first_day, last_day.plus(90));
        let recorder = Recorder::new(frame, &population, days);
        let mut bureau = Bureau::new(recorder, world, (first_day, last_day), &mut testing);
        for week in 0..weeks {
            bureau.mend(week);
            bureau.world.advance(week, frame, &population, &mut moving);
            bureau.work(week, &mut testing)?;
        }

        let end = CivilOffset::CHINA.start_of(last_day.plus(1));
        let mut results = bureau.results;
        results.retain(|result| result.observed_at < end);
        results.sort_by(|one, other| {
            (one.observed_at, &one.inspection_id).cmp(&(other.observed_at, &other.inspection_id))
        });
        let mut wrong = bureau.wrong;
        let kept: std::collections::BTreeSet<_> =
            results.iter().map(|result| &result.inspection_id).collect();
        wrong.retain(|id, _| kept.contains(id));
        let suppliers = population.suppliers.iter().map(|supplier| SupplierEntry {
            enterprise: supplier.id.clone(),
            name: supplier.name.clone(),
        });
        let register = register(frame, &population, first_day)?;
        let days = (first_day, last_day);
        let signals = heard::signals(bureau.complaints, &results, &register, days, &mut stream(4))?;
        Ok(Self {
            suppliers: suppliers.collect(),
            stats: CityStats::of(&results),
            truth: bureau.world.into_truth(frame, &population, wrong),
            register,
            signals,
            results,
        })
    }
}

/// The register: an entry when a seller opens, or on the first day, and another when it closes.
fn register(
    frame: &CityFrame,
    population: &Population,
    first_day: Day,
) -> Result<Vec<RegistryEntry>, CityError> {
    let mut entries = Vec::with_capacity(population.enterprises.len());
    for seller in &population.enterprises {
        let Some(zone) = frame.zones.get(seller.zone) else {
            continue;
        };
        let cells = seller.cells.iter();
        let cells = cells.filter_map(|at| population.cells.get(*at));
        let products = cells.filter_map(|cell| {
            let product = frame.products.get(cell.product)?;
            // Units traded in a year.
            let volume = (cell.volume as u32).clamp(1, Volume::MOST);
            Some((product.code.clone(), Volume::new(volume).ok()?))
        });
        let products: BTreeMap<ProductCode, Volume> = products.collect();
        let traded: u64 = products.values().map(|one| u64::from(one.get())).sum();
        let class = match traded {
            0..1_000 => "micro",
            1_000..4_000 => "small",
            4_000..16_000 => "medium",
            _ => "large",
        };
        let monday = |week: u32| CivilOffset::CHINA.start_of(first_day.plus(7 * week as i32));
        let entry = |what: &str, observed_at, open| -> Result<RegistryEntry, CityError> {
            Ok(RegistryEntry {
                update_id: UpdateId::new(format_compact!("{}-{what}", seller.site))?,
                observed_at,
                site_id: seller.site.clone(),
                enterprise_id: seller.id.clone(),
                name: seller.name.clone(),
                class: Some(EnterpriseClass::new(class)?),
                zone_id: zone.id.clone(),
                booth: Some(seller.booth.clone()),
                channel: seller.channel,
                open,
                products: products.clone(),
            })
        };
        entries.push(entry("open", monday(seller.opened), true)?);
        if let Some(week) = seller.closed {
            entries.push(entry("closed", monday(week), false)?);
        }
    }
    entries.sort_by(|one, other| {
        (one.observed_at, &one.update_id).cmp(&(other.observed_at, &other.update_id))
    });
    Ok(entries)
}

#[cfg(test)]
mod tests;
