//! How the parts are put together.

pub(crate) mod access;
pub(crate) mod webhooks;
pub(crate) mod witness;

use crate::config::Config;
use anyhow::Context;
use parking_lot::RwLock;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};
use risk_api::{ApiMetrics, ApiParts, ApiState, Intake, Intakes, PostError, Readiness, Receipt};
use risk_domain::access::AccessNote;
use risk_domain::personal::Erasure;
use risk_domain::reference::Reference;
use risk_engine::{Engine, Policy, Registration, Taxonomy};
use risk_pipeline::clock::{Clock, SystemClock};
use risk_pipeline::dead_letter::DeadLetterLimit;
use risk_pipeline::metrics::{PipelineMetrics, PublisherMetrics, WebhookMetrics};
use risk_pipeline::notes::{Note, Notes};
use risk_pipeline::publisher::{PublishError, Publisher, Sink};
use risk_pipeline::source::Source;
use risk_pipeline::source::intake::{IntakeHandle, Receipt as IntakeReceipt, SubmitError};
use risk_pipeline::source::kafka::TopicHandle;
use risk_pipeline::webhook::Endpoint;
use risk_pipeline::wire::{ReferenceVocabulary, Vocabulary, WireLimits};
use risk_pipeline::worker::{
    Worker, WorkerError, WorkerParts, WorkerReport, WorkerSettings, WorkerStatus,
};
use risk_planner::PlanningPolicy;
use risk_store::{Committed, Opened, PlanShelf, Reader, RetentionPolicy, Store, StoreOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use webhooks::Senders;

/// The policy of a path, or the one that ships.
pub(crate) fn policy(path: Option<&Path>) -> anyhow::Result<Arc<Policy>> {
    let policy = match path.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the policy {}", path.display()))?;
            Policy::from_toml(&text)
                .with_context(|| format!("{} is not a valid policy", path.display()))?
        }
        None => Policy::builtin().context("the policy that ships is not valid")?,
    };
    Ok(Arc::new(policy))
}

/// The city's reference data.
pub(crate) fn reference() -> anyhow::Result<Arc<Reference>> {
    Ok(Arc::new(
        Reference::builtin().context("the reference data that ships is not valid")?,
    ))
}

/// How what is personal is kept, where it is not as it ships.
#[derive(Debug)]
pub(crate) struct Personal {
    /// Where the master key lies.
    pub(crate) secrets_dir: Option<PathBuf>,
    /// How long.
    pub(crate) retention: Option<Arc<RetentionPolicy>>,
}

/// The retention policy of a path, if one is named.
pub(crate) fn retention(path: &Path) -> anyhow::Result<Option<Arc<RetentionPolicy>>> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the retention policy {}", path.display()))?;
    let policy = RetentionPolicy::from_toml(&text)
        .with_context(|| format!("{} is not a valid retention policy", path.display()))?;
    Ok(Some(Arc::new(policy)))
}

/// A store of a data directory, under a policy.
pub(crate) fn store(
    dir: &Path,
    shard: u16,
    policy: &Arc<Policy>,
    reference: &Reference,
    personal: Personal,
) -> Store {
    let options = StoreOptions {
        shard,
        secrets_dir: personal.secrets_dir,
        retention: personal.retention,
        ..StoreOptions::default()
    };
    Store::at(
        dir,
        options,
        Arc::clone(policy),
        Taxonomy::from_reference(reference),
    )
}

/// The vocabulary of the reference data.
pub(crate) fn vocabulary(reference: &Reference) -> Box<dyn Vocabulary + Send> {
    Box::new(ReferenceVocabulary::of(reference))
}

/// What a worker reads, and how.
pub(crate) struct Inlet {
    pub(crate) source: Box<dyn Source>,
    pub(crate) vocabulary: Box<dyn Vocabulary + Send>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) settings: WorkerSettings,
    /// Which shard this is.
    pub(crate) shard: u16,
    /// Where events go; nowhere without a broker.
    pub(crate) sink: Option<Box<dyn Sink>>,
    /// Endpoints that are told of events.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// How the worker runs, from the configuration.
pub(crate) fn worker_settings(config: &Config) -> WorkerSettings {
    let idle_after = if config.kafka.enabled {
        config.kafka.idle_after
    } else {
        config.intake.idle_after
    };
    WorkerSettings {
        batch_records: config.worker.batch_records,
        poll_wait: Duration::from_millis(50),
        idle_after,
        dead_letters: DeadLetterLimit {
            max_ratio: config.worker.dead_letter_ratio,
            window: config.worker.dead_letter_window as usize,
            max_consecutive: config.worker.dead_letter_consecutive as usize,
        },
        limits: WireLimits::default(),
    }
}

/// A worker on a thread of its own, and what it shares.
pub(crate) struct Running {
    pub(crate) engine: Arc<RwLock<Engine>>,
    pub(crate) reader: Reader,
    pub(crate) status: Arc<WorkerStatus>,
    pub(crate) registry: Registry,
    pub(crate) failure: Arc<Mutex<Option<String>>>,
    pub(crate) notes: Arc<Notes>,
    view_lag: IntGauge,
    worker: JoinHandle<Result<WorkerReport, WorkerError>>,
    publisher: Option<Publishing>,
    senders: Senders,
    pub(crate) webhook_metrics: WebhookMetrics,
}

