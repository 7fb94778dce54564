//! How plans are made, as data: a version, rules, and the legal basis of each mode.

use compact_str::CompactString;
use risk_domain::ids::PolicyVersion;
use risk_domain::reference::Mark;
use risk_domain::scales::CreditRiskClass;
use risk_domain::selection::SelectionMode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// The planning policy（抽样计划策略）.
#[doc(alias = "抽样计划策略")]
#[derive(Debug, Clone, PartialEq)]
pub struct PlanningPolicy {
    /// Its version.
    pub version: PolicyVersion,
    /// SHA-256 of its file, in hexadecimal digits.
    pub hash: CompactString,
    /// Rules of allocation.
    pub rules: Rules,
    /// On which law each mode stands.
    pub basis: BTreeMap<SelectionMode, LegalBasis>,
}

/// On which law the lines of a mode stand（法律依据）.
#[doc(alias = "法律依据")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalBasis {
    /// In Chinese.
    pub zh: CompactString,
    /// In English.
    pub en: CompactString,
    /// How sure.
    pub mark: Mark,
}

/// Rules of allocation（分配规则）. Times in days.
#[doc(alias = "分配规则")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Exponent of expected harm in the weights of supervisory checks, 0 to 20: the dial between
    /// estimating (0) and finding.
    pub gamma: f64,
    /// Share of the mean weight that every target has, above 0 and at most 1.
    pub floor: f64,
    /// Weight of a target that rests, against one that does not; above 0 and at most 1.
    pub resting_weight: f64,
    /// Strata of risk for risk evaluations, 1 to 100.
    pub strata: u32,
    /// Strata with fewer draws are drawn systematically.
    pub small_sample: u32,
    /// A visited target is not targeted again before.
    pub rest_days: u32,
    /// Visits to an enterprise within the window, after which it rests; at least 1.
    pub enterprise_visits: u32,
    /// The window.
    pub enterprise_window_days: u32,
    /// Targets of one enterprise that each targeted mode of a plan may take; at least 1.
    pub enterprise_per_plan: u32,
    /// The same article is not checked twice within（重复抽查间隔）.
    pub repeat_guard_days: u32,
    /// Share of special checks kept for targets of open alerts, 0 to 1.
    pub alert_share: f64,
    /// Whether targets are ranked by expected harm, or by probability alone.
    pub harm_weighted: bool,
    /// Standard deviations of noise on the log-odds of targeted modes, 0 to 10.
    pub temperature: f64,
    /// Replacements named for a stratum, as a share of its draws, 0 to 10.
    pub reserves: f64,
    /// Harm of a failure of severity 1 to 4（危害权重）; above 0, none below the one before.
    pub harm: [f64; 4],
    /// Days that a plan is made for（计划天数）, 1 to 366: credit classes are owed their part of the window.
    pub plan_days: u32,
    /// Visits that a team makes in a day; at least 1.
    pub visits_per_team_day: u32,
    /// Chance that the interval of expected finds holds what is found, above 0 and below 1.
    pub confidence: f64,
    /// How much more often each class of enterprises is drawn; above 0, 1 where none is told.
    pub class_weights: BTreeMap<CreditRiskClass, f64>,
}

