//! How the bureau spends its weeks: five modes, confirmations and follow-ups, as they are done today.

use crate::demo::CityError;
use crate::draw::{by_weight, inclusion_probabilities, systematic};
use crate::heard::Complaint;
use crate::record::{Finding, Recorder, Visit};
use crate::truth::{FastTestError, World, expit, normal};
use crate::workdays::{at, sampling_minute};
use compact_str::{CompactString, format_compact};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha12Rng;
use risk_domain::ids::{CampaignId, DrawId, InspectionId};
use risk_domain::inspection::{InspectionResult, Outcome};
use risk_domain::selection::{SelectionBasis, SelectionMode};
use risk_domain::time::{CivilOffset, DAY_MILLIS, Day, Timestamp};
use std::collections::BTreeMap;

/// Samples a week for every 3,000 enterprises, by mode; confirmations and follow-ups come on top.
const BUDGET: [f64; 5] = [20.0, 36.0, 25.0, 52.0, 15.0];
/// Log-odds that selecting the worse-looking goods within a visit adds, by mode.
const DELTA: [f64; 5] = [0.0, 0.2, 0.4, 0.1, 0.8];
const SENSITIVITY: f64 = 0.80;
const SPECIFICITY: f64 = 0.95;
/// Shares of positive and of negative fast tests that a laboratory verifies.
const VERIFIED: (f64, f64) = (0.60, 0.05);
const FOLLOWED_UP: f64 = 0.7;
const TIPPED_BY_COMPLAINT: f64 = 0.8;
/// Complaints a week for every 3,000 enterprises that no check follows.
const IDLE_COMPLAINTS: f64 = 12.0;
const CAMPAIGN_WEEKS: u32 = 4;
const TOPICS: [&str; 6] = [
    "质量问题",
    "疑似无标识产品",
    "使用时受伤",
    "气味刺鼻",
    "与标称不符",
    "疑似假冒认证标志",
];

/// The bureau at work.
#[derive(Debug)]
pub(crate) struct Bureau<'a> {
    pub(crate) recorder: Recorder<'a>,
    pub(crate) world: World,
    pub(crate) results: Vec<InspectionResult>,
    pub(crate) complaints: Vec<Complaint>,
    pub(crate) wrong: BTreeMap<InspectionId, FastTestError>,
    first_day: Day,
    last_day: Day,
    scale: f64,
    mean_level: f64,
    /// Experts' class of each product: 1, 2 or 4.
    classes: Vec<f64>,
    /// How near a zone is to the fast-test teams.
    convenience: Vec<f64>,
    last_failure: Vec<Option<u32>>,
    follow_ups: BTreeMap<u32, Vec<(usize, InspectionId)>>,
    mends: BTreeMap<u32, Vec<usize>>,
    campaign: (CompactString, Vec<usize>),
}

impl<'a> Bureau<'a> {
    pub(crate) fn new(
        recorder: Recorder<'a>,
        world: World,
        (first_day, last_day): (Day, Day),
        random: &mut ChaCha12Rng,
    ) -> Self {
        let (frame, population) = (recorder.frame, recorder.population);
        let mut opinions: Vec<(f64, usize)> = frame
            .products
            .iter()
            .enumerate()
            .map(|(at, product)| {
                (
                    libm::log(product.failure_rate.max(1e-3)) + 0.6 * normal(random),
                    at,
                )
            })
            .collect();
        opinions.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut classes = vec![1.0; frame.products.len()];
        for (rank, (_, product)) in opinions.iter().enumerate() {
            if let Some(class) = classes.get_mut(*product) {
                *class = [1.0, 2.0, 4.0]
                    .get(rank * 3 / opinions.len().max(1))
                    .copied()
                    .unwrap_or(4.0);
            }
        }
        let cells = population.cells.len();
        let levels: f64 = (0..cells).map(|cell| world.log_odds(cell)).sum();
        Self {
            first_day,
            last_day,
            scale: population.enterprises.len() as f64 / 3_000.0,
            mean_level: levels / cells.max(1) as f64,
            classes,
            convenience: (0..frame.zones.len())
                .map(|_| libm::exp(0.7 * normal(random)))
                .collect(),
            last_failure: vec![None; cells],
            follow_ups: BTreeMap::new(),
            mends: BTreeMap::new(),
            campaign: (CompactString::default(), Vec::new()),
            results: Vec::new(),
            complaints: Vec::new(),
            wrong: BTreeMap::new(),
            recorder,
            world,
        }
    }

