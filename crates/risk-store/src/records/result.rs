//! An inspection result in two sections: facts without names, and public names.
//!
//! Version 1 has maker, supplier and what the form does not know among the facts. Since version 2 they stand with
//! the names, so that whoever was inspected can be shown the facts, proved, and nobody else is named. In the facts
//! their places are empty.
//!
//! The bytes are canonical, because postcard has one way to write a value: so the same content always
//! has the same bytes, and their digest tells a repeated record from one that uses its id again for
//! something else. `docs/ledger-records.md` lists the fields in their order; it is frozen.

mod encoded;
mod owners;

pub use encoded::EncodedResult;

use super::shown::json_of;
use super::{compact, read, unreadable};
use crate::error::StoreError;
use compact_str::CompactString;
use risk_domain::ids::{
    AgencyId, CampaignId, CaseId, DrawId, EnterpriseId, HazardCode, InspectionId, ItemCode, LabId,
    MethodId, ProductCode, SiteId, TeamId, ZoneId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, InspectionResult, Outcome, Producer, ProductRef, SampleCounts,
    SiteRef, TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::scales::Severity;
use risk_domain::selection::{InclusionProbability, Selection, SelectionBasis, SelectionMode};
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_128_with_seed;

pub(crate) use owners::ResultOwners;
pub(super) use owners::owners_of;

/// In the place of what stands with the party.
static NOTHING: BTreeMap<CompactString, CompactString> = BTreeMap::new();

type Text<'a> = Option<Cow<'a, CompactString>>;
type Id<'a, T> = Option<Cow<'a, T>>;

/// Version of the form that is written.
const VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
pub(super) struct Facts<'a> {
    v: u8,
    inspection_id: Cow<'a, InspectionId>,
    supersedes: Id<'a, InspectionId>,
    sampled_at: Timestamp,
    tested_at: Option<Timestamp>,
    observed_at: Timestamp,
    mode: SelectionMode,
    agency_id: Cow<'a, AgencyId>,
    agency_level: AgencyLevel,
    team_id: Cow<'a, TeamId>,
    basis: SelectionBasis,
    draw_id: Id<'a, DrawId>,
    inclusion_probability: Option<InclusionProbability>,
    campaign_id: Id<'a, CampaignId>,
    site_id: Cow<'a, SiteId>,
    enterprise_id: Cow<'a, EnterpriseId>,
    zone_id: Cow<'a, ZoneId>,
    channel: Channel,
    /// Of version 1 only, as are `supplier_id` and `extra`.
    producer_id: Id<'a, EnterpriseId>,
    supplier_id: Id<'a, EnterpriseId>,
    category: Cow<'a, ProductCode>,
    standard: Text<'a>,
    lot_no: Text<'a>,
    lot_size: Option<u32>,
    gtin: Text<'a>,
    tested: u32,
    backup: u32,
    defective: u32,
    cost_fen: Option<u64>,
    test: TestKind,
    method_id: Id<'a, MethodId>,
    lab_id: Id<'a, LabId>,
    outcome: Outcome,
    items: Vec<ItemV1<'a>>,
    confirms: Id<'a, InspectionId>,
    follow_up_of: Id<'a, InspectionId>,
    case_id: Id<'a, CaseId>,
    extra: Cow<'a, BTreeMap<CompactString, CompactString>>,
}

#[derive(Serialize, Deserialize)]
struct ItemV1<'a> {
    code: Cow<'a, ItemCode>,
    name: Cow<'a, CompactString>,
    clause: Text<'a>,
    method: Text<'a>,
    measured: Text<'a>,
    limit: Text<'a>,
    unit: Text<'a>,
    verdict: Verdict,
    hazard: Id<'a, HazardCode>,
    severity: Option<u8>,
}

/// Public names: the whole party section of version 1.
#[derive(Serialize, Deserialize)]
struct Names<'a> {
    site_name: Cow<'a, CompactString>,
    booth: Text<'a>,
    platform: Text<'a>,
    /// Whether a producer is named at all.
    producer_name: Text<'a>,
    producer_region: Text<'a>,
    product_name: Cow<'a, CompactString>,
    brand: Text<'a>,
    model: Text<'a>,
}

/// What version 1 has among the facts.
#[derive(Serialize, Deserialize)]
struct Others<'a> {
    producer_id: Id<'a, EnterpriseId>,
    supplier_id: Id<'a, EnterpriseId>,
    extra: Cow<'a, BTreeMap<CompactString, CompactString>>,
}

/// The party section since version 2.
type Party<'a> = (Names<'a>, Others<'a>);

