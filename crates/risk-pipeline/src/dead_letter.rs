//! Dead letters（死信）: rejected records, kept whole, and the limit past which a partition stops.

use crate::source::{Offset, Partition};
use crate::wire::{Rejection, RejectionCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use risk_domain::time::Timestamp;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// A rejected record（死信）, with all that is needed to mend it and send it again.
#[doc(alias = "死信")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Why it was rejected.
    pub rejection: Rejection,
    /// The record, byte for byte.
    pub record: Vec<u8>,
    /// Its key, where the source has keys.
    pub key: Option<Vec<u8>>,
    /// Name of the source.
    pub source: String,
    /// Partition of the source.
    pub partition: Partition,
    /// Offset of the record itself, not of the next one.
    pub offset: Offset,
    /// The broker's or the receipt's time.
    pub received_at: Timestamp,
}

/// Why a text is no dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the dead letter's {field} is absent or malformed")]
pub struct DeadLetterError {
    field: &'static str,
}

impl DeadLetter {
    /// The JSON that goes to the dead-letter topic. Bytes that are UTF-8 stand as text, others as
    /// base64 under a name of their own.
    pub fn to_json(&self) -> Vec<u8> {
        let mut letter = Map::new();
        let mut put = |name: &str, value: Value| letter.insert(name.to_owned(), value);
        put("schema_version", Value::from(1));
        put("code", Value::from(self.rejection.code.code()));
        put("field", Value::from(self.rejection.field.as_str()));
        put("value", Value::from(self.rejection.value.as_str()));
        put("rule", Value::from(self.rejection.rule.as_str()));
        put("source", Value::from(self.source.as_str()));
        put("partition", Value::from(self.partition.0));
        put("offset", Value::from(self.offset.0));
        put("received_at", Value::from(self.received_at.to_string()));
        let (name, value) = written("record", &self.record);
        put(name, value);
        if let Some(key) = &self.key {
            let (name, value) = written("key", key);
            put(name, value);
        }
        Value::Object(letter).to_string().into_bytes()
    }

    /// Reads what [`Self::to_json`] wrote.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DeadLetterError> {
        let malformed = |field| DeadLetterError { field };
        let letter: Value = serde_json::from_slice(bytes).map_err(|_error| malformed("JSON"))?;
        let text = |field: &'static str| {
            letter
                .get(field)
                .and_then(Value::as_str)
                .ok_or_else(|| malformed(field))
        };
        let number = |field: &'static str| {
            letter
                .get(field)
                .and_then(Value::as_i64)
                .ok_or_else(|| malformed(field))
        };
        Ok(Self {
            rejection: Rejection {
                code: RejectionCode::from_code(text("code")?).ok_or_else(|| malformed("code"))?,
                field: text("field")?.to_owned(),
                value: text("value")?.to_owned(),
                rule: text("rule")?.to_owned(),
            },
            record: read(&letter, "record", "record_base64")?.ok_or_else(|| malformed("record"))?,
            key: read(&letter, "key", "key_base64")?,
            source: text("source")?.to_owned(),
            partition: Partition(
                i32::try_from(number("partition")?).map_err(|_error| malformed("partition"))?,
            ),
            offset: Offset(number("offset")?),
            received_at: Timestamp::parse(text("received_at")?)
                .map_err(|_error| malformed("received_at"))?,
        })
    }
}

fn written(name: &'static str, bytes: &[u8]) -> (&'static str, Value) {
    match (simdutf8::basic::from_utf8(bytes), name) {
        (Ok(text), _) => (name, Value::from(text)),
        (Err(_), "key") => ("key_base64", Value::from(STANDARD.encode(bytes))),
        (Err(_), _) => ("record_base64", Value::from(STANDARD.encode(bytes))),
    }
}

fn read(
    letter: &Value,
    plain: &'static str,
    encoded: &'static str,
) -> Result<Option<Vec<u8>>, DeadLetterError> {
    if let Some(text) = letter.get(plain).and_then(Value::as_str) {
        return Ok(Some(text.as_bytes().to_vec()));
    }
    let Some(text) = letter.get(encoded).and_then(Value::as_str) else {
        return Ok(None);
    };
    let bytes = STANDARD
        .decode(text)
        .map_err(|_error| DeadLetterError { field: encoded })?;
    Ok(Some(bytes))
}

/// How many rejections a partition may have before the fault is taken to be the feed's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeadLetterLimit {
    /// The greatest share of rejections among the last `window` records.
    pub max_ratio: f64,
    /// Records over which the share is taken; no share is taken before there are so many.
    pub window: usize,
    /// The greatest number of rejections in a row.
    pub max_consecutive: usize,
}

impl Default for DeadLetterLimit {
    fn default() -> Self {
        Self {
            max_ratio: 0.1,
            window: 1000,
            max_consecutive: 100,
        }
    }
}

/// Whether a partition may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Continue,
    /// It must stop, and readiness must fail, until someone has looked.
    Stop {
        /// What was exceeded.
        why: StopReason,
    },
}

/// Which limit a partition exceeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// Too many rejections in a row.
    #[error("{count} records in a row were rejected")]
    Consecutive {
        /// How many.
        count: usize,
    },
    /// Too many rejections among the last records.
    #[error("{rejected} of the last {window} records were rejected")]
    Ratio {
        /// How many.
        rejected: usize,
        /// Of how many.
        window: usize,
    },
}

/// Counts one partition's rejections against the limit.
#[derive(Debug, Clone)]
struct Tally {
    /// How many records were accepted before each rejection of the window, so that an accepted
    /// record costs an addition only.
    rejected_at: VecDeque<u64>,
    seen: u64,
    consecutive: usize,
}

