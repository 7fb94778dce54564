//! All dockets of an engine: which facts belong to which, what follows, and when a term lapses next.
//!
//! A result belongs to the docket of the result that it corrects, confirms or follows up, else to that
//! of the case that it names, else, made on complaint, to that of the complaint that it answers, else to that of
//! its own enterprise, product and hazard, if it may open a case there. That is a function of the set of results: one that refers to a result that has not come yet, or
//! to a case that is not open yet, moves to it when it comes.

mod answering;
mod change;
mod kept;
mod known;
mod listed;

use answering::{answers, field_of};
pub(crate) use change::CaseChange;
pub use change::{CaseInsert, CaseMove};
use change::{additions, difference, lengths};
pub(crate) use kept::{Docketed, Unsettled};
pub use listed::CaseFilter;
use listed::Listed;

use super::docket::{CommandFact, Docket, Fact, FactId, FactKey, ResultFact, Rules};
use super::{Case, CaseKey, CaseRefusal, CaseRule, Count, Found};
use crate::event_time::Epoch;
use crate::paged::Paged;
use crate::policy::Policy;
use crate::taxonomy::Taxonomy;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use risk_domain::decision::{Command, Order};
use risk_domain::ids::{CaseId, EnterpriseId, InspectionId, ProductCode};
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::scales::Severity;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

/// A result that stands in no docket yet, or whose docket may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Loose {
    at: Timestamp,
    own: CaseKey,
    fact: ResultFact,
}

impl Loose {
    /// Whether it may belong elsewhere once more is known.
    fn is_unsettled(&self) -> bool {
        let fact = &self.fact;
        targets(fact).next().is_some() || fact.case.is_some() || fact.answers.is_some()
    }
}

/// What happened to a docket that is to be judged.
#[derive(Debug, Clone, PartialEq)]
enum Touch {
    /// This fact came.
    Added(FactKey),
    /// More than one came, or one went.
    Anew,
}

/// All cases（全部案件）.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cases {
    dockets: Paged<Docket>,
    by_key: BTreeMap<CaseKey, u32>,
    /// Dockets by the hash of their key: nearly every result that fails looks for one.
    by_hash: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Every id that a case ever had; one that later facts did away with leads to the same docket.
    by_id: HashMap<CaseId, u32>,
    of_record: HashMap<InspectionId, (u32, Timestamp)>,
    loose: BTreeMap<InspectionId, Loose>,
    /// Results that refer to one without a docket.
    waiting: BTreeMap<InspectionId, BTreeSet<InspectionId>>,
    /// Results that name a case, whether there is one or not.
    awaiting: BTreeMap<CaseId, BTreeSet<InspectionId>>,
    /// Results that may answer a complaint, whether one was heard or not.
    answering: BTreeMap<(EnterpriseId, ProductCode), BTreeSet<InspectionId>>,
    timers: BTreeSet<(Timestamp, u32)>,
    touched: BTreeMap<u32, Touch>,
    /// The cases as they are listed: made of the dockets, by whatever changes one.
    listed: Listed,
}

/// Whether a result may open a case by itself.
fn opens(result: &InspectionResult) -> bool {
    let failed = match result.outcome {
        Outcome::Nonconforming | Outcome::Refused | Outcome::Terminated => true,
        Outcome::Conforming
        | Outcome::NotSampled
        | Outcome::RejectedByLab
        | Outcome::Untestable => false,
    };
    // Monitoring grounds no penalty; what it finds is checked.
    failed && result.mode != SelectionMode::RiskEvaluation
}

/// The results that one refers to, the one whose docket is its own first.
fn targets(fact: &ResultFact) -> impl Iterator<Item = &InspectionId> {
    fact.replaces.iter().chain(&fact.upon)
}

