//! What planners find in the city here is what they find in the city that it is the like of; and what the
//! evaluation of another rule says is what that rule would have found there.

use super::play::Play;
use super::policies::Policy;
use super::report::Mean;
use crate::cli::SimulatePlan;
use risk_domain::ids::{DrawId, EnterpriseId, ProductCode, SectorCode, SiteId, ZoneId};
use risk_domain::registry::Volume;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_planner::evaluate::{LoggedUnit, off_policy};
use risk_planner::policy::RuleChanges;
use risk_planner::wire::request::Budgets;
use risk_planner::{
    Candidate, Design, DrawKey, ModelView, PlanRequest, PlanningPolicy, Pool, Secret, Surroundings,
    Target,
};
use risk_sim::{ReferenceCity, ReferenceSettings};
use risk_stats::special::{logit, sigmoid};
use std::collections::BTreeMap;

/// Cities played by each planner.
const SEEDS: u64 = 20;

/// Mean and its standard error over seeds 0–39 of the reference implementation in Python
/// (`planners.py`): failures found at random, by points, and the second over the first.
const PYTHON: [(&str, f64, f64); 3] = [
    ("found at random", 979.65, 28.379),
    ("found by points", 1404.8, 40.408),
    ("points against random", 1.43398, 0.01514),
];

fn found(policy: &str) -> Vec<f64> {
    let args = SimulatePlan {
        seeds: String::new(),
        policy: Vec::new(),
        gamma: None,
        threads: 1,
        json: false,
    };
    let policy = Policy::named(policy, &args).unwrap();
    let play = |seed| Play::new(seed, &policy).run().unwrap().total();
    (0..SEEDS).map(play).collect()
}

#[test]
fn random_and_points_find_what_they_find_in_the_python_city_within_monte_carlo_error() {
    println!("seeds 0 to {}", SEEDS - 1);
    let (random, points) = (found("random"), found("points"));
    let ours = [
        Mean::of(&random),
        Mean::of(&points),
        Mean::ratio(&points, &random),
    ];
    for ((name, mean, error), ours) in PYTHON.into_iter().zip(ours) {
        // The cities are other ones: both errors count. Four of the difference's.
        let error = (error * error + ours.error * ours.error).sqrt();
        println!(
            "{name}: {:.4} against {mean}, standard error {error:.4}",
            ours.value
        );
        assert!((ours.value - mean).abs() < 4.0 * error, "{name}");
    }
    // Four errors are less than what points gain: the test would see points that find no more.
    assert!(ours[2].value - 4.0 * ours[2].error > 1.2, "{:?}", ours[2]);
}

/// Cities in which another rule is evaluated, and weeks of plans in each.
const WORLDS: u64 = 40;
const PLANS: u32 = 13;

/// Who trades in a week, with a failure rate of the product so far: a model that knows little and, of what a
/// mode adds, nothing.
fn pool(city: &ReferenceCity, week: u32) -> Pool {
    let mut products = vec![(0.0, 0.0); city.settings().products];
    let (mut tests, mut failures) = (0.0, 0.0);
    for one in city.inspected() {
        let failed = f64::from(u8::from(one.failed));
        let product = &mut products[city.cell(one.cell).unwrap().product];
        *product = (product.0 + 1.0, product.1 + failed);
        (tests, failures) = (tests + 1.0, failures + failed);
    }
    let candidate = |cell: usize| {
        let of = city.cell(cell).unwrap();
        let (count, sum) = products[of.product];
        let probability = (sum + 20.0 * failures / tests) / (count + 20.0);
        Candidate {
            target: Target {
                enterprise: EnterpriseId::new(of.enterprise.to_string()).unwrap(),
                site: SiteId::new(cell.to_string()).unwrap(),
                product: ProductCode::new(of.product.to_string()).unwrap(),
            },
            zone: ZoneId::new(of.zone.to_string()).unwrap(),
            sector: SectorCode::new(of.sector.to_string()).unwrap(),
            booth: None,
            name: None,
            volume: Volume::ONE,
            probability,
            log_odds: logit(probability),
            variance: 0.5,
            harm: 1.0,
            last_visit: None,
            enterprise_visits: 0,
            checked: None,
            checked_above: None,
            class: None,
            alerted: false,
        }
    };
    let candidates = city.active(week).into_iter().map(candidate);
    Pool::new(candidates.collect(), Surroundings::default()).unwrap()
}

