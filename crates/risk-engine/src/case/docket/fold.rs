//! How cases follow from facts, one after the other: terms lapse, results and commands are taken in.

mod heard;

use super::{CommandFact, Fact, FactId, FactKey, Field, ResultFact, Rules};
use crate::case::act::{Act, Capacity, Found};
use crate::case::machine::Transition;
use crate::case::rule::CaseRule;
use crate::case::{
    Case, CaseEvent, CaseKey, CaseKind, CaseState, Cause, Ending, Happened, Proposal, enforcement,
    farm_produce, fast_test, food_check, spot_check,
};
use crate::tight::{TightMap, push_tight};
use compact_str::CompactString;
use risk_domain::case_act::Measure;
use risk_domain::case_action::CaseAction;
use risk_domain::ids::{CaseId, CommandId, InspectionId, SiteId, ZoneId};
use risk_domain::scales::Role;
use risk_domain::time::{DAY_MILLIS, Day, Timestamp};
use sha2::{Digest, Sha256};

fn case_id(key: &CaseKey, kind: CaseKind, record: &InspectionId) -> Option<CaseId> {
    let mut hash = Sha256::new();
    let hazard = key.hazard.as_ref().map_or("", |hazard| hazard.as_str());
    let parts = [
        key.enterprise.as_str(),
        key.product.as_str(),
        hazard,
        kind.code(),
        record.as_str(),
    ];
    for part in parts {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let prefix = digest.first_chunk::<16>();
    let prefix = prefix.map(|bytes| u128::from_be_bytes(*bytes))?;
    CaseId::new(format!("{prefix:032x}")).ok()
}

/// Who, in which role, through what and why.
#[derive(Clone)]
pub(super) struct By {
    actor: CompactString,
    role: Option<Role>,
    cause: Cause,
    reason: CompactString,
    measures: Vec<Measure>,
}

impl By {
    fn result(id: &InspectionId) -> Self {
        Self {
            actor: CompactString::const_new("system:result"),
            role: None,
            cause: Cause::Result(id.clone()),
            reason: CompactString::default(),
            measures: Vec::new(),
        }
    }

    fn officer(id: &CommandId, command: &CommandFact) -> Self {
        Self {
            actor: CompactString::new(command.actor.id.as_str()),
            role: Some(command.actor.role),
            cause: Cause::Command(id.clone()),
            reason: command.reason.clone(),
            measures: Vec::new(),
        }
    }

    pub(super) fn event(self, at: Timestamp, what: Happened, state: CaseState) -> CaseEvent {
        let Self {
            actor,
            role,
            cause,
            reason,
            measures,
        } = self;
        CaseEvent {
            at,
            actor,
            role,
            cause,
            what,
            state,
            reason,
            measures,
        }
    }
}

/// Cases while facts are taken in, one after the other.
pub(super) struct Fold<'a> {
    key: &'a CaseKey,
    pub(super) cases: Vec<Case>,
    facts: &'a TightMap<FactKey, Fact>,
    rules: Rules<'a>,
}

/// What opens a case, besides the record.
struct Opening {
    state: CaseState,
    site: SiteId,
    zone: ZoneId,
    record: InspectionId,
    succeeds: Option<CaseId>,
}

impl<'a> Fold<'a> {
    pub(super) fn on(
        key: &'a CaseKey,
        cases: Vec<Case>,
        facts: &'a TightMap<FactKey, Fact>,
        rules: Rules<'a>,
    ) -> Self {
        Self {
            key,
            cases,
            facts,
            rules,
        }
    }

    fn open(&mut self) -> Option<&mut Case> {
        self.cases.last_mut().filter(|case| case.state.is_open())
    }

    pub(super) fn take(&mut self, key: &FactKey) {
        self.lapse(Some(key.0));
        match (&key.1, self.facts.get(key)) {
            (FactId::Result(id), Some(Fact::Result(fact))) => self.result(key.0, id, fact),
            (FactId::Command(id), Some(Fact::Command(fact))) => self.command(key.0, id, fact),
            (FactId::Signal(id), Some(Fact::Signal(fact))) => self.heard(key.0, id, fact),
            // A docket never keeps a fact under the id of another kind.
            (FactId::Result(_) | FactId::Command(_) | FactId::Signal(_), Some(_) | None) => {}
        }
    }

