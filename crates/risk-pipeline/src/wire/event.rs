//! What goes out, as others read it: grades, alerts, cases, sampling lists, dead letters. The shapes are a contract; their
//! JSON Schemas lie in `docs/schema/` and are compared with these types by a test.

mod case;
mod list;

pub use case::{CaseDeadline, CaseEvent, CaseHappening};
pub use list::{DrawPublished, ListCommitment, ListEvent, ListLine};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use risk_engine::{AlertMoved, Assessment, MoveCause};
use risk_store::{DeadLetter, Disclosed, OutEvent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of every shape here.
const SCHEMA_VERSION: u8 = 1;
/// Bytes of a key and a value together that a broker takes by its default, with room for the
/// record's frame and headers.
const MAX_MESSAGE_BYTES: usize = 1_000_000;

/// Where a message goes; names are configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlet {
    /// Current grade of every subject; compacted.
    Grades,
    /// Alerts, as CloudEvents.
    Alerts,
    /// Rejected records, kept whole.
    DeadLetters,
    /// What happened in cases.
    Cases,
    /// What became of sampling plans, with the drawn lists once they are public.
    Lists,
}

impl Outlet {
    /// Every outlet.
    pub const ALL: [Self; 5] = [
        Self::Grades,
        Self::Alerts,
        Self::DeadLetters,
        Self::Cases,
        Self::Lists,
    ];

    /// Its name as a metric's label.
    pub fn code(self) -> &'static str {
        match self {
            Self::Grades => "grades",
            Self::Alerts => "alerts",
            Self::DeadLetters => "dead_letters",
            Self::Cases => "cases",
            Self::Lists => "lists",
        }
    }

    /// The media type of its values.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Grades | Self::DeadLetters | Self::Cases | Self::Lists => "application/json",
            Self::Alerts => "application/cloudevents+json; charset=UTF-8",
        }
    }
}

/// A message that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub outlet: Outlet,
    /// What it is filed under; none for a dead letter that had none.
    pub key: Option<Vec<u8>>,
    /// JSON in UTF-8.
    pub value: Vec<u8>,
}

/// One additive part of a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Code of the part.
    pub part: String,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// What it adds to the log-odds.
    pub log_odds: f64,
    /// The same in points: ten points double the odds.
    pub points: f64,
    /// What it says, as a Chinese sentence.
    pub reason_zh: String,
    /// The same in English.
    pub reason_en: String,
}

/// A decision of officers that gives a level（人工决定）.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionMade {
    /// The override or floor.
    pub command_id: String,
    /// The level that was estimated.
    pub estimated: String,
    /// Its last day.
    pub until: String,
    /// What it says, as a Chinese sentence.
    pub reason_zh: String,
    /// The same in English.
    pub reason_en: String,
}

/// A subject's recorded level changed（风险等级变化）.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "GradeEvent", extend("$id" = "grade.v1.json"))]
pub struct GradeEvent {
    /// Version of this shape.
    pub schema_version: u8,
    /// The same for the same event, however often it is sent: shard and ledger entry.
    pub event_id: String,
    /// The subject, as `kind:id`; the message's key.
    pub subject: String,
    /// Its kind.
    pub kind: String,
    /// Risk level: undetermined, low, medium, high, serious.
    pub level: String,
    /// The override or floor of officers that gives the level, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionMade>,
    /// The next level is likely enough to watch.
    pub watch: bool,
    /// Next to no own evidence: may steer sampling, never sanctions.
    pub inherited: bool,
    /// Probability that a randomly drawn batch fails now, 0 to 1.
    pub probability: f64,
    /// Lower and upper bound of that probability, with 95 %.
    pub interval: [f64; 2],
    /// Sum of the reasons in points: ten points double the odds.
    pub score: f64,
    /// The additive parts of the score.
    pub reasons: Vec<Reason>,
    /// Zones it was seen in, with everything they lie in.
    pub zones: Vec<String>,
    /// Sectors it was seen in.
    pub sectors: Vec<String>,
    /// Number of the epoch whose close concluded it: days since 1970-01-01 unless the policy's
    /// epochs are shorter.
    pub epoch: i64,
    /// Version of the policy.
    pub policy_version: String,
    /// SHA-256 of the policy.
    pub policy_hash: String,
    /// Version of the estimator.
    pub model_version: String,
}

