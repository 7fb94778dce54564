use super::*;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// A shard's directory and its secrets.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join("shard")).unwrap();
        Self(home)
    }

    fn shard(&self) -> PathBuf {
        self.0.path().join("shard")
    }

    fn secrets(&self) -> PathBuf {
        self.0.path().join("secrets")
    }

    fn ring(&self) -> Keyring {
        Keyring::open(&self.shard(), 3, &self.secrets()).unwrap()
    }

    fn key_file(&self) -> PathBuf {
        self.shard().join(KEY_FILE)
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn june() -> Timestamp {
    at("2026-06-15T00:00:00Z")
}

const HERE: Place = Place {
    entry: 7,
    kind: RecordKind::Signal,
};

fn person<'a>(name: &'a str, contact: &'a str) -> Whose<'a> {
    Whose::Person { name, contact }
}

fn sealed(ring: &Keyring, whose: Whose<'_>, words: &[u8]) -> Vec<u8> {
    sealed_as(ring, (whose, PersonalKind::Complaint, june()), words)
}

fn sealed_as(ring: &Keyring, of: (Whose<'_>, PersonalKind, Timestamp), words: &[u8]) -> Vec<u8> {
    let mut section = Vec::new();
    ring.seal(of, HERE, words, &mut section).unwrap();
    ring.sync().unwrap();
    section
}

fn erasure(keys: Vec<KeyId>) -> Erasure {
    Erasure {
        at: june(),
        actor: None,
        roles: BTreeSet::new(),
        means: None,
        request_id: None,
        rule: ErasureRule::ConsentWithdrawn,
        reason: "asked for in writing".into(),
        keys,
        repeated: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens_where_it_stands_and_nowhere_else(
        words in prop::collection::vec(any::<u8>(), 0..200),
        name in ".{0,8}",
        contact in ".{0,12}",
        entry: u64,
        flip: (prop::sample::Index, u8),
    ) {
        let home = Home::new();
        let ring = home.ring();
        let place = Place { entry, kind: RecordKind::Signal };
        let mut section = Vec::new();
        let of = (person(&name, &contact), PersonalKind::Tip, june());
        ring.seal(of, place, &words, &mut section).unwrap();
        ring.sync().unwrap();
        let holds = |text: &[u8]| words.len() > 8 && text.windows(words.len()).any(|at| at == words);
        prop_assert!(!holds(&section), "it stands there as it was said");
        for ring in [ring, home.ring()] {
            prop_assert_eq!(ring.open_section(place, &section).unwrap(), Ok(words.clone()));
            let elsewhere = [
                Place { entry: entry.wrapping_add(1), ..place },
                Place { kind: RecordKind::Rejection, ..place },
            ];
            for other in elsewhere {
                prop_assert!(ring.open_section(other, &section).is_err());
            }
            // Another shard with the same keys.
            let other = Keyring::open(&home.shard(), 4, &home.secrets()).unwrap();
            prop_assert!(other.open_section(place, &section).is_err());
            let mut altered = section.clone();
            let byte = altered.get_mut(flip.0.index(section.len())).unwrap();
            *byte ^= flip.1.max(1);
            let opened = ring.open_section(place, &altered);
            prop_assert!(!matches!(opened, Ok(Ok(_))), "an altered section opened");
        }
    }

    #[test]
    fn a_file_cut_anywhere_keeps_the_whole_keys_before_and_takes_new_ones(cut in 0_u64..=5 * 128) {
        let home = Home::new();
        let ring = home.ring();
        let sections: Vec<Vec<u8>> =
            (0..5).map(|_| sealed(&ring, Whose::Unknown, b"words")).collect();
        drop(ring);
        fs::OpenOptions::new().write(true).open(home.key_file()).unwrap().set_len(cut).unwrap();
        let ring = home.ring();
        for (number, section) in sections.iter().enumerate() {
            let kept = (number as u64 + 1) * 128 <= cut;
            prop_assert_eq!(ring.open_section(HERE, section).unwrap().is_ok(), kept);
        }
        let fresh = sealed(&ring, Whose::Unknown, b"more");
        prop_assert_eq!(home.ring().open_section(HERE, &fresh).unwrap(), Ok(b"more".to_vec()));
    }
}

#[test]
fn a_person_has_one_key_for_each_kind_and_month_and_nobody_else_has_it() {
    let home = Home::new();
    let ring = home.ring();
    let key = |whose, kind, time: &str| {
        let section = sealed_as(&ring, (whose, kind, at(time)), b"x");
        key_of(&section).unwrap()
    };
    let complaint = PersonalKind::Complaint;
    let wang = person("王伟", "138 0000-0001");
    let first = key(wang, complaint, "2026-06-01T00:00:00+08:00");
    // The same, written otherwise, on the month's last day.
    let again = person("王 伟", "13800000001");
    assert_eq!(key(again, complaint, "2026-06-30T23:59:59+08:00"), first);
    let others = [
        key(wang, PersonalKind::Tip, "2026-06-01T00:00:00+08:00"),
        key(wang, complaint, "2026-07-01T00:00:00+08:00"),
    ];
    let strangers = [
        key(
            person("王伟", "13800000002"),
            complaint,
            "2026-06-01T00:00:00+08:00",
        ),
        key(
            person("李娜", "13800000001"),
            complaint,
            "2026-06-01T00:00:00+08:00",
        ),
        key(Whose::Unknown, complaint, "2026-06-01T00:00:00+08:00"),
        key(Whose::Unknown, complaint, "2026-06-01T00:00:00+08:00"),
    ];
    let all: BTreeSet<KeyId> = others
        .iter()
        .chain(&strangers)
        .copied()
        .chain([first])
        .collect();
    assert_eq!(all.len(), 7, "two of them share a key");
    let of_wang: BTreeSet<KeyId> = ring.of_same_person(first).into_iter().collect();
    assert_eq!(of_wang, others.into_iter().chain([first]).collect());
    assert_eq!(ring.of_same_person(KeyId([0; 16])), []);
}

#[test]
fn a_name_without_a_contact_tells_nobody_apart() {
    let said = |person: &str, contact: Option<&str>| SignalPersonal {
        person: Some(person.into()),
        contact: contact.map(Into::into),
        words: None,
    };
    let unknown = |personal: &SignalPersonal| matches!(Whose::of(personal), Whose::Unknown);
    assert!(unknown(&said("王伟", None)));
    assert!(unknown(&said("王伟", Some(" - "))));
    assert!(!unknown(&said("王伟", Some("138"))));
}

#[test]
fn an_erased_key_is_gone_from_the_file_and_stays_gone_and_no_other_is() {
    let home = Home::new();
    let ring = home.ring();
    let gone = sealed(&ring, person("a", "1"), b"gone");
    let kept = sealed(&ring, person("b", "2"), b"kept");
    let id = key_of(&gone).unwrap();
    let before = fs::read(home.key_file()).unwrap();
    assert!(before.windows(16).any(|bytes| bytes == id.0));
    ring.enforce(&erasure(vec![id])).unwrap();
    let after = fs::read(home.key_file()).unwrap();
    assert_eq!(
        after.get(..128).unwrap(),
        [0; 128],
        "the row is still there"
    );
    for ring in [ring, home.ring()] {
        assert_eq!(ring.open_section(HERE, &gone).unwrap(), Err(id));
        assert_eq!(
            ring.open_section(HERE, &kept).unwrap(),
            Ok(b"kept".to_vec())
        );
        assert_eq!(ring.to_repeat(), []);
        // Whoever is heard of again gets another key.
        let again = sealed(&ring, person("a", "1"), b"again");
        assert_ne!(key_of(&again).unwrap(), id);
    }
}

#[test]
fn an_older_copy_of_the_keys_brings_nothing_back() {
    let home = Home::new();
    let ring = home.ring();
    let gone = sealed(&ring, person("a", "1"), b"gone");
    let kept = sealed(&ring, person("b", "2"), b"kept");
    let id = key_of(&gone).unwrap();
    let copy = fs::read(home.key_file()).unwrap();
    let done = erasure(vec![id, KeyId([9; 16])]);
    ring.enforce(&done).unwrap();
    fs::write(home.key_file(), copy).unwrap();
    let ring = home.ring();
    assert_eq!(ring.open_section(HERE, &gone).unwrap(), Err(id));
    assert_eq!(
        ring.open_section(HERE, &kept).unwrap(),
        Ok(b"kept".to_vec())
    );
    // Only what the copy has is repeated, and says so.
    let repeated = Erasure {
        keys: vec![id],
        repeated: true,
        ..done
    };
    assert_eq!(ring.to_repeat(), std::slice::from_ref(&repeated));
    ring.enforce(&repeated).unwrap();
    assert_eq!(ring.to_repeat(), []);
    assert!(!home.ring().holds(id));
}

#[test]
fn an_unfinished_line_of_the_journal_is_written_anew() {
    let home = Home::new();
    let ring = home.ring();
    let [one, two] = ["1", "2"].map(|contact| sealed(&ring, person("a", contact), b"x"));
    let [one, two] = [one, two].map(|section| key_of(&section).unwrap());
    ring.enforce(&erasure(vec![one])).unwrap();
    let path = home.secrets().join("erasures.ndjson");
    let mut text = fs::read_to_string(&path).unwrap();
    let half = text.len() / 2;
    let begun = text.get(..half).unwrap().to_owned();
    text.push_str(&begun);
    fs::write(&path, text).unwrap();
    let ring = home.ring();
    ring.enforce(&erasure(vec![two])).unwrap();
    drop(ring);
    let journal = Journal::open(&home.secrets()).unwrap();
    assert_eq!(journal.erasures().count(), 2);
    assert!(journal.names(one) && journal.names(two));
}

#[test]
fn a_master_key_that_is_missing_another_or_open_to_others_is_refused_by_name() {
    let home = Home::new();
    let section = sealed(&home.ring(), Whose::Unknown, b"words");
    let master = home.secrets().join("personal.master");
    let mode = fs::metadata(&master).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let why = || {
        let error = home.ring().open_section(HERE, &section).unwrap_err();
        assert!(matches!(error, StoreError::MasterKey { .. }), "{error}");
        let prepared = home.ring().prepare().unwrap_err();
        assert_eq!(prepared.to_string(), error.to_string());
        error.to_string()
    };
    fs::set_permissions(&master, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(why().contains("chmod 600"));
    fs::set_permissions(&master, fs::Permissions::from_mode(0o600)).unwrap();
    let kept = fs::read(&master).unwrap();
    fs::write(&master, "c2hvcnQ=").unwrap();
    assert!(why().contains("32 bytes"));
    let other = Home::new();
    sealed(&other.ring(), Whose::Unknown, b"words");
    fs::copy(other.secrets().join("personal.master"), &master).unwrap();
    assert!(why().contains("another master key"));
    fs::remove_file(&master).unwrap();
    assert!(why().contains("missing"));
    // None is made in its place, and the right one opens everything again.
    assert!(!master.exists());
    fs::write(&master, kept).unwrap();
    fs::set_permissions(&master, fs::Permissions::from_mode(0o600)).unwrap();
    let opened = home.ring().open_section(HERE, &section).unwrap();
    assert_eq!(opened, Ok(b"words".to_vec()));
}

#[test]
fn a_locked_key_cannot_be_put_under_another_persons_name() {
    let home = Home::new();
    let ring = home.ring();
    let sections = ["1", "2"].map(|contact| sealed(&ring, person("a", contact), b"x"));
    drop(ring);
    // Somebody who has the disk, but no master key, swaps the two locked keys and mends the checksums.
    let bytes = fs::read(home.key_file()).unwrap();
    let mut rows: Vec<Vec<u8>> = bytes.chunks(128).map(<[u8]>::to_vec).collect();
    let locked = 40..40 + 72;
    let first = rows.first().unwrap().get(locked.clone()).unwrap().to_vec();
    let second = rows.get(1).unwrap().get(locked.clone()).unwrap().to_vec();
    for (row, other) in rows.iter_mut().zip([second, first]) {
        row.splice(locked.clone(), other);
        let crc = crc32c::crc32c(row.get(..124).unwrap()).to_be_bytes();
        row.splice(124.., crc);
    }
    fs::write(home.key_file(), rows.concat()).unwrap();
    let ring = home.ring();
    for section in sections {
        let error = ring.open_section(HERE, &section).unwrap_err();
        assert!(matches!(error, StoreError::MasterKey { .. }), "{error}");
    }
}

#[test]
fn what_is_due_goes_by_whole_months_after_the_one_it_came_in() {
    let home = Home::new();
    let ring = home.ring();
    let policy = RetentionPolicy::builtin().unwrap();
    let heard = at("2026-06-30T23:59:59+08:00");
    let mut ids = BTreeMap::new();
    for kind in PersonalKind::ALL {
        let section = sealed_as(&ring, (Whose::Unknown, *kind, heard), b"x");
        ids.insert(*kind, key_of(&section).unwrap());
    }
    assert_eq!(ring.counts().len(), PersonalKind::ALL.len());
    let due = |now: &str| -> BTreeSet<KeyId> {
        let due = ring.due(&policy, at(now));
        assert!(due.iter().all(|one| one.rule == ErasureRule::Retention));
        due.into_iter().flat_map(|one| one.keys).collect()
    };
    assert_eq!(policy.months(PersonalKind::DeadLetter), 12);
    assert_eq!(due("2027-06-30T23:59:59+08:00"), BTreeSet::new());
    let letter = BTreeSet::from([ids[&PersonalKind::DeadLetter]]);
    assert_eq!(due("2027-07-01T00:00:00+08:00"), letter);
    assert_eq!(
        due("2100-01-01T00:00:00+08:00"),
        ids.values().copied().collect()
    );
    for erasure in ring.due(&policy, at("2027-07-01T00:00:00+08:00")) {
        assert!(erasure.reason.contains("dead_letter") && erasure.reason.contains("12 months"));
        ring.enforce(&erasure).unwrap();
    }
    assert_eq!(due("2027-07-01T00:00:00+08:00"), BTreeSet::new());
}

#[test]
fn a_retention_policy_names_every_kind_once_within_reason() {
    let line = |kind: &str, months: u32, mark: &str| {
        format!("[[keep]]\nkind = '{kind}'\nmonths = {months}\nbasis = 'b'\nmark = '{mark}'\n")
    };
    let all = |months, mark| -> String {
        let lines = PersonalKind::ALL
            .iter()
            .map(|kind| line(kind.code(), months, mark));
        format!("version = '1'\n{}", lines.collect::<String>())
    };
    let read =
        |text: &str| RetentionPolicy::from_toml(text).map(|policy| policy.version().to_owned());
    assert_eq!(read(&all(1, "D")), Ok("1".to_owned()));
    assert_eq!(read(&all(1200, "V1")), Ok("1".to_owned()));
    let why = |text: &str| read(text).unwrap_err().to_string();
    assert!(why(&all(0, "D")).contains("1 to 1200"));
    assert!(why(&all(1201, "D")).contains("1 to 1200"));
    assert!(why(&all(12, "X")).contains("mark"));
    assert!(why(&format!("{}{}", all(1, "D"), line("tip", 1, "D"))).contains("twice"));
    assert!(why("version = '1'\nkeep = []").contains("complaint"));
    assert!(why(&all(1, "D").replace("'1'", "' '")).contains("version"));
    assert!(why(&all(1, "D").replace("months", "years")).contains("years"));
}
