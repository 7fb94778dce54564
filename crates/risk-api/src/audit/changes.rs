//! What a decision changed（变更）, field by field: before and after.

use super::MOVES;
use crate::dto::FieldChangeDto;
use crate::error::ApiError;
use crate::state::ApiParts;
use risk_domain::case_act::Measure;
use risk_domain::case_action::CaseAction;
use risk_domain::decision::{Command, Decision, Order};
use risk_domain::ids::{AlertId, CaseId, DrawId};
use risk_domain::plan_act::PlanAction;
use risk_domain::problem::ProblemAction;
use risk_domain::scales::AlertLevel;
use risk_engine::case::{CaseEvent, CaseState, Cause, Happened};
use risk_engine::{AlertMoved, AlertState, DecisionState, Engine, MoveCause, PlanState};

/// A field that another value stands in now.
pub(super) fn change(field: &str, before: Option<&str>, after: &str) -> FieldChangeDto {
    FieldChangeDto {
        field: field.to_owned(),
        before: before.map(str::to_owned),
        after: Some(after.to_owned()),
    }
}

/// A field in which something else stands, or nothing any more; none where it is the same.
fn changed(field: &str, before: Option<String>, after: Option<String>) -> Option<FieldChangeDto> {
    (before != after).then(|| FieldChangeDto {
        field: field.to_owned(),
        before,
        after,
    })
}

/// What a command on a problem sets.
pub(super) fn of_problem(action: &ProblemAction) -> Vec<FieldChangeDto> {
    let set = |field: &str, after: String| FieldChangeDto {
        field: field.to_owned(),
        before: None,
        after: Some(after),
    };
    match action {
        ProblemAction::List { problem } => vec![set("problem", problem.text.to_string())],
        ProblemAction::Plan { of, plan } => vec![
            set("of", of.to_string()),
            set("cause", plan.cause.to_string()),
            set("measure", plan.measure.to_string()),
            set("owner", plan.owner.to_string()),
            set("due", plan.due.to_string()),
        ],
        ProblemAction::Verify { of } | ProblemAction::Withdraw { of } => {
            vec![set("of", of.to_string())]
        }
    }
}

/// What a command on a sampling plan sets: hashes, and no target.
pub(super) fn of_plan(plan: &DrawId, action: &PlanAction) -> Vec<FieldChangeDto> {
    let mut changes = vec![change("plan_id", None, plan.as_str())];
    let (before, after) = match action {
        PlanAction::Commit(of) => {
            changes.push(change("day", None, &of.day.to_string()));
            for (field, hash) in [
                ("design_sha256", of.design_sha256),
                ("pool_sha256", of.pool_sha256),
                ("secret_sha256", of.secret_sha256),
            ] {
                changes.push(change(field, None, &hash.to_string()));
            }
            (None, PlanState::Committed)
        }
        PlanAction::Draw(of) => {
            changes.push(change("list_sha256", None, &of.list_sha256.to_string()));
            changes.push(change("record_sha256", None, &of.record_sha256.to_string()));
            changes.push(change("tests", None, &of.tests.to_string()));
            (Some(PlanState::Committed), PlanState::Drawn)
        }
        PlanAction::Reveal => (Some(PlanState::Drawn), PlanState::Revealed),
    };
    changes.push(change("state", before.map(PlanState::code), after.code()));
    changes
}

/// What a command changed of an alert, as the alert's history has it; nothing where it was a note.
pub(super) fn of_alert(
    parts: &ApiParts,
    alert: &AlertId,
    command: &Command,
) -> Result<Vec<FieldChangeDto>, ApiError> {
    let brought = |moved: &AlertMoved| match &moved.cause {
        MoveCause::Decided { command_id, .. } => *command_id == command.command_id,
        MoveCause::Raised { .. } | MoveCause::SnoozeEnded => false,
    };
    let mut stood: Option<AlertMoved> = None;
    for (_, moved) in parts.reader.alert_moves(alert, MOVES)? {
        if !brought(&moved) {
            stood = Some(moved);
            continue;
        }
        let (state, level) = moved.before.unzip();
        let text = |text: &str| text.to_owned();
        let snoozed = |moved: &AlertMoved| moved.snoozed_until.map(|until| until.to_string());
        let disposition = |moved: &AlertMoved| moved.disposition.clone();
        let changes = [
            changed(
                "state",
                state.map(AlertState::code).map(text),
                Some(text(moved.state.code())),
            ),
            changed(
                "level",
                level.map(AlertLevel::code).map(text),
                Some(text(moved.level.code())),
            ),
            changed(
                "snoozed_until",
                stood.as_ref().and_then(snoozed),
                snoozed(&moved),
            ),
            changed(
                "disposition",
                stood.as_ref().and_then(disposition),
                disposition(&moved),
            ),
        ];
        return Ok(changes.into_iter().flatten().collect());
    }
    Ok(Vec::new())
}

