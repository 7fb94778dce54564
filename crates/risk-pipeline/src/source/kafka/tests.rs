use super::*;
use crate::clock::ManualClock;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use risk_domain::time::Timestamp;

#[test]
fn passwords_are_not_shown_and_reserved_settings_are_refused() {
    let mut config = KafkaSourceConfig::new("127.0.0.1:9", "results", "group");
    let password = ("sasl.password".to_owned(), "hunter2".to_owned());
    config.extra.extend([password]);
    let shown = format!("{config:?}");
    assert!(shown.contains("sasl.password") && !shown.contains("hunter2"));
    assert_eq!(
        config.consumer().unwrap().get("sasl.password"),
        Some("hunter2")
    );
    let reset = ("auto.offset.reset".to_owned(), "latest".to_owned());
    config.extra.extend([reset]);
    assert!(!config.consumer().unwrap_err().can_retry());
}

#[test]
fn an_unknown_setting_is_fatal_and_named() {
    let mut config = KafkaSourceConfig::new("127.0.0.1:9", "results", "group");
    config
        .extra
        .extend([("no.such.setting".to_owned(), "1".to_owned())]);
    let error = KafkaSource::open(config, Arc::new(crate::clock::SystemClock)).unwrap_err();
    assert!(!error.can_retry());
    assert!(error.to_string().contains("no.such.setting"), "{error}");
}

#[test]
fn an_absent_broker_can_be_tried_again() {
    let mut config = KafkaSourceConfig::new("127.0.0.1:9", "results", "group");
    config.timeout = Duration::from_millis(200);
    let error = KafkaSource::open(config, Arc::new(crate::clock::SystemClock)).unwrap_err();
    assert!(error.can_retry(), "{error}");
}

const PARTITIONS: i32 = 3;
const EACH: i64 = 50;

/// A broker of librdkafka's own, in this process, with [`EACH`] records in each partition but the
/// last, which is empty.
fn broker() -> MockCluster<'static, rdkafka::producer::DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("results", PARTITIONS, 1).unwrap();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .create()
        .unwrap();
    for offset in 0..EACH {
        for partition in 0..PARTITIONS - 1 {
            let (key, value) = (format!("k{partition}"), format!("v{partition}-{offset}"));
            let record = BaseRecord::to("results").partition(partition);
            producer.send(record.key(&key).payload(&value)).unwrap();
        }
    }
    producer.flush(Duration::from_secs(20)).unwrap();
    cluster
}

fn source(servers: String, until_end: bool) -> KafkaSource {
    let mut config = KafkaSourceConfig::new(servers, "results", "group");
    config.until_end = until_end;
    config.batch_records = 16;
    config.queued_batches = 1;
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(77)));
    KafkaSource::open(config, clock).unwrap()
}

/// Reads until `done` says so, checking that each partition comes in order and without a gap, and
/// returns the next position of each.
fn read(
    source: &mut KafkaSource,
    start: &BTreeMap<Partition, Offset>,
    done: &dyn Fn(&BTreeMap<Partition, Offset>, &SourceBatch) -> bool,
) -> BTreeMap<Partition, Offset> {
    let mut next = start.clone();
    for _ in 0..200 {
        let batch = source.poll(10, Duration::from_millis(500)).unwrap();
        assert!(batch.len() <= 10);
        for raw in batch.records() {
            let position = next.entry(raw.partition).or_insert(Offset(0));
            assert_eq!(raw.offset, *position, "partition {}", raw.partition);
            let (value, key) = (batch.value(raw), batch.key(raw).unwrap());
            assert_eq!(
                value,
                format!("v{}-{}", raw.partition, raw.offset).as_bytes()
            );
            assert_eq!(key, format!("k{}", raw.partition).as_bytes());
            assert_eq!(
                raw.received_at,
                Timestamp::from_millis(77),
                "no broker's stamp"
            );
            *position = raw.offset.next();
        }
        if done(&next, &batch) {
            return next;
        }
    }
    panic!("not done; read so far: {next:?}");
}

fn full() -> BTreeMap<Partition, Offset> {
    (0..PARTITIONS - 1)
        .map(|one| (Partition::results(one), Offset(EACH)))
        .collect()
}

