//! What people did, as it is shown.

use serde::Serialize;
use utoipa::ToSchema;

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldChangeDto {
    /// Which.
    pub field: String,
    /// What stood there; absent where nothing did.
    pub before: Option<String>,
    /// What stands there since.
    pub after: Option<String>,
}

/// What somebody did（操作记录）: a decision, or a request that brought or showed something.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditDto {
    /// Its entry in the ledger.
    pub entry: u64,
    /// Of a decision: what was done to a grade, an alert, a case, a problem or a sampling plan, as the
    /// command's `kind`. Else post_results, post_registry, post_commands, post_signals,
    /// read_dead_letters, read_personal, read_plan, resend_delivery, unpark_webhook, end_sessions or
    /// erase_personal.
    pub kind: String,
    /// When: of a decision, as it says itself; else by the server's clock. RFC 3339.
    pub at: String,
    /// Who.
    pub actor: String,
    /// In which role; of a request, in which roles.
    pub roles: Vec<String>,
    /// By what they were known: `session`, or `token:` and its id. Absent of a decision that came by
    /// the topic, or in the demo.
    pub means: Option<String>,
    /// In which request; absent as `means` is.
    pub request_id: Option<String>,
    /// Of a decision or an erasure: why.
    pub reason: Option<String>,
    /// Of a decision on a grade, an alert, a case or a problem: on whose, as `kind:id`.
    pub subject: Option<String>,
    /// Of a decision on an alert: on which.
    pub alert_id: Option<String>,
    /// Of a decision on a case: on which.
    pub case_id: Option<String>,
    /// Of a decision: its command.
    pub command_id: Option<String>,
    /// Of a decision: what it changed, field by field, of the decision that it makes or names.
    pub changes: Vec<FieldChangeDto>,
    /// Of a request: of how many things; of an erasure: of how many keys.
    pub count: Option<u64>,
    /// Of a request: of which, at most a hundred, as records, dead letters and keys are named.
    pub what: Vec<String>,
}
