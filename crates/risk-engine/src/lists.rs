//! The lists that a supervision plan asks for（清单）: problems and what is planned against them, enterprises
//! to be assisted, credit classes with their inspection ratios, candidates for the list of serious
//! violations, records of duty, corrective actions.
//!
//! A view of accepted results and signals, whatever the order they come in, and of the problems and cases
//! that the engine holds. It judges nobody and changes no state; grades do not know it.

mod assistance;
mod credit;
mod duties;
mod found;
mod overview;
mod serious;
mod settings;
mod taken;

pub use assistance::{Assisted, AssistedFor, AssistedReason};
pub use credit::{ClassRow, CreditMonth, CreditRow};
pub use duties::{DutyRow, DutyStep};
pub(crate) use duties::{asked_from, missed, step_of};
pub use found::{ListedProblems, ProblemRow, ProblemStanding};
pub use overview::{ListsOverview, ListsScope};
pub use serious::{Candidate, Criterion, Met, candidates};
pub use settings::{CreditBand, DutySettings, ListsPolicy};
pub use taken::{CorrectiveAction, corrective_actions};

use crate::corrections::Corrections;
use crate::problems::ListedProblem;
use compact_str::CompactString;
use risk_domain::ids::{
    EnterpriseId, HazardCode, InspectionId, ItemCode, ProductCode, SignalId, ZoneId,
};
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::scales::{CreditRiskClass, Severity};
use risk_domain::signal::{DutyRecord, Signal, SignalKind};
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::ops::Bound;

/// An item that failed.
#[derive(Debug, Clone)]
struct FailedItem {
    code: ItemCode,
    name: CompactString,
    clause: Option<CompactString>,
    hazard: Option<HazardCode>,
    severity: Option<Severity>,
}

/// A result that failed.
#[derive(Debug, Clone)]
struct Failure {
    entry: u64,
    id: InspectionId,
    supersedes: Option<InspectionId>,
    product: ProductCode,
    zone: ZoneId,
    observed_at: Timestamp,
    items: Vec<FailedItem>,
}

/// A signal, as far as lists go.
#[derive(Debug, Clone, PartialEq)]
struct Heard {
    at: Timestamp,
    kind: SignalKind,
}

/// The view（清单视图）.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    failures: BTreeMap<EnterpriseId, Vec<Failure>>,
    refusals: BTreeMap<EnterpriseId, Vec<Failure>>,
    corrections: Corrections,
    heard: BTreeMap<EnterpriseId, BTreeMap<SignalId, Heard>>,
    classes: BTreeMap<EnterpriseId, BTreeMap<(Timestamp, SignalId), CreditRiskClass>>,
    duties: BTreeMap<EnterpriseId, BTreeMap<(Timestamp, SignalId), DutyRecord>>,
}

impl Lists {
    /// Takes in an accepted result. `entry` is its entry in the ledger.
    pub fn admit_result(&mut self, entry: u64, result: &InspectionResult) {
        self.corrections.admit(result);
        let kept = match result.outcome {
            Outcome::Nonconforming => &mut self.failures,
            Outcome::Refused => &mut self.refusals,
            Outcome::Conforming
            | Outcome::Terminated
            | Outcome::NotSampled
            | Outcome::RejectedByLab
            | Outcome::Untestable => return,
        };
        let item = |item: &risk_domain::inspection::TestItem| FailedItem {
            code: item.code.clone(),
            name: item.name.clone(),
            clause: item.clause.clone(),
            hazard: item.hazard.clone(),
            severity: item.severity,
        };
        let of = kept.entry(result.site.enterprise_id.clone()).or_default();
        of.push(Failure {
            entry,
            id: result.inspection_id.clone(),
            supersedes: result.supersedes.clone(),
            product: result.product.category.clone(),
            zone: result.site.zone_id.clone(),
            observed_at: result.observed_at,
            items: result.failed_items().map(item).collect(),
        });
    }

