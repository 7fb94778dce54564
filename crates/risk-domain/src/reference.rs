//! Reference data（基础数据）: zones, sectors, catalogue, hazards, fast-test methods, calendar.
//!
//! Read from the texts of `seeds/`; every reference from one entry to another is resolved, and an
//! entry that breaks a rule is an error that names file, entry and field.

mod shapes;
mod text;

use crate::calendar::Calendar;
use crate::ids::{HazardCode, ItemCode, MethodId, ProductCode, SectorCode, ZoneId};
use crate::scales::{Severity, named_scale};
use compact_str::CompactString;
use std::collections::BTreeMap;

named_scale! {
    /// How sure a figure is（可信标记）.
    Mark {
        /// Primary text read.
        V1 = "V1",
        /// Secondary source.
        V2 = "V2",
        /// Recalled.
        M = "M",
        /// Judged here.
        D = "D",
    }
}

named_scale! {
    /// Kind of zone（区域类别）.
    #[doc(alias = "区域类别")]
    ZoneKind {
        /// 市.
        City = "city",
        /// 镇.
        Town = "town",
        /// 街道.
        Street = "street",
        /// 市场.
        Market = "market",
        /// 楼层.
        Floor = "floor",
        /// 专业街.
        SpecialisedStreet = "specialised_street",
        /// 小微产业园.
        IndustrialPark = "industrial_park",
        /// 门店群.
        Shops = "shops",
    }
}

/// Why reference data cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, entry `{entry}`: {field} {rule}")]
pub struct ReferenceError {
    /// Which file.
    pub file: &'static str,
    /// Which entry; empty when the file as a whole does not parse.
    pub entry: String,
    /// Which field.
    pub field: &'static str,
    /// The rule it breaks.
    pub rule: String,
}

/// A place（区域）.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Its id.
    pub id: ZoneId,
    /// What it lies in; none for the city.
    pub parent: Option<ZoneId>,
    /// Its kind.
    pub kind: ZoneKind,
    /// Chinese name.
    pub name_zh: CompactString,
    /// English name.
    pub name_en: CompactString,
    /// Who runs it.
    pub manager: Option<CompactString>,
    /// Booths, where a figure is known.
    pub booths: Option<u32>,
    /// What is typically sold there; empty where something lies within it.
    pub products: Vec<ProductCode>,
    /// Whether it is made up.
    pub synthetic: bool,
    /// How sure.
    pub mark: Mark,
}

/// The zones in their tree（区域树）.
#[doc(alias = "区域树")]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ZoneTree(BTreeMap<ZoneId, Zone>);

impl ZoneTree {
    /// Every zone, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.0.values()
    }

    /// One zone.
    pub fn get(&self, id: &ZoneId) -> Option<&Zone> {
        self.0.get(id)
    }

    /// A zone and everything it lies in, the innermost first; empty for an unknown zone.
    pub fn path(&self, id: &ZoneId) -> Vec<&Zone> {
        let mut path = Vec::new();
        let mut next = self.0.get(id);
        // No path is longer than the number of zones: a ring, which parsing refuses, would end here.
        while let Some(zone) = next.filter(|_| path.len() < self.0.len()) {
            path.push(zone);
            next = zone.parent.as_ref().and_then(|parent| self.0.get(parent));
        }
        path
    }

    /// Zones within which no other lies.
    pub fn leaves(&self) -> impl Iterator<Item = &Zone> {
        let is_parent = |id: &ZoneId| self.0.values().any(|zone| zone.parent.as_ref() == Some(id));
        self.0.values().filter(move |zone| !is_parent(&zone.id))
    }
}

/// A sector（行业）.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sector {
    /// Its code.
    pub code: SectorCode,
    /// Chinese name.
    pub name_zh: CompactString,
    /// English name.
    pub name_en: CompactString,
}

/// A hazard type（危害类型）.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hazard {
    /// Its code.
    pub code: HazardCode,
    /// Chinese name.
    pub name_zh: CompactString,
    /// English name.
    pub name_en: CompactString,
}

/// A fast-test method（快检方法）.
#[derive(Debug, Clone, PartialEq)]
pub struct FastTestMethod {
    /// Its id.
    pub id: MethodId,
    /// Chinese name.
    pub name_zh: CompactString,
    /// Prior sensitivity.
    pub sensitivity: f64,
    /// Prior specificity.
    pub specificity: f64,
}

