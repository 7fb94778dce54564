//! What a campaign changed（专项整治效果）, where pass rates cannot say it: of an enterprise, a site, or any
//! set of subjects, from all results, whom one chose to test taken into account.

use crate::excess::{Excess, Held, Observed};
use crate::frame::place_of;
use crate::logodds::{Query, Row};
use crate::rates::Effect;
use crate::series::{CHANNEL, CITY, CLASS};
use crate::step::Engine;
use crate::subjects::{Base, SubjectIx};
use risk_domain::ids::EnterpriseClass;
use risk_domain::inspection::Channel;
use risk_domain::subject::Subject;
use risk_stats::special::sigmoid;
use std::ops::Range;

/// 97.5 % quantile of the standard normal.
const NORMAL_975: f64 = 1.959_963_984_540_054;

/// A part of the city（统计范围）.
#[doc(alias = "统计范围")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// All of it.
    City,
    /// What a subject has.
    Of(Subject),
    /// One link of the chain.
    Channel(Channel),
    /// All enterprises of a class of the register.
    Class(EnterpriseClass),
}

impl Domain {
    /// A domain by its name: `city`, a subject as kind:id, `channel:market`, `class:small`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == CITY {
            return Some(Self::City);
        }
        match text.split_once(':') {
            Some((CHANNEL, code)) => {
                let mut all = Channel::ALL.iter();
                all.find(|one| one.code() == code)
                    .copied()
                    .map(Self::Channel)
            }
            Some((CLASS, class)) => EnterpriseClass::new(class).ok().map(Self::Class),
            Some(_) | None => text.parse().ok().map(Self::Of),
        }
    }
}

/// What changed with a campaign, against all others in the same weeks（按风险校正的整治效果）. The results
/// before and after are each held against what lasts of their targets, so that it does not matter
/// that others were tested, in other modes, by others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdjustedEffect {
    /// Results and failures before.
    pub before: Excess,
    /// Results and failures after.
    pub after: Excess,
    /// By what factor the odds of a failure changed; below 1 is better.
    pub odds_ratio: f64,
    /// Lower end of its 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Mean probability of a failure over the targets before.
    pub rate_before: f64,
    /// The same after.
    pub rate_after: f64,
    /// Change of that mean that the others do not share.
    pub change: Effect,
}

/// Which targets are meant.
enum Meant<'a> {
    City,
    Subject(SubjectIx),
    Channel(u8),
    Class(&'a EnterpriseClass),
}

impl Engine {
    /// What changed from some weeks to others in a set of domains, against the rest of the city; none
    /// where either weeks have no result, before the first fit, or where a subject was never seen.
    pub fn adjusted_effect(
        &self,
        domains: &[Domain],
        before: &Range<u16>,
        after: &Range<u16>,
    ) -> Option<AdjustedEffect> {
        self.model.in_force?;
        let meant: Option<Vec<Meant<'_>>> = domains.iter().map(|one| self.meant(one)).collect();
        let meant = meant?;
        let mut treated = [Held::default(), Held::default()];
        let mut others = [Held::default(), Held::default()];
        self.each_bin(|row, base, sign| {
            let periods = [before, after];
            let Some(at) = periods.iter().position(|weeks| weeks.contains(&row.week)) else {
                return;
            };
            let inside = self.is_meant(row.target, base, &meant);
            let held = if inside { &mut treated } else { &mut others };
            if let Some(held) = held.get_mut(at) {
                held.add(self.observed(row, base, sign));
            }
        });
        let [first, last] = treated.map(Held::excess);
        let (first, last) = (first?, last?);
        let [others_before, others_after] = others.map(Held::excess);
        let (mut change, mut deviation) = last.less(first);
        if let (Some(before), Some(after)) = (others_before, others_after) {
            let (elsewhere, doubt) = after.less(before);
            change -= elsewhere;
            deviation = libm::hypot(deviation, doubt);
        }
        let (low, high) = (
            change - NORMAL_975 * deviation,
            change + NORMAL_975 * deviation,
        );
        let mean = self.mean_over(&meant);
        let rate_after = mean(last.log_odds);
        let changed = |by: f64| rate_after - mean(last.log_odds - by);
        Some(AdjustedEffect {
            before: first,
            after: last,
            odds_ratio: libm::exp(change),
            lower: libm::exp(low),
            upper: libm::exp(high),
            rate_before: mean(first.log_odds),
            rate_after,
            change: Effect {
                value: changed(change),
                lower: changed(low),
                upper: changed(high),
            },
        })
    }

