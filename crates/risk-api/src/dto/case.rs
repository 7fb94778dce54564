//! Cases（案件）as they are shown.

use super::Names;
use risk_domain::reference::Reference;
use risk_engine::case::{Act, CaseEvent, CaseState, Cause, Deadline, Happened, Transition};
use risk_engine::{Case, CaseKind, Engine};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// A term of a case（期限）.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says another thing of the term, and a reader of JSON asks for them by name"
)]
pub struct DeadlineDto {
    /// Its code.
    pub term: String,
    /// The clause it rests on.
    pub basis: String,
    /// How sure that is: V1 primary text, V2 secondary source, M recalled, D the bureau's own.
    pub mark: String,
    /// When it started, RFC 3339.
    pub started_at: String,
    /// Its last day; it lapses with the end of it.
    pub last_day: String,
    /// The first instant after it, RFC 3339.
    pub lapses_at: String,
    /// An officer set an earlier last day than the policy's.
    pub set_by_officer: bool,
    /// It stands still.
    pub stopped: bool,
    /// It has lapsed without being kept.
    pub lapsed: bool,
    /// The holidays of every year it touches are known; else only weekends were left out.
    pub holidays_known: bool,
}

/// One thing that happened in a case（案件记录）.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseEventDto {
    /// When, in the data's time, RFC 3339.
    pub at: String,
    /// opened, moved, noted, overdue, proposed, assigned, paused, resumed, remarked or void.
    pub what: String,
    /// The act: an officer's, what a result said, or the term that lapsed.
    pub act: Option<String>,
    /// What else is to be said: to whom it was assigned, why clocks stand still, which rule it broke.
    pub about: Option<String>,
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
    /// What was done to the goods.
    pub measures: Vec<MeasureDto>,
}

/// What was done to goods（处置措施）.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeasureDto {
    /// Its code.
    pub kind: String,
    /// How many units.
    pub quantity: Option<u32>,
    /// The unit.
    pub unit: Option<String>,
}

/// An act that waits for a second person（待复核）.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProposalDto {
    /// The command to approve.
    pub command_id: String,
    /// The act.
    pub act: String,
    /// Who proposed it, and cannot approve.
    pub by: String,
}

/// What may come next（下一步）.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepDto {
    /// The act: the `kind` of a command, or what a result would say.
    pub act: String,
    /// `officer` for a command of an officer, an approver or an administrator; `result` for a result.
    pub who: String,
    /// A second person must approve before it takes effect.
    pub needs_approval: bool,
}

/// A case（案件）.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseDto {
    /// Its id: a hash of what it is about, its kind, and the record that opened it.
    pub case_id: String,
    /// fast_test, spot_check, food_check, farm_produce or enforcement.
    pub kind: String,
    /// The kind in Chinese.
    pub kind_zh: String,
    /// The enterprise with the product, as `cell:enterprise:product`.
    pub subject: String,
    /// The enterprise's public name, where one is known.
    pub subject_name: Option<String>,
    /// The hazard of what failed first.
    pub hazard: Option<String>,
    /// Where the sample was taken.
    pub site_id: String,
    /// The zone of that site.
    pub zone_id: String,
    /// When it was opened, RFC 3339.
    pub opened_at: String,
    /// The record that opened it.
    pub opened_by: String,
    /// The case that was passed on to it.
    pub succeeds: Option<String>,
    /// Where it stands; `closed` at the end.
    pub state: String,
    /// What the state does not say: how it ended, what holds the goods, an order given early.
    pub detail: Option<String>,
    /// Since when it stands there, RFC 3339.
    pub entered_at: String,
    /// When it was closed, RFC 3339.
    pub closed_at: Option<String>,
    /// Who works on it.
    pub assigned: Option<String>,
    /// Since when its clocks stand still, RFC 3339.
    pub paused_at: Option<String>,
    /// Why they do.
    pub pause_ground: Option<String>,
    /// A term lapsed without being kept.
    pub overdue: bool,
    /// Its terms.
    pub deadlines: Vec<DeadlineDto>,
    /// What waits for a second person.
    pub proposals: Vec<ProposalDto>,
}

/// A case with its history, and what may come next.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseFileDto {
    /// The case.
    pub case: CaseDto,
    /// What happened, the oldest first.
    pub events: Vec<CaseEventDto>,
    /// The results behind it, in the order they came.
    pub evidence: Vec<String>,
    /// What may come next, and who may do it. Terms that lapse do the rest.
    pub next: Vec<StepDto>,
}

fn deadline(deadline: &Deadline, case: &Case, engine: &Engine) -> DeadlineDto {
    let rule = engine.policy().cases.term(case.state.kind(), deadline.term);
    let calendar = engine.calendar();
    DeadlineDto {
        term: deadline.term.code().to_owned(),
        basis: rule.map(|rule| rule.basis.clone()).unwrap_or_default(),
        mark: rule
            .map(|rule| rule.mark.code().to_owned())
            .unwrap_or_default(),
        started_at: deadline.started_at.to_string(),
        last_day: deadline.last_day.to_string(),
        lapses_at: deadline.lapses_at.to_string(),
        set_by_officer: deadline.set_to.is_some(),
        stopped: deadline.stopped_at.is_some(),
        lapsed: deadline.lapsed,
        holidays_known: rule.is_some_and(|rule| rule.covered(deadline, calendar)),
    }
}

