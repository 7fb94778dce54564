//! Which cases there are, now and by the close of an epoch, and what complaints and reports say to them.

use super::listed::Listed;
use super::{Cases, Loose, Touch, field_of};
use crate::case::docket::{Docket, Fact, FactId, FactKey, ResultFact, SignalFact};
use crate::case::{Case, CaseEvent, CaseKey, CaseKind};
use crate::event_time::Epoch;
use crate::policy::{CasePolicy, Lead};
use crate::taxonomy::Taxonomy;
use risk_domain::ids::CaseId;
use risk_domain::signal::{Reporter, Signal, SignalKind};
use std::collections::BTreeMap;

impl Cases {
    /// The case with this id.
    pub(crate) fn case(&self, id: &CaseId) -> Option<&Case> {
        let docket = self.dockets.get(*self.by_id.get(id)? as usize)?;
        docket.cases.iter().find(|case| case.id == *id)
    }

    /// Every case, by what it is about.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Case> {
        let dockets = self.by_key.values();
        let dockets = dockets.filter_map(|number| self.dockets.get(*number as usize));
        dockets.flat_map(|docket| &docket.cases)
    }

    /// The docket of a case that was open by the close of an epoch: which partition was read ahead of the
    /// others must not show.
    pub(super) fn docket_by(&self, id: &CaseId, epoch: Epoch) -> Option<u32> {
        let number = *self.by_id.get(id)?;
        let docket = self.dockets.get(number as usize)?;
        let case = docket.cases.iter().find(|case| case.id == *id);
        let opened_by = case.map(|case| case.opened_by.as_str());
        // An id that is gone stands for whatever took its place.
        let opens = |record: &str| opened_by.is_none_or(|opened_by| opened_by == record);
        let known = |(key, fact): (&FactKey, &Fact)| match (&key.1, fact) {
            (FactId::Result(id), Fact::Result(fact)) => fact.epoch <= epoch && opens(id.as_str()),
            (FactId::Signal(id), Fact::Signal(fact)) => fact.epoch <= epoch && opens(id.as_str()),
            (FactId::Result(_) | FactId::Signal(_) | FactId::Command(_), _) => false,
        };
        docket.facts.iter().any(known).then_some(number)
    }

    /// Whether a case with this id was open by the close of an epoch.
    pub(crate) fn knows_by(&self, id: &CaseId, epoch: Epoch) -> bool {
        self.docket_by(id, epoch).is_some()
    }

    /// Takes in a complaint or a report, where the policy has it open a case and it says of which product
    /// and where.
    pub(crate) fn admit_signal(
        &mut self,
        signal: &Signal,
        epoch: Epoch,
        policy: &CasePolicy,
        taxonomy: &Taxonomy,
    ) {
        let leads = &policy.leads;
        let lead = match signal.kind {
            SignalKind::Tip => leads.tip,
            SignalKind::Complaint if signal.severity >= Some(leads.complaint_severity) => {
                leads.complaint
            }
            SignalKind::Complaint
            | SignalKind::MediaExposure
            | SignalKind::Recall
            | SignalKind::Accident
            | SignalKind::CreditClass
            | SignalKind::ExternalCheck
            | SignalKind::OnlineMonitoring
            | SignalKind::DutyRecord => Lead::None,
        };
        let place = signal.site_id.clone().zip(signal.zone_id.clone());
        let (Some((site, zone)), Some(product)) = (place, signal.product.clone()) else {
            return;
        };
        if lead == Lead::None {
            return;
        }
        let field = field_of(&product, policy, taxonomy);
        let matter = (signal.enterprise_id.clone(), product.clone());
        let number = self.docket(&CaseKey {
            enterprise: signal.enterprise_id.clone(),
            product,
            hazard: signal.hazard.clone(),
        });
        let key = (signal.observed_at, FactId::Signal(signal.signal_id.clone()));
        let fact = Fact::Signal(Box::new(SignalFact {
            epoch,
            lead,
            field,
            named: signal.reporter == Some(Reporter::Named),
            site,
            zone,
        }));
        if let Some(docket) = self.dockets.get_mut(number as usize) {
            docket.facts.insert(key.clone(), fact);
            self.touch(number, &Touch::Added(key));
        }
        // A test that was read first may be of this complaint.
        self.complained(&matter);
    }

    pub(crate) fn leave_out_lists(&mut self) {
        self.listed = Listed::left_out();
    }

    /// Bytes on the heap, about: facts, and cases with their histories.
    pub(crate) fn heap_bytes(&self) -> usize {
        let of = |docket: &Docket| {
            let events: usize = docket.cases.iter().map(|case| case.events.len()).sum();
            let fact = size_of::<FactKey>() + size_of::<Fact>() + size_of::<ResultFact>();
            docket.facts.len() * fact
                + docket.cases.len() * size_of::<Case>()
                + events * size_of::<CaseEvent>()
        };
        self.dockets.heap_bytes()
            + self.dockets.iter().map(of).sum::<usize>()
            + self.loose.len() * size_of::<Loose>()
            + self.listed.heap_bytes()
    }

    /// Open cases by kind, and those among them with a term that lapsed.
    pub(crate) fn counts(&self) -> BTreeMap<CaseKind, (u64, u64)> {
        self.listed.counts()
    }
}
