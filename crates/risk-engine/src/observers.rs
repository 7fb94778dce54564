//! How strict laboratories and inspector groups are, and how right the fast tests（检验偏差报告）: what the
//! model found of them and took out of every score, and how it moved over time.

use crate::event_time::Epoch;
use crate::excess::{Excess, Held};
use crate::logodds::{
    MethodAccuracy, NO_OBSERVER, ObserverEffects, Row, Snapshot, Strictness, Verification,
};
use crate::rates::Period;
use crate::sampling::Numbered;
use crate::step::Engine;
use risk_stats::false_discovery::benjamini_hochberg;
use risk_stats::interval::{Bounds, Counts};
use risk_stats::special::normal_cdf;
use std::collections::BTreeMap;
use std::ops::Range;

/// Weeks that count as recent when a drift is looked for.
const RECENT: u16 = 13;
/// Weeks that the recent ones are compared with: two years in all.
const EARLIER: u16 = 91;
/// Share of those called drifting that may be called so wrongly.
const FALSE_SHARE: f64 = 0.05;
/// Standard deviations of a 95 % interval.
const NORMAL_975: f64 = 1.959_963_984_540_054;

/// What the snapshot in force says of those who test（检验偏差报告）.
#[doc(alias = "检验偏差报告")]
#[derive(Debug, Clone, PartialEq)]
pub struct ObserverReport {
    /// The close that it was fitted at.
    pub epoch: Epoch,
    /// Laboratories, by name.
    pub laboratories: BTreeMap<String, Strictness>,
    /// Inspector groups, by name.
    pub inspectors: BTreeMap<String, Strictness>,
    /// Fast-test methods.
    pub methods: Vec<MethodAccuracy>,
    /// How they moved.
    pub history: ObserverHistories,
}

/// By what factor odds differ, with a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OddsRatio {
    /// The factor.
    pub value: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl OddsRatio {
    fn of((log_odds, deviation): (f64, f64)) -> Self {
        Self {
            value: libm::exp(log_odds),
            lower: libm::exp(log_odds - NORMAL_975 * deviation),
            upper: libm::exp(log_odds + NORMAL_975 * deviation),
        }
    }
}

/// An observer in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct ObserverPeriod {
    /// Its weeks.
    pub weeks: Range<u16>,
    /// Results.
    pub results: i64,
    /// Results that failed.
    pub failures: i64,
    /// Its odds of a failure against those of the others in the same weeks, the goods taken into
    /// account; none where it alone tested.
    pub strictness: Option<OddsRatio>,
}

/// How an observer's strictness moved（检验偏差漂移）.
#[doc(alias = "检验偏差漂移")]
#[derive(Debug, Clone, PartialEq)]
pub struct ObserverHistory {
    /// Periods with results, the latest first.
    pub periods: Vec<ObserverPeriod>,
    /// Its strictness of the last 13 weeks against that of the 91 before; none where it, or all
    /// others, had no results in one of the two.
    pub drift: Option<OddsRatio>,
    /// Whether that is more than chance: at most one in twenty that are called so are called so wrongly
    /// (Benjamini–Hochberg over all laboratories, or all inspector groups).
    pub drifting: bool,
}

/// What laboratories said of a fast-test method's results in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodPeriod {
    /// Its weeks.
    pub weeks: Range<u16>,
    /// Fast tests.
    pub tests: i64,
    /// Fast tests that were positive.
    pub positives: i64,
    /// Positives that a laboratory verified, and those that it confirmed.
    pub verified_positives: (i64, i64),
    /// Share of them that it confirmed, with a 95 % interval; none where none was verified.
    pub confirmed: Option<(f64, Bounds)>,
    /// Negatives that a laboratory verified, and those that it found to fail.
    pub verified_negatives: (i64, i64),
    /// Share of them that failed; the same.
    pub missed: Option<(f64, Bounds)>,
}

/// How those who test moved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObserverHistories {
    /// The weeks of each period, the latest last.
    pub periods: Vec<Range<u16>>,
    /// Laboratories, by name.
    pub laboratories: BTreeMap<String, ObserverHistory>,
    /// Inspector groups, by name.
    pub inspectors: BTreeMap<String, ObserverHistory>,
    /// Fast-test methods, by name; periods with tests, the latest first.
    pub methods: BTreeMap<String, Vec<MethodPeriod>>,
}

/// Which of those who stand on a result is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Observer {
    Laboratory,
    Inspector,
}

impl Observer {
    fn of(self, row: &Row) -> u16 {
        match self {
            Self::Laboratory => row.laboratory,
            Self::Inspector => row.inspector,
        }
    }

    /// The row, as if nothing were known of this observer.
    fn without(self, row: &Row) -> Row {
        match self {
            Self::Laboratory => Row {
                laboratory: NO_OBSERVER,
                ..*row
            },
            Self::Inspector => Row {
                inspector: NO_OBSERVER,
                ..*row
            },
        }
    }
}