/// An alert opened, or something of it changed（预警变动）, as a CloudEvent 1.0 in structured mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "AlertEvent", extend("$id" = "alert.v1.json"))]
pub struct AlertEvent {
    /// Version of CloudEvents.
    pub specversion: String,
    /// The same for the same event, however often it is sent: shard and ledger entry.
    pub id: String,
    /// Which shard says so.
    pub source: String,
    /// What happened: `spotcheck.alert.WHAT.v1`, WHAT being one of opened, raised_again, escalated,
    /// acknowledged, investigating, snoozed, woken, closing_proposed, closed, reopened and noted.
    pub r#type: String,
    /// The subject, as `kind:id`; the message's key.
    pub subject: String,
    /// When, in the data's time, RFC 3339.
    pub time: String,
    /// Media type of the data.
    pub datacontenttype: String,
    /// The alert as it stands now.
    pub data: AlertData,
}

/// How an alert stands, and what moved it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertData {
    /// Which alert: the same for all that happens to it, and what commands name.
    pub alert_id: String,
    /// Hazard, where the rules name one.
    pub hazard: Option<String>,
    /// State: open, acknowledged, investigating or closed.
    pub state: String,
    /// State before; none where it opened.
    pub state_before: Option<String>,
    /// Level: one (gravest) to four.
    pub level: String,
    /// Level before; none where it opened.
    pub level_before: Option<String>,
    /// How often it was raised by then.
    pub raises: u64,
    /// Who moved it: `officer:ID`, or `system:` and a rule.
    pub actor: String,
    /// The rule, where it was raised.
    pub rule: Option<String>,
    /// The record behind it, where it was raised by one.
    pub inspection_id: Option<String>,
    /// The signals behind it, where it was raised by some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signal_ids: Vec<String>,
    /// The command, where an officer decided.
    pub command_id: Option<String>,
    /// Until when it is quiet, if it is, RFC 3339.
    pub snoozed_until: Option<String>,
    /// What came of it; proposed while it is not closed.
    pub disposition: Option<String>,
    /// Why, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
}

/// A record was rejected（死信）. Bytes that are UTF-8 stand as text, others as base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "DeadLetter", extend("$id" = "dead-letter.v1.json"))]
pub struct DeadLetterEvent {
    /// Version of this shape.
    pub schema_version: u8,
    /// The same for the same rejection, however often it is sent: shard and ledger entry.
    pub event_id: String,
    /// Reason code, of the closed list in `docs/wire.md`.
    pub code: String,
    /// The field at fault, empty for the record as a whole.
    pub field: String,
    /// The value found there, shortened.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
    /// Where it was read.
    pub source: String,
    /// Its partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: u64,
    /// When the broker or the intake took it, RFC 3339.
    pub received_at: String,
    /// The record, if it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The record in base64, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_base64: Option<String>,
    /// Bytes of the record. Where neither of the two above is there, the record is too large for
    /// the topic and lies whole in the ledger, under the entry that `event_id` names.
    pub record_bytes: u64,
    /// The record's key, if it had one that is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The record's key in base64, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_base64: Option<String>,
    /// On which ground value, record and key were erased before this was sent, as in `docs/personal.md`; `unknown`
    /// where only their key is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<String>,
}

/// The message of an outgoing event of ledger entry `entry` in `shard`.
pub fn message(shard: u16, entry: u64, event: &OutEvent) -> serde_json::Result<Message> {
    let event_id = format!("{shard}-{entry}");
    match event {
        OutEvent::Grade(assessment) => Ok(Message {
            outlet: Outlet::Grades,
            key: Some(assessment.subject.to_string().into_bytes()),
            value: serde_json::to_vec(&grade(event_id, assessment))?,
        }),
        OutEvent::Alert(moved) => Ok(Message {
            outlet: Outlet::Alerts,
            key: Some(moved.subject.to_string().into_bytes()),
            value: serde_json::to_vec(&alert(shard, event_id, moved))?,
        }),
        OutEvent::DeadLetter(letter) => dead_letter(event_id, letter),
        OutEvent::Case(change) => Ok(Message {
            outlet: Outlet::Cases,
            key: Some(change.moved.case.id.as_str().as_bytes().to_vec()),
            value: serde_json::to_vec(&case::case_event(event_id, change))?,
        }),
        OutEvent::Plan(moved) => list::list_message(event_id, moved),
    }
}

