use super::*;
use proptest::prelude::*;

const EVALUATION: SelectionMode = SelectionMode::RiskEvaluation;
const CHECK: SelectionMode = SelectionMode::SupervisoryCheck;

/// A unit of a mode and a week.
#[derive(Debug, Clone, Copy)]
struct Unit {
    mode: SelectionMode,
    week: u16,
    found: Observation,
}

fn unit(mode: SelectionMode, failed: bool, inclusion: Option<f64>, predicted: f64) -> Unit {
    let found = Observation {
        failed,
        inclusion,
        predicted,
    };
    Unit {
        mode,
        week: 10,
        found,
    }
}

fn estimate(units: &[Unit], predicted: f64, shifts: &BTreeMap<SelectionMode, ModeShift>) -> Rates {
    let mut tallies: Vec<WeekTally> = Vec::new();
    for unit in units {
        let shift = shifts.get(&unit.mode).copied().unwrap_or(ModeShift::NONE);
        let mut tally = WeekTally::new(unit.week, unit.mode);
        tally.add(&unit.found, shift, 1);
        let same = |other: &&mut WeekTally| other.week == unit.week && other.mode == unit.mode;
        match tallies.iter_mut().find(same) {
            Some(other) => other.merge(&tally),
            None => tallies.push(tally),
        }
    }
    let frame = FrameWeek {
        targets: 100,
        predicted,
    };
    Rates::estimate(
        10..11,
        &tallies,
        &BTreeMap::from([(10, frame)]),
        &BTreeMap::new(),
    )
    .unwrap()
}

/// Of one week's draws, found so far from what was foretold, with such a variance: the error's mean and
/// deviation by Bayes' rule, where the rate wanders by one of these shares.
fn by_hand(frame_mean: f64, found: f64, variance: f64, wandering: &[f64]) -> (f64, f64) {
    let (mut all, mut mean, mut square) = (0.0, 0.0, 0.0);
    for share in wandering {
        let prior = (0.25 + share * share) * frame_mean * frame_mean;
        let of_found = prior + variance;
        let likely = (-0.5 * found * found / of_found).exp() / of_found.sqrt();
        let value = found * prior / of_found;
        all += likely;
        mean += likely * value;
        square += likely * (variance * prior / of_found + value * value);
    }
    let mean = mean / all;
    (mean, (square / all - mean * mean).sqrt())
}

fn unshifted() -> BTreeMap<SelectionMode, ModeShift> {
    BTreeMap::from([(EVALUATION, ModeShift::NONE)])
}

#[test]
fn a_small_case_by_hand() {
    // Two draws at 1/10, one at 1/20: weights 1/4, 1/4, 1/2.
    let units = [
        unit(EVALUATION, true, Some(0.1), 0.2),
        unit(EVALUATION, false, Some(0.1), 0.5),
        unit(EVALUATION, false, Some(0.05), 0.5),
    ];
    let rates = estimate(&units, 0.3, &unshifted());
    let raw = rates.raw[&EVALUATION];
    assert!((raw.value - 1.0 / 3.0).abs() < 1e-15);
    let random = rates.random.unwrap();
    assert!((random.value - 0.25).abs() < 1e-15);
    // Kish: 1 / (1/16 + 1/16 + 1/4).
    assert!((random.effective - 8.0 / 3.0).abs() < 1e-12);
    // .8/4 − .5/4 − .5/2 = −.175.
    let variance: f64 = 0.16 / 16.0 + 0.25 / 16.0 + 0.25 / 4.0;
    let (error, deviation) = by_hand(0.3, -0.175, variance, &[0.1, 0.2, 0.4, 0.8]);
    let design = rates.design.unwrap();
    assert!((design.value - (0.3 + error)).abs() < 1e-9);
    // The doubt at an end is that of a rate which lies there, as .3 (1 − .3) is to the variance.
    for end in [design.lower, design.upper] {
        let half = 1.959_963_984_540_054 * deviation * (end * (1.0 - end) / 0.21).sqrt();
        assert!(((end - design.value).abs() - half).abs() < 1e-9);
    }
    let (error, _) = by_hand(0.3, -0.175, variance, &[0.025, 0.05, 0.1, 0.2]);
    let composite = rates.composite.unwrap();
    assert!((composite.value - (0.3 + error)).abs() < 1e-9);
}

