//! The burden ledger: order does not show, corrections stand in the place of what they correct, the
//! rules on repeated checks and rest hold on both sides of each boundary, and signs of evasion are found
//! where they were planted and nowhere else.

use crate::desk::result;
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::article::Article;
use risk_domain::ids::{AgencyId, EnterpriseId, InspectionId, LabId};
use risk_domain::inspection::{Agency, AgencyLevel, InspectionResult, Producer, TestKind};
use risk_domain::selection::{SelectionBasis, SelectionMode};
use risk_domain::time::{CivilOffset, DAY_MILLIS, Day, Timestamp};
use risk_engine::{Burden, BurdenMeasure, BurdenPolicy, Burdens, Policy, SuspicionKind};
use std::cmp::Reverse;

fn policy() -> BurdenPolicy {
    Policy::builtin().unwrap().burden
}

fn view<'a>(results: impl IntoIterator<Item = &'a InspectionResult>) -> Burdens {
    let mut burdens = Burdens::default();
    for (entry, result) in results.into_iter().enumerate() {
        burdens.admit(entry as u64, result, CivilOffset::CHINA);
    }
    burdens
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A result whose sample was taken at noon of a day.
fn taken(id: u32, enterprise: u32, on: &str, failed: bool) -> InspectionResult {
    let mut taken = result(id, enterprise, 1, 0, failed);
    let noon = CivilOffset::CHINA
        .start_of(day(on))
        .plus_millis(DAY_MILLIS / 2);
    taken.sampled_at = noon;
    taken.observed_at = noon.plus_millis(DAY_MILLIS);
    taken
}

fn of(burdens: &Burdens, enterprise: u32, on: &str) -> Burden {
    let enterprise = EnterpriseId::new(format!("E{enterprise}")).unwrap();
    burdens.of(&enterprise, day(on), &policy()).unwrap()
}

fn labelled(mut of: InspectionResult) -> InspectionResult {
    of.producer = Some(Producer {
        enterprise_id: EnterpriseId::new("MAKER-1").ok(),
        name: CompactString::new("某玩具厂"),
        region: None,
    });
    of.product.standard = Some(CompactString::new("GB 6675.2-2014"));
    of.product.brand = Some(CompactString::new("晨光"));
    of.product.model = Some(CompactString::new("K-1"));
    of
}

fn agency(id: &str, level: AgencyLevel) -> Agency {
    Agency {
        id: AgencyId::new(id).unwrap(),
        level,
    }
}

#[test]
fn a_visit_is_a_day_a_team_and_a_place() {
    let one = taken(1, 1, "2026-03-02", false);
    let same_visit = taken(2, 1, "2026-03-02", true);
    let next_day = taken(3, 1, "2026-03-03", false);
    let mut confirmation = taken(4, 1, "2026-03-04", true);
    confirmation.confirms = Some(one.inspection_id.clone());
    let burdens = view([&one, &same_visit, &next_day, &confirmation]);
    let burden = of(&burdens, 1, "2026-03-31");
    assert_eq!(
        (burden.visits, burden.tests, burden.nonconforming),
        (2, 4, 2)
    );
    // What came later than the day that is asked for is not known on it.
    assert_eq!(of(&burdens, 1, "2026-03-02").visits, 1);
}

#[test]
fn rest_is_owed_until_the_day_after_it_and_after_too_many_visits_until_the_window_is_over() {
    let first = taken(1, 1, "2026-01-05", false);
    let burdens = view([&first]);
    // 42 days of rest follow the day of the visit.
    assert_eq!(
        of(&burdens, 1, "2026-02-16").rests_until,
        Some(day("2026-02-17"))
    );
    assert_eq!(of(&burdens, 1, "2026-02-17").rests_until, None);
    let (second, third) = (
        taken(2, 1, "2026-01-06", false),
        taken(3, 1, "2026-01-07", false),
    );
    let burdens = view([&first, &second, &third]);
    // The third visit within 91 days: the first leaves the window on 6 April.
    assert_eq!(
        of(&burdens, 1, "2026-04-05").rests_until,
        Some(day("2026-04-06"))
    );
    assert_eq!(of(&burdens, 1, "2026-04-06").rests_until, None);
}

#[test]
fn the_same_article_is_not_checked_twice_within_six_months_by_one_agency_nor_after_an_upper_one() {
    let check = labelled(taken(1, 1, "2026-03-02", false));
    let article = Article::of(&check).unwrap();
    let burdens = view([&check]);
    let taken_on = |agency: &Agency, on: &str| {
        let prior = burdens.prior_check(&article, agency, day(on), &policy());
        prior.map(|check| check.until.to_string())
    };
    let until = || Some("2026-09-02".to_owned());
    let same = agency("330782", AgencyLevel::County);
    assert_eq!(taken_on(&same, "2026-03-01"), None, "before it was checked");
    assert_eq!(taken_on(&same, "2026-03-02"), until());
    assert_eq!(taken_on(&same, "2026-09-01"), until());
    assert_eq!(taken_on(&same, "2026-09-02"), None);
    let beside = agency("330783", AgencyLevel::County);
    assert_eq!(
        taken_on(&beside, "2026-03-02"),
        None,
        "another of the same level"
    );
    let upper = agency("3307", AgencyLevel::Municipal);
    assert_eq!(
        taken_on(&upper, "2026-03-02"),
        None,
        "an upper one is not bound"
    );

    let mut national = check.clone();
    national.agency = agency("SAMR", AgencyLevel::National);
    let burdens = view([&national]);
    for bound in [same, beside, upper] {
        let prior = burdens.prior_check(&article, &bound, day("2026-03-02"), &policy());
        assert_eq!(prior.unwrap().agency.as_str(), "SAMR");
    }
    // A model of its own is another article.
    let mut other = check.clone();
    other.product.model = Some(CompactString::new("K-2"));
    let other = Article::of(&other).unwrap();
    let county = agency("330782", AgencyLevel::County);
    assert_eq!(
        burdens.prior_check(&other, &county, day("2026-03-02"), &policy()),
        None
    );
}

#[test]
fn follow_ups_complaints_and_other_modes_keep_nobody_off() {
    let plain = labelled(taken(1, 1, "2026-03-02", false));
    let article = Article::of(&plain).unwrap();
    let mut follow_up = plain.clone();
    follow_up.follow_up_of = InspectionId::new("R00009").ok();
    let mut complaint = plain.clone();
    complaint.selection.basis = SelectionBasis::Complaint;
    let mut screen = plain.clone();
    screen.mode = SelectionMode::FastTest;
    screen.test.kind = TestKind::Rapid;
    let county = agency("330782", AgencyLevel::County);
    for exempt in [&follow_up, &complaint, &screen] {
        let burdens = view([exempt]);
        let prior = burdens.prior_check(&article, &county, day("2026-03-02"), &policy());
        assert_eq!(prior, None);
    }
}

#[test]
fn somebody_new_at_the_place_of_a_failure_is_a_sign_unless_the_failed_one_stays() {
    let failure = taken(1, 1, "2026-03-02", true);
    let mut new = taken(2, 2, "2026-06-01", false);
    new.site.site_id = failure.site.site_id.clone();
    let found = |results: &[&InspectionResult]| {
        let burdens = view(results.iter().copied());
        let all = burdens.suspicions(day("2026-12-31"), &policy());
        let signs = all
            .into_iter()
            .filter(|sign| sign.kind == SuspicionKind::Reregistered);
        signs.collect::<Vec<_>>()
    };
    let signs = found(&[&failure, &new]);
    assert_eq!(signs.len(), 1);
    assert_eq!(signs[0].subject, "E2");
    assert_eq!(
        signs[0].before.as_ref().map(EnterpriseId::as_str),
        Some("E1")
    );
    assert_eq!(signs[0].entries, [0, 1]);

    let still_there = {
        let mut later = taken(3, 1, "2026-07-01", false);
        later.site.site_id = failure.site.site_id.clone();
        later
    };
    assert!(found(&[&failure, &new, &still_there]).is_empty());
    let known_before = taken(4, 2, "2026-01-05", false);
    assert!(found(&[&failure, &new, &known_before]).is_empty());
    let mut late = new.clone();
    late.sampled_at = Timestamp::from_millis(failure.sampled_at.millis() + 181 * DAY_MILLIS);
    assert!(found(&[&failure, &late]).is_empty());
    let mut withdrawn = taken(5, 1, "2026-03-02", false);
    withdrawn.supersedes = Some(failure.inspection_id.clone());
    assert!(found(&[&failure, &new, &withdrawn]).is_empty());
}

#[test]
fn heaps_within_a_limit_are_found_where_they_were_planted_and_only_there() {
    let mut results = Vec::new();
    for id in 0..200 {
        let mut one = taken(id, id % 20, "2026-03-02", false);
        let honest = id % 2 == 0;
        one.test.lab_id = LabId::new(if honest { "LAB-HONEST" } else { "LAB-HEAPED" }).ok();
        let beyond = honest && id % 4 == 0;
        let measured = if beyond { "0.102" } else { "0.098" };
        one.items[0].limit = Some(CompactString::new("≤0.1"));
        one.items[0].measured = Some(CompactString::new(measured));
        results.push(one);
    }
    let all = view(&results).suspicions(day("2026-12-31"), &policy());
    let heaped: Vec<&str> = all
        .iter()
        .filter(|sign| sign.kind == SuspicionKind::HeapedAtLimit)
        .map(|sign| sign.subject.as_str())
        .collect();
    assert_eq!(heaped, ["LAB-HEAPED"]);
}

#[test]
fn one_who_is_clean_only_where_checks_can_be_foreseen_stands_out_of_the_usual_difference() {
    let mut results = Vec::new();
    let mut id = 0;
    for enterprise in 0..30 {
        for round in 0..20 {
            let foreseen = round % 2 == 0;
            let failed = if enterprise == 7 {
                !foreseen
            } else {
                // Everybody else fails one foreseen check of ten and three unforeseen ones.
                round == 0 || matches!(round, 1 | 3 | 5)
            };
            let mut one = taken(id, enterprise, "2026-03-02", failed);
            if !foreseen {
                one.mode = SelectionMode::EnforcementTest;
            }
            results.push(one);
            id += 1;
        }
    }
    let all = view(&results).suspicions(day("2026-12-31"), &policy());
    let clean: Vec<&str> = all
        .iter()
        .filter(|sign| sign.kind == SuspicionKind::CleanWhenForeseen)
        .map(|sign| sign.subject.as_str())
        .collect();
    assert_eq!(clean, ["E7"]);
}

proptest! {
    #[test]
    fn the_order_of_results_does_not_show_and_a_correction_stands_for_what_it_corrects(
        drawn in prop::collection::vec((0u32..4, 0i64..200, any::<bool>(), any::<bool>()), 1..30),
        shuffle in any::<u64>(),
    ) {
        let mut results: Vec<InspectionResult> = Vec::new();
        let mut as_corrected: Vec<InspectionResult> = Vec::new();
        for (id, (enterprise, at, failed, corrected)) in drawn.into_iter().enumerate() {
            let mut one = labelled(result(id as u32, enterprise, 1, at, failed));
            one.observed_at = one.observed_at.plus_millis(DAY_MILLIS);
            results.push(one.clone());
            if corrected {
                let mut correction = labelled(result(500 + id as u32, enterprise, 1, at + 1, !failed));
                correction.supersedes = Some(one.inspection_id.clone());
                results.push(correction.clone());
                correction.supersedes = None;
                as_corrected.push(correction);
            } else {
                as_corrected.push(one);
            }
        }
        let on = Day::new(20_400);
        let told = |results: &[InspectionResult]| {
            let burdens = view(results);
            let county = agency("330782", AgencyLevel::County);
            let article = Article::of(&results[0]).unwrap();
            (burdens.all(on, &policy()), burdens.prior_check(&article, &county, on, &policy()))
        };
        let expected = told(&as_corrected);
        prop_assert_eq!(&told(&results), &expected);
        let mut shuffled = results;
        shuffled.sort_by_key(|one| {
            let mut hash = shuffle;
            for byte in one.inspection_id.as_str().bytes() {
                hash = hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte);
            }
            hash
        });
        prop_assert_eq!(&told(&shuffled), &expected);
    }
}

