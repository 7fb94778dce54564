//! Decisions of officers in force（人工决定）: which level they make of the one that was estimated.
//!
//! What is in force is a function of the set of commands up to an epoch, so the order in which they
//! were read does not show. A decision takes effect at the close of its epoch and ends with its last
//! day; a provisional assessment shows it at once.

use crate::assessment::Decided;
use crate::event_time::{Epoch, EpochCalendar};
use crate::input::EngineRejection;
use crate::policy::DecisionPolicy;
use crate::step::Engine;
use risk_domain::decision::{Command, Decision, GradeCommand};
use risk_domain::ids::CommandId;
use risk_domain::scales::{RiskLevel, Role};
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use std::collections::{BTreeMap, BTreeSet};

/// Where an override or a floor stands（决定状态）.
#[doc(alias = "决定状态")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionState {
    /// It holds.
    InForce,
    /// An override that raises only until a second person approves.
    AwaitsApproval,
    /// Its last day is over.
    Expired,
    /// It was withdrawn.
    Withdrawn,
}

impl DecisionState {
    /// Every state.
    pub const ALL: [Self; 4] = [
        Self::InForce,
        Self::AwaitsApproval,
        Self::Expired,
        Self::Withdrawn,
    ];

    /// Its code in answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::AwaitsApproval => "awaits_approval",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Every command, and what is to be judged anew because of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decisions {
    commands: BTreeMap<CommandId, (Epoch, GradeCommand)>,
    of_subject: BTreeMap<Subject, BTreeSet<CommandId>>,
    /// Subjects for which a decision begins or ends with an epoch that no close has judged.
    due: BTreeMap<Epoch, BTreeSet<Subject>>,
}

/// The level and the last day of an override or a floor.
fn terms(decision: &Decision) -> Option<(RiskLevel, Day)> {
    match decision {
        Decision::Override { level, until } | Decision::Floor { level, until } => {
            Some((*level, *until))
        }
        Decision::Approve { .. } | Decision::Withdraw { .. } => None,
    }
}

impl Decisions {
    /// The command with this id.
    pub(crate) fn command(&self, id: &CommandId) -> Option<&GradeCommand> {
        self.commands.get(id).map(|(_, command)| command)
    }

    /// The rule that a command breaks, if it breaks one.
    pub(crate) fn refuses(
        &self,
        command: &GradeCommand,
        policy: DecisionPolicy,
        decided_on: Day,
    ) -> Option<EngineRejection> {
        let role = command.actor.role;
        let approver = matches!(role, Role::Approver | Role::Administrator);
        if !(approver || role == Role::Officer) {
            return Some(EngineRejection::RoleMayNot);
        }
        let of = match &command.decision {
            Decision::Override { until, .. } | Decision::Floor { until, .. } => {
                let days = until.get() - decided_on.get();
                return (!(0..=policy.longest_days).contains(&days))
                    .then_some(EngineRejection::DecisionEnd);
            }
            Decision::Approve { of } | Decision::Withdraw { of } => of,
        };
        let Some((_, named)) = self.commands.get(of) else {
            return Some(EngineRejection::UnknownCommand);
        };
        let Some((_, until)) = terms(&named.decision) else {
            return Some(EngineRejection::UnknownCommand);
        };
        if named.subject != command.subject {
            return Some(EngineRejection::UnknownCommand);
        }
        let over = until < decided_on;
        if over || self.has(of, |decision| matches!(decision, Decision::Withdraw { .. })) {
            return Some(EngineRejection::DecisionOver);
        }
        match &command.decision {
            Decision::Approve { .. } if !approver => Some(EngineRejection::RoleMayNot),
            Decision::Approve { .. } if named.actor.id == command.actor.id => {
                Some(EngineRejection::SamePerson)
            }
            Decision::Approve { .. } => {
                let floor = matches!(named.decision, Decision::Floor { .. });
                let again = self.has(of, |decision| matches!(decision, Decision::Approve { .. }));
                (floor || again).then_some(EngineRejection::NothingToApprove)
            }
            Decision::Override { .. } | Decision::Floor { .. } | Decision::Withdraw { .. } => None,
        }
    }

