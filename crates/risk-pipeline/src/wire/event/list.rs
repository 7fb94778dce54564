//! What became of a sampling plan（抽样名单）, as others read it. Coming targets stand in none of it: what was drawn is
//! told once it is public.

use super::{MAX_MESSAGE_BYTES, Message, Outlet, SCHEMA_VERSION};
use risk_planner::wire::draw::{DrawRecord, DrawnLine};
use risk_store::PlanMoved;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sampling plan was committed to, drawn or revealed（抽样名单）. An event says all that those before it said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "SamplingListEvent", extend("$id" = "sampling-list.v1.json"))]
pub struct ListEvent {
    /// Version of this shape.
    pub schema_version: u8,
    /// The same for the same event, however often it is sent: shard and ledger entry.
    pub event_id: String,
    /// The plan, which its results bear as `draw_id`; the message's key.
    pub plan_id: String,
    /// Where it stands: committed, drawn, revealed.
    pub state: String,
    /// When it came to stand there, RFC 3339.
    pub at: String,
    /// Its first day.
    pub day: String,
    /// What it is held to.
    pub commitment: ListCommitment,
    /// How many tests it has, once it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<u32>,
    /// SHA-256 of the plan with its list, once it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_sha256: Option<String>,
    /// SHA-256 of the record of the draw, once it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_sha256: Option<String>,
    /// The value of the beacon, once it is drawn by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon_value: Option<String>,
    /// What was drawn, once it is public. None, too, where it is too large for a message or its document is
    /// gone; `GET /v1/draws/{id}` has it or says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<DrawPublished>,
}

/// What a plan is held to（承诺）, published before its draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListCommitment {
    /// SHA-256 of all that it is made from.
    pub design_sha256: String,
    /// SHA-256 of the pool.
    pub pool_sha256: String,
    /// SHA-256 of the secret.
    pub secret_sha256: String,
    /// Where the public value is found that the draw waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon_source: Option<String>,
    /// Which of its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon_round: Option<String>,
}

/// What was drawn（抽取公示）. With the pool anyone can draw it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrawPublished {
    /// The secret, 64 hexadecimal digits.
    pub secret: String,
    /// Replacements named for a stratum, as a share of its draws.
    pub reserve_share: f64,
    /// The drawn targets.
    pub lines: Vec<ListLine>,
    /// Who replaces a target that is closed or gone, in their order.
    pub reserves: Vec<ListLine>,
}

/// A drawn target（名单条目）.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListLine {
    /// Which mode.
    pub mode: String,
    /// Which stratum.
    pub stratum: String,
    /// The target, as `enterprise/site/product`.
    pub target: String,
    /// Probability with which it was drawn.
    pub inclusion_probability: f64,
}

fn line(of: DrawnLine) -> ListLine {
    ListLine {
        mode: of.mode.to_string(),
        stratum: of.stratum.to_string(),
        target: of.target,
        inclusion_probability: of.inclusion_probability,
    }
}

fn published(record: &[u8]) -> Option<DrawPublished> {
    let record: DrawRecord = serde_json::from_slice(record).ok()?;
    Some(DrawPublished {
        secret: record.secret,
        reserve_share: record.reserve_share,
        lines: record.lines.into_iter().map(line).collect(),
        reserves: record.reserves.into_iter().map(line).collect(),
    })
}

