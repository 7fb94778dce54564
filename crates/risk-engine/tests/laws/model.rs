//! The engine's snapshots and estimates against the model run in one batch over the same results.

use crate::desk::{Desk, START, result};
use risk_domain::ids::EnterpriseId;
use risk_domain::inspection::InspectionResult;
use risk_domain::scales::RiskLevel;
use risk_domain::selection::{InclusionProbability, SelectionBasis, SelectionMode};
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Day, Timestamp};
use risk_engine::logodds::{
    Basis, Evidence, Frame, Left, PartKind, Query, Row, SinceSnapshot, fit, merge,
};
use risk_engine::rates::{Rates, WeekTally};
use risk_engine::series::HINDSIGHT;
use risk_engine::{Assessment, Caution, Effect, Part, Policy, Snapshot};
use std::collections::{BTreeMap, BTreeSet};

const WEEKS: i64 = 9;

/// Nine weeks of results of twelve enterprises, in three modes, each day some.
fn results() -> Vec<InspectionResult> {
    // The first Monday after the start.
    let monday = 5;
    let one = |id: u32| {
        let day = monday + i64::from(id) * WEEKS * 7 / 400;
        let mut result = result(id, id * 7 % 12, id / 12 % 2, day, id * id % 9 == 1);
        if id.is_multiple_of(4) {
            result.selection.inclusion_probability = InclusionProbability::new(0.25).ok();
        }
        // The day of the sample is that of the report, so that weeks are told easily.
        result.sampled_at = result.observed_at;
        match id % 4 {
            0 => result.mode = SelectionMode::RiskEvaluation,
            1 => {
                result.mode = SelectionMode::EnforcementTest;
                result.selection.basis = SelectionBasis::Complaint;
            }
            _ => {}
        }
        result
    };
    (0..400).map(one).collect()
}

fn week(result: &InspectionResult) -> u16 {
    let days = (result.sampled_at.millis() + 8 * 3_600_000).div_euclid(DAY_MILLIS);
    ((days + 3) / 7) as u16
}

/// Groups of a result by name: sector, product, zone, product in zone, enterprise, cell.
fn names(result: &InspectionResult) -> [String; 6] {
    let (product, zone) = (&result.product.category, &result.site.zone_id);
    let enterprise = &result.site.enterprise_id;
    [
        "sector:toys".to_owned(),
        format!("product:{product}"),
        format!("zone:{zone}"),
        format!("product:{product} zone:{zone}"),
        format!("enterprise:{enterprise}"),
        Subject::Cell(enterprise.clone(), product.clone()).to_string(),
    ]
}

/// What a batch reads of all results up to a week.
struct Batch {
    names: Vec<Vec<String>>,
    frame: Frame,
    rows: Vec<Row>,
}

fn batch(results: &[InspectionResult], through: u16) -> Batch {
    let known: Vec<&InspectionResult> = results.iter().filter(|r| week(r) <= through).collect();
    let group = |level: usize| -> Vec<String> {
        let all: BTreeSet<String> = known.iter().map(|r| names(r)[level].clone()).collect();
        all.into_iter().collect()
    };
    let names_of: Vec<Vec<String>> = (0..6).map(group).collect();
    let groups = |result: &InspectionResult| -> Vec<u32> {
        let place =
            |(level, name): (usize, String)| names_of[level].binary_search(&name).unwrap() as u32;
        names(result).into_iter().enumerate().map(place).collect()
    };
    let mut targets: BTreeMap<Vec<u32>, u16> = BTreeMap::new();
    for result in &known {
        let first = targets.entry(groups(result)).or_insert(u16::MAX);
        *first = week(result).min(*first);
    }
    let mut frame = Frame::new(6);
    for (groups, first) in &targets {
        frame.push(groups, *first, u16::MAX);
    }
    let row = |result: &&InspectionResult| {
        let target = targets.keys().position(|of| *of == groups(result)).unwrap();
        let (mode, basis) = match result.mode {
            SelectionMode::RiskEvaluation => (0, Basis::Random),
            SelectionMode::EnforcementTest => (4, Basis::Informative),
            SelectionMode::SupervisoryCheck
            | SelectionMode::SpecialCheck
            | SelectionMode::FastTest => (1, Basis::Ignorable),
        };
        let failed = result.outcome == risk_domain::inspection::Outcome::Nonconforming;
        let row = Row::new(target as u32, week(result), mode, basis);
        Row {
            inspector: 0,
            ..row.counting(1, u32::from(failed))
        }
    };
    Batch {
        names: names_of.clone(),
        rows: merge(known.iter().map(row).collect()),
        frame,
    }
}

