//! The evidence pack（证据包）, as it is written.

use super::assessment::PartDto;
use super::{AssessmentDto, DifferenceDto};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use risk_domain::plan_act::hexadecimal;
use risk_engine::{Assessment, Margin};
use risk_store::ProvedEntry;
use risk_store::ledger::{DisclosedSection, Section};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Version of the pack's form.
pub(crate) const FORMAT: &str = "spotcheck-evidence/4";

/// What was concluded, what it rests on, and how each of it is proved. `docs/verify/README.md` has its form.
#[derive(Debug, Serialize)]
pub(crate) struct PackDto {
    pub(crate) format: &'static str,
    pub(crate) about: AboutDto,
    /// The version for the party: what names others is withheld, and proved all the same.
    pub(crate) redacted: bool,
    pub(crate) ledger: PackLedgerDto,
    /// Tree head, signed.
    pub(crate) checkpoint: String,
    pub(crate) statement: StatementDto,
    /// Of a grade: how far it stands above the bound of its level, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counterfactual: Option<MarginDto>,
    /// Of a grade: others of its kind as they stood then, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) comparables: Vec<ComparableDto>,
    pub(crate) entries: Vec<EntryDto>,
    /// More results belong to it than are listed: the newest are.
    pub(crate) more_results: bool,
    /// Of a grade: how many results it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counted_results: Option<i64>,
}

/// What the pack is about.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum AboutDto {
    Assessment { subject: String, entry: u64 },
    Alert { alert: String, subject: String },
    Case { case: String, subject: String },
    Draw { draw: String },
}

/// Where the entries lie.
#[derive(Debug, Serialize)]
pub(crate) struct PackLedgerDto {
    pub(crate) origin: String,
    pub(crate) size: u64,
    pub(crate) root: String,
}

/// What was concluded, for people.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatementDto {
    Assessment(Box<AssessmentDto>),
    /// Everything that changed of the alert, the oldest first.
    Alert(Vec<Value>),
    /// Everything that changed in the case, the oldest first.
    Case(Vec<Value>),
    /// The steps of the draw, the oldest first.
    Draw(Vec<Value>),
}

/// Why an entry is in the pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// What was concluded.
    Conclusion,
    /// What raised an alert.
    Raise,
    /// A complaint, a report or another signal that it rests on.
    Signal,
    /// A result that it rests on.
    Result,
    /// That what was personal of a signal is gone.
    Erasure,
    /// What an officer decided.
    Decision,
    /// A step of a draw by which a result was sampled.
    Draw,
    /// The grade of another, beside the one that was concluded.
    Comparable,
}

/// How far a grade stands above the bound of its level, and which parts carry it above.
#[derive(Debug, Serialize)]
pub(crate) struct MarginDto {
    /// The estimated level.
    pub(crate) level: String,
    /// Probability of a failure above which at least this level is likelier than not.
    pub(crate) begins_at: f64,
    /// By so many points the score lies above that bound.
    pub(crate) points_above: f64,
    /// Parts that raise the score: without each alone.
    pub(crate) without: Vec<WithoutDto>,
    /// The same as a sentence in Chinese.
    pub(crate) zh: String,
    /// The same as a sentence in English.
    pub(crate) en: String,
}

/// A score without one of its parts.
#[derive(Debug, Serialize)]
pub(crate) struct WithoutDto {
    pub(crate) part: PartDto,
    pub(crate) zh: String,
    pub(crate) en: String,
    /// Probability of at least the level without it.
    pub(crate) at_least: f64,
}

impl From<Margin> for MarginDto {
    fn from(of: Margin) -> Self {
        let percent = |value: f64| format!("{:.1} %", value * 100.0);
        let (begins, holds) = (percent(of.begins_at), percent(of.at_least));
        let mut zh = format!(
            "不合格概率高于 {begins} 时，“{}”及以上等级更为可能；作出结论时该可能性为 {holds}。",
            of.level.zh()
        );
        let mut en = format!(
            "Above a failure probability of {begins}, at least {} is likelier than not; it was {holds} likely when this was concluded.",
            of.level
        );
        if let Some(most) = of.without.first() {
            let left = percent(most.at_least);
            let (zh_part, en_part) = (most.part.zh(), most.part.en());
            // Writing to a string cannot fail.
            let _written = write!(zh, "如无“{zh_part}”一项，则为 {left}。");
            let _written = write!(en, " Without the part “{en_part}” it would be {left}.");
        }
        let without = of.without.iter().map(|of| WithoutDto {
            part: of.part.into(),
            zh: of.part.zh().to_owned(),
            en: of.part.en().to_owned(),
            at_least: of.at_least,
        });
        Self {
            level: of.level.to_string(),
            begins_at: of.begins_at,
            points_above: of.log_odds * (10.0 / std::f64::consts::LN_2),
            without: without.collect(),
            zh,
            en,
        }
    }
}

