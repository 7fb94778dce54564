//! Two lists that are held against each other: both pick in turns, under the same rules.

use super::{Chooser, Chosen, Why};
use crate::evaluate::RaceSide;
use risk_domain::selection::SelectionMode;
use std::collections::BTreeMap;

/// A race as the chooser runs it.
#[derive(Debug, Clone)]
pub(crate) struct Raced {
    /// Tests of each list.
    pub(crate) tests: u32,
    /// The experts' list, the first choice first.
    pub(crate) experts: Vec<u32>,
}

/// A list while it picks.
struct List<'o> {
    side: RaceSide,
    left: std::slice::Iter<'o, u32>,
}

impl Chooser<'_> {
    /// The special checks of a race, at most so many, in the order of their units: the list that a target
    /// stands on must not show in a team's sheet. The lists begin in turns, so that neither is always left
    /// what the other's picks allow; a target that both pick is tested once and stands on both.
    pub(super) fn race(&mut self, raced: &Raced, most: usize, order: &[u32]) -> Vec<Chosen> {
        let mut sides: BTreeMap<u32, RaceSide> = BTreeMap::new();
        let mut engine = List {
            side: RaceSide::Engine,
            left: order.iter(),
        };
        let mut experts = List {
            side: RaceSide::Experts,
            left: raced.experts.iter(),
        };
        for round in 0..raced.tests {
            let mut turns = [&mut engine, &mut experts];
            if round % 2 == 1 {
                turns.reverse();
            }
            for list in turns {
                self.pick(list, &mut sides, most);
            }
        }
        let chosen = sides.into_iter().map(|(unit, side)| Chosen {
            unit,
            why: Why::Race(side),
        });
        chosen.collect()
    }

    fn pick(&mut self, list: &mut List<'_>, sides: &mut BTreeMap<u32, RaceSide>, most: usize) {
        for unit in list.left.by_ref() {
            if let Some(side) = sides.get_mut(unit) {
                if *side == list.side || *side == RaceSide::Both {
                    continue;
                }
                *side = RaceSide::Both;
                return;
            }
            if sides.len() < most && self.fits(*unit, SelectionMode::SpecialCheck) {
                self.take(*unit, SelectionMode::SpecialCheck);
                sides.insert(*unit, list.side);
                return;
            }
        }
    }
}
