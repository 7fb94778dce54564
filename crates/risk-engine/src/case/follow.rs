//! How cases follow the engine's inputs, and what the engine tells of them.

use super::{Act, Case, CaseChange, CaseKind, CaseRefusal};
use crate::input::Effect;
use crate::step::Engine;
use risk_domain::calendar::Calendar;
use risk_domain::decision::Command;
use risk_domain::ids::CaseId;
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;

/// Adds changes that were made to what is recorded.
fn tell(changes: Vec<CaseChange>, effects: &mut Vec<Effect>) {
    effects.extend(changes.into_iter().map(|change| match change {
        CaseChange::Moved(moved) => Effect::CaseMoved(moved),
        CaseChange::Inserted(insert) => Effect::CaseInserted(insert),
        CaseChange::Gone(id) => Effect::CaseGone(id),
    }));
}

impl Engine {
    /// Up to when terms have lapsed: the slowest partition's clock, and the last close at least.
    fn lapsed_through(&self) -> Option<Timestamp> {
        let closed = self.last_closed.map(|epoch| self.calendar.end_of(epoch));
        self.clocks.slowest().max(closed)
    }

    /// Concludes what follows for cases from what was taken in.
    pub(crate) fn judge_cases(&mut self, effects: &mut Vec<Effect>) {
        let through = self.lapsed_through();
        // A case that opens may be what a result waited for.
        while !self.cases.is_quiet() {
            let changes = self.cases.judge(through, &self.policy, &self.taxonomy);
            tell(changes, effects);
        }
    }

    /// Lets terms lapse whose time has come, the earliest first.
    pub(crate) fn lapse_due(&mut self, effects: &mut Vec<Effect>) {
        while let Some(due) = self.cases.next_lapse() {
            let Some(through) = self.lapsed_through().filter(|through| due <= *through) else {
                return;
            };
            let changes = self.cases.lapse(through, &self.policy, &self.taxonomy);
            tell(changes, effects);
            self.judge_cases(effects);
        }
    }

    /// The rule that a command on a case breaks, if it breaks one.
    pub(crate) fn refuses_on_case(&self, command: &Command) -> Option<CaseRefusal> {
        let through = self.lapsed_through();
        self.cases
            .refuses(command, through, &self.policy, &self.taxonomy)
    }

    /// Which days are worked.
    pub fn calendar(&self) -> &Calendar {
        &self.taxonomy.calendar
    }

    /// The case with this id.
    pub fn case(&self, id: &CaseId) -> Option<&Case> {
        self.cases.case(id)
    }

    /// Every case, by what it is about.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.all()
    }

    /// Open cases by kind, and how many of them are overdue.
    pub fn case_counts(&self) -> BTreeMap<CaseKind, (u64, u64)> {
        self.cases.counts()
    }

    /// What may be done in a case next, and whether a second person must agree.
    pub fn case_steps(&self, case: &Case) -> Vec<(Act, bool)> {
        let policy = &self.policy.cases;
        let steps = case.state.steps(policy.switches).into_iter();
        let agreed = |act: &Act| match act {
            Act::Officer(act) => policy.approval.contains(act),
            Act::Found(_) | Act::Lapsed(_) => false,
        };
        steps.map(|act| (act, agreed(&act))).collect()
    }
}
