//! The worker's manners towards its source.

use prometheus::Registry;
use risk_engine::{Policy, Taxonomy};
use risk_pipeline::clock::SystemClock;
use risk_pipeline::dead_letter::DeadLetterLimit;
use risk_pipeline::metrics::PipelineMetrics;
use risk_pipeline::source::{Feed, Offset, Partition, Source, SourceBatch, SourceError};
use risk_pipeline::wire::{OpenVocabulary, WireLimits};
use risk_pipeline::worker::{Worker, WorkerParts, WorkerSettings, WorkerStatus};
use risk_store::{Opened, Store, StoreOptions};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

const WAIT: Duration = Duration::from_millis(3);
const POLLS: usize = 12;

/// Is always at its end, and has the worker stopped after some polls.
struct Idle {
    waits: Arc<Mutex<Vec<Duration>>>,
    status: Arc<WorkerStatus>,
}

impl Source for Idle {
    fn name(&self, _feed: Feed) -> &'static str {
        "idle"
    }

    fn partitions(&self) -> Vec<Partition> {
        vec![Partition::results(0)]
    }

    fn seek(&mut self, _positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        Ok(())
    }

    fn poll(&mut self, _max: usize, wait: Duration) -> Result<SourceBatch, SourceError> {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.push(wait);
        if waits.len() == POLLS {
            self.status.stop();
        }
        let mut batch = SourceBatch::default();
        batch.reached_end.push(Partition::results(0));
        Ok(batch)
    }

    fn pause(&mut self, _partitions: &[Partition]) -> Result<(), SourceError> {
        Ok(())
    }

    fn resume(&mut self, _partitions: &[Partition]) -> Result<(), SourceError> {
        Ok(())
    }

    fn durable(&mut self, _positions: &BTreeMap<Partition, Offset>) {}

    fn bounded(&self) -> bool {
        false
    }
}

/// A source that says that it is at its end is no reason to ask it at once again, and again.
#[test]
fn an_idle_source_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let policy = Arc::new(Policy::builtin().unwrap());
    let store = Store::at(
        dir.path(),
        StoreOptions::default(),
        policy,
        Taxonomy::default(),
    );
    let Opened { writer, engine, .. } = store.open().unwrap();
    let status = Arc::new(WorkerStatus::default());
    let waits = Arc::new(Mutex::new(Vec::new()));
    let worker = Worker::new(WorkerParts {
        engine: Arc::new(RwLock::new(engine)),
        writer,
        source: Box::new(Idle {
            waits: Arc::clone(&waits),
            status: Arc::clone(&status),
        }),
        vocabulary: Box::new(OpenVocabulary),
        registrations: Vec::new(),
        clock: Arc::new(SystemClock),
        seeds: Box::new(risk_store::fresh_seed),
        settings: WorkerSettings {
            batch_records: 100,
            poll_wait: WAIT,
            idle_after: Duration::from_mins(1),
            dead_letters: DeadLetterLimit {
                max_ratio: 0.5,
                window: 1000,
                max_consecutive: 500,
            },
            limits: WireLimits::default(),
        },
        metrics: PipelineMetrics::register(&Registry::new()).unwrap(),
        status,
        notes: Arc::default(),
    });
    worker.unwrap().run().unwrap();
    assert_eq!(*waits.lock().unwrap(), [WAIT; POLLS]);
}
