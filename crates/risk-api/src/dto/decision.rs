//! Decisions of officers on grades（人工决定）, as they are shown.

use risk_domain::decision::{Decision, GradeCommand};
use risk_engine::{Decided, DecisionState, Engine};
use serde::Serialize;
use utoipa::ToSchema;

/// A decision that gives a grade.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecidedDto {
    /// The override or floor.
    pub command_id: String,
    /// The level that was estimated.
    pub estimated: String,
    /// Its last day.
    pub until: String,
    /// What it says, as a Chinese sentence.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

impl DecidedDto {
    pub(crate) fn new(decided: &Decided) -> Self {
        let (zh, en) = decided.sentences();
        Self {
            command_id: decided.command_id.to_string(),
            estimated: decided.estimated.to_string(),
            until: decided.until.to_string(),
            zh,
            en,
        }
    }
}

/// Who agreed to a decision or ended it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerDto {
    /// The command.
    pub command_id: String,
    /// `approve` or `withdraw`.
    pub kind: String,
    /// When, RFC 3339.
    pub decided_at: String,
    /// The officer's number or account.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// An override or a floor.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionDto {
    /// The command.
    pub command_id: String,
    /// `override` or `floor`.
    pub kind: String,
    /// On whose grade, as `kind:id`.
    pub subject: String,
    /// The grade, or the least grade.
    pub level: String,
    /// Its last day.
    pub until: String,
    /// `in_force`, `awaits_approval` (raises only), `expired` or `withdrawn`.
    pub state: String,
    /// When, RFC 3339.
    pub decided_at: String,
    /// The officer's number or account.
    pub actor: String,
    /// The officer's role.
    pub role: String,
    /// Why.
    pub reason: String,
    /// Who agreed to it or ended it.
    pub answers: Vec<AnswerDto>,
}

impl DecisionDto {
    pub(crate) fn new(command: &GradeCommand, state: DecisionState, engine: &Engine) -> Self {
        let (level, until) = match &command.decision {
            Decision::Override { level, until } | Decision::Floor { level, until } => {
                (level.to_string(), until.to_string())
            }
            // The engine lists overrides and floors only.
            Decision::Approve { .. } | Decision::Withdraw { .. } => Default::default(),
        };
        let answers = engine.commands_naming(&command.command_id);
        Self {
            command_id: command.command_id.to_string(),
            kind: command.decision.code().to_owned(),
            subject: command.subject.to_string(),
            level,
            until,
            state: state.code().to_owned(),
            decided_at: command.decided_at.to_string(),
            actor: command.actor.id.to_string(),
            role: command.actor.role.to_string(),
            reason: command.reason.to_string(),
            answers: answers
                .map(|answer| AnswerDto {
                    command_id: answer.command_id.to_string(),
                    kind: answer.decision.code().to_owned(),
                    decided_at: answer.decided_at.to_string(),
                    actor: answer.actor.id.to_string(),
                    reason: answer.reason.to_string(),
                })
                .collect(),
        }
    }
}
