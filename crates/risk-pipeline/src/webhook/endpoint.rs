//! An endpoint（投递端点）: where events go, which, and how.

use super::network::Network;
use super::schedule::Pace;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::RwLock;
use risk_domain::ids::ZoneId;
use risk_domain::scales::{AlertLevel, RiskLevel};
use risk_domain::subject::{Subject, SubjectKind};
use risk_engine::Engine;
use risk_store::{OutEvent, is_endpoint_name};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use ureq::http::Uri;

/// Least bytes of a secret that signs webhooks, as Standard Webhooks has it.
const SECRET_BYTES: usize = 24;

/// What an endpoint understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    /// Events as the topics carry them, signed as Standard Webhooks 1.0 has it.
    Webhook,
    /// A group robot of DingTalk（钉钉群机器人）.
    Dingtalk,
    /// A group robot of WeCom（企业微信群机器人）.
    Wecom,
    /// Alertmanager's API v2.
    Alertmanager,
}

impl EndpointKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Webhook,
        Self::Dingtalk,
        Self::Wecom,
        Self::Alertmanager,
    ];

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Dingtalk => "dingtalk",
            Self::Wecom => "wecom",
            Self::Alertmanager => "alertmanager",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What endpoints can be told of. Dead letters are not among it: they hold records whole, people's names
/// included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// What changes of alerts.
    Alerts,
    /// Recorded levels that changed.
    Grades,
    /// What happens in cases.
    Cases,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Alerts, Self::Grades, Self::Cases];

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Grades => "grades",
            Self::Cases => "cases",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Which events an endpoint is told of（订阅条件）.
#[doc(alias = "订阅条件")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Of these kinds.
    pub events: BTreeSet<EventKind>,
    /// Of alerts: as grave as this, or graver.
    pub alert_level: AlertLevel,
    /// Of grades: whose new level is this or a higher one.
    pub grade_level: RiskLevel,
    /// About subjects of these kinds; empty: of all.
    pub subject_kinds: BTreeSet<SubjectKind>,
    /// That lie in one of these zones; empty: in any.
    pub zones: BTreeSet<ZoneId>,
}

impl Filter {
    /// Whether an event passes, and as what; the engine is asked for zones only where they matter.
    pub(super) fn takes(&self, event: &OutEvent, engine: &RwLock<Engine>) -> Option<EventKind> {
        let kind = match event {
            OutEvent::Alert(moved) if moved.level <= self.alert_level => EventKind::Alerts,
            OutEvent::Grade(graded) if graded.level >= self.grade_level => EventKind::Grades,
            OutEvent::Case(_) => EventKind::Cases,
            OutEvent::Alert(_)
            | OutEvent::Grade(_)
            | OutEvent::DeadLetter(_)
            | OutEvent::Plan(_) => return None,
        };
        let subject = subject_of(event)?;
        let fits = self.events.contains(&kind)
            && (self.subject_kinds.is_empty() || self.subject_kinds.contains(&subject.kind()))
            && (self.zones.is_empty() || self.lies_in_one(event, &subject, engine));
        fits.then_some(kind)
    }

    fn lies_in_one(&self, event: &OutEvent, subject: &Subject, engine: &RwLock<Engine>) -> bool {
        let engine = engine.read();
        let leads_here = |zone: &ZoneId| {
            let path = engine.taxonomy().zone_path(zone);
            path.iter().any(|zone| self.zones.contains(zone))
        };
        match event {
            OutEvent::Grade(graded) => graded.zones.iter().any(|zone| self.zones.contains(zone)),
            OutEvent::Case(change) => leads_here(&change.moved.case.zone),
            OutEvent::Alert(moved) => {
                let entry = engine.alert(&moved.alert);
                let named = entry.map(|entry| &entry.alert.zones);
                match named.filter(|zones| !zones.is_empty()) {
                    Some(zones) => zones.iter().any(leads_here),
                    None => match subject {
                        Subject::Zone(zone) => leads_here(zone),
                        Subject::Enterprise(_) | Subject::Site(_) | Subject::Cell(..) => {
                            let mut own = self.zones.iter();
                            own.any(|zone| engine.lies_in(subject, zone))
                        }
                        Subject::Product(_) | Subject::Sector(_) => false,
                    },
                }
            }
            OutEvent::DeadLetter(_) | OutEvent::Plan(_) => false,
        }
    }
}

/// Whom an event is about; nobody is the subject of a dead letter or a plan.
pub(super) fn subject_of(event: &OutEvent) -> Option<Subject> {
    match event {
        OutEvent::Alert(moved) => Some(moved.subject.clone()),
        OutEvent::Grade(graded) => Some(graded.subject.clone()),
        OutEvent::Case(change) => Some(change.moved.case.key.subject()),
        OutEvent::DeadLetter(_) | OutEvent::Plan(_) => None,
    }
}

