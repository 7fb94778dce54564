//! What the worker does about time: ticks for idle partitions, pauses for those far ahead.

use super::{Worker, WorkerError};
use crate::source::{Feed, Partition};
use risk_engine::{Input, SourcePartition};
use std::collections::BTreeSet;

impl Worker {
    /// Sets the gauges: all with a close; those of alerts and cases also when one moved, unless blocks
    /// wait for the disk, for then there is a backlog and each takes a walk over all alerts.
    pub(super) fn gauge(&mut self) {
        let engine = self.parts.engine.read();
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
            let engine = self.parts.engine.read();
            engine.too_far_ahead()
        };
        let ahead = ahead.iter();
        let ahead: BTreeSet<Partition> = ahead
            .filter_map(|named| self.lanes.partition_named(named))
            .collect();
        for partition in &ahead {
            // One that the engine knows and that was not read yet.
            self.lanes.of(*partition);
        }
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for lane in self.lanes.all_mut() {
            let must = ahead.contains(&lane.partition);
            if must && !lane.paused {
                pause.push(lane.partition);
            } else if lane.paused && !must && !lane.stopped {
                resume.push(lane.partition);
            }
            lane.paused = must;
        }
        if !pause.is_empty() {
            self.parts.source.pause(&pause)?;
        }
        if !resume.is_empty() {
            self.parts.source.resume(&resume)?;
        }
        self.parts.metrics.paused_partitions.set(ahead.len() as i64);
        Ok(())
    }

    /// Records a tick when a partition has gone idle, or when time alone lets an epoch close: one at a time, for
    /// while an epoch closes nobody is answered. Says whether more of them are due.
    pub(super) fn tick(&mut self) -> Result<bool, WorkerError> {
        let now = self.parts.clock.now();
        let idle_after =
            i64::try_from(self.parts.settings.idle_after.as_millis()).unwrap_or(i64::MAX);
        // Nobody waits for the register, for commands or for signals: they are rare, and what comes later counts later.
        let patience = |feed| match feed {
            Feed::Results => idle_after,
            Feed::Registry | Feed::Commands | Feed::Signals => 0,
        };
        let waits = self.lanes.all().any(|lane| lane.idle);
        let lanes = self.lanes.all_mut();
        let newly = lanes.filter(|lane| {
            let patience = patience(lane.partition.feed);
            let rests = |since| now.millis_since(since) >= patience;
            !lane.idle && lane.at_end.is_some_and(rests)
        });
        let idle: Vec<SourcePartition> = newly
            .map(|lane| {
                lane.idle = true;
                lane.name.clone()
            })
            .collect();
        if idle.is_empty() && !waits {
            return Ok(false);
        }
        let next = {
            let engine = self.parts.engine.read();
            let due = !idle.is_empty() || engine.would_close(now);
            due.then(|| engine.next_tick(now))
        };
        let Some(next) = next else {
            return Ok(false);
        };
        let tick = Input::Tick {
            now: next,
            idle: &idle,
        };
        self.input(&tick)?;
        self.commit(Vec::new())?;
        self.balance()?;
        Ok(next < now)
    }
}
