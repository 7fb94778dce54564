//! What the ledger holds of people: sealed, readable by whoever may, erased for good, and nothing else changes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use risk_domain::ids::{ActorId, EnterpriseId, SignalId};
use risk_domain::personal::{Erasure, ErasureRule, KeyId, PersonalKind};
use risk_domain::scales::Role;
use risk_domain::signal::{Signal, SignalKind, SignalPersonal};
use risk_domain::time::Timestamp;
use risk_engine::{Input, Policy, SourcePartition, StateHash, Taxonomy};
use risk_store::ledger::{DisclosedSection, Section};
use risk_store::{
    DeadLetterQuery, Disclosed, Opened, Positions, Record, Rejection, SignalRecord, Store,
    StoreOptions, Ticket, Told, backup, restore,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn now() -> Timestamp {
    at("2026-11-28T08:00:00+08:00")
}

/// A data directory and its secrets, side by side.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn store(&self, data: &Path) -> Store {
        let options = StoreOptions {
            secrets_dir: Some(self.0.path().join("secrets")),
            ..StoreOptions::default()
        };
        let policy = Arc::new(Policy::builtin().unwrap());
        Store::at(data, options, policy, Taxonomy::default())
    }

    fn open(&self) -> Town {
        Town(self.store(&self.data()).open().unwrap())
    }
}

/// An open store with somebody who tells it things.
struct Town(Opened);

fn feed() -> SourcePartition {
    SourcePartition {
        source: "signals".into(),
        partition: 0,
    }
}

impl Town {
    /// A complaint about an enterprise.
    fn hears(&mut self, id: &str, day: &str, (person, contact, words): (&str, &str, &str)) {
        let signal = Signal {
            signal_id: SignalId::new(id).unwrap(),
            kind: SignalKind::Complaint,
            observed_at: at(&format!("{day}T10:00:00+08:00")),
            occurred_at: None,
            enterprise_id: EnterpriseId::new("E1").unwrap(),
            site_id: None,
            zone_id: None,
            product: None,
            hazard: None,
            severity: None,
            source: "12315".into(),
            summary: Some("投诉玩具".into()),
            verdict: None,
            credit_class: None,
            reporter: None,
            duty: None,
        };
        let partition = feed();
        let step = self.0.engine.step(&Input::Signal {
            partition: &partition,
            signal: &signal,
        });
        let risk_engine::Outcome::Accepted(accepted) = step.outcome else {
            panic!("{:?}", step.outcome);
        };
        let text = |text: &str| Some(text.into()).filter(|_| !text.is_empty());
        let record = SignalRecord {
            heard: Told {
                partition,
                offset: 0,
                epoch: accepted.epoch.unwrap(),
                late: accepted.late,
                told: signal,
            },
            personal: SignalPersonal {
                person: text(person),
                contact: text(contact),
                words: text(words),
            },
        };
        self.0.writer.append_signal(&record).unwrap();
        self.0.writer.append_effects(step.effects).unwrap();
    }

    fn rejects(&mut self, record: &str, value: &str) {
        let rejection = Rejection {
            code: "wrong_type".to_owned(),
            field: "personal.contact".to_owned(),
            value: value.to_owned(),
            rule: "must be a text".to_owned(),
            partition: feed(),
            offset: 1,
            received_at: at("2026-11-20T10:00:00+08:00"),
            key: Some(b"E1".to_vec()),
            record: record.as_bytes().to_vec(),
        };
        self.0.writer.append_rejection(&rejection).unwrap();
    }

    fn settle(&mut self) -> Ticket {
        let ticket = self
            .0
            .writer
            .commit(&Positions::new(), now(), risk_store::fresh_seed())
            .unwrap();
        self.0.writer.wait(ticket).unwrap();
        self.0.writer.wait_viewed(ticket).unwrap();
        ticket
    }

    fn entry(&self, id: &str) -> u64 {
        let id = SignalId::new(id).unwrap();
        self.0.reader.signal_entry(&id).unwrap().unwrap()
    }

    fn personal(&self, id: &str) -> Disclosed<SignalPersonal> {
        let found = self.0.reader.signal_personal(self.entry(id)).unwrap();
        found.unwrap().1
    }

    fn words(&self, id: &str) -> Option<String> {
        let said = self.personal(id).shown()?;
        said.words.map(|words| words.to_string())
    }

    /// All keys of whoever said this.
    fn keys(&self, id: &str) -> Vec<KeyId> {
        let key = self.0.reader.key_of_entry(self.entry(id)).unwrap().unwrap();
        self.0.reader.keys_of_same_person(key)
    }

