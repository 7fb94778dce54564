//! What the ledger holds of plans, and documents that are held to it.
//!
//! A step of a plan is a command like those of officers: it is noted, posted, and done once it is durable.
//! The ledger has hashes; a document that is not what its hash says is refused.

use crate::audit;
use crate::error::ApiError;
use crate::identity::Identity;
use crate::state::{ApiParts, ApiState, PostError, Receipt};
use risk_domain::access::Act;
use risk_domain::ids::DrawId;
use risk_domain::plan_act::{AwaitedBeacon, ContentHash, PlanAction, PlanCommitment, PlanDraw};
use risk_domain::scales::Role;
use risk_domain::time::{Day, Timestamp};
use risk_engine::LedgerPlan;
use risk_planner::Commitment;
use risk_store::PlanShelf;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Longest wait for a step to be durable.
const WAIT: Duration = Duration::from_secs(10);
/// Who plans where nobody is known.
const NOBODY: &str = "demo";

/// Steps of a plan that are to be recorded, one after the other.
pub(super) struct Steps {
    pub(super) plan: DrawId,
    pub(super) at: Timestamp,
    pub(super) reason: String,
    pub(super) actions: Vec<PlanAction>,
}

impl Steps {
    fn records(&self, (actor, role): (&str, Role)) -> Vec<Vec<u8>> {
        let record = |action: &PlanAction| {
            let mut record = json!({
                "schema_version": 1,
                "command_id": self.command_id(action),
                "decided_at": self.at.to_string(),
                "actor": { "id": actor, "role": role.code() },
                "reason": self.reason,
                "plan_id": self.plan.as_str(),
                "kind": action.code(),
            });
            match action {
                PlanAction::Commit(of) => record["commitment"] = commitment(of),
                PlanAction::Draw(of) => record["drawn"] = drawn(of),
                PlanAction::Reveal => {}
            }
            record.to_string().into_bytes()
        };
        self.actions.iter().map(record).collect()
    }

    /// A step is taken once, so that its command needs no other name.
    fn command_id(&self, action: &PlanAction) -> String {
        format!("{}-{}", self.plan, action.code())
    }
}

fn commitment(of: &PlanCommitment) -> Value {
    let mut told = json!({
        "day": of.day.to_string(),
        "design_sha256": of.design_sha256.to_string(),
        "pool_sha256": of.pool_sha256.to_string(),
        "secret_sha256": of.secret_sha256.to_string(),
    });
    if let Some(beacon) = &of.beacon {
        told["beacon"] =
            json!({ "source": beacon.source.as_str(), "round": beacon.round.as_str() });
    }
    told
}

fn drawn(of: &PlanDraw) -> Value {
    let mut told = json!({
        "list_sha256": of.list_sha256.to_string(),
        "record_sha256": of.record_sha256.to_string(),
        "tests": of.tests,
    });
    if let Some(value) = &of.beacon_value {
        told["beacon_value"] = json!(value.as_str());
    }
    told
}

/// Records steps, and waits until they are durable.
pub(super) async fn record(
    state: &ApiState,
    identity: &Identity,
    request: &str,
    steps: Steps,
) -> Result<(), ApiError> {
    let Some(intake) = state.0.parts.intakes.commands.clone() else {
        let why = "this process reads no commands, so it can record no plan: kafka.commands_topic is empty";
        return Err(ApiError::NotFound(why.to_owned()));
    };
    let roles = identity.grant().map(|grant| &grant.roles);
    let plans = [Role::Planner, Role::Administrator];
    let role = plans
        .into_iter()
        .find(|role| roles.is_none_or(|roles| roles.contains(role)));
    let actor = identity
        .grant()
        .map_or(NOBODY, |grant| grant.actor.as_str());
    let records = steps.records((actor, role.unwrap_or(Role::Planner)));
    let ids: Vec<String> = steps
        .actions
        .iter()
        .map(|of| steps.command_id(of))
        .collect();
    audit::note(state, identity, request, Act::PostCommands, ids.into_iter()).await?;
    let receipts = intake.post(records).map_err(|error| match error {
        PostError::Busy => ApiError::Busy,
        PostError::TooLarge => ApiError::TooLarge,
        PostError::Stopped => ApiError::Stopped,
    })?;
    let receipts = match tokio::time::timeout(WAIT, receipts).await {
        Ok(Some(receipts)) => receipts,
        Ok(None) => return Err(ApiError::Stopped),
        Err(_elapsed) => return Err(ApiError::Busy),
    };
    match receipts.into_iter().find_map(refused) {
        Some(why) => Err(ApiError::Conflict(why)),
        None => Ok(()),
    }
}

fn refused(receipt: Receipt) -> Option<String> {
    match receipt {
        Receipt::Accepted | Receipt::Duplicate => None,
        Receipt::Rejected { field, rule, .. } => Some(format!("{field} {rule}")),
    }
}

/// SHA-256 of a document.
pub(crate) fn hash_of(bytes: &[u8]) -> ContentHash {
    ContentHash(Sha256::digest(bytes).into())
}

/// SHA-256 of all that a plan is made from.
pub(super) fn design_hash(request: &[u8], inputs: &[u8], policy_sha256: &str) -> ContentHash {
    let (request, inputs) = (hash_of(request), hash_of(inputs));
    hash_of(format!("{request}\n{inputs}\n{policy_sha256}\n").as_bytes())
}

/// What a plan is held to.
pub(super) fn held_to(
    day: Day,
    design_sha256: ContentHash,
    of: &Commitment,
) -> Result<PlanCommitment, ApiError> {
    let hash = |text: &str| {
        let hash = text.parse::<ContentHash>();
        hash.map_err(|error| ApiError::Internal(error.to_string()))
    };
    Ok(PlanCommitment {
        day,
        design_sha256,
        pool_sha256: hash(&of.pool_sha256)?,
        secret_sha256: hash(&of.secret_sha256)?,
        beacon: of.beacon.as_ref().map(|beacon| AwaitedBeacon {
            source: beacon.source.clone(),
            round: beacon.round.clone(),
        }),
    })
}

/// A plan that the ledger knows, with its id.
pub(super) fn known(parts: &ApiParts, id: &str) -> Result<(DrawId, LedgerPlan), ApiError> {
    let missing = || ApiError::NotFound(format!("there is no plan {id}"));
    let id = DrawId::new(id).map_err(|_| missing())?;
    let known = parts.engine().plan(&id).cloned();
    Ok((id, known.ok_or_else(missing)?))
}

/// A document of a plan that the ledger knows.
pub(super) fn document(shelf: &PlanShelf, id: &DrawId, name: &str) -> Result<Vec<u8>, ApiError> {
    shelf.get(id, name)?.ok_or_else(|| {
        ApiError::Conflict(format!(
            "the document {name} of plan {id} is gone from `plans/` of the data directory; the ledger has its hash only"
        ))
    })
}

/// A document, which must be what the ledger says.
pub(super) fn unchanged(
    shelf: &PlanShelf,
    id: &DrawId,
    name: &str,
    held: ContentHash,
) -> Result<Vec<u8>, ApiError> {
    let bytes = document(shelf, id, name)?;
    same(id, name, hash_of(&bytes), held)?;
    Ok(bytes)
}

/// Whether documents are what the ledger says.
pub(super) fn same(
    id: &DrawId,
    name: &str,
    found: ContentHash,
    held: ContentHash,
) -> Result<(), ApiError> {
    if found == held {
        return Ok(());
    }
    Err(ApiError::Conflict(format!(
        "{name} of plan {id} was changed: its SHA-256 is {found}, the ledger says {held}"
    )))
}
