//! The store through its public door: what is acknowledged stays, whatever is damaged beside the
//! ledger is made again, and what is damaged in the ledger is refused.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use risk_domain::access::{AccessNote, Act};
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{
    ActorId, AgencyId, CommandId, DrawId, EnterpriseId, InspectionId, ItemCode, ProductCode,
    SectorCode, SiteId, TeamId, ZoneId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, InspectionResult, Outcome, ProductRef, SampleCounts, SiteRef,
    TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::plan_act::{ContentHash, PlanAction, PlanCommitment, PlanDraw};
use risk_domain::scales::{Role, Severity};
use risk_domain::selection::{Selection, SelectionBasis, SelectionMode};
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::{DAY_MILLIS, Day, Timestamp};
use risk_engine::{
    Assessment, Effect, Engine, Found, Input, Outcome as Became, PlanState, Policy, Registration,
    ResultInput, SourcePartition, StateHash, Taxonomy,
};
use risk_store::identity::IdentitySettings;
use risk_store::ledger::Section;
use risk_store::ledger::merkle::verify_inclusion;
use risk_store::{
    AlertQuery, Committed, DRAW_RECORD, DeadLetterQuery, Difference, DurableListener,
    EncodedResult, Opened, OutEvent, Placement, PlanShelf, Positions, Reader, Record, Rejection,
    ResultsOf, Store, StoreError, StoreOptions, SubjectOrder, SubjectQuery, Ticket, Told, backup,
    restore,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// 2026-03-02, a Monday, 09:00 in China.
const START: i64 = 1_772_413_200_000;

fn at(day: i64) -> Timestamp {
    Timestamp::from_millis(START + day * DAY_MILLIS)
}

fn partition(number: i32) -> SourcePartition {
    SourcePartition {
        source: "test".into(),
        partition: number,
    }
}

/// A laboratory result of enterprise `E<n>` on a day.
fn result(id: &str, enterprise: u32, day: i64, failed: bool) -> InspectionResult {
    let item = TestItem {
        code: ItemCode::new("phthalates").unwrap(),
        name: "邻苯二甲酸酯".into(),
        clause: Some("4.2".into()),
        method: None,
        measured: Some("0.31".into()),
        limit: Some("0.1".into()),
        unit: Some("%".into()),
        verdict: if failed {
            Verdict::Nonconforming
        } else {
            Verdict::Conforming
        },
        hazard: None,
        severity: Some(Severity::Four),
    };
    InspectionResult {
        inspection_id: InspectionId::new(id).unwrap(),
        supersedes: None,
        sampled_at: at(day - 7),
        tested_at: None,
        observed_at: at(day),
        mode: SelectionMode::SupervisoryCheck,
        agency: Agency {
            id: AgencyId::new("A1").unwrap(),
            level: AgencyLevel::County,
        },
        team_id: TeamId::new("T1").unwrap(),
        selection: Selection {
            basis: SelectionBasis::Random,
            draw_id: None,
            inclusion_probability: None,
            campaign_id: None,
        },
        site: SiteRef {
            site_id: SiteId::new(format!("S{enterprise}")).unwrap(),
            enterprise_id: EnterpriseId::new(format!("E{enterprise}")).unwrap(),
            name: format!("第{enterprise}号商位").into(),
            zone_id: ZoneId::new(format!("district-{}", enterprise % 2)).unwrap(),
            booth: None,
            channel: Channel::Market,
            platform: None,
        },
        producer: None,
        supplier: None,
        product: ProductRef {
            category: ProductCode::new("plush").unwrap(),
            name: "毛绒玩具".into(),
            brand: None,
            model: None,
            standard: None,
            lot_no: None,
            lot_size: None,
            gtin: None,
        },
        sample: SampleCounts {
            tested: 3,
            ..SampleCounts::default()
        },
        test: TestRef {
            kind: TestKind::Laboratory,
            method_id: None,
            lab_id: None,
        },
        outcome: if failed {
            Outcome::Nonconforming
        } else {
            Outcome::Conforming
        },
        items: vec![item],
        confirms: None,
        follow_up_of: None,
        case_id: None,
        extra: BTreeMap::new(),
    }
}

fn store_with(dir: &Path, options: StoreOptions) -> Store {
    // One master key for all, so that copies of a directory are readable.
    let secrets = Path::new(env!("CARGO_TARGET_TMPDIR")).join("store-secrets");
    let options = StoreOptions {
        secrets_dir: Some(secrets),
        ..options
    };
    let policy = Arc::new(Policy::builtin().unwrap());
    Store::at(dir, options, policy, Taxonomy::default())
}

fn store(dir: &Path) -> Store {
    store_with(dir, StoreOptions::default())
}

/// What the worker does with each input, in small.
struct Worker {
    opened: Opened,
    encoded: EncodedResult,
    positions: Positions,
}

impl Worker {
    fn open(store: &Store) -> Self {
        let opened = store.open().unwrap();
        let positions = opened.positions.clone();
        Self {
            opened,
            encoded: EncodedResult::default(),
            positions,
        }
    }

    fn engine(&self) -> &Engine {
        &self.opened.engine
    }

    fn reader(&self) -> &Reader {
        &self.opened.reader
    }

    fn hash(&self) -> StateHash {
        self.engine().state_hash()
    }

    fn input(&mut self, input: &Input<'_>) {
        let step = self.opened.engine.step(input);
        self.opened.writer.append_input(input).unwrap();
        self.opened.writer.append_effects(step.effects).unwrap();
    }

    fn result(&mut self, number: i32, result: &InspectionResult) -> Became {
        self.result_recorded_as(number, result, |_| ())
    }

    /// Takes a result, and records something else than what followed from it.
    fn result_recorded_as(
        &mut self,
        number: i32,
        result: &InspectionResult,
        change: impl FnOnce(&mut Vec<Effect>),
    ) -> Became {
        let Opened { writer, engine, .. } = &mut self.opened;
        let name = partition(number);
        let offset = self.positions.get(&name).copied().unwrap_or(0);
        self.positions.insert(name.clone(), offset + 1);
        self.encoded.encode(result).unwrap();
        let seen = writer.lookup(&result.inspection_id).unwrap();
        let linked = writer.links_of(engine, result).unwrap();
        let mut step = engine_step(
            engine,
            &name,
            result,
            &self.encoded,
            seen.map(|it| it.digest),
            &linked,
        );
        change(&mut step.effects);
        match &step.outcome {
            Became::Accepted(accepted) => {
                let placement = Placement {
                    partition: &name,
                    offset,
                    epoch: accepted.epoch.unwrap(),
                    late: accepted.late,
                };

                writer.append_result(&self.encoded, &placement).unwrap();
                writer.append_effects(step.effects).unwrap();
            }
            Became::Duplicate => writer.count_duplicate(),
            Became::Rejected(error) => {
                let rejection = rejection(&name, offset, &error.to_string());
                writer.append_rejection(&rejection).unwrap();
            }
        }
        step.outcome
    }

    fn commit(&mut self) -> Ticket {
        let seed = [self.opened.writer.pending_entries() as u8; 32];
        self.opened
            .writer
            .commit(&self.positions, at(400), seed)
            .unwrap()
    }

    /// Commits and waits until it is durable and shown.
    fn settle(&mut self) -> Ticket {
        let ticket = self.commit();
        self.opened.writer.wait(ticket).unwrap();
        self.opened.writer.wait_viewed(ticket).unwrap();
        ticket
    }

    fn close(self) {
        self.opened.writer.close().unwrap();
    }
}

fn engine_step(
    engine: &mut Engine,
    name: &SourcePartition,
    result: &InspectionResult,
    encoded: &EncodedResult,
    seen: Option<u128>,
    linked: &[risk_engine::Linked],
) -> risk_engine::Step {
    let partition = engine.partition(name);
    engine.step(&Input::Result(ResultInput {
        partition,
        result,
        digest: encoded.digest(),
        seen,
        linked,
        found: Found::default(),
    }))
}

fn rejection(name: &SourcePartition, offset: u64, rule: &str) -> Rejection {
    Rejection {
        code: "identity_conflict".to_owned(),
        field: "inspection_id".to_owned(),
        value: String::new(),
        rule: rule.to_owned(),
        partition: name.clone(),
        offset,
        received_at: at(0),
        key: None,
        record: b"{\"inspection_id\":\"\xff\"}".to_vec(),
    }
}

/// Six weeks of a small city: 12 enterprises, two partitions, corrections, duplicates, a dead letter.
fn live(worker: &mut Worker) {
    for number in 0..2 {
        let zone = ZoneId::new(format!("district-{number}")).unwrap();
        let parent = Some(ZoneId::new("yiwu").unwrap());
        worker.input(&Input::Register(&Registration::Zone { zone, parent }));
    }
    worker.input(&Input::Register(&Registration::Product {
        product: ProductCode::new("plush").unwrap(),
        sector: SectorCode::new("toys").unwrap(),
        severity_mix: None,
    }));
    worker.input(&Input::Hold(&[partition(0), partition(1)]));
    worker.settle();
    for day in 0..42 {
        for enterprise in 0..12 {
            let id = format!("R{day}-{enterprise}");
            let failed = (day + i64::from(enterprise)) % 5 < i64::from(enterprise) / 3;
            worker.result(enterprise as i32 % 2, &result(&id, enterprise, day, failed));
        }
        if day % 7 == 3 {
            let mut correction = result(&format!("C{day}"), 11, day, false);
            correction.supersedes = Some(InspectionId::new(format!("R{}-11", day - 3)).unwrap());
            worker.result(1, &correction);
            let again = result(&format!("R{day}-0"), 0, day, day % 5 < 0);
            assert_eq!(worker.result(0, &again), Became::Duplicate);
        }
        if day % 10 == 9 {
            worker.commit();
        }
    }
    let conflict = result("R0-0", 0, 40, true);
    assert!(matches!(worker.result(0, &conflict), Became::Rejected(_)));
    worker.input(&Input::Tick {
        now: at(42),
        idle: &[],
    });
    worker.input(&Input::Ended(&[partition(0), partition(1)]));
    worker.settle();
}

/// Everything that the views answer.
#[derive(Debug, PartialEq)]
struct Answers {
    subjects: Vec<Assessment>,
    histories: Vec<Vec<Assessment>>,
    alerts: Vec<risk_engine::Alert>,
    events: Vec<(u64, OutEvent)>,
    dead_letters: BTreeMap<String, u64>,
}

fn answers(reader: &Reader) -> Answers {
    let all = SubjectQuery::default();
    let subjects = reader
        .subjects(&all, SubjectOrder::Name, 1000, None)
        .unwrap()
        .items;
    let history = |assessment: &Assessment| {
        let page = reader.history(&assessment.subject, 1000, None).unwrap();
        page.items
    };
    Answers {
        histories: subjects.iter().map(history).collect(),
        alerts: reader
            .alerts(&AlertQuery::default(), 1000, None)
            .unwrap()
            .items,
        events: reader.outbox_after(0, 100_000).unwrap(),
        dead_letters: reader.dead_letter_counts().unwrap(),
        subjects,
    }
}

/// A store that lived through [`live`], closed, with its state hash and what its views answered.
fn lived() -> (TempDir, StateHash, Answers) {
    let dir = TempDir::new().unwrap();
    let mut worker = Worker::open(&store(dir.path()));
    live(&mut worker);
    let (hash, answers) = (worker.hash(), answers(worker.reader()));
    worker.close();
    assert!(!answers.subjects.is_empty() && !answers.alerts.is_empty());
    (dir, hash, answers)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn copy_all(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

#[test]
fn a_reopened_store_stands_where_it_stood() {
    let (dir, hash, before) = lived();
    let worker = Worker::open(&store(dir.path()));
    assert_eq!(worker.hash(), hash);
    assert_eq!(answers(worker.reader()), before);
    assert_eq!(worker.positions.get(&partition(0)), Some(&259));
    assert_eq!(worker.positions.get(&partition(1)), Some(&258));
    assert!(!worker.opened.report.views_rebuilt);
}

#[test]
fn a_checkpoint_shortens_the_start_and_changes_nothing() {
    let (dir, hash, before) = lived();
    let mut worker = Worker::open(&store(dir.path()));
    assert_eq!(worker.opened.report.checkpoint, 0);
    worker.result(0, &result("late", 3, 43, true));
    let Opened { writer, engine, .. } = &mut worker.opened;
    assert!(
        writer.checkpoint(engine).is_err(),
        "an entry is not committed"
    );
    let first = worker.settle();
    let Opened { writer, engine, .. } = &mut worker.opened;
    writer.checkpoint(engine).unwrap();
    worker.result(0, &result("later", 3, 44, true));
    worker.settle();
    let grown = worker.hash();
    assert_ne!(grown, hash);
    worker.close();

    let worker = Worker::open(&store(dir.path()));
    assert_eq!(worker.opened.report.checkpoint, first.entries);
    assert_eq!(worker.hash(), grown);
    assert_eq!(answers(worker.reader()).subjects, before.subjects);
    drop(worker);
    assert_eq!(store(dir.path()).verify().unwrap().state_hash, grown);

    let changed = Policy::builtin().unwrap();
    let changed = Policy {
        hash: "another".to_owned(),
        ..changed
    };
    let options = StoreOptions::default();
    let other = Store::at(dir.path(), options, Arc::new(changed), Taxonomy::default());
    assert_eq!(other.open().unwrap().report.checkpoint, 0);
}

#[test]
fn a_checkpoint_that_is_damaged_or_of_another_ledger_is_passed_over() {
    let (dir, _, _) = lived();
    let mut worker = Worker::open(&store(dir.path()));
    let Opened { writer, engine, .. } = &mut worker.opened;
    writer.checkpoint(engine).unwrap();
    let expected = worker.hash();
    worker.close();
    let path = dir.path().join("shards/000/checkpoint");
    let whole = fs::read(&path).unwrap();
    let stands = || {
        let worker = Worker::open(&store(dir.path()));
        assert_eq!(worker.hash(), expected);
        worker.opened.report.checkpoint
    };
    assert_ne!(stands(), 0);
    for place in [0, 9, 40, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(stands(), 0, "byte {place}");
        fs::write(&path, &whole[..place]).unwrap();
        assert_eq!(stands(), 0, "cut at {place}");
    }
    // Of a ledger that says something else.
    let other = TempDir::new().unwrap();
    let mut worker = Worker::open(&store(other.path()));
    worker.result(0, &result("elsewhere", 1, 0, false));
    worker.settle();
    let elsewhere = worker.hash();
    worker.close();
    fs::write(other.path().join("shards/000/checkpoint"), &whole).unwrap();
    let worker = Worker::open(&store(other.path()));
    assert_eq!(worker.opened.report.checkpoint, 0);
    assert_eq!(worker.hash(), elsewhere);
    drop(worker);
    fs::write(&path, &whole).unwrap();
    assert_ne!(stands(), 0);
    // A rebuild makes the same again, whatever lay there.
    fs::write(&path, &whole[..9]).unwrap();
    assert_eq!(store(dir.path()).rebuild().unwrap(), expected);
    assert!(fs::read(&path).unwrap() == whole, "another checkpoint");
    assert_ne!(stands(), 0);
}

#[test]
fn what_was_not_committed_never_happened() {
    let dir = TempDir::new().unwrap();
    let mut worker = Worker::open(&store(dir.path()));
    worker.result(0, &result("R1", 1, 0, false));
    worker.settle();
    let hash = worker.hash();
    worker.result(0, &result("R2", 1, 1, true));
    drop(worker);
    let mut worker = Worker::open(&store(dir.path()));
    assert_eq!(worker.hash(), hash);
    assert_eq!(worker.positions.get(&partition(0)), Some(&1));
    let again = worker.result(0, &result("R2", 1, 1, true));
    assert!(matches!(again, Became::Accepted(_)));
    let again = worker.result(0, &result("R1", 1, 0, false));
    assert_eq!(again, Became::Duplicate);
}

#[test]
fn results_are_found_in_the_open_block_in_flight_and_in_the_ledger() {
    let dir = TempDir::new().unwrap();
    let mut worker = Worker::open(&store(dir.path()));
    let ids = ["R0", "R1", "R2"].map(|id| InspectionId::new(id).unwrap());
    worker.result(0, &result("R0", 1, 0, false));
    worker.settle();
    worker.result(0, &result("R1", 1, 0, true));
    worker.commit();
    worker.result(0, &result("R2", 1, 0, false));
    for id in &ids {
        let linked = worker.opened.writer.linked(id).unwrap().unwrap();
        assert_eq!(linked.result.inspection_id, *id);
    }
    let unknown = InspectionId::new("R9").unwrap();
    assert!(worker.opened.writer.linked(&unknown).unwrap().is_none());
}

#[test]
fn replay_rebuild_and_verification_agree_with_what_was_lived_through() {
    let (dir, hash, before) = lived();
    let store = store(dir.path());
    let replayed = store.replay().unwrap();
    assert_eq!(replayed.differences, []);
    assert!(replayed.inputs > 500 && replayed.effects > 100);
    assert_eq!(store.rebuild().unwrap(), hash);
    let verified = store.verify().unwrap();
    assert_eq!(verified.state_hash, hash);
    assert_eq!(verified.torn_tail, None);
    let worker = Worker::open(&store);
    assert_eq!(answers(worker.reader()), before);
}

#[test]
fn a_replay_names_what_was_recorded_otherwise_left_out_or_made_up() {
    let dir = TempDir::new().unwrap();
    let store = store(dir.path());
    let mut worker = Worker::open(&store);
    worker.input(&Input::Hold(&[partition(0)]));
    let failure = |number: u32| result(&format!("R{number}"), number, 0, true);
    // What follows from each failure, and what is recorded of it.
    let mut followed: Vec<Vec<Effect>> = Vec::new();
    let mut record = |worker: &mut Worker, change: fn(&mut Vec<Effect>, &Effect)| {
        let number = followed.len() as u32;
        worker.result_recorded_as(0, &failure(number), |effects| {
            followed.push(effects.clone());
            change(effects, &followed[0][0]);
        });
    };
    record(&mut worker, |_, _| ());
    record(&mut worker, |effects, _| drop(effects.remove(0)));
    record(&mut worker, |effects, other| effects[0] = other.clone());
    record(&mut worker, |effects, other| effects.push(other.clone()));
    // Behind the last record of a block, and before the first of the next one.
    worker.settle();
    let made_up = vec![followed[0][0].clone()];
    worker.opened.writer.append_effects(made_up).unwrap();
    worker.result_recorded_as(0, &failure(4), |effects| {
        followed.push(std::mem::take(effects));
    });
    worker.settle();
    worker.close();

    let of = |number: usize| followed[number].len();
    assert!((0..=4).all(|number| of(number) > 1), "{followed:?}");
    let replayed = store.replay().unwrap();
    assert_eq!(replayed.inputs, 6);
    let recorded = of(0) + (of(1) - 1) + of(2) + (of(3) + 1) + 1;
    assert_eq!(replayed.effects, recorded as u64);
    let (mut other, mut made_up, mut left_out) = (0, 0, 0);
    for difference in &replayed.differences {
        match difference {
            Difference::Effect { now: Some(_), .. } => other += 1,
            Difference::Effect { now: None, .. } => made_up += 1,
            Difference::Unrecorded { .. } => left_out += 1,
            Difference::Placement { .. } => panic!("{difference:?}"),
        }
    }
    // Where the first is left out those behind it stand in another's place, and the last one has none.
    let found = (other, made_up, left_out);
    assert_eq!(found, (of(1) - 1 + 1, 2, 1 + of(4)));
}

#[test]
fn a_restored_backup_is_the_same_store() {
    let (dir, hash, before) = lived();
    let elsewhere = TempDir::new().unwrap();
    let (kept, restored) = (elsewhere.path().join("kept"), elsewhere.path().join("back"));
    let held = Worker::open(&store(dir.path()));
    held.reader().advance_outbox(7).unwrap();
    backup(dir.path(), &kept).unwrap();
    restore(&kept, &restored).unwrap();
    let worker = Worker::open(&store(&restored));
    assert_eq!(worker.hash(), hash);
    assert_eq!(answers(worker.reader()), before);
    assert_eq!(worker.reader().outbox_cursor(), 7);
    assert!(matches!(
        restore(&kept, &restored),
        Err(StoreError::NotAStore { .. })
    ));
}

#[test]
fn any_damaged_file_beside_the_ledger_is_made_again() {
    let (dir, hash, before) = lived();
    let beside: Vec<PathBuf> = files(dir.path())
        .into_iter()
        .filter(|file| {
            ["identity", "views"]
                .iter()
                .any(|part| file.iter().any(|it| it == *part))
        })
        .collect();
    assert!(beside.len() >= 3, "{beside:?}");
    for file in beside {
        let whole = fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        for byte in flipped.iter_mut().step_by(64) {
            *byte ^= 0x5a;
        }
        let zeroed = vec![0; whole.len()];
        let half = whole.get(..whole.len() / 2).unwrap().to_vec();
        for damaged in [flipped, zeroed, half, Vec::new()] {
            let copy = TempDir::new().unwrap();
            copy_all(dir.path(), copy.path());
            let target = copy.path().join(file.strip_prefix(dir.path()).unwrap());
            fs::write(&target, &damaged).unwrap();
            let mut worker = Worker::open(&store(copy.path()));
            assert_eq!(worker.hash(), hash, "{}", target.display());
            assert_eq!(settled_answers(&worker), before, "{}", target.display());
            let known = worker.result(0, &result("R5-0", 0, 5, false));
            assert_eq!(known, Became::Duplicate, "{}", target.display());
        }
    }
}

/// Answers of views that may be found damaged only when they are read, and are then made again.
fn settled_answers(worker: &Worker) -> Answers {
    let reader = worker.reader();
    let whole = || {
        let page = reader.subjects(&SubjectQuery::default(), SubjectOrder::Name, 1000, None)?;
        for assessment in &page.items {
            reader.history(&assessment.subject, 1000, None)?;
        }
        reader.alerts(&AlertQuery::default(), 1000, None)?;
        reader.outbox_after(0, 100_000)?;
        reader.dead_letter_counts()
    };
    while let Err(error) = whole() {
        assert!(matches!(error, StoreError::ViewsUnavailable), "{error}");
        std::thread::yield_now();
    }
    answers(reader)
}

#[test]
fn any_damaged_block_of_the_ledger_is_refused() {
    let (dir, _, _) = lived();
    let ledger = dir.path().join("shards/000/ledger");
    let segment = files(&ledger)
        .into_iter()
        .find(|file| file.extension().is_some_and(|end| end == "seg"))
        .unwrap();
    let whole = fs::read(&segment).unwrap();
    for place in [100, whole.len() / 2, whole.len() - 400] {
        let mut damaged = whole.clone();
        *damaged.get_mut(place).unwrap() ^= 1;
        fs::write(&segment, &damaged).unwrap();
        for refused in [
            store(dir.path()).open().map(|_| ()),
            store(dir.path()).verify().map(|_| ()),
        ] {
            let Err(StoreError::Ledger(error)) = refused else {
                unreachable!("byte {place} was altered and not found");
            };
            assert!(error.is_damage(), "{error}");
        }
    }
}

#[test]
fn a_torn_last_block_is_cut_and_the_views_step_back_with_it() {
    let (dir, _, _) = lived();
    let ledger = dir.path().join("shards/000/ledger");
    let segment = files(&ledger)
        .into_iter()
        .find(|file| file.extension().is_some_and(|end| end == "seg"))
        .unwrap();
    let length = fs::metadata(&segment).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.set_len(length - 5).unwrap();
    drop(file);
    let worker = Worker::open(&store(dir.path()));
    assert!(worker.opened.report.cut.is_some());
    assert!(worker.opened.report.views_rebuilt);
    let stats = worker.reader().stats().unwrap();
    assert_eq!(stats.position, stats.ledger_entries);
    assert!(stats.dead_letters.is_empty());
}

#[test]
fn a_second_opening_is_refused_while_the_first_holds() {
    let dir = TempDir::new().unwrap();
    let worker = Worker::open(&store(dir.path()));
    let refused = store(dir.path()).open().map(|_| ()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("another process holds"));
    drop(worker);
    assert!(store(dir.path()).open().is_ok());
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(
        store(dir.path()).verify(),
        Err(StoreError::Missing { .. })
    ));
    fs::write(dir.path().join("thesis.tex"), "…").unwrap();
    let refused = store(dir.path()).open().map(|_| ());
    assert!(matches!(refused, Err(StoreError::NotAStore { .. })));
    fs::remove_file(dir.path().join("thesis.tex")).unwrap();
    fs::write(
        dir.path().join("format"),
        "spotcheck data directory, format 9\n",
    )
    .unwrap();
    let refused = store(dir.path()).open().map(|_| ());
    assert!(matches!(refused, Err(StoreError::Format { .. })));
}

#[derive(Default)]
struct Heard {
    blocks: Mutex<Vec<u64>>,
}

impl DurableListener for Heard {
    fn durable(&self, block: u64) {
        self.blocks.lock().unwrap().push(block);
    }

    fn stopped(&self, cause: &str) {
        unreachable!("the store stopped: {cause}");
    }
}

#[test]
fn queued_blocks_become_durable_in_order_and_are_told_to_listener_and_observers() {
    let dir = TempDir::new().unwrap();
    let heard = Arc::new(Heard::default());
    let seen = Arc::new(Mutex::new(Vec::<Committed>::new()));
    let noted = Arc::clone(&seen);
    let options = StoreOptions {
        listener: Some(Arc::clone(&heard) as Arc<dyn DurableListener>),
        observers: vec![Arc::new(move |committed: &Committed| {
            noted.lock().unwrap().push(*committed);
        })],
        ..StoreOptions::default()
    };
    let mut worker = Worker::open(&store_with(dir.path(), options));
    let mut last = None;
    for day in 0..20 {
        worker.result(0, &result(&format!("R{day}"), 1, day, day % 3 == 0));
        last = Some(worker.commit());
    }
    let last = last.unwrap();
    worker.opened.writer.wait(last).unwrap();
    assert!(worker.opened.writer.is_durable(last));
    worker.close();
    let told = heard.blocks.lock().unwrap();
    assert_eq!(told.last(), Some(&19));
    assert!(told.is_sorted());
    let seen = seen.lock().unwrap();
    let blocks: Vec<u64> = seen.iter().map(|committed| committed.block).collect();
    assert_eq!(blocks, (0..20).collect::<Vec<_>>());
    let contiguous =
        |pair: &[Committed]| pair.first().unwrap().next_entry == pair.last().unwrap().first_entry;
    assert!(seen.windows(2).all(contiguous));
}

#[test]
fn ids_are_known_while_files_are_sealed_and_merged_and_after_a_start_without_them() {
    let dir = TempDir::new().unwrap();
    let options = StoreOptions {
        identity: IdentitySettings { seal_ids: 20 },
        segment_bytes: 4096,
        ..StoreOptions::default()
    };
    let store = store_with(dir.path(), options);
    let mut worker = Worker::open(&store);
    let numbered = |number: i64| result(&format!("R{number}"), 1, number / 40, false);
    for number in 0..600 {
        let accepted = worker.result(0, &numbered(number));
        assert!(matches!(accepted, Became::Accepted(_)), "{number}");
        let before = worker.result(1, &numbered(number * 7 / 10));
        assert_eq!(before, Became::Duplicate, "{number}");
        if number % 15 == 14 {
            worker.settle();
        }
    }
    worker.settle();
    // Dropped, not closed: what is in memory only must come back from the ledger.
    drop(worker);
    let identity = dir.path().join("shards/000/identity");
    assert!(!files(&identity).is_empty());
    let mut worker = Worker::open(&store);
    for number in 0..600 {
        assert_eq!(worker.result(0, &numbered(number)), Became::Duplicate);
    }
    worker.close();
    fs::remove_dir_all(&identity).unwrap();
    let mut worker = Worker::open(&store);
    for number in 0..600 {
        assert_eq!(worker.result(0, &numbered(number)), Became::Duplicate);
    }
}

#[test]
fn views_that_are_behind_catch_up_from_the_ledger() {
    let (dir, _, _) = lived();
    let views = dir.path().join("shards/000/views");
    let behind = TempDir::new().unwrap();
    copy_all(&views, behind.path());
    let mut worker = Worker::open(&store(dir.path()));
    for day in 50..80 {
        let id = format!("N{day}");
        worker.result(0, &result(&id, 2, day, true));
        worker.result(1, &result(&format!("{id}b"), 3, day, false));
    }
    worker.settle();
    let now = answers(worker.reader());
    worker.close();
    fs::remove_dir_all(&views).unwrap();
    copy_all(behind.path(), &views);
    let worker = Worker::open(&store(dir.path()));
    assert!(!worker.opened.report.views_rebuilt);
    assert_eq!(answers(worker.reader()), now);
}

#[derive(Default)]
struct Stopped(Mutex<Vec<String>>);

impl DurableListener for Stopped {
    fn durable(&self, _block: u64) {}

    fn stopped(&self, cause: &str) {
        self.0.lock().unwrap().push(cause.to_owned());
    }
}

#[test]
fn a_failed_write_stops_the_store_with_its_cause() {
    let dir = TempDir::new().unwrap();
    let stopped = Arc::new(Stopped::default());
    let options = StoreOptions {
        segment_bytes: 1,
        listener: Some(Arc::clone(&stopped) as Arc<dyn DurableListener>),
        ..StoreOptions::default()
    };
    let mut worker = Worker::open(&store_with(dir.path(), options));
    worker.result(0, &result("R1", 1, 0, false));
    worker.settle();
    // The next block needs a new file, for which there is no directory any more.
    let ledger = dir.path().join("shards/000/ledger");
    fs::rename(&ledger, dir.path().join("gone")).unwrap();
    worker.result(0, &result("R2", 1, 1, false));
    let ticket = worker.commit();
    let refused = worker.opened.writer.wait(ticket).unwrap_err();
    assert!(matches!(refused, StoreError::Stopped { .. }), "{refused}");
    assert!(refused.to_string().contains("cannot create"), "{refused}");
    assert!(!worker.opened.writer.is_durable(ticket));
    let positions = worker.positions.clone();
    let again = worker.opened.writer.commit(&positions, at(1), [1; 32]);
    assert!(matches!(again, Err(StoreError::Stopped { .. })));
    assert!(worker.reader().check().is_err());
    drop(worker);
    assert_eq!(stopped.0.lock().unwrap().len(), 1);
    fs::rename(dir.path().join("gone"), &ledger).unwrap();
    let worker = Worker::open(&store(dir.path()));
    assert_eq!(worker.positions.get(&partition(0)), Some(&1));
}

#[test]
fn pages_follow_one_another_without_gap_or_repetition() {
    let (dir, _, before) = lived();
    let worker = Worker::open(&store(dir.path()));
    let reader = worker.reader();
    let orders = [
        SubjectOrder::Name,
        SubjectOrder::ProbabilityDesc,
        SubjectOrder::ProbabilityAsc,
    ];
    for order in orders {
        let (mut cursor, mut paged) = (None, Vec::new());
        loop {
            let query = SubjectQuery::default();
            let page = reader
                .subjects(&query, order, 5, cursor.as_deref())
                .unwrap();
            paged.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(paged.len(), before.subjects.len(), "{order:?}");
        let sorted = paged.windows(2).all(|pair| match order {
            SubjectOrder::Name => pair[0].subject.to_string() < pair[1].subject.to_string(),
            SubjectOrder::ProbabilityDesc => pair[0].probability >= pair[1].probability,
            SubjectOrder::ProbabilityAsc => pair[0].probability <= pair[1].probability,
        });
        assert!(sorted, "{order:?}");
    }
}

#[test]
fn filters_choose_and_cursors_hold_only_for_their_own_list() {
    let (dir, _, before) = lived();
    let worker = Worker::open(&store(dir.path()));
    let reader = worker.reader();
    let query = SubjectQuery {
        kind: Some(SubjectKind::Enterprise),
        zone: Some(ZoneId::new("district-1").unwrap()),
        sector: Some(SectorCode::new("toys").unwrap()),
        level: None,
    };
    let order = SubjectOrder::ProbabilityDesc;
    let page = reader.subjects(&query, order, 3, None).unwrap();
    assert_eq!(page.items.len(), 3);
    let odd = |assessment: &Assessment| {
        let name = assessment.subject.to_string();
        name.starts_with("enterprise:E") && name.ends_with(['1', '3', '5', '7', '9'])
    };
    assert!(page.items.iter().all(odd));
    let all = SubjectQuery::default();
    let foreign = reader.subjects(&all, order, 3, page.next.as_deref());
    assert!(matches!(foreign, Err(StoreError::Cursor)));

    let alert = before.alerts.first().unwrap();
    assert_eq!(reader.alert(&alert.id).unwrap().as_ref(), Some(alert));
    let of_subject = AlertQuery {
        subject: Some(alert.subject.clone()),
        rule: Some(alert.rule),
        since: Some(at(20)),
        ..AlertQuery::default()
    };
    let found = reader.alerts(&of_subject, 1000, None).unwrap().items;
    let wanted = before.alerts.iter().filter(|it| {
        it.subject == alert.subject && it.rule == alert.rule && it.raised_at >= at(20)
    });
    assert!(found.iter().eq(wanted));
    let nobody = Subject::Enterprise(EnterpriseId::new("E99").unwrap());
    assert_eq!(reader.subject(&nobody).unwrap(), None);
}

#[test]
fn a_grade_event_exists_exactly_where_the_recorded_level_changed() {
    let (_dir, _, before) = lived();
    let mut expected = 0;
    for history in &before.histories {
        let mut level = risk_domain::scales::RiskLevel::Undetermined;
        for assessment in history.iter().rev() {
            expected += usize::from(assessment.level != level);
            level = assessment.level;
        }
    }
    let (mut grades, mut alerts, mut dead_letters) = (0, 0, 0);
    let mut cases = BTreeSet::new();
    for (_, event) in &before.events {
        match event {
            OutEvent::Grade(_) => grades += 1,
            OutEvent::Alert(moved) => alerts += usize::from(moved.before.is_none()),
            OutEvent::DeadLetter(_) => dead_letters += 1,
            OutEvent::Case(change) => {
                cases.insert(change.moved.case.id.clone());
            }
            OutEvent::Plan(moved) => unreachable!("nobody planned {moved:?}"),
        }
    }
    assert_eq!(grades, expected);
    // Raises of one subject and hazard are one alert.
    let streams = before.alerts.iter();
    let streams: BTreeSet<_> = streams
        .map(|it| (it.subject.clone(), it.hazard.clone()))
        .collect();
    assert_eq!(alerts, streams.len());
    assert_eq!(dead_letters, before.dead_letters.values().sum::<u64>());
    assert!(!cases.is_empty(), "failures open cases");
}

#[test]
fn a_dead_letter_is_listed_and_kept_whole() {
    let (dir, _, _) = lived();
    let worker = Worker::open(&store(dir.path()));
    let listed = worker
        .reader()
        .dead_letters(&DeadLetterQuery::default(), 10, None)
        .unwrap()
        .items;
    let [row] = listed.as_slice() else {
        unreachable!("one dead letter: {listed:?}");
    };
    assert_eq!(row.summary.code, "identity_conflict");
    let whole = worker.reader().dead_letter(row.entry).unwrap().unwrap();
    let rejected = whole.rejected.shown().unwrap();
    assert_eq!(rejected.record, b"{\"inspection_id\":\"\xff\"}");
    let shown = worker.reader().show(row.entry..row.entry + 1).unwrap();
    assert_eq!(shown.first().unwrap().kind, "rejection");
}

/// All deeds, page by page, of which each looks at about `most` entries.
fn deeds(reader: &Reader, most: usize) -> Vec<(u64, String)> {
    let (mut all, mut below) = (Vec::new(), None);
    loop {
        let page = reader.deeds(&|_| true, 2, most, below).unwrap();
        assert!(page.items.len() <= 2);
        all.extend(page.items.iter().map(|(entry, record)| {
            let Record::Access(note) = record else {
                unreachable!("{record:?}");
            };
            (*entry, note.request_id.to_string())
        }));
        match page.next {
            Some(next) => below = Some(next.parse().unwrap()),
            None => return all,
        }
    }
}

#[test]
fn notes_of_what_people_did_are_read_back_and_change_no_state() {
    let (dir, hash, before) = lived();
    let store = store(dir.path());
    let mut worker = Worker::open(&store);
    for number in 0..5 {
        let note = AccessNote {
            at: at(401),
            actor: ActorId::new("张三").unwrap(),
            roles: [Role::Officer].into(),
            means: "session".into(),
            request_id: number.to_string().into(),
            act: Act::ReadDeadLetters,
            count: 1,
            what: vec!["7".into()],
        };
        worker.opened.writer.append_access(&note).unwrap();
        if number % 2 == 0 {
            worker.settle();
        }
    }
    let all = deeds(worker.reader(), 1_000_000);
    let requests: Vec<&str> = all.iter().map(|(_, request)| request.as_str()).collect();
    assert_eq!(requests, ["4", "3", "2", "1", "0"], "the newest first");
    assert_eq!(
        deeds(worker.reader(), 1),
        all,
        "however little is looked at for a page"
    );
    let (first, _) = all.last().unwrap();
    let shown = worker.reader().show(*first..first + 1).unwrap();
    assert_eq!(
        (shown[0].kind, shown[0].actor.as_str()),
        ("access", "user:张三")
    );
    assert_eq!(shown[0].facts["act"], "read_dead_letters");
    worker.close();
    assert_eq!(store.rebuild().unwrap(), hash);
    assert_eq!(store.replay().unwrap().differences, []);
    assert_eq!(answers(Worker::open(&store).reader()), before);
}

/// Takes a step of a plan in, as the worker does.
fn plan_step(worker: &mut Worker, plan: &DrawId, day: i64, action: PlanAction) {
    let command = Command {
        command_id: CommandId::new(format!("{plan}-{}", action.code())).unwrap(),
        decided_at: at(day),
        actor: Actor {
            id: ActorId::new("计划科-1").unwrap(),
            role: Role::Planner,
        },
        reason: "周计划".into(),
        order: Order::Plan {
            plan: plan.clone(),
            action,
        },
    };
    let name = SourcePartition {
        source: "commands".into(),
        partition: 0,
    };
    let input = Input::Command {
        partition: &name,
        command: &command,
    };
    let step = worker.opened.engine.step(&input);
    let Became::Accepted(accepted) = step.outcome else {
        unreachable!("{:?}", step.outcome);
    };
    let next = worker.positions.entry(name.clone()).or_insert(0);
    *next += 1;
    let record = Told {
        partition: name,
        offset: *next - 1,
        epoch: accepted.epoch.unwrap(),
        late: accepted.late,
        told: command,
    };
    worker.opened.writer.append_command(&record).unwrap();
    worker.opened.writer.append_effects(step.effects).unwrap();
}

/// Ids with their entries.
type Numbered = Vec<(u64, String)>;

/// What is found of a plan: its steps and the results that name it, each with its entry.
fn found_of(reader: &Reader, plan: &DrawId) -> (Numbered, Numbered) {
    let steps = reader.plan_steps(plan, u64::MAX).unwrap();
    let steps = steps.into_iter().map(|(entry, step)| {
        assert_eq!(reader.command_entry(&step.command_id).unwrap(), Some(entry));
        assert!(
            reader.plan_steps(plan, entry).unwrap().len() < 3,
            "those below an entry only"
        );
        (entry, step.command_id.to_string())
    });
    let of = ResultsOf::Draw(plan.clone());
    let results = reader.results(&of, &|_| true, 1000, None).unwrap().items;
    let results = results.into_iter().map(|(entry, record)| {
        assert_eq!(record.result.selection.draw_id.as_ref(), Some(plan));
        (entry, record.result.inspection_id.to_string())
    });
    (steps.collect(), results.collect())
}

/// What goes out of plans: which stood where, and what of the draw is public.
fn told_of_plans(reader: &Reader) -> Vec<(String, PlanState, Option<Vec<u8>>)> {
    let events = reader.outbox_after(0, usize::MAX).unwrap().into_iter();
    let of_plans = events.filter_map(|(_, event)| match event {
        OutEvent::Plan(moved) => Some((
            moved.plan.to_string(),
            moved.known.state(),
            moved.record.clone(),
        )),
        OutEvent::Grade(_) | OutEvent::Alert(_) | OutEvent::DeadLetter(_) | OutEvent::Case(_) => {
            None
        }
    });
    of_plans.collect()
}

#[test]
fn steps_of_a_plan_and_the_results_of_its_draw_are_found_live_behind_and_rebuilt() {
    let dir = TempDir::new().unwrap();
    let store = store(dir.path());
    let shelf = PlanShelf::of(dir.path());
    let mut worker = Worker::open(&store);
    live(&mut worker);
    let (plan, other) = (DrawId::new("P-1").unwrap(), DrawId::new("P-10").unwrap());
    let hash = ContentHash(Sha256::digest(b"{}").into());
    let document = PlanShelf::numbered(DRAW_RECORD, hash, "json");
    for plan in [&plan, &other] {
        shelf.put(plan, &document, b"{}").unwrap();
        let commitment = PlanCommitment {
            day: Day::new(20_515),
            design_sha256: hash,
            pool_sha256: hash,
            secret_sha256: hash,
            beacon: None,
        };
        plan_step(&mut worker, plan, 50, PlanAction::Commit(commitment));
        let drawn = PlanDraw {
            list_sha256: hash,
            record_sha256: hash,
            tests: 2,
            beacon_value: None,
        };
        plan_step(&mut worker, plan, 50, PlanAction::Draw(drawn));
    }
    for number in 0..4_u32 {
        let mut drawn = result(&format!("D{number}"), number, 51, false);
        drawn.selection.draw_id = Some(if number < 2 { &plan } else { &other }.clone());
        worker.result(0, &drawn);
        worker.settle();
    }
    plan_step(&mut worker, &plan, 52, PlanAction::Reveal);
    worker.settle();
    let now = found_of(worker.reader(), &plan);
    let ids =
        |of: &[(u64, String)]| -> Vec<String> { of.iter().map(|(_, id)| id.clone()).collect() };
    assert_eq!(ids(&now.0), ["P-1-commit", "P-1-draw", "P-1-reveal"]);
    assert_eq!(ids(&now.1), ["D1", "D0"], "the newest first");
    let of_other = found_of(worker.reader(), &other);
    assert_eq!((of_other.0.len(), of_other.1.len()), (2, 2));
    let told = told_of_plans(worker.reader());
    let step = |plan: &str, state| (plan.to_owned(), state, None);
    let revealed = ("P-1".to_owned(), PlanState::Revealed, Some(b"{}".to_vec()));
    let wanted = [
        step("P-1", PlanState::Committed),
        step("P-1", PlanState::Drawn),
        step("P-10", PlanState::Committed),
        step("P-10", PlanState::Drawn),
        revealed,
    ];
    assert_eq!(
        told, wanted,
        "the draw is told once it is public, and not before"
    );
    let unknown = CommandId::new("P-1-comm").unwrap();
    assert_eq!(worker.reader().command_entry(&unknown).unwrap(), None);
    worker.close();
    store.rebuild().unwrap();
    let worker = Worker::open(&store);
    assert_eq!(found_of(worker.reader(), &plan), now);
    assert_eq!(found_of(worker.reader(), &other), of_other);
    assert_eq!(told_of_plans(worker.reader()), wanted);
    shelf.put(&plan, &document, b"[]").unwrap();
    let told = told_of_plans(worker.reader());
    assert_eq!(told[4].2, None, "what was changed is not told");
}

/// Every result with its entry, the newest first, as the ledger has them.
fn in_the_ledger(reader: &Reader) -> Vec<(u64, InspectionResult)> {
    let mut all = Vec::new();
    let take = |entry, result: &InspectionResult| all.push((entry, result.clone()));
    reader.follow_results(0, u64::MAX, take).unwrap();
    all.reverse();
    all
}

/// What is found by product, by zone and by id is what the ledger has.
fn results_are_found(reader: &Reader) {
    let all = in_the_ledger(reader);
    let product = |id: &str| ResultsOf::Products(vec![ProductCode::new(id).unwrap()]);
    let zones = |ids: &[&str]| {
        let ids = ids.iter().map(|id| ZoneId::new(*id).unwrap());
        ResultsOf::Zones(ids.collect())
    };
    let in_zone = |of: &InspectionResult, zone: &str| of.site.zone_id.as_str() == zone;
    type Wanted<'a> = (ResultsOf, &'a dyn Fn(&InspectionResult) -> bool);
    let asked: [Wanted<'_>; 5] = [
        (product("plush"), &|of| {
            of.product.category.as_str() == "plush"
        }),
        (product("bikes"), &|of| {
            of.product.category.as_str() == "bikes"
        }),
        (product("none"), &|_| false),
        (zones(&["district-1"]), &|of| in_zone(of, "district-1")),
        (zones(&["district-0", "district-1"]), &|_| true),
    ];
    for (of, wanted) in asked {
        let expected = all.iter().filter(|(_, of)| wanted(of));
        let expected: Vec<u64> = expected.map(|(entry, _)| *entry).collect();
        let found = reader.results(&of, &|_| true, 1000, None).unwrap();
        let found: Vec<u64> = found.items.iter().map(|(entry, _)| *entry).collect();
        assert_eq!(found, expected, "{of:?}");
    }
    for (entry, result) in &all {
        let found = reader.result_entry(&result.inspection_id).unwrap();
        assert_eq!(found, Some(*entry), "{}", result.inspection_id);
    }
    let unknown = InspectionId::new("R0-12").unwrap();
    assert_eq!(reader.result_entry(&unknown).unwrap(), None);
}

#[test]
fn results_are_found_by_product_by_zone_and_by_id_live_and_rebuilt() {
    let dir = TempDir::new().unwrap();
    let store = store(dir.path());
    let mut worker = Worker::open(&store);
    live(&mut worker);
    worker.input(&Input::Register(&Registration::Product {
        product: ProductCode::new("bikes").unwrap(),
        sector: SectorCode::new("toys").unwrap(),
        severity_mix: None,
    }));
    for number in 0..3_u32 {
        let mut other = result(&format!("B{number}"), number, 51, false);
        other.product.category = ProductCode::new("bikes").unwrap();
        worker.result(0, &other);
    }
    // The last block is durable, and no other came after it.
    worker.settle();
    assert!(in_the_ledger(worker.reader()).len() > 500);
    results_are_found(worker.reader());
    let waits = InspectionId::new("B9").unwrap();
    worker.result(0, &result("B9", 1, 51, false));
    assert_eq!(
        worker.reader().result_entry(&waits).unwrap(),
        None,
        "it is not durable"
    );
    worker.settle();
    worker.close();
    results_are_found(Worker::open(&store).reader());
    store.rebuild().unwrap();
    results_are_found(Worker::open(&store).reader());
}

#[test]
fn what_raised_a_subject_is_found_with_its_entry_and_the_results_that_it_names() {
    let (dir, _, _) = lived();
    let worker = Worker::open(&store(dir.path()));
    let reader = worker.reader();
    let alerts = reader.alerts(&AlertQuery::default(), 1000, None).unwrap();
    let always = Timestamp::MIN..=Timestamp::MAX;
    let mut compared = 0;
    let subjects: BTreeSet<Subject> = alerts.items.iter().map(|of| of.subject.clone()).collect();
    for subject in subjects {
        let mut expected = alerts.items.iter();
        let hazard = expected
            .find(|of| of.subject == subject)
            .unwrap()
            .hazard
            .clone();
        let expected = alerts.items.iter();
        let expected: BTreeSet<&str> = expected
            .filter(|of| of.subject == subject && of.hazard == hazard)
            .map(|of| of.id.as_str())
            .collect();
        let of = (&subject, hazard.as_ref());
        let (raises, more) = reader.raises(of, &always, u64::MAX, 1000).unwrap();
        let found: BTreeSet<&str> = raises.iter().map(|of| of.alert.id.as_str()).collect();
        assert_eq!(found, expected, "{subject}");
        assert!(!more && raises.is_sorted_by_key(|raise| raise.entry));
        for raise in &raises {
            for id in &raise.results {
                let entry = reader.result_entry(id).unwrap().unwrap();
                assert!(entry < raise.entry, "{id} came after what it raised");
            }
            compared += raise.results.len();
        }
        let last = raises.last().unwrap();
        let (below, _) = reader.raises(of, &always, last.entry, 1000).unwrap();
        assert_eq!(below.len(), raises.len() - 1);
        let (newest, more) = reader.raises(of, &always, u64::MAX, 1).unwrap();
        assert_eq!((newest, more), (vec![last.clone()], raises.len() > 1));
        let later = last.alert.raised_at.plus_millis(1)..=Timestamp::MAX;
        let (later, _) = reader.raises(of, &later, u64::MAX, 1000).unwrap();
        assert!(
            later
                .iter()
                .all(|raise| raise.alert.raised_at > last.alert.raised_at)
        );
    }
    assert!(compared > 20, "{compared} results were named");
}

/// A peer's triggers wrote nothing down where no user was known.
#[test]
fn every_entry_has_an_actor_whoever_wrote_it() {
    let dir = TempDir::new().unwrap();
    let mut worker = Worker::open(&store(dir.path()));
    live(&mut worker);
    let commitment = PlanCommitment {
        day: Day::new(20_515),
        design_sha256: ContentHash([5; 32]),
        pool_sha256: ContentHash([5; 32]),
        secret_sha256: ContentHash([5; 32]),
        beacon: None,
    };
    let plan = DrawId::new("P-1").unwrap();
    plan_step(&mut worker, &plan, 50, PlanAction::Commit(commitment));
    worker.settle();
    let reader = worker.reader();
    let mut seen = BTreeMap::new();
    for entry in reader.show(0..reader.ledger().entry_count()).unwrap() {
        let actor = match entry.kind {
            "effect" => "system:engine",
            "command" => "officer:计划科-1",
            _ => "system:pipeline",
        };
        assert_eq!(entry.actor, actor, "{} is {}", entry.index, entry.kind);
        *seen.entry(entry.kind).or_insert(0) += 1;
    }
    for kind in [
        "result",
        "rejection",
        "registration",
        "hold",
        "tick",
        "ended",
        "effect",
        "command",
    ] {
        assert!(seen.contains_key(kind), "no {kind} among {seen:?}");
    }
}

#[test]
fn a_result_is_proved_with_its_page_as_it_is_by_itself() {
    let (dir, _, _) = lived();
    let worker = Worker::open(&store(dir.path()));
    let reader = worker.reader();
    let size = reader.ledger().entry_count();
    let mut proofs = reader.ledger().proofs(size).unwrap();
    let of = ResultsOf::Enterprises(vec![EnterpriseId::new("E2").unwrap()]);
    let show = |section| section != Section::Party;
    let proved = reader.proved_results((&of, size), &|_| true, 5, &mut proofs, show);
    let (proved, more) = proved.unwrap();
    let page = reader.results(&of, &|_| true, 5, Some(size)).unwrap();
    assert_eq!(proved.len(), 5);
    assert_eq!(more, page.next.is_some());
    let root = reader.ledger().root_at(size).unwrap();
    for ((entry, result, proof), (same, record)) in proved.into_iter().zip(page.items) {
        assert_eq!((entry, &result), (same, &record.result));
        assert_eq!(proof, reader.proved(entry, &mut proofs, show).unwrap());
        assert_eq!(
            proof.proof,
            reader.ledger().inclusion_proof(entry, size).unwrap()
        );
        let leaf = proof.disclosure.leaf_hash().unwrap();
        assert!(verify_inclusion(&leaf, entry, size, &proof.proof, &root));
    }
}

#[test]
fn grades_recorded_in_a_window_are_the_last_of_each_subject_below_an_entry() {
    let (dir, _, _) = lived();
    let worker = Worker::open(&store(dir.path()));
    let reader = worker.reader();
    let end = reader.ledger().entry_count();
    let enterprises = |subject: &Subject| subject.kind() == SubjectKind::Enterprise;
    let mut told = 0;
    for (below, most) in [(end, end), (end, 40), (end / 2, end), (end / 2, 0)] {
        let found = reader.recorded_in(below, most, &enterprises).unwrap();
        let mut expected = BTreeMap::new();
        for entry in below.saturating_sub(most)..below {
            let of = reader.assessment_at(entry).unwrap();
            if let Some(of) = of.filter(|of| enterprises(&of.subject)) {
                expected.insert(of.subject.clone(), (entry, of));
            }
        }
        let expected: Vec<(u64, Assessment)> = expected.into_values().collect();
        assert_eq!(found, expected, "{most} below {below}");
        told += found.len();
        if most == 0 {
            assert!(found.is_empty());
        }
    }
    assert!(told > 12, "{told} grades were compared");
}

#[test]
fn dead_letters_are_filtered_by_their_reason() {
    let (dir, _, _) = lived();
    let worker = Worker::open(&store(dir.path()));
    let of = |code: &str| {
        let query = DeadLetterQuery {
            code: Some(code.to_owned()),
        };
        worker
            .reader()
            .dead_letters(&query, 10, None)
            .unwrap()
            .items
    };
    assert_eq!(of("identity_conflict").len(), 1);
    assert!(of("not_json").is_empty());
}

#[test]
fn alerts_are_followed_by_position_without_gap_or_repetition() {
    let (dir, _, _) = lived();
    let worker = Worker::open(&store(dir.path()));
    let reader = worker.reader();
    let events = reader.outbox_after(0, usize::MAX).unwrap();
    let expected: Vec<_> = events
        .into_iter()
        .filter_map(|(entry, event)| match event {
            OutEvent::Alert(alert) => Some((entry, *alert)),
            OutEvent::Grade(_)
            | OutEvent::DeadLetter(_)
            | OutEvent::Case(_)
            | OutEvent::Plan(_) => None,
        })
        .collect();
    assert!(expected.len() > 3);
    let mut followed = Vec::new();
    let mut from = 0;
    while from < reader.position().unwrap() {
        let (alerts, next) = reader.alerts_after(from, 2).unwrap();
        assert!(next > from);
        followed.extend(alerts);
        from = next;
    }
    assert_eq!(followed, expected);
    assert_eq!(reader.alerts_after(from, 2).unwrap(), (Vec::new(), from));
}

#[test]
fn what_is_shown_is_told_at_once_and_whenever_it_moves() {
    let dir = TempDir::new().unwrap();
    let mut worker = Worker::open(&store(dir.path()));
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let observer = move |shown| telling.lock().unwrap().push(shown);
    worker.reader().observe_shown(Arc::new(observer));
    assert_eq!(*told.lock().unwrap(), [0]);
    worker.result(0, &result("R1", 1, 1, true));
    let ticket = worker.settle();
    let told = told.lock().unwrap();
    assert!(told.is_sorted());
    assert_eq!(told.last(), Some(&ticket.entries));
}

#[test]
fn a_block_with_very_many_rows_is_known_to_be_shown() {
    let dir = TempDir::new().unwrap();
    let mut worker = Worker::open(&store(dir.path()));
    for number in 0..3_000 {
        worker.result(0, &result(&format!("R{number}"), 1, 1, true));
    }
    let ticket = worker.commit();
    let patience = std::time::Duration::from_secs(20);
    let shown = worker.reader().wait_beyond(ticket.entries - 1, patience);
    assert!(shown.unwrap());
}
