//! Signals on the wire: version 1.
//!
//! Described for people in `docs/wire.md`, and for programs in `docs/schema/signal.v1.json`, which a
//! test holds equal to [`schema`].

use super::check::{Checked, Checker, Codes, Place, codes, id, optional_id, version};
use super::v1::Text;
use super::{Rejection, RejectionCode, Vocabulary, WireLimits, reject, text_of};
use risk_domain::inspection::Verdict;
use risk_domain::scales::{CreditRiskClass, Severity};
use risk_domain::signal::{Duty, DutyRecord, Reporter, Signal, SignalKind, SignalPersonal};
use risk_domain::time::{Day, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What is heard of an enterprise beside inspection results（风险信号）, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Signal", extend("$id" = "signal.v1.json"))]
struct Record<'a> {
    /// Version of the format: 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1))]
    schema_version: Option<i64>,
    /// Which signal（信号编号）, unique for ever: the same one sent twice is taken once.
    #[serde(borrow)]
    signal_id: Text<'a>,
    /// What kind of signal（信号类别）.
    #[serde(borrow)]
    #[schemars(schema_with = "kinds")]
    kind: Text<'a>,
    /// When it was heard of: RFC 3339 with an offset.
    #[serde(borrow)]
    #[schemars(extend("format" = "date-time"))]
    observed_at: Text<'a>,
    /// When what it tells happened（发生时间）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    occurred_at: Option<Text<'a>>,
    /// About whom（涉及企业）.
    #[serde(borrow)]
    enterprise_id: Text<'a>,
    /// At which of its sites（涉及场所）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    site_id: Option<Text<'a>>,
    /// In which zone（区域）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    zone_id: Option<Text<'a>>,
    /// About which product, a code of the catalogue（产品代码）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    product: Option<Text<'a>>,
    /// Which hazard（危害类型）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    hazard: Option<Text<'a>>,
    /// How grave the injury was or may be（伤害程度）, 1 to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4))]
    severity: Option<i64>,
    /// Who tells it（信号来源）.
    #[serde(borrow)]
    source: Text<'a>,
    /// What is told, without people's names（内容摘要）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    summary: Option<Text<'a>>,
    /// What an external check found; only of the kind `external_check`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "verdicts")]
    verdict: Option<Text<'a>>,
    /// The credit risk class; only of the kind `credit_class`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "classes")]
    credit_class: Option<Text<'a>>,
    /// Whether a complainant or reporter gave a name（是否实名）; only of the kinds `complaint` and `tip`. A named
    /// one is told what became of it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "reporters")]
    reporter: Option<Text<'a>>,
    /// What an enterprise put on record of its duty（主体责任记录）; only of the kind `duty_record`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    duty: Option<Fulfilled<'a>>,
    /// What is personal（个人信息）: kept apart, shown to nobody, and nothing follows from it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    personal: Option<Person<'a>>,
}

/// Records of a duty, for some days in a row.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fulfilled<'a> {
    /// Which duty（日管控、周排查、月调度）.
    #[serde(borrow)]
    #[schemars(schema_with = "duties")]
    kind: Text<'a>,
    /// The first day that it covers, as `2026-06-01`.
    #[serde(borrow)]
    #[schemars(extend("format" = "date"))]
    from: Text<'a>,
    /// The last day; at most 366 days after the first.
    #[serde(borrow)]
    #[schemars(extend("format" = "date"))]
    until: Text<'a>,
    /// Days on which a risk was found; on all others there was none（零风险）.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    risks: Vec<Text<'a>>,
}

/// Who complains or was hurt, and what they say.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the wire: a signal's `personal.person`"
)]
struct Person<'a> {
    /// Who（姓名）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    person: Option<Text<'a>>,
    /// How they are reached（联系方式）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    contact: Option<Text<'a>>,
    /// What they say（原话）.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    words: Option<Text<'a>>,
}

fn kinds(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = SignalKind::ALL.iter().map(|kind| kind.code()).collect();
    json_schema!({"type": "string", "enum": codes})
}

fn reporters(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = Reporter::ALL.iter().map(|one| one.code()).collect();
    json_schema!({"type": "string", "enum": codes})
}

fn duties(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = Duty::ALL.iter().map(|duty| duty.code()).collect();
    json_schema!({"type": "string", "enum": codes})
}

fn verdicts(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = Verdict::ALL.iter().map(|verdict| verdict.code()).collect();
    json_schema!({"type": "string", "enum": codes})
}

fn classes(_generator: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = CreditRiskClass::ALL
        .iter()
        .map(|class| class.code())
        .collect();
    json_schema!({"type": "string", "enum": codes})
}

