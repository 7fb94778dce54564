//! The row of a subject（对象行）: its current grade, and which ledger entries recorded its grades.
//!
//! The latest entries stand in the row itself, each with its level; older ones are moved into lists of
//! [`LIST`] entries under keys of their own, so that no value grows with the ledger. The row names every
//! entry that it has seen: what was recorded when is a set, and taking an entry in twice changes nothing.

use super::Damaged;
use crate::keys::{Key, Table};
use risk_domain::scales::RiskLevel;
use risk_domain::subject::Subject;
use risk_engine::Assessment;

/// A key and its value.
pub(super) type KeyValue = (Vec<u8>, Vec<u8>);

/// Entries of a list; at most so many stand in the row when a write begins.
pub(super) const LIST: usize = 32;

pub(super) fn grade_key(subject: &Subject) -> Vec<u8> {
    let key = Key::of(Table::Grade).kind(subject.kind());
    key.text(&subject.to_string()).into_bytes()
}

/// What all lists of a subject begin with.
pub(super) fn lists_prefix(subject: &Subject) -> Key {
    Key::of(Table::History).text(&subject.to_string())
}

/// Encodes ascending numbers as the steps between them.
fn steps(numbers: impl Iterator<Item = u64>) -> impl Iterator<Item = u64> {
    numbers.scan(0, |before, number| {
        let step = number - *before;
        *before = number;
        Some(step)
    })
}

/// Turns steps back into numbers; `None` where they leave the range of numbers.
fn sums(steps: &[u64]) -> Option<Vec<u64>> {
    let mut sum = 0u64;
    let sums = steps.iter().map(|step| {
        sum = sum.checked_add(*step)?;
        Some(sum)
    });
    sums.collect()
}

/// Encodes a list of ascending entries, each with a small number.
pub(super) fn encode_marked(entries: &[(u64, u8)]) -> Result<Vec<u8>, Damaged> {
    let steps = steps(entries.iter().map(|(entry, _)| *entry));
    let marks = entries.iter().map(|(_, mark)| *mark);
    let packed: Vec<(u64, u8)> = steps.zip(marks).collect();
    Ok(postcard::to_stdvec(&packed)?)
}

fn unmarked(packed: &[(u64, u8)]) -> Result<Vec<(u64, u8)>, Damaged> {
    let steps: Vec<u64> = packed.iter().map(|(step, _)| *step).collect();
    let sums = sums(&steps).ok_or_else(|| Damaged::because("a list of entries"))?;
    let marks = packed.iter().map(|(_, mark)| *mark);
    Ok(sums.into_iter().zip(marks).collect())
}

/// Reads what [`encode_marked`] wrote.
pub(super) fn decode_marked(bytes: &[u8]) -> Result<Vec<(u64, u8)>, Damaged> {
    let packed: Vec<(u64, u8)> = postcard::from_bytes(bytes)?;
    unmarked(&packed)
}

/// Encodes a list of entries, the oldest first.
pub(super) fn encode_list(entries: &[u64]) -> Result<Vec<u8>, Damaged> {
    let steps: Vec<u64> = steps(entries.iter().copied()).collect();
    Ok(postcard::to_stdvec(&steps)?)
}

/// Reads a list of entries, the oldest first.
pub(super) fn decode_list(bytes: &[u8]) -> Result<Vec<u64>, Damaged> {
    let steps: Vec<u64> = postcard::from_bytes(bytes)?;
    sums(&steps).ok_or_else(|| Damaged::because("a list of entries"))
}

/// What a row begins with: the number of its lists, and its latest entries, packed.
type Head = (u64, Vec<(u64, u8)>);

/// The row of a subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GradeRow {
    /// Lists of older entries.
    lists: u64,
    /// The latest entries, the oldest first, each with its level.
    recent: Vec<(u64, u8)>,
    /// The assessment of the last one, encoded.
    latest: Vec<u8>,
}

impl GradeRow {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let ((lists, recent), latest) = postcard::take_from_bytes::<Head>(bytes)?;
        Ok(Self {
            lists,
            recent: unmarked(&recent)?,
            latest: latest.to_vec(),
        })
    }

    /// The assessment of a row, without what else stands there.
    pub(super) fn assessment_of(bytes: &[u8]) -> Result<Assessment, Damaged> {
        let (_, latest) = postcard::take_from_bytes::<Head>(bytes)?;
        Ok(postcard::from_bytes(latest)?)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Damaged> {
        let steps = steps(self.recent.iter().map(|(entry, _)| *entry));
        let levels = self.recent.iter().map(|(_, level)| *level);
        let head: Head = (self.lists, steps.zip(levels).collect());
        let mut bytes = postcard::to_stdvec(&head)?;
        bytes.extend_from_slice(&self.latest);
        Ok(bytes)
    }

    /// The assessment recorded last; none in a row that was just begun.
    pub(super) fn assessment(&self) -> Result<Option<Assessment>, Damaged> {
        if self.latest.is_empty() {
            return Ok(None);
        }
        Ok(Some(postcard::from_bytes(&self.latest)?))
    }

    /// Entries in the row, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = u64> {
        self.recent.iter().rev().map(|(entry, _)| *entry)
    }

    /// Takes in what was recorded, the oldest first, and the assessment of the last of it; says whether
    /// that is the subject's last one. It is not if the row has seen more already.
    pub(super) fn record(&mut self, recorded: &[(u64, RiskLevel)], latest: Vec<u8>) -> bool {
        let seen = self.recent.last().map(|(entry, _)| *entry);
        let mut moved = false;
        for (entry, level) in recorded {
            if seen.is_none_or(|seen| *entry > seen) {
                self.recent.push((*entry, *level as u8));
                moved = true;
            }
        }
        if moved {
            self.latest = latest;
        }
        moved
    }

    /// Entries of a range at which the level differs from the one before.
    pub(super) fn level_changes(&self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        let first = RiskLevel::Undetermined as u8;
        let before = std::iter::once(first).chain(self.recent.iter().map(|(_, level)| *level));
        let pairs = before.zip(&self.recent);
        pairs.filter_map(move |(before, (entry, level))| {
            (before != *level && (from..to).contains(entry)).then_some(*entry)
        })
    }

    /// Moves entries below `settled` that are too many for the row into lists, each with its key. One
    /// stays at least, because it says the level before the next.
    pub(super) fn move_out(
        &mut self,
        subject: &Subject,
        settled: u64,
    ) -> Result<Vec<KeyValue>, Damaged> {
        let mut lists = Vec::new();
        while self
            .recent
            .get(LIST)
            .is_some_and(|(entry, _)| *entry < settled)
        {
            let list = self.recent.drain(..LIST).map(|(entry, _)| entry);
            let list: Vec<u64> = list.collect();
            let key = lists_prefix(subject).number_down(self.lists);
            lists.push((key.into_bytes(), encode_list(&list)?));
            self.lists += 1;
        }
        Ok(lists)
    }
}