    /// One week, from Monday: what was reported is mended, then the five modes take their samples.
    pub(crate) fn work(&mut self, week: u32, random: &mut ChaCha12Rng) -> Result<(), CityError> {
        let monday = self.first_day.plus(7 * week as i32);
        let days = self.recorder.days.of_week(monday, self.last_day).to_vec();
        if days.is_empty() {
            return Ok(());
        }
        let active = self.active(week);
        let share = (days.len() as f64 / 5.0).min(1.0);
        for mode in SelectionMode::ALL {
            let budget = BUDGET.get(*mode as usize).copied().unwrap_or(0.0) * self.scale * share;
            let count = budget as usize + usize::from(random.random_bool(budget.fract()));
            let drawn = self.select(*mode, (week, count), &active, random)?;
            for visit in drawn {
                let day = days.choose(random).copied().unwrap_or(monday);
                let sampled_at = at(day, sampling_minute(random));
                self.visit(
                    week,
                    Visit {
                        sampled_at,
                        ..visit
                    },
                    random,
                )?;
            }
        }
        for (cell, failure) in self.follow_ups.remove(&week).unwrap_or_default() {
            if active.binary_search(&cell).is_err() {
                continue;
            }
            let day = days.choose(random).copied().unwrap_or(monday);
            let visit = Visit {
                sampled_at: at(day, sampling_minute(random)),
                follow_up_of: Some(failure),
                ..Visit::plain(
                    cell,
                    SelectionMode::SupervisoryCheck,
                    SelectionBasis::FollowUp,
                )
            };
            self.visit(week, visit, random)?;
        }
        self.idle_complaints(monday, &active, random);
        Ok(())
    }

    /// Whatever was reported in the week before is mended before the world moves on.
    pub(crate) fn mend(&mut self, week: u32) {
        let population = self.recorder.population;
        for cell in self.mends.remove(&week).unwrap_or_default() {
            let seller = population.cells.get(cell).map(|cell| cell.enterprise);
            let seller = seller.and_then(|at| population.enterprises.get(at));
            self.world
                .mend(cell, seller.map_or(&[], |seller| &seller.cells));
        }
    }

    /// Cells of enterprises that are open, in order.
    fn active(&self, week: u32) -> Vec<usize> {
        let population = self.recorder.population;
        let open = |at: usize| {
            population
                .enterprises
                .get(at)
                .is_some_and(|of| of.opened <= week && of.closed.is_none_or(|closed| week < closed))
        };
        let cells = population.cells.iter().enumerate();
        cells
            .filter(|(_, cell)| open(cell.enterprise))
            .map(|(at, _)| at)
            .collect()
    }

    fn select(
        &mut self,
        mode: SelectionMode,
        (week, count): (u32, usize),
        active: &[usize],
        random: &mut ChaCha12Rng,
    ) -> Result<Vec<Visit>, CityError> {
        match mode {
            SelectionMode::RiskEvaluation | SelectionMode::SupervisoryCheck => {
                self.at_random(mode, (week, count), active, random)
            }
            SelectionMode::SpecialCheck => {
                self.plan_campaign(week, random);
                let weight = |bureau: &Self, cell: usize| {
                    let product = bureau
                        .recorder
                        .population
                        .cells
                        .get(cell)
                        .map(|cell| cell.product);
                    let covered =
                        product.is_some_and(|product| bureau.campaign.1.contains(&product));
                    f64::from(u8::from(covered))
                };
                let cells = self.weighted(active, count, weight, random);
                let campaign = CampaignId::new(&self.campaign.0).ok();
                Ok(cells
                    .into_iter()
                    .map(|cell| Visit {
                        campaign: campaign.clone(),
                        ..Visit::plain(cell, mode, SelectionBasis::Targeted)
                    })
                    .collect())
            }
            SelectionMode::FastTest => {
                let weight = |bureau: &Self, cell: usize| {
                    let population = bureau.recorder.population;
                    population.cells.get(cell).map_or(0.0, |cell| {
                        let seller = population.enterprises.get(cell.enterprise);
                        let near = seller.and_then(|seller| bureau.convenience.get(seller.zone));
                        near.copied().unwrap_or(0.0) * libm::sqrt(cell.volume)
                    })
                };
                let cells = self.weighted(active, count, weight, random);
                Ok(cells
                    .into_iter()
                    .map(|cell| Visit::plain(cell, mode, SelectionBasis::Targeted))
                    .collect())
            }
            SelectionMode::EnforcementTest => {
                // Tips follow the truth, with as much noise as signal.
                let weights: Vec<f64> = active
                    .iter()
                    .map(|cell| {
                        libm::exp(self.world.log_odds(*cell) - self.mean_level + normal(random))
                    })
                    .collect();
                let drawn = by_weight(&weights, count, random);
                let cells = drawn.into_iter().filter_map(|at| active.get(at).copied());
                Ok(cells
                    .map(|cell| {
                        let tipped = random.random_bool(TIPPED_BY_COMPLAINT);
                        let basis = if tipped {
                            SelectionBasis::Complaint
                        } else {
                            SelectionBasis::Targeted
                        };
                        Visit::plain(cell, mode, basis)
                    })
                    .collect())
            }
        }
    }

