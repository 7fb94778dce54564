//! Event time: epochs, partition clocks, the watermark and lateness.
//!
//! A partition's clock is the latest `observed_at` read from it. The watermark is the least clock
//! over the partitions that hold it, less the allowed lateness; an epoch closes once the watermark
//! has passed its end. Nothing here depends on how partitions interleave.

use crate::policy::TimePolicy;
use compact_str::CompactString;
use risk_domain::time::{DAY_MILLIS, Day, Timestamp};
use serde::{Deserialize, Serialize};

/// An epoch（期）: the unit in which evidence is closed and judged, counted from 1970-01-01 civil time.
#[doc(alias = "期")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A partition of a source, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourcePartition {
    /// The source, for instance `kafka:inspection.results`, `intake`, `file:results.ndjson`.
    pub source: CompactString,
    /// The partition within it.
    pub partition: i32,
}

impl std::fmt::Display for SourcePartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.source, self.partition)
    }
}

/// A partition's number within one engine; names are kept beside the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionIx(pub u16);

#[derive(Debug, Clone)]
struct Clock {
    name: SourcePartition,
    /// Latest `observed_at` read; `None` before the first record.
    latest: Option<Timestamp>,
    /// Whether this partition holds the watermark back.
    holds: bool,
}

/// A partition, its latest `observed_at`, and whether it holds the watermark.
pub(crate) type ClockParts = (SourcePartition, Option<Timestamp>, bool);

/// The clocks of every partition seen, and what they allow to close（水位线）.
#[doc(alias = "水位线")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Clocks {
    of_partitions: Vec<Clock>,
    /// "Now" of the last tick; closes go this far when no partition holds the watermark.
    ticked: Option<Timestamp>,
    /// The least clock of those that hold, kept because every record asks for it.
    least: Least,
}

/// The least clock of the partitions that hold the watermark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Least {
    /// No partition holds.
    #[default]
    Unheld,
    /// One that holds has shown no record yet.
    Unknown,
    At(Timestamp),
}

impl Clocks {
    /// The number of a partition, given out on first sight.
    pub(crate) fn index_of(&mut self, name: &SourcePartition) -> PartitionIx {
        let found = self
            .of_partitions
            .iter()
            .position(|clock| clock.name == *name);
        let index = found.unwrap_or_else(|| {
            self.of_partitions.push(Clock {
                name: name.clone(),
                latest: None,
                holds: false,
            });
            self.of_partitions.len() - 1
        });
        PartitionIx(index as u16)
    }

    /// From now on this partition holds the watermark until it is found idle or ended.
    pub(crate) fn hold(&mut self, partition: PartitionIx) {
        if let Some(clock) = self.of_partitions.get_mut(usize::from(partition.0)) {
            clock.holds = true;
        }
        self.find_least();
    }

    /// Stops holding: the partition was read to its end, or its source has ended.
    pub(crate) fn release(&mut self, partition: PartitionIx) {
        if let Some(clock) = self.of_partitions.get_mut(usize::from(partition.0)) {
            clock.holds = false;
        }
        self.find_least();
    }

