//! Takes the steps of plans to the engine, as a worker would; all else goes to the made-up intake.

use crate::city::{Surroundings, at};
use compact_str::CompactString;
use parking_lot::RwLock;
use risk_api::{Intake, PostError, Receipt, Receipts};
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{ActorId, CommandId, DrawId};
use risk_domain::plan_act::{AwaitedBeacon, PlanAction, PlanCommitment, PlanDraw};
use risk_domain::scales::Role;
use risk_domain::time::Timestamp;
use risk_engine::{Engine, Input, Outcome, SourcePartition};
use serde_json::Value;
use std::sync::Arc;

pub(crate) struct PlanDesk {
    pub(crate) around: Arc<Surroundings>,
    pub(crate) engine: Arc<RwLock<Engine>>,
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {of}"))
}

fn action(record: &Value) -> PlanAction {
    let hash = |of: &Value, name: &str| text(of, name).parse().unwrap();
    let compact = |of: &Value| of.as_str().map(CompactString::from);
    match text(record, "kind") {
        "commit" => {
            let of = &record["commitment"];
            PlanAction::Commit(PlanCommitment {
                day: text(of, "day").parse().unwrap(),
                design_sha256: hash(of, "design_sha256"),
                pool_sha256: hash(of, "pool_sha256"),
                secret_sha256: hash(of, "secret_sha256"),
                beacon: of.get("beacon").map(|beacon| AwaitedBeacon {
                    source: text(beacon, "source").into(),
                    round: text(beacon, "round").into(),
                }),
            })
        }
        "draw" => {
            let of = &record["drawn"];
            PlanAction::Draw(PlanDraw {
                list_sha256: hash(of, "list_sha256"),
                record_sha256: hash(of, "record_sha256"),
                tests: of["tests"].as_u64().unwrap() as u32,
                beacon_value: compact(&of["beacon_value"]),
            })
        }
        "reveal" => PlanAction::Reveal,
        other => panic!("{other}"),
    }
}

fn command(record: &Value) -> Command {
    Command {
        command_id: CommandId::new(text(record, "command_id")).unwrap(),
        decided_at: Timestamp::parse(text(record, "decided_at")).unwrap(),
        actor: Actor {
            id: ActorId::new(text(&record["actor"], "id")).unwrap(),
            role: Role::from_code(text(&record["actor"], "role")).unwrap(),
        },
        reason: text(record, "reason").into(),
        order: Order::Plan {
            plan: DrawId::new(text(record, "plan_id")).unwrap(),
            action: action(record),
        },
    }
}

impl Intake for PlanDesk {
    fn post(&self, records: Vec<Vec<u8>>) -> Result<Receipts, PostError> {
        let parsed: Vec<Value> = records
            .iter()
            .filter_map(|record| serde_json::from_slice(record).ok())
            .collect();
        let on_plans = |record: &Value| record.get("plan_id").is_some();
        if parsed.is_empty() || !parsed.iter().all(on_plans) {
            return self.around.post(records);
        }
        self.around.posted.lock().unwrap().extend(records);
        let mut engine = self.engine.write();
        let partition = SourcePartition {
            source: CompactString::const_new("commands"),
            partition: 0,
        };
        let mut receipts = Vec::new();
        for record in &parsed {
            let command = command(record);
            let input = Input::Command {
                partition: &partition,
                command: &command,
            };
            receipts.push(match engine.step(&input).outcome {
                Outcome::Accepted(_) => Receipt::Accepted,
                Outcome::Duplicate => Receipt::Duplicate,
                Outcome::Rejected(why) => Receipt::Rejected {
                    code: "not_allowed".to_owned(),
                    field: "kind".to_owned(),
                    value: String::new(),
                    rule: why.to_string(),
                },
            });
        }
        // Commands are read to their end at once, and hold no clock back.
        let idle = [partition];
        let now = at(45);
        engine.step(&Input::Tick { now, idle: &idle });
        drop(engine);
        Ok(Box::pin(async move { Some(receipts) }))
    }
}
