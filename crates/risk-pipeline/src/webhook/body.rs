//! What is sent to an endpoint（投递内容）, by what it understands.

use super::endpoint::{Endpoint, EndpointKind};
use crate::wire::event::message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use risk_domain::time::Timestamp;
use risk_engine::{AlertMoved, AlertState};
use risk_store::OutEvent;
use serde_json::{Value, json};
use sha2::Sha256;

/// Longest text of a message to a chat robot, in bytes: WeCom takes 2048.
const TEXT_BYTES: usize = 2_000;
/// How long an alert stands at Alertmanager that is not told to be over: it takes what has no end for
/// over after five minutes, and is told of an alert only when it changes.
const STANDS_MILLIS: i64 = 10 * 365 * 86_400_000;

/// A request that is ready to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Which event, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addressed<'a> {
    pub(super) shard: u16,
    pub(super) entry: u64,
    /// The delivery's id.
    pub(super) id: &'a str,
    pub(super) event: &'a OutEvent,
}

/// The request that brings an event to an endpoint, signed as of `now`; else why it cannot be sent.
pub(super) fn request(
    endpoint: &Endpoint,
    what: Addressed<'_>,
    now: Timestamp,
) -> Result<Request, String> {
    let made = made(endpoint, what, now)?;
    let (bytes, most) = (made.body.len(), endpoint.max_body_bytes);
    if bytes > most {
        return Err(format!(
            "it has {bytes} bytes, and max_body_bytes is {most}"
        ));
    }
    Ok(made)
}

fn made(endpoint: &Endpoint, what: Addressed<'_>, now: Timestamp) -> Result<Request, String> {
    match endpoint.kind {
        EndpointKind::Webhook => webhook(endpoint, what, now),
        EndpointKind::Dingtalk => Ok(Request {
            url: dingtalk_url(endpoint, now),
            headers: vec![("content-type", "application/json".to_owned())],
            body: robot(what.event),
        }),
        EndpointKind::Wecom => Ok(Request {
            url: endpoint.url.clone(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: robot(what.event),
        }),
        EndpointKind::Alertmanager => {
            let OutEvent::Alert(moved) = what.event else {
                return Err("Alertmanager takes alerts only".to_owned());
            };
            Ok(Request {
                url: endpoint.url.clone(),
                headers: vec![("content-type", "application/json".to_owned())],
                body: alertmanager(moved, now).to_string().into_bytes(),
            })
        }
    }
}

/// HMAC-SHA256; a key of any length is one.
fn hmac(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().to_vec())
}

/// The `webhook-signature` of Standard Webhooks 1.0: a signature by each secret, so that one can be
/// replaced while receivers still know the other.
pub(super) fn signature(secrets: &[Vec<u8>], id: &str, seconds: i64, body: &[u8]) -> String {
    let seconds = seconds.to_string();
    let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    let signed = secrets.iter().filter_map(|secret| hmac(secret, &parts));
    let signed: Vec<String> = signed
        .map(|mac| format!("v1,{}", STANDARD.encode(mac)))
        .collect();
    signed.join(" ")
}

fn webhook(endpoint: &Endpoint, what: Addressed<'_>, now: Timestamp) -> Result<Request, String> {
    let message = message(what.shard, what.entry, what.event);
    let message = message.map_err(|error| format!("it has no JSON: {error}"))?;
    let kind = (message.outlet.code(), message.outlet.content_type());
    Ok(signed(endpoint, what.id, kind, message.value, now))
}

