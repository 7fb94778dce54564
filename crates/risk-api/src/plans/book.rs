//! What plans are made from: the engine's frame, what the ledger says of visits, alerts, cases and credit
//! classes.

use risk_domain::ids::{EnterpriseId, SectorCode};
use risk_domain::inspection::AgencyLevel;
use risk_domain::reference::{CatalogueProduct, Reference};
use risk_domain::scales::CreditRiskClass;
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::case::OwedSample;
use risk_engine::lists::{CreditMonth, Lists};
use risk_engine::{Burdens, Engine, EnterpriseSeen, TargetEstimate};
use risk_planner::wire::inputs::{CandidateRecord, ClassRatio, PlanInputs};
use risk_planner::wire::request::{Known, Lead, LeadKind};
use risk_planner::{FastTestYield, PlanningPolicy};
use std::collections::{BTreeMap, BTreeSet};

/// What inputs of a plan are made of.
#[derive(Debug, Clone, Copy)]
pub struct PlanSources<'a> {
    /// The frame, the model, alerts and cases.
    pub engine: &'a Engine,
    /// Visits.
    pub burdens: &'a Burdens,
    /// Credit classes.
    pub lists: &'a Lists,
    /// Products and zones.
    pub reference: &'a Reference,
    /// Harm and windows.
    pub planning: &'a PlanningPolicy,
}

/// Inputs of a plan of a day: every target of the frame, what the model says of it, when it was visited;
/// and, unless the request alone counts, which open alert speaks of it, what cases wait for, and how far
/// each credit class is inspected.
pub fn plan_inputs(sources: &PlanSources<'_>, known: Known, day: Day) -> PlanInputs {
    let PlanSources {
        engine, reference, ..
    } = *sources;
    let (targets, modes) = (engine.targets(), engine.mode_estimates());
    let fast_test = FastTestYield::default();
    let (sensitivity, specificity) = modes
        .fast_test
        .unwrap_or((fast_test.sensitivity, fast_test.specificity));
    let zones = reference.zones.iter();
    let products = reference.products.values();
    let open = match known {
        Known::Store => OpenMatters::of(sources, day),
        Known::Request => OpenMatters::default(),
    };
    PlanInputs {
        day,
        candidates: candidates(targets, sources, &open, day),
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
            fast_test.verified_positives,
            fast_test.verified_negatives,
        ],
        leads: open.leads,
        ratios: open.ratios,
    }
}

/// What the store knows beside the frame.
#[derive(Default)]
struct OpenMatters {
    /// Of whom an open alert speaks.
    alerted: BTreeSet<Subject>,
    leads: Vec<Lead>,
    classes: BTreeMap<EnterpriseId, CreditRiskClass>,
    ratios: BTreeMap<CreditRiskClass, ClassRatio>,
}

impl OpenMatters {
    fn of(sources: &PlanSources<'_>, day: Day) -> Self {
        let engine = sources.engine;
        let policy = engine.policy();
        let credit =
            sources
                .lists
                .credit_before(day, sources.burdens, &policy.lists, policy.time.offset);
        Self {
            alerted: engine.open_alerts().map(|of| of.subject.clone()).collect(),
            leads: leads(engine),
            ratios: ratios(&credit, day),
            classes: credit
                .enterprises
                .into_iter()
                .map(|row| (row.enterprise, row.class))
                .collect(),
        }
    }

    /// Whether an open alert speaks of the target itself: of its enterprise with its product, of its site or
    /// of its enterprise. What is said of a whole product, zone or sector is campaigns' matter.
    fn speaks_of(&self, target: &TargetEstimate) -> bool {
        let of = |subject: Subject| self.alerted.contains(&subject);
        !self.alerted.is_empty()
            && (of(Subject::Cell(
                target.enterprise.clone(),
                target.product.clone(),
            )) || of(Subject::Site(target.site.clone()))
                || of(Subject::Enterprise(target.enterprise.clone())))
    }
}