    /// Takes in an accepted signal.
    pub fn admit_signal(&mut self, signal: &Signal) {
        let of = signal.enterprise_id.clone();
        let (at, id) = (signal.observed_at, signal.signal_id.clone());
        if let Some(duty) = &signal.duty {
            let records = self.duties.entry(of.clone()).or_default();
            records.insert((at, id.clone()), duty.clone());
        }
        if let Some(class) = signal.credit_class {
            let classes = self.classes.entry(of.clone()).or_default();
            classes.insert((at, id.clone()), class);
        }
        match signal.kind {
            SignalKind::Complaint | SignalKind::Tip | SignalKind::MediaExposure => {
                let kind = signal.kind;
                let heard = self.heard.entry(of).or_default();
                heard.insert(id, Heard { at, kind });
            }
            SignalKind::Recall
            | SignalKind::Accident
            | SignalKind::CreditClass
            | SignalKind::ExternalCheck
            | SignalKind::OnlineMonitoring
            | SignalKind::DutyRecord => {}
        }
    }

    /// Those of an enterprise's failures or refusals that count, observed before a time, the oldest first:
    /// neither corrected nor cleared by a laboratory.
    fn counted<'a>(&self, of: &'a [Failure], before: Timestamp) -> Vec<&'a Failure> {
        let counts = |failure: &&Failure| {
            let supersedes = failure.supersedes.as_ref();
            failure.observed_at < before && self.corrections.counts(&failure.id, supersedes)
        };
        let mut found: Vec<&Failure> = of.iter().filter(counts).collect();
        found.sort_by(|one, other| (one.observed_at, &one.id).cmp(&(other.observed_at, &other.id)));
        found
    }

    /// What is known of one enterprise for the problem list and the assistance list.
    fn known<'a>(&'a self, enterprise: &'a EnterpriseId, listed: &'a ListedProblems) -> Known<'a> {
        Known {
            enterprise,
            failures: self.failures.get(enterprise).map_or(&[], Vec::as_slice),
            heard: self.heard.get(enterprise),
            listed: listed.of(enterprise),
        }
    }

    /// The same of every enterprise that has or may have a row in either list, in the order of their ids,
    /// from one on.
    fn all_known<'a>(
        &'a self,
        listed: &'a ListedProblems,
        from: Option<&EnterpriseId>,
    ) -> impl Iterator<Item = Known<'a>> + use<'a> {
        let from = from.map_or(Bound::Unbounded, Bound::Included);
        let range = (from, Bound::Unbounded);
        let mut failed = self.failures.range::<EnterpriseId, _>(range).peekable();
        let mut heard = self.heard.range::<EnterpriseId, _>(range).peekable();
        let mut noted = listed.from(from).peekable();
        std::iter::from_fn(move || {
            let heads = [
                failed.peek().map(|(id, _)| *id),
                heard.peek().map(|(id, _)| *id),
                noted.peek().map(|(id, _)| *id),
            ];
            let enterprise = heads.into_iter().flatten().min()?;
            let failures = failed.next_if(|(id, _)| *id == enterprise);
            let heard = heard.next_if(|(id, _)| *id == enterprise);
            let listed = noted.next_if(|(id, _)| *id == enterprise);
            Some(Known {
                enterprise,
                failures: failures.map_or(&[], |(_, of)| of.as_slice()),
                heard: heard.map(|(_, of)| of),
                listed: listed.map_or(&[], |(_, of)| of.as_slice()),
            })
        })
    }
}

/// What is known of one enterprise for the problem list and the assistance list.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    enterprise: &'a EnterpriseId,
    failures: &'a [Failure],
    heard: Option<&'a BTreeMap<SignalId, Heard>>,
    listed: &'a [ListedProblem],
}

impl<'a> Known<'a> {
    /// Signals of kinds heard of it within a time, in its order.
    fn heard(
        &self,
        kinds: &[SignalKind],
        (since, before): (Timestamp, Timestamp),
    ) -> Vec<(Timestamp, &'a SignalId)> {
        let of = self.heard.into_iter().flatten();
        let fits =
            |heard: &Heard| kinds.contains(&heard.kind) && heard.at >= since && heard.at < before;
        let mut found: Vec<_> = of
            .filter(|(_, heard)| fits(heard))
            .map(|(id, heard)| (heard.at, id))
            .collect();
        found.sort();
        found
    }
}
