//! What a plan means: smaller and larger budgets, what constraints cost, how precise it makes rates.

use crate::chooser::{Chooser, Targeted};
use crate::limits::{Bound, Clash, FieldError};
use crate::plan::Design;
use crate::pool::{ModelView, Pool};
use crate::wire::request::{Budgets, PlanRequest};
use risk_domain::selection::SelectionMode;
use risk_stats::allocation::inclusion_probabilities;
use std::collections::BTreeMap;

/// Budgets of the curve, as shares of those planned.
const SHARES: [f64; 5] = [0.8, 0.9, 1.0, 1.1, 1.2];
/// Weeks of a quarter.
const QUARTER: f64 = 13.0;

/// Expected finds under other budgets（预算曲线）.
#[doc(alias = "预算曲线")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetPoint {
    /// Share of the budgets as planned.
    pub share: f64,
    /// The budgets.
    pub budgets: Budgets,
    /// Expected finds of the drawn and targeted modes, before chance has spoken. What is owed is owed
    /// whatever the budget, and not counted.
    pub finds: f64,
}

/// What one more of a constraint would bring（影子价格）.
#[doc(alias = "影子价格")]
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowPrice {
    /// The constraint, as the request names it.
    pub constraint: String,
    /// Expected finds that one test more of a budget or cap, or one less of a minimum, brings.
    pub finds: f64,
}

/// How precisely a plan lets the pass rate of a part of the frame be told（预期精度）.
#[doc(alias = "预期精度")]
#[derive(Debug, Clone, PartialEq)]
pub struct Precision {
    /// `zone`, `sector` or `city`.
    pub kind: &'static str,
    /// Its id; empty for the city.
    pub id: String,
    /// Targets in it.
    pub targets: u32,
    /// Mean probability of a failure.
    pub rate: f64,
    /// Standard error of the rate after this plan alone; none where nothing of it is drawn.
    pub standard_error: Option<f64>,
    /// Standard error after a quarter of such plans.
    pub quarterly: Option<f64>,
}

/// What is looked at from a plan.
pub(crate) struct Outlook<'a, 'd> {
    design: &'a Design<'d>,
    /// After what was drawn and is owed.
    before: &'a Chooser<'a>,
    ranked: &'a [u32],
    /// Expected finds of the targeted modes as planned.
    targeted: f64,
}

impl<'a, 'd> Outlook<'a, 'd> {
    pub(crate) fn new(
        design: &'a Design<'d>,
        before: &'a Chooser<'a>,
        ranked: &'a [u32],
        targeted: &Targeted,
    ) -> Self {
        Self {
            targeted: finds(design, targeted),
            design,
            before,
            ranked,
        }
    }

    /// Expected finds under shares of the budgets.
    pub(crate) fn curve(&self) -> Vec<BudgetPoint> {
        let base = self.design.budgets;
        let point = |share: f64| {
            let budgets = base.scaled(share);
            let targeted = if budgets == base {
                self.targeted
            } else {
                self.targeted_with(budgets, None)
            };
            let finds = self.evaluations(budgets.risk_evaluation)
                + self.checks(budgets.supervisory_check)
                + targeted;
            BudgetPoint {
                share,
                budgets,
                finds,
            }
        };
        SHARES.into_iter().map(point).collect()
    }

    /// Expected finds of evaluations, if there were so many.
    fn evaluations(&self, budget: u32) -> f64 {
        let planned = self.design.budgets.risk_evaluation;
        let all: f64 = self.drawn(SelectionMode::RiskEvaluation);
        if planned == 0 {
            0.0
        } else {
            all * f64::from(budget) / f64::from(planned)
        }
    }

    fn drawn(&self, mode: SelectionMode) -> f64 {
        let strata = self.design.strata.iter().filter(|of| of.mode == mode);
        let units = strata.flat_map(|stratum| &stratum.units);
        units
            .map(|unit| {
                let p = self.design.pool.get(unit.unit).probability;
                unit.probability * self.design.view.finds(mode, p)
            })
            .sum()
    }

    /// Expected finds of supervisory checks, if there were so many.
    fn checks(&self, budget: u32) -> f64 {
        let mode = SelectionMode::SupervisoryCheck;
        let planned = self.design.budgets.supervisory_check;
        if budget == planned {
            return self.drawn(mode);
        }
        let sizes: Vec<f64> = self.design.weights.iter().map(|(_, size)| *size).collect();
        let with = |budget: u32| {
            let budget = (budget as usize).min(sizes.len());
            let probabilities = inclusion_probabilities(&sizes, budget).unwrap_or_default();
            let units = self.design.weights.iter().zip(probabilities);
            let expected = units.map(|((unit, _), probability)| {
                let p = self.design.pool.get(*unit).probability;
                probability * self.design.view.finds(mode, p)
            });
            expected.sum::<f64>()
        };
        // Strata move the whole; the difference is told as if there were none.
        self.drawn(mode) + with(budget) - with(planned)
    }

