//! What the API shows. These shapes are a contract of their own: a change here is seen in
//! `docs/openapi.json`, and nothing inside follows from it.

mod acceptance;
mod alert;
mod assessment;
mod audit;
mod burden;
mod case;
mod compare;
mod decision;
mod delivery;
mod draw;
mod evaluation;
mod evidence;
mod lists;
mod observers;
pub(crate) mod pack;
mod personal;
mod plan;
mod plan_results;
mod rates;
mod reference;
mod report;
mod session;
mod signal;
mod supply;
mod watch;

pub use acceptance::AcceptancePlanDto;
pub use alert::{
    AlertDetailDto, AlertDto, AlertEventDto, AlertMoveDto, ClosingDto, RaiseDto, SnoozeDto,
};
pub(crate) use assessment::Names;
pub use assessment::{
    AssessmentDto, ContributionDto, EvidenceDto, IntervalDto, PartDto, SubjectDto,
};
pub use audit::{AuditDto, FieldChangeDto};
pub use burden::{BurdenDto, PriorCheckDto, RepeatDto, SuspicionDto};
pub use case::{
    CaseDiagramDto, CaseDto, CaseEdgeDto, CaseEventDto, CaseFileDto, DeadlineDto, MeasureDto,
    ProposalDto, StepDto,
};
pub use compare::{ComparedDto, ComparisonDto, CounterfactualDto, DifferenceDto};
pub use decision::{AnswerDto, DecidedDto, DecisionDto};
pub use delivery::{DeliveryDto, WebhookDto, WebhooksDto};
pub use draw::{BeaconValueDto, CommitmentDto, DrawDto, PlanStateDto};
pub use evaluation::{
    CoverageDto, CoverageReportDto, ExplorationDto, FairnessDto, FairnessReportDto, OffPolicyDto,
    PlanEvaluationDto, RaceDto, RaceListedDto, RaceOutcomeDto, RaceStateDto, WithinDto,
};
pub use evidence::{BehindDto, EvidenceResultDto};
pub use lists::{
    AssistedDto, AssistedForDto, CandidateDto, ClassDto, CorrectiveActionDto, CreditDto,
    CreditRowDto, DutyDto, MetDto, ProblemRowDto,
};
pub use observers::{
    MethodDto, MethodPeriodDto, ObserverPeriodDto, ObserversDto, OddsRatioDto, ShareDto,
    StrictnessDto,
};
pub use personal::{ErasedDto, ErasureAsk, ErasureDto, KeptDto, KeptMonthDto, PersonalDto};
pub use plan::{
    BudgetPointDto, ClashDto, ExpectedDto, PlanDto, PlanLineDto, PlanListDto, PlanRatioDto,
    PlanSamplesDto, PlanSelectionDto, PlanSummaryDto, PlanTargetDto, PrecisionDto, ReserveDto,
    SentenceDto, ShadowPriceDto, ShortfallDto,
};
pub use plan_results::{
    FilledListDto, FilledRowDto, PlanModeResultsDto, PlanResultDto, PlanResultsDto, PlanStrayDto,
};
pub use rates::{
    AdjustedEffectDto, CampaignEffectDto, ChangeDto, NoticeDto, PassRateDto, PeriodRatesDto,
    RatesDto, TargetDto,
};
pub use reference::{
    CellHeatDto, HazardNameDto, HeatDto, MethodNameDto, PolicyDto, ProductNameDto, ReferenceDto,
    SectorNameDto, SiteDto, TestItemDto, ZoneNameDto,
};
pub use report::{
    BasisDto, LetterDto, LetterResultDto, ObjectionDto, ReportAlertDto, ReportAlertsDto,
    ReportCasesDto, ReportDto, ReportDueDto, ReportLevelDto, ReportListsDto, ReportPartDto,
    ReportPlanDto, ReportProblemDto, ReportQualityDto, ZoneSheetDto,
};
pub use session::{EndedDto, OpenSessionDto, SessionDto, WaysDto};
pub use signal::SignalDto;
pub use supply::{InfluenceDto, SharedPathDto};
pub use watch::OutbreakDto;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use risk_store::{DeadLetter, Disclosed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins: pass it as `cursor`. Absent on the last page. A page may hold
    /// fewer items than asked for and still have a next one.
    pub next: Option<String>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatusDto {
    /// It was applied.
    Accepted,
    /// It was known before, and changed nothing.
    Duplicate,
    /// It was rejected, and is kept as a dead letter.
    Rejected,
}

/// What became of one posted record.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct ReceiptDto {
    /// Its line in the body, or its place in the array, from 1.
    pub line: usize,
    /// A result's `inspection_id`, where one can be read.
    pub inspection_id: Option<String>,
    /// The `update_id` of what the register says, where one can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_id: Option<String>,
    /// A command's `command_id`, where one can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// A signal's `signal_id`, where one can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_id: Option<String>,
    /// What became of it.
    pub status: ReceiptStatusDto,
    /// Why it was rejected: a code of the closed list in docs/wire.md.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Which field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The rule it breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// What became of a post.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostedDto {
    /// Records applied.
    pub accepted: usize,
    /// Records known before.
    pub duplicates: usize,
    /// Records rejected, and kept as dead letters.
    pub rejected: usize,
    /// Record by record, in the order of the body.
    pub items: Vec<ReceiptDto>,
}