impl CaseDto {
    pub(crate) fn new(case: &Case, engine: &Engine, reference: &Reference) -> Self {
        let subject = case.key.subject();
        let kind = case.state.kind();
        let proposals = case.proposals.iter().map(|one| ProposalDto {
            command_id: one.command_id.to_string(),
            act: one.act.code().to_owned(),
            by: one.by.to_string(),
        });
        let deadlines = case.deadlines.iter();
        Self {
            case_id: case.id.to_string(),
            kind: kind.code().to_owned(),
            kind_zh: kind.zh().to_owned(),
            subject_name: Names::of(&subject, engine, reference).zh,
            subject: subject.to_string(),
            hazard: case.key.hazard.as_ref().map(ToString::to_string),
            site_id: case.site.to_string(),
            zone_id: case.zone.to_string(),
            opened_at: case.opened_at.to_string(),
            opened_by: case.opened_by.to_string(),
            succeeds: case.succeeds.as_ref().map(ToString::to_string),
            state: case.state.code().to_owned(),
            detail: case.state.detail().map(str::to_owned),
            entered_at: case.entered_at.to_string(),
            closed_at: case.closed_at.map(|at| at.to_string()),
            assigned: case.assigned.as_ref().map(ToString::to_string),
            paused_at: case.pause.map(|(at, _)| at.to_string()),
            pause_ground: case.pause.map(|(_, ground)| ground.code().to_owned()),
            overdue: case.is_overdue(),
            deadlines: deadlines.map(|one| deadline(one, case, engine)).collect(),
            proposals: proposals.collect(),
        }
    }
}

impl CaseEventDto {
    fn new(event: &CaseEvent) -> Self {
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
        let measures = event.measures.iter().map(|measure| MeasureDto {
            kind: measure.kind.code().to_owned(),
            quantity: measure.quantity,
            unit: measure.unit.as_ref().map(ToString::to_string),
        });
        Self {
            at: event.at.to_string(),
            what: event.what.code().to_owned(),
            act: event.what.act().map(Act::code),
            about,
            actor: event.actor.to_string(),
            role: event.role.map(|role| role.code().to_owned()),
            inspection_id,
            command_id,
            signal_id,
            state: event.state.code().to_owned(),
            reason: event.reason.to_string(),
            measures: measures.collect(),
        }
    }
}

impl CaseFileDto {
    pub(crate) fn new(case: &Case, engine: &Engine, reference: &Reference) -> Self {
        let step = |(act, needs_approval): (Act, bool)| StepDto {
            who: match act {
                Act::Officer(_) => "officer",
                Act::Found(_) | Act::Lapsed(_) => "result",
            }
            .to_owned(),
            act: act.code(),
            needs_approval,
        };
        Self {
            case: CaseDto::new(case, engine, reference),
            events: case.events.iter().map(CaseEventDto::new).collect(),
            evidence: case.evidence().map(ToString::to_string).collect(),
            next: engine.case_steps(case).into_iter().map(step).collect(),
        }
    }
}

/// A way from one state of a kind of case to another.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CaseEdgeDto {
    /// The state it leaves.
    pub from: String,
    /// The state it leads to; none where the case ends.
    pub to: Option<String>,
    /// How the case ends there.
    pub ending: Option<String>,
    /// The kind of case that goes on with it.
    pub passes_to: Option<String>,
    /// Acts that lead there: of officers, of results (`failed:formal`), or terms (`lapsed:objection`).
    pub acts: Vec<String>,
}

/// The states of a kind of case, and what leads from one to another（案件状态图）.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseDiagramDto {
    /// The kind.
    pub kind: String,
    /// Its states, in the order in which the procedure comes to them; without the end.
    pub states: Vec<String>,
    /// What leads from one to another. What can be done everywhere is left out: to discontinue a case,
    /// and to correct the result that it rests on.
    pub edges: Vec<CaseEdgeDto>,
}

/// Where an edge leads.
type Goal = (
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

impl CaseDiagramDto {
    pub(crate) fn new(kind: CaseKind, engine: &Engine) -> Self {
        let switches = engine.policy().cases.switches;
        let everywhere = |act: &Act| {
            let code = act.code();
            code == "discontinue" || code == "corrected"
        };
        let of_kind = |state: &CaseState| state.kind() == kind && state.is_open();
        let mut states: Vec<&'static str> = Vec::new();
        let mut edges: BTreeMap<(usize, Goal), BTreeSet<String>> = BTreeMap::new();
        for state in CaseState::all().filter(of_kind) {
            let place = states.iter().position(|known| *known == state.code());
            let place = place.unwrap_or_else(|| {
                states.push(state.code());
                states.len() - 1
            });
            for act in Act::all().filter(|act| !everywhere(act)) {
                let goal = match state.next(act, switches) {
                    Ok(Transition::To(to)) => (Some(to.code()), None, None),
                    Ok(Transition::End(ending)) => (None, Some(ending.code()), None),
                    Ok(Transition::PassOn(kind)) => (None, None, Some(kind.code())),
                    Ok(Transition::Stay) | Err(_) => continue,
                };
                edges.entry((place, goal)).or_default().insert(act.code());
            }
        }
        let edge = |((place, (to, ending, passes_to)), acts): ((usize, Goal), BTreeSet<String>)| {
            let from = states.get(place).copied().unwrap_or_default();
            CaseEdgeDto {
                from: from.to_owned(),
                to: to.map(str::to_owned),
                ending: ending.map(str::to_owned),
                passes_to: passes_to.map(str::to_owned),
                acts: acts.into_iter().collect(),
            }
        };
        Self {
            kind: kind.code().to_owned(),
            edges: edges.into_iter().map(edge).collect(),
            states: states.into_iter().map(str::to_owned).collect(),
        }
    }
}
