//! Persisted forms（持久化格式）: what an entry of each kind says.
//!
//! | kind | facts | party | personal | decision |
//! |---|---|---|---|---|
//! | result | everything but names | public names, who made and supplied it | – | where it was read, its epoch |
//! | rejection | code, field, rule, where it was read | – | the record, whole, and the value at fault | – |
//! | registration, hold, tick, end | the input | – | – | – |
//! | registry | what was said, where it was read, its epoch | – | – | – |
//! | command | what was decided and by whom, where it was read, its epoch | why | – | – |
//! | signal | what was heard but of people, where it was read, its epoch | – | people and their words | – |
//! | access | who did what in which request | – | – | – |
//! | erasure | which keys of personal sections were destroyed | why | – | – |
//! | effect | – | words that may name somebody | – | what was concluded |
//!
//! Results, their placement and effects, of which there are many, are in postcard, field by field in the
//! order of `docs/ledger-records.md`; everything else is in JSON. A form is frozen: a change of one is a
//! new version beside it.
//!
//! A rejected record could not be read, so it may hold anything, people's names included; it is kept
//! in the personal section. What stands in personal sections is sealed (`docs/personal.md`).

mod assessed;
mod block;
mod command;
pub(crate) mod delivery;
mod rejection;
mod result;
mod shown;
mod signal;
mod words;

use crate::error::StoreError;
use crate::ledger::{Entry, EntryKind};
use postcard::ser_flavors::Flavor;
use risk_domain::access::AccessNote;
use risk_domain::decision::Command;
use risk_domain::inspection::InspectionResult;
use risk_domain::personal::Erasure;
use risk_domain::registry::RegistryEntry;
use risk_domain::time::Timestamp;
use risk_engine::{Effect, Epoch, Input, Registration, SourcePartition};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

pub(crate) use command::CommandKeys;

pub use assessed::EncodedAssessments;
pub(crate) use assessed::assessment_in;
pub use block::{BlockMetadata, Positions};
pub use rejection::{DeadLetter, Rejected, RejectedRecord, Rejection, RejectionSummary};
pub(crate) use rejection::{decode_rejected, encode_rejected, encode_rejection};
pub(crate) use result::ResultOwners;
pub use result::{EncodedResult, content_digest};
pub use shown::ShownEntry;
pub use signal::{HeardRecord, SignalRecord};
pub(crate) use signal::{decode_personal, encode_personal};
pub(crate) use words::{are_apart, decode_effect, encode_command, encode_effect, encode_erasure};

/// Who reads results and rejects them, and tells the time.
pub(crate) const ACTOR_PIPELINE: &str = "system:pipeline";
/// Who erases what the retention policy no longer keeps.
pub(crate) const ACTOR_RETENTION: &str = "system:retention";
/// Who concludes.
pub(crate) const ACTOR_ENGINE: &str = "system:engine";

/// What an entry is（条目类别）; the numbers stand in the ledger.
#[doc(alias = "条目类别")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// An accepted inspection result.
    Result = 1,
    /// A dead letter.
    Rejection = 2,
    /// A zone or product became known.
    Registration = 3,
    /// Partitions hold the watermark from here on.
    Hold = 4,
    /// Time passed.
    Tick = 5,
    /// Partitions ended.
    Ended = 6,
    /// What followed from the inputs before it.
    Effect = 7,
    /// The register said something of a site.
    Registry = 8,
    /// An officer decided.
    Command = 9,
    /// A signal was heard.
    Signal = 10,
    /// Somebody did or read something through the API.
    Access = 20,
    /// Keys of personal sections were destroyed.
    Erasure = 21,
}

impl RecordKind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [Self; 12] = [
        Self::Result,
        Self::Rejection,
        Self::Registration,
        Self::Hold,
        Self::Tick,
        Self::Ended,
        Self::Effect,
        Self::Registry,
        Self::Command,
        Self::Signal,
        Self::Access,
        Self::Erasure,
    ];

    /// The kind with this number.
    pub fn of(kind: EntryKind) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as u8 == kind.0)
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Rejection => "rejection",
            Self::Registration => "registration",
            Self::Hold => "hold",
            Self::Tick => "tick",
            Self::Ended => "ended",
            Self::Effect => "effect",
            Self::Registry => "registry",
            Self::Command => "command",
            Self::Signal => "signal",
            Self::Access => "access",
            Self::Erasure => "erasure",
        }
    }
}

/// Where a result was read, and how it was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement<'a> {
    /// The partition.
    pub partition: &'a SourcePartition,
    /// Its offset there.
    pub offset: u64,
    /// The epoch it was accepted into.
    pub epoch: Epoch,
    /// It came further behind its partition's clock than the lateness allows.
    pub late: bool,
}

