//! What the worker does about time: ticks for idle partitions, pauses for those far ahead.

use super::{Worker, WorkerError, partition_named};
use crate::source::{Feed, Partition};
use risk_engine::{Input, SourcePartition};
use std::collections::BTreeSet;
use std::sync::PoisonError;

impl Worker {
    /// Sets the gauges: all with a close; those of alerts and cases also when one moved, unless blocks
    /// wait for the disk, for then there is a backlog and each takes a walk over all alerts.
    pub(super) fn gauge(&mut self) {
        let engine = self
            .parts
            .engine
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let closed = engine.last_closed();
        if closed != self.gauged {
            self.gauged = closed;
            self.parts.metrics.show(&engine);
        } else if self.handled && self.in_flight.len() <= 1 {
            self.parts.metrics.show_handling(&engine);
        } else {
            return;
        }
        self.handled = false;
    }

    /// Pauses partitions that are too far ahead of the slowest, and resumes those that are no more.
    pub(super) fn balance(&mut self) -> Result<(), WorkerError> {
        let ahead = {
            let engine = self
                .parts
                .engine
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            engine.too_far_ahead()
        };
        let ahead: BTreeSet<Partition> = ahead
            .into_iter()
            .filter_map(|partition| partition_named(&self.names, &partition))
            .collect();
        let pause: Vec<Partition> = ahead.difference(&self.paused).copied().collect();
        let resume: Vec<Partition> = self
            .paused
            .difference(&ahead)
            .filter(|at| !self.stopped.contains(at))
            .copied()
            .collect();
        if !pause.is_empty() {
            self.parts.source.pause(&pause)?;
        }
        if !resume.is_empty() {
            self.parts.source.resume(&resume)?;
        }
        self.paused = ahead;
        self.parts
            .metrics
            .paused_partitions
            .set(self.paused.len() as i64);
        Ok(())
    }

    /// Records a tick when a partition has gone idle, or when time alone lets an epoch close.
    pub(super) fn tick(&mut self) -> Result<(), WorkerError> {
        let now = self.parts.clock.now();
        let idle_after =
            i64::try_from(self.parts.settings.idle_after.as_millis()).unwrap_or(i64::MAX);
        // Nobody waits for the register, for commands or for signals: they are rare, and what comes later counts later.
        let patience = |feed| match feed {
            Feed::Results => idle_after,
            Feed::Registry | Feed::Commands | Feed::Signals => 0,
        };
        let newly: Vec<Partition> = self
            .at_end
            .iter()
            .filter(|(partition, since)| {
                now.millis_since(**since) >= patience(partition.feed)
                    && !self.idle.contains(partition)
            })
            .map(|(partition, _)| *partition)
            .collect();
        let closes = !self.idle.is_empty() && {
            let engine = self
                .parts
                .engine
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            engine.would_close(now)
        };
        if newly.is_empty() && !closes {
            return Ok(());
        }
        let idle: Vec<SourcePartition> = newly
            .iter()
            .map(|partition| self.named(*partition))
            .collect();
        self.idle.extend(newly);
        self.input(&Input::Tick { now, idle: &idle })?;
        self.commit(Vec::new())?;
        self.balance()
    }
}
