//! Early warning as the engine runs it（预警）: at every weekly close, what came since the last one is held
//! against what was usual of its targets weeks before.
//!
//! Results count in the week that they came, whenever they were sampled, and what was taken back is
//! taken away. The effect that records a watched week names the settings; the rest is counted again from
//! evidence and snapshots when the ledger is folded, in an encoding that is frozen like that of evidence.

use crate::alert;
use crate::detection::{DetectionSettings, Evidence, Finding, Recent, Streams, Usual, WeekSums};
use crate::event_time::Epoch;
use crate::input::Effect;
use crate::model::week_of;
use crate::step::Engine;
use crate::subjects::{SubjectIx, Subjects};
use risk_domain::ids::{EnterpriseId, ProductCode, SectorCode, ZoneId};
use risk_domain::subject::Subject;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is usual, and the streams under watch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Warning {
    usual: Usual<ProductCode, ZoneId>,
    products: Streams<ProductCode, ZoneId>,
    sectors: Streams<SectorCode, ZoneId>,
    enterprises: Streams<EnterpriseId, ProductCode>,
}

/// A subject whose results have probably changed for the worse（质量突发）.
#[doc(alias = "质量突发")]
#[derive(Debug, Clone, PartialEq)]
pub struct Outbreak {
    /// A product, a sector, an enterprise, or an enterprise's product.
    pub subject: Subject,
    /// Where in the city; none for everywhere, or where the subject says it.
    pub zone: Option<ZoneId>,
    /// Probability that it is so.
    pub probability: f64,
    /// Results of the last eight weeks there, beside what was to be expected.
    pub recent: Recent,
}

impl Warning {
    /// Bytes on the heap that grow with the number of targets.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.usual.heap_bytes()
    }

    /// What the state hash covers: all but what is usual of targets, which goes by numbers and follows
    /// from snapshots.
    pub(crate) fn named(&self) -> impl Serialize {
        let streams = (&self.products, &self.sectors, &self.enterprises);
        (self.usual.named(), streams)
    }

    /// Takes in a week's evidence by product and zone, and by enterprise and product.
    pub(crate) fn step(
        &mut self,
        by_zone: BTreeMap<(ProductCode, ZoneId), Evidence>,
        by_enterprise: BTreeMap<(EnterpriseId, ProductCode), Evidence>,
        sector_of: impl Fn(&ProductCode) -> Option<SectorCode>,
        shares_of: impl Fn(&EnterpriseId) -> Vec<(ProductCode, f64)>,
        settings: &DetectionSettings,
    ) -> Vec<Outbreak> {
        let by_zone = self.usual.end(by_zone, settings);
        let mut by_sector: BTreeMap<(SectorCode, ZoneId), Evidence> = BTreeMap::new();
        for ((product, zone), evidence) in &by_zone {
            if let Some(sector) = sector_of(product) {
                let sums = by_sector.entry((sector, zone.clone())).or_default();
                sums.add(evidence);
            }
        }
        let mut weights: BTreeMap<SectorCode, BTreeMap<ZoneId, f64>> = BTreeMap::new();
        for ((product, zone), share) in self.usual.weights() {
            if let Some(sector) = sector_of(product) {
                let zones = weights.entry(sector).or_default();
                *zones.entry(zone.clone()).or_default() += share;
            }
        }
        let shares = |product: &ProductCode| self.usual.shares(product);
        let products = self
            .products
            .step(by_zone, shares, settings, &settings.product);
        let shares = |sector: &SectorCode| {
            let zones = weights.get(sector);
            let whole: f64 = zones.map_or(0.0, |zones| zones.values().sum());
            let zones = zones.into_iter().flatten();
            zones
                .map(|(zone, share)| (zone.clone(), share / whole))
                .collect()
        };
        let sectors = self
            .sectors
            .step(by_sector, shares, settings, &settings.sector);
        let enterprises =
            self.enterprises
                .step(by_enterprise, shares_of, settings, &settings.enterprise);
        let products = products.into_iter().map(of_product);
        let sectors = sectors.into_iter().map(of_sector);
        let enterprises = enterprises.into_iter().map(of_enterprise);
        products.chain(sectors).chain(enterprises).collect()
    }
}

fn of_product(found: Finding<ProductCode, ZoneId>) -> Outbreak {
    Outbreak {
        subject: Subject::Product(found.stream),
        zone: found.place,
        probability: found.probability,
        recent: found.recent,
    }
}

fn of_sector(found: Finding<SectorCode, ZoneId>) -> Outbreak {
    Outbreak {
        subject: Subject::Sector(found.stream),
        zone: found.place,
        probability: found.probability,
        recent: found.recent,
    }
}

fn of_enterprise(found: Finding<EnterpriseId, ProductCode>) -> Outbreak {
    Outbreak {
        subject: match found.place {
            Some(product) => Subject::Cell(found.stream, product),
            None => Subject::Enterprise(found.stream),
        },
        zone: None,
        probability: found.probability,
        recent: found.recent,
    }
}

pub(crate) fn product_and_zone(
    subjects: &Subjects,
    pair: (SubjectIx, SubjectIx),
) -> Option<(ProductCode, ZoneId)> {
    let (Subject::Product(product), Subject::Zone(zone)) =
        (subjects.name(pair.0), subjects.name(pair.1))
    else {
        return None;
    };
    Some((product.clone(), zone.clone()))
}

