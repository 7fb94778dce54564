//! What the state hash covers of cases, and what a checkpoint keeps of them.

use super::{Cases, Loose, targets};
use crate::case::docket::{Fact, FactId, FactKey};
use crate::case::{Case, CaseKey};
use crate::tight::TightMap;
use risk_domain::ids::{CaseId, InspectionId};
use serde::{Deserialize, Serialize};

/// A docket by its parts, for a checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Docketed {
    key: CaseKey,
    facts: TightMap<FactKey, Fact>,
    cases: Vec<Case>,
}

/// What a checkpoint keeps besides dockets: results that still wait for what they refer to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Unsettled {
    loose: Vec<(InspectionId, Loose)>,
}

impl Cases {
    /// What the state hash covers: facts and cases by what they are about, and what still waits.
    pub(crate) fn hashed(&self, add: &mut dyn FnMut(&[u8])) {
        for number in self.by_key.values() {
            let Some(docket) = self.dockets.get(*number as usize) else {
                continue;
            };
            // A docket that lost its facts to another leaves no trace.
            if !docket.facts.is_empty() {
                let parts = (&docket.key, &docket.facts, &docket.cases);
                add(&postcard::to_stdvec(&parts).unwrap_or_default());
            }
        }
        for loose in &self.loose {
            add(&postcard::to_stdvec(&loose).unwrap_or_default());
        }
    }

    /// Every docket in the order it came, for a checkpoint.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Docketed> {
        self.dockets.iter().map(|docket| Docketed {
            key: docket.key.clone(),
            facts: docket.facts.clone(),
            cases: docket.cases.clone(),
        })
    }

    /// What waits, and ids that lead to a docket without being of a case there, for a checkpoint.
    pub(crate) fn unsettled(&self) -> (Unsettled, Vec<(CaseId, u32)>) {
        let gone = self.by_id.iter().filter(|(id, _)| self.case(id).is_none());
        let mut gone: Vec<(CaseId, u32)> = gone.map(|(id, docket)| (id.clone(), *docket)).collect();
        gone.sort_unstable();
        let loose = self.loose.clone().into_iter().collect();
        (Unsettled { loose }, gone)
    }

    pub(crate) fn restore(&mut self, parts: Docketed) {
        let Docketed { key, facts, cases } = parts;
        let number = self.docket(&key);
        for case in &cases {
            self.by_id.insert(case.id.clone(), number);
        }
        for (at, id) in facts.keys() {
            match id {
                FactId::Result(id) => {
                    self.of_record.insert(id.clone(), (number, *at));
                }
                FactId::Command(_) | FactId::Signal(_) => {}
            }
        }
        self.change(number, |docket| {
            docket.facts = facts;
            docket.cases = cases;
        });
    }

    pub(crate) fn restore_unsettled(&mut self, unsettled: Unsettled, gone: Vec<(CaseId, u32)>) {
        self.by_id.extend(gone);
        for (id, loose) in unsettled.loose {
            for target in targets(&loose.fact) {
                let waiting = self.waiting.entry(target.clone()).or_default();
                waiting.insert(id.clone());
            }
            if let Some(case) = &loose.fact.case {
                let awaiting = self.awaiting.entry(case.clone()).or_default();
                awaiting.insert(id.clone());
            }
            self.await_complaint(&id, &loose);
            self.loose.insert(id, loose);
        }
    }
}
