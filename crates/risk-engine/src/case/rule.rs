//! Rules that a command on a case can break.

use super::CaseState;
use risk_domain::named_scale;

named_scale! {
    /// A rule that a command on a case breaks（案件规则）.
    CaseRule {
        /// 非法流转: the act is no step from where the case stands.
        NoSuchStep = "no_such_step",
        /// 案件已结: the case is closed.
        Closed = "closed",
        /// 案件尚未立: it was decided before the case was opened.
        NotYetOpen = "not_yet_open",
        /// 角色无权.
        RoleMayNot = "role_may_not",
        /// 须由第二人复核: whoever proposed cannot approve.
        SamePerson = "same_person",
        /// 无待复核事项.
        NothingToApprove = "nothing_to_approve",
        /// 期限已中止: the clocks stand still already.
        PausedTwice = "paused_twice",
        /// 期限未中止: no clock stands still.
        NotPaused = "not_paused",
        /// 无期限可中止: no clock runs.
        NoClockRuns = "no_clock_runs",
        /// 期限早于起算日.
        DueBeforeStart = "due_before_start",
        /// 期限超过法定期限.
        DueBeyondTerm = "due_beyond_term",
        /// 无期限可设: the act starts no term.
        NoTermToSet = "no_term_to_set",
        /// 已有后续程序: it would undo what was done since.
        Overtaken = "overtaken",
    }
}

impl CaseRule {
    /// What must hold.
    pub fn rule(self) -> &'static str {
        match self {
            Self::NoSuchStep => {
                "must be a step from where the case stands; `GET /v1/cases/{id}` lists them"
            }
            Self::Closed => "must be on a case that is open",
            Self::NotYetOpen => "must not be decided before the case was opened",
            Self::RoleMayNot => {
                "must come from an officer, an approver or an administrator; approvals from the latter two"
            }
            Self::SamePerson => "must come from a second person",
            Self::NothingToApprove => "must name a command on this case that waits for approval",
            Self::PausedTwice => "must not stop clocks that stand still already",
            Self::NotPaused => "must not start clocks that have not been stopped",
            Self::NoClockRuns => "must not stop clocks where none runs",
            Self::DueBeforeStart => "must not set a last day before the term starts",
            Self::DueBeyondTerm => "must not set a last day beyond the term that the policy allows",
            Self::NoTermToSet => "must not set a last day where the act starts no term",
            Self::Overtaken => "must not undo what was done in the case since",
        }
    }
}

/// A rule that was broken, and where the case stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseRefusal {
    /// The rule.
    pub rule: CaseRule,
    /// Where the case stood.
    pub state: CaseState,
}

impl std::fmt::Display for CaseRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, state) = (self.state.kind(), self.state.code());
        write!(
            f,
            "{} (the {kind} case stands at `{state}`)",
            self.rule.rule()
        )
    }
}