fn lived() -> (Desk, Vec<Snapshot>) {
    let mut desk = Desk::new(1);
    for result in &results() {
        desk.post(0, result);
    }
    desk.end(1);
    let fitted = desk.effects.iter().filter_map(|effect| {
        let Effect::SnapshotFitted(snapshot) = effect else {
            return None;
        };
        Some((**snapshot).clone())
    });
    let fitted = fitted.collect();
    (desk, fitted)
}

#[test]
fn every_snapshot_is_that_of_a_batch() {
    let settings = Policy::builtin().unwrap().model.settings;
    let results = results();
    let (_, fitted) = lived();
    assert!(fitted.len() >= 8, "{} fits", fitted.len());
    let mut chain = None;
    for snapshot in &fitted {
        let week = snapshot.model.as_of;
        let batch = batch(&results, week);
        assert_eq!(snapshot.groups, batch.names);
        let evidence = Evidence::new(&batch.frame, &batch.rows, week);
        // All groups were there in the first week, so that a batch's numbers stay.
        let found = fit(&evidence, &settings, chain.as_ref()).unwrap();
        assert_eq!(found.levels, snapshot.model.levels);
        assert_eq!(found, snapshot.model);
        chain = Some(found);
    }
    let last = chain.unwrap();
    assert!(!last.calibrator.rows.is_empty(), "nothing was calibrated");
    assert!(last.selection.unwrap().weeks.len() > 5);
}

/// The engine's last word on every subject, asked for after everything has closed.
fn asked(desk: &Desk, subject: &Subject) -> Assessment {
    let at = Timestamp::from_millis(START + 70 * DAY_MILLIS);
    desk.engine.provisional(subject, at).unwrap()
}

#[test]
fn every_estimate_is_that_of_a_batch() {
    let results = results();
    let (desk, fitted) = lived();
    let snapshot = fitted.last().unwrap();
    let model = &snapshot.model;
    let all = batch(&results, u16::MAX);
    let of = |result: &InspectionResult| -> Vec<u32> {
        let place = |(level, name): (usize, String)| {
            let names = &snapshot.groups[level];
            let found = names.iter().position(|other| other.as_str() == name);
            found.unwrap() as u32
        };
        names(result).into_iter().enumerate().map(place).collect()
    };
    let mut since = SinceSnapshot::new(model);
    for (row, groups) in all
        .rows
        .iter()
        .map(|row| (row, all.frame.groups(row.target)))
    {
        if row.week > model.as_of {
            let groups: Vec<u32> = groups.collect();
            for at in 0..row.results {
                let single = row.counting(1, u32::from(at < row.nonconforming));
                since.add(model, &single, &groups);
            }
        }
    }
    let mut seen = BTreeSet::new();
    let (mut moved, mut enterprises) = (0, BTreeMap::new());
    for result in &results {
        let (enterprise, product) = (&result.site.enterprise_id, &result.product.category);
        if !seen.insert((enterprise, product)) {
            continue;
        }
        let groups = of(result);
        let expected = model.predict_since(&Query::new(&groups), &since);
        let cell = asked(&desk, &Subject::Cell(enterprise.clone(), product.clone()));
        assert!((cell.probability - expected.probability).abs() < 1e-12);
        assert!((cell.log_odds - expected.calibrated).abs() < 1e-9);
        let spread = expected.slope * expected.slope * expected.variance;
        assert!((cell.variance - spread).abs() < 1e-12);
        moved += u32::from(
            cell.contributions
                .iter()
                .any(|part| part.part == Part::SinceFit),
        );
        let all: &mut Vec<f64> = enterprises.entry(enterprise).or_default();
        all.push(expected.probability);
    }
    assert!(moved > 10, "{moved} moved since the fit");
    let mut city = Vec::new();
    for (enterprise, probabilities) in &enterprises {
        let mean = probabilities.iter().sum::<f64>() / probabilities.len() as f64;
        let whole = asked(&desk, &Subject::Enterprise((*enterprise).clone()));
        assert!((whole.probability - mean).abs() < 1e-8, "{enterprise}");
        city.extend(probabilities);
    }
    let mean = city.iter().sum::<f64>() / city.len() as f64;
    let zone = Subject::Zone(risk_domain::ids::ZoneId::new("city").unwrap());
    let whole = asked(&desk, &zone);
    assert!((whole.probability - mean).abs() < 1e-8);
    // The doubt of a mean over all targets, from the batch, and not less.
    let exact = model.of_frame(&all.frame, &[]).unwrap();
    let slope = whole.probability * (1.0 - whole.probability);
    let told = whole.variance.sqrt() * slope;
    assert!(
        told > 0.9 * exact.deviation && told < 2.0 * exact.deviation,
        "{told} {exact:?}"
    );
}