    fn hash(&self) -> StateHash {
        self.0.engine.state_hash()
    }

    fn letter(&self) -> u64 {
        let page = self
            .0
            .reader
            .dead_letters(&DeadLetterQuery::default(), 10, None);
        page.unwrap().items.first().unwrap().entry
    }

    fn close(self) {
        self.0.writer.close().unwrap();
    }
}

fn asked_for(keys: Vec<KeyId>) -> Erasure {
    Erasure {
        at: now(),
        actor: Some(ActorId::new("admin-1").unwrap()),
        roles: [Role::Administrator].into(),
        means: Some("session".into()),
        request_id: Some("r-1".into()),
        rule: ErasureRule::ConsentWithdrawn,
        reason: "asked for in writing".into(),
        keys,
        repeated: false,
    }
}

const WANG: (&str, &str, &str) = ("王小芳", "13800001111", "孩子差点吞下去了");
const LI: (&str, &str, &str) = ("李强", "13900002222", "油漆味道很大");

fn town(home: &Home) -> Town {
    let mut town = home.open();
    town.hears("S1", "2026-11-01", WANG);
    town.hears("S2", "2026-11-02", LI);
    town.hears("S3", "2026-12-01", WANG);
    town.hears("S4", "2026-12-02", ("", "", ""));
    town.rejects("{\"personal\": {\"contact\": 13700003333}}", "13700003333");
    town.settle();
    town
}

/// Every byte below a directory.
fn bytes_below(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(bytes_below(&path));
        } else {
            bytes.extend(fs::read(path).unwrap());
        }
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|at| at == text.as_bytes())
}

#[test]
fn nothing_personal_stands_in_the_open_anywhere_in_the_data_directory() {
    let home = Home::new();
    let town = town(&home);
    assert_eq!(town.words("S1").as_deref(), Some(WANG.2));
    assert_eq!(
        town.personal("S4"),
        Disclosed::Shown(SignalPersonal::default())
    );
    let letter = town.0.reader.dead_letter(town.letter()).unwrap().unwrap();
    let rejected = letter.rejected.shown().unwrap();
    assert_eq!(
        (rejected.value.as_str(), rejected.key.as_deref()),
        ("13700003333", Some(&b"E1"[..]))
    );
    assert!(holds(&rejected.record, "13700003333"));
    // Blocks are compressed, so their entries are looked at one by one.
    let ledger = town.0.reader.ledger().clone();
    let mut all = Vec::new();
    for excerpt in ledger.excerpts_from(0) {
        for (_, entry) in excerpt.unwrap().entries() {
            all.extend(entry.sections().concat());
        }
    }
    town.close();
    all.extend(bytes_below(&home.data()));
    assert!(holds(&all, "投诉玩具"), "the search finds nothing at all");
    for text in [
        "王小芳",
        "13800001111",
        "孩子差点",
        "李强",
        "油漆",
        "13700003333",
    ] {
        assert!(!holds(&all, text), "{text}");
    }
}

#[test]
fn an_erasure_takes_one_persons_words_and_changes_nothing_else() {
    let home = Home::new();
    let mut town = town(&home);
    let before = (town.hash(), town.0.reader.ledger().entry_count());
    let root = town.0.reader.ledger().root_at(before.1).unwrap();
    let proved = |town: &Town| {
        let mut proofs = town.0.reader.ledger().proofs(before.1).unwrap();
        let shows = |section| section == Section::Facts;
        town.0
            .reader
            .proved(town.entry("S1"), &mut proofs, shows)
            .unwrap()
    };
    let proof = proved(&town);
    assert!(matches!(
        proof.disclosure.sections.get(2),
        Some(DisclosedSection::Withheld(_))
    ));
    let keys = town.keys("S3");
    assert_eq!(keys.len(), 2, "one of November, one of December");
    let erasure = asked_for(keys);
    let entry = town.0.writer.append_erasure(&erasure).unwrap();
    town.settle();
    let check = |town: &Town| {
        for id in ["S1", "S3"] {
            let Disclosed::Gone(gone) = town.personal(id) else {
                panic!("{id} is still readable");
            };
            assert_eq!(gone.erasure, Some((entry, erasure.clone())));
        }
        assert_eq!(town.words("S2").as_deref(), Some(LI.2));
        assert_eq!(town.hash(), before.0);
        assert_eq!(town.0.reader.ledger().root_at(before.1).unwrap(), root);
        assert_eq!(proved(town), proof);
    };
    check(&town);
    // The next complaint of the same person is sealed anew and readable.
    town.hears("S5", "2026-12-03", WANG);
    town.settle();
    assert_eq!(town.words("S5").as_deref(), Some(WANG.2));
    let hash = town.hash();
    town.close();
    let store = home.store(&home.data());
    assert_eq!(store.verify().unwrap().state_hash, hash);
    assert_eq!(store.rebuild().unwrap(), hash);
    assert_eq!(store.replay().unwrap().differences, []);
    let town = home.open();
    let Disclosed::Gone(gone) = town.personal("S1") else {
        panic!("S1 is readable again");
    };
    assert_eq!(gone.erasure, Some((entry, erasure)));
    let actors = town.0.reader.show(entry..entry + 1).unwrap();
    assert_eq!(actors.first().unwrap().actor, "user:admin-1");
}

