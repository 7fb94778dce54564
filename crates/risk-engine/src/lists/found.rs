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

type Matter = (ProductCode, ItemCode);

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
}

/// The rows of one enterprise in a problem list, which is in the order of enterprises.
pub fn rows_within<'a>(problems: &'a [ProblemRow], enterprise: &EnterpriseId) -> &'a [ProblemRow] {
    let from = problems.partition_point(|row| row.enterprise < *enterprise);
    let own = problems.get(from..).unwrap_or_default();
    let until = own.partition_point(|row| row.enterprise == *enterprise);
    own.get(..until).unwrap_or_default()
}

impl Lists {
    /// The problem list up to the end of a day: every problem that officers listed, and every item that
    /// failed and that none of them covers, in the order of enterprise, product and item. A problem covers
    /// the failures of its product and item up to its verification.
    pub fn problems(
        &self,
        listed: impl Iterator<Item = ListedProblem>,
        on: Day,
        offset: CivilOffset,
    ) -> Vec<ProblemRow> {
        let listed = ListedProblems::by(listed, on, offset);
        let enterprises = self.enterprises(&listed, None);
        let rows = enterprises.flat_map(|one| self.problems_of(one, &listed, on, offset));
        rows.collect()
    }

    /// The rows of one enterprise in it.
    pub fn problems_of(
        &self,
        enterprise: &EnterpriseId,
        listed: &ListedProblems,
        on: Day,
        offset: CivilOffset,
    ) -> Vec<ProblemRow> {
        let failures = self.failures_of(enterprise, offset.start_of(on.plus(1)));
        let problems = listed.0.get(enterprise).map_or(&[][..], Vec::as_slice);
        rows_of(enterprise, problems, &failures, (on, offset))
    }

    /// Enterprises that have or may have a row in the problem list or in the assistance list, in the order of
    /// their ids, from one on.
    pub fn enterprises<'a>(
        &'a self,
        listed: &'a ListedProblems,
        from: Option<&EnterpriseId>,
    ) -> impl Iterator<Item = &'a EnterpriseId> + use<'a> {
        let from = from.map_or(Bound::Unbounded, Bound::Included);
        let range = (from, Bound::Unbounded);
        let mut failed = self.failures.range::<EnterpriseId, _>(range).peekable();
        let mut heard = self.heard.range::<EnterpriseId, _>(range).peekable();
        let mut noted = listed.0.range::<EnterpriseId, _>(range).peekable();
        std::iter::from_fn(move || {
            let heads = [
                failed.peek().map(|(id, _)| *id),
                heard.peek().map(|(id, _)| *id),
                noted.peek().map(|(id, _)| *id),
            ];
            let next = heads.into_iter().flatten().min()?;
            failed.next_if(|(id, _)| *id == next);
            heard.next_if(|(id, _)| *id == next);
            noted.next_if(|(id, _)| *id == next);
            Some(next)
        })
    }
}

/// Failures of an item, and the item as each has it.
fn by_matter<'a>(failures: &[&'a Failure]) -> BTreeMap<Matter, Vec<(&'a Failure, usize)>> {
    let mut found: BTreeMap<Matter, Vec<(&Failure, usize)>> = BTreeMap::new();
    for failure in failures {
        let mut seen = BTreeSet::new();
        for (place, item) in failure.items.iter().enumerate() {
            if seen.insert(&item.code) {
                let matter = (failure.product.clone(), item.code.clone());
                found.entry(matter).or_default().push((failure, place));
            }
        }
    }
    found
}