/// The decision of a result's entry. The partition is a number within the block, whose metadata
/// names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlacementV1 {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) epoch: Epoch,
    pub(crate) late: bool,
}

#[derive(Serialize, Deserialize)]
struct TickV1 {
    now: Timestamp,
    idle: Vec<SourcePartition>,
}

/// An input other than a result, as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum InputRecord {
    /// A zone or product became known.
    Register(Registration),
    /// Partitions hold the watermark.
    Hold(Vec<SourcePartition>),
    /// Time passed.
    Tick {
        /// Now, by the shell's clock.
        now: Timestamp,
        /// Partitions found at their end for long enough.
        idle: Vec<SourcePartition>,
    },
    /// Partitions ended for good.
    Ended(Vec<SourcePartition>),
}

impl InputRecord {
    /// The input that was recorded.
    pub fn as_input(&self) -> Input<'_> {
        match self {
            Self::Register(registration) => Input::Register(registration),
            Self::Hold(partitions) => Input::Hold(partitions),
            Self::Tick { now, idle } => Input::Tick { now: *now, idle },
            Self::Ended(partitions) => Input::Ended(partitions),
        }
    }
}

/// What was told by another feed than that of results, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told<T> {
    /// Where it was read.
    pub partition: SourcePartition,
    /// Its offset there.
    pub offset: u64,
    /// The epoch it was accepted into.
    pub epoch: Epoch,
    /// It came late.
    pub late: bool,
    /// What was told.
    pub told: T,
}

impl<T> Told<T> {
    /// The same of what `told` makes of it.
    fn map<U>(self, told: impl FnOnce(T) -> U) -> Told<U> {
        let Self {
            partition,
            offset,
            epoch,
            late,
            told: of,
        } = self;
        Told {
            partition,
            offset,
            epoch,
            late,
            told: told(of),
        }
    }
}

/// What the register said of a site, as it was recorded.
pub type RegistryRecord = Told<RegistryEntry>;
/// What an officer decided, as it was recorded.
pub type CommandRecord = Told<Command>;

/// What an entry says.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// An accepted result.
    Result(Box<ResultRecord>),
    /// A dead letter.
    Rejection(Box<RejectedRecord>),
    /// What the register said of a site.
    Registry(Box<RegistryRecord>),
    /// What an officer decided.
    Command(Box<CommandRecord>),
    /// What was heard.
    Signal(Box<HeardRecord>),
    /// What somebody did or read through the API.
    Access(Box<AccessNote>),
    /// Keys of personal sections were destroyed.
    Erasure(Box<Erasure>),
    /// Another input.
    Input(InputRecord),
    /// What followed.
    Effect(Effect),
}

/// An accepted result, as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRecord {
    /// The result.
    pub result: InspectionResult,
    /// Digest of its content.
    pub digest: u128,
    /// Number of its partition within the block.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// The epoch it was accepted into.
    pub epoch: Epoch,
    /// It came late.
    pub late: bool,
}

fn unreadable<E: Display>(entry: u64) -> impl Fn(E) -> StoreError {
    move |error| StoreError::Record {
        entry,
        reason: error.to_string(),
    }
}

/// Reads a section in postcard, all of it.
#[inline]
fn read<'a, T: Deserialize<'a>>(entry: u64, bytes: &'a [u8]) -> Result<T, StoreError> {
    let mut reader = postcard::Deserializer::from_bytes(bytes);
    let value = T::deserialize(&mut reader).map_err(unreadable(entry))?;
    let rest = reader.finalize().map_err(unreadable(entry))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(unreadable(entry)("bytes are left over"))
    }
}

/// Appends a section in postcard.
fn compact<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) -> Result<(), StoreError> {
    let refused = |error: postcard::Error| StoreError::Unrecordable(error.to_string());
    postcard::serialize_with_flavor(value, Appended(bytes)).map_err(refused)
}

/// Postcard's output at the end of a vector.
struct Appended<'a>(&'a mut Vec<u8>);

impl Flavor for Appended<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl Record {
    /// The accepted result, if it is one.
    pub(crate) fn result(&self) -> Option<&InspectionResult> {
        if let Self::Result(record) = self {
            Some(&record.result)
        } else {
            None
        }
    }

