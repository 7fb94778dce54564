//! Dead letters as they are recorded.

use super::{json, unreadable};
use crate::error::StoreError;
use crate::personal::Disclosed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use risk_domain::time::Timestamp;
use risk_engine::SourcePartition;
use serde::{Deserialize, Serialize};

/// A dead letter（死信）: a record that could not be accepted, kept whole.
#[doc(alias = "死信")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Reason code, of a closed list.
    pub code: String,
    /// The field at fault, empty for the record as a whole.
    pub field: String,
    /// The value found there, shortened.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
    /// Where it was read.
    pub partition: SourcePartition,
    /// Its offset there.
    pub offset: u64,
    /// When the broker or the intake took it.
    pub received_at: Timestamp,
    /// Its key, if it had one.
    pub key: Option<Vec<u8>>,
    /// The record.
    pub record: Vec<u8>,
}

/// A dead letter without what may be personal, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectionSummary {
    /// Reason code.
    pub code: String,
    /// The field at fault.
    pub field: String,
    /// The rule it breaks.
    pub rule: String,
    /// Where it was read.
    pub partition: SourcePartition,
    /// Its offset there.
    pub offset: u64,
    /// When the broker or the intake took it.
    pub received_at: Timestamp,
    /// Bytes of the record.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct RejectedV1 {
    key: Option<BytesV1>,
    record: BytesV1,
    value: String,
}

/// Bytes in JSON: as text where they are text.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BytesV1 {
    Text(String),
    Base64(String),
}

impl BytesV1 {
    fn of(bytes: &[u8]) -> Self {
        str::from_utf8(bytes).map_or_else(
            |_error| Self::Base64(STANDARD.encode(bytes)),
            |text| Self::Text(text.to_owned()),
        )
    }

    fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).ok(),
        }
    }
}

impl Rejection {
    /// The dead letter without its record.
    pub fn summary(&self) -> RejectionSummary {
        RejectionSummary {
            code: self.code.clone(),
            field: self.field.clone(),
            rule: self.rule.clone(),
            partition: self.partition.clone(),
            offset: self.offset,
            received_at: self.received_at,
            bytes: self.record.len() as u64,
        }
    }
}

/// A dead letter as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// What may be seen by everybody who may see dead letters at all.
    pub summary: RejectionSummary,
    /// The record, sealed, because it could not be read and may hold anything.
    pub sealed: Vec<u8>,
}

/// What of a dead letter may be personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The value at fault, shortened.
    pub value: String,
    /// The record's key, if it had one.
    pub key: Option<Vec<u8>>,
    /// The record.
    pub record: Vec<u8>,
}

/// A dead letter, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Why it was rejected.
    pub summary: RejectionSummary,
    /// What was rejected.
    pub rejected: Disclosed<Rejected>,
}

/// Appends the facts of a rejection's entry; [`encode_rejected`] appends the rest.
pub(crate) fn encode_rejection(
    bytes: &mut Vec<u8>,
    summary: &RejectionSummary,
) -> Result<(), StoreError> {
    json(bytes, summary)
}

/// Appends the record of a rejection, to be sealed.
pub(crate) fn encode_rejected(
    bytes: &mut Vec<u8>,
    rejection: &Rejection,
) -> Result<(), StoreError> {
    let rejected = RejectedV1 {
        key: rejection.key.as_deref().map(BytesV1::of),
        record: BytesV1::of(&rejection.record),
        value: rejection.value.clone(),
    };
    json(bytes, &rejected)
}

/// Reads what [`encode_rejected`] wrote.
pub(crate) fn decode_rejected(entry: u64, bytes: &[u8]) -> Result<Rejected, StoreError> {
    let unreadable = unreadable(entry);
    let written: RejectedV1 = serde_json::from_slice(bytes).map_err(&unreadable)?;
    let bytes = |of: BytesV1| {
        of.into_bytes()
            .ok_or_else(|| super::unreadable(entry)("not base64"))
    };
    Ok(Rejected {
        value: written.value,
        key: written.key.map(bytes).transpose()?,
        record: bytes(written.record)?,
    })
}
