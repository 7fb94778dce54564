//! Cases in the orders in which they are listed（案件列表）, and how many there are of each kind.

use super::Cases;
use crate::case::{Case, CaseKey, CaseKind, CaseState};
use crate::classed::{Classed, Line};
use crate::step::Engine;
use risk_domain::ids::CaseId;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Which cases（案件查询）; what is not named does not matter.
#[doc(alias = "案件查询")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Of this kind.
    pub kind: Option<CaseKind>,
    /// That stand so, by the state's code.
    pub state: Option<&'static str>,
    /// That are open, or closed.
    pub open: Option<bool>,
    /// About this enterprise with a product.
    pub subject: Option<Subject>,
    /// With a term that has not lapsed and does so before this instant, the earliest first.
    pub due_before: Option<Timestamp>,
    /// With a term that has lapsed without being kept.
    pub overdue: Option<bool>,
}

/// What lists of cases are filtered by: where one stands, and whether it is overdue.
type Class = (CaseState, bool);

impl CaseFilter {
    fn fits(&self, (state, overdue): Class) -> bool {
        self.kind.is_none_or(|kind| state.kind() == kind)
            && self.state.is_none_or(|code| state.code() == code)
            && self.open.is_none_or(|open| state.is_open() == open)
            && self.overdue.is_none_or(|asked| overdue == asked)
    }

    /// Where a case stands in the order that is asked for: its time there; none where it has no place.
    pub fn time_of(&self, case: &Case) -> Option<Timestamp> {
        match self.due_before {
            Some(before) => {
                let due = case.next_deadline()?.lapses_at;
                (due < before).then_some(due)
            }
            None => Some(case.opened_at),
        }
    }
}

fn class(case: &Case) -> Class {
    (case.state, case.is_overdue())
}

/// A case's id as a number, which has the order of ids.
fn number(id: &CaseId) -> u128 {
    let id = id.as_str();
    // By halves, since arithmetic on 128 bits is slow.
    let hash = match id.split_at_checked(16) {
        Some((high, low)) if low.len() == 16 => {
            let half = |digits| u64::from_str_radix(digits, 16).map(u128::from);
            half(high).and_then(|high| Ok(high << 64 | half(low)?))
        }
        Some(_) | None => u128::from_str_radix(id, 16),
    };
    hash.unwrap_or_else(|_other| xxhash_rust::xxh3::xxh3_128(id.as_bytes()))
}

/// By opening, the last first.
type Opened = (Reverse<Timestamp>, u128);
/// By the term that lapses next, the earliest first.
type Due = (Timestamp, u128);

/// The index of all cases: to each its docket.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    opened: Classed<Class, Opened, u32>,
    due: Classed<Class, Due, u32>,
    /// Nobody will ask for lists, and none are kept.
    left_out: bool,
}

/// The cases of a docket, as they are listed.
#[derive(Default)]
pub(super) struct Lines {
    opened: Vec<Line<Class, Opened, u32>>,
    due: Vec<Line<Class, Due, u32>>,
}

impl Listed {
    pub(super) fn left_out() -> Self {
        Self {
            left_out: true,
            ..Self::default()
        }
    }

    /// The cases of a docket as lists have them; none where none are kept.
    pub(super) fn lines(&self, docket: u32, cases: &[Case]) -> Lines {
        let mut lines = Lines::default();
        if self.left_out {
            return lines;
        }
        for case in cases {
            let (class, number) = (class(case), number(&case.id));
            let opened = (Reverse(case.opened_at), number);
            lines.opened.push((class, opened, docket));
            if let Some(due) = case.next_deadline() {
                lines.due.push((class, (due.lapses_at, number), docket));
            }
        }
        lines
    }

    /// Puts the cases of a docket where they stand now.
    pub(super) fn change(&mut self, before: &Lines, after: Lines) {
        self.opened.change(&before.opened, after.opened);
        self.due.change(&before.due, after.due);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.opened.heap_bytes() + self.due.heap_bytes()
    }

