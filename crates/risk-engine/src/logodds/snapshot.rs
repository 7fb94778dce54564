//! What a fit found（模型快照）: all that a prediction needs, immutable, and where the next fit starts.

use compact_str::CompactString;
use risk_stats::quadrature::GaussHermite;
use serde::{Deserialize, Serialize};

use super::accuracy::MethodAccuracy;
use super::calibrate::Calibrator;
use super::fixed::COVARIATES;
#[cfg(doc)]
use super::rows::NO_GROUP;
use super::selection::SelectionStrength;
use super::settings::Settings;

/// An effect on the log-odds and how well it is known（效应）.
#[doc(alias = "效应")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Posterior mode.
    pub mean: f64,
    /// Posterior variance with all else held.
    pub variance: f64,
}

/// The effects of a level's groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelEffects {
    /// The level's name.
    pub name: CompactString,
    /// Prior variance: what an unseen group has.
    pub prior: f64,
    /// Lasting effects, by group.
    pub lasting: Vec<Effect>,
    /// Effects of recent weeks, if the level has such a copy.
    pub recent: Option<RecentEffects>,
}

/// The copy of a level that forgets within weeks（近期效应）.
#[doc(alias = "近期效应")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecentEffects {
    /// Prior variance.
    pub prior: f64,
    /// By group.
    pub effects: Vec<Effect>,
}

/// Seasons of a level's groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeasonEffects {
    /// Place of the level.
    pub level: u8,
    /// Weeks of a year.
    pub period: f64,
    /// By group: yearly cosine and sine, half-yearly cosine and sine.
    pub amplitudes: Vec<[f64; 4]>,
    /// The waves at the snapshot's horizon, so that a prediction need not find them again.
    pub ahead: [f64; 4],
}

/// How strict observers are（严格度）: taken out of every prediction, shown as a drift report.
#[doc(alias = "严格度")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObserverEffects {
    /// Prior variance.
    pub prior: f64,
    /// By observer.
    pub effects: Vec<Effect>,
}

/// A covariate at the week of the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CovariateEffect {
    /// Coefficient and its posterior variance.
    pub coefficient: Effect,
    /// Place of the level that it counts by; none if it is switched off.
    pub level: Option<u8>,
    /// Values by group of that level.
    pub values: Vec<f64>,
}

/// A fitted model（模型快照）.
#[doc(alias = "模型快照")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The week at whose end it stands.
    pub as_of: u16,
    /// Fits in the chain that led here.
    pub fits: u32,
    /// Common log-odds.
    pub intercept: Effect,
    /// Shift of every mode; 0 for the reference.
    pub modes: Vec<Effect>,
    /// Covariates: informative selections of the enterprise, of the cell, confirmed failures.
    pub covariates: [CovariateEffect; COVARIATES],
    /// Seasons, if modelled.
    pub season: Option<SeasonEffects>,
    /// Levels, in the settings' order.
    pub levels: Vec<LevelEffects>,
    /// Strictness of laboratories, if modelled.
    pub laboratories: Option<ObserverEffects>,
    /// Strictness of inspector groups, if modelled.
    pub inspectors: Option<ObserverEffects>,
    /// Accuracy of the fast-test methods.
    pub methods: Vec<MethodAccuracy>,
    /// Strength of informative selection, if it is a likelihood.
    pub selection: Option<SelectionStrength>,
    /// The calibrator.
    pub calibrator: Calibrator,
    /// Weeks after `as_of` whose season a prediction has if its query names no week.
    pub horizon: u16,
    /// Standard deviations on both sides that a prediction's interval spans.
    pub interval_deviations: f64,
    /// Points and weights of the rule that means are taken with.
    pub(crate) rule: Vec<(f64, f64)>,
}

/// Old numbers of groups, level by level, and of observers, in the order of their new numbers;
/// [`NO_GROUP`] for one that had none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    pub(crate) groups: Vec<Vec<u32>>,
    pub(crate) laboratories: Vec<u32>,
    pub(crate) inspectors: Vec<u32>,
}

fn unseen(prior: f64) -> Effect {
    Effect {
        mean: 0.0,
        variance: prior,
    }
}

fn moved<T: Copy>(values: &[T], numbers: &[u32], unseen: T) -> Vec<T> {
    let value = |number: &u32| values.get(*number as usize).copied().unwrap_or(unseen);
    numbers.iter().map(value).collect()
}

impl Snapshot {
    /// Whether it was fitted with the same levels, so that it can predict for a frame of these
    /// settings.
    pub fn matches(&self, settings: &Settings) -> bool {
        let names = settings.levels.iter().map(|level| &level.name);
        names.eq(self.levels.iter().map(|level| &level.name))
    }

    /// Lasting and recent effects of a level by its name.
    pub fn level(&self, name: &str) -> Option<&LevelEffects> {
        self.levels.iter().find(|level| level.name == name)
    }

    /// Names of the methods that tell too little to be used.
    pub fn refused_methods(&self) -> impl Iterator<Item = &str> {
        let refused = self.methods.iter().filter(|method| method.refused);
        refused.map(|method| method.name.as_str())
    }

    /// The same with other numbers of groups, laboratories and inspector groups: the new number of
    /// each is its place in a list of old numbers. One that was not there before has the prior's
    /// effect.
    pub(crate) fn renumbered(&self, numbers: &Numbers) -> Self {
        let of_level = |level: usize| numbers.groups.get(level).map_or(&[][..], Vec::as_slice);
        let levels = self.levels.iter().enumerate().map(|(at, level)| {
            let recent = level.recent.as_ref().map(|recent| RecentEffects {
                prior: recent.prior,
                effects: moved(&recent.effects, of_level(at), unseen(recent.prior)),
            });
            LevelEffects {
                name: level.name.clone(),
                prior: level.prior,
                lasting: moved(&level.lasting, of_level(at), unseen(level.prior)),
                recent,
            }
        });
        let observers = |effects: &Option<ObserverEffects>, numbers: &[u32]| {
            effects.as_ref().map(|effects| ObserverEffects {
                prior: effects.prior,
                effects: moved(&effects.effects, numbers, unseen(effects.prior)),
            })
        };
        let covariates = self.covariates.clone().map(|covariate| {
            let level = covariate.level.map(usize::from);
            CovariateEffect {
                values: level.map_or_else(Vec::new, |level| {
                    moved(&covariate.values, of_level(level), 0.0)
                }),
                ..covariate
            }
        });
        Self {
            levels: levels.collect(),
            laboratories: observers(&self.laboratories, &numbers.laboratories),
            inspectors: observers(&self.inspectors, &numbers.inspectors),
            season: self.season.as_ref().map(|season| SeasonEffects {
                amplitudes: moved(&season.amplitudes, of_level(season.level.into()), [0.0; 4]),
                ..season.clone()
            }),
            covariates,
            ..self.clone()
        }
    }

    pub(crate) fn mean_rule() -> Vec<(f64, f64)> {
        match GaussHermite::new(9) {
            Ok(rule) => {
                let weights = rule.weights().iter().copied();
                rule.nodes().iter().copied().zip(weights).collect()
            }
            // Nine points are within the rule's bounds; the mode alone would be the next best.
            Err(_) => vec![(0.0, 1.0)],
        }
    }
}
