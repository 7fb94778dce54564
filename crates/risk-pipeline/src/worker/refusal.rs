//! What the worker does with records that it cannot take: dead letters, and the stop of a partition.

use super::parts::lock;
use super::{Worker, WorkerError};
use crate::dead_letter::StopReason;
use crate::source::{Partition, RawRecord, SourceBatch};
use crate::wire::{Rejection, RejectionCode};
use compact_str::CompactString;
use risk_domain::alert_action::AlertAction;
use risk_domain::case_action::CaseAction;
use risk_domain::decision::{Command, Decision, Order};
use risk_domain::ids::CommandId;
use risk_domain::inspection::InspectionResult;
use risk_domain::plan_act::PlanAction;
use risk_domain::problem::ProblemAction;
use risk_domain::registry::RegistryEntry;
use risk_domain::signal::Signal;
use risk_domain::time::Day;
use risk_engine::case::{CaseRefusal, CaseRule};
use risk_engine::{
    AlertRefusal, EngineRejection, LifeRule, PlanRule, ProblemRule, ReferenceRefused,
    SourcePartition,
};

/// The source that dead letters of references name.
const REFERENCES: &str = "references";

impl Worker {
    pub(super) fn reject(
        &mut self,
        batch: &SourceBatch,
        record: &RawRecord,
        rejection: &Rejection,
    ) -> Result<(), WorkerError> {
        let metrics = &self.parts.metrics;
        metrics.records.with_label_values(&["rejected"]).inc();
        metrics
            .dead_letters
            .with_label_values(&[rejection.code.code()])
            .inc();
        self.report.rejected += 1;
        let kept = risk_store::Rejection {
            code: rejection.code.code().to_owned(),
            field: rejection.field.clone(),
            value: rejection.value.clone(),
            rule: rejection.rule.clone(),
            partition: self.lanes.named(record.partition),
            offset: record.offset.0 as u64,
            received_at: record.received_at,
            key: batch.key(record).map(<[u8]>::to_vec),
            record: batch.value(record).to_vec(),
        };
        self.parts.writer.append_rejection(&kept)?;
        Ok(())
    }

    /// Keeps a result whose reference leads nowhere as a dead letter. The result itself stands in the
    /// ledger, whose entry is the dead letter's offset.
    pub(super) fn refuse_reference(
        &mut self,
        refused: &ReferenceRefused,
    ) -> Result<(), WorkerError> {
        let id = &refused.inspection_id;
        let writer = &mut self.parts.writer;
        let entry = writer.lookup(id)?.map_or(0, |seen| seen.entry_index);
        let linked = writer.linked(id)?;
        let reference = &refused.reference;
        let (field, named, rule) = (reference.field(), reference.named(), reference.rule());
        let rejection = Rejection::new(RejectionCode::UnknownReference, field, named, rule);
        let enterprise = linked
            .as_ref()
            .map(|linked| &linked.result.site.enterprise_id);
        let kept = risk_store::Rejection {
            code: rejection.code.code().to_owned(),
            field: rejection.field,
            value: rejection.value,
            rule: rejection.rule,
            partition: SourcePartition {
                source: CompactString::const_new(REFERENCES),
                partition: 0,
            },
            offset: entry,
            received_at: refused.refused_at,
            key: enterprise.map(|id| id.as_str().as_bytes().to_vec()),
            record: linked.map_or_else(Vec::new, |linked| crate::wire::encode(&linked.result)),
        };
        let metrics = &self.parts.metrics;
        metrics
            .dead_letters
            .with_label_values(&[rejection.code.code()])
            .inc();
        self.parts.writer.append_rejection(&kept)?;
        Ok(())
    }

    pub(super) fn stop_partition(
        &mut self,
        partition: Partition,
        why: &StopReason,
    ) -> Result<(), WorkerError> {
        tracing::error!(%partition, why = %why, "partition stopped: mend the feed and restart");
        self.lanes.of(partition).stopped = true;
        lock(&self.parts.status.stopped).insert(partition, why.to_string());
        self.parts
            .metrics
            .stopped_partitions
            .set(self.lanes.all().filter(|lane| lane.stopped).count() as i64);
        Ok(self.parts.source.pause(&[partition])?)
    }
}