pub(super) fn list_message(event_id: String, moved: &PlanMoved) -> serde_json::Result<Message> {
    let known = &moved.known;
    let draw = known.draw.as_ref().map(|(draw, _)| draw);
    let beacon = known.commitment.beacon.as_ref();
    let mut event = ListEvent {
        schema_version: SCHEMA_VERSION,
        event_id,
        plan_id: moved.plan.to_string(),
        state: known.state().to_string(),
        at: known.last().at.to_string(),
        day: known.commitment.day.to_string(),
        commitment: ListCommitment {
            design_sha256: known.commitment.design_sha256.to_string(),
            pool_sha256: known.commitment.pool_sha256.to_string(),
            secret_sha256: known.commitment.secret_sha256.to_string(),
            beacon_source: beacon.map(|of| of.source.to_string()),
            beacon_round: beacon.map(|of| of.round.to_string()),
        },
        tests: draw.map(|of| of.tests),
        list_sha256: draw.map(|of| of.list_sha256.to_string()),
        record_sha256: draw.map(|of| of.record_sha256.to_string()),
        beacon_value: draw.and_then(|of| Some(of.beacon_value.as_ref()?.to_string())),
        draw: moved.record.as_deref().and_then(published),
    };
    let mut value = serde_json::to_vec(&event)?;
    if value.len() + moved.plan.as_str().len() > MAX_MESSAGE_BYTES {
        event.draw = None;
        value = serde_json::to_vec(&event)?;
    }
    Ok(Message {
        outlet: Outlet::Lists,
        key: Some(moved.plan.as_str().as_bytes().to_vec()),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_domain::decision::{Actor, Command, Order};
    use risk_domain::ids::{ActorId, CommandId, DrawId};
    use risk_domain::plan_act::{ContentHash, PlanAction, PlanCommitment, PlanDraw};
    use risk_domain::scales::Role;
    use risk_domain::selection::SelectionMode;
    use risk_domain::time::{Day, Timestamp};
    use risk_engine::LedgerPlan;

    fn record(lines: usize) -> Vec<u8> {
        let line = |at| DrawnLine {
            mode: SelectionMode::SupervisoryCheck,
            stratum: "all".into(),
            target: format!("企业{at}/S{at}/TOY-PLUSH"),
            inclusion_probability: 0.25,
        };
        let record = DrawRecord {
            format: "spotcheck-draw/1".to_owned(),
            draw: DrawId::new("P-1").unwrap(),
            pool_sha256: String::new(),
            secret_sha256: String::new(),
            beacon: None,
            beacon_value: None,
            secret: "ab".repeat(32),
            reserve_share: 0.2,
            lines: (0..lines).map(line).collect(),
            reserves: (0..2).map(line).collect(),
        };
        serde_json::to_vec(&record).unwrap()
    }

    /// The message of a plan after so many of its steps.
    fn told(steps: usize, record: Option<Vec<u8>>) -> ListEvent {
        let hash = ContentHash([7; 32]);
        let actions = [
            PlanAction::Commit(PlanCommitment {
                day: Day::new(20_000),
                design_sha256: hash,
                pool_sha256: hash,
                secret_sha256: hash,
                beacon: None,
            }),
            PlanAction::Draw(PlanDraw {
                list_sha256: hash,
                record_sha256: hash,
                tests: 9,
                beacon_value: None,
            }),
            PlanAction::Reveal,
        ];
        let commands: Vec<Command> = (1..)
            .zip(actions)
            .take(steps)
            .map(|(at, action)| Command {
                command_id: CommandId::new(format!("K{at}")).unwrap(),
                decided_at: Timestamp::from_millis(at),
                actor: Actor {
                    id: ActorId::new("P").unwrap(),
                    role: Role::Planner,
                },
                reason: "周计划".into(),
                order: Order::Plan {
                    plan: DrawId::new("P-1").unwrap(),
                    action,
                },
            })
            .collect();
        let moved = PlanMoved {
            plan: DrawId::new("P-1").unwrap(),
            known: LedgerPlan::after(&commands).unwrap(),
            record,
        };
        let message = list_message("0-9".to_owned(), &moved).unwrap();
        assert_eq!(message.outlet, Outlet::Lists);
        assert_eq!(message.key.as_deref(), Some(b"P-1".as_slice()));
        assert!(message.value.len() <= MAX_MESSAGE_BYTES);
        serde_json::from_slice(&message.value).unwrap()
    }

    #[test]
    fn an_event_says_how_the_plan_stands_and_the_list_once_it_is_public() {
        let committed = told(1, None);
        assert_eq!(
            (committed.state.as_str(), committed.tests),
            ("committed", None)
        );
        let drawn = told(2, None);
        assert_eq!((drawn.state.as_str(), drawn.tests), ("drawn", Some(9)));
        assert_eq!(drawn.draw, None);
        assert_eq!(drawn.commitment, committed.commitment);
        let revealed = told(3, Some(record(3)));
        assert_eq!(revealed.state, "revealed");
        let draw = revealed.draw.unwrap();
        assert_eq!((draw.lines.len(), draw.reserves.len()), (3, 2));
        assert_eq!(draw.lines[2].target, "企业2/S2/TOY-PLUSH");
    }

    #[test]
    fn a_list_that_no_message_holds_is_left_out() {
        let revealed = told(3, Some(record(20_000)));
        assert_eq!((revealed.draw, revealed.tests), (None, Some(9)));
    }
}
