//! What an officer decided, as it is kept: what it acts on tells which kind of command it is. Its reason stands
//! apart (`words`); ledgers of the first form have it here.

use compact_str::CompactString;
use risk_domain::alert_action::AlertAction;
use risk_domain::case_action::CaseAction;
use risk_domain::decision::{Actor, Command, Decision, Order, subject_text};
use risk_domain::ids::{AlertId, CaseId, CommandId, DrawId, EnterpriseId};
use risk_domain::plan_act::PlanAction;
use risk_domain::problem::ProblemAction;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// By what a command is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandKeys {
    /// Its id.
    pub(crate) id: CommandId,
    /// What it acts on, as [`acts_on`] writes it.
    pub(crate) on: String,
    /// Whether it is a step of a plan, which others are told of.
    pub(crate) is_plan: bool,
}

impl CommandKeys {
    pub(crate) fn of(command: &Command) -> Self {
        Self {
            id: command.command_id.clone(),
            on: acts_on(&command.order),
            is_plan: matches!(command.order, Order::Plan { .. }),
        }
    }
}

/// What an order acts on: a subject as `kind:id`, or `alert:`, `case:` or `plan:` and an id.
fn acts_on(order: &Order) -> String {
    match order {
        Order::Grade { subject, .. } => subject.to_string(),
        Order::Alert { alert, .. } => format!("alert:{alert}"),
        Order::Case { case, .. } => format!("case:{case}"),
        Order::Problem { enterprise, .. } => format!("enterprise:{enterprise}"),
        Order::Plan { plan, .. } => format!("plan:{plan}"),
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum CommandV1 {
    Grade(GradeCommandV1),
    Alert(AlertCommandV1),
    Case(CaseCommandV1),
    Problem(ProblemCommandV1),
    Plan(PlanCommandV1),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GradeCommandV1 {
    command_id: CommandId,
    decided_at: Timestamp,
    actor: Actor,
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    reason: CompactString,
    #[serde(with = "subject_text")]
    subject: Subject,
    decision: Decision,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertCommandV1 {
    command_id: CommandId,
    decided_at: Timestamp,
    actor: Actor,
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    reason: CompactString,
    alert_id: AlertId,
    action: AlertAction,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseCommandV1 {
    command_id: CommandId,
    decided_at: Timestamp,
    actor: Actor,
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    reason: CompactString,
    case_id: CaseId,
    action: CaseAction,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProblemCommandV1 {
    command_id: CommandId,
    decided_at: Timestamp,
    actor: Actor,
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    reason: CompactString,
    enterprise_id: EnterpriseId,
    action: ProblemAction,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanCommandV1 {
    command_id: CommandId,
    decided_at: Timestamp,
    actor: Actor,
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    reason: CompactString,
    plan_id: DrawId,
    action: PlanAction,
}

impl From<Command> for CommandV1 {
    fn from(command: Command) -> Self {
        let Command {
            command_id,
            decided_at,
            actor,
            reason,
            order,
        } = command;
        match order {
            Order::Grade { subject, decision } => Self::Grade(GradeCommandV1 {
                command_id,
                decided_at,
                actor,
                reason,
                subject,
                decision,
            }),
            Order::Alert { alert, action } => Self::Alert(AlertCommandV1 {
                command_id,
                decided_at,
                actor,
                reason,
                alert_id: alert,
                action,
            }),
            Order::Case { case, action } => Self::Case(CaseCommandV1 {
                command_id,
                decided_at,
                actor,
                reason,
                case_id: case,
                action,
            }),
            Order::Problem { enterprise, action } => Self::Problem(ProblemCommandV1 {
                command_id,
                decided_at,
                actor,
                reason,
                enterprise_id: enterprise,
                action,
            }),
            Order::Plan { plan, action } => Self::Plan(PlanCommandV1 {
                command_id,
                decided_at,
                actor,
                reason,
                plan_id: plan,
                action,
            }),
        }
    }
}

impl From<CommandV1> for Command {
    fn from(record: CommandV1) -> Self {
        match record {
            CommandV1::Grade(record) => Self {
                command_id: record.command_id,
                decided_at: record.decided_at,
                actor: record.actor,
                reason: record.reason,
                order: Order::Grade {
                    subject: record.subject,
                    decision: record.decision,
                },
            },
            CommandV1::Alert(record) => Self {
                command_id: record.command_id,
                decided_at: record.decided_at,
                actor: record.actor,
                reason: record.reason,
                order: Order::Alert {
                    alert: record.alert_id,
                    action: record.action,
                },
            },
            CommandV1::Case(record) => Self {
                command_id: record.command_id,
                decided_at: record.decided_at,
                actor: record.actor,
                reason: record.reason,
                order: Order::Case {
                    case: record.case_id,
                    action: record.action,
                },
            },
            CommandV1::Problem(record) => Self {
                command_id: record.command_id,
                decided_at: record.decided_at,
                actor: record.actor,
                reason: record.reason,
                order: Order::Problem {
                    enterprise: record.enterprise_id,
                    action: record.action,
                },
            },
            CommandV1::Plan(record) => Self {
                command_id: record.command_id,
                decided_at: record.decided_at,
                actor: record.actor,
                reason: record.reason,
                order: Order::Plan {
                    plan: record.plan_id,
                    action: record.action,
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_domain::alert_action::Disposition;
    use risk_domain::ids::ActorId;
    use risk_domain::scales::Role;

    #[test]
    fn every_order_reads_back_and_a_decision_on_a_grade_stands_as_before() {
        let command = |order| Command {
            command_id: CommandId::new("K1").unwrap(),
            decided_at: Timestamp::from_millis(7),
            actor: Actor {
                id: ActorId::new("A").unwrap(),
                role: Role::Officer,
            },
            reason: CompactString::const_new("现场检查发现"),
            order,
        };
        let kept = r#"{"command_id":"K1","decided_at":7,"actor":{"id":"A","role":"officer"},"reason":"现场检查发现","subject":"enterprise:E1","decision":{"withdraw":{"of":"K0"}}}"#;
        let grade: CommandV1 = serde_json::from_str(kept).unwrap();
        assert_eq!(serde_json::to_string(&grade).unwrap(), kept);
        let alert = AlertId::new("a1").unwrap();
        let disposition = Disposition::Duplicate { of: alert.clone() };
        let orders = [
            Order::Alert {
                alert: alert.clone(),
                action: AlertAction::Close { disposition },
            },
            Order::Alert {
                alert,
                action: AlertAction::Note,
            },
            Order::Case {
                case: CaseId::new("c1").unwrap(),
                action: CaseAction::Note,
            },
            Order::Problem {
                enterprise: EnterpriseId::new("E1").unwrap(),
                action: ProblemAction::Verify {
                    of: CommandId::new("K0").unwrap(),
                },
            },
            Order::Plan {
                plan: DrawId::new("P-1").unwrap(),
                action: PlanAction::Reveal,
            },
            Command::from(grade).order,
        ];
        for order in orders {
            let command = command(order);
            let text = serde_json::to_string(&CommandV1::from(command.clone())).unwrap();
            let again: CommandV1 = serde_json::from_str(&text).unwrap();
            assert_eq!(Command::from(again), command, "{text}");
        }
    }
}