/// A signed request: what it brings, its media type, its body.
pub(super) fn signed(
    endpoint: &Endpoint,
    id: &str,
    (event, content_type): (&str, &str),
    body: Vec<u8>,
    now: Timestamp,
) -> Request {
    let seconds = now.millis().div_euclid(1000);
    let signature = signature(&endpoint.secrets, id, seconds, &body);
    Request {
        url: endpoint.url.clone(),
        headers: vec![
            ("content-type", content_type.to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
            ("spotcheck-event", event.to_owned()),
        ],
        body,
    }
}

/// The robot's URL with its signature（加签）: HMAC-SHA256 of time in milliseconds and secret, by the secret.
fn dingtalk_url(endpoint: &Endpoint, now: Timestamp) -> String {
    let Some(secret) = endpoint.secrets.first() else {
        return endpoint.url.clone();
    };
    let millis = now.millis().to_string();
    let signed = hmac(secret, &[millis.as_bytes(), b"\n", secret]).unwrap_or_default();
    let signed = STANDARD.encode(signed);
    // What base64 has besides letters and digits.
    let signed = signed
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let joint = if endpoint.url.contains('?') { '&' } else { '?' };
    format!("{}{joint}timestamp={millis}&sign={signed}", endpoint.url)
}

/// A text message, as robots of DingTalk and of WeCom take it.
fn robot(event: &OutEvent) -> Vec<u8> {
    let content = shortened(&sentences(event), TEXT_BYTES);
    json!({"msgtype": "text", "text": {"content": content}})
        .to_string()
        .into_bytes()
}

/// A text of at most `most` bytes, cut between characters.
fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mark = '…';
    let room = most.saturating_sub(mark.len_utf8());
    let mut kept = String::new();
    for letter in text.chars() {
        if kept.len() + letter.len_utf8() > room {
            break;
        }
        kept.push(letter);
    }
    kept.push(mark);
    kept
}

/// An event for people: what it is, about whom, why, in Chinese and then in English.
fn sentences(event: &OutEvent) -> String {
    match event {
        OutEvent::Alert(moved) => format!(
            "【Spotcheck 预警】{}级 · {}\n对象：{}\n{}\n{}\n编号：{}",
            level_zh(moved),
            moved.state.zh(),
            moved.subject,
            moved.reason_zh,
            moved.reason_en,
            moved.alert
        ),
        OutEvent::Grade(assessment) => format!(
            "【Spotcheck 风险等级】{}（{}）\n对象：{}\n不合格概率：{:.1}%（95% 区间 {:.1}%–{:.1}%）",
            assessment.level.zh(),
            assessment.level,
            assessment.subject,
            assessment.probability * 100.0,
            assessment.interval.lower * 100.0,
            assessment.interval.upper * 100.0
        ),
        OutEvent::Case(change) => {
            let case = &change.moved.case;
            let last = case.events.last();
            let last = last.map_or("", |event| event.what.code());
            format!(
                "【Spotcheck 案件】{} · {}\n对象：{}\n{last}\n编号：{}",
                case.state.kind().zh(),
                case.state.code(),
                case.key.subject(),
                case.id
            )
        }
        OutEvent::DeadLetter(letter) => {
            let summary = &letter.summary;
            format!("【Spotcheck 死信】{} · {}", summary.code, summary.field)
        }
        OutEvent::Plan(moved) => {
            format!(
                "【Spotcheck 抽样计划】{} · {}",
                moved.plan,
                moved.known.state()
            )
        }
    }
}

fn level_zh(moved: &AlertMoved) -> &'static str {
    use risk_domain::scales::AlertLevel;
    match moved.level {
        AlertLevel::One => "一",
        AlertLevel::Two => "二",
        AlertLevel::Three => "三",
        AlertLevel::Four => "四",
    }
}

