//! Who did what, and who saw what（审计）: notes are taken before anything comes of a request, and read
//! back from the ledger.

mod changes;

use crate::dto::{AuditDto, Page, ProblemDto};
use crate::error::ApiError;
use crate::identity::{Identity, Means};
use crate::params::Params;
use crate::state::{ApiParts, ApiState, PostError, Receipts};
use axum::Json;
use axum::extract::State;
use changes::{change, of_alert, of_case, of_grade, of_plan, of_problem};
use compact_str::CompactString;
use risk_domain::access::{AccessNote, Act, MAX_NAMED};
use risk_domain::alert_action::AlertAction;
use risk_domain::case_act::CaseAct;
use risk_domain::case_action::CaseAction;
use risk_domain::decision::{Command, Decision, Order};
use risk_domain::personal::Erasure;
use risk_domain::plan_act::PlanAction;
use risk_domain::problem::ProblemAction;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::Engine;
use risk_store::Record;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most rows of a page.
const MAX_ROWS: usize = 200;
/// Entries looked at for one page.
const LOOKED_AT: usize = 50_000;
/// Entries looked at for the request that brought a command: it stands shortly before it.
const REQUEST_WITHIN: usize = 5_000;
/// Changes of one alert that are looked at, the latest.
const MOVES: usize = 1000;
/// Longest wait for a note to be durable.
const WAIT: Duration = Duration::from_secs(10);

/// What an erasure of personal data is called.
const ERASE: &str = "erase_personal";

/// Notes what somebody is about to do or to be shown, and waits until that is durable: what is not
/// noted is not done. In the demo nobody is known, and nothing is noted.
pub(crate) async fn note(
    state: &ApiState,
    identity: &Identity,
    request: &str,
    act: Act,
    what: impl ExactSizeIterator<Item = String>,
) -> Result<(), ApiError> {
    let Some(grant) = identity.grant() else {
        return Ok(());
    };
    let count = what.len() as u64;
    if count == 0 {
        return Ok(());
    }
    let note = AccessNote {
        at: (state.0.parts.now)(),
        actor: grant.actor.clone(),
        roles: grant.roles.clone(),
        means: means_of(identity),
        request_id: request.into(),
        act,
        count,
        what: what.take(MAX_NAMED).map(Into::into).collect(),
    };
    wait_noted(state.0.parts.notebook.note(note)).await
}

/// By what somebody is known, as it is noted.
pub(crate) fn means_of(identity: &Identity) -> CompactString {
    match identity.means() {
        Means::Demo => "demo".into(),
        Means::Token(id) => format!("token:{id}").into(),
        Means::Session { .. } => "session".into(),
    }
}

/// Waits until what was handed in is durable.
pub(crate) async fn wait_noted(handed: Result<Receipts, PostError>) -> Result<(), ApiError> {
    let noted = handed.map_err(|error| match error {
        PostError::Busy => ApiError::Busy,
        PostError::TooLarge => ApiError::TooLarge,
        PostError::Stopped => ApiError::Stopped,
    })?;
    match tokio::time::timeout(WAIT, noted).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(ApiError::Stopped),
        Err(_elapsed) => Err(ApiError::Busy),
    }
}

fn kind_of(order: &Order) -> &'static str {
    match order {
        Order::Grade { decision, .. } => decision.code(),
        Order::Alert { action, .. } => action.code(),
        Order::Case { action, .. } => action.code(),
        Order::Problem { action, .. } => action.code(),
        Order::Plan { action, .. } => action.code(),
    }
}