fn lend<T: Clone>(value: Option<&T>) -> Option<Cow<'_, T>> {
    value.map(Cow::Borrowed)
}

fn own<T: Clone>(value: Option<Cow<'_, T>>) -> Option<T> {
    value.map(Cow::into_owned)
}

impl<'a> Facts<'a> {
    fn of(result: &'a InspectionResult) -> Self {
        let InspectionResult {
            inspection_id,
            supersedes,
            sampled_at,
            tested_at,
            observed_at,
            mode,
            agency,
            team_id,
            selection,
            site,
            // With the party.
            producer: _,
            supplier: _,
            product,
            sample,
            test,
            outcome,
            items,
            confirms,
            follow_up_of,
            case_id,
            extra: _,
        } = result;
        Self {
            v: VERSION,
            inspection_id: Cow::Borrowed(inspection_id),
            supersedes: lend(supersedes.as_ref()),
            sampled_at: *sampled_at,
            tested_at: *tested_at,
            observed_at: *observed_at,
            mode: *mode,
            agency_id: Cow::Borrowed(&agency.id),
            agency_level: agency.level,
            team_id: Cow::Borrowed(team_id),
            basis: selection.basis,
            draw_id: lend(selection.draw_id.as_ref()),
            inclusion_probability: selection.inclusion_probability,
            campaign_id: lend(selection.campaign_id.as_ref()),
            site_id: Cow::Borrowed(&site.site_id),
            enterprise_id: Cow::Borrowed(&site.enterprise_id),
            zone_id: Cow::Borrowed(&site.zone_id),
            channel: site.channel,
            producer_id: None,
            supplier_id: None,
            category: Cow::Borrowed(&product.category),
            standard: lend(product.standard.as_ref()),
            lot_no: lend(product.lot_no.as_ref()),
            lot_size: product.lot_size,
            gtin: lend(product.gtin.as_ref()),
            tested: sample.tested,
            backup: sample.backup,
            defective: sample.defective,
            cost_fen: sample.cost_fen,
            test: test.kind,
            method_id: lend(test.method_id.as_ref()),
            lab_id: lend(test.lab_id.as_ref()),
            outcome: *outcome,
            items: items.iter().map(ItemV1::of).collect(),
            confirms: lend(confirms.as_ref()),
            follow_up_of: lend(follow_up_of.as_ref()),
            case_id: lend(case_id.as_ref()),
            extra: Cow::Borrowed(&NOTHING),
        }
    }

    #[inline]
    fn with(self, (names, others): Party<'_>) -> InspectionResult {
        let producer_id = own(others.producer_id);
        InspectionResult {
            inspection_id: self.inspection_id.into_owned(),
            supersedes: own(self.supersedes),
            sampled_at: self.sampled_at,
            tested_at: self.tested_at,
            observed_at: self.observed_at,
            mode: self.mode,
            agency: Agency {
                id: self.agency_id.into_owned(),
                level: self.agency_level,
            },
            team_id: self.team_id.into_owned(),
            selection: Selection {
                basis: self.basis,
                draw_id: own(self.draw_id),
                inclusion_probability: self.inclusion_probability,
                campaign_id: own(self.campaign_id),
            },
            site: SiteRef {
                site_id: self.site_id.into_owned(),
                enterprise_id: self.enterprise_id.into_owned(),
                name: names.site_name.into_owned(),
                zone_id: self.zone_id.into_owned(),
                booth: own(names.booth),
                channel: self.channel,
                platform: own(names.platform),
            },
            producer: own(names.producer_name).map(|name| Producer {
                enterprise_id: producer_id,
                name,
                region: own(names.producer_region),
            }),
            supplier: own(others.supplier_id),
            product: ProductRef {
                category: self.category.into_owned(),
                name: names.product_name.into_owned(),
                brand: own(names.brand),
                model: own(names.model),
                standard: own(self.standard),
                lot_no: own(self.lot_no),
                lot_size: self.lot_size,
                gtin: own(self.gtin),
            },
            sample: SampleCounts {
                tested: self.tested,
                backup: self.backup,
                defective: self.defective,
                cost_fen: self.cost_fen,
            },
            test: TestRef {
                kind: self.test,
                method_id: own(self.method_id),
                lab_id: own(self.lab_id),
            },
            outcome: self.outcome,
            items: self.items.into_iter().map(ItemV1::into_item).collect(),
            confirms: own(self.confirms),
            follow_up_of: own(self.follow_up_of),
            case_id: own(self.case_id),
            extra: others.extra.into_owned(),
        }
    }
}