/// A post that was taken, but is not known to be durable yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingDto {
    /// Always `pending`.
    pub status: String,
    /// Records taken.
    pub records: usize,
    /// What to do.
    pub detail: String,
}

/// As much of a record as its receipt shows.
/// Ids of a posted record, where they can be read.
#[derive(Debug, Default, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the published formats"
)]
pub(crate) struct RecordIds {
    /// A result's.
    pub(crate) inspection_id: Option<String>,
    /// Of what the register says.
    pub(crate) update_id: Option<String>,
    /// A command's.
    pub(crate) command_id: Option<String>,
    /// A signal's.
    pub(crate) signal_id: Option<String>,
}

impl RecordIds {
    pub(crate) fn of(record: &[u8]) -> Self {
        serde_json::from_slice(record).unwrap_or_default()
    }
}

/// Bytes in JSON: as text where they are UTF-8, else in base64.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BytesDto {
    /// UTF-8.
    Text(String),
    /// Anything else, in standard base64.
    Base64(String),
}

impl BytesDto {
    fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(
            |error| Self::Base64(STANDARD.encode(error.as_bytes())),
            Self::Text,
        )
    }
}

/// A dead letter（死信）: a record that was rejected, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeadLetterDto {
    /// Its ledger entry, under which `/v1/dead-letters/{entry}` shows it.
    pub entry: u64,
    /// Reason code, of the closed list in docs/wire.md.
    pub code: String,
    /// The field at fault; empty or `$` for the record as a whole.
    pub field: String,
    /// The value found there, shortened.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
    /// The source it was read from.
    pub source: String,
    /// The partition of that source.
    pub partition: i32,
    /// Its offset there.
    pub offset: u64,
    /// When the broker or the intake took it, RFC 3339.
    pub received_at: String,
    /// Bytes of the record.
    pub bytes: u64,
    /// Its key, if it had one.
    pub key: Option<BytesDto>,
    /// The record, whole. In lists it is absent where it is longer than 64 KiB.
    pub record: Option<BytesDto>,
    /// Why value, key and record cannot be read any more.
    pub erased: Option<ErasedDto>,
}

impl DeadLetterDto {
    /// Its record is left out where it is longer than `longest`.
    pub(crate) fn new(entry: u64, letter: DeadLetter, longest: u64) -> Self {
        let summary = letter.summary;
        let (rejected, erased) = match letter.rejected {
            Disclosed::Shown(rejected) => (Some(rejected), None),
            Disclosed::Gone(gone) => (None, Some(ErasedDto::of(&gone))),
        };
        let (value, key, record) = rejected.map_or((None, None, None), |of| {
            let whole = summary.bytes <= longest;
            let record = whole.then_some(BytesDto::of(of.record));
            (Some(of.value), of.key.filter(|_| whole), record)
        });
        Self {
            entry,
            code: summary.code,
            field: summary.field,
            value: value.unwrap_or_default(),
            rule: summary.rule,
            source: summary.partition.source.to_string(),
            partition: summary.partition.partition,
            offset: summary.offset,
            received_at: summary.received_at.to_string(),
            bytes: summary.bytes,
            key: key.map(BytesDto::of),
            record,
            erased,
        }
    }
}

/// How the ledger stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerDto {
    /// Entries that are durable.
    pub entries: u64,
    /// Blocks that are durable.
    pub blocks: u64,
    /// Merkle root of these entries (RFC 6962), in hexadecimal.
    pub root: String,
    /// Entries that the views show; fewer than `entries` while they follow.
    pub shown: u64,
}

/// The ledger's head, signed（签名检查点）.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckpointDto {
    /// Entries that it is about.
    pub size: u64,
    /// Merkle root of these entries (RFC 6962), in hexadecimal.
    pub root: String,
    /// The same as a signed note (C2SP `tlog-checkpoint` and `signed-note`): keep it.
    pub checkpoint: String,
    /// The key that checks the signature. Take it from elsewhere than the pack that it checks.
    pub key: String,
}

/// Where things stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusDto {
    /// End of the last closed epoch, RFC 3339.
    pub closed_until: Option<String>,
    /// Subjects by kind and recorded level.
    pub subjects: BTreeMap<String, BTreeMap<String, u64>>,
    /// Alerts that are not closed, by state and level.
    pub alerts: BTreeMap<String, BTreeMap<String, u64>>,
    /// Open cases, by kind.
    pub cases: BTreeMap<String, CaseCountDto>,
    /// Version of the policy in force.
    pub policy_version: String,
    /// The ledger's size and root.
    pub ledger: LedgerDto,
    /// Dead letters by reason code.
    pub dead_letters: BTreeMap<String, u64>,
    /// What to be wary of in grades and rates: evidence that they rest on is missing.
    pub cautions: Vec<NoticeDto>,
    /// Why this process is not ready; empty when it is.
    pub not_ready: Vec<String>,
    /// What should be looked at although the process is ready: a parked endpoint.
    pub warnings: Vec<String>,
}

/// Open cases of a kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseCountDto {
    /// How many there are.
    pub open: u64,
    /// Of which with a term that lapsed without being kept.
    pub overdue: u64,
}

/// A problem, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDto {
    /// Stable for each kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// In a few words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What to do about it.
    pub detail: String,
    /// Which parameter or field.
    pub field: Option<String>,
    /// The rule that it breaks.
    pub rule: Option<String>,
}
