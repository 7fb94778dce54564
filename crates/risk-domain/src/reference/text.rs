//! How the texts of the seed files become a [`Reference`].

use super::shapes::{
    Hazards, Items, Methods, Named, Outcomes, ProductText, Products, Sectors, YearText, Years,
    Zones,
};
use super::{
    CatalogueItem, CatalogueProduct, FastTestMethod, Hazard, Reference, ReferenceError, Sector,
    SeedTexts, Zone, ZoneTree,
};
use crate::calendar::Calendar;
use crate::ids::{HazardCode, IdError, ItemCode, MethodId, ProductCode, SectorCode, ZoneId};
use crate::inspection::Outcome;
use crate::scales::Severity;
use crate::time::Day;
use compact_str::CompactString;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Where an entry stands, for errors.
#[derive(Clone, Copy)]
struct At<'a> {
    file: &'static str,
    entry: &'a str,
}

impl At<'_> {
    fn error(self, field: &'static str, rule: impl Into<String>) -> ReferenceError {
        ReferenceError {
            file: self.file,
            entry: self.entry.to_owned(),
            field,
            rule: rule.into(),
        }
    }

    fn id<T>(self, field: &'static str, id: Result<T, IdError>) -> Result<T, ReferenceError> {
        id.map_err(|error| self.error(field, error.to_string()))
    }

    /// The entry of another file that `id` names.
    fn known<'m, K: Ord + std::fmt::Display, V>(
        self,
        field: &'static str,
        map: &'m BTreeMap<K, V>,
        id: &K,
    ) -> Result<&'m V, ReferenceError> {
        map.get(id)
            .ok_or_else(|| self.error(field, format!("names `{id}`, which is not there")))
    }
}

fn parse<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, ReferenceError> {
    toml::from_str(text).map_err(|error| At { file, entry: "" }.error("text", error.to_string()))
}

fn put<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    at: At<'_>,
    key: K,
    value: V,
) -> Result<(), ReferenceError> {
    match map.insert(key, value) {
        None => Ok(()),
        Some(_) => Err(at.error("code", "stands twice")),
    }
}

/// Refuses a list that names the same thing twice: it would count twice in shares.
fn once(at: At<'_>, field: &'static str, names: &[String]) -> Result<(), ReferenceError> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(twice) => Err(at.error(field, format!("names `{twice}` twice"))),
        None => Ok(()),
    }
}

pub(super) fn read(texts: &SeedTexts<'_>) -> Result<Reference, ReferenceError> {
    let sectors = sectors(parse("sectors.toml", texts.sectors)?)?;
    let hazards = hazards(parse("hazards.toml", texts.hazards)?)?;
    let methods = methods(parse("methods.toml", texts.methods)?)?;
    let items = items(parse("items.toml", texts.items)?, &hazards)?;
    let products = products(
        parse("catalogue.toml", texts.catalogue)?,
        &sectors,
        &items,
        &methods,
    )?;
    let zones = zones(parse("zones.toml", texts.zones)?, &products)?;
    outcomes(&parse("outcomes.toml", texts.outcomes)?)?;
    let calendar = calendar(&parse("calendar.toml", texts.calendar)?)?;
    Ok(Reference {
        zones,
        sectors,
        products,
        hazards,
        methods,
        calendar,
    })
}

fn sectors(file: Sectors) -> Result<BTreeMap<SectorCode, Sector>, ReferenceError> {
    let mut map = BTreeMap::new();
    for Named { code, zh, en } in file.sector {
        let at = At {
            file: "sectors.toml",
            entry: &code,
        };
        let id = at.id("code", SectorCode::new(&code))?;
        put(
            &mut map,
            at,
            id.clone(),
            Sector {
                code: id,
                name_zh: zh,
                name_en: en,
            },
        )?;
    }
    Ok(map)
}

fn hazards(file: Hazards) -> Result<BTreeMap<HazardCode, Hazard>, ReferenceError> {
    let mut map = BTreeMap::new();
    for Named { code, zh, en } in file.hazard {
        let at = At {
            file: "hazards.toml",
            entry: &code,
        };
        let id = at.id("code", HazardCode::new(&code))?;
        put(
            &mut map,
            at,
            id.clone(),
            Hazard {
                code: id,
                name_zh: zh,
                name_en: en,
            },
        )?;
    }
    Ok(map)
}

