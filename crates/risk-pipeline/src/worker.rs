//! The worker（工作单元）: the one loop that changes state.
//!
//! It takes a batch from the source, has each record decoded, looks up what the engine cannot know,
//! lets the engine conclude, and hands inputs, conclusions and the positions reached to the writer
//! as one ledger block. The next batch is decoded meanwhile, on a thread of its own. A record is
//! applied, rejected, or stops its partition; there is no fourth way. Whoever posted a record hears
//! of it once its block is durable.

mod apply;
mod decoder;
mod lane;
mod parts;
mod recording;
mod refusal;
mod waiting;
mod watermark;

pub use parts::{WorkerError, WorkerParts, WorkerReport, WorkerSettings, WorkerStatus};

use crate::dead_letter::Verdict;
use crate::notes::Note;
use crate::source::intake::{self, Receipt, is_intake};
use crate::source::{Feed, Offset, Partition, RawRecord, SourceBatch};
use crate::wire::{OpenVocabulary, Rejection};
use compact_str::CompactString;
use decoder::{Chunk, Decoded, Decoder, Slot};
use lane::Lanes;
use parts::lock;
use prometheus::IntCounter;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use risk_engine::{Caution, Engine, Epoch, Found, Input, SourcePartition};
use risk_store::identity::Seen;
use risk_store::{Committed, Ticket};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waiting::{Receipts, Waiting, resolve};

/// Batches in hand: one that is applied, and one that is decoded meanwhile.
const IN_HAND: usize = 2;
/// Entries between two checkpoints: a start after a crash folds hardly more, in ten seconds or so.
const CHECKPOINT_ENTRIES: u64 = 4_000_000;

/// The worker（工作单元）.
#[doc(alias = "工作单元")]
pub struct Worker {
    parts: WorkerParts,
    decoder: Decoder,
    /// Batches that the decoder has, the oldest first, and whoever waits for their records.
    in_hand: VecDeque<(Arc<SourceBatch>, Vec<intake::Ticket>)>,
    lanes: Lanes,
    waiting: Arc<Mutex<Waiting>>,
    in_flight: VecDeque<(Ticket, BTreeMap<Partition, Offset>)>,
    report: WorkerReport,
    /// What to be wary of, as the log has it.
    cautions: Vec<Caution>,
    /// The close that the gauges show.
    gauged: Option<(Epoch, Timestamp)>,
    /// An alert or a case moved that the gauges do not show.
    handled: bool,
    /// Counters of records that were applied, and of those read before.
    applied: IntCounter,
    duplicate: IntCounter,
    /// The day on which what is personal was last looked through.
    erased_on: Option<Day>,
    /// Whether time alone lets more epochs close than the last tick did.
    due: bool,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("lanes", &self.lanes)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

/// What was known of a result before those of its chunk were taken.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Of its id.
    seen: Option<Seen>,
    /// Of its subjects.
    found: Found,
}

/// What became of one record.
enum Handled {
    Applied,
    Duplicate,
    Rejected(Rejection),
}

impl Worker {
    /// A worker that goes on where the ledger stands.
    pub fn new(mut parts: WorkerParts) -> Result<Self, WorkerError> {
        let names = Feed::ALL.map(|feed| CompactString::new(parts.source.name(feed)));
        let mut lanes = Lanes::new(names, parts.settings.dead_letters);
        for (named, next) in parts.writer.positions() {
            if let Some(partition) = lanes.partition_named(named) {
                lanes.of(partition).next = Some(Offset(*next as i64));
            }
        }
        parts.source.seek(&lanes.positions())?;
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let told = Arc::clone(&waiting);
        parts.writer.observe(Arc::new(move |committed: &Committed| {
            lock(&told).durable(committed.block);
        }));
        let words = std::mem::replace(&mut parts.vocabulary, Box::new(OpenVocabulary));
        let decoder = Decoder::start(words, parts.settings.limits)?;
        Ok(Self {
            lanes,
            waiting,
            in_flight: VecDeque::new(),
            report: WorkerReport::default(),
            cautions: Vec::new(),
            gauged: None,
            handled: false,
            applied: parts.metrics.records.with_label_values(&["applied"]),
            duplicate: parts.metrics.records.with_label_values(&["duplicate"]),
            erased_on: None,
            due: false,
            decoder,
            in_hand: VecDeque::new(),
            parts,
        })
    }

