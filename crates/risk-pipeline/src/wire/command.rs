//! What an officer decides, on the wire: version 1.
//!
//! Described for people in `docs/wire.md`, and for programs in `docs/schema/command.v1.json`, which a
//! test holds equal to [`schema`].

use super::check::{Checked, Checker, Codes, Place, codes, id, version};
use super::v1::Text;
use super::{Rejection, RejectionCode, Vocabulary, WireLimits, reject, text_of};
use risk_domain::decision::{Actor, Command, Decision};
use risk_domain::ids::CommandId;
use risk_domain::scales::{RiskLevel, Role};
use risk_domain::subject::Subject;
use risk_domain::time::{Day, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A decision of an officer on a grade（命令）, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Command", extend("$id" = "command.v1.json"))]
struct Record<'a> {
    /// Version of the format: 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1))]
    schema_version: Option<i64>,
    /// Which command（命令编号）, unique for ever: the same one sent twice is taken once.
    #[serde(borrow)]
    command_id: Text<'a>,
    /// When it was decided: RFC 3339 with an offset.
    #[serde(borrow)]
    #[schemars(extend("format" = "date-time"))]
    decided_at: Text<'a>,
    /// By whom（决定人）.
    #[serde(borrow)]
    actor: By<'a>,
    /// Why（理由）.
    #[serde(borrow)]
    reason: Text<'a>,
    /// On whose grade（风险对象）, as `enterprise:E1`.
    #[serde(borrow)]
    subject: Text<'a>,
    /// What is decided.
    #[serde(borrow)]
    #[schemars(schema_with = "kinds")]
    kind: Text<'a>,
    /// The grade of an override（人工覆盖）, the least grade of a floor（等级下限）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "levels")]
    level: Option<Text<'a>>,
    /// Last day of an override or a floor, as `2026-06-30`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date"))]
    until: Option<Text<'a>>,
    /// The command that is approved or withdrawn.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    of: Option<Text<'a>>,
}

/// Who decides（决定人）.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct By<'a> {
    /// The officer's number or account（人员编号）.
    #[serde(borrow)]
    id: Text<'a>,
    /// In which role（角色）.
    #[serde(borrow)]
    #[schemars(schema_with = "roles")]
    role: Text<'a>,
}

fn kinds(_generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": Decision::CODES})
}

fn levels(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = GRADES.iter().map(|level| level.code()).collect();
    json_schema!({"type": "string", "enum": codes})
}

fn roles(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
    json_schema!({"type": "string", "enum": codes})
}

/// What can be decided: "no data" is nothing that anybody decides.
const GRADES: &[RiskLevel] = &[
    RiskLevel::Low,
    RiskLevel::Medium,
    RiskLevel::High,
    RiskLevel::Serious,
];

/// Reads one command of version 1. No time in it may lie more than [`WireLimits::max_ahead_millis`]
/// beyond `received_at`.
pub fn decode(
    bytes: &[u8],
    received_at: Timestamp,
    vocabulary: &dyn Vocabulary,
    limits: &WireLimits,
) -> Result<Command, Rejection> {
    let text = text_of(bytes, limits)?;
    match serde_json::from_str::<Record<'_>>(text) {
        Ok(record) => {
            let checker = Checker {
                received_at,
                vocabulary,
                limits,
            };
            command(&record, &checker)
        }
        Err(_error) => Err(reject::explain::<Record<'_>>(text, limits)),
    }
}

fn command(record: &Record<'_>, checker: &Checker<'_>) -> Checked<Command> {
    version(record.schema_version)?;
    let subject: Subject = record.subject.parse().map_err(|error| {
        let rule = format!("{error}");
        Rejection::new(
            RejectionCode::BadIdentifier,
            "subject",
            &record.subject,
            rule,
        )
    })?;
    if record.reason.trim().is_empty() {
        let rule = "must say why";
        return Err(Rejection::new(
            RejectionCode::MissingField,
            "reason",
            "",
            rule,
        ));
    }
    Ok(Command {
        command_id: id(Place::Field("command_id"), &record.command_id)?,
        decided_at: checker.time("decided_at", &record.decided_at)?,
        actor: Actor {
            id: id(Place::Field("actor.id"), &record.actor.id)?,
            role: codes!(Role, UnknownCode).read(Place::Field("actor.role"), &record.actor.role)?,
        },
        reason: checker.text(Place::Field("reason"), &record.reason)?,
        subject,
        decision: decision(record)?,
    })
}

