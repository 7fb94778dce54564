//! Signals: facts alert at once, complaints together at a close, whatever order they are read in; and
//! nothing of them enters a grade.

use crate::desk::{Desk, START, new_engine, result};
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::ids::{EnterpriseId, ProductCode, SignalId};
use risk_domain::inspection::Verdict;
use risk_domain::scales::{AlertLevel, CreditRiskClass, Severity};
use risk_domain::signal::{Signal, SignalKind};
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::{AlertRule, Engine, EngineRejection, Outcome, StandingAlert};

fn signal(id: u32, kind: SignalKind, day: i64) -> Signal {
    Signal {
        signal_id: SignalId::new(format!("S{id:03}")).unwrap(),
        kind,
        observed_at: Timestamp::from_millis(START + day * DAY_MILLIS + i64::from(id) * 1000),
        occurred_at: None,
        enterprise_id: EnterpriseId::new("E1").unwrap(),
        site_id: None,
        zone_id: None,
        product: None,
        hazard: None,
        severity: None,
        source: CompactString::const_new("12315"),
        summary: Some(CompactString::const_new("玩具有小零件脱落")),
        verdict: (kind == SignalKind::ExternalCheck).then_some(Verdict::Nonconforming),
        credit_class: (kind == SignalKind::CreditClass).then_some(CreditRiskClass::D),
        reporter: None,
        duty: None,
    }
}

fn alerts(desk: &Desk) -> Vec<StandingAlert> {
    let all = desk.alerts();
    all.iter().map(|entry| entry.alert.clone()).collect()
}

fn rules(desk: &Desk) -> Vec<AlertRule> {
    let mut rules: Vec<AlertRule> = alerts(desk)
        .iter()
        .flat_map(|one| one.rules.clone())
        .collect();
    rules.sort();
    rules
}

#[test]
fn a_fact_of_one_signal_alerts_at_once_and_says_who_told_it() {
    for (kind, severity, expected) in [
        (
            SignalKind::MediaExposure,
            None,
            Some((AlertRule::MediaExposure, AlertLevel::Three)),
        ),
        (
            SignalKind::Recall,
            None,
            Some((AlertRule::Recall, AlertLevel::Two)),
        ),
        (
            SignalKind::Accident,
            None,
            Some((AlertRule::Accident, AlertLevel::Two)),
        ),
        (
            SignalKind::Accident,
            Some(Severity::Two),
            Some((AlertRule::Accident, AlertLevel::Two)),
        ),
        (
            SignalKind::Accident,
            Some(Severity::Three),
            Some((AlertRule::Accident, AlertLevel::One)),
        ),
        (
            SignalKind::ExternalCheck,
            None,
            Some((AlertRule::ExternalCheckFailed, AlertLevel::Three)),
        ),
        (SignalKind::Complaint, Some(Severity::Four), None),
        (SignalKind::CreditClass, None, None),
        (SignalKind::OnlineMonitoring, None, None),
    ] {
        let mut desk = Desk::new(1);
        let mut heard = signal(1, kind, 0);
        heard.severity = severity;
        assert!(matches!(desk.hear(&heard), Outcome::Accepted(_)));
        assert_eq!(desk.hear(&heard), Outcome::Duplicate);
        let found = alerts(&desk);
        let shown = found.first().map(|one| (one.rule, one.level));
        assert_eq!(shown, expected, "{kind}");
        if let Some(alert) = found.first() {
            assert!(alert.reason_zh.contains("12315") && alert.reason_zh.contains("S001"));
            assert!(alert.reason_en.contains("S001"), "{}", alert.reason_en);
            let behind: Vec<&SignalId> = alert.signals.iter().collect();
            assert_eq!(behind, [&heard.signal_id]);
        }
    }
    let mut passed = signal(1, SignalKind::ExternalCheck, 0);
    passed.verdict = Some(Verdict::Conforming);
    let mut desk = Desk::new(1);
    desk.hear(&passed);
    assert!(alerts(&desk).is_empty(), "a check that was passed");
}

