//! The lists of a supervision plan as they are shown.

use risk_domain::ids::EnterpriseId;
use risk_domain::reference::Mark;
use risk_domain::subject::Subject;
use risk_engine::Engine;
use risk_engine::lists::{
    Assisted, Candidate, ClassRow, CorrectiveAction, CreditRow, DutyRow, ProblemRow,
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

fn name_of(enterprise: &EnterpriseId, engine: &Engine) -> Option<String> {
    let subject = Subject::Enterprise(enterprise.clone());
    engine.title(&subject).map(str::to_owned)
}

/// A row of the problem list（问题清单）with the plan against it（一企一策）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProblemRowDto {
    /// The enterprise's number.
    pub enterprise: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// The command that listed it: what `of` names in commands on it. Absent of what was only found.
    pub problem_id: Option<String>,
    /// found, listed, planned, overdue, verified or withdrawn.
    pub state: String,
    /// What is wrong, as it was listed.
    pub problem: Option<String>,
    /// The product.
    pub product: Option<String>,
    /// The code of the item that failed.
    pub item: Option<String>,
    /// Its name.
    pub item_name: Option<String>,
    /// The clause that it breaks.
    pub clause: Option<String>,
    /// The hazard.
    pub hazard: Option<String>,
    /// Failures that it covers.
    pub failures: u32,
    /// Day of the first of them, else of the listing.
    pub first: String,
    /// Day of the last of them, else of the listing.
    pub last: String,
    /// It failed again after an earlier problem of the same item was verified.
    pub recurs: bool,
    /// Zones of the failures.
    pub zones: Vec<String>,
    /// Ledger entries of the failures.
    pub entries: Vec<u64>,
    /// Who listed it.
    pub listed_by: Option<String>,
    /// Where it comes from.
    pub cause: Option<String>,
    /// What is done against it.
    pub measure: Option<String>,
    /// Who sees to it.
    pub owner: Option<String>,
    /// The last day for it.
    pub due: Option<String>,
    /// Who planned that.
    pub planned_by: Option<String>,
    /// When a second person saw that it is done, RFC 3339.
    pub verified_at: Option<String>,
    /// Who that was.
    pub verified_by: Option<String>,
}

impl ProblemRowDto {
    pub(crate) fn new(row: &ProblemRow, engine: &Engine) -> Self {
        let listed = row.listed.as_ref();
        let plan = listed.and_then(|listed| listed.plan.as_ref());
        let verified = listed.and_then(|listed| listed.verified.as_ref());
        let planned_by = listed.and_then(|listed| listed.planned_by.as_ref());
        Self {
            enterprise: row.enterprise.to_string(),
            name: name_of(&row.enterprise, engine),
            problem_id: listed.map(|listed| listed.id.to_string()),
            state: row.standing.code().to_owned(),
            problem: listed.map(|listed| listed.problem.text.to_string()),
            product: row.product.as_ref().map(ToString::to_string),
            item: row.item.as_ref().map(ToString::to_string),
            item_name: row.item_name.as_ref().map(ToString::to_string),
            clause: row.clause.as_ref().map(ToString::to_string),
            hazard: row.hazard.as_ref().map(ToString::to_string),
            failures: row.failures,
            first: row.first.to_string(),
            last: row.last.to_string(),
            recurs: row.recurs,
            zones: row.zones.iter().map(ToString::to_string).collect(),
            entries: row.entries.clone(),
            listed_by: listed.map(|listed| listed.listed_by.to_string()),
            cause: plan.map(|plan| plan.cause.to_string()),
            measure: plan.map(|plan| plan.measure.to_string()),
            owner: plan.map(|plan| plan.owner.to_string()),
            due: plan.map(|plan| plan.due.to_string()),
            planned_by: planned_by.map(ToString::to_string),
            verified_at: verified.map(|(at, _)| at.to_string()),
            verified_by: verified.map(|(_, by)| by.to_string()),
        }
    }
}

