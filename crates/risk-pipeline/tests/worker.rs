//! The worker's manners towards its source.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot build its input must fail"
)]

use parking_lot::RwLock;
use prometheus::Registry;
use proptest::collection::vec;
use proptest::prelude::*;
use risk_domain::personal::ErasureRule;
use risk_domain::time::Timestamp;
use risk_engine::{Effect, Policy, Taxonomy};
use risk_pipeline::clock::{Clock, SystemClock};
use risk_pipeline::dead_letter::DeadLetterLimit;
use risk_pipeline::metrics::PipelineMetrics;
use risk_pipeline::source::{Feed, Offset, Partition, Source, SourceBatch, SourceError};
use risk_pipeline::wire::{OpenVocabulary, WireLimits};
use risk_pipeline::worker::{Worker, WorkerParts, WorkerSettings, WorkerStatus};
use risk_store::ledger::Excerpt;
use risk_store::records::{BlockMetadata, Record};
use risk_store::{DeadLetterQuery, Disclosed, Opened, Store, StoreOptions};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const WAIT: Duration = Duration::from_millis(3);
const POLLS: usize = 12;

/// Never ends, gives what `next` makes of the number of the poll, and has the worker stopped after some polls.
struct Endless<F> {
    partitions: i32,
    polls: u32,
    last: u32,
    /// How long the worker would have waited in each poll.
    waits: Arc<Mutex<Vec<Duration>>>,
    status: Arc<WorkerStatus>,
    next: F,
}

impl<F: FnMut(u32) -> SourceBatch + Send> Source for Endless<F> {
    fn name(&self, _feed: Feed) -> &'static str {
        "endless"
    }

    fn partitions(&self) -> Vec<Partition> {
        (0..self.partitions).map(Partition::results).collect()
    }

    fn seek(&mut self, _positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        Ok(())
    }

    fn poll(&mut self, _max: usize, wait: Duration) -> Result<SourceBatch, SourceError> {
        self.waits.lock().unwrap().push(wait);
        let batch = (self.next)(self.polls);
        self.polls += 1;
        if self.polls == self.last {
            self.status.stop();
        }
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

/// A worker over a source, with this many rejections in a row allowed.
fn worker(
    store: &Store,
    source: Box<dyn Source>,
    status: &Arc<WorkerStatus>,
    max_consecutive: usize,
) -> Worker {
    worker_at(
        store,
        source,
        status,
        (max_consecutive, Arc::new(SystemClock)),
    )
}

/// The same by another clock.
fn worker_at(
    store: &Store,
    source: Box<dyn Source>,
    status: &Arc<WorkerStatus>,
    (max_consecutive, clock): (usize, Arc<dyn Clock>),
) -> Worker {
    let Opened { writer, engine, .. } = store.open().unwrap();
    let worker = Worker::new(WorkerParts {
        engine: Arc::new(RwLock::new(engine)),
        writer,
        source,
        vocabulary: Box::new(OpenVocabulary),
        registrations: Vec::new(),
        clock,
        seeds: Box::new(risk_store::fresh_seed),
        settings: WorkerSettings {
            batch_records: 100,
            poll_wait: WAIT,
            idle_after: Duration::from_mins(1),
            dead_letters: DeadLetterLimit {
                max_ratio: 1.0,
                window: 1000,
                max_consecutive,
            },
            limits: WireLimits::default(),
        },
        metrics: PipelineMetrics::register(&Registry::new()).unwrap(),
        status: Arc::clone(status),
        notes: Arc::default(),
    });
    worker.unwrap()
}

fn store(dir: &Path) -> Store {
    let policy = Arc::new(Policy::builtin().unwrap());
    let options = StoreOptions {
        secrets_dir: Some(dir.join("secrets")),
        ..StoreOptions::default()
    };
    Store::at(dir, options, policy, Taxonomy::default())
}

/// A source that says that it is at its end is no reason to ask it at once again, and again.
#[test]
fn an_idle_source_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let status = Arc::new(WorkerStatus::default());
    let waits = Arc::new(Mutex::new(Vec::new()));
    let source = Endless {
        partitions: 1,
        polls: 0,
        last: POLLS as u32,
        waits: Arc::clone(&waits),
        status: Arc::clone(&status),
        next: |_| {
            let mut batch = SourceBatch::default();
            batch.reached_end.push(Partition::results(0));
            batch
        },
    };
    let worker = worker(&store(dir.path()), Box::new(source), &status, 500);
    worker.run().unwrap();
    assert_eq!(*waits.lock().unwrap(), [WAIT; POLLS]);
}

