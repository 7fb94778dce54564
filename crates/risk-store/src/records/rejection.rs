//! Dead letters as they are recorded.

use super::json;
use crate::error::StoreError;
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

/// A dead letter without the record, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectionSummary {
    /// Reason code.
    pub code: String,
    /// The field at fault.
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
    /// Bytes of the record.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RejectedV1 {
    key: Option<BytesV1>,
    record: BytesV1,
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
            value: self.value.clone(),
            rule: self.rule.clone(),
            partition: self.partition.clone(),
            offset: self.offset,
            received_at: self.received_at,
            bytes: self.record.len() as u64,
        }
    }

    pub(super) fn of(summary: RejectionSummary, rejected: RejectedV1) -> Option<Self> {
        let key = match rejected.key {
            Some(key) => Some(key.into_bytes()?),
            None => None,
        };
        Some(Self {
            code: summary.code,
            field: summary.field,
            value: summary.value,
            rule: summary.rule,
            partition: summary.partition,
            offset: summary.offset,
            received_at: summary.received_at,
            key,
            record: rejected.record.into_bytes()?,
        })
    }
}

/// Appends the facts of a rejection's entry; [`encode_rejected`] appends the rest.
pub(crate) fn encode_rejection(
    bytes: &mut Vec<u8>,
    summary: &RejectionSummary,
) -> Result<(), StoreError> {
    json(bytes, summary)
}

/// Appends the record of a rejection.
pub(crate) fn encode_rejected(
    bytes: &mut Vec<u8>,
    rejection: &Rejection,
) -> Result<(), StoreError> {
    let rejected = RejectedV1 {
        key: rejection.key.as_deref().map(BytesV1::of),
        record: BytesV1::of(&rejection.record),
    };
    json(bytes, &rejected)
}
