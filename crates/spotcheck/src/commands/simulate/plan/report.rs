//! How the policies did, one against another.

use super::play::{BURN_IN, Outcome, Quarter};
use super::policies::Policy;
use risk_sim::ReferenceSettings;
use risk_sim::reference_city::MODES;
use serde_json::{Value, json};
use std::ops::Range;

/// Policies that the others are held against.
const AGAINST: [&str; 2] = ["random", "points"];

pub(super) struct Report<'a> {
    policies: &'a [Policy],
    seeds: &'a Range<u64>,
    played: &'a [Vec<Outcome>],
}

/// A mean and its standard error over cities.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mean {
    pub(super) value: f64,
    pub(super) error: f64,
}

impl Mean {
    pub(super) fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let value = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|one| (one - value) * (one - value)).sum();
        let error = if values.len() > 1 {
            (squares / (count - 1.0) / count).sqrt()
        } else {
            0.0
        };
        Self { value, error }
    }

    /// Ratio of two means over the same cities, with its error by the delta method.
    pub(super) fn ratio(values: &[f64], others: &[f64]) -> Self {
        let (mean, other) = (Self::of(values).value, Self::of(others).value);
        let value = mean / other;
        let apart: Vec<f64> = values
            .iter()
            .zip(others)
            .map(|(one, other)| one - value * other)
            .collect();
        Self {
            value,
            error: Self::of(&apart).error / other,
        }
    }

    fn json(self) -> Value {
        json!({ "value": self.value, "standard_error": self.error })
    }
}

impl<'a> Report<'a> {
    pub(super) fn new(
        policies: &'a [Policy],
        seeds: &'a Range<u64>,
        played: &'a [Vec<Outcome>],
    ) -> Self {
        Self {
            policies,
            seeds,
            played,
        }
    }

    fn totals(&self, at: usize) -> Vec<f64> {
        self.played[at].iter().map(Outcome::total).collect()
    }

    fn against(&self, name: &str) -> Option<Vec<f64>> {
        let at = self
            .policies
            .iter()
            .position(|policy| policy.name == name)?;
        Some(self.totals(at))
    }

