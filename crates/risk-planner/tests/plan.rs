//! Laws of plans, and what peers got wrong.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "helpers of tests fail as tests do, and a story is told whole"
)]

use proptest::prelude::*;
use risk_domain::ids::{DrawId, EnterpriseId, ProductCode, SectorCode, SiteId, ZoneId};
use risk_domain::registry::Volume;
use risk_domain::scales::CreditRiskClass;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_planner::evaluate::RaceSide;
use risk_planner::policy::RuleChanges;
use risk_planner::wire::draw::{DrawRecord, VerifyError};
use risk_planner::wire::inputs::ClassRatio;
use risk_planner::wire::request::{
    AcceptanceRequest, Alerted, BeaconRequest, Bench, BoundRequest, Budgets, Campaign, Lead,
    LeadKind, Money, RaceMeasure, RaceRequest, RaceTarget,
};
use risk_planner::{
    Candidate, Design, DrawKey, ModelView, Plan, PlanError, PlanRequest, PlanningPolicy, Pool,
    Secret, ShortfallCause, Surroundings, Target,
};
use std::collections::{BTreeMap, BTreeSet};

fn day() -> Day {
    Day::from_ymd(2026, 11, 30).unwrap()
}

fn candidate(number: usize) -> Candidate {
    let p = 0.01 + 0.3 * ((number * 7919) % 1000) as f64 / 1000.0;
    let enterprise = number / 2;
    Candidate {
        target: Target {
            enterprise: EnterpriseId::new(format!("E{enterprise:05}")).unwrap(),
            site: SiteId::new(format!("E{enterprise:05}")).unwrap(),
            product: ProductCode::new(format!("P{}", number % 2)).unwrap(),
        },
        zone: ZoneId::new(format!("Z{}", enterprise % 4)).unwrap(),
        sector: SectorCode::new(format!("S{}", enterprise % 3)).unwrap(),
        booth: None,
        name: None,
        volume: Volume::ONE,
        probability: p,
        log_odds: libm::log(p / (1.0 - p)),
        variance: 0.4,
        harm: 1.0 + (number % 5) as f64,
        last_visit: (number.is_multiple_of(11)).then(|| day().plus(-20)),
        enterprise_visits: 0,
        checked: None,
        checked_above: None,
        class: Some(CreditRiskClass::ALL[enterprise % 4]),
        alerted: false,
    }
}

fn surroundings() -> Surroundings {
    let zone = |text: &str| ZoneId::new(text).unwrap();
    let parents = [
        ("Z0", "W"),
        ("Z1", "W"),
        ("Z2", "C"),
        ("Z3", "C"),
        ("W", "C"),
    ];
    Surroundings {
        parents: parents
            .into_iter()
            .map(|(id, of)| (zone(id), zone(of)))
            .collect(),
        ..Surroundings::default()
    }
}

fn pool(count: usize) -> Pool {
    Pool::new((0..count).map(candidate).collect(), surroundings()).unwrap()
}

fn week() -> PlanRequest {
    PlanRequest {
        budgets: Budgets {
            risk_evaluation: 20,
            supervisory_check: 40,
            special_check: 25,
            fast_test: 60,
            enforcement_test: 15,
        },
        ..PlanRequest::default()
    }
}

fn secret(seed: u8) -> Secret {
    Secret::new([seed; 32])
}

fn plan_of(request: &PlanRequest, pool: &Pool, seed: u8) -> Result<Plan, PlanError> {
    let policy = PlanningPolicy::builtin().unwrap();
    let view = ModelView::default();
    let id = DrawId::new("2026-W49").unwrap();
    let design = Design::new(&policy, request, pool, &view, day(), id)?;
    design.draw(&DrawKey::new(&secret(seed), None, None)?)
}

fn count(plan: &Plan, mode: SelectionMode) -> usize {
    plan.lines.iter().filter(|line| line.mode == mode).count()
}

fn in_zone(plan: &Plan, zones: &[&str]) -> u32 {
    let within = plan
        .lines
        .iter()
        .filter(|line| zones.contains(&line.zone.as_str()));
    within.count() as u32
}

fn zone_bound(zone: &str, tests: u32) -> BoundRequest {
    BoundRequest {
        tests,
        zone: Some(ZoneId::new(zone).unwrap()),
        ..BoundRequest::default()
    }
}

fn sector_bound(sector: &str, tests: u32) -> BoundRequest {
    BoundRequest {
        tests,
        sector: Some(SectorCode::new(sector).unwrap()),
        ..BoundRequest::default()
    }
}

#[test]
fn a_week_has_all_its_tests_and_every_line_says_why() {
    let pool = pool(900);
    let plan = plan_of(&week(), &pool, 1).unwrap();
    assert_eq!(count(&plan, SelectionMode::RiskEvaluation), 20);
    assert_eq!(count(&plan, SelectionMode::SupervisoryCheck), 40);
    assert_eq!(count(&plan, SelectionMode::SpecialCheck), 25);
    assert_eq!(count(&plan, SelectionMode::FastTest), 60);
    let [enforcement] = plan.shortfalls.as_slice() else {
        panic!("{:?}", plan.shortfalls);
    };
    assert_eq!(
        (enforcement.mode, enforcement.asked),
        (SelectionMode::EnforcementTest, 15)
    );
    assert_eq!(enforcement.cause, ShortfallCause::Leads(0));
    for line in &plan.lines {
        let (zh, en) = line.sentences();
        assert!(
            zh.contains('；') && en.contains("expected to fail"),
            "{zh} {en}"
        );
        assert!(line.finds > 0.0 && line.finds < 1.0 && line.information > 0.0);
        let drawn = matches!(
            line.mode,
            SelectionMode::RiskEvaluation | SelectionMode::SupervisoryCheck
        );
        assert_eq!(line.inclusion.is_some(), drawn, "{line:?}");
    }
    assert!(plan.expected.lower < plan.expected.value && plan.expected.value < plan.expected.upper);
}

