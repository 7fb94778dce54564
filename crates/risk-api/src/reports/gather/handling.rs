//! Alerts, cases and lists of a period.

use super::{Sources, Span};
use crate::dto::{
    Names, ReportAlertDto, ReportAlertsDto, ReportCasesDto, ReportDueDto, ReportLevelDto,
    ReportListsDto, ReportProblemDto,
};
use crate::reports::scope::Extent;
use risk_domain::ids::ProductCode;
use risk_domain::scales::AlertLevel;
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::case::{Deadline, Happened};
use risk_engine::lists::{AssistedReason, ListedProblems, ListsScope, ProblemRow, ProblemStanding};
use risk_engine::{AlertEntry, Case, CaseKind};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Rows of a list in a report.
const ROWS: usize = 20;
/// Days after a period in which a term is soon to lapse.
const SOON: i64 = 14;

/// Whether a case is not overdue yet, when its term lapses, the case, and the term.
type DueCase<'a> = (bool, Timestamp, &'a Case, &'a Deadline);

impl Sources<'_> {
    pub(super) fn alerts(&self, extent: &Extent<'_>, span: &Span) -> ReportAlertsDto {
        let (mut gravest, mut open, mut closed) = (Vec::new(), 0, 0);
        let graver = |one: &AlertEntry<'_>, other: &AlertEntry<'_>| {
            let key = |entry: &AlertEntry<'_>| (entry.alert.level, entry.alert.opened_at);
            let of_one = key(one).cmp(&key(other));
            of_one.then_with(|| one.alert.id.cmp(&other.alert.id))
        };
        let mut by_rule: BTreeMap<&str, u64> = BTreeMap::new();
        let mut by_level: BTreeMap<AlertLevel, (u64, u64)> = AlertLevel::ALL
            .iter()
            .map(|&level| (level, (0, 0)))
            .collect();
        let all = self.engine.alerts();
        for entry in all.filter(|entry| extent.holds_alert(entry)) {
            let alert = entry.alert;
            let (opened_of, open_of) = by_level.entry(alert.level).or_default();
            if span.holds(alert.opened_at) {
                *opened_of += 1;
                *by_rule.entry(alert.rule.code()).or_default() += 1;
            }
            closed += u64::from(alert.closed_at.is_some_and(|at| span.holds(at)));
            if span.ends_within(alert.opened_at, alert.closed_at) {
                *open_of += 1;
                open += 1;
                keep_first(&mut gravest, entry, graver);
            }
        }
        let level = |(level, (opened, open)): (AlertLevel, (u64, u64))| ReportLevelDto {
            level: level.to_string(),
            opened,
            open,
        };
        let owned = |(rule, count): (&str, u64)| (rule.to_owned(), count);
        ReportAlertsDto {
            opened: by_rule.values().sum(),
            closed,
            open,
            by_level: by_level.into_iter().map(level).collect(),
            by_rule: by_rule.into_iter().map(owned).collect(),
            gravest: gravest.iter().map(|entry| self.alert(entry)).collect(),
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

    /// Cases by kind, and those that are overdue or will be soon.
    pub(super) fn cases(
        &self,
        extent: &Extent<'_>,
        span: &Span,
    ) -> (Vec<ReportCasesDto>, Vec<ReportDueDto>) {
        let soon = span.ends.plus_millis(SOON * DAY_MILLIS);
        let mut due = Vec::new();
        let sooner = |one: &DueCase<'_>, other: &DueCase<'_>| {
            let of_one = (one.0, one.1).cmp(&(other.0, other.1));
            of_one.then_with(|| one.2.id.cmp(&other.2.id))
        };
        let mut counts: BTreeMap<CaseKind, ReportCasesDto> = BTreeMap::new();
        let all = self.engine.cases();
        for case in all.filter(|case| extent.holds_case(case)) {
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
            if case.state.is_open() && span.ends_within(case.opened_at, None) {
                let lapsed = case.deadlines.iter().filter(|term| term.lapsed);
                let lapsed = lapsed.filter(|term| term.lapses_at < span.ends);
                let overdue = lapsed.min_by_key(|term| term.lapses_at);
                let next = case.next_deadline().filter(|term| term.lapses_at < soon);
                if let Some(term) = overdue.or(next) {
                    let one = (overdue.is_none(), term.lapses_at, case, term);
                    keep_first(&mut due, one, sooner);
                }
            }
        }
        (counts.into_values().collect(), self.due(due))
    }

    fn due(&self, cases: Vec<DueCase<'_>>) -> Vec<ReportDueDto> {
        let policy = &self.engine.policy().cases;
        let offset = self.engine.policy().time.offset;
        let row = |(later, at, case, term): DueCase<'_>| {
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
        cases.into_iter().map(row).collect()
    }

    pub(super) fn lists(&self, extent: &Extent<'_>, span: &Span) -> ReportListsDto {
        let policy = self.engine.policy();
        let (on, offset) = (span.until.plus(-1), policy.time.offset);
        let listed = ListedProblems::by(self.engine.problems(), on, offset);
        let of_product = |product: &ProductCode| extent.holds_product(product);
        let within = ListsScope {
            enterprise: &|enterprise| extent.holds_enterprise(enterprise),
            product: extent.is_of_products().then_some(&of_product),
        };
        let told = self.lists.overview(
            &listed,
            &within,
            (on, &(span.starts..span.ends)),
            ((&policy.lists, &policy.alert.signals), offset),
            ROWS,
        );
        let standing =
            |(standing, count): (ProblemStanding, u64)| (standing.code().to_owned(), count);
        let reason = |(reason, count): (AssistedReason, u64)| (reason.code().to_owned(), count);
        ReportListsDto {
            problems: told.problems.into_iter().map(standing).collect(),
            verified: told.verified,
            recurring: told.recurring,
            assisted: told.assisted,
            assisted_by: told.assisted_by.into_iter().map(reason).collect(),
            open: told.gravest.iter().map(|row| self.problem(row)).collect(),
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

/// Keeps the first rows in an order of what comes one by one: most of it is told by its first comparison.
fn keep_first<T>(kept: &mut Vec<T>, one: T, order: impl Fn(&T, &T) -> Ordering) {
    let behind = kept.last().is_some_and(|last| order(last, &one).is_le());
    if kept.len() == ROWS && behind {
        return;
    }
    let at = kept.partition_point(|other| order(other, &one).is_le());
    kept.insert(at, one);
    kept.truncate(ROWS);
}
