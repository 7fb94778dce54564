//! Problems of an enterprise and what is planned against them（问题清单、一企一策）.

use crate::ids::{CommandId, ItemCode, ProductCode};
use crate::time::Day;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// What is wrong at an enterprise（问题）.
#[doc(alias = "问题")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// In words.
    pub text: CompactString,
    /// The clause of a standard or a law that it breaks（条款）.
    pub clause: Option<CompactString>,
    /// The product that it concerns.
    pub product: Option<ProductCode>,
    /// The test item that failed. With the product, it covers failures of that item.
    pub item: Option<ItemCode>,
}

/// What an enterprise does about a problem（整改方案）.
#[doc(alias = "整改方案")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RectificationPlan {
    /// Where it comes from（原因）.
    pub cause: CompactString,
    /// What is done against it（措施）.
    pub measure: CompactString,
    /// Who sees to it（责任人）: a number or a post, no person's name.
    pub owner: CompactString,
    /// The last day for it（期限）.
    pub due: Day,
}

/// What is decided on a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProblemAction {
    /// It goes on the list（列入问题清单）. The command's id is the problem's.
    List {
        /// What is wrong.
        problem: Problem,
    },
    /// This is done about it, in place of what was planned before（制定方案）.
    Plan {
        /// Which problem.
        of: CommandId,
        /// What is done.
        plan: RectificationPlan,
    },
    /// A second person saw that it is done（验收销号）.
    Verify {
        /// Which problem.
        of: CommandId,
    },
    /// It was listed in error（撤回）.
    Withdraw {
        /// Which problem.
        of: CommandId,
    },
}

impl ProblemAction {
    /// Its code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::List { .. } => "list_problem",
            Self::Plan { .. } => "plan",
            Self::Verify { .. } => "verify",
            Self::Withdraw { .. } => "withdraw",
        }
    }

    /// The problem that it names; none where it lists one.
    pub fn of(&self) -> Option<&CommandId> {
        match self {
            Self::List { .. } => None,
            Self::Plan { of, .. } | Self::Verify { of } | Self::Withdraw { of } => Some(of),
        }
    }

    /// Every code.
    pub const CODES: [&'static str; 4] = ["list_problem", "plan", "verify", "withdraw"];
}
