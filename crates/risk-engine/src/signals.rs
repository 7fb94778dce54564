//! Signals as the engine holds them（风险信号）: evidence beside the grade, and what they raise.
//!
//! A fact of a single signal alerts at once. Complaints alert together, at a close, so that nothing
//! depends on the order in which they were read.

use crate::alert::{Alert, AlertRule};
use crate::event_time::{Epoch, PartitionIx, SourcePartition};
use crate::input::{Accepted, Effect, EngineRejection, Outcome};
use crate::policy::SignalPolicy;
use crate::step::Engine;
use risk_domain::ids::{EnterpriseId, SignalId};
use risk_domain::inspection::Verdict;
use risk_domain::scales::{AlertLevel, Severity};
use risk_domain::signal::{Signal, SignalKind};
use risk_domain::subject::Subject;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Signals that a raise names; all of an enterprise are listed by [`Engine::signals_of`].
const NAMED_SIGNALS: usize = 32;

/// An alert that signals raised, with their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalRaised {
    /// The latest signals behind it.
    pub signals: Vec<SignalId>,
    /// What they raise.
    pub alert: Alert,
}

/// Every signal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Signals {
    all: BTreeMap<SignalId, (Epoch, Signal)>,
    of_enterprise: BTreeMap<EnterpriseId, BTreeSet<SignalId>>,
    /// Enterprises that were complained of in epochs that no close has judged.
    due: BTreeMap<Epoch, BTreeSet<EnterpriseId>>,
    /// Records of duty, of which there is one a day: what follows from them stands elsewhere, so that a
    /// digest is enough to know one that comes again.
    duties: BTreeMap<SignalId, u64>,
}

/// Whether consumers and reporters speak: they are counted together.
fn complains(signal: &Signal) -> bool {
    matches!(signal.kind, SignalKind::Complaint | SignalKind::Tip)
}

fn digest_of(signal: &Signal) -> u64 {
    let text = serde_json::to_vec(signal).unwrap_or_default();
    xxhash_rust::xxh3::xxh3_64(&text)
}

impl Signals {
    pub(crate) fn admit(&mut self, epoch: Epoch, signal: Signal) {
        if signal.kind == SignalKind::DutyRecord {
            self.duties
                .insert(signal.signal_id.clone(), digest_of(&signal));
            return;
        }
        if complains(&signal) {
            let due = self.due.entry(epoch).or_default();
            due.insert(signal.enterprise_id.clone());
        }
        let of = self.of_enterprise.entry(signal.enterprise_id.clone());
        of.or_default().insert(signal.signal_id.clone());
        self.all.insert(signal.signal_id.clone(), (epoch, signal));
    }

    pub(crate) fn first_due(&self) -> Option<Epoch> {
        self.due.keys().next().copied()
    }

    pub(crate) fn next_from(&self, epoch: Epoch) -> Option<Epoch> {
        self.due.range(epoch..).next().map(|(epoch, _)| *epoch)
    }

    /// Enterprises that a close of an epoch judges.
    pub(crate) fn due_by(&self, epoch: Epoch) -> BTreeSet<EnterpriseId> {
        let due = self.due.range(..=epoch);
        due.flat_map(|(_, of)| of.iter().cloned()).collect()
    }

    pub(crate) fn settle(&mut self, epoch: Epoch) {
        self.due = self.due.split_off(&epoch.next());
    }

    /// Whether this very signal was taken in before; `Some(false)` where its id was used for another.
    fn knows(&self, signal: &Signal) -> Option<bool> {
        let id = &signal.signal_id;
        let heard = self.all.get(id).map(|(_, known)| known == signal);
        heard.or_else(|| self.duties.get(id).map(|known| *known == digest_of(signal)))
    }

    /// What the state hash covers, a line a signal.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let heard = self.all.values();
        let heard = heard.map(|kept| serde_json::to_string(kept).unwrap_or_default());
        let duties = self.duties.iter();
        heard.chain(duties.map(|(id, digest)| format!("{id} {digest:016x}")))
    }

    fn of(&self, enterprise: &EnterpriseId) -> impl Iterator<Item = &(Epoch, Signal)> {
        let ids = self.of_enterprise.get(enterprise).into_iter().flatten();
        ids.filter_map(|id| self.all.get(id))
    }
}

/// About whom a signal is: an enterprise's product, where it names one.
fn subject_of(signal: &Signal) -> Subject {
    let enterprise = signal.enterprise_id.clone();
    match &signal.product {
        Some(product) => Subject::Cell(enterprise, product.clone()),
        None => Subject::Enterprise(enterprise),
    }
}

/// The rule and the level by which a signal alerts by itself.
fn alarm_of(signal: &Signal, policy: &SignalPolicy) -> Option<(AlertRule, AlertLevel)> {
    match signal.kind {
        SignalKind::MediaExposure => Some((AlertRule::MediaExposure, policy.media_exposure)),
        SignalKind::Recall => Some((AlertRule::Recall, policy.recall)),
        SignalKind::Accident => {
            let grave = signal.severity >= Some(Severity::Three);
            let level = if grave {
                policy.accident_grave
            } else {
                policy.accident
            };
            Some((AlertRule::Accident, level))
        }
        SignalKind::ExternalCheck => (signal.verdict == Some(Verdict::Nonconforming))
            .then_some((AlertRule::ExternalCheckFailed, policy.external_check_failed)),
        SignalKind::Complaint
        | SignalKind::Tip
        | SignalKind::CreditClass
        | SignalKind::OnlineMonitoring
        | SignalKind::DutyRecord => None,
    }
}

