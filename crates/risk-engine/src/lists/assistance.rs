//! The assistance list（帮扶清单）: enterprises that the media exposed, that failed repeatedly, or of which
//! many complained.

use super::found::found;
use super::{Failure, Known, ListedProblems, Lists, ListsPolicy, ProblemStanding};
use crate::policy::SignalPolicy;
use risk_domain::ids::EnterpriseId;
use risk_domain::named_scale;
use risk_domain::signal::SignalKind;
use risk_domain::time::{CivilOffset, Day};
use std::collections::BTreeMap;

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
    /// Whether one enterprise is to be assisted, by the end of a day.
    pub fn assisted(
        &self,
        enterprise: &EnterpriseId,
        listed: &ListedProblems,
        on: Day,
        rules: (&ListsPolicy, &SignalPolicy),
        offset: CivilOffset,
    ) -> Option<Assisted> {
        let known = self.known(enterprise, listed);
        let failures = self.counted(known.failures, offset.start_of(on.plus(1)));
        let reasons = reasons(&known, &failures, on, rules, offset);
        if reasons.is_empty() {
            return None;
        }
        let mut problems = BTreeMap::new();
        for problem in found(known.listed, &failures, on) {
            *problems.entry(problem.standing).or_default() += 1;
        }
        Some(Assisted {
            enterprise: enterprise.clone(),
            reasons,
            problems,
        })
    }
}

/// Why an enterprise is to be assisted; `failures` are those of it that count by the end of the day.
pub(super) fn reasons(
    known: &Known<'_>,
    failures: &[&Failure],
    on: Day,
    (policy, signals): (&ListsPolicy, &SignalPolicy),
    offset: CivilOffset,
) -> Vec<AssistedFor> {
    let before = offset.start_of(on.plus(1));
    let within = |days: i32| (offset.start_of(on.plus(1 - days)), before);
    let complaint_days = i32::try_from(signals.complaint_days).unwrap_or(i32::MAX);
    let heard = |reason, kinds: &[SignalKind], days, least: u32| {
        let of = known.heard(kinds, within(days));
        let last = of.last().filter(|_| of.len() >= least as usize)?;
        Some(AssistedFor {
            reason,
            count: of.len() as u32,
            days,
            last: offset.day_of(last.0),
            behind: of.iter().map(|(_, id)| id.to_string()).collect(),
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
    let recent = failures.partition_point(|failure| failure.observed_at < since);
    let recent = failures.get(recent..).unwrap_or_default();
    let enough = recent.len() >= policy.repeated_failures as usize;
    let repeated = recent.last().filter(|_| enough).map(|last| AssistedFor {
        reason: AssistedReason::RepeatedFailures,
        count: recent.len() as u32,
        days: policy.repeated_days,
        last: offset.day_of(last.observed_at),
        behind: recent.iter().map(|one| one.id.to_string()).collect(),
    });
    [media, repeated, complaints]
        .into_iter()
        .flatten()
        .collect()
}
