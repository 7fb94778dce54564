//! What came of alerts and cases: how officers closed the alerts of each rule, and how cases of each kind
//! ended, and in how many days.

use crate::cli::DataDir;
use crate::commands::upkeep::store;
use crate::output::say;
use risk_domain::time::DAY_MILLIS;
use risk_engine::case::CaseState;
use risk_engine::{AlertRule, CaseKind, Engine};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Prints what came of the alerts and cases of a data directory.
pub(crate) fn handling(args: &DataDir) -> anyhow::Result<ExitCode> {
    let opened = store(args)?.open()?;
    alerts(&opened.engine);
    cases(&opened.engine);
    drop(opened.writer);
    Ok(ExitCode::SUCCESS)
}

/// By rule: alerts closed with each disposition, and the share of those looked into that were confirmed.
fn alerts(engine: &Engine) {
    let mut rules: BTreeMap<AlertRule, BTreeMap<&str, u64>> = BTreeMap::new();
    for ((rule, disposition), count) in engine.alert_feedback() {
        *rules
            .entry(rule)
            .or_default()
            .entry(disposition)
            .or_default() += count;
    }
    say("rule                     confirmed  false_alarm  inconclusive  other  confirmed share");
    for (rule, of) in rules {
        let count = |disposition: &str| of.get(disposition).copied().unwrap_or_default();
        let (confirmed, wrong) = (count("confirmed"), count("false_alarm"));
        let all: u64 = of.values().sum();
        let inconclusive = count("inconclusive");
        let other = all - confirmed - wrong - inconclusive;
        // Neither found nor ruled out says nothing of the rule.
        let share = match confirmed + wrong {
            0 => "-".to_owned(),
            judged => format!("{:.2}", confirmed as f64 / judged as f64),
        };
        let rule = rule.code();
        say(&format!(
            "{rule:<24} {confirmed:>9} {wrong:>12} {inconclusive:>13} {other:>6} {share:>16}"
        ));
    }
}

/// By kind and end: cases, and the median of the days that they took.
fn cases(engine: &Engine) {
    let mut ends: BTreeMap<(CaseKind, &str), Vec<i64>> = BTreeMap::new();
    for case in engine.cases() {
        let end = match case.state {
            CaseState::Closed(_, ending) => ending.code(),
            CaseState::FastTest(_)
            | CaseState::SpotCheck(_)
            | CaseState::FoodCheck(_)
            | CaseState::FarmProduce(_)
            | CaseState::Enforcement(_) => "open",
        };
        let days = case
            .closed_at
            .map(|closed| closed.millis_since(case.opened_at) / DAY_MILLIS);
        let of = ends.entry((case.state.kind(), end)).or_default();
        of.push(days.unwrap_or(-1));
    }
    say("cases of kind            ended              count  median days");
    for ((kind, end), mut days) in ends {
        days.sort_unstable();
        let middle = days.get(days.len() / 2).copied().filter(|days| *days >= 0);
        let middle = middle.map_or_else(|| "-".to_owned(), |days| days.to_string());
        let (kind, count) = (kind.code(), days.len());
        say(&format!("{kind:<24} {end:<18} {count:>5} {middle:>12}"));
    }
}