pub(super) fn entry_rejection(why: EngineRejection, entry: &RegistryEntry) -> Rejection {
    let id = entry.update_id.as_str();
    Rejection::new(code_of(why), "update_id", id, why.to_string())
}

pub(super) fn signal_rejection(why: EngineRejection, signal: &Signal) -> Rejection {
    let id = signal.signal_id.as_str();
    Rejection::new(code_of(why), "signal_id", id, why.to_string())
}

fn code_of(why: EngineRejection) -> RejectionCode {
    match why {
        EngineRejection::IdentityConflict => RejectionCode::IdentityConflict,
        EngineRejection::CorrectionCycle => RejectionCode::CorrectionCycle,
        EngineRejection::RoleMayNot
        | EngineRejection::DecisionEnd
        | EngineRejection::UnknownCommand
        | EngineRejection::DecisionOver
        | EngineRejection::SamePerson
        | EngineRejection::NothingToApprove
        | EngineRejection::UnknownAlert
        | EngineRejection::Alert(_)
        | EngineRejection::UnknownCase
        | EngineRejection::Case(_)
        | EngineRejection::Problem(_)
        | EngineRejection::Plan(_) => RejectionCode::NotAllowed,
    }
}

/// The end that a command sets, if it sets one.
fn until_of(order: &Order) -> Option<Day> {
    match order {
        Order::Grade {
            decision: Decision::Override { until, .. } | Decision::Floor { until, .. },
            ..
        }
        | Order::Alert {
            action: AlertAction::Snooze { until },
            ..
        } => Some(*until),
        Order::Grade { .. }
        | Order::Alert { .. }
        | Order::Case { .. }
        | Order::Problem { .. }
        | Order::Plan { .. } => None,
    }
}

/// The command that a command names, if it names one.
fn named_by(order: &Order) -> Option<&CommandId> {
    match order {
        Order::Grade {
            decision: Decision::Approve { of } | Decision::Withdraw { of },
            ..
        }
        | Order::Alert {
            action: AlertAction::Approve { of },
            ..
        }
        | Order::Case {
            action: CaseAction::Approve { of },
            ..
        } => Some(of),
        Order::Problem { action, .. } => action.of(),
        Order::Grade { .. } | Order::Alert { .. } | Order::Case { .. } | Order::Plan { .. } => None,
    }
}

/// Which field of a command in a case breaks the rule, and what it says.
fn in_case(refusal: CaseRefusal, command: &Command) -> (&'static str, Option<String>) {
    let Order::Case { action, .. } = &command.order else {
        return ("case_id", None);
    };
    let due = match action {
        CaseAction::Take { due, .. } => due.map(|due| due.to_string()),
        CaseAction::Assign { .. }
        | CaseAction::PauseClock { .. }
        | CaseAction::ResumeClock
        | CaseAction::Note
        | CaseAction::Approve { .. } => None,
    };
    match refusal.rule {
        CaseRule::NoSuchStep
        | CaseRule::Closed
        | CaseRule::PausedTwice
        | CaseRule::NotPaused
        | CaseRule::NoClockRuns
        | CaseRule::Overtaken => ("kind", Some(action.code().to_owned())),
        CaseRule::NotYetOpen => ("decided_at", Some(command.decided_at.to_string())),
        CaseRule::RoleMayNot => ("actor.role", Some(command.actor.role.to_string())),
        CaseRule::SamePerson => ("actor.id", Some(command.actor.id.to_string())),
        CaseRule::NothingToApprove => ("of", named_by(&command.order).map(ToString::to_string)),
        CaseRule::DueBeforeStart | CaseRule::DueBeyondTerm | CaseRule::NoTermToSet => ("due", due),
    }
}

/// Which field of a command on a problem breaks the rule, and what it says.
fn on_problem(rule: ProblemRule, command: &Command) -> (&'static str, Option<String>) {
    let action = match &command.order {
        Order::Problem { action, .. } => Some(action),
        Order::Grade { .. } | Order::Alert { .. } | Order::Case { .. } | Order::Plan { .. } => None,
    };
    match rule {
        ProblemRule::RoleMayNot => ("actor.role", Some(command.actor.role.to_string())),
        ProblemRule::UnknownProblem => ("of", named_by(&command.order).map(ToString::to_string)),
        ProblemRule::NotListedYet => ("decided_at", Some(command.decided_at.to_string())),
        ProblemRule::NoSuchStep | ProblemRule::Overtaken => {
            ("kind", action.map(|action| action.code().to_owned()))
        }
        ProblemRule::SamePerson => ("actor.id", Some(command.actor.id.to_string())),
        ProblemRule::DueBeforeDecision => {
            let due = action.and_then(|action| match action {
                ProblemAction::Plan { plan, .. } => Some(plan.due.to_string()),
                ProblemAction::List { .. }
                | ProblemAction::Verify { .. }
                | ProblemAction::Withdraw { .. } => None,
            });
            ("due", due)
        }
    }
}