/// Chicago's deliverable was a model; here the list is the contract: targets of targeted modes are
/// rested, in no other mode's list, at most two of an enterprise.
#[test]
fn chicago_the_list_keeps_rest_and_burden() {
    let pool = pool(900);
    let plan = plan_of(&week(), &pool, 2).unwrap();
    let mut targeted = BTreeSet::new();
    let mut of_enterprise: BTreeMap<(SelectionMode, &EnterpriseId), u32> = BTreeMap::new();
    let drawn: BTreeSet<&Target> = plan
        .lines
        .iter()
        .filter(|line| line.inclusion.is_some())
        .map(|line| &line.target)
        .collect();
    for line in plan.lines.iter().filter(|line| line.inclusion.is_none()) {
        let candidate = &pool.candidates()[pool.find(&line.target).unwrap()];
        assert_eq!(candidate.last_visit, None, "{line:?}");
        assert!(targeted.insert(&line.target), "{line:?} stands twice");
        assert!(!drawn.contains(&line.target), "{line:?} was drawn already");
        let so_far = of_enterprise
            .entry((line.mode, &line.target.enterprise))
            .or_default();
        *so_far += 1;
        assert!(*so_far <= 2, "{line:?}");
    }
}

/// A peer of customs queried its sampler twice, so that what it recorded was not what it did: here
/// the record of the draw is the list, and anyone can draw it again.
#[test]
fn customs_hybrid_the_logged_draw_is_the_executed_one() {
    let pool = pool(500);
    let policy = PlanningPolicy::builtin().unwrap();
    let view = ModelView::default();
    let request = PlanRequest {
        beacon: Some(BeaconRequest {
            source: "drand".into(),
            round: "9".into(),
        }),
        ..week()
    };
    let design = Design::new(
        &policy,
        &request,
        &pool,
        &view,
        day(),
        DrawId::new("D").unwrap(),
    )
    .unwrap();
    let secret = secret(3);
    let commitment = design.commit(&secret);
    let key = DrawKey::new(&secret, commitment.beacon.as_ref(), Some("beef")).unwrap();
    let plan = design.draw(&key).unwrap();
    let mut text = String::new();
    design.write_pool(|part| text.push_str(part));
    let record = DrawRecord::new(
        &commitment,
        &secret,
        Some("beef"),
        policy.rules.reserves,
        &plan,
    );
    // What is published is JSON: it must survive the trip.
    let read: DrawRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    let verified = read.verify(&text).unwrap();
    assert_eq!(verified.lines, 60);
    let drawn: Vec<String> = plan
        .lines
        .iter()
        .filter(|line| line.inclusion.is_some())
        .map(|line| line.target.to_string())
        .collect();
    assert_eq!(
        read.lines
            .iter()
            .map(|line| line.target.clone())
            .collect::<Vec<_>>(),
        drawn
    );

    let unit = text.lines().nth(3).unwrap();
    let altered = text.replacen(unit, &unit.replace("1.0", "2.0"), 1);
    assert!(matches!(
        read.verify(&altered),
        Err(VerifyError::Pool { .. })
    ));
    let swapped = {
        let mut record = read.clone();
        record.lines.swap(0, 1);
        record
    };
    assert!(matches!(
        swapped.verify(&text),
        Err(VerifyError::List {
            list: "lines",
            number: 1,
            ..
        })
    ));
    let dropped = {
        let mut record = read.clone();
        record.reserves.pop();
        record
    };
    assert!(matches!(
        dropped.verify(&text),
        Err(VerifyError::List {
            list: "reserves",
            ..
        })
    ));
    let secret = {
        let mut record = read.clone();
        record.secret = "00".repeat(32);
        record
    };
    assert!(matches!(
        secret.verify(&text),
        Err(VerifyError::Secret { .. })
    ));
    let beacon = {
        let mut record = read.clone();
        record.beacon_value = Some("beee".to_owned());
        record
    };
    assert!(matches!(
        beacon.verify(&text),
        Err(VerifyError::List { .. })
    ));
    let silent = {
        let mut record = read;
        record.beacon_value = None;
        record
    };
    assert!(matches!(silent.verify(&text), Err(VerifyError::Draw(_))));
}

/// A pool whose weights were bent after the fact fails although its hash fits.
#[test]
fn probabilities_must_follow_from_the_weights() {
    let pool = pool(100);
    let policy = PlanningPolicy::builtin().unwrap();
    let view = ModelView::default();
    let request = week();
    let design = Design::new(
        &policy,
        &request,
        &pool,
        &view,
        day(),
        DrawId::new("D").unwrap(),
    )
    .unwrap();
    let secret = secret(4);
    let plan = design
        .draw(&DrawKey::new(&secret, None, None).unwrap())
        .unwrap();
    let mut text = String::new();
    design.write_pool(|part| text.push_str(part));
    let bent: String = text
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields.as_slice() {
                [target, weight, _] if target.starts_with("E00000/") => {
                    format!("{target}\t{weight}\t0.9\n")
                }
                _ => format!("{line}\n"),
            }
        })
        .collect();
    let mut record = DrawRecord::new(
        &design.commit(&secret),
        &secret,
        None,
        policy.rules.reserves,
        &plan,
    );
    let VerifyError::Pool { found, .. } = record.verify(&bent).unwrap_err() else {
        panic!("an altered pool has another hash");
    };
    record.pool_sha256 = found;
    assert!(matches!(record.verify(&bent), Err(VerifyError::Weights(_))));
}

