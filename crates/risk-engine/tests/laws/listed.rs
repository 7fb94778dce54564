//! What is listed by an index is what sorting everything tells; and what is counted as things change is what
//! counting them tells. Every desk that is rebuilt is held to it, whatever its law is about.

use risk_domain::scales::{AlertLevel, RiskLevel};
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::DAY_MILLIS;
use risk_engine::{
    AlertEntry, AlertFilter, AlertRule, AlertState, Case, CaseFilter, CaseKind, Effect, Engine,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Holds an engine, and the one that comes back from its checkpoint, to what effects told.
pub(crate) fn check(engine: &Engine, effects: &[Effect]) {
    let mut frames = Vec::new();
    engine.checkpoint(&mut |frame| frames.push(frame)).unwrap();
    let policy = Arc::new(engine.policy().clone());
    let restored = Engine::restore(policy, frames.into_iter()).unwrap();
    for engine in [engine, &restored] {
        check_alerts(engine, effects);
        check_cases(engine);
        check_grades(engine, effects);
    }
}

/// Holds an engine that leaves lists out to that.
pub(crate) fn check_none(engine: &Engine) {
    let (alerts, cases) = (AlertFilter::default(), CaseFilter::default());
    assert!(engine.alerts_listed(&alerts, None).next().is_none());
    assert!(engine.cases_listed(&cases, None).next().is_none());
    assert!(engine.alert_counts().is_empty() && engine.case_counts().is_empty());
}

fn check_alerts(engine: &Engine, effects: &[Effect]) {
    let mut told = BTreeSet::new();
    for effect in effects {
        if let Effect::AlertMoved(moved) = effect {
            told.insert(moved.alert.clone());
        }
    }
    let known = told.iter().filter_map(|id| engine.alert(id));
    let mut all: Vec<AlertEntry<'_>> = known.collect();
    all.sort_by_key(|entry| {
        let (stream, number) = entry.alert.id.as_str().rsplit_once('-').unwrap();
        let number: u32 = number.parse().unwrap();
        Reverse((entry.alert.opened_at, stream.to_owned(), number))
    });
    let last = all.iter().map(|entry| entry.alert.last_raised_at).max();
    let mut filters = vec![AlertFilter::default()];
    filters.extend(AlertState::ALL.map(|state| AlertFilter {
        state: Some(state),
        ..AlertFilter::default()
    }));
    filters.extend(AlertLevel::ALL.iter().map(|level| AlertFilter {
        level: Some(*level),
        state: Some(AlertState::Open),
        ..AlertFilter::default()
    }));
    filters.extend(AlertRule::ALL.map(|rule| AlertFilter {
        rule: Some(rule),
        ..AlertFilter::default()
    }));
    for entry in all.iter().take(3) {
        filters.push(AlertFilter {
            subject: Some(entry.subject.clone()),
            ..AlertFilter::default()
        });
        filters.push(AlertFilter {
            state: Some(AlertState::Open),
            since: last.map(|last| last.plus_millis(-3 * DAY_MILLIS)),
            ..AlertFilter::default()
        });
    }
    for filter in filters {
        let fits = |entry: &&AlertEntry<'_>| {
            let alert = entry.alert;
            filter.state.is_none_or(|state| alert.state == state)
                && filter.level.is_none_or(|level| alert.level == level)
                && filter.rule.is_none_or(|rule| alert.rules.contains(&rule))
                && filter.subject.as_ref().is_none_or(|of| of == entry.subject)
                && filter
                    .since
                    .is_none_or(|since| alert.last_raised_at >= since)
        };
        let sorted = all.iter().filter(fits).map(|entry| &entry.alert.id);
        let sorted: Vec<_> = sorted.collect();
        // Page by page.
        let (mut paged, mut behind) = (Vec::new(), None);
        loop {
            let listed = engine.alerts_listed(&filter, behind);
            let page: Vec<_> = listed.take(3).map(|entry| entry.alert).collect();
            let Some(last) = page.last() else {
                break;
            };
            behind = Some((last.opened_at, &last.id));
            paged.extend(page.iter().map(|alert| &alert.id));
        }
        assert_eq!(paged, sorted, "{filter:?}");
    }
    assert_eq!(engine.alerts().count(), all.len());
    let mut counts = BTreeMap::new();
    for entry in &all {
        let of = (entry.alert.state, entry.alert.level);
        *counts.entry(of).or_default() += 1_u64;
    }
    assert_eq!(engine.alert_counts(), counts);
}

