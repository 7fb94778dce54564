//! Candidates for the list of serious violations（严重违法失信名单）, with the criteria that they meet.
//!
//! Without one of the grave penalties of Order 44 nobody is a candidate; what else is known stands beside
//! it. Whether somebody is listed is decided in the enforcement case, by two persons.

use super::{Lists, ListsPolicy};
use crate::case::{Act, Case, CaseState, Cause, Ending, Found, Happened, enforcement};
use risk_domain::case_act::CaseAct;
use risk_domain::ids::{CaseId, EnterpriseId};
use risk_domain::named_scale;
use risk_domain::scales::Severity;
use risk_domain::time::{CivilOffset, Day, Timestamp};
use std::collections::BTreeMap;

named_scale! {
    /// What speaks for the list of serious violations（列入情形）.
    #[doc(alias = "列入情形")]
    Criterion {
        /// 较重行政处罚: a penalty by the rule of heavier punishment.
        HeavyPenalty = "heavy_penalty",
        /// 吊销许可证照.
        LicenceRevoked = "licence_revoked",
        /// 责令停产停业.
        BusinessStopped = "business_stopped",
        /// 可能致命的不合格: an item of severity 4 failed.
        SevereHazard = "severe_hazard",
        /// 多次不合格.
        RepeatedFailures = "repeated_failures",
        /// 拒绝检查.
        Refusal = "refusal",
        /// 毁损、调换备样.
        Tampering = "tampering",
    }
}

impl Criterion {
    /// Whether it is a grave penalty, without which nobody is a candidate.
    pub fn is_penalty(self) -> bool {
        match self {
            Self::HeavyPenalty | Self::LicenceRevoked | Self::BusinessStopped => true,
            Self::SevereHazard | Self::RepeatedFailures | Self::Refusal | Self::Tampering => false,
        }
    }
}

/// A criterion that is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// Which.
    pub criterion: Criterion,
    /// How often.
    pub count: u32,
    /// The last day.
    pub last: Day,
    /// The cases or results that it rests on.
    pub behind: Vec<String>,
}

/// A candidate（拟列入对象）.
#[doc(alias = "拟列入对象")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which enterprise.
    pub enterprise: EnterpriseId,
    /// The criteria, grave penalties first.
    pub met: Vec<Met>,
    /// Cases in which it stands on the list already.
    pub listed: Vec<CaseId>,
}

/// The criteria that acts of a case meet.
const OF_ACTS: [(CaseAct, Criterion); 4] = [
    (CaseAct::PenaliseHeavily, Criterion::HeavyPenalty),
    (CaseAct::RevokeLicence, Criterion::LicenceRevoked),
    (CaseAct::StopBusiness, Criterion::BusinessStopped),
    (CaseAct::ReportTampering, Criterion::Tampering),
];

type Facts = BTreeMap<Criterion, Vec<(Timestamp, String)>>;

/// What a case says for the list.
fn facts_of(case: &Case, facts: &mut Facts) {
    let withdrawn = match case.state {
        CaseState::Closed(_, ending) => matches!(
            ending,
            Ending::DecisionWithdrawn | Ending::Annulled | Ending::ResultCorrected
        ),
        CaseState::Enforcement(state) => state.stage == enforcement::Stage::Withdrawn,
        CaseState::FastTest(_)
        | CaseState::SpotCheck(_)
        | CaseState::FoodCheck(_)
        | CaseState::FarmProduce(_) => false,
    };
    if withdrawn {
        return;
    }
    for event in &case.events {
        let found = match (&event.what, &event.cause) {
            (Happened::Moved(Act::Officer(act)), _) => {
                let of = OF_ACTS.iter().find(|(of, _)| of == act);
                of.map(|(_, criterion)| (*criterion, case.id.to_string()))
            }
            (
                Happened::Moved(Act::Found(Found::Refused))
                | Happened::Noted(Act::Found(Found::Refused)),
                Cause::Result(id),
            ) => Some((Criterion::Refusal, id.to_string())),
            (
                Happened::Opened
                | Happened::Moved(_)
                | Happened::Noted(_)
                | Happened::Proposed(_)
                | Happened::Assigned(_)
                | Happened::Paused(_)
                | Happened::Resumed
                | Happened::Remarked
                | Happened::Void(_),
                _,
            ) => None,
        };
        if let Some((criterion, behind)) = found {
            facts.entry(criterion).or_default().push((event.at, behind));
        }
    }
}

