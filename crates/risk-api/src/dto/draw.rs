//! What is told of a draw（抽取）: where it stands, what was committed to, and once it is revealed its record.

use risk_domain::plan_act::PlanCommitment;
use risk_engine::PlanState;
use risk_planner::Commitment;
use risk_planner::wire::request::BeaconRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanStateDto {
    /// Pool and secret are committed to; the draw waits for its beacon.
    Committed,
    /// The list is drawn, and sealed.
    Drawn,
    /// The record of the draw is public.
    Revealed,
}

/// What was published before the draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitmentDto {
    /// SHA-256 of the pool's text.
    pub pool_sha256: String,
    /// SHA-256 of the secret.
    pub secret_sha256: String,
    /// The public value that the draw waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon: Option<BeaconRequest>,
}

impl From<&Commitment> for CommitmentDto {
    fn from(of: &Commitment) -> Self {
        Self {
            pool_sha256: of.pool_sha256.clone(),
            secret_sha256: of.secret_sha256.clone(),
            beacon: of.beacon.as_ref().map(|beacon| BeaconRequest {
                source: beacon.source.clone(),
                round: beacon.round.clone(),
            }),
        }
    }
}

impl From<PlanState> for PlanStateDto {
    fn from(of: PlanState) -> Self {
        match of {
            PlanState::Committed => Self::Committed,
            PlanState::Drawn => Self::Drawn,
            PlanState::Revealed => Self::Revealed,
        }
    }
}

impl From<&PlanCommitment> for CommitmentDto {
    fn from(of: &PlanCommitment) -> Self {
        Self {
            pool_sha256: of.pool_sha256.to_string(),
            secret_sha256: of.secret_sha256.to_string(),
            beacon: of.beacon.as_ref().map(|beacon| BeaconRequest {
                source: beacon.source.clone(),
                round: beacon.round.clone(),
            }),
        }
    }
}

/// What the public sees of a draw before it is revealed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DrawDto {
    /// The draw.
    pub draw_id: String,
    /// Where it stands.
    pub state: PlanStateDto,
    /// When it was committed to.
    pub committed_at: String,
    /// What was committed to.
    pub commitment: CommitmentDto,
    /// The record, once it is revealed.
    pub record: Option<risk_planner::wire::draw::DrawRecord>,
}

/// The value of a beacon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeaconValueDto {
    /// What was published.
    pub beacon_value: String,
    /// Why it is drawn now, for the record（理由）.
    #[serde(default)]
    pub reason: Option<String>,
}
