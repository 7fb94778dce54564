//! What would lower a grade（降级条件）, found by asking the scorer itself.

use crate::logodds::{Basis, NO_GROUP, Row, SinceSnapshot};
use crate::model::{Groups, week_of};
use crate::step::Engine;
use risk_domain::scales::RiskLevel;
use risk_domain::selection::SelectionMode;
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::{Day, Timestamp};

/// Conforming tests that are tried at most.
const MOST: u32 = 24;

/// So many conforming tests by a day would lower a grade（降级条件）.
#[doc(alias = "降级条件")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counterfactual {
    /// The estimated level that stands, whatever was decided.
    pub from: RiskLevel,
    /// The day at whose close it would be lower.
    pub by: Day,
    /// Conforming supervisory checks that lower it, and the level then; none if as many as are tried
    /// (24) do not. No check is needed where what is recent will have faded by the day.
    pub lowered: Option<(u32, RiskLevel)>,
    /// Probability of a failure after them, or after as many as were tried.
    pub probability: f64,
}

impl Engine {
    /// How many conforming supervisory checks by a day, each of the target that is then the likeliest
    /// to fail, would lower the recorded level of a cell, an enterprise or a site at that day's close, if
    /// nothing else came: by then the season has moved, and part of what is recent has faded. A day
    /// before today is today. None where nothing is recorded, the level is the lowest, or the subject is
    /// made of many (a product, a zone, a sector).
    pub fn counterfactual(
        &self,
        subject: &Subject,
        now: Timestamp,
        by: Day,
    ) -> Option<Counterfactual> {
        let at = self.subjects.find(subject)?;
        match self.subjects.kind(at) {
            SubjectKind::Cell | SubjectKind::Enterprise | SubjectKind::Site => {}
            SubjectKind::Product | SubjectKind::Zone | SubjectKind::Sector => return None,
        }
        let state = self.state(at);
        let from = state.standing?.estimated;
        if from <= RiskLevel::Low {
            return None;
        }
        let model = &self.model;
        let open = self.pending.iter().chain(self.families.open_rows());
        let mut since = model.open(open.map(|(_, row)| row), &self.subjects);
        let targets = &self.subjects.kin(at).targets;
        let groups_of = |target: u32| model.groups(self.subjects.base(target), &self.subjects);
        let today = self.calendar.epoch_of(now).max(self.last_closed?);
        let day = self.calendar.day_of(today);
        let by = by.max(day);
        let epoch = self.calendar.last_of(by).max(today);
        let occasion = self.occasion(epoch);
        let week = week_of(day);
        let later = week_of(by).saturating_sub(week);
        let mode = SelectionMode::ALL
            .iter()
            .position(|mode| *mode == SelectionMode::SupervisoryCheck)?;
        let mut probability = 0.0;
        for tests in 0..=MOST {
            if tests > 0 {
                let (_, groups) = self.likeliest(targets, &since, later, &groups_of)?;
                let passed = Row::new(NO_GROUP, week, mode as u8, Basis::Ignorable).counting(1, 0);
                since.add(&model.snapshot, &passed, &groups);
            } else if later == 0 {
                // Today's level stands as it is without a test.
                continue;
            }
            let outlook = self.outlook(Some((&since, &[])), &[]).later(later);
            let estimate = outlook.of_targets(targets)?;
            probability = estimate.probability;
            let level = self.level_of(estimate.law, &state.tallies, &occasion, at);
            if level < from {
                return Some(Counterfactual {
                    from,
                    by,
                    lowered: Some((tests, level)),
                    probability,
                });
            }
        }
        Some(Counterfactual {
            from,
            by,
            lowered: None,
            probability,
        })
    }

    /// The target that is the likeliest to fail; of equals the one whose name comes first.
    fn likeliest(
        &self,
        targets: &[u32],
        since: &SinceSnapshot,
        later: u16,
        groups_of: &impl Fn(u32) -> Groups,
    ) -> Option<(f64, Groups)> {
        let outlook = self.outlook(Some((since, &[])), &[]).later(later);
        let name = |target: u32| self.subjects.name(self.subjects.base(target).cell);
        let probability = |target: &u32| {
            let estimate = outlook.of_targets(std::slice::from_ref(target))?;
            Some((estimate.probability, *target))
        };
        let found = targets.iter().filter_map(probability);
        let most = found.max_by(|(one, first), (other, second)| {
            let by_name = || name(*second).cmp(name(*first));
            one.total_cmp(other).then_with(by_name)
        })?;
        Some((most.0, groups_of(most.1)))
    }
}