/// A partition's end is told with its last record; hours pass with each poll, and nothing comes.
fn ending(hours: &Arc<AtomicI64>, pace: i64) -> impl FnMut(u32) -> SourceBatch + Send + use<> {
    let hours = Arc::clone(hours);
    move |poll| {
        let mut batch = SourceBatch::default();
        if poll == 0 {
            for partition in [0, 1] {
                let at = Timestamp::parse("2026-03-10T00:00:00Z").unwrap();
                let place = (Partition::results(partition), Offset(0));
                assert!(batch.push(place, at, None, &record(partition, 1)));
                batch.reached_end.push(Partition::results(partition));
            }
        }
        hours.fetch_add(pace, Ordering::SeqCst);
        batch
    }
}

/// Hours after a moment.
#[derive(Debug)]
struct Later(Arc<AtomicI64>);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        let hours = self.0.load(Ordering::SeqCst);
        Timestamp::parse("2026-03-10T00:00:00Z")
            .unwrap()
            .plus_millis(hours * 3_600_000)
    }
}

/// What comes with the word of the end may be the last for long: time goes on without it.
#[test]
fn a_partition_whose_last_record_comes_with_its_end_holds_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let status = Arc::new(WorkerStatus::default());
    let hours = Arc::new(AtomicI64::new(0));
    let source = Endless {
        partitions: 2,
        polls: 0,
        last: 6,
        waits: Arc::default(),
        status: Arc::clone(&status),
        next: ending(&hours, 1),
    };
    let clock: Arc<dyn Clock> = Arc::new(Later(hours));
    let worker = worker_at(&store, Box::new(source), &status, (500, clock));
    worker.run().unwrap();
    let opened = store.open().unwrap();
    let closed = opened.engine.last_closed().map(|(_, end)| end);
    let read = Timestamp::parse("2026-03-06T16:00:00Z").unwrap();
    assert!(closed >= Some(read), "{closed:?}");
    opened.writer.close().unwrap();
}

/// After results of long ago many weeks are over at once. They close one by one, and whoever asks is answered in
/// between.
#[test]
fn weeks_that_are_over_close_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let status = Arc::new(WorkerStatus::default());
    let (hours, waits) = (Arc::new(AtomicI64::new(0)), Arc::default());
    let source = Endless {
        partitions: 2,
        polls: 0,
        last: 25,
        waits: Arc::clone(&waits),
        status: Arc::clone(&status),
        next: ending(&hours, 24 * 70),
    };
    let clock: Arc<dyn Clock> = Arc::new(Later(hours));
    let worker = worker_at(&store, Box::new(source), &status, (500, clock));
    worker.run().unwrap();
    let opened = store.open().unwrap();
    let mut closes = Vec::new();
    for block in opened.reader.ledger().blocks(0) {
        let block = block.unwrap();
        let closed = block.excerpts().map(|excerpt| {
            let excerpt = excerpt.unwrap();
            let closed = excerpt.entries().filter(|(index, entry)| {
                let record = Record::decode(*index, entry).unwrap();
                matches!(record, Record::Effect(Effect::EpochClosed(_)))
            });
            closed.count()
        });
        closes.push(closed.sum::<usize>());
    }
    assert!(closes.iter().all(|closes| *closes <= 1), "{closes:?}");
    assert!(closes.iter().sum::<usize>() > 15, "{closes:?}");
    // While more are due, nothing is waited for.
    let waits = waits.lock().unwrap();
    assert!(
        waits.iter().rev().take(15).all(Duration::is_zero),
        "{waits:?}"
    );
    opened.writer.close().unwrap();
}

/// After an upgrade no checkpoint fits, and the ledger is folded from its beginning: once, whether anything comes
/// afterwards or not.
#[test]
fn what_a_start_had_to_fold_the_next_one_need_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let run = |last, pace| {
        let hours = Arc::new(AtomicI64::new(0));
        let status = Arc::new(WorkerStatus::default());
        let mut script = ending(&hours, pace);
        let source = Endless {
            partitions: 2,
            polls: 0,
            last,
            waits: Arc::default(),
            status: Arc::clone(&status),
            next: move |poll| {
                if pace == 0 {
                    SourceBatch::default()
                } else {
                    script(poll)
                }
            },
        };
        let clock: Arc<dyn Clock> = Arc::new(Later(hours));
        worker_at(&store, Box::new(source), &status, (500, clock))
            .run()
            .unwrap();
    };
    let folded_from = || {
        let opened = store.open().unwrap();
        opened.writer.close().unwrap();
        (opened.report.checkpoint, opened.report.entries)
    };
    run(6, 24);
    let (from, entries) = folded_from();
    assert_eq!(from, entries);
    std::fs::remove_file(dir.path().join("shards/000/checkpoint")).unwrap();
    assert_eq!(folded_from(), (0, entries));
    run(2, 0);
    let (from, entries) = folded_from();
    assert_eq!(from, entries);
}

