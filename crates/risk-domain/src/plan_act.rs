//! What is done about a sampling plan（抽样计划）: it is committed to, drawn, revealed. The ledger holds hashes of
//! its documents, so that nobody learns a coming target from it and no document can be changed unseen.

use crate::time::Day;
use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// SHA-256 of a document（文件摘要）, written as 64 lower-case hexadecimal digits.
#[doc(alias = "文件摘要")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 32]);

/// Why a text is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the 64 lower-case hexadecimal digits of a SHA-256")]
pub struct NoContentHash;

impl FromStr for ContentHash {
    type Err = NoContentHash;

    fn from_str(text: &str) -> Result<Self, NoContentHash> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _other => Err(NoContentHash),
        };
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return Err(NoContentHash);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? * 16 + digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Two lower-case hexadecimal digits a byte, as hashes, keys and identifiers are written.
///
/// ```
/// assert_eq!(risk_domain::plan_act::hexadecimal(&[0, 171]), "00ab");
/// ```
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

/// A public value that a draw waits for（公共信标）.
#[doc(alias = "公共信标")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitedBeacon {
    /// Where it is published.
    pub source: CompactString,
    /// Which of its values.
    pub round: CompactString,
}

/// What a plan is held to（承诺）, before anything is drawn.
#[doc(alias = "承诺")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanCommitment {
    /// First day of the plan.
    pub day: Day,
    /// Of all that it is made from: request, inputs, planning policy.
    pub design_sha256: ContentHash,
    /// Of the pool: every unit with its weight and probability.
    pub pool_sha256: ContentHash,
    /// Of the secret.
    pub secret_sha256: ContentHash,
    /// What the draw waits for; none for a draw from the secret alone.
    pub beacon: Option<AwaitedBeacon>,
}

/// What was drawn（抽取结果）, as hashes.
#[doc(alias = "抽取结果")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDraw {
    /// Of the plan with its list.
    pub list_sha256: ContentHash,
    /// Of the record that is published later.
    pub record_sha256: ContentHash,
    /// How many tests there are.
    pub tests: u32,
    /// The value of the beacon, where one was waited for.
    pub beacon_value: Option<CompactString>,
}

/// What is done about a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PlanAction {
    /// Pool and secret are committed to（承诺）.
    Commit(PlanCommitment),
    /// The list is drawn, and sealed（抽取）.
    Draw(PlanDraw),
    /// Pool, secret and list are public from now on（公开）.
    Reveal,
}

impl PlanAction {
    /// Its code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Commit(_) => "commit",
            Self::Draw(_) => "draw",
            Self::Reveal => "reveal",
        }
    }

    /// Every code.
    pub const CODES: [&'static str; 3] = ["commit", "draw", "reveal"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_and_other_texts_are_none() {
        let hash = ContentHash(std::array::from_fn(|at| (at * 7) as u8));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        let upper = hash.to_string().to_uppercase();
        let long = format!("{hash}00");
        for text in ["", "00", &upper, &long, &"g".repeat(64)] {
            assert_eq!(text.parse::<ContentHash>(), Err(NoContentHash), "{text}");
        }
    }
}