/// Results of one kind of observers, each by itself and window by window.
#[derive(Debug, Clone)]
struct Gathered {
    own: BTreeMap<u16, Vec<Held>>,
    names: BTreeMap<u16, String>,
}

/// What a report is made of（检验偏差统计）: all that is to be read of the engine; what is left takes longer and reads
/// nothing of it.
#[derive(Debug, Clone)]
pub struct ObserverCount {
    report: ObserverReport,
    /// Recent weeks, those that they are compared with, then the periods.
    windows: Vec<Range<u16>>,
    laboratories: Gathered,
    inspectors: Gathered,
}

impl ObserverCount {
    /// The report.
    pub fn report(self) -> ObserverReport {
        let mut report = self.report;
        let histories = &mut report.history;
        histories.laboratories = self.laboratories.histories(&self.windows);
        histories.inspectors = self.inspectors.histories(&self.windows);
        report
    }
}

impl Engine {
    /// The report, with the history of the last periods; none before the first fit.
    pub fn observer_report(&self, period: Period, limit: usize) -> Option<ObserverReport> {
        self.observer_count(period, limit)
            .map(ObserverCount::report)
    }

    /// What the report is made of. It changes with closes only.
    pub fn observer_count(&self, period: Period, limit: usize) -> Option<ObserverCount> {
        let model = &self.model;
        let epoch = model.in_force?.epoch;
        let snapshot: &Snapshot = &model.snapshot;
        let named = |found: Vec<Strictness>, known: &Numbered, of: Option<&ObserverEffects>| {
            // One that the snapshot has not seen has the prior's whole doubt.
            let unseen = |one: &Strictness| {
                let effect = of.and_then(|of| of.effects.get(usize::from(one.observer)));
                effect.is_none_or(|effect| effect.mean == 0.0)
            };
            let named = found.into_iter().filter(|one| !unseen(one));
            named
                .map(|one| (known.name(one.observer).to_owned(), one))
                .collect()
        };
        let observers = &model.observers;
        let end = Period::week_of(self.calendar.day_of(epoch)).saturating_add(1);
        let longest = limit.saturating_mul(14).min(usize::from(end)) as u16;
        let mut periods = period.over(end - longest..end);
        periods.drain(..periods.len().saturating_sub(limit));
        let recent = end.saturating_sub(RECENT)..end;
        let earlier = recent.start.saturating_sub(EARLIER)..recent.start;
        let windows = [earlier, recent];
        let windows: Vec<Range<u16>> = windows.into_iter().chain(periods.clone()).collect();
        let gather = |observer, known| self.gather(observer, known, &windows);
        let (laboratories, inspectors) = (
            gather(Observer::Laboratory, &observers.laboratories),
            gather(Observer::Inspector, &observers.inspectors),
        );
        let report = ObserverReport {
            epoch,
            laboratories: named(
                snapshot.laboratory_strictness(),
                &observers.laboratories,
                snapshot.laboratories.as_ref(),
            ),
            inspectors: named(
                snapshot.inspector_strictness(),
                &observers.inspectors,
                snapshot.inspectors.as_ref(),
            ),
            methods: snapshot.methods.clone(),
            history: ObserverHistories {
                methods: self.method_histories(&periods),
                periods,
                ..ObserverHistories::default()
            },
        };
        Some(ObserverCount {
            report,
            windows,
            laboratories,
            inspectors,
        })
    }

    fn gather(&self, observer: Observer, known: &Numbered, windows: &[Range<u16>]) -> Gathered {
        let within = |week: u16| {
            let numbered = windows.iter().enumerate();
            let fits = numbered.filter(|(_, weeks)| weeks.contains(&week));
            fits.map(|(at, _)| at).collect::<Vec<usize>>()
        };
        let end = windows.iter().map(|weeks| weeks.end).max();
        let of_week: Vec<Vec<usize>> = (0..end.unwrap_or(0)).map(within).collect();
        let mut own: BTreeMap<u16, Vec<Held>> = BTreeMap::new();
        self.each_bin(|row, base, sign| {
            let number = observer.of(row);
            let within = of_week.get(usize::from(row.week));
            let Some(within) = within.filter(|within| !within.is_empty()) else {
                return;
            };
            if number == NO_OBSERVER {
                return;
            }
            let observed = self.observed(&observer.without(row), base, sign);
            let of_one = own.entry(number);
            let of_one = of_one.or_insert_with(|| vec![Held::default(); windows.len()]);
            for at in within {
                if let Some(held) = of_one.get_mut(*at) {
                    held.add(observed);
                }
            }
        });
        let names = own.keys();
        let names = names.map(|number| (*number, known.name(*number).to_owned()));
        Gathered {
            names: names.collect(),
            own,
        }
    }

