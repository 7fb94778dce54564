//! Laws of the additive model: order and grouping of rows do not show, parts add up, and what was
//! not yet known does not count.

#![expect(clippy::unwrap_used, reason = "a fit that fails must fail the test")]

use proptest::prelude::*;
use risk_engine::logodds::{
    Basis, Evidence, Frame, PartKind, Query, Row, Selection, Settings, SinceSnapshot, Snapshot,
    Variance, Verification, fit, merge,
};

const TARGETS: u32 = 24;
const WEEKS: u16 = 40;

fn frame() -> Frame {
    let mut frame = Frame::new(6);
    for cell in 0..TARGETS {
        let (enterprise, product, zone) = (cell / 2, cell % 5, (cell / 2) % 3);
        let pair = product * 3 + zone;
        frame.push(
            &[product % 2, product, zone, pair, enterprise, cell],
            (cell % 4) as u16,
            u16::MAX,
        );
    }
    frame
}

prop_compose! {
    fn any_row()(
        target in 0..TARGETS,
        week in 0..WEEKS,
        mode in 0u8..5,
        verified in 0u8..3,
        laboratory in 0u16..4,
        results in 1u32..4,
        failed in 0u32..4,
    ) -> Row {
        let basis = match mode {
            0 => Basis::Random,
            4 => Basis::Informative,
            _ => Basis::Ignorable,
        };
        let verification = match (mode, verified) {
            (3, 1) => Verification::OfPositive,
            (3, 2) => Verification::OfNegative,
            _ => Verification::None,
        };
        let mut row = Row::new(target, week, mode, basis)
            .by_method(u8::from(mode == 3), verification)
            .counting(results, failed.min(results));
        row.laboratory = laboratory;
        row
    }
}

fn settings(likelihood: bool) -> Settings {
    let mut settings = Settings {
        laboratories: Some(Variance::Fixed(0.1)),
        ..Settings::default()
    };
    settings.sweeps.cold = 6;
    if !likelihood {
        settings.selection = Selection::Covariates {
            enterprise: "enterprise".into(),
            cell: "cell".into(),
        };
    }
    settings
}