#[test]
fn a_bounded_run_reads_every_partition_to_its_end_and_goes_on_where_it_is_told() {
    let broker = broker();
    let mut source = source(broker.bootstrap_servers(), true);
    assert_eq!(source.partitions(), [0, 1, 2].map(Partition::results));
    source.seek(&BTreeMap::new()).unwrap();
    let all = read(&mut source, &BTreeMap::new(), &|_, batch| batch.finished);
    assert_eq!(all, full());
    let start = BTreeMap::from([
        (Partition::results(0), Offset(47)),
        (Partition::results(1), Offset(EACH)),
    ]);
    source.seek(&start).unwrap();
    assert_eq!(
        read(&mut source, &start, &|_, batch| batch.finished),
        full()
    );
    assert!(source.poll(1, Duration::from_secs(5)).unwrap().finished);
}

#[test]
fn an_unbounded_run_tells_of_ends_and_a_seek_amid_a_full_queue_starts_anew() {
    let broker = broker();
    let mut source = source(broker.bootstrap_servers(), false);
    source.seek(&BTreeMap::new()).unwrap();
    let some = read(&mut source, &BTreeMap::new(), &|_, batch| !batch.is_empty());
    assert!(some.values().map(|at| at.0).sum::<i64>() > 0);
    // Nobody has taken the next batches, so the thread waits for room; a seek must not wait too.
    source.seek(&BTreeMap::new()).unwrap();
    let ended = std::cell::RefCell::new(BTreeSet::new());
    let all = read(&mut source, &BTreeMap::new(), &|_, batch| {
        ended.borrow_mut().extend(batch.reached_end.iter().copied());
        ended.borrow().len() == PARTITIONS as usize
    });
    assert_eq!(all, full());
    source.durable(&all);
}

#[test]
fn positions_that_the_broker_does_not_have_are_fatal() {
    let broker = broker();
    let mut source = source(broker.bootstrap_servers(), false);
    let beyond = BTreeMap::from([(Partition::results(0), Offset(EACH + 1))]);
    let error = source.seek(&beyond).unwrap_err();
    assert!(!error.can_retry());
    assert!(
        error.to_string().contains("was the topic made anew"),
        "{error}"
    );
    assert!(
        source.poll(1, Duration::ZERO).is_err(),
        "reading has not begun"
    );
}

#[test]
fn a_paused_partition_rests_and_pausing_twice_is_as_once() {
    let broker = broker();
    let mut source = source(broker.bootstrap_servers(), false);
    source.seek(&BTreeMap::new()).unwrap();
    let zero = [Partition::results(0)];
    source.pause(&zero).unwrap();
    source.pause(&zero).unwrap();
    let other = Partition::results(1);
    let read_other = |next: &BTreeMap<Partition, Offset>, _: &SourceBatch| {
        next.get(&other) == Some(&Offset(EACH))
    };
    let next = read(&mut source, &BTreeMap::new(), &read_other);
    source
        .resume(&[Partition::results(0), Partition::results(2)])
        .unwrap();
    assert!(source.paused.is_empty());
    let whole = full();
    assert_eq!(read(&mut source, &next, &|next, _| *next == whole), whole);
}

#[test]
fn configured_partitions_are_read_alone_and_must_be_there() {
    let broker = broker();
    let mut config = KafkaSourceConfig::new(broker.bootstrap_servers(), "results", "group");
    config.until_end = true;
    config.partitions = Some(vec![Partition::results(1), Partition::results(1)]);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_millis(77)));
    let mut source = KafkaSource::open(config.clone(), Arc::clone(&clock)).unwrap();
    source.seek(&BTreeMap::new()).unwrap();
    let all = read(&mut source, &BTreeMap::new(), &|_, batch| batch.finished);
    assert_eq!(all, BTreeMap::from([(Partition::results(1), Offset(EACH))]));
    config.partitions = Some(vec![Partition::results(9)]);
    let error = KafkaSource::open(config, clock).unwrap_err();
    assert!(
        !error.can_retry() && error.to_string().contains("no partition 9"),
        "{error}"
    );
}
