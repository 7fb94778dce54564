//! Campaigns of a plan: whom they fit, and the acceptance plans of their lines.

use crate::acceptance::Sweep;
use crate::limits::FieldError;
use crate::pool::{Candidate, Pool};
use crate::wire::request::{Campaign, PlanRequest};

impl Campaign {
    /// Whether a candidate is all that the campaign names.
    pub(crate) fn fits(&self, pool: &Pool, candidate: &Candidate) -> bool {
        let any = |named: bool, fits: bool| !named || fits;
        any(
            !self.zones.is_empty(),
            pool.zone_path(&candidate.zone)
                .any(|zone| self.zones.contains(zone)),
        ) && any(
            !self.sectors.is_empty(),
            self.sectors.contains(&candidate.sector),
        ) && any(
            !self.products.is_empty(),
            self.products.contains(&candidate.target.product),
        ) && any(
            !self.enterprises.is_empty(),
            self.enterprises.contains(&candidate.target.enterprise),
        )
    }
}

/// The sweeps of campaigns, in their order. Every target that a campaign fits must have a lot: what waits for its
/// beacon must not fail then.
pub(super) fn sweeps(request: &PlanRequest, pool: &Pool) -> Result<Vec<Option<Sweep>>, FieldError> {
    let campaigns = request.campaigns.iter().enumerate();
    campaigns
        .map(|(at, campaign)| {
            if let Some(zone) = campaign.zones.iter().find(|zone| !pool.knows_zone(zone)) {
                let rule =
                    format!("names zone {zone}, which neither register nor reference data has");
                return Err(FieldError::new(format!("campaigns[{at}].zones"), rule));
            }
            let Some(asked) = &campaign.acceptance else {
                return Ok(None);
            };
            let field = format!("campaigns[{at}].acceptance");
            let sweep = Sweep::new(&field, asked)?;
            let mut unknown = pool
                .candidates()
                .iter()
                .filter(|of| sweep.lot(of).is_none() && campaign.fits(pool, of));
            match unknown.next() {
                None => Ok(Some(sweep)),
                Some(first) => {
                    let rule = format!(
                        "must be named: of {}, and of {} more targets of the campaign, the register has no volume of 2 or more",
                        first.target,
                        unknown.count()
                    );
                    Err(FieldError::new(format!("{field}.lot_size"), rule))
                }
            }
        })
        .collect()
}
