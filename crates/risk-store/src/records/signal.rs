//! Signals as they are recorded: what was heard, and apart from it what is personal.

use super::{Told, json, unreadable};
use crate::error::StoreError;
use risk_domain::signal::{Signal, SignalPersonal};

/// What was heard, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalRecord {
    /// The signal.
    pub heard: Told<Signal>,
    /// People and their words, which are sealed; empty where nothing was said.
    pub personal: SignalPersonal,
}

/// What was heard, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardRecord {
    /// The signal.
    pub heard: Told<Signal>,
    /// People and their words, sealed; empty where nothing was said.
    pub sealed: Vec<u8>,
}

/// Appends what is personal of a signal, to be sealed.
pub(crate) fn encode_personal(
    bytes: &mut Vec<u8>,
    personal: &SignalPersonal,
) -> Result<(), StoreError> {
    json(bytes, personal)
}

/// Reads what is personal of a signal.
pub(crate) fn decode_personal(entry: u64, bytes: &[u8]) -> Result<SignalPersonal, StoreError> {
    serde_json::from_slice(bytes).map_err(unreadable(entry))
}
