//! What a complaint or a report makes of a docket.

use super::{By, CaseState, Cause, Fold, Happened, Opening, enforcement, fast_test};
use crate::case::docket::{Field, SignalFact};
use crate::policy::Lead;
use compact_str::CompactString;
use risk_domain::ids::{InspectionId, SignalId};
use risk_domain::time::Timestamp;

impl Fold<'_> {
    /// Opens a case where none is open; else it is noted there.
    pub(super) fn heard(&mut self, at: Timestamp, id: &SignalId, fact: &SignalFact) {
        let by = By {
            actor: CompactString::const_new("system:signal"),
            role: None,
            cause: Cause::Signal(id.clone()),
            reason: CompactString::default(),
            measures: Vec::new(),
        };
        if let Some(case) = self.open() {
            case.push(by, at, Happened::Remarked);
            return;
        }
        let state = match (fact.lead, fact.named) {
            (Lead::None, _) => return,
            (Lead::FastTest, _) => {
                let farm_produce = fact.field == Field::FarmProduce;
                CaseState::FastTest(fast_test::complained(farm_produce))
            }
            (Lead::Enforcement, true) => CaseState::Enforcement(enforcement::reported()),
            (Lead::Enforcement, false) => CaseState::Enforcement(enforcement::opening()),
        };
        // Both ids keep to the same rules.
        let Ok(record) = InspectionId::new(id.as_str()) else {
            return;
        };
        let opening = Opening {
            state,
            site: fact.site.clone(),
            zone: fact.zone.clone(),
            record,
            succeeds: None,
        };
        self.begin(at, opening, by);
    }
}
