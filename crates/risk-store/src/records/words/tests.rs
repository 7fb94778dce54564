use super::*;
use crate::ledger::EntryKind;
use crate::records::Record;
use risk_domain::alert_action::AlertAction;
use risk_domain::decision::{Actor, Command, Order};
use risk_domain::ids::{ActorId, AlertId, CommandId};
use risk_domain::personal::ErasureRule;
use risk_domain::scales::{AlertLevel, Role};
use risk_domain::time::Timestamp;
use risk_engine::{
    AlertMoved, AlertRule, AlertState, Epoch, ResultsRaised, SignalRaised, SourcePartition,
};
use std::collections::BTreeSet;

const NAME: &str = "张记玩具商行";

fn alert(rule: AlertRule) -> Alert {
    Alert {
        id: AlertId::new("a1").unwrap(),
        subject: "enterprise:E1".parse().unwrap(),
        zone: None,
        hazard: None,
        rule,
        level: AlertLevel::Two,
        raised_at: Timestamp::from_millis(9),
        inspection_id: None,
        reason_zh: format!("供应商{NAME}供货"),
        reason_en: format!("supplied by {NAME}"),
    }
}

fn moved(cause: MoveCause) -> Effect {
    let of = alert(AlertRule::SupplyPath);
    Effect::AlertMoved(Box::new(AlertMoved {
        alert: of.id,
        subject: of.subject,
        hazard: None,
        at: of.raised_at,
        cause,
        before: None,
        state: AlertState::Open,
        level: of.level,
        raises: 1,
        snoozed_until: None,
        disposition: None,
        reason_zh: of.reason_zh,
        reason_en: of.reason_en,
    }))
}

fn effects(rule: AlertRule) -> Vec<Effect> {
    let raised = || MoveCause::Raised {
        raise: AlertId::new("a1").unwrap(),
        rule,
        inspection_id: None,
        signals: Vec::new(),
    };
    let decided = MoveCause::Decided {
        command_id: CommandId::new("K1").unwrap(),
        kind: "note".to_owned(),
        actor: actor(),
        reason: format!("{NAME}来电"),
    };
    vec![
        Effect::AlertRaised(Box::new(alert(rule))),
        Effect::SignalRaised(Box::new(SignalRaised {
            signals: Vec::new(),
            alert: alert(rule),
        })),
        Effect::ResultsRaised(Box::new(ResultsRaised {
            inspections: Vec::new(),
            alert: alert(rule),
        })),
        moved(raised()),
        moved(decided),
        moved(MoveCause::SnoozeEnded),
        Effect::EpochClosed(Epoch(3)),
    ]
}

fn actor() -> Actor {
    Actor {
        id: ActorId::new("330782-017").unwrap(),
        role: Role::Officer,
    }
}

fn holds(section: &[u8]) -> bool {
    let name = NAME.as_bytes();
    section.windows(name.len()).any(|part| part == name)
}

fn entry<'a>(kind: RecordKind, facts: &'a [u8], party: &'a [u8], decision: &'a [u8]) -> Entry<'a> {
    Entry {
        kind: EntryKind(kind as u8),
        actor: "",
        facts,
        party,
        personal: b"",
        decision,
    }
}

#[test]
fn the_words_of_every_effect_stand_with_the_party_alone_and_come_back() {
    for rule in AlertRule::ALL {
        for effect in effects(rule) {
            let mut bytes = vec![7];
            let mut given = effect.clone();
            let party_ends = encode_effect(&mut bytes, &mut given).unwrap();
            assert_eq!(given, effect, "encoding changes nothing");
            let (party, decision) = (&bytes[1..party_ends], &bytes[party_ends..]);
            assert_eq!(decode_effect(5, party, decision).unwrap(), effect);
            let moves = matches!(effect, Effect::AlertMoved(_));
            let told = !matches!(effect, Effect::EpochClosed(_));
            let apart = moves || rule.names_others();
            assert_eq!(holds(party), told && apart, "{effect:?}");
            assert_eq!(holds(decision), told && !apart, "{effect:?}");
            let written = entry(RecordKind::Effect, b"", party, decision);
            assert!(are_apart(5, &written).unwrap());
            let words = shown(5, party, &effect).unwrap();
            assert_eq!(words.to_string().contains(NAME), told && apart, "{words}");
        }
    }
}

#[test]
fn a_ledger_of_the_first_form_reads_back_and_its_names_are_known_not_to_be_apart() {
    for effect in effects(AlertRule::SupplyPath) {
        let mut decision = Vec::new();
        compact(&mut decision, &effect).unwrap();
        assert_eq!(decode_effect(5, b"", &decision).unwrap(), effect);
        let written = entry(RecordKind::Effect, b"", b"", &decision);
        assert_eq!(are_apart(5, &written).unwrap(), !holds(&decision));
    }
}

#[test]
fn words_that_are_missing_or_too_many_are_refused() {
    let mut effect = Effect::AlertRaised(Box::new(alert(AlertRule::Recall)));
    let mut bytes = Vec::new();
    let party_ends = encode_effect(&mut bytes, &mut effect).unwrap();
    for count in [1, 3] {
        let mut other = Vec::new();
        compact(&mut other, &vec!["词"; count]).unwrap();
        let refused = decode_effect(5, &other, &bytes[party_ends..]).unwrap_err();
        assert!(refused.to_string().contains("words"), "{refused}");
    }
}

#[test]
fn what_an_officer_wrote_stands_apart_from_what_was_decided() {
    let record = CommandRecord {
        partition: SourcePartition {
            source: "intake".into(),
            partition: 0,
        },
        offset: 1,
        epoch: Epoch(2),
        late: false,
        told: Command {
            command_id: CommandId::new("K1").unwrap(),
            decided_at: Timestamp::from_millis(7),
            actor: actor(),
            reason: NAME.into(),
            order: Order::Alert {
                alert: AlertId::new("a1").unwrap(),
                action: AlertAction::Note,
            },
        },
    };
    let mut bytes = Vec::new();
    let ends = encode_command(&mut bytes, &record).unwrap();
    let (facts, party) = bytes.split_at(ends);
    assert!(!holds(facts) && holds(party));
    let written = entry(RecordKind::Command, facts, party, b"");
    assert!(are_apart(0, &written).unwrap());
    let again = Record::decode(0, &written).unwrap();
    assert_eq!(again, Record::Command(Box::new(record.clone())));
    let mut first = Vec::new();
    json(&mut first, &record.map(CommandV1::from)).unwrap();
    let written = entry(RecordKind::Command, &first, b"", b"");
    assert!(!are_apart(0, &written).unwrap());
    assert_eq!(Record::decode(0, &written).unwrap(), again);

    let erasure = Erasure {
        at: Timestamp::from_millis(8),
        actor: Some(actor().id),
        roles: BTreeSet::new(),
        means: None,
        request_id: None,
        rule: ErasureRule::ConsentWithdrawn,
        reason: NAME.into(),
        keys: Vec::new(),
        repeated: false,
    };
    let mut bytes = Vec::new();
    let ends = encode_erasure(&mut bytes, &erasure).unwrap();
    let (facts, party) = bytes.split_at(ends);
    assert!(!holds(facts) && holds(party));
    let written = entry(RecordKind::Erasure, facts, party, b"");
    assert!(are_apart(0, &written).unwrap());
    let again = Record::decode(0, &written).unwrap();
    assert_eq!(again, Record::Erasure(Box::new(erasure)));
}
