//! What an officer decides, on the wire: version 1.
//!
//! Described for people in `docs/wire.md`, and for programs in `docs/schema/command.v1.json`, which a
//! test holds equal to [`schema`].

mod case;
mod plan;
mod problem;
mod write;

pub use write::encode;

use super::check::{Checked, Checker, Codes, Place, codes, id, version};
use super::v1::Text;
use super::{Rejection, RejectionCode, Vocabulary, WireLimits, reject, text_of};
use risk_domain::alert_action::{AlertAction, Disposition};
use risk_domain::case_action::PauseReason;
use risk_domain::decision::{Actor, Command, Decision, Order};
use risk_domain::ids::CommandId;
use risk_domain::plan_act::PlanAction;
use risk_domain::problem::ProblemAction;
use risk_domain::scales::{AlertLevel, RiskLevel, Role};
use risk_domain::subject::Subject;
use risk_domain::time::{Day, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What an officer decides on a grade, an alert, a case, a problem of an enterprise or a sampling plan（命令）, version 1.
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
    /// On whose grade（风险对象）, as `enterprise:E1`. One of `subject`, `alert_id`, `case_id`,
    /// `enterprise_id` and `plan_id`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    subject: Option<Text<'a>>,
    /// On which alert（预警）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    alert_id: Option<Text<'a>>,
    /// In which case（案件）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    case_id: Option<Text<'a>>,
    /// On a problem of which enterprise（企业）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    enterprise_id: Option<Text<'a>>,
    /// On which sampling plan（抽样计划）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    plan_id: Option<Text<'a>>,
    /// What is decided; which kinds there are depends on what it acts on.
    #[serde(borrow)]
    #[schemars(schema_with = "kinds")]
    kind: Text<'a>,
    /// The grade of an override（人工覆盖）, the least grade of a floor（等级下限）.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "levels")]
    level: Option<Text<'a>>,
    /// Last day of an override, a floor or a snooze, as `2026-06-30`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date"))]
    until: Option<Text<'a>>,
    /// The command that is approved or withdrawn, or that listed a problem.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    of: Option<Text<'a>>,
    /// How grave an alert is from now on（预警级别）.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "alert_levels")]
    alert_level: Option<Text<'a>>,
    /// What came of an alert（处置结论）.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dispositions")]
    disposition: Option<Text<'a>>,
    /// The alert that tells the same, where the disposition is `duplicate`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<Text<'a>>,
    /// The officer who takes a case on（承办人）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    to: Option<Text<'a>>,
    /// Why the clocks of a case stand still（期限中止事由）.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "grounds")]
    ground: Option<Text<'a>>,
    /// The last day of a plan against a problem; or of the term that an act of a case starts（期限）,
    /// where it is earlier than the policy's.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date"))]
    due: Option<Text<'a>>,
    /// What is done to the goods（处置措施）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    measures: Option<Vec<case::Taken<'a>>>,
    /// What is wrong（问题）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    problem: Option<Text<'a>>,
    /// The clause that it breaks（条款）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    clause: Option<Text<'a>>,
    /// The product that a problem concerns, a code of the catalogue（产品代码）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    product: Option<Text<'a>>,
    /// The test item that failed（检验项目代码）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    item: Option<Text<'a>>,
    /// Where a problem comes from（原因）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cause: Option<Text<'a>>,
    /// What is done against it（措施）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    measure: Option<Text<'a>>,
    /// Who sees to it（责任人）: a number or a post, no person's name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    owner: Option<Text<'a>>,
    /// What a sampling plan is held to（承诺）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    commitment: Option<plan::Commitment<'a>>,
    /// What was drawn（抽取结果）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    drawn: Option<plan::Drawn<'a>>,
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
    let targets = [
        Target::Grade,
        Target::Alert,
        Target::Case,
        Target::Problem,
        Target::Plan,
    ];
    let codes: BTreeSet<&str> = targets.into_iter().flat_map(Target::kinds).collect();
    json_schema!({"type": "string", "enum": codes})
}

fn alert_levels(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = AlertLevel::ALL.iter().map(|level| level.code()).collect();
    json_schema!({"type": "string", "enum": codes})
}

fn dispositions(_generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": Disposition::CODES})
}

fn grounds(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = PauseReason::ALL
        .iter()
        .map(|ground| ground.code())
        .collect();
    json_schema!({"type": "string", "enum": codes})
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

/// What a command acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Grade,
    Alert,
    Case,
    Problem,
    Plan,
}

