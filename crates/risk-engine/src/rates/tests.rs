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
    Rates::estimate(10..11, &tallies, &BTreeMap::from([(10, frame)])).unwrap()
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
    // .8/4 − .5/4 − .5/2 = −.175, and the model's error has a deviation of .15.
    let variance: f64 = 0.16 / 16.0 + 0.25 / 16.0 + 0.25 / 4.0;
    let share = 0.0225 / (0.0225 + variance);
    let design = rates.design.unwrap();
    assert!((design.value - (0.3 - 0.175 * share)).abs() < 1e-12);
    let half = 1.959_963_984_540_054 * (share * variance).sqrt();
    assert!((design.upper - design.value - half).abs() < 1e-12);
    let share = 0.0009 / (0.0009 + variance);
    let composite = rates.composite.unwrap();
    assert!((composite.value - (0.3 - 0.175 * share)).abs() < 1e-12);
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
    // shift's doubt (.5·.25)². The model's error has a deviation of .25.
    let design = rates.design.unwrap();
    let share = 0.0625 / (0.0625 + 9.0 / 32.0 + 0.015_625);
    assert!((design.value - (0.5 + 0.375 * share)).abs() < 1e-12);
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
    assert!(told.value > alone.value && told.standard_error() < alone.standard_error());
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
    assert_eq!(Rates::estimate(10..11, &[], &BTreeMap::new()), None);
}

#[test]
fn targets_are_met_with_a_probability() {
    let target = Target::new(0.99).unwrap();
    let rate = Rate::normal(0.01, 0.002, 100);
    assert!((target.probability_met(&rate) - 0.5).abs() < 1e-12);
    let better = Rate::normal(0.006, 0.002, 100);
    assert!((target.probability_met(&better) - 0.977_249_868_051_820_8).abs() < 1e-9);
    assert!(target.probability_met(&Rate::normal(0.02, 0.0, 9)) < 1e-300);
    assert!(Target::new(1.0).is_err() && Target::new(f64::NAN).is_err());
}

#[test]
fn a_campaign_is_held_against_what_changed_anyhow() {
    let rate = |value| Rate::normal(value, 0.01, 100);
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
}
