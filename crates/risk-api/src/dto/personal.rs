//! What is personal, as it is shown, and what became of it.

use risk_store::Gone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What of a signal is personal（个人信息）.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonalDto {
    /// The signal.
    pub signal_id: String,
    /// Its ledger entry.
    pub entry: u64,
    /// Who complains, or was hurt.
    pub person: Option<String>,
    /// How they are reached.
    pub contact: Option<String>,
    /// What they say, in their words.
    pub words: Option<String>,
    /// Why it cannot be read any more.
    pub erased: Option<ErasedDto>,
}

/// Why something personal cannot be read any more（已删除）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasedDto {
    /// The ledger entry that says so; absent where the key is missing and no erasure says why.
    pub entry: Option<u64>,
    /// When, RFC 3339.
    pub at: Option<String>,
    /// On which ground: retention, purpose_ended, consent_withdrawn, unlawful or other_law.
    pub rule: Option<String>,
    /// The ground, in Chinese.
    pub rule_zh: Option<String>,
    /// Why, as whoever did it put it; of a retention, the policy's line.
    pub reason: Option<String>,
}

impl ErasedDto {
    pub(crate) fn of(gone: &Gone) -> Self {
        let erasure = gone.erasure.as_ref();
        Self {
            entry: erasure.map(|(entry, _)| *entry),
            at: erasure.map(|(_, erasure)| erasure.at.to_string()),
            rule: erasure.map(|(_, erasure)| erasure.rule.code().to_owned()),
            rule_zh: erasure.map(|(_, erasure)| erasure.rule.zh().to_owned()),
            reason: erasure.map(|(_, erasure)| erasure.reason.to_string()),
        }
    }
}

/// An erasure that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureAsk {
    /// On which ground of article 47 of the Personal Information Protection Law: retention, purpose_ended,
    /// consent_withdrawn, unlawful or other_law.
    pub rule: String,
    /// Why, without people's names: it is kept in the ledger. 1 to 500 characters on one line.
    pub reason: String,
}

/// An erasure that was done（个人信息删除）.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasureDto {
    /// When, RFC 3339.
    pub at: String,
    /// On which ground.
    pub rule: String,
    /// The keys that were destroyed: one for each kind of record and month.
    pub keys: Vec<String>,
}

/// What the ledger still holds of people（个人信息留存）.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeptDto {
    /// Version of the policy that says how long it is kept.
    pub retention_version: String,
    /// By kind and month, the oldest first.
    pub kept: Vec<KeptMonthDto>,
}

/// What of one kind was taken in in one month.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeptMonthDto {
    /// complaint, tip, signal or dead_letter.
    pub kind: String,
    /// The month in which it was taken in, as `2026-03`.
    pub month: String,
    /// Keys: of complaints, tips and signals one a person, of dead letters one each.
    pub keys: u64,
    /// For how many whole months after it the policy keeps it.
    pub kept_months: u32,
    /// The day on which the policy erases it.
    pub erased_from: String,
}