impl Target {
    fn of(record: &Record<'_>) -> Checked<Self> {
        let refused = |code, field, rule: &str| Err(Rejection::new(code, field, "", rule));
        // The last of several is told to be too many.
        let named = [
            ("subject", record.subject.is_some(), Self::Grade),
            ("plan_id", record.plan_id.is_some(), Self::Plan),
            (
                "enterprise_id",
                record.enterprise_id.is_some(),
                Self::Problem,
            ),
            ("case_id", record.case_id.is_some(), Self::Case),
            ("alert_id", record.alert_id.is_some(), Self::Alert),
        ];
        let mut given = named.iter().filter(|(_, given, _)| *given);
        match (given.next(), given.next_back()) {
            (Some((_, _, target)), None) => Ok(*target),
            (None, _) => {
                let rule = "must be present, or else alert_id, case_id, enterprise_id or plan_id";
                refused(RejectionCode::MissingField, "subject", rule)
            }
            (Some(_), Some((last, _, _))) => {
                let rule =
                    "must be alone: one of subject, alert_id, case_id, enterprise_id and plan_id";
                refused(RejectionCode::Contradiction, last, rule)
            }
        }
    }

    fn kinds(self) -> Vec<&'static str> {
        match self {
            Self::Grade => Decision::CODES.to_vec(),
            Self::Alert => AlertAction::CODES.to_vec(),
            Self::Case => case::kinds(),
            Self::Problem => ProblemAction::CODES.to_vec(),
            Self::Plan => PlanAction::CODES.to_vec(),
        }
    }
}

/// The fields that commands of a kind have, and no others.
fn fields_of(target: Target, kind: &str) -> &'static [&'static str] {
    match (target, kind) {
        (Target::Grade, "override" | "floor") => &["level", "until"],
        (_, "approve") | (Target::Grade | Target::Problem, "withdraw") => &["of"],
        (Target::Problem, "list_problem") => &["problem"],
        (Target::Problem, "plan") => &["of", "cause", "measure", "owner"],
        (Target::Problem, "verify") => &["of"],
        (Target::Alert, "snooze") => &["until"],
        (Target::Alert, "escalate") => &["alert_level"],
        (Target::Alert, "close") => &["disposition"],
        (Target::Case, "assign") => &["to"],
        (Target::Case, "pause_clock") => &["ground"],
        _bare => &[],
    }
}

fn command(record: &Record<'_>, checker: &Checker<'_>) -> Checked<Command> {
    version(record.schema_version)?;
    let target = Target::of(record)?;
    let subject = record.subject.as_ref().map(|text| {
        text.parse::<Subject>().map_err(|error| {
            let rule = error.to_string();
            Rejection::new(RejectionCode::BadIdentifier, "subject", text, rule)
        })
    });
    let subject = subject.transpose()?;
    if record.reason.trim().is_empty() {
        let rule = "must say why";
        return Err(Rejection::new(
            RejectionCode::MissingField,
            "reason",
            "",
            rule,
        ));
    }
    shape(record, target)?;
    match target {
        Target::Case => {}
        Target::Problem => problem::unused(record)?,
        Target::Grade | Target::Alert | Target::Plan => case::unused(record)?,
    }
    plan::shape(record, target == Target::Plan)?;
    if target != Target::Problem {
        problem::unlisted(record)?;
    }
    let order = match (target, subject) {
        (Target::Grade, Some(subject)) => Order::Grade {
            subject,
            decision: decision(record)?,
        },
        (Target::Alert | Target::Grade, _) => Order::Alert {
            alert: id(Place::Field("alert_id"), text(record.alert_id.as_ref()))?,
            action: alert_action(record)?,
        },
        (Target::Case, _) => Order::Case {
            case: id(Place::Field("case_id"), text(record.case_id.as_ref()))?,
            action: case::action(record)?,
        },
        (Target::Problem, _) => Order::Problem {
            enterprise: id(
                Place::Field("enterprise_id"),
                text(record.enterprise_id.as_ref()),
            )?,
            action: problem::action(record, checker)?,
        },
        (Target::Plan, _) => Order::Plan {
            plan: id(Place::Field("plan_id"), text(record.plan_id.as_ref()))?,
            action: plan::action(record, checker)?,
        },
    };
    Ok(Command {
        command_id: id(Place::Field("command_id"), &record.command_id)?,
        decided_at: checker.time("decided_at", &record.decided_at)?,
        actor: Actor {
            id: id(Place::Field("actor.id"), &record.actor.id)?,
            role: codes!(Role, UnknownCode).read(Place::Field("actor.role"), &record.actor.role)?,
        },
        reason: checker.text(Place::Field("reason"), &record.reason)?,
        order,
    })
}

