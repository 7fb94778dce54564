//! The risk policy（风险策略）: thresholds and weights as data, with a version and a hash.

use crate::evidence::Stratum;
use risk_domain::ids::PolicyVersion;
use risk_domain::scales::{AlertLevel, RiskLevel};
use risk_domain::time::{CivilOffset, DAY_MILLIS};
use serde::Deserialize;
use sha2::{Digest, Sha256};

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

/// How much one result of each kind weighs.
#[derive(Debug, Clone, Copy)]
pub struct EvidencePolicy {
    weights: [f64; 4],
    verified: f64,
    /// Sensitivity of a fast test.
    pub sensitivity: f64,
    /// Specificity of a fast test.
    pub specificity: f64,
}

impl EvidencePolicy {
    /// Weight of one laboratory-grade result of a stratum; 0 for what stays out of the estimate,
    /// and for screens, which enter through their error rates.
    pub fn weight(&self, stratum: Stratum) -> f64 {
        let [risk, supervisory, special, enforcement] = self.weights;
        match stratum {
            Stratum::RiskEvaluation => risk,
            Stratum::SupervisoryCheck => supervisory,
            Stratum::SpecialCheck => special,
            Stratum::FastVerified => self.verified,
            Stratum::EnforcementTest => enforcement,
            Stratum::FastScreen | Stratum::FollowUp | Stratum::Refusal | Stratum::Severity(_) => {
                0.0
            }
        }
    }

    /// Youden's J of the fast test, sensitivity + specificity − 1.
    pub fn youden(&self) -> f64 {
        self.sensitivity + self.specificity - 1.0
    }
}

/// What is believed before any evidence.
#[derive(Debug, Clone, Copy)]
pub struct PriorPolicy {
    /// Failure rate.
    pub failure_rate: f64,
    /// Prior tests the rate is worth.
    pub concentration: f64,
    /// Bounds of the fitted concentration.
    pub concentration_range: (f64, f64),
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
}

/// A validated policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its version.
    pub version: PolicyVersion,
    /// SHA-256 of its text, in hexadecimal.
    pub hash: String,
    /// Clocks.
    pub time: TimePolicy,
    /// Weights of evidence.
    pub evidence: EvidencePolicy,
    /// Prior beliefs.
    pub prior: PriorPolicy,
    /// Grades.
    pub grade: GradePolicy,
    /// Alerts.
    pub alert: AlertPolicy,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
}

mod text {
    use super::Deserialize;
    use risk_domain::scales::{AlertLevel, RiskLevel};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Policy {
        pub(super) version: String,
        pub(super) time: Time,
        pub(super) evidence: Evidence,
        pub(super) prior: Prior,
        pub(super) grade: Grade,
        pub(super) alert: Alert,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Time {
        pub(super) utc_offset_minutes: i32,
        pub(super) epoch_minutes: u32,
        pub(super) lateness_minutes: u32,
        pub(super) max_ahead_days: u32,
        pub(super) half_life_days: u32,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Evidence {
        pub(super) risk_evaluation: f64,
        pub(super) supervisory_check: f64,
        pub(super) special_check: f64,
        pub(super) fast_test_verified: f64,
        pub(super) enforcement_test: f64,
        pub(super) fast_test_sensitivity: f64,
        pub(super) fast_test_specificity: f64,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Prior {
        pub(super) failure_rate: f64,
        pub(super) concentration: f64,
        pub(super) concentration_min: f64,
        pub(super) concentration_max: f64,
        pub(super) severity_mix: [f64; 4],
        pub(super) severity_concentration: f64,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Grade {
        pub(super) rows: Vec<Row>,
        pub(super) injury_given_failure: [f64; 4],
        pub(super) assign_above: f64,
        pub(super) keep_above: f64,
        pub(super) watch_above: f64,
        pub(super) inherited_below: f64,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Row {
        pub(super) above: f64,
        pub(super) levels: [RiskLevel; 4],
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Alert {
        pub(super) fast_test_failed: AlertLevel,
        pub(super) severe_item_failed: AlertLevel,
        pub(super) banned_substance: AlertLevel,
        pub(super) level_rose_to: RiskLevel,
        pub(super) level_rose: AlertLevel,
        pub(super) level_rose_to_serious: AlertLevel,
    }
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
            time: time(&raw.time)?,
            evidence: evidence(&raw.evidence)?,
            prior: prior(&raw.prior)?,
            grade: grade(&raw.grade)?,
            alert: AlertPolicy {
                fast_test_failed: raw.alert.fast_test_failed,
                severe_item_failed: raw.alert.severe_item_failed,
                banned_substance: raw.alert.banned_substance,
                level_rose_to: raw.alert.level_rose_to,
                level_rose: raw.alert.level_rose,
                level_rose_to_serious: raw.alert.level_rose_to_serious,
            },
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

fn evidence(raw: &text::Evidence) -> Result<EvidencePolicy, PolicyError> {
    const SHARE: &str = "must be between 0 and 1";
    let weight = |key, value| within(key, value, (0.0, 1.0), SHARE);
    let policy = EvidencePolicy {
        weights: [
            weight("evidence.risk_evaluation", raw.risk_evaluation)?,
            weight("evidence.supervisory_check", raw.supervisory_check)?,
            weight("evidence.special_check", raw.special_check)?,
            weight("evidence.enforcement_test", raw.enforcement_test)?,
        ],
        verified: weight("evidence.fast_test_verified", raw.fast_test_verified)?,
        sensitivity: weight("evidence.fast_test_sensitivity", raw.fast_test_sensitivity)?,
        specificity: weight("evidence.fast_test_specificity", raw.fast_test_specificity)?,
    };
    let rule = "and evidence.fast_test_specificity must add to at least 1.2: a test below that tells too little";
    within(
        "evidence.fast_test_sensitivity",
        policy.youden(),
        (0.2, 1.0),
        rule,
    )?;
    Ok(policy)
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
    let range = (
        within(
            "prior.concentration_min",
            raw.concentration_min,
            (0.1, 1e6),
            "must be between 0.1 and 1e6",
        )?,
        within(
            "prior.concentration_max",
            raw.concentration_max,
            (raw.concentration_min, 1e6),
            "must be between concentration_min and 1e6",
        )?,
    );
    Ok(PriorPolicy {
        failure_rate: within(
            "prior.failure_rate",
            raw.failure_rate,
            (1e-6, 0.999),
            "must be between 0.000001 and 0.999",
        )?,
        concentration: within(
            "prior.concentration",
            raw.concentration,
            range,
            "must lie between its bounds",
        )?,
        concentration_range: range,
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
        assert_eq!(policy.version.as_str(), "2026.2");
        assert_eq!(policy.hash.len(), 64);
        assert!((policy.evidence.youden() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn a_value_outside_its_range_is_refused_by_name() {
        let key = |error| match error {
            PolicyError::Range { key, .. } => key,
            PolicyError::Toml(text) => panic!("{text}"),
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
            "fast_test_sensitivity = 0.80",
            "fast_test_sensitivity = 0.20",
        );
        assert_eq!(key(weak), "evidence.fast_test_sensitivity");
        assert_eq!(
            key(changed("[0.35, 0.35,", "[0.45, 0.35,")),
            "prior.severity_mix"
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