fn methods(file: Methods) -> Result<BTreeMap<MethodId, FastTestMethod>, ReferenceError> {
    let mut map = BTreeMap::new();
    for method in file.method {
        let at = At {
            file: "methods.toml",
            entry: &method.id,
        };
        let id = at.id("id", MethodId::new(&method.id))?;
        let (sensitivity, specificity) = (method.sensitivity, method.specificity);
        let probabilities = [sensitivity, specificity]
            .iter()
            .all(|value| (0.0..=1.0).contains(value));
        if !probabilities || sensitivity + specificity < 1.2 {
            return Err(at.error(
                "sensitivity",
                "and specificity must be probabilities that add to at least 1.2",
            ));
        }
        let known = FastTestMethod {
            id: id.clone(),
            name_zh: method.zh,
            sensitivity,
            specificity,
        };
        put(&mut map, at, id, known)?;
    }
    Ok(map)
}

fn items(
    file: Items,
    hazards: &BTreeMap<HazardCode, Hazard>,
) -> Result<BTreeMap<ItemCode, CatalogueItem>, ReferenceError> {
    let mut map = BTreeMap::new();
    for item in file.item {
        let at = At {
            file: "items.toml",
            entry: &item.code,
        };
        let code = at.id("code", ItemCode::new(&item.code))?;
        let hazard = at.id("hazard", HazardCode::new(&item.hazard))?;
        at.known("hazard", hazards, &hazard)?;
        let severity = Severity::try_from(item.severity)
            .map_err(|error| at.error("severity", error.to_string()))?;
        let known = CatalogueItem {
            banned: item.code.starts_with("banned-"),
            code: code.clone(),
            name_zh: item.zh,
            name_en: item.en,
            clause: CompactString::default(),
            limit: item.limit,
            unit: item.unit,
            hazard,
            severity,
        };
        put(&mut map, at, code, known)?;
    }
    Ok(map)
}

/// Checks the figures of a product that stand by themselves; gives the governing standard.
fn plausible(at: At<'_>, product: &ProductText) -> Result<CompactString, ReferenceError> {
    let Some(clause) = product.standards.first().cloned() else {
        return Err(at.error("standards", "must name at least one"));
    };
    if product.sample.check == 0 {
        return Err(at.error("sample", "must have at least one unit to test"));
    }
    if !(product.rate > 0.0 && product.rate < 1.0) {
        return Err(at.error("rate", "must lie between 0 and 1"));
    }
    if product
        .peak_month
        .is_some_and(|month| !(1..=12).contains(&month))
    {
        return Err(at.error("peak_month", "must be a month from 1 to 12"));
    }
    Ok(clause)
}

fn products(
    file: Products,
    sectors: &BTreeMap<SectorCode, Sector>,
    items: &BTreeMap<ItemCode, CatalogueItem>,
    methods: &BTreeMap<MethodId, FastTestMethod>,
) -> Result<BTreeMap<ProductCode, CatalogueProduct>, ReferenceError> {
    let mut map = BTreeMap::new();
    for product in file.product {
        let at = At {
            file: "catalogue.toml",
            entry: &product.code,
        };
        let code = at.id("code", ProductCode::new(&product.code))?;
        let sector = at.id("sector", SectorCode::new(&product.sector))?;
        at.known("sector", sectors, &sector)?;
        let clause = plausible(at, &product)?;
        once(at, "items", &product.items)?;
        let mut tested = Vec::new();
        for item in &product.items {
            let item = at.known("items", items, &at.id("items", ItemCode::new(item))?)?;
            tested.push(CatalogueItem {
                clause: clause.clone(),
                ..item.clone()
            });
        }
        if tested.is_empty() {
            return Err(at.error("items", "must name at least one"));
        }
        let mut screens = Vec::new();
        for method in &product.methods {
            screens.push(
                at.known(
                    "methods",
                    methods,
                    &at.id("methods", MethodId::new(method))?,
                )?
                .id
                .clone(),
            );
        }
        let known = CatalogueProduct {
            code: code.clone(),
            sector,
            name_zh: product.zh,
            name_en: product.en,
            standards: product.standards,
            ccc: product.ccc,
            sample_check: product.sample.check,
            sample_backup: product.sample.backup,
            sample_unit: product.sample.unit,
            items: tested,
            base_failure_rate: product.rate,
            season_peak_month: product.peak_month,
            methods: screens,
            mark: product.mark,
        };
        put(&mut map, at, code, known)?;
    }
    Ok(map)
}

