//! The fit（拟合）: block by block Newton steps to the penalised mode of all effects together, then the
//! recent effects, then the calibrator.

use risk_stats::special::normal_quantile;

use super::accuracy::{self, MethodAccuracy};
use super::calibrate::{CalibrationRow, Calibrator};
use super::covariates::{Covariates, Switch};
use super::error::FitError;
use super::fixed::{COVARIATES, FixedEffects, Seasons, waves};
use super::levels::{Column, Grouped};
use super::nested::NestedRow;
use super::predict::Query;
use super::rows::{Basis, Evidence, NO_GROUP, NO_OBSERVER, Row};
use super::selection::{SelectionStrength, SelectionTerm, StrengthPrior};
use super::settings::{Selection, Settings, Variance};
use super::snapshot::{
    CovariateEffect, Effect, LevelEffects, ObserverEffects, RecentEffects, SeasonEffects, Snapshot,
};
use super::work::{Bin, Work};

/// Weight at or below which a row does not count for the recent effects.
const LEAST_RECENT_WEIGHT: f64 = 0.002;

/// Fits the model to the evidence, starting from an earlier snapshot if there is one.
///
/// The earlier snapshot's predictions for the weeks since are what the calibrator and the strength of
/// selection learn from, so a chain of fits calibrates itself. The result is the same, to the last
/// bit, in whatever order the rows come and however they were split.
pub fn fit(
    evidence: &Evidence<'_>,
    settings: &Settings,
    warm_start: Option<&Snapshot>,
) -> Result<Snapshot, FitError> {
    settings.check()?;
    evidence.check(settings)?;
    let rows = evidence.sorted();
    let warm = warm_start.filter(|snapshot| snapshot.matches(settings));
    let unseen = warm.map_or_else(Vec::new, |snapshot| evidence.unseen(&rows, snapshot.as_of));
    let mut calibrator = warm_start.map_or_else(Calibrator::default, |s| s.calibrator.clone());
    if let Some(snapshot) = warm {
        foretold(snapshot, evidence, &unseen, &mut calibrator);
    }
    let strength = strength(evidence, &unseen, settings, warm);
    let mut fitting = Fitting::start(evidence, &rows, settings, warm, strength.as_ref())?;
    let sweeps = match warm {
        Some(_) => settings.sweeps.warm,
        None => settings.sweeps.cold,
    };
    for sweep in 0..sweeps {
        fitting.sweep(sweep % 2 == 1);
    }
    if settings.calibrated {
        calibrator.estimate(evidence.as_of, settings.half_lives.calibration);
    } else {
        calibrator = Calibrator::default();
    }
    let recent = fitting.recent(evidence, &rows, settings);
    Ok(fitting.finish(Finish {
        evidence,
        settings,
        recent,
        strength,
        calibrator,
        fits: warm_start.map_or(1, |snapshot| snapshot.fits.saturating_add(1)),
    }))
}

/// The rows of the last `weeks` weeks with their log-odds under a snapshot, less the effects of two
/// nested levels: what [`Nested`](super::Nested) finds the variances of these levels from. A job for
/// once a month; its finding becomes `Variance::Fixed` of both levels.
pub fn nested_rows(
    evidence: &Evidence<'_>,
    settings: &Settings,
    snapshot: &Snapshot,
    levels: (&str, &str),
    weeks: u16,
) -> Result<Vec<NestedRow>, FitError> {
    settings.check()?;
    evidence.check(settings)?;
    let (outer, inner) = (settings.level(levels.0)?, settings.level(levels.1)?);
    let rows = evidence.sorted();
    let warm = Some(snapshot).filter(|snapshot| snapshot.matches(settings));
    let fitting = Fitting::start(evidence, &rows, settings, warm, None)?;
    let links = accuracy::links(&fitting.methods);
    let bins = fitting.work.bins.iter().zip(&fitting.work.eta);
    let nested = |(bin, eta): (&Bin, &f64)| {
        let target = bin.target as usize;
        let own = [outer, inner].map(|at| fitting.levels[at].of_target(target));
        let groups = [outer, inner].map(|at| evidence.frame.column(at)[target]);
        NestedRow::new(
            (groups[0], groups[1]),
            eta - own[0] - own[1],
            f64::from(bin.tested),
            f64::from(bin.failed),
        )
        .through(links[usize::from(bin.link)])
    };
    let young = bins.filter(|(bin, _)| bin.age < weeks && bin.tested > 0.0);
    Ok(young.map(nested).collect())
}

/// Adds to the calibrator the random results that a snapshot had not seen, with what it foretold.
fn foretold(
    snapshot: &Snapshot,
    evidence: &Evidence<'_>,
    unseen: &[Row],
    calibrator: &mut Calibrator,
) {
    let mut groups = vec![NO_GROUP; evidence.frame.levels()];
    // Only a laboratory's word on a random lot is the gold standard.
    let gold = |row: &&Row| row.basis == Basis::Random && row.method == 0;
    for row in unseen.iter().filter(gold) {
        for (slot, group) in groups.iter_mut().zip(evidence.frame.groups(row.target)) {
            *slot = group;
        }
        let (eta, variance) = snapshot.log_odds(&Query::new(&groups));
        calibrator.rows.push(CalibrationRow {
            week: row.week,
            predicted: snapshot.mean_log_odds(eta, variance),
            tested: row.results,
            failed: row.nonconforming,
        });
    }
}

