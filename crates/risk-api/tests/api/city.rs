//! A small city in a real store, and an API over it whose intake and readiness are made up.

use crate::plan_desk::PlanDesk;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use parking_lot::RwLock;
use prometheus::Registry;
use risk_api::{
    Access, ApiMetrics, ApiParts, ApiState, Intake, Intakes, Notebook, PostError, Readiness,
    Receipt, Receipts,
};
use risk_domain::access::AccessNote;
use risk_domain::decision::Command;
use risk_domain::ids::{
    AgencyId, EnterpriseId, InspectionId, ItemCode, ProductCode, SiteId, TeamId, ZoneId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, InspectionResult, Outcome, ProductRef, SampleCounts, SiteRef,
    TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::personal::Erasure;
use risk_domain::reference::Reference;
use risk_domain::registry::RegistryEntry;
use risk_domain::scales::Severity;
use risk_domain::selection::{InclusionProbability, Selection, SelectionBasis, SelectionMode};
use risk_domain::signal::{Signal, SignalPersonal};
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::{
    Engine, Found, Input, Outcome as Became, Policy, ResultInput, SourcePartition, Taxonomy,
};
use risk_store::ledger::note::CheckpointSigner;
use risk_store::{
    EncodedResult, Opened, Placement, Positions, Reader, Rejection, SignalRecord, Store,
    StoreOptions, Told, Writer,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tower::ServiceExt;

/// 2026-03-02, a Monday, 09:00 in China.
const START: i64 = 1_772_413_200_000;

/// Longest body of a post.
pub(crate) const MAX_BODY: usize = 100_000;

pub(crate) fn at(day: i64) -> Timestamp {
    Timestamp::from_millis(START + day * DAY_MILLIS)
}

pub(crate) fn partition() -> SourcePartition {
    SourcePartition {
        source: "intake".into(),
        partition: 0,
    }
}

fn feed(source: &'static str) -> SourcePartition {
    SourcePartition {
        source: source.into(),
        partition: 0,
    }
}

/// A laboratory result of enterprise `E<n>`; a failure is a fatal one and alerts at once.
pub(crate) fn result(id: &str, enterprise: u32, day: i64, failed: bool) -> InspectionResult {
    let verdict = if failed {
        Verdict::Nonconforming
    } else {
        Verdict::Conforming
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
            inclusion_probability: InclusionProbability::new(0.5).ok(),
            campaign_id: None,
        },
        site: SiteRef {
            site_id: SiteId::new(format!("S{enterprise}")).unwrap(),
            enterprise_id: EnterpriseId::new(format!("E{enterprise}")).unwrap(),
            name: format!("晨光玩具{enterprise}号商位").into(),
            zone_id: ZoneId::new("330782-choucheng").unwrap(),
            booth: None,
            channel: Channel::Market,
            platform: None,
        },
        producer: None,
        supplier: None,
        product: ProductRef {
            category: ProductCode::new("TOY-PLUSH").unwrap(),
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
        items: vec![TestItem {
            code: ItemCode::new("small-parts").unwrap(),
            name: "小零件".into(),
            clause: None,
            method: None,
            measured: None,
            limit: None,
            unit: None,
            verdict,
            hazard: None,
            severity: Some(Severity::Four),
        }],
        confirms: None,
        follow_up_of: None,
        case_id: None,
        extra: BTreeMap::new(),
    }
}

/// What the made-up intake does with the next posts.
#[derive(Debug, Clone)]
pub(crate) enum Desk {
    Answers(Vec<Receipt>),
    Refuses(PostError),
    NeverAnswers,
    Dies,
}

/// The made-up surroundings.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) desk: Mutex<Desk>,
    pub(crate) posted: Mutex<Vec<Vec<u8>>>,
    pub(crate) not_ready: Mutex<Vec<String>>,
    pub(crate) clock: Mutex<Timestamp>,
    pub(crate) notes: Mutex<Vec<AccessNote>>,
    pub(crate) erasures: Mutex<Vec<Erasure>>,
    /// Nothing can be written down.
    pub(crate) deaf: Mutex<bool>,
}

impl Intake for Surroundings {
    fn post(&self, records: Vec<Vec<u8>>) -> Result<Receipts, PostError> {
        self.posted.lock().unwrap().extend(records);
        let desk = self.desk.lock().unwrap().clone();
        match desk {
            Desk::Answers(receipts) => Ok(Box::pin(async move { Some(receipts) })),
            Desk::Refuses(error) => Err(error),
            Desk::NeverAnswers => Ok(Box::pin(std::future::pending())),
            Desk::Dies => Ok(Box::pin(async { None })),
        }
    }
}

impl Notebook for Surroundings {
    fn note(&self, note: AccessNote) -> Result<Receipts, PostError> {
        if *self.deaf.lock().unwrap() {
            return Err(PostError::Stopped);
        }
        self.notes.lock().unwrap().push(note);
        Ok(Box::pin(async { Some(Vec::new()) }))
    }

    fn erase(&self, erasure: Erasure) -> Result<Receipts, PostError> {
        if *self.deaf.lock().unwrap() {
            return Err(PostError::Stopped);
        }
        self.erasures.lock().unwrap().push(erasure);
        Ok(Box::pin(async { Some(Vec::new()) }))
    }
}

impl Readiness for Surroundings {
    fn not_ready(&self) -> Vec<String> {
        self.not_ready.lock().unwrap().clone()
    }
}

pub(crate) struct City {
    writer: Writer,
    reader: Reader,
    pub(crate) engine: Arc<RwLock<Engine>>,
    positions: Positions,
    pub(crate) around: Arc<Surroundings>,
    pub(crate) state: ApiState,
    reference: Arc<Reference>,
    dir: TempDir,
}

impl City {
    /// Nothing has happened yet.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let reference = Arc::new(Reference::builtin().unwrap());
        let policy = Arc::new(Policy::builtin().unwrap());
        let taxonomy = Taxonomy::from_reference(&reference);
        let options = StoreOptions {
            secrets_dir: Some(dir.path().join("secrets")),
            ..StoreOptions::default()
        };
        let store = Store::at(dir.path(), options, policy, taxonomy);
        let Opened {
            writer,
            reader,
            engine,
            positions,
            ..
        } = store.open().unwrap();
        let engine = Arc::new(RwLock::new(engine));
        let around = Arc::new(Surroundings {
            desk: Mutex::new(Desk::Answers(Vec::new())),
            posted: Mutex::default(),
            not_ready: Mutex::default(),
            clock: Mutex::new(at(45)),
            notes: Mutex::default(),
            erasures: Mutex::default(),
            deaf: Mutex::default(),
        });
        let state = state(
            reader.clone(),
            &engine,
            Arc::clone(&reference),
            &around,
            (risk_store::PlanShelf::of(dir.path()), Access::demo()),
        );
        let mut city = Self {
            writer,
            reader,
            engine,
            positions,
            around,
            state,
            reference,
            dir,
        };
        city.input(&Input::Hold(&[partition()]));
        city
    }

    /// The documents of plans.
    pub(crate) fn shelf(&self) -> risk_store::PlanShelf {
        risk_store::PlanShelf::of(self.dir.path())
    }

    /// Six weeks of twelve enterprises, of which those with greater numbers fail more; closed.
    pub(crate) fn lived() -> Self {
        let mut city = Self::empty();
        for day in 0..42 {
            for enterprise in 0..12 {
                let failed = (day + i64::from(enterprise)) % 5 < i64::from(enterprise) / 3;
                city.result(&result(
                    &format!("R{day}-{enterprise}"),
                    enterprise,
                    day,
                    failed,
                ));
            }
        }
        city.reject("unknown_mode", "mode", "不存在的模式", b"{}");
        city.end();
        city.settle();
        city
    }

    /// Merkle root of the ledger.
    pub(crate) fn root(&self) -> risk_store::ledger::Hash {
        let ledger = self.reader.ledger();
        ledger.root_at(ledger.entry_count()).unwrap()
    }

    /// The same city, with another guard before it.
    pub(crate) fn guarded(&self, access: Access) -> Router {
        let reference = Arc::clone(&self.reference);
        let reader = self.reader.clone();
        let shelf = risk_store::PlanShelf::of(self.dir.path());
        risk_api::router(state(
            reader,
            &self.engine,
            reference,
            &self.around,
            (shelf, access),
        ))
    }

    pub(crate) fn router(&self) -> Router {
        risk_api::router(self.state.clone())
    }

    fn input(&mut self, input: &Input<'_>) {
        let step = self.engine.write().step(input);
        self.writer.append_input(input).unwrap();
        self.writer.append_effects(step.effects).unwrap();
    }

    /// Closes all that was seen.
    pub(crate) fn end(&mut self) {
        self.input(&Input::Ended(&[partition()]));
    }

    fn offset(&mut self) -> u64 {
        let next = self.positions.entry(partition()).or_insert(0);
        *next += 1;
        *next - 1
    }

    /// Takes a result in, as the worker does.
    pub(crate) fn result(&mut self, result: &InspectionResult) {
        let offset = self.offset();
        let mut encoded = EncodedResult::default();
        encoded.encode(result).unwrap();
        let mut engine = self.engine.write();
        let index = engine.partition(&partition());
        let step = engine.step(&Input::Result(ResultInput {
            partition: index,
            result,
            digest: encoded.digest(),
            seen: None,
            linked: &[],
            found: Found::default(),
        }));
        let Became::Accepted(accepted) = step.outcome else {
            panic!("{} was not accepted", result.inspection_id);
        };
        let placement = Placement {
            partition: &partition(),
            offset,
            epoch: accepted.epoch.unwrap(),
            late: accepted.late,
        };
        self.writer.append_result(&encoded, &placement).unwrap();
        self.writer.append_effects(step.effects).unwrap();
    }

    /// Takes a signal in, as the worker does.
    pub(crate) fn signal(&mut self, signal: &Signal) {
        self.complaint(signal, SignalPersonal::default());
    }

    /// The same with what is personal of it.
    pub(crate) fn complaint(&mut self, signal: &Signal, personal: SignalPersonal) {
        let partition = feed("signals");
        let input = Input::Signal {
            partition: &partition,
            signal,
        };
        let step = self.engine.write().step(&input);
        let heard = self.told(partition, &step.outcome, signal.clone());
        let record = SignalRecord { heard, personal };
        self.writer.append_signal(&record).unwrap();
        self.writer.append_effects(step.effects).unwrap();
    }

    /// Takes a command in, as the worker does.
    pub(crate) fn command(&mut self, command: &Command) {
        let partition = feed("commands");
        let input = Input::Command {
            partition: &partition,
            command,
        };
        let step = self.engine.write().step(&input);
        let record = self.told(partition, &step.outcome, command.clone());
        self.writer.append_command(&record).unwrap();
        self.writer.append_effects(step.effects).unwrap();
    }

    /// Takes in all that the register says, as the worker does; it says no more then, and holds no clock back.
    pub(crate) fn register(&mut self, entries: &[RegistryEntry]) {
        let partition = feed("registry");
        for entry in entries {
            let input = Input::Registry {
                partition: &partition,
                entry,
            };
            let step = self.engine.write().step(&input);
            let record = self.told(partition.clone(), &step.outcome, entry.clone());
            self.writer.append_registry(&record).unwrap();
            self.writer.append_effects(step.effects).unwrap();
        }
        self.input(&Input::Ended(&[partition]));
    }

    fn told<T>(&mut self, partition: SourcePartition, became: &Became, told: T) -> Told<T> {
        let Became::Accepted(accepted) = became else {
            panic!("it was not accepted: {became:?}");
        };
        let next = self.positions.entry(partition.clone()).or_insert(0);
        *next += 1;
        Told {
            partition,
            offset: *next - 1,
            epoch: accepted.epoch.unwrap(),
            late: accepted.late,
            told,
        }
    }

    /// Keeps a record as a dead letter, as the worker does.
    pub(crate) fn reject(&mut self, code: &str, field: &str, value: &str, record: &[u8]) {
        let rejection = Rejection {
            code: code.to_owned(),
            field: field.to_owned(),
            value: value.to_owned(),
            rule: "must be a code of the schema".to_owned(),
            partition: partition(),
            offset: self.offset(),
            received_at: at(41),
            key: Some(b"E1".to_vec()),
            record: record.to_vec(),
        };
        self.writer.append_rejection(&rejection).unwrap();
    }

    /// Commits and waits until it is durable and shown.
    pub(crate) fn settle(&mut self) {
        for erasure in self.around.erasures.lock().unwrap().drain(..) {
            self.writer.append_erasure(&erasure).unwrap();
        }
        let seed = [self.writer.pending_entries() as u8; 32];
        let ticket = self.writer.commit(&self.positions, at(50), seed).unwrap();
        self.writer.wait(ticket).unwrap();
        self.writer.wait_viewed(ticket).unwrap();
    }
}