/// Every kind of deed. Some name what is done to grades, alerts, cases and problems alike.
fn kinds() -> BTreeSet<&'static str> {
    let orders = Decision::CODES.into_iter().chain(AlertAction::CODES);
    let orders = orders.chain(CaseAction::CODES).chain(ProblemAction::CODES);
    let orders = orders.chain(PlanAction::CODES);
    let acts = CaseAct::ALL.iter().map(|act| act.code());
    let acts = orders.chain(acts).chain(Act::ALL.map(Act::code));
    acts.chain([ERASE]).collect()
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
struct Wanted {
    actor: Option<String>,
    subject: Option<Subject>,
    kind: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// About whom a decision is; nobody where it is on a plan, or on what was never there.
fn subject_of(engine: &Engine, order: &Order) -> Option<Subject> {
    match order {
        Order::Grade { subject, .. } => Some(subject.clone()),
        Order::Alert { alert, .. } => engine.alert(alert).map(|entry| entry.subject.clone()),
        Order::Case { case, .. } => engine.case(case).map(|case| case.key.subject()),
        Order::Problem { enterprise, .. } => Some(Subject::Enterprise(enterprise.clone())),
        Order::Plan { .. } => None,
    }
}

/// Whether a subject is the one that is asked for, or a product of that enterprise.
fn is_of(wanted: &Subject, subject: &Subject) -> bool {
    match (wanted, subject) {
        (Subject::Enterprise(wanted), Subject::Cell(enterprise, _)) => wanted == enterprise,
        _other => wanted == subject,
    }
}

impl Wanted {
    fn fits(&self, parts: &ApiParts, record: &Record) -> bool {
        let (actor, order, kind, at) = match record {
            Record::Command(record) => {
                let command = &record.told;
                let kind = kind_of(&command.order);
                let order = Some(&command.order);
                (Some(&command.actor.id), order, kind, command.decided_at)
            }
            Record::Access(note) => (Some(&note.actor), None, note.act.code(), note.at),
            Record::Erasure(erasure) => (erasure.actor.as_ref(), None, ERASE, erasure.at),
            Record::Result(_)
            | Record::Rejection(_)
            | Record::Registry(_)
            | Record::Signal(_)
            | Record::Input(_)
            | Record::Effect(_) => return false,
        };
        self.actor
            .as_ref()
            .is_none_or(|wanted| actor.is_some_and(|actor| wanted == actor.as_str()))
            && self.kind.as_ref().is_none_or(|wanted| wanted == kind)
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
            && self.subject.as_ref().is_none_or(|wanted| {
                let subject = order.and_then(|order| subject_of(&parts.engine(), order));
                subject.is_some_and(|subject| is_of(wanted, &subject))
            })
    }
}

/// What people did and were shown, the newest first: every decision with who, in which role, why, in
/// which request, and what it changed; every post, every look at a dead letter or at what is personal,
/// and every erasure.
#[utoipa::path(get, path = "/v1/audit", tag = "audit",
    params(
        ("actor" = Option<String>, Query, description = "only what this one did"),
        ("subject" = Option<String>, Query, description = "only decisions on this subject, as `kind:id`: on its grade, its alerts, its cases, its problems; of an enterprise on its products', too"),
        ("kind" = Option<String>, Query, description = "only this: the kind of a command on a grade, an alert or a case, as override, close or notify; or post_results, post_registry, post_commands, post_signals, read_dead_letters, read_personal, read_plan, resend_delivery, unpark_webhook, end_sessions or erase_personal"),
        ("since" = Option<String>, Query, description = "only at this time or later, RFC 3339"),
        ("until" = Option<String>, Query, description = "only before this time, RFC 3339"),
        ("limit" = Option<u32>, Query, description = "rows of the page, 1 to 200, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses(
        (status = 200, description = "A page", body = Page<AuditDto>),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Page<AuditDto>>, ApiError> {
    let kinds = kinds();
    let all: Vec<&str> = kinds.iter().copied().collect();
    let rule = format!("must be one of {}", all.join(", "));
    let time = |name| {
        let rule = "must be an RFC 3339 time with an offset";
        params.parse(name, rule, |text| Timestamp::parse(text).ok())
    };
    let wanted = Wanted {
        actor: params.text("actor").map(str::to_owned),
        subject: params.parse("subject", "must be a subject, as enterprise:E1", |text| {
            text.parse().ok()
        })?,
        kind: params.parse("kind", &rule, |text| {
            kinds.contains(text).then(|| text.to_owned())
        })?,
        since: time("since")?,
        until: time("until")?,
    };
    let below = params.parse("cursor", "must be the `next` of a page", |text| {
        text.parse::<u64>().ok()
    })?;
    let limit = params.limit(MAX_ROWS)?;
    let read = move |parts: &ApiParts| {
        let fits = |record: &Record| wanted.fits(parts, record);
        let page = parts.reader.deeds(&fits, limit, LOOKED_AT, below)?;
        let items = page
            .items
            .into_iter()
            .map(|(entry, record)| shown(parts, entry, record));
        Ok(Json(Page {
            items: items.collect::<Result<_, ApiError>>()?,
            next: page.next,
        }))
    };
    state.read(read).await
}

fn shown(parts: &ApiParts, entry: u64, record: Record) -> Result<AuditDto, ApiError> {
    match record {
        Record::Command(record) => {
            let command = record.told;
            let request = request_of(parts, entry, &command)?;
            let (means, request_id) = request.unzip();
            let subject = subject_of(&parts.engine(), &command.order);
            let (mut alert_id, mut case_id) = (None, None);
            let changes = match &command.order {
                Order::Grade { decision, .. } => of_grade(&parts.engine(), decision),
                Order::Alert { alert, .. } => {
                    alert_id = Some(alert.to_string());
                    of_alert(parts, alert, &command)?
                }
                Order::Case { case, .. } => {
                    case_id = Some(case.to_string());
                    of_case(parts, case, &command)
                }
                Order::Problem { action, .. } => of_problem(action),
                Order::Plan { plan, action } => of_plan(plan, action),
            };
            Ok(AuditDto {
                entry,
                kind: kind_of(&command.order).to_owned(),
                at: command.decided_at.to_string(),
                actor: command.actor.id.to_string(),
                roles: vec![command.actor.role.to_string()],
                means,
                request_id,
                reason: Some(command.reason.to_string()),
                subject: subject.map(|subject| subject.to_string()),
                alert_id,
                case_id,
                command_id: Some(command.command_id.to_string()),
                changes,
                count: None,
                what: Vec::new(),
            })
        }
        Record::Access(note) => Ok(AuditDto {
            entry,
            kind: note.act.code().to_owned(),
            at: note.at.to_string(),
            actor: note.actor.to_string(),
            roles: note.roles.iter().map(ToString::to_string).collect(),
            means: Some(note.means.to_string()),
            request_id: Some(note.request_id.to_string()),
            reason: None,
            subject: None,
            alert_id: None,
            case_id: None,
            command_id: None,
            changes: Vec::new(),
            count: Some(note.count),
            what: note.what.iter().map(ToString::to_string).collect(),
        }),
        Record::Erasure(erasure) => Ok(erased(entry, *erasure)),
        Record::Result(_)
        | Record::Rejection(_)
        | Record::Registry(_)
        | Record::Signal(_)
        | Record::Input(_)
        | Record::Effect(_) => Err(ApiError::Internal(format!(
            "entry {entry} is nobody's deed"
        ))),
    }
}

/// An erasure; without an actor it was the policy's.
fn erased(entry: u64, erasure: Erasure) -> AuditDto {
    let actor = erasure.actor.map(|actor| actor.to_string());
    let mut changes = vec![change("rule", None, erasure.rule.code())];
    if erasure.repeated {
        changes.push(change("repeated", None, "true"));
    }
    let named = erasure.keys.iter().take(MAX_NAMED);
    AuditDto {
        entry,
        kind: ERASE.to_owned(),
        at: erasure.at.to_string(),
        actor: actor.unwrap_or_else(|| "system:retention".to_owned()),
        roles: erasure.roles.iter().map(ToString::to_string).collect(),
        means: erasure.means.map(String::from),
        request_id: erasure.request_id.map(String::from),
        reason: Some(erasure.reason.to_string()),
        subject: None,
        alert_id: None,
        case_id: None,
        command_id: None,
        changes,
        count: Some(erasure.keys.len() as u64),
        what: named.map(ToString::to_string).collect(),
    }
}

/// Means and request of the post that brought a command, which was noted before it was handed in.
fn request_of(
    parts: &ApiParts,
    entry: u64,
    command: &Command,
) -> Result<Option<(String, String)>, ApiError> {
    let brought = |record: &Record| {
        let Record::Access(note) = record else {
            return false;
        };
        note.act == Act::PostCommands
            && note.actor == command.actor.id
            && note.what.iter().any(|id| id == command.command_id.as_str())
    };
    let page = parts
        .reader
        .deeds(&brought, 1, REQUEST_WITHIN, Some(entry))?;
    Ok(page.items.into_iter().find_map(|(_, record)| match record {
        Record::Access(note) => Some((note.means.to_string(), note.request_id.to_string())),
        Record::Command(_)
        | Record::Erasure(_)
        | Record::Result(_)
        | Record::Rejection(_)
        | Record::Registry(_)
        | Record::Signal(_)
        | Record::Input(_)
        | Record::Effect(_) => None,
    }))
}