/// A clock that stands.
#[derive(Debug)]
struct Standing(&'static str);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::parse(self.0).unwrap()
    }
}

/// Dead letters are kept for twelve months after the one they came in, by the policy that ships.
#[test]
fn what_is_personal_goes_by_itself_when_its_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let rubbish = Scripted {
        partition: 0,
        offset: 0,
        kind: Kind::Rubbish,
        value: "{王小芳".as_bytes().to_vec(),
        last: true,
    };
    let runs = [
        ("2026-03-10T00:00:01Z", vec![rubbish], true),
        ("2027-03-31T23:59:59+08:00", Vec::new(), true),
        ("2027-04-01T00:00:00+08:00", Vec::new(), false),
    ];
    for (now, script, kept) in runs {
        let clock: Arc<dyn Clock> = Arc::new(Standing(now));
        let source = Box::new(Script(script.into()));
        let status = Arc::new(WorkerStatus::default());
        worker_at(&store, source, &status, (MAX_CONSECUTIVE, clock))
            .run()
            .unwrap();
        let opened = store.open().unwrap();
        let page = opened
            .reader
            .dead_letters(&DeadLetterQuery::default(), 1, None);
        let entry = page.unwrap().items.first().unwrap().entry;
        let letter = opened.reader.dead_letter(entry).unwrap().unwrap();
        match letter.rejected {
            Disclosed::Shown(rejected) => {
                assert!(kept, "{now}");
                assert_eq!(rejected.record, "{王小芳".as_bytes());
            }
            Disclosed::Gone(gone) => {
                assert!(!kept, "{now}");
                let (_, erasure) = gone.erasure.unwrap();
                assert_eq!(
                    (erasure.rule, erasure.actor),
                    (ErasureRule::Retention, None)
                );
            }
        }
        opened.writer.close().unwrap();
    }
}

const PARTITIONS: i32 = 3;
const MAX_CONSECUTIVE: usize = 2;

/// What a record of the script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    /// The partition's last good one again.
    Again,
    Rubbish,
}

#[derive(Debug, Clone)]
struct Scripted {
    partition: i32,
    offset: i64,
    kind: Kind,
    value: Vec<u8>,
    /// The batch ends with it.
    last: bool,
}

/// Gives what is written down, and keeps nothing back from partitions that are paused.
struct Script(VecDeque<Scripted>);

impl Source for Script {
    fn name(&self, _feed: Feed) -> &'static str {
        "script"
    }

    fn partitions(&self) -> Vec<Partition> {
        (0..PARTITIONS).map(Partition::results).collect()
    }

    fn seek(&mut self, positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        self.0.retain(|record| {
            let next = positions.get(&Partition::results(record.partition));
            next.is_none_or(|next| record.offset >= next.0)
        });
        Ok(())
    }

    fn poll(&mut self, _max: usize, _wait: Duration) -> Result<SourceBatch, SourceError> {
        let mut batch = SourceBatch::default();
        let received_at = Timestamp::parse("2026-03-10T00:00:00Z").unwrap();
        while let Some(record) = self.0.pop_front() {
            let place = (Partition::results(record.partition), Offset(record.offset));
            assert!(batch.push(place, received_at, None, &record.value));
            if record.last {
                break;
            }
        }
        batch.finished = self.0.is_empty();
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
        true
    }
}

fn record(partition: i32, number: i64) -> Vec<u8> {
    format!(
        r#"{{"inspection_id":"R-{partition}-{number}","sampled_at":"2026-03-01T09:30:00+08:00","observed_at":"2026-03-06T17:00:00+08:00","mode":"supervisory_check","agency":{{"id":"yw","level":"county"}},"team_id":"t7","selection":{{"basis":"random"}},"site":{{"site_id":"S-{number}","enterprise_id":"E-{number}","name":"晨光玩具商行","zone_id":"itc-1","channel":"market"}},"product":{{"category":"toys.plush","name":"毛绒小熊"}},"test":{{"kind":"laboratory"}},"outcome":"conforming"}}"#
    )
    .into_bytes()
}

