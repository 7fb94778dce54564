//! The burden ledger（检查负担台账）: what inspection asked of each enterprise, who is owed a rest, and
//! which articles must not be checked again yet.
//!
//! It is a view of accepted results, whatever the order they come in: a correction stands in the place
//! of what it corrects, as everywhere. It judges nobody and changes no state; grades do not know it.

mod league;
mod seen;
mod settings;
mod suspicion;

use crate::corrections::Corrections;
use compact_str::CompactString;
pub use league::{BurdenMeasure, League};
use risk_domain::article::Article;
use risk_domain::ids::{AgencyId, EnterpriseId, InspectionId, ItemCode, ProductCode, SiteId};
use risk_domain::inspection::{Agency, AgencyLevel, Channel, InspectionResult, Outcome};
use risk_domain::selection::{SelectionBasis, SelectionMode};
use risk_domain::time::{CivilOffset, Day};
pub use seen::{EnterpriseSeen, TargetSeen};
pub use settings::BurdenPolicy;
use std::collections::{BTreeMap, BTreeSet};
use suspicion::Margin;
pub use suspicion::{Suspicion, SuspicionKind};

/// What inspection asked of one enterprise（检查负担）, up to a day.
#[doc(alias = "检查负担")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burden {
    /// Whose.
    pub enterprise: EnterpriseId,
    /// Visits: one for each day on which a team came to one of its places. A purchase online is none.
    pub visits: u32,
    /// Of which within the window that the policy names.
    pub recent_visits: u32,
    /// Samples that were tested, by laboratory or fast test.
    pub tests: u32,
    /// Units taken, backup samples included.
    pub units: u64,
    /// What its samples cost the public, in fen.
    pub cost_fen: u64,
    /// Tests that failed.
    pub nonconforming: u32,
    /// Day of the last visit.
    pub last_visit: Option<Day>,
    /// Until this day a routine visit must not come: it is owed a rest. Follow-ups, complaints and
    /// enforcement are exempt.
    pub rests_until: Option<Day>,
}

/// A check that keeps an article from being checked again（在先抽查）.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorCheck {
    /// The result.
    pub inspection_id: InspectionId,
    /// When the sample was taken.
    pub day: Day,
    /// Who ordered it.
    pub agency: AgencyId,
    /// That agency's level.
    pub level: AgencyLevel,
    /// From this day on the article is free again, as far as this check goes.
    pub until: Day,
}

/// One result, as far as burden goes.
#[derive(Debug, Clone)]
struct Fact {
    entry: u64,
    id: InspectionId,
    supersedes: Option<InspectionId>,
    enterprise: u32,
    place: u32,
    site: u32,
    product: u32,
    team: u32,
    day: Day,
    visit: bool,
    /// A sample of its own; a laboratory's confirmation is of one that was taken before.
    sampled: bool,
    /// It checked the product at its producer, for an agency of this level.
    checked_by: Option<AgencyLevel>,
    /// Nobody could see it coming; a supervisory check or a recheck could leak.
    unforeseen: bool,
    outcome: Outcome,
    units: u64,
    cost_fen: u64,
}

impl Fact {
    fn tested(&self) -> bool {
        is_judged(self.outcome)
    }

    fn failed(&self) -> bool {
        self.outcome == Outcome::Nonconforming
    }
}

/// Numbers for names, in the order in which they came; no answer depends on it.
#[derive(Debug, Clone)]
struct Numbers<T>(BTreeMap<T, u32>, Vec<T>);

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self(BTreeMap::new(), Vec::new())
    }
}

impl<T: Ord + Clone> Numbers<T> {
    fn of(&mut self, name: &T) -> u32 {
        if let Some(known) = self.0.get(name) {
            return *known;
        }
        let number = self.1.len() as u32;
        self.0.insert(name.clone(), number);
        self.1.push(name.clone());
        number
    }

    fn name(&self, number: u32) -> Option<&T> {
        self.1.get(number as usize)
    }
}

/// The view（检查负担视图）.
#[derive(Debug, Clone, Default)]
pub struct Burdens {
    facts: Vec<Fact>,
    of_enterprise: Vec<Vec<u32>>,
    enterprises: Numbers<EnterpriseId>,
    /// A zone with a booth number, or a site where no number is known.
    places: Numbers<CompactString>,
    sites: Numbers<SiteId>,
    products: Numbers<ProductCode>,
    /// Teams and laboratories.
    observers: Numbers<CompactString>,
    items: Numbers<ItemCode>,
    corrections: Corrections,
    checks: BTreeMap<Article, Vec<(u32, AgencyId, AgencyLevel)>>,
    margins: Vec<Margin>,
    /// The burdens in their orders, once they were asked for.
    league: Option<League>,
}

