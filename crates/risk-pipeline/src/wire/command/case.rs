//! What is done in a case, on the wire: its acts, the last day that one sets, what is done to goods.

use super::{Checked, Place, Record, Rejection, RejectionCode, command_named, text};
use crate::wire::check::{Codes, codes, id};
use crate::wire::v1::Text;
use risk_domain::case_act::{CaseAct, Measure, MeasureKind};
use risk_domain::case_action::{CaseAction, PauseReason};
use risk_domain::time::Day;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The most measures of one command.
const MAX_MEASURES: usize = 32;
/// The longest unit, in bytes of UTF-8.
const MAX_UNIT_BYTES: usize = 64;

/// What is done to goods（处置措施）, and how much it took hold of.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken<'a> {
    /// Which measure.
    #[serde(borrow)]
    #[schemars(schema_with = "measures")]
    kind: Text<'a>,
    /// How many units（数量）.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
    /// The unit（单位）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    unit: Option<Text<'a>>,
}

fn measures(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = MeasureKind::ALL.iter().map(|kind| kind.code()).collect();
    json_schema!({"type": "string", "enum": codes})
}

/// Every kind of a command in a case.
pub(super) fn kinds() -> Vec<&'static str> {
    let acts = CaseAct::ALL.iter().map(|act| act.code());
    CaseAction::CODES.into_iter().chain(acts).collect()
}

/// What a command in a case does.
pub(super) fn action(record: &Record<'_>) -> Checked<CaseAction> {
    let kind: &str = &record.kind;
    if let Some(act) = CaseAct::from_code(kind) {
        return Ok(CaseAction::Take {
            act,
            due: due(record)?,
            measures: taken(record)?,
        });
    }
    unused(record)?;
    Ok(match kind {
        "assign" => CaseAction::Assign {
            to: id(Place::Field("to"), text(record.to.as_ref()))?,
        },
        "pause_clock" => CaseAction::PauseClock {
            ground: codes!(PauseReason, UnknownCode)
                .read(Place::Field("ground"), text(record.ground.as_ref()))?,
        },
        "resume_clock" => CaseAction::ResumeClock,
        "approve" => CaseAction::Approve {
            of: command_named(record)?,
        },
        _note => CaseAction::Note,
    })
}

/// Only acts of a case's procedure set a last day or do something to goods.
pub(super) fn unused(record: &Record<'_>) -> Checked<()> {
    let given = [
        ("due", record.due.is_some()),
        ("measures", record.measures.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((field, _)) => {
            let rule = format!("must be absent from a command to {}", &*record.kind);
            Err(Rejection::new(
                RejectionCode::Contradiction,
                field,
                "",
                rule,
            ))
        }
    }
}

fn due(record: &Record<'_>) -> Checked<Option<Day>> {
    let day = |text: &Text<'_>| {
        text.parse::<Day>()
            .map_err(|error| Rejection::new(RejectionCode::BadTime, "due", text, error.to_string()))
    };
    record.due.as_ref().map(day).transpose()
}

fn taken(record: &Record<'_>) -> Checked<Vec<Measure>> {
    let taken = record.measures.as_deref().unwrap_or_default();
    if taken.len() > MAX_MEASURES {
        let rule = format!("must be at most {MAX_MEASURES}");
        return Err(Rejection::new(
            RejectionCode::TooLarge,
            "measures",
            "",
            rule,
        ));
    }
    let measure = |one: &Taken<'_>| {
        let unit = one.unit.as_ref().map(|unit| {
            if unit.len() > MAX_UNIT_BYTES || unit.chars().any(char::is_control) {
                let rule =
                    format!("must be at most {MAX_UNIT_BYTES} bytes without control characters");
                Err(Rejection::new(
                    RejectionCode::TooLarge,
                    "measures.unit",
                    unit,
                    rule,
                ))
            } else {
                Ok((&**unit).into())
            }
        });
        Ok(Measure {
            kind: codes!(MeasureKind, UnknownCode)
                .read(Place::Field("measures.kind"), &one.kind)?,
            quantity: one.quantity,
            unit: unit.transpose()?,
        })
    };
    taken.iter().map(measure).collect()
}

/// Measures as they are written; an absent list and an empty one say the same.
pub(super) fn written(measures: &[Measure]) -> Option<Vec<Taken<'_>>> {
    let taken = measures.iter().map(|measure| Taken {
        kind: measure.kind.code().into(),
        quantity: measure.quantity,
        unit: measure.unit.as_deref().map(Into::into),
    });
    (!measures.is_empty()).then(|| taken.collect())
}