pub(crate) fn enterprise_and_product(
    subjects: &Subjects,
    cell: SubjectIx,
) -> Option<(EnterpriseId, ProductCode)> {
    let Subject::Cell(enterprise, product) = subjects.name(cell) else {
        return None;
    };
    Some((enterprise.clone(), product.clone()))
}

impl Engine {
    /// Watches the week that has just closed, unless no snapshot has seen the week before it.
    pub(crate) fn warn(&mut self, epoch: Epoch, effects: &mut Vec<Effect>) {
        let week = week_of(self.calendar.day_of(epoch));
        let seen = self
            .model
            .in_force
            .map(|in_force| week_of(self.calendar.day_of(in_force.epoch)));
        if seen.is_none_or(|seen| seen + 1 != week) {
            return;
        }
        let settings = self.policy.detection;
        effects.push(Effect::WeekWatched(Box::new(settings)));
        let ended_at = self.calendar.end_of(epoch);
        for outbreak in self.watch(&settings) {
            let alert = alert::of_outbreak(&outbreak, epoch, ended_at, &self.policy);
            if let Some(alert) = alert {
                self.raise(Box::new(alert), effects);
            }
        }
    }

    /// Takes in the week that closed last, in the order of names.
    pub(crate) fn watch(&mut self, settings: &DetectionSettings) -> Vec<Outbreak> {
        let Some(epoch) = self.last_closed else {
            return Vec::new();
        };
        let week = week_of(self.calendar.day_of(epoch));
        let seen = week.saturating_sub(1);
        if self.warning.usual.freeze_due(seen, settings) {
            let mut warning = std::mem::take(&mut self.warning);
            self.write_down(&mut warning, seen);
            self.warning = warning;
        }
        if !self.warning.usual.begin(week, settings) {
            return Vec::new();
        }
        let Self {
            model,
            subjects,
            taxonomy,
            warning,
            ..
        } = self;
        let mut by_zone = WeekSums::new(&model.snapshot, settings);
        let mut by_cell = WeekSums::new(&model.snapshot, settings);
        let (added, taken) = model.bins.fresh();
        for (rows, back) in [(added, false), (taken, true)] {
            for row in &rows {
                let base = subjects.base(row.target);
                let groups = model.groups(base, subjects);
                let weighed = by_zone.weigh(row, &groups, warning.usual.of(row.target));
                let Some([product, _, zone]) = subjects.above(base.above).first_chunk() else {
                    continue;
                };
                if back {
                    by_zone.subtract((*product, *zone), &weighed);
                    by_cell.subtract((base.cell, ()), &weighed);
                } else {
                    by_zone.add((*product, *zone), &weighed);
                    by_cell.add((base.cell, ()), &weighed);
                }
            }
        }
        let by_zone = by_zone.finish().into_iter();
        let by_zone =
            by_zone.filter_map(|(pair, sums)| Some((product_and_zone(subjects, pair)?, sums)));
        let by_cell = by_cell.finish().into_iter();
        let by_cell = by_cell
            .filter_map(|((cell, ()), sums)| Some((enterprise_and_product(subjects, cell)?, sums)));
        let shares_of = |enterprise: &EnterpriseId| {
            let subject = subjects.find(&Subject::Enterprise(enterprise.clone()));
            let targets = subject.map(|subject| subjects.kin(subject).targets.iter());
            let cells = targets
                .into_iter()
                .flatten()
                .map(|base| subjects.base(*base).cell);
            let products: BTreeSet<ProductCode> = cells
                .filter_map(|cell| Some(enterprise_and_product(subjects, cell)?.1))
                .collect();
            let share = 1.0 / products.len().max(1) as f64;
            products
                .into_iter()
                .map(|product| (product, share))
                .collect()
        };
        warning.step(
            by_zone.collect(),
            by_cell.collect(),
            |product| taxonomy.sector_of(product).cloned(),
            shares_of,
            settings,
        )
    }

    /// Writes down what the snapshot in force takes for usual in a week. A target that was read ahead,
    /// but that no close has counted, is not known yet.
    pub(crate) fn write_down(&self, warning: &mut Warning, week: u16) {
        let (subjects, model) = (&self.subjects, &self.model);
        let targets = (0..subjects.base_count() as u32).map(|number| {
            let base = subjects.linked_base(number)?;
            let pair = subjects.above(base.above).first_chunk();
            let trades = self.frame.weight(number) > 0;
            let pair = pair
                .filter(|_| trades)
                .map(|[product, _, zone]| (*product, *zone));
            let place = pair.and_then(|pair| product_and_zone(subjects, pair));
            Some((model.groups(base, subjects), place))
        });
        warning.usual.freeze(week, &model.snapshot, targets);
    }

    /// What is most probably breaking out by the last watched week: products, sectors, then
    /// enterprises, of each as many as keep the expected share of false entries within
    /// `detection.list_false_share`（监测清单）.
    #[doc(alias = "监测清单")]
    pub fn watch_list(&self) -> Vec<Outbreak> {
        let (warning, settings) = (&self.warning, &self.policy.detection);
        let products = warning.products.list(settings).into_iter().map(of_product);
        let sectors = warning.sectors.list(settings).into_iter().map(of_sector);
        let enterprises = warning
            .enterprises
            .list(settings)
            .into_iter()
            .map(of_enterprise);
        products.chain(sectors).chain(enterprises).collect()
    }
}
