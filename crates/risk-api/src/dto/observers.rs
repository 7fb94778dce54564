//! Those who test（检验偏差）, as they are shown.

use risk_engine::logodds::{MethodAccuracy, Strictness};
use risk_engine::rates::Period;
use risk_engine::{
    MethodPeriod, ObserverHistories, ObserverHistory, ObserverPeriod, ObserverReport, OddsRatio,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use utoipa::ToSchema;

/// By what factor odds differ.
#[derive(Debug, Serialize, ToSchema)]
pub struct OddsRatioDto {
    /// The factor.
    pub odds_ratio: f64,
    /// Lower end of its 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl From<OddsRatio> for OddsRatioDto {
    fn from(of: OddsRatio) -> Self {
        Self {
            odds_ratio: of.value,
            lower: of.lower,
            upper: of.upper,
        }
    }
}

/// A laboratory or inspector group in a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObserverPeriodDto {
    /// First day.
    pub from: String,
    /// First day after it.
    pub until: String,
    /// Results.
    pub results: i64,
    /// Of them, failures.
    pub failures: i64,
    /// Its odds of a failure against those of the others in the same weeks, the goods taken into
    /// account; absent where it alone tested.
    pub strictness: Option<OddsRatioDto>,
}

fn days(weeks: &Range<u16>) -> (String, String) {
    let (from, until) = Period::days(weeks);
    (from.to_string(), until.to_string())
}

impl From<&ObserverPeriod> for ObserverPeriodDto {
    fn from(of: &ObserverPeriod) -> Self {
        let (from, until) = days(&of.weeks);
        Self {
            from,
            until,
            results: of.results,
            failures: of.failures,
            strictness: of.strictness.map(Into::into),
        }
    }
}

/// How strict one laboratory or inspector group is, and how that moved.
#[derive(Debug, Serialize, ToSchema)]
pub struct StrictnessDto {
    /// Its id.
    pub id: String,
    /// By what factor it multiplies the odds of a failure, the goods taken into account.
    pub odds_ratio: f64,
    /// Lower end of the 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Probability that it is stricter than the others; near 0, that it is more lenient.
    pub stricter: f64,
    /// By what factor its strictness of the last 13 weeks differs from that of the 91 weeks before;
    /// absent where it, or all others, tested nothing in one of the two.
    pub drift: Option<OddsRatioDto>,
    /// Whether that is more than chance: of all that are called drifting, one in twenty at most is called
    /// so wrongly.
    pub drifting: bool,
    /// Period by period, the latest first.
    pub history: Vec<ObserverPeriodDto>,
}

impl StrictnessDto {
    fn all(
        found: &BTreeMap<String, Strictness>,
        histories: &BTreeMap<String, ObserverHistory>,
        since: u16,
    ) -> Vec<Self> {
        let shown = |(id, one): (&String, &Strictness)| {
            let history = histories.get(id);
            let periods = history.map_or(&[][..], |history| &history.periods);
            let periods = periods.iter().filter(|period| period.weeks.start >= since);
            Self {
                id: id.clone(),
                odds_ratio: one.odds_ratio,
                lower: one.lower,
                upper: one.upper,
                stricter: one.stricter,
                drift: history.and_then(|history| history.drift).map(Into::into),
                drifting: history.is_some_and(|history| history.drifting),
                history: periods.map(Into::into).collect(),
            }
        };
        found.iter().map(shown).collect()
    }
}

/// A share, with the counts that it is of.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShareDto {
    /// The share, 0 to 1.
    pub share: f64,
    /// Lower end of its 95 % interval (Wilson).
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// What laboratories said of a fast-test method in a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct MethodPeriodDto {
    /// First day.
    pub from: String,
    /// First day after it.
    pub until: String,
    /// Fast tests.
    pub tests: i64,
    /// Of them, positive.
    pub positives: i64,
    /// Positives that a laboratory verified.
    pub verified_positives: i64,
    /// Share of these that it confirmed; absent where there are none.
    pub confirmed: Option<ShareDto>,
    /// Negatives that a laboratory verified.
    pub verified_negatives: i64,
    /// Share of these that it found to fail; absent where there are none.
    pub missed: Option<ShareDto>,
}

impl From<&MethodPeriod> for MethodPeriodDto {
    fn from(of: &MethodPeriod) -> Self {
        let (from, until) = days(&of.weeks);
        let share = |found: &Option<(f64, _)>| {
            let (share, bounds): (f64, risk_engine::Bounds) = (*found)?;
            Some(ShareDto {
                share,
                lower: bounds.lower,
                upper: bounds.upper,
            })
        };
        Self {
            from,
            until,
            tests: of.tests,
            positives: of.positives,
            verified_positives: of.verified_positives.0,
            confirmed: share(&of.confirmed),
            verified_negatives: of.verified_negatives.0,
            missed: share(&of.missed),
        }
    }
}

/// How right a fast-test method is.
#[derive(Debug, Serialize, ToSchema)]
pub struct MethodDto {
    /// Its id; `rapid` stands for every kit that the policy does not name.
    pub id: String,
    /// Probability that a failing lot tests positive.
    pub sensitivity: f64,
    /// Probability that a conforming lot tests negative.
    pub specificity: f64,
    /// Whether it tells too little to be used.
    pub refused: bool,
    /// Period by period, the latest first.
    pub history: Vec<MethodPeriodDto>,
}

impl MethodDto {
    fn new(one: &MethodAccuracy, histories: &ObserverHistories, since: u16) -> Self {
        let history = histories.methods.get(one.name.as_str());
        let history = history.map_or(&[][..], Vec::as_slice).iter();
        let history = history.filter(|period| period.weeks.start >= since);
        Self {
            id: one.name.to_string(),
            sensitivity: one.sensitivity,
            specificity: one.specificity,
            refused: one.refused,
            history: history.map(Into::into).collect(),
        }
    }
}

/// Those who test, by the last fit, and how they moved. None of it enters a score.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObserversDto {
    /// End of the week that the fit stands at, RFC 3339.
    pub as_of: String,
    /// Length of the periods of the histories: month or quarter.
    pub period: String,
    /// Laboratories.
    pub laboratories: Vec<StrictnessDto>,
    /// Inspector groups.
    pub inspectors: Vec<StrictnessDto>,
    /// Fast-test methods.
    pub methods: Vec<MethodDto>,
}

impl ObserversDto {
    /// A report with the last so many periods of its histories.
    pub(crate) fn new(
        report: &ObserverReport,
        (period, limit): (Period, usize),
        as_of: String,
    ) -> Self {
        let history = &report.history;
        let first = history.periods.iter().rev().take(limit).next_back();
        let since = first.map_or(0, |weeks| weeks.start);
        let method = |one: &MethodAccuracy| MethodDto::new(one, history, since);
        Self {
            as_of,
            period: period.code().to_owned(),
            laboratories: StrictnessDto::all(&report.laboratories, &history.laboratories, since),
            inspectors: StrictnessDto::all(&report.inspectors, &history.inspectors, since),
            methods: report.methods.iter().map(method).collect(),
        }
    }
}
