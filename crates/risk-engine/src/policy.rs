//! The risk policy（风险策略）: thresholds and weights as data, with a version and a hash.

mod cases;
mod goals;
mod signals;
mod text;

pub use cases::{CasePolicy, Lead, LeadPolicy};

use crate::alert::terms::AlertTerms;
use crate::burden::BurdenPolicy;
use crate::case::{CaseKind, Term};
use crate::detection::DetectionSettings;
use crate::lists::ListsPolicy;
use crate::logodds::{Evidence, FastTestMethod, FitError, Frame, Settings, Snapshot, fit};
use crate::model::Field;
use risk_domain::ids::PolicyVersion;
use risk_domain::scales::{AlertLevel, RiskLevel};
use risk_domain::selection::SelectionMode;
use risk_domain::time::{CivilOffset, DAY_MILLIS};
use risk_stats::screening::LEAST_YOUDEN_INDEX;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use std::sync::Arc;

pub use goals::{Benchmark, Goal, Goals, RateTarget, Wanted};
pub use signals::{ItemPolicy, PathPolicy, SignalPolicy};

/// Clocks of evidence.
#[derive(Debug, Clone, Copy)]
pub struct TimePolicy {
    /// Civil time of the city.
    pub offset: CivilOffset,
    /// Length of an epoch.
    pub epoch_millis: i64,
    /// How far behind its partition's clock a record may come without being late.
    pub lateness_millis: i64,
    /// A partition further ahead of the slowest than this is paused.
    pub max_ahead_millis: i64,
    /// Half-life of evidence, in days of sampled time.
    pub half_life_days: u32,
}

/// The model（风险模型）.
#[doc(alias = "风险模型")]
#[derive(Debug, Clone)]
pub struct ModelPolicy {
    /// Levels, modes, fast-test methods and all else that the model is told.
    pub settings: Settings,
    /// What its levels group by.
    pub(crate) fields: SmallVec<[Field; 8]>,
    /// What it says before any evidence.
    pub(crate) prior: Arc<Snapshot>,
    /// Laboratory tests that an unverified screen of the first method is worth: (Se + Sp − 1)².
    pub(crate) screen_information: f64,
}

/// What is believed of severities before any evidence.
#[derive(Debug, Clone, Copy)]
pub struct PriorPolicy {
    /// Shares of severities 1 to 4 among failures.
    pub severity_mix: [f64; 4],
    /// Prior failures the mix is worth.
    pub severity_concentration: f64,
}

/// One row of the severity × probability matrix.
#[derive(Debug, Clone, Copy)]
pub struct MatrixRow {
    /// The row applies to probabilities strictly above this.
    pub above: f64,
    /// Level at severities 1 to 4.
    pub levels: [RiskLevel; 4],
}

/// How a probability becomes a grade.
#[derive(Debug, Clone)]
pub struct GradePolicy {
    /// The matrix, the highest bound first.
    pub rows: Vec<MatrixRow>,
    /// Probability of an injury of severities 1 to 4, given a failure at that severity.
    pub injury_given_failure: [f64; 4],
    /// A grade is assigned from this probability on.
    pub assign_above: f64,
    /// A grade is kept until its probability falls below this.
    pub keep_above: f64,
    /// The next grade's probability from which `watch` is flagged.
    pub watch_above: f64,
    /// Own evidence, in tests, below which a grade is `inherited`.
    pub inherited_below: f64,
}

/// Which facts alert, and at which level.
#[derive(Debug, Clone, Copy)]
pub struct AlertPolicy {
    /// A fast test failed.
    pub fast_test_failed: AlertLevel,
    /// An item of severity 4 failed.
    pub severe_item_failed: AlertLevel,
    /// A banned substance was found.
    pub banned_substance: AlertLevel,
    /// A level that rose to this or above alerts.
    pub level_rose_to: RiskLevel,
    /// Level of that alert.
    pub level_rose: AlertLevel,
    /// Level of that alert when the risk level is serious.
    pub level_rose_to_serious: AlertLevel,
    /// A product or a sector fails more than usual in one zone.
    pub outbreak_in_zone: AlertLevel,
    /// A product or a sector fails more than usual, not in one zone alone.
    pub outbreak: AlertLevel,
    /// An enterprise fails more than usual.
    pub enterprise_changed: AlertLevel,
    /// A grade rose before anything failed.
    pub latent_risk: AlertLevel,
    /// How alerts merge, rise, keep quiet and close.
    pub standing: AlertTerms,
    /// Which signals alert.
    pub signals: SignalPolicy,
    /// When goods of one path alert.
    pub paths: PathPolicy,
    /// When an item of a product alerts.
    pub items: ItemPolicy,
}

