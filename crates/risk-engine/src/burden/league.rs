//! Burdens of all enterprises, the greatest first（负担排名）, kept as results come.

use super::{Burden, BurdenPolicy, Burdens};
use risk_domain::ids::EnterpriseId;
use risk_domain::named_scale;
use risk_domain::time::Day;
use std::cmp::Reverse;
use std::collections::BTreeSet;

named_scale! {
    /// By what burdens are compared（排名依据）.
    #[doc(alias = "排名依据")]
    BurdenMeasure {
        /// Visits（到访）.
        Visits = "-visits",
        /// Visits within the window（近期到访）.
        RecentVisits = "-recent_visits",
        /// Samples that were tested（检验）.
        Tests = "-tests",
        /// What they cost the public（费用）.
        Cost = "-cost",
    }
}

impl BurdenMeasure {
    fn of(self, burden: &Burden) -> u64 {
        match self {
            Self::Visits => u64::from(burden.visits),
            Self::RecentVisits => u64::from(burden.recent_visits),
            Self::Tests => u64::from(burden.tests),
            Self::Cost => burden.cost_fen,
        }
    }
}

/// The greatest first; of equal ones by id. The enterprise's number leads to its burden.
type Place = (Reverse<u64>, EnterpriseId, u32);

/// The burdens of all enterprises up to a day（负担排名）.
#[doc(alias = "负担排名")]
#[derive(Debug, Clone)]
pub struct League {
    on: Day,
    policy: BurdenPolicy,
    /// By the enterprise's number.
    burdens: Vec<Option<Burden>>,
    places: [BTreeSet<Place>; BurdenMeasure::ALL.len()],
    /// Enterprises of which something came since.
    touched: BTreeSet<u32>,
    /// Whether a result changed what counts of another enterprise.
    moved: bool,
}

impl League {
    pub(super) fn new(burdens: &Burdens, on: Day, policy: &BurdenPolicy) -> Self {
        let mut league = Self {
            on,
            policy: *policy,
            burdens: Vec::new(),
            places: Default::default(),
            touched: BTreeSet::new(),
            moved: false,
        };
        let all = (0..).zip(&burdens.of_enterprise);
        league.burdens = all
            .map(|(number, _)| burdens.sum(number, on, policy))
            .collect();
        // Made of all at once, trees are made quicker than one by one.
        for (measure, places) in BurdenMeasure::ALL.iter().zip(&mut league.places) {
            let known = (0..).zip(&league.burdens);
            let known = known.filter_map(|(number, burden)| Some((number, burden.as_ref()?)));
            *places = known
                .map(|(number, burden)| place(*measure, number, burden))
                .collect();
        }
        league
    }

    /// Something came of an enterprise.
    pub(super) fn touch(&mut self, enterprise: u32, moved: bool) {
        self.touched.insert(enterprise);
        self.moved |= moved;
    }

    fn is_of(&self, on: Day, policy: &BurdenPolicy) -> bool {
        self.on == on && self.policy == *policy && !self.moved
    }

    fn put(&mut self, number: u32, burden: Option<Burden>) {
        let at = number as usize;
        if self.burdens.len() <= at {
            self.burdens.resize(at + 1, None);
        }
        let Some(known) = self.burdens.get_mut(at) else {
            return;
        };
        let before = std::mem::replace(known, burden);
        for (measure, places) in BurdenMeasure::ALL.iter().zip(&mut self.places) {
            if let Some(before) = &before {
                places.remove(&place(*measure, number, before));
            }
            if let Some(now) = known {
                places.insert(place(*measure, number, now));
            }
        }
    }

    /// The day up to which it counts.
    pub fn on(&self) -> Day {
        self.on
    }

    /// Its burdens in an order, the greatest first.
    pub fn in_order(&self, by: BurdenMeasure) -> impl Iterator<Item = &Burden> {
        let places = BurdenMeasure::ALL.iter().zip(&self.places);
        let places = places.filter(move |(measure, _)| **measure == by);
        let ordered = places.flat_map(|(_, places)| places);
        ordered.filter_map(|(_, _, number)| self.burdens.get(*number as usize)?.as_ref())
    }
}

fn place(measure: BurdenMeasure, number: u32, burden: &Burden) -> Place {
    let greatest_first = Reverse(measure.of(burden));
    (greatest_first, burden.enterprise.clone(), number)
}

impl Burdens {
    /// Whether [`Self::ranked`] is what the results up to a day say.
    pub fn is_settled(&self, on: Day, policy: &BurdenPolicy) -> bool {
        let league = self.league.as_ref();
        league.is_some_and(|league| league.is_of(on, policy) && league.touched.is_empty())
    }

    /// Brings the league up to a day and to all results: of those enterprises alone of which something came,
    /// unless the day, the policy or another enterprise's results have changed.
    pub fn settle(&mut self, on: Day, policy: &BurdenPolicy) {
        let mut league = match self.league.take() {
            Some(league) if league.is_of(on, policy) => league,
            Some(_) | None => League::new(self, on, policy),
        };
        for number in std::mem::take(&mut league.touched) {
            league.put(number, self.sum(number, on, policy));
        }
        self.league = Some(league);
    }

    /// The burdens of all enterprises in an order, the greatest first, as they were settled last.
    pub fn ranked(&self, by: BurdenMeasure) -> impl Iterator<Item = &Burden> {
        let league = self.league.iter();
        league.flat_map(move |league| league.in_order(by))
    }

    /// The same of any other day, which takes as long as to sum up every enterprise.
    pub fn league_of(&self, on: Day, policy: &BurdenPolicy) -> League {
        League::new(self, on, policy)
    }
}
