//! What changes of one case when something happens to it: where it stands, which clocks run, what is noted.

use super::fold::By;
use super::{ResultFact, Rules};
use crate::case::act::Act;
use crate::case::rule::CaseRule;
use crate::case::term::{BadDay, Count, Deadline};
use crate::case::{Awaits, Case, CaseState, Ending, Happened};
use crate::tight::push_tight;
use risk_domain::time::{Day, Timestamp};

impl Case {
    /// Whether a result is of a sample that the case waits for.
    pub(super) fn waits_for(&self, fact: &ResultFact) -> bool {
        let since = match self.state.awaits() {
            Awaits::Any => return true,
            Awaits::SinceEntered => Some(self.entered_at),
            Awaits::SinceStartOf(term) => {
                let clock = self.deadlines.iter().find(|one| one.term == term);
                clock.map(|one| one.started_at)
            }
        };
        since.is_none_or(|since| fact.sampled_at >= since)
    }

    pub(super) fn push(&mut self, by: By, at: Timestamp, what: Happened) {
        push_tight(&mut self.events, by.event(at, what, self.state));
    }

    pub(super) fn note(&mut self, at: Timestamp, act: Act, by: By) {
        self.push(by, at, Happened::Noted(act));
    }

    /// Writes down that the case went on; what no longer can be done waits for nobody.
    pub(super) fn happen(&mut self, at: Timestamp, act: Act, by: By, rules: Rules<'_>) {
        let (state, switches) = (self.state, rules.policy.switches);
        self.proposals
            .retain(|one| state.next(Act::Officer(one.act), switches).is_ok());
        self.push(by, at, Happened::Moved(act));
    }

    pub(super) fn enter(&mut self, at: Timestamp, state: CaseState, rules: Rules<'_>) {
        if self.state != state {
            self.entered_at = at;
        }
        self.state = state;
        let before = std::mem::take(&mut self.deadlines);
        let clocks = state.clocks();
        self.deadlines.reserve_exact(clocks.len());
        for clock in clocks {
            if let Some(running) = before.iter().find(|one| one.term == clock.term) {
                self.deadlines.push(running.clone());
            } else if let Some(rule) = rules.policy.term(state.kind(), clock.term) {
                let deadline = Deadline::start(clock, rule, at, &before, rules.count);
                self.deadlines.push(deadline);
            }
        }
        self.let_run(at, rules);
    }

    /// Lets clocks run or stand still as the state and a pause say.
    pub(super) fn let_run(&mut self, at: Timestamp, rules: Rules<'_>) {
        let (kind, paused) = (self.state.kind(), self.pause.is_some());
        let clocks = self.state.clocks();
        for deadline in &mut self.deadlines {
            let clock = clocks.iter().find(|clock| clock.term == deadline.term);
            if paused || clock.is_some_and(|clock| clock.suspended) {
                deadline.stop(at);
            } else if let Some(rule) = rules.policy.term(kind, deadline.term) {
                deadline.go_on(at, rule, rules.count);
            }
        }
    }

    pub(super) fn end(&mut self, at: Timestamp, ending: Ending, rules: Rules<'_>) {
        self.pause = None;
        self.enter(at, CaseState::Closed(self.state.kind(), ending), rules);
        self.closed_at = Some(at);
    }

    /// Sets the last day of the first clock that the act started.
    pub(super) fn set_due(
        &mut self,
        day: Day,
        before: &[Deadline],
        count: Count<'_>,
    ) -> Result<(), CaseRule> {
        let new = |one: &&mut Deadline| !before.iter().any(|old| old.term == one.term);
        let started = self.deadlines.iter_mut().find(new);
        let started = started.ok_or(CaseRule::NoTermToSet)?;
        started.set(day, count).map_err(|bad| match bad {
            BadDay::BeforeStart => CaseRule::DueBeforeStart,
            BadDay::BeyondTerm => CaseRule::DueBeyondTerm,
        })
    }
}