/// Rules that a single plan has otherwise（单次计划的规则）; what is not told stays as the policy has it.
#[doc(alias = "单次计划的规则")]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuleChanges {
    /// Exponent of expected harm in the weights of supervisory checks, 0 to 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gamma: Option<f64>,
    /// Share of the mean weight that every target has, above 0 and at most 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// Days before a visited target is targeted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_days: Option<u32>,
    /// Visits to an enterprise within the window, after which it rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise_visits: Option<u32>,
    /// Targets of one enterprise that each targeted mode may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise_per_plan: Option<u32>,
    /// Share of special checks kept for targets of open alerts, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_share: Option<f64>,
    /// Whether targets are ranked by expected harm, or by probability alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harm_weighted: Option<bool>,
    /// Standard deviations of noise on the log-odds of targeted modes, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// Why a planning policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanningPolicyError {
    /// The text does not parse.
    #[error("the planning policy does not parse: {0}")]
    Text(String),
    /// A figure breaks its rule.
    #[error("rules.{field} {rule}")]
    Rule {
        /// Which figure.
        field: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// A mode without a legal basis, or with two.
    #[error("basis: {0} must stand exactly once")]
    Basis(SelectionMode),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: PolicyVersion,
    rules: Rules,
    basis: Vec<BasisText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BasisText {
    mode: SelectionMode,
    zh: CompactString,
    en: CompactString,
    mark: Mark,
}

impl PlanningPolicy {
    /// The policy that ships with the program.
    pub fn builtin() -> Result<Arc<Self>, PlanningPolicyError> {
        Self::from_toml(include_str!("../../../config/policy/planning.toml"))
    }

    /// Reads and checks a policy.
    pub fn from_toml(text: &str) -> Result<Arc<Self>, PlanningPolicyError> {
        let read: Text = toml::from_str(text)
            .map_err(|error| PlanningPolicyError::Text(error.message().to_owned()))?;
        read.rules.check()?;
        let mut basis = BTreeMap::new();
        for one in read.basis {
            let law = LegalBasis {
                zh: one.zh,
                en: one.en,
                mark: one.mark,
            };
            if basis.insert(one.mode, law).is_some() {
                return Err(PlanningPolicyError::Basis(one.mode));
            }
        }
        if let Some(mode) = SelectionMode::ALL
            .iter()
            .find(|mode| !basis.contains_key(mode))
        {
            return Err(PlanningPolicyError::Basis(*mode));
        }
        Ok(Arc::new(Self {
            version: read.version,
            hash: CompactString::from(risk_domain::plan_act::hexadecimal(&Sha256::digest(
                text.as_bytes(),
            ))),
            rules: read.rules,
            basis,
        }))
    }
}

impl Rules {
    /// Harm of a failure whose severities are spread so, against others. What nothing is known of is slight.
    pub fn harm_of(&self, severities: Option<[f64; 4]>) -> f64 {
        let mix = severities.unwrap_or([1.0, 0.0, 0.0, 0.0]);
        mix.iter()
            .zip(self.harm)
            .map(|(share, of)| share * of)
            .sum()
    }

    /// The same with what a request wants otherwise.
    pub fn with(&self, changes: &RuleChanges) -> Result<Self, PlanningPolicyError> {
        let rules = Self {
            gamma: changes.gamma.unwrap_or(self.gamma),
            floor: changes.floor.unwrap_or(self.floor),
            rest_days: changes.rest_days.unwrap_or(self.rest_days),
            enterprise_visits: changes.enterprise_visits.unwrap_or(self.enterprise_visits),
            enterprise_per_plan: changes
                .enterprise_per_plan
                .unwrap_or(self.enterprise_per_plan),
            alert_share: changes.alert_share.unwrap_or(self.alert_share),
            harm_weighted: changes.harm_weighted.unwrap_or(self.harm_weighted),
            temperature: changes.temperature.unwrap_or(self.temperature),
            ..self.clone()
        };
        rules.check()?;
        Ok(rules)
    }

    fn check(&self) -> Result<(), PlanningPolicyError> {
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let within = |value: f64, most: f64| (0.0..=most).contains(&value);
        let class = |weight: &f64| weight.is_finite() && *weight > 0.0;
        let rules: [(&'static str, bool, &'static str); 14] = [
            ("gamma", within(self.gamma, 20.0), "must lie from 0 to 20"),
            ("floor", share(self.floor), "must lie above 0, at most at 1"),
            (
                "resting_weight",
                share(self.resting_weight),
                "must lie above 0, at most at 1",
            ),
            (
                "strata",
                (1..=100).contains(&self.strata),
                "must lie from 1 to 100",
            ),
            (
                "enterprise_visits",
                self.enterprise_visits > 0,
                "must be at least 1",
            ),
            (
                "enterprise_per_plan",
                self.enterprise_per_plan > 0,
                "must be at least 1",
            ),
            (
                "alert_share",
                within(self.alert_share, 1.0),
                "must lie from 0 to 1",
            ),
            (
                "temperature",
                within(self.temperature, 10.0),
                "must lie from 0 to 10",
            ),
            (
                "reserves",
                within(self.reserves, 10.0),
                "must lie from 0 to 10",
            ),
            (
                "harm",
                self.harm.is_sorted() && self.harm.iter().all(class),
                "must be finite and above 0, and none below the one before",
            ),
            (
                "plan_days",
                (1..=366).contains(&self.plan_days),
                "must lie from 1 to 366",
            ),
            (
                "visits_per_team_day",
                self.visits_per_team_day > 0,
                "must be at least 1",
            ),
            (
                "confidence",
                self.confidence > 0.0 && self.confidence < 1.0,
                "must lie above 0 and below 1",
            ),
            (
                "class_weights",
                self.class_weights.values().all(class),
                "must be finite and above 0",
            ),
        ];
        match rules.into_iter().find(|(_, kept, _)| !kept) {
            Some((field, _, rule)) => Err(PlanningPolicyError::Rule { field, rule }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_that_ships_is_sound_and_every_figure_is_checked() {
        let policy = PlanningPolicy::builtin().unwrap();
        assert_eq!(policy.basis.len(), SelectionMode::ALL.len());
        assert_eq!(policy.hash.len(), 64);
        let text = include_str!("../../../config/policy/planning.toml");
        for (from, to, field) in [
            ("gamma = 5.0", "gamma = -1.0", "gamma"),
            ("floor = 0.10", "floor = 0.0", "floor"),
            (
                "resting_weight = 0.05",
                "resting_weight = 0.0",
                "resting_weight",
            ),
            ("strata = 5", "strata = 0", "strata"),
            (
                "enterprise_visits = 3",
                "enterprise_visits = 0",
                "enterprise_visits",
            ),
            (
                "enterprise_per_plan = 2",
                "enterprise_per_plan = 0",
                "enterprise_per_plan",
            ),
            (
                "alert_share = 0.3333333333",
                "alert_share = 1.5",
                "alert_share",
            ),
            ("temperature = 0.0", "temperature = -0.1", "temperature"),
            ("reserves = 0.2", "reserves = -0.2", "reserves"),
            (
                "visits_per_team_day = 8",
                "visits_per_team_day = 0",
                "visits_per_team_day",
            ),
            ("harm = [1.0, 3.0", "harm = [3.0, 1.0", "harm"),
            ("plan_days = 7", "plan_days = 0", "plan_days"),
            ("confidence = 0.90", "confidence = 1.0", "confidence"),
            ("A = 0.25", "A = 0.0", "class_weights"),
        ] {
            assert!(text.contains(from), "{from}");
            let error = PlanningPolicy::from_toml(&text.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(field), "{to}: {error}");
        }
        let twice = text.replacen("mode = \"fast_test\"", "mode = \"special_check\"", 1);
        assert!(matches!(
            PlanningPolicy::from_toml(&twice),
            Err(PlanningPolicyError::Basis(_))
        ));
        let unknown = text.replacen("gamma", "gama", 1);
        assert!(matches!(
            PlanningPolicy::from_toml(&unknown),
            Err(PlanningPolicyError::Text(_))
        ));
    }

    #[test]
    fn a_request_may_change_rules_within_their_ranges() {
        let rules = PlanningPolicy::builtin().unwrap().rules.clone();
        let changed = rules
            .with(&RuleChanges {
                gamma: Some(2.0),
                ..RuleChanges::default()
            })
            .unwrap();
        assert_eq!((changed.gamma, changed.floor), (2.0, rules.floor));
        let wrong = rules.with(&RuleChanges {
            gamma: Some(f64::NAN),
            ..RuleChanges::default()
        });
        assert!(wrong.is_err());
    }
}
