//! The view thread: takes committed blocks into the views, catches up, and makes damaged ones again.

use super::apply::Applier;
use super::{Damaged, ViewsHandle};
use crate::commit::{Committed, ForViews, Shared, with_causes};
use crate::error::StoreError;
use crate::records::{Record, RecordKind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

/// How often an idle thread looks whether a reader found damage.
const IDLE: Duration = Duration::from_millis(250);

/// What the view thread works with.
pub(crate) struct ViewThread {
    pub(crate) handle: Arc<ViewsHandle>,
    pub(crate) queue: Receiver<ForViews>,
    pub(crate) shared: Arc<Shared>,
}

/// Why taking in failed: the views or the ledger.
enum Failure {
    Views(Damaged),
    Ledger(StoreError),
}

impl From<Damaged> for Failure {
    fn from(damaged: Damaged) -> Self {
        Self::Views(damaged)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error)
    }
}

impl ViewThread {
    /// Brings the views to the ledger's end; makes them again if they turn out damaged.
    pub(crate) fn catch_up(&self) -> Result<Applier, StoreError> {
        let views = self.handle.current();
        let caught_up = Applier::new(views, &self.handle.ledger)
            .map_err(Failure::from)
            .and_then(|mut applier| {
                self.follow_ledger(&mut applier)?;
                Ok(applier)
            });
        match caught_up {
            Ok(applier) => Ok(applier),
            Err(Failure::Views(damaged)) => self.make_again(&damaged),
            Err(Failure::Ledger(error)) => Err(error),
        }
    }

    fn make_again(&self, Damaged(reason): &Damaged) -> Result<Applier, StoreError> {
        tracing::warn!(reason, "the views are damaged; building them again");
        let made = self
            .handle
            .next_generation()
            .and_then(|views| Applier::new(views, &self.handle.ledger))
            .map_err(Failure::from)
            .and_then(|mut applier| {
                self.follow_ledger(&mut applier)?;
                applier.sync()?;
                Ok(applier)
            });
        match made {
            Ok(applier) => {
                self.handle.put(Arc::clone(applier.views()));
                Ok(applier)
            }
            Err(Failure::Views(Damaged(reason))) => {
                tracing::error!(reason, "no views can be made");
                Err(StoreError::ViewsUnavailable)
            }
            Err(Failure::Ledger(error)) => Err(error),
        }
    }

    /// Takes in durable entries from the ledger itself.
    fn follow_ledger(&self, applier: &mut Applier) -> Result<(), Failure> {
        let ledger = &self.handle.ledger;
        while applier.position() < ledger.entry_count() {
            for block in ledger.blocks_from(applier.position()) {
                let block = block.map_err(StoreError::from)?;
                for (index, entry) in block.entries() {
                    let kind = RecordKind::of(entry.kind);
                    let concerns = matches!(kind, Some(RecordKind::Effect | RecordKind::Rejection));
                    if !concerns || index < applier.position() {
                        continue;
                    }
                    match Record::decode(index, &entry)? {
                        Record::Effect(effect) => applier.effect(index, &effect)?,
                        Record::Rejection(rejection) => {
                            applier.rejection(index, &rejection.summary())?;
                        }
                        Record::Result(_) | Record::Input(_) => {}
                    }
                }
                applier.end_block(block.header().tree_size())?;
            }
        }
        self.write(applier)
    }

    fn take_in(&self, applier: &mut Applier, committed: &Committed) -> Result<(), Failure> {
        if committed.next_entry < applier.position() {
            return Ok(());
        }
        if committed.first_entry > applier.position() {
            return self.follow_ledger(applier);
        }
        let mut effects = committed.effects.iter().peekable();
        let mut rejections = committed.rejections.iter().peekable();
        loop {
            let effect = effects.peek().map_or(u64::MAX, |(entry, _)| *entry);
            let rejection = rejections.peek().map_or(u64::MAX, |(entry, _)| *entry);
            if effect < rejection {
                if let Some((entry, effect)) = effects.next() {
                    applier.effect(*entry, effect)?;
                }
            } else if let Some((entry, summary)) = rejections.next() {
                applier.rejection(*entry, summary)?;
            } else {
                break;
            }
        }
        applier.end_block(committed.next_entry)?;
        // A large block is written at its end, and nothing is left for a later turn to write.
        if !applier.is_gathering() {
            self.shared.viewed(applier.position());
        }
        Ok(())
    }

    fn write(&self, applier: &mut Applier) -> Result<(), Failure> {
        applier.write()?;
        self.shared.viewed(applier.position());
        Ok(())
    }

    /// Runs until the commit thread is gone.
    pub(crate) fn run(self, mut applier: Applier) {
        loop {
            let received = self.queue.try_recv().or_else(|empty| match empty {
                TryRecvError::Disconnected => Err(RecvTimeoutError::Disconnected),
                // Nothing waits: what was gathered is written before waiting for more.
                TryRecvError::Empty if applier.is_gathering() => Err(RecvTimeoutError::Timeout),
                TryRecvError::Empty => self.queue.recv_timeout(IDLE),
            });
            let taken = match &received {
                Ok(ForViews::Block(committed)) => self.take_in(&mut applier, committed),
                Ok(ForViews::Checkpoint(checkpoint)) => self
                    .write(&mut applier)
                    .and_then(|()| Ok(applier.views().save(checkpoint)?)),
                // A block that found the queue full is noticed here at the latest.
                Err(_) => self.follow_ledger_if_behind(&mut applier),
            };
            let failed = match taken {
                Ok(()) if self.handle.is_damaged() => {
                    Some(Failure::Views(Damaged::because("a reader found damage")))
                }
                Ok(()) => None,
                Err(failure) => Some(failure),
            };
            if let Some(failure) = failed {
                let made = match failure {
                    Failure::Views(damaged) => self.make_again(&damaged),
                    Failure::Ledger(error) => Err(error),
                };
                match made {
                    Ok(made) => applier = made,
                    Err(error) => {
                        self.shared.stop(&with_causes(&error));
                        return;
                    }
                }
            }
            if matches!(received, Err(RecvTimeoutError::Disconnected)) {
                if let Err(Damaged(reason)) = applier.sync() {
                    tracing::warn!(
                        reason,
                        "the views could not be synced; the next start mends them"
                    );
                }
                return;
            }
        }
    }

    fn follow_ledger_if_behind(&self, applier: &mut Applier) -> Result<(), Failure> {
        if applier.position() < self.handle.ledger.entry_count() {
            self.follow_ledger(applier)
        } else if applier.is_gathering() {
            self.write(applier)
        } else {
            Ok(())
        }
    }
}
