//! From a request and a pool to a plan.

mod campaigns;
mod known;
mod lines;
mod race;

pub use known::RatioReached;
pub use race::RaceListed;

use crate::acceptance::{AcceptancePlan, Sweep};
use crate::chooser::{Chooser, Raced, Scene, Targeted};
use crate::draw::{Beacon, Commitment, DrawError, DrawKey, Drawn, Secret, draw};
use crate::evaluate::RaceSide;
use crate::limits::{Clash, FieldError, Limits};
use crate::outlook::{self, BudgetPoint, Precision, ShadowPrice};
use crate::policy::{PlanningPolicy, PlanningPolicyError, Rules};
use crate::pool::{ModelView, Pool};
use crate::reason::Reason;
use crate::standing::{Barred, Resting, Standing};
use crate::strata::{self, Stratum};
use crate::target::Target;
use crate::wire::draw::pool_text;
use crate::wire::request::{Budgets, Lead, PlanRequest};
use compact_str::CompactString;
use risk_domain::ids::{CampaignId, DrawId, PolicyVersion, SectorCode, ZoneId};
use risk_domain::selection::{SelectionBasis, SelectionMode};
use risk_domain::time::Day;
use risk_stats::acceptance::AcceptanceError;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A field of the request says what cannot be.
    #[error("{0}")]
    Field(#[from] FieldError),
    /// A rule that the request changes out of its range.
    #[error("{0}")]
    Rules(#[from] PlanningPolicyError),
    /// Constraints that cannot be kept together. `relax` takes the nearest plan there is.
    #[error("constraints clash: {}; `relax = true` takes the nearest plan", shown(.0))]
    Clashes(Vec<Clash>),
    /// The draw cannot be made.
    #[error("{0}")]
    Draw(#[from] DrawError),
    /// A lot without an acceptance plan, which the check of the request lets none be.
    #[error("{0}")]
    Acceptance(#[from] AcceptanceError),
}

fn shown(clashes: &[Clash]) -> String {
    let all: Vec<String> = clashes.iter().map(Clash::to_string).collect();
    all.join("; ")
}

/// Why a mode has fewer tests than its budget（缺额原因）.
#[doc(alias = "缺额原因")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShortfallCause {
    /// So many targets may be tested; all of them are planned.
    Pool(u32),
    /// These caps are used up.
    Caps(Vec<String>),
    /// So many tests are owed; the rest is free for tips that come in.
    Leads(u32),
    /// The money is spent.
    Money,
}

/// Tests of a mode that could not be planned（缺额）.
#[doc(alias = "缺额")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// Which mode.
    pub mode: SelectionMode,
    /// Its budget.
    pub asked: u32,
    /// What is planned.
    pub planned: u32,
    /// Why.
    pub cause: ShortfallCause,
}

/// One test of a plan（计划条目）.
#[doc(alias = "计划条目")]
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Which mode.
    pub mode: SelectionMode,
    /// Its place among the lines of the mode, from 1.
    pub rank: u32,
    /// What is tested.
    pub target: Target,
    /// Where it lies.
    pub zone: ZoneId,
    /// Sector of the product.
    pub sector: SectorCode,
    /// Booth or address.
    pub booth: Option<String>,
    /// Public name of who trades there.
    pub name: Option<String>,
    /// Why it was taken, as results report it.
    pub basis: SelectionBasis,
    /// Probability with which it was drawn（入样概率）; none where it was not drawn.
    pub inclusion: Option<f64>,
    /// The stratum that it was drawn from.
    pub stratum: Option<CompactString>,
    /// Its uniform number, by which ties are broken.
    pub tie_key: f64,
    /// Probability that a random lot of it fails.
    pub probability: f64,
    /// Harm of a failure, against others.
    pub harm: f64,
    /// Probability that this test proves a failure（预期检出）.
    pub finds: f64,
    /// What it teaches: share of the doubt about the target that it takes away（预期信息）.
    pub information: f64,
    /// Why this target.
    pub reason: Reason,
    /// The campaign that it belongs to.
    pub campaign: Option<CampaignId>,
    /// How many units its lot or stock is sampled by, where the campaign asks for it.
    pub acceptance: Option<AcceptancePlan>,
    /// The list of the plan's race that it stands on.
    pub race: Option<RaceSide>,
    /// What it is owed to.
    pub lead: Option<Lead>,
}

