//! What can happen to a case: an officer acts, a result comes, a term lapses.

use super::term::Term;
use risk_domain::case_act::CaseAct;
use risk_domain::inspection::{InspectionResult, Outcome, TestKind};
use risk_domain::selection::SelectionMode;
use serde::{Deserialize, Serialize};

/// What can happen to a case（案件事件）.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// An officer acted, or recorded what the party did.
    Officer(CaseAct),
    /// An inspection result came.
    Found(Found),
    /// A term came to its end.
    Lapsed(Term),
}

/// What a result says to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// No tested item failed.
    Passed(Capacity),
    /// At least one did.
    Failed(Capacity),
    /// 拒检.
    Refused,
    /// 终止抽样: evident illegality.
    Terminated,
    /// 未抽到.
    NotSampled,
    /// 样品拒收.
    RejectedByLab,
    /// 无法检验.
    Untestable,
    /// A correction says that what the case rests on did not fail（结果更正）.
    Corrected,
}

/// In which capacity a test was made: that decides what it may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// A fast test（快检）: a lead, no evidence, farm produce aside.
    Screen,
    /// A laboratory on what a fast test or a monitoring sample found（验证）: it grounds no penalty.
    Verification,
    /// A laboratory on a formal sample of a supervisory or special check（监督抽查、专项抽查）.
    Formal,
    /// A laboratory on goods of an enforcement case（执法抽检）.
    Evidence,
}

impl Capacity {
    /// Every capacity.
    pub const ALL: [Self; 4] = [
        Self::Screen,
        Self::Verification,
        Self::Formal,
        Self::Evidence,
    ];

    fn of(result: &InspectionResult) -> Self {
        match (result.test.kind, result.mode) {
            (TestKind::Rapid, _) => Self::Screen,
            (TestKind::Laboratory, SelectionMode::RiskEvaluation | SelectionMode::FastTest) => {
                Self::Verification
            }
            (
                TestKind::Laboratory,
                SelectionMode::SupervisoryCheck | SelectionMode::SpecialCheck,
            ) => Self::Formal,
            (TestKind::Laboratory, SelectionMode::EnforcementTest) => Self::Evidence,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Verification => "verification",
            Self::Formal => "formal",
            Self::Evidence => "evidence",
        }
    }
}

impl Found {
    /// What a result says.
    pub fn of(result: &InspectionResult) -> Self {
        let capacity = Capacity::of(result);
        match result.outcome {
            Outcome::Conforming => Self::Passed(capacity),
            Outcome::Nonconforming => Self::Failed(capacity),
            Outcome::Refused => Self::Refused,
            Outcome::Terminated => Self::Terminated,
            Outcome::NotSampled => Self::NotSampled,
            Outcome::RejectedByLab => Self::RejectedByLab,
            Outcome::Untestable => Self::Untestable,
        }
    }

    /// Everything a result can say.
    pub fn all() -> impl Iterator<Item = Self> {
        let tests = Capacity::ALL
            .into_iter()
            .flat_map(|capacity| [Self::Passed(capacity), Self::Failed(capacity)]);
        tests.chain([
            Self::Refused,
            Self::Terminated,
            Self::NotSampled,
            Self::RejectedByLab,
            Self::Untestable,
            Self::Corrected,
        ])
    }
}

impl Act {
    /// Everything that can happen to a case.
    pub fn all() -> impl Iterator<Item = Self> {
        let officer = CaseAct::ALL.iter().copied().map(Self::Officer);
        let found = Found::all().map(Self::Found);
        let lapsed = Term::ALL.iter().copied().map(Self::Lapsed);
        officer.chain(found).chain(lapsed)
    }

    /// Its code in records and answers: `notify`, `failed:formal`, `lapsed:objection`.
    pub fn code(self) -> String {
        match self {
            Self::Officer(act) => act.code().to_owned(),
            Self::Lapsed(term) => format!("lapsed:{}", term.code()),
            Self::Found(Found::Passed(capacity)) => format!("passed:{}", capacity.code()),
            Self::Found(Found::Failed(capacity)) => format!("failed:{}", capacity.code()),
            Self::Found(Found::Refused) => "refused".to_owned(),
            Self::Found(Found::Terminated) => "terminated".to_owned(),
            Self::Found(Found::NotSampled) => "not_sampled".to_owned(),
            Self::Found(Found::RejectedByLab) => "rejected_by_lab".to_owned(),
            Self::Found(Found::Untestable) => "untestable".to_owned(),
            Self::Found(Found::Corrected) => "corrected".to_owned(),
        }
    }
}
