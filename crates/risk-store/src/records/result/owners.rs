//! Whose a result is, and by what it was drawn: read off its first fields.

use crate::error::StoreError;
use crate::records::unreadable;
use risk_domain::ids::{DrawId, EnterpriseId, ProductCode, ZoneId};
use risk_domain::inspection::{AgencyLevel, Channel};
use risk_domain::selection::{InclusionProbability, SelectionBasis, SelectionMode};
use risk_domain::time::Timestamp;

/// By whom and by what a result is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResultOwners {
    /// The enterprise of its site.
    pub(crate) enterprise: EnterpriseId,
    /// The zone of its site.
    pub(crate) zone: ZoneId,
    /// What was tested.
    pub(crate) product: ProductCode,
    /// The draw by which it was sampled, where it names one.
    pub(crate) draw: Option<DrawId>,
}

/// The first fields of [`Facts`](super::Facts), up to the site.
type FactsToSite<'a> = (
    u8,
    &'a str,
    Option<&'a str>,
    Timestamp,
    Option<Timestamp>,
    Timestamp,
    SelectionMode,
    &'a str,
    AgencyLevel,
    &'a str,
    SelectionBasis,
    Option<DrawId>,
    Option<InclusionProbability>,
    Option<&'a str>,
    &'a str,
);

/// Those that follow, from the enterprise up to the product.
type FactsToProduct<'a> = (
    EnterpriseId,
    ZoneId,
    Channel,
    Option<&'a str>,
    Option<&'a str>,
    ProductCode,
);

/// Whose a result is, without reading the rest.
pub(in crate::records) fn owners_of(index: u64, facts: &[u8]) -> Result<ResultOwners, StoreError> {
    let ((site, product), _rest): ((FactsToSite<'_>, FactsToProduct<'_>), &[u8]) =
        postcard::take_from_bytes(facts).map_err(unreadable(index))?;
    Ok(ResultOwners {
        draw: site.11,
        enterprise: product.0,
        zone: product.1,
        product: product.5,
    })
}