#[test]
fn signals_of_a_product_and_its_results_are_one_alert_and_an_id_has_one_content() {
    let mut desk = Desk::new(1);
    let mut heard = signal(1, SignalKind::Recall, 0);
    heard.product = Some(ProductCode::new("P0").unwrap());
    desk.hear(&heard);
    let mut failed = result(4, 1, 0, 1, true);
    failed.items[0].severity = Some(Severity::Four);
    desk.post(0, &failed);
    let [alert] = alerts(&desk).try_into().unwrap();
    assert_eq!(
        (alert.raises, alert.signals.len(), alert.inspections.len()),
        (2, 1, 1)
    );
    assert_eq!(
        desk.engine.signals_of(&"cell:E1:P0".parse().unwrap()),
        [&heard]
    );
    assert_eq!(
        desk.engine.signals_of(&"enterprise:E1".parse().unwrap()),
        [&heard]
    );
    assert!(
        desk.engine
            .signals_of(&"cell:E1:P1".parse().unwrap())
            .is_empty()
    );
    let mut other = heard.clone();
    other.source = CompactString::const_new("日报");
    let hash = desk.engine.state_hash();
    assert_eq!(
        desk.hear(&other),
        Outcome::Rejected(EngineRejection::IdentityConflict)
    );
    assert_eq!(desk.engine.state_hash(), hash);
}

#[test]
fn complaints_alert_together_within_their_time() {
    let run = |days: &[i64]| {
        let mut desk = Desk::new(1);
        for (id, day) in (1..).zip(days) {
            desk.hear(&signal(id, SignalKind::Complaint, *day));
        }
        desk.end(1);
        rules(&desk)
    };
    let clustered = vec![AlertRule::ComplaintCluster];
    assert!(run(&[0, 3]).is_empty(), "two are none");
    assert_eq!(run(&[0, 3, 6]), clustered);
    // Civil days: the first of thirty days that end with the day of the last, and one day earlier.
    assert_eq!(run(&[1, 15, 30]), clustered);
    assert!(run(&[0, 15, 30]).is_empty());
}

#[test]
fn no_grade_knows_of_signals() {
    let graded = |heard: bool| {
        let mut desk = Desk::new(1);
        for week in 0..8 {
            desk.post(
                0,
                &result(week + 1, 1, 0, i64::from(week) * 7, week % 2 == 0),
            );
            if heard {
                desk.hear(&signal(
                    week + 1,
                    SignalKind::MediaExposure,
                    i64::from(week) * 7,
                ));
            }
        }
        desk.end(1);
        let subject = "enterprise:E1".parse().unwrap();
        let (_, now) = desk.engine.last_closed().unwrap();
        desk.engine.provisional(&subject, now).unwrap()
    };
    assert_eq!(graded(false), graded(true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_in_which_signals_are_read_does_not_show(
        order in Just((0..10usize).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..10usize, 0..4),
    ) {
        let kinds = [SignalKind::Complaint, SignalKind::Complaint, SignalKind::Accident];
        let heard: Vec<Signal> = (0..10u32)
            .map(|id| signal(id, kinds[id as usize % 3], i64::from(id) * 2))
            .collect();
        let run = |order: &[usize]| {
            let mut desk = Desk::new(1);
            desk.post(0, &result(1, 1, 0, 0, true));
            for number in order {
                let outcome = desk.hear(&heard[*number]);
                assert!(!matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
            }
            let hash = desk.end(1);
            assert_eq!(desk.rebuilt(), hash);
            let mut frames = Vec::new();
            desk.engine.checkpoint(&mut |frame| frames.push(frame)).unwrap();
            let policy = std::sync::Arc::new(new_engine().policy().clone());
            let restored = Engine::restore(policy, frames.into_iter()).unwrap();
            assert_eq!(restored.state_hash(), hash);
            (hash, rules(&desk))
        };
        let straight: Vec<usize> = (0..10).collect();
        let shuffled: Vec<usize> = order.iter().chain(&again).copied().collect();
        prop_assert_eq!(run(&straight), run(&shuffled));
    }
}
