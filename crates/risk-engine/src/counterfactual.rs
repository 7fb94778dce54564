//! What would lower a grade（降级条件）, found by asking the scorer itself.

use crate::appraise::Occasion;
use crate::logodds::{Basis, NO_GROUP, Row, SinceSnapshot};
use crate::model::week_of;
use crate::outlook::Outlook;
use crate::step::Engine;
use crate::subjects::SubjectIx;
use risk_domain::scales::RiskLevel;
use risk_domain::selection::SelectionMode;
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::{Day, Timestamp};

/// Conforming checks of a cell, an enterprise or a site that are tried at most.
const MOST: u32 = 24;

/// Numbers of conforming checks of a product, a zone or a sector that are tried: each reads all its targets anew.
const LADDER: [u32; 10] = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256];

/// So many conforming checks by a day would lower a grade（降级条件）.
#[doc(alias = "降级条件")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counterfactual {
    /// The estimated level that stands, whatever was decided.
    pub from: RiskLevel,
    /// The day at whose close it would be lower.
    pub by: Day,
    /// Conforming supervisory checks that lower it, and the level then; none if as many as are tried do not. No
    /// check is needed where what is recent will have faded by the day.
    pub lowered: Option<(u32, RiskLevel)>,
    /// Probability of a failure after them, or after as many as were tried.
    pub probability: f64,
    /// So many checks are tried: one after the other of a cell, an enterprise or a site; of a product, a zone or a
    /// sector 1, 2, 4 and so on, so that `lowered` tells a number of which half is not enough.
    pub tried: u32,
}

/// What the search asks: the level of a subject at a day's close after some conforming checks.
struct Search<'a> {
    engine: &'a Engine,
    at: SubjectIx,
    /// What came since the snapshot in force, closed or not yet.
    open: SinceSnapshot,
    /// Week of today.
    week: u16,
    /// Weeks from today to the day.
    later: u16,
    /// Place of the supervisory check among the modes.
    mode: u8,
    occasion: Occasion,
}

