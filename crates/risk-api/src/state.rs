//! What the handlers work with.

use crate::books::{self, OfClose, Shelf};
use crate::error::ApiError;
use crate::idempotency::Answers;
use crate::identity::guard::{Access, Failures};
use crate::identity::pending::PendingSignIns;
use crate::identity::provider::Provider;
use crate::identity::sessions::Sessions;
use crate::kept::Kept;
use crate::limits::Quota;
use crate::metrics::ApiMetrics;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::serve::IncomingStream;
use parking_lot::{RwLock, RwLockReadGuard};
use prometheus::Registry;
use risk_domain::access::AccessNote;
use risk_domain::personal::Erasure;
use risk_domain::reference::Reference;
use risk_domain::time::{Day, Timestamp};
use risk_engine::lists::CreditMonth;
use risk_engine::{Engine, League, ObserverReport, PlaceEstimate, Suspicion};
use risk_planner::PlanningPolicy;
use risk_store::ledger::note::CheckpointSigner;
use risk_store::{PlanShelf, Reader};
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, watch};

/// Reads at once; more wait their turn without a thread.
const READS: usize = 64;

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

/// Where posts go, by what they are about.
#[derive(Clone)]
pub struct Intakes {
    /// Of results.
    pub results: Arc<dyn Intake>,
    /// Of what the register says, if anything reads it.
    pub registry: Option<Arc<dyn Intake>>,
    /// Of commands, if anything reads them.
    pub commands: Option<Arc<dyn Intake>>,
    /// Of signals, if anything reads them.
    pub signals: Option<Arc<dyn Intake>>,
}

impl std::fmt::Debug for Intakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intakes").finish_non_exhaustive()
    }
}

impl Intakes {
    /// Where posts of results go, and no others.
    pub fn of_results(results: Arc<dyn Intake>) -> Self {
        Self {
            results,
            registry: None,
            commands: None,
            signals: None,
        }
    }
}

/// Writes down what people do, before they see what comes of it.
pub trait Notebook: Send + Sync {
    /// Hands a note in; what comes back resolves once it is durable.
    fn note(&self, note: AccessNote) -> Result<Receipts, PostError>;

    /// Hands an erasure in; what is personal is gone when what comes back resolves.
    fn erase(&self, erasure: Erasure) -> Result<Receipts, PostError>;
}

/// Whether this process is fit to be sent work.
pub trait Readiness: Send + Sync {
    /// Why it is not ready; empty when it is.
    fn not_ready(&self) -> Vec<String>;

    /// What should be looked at although it is ready.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What the API is made of.
pub struct ApiParts {
    /// The store's views.
    pub reader: Reader,
    /// For names and provisional estimates; never written here.
    pub engine: Arc<RwLock<Engine>>,
    /// Names of places and products.
    pub reference: Arc<Reference>,
    /// How plans are made.
    pub planning: Arc<PlanningPolicy>,
    /// Where plans are kept.
    pub shelf: PlanShelf,
    /// Signs the ledger's head.
    pub signer: CheckpointSigner,
    /// Take what is posted.
    pub intakes: Intakes,
    /// Takes down what people do.
    pub notebook: Arc<dyn Notebook>,
    /// Tells whether the process is ready.
    pub readiness: Arc<dyn Readiness>,
    /// Tells the time of provisional estimates.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Every metric of the process.
    pub registry: Registry,
    /// The API's own metrics.
    pub metrics: ApiMetrics,
    /// Longest body of a request.
    pub max_body_bytes: usize,
    /// Who is let in.
    pub access: Access,
}

impl std::fmt::Debug for ApiParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiParts").finish_non_exhaustive()
    }
}

impl ApiParts {
    pub(crate) fn engine(&self) -> RwLockReadGuard<'_, Engine> {
        self.engine.read()
    }
}

