//! Others beside the one that was graded（同类对象）, as they stood when it was: "why me, not him".

use super::{PackError, Packer};
use risk_domain::subject::Subject;
use risk_engine::Assessment;

/// Entries below the conclusion in which others are looked for. It is part of the pack's form: another number
/// would give other packs of the same ledger.
const WINDOW: u64 = 20_000;
/// The most of another level.
const OTHERS: usize = 3;
/// The most of the same level.
const ALIKE: usize = 2;

/// Whether two do business of one kind, or are of a kind that has none.
fn is_comparable(own: &Assessment, other: &Assessment) -> bool {
    !own.sectors.is_disjoint(&other.sectors) || (own.sectors.is_empty() && other.sectors.is_empty())
}

impl Packer<'_> {
    /// The nearest in score of the same kind and a sector of its own among those whose grades were recorded
    /// shortly before it: three of another level, two of the same. The nearest first; of equals, the one whose
    /// name comes first.
    pub(super) fn comparables(
        &self,
        own: &Assessment,
        at: u64,
    ) -> Result<Vec<(u64, Assessment)>, PackError> {
        let kind = own.subject.kind();
        let keep = |other: &Subject| other.kind() == kind && *other != own.subject;
        let mut found = self.reader.recorded_in(at, WINDOW, &keep)?;
        found.retain(|(_, other)| is_comparable(own, other));
        let apart = |other: &Assessment| (other.log_odds - own.log_odds).abs();
        // They come in the order of their names, which the sort keeps among equals.
        found.sort_by(|(_, one), (_, other)| apart(one).total_cmp(&apart(other)));
        let (mut others, mut alike) = (OTHERS, ALIKE);
        found.retain(|(_, other)| {
            let left = if other.level == own.level {
                &mut alike
            } else {
                &mut others
            };
            let wanted = *left > 0;
            *left = left.saturating_sub(1);
            wanted
        });
        Ok(found)
    }
}