/// Whether a check keeps others off: a supervisory or special check whose sample was judged, and that
/// neither follows up a failure nor answers a complaint (Order 18, article 8).
fn keeps_others_off(result: &InspectionResult) -> bool {
    let spot_check = matches!(
        result.mode,
        SelectionMode::SupervisoryCheck | SelectionMode::SpecialCheck
    );
    spot_check && is_judged(result.outcome) && !is_exempt(result)
}

/// Whether a sample was judged.
fn is_judged(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Conforming | Outcome::Nonconforming)
}

/// Whether a visit comes whatever rest is owed.
fn is_exempt(result: &InspectionResult) -> bool {
    result.follows_up() || result.selection.basis == SelectionBasis::Complaint
}

fn is_unforeseen(result: &InspectionResult) -> bool {
    let by_mode = matches!(
        result.mode,
        SelectionMode::FastTest | SelectionMode::EnforcementTest
    );
    (by_mode && !result.follows_up()) || result.selection.basis == SelectionBasis::Complaint
}

impl Burdens {
    /// Takes in an accepted result. `entry` is its entry in the ledger.
    pub fn admit(&mut self, entry: u64, result: &InspectionResult, offset: CivilOffset) {
        let site = &result.site;
        let enterprise = self.enterprises.of(&site.enterprise_id);
        let place = site.booth.as_ref().map_or_else(
            || CompactString::new(site.site_id.as_str()),
            |booth| compact_str::format_compact!("{}\u{0}{booth}", site.zone_id),
        );
        let number = self.facts.len() as u32;
        let fact = Fact {
            entry,
            id: result.inspection_id.clone(),
            supersedes: result.supersedes.clone(),
            enterprise,
            place: self.places.of(&place),
            site: self.sites.of(&site.site_id),
            product: self.products.of(&result.product.category),
            team: self
                .observers
                .of(&CompactString::new(result.team_id.as_str())),
            day: offset.day_of(result.sampled_at),
            visit: site.channel != Channel::Ecommerce && result.confirms.is_none(),
            sampled: result.confirms.is_none(),
            checked_by: (keeps_others_off(result) && site.channel == Channel::Production)
                .then_some(result.agency.level),
            unforeseen: is_unforeseen(result),
            outcome: result.outcome,
            units: u64::from(result.sample.tested) + u64::from(result.sample.backup),
            cost_fen: result.sample.cost_fen.unwrap_or(0),
        };
        let moved = self.moves_another(enterprise, result);
        if let Some(league) = &mut self.league {
            league.touch(enterprise, moved);
        }
        self.corrections.admit(result);
        if keeps_others_off(result)
            && let Some(article) = Article::of(result)
        {
            let check = (number, result.agency.id.clone(), result.agency.level);
            self.checks.entry(article).or_default().push(check);
        }
        self.admit_margins(number, result);
        let at = enterprise as usize;
        if self.of_enterprise.len() <= at {
            self.of_enterprise.resize_with(at + 1, Vec::new);
        }
        if let Some(of) = self.of_enterprise.get_mut(at) {
            of.push(number);
        }
        self.facts.push(fact);
    }

    /// Whether a result that comes may change what counts of another enterprise: it corrects one that is not
    /// known to be of its own, or one that another corrected before.
    fn moves_another(&self, enterprise: u32, result: &InspectionResult) -> bool {
        let Some(corrected) = &result.supersedes else {
            return false;
        };
        let own = self.of_enterprise.get(enterprise as usize);
        let own = own.into_iter().flatten();
        let mut own = own.filter_map(|number| self.facts.get(*number as usize));
        self.corrections.replaces(corrected) || !own.any(|fact| fact.id == *corrected)
    }

    /// Whether a result counts, or another stands in its place.
    fn stands(&self, fact: &Fact) -> bool {
        self.corrections.stands(&fact.id, fact.supersedes.as_ref())
    }

    /// The day of the latest sample, if there is any.
    pub fn latest(&self) -> Option<Day> {
        self.facts.iter().map(|fact| fact.day).max()
    }

    /// Results that count of an enterprise, up to a day.
    fn facts_of(&self, enterprise: u32, on: Day) -> impl Iterator<Item = &Fact> {
        let numbers = self.of_enterprise.get(enterprise as usize);
        let facts = numbers.into_iter().flatten();
        let facts = facts.filter_map(|number| self.facts.get(*number as usize));
        facts.filter(move |fact| fact.day <= on && self.stands(fact))
    }

