//! A docket（卷宗）: the facts about one product of one enterprise and one hazard, and the cases they make.
//!
//! Pure: cases are a function of the facts in the order of time and id, and of the time up to which
//! terms have lapsed. A fact that comes last goes on from where the cases stand; one that comes in
//! between folds them anew.

mod fold;
mod standing;

use super::act::Found;
use super::rule::{CaseRefusal, CaseRule};
use super::term::{Count, Deadline};
use super::{Case, CaseKey, Cause, Happened};
use crate::event_time::Epoch;
use crate::policy::{CasePolicy, Lead};
use crate::tight::TightMap;
use compact_str::CompactString;
use fold::Fold;
use risk_domain::case_action::CaseAction;
use risk_domain::decision::Actor;
use risk_domain::ids::{CaseId, CommandId, HazardCode, InspectionId, SignalId, SiteId, ZoneId};
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Which branch of the law a product falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Field {
    Industrial,
    Food,
    FarmProduce,
}

/// A fact's place in the order: results before commands of the same instant, and these before signals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum FactId {
    Result(InspectionId),
    Command(CommandId),
    Signal(SignalId),
}

/// What a result says to a docket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ResultFact {
    /// The epoch it was accepted into.
    pub(super) epoch: Epoch,
    pub(super) found: Found,
    /// Whether it may open a case: a monitoring sample may not.
    pub(super) opens: bool,
    /// An item of severity 4 failed.
    pub(super) severe: bool,
    /// A microbe item failed.
    pub(super) microbes: bool,
    pub(super) field: Field,
    pub(super) sampled_at: Timestamp,
    pub(super) site: SiteId,
    pub(super) zone: ZoneId,
    /// The results it refers to as an act upon them: by confirmation, as follow-up.
    pub(super) upon: Vec<InspectionId>,
    /// The case it names.
    pub(super) case: Option<CaseId>,
    /// Which complaints it answers without naming their case, if it may.
    pub(super) answers: Option<Answers>,
    pub(super) replaces: Option<InspectionId>,
}

/// Which complaints a test answers that was made on complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answers {
    /// Those heard from here on until its sample was taken,
    pub(super) since: Timestamp,
    /// of hazards that it tested, or of none in particular.
    pub(super) hazards: BTreeSet<HazardCode>,
}

/// What an officer says to a docket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommandFact {
    pub(super) case: CaseId,
    pub(super) actor: Actor,
    pub(super) reason: CompactString,
    pub(super) action: CaseAction,
}

/// What a complaint or a report says to a docket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SignalFact {
    /// The epoch it was accepted into.
    pub(super) epoch: Epoch,
    pub(super) lead: Lead,
    pub(super) field: Field,
    /// Whoever reports gave a name, and is to be told what comes of it.
    pub(super) named: bool,
    pub(super) site: SiteId,
    pub(super) zone: ZoneId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fact {
    Result(Box<ResultFact>),
    Command(Box<CommandFact>),
    Signal(Box<SignalFact>),
}

pub(super) type FactKey = (Timestamp, FactId);

/// What cases are judged by.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) policy: &'a CasePolicy,
    pub(super) count: Count<'a>,
}

/// The facts of one docket, and the cases that they make.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Docket {
    pub(super) key: CaseKey,
    pub(super) facts: TightMap<FactKey, Fact>,
    pub(super) cases: Vec<Case>,
    /// The time under which its next term waits to lapse.
    pub(super) timer: Option<Timestamp>,
}

impl Docket {
    pub(super) fn new(key: CaseKey) -> Self {
        Self {
            key,
            facts: TightMap::default(),
            cases: Vec::new(),
            timer: None,
        }
    }

    /// When what is recorded of its cases last changed.
    fn last_event(&self) -> Option<Timestamp> {
        let events = self.cases.iter().filter_map(|case| case.events.last());
        events.map(|event| event.at).max()
    }

    /// When the last complaint was heard that a result answers without naming a case, if there is any.
    pub(super) fn asked(&self, result: &ResultFact) -> Option<Timestamp> {
        let since = result.answers.as_ref()?.since;
        let heard = self
            .facts
            .iter()
            .rev()
            .filter_map(|((at, _), fact)| match fact {
                Fact::Signal(signal)
                    if signal.lead == Lead::FastTest && signal.epoch <= result.epoch =>
                {
                    Some(*at)
                }
                Fact::Signal(_) | Fact::Result(_) | Fact::Command(_) => None,
            });
        let mut heard = heard.filter(|at| (since..=result.sampled_at).contains(at));
        heard.next()
    }

    /// The next time at which a term lapses.
    pub(super) fn next_lapse(&self) -> Option<Timestamp> {
        let open = self.cases.last().filter(|case| case.state.is_open())?;
        open.deadlines.iter().filter_map(Deadline::next_lapse).min()
    }

    /// Whether `fact`, which stands among the facts already, comes after everything else.
    pub(super) fn goes_on_with(&self, fact: &FactKey) -> bool {
        let last_fact = self.facts.last_key().is_none_or(|last| last == fact);
        last_fact && self.last_event().is_none_or(|at| at <= fact.0)
    }

    /// Takes in a fact that comes last, and lets terms lapse up to `through`.
    pub(super) fn go_on_with(
        &mut self,
        fact: &FactKey,
        through: Option<Timestamp>,
        rules: Rules<'_>,
    ) {
        let cases = std::mem::take(&mut self.cases);
        let mut fold = Fold::on(&self.key, cases, &self.facts, rules);
        fold.take(fact);
        fold.lapse(through);
        self.cases = fold.cases;
    }

    /// Lets terms lapse up to `through`.
    pub(super) fn lapse(&mut self, through: Timestamp, rules: Rules<'_>) {
        let cases = std::mem::take(&mut self.cases);
        let mut fold = Fold::on(&self.key, cases, &self.facts, rules);
        fold.lapse(Some(through));
        self.cases = fold.cases;
    }

    /// The cases that all facts make, terms lapsed up to `through`. What has lapsed on record has lapsed.
    pub(super) fn refolded(&self, through: Option<Timestamp>, rules: Rules<'_>) -> Vec<Case> {
        let through = through.max(self.last_event());
        let mut fold = Fold::on(&self.key, Vec::new(), &self.facts, rules);
        for key in self.facts.keys() {
            fold.take(key);
        }
        fold.lapse(through);
        fold.cases
    }

    /// The rule that a command among the facts breaks: its own, or that it makes others void.
    pub(super) fn refusal(
        command: &CommandId,
        before: &[Case],
        after: &[Case],
    ) -> Option<CaseRefusal> {
        let void = |cases: &[Case]| {
            let events = cases.iter().flat_map(|case| &case.events);
            let void = events.filter_map(|event| match (&event.what, &event.cause) {
                (Happened::Void(rule), Cause::Command(id)) => {
                    Some((id.clone(), (*rule, event.state)))
                }
                (_, Cause::Result(_) | Cause::Command(_) | Cause::Term(_) | Cause::Signal(_)) => {
                    None
                }
            });
            void.collect::<BTreeMap<_, _>>()
        };
        let (was, is) = (void(before), void(after));
        if let Some((rule, state)) = is.get(command) {
            return Some(CaseRefusal {
                rule: *rule,
                state: *state,
            });
        }
        let overtaken = is.iter().find(|(id, _)| !was.contains_key(*id));
        overtaken.map(|(_, (_, state))| CaseRefusal {
            rule: CaseRule::Overtaken,
            state: *state,
        })
    }
}

#[cfg(test)]
mod tests;