/// What cases wait for, as leads of enforcement tests.
fn leads(engine: &Engine) -> Vec<Lead> {
    let lead = |case: &risk_engine::Case| {
        let (owed, due) = case.owed()?;
        Some(Lead {
            kind: match owed {
                OwedSample::Recheck => LeadKind::Case,
                OwedSample::Sample => LeadKind::FollowUp,
                OwedSample::Check => LeadKind::Tip,
            },
            enterprise: case.key.enterprise.clone(),
            site: Some(case.site.clone()),
            product: Some(case.key.product.clone()),
            alert: None,
            case: Some(case.id.clone()),
            due: due.map(|day| compact_str::format_compact!("{day}")),
        })
    };
    let mut found: Vec<Lead> = engine.cases().filter_map(lead).collect();
    found.sort_by(|one, other| one.case.cmp(&other.case));
    found
}

/// How far each class is inspected, and how far it is to be; a class without enterprises asks for nothing.
fn ratios(credit: &CreditMonth, day: Day) -> BTreeMap<CreditRiskClass, ClassRatio> {
    let window = i64::from(day.get()) - i64::from(credit.from.get());
    let rows = credit.classes.iter().filter(|row| row.enterprises > 0);
    let ratio = |row: &risk_engine::lists::ClassRow| ClassRatio {
        enterprises: row.enterprises,
        inspected: row.inspected,
        window_days: window.clamp(1, i64::from(u32::MAX)) as u32,
        from: row.band.from,
        to: row.band.to,
    };
    rows.map(|row| (row.class, ratio(row))).collect()
}

/// The frame, enterprise by enterprise, as it comes.
fn candidates(
    targets: Vec<TargetEstimate>,
    sources: &PlanSources<'_>,
    open: &OpenMatters,
    day: Day,
) -> Vec<CandidateRecord> {
    let window = sources.planning.rules.enterprise_window_days;
    let mut seen: Option<(EnterpriseId, EnterpriseSeen)> = None;
    let mut found = Vec::with_capacity(targets.len());
    for target in targets {
        let (_, of_enterprise) = match seen.take() {
            Some(known) if known.0 == target.enterprise => seen.insert(known),
            Some(_) | None => {
                let enterprise = target.enterprise.clone();
                let asked = (&enterprise, day, window, AgencyLevel::County);
                let of = sources.burdens.seen(asked.0, asked.1, asked.2, asked.3);
                seen.insert((enterprise, of))
            }
        };
        found.extend(candidate(target, of_enterprise, sources, open));
    }
    found
}

fn candidate(
    target: TargetEstimate,
    seen: &EnterpriseSeen,
    sources: &PlanSources<'_>,
    open: &OpenMatters,
) -> Option<CandidateRecord> {
    let of_target = seen.of(&target.site, &target.product);
    let product = sources.reference.products.get(&target.product);
    let mix = product.map(CatalogueProduct::severity_mix_prior);
    Some(CandidateRecord {
        // A product outside the catalogue is a sector of its own.
        sector: match &target.sector {
            Some(sector) => sector.clone(),
            None => SectorCode::new(target.product.as_str()).ok()?,
        },
        alerted: open.speaks_of(&target),
        class: open.classes.get(&target.enterprise).copied(),
        enterprise: target.enterprise,
        site: target.site,
        product: target.product,
        zone: target.zone,
        booth: target.booth,
        name: target.name,
        volume: target.volume,
        // A pool holds no certainty, and estimates are never quite there.
        probability: target.probability.clamp(1e-9, 1.0 - 1e-9),
        log_odds: target.log_odds,
        variance: target.variance,
        harm: sources.planning.rules.harm_of(mix),
        last_visit: of_target.last,
        enterprise_visits: seen.visits,
        checked: of_target.checked,
        checked_above: of_target.checked_above,
    })
}
