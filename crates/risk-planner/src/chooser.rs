//! Where the targeted modes go: most expected harm first, under caps and minima.
//!
//! Where the caps nest (a target in an enterprise in a zone) the greedy choice is the best there is: a
//! laminar family is a matroid. Where they cross, or a minimum is still owed, it is an integer program
//! (`crossing`).

mod race;

pub(crate) use race::Raced;

use crate::crossing;
use crate::evaluate::RaceSide;
use crate::limits::{Bound, Clash, Limit, Limits, names};
use crate::policy::Rules;
use crate::pool::{ModelView, Pool};
use crate::standing::Standing;
use crate::wire::request::Campaign;
use risk_domain::selection::SelectionMode;
use risk_stats::special::{logit, normal_quantile};
use std::collections::BTreeMap;

/// Above so many tests a program with crossing limits is not solved, but filled greedily.
const MOST_PROGRAMMED: usize = 3000;

/// What the targeted modes look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) rules: &'a Rules,
    pub(crate) view: &'a ModelView,
    pub(crate) limits: &'a Limits,
    pub(crate) standing: &'a [Standing],
    pub(crate) campaigns: &'a [Campaign],
    /// By unit, whether an open alert speaks of it.
    pub(crate) alerted: &'a [bool],
    /// Two lists that are held against each other.
    pub(crate) race: Option<&'a Raced>,
}

impl Scene<'_> {
    /// What a test of a unit in a mode is worth: expected finds by their harm.
    pub(crate) fn value(&self, unit: u32, mode: SelectionMode) -> f64 {
        let candidate = self.pool.get(unit);
        let finds = self.view.finds(mode, candidate.probability);
        if self.rules.harm_weighted {
            finds * candidate.harm
        } else {
            finds
        }
    }

    fn may(&self, unit: u32, mode: SelectionMode) -> bool {
        let standing = self.standing[unit as usize];
        let screened = mode == SelectionMode::FastTest;
        match standing {
            Standing::Eligible => {
                !screened
                    || self
                        .pool
                        .can_be_fast_tested(&self.pool.get(unit).target.product)
            }
            // Fast tests are no checks by law, but whom it spares has just been seen.
            Standing::Resting(_) | Standing::Barred(_) => false,
        }
    }

    /// All who may be targeted, the most harm first. Ties, and the noise of exploration, go by the
    /// uniform numbers of the draw.
    pub(crate) fn ranking(&self, uniform: impl Fn(u32) -> f64) -> Vec<u32> {
        let key = |unit: u32| {
            let candidate = self.pool.get(unit);
            let weight = if self.rules.harm_weighted {
                candidate.harm
            } else {
                1.0
            };
            if self.rules.temperature > 0.0 {
                let noise = normal_quantile(uniform(unit)) * libm::sqrt(candidate.variance);
                let moved = candidate.log_odds + self.rules.temperature * noise;
                libm::exp(moved.clamp(-30.0, 30.0)) * weight
            } else {
                libm::exp(logit(candidate.probability)) * weight
            }
        };
        let eligible = (0..self.pool.len() as u32)
            .filter(|unit| self.standing[*unit as usize] == Standing::Eligible);
        let mut ranked: Vec<(f64, u32)> = eligible.map(|unit| (key(unit), unit)).collect();
        ranked.sort_unstable_by(|one, other| {
            other.0.total_cmp(&one.0).then_with(|| {
                let (u, v) = (uniform(one.1), uniform(other.1));
                u.total_cmp(&v).then(one.1.cmp(&other.1))
            })
        });
        ranked.into_iter().map(|(_, unit)| unit).collect()
    }
}

/// A unit that was chosen, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) unit: u32,
    pub(crate) why: Why,
}

/// Why a targeted unit was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Why {
    /// It ranks among those with most expected harm.
    Harm,
    /// An open alert speaks of it.
    Alert,
    /// It fits a campaign: which of the request's.
    Campaign(usize),
    /// It stands on a list of a race.
    Race(RaceSide),
}