#[test]
fn a_shifted_mode_is_brought_back() {
    // A check that fails twice the odds: residuals of what it tests, on the scale of a random lot.
    let shift = ModeShift {
        mean: std::f64::consts::LN_2,
        deviation: 0.5,
    };
    let units = [unit(CHECK, true, Some(0.5), 0.5)];
    let rates = estimate(&units, 0.5, &BTreeMap::from([(CHECK, shift)]));
    // Tested: 2/3; scale: (1/4)/(2/9) = 9/8; residual 1/3·9/8 = 3/8; variance 2/9·81/64 = 9/32; the
    // shift's doubt (.5·.25)².
    let design = rates.design.unwrap();
    let variance = 9.0 / 32.0 + 0.015_625;
    let (error, _) = by_hand(0.5, 0.375, variance, &[0.1, 0.2, 0.4, 0.8]);
    assert!((design.value - (0.5 + error)).abs() < 1e-9);
    assert!(rates.random.is_none());
}

#[test]
fn earlier_draws_tell_of_an_error_that_persists() {
    let earlier = |week, failed| Unit {
        week,
        ..unit(EVALUATION, failed, Some(0.1), 0.1)
    };
    let now = [earlier(10, false), earlier(10, true)];
    let alone = estimate(&now, 0.1, &unshifted()).design.unwrap();
    // All that was drawn before had failed, too: the error is larger, and better known.
    let mut all = now.to_vec();
    all.extend([earlier(9, true); 20]);
    let told = estimate(&all, 0.1, &unshifted()).design.unwrap();
    assert!(told.value > alone.value && told.effective > alone.effective);
    // What comes later, or long before, says nothing.
    let mut beyond = now.to_vec();
    beyond.push(earlier(11, true));
    assert_eq!(estimate(&beyond, 0.1, &unshifted()).design, Some(alone));
    let only_before = [earlier(9, true)];
    assert!(estimate(&only_before, 0.1, &unshifted()).design.is_none());
}

#[test]
fn without_known_probabilities_nothing_is_corrected() {
    let units = [unit(SelectionMode::SpecialCheck, true, None, 0.2); 5];
    let rates = estimate(&units, 0.1, &unshifted());
    assert!(rates.design.is_none() && rates.composite.is_none() && rates.random.is_none());
    assert_eq!(rates.raw.len(), 1);
    let nothing = estimate(&[], 0.1, &unshifted());
    assert!(nothing.raw.is_empty() && nothing.design.is_none());
    let nowhere = Rates::estimate(10..11, &[], &BTreeMap::new(), &BTreeMap::new());
    assert_eq!(nowhere, None);
}

#[test]
fn targets_are_met_with_a_probability() {
    let target = Target::new(0.99).unwrap();
    let rate = |failures| Rate::of_counts(failures, 1_000).unwrap();
    assert!((target.probability_met(&rate(10)) - 0.5).abs() < 1e-12);
    // (.01 − .004) / √(.01 · .99 / 1000) = 1.906 925 178.
    let better = target.probability_met(&rate(4));
    assert!((better - 0.971_734_861_4).abs() < 1e-9, "{better}");
    assert!(target.probability_met(&rate(200)) < 1e-300);
    assert!(Target::new(1.0).is_err() && Target::new(f64::NAN).is_err());
}

#[test]
fn a_campaign_is_held_against_what_changed_anyhow() {
    let half = 1.959_963_984_540_054 * 0.01;
    let rate = |value| Rate {
        value,
        lower: value - half,
        upper: value + half,
        results: 100,
        effective: 100.0,
    };
    let effect = campaign_effect((rate(0.20), rate(0.12)), Some((rate(0.10), rate(0.09))));
    assert!((effect.value + 0.07).abs() < 1e-12);
    assert!((effect.upper - effect.value - 1.959_963_984_540_054 * 0.02).abs() < 1e-12);
    let alone = campaign_effect((rate(0.20), rate(0.12)), None);
    assert!((alone.value + 0.08).abs() < 1e-12 && alone.upper < effect.upper);
}

