//! What stands in the file of tokens, and what a provider says of a person beyond the standard.

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The file of tokens, whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokensV1 {
    /// Version of the format.
    pub(crate) version: u32,
    pub(crate) tokens: Vec<TokenV1>,
}

/// One token. The secret itself stands nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenV1 {
    pub(crate) id: String,
    pub(crate) actor: String,
    pub(crate) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) zones: Vec<String>,
    /// Times are RFC 3339.
    pub(crate) created_at: String,
    pub(crate) expires_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked_at: Option<String>,
    /// SHA-256 of the secret's 32 bytes, in hexadecimal digits.
    pub(crate) sha256: String,
}

/// When each token was used last, in a file of its own that only the server writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TokenUsesV1 {
    pub(crate) last_used_at: BTreeMap<String, String>,
}

/// What an ID token says beyond the standard claims.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Claims(pub(crate) BTreeMap<String, Value>);

impl AdditionalClaims for Claims {}

/// The actor that a posted record names, if it names one.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) actor: Option<NamedActor>,
}

/// Who acts, as a record says it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NamedActor {
    pub(crate) id: String,
    pub(crate) role: String,
}