/// All burdens by one measure, sorted anew.
fn sorted(burdens: &Burdens, on: Day, by: BurdenMeasure) -> Vec<Burden> {
    let mut all = burdens.all(on, &policy());
    all.sort_by_key(|burden| {
        let measured = match by {
            BurdenMeasure::Visits => u64::from(burden.visits),
            BurdenMeasure::RecentVisits => u64::from(burden.recent_visits),
            BurdenMeasure::Tests => u64::from(burden.tests),
            BurdenMeasure::Cost => burden.cost_fen,
        };
        (Reverse(measured), burden.enterprise.clone())
    });
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// The league that follows results is what sorting all of them tells, whatever corrects what, of whichever
    /// enterprise, in whichever order they come and whenever the day moves on.
    #[test]
    fn a_league_that_follows_results_is_all_burdens_sorted(
        drawn in prop::collection::vec(
            (0u32..4, 0i64..60, any::<bool>(), prop::option::of(any::<prop::sample::Index>())),
            1..30,
        ),
        order in any::<prop::sample::Index>(),
        days in prop::collection::vec((any::<prop::sample::Index>(), 0i32..80), 1..6),
    ) {
        let mut results: Vec<InspectionResult> = Vec::new();
        for (id, (enterprise, at, failed, corrects)) in drawn.into_iter().enumerate() {
            let mut one = result(id as u32, enterprise, 1, at, failed);
            one.sample.cost_fen = Some(at as u64);
            if let Some(corrects) = corrects.filter(|_| !results.is_empty()) {
                one.supersedes = Some(corrects.get(&results).inspection_id.clone());
            }
            results.push(one);
        }
        let turn = order.index(results.len());
        results.rotate_left(turn);
        let mut burdens = Burdens::default();
        let first = CivilOffset::CHINA.day_of(results[0].sampled_at).plus(-40);
        for (entry, result) in results.iter().enumerate() {
            burdens.admit(entry as u64, result, CivilOffset::CHINA);
            let asked = days.iter().filter(|(at, _)| at.index(results.len()) == entry);
            for (_, after) in asked {
                let on = first.plus(*after);
                burdens.settle(on, &policy());
                prop_assert!(burdens.is_settled(on, &policy()));
                for by in BurdenMeasure::ALL {
                    let ranked: Vec<Burden> = burdens.ranked(*by).cloned().collect();
                    prop_assert_eq!(&ranked, &sorted(&burdens, on, *by));
                    let league = burdens.league_of(on, &policy());
                    let other: Vec<Burden> = league.in_order(*by).cloned().collect();
                    prop_assert_eq!(ranked, other);
                }
            }
        }
    }
}