#[test]
fn better_goods_and_worse_choice_are_told_apart() {
    let share = |tests, failures| Share { tests, failures };
    // Both groups became better, but the worse one was tested more.
    let before = BTreeMap::from([("toys", share(80.0, 8.0)), ("heaters", share(20.0, 8.0))]);
    let after = BTreeMap::from([("toys", share(20.0, 1.0)), ("heaters", share(80.0, 24.0))]);
    let found = mix_shift(&before, &after).unwrap();
    assert!((found.change - 0.09).abs() < 1e-12);
    // ½(.8+.2)(.05−.1) + ½(.2+.8)(.3−.4).
    assert!((found.quality + 0.075).abs() < 1e-12);
    assert!((found.choice - 0.165).abs() < 1e-12);
    assert_eq!(mix_shift(&before, &BTreeMap::new()), None);
}

/// Solves a symmetric system by Gauss's elimination, and tells the logarithm of its determinant.
fn eliminate(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> (Vec<f64>, f64) {
    let size = right.len();
    let mut log_determinant = 0.0;
    for at in 0..size {
        log_determinant += matrix[at][at].ln();
        for row in at + 1..size {
            let factor = matrix[row][at] / matrix[at][at];
            let pivot = matrix[at].clone();
            for (cell, pivot) in matrix[row].iter_mut().zip(pivot) {
                *cell -= factor * pivot;
            }
            right[row] -= factor * right[at];
        }
    }
    for at in (0..size).rev() {
        let rest: f64 = (at + 1..size).map(|of| matrix[at][of] * right[of]).sum();
        right[at] = (right[at] - rest) / matrix[at][at];
    }
    (right, log_determinant)
}

/// What the draws say of a period's error as one large normal law, from its definition (kriging): mean,
/// variance, and the logarithm of the likelihood but for a constant.
fn krige(
    heard: &[(u16, SelectionMode, f64, f64, f64)],
    period: &Range<u16>,
    frame_mean: f64,
    share: f64,
) -> (f64, f64, f64) {
    let alike = |one: u16, other: u16| {
        let apart = f64::from(one.abs_diff(other));
        frame_mean * frame_mean * (0.25 + share * share * (-apart / 26.0).exp())
    };
    let mean = |of: &dyn Fn(u16) -> f64| {
        period.clone().map(of).sum::<f64>() / f64::from(period.end - period.start)
    };
    let with_period = |week: u16| mean(&|other| alike(week, other));
    let mut matrix = vec![vec![0.0; heard.len()]; heard.len()];
    for (row, (week, mode, _, variance, doubt)) in heard.iter().enumerate() {
        for (column, (other, of_mode, _, _, other_doubt)) in heard.iter().enumerate() {
            matrix[row][column] = alike(*week, *other);
            if mode == of_mode {
                matrix[row][column] += doubt * other_doubt;
            }
        }
        matrix[row][row] += variance;
    }
    let found: Vec<f64> = heard.iter().map(|(_, _, found, _, _)| *found).collect();
    let covariances: Vec<f64> = heard.iter().map(|(week, ..)| with_period(*week)).collect();
    let (weights, log_determinant) = eliminate(matrix.clone(), covariances.clone());
    let (scaled, _) = eliminate(matrix, found.clone());
    let inner = |one: &[f64], other: &[f64]| -> f64 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
    };
    (
        inner(&weights, &found),
        mean(&with_period) - inner(&weights, &covariances),
        -0.5 * (log_determinant + inner(&scaled, &found)),
    )
}

/// Weeks of a domain whose frame the model foretells at a level of its own each week.
#[derive(Debug, Default)]
struct Weeks {
    tallies: Vec<WeekTally>,
    frames: BTreeMap<u16, FrameWeek>,
    courses: BTreeMap<u16, Course>,
}

impl Weeks {
    /// A week with so many failures among its draws, each foretold as the frame's mean is: `course` times
    /// a `level`.
    fn add(&mut self, week: u16, (course, level): (f64, f64), drawn: u32, failures: u32) {
        let predicted = course * level;
        let mut tally = WeekTally::new(week, EVALUATION);
        for at in 0..drawn {
            let unit = Observation {
                failed: at < failures,
                inclusion: Some(0.005),
                predicted,
            };
            tally.add(&unit, ModeShift::NONE, 1);
        }
        self.tallies.push(tally);
        let targets = 4000;
        self.frames.insert(week, FrameWeek { targets, predicted });
        self.courses.insert(week, Course::new(course, 1.0).unwrap());
    }

