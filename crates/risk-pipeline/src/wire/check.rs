//! From the record on the wire to the domain's result, rule by rule.

use super::v1::{Item, Product, Record, Sample, Selection as WireSelection, Site, Test, Text};
use super::{Rejection, RejectionCode, Vocabulary, WireLimits};
use compact_str::CompactString;
use risk_domain::ids::{EnterpriseId, HazardCode, IdError, ProductCode, ZoneId};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, InspectionResult, Outcome, Producer, ProductRef, SampleCounts,
    SiteRef, TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::scales::Severity;
use risk_domain::selection::{InclusionProbability, Selection, SelectionBasis, SelectionMode};
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// The most a sample may cost, in yuan: a float tells every fen apart well beyond it.
const MAX_COST_YUAN: f64 = 1e9;

/// Where a value stands; written out only when it is rejected.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Field(&'static str),
    Item(usize, &'static str),
    Product(usize, &'static str),
    Extra(&'a str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => f.write_str(path),
            Self::Item(index, name) => write!(f, "items[{index}].{name}"),
            Self::Product(index, name) => write!(f, "products[{index}].{name}"),
            Self::Extra(name) => write!(f, "extra.{name}"),
        }
    }
}

pub(super) type Checked<T> = Result<T, Rejection>;

pub(super) fn id<T: TryFrom<CompactString, Error = IdError>>(
    place: Place<'_>,
    text: &str,
) -> Checked<T> {
    T::try_from(CompactString::new(text)).map_err(|error| {
        Rejection::new(RejectionCode::BadIdentifier, place, text, error.to_string())
    })
}

pub(super) fn optional_id<T: TryFrom<CompactString, Error = IdError>>(
    place: Place<'_>,
    text: Option<&Text<'_>>,
) -> Checked<Option<T>> {
    text.map(|text| id(place, text)).transpose()
}

/// A closed list of codes, with the reason for which a code outside of it is rejected.
pub(super) struct Codes<T: 'static> {
    pub(super) all: &'static [T],
    pub(super) read: fn(&str) -> Option<T>,
    pub(super) write: fn(T) -> &'static str,
    pub(super) otherwise: RejectionCode,
}

impl<T: Copy> Codes<T> {
    pub(super) fn read(&self, place: Place<'_>, text: &str) -> Checked<T> {
        (self.read)(text).ok_or_else(|| {
            let codes: Vec<&str> = self.all.iter().map(|value| (self.write)(*value)).collect();
            let rule = format!("must be one of {}", codes.join(", "));
            Rejection::new(self.otherwise, place, text, rule)
        })
    }
}

macro_rules! codes {
    ($scale:ident, $otherwise:ident) => {
        Codes {
            all: $scale::ALL,
            read: $scale::from_code,
            write: $scale::code,
            otherwise: RejectionCode::$otherwise,
        }
    };
}

pub(super) use codes;

fn count(place: Place<'_>, value: i64) -> Checked<u32> {
    u32::try_from(value).map_err(|_error| {
        let rule = format!("must be from 0 to {}", u32::MAX);
        Rejection::new(RejectionCode::OutOfRange, place, &value.to_string(), rule)
    })
}

fn sample(wire: &Sample) -> Checked<SampleCounts> {
    let counts = SampleCounts {
        tested: count(Place::Field("sample.tested"), wire.tested)?,
        backup: count(Place::Field("sample.backup"), wire.backup)?,
        defective: count(Place::Field("sample.defective"), wire.defective)?,
        cost_fen: wire.cost.map(cost_fen).transpose()?,
    };
    if counts.defective > counts.tested {
        return Err(Rejection::new(
            RejectionCode::OutOfRange,
            "sample.defective",
            &counts.defective.to_string(),
            format!("must be at most sample.tested, {}", counts.tested),
        ));
    }
    Ok(counts)
}

fn cost_fen(yuan: f64) -> Checked<u64> {
    let fen = (yuan * 100.0).round();
    let whole = (yuan * 100.0 - fen).abs() < 1e-4;
    if (0.0..=MAX_COST_YUAN).contains(&yuan) && whole {
        Ok(fen as u64)
    } else {
        Err(Rejection::new(
            RejectionCode::OutOfRange,
            "sample.cost",
            &yuan.to_string(),
            "must be from 0 to 1000000000 yuan with at most two decimals",
        ))
    }
}

