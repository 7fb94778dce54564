//! The retention policy（保存期限策略）: how long what is personal is kept, as data.

use risk_domain::personal::PersonalKind;
use risk_domain::time::Day;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The policy that ships.
const BUILTIN: &str = include_str!("../../../../config/policy/retention.toml");
/// The longest time: a permanent one is no retention period.
const MAX_MONTHS: u32 = 1200;

/// Why a retention policy is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("retention policy: {0}")]
pub struct RetentionError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: String,
    keep: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: PersonalKind,
    months: u32,
    basis: String,
    mark: String,
}

/// How long what is personal is kept（个人信息保存期限）: for so many whole months after the one in which it was
/// taken in.
#[doc(alias = "个人信息保存期限")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionPolicy {
    version: String,
    keep: BTreeMap<PersonalKind, (u32, String)>,
}

impl RetentionPolicy {
    /// The policy that ships.
    pub fn builtin() -> Result<Self, RetentionError> {
        Self::from_toml(BUILTIN)
    }

    /// Reads a policy. Every kind must stand in it once, with 1 to 1200 months.
    pub fn from_toml(text: &str) -> Result<Self, RetentionError> {
        let wrong = |reason: String| Err(RetentionError(reason));
        let written: Written =
            toml::from_str(text).map_err(|error| RetentionError(error.to_string()))?;
        if written.version.trim().is_empty() {
            return wrong("version must not be empty".to_owned());
        }
        let mut keep = BTreeMap::new();
        for line in written.keep {
            let Line {
                kind,
                months,
                basis,
                mark,
            } = line;
            if !(1..=MAX_MONTHS).contains(&months) {
                return wrong(format!("keep.months of {kind} must be 1 to {MAX_MONTHS}"));
            }
            if !["V1", "V2", "M", "D"].contains(&mark.as_str()) {
                return wrong(format!("keep.mark of {kind} must be V1, V2, M or D"));
            }
            if keep.insert(kind, (months, basis)).is_some() {
                return wrong(format!("keep names {kind} twice"));
            }
        }
        if let Some(missing) = PersonalKind::ALL
            .iter()
            .find(|kind| !keep.contains_key(*kind))
        {
            return wrong(format!("keep must name {missing}"));
        }
        let version = written.version;
        Ok(Self { version, keep })
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Months for which a kind is kept.
    pub fn months(&self, kind: PersonalKind) -> u32 {
        self.keep
            .get(&kind)
            .map_or(MAX_MONTHS, |(months, _)| *months)
    }

    /// The first day on which what was taken in in a month, as year and month, is kept no longer.
    pub fn erased_from(&self, kind: PersonalKind, (year, month): (u32, u32)) -> Option<Day> {
        let (year, month) = (year.try_into().ok()?, month.try_into().ok()?);
        let months = i32::try_from(self.months(kind)).ok()?;
        Some(Day::from_ymd(year, month, 1)?.plus_months(months + 1))
    }

    /// What an erasure of this kind says of itself.
    pub(crate) fn reason(&self, kind: PersonalKind) -> String {
        let (version, months) = (&self.version, self.months(kind));
        format!("retention {version}: {kind} is kept for {months} months")
    }
}