pub(crate) struct Shared {
    pub(crate) parts: Arc<ApiParts>,
    /// Entries that the views show.
    pub(crate) shown: watch::Receiver<u64>,
    /// Whether the server is closing: live streams have no end of their own.
    pub(crate) closing: watch::Sender<bool>,
    reads: Arc<Semaphore>,
    pub(crate) books: Shelf,
    /// Burdens of a day other than that of the last close.
    pub(crate) league: Kept<(u64, Day), League>,
    /// Credit classes of the month of the last close, and of a month that somebody names.
    pub(crate) credit: OfClose<CreditMonth>,
    pub(crate) credit_of: Kept<(u64, Day), CreditMonth>,
    pub(crate) heat: OfClose<Vec<PlaceEstimate>>,
    pub(crate) signs: OfClose<Vec<Suspicion>>,
    /// Those who test, by month and by quarter; none before the first fit.
    pub(crate) observers: [OfClose<Option<ObserverReport>>; 2],
    /// Failed tokens and sign-ins, by client.
    pub(crate) failures: Failures,
    /// Requests, by who asks.
    pub(crate) quota: Quota,
    /// Requests that may be worked on besides those that are.
    pub(crate) free: Semaphore,
    /// Sessions of people.
    pub(crate) sessions: Sessions,
    /// Sign-ins under way.
    pub(crate) pending: PendingSignIns,
    /// Answers under idempotency keys.
    pub(crate) answers: Answers,
    /// Tells the requests of one process from those of another.
    process: u32,
    requests: AtomicU64,
}

/// What every handler shares.
#[derive(Clone)]
pub struct ApiState(pub(crate) Arc<Shared>);

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiState").finish_non_exhaustive()
    }
}

impl ApiState {
    /// Shares the parts, and from now on follows what the store's views show.
    pub fn new(parts: ApiParts) -> Self {
        let (follow, shown) = watch::channel(0);
        parts.reader.observe_shown(Arc::new(move |entries| {
            follow.send_replace(entries);
        }));
        let (closing, _) = watch::channel(false);
        let seed = risk_store::fresh_seed();
        let process = seed.iter().take(4);
        Self(Arc::new(Shared {
            failures: Failures::default(),
            quota: Quota::new(parts.access.requests_per_minute),
            free: Semaphore::new(parts.access.concurrent_requests),
            sessions: Sessions::new(parts.access.sessions),
            pending: PendingSignIns::default(),
            answers: Answers::default(),
            parts: Arc::new(parts),
            shown,
            closing,
            reads: Arc::new(Semaphore::new(READS)),
            books: Shelf::default(),
            league: Kept::default(),
            credit: OfClose::default(),
            credit_of: Kept::default(),
            heat: OfClose::default(),
            signs: OfClose::default(),
            observers: Default::default(),
            process: process.fold(0, |sum, byte| (sum << 8) | u32::from(*byte)),
            requests: AtomicU64::new(0),
        }))
    }

    /// The provider that signs people in.
    pub(crate) fn provider(&self) -> Result<Arc<Provider>, ApiError> {
        let provider = self.0.parts.access.provider.clone();
        provider.ok_or_else(|| {
            let why = "nobody signs in here: identity.issuer is empty; use an API token";
            ApiError::NotFound(why.to_owned())
        })
    }

    /// Begins to follow the ledger with what is kept in memory.
    pub(crate) fn begin(&self) {
        // Who asks before it has caught up waits for it.
        drop(tokio::spawn(books::follow(Arc::downgrade(&self.0))));
    }

    /// Ends the live streams; a server that is asked to stop calls it first.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.subscribe()
    }

    /// Reads from store and engine, on a thread that may wait for their locks: the threads that
    /// answer requests never do, so a long close cannot silence the process.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ApiParts) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = Arc::clone(&self.0.reads).acquire_owned().await;
        let parts = Arc::clone(&self.0.parts);
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            // Held to the end of the work, even when nobody waits for it any more.
            let _permit = permit;
            span.in_scope(|| work(&parts))
        });
        match done.await {
            Ok(answer) => answer,
            Err(error) => Err(ApiError::Internal(format!("a read ended early: {error}"))),
        }
    }

    /// An id for a request that brought none.
    pub(crate) fn request_id(&self) -> String {
        let number = self.0.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{number}", self.0.process)
    }
}

/// From where a request comes（客户端地址）: the other end of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    /// Under what its failures are counted: an IPv6 client has a whole /64 to itself.
    pub(crate) fn group(&self) -> String {
        match self.0.map(|address| address.to_canonical()) {
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            Some(IpAddr::V4(address)) => address.to_string(),
            None => String::new(),
        }
    }
}

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.to_canonical().fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// The address of a connection, as the listener knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, tokio::net::TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, tokio::net::TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        Ok(Self(peer.map(|ConnectInfo(Peer(address))| address.ip())))
    }
}
