//! What is done about a sampling plan, on the wire: hashes of its documents and no target.

use super::{Checked, Place, Record, Rejection, RejectionCode};
use crate::wire::check::Checker;
use crate::wire::v1::Text;
use risk_domain::plan_act::{AwaitedBeacon, ContentHash, PlanAction, PlanCommitment, PlanDraw};
use risk_domain::time::Day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a sampling plan is held to（承诺）.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Commitment<'a> {
    /// First day of the plan, as `2026-11-30`.
    #[serde(borrow)]
    #[schemars(extend("format" = "date"))]
    day: Text<'a>,
    /// SHA-256 of what the plan is made from: request, inputs, planning policy.
    #[serde(borrow)]
    design_sha256: Text<'a>,
    /// SHA-256 of the pool.
    #[serde(borrow)]
    pool_sha256: Text<'a>,
    /// SHA-256 of the secret.
    #[serde(borrow)]
    secret_sha256: Text<'a>,
    /// The public value that the draw waits for（公共信标）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    beacon: Option<Beacon<'a>>,
}

/// A public value that is not known yet（公共信标）.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Beacon<'a> {
    /// Where it is published.
    #[serde(borrow)]
    source: Text<'a>,
    /// Which of its values.
    #[serde(borrow)]
    round: Text<'a>,
}

/// What was drawn（抽取结果）, as hashes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Drawn<'a> {
    /// SHA-256 of the plan with its list.
    #[serde(borrow)]
    list_sha256: Text<'a>,
    /// SHA-256 of the record of the draw.
    #[serde(borrow)]
    record_sha256: Text<'a>,
    /// How many tests there are.
    tests: u32,
    /// The value of the beacon, where one was awaited.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    beacon_value: Option<Text<'a>>,
}

/// Each kind has its own, and only that.
pub(super) fn shape(record: &Record<'_>, on_plan: bool) -> Checked<()> {
    let kind: &str = &record.kind;
    let has = [
        ("commitment", record.commitment.is_some(), "commit"),
        ("drawn", record.drawn.is_some(), "draw"),
    ];
    for (field, given, of) in has {
        let wanted = on_plan && kind == of;
        let (code, rule) = match (given, wanted) {
            (true, false) => (RejectionCode::Contradiction, "must be absent from"),
            (false, true) => (RejectionCode::MissingField, "must be present in"),
            (true, true) | (false, false) => continue,
        };
        let rule = format!("{rule} a command to {kind}");
        return Err(Rejection::new(code, field, "", rule));
    }
    Ok(())
}

/// What is done about the plan. Its shape was checked.
pub(super) fn action(record: &Record<'_>, checker: &Checker<'_>) -> Checked<PlanAction> {
    if let Some(of) = &record.commitment {
        let day = of.day.parse::<Day>().map_err(|error| {
            let rule = error.to_string();
            Rejection::new(RejectionCode::BadTime, "commitment.day", &of.day, rule)
        })?;
        let beacon = match &of.beacon {
            Some(beacon) => Some(AwaitedBeacon {
                source: checker.text(Place::Field("commitment.beacon.source"), &beacon.source)?,
                round: checker.text(Place::Field("commitment.beacon.round"), &beacon.round)?,
            }),
            None => None,
        };
        return Ok(PlanAction::Commit(PlanCommitment {
            day,
            design_sha256: hash("commitment.design_sha256", &of.design_sha256)?,
            pool_sha256: hash("commitment.pool_sha256", &of.pool_sha256)?,
            secret_sha256: hash("commitment.secret_sha256", &of.secret_sha256)?,
            beacon,
        }));
    }
    if let Some(of) = &record.drawn {
        let value = Place::Field("drawn.beacon_value");
        return Ok(PlanAction::Draw(PlanDraw {
            list_sha256: hash("drawn.list_sha256", &of.list_sha256)?,
            record_sha256: hash("drawn.record_sha256", &of.record_sha256)?,
            tests: of.tests,
            beacon_value: checker.optional_text(value, of.beacon_value.as_ref())?,
        }));
    }
    Ok(PlanAction::Reveal)
}

fn hash(field: &'static str, text: &str) -> Checked<ContentHash> {
    text.parse()
        .map_err(|error: risk_domain::plan_act::NoContentHash| {
            let rule = error.to_string();
            Rejection::new(RejectionCode::BadIdentifier, field, text, rule)
        })
}

/// Texts of an action, for [`written`].
#[derive(Default)]
pub(super) struct Told {
    hashes: [String; 3],
    day: String,
}

impl Told {
    pub(super) fn of(action: Option<&PlanAction>) -> Self {
        match action {
            Some(PlanAction::Commit(of)) => Self {
                hashes: [of.design_sha256, of.pool_sha256, of.secret_sha256]
                    .map(|of| of.to_string()),
                day: of.day.to_string(),
            },
            Some(PlanAction::Draw(of)) => Self {
                hashes: [
                    of.list_sha256.to_string(),
                    of.record_sha256.to_string(),
                    String::new(),
                ],
                day: String::new(),
            },
            Some(PlanAction::Reveal) | None => Self::default(),
        }
    }
}

/// What an action is written as.
pub(super) fn written<'a>(
    action: Option<&'a PlanAction>,
    told: &'a Told,
) -> (Option<Commitment<'a>>, Option<Drawn<'a>>) {
    let [first, second, third] = &told.hashes;
    match action {
        Some(PlanAction::Commit(of)) => {
            let beacon = of.beacon.as_ref().map(|beacon| Beacon {
                source: beacon.source.as_str().into(),
                round: beacon.round.as_str().into(),
            });
            let commitment = Commitment {
                day: told.day.as_str().into(),
                design_sha256: first.as_str().into(),
                pool_sha256: second.as_str().into(),
                secret_sha256: third.as_str().into(),
                beacon,
            };
            (Some(commitment), None)
        }
        Some(PlanAction::Draw(of)) => {
            let drawn = Drawn {
                list_sha256: first.as_str().into(),
                record_sha256: second.as_str().into(),
                tests: of.tests,
                beacon_value: of.beacon_value.as_deref().map(Into::into),
            };
            (None, Some(drawn))
        }
        Some(PlanAction::Reveal) | None => (None, None),
    }
}