    /// Lets terms lapse up to `through`, in the order of their ends.
    pub(super) fn lapse(&mut self, through: Option<Timestamp>) {
        let Some(through) = through else {
            return;
        };
        loop {
            let Some(case) = self.open() else {
                return;
            };
            let running = case.deadlines.iter_mut();
            let next = running
                .filter_map(|one| one.next_lapse().map(|at| (at, one.term, one)))
                .filter(|(at, _, _)| *at <= through)
                .min_by_key(|(at, term, _)| (*at, *term));
            let Some((at, term, deadline)) = next else {
                return;
            };
            deadline.lapsed = true;
            // A term that was over when its clock started lapses with what started it.
            let at = at.max(case.events.last().map_or(at, |event| event.at));
            let by = By {
                actor: CompactString::new(format!("system:term:{}", term.code())),
                role: None,
                cause: Cause::Term(term),
                reason: CompactString::default(),
                measures: Vec::new(),
            };
            // A machine takes every lapse; one that it had no step for would be noted all the same.
            if self.act(at, Act::Lapsed(term), None, by.clone()).is_err()
                && let Some(case) = self.open()
            {
                case.note(at, Act::Lapsed(term), by);
            }
        }
    }

    fn result(&mut self, at: Timestamp, id: &InspectionId, fact: &ResultFact) {
        let by = By::result(id);
        // Only what stands before it in the order of facts is known to it.
        let own = (at, FactId::Result(id.clone()));
        let known = |other: &InspectionId| {
            let mut before = self.facts.before(&own);
            before.any(|(key, _)| key.1 == FactId::Result(other.clone()))
        };
        let linked = fact.upon.iter().any(known);
        let failed = match fact.found {
            Found::Failed(_) | Found::Refused | Found::Terminated => true,
            Found::Passed(_)
            | Found::NotSampled
            | Found::RejectedByLab
            | Found::Untestable
            | Found::Corrected => false,
        };
        let Some(case) = self.open() else {
            if failed && fact.opens {
                self.open_by(at, id, fact);
            }
            return;
        };
        let named = fact.case.as_ref() == Some(&case.id);
        let answers = fact.answers.is_some() && case.state.asks_for_a_check();
        let of_this_case = linked || named || answers;
        if let Some(replaced) = &fact.replaces {
            if case.rests_on(replaced) && matches!(fact.found, Found::Passed(_)) {
                let ended = self.act(at, Act::Found(Found::Corrected), None, by);
                debug_assert!(ended.is_ok(), "an open case takes a correction");
                return;
            }
            case.note(at, Act::Found(fact.found), by);
        } else if of_this_case && case.waits_for(fact) {
            if self
                .act(at, Act::Found(fact.found), None, by.clone())
                .is_err()
                && let Some(case) = self.open()
            {
                case.note(at, Act::Found(fact.found), by);
            }
        } else if of_this_case || failed {
            case.note(at, Act::Found(fact.found), by);
        }
    }

