//! What the city is built from: where what is sold, and what can be wrong with it.

use compact_str::CompactString;
use risk_domain::ids::{HazardCode, ItemCode, MethodId, ProductCode, SectorCode, ZoneId};
use risk_domain::inspection::Channel;
use risk_domain::scales::Severity;
use risk_domain::time::Day;
use std::collections::BTreeSet;

/// A place where goods are sold or made（交易场所）.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeZone {
    /// Which zone.
    pub id: ZoneId,
    /// The larger zone through which bad batches spread: a market or a street.
    pub market: ZoneId,
    /// Its size, such as its booths; it gets enterprises in proportion to the square root of that.
    pub weight: f64,
    /// Link of the chain that most of its booths belong to.
    pub channel: Channel,
    /// What is sold there, as positions in [`CityFrame::products`]; empty means everything.
    pub products: Vec<usize>,
}

/// One test item of a product（检验项目）.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeItem {
    /// Code of the catalogue.
    pub code: ItemCode,
    /// Name in reports.
    pub name: CompactString,
    /// Clause of the standard.
    pub clause: Option<CompactString>,
    /// Limit, as printed in the standard.
    pub limit: Option<CompactString>,
    /// Unit of the limit.
    pub unit: Option<CompactString>,
    /// What a failure may do.
    pub hazard: Option<HazardCode>,
    /// How gravely.
    pub severity: Severity,
}

/// One product of the catalogue（产品）.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeProduct {
    /// Its code.
    pub code: ProductCode,
    /// Its sector.
    pub sector: SectorCode,
    /// Its Chinese name.
    pub name: CompactString,
    /// What a shop that sells it calls its trade, such as 玩具.
    pub trade: CompactString,
    /// Share of batches that fail, before anything is known of the seller.
    pub failure_rate: f64,
    /// Month in which most batches fail, 1 to 12.
    pub peak_month: Option<u8>,
    /// Standard that its label declares.
    pub standard: Option<CompactString>,
    /// Units tested and units kept as backup.
    pub units: (u32, u32),
    /// Kit that screens for it on the spot.
    pub kit: Option<MethodId>,
    /// What is tested.
    pub items: Vec<TradeItem>,
}

/// Days on which inspectors work（工作日）: Monday to Friday but for the exceptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkCalendar {
    /// Weekdays off（法定节假日）.
    pub holidays: BTreeSet<Day>,
    /// Saturdays and Sundays at work（调休上班）.
    pub make_up_days: BTreeSet<Day>,
}

impl WorkCalendar {
    /// Whether inspectors work on that day.
    pub fn is_working_day(&self, day: Day) -> bool {
        if day.weekday() < 5 {
            !self.holidays.contains(&day)
        } else {
            self.make_up_days.contains(&day)
        }
    }
}

/// Everything that the city needs to know of the world.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CityFrame {
    /// Places.
    pub zones: Vec<TradeZone>,
    /// Catalogue.
    pub products: Vec<TradeProduct>,
    /// Working days.
    pub calendar: WorkCalendar,
}

impl CityFrame {
    /// Products sold in a zone, as positions in the catalogue.
    pub(crate) fn sold_in(&self, zone: &TradeZone) -> Vec<usize> {
        let known = |at: &usize| *at < self.products.len();
        let listed: Vec<usize> = zone.products.iter().copied().filter(known).collect();
        if listed.is_empty() {
            (0..self.products.len()).collect()
        } else {
            listed
        }
    }
}

#[cfg(test)]
pub(crate) mod example;