/// The level that was last recorded of a subject among the effects from some place on.
fn standing(desk: &Desk, subject: &Subject, from: usize) -> Option<RiskLevel> {
    let since = desk.effects.iter().skip(from).rev();
    let mut levels = since.filter_map(|effect| {
        let Effect::Assessed(one) = effect else {
            return None;
        };
        (one.subject == *subject).then_some(one.level)
    });
    levels.next()
}

/// A conforming supervisory check of an enterprise's product on the day after a moment.
fn check(desk: &mut Desk, id: u32, (enterprise, product): (u32, u32), now: Timestamp) {
    let day = now.millis_since(Timestamp::from_millis(START)) / DAY_MILLIS + 1;
    let mut passed = result(9000 + id, enterprise, product, day, false);
    passed.sampled_at = passed.observed_at;
    desk.post(0, &passed);
}

/// Probability of a failure of an enterprise's product at this moment.
fn cell(desk: &Desk, (enterprise, product): (u32, u32), now: Timestamp) -> f64 {
    let cell = format!("cell:E{enterprise}:P{product}").parse().unwrap();
    desk.engine.provisional(&cell, now).unwrap().probability
}

/// Follows what would lower a grade after so many results by real checks; whether anything would, none if there is no
/// such grade.
fn lowered(subject: &Subject, cells: &[(u32, u32)], after: usize) -> Option<bool> {
    let mut desk = Desk::new(1);
    for result in results().iter().take(after) {
        desk.post(0, result);
    }
    desk.end(1);
    let (_, now) = desk.engine.last_closed().unwrap();
    let told = desk.engine.counterfactual(subject, now, Day::new(0))?;
    let Some((tests, level)) = told.lowered else {
        assert!(told.probability > 0.0);
        return Some(false);
    };
    assert!(level < told.from && tests <= told.tried);
    assert_eq!(standing(&desk, subject, 0), Some(told.from));
    if matches!(subject, Subject::Enterprise(_)) {
        // One check after the other, of whichever product is the likelier to fail.
        for test in 0..tests {
            let of = |cell_: &(u32, u32)| cell(&desk, *cell_, now);
            let likelier = |one: &&(u32, u32), other: &&(u32, u32)| of(one).total_cmp(&of(other));
            let target = *cells.iter().rev().max_by(likelier).unwrap();
            check(&mut desk, test, target, now);
        }
    } else {
        let mut order = cells.to_vec();
        order.sort_by(|one, other| cell(&desk, *other, now).total_cmp(&cell(&desk, *one, now)));
        for (test, target) in (0..tests).zip(order) {
            check(&mut desk, test, target, now);
        }
    }
    let before = desk.effects.len();
    desk.end(1);
    let after = standing(&desk, subject, before);
    assert_eq!(after, Some(level), "{subject}: {tests} checks");
    Some(true)
}