    /// Runs until asked to stop, until a bounded source has ended, or until something fatal. What
    /// was taken in hand is durable when this returns without an error.
    pub fn run(mut self) -> Result<WorkerReport, WorkerError> {
        self.parts.status.running.store(true, Ordering::SeqCst);
        let ended = self.work();
        self.parts.status.running.store(false, Ordering::SeqCst);
        self.parts.notes.close();
        ended?;
        let report = self.report;
        self.parts.writer.close()?;
        Ok(report)
    }

    fn work(&mut self) -> Result<(), WorkerError> {
        for registration in std::mem::take(&mut self.parts.registrations) {
            self.input(&Input::Register(&registration))?;
        }
        let held: Vec<SourcePartition> = self
            .parts
            .source
            .partitions()
            .iter()
            .map(|at| self.lanes.named(*at))
            .collect();
        self.input(&Input::Hold(&held))?;
        self.commit(Vec::new())?;
        let mut finished = false;
        while !finished && !self.parts.status.should_stop() {
            let more = self.poll()?;
            // With nothing more to decode for now, nothing is left in hand either.
            let leave = if more { IN_HAND - 1 } else { 0 };
            finished = self.take_until(leave)?;
            self.write_notes()?;
            self.erase_due()?;
            self.due = self.tick()?;
            self.checkpoint_due(CHECKPOINT_ENTRIES)?;
            self.mirror();
        }
        finished |= self.take_until(0)?;
        self.write_notes()?;
        // An intake ends because the program does; more may be posted tomorrow.
        if finished && self.parts.source.bounded() {
            self.input(&Input::Ended(&self.ended(held)))?;
            self.commit(Vec::new())?;
        }
        self.drain()
    }

    /// Handles batches, the oldest first, until so many are left in hand; says whether the source
    /// ended with one of them.
    fn take_until(&mut self, left: usize) -> Result<bool, WorkerError> {
        let mut finished = false;
        while self.in_hand.len() > left
            && let Some((batch, tickets)) = self.in_hand.pop_front()
        {
            self.take(&batch, tickets)?;
            finished |= batch.finished;
        }
        Ok(finished)
    }

    /// The partitions that end with this source: its own, and an intake of a process that is gone,
    /// in which nothing can wait.
    fn ended(&self, mut held: Vec<SourcePartition>) -> Vec<SourcePartition> {
        let engine = self.engine();
        let clocks = engine.partition_clocks().map(|(partition, _)| partition);
        let gone = clocks.filter(|at| is_intake(&at.source) && !self.lanes.has_name(&at.source));
        held.extend(gone.cloned());
        held
    }