    /// Whether a command of this kind names `of`.
    fn has(&self, of: &CommandId, kind: impl Fn(&Decision) -> bool) -> bool {
        self.naming(of, kind).next().is_some()
    }

    /// Epochs of the commands of this kind that name `of`.
    fn naming(
        &self,
        of: &CommandId,
        kind: impl Fn(&Decision) -> bool,
    ) -> impl Iterator<Item = Epoch> {
        let subject = self.commands.get(of).map(|(_, named)| &named.subject);
        let ids = subject.and_then(|subject| self.of_subject.get(subject));
        let commands = ids.into_iter().flatten();
        let commands = commands.filter_map(|id| self.commands.get(id));
        commands.filter_map(move |(epoch, command)| {
            let named = match &command.decision {
                Decision::Approve { of } | Decision::Withdraw { of } => of,
                Decision::Override { .. } | Decision::Floor { .. } => return None,
            };
            (named == of && kind(&command.decision)).then_some(*epoch)
        })
    }

    pub(crate) fn admit(&mut self, epoch: Epoch, command: GradeCommand, calendar: &EpochCalendar) {
        let mut due = |epoch: Epoch| {
            let subjects = self.due.entry(epoch).or_default();
            subjects.insert(command.subject.clone());
        };
        due(epoch);
        if let Some((_, until)) = terms(&command.decision) {
            // The first epoch after the last day.
            let over = calendar.time.offset.start_of(until.plus(1));
            due(calendar.epoch_of(over).max(epoch));
        }
        self.remember(epoch, command);
    }

    fn remember(&mut self, epoch: Epoch, command: GradeCommand) {
        let of_subject = self.of_subject.entry(command.subject.clone());
        of_subject.or_default().insert(command.command_id.clone());
        self.commands
            .insert(command.command_id.clone(), (epoch, command));
    }

    pub(crate) fn first_due(&self) -> Option<Epoch> {
        self.due.keys().next().copied()
    }

    pub(crate) fn next_from(&self, epoch: Epoch) -> Option<Epoch> {
        self.due.range(epoch..).next().map(|(epoch, _)| *epoch)
    }

    /// Subjects whose decisions begin or end by the close of an epoch.
    pub(crate) fn take_due(&mut self, epoch: Epoch) -> BTreeSet<Subject> {
        let later = self.due.split_off(&epoch.next());
        let due = std::mem::replace(&mut self.due, later);
        due.into_values().flatten().collect()
    }

    /// Where an override or a floor stands on a day, by the commands up to an epoch.
    fn state(
        &self,
        id: &CommandId,
        command: &GradeCommand,
        epoch: Epoch,
        day: Day,
    ) -> DecisionState {
        let by = |kind: fn(&Decision) -> bool| self.naming(id, kind).any(|at| at <= epoch);
        if by(|decision| matches!(decision, Decision::Withdraw { .. })) {
            return DecisionState::Withdrawn;
        }
        if terms(&command.decision).is_some_and(|(_, until)| until < day) {
            return DecisionState::Expired;
        }
        let fixes = matches!(command.decision, Decision::Override { .. });
        if fixes && !by(|decision| matches!(decision, Decision::Approve { .. })) {
            DecisionState::AwaitsApproval
        } else {
            DecisionState::InForce
        }
    }

