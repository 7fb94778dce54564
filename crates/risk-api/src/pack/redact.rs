//! The version for a party（对外版本）: what names others is withheld. Its commitment stays, so that the proof holds.
//!
//! What an entry names follows from what it is. Names and whatever somebody wrote stand in party sections, which are
//! all withheld; of what others were inspected for, were graded as or said, the facts are, too. Who decided stays:
//! an actor is an id of somebody who acts in office, and a part of the leaf.

use super::PackError;
use crate::dto::pack::Role;
use risk_domain::subject::Subject;
use risk_store::ledger::Section;
use risk_store::{ProvedEntry, ShownEntry};

/// Whether a result is of whoever the pack is about. Of a product, a zone, a sector or a draw nobody is the party.
fn is_own(party: Option<&Subject>, result: &ShownEntry) -> bool {
    let is = |field: &str, id: &str| {
        let named = result.facts.get(field).and_then(|named| named.as_str());
        named == Some(id)
    };
    match party {
        Some(Subject::Enterprise(enterprise) | Subject::Cell(enterprise, _)) => {
            is("enterprise_id", enterprise.as_str())
        }
        Some(Subject::Site(site)) => is("site_id", site.as_str()),
        Some(Subject::Product(_) | Subject::Zone(_) | Subject::Sector(_)) | None => false,
    }
}

/// Withholds what names others than the party.
pub(super) fn redact(
    entry: &mut ProvedEntry,
    role: Role,
    party: Option<&Subject>,
) -> Result<(), PackError> {
    entry.withhold(Section::Party);
    match role {
        // The grade of another party names it.
        Role::Comparable => entry.withhold(Section::Decision),
        // What was told of an enterprise may tell it by whom.
        Role::Signal => entry.withhold(Section::Facts),
        Role::Result => {
            if !(entry.names_apart && is_own(party, &entry.shown)) {
                entry.withhold(Section::Facts);
            }
        }
        Role::Conclusion | Role::Raise | Role::Erasure | Role::Decision | Role::Draw => {
            if !entry.names_apart {
                return Err(PackError::NamesWithin(entry.disclosure.index));
            }
        }
    }
    Ok(())
}
