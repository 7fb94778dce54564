//! How cases run（办案规则）: every term with its clause and mark, the bureau's choices, who must agree.

use super::PolicyError;
use crate::case::{Bound, CaseKind, CaseState, Span, Switches, Term, TermRule};
use risk_domain::calendar::{CalendarDays, WorkingDays};
use risk_domain::case_act::CaseAct;
use risk_domain::ids::{HazardCode, SectorCode};
use risk_domain::reference::Mark;
use risk_domain::scales::Severity;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a complaint or a report opens（线索处置）.
#[doc(alias = "线索处置")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lead {
    /// No case: it is evidence, and may alert.
    None,
    /// A fast check（快检核查）.
    FastTest,
    /// An enforcement case（执法办案）.
    Enforcement,
}

/// Which tests answer a complaint（投诉核查的认定）.
#[doc(alias = "投诉核查的认定")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// Those that name its case, or follow up a result of it.
    CaseId,
    /// Those too that were made on complaint (`selection.basis`), of the same product at the same
    /// enterprise, and of the hazard complained of where one was named.
    ComplaintBasis,
}

/// What complaints and reports open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadPolicy {
    /// A report（举报）.
    pub tip: Lead,
    /// A complaint（投诉）,
    pub complaint: Lead,
    /// of an injury as grave as this or graver.
    pub complaint_severity: Severity,
    /// Which tests answer it,
    pub answered_by: AnsweredBy,
    /// of a sample that was taken within so many days, where they do not name the case.
    pub answered_within_days: u16,
}

/// How cases run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePolicy {
    terms: BTreeMap<(CaseKind, Term), TermRule>,
    /// The bureau's choices.
    pub switches: Switches,
    /// Acts that take effect only once a second person agrees.
    pub approval: BTreeSet<CaseAct>,
    /// A fast test that fails within so many days of the end of an earlier case is a second one.
    pub repeat_within_days: u16,
    /// Days after the close of its own day for which a reference of a result waits for what it names.
    pub reference_grace_days: u16,
    /// What complaints and reports open.
    pub leads: LeadPolicy,
    /// Sectors whose failed laboratory results are food checks.
    pub food_sectors: BTreeSet<SectorCode>,
    /// Sectors whose failed quick tests are farm-produce cases.
    pub farm_produce_sectors: BTreeSet<SectorCode>,
    /// Hazards whose failures are not tested again: microbes.
    pub microbe_hazards: BTreeSet<HazardCode>,
}

impl CasePolicy {
    /// A term of a kind of case. Every term that a machine names is there: reading the policy checks it.
    pub fn term(&self, kind: CaseKind, term: Term) -> Option<&TermRule> {
        self.terms.get(&(kind, term))
    }

    /// Every term, by kind.
    pub fn terms(&self) -> impl Iterator<Item = (CaseKind, Term, &TermRule)> {
        let terms = self.terms.iter();
        terms.map(|((kind, term), rule)| (*kind, *term, rule))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    order_waits_for_objection: bool,
    inconclusive_closes: bool,
    severe_goes_to_enforcement: bool,
    repeat_within_days: u16,
    reference_grace_days: u16,
    leads: LeadPolicy,
    approval: BTreeSet<CaseAct>,
    food_sectors: BTreeSet<SectorCode>,
    farm_produce_sectors: BTreeSet<SectorCode>,
    microbe_hazards: BTreeSet<HazardCode>,
    terms: BTreeMap<CaseKind, BTreeMap<Term, RawTerm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerm {
    hours: Option<u16>,
    calendar_days: Option<u16>,
    working_days: Option<u16>,
    months: Option<u16>,
    #[serde(default = "within")]
    bound: Bound,
    basis: String,
    mark: Mark,
}

fn within() -> Bound {
    Bound::Within
}

pub(super) fn cases(raw: Raw) -> Result<CasePolicy, PolicyError> {
    let mut terms = BTreeMap::new();
    for (kind, of_kind) in raw.terms {
        for (term, raw) in of_kind {
            let at = |rule| PolicyError::Term { kind, term, rule };
            terms.insert((kind, term), rule(raw).map_err(at)?);
        }
    }
    let named: BTreeSet<(CaseKind, Term)> = CaseState::all()
        .flat_map(|state| {
            state
                .clocks()
                .into_iter()
                .map(move |clock| (state.kind(), clock.term))
        })
        .collect();
    let missing = named.iter().find(|key| !terms.contains_key(key));
    let unused = terms.keys().find(|key| !named.contains(key));
    let fault = missing.map(|key| (key, "must be given: its machine runs this clock"));
    let fault =
        fault.or(unused.map(|key| (key, "must not be given: its machine has no such clock")));
    if let Some(((kind, term), rule)) = fault {
        return Err(PolicyError::Term {
            kind: *kind,
            term: *term,
            rule,
        });
    }
    Ok(CasePolicy {
        terms,
        switches: Switches {
            order_waits_for_objection: raw.order_waits_for_objection,
            inconclusive_closes: raw.inconclusive_closes,
            severe_goes_to_enforcement: raw.severe_goes_to_enforcement,
        },
        approval: raw.approval,
        repeat_within_days: raw.repeat_within_days,
        reference_grace_days: raw.reference_grace_days,
        leads: raw.leads,
        food_sectors: raw.food_sectors,
        farm_produce_sectors: raw.farm_produce_sectors,
        microbe_hazards: raw.microbe_hazards,
    })
}

fn rule(raw: RawTerm) -> Result<TermRule, &'static str> {
    let span = match (raw.hours, raw.calendar_days, raw.working_days, raw.months) {
        (Some(hours), None, None, None) => Span::Hours(hours),
        (None, Some(days), None, None) => Span::CalendarDays(CalendarDays(days)),
        (None, None, Some(days), None) => Span::WorkingDays(WorkingDays(days)),
        (None, None, None, Some(months)) => Span::Months(months),
        (None | Some(_), None | Some(_), None | Some(_), None | Some(_)) => {
            return Err("must have one of hours, calendar_days, working_days and months");
        }
    };
    let (length, longest) = match span {
        Span::Hours(hours) => (hours, 720),
        Span::CalendarDays(CalendarDays(days)) | Span::WorkingDays(WorkingDays(days)) => {
            (days, 3660)
        }
        Span::Months(months) => (months, 240),
    };
    if length > longest {
        return Err("must be at most 720 hours, 3660 days or 240 months");
    }
    let whole = match span {
        Span::CalendarDays(_) | Span::Months(_) => true,
        Span::Hours(_) | Span::WorkingDays(_) => raw.bound == Bound::Within,
    };
    if !whole || (raw.bound == Bound::Before && length == 0) {
        return Err("must be counted in calendar days or months to end `after` or `before` a day");
    }
    if raw.basis.trim().is_empty() {
        return Err("must name the clause it rests on in `basis`");
    }
    Ok(TermRule {
        span,
        bound: raw.bound,
        basis: raw.basis,
        mark: raw.mark,
    })
}
