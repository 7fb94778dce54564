use super::*;
use crate::frame::example;
use proptest::prelude::*;
use risk_domain::ids::InspectionId;
use risk_domain::inspection::{Outcome, TestKind};
use risk_domain::registry::RegistryEntry;
use risk_domain::selection::{SelectionBasis, SelectionMode};
use risk_domain::signal::SignalKind;
use std::collections::{BTreeMap, BTreeSet};

fn settings(seed: u64, enterprises: u32, weeks: u32) -> DemoSettings {
    println!("seed {seed}");
    DemoSettings {
        seed,
        enterprises,
        last_day: Day::from_ymd(2026, 6, 25).unwrap(),
        weeks,
    }
}

fn city(settings: &DemoSettings) -> DemoCity {
    DemoCity::generate(settings, &example::frame()).unwrap()
}

/// Chance that a failed sample had a greater true probability than a passed one.
fn area_under_curve(mut scored: Vec<(f64, bool)>) -> f64 {
    scored.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut below, mut wins) = (0.0, 0.0);
    let failed = scored.iter().filter(|(_, failed)| *failed).count() as f64;
    for (_, failed) in scored {
        if failed {
            wins += below;
        } else {
            below += 1.0;
        }
    }
    wins / (failed * below)
}

#[test]
fn the_same_seed_gives_the_same_city_and_another_another() {
    let one = settings(1, 500, 30);
    assert_eq!(city(&one), city(&one));
    let other = city(&settings(2, 500, 30));
    assert_ne!(city(&one).results, other.results);
    assert_ne!(city(&one).truth, other.truth);
}

#[test]
fn an_empty_frame_gives_an_error() {
    let empty = CityFrame::default();
    let refused = DemoCity::generate(&settings(1, 10, 4), &empty).unwrap_err();
    assert_eq!(refused, CityError::NothingSold);
}

#[test]
fn failure_rates_by_mode_are_ordered_as_their_selection_is() {
    let city = city(&settings(3, 6_000, 104));
    let rate = |mode| city.stats.failure_rate(mode).unwrap();
    let random = rate(SelectionMode::RiskEvaluation);
    let supervised = rate(SelectionMode::SupervisoryCheck);
    let enforced = rate(SelectionMode::EnforcementTest);
    println!(
        "{:?}",
        SelectionMode::ALL
            .iter()
            .map(|mode| rate(*mode))
            .collect::<Vec<_>>()
    );
    assert!((0.06..0.20).contains(&random), "{random}");
    assert!(
        random < supervised && supervised < enforced,
        "{supervised} {enforced}"
    );
    assert!(enforced > 2.0 * random, "{enforced}");
    let weekly = city.stats.total() as f64 / 104.0 / 2.0;
    assert!(
        (140.0..190.0).contains(&weekly),
        "{weekly} results a week for 3,000"
    );
}

#[test]
fn the_random_mode_measures_the_truth_and_the_truth_ranks_the_samples() {
    let settings = settings(4, 6_000, 104);
    let city = city(&settings);
    let (mut scored, mut expected, mut failed) = (Vec::new(), 0.0, 0.0);
    for result in &city.results {
        let judged = matches!(result.outcome, Outcome::Conforming | Outcome::Nonconforming);
        if !judged || result.mode != SelectionMode::RiskEvaluation {
            continue;
        }
        let day = CivilOffset::CHINA.day_of(result.sampled_at);
        let week = (day.get() - settings.first_day().get()) / 7;
        let cell = city
            .truth
            .position(&result.site.enterprise_id, &result.product.category);
        let theta = city.truth.theta(cell.unwrap(), week as u32).unwrap();
        let bad = result.outcome == Outcome::Nonconforming;
        expected += theta;
        failed += f64::from(u8::from(bad));
        scored.push((theta, bad));
    }
    let spread = libm::sqrt(expected);
    assert!(
        (failed - expected).abs() < 4.0 * spread,
        "{failed} against {expected}"
    );
    let area = area_under_curve(scored);
    assert!((0.68..0.90).contains(&area), "{area}");
    assert!(city.truth.outbreaks.len() > 10);
}