/// What the targeted modes take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targeted {
    pub(crate) special: Vec<Chosen>,
    pub(crate) fast: Vec<Chosen>,
    pub(crate) clashes: Vec<Clash>,
}

/// What is left of limits and enterprises while units are taken.
#[derive(Debug, Clone)]
pub(crate) struct Chooser<'a> {
    scene: Scene<'a>,
    /// What the caps still allow; what was drawn may have passed them already.
    left: Vec<i64>,
    /// What the minima still want.
    pub(crate) owed: Vec<u32>,
    taken: Vec<bool>,
    /// Targets of each enterprise that the mode at hand has taken.
    of_enterprise: BTreeMap<u32, u32>,
    /// Whether caps overlap without one holding the other.
    caps_cross: bool,
}

impl<'a> Chooser<'a> {
    pub(crate) fn new(scene: Scene<'a>) -> Self {
        let left = |limit: &Limit| match limit.bound {
            Bound::AtMost => i64::from(limit.tests),
            Bound::AtLeast => i64::MAX,
        };
        let owed = |limit: &Limit| match limit.bound {
            Bound::AtMost => 0,
            Bound::AtLeast => limit.tests,
        };
        Self {
            left: scene.limits.all.iter().map(left).collect(),
            owed: scene.limits.all.iter().map(owed).collect(),
            taken: vec![false; scene.pool.len()],
            of_enterprise: BTreeMap::new(),
            caps_cross: false,
            scene,
        }
    }

    /// Takes a unit, whatever the limits say.
    pub(crate) fn count(&mut self, unit: u32, mode: SelectionMode) {
        self.taken[unit as usize] = true;
        for at in self.scene.limits.counted(unit, mode) {
            self.left[at] = self.left[at].saturating_sub(1);
            self.owed[at] = self.owed[at].saturating_sub(1);
        }
    }

    /// Allows so many tests more of a cap, or wants so many more of a minimum.
    pub(crate) fn move_limit(&mut self, at: usize, by: i64) {
        match self.scene.limits.all[at].bound {
            Bound::AtMost => self.left[at] = self.left[at].saturating_add(by),
            Bound::AtLeast => {
                let owed = i64::from(self.owed[at]).saturating_add(by);
                self.owed[at] = owed.clamp(0, i64::from(u32::MAX)) as u32;
            }
        }
    }

    /// Caps that are passed, and by how many tests.
    pub(crate) fn overruns(&self) -> impl Iterator<Item = (&'a Limit, u32)> + '_ {
        let all = self.scene.limits.all.iter().zip(&self.left);
        all.filter(|(limit, left)| limit.bound == Bound::AtMost && **left < 0)
            .map(|(limit, left)| (limit, left.unsigned_abs() as u32))
    }

    /// Caps that are used up.
    pub(crate) fn exhausted(&self) -> impl Iterator<Item = usize> + '_ {
        let all = self.scene.limits.all.iter().zip(&self.left).enumerate();
        all.filter(|(_, (limit, left))| limit.bound == Bound::AtMost && **left <= 0)
            .map(|(at, _)| at)
    }

    fn fits(&self, unit: u32, mode: SelectionMode) -> bool {
        let enterprise = self.scene.pool.enterprise(unit);
        let of_enterprise = self.of_enterprise.get(&enterprise).copied().unwrap_or(0);
        !self.taken[unit as usize]
            && of_enterprise < self.scene.rules.enterprise_per_plan
            && self.scene.may(unit, mode)
            && self
                .scene
                .limits
                .counted(unit, mode)
                .all(|at| self.left[at] > 0)
    }

    fn take(&mut self, unit: u32, mode: SelectionMode) {
        self.count(unit, mode);
        *self
            .of_enterprise
            .entry(self.scene.pool.enterprise(unit))
            .or_default() += 1;
    }

    fn fill(
        &mut self,
        mode: SelectionMode,
        most: usize,
        order: &[u32],
        wanted: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let mut found = Vec::new();
        for unit in order {
            if found.len() >= most {
                break;
            }
            if wanted(*unit) && self.fits(*unit, mode) {
                self.take(*unit, mode);
                found.push(*unit);
            }
        }
        found
    }

