//! What changed of an alert（预警变动）, as it is told and kept: nothing is counted from it.

use super::AlertRule;
use super::lifecycle::AlertState;
use super::standing::StandingAlert;
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{AlertId, CommandId, HazardCode, InspectionId, SignalId};
use risk_domain::scales::AlertLevel;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What moved an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveCause {
    /// Something raised it.
    Raised {
        /// The raise.
        raise: AlertId,
        /// Its rule.
        rule: AlertRule,
        /// The record behind it.
        inspection_id: Option<InspectionId>,
        /// The signals behind it.
        signals: Vec<SignalId>,
    },
    /// An officer decided.
    Decided {
        /// The command.
        command_id: CommandId,
        /// What it does, by its code on the wire.
        kind: String,
        /// By whom.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// A snooze was over.
    SnoozeEnded,
}

impl MoveCause {
    pub(super) fn decided(command: &Command) -> Self {
        Self::Decided {
            command_id: command.command_id.clone(),
            kind: match &command.order {
                Order::Alert { action, .. } => action.code().to_owned(),
                Order::Grade { .. }
                | Order::Case { .. }
                | Order::Problem { .. }
                | Order::Plan { .. } => String::new(),
            },
            actor: command.actor.clone(),
            reason: command.reason.to_string(),
        }
    }

    /// The code of what happened, of a closed list: `raise`, `snooze_end` or the kind of a command.
    pub fn code(&self) -> &str {
        match self {
            Self::Raised { .. } => "raise",
            Self::Decided { kind, .. } => kind,
            Self::SnoozeEnded => "snooze_end",
        }
    }

    /// Who did it: an officer, or a rule of the system.
    pub fn actor(&self) -> String {
        match self {
            Self::Raised { rule, .. } => format!("system:{}", rule.code()),
            Self::Decided { actor, .. } => format!("officer:{}", actor.id),
            Self::SnoozeEnded => "system:snooze_end".to_owned(),
        }
    }

    /// The signals behind it.
    pub fn signals(&self) -> &[SignalId] {
        match self {
            Self::Raised { signals, .. } => signals,
            Self::Decided { .. } | Self::SnoozeEnded => &[],
        }
    }

    /// Whether it is told whatever it changes.
    pub(super) fn is_note(&self) -> bool {
        matches!(self, Self::Decided { .. })
    }
}

/// An alert opened, became graver, or changed otherwise than by being raised again（预警变动）.
#[doc(alias = "预警变动")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertMoved {
    /// Which alert.
    pub alert: AlertId,
    /// About whom.
    #[serde(with = "risk_domain::decision::subject_text")]
    pub subject: Subject,
    /// Which hazard, where the rules name one.
    pub hazard: Option<HazardCode>,
    /// When, in the data's time.
    pub at: Timestamp,
    /// By what.
    pub cause: MoveCause,
    /// Where it stood before, and how grave it was; none where it opened.
    pub before: Option<(AlertState, AlertLevel)>,
    /// Where it stands now.
    pub state: AlertState,
    /// How grave it is now.
    pub level: AlertLevel,
    /// How often it was raised by then.
    pub raises: u64,
    /// Until when it is quiet, if it is.
    pub snoozed_until: Option<Timestamp>,
    /// What came of it, by the code of the disposition: proposed while it is not closed.
    pub disposition: Option<String>,
    /// What changed, in Chinese.
    pub reason_zh: String,
    /// What changed, in English.
    pub reason_en: String,
}

