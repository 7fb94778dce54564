//! What happened in a case（案件记录）: line by line, each with its actor and its cause.

use super::CaseState;
use super::act::Act;
use super::rule::CaseRule;
use super::term::Term;
use compact_str::CompactString;
use risk_domain::case_act::{CaseAct, Measure};
use risk_domain::case_action::PauseReason;
use risk_domain::ids::{ActorId, CommandId, InspectionId, SignalId};
use risk_domain::scales::Role;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of a case's history（案件记录）.
#[doc(alias = "案件记录")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseEvent {
    /// When, in the data's time; for a term that lapsed, the first instant after it.
    pub at: Timestamp,
    /// Who: an officer, or `system:` with the rule.
    pub actor: CompactString,
    /// In which role; none for the system.
    pub role: Option<Role>,
    /// What brought it about.
    pub cause: Cause,
    /// What happened.
    pub what: Happened,
    /// Where the case stands after it.
    pub state: CaseState,
    /// Why, as the officer gave it.
    pub reason: CompactString,
    /// What was done to the goods.
    pub measures: Vec<Measure>,
}

/// What brought an event about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A result.
    Result(InspectionId),
    /// A command.
    Command(CommandId),
    /// A term of the case.
    Term(Term),
    /// A complaint or a report.
    Signal(SignalId),
}

/// What happened in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// It was opened（立卷）.
    Opened,
    /// It went on（推进）.
    Moved(Act),
    /// Something was noted and changed nothing: a further failure, or a term that lapsed（记录）.
    Noted(Act),
    /// An act waits for a second person（待复核）.
    Proposed(CaseAct),
    /// An officer took it on（指派）.
    Assigned(ActorId),
    /// Its clocks stand still（中止）.
    Paused(PauseReason),
    /// Its clocks go on（恢复）.
    Resumed,
    /// A remark（备注）.
    Remarked,
    /// A command that was taken in no longer fits what became known of the time before it（失效）.
    Void(CaseRule),
}

impl Happened {
    /// Its code in records and answers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Moved(_) => "moved",
            Self::Noted(Act::Lapsed(_)) => "overdue",
            Self::Noted(Act::Officer(_) | Act::Found(_)) => "noted",
            Self::Proposed(_) => "proposed",
            Self::Assigned(_) => "assigned",
            Self::Paused(_) => "paused",
            Self::Resumed => "resumed",
            Self::Remarked => "remarked",
            Self::Void(_) => "void",
        }
    }

    /// The act it is about, where there is one.
    pub fn act(&self) -> Option<Act> {
        match self {
            Self::Moved(act) | Self::Noted(act) => Some(*act),
            Self::Proposed(act) => Some(Act::Officer(*act)),
            Self::Opened
            | Self::Assigned(_)
            | Self::Paused(_)
            | Self::Resumed
            | Self::Remarked
            | Self::Void(_) => None,
        }
    }
}
