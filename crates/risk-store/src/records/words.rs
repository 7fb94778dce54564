//! Words that may name somebody（可能涉及他人的文字）, apart from the facts that they stand among.
//!
//! The sentence of an alert may name sites and makers, what an officer writes may name anybody. They are recorded in
//! the party section, and what they were taken from in the decision, or the facts, without them: so that whoever
//! may not read the names can be shown the rest, proved. Which words these are follows from where they stand, and of
//! the sentence of an alert from its rule.

use super::command::CommandV1;
use super::{CommandRecord, RecordKind, Told, compact, json, read, result, unreadable};
use crate::error::StoreError;
use crate::ledger::Entry;
use compact_str::CompactString;
use risk_domain::personal::Erasure;
use risk_engine::{Alert, CaseMove, Effect, MoveCause};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What takes the words of an effect, one after the other with what they are, and gives others for them.
type Exchange<'a> = dyn FnMut(&'static str, String) -> String + 'a;

fn of_alert(alert: &mut Alert, exchange: &mut Exchange<'_>) {
    if alert.rule.names_others() {
        let zh = std::mem::take(&mut alert.reason_zh);
        alert.reason_zh = exchange("reason_zh", zh);
        let en = std::mem::take(&mut alert.reason_en);
        alert.reason_en = exchange("reason_en", en);
    }
}

fn of_case(moved: &mut CaseMove, exchange: &mut Exchange<'_>) {
    for event in &mut moved.case.events {
        let reason = std::mem::take(&mut event.reason);
        event.reason = exchange("reasons", reason.into_string()).into();
    }
}

/// Exchanges the words of an effect, in their order.
fn exchange(effect: &mut Effect, exchange: &mut Exchange<'_>) {
    match effect {
        Effect::AlertRaised(alert) => of_alert(alert, exchange),
        Effect::SignalRaised(raised) => of_alert(&mut raised.alert, exchange),
        Effect::ResultsRaised(raised) => of_alert(&mut raised.alert, exchange),
        Effect::AlertMoved(moved) => {
            // They repeat the sentence of a raise, of whatever rule, and what an officer wrote.
            let zh = std::mem::take(&mut moved.reason_zh);
            moved.reason_zh = exchange("reason_zh", zh);
            let en = std::mem::take(&mut moved.reason_en);
            moved.reason_en = exchange("reason_en", en);
            match &mut moved.cause {
                MoveCause::Decided { reason, .. } => {
                    let written = std::mem::take(reason);
                    *reason = exchange("reason", written);
                }
                MoveCause::Raised { .. } | MoveCause::SnoozeEnded => {}
            }
        }
        Effect::CaseMoved(moved) => of_case(moved, exchange),
        Effect::CaseInserted(insert) => of_case(&mut insert.moved, exchange),
        Effect::EpochClosed(_)
        | Effect::Assessed(_)
        | Effect::SnapshotFitted(_)
        | Effect::RatesTold(_)
        | Effect::WeekWatched(_)
        | Effect::CaseGone(_)
        | Effect::AlertTermsSet(_)
        | Effect::ReferenceRefused(_)
        | Effect::LevelsTold(_)
        | Effect::CoursesTold(_) => {}
    }
}

/// The words of an effect, which keeps none.
fn taken(effect: &mut Effect) -> Vec<String> {
    let mut words = Vec::new();
    exchange(effect, &mut |_what, text| {
        words.push(text);
        String::new()
    });
    // Most that happens in cases happens without a word.
    if words.iter().all(String::is_empty) {
        words.clear();
    }
    words
}

/// Puts the words back; says whether there were just as many as belong there.
fn given(effect: &mut Effect, words: Vec<String>) -> bool {
    let mut words = words.into_iter();
    let mut enough = true;
    exchange(effect, &mut |_what, _none| {
        words.next().unwrap_or_else(|| {
            enough = false;
            String::new()
        })
    });
    enough && words.next().is_none()
}

/// Appends the party and the decision of an effect's entry; says where the party ends.
pub(crate) fn encode_effect(bytes: &mut Vec<u8>, effect: &mut Effect) -> Result<usize, StoreError> {
    let words = taken(effect);
    let mut written = || {
        if !words.is_empty() {
            compact(bytes, &words)?;
        }
        let party = bytes.len();
        compact(bytes, effect)?;
        Ok(party)
    };
    let written = written();
    if !words.is_empty() {
        given(effect, words);
    }
    written
}