    fn rates(&self, period: Range<u16>) -> Rates {
        Rates::estimate(period, &self.tallies, &self.frames, &self.courses).unwrap()
    }
}

/// A generator of numbers in [0, 1) (SplitMix64).
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A sum of twelve has variance 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// Two years of twenty draws a week in a city with a season, whose rate wanders by 10 %; the model knows
/// three quarters of the season, and finds the level anew with an error of 10 %. In the last quarter the
/// rate is `times` as high. Truth and figures of that quarter.
fn lived(draws: &mut Draws, times: f64) -> (f64, Rates) {
    let usual = 0.065 * (0.2 * draws.normal()).exp();
    let left = (-1.0_f64 / 26.0).exp();
    let anew = (1.0 - left * left).sqrt();
    let (mut away, mut level_error) = (draws.normal(), draws.normal());
    let period = 104..117;
    let mut weeks = Weeks::default();
    let mut truth = 0.0;
    for week in 0..period.end {
        away = left * away + anew * draws.normal();
        level_error = left * level_error + anew * draws.normal();
        let season = 0.12 * (f64::from(week) * std::f64::consts::TAU / 52.0).cos();
        let mut rate = usual * (season + 0.1 * away).exp();
        if period.contains(&week) {
            rate *= times;
            truth += rate / 13.0;
        }
        let failures = (0..20).filter(|_| draws.uniform() < rate).count();
        let told = ((0.75 * season).exp(), usual * (0.1 * level_error).exp());
        weeks.add(week, told, 20, failures as u32);
    }
    (truth, weeks.rates(period))
}

#[test]
fn the_intervals_hold_and_the_figures_are_closer_than_those_of_the_draws_alone() {
    println!("seed 7");
    let mut draws = Draws(7);
    let cities = 400;
    let (mut held, mut errors) = (0, [0.0; 3]);
    for _ in 0..cities {
        let (truth, rates) = lived(&mut draws, 1.0);
        let figures = [rates.random, rates.design, rates.composite].map(Option::unwrap);
        let [_, design, _] = figures;
        held += i32::from(design.lower <= truth && truth <= design.upper);
        for (error, figure) in errors.iter_mut().zip(figures) {
            *error += (figure.value - truth).powi(2) / f64::from(cities);
        }
    }
    let cover = f64::from(held) / f64::from(cities);
    let [random, design, composite] = errors.map(f64::sqrt);
    println!("random {random:.4} design {design:.4} composite {composite:.4} cover {cover:.3}");
    // Three standard errors of the cover are .03.
    assert!(cover > 0.92);
    assert!(design < 0.7 * random && composite < design);
}

#[test]
fn a_rate_that_jumps_is_followed_by_the_design_and_not_by_the_composite() {
    println!("seed 8");
    let mut draws = Draws(8);
    let cities = 100;
    let mut sums = [0.0; 3];
    for _ in 0..cities {
        let (truth, rates) = lived(&mut draws, 2.5);
        let [design, composite] = [rates.design, rates.composite].map(Option::unwrap);
        let figures = [
            truth - rates.model,
            design.value - rates.model,
            composite.value - rates.model,
        ];
        for (sum, figure) in sums.iter_mut().zip(figures) {
            *sum += figure;
        }
    }
    let [truth, design, composite] = sums;
    println!(
        "followed: design {:.2}, composite {:.2}",
        design / truth,
        composite / truth
    );
    assert!(design > 0.7 * truth && composite < 0.5 * truth);
}

