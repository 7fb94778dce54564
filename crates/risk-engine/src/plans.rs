//! Sampling plans（抽样计划） as the ledger knows them: what each was held to, what was drawn, whether it is public.
//!
//! ```text
//!  commit          draw          reveal
//!  ──────► COMMITTED ──► DRAWN ──────────► REVEALED
//! ```
//! Their documents lie beside the ledger, because coming targets stand in them; here stand the hashes that
//! the documents are held to.

use crate::input::EngineRejection;
use crate::step::Engine;
use risk_domain::decision::{Command, Order};
use risk_domain::ids::{ActorId, DrawId};
use risk_domain::named_scale;
use risk_domain::plan_act::{PlanAction, PlanCommitment, PlanDraw};
use risk_domain::scales::Role;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

named_scale! {
    /// Where a plan stands（计划状态）.
    #[doc(alias = "计划状态")]
    PlanState {
        /// 已承诺, 待抽取.
        Committed = "committed",
        /// 已抽取, 未公开.
        Drawn = "drawn",
        /// 已公开.
        Revealed = "revealed",
    }
}

named_scale! {
    /// The rule that a command on a plan breaks（计划规则）.
    #[doc(alias = "计划规则")]
    PlanRule {
        /// Only planners and administrators plan.
        RoleMayNot = "role_may_not",
        /// It names no plan.
        UnknownPlan = "unknown_plan",
        /// It is no step from where the plan stands.
        NoSuchStep = "no_such_step",
        /// It is dated before the step that it follows.
        BeforeItsTime = "before_its_time",
        /// A beacon was awaited and has no value, or has one that nobody awaited.
        BeaconValue = "beacon_value",
    }
}

impl PlanRule {
    fn sentence(self) -> &'static str {
        match self {
            Self::RoleMayNot => "must come from a planner or an administrator",
            Self::UnknownPlan => {
                "must name a plan that was committed to; `GET /v1/plans` lists them"
            }
            Self::NoSuchStep => {
                "must be the next step: a plan is committed to once, then drawn once, then revealed once"
            }
            Self::BeforeItsTime => "must not be dated before the step that it follows",
            Self::BeaconValue => {
                "must have the value of the beacon that was committed to, and none where none was"
            }
        }
    }
}

/// Why a command on a plan is refused, and where the plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanRefusal {
    /// The rule that it breaks.
    pub rule: PlanRule,
    /// Where the plan stands; none where there is no such plan.
    pub state: Option<PlanState>,
}

impl std::error::Error for PlanRefusal {}

impl std::fmt::Display for PlanRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rule.sentence())?;
        match self.state {
            Some(state) => write!(f, " ({}); it stands at {state}", self.rule),
            None => write!(f, " ({})", self.rule),
        }
    }
}

/// When and by whom a step was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: ActorId,
}

/// A plan as the ledger knows it（计划台账）.
#[doc(alias = "计划台账")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPlan {
    /// What it is held to.
    pub commitment: PlanCommitment,
    /// When and by whom it was committed to.
    pub committed: PlanStep,
    /// What was drawn.
    pub draw: Option<(PlanDraw, PlanStep)>,
    /// When and by whom it was revealed.
    pub revealed: Option<PlanStep>,
}

