//! The seeds that ship: whole, sourced, and true to what the program reads from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use risk_domain::reference::{Mark, Reference, ZoneKind};
use risk_tests::process;
use toml::Value;

fn folder() -> Result<PathBuf> {
    Ok(process::workspace_root()?.join("seeds"))
}

fn readme() -> Result<String> {
    Ok(fs::read_to_string(folder()?.join("README.md"))?)
}

/// The seed files on disk, by name.
fn files() -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder()?)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "README.md" {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}

/// The file names that begin the rows of the README's table.
fn named_in(readme: &str) -> BTreeSet<&str> {
    readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_file_is_named_with_its_source_and_every_name_is_a_file() -> Result<()> {
    let (readme, files) = (readme()?, files()?);
    let on_disk: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(named_in(&readme), on_disk);
    for mark in Mark::ALL {
        let row = format!("| {} | ", mark.code());
        ensure!(
            readme.lines().any(|line| line.starts_with(&row)),
            "mark {mark} is not explained"
        );
    }
    Ok(())
}

#[test]
fn every_file_says_at_its_head_where_it_comes_from() -> Result<()> {
    for (name, text) in files()? {
        ensure!(
            text.starts_with("# ") && text.len() > 100,
            "{name} has no head"
        );
        let entries: toml::Table = text.parse().with_context(|| name.clone())?;
        ensure!(!entries.is_empty(), "{name} has no entries");
    }
    Ok(())
}

/// How many entries each list of a seed file has, by the file's text and not by our reader.
fn entries(name: &str, list: &str) -> Result<Vec<Value>> {
    let text = files()?.remove(name).context("no such seed file")?;
    let table: toml::Table = text.parse()?;
    let list = table.get(list).and_then(Value::as_array);
    Ok(list.context("no such list")?.clone())
}

#[test]
fn nothing_is_lost_between_the_files_and_the_reference() -> Result<()> {
    let reference = Reference::builtin()?;
    let counted = [
        ("zones.toml", "zone", reference.zones.iter().count()),
        ("sectors.toml", "sector", reference.sectors.len()),
        ("catalogue.toml", "product", reference.products.len()),
        ("hazards.toml", "hazard", reference.hazards.len()),
        ("methods.toml", "method", reference.methods.len()),
    ];
    for (name, list, count) in counted {
        assert_eq!(entries(name, list)?.len(), count, "{name}");
    }
    Ok(())
}

#[test]
fn the_city_has_its_places() -> Result<()> {
    let reference = Reference::builtin()?;
    let count =
        |kind: ZoneKind| -> usize { reference.zones.iter().filter(|z| z.kind == kind).count() };
    assert_eq!(count(ZoneKind::City), 1);
    assert_eq!((count(ZoneKind::Street), count(ZoneKind::Town)), (8, 6));
    assert_eq!(
        count(ZoneKind::Market),
        11,
        "six districts, the extension, and four markets beside them"
    );
    assert_eq!(count(ZoneKind::SpecialisedStreet), 14);
    assert_eq!(count(ZoneKind::IndustrialPark), 6);
    assert!(reference.products.len() >= 41);
    Ok(())
}

#[test]
fn every_place_without_others_in_it_sells_and_every_product_is_sold() -> Result<()> {
    let reference = Reference::builtin()?;
    let mut sold = BTreeSet::new();
    for leaf in reference.zones.leaves() {
        ensure!(!leaf.products.is_empty(), "{} sells nothing", leaf.id);
        sold.extend(&leaf.products);
    }
    for product in reference.products.keys() {
        ensure!(sold.contains(product), "{product} is sold nowhere");
    }
    Ok(())
}

#[test]
fn what_is_made_up_says_so_in_both_languages() -> Result<()> {
    let reference = Reference::builtin()?;
    for zone in reference.zones.iter() {
        let said = zone.name_zh.ends_with("（示例）") && zone.name_en.ends_with("(made up)");
        assert_eq!(zone.synthetic, said, "{}", zone.id);
        // No name of a park was found in a public source, so none may pass for a real one.
        if zone.kind == ZoneKind::IndustrialPark {
            assert!(zone.synthetic && zone.mark == Mark::D, "{}", zone.id);
        }
    }
    assert!(readme()?.contains("made up"));
    Ok(())
}

#[test]
fn every_product_can_be_sampled_screened_and_judged() -> Result<()> {
    let reference = Reference::builtin()?;
    let mut used = BTreeSet::new();
    for product in reference.products.values() {
        let code = &product.code;
        ensure!(product.items.len() >= 3, "{code} has few items");
        ensure!(product.sample_check > 0, "{code} has no sample");
        ensure!(!product.methods.is_empty(), "{code} has no fast test");
        for item in &product.items {
            assert_eq!(item.banned, item.code.as_str().starts_with("banned-"));
            ensure!(!item.clause.is_empty(), "{code} {} no clause", item.code);
            used.insert(item.code.as_str().to_owned());
        }
    }
    for item in entries("items.toml", "item")? {
        let code = item.get("code").and_then(Value::as_str).context("code")?;
        ensure!(used.contains(code), "no product is tested for {code}");
    }
    Ok(())
}

#[test]
fn calendar_years_are_whole() -> Result<()> {
    let calendar = Reference::builtin()?.calendar;
    for year in 2024..=2026_i16 {
        let of_year = |text: &String| text.starts_with(&year.to_string());
        let holidays = calendar.holidays().iter().map(ToString::to_string);
        let make_up = calendar.make_up_days().iter().map(ToString::to_string);
        // Seven holidays a year by law: at the least, a day for each and the two long ones whole.
        let (holidays, make_up) = (
            holidays.filter(of_year).count(),
            make_up.filter(of_year).count(),
        );
        ensure!((25..=35).contains(&holidays), "{year}: {holidays} holidays");
        ensure!((4..=9).contains(&make_up), "{year}: {make_up} make-up days");
    }
    for day in calendar.make_up_days() {
        ensure!(day.weekday() >= 5, "{day} is worked anyway");
        ensure!(!calendar.holidays().contains(day), "{day} is both");
    }
    Ok(())
}