/// Customs had no seed: here the same pool and secret give the same plan, in whatever order the
/// candidates come, and another secret another draw.
#[test]
fn customs_the_same_pool_and_secret_give_the_same_plan() {
    let mut candidates: Vec<Candidate> = (0..300).map(candidate).collect();
    let first = plan_of(&week(), &pool(300), 5).unwrap();
    candidates.reverse();
    candidates.swap(3, 77);
    let other = Pool::new(candidates, surroundings()).unwrap();
    assert_eq!(plan_of(&week(), &other, 5).unwrap(), first);
    assert_ne!(plan_of(&week(), &other, 6).unwrap().lines, first.lines);
}

/// A peer looped for ever where the quota was above the pool: here all are planned, and why there are
/// no more is said.
#[test]
fn zhejiang_random_reg_org_quota_above_the_pool_takes_all_and_says_so() {
    let pool = pool(10);
    let plan = plan_of(&week(), &pool, 7).unwrap();
    assert_eq!(count(&plan, SelectionMode::RiskEvaluation), 10);
    assert_eq!(count(&plan, SelectionMode::SupervisoryCheck), 10);
    assert!(
        plan.lines
            .iter()
            .filter_map(|line| line.inclusion)
            .all(|pi| (pi - 1.0).abs() < 1e-12)
    );
    let shortfall = |mode| plan.shortfalls.iter().find(|of| of.mode == mode).unwrap();
    let checks = shortfall(SelectionMode::SupervisoryCheck);
    assert_eq!((checks.asked, checks.planned), (40, 10));
    assert_eq!(checks.cause, ShortfallCause::Pool(10));
    assert_eq!(shortfall(SelectionMode::FastTest).planned, 0);
}

/// The same peer gave every office as many draws, however many it had to look after: here draws go by size and
/// spread, what rounding leaves goes to the largest remainders, and the sum is the budget.
#[test]
fn zhejiang_random_reg_org_draws_go_by_size_and_the_largest_remainder() {
    let pool = pool(777);
    let policy = PlanningPolicy::builtin().unwrap();
    let view = ModelView::default();
    for budget in [7, 20, 37, 101] {
        let mut request = week();
        request.budgets.risk_evaluation = budget;
        let id = DrawId::new("D").unwrap();
        let design = Design::new(&policy, &request, &pool, &view, day(), id).unwrap();
        let mode = SelectionMode::RiskEvaluation;
        let strata: Vec<_> = design
            .strata()
            .iter()
            .filter(|of| of.mode == mode)
            .collect();
        let sizes: Vec<f64> = strata
            .iter()
            .map(|of| {
                let count = of.units.len() as f64;
                let sum: f64 = of
                    .units
                    .iter()
                    .map(|unit| pool.candidates()[unit.unit as usize].probability)
                    .sum();
                let mean = sum / count;
                count * (mean * (1.0 - mean)).sqrt()
            })
            .collect();
        let all: f64 = sizes.iter().sum();
        let quotas: u32 = strata.iter().map(|of| of.quota).sum();
        assert_eq!(quotas, budget);
        for (stratum, size) in strata.iter().zip(&sizes) {
            let exact = f64::from(budget) * size / all;
            let quota = f64::from(stratum.quota);
            // A stratum is never left without a draw.
            assert!(
                (quota - exact).abs() < 1.0 || stratum.quota == 1,
                "{}: {quota} draws for a share of {exact}",
                stratum.name
            );
        }
    }
}

/// A peer kept a sample of its matches without the weight: here whatever chance chose bears the probability with
/// which it was chosen, in the list and in the published record, and nothing else bears one.
#[test]
fn jube_activation_sample_what_chance_chose_bears_its_probability() {
    let pool = pool(400);
    let policy = PlanningPolicy::builtin().unwrap();
    let (request, view) = (week(), ModelView::default());
    let id = DrawId::new("2026-W49").unwrap();
    let design = Design::new(&policy, &request, &pool, &view, day(), id).unwrap();
    let plan = plan_of(&request, &pool, 4).unwrap();
    for line in &plan.lines {
        let strata = design.strata().iter().filter(|of| of.mode == line.mode);
        let units = strata.flat_map(|of| &of.units);
        let mut own = units.filter(|of| pool.candidates()[of.unit as usize].target == line.target);
        let logged = own.next().map(|of| of.probability);
        let drawn = [
            SelectionMode::RiskEvaluation,
            SelectionMode::SupervisoryCheck,
        ];
        assert_eq!(
            line.inclusion.is_some(),
            drawn.contains(&line.mode),
            "{line:?}"
        );
        assert_eq!(line.inclusion, logged, "{line:?}");
        assert!(
            line.inclusion
                .is_none_or(|chance| chance > 0.0 && chance <= 1.0)
        );
    }
    let secret = secret(4);
    let record = DrawRecord::new(&design.commit(&secret), &secret, None, 0.2, &plan);
    let listed: Vec<f64> = plan.lines.iter().filter_map(|of| of.inclusion).collect();
    let recorded = record.lines.iter().map(|of| of.inclusion_probability);
    assert_eq!(recorded.collect::<Vec<f64>>(), listed);
    assert!(
        record
            .reserves
            .iter()
            .all(|of| of.inclusion_probability > 0.0)
    );
}

#[test]
fn an_empty_pool_zero_budgets_and_weightless_units_are_stated_choices() {
    let empty = plan_of(&week(), &pool(0), 1).unwrap();
    assert!(empty.lines.is_empty());
    assert_eq!(empty.shortfalls.len(), 5);
    let nothing = plan_of(&PlanRequest::default(), &pool(50), 1).unwrap();
    assert!(nothing.lines.is_empty() && nothing.shortfalls.is_empty());
    let harmless = (0..50)
        .map(|at| Candidate {
            harm: 0.0,
            ..candidate(at)
        })
        .collect();
    let harmless = Pool::new(harmless, surroundings()).unwrap();
    let plan = plan_of(&week(), &harmless, 1).unwrap();
    assert_eq!(count(&plan, SelectionMode::SupervisoryCheck), 40);
    assert!(
        plan.lines
            .iter()
            .filter_map(|line| line.inclusion)
            .all(|pi| pi > 0.0)
    );
}

