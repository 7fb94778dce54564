//! Alerts（预警）, as they are shown.

use super::Names;
use risk_engine::{Alert, AlertEntry, AlertMoved, Closing, MoveCause, Snooze};
use serde::Serialize;
use utoipa::ToSchema;

/// Who keeps an alert quiet, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SnoozeDto {
    /// The first instant after it, RFC 3339.
    pub until: String,
    /// The officer.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The command.
    pub command_id: String,
}

impl SnoozeDto {
    fn new(snooze: &Snooze) -> Self {
        Self {
            until: snooze.until.to_string(),
            actor: snooze.actor.id.to_string(),
            reason: snooze.reason.clone(),
            command_id: snooze.command_id.to_string(),
        }
    }
}

/// A closing: proposed while the alert is not closed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ClosingDto {
    /// What came of the alert: confirmed, false_alarm, duplicate, inconclusive or referred.
    pub disposition: String,
    /// The alert that tells the same, where it is a duplicate.
    pub duplicate_of: Option<String>,
    /// The officer who decided so.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When, RFC 3339.
    pub decided_at: String,
    /// The command; an approval names it.
    pub command_id: String,
    /// The second person, once one agreed.
    pub approver: Option<String>,
}

impl ClosingDto {
    fn new(closing: &Closing) -> Self {
        let duplicate_of = match &closing.disposition {
            risk_domain::alert_action::Disposition::Duplicate { of } => Some(of.to_string()),
            risk_domain::alert_action::Disposition::Confirmed
            | risk_domain::alert_action::Disposition::FalseAlarm
            | risk_domain::alert_action::Disposition::Inconclusive
            | risk_domain::alert_action::Disposition::Referred => None,
        };
        Self {
            disposition: closing.disposition.code().to_owned(),
            duplicate_of,
            actor: closing.actor.id.to_string(),
            reason: closing.reason.clone(),
            decided_at: closing.decided_at.to_string(),
            command_id: closing.command_id.to_string(),
            approver: closing.approver.as_ref().map(|by| by.id.to_string()),
        }
    }
}

/// One alert（预警）: all that was raised of a subject and a hazard while it stands open.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertDto {
    /// Its id; commands name it.
    pub id: String,
    /// open, acknowledged, investigating or closed.
    pub state: String,
    /// About whom, as `kind:id`.
    pub subject: String,
    /// The subject's public name, where one is known; in Chinese where the reference data name it.
    pub subject_name: Option<String>,
    /// The subject's English name, where the reference data have one.
    pub subject_name_en: Option<String>,
    /// Where in the city, if its raises name one zone only.
    pub zone: Option<String>,
    /// All zones that its raises name.
    pub zones: Vec<String>,
    /// Which hazard.
    pub hazard: Option<String>,
    /// The rule of the gravest raise, the latest of equal ones: fast_test_failed, severe_item_failed,
    /// banned_substance, level_rose, outbreak, enterprise_changed, complaint_cluster, media_exposure,
    /// recall, accident, external_check_failed, supply_path, latent_risk, hazard_item or
    /// duty_missed.
    pub rule: String,
    /// All rules that raised it.
    pub rules: Vec<String>,
    /// Level one (gravest) to four.
    pub level: String,
    /// When it was raised first, in the data's time, RFC 3339.
    pub raised_at: String,
    /// When it was raised last.
    pub last_raised_at: String,
    /// How often it was raised.
    pub raises: u64,
    /// The latest results behind it, the newest last, sixteen at most.
    pub inspection_ids: Vec<String>,
    /// The latest signals behind it, the newest last, sixteen at most.
    pub signal_ids: Vec<String>,
    /// Who keeps it quiet, and until when.
    pub snooze: Option<SnoozeDto>,
    /// The closing, proposed or done.
    pub closing: Option<ClosingDto>,
    /// When it closed, RFC 3339.
    pub closed_at: Option<String>,
    /// Raises that were kept quiet after it closed as a false alarm.
    pub quieted: u64,
    /// Why, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
}

impl AlertDto {
    pub(crate) fn new(entry: &AlertEntry<'_>, names: Names) -> Self {
        let alert = entry.alert;
        let zones: Vec<String> = alert.zones.iter().map(ToString::to_string).collect();
        let rules = alert.rules.iter();
        let results = alert.inspections.iter();
        Self {
            id: alert.id.to_string(),
            state: alert.state.code().to_owned(),
            subject: entry.subject.to_string(),
            subject_name: names.zh,
            subject_name_en: names.en,
            zone: match zones.as_slice() {
                [only] => Some(only.clone()),
                _none_or_many => None,
            },
            zones,
            hazard: entry.hazard.map(ToString::to_string),
            rule: alert.rule.code().to_owned(),
            rules: rules.map(|rule| rule.code().to_owned()).collect(),
            level: alert.level.to_string(),
            raised_at: alert.opened_at.to_string(),
            last_raised_at: alert.last_raised_at.to_string(),
            raises: alert.raises,
            inspection_ids: results.map(ToString::to_string).collect(),
            signal_ids: alert.signals.iter().map(ToString::to_string).collect(),
            snooze: alert.snooze.as_ref().map(SnoozeDto::new),
            closing: alert.closing.as_ref().map(ClosingDto::new),
            closed_at: alert.closed_at.map(|at| at.to_string()),
            quieted: alert.quieted,
            reason_zh: alert.reason_zh.clone(),
            reason_en: alert.reason_en.clone(),
        }
    }
}