/// What officers may decide.
#[derive(Debug, Clone, Copy)]
pub struct DecisionPolicy {
    /// The longest time that an override or a floor may hold, in days.
    pub longest_days: i32,
}

/// A validated policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its version.
    pub version: PolicyVersion,
    /// SHA-256 of its text, in hexadecimal.
    pub hash: String,
    /// Its text, as it was written.
    pub text: Arc<str>,
    /// Clocks.
    pub time: TimePolicy,
    /// The model.
    pub model: ModelPolicy,
    /// Prior beliefs.
    pub prior: PriorPolicy,
    /// Grades.
    pub grade: GradePolicy,
    /// Alerts.
    pub alert: AlertPolicy,
    /// Early warning.
    pub detection: DetectionSettings,
    /// Decisions of officers.
    pub decision: DecisionPolicy,
    /// Burden of inspection.
    pub burden: BurdenPolicy,
    /// Lists that are kept of enterprises.
    pub lists: ListsPolicy,
    /// How cases run.
    pub cases: CasePolicy,
    /// Pass rates that are to be reached.
    pub goals: Goals,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// The TOML does not parse, or has an unknown or missing key.
    #[error("the policy cannot be read: {0}")]
    Toml(String),
    /// A value is outside its range.
    #[error("policy key `{key}` {rule}")]
    Range {
        /// The key.
        key: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A fast-test method tells too little.
    #[error(
        "policy key `model.methods`: fast-test method `{name}` has sensitivity + specificity − 1 = {youden:.2}, which must be at least .2: below that a test tells too little. Take the method out, or correct its accuracy"
    )]
    Method {
        /// Its name.
        name: String,
        /// Sensitivity + specificity − 1 by its prior.
        youden: f64,
    },
    /// A term of a case is missing, idle, or breaks a rule.
    #[error("policy term `cases.terms.{kind}.{term}` {rule}")]
    Term {
        /// Of which kind of case.
        kind: CaseKind,
        /// Which term.
        term: Term,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The model's settings make no model.
    #[error("policy section `model`: {0}")]
    Model(#[from] FitError),
}

fn within(
    key: &'static str,
    value: f64,
    range: (f64, f64),
    rule: &'static str,
) -> Result<f64, PolicyError> {
    if value >= range.0 && value <= range.1 {
        Ok(value)
    } else {
        Err(PolicyError::Range { key, rule })
    }
}

impl Policy {
    /// The policy that ships with the program.
    pub fn builtin() -> Result<Self, PolicyError> {
        Self::from_toml(include_str!("../../../config/policy/default.toml"))
    }

    /// Reads and validates a policy.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let raw: text::Policy =
            toml::from_str(text).map_err(|error| PolicyError::Toml(error.to_string()))?;
        let hash = Sha256::digest(text.as_bytes());
        let version = PolicyVersion::new(&raw.version).map_err(|_error| PolicyError::Range {
            key: "version",
            rule: "must be an identifier",
        })?;
        Ok(Self {
            version,
            hash: format!("{hash:x}"),
            text: Arc::from(text),
            time: time(&raw.time)?,
            model: model(raw.model)?,
            prior: prior(&raw.prior)?,
            grade: grade(&raw.grade)?,
            alert: AlertPolicy {
                fast_test_failed: raw.alert.fast_test_failed,
                severe_item_failed: raw.alert.severe_item_failed,
                banned_substance: raw.alert.banned_substance,
                level_rose_to: raw.alert.level_rose_to,
                level_rose: raw.alert.level_rose,
                level_rose_to_serious: raw.alert.level_rose_to_serious,
                outbreak_in_zone: raw.alert.outbreak_in_zone,
                outbreak: raw.alert.outbreak,
                enterprise_changed: raw.alert.enterprise_changed,
                standing: signals::standing(raw.alert.standing)?,
                signals: signals::signals(raw.alert.signals)?,
                latent_risk: raw.alert.latent_risk,
                paths: signals::paths(raw.alert.paths)?,
                items: signals::items(raw.alert.items)?,
            },
            detection: checked(raw.detection.check(), raw.detection)?,
            decision: decision(&raw.decision)?,
            burden: checked(raw.burden.check(), raw.burden)?,
            lists: checked(raw.lists.check(), raw.lists)?,
            cases: cases::cases(raw.cases)?,
            goals: goals::goals(raw.targets, raw.benchmarks)?,
        })
    }
}

