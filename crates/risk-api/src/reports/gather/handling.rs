//! Alerts, cases and lists of a period.

use super::{Sources, Span};
use crate::dto::{
    Names, ReportAlertDto, ReportAlertsDto, ReportCasesDto, ReportDueDto, ReportLevelDto,
    ReportListsDto, ReportProblemDto,
};
use crate::reports::scope::Scope;
use risk_domain::scales::AlertLevel;
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::case::{Deadline, Happened};
use risk_engine::lists::{ProblemRow, ProblemStanding, rows_within};
use risk_engine::{AlertEntry, Case, CaseKind};
use std::collections::BTreeMap;

/// Rows of a list in a report.
const ROWS: usize = 20;
/// Days after a period in which a term is soon to lapse.
const SOON: i64 = 14;

impl Sources<'_> {
    pub(super) fn alerts(&self, scope: &Scope, span: &Span) -> ReportAlertsDto {
        let all = self.engine.alerts();
        let mut own: Vec<&AlertEntry<'_>> = all
            .iter()
            .filter(|entry| scope.holds_alert(entry, self.engine))
            .collect();
        own.sort_by_key(|entry| {
            let alert = entry.alert;
            (alert.level, alert.opened_at, alert.id.clone())
        });
        let opened = |entry: &AlertEntry<'_>| span.holds(entry.alert.opened_at);
        let open =
            |entry: &AlertEntry<'_>| span.ends_within(entry.alert.opened_at, entry.alert.closed_at);
        let closed =
            |entry: &AlertEntry<'_>| entry.alert.closed_at.is_some_and(|at| span.holds(at));
        let count = |fits: &dyn Fn(&AlertEntry<'_>) -> bool| {
            own.iter().filter(|entry| fits(entry)).count() as u64
        };
        let levels = AlertLevel::ALL.iter().map(|&level| ReportLevelDto {
            level: level.to_string(),
            opened: count(&|entry| entry.alert.level == level && opened(entry)),
            open: count(&|entry| entry.alert.level == level && open(entry)),
        });
        let mut by_rule = BTreeMap::new();
        for entry in own.iter().filter(|entry| opened(entry)) {
            *by_rule
                .entry(entry.alert.rule.code().to_owned())
                .or_default() += 1;
        }
        let gravest = own.iter().filter(|entry| open(entry)).take(ROWS);
        ReportAlertsDto {
            opened: count(&opened),
            closed: count(&closed),
            open: count(&open),
            by_level: levels.collect(),
            by_rule,
            gravest: gravest.map(|entry| self.alert(entry)).collect(),
        }
    }

    fn alert(&self, entry: &AlertEntry<'_>) -> ReportAlertDto {
        let names = Names::of(entry.subject, self.engine, self.reference);
        let alert = entry.alert;
        let state = alert.state;
        ReportAlertDto {
            id: alert.id.to_string(),
            level: alert.level.to_string(),
            subject: entry.subject.to_string(),
            name: names.zh,
            name_en: names.en,
            opened_at: alert.opened_at.to_string(),
            state: state.code().to_owned(),
            state_zh: state.zh().to_owned(),
            reason_zh: alert.reason_zh.clone(),
            reason_en: alert.reason_en.clone(),
        }
    }

    /// Whether a case was under way at the end with a term that had lapsed by then.
    fn was_overdue(span: &Span, case: &Case) -> bool {
        let noted = || {
            let mut events = case.events.iter();
            events.any(|event| {
                let lapsed =
                    matches!(event.what, Happened::Noted(_)) && event.what.code() == "overdue";
                lapsed && event.at < span.ends
            })
        };
        let lapsed = || {
            let mut terms = case.deadlines.iter();
            terms.any(|term| term.lapsed && term.lapses_at < span.ends)
        };
        let open = span.ends_within(case.opened_at, case.closed_at);
        // Of one that is closed by now, only its events tell how it stood.
        open && if case.state.is_open() {
            lapsed()
        } else {
            noted()
        }
    }

    pub(super) fn cases(&self, scope: &Scope, span: &Span) -> Vec<ReportCasesDto> {
        let mut counts: BTreeMap<CaseKind, ReportCasesDto> = BTreeMap::new();
        for case in self
            .engine
            .cases()
            .filter(|case| scope.holds_case(case, self.engine))
        {
            let kind = case.state.kind();
            let of = counts.entry(kind).or_insert_with(|| ReportCasesDto {
                kind: kind.code().to_owned(),
                kind_zh: kind.zh().to_owned(),
                opened: 0,
                closed: 0,
                open: 0,
                overdue: 0,
            });
            of.opened += u64::from(span.holds(case.opened_at));
            of.closed += u64::from(case.closed_at.is_some_and(|at| span.holds(at)));
            of.open += u64::from(span.ends_within(case.opened_at, case.closed_at));
            of.overdue += u64::from(Self::was_overdue(span, case));
        }
        counts.into_values().collect()
    }

    pub(super) fn due(&self, scope: &Scope, span: &Span) -> Vec<ReportDueDto> {
        let soon = span.ends.plus_millis(SOON * DAY_MILLIS);
        let mut found = Vec::new();
        let cases = self.engine.cases();
        let cases = cases.filter(|case| {
            case.state.is_open()
                && span.ends_within(case.opened_at, None)
                && scope.holds_case(case, self.engine)
        });
        for case in cases {
            let lapsed = case.deadlines.iter().filter(|term| term.lapsed);
            let lapsed = lapsed.filter(|term| term.lapses_at < span.ends);
            let overdue = lapsed.min_by_key(|term| term.lapses_at);
            let next = case.next_deadline().filter(|term| term.lapses_at < soon);
            if let Some(term) = overdue.or(next) {
                found.push((overdue.is_none(), term.lapses_at, case, term));
            }
        }
        found.sort_by_key(|(later, at, case, _)| (*later, *at, case.id.clone()));
        let rows = found.into_iter().take(ROWS);
        let policy = &self.engine.policy().cases;
        let offset = self.engine.policy().time.offset;
        let row = |(later, at, case, term): (bool, Timestamp, &Case, &Deadline)| {
            let subject = case.key.subject();
            let names = Names::of(&subject, self.engine, self.reference);
            let kind = case.state.kind();
            ReportDueDto {
                case_id: case.id.to_string(),
                kind: kind.code().to_owned(),
                kind_zh: kind.zh().to_owned(),
                subject: subject.to_string(),
                name: names.zh,
                name_en: names.en,
                state: case.state.code().to_owned(),
                term: term.term.code().to_owned(),
                basis: policy
                    .term(kind, term.term)
                    .map_or_else(String::new, |rule| rule.basis.clone()),
                last_day: offset.day_of(at.plus_millis(-1)).to_string(),
                overdue: !later,
            }
        };
        rows.map(row).collect()
    }

    pub(super) fn lists(&self, scope: &Scope, span: &Span) -> ReportListsDto {
        let policy = self.engine.policy();
        let (on, offset) = (span.until.plus(-1), policy.time.offset);
        let all = self.lists.problems(self.engine.problems(), on, offset);
        let rules = (&policy.lists, &policy.alert.signals);
        let assisted = self.lists.assistance(&all, on, rules, offset);
        let assisted = assisted.iter().filter(|row| {
            let own = rows_within(&all, &row.enterprise).iter();
            scope.holds_enterprise(&row.enterprise, own, self.engine)
        });
        let assisted: Vec<_> = assisted.collect();
        let mut assisted_by = BTreeMap::new();
        for reason in assisted.iter().flat_map(|row| &row.reasons) {
            *assisted_by
                .entry(reason.reason.code().to_owned())
                .or_default() += 1;
        }
        let own: Vec<&ProblemRow> = all
            .iter()
            .filter(|row| scope.holds_problem(row, self.engine))
            .collect();
        let mut problems = BTreeMap::new();
        for row in &own {
            *problems.entry(row.standing.code().to_owned()).or_default() += 1;
        }
        let verified = own
            .iter()
            .filter_map(|row| row.listed.as_ref()?.verified.as_ref());
        let mut open: Vec<&&ProblemRow> = own.iter().filter(|row| row.standing.is_open()).collect();
        let recurring = open.iter().filter(|row| row.recurs).count() as u64;
        open.sort_by_key(|row| {
            (
                row.standing != ProblemStanding::Overdue,
                std::cmp::Reverse(row.failures),
                row.enterprise.clone(),
                row.item.clone(),
            )
        });
        ReportListsDto {
            problems,
            verified: verified.filter(|(at, _)| span.holds(*at)).count() as u64,
            recurring,
            assisted: assisted.len() as u64,
            assisted_by,
            open: open
                .into_iter()
                .take(ROWS)
                .map(|row| self.problem(row))
                .collect(),
        }
    }

    fn problem(&self, row: &ProblemRow) -> ReportProblemDto {
        let subject = Subject::Enterprise(row.enterprise.clone());
        let item = row.item_name.as_ref().map(ToString::to_string);
        let listed = row.listed.as_ref();
        let plan = listed.and_then(|listed| listed.plan.as_ref());
        let product = row.product.as_ref().map(|product| {
            let known = self.reference.products.get(product);
            known.map_or_else(|| product.to_string(), |known| known.name_zh.to_string())
        });
        ReportProblemDto {
            enterprise_id: row.enterprise.to_string(),
            name: Names::of(&subject, self.engine, self.reference).zh,
            product,
            problem: listed
                .map(|listed| listed.problem.text.to_string())
                .or(item)
                .or_else(|| row.item.as_ref().map(ToString::to_string))
                .unwrap_or_default(),
            state: row.standing.code().to_owned(),
            failures: row.failures,
            due: plan.map(|plan| plan.due.to_string()),
        }
    }
}
