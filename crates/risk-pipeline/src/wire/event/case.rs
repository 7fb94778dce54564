//! What happened in a case（案件动态）, as others read it.

use super::SCHEMA_VERSION;
use risk_engine::CaseInsert;
use risk_engine::case::{CaseEvent as Happening, Cause, Deadline, Happened};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A case was opened, went on, or had something noted（案件动态）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "CaseEvent", extend("$id" = "case.v1.json"))]
pub struct CaseEvent {
    /// Version of this shape.
    pub schema_version: u8,
    /// The same for the same event, however often it is sent: shard and ledger entry.
    pub event_id: String,
    /// The case; the message's key.
    pub case_id: String,
    /// Its kind: fast_test, spot_check, food_check, farm_produce, enforcement.
    pub kind: String,
    /// The enterprise with the product, as `cell:enterprise:product`.
    pub subject: String,
    /// The hazard of what failed first, where the record names one.
    pub hazard: Option<String>,
    /// Where the sample was taken.
    pub site_id: String,
    /// The zone of that site.
    pub zone_id: String,
    /// When it was opened, in the data's time, RFC 3339.
    pub opened_at: String,
    /// The record that opened it.
    pub opened_by: String,
    /// The case that was passed on to it.
    pub succeeds: Option<String>,
    /// Where it stands.
    pub state: String,
    /// What the state does not say: how it ended, what holds the goods.
    pub detail: Option<String>,
    /// When it was closed.
    pub closed_at: Option<String>,
    /// Who works on it.
    pub assigned: Option<String>,
    /// Its terms.
    pub deadlines: Vec<CaseDeadline>,
    /// The number of its first event below, from 0. Those told before under this number and after it are
    /// replaced, but for the last `events_after`.
    pub first_event: u32,
    /// How many of the last events told before stand after these, as they were: a record that came late stands
    /// in between.
    pub events_after: u32,
    /// What happened, the oldest first.
    pub events: Vec<CaseHappening>,
}

/// A term of a case（期限）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseDeadline {
    /// Its code.
    pub term: String,
    /// When it started, RFC 3339.
    pub started_at: String,
    /// Its last day.
    pub last_day: String,
    /// It stands still.
    pub stopped: bool,
    /// It has lapsed.
    pub lapsed: bool,
}

/// One thing that happened in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseHappening {
    /// When, in the data's time, RFC 3339.
    pub at: String,
    /// opened, moved, noted, overdue, proposed, assigned, paused, resumed, remarked or void.
    pub what: String,
    /// The act: an officer's, what a result said, or the term that lapsed.
    pub act: Option<String>,
    /// An officer's number, or `system:` with the rule.
    pub actor: String,
    /// The officer's role.
    pub role: Option<String>,
    /// The result that brought it about.
    pub inspection_id: Option<String>,
    /// The command that brought it about.
    pub command_id: Option<String>,
    /// The complaint or report that brought it about.
    pub signal_id: Option<String>,
    /// Where the case stood after it.
    pub state: String,
    /// Why, as the officer gave it.
    pub reason: String,
}

fn deadline(deadline: &Deadline) -> CaseDeadline {
    CaseDeadline {
        term: deadline.term.code().to_owned(),
        started_at: deadline.started_at.to_string(),
        last_day: deadline.last_day.to_string(),
        stopped: deadline.stopped_at.is_some(),
        lapsed: deadline.lapsed,
    }
}

fn happening(event: &Happening) -> CaseHappening {
    let act = event.what.act().map(risk_engine::case::Act::code);
    let about = match &event.what {
        Happened::Assigned(to) => Some(to.to_string()),
        Happened::Paused(ground) => Some(ground.code().to_owned()),
        Happened::Void(rule) => Some(rule.code().to_owned()),
        Happened::Opened
        | Happened::Moved(_)
        | Happened::Noted(_)
        | Happened::Proposed(_)
        | Happened::Resumed
        | Happened::Remarked => None,
    };
    let (inspection_id, command_id, signal_id) = match &event.cause {
        Cause::Result(id) => (Some(id.to_string()), None, None),
        Cause::Command(id) => (None, Some(id.to_string()), None),
        Cause::Signal(id) => (None, None, Some(id.to_string())),
        Cause::Term(_) => (None, None, None),
    };
    CaseHappening {
        at: event.at.to_string(),
        what: event.what.code().to_owned(),
        act: act.or(about),
        actor: event.actor.to_string(),
        role: event.role.map(|role| role.code().to_owned()),
        inspection_id,
        command_id,
        signal_id,
        state: event.state.code().to_owned(),
        reason: event.reason.to_string(),
    }
}

pub(super) fn case_event(event_id: String, change: &CaseInsert) -> CaseEvent {
    let moved = &change.moved;
    let case = &moved.case;
    CaseEvent {
        schema_version: SCHEMA_VERSION,
        event_id,
        case_id: case.id.to_string(),
        kind: case.state.kind().code().to_owned(),
        subject: case.key.subject().to_string(),
        hazard: case.key.hazard.as_ref().map(ToString::to_string),
        site_id: case.site.to_string(),
        zone_id: case.zone.to_string(),
        opened_at: case.opened_at.to_string(),
        opened_by: case.opened_by.to_string(),
        succeeds: case.succeeds.as_ref().map(ToString::to_string),
        state: case.state.code().to_owned(),
        detail: case.state.detail().map(str::to_owned),
        closed_at: case.closed_at.map(|at| at.to_string()),
        assigned: case.assigned.as_ref().map(ToString::to_string),
        deadlines: case.deadlines.iter().map(deadline).collect(),
        first_event: moved.kept,
        events_after: change.stays,
        events: case.events.iter().map(happening).collect(),
    }
}