fn severity(place: Place<'_>, value: i64) -> Checked<Severity> {
    u8::try_from(value)
        .ok()
        .and_then(|value| Severity::try_from(value).ok())
        .ok_or_else(|| {
            let rule = "must be 1, 2, 3 or 4";
            Rejection::new(RejectionCode::OutOfRange, place, &value.to_string(), rule)
        })
}

fn test(wire: &Test<'_>) -> Checked<TestRef> {
    Ok(TestRef {
        kind: codes!(TestKind, UnknownCode).read(Place::Field("test.kind"), &wire.kind)?,
        method_id: optional_id(Place::Field("test.method_id"), wire.method_id.as_ref())?,
        lab_id: optional_id(Place::Field("test.lab_id"), wire.lab_id.as_ref())?,
    })
}

pub(super) fn few_enough(field: &str, count: usize, limit: usize) -> Checked<()> {
    if count <= limit {
        return Ok(());
    }
    Err(Rejection::new(
        RejectionCode::TooLarge,
        field,
        &format!("{count} entries"),
        format!("must have at most {limit} entries"),
    ))
}

fn selection(wire: &WireSelection<'_>) -> Checked<Selection> {
    let inclusion_probability = wire.inclusion_probability.map(|value| {
        InclusionProbability::new(value).map_err(|error| {
            Rejection::new(
                RejectionCode::OutOfRange,
                "selection.inclusion_probability",
                &value.to_string(),
                error.to_string(),
            )
        })
    });
    Ok(Selection {
        basis: codes!(SelectionBasis, UnknownCode)
            .read(Place::Field("selection.basis"), &wire.basis)?,
        draw_id: optional_id(Place::Field("selection.draw_id"), wire.draw_id.as_ref())?,
        inclusion_probability: inclusion_probability.transpose()?,
        campaign_id: optional_id(
            Place::Field("selection.campaign_id"),
            wire.campaign_id.as_ref(),
        )?,
    })
}

pub(super) fn version(version: Option<i64>) -> Checked<()> {
    match version {
        None | Some(1) => Ok(()),
        Some(other) => Err(Rejection::new(
            RejectionCode::UnknownVersion,
            "schema_version",
            &other.to_string(),
            "must be 1",
        )),
    }
}

fn contradiction(field: &str, value: &str, rule: &str) -> Rejection {
    Rejection::new(RejectionCode::Contradiction, field, value, rule)
}

/// What the checks need besides the record.
pub(super) struct Checker<'c> {
    pub(super) received_at: Timestamp,
    pub(super) vocabulary: &'c dyn Vocabulary,
    pub(super) limits: &'c WireLimits,
}