#[test]
fn what_would_lower_a_grade_lowers_it() {
    let of_enterprise = |enterprise: u32| {
        let id = EnterpriseId::new(format!("E{enterprise}")).unwrap();
        lowered(
            &Subject::Enterprise(id),
            &[(enterprise, 0), (enterprise, 1)],
            400,
        )
    };
    let told: Vec<bool> = (0..12).filter_map(of_enterprise).collect();
    let falls = told.iter().filter(|falls| **falls).count();
    println!("{} grades, {falls} of which would be lowered", told.len());
    assert!(falls > 3, "{falls} of {}", told.len());
}

#[test]
fn what_would_lower_the_grade_of_many_lowers_it() {
    let all: Vec<(u32, u32)> = (0..12).flat_map(|of| [(of, 0), (of, 1)]).collect();
    let within = |keep: &dyn Fn(u32, u32) -> bool| -> Vec<(u32, u32)> {
        let cells = all
            .iter()
            .filter(|(enterprise, product)| keep(*enterprise, *product));
        cells.copied().collect()
    };
    let subjects = [
        ("product:P0", within(&|_, product| product == 0)),
        ("product:P1", within(&|_, product| product == 1)),
        ("zone:F0", within(&|enterprise, _| enterprise % 3 == 0)),
        ("zone:F1", within(&|enterprise, _| enterprise % 3 == 1)),
        ("zone:F2", within(&|enterprise, _| enterprise % 3 == 2)),
        ("zone:city", all.clone()),
        ("sector:toys", all.clone()),
    ];
    let (mut falls, mut stays) = (0, 0);
    for after in (30..400).step_by(30) {
        for (subject, cells) in &subjects {
            match lowered(&subject.parse().unwrap(), cells, after) {
                Some(true) => falls += 1,
                Some(false) => stays += 1,
                None => {}
            }
        }
    }
    println!("{falls} grades would be lowered, {stays} would not");
    assert!(falls > 3 && stays > 3, "{falls}, {stays}");
}

#[test]
fn a_later_day_lets_what_is_recent_fade() {
    let (desk, fitted) = lived();
    let (_, now) = desk.engine.last_closed().unwrap();
    let model = &fitted.last().unwrap().model;
    let half_lives = Policy::builtin().unwrap().model.settings.half_lives;
    let groups = [0; 6];
    let log_odds = |left: Left| {
        let query = Query {
            left,
            ..Query::new(&groups)
        };
        let found = model.predict(&query);
        let recent = found
            .parts
            .iter()
            .filter(|part| matches!(part.kind, PartKind::Recent(_)));
        recent.map(|part| part.log_odds).sum::<f64>()
    };
    let now_recent = log_odds(Left::ALL);
    assert!(now_recent.abs() > 1e-3, "{now_recent}");
    assert!((log_odds(Left::after(3, &half_lives)) - 0.5 * now_recent).abs() < 1e-12);
    assert!(log_odds(Left::after(300, &half_lives)).abs() < 1e-12);
    let mut asked = 0;
    for enterprise in 0..12 {
        let subject: Subject = format!("enterprise:E{enterprise}").parse().unwrap();
        let told = |by: Day| desk.engine.counterfactual(&subject, now, by);
        let Some(today) = told(Day::new(0)) else {
            continue;
        };
        asked += 1;
        assert!(today.lowered.is_none_or(|(tests, _)| tests > 0));
        let by = today.by.plus(70);
        let later = told(by).unwrap();
        assert_eq!((later.by, later.from), (by, today.from));
        assert!(later.lowered.is_none_or(|(_, level)| level < later.from));
    }
    assert!(asked > 3, "{asked}");
}

