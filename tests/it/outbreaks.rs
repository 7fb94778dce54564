//! Early warning in a world whose outbreaks are known: most are found, few alarms are false, and no
//! week knows of the next.

use crate::world::World;
use anyhow::{Context, Result, ensure};
use risk_sim::reference_city::Outbreak;
use risk_sim::{ReferenceCity, ReferenceSettings};
use risk_tests::city;
use risk_tests::http;
use risk_tests::process;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const SEED: u64 = 3;
const WEEKS: u32 = 130;
/// Weeks before this one are not judged.
const START: u32 = 52;
/// Weeks after the end of an outbreak in which an alarm is still right.
const AFTER: u32 = 8;

/// Week, product, and zone or everywhere.
type Place = (u32, String, Option<String>);

fn places(file: &Path) -> Result<BTreeSet<Place>> {
    let read = |line: &str| -> Result<Place> {
        let line: Value = serde_json::from_str(line)?;
        let week = line.get("week").and_then(Value::as_u64);
        let zone = line.get("zone").context("no zone")?;
        ensure!(zone.is_string() || zone.is_null(), "{line}");
        Ok((
            u32::try_from(week.context("no week")?)?,
            city::text(&line, "product_category")?,
            zone.as_str().map(str::to_owned),
        ))
    };
    fs::read_to_string(file)?.lines().map(read).collect()
}

/// Alarms and lists.
fn warnings(dir: &Path) -> Result<(BTreeSet<Place>, BTreeSet<Place>)> {
    let (alerts, list) = (dir.join("alerts.ndjson"), dir.join("list.ndjson"));
    let mut command = city::spotcheck(&["evaluate", "world"])?;
    command.arg(dir).arg("--alerts").arg(&alerts);
    process::run(command.arg("--list").arg(&list))?;
    Ok((places(&alerts)?, places(&list)?))
}

struct Truth<'a> {
    outbreak: &'a Outbreak,
    zones: BTreeSet<String>,
}

impl Truth<'_> {
    fn touches(&self, (_, product, zone): &Place) -> bool {
        let same = *product == format!("P{:02}", self.outbreak.product);
        same && zone.as_ref().is_none_or(|zone| self.zones.contains(zone))
    }

    fn right(&self, place: &Place) -> bool {
        let weeks = self.outbreak.start..self.outbreak.end + AFTER;
        self.touches(place) && weeks.contains(&place.0)
    }
}

#[test]
fn most_outbreaks_are_found_few_alarms_are_false_and_no_week_knows_of_the_next() -> Result<()> {
    println!("seed {SEED}");
    let home = tempfile::tempdir()?;
    let mut city = ReferenceCity::new(SEED, ReferenceSettings::default());
    (0..WEEKS).for_each(|week| city.status_quo_week(week));
    let world = World {
        weeks: WEEKS,
        until: WEEKS,
        questions: &[],
        quarters: &[],
    };
    let whole = home.path().join("whole");
    world.write(&city, &whole)?;
    let (alarms, lists) = warnings(&whole)?;

    let truth = |outbreak| {
        let zone = |cell: &usize| city.cell(*cell).map(|of| format!("Z{}", of.zone));
        let of: &Outbreak = outbreak;
        let zones = of.cells.iter().filter_map(zone).collect();
        Truth { outbreak, zones }
    };
    let truth: Vec<Truth<'_>> = city.outbreaks().iter().map(truth).collect();
    let judged = |places: &BTreeSet<Place>| -> BTreeSet<Place> {
        let judged = places.iter().filter(|place| place.0 >= START);
        judged.cloned().collect()
    };
    let is_false = |place: &&Place| !truth.iter().any(|one| one.right(place));
    let judged_alarms = judged(&alarms);
    let false_a_year =
        52.0 * judged_alarms.iter().filter(is_false).count() as f64 / f64::from(WEEKS - START);
    let lasting = truth.iter().filter(|one| {
        let Outbreak { start, end, .. } = *one.outbreak;
        start >= START && end - start >= 8 && start + 8 <= WEEKS
    });
    let found = |one: &&Truth<'_>| {
        let during = one.outbreak.start..one.outbreak.end;
        alarms
            .iter()
            .any(|at| one.touches(at) && during.contains(&at.0))
    };
    let lasting: Vec<_> = lasting.collect();
    let found = lasting.iter().filter(|one| found(one)).count();
    let judged_lists = judged(&lists);
    let false_share = |of: Vec<&Place>| {
        of.iter().filter(|place| is_false(place)).count() as f64 / of.len() as f64
    };
    let mut by_week: BTreeMap<u32, Vec<&Place>> = BTreeMap::new();
    for place in &judged_lists {
        by_week.entry(place.0).or_default().push(place);
    }
    let false_listed = by_week.into_values().map(false_share).sum::<f64>();
    let false_listed = false_listed / f64::from(WEEKS - START);
    println!(
        "{found} of {} outbreaks found, {false_a_year:.1} false alarms a year; {} entries listed, of which {false_listed:.3} false",
        lasting.len(),
        judged_lists.len()
    );
    ensure!(lasting.len() >= 10, "too few outbreaks to judge by");
    ensure!(2 * found > lasting.len(), "most outbreaks were missed");
    ensure!(false_a_year <= 15.0, "too many alarms are false");
    ensure!(judged_lists.len() > 50, "hardly anything is listed");
    ensure!(false_listed <= 0.1, "too much of the lists is false");

    let early = home.path().join("early");
    let until = WEEKS - 30;
    World { until, ..world }.write(&city, &early)?;
    let (early_alarms, early_lists) = warnings(&early)?;
    let by_then = |places: &BTreeSet<Place>| -> BTreeSet<Place> {
        places
            .iter()
            .filter(|place| place.0 < until)
            .cloned()
            .collect()
    };
    ensure!(by_then(&alarms) == early_alarms, "an alarm knew the future");
    ensure!(by_then(&lists) == early_lists, "a list knew the future");
    Ok(())
}