impl LedgerPlan {
    /// A plan as the commands on it leave it, in the ledger's order; none where the first commits to nothing.
    pub fn after<'c>(commands: impl IntoIterator<Item = &'c Command>) -> Option<Self> {
        let mut plans = Plans::default();
        for command in commands {
            plans.admit(command);
        }
        plans.0.into_values().next()
    }

    /// Where it stands.
    pub fn state(&self) -> PlanState {
        match (&self.draw, &self.revealed) {
            (_, Some(_)) => PlanState::Revealed,
            (Some(_), None) => PlanState::Drawn,
            (None, None) => PlanState::Committed,
        }
    }

    /// The last step.
    pub fn last(&self) -> &PlanStep {
        let drawn = self.draw.as_ref().map(|(_, step)| step);
        self.revealed.as_ref().or(drawn).unwrap_or(&self.committed)
    }

    /// Takes a step, if it is the next one.
    fn take(&mut self, step: PlanStep, action: &PlanAction) -> Result<(), PlanRule> {
        let early = step.at < self.last().at;
        match (self.state(), action) {
            (PlanState::Committed, PlanAction::Draw(draw)) => {
                if self.commitment.beacon.is_some() != draw.beacon_value.is_some() {
                    return Err(PlanRule::BeaconValue);
                }
                if early {
                    return Err(PlanRule::BeforeItsTime);
                }
                self.draw = Some((draw.clone(), step));
                Ok(())
            }
            (PlanState::Drawn, PlanAction::Reveal) => {
                if early {
                    return Err(PlanRule::BeforeItsTime);
                }
                self.revealed = Some(step);
                Ok(())
            }
            (PlanState::Committed, PlanAction::Commit(_) | PlanAction::Reveal)
            | (PlanState::Drawn, PlanAction::Commit(_) | PlanAction::Draw(_))
            | (PlanState::Revealed, _) => Err(PlanRule::NoSuchStep),
        }
    }
}

/// All plans.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plans(BTreeMap<DrawId, LedgerPlan>);

fn step_of(command: &Command) -> PlanStep {
    PlanStep {
        at: command.decided_at,
        by: command.actor.id.clone(),
    }
}

impl Plans {
    /// Takes a command in, if it is on a plan. It was checked before.
    pub(crate) fn admit(&mut self, command: &Command) {
        let Order::Plan { plan, action } = &command.order else {
            return;
        };
        let step = step_of(command);
        match (self.0.get_mut(plan), action) {
            (None, PlanAction::Commit(commitment)) => {
                let committed = LedgerPlan {
                    commitment: commitment.clone(),
                    committed: step,
                    draw: None,
                    revealed: None,
                };
                self.0.insert(plan.clone(), committed);
            }
            // Refused commands stand in no ledger, so that this one fits.
            (Some(known), action) => drop(known.take(step, action)),
            (None, PlanAction::Draw(_) | PlanAction::Reveal) => {}
        }
    }

    /// The rule that a command breaks, if it breaks one; nothing changes.
    fn refuses(
        &self,
        command: &Command,
        plan: &DrawId,
        action: &PlanAction,
    ) -> Option<PlanRefusal> {
        let refused = |rule, state| Some(PlanRefusal { rule, state });
        if !matches!(command.actor.role, Role::Planner | Role::Administrator) {
            return refused(PlanRule::RoleMayNot, None);
        }
        match (self.0.get(plan), action) {
            (None, PlanAction::Commit(_)) => None,
            (None, PlanAction::Draw(_) | PlanAction::Reveal) => {
                refused(PlanRule::UnknownPlan, None)
            }
            (Some(known), action) => {
                let taken = known.clone().take(step_of(command), action);
                refused(taken.err()?, Some(known.state()))
            }
        }
    }

    /// What the state hash covers, a line a plan.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let plans = self.0.iter();
        plans.map(|plan| serde_json::to_string(&plan).unwrap_or_default())
    }
}

impl Engine {
    /// Every plan that was committed to, by its id.
    pub fn plans(&self) -> impl Iterator<Item = (&DrawId, &LedgerPlan)> {
        self.plans.0.iter()
    }

    /// A plan that was committed to.
    pub fn plan(&self, id: &DrawId) -> Option<&LedgerPlan> {
        self.plans.0.get(id)
    }

