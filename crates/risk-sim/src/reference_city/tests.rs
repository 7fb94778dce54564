use super::*;

const SEEDS: u64 = 10;

/// What one seed's city shows over its weeks, played by the status quo.
struct Summary {
    cells: f64,
    active: f64,
    rate: f64,
    /// How well the true probabilities rank what fails.
    truth_auc: f64,
    /// Share of failed tests, by mode.
    failed: [f64; 5],
    verified: f64,
    outbreaks: f64,
    tests: [usize; 5],
}

/// Probability that one who fails has a higher score than one who does not; ties count half.
fn auc(scored: &mut [(f64, bool)]) -> f64 {
    scored.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut below, mut pairs, mut failed) = (0.0, 0.0, 0.0);
    for of_score in scored.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let failing = of_score.iter().filter(|(_, fails)| *fails).count() as f64;
        let passing = of_score.len() as f64 - failing;
        pairs += failing * (below + passing / 2.0);
        below += passing;
        failed += failing;
    }
    pairs / (failed * below)
}

fn play(seed: u64) -> Summary {
    let mut city = ReferenceCity::new(seed, ReferenceSettings::default());
    let weeks = city.settings().weeks;
    let mut draws = ChaCha12Rng::seed_from_u64(seed + 77);
    let (mut active_weeks, mut rates, mut aucs) = (0.0, 0.0, Vec::new());
    for week in 0..weeks {
        let active = city.active(week);
        let truth: Vec<f64> = active.iter().map(|cell| city.theta(*cell, week)).collect();
        active_weeks += active.len() as f64;
        rates += truth.iter().sum::<f64>() / truth.len() as f64;
        if week >= 52 && week.is_multiple_of(13) {
            let mut scored: Vec<(f64, bool)> = truth
                .iter()
                .map(|theta| (*theta, draws.random::<f64>() < *theta))
                .collect();
            aucs.push(auc(&mut scored));
        }
        city.status_quo_week(week);
    }
    let of_mode = |mode: &SelectionMode| -> Vec<Inspected> {
        let all = city.inspected().iter();
        all.filter(|one| one.mode == *mode).copied().collect()
    };
    let share = |of: &[Inspected], is: fn(&Inspected) -> bool| {
        of.iter().filter(|one| is(one)).count() as f64 / of.len() as f64
    };
    Summary {
        cells: city.cell_count() as f64,
        active: active_weeks / f64::from(weeks),
        rate: rates / f64::from(weeks),
        truth_auc: aucs.iter().sum::<f64>() / aucs.len() as f64,
        failed: MODES.map(|mode| share(&of_mode(&mode), |one| one.failed)),
        verified: share(&of_mode(&SelectionMode::FastTest), |one| {
            one.confirmed.is_some()
        }),
        outbreaks: city.outbreaks().len() as f64,
        tests: MODES.map(|mode| of_mode(&mode).len()),
    }
}

/// Mean and standard deviation over seeds 0–9 of the reference implementation in Python
/// (`city.py`, played by its own status quo).
const PYTHON: [(&str, f64, f64); 11] = [
    ("cells", 6073.8, 252.318_49),
    ("active cells", 4_542.274_36, 189.739_56),
    ("true failure rate", 0.069_49, 0.015_33),
    ("truth's AUC", 0.800_58, 0.007_25),
    ("failed, risk evaluation", 0.070_61, 0.013_65),
    ("failed, supervisory check", 0.102_77, 0.022_34),
    ("failed, special check", 0.096_03, 0.023_99),
    ("failed, fast test", 0.102_88, 0.014_76),
    ("failed, enforcement test", 0.376_58, 0.059_73),
    ("verified fast tests", 0.107_86, 0.009_04),
    ("outbreaks", 51.9, 7.030_88),
];

#[test]
fn the_city_agrees_with_the_python_city_within_monte_carlo_error() {
    println!("seeds 0 to {}", SEEDS - 1);
    let played: Vec<Summary> = (0..SEEDS).map(play).collect();
    let figure = |summary: &Summary, at: usize| match at {
        0 => summary.cells,
        1 => summary.active,
        2 => summary.rate,
        3 => summary.truth_auc,
        4..=8 => summary.failed[at - 4],
        9 => summary.verified,
        _last => summary.outbreaks,
    };
    for (at, (name, mean, deviation)) in PYTHON.into_iter().enumerate() {
        let ours: Vec<f64> = played.iter().map(|summary| figure(summary, at)).collect();
        let count = ours.len() as f64;
        let our_mean = ours.iter().sum::<f64>() / count;
        let squares = ours.iter().map(|value| (value - our_mean).powi(2));
        let our_variance = squares.sum::<f64>() / (count - 1.0);
        // Both means are of ten cities; four standard errors of their difference.
        let error = ((deviation * deviation + our_variance) / count).sqrt();
        println!("{name}: {our_mean:.5} against {mean:.5}, standard error {error:.5}");
        assert!((our_mean - mean).abs() < 4.0 * error, "{name}");
    }
    for summary in &played {
        assert_eq!(summary.tests, [3120, 6240, 3900, 9360, 2340]);
    }
}

#[test]
fn the_same_seed_gives_the_same_city_and_another_seed_another() {
    let settings = ReferenceSettings {
        enterprises: 200,
        weeks: 30,
        ..ReferenceSettings::default()
    };
    let play = |seed| {
        let mut city = ReferenceCity::new(seed, settings.clone());
        (0..30).for_each(|week| city.status_quo_week(week));
        city.inspected().to_vec()
    };
    assert_eq!(play(3), play(3));
    assert_ne!(play(3), play(4));
}

#[test]
fn what_is_proved_is_mended_and_wears_off() {
    let mut city = ReferenceCity::new(1, ReferenceSettings::default());
    let week = 10;
    let active = city.active(week);
    let before: Vec<f64> = active
        .iter()
        .map(|cell| city.log_odds(*cell, week))
        .collect();
    let found = city.inspect(week, &active, SelectionMode::RiskEvaluation, Some(1.0));
    let proved: Vec<usize> = found
        .iter()
        .filter(|one| one.proved())
        .map(|one| one.cell)
        .collect();
    assert!(proved.len() > 100, "{} failures", proved.len());
    for (cell, before) in active.iter().zip(before) {
        let gained = before - city.log_odds(*cell, week);
        if proved.contains(cell) {
            assert!(gained >= 1.1 - 1e-6, "{gained}");
        }
        assert!((0.0..=1.6 + 1e-6).contains(&gained), "{gained}");
    }
    let cell = proved[0];
    let just_mended = city.log_odds(cell, week);
    (0..20).for_each(|_| city.end_week());
    let later = city.log_odds(cell, week);
    let whole = city.made.log_odds(cell, week);
    assert!(((whole - later) / (whole - just_mended) - 0.5).abs() < 1e-9);
}

#[test]
fn severities_follow_their_product_and_passes_have_none() {
    let mut city = ReferenceCity::new(2, ReferenceSettings::default());
    (0..60).for_each(|week| city.status_quo_week(week));
    let (mut failures, mut minor) = (0.0, 0.0);
    for one in city.inspected() {
        assert_eq!(one.failed, one.severity.is_some());
        if let Some(severity) = one.severity {
            failures += 1.0;
            minor += f64::from(u8::from(severity == Severity::One));
        }
    }
    assert!(
        (minor / failures - 0.55_f64).abs() < 0.12,
        "{minor} of {failures}"
    );
}