/// Thresholds that `tune-alerts` found for products, sectors and enterprises, and their false alarms.
fn tuned(data_dir: &Path, wanted: &str) -> Result<Vec<(f64, f64)>> {
    let weeks = ["--replicates", "4", "--product", wanted];
    let told = city::over(&[&["tune-alerts"], &weeks[..]].concat(), data_dir)?;
    let stream = |name: &str| -> Result<(f64, f64)> {
        let line = told.lines().find(|line| line.starts_with(name));
        let line = line.with_context(|| format!("no {name} in {told}"))?;
        let numbers = line.split_whitespace().skip(1).map(str::parse::<f64>);
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
        let [_, _, found, rate] = numbers[..] else {
            anyhow::bail!("{line}");
        };
        Ok((found, rate))
    };
    ["product", "sector", "enterprise"]
        .into_iter()
        .map(stream)
        .collect()
}

#[test]
fn the_demo_city_is_warned_of_what_breaks_out_and_its_thresholds_can_be_tuned() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    city::City::simulate(SEED, 1000)?.import(&data_dir)?;
    let mut server = city::serve(&data_dir, "")?;
    let alerts = city::all(&format!("{}/v1/alerts?rule=outbreak&", server.address()))?;
    let listed = city::all(&format!("{}/v1/watch?", server.address()))?;
    ensure!(!alerts.is_empty(), "nothing was alerted in two years");
    for alert in &alerts {
        let subject = city::text(alert, "subject")?;
        let of_many = subject.starts_with("product:") || subject.starts_with("sector:");
        ensure!(of_many, "{alert}");
        // What was raised anew is the same alert; each raise says where it was.
        let id = city::text(alert, "id")?;
        let detail = http::get(&format!("{}/v1/alerts/{id}", server.address()))?;
        let detail = detail.expect_status(200)?.json()?;
        let raises = detail["raises"].as_array().context("no raises")?;
        ensure!(!raises.is_empty(), "{detail}");
        for raise in raises {
            let zone = raise.get("zone").and_then(Value::as_str);
            for reason in ["reason_zh", "reason_en"] {
                let reason = city::text(raise, reason)?;
                ensure!(zone.is_none_or(|zone| reason.contains(zone)), "{raise}");
            }
        }
    }
    server.stop(std::time::Duration::from_secs(30))?;
    let mut doubts: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for outbreak in &listed {
        let probability = outbreak.get("probability").and_then(Value::as_f64);
        let subject = city::text(outbreak, "subject")?.replace("cell:", "enterprise:");
        let (kind, _) = subject.split_once(':').context("no kind")?;
        let doubt = 1.0 - probability.context("no probability")?;
        doubts.entry(kind.to_owned()).or_default().push(doubt);
    }
    for (kind, doubts) in &doubts {
        let expected = doubts.iter().sum::<f64>() / doubts.len() as f64;
        ensure!(
            expected <= 0.1,
            "{kind}: {expected} of the list is expected to be false"
        );
        ensure!(doubts.is_sorted(), "{kind}: the most probable comes first");
    }
    let many = tuned(&data_dir, "12")?;
    let few = tuned(&data_dir, "2")?;
    println!("thresholds and false alarms a year: {many:?}, {few:?}");
    for ((threshold, rate), wanted) in many.iter().zip([12.0, 3.0, 12.0]) {
        ensure!(*threshold > 0.0 && *threshold < 1.0);
        ensure!(
            *rate <= wanted,
            "{rate} false alarms where {wanted} were wanted"
        );
    }
    let ((above_many, _), (above_few, rate)) = (many[0], few[0]);
    ensure!(
        above_few > above_many && rate <= 2.0,
        "fewer alarms need a higher threshold"
    );
    ensure!(
        few[1..] == many[1..],
        "the wish for one stream changed another"
    );
    Ok(())
}