    /// Opens a case, where the law has one for what was found.
    fn open_by(&mut self, at: Timestamp, id: &InspectionId, fact: &ResultFact) {
        let again = self.cases.last().is_some_and(|last| {
            let days = i64::from(self.rules.policy.repeat_within_days);
            let closed = last.closed_at.map(|closed| at.millis_since(closed));
            last.state.kind() == CaseKind::FastTest
                && !matches!(
                    last.state,
                    CaseState::Closed(
                        _,
                        Ending::FalsePositive
                            | Ending::ResultCorrected
                            | Ending::CheckedClean
                            | Ending::NotFiled
                    )
                )
                && closed.is_some_and(|since| since <= days * DAY_MILLIS)
        });
        let state = match (fact.found, fact.field) {
            (Found::Failed(Capacity::Screen), Field::FarmProduce) => {
                CaseState::FarmProduce(farm_produce::opening())
            }
            (Found::Failed(Capacity::Screen), Field::Industrial | Field::Food) => {
                CaseState::FastTest(fast_test::opening(fact.severe, again))
            }
            (Found::Failed(Capacity::Verification), _) => {
                CaseState::FastTest(fast_test::verified(again))
            }
            (Found::Failed(Capacity::Formal), Field::Food | Field::FarmProduce) => {
                CaseState::FoodCheck(food_check::opening(fact.microbes))
            }
            (Found::Failed(Capacity::Formal), Field::Industrial) => {
                CaseState::SpotCheck(spot_check::opening())
            }
            (Found::Failed(Capacity::Evidence) | Found::Refused | Found::Terminated, _) => {
                CaseState::Enforcement(enforcement::opening())
            }
            (
                Found::Passed(_)
                | Found::NotSampled
                | Found::RejectedByLab
                | Found::Untestable
                | Found::Corrected,
                _,
            ) => return,
        };
        let opening = Opening {
            state,
            site: fact.site.clone(),
            zone: fact.zone.clone(),
            record: id.clone(),
            succeeds: None,
        };
        self.begin(at, opening, By::result(id));
    }

    fn begin(&mut self, at: Timestamp, opening: Opening, by: By) {
        let Opening {
            state,
            site,
            zone,
            record,
            succeeds,
        } = opening;
        let Some(id) = case_id(self.key, state.kind(), &record) else {
            return;
        };
        let mut case = Case {
            id,
            key: self.key.clone(),
            number: self.cases.len() as u32,
            site,
            zone,
            opened_at: at,
            opened_by: record,
            succeeds,
            state,
            entered_at: at,
            deadlines: Vec::new(),
            assigned: None,
            pause: None,
            proposals: Vec::new(),
            closed_at: None,
            events: Vec::new(),
        };
        case.enter(at, state, self.rules);
        case.push(by, at, Happened::Opened);
        push_tight(&mut self.cases, case);
    }

    /// Lets an act happen to the open case.
    fn act(&mut self, at: Timestamp, act: Act, due: Option<Day>, by: By) -> Result<(), CaseRule> {
        let rules = self.rules;
        let (switches, facts) = (rules.policy.switches, self.facts);
        let Some(case) = self.open() else {
            return Err(CaseRule::Closed);
        };
        let next = case.state.next(act, switches);
        let next = next.map_err(|_no_step| CaseRule::NoSuchStep)?;
        match next {
            Transition::To(state) => {
                let before = case.deadlines.clone();
                case.enter(at, state, rules);
                if let Some(day) = due
                    && let Err(rule) = case.set_due(day, &before, rules.count)
                {
                    return Err(rule);
                }
                case.happen(at, act, by, rules);
            }
            Transition::Stay if due.is_some() => return Err(CaseRule::NoTermToSet),
            Transition::Stay => case.note(at, act, by),
            Transition::End(_) | Transition::PassOn(_) if due.is_some() => {
                return Err(CaseRule::NoTermToSet);
            }
            Transition::End(ending) => {
                case.end(at, ending, rules);
                case.happen(at, act, by, rules);
            }
            Transition::PassOn(kind) => {
                case.end(at, Ending::PassedOn, rules);
                case.happen(at, act, by.clone(), rules);
                let record = match &by.cause {
                    Cause::Result(id) => id.clone(),
                    Cause::Command(_) | Cause::Term(_) | Cause::Signal(_) => case.opened_by.clone(),
                };
                let found = facts.iter().find_map(|(key, fact)| match fact {
                    Fact::Result(fact) => (key.1 == FactId::Result(record.clone())).then_some(fact),
                    Fact::Command(_) | Fact::Signal(_) => None,
                });
                let microbes = found.is_some_and(|fact| fact.microbes);
                let food = found.is_some_and(|fact| fact.field != Field::Industrial);
                let state = match kind {
                    CaseKind::FastTest => CaseState::FastTest(fast_test::opening(false, false)),
                    // A formal sample of food goes by the law of food.
                    CaseKind::SpotCheck if food => {
                        CaseState::FoodCheck(food_check::opening(microbes))
                    }
                    CaseKind::SpotCheck => CaseState::SpotCheck(spot_check::opening()),
                    CaseKind::FoodCheck => CaseState::FoodCheck(food_check::opening(microbes)),
                    CaseKind::FarmProduce => CaseState::FarmProduce(farm_produce::opening()),
                    CaseKind::Enforcement => CaseState::Enforcement(enforcement::opening()),
                };
                let opening = Opening {
                    state,
                    site: case.site.clone(),
                    zone: case.zone.clone(),
                    record,
                    succeeds: Some(case.id.clone()),
                };
                self.begin(at, opening, by);
            }
        }
        Ok(())
    }

