//! What raised alerts（触发记录）: the entries of raises, each with the results and signals that it names.

use super::Reader;
use crate::error::StoreError;
use crate::records::Record;
use risk_domain::ids::{HazardCode, InspectionId, SignalId};
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use risk_engine::{Alert, Effect};
use std::ops::RangeInclusive;

/// A raise as it was recorded（触发记录）.
#[doc(alias = "触发记录")]
#[derive(Debug, Clone, PartialEq)]
pub struct Raise {
    /// Its entry.
    pub entry: u64,
    /// What the rule found.
    pub alert: Alert,
    /// The results that it names, the newest last.
    pub results: Vec<InspectionId>,
    /// The signals that it names.
    pub signals: Vec<SignalId>,
}

impl Raise {
    fn of(entry: u64, effect: Effect) -> Option<Self> {
        let (alert, results, signals) = match effect {
            Effect::AlertRaised(alert) => {
                let results = alert.inspection_id.iter().cloned().collect();
                (*alert, results, Vec::new())
            }
            Effect::ResultsRaised(raised) => (raised.alert, raised.inspections, Vec::new()),
            Effect::SignalRaised(raised) => (raised.alert, Vec::new(), raised.signals),
            Effect::EpochClosed(_)
            | Effect::Assessed(_)
            | Effect::SnapshotFitted(_)
            | Effect::RatesTold(_)
            | Effect::LevelsTold(_)
            | Effect::CoursesTold(_)
            | Effect::WeekWatched(_)
            | Effect::CaseMoved(_)
            | Effect::CaseGone(_)
            | Effect::CaseInserted(_)
            | Effect::AlertTermsSet(_)
            | Effect::AlertMoved(_)
            | Effect::ReferenceRefused(_) => return None,
        };
        Some(Self {
            entry,
            alert,
            results,
            signals,
        })
    }
}

impl Reader {
    /// What raised alerts of a subject and a hazard within a span of the data's time, in the ledger's order:
    /// the last `most` of those below an entry; and whether there are more.
    pub fn raises(
        &self,
        (subject, hazard): (&Subject, Option<&HazardCode>),
        span: &RangeInclusive<Timestamp>,
        below: u64,
        most: usize,
    ) -> Result<(Vec<Raise>, bool), StoreError> {
        let entries = self
            .views
            .read(|views| views.raises_of(subject, span, below))?;
        let mut raises = Vec::new();
        for entry in entries.into_iter().rev() {
            let raise = match self.record(entry)? {
                Record::Effect(effect) => Raise::of(entry, effect),
                Record::Rejection(_)
                | Record::Result(_)
                | Record::Registry(_)
                | Record::Command(_)
                | Record::Signal(_)
                | Record::Access(_)
                | Record::Erasure(_)
                | Record::Input(_) => None,
            };
            let raise = raise.ok_or_else(|| StoreError::Record {
                entry,
                reason: "the views name it as a raise, which it is not".to_owned(),
            })?;
            if raise.alert.hazard.as_ref() != hazard {
                continue;
            }
            if raises.len() == most {
                raises.reverse();
                return Ok((raises, true));
            }
            raises.push(raise);
        }
        raises.reverse();
        Ok((raises, false))
    }
}