#[test]
fn a_dead_letter_is_erased_alone_and_goes_out_without_what_it_said() {
    let home = Home::new();
    let mut town = town(&home);
    let letter = town.letter();
    let key = town.0.reader.key_of_entry(letter).unwrap().unwrap();
    assert_eq!(town.0.reader.keys_of_same_person(key), [key]);
    town.0.writer.append_erasure(&asked_for(vec![key])).unwrap();
    town.settle();
    let found = town.0.reader.dead_letter(letter).unwrap().unwrap();
    assert_eq!(found.summary.code, "wrong_type");
    assert!(matches!(found.rejected, Disclosed::Gone(_)));
    let events = town.0.reader.outbox_after(0, 100).unwrap();
    let sent = events.into_iter().find_map(|(_, event)| match event {
        risk_store::OutEvent::DeadLetter(letter) => Some(*letter),
        risk_store::OutEvent::Grade(_)
        | risk_store::OutEvent::Alert(_)
        | risk_store::OutEvent::Case(_)
        | risk_store::OutEvent::Plan(_) => None,
    });
    assert_eq!(sent, Some(found));
}

/// The process ends after the erasure is durable and before the key is overwritten: the key file is that of before.
#[test]
fn an_interrupted_erasure_is_finished_at_the_next_start() {
    let home = Home::new();
    let mut town = town(&home);
    let key_file = home.data().join("shards/000/personal.keys");
    let journal = home.0.path().join("secrets/erasures.ndjson");
    let copy = fs::read(&key_file).unwrap();
    let keys = town.keys("S1");
    town.0
        .writer
        .append_erasure(&asked_for(keys.clone()))
        .unwrap();
    let entries = town.settle().entries;
    town.close();
    for journal_too in [false, true] {
        fs::write(&key_file, &copy).unwrap();
        if journal_too {
            fs::remove_file(&journal).unwrap();
        }
        let town = home.open();
        assert!(matches!(town.personal("S1"), Disclosed::Gone(_)));
        // Nothing is said a second time.
        assert_eq!(town.0.writer.pending_entries(), 0);
        assert_eq!(town.0.reader.ledger().entry_count(), entries);
        town.close();
        let left = fs::read(&key_file).unwrap();
        for key in &keys {
            assert!(
                !left.windows(16).any(|bytes| bytes == key.0),
                "{key} is still in the file"
            );
        }
        assert!(holds(
            &fs::read(&journal).unwrap(),
            &keys.first().unwrap().to_string()
        ));
    }
}

#[test]
fn a_restored_older_backup_repeats_what_was_erased_since() {
    let home = Home::new();
    let mut town = town(&home);
    let kept = home.0.path().join("kept");
    backup(&home.data(), &kept).unwrap();
    let keys = town.keys("S1");
    let erasure = asked_for(keys.clone());
    town.0.writer.append_erasure(&erasure).unwrap();
    town.settle();
    let hash = town.hash();
    town.close();

    let restored = home.0.path().join("restored");
    restore(&kept, &restored).unwrap();
    let store = home.store(&restored);
    let complete = || store.complete_restore(now(), risk_store::fresh_seed());
    assert_eq!(complete().unwrap(), (keys.len(), hash));
    let left = fs::read(restored.join("shards/000/personal.keys")).unwrap();
    for key in &keys {
        assert!(
            !left.windows(16).any(|bytes| bytes == key.0),
            "{key} came back"
        );
    }
    assert_eq!(complete().unwrap(), (0, hash));
    let town = Town(store.open().unwrap());
    let report = &town.0.report;
    assert_eq!(
        report.checkpoint, report.entries,
        "the next start folds nothing"
    );
    assert_eq!(town.words("S2").as_deref(), Some(LI.2));
    let Disclosed::Gone(gone) = town.personal("S3") else {
        panic!("S3 came back");
    };
    let (_, repeated) = gone.erasure.unwrap();
    assert!(repeated.repeated);
    assert_eq!((repeated.at, repeated.rule), (erasure.at, erasure.rule));
    assert_eq!(town.hash(), hash);
    town.close();
    assert_eq!(store.verify().unwrap().state_hash, hash);
}

