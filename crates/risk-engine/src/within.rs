//! What lies in a zone（区域归属）, for who asks it of very many subjects.

use crate::step::Engine;
use crate::subjects::{SubjectIx, Subjects, ZONE};
use hashbrown::HashTable;
use risk_domain::ids::ZoneId;
use risk_domain::subject::Subject;
use std::collections::BTreeSet;

/// A zone with all that lies in it（区域归属）: [`Engine::lies_in`] of one zone, whose answers mostly touch nothing
/// but this.
#[doc(alias = "区域归属")]
#[derive(Debug)]
pub struct Within<'a> {
    engine: &'a Engine,
    zones: BTreeSet<ZoneId>,
    /// Hashes of the names of enterprises, sites and cells with a place in the zone. One that is not among
    /// them has none; one that is, is looked up.
    names: HashTable<u64>,
}

impl Engine {
    /// A zone and what has a place in it or below it now. Costs a walk over all targets.
    pub fn within(&self, zone: &ZoneId) -> Within<'_> {
        let zones = self.taxonomy().zones_within(zone);
        let mut names = HashTable::new();
        for subject in self.subjects.placed_in(|own| zones.contains(own)) {
            let hash = self.subjects.name_hash(self.subjects.name(subject));
            let entry = names.entry(hash, |known| *known == hash, |known| *known);
            entry.or_insert(hash);
        }
        Within {
            engine: self,
            zones,
            names,
        }
    }
}

impl Subjects {
    /// Cells, enterprises and sites with a target whose innermost zone is one of these; some of them again and
    /// again.
    fn placed_in(&self, wanted: impl Fn(&ZoneId) -> bool) -> impl Iterator<Item = SubjectIx> {
        let innermost = |above| self.above(above).get(ZONE).map(|at| self.name(*at));
        let lies = |above| match innermost(above) {
            Some(Subject::Zone(zone)) => wanted(zone),
            Some(
                Subject::Product(_)
                | Subject::Enterprise(_)
                | Subject::Site(_)
                | Subject::Sector(_)
                | Subject::Cell(..),
            )
            | None => false,
        };
        let above: Vec<bool> = (0..self.above_count() as u32).map(lies).collect();
        let linked = self.linked();
        let placed = linked.filter(move |(_, base)| above.get(base.above as usize) == Some(&true));
        placed.flat_map(|(_, base)| base.own())
    }
}

impl Within<'_> {
    /// Whether a zone is it or lies in it.
    pub fn holds_zone(&self, zone: &ZoneId) -> bool {
        self.zones.contains(zone)
    }

    /// Whether an enterprise, a site or an enterprise's product has a place in it.
    pub fn holds(&self, subject: &Subject) -> bool {
        let hash = self.engine.subjects.name_hash(subject);
        let known = self.names.find(hash, |known| *known == hash);
        let lies = |zone: &ZoneId| self.zones.contains(zone);
        // Looking up costs more than all else, and most are not among them.
        known.is_some() && self.engine.places_of(subject).any(lies)
    }
}
