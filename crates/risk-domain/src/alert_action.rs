//! What an officer does about an alert（预警处置）.

use crate::ids::{AlertId, CommandId};
use crate::scales::AlertLevel;
use crate::time::Day;
use serde::{Deserialize, Serialize};

/// What came of an alert（处置结论）. Each closing has one, and they are counted by rule.
#[doc(alias = "处置结论")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Disposition {
    /// What it warned of was found（属实）.
    Confirmed,
    /// Nothing was wrong（误报）. It quiets the stream for a time of the policy.
    FalseAlarm,
    /// Another alert tells the same（重复）.
    Duplicate {
        /// The other alert.
        of: AlertId,
    },
    /// It could be neither found nor ruled out（无法查实）.
    Inconclusive,
    /// Another authority deals with it（移送）.
    Referred,
}

impl Disposition {
    /// Its code on the wire, in records and in labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::FalseAlarm => "false_alarm",
            Self::Duplicate { .. } => "duplicate",
            Self::Inconclusive => "inconclusive",
            Self::Referred => "referred",
        }
    }

    /// Every code.
    pub const CODES: [&'static str; 5] = [
        "confirmed",
        "false_alarm",
        "duplicate",
        "inconclusive",
        "referred",
    ];
}

/// What is done about an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AlertAction {
    /// Somebody has seen it（确认）.
    Acknowledge,
    /// Somebody looks into it（核查）.
    Investigate,
    /// It keeps quiet until the end of a day（暂停提醒）; never at level one.
    Snooze {
        /// The last quiet day.
        until: Day,
    },
    /// It keeps quiet no longer（恢复提醒）.
    Wake,
    /// It is graver than the rules have it（升级）.
    Escalate {
        /// How grave; never less than it is.
        to: AlertLevel,
    },
    /// It is over（关闭）. Where the policy asks for a second person, this proposes it only.
    Close {
        /// What came of it.
        disposition: Disposition,
    },
    /// A second person agrees to the closing that was proposed（复核同意）.
    Approve {
        /// The command that proposed it.
        of: CommandId,
    },
    /// It is not over after all（重新打开）.
    Reopen,
    /// Something to be remembered（备注）.
    Note,
}

impl AlertAction {
    /// Its code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Investigate => "investigate",
            Self::Snooze { .. } => "snooze",
            Self::Wake => "wake",
            Self::Escalate { .. } => "escalate",
            Self::Close { .. } => "close",
            Self::Approve { .. } => "approve",
            Self::Reopen => "reopen",
            Self::Note => "note",
        }
    }

    /// Every code.
    pub const CODES: [&'static str; 9] = [
        "acknowledge",
        "investigate",
        "snooze",
        "wake",
        "escalate",
        "close",
        "approve",
        "reopen",
        "note",
    ];
}