#[test]
fn how_the_models_level_moves_from_fit_to_fit_does_not_show() {
    let weeks = |moves: &dyn Fn(u16) -> f64| {
        let mut weeks = Weeks::default();
        for week in 0..39 {
            let course = if week % 2 == 0 { 1.1 } else { 0.9 };
            let level = if week < 26 { 0.08 * moves(week) } else { 0.08 };
            weeks.add(week, (course, level), 40, u32::from(week % 3));
        }
        weeks
    };
    let still = weeks(&|_| 1.0);
    let moving = weeks(&|week| 1.4 - 0.02 * f64::from(week));
    let [one, other] = [&still, &moving].map(|weeks| weeks.rates(26..39));
    let [one, other] = [one.composite, other.composite].map(Option::unwrap);
    // Only the variances of the draws are other ones.
    let apart = |one: Rate, other: Rate| (one.value - other.value).abs() / one.standard_error();
    assert!(apart(one, other) < 0.05, "{one:?} {other:?}");
    // Without what lasts, it does.
    let blind = |weeks: &Weeks| {
        let rates = Rates::estimate(26..39, &weeks.tallies, &weeks.frames, &BTreeMap::new());
        rates.unwrap().composite.unwrap()
    };
    assert!(apart(blind(&still), blind(&moving)) > 0.3);
}

fn any_unit() -> impl Strategy<Value = Unit> {
    let mode = 0..SelectionMode::ALL.len();
    let inclusion = prop::option::of(0.001f64..=1.0);
    (mode, any::<bool>(), inclusion, 8u16..=10, 0.0f64..=1.0).prop_map(
        |(mode, failed, inclusion, week, predicted)| Unit {
            week,
            ..unit(SelectionMode::ALL[mode], failed, inclusion, predicted)
        },
    )
}