/// Checks of a quarter, drawn by γ = 3, evaluated for γ = 1. What the other rule would have found in these very
/// weeks is known here: its probabilities times those with which a batch that a check picks fails. The rule
/// that is logged draws on; the city is as it left it.
fn other_rule(seed: u64) -> (f64, risk_planner::evaluate::OffPolicy) {
    let mut city = ReferenceCity::new(seed, ReferenceSettings::default());
    (0..52).for_each(|week| city.status_quo_week(week));
    let policy = PlanningPolicy::builtin().unwrap();
    let mode = SelectionMode::SupervisoryCheck;
    let worse = city.settings().batch_choice[1];
    let (mut units, mut truth) = (Vec::new(), 0.0);
    for week in 52..52 + PLANS {
        let pool = pool(&city, week);
        let request = |gamma: f64| PlanRequest {
            budgets: Budgets {
                supervisory_check: 40,
                ..Budgets::default()
            },
            rules: RuleChanges {
                gamma: Some(gamma),
                harm_weighted: Some(false),
                ..RuleChanges::default()
            },
            ..PlanRequest::default()
        };
        let day = Day::new(20_000 + 7 * week as i32);
        let id = DrawId::new(format!("{seed}-{week}")).unwrap();
        let view = ModelView::default();
        let (logging, asked) = (request(3.0), request(1.0));
        let design = |of| Design::new(&policy, of, &pool, &view, day, id.clone()).unwrap();
        let probabilities = |design: &Design<'_>| {
            let mut all = vec![0.0; pool.len()];
            for unit in design.strata().iter().flat_map(|of| &of.units) {
                all[unit.unit as usize] = unit.probability;
            }
            all
        };
        let logged = design(&logging);
        let other = probabilities(&design(&asked));
        let secret = Secret::new([(seed * 64 + u64::from(week)) as u8; 32]);
        let plan = logged.draw(&DrawKey::new(&secret, None, None).unwrap());
        let cell = |target: &Target| target.site.as_str().parse::<usize>().unwrap();
        let drawn = plan.unwrap().lines.into_iter();
        let drawn: Vec<(usize, Option<f64>)> =
            drawn.map(|of| (cell(&of.target), of.inclusion)).collect();
        for (of, other) in pool.candidates().iter().zip(&other) {
            truth += other * sigmoid(city.log_odds(cell(&of.target), week) + worse);
        }
        let found: BTreeMap<usize, bool> = city
            .inspect_drawn(week, &drawn, mode)
            .iter()
            .map(|one| (one.cell, one.failed))
            .collect();
        city.end_week();
        let all = pool.candidates().iter().zip(probabilities(&logged));
        units.extend(all.zip(other).map(|((of, logged), other)| {
            LoggedUnit {
                logged,
                other,
                expected: of.probability,
                found: found
                    .get(&cell(&of.target))
                    .map(|failed| f64::from(u8::from(*failed))),
            }
        }));
    }
    (truth, off_policy(&units).unwrap())
}

#[test]
fn the_interval_of_another_rule_holds_what_it_would_have_found_in_nine_of_ten_cities() {
    println!("seeds 0 to {}", WORLDS - 1);
    let (mut held, mut errors) = (0, Vec::new());
    for seed in 0..WORLDS {
        let (truth, found) = other_rule(seed);
        println!(
            "seed {seed}: {truth:.1} in {:.1} to {:.1}, of {:.0} logged",
            found.lower, found.upper, found.logged_finds
        );
        assert_eq!(found.warnings, []);
        held += u64::from(found.lower <= truth && truth <= found.upper);
        errors.push(found.finds - truth);
    }
    assert!(10 * held >= 9 * WORLDS, "{held} of {WORLDS}");
    let bias = Mean::of(&errors);
    println!("held {held}, bias {:.2} ± {:.2}", bias.value, bias.error);
    assert!(bias.value.abs() < 3.0 * bias.error, "{bias:?}");
}