impl Cases {
    /// Takes a result in, if it says anything to a case.
    pub(crate) fn admit_result(
        &mut self,
        result: &InspectionResult,
        epoch: Epoch,
        policy: &Policy,
        taxonomy: &Taxonomy,
    ) {
        let linked = result.supersedes.is_some()
            || result.confirms.is_some()
            || result.follow_up_of.is_some()
            || result.case_id.is_some();
        let opens = opens(result);
        let cases = &policy.cases;
        let answers = if linked { None } else { answers(result, cases) };
        if !(linked || opens || answers.is_some()) {
            return;
        }
        let hazard = result.failed_items().find_map(|item| item.hazard.clone());
        let own = CaseKey {
            enterprise: result.site.enterprise_id.clone(),
            product: result.product.category.clone(),
            hazard,
        };
        let microbes = |hazard| cases.microbe_hazards.contains(hazard);
        let upon = [result.confirms.clone(), result.follow_up_of.clone()];
        let fact = ResultFact {
            epoch,
            found: Found::of(result),
            opens,
            severe: result.worst_severity() == Some(Severity::Four),
            microbes: result
                .failed_items()
                .any(|item| item.hazard.as_ref().is_some_and(microbes)),
            field: field_of(&own.product, cases, taxonomy),
            sampled_at: result.sampled_at,
            site: result.site.site_id.clone(),
            zone: result.site.zone_id.clone(),
            upon: upon.into_iter().flatten().collect(),
            case: result.case_id.clone(),
            answers,
            replaces: result.supersedes.clone(),
        };
        let loose = Loose {
            at: result.observed_at,
            own,
            fact,
        };
        self.settle(result.inspection_id.clone(), loose);
    }

    /// Finds a result its docket, and then those that waited for it.
    fn settle(&mut self, id: InspectionId, loose: Loose) {
        for target in targets(&loose.fact) {
            let waiting = self.waiting.entry(target.clone()).or_default();
            waiting.insert(id.clone());
        }
        if let Some(case) = &loose.fact.case {
            let awaiting = self.awaiting.entry(case.clone()).or_default();
            awaiting.insert(id.clone());
        }
        self.await_complaint(&id, &loose);
        let mut work = vec![(id, loose)];
        // Results that refer to one another in a ring would move for ever; each moves once.
        let mut moved = BTreeSet::new();
        while let Some((id, loose)) = work.pop() {
            let home = self.home_of(&loose);
            let stands = self.of_record.get(&id).map(|(docket, _)| *docket);
            let unsettled = loose.is_unsettled().then(|| loose.clone());
            if let Some(home) = home.filter(|home| stands != Some(*home)) {
                if stands.is_some() {
                    self.remove(&id, loose.at);
                }
                self.place(&id, loose, home);
                for waiting in self.waiting.get(&id).into_iter().flatten() {
                    if moved.insert(waiting.clone())
                        && let Some(waits) = self.loose.get(waiting)
                    {
                        work.push((waiting.clone(), waits.clone()));
                    }
                }
            }
            if let Some(unsettled) = unsettled {
                self.loose.insert(id, unsettled);
            }
        }
    }

    fn home_of(&mut self, loose: &Loose) -> Option<u32> {
        let known = |target: &InspectionId| {
            let (docket, at) = self.of_record.get(target)?;
            let facts = &self.dockets.get(*docket as usize)?.facts;
            // Of a later epoch is what a partition was only read ahead of the others: had it come in
            // its turn, nothing would have waited for it any more.
            match facts.get(&(*at, FactId::Result(target.clone())))? {
                Fact::Result(fact) if fact.epoch <= loose.fact.epoch => Some(*docket),
                Fact::Result(_) | Fact::Command(_) | Fact::Signal(_) => None,
            }
        };
        let named = || self.docket_by(loose.fact.case.as_ref()?, loose.fact.epoch);
        let home = targets(&loose.fact).find_map(known).or_else(named);
        let home = home.or_else(|| self.complained_of(loose));
        home.or_else(|| loose.fact.opens.then(|| self.docket(&loose.own)))
    }