    fn targeted_with(&self, budgets: Budgets, moved: Option<(usize, i64)>) -> f64 {
        let mut chooser = self.before.clone();
        if let Some((limit, by)) = moved {
            chooser.move_limit(limit, by);
        }
        let budgets = [budgets.special_check as usize, budgets.fast_test as usize];
        finds(self.design, &chooser.choose(budgets, self.ranked))
    }

    /// Prices of the budgets, and of the limits that bind.
    pub(crate) fn prices(&self, after: &Chooser<'_>) -> Vec<ShadowPrice> {
        let base = self.design.budgets;
        let mut prices = Vec::new();
        let mut of_budget = |mode: SelectionMode, finds: f64| {
            if base.of(mode) > 0 {
                prices.push(ShadowPrice {
                    constraint: format!("budgets.{mode}"),
                    finds,
                });
            }
        };
        let evaluations = base.risk_evaluation;
        of_budget(
            SelectionMode::RiskEvaluation,
            self.evaluations(evaluations + 1) - self.evaluations(evaluations),
        );
        let checks = base.supervisory_check;
        of_budget(
            SelectionMode::SupervisoryCheck,
            self.checks(checks + 1) - self.checks(checks),
        );
        let mut more = base;
        more.special_check += 1;
        of_budget(
            SelectionMode::SpecialCheck,
            self.targeted_with(more, None) - self.targeted,
        );
        let mut more = base;
        more.fast_test += 1;
        of_budget(
            SelectionMode::FastTest,
            self.targeted_with(more, None) - self.targeted,
        );
        let limits = &self.design.limits.all;
        for at in after.exhausted() {
            let finds = self.targeted_with(base, Some((at, 1))) - self.targeted;
            prices.push(ShadowPrice {
                constraint: limits[at].to_string(),
                finds,
            });
        }
        let minima = limits.iter().enumerate();
        for (at, limit) in minima.filter(|(_, limit)| limit.bound == Bound::AtLeast) {
            if self.before.owed[at] > 0 {
                let finds = self.targeted_with(base, Some((at, -1))) - self.targeted;
                prices.push(ShadowPrice {
                    constraint: limit.to_string(),
                    finds,
                });
            }
        }
        prices
    }
}

fn finds(design: &Design<'_>, targeted: &Targeted) -> f64 {
    let of = |mode, chosen: &[crate::chooser::Chosen]| -> f64 {
        let p = |unit: u32| design.pool.get(unit).probability;
        chosen
            .iter()
            .map(|one| design.view.finds(mode, p(one.unit)))
            .sum()
    };
    of(SelectionMode::SpecialCheck, &targeted.special) + of(SelectionMode::FastTest, &targeted.fast)
}

