//! The pack of a draw: what it was held to, what was drawn, that it was revealed, and the results that name it.
//!
//! The ledger has the hashes of its documents, so the pack's JSON has no target that is still to be visited.
//! Once the draw is revealed its record and pool lie beside the JSON, where their hashes hold them.

use super::{Document, MAX_RESULTS, PackError, Packer, Reach, Told, shown};
use crate::dto::pack::{AboutDto, Role, StatementDto};
use crate::plans::{POOL, hash_of};
use risk_domain::decision::{Command, Order};
use risk_domain::ids::DrawId;
use risk_domain::plan_act::{ContentHash, PlanAction};
use risk_store::{DRAW_RECORD, PlanShelf, ResultsOf};

/// The hashes of what may be seen of a draw.
#[derive(Debug, Default)]
struct Public {
    pool: Option<ContentHash>,
    record: Option<ContentHash>,
    revealed: bool,
}

impl Public {
    fn of(steps: &[(u64, Command)]) -> Self {
        let mut public = Self::default();
        for (_, step) in steps {
            match &step.order {
                Order::Plan { action, .. } => match action {
                    PlanAction::Commit(of) => public.pool = Some(of.pool_sha256),
                    PlanAction::Draw(of) => public.record = Some(of.record_sha256),
                    PlanAction::Reveal => public.revealed = true,
                },
                Order::Grade { .. }
                | Order::Alert { .. }
                | Order::Case { .. }
                | Order::Problem { .. } => {}
            }
        }
        public
    }
}

impl Packer<'_> {
    /// A document of the shelf, if it is still what its hash says.
    fn held(
        &self,
        draw: &DrawId,
        name: &str,
        (hash, beside): (ContentHash, String),
    ) -> Result<Option<Document>, PackError> {
        let bytes = self.shelf.get(draw, name)?;
        let bytes = bytes.filter(|bytes| hash_of(bytes) == hash);
        Ok(bytes.map(|bytes| Document {
            name: beside,
            bytes,
        }))
    }

    /// The record of a draw that is public, as far as these steps go.
    pub(super) fn record_of(
        &self,
        draw: &DrawId,
        steps: &[(u64, Command)],
    ) -> Result<Option<Document>, PackError> {
        let public = Public::of(steps);
        let Some(hash) = public.record.filter(|_| public.revealed) else {
            return Ok(None);
        };
        let name = PlanShelf::numbered(DRAW_RECORD, hash, "json");
        self.held(draw, &name, (hash, name.clone()))
    }

    fn pool_of(
        &self,
        draw: &DrawId,
        steps: &[(u64, Command)],
    ) -> Result<Option<Document>, PackError> {
        let public = Public::of(steps);
        let Some(hash) = public.pool.filter(|_| public.revealed) else {
            return Ok(None);
        };
        self.held(draw, POOL, (hash, PlanShelf::numbered("pool", hash, "txt")))
    }

    pub(super) fn draw(&self, draw: &DrawId, reach: &mut Reach) -> Result<Option<Told>, PackError> {
        let steps = self.reader.plan_steps(draw, reach.size)?;
        if steps.is_empty() {
            return Ok(None);
        }
        let mut documents = Vec::new();
        documents.extend(self.record_of(draw, &steps)?);
        documents.extend(self.pool_of(draw, &steps)?);
        let of = ResultsOf::Draw(draw.clone());
        let found = self.found((&of, reach.size), &|_| true, MAX_RESULTS, reach)?;
        let at = steps.iter().map(|(entry, _)| *entry);
        let mut entries = self.entries(Role::Conclusion, at, reach)?;
        let statement = StatementDto::Draw(shown(&entries, "facts"));
        entries.extend(found.entries);
        Ok(Some(Told {
            about: AboutDto::Draw {
                draw: draw.to_string(),
            },
            statement,
            counterfactual: None,
            comparables: Vec::new(),
            entries,
            more_results: found.more,
            counted_results: None,
            documents,
        }))
    }
}
