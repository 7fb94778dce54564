//! What names subjects and bases, as bytes and as hashes of them.

use risk_domain::ids::{EnterpriseId, ProductCode, SiteId, ZoneId};
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::{Subject, SubjectKind};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

/// What names a base: who, at which site, in which zone, with what.
pub(crate) type BaseNames<'a> = (&'a EnterpriseId, &'a SiteId, &'a ZoneId, &'a ProductCode);

pub(super) fn base_names(result: &InspectionResult) -> BaseNames<'_> {
    let (site, product) = (&result.site, &result.product.category);
    (&site.enterprise_id, &site.site_id, &site.zone_id, product)
}

/// 128 bits of the four names; a name may hold no control character, so that this one keeps them apart.
pub(super) fn base_hash((enterprise, site, zone, product): BaseNames<'_>) -> u128 {
    let mut names: SmallVec<[u8; 128]> = SmallVec::new();
    for name in [
        enterprise.as_str(),
        site.as_str(),
        zone.as_str(),
        product.as_str(),
    ] {
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    }
    xxh3_128(&names)
}

/// A number in the order of subjects, as far as their kinds and the beginnings of their names tell it: of two
/// subjects with different numbers the lesser one has the lesser number.
pub(crate) fn name_begins(subject: &Subject) -> (SubjectKind, u64) {
    let name = match subject {
        Subject::Product(id) => id.as_str(),
        Subject::Enterprise(id) | Subject::Cell(id, _) => id.as_str(),
        Subject::Site(id) => id.as_str(),
        Subject::Zone(id) => id.as_str(),
        Subject::Sector(id) => id.as_str(),
    };
    let mut begins = [0; 8];
    for (slot, byte) in begins.iter_mut().zip(name.bytes()) {
        *slot = byte;
    }
    (subject.kind(), u64::from_be_bytes(begins))
}

/// A subject's name as bytes that no other subject has; quicker than its text.
pub(crate) fn name_bytes(subject: &Subject) -> SmallVec<[u8; 64]> {
    let mut bytes = SmallVec::from_slice(subject.kind().code().as_bytes());
    let mut push = |id: &str| {
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    };
    match subject {
        Subject::Product(id) => push(id.as_str()),
        Subject::Enterprise(id) => push(id.as_str()),
        Subject::Site(id) => push(id.as_str()),
        Subject::Zone(id) => push(id.as_str()),
        Subject::Sector(id) => push(id.as_str()),
        Subject::Cell(enterprise, product) => {
            push(enterprise.as_str());
            push(product.as_str());
        }
    }
    bytes
}
