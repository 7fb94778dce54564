//! Where each partition stands（分区进度）: what the worker knows of it, in one place.

use crate::dead_letter::{DeadLetterLimit, RejectionTally};
use crate::source::{Feed, Offset, Partition};
use compact_str::CompactString;
use risk_domain::time::Timestamp;
use risk_engine::{PartitionIx, SourcePartition};
use std::collections::BTreeMap;

/// One partition, as the worker has it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: Partition,
    /// How the ledger calls it.
    pub(super) name: SourcePartition,
    /// How the engine does, once it was asked.
    pub(super) number: Option<PartitionIx>,
    /// The offset that comes next, once one is known.
    pub(super) next: Option<Offset>,
    /// Its records are no longer taken, since too many were rejected.
    pub(super) stopped: bool,
    /// It is so far ahead of the slowest that it must wait.
    pub(super) paused: bool,
    /// Since when it has been at its end.
    pub(super) at_end: Option<Timestamp>,
    /// It no longer holds the watermark.
    pub(super) idle: bool,
    pub(super) rejections: RejectionTally,
}

/// All partitions. Their places never change.
#[derive(Debug)]
pub(super) struct Lanes {
    /// Of the source in the ledger, by feed.
    names: [CompactString; Feed::ALL.len()],
    limit: DeadLetterLimit,
    all: Vec<Lane>,
    /// Where the last record's partition stands: the next one's is mostly the same.
    last: usize,
}

impl Lanes {
    /// The partitions of a source with these names, by feed, of which none is known yet.
    pub(super) fn new(names: [CompactString; Feed::ALL.len()], limit: DeadLetterLimit) -> Self {
        Self {
            names,
            limit,
            all: Vec::new(),
            last: 0,
        }
    }

    /// A partition's place, made on first sight.
    pub(super) fn of(&mut self, partition: Partition) -> &mut Lane {
        let is_it = |lane: &Lane| lane.partition == partition;
        if !self.all.get(self.last).is_some_and(is_it) {
            let found = self.all.iter().position(is_it);
            self.last = found.unwrap_or(self.all.len());
        }
        if self.last == self.all.len() {
            self.all.push(Lane {
                partition,
                name: self.named(partition),
                number: None,
                next: None,
                stopped: false,
                paused: false,
                at_end: None,
                idle: false,
                rejections: RejectionTally::new(self.limit),
            });
        }
        &mut self.all[self.last]
    }

    /// How the ledger calls a partition.
    pub(super) fn named(&self, partition: Partition) -> SourcePartition {
        let [results, registry, commands, signals] = &self.names;
        let source = match partition.feed {
            Feed::Results => results,
            Feed::Registry => registry,
            Feed::Commands => commands,
            Feed::Signals => signals,
        };
        SourcePartition {
            source: source.clone(),
            partition: partition.number,
        }
    }

    /// The partition that goes by this name in the ledger, if it is one of this source.
    pub(super) fn partition_named(&self, named: &SourcePartition) -> Option<Partition> {
        let feed = self.names.iter().position(|name| *name == named.source)?;
        Some(Partition {
            feed: *Feed::ALL.get(feed)?,
            number: named.partition,
        })
    }

    /// Whether the source has this name for one of its feeds.
    pub(super) fn has_name(&self, source: &CompactString) -> bool {
        self.names.contains(source)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Lane> {
        self.all.iter()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        self.all.iter_mut()
    }

    /// The offsets that come next, where one is known.
    pub(super) fn positions(&self) -> BTreeMap<Partition, Offset> {
        let known = self.all.iter();
        known
            .filter_map(|lane| Some((lane.partition, lane.next?)))
            .collect()
    }
}