fn grade(event_id: String, assessment: &Assessment) -> GradeEvent {
    let reason = |(part, reason): (&risk_engine::Contribution, risk_engine::Reason)| Reason {
        part: part.part.code().to_owned(),
        zh: part.part.zh().to_owned(),
        en: part.part.en().to_owned(),
        log_odds: part.log_odds,
        points: part.points(),
        reason_zh: reason.zh,
        reason_en: reason.en,
    };
    let parts = assessment.contributions.iter().zip(assessment.reasons());
    GradeEvent {
        schema_version: SCHEMA_VERSION,
        event_id,
        subject: assessment.subject.to_string(),
        kind: assessment.subject.kind().code().to_owned(),
        level: assessment.level.code().to_owned(),
        decision: assessment.decision.as_ref().map(|decided| {
            let (reason_zh, reason_en) = decided.sentences();
            DecisionMade {
                command_id: decided.command_id.to_string(),
                estimated: decided.estimated.to_string(),
                until: decided.until.to_string(),
                reason_zh,
                reason_en,
            }
        }),
        watch: assessment.watch,
        inherited: assessment.inherited,
        probability: assessment.probability,
        interval: [assessment.interval.lower, assessment.interval.upper],
        score: assessment
            .contributions
            .iter()
            .map(risk_engine::Contribution::points)
            .sum(),
        reasons: parts.map(reason).collect(),
        zones: assessment.zones.iter().map(ToString::to_string).collect(),
        sectors: assessment.sectors.iter().map(ToString::to_string).collect(),
        epoch: assessment.epoch.0,
        policy_version: assessment.policy_version.to_string(),
        policy_hash: assessment.policy_hash.to_string(),
        model_version: assessment.model_version.to_string(),
    }
}

fn alert(shard: u16, event_id: String, moved: &AlertMoved) -> AlertEvent {
    let (rule, inspection_id, command_id) = match &moved.cause {
        MoveCause::Raised {
            rule,
            inspection_id,
            ..
        } => (Some(rule.code().to_owned()), inspection_id.as_ref(), None),
        MoveCause::Decided { command_id, .. } => (None, None, Some(command_id)),
        MoveCause::SnoozeEnded => (None, None, None),
    };
    AlertEvent {
        specversion: "1.0".to_owned(),
        id: event_id,
        source: format!("/spotcheck/shards/{shard}"),
        r#type: format!("spotcheck.alert.{}.v1", moved.what()),
        subject: moved.subject.to_string(),
        time: moved.at.to_string(),
        datacontenttype: "application/json".to_owned(),
        data: AlertData {
            alert_id: moved.alert.to_string(),
            hazard: moved.hazard.as_ref().map(ToString::to_string),
            state: moved.state.code().to_owned(),
            state_before: moved.before.map(|(state, _)| state.code().to_owned()),
            level: moved.level.code().to_owned(),
            level_before: moved.before.map(|(_, level)| level.code().to_owned()),
            raises: moved.raises,
            actor: moved.cause.actor(),
            rule,
            inspection_id: inspection_id.map(ToString::to_string),
            signal_ids: moved
                .cause
                .signals()
                .iter()
                .map(ToString::to_string)
                .collect(),
            command_id: command_id.map(ToString::to_string),
            snoozed_until: moved.snoozed_until.map(|until| until.to_string()),
            disposition: moved.disposition.clone(),
            reason_zh: moved.reason_zh.clone(),
            reason_en: moved.reason_en.clone(),
        },
    }
}

fn dead_letter(event_id: String, letter: &DeadLetter) -> serde_json::Result<Message> {
    let summary = &letter.summary;
    let (rejected, erased) = match &letter.rejected {
        Disclosed::Shown(rejected) => (Some(rejected), None),
        Disclosed::Gone(gone) => {
            let rule = gone
                .erasure
                .as_ref()
                .map(|(_, erasure)| erasure.rule.code());
            (None, Some(rule.unwrap_or("unknown").to_owned()))
        }
    };
    let key = rejected.and_then(|rejected| rejected.key.as_deref());
    let (record, record_base64) =
        rejected.map_or((None, None), |rejected| text_or_base64(&rejected.record));
    let (key_text, key_base64) = key.map_or((None, None), text_or_base64);
    let mut event = DeadLetterEvent {
        schema_version: SCHEMA_VERSION,
        event_id,
        code: summary.code.clone(),
        field: summary.field.clone(),
        value: rejected.map_or_else(String::new, |rejected| rejected.value.clone()),
        rule: summary.rule.clone(),
        source: summary.partition.source.to_string(),
        partition: summary.partition.partition,
        offset: summary.offset,
        received_at: summary.received_at.to_string(),
        record,
        record_base64,
        record_bytes: summary.bytes,
        key: key_text,
        key_base64,
        erased,
    };
    let mut value = serde_json::to_vec(&event)?;
    if value.len() + key.map_or(0, <[u8]>::len) > MAX_MESSAGE_BYTES {
        event.record = None;
        event.record_base64 = None;
        value = serde_json::to_vec(&event)?;
    }
    Ok(Message {
        outlet: Outlet::DeadLetters,
        key: key.map(<[u8]>::to_vec),
        value,
    })
}