proptest! {
    #[test]
    fn every_figure_is_a_rate_within_its_interval(
        units in prop::collection::vec(any_unit(), 0..60),
        frame_mean in 0.0f64..=1.0,
        shift in -2.0f64..2.0,
    ) {
        let mut shifts = unshifted();
        shifts.insert(CHECK, ModeShift { mean: shift, deviation: 0.3 });
        let rates = estimate(&units, frame_mean, &shifts);
        let others = [rates.random, rates.design, rates.composite];
        for rate in rates.raw.values().copied().chain(others.into_iter().flatten()) {
            prop_assert!(0.0 <= rate.lower && rate.lower <= rate.value, "{:?}", rate);
            prop_assert!(rate.value <= rate.upper && rate.upper <= 1.0, "{:?}", rate);
            prop_assert!(rate.results > 0 && rate.effective >= 0.0);
            let passing = rate.passing();
            prop_assert!(passing.lower <= passing.value && passing.value <= passing.upper);
        }
        prop_assert_eq!(rates.design.is_some(), rates.composite.is_some());
    }

    #[test]
    fn equal_probabilities_and_no_model_give_the_raw_rate(
        failed in prop::collection::vec(any::<bool>(), 1..60),
        inclusion in 0.01f64..=1.0,
        predicted in 0.05f64..0.95,
    ) {
        let units: Vec<Unit> = failed
            .iter()
            .map(|failed| unit(EVALUATION, *failed, Some(inclusion), predicted))
            .collect();
        let rates = estimate(&units, predicted, &unshifted());
        let raw = rates.raw[&EVALUATION];
        prop_assert!((rates.random.unwrap().value - raw.value).abs() < 1e-12);
        prop_assert!((rates.random.unwrap().effective - failed.len() as f64).abs() < 1e-6);
        // The design's figure lies between the model's and that of the draws.
        let design = rates.design.unwrap().value;
        prop_assert!(design >= raw.value.min(predicted) && design <= raw.value.max(predicted));
    }

    #[test]
    fn what_is_taken_back_leaves_nothing(units in prop::collection::vec(any_unit(), 1..20)) {
        let shift = ModeShift { mean: 0.7, deviation: 0.2 };
        let empty = WeekTally::new(10, CHECK);
        let mut tally = empty;
        for unit in &units {
            tally.add(&unit.found, shift, 2);
        }
        for unit in units.iter().rev() {
            tally.add(&unit.found, shift, -1);
            tally.add(&unit.found, shift, -1);
        }
        prop_assert_eq!(tally, empty);
    }

    #[test]
    fn parts_of_a_change_add_up(
        before in prop::collection::btree_map(0u8..6, (0.0f64..50.0, 0.0f64..=1.0), 1..6),
        after in prop::collection::btree_map(0u8..6, (0.0f64..50.0, 0.0f64..=1.0), 1..6),
    ) {
        let shares = |period: &BTreeMap<u8, (f64, f64)>| -> BTreeMap<u8, Share> {
            let share = |(tests, rate): &(f64, f64)| Share { tests: *tests, failures: tests * rate };
            period.iter().map(|(key, of)| (*key, share(of))).collect()
        };
        let (before, after) = (shares(&before), shares(&after));
        let rate = |period: &BTreeMap<u8, Share>| {
            let failures: f64 = period.values().map(|share| share.failures).sum();
            failures / period.values().map(|share| share.tests).sum::<f64>()
        };
        let tests = |period: &BTreeMap<u8, Share>| period.values().map(|s| s.tests).sum::<f64>();
        prop_assume!(tests(&before) > 1e-3 && tests(&after) > 1e-3);
        let found = mix_shift(&before, &after).unwrap();
        prop_assert!((found.change - (rate(&after) - rate(&before))).abs() < 1e-9);
        prop_assert!((found.quality + found.choice - found.change).abs() < 1e-15);
        let same = mix_shift(&before, &before).unwrap();
        prop_assert!(same.quality.abs() < 1e-15 && same.choice.abs() < 1e-15);
    }

    #[test]
    fn the_filter_gives_what_one_large_normal_law_gives(
        units in prop::collection::vec((any_unit(), 0u16..16), 1..60),
        foretold in prop::collection::vec((0.02f64..0.3, 0.02f64..0.3), 16),
        shift in -1.0f64..1.0,
        start in 8u16..12,
    ) {
        let shift = ModeShift { mean: shift, deviation: 0.4 };
        let mut tallies: BTreeMap<(u16, SelectionMode), WeekTally> = BTreeMap::new();
        for (unit, week) in &units {
            let tally = tallies.entry((*week, unit.mode));
            let tally = tally.or_insert_with(|| WeekTally::new(*week, unit.mode));
            tally.add(&unit.found, if unit.mode == EVALUATION { ModeShift::NONE } else { shift }, 1);
        }
        let tallies: Vec<WeekTally> = tallies.into_values().collect();
        let by_week = || (0..).zip(&foretold);
        let frames = by_week().map(|(week, (predicted, _))| {
            (week, FrameWeek { targets: 50, predicted: *predicted })
        });
        let frames: BTreeMap<u16, FrameWeek> = frames.collect();
        let courses = by_week().map(|(week, (predicted, lasting))| {
            (week, Course::new(*predicted, *lasting).unwrap())
        });
        let courses: BTreeMap<u16, Course> = courses.collect();
        let period = start..start + 4;
        let weeks = period.clone().map(|week| foretold[usize::from(week)]);
        let (mean, course) = weeks.fold((0.0, 0.0), |(mean, course), (predicted, lasting)| {
            (mean + predicted / 4.0, course + predicted / lasting / 4.0)
        });
        let told = tallies.iter().filter_map(WeekTally::told).filter(|told| told.week < period.end);
        let heard: Vec<_> = told
            .map(|told| {
                let (predicted, lasting) = foretold[usize::from(told.week)];
                let on_course = mean / course * predicted / lasting;
                (told.week, told.mode, told.value + predicted - on_course, told.variance, told.doubt)
            })
            .collect();
        let found = Corrections::new(&tallies, &frames, &courses);
        let drawn = heard.iter().any(|(week, ..)| period.contains(week));
        prop_assert_eq!(found.estimate(&period, mean, &[0.3]).is_some(), drawn);
        prop_assume!(drawn);
        let close = |one: f64, other: f64, scale: f64| (one - other).abs() < 1e-7 * scale;
        let mut likely = Vec::new();
        for share in [0.1, 0.8] {
            let (value, variance, log_likelihood) = krige(&heard, &period, mean, share);
            let filtered = found.estimate(&period, mean, &[share]).unwrap();
            prop_assert!(close(filtered.value, value, 1.0), "{} {value}", filtered.value);
            prop_assert!(close(filtered.variance, variance, 1.0), "{} {variance}", filtered.variance);
            likely.push((log_likelihood, value));
        }
        let [(one, first), (other, second)] = likely.try_into().unwrap();
        let of_second = 1.0 / (1.0 + (one - other).exp());
        let mixed = found.estimate(&period, mean, &[0.1, 0.8]).unwrap();
        prop_assert!(close(mixed.value, first + of_second * (second - first), 1.0));
    }
}