/// Reads one signal of version 1. No time in it may lie more than [`WireLimits::max_ahead_millis`]
/// beyond `received_at`.
pub fn decode(
    bytes: &[u8],
    received_at: Timestamp,
    vocabulary: &dyn Vocabulary,
    limits: &WireLimits,
) -> Result<(Signal, SignalPersonal), Rejection> {
    let text = text_of(bytes, limits)?;
    match serde_json::from_str::<Record<'_>>(text) {
        Ok(record) => {
            let checker = Checker {
                received_at,
                vocabulary,
                limits,
            };
            Ok((signal(&record, &checker)?, personal(&record, &checker)?))
        }
        Err(_error) => Err(reject::explain::<Record<'_>>(text, limits)),
    }
}

fn signal(record: &Record<'_>, checker: &Checker<'_>) -> Checked<Signal> {
    version(record.schema_version)?;
    let kind = codes!(SignalKind, UnknownCode).read(Place::Field("kind"), &record.kind)?;
    fits(record, kind)?;
    let observed_at = checker.time("observed_at", &record.observed_at)?;
    let occurred_at = record.occurred_at.as_ref();
    let occurred_at = occurred_at
        .map(|text| checker.time("occurred_at", text))
        .transpose()?;
    if let (Some(at), Some(text)) = (occurred_at, &record.occurred_at)
        && at > observed_at
    {
        let rule = "must not lie after observed_at";
        let code = RejectionCode::TimeOrder;
        return Err(Rejection::new(code, "occurred_at", text, rule));
    }
    let place = Place::Field("product");
    let product = record.product.as_ref();
    let product = product
        .map(|text| checker.product_code(place, text))
        .transpose()?;
    let verdict = record.verdict.as_ref();
    let class = record.credit_class.as_ref();
    Ok(Signal {
        signal_id: id(Place::Field("signal_id"), &record.signal_id)?,
        kind,
        observed_at,
        occurred_at,
        enterprise_id: id(Place::Field("enterprise_id"), &record.enterprise_id)?,
        site_id: optional_id(Place::Field("site_id"), record.site_id.as_ref())?,
        zone_id: known(
            ("zone_id", "must be a zone of the reference data"),
            record.zone_id.as_ref(),
            (RejectionCode::UnknownZone, |zone| {
                checker.vocabulary.knows_zone(zone)
            }),
        )?,
        product,
        hazard: known(
            ("hazard", "must be a hazard of the reference data"),
            record.hazard.as_ref(),
            (RejectionCode::UnknownHazard, |hazard| {
                checker.vocabulary.knows_hazard(hazard)
            }),
        )?,
        severity: record.severity.map(severity).transpose()?,
        source: checker.text(Place::Field("source"), &record.source)?,
        summary: checker.optional_text(Place::Field("summary"), record.summary.as_ref())?,
        verdict: verdict
            .map(|text| codes!(Verdict, UnknownCode).read(Place::Field("verdict"), text))
            .transpose()?,
        credit_class: class
            .map(|text| {
                codes!(CreditRiskClass, UnknownCode).read(Place::Field("credit_class"), text)
            })
            .transpose()?,
        reporter: record
            .reporter
            .as_ref()
            .map(|text| codes!(Reporter, UnknownCode).read(Place::Field("reporter"), text))
            .transpose()?,
        duty: record.duty.as_ref().map(duty).transpose()?,
    })
}

/// What only some kinds have, they have.
fn fits(record: &Record<'_>, kind: SignalKind) -> Checked<()> {
    let fits = |field: &'static str, value: Option<&Text<'_>>, of: SignalKind| {
        let rule = |rule: &str| format!("{rule} a signal of the kind {kind}");
        match value {
            Some(value) if kind != of => Err(Rejection::new(
                RejectionCode::Contradiction,
                field,
                value,
                rule("must be absent from"),
            )),
            None if kind == of => Err(Rejection::new(
                RejectionCode::MissingField,
                field,
                "",
                rule("must be present in"),
            )),
            Some(_) | None => Ok(()),
        }
    };
    fits(
        "verdict",
        record.verdict.as_ref(),
        SignalKind::ExternalCheck,
    )?;
    fits(
        "credit_class",
        record.credit_class.as_ref(),
        SignalKind::CreditClass,
    )?;
    let kind_of_duty = record.duty.as_ref().map(|duty| &duty.kind);
    fits("duty", kind_of_duty, SignalKind::DutyRecord)?;
    match &record.reporter {
        Some(text) if !matches!(kind, SignalKind::Complaint | SignalKind::Tip) => {
            let rule = format!("must be absent from a signal of the kind {kind}");
            let code = RejectionCode::Contradiction;
            Err(Rejection::new(code, "reporter", text, rule))
        }
        Some(_) | None => Ok(()),
    }
}

/// The longest stretch of days that one record of duty covers.
const LONGEST_DUTY: i32 = 366;