/// Before anything is written, an older copy that is opened as it is shows nothing that was erased.
#[test]
fn an_older_copy_shows_nothing_that_was_erased_even_before_it_says_so() {
    let home = Home::new();
    let mut town = town(&home);
    let kept = home.0.path().join("kept");
    backup(&home.data(), &kept).unwrap();
    let keys = town.keys("S1");
    town.0.writer.append_erasure(&asked_for(keys)).unwrap();
    town.settle();
    town.close();
    let mut town = Town(home.store(&kept).open().unwrap());
    let Disclosed::Gone(gone) = town.personal("S1") else {
        panic!("S1 came back");
    };
    assert_eq!(gone.erasure, None);
    assert_eq!(town.0.writer.pending_entries(), 1);
    town.settle();
    assert!(matches!(town.personal("S1"), Disclosed::Gone(gone) if gone.erasure.is_some()));
}

#[test]
fn what_is_kept_long_enough_goes_by_the_policy() {
    let home = Home::new();
    let mut town = town(&home);
    let told = |town: &Town, kind| {
        let policy = town.0.reader.retention();
        let counts = town.0.reader.key_counts();
        let of_kind = counts.keys().filter(|(of, _)| *of == kind);
        let mut days = of_kind.map(|(of, month)| policy.erased_from(*of, *month).unwrap());
        days.next().map(|day| day.to_string())
    };
    let first = |kind, day: &str| assert_eq!(told(&town, kind).as_deref(), Some(day));
    first(PersonalKind::DeadLetter, "2027-12-01");
    first(PersonalKind::Complaint, "2029-12-01");
    // Dead letters of November 2026 are kept through November 2027; complaints for three years.
    let last = at("2027-11-30T23:59:59+08:00");
    assert_eq!(town.0.writer.append_due_erasures(last).unwrap(), 0);
    let next = at("2027-12-01T00:00:00+08:00");
    assert_eq!(town.0.writer.append_due_erasures(next).unwrap(), 1);
    town.settle();
    assert_eq!(town.0.writer.append_due_erasures(next).unwrap(), 0);
    let letter = town.0.reader.dead_letter(town.letter()).unwrap().unwrap();
    let Disclosed::Gone(gone) = letter.rejected else {
        panic!("the dead letter is still readable");
    };
    let (entry, erasure) = gone.erasure.unwrap();
    assert_eq!(
        (erasure.rule, erasure.actor),
        (ErasureRule::Retention, None)
    );
    let shown = town.0.reader.show(entry..entry + 1).unwrap();
    assert_eq!(shown.first().unwrap().actor, "system:retention");
    assert_eq!(town.words("S1").as_deref(), Some(WANG.2));
    let december = at("2029-12-01T00:00:00+08:00");
    assert_eq!(town.0.writer.append_due_erasures(december).unwrap(), 2);
    town.settle();
    assert_eq!((town.words("S1"), town.words("S2")), (None, None));
    assert_eq!(town.words("S3").as_deref(), Some(WANG.2));
    assert_eq!(told(&town, PersonalKind::DeadLetter), None);
}

/// No part of a signal that a fold reads is personal: without any key the state is the same.
#[test]
fn the_state_is_the_same_without_any_key() {
    let home = Home::new();
    let town = town(&home);
    let hash = town.hash();
    let mut seen = 0;
    let kinds = [risk_store::RecordKind::Signal];
    town.0
        .reader
        .follow(0, 1000, &kinds, |_, record| {
            seen += usize::from(matches!(record, Record::Signal(_)));
        })
        .unwrap();
    assert_eq!(seen, 4);
    town.close();
    fs::remove_file(home.data().join("shards/000/personal.keys")).unwrap();
    fs::remove_dir_all(home.0.path().join("secrets")).unwrap();
    assert_eq!(home.store(&home.data()).rebuild().unwrap(), hash);
    let town = home.open();
    let Disclosed::Gone(gone) = town.personal("S1") else {
        panic!("S1 is readable without its key");
    };
    assert_eq!(gone.erasure, None);
}