/// A test item of a product（检验项目）.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueItem {
    /// Its code.
    pub code: ItemCode,
    /// Chinese name.
    pub name_zh: CompactString,
    /// English name.
    pub name_en: CompactString,
    /// The standard that asks for it.
    pub clause: CompactString,
    /// Limit, where one is known.
    pub limit: Option<CompactString>,
    /// Unit of the limit.
    pub unit: Option<CompactString>,
    /// Hazard of a failure.
    pub hazard: HazardCode,
    /// Severity of the injury that a failure may cause.
    pub severity: Severity,
    /// Whether the substance's presence alone breaks the law.
    pub banned: bool,
}

/// A product of the catalogue（产品目录条目）.
#[doc(alias = "产品目录")]
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueProduct {
    /// Its code.
    pub code: ProductCode,
    /// Its sector.
    pub sector: SectorCode,
    /// Chinese name.
    pub name_zh: CompactString,
    /// English name.
    pub name_en: CompactString,
    /// Standards, the governing one first.
    pub standards: Vec<CompactString>,
    /// Code of compulsory certification.
    pub ccc: Option<CompactString>,
    /// Units to test.
    pub sample_check: u32,
    /// Units to keep as backup.
    pub sample_backup: u32,
    /// What a unit is.
    pub sample_unit: CompactString,
    /// Items to test.
    pub items: Vec<CatalogueItem>,
    /// Base failure rate, for simulation.
    pub base_failure_rate: f64,
    /// Month in which it fails most.
    pub season_peak_month: Option<u8>,
    /// Fast-test methods.
    pub methods: Vec<MethodId>,
    /// How sure.
    pub mark: Mark,
}

impl CatalogueProduct {
    /// Shares of severities 1 to 4 among its items, none of them zero: what failures are expected to
    /// look like before there are any.
    pub fn severity_mix_prior(&self) -> [f64; 4] {
        const FLOOR: f64 = 0.02;
        let mut shares = [FLOOR; 4];
        for item in &self.items {
            shares[item.severity.index()] += 1.0;
        }
        let total: f64 = shares.iter().sum();
        shares.map(|share| share / total)
    }
}

/// The reference data, every reference resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Places.
    pub zones: ZoneTree,
    /// Sectors.
    pub sectors: BTreeMap<SectorCode, Sector>,
    /// The catalogue.
    pub products: BTreeMap<ProductCode, CatalogueProduct>,
    /// Hazard types.
    pub hazards: BTreeMap<HazardCode, Hazard>,
    /// Fast-test methods.
    pub methods: BTreeMap<MethodId, FastTestMethod>,
    /// Which days are worked.
    pub calendar: Calendar,
}

/// The texts that reference data is read from.
#[derive(Debug, Clone, Copy)]
pub struct SeedTexts<'a> {
    /// `zones.toml`.
    pub zones: &'a str,
    /// `sectors.toml`.
    pub sectors: &'a str,
    /// `catalogue.toml`.
    pub catalogue: &'a str,
    /// `items.toml`.
    pub items: &'a str,
    /// `hazards.toml`.
    pub hazards: &'a str,
    /// `methods.toml`.
    pub methods: &'a str,
    /// `outcomes.toml`.
    pub outcomes: &'a str,
    /// `calendar.toml`.
    pub calendar: &'a str,
}

impl SeedTexts<'static> {
    /// The texts that ship with the program.
    pub const BUILTIN: Self = Self {
        zones: include_str!("../../../seeds/zones.toml"),
        sectors: include_str!("../../../seeds/sectors.toml"),
        catalogue: include_str!("../../../seeds/catalogue.toml"),
        items: include_str!("../../../seeds/items.toml"),
        hazards: include_str!("../../../seeds/hazards.toml"),
        methods: include_str!("../../../seeds/methods.toml"),
        outcomes: include_str!("../../../seeds/outcomes.toml"),
        calendar: include_str!("../../../seeds/calendar.toml"),
    };
}

impl Reference {
    /// The reference data that ships with the program.
    pub fn builtin() -> Result<Self, ReferenceError> {
        Self::from_texts(&SeedTexts::BUILTIN)
    }

    /// Reads and cross-checks reference data.
    pub fn from_texts(texts: &SeedTexts<'_>) -> Result<Self, ReferenceError> {
        text::read(texts)
    }

    /// The sector of a product.
    pub fn sector_of(&self, product: &ProductCode) -> Option<&Sector> {
        self.products
            .get(product)
            .and_then(|product| self.sectors.get(&product.sector))
    }
}

#[cfg(test)]
mod tests;