fn time(raw: &text::Time) -> Result<TimePolicy, PolicyError> {
    let offset = CivilOffset::from_minutes(raw.utc_offset_minutes).ok_or(PolicyError::Range {
        key: "time.utc_offset_minutes",
        rule: "must be at most 18 hours either way",
    })?;
    if !(1..=1440).contains(&raw.epoch_minutes) || 1440 % raw.epoch_minutes != 0 {
        let rule = "must divide a day of 1440 minutes";
        return Err(PolicyError::Range {
            key: "time.epoch_minutes",
            rule,
        });
    }
    if !(1..=36_500).contains(&raw.half_life_days) {
        let rule = "must be between 1 and 36500";
        return Err(PolicyError::Range {
            key: "time.half_life_days",
            rule,
        });
    }
    Ok(TimePolicy {
        offset,
        epoch_millis: i64::from(raw.epoch_minutes) * 60_000,
        lateness_millis: i64::from(raw.lateness_minutes) * 60_000,
        max_ahead_millis: i64::from(raw.max_ahead_days) * DAY_MILLIS,
        half_life_days: raw.half_life_days,
    })
}

/// Settings that hold their own rules.
fn checked<T>(
    result: Result<(), (&'static str, &'static str)>,
    settings: T,
) -> Result<T, PolicyError> {
    result.map_err(|(key, rule)| PolicyError::Range { key, rule })?;
    Ok(settings)
}

fn decision(raw: &text::Decision) -> Result<DecisionPolicy, PolicyError> {
    let longest_days = raw.longest_days;
    if (1..=3660).contains(&longest_days) {
        Ok(DecisionPolicy { longest_days })
    } else {
        Err(PolicyError::Range {
            key: "decision.longest_days",
            rule: "must be between 1 and 3660",
        })
    }
}

fn model(settings: Settings) -> Result<ModelPolicy, PolicyError> {
    settings.check()?;
    let levels = PolicyError::Range {
        key: "model.levels",
        rule: "must be named sector, product, zone, product_zone, enterprise or cell",
    };
    let fields = Field::of_levels(&settings).ok_or(levels)?;
    let modes = settings.modes.iter().map(|mode| mode.name.as_str());
    if !modes.eq(SelectionMode::ALL.iter().map(|mode| mode.code())) {
        return Err(PolicyError::Range {
            key: "model.modes",
            rule: "must be the five modes in their order: risk_evaluation, supervisory_check, special_check, fast_test, enforcement_test",
        });
    }
    let Some(first) = settings.methods.first() else {
        return Err(PolicyError::Range {
            key: "model.methods",
            rule: "must name at least one fast-test method",
        });
    };
    let index =
        |method: &FastTestMethod| method.sensitivity.mean() + method.specificity.mean() - 1.0;
    for method in &settings.methods {
        let youden = index(method);
        if !(LEAST_YOUDEN_INDEX - 1e-12..=1.0).contains(&youden) {
            let name = method.name.to_string();
            return Err(PolicyError::Method { name, youden });
        }
    }
    let youden = index(first);
    let frame = Frame::new(settings.levels.len());
    let prior = fit(&Evidence::new(&frame, &[], 0), &settings, None)?;
    Ok(ModelPolicy {
        settings,
        fields,
        prior: Arc::new(prior),
        screen_information: youden * youden,
    })
}

fn prior(raw: &text::Prior) -> Result<PriorPolicy, PolicyError> {
    let total: f64 = raw.severity_mix.iter().sum();
    let positive = raw.severity_mix.iter().all(|share| *share >= 0.0);
    if !positive || (total - 1.0).abs() > 1e-9 {
        let rule = "must be four shares that add to 1";
        return Err(PolicyError::Range {
            key: "prior.severity_mix",
            rule,
        });
    }
    Ok(PriorPolicy {
        severity_mix: raw.severity_mix,
        severity_concentration: within(
            "prior.severity_concentration",
            raw.severity_concentration,
            (1e-3, 1e6),
            "must be between 0.001 and 1e6",
        )?,
    })
}