fn state(
    reader: Reader,
    engine: &Arc<RwLock<Engine>>,
    reference: Arc<Reference>,
    around: &Arc<Surroundings>,
    (shelf, access): (risk_store::PlanShelf, Access),
) -> ApiState {
    let registry = Registry::new();
    let metrics = ApiMetrics::register(&registry).unwrap();
    let desk = Arc::clone(around);
    let readiness = Arc::clone(around);
    let clock = Arc::clone(around);
    let notebook = Arc::clone(around);
    ApiState::new(ApiParts {
        reader,
        engine: Arc::clone(engine),
        reference,
        planning: risk_planner::PlanningPolicy::builtin().unwrap(),
        shelf,
        signer: CheckpointSigner::new("spotcheck/shard-0", [7; 32]).unwrap(),
        intakes: Intakes {
            registry: Some(Arc::<Surroundings>::clone(&desk)),
            commands: Some(Arc::new(PlanDesk {
                around: Arc::clone(around),
                engine: Arc::clone(engine),
            })),
            signals: Some(Arc::<Surroundings>::clone(&desk)),
            results: desk,
        },
        notebook,
        readiness,
        now: Arc::new(move || *clock.clock.lock().unwrap()),
        registry,
        metrics,
        max_body_bytes: MAX_BODY,
        access,
    })
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// The same, whatever it is.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .to_str()
            .unwrap()
    }

    /// A problem with this status and code, whose members agree with the answer.
    pub(crate) fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{code}"), "{problem}");
        assert_eq!(problem["status"], status);
        problem
    }
}

pub(crate) async fn ask(router: Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body.to_vec(),
    }
}

pub(crate) async fn get(city: &City, path: &str) -> Answer {
    ask(
        city.router(),
        Request::get(path).body(Body::empty()).unwrap(),
    )
    .await
}

pub(crate) async fn get_with(city: &City, path: &str, header: (&str, &str)) -> Answer {
    let request = Request::get(path).header(header.0, header.1);
    ask(city.router(), request.body(Body::empty()).unwrap()).await
}

/// The page's items; fails on anything but a page.
pub(crate) async fn items(city: &City, path: &str) -> Vec<Value> {
    let answer = get(city, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

pub(crate) async fn post(city: &City, kind: &str, body: &[u8]) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/results")
        .header("content-type", kind)
        .body(Body::from(body.to_vec()))
        .unwrap();
    ask(city.router(), request).await
}