    fn docket(&mut self, key: &CaseKey) -> u32 {
        let Self {
            dockets,
            by_hash,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one(key);
        let known = by_hash.find(hash, |number| dockets[*number as usize].key == *key);
        if let Some(docket) = known {
            return *docket;
        }
        let number = dockets.len() as u32;
        dockets.push(Docket::new(key.clone()));
        by_hash.insert_unique(hash, number, |number| {
            hasher.hash_one(&dockets[*number as usize].key)
        });
        self.by_key.insert(key.clone(), number);
        number
    }

    fn place(&mut self, id: &InspectionId, loose: Loose, home: u32) {
        let key = (loose.at, FactId::Result(id.clone()));
        self.of_record.insert(id.clone(), (home, loose.at));
        if let Some(docket) = self.dockets.get_mut(home as usize) {
            let fact = Fact::Result(Box::new(loose.fact));
            docket.facts.insert(key.clone(), fact);
            self.touch(home, &Touch::Added(key));
        }
    }

    fn remove(&mut self, id: &InspectionId, at: Timestamp) {
        let Some((stands, _)) = self.of_record.remove(id) else {
            return;
        };
        if let Some(docket) = self.dockets.get_mut(stands as usize) {
            docket.facts.remove(&(at, FactId::Result(id.clone())));
            self.touch(stands, &Touch::Anew);
        }
    }

    fn touch(&mut self, docket: u32, touch: &Touch) {
        let known = self.touched.entry(docket).or_insert_with(|| touch.clone());
        if known != touch {
            *known = Touch::Anew;
        }
    }

    /// Takes a command in.
    pub(crate) fn admit_command(&mut self, command: &Command) {
        let Some((docket, key, fact)) = self.fact_of(command) else {
            return;
        };
        if let Some(of) = self.dockets.get_mut(docket as usize) {
            of.facts.insert(key.clone(), fact);
            self.touch(docket, &Touch::Added(key));
        }
    }

    fn fact_of(&self, command: &Command) -> Option<(u32, FactKey, Fact)> {
        let (case, action) = match &command.order {
            Order::Case { case, action } => (case, action),
            Order::Grade { .. }
            | Order::Alert { .. }
            | Order::Problem { .. }
            | Order::Plan { .. } => return None,
        };
        let docket = *self.by_id.get(case)?;
        let fact = CommandFact {
            case: case.clone(),
            actor: command.actor.clone(),
            reason: command.reason.clone(),
            action: action.clone(),
        };
        let key = (
            command.decided_at,
            FactId::Command(command.command_id.clone()),
        );
        Some((docket, key, Fact::Command(Box::new(fact))))
    }

    /// Whether a case ever had this id.
    pub(crate) fn knows(&self, id: &CaseId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The rule that a command breaks, if it breaks one; nothing changes.
    pub(crate) fn refuses(
        &self,
        command: &Command,
        through: Option<Timestamp>,
        policy: &Policy,
        taxonomy: &Taxonomy,
    ) -> Option<CaseRefusal> {
        let (number, key, fact) = self.fact_of(command)?;
        let docket = self.dockets.get(number as usize)?;
        let case = command.order.case().and_then(|case| self.case(case));
        if let Some(case) = case.filter(|case| command.decided_at < case.opened_at) {
            return Some(CaseRefusal {
                rule: CaseRule::NotYetOpen,
                state: case.events.first().map_or(case.state, |event| event.state),
            });
        }
        let mut trial = docket.clone();
        trial.facts.insert(key.clone(), fact);
        let rules = rules(policy, taxonomy);
        if trial.goes_on_with(&key) {
            trial.go_on_with(&key, through, rules);
        } else {
            trial.cases = trial.refolded(through, rules);
        }
        Docket::refusal(&command.command_id, &docket.cases, &trial.cases)
    }

    /// Makes the changes of cases that follow from what came since, and says which.
    pub(crate) fn judge(
        &mut self,
        through: Option<Timestamp>,
        policy: &Policy,
        taxonomy: &Taxonomy,
    ) -> Vec<CaseChange> {
        let mut changes = Vec::new();
        let mut made = Vec::new();
        let rules = rules(policy, taxonomy);
        for (number, touch) in std::mem::take(&mut self.touched) {
            self.change(number, |docket| match touch {
                Touch::Added(fact) if docket.goes_on_with(&fact) => {
                    let lengths = lengths(&docket.cases);
                    docket.go_on_with(&fact, through, rules);
                    changes.extend(additions(&lengths, &docket.cases));
                }
                Touch::Added(_) | Touch::Anew => {
                    let after = docket.refolded(through, rules);
                    let before = std::mem::replace(&mut docket.cases, after);
                    changes.extend(difference(&before, &docket.cases));
                }
            });
            made.push((number, changes.len()));
        }
        let mut noted = 0;
        for (number, until) in made {
            self.note_opened(number, changes.get(noted..until).unwrap_or_default());
            noted = until;
        }
        changes
    }

    /// Whether nothing came that is to be judged.
    pub(crate) fn is_quiet(&self) -> bool {
        self.touched.is_empty()
    }

    /// What is taken in while facts are folded is judged already.
    pub(crate) fn judged(&mut self) {
        self.touched.clear();
    }

    /// When the next term lapses.
    pub(crate) fn next_lapse(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Lets the term lapse that does so first, if that is by `through`, and says what changed.
    pub(crate) fn lapse(
        &mut self,
        through: Timestamp,
        policy: &Policy,
        taxonomy: &Taxonomy,
    ) -> Vec<CaseChange> {
        let mut changes = Vec::new();
        let due = self.timers.first().filter(|(at, _)| *at <= through);
        if let Some((_, number)) = due.copied() {
            self.change(number, |docket| {
                let lengths = lengths(&docket.cases);
                docket.lapse(through, rules(policy, taxonomy));
                changes.extend(additions(&lengths, &docket.cases));
            });
            self.note_opened(number, &changes);
        }
        changes
    }

    /// Makes a change that is on record, after whose events so many of the last stay.
    pub(crate) fn apply(&mut self, moved: &CaseMove, stays: u32) {
        let number = self.docket(&moved.case.key);
        self.change(number, |docket| {
            let cases = &mut docket.cases;
            let stands = cases.iter().position(|case| case.id == moved.case.id);
            let before = stands.map(|place| cases.remove(place).events);
            let mut events = before.unwrap_or_default();
            moved.put_into(stays, &mut events);
            let case = Case {
                events,
                ..moved.case.clone()
            };
            let place = (case.number as usize).min(cases.len());
            cases.insert(place, case);
        });
        self.note_id(number, &moved.case);
    }

    fn note_opened(&mut self, docket: u32, changes: &[CaseChange]) {
        for case in changes.iter().filter_map(CaseChange::case) {
            self.note_id(docket, case);
        }
    }

    /// Has a case of a docket found by its id, and gives it what waited for it.
    fn note_id(&mut self, docket: u32, case: &Case) {
        if self.by_id.contains_key(&case.id) {
            return;
        }
        self.by_id.insert(case.id.clone(), docket);
        let awaiting = self.awaiting.get(&case.id);
        for id in awaiting.cloned().into_iter().flatten() {
            if let Some(loose) = self.loose.get(&id).cloned() {
                self.settle(id, loose);
            }
        }
    }

    /// Takes away a case that the facts no longer make.
    pub(crate) fn apply_gone(&mut self, id: &CaseId) {
        if let Some(number) = self.by_id.get(id).copied() {
            self.change(number, |docket| docket.cases.retain(|case| case.id != *id));
        }
    }

    /// Changes the cases of a docket: the one place where that is done, so that timers and lists follow.
    fn change(&mut self, number: u32, change: impl FnOnce(&mut Docket)) {
        if let Some(docket) = self.dockets.get_mut(number as usize) {
            let before = self.listed.lines(number, &docket.cases);
            change(docket);
            let after = self.listed.lines(number, &docket.cases);
            self.listed.change(&before, after);
            let timer = docket.next_lapse();
            if timer != docket.timer {
                if let Some(at) = docket.timer {
                    self.timers.remove(&(at, number));
                }
                self.timers.extend(timer.map(|at| (at, number)));
                docket.timer = timer;
            }
        }
    }

    /// Nothing waits for a result that should have come by the close of its epoch.
    pub(crate) fn close(&mut self, epoch: Epoch) {
        if self.loose.is_empty() {
            return;
        }
        self.loose.retain(|_, loose| loose.fact.epoch > epoch);
        let loose = &self.loose;
        self.waiting.retain(|_, waiting| {
            waiting.retain(|id| loose.contains_key(id));
            !waiting.is_empty()
        });
        self.awaiting.retain(|_, awaiting| {
            awaiting.retain(|id| loose.contains_key(id));
            !awaiting.is_empty()
        });
        self.answering.retain(|_, answering| {
            answering.retain(|id| loose.contains_key(id));
            !answering.is_empty()
        });
    }
}

fn rules<'a>(policy: &'a Policy, taxonomy: &'a Taxonomy) -> Rules<'a> {
    Rules {
        policy: &policy.cases,
        count: Count {
            calendar: &taxonomy.calendar,
            offset: policy.time.offset,
        },
    }
}