    fn command(&mut self, at: Timestamp, id: &CommandId, command: &CommandFact) {
        let named = self.cases.iter().position(|case| case.id == command.case);
        // An id that later facts have done away with stands for the case that took its place.
        let at_number = named.or_else(|| self.cases.len().checked_sub(1));
        let Some(number) = at_number else {
            return;
        };
        // On a copy, so that a refused command leaves nothing behind.
        let before = self.cases.clone();
        if let Err(rule) = self.try_command(at, number, id, command) {
            self.cases = before;
            if let Some(case) = self.cases.get_mut(number) {
                let state = case.state;
                let void = By::officer(id, command).event(at, Happened::Void(rule), state);
                push_tight(&mut case.events, void);
            }
        }
    }

    fn try_command(
        &mut self,
        at: Timestamp,
        number: usize,
        id: &CommandId,
        command: &CommandFact,
    ) -> Result<(), CaseRule> {
        let rules = self.rules;
        let Some(case) = self.cases.get_mut(number) else {
            return Err(CaseRule::NotYetOpen);
        };
        if at < case.opened_at {
            return Err(CaseRule::NotYetOpen);
        }
        let role = command.actor.role;
        let approver = matches!(role, Role::Approver | Role::Administrator);
        if !(approver || role == Role::Officer) {
            return Err(CaseRule::RoleMayNot);
        }
        if !case.state.is_open() {
            return Err(CaseRule::Closed);
        }
        let mut by = By::officer(id, command);
        match &command.action {
            CaseAction::Assign { to } => {
                case.assigned = Some(to.clone());
                case.push(by, at, Happened::Assigned(to.clone()));
            }
            CaseAction::Note => case.push(by, at, Happened::Remarked),
            CaseAction::PauseClock { ground } => {
                if case.pause.is_some() {
                    return Err(CaseRule::PausedTwice);
                }
                if case.next_deadline().is_none() {
                    return Err(CaseRule::NoClockRuns);
                }
                case.pause = Some((at, *ground));
                case.deadlines.iter_mut().for_each(|one| one.stop(at));
                case.push(by, at, Happened::Paused(*ground));
            }
            CaseAction::ResumeClock => {
                case.pause.take().ok_or(CaseRule::NotPaused)?;
                case.let_run(at, rules);
                case.push(by, at, Happened::Resumed);
            }
            CaseAction::Take { act, due, measures } => {
                let switches = rules.policy.switches;
                let step = case.state.next(Act::Officer(*act), switches);
                step.map_err(|_no_step| CaseRule::NoSuchStep)?;
                if rules.policy.approval.contains(act) {
                    case.proposals.push(Proposal {
                        command_id: id.clone(),
                        by: command.actor.id.clone(),
                        act: *act,
                        due: *due,
                        measures: measures.clone(),
                    });
                    by.measures.clone_from(measures);
                    case.push(by, at, Happened::Proposed(*act));
                } else {
                    by.measures.clone_from(measures);
                    return self.act(at, Act::Officer(*act), *due, by);
                }
            }
            CaseAction::Approve { of } => {
                if !approver {
                    return Err(CaseRule::RoleMayNot);
                }
                let place = case.proposals.iter().position(|one| one.command_id == *of);
                let place = place.ok_or(CaseRule::NothingToApprove)?;
                let proposal = case.proposals.remove(place);
                if proposal.by == command.actor.id {
                    return Err(CaseRule::SamePerson);
                }
                by.measures.clone_from(&proposal.measures);
                return self.act(at, Act::Officer(proposal.act), proposal.due, by);
            }
        }
        Ok(())
    }
}