impl Checker<'_> {
    /// The result on the heap: it is large, and handed on several times.
    pub(super) fn result(&self, record: &Record<'_>) -> Checked<Box<InspectionResult>> {
        version(record.schema_version)?;
        let supersedes = optional_id(Place::Field("supersedes"), record.supersedes.as_ref())?;
        let confirms = optional_id(Place::Field("confirms"), record.confirms.as_ref())?;
        let follow_up_of = optional_id(Place::Field("follow_up_of"), record.follow_up_of.as_ref())?;
        let result = Box::new(InspectionResult {
            inspection_id: id(Place::Field("inspection_id"), &record.inspection_id)?,
            supersedes,
            sampled_at: self.time("sampled_at", &record.sampled_at)?,
            tested_at: record
                .tested_at
                .as_ref()
                .map(|text| self.time("tested_at", text))
                .transpose()?,
            observed_at: self.time("observed_at", &record.observed_at)?,
            mode: codes!(SelectionMode, UnknownMode).read(Place::Field("mode"), &record.mode)?,
            agency: Agency {
                id: id(Place::Field("agency.id"), &record.agency.id)?,
                level: codes!(AgencyLevel, UnknownCode)
                    .read(Place::Field("agency.level"), &record.agency.level)?,
            },
            team_id: id(Place::Field("team_id"), &record.team_id)?,
            selection: selection(&record.selection)?,
            site: self.site(&record.site)?,
            producer: self.producer(record)?,
            supplier: record
                .supplier
                .as_ref()
                .map(|wire| id(Place::Field("supplier.enterprise_id"), &wire.enterprise_id))
                .transpose()?,
            product: self.product(&record.product)?,
            sample: sample(&record.sample)?,
            test: test(&record.test)?,
            outcome: codes!(Outcome, UnknownOutcome)
                .read(Place::Field("outcome"), &record.outcome)?,
            items: self.items(&record.items)?,
            confirms,
            follow_up_of,
            case_id: optional_id(Place::Field("case_id"), record.case_id.as_ref())?,
            extra: self.extra(record)?,
        });
        in_order(record, &result)?;
        coherent(&result)?;
        Ok(result)
    }

    pub(super) fn time(&self, field: &'static str, text: &str) -> Checked<Timestamp> {
        let at = Timestamp::parse(text).map_err(|error| {
            Rejection::new(RejectionCode::BadTime, field, text, error.to_string())
        })?;
        let latest = self.received_at.plus_millis(self.limits.max_ahead_millis);
        if at > latest {
            let rule = format!("must not be after {latest}, the receipt and a tolerance");
            return Err(Rejection::new(RejectionCode::FutureTime, field, text, rule));
        }
        Ok(at)
    }

    pub(super) fn text(&self, place: Place<'_>, text: &str) -> Checked<CompactString> {
        let limit = self.limits.max_text_bytes;
        if text.len() > limit {
            let rule = format!("must be at most {limit} bytes of UTF-8");
            return Err(Rejection::new(RejectionCode::TooLarge, place, text, rule));
        }
        Ok(CompactString::new(text))
    }

    pub(super) fn optional_text(
        &self,
        place: Place<'_>,
        text: Option<&Text<'_>>,
    ) -> Checked<Option<CompactString>> {
        text.map(|text| self.text(place, text)).transpose()
    }

    pub(super) fn zone(&self, zone: &str) -> Checked<ZoneId> {
        let place = Place::Field("site.zone_id");
        if !self.vocabulary.knows_zone(zone) {
            let rule = "must be a zone of the reference data";
            return Err(Rejection::new(
                RejectionCode::UnknownZone,
                place,
                zone,
                rule,
            ));
        }
        id(place, zone)
    }

    pub(super) fn product_code(&self, place: Place<'_>, product: &str) -> Checked<ProductCode> {
        if !self.vocabulary.knows_product(product) {
            let rule = "must be a product of the catalogue";
            let code = RejectionCode::UnknownProduct;
            return Err(Rejection::new(code, place, product, rule));
        }
        id(place, product)
    }

    fn site(&self, wire: &Site<'_>) -> Checked<SiteRef> {
        let zone_id = self.zone(&wire.zone_id)?;
        Ok(SiteRef {
            site_id: id(Place::Field("site.site_id"), &wire.site_id)?,
            enterprise_id: id(Place::Field("site.enterprise_id"), &wire.enterprise_id)?,
            name: self.text(Place::Field("site.name"), &wire.name)?,
            zone_id,
            booth: self.optional_text(Place::Field("site.booth"), wire.booth.as_ref())?,
            channel: codes!(Channel, UnknownCode)
                .read(Place::Field("site.channel"), &wire.channel)?,
            platform: self.optional_text(Place::Field("site.platform"), wire.platform.as_ref())?,
        })
    }

    fn producer(&self, record: &Record<'_>) -> Checked<Option<Producer>> {
        let Some(wire) = &record.producer else {
            return Ok(None);
        };
        let enterprise_id: Option<EnterpriseId> = optional_id(
            Place::Field("producer.enterprise_id"),
            wire.enterprise_id.as_ref(),
        )?;
        Ok(Some(Producer {
            enterprise_id,
            name: self.text(Place::Field("producer.name"), &wire.name)?,
            region: self.optional_text(Place::Field("producer.region"), wire.region.as_ref())?,
        }))
    }

    fn product(&self, wire: &Product<'_>) -> Checked<ProductRef> {
        let text =
            |path, text: &Option<Text<'_>>| self.optional_text(Place::Field(path), text.as_ref());
        Ok(ProductRef {
            category: self.product_code(Place::Field("product.category"), &wire.category)?,
            name: self.text(Place::Field("product.name"), &wire.name)?,
            brand: text("product.brand", &wire.brand)?,
            model: text("product.model", &wire.model)?,
            standard: text("product.standard", &wire.standard)?,
            lot_no: text("product.lot_no", &wire.lot_no)?,
            lot_size: wire
                .lot_size
                .map(|size| count(Place::Field("product.lot_size"), size))
                .transpose()?,
            gtin: text("product.gtin", &wire.gtin)?,
        })
    }

    fn items(&self, wire: &[Item<'_>]) -> Checked<Vec<TestItem>> {
        few_enough("items", wire.len(), self.limits.max_items)?;
        // Collecting results would ask for room for four.
        let mut items = Vec::with_capacity(wire.len());
        for (index, item) in wire.iter().enumerate() {
            items.push(self.item(index, item)?);
        }
        Ok(items)
    }

    fn item(&self, index: usize, wire: &Item<'_>) -> Checked<TestItem> {
        let at = |name| Place::Item(index, name);
        let text = |name, text: &Option<Text<'_>>| self.optional_text(at(name), text.as_ref());
        let hazard: Option<HazardCode> = optional_id(at("hazard"), wire.hazard.as_ref())?;
        if let Some(hazard) = &hazard
            && !self.vocabulary.knows_hazard(hazard.as_str())
        {
            return Err(Rejection::new(
                RejectionCode::UnknownHazard,
                at("hazard"),
                hazard.as_str(),
                "must be a hazard type of the reference data",
            ));
        }
        Ok(TestItem {
            code: id(at("code"), &wire.code)?,
            name: self.text(at("name"), &wire.name)?,
            clause: text("clause", &wire.clause)?,
            method: text("method", &wire.method)?,
            measured: text("measured", &wire.measured)?,
            limit: text("limit", &wire.limit)?,
            unit: text("unit", &wire.unit)?,
            verdict: codes!(Verdict, UnknownCode).read(at("verdict"), &wire.verdict)?,
            hazard,
            severity: wire
                .severity
                .map(|value| severity(at("severity"), value))
                .transpose()?,
        })
    }

    fn extra(&self, record: &Record<'_>) -> Checked<BTreeMap<CompactString, CompactString>> {
        let wire = &record.extra.0;
        few_enough("extra", wire.len(), self.limits.max_extra)?;
        let mut extra = BTreeMap::new();
        for (name, value) in wire {
            let place = Place::Extra(name);
            let value = self.text(place, value)?;
            if extra.insert(self.text(place, name)?, value).is_some() {
                return Err(Rejection::new(
                    RejectionCode::DuplicateField,
                    place,
                    name,
                    "must stand once in its object",
                ));
            }
        }
        Ok(extra)
    }
}