    /// What the decisions up to an epoch make of an estimated level; none where they leave it.
    ///
    /// The override decided last counts, and raises only where no second person approved it; floors
    /// hold over it.
    pub(crate) fn rule(
        &self,
        subject: &Subject,
        estimated: RiskLevel,
        epoch: Epoch,
        day: Day,
    ) -> Option<Decided> {
        let ids = self.of_subject.get(subject)?;
        let mut overriding: Option<&GradeCommand> = None;
        let mut floors = Vec::new();
        for id in ids {
            let known = self.commands.get(id).filter(|(from, _)| *from <= epoch);
            let Some((_, command)) = known else {
                continue;
            };
            let state = self.state(id, command, epoch, day);
            match (&command.decision, state) {
                (_, DecisionState::Expired | DecisionState::Withdrawn)
                | (Decision::Approve { .. } | Decision::Withdraw { .. }, _) => {}
                (Decision::Floor { .. }, _) => floors.push(command),
                (Decision::Override { .. }, _) => {
                    let key = |one: &GradeCommand| (one.decided_at, one.command_id.clone());
                    let later = overriding.is_none_or(|known| key(known) < key(command));
                    overriding = if later { Some(command) } else { overriding };
                }
            }
        }
        let mut ruling: Option<(&GradeCommand, RiskLevel)> = None;
        if let Some(command) = overriding
            && let Some((level, _)) = terms(&command.decision)
        {
            let state = self.state(&command.command_id, command, epoch, day);
            if state == DecisionState::InForce || level >= estimated {
                ruling = Some((command, level));
            }
        }
        for command in floors {
            let level = ruling.map_or(estimated, |(_, level)| level);
            if let Some((least, _)) = terms(&command.decision)
                && least > level
            {
                ruling = Some((command, least));
            }
        }
        let (command, level) = ruling?;
        let (_, until) = terms(&command.decision)?;
        Some(Decided {
            command_id: command.command_id.clone(),
            level,
            estimated,
            until,
        })
    }

    /// Every command with its epoch, by id.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &(Epoch, GradeCommand)> {
        self.commands.values()
    }

    /// What is due, for a checkpoint.
    pub(crate) fn due(&self) -> impl Iterator<Item = (Epoch, &Subject)> {
        let due = self.due.iter();
        due.flat_map(|(epoch, subjects)| subjects.iter().map(|subject| (*epoch, subject)))
    }

    pub(crate) fn restore(&mut self, epoch: Epoch, command: GradeCommand) {
        self.remember(epoch, command);
    }

    pub(crate) fn restore_due(&mut self, epoch: Epoch, subject: Subject) {
        self.due.entry(epoch).or_default().insert(subject);
    }
}

/// Tells commands of one id apart.
pub(crate) fn content_digest(command: &Command) -> u64 {
    let bytes = postcard::to_stdvec(command).unwrap_or_default();
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

impl Engine {
    /// Whether a command with this id came before: with this content, or with another.
    pub(crate) fn knows_command(&self, command: &Command) -> Option<bool> {
        if let Some(known) = self.acted.get(&command.command_id) {
            return Some(*known == content_digest(command));
        }
        let known = self.decisions.command(&command.command_id)?;
        Some(command.on_grade().as_ref() == Some(known))
    }

    /// Every override and floor with where it stands on a day, those that came last first.
    pub fn decisions(&self, on: Day) -> Vec<(&GradeCommand, DecisionState)> {
        let all = self.decisions.parts();
        let terms = all.filter(|(_, command)| terms(&command.decision).is_some());
        let state = |command: &GradeCommand| {
            let id = &command.command_id;
            self.decisions.state(id, command, Epoch(i64::MAX), on)
        };
        let mut all: Vec<_> = terms
            .map(|(_, command)| (command, state(command)))
            .collect();
        all.sort_by(|(one, _), (other, _)| {
            let key = |command: &GradeCommand| (command.decided_at, command.command_id.clone());
            key(other).cmp(&key(one))
        });
        all
    }

    /// The command with this id.
    pub fn command(&self, id: &CommandId) -> Option<&GradeCommand> {
        self.decisions.command(id)
    }

    /// Commands that approve or withdraw another.
    pub fn commands_naming<'a>(
        &'a self,
        of: &'a CommandId,
    ) -> impl Iterator<Item = &'a GradeCommand> {
        let all = self.decisions.parts().map(|(_, command)| command);
        all.filter(move |command| match &command.decision {
            Decision::Approve { of: named } | Decision::Withdraw { of: named } => named == of,
            Decision::Override { .. } | Decision::Floor { .. } => false,
        })
    }
}
