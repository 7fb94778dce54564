//! What the register says of a site, on the wire: version 1.
//!
//! Described for people in `docs/wire.md`, and for programs in `docs/schema/registry-update.v1.json`,
//! which a test holds equal to [`schema`].

use super::check::{Checked, Checker, Codes, Place, codes, few_enough, id, optional_id, version};
use super::v1::{Text, channels};
use super::{Rejection, RejectionCode, Vocabulary, WireLimits, reject, text_of};
use risk_domain::inspection::Channel;
use risk_domain::registry::{RegistryEntry, Volume};
use risk_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most products of one site.
const MAX_PRODUCTS: usize = 1000;

/// What the register says of one site（登记信息）, version 1. The latest statement of a site stands
/// alone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "RegistryUpdate", extend("$id" = "registry-update.v1.json"))]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the published format"
)]
struct Update<'a> {
    /// Version of the format: 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1))]
    schema_version: Option<i64>,
    /// Which statement（登记信息编号）.
    #[serde(borrow)]
    update_id: Text<'a>,
    /// When the register said so: RFC 3339 with an offset.
    #[serde(borrow)]
    #[schemars(extend("format" = "date-time"))]
    observed_at: Text<'a>,
    /// The site and who trades there.
    #[serde(borrow)]
    site: Site<'a>,
    /// What it trades in（经营产品）; nothing when absent.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    products: Vec<Product<'a>>,
}

/// The site and who trades there（经营场所）.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the published format"
)]
struct Site<'a> {
    /// Which site（场所、商位）.
    #[serde(borrow)]
    site_id: Text<'a>,
    /// Who trades there（经营者）.
    #[serde(borrow)]
    enterprise_id: Text<'a>,
    /// Its public name.
    #[serde(borrow)]
    name: Text<'a>,
    /// Its class, as the register tells enterprises apart（企业类别）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    class: Option<Text<'a>>,
    /// The zone the site lies in（区域）.
    #[serde(borrow)]
    zone_id: Text<'a>,
    /// Booth number or address within the zone（商位号）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    booth: Option<Text<'a>>,
    /// Link of the chain（环节）.
    #[serde(borrow)]
    #[schemars(schema_with = "channels")]
    channel: Text<'a>,
    /// Whether it trades; a closed site leaves the frame. True when absent.
    #[serde(default = "yes")]
    open: bool,
}

fn yes() -> bool {
    true
}

/// A product that the site trades in.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Product<'a> {
    /// Code of the catalogue（产品代码）.
    #[serde(borrow)]
    category: Text<'a>,
    /// How much of it, against others（经营规模）; 1 when absent.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    volume: i64,
}

fn one() -> i64 {
    1
}

/// Reads one statement of version 1. No time in it may lie more than [`WireLimits::max_ahead_millis`]
/// beyond `received_at`.
pub fn decode(
    bytes: &[u8],
    received_at: Timestamp,
    vocabulary: &dyn Vocabulary,
    limits: &WireLimits,
) -> Result<RegistryEntry, Rejection> {
    let text = text_of(bytes, limits)?;
    match serde_json::from_str::<Update<'_>>(text) {
        Ok(update) => {
            let checker = Checker {
                received_at,
                vocabulary,
                limits,
            };
            entry(&update, &checker)
        }
        Err(_error) => Err(reject::explain::<Update<'_>>(text, limits)),
    }
}

fn entry(update: &Update<'_>, checker: &Checker<'_>) -> Checked<RegistryEntry> {
    version(update.schema_version)?;
    few_enough("products", update.products.len(), MAX_PRODUCTS)?;
    let site = &update.site;
    let mut products = BTreeMap::new();
    for (at, product) in update.products.iter().enumerate() {
        let place = Place::Product(at, "category");
        let code = checker.product_code(place, &product.category)?;
        let volume = u32::try_from(product.volume).ok();
        let volume = volume.and_then(|volume| Volume::new(volume).ok());
        let volume = volume.ok_or_else(|| {
            let rule = format!("must be from 1 to {}", Volume::MOST);
            let value = product.volume.to_string();
            Rejection::new(
                RejectionCode::OutOfRange,
                Place::Product(at, "volume"),
                &value,
                rule,
            )
        })?;
        if products.insert(code, volume).is_some() {
            let rule = "must stand once in the list";
            return Err(Rejection::new(
                RejectionCode::Contradiction,
                place,
                &product.category,
                rule,
            ));
        }
    }
    Ok(RegistryEntry {
        update_id: id(Place::Field("update_id"), &update.update_id)?,
        observed_at: checker.time("observed_at", &update.observed_at)?,
        site_id: id(Place::Field("site.site_id"), &site.site_id)?,
        enterprise_id: id(Place::Field("site.enterprise_id"), &site.enterprise_id)?,
        name: checker.text(Place::Field("site.name"), &site.name)?,
        class: optional_id(Place::Field("site.class"), site.class.as_ref())?,
        zone_id: checker.zone(&site.zone_id)?,
        booth: checker.optional_text(Place::Field("site.booth"), site.booth.as_ref())?,
        channel: codes!(Channel, UnknownCode).read(Place::Field("site.channel"), &site.channel)?,
        open: site.open,
        products,
    })
}

/// Writes a statement in version 1. [`decode`] gives the same back.
pub fn encode(entry: &RegistryEntry) -> Vec<u8> {
    let observed_at = entry.observed_at.to_string();
    let products = entry.products.iter();
    let update = Update {
        schema_version: Some(1),
        update_id: entry.update_id.as_str().into(),
        observed_at: observed_at.as_str().into(),
        site: Site {
            site_id: entry.site_id.as_str().into(),
            enterprise_id: entry.enterprise_id.as_str().into(),
            name: entry.name.as_str().into(),
            class: entry.class.as_ref().map(|class| class.as_str().into()),
            zone_id: entry.zone_id.as_str().into(),
            booth: entry.booth.as_ref().map(|booth| booth.as_str().into()),
            channel: entry.channel.code().into(),
            open: entry.open,
        },
        products: products
            .map(|(code, volume)| Product {
                category: code.as_str().into(),
                volume: i64::from(volume.get()),
            })
            .collect(),
    };
    // Writing plain structs with text keys to memory has no way to fail.
    serde_json::to_vec(&update).unwrap_or_default()
}

/// The JSON Schema of version 1, as it is committed: indented, with a final newline.
pub fn schema() -> String {
    super::written_schema(&schemars::schema_for!(Update<'static>))
}