    /// Chooses for special checks and fast tests, after what was drawn has been counted.
    pub(crate) fn choose(&mut self, budgets: [usize; 2], order: &[u32]) -> Targeted {
        let [special, fast] = budgets;
        let mode = SelectionMode::SpecialCheck;
        let mut targeted = Targeted::default();
        let scene = self.scene;
        if let Some(raced) = scene.race {
            targeted.special = self.race(raced, special, order);
        }
        let free = special - targeted.special.len();
        let kept = libm::ceil(scene.rules.alert_share * free as f64 - 1e-9) as usize;
        let alerted = self.fill(mode, kept.min(free), order, |unit| {
            scene.alerted[unit as usize]
        });
        targeted
            .special
            .extend(alerted.into_iter().map(|unit| Chosen {
                unit,
                why: Why::Alert,
            }));
        for (at, campaign) in scene.campaigns.iter().enumerate() {
            let room = special - targeted.special.len();
            let most = room.min(campaign.tests as usize);
            let found = self.fill(mode, most, order, |unit| {
                campaign.fits(scene.pool, scene.pool.get(unit))
            });
            targeted
                .special
                .extend(found.into_iter().map(|unit| Chosen {
                    unit,
                    why: Why::Campaign(at),
                }));
        }
        let rest = [special - targeted.special.len(), fast];
        let chosen = if self.crosses() && rest[0] + rest[1] <= MOST_PROGRAMMED {
            let program = self.program(rest, order);
            let solved = crossing::solve(&program);
            targeted.clashes = self.clashes(&solved, rest);
            for (mode, units) in MODES.iter().zip(&solved.chosen) {
                for unit in units {
                    self.take(*unit, *mode);
                }
            }
            solved.chosen
        } else {
            let in_special = self.minima_first(MODES[0], rest[0], order);
            self.of_enterprise.clear();
            let in_fast = self.minima_first(MODES[1], rest[1], order);
            targeted.clashes = self.unmet(rest);
            [in_special, in_fast]
        };
        self.of_enterprise.clear();
        let by_harm = |unit: u32| Chosen {
            unit,
            why: Why::Harm,
        };
        let [in_special, in_fast] = chosen;
        targeted.special.extend(in_special.into_iter().map(by_harm));
        targeted.fast.extend(in_fast.into_iter().map(by_harm));
        targeted
    }

    fn minima_first(&mut self, mode: SelectionMode, most: usize, order: &[u32]) -> Vec<u32> {
        let scene = self.scene;
        let mut found = Vec::new();
        for at in 0..self.owed.len() {
            let wanted = (self.owed[at] as usize).min(most - found.len());
            let of = |unit: u32| scene.limits.counted(unit, mode).any(|of| of == at);
            found.extend(self.fill(mode, wanted, order, of));
        }
        let rest = most - found.len();
        found.extend(self.fill(mode, rest, order, |_| true));
        let place = |unit: &u32| order.iter().position(|of| of == unit);
        if found.len() < 2000 {
            found.sort_by_key(place);
        }
        found
    }

    /// Whether greedy choice may be wrong: a minimum is still owed, or caps cross.
    fn crosses(&self) -> bool {
        let targets = |limit: &Limit| MODES.iter().any(|mode| limit.counts(*mode));
        let mut owed = self.scene.limits.all.iter().zip(&self.owed);
        self.caps_cross || owed.any(|(limit, owed)| *owed > 0 && targets(limit))
    }