/// Why an enterprise is to be assisted（帮扶事由）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AssistedForDto {
    /// media_exposure, repeated_failures or complaint_cluster.
    pub reason: String,
    /// How many.
    pub count: u32,
    /// Within how many days.
    pub days: i32,
    /// Day of the last.
    pub last: String,
    /// Ids of the signals, or of the results, that it rests on.
    pub behind: Vec<String>,
}

/// An enterprise that is to be assisted（帮扶清单）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AssistedDto {
    /// The enterprise's number.
    pub enterprise: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// Why.
    pub reasons: Vec<AssistedForDto>,
    /// Its problems, counted by state; `GET /v1/lists/problems?enterprise=` has them.
    pub problems: BTreeMap<String, u32>,
}

impl AssistedDto {
    pub(crate) fn new(row: &Assisted, engine: &Engine) -> Self {
        let reasons = row.reasons.iter().map(|one| AssistedForDto {
            reason: one.reason.code().to_owned(),
            count: one.count,
            days: one.days,
            last: one.last.to_string(),
            behind: one.behind.clone(),
        });
        let problems = row.problems.iter();
        let problems = problems.map(|(standing, count)| (standing.code().to_owned(), *count));
        Self {
            enterprise: row.enterprise.to_string(),
            name: name_of(&row.enterprise, engine),
            reasons: reasons.collect(),
            problems: problems.collect(),
        }
    }
}

/// A credit class in a month（信用风险类别）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ClassDto {
    /// A, B, C or D.
    pub class: String,
    /// Enterprises in it at the end of the month.
    pub enterprises: u32,
    /// Of which inspected within the months that count.
    pub inspected: u32,
    /// Of all of them, those whose class the credit system should have told anew.
    pub stale: u32,
    /// Inspected by all; absent of an empty class.
    pub ratio: Option<f64>,
    /// The least share that is to be inspected.
    pub from: f64,
    /// The greatest.
    pub to: f64,
    /// How sure these shares are: V1 primary text, V2 secondary source, M recalled, D the bureau's own.
    pub mark: String,
    /// Whether the ratio lies between them; absent of an empty class.
    pub within: Option<bool>,
    /// How many more are to be visited until the least share is reached.
    pub owed: u32,
    /// How many more may be visited until the greatest share is passed.
    pub room: u32,
}

impl ClassDto {
    pub(crate) fn new(row: &ClassRow) -> Self {
        Self {
            class: row.class.code().to_owned(),
            enterprises: row.enterprises,
            inspected: row.inspected,
            stale: row.stale,
            ratio: row.ratio,
            from: row.band.from,
            to: row.band.to,
            mark: row.band.mark.code().to_owned(),
            within: row.within(),
            owed: row.owed(),
            room: row.room(),
        }
    }
}

/// An enterprise and its credit class in a month.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CreditRowDto {
    /// The enterprise's number.
    pub enterprise: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// A, B, C or D, at the end of the month.
    pub class: String,
    /// Since which day.
    pub since: String,
    /// Whether the credit system should have told another by then.
    pub stale: bool,
    /// Visits within the months that count.
    pub visits: u32,
}

impl CreditRowDto {
    pub(crate) fn new(row: &CreditRow, engine: &Engine) -> Self {
        Self {
            enterprise: row.enterprise.to_string(),
            name: name_of(&row.enterprise, engine),
            class: row.class.code().to_owned(),
            since: row.since.to_string(),
            stale: row.stale,
            visits: row.visits,
        }
    }
}

/// Credit classes of a month（企业信用风险分类）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CreditDto {
    /// First day of the months in which inspections count.
    pub from: String,
    /// Last day of the month.
    pub until: String,
    /// By class, A first.
    pub classes: Vec<ClassDto>,
    /// Enterprises, in the order of their numbers.
    pub items: Vec<CreditRowDto>,
    /// The cursor of the next page; absent on the last.
    pub next: Option<String>,
}

