//! The evidence pack（证据包）, as it is written.

use super::AssessmentDto;
use crate::identity::hexadecimal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use risk_store::ProvedEntry;
use risk_store::ledger::{DisclosedSection, Section};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of the pack's form.
pub(crate) const FORMAT: &str = "spotcheck-evidence/1";

/// What was concluded, what it rests on, and how each of it is proved. `docs/verify/README.md` has its form.
#[derive(Debug, Serialize)]
pub(crate) struct PackDto {
    pub(crate) format: &'static str,
    pub(crate) about: AboutDto,
    /// The version for other parties: names that stand in results are withheld, and proved all the same.
    pub(crate) redacted: bool,
    pub(crate) ledger: PackLedgerDto,
    /// Tree head, signed.
    pub(crate) checkpoint: String,
    pub(crate) statement: StatementDto,
    pub(crate) entries: Vec<EntryDto>,
    /// More results belong to it than are listed.
    pub(crate) more_results: bool,
}

/// What the pack is about.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum AboutDto {
    Assessment { subject: String, entry: u64 },
    Alert { alert: String, subject: String },
    Case { case: String, subject: String },
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
}

/// Why an entry is in the pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// What was concluded.
    Conclusion,
    /// A result that it rests on.
    Result,
    /// What an officer decided.
    Decision,
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
    pub(crate) fn new(role: Role, entry: &ProvedEntry) -> Self {
        let ProvedEntry {
            disclosure,
            proof,
            shown,
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
            shows,
        }
    }
}
