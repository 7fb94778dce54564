//! Sources（数据源）: where records come from, with one meaning of "offset" for all of them.
//!
//! An offset always names the **next** record to be read, never the last one that was.
//!
//! - The **working offset** of a partition is where its source reads next. It lives in the source
//!   and is lost with the process.
//! - The **committed offset** is where reading goes on after a restart. It lives in the ledger, in
//!   the same block as the effects of everything before it, and moves along the contiguous prefix
//!   of settled records. On start the ledger's offsets are given to [`Source::seek`].
//! - The **mirrored offset** is a copy of the committed one that [`Source::durable`] hands to the
//!   outside, such as a Kafka consumer group, for tools that watch the lag. Nothing is ever read
//!   from it.

pub mod file;
pub mod intake;
pub mod joined;
pub mod kafka;

use risk_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// What records are about（数据流）.
#[doc(alias = "数据流")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// Inspection results.
    Results,
    /// What the register says of sites.
    Registry,
    /// What officers decide.
    Commands,
    /// What is heard of enterprises beside results.
    Signals,
}

impl Feed {
    /// Every feed.
    pub const ALL: [Self; 4] = [Self::Results, Self::Registry, Self::Commands, Self::Signals];
}

/// A partition of a source（分区）. All its records are of one feed.
#[doc(alias = "分区")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// What its records are about.
    pub feed: Feed,
    /// Its number among those of its feed.
    pub number: i32,
}

impl Partition {
    /// A partition of inspection results.
    pub const fn results(number: i32) -> Self {
        Self {
            feed: Feed::Results,
            number,
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.feed {
            Feed::Results => write!(f, "{}", self.number),
            Feed::Registry => write!(f, "{} of the register", self.number),
            Feed::Commands => write!(f, "{} of commands", self.number),
            Feed::Signals => write!(f, "{} of signals", self.number),
        }
    }
}

/// A position within a partition（位点）: that of the next record to be read, or of a record itself
/// where it says so.
#[doc(alias = "位点")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// The position after this record.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What went wrong with a source, by what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Poll again: the source mends itself, or its other side does.
    #[error("{source_name}: {message}; it will be tried again")]
    Retry {
        /// Name of the source.
        source_name: String,
        /// What happened.
        message: String,
    },
    /// Stop: nothing will come until someone has acted.
    #[error("{source_name}: {message}")]
    Fatal {
        /// Name of the source.
        source_name: String,
        /// What happened and what to do about it.
        message: String,
    },
}

impl SourceError {
    fn retry(source_name: &str, message: impl fmt::Display) -> Self {
        Self::Retry {
            source_name: source_name.to_owned(),
            message: message.to_string(),
        }
    }

    fn fatal(source_name: &str, message: impl fmt::Display) -> Self {
        Self::Fatal {
            source_name: source_name.to_owned(),
            message: message.to_string(),
        }
    }

    /// Whether polling again may help.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Retry { .. } => true,
            Self::Fatal { .. } => false,
        }
    }
}

/// One record as it came: where it stood and where its bytes lie in the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// Its partition.
    pub partition: Partition,
    /// Its own offset.
    pub offset: Offset,
    /// The broker's time where the broker stamps, else the receipt's.
    pub received_at: Timestamp,
    /// Where its key lies, where it has one.
    pub key: Option<Range<u32>>,
    /// Where its bytes lie.
    pub value: Range<u32>,
}

/// Records that were read together. Their bytes lie in one arena, so that a record costs no
/// allocation of its own.
#[derive(Debug, Default)]
pub struct SourceBatch {
    arena: Vec<u8>,
    records: Vec<RawRecord>,
    /// Whoever waits for records of this batch, in their order.
    pub tickets: Vec<intake::Ticket>,
    /// Partitions that were read to the end that was known when this batch was made.
    pub reached_end: Vec<Partition>,
    /// Whether the source is at its end for good.
    pub finished: bool,
}