    /// The rule that a command on a plan breaks, if it breaks one.
    pub(crate) fn refuses_on_plan(
        &self,
        command: &Command,
        (plan, action): (&DrawId, &PlanAction),
    ) -> Option<EngineRejection> {
        let refusal = self.plans.refuses(command, plan, action);
        refusal.map(EngineRejection::Plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use compact_str::CompactString;
    use risk_domain::decision::Actor;
    use risk_domain::ids::CommandId;
    use risk_domain::plan_act::{AwaitedBeacon, ContentHash};
    use risk_domain::time::Day;

    const HASH: ContentHash = ContentHash([7; 32]);

    fn command(at: i64, role: Role, action: PlanAction) -> Command {
        Command {
            command_id: CommandId::new(format!("K{at}")).unwrap(),
            decided_at: Timestamp::from_millis(at),
            actor: Actor {
                id: ActorId::new("计划科-1").unwrap(),
                role,
            },
            reason: CompactString::const_new("周计划"),
            order: Order::Plan {
                plan: DrawId::new("P-1").unwrap(),
                action,
            },
        }
    }

    fn commit(beacon: bool) -> PlanAction {
        PlanAction::Commit(PlanCommitment {
            day: Day::new(20_000),
            design_sha256: HASH,
            pool_sha256: HASH,
            secret_sha256: HASH,
            beacon: beacon.then(|| AwaitedBeacon {
                source: CompactString::const_new("drand quicknet"),
                round: CompactString::const_new("42"),
            }),
        })
    }

    fn draw(value: Option<&str>) -> PlanAction {
        PlanAction::Draw(PlanDraw {
            list_sha256: HASH,
            record_sha256: HASH,
            tests: 3,
            beacon_value: value.map(CompactString::from),
        })
    }

    /// The rule that a command breaks after others were taken in.
    fn broken(before: &[Command], command: &Command) -> Option<PlanRule> {
        let mut plans = Plans::default();
        for taken in before {
            assert_eq!(refusal(&plans, taken), None, "{taken:?}");
            plans.admit(taken);
        }
        refusal(&plans, command)
    }

    fn refusal(plans: &Plans, command: &Command) -> Option<PlanRule> {
        let Order::Plan { plan, action } = &command.order else {
            return None;
        };
        plans
            .refuses(command, plan, action)
            .map(|refusal| refusal.rule)
    }

    #[test]
    fn a_plan_takes_its_three_steps_once_and_in_their_order() {
        let by = |at, action| command(at, Role::Planner, action);
        let all = [
            by(1, commit(true)),
            by(2, draw(Some("b4f1"))),
            by(3, PlanAction::Reveal),
        ];
        for taken in 0..=all.len() {
            for (at, next) in all.iter().enumerate() {
                let mut next = next.clone();
                next.decided_at = Timestamp::from_millis(9);
                let wanted = match taken {
                    _ if at == taken => None,
                    0 => Some(PlanRule::UnknownPlan),
                    _ => Some(PlanRule::NoSuchStep),
                };
                assert_eq!(broken(&all[..taken], &next), wanted, "{at} after {taken}");
            }
        }
        let mut plans = Plans::default();
        for step in &all {
            plans.admit(step);
        }
        let plan = plans.0.values().next().unwrap();
        assert_eq!(plan.state(), PlanState::Revealed);
        assert_eq!(plan.draw.as_ref().unwrap().1.at.millis(), 2);
        assert_eq!(plans.lines().count(), 1);
    }

    #[test]
    fn roles_times_and_beacons_are_held_to() {
        let officer = command(1, Role::Officer, commit(false));
        assert_eq!(broken(&[], &officer), Some(PlanRule::RoleMayNot));
        let by = |at, action| command(at, Role::Administrator, action);
        let committed = [by(5, commit(false))];
        assert_eq!(
            broken(&committed, &by(4, draw(None))),
            Some(PlanRule::BeforeItsTime)
        );
        assert_eq!(
            broken(&committed, &by(6, draw(Some("7")))),
            Some(PlanRule::BeaconValue)
        );
        let waits = [by(5, commit(true))];
        assert_eq!(
            broken(&waits, &by(6, draw(None))),
            Some(PlanRule::BeaconValue)
        );
        let drawn = [by(5, commit(false)), by(6, draw(None))];
        let early = by(5, PlanAction::Reveal);
        assert_eq!(broken(&drawn, &early), Some(PlanRule::BeforeItsTime));
    }
}
