//! Who sends the tests where.

use super::play::Play;
use crate::cli::SimulatePlan;
use anyhow::{Context, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use risk_domain::ids::{DrawId, EnterpriseId, ProductCode, SectorCode, SiteId, ZoneId};
use risk_domain::registry::Volume;
use risk_domain::scales::Severity;
use risk_domain::selection::SelectionMode;
use risk_domain::time::Day;
use risk_engine::logodds::Snapshot;
use risk_planner::policy::RuleChanges;
use risk_planner::wire::request::Budgets;
use risk_planner::{
    Candidate, Design, DrawKey, FastTestYield, ModelView, PlanRequest, PlanningPolicy, Pool,
    Secret, Surroundings, Target,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Cells to test by mode, each with the probability with which it was drawn, if that is known.
pub(super) type Tests = BTreeMap<SelectionMode, Vec<(usize, Option<f64>)>>;

/// Visits are not repeated within so many weeks, nor more than so many made to an enterprise in so
/// many: the rules that every targeting policy keeps.
const REST_WEEKS: u32 = 6;
const WINDOW_WEEKS: u32 = 13;
const VISITS: usize = 3;
const PER_ENTERPRISE: usize = 2;

/// A way to share out the tests of a week.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    kind: Kind,
    planning: Arc<PlanningPolicy>,
    changes: RuleChanges,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Every test at random.
    Random,
    /// Class weights, campaigns, convenience.
    StatusQuo,
    /// The highest by the bureau's points list.
    Points,
    /// The highest by a smoothed failure rate.
    Smoothed,
    /// The highest by the model.
    Greedy,
    /// The planner.
    Spotcheck,
    /// The highest by the truth, which nobody knows.
    Oracle,
}

const NAMES: [(&str, Kind); 7] = [
    ("random", Kind::Random),
    ("status_quo", Kind::StatusQuo),
    ("points", Kind::Points),
    ("smoothed", Kind::Smoothed),
    ("greedy", Kind::Greedy),
    ("spotcheck", Kind::Spotcheck),
    ("oracle", Kind::Oracle),
];

impl Policy {
    /// A policy by its name.
    pub(super) fn named(name: &str, args: &SimulatePlan) -> anyhow::Result<Self> {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        let Some((_, kind)) = known else {
            let all: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            bail!("--policy: no policy `{name}`; there are {}", all.join(", "));
        };
        Ok(Self {
            name: name.to_owned(),
            kind: *kind,
            planning: PlanningPolicy::builtin()?,
            changes: RuleChanges {
                // What is counted is failures, whatever harm they do.
                harm_weighted: Some(false),
                gamma: args.gamma,
                ..RuleChanges::default()
            },
        })
    }

    /// Whether the status quo plays all weeks.
    pub(super) fn is_status_quo(&self) -> bool {
        self.kind == Kind::StatusQuo
    }

    /// Whether it needs the model, or is judged with it.
    pub(super) fn models(&self) -> bool {
        match self.kind {
            Kind::StatusQuo | Kind::Greedy | Kind::Spotcheck => true,
            Kind::Random | Kind::Points | Kind::Smoothed | Kind::Oracle => false,
        }
    }

    /// The tests of a week.
    pub(super) fn tests(
        &self,
        play: &Play<'_>,
        week: u32,
        active: &[usize],
    ) -> anyhow::Result<Tests> {
        let mut random = ChaCha12Rng::seed_from_u64(play.seed);
        random.set_stream(1000 + u64::from(week));
        match self.kind {
            Kind::Random => Ok(at_random(play, active, &mut random)),
            Kind::Spotcheck => self.planned(play, week, active, &mut random),
            Kind::StatusQuo => bail!("the status quo plays by itself"),
            Kind::Points => Ok(highest(
                play,
                week,
                active,
                &points(play, week),
                &mut random,
            )),
            Kind::Smoothed => {
                let scores = smoothed(play, week);
                Ok(highest(play, week, active, &scores, &mut random))
            }
            Kind::Greedy => {
                let foretold = |cell| {
                    play.query(cell, week, |snapshot, query| {
                        snapshot.predict(query).probability
                    })
                    .unwrap_or(0.0)
                };
                let scores: Vec<f64> = (0..play.city.cell_count()).map(foretold).collect();
                Ok(highest(play, week, active, &scores, &mut random))
            }
            Kind::Oracle => {
                let truth = |cell| play.city.theta(cell, week);
                let scores: Vec<f64> = (0..play.city.cell_count()).map(truth).collect();
                Ok(highest(play, week, active, &scores, &mut random))
            }
        }
    }

    /// The planner's own list.
    fn planned(
        &self,
        play: &Play<'_>,
        week: u32,
        active: &[usize],
        random: &mut ChaCha12Rng,
    ) -> anyhow::Result<Tests> {
        let day = day_of(week);
        let candidates: anyhow::Result<Vec<Candidate>> = active
            .iter()
            .map(|cell| candidate(play, week, *cell))
            .collect();
        let pool = Pool::new(candidates?, Surroundings::default())?;
        let view = view(play);
        let [evaluations, checks, special, fast, _] = budgets(play);
        let request = PlanRequest {
            budgets: Budgets {
                risk_evaluation: evaluations,
                supervisory_check: checks,
                special_check: special,
                fast_test: fast,
                enforcement_test: 0,
            },
            rules: self.changes.clone(),
            ..PlanRequest::default()
        };
        let draw = DrawId::new(format!("{}-{week}", play.seed))?;
        let design = Design::new(&self.planning, &request, &pool, &view, day, draw)?;
        let key = DrawKey::new(&Secret::new(random.random()), None, None)?;
        let plan = design.draw(&key)?;
        let mut tests = Tests::new();
        for line in plan.lines {
            let cell = line.target.site.as_str().parse::<usize>();
            let cell = cell.context("a site that is no cell")?;
            tests
                .entry(line.mode)
                .or_default()
                .push((cell, line.inclusion));
        }
        Ok(tests)
    }
}

fn budgets(play: &Play<'_>) -> [u32; 5] {
    play.city.settings().budget.map(|tests| tests as u32)
}

/// The first day of a week, counted from a Monday.
fn day_of(week: u32) -> Day {
    Day::new(19_723 + 7 * week as i32).week_start()
}

fn candidate(play: &Play<'_>, week: u32, cell: usize) -> anyhow::Result<Candidate> {
    let of = play.city.cell(cell).context("no such cell")?;
    let foretold = play.query(cell, week, Snapshot::predict);
    let foretold = foretold.context("no fit was made")?;
    let visits = play.visits.get(&of.enterprise).map_or(0, |weeks| {
        let from = weeks.partition_point(|visit| visit + WINDOW_WEEKS < week);
        weeks.len() - from
    });
    Ok(Candidate {
        target: Target {
            enterprise: EnterpriseId::new(of.enterprise.to_string())?,
            site: SiteId::new(cell.to_string())?,
            product: ProductCode::new(of.product.to_string())?,
        },
        zone: ZoneId::new(of.zone.to_string())?,
        sector: SectorCode::new(of.sector.to_string())?,
        booth: None,
        name: None,
        volume: Volume::ONE,
        probability: foretold.probability,
        log_odds: foretold.calibrated,
        variance: foretold.slope * foretold.slope * foretold.variance,
        harm: 1.0,
        last_visit: play.last_visit[cell].map(day_of),
        enterprise_visits: visits as u32,
        checked: None,
        checked_above: None,
        class: None,
        alerted: false,
    })
}

fn view(play: &Play<'_>) -> ModelView {
    let Some(snapshot) = &play.snapshot else {
        return ModelView::default();
    };
    let shifts = SelectionMode::ALL.iter().zip(&snapshot.modes);
    let accuracy = snapshot.methods.first();
    let known = FastTestYield::default();
    ModelView {
        shifts: shifts.map(|(mode, effect)| (*mode, effect.mean)).collect(),
        fast_test: accuracy.map_or(known, |found| FastTestYield {
            sensitivity: found.sensitivity,
            specificity: found.specificity,
            ..known
        }),
    }
}

/// All tests at random; the probabilities of evaluations are known.
fn at_random(play: &Play<'_>, active: &[usize], random: &mut ChaCha12Rng) -> Tests {
    let [evaluations, checks, special, fast, _] = budgets(play);
    let modes = [
        (SelectionMode::RiskEvaluation, evaluations),
        (SelectionMode::SupervisoryCheck, checks),
        (SelectionMode::SpecialCheck, special),
        (SelectionMode::FastTest, fast),
    ];
    let mut left = active.to_vec();
    let mut tests = Tests::new();
    for (mode, budget) in modes {
        let known = mode == SelectionMode::RiskEvaluation;
        let probability = f64::from(budget) / active.len().max(1) as f64;
        for _ in 0..(budget as usize).min(left.len()) {
            let cell = left.swap_remove(random.random_range(0..left.len()));
            let drawn = (cell, known.then_some(probability));
            tests.entry(mode).or_default().push(drawn);
        }
    }
    tests
}

/// Evaluations at random, all else from the top of a score under the rules of rest.
fn highest(
    play: &Play<'_>,
    week: u32,
    active: &[usize],
    scores: &[f64],
    random: &mut ChaCha12Rng,
) -> Tests {
    let mut tests = at_random(play, active, random);
    tests.retain(|mode, _| *mode == SelectionMode::RiskEvaluation);
    let rested = |cell: &usize| {
        let visited = play.last_visit[*cell].is_some_and(|last| week - last <= REST_WEEKS);
        let enterprise = play.city.cell(*cell).map_or(0, |of| of.enterprise);
        let visits = play.visits.get(&enterprise).map_or(0, |weeks| {
            weeks.len() - weeks.partition_point(|visit| visit + WINDOW_WEEKS < week)
        });
        !visited && visits < VISITS
    };
    let mut ranked: Vec<(f64, f64, usize)> = active
        .iter()
        .filter(|cell| rested(cell))
        .map(|cell| (scores[*cell], random.random::<f64>(), *cell))
        .collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.total_cmp(&other.1)));
    let [_, checks, special, fast, _] = budgets(play);
    let modes = [
        (SelectionMode::SpecialCheck, special),
        (SelectionMode::SupervisoryCheck, checks),
        (SelectionMode::FastTest, fast),
    ];
    let mut taken = BTreeSet::new();
    for (mode, budget) in modes {
        let mut of_enterprise: BTreeMap<usize, usize> = BTreeMap::new();
        let mut sent = Vec::new();
        for (_, _, cell) in &ranked {
            if sent.len() >= budget as usize {
                break;
            }
            let enterprise = play.city.cell(*cell).map_or(0, |of| of.enterprise);
            let so_far = of_enterprise.entry(enterprise).or_default();
            if *so_far < PER_ENTERPRISE && taken.insert(*cell) {
                *so_far += 1;
                sent.push((*cell, None));
            }
        }
        tests.insert(mode, sent);
    }
    tests
}

