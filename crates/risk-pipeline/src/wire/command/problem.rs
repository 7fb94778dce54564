//! What is done about a problem of an enterprise, on the wire.

use super::{Checked, Place, Record, Rejection, RejectionCode, command_named, text};
use crate::wire::check::{Checker, optional_id};
use crate::wire::v1::Text;
use compact_str::CompactString;
use risk_domain::problem::{Problem, ProblemAction, RectificationPlan};
use risk_domain::time::Day;

fn refused(record: &Record<'_>, field: &'static str) -> Rejection {
    let rule = format!("must be absent from a command to {}", &*record.kind);
    Rejection::new(RejectionCode::Contradiction, field, "", rule)
}

/// What only the listing of a problem has.
pub(super) fn unlisted(record: &Record<'_>) -> Checked<()> {
    let given = [
        ("clause", record.clause.is_some()),
        ("product", record.product.is_some()),
        ("item", record.item.is_some()),
    ];
    let given = given.into_iter().find(|(_, given)| *given);
    given.map_or(Ok(()), |(field, _)| Err(refused(record, field)))
}

/// Only a plan sets a last day, and nothing is done to goods.
pub(super) fn unused(record: &Record<'_>) -> Checked<()> {
    let plans = &*record.kind == "plan";
    if record.measures.is_some() {
        return Err(refused(record, "measures"));
    }
    match (plans, record.due.is_some()) {
        (false, true) => Err(refused(record, "due")),
        (true, false) => {
            let rule = "must be present in a command to plan";
            let code = RejectionCode::MissingField;
            Err(Rejection::new(code, "due", "", rule))
        }
        (true, true) | (false, false) => Ok(()),
    }
}

/// What is done about the problem.
pub(super) fn action(record: &Record<'_>, checker: &Checker<'_>) -> Checked<ProblemAction> {
    if &*record.kind != "list_problem" {
        unlisted(record)?;
    }
    Ok(match &*record.kind {
        "list_problem" => ProblemAction::List {
            problem: Problem {
                text: said(record, checker, ("problem", record.problem.as_ref()))?,
                clause: checker.optional_text(Place::Field("clause"), record.clause.as_ref())?,
                product: match &record.product {
                    Some(code) => Some(checker.product_code(Place::Field("product"), code)?),
                    None => None,
                },
                item: optional_id(Place::Field("item"), record.item.as_ref())?,
            },
        },
        "plan" => ProblemAction::Plan {
            of: command_named(record)?,
            plan: RectificationPlan {
                cause: said(record, checker, ("cause", record.cause.as_ref()))?,
                measure: said(record, checker, ("measure", record.measure.as_ref()))?,
                owner: said(record, checker, ("owner", record.owner.as_ref()))?,
                due: due(record)?,
            },
        },
        "verify" => ProblemAction::Verify {
            of: command_named(record)?,
        },
        _withdraw => ProblemAction::Withdraw {
            of: command_named(record)?,
        },
    })
}

/// A text that says something.
fn said(
    record: &Record<'_>,
    checker: &Checker<'_>,
    (field, value): (&'static str, Option<&Text<'_>>),
) -> Checked<CompactString> {
    let value = text(value);
    if value.trim().is_empty() {
        let rule = format!("must say something in a command to {}", &*record.kind);
        let code = RejectionCode::MissingField;
        return Err(Rejection::new(code, field, "", rule));
    }
    checker.text(Place::Field(field), value)
}

fn due(record: &Record<'_>) -> Checked<Day> {
    let text = text(record.due.as_ref());
    text.parse::<Day>()
        .map_err(|error| Rejection::new(RejectionCode::BadTime, "due", text, error.to_string()))
}