fn rows_of(
    enterprise: &EnterpriseId,
    problems: &[ListedProblem],
    failures: &[&Failure],
    (on, offset): (Day, CivilOffset),
) -> Vec<ProblemRow> {
    let matters = by_matter(failures);
    let of_problem = |problem: &ListedProblem| -> Option<Matter> {
        let problem = &problem.problem;
        problem.product.clone().zip(problem.item.clone())
    };
    let covers = |problem: &ListedProblem, at: Timestamp| match problem.state {
        ProblemState::Withdrawn => false,
        ProblemState::Listed | ProblemState::Planned | ProblemState::Verified => {
            let until = problem.verified.as_ref().map(|(until, _)| *until);
            until.is_none_or(|until| at <= until)
        }
    };
    let mut rows = Vec::new();
    let first_to_cover = |matter: &Matter, at: Timestamp| {
        let mut of = problems.iter();
        of.position(|problem| of_problem(problem).as_ref() == Some(matter) && covers(problem, at))
    };
    for (place, problem) in problems.iter().enumerate() {
        let matter = of_problem(problem);
        let of = matter.as_ref().and_then(|matter| matters.get(matter));
        let own = of.into_iter().flatten().copied().filter(|(failure, _)| {
            let matter = matter.as_ref();
            matter.is_some_and(|matter| first_to_cover(matter, failure.observed_at) == Some(place))
        });
        let listed_on = offset.day_of(problem.listed_at);
        let mut row = row(enterprise, &own.collect::<Vec<_>>(), listed_on, offset);
        let late = problem.plan.as_ref().is_some_and(|plan| plan.due < on);
        row.standing = match problem.state {
            ProblemState::Listed => ProblemStanding::Listed,
            ProblemState::Planned if late => ProblemStanding::Overdue,
            ProblemState::Planned => ProblemStanding::Planned,
            ProblemState::Verified => ProblemStanding::Verified,
            ProblemState::Withdrawn => ProblemStanding::Withdrawn,
        };
        row.product.clone_from(&problem.problem.product);
        row.item.clone_from(&problem.problem.item);
        row.clause = problem.problem.clause.clone().or(row.clause);
        row.recurs = problems
            .iter()
            .take(place)
            .any(|earlier| earlier.verified.is_some() && of_problem(earlier) == matter)
            && matter.is_some();
        row.listed = Some(problem.clone());
        rows.push(row);
    }
    for (matter, of) in &matters {
        let bare = of.iter().copied();
        let bare =
            bare.filter(|(failure, _)| first_to_cover(matter, failure.observed_at).is_none());
        let bare: Vec<_> = bare.collect();
        if bare.is_empty() {
            continue;
        }
        let mut row = row(enterprise, &bare, on, offset);
        row.product = Some(matter.0.clone());
        row.item = Some(matter.1.clone());
        row.recurs = problems.iter().any(|problem| {
            problem.verified.is_some() && of_problem(problem).as_ref() == Some(matter)
        });
        rows.push(row);
    }
    rows.sort_by(|one, other| {
        let key = |row: &ProblemRow| {
            let id = row
                .listed
                .as_ref()
                .map(|listed| (listed.listed_at, listed.id.clone()));
            (row.product.clone(), row.item.clone(), id)
        };
        key(one).cmp(&key(other))
    });
    rows
}

/// A row of these failures, else as of a day.
fn row(
    enterprise: &EnterpriseId,
    failures: &[(&Failure, usize)],
    otherwise: Day,
    offset: CivilOffset,
) -> ProblemRow {
    let day = |of: Option<&(&Failure, usize)>| {
        of.map_or(otherwise, |(failure, _)| offset.day_of(failure.observed_at))
    };
    let last = failures
        .last()
        .and_then(|(failure, place)| failure.items.get(*place));
    ProblemRow {
        enterprise: enterprise.clone(),
        standing: ProblemStanding::Found,
        listed: None,
        product: None,
        item: None,
        item_name: last.map(|item| item.name.clone()),
        clause: last.and_then(|item| item.clause.clone()),
        hazard: last.and_then(|item| item.hazard.clone()),
        failures: failures.len() as u32,
        first: day(failures.first()),
        last: day(failures.last()),
        recurs: false,
        zones: failures
            .iter()
            .map(|(failure, _)| failure.zone.clone())
            .collect(),
        entries: failures.iter().map(|(failure, _)| failure.entry).collect(),
    }
}