#[test]
fn zones_that_nobody_knows_and_bounds_of_nothing_name_their_field() {
    let pool = pool(50);
    for (request, field) in [
        (
            PlanRequest {
                minima: vec![zone_bound("Z9", 1)],
                ..week()
            },
            "minima[0].zone",
        ),
        (
            PlanRequest {
                caps: vec![BoundRequest::default()],
                ..week()
            },
            "caps[0]",
        ),
        (
            PlanRequest {
                team_days: BTreeMap::from([(ZoneId::new("Z9").unwrap(), 1.0)]),
                ..week()
            },
            "team_days",
        ),
        (
            PlanRequest {
                team_days: BTreeMap::from([(ZoneId::new("Z1").unwrap(), f64::NAN)]),
                ..week()
            },
            "team_days.Z1",
        ),
        (
            PlanRequest {
                money: Some(Money {
                    total: -1.0,
                    ..Money::default()
                }),
                ..week()
            },
            "money.total",
        ),
        (
            PlanRequest {
                budgets: Budgets {
                    fast_test: u32::MAX,
                    ..Budgets::default()
                },
                ..PlanRequest::default()
            },
            "budgets.fast_test",
        ),
    ] {
        match plan_of(&request, &pool, 1) {
            Err(PlanError::Field(error)) => assert_eq!(error.field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[test]
fn caps_of_zones_hold_and_a_cap_of_zero_empties_a_zone_of_targeted_tests() {
    let pool = pool(900);
    let request = PlanRequest {
        caps: vec![
            zone_bound("Z1", 0),
            zone_bound("Z2", 12),
            zone_bound("C", 100),
        ],
        ..week()
    };
    let plan = plan_of(&request, &pool, 8).unwrap();
    let evaluated = |zone: &str| {
        plan.lines
            .iter()
            .filter(|line| line.mode == SelectionMode::RiskEvaluation && line.zone.as_str() == zone)
            .count() as u32
    };
    // Evaluations are drawn from the whole frame; what they pass a cap by is told.
    assert_eq!(in_zone(&plan, &["Z1"]), evaluated("Z1"));
    let over: u32 = plan
        .overruns
        .iter()
        .filter(|(limit, _)| limit.contains("zone Z1"))
        .map(|(_, by)| *by)
        .sum();
    assert_eq!(over, evaluated("Z1"));
    let passed = |zone: &str| -> u32 {
        let of_zone = plan
            .overruns
            .iter()
            .filter(|(limit, _)| limit.contains(zone));
        of_zone.map(|(_, by)| *by).sum()
    };
    assert!(in_zone(&plan, &["Z2"]) <= 12 + passed("zone Z2"));
    assert!(passed("zone Z2") <= evaluated("Z2"));
    assert!(in_zone(&plan, &["Z0", "Z1", "Z2", "Z3"]) <= 100 + over);
    let fast = plan
        .shortfalls
        .iter()
        .find(|of| of.mode == SelectionMode::FastTest)
        .unwrap();
    assert!(
        matches!(&fast.cause, ShortfallCause::Caps(caps) if caps.iter().any(|cap| cap.contains("zone C"))),
        "{fast:?}"
    );
}

#[test]
fn minima_of_zones_are_strata_of_checks_and_their_draws_are_certain() {
    let pool = pool(900);
    let minimum = BoundRequest {
        mode: Some(SelectionMode::SupervisoryCheck),
        ..zone_bound("Z3", 30)
    };
    let plan = plan_of(
        &PlanRequest {
            minima: vec![minimum],
            ..week()
        },
        &pool,
        9,
    )
    .unwrap();
    let checks = plan
        .lines
        .iter()
        .filter(|line| line.mode == SelectionMode::SupervisoryCheck);
    assert_eq!(checks.clone().count(), 40);
    assert_eq!(checks.filter(|line| line.zone.as_str() == "Z3").count(), 30);
}

#[test]
fn crossing_minima_are_kept_at_the_least_loss() {
    let pool = pool(900);
    let request = PlanRequest {
        minima: vec![sector_bound("S1", 70), zone_bound("Z0", 60)],
        benches: vec![Bench {
            name: "toys".into(),
            tests: 9,
            products: vec![ProductCode::new("P1").unwrap()],
            sectors: vec![],
        }],
        ..week()
    };
    let plan = plan_of(&request, &pool, 10).unwrap();
    let of_sector = plan
        .lines
        .iter()
        .filter(|line| line.sector.as_str() == "S1")
        .count();
    assert!(of_sector >= 70, "{of_sector}");
    assert!(in_zone(&plan, &["Z0"]) >= 60);
    let targeted_toys = plan
        .lines
        .iter()
        .filter(|line| {
            line.mode == SelectionMode::SpecialCheck && line.target.product.as_str() == "P1"
        })
        .count();
    let drawn_toys = plan
        .lines
        .iter()
        .filter(|line| line.inclusion.is_some() && line.target.product.as_str() == "P1")
        .count();
    assert!(
        targeted_toys + drawn_toys <= 9.max(drawn_toys),
        "{targeted_toys} and {drawn_toys}"
    );
    assert!(
        plan.prices
            .iter()
            .any(|price| price.constraint.contains("sector S1") && price.finds > 0.0),
        "{:?}",
        plan.prices
    );
}

#[test]
fn constraints_that_clash_name_one_another_and_the_nearest_plan() {
    let pool = pool(900);
    let clash = PlanRequest {
        minima: vec![sector_bound("S1", 80)],
        caps: vec![BoundRequest {
            tests: 30,
            sector: Some(SectorCode::new("S1").unwrap()),
            ..BoundRequest::default()
        }],
        ..week()
    };
    let error = plan_of(&clash, &pool, 11).unwrap_err();
    let PlanError::Clashes(clashes) = &error else {
        panic!("{error}");
    };
    assert_eq!(clashes.len(), 1, "{error}");
    assert!(
        clashes[0]
            .limit
            .starts_with("minima: sector S1 at least 80"),
        "{error}"
    );
    assert!(
        clashes[0]
            .against
            .iter()
            .any(|other| other.starts_with("caps: sector S1 at most 30")),
        "{error}"
    );
    let relaxed = plan_of(
        &PlanRequest {
            relax: true,
            ..clash
        },
        &pool,
        11,
    )
    .unwrap();
    assert_eq!(relaxed.relaxed, *clashes);
    let of_sector = relaxed
        .lines
        .iter()
        .filter(|line| line.sector.as_str() == "S1")
        .count();
    assert_eq!(of_sector as u32, clashes[0].nearest);
}

#[test]
fn money_that_does_not_reach_is_a_clash_and_relaxed_from_the_dearest_find() {
    let pool = pool(300);
    let money = Money {
        total: 60_000.0,
        per_test: BTreeMap::from([
            (SelectionMode::SupervisoryCheck, 1000.0),
            (SelectionMode::SpecialCheck, 1000.0),
            (SelectionMode::FastTest, 50.0),
            (SelectionMode::RiskEvaluation, 800.0),
        ]),
    };
    let request = PlanRequest {
        money: Some(money),
        ..week()
    };
    assert!(matches!(
        plan_of(&request, &pool, 1),
        Err(PlanError::Clashes(_))
    ));
    let plan = plan_of(
        &PlanRequest {
            relax: true,
            ..request
        },
        &pool,
        1,
    )
    .unwrap();
    let tests = |mode| count(&plan, mode) as f64;
    let cost = 1000.0
        * (tests(SelectionMode::SupervisoryCheck) + tests(SelectionMode::SpecialCheck))
        + 50.0 * tests(SelectionMode::FastTest)
        + 800.0 * tests(SelectionMode::RiskEvaluation);
    assert!(cost <= 60_000.0, "{cost}");
    assert_eq!(count(&plan, SelectionMode::RiskEvaluation), 20);
    assert!(
        plan.shortfalls
            .iter()
            .any(|of| of.cause == ShortfallCause::Money)
    );
}

#[test]
fn alerts_campaigns_and_leads_come_first() {
    let mut candidates: Vec<Candidate> = (0..600).map(candidate).collect();
    for at in [402, 404, 406] {
        candidates[at] = Candidate {
            alerted: true,
            probability: 0.011,
            last_visit: None,
            ..candidates[at].clone()
        };
    }
    let pool = Pool::new(candidates, surroundings()).unwrap();
    let lead = |kind, enterprise: &str| Lead {
        kind,
        enterprise: EnterpriseId::new(enterprise).unwrap(),
        site: None,
        product: None,
        alert: None,
        case: None,
        due: None,
    };
    let request = PlanRequest {
        campaigns: vec![Campaign {
            id: risk_domain::ids::CampaignId::new("autumn").unwrap(),
            tests: 5,
            zones: vec![ZoneId::new("W").unwrap()],
            sectors: vec![SectorCode::new("S2").unwrap()],
            products: vec![],
            enterprises: vec![],
            acceptance: None,
        }],
        leads: vec![
            lead(LeadKind::Tip, "E00007"),
            lead(LeadKind::Case, "E00008"),
            lead(LeadKind::Tip, "nobody"),
        ],
        ..week()
    };
    let plan = plan_of(&request, &pool, 12).unwrap();
    let reasons = |code: &str| {
        plan.lines
            .iter()
            .filter(|line| line.reason.code() == code)
            .count()
    };
    let drawn_alerted = plan
        .lines
        .iter()
        .filter(|line| {
            line.inclusion.is_some() && line.probability < 0.0111 && line.probability > 0.0109
        })
        .count();
    assert_eq!(reasons("alert") + drawn_alerted, 3);
    assert_eq!(reasons("campaign"), 5);
    for line in plan.lines.iter().filter(|line| line.campaign.is_some()) {
        assert!(
            ["Z0", "Z1"].contains(&line.zone.as_str()) && line.sector.as_str() == "S2",
            "{line:?}"
        );
    }
    let owed: Vec<&str> = plan
        .lines
        .iter()
        .filter(|line| line.mode == SelectionMode::EnforcementTest)
        .map(|line| line.target.enterprise.as_str())
        .collect();
    assert_eq!(owed, ["E00008", "E00007"]);
    assert_eq!(plan.unplaced.len(), 1);
}

/// What the store knows of cases and what the request names are owed alike; a case that both name once.
#[test]
fn cases_of_the_store_are_owed_at_their_sites_beside_those_of_the_request() {
    let lead = |case: &str, enterprise: &str, product: Option<&str>| Lead {
        kind: LeadKind::Case,
        enterprise: EnterpriseId::new(enterprise).unwrap(),
        site: SiteId::new(enterprise).ok(),
        product: product.map(|of| ProductCode::new(of).unwrap()),
        alert: None,
        case: risk_domain::ids::CaseId::new(case).ok(),
        due: None,
    };
    let candidates = (0..600).map(candidate).collect();
    let known = Surroundings {
        leads: vec![lead("C1", "E00001", Some("P0")), lead("C2", "E00002", None)],
        ..surroundings()
    };
    let pool = Pool::new(candidates, known).unwrap();
    let elsewhere = Lead {
        site: SiteId::new("E00005").ok(),
        ..lead("C4", "E00004", None)
    };
    let request = PlanRequest {
        leads: vec![
            lead("C2", "E00002", Some("P1")),
            lead("C3", "E00003", None),
            elsewhere,
        ],
        ..week()
    };
    let plan = plan_of(&request, &pool, 15).unwrap();
    let owed = plan
        .lines
        .iter()
        .filter(|line| line.mode == SelectionMode::EnforcementTest);
    let owed: Vec<(String, &str)> = owed
        .map(|line| {
            let lead = line.lead.as_ref().unwrap();
            (
                line.target.to_string(),
                lead.case.as_ref().unwrap().as_str(),
            )
        })
        .collect();
    assert_eq!(owed.len(), 3, "{owed:?}");
    assert_eq!(owed[0], ("E00001/E00001/P0".to_owned(), "C1"));
    assert_eq!(owed[1], ("E00002/E00002/P1".to_owned(), "C2"));
    assert_eq!(owed[2].1, "C3");
    assert_eq!(
        plan.unplaced.len(),
        1,
        "nobody trades there: {:?}",
        plan.unplaced
    );
}

#[test]
fn a_request_may_name_whom_alerts_speak_of() {
    let alerted = |enterprise: &str, product: Option<&str>| Alerted {
        enterprise: EnterpriseId::new(enterprise).unwrap(),
        site: None,
        product: product.map(|of| ProductCode::new(of).unwrap()),
    };
    let request = PlanRequest {
        budgets: Budgets {
            special_check: 9,
            ..Budgets::default()
        },
        alerts: vec![
            alerted("E00001", Some("P1")),
            alerted("E00003", None),
            alerted("nobody", None),
        ],
        ..PlanRequest::default()
    };
    let plan = plan_of(&request, &pool(600), 16).unwrap();
    let of_alerts = plan
        .lines
        .iter()
        .filter(|line| line.reason.code() == "alert");
    let of_alerts: BTreeSet<String> = of_alerts.map(|line| line.target.to_string()).collect();
    let expected = ["E00001/E00001/P1", "E00003/E00003/P0", "E00003/E00003/P1"];
    assert_eq!(of_alerts, expected.map(str::to_owned).into());
}

/// Of each class, so many enterprises are to be visited by checks, and no more than so many.
#[test]
fn ratios_of_credit_classes_bound_the_checks_of_each() {
    let ratio = |inspected, from, to| ClassRatio {
        enterprises: 100,
        inspected,
        window_days: 365,
        from,
        to,
    };
    let ratios = BTreeMap::from([
        (CreditRiskClass::A, ratio(4, 0.0, 0.05)),
        (CreditRiskClass::B, ratio(20, 0.05, 0.2)),
        (CreditRiskClass::C, ratio(0, 0.21, 0.6)),
        (CreditRiskClass::D, ratio(59, 0.61, 1.0)),
    ]);
    let known = Surroundings {
        ratios,
        ..surroundings()
    };
    let pool = Pool::new((0..800).map(candidate).collect(), known).unwrap();
    let checks = |plan: &Plan, class: usize| {
        let lines = plan.lines.iter();
        let of_class = lines.filter(|line| {
            let number = line.target.enterprise.as_str().trim_start_matches('E');
            let number: usize = number.parse().unwrap();
            line.mode == SelectionMode::SupervisoryCheck && number % 4 == class
        });
        of_class.count()
    };
    let plan = plan_of(&week(), &pool, 17).unwrap();
    assert_eq!(count(&plan, SelectionMode::SupervisoryCheck), 40);
    assert!(checks(&plan, 0) <= 1, "one of a hundred is left of class A");
    assert_eq!(checks(&plan, 1), 0, "class B has had its fifth");
    // A week owes C 21 · 7/365, and D the two that it still lacks but no more than 61 · 7/365.
    assert!(checks(&plan, 2) >= 1 && checks(&plan, 3) >= 2);
    let told: Vec<(u32, u32)> = plan
        .ratios
        .iter()
        .map(|of| (of.inspected, of.enterprises))
        .collect();
    assert_eq!(told, [(4, 100), (20, 100), (0, 100), (59, 100)]);
    assert_eq!(plan.ratios[1].planned, 0);
    assert!(plan.ratios[3].planned >= 1);
    // What a request says of a class stands for it.
    let shares = PlanRequest {
        class_shares: BTreeMap::from([(CreditRiskClass::B, 1.0)]),
        ..week()
    };
    assert!(checks(&plan_of(&shares, &pool, 17).unwrap(), 1) > 0);
    // A plan that is too small for what classes are owed is made, and says so.
    let mut small = week();
    small.budgets.supervisory_check = 2;
    let plan = plan_of(&small, &pool, 17).unwrap();
    assert_eq!(count(&plan, SelectionMode::SupervisoryCheck), 2);
    assert!(
        plan.relaxed
            .iter()
            .all(|of| of.limit.starts_with("class_ratios: "))
    );
    assert_eq!(plan.relaxed.len(), 1, "{:?}", plan.relaxed);
}

/// Parts whose share of a small budget rounds to none are drawn with others, not left out.
#[test]
fn few_draws_over_many_zones_leave_nobody_without_a_chance() {
    let pool = pool(800);
    let mut request = week();
    request.budgets.supervisory_check = 2;
    request.caps = ["Z0", "Z1", "Z2", "Z3"]
        .map(|zone| zone_bound(zone, 9))
        .to_vec();
    let policy = PlanningPolicy::builtin().unwrap();
    let view = ModelView::default();
    let id = DrawId::new("D").unwrap();
    let design = Design::new(&policy, &request, &pool, &view, day(), id).unwrap();
    let checks = design
        .strata()
        .iter()
        .filter(|of| of.mode == SelectionMode::SupervisoryCheck);
    let units: Vec<_> = checks.flat_map(|of| &of.units).collect();
    let each: BTreeSet<u32> = units.iter().map(|of| of.unit).collect();
    assert_eq!((each.len(), units.len()), (800, 800));
    assert!(units.iter().all(|of| of.probability > 0.0));
    let sum: f64 = units.iter().map(|of| of.probability).sum();
    assert!((sum - 2.0).abs() < 1e-9, "{sum}");
}

#[test]
fn larger_budgets_find_more_and_each_test_more_is_worth_less_than_the_mean() {
    let request = PlanRequest {
        rules: RuleChanges {
            harm_weighted: Some(false),
            ..RuleChanges::default()
        },
        ..week()
    };
    let plan = plan_of(&request, &pool(900), 13).unwrap();
    let finds: Vec<f64> = plan.curve.iter().map(|point| point.finds).collect();
    assert_eq!(plan.curve.len(), 5);
    assert!(finds.windows(2).all(|pair| pair[0] < pair[1]), "{finds:?}");
    let price = |name: &str| {
        plan.prices
            .iter()
            .find(|price| price.constraint == name)
            .unwrap()
            .finds
    };
    let mean = |mode: SelectionMode| {
        let of_mode = plan.lines.iter().filter(|line| line.mode == mode);
        let finds: Vec<f64> = of_mode.map(|line| line.finds).collect();
        finds.iter().sum::<f64>() / finds.len() as f64
    };
    assert!(price("budgets.special_check") < mean(SelectionMode::SpecialCheck));
    assert!(price("budgets.fast_test") > 0.0);
    assert!(price("budgets.risk_evaluation") > 0.0);
}

#[test]
fn precision_is_told_of_the_city_its_zones_and_sectors() {
    let plan = plan_of(&week(), &pool(900), 14).unwrap();
    let kinds: BTreeMap<&str, usize> =
        plan.precision
            .iter()
            .fold(BTreeMap::new(), |mut all, part| {
                *all.entry(part.kind).or_default() += 1;
                all
            });
    assert_eq!(
        kinds,
        BTreeMap::from([("city", 1), ("sector", 3), ("zone", 6)])
    );
    let city = plan
        .precision
        .iter()
        .find(|part| part.kind == "city")
        .unwrap();
    assert_eq!(city.targets, 900);
    for part in &plan.precision {
        assert!(
            part.standard_error.unwrap() >= city.standard_error.unwrap() * 0.999,
            "{part:?}"
        );
        assert!(part.quarterly.unwrap() < part.standard_error.unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever is asked, every unit that may be drawn has a chance, chances sum to the draws, caps of
    /// zones hold but for what evaluations take, and no target is targeted twice.
    #[test]
    fn plans_keep_their_laws(
        size in 1_usize..400,
        evaluations in 0_u32..30,
        checks in 0_u32..60,
        special in 0_u32..40,
        fast in 0_u32..40,
        cap in 0_u32..30,
        seed in any::<u8>(),
    ) {
        let pool = pool(size);
        let request = PlanRequest {
            budgets: Budgets { risk_evaluation: evaluations, supervisory_check: checks, special_check: special, fast_test: fast, enforcement_test: 0 },
            caps: vec![zone_bound("Z0", cap)],
            relax: true,
            ..PlanRequest::default()
        };
        let policy = PlanningPolicy::builtin().unwrap();
        let view = ModelView::default();
        let design = Design::new(&policy, &request, &pool, &view, day(), DrawId::new("D").unwrap()).unwrap();
        for stratum in design.strata() {
            let sum: f64 = stratum.units.iter().map(|unit| unit.probability).sum();
            prop_assert!((sum - f64::from(stratum.quota)).abs() < 1e-6);
            prop_assert!(stratum.units.iter().all(|unit| unit.probability > 0.0 && unit.probability <= 1.0));
        }
        let plan = design.draw(&DrawKey::new(&secret(seed), None, None).unwrap()).unwrap();
        let evaluated = plan.lines.iter().filter(|line| line.mode == SelectionMode::RiskEvaluation);
        prop_assert_eq!(evaluated.clone().count(), (evaluations as usize).min(size));
        let own = evaluated.filter(|line| line.zone.as_str() == "Z0").count() as u32;
        let over: u32 = plan.overruns.iter().map(|(_, by)| *by).sum();
        prop_assert!(in_zone(&plan, &["Z0"]) <= cap + over);
        prop_assert!(over <= own);
        for shortfall in &plan.shortfalls {
            prop_assert!(shortfall.planned < shortfall.asked);
        }
        let mut seen = BTreeSet::new();
        for line in plan.lines.iter().filter(|line| line.inclusion.is_none()) {
            prop_assert!(seen.insert(&line.target));
        }
    }
}

/// A race of experts who name candidates in this order.
fn race(tests: u32, experts: impl IntoIterator<Item = usize>) -> RaceRequest {
    let target = |number: usize| {
        let of = candidate(number).target;
        RaceTarget {
            enterprise: of.enterprise,
            site: of.site,
            product: of.product,
        }
    };
    RaceRequest {
        id: "2026-Q4".into(),
        tests,
        ends_after: 100,
        measure: RaceMeasure::ProvedFailures,
        experts: experts.into_iter().map(target).collect(),
    }
}

#[test]
fn a_race_tests_both_lists_under_the_same_rules_and_shows_nobody_which_is_whose() {
    let pool = pool(400);
    // Candidate 11 rests. Of the others the engine names 15 first, by harm and probability.
    let alone = plan_of(&week(), &pool, 1).unwrap();
    let special = alone
        .lines
        .iter()
        .filter(|line| line.mode == SelectionMode::SpecialCheck);
    let firsts: Vec<Target> = special.take(2).map(|line| line.target.clone()).collect();
    let number = |target: &Target| {
        (0..400)
            .find(|at| candidate(*at).target == *target)
            .unwrap()
    };
    let shared: Vec<usize> = firsts.iter().map(number).collect();
    let mut experts = vec![11];
    experts.extend(&shared);
    experts.extend([100, 140, 180, 220, 260, 300]);
    let request = PlanRequest {
        race: Some(race(5, experts)),
        ..week()
    };
    let plan = plan_of(&request, &pool, 1).unwrap();
    let listed = plan.race.as_ref().unwrap();
    assert_eq!((listed.engine, listed.experts), (5, 5), "{listed:?}");
    assert!(listed.passed_over.contains(&candidate(11).target));
    assert_eq!(plan.lines.len(), alone.lines.len());
    let raced: Vec<_> = plan.lines.iter().filter(|of| of.race.is_some()).collect();
    assert_eq!(raced.len() as u32, 10 - listed.both);
    let both = raced.iter().filter(|of| of.race == Some(RaceSide::Both));
    assert_eq!(both.count() as u32, listed.both);
    for target in &firsts {
        let line = raced.iter().find(|of| of.target == *target).unwrap();
        assert_eq!(line.race, Some(RaceSide::Both), "{target}");
    }
    let engine = raced.iter().filter(|of| of.race == Some(RaceSide::Engine));
    let least = engine.map(|of| of.harm * of.probability / (1.0 - of.probability));
    let least = least.fold(f64::INFINITY, f64::min);
    let rest = plan.lines.iter().filter(|of| of.race.is_none());
    for line in rest.filter(|of| of.mode == SelectionMode::SpecialCheck) {
        let value = line.harm * line.probability / (1.0 - line.probability);
        assert!(
            value <= least + 1e-12,
            "the engine's list takes the best first"
        );
    }
    let sentences: BTreeSet<_> = raced.iter().map(|of| of.sentences()).collect();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    assert!(raced.windows(2).all(|pair| pair[0].target < pair[1].target));
}

#[test]
fn races_that_cannot_be_run_name_their_field() {
    let pool = pool(60);
    let twice = race(2, [3, 4, 3]);
    let named = |race: RaceRequest| {
        let request = PlanRequest {
            race: Some(race),
            ..week()
        };
        let PlanError::Field(error) = plan_of(&request, &pool, 1).unwrap_err() else {
            panic!("no field is named");
        };
        error.field
    };
    let base = || race(2, [1, 2, 3]);
    assert_eq!(
        named(RaceRequest {
            id: "a b".into(),
            ..base()
        }),
        "race.id"
    );
    assert_eq!(
        named(RaceRequest {
            tests: 13,
            ..base()
        }),
        "race.tests"
    );
    assert_eq!(named(RaceRequest { tests: 0, ..base() }), "race.tests");
    assert_eq!(
        named(RaceRequest {
            ends_after: 1,
            ..base()
        }),
        "race.ends_after"
    );
    assert_eq!(named(race(2, [1])), "race.experts");
    assert_eq!(named(race(2, [1, 500])), "race.experts[1]");
    assert_eq!(named(twice), "race.experts[2]");
}

/// Two campaigns of one id, each with what it asks for; the first takes its lots from the register.
#[test]
fn lines_of_a_sweep_bear_the_acceptance_plan_of_their_campaign() {
    let campaign = |zone: &str, acceptance| Campaign {
        id: risk_domain::ids::CampaignId::new("stocks").unwrap(),
        tests: 4,
        zones: vec![ZoneId::new(zone).unwrap()],
        sectors: vec![],
        products: vec![],
        enterprises: vec![],
        acceptance: Some(acceptance),
    };
    let mut request = PlanRequest {
        campaigns: vec![
            campaign(
                "W",
                AcceptanceRequest::Lot {
                    aql: 2.5,
                    level: None,
                    lot_size: None,
                },
            ),
            campaign(
                "Z2",
                AcceptanceRequest::Declared {
                    dql: 1.0,
                    level: Some("II".into()),
                    lot_size: Some(5000),
                },
            ),
        ],
        ..week()
    };
    let registered = (0..600).map(|number| Candidate {
        volume: Volume::new(if number % 2 == 0 { 500 } else { 150 }).unwrap(),
        ..candidate(number)
    });
    let registered = Pool::new(registered.collect(), surroundings()).unwrap();
    let plan = plan_of(&request, &registered, 12).unwrap();
    let (swept, others): (Vec<_>, Vec<_>) =
        plan.lines.iter().partition(|line| line.campaign.is_some());
    assert_eq!(swept.len(), 8);
    assert!(others.iter().all(|line| line.acceptance.is_none()));
    for line in swept {
        let found = line.acceptance.unwrap();
        let number = (found.lot_size, found.sample, found.acceptance_number);
        let expected = match (line.zone.as_str(), line.target.product.as_str()) {
            ("Z2", _) => (5000, 80, 2),
            (_, "P0") => (500, 50, 3),
            (_, _) => (150, 20, 1),
        };
        assert_eq!(number, expected, "{line:?}");
    }
    // The register says nothing of the lots: known before anything is drawn.
    let error = plan_of(&request, &pool(600), 12).unwrap_err();
    let PlanError::Field(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.field, "campaigns[0].acceptance.lot_size");
    request.campaigns.remove(0);
    plan_of(&request, &pool(600), 12).unwrap();
}
