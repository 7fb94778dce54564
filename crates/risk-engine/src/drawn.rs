//! Results by the draw that they report（抽取结果回报）: a view of accepted results, for what became of plans.
//! It judges nobody and changes no state.

use crate::corrections::Corrections;
use risk_domain::ids::{DrawId, EnterpriseId, InspectionId, ProductCode, SiteId, TeamId};
use risk_domain::inspection::{InspectionResult, Outcome, TestKind};
use risk_domain::selection::SelectionMode;
use std::collections::BTreeMap;

/// A result that bears a draw（回报结果）.
#[doc(alias = "回报结果")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The result.
    pub id: InspectionId,
    /// Its mode.
    pub mode: SelectionMode,
    /// Who was inspected.
    pub enterprise: EnterpriseId,
    /// Where.
    pub site: SiteId,
    /// What was taken.
    pub product: ProductCode,
    /// What came of it.
    pub outcome: Outcome,
    /// The team that took the sample.
    pub team: TeamId,
    /// Entry of the ledger by which it was first reported: a correction keeps the place of what it corrects.
    pub first: u64,
    /// Whether a failure is proved: by its own laboratory, or of a fast test by the laboratory that
    /// confirmed it.
    pub proved: bool,
}

#[derive(Debug, Clone)]
struct Fact {
    reported: Reported,
    supersedes: Option<InspectionId>,
    rapid: bool,
}

/// A laboratory's word on a fast test.
#[derive(Debug, Clone)]
struct Word {
    id: InspectionId,
    supersedes: Option<InspectionId>,
    failed: bool,
}

/// The view（抽取结果视图）.
#[derive(Debug, Clone, Default)]
pub struct DrawnResults {
    of_draw: BTreeMap<DrawId, Vec<Fact>>,
    words: BTreeMap<InspectionId, Vec<Word>>,
    corrections: Corrections,
}

impl DrawnResults {
    /// Takes in an accepted result. `entry` is its entry in the ledger.
    pub fn admit(&mut self, entry: u64, result: &InspectionResult) {
        let id = &result.inspection_id;
        self.corrections.admit(result);
        if let Some(of) = &result.confirms {
            let words = self.words.entry(of.clone()).or_default();
            words.push(Word {
                id: id.clone(),
                supersedes: result.supersedes.clone(),
                failed: result.outcome == Outcome::Nonconforming,
            });
        } else if let Some(draw) = &result.selection.draw_id {
            let rapid = result.test.kind == TestKind::Rapid;
            self.of_draw.entry(draw.clone()).or_default().push(Fact {
                reported: Reported {
                    id: id.clone(),
                    mode: result.mode,
                    enterprise: result.site.enterprise_id.clone(),
                    site: result.site.site_id.clone(),
                    product: result.product.category.clone(),
                    outcome: result.outcome,
                    team: result.team_id.clone(),
                    first: entry,
                    proved: !rapid && result.outcome == Outcome::Nonconforming,
                },
                supersedes: result.supersedes.clone(),
                rapid,
            });
        }
    }

    /// Results that count of a draw, in the order of their ids.
    pub fn of(&self, draw: &DrawId) -> Vec<Reported> {
        let all = self.of_draw.get(draw).map_or(&[][..], Vec::as_slice);
        let known: BTreeMap<&InspectionId, &Fact> =
            all.iter().map(|of| (&of.reported.id, of)).collect();
        let first = |of: &Fact| {
            let corrected = |of: &&Fact| known.get(of.supersedes.as_ref()?).copied();
            // A ring of corrections would go on for ever.
            let chain = std::iter::successors(Some(of), corrected).take(all.len());
            chain.map(|of| of.reported.first).min()
        };
        let facts = all.iter().filter(|of| {
            self.corrections
                .stands(&of.reported.id, of.supersedes.as_ref())
        });
        let mut found: Vec<Reported> = facts
            .map(|of| Reported {
                proved: of.reported.proved || (of.rapid && self.is_confirmed(&of.reported.id)),
                first: first(of).unwrap_or(of.reported.first),
                ..of.reported.clone()
            })
            .collect();
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found
    }

    fn is_confirmed(&self, id: &InspectionId) -> bool {
        let mut words = self.words.get(id).into_iter().flatten();
        words.any(|word| word.failed && self.corrections.stands(&word.id, word.supersedes.as_ref()))
    }
}