#[test]
fn fast_tests_err_as_their_sensitivity_and_specificity_say() {
    let city = city(&settings(5, 6_000, 104));
    let mut table = [[0.0_f64; 2]; 2];
    for result in &city.results {
        if result.test.kind == TestKind::Rapid
            && matches!(result.outcome, Outcome::Conforming | Outcome::Nonconforming)
        {
            let shown = result.outcome == Outcome::Nonconforming;
            let wrong = city
                .truth
                .wrong_fast_tests
                .contains_key(&result.inspection_id);
            table[usize::from(shown != wrong)][usize::from(shown)] += 1.0;
        }
    }
    let sensitivity = table[1][1] / (table[1][0] + table[1][1]);
    let specificity = table[0][0] / (table[0][0] + table[0][1]);
    assert!((sensitivity - 0.80).abs() < 0.04, "{sensitivity} {table:?}");
    assert!((specificity - 0.95).abs() < 0.01, "{specificity} {table:?}");
}

#[test]
fn inclusion_probabilities_add_up_to_what_was_drawn() {
    let city = city(&settings(6, 3_000, 52));
    let mut weights: BTreeMap<SelectionMode, f64> = BTreeMap::new();
    for result in &city.results {
        let probability = result.selection.inclusion_probability;
        let random = result.selection.basis == SelectionBasis::Random;
        assert_eq!(probability.is_some(), random, "{}", result.inspection_id);
        assert_eq!(result.selection.draw_id.is_some(), random);
        if let Some(probability) = probability {
            *weights.entry(result.mode).or_default() += 1.0 / probability.get();
        }
    }
    // Each week's draw estimates how many cells there are, so both modes must agree.
    let by_mode = |mode| weights[&mode];
    let (equal, sized) = (
        by_mode(SelectionMode::RiskEvaluation),
        by_mode(SelectionMode::SupervisoryCheck),
    );
    assert!((equal / sized - 1.0).abs() < 0.10, "{equal} {sized}");
}

/// Confirmations and follow-ups name what went before.
fn check_references(result: &InspectionResult, by_id: &BTreeMap<&InspectionId, &InspectionResult>) {
    let id = &result.inspection_id;
    if let Some(screen) = &result.confirms {
        let screen = by_id[screen];
        assert_eq!(screen.test.kind, TestKind::Rapid);
        assert_eq!(result.test.kind, TestKind::Laboratory);
        assert_eq!(
            (&screen.site, &screen.product),
            (&result.site, &result.product)
        );
    }
    if let Some(failure) = &result.follow_up_of {
        let failure = by_id[failure];
        assert_eq!(failure.outcome, Outcome::Nonconforming, "{id}");
        assert!(failure.observed_at < result.sampled_at, "{id}");
        assert_eq!(failure.site, result.site);
        assert!(result.follows_up() && result.selection.inclusion_probability.is_none());
    }
}

/// What must hold of any city, whatever its seed.
fn by_enterprise(register: &[RegistryEntry]) -> BTreeMap<&EnterpriseId, Vec<&RegistryEntry>> {
    let mut entries: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in register {
        entries.entry(&entry.enterprise_id).or_default().push(entry);
    }
    entries
}

/// What the register said of a result's site by then.
fn entry_of<'a>(
    registered: &BTreeMap<&EnterpriseId, Vec<&'a RegistryEntry>>,
    result: &InspectionResult,
) -> Option<&'a RegistryEntry> {
    let entries = registered.get(&result.site.enterprise_id)?.iter();
    entries
        .copied()
        .rfind(|entry| entry.observed_at <= result.sampled_at)
}