/// Which field of a command on a plan breaks the rule, and what it says.
fn on_plan(rule: PlanRule, command: &Command) -> (&'static str, Option<String>) {
    let Order::Plan { plan, action } = &command.order else {
        return ("plan_id", None);
    };
    match rule {
        PlanRule::RoleMayNot => ("actor.role", Some(command.actor.role.to_string())),
        PlanRule::UnknownPlan => ("plan_id", Some(plan.to_string())),
        PlanRule::NoSuchStep => ("kind", Some(action.code().to_owned())),
        PlanRule::BeforeItsTime => ("decided_at", Some(command.decided_at.to_string())),
        PlanRule::BeaconValue => match action {
            PlanAction::Draw(draw) => {
                let value = draw.beacon_value.as_deref().unwrap_or_default();
                ("drawn.beacon_value", Some(value.to_owned()))
            }
            PlanAction::Commit(_) | PlanAction::Reveal => ("kind", Some(action.code().to_owned())),
        },
    }
}

pub(super) fn command_rejection(why: EngineRejection, command: &Command) -> Rejection {
    let order = &command.order;
    let (field, value) = match why {
        EngineRejection::RoleMayNot => ("actor.role", Some(command.actor.role.to_string())),
        EngineRejection::SamePerson => ("actor.id", Some(command.actor.id.to_string())),
        EngineRejection::DecisionEnd => ("until", until_of(order).map(|until| until.to_string())),
        EngineRejection::UnknownCommand
        | EngineRejection::DecisionOver
        | EngineRejection::NothingToApprove => ("of", named_by(order).map(ToString::to_string)),
        EngineRejection::Alert(AlertRefusal {
            rule: LifeRule::NotRaisedYet,
            ..
        }) => ("decided_at", Some(command.decided_at.to_string())),
        EngineRejection::Alert(AlertRefusal {
            rule: LifeRule::SnoozeEnd,
            ..
        }) => ("until", until_of(order).map(|until| until.to_string())),
        EngineRejection::Alert(AlertRefusal {
            rule: LifeRule::NothingProposed,
            ..
        }) => ("of", named_by(order).map(ToString::to_string)),
        EngineRejection::UnknownAlert | EngineRejection::Alert(_) => match order {
            Order::Alert { alert, .. } => ("alert_id", Some(alert.to_string())),
            Order::Grade { .. }
            | Order::Case { .. }
            | Order::Problem { .. }
            | Order::Plan { .. } => ("alert_id", None),
        },
        EngineRejection::UnknownCase => match order {
            Order::Case { case, .. } => ("case_id", Some(case.to_string())),
            Order::Grade { .. }
            | Order::Alert { .. }
            | Order::Problem { .. }
            | Order::Plan { .. } => ("case_id", None),
        },
        EngineRejection::Case(refusal) => in_case(refusal, command),
        EngineRejection::Problem(refusal) => on_problem(refusal.rule, command),
        EngineRejection::Plan(refusal) => on_plan(refusal.rule, command),
        EngineRejection::IdentityConflict | EngineRejection::CorrectionCycle => {
            ("command_id", None)
        }
    };
    let (field, value) = match value {
        Some(value) => (field, value),
        None => ("command_id", command.command_id.to_string()),
    };
    Rejection::new(code_of(why), field, &value, why.to_string())
}

pub(super) fn engine_rejection(why: EngineRejection, result: &InspectionResult) -> Rejection {
    let (field, value) = match (why, &result.supersedes) {
        (EngineRejection::CorrectionCycle, Some(of)) => ("supersedes", of.as_str()),
        _conflict => ("inspection_id", result.inspection_id.as_str()),
    };
    Rejection::new(code_of(why), field, value, why.to_string())
}
