//! The problem list（问题清单）, and what is planned against each problem（一企一策）.
//!
//! ```text
//!                    plan (again)
//!                     ┌─────┐
//!  list_problem       ▼     │       verify, by a second person
//!  ───────────► LISTED ──► PLANNED ───────────────────────────► VERIFIED
//!                  │ withdraw │ withdraw
//!                  └──────────┴────────► WITHDRAWN
//! ```
//! What stands of a problem is a fold of the set of commands on it in the order of their time and id, so
//! the order of arrival does not show. One that no longer fits what became known of the time before it is
//! passed over.

use crate::input::EngineRejection;
use crate::step::Engine;
use risk_domain::decision::{Command, Order};
use risk_domain::ids::{ActorId, CommandId, EnterpriseId};
use risk_domain::named_scale;
use risk_domain::problem::{Problem, ProblemAction, RectificationPlan};
use risk_domain::scales::Role;
use risk_domain::time::{CivilOffset, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

named_scale! {
    /// Where a problem stands（问题状态）.
    #[doc(alias = "问题状态")]
    ProblemState {
        /// 已列入清单, 待制定方案.
        Listed = "listed",
        /// 整改中.
        Planned = "planned",
        /// 已验收销号.
        Verified = "verified",
        /// 已撤回.
        Withdrawn = "withdrawn",
    }
}

named_scale! {
    /// The rule that a command on a problem breaks（问题整改规则）.
    #[doc(alias = "问题整改规则")]
    ProblemRule {
        /// Only officers, approvers and administrators decide.
        RoleMayNot = "role_may_not",
        /// It names no problem of this enterprise.
        UnknownProblem = "unknown_problem",
        /// It is dated before the problem was listed.
        NotListedYet = "not_listed_yet",
        /// It is no step from where the problem stands.
        NoSuchStep = "no_such_step",
        /// Whoever planned cannot verify.
        SamePerson = "same_person",
        /// The last day lies before the decision.
        DueBeforeDecision = "due_before_decision",
        /// It would undo what was decided since.
        Overtaken = "overtaken",
    }
}

impl ProblemRule {
    fn sentence(self) -> &'static str {
        match self {
            Self::RoleMayNot => "must come from an officer, an approver or an administrator",
            Self::UnknownProblem => {
                "must name a problem of this enterprise; `GET /v1/lists/problems` lists them"
            }
            Self::NotListedYet => "must not be dated before the problem was listed",
            Self::NoSuchStep => {
                "must be a step from where the problem stands: plan what is listed or planned, verify what is planned, withdraw neither what is verified nor what is withdrawn"
            }
            Self::SamePerson => "must come from another person than whoever made the plan",
            Self::DueBeforeDecision => "must not lie before the day of the decision",
            Self::Overtaken => "must not undo what was decided on this problem since",
        }
    }
}

/// Why a command on a problem is refused, and where the problem stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemRefusal {
    /// The rule that it breaks.
    pub rule: ProblemRule,
    /// Where the problem stands; none where there is no such problem.
    pub state: Option<ProblemState>,
}

impl std::error::Error for ProblemRefusal {}

impl std::fmt::Display for ProblemRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rule.sentence())?;
        match self.state {
            Some(state) => write!(f, " ({}); it stands at {state}", self.rule),
            None => write!(f, " ({})", self.rule),
        }
    }
}

/// A command on a problem, as far as it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fact {
    by: ActorId,
    action: ProblemAction,
}

/// A problem as it stands（问题）.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedProblem {
    /// The command that listed it.
    pub id: CommandId,
    /// Whose.
    pub enterprise: EnterpriseId,
    /// What is wrong.
    pub problem: Problem,
    /// When it was listed.
    pub listed_at: Timestamp,
    /// By whom.
    pub listed_by: ActorId,
    /// What is done about it.
    pub plan: Option<RectificationPlan>,
    /// Who planned that.
    pub planned_by: Option<ActorId>,
    /// Who saw that it is done, and when.
    pub verified: Option<(Timestamp, ActorId)>,
    /// Where it stands.
    pub state: ProblemState,
}

/// The commands on one problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Of {
    enterprise: EnterpriseId,
    facts: BTreeMap<(Timestamp, CommandId), Fact>,
}

impl Of {
    /// What the facts make, and those that do not fit.
    fn stands(&self, id: &CommandId) -> (Option<ListedProblem>, Vec<(CommandId, ProblemRefusal)>) {
        let mut stands: Option<ListedProblem> = None;
        let mut unfit = Vec::new();
        for ((at, command), fact) in &self.facts {
            let state = stands.as_ref().map(|problem| problem.state);
            let taken = match (&fact.action, &mut stands) {
                (ProblemAction::List { problem }, None) => {
                    stands = Some(ListedProblem {
                        id: id.clone(),
                        enterprise: self.enterprise.clone(),
                        problem: problem.clone(),
                        listed_at: *at,
                        listed_by: fact.by.clone(),
                        plan: None,
                        planned_by: None,
                        verified: None,
                        state: ProblemState::Listed,
                    });
                    Ok(())
                }
                (
                    ProblemAction::Plan { .. }
                    | ProblemAction::Verify { .. }
                    | ProblemAction::Withdraw { .. },
                    None,
                ) => Err(ProblemRule::NotListedYet),
                (action, Some(problem)) => problem.take(*at, &fact.by, action),
            };
            if let Err(rule) = taken {
                unfit.push((command.clone(), ProblemRefusal { rule, state }));
            }
        }
        (stands, unfit)
    }
}

