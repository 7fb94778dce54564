use super::*;
use std::collections::BTreeSet;

#[test]
fn what_ships_is_whole() {
    let reference = Reference::builtin().unwrap();
    assert!(
        reference.products.len() >= 41,
        "{}",
        reference.products.len()
    );
    let towns = reference
        .zones
        .iter()
        .filter(|zone| matches!(zone.kind, ZoneKind::Town | ZoneKind::Street));
    assert_eq!(towns.count(), 14);
    let roots: Vec<_> = reference
        .zones
        .iter()
        .filter(|zone| zone.parent.is_none())
        .collect();
    assert_eq!(roots.len(), 1);
    for zone in reference.zones.iter() {
        assert_eq!(
            reference.zones.path(&zone.id).last().copied(),
            Some(roots[0]),
            "{}",
            zone.id
        );
    }
}

#[test]
fn everything_is_sold_somewhere_and_every_market_sells() {
    let reference = Reference::builtin().unwrap();
    let sold: BTreeSet<_> = reference
        .zones
        .iter()
        .flat_map(|zone| &zone.products)
        .collect();
    for product in reference.products.keys() {
        assert!(sold.contains(product), "{product} is sold nowhere");
    }
    for zone in reference.zones.leaves() {
        let trades = !matches!(zone.kind, ZoneKind::Town | ZoneKind::Street);
        assert_eq!(trades, !zone.products.is_empty(), "{}", zone.id);
    }
}

#[test]
fn a_floor_lies_in_its_market_its_street_and_the_city() {
    let reference = Reference::builtin().unwrap();
    let path = reference.zones.path(&ZoneId::new("itc-1-f1").unwrap());
    let path: Vec<&str> = path.iter().map(|zone| zone.id.as_str()).collect();
    assert_eq!(path, ["itc-1-f1", "itc-1", "330782-futian", "330782"]);
}