fn decision(record: &Record<'_>) -> Checked<Decision> {
    let kind: &str = &record.kind;
    let named = matches!(kind, "approve" | "withdraw");
    let fields = [
        ("level", &record.level, !named),
        ("until", &record.until, !named),
        ("of", &record.of, named),
    ];
    if !Decision::CODES.contains(&kind) {
        let rule = format!("must be one of {}", Decision::CODES.join(", "));
        return Err(Rejection::new(
            RejectionCode::UnknownCode,
            "kind",
            kind,
            rule,
        ));
    }
    for (field, value, wanted) in fields {
        match value {
            Some(value) if !wanted => {
                let rule = format!("must be absent from a command to {kind}");
                return Err(Rejection::new(
                    RejectionCode::Contradiction,
                    field,
                    value,
                    rule,
                ));
            }
            None if wanted => {
                let rule = format!("must be present in a command to {kind}");
                return Err(Rejection::new(RejectionCode::MissingField, field, "", rule));
            }
            Some(_) | None => {}
        }
    }
    let of = |text: &Option<Text<'_>>| -> Checked<CommandId> {
        id(Place::Field("of"), text.as_deref().unwrap_or_default())
    };
    let level = || {
        let grades = Codes {
            all: GRADES,
            read: |code| RiskLevel::from_code(code).filter(|level| GRADES.contains(level)),
            write: RiskLevel::code,
            otherwise: RejectionCode::UnknownCode,
        };
        let text = record.level.as_deref().unwrap_or_default();
        grades.read(Place::Field("level"), text)
    };
    let until = || {
        let text = record.until.as_deref().unwrap_or_default();
        text.parse::<Day>().map_err(|error| {
            Rejection::new(RejectionCode::BadTime, "until", text, error.to_string())
        })
    };
    Ok(match kind {
        "override" => Decision::Override {
            level: level()?,
            until: until()?,
        },
        "floor" => Decision::Floor {
            level: level()?,
            until: until()?,
        },
        "approve" => Decision::Approve {
            of: of(&record.of)?,
        },
        _withdraw => Decision::Withdraw {
            of: of(&record.of)?,
        },
    })
}

/// Writes a command in version 1. [`decode`] gives the same back.
pub fn encode(command: &Command) -> Vec<u8> {
    let decided_at = command.decided_at.to_string();
    let subject = command.subject.to_string();
    let (terms, of) = match &command.decision {
        Decision::Override { level, until } | Decision::Floor { level, until } => {
            (Some((level.code(), until.to_string())), None)
        }
        Decision::Approve { of } | Decision::Withdraw { of } => (None, Some(of)),
    };
    let record = Record {
        schema_version: Some(1),
        command_id: command.command_id.as_str().into(),
        decided_at: decided_at.as_str().into(),
        actor: By {
            id: command.actor.id.as_str().into(),
            role: command.actor.role.code().into(),
        },
        reason: command.reason.as_str().into(),
        subject: subject.as_str().into(),
        kind: command.decision.code().into(),
        level: terms.as_ref().map(|(level, _)| (*level).into()),
        until: terms.as_ref().map(|(_, until)| until.as_str().into()),
        of: of.map(|of| of.as_str().into()),
    };
    // Writing plain structs with text keys to memory has no way to fail.
    serde_json::to_vec(&record).unwrap_or_default()
}

/// The JSON Schema of version 1, as it is committed: indented, with a final newline.
pub fn schema() -> String {
    super::written_schema(&schemars::schema_for!(Record<'static>))
}