/// The publisher on a thread of its own.
struct Publishing {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64, PublishError>>,
}

impl Running {
    /// Waits for the worker to end and for its last events to go out, and says what it did.
    pub(crate) fn join(self) -> anyhow::Result<WorkerReport> {
        let panicked = |what| move |_panic| anyhow::anyhow!("the {what} panicked; see the log");
        self.senders.ask_to_stop();
        let worked = self.worker.join().map_err(panicked("worker"))?;
        if let Some(publishing) = self.publisher {
            publishing.stop.store(true, Ordering::SeqCst);
            let sent = publishing.thread.join().map_err(panicked("publisher"))??;
            tracing::info!(sent, "events sent");
        }
        self.senders.join()?;
        Ok(worked?)
    }

    /// Sets the gauge of what the views do not show yet.
    pub(crate) fn gauge(&self) {
        if let Ok(shown) = self.reader.position() {
            let durable = self.reader.ledger().entry_count();
            self.view_lag.set(durable.saturating_sub(shown) as i64);
        }
    }

    /// Whether the worker has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.worker.is_finished()
    }
}

/// Starts a worker over an open store.
pub(crate) fn run(opened: Opened, inlet: Inlet) -> anyhow::Result<Running> {
    let registry = Registry::new();
    let metrics = PipelineMetrics::register(&registry)?;
    let store_metrics = StoreMetrics::register(&registry)?;
    let Opened {
        writer,
        reader,
        engine,
        report,
        ..
    } = opened;
    if let Some(cut) = &report.cut {
        tracing::warn!(cut = ?cut, "an unfinished last block was cut from the ledger");
    }
    tracing::info!(
        entries = report.entries,
        blocks = report.blocks,
        views_rebuilt = report.views_rebuilt,
        "store opened"
    );
    let publishing = PublisherMetrics::register(&registry)?;
    let engine = Arc::new(RwLock::new(engine));
    let status = Arc::new(WorkerStatus::default());
    let view_lag = store_metrics.view_lag.clone();
    // The observer must not hold the reader: the store would hold itself, and its lock, for ever.
    writer.observe(Arc::new(move |committed: &Committed| {
        store_metrics.note(committed);
    }));
    let failure = Arc::new(Mutex::new(None));
    let notes = Arc::new(Notes::default());
    let worker = Worker::new(WorkerParts {
        engine: Arc::clone(&engine),
        writer,
        source: inlet.source,
        vocabulary: inlet.vocabulary,
        registrations: inlet.registrations,
        clock: Arc::new(SystemClock),
        seeds: Box::new(risk_store::fresh_seed),
        settings: inlet.settings,
        metrics,
        status: Arc::clone(&status),
        notes: Arc::clone(&notes),
    })?;
    let publisher = inlet.sink.map(|sink| {
        let stop = Arc::new(AtomicBool::new(false));
        let publisher = Publisher::new(
            reader.clone(),
            sink,
            inlet.shard,
            publishing,
            Arc::clone(&stop),
        );
        publish(publisher, Arc::clone(&status), Arc::clone(&failure))
            .map(|thread| Publishing { stop, thread })
    });
    let webhook_metrics = WebhookMetrics::register(&registry)?;
    let senders = Senders::start(
        inlet.endpoints,
        inlet.shard,
        &reader,
        &engine,
        &webhook_metrics,
    )?;
    let thread = work(worker, Arc::clone(&failure))?;
    Ok(Running {
        engine,
        reader,
        status,
        registry,
        failure,
        notes,
        view_lag,
        worker: thread,
        publisher: publisher.transpose()?,
        senders,
        webhook_metrics,
    })
}

/// Starts the worker.
fn work(
    worker: Worker,
    failure: Arc<Mutex<Option<String>>>,
) -> std::io::Result<JoinHandle<Result<WorkerReport, WorkerError>>> {
    std::thread::Builder::new()
        .name("worker".to_owned())
        .spawn(move || {
            let ended = worker.run();
            if let Err(error) = &ended {
                tracing::error!(error = %error, "the worker stopped");
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            }
            ended
        })
}

/// Starts the publisher. Where it cannot go on, the worker stops too: a process whose shard was
/// taken over must not read on.
fn publish(
    publisher: Publisher,
    status: Arc<WorkerStatus>,
    failure: Arc<Mutex<Option<String>>>,
) -> std::io::Result<JoinHandle<Result<u64, PublishError>>> {
    std::thread::Builder::new()
        .name("publisher".to_owned())
        .spawn(move || {
            let ended = publisher.run();
            if let Err(error) = &ended {
                tracing::error!(error = %error, "the publisher stopped");
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                status.stop();
            }
            ended
        })
}

/// The store's metrics, set with every commit.
struct StoreMetrics {
    entries: IntCounter,
    commit_seconds: Histogram,
    view_lag: IntGauge,
}