/// Precision of the city, its zones and its sectors: of the two drawn modes each estimates the mean of
/// what differs from the model, Σ (1 − π)/π · p(1 − p) / N² wide, and they are weighed together.
pub(crate) fn precision(design: &Design<'_>) -> Vec<Precision> {
    #[derive(Default)]
    struct Part {
        targets: u32,
        rate: f64,
        /// Σ (1 − π)/π · p(1 − p) of evaluations and of checks, and units of them.
        spread: [f64; 2],
        units: [u32; 2],
    }
    let mut parts: BTreeMap<(&'static str, String), Part> = BTreeMap::new();
    // Zones nest; a unit counts in all that it lies in. Ids are few, units are many.
    let mut ids: BTreeMap<(&risk_domain::ids::ZoneId, &risk_domain::ids::SectorCode), usize> =
        BTreeMap::new();
    let mut cells: Vec<Part> = Vec::new();
    let mut of_unit = Vec::with_capacity(design.pool.len());
    for candidate in design.pool.candidates() {
        let next = ids.len();
        let at = *ids
            .entry((&candidate.zone, &candidate.sector))
            .or_insert(next);
        if at == cells.len() {
            cells.push(Part::default());
        }
        cells[at].targets += 1;
        cells[at].rate += candidate.probability;
        of_unit.push(at);
    }
    for stratum in &design.strata {
        let place = usize::from(stratum.mode != SelectionMode::RiskEvaluation);
        for unit in &stratum.units {
            let p = design.pool.get(unit.unit).probability;
            let part = &mut cells[of_unit[unit.unit as usize]];
            part.spread[place] += (1.0 - unit.probability) / unit.probability * p * (1.0 - p);
            part.units[place] += 1;
        }
    }
    for ((zone, sector), at) in ids {
        let cell = &cells[at];
        let mut add = |kind, id: String| {
            let part = parts.entry((kind, id)).or_default();
            part.targets += cell.targets;
            part.rate += cell.rate;
            for place in 0..2 {
                part.spread[place] += cell.spread[place];
                part.units[place] += cell.units[place];
            }
        };
        add("city", String::new());
        for zone in design.pool.zone_path(zone) {
            add("zone", zone.to_string());
        }
        add("sector", sector.to_string());
    }
    let finish = |((kind, id), part): ((&'static str, String), Part)| {
        let size = f64::from(part.targets);
        // A mode tells of a part only if it can draw nearly all of it.
        let tells = |place: usize| f64::from(part.units[place]) >= 0.9 * size;
        let known: f64 = (0..2)
            .filter(|place| tells(*place))
            .map(|place| size * size / part.spread[place].max(1e-12))
            .sum();
        let error = (known > 0.0).then(|| 1.0 / libm::sqrt(known));
        Precision {
            kind,
            id,
            targets: part.targets,
            rate: part.rate / size,
            standard_error: error,
            quarterly: error.map(|error| error / libm::sqrt(QUARTER)),
        }
    };
    parts.into_iter().map(finish).collect()
}

/// Budgets that the money allows. Where it does not reach, the mode that finds least for its money
/// gives way first; risk evaluations and what is owed last.
pub(crate) fn affordable(
    request: &PlanRequest,
    pool: &Pool,
    view: &ModelView,
) -> Result<(Budgets, Vec<Clash>), FieldError> {
    let mut budgets = request.budgets;
    let Some(money) = &request.money else {
        return Ok((budgets, Vec::new()));
    };
    let sound = |value: f64| value.is_finite() && value >= 0.0;
    if !sound(money.total) {
        return Err(FieldError::new(
            "money.total",
            "must be finite and not negative",
        ));
    }
    if let Some((mode, _)) = money.per_test.iter().find(|(_, price)| !sound(**price)) {
        let field = format!("money.per_test.{mode}");
        return Err(FieldError::new(field, "must be finite and not negative"));
    }
    let price = |mode| money.per_test.get(&mode).copied().unwrap_or(0.0);
    let cost = |budgets: &Budgets| -> f64 {
        let modes = SelectionMode::ALL.iter();
        modes
            .map(|mode| f64::from(budgets.of(*mode)) * price(*mode))
            .sum()
    };
    let asked = cost(&budgets);
    if asked <= money.total {
        return Ok((budgets, Vec::new()));
    }
    let mean = pool
        .candidates()
        .iter()
        .map(|of| of.probability)
        .sum::<f64>()
        / pool.len().max(1) as f64;
    let mut order = [
        SelectionMode::FastTest,
        SelectionMode::SpecialCheck,
        SelectionMode::SupervisoryCheck,
    ];
    let per_yuan = |mode: &SelectionMode| view.finds(*mode, mean) / price(*mode).max(1e-9);
    order.sort_by(|one, other| per_yuan(one).total_cmp(&per_yuan(other)));
    let last = [
        SelectionMode::RiskEvaluation,
        SelectionMode::EnforcementTest,
    ];
    for mode in order.into_iter().chain(last) {
        let over = cost(&budgets) - money.total;
        if over <= 0.0 || price(mode) <= 0.0 {
            continue;
        }
        let fewer = libm::ceil(over / price(mode) - 1e-9) as u32;
        let budget = match mode {
            SelectionMode::RiskEvaluation => &mut budgets.risk_evaluation,
            SelectionMode::SupervisoryCheck => &mut budgets.supervisory_check,
            SelectionMode::SpecialCheck => &mut budgets.special_check,
            SelectionMode::FastTest => &mut budgets.fast_test,
            SelectionMode::EnforcementTest => &mut budgets.enforcement_test,
        };
        *budget = budget.saturating_sub(fewer);
    }
    let tests = |budgets: &Budgets| -> u32 {
        SelectionMode::ALL
            .iter()
            .map(|mode| budgets.of(*mode))
            .sum()
    };
    let clash = Clash {
        limit: format!("budgets: {} tests", tests(&request.budgets)),
        nearest: tests(&budgets),
        against: vec![format!(
            "money: {} yuan where the budgets cost {asked}",
            money.total
        )],
    };
    Ok((budgets, vec![clash]))
}