/// What was done to goods, as `withdraw 12 箱`.
fn listed(measures: &[Measure]) -> String {
    let measures = measures.iter().map(|measure| {
        let quantity = measure.quantity.map(|quantity| quantity.to_string());
        let unit = measure.unit.as_ref().map(ToString::to_string);
        let parts = [Some(measure.kind.code().to_owned()), quantity, unit];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    measures.collect::<Vec<_>>().join("; ")
}

/// What a command changed of a case, as the case's history has it.
pub(super) fn of_case(parts: &ApiParts, case: &CaseId, command: &Command) -> Vec<FieldChangeDto> {
    let engine = parts.engine();
    let Some(case) = engine.case(case) else {
        return Vec::new();
    };
    let brought = |event: &CaseEvent| match &event.cause {
        Cause::Command(id) => *id == command.command_id,
        Cause::Result(_) | Cause::Term(_) | Cause::Signal(_) => false,
    };
    let mut changes = Vec::new();
    let (mut state, mut assigned, mut pause) = (None, None, None);
    for event in &case.events {
        let stands = Some(event.state.code().to_owned());
        let stood = state.replace(event.state).map(CaseState::code);
        let moved = changed("state", stood.map(str::to_owned), stands);
        let other = match &event.what {
            Happened::Assigned(to) => {
                let to = Some(to.to_string());
                changed("assigned", std::mem::replace(&mut assigned, to.clone()), to)
            }
            Happened::Paused(ground) => {
                let ground = Some(ground.code().to_owned());
                changed(
                    "pause",
                    std::mem::replace(&mut pause, ground.clone()),
                    ground,
                )
            }
            Happened::Resumed => changed("pause", pause.take(), None),
            Happened::Proposed(act) => changed("proposed", None, Some(act.code().to_owned())),
            Happened::Opened
            | Happened::Moved(_)
            | Happened::Noted(_)
            | Happened::Remarked
            | Happened::Void(_) => None,
        };
        if brought(event) {
            changes.extend(moved.into_iter().chain(other));
            if !event.measures.is_empty() {
                changes.push(change("measures", None, &listed(&event.measures)));
            }
        }
    }
    if let Order::Case {
        action: CaseAction::Take { due: Some(due), .. },
        ..
    } = &command.order
    {
        changes.push(change("due", None, &due.to_string()));
    }
    changes
}

/// What a decision changed. It was accepted, so the rules of the engine say what stood before: an
/// override waits until it is approved, and nothing that is over is approved or withdrawn.
pub(super) fn of_grade(engine: &Engine, decision: &Decision) -> Vec<FieldChangeDto> {
    let (waits, holds) = (
        DecisionState::AwaitsApproval.code(),
        DecisionState::InForce.code(),
    );
    match decision {
        Decision::Override { level, until } => vec![
            change("level", None, level.code()),
            change("until", None, &until.to_string()),
            change("state", None, waits),
        ],
        Decision::Floor { level, until } => vec![
            change("level", None, level.code()),
            change("until", None, &until.to_string()),
            change("state", None, holds),
        ],
        Decision::Approve { .. } => vec![change("state", Some(waits), holds)],
        Decision::Withdraw { of } => {
            let named = engine.command(of).map(|named| &named.decision);
            let waited = matches!(named, Some(Decision::Override { .. }))
                && !engine
                    .commands_naming(of)
                    .any(|answer| matches!(answer.decision, Decision::Approve { .. }));
            let before = if waited { waits } else { holds };
            let after = DecisionState::Withdrawn.code();
            vec![change("state", Some(before), after)]
        }
    }
}