impl Search<'_> {
    fn outlook<'s>(&'s self, since: &'s SinceSnapshot) -> Outlook<'s> {
        let outlook = self.engine.outlook(Some((since, &[]))).later(self.later);
        outlook.of_all(&[self.at])
    }

    /// Level and probability of a failure.
    fn level(&self, since: &SinceSnapshot) -> Option<(RiskLevel, f64)> {
        let estimate = self.outlook(since).estimate(self.at)?;
        let tallies = &self.engine.state(self.at).tallies;
        let level = self
            .engine
            .level_of(estimate.law, tallies, &self.occasion, self.at);
        Some((level, estimate.probability))
    }

    /// A conforming check more.
    fn pass(&self, since: &mut SinceSnapshot, target: u32) {
        let passed = Row::new(NO_GROUP, self.week, self.mode, Basis::Ignorable).counting(1, 0);
        let (model, subjects) = (&self.engine.model, &self.engine.subjects);
        let groups = model.groups(subjects.base(target), subjects);
        since.add(&model.snapshot, &passed, &groups);
    }

    /// The targets in the order of how likely they are to fail; of equals the one whose name comes first.
    fn likeliest(&self, since: &SinceSnapshot) -> Vec<u32> {
        let outlook = self.outlook(since);
        let own = &self.engine.subjects.kin(self.at).targets;
        let of_own = |target: &u32| {
            let estimate = outlook.of_targets(std::slice::from_ref(target))?;
            Some((*target, estimate.probability))
        };
        let mut targets: Vec<(u32, f64)> = outlook.walked().collect();
        if targets.is_empty() {
            targets.extend(own.iter().filter_map(of_own));
        }
        let subjects = &self.engine.subjects;
        let name = |target: u32| subjects.name(subjects.base(target).cell);
        targets.sort_by(|(first, one), (second, other)| {
            let by_name = || name(*first).cmp(name(*second));
            other.total_cmp(one).then_with(by_name)
        });
        targets.into_iter().map(|(target, _)| target).collect()
    }

    /// One check after the other, each of the target that is then the likeliest to fail.
    fn one_by_one(&self, from: RiskLevel) -> Option<Found> {
        let mut since = self.open.clone();
        let mut probability = 0.0;
        for checks in 0..=MOST {
            if checks > 0 {
                let target = *self.likeliest(&since).first()?;
                self.pass(&mut since, target);
            } else if self.later == 0 {
                // Today's level stands as it is without a check.
                continue;
            }
            let (level, after) = self.level(&since)?;
            probability = after;
            if level < from {
                return Some(Found {
                    lowered: Some((checks, level)),
                    probability,
                    tried: MOST,
                });
            }
        }
        Some(Found {
            lowered: None,
            probability,
            tried: MOST,
        })
    }

    /// One check of each of so many targets, those that are now the likeliest to fail. More of them never
    /// raise the level, so that the fewest are found by halving.
    fn one_of_each(&self, from: RiskLevel) -> Option<Found> {
        let targets = self.likeliest(&self.open);
        let after = |checks: u32| {
            let mut since = self.open.clone();
            for target in targets.iter().take(checks as usize) {
                self.pass(&mut since, *target);
            }
            self.level(&since)
        };
        let known = |checks: &&u32| (**checks as usize) <= targets.len();
        let steps: Vec<u32> = LADDER
            .iter()
            .filter(known)
            .filter(|checks| self.later > 0 || **checks > 0)
            .copied()
            .collect();
        let tried = *steps.last()?;
        let (mut level, mut probability) = after(tried)?;
        if level >= from {
            return Some(Found {
                lowered: None,
                probability,
                tried,
            });
        }
        let (mut kept, mut lowered) = (0, steps.len() - 1);
        while kept < lowered {
            let middle = kept.midpoint(lowered);
            let (found, of_found) = after(steps[middle])?;
            if found < from {
                (lowered, level, probability) = (middle, found, of_found);
            } else {
                kept = middle + 1;
            }
        }
        Some(Found {
            lowered: Some((steps[lowered], level)),
            probability,
            tried,
        })
    }
}

struct Found {
    lowered: Option<(u32, RiskLevel)>,
    probability: f64,
    tried: u32,
}

impl Engine {
    /// How many conforming supervisory checks by a day would lower the recorded level of a subject at that day's
    /// close, if nothing else came: by then the season has moved, and part of what is recent has faded. Of a cell,
    /// an enterprise or a site they are of the target that is then the likeliest to fail, one after the other; of
    /// a product, a zone or a sector one of each of those that are the likeliest now. A day before today is
    /// today. None where nothing is recorded or the level is the lowest.
    pub fn counterfactual(
        &self,
        subject: &Subject,
        now: Timestamp,
        by: Day,
    ) -> Option<Counterfactual> {
        let at = self.subjects.find(subject)?;
        let from = self.state(at).standing?.estimated;
        if from <= RiskLevel::Low {
            return None;
        }
        let today = self.calendar.epoch_of(now).max(self.last_closed?);
        let day = self.calendar.day_of(today);
        let by = by.max(day);
        let mut modes = SelectionMode::ALL.iter();
        let mode = modes.position(|mode| *mode == SelectionMode::SupervisoryCheck)?;
        let open = self.pending.iter().chain(self.families.open_rows());
        let search = Search {
            engine: self,
            at,
            open: self.model.open(open.map(|(_, row)| row), &self.subjects),
            week: week_of(day),
            later: week_of(by).saturating_sub(week_of(day)),
            mode: mode as u8,
            occasion: self.occasion(self.calendar.last_of(by).max(today)),
        };
        let found = match self.subjects.kind(at) {
            SubjectKind::Cell | SubjectKind::Enterprise | SubjectKind::Site => {
                search.one_by_one(from)
            }
            SubjectKind::Product | SubjectKind::Zone | SubjectKind::Sector => {
                search.one_of_each(from)
            }
        }?;
        Some(Counterfactual {
            from,
            by,
            lowered: found.lowered,
            probability: found.probability,
            tried: found.tried,
        })
    }
}
