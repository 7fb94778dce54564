//! The frame of a city, taken from the reference data.

use crate::frame::{CityFrame, TradeItem, TradeProduct, TradeZone, WorkCalendar};
use compact_str::CompactString;
use risk_domain::inspection::Channel;
use risk_domain::reference::{CatalogueItem, CatalogueProduct, Reference, Zone, ZoneKind};

/// Booths of a place whose number is not known.
const UNKNOWN_BOOTHS: u32 = 300;

impl From<&Reference> for CityFrame {
    fn from(reference: &Reference) -> Self {
        let codes: Vec<_> = reference.products.keys().collect();
        let zone = |zone: &Zone| TradeZone {
            id: zone.id.clone(),
            market: match (zone.kind, &zone.parent) {
                (ZoneKind::Floor, Some(market)) => market.clone(),
                (
                    ZoneKind::Floor
                    | ZoneKind::City
                    | ZoneKind::Town
                    | ZoneKind::Street
                    | ZoneKind::Market
                    | ZoneKind::SpecialisedStreet
                    | ZoneKind::IndustrialPark
                    | ZoneKind::Shops,
                    _,
                ) => zone.id.clone(),
            },
            weight: f64::from(zone.booths.unwrap_or(UNKNOWN_BOOTHS)),
            channel: match zone.kind {
                ZoneKind::IndustrialPark => Channel::Production,
                ZoneKind::Shops | ZoneKind::SpecialisedStreet => Channel::Retail,
                ZoneKind::City
                | ZoneKind::Town
                | ZoneKind::Street
                | ZoneKind::Market
                | ZoneKind::Floor => Channel::Market,
            },
            products: zone
                .products
                .iter()
                .filter_map(|code| codes.binary_search(&code).ok())
                .collect(),
        };
        let sells = reference
            .zones
            .iter()
            .filter(|zone| !zone.products.is_empty());
        Self {
            zones: sells.map(zone).collect(),
            products: reference
                .products
                .values()
                .map(|product| trade(product, reference))
                .collect(),
            calendar: WorkCalendar {
                holidays: reference.calendar.holidays().clone(),
                make_up_days: reference.calendar.make_up_days().clone(),
            },
        }
    }
}

fn trade(product: &CatalogueProduct, reference: &Reference) -> TradeProduct {
    let item = |item: &CatalogueItem| TradeItem {
        code: item.code.clone(),
        name: item.name_zh.clone(),
        clause: Some(item.clause.clone()),
        limit: item.limit.clone(),
        unit: item.unit.clone(),
        hazard: Some(item.hazard.clone()),
        severity: item.severity,
    };
    let sector = reference.sectors.get(&product.sector);
    TradeProduct {
        code: product.code.clone(),
        sector: product.sector.clone(),
        name: product.name_zh.clone(),
        trade: sector.map_or(CompactString::const_new("日用品"), |sector| {
            sector.name_zh.clone()
        }),
        failure_rate: product.base_failure_rate,
        peak_month: product.season_peak_month,
        standard: product.standards.first().cloned(),
        units: (product.sample_check, product.sample_backup),
        kit: product.methods.first().cloned(),
        items: product.items.iter().map(item).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_that_sells_and_every_product_is_taken_over() {
        let reference = Reference::builtin().unwrap();
        let frame = CityFrame::from(&reference);
        assert_eq!(frame.products.len(), reference.products.len());
        for zone in &frame.zones {
            let of_reference = reference.zones.get(&zone.id).unwrap();
            let sold: Vec<_> = zone
                .products
                .iter()
                .map(|at| &frame.products[*at].code)
                .collect();
            assert_eq!(sold, of_reference.products.iter().collect::<Vec<_>>());
            assert!(reference.zones.get(&zone.market).is_some());
        }
    }
}
