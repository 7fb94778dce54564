//! What is declared, not coded: the levels that risk is spread over, the modes, the fast-test
//! methods, how fast evidence ages, and which parts of the model are switched on.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::error::FitError;

/// Prior variance of a level's effects（方差分量）, in squared log-odds.
#[doc(alias = "方差分量")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Variance {
    /// Given.
    Fixed(f64),
    /// Found by moments at each refit, damped, and kept within bounds.
    Moments {
        /// Where the first fit starts.
        start: f64,
        /// Least value: a level is never wholly switched off by a poor month.
        floor: f64,
    },
}

/// Greatest prior variance that moments may find.
pub(crate) const MOST_VARIANCE: f64 = 2.0;

impl Variance {
    pub(crate) fn start(self) -> f64 {
        match self {
            Self::Fixed(variance) => variance,
            Self::Moments { start, .. } => start,
        }
    }
}

/// A way of grouping targets whose groups have an effect of their own（层级）.
#[doc(alias = "层级")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Name of the field, such as `enterprise` or `product_origin`.
    pub name: CompactString,
    /// Prior variance of the lasting effects.
    pub variance: Variance,
    /// Prior variance of the effects of recent weeks alone（近期效应）; none for no such copy.
    #[serde(default)]
    pub recent: Option<f64>,
    /// Degrees of freedom of the lasting effects' prior（重尾先验）; none for the normal law. Few groups
    /// stand far out, and a heavy tail lets them, where the normal law draws them in.
    #[doc(alias = "重尾先验")]
    #[serde(default)]
    pub tail: Option<f64>,
}

impl Level {
    /// A level by its name.
    pub fn new(name: &str, variance: Variance, recent: Option<f64>) -> Self {
        Self {
            name: CompactString::from(name),
            variance,
            recent,
            tail: None,
        }
    }

    /// The same with Student's t of so many degrees of freedom as the prior of the lasting effects.
    #[must_use]
    pub fn tailed(self, degrees: f64) -> Self {
        Self {
            tail: Some(degrees),
            ..self
        }
    }
}

/// A mode of sampling and the shift that its way of choosing within a visit brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mode {
    /// Name, such as `supervisory_check`.
    pub name: CompactString,
    /// Prior variance of its shift; none for the mode that the others are measured against.
    pub variance: Option<f64>,
}

/// Parameters of a beta law, as counts of successes and failures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BetaPrior {
    /// Successes.
    pub alpha: f64,
    /// Failures.
    pub beta: f64,
}

impl BetaPrior {
    pub(crate) fn mean(self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }
}

/// What is believed of a fast-test method（快检方法）before its verifications are seen.
#[doc(alias = "快检方法")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FastTestMethod {
    /// Name or number of the method.
    pub name: CompactString,
    /// Sensitivity.
    pub sensitivity: BetaPrior,
    /// Specificity.
    pub specificity: BetaPrior,
    /// Whether verifications correct the priors; the prior means stand otherwise.
    #[serde(default = "yes")]
    pub estimated: bool,
}

fn yes() -> bool {
    true
}

/// Half-lives of evidence（半衰期）, in weeks.
#[doc(alias = "半衰期")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfLives {
    /// Results in the lasting effects.
    pub lasting: f64,
    /// Results in the recent effects.
    pub recent: f64,
    /// Informative selections as a covariate.
    pub selected: f64,
    /// Confirmed failures, which are remedied.
    pub remedied: f64,
    /// Rows of the calibrator.
    pub calibration: f64,
    /// Informative selections in the likelihood of selection.
    pub selection: f64,
}

impl HalfLives {
    fn all(self) -> [f64; 6] {
        [
            self.lasting,
            self.recent,
            self.selected,
            self.remedied,
            self.calibration,
            self.selection,
        ]
    }
}

/// Yearly course of risk（季节性）, one for each group of a level.
#[doc(alias = "季节性")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Season {
    /// The level whose groups have seasons of their own.
    pub level: CompactString,
    /// Weeks of a year.
    pub period: f64,
    /// Prior variance of the yearly wave.
    pub yearly: f64,
    /// Prior variance of the half-yearly wave.
    pub half_yearly: f64,
}

