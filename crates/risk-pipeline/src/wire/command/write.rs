//! Commands as they are written.

use super::{By, Record, case, plan};
use crate::wire::v1::Text;
use risk_domain::alert_action::{AlertAction, Disposition};
use risk_domain::case_act::Measure;
use risk_domain::case_action::CaseAction;
use risk_domain::decision::{Command, Decision, Order};
use risk_domain::ids::{ActorId, AlertId, CaseId, CommandId, DrawId, EnterpriseId};
use risk_domain::plan_act::PlanAction;
use risk_domain::problem::{Problem, ProblemAction, RectificationPlan};

/// Writes a command in version 1. [`decode`](super::decode) gives the same back.
pub fn encode(command: &Command) -> Vec<u8> {
    let written = Written::of(&command.order);
    let decided_at = command.decided_at.to_string();
    let told = plan::Told::of(written.on_plan);
    let (commitment, drawn) = plan::written(written.on_plan, &told);
    let lend = |text: &'static str| -> Text<'_> { text.into() };
    let record = Record {
        schema_version: Some(1),
        command_id: command.command_id.as_str().into(),
        decided_at: decided_at.as_str().into(),
        actor: By {
            id: command.actor.id.as_str().into(),
            role: command.actor.role.code().into(),
        },
        reason: command.reason.as_str().into(),
        subject: written.subject.as_deref().map(Into::into),
        alert_id: written.alert.map(|alert| alert.as_str().into()),
        case_id: written.case.map(|case| case.as_str().into()),
        enterprise_id: written.enterprise.map(|id| id.as_str().into()),
        plan_id: written.plan_id.map(|id| id.as_str().into()),
        kind: written.kind.into(),
        level: written.level.map(lend),
        until: written.until.as_deref().map(Into::into),
        of: written.of.map(|of| of.as_str().into()),
        alert_level: written.alert_level.map(lend),
        disposition: written.disposition.map(lend),
        duplicate_of: written.duplicate_of.map(|of| of.as_str().into()),
        to: written.to.map(|to| to.as_str().into()),
        ground: written.ground.map(lend),
        due: written.due.as_deref().map(Into::into),
        measures: case::written(written.measures),
        problem: written.problem.map(|problem| problem.text.as_str().into()),
        clause: written
            .problem
            .and_then(|problem| problem.clause.as_deref().map(Into::into)),
        product: written
            .problem
            .and_then(|problem| problem.product.as_ref().map(|code| code.as_str().into())),
        item: written
            .problem
            .and_then(|problem| problem.item.as_ref().map(|code| code.as_str().into())),
        cause: written.plan.map(|plan| plan.cause.as_str().into()),
        measure: written.plan.map(|plan| plan.measure.as_str().into()),
        owner: written.plan.map(|plan| plan.owner.as_str().into()),
        commitment,
        drawn,
    };
    // Writing plain structs with text keys to memory has no way to fail.
    serde_json::to_vec(&record).unwrap_or_default()
}

/// The fields of an order.
#[derive(Default)]
struct Written<'a> {
    subject: Option<String>,
    alert: Option<&'a AlertId>,
    case: Option<&'a CaseId>,
    enterprise: Option<&'a EnterpriseId>,
    kind: &'static str,
    level: Option<&'static str>,
    until: Option<String>,
    of: Option<&'a CommandId>,
    alert_level: Option<&'static str>,
    disposition: Option<&'static str>,
    duplicate_of: Option<&'a AlertId>,
    to: Option<&'a ActorId>,
    ground: Option<&'static str>,
    due: Option<String>,
    measures: &'a [Measure],
    problem: Option<&'a Problem>,
    plan: Option<&'a RectificationPlan>,
    plan_id: Option<&'a DrawId>,
    on_plan: Option<&'a PlanAction>,
}

impl<'a> Written<'a> {
    fn of(order: &'a Order) -> Self {
        match order {
            Order::Grade { subject, decision } => Self {
                subject: Some(subject.to_string()),
                kind: decision.code(),
                ..Self::of_decision(decision)
            },
            Order::Alert { alert, action } => Self {
                alert: Some(alert),
                kind: action.code(),
                ..Self::of_alert(action)
            },
            Order::Case { case, action } => Self {
                case: Some(case),
                kind: action.code(),
                ..Self::of_case(action)
            },
            Order::Problem { enterprise, action } => Self {
                enterprise: Some(enterprise),
                kind: action.code(),
                ..Self::of_problem(action)
            },
            Order::Plan { plan, action } => Self {
                plan_id: Some(plan),
                on_plan: Some(action),
                kind: action.code(),
                ..Self::default()
            },
        }
    }

    fn of_decision(decision: &'a Decision) -> Self {
        let mut written = Self::default();
        match decision {
            Decision::Override { level, until } | Decision::Floor { level, until } => {
                written.level = Some(level.code());
                written.until = Some(until.to_string());
            }
            Decision::Approve { of } | Decision::Withdraw { of } => written.of = Some(of),
        }
        written
    }

    fn of_alert(action: &'a AlertAction) -> Self {
        let mut written = Self::default();
        match action {
            AlertAction::Snooze { until } => written.until = Some(until.to_string()),
            AlertAction::Escalate { to } => written.alert_level = Some(to.code()),
            AlertAction::Close { disposition } => {
                written.disposition = Some(disposition.code());
                if let Disposition::Duplicate { of } = disposition {
                    written.duplicate_of = Some(of);
                }
            }
            AlertAction::Approve { of } => written.of = Some(of),
            AlertAction::Acknowledge
            | AlertAction::Investigate
            | AlertAction::Wake
            | AlertAction::Reopen
            | AlertAction::Note => {}
        }
        written
    }

    fn of_problem(action: &'a ProblemAction) -> Self {
        let mut written = Self {
            of: action.of(),
            ..Self::default()
        };
        match action {
            ProblemAction::List { problem } => written.problem = Some(problem),
            ProblemAction::Plan { plan, .. } => {
                written.due = Some(plan.due.to_string());
                written.plan = Some(plan);
            }
            ProblemAction::Verify { .. } | ProblemAction::Withdraw { .. } => {}
        }
        written
    }

    fn of_case(action: &'a CaseAction) -> Self {
        let mut written = Self::default();
        match action {
            CaseAction::Assign { to } => written.to = Some(to),
            CaseAction::PauseClock { ground } => written.ground = Some(ground.code()),
            CaseAction::Approve { of } => written.of = Some(of),
            CaseAction::Take {
                act: _,
                due,
                measures,
            } => {
                written.due = due.map(|due| due.to_string());
                written.measures = measures;
            }
            CaseAction::ResumeClock | CaseAction::Note => {}
        }
        written
    }
}
