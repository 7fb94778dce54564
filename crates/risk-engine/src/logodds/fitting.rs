//! The blocks of a fit and how they are stepped（分块迭代）.

use risk_stats::special::normal_quantile;
use std::borrow::BorrowMut;

use super::accuracy::{self, MethodAccuracy};
use super::calibrate::Calibrator;
use super::covariates::{Covariates, Switch};
use super::error::FitError;
use super::fixed::{COVARIATES, FixedEffects, Seasons, waves};
use super::levels::{Column, Grouped};
use super::rows::{Evidence, Row};
use super::selection::{SelectionStrength, SelectionTerm};
use super::settings::{Selection, Settings, Sweeps, Variance};
use super::snapshot::{
    CovariateEffect, Effect, LevelEffects, ObserverEffects, RecentEffects, SeasonEffects, Snapshot,
};
use super::work::{Targets, Work};

/// Weight at or below which a row does not count for the recent effects.
const LEAST_RECENT_WEIGHT: f64 = 0.002;

/// All blocks while they are fitted.
#[derive(Debug)]
pub(super) struct Fitting<'a> {
    pub(super) work: Work<'a>,
    fixed: FixedEffects,
    covariates: Covariates,
    switches: [Option<Switch>; COVARIATES],
    pub(super) levels: Vec<Grouped>,
    /// Laboratories, inspector groups.
    observers: [Option<Grouped>; 2],
    seasons: Option<Seasons>,
    selection: Option<SelectionTerm>,
    pub(super) methods: Vec<MethodAccuracy>,
}

/// What a snapshot has beside the blocks.
pub(super) struct Finish<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    pub(super) rows: &'a [Row],
    pub(super) settings: &'a Settings,
    pub(super) strength: Option<SelectionStrength>,
    pub(super) calibrator: Calibrator,
    pub(super) fits: u32,
}

impl<'a> Fitting<'a> {
    pub(super) fn start(
        evidence: &Evidence<'_>,
        rows: &'a [Row],
        settings: &Settings,
        warm: Option<&Snapshot>,
        strength: Option<&SelectionStrength>,
    ) -> Result<Self, FitError> {
        let (frame, as_of) = (evidence.frame, evidence.as_of);
        let lasting = settings.half_lives.lasting;
        let methods = accuracy::estimate(rows, as_of, lasting, &settings.methods);
        let switches = switches(settings)?;
        let fixed = fixed_effects(settings, switches, warm);
        let mut levels: Vec<Grouped> = settings
            .levels
            .iter()
            .enumerate()
            .map(|(at, level)| {
                let start = warm.and_then(|snapshot| snapshot.levels.get(at));
                let effects = start.map_or_else(Vec::new, |start| means(&start.lasting));
                let column = Column::of_targets(frame.column(at), effects.len());
                Grouped::new(column, level.variance, &effects).tailed(level.tail)
            })
            .collect();
        let observer = |rule: Option<Variance>, of: fn(&Row) -> u16, start| {
            rule.map(|rule| observers(rows, of, rule, start))
        };
        let mut laboratories = observer(
            settings.laboratories,
            |row| row.laboratory,
            warm.and_then(|snapshot| snapshot.laboratories.as_ref()),
        );
        let mut inspectors = observer(
            settings.inspectors,
            |row| row.inspector,
            warm.and_then(|snapshot| snapshot.inspectors.as_ref()),
        );
        if let Some(snapshot) = warm {
            for (level, start) in levels.iter_mut().zip(&snapshot.levels) {
                level.resume(start.prior);
            }
            let starts = [&snapshot.laboratories, &snapshot.inspectors];
            for (block, start) in [&mut laboratories, &mut inspectors].into_iter().zip(starts) {
                if let (Some(block), Some(start)) = (block, start) {
                    block.resume(start.prior);
                }
            }
        }
        let seasons = seasons(evidence, settings, warm)?;
        let selection = strength.map(|strength| {
            let half_life = settings.half_lives.selection;
            let mut term = SelectionTerm::new(rows, frame, as_of, half_life, strength.alpha);
            for level in &levels {
                term.raise_each(|target| level.of_target(target));
            }
            term
        });
        let covariates = Covariates::new(rows, frame, as_of, switches);
        let mut work = Work::new(rows, as_of, lasting, accuracy::links(&methods));
        fixed.apply(&mut work, &covariates.rows);
        for level in levels.iter().chain(&laboratories).chain(&inspectors) {
            level.apply(&mut work);
        }
        if let Some(seasons) = &seasons {
            seasons.apply(&mut work);
        }
        Ok(Self {
            work,
            fixed,
            covariates,
            switches,
            levels,
            observers: [laboratories, inspectors],
            seasons,
            selection,
            methods,
        })
    }

