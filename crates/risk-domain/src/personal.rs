//! What is personal（个人信息）, and how it goes: keys of personal sections, and their erasure.
//!
//! What the ledger holds of people is encrypted. Each person has keys of their own, one for each kind of
//! record and month, so that a person's data go at once when they ask for it, and a month's when its time is
//! over. An erasure destroys keys; what they locked stays where it is, proved as before and readable by nobody.

use crate::ids::ActorId;
use crate::plan_act::hexadecimal;
use crate::scales::{Role, named_scale};
use crate::signal::SignalKind;
use crate::time::Timestamp;
use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Names a key of personal sections（密钥编号）: 16 random bytes, written as 32 lower-case hexadecimal digits. It
/// says nothing of whose it is.
#[doc(alias = "密钥编号")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

/// Why a text names no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 lower-case hexadecimal digits")]
pub struct NoKeyId;

impl FromStr for KeyId {
    type Err = NoKeyId;

    fn from_str(text: &str) -> Result<Self, NoKeyId> {
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(digits) {
            return Err(NoKeyId);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_error| NoKeyId)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

named_scale! {
    /// Kinds of records that hold what is personal（个人信息类别）; each is kept for a time of its own.
    #[doc(alias = "个人信息类别")]
    PersonalKind {
        /// 投诉: who complains, and what they say.
        Complaint = "complaint",
        /// 举报: who reports a breach of the law, and what they say.
        Tip = "tip",
        /// 其他风险信号: who was hurt, or is named by other signals.
        Signal = "signal",
        /// 死信: a record that could not be read, which may hold anything.
        DeadLetter = "dead_letter",
    }
}

impl PersonalKind {
    /// The kind of what a signal says of people.
    pub fn of_signal(kind: SignalKind) -> Self {
        match kind {
            SignalKind::Complaint => Self::Complaint,
            SignalKind::Tip => Self::Tip,
            SignalKind::MediaExposure
            | SignalKind::Recall
            | SignalKind::Accident
            | SignalKind::CreditClass
            | SignalKind::ExternalCheck
            | SignalKind::OnlineMonitoring
            | SignalKind::DutyRecord => Self::Signal,
        }
    }
}

named_scale! {
    /// On which ground personal data are erased（删除依据）: article 47 of the Personal Information
    /// Protection Law（个人信息保护法）.
    #[doc(alias = "删除依据")]
    ErasureRule {
        /// 保存期限届满: the time for which they are kept is over.
        Retention = "retention",
        /// 处理目的已实现或不再必要: they are no longer needed.
        PurposeEnded = "purpose_ended",
        /// 个人撤回同意: the person withdrew their consent.
        ConsentWithdrawn = "consent_withdrawn",
        /// 违反法律、行政法规处理: they should not have been taken in.
        Unlawful = "unlawful",
        /// 法律、行政法规规定的其他情形: another law says so.
        OtherLaw = "other_law",
    }
}

impl ErasureRule {
    /// Its Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Retention => "保存期限届满",
            Self::PurposeEnded => "处理目的已实现或不再必要",
            Self::ConsentWithdrawn => "个人撤回同意",
            Self::Unlawful => "违反法律、行政法规处理",
            Self::OtherLaw => "法律、行政法规规定的其他情形",
        }
    }
}

/// An erasure（个人信息删除）: which keys were destroyed, when, by whom, on which ground.
#[doc(alias = "个人信息删除")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// When, by the clock of whoever did it. A repetition keeps the first time.
    pub at: Timestamp,
    /// Who; nobody where the policy did it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorId>,
    /// In which roles.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Role>,
    /// By what they were known, as in an [`crate::access::AccessNote`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<CompactString>,
    /// In which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<CompactString>,
    /// On which ground.
    pub rule: ErasureRule,
    /// Why, without people's names; of the policy: which of its lines, in which version.
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    pub reason: CompactString,
    /// The keys that were destroyed.
    pub keys: Vec<KeyId>,
    /// It was done before, in a ledger of which this one was restored from an older copy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_32_digits_and_by_nothing_else() {
        let id = KeyId([0xAB; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "ab",
            &"AB".repeat(16),
            &"+a".repeat(16),
            &"ab".repeat(17),
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(NoKeyId), "{text}");
        }
    }
}
