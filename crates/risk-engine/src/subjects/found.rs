//! Finding many at a time: one waits for memory once for several of them.

use super::{Subjects, base_hash, base_names};
use crate::step::Engine;
use risk_domain::inspection::InspectionResult;

/// What [`Engine::find_all`] knows of the subjects of a result（已知主体）. It spares a look-up and decides nothing.
#[doc(alias = "已知主体")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    /// Their base.
    pub(crate) base: Option<u32>,
}

impl Subjects {
    pub(super) fn find_parts(&self, parts: u128) -> Option<u32> {
        let same = |(known, _): &(u128, u32)| *known == parts;
        self.by_parts
            .find(parts as u64, same)
            .map(|(_, base)| *base)
    }
}

impl Engine {
    /// Looks for the subjects of results that will be taken in next, for [`crate::ResultInput::found`].
    pub fn find_all<'a>(&self, results: impl Iterator<Item = &'a InspectionResult>) -> Vec<Found> {
        // In two short loops, the second of which asks for the memory of several at a time.
        let names = results.map(base_names);
        let parts: Vec<u128> = names.map(base_hash).collect();
        let bases = parts.iter().map(|parts| self.subjects.find_parts(*parts));
        bases.map(|base| Found { base }).collect()
    }
}