fn text<'a>(field: Option<&'a Text<'_>>) -> &'a str {
    field.map(|text| &**text).unwrap_or_default()
}

/// A kind there is, with the fields that it has and no others.
fn shape(record: &Record<'_>, target: Target) -> Checked<()> {
    let kind: &str = &record.kind;
    if !target.kinds().contains(&kind) {
        let rule = format!("must be one of {}", target.kinds().join(", "));
        return Err(Rejection::new(
            RejectionCode::UnknownCode,
            "kind",
            kind,
            rule,
        ));
    }
    let wanted = fields_of(target, kind);
    let duplicate = text(record.disposition.as_ref()) == "duplicate";
    let fields = [
        ("level", &record.level),
        ("until", &record.until),
        ("of", &record.of),
        ("alert_level", &record.alert_level),
        ("disposition", &record.disposition),
        ("duplicate_of", &record.duplicate_of),
        ("to", &record.to),
        ("ground", &record.ground),
        ("problem", &record.problem),
        ("cause", &record.cause),
        ("measure", &record.measure),
        ("owner", &record.owner),
    ];
    for (field, value) in fields {
        let wanted = wanted.contains(&field) || (field == "duplicate_of" && duplicate);
        match value {
            Some(value) if !wanted => {
                let rule = match field {
                    "duplicate_of" => "must be absent unless the disposition is duplicate".into(),
                    _other => format!("must be absent from a command to {kind}"),
                };
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
    Ok(())
}

fn command_named(record: &Record<'_>) -> Checked<CommandId> {
    id(Place::Field("of"), text(record.of.as_ref()))
}

fn until(record: &Record<'_>) -> Checked<Day> {
    let text = text(record.until.as_ref());
    text.parse::<Day>()
        .map_err(|error| Rejection::new(RejectionCode::BadTime, "until", text, error.to_string()))
}

fn decision(record: &Record<'_>) -> Checked<Decision> {
    let level = || {
        let grades = Codes {
            all: GRADES,
            read: |code| RiskLevel::from_code(code).filter(|level| GRADES.contains(level)),
            write: RiskLevel::code,
            otherwise: RejectionCode::UnknownCode,
        };
        grades.read(Place::Field("level"), text(record.level.as_ref()))
    };
    Ok(match &*record.kind {
        "override" => Decision::Override {
            level: level()?,
            until: until(record)?,
        },
        "floor" => Decision::Floor {
            level: level()?,
            until: until(record)?,
        },
        "approve" => Decision::Approve {
            of: command_named(record)?,
        },
        _withdraw => Decision::Withdraw {
            of: command_named(record)?,
        },
    })
}

fn alert_action(record: &Record<'_>) -> Checked<AlertAction> {
    Ok(match &*record.kind {
        "acknowledge" => AlertAction::Acknowledge,
        "investigate" => AlertAction::Investigate,
        "snooze" => AlertAction::Snooze {
            until: until(record)?,
        },
        "wake" => AlertAction::Wake,
        "escalate" => AlertAction::Escalate {
            to: codes!(AlertLevel, UnknownCode).read(
                Place::Field("alert_level"),
                text(record.alert_level.as_ref()),
            )?,
        },
        "close" => AlertAction::Close {
            disposition: disposition(record)?,
        },
        "approve" => AlertAction::Approve {
            of: command_named(record)?,
        },
        "reopen" => AlertAction::Reopen,
        _note => AlertAction::Note,
    })
}

fn disposition(record: &Record<'_>) -> Checked<Disposition> {
    match text(record.disposition.as_ref()) {
        "confirmed" => Ok(Disposition::Confirmed),
        "false_alarm" => Ok(Disposition::FalseAlarm),
        "duplicate" => {
            let of = text(record.duplicate_of.as_ref());
            let of = id(Place::Field("duplicate_of"), of)?;
            Ok(Disposition::Duplicate { of })
        }
        "inconclusive" => Ok(Disposition::Inconclusive),
        "referred" => Ok(Disposition::Referred),
        other => {
            let rule = format!("must be one of {}", Disposition::CODES.join(", "));
            let code = RejectionCode::UnknownCode;
            Err(Rejection::new(code, "disposition", other, rule))
        }
    }
}

/// The JSON Schema of version 1, as it is committed: indented, with a final newline.
pub fn schema() -> String {
    super::written_schema(&schemars::schema_for!(Record<'static>))
}