    fn weighted(
        &self,
        active: &[usize],
        count: usize,
        weight: impl Fn(&Self, usize) -> f64,
        random: &mut ChaCha12Rng,
    ) -> Vec<usize> {
        let weights: Vec<f64> = active.iter().map(|cell| weight(self, *cell)).collect();
        let drawn = by_weight(&weights, count, random);
        drawn
            .into_iter()
            .filter_map(|at| active.get(at).copied())
            .collect()
    }

    /// The two random modes, drawn systematically along sector and market: risk evaluation with
    /// equal probabilities, the supervisory check by class and recent failures.
    fn at_random(
        &self,
        mode: SelectionMode,
        (week, count): (u32, usize),
        active: &[usize],
        random: &mut ChaCha12Rng,
    ) -> Result<Vec<Visit>, CityError> {
        let population = self.recorder.population;
        let mut ordered: Vec<(usize, usize, u32, usize)> = active
            .iter()
            .filter_map(|at| {
                population
                    .cells
                    .get(*at)
                    .map(|cell| (cell.sector, cell.market, random.random(), *at))
            })
            .collect();
        ordered.sort_unstable();
        let size = |cell: usize| {
            if mode == SelectionMode::RiskEvaluation {
                return 1.0;
            }
            let product = population.cells.get(cell).map(|cell| cell.product);
            let class = product
                .and_then(|at| self.classes.get(at))
                .copied()
                .unwrap_or(1.0);
            let failed = self.last_failure.get(cell).copied().flatten();
            let recent = failed.is_some_and(|failed| week.saturating_sub(failed) < 52);
            class * if recent { 3.0 } else { 1.0 }
        };
        let sizes: Vec<f64> = ordered.iter().map(|(.., cell)| size(*cell)).collect();
        let probabilities = inclusion_probabilities(&sizes, count);
        let short = if mode == SelectionMode::RiskEvaluation {
            "RA"
        } else {
            "SS"
        };
        let monday = self.first_day.plus(7 * week as i32);
        let draw = DrawId::new(format_compact!("DR-{short}-{monday}"))?;
        let drawn = systematic(&probabilities, random);
        Ok(drawn
            .into_iter()
            .filter_map(|at| ordered.get(at).zip(probabilities.get(at)))
            .map(|((.., cell), probability)| Visit {
                inclusion: Some(*probability),
                draw: Some(draw.clone()),
                ..Visit::plain(*cell, mode, SelectionBasis::Random)
            })
            .collect())
    }

    /// A new campaign every four weeks: two products, the riskier classes more often.
    fn plan_campaign(&mut self, week: u32, random: &mut ChaCha12Rng) {
        if week.is_multiple_of(CAMPAIGN_WEEKS) || self.campaign.1.is_empty() {
            let monday = self.first_day.plus(7 * week as i32);
            self.campaign = (
                format_compact!("ZX-{monday}"),
                by_weight(&self.classes, 2, random),
            );
        }
    }

    fn visit(
        &mut self,
        week: u32,
        visit: Visit,
        random: &mut ChaCha12Rng,
    ) -> Result<(), CityError> {
        let (cell, mode) = (visit.cell, visit.mode);
        let delta = DELTA.get(mode as usize).copied().unwrap_or(0.0);
        let log_odds = self.world.log_odds(cell);
        let bad = random.random_bool(expit(log_odds + delta));
        let rapid = mode == SelectionMode::FastTest;
        let shown = if rapid {
            random.random_bool(if bad { SENSITIVITY } else { 1.0 - SPECIFICITY })
        } else {
            bad
        };
        let outcome = uncommon(log_odds, rapid, random).unwrap_or(concluded(shown));
        let likely_item = self.world.outbreak_item(cell, week).cloned();
        let finding = Finding {
            outcome,
            likely_item,
        };
        if visit.basis == SelectionBasis::Complaint {
            self.complain(
                cell,
                visit
                    .sampled_at
                    .plus_millis(-random.random_range(1..6) * DAY_MILLIS),
                random,
            );
        }
        let Some(result) = self.recorder.write(visit, &finding, random)? else {
            return Ok(());
        };
        let judged = matches!(outcome, Outcome::Conforming | Outcome::Nonconforming);
        if rapid && judged {
            if shown != bad {
                let error = if shown {
                    FastTestError::FalsePositive
                } else {
                    FastTestError::FalseNegative
                };
                self.wrong.insert(result.inspection_id.clone(), error);
            }
            if random.random_bool(if shown { VERIFIED.0 } else { VERIFIED.1 }) {
                let finding = Finding {
                    outcome: concluded(bad),
                    ..finding
                };
                if let Some(confirmation) =
                    self.recorder.confirm(&result, cell, &finding, random)?
                {
                    self.conclude(cell, &confirmation, random);
                    self.results.push(confirmation);
                }
            }
        } else if judged {
            self.conclude(cell, &result, random);
        }
        self.results.push(result);
        Ok(())
    }