impl StoreMetrics {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let buckets = prometheus::exponential_buckets(0.001, 2.0, 14)?;
        let metrics = Self {
            entries: IntCounter::new(
                "risk_store_ledger_entries_total",
                "Entries appended to the ledger by this process",
            )?,
            commit_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "risk_store_commit_seconds",
                    "Seconds from a block handed over to durable",
                )
                .buckets(buckets),
            )?,
            view_lag: IntGauge::new(
                "risk_store_view_lag_entries",
                "Durable entries that the views do not show yet",
            )?,
        };
        registry.register(Box::new(metrics.entries.clone()))?;
        registry.register(Box::new(metrics.commit_seconds.clone()))?;
        registry.register(Box::new(metrics.view_lag.clone()))?;
        Ok(metrics)
    }

    fn note(&self, committed: &Committed) {
        self.entries
            .inc_by(committed.next_entry - committed.first_entry);
        let waited = SystemClock
            .now()
            .millis_since(committed.committed_at)
            .max(0);
        self.commit_seconds.observe(waited as f64 / 1000.0);
    }
}

/// Posts go straight to the worker.
pub(crate) struct DirectPosts(pub(crate) IntakeHandle);

impl Intake for DirectPosts {
    fn post(&self, records: Vec<Vec<u8>>) -> Result<risk_api::Receipts, PostError> {
        let receipts = self.0.submit(records).map_err(not_taken)?;
        Ok(Box::pin(async move {
            let receipts = receipts.await.ok()?;
            Some(receipts.into_iter().map(receipt).collect())
        }))
    }
}

/// Posts go to the results topic, and come back from there.
pub(crate) struct TopicPosts(pub(crate) TopicHandle);

impl Intake for TopicPosts {
    fn post(&self, records: Vec<Vec<u8>>) -> Result<risk_api::Receipts, PostError> {
        let receipts = self.0.submit(records).map_err(not_taken)?;
        Ok(Box::pin(async move {
            let receipts = receipts.await?;
            Some(receipts.into_iter().map(receipt).collect())
        }))
    }
}

fn not_taken(error: SubmitError) -> PostError {
    match error {
        SubmitError::Busy => PostError::Busy,
        SubmitError::TooLarge => PostError::TooLarge,
        SubmitError::Closed => PostError::Stopped,
    }
}

fn receipt(receipt: IntakeReceipt) -> Receipt {
    match receipt {
        IntakeReceipt::Accepted => Receipt::Accepted,
        IntakeReceipt::Duplicate => Receipt::Duplicate,
        IntakeReceipt::Rejected(rejection) => Receipt::Rejected {
            code: rejection.code.code().to_owned(),
            field: rejection.field,
            value: rejection.value,
            rule: rejection.rule,
        },
    }
}

/// Notes go to the worker, which writes them down.
struct Notebook(Arc<Notes>);

impl risk_api::Notebook for Notebook {
    fn note(&self, note: AccessNote) -> Result<risk_api::Receipts, PostError> {
        written_down(&self.0, Note::Access(Box::new(note)))
    }

    fn erase(&self, erasure: Erasure) -> Result<risk_api::Receipts, PostError> {
        written_down(&self.0, Note::Erasure(Box::new(erasure)))
    }
}

fn written_down(notes: &Notes, note: Note) -> Result<risk_api::Receipts, PostError> {
    let receipts = notes.submit(note).map_err(not_taken)?;
    Ok(Box::pin(async move {
        let receipts = receipts.await.ok()?;
        Some(receipts.into_iter().map(receipt).collect())
    }))
}

struct Ready {
    status: Arc<WorkerStatus>,
    failure: Arc<Mutex<Option<String>>>,
    reader: Reader,
}

impl Readiness for Ready {
    fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Some(failure) = &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            reasons.push(format!("the worker stopped: {failure}"));
        } else if !self.status.is_running() {
            reasons.push("the worker is not running".to_owned());
        }
        for (partition, why) in self.status.stopped_partitions() {
            reasons.push(format!("partition {partition} is stopped: {why}"));
        }
        reasons
    }

    fn warnings(&self) -> Vec<String> {
        webhooks::warnings(&self.reader)
    }
}

/// The API over a running worker.
pub(crate) fn api(
    running: &Running,
    reference: &Arc<Reference>,
    intakes: Intakes,
    config: &Config,
) -> anyhow::Result<ApiState> {
    let metrics = ApiMetrics::register(&running.registry)?;
    Ok(ApiState::new(ApiParts {
        reader: running.reader.clone(),
        engine: Arc::clone(&running.engine),
        reference: Arc::clone(reference),
        planning: PlanningPolicy::builtin()?,
        shelf: PlanShelf::of(&config.data_dir),
        signer: risk_store::checkpoint_signer(&config.data_dir, config.shard)?,
        intakes,
        notebook: Arc::new(Notebook(Arc::clone(&running.notes))),
        readiness: Arc::new(Ready {
            status: Arc::clone(&running.status),
            failure: Arc::clone(&running.failure),
            reader: running.reader.clone(),
        }),
        now: Arc::new(|| SystemClock.now()),
        registry: running.registry.clone(),
        metrics,
        max_body_bytes: config.http.max_body_bytes,
        access: access::access(config)?,
    }))
}
