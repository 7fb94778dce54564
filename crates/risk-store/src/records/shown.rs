//! Entries for people.

use super::{PlacementV1, RecordKind, read, result, words};
use crate::error::StoreError;
use crate::ledger::Entry;
use risk_engine::Effect;
use serde::Serialize;
use serde_json::Value;

/// One entry, for people (`ledger show`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownEntry {
    /// Its index in the ledger.
    pub index: u64,
    /// Number of its block.
    pub block: u64,
    /// What it is.
    pub kind: &'static str,
    /// Who made it.
    pub actor: String,
    /// What was found.
    pub facts: Value,
    /// Whom it concerns.
    pub party: Value,
    /// What was concluded.
    pub decision: Value,
}

impl ShownEntry {
    /// Shows all sections but the personal one.
    pub(crate) fn of(block: u64, index: u64, entry: &Entry<'_>) -> Result<Self, StoreError> {
        let kind = RecordKind::of(entry.kind);
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
        let (facts, party, decision) = match kind {
            Some(RecordKind::Result) => {
                let (facts, party) = result::shown(index, entry.facts, entry.party)?;
                let placed: PlacementV1 = read(index, entry.decision)?;
                (facts, party, json_of(&placed))
            }
            Some(RecordKind::Effect) => {
                let effect: Effect = read(index, entry.decision)?;
                let words = words::shown(index, entry.party, &effect)?;
                (Value::Null, words, json_of(&effect))
            }
            Some(
                RecordKind::Rejection
                | RecordKind::Registration
                | RecordKind::Hold
                | RecordKind::Tick
                | RecordKind::Ended
                | RecordKind::Registry
                | RecordKind::Command
                | RecordKind::Signal
                | RecordKind::Access
                | RecordKind::Erasure,
            )
            | None => (json(entry.facts), json(entry.party), json(entry.decision)),
        };
        Ok(Self {
            index,
            block,
            kind: kind.map_or("unknown", RecordKind::name),
            actor: entry.actor.to_owned(),
            facts,
            party,
            decision,
        })
    }
}

/// A section as JSON, without what is absent.
pub(super) fn json_of<T: Serialize>(section: &T) -> Value {
    let mut value = serde_json::to_value(section).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}
