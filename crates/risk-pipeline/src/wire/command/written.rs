//! The fields in which an order stands on the wire.

use risk_domain::alert_action::{AlertAction, Disposition};
use risk_domain::case_act::Measure;
use risk_domain::case_action::CaseAction;
use risk_domain::decision::{Decision, Order};
use risk_domain::ids::{ActorId, AlertId, CaseId, CommandId};

/// The fields of an order.
#[derive(Default)]
pub(super) struct Written<'a> {
    pub(super) subject: Option<String>,
    pub(super) alert: Option<&'a AlertId>,
    pub(super) case: Option<&'a CaseId>,
    pub(super) kind: &'static str,
    pub(super) level: Option<&'static str>,
    pub(super) until: Option<String>,
    pub(super) of: Option<&'a CommandId>,
    pub(super) alert_level: Option<&'static str>,
    pub(super) disposition: Option<&'static str>,
    pub(super) duplicate_of: Option<&'a AlertId>,
    pub(super) to: Option<&'a ActorId>,
    pub(super) ground: Option<&'static str>,
    pub(super) due: Option<String>,
    pub(super) measures: &'a [Measure],
}

impl<'a> Written<'a> {
    pub(super) fn of(order: &'a Order) -> Self {
        match order {
            Order::Grade { subject, decision } => Self {
                subject: Some(subject.to_string()),
                kind: decision.code(),
                ..Self::of_decision(decision)
            },
            Order::Alert { alert, action } => Self {
                alert: Some(alert),
                kind: action.code(),
                ..Self::of_alert(action)
            },
            Order::Case { case, action } => Self {
                case: Some(case),
                kind: action.code(),
                ..Self::of_case(action)
            },
        }
    }

    fn of_decision(decision: &'a Decision) -> Self {
        let mut written = Self::default();
        match decision {
            Decision::Override { level, until } | Decision::Floor { level, until } => {
                written.level = Some(level.code());
                written.until = Some(until.to_string());
            }
            Decision::Approve { of } | Decision::Withdraw { of } => written.of = Some(of),
        }
        written
    }

    fn of_alert(action: &'a AlertAction) -> Self {
        let mut written = Self::default();
        match action {
            AlertAction::Snooze { until } => written.until = Some(until.to_string()),
            AlertAction::Escalate { to } => written.alert_level = Some(to.code()),
            AlertAction::Close { disposition } => {
                written.disposition = Some(disposition.code());
                if let Disposition::Duplicate { of } = disposition {
                    written.duplicate_of = Some(of);
                }
            }
            AlertAction::Approve { of } => written.of = Some(of),
            AlertAction::Acknowledge
            | AlertAction::Investigate
            | AlertAction::Wake
            | AlertAction::Reopen
            | AlertAction::Note => {}
        }
        written
    }

    fn of_case(action: &'a CaseAction) -> Self {
        let mut written = Self::default();
        match action {
            CaseAction::Assign { to } => written.to = Some(to),
            CaseAction::PauseClock { ground } => written.ground = Some(ground.code()),
            CaseAction::Approve { of } => written.of = Some(of),
            CaseAction::Take {
                act: _,
                due,
                measures,
            } => {
                written.due = due.map(|due| due.to_string());
                written.measures = measures;
            }
            CaseAction::ResumeClock | CaseAction::Note => {}
        }
        written
    }
}