    /// Open cases by kind, and those among them with a term that lapsed.
    pub(super) fn counts(&self) -> BTreeMap<CaseKind, (u64, u64)> {
        let mut counts: BTreeMap<CaseKind, (u64, u64)> = BTreeMap::new();
        let open = self.opened.counts();
        for ((state, overdue), cases) in open.filter(|((state, _), _)| state.is_open()) {
            let count = counts.entry(state.kind()).or_default();
            count.0 += cases;
            count.1 += if *overdue { cases } else { 0 };
        }
        counts
    }
}

impl Cases {
    fn numbered(&self, docket: u32, id: u128) -> Option<&Case> {
        let docket = self.dockets.get(docket as usize)?;
        docket.cases.iter().find(|case| number(&case.id) == id)
    }

    /// Cases of an enterprise with a product, one docket after the other.
    fn of_cell(&self, subject: &Subject) -> impl Iterator<Item = &Case> {
        let first = match subject {
            Subject::Cell(enterprise, product) => Some(CaseKey {
                enterprise: enterprise.clone(),
                product: product.clone(),
                hazard: None,
            }),
            Subject::Product(_)
            | Subject::Enterprise(_)
            | Subject::Site(_)
            | Subject::Zone(_)
            | Subject::Sector(_) => None,
        };
        let dockets = first.into_iter().flat_map(|first| {
            let from = self.by_key.range(first.clone()..);
            let same = move |key: &CaseKey| {
                key.enterprise == first.enterprise && key.product == first.product
            };
            from.take_while(move |(key, _)| same(key))
        });
        let dockets = dockets.filter_map(|(_, number)| self.dockets.get(*number as usize));
        dockets.flat_map(|docket| &docket.cases)
    }

    fn list<'a>(
        &'a self,
        filter: &'a CaseFilter,
        behind: Option<(Timestamp, &CaseId)>,
    ) -> Box<dyn Iterator<Item = &'a Case> + 'a> {
        let behind = behind.map(|(at, id)| (at, number(id)));
        let fits = |class: &Class| filter.fits(*class);
        match (&filter.subject, filter.due_before) {
            (Some(subject), due_before) => {
                let placed = |case: &'a Case| Some((filter.time_of(case)?, number(&case.id), case));
                let own = self.of_cell(subject).filter(|case| fits(&class(case)));
                let mut own: Vec<_> = own.filter_map(placed).collect();
                if due_before.is_some() {
                    own.retain(|(at, id, _)| behind.is_none_or(|behind| (*at, *id) > behind));
                    own.sort_unstable_by_key(|(at, id, _)| (*at, *id));
                } else {
                    let place = |(at, id)| (Reverse(at), id);
                    let behind = behind.map(place);
                    own.retain(|(at, id, _)| behind.is_none_or(|far| place((*at, *id)) > far));
                    own.sort_unstable_by_key(|(at, id, _)| place((*at, *id)));
                }
                Box::new(own.into_iter().map(|(.., case)| case))
            }
            (None, Some(before)) => {
                let due = self.listed.due.behind(fits, behind.as_ref());
                let due = due.take_while(move |((at, _), _)| *at < before);
                Box::new(due.filter_map(|((_, id), docket)| self.numbered(*docket, *id)))
            }
            (None, None) => {
                let behind = behind.map(|(at, id)| (Reverse(at), id));
                let opened = self.listed.opened.behind(fits, behind.as_ref());
                Box::new(opened.filter_map(|((_, id), docket)| self.numbered(*docket, *id)))
            }
        }
    }
}

impl Engine {
    /// Cases that fit, those opened last first, or by the term that lapses next where the filter names one; behind
    /// the one with this id if one is named, which had that time in the same order. A page costs a page,
    /// however many there are.
    pub fn cases_listed<'a>(
        &'a self,
        filter: &'a CaseFilter,
        behind: Option<(Timestamp, &CaseId)>,
    ) -> Box<dyn Iterator<Item = &'a Case> + 'a> {
        self.cases.list(filter, behind)
    }
}
