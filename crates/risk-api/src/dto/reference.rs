//! Reference data（基础数据） and risk by place, as they are shown.

use risk_domain::reference::{CatalogueProduct, Reference};
use risk_domain::registry::RegistryEntry;
use risk_engine::{PlaceEstimate, Policy};
use serde::Serialize;
use utoipa::ToSchema;

/// A zone（区域）.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneNameDto {
    /// Its id.
    pub id: String,
    /// What it lies in; none for the city.
    pub parent: Option<String>,
    /// city, town, street, market, floor, specialised_street, industrial_park or shops.
    pub kind: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
}

/// A sector（行业）.
#[derive(Debug, Serialize, ToSchema)]
pub struct SectorNameDto {
    /// Its code.
    pub code: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
}

/// A test item of a product（检验项目）.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestItemDto {
    /// Its code.
    pub code: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// The standard that asks for it.
    pub clause: String,
    /// Limit, where one is known.
    pub limit: Option<String>,
    /// Unit of the limit.
    pub unit: Option<String>,
    /// Hazard of a failure.
    pub hazard: String,
    /// How grave the injury may be, 1 to 4.
    pub severity: u8,
}

/// A product of the catalogue（产品目录条目）.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductNameDto {
    /// Its code.
    pub code: String,
    /// Its sector.
    pub sector: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// Standards, the governing one first.
    pub standards: Vec<String>,
    /// What is tested.
    pub items: Vec<TestItemDto>,
    /// Fast-test methods.
    pub methods: Vec<String>,
}

/// A type of hazard（危害类型）.
#[derive(Debug, Serialize, ToSchema)]
pub struct HazardNameDto {
    /// Its code.
    pub code: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
}

/// A fast-test method（快检方法）.
#[derive(Debug, Serialize, ToSchema)]
pub struct MethodNameDto {
    /// Its id.
    pub id: String,
    /// Chinese name.
    pub zh: String,
    /// Probability, 0 to 1, that it finds a failure: before confirmations show more.
    pub sensitivity: f64,
    /// Probability, 0 to 1, that it passes what conforms: before confirmations show more.
    pub specificity: f64,
}

/// Names of places, goods, hazards and methods（基础数据）.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReferenceDto {
    /// Zones, by id.
    pub zones: Vec<ZoneNameDto>,
    /// Sectors, by code.
    pub sectors: Vec<SectorNameDto>,
    /// The catalogue, by code.
    pub products: Vec<ProductNameDto>,
    /// Hazards, by code.
    pub hazards: Vec<HazardNameDto>,
    /// Fast-test methods, by id.
    pub methods: Vec<MethodNameDto>,
}

fn product(of: &CatalogueProduct) -> ProductNameDto {
    let items = of.items.iter().map(|item| TestItemDto {
        code: item.code.to_string(),
        zh: item.name_zh.to_string(),
        en: item.name_en.to_string(),
        clause: item.clause.to_string(),
        limit: item.limit.as_ref().map(ToString::to_string),
        unit: item.unit.as_ref().map(ToString::to_string),
        hazard: item.hazard.to_string(),
        severity: item.severity.get(),
    });
    ProductNameDto {
        code: of.code.to_string(),
        sector: of.sector.to_string(),
        zh: of.name_zh.to_string(),
        en: of.name_en.to_string(),
        standards: of.standards.iter().map(ToString::to_string).collect(),
        items: items.collect(),
        methods: of.methods.iter().map(ToString::to_string).collect(),
    }
}

impl From<&Reference> for ReferenceDto {
    fn from(reference: &Reference) -> Self {
        let zones = reference.zones.iter().map(|zone| ZoneNameDto {
            id: zone.id.to_string(),
            parent: zone.parent.as_ref().map(ToString::to_string),
            kind: zone.kind.code().to_owned(),
            zh: zone.name_zh.to_string(),
            en: zone.name_en.to_string(),
        });
        let sectors = reference.sectors.values().map(|sector| SectorNameDto {
            code: sector.code.to_string(),
            zh: sector.name_zh.to_string(),
            en: sector.name_en.to_string(),
        });
        let hazards = reference.hazards.values().map(|hazard| HazardNameDto {
            code: hazard.code.to_string(),
            zh: hazard.name_zh.to_string(),
            en: hazard.name_en.to_string(),
        });
        let methods = reference.methods.values().map(|method| MethodNameDto {
            id: method.id.to_string(),
            zh: method.name_zh.to_string(),
            sensitivity: method.sensitivity,
            specificity: method.specificity,
        });
        Self {
            zones: zones.collect(),
            sectors: sectors.collect(),
            products: reference.products.values().map(product).collect(),
            hazards: hazards.collect(),
            methods: methods.collect(),
        }
    }
}

/// What the register says of a site（登记信息）.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteDto {
    /// The site.
    pub site_id: String,
    /// Who trades there.
    pub enterprise_id: String,
    /// Public name.
    pub name: String,
    /// The zone.
    pub zone_id: String,
    /// Booth or address.
    pub booth: Option<String>,
    /// production, retail, market or ecommerce.
    pub channel: String,
    /// Whether it trades.
    pub open: bool,
    /// Codes of the products that are sold there.
    pub products: Vec<String>,
}

impl From<&RegistryEntry> for SiteDto {
    fn from(entry: &RegistryEntry) -> Self {
        Self {
            site_id: entry.site_id.to_string(),
            enterprise_id: entry.enterprise_id.to_string(),
            name: entry.name.to_string(),
            zone_id: entry.zone_id.to_string(),
            booth: entry.booth.as_ref().map(ToString::to_string),
            channel: entry.channel.code().to_owned(),
            open: entry.open,
            products: entry.products.keys().map(ToString::to_string).collect(),
        }
    }
}

/// The targets of one sector in one zone.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CellHeatDto {
    /// The innermost zone.
    pub zone: String,
    /// The sector; none for products that the catalogue does not sort.
    pub sector: Option<String>,
    /// Targets, tested or not.
    pub targets: u64,
    /// Their volume: what means over them are weighed by.
    pub volume: u64,
    /// Mean probability, 0 to 1, that a batch drawn at random fails.
    pub probability: f64,
}

impl From<&PlaceEstimate> for CellHeatDto {
    fn from(of: &PlaceEstimate) -> Self {
        Self {
            zone: of.zone.to_string(),
            sector: of.sector.as_ref().map(ToString::to_string),
            targets: of.targets,
            volume: of.volume,
            probability: of.probability,
        }
    }
}

/// Where the risk lies, by zone and sector（区域与行业风险）.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HeatDto {
    /// End of the last close, RFC 3339; absent before the first.
    pub as_of: Option<String>,
    /// Zones with sectors, by zone and sector. Means of what lies above weigh these by volume.
    pub cells: Vec<CellHeatDto>,
}

/// The risk policy in force（风险策略）.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyDto {
    /// Its version, which every assessment names.
    pub version: String,
    /// SHA-256 of its text, in hexadecimal.
    pub sha256: String,
    /// Its text, TOML.
    pub text: String,
}

impl From<&Policy> for PolicyDto {
    fn from(policy: &Policy) -> Self {
        Self {
            version: policy.version.to_string(),
            sha256: policy.hash.clone(),
            text: policy.text.to_string(),
        }
    }
}