/// What raised an alert: one finding of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RaiseDto {
    /// Its id: a hash of subject, hazard, rule and record.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// Level that the rule gives it.
    pub level: String,
    /// When, in the data's time, RFC 3339.
    pub raised_at: String,
    /// Where in the city, if it concerns one zone only.
    pub zone: Option<String>,
    /// The record behind it; none where a close found it.
    pub inspection_id: Option<String>,
    /// Why, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
}

impl RaiseDto {
    pub(crate) fn new(raise: &Alert) -> Self {
        Self {
            id: raise.id.to_string(),
            rule: raise.rule.code().to_owned(),
            level: raise.level.to_string(),
            raised_at: raise.raised_at.to_string(),
            zone: raise.zone.as_ref().map(ToString::to_string),
            inspection_id: raise.inspection_id.as_ref().map(ToString::to_string),
            reason_zh: raise.reason_zh.clone(),
            reason_en: raise.reason_en.clone(),
        }
    }
}

/// What changed of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertMoveDto {
    /// The ledger entry that says so.
    pub entry: u64,
    /// Which alert.
    pub alert_id: String,
    /// About whom, as `kind:id`.
    pub subject: String,
    /// The subject's public name, where one is known; in Chinese where the reference data name it.
    pub subject_name: Option<String>,
    /// The subject's English name, where the reference data have one.
    pub subject_name_en: Option<String>,
    /// Which hazard.
    pub hazard: Option<String>,
    /// opened, raised_again, escalated, acknowledged, investigating, snoozed, woken, closing_proposed,
    /// closed, reopened or noted.
    pub what: String,
    /// When, in the data's time, RFC 3339.
    pub at: String,
    /// Who moved it: `officer:ID`, or `system:` and a rule.
    pub actor: String,
    /// The command, where an officer decided.
    pub command_id: Option<String>,
    /// The record behind it, where it was raised by one.
    pub inspection_id: Option<String>,
    /// The signals behind it, where it was raised by some.
    pub signal_ids: Vec<String>,
    /// State before; none where it opened.
    pub state_before: Option<String>,
    /// State now.
    pub state: String,
    /// Level before; none where it opened.
    pub level_before: Option<String>,
    /// Level now.
    pub level: String,
    /// How often it was raised by then.
    pub raises: u64,
    /// Until when it is quiet, if it is.
    pub snoozed_until: Option<String>,
    /// What came of it; proposed while it is not closed.
    pub disposition: Option<String>,
    /// What changed, in Chinese.
    pub reason_zh: String,
    /// What changed, in English.
    pub reason_en: String,
}

impl AlertMoveDto {
    pub(crate) fn new(entry: u64, moved: &AlertMoved, names: Names) -> Self {
        let (command_id, inspection_id) = match &moved.cause {
            MoveCause::Raised { inspection_id, .. } => (None, inspection_id.as_ref()),
            MoveCause::Decided { command_id, .. } => (Some(command_id), None),
            MoveCause::SnoozeEnded => (None, None),
        };
        Self {
            entry,
            alert_id: moved.alert.to_string(),
            subject: moved.subject.to_string(),
            subject_name: names.zh,
            subject_name_en: names.en,
            hazard: moved.hazard.as_ref().map(ToString::to_string),
            what: moved.what().to_owned(),
            at: moved.at.to_string(),
            actor: moved.cause.actor(),
            command_id: command_id.map(ToString::to_string),
            inspection_id: inspection_id.map(ToString::to_string),
            signal_ids: moved
                .cause
                .signals()
                .iter()
                .map(ToString::to_string)
                .collect(),
            state_before: moved.before.map(|(state, _)| state.code().to_owned()),
            state: moved.state.code().to_owned(),
            level_before: moved.before.map(|(_, level)| level.to_string()),
            level: moved.level.to_string(),
            raises: moved.raises,
            snoozed_until: moved.snoozed_until.map(|until| until.to_string()),
            disposition: moved.disposition.clone(),
            reason_zh: moved.reason_zh.clone(),
            reason_en: moved.reason_en.clone(),
        }
    }
}

/// One alert with its history and its evidence.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct AlertDetailDto {
    /// How it stands.
    pub alert: AlertDto,
    /// What changed of it, the oldest first; the last thousand.
    pub moves: Vec<AlertMoveDto>,
    /// What raised it, the newest first; the latest thousand.
    pub raises: Vec<RaiseDto>,
}

/// What changed of an alert, on the live stream: a CloudEvent 1.0.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlertEventDto {
    /// Always `1.0`.
    pub specversion: String,
    /// The ledger entry that says so.
    pub id: String,
    /// Always `/spotcheck`.
    pub source: String,
    /// `spotcheck.alert.` and what happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// About whom, as `kind:id`.
    pub subject: String,
    /// When, in the data's time, RFC 3339.
    pub time: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// What changed.
    pub data: AlertMoveDto,
}

impl From<AlertMoveDto> for AlertEventDto {
    fn from(moved: AlertMoveDto) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: moved.entry.to_string(),
            source: "/spotcheck".to_owned(),
            kind: format!("spotcheck.alert.{}", moved.what),
            subject: moved.subject.clone(),
            time: moved.at.clone(),
            datacontenttype: "application/json".to_owned(),
            data: moved,
        }
    }
}