/// A criterion that a candidate meets（列入情形）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MetDto {
    /// heavy_penalty, licence_revoked or business_stopped; beside one of these severe_hazard,
    /// repeated_failures, refusal or tampering.
    pub criterion: String,
    /// Whether it is a grave penalty, without which nobody is a candidate.
    pub penalty: bool,
    /// The clause it rests on.
    pub basis: String,
    /// How sure that is: V1 primary text, V2 secondary source, M recalled, D the bureau's own.
    pub mark: String,
    /// How often it is met.
    pub count: u32,
    /// On which day last.
    pub last: String,
    /// The cases or results that it rests on.
    pub behind: Vec<String>,
}

/// A candidate for the list of serious violations（拟列入对象）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CandidateDto {
    /// The enterprise's number.
    pub enterprise: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// The criteria that it meets, grave penalties first.
    pub criteria: Vec<MetDto>,
    /// Cases in which it stands on the list already.
    pub listed: Vec<String>,
}

impl CandidateDto {
    pub(crate) fn new(row: &Candidate, engine: &Engine) -> Self {
        let clauses = &engine.policy().lists.serious.criteria;
        let criteria = row.met.iter().map(|met| {
            let clause = clauses.get(&met.criterion);
            MetDto {
                criterion: met.criterion.code().to_owned(),
                penalty: met.criterion.is_penalty(),
                basis: clause.map_or_else(String::new, |clause| clause.basis.clone()),
                mark: clause
                    .map_or(Mark::M, |clause| clause.mark)
                    .code()
                    .to_owned(),
                count: met.count,
                last: met.last.to_string(),
                behind: met.behind.clone(),
            }
        });
        Self {
            enterprise: row.enterprise.to_string(),
            name: name_of(&row.enterprise, engine),
            criteria: criteria.collect(),
            listed: row.listed.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Records of one duty of one enterprise（主体责任台账）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DutyDto {
    /// The enterprise's number.
    pub enterprise: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// daily, weekly or monthly.
    pub duty: String,
    /// Its Chinese name.
    pub duty_zh: String,
    /// The first day that was ever recorded.
    pub since: String,
    /// The last.
    pub last: String,
    /// Days, weeks or months with a record.
    pub recorded: u32,
    /// Of which without any risk found.
    pub zero_risk: u32,
    /// How many are missing.
    pub missing: u32,
    /// First days of those that are, the oldest first, at most a hundred.
    pub missing_from: Vec<String>,
    /// How many are missing of those still asked for (`remind_days` of the policy), whatever the window.
    pub missing_lately: u32,
    /// What follows from those: none, remind or order.
    pub step: String,
}

impl DutyDto {
    pub(crate) fn new(row: &DutyRow, engine: &Engine) -> Self {
        Self {
            enterprise: row.enterprise.to_string(),
            name: name_of(&row.enterprise, engine),
            duty: row.duty.code().to_owned(),
            duty_zh: row.duty.zh().to_owned(),
            since: row.since.to_string(),
            last: row.last.to_string(),
            recorded: row.recorded,
            zero_risk: row.zero_risk,
            missing: row.missing.len() as u32,
            missing_from: row
                .missing
                .iter()
                .take(100)
                .map(ToString::to_string)
                .collect(),
            missing_lately: row.missing_lately,
            step: row.step.code().to_owned(),
        }
    }
}

/// What was done to goods（处置措施台账）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CorrectiveActionDto {
    /// On which day.
    pub day: String,
    /// At which enterprise.
    pub enterprise: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// In which case.
    pub case_id: String,
    /// Of which product.
    pub product: String,
    /// In which zone.
    pub zone: String,
    /// Which measure.
    pub kind: String,
    /// How many units; absent where it does not count in units.
    pub quantity: Option<u32>,
    /// The unit.
    pub unit: Option<String>,
}

impl CorrectiveActionDto {
    pub(crate) fn new(row: &CorrectiveAction, engine: &Engine) -> Self {
        Self {
            day: row.day.to_string(),
            enterprise: row.enterprise.to_string(),
            name: name_of(&row.enterprise, engine),
            case_id: row.case.to_string(),
            product: row.product.to_string(),
            zone: row.zone.to_string(),
            kind: row.kind.code().to_owned(),
            quantity: row.quantity,
            unit: row.unit.as_ref().map(ToString::to_string),
        }
    }
}