    fn meant<'a>(&self, domain: &'a Domain) -> Option<Meant<'a>> {
        match domain {
            Domain::City => Some(Meant::City),
            Domain::Of(subject) => self.subjects.find(subject).map(Meant::Subject),
            Domain::Channel(channel) => Some(Meant::Channel(place_of(*channel))),
            Domain::Class(class) => Some(Meant::Class(class)),
        }
    }

    fn is_meant(&self, target: u32, base: &Base, meant: &[Meant<'_>]) -> bool {
        meant.iter().any(|one| match one {
            Meant::City => true,
            Meant::Subject(subject) => {
                base.own().contains(subject) || self.subjects.above(base.above).contains(subject)
            }
            Meant::Channel(place) => self.frame.channel(target).map(place_of) == Some(*place),
            Meant::Class(class) => {
                let entry = self.frame.entry(base.site);
                entry.and_then(|entry| entry.class.as_ref()) == Some(*class)
            }
        })
    }

    /// Mean probability of a failure over the targets of the frame that are meant, or over all of them
    /// where none is in the frame, by a shift of their lasting log-odds.
    fn mean_over(&self, meant: &[Meant<'_>]) -> impl Fn(f64) -> f64 + use<> {
        let all = self.subjects.linked();
        let inside = all.filter(|(number, base)| self.is_meant(*number, base, meant));
        let log_odds = |number: u32, base: &Base| {
            let groups = self.model.groups(base, &self.subjects);
            let expected = self.model.snapshot.standing_log_odds(&Query::new(&groups));
            (self.frame.weight(number) > 0, expected)
        };
        let mut targets: Vec<(bool, f64)> = inside
            .map(|(number, base)| log_odds(number, base))
            .collect();
        if targets.iter().any(|(in_frame, _)| *in_frame) {
            targets.retain(|(in_frame, _)| *in_frame);
        }
        // The order of numbers depends on arrival.
        targets.sort_unstable_by(|(_, one), (_, other)| one.total_cmp(other));
        move |shift| {
            let odds = targets
                .iter()
                .map(|(_, expected)| sigmoid(expected + shift));
            odds.sum::<f64>() / targets.len().max(1) as f64
        }
    }

    /// Every bin of closed results with its target, and −1 for one that was taken away again.
    pub(crate) fn each_bin(&self, mut take: impl FnMut(&Row, &Base, f64)) {
        let bins = &self.model.bins;
        let (fresh, taken) = bins.fresh();
        for (bins, sign) in [(&*bins.settled, 1.0), (&fresh, 1.0), (&taken, -1.0)] {
            for row in bins {
                take(row, self.subjects.base(row.target), sign);
            }
        }
    }

    /// A bin as it is held against what was expected of it.
    pub(crate) fn observed(&self, row: &Row, base: &Base, sign: f64) -> Observed {
        let snapshot = &self.model.snapshot;
        let groups = self.model.groups(base, &self.subjects);
        let query = Query {
            week: Some(row.week),
            mode: Some(row.mode),
            ..Query::new(&groups)
        };
        let expected = snapshot.standing_log_odds(&query) + snapshot.strictness(row);
        let (tested, failed) = row.effective();
        Observed {
            expected,
            link: snapshot.link_of(row),
            tested: sign * tested,
            failed: sign * failed,
            results: sign as i64 * i64::from(row.results),
            failures: sign as i64 * i64::from(row.nonconforming),
            enterprise: base.enterprise.0,
        }
    }
}
