//! The demo city: enterprises, two years of results in all five modes, complaints, and the truth.

use crate::bureau::Bureau;
use crate::frame::CityFrame;
use crate::population::Population;
use crate::record::Recorder;
use crate::stats::CityStats;
use crate::truth::{Truth, World};
use crate::workdays::{WorkDays, month};
use compact_str::{CompactString, format_compact};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use risk_domain::ids::{EnterpriseId, IdError, ProductCode, SiteId, ZoneId};
use risk_domain::inspection::InspectionResult;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use serde::Serialize;

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

/// One enterprise of the sampling frame（抽样名录）.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameEntry {
    /// The enterprise; synthetic by its form.
    pub enterprise: EnterpriseId,
    /// Its public name.
    pub name: CompactString,
    /// Its site.
    pub site: SiteId,
    /// The zone of the site.
    pub zone: ZoneId,
    /// Booth number or address.
    pub booth: CompactString,
    /// What it sells.
    pub products: Vec<ProductCode>,
    /// Units traded in a year, over all products.
    pub volume: u64,
    /// Registration number（登记号）; synthetic by its form.
    pub registration: CompactString,
    /// When it opened.
    pub opened: Day,
    /// When it closed, where it has.
    pub closed: Option<Day>,
}

/// A complaint about goods（投诉举报）.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Complaint {
    /// Its number.
    pub id: CompactString,
    /// When it came in.
    pub received_at: Timestamp,
    /// About whom.
    pub enterprise: EnterpriseId,
    /// At which site.
    pub site: SiteId,
    /// In which zone.
    pub zone: ZoneId,
    /// About what, where it says so.
    pub product: Option<ProductCode>,
    /// What it says.
    pub topic: CompactString,
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
    /// Every enterprise, tested or not.
    pub frame: Vec<FrameEntry>,
    /// Every supplier that results may name.
    pub suppliers: Vec<SupplierEntry>,
    /// Complaints by `received_at`.
    pub signals: Vec<Complaint>,
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
        let mut signals = bureau.complaints;
        signals.sort_by(|one, other| {
            (one.received_at, &one.site).cmp(&(other.received_at, &other.site))
        });
        for (at, complaint) in signals.iter_mut().enumerate() {
            complaint.id = format_compact!("TS-{:06}", at + 1);
        }
        let mut wrong = bureau.wrong;
        let kept: std::collections::BTreeSet<_> =
            results.iter().map(|result| &result.inspection_id).collect();
        wrong.retain(|id, _| kept.contains(id));
        let suppliers = population.suppliers.iter().map(|supplier| SupplierEntry {
            enterprise: supplier.id.clone(),
            name: supplier.name.clone(),
        });
        Ok(Self {
            suppliers: suppliers.collect(),
            stats: CityStats::of(&results),
            truth: bureau.world.into_truth(frame, &population, wrong),
            frame: entries(frame, &population, first_day, &mut stream(4)),
            signals,
            results,
        })
    }
}

fn entries(
    frame: &CityFrame,
    population: &Population,
    first_day: Day,
    random: &mut ChaCha12Rng,
) -> Vec<FrameEntry> {
    let mut entries = Vec::with_capacity(population.enterprises.len());
    for (number, seller) in population.enterprises.iter().enumerate() {
        let Some(zone) = frame.zones.get(seller.zone) else {
            continue;
        };
        let cells = || {
            seller
                .cells
                .iter()
                .filter_map(|at| population.cells.get(*at))
        };
        let products = cells().filter_map(|cell| frame.products.get(cell.product));
        let monday = |week: u32| first_day.plus(7 * week as i32);
        // Those that were there before the first week opened some time in the fifteen years before.
        let earlier = first_day.plus(-random.random_range(30..5_500));
        entries.push(FrameEntry {
            enterprise: seller.id.clone(),
            name: seller.name.clone(),
            site: seller.site.clone(),
            zone: zone.id.clone(),
            booth: seller.booth.clone(),
            products: products.map(|product| product.code.clone()).collect(),
            volume: cells().map(|cell| cell.volume as u64).sum(),
            registration: format_compact!("模拟330782-{:06}", number + 1),
            opened: if seller.opened == 0 {
                earlier
            } else {
                monday(seller.opened)
            },
            closed: seller.closed.map(monday),
        });
    }
    entries
}

#[cfg(test)]
mod tests;