/// The strength of informative selection after the choices that the last snapshot had not seen.
fn strength(
    evidence: &Evidence<'_>,
    unseen: &[Row],
    settings: &Settings,
    warm: Option<&Snapshot>,
) -> Option<SelectionStrength> {
    let prior = match settings.selection {
        Selection::Ignored | Selection::Covariates { .. } => return None,
        Selection::Likelihood {
            mean,
            variance,
            most,
            seasonal: _,
        } => StrengthPrior {
            mean,
            variance,
            most,
        },
    };
    let before = warm.and_then(|snapshot| snapshot.selection.clone());
    let mut strength = before.unwrap_or_else(|| SelectionStrength::new(prior));
    if let Some(snapshot) = warm {
        let log_odds = snapshot.frame_log_odds(evidence.frame);
        strength.observe(unseen, evidence.frame, &log_odds, prior.most);
    }
    strength.estimate(evidence.as_of, settings.half_lives.selection, prior);
    Some(strength)
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

/// All blocks while they are fitted.
#[derive(Debug)]
struct Fitting {
    work: Work,
    fixed: FixedEffects,
    covariates: Covariates,
    switches: [Option<Switch>; COVARIATES],
    levels: Vec<Grouped>,
    /// Laboratories, inspector groups.
    observers: [Option<Grouped>; 2],
    seasons: Option<Seasons>,
    selection: Option<SelectionTerm>,
    methods: Vec<MethodAccuracy>,
}

/// What a snapshot has beside the blocks.
struct Finish<'a> {
    evidence: &'a Evidence<'a>,
    settings: &'a Settings,
    recent: Vec<Option<RecentEffects>>,
    strength: Option<SelectionStrength>,
    calibrator: Calibrator,
    fits: u32,
}

impl Fitting {
    fn start(
        evidence: &Evidence<'_>,
        rows: &[Row],
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
                let column = Column::OfTargets(frame.column(at).to_vec());
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

    /// One step of every block; with `all`, of the prior variances and the seasons too.
    fn sweep(&mut self, all: bool) {
        self.fixed.pass(&mut self.work, &self.covariates.rows);
        for level in &mut self.levels {
            level.pass(&mut self.work, self.selection.as_mut());
            if all {
                level.moments(&self.work);
            }
        }
        for observers in self.observers.iter_mut().flatten() {
            observers.pass(&mut self.work, None);
            let common = observers.center(&mut self.work);
            self.fixed.raise_intercept(common, &mut self.work);
            if all {
                observers.moments(&self.work);
            }
        }
        if all && let Some(seasons) = &mut self.seasons {
            seasons.pass(&mut self.work);
        }
    }

    /// The recent effects, with all else held.
    fn recent(
        &self,
        evidence: &Evidence<'_>,
        rows: &[Row],
        settings: &Settings,
    ) -> Vec<Option<RecentEffects>> {
        let half_life = settings.half_lives.recent;
        let (frame, as_of) = (evidence.frame, evidence.as_of);
        let mut work = self.work.recent(half_life, LEAST_RECENT_WEIGHT);
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
                let column = Column::OfTargets(frame.column(at).to_vec());
                let start = vec![0.0; self.levels[at].len()];
                let block = |prior| Grouped::new(column, Variance::Fixed(prior), &start);
                level
                    .recent
                    .map(|prior| block(prior).tailed(settings.recent_tail))
            })
            .collect();
        for _ in 0..settings.sweeps.recent {
            for block in blocks.iter_mut().flatten() {
                block.pass(&mut work, selection.as_mut());
            }
        }
        let recent = |block: Grouped| RecentEffects {
            prior: block.prior,
            effects: effects(&block),
        };
        blocks.into_iter().map(|block| block.map(recent)).collect()
    }

    fn finish(self, finish: Finish<'_>) -> Snapshot {
        let settings = finish.settings;
        let (of_intercept, of_modes, of_coefficients) =
            self.fixed.variances(&self.work, &self.covariates.rows);
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
            .zip(finish.recent)
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

/// Observers are told by the row, and their numbers are 16 bits wide.
fn observers(
    rows: &[Row],
    of: fn(&Row) -> u16,
    rule: Variance,
    start: Option<&ObserverEffects>,
) -> Grouped {
    let group = |row: &Row| match of(row) {
        NO_OBSERVER => NO_GROUP,
        observer => u32::from(observer),
    };
    let start = start.map_or_else(Vec::new, |start| means(&start.effects));
    let column = Column::OfRows(rows.iter().map(group).collect());
    Grouped::new(column, rule, &start)
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