/// Who replaces a drawn target that is closed or gone（替补）, in the order committed to.
#[doc(alias = "替补")]
#[derive(Debug, Clone, PartialEq)]
pub struct Reserve {
    /// Which mode.
    pub mode: SelectionMode,
    /// Which stratum.
    pub stratum: CompactString,
    /// Its turn, from 1.
    pub turn: u32,
    /// What is tested instead.
    pub target: Target,
    /// Its inclusion probability.
    pub inclusion: f64,
}

/// Expected number of proved failures and its interval（预期检出数）.
#[doc(alias = "预期检出数")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedFinds {
    /// Expected number.
    pub value: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// A plan（抽样计划）.
#[doc(alias = "抽样计划")]
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its id, which its draw and its results bear.
    pub draw: DrawId,
    /// Its first day.
    pub day: Day,
    /// Version of the planning policy.
    pub policy_version: PolicyVersion,
    /// SHA-256 of the planning policy.
    pub policy_hash: CompactString,
    /// Budgets as planned, after money.
    pub budgets: Budgets,
    /// The tests, by mode and rank.
    pub lines: Vec<Line>,
    /// Replacements by stratum.
    pub reserves: Vec<Reserve>,
    /// Tests that could not be planned.
    pub shortfalls: Vec<Shortfall>,
    /// Limits that were relaxed.
    pub relaxed: Vec<Clash>,
    /// Caps that the drawn tests pass, and by how many: chance takes no orders within a stratum.
    pub overruns: Vec<(String, u32)>,
    /// Leads for which there is no target.
    pub unplaced: Vec<Lead>,
    /// Failures that the plan is expected to prove.
    pub expected: ExpectedFinds,
    /// Expected finds with smaller and larger budgets, before chance has spoken.
    pub curve: Vec<BudgetPoint>,
    /// What one more of each constraint that binds would bring.
    pub prices: Vec<ShadowPrice>,
    /// How precisely the plan lets pass rates be told.
    pub precision: Vec<Precision>,
    /// How far credit classes are inspected, and what the plan adds.
    pub ratios: Vec<RatioReached>,
    /// The race that is run in it.
    pub race: Option<RaceListed>,
    /// Targets that rest, by reason.
    pub resting: BTreeMap<Resting, u32>,
    /// Targets that may not be checked, by reason.
    pub barred: BTreeMap<Barred, u32>,
}

/// What is drawn from which, with which probabilities（抽取设计）: all that is committed to before chance
/// speaks.
#[doc(alias = "抽取设计")]
#[derive(Debug)]
pub struct Design<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) view: &'a ModelView,
    pub(crate) request: &'a PlanRequest,
    pub(crate) rules: Rules,
    policy: Arc<PlanningPolicy>,
    draw: DrawId,
    day: Day,
    pub(crate) budgets: Budgets,
    pub(crate) limits: Limits,
    pub(crate) standing: Vec<Standing>,
    alerted: Vec<bool>,
    race: Option<Raced>,
    sweeps: Vec<Option<Sweep>>,
    pub(crate) strata: Vec<Stratum>,
    /// Weights of supervisory checks by unit.
    pub(crate) weights: Vec<(u32, f64)>,
    clashes: Vec<Clash>,
}

impl<'a> Design<'a> {
    /// Designs a plan of `day` under the id of its draw. Constraints that the strata cannot keep are an
    /// error, unless the request relaxes them.
    pub fn new(
        policy: &Arc<PlanningPolicy>,
        request: &'a PlanRequest,
        pool: &'a Pool,
        view: &'a ModelView,
        day: Day,
        draw: DrawId,
    ) -> Result<Self, PlanError> {
        let rules = policy.rules.with(&request.rules)?;
        check_budgets(request)?;
        let sweeps = campaigns::sweeps(request, pool)?;
        let race = race::raced(request, pool)?;
        let limits = Limits::new(request, &rules, pool)?;
        let standing: Vec<Standing> = pool
            .candidates()
            .iter()
            .map(|candidate| Standing::of(candidate, &rules, day))
            .collect();
        let (budgets, mut clashes) = outlook::affordable(request, pool, view)?;
        let mut strata = strata::evaluations(pool, &rules, budgets.risk_evaluation);
        let weights = strata::check_weights(pool, &rules, &standing);
        let (checks, unkept) = strata::checks(
            pool,
            &rules,
            &weights,
            budgets.supervisory_check,
            &limits,
            &strata,
        );
        strata.extend(checks);
        clashes.extend(unkept.iter().map(|of| limits.unkept(*of, &budgets)));
        let asked = unkept.iter().any(|of| !limits.all[of.limit].is_derived());
        if (asked || clashes.len() > unkept.len()) && !request.relax {
            return Err(PlanError::Clashes(clashes));
        }
        Ok(Self {
            pool,
            view,
            request,
            rules,
            policy: Arc::clone(policy),
            draw,
            day,
            budgets,
            limits,
            standing,
            alerted: known::alerted(request, pool),
            race,
            sweeps,
            strata,
            weights,
            clashes,
        })
    }

