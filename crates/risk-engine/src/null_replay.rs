//! How often early warning would alarm if nothing ever changed（零假设重放）.
//!
//! The results of recent weeks are drawn anew, each where and as it was taken, from what the snapshot in
//! force takes for lasting. What is not known of a target is drawn with it, once for all its results;
//! tips fall where tips fell, in any week.

use crate::detection::{DetectionSettings, WeekSums, Weighed};
use crate::logodds::{Basis, Snapshot};
use crate::model::week_of;
use crate::step::Engine;
use crate::subjects::SubjectIx;
use crate::warning::{Outbreak, Warning, enterprise_and_product, product_and_zone};
use risk_domain::ids::{EnterpriseId, ProductCode, SectorCode, ZoneId};
use risk_domain::subject::SubjectKind;
use risk_stats::special::normal_quantile;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A result as it may turn out.
#[derive(Debug)]
struct Drawable {
    target: u32,
    place: u32,
    cell: SubjectIx,
    /// Calibrated log-odds, and by how much they may be off.
    log_odds: f64,
    deviation: f64,
    row: crate::logodds::Row,
    failure: Weighed,
    pass: Weighed,
}

/// Recent weeks, to be drawn anew（零假设重放）.
#[doc(alias = "零假设重放")]
#[derive(Debug)]
pub struct NullReplay {
    settings: DetectionSettings,
    snapshot: Arc<Snapshot>,
    /// Results of each week, and how many tips it had.
    weeks: Vec<(Vec<Drawable>, usize)>,
    places: Vec<(ProductCode, ZoneId)>,
    cells: BTreeMap<SubjectIx, (EnterpriseId, ProductCode)>,
    shares: BTreeMap<EnterpriseId, Vec<(ProductCode, f64)>>,
    sectors: BTreeMap<ProductCode, SectorCode>,
    /// Places of all tips.
    tips: Vec<u32>,
    warning: Warning,
}

/// Alarms of one replay, or thresholds of alarms, by kind of stream（各监测流）.
#[doc(alias = "各监测流")]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ByStream<T> {
    /// Of products.
    pub product: T,
    /// Of sectors.
    pub sector: T,
    /// Of enterprises.
    pub enterprise: T,
}

impl Engine {
    /// The last `weeks` weeks that closed, to be drawn anew; none before a snapshot is in force.
    pub fn null_replay(&self, weeks: u16) -> Option<NullReplay> {
        let (model, subjects) = (&self.model, &self.subjects);
        model.in_force?;
        let last = week_of(self.calendar.day_of(self.last_closed?));
        let first = last.saturating_sub(weeks) + 1;
        let settings = self.policy.detection;
        let mut replay = NullReplay {
            settings,
            snapshot: Arc::clone(&model.snapshot),
            weeks: (first..=last).map(|_| (Vec::new(), 0)).collect(),
            places: Vec::new(),
            cells: BTreeMap::new(),
            shares: BTreeMap::new(),
            sectors: BTreeMap::new(),
            tips: Vec::new(),
            warning: Warning::default(),
        };
        self.write_down(&mut replay.warning, last);
        let sums: WeekSums<'_, (), ()> = WeekSums::new(&model.snapshot, &settings);
        let mut numbers = BTreeMap::new();
        let (bins, _) = model.bins.all();
        for bin in &bins {
            let at = bin.week.checked_sub(first).map(usize::from);
            let Some((week, tips)) = at.and_then(|at| replay.weeks.get_mut(at)) else {
                continue;
            };
            let base = subjects.base(bin.target);
            let pair = subjects.above(base.above).first_chunk();
            let pair = pair.map(|[product, _, zone]| (*product, *zone));
            let named = pair.and_then(|pair| Some((pair, product_and_zone(subjects, pair)?)));
            let cell = enterprise_and_product(subjects, base.cell);
            let (Some((pair, named)), Some(cell)) = (named, cell) else {
                continue;
            };
            if let Some(sector) = self.taxonomy.sector_of(&named.0) {
                replay.sectors.insert(named.0.clone(), sector.clone());
            }
            let place = *numbers.entry(pair).or_insert_with(|| {
                replay.places.push(named);
                replay.places.len() as u32 - 1
            });
            replay.cells.insert(base.cell, cell);
            if bin.basis == Basis::Informative {
                *tips += bin.results as usize;
                replay.tips.extend((0..bin.results).map(|_| place));
            }
            let groups = model.groups(base, subjects);
            let row = crate::logodds::Row {
                basis: Basis::Ignorable,
                ..*bin
            };
            let (log_odds, variance) = sums.usual(&row, &groups, None);
            let failure = sums.weigh(&row.counting(1, 1), &groups, None);
            let pass = sums.weigh(&row.counting(1, 0), &groups, None);
            week.extend((0..bin.results).map(|_| Drawable {
                target: bin.target,
                place,
                cell: base.cell,
                log_odds,
                deviation: libm::sqrt(variance),
                row,
                failure,
                pass,
            }));
        }
        let mut products: BTreeMap<&EnterpriseId, Vec<&ProductCode>> = BTreeMap::new();
        for (enterprise, product) in replay.cells.values() {
            products.entry(enterprise).or_default().push(product);
        }
        for (enterprise, products) in products {
            let share = 1.0 / products.len() as f64;
            let shares = products.into_iter().map(|product| (product.clone(), share));
            replay.shares.insert(enterprise.clone(), shares.collect());
        }
        Some(replay)
    }
}