/// Points in the manner of bureaus: class of the product and of the zone, failures of the last year
/// and the year before, severe ones, a little off for passes, some for who was never tested.
fn points(play: &Play<'_>, week: u32) -> Vec<f64> {
    #[derive(Default, Clone, Copy)]
    struct History {
        tests: f64,
        failures: f64,
        failures_before: f64,
        severe: f64,
        passes: f64,
    }
    let enterprises = play.city.settings().enterprises;
    let mut histories = vec![History::default(); enterprises];
    for one in play.city.inspected() {
        let age = week - 1 - one.week.min(week - 1);
        let Some(cell) = play.city.cell(one.cell).filter(|_| age < 104) else {
            continue;
        };
        let history = &mut histories[cell.enterprise];
        history.tests += 1.0;
        history.severe += f64::from(u8::from(one.severity >= Some(Severity::Three)));
        match (one.failed, age < 52) {
            (true, true) => history.failures += 1.0,
            (true, false) => history.failures_before += 1.0,
            (false, true) => history.passes += 1.0,
            (false, false) => {}
        }
    }
    let of_cell = |at: usize| {
        let Some(cell) = play.city.cell(at) else {
            return 0.0;
        };
        let history = histories[cell.enterprise];
        let past = 15.0 * history.failures + 7.0 * history.failures_before + 10.0 * history.severe
            - 2.0 * history.passes;
        let unknown = if history.tests > 0.0 { 0.0 } else { 10.0 };
        15.0 * cell.product_class as f64
            + 5.0 * cell.zone_class as f64
            + past.clamp(0.0, 50.0)
            + unknown
    };
    (0..play.city.cell_count()).map(of_cell).collect()
}

