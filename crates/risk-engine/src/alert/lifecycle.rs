//! The life of an alert（预警生命周期）: which act leads from which state to which.
//!
//! ```text
//!            acknowledge           investigate
//!   Open ───────────────▶ Acknowledged ───────▶ Investigating
//!    │ └────────────── investigate ───────────────▲   │
//!    │                        │                       │
//!    └────────── close ───────┴──────── close ────────┘
//!                             ▼      ▲
//!                           Closed ──┘ reopen: Open
//! ```
//!
//! Where the policy asks for a second person, `close` only proposes, and `approve` closes. Snoozing is
//! no state: a snoozed alert keeps its state and is quiet.

use risk_domain::alert_action::AlertAction;
use risk_domain::scales::AlertLevel;
use serde::{Deserialize, Serialize};

/// Where an alert stands（预警状态）.
#[doc(alias = "预警状态")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has seen it（待处置）.
    Open,
    /// Somebody has seen it（已确认）.
    Acknowledged,
    /// Somebody looks into it（核查中）.
    Investigating,
    /// It is over（已关闭）.
    Closed,
}

impl AlertState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 4] = [
        Self::Open,
        Self::Acknowledged,
        Self::Investigating,
        Self::Closed,
    ];

    /// Its code in answers, events and labels.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Investigating => "investigating",
            Self::Closed => "closed",
        }
    }

    /// Its Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Open => "待处置",
            Self::Acknowledged => "已确认",
            Self::Investigating => "核查中",
            Self::Closed => "已关闭",
        }
    }

    /// The state with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// What changes the state of an alert, apart from all that is decided about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Acknowledge,
    Investigate,
    /// It closes: decided by one person where that is enough, else agreed to by a second.
    Close,
    Reopen,
    /// What leaves the state as it is, and is done to what is under way: snooze, wake, escalate,
    /// propose to close, note.
    Attend,
}

impl Act {
    /// Every act.
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] = [
        Self::Acknowledge,
        Self::Investigate,
        Self::Close,
        Self::Reopen,
        Self::Attend,
    ];
}

/// The state that an act leads to, or the rule it breaks.
pub(super) fn next(state: AlertState, act: Act) -> Result<AlertState, LifeRule> {
    match (state, act) {
        (AlertState::Open, Act::Acknowledge) => Ok(AlertState::Acknowledged),
        (AlertState::Acknowledged | AlertState::Investigating, Act::Acknowledge) => {
            Err(LifeRule::Acknowledged)
        }
        (AlertState::Open | AlertState::Acknowledged, Act::Investigate) => {
            Ok(AlertState::Investigating)
        }
        (AlertState::Investigating, Act::Investigate) => Err(LifeRule::Investigated),
        (AlertState::Open | AlertState::Acknowledged | AlertState::Investigating, Act::Close) => {
            Ok(AlertState::Closed)
        }
        (AlertState::Open | AlertState::Acknowledged | AlertState::Investigating, Act::Reopen) => {
            Err(LifeRule::NotClosed)
        }
        (AlertState::Open | AlertState::Acknowledged | AlertState::Investigating, Act::Attend) => {
            Ok(state)
        }
        (AlertState::Closed, Act::Reopen) => Ok(AlertState::Open),
        (AlertState::Closed, Act::Acknowledge | Act::Investigate | Act::Close | Act::Attend) => {
            Err(LifeRule::Closed)
        }
    }
}

/// A rule of the life of alerts that a command breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LifeRule {
    /// It is closed.
    #[error("it is closed; reopen it first")]
    Closed,
    /// It is not closed.
    #[error("only a closed alert can be reopened")]
    NotClosed,
    /// Somebody acknowledged it.
    #[error("it is acknowledged already")]
    Acknowledged,
    /// Somebody looks into it.
    #[error("it is under investigation already")]
    Investigated,
    /// A later one stands open.
    #[error("a later alert of the same subject and hazard stands open; act on that one")]
    Superseded,
    /// It was raised after the decision.
    #[error("`decided_at` lies before the alert was raised")]
    NotRaisedYet,
    /// Level one is never quiet.
    #[error("an alert of level one is never snoozed")]
    LevelOne,
    /// A snooze that ends before it begins, or too late.
    #[error(
        "a snooze must end on the day of the decision or later, and within `alert.standing.snooze_longest_days` of the policy"
    )]
    SnoozeEnd,
    /// It is not snoozed.
    #[error("it is not snoozed")]
    NotSnoozed,
    /// It is as grave already.
    #[error("it stands at that level or a graver one already")]
    NotGraver,
    /// A closing was proposed.
    #[error("a closing was proposed already; a second person approves it by naming that command")]
    Proposed,
    /// Nobody proposed to close it by that command.
    #[error("`of` must name the command that proposed to close it")]
    NothingProposed,
    /// What tells the same must be another alert.
    #[error("`duplicate_of` must name another alert")]
    DuplicateOf,
}

/// Why a command on an alert is refused: the rule, and the state that the alert is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the alert is {} (level {level}): {rule}", state.code())]
pub struct AlertRefusal {
    /// The rule that it breaks.
    pub rule: LifeRule,
    /// Where the alert stands.
    pub state: AlertState,
    /// How grave it is.
    pub level: AlertLevel,
}

/// The act of an order, but for closings, which depend on the level.
pub(super) fn act_of(action: &AlertAction) -> Act {
    match action {
        AlertAction::Acknowledge => Act::Acknowledge,
        AlertAction::Investigate => Act::Investigate,
        AlertAction::Reopen => Act::Reopen,
        AlertAction::Close { .. } | AlertAction::Approve { .. } => Act::Close,
        AlertAction::Snooze { .. }
        | AlertAction::Wake
        | AlertAction::Escalate { .. }
        | AlertAction::Note => Act::Attend,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_state_and_act_leads_somewhere_or_breaks_a_rule() {
        let reached = |state, act| next(state, act).ok();
        for act in Act::ALL {
            let leads: Vec<Option<AlertState>> =
                AlertState::ALL.map(|state| reached(state, act)).to_vec();
            let [open, acknowledged, investigating, closed] = AlertState::ALL.map(Some);
            let expected = match act {
                Act::Acknowledge => [acknowledged, None, None, None],
                Act::Investigate => [investigating, investigating, None, None],
                Act::Close => [closed, closed, closed, None],
                Act::Reopen => [None, None, None, open],
                Act::Attend => [open, acknowledged, investigating, None],
            };
            assert_eq!(leads, expected, "{act:?}");
        }
    }

    #[test]
    fn every_state_can_be_reached_and_left() {
        let mut reached = vec![AlertState::Open];
        let mut at = 0;
        while let Some(state) = reached.get(at).copied() {
            let leads = Act::ALL.iter().filter_map(|act| next(state, *act).ok());
            let new: Vec<AlertState> = leads.filter(|to| !reached.contains(to)).collect();
            for to in new {
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
            at += 1;
        }
        assert_eq!(reached.len(), AlertState::ALL.len());
        for state in AlertState::ALL {
            let left = Act::ALL.iter().filter_map(|act| next(state, *act).ok());
            assert!(left.filter(|to| *to != state).count() > 0, "{state:?}");
        }
    }
}