/// What a signal raises by itself.
fn raised_by(signal: &Signal, policy: &SignalPolicy) -> Option<SignalRaised> {
    let (rule, level) = alarm_of(signal, policy)?;
    let subject = subject_of(signal);
    let (kind, id, source) = (signal.kind, &signal.signal_id, &signal.source);
    let told = signal.summary.as_ref();
    let (zh, en) = told.map_or_else(Default::default, |told| {
        (format!("：{told}"), format!(": {told}"))
    });
    let alert = Alert::raised(
        subject,
        signal.hazard.clone(),
        (rule, level),
        (id.as_str(), signal.observed_at),
        (
            format!("{}（{source}，{id}）{zh}", kind.zh()),
            format!("{} ({source}, {id}){en}", kind.code().replace('_', " ")),
        ),
    )?;
    Some(SignalRaised {
        signals: vec![signal.signal_id.clone()],
        alert: Alert {
            zone: signal.zone_id.clone(),
            ..alert
        },
    })
}

impl Engine {
    /// Signals of an enterprise, of its product or of a site, those heard last first; none of what spans
    /// enterprises.
    pub fn signals_of(&self, subject: &Subject) -> Vec<&Signal> {
        let of = |enterprise| self.signals.of(enterprise).map(|(_, signal)| signal);
        let mut found: Vec<&Signal> = match subject {
            Subject::Enterprise(enterprise) => of(enterprise).collect(),
            Subject::Cell(enterprise, product) => of(enterprise)
                .filter(|signal| signal.product.as_ref() == Some(product))
                .collect(),
            Subject::Site(site) => {
                let all = self.signals.all.values().map(|(_, signal)| signal);
                all.filter(|signal| signal.site_id.as_ref() == Some(site))
                    .collect()
            }
            Subject::Product(_) | Subject::Zone(_) | Subject::Sector(_) => Vec::new(),
        };
        found.sort_by(|one, other| {
            let key = |signal: &Signal| (signal.observed_at, signal.signal_id.clone());
            key(other).cmp(&key(one))
        });
        found
    }

    /// The signal with this id.
    pub fn signal(&self, id: &SignalId) -> Option<&Signal> {
        self.signals.all.get(id).map(|(_, signal)| signal)
    }

    pub(crate) fn step_signal(
        &mut self,
        partition: &SourcePartition,
        signal: &Signal,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        match self.signals.knows(signal) {
            Some(true) => return Outcome::Duplicate,
            Some(false) => return Outcome::Rejected(EngineRejection::IdentityConflict),
            None => {}
        }
        let partition = self.clocks.index_of(partition);
        let clock = self.clocks.latest(partition);
        let (own, late) = self.calendar.assign(signal.observed_at, clock);
        let epoch = own.max(self.first_open());
        self.admit_signal(partition, signal, epoch);
        if let Some(raised) = raised_by(signal, &self.policy.alert.signals) {
            self.raise_by(raised.alert, raised.signals, effects);
        }
        Outcome::Accepted(Accepted {
            epoch: Some(epoch),
            late: late || epoch > own,
        })
    }

    /// Takes in what was heard. Complaints are judged together by the close of its epoch.
    pub(crate) fn admit_signal(&mut self, partition: PartitionIx, signal: &Signal, epoch: Epoch) {
        self.placed = epoch;
        if complains(signal) {
            self.closed_through = self.closed_through.filter(|closed| *closed < epoch);
        }
        if let Some(record) = &signal.duty {
            self.duties.admit(&signal.enterprise_id, record, epoch);
        }
        self.signals.admit(epoch, signal.clone());
        self.cases.admit_signal(signal, epoch, &self.policy.cases);
        self.clocks.advance(partition, signal.observed_at);
    }

    /// Alerts of the enterprises of which so many complained, by the close of an epoch.
    pub(crate) fn raise_complaints(
        &mut self,
        heard: &BTreeSet<EnterpriseId>,
        epoch: Epoch,
        effects: &mut Vec<Effect>,
    ) {
        let policy = self.policy.alert.signals;
        let ended_at = self.calendar.end_of(epoch);
        let since = ended_at.plus_millis(-i64::from(policy.complaint_days) * DAY_MILLIS);
        for enterprise in heard {
            let of = self.signals.of(enterprise);
            let within = |at: Timestamp| at >= since && at < ended_at;
            let counted = of.filter(|(of, signal)| {
                complains(signal) && *of <= epoch && within(signal.observed_at)
            });
            let mut ids: Vec<(Timestamp, SignalId)> = counted
                .map(|(_, signal)| (signal.observed_at, signal.signal_id.clone()))
                .collect();
            ids.sort();
            let (count, days) = (ids.len(), policy.complaint_days);
            if count < policy.complaint_count as usize {
                continue;
            }
            let alert = Alert::raised(
                Subject::Enterprise(enterprise.clone()),
                None,
                (AlertRule::ComplaintCluster, policy.complaint_cluster),
                (&format!("close {}", epoch.0), ended_at),
                (
                    format!("{days}天内收到投诉举报{count}件"),
                    format!("{count} complaints within {days} days"),
                ),
            );
            let signals = ids.into_iter().rev().take(NAMED_SIGNALS);
            let signals = signals.map(|(_, id)| id).collect();
            if let Some(alert) = alert {
                self.raise_by(alert, signals, effects);
            }
        }
    }
}
