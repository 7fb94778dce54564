//! Which complaint a test answers that names no case: it was made on complaint, of the same product at the
//! same enterprise, and of the hazard complained of. A test that was made for another reason answers none:
//! that some other lot passed says nothing of what somebody complained of.

use super::{Cases, Loose};
use crate::case::CaseKey;
use crate::case::docket::{Answers, Field};
use crate::policy::{AnsweredBy, CasePolicy};
use crate::taxonomy::Taxonomy;
use risk_domain::ids::{EnterpriseId, InspectionId, ProductCode};
use risk_domain::inspection::InspectionResult;
use risk_domain::selection::SelectionBasis;
use risk_domain::time::DAY_MILLIS;

/// Which branch of the law a product falls under.
pub(super) fn field_of(product: &ProductCode, policy: &CasePolicy, taxonomy: &Taxonomy) -> Field {
    let sector = taxonomy.products.get(product).map(|(sector, _)| sector);
    match sector {
        Some(sector) if policy.farm_produce_sectors.contains(sector) => Field::FarmProduce,
        Some(sector) if policy.food_sectors.contains(sector) => Field::Food,
        Some(_) | None => Field::Industrial,
    }
}

/// Which complaints a result answers that refers to nothing, if it may answer any.
pub(super) fn answers(result: &InspectionResult, policy: &CasePolicy) -> Option<Answers> {
    let on_complaint = result.selection.basis == SelectionBasis::Complaint;
    match policy.leads.answered_by {
        AnsweredBy::ComplaintBasis if on_complaint => {}
        AnsweredBy::ComplaintBasis | AnsweredBy::CaseId => return None,
    }
    let days = i64::from(policy.leads.answered_within_days);
    let hazards = result.items.iter().filter_map(|item| item.hazard.clone());
    Some(Answers {
        since: result.sampled_at.plus_millis(-days * DAY_MILLIS),
        hazards: hazards.collect(),
    })
}

impl Cases {
    /// Remembers a result that may answer a complaint, until its epoch closes.
    pub(super) fn await_complaint(&mut self, id: &InspectionId, loose: &Loose) {
        if loose.fact.answers.is_some() {
            let matter = (loose.own.enterprise.clone(), loose.own.product.clone());
            self.answering.entry(matter).or_default().insert(id.clone());
        }
    }

    /// Finds results their docket that a complaint of this product may be answered by.
    pub(super) fn complained(&mut self, matter: &(EnterpriseId, ProductCode)) {
        for id in self.answering.get(matter).cloned().unwrap_or_default() {
            if let Some(loose) = self.loose.get(&id).cloned() {
                self.settle(id, loose);
            }
        }
    }

    /// The docket of the complaint that a result answers: of several, that heard last before its sample.
    pub(super) fn complained_of(&self, loose: &Loose) -> Option<u32> {
        let answers = loose.fact.answers.as_ref()?;
        let own = &loose.own;
        let first = CaseKey {
            hazard: None,
            ..own.clone()
        };
        let of_product = self
            .by_key
            .range(first..)
            .take_while(|(key, _)| key.enterprise == own.enterprise && key.product == own.product);
        let tested = |key: &CaseKey| {
            key.hazard
                .as_ref()
                .is_none_or(|hazard| answers.hazards.contains(hazard))
        };
        let asked = of_product
            .filter(|(key, _)| tested(key))
            .filter_map(|(key, number)| {
                let heard = self.dockets.get(*number as usize)?.asked(&loose.fact)?;
                Some((heard, key, *number))
            });
        asked.max().map(|(_, _, number)| number)
    }
}
