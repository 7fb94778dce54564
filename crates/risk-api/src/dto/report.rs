//! Reports（周报、月调度）, sheets and letters, as they are shown.

use super::{AssessmentDto, CounterfactualDto, NoticeDto, PassRateDto, PeriodRatesDto};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a report is made of: the same ledger and period give the same report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BasisDto {
    /// First day of the period.
    pub from: String,
    /// First day after it.
    pub until: String,
    /// Whether all its weeks have closed. Results of samples taken in it may still be reported.
    pub complete: bool,
    /// Entries of the ledger that it was made of.
    pub ledger_entries: u64,
    /// End of the last close in them, RFC 3339.
    pub as_of: String,
    /// Version of the policy.
    pub policy_version: String,
    /// SHA-256 of the policy.
    pub policy_hash: String,
}

/// A part of what a report is about: a sector or a zone of the city, a product of a sector, a zone of a zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportPartDto {
    /// The part, as `kind:id`.
    pub domain: String,
    /// Its name.
    pub name: String,
    /// Its English name.
    pub name_en: String,
    /// Raw, all modes together; absent without a result.
    pub raw: Option<PassRateDto>,
    /// Its rates of the period.
    pub rates: PeriodRatesDto,
}

/// Alerts of a level in a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportLevelDto {
    /// one, two, three or four.
    pub level: String,
    /// Opened in the period.
    pub opened: u64,
    /// Open at its end.
    pub open: u64,
}

/// An alert in a report.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportAlertDto {
    /// Its id.
    pub id: String,
    /// Its level.
    pub level: String,
    /// About whom.
    pub subject: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// Its English name, where the reference data have one.
    pub name_en: Option<String>,
    /// When it opened, RFC 3339.
    pub opened_at: String,
    /// Where it stands by now.
    pub state: String,
    /// The same in Chinese.
    pub state_zh: String,
    /// Why, in Chinese.
    pub reason_zh: String,
    /// The same in English.
    pub reason_en: String,
}

/// Alerts of a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportAlertsDto {
    /// Opened in the period.
    pub opened: u64,
    /// Closed in it.
    pub closed: u64,
    /// Open at its end.
    pub open: u64,
    /// The same by level, the gravest first.
    pub by_level: Vec<ReportLevelDto>,
    /// Opened in the period, by the rule of the gravest raise.
    pub by_rule: BTreeMap<String, u64>,
    /// Open at its end, the gravest and oldest first, at most twenty.
    pub gravest: Vec<ReportAlertDto>,
}

/// Cases of a kind in a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportCasesDto {
    /// The kind.
    pub kind: String,
    /// The kind in Chinese.
    pub kind_zh: String,
    /// Opened in the period.
    pub opened: u64,
    /// Closed in it.
    pub closed: u64,
    /// Open at its end.
    pub open: u64,
    /// Of these, those with a term that had lapsed by then.
    pub overdue: u64,
}

/// A case that is overdue, or will be soon.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportDueDto {
    /// Its id.
    pub case_id: String,
    /// The kind.
    pub kind: String,
    /// The kind in Chinese.
    pub kind_zh: String,
    /// The enterprise with the product, as `cell:enterprise:product`.
    pub subject: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// Its English name, where there is one.
    pub name_en: Option<String>,
    /// Where it stands.
    pub state: String,
    /// Which term.
    pub term: String,
    /// The clause that the term rests on.
    pub basis: String,
    /// Last day of the term.
    pub last_day: String,
    /// Whether it had lapsed by the end of the period.
    pub overdue: bool,
}

/// An open problem in a report.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportProblemDto {
    /// Whose.
    pub enterprise_id: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// The product, where one is named.
    pub product: Option<String>,
    /// What failed, or what officers wrote.
    pub problem: String,
    /// found, listed, planned or overdue.
    pub state: String,
    /// Failures that it covers.
    pub failures: u32,
    /// Until when it is to be put right, where that is planned.
    pub due: Option<String>,
}

/// Lists at the end of a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportListsDto {
    /// Problems by where they stand.
    pub problems: BTreeMap<String, u64>,
    /// Verified within the period.
    pub verified: u64,
    /// Of the open ones, those that came again after they had been verified.
    pub recurring: u64,
    /// Enterprises on the assistance list.
    pub assisted: u64,
    /// By reason; one enterprise may have several.
    pub assisted_by: BTreeMap<String, u64>,
    /// Open problems, overdue ones first, at most twenty.
    pub open: Vec<ReportProblemDto>,
}

