use super::*;
use crate::ledger::{Ledger, LedgerSettings};
use crate::views::HistoryList;
use crate::views::query::{List, SubjectOrder, SubjectQuery};
use proptest::prelude::*;
use risk_domain::ids::{PolicyVersion, ZoneId};
use risk_domain::scales::RiskLevel;
use risk_engine::{Epoch, Interval};
use std::collections::BTreeSet;

const SUBJECTS: [&str; 5] = [
    "product:p1",
    "enterprise:e1",
    "enterprise:e2",
    "site:s1",
    "zone:z1",
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
        zones: BTreeSet::from([ZoneId::new("z1").unwrap()]).into(),
        sectors: BTreeSet::new().into(),
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
    }
}
