//! Sources read together: results and the register, each from where it comes.

use super::{Feed, Offset, Partition, Source, SourceBatch, SourceError};
use std::collections::BTreeMap;
use std::time::Duration;

/// Two sources as one: one of results, one of what the register says.
pub struct Joined {
    results: Box<dyn Source>,
    registry: Box<dyn Source>,
    /// Whether each is at its end for good.
    finished: [bool; 2],
    registry_next: bool,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined")
            .field("results", &self.results.name(Feed::Results))
            .field("registry", &self.registry.name(Feed::Registry))
            .finish_non_exhaustive()
    }
}

impl Joined {
    /// Both sources as one.
    pub fn new(results: Box<dyn Source>, registry: Box<dyn Source>) -> Self {
        Self {
            results,
            registry,
            finished: [false; 2],
            registry_next: false,
        }
    }

    fn of(&mut self, feed: Feed) -> &mut dyn Source {
        match feed {
            Feed::Results => &mut *self.results,
            Feed::Registry => &mut *self.registry,
        }
    }

    fn poll_one(
        &mut self,
        feed: Feed,
        max: usize,
        wait: Duration,
    ) -> Result<SourceBatch, SourceError> {
        if self.finished[feed as usize] {
            return Ok(SourceBatch::default());
        }
        let mut batch = self.of(feed).poll(max, wait)?;
        self.finished[feed as usize] |= batch.finished;
        batch.finished = self.finished == [true; 2];
        Ok(batch)
    }
}

fn of_feed<T: Copy>(feed: Feed, all: &[T], partition: impl Fn(&T) -> Partition) -> Vec<T> {
    let of_feed = all.iter().filter(|one| partition(one).feed == feed);
    of_feed.copied().collect()
}

fn has_news(batch: &SourceBatch) -> bool {
    let silent = batch.is_empty() && batch.tickets.is_empty() && batch.reached_end.is_empty();
    !silent || batch.finished
}

impl Source for Joined {
    fn name(&self, feed: Feed) -> &str {
        match feed {
            Feed::Results => self.results.name(feed),
            Feed::Registry => self.registry.name(feed),
        }
    }

    fn partitions(&self) -> Vec<Partition> {
        let mut all = self.results.partitions();
        all.extend(self.registry.partitions());
        all
    }

    fn seek(&mut self, positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        self.finished = [false; 2];
        for feed in Feed::ALL {
            let own = positions.iter().filter(|(at, _)| at.feed == feed);
            let own = own.map(|(at, next)| (*at, *next)).collect();
            self.of(feed).seek(&own)?;
        }
        Ok(())
    }

    /// Takes from both in turn, so that neither waits behind the other; only results are waited for.
    fn poll(&mut self, max: usize, wait: Duration) -> Result<SourceBatch, SourceError> {
        let order = if self.registry_next {
            [Feed::Registry, Feed::Results]
        } else {
            [Feed::Results, Feed::Registry]
        };
        self.registry_next = !self.registry_next;
        for feed in order {
            let batch = self.poll_one(feed, max, Duration::ZERO)?;
            if !batch.is_empty() || !batch.tickets.is_empty() || batch.finished {
                return Ok(batch);
            }
            if has_news(&batch) {
                // News of an end only: what the other has comes along with it.
                let other = order.into_iter().find(|other| *other != feed);
                let mut both = self.poll_one(other.unwrap_or(feed), max, wait)?;
                both.reached_end.extend(batch.reached_end);
                return Ok(both);
            }
        }
        let waited_for = if self.finished[Feed::Results as usize] {
            Feed::Registry
        } else {
            Feed::Results
        };
        self.poll_one(waited_for, max, wait)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        for feed in Feed::ALL {
            let own = of_feed(feed, partitions, |at| *at);
            self.of(feed).pause(&own)?;
        }
        Ok(())
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        for feed in Feed::ALL {
            let own = of_feed(feed, partitions, |at| *at);
            self.of(feed).resume(&own)?;
        }
        Ok(())
    }

    fn durable(&mut self, positions: &BTreeMap<Partition, Offset>) {
        for feed in Feed::ALL {
            let own = positions.iter().filter(|(at, _)| at.feed == feed);
            let own = own.map(|(at, next)| (*at, *next)).collect();
            self.of(feed).durable(&own);
        }
    }

    fn bounded(&self) -> bool {
        self.results.bounded() && self.registry.bounded()
    }
}