    /// Steps all blocks until they stand still, or as often as the settings say.
    pub(super) fn sweeps(&mut self, settings: &Settings, warm: bool) {
        let Sweeps {
            cold,
            warm: again,
            tolerance,
            recent: _,
        } = settings.sweeps;
        let mut pace = Pace::new(tolerance);
        for sweep in 0..if warm { again } else { cold } {
            // Variances by moments cost as much as all else; where an earlier fit had found them, they
            // hardly move.
            let moments = match (warm, tolerance) {
                (true, Some(_)) => sweep % 4 == 1,
                (true, None) | (false, _) => sweep % 2 == 1,
            };
            let longest = self.sweep(sweep % 2 == 1, moments, pace.exact);
            if pace.stands_still(longest) {
                break;
            }
        }
    }

    /// One step of every block, of the seasons and the prior variances where that is asked. Each takes
    /// the scores anew if that is to be `exact`. Returns the longest step.
    fn sweep(&mut self, seasons: bool, moments: bool, exact: bool) -> f64 {
        let work = &mut self.work;
        work.take_scores();
        let mut longest = self.fixed.pass(work, &self.covariates.rows);
        let selection = self.selection.as_mut();
        let levels = &mut self.levels;
        if exact {
            longest = longest.max(pass_exactly(levels, work, selection, moments));
        } else {
            longest = longest.max(pass_levels(levels, work, selection));
            for level in self.levels.iter_mut().filter(|_| moments) {
                longest = longest.max(WORTH_OF_PRIOR * level.moments(work));
            }
        }
        for observers in self.observers.iter_mut().flatten() {
            if exact {
                work.take_scores();
            }
            let (step, common) = observers.pass_rows(work);
            self.fixed.intercept += common;
            longest = longest.max(step);
            if moments {
                observers.moments(work);
            }
        }
        if let Some(block) = self.seasons.as_mut().filter(|_| seasons) {
            if exact {
                work.take_scores();
            }
            longest = longest.max(block.pass(work));
        }
        longest
    }

    /// The recent effects, with all else held. The log-odds of the rows are those with them afterwards.
    fn recent(
        &mut self,
        evidence: &Evidence<'_>,
        rows: &[Row],
        settings: &Settings,
    ) -> Vec<Option<RecentEffects>> {
        let half_life = settings.half_lives.recent;
        let (frame, as_of) = (evidence.frame, evidence.as_of);
        self.work.reweigh(half_life, LEAST_RECENT_WEIGHT);
        let seasons = match settings.selection {
            Selection::Likelihood { seasonal: true, .. } => self.seasons.as_ref(),
            Selection::Likelihood { .. } | Selection::Ignored | Selection::Covariates { .. } => {
                None
            }
        };
        let mut selection = self.selection.as_ref().map(|lasting| {
            let mut term = SelectionTerm::new(rows, frame, as_of, half_life, lasting.alpha());
            let coefficient = self.fixed.coefficients[2];
            let remedied = self.switches[2].map(|switch| frame.column(switch.level));
            let values = &self.covariates.now[2];
            term.raise_each(|target| {
                let group = remedied.map(|column| column[target] as usize);
                let value = group.and_then(|group| values.get(group)).copied();
                let season = seasons.map_or(0.0, |seasons| seasons.latest(target));
                lasting.log_odds()[target] + coefficient * value.unwrap_or(0.0) + season
            });
            term
        });
        let mut blocks: Vec<Option<Grouped>> = settings
            .levels
            .iter()
            .enumerate()
            .map(|(at, level)| {
                let start = vec![0.0; self.levels[at].len()];
                let column = Column::of_targets(frame.column(at), start.len());
                let block = |prior| Grouped::new(column, Variance::Fixed(prior), &start);
                level
                    .recent
                    .map(|prior| block(prior).tailed(settings.recent_tail))
            })
            .collect();
        let mut stepped: Vec<&mut Grouped> = blocks.iter_mut().flatten().collect();
        let mut pace = Pace::new(settings.sweeps.tolerance);
        for _ in 0..settings.sweeps.recent {
            let selection = selection.as_mut();
            let work = &mut self.work;
            let longest = if pace.exact {
                pass_exactly(&mut stepped, work, selection, false)
            } else {
                work.take_scores();
                pass_levels(&mut stepped, work, selection)
            };
            if pace.stands_still(longest) {
                break;
            }
        }
        let recent = |block: Grouped| RecentEffects {
            prior: block.prior,
            effects: effects(&block),
        };
        blocks.into_iter().map(|block| block.map(recent)).collect()
    }