fn check(settings: &DemoSettings, city: &DemoCity) {
    let frame = example::frame();
    let begin = CivilOffset::CHINA.start_of(settings.first_day());
    let end = CivilOffset::CHINA.start_of(settings.last_day.plus(1));
    assert!(!city.results.is_empty());
    assert!(
        city.results
            .is_sorted_by_key(|of| (of.observed_at, of.inspection_id.clone()))
    );
    let results = city.results.iter();
    let by_id: BTreeMap<_, _> = results.map(|of| (&of.inspection_id, of)).collect();
    assert_eq!(by_id.len(), city.results.len(), "identifiers are unique");
    let registered = by_enterprise(&city.register);
    for result in &city.results {
        let id = &result.inspection_id;
        assert!(
            result.sampled_at >= begin && result.observed_at < end,
            "{id}"
        );
        let tested = result.tested_at.unwrap_or(result.sampled_at);
        assert!(
            result.sampled_at <= tested && tested <= result.observed_at,
            "{id}"
        );
        let sampled = CivilOffset::CHINA.day_of(result.sampled_at);
        assert!(frame.calendar.is_working_day(sampled), "{id} on {sampled}");
        if result.test.kind == TestKind::Rapid {
            assert_eq!(
                CivilOffset::CHINA.day_of(result.observed_at),
                sampled,
                "{id}"
            );
        }
        let zone = frame
            .zones
            .iter()
            .find(|zone| zone.id == result.site.zone_id);
        let product = frame
            .products
            .iter()
            .find(|of| of.code == result.product.category)
            .unwrap();
        assert!(zone.is_some(), "{id}");
        let entry = entry_of(&registered, result).unwrap();
        assert!(
            entry.open && entry.products.contains_key(&result.product.category),
            "{id}"
        );
        let failed = result.failed_items().count();
        assert_eq!(failed > 0, result.outcome == Outcome::Nonconforming, "{id}");
        assert!(
            failed <= 2 && result.sample.defective <= result.sample.tested,
            "{id}"
        );
        let judged = matches!(result.outcome, Outcome::Conforming | Outcome::Nonconforming);
        assert_eq!(judged, !result.items.is_empty(), "{id}");
        for item in &result.items {
            assert!(product.items.iter().any(|of| of.code == item.code), "{id}");
        }
        check_references(result, &by_id);
    }
    assert!(
        city.signals
            .iter()
            .all(|of| of.observed_at >= begin && of.observed_at < end)
    );
    assert!(
        city.truth
            .wrong_fast_tests
            .keys()
            .all(|id| by_id.contains_key(id))
    );
    for (cell, of) in city.truth.iter().enumerate() {
        assert_eq!(city.truth.position(&of.enterprise, &of.product), Some(cell));
        let last = city.truth.theta(cell, settings.weeks - 1).unwrap();
        assert!(last > 0.0 && last < 1.0);
        assert_eq!(last.to_bits(), of.theta.to_bits());
        assert_eq!(city.truth.theta(cell, settings.weeks), None);
    }
}

#[test]
fn a_large_city_keeps_all_rules_and_shows_everything() {
    let settings = settings(7, 3_000, 104);
    let city = city(&settings);
    check(&settings, &city);
    assert!(
        city.stats.confirmations > 200 && city.stats.follow_ups > 200,
        "{:?}",
        city.stats
    );
    for outcome in Outcome::ALL {
        let seen: u64 = SelectionMode::ALL
            .iter()
            .map(|mode| city.stats.count(*mode, *outcome))
            .sum();
        assert!(seen > 10, "{outcome}: {seen}");
    }
    for (kind, least) in [
        (SignalKind::Complaint, 1_000),
        (SignalKind::CreditClass, 10_000),
        (SignalKind::DutyRecord, 1_000),
        (SignalKind::MediaExposure, 1),
        (SignalKind::Accident, 1),
    ] {
        let told = city.signals.iter().filter(|of| of.kind == kind).count();
        assert!(told >= least, "{kind}: {told}");
    }
    let ids: BTreeSet<_> = city.signals.iter().map(|of| &of.signal_id).collect();
    assert_eq!(ids.len(), city.signals.len());
    assert!(city.register.iter().any(|of| !of.open));
    for outbreak in &city.truth.outbreaks {
        assert!(outbreak.start < outbreak.end && outbreak.end <= settings.weeks);
        assert!((1.0..2.2).contains(&outbreak.log_odds) && !outbreak.zones.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_city_keeps_the_rules(seed: u64, enterprises in 60_u32..500, weeks in 8_u32..40) {
        let settings = settings(seed, enterprises, weeks);
        check(&settings, &city(&settings));
    }
}