#[test]
fn what_is_comparable_is_of_one_kind_and_lies_in_the_same() {
    let (desk, _) = lived();
    let nearest = |of: &str, most: usize| -> Vec<String> {
        let found = desk.engine.comparables(&of.parse().unwrap(), most);
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(nearest("product:P0", 9), ["product:P1"]);
    let mut floors = nearest("zone:F1", 9);
    floors.sort_unstable();
    assert_eq!(floors, ["zone:F0", "zone:F2"]);
    assert_eq!(nearest("zone:F1", 1).len(), 1);
    // The only one of its kind, and one that nobody ever saw.
    assert!(nearest("sector:toys", 9).is_empty() && nearest("product:P9", 9).is_empty());
    let like = nearest("enterprise:E1", 20);
    assert!(like.len() > 3 && like.iter().all(|other| other.starts_with("enterprise:")));
    assert!(!like.contains(&"enterprise:E1".to_owned()));
}

/// Bins keep the logarithm of a probability in steps of 1/4000.
const DRAWN: f64 = 2e-4;

/// By how much draws of one week move the mean: of the level .5 of it is in doubt, of the course one of
/// these shares, as the draws make them likely.
fn shifted(mean: f64, residual: f64, variance: f64) -> f64 {
    let (mut all_likely, mut shifted) = (0.0, 0.0);
    for wandering in [0.025, 0.05, 0.1, 0.2] {
        let error = (0.25 + wandering * wandering) * mean * mean;
        let of_found = error + variance;
        let likely = (-0.5 * residual * residual / of_found).exp() / of_found.sqrt();
        all_likely += likely;
        shifted += likely * error / of_found * residual;
    }
    shifted / all_likely
}

#[test]
fn series_count_every_week_and_hold_draws_against_what_was_foretold() {
    let results = results();
    let (desk, fitted) = lived();
    let city = desk.engine.series(risk_engine::series::CITY).unwrap();
    let weeks = city.weeks();
    let last = fitted.last().unwrap().model.as_of;
    assert_eq!((weeks.start, weeks.end), (fitted[0].model.as_of, last + 1));
    let rates = city.rates(weeks.clone()).unwrap();
    let known = || results.iter().filter(|result| week(result) <= last);
    let (mut tests, mut failures) = (BTreeMap::new(), BTreeMap::new());
    for result in known() {
        *tests.entry(result.mode).or_insert(0) += 1;
        let failed = result.outcome == risk_domain::inspection::Outcome::Nonconforming;
        *failures.entry(result.mode).or_insert(0) += u64::from(failed);
    }
    for (mode, rate) in &rates.raw {
        assert_eq!(rate.results, tests[mode]);
        assert!((rate.value - failures[mode] as f64 / tests[mode] as f64).abs() < 1e-12);
    }
    assert_eq!(rates.raw.len(), tests.len());
    // The last week by hand: its draws against the snapshot before it, over the frame as it was.
    let before = &fitted[fitted.len() - 2];
    let all = batch(&results, last);
    let predicted = |groups: &[u32]| {
        let query = Query {
            week: Some(last),
            ..Query::new(groups)
        };
        before.model.predict(&query).probability
    };
    let of_target = |target: u32| all.frame.groups(target).collect::<Vec<u32>>();
    let targets = 0..all.frame.len() as u32;
    let mean = targets
        .map(|target| predicted(&of_target(target)))
        .sum::<f64>();
    let mean = mean / all.frame.len() as f64;
    let frame = city.frame(last).unwrap();
    assert_eq!(frame.targets as usize, all.frame.len());
    assert!(
        (frame.predicted - mean).abs() < 1e-8,
        "{} {mean}",
        frame.predicted
    );
    let lasts = (0..all.frame.len() as u32)
        .map(|target| before.model.lasting_probability(&of_target(target)))
        .sum::<f64>();
    let lasts = lasts / all.frame.len() as f64;
    assert!((city.lasting(last).unwrap() - lasts).abs() < 1e-8);
    // The course of a week is what was foretold of it; after some weeks, what the snapshot in force finds.
    assert!((city.course(last).unwrap().share() - mean / lasts).abs() < 1e-6);
    let earlier = last - HINDSIGHT;
    let found = |target: u32| {
        let groups = of_target(target);
        let query = Query {
            week: Some(earlier),
            ..Query::new(&groups)
        };
        before.model.predict(&query).probability
    };
    let found = (0..all.frame.len() as u32).map(found).sum::<f64>() / all.frame.len() as f64;
    assert!((city.course(earlier).unwrap().share() - found / lasts).abs() < 1e-6);
    let foretold = city.frame(earlier).unwrap().predicted / city.lasting(earlier).unwrap();
    assert!((city.course(earlier).unwrap().share() - foretold).abs() > 1e-4);
    // As if nothing had been drawn before.
    let of_last = city.tallies().iter().filter(|tally| tally.week == last);
    let of_last: Vec<WeekTally> = of_last.copied().collect();
    let frames = BTreeMap::from([(last, frame)]);
    let alone = Rates::estimate(last..last + 1, &of_last, &frames, &BTreeMap::new()).unwrap();
    let drawn = all
        .rows
        .iter()
        .filter(|row| row.week == last && row.mode == 0);
    let (mut residual, mut variance, mut draws) = (0.0, 0.0, 0.0);
    for row in drawn {
        let p = predicted(&of_target(row.target));
        residual += f64::from(row.nonconforming) - f64::from(row.results) * p;
        variance += f64::from(row.results) * p * (1.0 - p);
        draws += f64::from(row.results);
    }
    let (residual, variance) = (residual / draws, variance / (draws * draws));
    let composite = alone.composite.unwrap();
    let by_hand = mean + shifted(mean, residual, variance);
    assert!((composite.value - by_hand).abs() < DRAWN);
    assert_eq!(composite.results, draws as u64);
}

#[test]
fn a_change_of_a_raw_rate_is_that_of_its_parts() {
    let (desk, _) = lived();
    let city = desk.engine.series(risk_engine::series::CITY).unwrap();
    let last = city.weeks().end - 1;
    // Zones within the city, and products within a sector, count the same tests.
    let change = desk
        .engine
        .mix_shift("sector:toys", &(last - 3..last - 1), &(last - 1..last + 1))
        .unwrap();
    let raw = |weeks: std::ops::Range<u16>| {
        let rates = city.rates(weeks).unwrap();
        let tests: u64 = rates.raw.values().map(|rate| rate.results).sum();
        let failures = rates
            .raw
            .values()
            .map(|rate| rate.value * rate.results as f64);
        failures.sum::<f64>() / tests as f64
    };
    let expected = raw(last - 1..last + 1) - raw(last - 3..last - 1);
    assert!((change.change - expected).abs() < 1e-12);
    assert!(
        desk.engine
            .mix_shift("product:P0", &(0..9), &(9..18))
            .is_none()
    );
}

#[test]
fn a_mode_without_a_random_share_is_named_and_nothing_corrects_its_rates() {
    // The same city, with what it knew of inclusion probabilities taken away mode by mode.
    let unknown_of = |modes: &[SelectionMode]| {
        let mut desk = Desk::new(1);
        for mut result in results() {
            // Checks are drawn at random here, too.
            let known = InclusionProbability::new(0.25).unwrap();
            let of_mode = modes.contains(&result.mode);
            result.selection.inclusion_probability = (!of_mode).then_some(known);
            desk.post(0, &result);
        }
        desk.end(1);
        desk
    };
    let (evaluation, check) = (
        SelectionMode::RiskEvaluation,
        SelectionMode::SupervisoryCheck,
    );
    let tested = results().into_iter().any(|result| result.mode == check);
    assert!(tested);
    let quarter = |desk: &Desk| {
        let city = desk.engine.series(risk_engine::series::CITY).unwrap();
        city.rates(city.weeks()).unwrap()
    };
    assert_eq!(unknown_of(&[]).engine.cautions(), []);
    let desk = unknown_of(&[check]);
    let named = Caution::NoRandomShare { mode: check };
    assert_eq!(desk.engine.cautions(), std::slice::from_ref(&named));
    assert!(named.en().contains("supervisory_check"));
    assert!(quarter(&desk).design.is_some());
    let desk = unknown_of(&[evaluation, check]);
    let starving = Caution::CalibrationStarves { results: 0 };
    let silent = Caution::NoRandomShare { mode: evaluation };
    assert_eq!(desk.engine.cautions(), [starving, silent, named]);
    let rates = quarter(&desk);
    assert!(rates.random.is_none() && rates.design.is_none() && rates.composite.is_none());
    assert!(!rates.raw.is_empty());
}