impl SourceBatch {
    /// A batch with room for `records` records of `bytes` bytes in all.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Self {
            arena: Vec::with_capacity(bytes),
            records: Vec::with_capacity(records),
            ..Self::default()
        }
    }

    /// Adds a record. Returns `false`, and adds nothing, when the arena is full: ranges are of 32
    /// bits.
    pub fn push(
        &mut self,
        (partition, offset): (Partition, Offset),
        received_at: Timestamp,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> bool {
        let length = self.arena.len() + key.map_or(0, <[u8]>::len) + value.len();
        if u32::try_from(length).is_err() {
            return false;
        }
        let key = key.map(|key| self.copy(key));
        let value = self.copy(value);
        self.records.push(RawRecord {
            partition,
            offset,
            received_at,
            key,
            value,
        });
        true
    }

    /// Makes room for `records` records of `bytes` bytes in all.
    fn reserve(&mut self, records: usize, bytes: usize) {
        self.records.reserve(records);
        self.arena.reserve(bytes);
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(bytes);
        start..self.arena.len() as u32
    }

    /// The records, in the order of their arrival.
    pub fn records(&self) -> &[RawRecord] {
        &self.records
    }

    /// A record's bytes.
    pub fn value(&self, record: &RawRecord) -> &[u8] {
        self.slice(&record.value)
    }

    /// A record's key.
    pub fn key(&self, record: &RawRecord) -> Option<&[u8]> {
        record.key.as_ref().map(|range| self.slice(range))
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.arena
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of keys and values.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Takes the first `count` records out, with nothing about ends: these belong to the rest.
    fn take_front(&mut self, count: usize) -> Self {
        let mut front = Self::with_capacity(count, 0);
        for record in self.records.drain(..count.min(self.records.len())) {
            let slice = |range: &Range<u32>| {
                self.arena
                    .get(range.start as usize..range.end as usize)
                    .unwrap_or_default()
            };
            let place = (record.partition, record.offset);
            let key = record.key.as_ref().map(slice);
            front.push(place, record.received_at, key, slice(&record.value));
        }
        front
    }
}

/// Where records come from（数据源）.
#[doc(alias = "数据源")]
pub trait Source: Send {
    /// Its name in the ledger, by feed; positions of another name are not its own.
    fn name(&self, feed: Feed) -> &str;

    /// The partitions it reads.
    fn partitions(&self) -> Vec<Partition>;

    /// Reads on from these positions; a partition without one is read from its beginning.
    fn seek(&mut self, positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError>;

    /// The next records, about `max` at most; an empty batch when none came within `wait`.
    fn poll(&mut self, max: usize, wait: Duration) -> Result<SourceBatch, SourceError>;

    /// Stops reading these partitions. What was read ahead may still come.
    fn pause(&mut self, partitions: &[Partition]) -> Result<(), SourceError>;

    /// Reads these partitions again.
    fn resume(&mut self, partitions: &[Partition]) -> Result<(), SourceError>;

    /// Tells the outside which positions are durable in the ledger.
    fn durable(&mut self, positions: &BTreeMap<Partition, Offset>);

    /// Whether it comes to an end by itself.
    fn bounded(&self) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_keys_and_values_and_splits_in_order() {
        let now = Timestamp::from_millis(7);
        let mut batch = SourceBatch::with_capacity(4, 64);
        for offset in 0..4 {
            let value = format!("value-{offset}");
            let key = (offset % 2 == 0).then_some("钥".as_bytes());
            let place = (Partition::results(1), Offset(offset));
            assert!(batch.push(place, now, key, value.as_bytes()));
        }
        batch.finished = true;
        let front = batch.take_front(3);
        assert_eq!((front.len(), batch.len()), (3, 1));
        assert!(!front.finished && batch.finished);
        let last = &front.records()[2];
        assert_eq!(front.value(last), b"value-2");
        assert_eq!(front.key(last), Some("钥".as_bytes()));
        let rest = &batch.records()[0];
        assert_eq!(
            (batch.value(rest), batch.key(rest)),
            (&b"value-3"[..], None)
        );
    }
}
