use super::*;
use crate::ledger::{Ledger, LedgerSettings};
use crate::records::{assessment_in, encode_effect};
use crate::views::HistoryList;
use crate::views::query::{List, SubjectOrder, SubjectQuery};
use proptest::prelude::*;
use risk_domain::ids::{PolicyVersion, SectorCode, ZoneId};
use risk_domain::scales::RiskLevel;
use risk_engine::{Epoch, Interval};
use std::collections::BTreeSet;

const SUBJECTS: [&str; 7] = [
    "product:p1",
    "enterprise:e1",
    "enterprise:e2",
    "enterprise:e3",
    "site:s1",
    "site:s2",
    "zone:z1",
];
/// Where each subject was seen, zones and sectors.
const SEEN: [(&[&str], &[&str]); 7] = [
    (&[], &["x"]),
    (&["city", "z1"], &["x"]),
    (&["city", "z1", "z2", "z2a"], &["x", "y"]),
    (&["city", "z2"], &["y"]),
    (&["city", "z1"], &["x"]),
    (&["city", "z2", "z2a"], &["y"]),
    (&["city", "z1"], &[]),
];

/// What stands at an entry: an assessment of a subject at a level and a probability, or nothing.
#[derive(Debug, Clone)]
enum Recorded {
    Grade(usize, RiskLevel, u8),
    Nothing,
}

/// What happens after an entry.
#[derive(Debug, Clone, Copy)]
enum Then {
    GoOn,
    Write,
    /// So many batches are written, and everything else is lost.
    Tear(usize),
}

fn recorded() -> impl Strategy<Value = Recorded> {
    let levels = proptest::sample::select(RiskLevel::ALL.to_vec());
    prop_oneof![
        8 => (0..SUBJECTS.len(), levels, 1..100u8).prop_map(|(subject, level, percent)| {
            Recorded::Grade(subject, level, percent)
        }),
        1 => Just(Recorded::Nothing),
    ]
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        30 => Just(Then::GoOn),
        2 => Just(Then::Write),
        1 => (0..8usize).prop_map(Then::Tear),
    ]
}

fn subject(number: usize) -> Subject {
    SUBJECTS[number].parse().unwrap()
}

fn assessment(number: usize, level: RiskLevel, percent: u8) -> Assessment {
    let probability = f64::from(percent) / 100.0;
    Assessment {
        subject: subject(number),
        zones: SEEN[number]
            .0
            .iter()
            .map(|id| ZoneId::new(id).unwrap())
            .collect::<BTreeSet<_>>()
            .into(),
        sectors: SEEN[number]
            .1
            .iter()
            .map(|id| SectorCode::new(id).unwrap())
            .collect::<BTreeSet<_>>()
            .into(),
        epoch: Epoch(1),
        level,
        decision: None,
        watch: false,
        inherited: false,
        band: 0,
        probability,
        interval: Interval {
            lower: 0.0,
            upper: 1.0,
        },
        log_odds: 0.0,
        variance: 1.0,
        at_least: [0.0; 3],
        severity_mix: [0.25; 4],
        contributions: Vec::new(),
        evidence: BTreeMap::new(),
        policy_version: PolicyVersion::new("p").unwrap(),
        policy_hash: "".into(),
        model_version: "".into(),
        snapshot: None,
    }
}

fn take_in(applier: &mut Applier, entries: &[Recorded], until: usize) {
    let position = applier.position();
    for (entry, recorded) in (0..).zip(&entries[..until]).skip(position as usize) {
        if let Recorded::Grade(number, level, percent) = recorded {
            let effect = Effect::Assessed(Box::new(assessment(*number, *level, *percent)));
            applier.effect(entry, &effect).unwrap();
        }
        applier.end_block(entry + 1);
    }
}

/// All entries of a subject that the pages of its history name.
fn history(views: &Views, number: usize) -> Vec<u64> {
    let mut entries = Vec::new();
    let mut cursor = None;
    loop {
        let list = HistoryList::new(subject(number), 7, cursor.as_deref()).unwrap();
        let page = list.page(views).unwrap();
        entries.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return entries,
        }
    }
}

/// What the pages of a list by probability name.
fn listed(views: &Views, query: &SubjectQuery, order: SubjectOrder) -> Vec<Assessment> {
    let mut subjects = Vec::new();
    let mut cursor = None;
    loop {
        let list = List::subjects(query.clone(), order, 2, cursor.as_deref()).unwrap();
        let page = list.page(views).unwrap();
        subjects.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return subjects,
        }
    }
}

