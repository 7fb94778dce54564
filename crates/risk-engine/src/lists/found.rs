//! The problem list（问题清单）: what failed and nobody has listed yet, and what was listed.

use super::{Failure, Lists};
use crate::problems::{ListedProblem, ProblemState};
use compact_str::CompactString;
use risk_domain::ids::{EnterpriseId, HazardCode, ItemCode, ProductCode, ZoneId};
use risk_domain::named_scale;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

named_scale! {
    /// Where a row of the problem list stands（问题进度）.
    #[doc(alias = "问题进度")]
    ProblemStanding {
        /// 检验发现, 待列入清单: an item failed and no listed problem covers it.
        Found = "found",
        /// 待制定方案.
        Listed = "listed",
        /// 整改中.
        Planned = "planned",
        /// 逾期未验收.
        Overdue = "overdue",
        /// 已验收销号.
        Verified = "verified",
        /// 已撤回.
        Withdrawn = "withdrawn",
    }
}

impl ProblemStanding {
    /// Whether something is still to be done.
    pub fn is_open(self) -> bool {
        match self {
            Self::Found | Self::Listed | Self::Planned | Self::Overdue => true,
            Self::Verified | Self::Withdrawn => false,
        }
    }
}

/// One problem of one enterprise（问题清单条目）.
#[doc(alias = "问题清单")]
#[derive(Debug, Clone, PartialEq)]
pub struct ProblemRow {
    /// Whose.
    pub enterprise: EnterpriseId,
    /// Where it stands.
    pub standing: ProblemStanding,
    /// What officers listed and planned; none of what was only found.
    pub listed: Option<ListedProblem>,
    /// The product, where one is named.
    pub product: Option<ProductCode>,
    /// The item that failed, where one is named.
    pub item: Option<ItemCode>,
    /// The item's name, as the last failure gave it.
    pub item_name: Option<CompactString>,
    /// The clause, as it was listed, else as the last failure gave it.
    pub clause: Option<CompactString>,
    /// The hazard, as the last failure gave it.
    pub hazard: Option<HazardCode>,
    /// Failures that it covers.
    pub failures: u32,
    /// Day of the first of them, else the day on which it was listed.
    pub first: Day,
    /// Day of the last of them, else the same.
    pub last: Day,
    /// It failed again after an earlier problem of the same item was verified.
    pub recurs: bool,
    /// Zones of the failures.
    pub zones: BTreeSet<ZoneId>,
    /// Ledger entries of the failures, the oldest first.
    pub entries: Vec<u64>,
}

/// Problems that officers listed, by enterprise（已列问题）.
#[doc(alias = "已列问题")]
#[derive(Debug, Clone, Default)]
pub struct ListedProblems(BTreeMap<EnterpriseId, Vec<ListedProblem>>);

impl ListedProblems {
    /// Those that were listed by the end of a day.
    pub fn by(listed: impl Iterator<Item = ListedProblem>, on: Day, offset: CivilOffset) -> Self {
        let before = offset.start_of(on.plus(1));
        let mut by: BTreeMap<EnterpriseId, Vec<ListedProblem>> = BTreeMap::new();
        for problem in listed.filter(|problem| problem.listed_at < before) {
            by.entry(problem.enterprise.clone())
                .or_default()
                .push(problem);
        }
        for problems in by.values_mut() {
            problems
                .sort_by(|one, other| (one.listed_at, &one.id).cmp(&(other.listed_at, &other.id)));
        }
        Self(by)
    }

    /// Those of an enterprise, in the order in which they were listed.
    pub(super) fn of(&self, enterprise: &EnterpriseId) -> &[ListedProblem] {
        self.0.get(enterprise).map_or(&[], Vec::as_slice)
    }

    /// Those of every enterprise from one on.
    pub(super) fn from(
        &self,
        from: Bound<&EnterpriseId>,
    ) -> impl Iterator<Item = (&EnterpriseId, &Vec<ListedProblem>)> + use<'_> {
        self.0.range::<EnterpriseId, _>((from, Bound::Unbounded))
    }
}

impl Lists {
    /// The rows of one enterprise in the problem list up to the end of a day: every problem that officers
    /// listed, and every item that failed and that none of them covers, in the order of product and item. A
    /// problem covers the failures of its product and item up to its verification.
    pub fn problems_of(
        &self,
        enterprise: &EnterpriseId,
        listed: &ListedProblems,
        on: Day,
        offset: CivilOffset,
    ) -> Vec<ProblemRow> {
        let known = self.known(enterprise, listed);
        let failures = self.counted(known.failures, offset.start_of(on.plus(1)));
        let found = found(known.listed, &failures, on);
        let rows = found.iter().map(|one| one.row(enterprise, (on, offset)));
        rows.collect()
    }

    /// Enterprises that have or may have a row in the problem list or in the assistance list, in the order of
    /// their ids, from one on.
    pub fn enterprises<'a>(
        &'a self,
        listed: &'a ListedProblems,
        from: Option<&EnterpriseId>,
    ) -> impl Iterator<Item = &'a EnterpriseId> + use<'a> {
        self.all_known(listed, from).map(|known| known.enterprise)
    }
}

