//! What officers decide, and where it takes effect.

use crate::decisions::content_digest;
use crate::event_time::{Epoch, PartitionIx, SourcePartition};
use crate::input::{Accepted, Effect, EngineRejection, Outcome};
use crate::step::Engine;
use risk_domain::decision::{Command, GradeCommand, Order};

impl Engine {
    pub(super) fn step_command(
        &mut self,
        partition: &SourcePartition,
        command: &Command,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        match self.knows_command(command) {
            Some(true) => return Outcome::Duplicate,
            Some(false) => return Outcome::Rejected(EngineRejection::IdentityConflict),
            None => {}
        }
        let partition = self.clocks.index_of(partition);
        let clock = self.clocks.latest(partition);
        let (own, late) = self.calendar.assign(command.decided_at, clock);
        let epoch = own.max(self.first_open());
        let refusal = match &command.order {
            Order::Grade { .. } => command.on_grade().and_then(|command| {
                let decided_on = self.policy.time.offset.day_of(command.decided_at);
                self.decisions
                    .refuses(&command, self.policy.decision, decided_on)
            }),
            Order::Alert { .. } => {
                let order = self.alert_order(command);
                order.and_then(|order| self.refuses_alert_order(&order, epoch))
            }
            Order::Case { case, .. } if !self.cases.knows(case) => {
                Some(EngineRejection::UnknownCase)
            }
            Order::Case { .. } => self.refuses_on_case(command).map(EngineRejection::Case),
            Order::Problem { enterprise, action } => {
                self.refuses_on_problem(command, (enterprise, action))
            }
            Order::Plan { plan, action } => self.refuses_on_plan(command, (plan, action)),
        };
        if let Some(why) = refusal {
            return Outcome::Rejected(why);
        }
        match &command.order {
            Order::Alert { .. } => self.tell_alert_order(
                command,
                |engine| engine.admit_command(partition, command, epoch),
                effects,
            ),
            Order::Grade { .. }
            | Order::Case { .. }
            | Order::Problem { .. }
            | Order::Plan { .. } => {
                self.admit_command(partition, command, epoch);
            }
        }
        Outcome::Accepted(Accepted {
            epoch: Some(epoch),
            late: late || epoch > own,
        })
    }

    /// Takes in what an officer decided. On a grade it is in force from the close of its epoch on, on
    /// an alert, a case, a problem or a plan at once.
    pub(super) fn admit_command(
        &mut self,
        partition: PartitionIx,
        command: &Command,
        epoch: Epoch,
    ) {
        if let Some(command) = command.on_grade() {
            self.admit_decision(command, epoch);
        } else {
            let digest = content_digest(command);
            self.acted.insert(command.command_id.clone(), digest);
            if let Some(order) = self.alert_order(command) {
                let terms = self.policy.alert.standing;
                self.alerts.decide(epoch, order, &terms);
            }
            self.cases.admit_command(command);
            self.problems.admit(command);
            self.plans.admit(command);
        }
        self.clocks.advance(partition, command.decided_at);
    }

    fn admit_decision(&mut self, command: GradeCommand, epoch: Epoch) {
        self.closed_through = self.closed_through.filter(|closed| *closed < epoch);
        self.decisions.admit(epoch, command, &self.calendar);
    }
}