/// Every list by zone and sector holds who was seen there, once, in the order of probability.
fn check_lists(views: &Views, latest: &[Assessment]) {
    for zone in [None, Some("city"), Some("z1"), Some("z2"), Some("z2a")] {
        for sector in [None, Some("x"), Some("y")] {
            let query = SubjectQuery {
                zone: zone.map(|id| ZoneId::new(id).unwrap()),
                sector: sector.map(|id| SectorCode::new(id).unwrap()),
                ..SubjectQuery::default()
            };
            let wanted = latest.iter().filter(|it| {
                let seen = |id: &ZoneId| it.zones.contains(id);
                query.zone.as_ref().is_none_or(seen)
                    && query
                        .sector
                        .as_ref()
                        .is_none_or(|id| it.sectors.contains(id))
            });
            let mut wanted: Vec<String> = wanted.map(|it| it.subject.to_string()).collect();
            wanted.sort_unstable();
            for order in [SubjectOrder::ProbabilityDesc, SubjectOrder::ProbabilityAsc] {
                let found = listed(views, &query, order);
                let falls = order == SubjectOrder::ProbabilityDesc;
                assert!(found.is_sorted_by(|one, next| {
                    let falling = one.probability >= next.probability;
                    let rising = one.probability <= next.probability;
                    if falls { falling } else { rising }
                }));
                let mut names: Vec<String> =
                    found.iter().map(|it| it.subject.to_string()).collect();
                names.sort_unstable();
                assert_eq!(names, wanted, "{query:?}");
            }
        }
    }
}

/// The views say what follows from the entries themselves.
fn check(views: &Views, entries: &[Recorded]) {
    let mut events = Vec::new();
    let mut latest = Vec::new();
    for number in 0..SUBJECTS.len() {
        let mut named = Vec::new();
        let mut before = RiskLevel::Undetermined;
        let mut last = None;
        for (entry, recorded) in (0..).zip(entries) {
            if let Recorded::Grade(of, level, percent) = recorded
                && *of == number
            {
                named.insert(0, entry);
                if *level != before {
                    events.push(entry);
                }
                before = *level;
                last = Some(assessment(number, *level, *percent));
            }
        }
        assert_eq!(history(views, number), named);
        assert_eq!(views.subject(&subject(number)).unwrap(), last);
        latest.extend(last);
    }
    events.sort_unstable();
    assert_eq!(views.outbox(0, usize::MAX).unwrap(), events);
    let order = SubjectOrder::ProbabilityDesc;
    let all = List::subjects(SubjectQuery::default(), order, 100, None).unwrap();
    let listed = all.page(views).unwrap().items;
    assert!(listed.is_sorted_by(|one, next| one.probability >= next.probability));
    let names = |list: &[Assessment]| -> BTreeSet<(String, u64)> {
        let named = list
            .iter()
            .map(|it| (it.subject.to_string(), it.probability.to_bits()));
        named.collect()
    };
    assert_eq!(names(&listed), names(&latest));
    assert_eq!(listed.len(), latest.len());
    check_lists(views, &latest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However changes are gathered and wherever a write is torn, the views say what the entries say.
    #[test]
    fn gathered_and_torn_writes_say_what_the_entries_say(
        turns in prop::collection::vec((recorded(), then()), 1..400),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(&dir.path().join("ledger"), LedgerSettings::default()).unwrap();
        let views = Arc::new(Views::open(&dir.path().join("views")).unwrap());
        let begin = || Applier::new(Arc::clone(&views), ledger.reader()).unwrap();
        let entries: Vec<Recorded> = turns.iter().map(|(recorded, _)| recorded.clone()).collect();
        let mut applier = begin();
        for (entry, (_, then)) in turns.iter().enumerate() {
            take_in(&mut applier, &entries, entry + 1);
            match then {
                Then::GoOn => {}
                Then::Write => {
                    applier.write().unwrap();
                    check(&views, &entries[..=entry]);
                }
                Then::Tear(batches) => {
                    applier.begin_writing().unwrap();
                    for _ in 0..*batches {
                        applier.write_some().unwrap();
                    }
                    applier = begin();
                }
            }
        }
        take_in(&mut applier, &entries, entries.len());
        applier.write().unwrap();
        check(&views, &entries);
        // Whoever opens them again finds the same groups.
        drop((applier, views));
        let views = Views::open(&dir.path().join("views")).unwrap();
        check(&views, &entries);
    }
}

#[test]
fn an_assessment_is_found_in_its_entry_as_it_was_written() {
    let assessment = assessment(2, RiskLevel::High, 31);
    let mut decision = Vec::new();
    let mut effect = Effect::Assessed(Box::new(assessment.clone()));
    encode_effect(&mut decision, &mut effect).unwrap();
    let found = assessment_in(0, &decision).unwrap().unwrap();
    assert_eq!(found.subject, assessment.subject);
    assert_eq!(found.level, assessment.level);
    assert_eq!(
        postcard::from_bytes::<Assessment>(found.bytes).unwrap(),
        assessment
    );
    let mut closed = Vec::new();
    encode_effect(&mut closed, &mut Effect::EpochClosed(Epoch(1))).unwrap();
    assert!(assessment_in(0, &closed).unwrap().is_none());
}
