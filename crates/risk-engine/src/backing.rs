//! What stands behind a score（证据溯源）: whose results each of its parts comes from, and how a single
//! result counts.

use crate::assessment::Part;
use crate::event_time::Epoch;
use crate::evidence::Verdict;
use crate::step::Engine;
use crate::subjects::{SubjectIx, ZONE};
use crate::taxonomy::Taxonomy;
use risk_domain::ids::{EnterpriseId, SiteId, ZoneId};
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::{Subject, SubjectKind};
use std::collections::BTreeSet;

/// The most sources that one part is traced to: beyond, it is a mean over too many to name.
const MOST_SOURCES: usize = 12;

/// How one result counts as evidence（证据状态）.
#[doc(alias = "证据状态")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// It counts on its own.
    Counted,
    /// A fast test that counts as its laboratory confirmation found.
    Confirmed,
    /// The laboratory confirmation of a fast test, with which it counts once.
    Confirms,
    /// A correction stands in its place.
    Replaced,
    /// A correction whose original is not known yet.
    Waiting,
    /// It says nothing: a sample that could not be judged, or none.
    NoTest,
    /// Its epoch has not closed.
    NotClosed,
}

impl Counting {
    /// Its code in answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Confirmed => "confirmed",
            Self::Confirms => "confirms",
            Self::Replaced => "replaced",
            Self::Waiting => "waiting",
            Self::NoTest => "no_test",
            Self::NotClosed => "not_closed",
        }
    }
}

/// Whose results a part of a score comes from（证据来源）: those that touch the subject, within the zone
/// if one is named.
#[doc(alias = "证据来源")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Whose.
    pub subject: Subject,
    /// Only those in this zone.
    pub zone: Option<ZoneId>,
}

impl Taxonomy {
    /// Whether a result touches a subject.
    pub fn touches(&self, result: &InspectionResult, subject: &Subject) -> bool {
        let site = &result.site;
        let product = &result.product.category;
        match subject {
            Subject::Product(id) => id == product,
            Subject::Enterprise(id) => *id == site.enterprise_id,
            Subject::Site(id) => *id == site.site_id,
            Subject::Zone(id) => self.is_within(&site.zone_id, id),
            Subject::Sector(id) => self.sector_of(product) == Some(id),
            Subject::Cell(enterprise, of) => *enterprise == site.enterprise_id && of == product,
        }
    }
}

impl Engine {
    /// How an accepted result counts after the last close. `epoch` is the one it was accepted into.
    pub fn counting(&self, result: &InspectionResult, epoch: Epoch) -> Counting {
        let closed = self.last_closed.unwrap_or(Epoch(i64::MIN));
        let of_family = self.families.counting(&result.inspection_id, closed);
        of_family.unwrap_or({
            if epoch > closed {
                Counting::NotClosed
            } else if Verdict::of(result).is_some() {
                Counting::Counted
            } else {
                Counting::NoTest
            }
        })
    }

    /// Enterprises that were tested at a site.
    pub fn enterprises_at(&self, site: &SiteId) -> Vec<EnterpriseId> {
        let Some(at) = self.subjects.find(&Subject::Site(site.clone())) else {
            return Vec::new();
        };
        let targets = self.subjects.kin(at).targets.iter();
        let owners = targets.map(|target| self.subjects.base(*target).enterprise);
        let owners: BTreeSet<EnterpriseId> = owners.filter_map(|at| self.enterprise(at)).collect();
        owners.into_iter().collect()
    }

    /// Whether an enterprise, a site or an enterprise's product has a place in a zone or below it. Who asks
    /// of very many asks [`Engine::within`].
    pub fn lies_in(&self, subject: &Subject, zone: &ZoneId) -> bool {
        let mut own = self.places_of(subject);
        own.any(|own| self.taxonomy.is_within(own, zone))
    }

    /// The innermost zones in which an enterprise, a site or an enterprise's product has a place.
    pub(crate) fn places_of(&self, subject: &Subject) -> impl Iterator<Item = &ZoneId> {
        let at = self.subjects.find(subject).into_iter();
        let zones = at.flat_map(|at| &self.subjects.kin(at).zones);
        zones.filter_map(|at| match self.subjects.name(*at) {
            Subject::Zone(zone) => Some(zone),
            Subject::Product(_)
            | Subject::Enterprise(_)
            | Subject::Site(_)
            | Subject::Sector(_)
            | Subject::Cell(..) => None,
        })
    }

    fn enterprise(&self, at: SubjectIx) -> Option<EnterpriseId> {
        match self.subjects.name(at) {
            Subject::Enterprise(id) => Some(id.clone()),
            Subject::Product(_)
            | Subject::Site(_)
            | Subject::Zone(_)
            | Subject::Sector(_)
            | Subject::Cell(..) => None,
        }
    }

    /// Whose results a part of a subject's score comes from. Empty where it is everybody's, as the
    /// city's base, or a mean over too many.
    pub fn behind(&self, subject: &Subject, part: Part) -> Vec<Source> {
        let Some(at) = self.subjects.find(subject) else {
            return Vec::new();
        };
        let own = || Source {
            subject: subject.clone(),
            zone: None,
        };
        match self.subjects.kind(at) {
            SubjectKind::Product | SubjectKind::Zone | SubjectKind::Sector => {
                let is_own = matches!(
                    (self.subjects.kind(at), part),
                    (SubjectKind::Product, Part::Product | Part::RecentProduct)
                        | (SubjectKind::Zone, Part::Zone | Part::RecentZone)
                        | (SubjectKind::Sector, Part::Sector | Part::RecentSector)
                );
                is_own.then(own).into_iter().collect()
            }
            SubjectKind::Cell | SubjectKind::Enterprise | SubjectKind::Site => {
                let targets = self.subjects.kin(at).targets.iter();
                let sources = targets.filter_map(|target| self.source_of(*target, part));
                let sources: BTreeSet<Source> = sources.take(8 * MOST_SOURCES).collect();
                if sources.len() > MOST_SOURCES {
                    return Vec::new();
                }
                sources.into_iter().collect()
            }
        }
    }

    fn source_of(&self, target: u32, part: Part) -> Option<Source> {
        let base = self.subjects.base(target);
        let above = self.subjects.above(base.above);
        let (product, sector, zone) = (above.first()?, above.get(1)?, above.get(ZONE)?);
        let whole = |at: SubjectIx| {
            Some(Source {
                subject: self.subjects.name(at).clone(),
                zone: None,
            })
        };
        match part {
            Part::Base | Part::Season | Part::Mixture => None,
            Part::Sector | Part::RecentSector => whole(*sector),
            Part::Product | Part::RecentProduct => whole(*product),
            Part::Zone | Part::RecentZone => whole(*zone),
            Part::ProductZone | Part::RecentProductZone => match self.subjects.name(*zone) {
                Subject::Zone(id) => Some(Source {
                    subject: self.subjects.name(*product).clone(),
                    zone: Some(id.clone()),
                }),
                Subject::Product(_)
                | Subject::Enterprise(_)
                | Subject::Site(_)
                | Subject::Sector(_)
                | Subject::Cell(..) => None,
            },
            Part::Enterprise | Part::RecentEnterprise => whole(base.enterprise),
            Part::OwnRecord
            | Part::RecentOwn
            | Part::Selected
            | Part::Remedied
            | Part::SinceFit => whole(base.cell),
        }
    }
}
