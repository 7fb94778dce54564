//! What officers decide about alerts: whether it is allowed where things stand, and what it changes.

use super::lifecycle::{AlertRefusal, LifeRule};
use super::moved::MoveCause;
use super::standing::AlertOrder;
use super::stream::stream_of;
use crate::event_time::Epoch;
use crate::input::{Effect, EngineRejection};
use crate::step::Engine;
use risk_domain::alert_action::{AlertAction, Disposition};
use risk_domain::decision::{Command, Order};
use risk_domain::scales::Role;

impl Engine {
    /// The order that a command on an alert gives.
    pub(crate) fn alert_order(&self, command: &Command) -> Option<AlertOrder> {
        let Order::Alert { alert, action } = &command.order else {
            return None;
        };
        let until = match action {
            AlertAction::Snooze { until } => Some(self.policy.time.offset.start_of(until.plus(1))),
            AlertAction::Acknowledge
            | AlertAction::Investigate
            | AlertAction::Wake
            | AlertAction::Escalate { .. }
            | AlertAction::Close { .. }
            | AlertAction::Approve { .. }
            | AlertAction::Reopen
            | AlertAction::Note => None,
        };
        Some(AlertOrder {
            command_id: command.command_id.clone(),
            decided_at: command.decided_at,
            until,
            actor: command.actor.clone(),
            reason: command.reason.to_string(),
            alert: alert.clone(),
            action: action.clone(),
        })
    }

    /// The rule that an order breaks, where it would stand.
    pub(crate) fn refuses_alert_order(
        &self,
        order: &AlertOrder,
        epoch: Epoch,
    ) -> Option<EngineRejection> {
        let role = order.actor.role;
        let approver = matches!(role, Role::Approver | Role::Administrator);
        if !(approver || role == Role::Officer) {
            return Some(EngineRejection::RoleMayNot);
        }
        // The terms by which it will be folded: those that a raise named last.
        let terms = self.alerts.terms(&self.policy.alert.standing);
        let standing = self.alerts.at(order, epoch, &terms);
        let (Some(standing), Some(entry)) = (standing, self.alert(&order.alert)) else {
            return Some(EngineRejection::UnknownAlert);
        };
        let shown = standing.alerts.iter().find(|known| known.id == order.alert);
        let shown = shown.unwrap_or(entry.alert);
        let refusal = |rule| {
            Some(EngineRejection::Alert(AlertRefusal {
                rule,
                state: shown.state,
                level: shown.level,
            }))
        };
        if let AlertAction::Approve { .. } = &order.action {
            if !approver {
                return Some(EngineRejection::RoleMayNot);
            }
            let proposer = standing.proposer(&order.alert);
            let closes = standing.refuses(order, &terms).is_none();
            if closes && proposer.is_some_and(|proposer| proposer.id == order.actor.id) {
                return Some(EngineRejection::SamePerson);
            }
        }
        if let AlertAction::Close {
            disposition: Disposition::Duplicate { of },
        } = &order.action
            && self.alert(of).is_none()
        {
            return refusal(LifeRule::DuplicateOf);
        }
        standing.refuses(order, &terms).and_then(refusal)
    }

    /// Takes in a command on an alert that was not refused, and says what it changed.
    pub(crate) fn tell_alert_order(
        &mut self,
        command: &Command,
        admit: impl FnOnce(&mut Self),
        effects: &mut Vec<Effect>,
    ) {
        let Some(id) = self
            .alert_order(command)
            .and_then(|order| stream_of(&order.alert))
        else {
            return;
        };
        let before = self.standing_of(id);
        admit(self);
        let cause = MoveCause::decided(command);
        self.tell_moves(id, &before, command.decided_at, &cause, effects);
    }
}
