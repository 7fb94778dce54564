use super::*;
use crate::assessment::{Contribution, Interval};
use crate::event_time::Epoch;
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::ids::PolicyVersion;
use risk_stats::special::logit;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An assessment of these parts, of a level whose bounds on the failure probability are these.
fn assessed(
    parts: &[(Part, f64)],
    variance: f64,
    bounds: [f64; 3],
    level: RiskLevel,
) -> Assessment {
    let log_odds = parts.iter().map(|(_, of)| of).sum::<f64>();
    let above = |bound: f64| normal_cdf((log_odds - logit(bound)) / variance.sqrt());
    Assessment {
        subject: "enterprise:E1".parse().unwrap(),
        zones: Arc::default(),
        sectors: Arc::default(),
        epoch: Epoch(7),
        level,
        decision: None,
        watch: false,
        inherited: false,
        band: 0,
        probability: sigmoid(log_odds),
        interval: Interval {
            lower: 0.0,
            upper: 1.0,
        },
        log_odds,
        variance,
        at_least: bounds.map(above),
        severity_mix: [0.25; 4],
        contributions: parts
            .iter()
            .map(|(part, log_odds)| Contribution {
                part: *part,
                log_odds: *log_odds,
            })
            .collect(),
        evidence: BTreeMap::new(),
        policy_version: PolicyVersion::new("2026.1").unwrap(),
        policy_hash: Arc::from("hash"),
        model_version: CompactString::const_new("m"),
        snapshot: None,
    }
}

proptest! {
    #[test]
    fn the_bound_of_the_level_is_found_again(
        base in -4.0..-1.0_f64,
        own in -1.0..2.0_f64,
        variance in 0.05..2.0_f64,
        bounds in (0.005..0.05_f64, 1.2..4.0_f64, 1.2..4.0_f64),
        level in 0_usize..3,
    ) {
        let bounds = [bounds.0, bounds.0 * bounds.1, bounds.0 * bounds.1 * bounds.2];
        let parts = [(Part::Base, base), (Part::Enterprise, own), (Part::Season, 0.1)];
        let of = assessed(&parts, variance, bounds, LEVELS[level]);
        let Some(found) = of.margin() else {
            prop_assert!(!(1e-9..1.0 - 1e-9).contains(&of.at_least[level]));
            return Ok(());
        };
        prop_assert!((found.begins_at / bounds[level] - 1.0).abs() < 1e-5, "{found:?}");
        prop_assert!((found.log_odds - (of.log_odds - logit(bounds[level]))).abs() < 1e-5);
        // Taking a part away is the same as never having had it.
        for without in &found.without {
            let rest: Vec<_> = parts.iter().copied().filter(|(part, _)| *part != without.part).collect();
            let rest = assessed(&rest, variance, bounds, LEVELS[level]);
            prop_assert!((without.at_least - rest.at_least[level]).abs() < 1e-6);
            prop_assert!(without.at_least < found.at_least);
        }
        prop_assert!(found.without.is_sorted_by(|one, other| one.at_least <= other.at_least));
        prop_assert_eq!(found.without.len(), 1 + usize::from(own > 0.0));
    }
}

#[test]
fn the_lowest_level_has_nothing_below_it_and_certainty_tells_no_bound() {
    let parts = [(Part::Base, -3.0), (Part::Enterprise, 1.0)];
    let bounds = [0.01, 0.1, 0.3];
    for level in [RiskLevel::Undetermined, RiskLevel::Low] {
        assert_eq!(assessed(&parts, 0.1, bounds, level).margin(), None);
    }
    assert!(
        assessed(&parts, 0.1, bounds, RiskLevel::High)
            .margin()
            .is_some()
    );
    let certain = assessed(&parts, 1e-6, bounds, RiskLevel::High);
    assert_eq!(certain.margin(), None);
}