impl AlertMoved {
    /// What happened, of a closed list.
    pub fn what(&self) -> &'static str {
        let Some((state, level)) = self.before else {
            return "opened";
        };
        if state != self.state {
            return match self.state {
                AlertState::Open => "reopened",
                AlertState::Acknowledged => "acknowledged",
                AlertState::Investigating => "investigating",
                AlertState::Closed => "closed",
            };
        }
        if level != self.level {
            return "escalated";
        }
        match &self.cause {
            MoveCause::Raised { .. } => "raised_again",
            MoveCause::SnoozeEnded => "woken",
            MoveCause::Decided { kind, .. } => match kind.as_str() {
                "snooze" => "snoozed",
                "wake" => "woken",
                "close" => "closing_proposed",
                _other => "noted",
            },
        }
    }

    /// Whether more changed than that it was raised again, or it is news after a while.
    pub(super) fn is_move(before: Option<&StandingAlert>, now: &StandingAlert) -> bool {
        let Some(before) = before else {
            return true;
        };
        (before.state, before.level) != (now.state, now.level)
            || before.snooze != now.snooze
            || before.closing != now.closing
            || before.told_at != now.told_at
    }

    pub(super) fn new(
        (subject, hazard): (&Subject, Option<&HazardCode>),
        (before, now): (Option<&StandingAlert>, &StandingAlert),
        at: Timestamp,
        cause: MoveCause,
    ) -> Self {
        let (reason_zh, reason_en) = sentences(before, now, &cause);
        Self {
            alert: now.id.clone(),
            subject: subject.clone(),
            hazard: hazard.cloned(),
            at,
            before: before.map(|before| (before.state, before.level)),
            state: now.state,
            level: now.level,
            raises: now.raises,
            snoozed_until: now.snooze.as_ref().map(|snooze| snooze.until),
            disposition: now
                .closing
                .as_ref()
                .map(|closing| closing.disposition.code().to_owned()),
            cause,
            reason_zh,
            reason_en,
        }
    }
}

/// A level's Chinese name.
fn level_zh(level: AlertLevel) -> &'static str {
    match level {
        AlertLevel::One => "一级（红）",
        AlertLevel::Two => "二级（橙）",
        AlertLevel::Three => "三级（黄）",
        AlertLevel::Four => "四级（蓝）",
    }
}

fn sentences(
    before: Option<&StandingAlert>,
    now: &StandingAlert,
    cause: &MoveCause,
) -> (String, String) {
    let (level_zh, level) = (level_zh(now.level), now.level);
    let (mut zh, mut en) = match before {
        None => (
            format!("{level_zh}预警：{}", now.reason_zh),
            format!("an alert of level {level}: {}", now.reason_en),
        ),
        Some(before) if before.state != now.state => (
            format!("预警由“{}”转为“{}”", before.state.zh(), now.state.zh()),
            format!(
                "the alert went from {} to {}",
                before.state.code(),
                now.state.code()
            ),
        ),
        Some(before) if before.level != now.level => (
            format!(
                "预警升为{level_zh}：已触发{}次，涉及{}个区域；{}",
                now.raises,
                now.zones.len(),
                now.reason_zh
            ),
            format!(
                "the alert rose to level {level}: raised {} times, in {} zones; {}",
                now.raises,
                now.zones.len(),
                now.reason_en
            ),
        ),
        Some(before) => match (&before.snooze, &now.snooze, &now.closing) {
            (Some(_), None, _) => (
                "预警恢复提醒".to_owned(),
                "the alert is quiet no longer".to_owned(),
            ),
            (_, Some(snooze), _) if before.snooze != now.snooze => (
                format!("预警暂停提醒至{}", snooze.until),
                format!("the alert keeps quiet until {}", snooze.until),
            ),
            (_, _, Some(_)) if before.closing != now.closing => (
                "已提请关闭预警，待第二人复核同意".to_owned(),
                "a closing was proposed and waits for a second person".to_owned(),
            ),
            _other if before.told_at != now.told_at => (
                format!("预警再次触发：{}", now.reason_zh),
                format!("the alert was raised anew: {}", now.reason_en),
            ),
            _other => (
                format!("预警仍为“{}”", now.state.zh()),
                format!("the alert stays {}", now.state.code()),
            ),
        },
    };
    if let MoveCause::Decided { actor, reason, .. } = cause {
        zh = format!("{zh}（{}：{reason}）", actor.id);
        en = format!("{en} ({}: {reason})", actor.id);
    }
    (zh, en)
}