fn text_or_base64(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// The JSON Schema of what goes to an outlet, as committed.
pub fn schema(outlet: Outlet) -> String {
    let schema = match outlet {
        Outlet::Grades => schemars::schema_for!(GradeEvent),
        Outlet::Alerts => schemars::schema_for!(AlertEvent),
        Outlet::DeadLetters => schemars::schema_for!(DeadLetterEvent),
        Outlet::Cases => schemars::schema_for!(CaseEvent),
        Outlet::Lists => schemars::schema_for!(ListEvent),
    };
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// File name of an outlet's schema in `docs/schema/`.
pub fn schema_file(outlet: Outlet) -> &'static str {
    match outlet {
        Outlet::Grades => "grade.v1.json",
        Outlet::Alerts => "alert.v1.json",
        Outlet::DeadLetters => "dead-letter.v1.json",
        Outlet::Cases => "case.v1.json",
        Outlet::Lists => "sampling-list.v1.json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use risk_domain::time::Timestamp;
    use risk_engine::SourcePartition;
    use risk_store::{Rejected, RejectionSummary};

    fn letter(record: &[u8], key: Option<&[u8]>) -> DeadLetterEvent {
        let summary = RejectionSummary {
            code: "unknown_zone".to_owned(),
            field: "site.zone_id".to_owned(),
            rule: "must be a zone of the reference data".to_owned(),
            partition: SourcePartition {
                source: "inspection.results".into(),
                partition: 3,
            },
            offset: 17,
            received_at: Timestamp::parse("2026-03-01T00:00:00.123Z").unwrap(),
            bytes: record.len() as u64,
        };
        let rejected = Disclosed::Shown(Rejected {
            value: "atlantis".to_owned(),
            key: key.map(<[u8]>::to_vec),
            record: record.to_vec(),
        });
        let event = OutEvent::DeadLetter(Box::new(DeadLetter { summary, rejected }));
        let message = message(2, 40, &event).unwrap();
        assert_eq!(message.outlet, Outlet::DeadLetters);
        assert_eq!(message.key.as_deref(), key);
        assert!(message.value.len() <= MAX_MESSAGE_BYTES);
        serde_json::from_slice(&message.value).unwrap()
    }

    #[test]
    fn text_stands_as_text_and_other_bytes_as_base64() {
        let text = letter("小熊".as_bytes(), None);
        assert_eq!(text.record.as_deref(), Some("小熊"));
        assert_eq!(
            (text.offset, text.partition, text.event_id.as_str()),
            (17, 3, "2-40")
        );
        let bytes = letter(&[0xFF, 0x00], Some(&[0xFE]));
        assert_eq!(bytes.record_base64.as_deref(), Some("/wA="));
        assert_eq!(bytes.key_base64.as_deref(), Some("/g=="));
    }

    #[test]
    fn a_record_too_large_for_the_topic_is_named_by_its_ledger_entry() {
        let large = letter(&vec![b'x'; MAX_MESSAGE_BYTES + 1], Some(b"k"));
        assert_eq!((large.record, large.record_base64), (None, None));
        assert_eq!(large.record_bytes, MAX_MESSAGE_BYTES as u64 + 1);
    }

    #[test]
    fn the_committed_schemas_are_those_of_the_types() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
        for outlet in Outlet::ALL {
            let file = folder.join(schema_file(outlet));
            let committed = std::fs::read_to_string(&file).unwrap();
            assert_eq!(
                committed,
                schema(outlet),
                "run: cargo run -p risk-pipeline --example write_schema"
            );
        }
    }

    proptest! {
        #[test]
        fn letters_keep_every_byte(
            record in proptest::collection::vec(any::<u8>(), 0..60),
            key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9)),
        ) {
            let letter = letter(&record, key.as_deref());
            let bytes = |text: Option<String>, base64: Option<String>| match (text, base64) {
                (Some(text), None) => Some(text.into_bytes()),
                (None, Some(base64)) => Some(STANDARD.decode(base64).unwrap()),
                (None, None) => None,
                (Some(_), Some(_)) => unreachable!("both ways at once"),
            };
            prop_assert_eq!(bytes(letter.record, letter.record_base64), Some(record));
            prop_assert_eq!(bytes(letter.key, letter.key_base64), key);
        }
    }
}