/// The alert as Alertmanager's API v2 takes it. Its labels are what tells one alert from another there,
/// and routes go by the level: where that changed, the alert of the level before is over.
fn alertmanager(moved: &AlertMoved, now: Timestamp) -> Value {
    // Of data from the future nothing is said that Alertmanager would wait for.
    let at = moved.at.min(now);
    let ends = |over: bool| {
        if over {
            at
        } else {
            now.plus_millis(STANDS_MILLIS)
        }
    };
    let labels = |level: &str| {
        json!({
            "alertname": "SpotcheckAlert",
            "alert_id": moved.alert.as_str(),
            "subject": moved.subject.to_string(),
            "subject_kind": moved.subject.kind().code(),
            "hazard": moved.hazard.as_ref().map_or("", |hazard| hazard.as_str()),
            "level": level,
        })
    };
    let stated = |level: &str, over: bool| {
        json!({
            "labels": labels(level),
            "annotations": {
                "summary": moved.reason_en,
                "summary_zh": moved.reason_zh,
                "state": moved.state.code(),
                "raises": moved.raises.to_string(),
            },
            "startsAt": at.to_string(),
            "endsAt": ends(over).to_string(),
        })
    };
    let now = stated(moved.level.code(), moved.state == AlertState::Closed);
    match moved.before {
        Some((_, level)) if level != moved.level => json!([stated(level.code(), true), now]),
        Some(_) | None => json!([now]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::tests::{alert, endpoint};
    use risk_domain::scales::AlertLevel;

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The example of the specification's own libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &[secret.clone(), secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b"{\"test\": 2432232314}",
        );
        let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed, format!("{one} {one}"));
    }

    #[test]
    fn a_webhook_carries_the_event_as_the_topic_does() {
        let endpoint = endpoint(EndpointKind::Webhook, "https://example.org/hook");
        let event = OutEvent::Alert(Box::new(alert(AlertLevel::Two, None, AlertState::Open)));
        let what = Addressed {
            shard: 0,
            entry: 41,
            id: "ops_0-41",
            event: &event,
        };
        let now = Timestamp::from_millis(1_700_000_000_999);
        let made = request(&endpoint, what, now).unwrap();
        assert_eq!(made.body, message(0, 41, &event).unwrap().value);
        let limited = |max_body_bytes| Endpoint {
            max_body_bytes,
            ..endpoint.clone()
        };
        let bytes = made.body.len();
        assert!(request(&limited(bytes), what, now).is_ok());
        let refused = request(&limited(bytes - 1), what, now).err();
        let most = bytes - 1;
        let why = format!("it has {bytes} bytes, and max_body_bytes is {most}");
        assert_eq!(refused, Some(why));
        let header = |name| {
            let found = made.headers.iter().find(|(known, _)| *known == name);
            found.unwrap().1.clone()
        };
        assert_eq!(header("webhook-id"), "ops_0-41");
        assert_eq!(header("webhook-timestamp"), "1700000000");
        assert_eq!(header("spotcheck-event"), "alerts");
        let signed = signature(&endpoint.secrets, "ops_0-41", 1_700_000_000, &made.body);
        assert_eq!(header("webhook-signature"), signed);
    }

    #[test]
    fn a_robots_url_is_signed_and_its_text_cut_between_characters() {
        let mut endpoint = endpoint(
            EndpointKind::Dingtalk,
            "https://example.org/robot?access_token=t",
        );
        endpoint.secrets = vec![b"this is secret".to_vec()];
        let url = dingtalk_url(&endpoint, Timestamp::from_millis(1_577_262_236_757));
        // Computed by Python's hmac, base64 and urllib.
        let expected = "https://example.org/robot?access_token=t&timestamp=1577262236757\
                        &sign=hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D";
        assert_eq!(url, expected);
        let long = "义".repeat(1000);
        let cut = shortened(&long, TEXT_BYTES);
        assert!(
            cut.len() <= TEXT_BYTES && cut.ends_with("义…"),
            "{}",
            cut.len()
        );
        assert_eq!(shortened("义乌", 6), "义乌");
        let event = OutEvent::Alert(Box::new(alert(AlertLevel::One, None, AlertState::Open)));
        let sent: Value = serde_json::from_slice(&robot(&event)).unwrap();
        let text = sent["text"]["content"].as_str().unwrap();
        assert!(
            text.contains("一级") && text.contains("enterprise:E1"),
            "{text}"
        );
    }

    #[test]
    fn alertmanager_is_told_when_an_alert_is_over_and_when_its_level_changed() {
        let now = Timestamp::parse("2026-03-02T00:00:00Z").unwrap();
        let opened = alertmanager(&alert(AlertLevel::Three, None, AlertState::Open), now);
        assert_eq!(opened.as_array().unwrap().len(), 1);
        assert!(opened[0]["endsAt"].as_str().unwrap() > "2036-01-01");
        let graver = Some((AlertState::Open, AlertLevel::Three));
        let escalated = alertmanager(&alert(AlertLevel::One, graver, AlertState::Open), now);
        assert_eq!(escalated[0]["labels"], opened[0]["labels"]);
        assert_eq!(escalated[0]["endsAt"], "2026-03-01T00:00:00Z");
        assert_eq!(escalated[1]["labels"]["level"], "one");
        let stood = Some((AlertState::Open, AlertLevel::One));
        let closed = alertmanager(&alert(AlertLevel::One, stood, AlertState::Closed), now);
        assert_eq!(closed[0]["labels"], escalated[1]["labels"]);
        assert_eq!(closed[0]["endsAt"], closed[0]["startsAt"]);
        let early = Timestamp::parse("2026-02-01T00:00:00Z").unwrap();
        let ahead = alertmanager(&alert(AlertLevel::One, stood, AlertState::Closed), early);
        assert_eq!(
            ahead[0]["endsAt"], "2026-02-01T00:00:00Z",
            "data from the future"
        );
    }
}
