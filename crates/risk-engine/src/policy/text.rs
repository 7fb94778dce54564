//! A policy as its file says it.

use super::{ItemPolicy, PathPolicy, SignalPolicy};
use crate::alert::terms::AlertTerms;
use crate::burden::BurdenPolicy;
use crate::detection::DetectionSettings;
use crate::lists::ListsPolicy;
use crate::logodds::Settings;
use risk_domain::scales::{AlertLevel, RiskLevel};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) version: String,
    pub(super) time: Time,
    pub(super) model: Settings,
    pub(super) prior: Prior,
    pub(super) grade: Grade,
    pub(super) alert: Alert,
    pub(super) detection: DetectionSettings,
    pub(super) decision: Decision,
    pub(super) burden: BurdenPolicy,
    pub(super) lists: ListsPolicy,
    pub(super) cases: super::cases::Raw,
    #[serde(default)]
    pub(super) targets: Vec<Target>,
    #[serde(default)]
    pub(super) benchmarks: Vec<Benchmark>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) domain: String,
    pub(super) pass_rate: Option<f64>,
    pub(super) above: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Benchmark {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) pass_rate: f64,
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
pub(super) struct Prior {
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
pub(super) struct Decision {
    pub(super) longest_days: i32,
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
    pub(super) outbreak_in_zone: AlertLevel,
    pub(super) outbreak: AlertLevel,
    pub(super) enterprise_changed: AlertLevel,
    pub(super) standing: AlertTerms,
    pub(super) signals: SignalPolicy,
    pub(super) latent_risk: AlertLevel,
    pub(super) paths: PathPolicy,
    pub(super) items: ItemPolicy,
}
