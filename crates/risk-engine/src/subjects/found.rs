//! Finding many at a time: one waits for memory once for several of them.

use super::{Base, Subjects, base_hash, base_names};
use crate::step::Engine;
use risk_domain::inspection::InspectionResult;
use risk_domain::time::Timestamp;

/// What names the subjects of a result, as 128 bits（主体指纹）: made where the result is read, whose names are near
/// there, for the engine to look for.
#[doc(alias = "主体指纹")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectsKey(u128);

impl SubjectsKey {
    /// The key of a result's subjects.
    pub fn of(result: &InspectionResult) -> Self {
        Self(base_hash(base_names(result)))
    }
}

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

    /// Reads what taking a result of each will read first, and says something of it, so that it is read: the
    /// waits for memory overlap.
    fn warm(&self, found: &[Found]) -> Option<Timestamp> {
        let bases = found
            .iter()
            .filter_map(|found| self.bases.get(found.base? as usize));
        let titled = |base: &Base| {
            let of = |subject: usize| self.titles.get(subject)?.observed_at;
            of(base.enterprise.0 as usize).max(of(base.site.0 as usize))
        };
        bases.filter_map(titled).max()
    }
}

/// Reads of a result what taking it in reads first, as [`Subjects::warm`] does of its subjects: what another
/// processor has written must come from there.
fn glance(result: &InspectionResult) -> usize {
    let refers = [
        result.supersedes.is_some(),
        result.confirms.is_some(),
        result.follow_up_of.is_some(),
        result.case_id.is_some(),
        result.producer.is_some(),
        result.supplier.is_some(),
    ];
    let names = result.team_id.as_str().len() + result.product.category.as_str().len();
    let kinds = result.outcome as usize + result.selection.basis as usize;
    refers.into_iter().filter(|refers| *refers).count() + names + kinds
}

impl Engine {
    /// Looks for the subjects of results that will be taken in next, for [`crate::ResultInput::found`].
    pub fn find_all<'a>(
        &self,
        results: impl Iterator<Item = (SubjectsKey, &'a InspectionResult)>,
    ) -> Vec<Found> {
        let mut seen = 0;
        let bases = results.map(|(key, result)| {
            seen += glance(result);
            self.subjects.find_parts(key.0)
        });
        let found: Vec<Found> = bases.map(|base| Found { base }).collect();
        std::hint::black_box((seen, self.subjects.warm(&found)));
        found
    }
}
