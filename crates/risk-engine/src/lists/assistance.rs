//! The assistance list（帮扶清单）: enterprises that the media exposed, that failed repeatedly, or of which
//! many complained.

use super::{ListedProblems, Lists, ListsPolicy, ProblemRow, ProblemStanding, rows_within};
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
    /// Who is to be assisted, by the end of a day, in the order of their ids. `problems` is the problem
    /// list of the same day.
    pub fn assistance(
        &self,
        problems: &[ProblemRow],
        on: Day,
        rules: (&ListsPolicy, &SignalPolicy),
        offset: CivilOffset,
    ) -> Vec<Assisted> {
        let nothing = ListedProblems::default();
        let known = self.enterprises(&nothing, None);
        let assisted = known.filter_map(|enterprise| {
            let reasons = self.reasons_of(enterprise, on, rules, offset);
            let rows = || rows_within(problems, enterprise);
            (!reasons.is_empty()).then(|| Assisted::new(enterprise, reasons, rows()))
        });
        assisted.collect()
    }

    /// Whether one enterprise is to be assisted.
    pub fn assisted(
        &self,
        enterprise: &EnterpriseId,
        listed: &ListedProblems,
        on: Day,
        rules: (&ListsPolicy, &SignalPolicy),
        offset: CivilOffset,
    ) -> Option<Assisted> {
        let reasons = self.reasons_of(enterprise, on, rules, offset);
        let rows = || self.problems_of(enterprise, listed, on, offset);
        (!reasons.is_empty()).then(|| Assisted::new(enterprise, reasons, &rows()))
    }

    fn reasons_of(
        &self,
        enterprise: &EnterpriseId,
        on: Day,
        (policy, signals): (&ListsPolicy, &SignalPolicy),
        offset: CivilOffset,
    ) -> Vec<AssistedFor> {
        let before = offset.start_of(on.plus(1));
        let within = |days: i32| (offset.start_of(on.plus(1 - days)), before);
        let complaint_days = i32::try_from(signals.complaint_days).unwrap_or(i32::MAX);
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
        [media, repeated, complaints]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl Assisted {
    fn new(enterprise: &EnterpriseId, reasons: Vec<AssistedFor>, problems: &[ProblemRow]) -> Self {
        let mut counts = BTreeMap::new();
        for row in problems {
            *counts.entry(row.standing).or_default() += 1;
        }
        Self {
            enterprise: enterprise.clone(),
            reasons,
            problems: counts,
        }
    }
}
