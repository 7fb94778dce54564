//! What the handlers work with.

use crate::metrics::ApiMetrics;
use prometheus::Registry;
use risk_domain::reference::Reference;
use risk_domain::time::Timestamp;
use risk_engine::{Alert, Engine};
use risk_store::Reader;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::broadcast;

/// What became of one posted record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It was applied.
    Accepted,
    /// It was known before.
    Duplicate,
    /// It was rejected, and is kept as a dead letter.
    Rejected {
        /// The reason's code.
        code: String,
        /// Which field.
        field: String,
        /// What stood there.
        value: String,
        /// The rule it breaks.
        rule: String,
    },
}

/// Why a post was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostError {
    /// Too much is waiting.
    Busy,
    /// The post is larger than what may wait at all.
    TooLarge,
    /// The pipeline has stopped.
    Stopped,
}

/// Receipts to come, once the records are durable; none when the pipeline stopped before.
pub type Receipts = Pin<Box<dyn Future<Output = Option<Vec<Receipt>>> + Send>>;

/// Takes posted records to the worker.
pub trait Intake: Send + Sync {
    /// Hands records in, as one submission.
    fn post(&self, records: Vec<Vec<u8>>) -> Result<Receipts, PostError>;
}

/// Whether this process is fit to be sent work.
pub trait Readiness: Send + Sync {
    /// Why it is not ready; empty when it is.
    fn not_ready(&self) -> Vec<String>;
}

/// An alert as it becomes durable, with its ledger entry: the id of the live stream's event.
#[derive(Debug, Clone)]
pub struct AlertEvent {
    /// The ledger entry.
    pub entry: u64,
    /// The alert.
    pub alert: Arc<Alert>,
}

/// What the API is made of.
pub struct ApiParts {
    /// The store's views.
    pub reader: Reader,
    /// For names and provisional estimates; never written here.
    pub engine: Arc<RwLock<Engine>>,
    /// Names of places and products.
    pub reference: Arc<Reference>,
    /// Takes posted records.
    pub intake: Arc<dyn Intake>,
    /// Tells whether the process is ready.
    pub readiness: Arc<dyn Readiness>,
    /// Tells the time of provisional estimates.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Alerts as they become durable.
    pub alerts: broadcast::Sender<AlertEvent>,
    /// Every metric of the process.
    pub registry: Registry,
    /// The API's own metrics.
    pub metrics: ApiMetrics,
    /// Longest body of a request.
    pub max_body_bytes: usize,
}

impl std::fmt::Debug for ApiParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiParts").finish_non_exhaustive()
    }
}

/// What every handler shares.
#[derive(Clone)]
pub struct ApiState(pub(crate) Arc<ApiParts>);

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiState").finish_non_exhaustive()
    }
}

impl ApiState {
    /// Shares the parts.
    pub fn new(parts: ApiParts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn engine(&self) -> RwLockReadGuard<'_, Engine> {
        self.0.engine.read().unwrap_or_else(PoisonError::into_inner)
    }
}