/// Failure rates of the last year, a cell's drawn towards its enterprise's, that towards its
/// product's, that towards the city's.
fn smoothed(play: &Play<'_>, week: u32) -> Vec<f64> {
    let settings = play.city.settings();
    let mut products = vec![(0.0, 0.0); settings.products];
    let mut enterprises = vec![(0.0, 0.0); settings.enterprises];
    let mut cells = vec![(0.0, 0.0); play.city.cell_count()];
    let (mut tests, mut failures) = (0.0, 0.0);
    let recent = |one: &&risk_sim::reference_city::Inspected| one.week + 52 >= week;
    for one in play.city.inspected().iter().filter(recent) {
        let Some(cell) = play.city.cell(one.cell) else {
            continue;
        };
        let failed = f64::from(u8::from(one.failed));
        for (count, sum) in [
            &mut products[cell.product],
            &mut enterprises[cell.enterprise],
            &mut cells[one.cell],
        ] {
            *count += 1.0;
            *sum += failed;
        }
        tests += 1.0;
        failures += failed;
    }
    let city = failures / f64::max(tests, 1.0);
    let of_product = |product: usize| {
        let (count, sum) = products[product];
        (sum + 50.0 * city) / (count + 50.0)
    };
    let of_cell = |at: usize| {
        let Some(cell) = play.city.cell(at) else {
            return city;
        };
        let (count, sum) = enterprises[cell.enterprise];
        let enterprise = (sum + 10.0 * of_product(cell.product)) / (count + 10.0);
        let (count, sum) = cells[at];
        (sum + 10.0 * enterprise) / (count + 10.0)
    };
    (0..play.city.cell_count()).map(of_cell).collect()
}
