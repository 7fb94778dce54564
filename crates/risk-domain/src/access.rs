//! What was done through the API, and by whom（操作记录）: for whoever asks later who knew or did what.
//!
//! A note stands in the ledger beside what it is about. It changes no state: commands and results
//! stand in entries of their own, and a note says which request brought them, and who was shown
//! what is personal.

use crate::ids::ActorId;
use crate::scales::Role;
use crate::time::Timestamp;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most things that a note names; more are counted.
pub const MAX_NAMED: usize = 100;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Results were posted（上报结果）.
    PostResults,
    /// What the register says was posted（上报登记信息）.
    PostRegistry,
    /// Decisions were posted（作出决定）.
    PostCommands,
    /// Dead letters were read, which may hold people's names（查阅死信）.
    ReadDeadLetters,
    /// Signals were posted（上报风险信号）.
    PostSignals,
    /// An event was asked to be sent to an endpoint again（重新投递）.
    ResendDelivery,
    /// A parked endpoint was asked to be tried again（恢复投递）.
    UnparkWebhook,
    /// A plan was read whose targets are not public yet（查阅未公开的抽样计划）.
    ReadPlan,
    /// What is personal of a signal was read: who complains, and what they say（查阅个人信息）.
    ReadPersonal,
    /// Sessions were ended, one's own or another's（结束会话）.
    EndSessions,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 10] = [
        Self::PostResults,
        Self::PostRegistry,
        Self::PostCommands,
        Self::ReadDeadLetters,
        Self::PostSignals,
        Self::ResendDelivery,
        Self::UnparkWebhook,
        Self::ReadPlan,
        Self::ReadPersonal,
        Self::EndSessions,
    ];

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::PostResults => "post_results",
            Self::PostRegistry => "post_registry",
            Self::PostCommands => "post_commands",
            Self::ReadDeadLetters => "read_dead_letters",
            Self::PostSignals => "post_signals",
            Self::ResendDelivery => "resend_delivery",
            Self::UnparkWebhook => "unpark_webhook",
            Self::ReadPlan => "read_plan",
            Self::ReadPersonal => "read_personal",
            Self::EndSessions => "end_sessions",
        }
    }

    /// The act with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.code() == code)
    }
}

/// A note of what somebody did（操作记录）.
#[doc(alias = "操作记录")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessNote {
    /// When, by the server's clock.
    pub at: Timestamp,
    /// Who.
    pub actor: ActorId,
    /// In which roles.
    pub roles: BTreeSet<Role>,
    /// By what they were known: `session`, or `token:` and its id.
    pub means: CompactString,
    /// In which request.
    pub request_id: CompactString,
    /// What.
    pub act: Act,
    /// Of how many things.
    pub count: u64,
    /// Of which, the first [`MAX_NAMED`]: commands by their ids, dead letters by their entries,
    /// signals, deliveries, plans and sessions by their ids, endpoints by their names.
    pub what: Vec<CompactString>,
}