prop_compose! {
    fn script()(
        steps in vec((0..PARTITIONS, 1_i64..4, 0..10_u8, any::<bool>()), 1..80),
    ) -> Vec<Scripted> {
        let mut next = BTreeMap::new();
        let mut known: BTreeMap<i32, Vec<u8>> = BTreeMap::new();
        let scripted = steps.into_iter().map(|(partition, gap, kind, last)| {
            let at: &mut i64 = next.entry(partition).or_default();
            *at += gap;
            let (kind, value) = match (kind, known.get(&partition)) {
                (0..4, _) => (Kind::Rubbish, b"{".to_vec()),
                (4..6, Some(again)) => (Kind::Again, again.clone()),
                (_, _) => (Kind::Good, record(partition, *at)),
            };
            if kind == Kind::Good {
                known.insert(partition, value.clone());
            }
            Scripted { partition, offset: *at, kind, value, last }
        });
        scripted.collect()
    }
}

/// The offset at which a partition is to stop: that of the first record that is one rejection too
/// many in a row.
fn stops_at(script: &[Scripted], partition: i32) -> Option<i64> {
    let mut consecutive = 0;
    let mut records = script.iter().filter(|record| record.partition == partition);
    let stop = records.find(|record| {
        consecutive = if record.kind == Kind::Rubbish {
            consecutive + 1
        } else {
            0
        };
        consecutive > MAX_CONSECUTIVE
    });
    stop.map(|record| record.offset)
}

/// Every block's positions cover exactly what it and the blocks before it hold: nothing is skipped,
/// nothing stands in the ledger that would be read again. Returns the last positions.
fn check_every_block(store: &Store, script: &[Scripted]) -> BTreeMap<i32, u64> {
    let opened = store.open().unwrap();
    let mut held: BTreeMap<i32, BTreeSet<u64>> = BTreeMap::new();
    let mut last = BTreeMap::new();
    for block in opened.reader.ledger().blocks(0) {
        let block = block.unwrap();
        let metadata = BlockMetadata::decode(0, block.metadata()).unwrap();
        let excerpts: Vec<_> = block.excerpts().map(Result::unwrap).collect();
        for (index, entry) in excerpts.iter().flat_map(Excerpt::entries) {
            let (partition, offset) = match Record::decode(index, &entry).unwrap() {
                Record::Result(result) => {
                    let named = &metadata.partitions[result.partition as usize];
                    (named.partition, result.offset)
                }
                Record::Rejection(rejection) => {
                    let read = rejection.summary;
                    (read.partition.partition, read.offset)
                }
                Record::Registry(_)
                | Record::Command(_)
                | Record::Access(_)
                | Record::Erasure(_)
                | Record::Signal(_)
                | Record::Input(_)
                | Record::Effect(_) => {
                    continue;
                }
            };
            assert!(held.entry(partition).or_default().insert(offset), "twice");
        }
        last = metadata
            .positions
            .iter()
            .map(|(at, next)| (at.partition, *next))
            .collect();
        for partition in 0..PARTITIONS {
            let next = last.get(&partition).copied().unwrap_or(0);
            let covered = script.iter().filter(|record| {
                record.partition == partition
                    && (record.offset as u64) < next
                    && record.kind != Kind::Again
            });
            let covered: BTreeSet<u64> = covered.map(|record| record.offset as u64).collect();
            assert_eq!(held.get(&partition).cloned().unwrap_or_default(), covered);
        }
    }
    assert_eq!(opened.writer.positions().len(), last.len());
    last
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A record is applied, rejected, or stops its partition; positions never pass one that was not.
    #[test]
    fn positions_cover_the_contiguous_prefix_of_what_was_handled(script in script()) {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let status = Arc::new(WorkerStatus::default());
        let source = Script(script.clone().into());
        worker(&store, Box::new(source), &status, MAX_CONSECUTIVE).run().unwrap();
        let positions = check_every_block(&store, &script);
        let stopped = status.stopped_partitions();
        for partition in 0..PARTITIONS {
            let stop = stops_at(&script, partition);
            prop_assert_eq!(stopped.contains_key(&Partition::results(partition)), stop.is_some());
            let handled = script.iter().filter(|record| {
                record.partition == partition && stop.is_none_or(|stop| record.offset < stop)
            });
            let reached = handled.map(|record| record.offset as u64 + 1).next_back();
            prop_assert_eq!(positions.get(&partition).copied(), reached);
        }
        // Someone who lets more pass reads on where it stopped, to the end, and nothing twice.
        let source = Script(script.clone().into());
        worker(&store, Box::new(source), &status, usize::MAX).run().unwrap();
        let positions = check_every_block(&store, &script);
        for partition in 0..PARTITIONS {
            let of = script.iter().filter(|record| record.partition == partition);
            let end = of.map(|record| record.offset as u64 + 1).next_back();
            prop_assert_eq!(positions.get(&partition).copied(), end);
        }
    }
}
