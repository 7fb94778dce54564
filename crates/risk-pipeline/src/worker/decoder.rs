//! Decoding ahead（预解码）: a thread of its own turns bytes into results while the worker applies those
//! before them.
//!
//! Records come back in their order, in chunks that go to and fro: what a chunk holds is written over
//! by its next use, so that no record needs memory of its own.

use super::WorkerError;
use crate::source::{Feed, SourceBatch};
use crate::wire::{self, Rejection, Vocabulary, WireLimits};
use risk_domain::decision::Command;
use risk_domain::inspection::InspectionResult;
use risk_domain::registry::RegistryEntry;
use risk_domain::signal::{Signal, SignalPersonal};
use risk_engine::SubjectsKey;
use risk_store::EncodedResult;
use risk_store::identity::IdHash;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

/// Records in a chunk: few enough to stay in the processor's cache on their way between threads.
const CHUNK: usize = 128;
/// Chunks that wait for the worker, which is away for a while when it closes an epoch.
const AHEAD: usize = 256;

/// What a record says.
#[derive(Debug)]
pub(super) enum Decoded {
    Result(Box<InspectionResult>),
    Entry(Box<RegistryEntry>),
    Command(Box<Command>),
    Signal(Box<(Signal, SignalPersonal)>),
    Rejected(Rejection),
}

/// One record, decoded.
#[derive(Debug)]
pub(super) struct Slot {
    /// What it says.
    pub(super) decoded: Decoded,
    /// The result as it will stand in the ledger; of an earlier one where there is none.
    pub(super) encoded: EncodedResult,
}

/// Some records of a batch, in their order.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    slots: Vec<Slot>,
    used: usize,
    /// The ids of its results.
    ids: Vec<IdHash>,
    /// What names their subjects.
    subjects: Vec<SubjectsKey>,
}

impl Chunk {
    /// The records.
    pub(super) fn slots(&self) -> &[Slot] {
        self.slots.get(..self.used).unwrap_or_default()
    }

    /// The ids of its results.
    pub(super) fn ids(&self) -> &[IdHash] {
        &self.ids
    }

    /// Its results, and what names their subjects.
    pub(super) fn results(&self) -> impl Iterator<Item = (SubjectsKey, &InspectionResult)> {
        let results = self.slots().iter().filter_map(|slot| match &slot.decoded {
            Decoded::Result(result) => Some(&**result),
            Decoded::Entry(_) | Decoded::Command(_) | Decoded::Signal(_) | Decoded::Rejected(_) => {
                None
            }
        });
        self.subjects.iter().copied().zip(results)
    }

    fn clear(&mut self) {
        self.used = 0;
        self.ids.clear();
        self.subjects.clear();
    }

    fn push(&mut self, decoded: Decoded) -> Result<(), WorkerError> {
        if self.slots.len() == self.used {
            self.slots.push(Slot {
                decoded,
                encoded: EncodedResult::default(),
            });
        } else if let Some(slot) = self.slots.get_mut(self.used) {
            slot.decoded = decoded;
        }
        if let Some(Slot {
            decoded: Decoded::Result(result),
            encoded,
        }) = self.slots.get_mut(self.used)
        {
            encoded.encode(result)?;
            self.ids.push(encoded.id());
            self.subjects.push(SubjectsKey::of(result));
        }
        self.used += 1;
        Ok(())
    }
}

/// The decoding thread, as the worker sees it. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Decoder {
    batches: Option<Sender<Arc<SourceBatch>>>,
    chunks: Option<Receiver<Result<Chunk, WorkerError>>>,
    used: Sender<Chunk>,
    thread: Option<JoinHandle<()>>,
}

impl Decoder {
    pub(super) fn start(
        vocabulary: Box<dyn Vocabulary + Send>,
        limits: WireLimits,
    ) -> Result<Self, WorkerError> {
        let (batches, queue) = channel();
        let (sender, chunks) = sync_channel(AHEAD);
        let (used, returned) = channel();
        let work = move || decode_all(&queue, &sender, &returned, &*vocabulary, &limits);
        let thread = std::thread::Builder::new()
            .name("decode".to_owned())
            .spawn(work)
            .map_err(|error| WorkerError::Decoder(error.to_string()))?;
        Ok(Self {
            batches: Some(batches),
            chunks: Some(chunks),
            used,
            thread: Some(thread),
        })
    }

    /// Hands a batch over; its chunks come after those of the batches before.
    pub(super) fn submit(&self, batch: Arc<SourceBatch>) -> Result<(), WorkerError> {
        let sent = self.batches.as_ref().map(|batches| batches.send(batch));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(gone()),
        }
    }

    /// The next chunk; waits for it.
    pub(super) fn next(&self) -> Result<Chunk, WorkerError> {
        let chunk = self.chunks.as_ref().map(Receiver::recv);
        match chunk {
            Some(Ok(chunk)) => chunk,
            Some(Err(_)) | None => Err(gone()),
        }
    }

    /// Gives a chunk back, to be filled again.
    pub(super) fn give_back(&self, chunk: Chunk) {
        // Without a thread that takes it, it is merely dropped.
        drop(self.used.send(chunk));
    }
}

fn gone() -> WorkerError {
    WorkerError::Decoder("the decoding thread has ended".to_owned())
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.batches = None;
        self.chunks = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the decoding thread panicked");
        }
    }
}

fn decode_all(
    batches: &Receiver<Arc<SourceBatch>>,
    chunks: &SyncSender<Result<Chunk, WorkerError>>,
    returned: &Receiver<Chunk>,
    vocabulary: &dyn Vocabulary,
    limits: &WireLimits,
) {
    let mut spare = Vec::new();
    while let Ok(batch) = batches.recv() {
        for records in batch.records().chunks(CHUNK) {
            // The one used last is the one that the cache still holds.
            spare.extend(returned.try_iter());
            let mut chunk: Chunk = spare.pop().unwrap_or_default();
            chunk.clear();
            let filled = records.iter().try_for_each(|record| {
                let bytes = batch.value(record);
                let at = record.received_at;
                let decoded = match record.partition.feed {
                    Feed::Results => {
                        wire::decode(bytes, at, vocabulary, limits).map(Decoded::Result)
                    }
                    Feed::Registry => wire::registry::decode(bytes, at, vocabulary, limits)
                        .map(|entry| Decoded::Entry(Box::new(entry))),
                    Feed::Commands => wire::command::decode(bytes, at, vocabulary, limits)
                        .map(|command| Decoded::Command(Box::new(command))),
                    Feed::Signals => wire::signal::decode(bytes, at, vocabulary, limits)
                        .map(|signal| Decoded::Signal(Box::new(signal))),
                };
                chunk.push(decoded.unwrap_or_else(Decoded::Rejected))
            });
            if chunks.send(filled.map(|()| chunk)).is_err() {
                return;
            }
        }
    }
}
