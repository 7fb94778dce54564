//! What officers decide（命令）: on a grade, an alert, a case, a problem of an enterprise or a sampling plan.
//!
//! Each is a command with an id, an actor and a reason, so that nothing a person did stands without
//! their name. What is decided on a grade（人工决定）has an end besides, so that it does not stand for
//! ever: an override or a floor, withdrawn or approved.

use crate::alert_action::AlertAction;
use crate::case_action::CaseAction;
use crate::ids::{ActorId, AlertId, CaseId, CommandId, DrawId, EnterpriseId};
use crate::plan_act::PlanAction;
use crate::problem::ProblemAction;
use crate::scales::{RiskLevel, Role};
use crate::subject::Subject;
use crate::time::{Day, Timestamp};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Who decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The officer's number or account.
    pub id: ActorId,
    /// In which role.
    pub role: Role,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// The grade is this（人工覆盖）. Until a second person approves, it raises a grade only.
    Override {
        /// The grade.
        level: RiskLevel,
        /// Last day on which it holds.
        until: Day,
    },
    /// The grade is at least this（等级下限）.
    Floor {
        /// The least grade.
        level: RiskLevel,
        /// Last day on which it holds.
        until: Day,
    },
    /// A second person agrees to an override（复核同意）.
    Approve {
        /// The override.
        of: CommandId,
    },
    /// An override or a floor ends now（撤回）.
    Withdraw {
        /// Which one.
        of: CommandId,
    },
}

impl Decision {
    /// Its code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Override { .. } => "override",
            Self::Floor { .. } => "floor",
            Self::Approve { .. } => "approve",
            Self::Withdraw { .. } => "withdraw",
        }
    }

    /// Every code.
    pub const CODES: [&'static str; 4] = ["override", "floor", "approve", "withdraw"];
}

/// A decision on a grade, of whom, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradeCommand {
    /// Which command, unique for ever.
    pub command_id: CommandId,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Why.
    pub reason: CompactString,
    /// On whose grade.
    #[serde(with = "subject_text")]
    pub subject: Subject,
    /// What.
    pub decision: Decision,
}

/// On what a command acts, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// On a subject's grade.
    Grade {
        /// On whose grade.
        #[serde(with = "subject_text")]
        subject: Subject,
        /// What.
        decision: Decision,
    },
    /// On an alert（预警处置）.
    Alert {
        /// Which alert.
        alert: AlertId,
        /// What is done.
        action: AlertAction,
    },
    /// On a case（案件办理）.
    Case {
        /// Which case.
        case: CaseId,
        /// What is done.
        action: CaseAction,
    },
    /// On a problem of an enterprise（问题整改）.
    Problem {
        /// Whose problem.
        enterprise: EnterpriseId,
        /// What is done.
        action: ProblemAction,
    },
    /// On a sampling plan（抽样计划）.
    Plan {
        /// Which plan; its draw has the same id.
        plan: DrawId,
        /// What is done.
        action: PlanAction,
    },
}

impl Order {
    /// The case that it acts in, if it acts in one.
    pub fn case(&self) -> Option<&CaseId> {
        match self {
            Self::Case { case, .. } => Some(case),
            Self::Grade { .. } | Self::Alert { .. } | Self::Problem { .. } | Self::Plan { .. } => {
                None
            }
        }
    }
}

/// A command（命令）: an order, of whom, when and why.
#[doc(alias = "命令")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Which command, unique for ever.
    pub command_id: CommandId,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Why.
    pub reason: CompactString,
    /// What, on what.
    pub order: Order,
}

impl From<GradeCommand> for Command {
    fn from(command: GradeCommand) -> Self {
        let GradeCommand {
            command_id,
            decided_at,
            actor,
            reason,
            subject,
            decision,
        } = command;
        Self {
            command_id,
            decided_at,
            actor,
            reason,
            order: Order::Grade { subject, decision },
        }
    }
}

impl Command {
    /// The command as one on a grade, if it is one.
    pub fn on_grade(&self) -> Option<GradeCommand> {
        match &self.order {
            Order::Grade { subject, decision } => Some(GradeCommand {
                command_id: self.command_id.clone(),
                decided_at: self.decided_at,
                actor: self.actor.clone(),
                reason: self.reason.clone(),
                subject: subject.clone(),
                decision: decision.clone(),
            }),
            Order::Alert { .. }
            | Order::Case { .. }
            | Order::Problem { .. }
            | Order::Plan { .. } => None,
        }
    }
}

/// A subject as its text.
pub mod subject_text {
    use crate::subject::Subject;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the subject's text.
    pub fn serialize<S: Serializer>(subject: &Subject, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(subject)
    }

    /// Reads a subject from its text.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Subject, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
