//! Special checks and fast tests where limits cross or minima are owed: an integer program.
//!
//! Maximise Σ value·x over 0/1 choices of a unit for a mode, under the budgets, one mode a unit, the
//! caps and the enterprise's share. Minima are soft with a price that outweighs all values, so that
//! the program always has a solution, and what it gives up is the nearest relaxation. The solver is
//! exact, takes no time limit and draws no chance: the same program gives the same choice.

use crate::chooser::{MODES, Scene};
use crate::limits::Bound;
use good_lp::{
    Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable,
};
use std::collections::BTreeMap;

/// Units that a program looks at beyond those that its minima need, as a multiple of the budgets.
const BREADTH: usize = 3;
/// And at least so many.
const LEAST: usize = 300;

/// A choice under crossing limits.
#[derive(Debug, Clone)]
pub(crate) struct Program<'a> {
    pub(crate) scene: Scene<'a>,
    /// Tests of [`MODES`].
    pub(crate) budgets: [usize; 2],
    /// Who may be chosen, the most harm first.
    pub(crate) order: Vec<u32>,
    /// What the caps still allow.
    pub(crate) left: Vec<i64>,
    /// What the minima still want.
    pub(crate) owed: Vec<u32>,
    /// Special checks that enterprises already have.
    pub(crate) used: BTreeMap<u32, u32>,
}

/// What was chosen, the most harm first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Solved {
    pub(crate) chosen: [Vec<u32>; 2],
}

impl Program<'_> {
    /// The units that can matter: of every group of limits the best, as many as could be taken. A unit
    /// behind so many better ones under the same limits is in no best choice.
    fn shortlist(&self) -> Vec<u32> {
        let budget: usize = self.budgets.iter().sum();
        let limits = self.scene.limits;
        let mut of_group: BTreeMap<&[u16], usize> = BTreeMap::new();
        let mut of_enterprise: BTreeMap<(u32, &[u16]), u32> = BTreeMap::new();
        let most = (BREADTH * budget).max(LEAST);
        let mut kept = Vec::new();
        for unit in &self.order {
            let group = limits.of(*unit);
            let needed = group.iter().any(|at| self.owed[usize::from(*at)] > 0);
            if kept.len() >= most && !needed {
                continue;
            }
            let so_far = of_group.entry(group).or_default();
            let owner = (self.scene.pool.enterprise(*unit), group);
            let of_owner = of_enterprise.entry(owner).or_default();
            // Two modes may each take the enterprise's share.
            if *so_far >= budget || *of_owner >= 2 * self.scene.rules.enterprise_per_plan {
                continue;
            }
            *so_far += 1;
            *of_owner += 1;
            kept.push(*unit);
        }
        kept
    }
}

/// A program as the solver takes it.
#[derive(Default)]
struct Formulation {
    variables: ProblemVariables,
    worth: Expression,
    of_mode: [Expression; 2],
    of_unit: Vec<Vec<Variable>>,
    of_limit: BTreeMap<usize, Expression>,
    /// By enterprise and mode: the sum, and of how many it is.
    of_enterprise: BTreeMap<(u32, usize), (Expression, u32)>,
    /// Every choice, with the place of its mode and its unit.
    choices: Vec<(Variable, usize, u32)>,
    /// What minima lack, by limit.
    short: BTreeMap<usize, Variable>,
}

impl Formulation {
    fn of(program: &Program<'_>) -> Self {
        let mut all = Self::default();
        let mut greatest = 0.0_f64;
        for unit in program.shortlist() {
            let mut own = Vec::new();
            for place in 0..MODES.len() {
                if let Some(value) = program.open(unit, place) {
                    greatest = greatest.max(value);
                    own.push(all.choice(program, unit, place, value));
                }
            }
            all.of_unit.push(own);
        }
        let price = 1000.0 * greatest.max(1e-9);
        for (at, owed) in program.owed.iter().enumerate() {
            if *owed > 0 && all.of_limit.contains_key(&at) {
                let slack = all.variables.add(variable().min(0.0).max(f64::from(*owed)));
                all.worth -= price * slack;
                all.short.insert(at, slack);
            }
        }
        all
    }

    fn choice(&mut self, program: &Program<'_>, unit: u32, place: usize, value: f64) -> Variable {
        let scene = program.scene;
        let chosen = self.variables.add(variable().binary());
        self.worth += value * chosen;
        self.of_mode[place] += chosen;
        for at in scene.limits.counted(unit, MODES[place]) {
            *self.of_limit.entry(at).or_default() += chosen;
        }
        let owner = (scene.pool.enterprise(unit), place);
        let (sum, count) = self.of_enterprise.entry(owner).or_default();
        *sum += chosen;
        *count += 1;
        self.choices.push((chosen, place, unit));
        chosen
    }
}

impl Program<'_> {
    /// What a unit is worth to a mode that may take it.
    fn open(&self, unit: u32, place: usize) -> Option<f64> {
        let (scene, mode) = (self.scene, MODES[place]);
        let product = &scene.pool.get(unit).target.product;
        let screened = place == 1 && !scene.pool.can_be_fast_tested(product);
        let closed = scene
            .limits
            .counted(unit, mode)
            .any(|at| self.left[at] <= 0);
        let may = self.budgets[place] > 0 && !screened && !closed;
        may.then(|| scene.value(unit, mode))
    }
}

/// Solves a program.
pub(crate) fn solve(program: &Program<'_>) -> Solved {
    let scene = program.scene;
    let all = Formulation::of(program);
    let mut model = all.variables.maximise(all.worth).using(microlp);
    for (sum, budget) in all.of_mode.into_iter().zip(program.budgets) {
        model = model.with(constraint!(sum <= budget as f64));
    }
    for own in all.of_unit.iter().filter(|own| own.len() > 1) {
        let sum: Expression = own.iter().copied().sum();
        model = model.with(constraint!(sum <= 1.0));
    }
    for ((enterprise, place), (sum, count)) in all.of_enterprise {
        let used = if place == 0 {
            program.used.get(&enterprise).copied().unwrap_or(0)
        } else {
            0
        };
        let room = scene.rules.enterprise_per_plan.saturating_sub(used);
        if count > room {
            model = model.with(constraint!(sum <= f64::from(room)));
        }
    }
    for (at, sum) in all.of_limit {
        match scene.limits.all[at].bound {
            Bound::AtMost => {
                model = model.with(constraint!(sum <= program.left[at] as f64));
            }
            Bound::AtLeast => {
                if let Some(slack) = all.short.get(&at) {
                    model = model.with(constraint!(sum + *slack >= f64::from(program.owed[at])));
                }
            }
        }
    }
    // The program has a solution, nothing chosen; a solver that finds none leaves the choice empty.
    let Ok(found) = model.solve() else {
        return Solved::default();
    };
    let mut solved = Solved::default();
    for (chosen, place, unit) in all.choices {
        if found.value(chosen) > 0.5 {
            solved.chosen[place].push(unit);
        }
    }
    solved
}