/// Where events go, which, and how（投递端点）. URL and secrets do not print.
#[doc(alias = "投递端点")]
#[derive(Clone)]
pub struct Endpoint {
    /// Its name in ids, metrics and lists.
    pub name: String,
    /// What it understands.
    pub kind: EndpointKind,
    /// Where it is; may hold a secret.
    pub url: String,
    /// What requests are signed with: of a webhook each, of a DingTalk robot the first.
    pub secrets: Vec<Vec<u8>>,
    /// Which events.
    pub filter: Filter,
    /// Private networks that it may lie in.
    pub allow_networks: Vec<Network>,
    /// The authority behind its certificate, in PEM; none: the public ones.
    pub authority: Option<Vec<u8>>,
    /// How long a request may take, answer included.
    pub timeout: Duration,
    /// The longest body that it is sent.
    pub max_body_bytes: usize,
    /// How often, and how long after a failure.
    pub pace: Pace,
    /// An endpoint that is new here is told of everything since the ledger's beginning.
    pub from_beginning: bool,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("filter", &self.filter)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// A rule that an endpoint's settings break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} {rule}")]
pub struct EndpointError {
    /// Which setting.
    pub key: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

/// Reads secrets, one a line: `whsec_` and base64 as Standard Webhooks writes them, or any other text as it is.
pub fn read_secrets(text: &str) -> Result<Vec<Vec<u8>>, EndpointError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secret = |line: &str| match line.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_error| EndpointError {
            key: "secret",
            rule: "must be base64 after whsec_",
        }),
        None => Ok(line.as_bytes().to_vec()),
    };
    lines.map(secret).collect()
}

impl Endpoint {
    /// Fails where a setting breaks a rule that no type tells.
    pub fn validated(self) -> Result<Self, EndpointError> {
        let broken = |key, rule| Err(EndpointError { key, rule });
        if !is_endpoint_name(&self.name) {
            return broken(
                "its name",
                "must be 1 to 40 lower-case letters, digits and dashes",
            );
        }
        let Ok(uri) = self.url.parse::<Uri>() else {
            return broken("url", "must be a URL");
        };
        let (scheme, authority) = (uri.scheme_str(), uri.authority());
        let Some(authority) = authority.filter(|_| matches!(scheme, Some("https" | "http"))) else {
            return broken("url", "must begin with https:// or http:// and a host");
        };
        if authority.as_str().contains('@') {
            return broken("url", "must name no user: requests are signed instead");
        }
        if scheme == Some("http") && self.allow_networks.is_empty() {
            let rule = "must be https, or lead into a network that allow_networks names";
            return broken("url", rule);
        }
        match self.kind {
            EndpointKind::Webhook => {
                if self.secrets.is_empty() {
                    return broken(
                        "secret, or secret_file,",
                        "must hold what requests are signed with",
                    );
                }
                if self
                    .secrets
                    .iter()
                    .any(|secret| secret.len() < SECRET_BYTES)
                {
                    return broken(
                        "secret",
                        "must have at least 24 bytes; `openssl rand -base64 32` makes one",
                    );
                }
            }
            EndpointKind::Dingtalk => {
                if self.secrets.len() > 1 {
                    return broken("secret", "must be one: a robot knows no second");
                }
            }
            EndpointKind::Wecom | EndpointKind::Alertmanager => {
                if !self.secrets.is_empty() {
                    return broken("secret", "must be absent: such an endpoint checks none");
                }
            }
        }
        if self.filter.events.is_empty() {
            return broken("events", "must name at least one of alerts, grades, cases");
        }
        let alerts_only = self.filter.events == BTreeSet::from([EventKind::Alerts]);
        if self.kind == EndpointKind::Alertmanager && !alerts_only {
            return broken(
                "events",
                "must be [\"alerts\"]: Alertmanager takes nothing else",
            );
        }
        let pace = &self.pace;
        if pace.per_minute == 0 || pace.park_after == 0 || pace.give_up_after == 0 {
            return broken(
                "per_minute, park_after and give_up_after",
                "must be at least 1",
            );
        }
        if pace.first_wait.is_zero() || pace.longest_wait < pace.first_wait {
            return broken("first_wait", "must be above 0 and at most longest_wait");
        }
        if self.timeout.is_zero() || self.max_body_bytes == 0 {
            return broken("timeout and max_body_bytes", "must be above 0");
        }
        Ok(self)
    }
}
