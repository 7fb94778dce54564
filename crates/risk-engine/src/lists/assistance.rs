//! The assistance list（帮扶清单）: enterprises that the media exposed, that failed repeatedly, or of which
//! many complained.

use super::{Lists, ListsPolicy, ProblemRow, ProblemStanding};
use crate::policy::SignalPolicy;
use risk_domain::ids::EnterpriseId;
use risk_domain::named_scale;
use risk_domain::signal::SignalKind;
use risk_domain::time::{CivilOffset, Day};
use std::collections::{BTreeMap, BTreeSet};

named_scale! {
    /// Why an enterprise is to be assisted（帮扶事由）.
    #[doc(alias = "帮扶事由")]
    AssistedReason {
        /// 媒体曝光.
        MediaExposure = "media_exposure",
        /// 不合格较多.
        RepeatedFailures = "repeated_failures",
        /// 投诉举报较多.
        ComplaintCluster = "complaint_cluster",
    }
}

/// A reason with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssistedFor {
    /// Which.
    pub reason: AssistedReason,
    /// How many.
    pub count: u32,
    /// Within how many days.
    pub days: i32,
    /// Day of the last.
    pub last: Day,
    /// Ids of the signals, or of the results, that it rests on, the oldest first.
    pub behind: Vec<String>,
}

/// An enterprise that is to be assisted（帮扶企业）, and how far its plan（一企一策）is.
#[doc(alias = "帮扶清单")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assisted {
    /// Which.
    pub enterprise: EnterpriseId,
    /// Why.
    pub reasons: Vec<AssistedFor>,
    /// Its problems by where they stand.
    pub problems: BTreeMap<ProblemStanding, u32>,
}

impl Lists {
    /// Who is to be assisted, by the end of a day, in the order of their ids. `problems` is the problem
    /// list of the same day.
    pub fn assistance(
        &self,
        problems: &[ProblemRow],
        on: Day,
        (policy, signals): (&ListsPolicy, &SignalPolicy),
        offset: CivilOffset,
    ) -> Vec<Assisted> {
        let before = offset.start_of(on.plus(1));
        let within = |days: i32| (offset.start_of(on.plus(1 - days)), before);
        let complaint_days = i32::try_from(signals.complaint_days).unwrap_or(i32::MAX);
        let mut found = Vec::new();
        let known: BTreeSet<&EnterpriseId> =
            self.heard.keys().chain(self.failures.keys()).collect();
        for enterprise in known {
            let heard = |reason, kinds: &[SignalKind], days, least: u32| {
                let of = self.heard_of(enterprise, kinds, within(days));
                let behind = of.iter().map(|(_, id)| id.to_string()).collect();
                let last = of.last().filter(|_| of.len() >= least as usize)?;
                Some(AssistedFor {
                    reason,
                    count: of.len() as u32,
                    days,
                    last: offset.day_of(last.0),
                    behind,
                })
            };
            let media = heard(
                AssistedReason::MediaExposure,
                &[SignalKind::MediaExposure],
                policy.media_days,
                1,
            );
            let complaints = heard(
                AssistedReason::ComplaintCluster,
                &[SignalKind::Complaint, SignalKind::Tip],
                complaint_days,
                signals.complaint_count,
            );
            let (since, _) = within(policy.repeated_days);
            let mut failures = self.failures_of(enterprise, before);
            failures.retain(|failure| failure.observed_at >= since);
            let enough = failures.len() >= policy.repeated_failures as usize;
            let repeated = failures.last().filter(|_| enough).map(|last| AssistedFor {
                reason: AssistedReason::RepeatedFailures,
                count: failures.len() as u32,
                days: policy.repeated_days,
                last: offset.day_of(last.observed_at),
                behind: failures.iter().map(|one| one.id.to_string()).collect(),
            });
            let reasons: Vec<AssistedFor> = [media, repeated, complaints]
                .into_iter()
                .flatten()
                .collect();
            if reasons.is_empty() {
                continue;
            }
            let mut counts = BTreeMap::new();
            for row in problems.iter().filter(|row| row.enterprise == *enterprise) {
                *counts.entry(row.standing).or_default() += 1;
            }
            found.push(Assisted {
                enterprise: enterprise.clone(),
                reasons,
                problems: counts,
            });
        }
        found
    }
}