    /// A failure that a laboratory found is mended once it is reported, and mostly followed up.
    fn conclude(&mut self, cell: usize, result: &InspectionResult, random: &mut ChaCha12Rng) {
        if result.outcome != Outcome::Nonconforming {
            return;
        }
        let reported = CivilOffset::CHINA.day_of(result.observed_at);
        let week = ((reported.get() - self.first_day.get()) / 7) as u32;
        if let Some(last) = self.last_failure.get_mut(cell) {
            *last = Some(week);
        }
        self.mends.entry(week + 1).or_default().push(cell);
        if random.random_bool(FOLLOWED_UP) {
            let due = week + random.random_range(4..=10);
            let follow_up = (cell, result.inspection_id.clone());
            self.follow_ups.entry(due).or_default().push(follow_up);
        }
    }

    fn complain(&mut self, cell: usize, at: Timestamp, random: &mut ChaCha12Rng) {
        let (frame, population) = (self.recorder.frame, self.recorder.population);
        let known = population.cells.get(cell);
        let seller = known.and_then(|cell| population.enterprises.get(cell.enterprise));
        let product = known.and_then(|cell| frame.products.get(cell.product));
        let zone = seller.and_then(|seller| frame.zones.get(seller.zone));
        if let (Some(seller), Some(product), Some(zone)) = (seller, product, zone) {
            self.complaints.push(Complaint {
                received_at: at.max(CivilOffset::CHINA.start_of(self.first_day)),
                enterprise: seller.id.clone(),
                site: seller.site.clone(),
                zone: zone.id.clone(),
                product: random.random_bool(0.8).then(|| product.code.clone()),
                topic: TOPICS.choose(random).copied().unwrap_or_default(),
            });
        }
    }

    /// Complaints that nobody follows: large sellers get more of them, and bad ones a little more.
    fn idle_complaints(&mut self, monday: Day, active: &[usize], random: &mut ChaCha12Rng) {
        let expected = IDLE_COMPLAINTS * self.scale;
        let count = expected as usize + usize::from(random.random_bool(expected.fract()));
        let weight = |bureau: &Self, cell: usize| {
            let volume = bureau
                .recorder
                .population
                .cells
                .get(cell)
                .map_or(0.0, |cell| cell.volume);
            libm::sqrt(volume) * libm::exp(0.5 * (bureau.world.log_odds(cell) - bureau.mean_level))
        };
        for cell in self.weighted(active, count, weight, random) {
            let day = monday.plus(random.random_range(0..7)).min(self.last_day);
            self.complain(cell, at(day, random.random_range(7 * 60..23 * 60)), random);
        }
    }
}

fn concluded(failed: bool) -> Outcome {
    if failed {
        Outcome::Nonconforming
    } else {
        Outcome::Conforming
    }
}

/// Visits without a conclusion. Who has something to hide refuses more often.
fn uncommon(log_odds: f64, rapid: bool, random: &mut ChaCha12Rng) -> Option<Outcome> {
    let refused = (0.004 * libm::exp(0.6 * (log_odds + 2.5))).min(0.05);
    let laboratory = if rapid { 0.0 } else { 0.005 };
    let chances = [
        (refused, Outcome::Refused),
        (0.003, Outcome::Terminated),
        (0.030, Outcome::NotSampled),
        (laboratory, Outcome::RejectedByLab),
        (0.004, Outcome::Untestable),
    ];
    let mut left: f64 = random.random();
    for (chance, outcome) in chances {
        left -= chance;
        if left < 0.0 {
            return Some(outcome);
        }
    }
    None
}