/// Counts every partition's rejections against the limit.
#[derive(Debug, Clone)]
pub struct DeadLetterTracker {
    limit: DeadLetterLimit,
    tallies: BTreeMap<Partition, Tally>,
}

impl DeadLetterTracker {
    /// A tracker that has seen nothing.
    pub fn new(limit: DeadLetterLimit) -> Self {
        Self {
            limit,
            tallies: BTreeMap::new(),
        }
    }

    fn tally(&mut self, partition: Partition) -> &mut Tally {
        self.tallies.entry(partition).or_insert(Tally {
            rejected_at: VecDeque::new(),
            seen: 0,
            consecutive: 0,
        })
    }

    /// Notes `count` accepted records in a row.
    pub fn accepted(&mut self, partition: Partition, count: usize) {
        if count > 0 {
            let tally = self.tally(partition);
            tally.seen += count as u64;
            tally.consecutive = 0;
        }
    }

    /// Notes a rejected record, and says whether its partition may go on.
    pub fn rejected(&mut self, partition: Partition) -> Verdict {
        let limit = self.limit;
        let tally = self.tally(partition);
        tally.seen += 1;
        tally.consecutive += 1;
        tally.rejected_at.push_back(tally.seen);
        let window = limit.window.max(1);
        let oldest = tally.seen.saturating_sub(window as u64);
        while tally.rejected_at.front().is_some_and(|at| *at <= oldest) {
            tally.rejected_at.pop_front();
        }
        let rejected = tally.rejected_at.len();
        if tally.consecutive > limit.max_consecutive {
            let count = tally.consecutive;
            return Verdict::Stop {
                why: StopReason::Consecutive { count },
            };
        }
        if tally.seen >= window as u64 && rejected as f64 > limit.max_ratio * window as f64 {
            return Verdict::Stop {
                why: StopReason::Ratio { rejected, window },
            };
        }
        Verdict::Continue
    }

    /// Forgets a partition's past, when someone has mended the feed.
    pub fn reset(&mut self, partition: Partition) {
        self.tallies.remove(&partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const P: Partition = Partition(3);

    fn letter(record: &[u8], key: Option<&[u8]>) -> DeadLetter {
        DeadLetter {
            rejection: Rejection::new(RejectionCode::UnknownZone, "site.zone_id", "x", "must be"),
            record: record.to_vec(),
            key: key.map(<[u8]>::to_vec),
            source: "inspection.results".to_owned(),
            partition: P,
            offset: Offset(17),
            received_at: Timestamp::parse("2026-03-01T00:00:00.123Z").unwrap(),
        }
    }

    fn limit(max_ratio: f64, window: usize, max_consecutive: usize) -> DeadLetterTracker {
        DeadLetterTracker::new(DeadLetterLimit {
            max_ratio,
            window,
            max_consecutive,
        })
    }

    #[test]
    fn text_stands_as_text_and_other_bytes_as_base64() {
        let json: Value =
            serde_json::from_slice(&letter("小熊".as_bytes(), None).to_json()).unwrap();
        assert_eq!(json["record"], "小熊");
        assert_eq!(json["code"], "unknown_zone");
        assert_eq!(json["partition"], 3);
        assert_eq!(json["offset"], 17);
        assert!(json.get("key").is_none());
        let json: Value =
            serde_json::from_slice(&letter(&[0xFF, 0x00], Some(&[0xFE])).to_json()).unwrap();
        assert_eq!(json["record_base64"], "/wA=");
        assert_eq!(json["key_base64"], "/g==");
    }

    #[test]
    fn a_malformed_letter_is_refused_by_field() {
        assert_eq!(DeadLetter::from_json(b"{}").unwrap_err().field, "code");
        assert_eq!(DeadLetter::from_json(b"no").unwrap_err().field, "JSON");
    }

    #[test]
    fn rejections_in_a_row_stop_the_partition_and_an_accepted_one_starts_anew() {
        let mut tracker = limit(1.0, 1000, 2);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
        tracker.accepted(P, 1);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
        let why = StopReason::Consecutive { count: 3 };
        assert_eq!(tracker.rejected(P), Verdict::Stop { why });
        assert_eq!(tracker.rejected(Partition(4)), Verdict::Continue);
        tracker.reset(P);
        assert_eq!(tracker.rejected(P), Verdict::Continue);
    }

    #[test]
    fn the_share_is_taken_over_the_window_only() {
        let mut tracker = limit(0.2, 10, 100);
        tracker.accepted(P, 8);
        assert_eq!(
            tracker.rejected(P),
            Verdict::Continue,
            "1 of 9, no window yet"
        );
        assert_eq!(
            tracker.rejected(P),
            Verdict::Continue,
            "2 of 10 is the limit"
        );
        let why = StopReason::Ratio {
            rejected: 3,
            window: 10,
        };
        assert_eq!(tracker.rejected(P), Verdict::Stop { why });
        tracker.accepted(P, 10);
        assert_eq!(
            tracker.rejected(P),
            Verdict::Continue,
            "the old ones have left the window"
        );
    }

    proptest! {
        #[test]
        fn letters_read_back_the_same(
            record in proptest::collection::vec(any::<u8>(), 0..60),
            key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9)),
        ) {
            let letter = letter(&record, key.as_deref());
            prop_assert_eq!(DeadLetter::from_json(&letter.to_json()).unwrap(), letter);
        }
    }
}
