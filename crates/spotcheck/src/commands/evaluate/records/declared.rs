//! The model of a record set, as its file in `config/evaluate` declares it.

use super::Record;
use anyhow::{Context, bail};
use risk_engine::logodds::{HalfLives, Level, Mode, Season, Selection, Settings, Variance};
use serde::Deserialize;

/// Files that come with the program, by the `source` that records name.
const SHIPPED: [(&str, &str); 4] = [
    (
        "toronto_dinesafe",
        include_str!("../../../../../../config/evaluate/toronto_dinesafe.toml"),
    ),
    (
        "chicago_food",
        include_str!("../../../../../../config/evaluate/chicago_food.toml"),
    ),
    (
        "fsis_chicken",
        include_str!("../../../../../../config/evaluate/fsis_chicken.toml"),
    ),
    (
        "customs_synthetic",
        include_str!("../../../../../../config/evaluate/customs_synthetic.toml"),
    ),
];

/// For records of any other source.
const USUAL: &str = include_str!("../../../../../../config/evaluate/usual.toml");

/// A declared model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    levels: Vec<DeclaredLevel>,
    /// Items that are foretold apart, for what fails in one is seldom what fails in another; all
    /// others are one more. `item` names a record's in a level.
    #[serde(default)]
    items: Vec<String>,
    /// Level whose groups are remedied after a failure.
    remediation: Option<String>,
    season: Option<Season>,
    half_lives: HalfLives,
    recent_tail: Option<f64>,
    /// Field that names who inspected, if that was told: how strict each is, is found and taken out.
    inspector: Option<String>,
}

/// A level and the fields whose values together name a group of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredLevel {
    name: String,
    of: Vec<String>,
    variance: Variance,
    recent: Option<f64>,
    tail: Option<f64>,
}

impl Declared {
    /// What `text` declares, or what comes with the program for records of this source.
    pub(super) fn read(text: Option<&str>, source: Option<&str>) -> anyhow::Result<Self> {
        let shipped = SHIPPED.iter().find(|(name, _)| Some(*name) == source);
        let text = text.or_else(|| shipped.map(|(_, text)| *text));
        toml::from_str(text.unwrap_or(USUAL)).context("the model of the record set cannot be read")
    }

    pub(super) fn settings(&self) -> Settings {
        let level = |declared: &DeclaredLevel| {
            let level = Level::new(&declared.name, declared.variance, declared.recent);
            match declared.tail {
                Some(degrees) => level.tailed(degrees),
                None => level,
            }
        };
        let mode = |name: &str, variance| Mode {
            name: name.into(),
            variance,
        };
        Settings {
            levels: self.levels.iter().map(level).collect(),
            modes: vec![mode("routine", None), mode("follow_up", Some(1.0))],
            methods: Vec::new(),
            selection: Selection::Ignored,
            season: self.season.clone(),
            remediation: self.remediation.as_deref().map(Into::into),
            half_lives: self.half_lives,
            recent_tail: self.recent_tail,
            inspectors: self.inspector.as_ref().map(|_| Variance::Moments {
                start: 0.05,
                floor: 0.005,
            }),
            horizon: 0,
            ..Settings::default()
        }
    }

    /// Who inspected.
    pub(super) fn inspector(&self, record: &Record) -> anyhow::Result<Option<String>> {
        let field = self.inspector.as_ref();
        field.map_or(Ok(None), |field| value(record, field))
    }

    /// Every item of a record that is foretold apart, and whether it failed. Without any, the record
    /// as a whole.
    pub(super) fn items<'a>(&'a self, record: &'a Record) -> Vec<(&'a str, bool)> {
        let failed = record.outcome == "fail";
        let fails = |item: &String| failed && record.failed_items.contains(item);
        let mut items: Vec<(&str, bool)> = Vec::new();
        items.extend(self.items.iter().map(|item| (item.as_str(), fails(item))));
        let told = self.items.iter().any(fails);
        let other = |item: &String| !self.items.contains(item);
        items.push((
            "",
            failed && (!told || record.failed_items.iter().any(other)),
        ));
        items
    }

    /// Names of a record's groups, level by level; none where a field was not told.
    pub(super) fn groups(
        &self,
        record: &Record,
        item: &str,
    ) -> anyhow::Result<Vec<Option<String>>> {
        let group = |level: &DeclaredLevel| -> anyhow::Result<Option<String>> {
            let mut name = String::new();
            for field in &level.of {
                let value = match field.as_str() {
                    "item" => Some(item.to_owned()),
                    _other => value(record, field)
                        .with_context(|| format!("{}: level {}", record.event_id, level.name))?,
                };
                let Some(value) = value else {
                    return Ok(None);
                };
                name.push_str(&value);
                name.push('\u{1f}');
            }
            Ok(Some(name))
        };
        self.levels.iter().map(group).collect()
    }
}

