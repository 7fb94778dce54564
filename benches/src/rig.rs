//! The parts of the running program, put together as it does, over a folder that is thrown away.

use crate::measure::{Moment, now};
use crate::stream;
use anyhow::Context;
use parking_lot::RwLock;
use prometheus::Registry;
use risk_engine::{Policy, Taxonomy};
use risk_pipeline::clock::SystemClock;
use risk_pipeline::dead_letter::DeadLetterLimit;
use risk_pipeline::metrics::PipelineMetrics;
use risk_pipeline::source::Source;
use risk_pipeline::wire::{ReferenceVocabulary, WireLimits};
use risk_pipeline::worker::{Worker, WorkerParts, WorkerSettings, WorkerStatus};
use risk_store::{Committed, Opened, Store, StoreOptions};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A store under the policy and the taxonomy that ship.
pub(crate) fn store(dir: &Path) -> anyhow::Result<Store> {
    Ok(Store::at(
        dir,
        StoreOptions::default(),
        Arc::new(Policy::builtin()?),
        Taxonomy::from_reference(&stream::reference()?),
    ))
}

/// When blocks became durable.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    pub(crate) last: Option<Moment>,
    /// The longest time from the worker's commit to durable.
    pub(crate) longest: Duration,
}

/// A worker that is ready to run, and who watches it.
pub(crate) struct Rig {
    pub(crate) worker: Worker,
    pub(crate) durable: Arc<Mutex<Durable>>,
}

/// A worker over a source, put together as the program puts it together.
pub(crate) fn worker(dir: &Path, source: Box<dyn Source>) -> anyhow::Result<Rig> {
    let Opened { writer, engine, .. } = store(dir)?.open()?;
    let durable = Arc::new(Mutex::new(Durable::default()));
    let told = Arc::clone(&durable);
    writer.observe(Arc::new(move |committed: &Committed| {
        let mut durable = told.lock().unwrap_or_else(PoisonError::into_inner);
        durable.longest = durable.longest.max(waited(committed));
        durable.last = Some(now());
    }));
    let worker = Worker::new(WorkerParts {
        engine: Arc::new(RwLock::new(engine)),
        writer,
        source,
        vocabulary: Box::new(ReferenceVocabulary::of(&stream::reference()?)),
        registrations: Vec::new(),
        clock: Arc::new(SystemClock),
        seeds: Box::new(risk_store::fresh_seed),
        settings: settings(),
        metrics: PipelineMetrics::register(&Registry::new())?,
        status: Arc::new(WorkerStatus::default()),
        notes: Arc::default(),
    })
    .context("the worker cannot begin")?;
    Ok(Rig { worker, durable })
}

fn waited(committed: &Committed) -> Duration {
    use risk_pipeline::clock::Clock;
    let millis = SystemClock.now().millis_since(committed.committed_at);
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// The program's defaults.
fn settings() -> WorkerSettings {
    WorkerSettings {
        batch_records: 8192,
        poll_wait: Duration::from_millis(50),
        idle_after: Duration::from_mins(1),
        dead_letters: DeadLetterLimit {
            max_ratio: 0.5,
            window: 1000,
            max_consecutive: 500,
        },
        limits: WireLimits::default(),
    }
}