/// A chain of three fits; the bytes of the last.
fn chain(frame: &Frame, rows: &[Row], settings: &Settings) -> (Snapshot, Vec<u8>) {
    let mut last: Option<Snapshot> = None;
    for as_of in [20, 24, 28] {
        let evidence = Evidence::new(frame, rows, as_of);
        last = Some(fit(&evidence, settings, last.as_ref()).unwrap());
    }
    let last = last.unwrap();
    let bytes = postcard::to_allocvec(&last).unwrap();
    (last, bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn neither_order_nor_grouping_shows(
        rows in prop::collection::vec(any_row(), 1..160),
        seed in any::<u64>(),
        likelihood in any::<bool>(),
    ) {
        let (frame, settings) = (frame(), settings(likelihood));
        let (_, as_given) = chain(&frame, &rows, &settings);
        let mut shuffled = rows.clone();
        shuffled.sort_by_key(|row| {
            let mixed = (u64::from(row.target) << 20) ^ (u64::from(row.week) << 8) ^ u64::from(row.mode);
            mixed.wrapping_add(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        let (_, permuted) = chain(&frame, &shuffled, &settings);
        prop_assert_eq!(&as_given, &permuted);
        let (_, merged) = chain(&frame, &merge(rows), &settings);
        prop_assert_eq!(&as_given, &merged);
    }

    #[test]
    fn what_comes_later_does_not_count(rows in prop::collection::vec(any_row(), 1..120)) {
        let (frame, settings) = (frame(), settings(true));
        let known: Vec<Row> = rows.iter().filter(|row| row.week <= 28).copied().collect();
        prop_assert_eq!(chain(&frame, &rows, &settings).1, chain(&frame, &known, &settings).1);
    }

    /// Rows that are told to be fresh count as those that the weeks tell to be, if they are the same.
    #[test]
    fn fresh_rows_are_those_not_seen(rows in prop::collection::vec(any_row(), 1..120)) {
        let (frame, settings) = (frame(), settings(true));
        let before = fit(&Evidence::new(&frame, &rows, 24), &settings, None).unwrap();
        let evidence = Evidence::new(&frame, &rows, 28);
        let by_week = fit(&evidence, &settings, Some(&before)).unwrap();
        let fresh: Vec<Row> = rows.iter().rev().filter(|row| row.week > 24).copied().collect();
        let told = Evidence { fresh: Some(&fresh), ..evidence };
        prop_assert_eq!(&by_week, &fit(&told, &settings, Some(&before)).unwrap());
        let none = Evidence { fresh: Some(&[]), ..evidence };
        let unlearned = fit(&none, &settings, Some(&before)).unwrap();
        prop_assert!(unlearned.calibrator.rows.is_empty());
        let late: Vec<Row> = rows.iter().filter(|row| row.week <= 24).copied().collect();
        let late = Evidence { fresh: Some(&late), ..evidence };
        let learned = fit(&late, &settings, Some(&before)).unwrap();
        let gold = |row: &&Row| row.basis == Basis::Random && row.week <= 24;
        let counted: u32 = learned.calibrator.rows.iter().map(|row| row.tested).sum();
        prop_assert_eq!(counted, rows.iter().filter(gold).map(|row| row.results).sum::<u32>());
    }

    #[test]
    fn parts_add_up_and_bytes_come_back(
        rows in prop::collection::vec(any_row(), 1..120),
        likelihood in any::<bool>(),
        mode in prop::option::of(0u8..5),
    ) {
        let frame = frame();
        let (snapshot, bytes) = chain(&frame, &rows, &settings(likelihood));
        let back: Snapshot = postcard::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&back, &snapshot);
        for target in 0..TARGETS {
            let groups: Vec<u32> = frame.groups(target).collect();
            let query = Query { mode, ..Query::new(&groups) };
            let prediction = snapshot.predict(&query);
            let mut sum = 0.0;
            for part in &prediction.parts {
                sum += part.log_odds;
            }
            prop_assert!(sum.to_bits() == prediction.log_odds.to_bits());
            let recent = prediction.parts.iter().filter(|part| matches!(part.kind, PartKind::Recent(_)));
            let recent: f64 = recent.map(|part| part.log_odds).sum();
            let (usual, doubt) = snapshot.usual_log_odds(&query);
            prop_assert!((usual + recent - sum).abs() < 1e-12);
            prop_assert!(doubt > 0.0 && doubt < prediction.variance);
            let laboratory = Row::new(target, 28, 0, Basis::Random);
            let fast = laboratory.by_method(1, Verification::None);
            let plain = snapshot.through_test(&laboratory, usual);
            let (se, sp) = (snapshot.methods[0].sensitivity, snapshot.methods[0].specificity);
            let expected = plain * se + (1.0 - plain) * (1.0 - sp);
            // A method whose outcome hardly depends on the truth is refused, and says nothing.
            let expected = if snapshot.methods[0].refused { 0.5 } else { expected };
            prop_assert!((snapshot.through_test(&fast, usual) - expected).abs() < 1e-12);
            prop_assert!(prediction.lower <= prediction.upper);
            prop_assert!(0.0 < prediction.probability && prediction.probability < 1.0);
            let calibrated = prediction.calibrated_parts();
            let whole = calibrated.last().unwrap().1;
            prop_assert!((whole - prediction.calibrated).abs() < 1e-12);
            let bound = 1.0 / (1.0 + (-whole).exp());
            prop_assert!((prediction.above(bound) - 0.5).abs() < 1e-6);
            prop_assert!((prediction.above(prediction.lower) - 0.95).abs() < 1e-6);
            prop_assert_eq!(back.predict(&query), prediction);
        }
    }

    /// Since a snapshot: sums commute, shards merge, and what is taken away leaves no trace.
    #[test]
    fn what_came_since_is_a_sum(
        rows in prop::collection::vec(any_row(), 2..60),
        cut in 1usize..59,
        taken in any_row(),
    ) {
        let frame = frame();
        let (snapshot, _) = chain(&frame, &rows, &settings(true));
        let groups = |row: &Row| frame.groups(row.target).collect::<Vec<u32>>();
        let sum = |rows: &[Row]| {
            let mut since = SinceSnapshot::new(&snapshot);
            for row in rows {
                since.add(&snapshot, row, &groups(row));
            }
            since
        };
        let whole = sum(&rows);
        let mut backwards = rows.clone();
        backwards.reverse();
        prop_assert_eq!(&whole, &sum(&backwards));
        let (left, right) = rows.split_at(cut.min(rows.len()));
        let mut merged = sum(left);
        merged.merge(&sum(right));
        prop_assert_eq!(&whole, &merged);
        merged.add(&snapshot, &taken, &groups(&taken));
        merged.subtract(&snapshot, &taken, &groups(&taken));
        prop_assert_eq!(&whole, &merged);
    }

    /// A single result moves the log-odds by what a Kalman filter's gain gives: V s / (1 + V v).
    #[test]
    fn one_result_moves_by_the_kalman_gain(
        rows in prop::collection::vec(any_row(), 1..60),
        target in 0..TARGETS,
        failed in 0u32..2,
    ) {
        let frame = frame();
        let (snapshot, _) = chain(&frame, &rows, &settings(true));
        let groups: Vec<u32> = frame.groups(target).collect();
        let row = Row::new(target, 29, 1, Basis::Ignorable).counting(1, failed);
        let mut since = SinceSnapshot::new(&snapshot);
        since.add(&snapshot, &row, &groups);
        let doubt: f64 = snapshot
            .levels
            .iter()
            .zip(&groups)
            .map(|(level, group)| level.lasting[*group as usize].variance)
            .sum();
        let p = 1.0 / (1.0 + (-snapshot.log_odds(&Query { mode: Some(1), ..Query::new(&groups) }).0).exp());
        let expected = doubt * (f64::from(failed) - p) / (1.0 + doubt * p * (1.0 - p));
        prop_assert!((snapshot.moved(&since, &groups) - expected).abs() < 1e-7);
        let query = Query::new(&groups);
        let (before, after) = (snapshot.predict(&query), snapshot.predict_since(&query, &since));
        prop_assert_eq!(after.probability > before.probability, failed == 1);
        let sum: f64 = after.parts.iter().map(|part| part.log_odds).sum();
        prop_assert!(sum.to_bits() == after.log_odds.to_bits());
    }

    #[test]
    fn one_more_failure_is_never_better(
        rows in prop::collection::vec(any_row(), 1..80),
        target in 0..TARGETS,
    ) {
        let frame = frame();
        let mut settings = settings(true);
        // A confirmed failure is also remedied, which may lower the risk; that is another part.
        settings.remediation = None;
        settings.calibrated = false;
        settings.sweeps.cold = 60;
        let groups: Vec<u32> = frame.groups(target).collect();
        let log_odds = |outcome| {
            let mut rows = rows.clone();
            rows.push(Row::new(target, 28, 1, Basis::Ignorable).counting(1, outcome));
            let evidence = Evidence::new(&frame, &rows, 28);
            let snapshot = fit(&evidence, &settings, None).unwrap();
            snapshot.predict(&Query::new(&groups)).log_odds
        };
        let (failed, passed) = (log_odds(1), log_odds(0));
        prop_assert!(failed > passed, "{failed} after a failure, {passed} after a pass");
    }
}