/// What came of a plan's random draw. Whom it named stands in the plan alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportPlanDto {
    /// The plan.
    pub plan_id: String,
    /// Its first day.
    pub day: String,
    /// Tests on its list.
    pub tests: u64,
    /// Of these, drawn at random.
    pub drawn: u64,
    /// Results that name the draw.
    pub done: u64,
    /// Of these, failures.
    pub failures: u64,
    /// Failures that were expected of all that were drawn.
    pub expected: f64,
}

/// How good the data of a period are（数据质量）.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportQualityDto {
    /// Results that count, of samples taken in the period.
    pub results: u64,
    /// Of these, of modes that draw at random.
    pub random: u64,
    /// Of these, with a logged inclusion probability.
    pub with_probability: u64,
    /// Targets in the frame that were tested and are not registered; absent where there is no register.
    pub unregistered: Option<u64>,
    /// Dead letters by code, of all time; absent for a part of the city: nobody knows whose they are.
    pub dead_letters: Option<BTreeMap<String, u64>>,
}

/// A weekly or monthly report（周报、月调度）.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportDto {
    /// weekly or monthly.
    pub kind: String,
    /// About what: city, or a sector or zone as `kind:id`.
    pub domain: String,
    /// Its name.
    pub name: String,
    /// Its English name.
    pub name_en: String,
    /// What it is made of.
    pub basis: BasisDto,
    /// Results of equal weight below which a rate says too little and is shown in grey.
    pub least_effective: f64,
    /// What a reader should know of the rates.
    pub notices: Vec<NoticeDto>,
    /// Raw, all modes together; absent without a result.
    pub raw: Option<PassRateDto>,
    /// Rates of the period.
    pub rates: PeriodRatesDto,
    /// Rates of up to thirteen periods up to this one, the oldest first.
    pub history: Vec<PeriodRatesDto>,
    /// Rates of its parts.
    pub parts: Vec<ReportPartDto>,
    /// Alerts.
    pub alerts: ReportAlertsDto,
    /// Cases by kind.
    pub cases: Vec<ReportCasesDto>,
    /// Cases that are overdue or due within two weeks of the period's end, at most twenty.
    pub due: Vec<ReportDueDto>,
    /// Lists.
    pub lists: ReportListsDto,
    /// Plans whose first day lies in the period; empty for a part of the city.
    pub plans: Vec<ReportPlanDto>,
    /// Data quality.
    pub quality: ReportQualityDto,
}

/// A zone manager's sheet（市场开办者一页通）.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneSheetDto {
    /// The zone.
    pub zone: String,
    /// Its name.
    pub name: String,
    /// Its English name.
    pub name_en: String,
    /// What it is made of.
    pub basis: BasisDto,
    /// Its recorded grade.
    pub grade: Option<AssessmentDto>,
    /// Alerts of the zone.
    pub alerts: ReportAlertsDto,
    /// Cases by kind.
    pub cases: Vec<ReportCasesDto>,
    /// Cases that are overdue or due soon.
    pub due: Vec<ReportDueDto>,
    /// Lists.
    pub lists: ReportListsDto,
}

/// Until when an objection may be raised（异议期限）, as the policy has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObjectionDto {
    /// The term in Chinese, as `15日`.
    pub term_zh: String,
    /// The same in English.
    pub term_en: String,
    /// The clause.
    pub basis: String,
    /// How sure that is: V1 primary text, V2 secondary source, M recalled, D the bureau's own.
    pub mark: String,
}

/// A failure that an enterprise's grade rests on.
#[derive(Debug, Serialize, ToSchema)]
pub struct LetterResultDto {
    /// The result.
    pub inspection_id: String,
    /// Day of the sample.
    pub sampled_on: String,
    /// The mode.
    pub mode: String,
    /// The product, as the record names it.
    pub product: String,
    /// How it came out.
    pub outcome: String,
    /// Items that failed, with their clauses where those are named.
    pub items: Vec<String>,
}

/// Why an enterprise has its grade（风险等级说明函）: for the enterprise, and naming nobody else.
#[derive(Debug, Serialize, ToSchema)]
pub struct LetterDto {
    /// The enterprise's number.
    pub enterprise_id: String,
    /// Its name, where one is known.
    pub name: Option<String>,
    /// Entries of the ledger that it was made of.
    pub ledger_entries: u64,
    /// The grade that stands.
    pub grade: AssessmentDto,
    /// Its failures and refusals, the newest first, at most twenty.
    pub failures: Vec<LetterResultDto>,
    /// What would lower the level.
    pub counterfactual: Option<CounterfactualDto>,
    /// How long the enterprise may object to a result.
    pub objection: Option<ObjectionDto>,
}