impl<'a> ItemV1<'a> {
    fn of(item: &'a TestItem) -> Self {
        let TestItem {
            code,
            name,
            clause,
            method,
            measured,
            limit,
            unit,
            verdict,
            hazard,
            severity,
        } = item;
        Self {
            code: Cow::Borrowed(code),
            name: Cow::Borrowed(name),
            clause: lend(clause.as_ref()),
            method: lend(method.as_ref()),
            measured: lend(measured.as_ref()),
            limit: lend(limit.as_ref()),
            unit: lend(unit.as_ref()),
            verdict: *verdict,
            hazard: lend(hazard.as_ref()),
            severity: severity.map(Severity::get),
        }
    }

    fn into_item(self) -> TestItem {
        TestItem {
            code: self.code.into_owned(),
            name: self.name.into_owned(),
            clause: own(self.clause),
            method: own(self.method),
            measured: own(self.measured),
            limit: own(self.limit),
            unit: own(self.unit),
            verdict: self.verdict,
            hazard: own(self.hazard),
            severity: self
                .severity
                .and_then(|severity| Severity::try_from(severity).ok()),
        }
    }
}

fn party(result: &InspectionResult) -> Party<'_> {
    let producer = result.producer.as_ref();
    let names = Names {
        site_name: Cow::Borrowed(&result.site.name),
        booth: lend(result.site.booth.as_ref()),
        platform: lend(result.site.platform.as_ref()),
        producer_name: lend(producer.map(|producer| &producer.name)),
        producer_region: lend(producer.and_then(|producer| producer.region.as_ref())),
        product_name: Cow::Borrowed(&result.product.name),
        brand: lend(result.product.brand.as_ref()),
        model: lend(result.product.model.as_ref()),
    };
    let others = Others {
        producer_id: lend(producer.and_then(|producer| producer.enterprise_id.as_ref())),
        supplier_id: lend(result.supplier.as_ref()),
        extra: Cow::Borrowed(&result.extra),
    };
    (names, others)
}

/// Digest of a result's content（内容摘要）, from its canonical bytes.
#[doc(alias = "内容摘要")]
pub fn content_digest(facts: &[u8], party: &[u8]) -> u128 {
    // The digest of the facts seeds that of the names, so that no byte can move between them.
    let facts = xxh3_128_with_seed(facts, 1);
    facts ^ xxh3_128_with_seed(party, facts as u64).rotate_left(1)
}

/// The party section of a result, read, in the form of the last version.
#[inline]
fn party_of<'a>(
    index: u64,
    facts: &mut Facts<'a>,
    party: &'a [u8],
) -> Result<Party<'a>, StoreError> {
    match facts.v {
        1 => {
            let others = Others {
                producer_id: facts.producer_id.take(),
                supplier_id: facts.supplier_id.take(),
                extra: std::mem::take(&mut facts.extra),
            };
            Ok((read(index, party)?, others))
        }
        VERSION => read(index, party),
        other => Err(StoreError::Record {
            entry: index,
            reason: format!("unknown version {other}"),
        }),
    }
}

/// The sections of a result for people, each with what stands in it.
pub(super) fn shown(index: u64, facts: &[u8], party: &[u8]) -> Result<(Value, Value), StoreError> {
    let facts: Facts<'_> = read(index, facts)?;
    let party = match facts.v {
        1 => json_of(&read::<Names<'_>>(index, party)?),
        _later => {
            let (names, others): Party<'_> = read(index, party)?;
            let (mut all, others) = (json_of(&names), json_of(&others));
            if let (Some(all), Value::Object(others)) = (all.as_object_mut(), others) {
                all.extend(others);
            }
            all
        }
    };
    Ok((json_of(&facts), party))
}

/// Reads a result back.
#[inline]
pub(super) fn decode(
    index: u64,
    facts: &[u8],
    party: &[u8],
) -> Result<InspectionResult, StoreError> {
    let mut facts: Facts<'_> = read(index, facts)?;
    let party = party_of(index, &mut facts, party)?;
    Ok(facts.with(party))
}

/// Whether the facts of a result name nobody but whoever was inspected.
pub(super) fn names_are_apart(facts: &[u8]) -> bool {
    facts.first().is_some_and(|version| *version >= VERSION)
}

/// The id of a result, without reading the rest.
pub(super) fn id_of(index: u64, facts: &[u8]) -> Result<&str, StoreError> {
    let ((_version, id), _rest): ((u8, &str), &[u8]) =
        postcard::take_from_bytes(facts).map_err(unreadable(index))?;
    Ok(id)
}

#[cfg(test)]
mod tests;
