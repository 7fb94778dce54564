//! Reminders of records of duty: whoever kept them and stops is told of when the week is over, once for each
//! week that adds missing ones, whatever order the records are read in; who never kept any is not.

use crate::desk::{Desk, START, result};
use compact_str::CompactString;
use proptest::prelude::*;
use risk_domain::ids::{EnterpriseId, SignalId};
use risk_domain::scales::AlertLevel;
use risk_domain::signal::{Duty, DutyRecord, Signal, SignalKind};
use risk_domain::subject::Subject;
use risk_domain::time::{CivilOffset, DAY_MILLIS, Day, Timestamp};
use risk_engine::lists::{DutyRow, DutyStep, Lists};
use risk_engine::{AlertRule, Effect, StandingAlert};

/// Civil day `number`, of which 5 is Monday, 2025-01-06.
fn day(number: i32) -> Day {
    let first = CivilOffset::from_minutes(480)
        .unwrap()
        .day_of(Timestamp::from_millis(START));
    first.plus(number)
}

/// A record of some days, told on the day after them.
fn record(id: u32, of: &str, duty: Duty, (from, until): (i32, i32)) -> Signal {
    Signal {
        signal_id: SignalId::new(format!("D{id:03}")).unwrap(),
        kind: SignalKind::DutyRecord,
        observed_at: Timestamp::from_millis(
            START + i64::from(until + 1) * DAY_MILLIS + i64::from(id),
        ),
        occurred_at: None,
        enterprise_id: EnterpriseId::new(of).unwrap(),
        site_id: None,
        zone_id: None,
        product: None,
        hazard: None,
        severity: None,
        source: CompactString::const_new("E"),
        summary: None,
        verdict: None,
        credit_class: None,
        reporter: None,
        duty: Some(DutyRecord {
            duty,
            from: day(from),
            until: day(until),
            risks: Vec::new(),
        }),
    }
}

/// What is told of missing records after results up to a day, and the records in this order.
fn reminded(last: i64, records: &[Signal]) -> Vec<(String, StandingAlert)> {
    let mut desk = Desk::new(1);
    for record in records {
        desk.hear(record);
    }
    for at in 0..=last {
        desk.post(0, &result(at as u32, 7, 0, at, false));
    }
    let hash = desk.end(1);
    assert_eq!(desk.rebuilt(), hash);
    let all = desk.alerts();
    let told = all.iter();
    let told = told.filter(|entry| entry.alert.rules.contains(&AlertRule::DutyMissed));
    told.map(|entry| (entry.subject.to_string(), entry.alert.clone()))
        .collect()
}

/// E1 keeps a week of daily records and its weekly one, then no more; E2 keeps all.
fn records() -> Vec<Signal> {
    let mut all: Vec<Signal> = (5..=9)
        .map(|at| record(at as u32, "E1", Duty::Daily, (at, at)))
        .collect();
    all.push(record(20, "E1", Duty::Weekly, (5, 11)));
    all.push(record(21, "E2", Duty::Daily, (5, 9)));
    all.push(record(22, "E2", Duty::Daily, (12, 16)));
    all
}

#[test]
fn who_stops_is_told_of_at_the_end_of_the_week_and_again_when_more_are_missing() {
    assert!(
        reminded(12, &records()).is_empty(),
        "the weekend is not owed, and Monday is not over"
    );
    let told = reminded(19, &records());
    let [(subject, alert)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(subject, "enterprise:E1");
    assert_eq!((alert.level, alert.raises), (AlertLevel::Three, 1));
    assert_eq!(alert.reason_zh, "日管控记录缺5次（2025-01-13至2025-01-17）");
    let told = reminded(26, &records());
    let mut raises: Vec<_> = told.iter().map(|(of, one)| (&**of, one.raises)).collect();
    raises.sort_unstable();
    // Daily records in two weeks, and the weekly one whose grace is over; E2 has stopped, too.
    assert_eq!(raises, [("enterprise:E1", 3), ("enterprise:E2", 1)]);
}

#[test]
fn one_missing_record_is_a_reminder_and_one_that_is_told_late_ends_it() {
    let mut records: Vec<Signal> = [5, 6, 8, 9]
        .map(|at| record(at as u32, "E1", Duty::Daily, (at, at)))
        .to_vec();
    let told = reminded(12, &records);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.level, AlertLevel::Four);
    assert_eq!(
        told[0].1.reason_en,
        "1 daily records of duty are missing (2025-01-08 to 2025-01-08)"
    );
    records.push(record(7, "E1", Duty::Daily, (7, 7)));
    assert!(reminded(12, &records).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_records_does_not_show(order in Just(records()).prop_shuffle()) {
        // Within the lateness of the policy.
        let mut order = order;
        order.retain(|one| one.observed_at < Timestamp::from_millis(START + 14 * DAY_MILLIS));
        let mut sorted = order.clone();
        sorted.sort_by_key(|one| one.observed_at);
        prop_assert_eq!(reminded(26, &order), reminded(26, &sorted));
    }
}

/// A peer's list and its alarm each counted in a way of their own.
#[test]
fn the_list_counts_what_the_reminder_counts_however_long_ago_the_first_was_missed() {
    let (mut desk, mut lists) = (Desk::new(1), Lists::default());
    for record in &records() {
        desk.hear(record);
        lists.admit_signal(record);
    }
    for at in 0..=160 {
        desk.post(0, &result(at as u32, 7, 0, at, false));
    }
    desk.end(1);
    let (policy, calendar) = (desk.engine.policy(), desk.engine.calendar());
    let offset = CivilOffset::from_minutes(480).unwrap();
    let (mut compared, mut longer) = (0, 0);
    for effect in &desk.effects {
        if let Effect::AlertRaised(alert) = effect
            && alert.rule == AlertRule::DutyMissed
        {
            let on = offset.day_of(alert.raised_at.plus_millis(-1));
            let settings = &policy.lists.duties;
            let of = |one| lists.duties_of(one, (None, on), settings, calendar, offset);
            let rows: Vec<DutyRow> = lists.on_duty(None).flat_map(of).collect();
            let told = |row: &DutyRow| {
                let count = format!("{} {} records", row.missing_lately, row.duty.code());
                alert.reason_en.starts_with(&count)
                    && alert.subject == Subject::Enterprise(row.enterprise.clone())
            };
            let row = rows.iter().find(|row| told(row));
            let row = row.unwrap_or_else(|| panic!("{}: {rows:?}", alert.reason_en));
            assert_ne!(row.step, DutyStep::None);
            compared += 1;
            longer += u32::from(row.missing.len() as u32 > row.missing_lately);
        }
    }
    assert!(compared > 5, "{compared} reminders");
    assert!(longer > 0, "no list went back further than a reminder");
}
