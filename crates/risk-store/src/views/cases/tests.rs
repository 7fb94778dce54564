use super::*;
use crate::ledger::{Ledger, LedgerSettings};
use crate::views::apply::Applier;
use proptest::prelude::*;
use risk_domain::ids::{EnterpriseId, InspectionId, ProductCode, SiteId, ZoneId};
use risk_engine::case::{CaseKey, CaseState, Cause, Happened};
use risk_engine::{CaseMove, Effect};
use std::sync::Arc;

/// What an entry says of one of two cases.
#[derive(Debug, Clone)]
enum Says {
    /// So many events after some of those that stand; what stood after those is replaced, but for some.
    Changed {
        case: usize,
        kept: prop::sample::Index,
        stays: prop::sample::Index,
        new: u32,
    },
    Gone(usize),
}

fn says() -> impl Strategy<Value = Says> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        12 => (0..2usize, index(), index(), 0..4u32)
            .prop_map(|(case, kept, stays, new)| Says::Changed { case, kept, stays, new }),
        1 => (0..2usize).prop_map(Says::Gone),
    ]
}

fn id(case: usize) -> CaseId {
    CaseId::new(format!("case-{case}")).unwrap()
}

fn state() -> CaseState {
    CaseState::all().next().unwrap()
}

fn event(entry: u64, number: u32) -> CaseEvent {
    let result = InspectionId::new(format!("R{entry}-{number}")).unwrap();
    CaseEvent {
        at: Timestamp::from_millis(entry as i64),
        actor: "system:result".into(),
        role: None,
        cause: Cause::Result(result),
        what: Happened::Remarked,
        state: state(),
        reason: "".into(),
        measures: Vec::new(),
    }
}

fn case(number: usize, entry: u64, events: Vec<CaseEvent>) -> Case {
    Case {
        id: id(number),
        key: CaseKey {
            enterprise: EnterpriseId::new("E1").unwrap(),
            product: ProductCode::new(format!("P{number}")).unwrap(),
            hazard: None,
        },
        number: 0,
        site: SiteId::new("S1").unwrap(),
        zone: ZoneId::new("Z1").unwrap(),
        opened_at: Timestamp::from_millis(0),
        opened_by: InspectionId::new("R0").unwrap(),
        succeeds: None,
        state: state(),
        entered_at: Timestamp::from_millis(entry as i64),
        deadlines: Vec::new(),
        assigned: None,
        pause: None,
        proposals: Vec::new(),
        closed_at: None,
        events,
    }
}

/// What each entry records, and the two cases as they stand after it.
fn told(says: &[Says]) -> (Vec<Effect>, Vec<[Option<Case>; 2]>) {
    let (mut effects, mut stood) = (Vec::new(), Vec::new());
    let mut now = [None, None];
    for (entry, says) in (0..).zip(says) {
        effects.push(match says {
            Says::Gone(number) => {
                now[*number] = None;
                Effect::CaseGone(id(*number))
            }
            Says::Changed {
                case: number,
                kept,
                stays,
                new,
            } => {
                let had = now[*number].take();
                let had = had.map_or_else(Vec::new, |case: Case| case.events);
                let kept = kept.index(had.len() + 1);
                let stays = stays.index(had.len() - kept + 1);
                let new: Vec<CaseEvent> = (0..*new).map(|of| event(entry, of)).collect();
                let before = had.iter().take(kept);
                let after = had.iter().skip(had.len() - stays);
                let all = before.chain(&new).chain(after).cloned().collect();
                now[*number] = Some(case(*number, entry, all));
                let moved = CaseMove {
                    case: case(*number, entry, new),
                    kept: kept as u32,
                };
                if stays == 0 {
                    Effect::CaseMoved(Box::new(moved))
                } else {
                    let stays = stays as u32;
                    Effect::CaseInserted(Box::new(CaseInsert { moved, stays }))
                }
            }
        });
        stood.push(now.clone());
    }
    (effects, stood)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// However changes are gathered and wherever a write is torn, each event stands once and where it belongs.
    #[test]
    fn events_stand_where_they_belong_wherever_a_write_is_torn(
        turns in prop::collection::vec((says(), 0..6u8, 0..4usize), 1..80),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(&dir.path().join("ledger"), LedgerSettings::default()).unwrap();
        let views = Arc::new(Views::open(&dir.path().join("views")).unwrap());
        let begin = || Applier::new(Arc::clone(&views), ledger.reader()).unwrap();
        let says: Vec<Says> = turns.iter().map(|(says, ..)| says.clone()).collect();
        let (effects, stood) = told(&says);
        let mut applier = begin();
        let last = turns.len() - 1;
        for (entry, (_, then, batches)) in turns.iter().enumerate() {
            let from = applier.position() as usize;
            for (at, effect) in effects.iter().enumerate().take(entry + 1).skip(from) {
                applier.effect(at as u64, effect).unwrap();
                applier.end_block(at as u64 + 1);
            }
            if *then == 0 && entry < last {
                applier.begin_writing().unwrap();
                for _ in 0..*batches {
                    applier.write_some().unwrap();
                }
                applier = begin();
            } else if *then == 1 || entry == last {
                applier.write().unwrap();
                for (number, expected) in stood[entry].iter().enumerate() {
                    prop_assert_eq!(&views.case(&id(number)).unwrap(), expected);
                }
            }
        }
    }
}
