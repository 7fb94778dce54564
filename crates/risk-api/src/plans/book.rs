//! What plans are made from: the engine's frame, and visits from the ledger.

use crate::error::ApiError;
use crate::state::ApiParts;
use risk_domain::ids::SectorCode;
use risk_domain::inspection::AgencyLevel;
use risk_domain::reference::Reference;
use risk_domain::time::Day;
use risk_engine::{Engine, TargetEstimate, Visits};
use risk_planner::wire::inputs::{CandidateRecord, PlanInputs};
use risk_planner::{FastTestYield, PlanningPolicy};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Entries that one request reads at most to catch up.
const CATCH_UP: u64 = 2_000_000;
/// Severity weights of harm（危害权重）, slight to fatal, a judgement of the bureau (D).
const HARM: [f64; 4] = [1.0, 3.0, 10.0, 30.0];

/// The visits, and the entry up to which they were read.
#[derive(Debug, Default)]
pub(crate) struct VisitBook(Mutex<(Visits, u64)>);

impl VisitBook {
    /// Inputs of a plan of a day.
    pub(crate) fn inputs(&self, parts: &ApiParts, day: Day) -> Result<PlanInputs, ApiError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = parts.engine().policy().time.offset;
        let (visits, next) = &mut *held;
        let take = |_entry, result: &_| visits.admit(result, offset);
        let (reached, more) = parts.reader.follow_results(*next, CATCH_UP, take)?;
        *next = reached;
        if more {
            return Err(ApiError::Rebuilding);
        }
        let engine = parts.engine();
        Ok(plan_inputs(
            &engine,
            visits,
            &parts.reference,
            &parts.planning,
            day,
        ))
    }
}

/// Inputs of a plan of a day: every target of the frame, what the model says of it, when it was visited.
pub fn plan_inputs(
    engine: &Engine,
    visits: &Visits,
    reference: &Reference,
    planning: &PlanningPolicy,
    day: Day,
) -> PlanInputs {
    let (targets, modes) = (engine.targets(), engine.mode_estimates());
    let window = planning.rules.enterprise_window_days;
    let candidate = |target| candidate(target, visits, day, window, reference);
    let known = FastTestYield::default();
    let (sensitivity, specificity) = modes
        .fast_test
        .unwrap_or((known.sensitivity, known.specificity));
    let zones = reference.zones.iter();
    let products = reference.products.values();
    PlanInputs {
        day,
        candidates: targets.into_iter().filter_map(candidate).collect(),
        parents: zones
            .filter_map(|zone| Some((zone.id.clone(), zone.parent.clone()?)))
            .collect(),
        kits: products
            .map(|product| (product.code.clone(), product.methods.first().cloned()))
            .collect::<BTreeMap<_, _>>(),
        shifts: modes.shifts,
        fast_test: [
            sensitivity,
            specificity,
            known.verified_positives,
            known.verified_negatives,
        ],
    }
}

fn candidate(
    target: TargetEstimate,
    visits: &Visits,
    day: Day,
    window: u32,
    reference: &Reference,
) -> Option<CandidateRecord> {
    let of = (&target.enterprise, &target.site, &target.product);
    let seen = visits.of(of, day, window, AgencyLevel::County);
    let product = reference.products.get(&target.product);
    // Harm is told against a failure that is slight for certain.
    let harm = product.map_or(HARM[0], |product| {
        let mix = product.severity_mix_prior();
        mix.iter()
            .zip(HARM)
            .map(|(share, weight)| share * weight)
            .sum()
    });
    Some(CandidateRecord {
        // A product outside the catalogue is a sector of its own.
        sector: match target.sector {
            Some(sector) => sector,
            None => SectorCode::new(target.product.as_str()).ok()?,
        },
        enterprise: target.enterprise,
        site: target.site,
        product: target.product,
        zone: target.zone,
        booth: target.booth,
        name: target.name,
        // A pool holds no certainty, and estimates are never quite there.
        probability: target.probability.clamp(1e-9, 1.0 - 1e-9),
        log_odds: target.log_odds,
        variance: target.variance,
        harm,
        last_visit: seen.last,
        enterprise_visits: seen.of_enterprise,
        checked: seen.checked,
        checked_above: seen.checked_above,
        class: None,
        alerted: false,
    })
}
