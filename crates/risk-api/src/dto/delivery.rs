//! Deliveries of events to endpoints, as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

/// What became of one event at one endpoint（投递）.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryDto {
    /// Its id: the same at every attempt, and the `webhook-id` that the endpoint sees.
    pub id: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// The event's ledger entry.
    pub entry: u64,
    /// What the event is: alerts, grades or cases.
    pub event: String,
    /// Whom it is about, as `kind:id`.
    pub subject: String,
    /// waiting, delivered, or failed: given up, as the endpoint refuses it.
    pub state: String,
    /// How often it was tried since it was first to be sent, or asked for again.
    pub attempts: u32,
    /// When it was first tried, by the server's clock, RFC 3339.
    pub first_at: Option<String>,
    /// When it was last tried, RFC 3339.
    pub last_at: Option<String>,
    /// When it is tried again, at the earliest, RFC 3339.
    pub next_at: Option<String>,
    /// The HTTP status of the last answer; none where there was no answer.
    pub status: Option<u16>,
    /// What went wrong last; empty where nothing did.
    pub problem: String,
    /// How often somebody asked to have it sent again.
    pub asked_again: u32,
}

/// An endpoint that is told of events（投递端点）. Its URL may hold a secret, and is not shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookDto {
    /// Its name.
    pub name: String,
    /// What it understands: webhook, dingtalk, wecom or alertmanager.
    pub kind: String,
    /// Every event of a ledger entry below this one is done with.
    pub next: u64,
    /// Ledger entries from there to the ledger's end.
    pub behind: u64,
    /// Attempts in a row that failed by its fault.
    pub failures: u32,
    /// When it is tried again, at the earliest, RFC 3339.
    pub retry_at: Option<String>,
    /// Since when nothing is sent to it because it failed too often, RFC 3339; absent while it is well.
    pub parked_at: Option<String>,
    /// Why it is parked.
    pub parked_why: Option<String>,
}

/// Every endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhooksDto {
    /// By name.
    pub items: Vec<WebhookDto>,
}
