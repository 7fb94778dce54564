//! What is kept of deliveries to endpoints: beside the ledger, and of no meaning to it.

use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a delivery stands（投递状态）.
#[doc(alias = "投递状态")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeliveryState {
    /// It was tried, or is asked for again, and will be tried.
    Waiting,
    /// The endpoint took it.
    Delivered,
    /// The endpoint refused it so often that it is given up; somebody may send it again.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// What became of one event at one endpoint so far（投递记录）.
#[doc(alias = "投递记录")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// What the event is, as `alerts`, `grades` or `cases`.
    pub event: String,
    /// Whom it is about, as `kind:id`.
    pub subject: String,
    /// Where the delivery stands.
    pub state: DeliveryState,
    /// How often it was tried since it was first to be sent, or asked for again.
    pub attempts: u32,
    /// When it was first tried; none before.
    pub first_at: Option<Timestamp>,
    /// When it was last tried.
    pub last_at: Option<Timestamp>,
    /// When it is tried again, at the earliest.
    pub next_at: Option<Timestamp>,
    /// The HTTP status of the last answer; none where there was no answer.
    pub status: Option<u16>,
    /// What went wrong last; empty where nothing did.
    pub problem: String,
    /// How often somebody asked to have it sent again.
    pub asked_again: u32,
}

/// Since when nothing is sent to an endpoint, and why（停用）.
#[doc(alias = "停用")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Since when, by the server's clock.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// How an endpoint behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// Attempts in a row that failed by its fault.
    pub failures: u32,
    /// When it is tried again, at the earliest.
    pub retry_at: Option<Timestamp>,
    /// It answers no more: nothing is sent until somebody says so.
    pub parked: Option<Parked>,
}
