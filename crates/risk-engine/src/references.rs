//! References that lead nowhere（无效引用）: a result that says that it confirms a test nobody made, or that it
//! belongs to a case there is not.
//!
//! Whether there is what it names must not depend on what was read first. So a reference waits for the
//! close of its own epoch and the policy's grace, and is refused only if what it names was not known by
//! then. The result itself stands, as a test of its own: what it found, it found.

use crate::event_time::Epoch;
use crate::step::Engine;
use risk_domain::ids::{CaseId, InspectionId};
use risk_domain::inspection::InspectionResult;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a result refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The test that it confirms（所确认的快检）.
    Confirms(InspectionId),
    /// The case that it belongs to（所属案件）.
    Case(CaseId),
}

impl Reference {
    /// The field of the record that it stands in.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Confirms(_) => "confirms",
            Self::Case(_) => "case_id",
        }
    }

    /// What it names.
    pub fn named(&self) -> &str {
        match self {
            Self::Confirms(id) => id.as_str(),
            Self::Case(id) => id.as_str(),
        }
    }

    /// The rule that it breaks.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Confirms(_) => {
                "must name a test that was made: none of this id is known by the close of its day; the result counts as a test of its own"
            }
            Self::Case(_) => {
                "must name a case that was open by the close of its day; the result counts, and moves no case by it"
            }
        }
    }
}

/// A reference that was refused at a close（无效引用）.
#[doc(alias = "无效引用")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceRefused {
    /// The result that refers.
    pub inspection_id: InspectionId,
    /// To what.
    pub reference: Reference,
    /// When the close was: the end of its epoch.
    pub refused_at: Timestamp,
}

/// References that wait, by the epoch whose close decides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct References(BTreeMap<Epoch, BTreeMap<InspectionId, Vec<Reference>>>);

impl References {
    pub(crate) fn admit(&mut self, result: &InspectionResult, due: Epoch) {
        if result.confirms.is_none() && result.case_id.is_none() {
            return;
        }
        let confirms = result.confirms.clone().map(Reference::Confirms);
        let case = result.case_id.clone().map(Reference::Case);
        let all = confirms.into_iter().chain(case).collect();
        let of = self.0.entry(due).or_default();
        of.insert(result.inspection_id.clone(), all);
    }

    /// Forgets what the close of an epoch decides.
    pub(crate) fn settle(&mut self, epoch: Epoch) {
        self.0 = self.0.split_off(&epoch.next());
    }

    /// What the state hash covers, a line a result.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let due = self.0.iter();
        due.flat_map(|(epoch, of)| {
            of.iter()
                .map(|(id, all)| format!("{} {id} {all:?}", epoch.0))
        })
    }
}

impl Engine {
    /// The epoch whose close decides on references of a result of this one.
    pub(crate) fn reference_due(&self, epoch: Epoch) -> Epoch {
        let grace = i64::from(self.policy.cases.reference_grace_days);
        self.calendar.plus_days(epoch, grace)
    }

    /// References that lead nowhere, by the close of an epoch.
    pub(crate) fn refused_references(&self, epoch: Epoch) -> Vec<ReferenceRefused> {
        let due = self.references.0.range(..=epoch);
        let all = due.flat_map(|(_, of)| of.iter());
        let all = all.flat_map(|(id, references)| references.iter().map(move |one| (id, one)));
        let leads = |reference: &Reference| match reference {
            Reference::Confirms(id) => self.families.knows_by(id, epoch),
            Reference::Case(id) => self.cases.knows_by(id, epoch),
        };
        let refused_at = self.calendar.end_of(epoch);
        all.filter(|(_, reference)| !leads(reference))
            .map(|(id, reference)| ReferenceRefused {
                inspection_id: id.clone(),
                reference: reference.clone(),
                refused_at,
            })
            .collect()
    }
}