fn zones(
    file: Zones,
    products: &BTreeMap<ProductCode, CatalogueProduct>,
) -> Result<ZoneTree, ReferenceError> {
    let mut map: BTreeMap<ZoneId, Zone> = BTreeMap::new();
    for zone in file.zone {
        let at = At {
            file: "zones.toml",
            entry: &zone.id,
        };
        let id = at.id("id", ZoneId::new(&zone.id))?;
        let parent = zone
            .parent
            .as_ref()
            .map(|parent| at.id("parent", ZoneId::new(parent)))
            .transpose()?;
        // A parent stands before what lies in it, so the tree cannot bite its tail; and there is one root.
        match &parent {
            Some(parent) => lies_in(at, &map, parent)?,
            None if map.is_empty() => {}
            None => return Err(at.error("parent", "is missing, which only the first zone may")),
        }
        once(at, "products", &zone.products)?;
        let mut sold = Vec::new();
        for product in &zone.products {
            sold.push(
                at.known(
                    "products",
                    products,
                    &at.id("products", ProductCode::new(product))?,
                )?
                .code
                .clone(),
            );
        }
        let known = Zone {
            id: id.clone(),
            parent,
            kind: zone.kind,
            name_zh: zone.zh,
            name_en: zone.en,
            manager: zone.manager,
            booths: zone.booths,
            products: sold,
            synthetic: zone.synthetic,
            mark: zone.mark,
        };
        put(&mut map, at, id, known)?;
    }
    Ok(ZoneTree(map))
}

/// What lies in a zone sells there in its stead, so that no trade counts for both.
fn lies_in(
    at: At<'_>,
    before: &BTreeMap<ZoneId, Zone>,
    parent: &ZoneId,
) -> Result<(), ReferenceError> {
    match before.get(parent) {
        None => Err(at.error(
            "parent",
            format!("names `{parent}`, which does not stand before it"),
        )),
        Some(zone) if !zone.products.is_empty() => Err(at.error(
            "parent",
            format!("names `{parent}`, which sells by itself and so can have nothing within it"),
        )),
        Some(_) => Ok(()),
    }
}

/// The outcomes of the seeds are those of the wire, no more and no less.
fn outcomes(file: &Outcomes) -> Result<(), ReferenceError> {
    let named: BTreeSet<&str> = file
        .outcome
        .iter()
        .map(|outcome| outcome.code.as_str())
        .collect();
    for outcome in &file.outcome {
        let at = At {
            file: "outcomes.toml",
            entry: &outcome.code,
        };
        if Outcome::from_code(&outcome.code).is_none() {
            return Err(at.error("code", "is no outcome of the wire format"));
        }
    }
    match Outcome::ALL
        .iter()
        .find(|outcome| !named.contains(outcome.code()))
    {
        Some(missing) => Err(At {
            file: "outcomes.toml",
            entry: missing.code(),
        }
        .error("code", "is missing")),
        None => Ok(()),
    }
}

fn calendar(file: &Years) -> Result<Calendar, ReferenceError> {
    let mut calendar = Calendar::default();
    let mut years = BTreeSet::new();
    for year in &file.year {
        let name = year.year.to_string();
        let at = At {
            file: "calendar.toml",
            entry: &name,
        };
        if !years.insert(year.year) {
            return Err(at.error("year", "stands twice"));
        }
        let holidays = days(at, "holidays", year, &year.holidays)?;
        let working = days(at, "working", year, &year.working)?;
        if let Some(both) = holidays.intersection(&working).next() {
            return Err(at.error("working", format!("has {both}, which is a holiday too")));
        }
        if let Some(weekday) = working.iter().find(|day| day.weekday() < 5) {
            return Err(at.error(
                "working",
                format!("has {weekday}, which is no Saturday or Sunday"),
            ));
        }
        calendar.add_year(year.year, holidays, working);
    }
    Ok(calendar)
}

/// The days of one list of a year, all of them in that year.
fn days(
    at: At<'_>,
    field: &'static str,
    year: &YearText,
    texts: &[String],
) -> Result<BTreeSet<Day>, ReferenceError> {
    once(at, field, texts)?;
    let bounds = Day::from_ymd(year.year, 1, 1).zip(Day::from_ymd(year.year, 12, 31));
    let Some((first, last)) = bounds else {
        return Err(at.error("year", "is no year"));
    };
    let day = |text: &String| -> Result<Day, ReferenceError> {
        let day = text
            .parse()
            .map_err(|_error| at.error(field, format!("has `{text}`, which is no date")))?;
        if (first..=last).contains(&day) {
            Ok(day)
        } else {
            Err(at.error(field, format!("has {day}, which is in another year")))
        }
    };
    texts.iter().map(day).collect()
}