/// Another of the same kind, as it stood.
#[derive(Debug, Serialize)]
pub(crate) struct ComparableDto {
    /// Where its grade was recorded.
    pub(crate) entry: u64,
    /// Who it is; withheld from other parties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    pub(crate) level: String,
    pub(crate) level_zh: String,
    /// Probability of a failure.
    pub(crate) probability: f64,
    /// How its parts differ, the greatest difference first; they add up to the difference of the scores.
    pub(crate) differences: Vec<DifferenceDto>,
}

impl ComparableDto {
    pub(crate) fn new(
        own: &Assessment,
        (entry, other): &(u64, Assessment),
        redacted: bool,
    ) -> Self {
        Self {
            entry: *entry,
            subject: (!redacted).then(|| other.subject.to_string()),
            level: other.level.to_string(),
            level_zh: other.level.zh().to_owned(),
            probability: other.probability,
            differences: DifferenceDto::between(own, other),
        }
    }
}

/// An entry with its proof.
#[derive(Debug, Serialize)]
pub(crate) struct EntryDto {
    pub(crate) role: Role,
    pub(crate) index: u64,
    pub(crate) shard: u16,
    pub(crate) kind: u8,
    pub(crate) actor: String,
    pub(crate) sections: BTreeMap<&'static str, SectionDto>,
    pub(crate) proof: Vec<String>,
    /// Of a signal: the entry that says why what was personal of it cannot be read any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) erased: Option<u64>,
    /// The shown sections for people. What is proved are their bytes above.
    pub(crate) shows: BTreeMap<&'static str, Value>,
}

/// A section: shown with its salt, or its commitment alone.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum SectionDto {
    Shown { salt: String, bytes: String },
    Withheld { commitment: String },
}

fn name(section: Section) -> &'static str {
    match section {
        Section::Facts => "facts",
        Section::Party => "party",
        Section::Personal => "personal",
        Section::Decision => "decision",
    }
}

impl EntryDto {
    /// Whether it has a section that is not shown.
    pub(crate) fn withholds(&self, section: Section) -> bool {
        match self.sections.get(name(section)) {
            // An empty section has zeros for a commitment.
            Some(SectionDto::Withheld { commitment }) => {
                commitment.bytes().any(|digit| digit != b'0')
            }
            Some(SectionDto::Shown { .. }) | None => false,
        }
    }

    pub(crate) fn new(role: Role, entry: &ProvedEntry) -> Self {
        let ProvedEntry {
            disclosure,
            proof,
            shown,
            names_apart: _,
        } = entry;
        let mut shows = BTreeMap::new();
        let sections = Section::ALL.iter().zip(&disclosure.sections);
        let sections = sections.map(|(section, disclosed)| {
            let told = match disclosed {
                DisclosedSection::Shown { salt, bytes } => {
                    let for_people = match section {
                        Section::Facts => Some(&shown.facts),
                        Section::Party => Some(&shown.party),
                        Section::Decision => Some(&shown.decision),
                        Section::Personal => None,
                    };
                    shows.extend(for_people.map(|value| (name(*section), value.clone())));
                    SectionDto::Shown {
                        salt: hexadecimal(salt),
                        bytes: BASE64.encode(bytes),
                    }
                }
                DisclosedSection::Withheld(commitment) => SectionDto::Withheld {
                    commitment: commitment.to_string(),
                },
            };
            (name(*section), told)
        });
        let sections = sections.collect();
        Self {
            role,
            index: disclosure.index,
            shard: disclosure.shard,
            kind: disclosure.kind.0,
            actor: disclosure.actor.clone(),
            sections,
            proof: proof.iter().map(ToString::to_string).collect(),
            erased: None,
            shows,
        }
    }
}