    fn error(&self, at: usize, of: impl Fn(&Quarter) -> Option<f64>) -> Option<f64> {
        let quarters = self.played[at].iter().flat_map(|one| &one.quarters);
        let squares: Vec<f64> = quarters
            .filter_map(|quarter| Some((of(quarter)? - quarter.truth).powi(2)))
            .collect();
        (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
    }

    fn cover(&self, at: usize) -> Option<f64> {
        let quarters = self.played[at].iter().flat_map(|one| &one.quarters);
        let held: Vec<f64> = quarters
            .filter_map(|quarter| {
                let (_, lower, upper) = quarter.design?;
                let holds = lower <= quarter.truth && quarter.truth <= upper;
                Some(f64::from(u8::from(holds)))
            })
            .collect();
        (!held.is_empty()).then(|| held.iter().sum::<f64>() / held.len() as f64)
    }

    /// RMSE of the quarterly rate: design-based where draws of known probability correct the model,
    /// from risk evaluations alone otherwise.
    fn design(&self, at: usize) -> Option<f64> {
        self.error(at, |quarter| quarter.design.map(|(value, _, _)| value))
            .or_else(|| self.error(at, |quarter| quarter.random))
    }

    pub(super) fn json(&self) -> Value {
        let policies: Vec<Value> = (0..self.policies.len()).map(|at| self.policy(at)).collect();
        let settings = ReferenceSettings::default();
        json!({
            "seeds": [self.seeds.start, self.seeds.end],
            "weeks": settings.weeks - BURN_IN,
            "budget": MODES
                .iter()
                .zip(settings.budget)
                .map(|(mode, tests)| (mode.code().to_owned(), json!(tests)))
                .collect::<serde_json::Map<String, Value>>(),
            "policies": policies,
        })
    }

    fn policy(&self, at: usize) -> Value {
        let totals = self.totals(at);
        let found = Mean::of(&totals);
        let played = &self.played[at];
        let mean =
            |of: fn(&Outcome) -> f64| Mean::of(&played.iter().map(of).collect::<Vec<f64>>()).value;
        let by_mode = MODES.iter().enumerate().map(|(place, mode)| {
            let sum = |of: fn(&Outcome) -> &[u32; 5]| -> f64 {
                played.iter().map(|one| f64::from(of(one)[place])).sum()
            };
            let (found, tests) = (sum(|one| &one.found), sum(|one| &one.tests));
            let figures = json!({
                "tests": tests / played.len() as f64,
                "found": found / played.len() as f64,
                "rate": found / tests.max(1.0),
            });
            (mode.code().to_owned(), figures)
        });
        let ratios = AGAINST.iter().filter_map(|name| {
            let others = self.against(name)?;
            Some(((*name).to_owned(), Mean::ratio(&totals, &others).json()))
        });
        json!({
            "policy": self.policies[at].name,
            "found": found.value,
            "found_standard_error": found.error,
            "found_by_seed": totals,
            "ratio_to": ratios.collect::<serde_json::Map<String, Value>>(),
            "rmse_design": self.design(at),
            "rmse_composite": self.error(at, |quarter| quarter.composite),
            "cover": self.cover(at),
            "rmse_random": self.error(at, |quarter| quarter.random),
            "rmse_pooled": self.error(at, |quarter| Some(quarter.pooled)),
            "true_rate": mean(|one| one.true_rate),
            "coverage": mean(|one| one.coverage),
            "modes": by_mode.collect::<serde_json::Map<String, Value>>(),
            "quarters": self.quarters(at),
        })
    }

    /// Every city's quarters, so that others can judge the rates by figures of their own.
    fn quarters(&self, at: usize) -> Vec<Value> {
        let cities = self.seeds.clone().zip(&self.played[at]);
        let quarters = cities.flat_map(|(seed, one)| one.quarters.iter().map(move |of| (seed, of)));
        quarters
            .map(|(seed, quarter)| {
                let design = quarter.design;
                json!({
                    "seed": seed,
                    "truth": quarter.truth,
                    "design": design.map(|(value, _, _)| value),
                    "lower": design.map(|(_, lower, _)| lower),
                    "upper": design.map(|(_, _, upper)| upper),
                    "composite": quarter.composite,
                    "random": quarter.random,
                    "pooled": quarter.pooled,
                })
            })
            .collect()
    }

    pub(super) fn table(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{:<11} {:>14} {:>15} {:>15} {:>8} {:>9} {:>6} {:>8} {:>9}",
            "policy",
            "found",
            "x random",
            "x points",
            "rmse",
            "composite",
            "cover",
            "pooled",
            "true rate"
        )];
        let shown = |figure: Option<f64>, digits: usize| {
            figure.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        for (at, policy) in self.policies.iter().enumerate() {
            let totals = self.totals(at);
            let found = Mean::of(&totals);
            let ratio = |name: &str| {
                self.against(name).map_or_else(
                    || "-".to_owned(),
                    |others| {
                        let ratio = Mean::ratio(&totals, &others);
                        format!("{:.3} ± {:.3}", ratio.value, ratio.error)
                    },
                )
            };
            let rates: Vec<f64> = self.played[at].iter().map(|one| one.true_rate).collect();
            lines.push(format!(
                "{:<11} {:>14} {:>15} {:>15} {:>8} {:>9} {:>6} {:>8} {:>9.4}",
                policy.name,
                format!("{:.0} ± {:.0}", found.value, found.error),
                ratio("random"),
                ratio("points"),
                shown(self.design(at), 4),
                shown(self.error(at, |quarter| quarter.composite), 4),
                shown(self.cover(at), 3),
                shown(self.error(at, |quarter| Some(quarter.pooled)), 4),
                Mean::of(&rates).value,
            ));
        }
        lines
    }
}