    /// Asks the source for a batch and has it decoded; says whether it had records. It waits only
    /// when nothing else is in hand.
    fn poll(&mut self) -> Result<bool, WorkerError> {
        let settings = self.parts.settings;
        let at_rest = self.in_hand.is_empty() && !self.due;
        let wait = if at_rest {
            settings.poll_wait
        } else {
            Duration::ZERO
        };
        match self.parts.source.poll(settings.batch_records, wait) {
            Ok(mut batch) => {
                let silent = batch.is_empty()
                    && batch.tickets.is_empty()
                    && batch.reached_end.is_empty()
                    && !batch.finished;
                if silent {
                    return Ok(false);
                }
                let tickets = std::mem::take(&mut batch.tickets);
                let more = !batch.is_empty() && !batch.finished;
                let batch = Arc::new(batch);
                self.decoder.submit(Arc::clone(&batch))?;
                self.in_hand.push_back((batch, tickets));
                Ok(more)
            }
            Err(error) if error.can_retry() => {
                tracing::warn!(error = %error, "source will be tried again");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn engine(&self) -> parking_lot::RwLockWriteGuard<'_, Engine> {
        self.parts.engine.write()
    }

    /// Handles one batch and commits it.
    fn take(
        &mut self,
        batch: &SourceBatch,
        tickets: Vec<intake::Ticket>,
    ) -> Result<(), WorkerError> {
        if batch.is_empty() && tickets.is_empty() {
            self.note_ends(batch);
            return Ok(());
        }
        let timer = self.parts.metrics.batch_seconds.start_timer();
        let mut receipts: Vec<Option<Receipt>> =
            Vec::with_capacity(if tickets.is_empty() { 0 } else { batch.len() });
        let mut records = batch.records().iter();
        while records.len() > 0 {
            let chunk = self.decoder.next()?;
            let became = self.take_chunk(batch, records.by_ref(), &chunk)?;
            if !tickets.is_empty() {
                receipts.extend(became);
            }
            self.decoder.give_back(chunk);
            if self.parts.writer.is_full() {
                self.commit(Vec::new())?;
            }
        }
        self.note_ends(batch);
        let receipts = tickets.into_iter().filter_map(|ticket| {
            // A ticket with a record that was not handled is dropped: its owner hears that the
            // pipeline stopped, and may send the record again.
            let of_ticket = receipts.get(ticket.records.clone())?;
            let of_ticket: Option<Vec<Receipt>> = of_ticket.iter().cloned().collect();
            of_ticket.map(|receipts| (ticket, receipts))
        });
        let receipts = receipts.collect();
        self.commit(receipts)?;
        timer.observe_duration();
        self.balance()
    }

    /// Handles the next of some records, for as long at the engine: it and the ids are locked once for a chunk.
    fn take_chunk<'r>(
        &mut self,
        batch: &SourceBatch,
        records: impl Iterator<Item = &'r RawRecord>,
        chunk: &Chunk,
    ) -> Result<Vec<Option<Receipt>>, WorkerError> {
        let before = self.report;
        let seen = self.parts.writer.look_up_all(chunk.ids())?;
        let engine = Arc::clone(&self.parts.engine);
        let mut engine = engine.write();
        let found = engine.find_all(chunk.results());
        let known = seen.into_iter().zip(found);
        let mut known = known.map(|(seen, found)| Known { seen, found });
        let mut receipts = Vec::with_capacity(chunk.slots().len());
        // In this order, so that no record is taken for which there is no slot.
        for (slot, record) in chunk.slots().iter().zip(records) {
            let is_result = matches!(slot.decoded, Decoded::Result(_));
            let known = is_result.then(|| known.next()).flatten();
            let known = known.unwrap_or_default();
            receipts.push(self.take_record(&mut engine, (batch, record), slot, known)?);
        }
        let WorkerReport {
            accepted,
            duplicates,
            ..
        } = self.report;
        self.applied.inc_by(accepted - before.accepted);
        self.duplicate.inc_by(duplicates - before.duplicates);
        Ok(receipts)
    }

    /// Notes which partitions are at their end once the batch is taken: its records may be the last of them.
    fn note_ends(&mut self, batch: &SourceBatch) {
        let now = self.parts.clock.now();
        for partition in &batch.reached_end {
            self.lanes.of(*partition).at_end.get_or_insert(now);
        }
    }

    /// Handles one record; `None` when its partition has stopped.
    fn take_record(
        &mut self,
        engine: &mut Engine,
        (batch, record): (&SourceBatch, &RawRecord),
        slot: &Slot,
        known: Known,
    ) -> Result<Option<Receipt>, WorkerError> {
        let partition = record.partition;
        let lane = self.lanes.of(partition);
        if lane.stopped {
            return Ok(None);
        }
        lane.at_end = None;
        lane.idle = false;
        let handled = match &slot.decoded {
            Decoded::Result(result) => {
                self.apply(engine, (result, &slot.encoded), record, known)?
            }
            Decoded::Entry(entry) => self.apply_entry(engine, entry, record)?,
            Decoded::Command(command) => self.apply_command(engine, command, record)?,
            Decoded::Signal(heard) => self.apply_signal(engine, heard, record)?,
            Decoded::Rejected(rejection) => Handled::Rejected(rejection.clone()),
        };
        let receipt = match handled {
            Handled::Applied => {
                self.lanes.of(partition).rejections.accepted();
                self.report.accepted += 1;
                Receipt::Accepted
            }
            Handled::Duplicate => {
                self.lanes.of(partition).rejections.accepted();
                self.report.duplicates += 1;
                self.parts.writer.count_duplicate();
                Receipt::Duplicate
            }
            Handled::Rejected(rejection) => {
                if let Verdict::Stop { why } = self.lanes.of(partition).rejections.rejected() {
                    self.stop_partition(partition, &why)?;
                    return Ok(None);
                }
                self.reject(batch, record, &rejection)?;
                Receipt::Rejected(rejection)
            }
        };
        self.lanes.of(partition).next = Some(record.offset.next());
        Ok(Some(receipt))
    }

    /// Hands over what was appended, with the positions reached.
    fn commit(&mut self, receipts: Receipts) -> Result<(), WorkerError> {
        let known = self.parts.writer.positions();
        let next = |lane: &lane::Lane| Some((lane.name.clone(), lane.next?.0 as u64));
        let moved: BTreeMap<SourcePartition, u64> = self
            .lanes
            .all()
            .filter_map(next)
            .filter(|(partition, next)| known.get(partition) != Some(next))
            .collect();
        if moved.is_empty() && self.parts.writer.pending_entries() == 0 {
            // Nothing to make durable: a submission without records, say.
            resolve(receipts);
            return Ok(());
        }
        let seed = (self.parts.seeds)();
        let ticket = self
            .parts
            .writer
            .commit(&moved, self.parts.clock.now(), seed)?;
        if !receipts.is_empty() {
            lock(&self.waiting).add(ticket.block, receipts);
        }
        self.in_flight.push_back((ticket, self.lanes.positions()));
        self.gauge();
        Ok(())
    }

    /// Writes down what people did through the API. Nothing follows from it.
    fn write_notes(&mut self) -> Result<(), WorkerError> {
        let notes = self.parts.notes.take();
        if notes.is_empty() {
            return Ok(());
        }
        for (note, _) in &notes {
            match note {
                Note::Access(note) => self.parts.writer.append_access(note)?,
                Note::Erasure(erasure) => self.parts.writer.append_erasure(erasure)?,
            };
        }
        let none = |(_, ticket)| (ticket, Vec::new());
        self.commit(notes.into_iter().map(none).collect())
    }

    /// Erases what is personal and no longer kept: at the start, and whenever a day begins.
    fn erase_due(&mut self) -> Result<(), WorkerError> {
        let now = self.parts.clock.now();
        let today = CivilOffset::CHINA.day_of(now);
        if self.erased_on == Some(today) {
            return Ok(());
        }
        self.erased_on = Some(today);
        let keys = self.parts.writer.append_due_erasures(now)?;
        if keys > 0 {
            tracing::info!(keys, "what is personal was erased, as it is no longer kept");
            self.commit(Vec::new())?;
        }
        Ok(())
    }

    /// Tells the source which positions are durable.
    fn mirror(&mut self) {
        let mut durable = None;
        while let Some((ticket, _)) = self.in_flight.front() {
            if !self.parts.writer.is_durable(*ticket) {
                break;
            }
            durable = self.in_flight.pop_front().map(|(_, positions)| positions);
        }
        if let Some(positions) = durable {
            self.parts.source.durable(&positions);
        }
    }

    /// Writes the engine's state down, so that the next start need not fold the whole ledger, if so many
    /// entries came since it was last written: those count too which this start had to fold.
    fn checkpoint_due(&mut self, entries: u64) -> Result<(), WorkerError> {
        if self.parts.writer.entries_since_checkpoint() < entries {
            return Ok(());
        }
        let engine = Arc::clone(&self.parts.engine);
        let engine = engine.read();
        self.parts.writer.checkpoint(&engine)?;
        Ok(())
    }

    /// Waits until everything taken in hand is durable and shown.
    fn drain(&mut self) -> Result<(), WorkerError> {
        self.checkpoint_due(1)?;
        if let Some((ticket, _)) = self.in_flight.back() {
            self.parts.writer.wait(*ticket)?;
            self.parts.writer.wait_viewed(*ticket)?;
        }
        self.mirror();
        Ok(())
    }
}