    pub(super) fn finish(mut self, finish: Finish<'_>) -> Snapshot {
        let settings = finish.settings;
        self.work.take_scores();
        let (of_intercept, of_modes, of_coefficients) =
            self.fixed.variances(&self.work, &self.covariates.rows);
        let recent = self.recent(finish.evidence, finish.rows, settings);
        let modes = self.fixed.modes.iter().zip(&of_modes);
        let mut values = self.covariates.now.into_iter();
        let covariates = [0, 1, 2].map(|k: usize| CovariateEffect {
            coefficient: Effect {
                mean: self.fixed.coefficients[k],
                variance: of_coefficients[k],
            },
            level: self.switches[k].map(|switch| switch.level as u8),
            values: values.next().unwrap_or_default(),
        });
        let levels = settings
            .levels
            .iter()
            .zip(&self.levels)
            .zip(recent)
            .map(|((level, block), recent)| LevelEffects {
                name: level.name.clone(),
                prior: block.prior,
                lasting: effects(block),
                recent,
            })
            .collect();
        let season = settings.season.as_ref().zip(self.seasons);
        let [laboratories, inspectors] = self.observers.map(|block| {
            block.map(|block| ObserverEffects {
                prior: block.prior,
                effects: effects(&block),
            })
        });
        Snapshot {
            as_of: finish.evidence.as_of,
            fits: finish.fits,
            intercept: Effect {
                mean: self.fixed.intercept,
                variance: of_intercept,
            },
            modes: modes
                .map(|(mean, variance)| Effect {
                    mean: *mean,
                    variance: *variance,
                })
                .collect(),
            covariates,
            season: season.map(|(season, mut block)| {
                block.amplitudes.pop();
                SeasonEffects {
                    level: settings.level(&season.level).map_or(0, |at| at as u8),
                    period: season.period,
                    amplitudes: block.amplitudes,
                    ahead: waves(
                        f64::from(finish.evidence.as_of) + f64::from(settings.horizon),
                        season.period,
                    ),
                }
            }),
            levels,
            laboratories,
            inspectors,
            methods: self.methods,
            selection: finish.strength,
            calibrator: finish.calibrator,
            horizon: settings.horizon,
            interval_deviations: normal_quantile(0.5 + 0.5 * settings.interval),
            rule: Snapshot::mean_rule(),
        }
    }
}

/// How far effects move at most, in log-odds, for the relative change of a prior variance.
const WORTH_OF_PRIOR: f64 = 0.1;

/// How far a straight line follows what rows say: after a longer step, in log-odds, blocks that go along the same
/// lines can lead one another to and fro for ever.
const REACH: f64 = 0.25;

/// How exactly to sweep, and when to end.
struct Pace {
    tolerance: Option<f64>,
    /// Whether every block is to take the scores anew.
    exact: bool,
    /// Sweeps in a row within the tolerance.
    still: u32,
}

impl Pace {
    fn new(tolerance: Option<f64>) -> Self {
        Self {
            tolerance,
            exact: tolerance.is_none(),
            still: 0,
        }
    }

    /// Takes in the longest step of a sweep; whether it was the second in a row within the tolerance.
    fn stands_still(&mut self, longest: f64) -> bool {
        let Some(tolerance) = self.tolerance else {
            return false;
        };
        self.exact = longest > REACH;
        self.still = if longest <= tolerance {
            self.still + 1
        } else {
            0
        };
        self.still == 2
    }
}

