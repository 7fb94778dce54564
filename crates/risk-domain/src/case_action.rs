//! What an officer does in a case（案件办理）: what is common to cases of every kind.

use crate::case_act::{CaseAct, Measure};
use crate::ids::{ActorId, CommandId};
use crate::scales::named_scale;
use crate::time::Day;
use serde::{Deserialize, Serialize};

named_scale! {
    /// Why a clock of a case stands still（期限中止事由）.
    #[doc(alias = "期限中止事由")]
    PauseReason {
        /// 检验检测: a test is under way; its time does not count for seal and seizure.
        Testing = "testing",
        /// 鉴定: an expert opinion is awaited.
        ExpertOpinion = "expert_opinion",
        /// 复检: a re-test is under way.
        Retest = "retest",
        /// 异议: an objection is dealt with.
        Objection = "objection",
        /// 听证: a hearing is held.
        Hearing = "hearing",
        /// 公告送达: a notice is served by publication.
        PublicNotice = "public_notice",
        /// 协查: another authority was asked for help.
        OtherAuthority = "other_authority",
        /// 不可抗力.
        ForceMajeure = "force_majeure",
    }
}

/// What is done in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CaseAction {
    /// An officer takes it on（指派）.
    Assign {
        /// Who.
        to: ActorId,
    },
    /// Its clocks stand still（中止）.
    PauseClock {
        /// Why, by law.
        ground: PauseReason,
    },
    /// Its clocks go on（恢复）.
    ResumeClock,
    /// Something to be remembered（备注）.
    Note,
    /// A second person agrees to what was proposed（复核同意）.
    Approve {
        /// The command that proposed it.
        of: CommandId,
    },
    /// An act of the case's procedure（办案行为）.
    Take {
        /// Which act.
        act: CaseAct,
        /// The last day of the term that it starts, where an officer sets an earlier one than the policy's.
        due: Option<Day>,
        /// What is done to the goods with it.
        measures: Vec<Measure>,
    },
}

impl CaseAction {
    /// Its code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Assign { .. } => "assign",
            Self::PauseClock { .. } => "pause_clock",
            Self::ResumeClock => "resume_clock",
            Self::Note => "note",
            Self::Approve { .. } => "approve",
            Self::Take { act, .. } => act.code(),
        }
    }

    /// Every code.
    pub const CODES: [&'static str; 5] =
        ["assign", "pause_clock", "resume_clock", "note", "approve"];
}