    /// The burden of one enterprise up to a day; none where it was never inspected.
    pub fn of(&self, enterprise: &EnterpriseId, on: Day, policy: &BurdenPolicy) -> Option<Burden> {
        let number = *self.enterprises.0.get(enterprise)?;
        self.sum(number, on, policy)
    }

    /// The burden of every enterprise that was inspected up to a day, in the order of their ids.
    pub fn all(&self, on: Day, policy: &BurdenPolicy) -> Vec<Burden> {
        let numbers = self.enterprises.0.values();
        numbers
            .filter_map(|number| self.sum(*number, on, policy))
            .collect()
    }

    /// Visits of an enterprise from one day on and before another.
    pub fn visits_within(&self, enterprise: &EnterpriseId, from: Day, before: Day) -> u32 {
        let number = self.enterprises.0.get(enterprise).copied();
        let facts = number.into_iter();
        let facts = facts.flat_map(|number| self.facts_of(number, before.plus(-1)));
        let visits = facts.filter(|fact| fact.visit && fact.day >= from);
        let visits: BTreeSet<_> = visits
            .map(|fact| (fact.day, fact.place, fact.team))
            .collect();
        visits.len() as u32
    }

    fn sum(&self, number: u32, on: Day, policy: &BurdenPolicy) -> Option<Burden> {
        let mut burden = Burden {
            enterprise: self.enterprises.name(number)?.clone(),
            visits: 0,
            recent_visits: 0,
            tests: 0,
            units: 0,
            cost_fen: 0,
            nonconforming: 0,
            last_visit: None,
            rests_until: None,
        };
        let mut visits: BTreeSet<(Day, u32, u32)> = BTreeSet::new();
        let mut seen = false;
        for fact in self.facts_of(number, on) {
            seen = true;
            if fact.visit {
                visits.insert((fact.day, fact.place, fact.team));
            }
            burden.tests += u32::from(fact.tested());
            burden.nonconforming += u32::from(fact.failed());
            burden.units = burden.units.saturating_add(fact.units);
            burden.cost_fen = burden.cost_fen.saturating_add(fact.cost_fen);
        }
        let days: Vec<Day> = visits.into_iter().map(|(day, _, _)| day).collect();
        let recent = days
            .iter()
            .filter(|day| day.plus(policy.window_days) > on)
            .count();
        burden.visits = days.len() as u32;
        burden.recent_visits = recent as u32;
        burden.last_visit = days.last().copied();
        burden.rests_until = rest(&days, policy).filter(|until| *until > on);
        seen.then_some(burden)
    }

    /// The check that keeps an agency from checking an article again on a day, the one that does so the
    /// longest; none where it is free. Follow-ups of a failure and emergencies are exempt: do not ask
    /// for them.
    pub fn prior_check(
        &self,
        article: &Article,
        agency: &Agency,
        on: Day,
        policy: &BurdenPolicy,
    ) -> Option<PriorCheck> {
        let checks = self.checks.get(article)?.iter();
        let taken = checks.filter_map(|(number, by, level)| {
            let fact = self.facts.get(*number as usize)?;
            let until = fact.day.plus_months(policy.repeat_months);
            let holds = fact.day <= on && on < until && self.stands(fact);
            let same_or_above = *by == agency.id || is_above(*level, agency.level);
            (holds && same_or_above).then(|| PriorCheck {
                inspection_id: fact.id.clone(),
                day: fact.day,
                agency: by.clone(),
                level: *level,
                until,
            })
        });
        taken.max_by(|one, other| {
            let key = |check: &PriorCheck| (check.until, check.inspection_id.clone());
            key(one).cmp(&key(other))
        })
    }
}

/// Until when visits on these days, in their order, oblige to leave an enterprise alone.
fn rest(days: &[Day], policy: &BurdenPolicy) -> Option<Day> {
    let after_last = days.last()?.plus(policy.rest_days + 1);
    let most = policy.window_visits as usize;
    let first_of_most = days.len().checked_sub(most).and_then(|at| days.get(at));
    let window_over = first_of_most.map(|day| day.plus(policy.window_days));
    Some(window_over.map_or(after_last, |day| day.max(after_last)))
}

/// Whether an agency's check binds those of another level: the upper one's binds the lower ones.
fn is_above(one: AgencyLevel, other: AgencyLevel) -> bool {
    let rank = |level| match level {
        AgencyLevel::National => 3,
        AgencyLevel::Provincial => 2,
        AgencyLevel::Municipal => 1,
        AgencyLevel::County => 0,
    };
    rank(one) > rank(other)
}