impl ListedProblem {
    fn take(
        &mut self,
        at: Timestamp,
        by: &ActorId,
        action: &ProblemAction,
    ) -> Result<(), ProblemRule> {
        use ProblemState as S;
        match (self.state, action) {
            (S::Listed | S::Planned, ProblemAction::Plan { plan, .. }) => {
                self.plan = Some(plan.clone());
                self.planned_by = Some(by.clone());
                self.state = S::Planned;
            }
            (S::Planned, ProblemAction::Verify { .. }) => {
                if self.planned_by.as_ref() == Some(by) {
                    return Err(ProblemRule::SamePerson);
                }
                self.verified = Some((at, by.clone()));
                self.state = S::Verified;
            }
            (S::Listed | S::Planned, ProblemAction::Withdraw { .. }) => self.state = S::Withdrawn,
            (S::Listed, ProblemAction::Verify { .. })
            | (S::Listed | S::Planned, ProblemAction::List { .. })
            | (S::Verified | S::Withdrawn, _) => return Err(ProblemRule::NoSuchStep),
        }
        Ok(())
    }
}

/// All problems.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Problems(BTreeMap<CommandId, Of>);

impl Problems {
    /// Takes a command in, if it is on a problem.
    pub(crate) fn admit(&mut self, command: &Command) {
        let Order::Problem { enterprise, action } = &command.order else {
            return;
        };
        let id = action.of().unwrap_or(&command.command_id);
        let of = self.0.entry(id.clone()).or_insert_with(|| Of {
            enterprise: enterprise.clone(),
            facts: BTreeMap::new(),
        });
        let fact = Fact {
            by: command.actor.id.clone(),
            action: action.clone(),
        };
        of.facts
            .insert((command.decided_at, command.command_id.clone()), fact);
    }

    /// The rule that a command breaks, if it breaks one; nothing changes.
    fn refuses(
        &self,
        command: &Command,
        (enterprise, action): (&EnterpriseId, &ProblemAction),
        offset: CivilOffset,
    ) -> Option<ProblemRefusal> {
        let refused = |rule, state| Some(ProblemRefusal { rule, state });
        if !matches!(
            command.actor.role,
            Role::Officer | Role::Approver | Role::Administrator
        ) {
            return refused(ProblemRule::RoleMayNot, None);
        }
        let id = action.of()?;
        let known = self.0.get(id).filter(|of| of.enterprise == *enterprise);
        let Some(known) = known else {
            return refused(ProblemRule::UnknownProblem, None);
        };
        let (stands, unfit) = known.stands(id);
        let state = stands.map(|problem| problem.state);
        if let ProblemAction::Plan { plan, .. } = action
            && plan.due < offset.day_of(command.decided_at)
        {
            return refused(ProblemRule::DueBeforeDecision, state);
        }
        let mut trial = Self(BTreeMap::from([(id.clone(), known.clone())]));
        trial.admit(command);
        let (_, after) = trial.0.get(id)?.stands(id);
        let own = after.iter().find(|(of, _)| *of == command.command_id);
        if let Some((_, refusal)) = own {
            return Some(*refusal);
        }
        let more = after.len() > unfit.len();
        more.then_some(ProblemRefusal {
            rule: ProblemRule::Overtaken,
            state,
        })
    }

    /// What the state hash covers, a line a problem.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let named = |(id, of): (&CommandId, &Of)| {
            let facts: Vec<_> = of.facts.iter().collect();
            serde_json::to_string(&(id, &of.enterprise, facts)).unwrap_or_default()
        };
        self.0.iter().map(named)
    }
}

impl Engine {
    /// Every problem that was listed, by the command that listed it.
    pub fn problems(&self) -> impl Iterator<Item = ListedProblem> {
        let all = self.problems.0.iter();
        all.filter_map(|(id, of)| of.stands(id).0)
    }

    /// Whose problem this is, and where it stands.
    pub fn problem(&self, id: &CommandId) -> Option<ListedProblem> {
        self.problems.0.get(id)?.stands(id).0
    }

    /// The rule that a command on a problem breaks, if it breaks one.
    pub(crate) fn refuses_on_problem(
        &self,
        command: &Command,
        on: (&EnterpriseId, &ProblemAction),
    ) -> Option<EngineRejection> {
        let offset = self.policy.time.offset;
        let refusal = self.problems.refuses(command, on, offset);
        refusal.map(EngineRejection::Problem)
    }
}
