//! Reminders of missing records of duty（主体责任记录提醒）: whoever once kept them and no longer does is told of
//! by the close of the week in which a record came to be missing.
//!
//! Only what was told by the epochs up to the close counts, and only what was missed lately: so the order
//! of arrival does not show, and what is kept is bounded. The list ([`crate::lists`]) goes back to the
//! first record.

use crate::alert::{Alert, AlertRule};
use crate::event_time::Epoch;
use crate::input::Effect;
use crate::lists::{DutyStep, asked_from, missed, step_of};
use crate::step::Engine;
use risk_domain::ids::EnterpriseId;
use risk_domain::signal::{Duty, DutyRecord};
use risk_domain::subject::Subject;
use risk_domain::time::Day;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The longest that a record is waited for after its days: a month, and the longest grace.
const LONGEST_WAIT: i32 = 31 + 366;

/// What an enterprise told of one duty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// The first day that was ever recorded, of records no longer kept.
    since: Option<Day>,
    /// First and last day of each record, with the epoch that it belongs to.
    records: BTreeSet<(Day, Day, Epoch)>,
}

/// Records of duty that still matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Duties(BTreeMap<(EnterpriseId, Duty), Told>);

impl Duties {
    pub(crate) fn admit(&mut self, enterprise: &EnterpriseId, record: &DutyRecord, epoch: Epoch) {
        let of = self.0.entry((enterprise.clone(), record.duty));
        let span = (record.from, record.until, epoch);
        of.or_default().records.insert(span);
    }

    /// Forgets records that ended before `since`, of epochs that are closed.
    fn forget(&mut self, since: Day, epoch: Epoch) {
        for told in self.0.values_mut() {
            let first = &mut told.since;
            told.records.retain(|(from, until, of)| {
                let kept = *until >= since || *of > epoch;
                if !kept {
                    *first = Some(first.map_or(*from, |first| first.min(*from)));
                }
                kept
            });
        }
    }
}

impl Engine {
    /// The first day of which the close of an epoch still asks for a record.
    fn duties_since(&self, epoch: Epoch) -> Day {
        asked_from(self.calendar.day_of(epoch), &self.policy.lists.duties)
    }

    /// Forgets, by the close of a week, what no reminder asks for any more.
    pub(crate) fn settle_duties(&mut self, epoch: Epoch) {
        if self.calendar.ends_week(epoch) {
            let since = self.duties_since(epoch).plus(-LONGEST_WAIT);
            self.duties.forget(since, epoch);
        }
    }

    /// Alerts of the enterprises and duties of which a record came to be missing in the week that closes
    /// with an epoch, by all that are missing lately.
    pub(crate) fn remind_of_duties(&mut self, epoch: Epoch, effects: &mut Vec<Effect>) {
        let settings = self.policy.lists.duties;
        let on = self.calendar.day_of(epoch);
        let ended_at = self.calendar.end_of(epoch);
        let mut alerts = Vec::new();
        for ((enterprise, duty), told) in &self.duties.0 {
            let known = told.records.iter().filter(|(_, _, of)| *of <= epoch);
            let first = known.clone().map(|(from, _, _)| *from).min();
            let Some(since) = told.since.into_iter().chain(first).min() else {
                continue;
            };
            let spans: Vec<(Day, Day)> = known.map(|(from, until, _)| (*from, *until)).collect();
            let begin = since.max(self.duties_since(epoch));
            let calendar = &self.taxonomy.calendar;
            let missing = |on| missed(*duty, &spans, (begin, on), &settings, calendar);
            let (before, now) = (missing(on.plus(-7)), missing(on));
            let (Some(first), Some(last)) = (now.first(), now.last()) else {
                continue;
            };
            let level = match step_of(now.len(), &settings) {
                DutyStep::None => continue,
                DutyStep::Remind => settings.remind_level,
                DutyStep::Order => settings.order_level,
            };
            if now.len() <= before.len() {
                continue;
            }
            let (count, duty) = (now.len(), *duty);
            alerts.extend(Alert::raised(
                Subject::Enterprise(enterprise.clone()),
                None,
                (AlertRule::DutyMissed, level),
                (&format!("close {} {}", epoch.0, duty.code()), ended_at),
                (
                    format!("{}记录缺{count}次（{first}至{last}）", duty.zh()),
                    format!(
                        "{count} {} records of duty are missing ({first} to {last})",
                        duty.code()
                    ),
                ),
            ));
        }
        for alert in alerts {
            self.raise(Box::new(alert), effects);
        }
    }
}
