//! The problem list and the assistance list at a glance（清单概览）, as reports tell of them.

use super::assistance::reasons;
use super::found::{FoundProblem, found};
use super::{
    AssistedReason, Known, ListedProblems, Lists, ListsPolicy, ProblemRow, ProblemStanding,
};
use crate::policy::SignalPolicy;
use rayon::prelude::*;
use risk_domain::ids::{EnterpriseId, ProductCode};
use risk_domain::time::{CivilOffset, Day, Timestamp};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Enterprises that one processor looks at before it takes more.
const AT_ONCE: usize = 2_000;

/// What of the lists is looked at（清单范围）.
#[doc(alias = "清单范围")]
pub struct ListsScope<'a> {
    /// Whether an enterprise belongs to it.
    pub enterprise: &'a (dyn Fn(&EnterpriseId) -> bool + Sync),
    /// Whether problems of a product belong to it, where not all of its enterprises do. An enterprise is then
    /// assisted in it if any of its problems belongs to it.
    pub product: Option<&'a (dyn Fn(&ProductCode) -> bool + Sync)>,
}

impl fmt::Debug for ListsScope<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ListsScope").finish_non_exhaustive()
    }
}

impl ListsScope<'_> {
    fn holds(&self, problem: &FoundProblem<'_>) -> bool {
        let holds = |product: &dyn Fn(&ProductCode) -> bool| problem.product.is_some_and(product);
        self.product.is_none_or(|product| holds(&product))
    }
}

/// The lists by the end of a day, counted（清单概览）.
#[doc(alias = "清单概览")]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListsOverview {
    /// Problems by where they stand.
    pub problems: BTreeMap<ProblemStanding, u64>,
    /// Problems that were verified within the time that was asked for.
    pub verified: u64,
    /// Open problems that recur.
    pub recurring: u64,
    /// Enterprises that are to be assisted.
    pub assisted: u64,
    /// They by reason; one may have several.
    pub assisted_by: BTreeMap<AssistedReason, u64>,
    /// Open problems, the gravest first: overdue ones, then those with the most failures.
    pub gravest: Vec<ProblemRow>,
}

impl ListsOverview {
    fn and(mut self, other: Self, most: usize) -> Self {
        for (standing, count) in other.problems {
            *self.problems.entry(standing).or_default() += count;
        }
        for (reason, count) in other.assisted_by {
            *self.assisted_by.entry(reason).or_default() += count;
        }
        self.verified += other.verified;
        self.recurring += other.recurring;
        self.assisted += other.assisted;
        self.gravest.extend(other.gravest);
        let of = |row: &ProblemRow| rank(row.standing, row.failures as usize);
        self.gravest.sort_by_key(of);
        self.gravest.truncate(most);
        self
    }
}

/// By what open problems are compared, the graver first. Equal ones stay in the order of enterprises, products
/// and items.
fn rank(standing: ProblemStanding, failures: usize) -> impl Ord {
    (standing != ProblemStanding::Overdue, Reverse(failures))
}

impl Lists {
    /// The problem list and the assistance list by the end of a day, counted, with the `most` gravest open
    /// problems; and how many were verified within a time.
    pub fn overview(
        &self,
        listed: &ListedProblems,
        scope: &ListsScope<'_>,
        (on, verified): (Day, &Range<Timestamp>),
        (rules, offset): ((&ListsPolicy, &SignalPolicy), CivilOffset),
        most: usize,
    ) -> ListsOverview {
        let all: Vec<Known<'_>> = self.all_known(listed, None).collect();
        let before = offset.start_of(on.plus(1));
        let look = |known: &[Known<'_>]| {
            let mut told = ListsOverview::default();
            let mut open = Vec::new();
            for known in known
                .iter()
                .filter(|known| (scope.enterprise)(known.enterprise))
            {
                let failures = self.counted(known.failures, before);
                let mut own = found(known.listed, &failures, on);
                own.retain(|problem| scope.holds(problem));
                if scope.product.is_none() || !own.is_empty() {
                    let reasons = reasons(known, &failures, on, rules, offset);
                    told.assisted += u64::from(!reasons.is_empty());
                    for reason in reasons {
                        *told.assisted_by.entry(reason.reason).or_default() += 1;
                    }
                }
                for problem in own {
                    *told.problems.entry(problem.standing).or_default() += 1;
                    let done = problem.listed.and_then(|listed| listed.verified.as_ref());
                    told.verified += u64::from(done.is_some_and(|(at, _)| verified.contains(at)));
                    if problem.standing.is_open() {
                        told.recurring += u64::from(problem.recurs);
                        open.push((known.enterprise, problem));
                    }
                }
            }
            told.gravest = gravest(open, (on, offset), most);
            told
        };
        all.par_chunks(AT_ONCE)
            .map(look)
            .reduce(ListsOverview::default, |one, other| one.and(other, most))
    }
}

/// The gravest, written out; of all others only what is compared is looked at.
fn gravest(
    mut open: Vec<(&EnterpriseId, FoundProblem<'_>)>,
    day: (Day, CivilOffset),
    most: usize,
) -> Vec<ProblemRow> {
    open.sort_by_key(|(_, one)| rank(one.standing, one.failures.len()));
    open.truncate(most);
    let rows = open
        .iter()
        .map(|(enterprise, one)| one.row(enterprise, day));
    rows.collect()
}
