//! What a report is about, and what of the city belongs to it.

use super::ReportError;
use risk_domain::ids::{EnterpriseId, ProductCode, SectorCode, ZoneId};
use risk_domain::subject::Subject;
use risk_engine::series::CITY;
use risk_engine::{AlertEntry, Case, Engine, Within};
use std::collections::BTreeSet;

/// About what a report is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    City,
    Sector(SectorCode),
    Zone(ZoneId),
}

impl Scope {
    pub(super) fn read(text: &str) -> Result<Self, ReportError> {
        match text.parse() {
            Ok(Subject::Sector(sector)) => Ok(Self::Sector(sector)),
            Ok(Subject::Zone(zone)) => Ok(Self::Zone(zone)),
            _ if text == CITY => Ok(Self::City),
            _ => Err(ReportError::Domain),
        }
    }

    pub(super) fn subject(&self) -> Option<Subject> {
        match self {
            Self::City => None,
            Self::Sector(sector) => Some(Subject::Sector(sector.clone())),
            Self::Zone(zone) => Some(Subject::Zone(zone.clone())),
        }
    }

    pub(super) fn domain(&self) -> String {
        self.subject()
            .map_or_else(|| CITY.to_owned(), |subject| subject.to_string())
    }

    /// What of the city belongs to it.
    pub(super) fn extent<'a>(&'a self, engine: &'a Engine) -> Extent<'a> {
        match self {
            Self::City => Extent::City,
            Self::Sector(sector) => {
                let products = engine.taxonomy().products_of(sector);
                Extent::Sector(sector, products.into_iter().collect())
            }
            Self::Zone(zone) => Extent::Zone(engine.within(zone)),
        }
    }
}

/// What of the city belongs to what a report is about.
pub(super) enum Extent<'a> {
    City,
    /// A sector with its products.
    Sector(&'a SectorCode, BTreeSet<ProductCode>),
    Zone(Within<'a>),
}

impl Extent<'_> {
    pub(super) fn holds_alert(&self, entry: &AlertEntry<'_>) -> bool {
        match self {
            Self::City => true,
            Self::Sector(sector, _) => match entry.subject {
                Subject::Product(product) | Subject::Cell(_, product) => {
                    self.holds_product(product)
                }
                Subject::Sector(own) => own == *sector,
                Subject::Enterprise(_) | Subject::Site(_) | Subject::Zone(_) => false,
            },
            Self::Zone(within) => match entry.subject {
                _ if !entry.alert.zones.is_empty() => {
                    entry.alert.zones.iter().any(|own| within.holds_zone(own))
                }
                Subject::Zone(own) => within.holds_zone(own),
                Subject::Enterprise(_) | Subject::Site(_) | Subject::Cell(..) => {
                    within.holds(entry.subject)
                }
                Subject::Product(_) | Subject::Sector(_) => false,
            },
        }
    }

    pub(super) fn holds_case(&self, case: &Case) -> bool {
        match self {
            Self::City => true,
            Self::Sector(..) => self.holds_product(&case.key.product),
            Self::Zone(within) => within.holds_zone(&case.zone),
        }
    }

    /// Whether it is of some products, wherever they are.
    pub(super) fn is_of_products(&self) -> bool {
        match self {
            Self::City | Self::Zone(_) => false,
            Self::Sector(..) => true,
        }
    }

    /// Whether problems of a product belong to it.
    pub(super) fn holds_product(&self, product: &ProductCode) -> bool {
        match self {
            Self::City | Self::Zone(_) => true,
            Self::Sector(_, products) => products.contains(product),
        }
    }

    /// Whether an enterprise belongs to it: to a zone where it has a place there.
    pub(super) fn holds_enterprise(&self, enterprise: &EnterpriseId) -> bool {
        match self {
            Self::City | Self::Sector(..) => true,
            Self::Zone(within) => within.holds(&Subject::Enterprise(enterprise.clone())),
        }
    }
}