/// Candidates by the end of a day, in the order of their ids: enterprises with a grave penalty.
pub fn candidates<'a>(
    lists: &Lists,
    cases: impl Iterator<Item = &'a Case>,
    on: Day,
    policy: &ListsPolicy,
    offset: CivilOffset,
) -> Vec<Candidate> {
    let before = offset.start_of(on.plus(1));
    let since = offset.start_of(on.plus(1 - policy.serious.days));
    let mut found: BTreeMap<EnterpriseId, (Facts, Vec<CaseId>)> = BTreeMap::new();
    for case in cases {
        let mut facts = Facts::new();
        facts_of(case, &mut facts);
        let stands_listed = matches!(
            case.state,
            CaseState::Enforcement(enforcement::State {
                stage: enforcement::Stage::Listed | enforcement::Stage::Removable,
                ..
            })
        );
        // Most cases say nothing for the list.
        if facts.is_empty() && !stands_listed {
            continue;
        }
        let (known, listed) = found.entry(case.key.enterprise.clone()).or_default();
        for (criterion, of) in facts {
            known.entry(criterion).or_default().extend(of);
        }
        listed.extend(stands_listed.then(|| case.id.clone()));
    }
    found.retain(|_, (facts, _)| facts.keys().any(|criterion| criterion.is_penalty()));
    let mut all = Vec::new();
    for (enterprise, (mut facts, listed)) in found {
        let failed = lists
            .failures
            .get(&enterprise)
            .map_or(&[][..], Vec::as_slice);
        let refused = lists
            .refusals
            .get(&enterprise)
            .map_or(&[][..], Vec::as_slice);
        let failures = lists.counted(failed, before);
        for failure in &failures {
            let grave = |severity| severity == Some(Severity::Four);
            let told = (failure.observed_at, failure.id.to_string());
            if failure.items.iter().any(|item| grave(item.severity)) {
                facts
                    .entry(Criterion::SevereHazard)
                    .or_default()
                    .push(told.clone());
            }
            facts
                .entry(Criterion::RepeatedFailures)
                .or_default()
                .push(told);
        }
        for refusal in lists.counted(refused, before) {
            let told = (refusal.observed_at, refusal.id.to_string());
            facts.entry(Criterion::Refusal).or_default().push(told);
        }
        let met = met_of(facts, (since, before), policy, offset);
        if met.iter().any(|one| one.criterion.is_penalty()) {
            all.push(Candidate {
                enterprise,
                met,
                listed,
            });
        }
    }
    all
}

/// The criteria that facts within a time meet.
fn met_of(
    facts: Facts,
    (since, before): (Timestamp, Timestamp),
    policy: &ListsPolicy,
    offset: CivilOffset,
) -> Vec<Met> {
    let mut met = Vec::new();
    for (criterion, mut of) in facts {
        of.retain(|(at, _)| *at >= since && *at < before);
        of.sort();
        of.dedup();
        let least = match criterion {
            Criterion::RepeatedFailures => policy.serious.repeated_failures as usize,
            Criterion::HeavyPenalty
            | Criterion::LicenceRevoked
            | Criterion::BusinessStopped
            | Criterion::SevereHazard
            | Criterion::Refusal
            | Criterion::Tampering => 1,
        };
        if let Some((last, _)) = of.last().filter(|_| of.len() >= least) {
            met.push(Met {
                criterion,
                count: of.len() as u32,
                last: offset.day_of(*last),
                behind: of.iter().map(|(_, behind)| behind.clone()).collect(),
            });
        }
    }
    met
}
