//! Corrective actions（处置措施台账）: what was done to goods in cases, with quantities.

use crate::case::{Case, Happened};
use compact_str::CompactString;
use risk_domain::case_act::MeasureKind;
use risk_domain::ids::{CaseId, EnterpriseId, ProductCode, ZoneId};
use risk_domain::time::{CivilOffset, Day};

/// One measure as it was taken（处置措施）.
#[doc(alias = "处置措施台账")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CorrectiveAction {
    /// On which day.
    pub day: Day,
    /// At which enterprise.
    pub enterprise: EnterpriseId,
    /// In which case.
    pub case: CaseId,
    /// Of which product.
    pub product: ProductCode,
    /// In which zone.
    pub zone: ZoneId,
    /// Which measure.
    pub kind: MeasureKind,
    /// How many units; none where it does not count in units.
    pub quantity: Option<u32>,
    /// The unit.
    pub unit: Option<CompactString>,
}

/// What was done to goods from one day to another, both included, the earliest first. What waits for a
/// second person, and what became void, was not done.
pub fn corrective_actions<'a>(
    cases: impl Iterator<Item = &'a Case>,
    (from, until): (Day, Day),
    offset: CivilOffset,
) -> Vec<CorrectiveAction> {
    let mut all = Vec::new();
    for case in cases {
        for event in &case.events {
            let done = match event.what {
                Happened::Opened | Happened::Moved(_) | Happened::Noted(_) => true,
                Happened::Proposed(_)
                | Happened::Assigned(_)
                | Happened::Paused(_)
                | Happened::Resumed
                | Happened::Remarked
                | Happened::Void(_) => false,
            };
            let day = offset.day_of(event.at);
            if !done || day < from || day > until {
                continue;
            }
            all.extend(event.measures.iter().map(|measure| CorrectiveAction {
                day,
                enterprise: case.key.enterprise.clone(),
                case: case.id.clone(),
                product: case.key.product.clone(),
                zone: case.zone.clone(),
                kind: measure.kind,
                quantity: measure.quantity,
                unit: measure.unit.clone(),
            }));
        }
    }
    all.sort();
    all
}