    fn method_histories(&self, periods: &[Range<u16>]) -> BTreeMap<String, Vec<MethodPeriod>> {
        let methods = &self.model.snapshot.methods;
        let mut counts = vec![vec![[0_i64; 6]; periods.len()]; methods.len()];
        self.each_bin(|row, _, sign| {
            let method = row.method.checked_sub(1).map(usize::from);
            let of_method = method.and_then(|method| counts.get_mut(method));
            let at = periods.iter().position(|weeks| weeks.contains(&row.week));
            let slot = of_method.zip(at).and_then(|(of, at)| of.get_mut(at));
            let Some([tests, positives, seconded, confirmed, doubted, missed]) = slot else {
                return;
            };
            let sign = sign as i64;
            let results = sign * i64::from(row.results);
            let failures = sign * i64::from(row.nonconforming);
            *tests += results;
            match row.verification {
                Verification::None => *positives += failures,
                Verification::OfPositive => {
                    *positives += results;
                    *seconded += results;
                    *confirmed += failures;
                }
                Verification::OfNegative => {
                    *doubted += results;
                    *missed += failures;
                }
            }
        });
        let history = |of_method: &Vec<[i64; 6]>| {
            let told = periods.iter().zip(of_method).rev();
            let told = told.filter(|(_, counts)| counts[0] > 0);
            told.map(|(weeks, counts)| MethodPeriod::new(weeks, *counts))
                .collect()
        };
        let named = methods.iter().zip(&counts);
        named
            .map(|(method, counts)| (method.name.to_string(), history(counts)))
            .collect()
    }
}

impl Gathered {
    fn histories(mut self, windows: &[Range<u16>]) -> BTreeMap<String, ObserverHistory> {
        let mut all: Vec<Option<Excess>> = Vec::with_capacity(windows.len());
        for at in 0..windows.len() {
            let of_window = self.own.values().filter_map(|held| held.get(at));
            all.push(Held::together(of_window).excess());
        }
        let mut found: BTreeMap<String, ObserverHistory> = BTreeMap::new();
        let mut surprises = Vec::new();
        for (number, held) in self.own {
            let excesses: Vec<Option<Excess>> = held.into_iter().map(Held::excess).collect();
            let strictness: Vec<Option<(f64, f64)>> = excesses
                .iter()
                .zip(&all)
                .map(|(one, all)| against_others((*one)?, (*all)?))
                .collect();
            let drift = match strictness.first_chunk::<2>() {
                Some([Some((before, doubt)), Some((now, other))]) => {
                    Some((now - before, libm::hypot(*doubt, *other)))
                }
                _incomplete => None,
            };
            let of_periods = windows.iter().zip(&excesses).zip(&strictness).skip(2);
            let of_periods = of_periods.rev().filter_map(|((weeks, excess), strict)| {
                let excess = (*excess)?;
                Some(ObserverPeriod {
                    weeks: weeks.clone(),
                    results: excess.results,
                    failures: excess.failures,
                    strictness: strict.map(OddsRatio::of),
                })
            });
            let name = self.names.remove(&number).unwrap_or_default();
            if let Some((by, doubt)) = drift {
                surprises.push((name.clone(), 2.0 * normal_cdf(-(by / doubt).abs())));
            }
            let history = ObserverHistory {
                periods: of_periods.collect(),
                drift: drift.map(OddsRatio::of),
                drifting: false,
            };
            found.insert(name, history);
        }
        surprises.sort_by(|(one, _), (other, _)| one.cmp(other));
        let values: Vec<f64> = surprises.iter().map(|(_, value)| *value).collect();
        let adjusted = benjamini_hochberg(&values).unwrap_or_default();
        for ((name, _), adjusted) in surprises.iter().zip(adjusted) {
            if let Some(history) = found.get_mut(name) {
                history.drifting = adjusted <= FALSE_SHARE;
            }
        }
        found
    }
}

impl MethodPeriod {
    fn new(weeks: &Range<u16>, counts: [i64; 6]) -> Self {
        let [tests, positives, seconded, confirmed, doubted, missed] = counts;
        let share = |part: i64, of: i64| {
            let counts = Counts::new(part.max(0) as u64, of.max(0) as u64).ok()?;
            let bounds = counts.wilson(0.95).ok()?;
            (of > 0).then(|| (counts.rate(), bounds))
        };
        Self {
            weeks: weeks.clone(),
            tests,
            positives,
            verified_positives: (seconded, confirmed),
            confirmed: share(confirmed, seconded),
            verified_negatives: (doubted, missed),
            missed: share(missed, doubted),
        }
    }
}

/// An observer against the others: all less its own part, by information.
fn against_others(own: Excess, all: Excess) -> Option<(f64, f64)> {
    let others = 1.0 / all.variance - 1.0 / own.variance;
    let known = own.results < all.results && others > 0.0;
    known.then(|| {
        let share = others * all.variance;
        let apart = (own.log_odds - all.log_odds) / share;
        (apart, libm::sqrt(own.variance + 1.0 / others))
    })
}