fn check_cases(engine: &Engine) {
    let all: Vec<&Case> = engine.cases().collect();
    let due = |case: &Case| case.next_deadline().map(|next| next.lapses_at);
    let mut filters = vec![CaseFilter::default()];
    for open in [true, false] {
        for overdue in [true, false] {
            filters.push(CaseFilter {
                open: Some(open),
                overdue: Some(overdue),
                ..CaseFilter::default()
            });
        }
    }
    filters.extend(CaseKind::ALL.iter().map(|kind| CaseFilter {
        kind: Some(*kind),
        ..CaseFilter::default()
    }));
    let first = all.iter().filter_map(|case| due(case)).min();
    for case in all.iter().take(3) {
        let due_before = first.map(|first| first.plus_millis(5 * DAY_MILLIS));
        for subject in [None, Some(case.key.subject())] {
            for due_before in [None, due_before] {
                filters.push(CaseFilter {
                    state: Some(case.state.code()),
                    subject: subject.clone(),
                    due_before,
                    ..CaseFilter::default()
                });
            }
        }
    }
    for filter in filters {
        let fits = |case: &&Case| {
            filter.kind.is_none_or(|kind| case.state.kind() == kind)
                && filter.state.is_none_or(|code| case.state.code() == code)
                && filter.open.is_none_or(|open| case.state.is_open() == open)
                && filter.overdue.is_none_or(|of| case.is_overdue() == of)
                && filter
                    .subject
                    .as_ref()
                    .is_none_or(|of| *of == case.key.subject())
                && filter
                    .due_before
                    .is_none_or(|before| due(case).is_some_and(|due| due < before))
        };
        let mut sorted: Vec<&Case> = all.iter().copied().filter(fits).collect();
        if filter.due_before.is_some() {
            sorted.sort_by_key(|case| (due(case), case.id.clone()));
        } else {
            sorted.sort_by_key(|case| (Reverse(case.opened_at), case.id.clone()));
        }
        let (mut paged, mut behind) = (Vec::new(), None);
        loop {
            let page: Vec<&Case> = engine.cases_listed(&filter, behind).take(3).collect();
            let Some(last) = page.last() else {
                break;
            };
            behind = Some((filter.time_of(last).unwrap(), &last.id));
            paged.extend(page);
        }
        assert_eq!(paged, sorted, "{filter:?}");
    }
    let mut counts: BTreeMap<CaseKind, (u64, u64)> = BTreeMap::new();
    for case in all.iter().filter(|case| case.state.is_open()) {
        let count = counts.entry(case.state.kind()).or_default();
        count.0 += 1;
        count.1 += u64::from(case.is_overdue());
    }
    assert_eq!(engine.case_counts(), counts);
}

fn check_grades(engine: &Engine, effects: &[Effect]) {
    let mut grades: BTreeMap<Subject, RiskLevel> = BTreeMap::new();
    for effect in effects {
        if let Effect::Assessed(assessed) = effect {
            grades.insert(assessed.subject.clone(), assessed.level);
        }
    }
    let mut counts: BTreeMap<(SubjectKind, RiskLevel), u64> = BTreeMap::new();
    for (subject, level) in &grades {
        *counts.entry((subject.kind(), *level)).or_default() += 1;
    }
    for (of, count) in engine.subject_counts() {
        let graded = counts.remove(&of).unwrap_or_default();
        // What was never graded counts as undetermined.
        let ungraded = of.1 == RiskLevel::Undetermined && count >= graded;
        assert!(count == graded || ungraded, "{of:?}: {count}, not {graded}");
    }
    assert!(counts.is_empty(), "not counted: {counts:?}");
}