/// How being selected on a tip counts as evidence（抽样选择的信息）.
#[doc(alias = "抽样选择的信息")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Selection {
    /// Not at all.
    Ignored,
    /// As two covariates: decayed numbers of informative selections.
    Covariates {
        /// Level of the first count, usually the enterprise.
        enterprise: CompactString,
        /// Level of the second, usually the cell of enterprise and product.
        cell: CompactString,
    },
    /// As a likelihood: which targets were selected is multinomial with odds e^(α·η).
    Likelihood {
        /// Prior mean of α.
        mean: f64,
        /// Prior variance of α.
        variance: f64,
        /// Bound of α; estimated in a sample that it shaped, it would run away.
        most: f64,
        /// Whether recent selections are held against the season too, or all that is seasonal
        /// would look like news.
        seasonal: bool,
    },
}

/// Prior law of a single parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalPrior {
    /// Mean.
    pub mean: f64,
    /// Variance; none for no prior, with which all-failed data have no finite mode.
    pub variance: Option<f64>,
}

/// Passes over the data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweeps {
    /// Of a first fit, at most.
    pub cold: u32,
    /// Of a fit that starts where another ended, at most.
    pub warm: u32,
    /// Of the recent effects, at most.
    pub recent: u32,
    /// Longest step, in log-odds, at which a fit ends; none to make all sweeps.
    ///
    /// With it a sweep takes the scores of all rows once and follows them along straight lines from one
    /// block to the next; without it every block takes them anew, as the reference model does. At
    /// given prior variances both end at the same effects.
    #[serde(default)]
    pub tolerance: Option<f64>,
}

/// Everything about the model that a policy may say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Levels, in the order in which they are fitted; a frame's groups come in the same order.
    pub levels: Vec<Level>,
    /// Modes; a row names one by its place here.
    pub modes: Vec<Mode>,
    /// Fast-test methods; a row's `method` is the place here plus one, 0 is the laboratory.
    pub methods: Vec<FastTestMethod>,
    /// Strictness of laboratories（检验机构严格度）: estimated and taken out; none to ignore it.
    pub laboratories: Option<Variance>,
    /// Strictness of inspector groups（检查组严格度）, the same.
    pub inspectors: Option<Variance>,
    /// Half-lives.
    pub half_lives: HalfLives,
    /// Seasons, if any.
    pub season: Option<Season>,
    /// What selections tell.
    pub selection: Selection,
    /// Degrees of freedom of the recent effects' prior; none for the normal law. Most of what is
    /// recent is nothing, and the rest is large.
    pub recent_tail: Option<f64>,
    /// Level whose groups are remedied after a confirmed failure（整改）, if that is modelled.
    pub remediation: Option<CompactString>,
    /// Prior variance of the coefficients of covariates.
    pub coefficient_variance: f64,
    /// Prior of the common log-odds.
    pub intercept: NormalPrior,
    /// Whether predictions are calibrated on results of random selection（校准）.
    pub calibrated: bool,
    /// Passes.
    pub sweeps: Sweeps,
    /// Weeks after the fit whose season a prediction has.
    pub horizon: u16,
    /// Chance that a prediction's interval holds the truth.
    pub interval: f64,
}

impl Settings {
    /// Place of a level by its name.
    pub fn level(&self, name: &str) -> Result<usize, FitError> {
        self.levels
            .iter()
            .position(|level| level.name == name)
            .ok_or_else(|| FitError::UnknownLevel(CompactString::from(name)))
    }

    /// Every prior variance, and what else must be above 0.
    fn variances(&self) -> impl Iterator<Item = f64> {
        let of = |rule: Variance| match rule {
            Variance::Fixed(variance) => [variance, variance],
            Variance::Moments { start, floor } => [start, floor],
        };
        let levels = self.levels.iter().flat_map(move |level| {
            let [start, floor] = of(level.variance);
            [Some(start), Some(floor), level.recent, level.tail]
        });
        let observers = [self.laboratories, self.inspectors].into_iter().flatten();
        let season = self.season.iter().flat_map(|season| {
            let all = [season.period, season.yearly, season.half_yearly];
            all.map(Some)
        });
        let selection = match self.selection {
            Selection::Likelihood { variance, most, .. } => [Some(variance), Some(most)],
            Selection::Ignored | Selection::Covariates { .. } => [None, None],
        };
        levels
            .chain(observers.flat_map(move |rule| of(rule).map(Some)))
            .chain(self.modes.iter().map(|mode| mode.variance))
            .chain(season)
            .chain(selection)
            .chain([Some(self.coefficient_variance), self.intercept.variance])
            .chain([self.recent_tail, self.sweeps.tolerance])
            .flatten()
    }

