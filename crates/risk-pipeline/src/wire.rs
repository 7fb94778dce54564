//! The wire format（报文格式）: JSON in, inspection results out, or a rejection that says why. What goes
//! to other topics stands in [`event`].
//!
//! Version 1 is described for people in `docs/wire.md` and for programs in
//! `docs/schema/inspection-result.v1.json`, which a test holds equal to [`schema`].

mod check;
pub mod command;
pub mod event;
pub mod registry;
mod reject;
pub mod signal;
mod v1;

pub use reject::{Rejection, RejectionCode};

use crate::source::Feed;
use compact_str::CompactString;
use hashbrown::HashSet;
use risk_domain::ids::{HazardCode, ProductCode};
use risk_domain::inspection::InspectionResult;
use risk_domain::reference::Reference;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use serde::Deserialize;
use std::borrow::Cow;

/// What the reference data knows（词表）. A record that names a zone, product or hazard outside of it
/// is rejected, because nothing could be concluded about it.
#[doc(alias = "词表")]
pub trait Vocabulary {
    /// Whether there is a zone with this identifier.
    fn knows_zone(&self, zone: &str) -> bool;
    /// Whether the catalogue has a product with this code.
    fn knows_product(&self, product: &str) -> bool;
    /// Whether there is a hazard type with this code.
    fn knows_hazard(&self, hazard: &str) -> bool;
}

/// The words of the city's reference data.
#[derive(Debug, Clone)]
pub struct ReferenceVocabulary {
    zones: HashSet<CompactString>,
    products: HashSet<CompactString>,
    hazards: HashSet<CompactString>,
}

impl ReferenceVocabulary {
    /// The words of `reference`.
    pub fn of(reference: &Reference) -> Self {
        let zones = reference.zones.iter().map(|zone| zone.id.as_str());
        let products = reference.products.keys().map(ProductCode::as_str);
        let hazards = reference.hazards.keys().map(HazardCode::as_str);
        Self {
            zones: zones.map(CompactString::new).collect(),
            products: products.map(CompactString::new).collect(),
            hazards: hazards.map(CompactString::new).collect(),
        }
    }
}

impl Vocabulary for ReferenceVocabulary {
    fn knows_zone(&self, zone: &str) -> bool {
        self.zones.contains(zone)
    }
    fn knows_product(&self, product: &str) -> bool {
        self.products.contains(product)
    }
    fn knows_hazard(&self, hazard: &str) -> bool {
        self.hazards.contains(hazard)
    }
}

/// A vocabulary that knows every word, for record sets which bring their own.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenVocabulary;

impl Vocabulary for OpenVocabulary {
    fn knows_zone(&self, _zone: &str) -> bool {
        true
    }
    fn knows_product(&self, _product: &str) -> bool {
        true
    }
    fn knows_hazard(&self, _hazard: &str) -> bool {
        true
    }
}

/// How large a record may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes of the whole record.
    pub max_bytes: usize,
    /// Arrays and objects within one another.
    pub max_depth: usize,
    /// Tested items.
    pub max_items: usize,
    /// Entries of `extra`.
    pub max_extra: usize,
    /// Bytes of one text.
    pub max_text_bytes: usize,
    /// How far a time may lie beyond the receipt, in milliseconds.
    pub max_ahead_millis: i64,
}

impl Default for WireLimits {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 20,
            max_depth: 32,
            max_items: 200,
            max_extra: 64,
            max_text_bytes: 512,
            max_ahead_millis: DAY_MILLIS,
        }
    }
}

/// Reads one record of version 1.
///
/// `received_at` is the broker's time or the receipt's: no time in the record may lie more than
/// [`WireLimits::max_ahead_millis`] beyond it.
pub fn decode(
    bytes: &[u8],
    received_at: Timestamp,
    vocabulary: &dyn Vocabulary,
    limits: &WireLimits,
) -> Result<Box<InspectionResult>, Rejection> {
    let text = text_of(bytes, limits)?;
    let checker = check::Checker {
        received_at,
        vocabulary,
        limits,
    };
    if let Some(record) = v1::read(text) {
        return checker.result(&record);
    }
    match serde_json::from_str::<v1::Record<'_>>(text) {
        Ok(record) => checker.result(&record),
        Err(_error) => Err(reject::explain::<v1::Record<'_>>(text, limits)),
    }
}

/// The bytes as text, if they are few enough and UTF-8.
fn text_of<'a>(bytes: &'a [u8], limits: &WireLimits) -> Result<&'a str, Rejection> {
    if bytes.len() > limits.max_bytes {
        return Err(Rejection::new(
            RejectionCode::TooLarge,
            "$",
            &format!("{} bytes", bytes.len()),
            format!("must be at most {} bytes", limits.max_bytes),
        ));
    }
    // One pass over the bytes is cheaper than one over each text.
    simdutf8::basic::from_utf8(bytes).map_err(|_| reject::not_utf8(bytes))
}

/// The key of a record: the enterprise of a result or a signal, the site of an entry of the register, the subject
/// or alert or case of a command; `None` where the record cannot be read.
pub(crate) fn key_of(feed: Feed, bytes: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Keyed<'a> {
        #[serde(borrow)]
        site: Site<'a>,
    }
    #[derive(Deserialize)]
    struct Site<'a> {
        #[serde(borrow)]
        enterprise_id: Cow<'a, str>,
        #[serde(borrow)]
        site_id: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Heard<'a> {
        #[serde(borrow)]
        enterprise_id: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Decided<'a> {
        #[serde(borrow)]
        subject: Option<Cow<'a, str>>,
        #[serde(borrow)]
        alert_id: Option<Cow<'a, str>>,
        #[serde(borrow)]
        case_id: Option<Cow<'a, str>>,
    }
    let keyed = || serde_json::from_slice::<Keyed<'_>>(bytes).ok();
    Some(match feed {
        Feed::Results => keyed()?.site.enterprise_id,
        Feed::Registry => keyed()?.site.site_id,
        Feed::Signals => {
            let heard = serde_json::from_slice::<Heard<'_>>(bytes).ok()?;
            heard.enterprise_id
        }
        Feed::Commands => {
            let decided = serde_json::from_slice::<Decided<'_>>(bytes).ok()?;
            decided.subject.or(decided.alert_id).or(decided.case_id)?
        }
    })
}

/// Writes a result in version 1. [`decode`] gives the same result back.
pub fn encode(result: &InspectionResult) -> Vec<u8> {
    // Writing plain structs with text keys to memory has no way to fail; an empty record, which
    // no reader accepts, stands for the impossible case.
    serde_json::to_vec(&v1::Record::from(result)).unwrap_or_default()
}

/// The JSON Schema of version 1, as it is committed: indented, with a final newline.
pub fn schema() -> String {
    written_schema(&schemars::schema_for!(v1::Record<'static>))
}

fn written_schema(schema: &schemars::Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
