//! When and where outbreaks of failures showed, week by week.

use super::world::Place;
use super::{Chain, City, FIRST_FIT, create};
use crate::output::say;
use anyhow::Context;
use risk_engine::Policy;
use risk_engine::detection::{Streams, Usual, WeekSums};
use std::io::Write;
use std::path::Path;

/// Weeks between fits.
const REFIT: u16 = 1;

/// Of every week, the alarms and the list at its end, from what was known by then.
pub(super) fn weeks(
    city: &City<'_>,
    alerts: Option<&Path>,
    list: Option<&Path>,
) -> anyhow::Result<()> {
    let settings = Policy::builtin()?.detection;
    let mut alerts = alerts.map(create).transpose()?;
    let mut lists = list.map(create).transpose()?;
    let mut chain = Chain::every(REFIT);
    let mut usual: Usual<&str, &str> = Usual::default();
    let mut products: Streams<&str, &str> = Streams::default();
    let (mut raised, mut listed) = (0_u64, 0_u64);
    let last = city.results.iter().map(|(row, _)| row.week).max();
    let last = last.context("the world has no results")?;
    let place = |cell: u32| -> Option<(&str, &str)> {
        let line = city.lines.get(cell as usize)?;
        Some((line.product_category.as_str(), line.zone.as_str()))
    };
    for week in FIRST_FIT + 1..=last {
        let before = chain.advance(city, week - 1)?;
        if usual.begin(week, &settings) {
            let mut sums = WeekSums::new(before, &settings);
            for row in city.rows_until(week) {
                if row.week != week {
                    continue;
                }
                let groups: Vec<u32> = city.frame.groups(row.target).collect();
                let weighed = sums.weigh(&row, &groups, usual.of(row.target));
                sums.add(
                    place(row.target).context("a result is of no cell")?,
                    &weighed,
                );
            }
            let evidence = usual.end(sums.finish(), &settings);
            let shares = |product: &&str| usual.shares(product);
            let alarms = products.step(evidence, shares, &settings, &settings.product);
            raised += alarms.len() as u64;
            if let Some(out) = &mut alerts {
                for alarm in alarms {
                    Place::new(week, alarm.stream, alarm.place).write(out)?;
                }
            }
            if let Some(out) = &mut lists {
                for flag in products.list(&settings) {
                    listed += 1;
                    Place::new(week, flag.stream, flag.place).write(out)?;
                }
            }
        }
        if usual.freeze_due(week, &settings) {
            let now = chain.advance(city, week)?;
            let lives = (0..).zip(city.frame.active());
            let targets = lives.map(|(cell, (from, until))| {
                let groups: Vec<u32> = city.frame.groups(cell).collect();
                let trades = *from <= week && week < *until;
                Some((groups, place(cell).filter(|_| trades)))
            });
            usual.freeze(week, now, targets);
        }
    }
    for out in [&mut alerts, &mut lists].into_iter().flatten() {
        out.flush()?;
    }
    say(&format!(
        "{raised} alarms and {listed} entries of weekly lists"
    ));
    Ok(())
}
