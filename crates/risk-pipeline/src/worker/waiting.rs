//! Posts that wait for their block to become durable.

use crate::source::intake::{self, Receipt};
use std::collections::VecDeque;

pub(super) type Receipts = Vec<(intake::Ticket, Vec<Receipt>)>;

/// Receipts that wait for their block; resolved by the commit thread itself, so that nobody waits
/// for the worker's next turn.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    durable: Option<u64>,
    queue: VecDeque<(u64, Receipts)>,
}

impl Waiting {
    pub(super) fn add(&mut self, block: u64, receipts: Receipts) {
        if self.durable.is_some_and(|durable| durable >= block) {
            resolve(receipts);
        } else {
            self.queue.push_back((block, receipts));
        }
    }

    pub(super) fn durable(&mut self, block: u64) {
        self.durable = self.durable.max(Some(block));
        while self
            .queue
            .front()
            .is_some_and(|(waiting, _)| *waiting <= block)
        {
            if let Some((_, receipts)) = self.queue.pop_front() {
                resolve(receipts);
            }
        }
    }
}

pub(super) fn resolve(receipts: Receipts) {
    for (ticket, receipts) in receipts {
        ticket.resolve(receipts);
    }
}
