//! The burden of inspection as it is shown.

use risk_domain::subject::Subject;
use risk_domain::time::Day;
use risk_engine::{Burden, Engine, PriorCheck, Suspicion};
use serde::Serialize;
use utoipa::ToSchema;

/// What inspection asked of one enterprise（检查负担）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BurdenDto {
    /// The enterprise's number.
    pub enterprise: String,
    /// Its public name, where one is known.
    pub name: Option<String>,
    /// Visits: one for each day on which a team came to one of its places; a purchase online is none.
    pub visits: u32,
    /// Of which within the window that the policy names (`burden.window_days`).
    pub recent_visits: u32,
    /// Samples that were tested.
    pub tests: u32,
    /// Units taken, backup samples included.
    pub units: u64,
    /// What its samples cost the public, in fen.
    pub cost_fen: u64,
    /// Tests that failed.
    pub nonconforming: u32,
    /// Day of the last visit.
    pub last_visit: Option<String>,
    /// Until this day no routine visit must come; absent where none is owed a rest. Follow-ups,
    /// complaints and enforcement are exempt.
    pub rests_until: Option<String>,
}

impl BurdenDto {
    pub(crate) fn new(burden: &Burden, engine: &Engine) -> Self {
        let subject = Subject::Enterprise(burden.enterprise.clone());
        let text = |day: Option<Day>| day.as_ref().map(Day::to_string);
        Self {
            enterprise: burden.enterprise.to_string(),
            name: engine.title(&subject).map(str::to_owned),
            visits: burden.visits,
            recent_visits: burden.recent_visits,
            tests: burden.tests,
            units: burden.units,
            cost_fen: burden.cost_fen,
            nonconforming: burden.nonconforming,
            last_visit: text(burden.last_visit),
            rests_until: text(burden.rests_until),
        }
    }
}

/// Whether an article may be checked again（重复抽查）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RepeatDto {
    /// Whether it may.
    pub allowed: bool,
    /// What stands against it; absent where it may.
    pub prior: Option<PriorCheckDto>,
}

/// A check that keeps an article from being checked again（在先抽查）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PriorCheckDto {
    /// The result.
    pub inspection_id: String,
    /// Day of the sample.
    pub day: String,
    /// Who ordered it.
    pub agency: String,
    /// That agency's level.
    pub level: String,
    /// From this day on the article is free again.
    pub until: String,
}

impl PriorCheckDto {
    pub(crate) fn new(check: &PriorCheck) -> Self {
        Self {
            inspection_id: check.inspection_id.to_string(),
            day: check.day.to_string(),
            agency: check.agency.to_string(),
            level: check.level.code().to_owned(),
            until: check.until.to_string(),
        }
    }
}

/// What looks like evasion（规避检查的迹象）.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuspicionDto {
    /// reregistered, clean_when_foreseen or heaped_at_limit.
    pub kind: String,
    /// An enterprise's number; that of a laboratory or a team for heaped_at_limit.
    pub subject: String,
    /// The enterprise that failed before, for reregistered.
    pub before: Option<String>,
    /// The item whose measurements are heaped.
    pub item: Option<String>,
    /// How often chance alone shows as much; absent for a sign that is a fact.
    pub p_value: Option<f64>,
    /// Ledger entries of the results that it rests on.
    pub entries: Vec<u64>,
    /// What was found, in Chinese.
    pub reason_zh: String,
    /// What was found, in English.
    pub reason_en: String,
}

impl SuspicionDto {
    pub(crate) fn new(sign: &Suspicion) -> Self {
        Self {
            kind: sign.kind.code().to_owned(),
            subject: sign.subject.to_string(),
            before: sign.before.as_ref().map(ToString::to_string),
            item: sign.item.as_ref().map(ToString::to_string),
            p_value: sign.p_value,
            entries: sign.entries.clone(),
            reason_zh: sign.reason_zh.clone(),
            reason_en: sign.reason_en.clone(),
        }
    }
}