    /// Moves the tick's clock forward.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.ticked = self.ticked.max(Some(now));
    }

    /// Latest `observed_at` of a partition.
    pub(crate) fn latest(&self, partition: PartitionIx) -> Option<Timestamp> {
        self.of_partitions
            .get(usize::from(partition.0))
            .and_then(|clock| clock.latest)
    }

    /// Moves a partition's clock with a record, which makes the partition hold again.
    pub(crate) fn advance(&mut self, partition: PartitionIx, observed_at: Timestamp) {
        if let Some(clock) = self.of_partitions.get_mut(usize::from(partition.0)) {
            let ahead = clock.holds && clock.latest.map(Least::At) != Some(self.least);
            clock.latest = clock.latest.max(Some(observed_at));
            clock.holds = true;
            // What is ahead of the least clock, and stays so, does not move it.
            if !ahead || self.least == Least::Unknown {
                self.find_least();
            }
        }
    }

    fn find_least(&mut self) {
        let holding = self.of_partitions.iter().filter(|clock| clock.holds);
        self.least = match holding.map(|clock| clock.latest).min() {
            None => Least::Unheld,
            Some(None) => Least::Unknown,
            Some(Some(at)) => Least::At(at),
        };
    }

    /// The watermark before lateness: the least clock that holds; `None` while a partition that
    /// holds has shown no record yet. With nothing holding, the last tick decides.
    pub(crate) fn slowest(&self) -> Option<Timestamp> {
        match self.least {
            Least::Unheld => self.ticked,
            Least::Unknown => None,
            Least::At(at) => Some(at),
        }
    }

    /// Whether any partition holds the watermark.
    pub(crate) fn any_holds(&self) -> bool {
        self.least != Least::Unheld
    }

    /// The latest `observed_at` over all partitions.
    pub(crate) fn fastest(&self) -> Option<Timestamp> {
        self.of_partitions
            .iter()
            .filter_map(|clock| clock.latest)
            .max()
    }

    /// Partitions that hold and are further ahead of the slowest than `max_ahead_millis`.
    pub(crate) fn too_far_ahead(&self, max_ahead_millis: i64) -> Vec<SourcePartition> {
        let Some(slowest) = self.slowest() else {
            return Vec::new();
        };
        let ahead = |clock: &&Clock| {
            clock.holds
                && clock
                    .latest
                    .is_some_and(|at| at.millis_since(slowest) > max_ahead_millis)
        };
        self.of_partitions
            .iter()
            .filter(ahead)
            .map(|clock| clock.name.clone())
            .collect()
    }

    /// Every clock with whether it holds, and the last tick.
    pub(crate) fn parts(&self) -> (Vec<ClockParts>, Option<Timestamp>) {
        let clocks = self.of_partitions.iter();
        (
            clocks
                .map(|clock| (clock.name.clone(), clock.latest, clock.holds))
                .collect(),
            self.ticked,
        )
    }

    /// Puts clocks back from a checkpoint.
    pub(crate) fn restore(clocks: Vec<ClockParts>, ticked: Option<Timestamp>) -> Self {
        let clock = |(name, latest, holds)| Clock {
            name,
            latest,
            holds,
        };
        let mut clocks = Self {
            of_partitions: clocks.into_iter().map(clock).collect(),
            ticked,
            least: Least::default(),
        };
        clocks.find_least();
        clocks
    }

    /// Every partition with its clock, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&SourcePartition, Option<Timestamp>)> {
        self.of_partitions
            .iter()
            .map(|clock| (&clock.name, clock.latest))
    }
}

/// How instants fall into epochs and weeks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EpochCalendar {
    pub(crate) time: TimePolicy,
}

impl EpochCalendar {
    /// The epoch of an instant.
    pub(crate) fn epoch_of(self, at: Timestamp) -> Epoch {
        Epoch((at.millis() + self.time.offset.millis()).div_euclid(self.time.epoch_millis))
    }

    /// The epoch so many days later.
    pub(crate) fn plus_days(self, epoch: Epoch, days: i64) -> Epoch {
        Epoch(epoch.0 + days * DAY_MILLIS / self.time.epoch_millis)
    }

    /// The first instant after an epoch.
    pub(crate) fn end_of(self, epoch: Epoch) -> Timestamp {
        Timestamp::from_millis((epoch.0 + 1) * self.time.epoch_millis - self.time.offset.millis())
    }

    /// The civil day on which an epoch ends, counted at its last instant.
    pub(crate) fn day_of(self, epoch: Epoch) -> Day {
        self.time.offset.day_of(self.end_of(epoch).plus_millis(-1))
    }

    /// Whether this epoch is the last of its week.
    pub(crate) fn ends_week(self, epoch: Epoch) -> bool {
        self.day_of(epoch).week_start() != self.day_of(epoch.next()).week_start()
    }

    /// The last epoch that a watermark (before lateness) allows to close.
    pub(crate) fn closable(self, slowest: Timestamp) -> Epoch {
        Epoch(
            self.epoch_of(slowest.plus_millis(-self.time.lateness_millis))
                .0
                - 1,
        )
    }

    /// The first watermark (before lateness) that allows an epoch to close.
    pub(crate) fn closable_at(self, epoch: Epoch) -> Timestamp {
        self.end_of(epoch).plus_millis(self.time.lateness_millis)
    }

    /// The last epoch of the week that `epoch` lies in.
    pub(crate) fn week_end(self, epoch: Epoch) -> Epoch {
        let sunday = self.day_of(epoch).week_start().plus(6);
        let end = self.time.offset.start_of(sunday.plus(1));
        Epoch(self.epoch_of(end).0 - 1)
    }

    /// The last epoch of a civil day.
    pub(crate) fn last_of(self, day: Day) -> Epoch {
        Epoch(self.epoch_of(self.time.offset.start_of(day.plus(1))).0 - 1)
    }

    /// The epoch a record belongs to: its own, unless it comes further behind its partition's
    /// clock than the lateness allows; then it is late and belongs to the clock's epoch.
    pub(crate) fn assign(self, observed_at: Timestamp, clock: Option<Timestamp>) -> (Epoch, bool) {
        match clock {
            Some(clock) if clock.millis_since(observed_at) > self.time.lateness_millis => {
                (self.epoch_of(clock), true)
            }
            Some(_) | None => (self.epoch_of(observed_at), false),
        }
    }
}