fn grade(raw: &text::Grade) -> Result<GradePolicy, PolicyError> {
    const PROBABILITY: &str = "must be a probability between 0 and 1";
    let rows: Vec<MatrixRow> = raw
        .rows
        .iter()
        .map(|row| MatrixRow {
            above: row.above,
            levels: row.levels,
        })
        .collect();
    if rows.is_empty() || !rows.is_sorted_by(|one, next| one.above > next.above) {
        let rule = "must be in falling order of `above`";
        return Err(PolicyError::Range {
            key: "grade.rows",
            rule,
        });
    }
    // A level must never fall while probability or severity rises, else cuts would not be single.
    let rises = rows.windows(2).all(|pair| {
        pair.iter().zip(pair.iter().skip(1)).all(|(high, low)| {
            high.levels
                .iter()
                .zip(low.levels)
                .all(|(above, below)| *above >= below)
        })
    });
    let has_undetermined = rows
        .iter()
        .any(|row| row.levels.contains(&RiskLevel::Undetermined));
    if !rises || has_undetermined {
        let rule = "must not let a level fall as probability rises, nor name `undetermined`";
        return Err(PolicyError::Range {
            key: "grade.rows",
            rule,
        });
    }
    for value in raw.injury_given_failure {
        within(
            "grade.injury_given_failure",
            value,
            (f64::MIN_POSITIVE, 1.0),
            PROBABILITY,
        )?;
    }
    let assign_above = within(
        "grade.assign_above",
        raw.assign_above,
        (0.0, 1.0),
        PROBABILITY,
    )?;
    Ok(GradePolicy {
        rows,
        injury_given_failure: raw.injury_given_failure,
        assign_above,
        keep_above: within(
            "grade.keep_above",
            raw.keep_above,
            (0.0, assign_above),
            "must be at most assign_above",
        )?,
        watch_above: within(
            "grade.watch_above",
            raw.watch_above,
            (0.0, 1.0),
            PROBABILITY,
        )?,
        inherited_below: within(
            "grade.inherited_below",
            raw.inherited_below,
            (0.0, 1e6),
            "must be between 0 and 1e6",
        )?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(from: &str, to: &str) -> PolicyError {
        let text = include_str!("../../../config/policy/default.toml");
        assert!(text.contains(from), "the default policy has no `{from}`");
        Policy::from_toml(&text.replacen(from, to, 1)).unwrap_err()
    }

    #[test]
    fn the_shipped_policy_is_valid_and_names_itself() {
        let policy = Policy::builtin().unwrap();
        assert_eq!(policy.version.as_str(), "2026.7");
        assert_eq!(policy.hash.len(), 64);
        assert!((policy.model.screen_information - 0.75 * 0.75).abs() < 1e-12);
    }

    #[test]
    fn a_value_outside_its_range_is_refused_by_name() {
        let key = |error: PolicyError| match &error {
            PolicyError::Range { key, .. } => *key,
            PolicyError::Toml(_)
            | PolicyError::Model(_)
            | PolicyError::Method { .. }
            | PolicyError::Term { .. } => {
                panic!("{error}")
            }
        };
        assert_eq!(
            key(changed("epoch_minutes = 1440", "epoch_minutes = 7")),
            "time.epoch_minutes"
        );
        assert_eq!(
            key(changed("keep_above = 0.35", "keep_above = 0.6")),
            "grade.keep_above"
        );
        let weak = changed(
            "sensitivity = { alpha = 16.0, beta = 4.0 }",
            "sensitivity = { alpha = 4.0, beta = 16.0 }",
        );
        let refused = weak.to_string();
        assert!(refused.contains("`rapid`"), "{refused}");
        assert_eq!(
            key(changed("name = \"product_zone\"", "name = \"street\"")),
            "model.levels"
        );
        assert_eq!(
            key(changed("\"special_check\"", "\"spot_check\"")),
            "model.modes"
        );
        assert_eq!(
            key(changed("pass_rate = 0.99", "pass_rate = 1.0")),
            "targets.pass_rate"
        );
        assert_eq!(
            key(changed("\"sector:food\"", "\"enterprise:E1\"")),
            "targets.domain"
        );
        let flat = changed("fixed = 0.8", "fixed = 0.0");
        assert_eq!(flat, PolicyError::Model(FitError::Variance(0.0)));
        assert_eq!(
            key(changed("[0.35, 0.35,", "[0.45, 0.35,")),
            "prior.severity_mix"
        );
        assert_eq!(
            key(changed("longest_days = 180", "longest_days = 0")),
            "decision.longest_days"
        );
        assert_eq!(
            key(changed("heap_band = 0.05", "heap_band = 0.5")),
            "burden.heap_band"
        );
        assert_eq!(
            key(changed("trend_raises = 3", "trend_raises = 1")),
            "alert.standing.trend_raises"
        );
        assert_eq!(
            key(changed("quiet_level = \"three\"", "quiet_level = \"one\"")),
            "alert.standing.quiet_level"
        );
        assert_eq!(key(changed("guard = 8 ", "guard = 0 ")), "detection.guard");
        assert_eq!(
            key(changed("onset = 0.0083333", "onset = 1.0")),
            "detection.product"
        );
        assert_eq!(key(changed("above = 0.1,", "above = 0.9,")), "grade.rows");
        let swapped = changed(
            "[\"low\", \"high\", \"serious\", \"serious\"]",
            "[\"low\", \"low\", \"low\", \"low\"]",
        );
        assert_eq!(key(swapped), "grade.rows");
        assert!(matches!(
            changed("version =", "versoin ="),
            PolicyError::Toml(_)
        ));
    }
}
