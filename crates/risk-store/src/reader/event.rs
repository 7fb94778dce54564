//! Outgoing events（外发事件）, as the ledger has them.

use super::Reader;
use crate::error::StoreError;
use crate::records::{DeadLetter, Record};
use crate::shelf::{DRAW_RECORD, PlanShelf};
use risk_domain::decision::{Command, Order};
use risk_domain::ids::DrawId;
use risk_engine::{AlertMoved, Assessment, CaseInsert, Effect, LedgerPlan, PlanState};

/// An outgoing event.
#[derive(Debug, Clone, PartialEq)]
pub enum OutEvent {
    /// A subject's recorded level changed.
    Grade(Box<Assessment>),
    /// An alert opened, or something of it changed.
    Alert(Box<AlertMoved>),
    /// A record was rejected.
    DeadLetter(Box<DeadLetter>),
    /// A case was opened, went on, or had something noted.
    Case(Box<CaseInsert>),
    /// A plan was committed to, drawn or revealed.
    Plan(Box<PlanMoved>),
}

/// A step of a plan, and how the plan stands after it（计划动态）.
#[doc(alias = "计划动态")]
#[derive(Debug, Clone, PartialEq)]
pub struct PlanMoved {
    /// Which plan.
    pub plan: DrawId,
    /// How it stands.
    pub known: LedgerPlan,
    /// The record of its draw, JSON: once it is public, and while its document is what the ledger says.
    pub record: Option<Vec<u8>>,
}

impl Reader {
    /// Outgoing events from entry `from` on, at most `max`, each with its entry. Which assessments
    /// are events is said where the views are described.
    pub fn outbox_after(&self, from: u64, max: usize) -> Result<Vec<(u64, OutEvent)>, StoreError> {
        let entries = self.views.read(|views| views.outbox(from, max))?;
        let event = |entry| Ok((entry, self.event(entry)?));
        entries.into_iter().map(event).collect()
    }

    fn event(&self, entry: u64) -> Result<OutEvent, StoreError> {
        match self.record(entry)? {
            Record::Effect(Effect::Assessed(assessment)) => Ok(OutEvent::Grade(assessment)),
            Record::Effect(Effect::AlertMoved(moved)) => Ok(OutEvent::Alert(moved)),
            Record::Effect(Effect::CaseMoved(moved)) => {
                Ok(OutEvent::Case(Box::new((*moved).into())))
            }
            Record::Effect(Effect::CaseInserted(insert)) => Ok(OutEvent::Case(insert)),
            Record::Rejection(record) => {
                let opened = self.opened(entry, *record)?;
                Ok(OutEvent::DeadLetter(Box::new(opened)))
            }
            Record::Command(record) => self.plan_moved(entry, &record.told),
            Record::Effect(
                Effect::EpochClosed(_)
                | Effect::SnapshotFitted(_)
                | Effect::RatesTold(_)
                | Effect::LevelsTold(_)
                | Effect::CoursesTold(_)
                | Effect::WeekWatched(_)
                | Effect::CaseGone(_)
                | Effect::ReferenceRefused(_)
                | Effect::AlertRaised(_)
                | Effect::AlertTermsSet(_)
                | Effect::SignalRaised(_)
                | Effect::ResultsRaised(_),
            )
            | Record::Result(_)
            | Record::Registry(_)
            | Record::Signal(_)
            | Record::Access(_)
            | Record::Erasure(_)
            | Record::Input(_) => Err(no_event(entry)),
        }
    }

    /// A step of a plan, with all steps up to it: whoever reads one event knows how the plan stood then.
    fn plan_moved(&self, entry: u64, command: &Command) -> Result<OutEvent, StoreError> {
        let Order::Plan { plan, .. } = &command.order else {
            return Err(no_event(entry));
        };
        let steps = self.plan_steps(plan, entry + 1)?;
        let known = LedgerPlan::after(steps.iter().map(|(_, step)| step));
        let known = known.ok_or_else(|| no_event(entry))?;
        let record = match (known.state(), &known.draw) {
            (PlanState::Revealed, Some((draw, _))) => {
                let hash = draw.record_sha256;
                let name = PlanShelf::numbered(DRAW_RECORD, hash, "json");
                self.shelf.get_unchanged(plan, &name, hash)?
            }
            (PlanState::Revealed, None) | (PlanState::Committed | PlanState::Drawn, _) => None,
        };
        Ok(OutEvent::Plan(Box::new(PlanMoved {
            plan: plan.clone(),
            known,
            record,
        })))
    }
}

fn no_event(entry: u64) -> StoreError {
    let reason = "the outbox names it as an event, which it is not".to_owned();
    StoreError::Record { entry, reason }
}
