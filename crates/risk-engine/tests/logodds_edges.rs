//! The additive model where data are odd: finite and sensible, or refused by name.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fit that fails must fail the test"
)]

use risk_engine::logodds::{
    Basis, Evidence, FitError, Frame, Level, NO_GROUP, Query, Row, Season, Selection, Settings,
    Snapshot, UNITS, Variance, Verification, fit,
};
use serde_json::Value;

const WEEKS: u16 = 30;

/// So many enterprises with two cells each; three products, two zones, one sector.
fn frame(enterprises: u32) -> Frame {
    let mut frame = Frame::new(6);
    for enterprise in 0..enterprises {
        for shelf in 0..2 {
            let product = (enterprise + shelf) % 3;
            let zone = enterprise % 2;
            let cell = frame.len() as u32;
            let groups = [0, product, zone, product * 2 + zone, enterprise, cell];
            frame.push(&groups, 0, u16::MAX);
        }
    }
    frame
}

/// A result per target and week, of a mode that goes round.
fn results(frame: &Frame, failed: impl Fn(u32, u16) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for target in 0..frame.len() as u32 {
        for week in 0..WEEKS {
            let mode = ((target + u32::from(week)) % 5) as u8;
            let basis = match mode {
                0 => Basis::Random,
                4 => Basis::Informative,
                _ => Basis::Ignorable,
            };
            let row = Row::new(target, week, mode, basis);
            rows.push(row.counting(1, u32::from(failed(target, week))));
        }
    }
    rows
}

fn fitted(frame: &Frame, rows: &[Row], settings: &Settings) -> Snapshot {
    let evidence = |as_of| Evidence::new(frame, rows, as_of);
    let before = fit(&evidence(WEEKS - 4), settings, None).unwrap();
    fit(&evidence(WEEKS - 1), settings, Some(&before)).unwrap()
}