fn duty(told: &Fulfilled<'_>) -> Checked<DutyRecord> {
    let day = |field: &'static str, text: &str| {
        text.parse::<Day>()
            .map_err(|error| Rejection::new(RejectionCode::BadTime, field, text, error.to_string()))
    };
    let (from, until) = (
        day("duty.from", &told.from)?,
        day("duty.until", &told.until)?,
    );
    if until < from || until > from.plus(LONGEST_DUTY) {
        let rule = format!("must not lie before duty.from, nor {LONGEST_DUTY} days after it");
        let code = RejectionCode::TimeOrder;
        return Err(Rejection::new(code, "duty.until", &told.until, rule));
    }
    let mut risks = Vec::with_capacity(told.risks.len().min(LONGEST_DUTY as usize));
    for text in &told.risks {
        let risk = day("duty.risks", text)?;
        if risk < from || risk > until {
            let rule = "must lie between duty.from and duty.until";
            return Err(Rejection::new(
                RejectionCode::OutOfRange,
                "duty.risks",
                text,
                rule,
            ));
        }
        risks.push(risk);
    }
    risks.sort();
    risks.dedup();
    Ok(DutyRecord {
        duty: codes!(Duty, UnknownCode).read(Place::Field("duty.kind"), &told.kind)?,
        from,
        until,
        risks,
    })
}

/// An identifier that the reference data know.
fn known<T: TryFrom<compact_str::CompactString, Error = risk_domain::ids::IdError>>(
    (field, rule): (&'static str, &'static str),
    text: Option<&Text<'_>>,
    (code, knows): (RejectionCode, impl Fn(&str) -> bool),
) -> Checked<Option<T>> {
    match text {
        Some(text) if !knows(text) => Err(Rejection::new(code, field, text, rule)),
        text => optional_id(Place::Field(field), text),
    }
}

fn severity(value: i64) -> Checked<Severity> {
    let severity = u8::try_from(value).ok();
    let severity = severity.and_then(|value| Severity::try_from(value).ok());
    severity.ok_or_else(|| {
        let rule = "must be 1, 2, 3 or 4";
        Rejection::new(
            RejectionCode::OutOfRange,
            "severity",
            &value.to_string(),
            rule,
        )
    })
}

fn personal(record: &Record<'_>, checker: &Checker<'_>) -> Checked<SignalPersonal> {
    let Some(person) = &record.personal else {
        return Ok(SignalPersonal::default());
    };
    let text = |place, text: Option<&Text<'_>>| checker.optional_text(Place::Field(place), text);
    Ok(SignalPersonal {
        person: text("personal.person", person.person.as_ref())?,
        contact: text("personal.contact", person.contact.as_ref())?,
        words: text("personal.words", person.words.as_ref())?,
    })
}

/// Writes a signal in version 1. [`decode`] gives the same back.
pub fn encode(signal: &Signal, personal: &SignalPersonal) -> Vec<u8> {
    let observed_at = signal.observed_at.to_string();
    let occurred_at = signal.occurred_at.map(|at| at.to_string());
    let lend = |text: &'static str| -> Text<'_> { text.into() };
    let record = Record {
        schema_version: Some(1),
        signal_id: signal.signal_id.as_str().into(),
        kind: signal.kind.code().into(),
        observed_at: observed_at.as_str().into(),
        occurred_at: occurred_at.as_deref().map(Into::into),
        enterprise_id: signal.enterprise_id.as_str().into(),
        site_id: signal.site_id.as_ref().map(|id| id.as_str().into()),
        zone_id: signal.zone_id.as_ref().map(|id| id.as_str().into()),
        product: signal.product.as_ref().map(|id| id.as_str().into()),
        hazard: signal.hazard.as_ref().map(|id| id.as_str().into()),
        severity: signal.severity.map(|severity| i64::from(severity.get())),
        source: signal.source.as_str().into(),
        summary: signal.summary.as_deref().map(Into::into),
        verdict: signal.verdict.map(|verdict| lend(verdict.code())),
        credit_class: signal.credit_class.map(|class| lend(class.code())),
        reporter: signal.reporter.map(|reporter| lend(reporter.code())),
        duty: signal.duty.as_ref().map(|duty| Fulfilled {
            kind: duty.duty.code().into(),
            from: duty.from.to_string().into(),
            until: duty.until.to_string().into(),
            risks: duty
                .risks
                .iter()
                .map(|day| day.to_string().into())
                .collect(),
        }),
        personal: (!personal.is_empty()).then(|| Person {
            person: personal.person.as_deref().map(Into::into),
            contact: personal.contact.as_deref().map(Into::into),
            words: personal.words.as_deref().map(Into::into),
        }),
    };
    // Writing plain structs with text keys to memory has no way to fail.
    serde_json::to_vec(&record).unwrap_or_default()
}

/// The JSON Schema of version 1, as it is committed: indented, with a final newline.
pub fn schema() -> String {
    super::written_schema(&schemars::schema_for!(Record<'static>))
}