/// A problem before it is written out as a row.
#[derive(Debug)]
pub(super) struct FoundProblem<'a> {
    pub(super) standing: ProblemStanding,
    pub(super) listed: Option<&'a ListedProblem>,
    pub(super) product: Option<&'a ProductCode>,
    pub(super) item: Option<&'a ItemCode>,
    pub(super) recurs: bool,
    /// Failures that it covers, the oldest first, and the item as each has it.
    pub(super) failures: Vec<(&'a Failure, usize)>,
}

impl FoundProblem<'_> {
    pub(super) fn row(
        &self,
        enterprise: &EnterpriseId,
        (on, offset): (Day, CivilOffset),
    ) -> ProblemRow {
        let otherwise = self
            .listed
            .map_or(on, |listed| offset.day_of(listed.listed_at));
        let day = |of: Option<&(&Failure, usize)>| {
            of.map_or(otherwise, |(failure, _)| offset.day_of(failure.observed_at))
        };
        let failures = &self.failures;
        let last = failures.last();
        let last = last.and_then(|(failure, place)| failure.items.get(*place));
        let told = self.listed.and_then(|listed| listed.problem.clause.clone());
        ProblemRow {
            enterprise: enterprise.clone(),
            standing: self.standing,
            listed: self.listed.cloned(),
            product: self.product.cloned(),
            item: self.item.cloned(),
            item_name: last.map(|item| item.name.clone()),
            clause: told.or_else(|| last.and_then(|item| item.clause.clone())),
            hazard: last.and_then(|item| item.hazard.clone()),
            failures: failures.len() as u32,
            first: day(failures.first()),
            last: day(failures.last()),
            recurs: self.recurs,
            zones: failures
                .iter()
                .map(|(failure, _)| failure.zone.clone())
                .collect(),
            entries: failures.iter().map(|(failure, _)| failure.entry).collect(),
        }
    }
}

type Matter<'a> = (&'a ProductCode, &'a ItemCode);

/// Failures of an item, and the item as each has it.
fn by_matter<'a>(failures: &[&'a Failure]) -> BTreeMap<Matter<'a>, Vec<(&'a Failure, usize)>> {
    let mut found: BTreeMap<Matter<'a>, Vec<(&'a Failure, usize)>> = BTreeMap::new();
    for failure in failures {
        for (place, item) in failure.items.iter().enumerate() {
            let of = found.entry((&failure.product, &item.code)).or_default();
            // Of an item that stands there twice the first counts.
            let known = of
                .last()
                .is_some_and(|(last, _)| std::ptr::eq(*last, *failure));
            if !known {
                of.push((failure, place));
            }
        }
    }
    found
}

fn matter_of(problem: &ListedProblem) -> Option<Matter<'_>> {
    let problem = &problem.problem;
    problem.product.as_ref().zip(problem.item.as_ref())
}

fn covers(problem: &ListedProblem, at: Timestamp) -> bool {
    match problem.state {
        ProblemState::Withdrawn => false,
        ProblemState::Listed | ProblemState::Planned | ProblemState::Verified => {
            let until = problem.verified.as_ref().map(|(until, _)| *until);
            until.is_none_or(|until| at <= until)
        }
    }
}

/// The problems of an enterprise: those that officers listed, and what failed and none of these covers, in the
/// order of product and item.
pub(super) fn found<'a>(
    problems: &'a [ListedProblem],
    failures: &[&'a Failure],
    on: Day,
) -> Vec<FoundProblem<'a>> {
    let matters = by_matter(failures);
    let first_to_cover = |matter: Matter<'_>, at: Timestamp| {
        let mut of = problems.iter();
        of.position(|problem| matter_of(problem) == Some(matter) && covers(problem, at))
    };
    let of_place = |matter: Matter<'_>, place: Option<usize>| {
        let of = matters.get(&matter).into_iter().flatten().copied();
        of.filter(|(failure, _)| first_to_cover(matter, failure.observed_at) == place)
            .collect::<Vec<_>>()
    };
    let verified_before = |matter: Matter<'_>, place: usize| {
        let mut earlier = problems.iter().take(place);
        earlier.any(|one| one.verified.is_some() && matter_of(one) == Some(matter))
    };
    let mut found = Vec::new();
    for (place, problem) in problems.iter().enumerate() {
        let matter = matter_of(problem);
        let late = problem.plan.as_ref().is_some_and(|plan| plan.due < on);
        found.push(FoundProblem {
            standing: match problem.state {
                ProblemState::Listed => ProblemStanding::Listed,
                ProblemState::Planned if late => ProblemStanding::Overdue,
                ProblemState::Planned => ProblemStanding::Planned,
                ProblemState::Verified => ProblemStanding::Verified,
                ProblemState::Withdrawn => ProblemStanding::Withdrawn,
            },
            listed: Some(problem),
            product: problem.problem.product.as_ref(),
            item: problem.problem.item.as_ref(),
            recurs: matter.is_some_and(|matter| verified_before(matter, place)),
            failures: matter.map_or_else(Vec::new, |matter| of_place(matter, Some(place))),
        });
    }
    for matter in matters.keys() {
        let bare = of_place(*matter, None);
        if !bare.is_empty() {
            found.push(FoundProblem {
                standing: ProblemStanding::Found,
                listed: None,
                product: Some(matter.0),
                item: Some(matter.1),
                recurs: verified_before(*matter, problems.len()),
                failures: bare,
            });
        }
    }
    found.sort_by_key(|one| {
        let listed = one.listed.map(|listed| (listed.listed_at, &listed.id));
        (one.product, one.item, listed)
    });
    found
}