fn in_order(record: &Record<'_>, result: &InspectionResult) -> Checked<()> {
    let order = |field: &str, text: &str, rule: &str| {
        Rejection::new(RejectionCode::TimeOrder, field, text, rule)
    };
    if let (Some(tested_at), Some(text)) = (result.tested_at, &record.tested_at) {
        if tested_at < result.sampled_at {
            return Err(order("tested_at", text, "must not be before sampled_at"));
        }
        if tested_at > result.observed_at {
            return Err(order("tested_at", text, "must not be after observed_at"));
        }
    }
    if result.sampled_at > result.observed_at {
        let text = &record.sampled_at;
        return Err(order("sampled_at", text, "must not be after observed_at"));
    }
    Ok(())
}

/// Rules between fields, sure ones only: what may be true somewhere is let through.
fn coherent(result: &InspectionResult) -> Checked<()> {
    let own = Some(&result.inspection_id);
    for (field, other) in [
        ("supersedes", &result.supersedes),
        ("confirms", &result.confirms),
        ("follow_up_of", &result.follow_up_of),
    ] {
        if other.as_ref() == own {
            let rule = "must name another result than this one";
            return Err(contradiction(field, result.inspection_id.as_str(), rule));
        }
    }
    if result.confirms.is_some() && result.test.kind == TestKind::Rapid {
        let rule = "must be laboratory in a result that confirms a fast test";
        return Err(contradiction("test.kind", result.test.kind.code(), rule));
    }
    let census = result.selection.basis == SelectionBasis::Census;
    if let Some(probability) = result.selection.inclusion_probability
        && census
        && probability.get() < 1.0
    {
        return Err(contradiction(
            "selection.inclusion_probability",
            &probability.get().to_string(),
            "must be 1 where every unit was taken",
        ));
    }
    outcome_agrees(result)
}

fn outcome_agrees(result: &InspectionResult) -> Checked<()> {
    let failed = result.failed_items().next().is_some();
    let rule = match result.outcome {
        Outcome::Conforming if failed => "must not be conforming where an item failed",
        Outcome::Nonconforming if !failed && !result.items.is_empty() => {
            "must not be nonconforming where items are given and none failed"
        }
        Outcome::Refused | Outcome::NotSampled if result.sample.tested > 0 || failed => {
            "must not be this where units were tested"
        }
        Outcome::Conforming
        | Outcome::Nonconforming
        | Outcome::Refused
        | Outcome::Terminated
        | Outcome::NotSampled
        | Outcome::RejectedByLab
        | Outcome::Untestable => return Ok(()),
    };
    Err(contradiction("outcome", result.outcome.code(), rule))
}