/// A field's value as text: a field of the record, `extra.NAME`, `log2 A` or `log2 A / B` of numbers
/// (rounded down to half a doubling).
fn value(record: &Record, field: &str) -> anyhow::Result<Option<String>> {
    if let Some(of) = field.strip_prefix("log2 ") {
        let (one, other) = match of.split_once(" / ") {
            Some((one, other)) => (one, Some(other)),
            None => (of, None),
        };
        let number = |field: &str| -> anyhow::Result<Option<f64>> {
            let known = extra(record, field)?;
            Ok(known.and_then(serde_json::Value::as_f64))
        };
        let Some(mut number_of) = number(one)? else {
            return Ok(None);
        };
        if let Some(other) = other {
            let Some(by) = number(other)? else {
                return Ok(None);
            };
            number_of /= by;
        }
        let half_doublings = (2.0 * number_of.log2()).floor();
        return Ok(half_doublings
            .is_finite()
            .then(|| half_doublings.to_string()));
    }
    Ok(match field {
        "sector" => Some(record.sector.clone()),
        "product_category" => Some(record.product_category.clone()),
        "zone" => record.zone.clone(),
        "enterprise_id" => Some(record.enterprise_id.clone()),
        "enterprise_name" => record.enterprise_name.clone(),
        _other => extra(record, field)?.map(|value| {
            let text = value.as_str();
            text.map_or_else(|| value.to_string(), str::to_owned)
        }),
    })
}

fn extra<'a>(record: &'a Record, field: &str) -> anyhow::Result<Option<&'a serde_json::Value>> {
    let Some(name) = field.strip_prefix("extra.") else {
        bail!(
            "no field {field}; known: sector, product_category, zone, enterprise_id, enterprise_name, item, extra.NAME"
        );
    };
    let found = record.extra.get(name);
    Ok(found.filter(|value| !value.is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let text = r#"{"event_id":"r1","event_time":"2020-01-01T00:00:00Z","enterprise_id":"e",
            "product_category":"p","sector":"s","zone":null,"mode":null,"outcome":"pass",
            "source":"somewhere","extra":{"price":8.0,"mass":2.0,"origin":"CN","empty":null}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_shipped_model_is_one() {
        for (source, _) in SHIPPED {
            let declared = Declared::read(None, Some(source)).unwrap();
            declared.settings().check().unwrap();
        }
        let usual = Declared::read(None, Some("elsewhere")).unwrap();
        usual.settings().check().unwrap();
        let groups = usual.groups(&record(), "").unwrap();
        assert_eq!(groups.len(), 6);
        // A record without a zone belongs to no zone, and to no product in a zone.
        assert!(groups[2].is_none() && groups[3].is_none() && groups[4].is_some());
    }

    #[test]
    fn a_failure_belongs_to_the_items_that_failed_and_to_the_rest_where_none_was_told() {
        let fsis = Declared::read(None, Some("fsis_chicken")).unwrap();
        let failed = |items: &[&str]| {
            let failed_items = items.iter().map(|item| (*item).to_owned()).collect();
            let outcome = "fail".to_owned();
            let record = Record {
                outcome,
                failed_items,
                ..record()
            };
            let items = fsis.items(&record).into_iter();
            items.map(|(_, failed)| failed).collect::<Vec<_>>()
        };
        assert_eq!(failed(&["Salmonella"]), [false, true, false]);
        assert_eq!(failed(&["Listeria", "Campylobacter"]), [true, false, true]);
        assert_eq!(failed(&[]), [false, false, true]);
        assert_eq!(
            fsis.items(&record())
                .iter()
                .filter(|(_, failed)| *failed)
                .count(),
            0
        );
        let usual = Declared::read(None, None).unwrap();
        assert_eq!(usual.items(&record()), [("", false)]);
    }

    #[test]
    fn fields_are_values_numbers_or_nothing() {
        let known = |field: &str| value(&record(), field).unwrap();
        assert_eq!(known("extra.origin").as_deref(), Some("CN"));
        assert_eq!(known("log2 extra.price").as_deref(), Some("6"));
        assert_eq!(known("log2 extra.price / extra.mass").as_deref(), Some("4"));
        assert_eq!(known("extra.empty"), None);
        assert_eq!(known("log2 extra.origin"), None);
        let error = value(&record(), "price").unwrap_err().to_string();
        assert!(error.contains("no field price; known: sector"), "{error}");
    }
}