/// JSON writes what is not finite as null; only what may be absent is null for another reason.
fn finite(value: &Value) {
    const OPTIONAL: [&str; 6] = [
        "recent",
        "laboratories",
        "inspectors",
        "level",
        "season",
        "selection",
    ];
    match value {
        Value::Null => panic!("a number is not finite"),
        Value::Array(values) => values.iter().for_each(finite),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, field)| !(field.is_null() && OPTIONAL.contains(&name.as_str())))
            .for_each(|(_, field)| finite(field)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every number of the snapshot is finite, and so is every prediction; returns the probabilities.
fn sensible(frame: &Frame, snapshot: &Snapshot) -> Vec<f64> {
    finite(&serde_json::to_value(snapshot).unwrap());
    (0..frame.len() as u32)
        .map(|target| {
            let groups: Vec<u32> = frame.groups(target).collect();
            let prediction = snapshot.predict(&Query::new(&groups));
            let p = prediction.probability;
            assert!(p > 0.0 && p < 1.0, "{p}");
            assert!(prediction.lower <= p && p <= prediction.upper);
            assert!(prediction.variance > 0.0);
            p
        })
        .collect()
}

#[test]
fn without_results_the_prior_stands() {
    let frame = frame(4);
    let snapshot = fitted(&frame, &[], &Settings::default());
    assert!((snapshot.intercept.mean + 2.7).abs() < 1e-12);
    for p in sensible(&frame, &snapshot) {
        assert!(p > 0.05 && p < 0.3, "{p}");
    }
    assert!(snapshot.modes.iter().all(|mode| mode.mean == 0.0));
    let unseen = snapshot.predict(&Query::new(&[NO_GROUP; 6]));
    assert!(unseen.probability > 0.05 && unseen.probability < 0.3);
}

#[test]
fn an_empty_frame_has_a_fit() {
    let empty = Frame::new(6);
    let snapshot = fitted(&empty, &[], &Settings::default());
    let prediction = snapshot.predict(&Query::new(&[0, 1, 2, 3, 4, 5]));
    assert!(prediction.probability > 0.05 && prediction.probability < 0.3);
}

#[test]
fn all_failed_is_bad_and_not_certain() {
    let frame = frame(6);
    let rows = results(&frame, |_, _| true);
    let snapshot = fitted(&frame, &rows, &Settings::default());
    for p in sensible(&frame, &snapshot) {
        assert!(p > 0.8 && p < 1.0 - 1e-6, "{p}");
    }
}

#[test]
fn all_passed_is_good_and_not_certain() {
    let frame = frame(6);
    let rows = results(&frame, |_, _| false);
    let snapshot = fitted(&frame, &rows, &Settings::default());
    for p in sensible(&frame, &snapshot) {
        assert!(p > 1e-5 && p < 0.05, "{p}");
    }
}

#[test]
fn without_a_prior_of_the_common_part_all_failed_is_still_finite() {
    let frame = frame(6);
    let rows = results(&frame, |_, _| true);
    let mut settings = Settings::default();
    settings.intercept.variance = None;
    settings.calibrated = false;
    let snapshot = fitted(&frame, &rows, &settings);
    let groups: Vec<u32> = frame.groups(0).collect();
    let prediction = snapshot.predict(&Query::new(&groups));
    assert!(prediction.log_odds.is_finite() && prediction.probability <= 1.0);
}

#[test]
fn a_level_of_one_group_is_shared_with_the_common_part() {
    let frame = frame(8);
    let rows = results(&frame, |target, week| {
        target < 4 && (week + target as u16).is_multiple_of(3)
    });
    let snapshot = fitted(&frame, &rows, &Settings::default());
    let sector = snapshot.level("sector").unwrap();
    assert_eq!(sector.lasting.len(), 1);
    assert!(sector.prior >= 0.02 && sector.lasting[0].mean.abs() < 1.0);
    let p = sensible(&frame, &snapshot);
    assert!(p[0] > 2.0 * p[15], "{p:?}");
}

#[test]
fn one_enterprise_one_result() {
    let mut frame = Frame::new(6);
    let target = frame.push(&[0, 0, 0, 0, 0, 0], 0, u16::MAX);
    let rows = [Row::new(target, 3, 0, Basis::Random).counting(1, 1)];
    let snapshot = fitted(&frame, &rows, &Settings::default());
    let p = sensible(&frame, &snapshot);
    assert!(p[0] > 0.1 && p[0] < 0.95, "{p:?}");
}

fn refused(frame: &Frame, row: Row, settings: &Settings) -> FitError {
    let rows = [row];
    fit(&Evidence::new(frame, &rows, 9), settings, None).unwrap_err()
}

#[test]
fn what_is_not_declared_is_refused_by_name() {
    let targets = frame(2);
    let settings = Settings::default();
    let sound = Row::new(0, 0, 0, Basis::Ignorable).counting(1, 0);
    assert_eq!(
        refused(&Frame::new(5), sound, &settings),
        FitError::Levels {
            frame: 5,
            settings: 6
        }
    );
    let far = Row {
        target: 99,
        ..sound
    };
    assert_eq!(
        refused(&targets, far, &settings),
        FitError::Target {
            target: 99,
            targets: 4
        }
    );
    let mode = Row { mode: 7, ..sound };
    assert_eq!(refused(&targets, mode, &settings), FitError::Mode(7));
    let method = Row { method: 3, ..sound };
    assert_eq!(
        refused(&targets, method, &settings),
        FitError::UnknownMethod(3)
    );
    let too_many = Row {
        failed: 2 * UNITS,
        ..sound
    };
    assert_eq!(
        refused(&targets, too_many, &settings),
        FitError::Failures(0)
    );
}

#[test]
fn settings_that_make_no_model_are_refused_by_name() {
    let targets = frame(2);
    let settings = Settings::default();
    let sound = Row::new(0, 0, 0, Basis::Ignorable).counting(1, 0);
    let season = Settings {
        season: settings.season.clone().map(|season| Season {
            level: "weather".into(),
            ..season
        }),
        ..settings.clone()
    };
    assert_eq!(
        refused(&targets, sound, &season),
        FitError::UnknownLevel("weather".into())
    );
    let mut twice = settings.clone();
    twice.levels[1].name = "sector".into();
    assert_eq!(
        refused(&targets, sound, &twice),
        FitError::TwoLevels("sector".into())
    );
    let mut still = settings.clone();
    still.levels[0].variance = Variance::Fixed(0.0);
    assert_eq!(refused(&targets, sound, &still), FitError::Variance(0.0));
    let mut blunt = settings.clone();
    blunt.methods[0].sensitivity.beta = 0.0;
    assert_eq!(
        refused(&targets, sound, &blunt),
        FitError::Method("rapid".into())
    );
    let mut deep = settings.clone();
    for number in 0..300 {
        let name = format!("level {number}");
        deep.levels
            .push(Level::new(&name, Variance::Fixed(0.1), None));
    }
    assert_eq!(
        refused(&targets, sound, &deep),
        FitError::TooManyLevels(306)
    );
    let mut timeless = settings.clone();
    timeless.half_lives.recent = f64::NAN;
    assert!(matches!(
        refused(&targets, sound, &timeless),
        FitError::HalfLife(_)
    ));
    let sure = Settings {
        interval: 1.0,
        ..settings
    };
    assert_eq!(refused(&targets, sound, &sure), FitError::Interval(1.0));
}

#[test]
fn a_method_that_tells_nothing_is_named_and_left_out() {
    let frame = frame(6);
    let rows = results(&frame, |target, week| {
        (target + u32::from(week)).is_multiple_of(7)
    });
    let mut settings = Settings::default();
    settings.methods[0].sensitivity.alpha = 5.0;
    settings.methods[0].sensitivity.beta = 15.0;
    settings.methods[0].specificity.alpha = 40.0;
    settings.methods[0].specificity.beta = 10.0;
    settings.methods[0].estimated = false;
    let fast = Row::new(0, 5, 3, Basis::Ignorable)
        .by_method(1, Verification::None)
        .counting(40, 40);
    let mut with = rows.clone();
    with.push(fast);
    let with = fitted(&frame, &with, &settings);
    assert_eq!(with.refused_methods().collect::<Vec<_>>(), ["rapid"]);
    let without = fitted(&frame, &rows, &settings);
    assert_eq!(with.levels, without.levels);
}

#[test]
fn a_positive_fast_test_weighs_less_than_a_laboratory() {
    let frame = frame(6);
    let rows = results(&frame, |target, week| {
        (target + u32::from(week)).is_multiple_of(9)
    });
    // A confirmed failure is also remedied, which is another part.
    let settings = Settings {
        remediation: None,
        ..Settings::default()
    };
    let groups: Vec<u32> = frame.groups(0).collect();
    let probability = |row: Row| {
        let mut rows = rows.clone();
        rows.push(row);
        let snapshot = fitted(&frame, &rows, &settings);
        snapshot.predict(&Query::new(&groups)).log_odds
    };
    let row = Row::new(0, 20, 3, Basis::Ignorable).counting(3, 3);
    let none = probability(row.counting(0, 0));
    let fast = probability(row.by_method(1, Verification::None));
    let laboratory = probability(row);
    assert!(none < fast && fast < laboratory);
}

/// A strict laboratory fails three times as many of the same goods; the goods are not to blame.
#[test]
fn strictness_is_taken_out_of_the_score() {
    let frame = frame(60);
    let strict = |target: u32| target % 4 < 2;
    let mut rows = results(&frame, |target, week| {
        let draw = (target * 7919 + u32::from(week) * 104_729) % 100;
        draw < if strict(target) { 24 } else { 8 }
    });
    // Every tenth lot goes to the other laboratory, or the two could not be told from their clients.
    for row in &mut rows {
        let other = (row.target + u32::from(row.week)).is_multiple_of(10);
        row.laboratory = u16::from(strict(row.target) != other);
        if other {
            let draw = (row.target * 31 + u32::from(row.week) * 17) % 100;
            let fails = draw < if strict(row.target) { 8 } else { 24 };
            *row = row.counting(1, u32::from(fails));
        }
    }
    let blind = Settings {
        laboratories: None,
        ..Settings::default()
    };
    let seeing = Settings {
        laboratories: Some(Variance::Fixed(0.5)),
        ..Settings::default()
    };
    let gap = |snapshot: &Snapshot| {
        let p = sensible(&frame, snapshot);
        let mean = |of: bool| {
            let own = (0..frame.len()).filter(|target| strict(*target as u32) == of);
            let (sum, n) = own.fold((0.0, 0.0), |(sum, n), target| (sum + p[target], n + 1.0));
            sum / n
        };
        mean(true) / mean(false)
    };
    let (blind, seeing) = (
        fitted(&frame, &rows, &blind),
        fitted(&frame, &rows, &seeing),
    );
    let effects = &seeing.laboratories.as_ref().unwrap().effects;
    assert!(effects[1].mean - effects[0].mean > 0.5, "{effects:?}");
    let report = seeing.laboratory_strictness();
    assert!(report[1].stricter > 0.95 && report[0].stricter < 0.05);
    assert!(report[1].lower > 1.0 && report[0].upper < 1.0, "{report:?}");
    assert!(blind.laboratory_strictness().is_empty());
    let (blamed, cleared) = (gap(&blind), gap(&seeing));
    println!("strict clients look {blamed} times as bad unseen, {cleared} times seen");
    assert!(blamed > 1.8 && cleared < 1.0 + 0.6 * (blamed - 1.0));
    assert!(blind.laboratories.is_none());
}

/// Units of one lot are alike: forty of them are worth about three results.
#[test]
fn a_lot_counts_by_what_its_sample_is_worth() {
    let row = Row::new(0, 0, 0, Basis::Random);
    let one = row.of_lot(1, 1, 0.3);
    assert_eq!((one.tested, one.failed), (UNITS, UNITS));
    let lot = row.of_lot(40, 10, 0.3);
    let worth = f64::from(lot.tested) / f64::from(UNITS);
    assert!((worth - 40.0 / (1.0 + 39.0 * 0.3)).abs() < 1e-3);
    assert!((f64::from(lot.failed) / f64::from(lot.tested) - 0.25).abs() < 1e-3);
    assert_eq!((lot.results, lot.nonconforming), (1, 1));
}

/// A record set's own fields are levels of the policy, without product, zone or season.
#[test]
fn levels_are_declared_not_coded() {
    let settings = Settings {
        levels: vec![
            Level::new(
                "facility_type",
                Variance::Moments {
                    start: 0.25,
                    floor: 0.01,
                },
                None,
            ),
            Level::new("origin", Variance::Fixed(0.3), Some(0.1)),
        ],
        season: None,
        selection: Selection::Ignored,
        remediation: None,
        ..Settings::default()
    };
    let mut frame = Frame::new(2);
    for target in 0..40 {
        frame.push(&[target % 4, target % 5], 0, u16::MAX);
    }
    let rows = results(&frame, |target, week| {
        target % 4 == 1 && (target + u32::from(week)).is_multiple_of(2)
    });
    let snapshot = fitted(&frame, &rows, &settings);
    let types = &snapshot.level("facility_type").unwrap().lasting;
    assert!(types[1].mean > types[0].mean + 1.0);
    sensible(&frame, &snapshot);
}

/// The mean over a zone is between its best and its worst, untested targets and volumes included, and
/// what the targets share is not averaged away.
#[test]
fn aggregates_run_over_the_whole_frame() {
    let mut frame = frame(20);
    let rows = results(&frame, |target, week| {
        target.is_multiple_of(4) && week.is_multiple_of(2)
    });
    let untested = frame.push(&[0, 1, 0, 2, 99, 40], 0, u16::MAX);
    let gone = frame.push(&[0, 1, 0, 2, 98, 41], 0, 10);
    let snapshot = fitted(&frame, &rows, &Settings::default());
    let p = sensible(&frame, &snapshot);
    let city = snapshot.of_frame(&frame, &[]).unwrap();
    assert_eq!(city.targets, 41);
    let mean = p[..41].iter().sum::<f64>() / 41.0;
    assert!((city.probability - mean).abs() < 1e-12, "{city:?} {mean}");
    assert!(untested == 40 && gone == 41);
    let mut volumes = vec![1.0; 42];
    volumes[0] = 1e9;
    let heavy = snapshot.of_frame(&frame, &volumes).unwrap();
    assert!((heavy.probability - p[0]).abs() < 1e-6);
    let zone = snapshot
        .levels
        .iter()
        .position(|level| level.name == "zone");
    let zones = snapshot.by_group(&frame, &[], zone.unwrap());
    assert_eq!(zones.len(), 2);
    for (group, aggregate) in &zones {
        let own = frame.column(2).iter().zip(&p).take(41);
        let own: Vec<f64> = own.filter(|(g, _)| *g == group).map(|(_, p)| *p).collect();
        let least = own.iter().copied().fold(1.0, f64::min);
        let most = own.iter().copied().fold(0.0, f64::max);
        assert!(least < aggregate.probability && aggregate.probability < most);
        // Were all doubt the targets' own, it would shrink with their number.
        let p = aggregate.probability;
        let shared = p * (1.0 - p) * snapshot.doubt(2, *group).sqrt();
        assert!(aggregate.deviation > 0.5 * shared, "{aggregate:?}");
    }
    assert!(snapshot.of_frame(&Frame::new(6), &[]).is_none());
}

/// A target of which a field was not told learns from the rest, and doubts as the prior does.
#[test]
fn a_missing_field_says_nothing() {
    let mut frame = frame(8);
    let told = frame.push(&[0, 0, 0, 0, 0, 16], 0, u16::MAX);
    let untold = frame.push(&[0, 0, NO_GROUP, NO_GROUP, 0, NO_GROUP], 0, u16::MAX);
    let rows = results(&frame, |target, week| {
        (target + u32::from(week)).is_multiple_of(6)
    });
    let snapshot = fitted(&frame, &rows, &Settings::default());
    sensible(&frame, &snapshot);
    let predict = |target: u32| {
        let groups: Vec<u32> = frame.groups(target).collect();
        snapshot.predict(&Query::new(&groups))
    };
    assert!(predict(untold).variance > predict(told).variance);
    let zone = &snapshot.level("zone").unwrap().lasting;
    assert_eq!(zone.len(), 2);
    let city = snapshot.of_frame(&frame, &[]).unwrap();
    assert!(city.deviation > 0.0 && city.deviation < 0.2);
}

/// Fast tests name no laboratory. What all laboratories have in common is not strictness: it belongs
/// to the common part.
#[test]
fn laboratories_are_told_from_one_another_only() {
    let frame = frame(60);
    let mut rows = results(&frame, |target, week| {
        (target * 7919 + u32::from(week) * 104_729) % 100 < 30
    });
    for row in &mut rows {
        if (row.target + u32::from(row.week)).is_multiple_of(2) {
            row.laboratory = ((row.target / 2 + u32::from(row.week / 2)) % 3) as u16;
        } else {
            let fails = (row.target * 31 + u32::from(row.week) * 17) % 100 < 4;
            let fast = Row::new(row.target, row.week, 3, Basis::Ignorable);
            *row = fast
                .by_method(1, Verification::None)
                .counting(1, u32::from(fails));
        }
    }
    let settings = Settings {
        laboratories: Some(Variance::Moments {
            start: 0.02,
            floor: 0.002,
        }),
        ..Settings::default()
    };
    let report = fitted(&frame, &rows, &settings).laboratory_strictness();
    assert_eq!(report.len(), 3);
    for laboratory in &report {
        assert!(
            laboratory.lower < 1.0 && laboratory.upper > 1.0,
            "{report:?}"
        );
        assert!((0.7..1.4).contains(&laboratory.odds_ratio), "{report:?}");
    }
}