    /// Looks once at all who may be chosen, for caps that overlap without one holding the other.
    pub(crate) fn look(&mut self, order: &[u32]) {
        let limits = self.scene.limits;
        if limits.all.is_empty() {
            return;
        }
        let targets = |limit: &Limit| MODES.iter().any(|mode| limit.counts(*mode));
        let caps = |at: &&u16| {
            let limit = &limits.all[usize::from(**at)];
            limit.bound == Bound::AtMost && targets(limit)
        };
        let mut sizes: BTreeMap<u16, usize> = BTreeMap::new();
        let mut shared: BTreeMap<(u16, u16), usize> = BTreeMap::new();
        let mut of_enterprise: BTreeMap<u32, Option<&[u16]>> = BTreeMap::new();
        for unit in order {
            let of = limits.of(*unit);
            for one in of.iter().filter(caps) {
                *sizes.entry(*one).or_default() += 1;
                for other in of.iter().filter(caps).filter(|other| *other > one) {
                    *shared.entry((*one, *other)).or_default() += 1;
                }
            }
            // An enterprise with targets under different limits crosses them.
            of_enterprise
                .entry(self.scene.pool.enterprise(*unit))
                .and_modify(|known| *known = known.filter(|known| *known == of))
                .or_insert(Some(of));
        }
        let nested = shared.iter().all(|((one, other), both)| {
            sizes.get(one) == Some(both) || sizes.get(other) == Some(both)
        });
        self.caps_cross = !nested || of_enterprise.values().any(Option::is_none);
    }

    fn program(&self, budgets: [usize; 2], order: &[u32]) -> crossing::Program<'a> {
        let scene = self.scene;
        let may = |mode: SelectionMode| {
            move |unit: &u32| !self.taken[*unit as usize] && scene.may(*unit, mode)
        };
        crossing::Program {
            scene,
            budgets,
            order: order
                .iter()
                .copied()
                .filter(|unit| MODES.iter().any(|mode| may(*mode)(unit)))
                .collect(),
            left: self.left.clone(),
            owed: self.owed.clone(),
            used: self.of_enterprise.clone(),
        }
    }

    /// Minima that greedy choice left unmet.
    fn unmet(&self, budgets: [usize; 2]) -> Vec<Clash> {
        let all = self.scene.limits.all.iter().zip(&self.owed).enumerate();
        // Minima of checks are kept by their strata, and of enforcement by what is owed.
        let elsewhere = [
            Some(SelectionMode::SupervisoryCheck),
            Some(SelectionMode::EnforcementTest),
        ];
        let short = all.filter(|(_, (limit, owed))| **owed > 0 && !elsewhere.contains(&limit.mode));
        short
            .map(|(at, (limit, owed))| self.clash(at, limit, limit.tests - owed, budgets))
            .collect()
    }

    fn clashes(&self, solved: &crossing::Solved, budgets: [usize; 2]) -> Vec<Clash> {
        let mut after = self.clone();
        for (mode, units) in MODES.iter().zip(&solved.chosen) {
            for unit in units {
                after.take(*unit, *mode);
            }
        }
        after.unmet(budgets)
    }

    /// A limit that is not kept, and what stands against it.
    fn clash(&self, at: usize, limit: &Limit, nearest: u32, budgets: [usize; 2]) -> Clash {
        let limits = self.scene.limits;
        let shares = |cap: &usize| {
            (0..self.scene.pool.len() as u32).any(|unit| {
                let of = limits.of(unit);
                of.contains(&(at as u16)) && of.contains(&(*cap as u16))
            })
        };
        let caps = self.exhausted().filter(shares).map(|cap| &limits.all[cap]);
        let mut against = names(caps);
        let room = MODES
            .iter()
            .zip(budgets)
            .filter(|(mode, _)| limit.counts(**mode));
        let room: usize = room.map(|(_, budget)| budget).sum();
        let open = (0..self.scene.pool.len() as u32)
            .filter(|unit| limits.of(*unit).contains(&(at as u16)))
            .filter(|unit| self.scene.standing[*unit as usize] == Standing::Eligible)
            .count();
        if open <= nearest as usize {
            against.push(format!("{open} targets of {} may be targeted", limit.group));
        }
        if against.is_empty() {
            against.push(format!("budgets: {room} special checks and fast tests"));
        }
        Clash {
            limit: limit.to_string(),
            nearest,
            against,
        }
    }
}

/// The targeted modes, in the order in which they choose.
pub(crate) const MODES: [SelectionMode; 2] = [SelectionMode::SpecialCheck, SelectionMode::FastTest];
