//! Sources read together: results, the register and commands, each from where it comes.

use super::{Feed, Offset, Partition, Source, SourceBatch, SourceError};
use std::collections::BTreeMap;
use std::time::Duration;

/// Several sources as one, each of another feed.
pub struct Joined {
    /// The first is the one that is waited for.
    sources: Vec<Member>,
    /// Whose turn it is.
    next: usize,
}

struct Member {
    feed: Feed,
    source: Box<dyn Source>,
    /// It is at its end for good.
    finished: bool,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.sources.iter().map(|of| of.source.name(of.feed));
        f.debug_list().entries(names).finish()
    }
}

impl Joined {
    /// A source, which is the one waited for; others join it by [`Self::and`].
    pub fn new(feed: Feed, source: Box<dyn Source>) -> Self {
        let joined = Self {
            sources: Vec::new(),
            next: 0,
        };
        joined.and(feed, source)
    }

    /// The same with one source more.
    #[must_use]
    pub fn and(mut self, feed: Feed, source: Box<dyn Source>) -> Self {
        self.sources.push(Member {
            feed,
            source,
            finished: false,
        });
        self
    }

    /// What one of the sources has, without waiting unless told to; none from one that has ended.
    fn poll_one(
        &mut self,
        at: usize,
        max: usize,
        wait: Duration,
    ) -> Result<SourceBatch, SourceError> {
        let mut batch = SourceBatch::default();
        if let Some(member) = self.sources.get_mut(at).filter(|of| !of.finished) {
            batch = member.source.poll(max, wait)?;
            member.finished = batch.finished;
            batch.finished = false;
        }
        Ok(batch)
    }

    fn all_finished(&self) -> bool {
        self.sources.iter().all(|of| of.finished)
    }
}

impl Source for Joined {
    /// The name of the feed's source; of a feed that none is of, that of the first.
    fn name(&self, feed: Feed) -> &str {
        let own = self.sources.iter().find(|of| of.feed == feed);
        let source = own.or(self.sources.first());
        source.map_or("", |of| of.source.name(feed))
    }

    fn partitions(&self) -> Vec<Partition> {
        let all = self.sources.iter();
        all.flat_map(|of| of.source.partitions()).collect()
    }

    fn seek(&mut self, positions: &BTreeMap<Partition, Offset>) -> Result<(), SourceError> {
        for of in &mut self.sources {
            of.finished = false;
            let own = positions.iter().filter(|(at, _)| at.feed == of.feed);
            let own = own.map(|(at, next)| (*at, *next)).collect();
            of.source.seek(&own)?;
        }
        Ok(())
    }

    /// Takes from all in turn, so that none waits behind another; only the first is waited for.
    fn poll(&mut self, max: usize, wait: Duration) -> Result<SourceBatch, SourceError> {
        let first = self.next;
        self.next = (first + 1) % self.sources.len();
        let mut ends = Vec::new();
        let mut news = SourceBatch::default();
        for turn in 0..self.sources.len() {
            let batch = self.poll_one((first + turn) % self.sources.len(), max, Duration::ZERO)?;
            ends.extend_from_slice(&batch.reached_end);
            if !batch.is_empty() || !batch.tickets.is_empty() {
                news = batch;
                news.reached_end.clear();
                break;
            }
        }
        if news.is_empty() && news.tickets.is_empty() && !self.all_finished() {
            let waited_for = self.sources.iter().position(|of| !of.finished);
            news = self.poll_one(waited_for.unwrap_or(0), max, wait)?;
        }
        news.reached_end.extend(ends);
        news.finished = self.all_finished();
        Ok(news)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        for of in &mut self.sources {
            of.source.pause(&of_feed(of.feed, partitions))?;
        }
        Ok(())
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), SourceError> {
        for of in &mut self.sources {
            of.source.resume(&of_feed(of.feed, partitions))?;
        }
        Ok(())
    }

    fn durable(&mut self, positions: &BTreeMap<Partition, Offset>) {
        for of in &mut self.sources {
            let own = positions.iter().filter(|(at, _)| at.feed == of.feed);
            of.source
                .durable(&own.map(|(at, next)| (*at, *next)).collect());
        }
    }

    fn bounded(&self) -> bool {
        self.sources.iter().all(|of| of.source.bounded())
    }
}

fn of_feed(feed: Feed, all: &[Partition]) -> Vec<Partition> {
    let of_feed = all.iter().filter(|one| one.feed == feed);
    of_feed.copied().collect()
}
