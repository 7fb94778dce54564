//! What lies within what: zones in their tree, products in their sectors.
//!
//! The city's reference data fills it at the start; a record set with a vocabulary of its own adds
//! to it by [`Registration`]s, which are inputs like any other and stand in the ledger.

use risk_domain::calendar::Calendar;
use risk_domain::ids::{ProductCode, SectorCode, ZoneId};
use risk_domain::reference::Reference;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A zone or product that becomes known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Registration {
    /// A zone and the zone it lies in.
    Zone {
        /// The zone.
        zone: ZoneId,
        /// What it lies in; none for the root.
        parent: Option<ZoneId>,
    },
    /// A product and its sector.
    Product {
        /// The product.
        product: ProductCode,
        /// Its sector.
        sector: SectorCode,
        /// Prior shares of severities 1 to 4 among its failures.
        severity_mix: Option<[f64; 4]>,
    },
}

/// Zones with their parents, products with their sectors, and which days are worked.
#[derive(Debug, Clone, Default)]
pub struct Taxonomy {
    pub(crate) zones: BTreeMap<ZoneId, Option<ZoneId>>,
    pub(crate) products: BTreeMap<ProductCode, (SectorCode, Option<[f64; 4]>)>,
    pub(crate) calendar: Calendar,
}

impl Taxonomy {
    /// The taxonomy of the city's reference data.
    pub fn from_reference(reference: &Reference) -> Self {
        let mut taxonomy = Self {
            calendar: reference.calendar.clone(),
            ..Self::default()
        };
        for zone in reference.zones.iter() {
            taxonomy.zones.insert(zone.id.clone(), zone.parent.clone());
        }
        for (code, product) in &reference.products {
            let mix = product.severity_mix_prior();
            taxonomy
                .products
                .insert(code.clone(), (product.sector.clone(), Some(mix)));
        }
        taxonomy
    }

    /// Adds what is not yet known; what is known stays as it is.
    pub(crate) fn register(&mut self, registration: &Registration) {
        match registration {
            Registration::Zone { zone, parent } => {
                self.zones
                    .entry(zone.clone())
                    .or_insert_with(|| parent.clone());
            }
            Registration::Product {
                product,
                sector,
                severity_mix,
            } => {
                let entry = (sector.clone(), *severity_mix);
                self.products.entry(product.clone()).or_insert(entry);
            }
        }
    }

    /// Whether the zone is known.
    pub fn knows_zone(&self, zone: &str) -> bool {
        ZoneId::new(zone).is_ok_and(|id| self.zones.contains_key(&id))
    }

    /// Whether the product is known.
    pub fn knows_product(&self, product: &str) -> bool {
        ProductCode::new(product).is_ok_and(|id| self.products.contains_key(&id))
    }

    /// A zone and everything it lies in, the innermost first. A tree that bites its tail is cut.
    pub fn zone_path(&self, zone: &ZoneId) -> Vec<ZoneId> {
        let mut path = vec![zone.clone()];
        while let Some(Some(parent)) = path.last().and_then(|last| self.zones.get(last)) {
            if path.contains(parent) {
                break;
            }
            path.push(parent.clone());
        }
        path
    }

    /// Whether a zone is another one, or lies in it.
    pub fn is_within(&self, zone: &ZoneId, outer: &ZoneId) -> bool {
        let mut at = zone;
        // A tree that bites its tail has no more steps than zones.
        for _step in 0..=self.zones.len() {
            if at == outer {
                return true;
            }
            let Some(Some(parent)) = self.zones.get(at) else {
                return false;
            };
            at = parent;
        }
        false
    }

    /// A zone and every zone that lies in it, in the order of their ids.
    pub fn zones_within(&self, zone: &ZoneId) -> BTreeSet<ZoneId> {
        let within = |other: &&ZoneId| self.is_within(other, zone);
        let mut zones: BTreeSet<ZoneId> = self.zones.keys().filter(within).cloned().collect();
        zones.insert(zone.clone());
        zones
    }

    /// The products of a sector, in the order of their codes.
    pub fn products_of(&self, sector: &SectorCode) -> Vec<ProductCode> {
        let of = self.products.iter().filter(|(_, (of, _))| of == sector);
        of.map(|(product, _)| product.clone()).collect()
    }

    /// The sector of a product.
    pub fn sector_of(&self, product: &ProductCode) -> Option<&SectorCode> {
        self.products.get(product).map(|(sector, _)| sector)
    }

    /// Prior shares of severities 1 to 4 among a product's failures.
    pub(crate) fn severity_mix(&self, product: &ProductCode) -> Option<[f64; 4]> {
        self.products.get(product).and_then(|(_, mix)| *mix)
    }
}
