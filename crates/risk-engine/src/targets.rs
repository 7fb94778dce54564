//! Every target of the frame with what the model says of it now: what a plan is made from.

use crate::outlook::{Outlook, PLACES, fixed};
use crate::step::Engine;
use crate::subjects::{SubjectIx, ZONE};
use risk_domain::ids::{EnterpriseId, ProductCode, SectorCode, SiteId, ZoneId};
use risk_domain::inspection::Channel;
use risk_domain::registry::Volume;
use risk_domain::selection::SelectionMode;
use risk_domain::subject::Subject;
use std::collections::BTreeMap;

/// A target of the frame（抽样框内对象）, tested or not.
#[doc(alias = "抽样框内对象")]
#[derive(Debug, Clone, PartialEq)]
pub struct TargetEstimate {
    /// Who trades there.
    pub enterprise: EnterpriseId,
    /// Where.
    pub site: SiteId,
    /// In what.
    pub product: ProductCode,
    /// The innermost zone that it lies in.
    pub zone: ZoneId,
    /// Sector of the product, where the catalogue names one.
    pub sector: Option<SectorCode>,
    /// Link of the chain, where one was told.
    pub channel: Option<Channel>,
    /// Booth or address, where the register names one.
    pub booth: Option<String>,
    /// Public name, where one was told.
    pub name: Option<String>,
    /// How much is traded, as the register has it; the least where it says nothing.
    pub volume: Volume,
    /// Probability that a random lot of it fails.
    pub probability: f64,
    /// Calibrated log-odds at the centre.
    pub log_odds: f64,
    /// Their variance.
    pub variance: f64,
}

/// What the model says of the targets of one sector in one zone（区域与行业风险）.
#[doc(alias = "区域与行业风险")]
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceEstimate {
    /// The innermost zone.
    pub zone: ZoneId,
    /// The sector, where the catalogue names one.
    pub sector: Option<SectorCode>,
    /// Targets in the frame, tested or not.
    pub targets: u64,
    /// Their volume, by which means are weighed.
    pub volume: u64,
    /// Mean probability that a random lot fails.
    pub probability: f64,
}

/// What the model says of modes and fast tests.
#[derive(Debug, Clone, PartialEq)]
pub struct ModeEstimates {
    /// What each mode's way of choosing within a visit adds to the log-odds.
    pub shifts: BTreeMap<SelectionMode, f64>,
    /// Sensitivity and specificity of the first fast-test method, where there is one.
    pub fast_test: Option<(f64, f64)>,
}

/// Integer sums, so that the order of targets does not show.
#[derive(Default)]
struct PlaceSums {
    targets: u64,
    volume: u64,
    probability: i128,
}

impl Engine {
    /// All targets in the frame with their estimates from all evidence so far, closed or not, in the
    /// order of their names.
    pub fn targets(&self) -> Vec<TargetEstimate> {
        let open_rows = || self.pending.iter().chain(self.families.open_rows());
        let fresh: Vec<u32> = open_rows().map(|(_, row)| row.base).collect();
        let rows = open_rows().map(|(_, row)| row);
        let open = self.model.open(rows, &self.subjects);
        let outlook = self.outlook(Some((&open, &fresh)));
        let mut found = BTreeMap::new();
        for (number, base) in self.subjects.linked() {
            if self.frame.weight(number) == 0 {
                continue;
            }
            if let Some(target) = self.target(number, base.enterprise, base.site, &outlook) {
                let key = (
                    target.enterprise.clone(),
                    target.site.clone(),
                    target.product.clone(),
                );
                found.insert(key, target);
            }
        }
        found.into_values().collect()
    }

    /// The mean over the targets of each sector in each innermost zone, from closed evidence, in the
    /// order of zones and sectors. It walks over all targets.
    pub fn places(&self) -> Vec<PlaceEstimate> {
        let outlook = self.outlook(None);
        let mut found: BTreeMap<(&ZoneId, Option<&SectorCode>), PlaceSums> = BTreeMap::new();
        for (number, base) in self.subjects.linked() {
            let weight = self.frame.weight(number);
            let above = self.subjects.above(base.above);
            let names = (above.first(), above.get(ZONE));
            let (Some(product), Some(zone)) = names else {
                continue;
            };
            let names = (self.subjects.name(*product), self.subjects.name(*zone));
            let (Subject::Product(product), Subject::Zone(zone)) = names else {
                continue;
            };
            let Some(estimate) = (weight > 0)
                .then(|| outlook.of_targets(&[number]))
                .flatten()
            else {
                continue;
            };
            let sums = found
                .entry((zone, self.taxonomy.sector_of(product)))
                .or_default();
            sums.targets += 1;
            sums.volume += u64::from(weight);
            sums.probability += i128::from(weight) * fixed(estimate.probability);
        }
        let mean =
            |((zone, sector), sums): ((&ZoneId, Option<&SectorCode>), PlaceSums)| PlaceEstimate {
                zone: zone.clone(),
                sector: sector.cloned(),
                targets: sums.targets,
                volume: sums.volume,
                probability: sums.probability as f64 / (PLACES * sums.volume as f64),
            };
        found.into_iter().map(mean).collect()
    }

    fn target(
        &self,
        number: u32,
        enterprise: SubjectIx,
        site: SubjectIx,
        outlook: &Outlook<'_>,
    ) -> Option<TargetEstimate> {
        let above = self.subjects.above(self.subjects.base(number).above);
        let (Subject::Enterprise(enterprise_id), Subject::Site(site_id)) =
            (self.subjects.name(enterprise), self.subjects.name(site))
        else {
            return None;
        };
        let Subject::Product(product) = self.subjects.name(*above.first()?) else {
            return None;
        };
        let Subject::Zone(zone) = self.subjects.name(*above.get(ZONE)?) else {
            return None;
        };
        let estimate = outlook.of_targets(&[number])?;
        let entry = self.frame.entry(site);
        let title = self.subjects.title(site);
        Some(TargetEstimate {
            enterprise: enterprise_id.clone(),
            site: site_id.clone(),
            product: product.clone(),
            zone: zone.clone(),
            sector: self.taxonomy.sector_of(product).cloned(),
            channel: self.frame.channel(number),
            booth: entry.and_then(|entry| entry.booth.as_ref().map(ToString::to_string)),
            name: title
                .or_else(|| self.subjects.title(enterprise))
                .map(str::to_owned),
            volume: Volume::new(self.frame.weight(number)).unwrap_or_default(),
            probability: estimate.probability,
            log_odds: estimate.law.log_odds,
            variance: estimate.law.variance,
        })
    }

    /// What the snapshot in force says of modes and fast tests.
    pub fn mode_estimates(&self) -> ModeEstimates {
        let snapshot = &self.model.snapshot;
        let shifts = SelectionMode::ALL.iter().zip(&snapshot.modes);
        let method = snapshot.methods.first();
        ModeEstimates {
            shifts: shifts.map(|(mode, effect)| (*mode, effect.mean)).collect(),
            fast_test: method.map(|method| (method.sensitivity, method.specificity)),
        }
    }
}
