//! The view thread: takes committed blocks into the views, catches up, and makes damaged ones again.
//!
//! It works in small turns, between which it looks at its queue, so that nobody has to wait for it: a
//! block that finds the queue or the gather full is read from the ledger later, and of checkpoints the
//! newest is kept.
//!
//! **Pace.** What was gathered is written as soon as the queue is empty; but after a write the thread
//! rests, several times as long if it was a long one, or until no block has come for a while. So a commit
//! is shown within milliseconds while there is little to do, and while there is much the views take a
//! small part of machine and disk, because a subject that changes ten times is written once.
//!
//! While the stream is behind the thread rests half a minute at a time, and does not so much as look at
//! what passes: it takes that from the ledger later, when the stream no longer lacks its processor.

use super::apply::{Applier, Written};
use super::{Damaged, ViewsHandle};
use crate::checkpoint::Saving;
use crate::commit::{ForViews, SealedBlock, Shared};
use crate::error::{StoreError, with_causes};
use crate::ledger::Entry;
use crate::records::{CommandKeys, Record, RecordKind, assessment_in, decode_effect, owners_of};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How often an idle thread looks whether a reader found damage.
const IDLE: Duration = Duration::from_millis(250);
/// What rests are made of.
const SLICE: Duration = Duration::from_millis(2);
/// Slices without a block after which a rest ends: the load is over. A stream that is behind holds its
/// breath while an epoch closes, and is no less behind for that.
const QUIET_SLICES: usize = 50;
const QUIET_SLICES_BEHIND: usize = 500;
/// Entries that a stream at full speed brings in a slice.
const ENTRIES_A_SLICE: usize = 512;
/// Keys written for one slice of rest. They take about a quarter of its time.
const KEYS_A_SLICE: usize = 64;
/// Entries from which a block is large: whoever keeps up commits small ones.
const LARGE_BLOCK: u64 = 4096;
/// Large blocks in a row that say that the stream is behind: one comes where an epoch closes.
const BEHIND_BLOCKS: u32 = 2;
/// Smaller blocks in a row that say that it no longer is: one or two come where an epoch closes.
const CAUGHT_UP_BLOCKS: u32 = 16;
/// The shortest rest, some fifty milliseconds: sled syncs a little piece of its file with every write,
/// and the ledger's own syncs wait for the same disk.
const MIN_REST: usize = 25;
/// The longest rest, some ten seconds.
const MAX_REST: usize = 5_000;
/// Each rest while the stream is behind, some thirty seconds.
const REST_BEHIND: usize = 15_000;
/// Lower than all other threads: views can wait, the ledger cannot.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// What the view thread works with.
pub(crate) struct ViewThread {
    pub(crate) handle: Arc<ViewsHandle>,
    /// Where checkpoints of the engine are kept.
    pub(crate) shard_dir: PathBuf,
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

/// What the thread is at.
struct Work {
    applier: Applier,
    /// A checkpoint that is being kept.
    saving: Option<Saving>,
    /// Slices before the next write begins.
    rest: usize,
    /// Slices in which no block came.
    quiet: usize,
    /// The stream is behind, as its last blocks say.
    behind: bool,
    /// Large and small blocks in a row; one of them is 0.
    large: u32,
    small: u32,
    /// The commit thread is gone, and everything it left is done.
    ended: bool,
}

impl Work {
    fn has_rested(&self) -> bool {
        let quiet = if self.behind {
            QUIET_SLICES_BEHIND
        } else {
            QUIET_SLICES
        };
        self.rest == 0 || self.quiet >= quiet
    }

    /// Whether what was gathered may be written. A gather that is full need not wait, unless the stream
    /// is behind.
    fn may_begin(&self) -> bool {
        let full = self.applier.is_full() && !self.behind;
        self.applier.is_gathering() && (self.has_rested() || full)
    }

    /// How long to rest after so many keys were written.
    fn rest_after(&self, keys: usize) -> usize {
        if self.behind {
            REST_BEHIND
        } else {
            (keys / KEYS_A_SLICE).clamp(MIN_REST, MAX_REST)
        }
    }