    /// The strata, of risk evaluations first.
    pub fn strata(&self) -> &[Stratum] {
        &self.strata
    }

    /// Writes the text that is committed to: every stratum with its units, weights and probabilities.
    pub fn write_pool(&self, out: impl FnMut(&str)) {
        pool_text(
            &self.draw,
            &self.strata,
            |unit| &self.pool.get(unit).target,
            out,
        );
    }

    /// What is published before the draw.
    pub fn commit(&self, secret: &Secret) -> Commitment {
        let mut hash = Sha256::new();
        self.write_pool(|text| hash.update(text.as_bytes()));
        Commitment {
            draw: self.draw.clone(),
            pool_sha256: risk_domain::plan_act::hexadecimal(&hash.finalize()),
            secret_sha256: secret.commitment(),
            beacon: self.request.beacon.as_ref().map(|beacon| Beacon {
                source: beacon.source.clone(),
                round: beacon.round.clone(),
            }),
        }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            pool: self.pool,
            rules: &self.rules,
            view: self.view,
            limits: &self.limits,
            standing: &self.standing,
            campaigns: &self.request.campaigns,
            alerted: &self.alerted,
            race: self.race.as_ref(),
        }
    }

    /// Draws, chooses, and says what it means.
    pub fn draw(&self, key: &DrawKey) -> Result<Plan, PlanError> {
        let mut lines = lines::Lines::new(self, key);
        let mut chooser = Chooser::new(self.scene());
        for stratum in &self.strata {
            let drawn = self.draw_stratum(stratum, key)?;
            lines.drawn(stratum, &drawn, &mut chooser);
        }
        let unplaced = lines.owed(&mut chooser);
        let tie = SelectionMode::SpecialCheck;
        let ranked = self.ranking(key, tie);
        chooser.look(&ranked);
        let before = chooser.clone();
        let budgets = [
            self.budgets.special_check as usize,
            self.budgets.fast_test as usize,
        ];
        let targeted = chooser.choose(budgets, &ranked);
        let mut clashes = self.clashes.clone();
        clashes.extend(targeted.clashes.iter().cloned());
        if !targeted.clashes.is_empty() && !self.request.relax {
            return Err(PlanError::Clashes(clashes));
        }
        lines.targeted(&targeted)?;
        let exhausted: Vec<usize> = chooser.exhausted().collect();
        let outlook = outlook::Outlook::new(self, &before, &ranked, &targeted);
        let (lines, reserves) = lines.finish();
        let mut plan = Plan {
            draw: self.draw.clone(),
            day: self.day,
            policy_version: self.policy.version.clone(),
            policy_hash: self.policy.hash.clone(),
            budgets: self.budgets,
            shortfalls: self.shortfalls(&lines, &targeted, &exhausted),
            relaxed: clashes,
            overruns: chooser
                .overruns()
                .map(|(limit, by)| (limit.to_string(), by))
                .collect(),
            unplaced,
            expected: self.expected(&lines),
            curve: outlook.curve(),
            prices: outlook.prices(&chooser),
            precision: outlook::precision(self),
            ratios: known::reached(self.pool, &lines),
            race: race::listed(self.request, &lines),
            resting: BTreeMap::new(),
            barred: BTreeMap::new(),
            lines,
            reserves,
        };
        for standing in &self.standing {
            match standing {
                Standing::Eligible => {}
                Standing::Resting(why) => *plan.resting.entry(*why).or_default() += 1,
                Standing::Barred(why) => *plan.barred.entry(*why).or_default() += 1,
            }
        }
        Ok(plan)
    }

    fn ranking(&self, key: &DrawKey, mode: SelectionMode) -> Vec<u32> {
        let asked = self.budgets.special_check + self.budgets.fast_test;
        if asked == 0 {
            return Vec::new();
        }
        self.scene()
            .ranking(|unit| key.uniform(&self.draw, mode, &self.pool.get(unit).target.to_string()))
    }

    fn draw_stratum(&self, stratum: &Stratum, key: &DrawKey) -> Result<Drawn, DrawError> {
        let uniform = |text: &str| key.uniform(&self.draw, stratum.mode, text);
        let uniforms: Vec<f64> = stratum
            .units
            .iter()
            .map(|unit| uniform(&self.pool.get(unit.unit).target.to_string()))
            .collect();
        let start = uniform(&stratum.name);
        draw(
            stratum,
            &uniforms,
            start,
            reserves(stratum.quota, self.rules.reserves),
        )
    }

    fn expected(&self, lines: &[Line]) -> ExpectedFinds {
        // A sum of nothing is minus zero.
        let value = lines.iter().map(|line| line.finds).sum::<f64>() + 0.0;
        let variance: f64 = lines
            .iter()
            .map(|line| {
                let chance = line.finds * (1.0 - line.finds);
                let doubt = self
                    .pool
                    .find(&line.target)
                    .map_or(0.0, |at| self.pool.candidates()[at].variance);
                // How the expected find moves with the log-odds, by the logit's slope.
                let slope = line.finds * (1.0 - line.probability);
                chance + slope * slope * doubt
            })
            .sum();
        let reach = risk_stats::special::normal_quantile(0.5 + 0.5 * self.rules.confidence);
        let half = reach * libm::sqrt(variance);
        ExpectedFinds {
            value,
            lower: (value - half).max(0.0),
            upper: value + half + 0.0,
        }
    }

    fn shortfalls(&self, lines: &[Line], targeted: &Targeted, used: &[usize]) -> Vec<Shortfall> {
        let count = |mode| lines.iter().filter(|line| line.mode == mode).count() as u32;
        let mut shortfalls = Vec::new();
        for mode in SelectionMode::ALL {
            let (asked, planned) = (self.request.budgets.of(*mode), count(*mode));
            if planned >= asked {
                continue;
            }
            let affordable = self.budgets.of(*mode);
            let caps = used.iter().map(|at| &self.limits.all[*at]);
            let caps = crate::limits::names(caps.filter(|limit| limit.counts(*mode)));
            let cause = match mode {
                SelectionMode::EnforcementTest if planned < affordable => {
                    ShortfallCause::Leads(planned)
                }
                _any if planned >= affordable => ShortfallCause::Money,
                SelectionMode::SpecialCheck | SelectionMode::FastTest if !caps.is_empty() => {
                    ShortfallCause::Caps(caps)
                }
                SelectionMode::SupervisoryCheck if planned < self.weights.len() as u32 => {
                    ShortfallCause::Caps(caps)
                }
                SelectionMode::SpecialCheck => ShortfallCause::Pool(targeted.special.len() as u32),
                SelectionMode::FastTest => ShortfallCause::Pool(targeted.fast.len() as u32),
                SelectionMode::RiskEvaluation
                | SelectionMode::SupervisoryCheck
                | SelectionMode::EnforcementTest => ShortfallCause::Pool(planned),
            };
            shortfalls.push(Shortfall {
                mode: *mode,
                asked,
                planned,
                cause,
            });
        }
        shortfalls
    }
}

/// How many replacements a stratum names.
pub(crate) fn reserves(quota: u32, share: f64) -> usize {
    let share = libm::ceil(f64::from(quota) * share) as usize;
    share.max(5)
}

fn check_budgets(request: &PlanRequest) -> Result<(), FieldError> {
    for mode in SelectionMode::ALL {
        if request.budgets.of(*mode) > Budgets::MOST {
            let rule = format!("must be at most {}", Budgets::MOST);
            return Err(FieldError::new(format!("budgets.{mode}"), rule));
        }
    }
    if let Some(beacon) = &request.beacon
        && (beacon.source.is_empty() || beacon.round.is_empty())
    {
        return Err(FieldError::new("beacon", "must name a source and a round"));
    }
    Ok(())
}