/// Reads an effect's entry.
pub(crate) fn decode_effect(
    entry: u64,
    party: &[u8],
    decision: &[u8],
) -> Result<Effect, StoreError> {
    let mut effect = read(entry, decision)?;
    // Ledgers of the first form have the words in the decision.
    if !party.is_empty() && !given(&mut effect, read(entry, party)?) {
        return Err(unreadable(entry)("words are left over or missing"));
    }
    Ok(effect)
}

/// What an officer wrote, apart from what was decided.
#[derive(Serialize, Deserialize)]
struct WrittenV1 {
    reason: CompactString,
}

fn encode_written(bytes: &mut Vec<u8>, reason: CompactString) -> Result<(), StoreError> {
    json(bytes, &WrittenV1 { reason })
}

fn written(entry: u64, party: &[u8]) -> Result<Option<CompactString>, StoreError> {
    if party.is_empty() {
        return Ok(None);
    }
    let WrittenV1 { reason } = serde_json::from_slice(party).map_err(unreadable(entry))?;
    Ok(Some(reason))
}

/// Appends the facts and the party of a command's entry; says where the facts end.
pub(crate) fn encode_command(
    bytes: &mut Vec<u8>,
    record: &CommandRecord,
) -> Result<usize, StoreError> {
    let mut record = record.clone();
    let reason = std::mem::take(&mut record.told.reason);
    json(bytes, &record.map(CommandV1::from))?;
    let facts = bytes.len();
    encode_written(bytes, reason)?;
    Ok(facts)
}

/// Reads a command's entry.
pub(super) fn decode_command(
    entry: u64,
    facts: &[u8],
    party: &[u8],
) -> Result<CommandRecord, StoreError> {
    let record: Told<CommandV1> = serde_json::from_slice(facts).map_err(unreadable(entry))?;
    let mut record: CommandRecord = record.map(CommandV1::into);
    if let Some(reason) = written(entry, party)? {
        record.told.reason = reason;
    }
    Ok(record)
}

/// Appends the facts and the party of an erasure's entry; says where the facts end.
pub(crate) fn encode_erasure(bytes: &mut Vec<u8>, erasure: &Erasure) -> Result<usize, StoreError> {
    let mut erasure = erasure.clone();
    let reason = std::mem::take(&mut erasure.reason);
    json(bytes, &erasure)?;
    let facts = bytes.len();
    encode_written(bytes, reason)?;
    Ok(facts)
}

/// Reads an erasure's entry.
pub(super) fn decode_erasure(
    entry: u64,
    facts: &[u8],
    party: &[u8],
) -> Result<Erasure, StoreError> {
    let mut erasure: Erasure = serde_json::from_slice(facts).map_err(unreadable(entry))?;
    if let Some(reason) = written(entry, party)? {
        erasure.reason = reason;
    }
    Ok(erasure)
}

/// The words of an effect's entry for people, by what they are.
pub(super) fn shown(entry: u64, party: &[u8], effect: &Effect) -> Result<Value, StoreError> {
    if party.is_empty() {
        return Ok(Value::Null);
    }
    let words: Vec<String> = read(entry, party)?;
    let mut words = words.into_iter();
    let mut named = Map::new();
    exchange(&mut effect.clone(), &mut |what, none| {
        let text = Value::String(words.next().unwrap_or_default());
        // Of a case there is one for each event.
        if what == "reasons" {
            let all = named
                .entry(what)
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Some(all) = all.as_array_mut() {
                all.push(text);
            }
        } else {
            named.insert(what.to_owned(), text);
        }
        none
    });
    Ok(Value::Object(named))
}

/// Whether the names that an entry holds stand in its party and personal sections alone, so that the others can be
/// shown to whoever may not read them. Entries of the first forms may have them elsewhere.
pub(crate) fn are_apart(index: u64, entry: &Entry<'_>) -> Result<bool, StoreError> {
    Ok(match RecordKind::of(entry.kind) {
        Some(RecordKind::Effect) => taken(&mut read(index, entry.decision)?).is_empty(),
        Some(RecordKind::Result) => result::names_are_apart(entry.facts),
        Some(RecordKind::Command) => decode_command(index, entry.facts, &[])?
            .told
            .reason
            .is_empty(),
        Some(RecordKind::Erasure) => decode_erasure(index, entry.facts, &[])?.reason.is_empty(),
        Some(
            RecordKind::Rejection
            | RecordKind::Registration
            | RecordKind::Hold
            | RecordKind::Tick
            | RecordKind::Ended
            | RecordKind::Registry
            | RecordKind::Signal
            | RecordKind::Access,
        )
        | None => true,
    })
}

#[cfg(test)]
mod tests;