    /// Refuses what no fit can be made with.
    pub fn check(&self) -> Result<(), FitError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if let Some(variance) = self.variances().find(|variance| !positive(*variance)) {
            return Err(FitError::Variance(variance));
        }
        if self.levels.len() > usize::from(u8::MAX) {
            return Err(FitError::TooManyLevels(self.levels.len()));
        }
        for method in &self.methods {
            for prior in [method.sensitivity, method.specificity] {
                if !positive(prior.alpha) || !positive(prior.beta) {
                    return Err(FitError::Method(method.name.clone()));
                }
            }
        }
        for half_life in self.half_lives.all() {
            if !positive(half_life) {
                return Err(FitError::HalfLife(half_life));
            }
        }
        if !(self.interval > 0.0 && self.interval < 1.0) {
            return Err(FitError::Interval(self.interval));
        }
        for (at, level) in self.levels.iter().enumerate() {
            if self.level(&level.name)? != at {
                return Err(FitError::TwoLevels(level.name.clone()));
            }
        }
        if let Some(season) = &self.season {
            self.level(&season.level)?;
        }
        if let Some(level) = &self.remediation {
            self.level(level)?;
        }
        match &self.selection {
            Selection::Covariates { enterprise, cell } => {
                self.level(enterprise)?;
                self.level(cell)?;
            }
            Selection::Ignored | Selection::Likelihood { .. } => {}
        }
        Ok(())
    }
}

fn mode(name: &str, variance: Option<f64>) -> Mode {
    Mode {
        name: CompactString::from(name),
        variance,
    }
}

impl Default for Settings {
    /// The five-in-one model of a city: sector, product, zone, product in zone, enterprise and cell,
    /// with figures that were found good on synthetic cities. The variance of enterprises and cells
    /// is a city's own: see [`nested_rows`](super::nested_rows) where it is not known.
    fn default() -> Self {
        let moments = |start, floor| Variance::Moments { start, floor };
        Self {
            levels: vec![
                Level::new("sector", moments(0.25, 0.02), None),
                Level::new("product", moments(0.25, 0.02), Some(0.1)),
                Level::new("zone", moments(0.06, 0.01), None),
                Level::new("product_zone", moments(0.05, 0.01), Some(0.2)),
                Level::new("enterprise", Variance::Fixed(0.8), Some(0.2)).tailed(8.0),
                Level::new("cell", Variance::Fixed(0.2), Some(0.1)),
            ],
            modes: vec![
                mode("risk_evaluation", None),
                mode("supervisory_check", Some(1.0)),
                mode("special_check", Some(1.0)),
                mode("fast_test", Some(1.0)),
                mode("enforcement_test", Some(1.0)),
            ],
            methods: vec![FastTestMethod {
                name: CompactString::from("rapid"),
                sensitivity: BetaPrior {
                    alpha: 16.0,
                    beta: 4.0,
                },
                specificity: BetaPrior {
                    alpha: 47.5,
                    beta: 2.5,
                },
                estimated: true,
            }],
            laboratories: None,
            inspectors: None,
            half_lives: HalfLives {
                lasting: 104.0,
                recent: 3.0,
                selected: 52.0,
                remedied: 13.0,
                calibration: 52.0,
                selection: 208.0,
            },
            season: Some(Season {
                level: CompactString::from("sector"),
                period: 52.0,
                yearly: 0.08,
                half_yearly: 0.02,
            }),
            selection: Selection::Likelihood {
                mean: 0.7,
                variance: 0.25,
                most: 2.0,
                seasonal: true,
            },
            recent_tail: Some(2.0),
            remediation: Some(CompactString::from("cell")),
            coefficient_variance: 0.25,
            intercept: NormalPrior {
                mean: -2.7,
                variance: Some(9.0),
            },
            calibrated: true,
            sweeps: Sweeps {
                cold: 40,
                warm: 6,
                recent: 8,
                tolerance: Some(1e-3),
            },
            horizon: 2,
            interval: 0.90,
        }
    }
}