    fn is_busy(&self) -> bool {
        self.applier.is_writing() || self.saving.is_some() || self.may_begin()
    }

    /// Notes whether the stream is behind, as a block of so many entries says.
    fn note_pace(&mut self, entries: u64) {
        (self.large, self.small) = if entries >= LARGE_BLOCK {
            (self.large.saturating_add(1), 0)
        } else {
            (0, self.small.saturating_add(1))
        };
        if self.large >= BEHIND_BLOCKS && !self.behind {
            self.behind = true;
            self.rest = REST_BEHIND;
        } else if self.behind && self.small >= CAUGHT_UP_BLOCKS {
            self.behind = false;
            self.rest = MIN_REST;
        }
    }

    /// Whether a block may pass by, to be read from the ledger once there is time or room for it.
    fn may_pass(&self) -> bool {
        self.applier.is_full() || (self.behind && !self.has_rested())
    }
}

/// Takes in what the views show of an entry.
fn take_entry(applier: &mut Applier, index: u64, entry: &Entry<'_>) -> Result<(), Failure> {
    match RecordKind::of(entry.kind) {
        Some(RecordKind::Result) => {
            applier.result(index, &owners_of(index, entry)?);
        }
        Some(RecordKind::Command) => {
            if let Record::Command(record) = Record::decode(index, entry)? {
                applier.command(index, &CommandKeys::of(&record.told));
            }
        }
        Some(RecordKind::Signal) => {
            if let Record::Signal(record) = Record::decode(index, entry)? {
                applier.signal(index, &record.heard.told.signal_id);
            }
        }
        Some(RecordKind::Effect) => {
            if let Some(found) = assessment_in(index, entry.decision)? {
                applier.assessment(index, found.subject, found.level, found.bytes);
            } else {
                let effect = decode_effect(index, entry.party, entry.decision)?;
                applier.effect(index, &effect)?;
            }
        }
        Some(RecordKind::Rejection) => {
            if let Record::Rejection(rejection) = Record::decode(index, entry)? {
                applier.rejection(index, &rejection.summary)?;
            }
        }
        Some(RecordKind::Erasure) => {
            if let Record::Erasure(erasure) = Record::decode(index, entry)? {
                applier.erasure(index, &erasure);
            }
        }
        _unconcerned => {}
    }
    Ok(())
}

impl ViewThread {
    /// Brings the views to the ledger's end; makes them again if they turn out damaged.
    pub(crate) fn catch_up(&self) -> Result<Applier, StoreError> {
        let views = self.handle.current()?;
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

    /// Takes in all durable entries from the ledger itself, and writes them.
    fn follow_ledger(&self, applier: &mut Applier) -> Result<(), Failure> {
        loop {
            self.gather_ledger(applier)?;
            applier.write()?;
            self.shared.viewed(applier.shown());
            if applier.position() >= self.handle.ledger.entry_count() {
                return Ok(());
            }
        }
    }

    /// Takes in durable entries from the ledger itself, until too much is gathered.
    fn gather_ledger(&self, applier: &mut Applier) -> Result<(), Failure> {
        let ledger = &self.handle.ledger;
        while applier.position() < ledger.entry_count() {
            for block in ledger.blocks_from(applier.position()) {
                let block = block.map_err(StoreError::from)?;
                for excerpt in block.excerpts() {
                    let excerpt = excerpt.map_err(StoreError::from)?;
                    for (index, entry) in excerpt.entries() {
                        if index >= applier.position() {
                            take_entry(applier, index, &entry)?;
                        }
                    }
                }
                applier.end_block(block.header().tree_size());
                if applier.is_full() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn take_in(&self, applier: &mut Applier, block: &SealedBlock) -> Result<(), Failure> {
        let committed = &block.committed;
        if committed.next_entry < applier.position() {
            return Ok(());
        }
        if committed.first_entry > applier.position() {
            return self.gather_ledger(applier);
        }
        for (index, entry) in block.content.entries() {
            take_entry(applier, index, &entry)?;
        }
        applier.end_block(committed.next_entry);
        Ok(())
    }

    /// Runs until the commit thread is gone.
    pub(crate) fn run(self, applier: Applier) {
        yield_to_others();
        let mut work = Work {
            applier,
            saving: None,
            rest: 0,
            quiet: 0,
            behind: false,
            large: 0,
            small: 0,
            ended: false,
        };
        loop {
            let failed = match self.turn(&mut work) {
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
                    Ok(made) => work.applier = made,
                    Err(error) => {
                        self.shared.stop(&with_causes(&error));
                        return;
                    }
                }
            }
            if work.ended {
                let synced = work.applier.sync();
                drop(work);
                let left = synced.and_then(|()| self.handle.list_pages());
                if let Err(Damaged(reason)) = left {
                    tracing::warn!(
                        reason,
                        "the views could not be left in order; the next start mends them"
                    );
                }
                return;
            }
        }
    }

    /// Takes in a block, or else does a little of what is to be done.
    fn turn(&self, work: &mut Work) -> Result<(), Failure> {
        let blocked = work.applier.is_full() && work.applier.is_writing();
        if !blocked {
            let (patience, resting) = if work.is_busy() {
                (Duration::ZERO, false)
            } else if work.applier.is_gathering() || work.behind {
                (SLICE, true)
            } else {
                (IDLE, false)
            };
            let received = self.queue.recv_timeout(patience);
            // A slice ends with whatever came, or when nothing did.
            let slices = match &received {
                Ok(ForViews::Block(block)) => 1 + block.content.len() / ENTRIES_A_SLICE,
                Ok(ForViews::Checkpoint) | Err(_) => 1,
            };
            work.rest = work.rest.saturating_sub(if resting { slices } else { 0 });
            match received {
                Ok(ForViews::Block(block)) => {
                    work.quiet = 0;
                    let entries = block.committed.next_entry - block.committed.first_entry;
                    work.note_pace(entries);
                    if work.may_pass() {
                        return Ok(());
                    }
                    return self.take_in(&mut work.applier, &block);
                }
                Ok(ForViews::Checkpoint) => {}
                Err(RecvTimeoutError::Timeout) => {
                    work.quiet += usize::from(resting);
                    if work.behind && work.has_rested() {
                        work.behind = false;
                    }
                    if !work.is_busy() && !resting {
                        work.rest = 0;
                        // What passed by, or came while the queue was full.
                        self.gather_ledger(&mut work.applier)?;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return self.finish(work),
            }
        }
        self.work(work)
    }

    /// One batch of what is to be written, or of a checkpoint.
    fn work(&self, work: &mut Work) -> Result<(), Failure> {
        if work.applier.is_writing() {
            if let Written::All { keys } = work.applier.write_some()? {
                self.shared.viewed(work.applier.shown());
                work.rest = work.rest_after(keys);
                work.quiet = 0;
            }
        } else if work.may_begin() {
            work.applier.begin_writing()?;
        } else if let Some(saving) = &mut work.saving {
            if saving.save_some() {
                work.saving = None;
            }
        } else {
            work.saving = self.next_saving();
        }
        Ok(())
    }

    /// Does everything that is left to do.
    fn finish(&self, work: &mut Work) -> Result<(), Failure> {
        work.ended = true;
        self.follow_ledger(&mut work.applier)?;
        if let Some(mut saving) = self.next_saving().or_else(|| work.saving.take()) {
            while !saving.save_some() {}
        }
        Ok(())
    }

    fn next_saving(&self) -> Option<Saving> {
        let newest = self.shared.checkpoint.take();
        newest.map(|checkpoint| Saving::new(&self.shard_dir, *checkpoint))
    }
}

/// Lets all other threads go first where there are more of them than cores.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        use rustix::{process::setpriority_process, thread::gettid};
        if let Err(error) = setpriority_process(Some(gettid()), NICENESS) {
            tracing::warn!(%error, "the view thread runs at the priority of all others");
        }
    }
}
