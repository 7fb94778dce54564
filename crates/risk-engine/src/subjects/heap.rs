//! What the subjects weigh.

use super::{Base, Few, Kin, SubjectIx, Subjects, Title};
use compact_str::CompactString;
use risk_domain::subject::{Subject, SubjectKind};

impl Subjects {
    /// Bytes of names, and of all else.
    pub(crate) fn heap_bytes(&self) -> (usize, usize) {
        let spelled = |text: &CompactString| {
            if text.is_heap_allocated() {
                text.capacity()
            } else {
                0
            }
        };
        let names = self.names.capacity() * size_of::<Subject>()
            + self.titles.capacity() * size_of::<Title>()
            + self
                .titles
                .iter()
                .map(|title| spelled(&title.name))
                .sum::<usize>();
        let spilled = |few: &Few| {
            if few.spilled() {
                few.capacity() * size_of::<SubjectIx>()
            } else {
                0
            }
        };
        let kin = |kin: &Kin| {
            let targets = if kin.targets.spilled() {
                kin.targets.capacity() * size_of::<u32>()
            } else {
                0
            };
            targets + spilled(&kin.zones)
        };
        // A table holds an entry and a byte of its hash for each of its places.
        let places = self.by_name.capacity() * (size_of::<u32>() + 1)
            + self.by_parts.capacity() * (size_of::<(u128, u32)>() + 1);
        let links = self.kin.capacity() * size_of::<Kin>()
            + self.kin.iter().map(kin).sum::<usize>()
            + self.bases.capacity() * size_of::<Base>()
            + self.kinds.capacity() * size_of::<SubjectKind>()
            + places;
        (names, links)
    }
}