#[test]
fn severity_shares_follow_the_items_and_none_is_zero() {
    let reference = Reference::builtin().unwrap();
    for product in reference.products.values() {
        let mix = product.severity_mix_prior();
        assert!((mix.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(mix.iter().all(|share| *share > 0.0));
        let worst = product
            .items
            .iter()
            .map(|item| item.severity)
            .max()
            .unwrap();
        assert!(mix[worst.index()] > 0.05, "{}", product.code);
    }
}

/// The error when `from` is replaced by `to` in one of the texts.
fn broken(
    change: impl Fn(&mut SeedTexts<'_>, String),
    text: &str,
    from: &str,
    to: &str,
) -> ReferenceError {
    assert!(text.contains(from), "no `{from}` to break");
    let mut texts = SeedTexts::BUILTIN;
    change(&mut texts, text.replacen(from, to, 1));
    Reference::from_texts(&texts).unwrap_err()
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[test]
fn a_broken_entry_is_named_with_its_file_and_field() {
    let builtin = SeedTexts::BUILTIN;
    let zone = broken(
        |texts, text| texts.zones = leak(text),
        builtin.zones,
        "parent = \"itc-1\"",
        "parent = \"itc-9\"",
    );
    assert_eq!(
        (zone.file, zone.entry.as_str(), zone.field),
        ("zones.toml", "itc-1-f1", "parent")
    );
    let sector = broken(
        |texts, text| texts.catalogue = leak(text),
        builtin.catalogue,
        "sector = \"toys\"",
        "sector = \"toy\"",
    );
    assert_eq!(
        (sector.file, sector.entry.as_str(), sector.field),
        ("catalogue.toml", "TOY-PL", "sector")
    );
    let twice = broken(
        |texts, text| texts.hazards = leak(text),
        builtin.hazards,
        "size_and_shape",
        "mechanical",
    );
    assert_eq!((twice.file, twice.field), ("hazards.toml", "code"));
    let severity = broken(
        |texts, text| texts.items = leak(text),
        builtin.items,
        "severity = 4",
        "severity = 5",
    );
    assert_eq!((severity.file, severity.field), ("items.toml", "severity"));
    let outcome = broken(
        |texts, text| texts.outcomes = leak(text),
        builtin.outcomes,
        "refused",
        "refusal",
    );
    assert_eq!((outcome.file, outcome.field), ("outcomes.toml", "code"));
    let day = broken(
        |texts, text| texts.calendar = leak(text),
        builtin.calendar,
        "2024-02-10",
        "2024-02-30",
    );
    assert_eq!(
        (day.file, day.entry.as_str(), day.field),
        ("calendar.toml", "2024", "holidays")
    );
}

/// The entry and field that a change of the zones, the catalogue or the calendar is refused for.
fn refused(file: &str, from: &str, to: &str) -> (String, &'static str) {
    let builtin = SeedTexts::BUILTIN;
    let error = match file {
        "zones" => broken(
            |texts, text| texts.zones = leak(text),
            builtin.zones,
            from,
            to,
        ),
        "catalogue" => broken(
            |texts, text| texts.catalogue = leak(text),
            builtin.catalogue,
            from,
            to,
        ),
        "calendar" => broken(
            |texts, text| texts.calendar = leak(text),
            builtin.calendar,
            from,
            to,
        ),
        other => panic!("no such seed file: {other}"),
    };
    (error.entry, error.field)
}

#[test]
fn the_zones_are_one_tree_in_which_only_leaves_sell() {
    let floor = "id = \"itc-1-f1\"\nparent = \"itc-1\"";
    for (from, to, entry) in [
        (
            "id = \"330782-futian\"\nparent = \"330782\"",
            "id = \"330782-futian\"",
            "330782-futian",
        ),
        (
            "id = \"330782-choucheng\"\nparent = \"330782\"",
            "id = \"330782-choucheng\"\nparent = \"itc-1\"",
            "330782-choucheng",
        ),
        (
            "id = \"itc-1\"\nparent = \"330782-futian\"",
            "id = \"itc-1\"\nparent = \"itc-1\"",
            "itc-1",
        ),
        (
            floor,
            "id = \"itc-1-f1\"\nparent = \"itc-1-f1\"",
            "itc-1-f1",
        ),
        (
            "id = \"itc-1-f2\"\nparent = \"itc-1\"",
            "id = \"itc-1-f2\"\nparent = \"itc-1-f1\"",
            "itc-1-f2",
        ),
    ] {
        assert_eq!(
            refused("zones", from, to),
            (entry.to_owned(), "parent"),
            "{to}"
        );
    }
    let twice = refused(
        "zones",
        "\"JEW-IMI\", \"JEW-KID\"",
        "\"JEW-IMI\", \"JEW-IMI\"",
    );
    assert_eq!(twice, ("itc-1-f2".to_owned(), "products"));
}

#[test]
fn a_product_that_cannot_be_tested_is_refused() {
    for (from, to, field) in [
        ("check = 2, backup = 1", "check = 0, backup = 1", "sample"),
        ("rate = 0.08", "rate = 8.0", "rate"),
        ("peak_month = 5", "peak_month = 13", "peak_month"),
        (
            "\"sharp-edge\", \"sharp-point\"",
            "\"sharp-edge\", \"sharp-edge\"",
            "items",
        ),
        ("\"sharp-edge\"", "\"sharp-corner\"", "items"),
        ("\"small-parts-gauge\"", "\"small-parts-gage\"", "methods"),
    ] {
        assert_eq!(
            refused("catalogue", from, to),
            ("TOY-PL".to_owned(), field),
            "{to}"
        );
    }
}

#[test]
fn a_calendar_that_contradicts_the_week_or_the_year_is_refused() {
    for (from, to, field) in [
        (
            "working = [\"2024-02-04\"",
            "working = [\"2024-02-05\"",
            "working",
        ),
        (
            "working = [\"2024-02-04\"",
            "working = [\"2025-02-02\"",
            "working",
        ),
        (
            "working = [\"2024-02-04\"",
            "working = [\"2024-02-10\"",
            "working",
        ),
        (
            "\"2024-02-10\", \"2024-02-11\"",
            "\"2024-02-11\", \"2024-02-11\"",
            "holidays",
        ),
    ] {
        assert_eq!(
            refused("calendar", from, to),
            ("2024".to_owned(), field),
            "{to}"
        );
    }
    let twice = refused("calendar", "year = 2025", "year = 2024");
    assert_eq!(twice, ("2024".to_owned(), "year"));
}
