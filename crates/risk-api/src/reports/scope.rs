//! What a report is about, and what of the city belongs to it.

use super::ReportError;
use risk_domain::ids::{EnterpriseId, SectorCode, ZoneId};
use risk_domain::subject::Subject;
use risk_engine::lists::ProblemRow;
use risk_engine::series::CITY;
use risk_engine::{AlertEntry, Case, Engine};

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

    pub(super) fn holds_alert(&self, entry: &AlertEntry<'_>, engine: &Engine) -> bool {
        let taxonomy = engine.taxonomy();
        match self {
            Self::City => true,
            Self::Sector(sector) => match entry.subject {
                Subject::Product(product) | Subject::Cell(_, product) => {
                    taxonomy.sector_of(product) == Some(sector)
                }
                Subject::Sector(own) => own == sector,
                Subject::Enterprise(_) | Subject::Site(_) | Subject::Zone(_) => false,
            },
            Self::Zone(zone) => {
                let lies = |own: &ZoneId| taxonomy.zone_path(own).contains(zone);
                if !entry.alert.zones.is_empty() {
                    return entry.alert.zones.iter().any(lies);
                }
                match entry.subject {
                    Subject::Zone(own) => lies(own),
                    Subject::Enterprise(_) | Subject::Site(_) | Subject::Cell(..) => {
                        engine.lies_in(entry.subject, zone)
                    }
                    Subject::Product(_) | Subject::Sector(_) => false,
                }
            }
        }
    }

    pub(super) fn holds_case(&self, case: &Case, engine: &Engine) -> bool {
        let taxonomy = engine.taxonomy();
        match self {
            Self::City => true,
            Self::Sector(sector) => taxonomy.sector_of(&case.key.product) == Some(sector),
            Self::Zone(zone) => taxonomy.zone_path(&case.zone).contains(zone),
        }
    }

    pub(super) fn holds_problem(&self, row: &ProblemRow, engine: &Engine) -> bool {
        match self {
            Self::City => true,
            Self::Sector(sector) => {
                let product = row.product.as_ref();
                product.and_then(|product| engine.taxonomy().sector_of(product)) == Some(sector)
            }
            Self::Zone(zone) => engine.lies_in(&Subject::Enterprise(row.enterprise.clone()), zone),
        }
    }

    /// An enterprise is a zone's where it has a place there, a sector's where a problem of it is.
    pub(super) fn holds_enterprise<'a>(
        &self,
        enterprise: &EnterpriseId,
        mut problems: impl Iterator<Item = &'a ProblemRow>,
        engine: &Engine,
    ) -> bool {
        match self {
            Self::City => true,
            Self::Sector(_) => problems.any(|row| self.holds_problem(row, engine)),
            Self::Zone(zone) => engine.lies_in(&Subject::Enterprise(enterprise.clone()), zone),
        }
    }
}