    /// Reads an entry. `index` is its index in the ledger, for the error.
    pub fn decode(index: u64, entry: &Entry<'_>) -> Result<Self, StoreError> {
        let kind = RecordKind::of(entry.kind).ok_or_else(|| StoreError::Record {
            entry: index,
            reason: format!("unknown kind {}", entry.kind.0),
        })?;
        let unreadable = unreadable(index);
        let facts = entry.facts;
        match kind {
            RecordKind::Result => {
                let placed: PlacementV1 = read(index, entry.decision)?;
                Ok(Self::Result(Box::new(ResultRecord {
                    result: result::decode(index, facts, entry.party)?,
                    digest: content_digest(facts, entry.party),
                    partition: placed.partition,
                    offset: placed.offset,
                    epoch: placed.epoch,
                    late: placed.late,
                })))
            }
            RecordKind::Rejection => {
                let summary = serde_json::from_slice(facts).map_err(unreadable)?;
                let sealed = entry.personal.to_vec();
                Ok(Self::Rejection(Box::new(RejectedRecord {
                    summary,
                    sealed,
                })))
            }
            RecordKind::Registration => {
                let registration = serde_json::from_slice(facts).map_err(unreadable)?;
                Ok(Self::Input(InputRecord::Register(registration)))
            }
            RecordKind::Hold => {
                let partitions = serde_json::from_slice(facts).map_err(unreadable)?;
                Ok(Self::Input(InputRecord::Hold(partitions)))
            }
            RecordKind::Ended => {
                let partitions = serde_json::from_slice(facts).map_err(unreadable)?;
                Ok(Self::Input(InputRecord::Ended(partitions)))
            }
            RecordKind::Tick => {
                let TickV1 { now, idle } = serde_json::from_slice(facts).map_err(unreadable)?;
                Ok(Self::Input(InputRecord::Tick { now, idle }))
            }
            RecordKind::Effect => {
                let effect = decode_effect(index, entry.party, entry.decision)?;
                Ok(Self::Effect(effect))
            }
            RecordKind::Registry => {
                let record = serde_json::from_slice(facts).map_err(unreadable)?;
                Ok(Self::Registry(Box::new(record)))
            }
            RecordKind::Command => {
                let record = words::decode_command(index, facts, entry.party)?;
                Ok(Self::Command(Box::new(record)))
            }
            RecordKind::Signal => {
                let heard = serde_json::from_slice(facts).map_err(unreadable)?;
                let sealed = entry.personal.to_vec();
                Ok(Self::Signal(Box::new(HeardRecord { heard, sealed })))
            }
            RecordKind::Access => {
                let note = serde_json::from_slice(facts).map_err(unreadable)?;
                Ok(Self::Access(Box::new(note)))
            }
            RecordKind::Erasure => {
                let erasure = words::decode_erasure(index, facts, entry.party)?;
                Ok(Self::Erasure(Box::new(erasure)))
            }
        }
    }
}

/// The enterprise and the draw of a result's entry, without reading the rest of it.
pub(crate) fn owners_of(index: u64, entry: &Entry<'_>) -> Result<ResultOwners, StoreError> {
    result::owners_of(index, entry.facts)
}

/// Id and content digest of a result's entry, without reading the rest of it.
pub(crate) fn identity_of<'a>(
    index: u64,
    entry: &Entry<'a>,
) -> Result<(&'a str, u128), StoreError> {
    let id = result::id_of(index, entry.facts)?;
    Ok((id, content_digest(entry.facts, entry.party)))
}

fn json<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) -> Result<(), StoreError> {
    serde_json::to_writer(bytes, value).map_err(|error| StoreError::Unrecordable(error.to_string()))
}

/// Appends the decision of a result's entry.
pub(crate) fn encode_placement(
    bytes: &mut Vec<u8>,
    placement: &PlacementV1,
) -> Result<(), StoreError> {
    compact(bytes, placement)
}

/// Appends the facts of what another feed told.
pub(crate) fn encode_told<T: Serialize>(
    bytes: &mut Vec<u8>,
    record: &Told<T>,
) -> Result<(), StoreError> {
    json(bytes, record)
}

/// Appends the facts of a note.
pub(crate) fn encode_access(bytes: &mut Vec<u8>, note: &AccessNote) -> Result<(), StoreError> {
    json(bytes, note)
}

/// Appends the facts of an input's entry and says its kind. `None` for a result, for an entry of the
/// register, for a command and for a signal, which have forms of their own.
pub(crate) fn encode_input(
    bytes: &mut Vec<u8>,
    input: &Input<'_>,
) -> Result<Option<RecordKind>, StoreError> {
    let kind = match input {
        Input::Result(_)
        | Input::Registry { .. }
        | Input::Command { .. }
        | Input::Signal { .. } => return Ok(None),
        Input::Register(registration) => {
            json(bytes, registration)?;
            RecordKind::Registration
        }
        Input::Hold(partitions) => {
            json(bytes, partitions)?;
            RecordKind::Hold
        }
        Input::Tick { now, idle } => {
            let idle = idle.to_vec();
            json(bytes, &TickV1 { now: *now, idle })?;
            RecordKind::Tick
        }
        Input::Ended(partitions) => {
            json(bytes, partitions)?;
            RecordKind::Ended
        }
    };
    Ok(Some(kind))
}