/// One step of every level by the scores that were taken; returns the longest.
fn pass_levels<L: BorrowMut<Grouped>>(
    levels: &mut [L],
    work: &mut Work<'_>,
    mut selection: Option<&mut SelectionTerm>,
) -> f64 {
    let mut targets = Targets::of(work);
    let mut longest: f64 = 0.0;
    for level in levels.iter_mut() {
        let level: &mut Grouped = level.borrow_mut();
        longest = longest.max(level.pass(&mut targets, selection.as_deref_mut()));
    }
    targets.settle(work);
    longest
}

/// The same with scores that every level takes anew, and its prior variance too where that is asked.
fn pass_exactly<L: BorrowMut<Grouped>>(
    levels: &mut [L],
    work: &mut Work<'_>,
    mut selection: Option<&mut SelectionTerm>,
    moments: bool,
) -> f64 {
    let mut longest: f64 = 0.0;
    for level in levels.iter_mut() {
        let level: &mut Grouped = level.borrow_mut();
        work.take_scores();
        let step = pass_levels(&mut [&mut *level], work, selection.as_deref_mut());
        longest = longest.max(step);
        if moments {
            level.moments(work);
        }
    }
    longest
}

/// Which covariates are on, by the settings.
fn switches(settings: &Settings) -> Result<[Option<Switch>; COVARIATES], FitError> {
    let on = |name: &str, half_life: f64| {
        let level = settings.level(name)?;
        Ok::<_, FitError>(Some(Switch { level, half_life }))
    };
    let selected = settings.half_lives.selected;
    let (enterprise, cell) = match &settings.selection {
        Selection::Covariates { enterprise, cell } => {
            (on(enterprise, selected)?, on(cell, selected)?)
        }
        Selection::Ignored | Selection::Likelihood { .. } => (None, None),
    };
    let remedied = match &settings.remediation {
        Some(level) => on(level, settings.half_lives.remedied)?,
        None => None,
    };
    Ok([enterprise, cell, remedied])
}

/// What is common to all, as an earlier fit left it.
fn fixed_effects(
    settings: &Settings,
    switches: [Option<Switch>; COVARIATES],
    warm: Option<&Snapshot>,
) -> FixedEffects {
    let modes: Vec<Option<f64>> = settings.modes.iter().map(|mode| mode.variance).collect();
    let used = switches.map(|switch| switch.is_some());
    let variance = settings.coefficient_variance;
    let mut fixed = FixedEffects::new(settings.intercept, &modes, used, variance);
    if let Some(snapshot) = warm {
        fixed.intercept = snapshot.intercept.mean;
        for (mode, start) in fixed.modes.iter_mut().zip(&snapshot.modes) {
            *mode = start.mean;
        }
        for (k, start) in snapshot.covariates.iter().enumerate() {
            if used[k] {
                fixed.coefficients[k] = start.coefficient.mean;
            }
        }
    }
    fixed
}

/// Seasons as an earlier fit left them, if they are modelled.
fn seasons(
    evidence: &Evidence<'_>,
    settings: &Settings,
    warm: Option<&Snapshot>,
) -> Result<Option<Seasons>, FitError> {
    let Some(season) = &settings.season else {
        return Ok(None);
    };
    let column = evidence.frame.column(settings.level(&season.level)?);
    let start = warm.and_then(|snapshot| snapshot.season.as_ref());
    let start = start.map_or(&[][..], |start| &start.amplitudes);
    Ok(Some(Seasons::new(season, column, evidence.as_of, start)))
}

/// Observers, as an earlier fit left them.
fn observers(
    rows: &[Row],
    of: fn(&Row) -> u16,
    rule: Variance,
    start: Option<&ObserverEffects>,
) -> Grouped {
    let start = start.map_or_else(Vec::new, |start| means(&start.effects));
    Grouped::new(Column::of_rows(rows, of, start.len()), rule, &start)
}

fn means(effects: &[Effect]) -> Vec<f64> {
    effects.iter().map(|effect| effect.mean).collect()
}

/// The effects of a block, without the slot that is nobody's.
fn effects(block: &Grouped) -> Vec<Effect> {
    block
        .effects
        .iter()
        .zip(&block.variances)
        .take(block.len())
        .map(|(mean, variance)| Effect {
            mean: *mean,
            variance: *variance,
        })
        .collect()
}
