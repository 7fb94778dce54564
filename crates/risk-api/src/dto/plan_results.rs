//! What became of a plan（计划结果）, and what a filled list made.

use super::draw::PlanStateDto;
use super::plan::ExpectedDto;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanResultsDto {
    /// The plan.
    pub plan_id: String,
    /// Where it stands.
    pub state: PlanStateDto,
    /// Tests planned.
    pub planned: u32,
    /// Of which a result was reported, whatever came of it.
    pub reported: u32,
    /// Of which a sample was judged.
    pub tested: u32,
    /// Of which failed, fast tests that nobody confirmed included.
    pub failed: u32,
    /// Failures that a laboratory proved.
    pub proved: u32,
    /// Failures that the whole plan was expected to prove.
    pub expected_finds: ExpectedDto,
    /// Failures that the tests made so far were expected to prove: what `proved` is to be held against.
    pub expected_of_tested: ExpectedDto,
    /// The same by mode.
    pub modes: Vec<PlanModeResultsDto>,
    /// Lines with a result, by their number.
    pub lines: Vec<PlanResultDto>,
    /// Numbers of lines without one.
    pub missing: Vec<u32>,
    /// Results that bear the plan's `draw_id` and are of none of its lines, or of one that has a result
    /// already.
    pub strays: Vec<PlanStrayDto>,
}

/// What became of the tests of one mode.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct PlanModeResultsDto {
    /// Which mode.
    pub mode: String,
    /// Tests planned.
    pub planned: u32,
    /// Of which a result was reported.
    pub reported: u32,
    /// Of which a sample was judged.
    pub tested: u32,
    /// Of which failed.
    pub failed: u32,
    /// Failures that a laboratory proved.
    pub proved: u32,
    /// Failures that its planned tests were expected to prove.
    pub expected: f64,
}

/// The result of a line.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanResultDto {
    /// Number of the line in the plan, from 1.
    pub number: u32,
    /// Its mode.
    pub mode: String,
    /// What was tested, as `enterprise/site/product`.
    pub target: String,
    /// The result.
    pub inspection_id: String,
    /// What came of it.
    pub outcome: String,
    /// Whether a failure is proved.
    pub proved: bool,
    /// Probability with which the test was expected to prove one.
    pub expected_finds: f64,
}

/// A result beside the lines.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanStrayDto {
    /// The result.
    pub inspection_id: String,
    /// Its mode.
    pub mode: String,
    /// What was tested, as `enterprise/site/product`.
    pub target: String,
    /// What came of it.
    pub outcome: String,
    /// Whether a failure is proved.
    pub proved: bool,
    /// Whether the target is a replacement that the plan names.
    pub reserve: bool,
}

/// What a filled list made.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FilledListDto {
    /// The plan.
    pub plan_id: String,
    /// Rows that were filled in.
    pub rows: usize,
    /// Results that are accepted.
    pub accepted: usize,
    /// Results that were known before.
    pub duplicates: usize,
    /// Rows that made no result, or one that was rejected.
    pub rejected: usize,
    /// The rows, sheet by sheet.
    pub items: Vec<FilledRowDto>,
}

/// What a filled row made.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FilledRowDto {
    /// On which sheet it stands.
    pub sheet: String,
    /// Its number there.
    pub row: u32,
    /// Number of its line in the plan, where it can be read.
    pub number: Option<usize>,
    /// The result.
    pub inspection_id: Option<String>,
    /// `accepted`, `duplicate`, `pending` (taken, and not known to be durable yet), `rejected` (kept as a dead
    /// letter) or `refused` (the row makes no result).
    pub status: String,
    /// The column or field at fault.
    pub field: Option<String>,
    /// What stands there.
    pub value: Option<String>,
    /// The rule that it breaks.
    pub rule: Option<String>,
}