impl NullReplay {
    /// Weeks of a replay.
    pub fn weeks(&self) -> usize {
        self.weeks.len()
    }

    /// Results of a replay.
    pub fn results(&self) -> usize {
        self.weeks.iter().map(|(rows, _)| rows.len()).sum()
    }

    /// Draws all weeks once, by numbers that are uniform in (0, 1), and counts the alarms above the
    /// thresholds.
    pub fn alarms(&self, above: ByStream<f64>, uniform: &mut impl FnMut() -> f64) -> ByStream<u32> {
        let mut settings = self.settings;
        settings.product.alarm_above = above.product;
        settings.sector.alarm_above = above.sector;
        settings.enterprise.alarm_above = above.enterprise;
        let mut warning = self.warning.clone();
        let mut deviations: BTreeMap<u32, f64> = BTreeMap::new();
        let mut alarms = ByStream::default();
        for (results, tips) in &self.weeks {
            let mut by_place = WeekSums::new(&self.snapshot, &settings);
            let mut by_cell = WeekSums::new(&self.snapshot, &settings);
            for result in results {
                let standard = deviations
                    .entry(result.target)
                    .or_insert_with(|| normal_quantile(uniform()));
                let slope = self.snapshot.calibrator.slope;
                let log_odds = result.log_odds + slope * result.deviation * *standard;
                let fails = uniform() < self.snapshot.through_test(&result.row, log_odds);
                let weighed = if fails { &result.failure } else { &result.pass };
                by_place.add((result.place, ()), weighed);
                by_cell.add((result.cell, ()), weighed);
            }
            let named = |place: u32| self.places.get(place as usize).cloned();
            let by_place = by_place.finish().into_iter();
            let mut by_place: BTreeMap<_, _> = by_place
                .filter_map(|((place, ()), evidence)| Some((named(place)?, evidence)))
                .collect();
            for _ in 0..*tips {
                let at = (uniform() * self.tips.len() as f64) as usize;
                if let Some(place) = self.tips.get(at).and_then(|place| named(*place)) {
                    by_place.entry(place).or_default().tips += 1;
                }
            }
            let by_cell = by_cell.finish().into_iter();
            let by_cell = by_cell
                .filter_map(|((cell, ()), sums)| Some((self.cells.get(&cell)?.clone(), sums)))
                .collect();
            let sector_of = |product: &ProductCode| self.sectors.get(product).cloned();
            let shares = |enterprise: &EnterpriseId| {
                let shares = self.shares.get(enterprise);
                shares.cloned().unwrap_or_default()
            };
            for outbreak in warning.step(by_place, by_cell, sector_of, shares, &settings) {
                *count_of(&mut alarms, &outbreak) += 1;
            }
        }
        alarms
    }
}

fn count_of<'a>(alarms: &'a mut ByStream<u32>, outbreak: &Outbreak) -> &'a mut u32 {
    match outbreak.subject.kind() {
        SubjectKind::Product | SubjectKind::Zone => &mut alarms.product,
        SubjectKind::Sector => &mut alarms.sector,
        SubjectKind::Enterprise | SubjectKind::Site | SubjectKind::Cell => &mut alarms.enterprise,
    }
}
